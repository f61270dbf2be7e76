//! Splits, and batches that are put together of kinds of rows.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};

use anndata_core::{AnnData, Column, ConcatOptions, DataFrame, Error, Result, Tensor};
use anndata_experimental::{
    Collection, Compose, Encoder, Fields, Loader, LoaderOptions, LoaderState, Rank, RowSet, Sampling, Short, SplitBy,
    Tail, Want, split,
};

/// A store of rows of donors of eleven rows each, with a perturbation, of which every third row is a control.
fn object(name: &str, rows: u16) -> Result<AnnData> {
    let donors = (0..rows).map(|row| format!("{name}-{}", row / 11));
    let perturbations = (0..rows).map(|row| ["none", "CD4", "CD8A"][usize::from(row % 3)]);
    let obs = DataFrame::new((0..rows).map(|row| format!("{name}-{row}")))
        .with_column("donor", donors.collect::<Column>())?
        .with_column("gene", Column::categorical_from_strings(perturbations)?)?;
    AnnData::builder().x(Tensor::from_vec([usize::from(rows), 1], vec![1.0_f32; usize::from(rows)])?).obs(obs).build()
}

fn collection(names: &[&str]) -> Result<Collection> {
    let objects = names.iter().map(|name| Ok((*name, object(name, 200)?))).collect::<Result<Vec<_>>>()?;
    Collection::new(objects, &ConcatOptions::default())
}

fn column(data: &Collection, name: &str) -> Result<Vec<String>> {
    data.obs().column(name)?.to_labels()
}

fn of<T: Clone + Ord>(values: &[T], rows: &RowSet) -> BTreeSet<T> {
    rows.iter().map(|row| values[usize::try_from(row).unwrap()].clone()).collect()
}

#[test]
fn parts_have_no_row_in_common_and_are_as_large_as_is_said() -> Result<()> {
    let data = collection(&["a", "b", "c"])?;
    let (donors, genes) = (column(&data, "donor")?, column(&data, "gene")?);
    let kinds = [
        SplitBy::Rows,
        SplitBy::NameHash,
        SplitBy::Groups(vec!["donor".to_owned()]),
        SplitBy::Stratified("gene".to_owned()),
        SplitBy::Stores,
    ];
    for by in kinds {
        for (fractions, expected) in [(&[0.5, 0.25, 0.25][..], [300, 150, 150]), (&[0.2, 0.2, 0.2], [120; 3])] {
            let parts = split(&data, fractions, &by, 7)?;
            assert_eq!(parts, split(&data, fractions, &by, 7)?);
            if by != SplitBy::Stores {
                assert_ne!(parts, split(&data, fractions, &by, 8)?, "{by:?}");
            }
            let sizes: Vec<u64> = parts.iter().map(RowSet::len).collect();
            for (at, part) in parts.iter().enumerate() {
                assert!(parts[at + 1..].iter().all(|other| part.is_disjoint(other)), "{by:?}");
            }
            match &by {
                SplitBy::Rows => assert_eq!(sizes, expected),
                SplitBy::NameHash => {
                    assert!(
                        sizes.iter().zip(expected).all(|(size, expected)| size.abs_diff(expected) < 50),
                        "{sizes:?}"
                    );
                }
                SplitBy::Groups(_) => {
                    let own: Vec<BTreeSet<String>> = parts.iter().map(|part| of(&donors, part)).collect();
                    assert!(own[0].is_disjoint(&own[1]) && own[0].is_disjoint(&own[2]) && own[1].is_disjoint(&own[2]));
                    assert!(
                        sizes.iter().zip(expected).all(|(size, expected)| size.abs_diff(expected) <= 11),
                        "{sizes:?}"
                    );
                }
                SplitBy::Stratified(_) => {
                    for gene in ["none", "CD4", "CD8A"] {
                        let count = |part: &RowSet| {
                            part.iter().filter(|&row| genes[usize::try_from(row).unwrap()] == gene).count()
                        };
                        let expected = expected.map(|rows| rows / 3);
                        let counts: Vec<usize> = parts.iter().map(count).collect();
                        assert!(
                            counts
                                .iter()
                                .zip(expected)
                                .all(|(&count, expected)| (count as u64).abs_diff(expected) <= 1),
                            "{counts:?}"
                        );
                    }
                }
                _ => assert_eq!(sizes, [200, 200, 200]),
            }
        }
    }
    Ok(())
}

