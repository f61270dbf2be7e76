//! [`rechunk`]: a collection written as one store, in another order and other chunks.

use std::path::Path;
use std::sync::Arc;

use anndata_experimental::{Collection, ReorderOptions, RowOrder, reorder};
use anndata_format::storage::ArrayLayout;
use anndata_format::{AnnData, Element, Error, Result, Schema};

use super::on_disk::{Done, OnDiskReport, check_apart, within_limit};
use crate::format::is_url;
use crate::{Compression, Format, WriteOptions};

/// How a collection is rewritten.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RechunkOptions {
    /// The order of the rows. Default: as they are.
    pub order: RowOrder,
    /// The rows of a chunk, so that those of a batch are read without many others: of a sparse matrix a chunk has as many values as so
    /// many rows have on average. Default: 64.
    pub rows_per_chunk: u32,
    /// The rows of each of several stores: then the output is a folder of datasets, as annbatch makes and reads it. Default: one store.
    pub rows_per_dataset: Option<u64>,
    /// How the output is written. What is there is replaced only if that is asked for. Default: compressed with Blosc, in shards.
    pub write: WriteOptions,
    /// About the most bytes of memory that values on their way take; see [`ReorderOptions::memory_limit`]. The output does not
    /// depend on it. Default: 512 MiB.
    pub memory_limit: u64,
    /// The folder for rows that memory has no room for. Default: that of the output.
    pub scratch: Option<std::path::PathBuf>,
}

impl Default for RechunkOptions {
    fn default() -> Self {
        Self {
            order: RowOrder::Keep,
            rows_per_chunk: 64,
            rows_per_dataset: None,
            write: WriteOptions::default().with_compression(Compression::Blosc(5)),
            memory_limit: 512 << 20,
            scratch: None,
        }
    }
}

impl RechunkOptions {
    /// Sets the order of the rows.
    #[must_use]
    pub fn with_order(mut self, order: RowOrder) -> Self {
        self.order = order;
        self
    }

    /// Sets the rows of a chunk.
    #[must_use]
    pub fn with_rows_per_chunk(mut self, rows: u32) -> Self {
        self.rows_per_chunk = rows;
        self
    }

    /// Makes a folder of datasets of so many rows each, for annbatch.
    #[must_use]
    pub fn with_rows_per_dataset(mut self, rows: impl Into<Option<u64>>) -> Self {
        self.rows_per_dataset = rows.into();
        self
    }

