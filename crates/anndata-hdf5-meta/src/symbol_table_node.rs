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
