//! Values that go through the library.

use std::ffi::{CStr, c_char};

use anndata_storage::{AlignedBytes, AxisSelection, Error, OrBug, Result, Tensor};
use arrow_array::builder::LargeStringBuilder;
use arrow_array::{LargeBinaryArray, LargeStringArray};
use arrow_buffer::Buffer;

use super::Hdf5Array;
use crate::dtype::build;
use crate::dtype::source::Source;
use crate::dtype::{ByteCount, Node, Stored, Target};
use crate::heap::Heap;
use crate::make::{self, with_references};
use crate::raw::Id;
use crate::raw::dataset::{self, Block};
use crate::raw::{attribute, datatype, only_values, target};

/// Bytes of elements that are handed to the library at a time, so that texts are not doubled in memory at once.
const BATCH: usize = 4 << 20;

impl Hdf5Array {
    /// Reads runs of the first axis with all that lies between the ends of the others, and selects from that.
    pub(super) fn read_library(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        if self.plan.null || selection.iter().any(AxisSelection::is_empty) {
            let shape = in_memory(selection.iter().map(AxisSelection::len))?;
            return Received::new(&self.plan.stored, &self.memory, None, 0)?.tensor(&shape, &self.id);
        }
        let Some((rows, inner)) = selection.split_first() else {
            return self.read_block(&[], &[]);
        };
        // No axis is empty, and each is sorted.
        let bounds =
            |axis: &AxisSelection| Ok((axis.positions().next().or_bug("an axis without positions")?, axis.end()));
        let bounds = inner.iter().map(bounds).collect::<Result<Vec<(u64, u64)>>>()?;
        let mut parts = Vec::new();
        for (row, count) in rows.runs() {
            let start: Vec<u64> = std::iter::once(row).chain(bounds.iter().map(|bound| bound.0)).collect();
            let counts: Vec<u64> = std::iter::once(count).chain(bounds.iter().map(|bound| bound.1 - bound.0)).collect();
            let local: Vec<AxisSelection> = std::iter::once(AxisSelection::Range(0..count))
                .chain(inner.iter().zip(&bounds).map(|(axis, bound)| shift(axis, bound.0)))
                .collect();
            parts.push(self.read_block(&start, &counts)?.select(&local)?);
        }
        Tensor::concat_rows(&parts)
    }

    fn read_block(&self, start: &[u64], count: &[u64]) -> Result<Tensor> {
        // Fallback: more than can be counted is over every limit, and more than there is memory.
        let len = count.iter().try_fold(1_u64, |product, &len| product.checked_mul(len)).unwrap_or(u64::MAX);
        let size = self.plan.stored.node.size().file as u64;
        self.store.options.limits.check(len.saturating_mul(size), self.store.raw.len()?)?;
        let mut received = Received::new(&self.plan.stored, &self.memory, self.heap(), len)?;
        let by_pointer = received.has_pointers();
        received.fill(|memory, bytes| {
            let mut read = || dataset::read(&self.id, memory, Block { start, count }, bytes);
            if by_pointer { read() } else { only_values(read) }
        })?;
        let shape = in_memory(count.iter().copied())?;
        received.tensor(&shape, &self.id)
    }

    /// Writes rows of a bounded number of bytes at a time.
    pub(super) fn write_library(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        let memory = make::datatype(values.dtype())?;
        let (Some((&start, inner)), Some((&rows, columns))) = (offset.split_first(), values.shape().split_first())
        else {
            return write_block(&self.id, &memory, &[], values);
        };
        let row = columns.iter().product::<usize>().saturating_mul(datatype::size(&memory));
        let step = (BATCH / row.max(1)).max(1);
        for first in (0..rows).step_by(step) {
            let part = values.slice_rows(first..rows.min(first + step))?;
            let start: Vec<u64> = std::iter::once(start + first as u64).chain(inner.iter().copied()).collect();
            write_block(&self.id, &memory, &start, &part)?;
        }
        Ok(())
    }
}

fn write_block(id: &Id, memory: &Id, start: &[u64], values: &Tensor) -> Result<()> {
    let count: Vec<u64> = values.shape().iter().map(|&len| len as u64).collect();
    let block = make::Block::new(values, id)?;
    let write = || dataset::write(id, memory, Block { start, count: &count }, block.bytes());
    if values.dtype().size().is_some() { only_values(write) } else { write() }
}

fn shift(axis: &AxisSelection, by: u64) -> AxisSelection {
    match axis {
        AxisSelection::Range(range) => AxisSelection::Range(range.start - by..range.end - by),
        AxisSelection::Indices(indices) => {
            AxisSelection::from(indices.iter().map(|index| index - by).collect::<Vec<_>>())
        }
    }
}

/// A shape in memory.
fn in_memory(shape: impl Iterator<Item = u64>) -> Result<Vec<usize>> {
    let len = |len| {
        usize::try_from(len)
            .map_err(|_| Error::limit_exceeded(format!("an axis of length {len} does not fit into memory")))
    };
    shape.map(len).collect()
}

/// The values of an attribute. Texts are taken from the heap where one is given, else by the library.
pub(crate) fn read_attribute(
    id: &Id,
    stored: &Stored,
    memory: &Id,
    shape: &[u64],
    heap: Option<Heap<'_>>,
) -> Result<Tensor> {
    // Fallback: more values than can be counted are more than there is memory, which is an error where it is asked for.
    let len = shape.iter().try_fold(1_u64, |product, &len| product.checked_mul(len)).unwrap_or(u64::MAX);
    let mut received = Received::new(stored, memory, heap, len)?;
    if len > 0 {
        received.fill(|memory, bytes| attribute::read(id, memory, bytes))?;
    }
    let shape = in_memory(shape.iter().copied())?;
    received.tensor(&shape, id)
}

