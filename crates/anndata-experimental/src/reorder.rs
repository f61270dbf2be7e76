//! [`reorder`]: the rows of a collection in another order, in bounded memory.

mod bucket;
mod partition;
mod resident;

use std::path::PathBuf;
use std::sync::Arc;

use anndata_core::{AnnData, AxisSelection, DataFrame, Element, Lazy, Raw, Result, Schema, Series, SparseFormat};
use anndata_storage::{Error, OrBug};
use rayon::prelude::*;

use self::bucket::{Spilled, spill};
use self::resident::Resident;
use crate::classes::Classes;
use crate::random::Key;
use crate::{Collection, chunks::load_once};

pub use partition::{Partition, PartitionOptions, partition};

/// The order of rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum RowOrder {
    /// As they are.
    #[default]
    Keep,
    /// At random: all orders are equally likely, whatever the limit of memory, which does not change the result.
    Shuffle {
        /// What the order depends on, beside the number of rows.
        seed: u64,
    },
    /// Rows that have the same values in some columns of `obs` together, in the order of their first rows.
    GroupBy {
        /// The columns.
        columns: Vec<String>,
        /// What the random order within a group depends on; without, rows stay in their order.
        shuffle_within: Option<u64>,
    },
}

/// How rows are put in another order.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReorderOptions {
    /// The order. Default: [`RowOrder::Keep`].
    pub order: RowOrder,
    /// About the most bytes of memory for the values of matrices. In memory as a whole are annotations of the rows, and 32 bytes for
    /// each row. Default: 512 MiB.
    pub memory_limit: u64,
    /// The folder in which rows are kept that memory has no room for; a folder in it is made, and removed when the object is dropped.
    /// As many bytes are needed as the largest matrix takes in memory. Default: the system's folder for temporary files.
    pub scratch: Option<PathBuf>,
}

impl Default for ReorderOptions {
    fn default() -> Self {
        Self { order: RowOrder::default(), memory_limit: 512 << 20, scratch: None }
    }
}

impl ReorderOptions {
    /// Sets the order.
    #[must_use]
    pub fn with_order(mut self, order: RowOrder) -> Self {
        self.order = order;
        self
    }

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

/// The rows of a collection in another order, as an object to be written: its matrices are lazy, and are read in the order in which
/// they are written without reading any stored chunk twice. Each matrix is passed over once, now, and its rows go to files, each of
/// which has those of one stretch of the result.
///
/// ```
/// use anndata_core::{AnnData, ConcatOptions, Tensor};
/// use anndata_experimental::{Collection, ReorderOptions, RowOrder, reorder};
///
/// let object = AnnData::builder().x(Tensor::from_vec([6, 1], (0..6_i32).collect())?).build()?;
/// let cells = Collection::new([("a", object)], &ConcatOptions::default())?;
/// let options = ReorderOptions::default().with_order(RowOrder::Shuffle { seed: 1 });
/// let shuffled = reorder(&cells, &options)?;
/// // With any limit of memory the same.
/// assert_eq!(shuffled.load()?, reorder(&cells, &options.with_memory_limit(8))?.load()?);
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// [`NotFound`](anndata_core::ErrorKind::NotFound) if there is no such column; [`Unsupported`](anndata_core::ErrorKind::Unsupported) for
/// square matrices over the rows: make the collection without them; if something cannot be read, or the scratch folder cannot be written
/// to.
pub fn reorder(data: &Collection, options: &ReorderOptions) -> Result<AnnData> {
    if let Some(key) = data.obsp().keys().next() {
        let message = "a square matrix over the rows cannot be put in another order: make the collection without these";
        return Err(Error::unsupported(message).at(&format!("obsp/{key}")));
    }
    let Some(order) = order(data, &options.order)? else { return Ok(data.clone().into_anndata()) };
    let job = Job { rows: AxisSelection::of_positions(order.clone()), inverse: inverse(&order)?, options };
    let layers = data.layers().iter().map(|(key, layer)| {
        let path = key.as_ref().map_or_else(|| "X".to_owned(), |key| format!("layers/{key}"));
        Ok((key.clone(), job.element(layer, &path)?))
    });
    let obsm =
        data.obsm().iter().map(|(key, element)| Ok((key.clone(), job.element(element, &format!("obsm/{key}"))?)));
    let raw = data.raw().map(|raw| {
        let x = raw.x().map(|x| job.element(x, "raw/X")).transpose()?;
        Ok::<_, Error>(Raw::new(x, raw.var().clone(), raw.varm().clone())?.with_other(raw.other().clone()))
    });
    AnnData::builder()
        .shape(data.n_obs(), data.n_vars())
        .all_layers(layers.collect::<Result<_>>()?)
        .all_obsm(obsm.collect::<Result<_>>()?)
        .obs(job.frame(data.obs())?)
        .var(data.var().clone())
        .all_varm(data.varm().clone())
        .all_varp(data.varp().clone())
        .all_uns(data.uns().clone())
        .raw(raw.transpose()?)
        .stored()
        .build()
}

/// The rows in order; `None` if it is the order that they have.
fn order(data: &Collection, order: &RowOrder) -> Result<Option<Vec<u64>>> {
    let rows = 0..data.n_obs() as u64;
    let mut sorted: Vec<(u32, u64, u64)> = match order {
        RowOrder::Keep => return Ok(None),
        RowOrder::Shuffle { seed } => {
            let key = Key::new(*seed).with(ORDER);
            rows.map(|row| (0, key.at(row), row)).collect()
        }
        RowOrder::GroupBy { columns, shuffle_within } => {
            let classes = Classes::of(data, columns)?;
            let key = shuffle_within.map(|seed| Key::new(seed).with(ORDER));
            let place = |row: u64| key.map_or(row, |key| key.at(row));
            classes.codes.into_iter().zip(rows).map(|(class, row)| (class, place(row), row)).collect()
        }
    };
    sorted.par_sort_unstable();
    Ok(Some(sorted.into_iter().map(|(_, _, row)| row).collect()))
}

/// What keys are made with.
const ORDER: u64 = 0x6f72_6465_7200_0001;

/// Where each row goes.
fn inverse(order: &[u64]) -> Result<Vec<u64>> {
    let mut inverse = vec![0; order.len()];
    for (position, &row) in (0..).zip(order) {
        let row = usize::try_from(row).or_bug("a row beyond memory")?;
        *inverse.get_mut(row).or_bug("a row beyond all")? = position;
    }
    Ok(inverse)
}

struct Job<'a> {
    rows: AxisSelection,
    inverse: Vec<u64>,
    options: &'a ReorderOptions,
}

