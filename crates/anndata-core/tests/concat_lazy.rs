//! Lazy concatenation reads what is asked for, and nothing else.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anndata_core::{
    AnnData, AxisSelection, Column, ConcatOptions, DataFrame, Element, Error, Join, Lazy, LazySource, Mapping, Merge,
    Result, Schema, SparseFormat, SparseMatrix, Tensor, concat_lazy,
};

/// What was read: how often something as a whole, and how many positions along the first axis.
#[derive(Debug, Default)]
struct Reads {
    loads: AtomicUsize,
    rows: AtomicUsize,
    selections: Mutex<Vec<Vec<AxisSelection>>>,
}

/// An element that counts what is read of it.
#[derive(Debug)]
struct Counted {
    element: Element,
    reads: Arc<Reads>,
}

impl LazySource for Counted {
    fn path(&self) -> &'static str {
        "counted"
    }

    fn schema(&self) -> Result<Schema> {
        self.element.schema()
    }

    fn load(&self) -> Result<Element> {
        self.reads.loads.fetch_add(1, Ordering::Relaxed);
        Ok(self.element.clone())
    }

    fn select(&self, axes: &[AxisSelection]) -> Result<Element> {
        let rows = axes.first().map_or(0, AxisSelection::len);
        self.reads.rows.fetch_add(usize::try_from(rows).unwrap(), Ordering::Relaxed);
        self.reads.selections.lock().unwrap().push(axes.to_vec());
        self.element.select(axes)
    }

    fn nbytes(&self, _with_stored: bool) -> usize {
        0
    }
}

/// An object of three rows whose names, matrix and column count what is read.
fn counted(prefix: &str, var: [&str; 2]) -> Result<(AnnData, [Arc<Reads>; 3])> {
    let reads: [Arc<Reads>; 3] = Default::default();
    let lazy = |element: Element, reads: &Arc<Reads>| Lazy::new(Counted { element, reads: Arc::clone(reads) });
    let names = Column::strings((0..3).map(|row| format!("{prefix}{row}")));
    let obs = DataFrame::with_index(anndata_core::Series::Lazy(lazy(names.into(), &reads[0])))
        .with_column("n", anndata_core::Series::Lazy(lazy(Column::from(vec![1_i64, 2, 3]).into(), &reads[2])))?;
    let x = Tensor::from_vec([3, 2], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])?;
    let adata = AnnData::builder().x(lazy(x.into(), &reads[1])).obs(obs).var(DataFrame::new(var)).build()?;
    Ok((adata, reads))
}

fn counts(reads: &[Arc<Reads>; 3]) -> [(usize, usize); 3] {
    reads.each_ref().map(|reads| (reads.loads.load(Ordering::Relaxed), reads.rows.load(Ordering::Relaxed)))
}

#[test]
fn neither_names_nor_values_are_read_to_join() -> Result<()> {
    let ((a, of_a), (b, of_b)) = (counted("a", ["g", "h"])?, counted("b", ["h", "g"])?);
    let options = ConcatOptions::default().with_label("batch").with_index_unique("-");
    let joined = concat_lazy(&[&a, &b], &options)?;
    assert_eq!(joined.shape(), (6, 2));
    assert_eq!(joined.obs().column("batch")?.len(), 6);
    assert_eq!((counts(&of_a), counts(&of_b)), ([(0, 0); 3], [(0, 0); 3]));

    // Of the second object one row of one column, twice and from the second column of what it has; of the first nothing.
    let part = joined.select(vec![4, 4], vec![0])?.load()?;
    assert_eq!(part.x().unwrap().to_tensor()?.as_slice::<f32>()?, [4.0, 4.0]);
    assert_eq!(part.obs_names()?, ["b1-1", "b1-1"]);
    assert_eq!(part.obs().column("n")?.to_tensor()?.as_slice::<i64>()?, [2, 2]);
    assert_eq!((counts(&of_a), counts(&of_b)), ([(0, 0); 3], [(0, 2); 3]));
    let asked = of_b[1].selections.lock().unwrap().clone();
    assert_eq!(asked, [[AxisSelection::from(vec![1, 1]), AxisSelection::Range(1..2)]]);

    // What is kept of the join alone is in memory afterwards; the inputs keep nothing.
    joined.obs_names()?;
    joined.obs_names()?;
    assert_eq!((counts(&of_a)[0], counts(&of_b)[0]), ((1, 0), (1, 2)));
    Ok(())
}

#[test]
fn an_input_that_fails_is_an_error_that_names_it() -> Result<()> {
    #[derive(Debug)]
    struct Broken;
    impl LazySource for Broken {
        fn path(&self) -> &'static str {
            "X"
        }
        fn schema(&self) -> Result<Schema> {
            Element::from(Tensor::from_vec([1, 2], vec![0.0_f32; 2])?).schema()
        }
        fn load(&self) -> Result<Element> {
            Err(Error::invalid_data("the values are gone").in_file("b.h5ad"))
        }
        fn nbytes(&self, _with_stored: bool) -> usize {
            0
        }
    }
    let (a, _) = counted("a", ["0", "1"])?;
    let b = AnnData::builder().x(Lazy::new(Broken)).build()?;
    let joined = concat_lazy(&[&a, &b], &ConcatOptions::default())?;
    assert_eq!(joined.select(2, ..)?.load()?.shape(), (1, 2));
    for asked in [joined.select(3, ..)?, joined.clone()] {
        assert_eq!(asked.load().unwrap_err().to_string(), "b.h5ad: X: the values are gone");
    }
    Ok(())
}

