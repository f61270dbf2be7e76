//! Texts of any length: the global heap, read without the library.
//!
//! A text in a dataset is a reference of 16 bytes: its length (4), the address of a heap collection (8), and the number
//! of an object in it (4). A collection is `GCOL`, a version (1), 3 reserved bytes and its size (8), followed by
//! objects: number (2), references (2), 4 reserved bytes, size (8), and the data, padded to 8 bytes. Object 0 is the
//! free space, which ends the collection.
//!
//! All texts go into one buffer. References are taken in blocks on all cores; a block reads each collection once.

use std::collections::{HashMap, TryReserveError};

use anndata_storage::{Error, Limits, OrBug, Result, Tensor, ensure};
use arrow_array::{LargeBinaryArray, LargeStringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use rayon::prelude::*;

use crate::dtype::build::{self, Follow};
use crate::dtype::source::Source;
use crate::dtype::{ByteCount, REFERENCE, Stored};
use crate::file::RawFile;

/// References that one thread takes at a time.
const BLOCK: usize = 1 << 14;
/// The size of the smallest collection, and of nearly all.
const COLLECTION: usize = 4096;
/// Bytes before the first object of a collection, and before the data of an object.
const HEADER: usize = 16;
/// Bytes of collections that a thread keeps.
const KEEP: usize = 4 << 20;

/// The global heap of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heap<'a> {
    pub(crate) file: &'a RawFile,
    /// Where addresses count from.
    pub(crate) base: u64,
    pub(crate) limits: Limits,
}

/// What the limits allow for texts, a 64th of what they do for other values: texts are not compressed. They take more
/// memory than there are bytes in the file where many references are to one text.
fn text_limits(limits: Limits) -> Limits {
    const LESS: u64 = 64;
    let expansion = if limits.max_expansion == u64::MAX { u64::MAX } else { (limits.max_expansion / LESS).max(1) };
    limits.with_max_expansion(expansion).with_max_unbacked(limits.max_unbacked / LESS)
}

fn zeroed(len: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|error| no_memory(len, error))?;
    bytes.resize(len, 0);
    Ok(bytes)
}

fn no_memory(len: usize, error: TryReserveError) -> Error {
    Error::limit_exceeded(format!("{len} bytes of memory cannot be allocated")).with_source(error)
}

/// A reference into the heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reference {
    len: u32,
    address: u64,
    index: u32,
}

impl Reference {
    fn parse(cell: &[u8; REFERENCE]) -> Self {
        let [l0, l1, l2, l3, address @ .., i0, i1, i2, i3] = *cell;
        let address = u64::from_le_bytes(address);
        // Address 0 is the superblock: a reference to nothing, which is the empty text.
        let len = if address == 0 { 0 } else { u32::from_le_bytes([l0, l1, l2, l3]) };
        Self { len, address, index: u32::from_le_bytes([i0, i1, i2, i3]) }
    }

    /// How many bytes it stands for, where its length counts items of so many bytes.
    fn bytes(self, item: usize) -> Result<usize> {
        let bytes = usize::try_from(self.len).ok().and_then(|len| len.checked_mul(item));
        bytes.ok_or_else(|| Error::limit_exceeded("a text or list does not fit into memory"))
    }
}

/// Elements as they are in the file.
/// A tensor from the bytes of its elements as they are in the file, in whose heap their texts are.
pub(crate) fn tensor_of_stored(
    stored: &Stored,
    shape: &[usize],
    bytes: Buffer,
    heap: &Heap<'_>,
    follow: Follow<'_>,
) -> Result<Tensor> {
    // SAFETY: the heap takes any bytes for references, and checks where they lead.
    unsafe { build::tensor(&stored.dtype, &stored.node, shape, bytes, heap, follow) }
}

