//! Views: what is read of a part is the part of what is read, for every slot, kind of index and store.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use anndata::awkward::Awkward;
use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::node::NodeWriteOptions;
use anndata::{
    AnnData, AxisSelection, DType, DataFrame, Element, Error, Group, Lazy, LazySource, Mapping, Result, Schema,
    SelectOptions, Selector, SparseFormat, SparseMatrix, Tensor,
};
use anndata_tests::{random, stores};
use proptest::prelude::*;

/// A selection of an axis of this length with the positions that it should give.
fn index(len: usize, prefix: &'static str) -> BoxedStrategy<(Selector, Vec<u64>)> {
    let end = len as u64;
    let range = (0..=end, 0..=end).prop_map(|(a, b)| {
        let (a, b) = (a.min(b), a.max(b));
        (Selector::from(a..b), (a..b).collect())
    });
    let steps = (0..=len, prop::sample::select(vec![-3_i64, -2, -1, 2, 3])).prop_map(move |(start, step)| {
        let by = usize::try_from(step.unsigned_abs()).unwrap();
        let all = start as u64..len as u64;
        let expected = if step > 0 { all.step_by(by).collect() } else { all.rev().step_by(by).collect() };
        (Selector::step(start.., step), expected)
    });
    let mask = prop::collection::vec(any::<bool>(), len).prop_map(|mask| {
        let expected = (0_u64..).zip(&mask).filter(|(_, yes)| **yes).map(|(at, _)| at).collect();
        (Selector::from(mask), expected)
    });
    if len == 0 {
        return prop_oneof![range, steps, mask, Just((Selector::from(..), Vec::new()))].boxed();
    }
    let positions = prop::collection::vec(0..end, 0..8);
    let listed = positions.clone().prop_map(|list| (Selector::from(list.clone()), list));
    let signed =
        prop::collection::vec(-i64::try_from(len).unwrap()..i64::try_from(len).unwrap(), 0..6).prop_map(move |list| {
            let expected = list.iter().map(|&at| u64::try_from(at.rem_euclid(i64::try_from(len).unwrap())).unwrap());
            (Selector::signed(list.clone()), expected.collect())
        });
    let named = positions.prop_map(move |list| {
        let names: Vec<String> = list.iter().map(|at| format!("{prefix}{at}é")).collect();
        (Selector::from(names), list)
    });
    prop_oneof![range, steps, mask, listed, signed, named].boxed()
}

/// An object with a selection of both axes, and one of what that selects.
type Case = (AnnData, [(Selector, Vec<u64>); 2], [(Selector, Vec<u64>); 2]);

fn case() -> impl Strategy<Value = Case> {
    random::adata().prop_flat_map(|adata| {
        let (n_obs, n_vars) = adata.shape();
        (Just(adata), index(n_obs, "cell"), index(n_vars, "gene")).prop_flat_map(|(adata, obs, var)| {
            let inner = |outer: &[u64]| {
                let len = outer.len() as u64;
                if len == 0 {
                    Just((Selector::from(..), Vec::new())).boxed()
                } else {
                    prop::collection::vec(0..len, 0..5).prop_map(|list| (Selector::from(list.clone()), list)).boxed()
                }
            };
            let again = (inner(&obs.1), inner(&var.1));
            (Just(adata), Just([obs, var]), again).prop_map(|(adata, first, (obs, var))| (adata, first, [obs, var]))
        })
    })
}

/// The element's part, worked out value by value.
fn expected(element: &Element, axes: &[&[u64]]) -> Result<Element> {
    let rows = axes.first().copied().unwrap_or_default();
    Ok(match element.load()? {
        Element::Tensor(tensor) => {
            let parts = axes.iter().enumerate().try_fold(tensor, |part, (axis, at)| part.take(axis, at))?;
            Element::Tensor(parts)
        }
        Element::Sparse(matrix) => expected(&Element::Tensor(matrix.to_dense()?), axes)?,
        Element::Frame(frame) => Element::Frame(expected_frame(&frame, rows, true)?),
        Element::Awkward(awkward) => Element::Awkward(awkward.take(rows)?),
        other => panic!("a slot holds {}", other.kind_name()),
    })
}

fn expected_frame(frame: &DataFrame, rows: &[u64], drop_unused: bool) -> Result<DataFrame> {
    let part = frame.take(rows)?;
    let mut expected =
        DataFrame::with_index(part.index().clone()).with_index_name(part.index_name().map(str::to_owned));
    for (name, column) in part.columns() {
        let column = column.load()?;
        expected.insert(name, if drop_unused { column.without_unused_categories()? } else { column })?;
    }
    Ok(expected)
}

