//! [`NodeWriteOptions`]: how trees are stored.

use std::fmt;
use std::sync::Arc;

use anndata_storage::{ArrayLayout, Compression, Tensor, child_path};

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
    /// Receives the progress.
    pub progress: Option<Progress>,
}

/// A function that is given, now and then, how many bytes of values have been written (or read, where nothing is
/// written) since it was last called.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(u64) + Send + Sync>);

impl Progress {
    /// A progress that calls a function with the bytes written since the last call.
    pub fn new(tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// Tells that so many bytes more were written.
    pub fn add(&self, bytes: u64) {
        (self.0)(bytes);
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

    pub(super) fn tell(&self, values: &Tensor) {
        if let Some(progress) = &self.progress {
            progress.tell(values);
        }
    }
}
