//! One pass over elements of every kind, in chunks.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anndata_core::testing::{RandomAnnData, RandomX};
use anndata_core::{
    AnnData, AxisSelection, Column, ConcatOptions, DType, DataFrame, Element, Join, Lazy, LazySource, Result, Schema,
    SparseFormat, SparseMatrix, Tensor,
};
use anndata_experimental::{ChunkOptions, Collection, MapKind, chunks, fold_chunks, map_lazy};
use anndata_format::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata_format::node::NodeWriteOptions;
use anndata_storage::{Error, MemoryStore, Storage};
use proptest::prelude::*;
use support::Counting;

fn lazily() -> ElemReadOptions {
    ElemReadOptions::default().with_lazy(true)
}

fn rows(range: Range<usize>) -> [AxisSelection; 1] {
    [AxisSelection::Range(range.start as u64..range.end as u64)]
}

/// The ranges of chunks that follow each other and are what the element has there.
fn check(element: &Element, whole: &Element, options: &ChunkOptions) -> Result<Vec<Range<usize>>> {
    let len = whole.shape()?.unwrap()[options.axis];
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for chunk in chunks(element, options)? {
        let (range, chunk) = chunk?;
        assert_eq!(range.start, ranges.last().map_or(0, |before| before.end));
        assert!(!range.is_empty() && !matches!(chunk, Element::Lazy(_)));
        let mut axes = rows(range.clone()).to_vec();
        if options.axis == 1 {
            axes.insert(0, AxisSelection::Range(0..whole.shape()?.unwrap()[0] as u64));
        }
        let expected = whole.select(&axes)?.load()?;
        // Of what is stored it is only known in a frame whether it is a column.
        let chunk = if let Element::Column(_) = expected { Element::Column(chunk.into_column()?) } else { chunk };
        assert_eq!(chunk, expected);
        ranges.push(range);
    }
    assert_eq!(ranges.last().map_or(0, |last| last.end), len);
    Ok(ranges)
}

#[test]
fn every_kind_of_element_is_read_whole_in_chunks() -> Result<()> {
    for x in [RandomX::Dense, RandomX::Csr] {
        let adata = RandomAnnData::new(23, 9).with_x(x).with_density(0.4).make()?;
        let (root, reads) = Counting::of(&adata, &ElemWriteOptions::default())?;
        let lazy = io::read_anndata(&root, &lazily())?;
        for prefetch in [0, 1, 3] {
            for limit in [1, 700, 1 << 20] {
                let options = ChunkOptions::default().with_memory_limit(limit).with_prefetch(prefetch);
                check(lazy.x().unwrap(), adata.x().unwrap(), &options)?;
                for (key, element) in lazy.obsm() {
                    check(element, &adata.obsm()[key], &options)?;
                }
                for (name, series) in lazy.obs().columns() {
                    check(&series.to_element(), &Element::Column(adata.obs().column(name)?), &options)?;
                }
                check(&Element::Frame(lazy.obs().clone()), &Element::Frame(adata.obs().clone()), &options)?;
                // In memory as well, and of a view in another order.
                check(adata.x().unwrap(), adata.x().unwrap(), &options)?;
                let order = vec![22, 3, 3, 0, 17];
                let (view, of) = (lazy.select(order.clone(), ..)?, adata.select(order, ..)?);
                check(view.x().unwrap(), &of.x().unwrap().load()?, &options)?;
            }
        }
        // Nothing of it was kept.
        assert!(matches!(lazy.x(), Some(Element::Lazy(x)) if !x.is_loaded()));
        drop(reads);
    }
    Ok(())
}

