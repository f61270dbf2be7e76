//! Sorted values, tile by tile.
//!
//! A tile is a run of neighbouring new major slices. It takes its values from all old major slices in turn, and resumes each of them
//! where the previous tile stopped. So a value is read once, and no slabs are needed. The values of a new major slice are collected
//! until they fill whole cache lines, which then go straight to memory. The lines that a tile collects fit into the second cache of
//! a core.
//!
//! Tried, and slower: each value straight to its place, with the lines that follow asked for ahead (half as long again); indices
//! and values collected in lines of their own (a tenth); lines written as soon as they are full, when the last value is still
//! on its way to the cache; sixteen values at once with gathers and scatters of AVX-512 (a third). No difference: what is ahead asked
//! for a line at a time. A third of the time is not this loop: counting, and memory for the result, which the system clears.

use std::ops::Range;

use anndata_storage::{OrBug, Result, Streamed, ensure, streamed};
use bytemuck::Pod;
use rayon::prelude::*;

use super::Stored;
use crate::prefetch;
use crate::sparse::buffers::{Index, filled};
use crate::sparse::major::blocks_of;
use crate::sparse::offsets::Offsets;

/// The most new major slices of a tile, and what else is tried where old major slices have few values for each. What is collected for
/// the first takes 320 KiB if values have 4 bytes.
const WIDTHS: [usize; 3] = [2560, 5120, 10240];

/// An old major slice has enough values for a tile. For fewer, many lines of the cache are read again for the next tile.
const ENOUGH: usize = 16;

/// With fewer values for the widest tile, slabs are faster.
const LEAST: usize = 2;

/// How many old major slices ahead values are asked for.
const AHEAD: usize = 8;

/// How far from a guess what is looked for most often is.
const NEAR: usize = 16;

/// Values that are collected: a line of the cache if they have 4 bytes.
const COLLECTED: usize = 16;

/// The new major slices of each tile, by the thread that fills it.
pub(in crate::sparse) struct Tiles {
    runs: Vec<Vec<Range<usize>>>,
    /// About how many values an old major slice has for a tile.
    values: usize,
}

impl Tiles {
    /// The tiles of new major slices at `offsets`; none where `major` old ones have too few values for each.
    pub(super) fn new(offsets: &Offsets, major: usize) -> Option<Self> {
        let of_widths = WIDTHS.map(|width| Self::of_width(offsets, major, width));
        let last = of_widths.iter().position(|tiles| tiles.values >= ENOUGH).unwrap_or(WIDTHS.len() - 1);
        of_widths.into_iter().nth(last).filter(|tiles| tiles.values >= LEAST)
    }

    /// Tiles of at most `width` new major slices.
    pub(in crate::sparse) fn of_width(offsets: &Offsets, major: usize, width: usize) -> Self {
        // Fallback: there is at least one offset, whatever made them.
        let (nnz, minor) = (offsets.ends().last().copied().unwrap_or(0), offsets.n_major());
        let in_run = nnz.saturating_add(minor).div_ceil(rayon::current_num_threads());
        let runs = blocks_of(offsets.ends().iter().copied(), in_run).into_iter();
        let tiles = |run: Range<usize>| run.clone().step_by(width).map(move |first| first..run.end.min(first + width));
        let runs: Vec<Vec<_>> = runs.map(|run| tiles(run).collect()).collect();
        let pieces = runs.iter().map(Vec::len).sum::<usize>().saturating_mul(major);
        Self { runs, values: nnz / pieces.max(1) }
    }

    /// Puts index and value of every entry where they belong. The indices of each old major slice are sorted.
    pub(in crate::sparse) fn scatter<I: Index, V: Pod + Send + Sync>(
        &self,
        stored: &Stored<'_, I, V>,
        offsets: &Offsets,
        mut indices: &mut [I],
        mut data: &mut [V],
    ) -> Result<()> {
        let mut parts = Vec::new();
        for tiles in &self.runs {
            let len = tiles.iter().map(|tile| Ok(offsets.run(tile.clone())?.len())).sum::<Result<usize>>()?;
            let indices = indices.split_off_mut(..len).or_bug("a tile beyond the indices")?;
            parts.push((tiles, indices, data.split_off_mut(..len).or_bug("a tile beyond the values")?));
        }
        parts.into_par_iter().try_for_each(|(tiles, indices, data)| {
            streamed(indices, |indices| {
                streamed(data, |data| self.fill(tiles, stored, offsets, Filled { indices, data }))
            })
        })
    }

