//! CSR to CSC and back, by counting: on all cores, each on a window of the new lanes that fits into its cache.
//!
//! One pass counts how many values each new lane gets, and notes where each old lane enters each window. Then every
//! window is filled on its own: it reads its part of each old lane in order, and what it writes lies together. So
//! indices come out sorted, and no two threads touch the same memory.

use std::ops::Range;

use anndata_storage::{DType, Result, Tensor};
use bytemuck::Pod;
use rayon::prelude::*;

use super::lanes::{Index, by_size, by_width, filled, largest, offsets_of, offsets_tensor, plain, plain_mut, zeroed};
use super::{SparseFormat, SparseMatrix};

/// New lanes of a window. Two streams of cache lines for each fit into the second cache of a core.
const WINDOW: usize = 1 << 12;

/// Fewer values than this of an old lane in a window are not worth a search for where they begin.
const SEARCHED: usize = 16;

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
            let lanes = OldLanes { indices: plain::<I>(&indices)?, offsets: &offsets };
            let counted = lanes.count(minor)?;
            let mut new_indices = zeroed(self.nnz(), size_of::<I>())?;
            let mut new_data = zeroed(self.nnz(), self.data.dtype().size().unwrap_or(1))?;
            by_size!(self.data.dtype().size().unwrap_or(1), V => {
                let values = plain::<V>(&self.data)?;
                lanes.scatter(values, &counted, plain_mut::<I>(&mut new_indices), plain_mut::<V>(&mut new_data));
            });
            Ok(Self {
                format,
                shape: self.shape,
                data: Tensor::new(self.data.dtype().clone(), [self.nnz()], new_data.into())?,
                indices: Tensor::new(indices.dtype().clone(), [self.nnz()], new_indices.into())?,
                indptr: offsets_tensor(&counted.offsets, self.indptr.dtype())?,
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

/// The lanes that are read.
struct OldLanes<'a, I> {
    indices: &'a [I],
    offsets: &'a [usize],
}

/// What the first pass finds.
struct Counted {
    /// Where the new lanes begin, and the end of the last.
    offsets: Vec<usize>,
    /// How many new lanes a window has.
    window: usize,
    /// For each old lane, where the values of each window but the first begin; empty where lanes are unsorted, or too
    /// short for that.
    cuts: Vec<u32>,
}

/// What the first pass finds in some old lanes.
struct Counts {
    counts: Vec<usize>,
    sorted: bool,
}

impl<I: Index> OldLanes<'_, I> {
    fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    fn range(&self, lane: usize) -> Range<usize> {
        match self.offsets.get(lane..).unwrap_or_default() {
            [start, end, ..] => *start..*end,
            _ => 0..0,
        }
    }

    fn lane(&self, lane: usize) -> &[I] {
        self.indices.get(self.range(lane)).unwrap_or_default()
    }

    /// Counts the values of each of `minor` new lanes.
    fn count(&self, minor: usize) -> Result<Counted> {
        let (lanes, nnz) = (self.len(), self.indices.len());
        let threads = rayon::current_num_threads();
        let windows = minor.div_ceil(WINDOW).clamp(1, (nnz / lanes.max(1) / SEARCHED).max(1));
        // Together the counts of all parts take no more memory than the values do.
        let parts = (nnz / minor.max(1)).clamp(1, threads);
        let step = lanes.div_ceil(parts).max(1);
        let window = minor.div_ceil(windows).max(1);
        let windows = minor.div_ceil(window);
        let few = windows > 1 && (0..lanes).all(|lane| u32::try_from(self.range(lane).len()).is_ok());
        let mut cuts = if few { filled(lanes.saturating_mul(windows - 1), 0_u32)? } else { Vec::new() };
        let cuts_of_parts: Vec<&mut [u32]> = if few {
            cuts.chunks_mut(step * (windows - 1)).collect()
        } else {
            (0..lanes.div_ceil(step)).map(|_| <&mut [u32]>::default()).collect()
        };
        let counted = cuts_of_parts.into_par_iter().enumerate().map(|(part, cuts)| {
            let mut counts = filled(minor, 0_usize)?;
            let mut sorted = true;
            let mut cuts = cuts.chunks_mut(windows.saturating_sub(1).max(1));
            for lane in part * step..lanes.min((part + 1) * step) {
                let lane = self.lane(lane);
                for index in lane {
                    if let Some(count) = counts.get_mut(index.to_usize()) {
                        *count += 1;
                    }
                }
                sorted &= lane.is_sorted();
                if sorted && let Some(cuts) = cuts.next() {
                    for (cut, number) in cuts.iter_mut().zip(1..) {
                        let before = |index: &I| index.to_usize() < number * window;
                        *cut = u32::try_from(lane.partition_point(before)).unwrap_or(u32::MAX);
                    }
                }
            }
            Ok(Counts { counts, sorted })
        });
        let mut counted = counted.collect::<Result<Vec<_>>>()?.into_iter();
        let Some(Counts { mut counts, mut sorted }) = counted.next() else {
            return Ok(Counted {
                offsets: filled(minor.saturating_add(1), 0)?,
                window: minor.max(1),
                cuts: Vec::new(),
            });
        };
        for other in counted {
            counts.iter_mut().zip(other.counts).for_each(|(sum, count)| *sum += count);
            sorted &= other.sorted;
        }
        let offsets = offsets_of(counts)?;
        if few && sorted {
            return Ok(Counted { offsets, window, cuts });
        }
        // Every window reads everything, so there is one a thread.
        Ok(Counted { offsets, window: minor.div_ceil(threads).max(1), cuts: Vec::new() })
    }

    /// Puts index and value of every entry where they belong.
    fn scatter<V: Pod + Send + Sync>(
        &self,
        values: &[V],
        counted: &Counted,
        mut indices: &mut [I],
        mut data: &mut [V],
    ) {
        let minor = counted.offsets.len().saturating_sub(1);
        let at = |lane: usize| counted.offsets.get(lane).copied().unwrap_or(0);
        let mut windows = Vec::new();
        for first in (0..minor).step_by(counted.window) {
            let end = minor.min(first.saturating_add(counted.window));
            let len = at(end) - at(first);
            windows.push(Window {
                first,
                starts: counted
                    .offsets
                    .get(first..end)
                    .unwrap_or_default()
                    .iter()
                    .map(|&start| start - at(first))
                    .collect(),
                indices: indices.split_off_mut(..len).unwrap_or_default(),
                data: data.split_off_mut(..len).unwrap_or_default(),
            });
        }
        let cuts = windows.len().saturating_sub(1);
        windows.into_par_iter().enumerate().for_each(|(number, mut window)| {
            for lane in 0..self.len() {
                let Range { mut start, mut end } = self.range(lane);
                if let Some(cuts) = counted.cuts.get(lane * cuts..(lane + 1) * cuts).filter(|cuts| !cuts.is_empty()) {
                    let cut = |number: usize| cuts.get(number).map(|&cut| cut as usize);
                    end = cut(number).map_or(end, |cut| start + cut);
                    start += number.checked_sub(1).and_then(cut).unwrap_or(0);
                }
                let indices = self.indices.get(start..end).unwrap_or_default();
                window.put(I::from_usize(lane), indices, values.get(start..end).unwrap_or_default());
            }
        });
    }
}

/// Consecutive new lanes, and where their values go.
struct Window<'a, I, V> {
    first: usize,
    /// The next free place of each lane.
    starts: Vec<usize>,
    indices: &'a mut [I],
    data: &'a mut [V],
}

impl<I: Index, V: Copy> Window<'_, I, V> {
    /// The entries of an old lane; those of other windows are left out.
    fn put(&mut self, lane: I, indices: &[I], values: &[V]) {
        for (index, &value) in indices.iter().zip(values) {
            let Some(start) = self.starts.get_mut(index.to_usize().wrapping_sub(self.first)) else { continue };
            if let (Some(index), Some(place)) = (self.indices.get_mut(*start), self.data.get_mut(*start)) {
                (*index, *place) = (lane, value);
            }
            *start += 1;
        }
    }
}
