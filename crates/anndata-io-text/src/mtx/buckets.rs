//! Entries that come in another order than that of the matrix, kept in few bytes until all are there.
//!
//! A bucket has the entries of some neighbouring major slices (rows of a CSR matrix), in chunks: one per block of text. An entry
//! is its slice within the bucket and the step from the minor index before it, both in as few bytes as they need, and its value:
//! a byte for small integers, all bytes for others. Of counts that is about half of what the matrix takes, and as the memory of a
//! bucket goes back to the system when its slices are made, both together take hardly more than the matrix.

use std::ops::Range;

use anndata_storage::{Error, OrBug as _, Result};
use memmap2::MmapMut;

use crate::number::Number;

/// About how many entries a bucket is to have, so that its slices are made within the caches of a core.
const ENTRIES: usize = 1 << 19;
/// The most buckets that there are.
const MOST: usize = 512;
/// Says that the bytes of the value follow.
const WHOLE: u8 = u8::MAX;
/// How many bytes a bucket takes from the system at a time.
const SEGMENT: usize = 256 << 10;
/// What is below takes two bytes at most.
const SHORT: u32 = 1 << 14;

/// Which major slices a bucket has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) major: u32,
    pub(super) minor: u32,
    /// How many entries are expected.
    pub(super) entries: usize,
    /// A bucket has the slices whose numbers are the same without these low bits.
    shift: u32,
}

impl Plan {
    pub(super) fn new(major: u32, minor: u32, entries: usize) -> Self {
        let wanted = (entries / ENTRIES).clamp(1, MOST);
        let mut shift = 0;
        while (major >> shift) as usize >= wanted && shift < 31 {
            shift += 1;
        }
        Self { major, minor, entries, shift }
    }

    /// How many buckets there are.
    pub(super) fn buckets(&self) -> usize {
        (self.major.saturating_sub(1) >> self.shift) as usize + 1
    }

    /// The bucket of a major slice.
    fn bucket(&self, major: u32) -> usize {
        (major >> self.shift) as usize
    }

    /// The slice within its bucket.
    fn within(&self, major: u32) -> u32 {
        major & ((1 << self.shift) - 1)
    }

    /// How many slices a bucket has.
    pub(super) fn slices(&self, bucket: usize) -> usize {
        let first = bucket << self.shift;
        (self.major as usize).saturating_sub(first).min(1 << self.shift)
    }
}

/// Entries of one bucket and one block of text.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) entries: usize,
    last_minor: u32,
}

/// A chunk for each bucket, to be filled.
#[derive(Debug)]
pub(super) struct Chunks {
    plan: Plan,
    chunks: Vec<Chunk>,
}

impl Chunks {
    /// With room for about so many entries in all.
    pub(super) fn new(plan: &Plan, entries: usize) -> Self {
        let room = entries * 5 / plan.buckets().max(1);
        let chunk = || Chunk { bytes: Vec::with_capacity(room), entries: 0, last_minor: 0 };
        Self { plan: *plan, chunks: (0..plan.buckets()).map(|_| chunk()).collect() }
    }

    #[inline]
    pub(super) fn push<T: Number>(&mut self, major: u32, minor: u32, value: T) {
        let within = self.plan.within(major);
        // Every slice of the matrix has its bucket.
        let Some(chunk) = self.chunks.get_mut(self.plan.bucket(major)) else { return };
        let step = minor.wrapping_sub(chunk.last_minor);
        let step = (step << 1) ^ (step.cast_signed() >> 31).cast_unsigned();
        match value.as_small() {
            Some(small) if within < SHORT && step < SHORT => push_short(&mut chunk.bytes, within, step, small),
            small => {
                push_varint(&mut chunk.bytes, within);
                push_varint(&mut chunk.bytes, step);
                chunk.bytes.push(small.unwrap_or(WHOLE));
                if small.is_none() {
                    chunk.bytes.extend_from_slice(bytemuck::bytes_of(&value));
                }
            }
        }
        chunk.last_minor = minor;
        chunk.entries += 1;
    }

    pub(super) fn into_chunks(self) -> Vec<Chunk> {
        self.chunks
    }
}

/// All entries of a bucket.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) entries: usize,
    /// Mapped, as an allocator would keep what is given back to it.
    segments: Vec<MmapMut>,
    /// How much of the last one is used.
    used: usize,
    /// The segment of each chunk, and where it is in that.
    chunks: Vec<(usize, Range<usize>)>,
}

