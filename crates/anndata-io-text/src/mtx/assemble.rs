//! Entries of a file as a CSR matrix: as they come where they are in its order, through [buckets](super::buckets) where not.

use std::sync::atomic::{AtomicBool, Ordering};

use anndata_array::sparse::stack::index_dtype;
use anndata_core::{SparseFormat, SparseMatrix};
use anndata_storage::{DType, Error, OrBug as _, Result, Tensor};
use rayon::prelude::*;

use super::buckets::{Bucket, Chunk, Chunks, Plan};
use super::entries::parse_entries;
use super::header::{Header, Symmetry};
use crate::number::Number;
use crate::source::Block;

/// About how many bytes of text an entry has.
const LINE: usize = 8;

/// What a block of text holds.
#[derive(Debug)]
pub(super) struct Parsed<T> {
    /// How many entries it has; of a symmetric matrix twice as many are kept.
    pub(super) lines: u64,
    kept: Kept<T>,
}

#[derive(Debug)]
enum Kept<T> {
    /// In the order of the file, which is that of the matrix as far as was seen.
    Runs(Runs<T>),
    /// For each bucket.
    Chunks(Vec<Chunk>),
}

/// Entries as runs of the same major index.
#[derive(Debug)]
struct Runs<T> {
    /// The major index of each, and how many entries it has.
    lengths: Vec<(u32, usize)>,
    minors: Vec<i32>,
    values: Vec<T>,
}

/// Parses a block whose entries are expected in the order of the matrix.
pub(super) fn in_order<T: Number>(block: &Block, header: &Header, transpose: bool) -> Result<Parsed<T>> {
    let room = block.bytes.len() / LINE;
    let mut runs = Vec::new();
    let (mut minors, mut values) = (Vec::with_capacity(room), Vec::with_capacity(room));
    let (mut current, mut count) = (0_u32, 0_usize);
    let lines = parse_entries(block, header, |row, column, value: T| {
        let (major, minor) = if transpose { (column, row) } else { (row, column) };
        if major != current {
            if count > 0 {
                runs.push((current, count));
            }
            (current, count) = (major, 0);
        }
        count += 1;
        // The header has no axis beyond 31 bits.
        minors.push(minor.cast_signed());
        values.push(value);
    })?;
    if count > 0 {
        runs.push((current, count));
    }
    Ok(Parsed { lines, kept: Kept::Runs(Runs { lengths: runs, minors, values }) })
}

/// Parses a block whose entries are in any order.
pub(super) fn scattered<T: Number>(block: &Block, header: &Header, transpose: bool, plan: &Plan) -> Result<Parsed<T>> {
    let mut chunks = Chunks::new(plan, block.bytes.len() / LINE);
    let lines = parse_entries(block, header, |row, column, value: T| {
        let (major, minor) = if transpose { (column, row) } else { (row, column) };
        chunks.push(major, minor, value);
    })?;
    Ok(Parsed { lines, kept: Kept::Chunks(chunks.into_chunks()) })
}

/// A CSR matrix that is being made.
#[derive(Debug)]
pub(super) struct Assembly<'a, T> {
    plan: Plan,
    /// Set once the entries are not in the order of the matrix.
    scattered: &'a AtomicBool,
    last: u32,
    lengths: Vec<usize>,
    indices: Vec<i32>,
    values: Vec<T>,
    /// Those that are scattered.
    buckets: Vec<Bucket>,
}

impl<'a, T: Number> Assembly<'a, T> {
    pub(super) fn new(plan: Plan, scattered: &'a AtomicBool) -> Result<Self> {
        let buckets = (0..plan.buckets()).map(|_| Bucket::default()).collect();
        let (mut indices, mut values) = (Vec::new(), Vec::new());
        if !scattered.load(Ordering::Relaxed) {
            reserve(&mut indices, plan.entries)?;
            reserve(&mut values, plan.entries)?;
        }
        let mut lengths = Vec::new();
        reserve(&mut lengths, plan.major as usize)?;
        lengths.resize(plan.major as usize, 0);
        Ok(Self { plan, scattered, last: 0, lengths, indices, values, buckets })
    }