/// The same values; sparse ones are compared dense, awkward ones as lists.
fn same(found: &Element, expected: &Element) -> Result<bool> {
    let lists = |awkward: &Awkward| awkward.to_list();
    Ok(match (found.load()?, expected) {
        (Element::Sparse(found), expected) => Element::Tensor(found.to_dense()?) == *expected,
        (Element::Awkward(found), Element::Awkward(expected)) => lists(&found)? == lists(expected)?,
        (found, expected) => found == *expected,
    })
}

fn check_slots(view: &AnnData, whole: &AnnData, obs: &[u64], var: &[u64]) -> Result<(), TestCaseError> {
    prop_assert_eq!(view.shape(), (obs.len(), var.len()));
    prop_assert_eq!(view.obs(), &expected_frame(whole.obs(), obs, true)?);
    prop_assert_eq!(view.var(), &expected_frame(whole.var(), var, true)?);
    for (key, layer) in whole.layers() {
        let found = view.layer(key.as_deref()).unwrap();
        prop_assert!(same(found, &expected(layer, &[obs, var])?)?, "layer {:?}: {:?}", key, found.load());
    }
    let slots: [(&Mapping, &Mapping, &[&[u64]]); 4] = [
        (whole.obsm(), view.obsm(), &[obs]),
        (whole.varm(), view.varm(), &[var]),
        (whole.obsp(), view.obsp(), &[obs, obs]),
        (whole.varp(), view.varp(), &[var, var]),
    ];
    for (whole, view, axes) in slots {
        prop_assert!(whole.keys().eq(view.keys()));
        for (key, element) in whole {
            prop_assert!(same(&view[key], &expected(element, axes)?)?, "{}: {:?}", key, view[key].load());
        }
    }
    if let Some(raw) = whole.raw() {
        prop_assert_eq!(raw.var(), view.raw().unwrap().var());
        if let Some(x) = raw.x() {
            prop_assert!(same(view.raw().unwrap().x().unwrap(), &expected(x, &[obs])?)?);
        }
    }
    prop_assert_eq!(whole.uns(), view.uns());
    Ok(())
}

/// The object as lazy parts of a store.
fn lazily(root: &Group, adata: &AnnData) -> Result<AnnData> {
    io::write_anndata(root, adata, &ElemWriteOptions::default())?;
    io::read_anndata(root, &ElemReadOptions::default().with_lazy(true))
}

fn check(whole: &AnnData, case: &Case, own: &AnnData) -> Result<(), TestCaseError> {
    let (_, [(obs, obs_at), (var, var_at)], [(obs_again, again), (var_again, var_twice)]) = case;
    let view = whole.select(obs.clone(), var.clone())?;
    prop_assert!(view.is_view());
    check_slots(&view, whole, obs_at, var_at)?;
    let loaded = view.load()?;
    prop_assert!(!loaded.is_view());
    prop_assert_eq!(&loaded, &view);
    prop_assert_eq!(&loaded, own);

    // A view of a view is one view.
    let twice = view.select(obs_again.clone(), var_again.clone())?;
    let at = |outer: &[u64], inner: &[u64]| {
        inner.iter().map(|&at| outer[usize::try_from(at).unwrap()]).collect::<Vec<u64>>()
    };
    let (obs_at, var_at) = (at(obs_at, again), at(var_at, var_twice));
    check_slots(&twice, whole, &obs_at, &var_at)?;
    let (obs, var) = twice.view_of().unwrap();
    prop_assert!(obs.positions().eq(obs_at.iter().copied()) && var.positions().eq(var_at.iter().copied()));
    prop_assert_eq!(&whole.select(obs_at, var_at)?.load()?, &twice.load()?);

    // What is written of a view is what is written of its own copy, in blocks of a few bytes too.
    for bytes in [16, 1 << 20] {
        let root = stores::memory();
        let options = ElemWriteOptions::default().with_store(NodeWriteOptions::default().with_block_bytes(bytes));
        io::write_anndata(&root, &view, &options)?;
        let written = io::read_anndata(&root, &ElemReadOptions::default())?;
        let root = stores::memory();
        io::write_anndata(&root, &loaded, &options)?;
        prop_assert_eq!(&written, &io::read_anndata(&root, &ElemReadOptions::default())?);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn of_objects_in_memory_and_stored(case in case()) {
        let (adata, [(obs, _), (var, _)], _) = &case;
        let own = adata.select(obs.clone(), var.clone())?.load()?;
        check(adata, &case, &own)?;
        check(&lazily(&stores::memory(), adata)?, &case, &own)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, max_shrink_iters: 400, ..ProptestConfig::default() })]

    #[test]
    fn of_files(case in case()) {
        let (adata, [(obs, _), (var, _)], _) = &case;
        let own = adata.select(obs.clone(), var.clone())?.load()?;
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("a.h5ad");
        anndata::write_h5ad(&path, adata)?;
        check(&io::read_anndata(&anndata::open(&path)?, &ElemReadOptions::default().with_lazy(true))?, &case, &own)?;
        let path = directory.path().join("a.zarr");
        match anndata::write_zarr(&path, adata) {
            // Zarr has no records with arrays in a field.
            Err(error) if error.is_unsupported() => return Ok(()),
            written => written?,
        }
        check(&io::read_anndata(&anndata::open(&path)?, &ElemReadOptions::default().with_lazy(true))?, &case, &own)?;
    }
}