#[test]
fn names_stay_in_their_part_when_stores_come_and_go() -> Result<()> {
    let parts = |names: &[&str]| {
        let data = collection(names)?;
        let (all, own) = (data.obs_names()?, split(&data, &[0.7, 0.3], &SplitBy::NameHash, 3)?);
        Ok::<_, Error>((of(&all, &own[0]), of(&all, &own[1])))
    };
    let (few, more) = (parts(&["a", "b"])?, parts(&["x", "b", "a"])?);
    assert!(few.0.is_subset(&more.0) && few.1.is_subset(&more.1));
    Ok(())
}

#[test]
fn splits_that_make_no_sense_are_refused() -> Result<()> {
    let data = collection(&["a", "b"])?;
    let says = |fractions: &[f64], by: SplitBy| split(&data, fractions, &by, 0).unwrap_err().text();
    assert_eq!(says(&[0.5, 0.0], SplitBy::Rows), "expected fractions above 0, found 0");
    assert_eq!(says(&[f64::NAN], SplitBy::Rows), "expected fractions above 0, found NaN");
    assert_eq!(says(&[0.9, 0.2], SplitBy::Rows), "expected fractions of 1 together at most, found 1.1");
    assert_eq!(says(&[0.4, 0.3, 0.3], SplitBy::Stores), "2 groups cannot be split into 3 parts");
    assert_eq!(says(&[1.0], SplitBy::Groups(vec![])), "expected a column of obs at least, found none");
    assert!(says(&[1.0], SplitBy::Stratified("z".to_owned())).starts_with("there is no column 'z' in obs"));
    Ok(())
}

/// The rows of the batches of an epoch.
fn batches(data: &Collection, sampling: Sampling) -> Result<Vec<Vec<u64>>> {
    let loader = Loader::new(data, Fields::x(Want::csr()), sampling, LoaderOptions::default())?;
    let rows = |batch: anndata_experimental::Batch| {
        batch.rows.iter().map(|row| u64::from(row.store) * 200 + row.row).collect()
    };
    let all = loader.epoch(1)?.map(|batch| Ok(rows(batch?))).collect::<Result<Vec<Vec<u64>>>>()?;
    // The same from the middle.
    let mut epoch = loader.epoch(1)?;
    let skipped = epoch.by_ref().take(all.len() / 2).count();
    let state: LoaderState = epoch.state();
    let rest = loader.resume(&state)?.map(|batch| Ok(rows(batch?))).collect::<Result<Vec<_>>>()?;
    assert_eq!(rest, all[skipped..]);
    Ok(all)
}

#[test]
fn batches_have_as_many_rows_of_each_kind_as_is_said() -> Result<()> {
    let data = collection(&["a", "b"])?;
    let genes = column(&data, "gene")?;
    let gene = |row: &u64| genes[usize::try_from(*row).unwrap()].as_str();
    let per_class = vec![("none".to_owned(), 5), ("CD8A".to_owned(), 3), ("CD4".to_owned(), 0)];
    let quota = Compose::Quota { by: "gene".to_owned(), per_class };
    for world in [1, 3] {
        let mut seen = BTreeSet::new();
        let mut numbers = BTreeSet::new();
        for rank in 0..world {
            let sampling = Sampling::default()
                .with_compose(quota.clone())
                .with_batch(8)
                .with_window(16)
                .with_rank(Rank { rank, world });
            let all = batches(&data, sampling)?;
            numbers.insert(all.len());
            for batch in all {
                let count = |name: &str| batch.iter().filter(|row| gene(row) == name).count();
                assert_eq!((count("none"), count("CD8A"), count("CD4")), (5, 3, 0));
                assert!(batch.iter().all(|&row| seen.insert(row)));
            }
        }
        // 134 controls in fives: 26 batches.
        assert_eq!(numbers, BTreeSet::from([26 / usize::try_from(world).unwrap()]));
    }
    Ok(())
}

