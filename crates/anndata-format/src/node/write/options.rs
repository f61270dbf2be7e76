//! [`NodeWriteOptions`]: how trees are stored.

use std::fmt;
use std::sync::Arc;

use anndata_storage::{ArrayLayout, Compression, Copied, Journal, Tensor, child_path};

/// How a tree is written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeWriteOptions {
    /// The compression of arrays that are worth it.
    pub compression: Compression,
    /// About the bytes of a block of an array that is copied from a store. Two blocks are in memory at once: one that is
    /// written, with what is made of it, and one that is read. Default: 64 MiB.
    pub block_bytes: u64,
    /// The rows of a chunk of dense arrays of two dimensions and more. Default: the format's choice.
    pub chunk_rows: Option<u64>,
    /// Stored arrays that are copied whole keep their chunks, shards and codecs where the target has them: those that are
    /// in chunks and not compressed are not compressed in the target either. Default: no, all are chosen anew. Elements that
    /// are not copied but made anew, and parts of arrays, have none to keep.
    pub keep_layout: bool,
    /// How single arrays are stored, each with its path in the store (`X/data`, `layers/counts`), or that of a group for all
    /// arrays in it, except scalars; the longest path counts. This comes before all other options.
    pub layouts: Vec<(String, ArrayLayout)>,
    /// Stored chunks (shards, where there are such) that arrays are put together from are copied as they are if they fit: dtype,
    /// codecs and shape of the chunk are the same, and their rows begin where a chunk does. Default: no, all are encoded anew.
    pub copy_chunks: bool,
    /// Arrays that are put together from stored ones are laid out as the one that most of their rows are from, where nothing else
    /// is asked for. Default: no, the format chooses.
    pub adopt_layout: bool,
    /// How arrays are cut that are [laid out](Self::adopt_layout) as those that they are put together from.
    pub grid: Grid,
    /// What an earlier write to the same store has written, which is not written again, and receives what this one writes.
    /// Default: none.
    pub journal: Option<Arc<dyn Journal>>,
    /// Receives the progress.
    pub progress: Option<Progress>,
}

/// How arrays that are put together from stored ones are cut into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Grid {
    /// All chunks are of one shape.
    #[default]
    Regular,
    /// The chunks of the stored arrays follow each other, so that nearly all of them can be copied as they are: those of one length
    /// and a shorter last one of each. Zarr version 3 alone has this, as the extension `rectilinear`, which zarr-python reads from
    /// version 3.2 with the setting `array.rectilinear_chunks`.
    Rectilinear,
}

/// A function that is given, now and then, how many bytes of values have been written (or read, where nothing is
/// written) since it was last called.
#[derive(Clone)]
pub struct Progress {
    tell: Arc<dyn Fn(u64) + Send + Sync>,
    copied: Option<Arc<dyn Fn(Copied) + Send + Sync>>,
}

impl Progress {
    /// A progress that calls a function with the bytes written since the last call.
    pub fn new(tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self { tell: Arc::new(tell), copied: None }
    }

    /// Sets a function that is called with what was [copied](NodeWriteOptions::copy_chunks) as it is since the last call. The
    /// bytes of these values are told too, as those of all others.
    #[must_use]
    pub fn with_copied(mut self, copied: impl Fn(Copied) + Send + Sync + 'static) -> Self {
        self.copied = Some(Arc::new(copied));
        self
    }

    /// Tells that so many bytes more were written.
    pub fn add(&self, bytes: u64) {
        (self.tell)(bytes);
    }

    /// Tells what was copied as it is, besides the bytes of its values.
    pub fn add_copied(&self, copied: Copied) {
        if let Some(tell) = &self.copied {
            tell(copied);
        }
    }

    pub(crate) fn tell(&self, values: &Tensor) {
        self.add(values.nbytes() as u64);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

impl Default for NodeWriteOptions {
    fn default() -> Self {
        Self {
            compression: Compression::Default,
            block_bytes: 64 << 20,
            chunk_rows: None,
            keep_layout: false,
            layouts: Vec::new(),
            copy_chunks: false,
            adopt_layout: false,
            grid: Grid::Regular,
            journal: None,
            progress: None,
        }
    }
}

impl NodeWriteOptions {
    /// Sets the compression.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets the block size in bytes.
    #[must_use]
    #[doc(alias = "min_rows_for_chunked_h5_copy")]
    pub fn with_block_bytes(mut self, bytes: u64) -> Self {
        self.block_bytes = bytes;
        self
    }

    /// Sets the number of rows per chunk of dense arrays.
    #[must_use]
    pub fn with_chunk_rows(mut self, rows: Option<u64>) -> Self {
        self.chunk_rows = rows;
        self
    }

    /// Sets whether stored arrays keep their chunks, shards and codecs.
    #[must_use]
    pub fn with_keep_layout(mut self, yes: bool) -> Self {
        self.keep_layout = yes;
        self
    }

    /// Sets how the array at a path is stored, or all arrays in the group there. What the layout names is not left to the
    /// format: what it lacks is an error when the array is written, and so is a path at which nothing is written.
    #[must_use]
    pub fn with_layout(mut self, path: impl Into<String>, layout: ArrayLayout) -> Self {
        self.layouts.push((path.into(), layout));
        self
    }

    /// Sets whether stored chunks are copied as they are.
    #[must_use]
    pub fn with_copy_chunks(mut self, yes: bool) -> Self {
        self.copy_chunks = yes;
        self
    }

    /// Sets whether arrays that are put together from stored ones are laid out as these.
    #[must_use]
    pub fn with_adopt_layout(mut self, yes: bool) -> Self {
        self.adopt_layout = yes;
        self
    }

    /// Sets how arrays are cut that are laid out as stored ones.
    #[must_use]
    pub fn with_grid(mut self, grid: Grid) -> Self {
        self.grid = grid;
        self
    }

    /// Sets the journal of a write that can be interrupted.
    #[must_use]
    pub fn with_journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Returns the options with the paths of layouts as they are in a store, for what is written at `group`.
    pub(crate) fn below(&self, group: &str) -> Self {
        let layouts = self.layouts.iter();
        let layouts = layouts.map(|(path, layout)| (child_path(group, path.trim_matches('/')), layout.clone()));
        Self { layouts: layouts.collect(), ..self.clone() }
    }

    /// Sets the receiver of progress reports.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Tells of pieces that were copied, whose values are so many bytes.
    pub(super) fn tell_copied(&self, copied: Copied, bytes: u64) {
        if let Some(progress) = &self.progress {
            progress.add(bytes);
            progress.add_copied(copied);
        }
    }

    pub(super) fn tell(&self, values: &Tensor) {
        if let Some(progress) = &self.progress {
            progress.tell(values);
        }
    }
}
