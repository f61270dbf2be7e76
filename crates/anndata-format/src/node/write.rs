//! Writing trees to a store.

mod layout;
mod moved;
mod noted;
mod options;
mod rows;

use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{
    Array, Attributes, BlockSize, Edit, Error, Group, MemoryReuse, PieceCopy, Result, Storage, Tensor, merge_ranges,
};
use rayon::prelude::*;

use super::open::MAX_DEPTH;
use super::read::fetch_all;
use super::{ArrayNode, BlockGroup, GroupNode, Node, Source, encoding_attributes};
use moved::Move;
use noted::Noted;
pub use options::{Grid, NodeWriteOptions, Progress};
use rows::RowCopy;

impl Node {
    /// Writes the tree at the free key of a group; with the empty key, a group's content goes into the group itself.
    ///
    /// Chunks, shards and codecs that the [`spec`](ArrayNode::spec) of an array names are kept where the format has them;
    /// what it leaves open is chosen, as the options say. So a tree that was [opened](Self::open) is laid out in the target
    /// as in its store, except that arrays without codecs get those of the options, unless
    /// [`keep_layout`](NodeWriteOptions::keep_layout) is set. [Layouts](NodeWriteOptions::with_layout) of single arrays come
    /// before that.
    ///
    /// # Errors
    /// If something is in the way, the format cannot store something, or writing fails. What was written until then
    /// stays: see [`replace`](Self::replace) for a write that leaves nothing behind.
    pub fn write(&self, parent: &Group, key: &str, options: &NodeWriteOptions) -> Result<()> {
        let path = parent.path_of(key);
        options.check_layouts(self, &path)?;
        write(self, parent, key, options, Move { from: self.path(), to: &path, destination: &path, path: &path })
    }

    /// Writes the tree beside what stands at `key`, then puts it in its place, whole and at once: see [`Edit`]. Who does so
    /// for a user [commits the store](Storage::commit) after it.
    ///
    /// # Errors
    /// As [`write`](Self::write); the old element stays, and nothing is left of the new one.
    pub fn replace(&self, parent: &Group, key: &str, options: &NodeWriteOptions) -> Result<()> {
        let path = parent.path_of(key);
        options.check_layouts(self, &path)?;
        let mut edit = Edit::begin(parent.storage()).map_err(|error| error.at(&path))?;
        self.stage(&mut edit, parent.storage(), &path, options)?;
        edit.commit().map_err(|error| error.at(&path))
    }

    /// Writes the tree as the new element of a path, to be put there when the edit is committed.
    pub(crate) fn stage(
        &self,
        edit: &mut Edit,
        storage: &Arc<dyn Storage>,
        path: &str,
        options: &NodeWriteOptions,
    ) -> Result<()> {
        let destination = edit.replace(path)?;
        // References that are text do not follow what is moved.
        let to = if storage.capabilities().typed_attributes { &destination } else { path };
        let moved = Move { from: self.path(), to, destination: &destination, path };
        write(self, &Group::root(Arc::clone(storage)), &destination, options, moved)
            .map_err(|error| error.renamed(&destination, path))
    }
}

fn write(node: &Node, parent: &Group, key: &str, options: &NodeWriteOptions, moved: Move<'_>) -> Result<()> {
    let mut layout = Layout { options, moved, arrays: Vec::new() };
    layout.node(node, parent, key)?;
    write_values(&layout.arrays, options)
}

/// The first pass over a tree: groups, and arrays that still lack their values, with all attributes.
struct Layout<'a> {
    options: &'a NodeWriteOptions,
    moved: Move<'a>,
    /// In the order of the tree.
    arrays: Vec<Made<'a>>,
}

/// An array that was made, and where its values come from.
struct Made<'a> {
    array: Array,
    chunks: Option<Vec<u64>>,
    source: &'a Source,
    /// About the bytes of its values.
    bytes: u64,
    moved: Move<'a>,
    /// What of stored arrays is copied into it as it is.
    copies: Vec<PieceCopy>,
    /// Whose rows are copied into it value by value.
    rows: Vec<RowCopy>,
    /// The rows that need not be made: they are copied, or there already.
    there: Vec<Range<u64>>,
    /// What is noted of it, where there is a journal.
    noted: Option<Noted>,
}

