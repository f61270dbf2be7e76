//! [`concat_on_disk`]: a concatenation that is written and never in memory as a whole.

mod resume;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anndata_experimental::Collection;
use anndata_format::node::{Grid, Progress};
use anndata_format::storage::FileStamp;
use anndata_format::{AnnData, ConcatAxis, ConcatOptions, ConcatPlan, Error, Result};

use crate::format::{Location, is_url, output_url};
use crate::{Format, ReadOptions, WriteOptions};

/// How objects are concatenated on disk.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OnDiskOptions {
    /// What becomes of each element: all that [`concat`](crate::concat()) can.
    pub concat: ConcatOptions,
    /// How the inputs are opened.
    pub read: ReadOptions,
    /// How the output is written. What is there is replaced only if that is asked for.
    pub write: WriteOptions,
    /// About the most bytes of memory that values on their way take, however large the inputs are. Default: 512 MiB.
    pub memory_limit: u64,
    /// Whether stored chunks (shards, where there are such) are copied as they are if they fit: the values are the same, so are
    /// dtype, codecs and the shape of the chunk, and their rows begin where a chunk of the output does, as those of the first
    /// input do. Where [`write`](Self::write) asks for no layout, arrays are laid out as the input that most of their rows are
    /// from. Default: yes.
    pub copy_chunks: bool,
    /// How arrays are cut that are put together from stored ones and for which [`write`](Self::write) asks for no layout. With
    /// [`Grid::Rectilinear`] the chunks of the inputs follow each other, so that nearly all are copied as they are; the output has
    /// to be a zarr store of version 3. Default: [`Grid::Regular`].
    pub grid: Grid,
    /// Whether what was written stays if the work is interrupted, so that the next call with the same inputs, options and output
    /// goes on with it: in a folder `.NAME.resume` beside the output, which has to be a zarr folder. The output is the same, byte
    /// for byte. Default: no, and nothing is left behind.
    pub resume: bool,
}

impl Default for OnDiskOptions {
    fn default() -> Self {
        let (concat, read, write) = (ConcatOptions::default(), ReadOptions::default(), WriteOptions::default());
        Self { concat, read, write, memory_limit: 512 << 20, copy_chunks: true, grid: Grid::Regular, resume: false }
    }
}

impl OnDiskOptions {
    /// Sets what becomes of each element.
    #[must_use]
    pub fn with_concat(mut self, concat: ConcatOptions) -> Self {
        self.concat = concat;
        self
    }

    /// Sets how the inputs are opened.
    #[must_use]
    pub fn with_read(mut self, read: ReadOptions) -> Self {
        self.read = read;
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

    /// Sets whether stored chunks are copied as they are if they fit.
    #[must_use]
    pub fn with_copy_chunks(mut self, yes: bool) -> Self {
        self.copy_chunks = yes;
        self
    }

    /// Sets how arrays are cut that are put together from stored ones.
    #[must_use]
    pub fn with_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// Sets whether an interrupted concatenation is gone on with.
    #[must_use]
    pub fn with_resume(mut self, yes: bool) -> Self {
        self.resume = yes;
        self
    }
}

/// What a concatenation on disk did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OnDiskReport {
    /// The bytes of the values that were written, before compression.
    pub bytes_written: u64,
    /// The stored chunks (or shards) that were copied as they are.
    pub chunks_copied: u64,
    /// The bytes that these take in the store.
    pub bytes_copied: u64,
    /// The paths of elements that inputs have and the output has not, as the options say.
    pub dropped: Vec<String>,
}

/// Which part of the memory a block is: of joined values there is the block, what it is made of, and both of the next one.
const BLOCKS_IN_MEMORY: u64 = 8;

/// A block is not larger than this per core, whatever the limit: all cores have enough to do with it, and an allocator gives memory
/// of this size again, which larger pieces are taken from the system for, a page at a time.
const MOST_PER_CORE: u64 = 8 << 20;

