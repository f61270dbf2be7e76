//! [`StoredPieces`]: copying stored bytes as they are.

use std::ops::Range;

use super::read_only;
use crate::Result;
use crate::chunked::RawChunk;

/// The pieces that the values of an array are stored in, which can be copied into another array without being decoded: chunks,
/// or shards where chunks are in such.
pub trait StoredPieces: Send + Sync {
    /// How the bytes of the pieces are to be understood.
    ///
    /// # Errors
    /// If the store of the array cannot be opened.
    fn format(&self) -> Result<PieceFormat>;

    /// What is stored of the piece at a position of the grid.
    ///
    /// # Errors
    /// If that cannot be found out.
    fn state(&self, position: &[u64]) -> Result<PieceState>;

    /// Reads some of the bytes of a piece, replacing the content of `bytes`.
    ///
    /// # Errors
    /// If they cannot be read, or the piece has not so many.
    fn read(&self, position: &[u64], range: Range<u64>, bytes: &mut Vec<u8>) -> Result<()>;

    /// Writes bytes of a piece: all of them, or where [`PieceFormat::in_parts`] says so one part after the other, the first one
    /// at 0.
    ///
    /// # Errors
    /// If the store is read-only or writing fails.
    fn write(&self, position: &[u64], start: u64, bytes: &[u8]) -> Result<()> {
        let _ = (position, start, bytes);
        Err(read_only())
    }

    /// Writes several pieces, each as a whole, in this order: for a backend in which that is less work than to write one after the
    /// other, as by default.
    ///
    /// # Errors
    /// As [`write`](Self::write). Some of them may have been written.
    fn write_all(&self, pieces: &[RawChunk<'_>]) -> Result<()> {
        pieces.iter().try_for_each(|(position, bytes)| self.write(position, 0, bytes))
    }
}

impl PieceFormat {
    /// The number, along the first axis, of the piece that begins at a row, and how many pieces of its length follow each other
    /// from there on; `None` if no piece of this length begins there.
    pub fn at_row(&self, row: u64, len: u64) -> Option<(u64, u64)> {
        if self.grid.is_empty() {
            let same = self.shape.first() == Some(&len) && len > 0 && row.is_multiple_of(len);
            return same.then(|| (row / len, u64::MAX));
        }
        let (mut start, mut number) = (0_u64, 0_u64);
        for &(own, count) in &self.grid {
            let end = start.checked_add(own.checked_mul(count)?)?;
            if row < end {
                let within = row.checked_sub(start)?;
                let same = own == len && within.is_multiple_of(own);
                return same.then(|| (number + within / own, count - within / own));
            }
            (start, number) = (end, number + count);
        }
        None
    }
}

/// How the bytes of the pieces of an array are to be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PieceFormat {
    /// The shape of a piece. That of one at the end of an axis is the same, and its values beyond the end mean nothing.
    pub shape: Vec<u64>,
    /// The lengths of pieces along the first axis, where these are not all the same: see [`ArraySpec::grid`](crate::ArraySpec::grid).
    pub grid: Vec<(u64, u64)>,
    /// All else that decoding depends on: the file format, the dtype as stored, codecs, the value of what was never written.
    /// Equal texts mean that the bytes of a piece of one array are those of a piece of the same values in the other one.
    pub encoding: String,
    /// Whether a piece can be written one part after the other.
    pub in_parts: bool,
}

/// What is stored of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceState {
    /// Nothing: it was never written.
    Missing,
    /// So many bytes.
    Stored(u64),
    /// It is stored in another way than the others, so that its bytes alone do not say what its values are.
    Odd,
}
