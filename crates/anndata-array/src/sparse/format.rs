//! CSR to CSC and back, by counting, on all cores.
//!
//! One pass counts how many values each new major slice gets. Then the values are taken slab by slab, one for each
//! thread. A slab is first sorted by bucket, a few neighbouring new major slices, and then every bucket takes what all
//! slabs have for it, in their order. So at any time only few positions are written to, which stay in the nearest
//! cache; indices come out sorted, and no two threads touch the same memory. What is written goes on in a line of the cache that
//! was not there before, so each is asked for while the one before it is filled.
//!
//! Tried, and not faster: writing slabs past the caches, slabs in huge pages, asking for two lines ahead (slower), sorting a
//! bucket in memory that fits the cache before it is copied to its place, and no buckets at all, each entry straight to its
//! place with those of later ones asked for ahead (twice as long: a line for each new major slice fits no near cache). Entries
//! of two thirds the size save a twelfth.

use std::ops::Range;

use anndata_storage::{DType, Error, OrBug, Result, Tensor, ensure};
use bytemuck::Pod;
use rayon::prelude::*;

use super::buffers::{Index, by_size, by_width, filled, largest, plain, plain_mut, size_of_value, zeroed};
use super::offsets::Offsets;
use super::{SparseFormat, SparseMatrix};
use crate::prefetch;

/// Values of a slab: so many that each bucket gets a good number of them, and few enough to take little memory.
const SLAB: usize = 1 << 19;

/// New major slices of a bucket, as a power of two. Two streams of cache lines for each fit into the nearest cache of a
/// core.
const BUCKET: u32 = 7;

/// The most buckets; beyond that they have more major slices. A stream of cache lines for each fits into the nearest
/// cache.
const BUCKETS: usize = 1 << 9;

impl SparseMatrix {
    /// Returns the same matrix compressed along `format`; itself where it is already.
    ///
    /// Indices come out sorted where the format changes, whatever they were, and repeated ones are kept. Dtypes stay,
    /// unless that of the indices does not hold the length of the other axis, or that of `indptr` the number of values.
    ///
    /// ```
    /// use anndata_array::{SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 0.0, 3.0])?;
    /// let csc = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?.to_format(SparseFormat::Csc)?;
    /// assert_eq!(csc.indices().as_slice::<i32>()?, [0, 0, 1]);
    /// assert_eq!(csc.data().as_slice::<f32>()?, [1.0, 2.0, 3.0]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if the result does not fit into memory.
    pub fn to_format(&self, format: SparseFormat) -> Result<Self> {
        if format == self.format {
            return Ok(self.clone());
        }
        let (major, minor) = self.axes();
        let indices = if major > 0 && major - 1 > largest(self.indices.dtype())? {
            self.indices.cast(&DType::I64)?
        } else {
            self.indices.clone()
        };
        let (offsets, size) = (self.major_offsets()?, size_of_value(self.data.dtype())?);
        by_width!(indices.dtype(), I => {
            let old = plain::<I>(&indices)?;
            let new_offsets = Offsets::of_lengths(count(old, minor)?)?;
            let (mut new_indices, mut new_data) = (zeroed(self.nnz(), size_of::<I>())?, zeroed(self.nnz(), size)?);
            by_size!(size, V => {
                let old = Stored { offsets: &offsets, indices: old, values: plain::<V>(&self.data)? };
                let (indices, values) = (plain_mut::<I>(&mut new_indices)?, plain_mut::<V>(&mut new_data)?);
                // Within the pool, so that no step waits for a thread outside of it.
                rayon::scope(|_| old.scatter(&new_offsets, indices, values))?;
            });
            let data = Tensor::new(self.data.dtype().clone(), [self.nnz()], new_data)?;
            let indices = Tensor::new(indices.dtype().clone(), [self.nnz()], new_indices)?;
            Self::assembled(format, major, data, indices, &new_offsets, self.indptr.dtype())
        })
    }

    /// The transposed matrix. Rows of the one are columns of the other, so the format changes and nothing is copied.
    #[must_use]
    pub fn transpose(&self) -> Self {
        Self {
            format: match self.format {
                SparseFormat::Csr => SparseFormat::Csc,
                SparseFormat::Csc => SparseFormat::Csr,
            },
            shape: (self.shape.1, self.shape.0),
            ..self.clone()
        }
    }
}

/// How many values each of `minor` new major slices gets.
fn count<I: Index>(indices: &[I], minor: usize) -> Result<Vec<usize>> {
    // Together the counts of all parts take no more memory than the values do.
    let parts = (indices.len() / minor.max(1)).clamp(1, rayon::current_num_threads());
    let counted = indices.par_chunks(indices.len().div_ceil(parts).max(1)).map(|indices| {
        let mut counts = filled(minor, 0_usize)?;
        for index in indices {
            *counts.get_mut(index.to_usize()).or_bug("an index beyond the axis")? += 1;
        }
        Ok(counts)
    });
    let mut counted = counted.collect::<Result<Vec<_>>>()?.into_iter();
    let Some(mut counts) = counted.next() else { return filled(minor, 0) };
    for other in counted {
        counts.iter_mut().zip(other).for_each(|(sum, count)| *sum += count);
    }
    Ok(counts)
}

/// The major slices that are read.
struct Stored<'a, I, V> {
    offsets: &'a Offsets,
    indices: &'a [I],
    values: &'a [V],
}

impl<I: Index, V: Pod + Send + Sync> Stored<'_, I, V> {
    /// Puts index and value of every entry where they belong.
    fn scatter(&self, offsets: &Offsets, indices: &mut [I], data: &mut [V]) -> Result<()> {
        let shift = bucket_bits(offsets.n_major());
        let mut buckets = buckets(offsets, 1 << shift, indices, data)?;
        let mut slabs: Vec<Slab<I, V>> = (0..rayon::current_num_threads()).map(|_| Slab::default()).collect();
        for first in (0..self.indices.len()).step_by(SLAB * slabs.len()) {
            slabs.par_iter_mut().enumerate().try_for_each(|(number, slab)| {
                // At the end there is nothing left for some.
                let (start, end) = (first + number * SLAB, self.indices.len());
                slab.sort(self, start.min(end)..end.min(start + SLAB), shift, buckets.len())
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

    /// The old major slices with values in a range, and which of these are theirs.
    fn slices(&self, values: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        // The first that does not end before them.
        let first = self.offsets.ends().partition_point(|&end| end <= values.start);
        (first..)
            .zip(self.offsets.ranges().skip(first))
            .take_while(move |(_, slice)| slice.start < values.end)
            .map(move |(slice, range)| (slice, range.start.max(values.start)..range.end.min(values.end)))
    }
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
    /// Where the entries of each bucket are.
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
        for (slice, range) in stored.slices(values) {
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
