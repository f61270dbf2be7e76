//! Values that go through the library.

use std::ffi::{CStr, c_char};

use anndata_storage::{Axis, Error, Result, Tensor};
use arrow_array::LargeStringArray;
use arrow_array::builder::LargeStringBuilder;
use arrow_buffer::Buffer;

use super::Hdf5Array;
use crate::dtype::build::{self, Source};
use crate::dtype::{Node, Place, Stored, make};
use crate::raw::Id;
use crate::raw::dataset::{self, Block};
use crate::raw::{attribute, datatype};

/// Bytes of elements that are handed to the library at a time, so that texts are not doubled in memory at once.
const BATCH: usize = 4 << 20;

impl Hdf5Array {
    /// Reads runs of the first axis with all that lies between the ends of the others, and selects from that.
    pub(super) fn read_library(&self, selection: &[Axis]) -> Result<Tensor> {
        if self.null || selection.iter().any(Axis::is_empty) {
            let shape: Vec<usize> = selection.iter().map(|axis| usize::try_from(axis.len()).unwrap_or(0)).collect();
            return Received::new(&self.stored, 0)?.tensor(&shape);
        }
        let Some((rows, inner)) = selection.split_first() else {
            return self.read_block(&[], &[]);
        };
        let bounds: Vec<(u64, u64)> =
            inner.iter().map(|axis| (axis.runs().first().map_or(0, |run| run.0), axis.end())).collect();
        let mut parts = Vec::new();
        for (row, count) in rows.runs() {
            let start: Vec<u64> = std::iter::once(row).chain(bounds.iter().map(|bound| bound.0)).collect();
            let counts: Vec<u64> = std::iter::once(count).chain(bounds.iter().map(|bound| bound.1 - bound.0)).collect();
            let local: Vec<Axis> = std::iter::once(Axis::Range(0..count))
                .chain(inner.iter().zip(&bounds).map(|(axis, bound)| shift(axis, bound.0)))
                .collect();
            parts.push(self.read_block(&start, &counts)?.select(&local)?);
        }
        Tensor::concat_rows(&parts)
    }

    fn read_block(&self, start: &[u64], count: &[u64]) -> Result<Tensor> {
        let len = count.iter().try_fold(1_u64, |product, &len| product.checked_mul(len)).unwrap_or(u64::MAX);
        let size = self.stored.node.size().memory as u64;
        self.store.options.limits.check(len.saturating_mul(size), self.store.raw.len()?)?;
        let mut received = Received::new(&self.stored, len)?;
        dataset::read(&self.id, &self.stored.memory, Block { start, count }, &mut received.bytes)?;
        let shape: Vec<usize> = count.iter().map(|&len| usize::try_from(len).unwrap_or(0)).collect();
        received.tensor(&shape)
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
    let block = make::Block::new(values)?;
    dataset::write(id, memory, Block { start, count: &count }, block.bytes())
}

fn shift(axis: &Axis, by: u64) -> Axis {
    match axis {
        Axis::Range(range) => Axis::Range(range.start - by..range.end - by),
        Axis::Indices(indices) => Axis::from(indices.iter().map(|index| index - by).collect::<Vec<_>>()),
    }
}

/// The values of an attribute.
pub(crate) fn read_attribute(id: &Id, stored: &Stored, shape: &[u64]) -> Result<Tensor> {
    let len = shape.iter().try_fold(1_u64, |product, &len| product.checked_mul(len)).unwrap_or(u64::MAX);
    let mut received = Received::new(stored, len)?;
    if len > 0 {
        attribute::read(id, &stored.memory, &mut received.bytes)?;
    }
    let shape: Vec<usize> = shape.iter().map(|&len| usize::try_from(len).unwrap_or(0)).collect();
    received.tensor(&shape)
}

/// The bytes of an element that was never written (empty for zeros), and whether only the library can tell them.
pub(super) fn fill_value(properties: &Id, stored: &Stored) -> Result<(Vec<u8>, bool)> {
    if stored.node == Node::Unknown {
        return Ok((Vec::new(), false));
    }
    let size = stored.node.size().memory;
    let Some(bytes) = dataset::fill_value(properties, &stored.memory, size)? else {
        return Ok((Vec::new(), false));
    };
    if stored.node.has_text() {
        let received = Received { stored, count: 1, bytes };
        let is_zero = received.bytes.iter().all(|&byte| byte == 0);
        // An empty text may be a pointer to one.
        let is_empty = is_zero || (stored.node == Node::Text && received.tensor(&[1])?.to_strings()? == [""]);
        return Ok((Vec::new(), !is_empty));
    }
    let mut bytes = bytes;
    if let Node::Plain { size, fix } = stored.node {
        fix.apply(&mut bytes, size);
    }
    Ok((bytes, false))
}

/// Elements that the library has filled in. Texts are the library's until this is dropped.
struct Received<'a> {
    stored: &'a Stored,
    count: u64,
    bytes: Vec<u8>,
}

impl<'a> Received<'a> {
    /// Room for elements.
    fn new(stored: &'a Stored, count: u64) -> Result<Self> {
        let bytes = usize::try_from(count)
            .ok()
            .and_then(|count| count.checked_mul(stored.node.size().memory))
            .ok_or_else(|| Error::limit_exceeded("the values do not fit into memory"))?;
        Ok(Self { stored, count, bytes: vec![0; bytes] })
    }

    fn tensor(mut self, shape: &[usize]) -> Result<Tensor> {
        if let Node::Plain { size, fix } = self.stored.node {
            fix.apply(&mut self.bytes, size);
        }
        let bytes = if self.stored.node.has_text() {
            Buffer::from_slice_ref(&self.bytes)
        } else {
            Buffer::from_vec(std::mem::take(&mut self.bytes))
        };
        build::tensor(&self.stored.dtype, &self.stored.node, shape, bytes, &MemorySource { _received: &self })
    }
}

impl Drop for Received<'_> {
    fn drop(&mut self) {
        if self.stored.node.has_text() && !self.bytes.is_empty() {
            dataset::reclaim(&self.stored.memory, self.count, &mut self.bytes);
        }
    }
}

/// Bytes as the library hands them over, with pointers to texts that live as long as what was received.
struct MemorySource<'a> {
    _received: &'a Received<'a>,
}

impl Source for MemorySource<'_> {
    fn pick(&self, place: Place) -> usize {
        place.memory
    }

    fn texts(&self, cells: &[u8]) -> Result<LargeStringArray> {
        let (pointers, _) = cells.as_chunks::<{ size_of::<usize>() }>();
        let mut texts = LargeStringBuilder::with_capacity(pointers.len(), 0);
        for pointer in pointers {
            let pointer: *const c_char = std::ptr::with_exposed_provenance(usize::from_ne_bytes(*pointer));
            let text = if pointer.is_null() {
                c""
            } else {
                // SAFETY: the cells are those of texts in elements that the library has filled in with pointers to
                // NUL-terminated texts, which live until `_received` is dropped.
                unsafe { CStr::from_ptr(pointer) }
            };
            let text = text.to_str().map_err(|error| Error::invalid_data("a text is not UTF-8").with_source(error))?;
            texts.append_value(text);
        }
        Ok(texts.finish())
    }
}
