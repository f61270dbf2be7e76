//! The table of shared messages: heaps of datatypes, dataspaces, attributes and others that many objects have in common.
//!
//! HDF5 File Format Specification Version 3.0, III.I "Disk Format: Level 1I - Shared Object Header Message Table" and
//! IV.A.2.p "The Shared Message Table Message".

use crate::cursor::Cursor;
use crate::error::{Error, Result, Section};
use crate::reader::Reader;

const SECTION: Section = Section::new("shared message table", "III.I");

/// Which heap has the messages of which types.
#[derive(Debug, Default)]
pub(crate) struct SharedMessageTable {
    /// A bit for each type of message, and the address of a heap.
    heaps: Vec<(u16, u64)>,
}

impl SharedMessageTable {
    /// Reads the table that a message of the superblock extension leads to.
    pub(crate) fn read(reader: &Reader<'_>, mut message: Cursor<'_>) -> Result<Self> {
        message.version(0..=0)?;
        let (address, len) = (message.needed_address()?, usize::from(message.u8()?));
        let entry = 14 + 2 * reader.widths().address;
        let block = reader.read_checked(SECTION, address, 4 + len * entry + 4)?;
        let mut fields = block.cursor();
        fields.signature(*b"SMTB")?;
        let mut heaps = Vec::new();
        for _ in 0..len {
            fields.version(0..=0)?;
            fields.skip(1)?;
            let types = fields.u16()?;
            // Sizes, cutoffs and a number of messages, and the address of the index, which only writers need.
            fields.skip(10)?;
            fields.address()?;
            // A heap that is not there has no messages.
            if let Some(heap) = fields.address()? {
                heaps.push((types, heap));
            }
        }
        Ok(Self { heaps })
    }

    /// The heap that has messages of a type.
    pub(crate) fn heap(&self, kind: u16) -> Result<u64> {
        // Fallback: the types beyond the bits are in no heap.
        let found = self.heaps.iter().find(|(types, _)| types.checked_shr(kind.into()).unwrap_or(0) & 1 == 1);
        found.map(|&(_, heap)| heap).ok_or_else(|| {
            Error::malformed(
                SECTION,
                format!("a message of type {kind} is shared, and there is no heap of such messages"),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::lookup3;
    use crate::limits::Action;
    use crate::reader::test_store;

    #[test]
    fn a_heap_is_found_by_the_type_of_message() -> Result<()> {
        let mut bytes = b"SMTB\0\x01\x08\x10".to_vec();
        bytes.extend([0; 10]);
        bytes.extend(77_u64.to_le_bytes());
        bytes.extend(88_u64.to_le_bytes());
        let checksum = lookup3(&bytes);
        bytes.extend(checksum.to_le_bytes());
        let store = test_store(bytes);
        let reader = Reader::new(&store, Action::Open, 0);
        let message = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let table = SharedMessageTable::read(&reader, Cursor::new(&message, 0, reader.widths(), SECTION))?;
        assert_eq!((table.heap(3)?, table.heap(12)?), (88, 88));
        assert!(table.heap(1).unwrap_err().message().contains("a message of type 1 is shared"));
        assert!(table.heap(100).is_err_and(|error| error.kind() == crate::ErrorKind::Malformed));
        Ok(())
    }
}