#[test]
fn unused_categories_and_their_colours_go() -> Result<()> {
    let kinds = anndata::Column::categorical_from_strings(["a", "b", "c", "a"])?;
    let adata = AnnData::builder()
        .obs(DataFrame::new(["1", "2", "3", "4"]).with_column("kind", kinds)?)
        .shape(4, 0)
        .uns("kind_colors", Tensor::from_strings([3], ["red", "green", "blue"])?)
        .uns("other_colors", Tensor::from_strings([3], ["x", "y", "z"])?)
        .build()?;
    for adata in [adata.clone(), lazily(&stores::memory(), &adata)?] {
        let view = adata.select([2, 0], ..)?;
        let categories = |adata: &AnnData| adata.obs().column("kind")?.codes_and_categories()?.1.to_strings();
        let text = |texts: &[&str]| texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>();
        assert_eq!(categories(&view)?, text(&["a", "c"]));
        assert_eq!(view.uns()["kind_colors"].to_tensor()?.to_strings()?, ["red", "blue"]);
        assert_eq!(view.uns()["other_colors"].to_tensor()?.to_strings()?, ["x", "y", "z"]);
        let again = view.select(0, ..)?;
        assert_eq!(categories(&again)?, text(&["c"]));
        assert_eq!(again.uns()["kind_colors"].to_tensor()?.to_strings()?, ["blue"]);
        assert_eq!(again.load()?.uns()["kind_colors"].to_tensor()?.to_strings()?, ["blue"]);

        let kept = adata.select_with([2, 0], .., &SelectOptions::default().with_keep_unused_categories(true))?;
        assert_eq!(categories(&kept)?, text(&["a", "b", "c"]));
        assert_eq!(kept.uns()["kind_colors"], adata.uns()["kind_colors"]);
    }
    // Categories may be numbers.
    let codes = Tensor::from_vec([3], vec![0_i8, 1, 2])?;
    let numbers = anndata::Column::categorical(&codes, &vec![10_i64, 20, 30].into(), false)?;
    let numbered = AnnData::builder()
        .obs(DataFrame::new(["1", "2", "3"]).with_column("n", numbers)?)
        .shape(3, 0)
        .uns("n_colors", Tensor::from_strings([3], ["red", "green", "blue"])?)
        .build()?;
    for adata in [numbered.clone(), lazily(&stores::memory(), &numbered)?] {
        assert_eq!(adata.select([2, 1], ..)?.load()?.uns()["n_colors"].to_tensor()?.to_strings()?, ["green", "blue"]);
    }
    // Colours that are not one per category mean nothing for a part.
    let mut adata = adata;
    adata.uns_mut().insert("kind_colors".to_owned(), Tensor::from_strings([2], ["red", "green"])?.into());
    assert!(!adata.select([2, 0], ..)?.uns().contains_key("kind_colors"));
    Ok(())
}

#[test]
fn errors_name_the_axis_and_the_first_offenders() -> Result<()> {
    let obs = DataFrame::new(["a", "b", "a"]).with_column("n", vec![1_i64, 2, 3])?;
    let adata = AnnData::builder().shape(3, 2).obs(obs).build()?;
    let cases: Vec<(Result<AnnData>, &str)> = vec![
        (adata.select([0, 3, 1, 9], ..), "obs: positions out of bounds of an axis of length 3: 3, 9"),
        (adata.select(.., [-1]), "Selector::signed counts from the end"),
        (adata.select(.., Selector::signed([-3])), "var: positions out of bounds of an axis of length 2: -3"),
        (adata.select(1..5, ..), "obs: the range 1..5 is out of bounds of an axis of length 3"),
        (adata.select([true, false], ..), "obs: a mask of length 2 was given for an axis of length 3"),
        (adata.select(.., ["0", "x", "y"]), "var: no such name: 'x', 'y'"),
        (adata.select("c", ..), "obs: no such name: 'c'"),
        (adata.select(["b"], ..), "'a'"),
        (adata.select(Selector::equal("m", "1"), ..), "no column 'm'"),
        (adata.select(Selector::equal("n", "one"), ..), "'one' is not a value of int64"),
        (adata.select(Selector::step(.., 0), ..), "the step of a range cannot be 0"),
        (adata.select(AxisSelection::Range(2..4), ..), "out of bounds of an axis of length 3: 3"),
        (adata.select((0..20).collect::<Vec<i32>>(), ..), "3, 4, 5, 6, 7 and 12 more"),
    ];
    for (result, expected) in cases {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(expected), "{message} should say {expected}");
    }
    // One name that stands twice is both, as in Python.
    assert_eq!(adata.select("a", ..)?.view_of().unwrap().0, &AxisSelection::from(vec![0, 2]));
    assert_eq!(adata.select(.., Selector::name_range("0", "1"))?.n_vars(), 2);
    Ok(())
}

