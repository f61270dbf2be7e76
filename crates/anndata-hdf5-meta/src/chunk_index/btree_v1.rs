//! Chunks in a B-tree of version 1: the index of old arrays.
//!
//! HDF5 File Format Specification Version 3.0, III.A.1 "Version 1 B-trees", node type 1.

use super::{Chunks, Visit};
use crate::btree_v1::Tree;
use crate::cursor::Cursor;
use crate::error::{Result, Section};

const SECTION: Section = Section::new("version 1 B-tree of chunks", "III.A.1");

pub(super) fn visit(chunks: &Chunks<'_>, visit: &mut Visit<'_>) -> Result<()> {
    // A size, a mask, the first element along each axis, and a byte within the element, which is 0.
    let key = 8 + 8 * (chunks.shape.len() + 1);
    let tree = Tree { kind: 1, key, rank: chunks.rank };
    // Nodes are in the order of the first axis. An array without axes has one chunk.
    let rows = chunks
        .layout
        .shape
        .first()
        .map(|&chunk| (chunks.rows.start.saturating_mul(chunk), chunks.rows.end.saturating_mul(chunk)));
    let wanted = |mut first: Cursor<'_>, mut after: Cursor<'_>| {
        let Some((start, end)) = rows else { return Ok(true) };
        let row = |key: &mut Cursor<'_>| {
            key.u64()?;
            key.u64()
        };
        Ok(row(&mut first)? < end && row(&mut after)? >= start)
    };
    tree.visit_some(chunks.reader, chunks.address, &wanted, &mut |mut key, address| {
        let (bytes, mask) = (u64::from(key.u32()?), key.u32()?);
        let mut position = Vec::with_capacity(chunks.shape.len());
        for &chunk in &chunks.layout.shape {
            let element = key.u64()?;
            if element % chunk != 0 {
                return Err(key.malformed(format!("a chunk begins at element {element}, and chunks are {chunk} long")));
            }
            position.push(element / chunk);
        }
        chunks.report(SECTION, &position, (address, bytes, mask), visit)
    })
}

#[cfg(test)]
mod tests {
    use super::super::test::{at, chunks};
    use super::*;
    use crate::ChunkIndex;

    fn leaf(keys: &[(u32, u64)]) -> Vec<u8> {
        let mut bytes = b"TREE\x01\0".to_vec();
        bytes.extend([u8::try_from(keys.len()).unwrap(), 0]);
        bytes.extend([0xff; 16]);
        for (number, &(size, element)) in keys.iter().enumerate() {
            bytes.extend(size.to_le_bytes());
            bytes.extend([0; 4]);
            bytes.extend(element.to_le_bytes());
            bytes.extend([0; 8]);
            bytes.extend((number as u64).to_le_bytes());
        }
        bytes.extend([0; 24]);
        bytes
    }

    /// A node above leaves, which begin with these elements.
    fn parent(children: &[(u64, u64)], end: u64) -> Vec<u8> {
        let mut bytes = b"TREE\x01\x01".to_vec();
        bytes.extend([u8::try_from(children.len()).unwrap(), 0]);
        bytes.extend([0xff; 16]);
        for &(element, address) in children {
            bytes.extend([0; 8]);
            bytes.extend(element.to_le_bytes());
            bytes.extend([0; 8]);
            bytes.extend(address.to_le_bytes());
        }
        bytes.extend([0; 8]);
        bytes.extend(end.to_le_bytes());
        bytes.extend([0; 8]);
        bytes
    }

    #[test]
    fn nodes_of_other_rows_are_not_looked_at() -> Result<()> {
        // The second leaf is not one.
        let leaf = leaf(&[(7, 0), (8, 2)]);
        let bytes = |second: &[u8]| {
            let head = parent(&[(0, 200), (4, 400)], 8);
            let mut bytes = head;
            bytes.resize(200, 0);
            bytes.extend(&leaf);
            bytes.resize(400, 0);
            bytes.extend(second);
            bytes.resize(600, 0);
            bytes
        };
        let shape = (&[8][..], &[Some(8)][..]);
        let found = |second: &[u8], rows| {
            super::super::test::some_chunks(bytes(second), ChunkIndex::BtreeV1, shape, true, rows)
        };
        assert_eq!(found(b"damaged", 0..2)?, [(vec![0], at(0, 7)), (vec![1], at(1, 8))]);
        assert_eq!(found(b"damaged", 1..2)?, [(vec![1], at(1, 8))]);
        assert!(found(b"damaged", 2..3).is_err());
        assert!(found(b"damaged", 0..u64::MAX).is_err());
        Ok(())
    }

    #[test]
    fn chunks_within_the_array_are_found() -> Result<()> {
        let shape = (&[5][..], &[Some(9)][..]);
        let found = chunks(leaf(&[(7, 0), (8, 4), (9, 6)]), ChunkIndex::BtreeV1, shape, true)?;
        assert_eq!(found, [(vec![0], at(0, 7)), (vec![2], at(1, 8))]);
        let error = chunks(leaf(&[(7, 3)]), ChunkIndex::BtreeV1, shape, true).unwrap_err();
        assert_eq!(error.message(), "a chunk begins at element 3, and chunks are 2 long");
        Ok(())
    }
}