impl Source for Heap<'_> {
    fn pick(&self, target: ByteCount) -> usize {
        target.file
    }

    unsafe fn texts(&self, cells: &[u8]) -> Result<LargeStringArray> {
        Heap::texts(self, cells)
    }

    fn lists(&self, cells: &[u8], item: usize) -> Result<LargeBinaryArray> {
        Heap::lists(self, cells, item)
    }
}

impl Heap<'_> {
    /// The texts that references stand for. A text ends at its first NUL.
    pub(crate) fn texts(&self, cells: &[u8]) -> Result<LargeStringArray> {
        let (mut offsets, mut values, has_nul) = self.objects(cells, 1)?;
        if has_nul {
            cut_at_nul(&mut offsets, &mut values)?;
        }
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        LargeStringArray::try_new(offsets, Buffer::from_vec(values), None)
            .map_err(|error| Error::invalid_data("a text is not UTF-8").with_source(error))
    }

    /// The bytes of the lists that references stand for, of items of so many bytes.
    pub(crate) fn lists(&self, cells: &[u8], item: usize) -> Result<LargeBinaryArray> {
        let (offsets, values, _) = self.objects(cells, item)?;
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        LargeBinaryArray::try_new(offsets, Buffer::from_vec(values), None)
            .map_err(|error| Error::invalid_data("the lists are not valid").with_source(error))
    }

    /// The bytes of an object of a collection, all of them.
    pub(crate) fn object(&self, address: u64, index: u32) -> Result<Vec<u8>> {
        let collection = self.collection(address)?;
        collection.object(index).map(<[u8]>::to_vec).ok_or_else(|| {
            Error::invalid_data(format!("object {index} of the heap at {address} is not where it should be"))
        })
    }

    /// Offsets and bytes of what references stand for, and whether one holds a NUL.
    fn objects(&self, cells: &[u8], item: usize) -> Result<(Vec<i64>, Vec<u8>, bool)> {
        let (cells, rest) = cells.as_chunks::<REFERENCE>();
        ensure!(rest.is_empty(), "{} bytes that are not a reference", rest.len());
        let mut offsets: Vec<i64> = Vec::with_capacity(cells.len() + 1);
        let mut end = 0_i64;
        offsets.push(end);
        for cell in cells {
            let len = i64::try_from(Reference::parse(cell).bytes(item)?).ok();
            let after = len.and_then(|len| end.checked_add(len));
            end = after.ok_or_else(|| Error::limit_exceeded("the texts exceed 2^63 bytes"))?;
            offsets.push(end);
        }
        let total = usize::try_from(end).map_err(|_| Error::limit_exceeded("texts do not fit into memory"))?;
        if total > 0 {
            text_limits(self.limits).check(total as u64, self.file.len()?)?;
        }
        let mut values = zeroed(total)?;
        let has_nul = self.fill(cells, item, &mut values)?;
        Ok((offsets, values, has_nul))
    }

    /// Copies all texts into `values`, on all cores. Says whether one holds a NUL.
    fn fill(&self, cells: &[[u8; REFERENCE]], item: usize, values: &mut [u8]) -> Result<bool> {
        let mut jobs = Vec::new();
        let mut rest = values;
        for cells in cells.chunks(BLOCK) {
            let len = cells.iter().map(|cell| Reference::parse(cell).bytes(item)).sum::<Result<usize>>()?;
            let (values, after) =
                rest.split_at_mut_checked(len).ok_or_else(|| Error::invalid_data("the texts change while read"))?;
            rest = after;
            jobs.push((cells, values));
        }
        let found: Vec<bool> =
            jobs.into_par_iter().map(|(cells, values)| self.fill_block(cells, item, values)).collect::<Result<_>>()?;
        ensure!(rest.is_empty(), "what references stand for is {} bytes shorter than they say", rest.len());
        Ok(found.contains(&true))
    }

    fn fill_block(&self, cells: &[[u8; REFERENCE]], item: usize, mut values: &mut [u8]) -> Result<bool> {
        let mut kept: HashMap<u64, Collection> = HashMap::new();
        let mut bytes = 0;
        let mut has_nul = false;
        // Neighbours are in one collection, most often.
        let mut current = (0, Collection::default());
        for reference in cells.iter().map(Reference::parse).filter(|reference| reference.len > 0) {
            if reference.address != current.0 {
                let collection = match kept.remove(&reference.address) {
                    Some(collection) => {
                        bytes -= collection.bytes.len();
                        collection
                    }
                    None => self.collection(reference.address)?,
                };
                let (address, before) = std::mem::replace(&mut current, (reference.address, collection));
                if bytes > KEEP {
                    kept.clear();
                    bytes = 0;
                }
                bytes += before.bytes.len();
                kept.insert(address, before);
            }
            let len = reference.bytes(item)?;
            let text = current.1.get(reference.index, len).ok_or_else(|| {
                Error::invalid_data(format!(
                    "a text of {len} bytes is not where it should be (object {} of the heap at {})",
                    reference.index, reference.address
                ))
            })?;
            let Some((target, after)) = std::mem::take(&mut values).split_at_mut_checked(text.len()) else {
                return Err(Error::invalid_data("the texts change while read"));
            };
            target.copy_from_slice(text);
            values = after;
            has_nul |= text.contains(&0);
        }
        Ok(has_nul)
    }

    /// Reads and indexes a collection.
    fn collection(&self, address: u64) -> Result<Collection> {
        let wrong = |what| Error::invalid_data(format!("the heap at {address} {what}"));
        let start = self.base.checked_add(address).ok_or_else(|| wrong("lies outside the file"))?;
        // If the file ends before it, nothing is left, and no heap begins there.
        let available = self.file.len()?.saturating_sub(start);
        let mut bytes = vec![0; usize::try_from(available).unwrap_or(COLLECTION).min(COLLECTION)];
        self.file.read_at(start, &mut bytes)?;
        if bytes.get(..5) != Some(b"GCOL\x01") {
            return Err(wrong("does not begin as one"));
        }
        let size = bytes.get(8..).and_then(<[u8]>::first_chunk).map(|size| u64::from_le_bytes(*size));
        let size = size.ok_or_else(|| wrong("ends before it says how large it is"))?;
        if size > available {
            return Err(wrong("is larger than the file"));
        }
        let size = usize::try_from(size).map_err(|_| wrong("is larger than memory"))?;
        let read = bytes.len().min(size);
        bytes.try_reserve_exact(size - read).map_err(|error| no_memory(size, error))?;
        bytes.resize(size, 0);
        self.file.read_at(start + read as u64, bytes.get_mut(read..).or_bug("a buffer shorter than its heap")?)?;
        Collection::new(bytes)
    }
}