    /// Fills the tiles of a run.
    fn fill<I: Index, V: Pod>(
        &self,
        tiles: &[Range<usize>],
        stored: &Stored<'_, I, V>,
        offsets: &Offsets,
        mut results: Filled<'_, I, V>,
    ) -> Result<()> {
        let (Some(first), Some(width)) = (tiles.first(), tiles.iter().map(Range::len).max()) else { return Ok(()) };
        let before = offsets.range(first.start)?.start;
        let mut next = stored.first_at_or_beyond(first.start, before)?;
        let mut collected = filled(width, Collected::zeroed())?;
        for slices in tiles {
            let starts = offsets.starts().get(slices.clone()).or_bug("a tile beyond the axis")?;
            let positions = starts.to_vec();
            let mut tile = Tile { slices, starts, positions, before, collected: &mut collected, results: &mut results };
            let taken = self.fill_tile(stored, &mut next, &mut tile)?;
            tile.finish()?;
            let len = offsets.run(slices.clone())?.len();
            ensure!(taken == len, "{taken} values where {len} were counted");
        }
        Ok(())
    }

    /// Fills a tile from all old major slices, each of which goes on at its position in `next`. Gives the number of values.
    fn fill_tile<I: Index, V: Pod>(
        &self,
        stored: &Stored<'_, I, V>,
        next: &mut [usize],
        tile: &mut Tile<'_, '_, I, V>,
    ) -> Result<usize> {
        let mut taken = 0;
        for (slice, &end) in stored.offsets.ends().iter().enumerate() {
            // A hint to the processor: where there is nothing ahead, none is given.
            if let Some(&ahead) = next.get(slice + AHEAD) {
                let ahead = ahead..ahead + self.values;
                prefetch::read(stored.indices.get(ahead.clone()).unwrap_or_default());
                prefetch::read(stored.values.get(ahead).unwrap_or_default());
            }
            let next = next.get_mut(slice).or_bug("a major slice without a position")?;
            let indices = stored.indices.get(*next..end).or_bug("a major slice beyond the indices")?;
            let values = stored.values.get(*next..end).or_bug("a major slice beyond the values")?;
            let count = tile.take(I::from_usize(slice), indices, values)?;
            *next += count;
            taken += count;
        }
        Ok(taken)
    }
}

impl<I: Index, V> Stored<'_, I, V> {
    /// The position in each old major slice of its first value that belongs to `new_slice` or a later one. All earlier ones together
    /// have `before` values.
    fn first_at_or_beyond(&self, new_slice: usize, before: usize) -> Result<Vec<usize>> {
        // In each old slice as many are before it as on average, as a guess.
        let guess = |slice: &Range<usize>| {
            let before = slice.len().saturating_mul(before) / self.indices.len().max(1);
            slice.start + before.min(slice.len())
        };
        let mut ahead = self.offsets.ranges().skip(AHEAD);
        let found = self.offsets.ranges().map(|slice| {
            // A hint to the processor: where there is nothing ahead, none is given.
            if let Some(ahead) = ahead.next() {
                let guess = guess(&ahead);
                prefetch::read(self.indices.get(guess.saturating_sub(NEAR)..guess + NEAR).unwrap_or_default());
            }
            let indices = self.indices.get(slice.clone()).or_bug("a major slice beyond the indices")?;
            let near = partition_near(indices, guess(&slice) - slice.start, |index| index.to_usize() < new_slice)?;
            Ok(slice.start + near)
        });
        found.collect()
    }
}