    /// Adds the entries that follow.
    pub(super) fn push(&mut self, parsed: Parsed<T>) -> Result<()> {
        match parsed.kept {
            Kept::Chunks(chunks) => {
                self.scatter()?;
                self.push_chunks(&chunks)
            }
            Kept::Runs(runs) => self.push_runs(&runs),
        }
    }

    /// Adds the values of an array that follow, without zeros.
    pub(super) fn push_cells(
        &mut self,
        values: Vec<T>,
        cell: &mut (u32, u32),
        header: &Header,
        transpose: bool,
    ) -> Result<()> {
        let mut chunks = Chunks::new(&self.plan, values.len());
        let mut push = |row, column, value| {
            if transpose { chunks.push(column, row, value) } else { chunks.push(row, column, value) }
        };
        for value in values {
            let (row, column) = *cell;
            if row >= header.rows || column >= header.columns {
                let lines = header.lines();
                return Err(Error::invalid_data(format!("the file has more values than the {lines} of its header")));
            }
            *cell = header.next_cell(*cell);
            if value == T::default() {
                continue;
            }
            push(row, column, value);
            match header.symmetry {
                Symmetry::Symmetric if row != column => push(column, row, value),
                Symmetry::Skew => push(column, row, value.negated()),
                Symmetry::General | Symmetry::Symmetric => {}
            }
        }
        self.push_chunks(&chunks.into_chunks())
    }

    fn push_runs(&mut self, runs: &Runs<T>) -> Result<()> {
        let mut last = self.last;
        let in_order = runs.lengths.iter().all(|&(major, _)| std::mem::replace(&mut last, major) <= major);
        if self.scattered.load(Ordering::Relaxed) || !in_order {
            self.scatter()?;
            return self.push_chunks(&self.chunks_of(&runs.lengths, &runs.minors, &runs.values));
        }
        self.last = last;
        for &(major, count) in &runs.lengths {
            *self.lengths.get_mut(major as usize).or_bug("a slice beyond the matrix")? += count;
        }
        self.indices.extend_from_slice(&runs.minors);
        self.values.extend_from_slice(&runs.values);
        Ok(())
    }

    fn chunks_of(&self, runs: &[(u32, usize)], minors: &[i32], values: &[T]) -> Vec<Chunk> {
        let mut chunks = Chunks::new(&self.plan, values.len());
        let mut entries = minors.iter().zip(values);
        for &(major, count) in runs {
            for (minor, value) in entries.by_ref().take(count) {
                chunks.push(major, minor.cast_unsigned(), *value);
            }
        }
        chunks.into_chunks()
    }

    /// Moves what came in order into buckets.
    fn scatter(&mut self) -> Result<()> {
        self.scattered.store(true, Ordering::Relaxed);
        let (indices, values) = (std::mem::take(&mut self.indices), std::mem::take(&mut self.values));
        if values.is_empty() {
            return Ok(());
        }
        let lengths = self.lengths.iter_mut().map(std::mem::take);
        let runs: Vec<(u32, usize)> = (0..).zip(lengths).filter(|&(_, count)| count > 0).collect();
        self.push_chunks(&self.chunks_of(&runs, &indices, &values))
    }

    fn push_chunks(&mut self, chunks: &[Chunk]) -> Result<()> {
        let filled = self.buckets.iter_mut().zip(chunks).filter(|(_, chunk)| chunk.entries > 0);
        filled.into_iter().try_for_each(|(bucket, chunk)| bucket.push(chunk))
    }

    /// The matrix of all entries.
    pub(super) fn finish(mut self) -> Result<SparseMatrix> {
        if self.scattered.load(Ordering::Relaxed) {
            self.make_slices()?;
        }
        let Self { plan, lengths, mut indices, mut values, .. } = self;
        // No copy: what is given back was never touched.
        indices.shrink_to_fit();
        values.shrink_to_fit();
        let (major, minor, nnz) = (plan.major as usize, plan.minor as usize, values.len());
        let mut indices = Tensor::from_vec([nnz], indices)?;
        let dtype = index_dtype(nnz, major, minor);
        if dtype != DType::I32 {
            indices = indices.cast(&dtype)?;
        }
        let mut end = 0_i64;
        let mut offsets = Vec::with_capacity(major + 1);
        offsets.push(end);
        for length in lengths {
            end += i64::try_from(length).ok().or_bug("a slice is too long")?;
            offsets.push(end);
        }
        let offsets = Tensor::from_vec([major + 1], offsets)?.cast(&dtype)?;
        let values = Tensor::from_vec([nnz], values)?;
        SparseMatrix::new(SparseFormat::Csr, (major, minor), values, indices, offsets)?.to_canonical()
    }

