//! [`split_on_disk`]: an object for each value of a column, written in one pass over the input.

use std::path::{Path, PathBuf};

use anndata_experimental::{PartitionOptions, partition};
use anndata_format::{Error, Result, io};

use super::on_disk::check_apart;
use crate::{ConvertOptions, Converted, Format, ReadOptions, WriteOptions};

/// How an object is split.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SplitOptions {
    /// How the input is opened.
    pub read: ReadOptions,
    /// How each part is written. What is there is replaced only if that is asked for.
    pub write: WriteOptions,
    /// About the most bytes of memory that values on their way take, however large the object and however many the parts are. In
    /// memory as a whole are annotations of observations. Default: 512 MiB.
    pub memory_limit: u64,
    /// The folder for rows that memory has no room for, which takes about as many bytes as the matrices do in memory. Default: the
    /// system's folder for temporary files.
    pub scratch: Option<PathBuf>,
}

impl Default for SplitOptions {
    fn default() -> Self {
        let (read, write) = (ReadOptions::default(), WriteOptions::default());
        Self { read, write, memory_limit: 512 << 20, scratch: None }
    }
}

impl SplitOptions {
    /// Sets how the input is opened.
    #[must_use]
    pub fn with_read(mut self, read: ReadOptions) -> Self {
        self.read = read;
        self
    }

    /// Sets how each part is written.
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
    pub fn with_scratch(mut self, folder: impl Into<Option<PathBuf>>) -> Self {
        self.scratch = folder.into();
        self
    }
}

/// A part that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SplitPart {
    /// The value of the column.
    pub value: String,
    /// Where the part is.
    pub path: PathBuf,
    /// The number of its observations.
    pub n_obs: usize,
}

/// What was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SplitReport {
    /// The parts, in the order of the values.
    pub parts: Vec<SplitPart>,
    /// The number of observations that have no value, and are in no part.
    pub without_value: usize,
    /// What was written although other readers refuse it, of each part the same.
    pub converted: Converted,
}

/// Writes an object for each value that observations have in a column of `obs`, to the path that a function gives for the value;
/// its name says the format. Folders of parts are made.
///
/// The matrices of the input are read once, whatever the number of parts, within [`SplitOptions::memory_limit`]: rows that memory has
/// no room for go to files in [`SplitOptions::scratch`], part by part. (CSC matrices are read once per part.) Each part is what
/// [`select`](crate::AnnData::select) of its observations gives, and is whole or absent.
///
/// ```
/// use anndata::experimental::{SplitOptions, split_on_disk};
/// use anndata::{AnnData, DataFrame};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("cells.h5ad");
/// let obs = DataFrame::new(["a", "b", "c"]).with_column("donor", vec!["x", "y", "x"])?;
/// anndata::write(&path, &AnnData::builder().shape(3, 0).obs(obs).build()?)?;
/// let to = |donor: &str| folder.path().join(format!("{donor}.zarr"));
/// let report = split_on_disk(&path, "donor", to, &SplitOptions::default())?;
/// assert_eq!(report.parts.len(), 2);
/// assert_eq!(anndata::read(to("x"))?.obs_names()?, ["a", "c"]);
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// [`NotFound`](crate::ErrorKind::NotFound) if there is no such column; if a part is the input, or within it; if one is there, and is
/// not to be replaced: none is written then; as [`convert`](crate::convert()).
pub fn split_on_disk(
    input: impl AsRef<Path>,
    by: &str,
    mut path: impl FnMut(&str) -> PathBuf,
    options: &SplitOptions,
) -> Result<SplitReport> {
    let input = input.as_ref();
    let named = |error: Error| error.in_file(input);
    let root = crate::open_object_with(input, &options.read)?;
    let read = options.read.elem.clone().with_lazy(true);
    let adata = io::read_anndata(&root, &read).map_err(named)?;
    let groups = adata.obs().group_by(by).and_then(|groups| groups.without_empty());
    let groups = groups.map_err(|error| named(error.at("obs")))?;
    let values = groups.names().to_labels().map_err(named)?;
    let rows: Vec<Vec<u64>> = groups.rows().to_vec();
    let parts: Vec<SplitPart> = values
        .into_iter()
        .zip(&rows)
        .map(|(value, rows)| SplitPart { path: path(&value), value, n_obs: rows.len() })
        .collect();
    for SplitPart { path, .. } in &parts {
        crate::format::output_url(path)?;
        Format::for_name(path)?;
        check_apart(input, path)?;
        if options.write.overwrite != Some(true) && path.exists() {
            return Err(Error::already_exists("it already exists").in_file(path));
        }
    }
    for parent in parts.iter().filter_map(|part| part.path.parent()) {
        std::fs::create_dir_all(parent).map_err(|error| Error::from(error).in_file(parent))?;
    }
    let without_value = groups.codes().iter().filter(|&&code| code < 0).count();
    let parting =
        PartitionOptions::default().with_memory_limit(options.memory_limit).with_scratch(options.scratch.clone());
    let partition = partition(&adata, rows, &parting).map_err(named)?;
    let write = ConvertOptions::default().with_write(options.write.clone()).with_memory_limit(options.memory_limit);
    let mut converted = Converted::default();
    for (number, SplitPart { path, .. }) in parts.iter().enumerate() {
        let part = partition.part(number).map_err(named)?;
        converted = crate::convert::write_from(input, Format::for_name(path)?, path, &part, &write)?;
    }
    Ok(SplitReport { parts, without_value, converted })
}
