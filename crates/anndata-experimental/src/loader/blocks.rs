//! [`Piece`]: the rows of a window, in the blocks in which they were read, and the rows of a batch among them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anndata_core::{AxisSelection, Element, Result};
use anndata_storage::{Error, OrBug};

use crate::gather::gather;

/// The bytes that windows take now, and the most that they took.
#[derive(Debug, Default)]
pub(super) struct Meter {
    now: AtomicU64,
    peak: AtomicU64,
    /// All bytes that were read.
    pub(super) read: AtomicU64,
}

impl Meter {
    pub(super) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Counts bytes until what is returned is dropped.
    pub(super) fn hold(self: &Arc<Self>, bytes: u64) -> Held {
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(now, Ordering::Relaxed);
        Held { meter: Arc::clone(self), bytes }
    }
}

/// Bytes that are counted.
#[derive(Debug)]
pub(super) struct Held {
    meter: Arc<Meter>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.meter.now.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Rows that were read together, or put together.
#[derive(Debug)]
pub(super) struct Block {
    matrices: Vec<Element>,
    held: Held,
}

impl Block {
    pub(super) fn new(matrices: Vec<Element>, meter: &Arc<Meter>) -> Arc<Self> {
        let held = meter.hold(bytes(&matrices));
        Arc::new(Self { matrices, held })
    }
}

/// The bytes of matrices in memory.
pub(super) fn bytes(matrices: &[Element]) -> u64 {
    matrices.iter().map(|matrix| matrix.size_in_memory(false) as u64).sum()
}

/// A stretch of positions, and where it is in memory.
#[derive(Debug, Clone)]
pub(super) struct Span {
    pub(super) positions: Range<u64>,
    pub(super) block: Arc<Block>,
    /// The row of the block that has the first of them.
    pub(super) first: u64,
}

impl Span {
    /// Stretches of positions whose rows follow each other in a block.
    pub(super) fn all_of(block: &Arc<Block>, stretches: &[Range<u64>]) -> Vec<Self> {
        let mut next = 0;
        let span = |positions: &Range<u64>| {
            let first = next;
            next += positions.end - positions.start;
            Self { positions: positions.clone(), block: Arc::clone(block), first }
        };
        stretches.iter().map(span).collect()
    }

    /// A part of it.
    pub(super) fn part(&self, positions: Range<u64>) -> Self {
        let first = self.first + (positions.start - self.positions.start);
        Self { positions, block: Arc::clone(&self.block), first }
    }
}

/// The bytes of the blocks that stretches are in.
pub(super) fn bytes_of_blocks(spans: &[Span]) -> u64 {
    let mut seen: Vec<&Arc<Block>> = Vec::new();
    for span in spans {
        if !seen.iter().any(|block| Arc::ptr_eq(block, &span.block)) {
            seen.push(&span.block);
        }
    }
    seen.iter().map(|block| block.held.bytes).sum()
}

/// The rows of a window.
#[derive(Debug)]
pub(super) struct Piece {
    blocks: Vec<Arc<Block>>,
    places: Places,
}

/// Where the rows of batches are.
#[derive(Debug)]
enum Places {
    /// One after the other in one block, as the batches have them.
    InOrder,
    /// Stretches of positions, sorted: of each the block, and the row of it that has the first.
    Sorted(Vec<(Range<u64>, usize, u64)>),
}

/// Some of the rows of a window.
#[derive(Debug)]
pub(super) enum Rows {
    /// Those of one block that follow each other.
    Range(usize, Range<usize>),
    /// Of each its block and which row it is there.
    Each(Vec<(usize, usize)>),
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Range(_, range) => range.len(),
            Self::Each(rows) => rows.len(),
        }
    }

    /// These rows of the blocks of a matrix, put together. Those of one block that follow each other share its memory.
    pub(super) fn of(&self, blocks: &[&Element]) -> Result<Element> {
        match self {
            Self::Range(block, range) => {
                let range = AxisSelection::Range(range.start as u64..range.end as u64);
                blocks.get(*block).or_bug("a block that was not read")?.select(&[range])
            }
            Self::Each(rows) => gather(blocks, rows),
        }
    }

    /// The block of a row, and which it is there.
    pub(super) fn get(&self, at: usize) -> Option<(usize, usize)> {
        match self {
            Self::Range(block, range) => range.clone().nth(at).map(|row| (*block, row)),
            Self::Each(rows) => rows.get(at).copied(),
        }
    }
}

impl Piece {
    /// A block whose rows are those of the batches, one after the other.
    pub(super) fn in_order(block: Arc<Block>) -> Self {
        Self { blocks: vec![block], places: Places::InOrder }
    }

    /// Stretches that do not overlap.
    pub(super) fn of_spans<'a>(spans: impl IntoIterator<Item = &'a Span>) -> Self {
        let (mut blocks, mut places) = (Vec::<Arc<Block>>::new(), Vec::new());
        for span in spans {
            let at = blocks.iter().position(|block| Arc::ptr_eq(block, &span.block)).unwrap_or_else(|| {
                blocks.push(Arc::clone(&span.block));
                blocks.len() - 1
            });
            places.push((span.positions.clone(), at, span.first));
        }
        places.sort_unstable_by_key(|(positions, _, _)| positions.start);
        Self { blocks, places: Places::Sorted(places) }
    }

    /// Where the rows at some positions are, before which the batches of the window have so many.
    pub(super) fn rows(&self, positions: &[u64], before: usize) -> Result<Rows> {
        let Places::Sorted(places) = &self.places else {
            return Ok(Rows::Range(0, before..before + positions.len()));
        };
        let rows = each(places, positions)?;
        let Some(&(block, first)) = rows.first() else { return Ok(Rows::Range(0, 0..0)) };
        let follow = rows.iter().zip(first..).all(|(&found, row)| found == (block, row));
        Ok(if follow { Rows::Range(block, first..first + rows.len()) } else { Rows::Each(rows) })
    }

    /// The rows at some positions of stretches, in memory of their own.
    pub(super) fn copied(&self, positions: &[u64]) -> Result<Vec<Element>> {
        let Places::Sorted(places) = &self.places else {
            return Err(Error::bug("rows of batches that are copied once more"));
        };
        let rows = each(places, positions)?;
        let matrices = self.blocks.first().map_or(0, |block| block.matrices.len());
        (0..matrices).map(|number| gather(&self.matrix(number)?, &rows)).collect()
    }

    /// What each block has of a matrix, by its number.
    pub(super) fn matrix(&self, number: usize) -> Result<Vec<&Element>> {
        self.blocks.iter().map(|block| block.matrices.get(number).or_bug("a matrix that was not read")).collect()
    }
}

/// The block of each position, and which row it is there.
fn each(places: &[(Range<u64>, usize, u64)], positions: &[u64]) -> Result<Vec<(usize, usize)>> {
    let row = |&position: &u64| {
        let at = places.partition_point(|(span, _, _)| span.end <= position);
        let (span, block, first) = places.get(at).or_bug("a row that was not read")?;
        let within = position.checked_sub(span.start).or_bug("a row that was not read")?;
        Ok((*block, usize::try_from(first + within).or_bug("a row beyond memory")?))
    };
    positions.iter().map(row).collect()
}
