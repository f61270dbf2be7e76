//! Fractal heaps: dense links and attributes, and shared messages.
//!
//! HDF5 File Format Specification Version 3.0, III.G "Disk Format: Level 1G - Fractal Heap". A heap is a doubling table of
//! direct blocks, which hold objects, and indirect blocks, which hold addresses of blocks. An object is found by an
//! identifier, which has its offset in the heap (managed), or is a key to it (huge), or is the object itself (tiny).

use crate::btree_v2::{Records, Tree};
use crate::cursor::{Cursor, Widths};
use crate::error::{Result, Section};
use crate::kept::Kept;
use crate::reader::{Block, Reader};

const SECTION: Section = Section::new("fractal heap", "III.G");
/// Bytes of blocks that a heap keeps.
const KEEP: usize = 1 << 20;

/// A heap as its header describes it.
#[derive(Debug)]
pub(crate) struct FractalHeap {
    address: u64,
    id_len: usize,
    /// Whether direct blocks have a checksum.
    checksums: bool,
    huge: Option<u64>,
    table: Table,
    offset_width: usize,
    length_width: usize,
    root: Option<u64>,
    root_rows: u64,
    /// Blocks that were read, by their address.
    blocks: Kept<Block>,
}

/// The shape of the doubling table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Table {
    /// Blocks in a row.
    width: u64,
    /// The size of the blocks of the first two rows; those of each later row are twice as large as those before.
    start: u64,
    /// The size of the largest direct block.
    largest: u64,
}

impl Table {
    /// How many rows of blocks are direct ones.
    fn direct_rows(self) -> u64 {
        u64::from(self.largest.ilog2() - self.start.ilog2()) + 2
    }

    /// The row and column of the block at an offset, the size of that block, and the offset in it.
    fn find(self, offset: u64) -> Option<Position> {
        let row_bytes = self.start.checked_mul(self.width)?;
        let row = offset.checked_div(row_bytes)?.checked_ilog2().map_or(0, |log| u64::from(log) + 1);
        let doublings = u32::try_from(row.saturating_sub(1)).ok()?;
        let size = self.start.checked_mul(1_u64.checked_shl(doublings)?)?;
        let first = if row == 0 { 0 } else { row_bytes.checked_mul(1_u64.checked_shl(doublings)?)? };
        let within = offset.checked_sub(first)?;
        Some(Position { row, column: within / size, size, offset: within % size })
    }

    /// The rows of an indirect block that stands for so many bytes.
    fn rows_of(self, size: u64) -> Option<u64> {
        let first = self.start.checked_mul(self.width)?;
        u64::from(size.checked_ilog2()?).checked_sub(u64::from(first.ilog2()))?.checked_add(1)
    }
}

/// A block of the table, and an offset in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Position {
    row: u64,
    column: u64,
    size: u64,
    offset: u64,
}

impl FractalHeap {
    pub(crate) fn open(reader: &Reader<'_>, address: u64) -> Result<Self> {
        let Widths { address: address_width, length } = reader.widths();
        let len = 26 + 12 * length + 3 * address_width;
        let head = reader.read(SECTION, address, len)?;
        let mut fields = head.cursor();
        fields.signature(*b"FRHP")?;
        fields.version(0..=0)?;
        let (id_len, filters, flags) = (fields.count(2)?, fields.u16()?, fields.u8()?);
        if filters > 0 {
            return Err(fields.unsupported("heaps whose blocks are filtered are not read"));
        }
        let head = reader.read_checked(SECTION, address, len)?;
        let mut fields = head.cursor();
        fields.skip(10)?;
        let most = fields.u32()?;
        // The next number of a huge object.
        fields.length()?;
        let huge = fields.address()?;
        // Free space, its manager, and eight numbers and sizes of what is in the heap.
        fields.skip(9 * length + address_width)?;
        let (width, start, largest, bits) = (fields.u16()?, fields.length()?, fields.length()?, fields.u16()?);
        fields.skip(2)?;
        let (root, root_rows) = (fields.address()?, fields.u16()?);
        let powers = [u64::from(width), start, largest].iter().all(|size| size.is_power_of_two());
        if !powers || largest < start || !(1..=64).contains(&bits) || largest.ilog2() > u32::from(bits) {
            return Err(head.malformed(format!(
                "a table of {width} blocks of {start} to {largest} bytes each row in a heap of 2^{bits} bytes"
            )));
        }
        if id_len == 0 {
            return Err(head.malformed("identifiers of no bytes"));
        }
        let table = Table { width: width.into(), start, largest };
        let offset_width = usize::from(bits).div_ceil(8);
        let of_blocks = (largest.ilog2() as usize).div_ceil(8);
        let length_width = of_blocks.min(most.max(1).ilog2() as usize / 8 + 1);
        let (checksums, root_rows) = (flags & 2 != 0, root_rows.into());
        let blocks = Kept::new(KEEP);
        Ok(Self { address, id_len, checksums, huge, table, offset_width, length_width, root, root_rows, blocks })
    }