#[test]
fn sets_are_of_one_group_and_have_their_controls() -> Result<()> {
    let data = collection(&["a", "b"])?;
    let (donors, genes) = (column(&data, "donor")?, column(&data, "gene")?);
    let donor = |row: &u64| donors[usize::try_from(*row).unwrap()].as_str();
    let gene = |row: &u64| genes[usize::try_from(*row).unwrap()].as_str();
    // 36 donors of eleven rows, and two of two.
    for (short, sets, rows) in [(Short::Skip, 72, 288), (Short::Repeat, 110, 400)] {
        let same = Compose::SameGroup { by: vec!["donor".to_owned()], size: 4, short };
        let all = batches(&data, Sampling::default().with_compose(same).with_batch(4).with_window(40))?;
        let mut counts = BTreeMap::<u64, usize>::new();
        for set in &all {
            assert!(set.iter().all(|row| donor(row) == donor(&set[0])));
            for &row in set {
                *counts.entry(row).or_default() += 1;
            }
        }
        assert_eq!((all.len(), counts.len()), (sets, rows), "{short:?}");
    }
    let controlled = Compose::WithControls {
        by: vec!["donor".to_owned()],
        perturbation: "gene".to_owned(),
        control: "none".to_owned(),
        size: 3,
        controls: 2,
    };
    let all = batches(&data, Sampling::default().with_compose(controlled.clone()).with_batch(10).with_window(10))?;
    assert!(!all.is_empty());
    for set in all.iter().flat_map(|batch| batch.chunks(5)) {
        assert!(set.iter().all(|row| donor(row) == donor(&set[0])));
        assert!(set[..3].iter().all(|row| gene(row) == gene(&set[0]) && gene(row) != "none"));
        assert!(set[3..].iter().all(|row| gene(row) == "none"));
    }
    // Without its controls, a donor has none.
    let some = RowSet::from_rows((0..400).filter(|row| !(donor(row) == "a-0" && gene(row) == "none")))?;
    let sampling = Sampling::default().with_compose(controlled).with_batch(5).with_rows(some);
    let refused = batches(&data, sampling).unwrap_err();
    assert!(
        refused.text().contains("has no control: no row with the same donor has the control's value of 'gene'"),
        "{refused}"
    );
    Ok(())
}

#[test]
fn compositions_that_make_no_sense_are_refused() -> Result<()> {
    let data = collection(&["a"])?;
    let says = |compose: Compose, change: &dyn Fn(Sampling) -> Sampling| {
        let sampling = change(Sampling::default().with_compose(compose).with_batch(8));
        let error =
            Loader::new(&data, Fields::x(Want::csr()), sampling, LoaderOptions::default()).map(|_| ()).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        error.text()
    };
    let same = |sampling: Sampling| sampling;
    let quota = |per_class: &[(&str, u32)]| Compose::Quota {
        by: "gene".to_owned(),
        per_class: per_class.iter().map(|(class, rows)| ((*class).to_owned(), *rows)).collect(),
    };
    assert_eq!(says(quota(&[("CD4", 7)]), &same), "expected quotas of the 8 rows of a batch together, found 7");
    assert_eq!(says(quota(&[("Z", 8)]), &same), "no row has the value 'Z' of 'gene'");
    let set = Compose::SameGroup { by: vec!["donor".to_owned()], size: 3, short: Short::Skip };
    assert_eq!(says(set, &same), "expected a batch of a multiple of the 3 rows of a set, found 8");
    let tail = says(quota(&[("CD4", 8)]), &|sampling| sampling.with_tail(Tail::Keep));
    assert_eq!(
        tail,
        "batches that are put together of kinds of rows are whole: rows that fill none can only be dropped"
    );
    Ok(())
}

#[test]
fn encoders_mean_the_same_in_all_stores_and_as_json() -> Result<()> {
    let data = collection(&["a", "b"])?;
    let encoder = Encoder::fit(&data, "gene")?;
    assert_eq!(encoder.classes(), ["CD4", "CD8A", "none"]);
    assert_eq!(Encoder::fit(&data, "donor")?.classes().len(), 38);
    assert_eq!((encoder.class(1), encoder.class(3), encoder.class(-1)), (Some("CD8A"), None, None));
    let missing = Column::categorical_from_options([Some("none"), None])?;
    assert_eq!(encoder.encode(&missing)?, [2, -1]);
    assert_eq!(Encoder::from_json(&encoder.to_json())?, encoder);
    assert!(Encoder::from_json("[]").is_err_and(|error| error.is_invalid_data()));
    let twice = Encoder::from_json(r#"{"classes":["a","a"]}"#).unwrap_err();
    assert_eq!((twice.is_invalid_data(), twice.text()), (true, "the class 'a' is there twice".to_owned()));
    Ok(())
}
