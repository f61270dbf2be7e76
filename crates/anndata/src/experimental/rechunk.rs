//! [`rechunk`]: a collection written as one store, in another order and other chunks.

use std::path::Path;
use std::sync::Arc;

use anndata_experimental::{Collection, ReorderOptions, RowOrder, reorder};
use anndata_format::storage::ArrayLayout;
use anndata_format::{AnnData, Element, Error, Result, Schema, SparseFormat};

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
    /// How the output is written. What is there is replaced only if that is asked for. Default: compressed with Blosc, in shards of
    /// 1 GB, which have as many chunks as that takes.
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
    let rows_per_chunk = u64::from(options.rows_per_chunk);
    let written = match options.rows_per_dataset {
        None => {
            let layouts = layouts(&made, rows_per_chunk, shard_bytes(format, &write))?;
            crate::write::to(format, output, &made, &with_layouts(&write, &layouts))
        }
        Some(rows) => datasets(format, output, &made, rows, &write, rows_per_chunk),
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

/// The bytes of values in a shard, if there are shards.
#[cfg(feature = "zarr")]
fn shard_bytes(format: Format, write: &WriteOptions) -> Option<u64> {
    match write.zarr.sharding {
        anndata_io_zarr::Sharding::Auto { target_bytes } if format != Format::H5ad => Some(target_bytes),
        _ => None,
    }
}

#[cfg(not(feature = "zarr"))]
fn shard_bytes(_: Format, _: &WriteOptions) -> Option<u64> {
    None
}

/// The layout of each matrix, of so many rows in a chunk, and as many chunks in a shard as are of about so many bytes.
fn layouts(adata: &AnnData, rows: u64, shard_bytes: Option<u64>) -> Result<Layouts> {
    let mut layouts = Layouts::new();
    // Of an array that is so long, with chunks of this shape and values of so many bytes.
    let chunked = |chunk: Vec<u64>, len: u64, value: usize| {
        let bytes = chunk.iter().fold(value as u64, |bytes, &len| bytes.saturating_mul(len)).max(1);
        let layout = ArrayLayout::default().with_chunks(chunk.clone());
        let (Some(most), Some(first)) = (shard_bytes, chunk.first()) else { return layout };
        let count = (most / bytes).min(len.div_ceil(*first));
        if count < 2 {
            return layout;
        }
        let mut shard = chunk;
        shard.iter_mut().take(1).for_each(|first| *first = first.saturating_mul(count));
        layout.with_shards(shard)
    };
    let mut layout = |path: &str, element: &Element| -> Result<()> {
        match element.schema()? {
            Schema::Array { shape, dtype } if shape.len() > 1 => {
                let chunk = std::iter::once(rows).chain(shape.iter().skip(1).map(|&len| (len as u64).max(1)));
                let len = shape.first().map_or(0, |&len| len as u64);
                layouts.push((path.to_owned(), chunked(chunk.collect(), len, dtype.size().unwrap_or(1))));
            }
            Schema::Sparse { format, shape, dtype } => {
                let nnz = values(element, if format == SparseFormat::Csr { shape.0 } else { shape.1 })?;
                let mean = u128::from(nnz) * u128::from(rows) / (shape.0 as u128).max(1);
                // Fallback: a chunk of more values than can be counted has all of them.
                let chunk = u64::try_from(mean).unwrap_or(u64::MAX).max(1);
                let sizes = [("data", dtype.size().unwrap_or(1)), ("indices", size_of::<i32>())];
                for (array, size) in sizes {
                    layouts.push((format!("{path}/{array}"), chunked(vec![chunk], nnz, size)));
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

/// The number of stored values of a sparse matrix.
fn values(element: &Element, slices: usize) -> Result<u64> {
    const BLOCK: usize = 1 << 16;
    let starts = (0..slices).step_by(BLOCK);
    let lengths = starts.map(|start| element.major_lengths(start..slices.min(start.saturating_add(BLOCK))));
    lengths.map(|block| Ok(block?.into_iter().map(|len| len as u64).sum::<u64>())).sum()
}

/// A folder of datasets of so many rows each.
#[cfg(feature = "zarr")]
fn datasets(
    format: Format,
    output: &Path,
    adata: &AnnData,
    rows: u64,
    write: &WriteOptions,
    rows_per_chunk: u64,
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
            let layouts = layouts(&part, rows_per_chunk, shard_bytes(format, write))?;
            let write = with_layouts(write, &layouts);
            io::write_anndata(&root.create_group(&name)?, &part, &write.elem)?;
        }
        Ok(())
    })
}

#[cfg(not(feature = "zarr"))]
fn datasets(_: Format, output: &Path, _: &AnnData, _: u64, _: &WriteOptions, _: u64) -> Result<()> {
    Err(crate::format::not_built(Format::Zarr).in_file(output))
}
