//! Copying stored pieces from one array into another, without decoding them.

use std::ops::Range;

use super::Array;
use crate::chunked::RawChunk;
use crate::handle::check_writable;
use crate::{AxisSelection, OrBug, PieceState, Result, StoredPieces};

/// The bytes that are in memory at a time, of a piece that can be written in parts, or of several that cannot: they stay in the cache
/// of a core, and the memory is new for the system once.
const PART: u64 = 1 << 20;

/// The pieces of a stored array that can stand in another one as they are: see [`Array::pieces_for`].
#[derive(Debug, Clone)]
pub struct PieceCopy {
    from: Array,
    to: Array,
    /// The piece that the first one goes to, along the first axis.
    first: u64,
    /// How many pieces there are along each axis.
    grid: Vec<u64>,
    rows: Range<u64>,
    piece_rows: u64,
}

/// What was copied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Copied {
    /// The pieces that were copied as they are.
    pub pieces: u64,
    /// The pieces that are stored in another way than the others, so that they were decoded and encoded anew.
    pub encoded: u64,
    /// The bytes that were copied as they are.
    pub bytes: u64,
}

impl Array {
    /// What can be copied of this array into another one, in which its first row is to be `start`, without being decoded: `None`
    /// if nothing can, as chunks, codecs or dtype are not the same, or `start` is not where a chunk (a shard, if there are such)
    /// begins. A last piece that is not full is copied where it is the last of both.
    ///
    /// # Errors
    /// If a store cannot be opened.
    pub fn pieces_for(&self, to: &Self, start: u64) -> Result<Option<PieceCopy>> {
        let (Some(source), Some(target)) = (self.inner.as_pieces(), to.inner.as_pieces()) else { return Ok(None) };
        let (from_spec, to_spec) = (self.spec(), to.spec());
        let same = from_spec.dtype == to_spec.dtype && from_spec.shape.get(1..) == to_spec.shape.get(1..);
        let (Some(&len), Some(&end)) = (from_spec.shape.first(), to_spec.shape.first()) else { return Ok(None) };
        if !same || from_spec.is_empty() {
            return Ok(None);
        }
        let source = source.format().map_err(|error| self.locate(error))?;
        let target = target.format().map_err(|error| to.locate(error))?;
        let Some(&piece) = source.shape.first().filter(|&&piece| piece > 0) else { return Ok(None) };
        let same = source.shape.get(1..) == target.shape.get(1..) && source.encoding == target.encoding;
        let at = if same && source.grid.is_empty() { target.at_row(start, piece) } else { None };
        let Some((first, follow)) = at else { return Ok(None) };
        let count = if start.checked_add(len) == Some(end) { len.div_ceil(piece) } else { len / piece };
        let count = count.min(follow);
        if count == 0 {
            return Ok(None);
        }
        let mut grid: Vec<u64> =
            from_spec.shape.iter().zip(&source.shape).map(|(&len, &piece)| len.div_ceil(piece.max(1))).collect();
        if let Some(rows) = grid.first_mut() {
            *rows = count;
        }
        let rows = start..start.saturating_add(count.saturating_mul(piece)).min(end);
        Ok(Some(PieceCopy { from: self.clone(), to: to.clone(), first, grid, rows, piece_rows: piece }))
    }
}

impl PieceCopy {
    /// The rows of the target that are copied.
    pub fn rows(&self) -> &Range<u64> {
        &self.rows
    }

    /// Copies the pieces, in order, but those of which all rows are before `done` in the target. `told` is given, after some rows of
    /// pieces, up to which row of the target there are values, and how many bytes were copied since.
    ///
    /// # Errors
    /// If reading or writing fails.
    pub fn run(&self, done: u64, told: &mut dyn FnMut(u64, u64) -> Result<()>) -> Result<Copied> {
        check_writable(&*self.to.storage)?;
        let (from, to) = (self.from.inner.as_pieces(), self.to.inner.as_pieces());
        let from = from.or_bug("an array without pieces")?;
        let to = to.or_bug("an array without pieces")?;
        let in_parts = to.format().map_err(|error| self.to.locate(error))?.in_parts;
        let mut copied = Copied::default();
        let mut held = Held::default();
        let mut position = vec![0; self.grid.len()];
        let along = *self.grid.first().or_bug("pieces without axes")?;
        let is_done = |at: u64| self.end_of(at) <= done;
        let mut before = 0;
        for at in (0..along).skip_while(|&at| is_done(at)) {
            position.fill(0);
            loop {
                *position.first_mut().or_bug("pieces without axes")? = at;
                self.piece((from, to), &position, in_parts, &mut held, &mut copied)?;
                if !following(&mut position, &self.grid) {
                    break;
                }
            }
            if at + 1 == along {
                held.write(to).map_err(|error| self.to.locate(error))?;
            }
            if held.pieces.is_empty() {
                told(self.end_of(at), copied.bytes - before)?;
                before = copied.bytes;
            }
        }
        Ok(copied)
    }