#[test]
fn chunks_end_where_stored_chunks_end_and_read_each_value_once() -> Result<()> {
    let x = Tensor::from_vec([100, 4], (0..400).collect::<Vec<i32>>())?;
    let sparse = SparseMatrix::from_dense(&x, SparseFormat::Csr)?;
    let adata = AnnData::builder().x(x).layer("csr", sparse).build()?;
    let options = ElemWriteOptions::default().with_store(NodeWriteOptions::default().with_chunk_rows(Some(8)));
    let (root, reads) = Counting::of(&adata, &options)?;
    let lazy = io::read_anndata(&root, &lazily())?;
    // Twenty rows of 16 bytes would fit.
    let twenty = ChunkOptions::default().with_memory_limit(20 * 16 * 3).with_prefetch(0);
    let ranges = check(lazy.x().unwrap(), adata.x().unwrap(), &twenty)?;
    assert_eq!(ranges, [0..16, 16..32, 32..48, 48..64, 64..80, 80..100]);
    assert_eq!(reads.take(), [("X".to_owned(), 400)]);
    // So of a selection, whose rows are not where the chunks are.
    let part = lazy.x().unwrap().select(&rows(5..60))?;
    let ranges = check(&part, &adata.x().unwrap().select(&rows(5..60))?, &twenty)?;
    assert_eq!(ranges, [0..19, 19..35, 35..55]);
    // Rows of CSR, of 12 or 16 bytes a value of which none but the first is zero.
    reads.take();
    let ranges = check(lazy.layer(Some("csr")).unwrap(), adata.layer(Some("csr")).unwrap(), &twenty)?;
    assert!(ranges.len() > 3, "{ranges:?}");
    let read = reads.take();
    assert!(read.contains(&("layers/csr/data".to_owned(), 399)), "{read:?}");
    assert!(read.contains(&("layers/csr/indices".to_owned(), 399)), "{read:?}");
    // Of a collection, chunks end where those of the stores do, and where a store ends.
    let stores = vec![("a".to_owned(), lazy.select(0..20, ..)?), ("b".to_owned(), lazy.clone())];
    let collection = Collection::new(stores, &ConcatOptions::default())?;
    let x = adata.x().unwrap().to_tensor()?;
    let expected = Element::from(Tensor::concat_rows(&[x.slice_rows(0..20)?, x])?);
    let ranges = check(collection.x().unwrap(), &expected, &twenty)?;
    assert_eq!(ranges, [0..20, 20..36, 36..52, 52..68, 68..84, 84..100, 100..120]);
    // As long as was asked for.
    let seven = ChunkOptions::default().with_len(7);
    assert_eq!(check(lazy.x().unwrap(), adata.x().unwrap(), &seven)?.len(), 15);
    Ok(())
}

#[test]
fn a_compressed_matrix_is_read_along_the_axis_that_it_is_compressed_along() -> Result<()> {
    let adata = RandomAnnData::new(30, 12).with_x(RandomX::Csc).with_density(0.5).make()?;
    let (root, _) = Counting::of(&adata, &ElemWriteOptions::default())?;
    let lazy = io::read_anndata(&root, &lazily())?;
    let (x, whole) = (lazy.x().unwrap(), adata.x().unwrap());
    let columns = ChunkOptions::default().with_axis(1).with_memory_limit(1500);
    assert!(check(x, whole, &columns)?.len() > 3);
    let error = chunks(x, &ChunkOptions::default()).unwrap_err();
    let says = "a CSC matrix that is not in memory is read along its columns (axis 1): along axis 0 all of it would be read \
                for each chunk";
    assert!(error.is_unsupported() && error.text() == says, "{error}");
    // In memory it can be.
    check(whole, whole, &ChunkOptions::default().with_memory_limit(1500))?;

    let error = chunks(x, &ChunkOptions::default().with_axis(2)).unwrap_err();
    assert!(error.is_invalid_input() && error.text().contains("has no axis 2"), "{error}");
    let error = chunks(x, &columns.with_len(0)).unwrap_err();
    assert!(error.is_invalid_input() && error.text() == "a chunk has at least one position", "{error}");
    let error = chunks(&Element::Null, &ChunkOptions::default()).unwrap_err();
    assert!(error.text().contains("found a value of kind 'null'") || error.text().contains("no axis"), "{error}");
    Ok(())
}