    /// The object of an identifier, and the byte of the file at which it stands.
    pub(crate) fn get(&self, reader: &Reader<'_>, id: &[u8]) -> Result<(Vec<u8>, u64)> {
        let mut fields = Cursor::new(id, 0, reader.widths(), SECTION);
        let flags = fields.u8()?;
        if flags >> 6 != 0 {
            return Err(fields.unsupported(format!("an identifier of version {}", flags >> 6)));
        }
        match flags >> 4 & 3 {
            0 => {
                let (offset, len) = (fields.number(self.offset_width)?, fields.count(self.length_width)?);
                self.managed(reader, offset, len)
            }
            1 => self.huge(reader, fields),
            2 => {
                let short = u16::from(flags & 15);
                // Longer identifiers have room for a longer length.
                let len = if self.id_len <= 18 { short } else { short << 8 | u16::from(fields.u8()?) };
                Ok((fields.take(usize::from(len) + 1)?.to_vec(), 0))
            }
            kind => Err(fields.malformed(format!("an object of kind {kind}"))),
        }
    }

    /// An object in a direct block.
    fn managed(&self, reader: &Reader<'_>, offset: u64, len: usize) -> Result<(Vec<u8>, u64)> {
        let outside = |what: &str| {
            crate::Error::malformed(SECTION, format!("{len} bytes at {offset} of the heap {what}"))
                .at(reader.store().base.saturating_add(self.address))
        };
        let mut address = self.root.ok_or_else(|| outside("are in no block"))?;
        let (mut rows, mut within, mut size) = (self.root_rows, offset, self.table.start);
        // Each step leads to a smaller block, so that there are few.
        while rows > 0 {
            let position = self.table.find(within).filter(|position| position.row < rows);
            let position = position.ok_or_else(|| outside("are beyond its blocks"))?;
            let block = self.indirect(reader, address, rows)?;
            let number = position.row.checked_mul(self.table.width).and_then(|n| n.checked_add(position.column));
            address = self.child(&block, number)?.ok_or_else(|| outside("are in no block"))?;
            rows = if position.row < self.table.direct_rows() {
                0
            } else {
                let below = self.table.rows_of(position.size).filter(|&below| below > 0 && below < rows);
                below.ok_or_else(|| outside("are in a block that is too small"))?
            };
            (within, size) = (position.offset, position.size);
        }
        let block = self.direct(reader, address, size)?;
        let start = usize::try_from(within).ok().filter(|&start| start >= self.direct_head(reader));
        let end = start.and_then(|start| start.checked_add(len));
        let bytes = start.zip(end).and_then(|(start, end)| block.bytes().get(start..end));
        let bytes = bytes.ok_or_else(|| outside("reach over the end of their block"))?;
        Ok((bytes.to_vec(), block.origin().saturating_add(within)))
    }

    /// The bytes before the first object of a direct block.
    fn direct_head(&self, reader: &Reader<'_>) -> usize {
        5 + reader.widths().address + self.offset_width + if self.checksums { 4 } else { 0 }
    }