/// Which part of the limit the rows of a file take: there are these as read, in order, and as they are written.
const FILES_IN_MEMORY: u64 = 4;

/// Which part of the limit a matrix takes at most that is put in another order at once: there is it as read, and in order.
const AT_ONCE: u64 = 8;

impl Job<'_> {
    fn element(&self, element: &Element, path: &str) -> Result<Element> {
        let bytes = element.size_in_memory(true) as u64;
        let limit = self.options.memory_limit;
        let most = (limit / FILES_IN_MEMORY).max(1);
        let schema = element.schema()?;
        let is_csc = matches!(schema, Schema::Sparse { format: SparseFormat::Csc, .. });
        let is_matrix = matches!(schema, Schema::Array { .. } | Schema::Sparse { .. });
        if bytes <= limit / AT_ONCE || (is_csc && bytes <= most) || !is_matrix {
            let all = load_once(element)?;
            return all.select(std::slice::from_ref(&self.rows));
        }
        // The rest of the limit is for the blocks in which it is written.
        if bytes <= limit / 8 * 5 && !is_csc {
            let resident = Resident::read(element, &self.inverse, (limit - bytes) / 2, path)?;
            return Ok(Element::Lazy(Lazy::uncached(resident)));
        }
        let scratch = match &self.options.scratch {
            Some(folder) => tempfile::Builder::new().prefix(".anndata-rows-").tempdir_in(folder),
            None => tempfile::Builder::new().prefix(".anndata-rows-").tempdir(),
        };
        let scratch =
            scratch.map_err(|error| Error::io("no folder for scratch files can be made").with_source(error))?;
        let spilled: Spilled = spill(element, &self.inverse, bytes.div_ceil(most), most, Arc::new(scratch), path)?;
        Ok(Element::Lazy(Lazy::uncached(spilled)))
    }

    fn frame(&self, frame: &DataFrame) -> Result<DataFrame> {
        let series = |series: &Series| match series {
            Series::Opaque(_) => {
                Err(Error::unsupported("a column of an unknown encoding cannot be put in another order"))
            }
            series => series.load_once()?.select(&self.rows).map(Series::Loaded),
        };
        let index = series(frame.index())?;
        let mut made = DataFrame::with_index(index).with_index_name(frame.index_name().map(str::to_owned));
        for (name, column) in frame.columns() {
            made.insert(name, series(column).map_err(|error| error.at(&format!("obs/{name}")))?)?;
        }
        Ok(made)
    }
}