impl<'a> Layout<'a> {
    fn node(&mut self, node: &'a Node, parent: &Group, key: &str) -> Result<()> {
        match node {
            Node::Group(group) => self.group(group, parent, key),
            Node::Array(array) => self.array(array, parent, key),
        }
    }

    fn group(&mut self, node: &'a GroupNode, parent: &Group, key: &str) -> Result<()> {
        let path = parent.path_of(key);
        if self.moved.depth(&path)? > MAX_DEPTH {
            return Err(Error::invalid_input(format!("more than {MAX_DEPTH} groups within each other")).at(&path));
        }
        let group = if key.is_empty() { parent.clone() } else { parent.create_group(key)? };
        for (name, child) in &node.children {
            self.node(child, &group, name)?;
        }
        // After the children, which they may refer to.
        if node.attributes.is_empty() {
            return Ok(());
        }
        let mut attributes = if key.is_empty() { group.attributes()? } else { Attributes::new() };
        attributes.extend(self.moved.attributes(&node.attributes));
        group.set_attributes(&attributes)
    }

    fn array(&mut self, node: &'a ArrayNode, parent: &Group, key: &str) -> Result<()> {
        let path = parent.path_of(key);
        let storage = &**parent.storage();
        let spec = self.options.lay_out(node, &self.moved.in_the_end(&path)?, storage);
        let spec = spec.map_err(|error| error.at(&path).in_store(storage))?;
        if spec.null && !storage.capabilities().null_arrays && !is_nothing(node) {
            let message = "an array without a value (a null dataspace) has no form in this format";
            return Err(Error::unsupported(message).at(&path).in_store(storage));
        }
        let array = parent.create_array(key, &spec)?;
        if !node.attributes.is_empty() {
            array.set_attributes(&self.moved.attributes(&node.attributes))?;
        }
        let element = spec.dtype.size().unwrap_or(TEXT_BYTES);
        let bytes = spec.shape.iter().copied().fold(element as u64, u64::saturating_mul);
        let copies = self.copies(&node.source, &array)?;
        let is_made = matches!(node.source, Source::Blocks(_));
        let journal = self.options.journal.as_deref();
        let noted = journal.map(|journal| Noted::new(&array, journal, bytes, is_made)).transpose()?.flatten();
        let rows = if copies.is_empty() { self.row_copies(&node.source, &array) } else { Vec::new() };
        let there = copies.iter().map(|copy| copy.rows().clone()).chain(rows.iter().map(|copy| copy.rows().clone()));
        let there = merge_ranges(there.chain(noted.iter().flat_map(|noted| noted.there().to_vec())).collect());
        let (chunks, source, moved) = (spec.chunks, &node.source, self.moved);
        self.arrays.push(Made { array, chunks, source, bytes, moved, copies, rows, there, noted });
        Ok(())
    }

    /// Whether a piece of an array can be copied within the memory of a block, as shards cannot that are written as a whole.
    fn fits_in_memory(&self, array: &Array) -> Result<bool> {
        let (Some(pieces), Some(shard)) = (array.inner().as_pieces(), array.spec().shards.clone()) else {
            return Ok(true);
        };
        let size = array.dtype().size().unwrap_or(TEXT_BYTES) as u64;
        let bytes = shard.iter().fold(size, |bytes, &len| bytes.saturating_mul(len));
        Ok(bytes <= self.options.block_bytes || pieces.format()?.in_parts)
    }

    /// What of stored arrays can be copied as it is.
    fn copies(&self, source: &Source, array: &Array) -> Result<Vec<PieceCopy>> {
        let Source::Blocks(source) = source else { return Ok(Vec::new()) };
        if !self.options.copy_chunks || !self.fits_in_memory(array)? {
            return Ok(Vec::new());
        }
        let copies = source.stored().iter().map(|rows| rows.array.pieces_for(array, rows.start));
        copies.filter_map(Result::transpose).collect()
    }