    /// Sets how the output is written.
    #[must_use]
    pub fn with_write(mut self, write: WriteOptions) -> Self {
        self.write = write;
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
    pub fn with_scratch(mut self, folder: impl Into<Option<std::path::PathBuf>>) -> Self {
        self.scratch = folder.into();
        self
    }
}

/// Writes a collection to the store at a path, whose name says the format, with its rows in another order and in chunks that are good
/// to draw batches from: what is shuffled once is then read in order, or in units of a chunk.
///
/// A [shuffle](RowOrder::Shuffle) is uniform, and the output is the same with any limit of memory: rows that there is no room for go
/// to files beside the output, which are removed whatever happens, unless the process is killed.
///
/// ```
/// use anndata::experimental::{Collection, RechunkOptions, RowOrder, rechunk};
/// use anndata::{AnnData, ConcatOptions, Tensor};
///
/// # let directory = tempfile::tempdir()?;
/// # let [a, b, all] = ["a.h5ad", "b.h5ad", "all.zarr"].map(|name| directory.path().join(name));
/// # let object = |value: f32| AnnData::builder().x(Tensor::from_vec([2, 1], vec![value; 2])?).build();
/// # anndata::write(&a, &object(1.0)?)?;
/// # anndata::write(&b, &object(2.0)?)?;
/// let cells = Collection::open([("a", &a), ("b", &b)], &ConcatOptions::default(), |path| anndata::open(path))?;
/// rechunk(&cells, &all, &RechunkOptions::default().with_order(RowOrder::Shuffle { seed: 0 }))?;
/// assert_eq!(anndata::read(&all)?.shape(), (4, 1));
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// As [`reorder`](anndata_experimental::reorder()) and [`write`](crate::write()); if the output is one of the stores, or within one; if it
/// is there and is not to be replaced;
/// [`Unsupported`](crate::ErrorKind::Unsupported) for datasets in a format other than a zarr folder.
#[doc(alias("add_adatas", "DatasetCollection", "create_anndata_collection"))]
pub fn rechunk(data: &Collection, output: impl AsRef<Path>, options: &RechunkOptions) -> Result<OnDiskReport> {
    let output = output.as_ref();
    if options.rows_per_chunk == 0 || options.rows_per_dataset == Some(0) {
        return Err(Error::invalid_input("chunks and datasets have at least one row"));
    }
    if output.to_str().is_some_and(is_url) {
        return Err(
            Error::unsupported("rows in another order are written to files and folders, not to URLs").in_file(output)
        );
    }
    let format = Format::for_name(output)?;
    data.locations().unwrap_or_default().iter().try_for_each(|input| check_apart(input, output))?;
    if options.write.overwrite != Some(true) && output.exists() {
        return Err(Error::already_exists("it already exists").in_file(output));
    }
    let beside = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let scratch = options.scratch.clone().unwrap_or_else(|| beside.to_owned());
    let reordering = ReorderOptions::default()
        .with_order(options.order.clone())
        .with_memory_limit(options.memory_limit)
        .with_scratch(scratch);
    let made = reorder(data, &reordering)?;
    let done = Arc::new(Done::default());
    let write = within_limit(&options.write, options.memory_limit, &done);
    let layouts = layouts(&made, u64::from(options.rows_per_chunk))?;
    let written = match options.rows_per_dataset {
        None => crate::write::to(format, output, &made, &with_layouts(&write, &layouts)),
        Some(rows) => datasets(format, output, &made, rows, &write, &layouts),
    };
    written.map_err(|error| error.in_file(output))?;
    Ok(done.report(Vec::new()))
}

/// Arrays of an object by path, and how each is laid out.
type Layouts = Vec<(String, ArrayLayout)>;

fn with_layouts(write: &WriteOptions, layouts: &Layouts) -> WriteOptions {
    let add =
        |write: WriteOptions, (path, layout): &(String, ArrayLayout)| write.with_layout(path.clone(), layout.clone());
    layouts.iter().fold(write.clone(), add)
}

/// The layout of each matrix, of so many rows in a chunk.
fn layouts(adata: &AnnData, rows: u64) -> Result<Layouts> {
    let mut layouts = Layouts::new();
    let mut layout = |path: &str, element: &Element| -> Result<()> {
        match element.schema()? {
            Schema::Array { shape, .. } if shape.len() > 1 => {
                let chunks = std::iter::once(rows).chain(shape.iter().skip(1).map(|&len| (len as u64).max(1)));
                layouts.push((path.to_owned(), ArrayLayout::default().with_chunks(chunks.collect::<Vec<_>>())));
            }
            Schema::Sparse { shape, dtype, .. } => {
                let bytes = element.size_in_memory(true) as u64;
                // Of each value there is an index.
                let value = dtype.size().unwrap_or(size_of::<f32>()) as u64 + size_of::<i32>() as u64;
                let values = (bytes / value / (shape.0 as u64).max(1)).max(1).saturating_mul(rows);
                for array in ["data", "indices"] {
                    layouts.push((format!("{path}/{array}"), ArrayLayout::default().with_chunks([values])));
                }
            }
            _ => {}
        }
        Ok(())
    };
    for (key, element) in adata.layers() {
        layout(&key.as_ref().map_or_else(|| "X".to_owned(), |key| format!("layers/{key}")), element)?;
    }
    for (key, element) in adata.obsm() {
        layout(&format!("obsm/{key}"), element)?;
    }
    if let Some(x) = adata.raw().and_then(|raw| raw.x()) {
        layout("raw/X", x)?;
    }
    Ok(layouts)
}

/// A folder of datasets of so many rows each.
#[cfg(feature = "zarr")]
fn datasets(
    format: Format,
    output: &Path,
    adata: &AnnData,
    rows: u64,
    write: &WriteOptions,
    layouts: &Layouts,
) -> Result<()> {
    use anndata_format::io;

    if format != Format::Zarr {
        return Err(Error::unsupported("only a zarr folder has several datasets: choose an output that ends in .zarr"));
    }
    // Fallback: more rows than memory can count are all of them.
    let rows = usize::try_from(rows).unwrap_or(usize::MAX);
    let zarr = write.zarr.clone().with_durable(write.durable && write.zarr.durable);
    anndata_io_zarr::write_atomic(output, &zarr, write.overwrite.unwrap_or(false), |root| {
        root.set_attribute("encoding-type", "annbatch-preshuffled")?;
        root.set_attribute("encoding-version", "0.1.0")?;
        for (number, start) in (0..adata.n_obs()).step_by(rows).enumerate() {
            let part = adata.select(start..adata.n_obs().min(start.saturating_add(rows)), ..)?;
            let name = format!("dataset_{number}");
            let write = with_layouts(write, layouts);
            io::write_anndata(&root.create_group(&name)?, &part, &write.elem)?;
        }
        Ok(())
    })
}

#[cfg(not(feature = "zarr"))]
fn datasets(_: Format, output: &Path, _: &AnnData, _: u64, _: &WriteOptions, _: &Layouts) -> Result<()> {
    Err(crate::format::not_built(Format::Zarr).in_file(output))
}
