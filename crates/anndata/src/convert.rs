//! Rewriting an object in another format, or the same, as a stream.

mod notes;

use std::path::Path;

use anndata_format::{AnnData, Compression, Error, Result, io};

use crate::{Format, ReadOptions, WriteOptions};
pub use notes::Note;

/// How an object is rewritten.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConvertOptions {
    /// How the input is opened and its elements are read: what is left out, whether what is broken is repaired. It is
    /// always read lazily.
    pub read: ReadOptions,
    /// How the output is written. What is there is not replaced, unless that is [asked for](WriteOptions::with_overwrite).
    pub write: WriteOptions,
    /// About the most bytes of memory that the values on their way take, however large the object is. Default: 512 MiB.
    pub memory_limit: u64,
}

/// Which part of the memory a block is. One is read while another one is written; of that, what is encoded and what is
/// decoded of chunks that are cut takes less than as much again, which leaves about half for memory that the allocator
/// keeps.
const BLOCKS_IN_MEMORY: u64 = 8;

impl Default for ConvertOptions {
    fn default() -> Self {
        Self { read: ReadOptions::default(), write: WriteOptions::default(), memory_limit: 512 << 20 }
    }
}

impl ConvertOptions {
    /// Sets how the input is read, all of it at once.
    #[must_use]
    pub fn with_read(mut self, read: impl Into<ReadOptions>) -> Self {
        self.read = read.into();
        self
    }

    /// Sets how the output is written, all of it at once: whether it is replaced, too.
    #[must_use]
    pub fn with_write(mut self, write: impl Into<WriteOptions>) -> Self {
        self.write = write.into();
        self
    }

    /// Sets whether an existing output is replaced. Default: no.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.write = self.write.with_overwrite(overwrite);
        self
    }

    /// Sets the compression of the output.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.write = self.write.with_compression(compression);
        self
    }

    /// Sets whether the output is on the disk (fsync) when converting returns. Default: yes.
    #[must_use]
    pub fn with_durable(mut self, durable: bool) -> Self {
        self.write = self.write.with_durable(durable);
        self
    }

    /// Sets how a zarr output is made.
    #[cfg(feature = "zarr")]
    #[must_use]
    pub fn with_zarr(mut self, zarr: anndata_io_zarr::ZarrOptions) -> Self {
        self.write = self.write.with_zarr(zarr);
        self
    }

    /// Sets the memory limit in bytes.
    ///
    /// It governs the size of the blocks that arrays are copied in. The program itself comes on top (some 30 MB), a chunk
    /// that is larger than an eighth of the limit, and elements whose values are needed as a whole: those of outdated
    /// encodings and matrices that are made sparse.
    #[must_use]
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// How the output is written within the limit.
    fn write_within_limit(&self) -> WriteOptions {
        let mut write = self.write.clone().with_overwrite(self.overwrite());
        write.elem.store.block_bytes = (self.memory_limit / BLOCKS_IN_MEMORY).max(1);
        write
    }

    fn overwrite(&self) -> bool {
        self.write.overwrite.unwrap_or(false)
    }
}

/// Rewrites the object at `input`, a path or URL, to the path or URL `output`, whose name says the format.
///
/// Chunks, shards and compression are chosen anew, as the options say, whatever they are in the input;
/// [`WriteOptions::with_keep_layout`] keeps those that the output can have.
///
/// Elements of current encodings are copied block by block within [`ConvertOptions::with_memory_limit`], so that an object
/// larger than memory can be rewritten; old ones are brought up to date, and what other tools write in another form is
/// written in that of the format. Elements of unknown encodings, and members of the object that are not slots, are copied
/// as they are; what is given back lists them, as Python refuses an object that has any. The output appears whole or
/// not at all, as [`write()`](crate::write()) promises; it may be the input itself, unless that is a URL.
///
/// ```
/// # use anndata::{AnnData, Compression, ConvertOptions, WriteOptions};
/// # let directory = tempfile::tempdir()?;
/// # let (input, output) = (directory.path().join("a.h5ad"), directory.path().join("b.h5ad"));
/// # anndata::write_h5ad(&input, &AnnData::builder().shape(2, 3).build()?)?;
/// let options = ConvertOptions::default()
///     .with_write(WriteOptions::default().with_compression(Compression::Gzip(4)));
/// anndata::convert(&input, &output, &options)?;
/// assert_eq!(anndata::read_h5ad(&output)?, anndata::read_h5ad(&input)?);
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// If the input cannot be read, the output is there and is not to be replaced, one of them is within the other, or
/// writing fails. The error names the file that it is about; if one element is at fault it says how to leave it out.
pub fn convert(input: impl AsRef<Path>, output: impl AsRef<Path>, options: &ConvertOptions) -> Result<Converted> {
    rewrite(input, output, options, Ok)
}