    /// A direct block.
    fn direct(&self, reader: &Reader<'_>, address: u64, size: u64) -> Result<std::sync::Arc<Block>> {
        if let Some(block) = self.blocks.get(address) {
            return Ok(block);
        }
        let len =
            usize::try_from(size).map_err(|_| crate::Error::malformed(SECTION, "a block is larger than memory"))?;
        let block = reader.read(SECTION, address, len)?;
        let mut fields = block.cursor();
        fields.signature(*b"FHDB")?;
        self.check_head(&mut fields)?;
        if self.checksums {
            let at = fields.position();
            let stored = fields.u32()?;
            // The checksum is of the block without it.
            let mut bytes = block.bytes().to_vec();
            bytes.iter_mut().skip(at).take(4).for_each(|byte| *byte = 0);
            if crate::checksum::lookup3(&bytes) != stored {
                return Err(block.malformed("the checksum of a direct block is wrong"));
            }
        }
        Ok(self.blocks.put(address, block, len))
    }

    /// An indirect block of so many rows.
    fn indirect(&self, reader: &Reader<'_>, address: u64, rows: u64) -> Result<std::sync::Arc<Block>> {
        if let Some(block) = self.blocks.get(address) {
            return Ok(block);
        }
        let width = reader.widths().address as u64;
        let children = rows.checked_mul(self.table.width).and_then(|n| n.checked_mul(width));
        let len = children.and_then(|n| n.checked_add(9 + width + self.offset_width as u64));
        let len = len.filter(|&len| len <= reader.file_len()).and_then(|len| usize::try_from(len).ok());
        let len = len.ok_or_else(|| crate::Error::malformed(SECTION, format!("{rows} rows of blocks in a block")))?;
        let block = reader.read_checked(SECTION, address, len)?;
        let mut fields = block.cursor();
        fields.signature(*b"FHIB")?;
        self.check_head(&mut fields)?;
        Ok(self.blocks.put(address, block, len))
    }

    /// What follows the signature of both kinds of blocks.
    fn check_head(&self, fields: &mut Cursor<'_>) -> Result<()> {
        fields.version(0..=0)?;
        let heap = fields.needed_address()?;
        if heap != self.address {
            return Err(
                fields.malformed(format!("a block of the heap at address {heap} is in that at {}", self.address))
            );
        }
        fields.skip(self.offset_width)
    }

    /// The address of a child of an indirect block.
    fn child(&self, block: &Block, number: Option<u64>) -> Result<Option<u64>> {
        let mut fields = block.cursor();
        let width = fields.widths().address;
        let skip = number.and_then(|number| usize::try_from(number).ok()).and_then(|n| n.checked_mul(width));
        fields.skip(5 + width + self.offset_width)?;
        fields.skip(skip.ok_or_else(|| block.malformed("a child beyond memory"))?)?;
        fields.address()
    }

    /// An object outside the blocks.
    fn huge(&self, reader: &Reader<'_>, mut id: Cursor<'_>) -> Result<(Vec<u8>, u64)> {
        let Widths { address: address_width, length } = reader.widths();
        let (address, len) = if address_width + length < self.id_len {
            // The identifier says where it is.
            (id.needed_address()?, id.count(length)?)
        } else {
            self.find_huge(reader, id.number((self.id_len - 1).min(8))?)?
        };
        let block = reader.read(SECTION, address, len)?;
        let origin = block.origin();
        Ok((block.into_bytes(), origin))
    }

