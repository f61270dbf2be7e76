//! Writing trees to a store.

use std::fmt;
use std::sync::Arc;

use anndata_storage::{
    Array, ArraySpec, Attribute, Attributes, BlockSize, Compression, Error, Group, Result, Tensor, child_path,
    file_name, parent_path,
};

use super::read::MAX_DEPTH;
use super::{ArrayNode, BlockIter, GroupNode, Node};

/// How a tree is written.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeWriteOptions {
    /// The compression of arrays that are worth it.
    pub compression: Compression,
    /// About the bytes of a block of an array that is copied from a store. Two blocks are in memory at once: one that is
    /// written, with what is made of it, and one that is read. Default: 64 MiB.
    pub block_bytes: u64,
    /// The rows of a chunk of dense arrays of two dimensions and more. Default: the format's choice.
    pub chunk_rows: Option<u64>,
    /// What is told of the progress.
    pub progress: Option<Progress>,
}

/// A function that is told, now and then, how many bytes of values have been written (or read, where nothing is written)
/// since it was last told.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(u64) + Send + Sync>);

impl Progress {
    /// A progress that calls a function with the bytes written since the last call.
    pub fn new(tell: impl Fn(u64) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, values: &Tensor) {
        (self.0)(values.nbytes() as u64);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

impl Default for NodeWriteOptions {
    fn default() -> Self {
        Self { compression: Compression::Default, block_bytes: 64 << 20, chunk_rows: None, progress: None }
    }
}

impl NodeWriteOptions {
    /// The same with another compression.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// The same with another block size in bytes.
    #[must_use]
    pub fn with_block_bytes(mut self, bytes: u64) -> Self {
        self.block_bytes = bytes;
        self
    }

    /// The same with another number of rows in the chunks of dense arrays.
    #[must_use]
    pub fn with_chunk_rows(mut self, rows: Option<u64>) -> Self {
        self.chunk_rows = rows;
        self
    }

    /// The same, telling the progress.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    fn tell(&self, values: &Tensor) {
        if let Some(progress) = &self.progress {
            progress.tell(values);
        }
    }
}

impl Node {
    /// Writes the tree at the free key of a group; with the empty key, a group's content goes into the group itself.
    ///
    /// # Errors
    /// Where something is in the way, the format cannot store something, or writing fails. What was written until then
    /// stays: see [`replace`](Self::replace) for a write that leaves nothing behind.
    pub fn write(&self, parent: &Group, key: &str, options: &NodeWriteOptions) -> Result<()> {
        let moved = Move { from: self.path(), to: &parent.path_of(key) };
        write(self, parent, key, options, moved)
    }

    /// Writes the tree beside what stands at `key`, then puts it in its place.
    ///
    /// # Errors
    /// As [`write`](Self::write); the old element stays, and what was written of the new one is removed.
    pub fn replace(&self, parent: &Group, key: &str, options: &NodeWriteOptions) -> Result<()> {
        let path = parent.path_of(key);
        let Some(above) = parent_path(&path) else {
            return Err(Error::invalid_input("the root cannot be replaced").at(&path));
        };
        let root = Group::root(Arc::clone(parent.storage()));
        if !root.contains(&path)? {
            return self.write(parent, key, options).inspect_err(|_| drop(root.remove(&path)));
        }
        let beside = free_name(&root, above, file_name(&path))?;
        let moved = Move { from: self.path(), to: &path };
        let written = write(self, &root, &beside, options, moved).and_then(|()| root.storage().flush());
        if let Err(error) = written {
            // The first error is the one to report.
            drop(root.remove(&beside));
            return Err(error);
        }
        root.remove(&path)?;
        root.rename(&beside, &path)?;
        root.storage().flush()
    }
}

/// A path next to `name` where nothing stands.
fn free_name(root: &Group, above: &str, name: &str) -> Result<String> {
    for number in 0_u32.. {
        let path = child_path(above, &format!(".{name}.new-{number}"));
        if !root.contains(&path)? {
            return Ok(path);
        }
    }
    Err(Error::already_exists("no free name").at(above))
}

/// Where a tree was and where it goes, so that references within it stay within it.
#[derive(Clone, Copy)]
struct Move<'a> {
    from: &'a str,
    to: &'a str,
}

