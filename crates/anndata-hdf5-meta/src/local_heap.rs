//! Local heaps: the names of the members of an old group.
//!
//! HDF5 File Format Specification Version 3.0, III.D "Disk Format: Level 1D - Local Heaps".

use crate::cursor::{Cursor, Widths};
use crate::error::{Result, Section};
use crate::reader::{Block, Reader};

const SECTION: Section = Section::new("local heap", "III.D");

/// The data of a heap.
#[derive(Debug)]
pub(crate) struct LocalHeap(Block);

impl LocalHeap {
    pub(crate) fn open(reader: &Reader<'_>, address: u64) -> Result<Self> {
        let Widths { address: address_width, length } = reader.widths();
        let head = reader.read(SECTION, address, 8 + 2 * length + address_width)?;
        let mut fields = head.cursor();
        fields.signature(*b"HEAP")?;
        fields.version(0..=0)?;
        fields.skip(3)?;
        let len = fields.count(length)?;
        // The first free block.
        fields.length()?;
        Ok(Self(reader.read(SECTION, fields.needed_address()?, len)?))
    }

    /// The text at an offset.
    pub(crate) fn text(&self, offset: u64) -> Result<&[u8]> {
        let bytes = usize::try_from(offset).ok().and_then(|offset| self.0.bytes().get(offset..));
        let bytes = bytes.ok_or_else(|| {
            self.0.malformed(format!("a name is at {offset} in a heap of {} bytes", self.0.bytes().len()))
        })?;
        Cursor::new(bytes, self.0.origin().saturating_add(offset), self.0.cursor().widths(), SECTION).text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Action;
    use crate::reader::test_store;

    #[test]
    fn names_end_within_the_heap() -> Result<()> {
        let mut bytes = b"HEAP\0\0\0\0".to_vec();
        for number in [8_u64, 0, 32] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(b"\0obs\0var outside\0");
        let store = test_store(bytes);
        let heap = LocalHeap::open(&Reader::new(&store, Action::Links, 0), 0)?;
        assert_eq!((heap.text(0)?, heap.text(1)?), (&b""[..], &b"obs"[..]));
        let error = heap.text(5).unwrap_err();
        assert_eq!((error.message(), error.offset()), ("a text has no end", Some(37)));
        assert_eq!(heap.text(9).unwrap_err().message(), "a name is at 9 in a heap of 8 bytes");
        Ok(())
    }
}
