//! What the handles of one array share.

use std::sync::Arc;

use crate::plan::Chunks;

/// What changes when the array is written. All handles of an array share it.
#[derive(Debug)]
pub(crate) struct ArrayState {
    pub(crate) shape: Vec<u64>,
    pub(crate) index: ChunkIndex,
    /// Whether filters of some chunks were skipped, `None` if that is not known.
    pub(crate) masks: Option<bool>,
}

impl ArrayState {
    pub(crate) fn new(shape: Vec<u64>) -> Self {
        Self { shape, index: ChunkIndex::default(), masks: None }
    }

    /// To be called when the library may have changed any chunk.
    pub(crate) fn forget_chunks(&mut self) {
        self.index.forget();
        self.masks = None;
    }
}

/// Where the chunks are, listed once.
#[derive(Debug, Default)]
pub(crate) struct ChunkIndex {
    /// By the number of the chunk in the grid, in C order.
    pub(crate) listed: Option<Arc<Chunks>>,
    /// How often that was forgotten.
    pub(crate) changes: u64,
}

impl ChunkIndex {
    /// To be called when chunks are written or the shape changes.
    pub(crate) fn forget(&mut self) {
        self.listed = None;
        self.changes = self.changes.wrapping_add(1);
    }

    /// Keeps a list, except where something changed since it was begun.
    pub(crate) fn keep(&mut self, listed: &Arc<Chunks>, changes: u64) {
        if self.changes == changes {
            self.listed = Some(Arc::clone(listed));
        }
    }
}