#[test]
fn a_plan_is_for_the_objects_that_it_was_made_for() -> Result<()> {
    let (a, _) = counted("a", ["g", "h"])?;
    let options = ConcatOptions::default();
    let plan = anndata_core::ConcatPlan::new(&[&a, &a], &options)?;
    let error = plan.join(&[&a], &options).unwrap_err();
    assert!(error.is_invalid_input());
    assert_eq!(error.message(), "expected the 2 objects that the plan was made for, found 1");
    Ok(())
}

/// Chunks of two rows.
#[derive(Debug)]
struct Chunked(Element);

impl LazySource for Chunked {
    fn path(&self) -> &'static str {
        "chunked"
    }

    fn schema(&self) -> Result<Schema> {
        self.0.schema()
    }

    fn load(&self) -> Result<Element> {
        Ok(self.0.clone())
    }

    fn chunk_end(&self, axis: usize, position: usize) -> Result<usize> {
        Ok(if axis == 0 { position / 2 * 2 } else { position })
    }

    fn nbytes(&self, _with_stored: bool) -> usize {
        0
    }
}

#[test]
fn chunks_of_what_is_joined_end_where_those_of_its_inputs_do() -> Result<()> {
    let object = |name: &str, rows: usize| {
        let x = Tensor::from_vec([rows, 4], vec![1.0_f32; rows * 4])?;
        let obs = DataFrame::new((0..rows).map(|row| format!("{name}{row}")));
        AnnData::builder().x(Lazy::new(Chunked(x.into()))).obs(obs).var(DataFrame::new(["a", "b", "c", "d"])).build()
    };
    let (a, b, none) = (object("a", 5)?, object("b", 3)?, AnnData::builder().obs(DataFrame::new(["c", "d"])).build()?);
    let joined = concat_lazy(&[&a, &b, &none], &ConcatOptions::default().with_join(Join::Outer))?;
    let x = joined.x().unwrap();
    let ends = (0..=10).map(|position| x.chunk_end(0, position)).collect::<Result<Vec<_>>>()?;
    assert_eq!(ends, [0, 0, 2, 2, 4, 5, 5, 7, 8, 9, 10]);
    let ends = (0..=4).map(|position| x.chunk_end(1, position)).collect::<Result<Vec<_>>>()?;
    assert_eq!(ends, [0, 1, 2, 3, 4]);
    Ok(())
}

#[test]
fn rows_of_sparse_matrices_are_as_long_as_they_become() -> Result<()> {
    let csr = |rows: &[[i32; 3]]| {
        let dense = Tensor::from_vec([rows.len(), 3], rows.concat())?;
        SparseMatrix::from_dense(&dense, SparseFormat::Csr)
    };
    let object = |names: [&str; 3], rows: &[[i32; 3]]| {
        let obs = DataFrame::new((0..rows.len()).map(|row| format!("{}{row}", names[0])));
        let near = SparseMatrix::from_dense(
            &Tensor::from_vec([rows.len(), rows.len()], vec![1_i32; rows.len() * rows.len()])?,
            SparseFormat::Csr,
        )?;
        AnnData::builder().x(csr(rows)?).obs(obs).var(DataFrame::new(names)).obsp("near", near).build()
    };
    let a = object(["a", "b", "c"], &[[1, 0, 2], [0, 0, 0], [1, 1, 1]])?;
    let b = object(["c", "b", "d"], &[[0, 3, 0], [1, 0, 4]])?;
    let none = AnnData::builder().obs(DataFrame::new(["n"])).build()?;
    let lengths = |options: &ConcatOptions, rows: std::ops::Range<usize>| {
        let joined = concat_lazy(&[&a, &b, &none], options)?;
        let (lazy, loaded) = (joined.x().unwrap(), joined.x().unwrap().load()?);
        assert_eq!(lazy.major_lengths(rows.clone())?, loaded.major_lengths(rows.clone())?);
        lazy.major_lengths(rows)
    };
    let outer = ConcatOptions::default().with_join(Join::Outer);
    assert_eq!(lengths(&outer, 0..6)?, [2, 0, 3, 1, 2, 0]);
    assert_eq!(lengths(&outer, 2..4)?, [3, 1]);
    assert_eq!(lengths(&outer.clone().with_fill_value(anndata_core::FillValue::Int(5)), 0..6)?, [3, 1, 4, 2, 3, 4]);
    let pairwise = concat_lazy(&[&a, &b], &outer.with_pairwise(true))?;
    let near = pairwise.obsp().get("near").unwrap();
    assert_eq!(near.major_lengths(1..5)?, [3, 3, 2, 2]);
    assert_eq!(near.major_lengths(1..5)?, near.load()?.major_lengths(1..5)?);
    Ok(())
}

#[test]
fn mappings_that_are_not_read_yet_are_compared_by_value() -> Result<()> {
    let object = |n: Element, key: &str| {
        let mapping: Mapping =
            [("nan".to_owned(), Tensor::from_vec([1], vec![f64::NAN])?.into()), (key.to_owned(), n)].into();
        let lazy = Lazy::new(Counted { element: mapping.into(), reads: Arc::default() });
        AnnData::builder().shape(1, 1).uns("m", lazy).build()
    };
    let first = object(1_i64.into(), "n")?;
    for (n, key, kept) in [(Element::from(1.0), "n", true), (2.0.into(), "n", false), (1.0.into(), "m", false)] {
        let options = ConcatOptions::default().with_uns_merge(Merge::Same);
        let joined = concat_lazy(&[&first, &object(n, key)?], &options)?;
        assert_eq!(joined.uns().contains_key("m"), kept, "{key}");
    }
    Ok(())
}
