//! Random objects come back equal from a store, in memory and in a file, eagerly and lazily.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::collections::BTreeSet;

use anndata::encoding::Registry;
use anndata::hdf5::write_atomic;
use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::node::NodeWriteOptions;
use anndata::{AnnData, ConvertOptions, Element, Group, ReadOptions, read_h5ad, read_h5ad_with};
use anndata_tests::{random, stores};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

/// Equal, keys and columns in the same order.
fn check_equal(found: &AnnData, expected: &AnnData) -> Result<(), TestCaseError> {
    prop_assert_eq!(found, expected);
    prop_assert_eq!(found.to_string(), expected.to_string());
    prop_assert_eq!(order(found), order(expected));
    Ok(())
}

/// The order of keys and columns, which does not count for equality.
fn order(adata: &AnnData) -> String {
    format!(
        "{:?} {:?} {:?}",
        adata.uns().keys(),
        adata.obsm(),
        adata.raw().map(|raw| raw.var().column_names().collect::<Vec<_>>())
    )
}

/// The strategies make every kind of element and every width of indices, so that the tests below see them.
#[test]
fn random_objects_hold_everything() {
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..600 {
        let adata = random::adata().new_tree(&mut runner).unwrap().current();
        if adata.n_obs() == 0 {
            seen.insert("no observations".to_owned());
        }
        for element in adata.layers().values().chain(adata.obsm().values()).chain(adata.uns().values()) {
            seen.insert(element.kind_name().to_owned());
            match element {
                Element::Sparse(matrix) => {
                    seen.insert(format!("{} {}", matrix.format(), matrix.indices().dtype()));
                    if matrix.sorted().is_ok_and(|sorted| sorted != *matrix) {
                        seen.insert("unsorted".to_owned());
                    }
                }
                Element::Tensor(tensor) if tensor.fields().is_ok() => drop(seen.insert("records".to_owned())),
                Element::Tensor(tensor) => drop(seen.insert(format!("tensor {}", tensor.dtype()))),
                _ => {}
            }
        }
        for (_, series) in adata.obs().columns() {
            seen.insert(format!("{:?}", series.load().unwrap().kind()));
        }
    }
    let all = seen.iter().cloned().collect::<Vec<_>>().join(" ");
    for name in [
        "null",
        "scalar",
        "array",
        "sparse matrix",
        "column",
        "data frame",
        "awkward array",
        "mapping",
        "records",
        "unsorted",
        "no observations",
        "CSR int8",
        "CSC uint64",
        "tensor complex128",
        "tensor float16",
        "tensor bool",
        "tensor string",
        "Plain",
        "Nullable(Na)",
        "Nullable(Nan)",
        "Categorical { ordered: true }",
    ] {
        assert!(seen.contains(name), "no {name} in {all}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn through_memory(adata in random::adata()) {
        let before = adata.clone();
        let root = stores::memory();
        check_equal(&stores::through(&root, &adata)?, &adata)?;
        let lazy = io::read_anndata(&root, &ElemReadOptions::default().with_lazy(true))?;
        prop_assert_eq!(lazy.to_string(), adata.to_string());
        check_equal(&lazy.load()?, &adata)?;
        // Copying without loading, in blocks of a few bytes.
        let copy = stores::memory();
        let options = ElemWriteOptions::default().with_store(NodeWriteOptions::default().with_block_bytes(16));
        check_equal(&stores::through_with(&copy, &lazy, &options, &Registry::default())?, &adata)?;
        prop_assert_eq!(adata, before);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn through_hdf5(
        adata in random::adata(),
        compression in random::compression(),
        other in random::compression(),
        chunk_rows in prop::option::of(1..4_u64),
    ) {
        let directory = tempfile::tempdir()?;
        let (path, copy) = (directory.path().join("a.h5ad"), directory.path().join("b.h5ad"));
        let store = NodeWriteOptions::default().with_compression(compression).with_chunk_rows(chunk_rows);
        let write = ElemWriteOptions::default().with_store(store);
        write_atomic(&path, false, false, |store| {
            io::write_anndata(&Group::root(store.clone()), &adata, &write)
        })?;
        check_equal(&read_h5ad(&path)?, &adata)?;
        let lazy = ReadOptions::default().with_lazy(true);
        check_equal(&read_h5ad_with(&path, &lazy)?.load()?, &adata)?;
        let write = ElemWriteOptions::default().with_store(NodeWriteOptions::default().with_compression(other).with_block_bytes(16));
        anndata::convert(&path, &copy, &ConvertOptions::default().with_write(write).with_durable(false))?;
        check_equal(&read_h5ad(&copy)?, &adata)?;
    }
}
