//! [`Reader`]: the rows of windows, of which those that the next windows need are kept.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anndata_array::sparse::stack::{Piece as Stacked, Target, stack};
use anndata_core::{AxisSelection, Element, Reindex, Result, SparseFormat, SparseMatrix, Tensor};
use anndata_storage::{Error, OrBug, dispatch};

use super::slots::Units;
use super::{MatrixRef, RowSet, Want};
use crate::chunks::load_once;

/// One of the matrices that are asked for.
#[derive(Debug)]
pub(super) struct Matrix {
    pub(super) name: MatrixRef,
    pub(super) want: Want,
    pub(super) element: Element,
    pub(super) columns: Option<Columns>,
}

/// Some of the columns of a matrix, in another order.
#[derive(Debug)]
pub(super) struct Columns {
    /// Those that there are, in the order in which they are asked for.
    pub(super) kept: AxisSelection,
    /// Where they go among all that are asked for, and what stands for the others; `None` if there are no others.
    pub(super) place: Option<(Reindex, f64)>,
}

impl Matrix {
    /// Some of its rows, in order.
    pub(super) fn read(&self, rows: &AxisSelection) -> Result<Element> {
        let axes = match &self.columns {
            Some(columns) => vec![rows.clone(), columns.kept.clone()],
            None => vec![rows.clone()],
        };
        let part = load_once(&self.element.select(&axes)?)?;
        match self.columns.as_ref().and_then(|columns| columns.place.as_ref()) {
            Some((place, fill)) => widen(&part, place, *fill),
            None => Ok(part),
        }
    }
}

/// A matrix with columns between its own.
fn widen(part: &Element, place: &Reindex, fill: f64) -> Result<Element> {
    let len = place.new_len();
    Ok(match part {
        Element::Sparse(matrix) => {
            let piece = Stacked { matrix: Some(matrix.clone()), len: matrix.shape().0, reindex: place };
            let dtype = matrix.dtype().clone();
            let target = Target { format: SparseFormat::Csr, axis: 0, other_len: len, dtype, fill: None };
            stack(&[piece], &target)?.into()
        }
        Element::Tensor(tensor) => {
            let rows = tensor.shape().first().copied().or_bug("a matrix without rows")?;
            let count =
                rows.checked_mul(len).ok_or_else(|| Error::limit_exceeded("a window that memory cannot hold"))?;
            let mut wide = dispatch!(real tensor.dtype(), T => {
                Tensor::from_vec([rows, len], vec![<T as anndata_core::Scalar>::from_f64(fill); count])?
            }, else => return Err(Error::dtype("values are not numbers")));
            let places: Vec<u64> =
                (0..place.old_len()).filter_map(|old| place.to_new(old)).map(|new| new as u64).collect();
            wide.set(&[AxisSelection::Range(0..rows as u64), AxisSelection::of_positions(places)], tensor)?;
            wide.into()
        }
        other => return Err(Error::dtype(format!("expected a matrix, found a value of kind '{}'", other.kind_name()))),
    })
}

/// The bytes that windows take now, and the most that they took.
#[derive(Debug, Default)]
pub(super) struct Meter {
    now: AtomicU64,
    peak: AtomicU64,
    /// All bytes that were read.
    pub(super) read: AtomicU64,
}

impl Meter {
    pub(super) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    /// Counts bytes until what is returned is dropped.
    pub(super) fn hold(self: &Arc<Self>, bytes: u64) -> Held {
        let now = self.now.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(now, Ordering::Relaxed);
        Held { meter: Arc::clone(self), bytes }
    }
}