#[test]
fn of_an_element_without_rows_there_is_no_chunk() -> Result<()> {
    let empty = Element::from(Tensor::from_vec([0, 3], Vec::<f32>::new())?);
    let zero = Element::from(SparseMatrix::from_dense(&empty.to_tensor()?, SparseFormat::Csr)?);
    for element in [&empty, &zero, &Column::strings([""; 0]).into()] {
        assert_eq!(chunks(element, &ChunkOptions::default())?.count(), 0);
        let folded = fold_chunks(element, &ChunkOptions::default(), |_, _| Ok(1), |a, b| Ok(a + b))?;
        assert_eq!(folded, None);
    }
    // Rows without values are rows.
    let blank = SparseMatrix::from_dense(&Tensor::from_vec([300, 3], vec![0.0_f32; 900])?, SparseFormat::Csr)?;
    check(&blank.clone().into(), &blank.into(), &ChunkOptions::default().with_memory_limit(1))?;
    Ok(())
}

/// A source whose rows behind some cannot be read.
#[derive(Debug)]
struct Breaks {
    good: u64,
    asked: Arc<AtomicU64>,
    panics: bool,
}

impl LazySource for Breaks {
    fn path(&self) -> &'static str {
        "X"
    }

    fn schema(&self) -> Result<Schema> {
        Ok(Schema::Array { dtype: DType::I64, shape: vec![1000, 1] })
    }

    fn load(&self) -> Result<Element> {
        self.select(&[AxisSelection::Range(0..1000)])
    }

    fn select(&self, axes: &[AxisSelection]) -> Result<Element> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if axes[0].end() > self.good {
            assert!(!self.panics, "as a test");
            return Err(Error::io("the disk is gone"));
        }
        let AxisSelection::Range(range) = &axes[0] else { return Err(Error::bug("chunks are ranges")) };
        let values: Vec<i64> = range.clone().map(|at| i64::try_from(at).unwrap()).collect();
        Ok(Tensor::from_vec([values.len(), 1], values)?.into())
    }

    fn nbytes(&self, _with_stored: bool) -> usize {
        8000
    }
}

#[test]
fn after_an_error_there_is_no_chunk_and_a_pass_that_is_dropped_reads_no_further() -> Result<()> {
    let asked = Arc::new(AtomicU64::new(0));
    let broken = |panics| Element::Lazy(Lazy::new(Breaks { good: 30, asked: Arc::clone(&asked), panics }));
    for prefetch in [0, 1, 2] {
        let options = ChunkOptions::default().with_len(10).with_prefetch(prefetch);
        let mut pass = chunks(&broken(false), &options)?;
        let good = pass.by_ref().take_while(Result::is_ok).count();
        assert_eq!(good, 3);
        assert!(pass.next().is_none());
        let error = fold_chunks(&broken(false), &options, |_, _| Ok(()), |(), ()| Ok(())).unwrap_err();
        assert!(error.text().contains("disk") && error.path() == Some("X"), "{error:?}");

        asked.store(0, Ordering::Relaxed);
        let mut pass = chunks(
            &Element::Lazy(Lazy::new(Breaks { good: 1000, asked: Arc::clone(&asked), panics: false })),
            &options,
        )?;
        pass.next().unwrap()?;
        drop(pass);
        let read = asked.load(Ordering::Relaxed);
        assert!(read <= 2 + u64::try_from(prefetch).unwrap(), "{read} of 100 with {prefetch}");
    }
    let options = ChunkOptions::default().with_len(10).with_prefetch(1);
    let last = chunks(&broken(true), &options)?.last().unwrap().unwrap_err();
    assert!(last.kind() == anndata_core::ErrorKind::Bug && last.text().contains("panicked"), "{last}");
    Ok(())
}

#[test]
fn a_fold_gives_the_same_on_any_number_of_threads() -> Result<()> {
    // Sums of such values depend on their order.
    let values: Vec<f64> =
        (0..4000_u32).map(|at| (f64::from(at) * 0.7).sin() * 10_f64.powi(i32::try_from(at % 17).unwrap())).collect();
    let x = Element::from(Tensor::from_vec([1000, 4], values)?);
    let options = ChunkOptions::default().with_memory_limit(4000);
    let sum = || {
        fold_chunks(
            &x,
            &options,
            |_, chunk| Ok(chunk.to_tensor()?.as_slice::<f64>()?.iter().sum::<f64>()),
            |a, b| Ok(a + b),
        )
    };
    let expected = sum()?.unwrap();
    for threads in [1, 2, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        // Within the pool, whose threads must not all wait.
        assert_eq!(pool.install(sum)?.unwrap().to_bits(), expected.to_bits(), "{threads}");
    }
    let order = fold_chunks(&x, &options, |range, _| Ok(vec![range]), |a, b| Ok([a, b].concat()))?.unwrap();
    assert!(order.len() > 10 && order.windows(2).all(|pair| pair[0].end == pair[1].start), "{order:?}");
    Ok(())
}

