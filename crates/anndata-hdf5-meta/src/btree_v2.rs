//! B-trees of version 2: the indexes of dense links and attributes, of large objects of a heap, and of chunks.
//!
//! HDF5 File Format Specification Version 3.0, III.A.2 "Version 2 B-trees".

use std::collections::HashSet;

use crate::cursor::{Cursor, Widths};
use crate::error::{Result, Section};
use crate::reader::Reader;

const SECTION: Section = Section::new("version 2 B-tree", "III.A.2");
/// Signature, version, type and checksum of a node.
const OVERHEAD: usize = 10;

/// The types of records that are read here, by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Records {
    /// Large objects of a heap, found by a number.
    HugeObjects = 1,
    /// Links, by the hash of their name.
    LinkNames = 5,
    /// Attributes, by the hash of their name.
    AttributeNames = 8,
    /// Chunks without filters.
    Chunks = 10,
    /// Chunks with filters.
    FilteredChunks = 11,
}

/// A tree as its header describes it.
#[derive(Debug)]
pub(crate) struct Tree {
    node_bytes: usize,
    record: usize,
    depth: usize,
    root: Option<u64>,
    root_records: usize,
    total: u64,
    levels: Vec<Level>,
}

/// What nodes of one level are, 0 for leaves.
#[derive(Debug, Clone, Copy)]
struct Level {
    /// The records of a node at most.
    most: usize,
    /// The bytes of a number of records of a node and all below it, 0 for leaves.
    total_width: usize,
}

/// How many bytes numbers up to this one take.
fn width(largest: u64) -> usize {
    largest.max(1).ilog2() as usize / 8 + 1
}

impl Tree {
    /// Reads the header of a tree of such records.
    pub(crate) fn open(reader: &Reader<'_>, address: u64, records: Records) -> Result<Self> {
        let Widths { address: address_width, length } = reader.widths();
        let block = reader.read_checked(SECTION, address, 22 + address_width + length)?;
        let mut fields = block.cursor();
        fields.signature(*b"BTHD")?;
        fields.version(0..=0)?;
        let kind = fields.u8()?;
        if kind != records as u8 {
            return Err(block.malformed(format!("records of kind {kind} where {} is expected", records as u8)));
        }
        let (node_bytes, record, depth) = (fields.count(4)?, fields.count(2)?, fields.count(2)?);
        // At which percentage nodes are split and merged.
        fields.skip(2)?;
        let (root, root_records, total) = (fields.address()?, fields.count(2)?, fields.length()?);
        if record == 0 || node_bytes < OVERHEAD + record {
            return Err(block.malformed(format!("records of {record} bytes in nodes of {node_bytes}")));
        }
        if depth > 64 {
            return Err(block.malformed(format!("a tree of {depth} levels")));
        }
        let levels = levels(&block.cursor(), node_bytes, record, depth, address_width)?;
        Ok(Self { node_bytes, record, depth, root, root_records, total, levels })
    }

    /// Reports each record, in no order.
    pub(crate) fn visit(&self, reader: &Reader<'_>, visit: &mut dyn FnMut(Cursor<'_>) -> Result<()>) -> Result<()> {
        let Some(root) = self.root else { return Ok(()) };
        let mut seen = HashSet::new();
        let mut todo = vec![(root, self.root_records, self.depth)];
        let mut records = 0_u64;
        while let Some((address, len, level)) = todo.pop() {
            let block = reader.read_checked(SECTION, address, self.node_len(reader, len, level))?;
            let most = self.levels.get(level).map_or(0, |level| level.most);
            if len > most {
                return Err(block.malformed(format!("a node of {len} records, of which {most} fit into it")));
            }
            if !seen.insert(address) {
                return Err(block.malformed("a node is in the tree twice"));
            }
            let mut fields = block.cursor();
            fields.signature(if level == 0 { *b"BTLF" } else { *b"BTIN" })?;
            fields.version(0..=0)?;
            fields.skip(1)?;
            for _ in 0..len {
                visit(fields.part(self.record)?)?;
            }
            records = records.saturating_add(len as u64);
            if let Some(below) = level.checked_sub(1) {
                for _ in 0..=len {
                    let child = fields.needed_address()?;
                    let records = fields.count(self.count_width())?;
                    fields.skip(self.total_width(below))?;
                    todo.push((child, records, below));
                }
            }
        }
        if records == self.total {
            return Ok(());
        }
        let message = format!("there are {records} records in the tree where {} are declared", self.total);
        Err(crate::Error::malformed(SECTION, message).at(reader.store().offset(SECTION, root)?))
    }

    /// The bytes of a node that are used, checksum included.
    fn node_len(&self, reader: &Reader<'_>, records: usize, level: usize) -> usize {
        let pointers = match level.checked_sub(1) {
            None => 0,
            Some(below) => reader.widths().address + self.count_width() + self.total_width(below),
        };
        // No product can be too large: both are less than 2^16 and few bytes.
        let children = if level == 0 { 0 } else { records + 1 };
        (OVERHEAD + records * self.record + children * pointers).min(self.node_bytes)
    }

    fn count_width(&self) -> usize {
        self.levels.first().map_or(1, |leaf| width(leaf.most as u64))
    }

    fn total_width(&self, level: usize) -> usize {
        self.levels.get(level).map_or(0, |level| level.total_width)
    }
}