/// Bytes that are counted.
#[derive(Debug)]
pub(super) struct Held {
    meter: Arc<Meter>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.meter.now.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Rows in memory.
#[derive(Debug)]
pub(super) struct Piece {
    /// Stretches of positions, sorted, and where each begins in the matrices.
    spans: Vec<(Range<u64>, u64)>,
    pub(super) matrices: Vec<Element>,
    #[expect(dead_code, reason = "it is dropped with the rows")]
    held: Held,
}

impl Piece {
    /// Some of the rows.
    fn take(&self, spans: &[Range<u64>]) -> Result<Vec<Element>> {
        let indices = spans.iter().cloned().flatten().map(|position| self.index(position));
        let indices = AxisSelection::of_positions(indices.collect::<Result<_>>()?);
        self.matrices.iter().map(|matrix| matrix.select(std::slice::from_ref(&indices))).collect()
    }

    /// Where a position is in the matrices.
    pub(super) fn index(&self, position: u64) -> Result<u64> {
        let at = self.spans.partition_point(|(span, _)| span.end <= position);
        let (span, base) = self.spans.get(at).or_bug("a row that was not read")?;
        Ok(base + position.checked_sub(span.start).or_bug("a row that was not read")?)
    }
}

/// What cursors read beyond what is asked for, as they need it next.
#[derive(Debug, Clone)]
pub(super) struct Ahead {
    pub(super) units: Units,
    /// Where cursors begin, sorted: none reads beyond the begin of the next.
    pub(super) starts: Arc<[u64]>,
    pub(super) cursors: usize,
    /// Whether a window has what is left of units as well.
    pub(super) shares: bool,
}

/// Which positions are in memory: stretches, the oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans(Vec<Range<u64>>);

impl Spans {
    /// What has to be read for some positions, which are sorted and each there once.
    pub(super) fn missing(&self, wanted: &[u64], len: u64, ahead: &Ahead) -> Vec<Range<u64>> {
        let mut held = self.0.clone();
        held.sort_unstable_by_key(|span| span.start);
        let mut fresh: Vec<Range<u64>> = Vec::new();
        for &position in wanted {
            if fresh.last().is_some_and(|last| position < last.end) {
                continue;
            }
            let next = held.partition_point(|span| span.end <= position);
            if held.get(next).is_some_and(|span| span.start <= position) {
                continue;
            }
            let cursor = ahead.starts.get(ahead.starts.partition_point(|&start| start <= position)).copied();
            let before = held.get(next).map(|span| span.start);
            let end = ahead.units.end_of(position, len).min(cursor.unwrap_or(len)).min(before.unwrap_or(len));
            match fresh.last_mut() {
                Some(last) if last.end == position => last.end = end,
                _ => fresh.push(position..end),
            }
        }
        fresh
    }

    /// Those positions of all that are in memory which come after the last one of their stretch that was asked for.
    pub(super) fn left(all: &[Range<u64>], wanted: &[u64], ahead: &Ahead) -> Self {
        let after = |span: &Range<u64>| {
            let last = wanted.partition_point(|&position| position < span.end).checked_sub(1);
            let last = last.and_then(|last| wanted.get(last)).filter(|&&last| last >= span.start);
            last.map_or(span.start, |last| last + 1)..span.end
        };
        let mut left: Vec<Range<u64>> = all.iter().map(after).filter(|span| !span.is_empty()).collect();
        let most = ahead.cursors.max(1);
        // Where other ranks have passed, nobody asks again.
        left.drain(..left.len().saturating_sub(most));
        Self(left)
    }

    pub(super) fn all(&self) -> &[Range<u64>] {
        &self.0
    }
}

/// The stretches of sorted positions.
pub(super) fn runs(sorted: &[u64]) -> Vec<Range<u64>> {
    RowSet::of_sorted(sorted.iter().copied()).ranges().to_vec()
}

/// Reads the rows of windows.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) matrices: Arc<[Matrix]>,
    pub(super) rows: RowSet,
    pub(super) ahead: Option<Ahead>,
    pub(super) meter: Arc<Meter>,
    pub(super) stop: Arc<AtomicBool>,
    kept: Option<Kept>,
}

/// What the next windows need.
#[derive(Debug)]
struct Kept {
    spans: Spans,
    piece: Piece,
}

