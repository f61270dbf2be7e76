//! Where the chunks of an array are.
//!
//! HDF5 File Format Specification Version 3.0, VII "Appendix C: Types of Indexes for Dataset Chunks".

mod btree_v1;
mod btree_v2;
mod extensible_array;
mod fixed_array;
mod implicit;

use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::{Error, Result, Section};
use crate::message::data_layout::{self, ChunkIndex, ChunkedLayout};
use crate::reader::Reader;

const SINGLE: Section = Section::new("single chunk index", "VII.A");

/// Where a chunk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkLocation {
    /// Its first byte in the file.
    pub offset: u64,
    /// How many bytes are stored.
    pub bytes: u64,
    /// A bit for each filter that the chunk did not go through, the lowest for the first one.
    pub filter_mask: u32,
}

/// What is told of each chunk: its position in the grid of chunks, and where it is.
pub(crate) type Visit<'a> = dyn FnMut(&[u64], ChunkLocation) -> Result<()> + 'a;

/// An array whose chunks are looked for.
pub(crate) struct Chunks<'a> {
    pub(crate) reader: &'a Reader<'a>,
    pub(crate) layout: &'a ChunkedLayout,
    pub(crate) shape: &'a [u64],
    pub(crate) max_shape: &'a [Option<u64>],
    /// How many entries nodes of old indexes have.
    pub(crate) rank: u16,
    /// Whether chunks go through filters.
    pub(crate) filtered: bool,
    /// The positions of chunks along the first axis that are of interest.
    pub(crate) rows: Range<u64>,
    /// The address of the index.
    address: u64,
}

impl<'a> Chunks<'a> {
    /// The chunks of an array, `None` if none was ever written.
    pub(crate) fn new(
        reader: &'a Reader<'a>,
        layout: &'a ChunkedLayout,
        (shape, max_shape): (&'a [u64], &'a [Option<u64>]),
        rank: u16,
        filtered: bool,
    ) -> Option<Self> {
        Some(Self { reader, layout, shape, max_shape, rank, filtered, rows: 0..u64::MAX, address: layout.address? })
    }

    /// Only those at these positions along the first axis.
    pub(crate) fn with_rows(mut self, rows: Range<u64>) -> Self {
        self.rows = rows;
        self
    }

    /// Reports each chunk that is stored and lies within the array.
    pub(crate) fn visit(&self, visit: &mut Visit<'_>) -> Result<()> {
        match self.layout.index {
            ChunkIndex::BtreeV1 => btree_v1::visit(self, visit),
            ChunkIndex::SingleChunk(stored) => self.single(stored, visit),
            ChunkIndex::Implicit => implicit::visit(self, visit),
            ChunkIndex::FixedArray => fixed_array::visit(self, visit),
            ChunkIndex::ExtensibleArray => extensible_array::visit(self, visit),
            ChunkIndex::BtreeV2 => btree_v2::visit(self, visit),
        }
    }

    /// One chunk is as long as the array.
    fn single(&self, stored: Option<(u64, u32)>, visit: &mut Visit<'_>) -> Result<()> {
        let (bytes, mask) = match stored {
            Some(stored) => stored,
            None if self.filtered => {
                return Err(Error::malformed(SINGLE, "the size of the filtered chunk is not stored"));
            }
            None => (self.layout.chunk_bytes(), 0),
        };
        self.report(SINGLE, &vec![0; self.shape.len()], (self.address, bytes, mask), visit)
    }

    /// Reports a chunk, if it is of interest and lies within the array: others are left over from before it shrank.
    fn report(
        &self,
        section: Section,
        position: &[u64],
        (address, bytes, filter_mask): (u64, u64, u32),
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let lengths = self.shape.iter().zip(&self.layout.shape);
        if position.iter().zip(lengths).any(|(&position, (&len, &chunk))| position >= len.div_ceil(chunk)) {
            return Ok(());
        }
        if position.first().is_some_and(|row| !self.rows.contains(row)) {
            return Ok(());
        }
        let offset = self.reader.store().offset(section, address)?;
        visit(position, ChunkLocation { offset, bytes, filter_mask })
    }

    /// How many chunks there are along each axis when the array is as long as it may become; `None` where there is no limit.
    fn largest_grid(&self) -> Vec<Option<u64>> {
        self.max_shape.iter().zip(&self.layout.shape).map(|(&len, &chunk)| Some(len?.div_ceil(chunk))).collect()
    }

    /// How many chunks there are at most; `None` if there is no limit, or it exceeds 64 bits.
    fn most(&self) -> Option<u64> {
        self.largest_grid().into_iter().try_fold(1_u64, |count, len| count.checked_mul(len?))
    }

    /// Takes a chunk's address out of an array of them, with its size and mask if it is filtered: `None` if it was never
    /// written.
    fn element(&self, fields: &mut Cursor<'_>, size: usize) -> Result<Option<(u64, u64, u32)>> {
        let mut fields = fields.part(size)?;
        let address = fields.address()?;
        if !self.filtered {
            return Ok(address.map(|address| (address, self.layout.chunk_bytes(), 0)));
        }
        let width = fields.left().saturating_sub(4);
        let (bytes, mask) = (fields.number(width)?, fields.u32()?);
        Ok(address.map(|address| (address, bytes, mask)))
    }