#[test]
fn chunks_of_a_collection_are_those_of_what_it_joins() -> Result<()> {
    let objects = (0..3_u64).map(|seed| {
        let adata = RandomAnnData::new(11, 8).with_seed(seed).with_density(0.4).make()?;
        Ok((format!("k{seed}"), io::read_anndata(&Counting::of(&adata, &ElemWriteOptions::default())?.0, &lazily())?))
    });
    let objects = objects.collect::<Result<Vec<_>>>()?;
    let all = Collection::new(objects, &ConcatOptions::default().with_join(Join::Outer).with_index_unique("-"))?;
    let whole = all.load()?;
    for limit in [100, 2000, 1 << 20] {
        let options = ChunkOptions::default().with_memory_limit(limit);
        check(all.x().unwrap(), whole.x().unwrap(), &options)?;
        check(&all.obs().index().to_element(), &whole.obs().index().to_element(), &options)?;
        for (name, series) in all.obs().columns() {
            check(&series.to_element(), &Element::Column(whole.obs().column(name)?), &options)?;
        }
    }
    Ok(())
}

/// Twice each value.
fn double(element: Element) -> Result<Element> {
    Ok(match element {
        Element::Sparse(matrix) => {
            let data = doubled(matrix.data())?;
            SparseMatrix::new(matrix.format(), matrix.shape(), data, matrix.indices().clone(), matrix.indptr().clone())?
                .into()
        }
        other => doubled(&other.to_tensor()?)?.into(),
    })
}

fn doubled(values: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(
        values.shape().to_vec(),
        values.as_slice::<f32>()?.iter().map(|value| value * 2.0).collect::<Vec<_>>(),
    )
}

#[test]
fn what_is_mapped_is_computed_of_what_is_asked_for() -> Result<()> {
    for x in [RandomX::Dense, RandomX::Csr, RandomX::Csc] {
        let adata = RandomAnnData::new(40, 6).with_x(x).with_density(0.5).make()?;
        let (root, _) = Counting::of(&adata, &ElemWriteOptions::default())?;
        let lazy = io::read_anndata(&root, &lazily())?;
        let expected = double(adata.x().unwrap().clone())?;
        for kind in [MapKind::Elementwise, MapKind::RowWise, MapKind::Whole] {
            let largest = Arc::new(AtomicU64::new(0));
            let seen = Arc::clone(&largest);
            let mapped = map_lazy(lazy.x().unwrap(), kind, move |element| {
                let len: usize = element.shape()?.unwrap().iter().product();
                seen.fetch_max(len as u64, Ordering::Relaxed);
                double(element)
            })?;
            let axes = [AxisSelection::from(vec![7, 3, 3]), AxisSelection::Range(1..3)];
            assert_eq!(mapped.select(&axes)?.load()?, expected.select(&axes)?);
            let asked = largest.load(Ordering::Relaxed);
            let most = match kind {
                MapKind::Elementwise => 6,
                MapKind::RowWise => 18,
                MapKind::Whole => 240,
            };
            assert!(asked <= most, "{kind:?}: {asked}");
            // What is mapped can be mapped again.
            let again = map_lazy(&mapped, MapKind::Elementwise, Ok)?;
            assert_eq!(again.select(&axes)?.load()?, expected.select(&axes)?);
            assert_eq!((mapped.schema()?, mapped.load()?), (expected.schema()?, expected.clone()));
        }
    }
    Ok(())
}

