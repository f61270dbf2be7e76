//! Symbol table nodes: the members of an old group, in leaves of a B-tree of version 1.
//!
//! HDF5 File Format Specification Version 3.0, III.B "Group Symbol Table Nodes" and III.C "Symbol Table Entry".

use crate::btree_v1::Tree;
use crate::error::{Result, Section};
use crate::local_heap::LocalHeap;
use crate::message::link::{Link, LinkTarget};
use crate::reader::Reader;
use crate::superblock::Ranks;

const SECTION: Section = Section::new("symbol table node", "III.B");
/// What the cache type of an entry is if it is a soft link.
const SOFT: u32 = 2;

/// All links of a group, in the order of the tree, which is that of the names.
pub(crate) fn links(reader: &Reader<'_>, ranks: Ranks, tree: u64, heap: u64) -> Result<Vec<Link>> {
    let heap = LocalHeap::open(reader, heap)?;
    let widths = reader.widths();
    let mut links = Vec::new();
    let by_name = Tree { kind: 0, key: widths.length, rank: ranks.group_internal };
    by_name.visit(reader, tree, &mut |_, address| {
        let prefix = reader.read(SECTION, address, 8)?;
        let mut fields = prefix.cursor();
        fields.signature(*b"SNOD")?;
        fields.version(1..=1)?;
        fields.skip(1)?;
        let len = fields.u16()?;
        if u32::from(len) > 2 * u32::from(ranks.group_leaf) {
            let most = 2 * u32::from(ranks.group_leaf);
            return Err(prefix.malformed(format!("{len} entries, of which there are {most} at most")));
        }
        // The specification has a name as wide as an address; the library writes it as wide as a length.
        let entry = widths.length + widths.address + 24;
        let entries = reader.read(SECTION, address.saturating_add(8), usize::from(len) * entry)?;
        let mut fields = entries.cursor();
        for _ in 0..len {
            let name = fields.number(widths.length)?;
            let target = fields.address()?;
            let cache = fields.u32()?;
            fields.skip(4)?;
            let mut scratch = fields.part(16)?;
            let name = heap.text(name)?.to_vec();
            let target = match (cache, target) {
                (SOFT, _) => LinkTarget::Soft(heap.text(scratch.u32()?.into())?.to_vec()),
                (_, Some(address)) => LinkTarget::Hard(address),
                (_, None) => return Err(entries.malformed("a link to an undefined address")),
            };
            links.push(Link { name, creation: None, target });
        }
        Ok(())
    })?;
    Ok(links)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Action;
    use crate::reader::test_store;

    /// A heap of the names `a`, `b` and the path `/a` at address 0, a tree of one node at 64, and that node at 128.
    fn group(entries: u8, second: u8) -> Vec<u8> {
        let mut bytes = b"HEAP\0\0\0\0".to_vec();
        for number in [16_u64, 0, 40] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.resize(40, 0);
        bytes.extend(b"\0a\0b\0/a\0");
        bytes.resize(64, 0);
        bytes.extend(b"TREE\0\0\x01\0");
        bytes.extend([0xff; 16]);
        for number in [0_u64, 128, 3] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.resize(128, 0);
        bytes.extend([b"SNOD\x01\0", &[entries, 0][..]].concat());
        for (name, address, kind, scratch) in [(1_u64, 7_u64, 1_u32, 0_u32), (second.into(), u64::MAX, 2, 5)] {
            bytes.extend(name.to_le_bytes());
            bytes.extend(address.to_le_bytes());
            bytes.extend(kind.to_le_bytes());
            bytes.extend([0; 4]);
            bytes.extend(scratch.to_le_bytes());
            bytes.extend([0; 12]);
        }
        bytes
    }

    fn read(bytes: Vec<u8>) -> Result<Vec<Link>> {
        let store = test_store(bytes);
        links(&Reader::new(&store, Action::Links, 0), Ranks::default(), 64, 0)
    }

    #[test]
    fn hard_and_soft_links_are_read() -> Result<()> {
        let hard = Link { name: b"a".to_vec(), creation: None, target: LinkTarget::Hard(7) };
        let soft = Link { name: b"b".to_vec(), creation: None, target: LinkTarget::Soft(b"/a".to_vec()) };
        assert_eq!(read(group(2, 3))?, [hard, soft]);
        Ok(())
    }

    #[test]
    fn odd_nodes_are_errors() {
        assert_eq!(read(group(2, 40)).unwrap_err().message(), "a name is at 40 in a heap of 16 bytes");
        assert_eq!(read(group(9, 3)).unwrap_err().message(), "9 entries, of which there are 8 at most");
        let mut undefined = group(1, 3);
        undefined[144..152].fill(0xff);
        assert_eq!(read(undefined).unwrap_err().message(), "a link to an undefined address");
        let mut unmarked = group(2, 3);
        unmarked[128] = b'X';
        assert_eq!(read(unmarked).unwrap_err().message(), "does not begin with SNOD");
    }
}
