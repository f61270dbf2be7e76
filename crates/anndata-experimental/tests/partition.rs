//! An object in parts: each is what selecting its rows gives, each matrix is passed over once, and nothing is left behind.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anndata_core::testing::{RandomAnnData, RandomX};
use anndata_core::{AnnData, AxisSelection, DType, DataFrame, Element, Lazy, LazySource, Result, Schema, Tensor};
use anndata_experimental::{PartitionOptions, partition};
use proptest::prelude::*;

/// The rows of so many parts; those of the last number are in none.
fn rows_of(parts: &[usize], count: usize) -> Vec<Vec<u64>> {
    let mut rows = vec![Vec::new(); count];
    for (row, &part) in (0_u64..).zip(parts) {
        if let Some(rows) = rows.get_mut(part) {
            rows.push(row);
        }
    }
    rows
}

/// The values of what has rows: of a sparse matrix, whatever the width of its indices.
fn values(adata: &AnnData) -> Result<Vec<String>> {
    let raw = adata.raw().and_then(|raw| raw.x());
    let elements = adata.layers().values().chain(adata.obsm().values()).chain(adata.obsp().values()).chain(raw);
    let text = |element: &Element| match element {
        Element::Sparse(matrix) => Ok(format!("{} {:?}", matrix.format(), element.to_dense()?.to_array::<f32>()?)),
        Element::Tensor(tensor) => Ok(format!("{} {:?}", tensor.dtype(), tensor.cast(&DType::F64)?.to_array::<f64>()?)),
        Element::Frame(frame) => Ok(format!("{:?} {:?}", frame.names()?, frame.column("q")?.printed())),
        // Without what its buffers hold of other rows.
        Element::Awkward(awkward) => Ok(format!("{:?}", awkward.take(&(0..awkward.len() as u64).collect::<Vec<_>>())?)),
        other => Ok(format!("{other:?}")),
    };
    elements.map(text).collect()
}

fn check(adata: &AnnData, rows: &[Vec<u64>], memory: u64) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let options = PartitionOptions::default().with_memory_limit(memory).with_scratch(folder.path().to_owned());
    let parts = partition(adata, rows.to_vec(), &options)?;
    assert_eq!(parts.len(), rows.len());
    for (number, rows) in rows.iter().enumerate() {
        let expected = adata.select(AxisSelection::of_positions(rows.clone()), ..)?.load()?;
        let part = parts.part(number)?.load()?;
        let what = format!("part {number}, {memory} bytes");
        assert_eq!((part.obs(), part.var(), part.uns()), (expected.obs(), expected.var(), expected.uns()), "{what}");
        assert_eq!((part.varm(), part.varp()), (expected.varm(), expected.varp()), "{what}");
        assert_eq!(values(&part)?, values(&expected)?, "{what}");
    }
    assert!(parts.part(rows.len()).is_err_and(|error| error.is_invalid_input()));
    drop(parts);
    assert_eq!(std::fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn parts_are_what_selecting_their_rows_gives(
        seed in 0_u64..1000,
        parts in prop::collection::vec(0_usize..5, 0..40),
        memory in prop::sample::select(vec![1_u64, 500, 5000, 1 << 30]),
    ) {
        let x = [RandomX::Csr, RandomX::Csc, RandomX::Dense][usize::try_from(seed % 3).unwrap()];
        let adata = RandomAnnData::new(parts.len(), 7).with_x(x).with_raw(seed % 2 == 0).with_seed(seed).make().unwrap();
        check(&adata, &rows_of(&parts, 4), memory).unwrap();
    }
}

#[test]
fn rows_are_in_one_part_and_there() -> Result<()> {
    let adata = AnnData::builder().shape(3, 1).build()?;
    let error = |rows: Vec<Vec<u64>>| partition(&adata, rows, &PartitionOptions::default()).unwrap_err();
    assert_eq!(error(vec![vec![0, 1], vec![1]]).text(), "row 1 is in two parts");
    assert_eq!(error(vec![vec![3]]).text(), "there is no row 3: there are 3");
    Ok(())
}

/// A matrix that counts the rows that are read of it.
#[derive(Debug)]
struct Counted(Tensor, Arc<AtomicUsize>);

impl LazySource for Counted {
    fn path(&self) -> &'static str {
        "X"
    }

    fn schema(&self) -> Result<Schema> {
        Element::from(self.0.clone()).schema()
    }

    fn load(&self) -> Result<Element> {
        self.1.fetch_add(self.0.shape()[0], Ordering::Relaxed);
        Ok(self.0.clone().into())
    }

    fn select(&self, axes: &[AxisSelection]) -> Result<Element> {
        self.1.fetch_add(usize::try_from(axes[0].len()).unwrap(), Ordering::Relaxed);
        Element::from(self.0.clone()).select(axes)
    }

    fn nbytes(&self, with_stored: bool) -> usize {
        if with_stored { self.0.nbytes() } else { 0 }
    }
}

#[test]
fn a_matrix_is_passed_over_once_however_many_parts_there_are() -> Result<()> {
    let read = Arc::new(AtomicUsize::new(0));
    let x = Tensor::from_vec([600, 4], (0..2400_i32).collect())?;
    let obs = DataFrame::new((0..600).map(|row| row.to_string()));
    let lazy = Element::Lazy(Lazy::uncached(Counted(x.clone(), Arc::clone(&read))));
    let adata = AnnData::builder().obs(obs).x(lazy).build()?;
    let rows: Vec<Vec<u64>> = (0..100).map(|part| (0..6).map(|at| part + 100 * at).collect()).collect();
    for memory in [1, 4000, 1 << 30] {
        read.store(0, Ordering::Relaxed);
        let parts = partition(&adata, rows.clone(), &PartitionOptions::default().with_memory_limit(memory))?;
        for (number, rows) in rows.iter().enumerate() {
            let part = parts.part(number)?;
            assert_eq!(part.x().unwrap().to_tensor()?, x.take(0, rows)?);
        }
        assert_eq!(read.load(Ordering::Relaxed), 600, "{memory} bytes");
    }
    Ok(())
}
