//! B-trees of version 1: the index of an old group, and of the chunks of an old array.
//!
//! HDF5 File Format Specification Version 3.0, III.A.1 "Version 1 B-trees".

use std::collections::HashSet;

use crate::cursor::Cursor;
use crate::error::{Result, Section};
use crate::reader::Reader;

const SECTION: Section = Section::new("version 1 B-tree", "III.A.1");

/// Which tree it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree {
    /// 0 for groups, 1 for chunks.
    pub(crate) kind: u8,
    /// The bytes of a key.
    pub(crate) key: usize,
    /// Nodes have at most twice as many entries.
    pub(crate) rank: u16,
}

impl Tree {
    /// Reports the key and the child of each entry of the leaves, in the order of the tree.
    pub(crate) fn visit(
        self,
        reader: &Reader<'_>,
        root: u64,
        visit: &mut dyn FnMut(Cursor<'_>, u64) -> Result<()>,
    ) -> Result<()> {
        self.visit_some(reader, root, &|_, _| Ok(true), visit)
    }

    /// The same, without the nodes that `wanted` leaves out, which is told their first key and the first one after them.
    pub(crate) fn visit_some(
        self,
        reader: &Reader<'_>,
        root: u64,
        wanted: &dyn Fn(Cursor<'_>, Cursor<'_>) -> Result<bool>,
        visit: &mut dyn FnMut(Cursor<'_>, u64) -> Result<()>,
    ) -> Result<()> {
        let mut seen = HashSet::new();
        let mut todo = vec![(root, None)];
        while let Some((address, level)) = todo.pop() {
            let node = self.node(reader, address, level)?;
            if !seen.insert(address) {
                return Err(node.entries.cursor().malformed("a node is in the tree twice"));
            }
            let mut fields = node.entries.cursor();
            let mut children = Vec::with_capacity(node.len);
            for _ in 0..node.len {
                let key = fields.part(self.key)?;
                let child = fields.needed_address()?;
                if node.level == 0 {
                    visit(key, child)?;
                    continue;
                }
                let mut after = fields.clone();
                if wanted(key, after.part(self.key)?)? {
                    children.push((child, Some(node.level - 1)));
                }
            }
            // The first is the next.
            todo.extend(children.into_iter().rev());
        }
        Ok(())
    }

    /// One node, of the level that its parent says.
    fn node(self, reader: &Reader<'_>, address: u64, level: Option<u8>) -> Result<Node> {
        let width = reader.widths().address;
        let head = reader.read(SECTION, address, 8 + 2 * width)?;
        let mut fields = head.cursor();
        fields.signature(*b"TREE")?;
        let (kind, found, len) = (fields.u8()?, fields.u8()?, fields.u16()?);
        if kind != self.kind {
            return Err(head.malformed(format!("is of kind {kind} where {} is expected", self.kind)));
        }
        if level.is_some_and(|level| level != found) {
            return Err(head.malformed(format!("a node of level {found} is not where its parent says")));
        }
        if u32::from(len) > 2 * u32::from(self.rank) {
            return Err(head.malformed(format!(
                "a node of {len} entries, of which there are {} at most",
                2 * u32::from(self.rank)
            )));
        }
        let len = usize::from(len);
        let after = address.saturating_add(8 + 2 * width as u64);
        // A key comes after the last child as well.
        let entries = reader.read(SECTION, after, len * (self.key + width) + self.key)?;
        Ok(Node { level: found, len, entries })
    }
}

struct Node {
    level: u8,
    len: usize,
    entries: crate::reader::Block,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Action;
    use crate::reader::test_store;

    const TREE: Tree = Tree { kind: 0, key: 8, rank: 2 };

    /// A node with children, and keys that count from 0.
    fn node(level: u8, children: &[u64]) -> Vec<u8> {
        let mut bytes = b"TREE\0".to_vec();
        bytes.extend([level, u8::try_from(children.len()).unwrap(), 0]);
        bytes.extend([0xff; 16]);
        for (key, child) in children.iter().enumerate() {
            bytes.extend((key as u64).to_le_bytes());
            bytes.extend(child.to_le_bytes());
        }
        bytes.resize(100, 0);
        bytes
    }

    fn leaves(nodes: &[Vec<u8>]) -> Result<Vec<u64>> {
        let store = test_store(nodes.concat());
        let mut found = Vec::new();
        TREE.visit(&Reader::new(&store, Action::Links, 0), 0, &mut |_, child| {
            found.push(child);
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn leaves_are_visited_in_order() -> Result<()> {
        assert_eq!(leaves(&[node(0, &[7, 5])])?, [7, 5]);
        assert_eq!(leaves(&[node(1, &[200, 100]), node(0, &[3, 4]), node(0, &[1, 2])])?, [1, 2, 3, 4]);
        Ok(())
    }

    #[test]
    fn circles_and_odd_nodes_are_errors() {
        for (nodes, why) in [
            (vec![node(1, &[0])], "a node of level 1 is not where its parent says"),
            (vec![node(1, &[100, 100]), node(0, &[1])], "a node is in the tree twice"),
            (vec![node(0, &[1, 2, 3, 4, 5])], "a node of 5 entries, of which there are 4 at most"),
            (vec![node(1, &[300])], "address 300 lies outside the file of 100 bytes"),
            (vec![node(0, &[u64::MAX])], "an address that has to be there is undefined"),
            (vec![vec![0; 100]], "does not begin with TREE"),
        ] {
            assert_eq!(leaves(&nodes).unwrap_err().message(), why);
        }
        let other = Tree { kind: 1, ..TREE };
        let store = test_store(node(0, &[1]));
        let error = other.visit(&Reader::new(&store, Action::Links, 0), 0, &mut |_, _| Ok(())).unwrap_err();
        assert_eq!(error.message(), "is of kind 0 where 1 is expected");
    }
}
