//! [`MatrixKey`]: a matrix with one row per observation, store by store.

use std::fmt;
use std::ops::Range;

use anndata_array::Reindex;
use anndata_core::concat::{ElementKind, ElementPlan};
use anndata_core::{AnnData, AxisSelection, DType, Element, Result, SparseFormat};
use anndata_experimental::{ChunkOptions, Collection, ElementChunks, chunks};
use anndata_storage::{Error, OrBug};

/// A matrix with one row per observation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MatrixKey {
    /// `X`.
    X,
    /// A layer.
    Layer(String),
    /// An array of `obsm`, whose columns are no variables.
    Obsm(String),
}

impl MatrixKey {
    /// The matrix of one object, if it has it.
    pub(crate) fn of<'a>(&self, object: &'a AnnData) -> Option<&'a Element> {
        match self {
            Self::X => object.x(),
            Self::Layer(name) => object.layer(Some(name)),
            Self::Obsm(name) => object.obsm().get(name),
        }
    }

    /// What the matrices of all stores become together.
    ///
    /// # Errors
    /// [`NotFound`](anndata_core::ErrorKind::NotFound) if the collection has no such matrix.
    pub(crate) fn plan<'a>(&self, collection: &'a Collection) -> Result<&'a ElementPlan> {
        let plan = collection.plan();
        let layer =
            |key: Option<&str>| plan.layers.iter().find(|(name, _)| name.as_deref() == key).map(|(_, plan)| plan);
        let found = match self {
            Self::X => layer(None),
            Self::Layer(name) => layer(Some(name)),
            Self::Obsm(name) => plan.arrays.iter().find(|(key, _)| key == name).map(|(_, plan)| plan),
        };
        found.ok_or_else(|| Error::not_found(format!("the stores have no {self} in common")))
    }

    /// The dtype of its values in all stores.
    ///
    /// # Errors
    /// As [`plan`](Self::plan), and if it is not a matrix.
    pub(crate) fn dtype(&self, collection: &Collection) -> Result<DType> {
        match &self.plan(collection)?.kind {
            ElementKind::Dense { dtype, .. } | ElementKind::Sparse { dtype, .. } => Ok(dtype.clone()),
            _ => Err(Error::dtype(format!("{self} is not a matrix"))),
        }
    }
}

impl fmt::Display for MatrixKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X => f.write_str("X"),
            Self::Layer(name) => write!(f, "layers/{name}"),
            Self::Obsm(name) => write!(f, "obsm/{name}"),
        }
    }
}

/// The matrix of one store, and which of its columns are which of the collection.
#[derive(Debug)]
pub(crate) struct StoreMatrix<'a> {
    pub(crate) element: &'a Element,
    pub(crate) reindex: &'a Reindex,
    pub(crate) columns: usize,
}

impl<'a> StoreMatrix<'a> {
    /// The matrix of a store; `None` if it has none.
    pub(crate) fn new(key: &MatrixKey, collection: &'a Collection, store: usize) -> Result<Option<Self>> {
        let object = collection.objects_of_stores().get(store).or_bug("a store that is not there")?;
        let Some(element) = key.of(object) else { return Ok(None) };
        let reindex = key.plan(collection)?.reindex.get(store).or_bug("a store without a plan")?;
        let columns = match element.shape()?.as_deref() {
            Some([_, columns]) => *columns,
            _ => return Err(Error::dtype(format!("{key} of the store is not a matrix"))),
        };
        Ok(Some(Self { element, reindex, columns }))
    }

    /// Its columns, in their order, which the collection has and a filter lets pass: where they are in the store, and which
    /// they are in the collection.
    pub(crate) fn kept(&self, passes: impl Fn(usize) -> bool) -> (Vec<u64>, Vec<usize>) {
        let kept = (0..self.columns).filter_map(|old| {
            let new = self.reindex.to_new(old).filter(|&new| passes(new))?;
            Some((old as u64, new))
        });
        kept.unzip()
    }

    /// Whether it is compressed along its columns.
    pub(crate) fn is_csc(&self) -> Result<bool> {
        Ok(self.element.sparse_format()? == Some(SparseFormat::Csc))
    }
}

/// Parts of a matrix, in memory, one after the other.
#[derive(Debug)]
pub(crate) struct MatrixChunks {
    chunks: ElementChunks,
    /// What is selected along the other axis of each.
    inner: Option<AxisSelection>,
    /// Whether each has some of the rows and all selected columns; else it has all selected rows and some of the columns.
    pub(crate) by_row: bool,
}

impl StoreMatrix<'_> {
    /// Some rows and columns in parts of about so many bytes, as they are stored: rows of what is dense or CSR, columns of CSC.
    ///
    /// # Errors
    /// If what is selected is out of bounds, or metadata are malformed.
    pub(crate) fn chunks(&self, rows: &AxisSelection, columns: &AxisSelection, memory: u64) -> Result<MatrixChunks> {
        let by_row = !self.is_csc()?;
        let n_rows = self.element.shape()?.and_then(|shape| shape.first().copied()).or_bug("a matrix without rows")?;
        let (n_rows, n_columns) = (n_rows as u64, self.columns as u64);
        // What is compressed is selected from along its other axis in memory: its lengths are known without reading it.
        let (axes, inner) = match (self.element.is_sparse()?, by_row) {
            (false, _) => ([rows.clone(), columns.clone()], None),
            (true, true) => ([rows.clone(), AxisSelection::Range(0..n_columns)], Some((columns, n_columns))),
            (true, false) => ([AxisSelection::Range(0..n_rows), columns.clone()], Some((rows, n_rows))),
        };
        let inner = inner.filter(|(inner, len)| !inner.is_whole(*len)).map(|(inner, _)| inner.clone());
        let is_whole = axes.iter().zip([n_rows, n_columns]).all(|(axis, len)| axis.is_whole(len));
        let some = if is_whole { self.element.clone() } else { self.element.select(&axes)? };
        let options = ChunkOptions::default().with_axis(usize::from(!by_row)).with_memory_limit(memory);
        Ok(MatrixChunks { chunks: chunks(&some, &options)?, inner, by_row })
    }
}

impl Iterator for MatrixChunks {
    type Item = Result<(Range<usize>, Element)>;

    fn next(&mut self) -> Option<Self::Item> {
        let chunk = self.chunks.next()?;
        let Some(inner) = &self.inner else { return Some(chunk) };
        Some(chunk.and_then(|(range, chunk)| {
            let within = AxisSelection::Range(0..range.len() as u64);
            let axes = if self.by_row { [within, inner.clone()] } else { [inner.clone(), within] };
            Ok((range, chunk.select(&axes)?))
        }))
    }
}

/// Selected positions; a range where they are consecutive.
pub(crate) fn positions(at: &[u64]) -> AxisSelection {
    AxisSelection::of_positions(at.to_vec())
}
