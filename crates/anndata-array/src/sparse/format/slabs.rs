//! Values of any order, slab by slab.
//!
//! The values are taken slab by slab, one for each thread. A slab is first sorted by bucket, a few neighbouring new major slices,
//! and then every bucket takes what all slabs have for it, in their order. What is written goes on in a line of the cache that was not
//! there before, so each is asked for while the one before it is filled.
//!
//! Tried, and not faster: writing slabs past the caches, slabs in huge pages, asking for two lines ahead (slower), sorting a
//! bucket in memory that fits the cache before it is copied to its place, and no buckets at all, each entry straight to its
//! place with those of later ones asked for ahead (twice as long: a line for each new major slice fits no near cache). Entries
//! of two thirds the size save a twelfth.

use std::ops::Range;

use anndata_storage::{Error, OrBug, Result, ensure};
use bytemuck::Pod;
use rayon::prelude::*;

use super::Stored;
use crate::prefetch;
use crate::sparse::buffers::{Index, filled};
use crate::sparse::offsets::Offsets;

/// Values of a slab: so many that each bucket gets a good number of them, and few enough to take little memory.
const SLAB: usize = 1 << 19;

/// New major slices of a bucket, as a power of two. Two streams of cache lines for each fit into the nearest cache of a
/// core.
const BUCKET: u32 = 7;

/// The most buckets; beyond that they have more major slices. A stream of cache lines for each fits into the nearest
/// cache.
const BUCKETS: usize = 1 << 9;

/// Puts index and value of every entry where they belong.
pub(super) fn scatter<I: Index, V: Pod + Send + Sync>(
    stored: &Stored<'_, I, V>,
    offsets: &Offsets,
    indices: &mut [I],
    data: &mut [V],
) -> Result<()> {
    let shift = bucket_bits(offsets.n_major());
    let mut buckets = buckets(offsets, 1 << shift, indices, data)?;
    let mut slabs: Vec<Slab<I, V>> = (0..rayon::current_num_threads()).map(|_| Slab::default()).collect();
    for first in (0..stored.indices.len()).step_by(SLAB * slabs.len()) {
        slabs.par_iter_mut().enumerate().try_for_each(|(number, slab)| {
            // At the end there is nothing left for some.
            let (start, end) = (first + number * SLAB, stored.indices.len());
            slab.sort(stored, start.min(end)..end.min(start + SLAB), shift, buckets.len())
        })?;
        buckets.par_iter_mut().enumerate().try_for_each(|(number, bucket)| {
            for slab in &slabs {
                bucket.take(slab.bucket(number)?)?;
            }
            Ok::<(), Error>(())
        })?;
    }
    Ok(())
}

/// A value with both of its indices.
#[derive(Clone, Copy)]
struct Entry<I, V> {
    old_slice: I,
    new_slice: I,
    value: V,
}

/// Consecutive entries of the old major slices, sorted by bucket.
struct Slab<I, V> {
    entries: Vec<Entry<I, V>>,
    /// The range of entries of each bucket.
    offsets: Option<Offsets>,
}

impl<I, V> Default for Slab<I, V> {
    fn default() -> Self {
        Self { entries: Vec::new(), offsets: None }
    }
}

impl<I: Index, V: Pod + Send + Sync> Slab<I, V> {
    /// Takes the values of a range and sorts them by bucket: the new major slice without its last `shift` bits.
    fn sort(&mut self, stored: &Stored<'_, I, V>, values: Range<usize>, shift: u32, buckets: usize) -> Result<()> {
        let mut counts = vec![0_usize; buckets];
        for index in stored.indices.get(values.clone()).or_bug("a slab beyond the indices")? {
            *counts.get_mut(index.to_usize() >> shift).or_bug("an index beyond the axis")? += 1;
        }
        let offsets = Offsets::of_lengths(counts)?;
        if self.entries.len() < values.len() {
            self.entries =
                filled(values.len(), Entry { old_slice: I::zeroed(), new_slice: I::zeroed(), value: V::zeroed() })?;
        }
        let (mut positions, mut left) = (offsets.starts().to_vec(), values.len());
        for (slice, range) in slices(stored.offsets, values) {
            let old_slice = I::from_usize(slice);
            let indices = stored.indices.get(range.clone()).or_bug("a major slice beyond the indices")?;
            let values = stored.values.get(range).or_bug("a major slice beyond the values")?;
            left -= indices.len();
            put_in_buckets(&mut self.entries, &mut positions, old_slice, indices, values, shift)?;
        }
        ensure!(left == 0, "{left} values are in no major slice");
        self.offsets = Some(offsets);
        Ok(())
    }