/// Rewrites an object as [`convert`] does, as a function changes it. The object that the function gets is lazy: it selects,
/// transposes or replaces without reading, and what it returns is read and written block by block, within the limit.
///
/// ```
/// # use anndata::{AnnData, ConvertOptions, DataFrame, Selector, rewrite};
/// # let directory = tempfile::tempdir()?;
/// # let (input, output) = (directory.path().join("a.h5ad"), directory.path().join("b.h5ad"));
/// # let obs = DataFrame::new(["a", "b", "c"]).with_column("n_genes", vec![100_i64, 500, 900])?;
/// # anndata::write(&input, &AnnData::builder().shape(3, 2).obs(obs).build()?)?;
/// rewrite(&input, &output, &ConvertOptions::default(), |adata| {
///     adata.select(Selector::filter("n_genes", |n| n > 200.0), ..)
/// })?;
/// assert_eq!(anndata::read(&output)?.obs_names()?, ["b", "c"]);
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// As [`convert`], and those of the function.
pub fn rewrite(
    input: impl AsRef<Path>,
    output: impl AsRef<Path>,
    options: &ConvertOptions,
    change: impl FnOnce(AnnData) -> Result<AnnData>,
) -> Result<Converted> {
    let (input, output) = (input.as_ref(), output.as_ref());
    crate::format::output_url(output)?;
    let format = Format::for_name(output)?;
    if !options.overwrite() && output.exists() {
        return Err(Error::already_exists("it already exists").in_file(output));
    }
    check_apart(input, output)?;
    let root = crate::open_object_with(input, &options.read)?;
    let read = options.read.elem.clone().with_lazy(true);
    let adata = io::read_anndata(&root, &read).map_err(|error| notes::advise(error, None))?;
    let adata = change(adata).map_err(|error| error.in_file(input))?;
    write_from(input, format, output, &adata, options)
}

/// Writes a lazy object that comes from an input, within the limit.
pub(crate) fn write_from(
    input: &Path,
    format: Format,
    output: &Path,
    adata: &AnnData,
    options: &ConvertOptions,
) -> Result<Converted> {
    // Backends name the output where it fails; what is left is about the object.
    let written = crate::write::to(format, output, adata, &options.write_within_limit());
    written.map_err(|error| notes::advise(error.in_file(input), Some(adata)))?;
    Ok(Converted { notes: notes::of(adata) })
}

/// Refuses an output within the input, which would change it, and one that holds the input, which would be lost.
pub(crate) fn check_apart(input: &Path, output: &Path) -> Result<()> {
    let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Ok(from), Ok(parent), Some(name)) = (input.canonicalize(), parent.canonicalize(), output.file_name()) else {
        return Ok(());
    };
    let to = parent.join(name);
    let to = to.canonicalize().unwrap_or(to);
    if from == to {
        return Ok(());
    }
    let message = if to.starts_with(&from) {
        "it would be written into the input"
    } else if from.starts_with(&to) {
        "the input is in it, and would be lost"
    } else {
        return Ok(());
    };
    Err(Error::invalid_input(message).in_file(output))
}

/// What became of an object that was rewritten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Converted {
    /// What was written although other readers refuse it.
    pub notes: Vec<Note>,
}