/// The bytes of an element that was never written (empty for zeros), and whether only the library knows them.
pub(super) fn fill_value(properties: &Id, stored: &Stored, memory: &Id) -> Result<(Vec<u8>, bool)> {
    if stored.node == Node::Unknown {
        return Ok((Vec::new(), false));
    }
    let size = stored.node.size().memory;
    let Some(bytes) = dataset::fill_value(properties, memory, size)? else {
        return Ok((Vec::new(), false));
    };
    if stored.node.has_lists() {
        return Ok((Vec::new(), bytes.iter().any(|&byte| byte != 0)));
    }
    if stored.node.has_text() {
        let is_zero = bytes.iter().all(|&byte| byte == 0);
        let mut received = Received::new(stored, memory, None, 1)?;
        received.bytes.as_mut_slice().copy_from_slice(&bytes);
        // An empty text may be a pointer to one.
        let is_empty =
            is_zero || (stored.node == Node::Text && received.tensor(&[1], properties)?.to_strings()? == [""]);
        return Ok((Vec::new(), !is_empty));
    }
    let mut bytes = bytes;
    if let Node::Plain { size, fix } = stored.node {
        fix.apply(&mut bytes, size);
    }
    Ok((bytes, false))
}

/// Elements that the library fills in.
///
/// Texts are references into the heap, or else pointers to texts that are the library's until this is dropped.
struct Received<'a> {
    stored: &'a Stored,
    /// The library's type of the values in memory.
    memory: &'a Id,
    /// The type with references, and the heap that they are into.
    references: Option<(Id, Heap<'a>)>,
    count: u64,
    bytes: AlignedBytes,
}

impl<'a> Received<'a> {
    /// Room for elements.
    fn new(stored: &'a Stored, memory: &'a Id, heap: Option<Heap<'a>>, count: u64) -> Result<Self> {
        let size = stored.node.size();
        let (references, size) = match heap {
            Some(heap) if stored.node.has_text() => (Some((with_references(memory, &stored.node)?, heap)), size.file),
            _ => (None, size.memory),
        };
        let bytes = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(size))
            .ok_or_else(|| Error::limit_exceeded("the values do not fit into memory"))?;
        Ok(Self { stored, memory, references, count, bytes: AlignedBytes::try_zeroed(bytes)? })
    }

    /// Has elements written to the room for them, in the type that is handed over.
    fn fill(&mut self, read: impl FnOnce(&Id, &mut [u8]) -> Result<()>) -> Result<()> {
        let memory = self.references.as_ref().map_or(self.memory, |(memory, _)| memory);
        read(memory, self.bytes.as_mut_slice())
    }

    /// Whether texts are the library's, which it takes from the heap.
    fn has_pointers(&self) -> bool {
        self.stored.node.has_text() && self.references.is_none()
    }

    /// The elements as a tensor. References count from the file of the object that is given.
    fn tensor(mut self, shape: &[usize], object: &Id) -> Result<Tensor> {
        let Stored { dtype, node } = self.stored;
        let follow = |kind: Target, reference: &[u8]| target::read(object, kind, reference);
        if let Node::Plain { size, fix } = *node {
            fix.apply(self.bytes.as_mut_slice(), size);
        }
        if self.has_pointers() {
            let bytes = Buffer::from_slice_ref(self.bytes.as_mut_slice());
            // SAFETY: the library filled in the elements, with pointers to texts that live until `self` is dropped.
            return unsafe { build::tensor(dtype, node, shape, bytes, &Pointers { _received: &self }, &follow) };
        }
        let bytes = std::mem::replace(&mut self.bytes, AlignedBytes::zeroed(0)).into();
        match &self.references {
            // SAFETY: the library filled in the elements, with references into the heap.
            Some((_, heap)) => unsafe { build::tensor(dtype, node, shape, bytes, heap, &follow) },
            // SAFETY: the elements hold no texts.
            None => unsafe { build::tensor(dtype, node, shape, bytes, &Pointers { _received: &self }, &follow) },
        }
    }
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        if self.has_pointers() && !self.bytes.as_slice().is_empty() {
            dataset::reclaim(self.memory, self.count, self.bytes.as_mut_slice());
        }
    }
}

/// Bytes as the library hands them over, with pointers to texts that live as long as what was received.
struct Pointers<'a> {
    _received: &'a Received<'a>,
}

impl Source for Pointers<'_> {
    fn pick(&self, count: ByteCount) -> usize {
        count.memory
    }

    unsafe fn texts(&self, cells: &[u8]) -> Result<LargeStringArray> {
        let (pointers, _) = cells.as_chunks::<{ size_of::<usize>() }>();
        let mut texts = LargeStringBuilder::with_capacity(pointers.len(), 0);
        for pointer in pointers {
            let pointer: *const c_char = std::ptr::with_exposed_provenance(usize::from_ne_bytes(*pointer));
            let text = if pointer.is_null() {
                c""
            } else {
                // SAFETY: the cells come from elements that the library has filled in with pointers to NUL-terminated
                // texts, which live until `_received` is dropped.
                unsafe { CStr::from_ptr(pointer) }
            };
            let text = text.to_str().map_err(|error| Error::invalid_data("a text is not UTF-8").with_source(error))?;
            texts.append_value(text);
        }
        Ok(texts.finish())
    }

    fn lists(&self, _cells: &[u8], _item: usize) -> Result<LargeBinaryArray> {
        // The library takes the memory of a list from a length that it does not check.
        Err(Error::unsupported("lists are not read by the library"))
    }
}