    /// Whose rows go into an array value by value, with nothing between.
    fn row_copies(&self, source: &Source, array: &Array) -> Vec<RowCopy> {
        let Source::Blocks(source) = source else { return Vec::new() };
        source.stored().iter().filter_map(|rows| RowCopy::new(rows, array, self.options)).collect()
    }
}

/// What a text is taken to be long.
const TEXT_BYTES: usize = 32;

/// Which part of a block an array may be to be read together with others.
const SMALL: u64 = 8;

/// Values that are read together, with the arrays that they go to.
type Batch<'a> = Vec<(&'a Made<'a>, Vec<u64>, Tensor)>;

/// The second pass: writes batch after batch, in order; the next one is read meanwhile.
fn write_values(arrays: &[Made<'_>], options: &NodeWriteOptions) -> Result<()> {
    // The memory of a block is that of an earlier one.
    let is_large = arrays.iter().any(|made| made.bytes > options.block_bytes);
    let _memory =
        // Fallback: how much memory is used again decides about no value.
        is_large.then(|| MemoryReuse::up_to(usize::try_from(options.block_bytes.saturating_mul(2)).unwrap_or(0)));
    copy_pieces(arrays, options)?;
    copy_rows(arrays, options)?;
    let mut batches = batches(arrays, options);
    let mut next = batches.next();
    while let Some(batch) = next {
        let batch = batch?;
        let (written, ahead) = rayon::join(|| write_batch(&batch, options), || batches.next());
        written?;
        next = ahead;
    }
    Ok(())
}

/// Copies what is copied as it is, from all arrays at once.
fn copy_pieces(arrays: &[Made<'_>], options: &NodeWriteOptions) -> Result<()> {
    let copies: Vec<_> = arrays.iter().flat_map(|made| made.copies.iter().map(move |copy| (made, copy))).collect();
    copies.into_par_iter().try_for_each(|(made, copy)| {
        let already = made.noted.as_ref().map_or(0, |noted| noted.end_from(copy.rows().start));
        let mut start = copy.rows().start.max(already);
        let told = copy.run(already, &mut |end, _| {
            if let (Some(noted), Some(journal)) = (&made.noted, &options.journal) {
                noted.rows(&made.array, start..end, 0, &**journal)?;
            }
            start = end;
            Ok(())
        })?;
        let rows = copy.rows().end - copy.rows().start;
        options.tell_copied(told, made.row_bytes().saturating_mul(rows));
        Ok(())
    })
}

/// Copies rows value by value, from all arrays at once.
fn copy_rows(arrays: &[Made<'_>], options: &NodeWriteOptions) -> Result<()> {
    let copies: Vec<_> = arrays.iter().flat_map(|made| &made.rows).collect();
    copies.into_par_iter().try_for_each(|copy| copy.run(options))
}

fn write_batch(batch: &Batch<'_>, options: &NodeWriteOptions) -> Result<()> {
    for (made, offset, values) in batch {
        if values.dtype().has_references() {
            let values = values.follow_references(&|path| made.moved.follow(path));
            made.array.write(offset, &values.map_err(|error| error.at(made.array.path()))?)?;
        } else {
            made.array.write(offset, values)?;
        }
        if let (Some(noted), Some(journal)) = (&made.noted, &options.journal) {
            noted.wrote(&made.array, offset, values, &**journal)?;
        }
        options.tell(values);
    }
    Ok(())
}

/// All values, a block's size at a time. Small arrays come first and many at once, so that they are written while the
/// first block of a large one is read, which takes long.
fn batches<'a>(
    arrays: &'a [Made<'a>],
    options: &'a NodeWriteOptions,
) -> impl Iterator<Item = Result<Batch<'a>>> + Send + 'a {
    let is_small = |made: &&Made<'_>| made.bytes <= options.block_bytes / SMALL && made.group().is_none();
    let is_left =
        |made: &&Made<'_>| made.group().is_some() || made.noted.as_ref().is_none_or(|noted| !noted.is_whole());
    let (small, large): (Vec<_>, Vec<_>) = arrays.iter().filter(is_left).partition(is_small);
    let small = together(small, options.block_bytes).into_iter().map(move |some| read_small(&some, options));
    let large = grouped(large).into_iter().flat_map(move |arrays| large_blocks(arrays, options));
    small.chain(large)
}

/// Arrays that are made together, and every other one alone.
fn grouped<'a>(arrays: Vec<&'a Made<'a>>) -> Vec<Vec<&'a Made<'a>>> {
    let mut groups: Vec<Vec<&Made<'_>>> = Vec::new();
    for made in arrays {
        let same = |other: &&Made<'_>| match (made.group(), other.group()) {
            (Some((own, _)), Some((group, _))) => Arc::ptr_eq(own, group),
            _ => false,
        };
        match groups.iter_mut().find(|group| group.iter().any(same)) {
            Some(group) => group.push(made),
            None => groups.push(vec![made]),
        }
    }
    groups
}

