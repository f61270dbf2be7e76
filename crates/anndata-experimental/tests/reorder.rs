//! Rows in another order: the same with any limit of memory, and nothing is left behind.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use anndata_core::testing::{RandomAnnData, RandomX};
use anndata_core::{AnnData, ConcatOptions, DataFrame, Join, Result, SelectOptions, Tensor};
use anndata_experimental::{Collection, ReorderOptions, RowOrder, reorder};

fn collection(x: RandomX) -> Result<Collection> {
    let objects =
        (0..3_u64).map(|seed| Ok((format!("k{seed}"), RandomAnnData::new(40, 12).with_x(x).with_seed(seed).make()?)));
    let objects = objects.collect::<Result<Vec<_>>>()?;
    Collection::new(
        objects,
        &ConcatOptions::default().with_join(Join::Outer).with_label("store").with_index_unique("-"),
    )
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

#[test]
fn the_order_is_that_of_the_seed_and_all_slots_have_it_with_any_limit() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for x in [RandomX::Csr, RandomX::Dense] {
        let data = collection(x)?;
        let orders = [
            RowOrder::Keep,
            RowOrder::Shuffle { seed: 3 },
            RowOrder::GroupBy { columns: vec!["store".to_owned()], shuffle_within: Some(1) },
            RowOrder::GroupBy { columns: vec!["store".to_owned()], shuffle_within: None },
        ];
        for order in orders {
            let options = ReorderOptions::default().with_order(order.clone()).with_scratch(folder.path().to_owned());
            let whole = reorder(&data, &options)?.load()?;
            let names = whole.obs_names()?;
            // Names select the rows of the collection: every slot has the same order.
            let keep = SelectOptions::default().with_keep_unused_categories(true);
            assert_eq!(whole, data.select_with(&names, .., &keep)?.load()?, "{order:?}");
            let own = data.obs_names()?;
            let is_sorted =
                !matches!(order, RowOrder::Shuffle { .. } | RowOrder::GroupBy { shuffle_within: Some(_), .. });
            assert_eq!(names == own, is_sorted);
            if let RowOrder::GroupBy { .. } = order {
                assert_eq!(whole.obs().column("store")?, data.obs().column("store")?);
            }
            for limit in [1, 1000, 20_000] {
                let some = reorder(&data, &options.clone().with_memory_limit(limit))?;
                if limit == 1 && order != RowOrder::Keep {
                    assert!(files(folder.path()) > 0);
                }
                assert_eq!(some.load()?, whole, "{order:?} {limit}");
                // In any order, and some of the columns.
                let part = |adata: &AnnData| adata.select(vec![7, 100, 7, 3], vec![2, 0])?.load();
                assert_eq!(part(&some)?, part(&whole)?);
                drop(some);
                assert_eq!(files(folder.path()), 0);
            }
        }
    }
    Ok(())
}

#[test]
fn all_orders_are_about_equally_likely() -> Result<()> {
    let object = AnnData::builder().x(Tensor::from_vec([3, 1], vec![0_i32, 1, 2])?).build()?;
    let data = Collection::new([("a", object)], &ConcatOptions::default())?;
    let mut counts = std::collections::BTreeMap::<Vec<i32>, u32>::new();
    for seed in 0..600 {
        let options = ReorderOptions::default().with_order(RowOrder::Shuffle { seed });
        let values = reorder(&data, &options)?.x().unwrap().to_tensor()?.as_slice::<i32>()?.to_vec();
        *counts.entry(values).or_default() += 1;
    }
    assert!(counts.len() == 6 && counts.values().all(|count| (65..140).contains(count)), "{counts:?}");
    Ok(())
}

#[test]
fn what_cannot_be_put_in_another_order_is_refused() -> Result<()> {
    let shuffle = ReorderOptions::default().with_order(RowOrder::Shuffle { seed: 0 }).with_memory_limit(1);
    let object = RandomAnnData::new(5, 4).make()?;
    let pairs = Collection::new([("a", object)], &ConcatOptions::default().with_pairwise(true))?;
    let refused = reorder(&pairs, &shuffle).unwrap_err();
    assert!(refused.is_unsupported() && refused.path().unwrap().starts_with("obsp/"), "{refused}");
    let nowhere = shuffle.clone().with_scratch(Path::new("/nowhere/at/all").to_owned());
    let x = Tensor::from_vec([2, 1], vec![1.0, 2.0])?;
    let object = AnnData::builder().x(x).var(DataFrame::new(["A"])).build()?;
    let data = Collection::new([("a", object)], &ConcatOptions::default())?;
    assert!(reorder(&data, &nowhere).is_err_and(|error| error.is_io()));
    let by =
        ReorderOptions::default().with_order(RowOrder::GroupBy { columns: vec!["z".to_owned()], shuffle_within: None });
    assert!(reorder(&data, &by).is_err_and(|error| error.is_not_found()));
    Ok(())
}
