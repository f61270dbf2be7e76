//! CSR to CSC and back, by counting, on all cores.
//!
//! One pass counts how many values each new lane gets. Then the values are taken slab by slab, one for each thread. A
//! slab is first sorted by bucket, a few neighbouring new lanes, and then every bucket takes what all slabs have for
//! it, in their order. So at any time only few places are written to, which stay in the nearest cache; indices come out
//! sorted, and no two threads touch the same memory.

use std::ops::Range;

use anndata_storage::{DType, Result, Tensor};
use bytemuck::Pod;
use rayon::prelude::*;

use super::lanes::{Index, by_size, by_width, filled, largest, offsets_of, offsets_tensor, plain, plain_mut, zeroed};
use super::{SparseFormat, SparseMatrix};

/// Values of a slab: so many that each bucket gets a good number of them, and few enough to take little memory.
const SLAB: usize = 1 << 19;

/// New lanes of a bucket, as a power of two. Two streams of cache lines for each fit into the nearest cache of a core.
const BUCKET: u32 = 7;

/// The most buckets; beyond that they have more lanes. A stream of cache lines for each fits into the nearest cache.
const BUCKETS: usize = 1 << 8;

impl SparseMatrix {
    /// The same matrix compressed along `format`; itself where it is already.
    ///
    /// Indices come out sorted where the format changes, whatever they were, and repeated ones are kept. Dtypes stay,
    /// unless that of the indices does not hold the length of the other axis, or that of `indptr` the number of values.
    ///
    /// ```
    /// use anndata_core::{SparseFormat, SparseMatrix, Tensor};
    ///
    /// let dense = Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 0.0, 3.0])?;
    /// let csc = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?.to_format(SparseFormat::Csc)?;
    /// assert_eq!(csc.indices().as_slice::<i32>()?, [0, 0, 1]);
    /// assert_eq!(csc.data().as_slice::<f32>()?, [1.0, 2.0, 3.0]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) where the result does not fit into memory.
    pub fn to_format(&self, format: SparseFormat) -> Result<Self> {
        if format == self.format {
            return Ok(self.clone());
        }
        let (major, minor) = self.axes();
        let indices = if major > 0 && major - 1 > largest(self.indices.dtype()) {
            self.indices.cast(&DType::I64)?
        } else {
            self.indices.clone()
        };
        let offsets = self.offsets()?;
        by_width!(indices.dtype(), I => {
            let old = plain::<I>(&indices)?;
            let new_offsets = offsets_of(count(old, minor)?)?;
            let mut new_indices = zeroed(self.nnz(), size_of::<I>())?;
            let mut new_data = zeroed(self.nnz(), self.data.dtype().size().unwrap_or(1))?;
            by_size!(self.data.dtype().size().unwrap_or(1), V => {
                let old = Stored { offsets: &offsets, indices: old, values: plain::<V>(&self.data)? };
                // Within the pool, so that no step waits for a thread outside of it.
                rayon::scope(|_| {
                    old.scatter(&new_offsets, plain_mut::<I>(&mut new_indices), plain_mut::<V>(&mut new_data))
                })?;
            });
            Ok(Self {
                format,
                shape: self.shape,
                data: Tensor::new(self.data.dtype().clone(), [self.nnz()], new_data.into())?,
                indices: Tensor::new(indices.dtype().clone(), [self.nnz()], new_indices.into())?,
                indptr: offsets_tensor(&new_offsets, self.indptr.dtype())?,
            })
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

/// How many values each of `minor` new lanes gets.
fn count<I: Index>(indices: &[I], minor: usize) -> Result<Vec<usize>> {
    // Together the counts of all parts take no more memory than the values do.
    let parts = (indices.len() / minor.max(1)).clamp(1, rayon::current_num_threads());
    let counted = indices.par_chunks(indices.len().div_ceil(parts).max(1)).map(|indices| {
        let mut counts = filled(minor, 0_usize)?;
        for index in indices {
            if let Some(count) = counts.get_mut(index.to_usize()) {
                *count += 1;
            }
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

/// The lanes that are read.
struct Stored<'a, I, V> {
    offsets: &'a [usize],
    indices: &'a [I],
    values: &'a [V],
}

impl<I: Index, V: Pod + Send + Sync> Stored<'_, I, V> {
    /// Puts index and value of every entry where they belong.
    fn scatter(&self, offsets: &[usize], indices: &mut [I], data: &mut [V]) -> Result<()> {
        let minor = offsets.len().saturating_sub(1);
        let shift = bucket_bits(minor);
        let mut buckets = buckets(offsets, 1 << shift, indices, data);
        let mut slabs: Vec<Slab<I, V>> = (0..rayon::current_num_threads()).map(|_| Slab::default()).collect();
        for first in (0..self.indices.len()).step_by(SLAB * slabs.len()) {
            slabs.par_iter_mut().enumerate().try_for_each(|(number, slab)| {
                let start = first + number * SLAB;
                slab.sort(self, start..self.indices.len().min(start + SLAB), shift, buckets.len())
            })?;
            buckets.par_iter_mut().enumerate().for_each(|(number, bucket)| {
                for slab in &slabs {
                    bucket.take(slab.bucket(number));
                }
            });
        }
        Ok(())
    }

    /// The old lanes with values in a range, and which of these are theirs.
    fn lanes(&self, values: Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let first = self.offsets.partition_point(|&start| start <= values.start).saturating_sub(1);
        let starts = self.offsets.get(first..).unwrap_or_default().iter().copied();
        (first..)
            .zip(starts.clone().zip(starts.skip(1)))
            .take_while(move |(_, (start, _))| *start < values.end)
            .map(move |(lane, (start, end))| (lane, start.max(values.start)..end.min(values.end)))
    }
}

/// A value with both of its indices.
#[derive(Clone, Copy)]
struct Entry<I, V> {
    old_lane: I,
    new_lane: I,
    value: V,
}

/// Consecutive entries of the old lanes, sorted by bucket.
struct Slab<I, V> {
    entries: Vec<Entry<I, V>>,
    /// Where the entries of each bucket begin, and the end of the last.
    offsets: Vec<usize>,
}

impl<I, V> Default for Slab<I, V> {
    fn default() -> Self {
        Self { entries: Vec::new(), offsets: Vec::new() }
    }
}

impl<I: Index, V: Pod + Send + Sync> Slab<I, V> {
    /// Takes the values of a range and sorts them by bucket: the new lane without its last `shift` bits.
    fn sort(&mut self, stored: &Stored<'_, I, V>, values: Range<usize>, shift: u32, buckets: usize) -> Result<()> {
        let mut counts = vec![0_usize; buckets];
        for index in stored.indices.get(values.clone()).unwrap_or_default() {
            if let Some(count) = counts.get_mut(index.to_usize() >> shift) {
                *count += 1;
            }
        }
        self.offsets = offsets_of(counts)?;
        if self.entries.len() < values.len() {
            self.entries =
                filled(values.len(), Entry { old_lane: I::zeroed(), new_lane: I::zeroed(), value: V::zeroed() })?;
        }
        let mut places = self.offsets.clone();
        for (lane, range) in stored.lanes(values) {
            let old_lane = I::from_usize(lane);
            let indices = stored.indices.get(range.clone()).unwrap_or_default();
            for (&new_lane, &value) in indices.iter().zip(stored.values.get(range).unwrap_or_default()) {
                let Some(place) = places.get_mut(new_lane.to_usize() >> shift) else { continue };
                if let Some(entry) = self.entries.get_mut(*place) {
                    *entry = Entry { old_lane, new_lane, value };
                }
                *place += 1;
            }
        }
        Ok(())
    }

    fn bucket(&self, number: usize) -> &[Entry<I, V>] {
        match self.offsets.get(number..).unwrap_or_default() {
            [start, end, ..] => self.entries.get(*start..*end).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// How many bits of a new lane are its place in its bucket.
fn bucket_bits(minor: usize) -> u32 {
    // A few buckets for each thread.
    let fewest = rayon::current_num_threads() * 4;
    let small = (0..BUCKET).rev().find(|&bits| minor >> bits >= fewest).unwrap_or(0);
    if minor >> BUCKET < fewest {
        return small;
    }
    (BUCKET..usize::BITS).find(|&bits| minor >> bits < BUCKETS).unwrap_or(BUCKET)
}

/// Consecutive new lanes, and where their values go.
struct Bucket<'a, I, V> {
    first: usize,
    /// The next free place of each lane.
    places: Vec<usize>,
    indices: &'a mut [I],
    data: &'a mut [V],
}

/// The new lanes at these offsets, `width` of them a bucket.
fn buckets<'a, I, V>(
    offsets: &[usize],
    width: usize,
    mut indices: &'a mut [I],
    mut data: &'a mut [V],
) -> Vec<Bucket<'a, I, V>> {
    let minor = offsets.len().saturating_sub(1);
    let at = |lane: usize| offsets.get(lane).copied().unwrap_or(0);
    let mut buckets = Vec::new();
    for first in (0..minor).step_by(width) {
        let end = minor.min(first.saturating_add(width));
        let len = at(end) - at(first);
        buckets.push(Bucket {
            first,
            places: (first..end).map(|lane| at(lane) - at(first)).collect(),
            indices: indices.split_off_mut(..len).unwrap_or_default(),
            data: data.split_off_mut(..len).unwrap_or_default(),
        });
    }
    buckets
}

impl<I: Index, V: Copy> Bucket<'_, I, V> {
    /// Puts entries of this bucket behind those that are there.
    fn take(&mut self, entries: &[Entry<I, V>]) {
        for entry in entries {
            let Some(place) = self.places.get_mut(entry.new_lane.to_usize().wrapping_sub(self.first)) else { continue };
            if let (Some(index), Some(value)) = (self.indices.get_mut(*place), self.data.get_mut(*place)) {
                (*index, *value) = (entry.old_lane, entry.value);
            }
            *place += 1;
        }
    }
}
