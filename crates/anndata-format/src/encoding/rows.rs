//! Lazy elements that no store holds, written some rows at a time.

use std::sync::Arc;

use anndata_storage::{AxisSelection, BlockSize, Error, OrBug, Result, Tensor};

use super::options::EncodeOptions;
use super::registry::{EncodeContext, Registry};
use crate::node::{ArrayNode, BlockIter, BlockSource, Node, Source, StoredRows};
use crate::stored::StoredTree as _;
use crate::{Element, Lazy};

/// The tree of a lazy element: that of the element without rows, in which arrays of one row for each row of the element (at
/// these paths in it) are made while they are written.
///
/// # Errors
/// If the element has no stored form.
pub(super) fn stream(lazy: &Lazy, path: &str, context: &EncodeContext<'_>, arrays: &[&str]) -> Result<Node> {
    let len = *lazy.shape()?.as_deref().and_then(<[usize]>::first).or_bug("rows of what has none")? as u64;
    let rows = Arc::new(Rows { lazy: lazy.clone(), path: path.to_owned(), context: OwnedContext::of(context), len });
    let mut node = rows.encode(0..0)?;
    let parts = if let [""] = arrays { stored_parts(lazy)? } else { Vec::new() };
    for &key in arrays {
        let array = array_of(&mut node, key)?;
        let first = array.spec.shape.first_mut().or_bug("rows of an array without axes")?;
        *first = len;
        let stored = parts.clone();
        array.source = Source::Blocks(Arc::new(RowBlocks { rows: Arc::clone(&rows), key: key.to_owned(), stored }));
    }
    Ok(node)
}

/// The stored arrays that an element which is an array itself has rows of.
fn stored_parts(lazy: &Lazy) -> Result<Vec<StoredRows>> {
    let (mut start, mut stored) = (0, Vec::new());
    for (rows, part) in lazy.parts()? {
        if let Some(Element::Lazy(part)) = part
            && let Some(Node::Array(ArrayNode { source: Source::Stored(array), .. })) = part.node()
        {
            stored.push(StoredRows { start, array: array.clone(), axis: None });
        }
        start += rows as u64;
    }
    Ok(stored)
}

/// What an element is encoded with, for as long as it is written.
#[derive(Debug)]
struct OwnedContext {
    registry: Registry,
    options: EncodeOptions,
    capabilities: anndata_storage::Capabilities,
}

impl OwnedContext {
    fn of(context: &EncodeContext<'_>) -> Self {
        Self {
            registry: context.registry().clone(),
            options: context.options().clone(),
            capabilities: context.capabilities(),
        }
    }
}

/// The rows of an element.
#[derive(Debug)]
struct Rows {
    lazy: Lazy,
    path: String,
    context: OwnedContext,
    len: u64,
}

impl Rows {
    /// Some of them, encoded.
    fn encode(&self, rows: std::ops::Range<u64>) -> Result<Node> {
        let some = Element::Lazy(self.lazy.clone()).select(&[AxisSelection::Range(rows)])?.load()?;
        let OwnedContext { registry, options, capabilities } = &self.context;
        EncodeContext::new(registry, options, *capabilities).encode(&some, &self.path)
    }
}

/// One of the arrays that rows are encoded as.
#[derive(Debug)]
struct RowBlocks {
    rows: Arc<Rows>,
    key: String,
    stored: Vec<StoredRows>,
}

impl RowBlocks {
    fn read(&self, start: u64, end: u64) -> Result<(Vec<u64>, Tensor)> {
        let mut node = self.rows.encode(start..end)?;
        let array = array_of(&mut node, &self.key)?;
        let values = array.source.read()?;
        let offset = (0..values.ndim()).map(|axis| if axis == 0 { start } else { 0 }).collect();
        Ok((offset, values))
    }

    /// About the bytes of a row.
    fn row_bytes(&self) -> Result<u64> {
        let mut node = self.rows.encode(0..0)?;
        let spec = &array_of(&mut node, &self.key)?.spec;
        let value = spec.dtype.size().unwrap_or(TEXT_BYTES).max(1) as u64;
        Ok(spec.shape.iter().skip(1).copied().fold(value, u64::saturating_mul))
    }
}

/// What a text is taken to be long.
const TEXT_BYTES: usize = 32;

impl BlockSource for RowBlocks {
    fn blocks<'a>(&'a self, size: BlockSize<'a>) -> BlockIter<'a> {
        let step = match self.row_bytes() {
            Ok(bytes) => size.rows(bytes),
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let len = self.rows.len;
        // Fallback: a step beyond the numbers of the machine leads past all rows.
        let starts = (0..len).step_by(usize::try_from(step).unwrap_or(usize::MAX));
        let missing = starts.flat_map(move |start| size.missing(start..len.min(start.saturating_add(step))));
        Box::new(missing.map(|rows| self.read(rows.start, rows.end).map_err(|error: Error| error.at(&self.rows.path))))
    }

    fn stored(&self) -> &[StoredRows] {
        &self.stored
    }
}

/// The array at a path in a tree; at the empty path the tree itself.
fn array_of<'n>(node: &'n mut Node, key: &str) -> Result<&'n mut ArrayNode> {
    match node {
        Node::Array(array) if key.is_empty() => Ok(array),
        Node::Group(group) if !key.is_empty() => match group.children.get_mut(key) {
            Some(Node::Array(array)) => Ok(array),
            _ => Err(without(key)),
        },
        _ => Err(without(key)),
    }
}

fn without(key: &str) -> Error {
    Error::bug(format!("rows without an array '{key}'"))
}
