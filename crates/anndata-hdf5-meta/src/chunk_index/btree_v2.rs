//! Chunks in a B-tree of version 2: the index of arrays that may grow along several axes.
//!
//! HDF5 File Format Specification Version 3.0, VII.E "Version 2 B-tree Index".

use super::{Chunks, Visit};
use crate::btree_v2::{Records, Tree};
use crate::error::{Result, Section};

const SECTION: Section = Section::new("version 2 B-tree of chunks", "VII.E");

pub(super) fn visit(chunks: &Chunks<'_>, visit: &mut Visit<'_>) -> Result<()> {
    let records = if chunks.filtered { Records::FilteredChunks } else { Records::Chunks };
    let tree = Tree::open(chunks.reader, chunks.address, records)?;
    tree.visit(chunks.reader, &mut |record| {
        let mut record = record.named(SECTION);
        let coordinates = 8 * chunks.shape.len();
        let element = record.left().checked_sub(coordinates);
        let element = element.ok_or_else(|| record.malformed("a record has no room for the position of a chunk"))?;
        chunks.check_elements(&record, u8::from(chunks.filtered), element)?;
        let found = chunks.element(&mut record, element)?;
        let position = (0..chunks.shape.len()).map(|_| record.u64()).collect::<Result<Vec<_>>>()?;
        match found {
            Some(found) => chunks.report(SECTION, &position, found, visit),
            None => Ok(()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::test::{at, checked, chunks};
    use super::*;
    use crate::ChunkIndex;

    /// A tree of one leaf, of records of so many bytes.
    fn tree(kind: u8, size: u8, records: &[Vec<u8>]) -> Vec<u8> {
        let mut head = b"BTHD\0".to_vec();
        head.extend([kind, 200, 0, 0, 0, size, 0, 0, 0, 100, 40]);
        head.extend(64_u64.to_le_bytes());
        head.extend([u8::try_from(records.len()).unwrap(), 0]);
        head.extend((records.len() as u64).to_le_bytes());
        let mut bytes = checked(&head);
        bytes.resize(64, 0);
        bytes.extend(checked(&[b"BTLF\0".to_vec(), vec![kind], records.concat()].concat()));
        bytes.resize(300, 0);
        bytes
    }

    fn record(parts: &[u64]) -> Vec<u8> {
        parts.iter().flat_map(|part| part.to_le_bytes()).collect()
    }

    #[test]
    fn chunks_within_the_array_are_found() -> Result<()> {
        let shape = (&[4, 3][..], &[None, None][..]);
        let plain = tree(10, 24, &[record(&[7, 0, 1]), record(&[9, 1, 0]), record(&[8, 2, 0])]);
        let found = chunks(plain, ChunkIndex::BtreeV2, shape, false)?;
        assert_eq!(found, [(vec![0, 1], at(7, 4)), (vec![1, 0], at(9, 4))]);
        let filtered = tree(11, 30, &[[record(&[7])[..].to_vec(), vec![77, 1, 0, 0, 0, 0], record(&[1, 1])].concat()]);
        assert_eq!(chunks(filtered.clone(), ChunkIndex::BtreeV2, shape, true)?, [(vec![1, 1], at(7, 333))]);
        let error = chunks(filtered, ChunkIndex::BtreeV2, shape, false).unwrap_err();
        assert_eq!(error.message(), "records of kind 11 where 10 is expected");
        let short = chunks(tree(10, 20, &[vec![0; 20]]), ChunkIndex::BtreeV2, shape, false).unwrap_err();
        assert_eq!(short.message(), "elements of 4 bytes and kind 0 for unfiltered chunks");
        Ok(())
    }
}