fn write(node: &Node, parent: &Group, key: &str, options: &NodeWriteOptions, moved: Move<'_>) -> Result<()> {
    match node {
        Node::Group(group) => write_group(group, parent, key, options, moved),
        Node::Array(array) => write_array(array, parent, key, options, moved),
    }
}

fn write_group(node: &GroupNode, parent: &Group, key: &str, options: &NodeWriteOptions, moved: Move<'_>) -> Result<()> {
    let path = parent.path_of(key);
    if path.split('/').count() > MAX_DEPTH {
        return Err(Error::invalid_input(format!("more than {MAX_DEPTH} groups within each other")).at(&path));
    }
    let group = if key.is_empty() { parent.clone() } else { parent.create_group(key)? };
    for (name, child) in &node.children {
        write(child, &group, name, options, moved)?;
    }
    // After the children, which they may refer to.
    if node.attributes.is_empty() {
        return Ok(());
    }
    let mut attributes = if key.is_empty() { group.attributes()? } else { Attributes::new() };
    attributes.extend(rebase(&node.attributes, moved));
    group.set_attributes(&attributes)
}

fn write_array(node: &ArrayNode, parent: &Group, key: &str, options: &NodeWriteOptions, moved: Move<'_>) -> Result<()> {
    let path = parent.path_of(key);
    let chunks = options.chunk_rows.filter(|_| node.spec.ndim() > 1 && !node.spec.is_empty());
    let spec = ArraySpec {
        chunks: chunks.map(|rows| chunks_of(&node.spec.shape, rows)),
        resizable: node.spec.resizable,
        null: node.spec.null,
        ..ArraySpec::new(node.spec.dtype.clone(), node.spec.shape.clone())
    };
    let spec = parent.storage().layout(&spec, options.compression).map_err(|error| error.at(&path))?;
    let array = parent.create_array(key, &spec)?;
    let blocks = BlockSize::new(options.block_bytes).with_chunks(spec.chunks.as_deref());
    write_blocks(&array, node.source.blocks(blocks), options)?;
    if node.attributes.is_empty() {
        return Ok(());
    }
    array.set_attributes(&rebase(&node.attributes, moved))
}

/// Writes block after block; the next one is read meanwhile.
fn write_blocks(array: &Array, mut blocks: BlockIter<'_>, options: &NodeWriteOptions) -> Result<()> {
    let mut next = blocks.next();
    while let Some(block) = next {
        let (offset, values) = block?;
        let (written, ahead) = rayon::join(|| array.write(&offset, &values), || blocks.next());
        written?;
        options.tell(&values);
        next = ahead;
    }
    Ok(())
}

/// Chunks of this many whole rows.
fn chunks_of(shape: &[u64], rows: u64) -> Vec<u64> {
    let mut chunks = shape.to_vec();
    if let Some(first) = chunks.first_mut() {
        *first = rows.clamp(1, *first);
    }
    chunks
}

/// The attributes with references into the tree following it to its new place.
fn rebase(attributes: &Attributes, moved: Move<'_>) -> Attributes {
    let follow = |value: &Attribute| match value {
        Attribute::Reference(path) if moved.from != moved.to => match path.strip_prefix(moved.from) {
            Some(rest) if moved.from.is_empty() || rest.is_empty() || rest.starts_with('/') => {
                Attribute::Reference(child_path(moved.to, rest))
            }
            _ => value.clone(),
        },
        _ => value.clone(),
    };
    attributes.iter().map(|(name, value)| (name.clone(), follow(value))).collect()
}