#[test]
fn what_is_mapped_is_written_block_by_block() -> Result<()> {
    for (x, kind) in [
        (RandomX::Dense, MapKind::RowWise),
        (RandomX::Csr, MapKind::RowWise),
        (RandomX::Csr, MapKind::Elementwise),
        (RandomX::Csc, MapKind::Elementwise),
    ] {
        let adata = RandomAnnData::new(200, 20).with_x(x).with_density(0.5).make()?;
        let (root, _) = Counting::of(&adata, &ElemWriteOptions::default())?;
        let lazy = io::read_anndata(&root, &lazily())?;
        let largest = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&largest);
        let mapped = map_lazy(lazy.x().unwrap(), kind, move |element| {
            let len: usize = element.shape()?.unwrap().iter().product();
            seen.fetch_max(len as u64, Ordering::Relaxed);
            double(element)
        })?;
        let target = anndata_format::Group::root(Arc::new(MemoryStore::new()) as Arc<dyn Storage>);
        let options = ElemWriteOptions::default().with_store(NodeWriteOptions::default().with_block_bytes(2000));
        io::write_elem(&target, "X", &mapped, &options)?;
        let back = io::read_elem(&target, "X", &ElemReadOptions::default())?;
        assert_eq!(back, double(adata.x().unwrap().clone())?, "{x:?} {kind:?}");
        let largest = largest.load(Ordering::Relaxed);
        assert!(x != RandomX::Dense || largest <= 600, "{largest} values at once of 4000");
    }
    Ok(())
}

#[test]
fn a_function_that_makes_something_else_is_refused() -> Result<()> {
    let x = Element::from(Tensor::from_vec([4, 2], vec![1.0_f32; 8])?);
    let first = |element: Element| element.select(&rows(0..1.min(element.shape()?.unwrap()[0])));
    let error = map_lazy(&x, MapKind::RowWise, first)?.load().unwrap_err();
    assert!(
        error.is_invalid_input()
            && error.text() == "expected the mapped element to have 4 rows, found the shape [1, 2]",
        "{error}"
    );
    let column = |element: Element| {
        let len = element.shape()?.unwrap()[0];
        element.select(&[AxisSelection::Range(0..len as u64), AxisSelection::Range(0..1)])
    };
    let error = map_lazy(&x, MapKind::Elementwise, column).unwrap_err();
    assert!(error.text() == "expected the mapped element to have the shape [0, 2], found the shape [0, 1]", "{error}");
    assert_eq!(map_lazy(&x, MapKind::RowWise, column)?.shape()?, Some(vec![4, 1]));
    let error = map_lazy(&Element::from(1.0), MapKind::RowWise, Ok).unwrap_err();
    assert!(error.is_invalid_input() && error.text() == "scalar has no rows to go through one by one", "{error}");
    let frame = |_: Element| Ok(Element::Frame(DataFrame::new([""; 0])));
    let error = map_lazy(&x, MapKind::RowWise, frame).unwrap_err();
    assert!(error.is_invalid_input() && error.text().contains("found a value of kind 'data frame'"), "{error}");
    // A function of the whole may change the number of rows.
    assert_eq!(map_lazy(&x, MapKind::Whole, first)?.shape()?, Some(vec![1, 2]));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chunks_put_together_are_the_element(
        n_rows in 0_usize..60, n_columns in 1_usize..7, density in 0.0..1.0_f64, csr in any::<bool>(), seed in any::<u64>(),
        limit in 1_u64..3000, len in proptest::option::of(1_usize..9), prefetch in 0_usize..3, chunk_rows in 1_u64..9,
    ) {
        let x = if csr { RandomX::Csr } else { RandomX::Dense };
        let adata = RandomAnnData::new(n_rows, n_columns).with_x(x).with_density(density).with_seed(seed).make().unwrap();
        let options = ElemWriteOptions::default().with_store(NodeWriteOptions::default().with_chunk_rows(Some(chunk_rows)));
        let (root, _) = Counting::of(&adata, &options).unwrap();
        let lazy = io::read_anndata(&root, &lazily()).unwrap();
        let options = ChunkOptions::default().with_memory_limit(limit).with_len(len).with_prefetch(prefetch);
        check(lazy.x().unwrap(), adata.x().unwrap(), &options).unwrap();
    }
}
