//! [`Rows`]: which values of a node are taken, as runs; and [`Budget`], which bounds what taking may allocate.

use std::cell::Cell;
use std::ops::Range;

use anndata_storage::{Error, Result};

/// Bytes that one operation may still allocate.
///
/// Lists may overlap and positions may repeat, so that a small malicious file can stand for a huge array. The budget
/// is drawn down before anything is allocated.
#[derive(Debug)]
pub(super) struct Budget(Cell<usize>);

impl Budget {
    /// What is allowed in any case: a gibibyte.
    const BASE: usize = 1 << 30;
    /// What is allowed for each stored byte. A selection of single bytes takes half of this to describe.
    const FACTOR: usize = 64;

    /// A budget for taking `rows` values of an array of `len` values that are stored in `nbytes`.
    pub(super) fn new(nbytes: usize, rows: usize, len: usize) -> Self {
        let repeats = rows.div_ceil(len.max(1)).max(1);
        Self(Cell::new(nbytes.saturating_mul(Self::FACTOR).saturating_mul(repeats).saturating_add(Self::BASE)))
    }

    /// A budget for arrays of this process's own making.
    pub(super) fn unlimited() -> Self {
        Self(Cell::new(usize::MAX))
    }

    /// Draws on the budget for `count` things of `size` bytes.
    pub(super) fn spend(&self, count: usize, size: usize) -> Result<()> {
        let left = count.checked_mul(size).and_then(|bytes| self.0.get().checked_sub(bytes)).ok_or_else(|| {
            Error::limit_exceeded("unfolding the awkward array takes far more memory than it is stored in")
        })?;
        self.0.set(left);
        Ok(())
    }
}

/// Some values of a node, in order.
#[derive(Debug)]
pub(super) struct Rows<'b> {
    runs: Vec<Run>,
    len: usize,
    budget: &'b Budget,
}

/// Part of a selection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Run {
    /// Consecutive values.
    Take(Range<usize>),
    /// So many arbitrary values, to stand below missing ones.
    Fill(usize),
}

impl<'b> Rows<'b> {
    /// No values yet.
    pub(super) fn none(budget: &'b Budget) -> Self {
        Self { runs: Vec::new(), len: 0, budget }
    }

    /// The first `len` values.
    pub(super) fn all(len: usize, budget: &'b Budget) -> Self {
        Self { runs: vec![Run::Take(0..len)], len, budget }
    }

    /// No values of another node yet, on the same budget.
    pub(super) fn child(&self) -> Self {
        Self::none(self.budget)
    }

    pub(super) fn budget(&self) -> &'b Budget {
        self.budget
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Adds consecutive values.
    pub(super) fn push(&mut self, range: Range<usize>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        self.grow(range.len())?;
        match self.runs.last_mut() {
            Some(Run::Take(last)) if last.end == range.start => last.end = range.end,
            _ => {
                self.budget.spend(1, size_of::<Run>())?;
                self.runs.push(Run::Take(range));
            }
        }
        Ok(())
    }

    /// Adds arbitrary values.
    pub(super) fn push_fill(&mut self, count: usize) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        self.grow(count)?;
        if let Some(Run::Fill(last)) = self.runs.last_mut() {
            *last += count;
        } else {
            self.budget.spend(1, size_of::<Run>())?;
            self.runs.push(Run::Fill(count));
        }
        Ok(())
    }

    fn grow(&mut self, count: usize) -> Result<()> {
        self.len = self.len.checked_add(count).ok_or_else(too_long)?;
        Ok(())
    }

    /// The same selection where each value is `size` values.
    pub(super) fn scaled(&self, size: usize) -> Result<Self> {
        let scale = |n: usize| n.checked_mul(size).ok_or_else(too_long);
        let mut rows = self.child();
        for run in &self.runs {
            match run {
                Run::Take(range) => rows.push(scale(range.start)?..scale(range.end)?)?,
                Run::Fill(count) => rows.push_fill(scale(*count)?)?,
            }
        }
        Ok(rows)
    }

    /// The selection as one range, if it is one.
    pub(super) fn as_range(&self) -> Option<Range<usize>> {
        match self.runs.as_slice() {
            [] => Some(0..0),
            [Run::Take(range)] => Some(range.clone()),
            _ => None,
        }
    }

    /// Whether arbitrary values are asked for.
    pub(super) fn has_fill(&self) -> bool {
        self.runs.iter().any(|run| matches!(run, Run::Fill(_)))
    }

    /// The selected of some values, with the budget drawn down for them.
    pub(super) fn pick<T: Copy>(&self, values: &[T], fill: T) -> Result<Vec<T>> {
        self.budget.spend(self.len, size_of::<T>())?;
        let mut out = Vec::with_capacity(self.len);
        for run in &self.runs {
            match run {
                Run::Take(range) => out.extend_from_slice(values.get(range.clone()).ok_or_else(out_of_bounds)?),
                Run::Fill(count) => out.resize(out.len() + count, fill),
            }
        }
        Ok(out)
    }
}

fn too_long() -> Error {
    Error::limit_exceeded("the length of an awkward array overflows")
}

pub(super) fn out_of_bounds() -> Error {
    Error::invalid_input("a position is out of bounds of the awkward array")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one_run() -> Result<()> {
        let budget = Budget::new(0, 0, 0);
        let mut rows = Rows::none(&budget);
        rows.push(2..3)?;
        rows.push(3..5)?;
        rows.push(0..0)?;
        assert_eq!(rows.as_range(), Some(2..5));
        rows.push_fill(1)?;
        rows.push_fill(2)?;
        rows.push(0..1)?;
        assert_eq!(rows.runs(), [Run::Take(2..5), Run::Fill(3), Run::Take(0..1)]);
        assert_eq!((rows.len(), rows.scaled(2)?.len(), rows.scaled(0)?.len()), (7, 14, 0));
        assert_eq!(rows.pick(b"abcde", b'-')?, b"cde---a");
        Ok(())
    }

    #[test]
    fn the_budget_ends() -> Result<()> {
        let budget = Budget::new(1, 1, 1);
        budget.spend(1 << 30, 1)?;
        budget.spend(64, 1)?;
        assert!(budget.spend(1, 1).unwrap_err().is_limit_exceeded());
        assert!(budget.spend(usize::MAX, 8).unwrap_err().is_limit_exceeded());
        Ok(())
    }
}