impl Bucket {
    pub(super) fn push(&mut self, chunk: &Chunk) -> Result<()> {
        let len = chunk.bytes.len();
        if self.segments.last().is_none_or(|last| last.len() - self.used < len) {
            let segment = MmapMut::map_anon(len.max(SEGMENT));
            let no_memory = |error| Error::limit_exceeded("there is no memory for the entries").with_source(error);
            self.segments.push(segment.map_err(no_memory)?);
            self.used = 0;
        }
        let place = self.used..self.used + len;
        let last = self.segments.last_mut().and_then(|last| last.get_mut(place.clone()));
        last.or_bug("a segment that is full")?.copy_from_slice(&chunk.bytes);
        self.chunks.push((self.segments.len() - 1, place));
        self.used += len;
        self.entries += chunk.entries;
        Ok(())
    }

    /// Calls `take` with slice within the bucket, minor index and value of each entry.
    pub(super) fn for_each<T: Number>(&self, take: &mut impl FnMut(u32, u32, T) -> Result<()>) -> Result<()> {
        for (segment, place) in &self.chunks {
            let bytes = self.segments.get(*segment).and_then(|segment| segment.get(place.clone()));
            for_each(bytes.or_bug("a chunk beyond its segment")?, take)?;
        }
        Ok(())
    }
}

/// Calls `take` with each entry of a chunk.
fn for_each<T: Number>(chunk: &[u8], take: &mut impl FnMut(u32, u32, T) -> Result<()>) -> Result<()> {
    let (mut rest, mut minor) = (chunk, 0_u32);
    while !rest.is_empty() {
        let (slice, after) = varint(rest).or_bug("an entry ends too early")?;
        let (step, after) = varint(after).or_bug("an entry ends too early")?;
        minor = minor.wrapping_add((step >> 1) ^ (step & 1).wrapping_neg());
        let (&small, after) = after.split_first().or_bug("an entry has no value")?;
        let value = if small == WHOLE {
            let (bytes, after) = after.split_at_checked(size_of::<T>()).or_bug("a value ends too early")?;
            rest = after;
            bytemuck::checked::try_pod_read_unaligned(bytes).ok().or_bug("a value is not a number")?
        } else {
            rest = after;
            T::from_integer(i64::from(small))
        };
        take(slice, minor, value)?;
    }
    Ok(())
}

/// Two numbers below [`SHORT`] and a value, written at once.
#[inline]
fn push_short(bytes: &mut Vec<u8>, slice: u32, step: u32, small: u8) {
    let short = |value: u32| {
        let is_long = u32::from(value >= 0x80);
        (u64::from((value & 0x7f) | (is_long << 7) | ((value >> 7) << 8)), 8 * (1 + is_long))
    };
    let ((slice, its_bits), (step, bits)) = (short(slice), short(step));
    let word = slice | (step << its_bits) | (u64::from(small) << (its_bits + bits));
    let end = bytes.len() + ((its_bits + bits) / 8) as usize + 1;
    bytes.extend_from_slice(&word.to_le_bytes());
    bytes.truncate(end);
}

#[inline]
fn push_varint(bytes: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
}

#[inline]
fn varint(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (&first, mut rest) = bytes.split_first()?;
    let (mut value, mut shift, mut byte) = (u32::from(first & 0x7f), 7, first);
    while byte >= 0x80 {
        let (&next, after) = rest.split_first()?;
        (byte, rest) = (next, after);
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        shift += 7;
    }
    Some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_they_were() -> Result<()> {
        let plan = Plan::new(1000, u32::MAX >> 1, 40 * ENTRIES);
        assert!(plan.buckets() > 10 && plan.buckets() <= 40);
        assert_eq!((0..plan.buckets()).map(|bucket| plan.slices(bucket)).sum::<usize>(), 1000);
        let entries: [(u32, u32, f32); 6] =
            [(0, 0, 1.0), (999, 5, -0.0), (31, 0x7fff_fffe, 254.0), (33, 3, 255.0), (31, 2, 0.25), (999, 4, f32::MAX)];
        let mut chunks = Chunks::new(&plan, 6);
        for (major, minor, value) in entries {
            chunks.push(major, minor, value);
        }
        let mut found = Vec::new();
        for (bucket, chunk) in chunks.into_chunks().into_iter().enumerate() {
            let mut all = Bucket::default();
            all.push(&chunk)?;
            all.for_each(&mut |slice, minor, value: f32| {
                found.push(((bucket << plan.shift) + slice as usize, minor, value.to_bits()));
                Ok(())
            })?;
            assert_eq!(all.entries, chunk.entries);
        }
        let mut expected: Vec<_> = entries.to_vec();
        expected.sort_by_key(|&(major, ..)| plan.bucket(major));
        let expected: Vec<_> = expected.into_iter().map(|(i, j, v)| (i as usize, j, v.to_bits())).collect();
        assert_eq!(found, expected);
        Ok(())
    }

    #[test]
    fn one_slice_or_none_is_one_bucket() {
        for major in [0, 1] {
            let plan = Plan::new(major, 10, 1 << 30);
            assert_eq!((plan.buckets(), plan.slices(0)), (1, major as usize));
        }
    }
}