/// How many of the first values are as asked, and none that follow; looked for near a guess.
pub(in crate::sparse) fn partition_near<T>(
    values: &[T],
    guess: usize,
    is_before: impl Fn(&T) -> bool,
) -> Result<usize> {
    let (mut low, mut high, mut step) = (guess, guess, NEAR);
    while low.checked_sub(1).and_then(|last| values.get(last)).is_some_and(|last| !is_before(last)) {
        (low, high, step) = (low.saturating_sub(step), low, step * 2);
    }
    while values.get(high).is_some_and(&is_before) {
        (low, high, step) = (high + 1, (high + step).min(values.len()), step * 2);
    }
    Ok(low + values.get(low..high).or_bug("a guess beyond the values")?.partition_point(is_before))
}

/// What a thread fills.
struct Filled<'a, I, V> {
    indices: Streamed<'a, I>,
    data: Streamed<'a, V>,
}

/// Values of a new major slice with their indices, which follow each other and go to the same lines of the cache.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Collected<I, V>([Entry<I, V>; COLLECTED]);

/// A value with its index.
#[derive(Clone, Copy)]
struct Entry<I, V> {
    index: I,
    value: V,
}

impl<I: Pod, V: Pod> Collected<I, V> {
    fn zeroed() -> Self {
        Self([Entry { index: I::zeroed(), value: V::zeroed() }; COLLECTED])
    }
}

/// Consecutive new major slices that are filled.
struct Tile<'a, 'b, I, V> {
    slices: &'a Range<usize>,
    /// The position of the first value of each.
    starts: &'a [usize],
    /// The position of the next value of each.
    positions: Vec<usize>,
    /// How many values are before those that the thread fills.
    before: usize,
    collected: &'a mut [Collected<I, V>],
    results: &'a mut Filled<'b, I, V>,
}

impl<I: Index, V: Pod> Tile<'_, '_, I, V> {
    /// Takes the first values of an old major slice, as far as they belong here. Gives their number. Out of line: in the midst of
    /// its caller the loop has too few registers.
    #[inline(never)]
    fn take(&mut self, old_slice: I, indices: &[I], values: &[V]) -> Result<usize> {
        for (taken, (&index, &value)) in indices.iter().zip(values).enumerate() {
            let slice = index.to_usize().wrapping_sub(self.slices.start);
            let Some(position) = self.positions.get_mut(slice) else { return Ok(taken) };
            let at = *position;
            *position += 1;
            if at.is_multiple_of(COLLECTED) {
                self.put(slice, at)?;
            }
            // Looked up anew, as it was lent.
            let Collected(entries) = self.collected.get_mut(slice).or_bug("a major slice without its values")?;
            entries[at % COLLECTED] = Entry { index: old_slice, value };
        }
        Ok(indices.len())
    }

    /// Writes what is collected of each major slice and was not written yet.
    fn finish(&mut self) -> Result<()> {
        for slice in 0..self.positions.len() {
            self.put(slice, *self.positions.get(slice).or_bug("a major slice without a position")?)?;
        }
        Ok(())
    }

    /// Writes what is collected of a major slice: its last values before a position, as far as they are in one line.
    #[inline(never)]
    fn put(&mut self, slice: usize, end: usize) -> Result<()> {
        let start = *self.starts.get(slice).or_bug("a major slice without a start")?;
        if end == start {
            return Ok(());
        }
        let Collected(entries) = self.collected.get(slice).or_bug("a major slice without its values")?;
        let line = (end - 1) / COLLECTED * COLLECTED;
        let Filled { indices: to_indices, data } = self.results;
        if start <= line && end == line + COLLECTED {
            to_indices.write_array(line - self.before, &entries.map(|entry| entry.index))?;
            return data.write_array(line - self.before, &entries.map(|entry| entry.value));
        }
        let (indices, values) = (entries.map(|entry| entry.index), entries.map(|entry| entry.value));
        // What is before the first value belongs to another.
        let from = start.max(line);
        to_indices.write(from - self.before, indices.get(from - line..end - line).or_bug("more than a line")?)?;
        data.write(from - self.before, values.get(from - line..end - line).or_bug("more than a line")?)
    }
}