/// One collection: its bytes, and where in them each object is.
#[derive(Debug, Default)]
struct Collection {
    bytes: Vec<u8>,
    /// Start and end of each object's data, by its number.
    objects: Vec<(usize, usize)>,
}

impl Collection {
    /// Indexes the objects up to the free space or the first that does not fit.
    fn new(bytes: Vec<u8>) -> Result<Self> {
        let mut objects = Vec::new();
        let mut at = HEADER;
        while let Some(&[i0, i1, _, _, _, _, _, _, ref size @ ..]) =
            bytes.get(at..).and_then(<[u8]>::first_chunk::<HEADER>)
        {
            let index = usize::from(u16::from_le_bytes([i0, i1]));
            // Fallback: a size beyond memory does not fit either.
            let size = usize::try_from(u64::from_le_bytes(*size)).unwrap_or(usize::MAX);
            let start = at + HEADER;
            let Some(end) = start.checked_add(size).filter(|&end| index > 0 && end <= bytes.len()) else { break };
            if objects.len() <= index {
                objects.resize(index + 1, (0, 0));
            }
            *objects.get_mut(index).or_bug("an object without a place")? = (start, end);
            at = end.next_multiple_of(8);
        }
        Ok(Self { bytes, objects })
    }

    /// The bytes of an object.
    fn object(&self, index: u32) -> Option<&[u8]> {
        let &(start, end) = self.objects.get(usize::try_from(index).ok()?)?;
        self.bytes.get(start..end)
    }

