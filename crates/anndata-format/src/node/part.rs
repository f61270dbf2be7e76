//! [`Part`]: some of the values of a stored array.

use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{Array, AxisSelection, BlockSize, Error, Result, Tensor, unblock};

use super::BlockIter;

/// Some of the values of a stored array, still to be read.
#[derive(Debug, Clone)]
pub struct Part {
    array: Array,
    what: What,
}

#[derive(Debug, Clone, PartialEq)]
enum What {
    /// A selection along each axis.
    Axes(Arc<[AxisSelection]>),
    /// Runs of a one-dimensional array, one after the other.
    Runs(Arc<[Range<u64>]>),
}

impl Part {
    /// What a selection along each axis picks.
    pub fn axes(array: Array, axes: &[AxisSelection]) -> Self {
        Self { array, what: What::Axes(axes.into()) }
    }

    /// Runs of a one-dimensional array, one after the other.
    pub fn runs(array: Array, runs: Vec<Range<u64>>) -> Self {
        Self { array, what: What::Runs(runs.into()) }
    }

    /// The array.
    pub fn array(&self) -> &Array {
        &self.array
    }

    /// The length of each axis.
    pub fn shape(&self) -> Vec<u64> {
        match &self.what {
            What::Axes(axes) => axes.iter().map(AxisSelection::len).collect(),
            What::Runs(runs) => vec![runs.iter().map(|run| run.end.saturating_sub(run.start)).sum()],
        }
    }

    /// The values.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn read(&self) -> Result<Tensor> {
        match &self.what {
            What::Axes(axes) => self.array.read_selection(axes),
            What::Runs(runs) => self.array.read_runs(runs),
        }
    }

    /// The values, without blocking where the store has latency.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub async fn read_async(&self) -> Result<Tensor> {
        match &self.what {
            What::Axes(axes) => self.array.read_async(axes).await,
            What::Runs(runs) => {
                let (array, runs) = (self.array.clone(), Arc::clone(runs));
                unblock(move || array.read_runs(&runs)).await
            }
        }
    }

    /// The values as blocks of about this size with their offsets in the part, in order.
    pub fn blocks<'a>(&'a self, size: BlockSize<'a>) -> BlockIter<'a> {
        let element = self.array.dtype().size().unwrap_or(32).max(1) as u64;
        match &self.what {
            What::Axes(axes) => {
                let Some((first, inner)) = axes.split_first() else {
                    return Box::new(std::iter::once_with(|| Ok((Vec::new(), self.array.read()?))));
                };
                let row = inner.iter().map(AxisSelection::len).fold(element, u64::saturating_mul);
                let step = size.rows(row);
                // Fallback: a step beyond the numbers of the machine leads past all rows.
                let starts = (0..first.len()).step_by(usize::try_from(step).unwrap_or(usize::MAX));
                Box::new(starts.map(move |start| {
                    let rows = first.select(&AxisSelection::Range(start..start.saturating_add(step)));
                    let selection: Vec<AxisSelection> = std::iter::once(rows).chain(inner.iter().cloned()).collect();
                    let offset = std::iter::once(start).chain(inner.iter().map(|_| 0)).collect();
                    Ok((offset, self.array.read_selection(&selection)?))
                }))
            }
            What::Runs(runs) => {
                Box::new(RunBlocks { array: &self.array, runs, from: 0, at: 0, max: size.rows(element) })
            }
        }
    }
}

impl PartialEq for Part {
    /// Returns the same values of the same stored array.
    fn eq(&self, other: &Self) -> bool {
        self.what == other.what && Arc::ptr_eq(self.array.inner(), other.array.inner())
    }
}

/// Runs, as many at a time as fit.
struct RunBlocks<'a> {
    array: &'a Array,
    runs: &'a [Range<u64>],
    /// How much of the first run was read.
    from: u64,
    /// How much of all was read.
    at: u64,
    max: u64,
}

impl Iterator for RunBlocks<'_> {
    type Item = Result<(Vec<u64>, Tensor)>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut block = Vec::new();
        let mut room = self.max.max(1);
        while let Some((run, rest)) = self.runs.split_first() {
            let start = run.start.saturating_add(self.from);
            let take = run.end.saturating_sub(start).min(room);
            if take > 0 {
                block.push(start..start + take);
                room -= take;
            }
            if start + take < run.end {
                self.from += take;
                break;
            }
            (self.runs, self.from) = (rest, 0);
        }
        let offset = self.at;
        self.at += block.iter().map(|run| run.end - run.start).sum::<u64>();
        if block.is_empty() {
            return None;
        }
        let read = self.array.read_runs(&block);
        Some(read.map(|values| (vec![offset], values)).map_err(|error: Error| error.at(self.array.path())))
    }
}