    /// The entries of a bucket; none before the slab took any.
    fn bucket(&self, number: usize) -> Result<&[Entry<I, V>]> {
        match &self.offsets {
            Some(offsets) => self.entries.get(offsets.range(number)?).or_bug("a bucket beyond the entries"),
            None => Ok(&[]),
        }
    }
}

/// Puts the values of an old major slice where those of their buckets go on. Out of line: in the midst of its caller the loop has too
/// few registers.
#[inline(never)]
fn put_in_buckets<I: Index, V: Pod>(
    entries: &mut [Entry<I, V>],
    positions: &mut [usize],
    old_slice: I,
    indices: &[I],
    values: &[V],
    shift: u32,
) -> Result<()> {
    for (&new_slice, &value) in indices.iter().zip(values) {
        let position = positions.get_mut(new_slice.to_usize() >> shift).or_bug("an index beyond the axis")?;
        prefetch::write_next(entries, *position);
        *entries.get_mut(*position).or_bug("more values than were counted")? = Entry { old_slice, new_slice, value };
        *position += 1;
    }
    Ok(())
}

/// The old major slices with values in a range, and which of these are theirs.
fn slices(offsets: &Offsets, values: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
    // The first that does not end before them.
    let first = offsets.ends().partition_point(|&end| end <= values.start);
    (first..)
        .zip(offsets.ranges().skip(first))
        .take_while(move |(_, slice)| slice.start < values.end)
        .map(move |(slice, range)| (slice, range.start.max(values.start)..range.end.min(values.end)))
}

/// How many bits of a new major slice are its position in its bucket.
fn bucket_bits(minor: usize) -> u32 {
    // A few buckets for each thread.
    let fewest = rayon::current_num_threads() * 4;
    // Any number is right; few major slices are one per bucket, very many are as many as there can be.
    let small = (0..BUCKET).rev().find(|&bits| minor >> bits >= fewest).unwrap_or(0);
    if minor >> BUCKET < fewest {
        return small;
    }
    (BUCKET..usize::BITS).find(|&bits| minor >> bits < BUCKETS).unwrap_or(BUCKET)
}

/// Consecutive new major slices, and where their values go.
struct Bucket<'a, I, V> {
    first: usize,
    /// The next free position of each major slice.
    positions: Vec<usize>,
    indices: &'a mut [I],
    data: &'a mut [V],
}

/// The new major slices at these offsets, `width` of them a bucket.
fn buckets<'a, I, V>(
    offsets: &Offsets,
    width: usize,
    mut indices: &'a mut [I],
    mut data: &'a mut [V],
) -> Result<Vec<Bucket<'a, I, V>>> {
    let mut buckets = Vec::new();
    for (number, starts) in offsets.starts().chunks(width).enumerate() {
        let first = number * width;
        let values = offsets.run(first..first + starts.len())?;
        buckets.push(Bucket {
            first,
            positions: starts.iter().map(|start| start - values.start).collect(),
            indices: indices.split_off_mut(..values.len()).or_bug("a bucket beyond the indices")?,
            data: data.split_off_mut(..values.len()).or_bug("a bucket beyond the values")?,
        });
    }
    Ok(buckets)
}

impl<I: Index, V: Copy> Bucket<'_, I, V> {
    /// Puts entries of this bucket behind those that are there.
    #[inline(never)]
    fn take(&mut self, entries: &[Entry<I, V>]) -> Result<()> {
        let Self { first, positions, indices, data } = self;
        for entry in entries {
            let slice = entry.new_slice.to_usize().wrapping_sub(*first);
            let position = positions.get_mut(slice).or_bug("an entry of another bucket")?;
            prefetch::write_next(indices, *position);
            prefetch::write_next(data, *position);
            *indices.get_mut(*position).or_bug("more values than were counted")? = entry.old_slice;
            *data.get_mut(*position).or_bug("more values than were counted")? = entry.value;
            *position += 1;
        }
        Ok(())
    }
}
