//! Noting what was written in a [`Journal`].

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use anndata_storage::{Array, Journal, Result, Tensor};

/// A note is made after so many bytes of values, or in the end.
const NOTED: u64 = 16 << 20;

/// Arrays of fewer bytes are written anew, which is faster than looking after them.
const LEAST: u64 = 1 << 20;

/// What is written of one array.
#[derive(Debug)]
pub(super) struct Noted {
    /// The rows that an earlier write has written.
    there: Vec<Range<u64>>,
    rows: u64,
    piece_rows: u64,
    row_bytes: u64,
    /// Whether blocks that are there already are left out, so that they can be noted one by one; otherwise all or none are.
    in_parts: bool,
    /// Rows that were written one after the other and are not noted yet, and the number of all values that were written.
    written: Mutex<(Range<u64>, u64)>,
}

impl Noted {
    /// What the journal knows of an array of about so many bytes. `None`: it is not worth being noted, or has no pieces of one
    /// length.
    pub(super) fn new(array: &Array, journal: &dyn Journal, bytes: u64, in_parts: bool) -> Result<Option<Self>> {
        let (Some(pieces), Some(&rows)) = (array.inner().as_pieces(), array.shape().first()) else { return Ok(None) };
        if bytes < LEAST {
            return Ok(None);
        }
        let format = pieces.format()?;
        if !format.grid.is_empty() {
            return Ok(None);
        }
        let piece_rows = format.shape.first().copied().unwrap_or(1).max(1);
        let row_bytes = (bytes / rows.max(1)).max(1);
        let (there, written) = (journal.there(array.path()), Mutex::default());
        Ok(Some(Self { there, rows, piece_rows, row_bytes, in_parts, written }))
    }

    /// The rows that an earlier write has written.
    pub(super) fn there(&self) -> &[Range<u64>] {
        &self.there
    }

    /// Whether an earlier write has written all.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.there.as_slice(), [all] if all.start == 0 && all.end >= self.rows)
    }

    /// How far rows from one on are there without a gap.
    pub(super) fn end_from(&self, row: u64) -> u64 {
        self.there.iter().find(|there| there.contains(&row)).map_or(row, |there| there.end)
    }

    /// Notes that a block was written.
    pub(super) fn wrote(&self, array: &Array, offset: &[u64], values: &Tensor, journal: &dyn Journal) -> Result<()> {
        let (Some(&start), Some(&len)) = (offset.first(), values.shape().first()) else { return Ok(()) };
        self.rows(array, start..start + len as u64, values.len() as u64, journal)
    }

    /// Notes that some rows, of so many values, were written.
    pub(super) fn rows(&self, array: &Array, rows: Range<u64>, values: u64, journal: &dyn Journal) -> Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let (open, count) = &mut *written;
        *count += values;
        if !self.in_parts {
            return if *count == array.spec().len()? {
                journal.wrote(array.path(), 0..self.rows, self.piece_rows)
            } else {
                Ok(())
            };
        }
        if open.end != rows.start {
            self.note(array, open, true, journal)?;
            *open = rows.start..rows.start;
        }
        open.end = rows.end;
        let is_last = open.end >= self.rows;
        self.note(array, open, is_last, journal)
    }

    /// Notes the pieces of which all rows were written: all of them, or none until there are many.
    fn note(&self, array: &Array, open: &mut Range<u64>, all: bool, journal: &dyn Journal) -> Result<()> {
        let end = if open.end >= self.rows { self.rows } else { open.end - open.end % self.piece_rows };
        let start = open.start.next_multiple_of(self.piece_rows);
        let enough = all || end.saturating_sub(start).saturating_mul(self.row_bytes) >= NOTED;
        if end > start && enough {
            journal.wrote(array.path(), start..end, self.piece_rows)?;
            open.start = end;
        }
        Ok(())
    }
}