/// The blocks of an array, or of some that are made together.
fn large_blocks<'a>(
    arrays: Vec<&'a Made<'a>>,
    options: &'a NodeWriteOptions,
) -> Box<dyn Iterator<Item = Result<Batch<'a>>> + Send + 'a> {
    let members: Vec<(usize, &Made<'_>)> = arrays.iter().filter_map(|made| Some((made.group()?.1, *made))).collect();
    if let Some((group, _)) = arrays.first().and_then(|made| made.group()) {
        let last = members.iter().map(|(at, _)| *at).max().unwrap_or(0);
        let member = move |at: usize| members.iter().find(|(own, _)| *own == at).map(|(_, made)| *made);
        let size = |at| member(at).map_or(BlockSize::new(options.block_bytes), |made| made.block_size(options));
        let sizes: Vec<BlockSize<'_>> = (0..=last).map(size).collect();
        return Box::new(group.blocks(&sizes).map(move |block| {
            let (at, offset, values) = block?;
            // One that is not written is left out.
            Ok(member(at).map(|made| (made, offset, values)).into_iter().collect())
        }));
    }
    Box::new(arrays.into_iter().flat_map(|made| {
        made.source.blocks(made.block_size(options)).map(move |block| {
            let (offset, values) = block?;
            Ok(vec![(made, offset, values)])
        })
    }))
}

impl Made<'_> {
    fn group(&self) -> Option<(&Arc<dyn BlockGroup>, usize)> {
        match self.source {
            Source::Blocks(blocks) => blocks.group(),
            _ => None,
        }
    }

    fn row_bytes(&self) -> u64 {
        self.bytes / self.array.shape().first().copied().unwrap_or(1).max(1)
    }

    fn block_size(&self, options: &NodeWriteOptions) -> BlockSize<'_> {
        BlockSize::new(options.block_bytes).with_chunks(self.chunks.as_deref()).with_there(&self.there)
    }
}

/// Arrays in groups of at most so many bytes.
fn together<'a>(arrays: Vec<&'a Made<'a>>, max_bytes: u64) -> Vec<Vec<&'a Made<'a>>> {
    let mut groups: Vec<Vec<_>> = Vec::new();
    let mut room = 0;
    for made in arrays {
        if let Some(group) = groups.last_mut().filter(|_| made.bytes <= room) {
            group.push(made);
        } else {
            groups.push(vec![made]);
            room = max_bytes;
        }
        room = room.saturating_sub(made.bytes);
    }
    groups
}

/// The values of some arrays, read concurrently.
fn read_small<'a>(arrays: &[&'a Made<'a>], options: &NodeWriteOptions) -> Result<Batch<'a>> {
    let mut sources: Vec<Source> = arrays.iter().map(|made| made.source.clone()).collect();
    fetch_all(sources.iter_mut().filter(|source| source.is_stored()).collect())?;
    let blocks = arrays.par_iter().zip(&sources).map(|(made, source)| {
        let blocks = source.blocks(made.block_size(options));
        blocks.map(|block| block.map(|(offset, values)| (*made, offset, values))).collect::<Result<Batch<'a>>>()
    });
    Ok(blocks.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

/// Whether an array says that it means nothing, for which each format has a form of its own.
pub(crate) fn is_nothing(node: &ArrayNode) -> bool {
    encoding_attributes("null", "0.1.0").iter().all(|(key, value)| node.attributes.get(key) == Some(value))
}