/// Concatenates the objects in some stores, each under a key, into the store at a path, whose name says the format.
///
/// The output is what [`concat`](crate::concat()) makes of the same objects with the same options: every slot, kind of element
/// and option. Inputs may be of any format, version and number, URLs among them. Matrices, columns and labels are written block
/// by block; in memory as a whole are the names of the joined axis, the categories of a column, what is
/// [merged](ConcatOptions::merge), and awkward arrays.
///
/// The output, a path or the URL of a zarr store, appears whole or not at all, as [`write`](crate::write()) promises. With [`resume`](OnDiskOptions::resume), work
/// that was interrupted is gone on with.
///
/// ```
/// use anndata::experimental::{OnDiskOptions, concat_on_disk};
/// # use anndata::{AnnData, ConcatOptions, Tensor};
///
/// # let directory = tempfile::tempdir()?;
/// # let [a, b, all] = ["a.h5ad", "b.zarr", "all.zarr"].map(|name| directory.path().join(name));
/// # let object = |value: f32| AnnData::builder().x(Tensor::from_vec([2, 1], vec![value; 2])?).build();
/// # anndata::write(&a, &object(1.0)?)?;
/// # anndata::write(&b, &object(2.0)?)?;
/// let options = OnDiskOptions::default().with_concat(ConcatOptions::default().with_label("plate"));
/// let report = concat_on_disk([("a", &a), ("b", &b)], &all, &options)?;
/// assert!(report.dropped.is_empty());
/// assert_eq!(anndata::read(&all)?.obs().column("plate")?.len(), 4);
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// If the output is one of the inputs, or within one; if it is there and is not to be replaced; with `resume`
/// [`Unsupported`](crate::ErrorKind::Unsupported) for an output that is not a zarr folder, and
/// [`InvalidInput`](crate::ErrorKind::InvalidInput) if work with other inputs or options was interrupted there; as
/// [`concat`](crate::concat()); if an input cannot be read or was changed meanwhile, or writing fails. The error names the
/// store, and the path within it.
pub fn concat_on_disk<K: Into<String>, P: AsRef<Path>>(
    inputs: impl IntoIterator<Item = (K, P)>,
    output: impl AsRef<Path>,
    options: &OnDiskOptions,
) -> Result<OnDiskReport> {
    let output = output.as_ref();
    let job = Job::open(inputs, output, options)?;
    let done = Arc::new(Done::default());
    let write = options.write_within_limit(&done);
    let made = match &job.identity {
        Some(identity) => resume::write(output, &job.joined, &write, identity),
        None => crate::write::to(job.format, output, &job.joined, &write),
    };
    made.map_err(|error| error.in_file(output))?;
    Ok(done.report(job.dropped))
}

/// What was done so far.
#[derive(Debug, Default)]
pub(super) struct Done {
    written: AtomicU64,
    chunks: AtomicU64,
    copied: AtomicU64,
}

impl Done {
    pub(super) fn report(&self, dropped: Vec<String>) -> OnDiskReport {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        OnDiskReport {
            bytes_written: count(&self.written),
            chunks_copied: count(&self.chunks),
            bytes_copied: count(&self.copied),
            dropped,
        }
    }
}

/// What [`concat_on_disk`] would do: the plan, and about the bytes of the values that it would write, before compression.
/// Nothing is written.
///
/// # Errors
/// As [`concat_on_disk`], of what is looked at before anything is written.
pub fn plan_on_disk<K: Into<String>, P: AsRef<Path>>(
    inputs: impl IntoIterator<Item = (K, P)>,
    output: impl AsRef<Path>,
    options: &OnDiskOptions,
) -> Result<(ConcatPlan, u64)> {
    let job = Job::open(inputs, output.as_ref(), options)?;
    let bytes = job.joined.size_in_memory(true)?.total();
    Ok((job.joined.plan().clone(), bytes as u64))
}

impl OnDiskOptions {
    /// How the output is written within the limit; what is done is counted.
    fn write_within_limit(&self, done: &Arc<Done>) -> WriteOptions {
        let mut write = self.write.clone();
        write.elem.store.copy_chunks = self.copy_chunks;
        let is_cut = self.grid != Grid::Regular;
        write.elem.store.adopt_layout = is_cut || (self.copy_chunks && has_default_shards(&self.write));
        write.elem.store.grid = self.grid;
        within_limit(&write, self.memory_limit, done)
    }
}

/// Options by which blocks fit into a limit of memory; what is done is counted.
pub(super) fn within_limit(write: &WriteOptions, memory_limit: u64, done: &Arc<Done>) -> WriteOptions {
    let mut write = write.clone().with_overwrite(write.overwrite == Some(true));
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let enough = MOST_PER_CORE.saturating_mul(cores);
    write.elem.store.block_bytes = (memory_limit / BLOCKS_IN_MEMORY).clamp(1, enough);
    let told = write.elem.store.progress.take();
    let (done, of_copied, told_of_copied) = (Arc::clone(done), Arc::clone(done), told.clone());
    let progress = Progress::new(move |bytes| {
        done.written.fetch_add(bytes, Ordering::Relaxed);
        if let Some(told) = &told {
            told.add(bytes);
        }
    });
    write.with_progress(progress.with_copied(move |copied| {
        of_copied.chunks.fetch_add(copied.pieces, Ordering::Relaxed);
        of_copied.copied.fetch_add(copied.bytes, Ordering::Relaxed);
        if let Some(told) = &told_of_copied {
            told.add_copied(copied);
        }
    }))
}

