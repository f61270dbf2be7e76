//! [`Resident`]: a matrix in memory, in the blocks in which it was read, whose rows are put in another order when they are asked for.

use std::ops::Range;

use anndata_core::{AxisSelection, Element, LazySource, Result, Schema};
use anndata_storage::{MemoryReuse, OrBug};

use crate::chunks::load_once;
use crate::gather::gather;
use crate::{ChunkOptions, chunks};

/// The parts of the memory in which a matrix is read, so that no more than its own size and one of them is needed.
const BLOCKS: u64 = 16;

/// A matrix in memory, and another order of its rows.
#[derive(Debug)]
pub(super) struct Resident {
    path: String,
    schema: Schema,
    blocks: Vec<Element>,
    /// Of each row of the result its block, and which row it is there.
    rows: Vec<(usize, usize)>,
    /// The number of values of each row of the result, of a sparse matrix.
    lengths: Option<Vec<usize>>,
    #[expect(dead_code, reason = "memory is kept as long as it lives")]
    memory: MemoryReuse,
}

impl Resident {
    /// A matrix whose rows go to the positions of `inverse`. To write it takes `memory` bytes beside those of its values.
    pub(super) fn read(element: &Element, inverse: &[u64], memory: u64, path: &str) -> Result<Self> {
        let of_block = (element.size_in_memory(true) as u64 / BLOCKS).max(1);
        // Of the limit a chunk takes a third, where none is read ahead.
        let options = ChunkOptions::default().with_memory_limit(of_block.saturating_mul(3)).with_prefetch(0);
        let schema = element.schema()?;
        let (mut blocks, mut rows) = (Vec::new(), vec![(0, 0); inverse.len()]);
        let mut lengths = matches!(schema, Schema::Sparse { .. }).then(|| vec![0; inverse.len()]);
        for chunk in chunks(element, &options)? {
            let (range, block) = chunk?;
            let own = inverse.get(range.clone()).or_bug("a row beyond all")?;
            let places = own.iter().map(|&position| usize::try_from(position).or_bug("a row beyond memory"));
            let places = places.collect::<Result<Vec<usize>>>()?;
            for (at, &position) in places.iter().enumerate() {
                *rows.get_mut(position).or_bug("a position beyond all")? = (blocks.len(), at);
            }
            if let Some(lengths) = &mut lengths {
                for (&position, len) in places.iter().zip(block.major_lengths(0..range.len())?) {
                    *lengths.get_mut(position).or_bug("a position beyond all")? = len;
                }
            }
            blocks.push(block);
        }
        if blocks.is_empty() {
            blocks.push(load_once(element)?);
        }
        // Fallback: no more is kept than there is.
        let memory = MemoryReuse::up_to(usize::try_from(memory).unwrap_or(usize::MAX));
        Ok(Self { path: path.to_owned(), schema, blocks, rows, lengths, memory })
    }
}

impl LazySource for Resident {
    fn path(&self) -> &str {
        &self.path
    }

    fn schema(&self) -> Result<Schema> {
        Ok(self.schema.clone())
    }

    fn load(&self) -> Result<Element> {
        self.select(&[AxisSelection::Range(0..self.rows.len() as u64)])
    }

    fn select(&self, axes: &[AxisSelection]) -> Result<Element> {
        let (rows, others) = axes.split_first().or_bug("a matrix without axes")?;
        let row = |position: u64| {
            let position = usize::try_from(position).ok();
            position.and_then(|position| self.rows.get(position)).copied().or_bug("a row beyond all")
        };
        let blocks: Vec<&Element> = self.blocks.iter().collect();
        let all = gather(&blocks, &rows.positions().map(row).collect::<Result<Vec<_>>>()?)?;
        let shape = self.schema.shape().or_bug("a matrix without a shape")?;
        if others.iter().zip(shape.iter().skip(1)).all(|(axis, &len)| axis.is_whole(len as u64)) {
            return Ok(all);
        }
        let whole = AxisSelection::Range(0..rows.len());
        all.select(&std::iter::once(whole).chain(others.iter().cloned()).collect::<Vec<_>>())
    }

    fn major_lengths(&self, slices: Range<usize>) -> Result<Option<Vec<usize>>> {
        let Some(lengths) = &self.lengths else { return Ok(None) };
        lengths.get(slices).map(<[usize]>::to_vec).or_bug("a row beyond all").map(Some)
    }

    fn nbytes(&self, _: bool) -> usize {
        self.blocks.iter().map(|block| block.size_in_memory(false)).sum()
    }
}