    /// Makes the major slices of each bucket, on all cores.
    fn make_slices(&mut self) -> Result<()> {
        let buckets = std::mem::take(&mut self.buckets);
        let counts: Vec<usize> = buckets.iter().map(|bucket| bucket.entries).collect();
        let nnz = counts.iter().sum();
        // The memory of zeros is the system's until it is written to, bucket by bucket.
        (self.indices, self.values) = (vec![0; nnz], vec![T::default(); nnz]);
        let (mut indices, mut values) = (self.indices.as_mut_slice(), self.values.as_mut_slice());
        let mut lengths = self.lengths.as_mut_slice();
        let mut parts = Vec::with_capacity(buckets.len());
        for (number, (bucket, count)) in buckets.into_iter().zip(counts).enumerate() {
            let short = "a bucket is longer than what is left";
            let (own_indices, rest) = indices.split_at_mut_checked(count).or_bug(short)?;
            indices = rest;
            let (own_values, rest) = values.split_at_mut_checked(count).or_bug(short)?;
            values = rest;
            let (own_lengths, rest) = lengths.split_at_mut_checked(self.plan.slices(number)).or_bug(short)?;
            lengths = rest;
            parts.push((bucket, own_lengths, own_indices, own_values));
        }
        parts.into_par_iter().try_for_each(|(bucket, lengths, indices, values)| fill(&bucket, lengths, indices, values))
    }
}

/// Puts the entries of a bucket in the order of its slices, and within them in that of their minor indices; equal ones stay in
/// the order of the file.
fn fill<T: Number>(bucket: &Bucket, lengths: &mut [usize], indices: &mut [i32], values: &mut [T]) -> Result<()> {
    let mut entries = Vec::new();
    reserve(&mut entries, values.len())?;
    bucket.for_each(&mut |slice, minor, value: T| {
        *lengths.get_mut(slice as usize).or_bug("an entry beyond its bucket")? += 1;
        entries.push((slice, minor.cast_signed(), value));
        Ok(())
    })?;
    let mut end = 0;
    let starts = lengths.iter().map(|&length| {
        end += length;
        end - length
    });
    let mut places: Vec<usize> = starts.collect();
    for (slice, minor, value) in entries {
        let place = places.get_mut(slice as usize).or_bug("an entry beyond its bucket")?;
        *indices.get_mut(*place).or_bug("an entry beyond its slice")? = minor;
        *values.get_mut(*place).or_bug("an entry beyond its slice")? = value;
        *place += 1;
    }
    let (mut indices, mut values, mut pairs) = (indices, values, Vec::new());
    for &length in &*lengths {
        let (own_indices, rest) = indices.split_at_mut_checked(length).or_bug("slices are longer than their bucket")?;
        indices = rest;
        let (own_values, rest) = values.split_at_mut_checked(length).or_bug("slices are longer than their bucket")?;
        values = rest;
        if !own_indices.is_sorted() {
            pairs.clear();
            pairs.extend(own_indices.iter().copied().zip(own_values.iter().copied()));
            pairs.sort_by_key(|&(index, _)| index);
            for ((index, value), &(sorted, its)) in own_indices.iter_mut().zip(own_values).zip(&pairs) {
                (*index, *value) = (sorted, its);
            }
        }
    }
    Ok(())
}

/// Room for so many values, or an error.
fn reserve<V>(values: &mut Vec<V>, len: usize) -> Result<()> {
    values.try_reserve_exact(len).map_err(|_| Error::limit_exceeded(format!("there is no memory for {len} entries")))
}