/// Whether no other shards than the usual ones are asked for.
#[cfg(feature = "zarr")]
fn has_default_shards(write: &WriteOptions) -> bool {
    write.zarr.sharding == anndata_io_zarr::Sharding::default()
}

/// Whether an output can have chunks of unequal length.
#[cfg(feature = "zarr")]
fn has_grids(format: Format, write: &WriteOptions) -> bool {
    format == Format::Zarr && write.zarr.format.unwrap_or_default() == anndata_io_zarr::ZarrFormat::V3
}

#[cfg(not(feature = "zarr"))]
fn has_grids(_: Format, _: &WriteOptions) -> bool {
    false
}

#[cfg(not(feature = "zarr"))]
fn has_default_shards(_: &WriteOptions) -> bool {
    true
}

/// A concatenation that was looked at and can be written.
struct Job {
    format: Format,
    joined: Collection,
    dropped: Vec<String>,
    /// What tells the work from any other, if it can be interrupted.
    identity: Option<String>,
}

impl Job {
    fn open<K: Into<String>, P: AsRef<Path>>(
        inputs: impl IntoIterator<Item = (K, P)>,
        output: &Path,
        options: &OnDiskOptions,
    ) -> Result<Self> {
        let url = output_url(output)?;
        let format = Format::for_name(output)?;
        if options.grid != Grid::Regular && !has_grids(format, &options.write) {
            let message =
                "chunks of unequal length are part of zarr version 3 alone: choose an output that ends in .zarr";
            return Err(Error::unsupported(message).in_file(output));
        }
        if options.resume {
            resume::check(format, output, url.is_some())?;
        }
        let inputs: Vec<(String, PathBuf)> =
            inputs.into_iter().map(|(key, path)| (key.into(), path.as_ref().to_owned())).collect();
        inputs.iter().try_for_each(|(_, input)| check_apart(input, output))?;
        if options.write.overwrite != Some(true) && output.exists() {
            return Err(Error::already_exists("it already exists").in_file(output));
        }
        let read = options.read.clone();
        let identity = options.resume.then(|| resume::identity(&inputs, options));
        let objects =
            Collection::objects(inputs, &read.elem.clone(), move |path| crate::open_object_with(path, &read))?;
        let own: Vec<Vec<String>> = objects.iter().map(|(_, object)| paths(object)).collect();
        let joined = Collection::new(objects, &options.concat)?;
        let kept = paths(&joined);
        let mut dropped: Vec<String> = own.into_iter().flatten().filter(|path| !kept.contains(path)).collect();
        dropped.sort_unstable();
        dropped.dedup();
        Ok(Self { format, joined, dropped, identity })
    }
}

/// The paths of the elements of an object, columns among them.
fn paths(adata: &AnnData) -> Vec<String> {
    let mut paths: Vec<String> = adata
        .layers()
        .keys()
        .map(|key| key.as_ref().map_or_else(|| "X".to_owned(), |key| format!("layers/{key}")))
        .collect();
    for (slot, mapping) in adata.mappings() {
        paths.extend(mapping.keys().map(|key| format!("{slot}/{key}")));
    }
    for (axis, frame) in [(ConcatAxis::Obs, adata.obs()), (ConcatAxis::Var, adata.var())] {
        paths.extend(frame.column_names().map(|name| format!("{}/{name}", axis.name())));
    }
    paths.extend(adata.raw().map(|_| "raw".to_owned()));
    paths
}

/// Refuses an output that is an input, under whatever name, or within one, and one that holds an input: it would be changed or
/// lost.
pub(super) fn check_apart(input: &Path, output: &Path) -> Result<()> {
    if input.to_str().is_some_and(is_url) {
        return Ok(());
    }
    let input = Location::of(input)?.store;
    let stamp = |path: &Path| std::fs::metadata(path).ok().map(|metadata| FileStamp::of(&metadata));
    let is_same = match (stamp(&input), stamp(output)) {
        (Some(input), Some(output)) => input.is_same_file(&output),
        _ => false,
    };
    if is_same {
        let message = "it is one of the inputs, which would be lost: choose another output";
        return Err(Error::invalid_input(message).in_file(output));
    }
    crate::convert::check_apart(&input, output)
}
