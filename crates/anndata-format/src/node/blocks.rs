//! Values that are made block by block while they are written: of one array, or of several together.

use std::fmt::Debug;
use std::sync::Arc;

use anndata_array::sparse::check_indices;
use anndata_storage::{Array, BlockSize, Result, Tensor};

/// Values that are made block by block.
pub trait BlockSource: Debug + Send + Sync {
    /// The blocks, of about this size each: offset and values, together the whole array. Rows that are [there](BlockSize::there)
    /// already may be left out.
    fn blocks<'a>(&'a self, size: BlockSize<'a>) -> BlockIter<'a>;

    /// Stored arrays whose rows are rows of this one, in order: what is stored of them may be copied as it is. By default there
    /// are none.
    fn stored(&self) -> &[StoredRows] {
        &[]
    }

    /// What makes the array together with others, if something does, and which of them this is.
    fn group(&self) -> Option<(&Arc<dyn BlockGroup>, usize)> {
        None
    }
}

/// A stored array whose rows are rows of another one.
#[derive(Debug, Clone)]
pub struct StoredRows {
    /// The row of the other one at which it begins.
    pub start: u64,
    /// The array.
    pub array: Array,
    /// If the values are positions along an axis, such as column indices, its length.
    pub axis: Option<usize>,
}

impl StoredRows {
    /// Checks values read from the array, beginning at `row`: positions have to lie within their axis.
    pub(super) fn check(&self, row: u64, values: &Tensor) -> Result<()> {
        self.axis.map_or(Ok(()), |len| check_indices(values, len, row))
    }
}

/// Arrays that are made together, block by block, so that what they are made of is read once.
pub trait BlockGroup: Debug + Send + Sync {
    /// The blocks of all arrays, for each of which there is a size: which array, offset and values. The blocks of one array are
    /// in order; rows that are there already may be left out.
    fn blocks<'a>(&'a self, sizes: &[BlockSize<'a>]) -> GroupIter<'a>;
}

/// Blocks of arrays that are made together: which array, offset and values.
pub type GroupIter<'a> = Box<dyn Iterator<Item = Result<(usize, Vec<u64>, Tensor)>> + Send + 'a>;

/// One of the arrays of a group.
#[derive(Debug)]
pub struct Member {
    /// The group.
    pub group: Arc<dyn BlockGroup>,
    /// Which of its arrays this is.
    pub at: usize,
    /// How many arrays it has.
    pub of: usize,
    /// Stored arrays whose rows are rows of this one: see [`BlockSource::stored`].
    pub stored: Vec<StoredRows>,
}

impl BlockSource for Member {
    fn blocks<'a>(&'a self, size: BlockSize<'a>) -> BlockIter<'a> {
        let blocks = self.group.blocks(&vec![size; self.of]);
        Box::new(blocks.filter_map(|block| match block {
            Ok((at, offset, values)) => (at == self.at).then_some(Ok((offset, values))),
            Err(error) => Some(Err(error)),
        }))
    }

    fn stored(&self) -> &[StoredRows] {
        &self.stored
    }

    fn group(&self) -> Option<(&Arc<dyn BlockGroup>, usize)> {
        Some((&self.group, self.at))
    }
}

/// Blocks of an array: offset and values.
pub type BlockIter<'a> = Box<dyn Iterator<Item = Result<(Vec<u64>, Tensor)>> + Send + 'a>;