    /// Where a huge object is, by its number.
    fn find_huge(&self, reader: &Reader<'_>, wanted: u64) -> Result<(u64, usize)> {
        let missing = || crate::Error::malformed(SECTION, format!("there is no huge object {wanted}"));
        let tree = Tree::open(reader, self.huge.ok_or_else(missing)?, Records::HugeObjects)?;
        let mut found = None;
        tree.visit(reader, &mut |mut record| {
            let (address, len, number) = (record.needed_address()?, record.length()?, record.length()?);
            if number == wanted {
                found = Some((address, len));
            }
            Ok(())
        })?;
        let (address, len) = found.ok_or_else(missing)?;
        Ok((address, usize::try_from(len).map_err(|_| missing())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::lookup3;
    use crate::limits::Action;
    use crate::reader::test_store;

    const TABLE: Table = Table { width: 4, start: 512, largest: 65_536 };

    #[test]
    fn offsets_lead_to_blocks() {
        let at = |offset| TABLE.find(offset).map(|p| (p.row, p.column, p.size, p.offset));
        assert_eq!(at(0), Some((0, 0, 512, 0)));
        assert_eq!(at(2047), Some((0, 3, 512, 511)));
        assert_eq!(at(2048), Some((1, 0, 512, 0)));
        assert_eq!(at(4096 + 1030), Some((2, 1, 1024, 6)));
        assert_eq!(at(u64::MAX).map(|p| p.0), Some(53));
        assert_eq!((TABLE.direct_rows(), TABLE.rows_of(131_072), TABLE.rows_of(1)), (9, Some(7), None));
    }

    /// A heap whose root is a direct block of 64 bytes at address 200, with `content` after its head.
    fn heap(rows: u8, flags: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = b"FRHP\0".to_vec();
        bytes.extend([7, 0, 0, 0, flags, 32, 0, 0, 0]);
        let undefined = u64::MAX.to_le_bytes();
        bytes.extend([0; 8]);
        bytes.extend(undefined);
        bytes.extend([0; 8]);
        bytes.extend(undefined);
        bytes.extend([0; 64]);
        bytes.extend([4, 0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 32, 0, 1, 0]);
        bytes.extend(200_u64.to_le_bytes());
        bytes.extend([rows, 0]);
        let checksum = lookup3(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes.resize(200, 0);
        let mut block = b"FHDB\0".to_vec();
        block.extend([0; 12]);
        let at = block.len();
        block.extend([0; 4]);
        block.extend(content);
        block.resize(64, 0);
        let checksum = lookup3(&block).to_le_bytes();
        block[at..at + 4].copy_from_slice(&checksum);
        bytes.extend(block);
        bytes
    }

    fn get(bytes: Vec<u8>, id: &[u8]) -> Result<Vec<u8>> {
        let store = test_store(bytes);
        let reader = Reader::new(&store, Action::Links, 0);
        FractalHeap::open(&reader, 0)?.get(&reader, id).map(|(bytes, _)| bytes)
    }

    #[test]
    fn objects_are_read_from_direct_blocks() {
        let bytes = heap(0, 2, b"obs and var");
        assert_eq!(get(bytes.clone(), &[0, 21, 0, 0, 0, 3, 0]).unwrap(), b"obs");
        assert_eq!(get(bytes.clone(), &[0x22, b'a', b'b', b'c', b'd', 0, 0]).unwrap(), b"abc");
        for (id, why) in [
            ([0, 21, 0, 0, 0, 44, 0], "44 bytes at 21 of the heap reach over the end of their block"),
            ([0, 20, 0, 0, 0, 1, 0], "1 bytes at 20 of the heap reach over the end of their block"),
            ([0x10, 1, 0, 0, 0, 0, 0], "there is no huge object 1"),
            ([0x30, 1, 0, 0, 0, 0, 0], "an object of kind 3"),
            ([0x40, 1, 0, 0, 0, 0, 0], "an identifier of version 1"),
        ] {
            assert_eq!(get(bytes.clone(), &id).unwrap_err().message(), why);
        }
    }

    #[test]
    fn damage_is_told() {
        let mut bytes = heap(0, 2, b"obs and var");
        bytes[225] ^= 1;
        assert_eq!(
            get(bytes, &[0, 21, 0, 0, 0, 3, 0]).unwrap_err().message(),
            "the checksum of a direct block is wrong"
        );
        let mut bytes = heap(0, 0, b"obs and var");
        bytes[206] = 1;
        let error = get(bytes, &[0, 21, 0, 0, 0, 3, 0]).unwrap_err();
        assert_eq!(error.message(), "a block of the heap at address 256 is in that at 0");
        let error = get(heap(3, 2, b"obs"), &[0, 21, 0, 0, 0, 3, 0]).unwrap_err();
        assert!(error.message().contains("bytes are needed"), "{error}");
    }
}