    /// The first bytes of an object.
    fn get(&self, index: u32, len: usize) -> Option<&[u8]> {
        self.object(index)?.get(..len)
    }
}

/// Shortens each text to what is before its first NUL.
fn cut_at_nul(offsets: &mut [i64], values: &mut Vec<u8>) -> Result<()> {
    let (mut read, mut written) = (0, 0);
    for offset in offsets.iter_mut().skip(1) {
        let end = usize::try_from(*offset).or_bug("an offset beyond memory")?;
        let text = values.get(read..end).or_bug("a text beyond the values")?;
        let len = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
        values.copy_within(read..read + len, written);
        read = end;
        written += len;
        *offset = i64::try_from(written).or_bug("an offset beyond memory")?;
    }
    values.truncate(written);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn object(index: u16, data: &[u8]) -> Vec<u8> {
        let mut object = Vec::new();
        object.extend(index.to_le_bytes());
        object.extend([1, 0, 0, 0, 0, 0]);
        object.extend((data.len() as u64).to_le_bytes());
        object.extend(data);
        object.resize(object.len().next_multiple_of(8), 0);
        object
    }

    fn reference(len: u32, address: u64, index: u32) -> Vec<u8> {
        [&len.to_le_bytes()[..], &address.to_le_bytes(), &index.to_le_bytes()].concat()
    }

    fn heap_file(objects: &[Vec<u8>], size: u64) -> Result<(tempfile::NamedTempFile, RawFile)> {
        let mut file = tempfile::NamedTempFile::new()?;
        let mut bytes = b"prefix--GCOL\x01\0\0\0".to_vec();
        bytes.extend(size.to_le_bytes());
        bytes.extend(objects.concat());
        bytes.resize(8 + 200, 0);
        file.write_all(&bytes)?;
        let raw = RawFile::new(file.reopen()?, false)?;
        Ok((file, raw))
    }

    #[test]
    fn texts_are_found_and_cut_at_nul() -> Result<()> {
        let (_keep, file) = heap_file(&[object(2, b"cells"), object(1, b"a\0b"), object(7, "ü".as_bytes())], 200)?;
        let heap = Heap { file: &file, base: 0, limits: Limits::default() };
        let cells = [reference(2, 8, 7), reference(0, 0, 0), reference(3, 8, 1), reference(5, 8, 2)].concat();
        let texts = heap.texts(&cells)?;
        assert_eq!(texts.iter().flatten().collect::<Vec<_>>(), ["ü", "", "a", "cells"]);
        let moved = Heap { base: 8, ..heap };
        assert!(moved.texts(&reference(5, 0, 2)).is_ok_and(|texts| texts.value(0).is_empty()));
        Ok(())
    }

    #[test]
    fn malformed_heaps_are_errors() -> Result<()> {
        let endless = [0_u8; 16].to_vec();
        for (objects, size, cell) in [
            (vec![endless, object(1, b"abc")], 200, reference(3, 8, 1)),
            (vec![object(1, b"abc")], 200, reference(4, 8, 1)),
            (vec![object(1, b"abc")], 200, reference(3, 8, 9)),
            (vec![object(1, b"abc")], 200, reference(3, 16, 1)),
            (vec![object(1, b"abc")], 200, reference(3, u64::MAX - 3, 1)),
            (vec![object(1, b"abc")], u64::MAX, reference(3, 8, 1)),
            (vec![object(1, b"\xff\xfe\xfd")], 200, reference(3, 8, 1)),
        ] {
            let (_keep, file) = heap_file(&objects, size)?;
            let heap = Heap { file: &file, base: 0, limits: Limits::default() };
            assert!(heap.texts(&cell).is_err_and(|error| error.is_invalid_data()));
        }
        Ok(())
    }
}