impl Reader {
    pub(super) fn new(
        matrices: &Arc<[Matrix]>,
        rows: &RowSet,
        ahead: Option<Ahead>,
        meter: &Arc<Meter>,
        stop: &Arc<AtomicBool>,
    ) -> Self {
        let (matrices, rows) = (Arc::clone(matrices), rows.clone());
        Self { matrices, rows, ahead, meter: Arc::clone(meter), stop: Arc::clone(stop), kept: None }
    }

    /// The rows at some positions, which are sorted and each there once. Of a `whole` window those are kept that the next ones
    /// need. `None` if it has to stop.
    pub(super) fn read(&mut self, wanted: &[u64], whole: bool) -> Result<Option<Piece>> {
        let ahead = self.ahead.as_ref().filter(|_| whole);
        let kept = self.kept.take().filter(|_| ahead.is_some());
        let held = kept.as_ref().map(|kept| kept.spans.clone()).unwrap_or_default();
        let fresh = match ahead {
            Some(ahead) => held.missing(wanted, self.rows.len(), ahead),
            None => runs(wanted),
        };
        let Some(read) = self.load(&fresh)? else { return Ok(None) };
        let matrices = match kept {
            None => read,
            Some(kept) if fresh.is_empty() => kept.piece.matrices,
            Some(kept) => {
                kept.piece.matrices.into_iter().zip(read).map(|(a, b)| follow(a, b)).collect::<Result<_>>()?
            }
        };
        let all: Vec<Range<u64>> = held.all().iter().cloned().chain(fresh).collect();
        let combined = self.piece(&all, matrices);
        let Some(ahead) = ahead else { return Ok(Some(combined)) };
        let left = Spans::left(&all, wanted, ahead);
        if left.all().is_empty() {
            return Ok(Some(combined));
        }
        // What is left is held for the next windows alone, and what was asked for as long as its batches are.
        let kept = self.piece(left.all(), combined.take(left.all())?);
        let shares = ahead.shares;
        self.kept = Some(Kept { spans: left, piece: kept });
        if shares {
            return Ok(Some(combined));
        }
        let own = runs(wanted);
        Ok(Some(self.piece(&own, combined.take(&own)?)))
    }

    fn piece(&self, spans: &[Range<u64>], matrices: Vec<Element>) -> Piece {
        let held = self.meter.hold(bytes(&matrices));
        Piece { spans: indexed(spans), matrices, held }
    }

    /// The rows of stretches of positions.
    fn load(&self, spans: &[Range<u64>]) -> Result<Option<Vec<Element>>> {
        let rows = spans.iter().cloned().flatten().map(|position| self.rows.nth(position).or_bug("a row beyond all"));
        let rows = AxisSelection::of_positions(rows.collect::<Result<_>>()?);
        let mut read = Vec::with_capacity(self.matrices.len());
        for matrix in self.matrices.iter() {
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            read.push(matrix.read(&rows)?);
        }
        self.meter.read.fetch_add(bytes(&read), Ordering::Relaxed);
        Ok(Some(read))
    }
}

/// Where each stretch begins, sorted by position.
fn indexed(all: &[Range<u64>]) -> Vec<(Range<u64>, u64)> {
    let mut next = 0;
    let mut spans: Vec<(Range<u64>, u64)> = Vec::with_capacity(all.len());
    for span in all {
        spans.push((span.clone(), next));
        next += span.end - span.start;
    }
    spans.sort_unstable_by_key(|(span, _)| span.start);
    spans
}

fn bytes(matrices: &[Element]) -> u64 {
    matrices.iter().map(|matrix| matrix.size_in_memory(false) as u64).sum()
}

/// Two matrices of the same columns, one below the other.
fn follow(above: Element, below: Element) -> Result<Element> {
    Ok(match (above, below) {
        (Element::Sparse(above), Element::Sparse(below)) => SparseMatrix::concat_major(&[above, below])?.into(),
        (Element::Tensor(above), Element::Tensor(below)) => Tensor::concat_rows(&[above, below])?.into(),
        _ => return Err(Error::bug("rows of different kinds of matrices")),
    })
}