#[test]
fn a_view_that_is_changed_is_an_object_of_its_own() -> Result<()> {
    let mut adata = AnnData::builder()
        .x(Tensor::from_vec([3, 2], vec![1_i32, 2, 3, 4, 5, 6])?)
        .obsm("m", Tensor::from_vec([3, 1], vec![1_i32, 2, 3])?)
        .build()?;
    let mut view = adata.select(1.., ..)?;
    view.set_obsm("m", Tensor::from_vec([2, 1], vec![9_i32, 9])?)?;
    assert!(!view.is_view());
    assert_eq!(adata.obsm()["m"].to_tensor()?.as_slice::<i32>()?, [1, 2, 3]);
    // Nor does the view follow the object.
    adata.set_x(Tensor::from_vec([3, 2], vec![0_i32; 6])?)?;
    assert_eq!(view.x().unwrap().to_tensor()?.as_slice::<i32>()?, [3, 4, 5, 6]);
    assert_eq!(view.select(1, 1)?.obsm()["m"].to_tensor()?.as_slice::<i32>()?, [9]);

    adata.subset(Selector::signed([-1]), 0)?;
    assert_eq!((adata.shape(), adata.is_view()), ((1, 1), false));
    assert_eq!(adata.obs_names()?, ["2"]);
    Ok(())
}

#[test]
fn a_subset_is_what_a_selection_is() -> Result<()> {
    let dense = Tensor::from_vec([4, 3], (0..12).map(|i| i % 5).collect::<Vec<i32>>())?;
    let sparse = || SparseMatrix::from_dense(&dense, SparseFormat::Csr);
    let shared = sparse()?;
    let make = || {
        AnnData::builder()
            .x(sparse()?)
            .layer("csc", SparseMatrix::from_dense(&dense, SparseFormat::Csc)?)
            .layer("dense", dense.clone())
            .layer("shared", shared.clone())
            .build()
    };
    let is_exclusive = |x: Option<&Element>| matches!(x, Some(Element::Sparse(matrix)) if matrix.is_exclusive());
    let everything = Selector::from(..);
    for (obs, var) in [
        (Selector::from(1..4), Selector::from(vec![true, false, true])),
        (Selector::from([0, 2]), everything.clone()),
        (Selector::from([3, 0]), Selector::from([1, 1])),
        (everything, Selector::from(0..0)),
    ] {
        let mut adata = make()?;
        assert!(is_exclusive(adata.x()) && !is_exclusive(adata.layer(Some("shared"))));
        let part = adata.select(obs.clone(), var.clone())?.load()?;
        adata.subset(obs, var)?;
        assert_eq!(adata, part);
        assert!(adata.layers().keys().eq(make()?.layers().keys()));
    }
    assert_eq!(shared, sparse()?);
    Ok(())
}

#[test]
fn a_subset_that_cannot_be_read_changes_nothing() -> Result<()> {
    #[derive(Debug)]
    struct Broken;

    impl LazySource for Broken {
        fn path(&self) -> &'static str {
            "obsm/broken"
        }

        fn schema(&self) -> Result<Schema> {
            Ok(Schema::Array { dtype: DType::I32, shape: vec![4, 1] })
        }

        fn load(&self) -> Result<Element> {
            Err(Error::invalid_data("it is broken"))
        }

        fn select(&self, _: &[AxisSelection]) -> Result<Element> {
            self.load()
        }

        fn nbytes(&self, _with_stored: bool) -> usize {
            0
        }
    }

    let dense = Tensor::from_vec([4, 2], vec![1_i32, 0, 0, 2, 3, 4, 0, 0])?;
    let mut adata = AnnData::builder()
        .x(SparseMatrix::from_dense(&dense, SparseFormat::Csr)?)
        .layer("again", SparseMatrix::from_dense(&dense, SparseFormat::Csr)?)
        .obsm("broken", Element::from(Lazy::new(Broken)))
        .build()?;
    assert!(adata.subset([0, 1], ..).is_err_and(|error| error.message() == "it is broken"));
    assert_eq!(adata.shape(), (4, 2));
    for key in [None, Some("again")] {
        assert_eq!(adata.layer(key).unwrap().to_dense()?, dense);
    }
    Ok(())
}