    /// One past the last row, in the target, of the pieces at a position along the first axis.
    fn end_of(&self, at: u64) -> u64 {
        self.rows.start.saturating_add((at + 1).saturating_mul(self.piece_rows)).min(self.rows.end)
    }

    fn piece(
        &self,
        (from, to): (&dyn StoredPieces, &dyn StoredPieces),
        position: &[u64],
        in_parts: bool,
        held: &mut Held,
        copied: &mut Copied,
    ) -> Result<()> {
        let mut target = position.to_vec();
        *target.first_mut().or_bug("pieces without axes")? += self.first;
        let state = from.state(position).map_err(|error| self.from.locate(error))?;
        let PieceState::Stored(len) = state else {
            // What was never written reads as the same in both.
            if state == PieceState::Odd {
                self.encode_anew(position)?;
                copied.encoded += 1;
            }
            return Ok(());
        };
        if in_parts {
            let mut start = 0;
            loop {
                let end = len.min(start + PART);
                from.read(position, start..end, &mut held.part).map_err(|error| self.from.locate(error))?;
                to.write(&target, start, &held.part).map_err(|error| self.to.locate(error))?;
                start = end;
                if start >= len {
                    break;
                }
            }
        } else {
            let mut bytes = held.spare.pop().unwrap_or_default();
            from.read(position, 0..len, &mut bytes).map_err(|error| self.from.locate(error))?;
            held.pieces.push((target, bytes));
            held.bytes += len;
            if held.bytes >= PART {
                held.write(to).map_err(|error| self.to.locate(error))?;
            }
        }
        copied.pieces += 1;
        copied.bytes += len;
        Ok(())
    }

    /// Copies a piece by way of its values.
    fn encode_anew(&self, position: &[u64]) -> Result<()> {
        let spec = self.from.spec();
        let pieces = self.from.inner.as_pieces().or_bug("an array without pieces")?.format()?.shape;
        let ranges = position.iter().zip(&pieces).zip(&spec.shape).map(|((&at, &piece), &len)| {
            let start = at.saturating_mul(piece);
            start..start.saturating_add(piece).min(len)
        });
        let ranges: Vec<Range<u64>> = ranges.collect();
        let mut offset: Vec<u64> = ranges.iter().map(|range| range.start).collect();
        *offset.first_mut().or_bug("pieces without axes")? += self.rows.start;
        let selection: Vec<AxisSelection> = ranges.into_iter().map(AxisSelection::Range).collect();
        self.to.write(&offset, &self.from.read_selection(&selection)?)
    }
}

/// What was read and is not written yet, in memory that is used again.
#[derive(Default)]
struct Held {
    /// Of a piece that is written in parts.
    part: Vec<u8>,
    /// Whole pieces, and where they go.
    pieces: Vec<(Vec<u64>, Vec<u8>)>,
    bytes: u64,
    spare: Vec<Vec<u8>>,
}

impl Held {
    /// Writes the whole pieces.
    fn write(&mut self, to: &dyn StoredPieces) -> Result<()> {
        let pieces = self.pieces.iter().map(|(position, bytes)| (position.as_slice(), bytes.as_slice()));
        to.write_all(&pieces.collect::<Vec<RawChunk>>())?;
        self.spare.extend(self.pieces.drain(..).map(|(_, bytes)| bytes));
        self.bytes = 0;
        Ok(())
    }
}

/// The next position along the axes but the first, in C order; `false` at the end.
fn following(position: &mut [u64], grid: &[u64]) -> bool {
    for (at, &count) in position.iter_mut().zip(grid).skip(1).rev() {
        *at += 1;
        if *at < count {
            return true;
        }
        *at = 0;
    }
    false
}