/// How many records fit into nodes of each level.
fn levels(fields: &Cursor<'_>, node: usize, record: usize, depth: usize, address: usize) -> Result<Vec<Level>> {
    let leaf = (node - OVERHEAD) / record;
    let mut levels = vec![Level { most: leaf, total_width: 0 }];
    let mut total = leaf as u64;
    let mut below = 0;
    for _ in 0..depth {
        let pointer = address + width(leaf as u64) + below;
        let most = node.saturating_sub(OVERHEAD + pointer) / (record + pointer);
        if most == 0 {
            return Err(fields.malformed(format!("records of {record} bytes do not fit into inner nodes of {node}")));
        }
        total = (most as u64 + 1).saturating_mul(total).saturating_add(most as u64);
        below = width(total);
        levels.push(Level { most, total_width: below });
    }
    Ok(levels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::lookup3;
    use crate::limits::Action;
    use crate::reader::test_store;

    fn checked(mut bytes: Vec<u8>, len: usize) -> Vec<u8> {
        let checksum = lookup3(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes.resize(len, 0);
        bytes
    }

    /// A header, in 64 bytes, of a tree of records of 11 bytes in nodes of 64.
    fn header(kind: u8, depth: u8, root: u64, root_records: u8, total: u64) -> Vec<u8> {
        let mut bytes = b"BTHD\0".to_vec();
        bytes.extend([kind, 64, 0, 0, 0, 11, 0, depth, 0, 100, 40]);
        bytes.extend(root.to_le_bytes());
        bytes.extend([root_records, 0]);
        bytes.extend(total.to_le_bytes());
        checked(bytes, 64)
    }

    fn node(mark: &[u8], records: &[u8], children: &[(u64, u8)]) -> Vec<u8> {
        let mut bytes = [mark, &[0, 5]].concat();
        for &record in records {
            bytes.extend([record; 11]);
        }
        for &(address, records) in children {
            bytes.extend(address.to_le_bytes());
            bytes.push(records);
        }
        checked(bytes, 64)
    }

    fn records(parts: &[Vec<u8>]) -> Result<Vec<u8>> {
        let store = test_store(parts.concat());
        let reader = Reader::new(&store, Action::Links, 0);
        let mut found = Vec::new();
        Tree::open(&reader, 0, Records::LinkNames)?.visit(&reader, &mut |mut record| {
            found.push(record.u8()?);
            Ok(())
        })?;
        found.sort_unstable();
        Ok(found)
    }

    #[test]
    fn records_of_all_levels_are_visited() -> Result<()> {
        assert_eq!(records(&[header(5, 0, u64::MAX, 0, 0)])?, []);
        assert_eq!(records(&[header(5, 0, 64, 3, 3), node(b"BTLF", &[1, 2, 3], &[])])?, [1, 2, 3]);
        let inner = node(b"BTIN", &[3], &[(128, 2), (192, 1)]);
        let leaves = [node(b"BTLF", &[1, 2], &[]), node(b"BTLF", &[4], &[])].concat();
        assert_eq!(records(&[header(5, 1, 64, 1, 4), inner, leaves])?, [1, 2, 3, 4]);
        Ok(())
    }

    #[test]
    fn circles_and_odd_nodes_are_errors() {
        let leaf = node(b"BTLF", &[1, 2], &[]);
        for (parts, why) in [
            (vec![header(8, 0, 64, 2, 2), leaf.clone()], "records of kind 8 where 5 is expected"),
            (vec![header(5, 0, 64, 2, 3), leaf.clone()], "there are 2 records in the tree where 3 are declared"),
            (vec![header(5, 0, 64, 9, 9), leaf.clone()], "the checksum is wrong"),
            (
                vec![header(5, 1, 64, 1, 5), node(b"BTIN", &[3], &[(128, 2), (128, 2)]), leaf.clone()],
                "a node is in the tree twice",
            ),
            (vec![header(5, 1, 64, 1, 1), node(b"BTIN", &[3], &[(64, 1), (64, 1)])], "the checksum is wrong"),
            (vec![header(5, 65, 64, 1, 1), leaf.clone()], "a tree of 65 levels"),
            (vec![header(5, 0, 64, 1, 1), node(b"BTXX", &[3], &[])], "does not begin with BTLF"),
            (vec![header(5, 0, 640, 1, 1)], "address 640 lies outside the file of 64 bytes"),
        ] {
            assert_eq!(records(&parts).unwrap_err().message(), why);
        }
    }

    #[test]
    fn widths_of_numbers() {
        assert_eq!([0, 1, 255, 256, 65_535, 65_536, u64::MAX].map(width), [1, 1, 1, 2, 2, 3, 8]);
    }
}
