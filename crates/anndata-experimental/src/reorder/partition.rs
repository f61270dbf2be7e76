//! [`partition`]: an object as several, each with some of its rows, in one pass over its matrices.

use std::path::PathBuf;

use anndata_core::{AnnData, AxisSelection, Element, Layers, Mapping, Result, Schema, SparseFormat};
use anndata_storage::{Error, OrBug};

use super::{Job, ReorderOptions, inverse};

/// How the rows of an object are parted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PartitionOptions {
    /// About the most bytes of memory for the values of matrices. In memory as a whole are annotations of the rows, and 32 bytes for
    /// each row. Default: 512 MiB.
    pub memory_limit: u64,
    /// The folder in which rows are kept that memory has no room for; folders in it are made, and removed when the partition is
    /// dropped. As many bytes are needed as the matrices take in memory. Default: the system's folder for temporary files.
    pub scratch: Option<PathBuf>,
}

impl Default for PartitionOptions {
    fn default() -> Self {
        Self { memory_limit: 512 << 20, scratch: None }
    }
}

impl PartitionOptions {
    /// Sets the memory limit in bytes.
    #[must_use]
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Sets the folder for rows that memory has no room for.
    #[must_use]
    pub fn with_scratch(mut self, folder: impl Into<Option<PathBuf>>) -> Self {
        self.scratch = folder.into();
        self
    }
}

/// An object as several, each with some of its rows: see [`partition`].
#[derive(Debug)]
pub struct Partition {
    /// The object, its annotations of rows in memory.
    whole: AnnData,
    /// The rows of each part.
    rows: Vec<Vec<u64>>,
    /// The elements whose rows are now in the order of the parts.
    layers: Vec<(Option<String>, Element)>,
    obsm: Vec<(String, Element)>,
    obsp: Vec<(String, Element)>,
    raw: Option<Element>,
}

/// Parts of an object, each with some of its rows, as [`select`](AnnData::select) would make them. Each matrix is passed over once,
/// now, however many parts there are, and its rows are put down part by part, so that the parts are read without reading any
/// stored chunk again. A row may be in one part, or in none.
///
/// Not so for CSC matrices, in which no row is stored as one, and elements of unknown encodings: each part reads them anew.
///
/// ```
/// use anndata_core::{AnnData, Tensor};
/// use anndata_experimental::{PartitionOptions, partition};
///
/// let cells = AnnData::builder().x(Tensor::from_vec([4, 1], vec![0, 1, 2, 3])?).build()?;
/// let parts = partition(&cells, vec![vec![0, 3], vec![2]], &PartitionOptions::default())?;
/// let first = parts.part(0)?.load()?;
/// assert_eq!(first.x().unwrap().to_tensor()?.as_slice::<i32>()?, [0, 3]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if a row is in two parts, or there is no such row; if something cannot be
/// read, or the scratch folder cannot be written to.
pub fn partition(adata: &AnnData, rows: Vec<Vec<u64>>, options: &PartitionOptions) -> Result<Partition> {
    let order = order(adata.n_obs(), &rows)?;
    let reordering =
        ReorderOptions::default().with_memory_limit(options.memory_limit).with_scratch(options.scratch.clone());
    let inverse = inverse(&order)?;
    let job = Job { rows: AxisSelection::of_positions(order), inverse, options: &reordering };
    let all = |mapping: &Mapping, slot: &str| -> Result<Vec<(String, Element)>> {
        let mut found = Vec::new();
        for (key, element) in mapping.iter().filter(|(_, element)| has_rows(element)) {
            found.push((key.clone(), job.element(element, &format!("{slot}/{key}"))?));
        }
        Ok(found)
    };
    let (arrays, graphs) = (all(adata.obsm(), "obsm")?, all(adata.obsp(), "obsp")?);
    let layers = layers(adata.layers(), &job)?;
    let raw = adata.raw().and_then(|raw| raw.x()).filter(|x| has_rows(x));
    let raw = raw.map(|x| job.element(x, "raw/X")).transpose()?;
    let mut whole = adata.clone();
    whole.set_obs(adata.obs().load()?)?;
    Ok(Partition { whole, rows, layers, obsm: arrays, obsp: graphs, raw })
}

/// The rows of all parts, one part after the other, and those of no part.
fn order(n_obs: usize, rows: &[Vec<u64>]) -> Result<Vec<u64>> {
    let mut is_taken = vec![false; n_obs];
    let mut order: Vec<u64> = Vec::with_capacity(n_obs);
    for &row in rows.iter().flatten() {
        let taken = usize::try_from(row).ok().and_then(|row| is_taken.get_mut(row));
        let taken = taken.ok_or_else(|| Error::invalid_input(format!("there is no row {row}: there are {n_obs}")))?;
        if std::mem::replace(taken, true) {
            return Err(Error::invalid_input(format!("row {row} is in two parts")));
        }
        order.push(row);
    }
    order.extend((0..).zip(is_taken).filter(|(_, taken)| !taken).map(|(row, _)| row));
    Ok(order)
}

fn layers(layers: &Layers, job: &Job<'_>) -> Result<Vec<(Option<String>, Element)>> {
    let mut found = Vec::new();
    for (key, layer) in layers.iter().filter(|(_, layer)| has_rows(layer)) {
        let path = key.as_ref().map_or_else(|| "X".to_owned(), |key| format!("layers/{key}"));
        found.push((key.clone(), job.element(layer, &path)?));
    }
    Ok(found)
}

/// Whether rows of an element can be put down one by one.
fn has_rows(element: &Element) -> bool {
    let is_known = !matches!(element, Element::Opaque(_) | Element::Extension(_));
    // What cannot be opened is told where it is read.
    is_known && element.schema().is_ok_and(|schema| !matches!(schema, Schema::Sparse { format: SparseFormat::Csc, .. }))
}

impl Partition {
    /// The number of parts.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no part.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A part, lazy where the object was and memory had no room. Parts that are read in their order are read fastest.
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if there is no such part.
    pub fn part(&self, number: usize) -> Result<AnnData> {
        let rows = self
            .rows
            .get(number)
            .ok_or_else(|| Error::invalid_input(format!("there is no part {number}: there are {}", self.rows.len())))?;
        let before: usize = self.rows.iter().take(number).map(Vec::len).sum();
        let own = AxisSelection::Range(before as u64..(before + rows.len()) as u64);
        let rows = AxisSelection::of_positions(rows.clone());
        let mut part = self.whole.select(rows.clone(), ..)?;
        for (key, layer) in &self.layers {
            part.set_layer(key.as_deref(), layer.select(std::slice::from_ref(&own))?)?;
        }
        for (key, element) in &self.obsm {
            // Frames drop categories that no row has, as the view did; they are in memory, and are no matrices.
            if !matches!(element, Element::Frame(_)) {
                part.set_obsm(key, element.select(std::slice::from_ref(&own))?)?;
            }
        }
        for (key, element) in &self.obsp {
            part.set_obsp(key, element.select(&[own.clone(), rows.clone()])?)?;
        }
        if let Some(x) = &self.raw {
            let raw = part.raw().cloned().or_bug("an object with raw has parts with raw")?;
            part.set_raw(raw.map_x(|_| x.select(std::slice::from_ref(&own)))?)?;
        }
        Ok(part)
    }
}