    /// Refuses an array of elements that are not those of such chunks.
    fn check_elements(&self, fields: &Cursor<'_>, client: u8, size: usize) -> Result<()> {
        let address = self.reader.widths().address;
        let right = match client {
            0 => !self.filtered && size == address,
            1 => self.filtered && (address + 5..=address + 12).contains(&size),
            _ => false,
        };
        if right {
            return Ok(());
        }
        let filtered = if self.filtered { "filtered" } else { "unfiltered" };
        Err(fields.malformed(format!("elements of {size} bytes and kind {client} for {filtered} chunks")))
    }
}

/// The position in a grid that has so many chunks along its axes, of the chunk with a number; axes in the order of how fast
/// they change, the slowest first. What is beyond the grid is beyond its slowest axis.
fn position(number: u64, grid: &[Option<u64>], axes: &[usize]) -> Vec<u64> {
    let mut position = vec![0; grid.len()];
    let mut rest = number;
    for (place, &axis) in axes.iter().enumerate().rev() {
        // Fallback: an axis without an end takes the whole number; a length of 0 has no chunks, and no number is in it.
        let len = grid.get(axis).copied().flatten().unwrap_or(u64::MAX).max(1);
        let at = if place == 0 { rest } else { rest % len };
        rest /= len;
        if let Some(slot) = position.get_mut(axis) {
            *slot = at;
        }
    }
    position
}

/// Refuses a layout that does not go with the shape of its array.
pub(crate) fn check(layout: &ChunkedLayout, shape: &[u64], element_size: usize) -> Result<()> {
    if layout.shape.len() != shape.len() {
        let message = format!("chunks of shape {:?} in an array of {shape:?}", layout.shape);
        return Err(Error::malformed(data_layout::SECTION, message));
    }
    if layout.element_size != element_size as u64 {
        let message = format!("chunks of elements of {} bytes, and a type of {element_size}", layout.element_size);
        return Err(Error::malformed(data_layout::SECTION, message));
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod test {
    //! What tests of indexes share.

    use super::*;
    use crate::limits::Action;
    use crate::reader::test_store;

    /// All chunks that the index of a kind at address 0 has, of an array of chunks of 2 or 2 x 2 bytes.
    pub(crate) fn chunks(
        bytes: Vec<u8>,
        index: ChunkIndex,
        shape: (&[u64], &[Option<u64>]),
        filtered: bool,
    ) -> Result<Vec<(Vec<u64>, ChunkLocation)>> {
        some_chunks(bytes, index, shape, filtered, 0..u64::MAX)
    }

    /// Those at some positions along the first axis.
    pub(crate) fn some_chunks(
        bytes: Vec<u8>,
        index: ChunkIndex,
        (shape, max_shape): (&[u64], &[Option<u64>]),
        filtered: bool,
        rows: Range<u64>,
    ) -> Result<Vec<(Vec<u64>, ChunkLocation)>> {
        let store = test_store(bytes);
        let reader = Reader::new(&store, Action::Chunks, 0);
        let layout = ChunkedLayout {
            shape: vec![2; shape.len()],
            element_size: 1,
            index,
            partial_chunks_unfiltered: false,
            address: Some(0),
        };
        let mut found = Vec::new();
        let chunks = Chunks::new(&reader, &layout, (shape, max_shape), 32, filtered).unwrap().with_rows(rows);
        chunks.visit(&mut |position, location| {
            found.push((position.to_vec(), location));
            Ok(())
        })?;
        Ok(found)
    }

    pub(crate) fn at(offset: u64, bytes: u64) -> ChunkLocation {
        ChunkLocation { offset, bytes, filter_mask: 0 }
    }

    /// Bytes and their checksum.
    pub(crate) fn checked(bytes: &[u8]) -> Vec<u8> {
        [bytes, &crate::checksum::lookup3(bytes).to_le_bytes()].concat()
    }

    #[test]
    fn numbers_are_positions_in_the_grid() {
        let grid = [Some(3), Some(4)];
        assert_eq!((position(0, &grid, &[0, 1]), position(6, &grid, &[0, 1])), (vec![0, 0], vec![1, 2]));
        assert_eq!(position(99, &grid, &[0, 1]), [24, 3]);
        assert_eq!(position(7, &[Some(3), None], &[1, 0]), [1, 2]);
        assert_eq!(position(7, &[Some(0), None], &[1, 0]), [0, 7]);
        assert_eq!(position(3, &[], &[]), Vec::<u64>::new());
    }

    #[test]
    fn one_chunk() {
        let shape = (&[2][..], &[Some(2)][..]);
        let plain = chunks(vec![0; 10], ChunkIndex::SingleChunk(None), shape, false).unwrap();
        assert_eq!(plain, [(vec![0], at(0, 2))]);
        let filtered = chunks(vec![0; 10], ChunkIndex::SingleChunk(Some((5, 1))), shape, true).unwrap();
        assert_eq!(filtered, [(vec![0], ChunkLocation { offset: 0, bytes: 5, filter_mask: 1 })]);
        assert!(chunks(vec![0; 10], ChunkIndex::SingleChunk(None), shape, true).is_err());
        let empty = (&[0][..], &[Some(2)][..]);
        assert_eq!(chunks(vec![0; 10], ChunkIndex::SingleChunk(None), empty, false).unwrap(), []);
    }
}
