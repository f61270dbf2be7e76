//! [`Reader`]: the rows of windows, of which those that the next windows need are kept.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anndata_array::sparse::stack::{Piece as Stacked, Target, stack};
use anndata_core::{AxisSelection, Element, Reindex, Result, SparseFormat, Tensor};
use anndata_storage::{Error, OrBug, dispatch};

use super::blocks::{Block, Meter, Piece, Span, bytes, bytes_of_blocks};
use super::spans::{Ahead, Spans};
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

/// Reads the rows of windows.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) matrices: Arc<[Matrix]>,
    pub(super) rows: RowSet,
    pub(super) ahead: Option<Ahead>,
    pub(super) meter: Arc<Meter>,
    pub(super) stop: Arc<AtomicBool>,
    /// What the next windows need, the oldest first.
    kept: Vec<Span>,
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
        Self { matrices, rows, ahead, meter: Arc::clone(meter), stop: Arc::clone(stop), kept: Vec::new() }
    }

    /// The rows at some positions, in the order in which batches have them. Of a `whole` window those are kept that the next ones
    /// need. `None` if it has to stop.
    pub(super) fn read(&mut self, asked: &[u64], whole: bool) -> Result<Option<Piece>> {
        let mut spans = std::mem::take(&mut self.kept);
        let Some(ahead) = self.ahead.as_ref().filter(|_| whole) else {
            // In this order, so that a batch has its rows one after the other and is not copied.
            let read = self.load(asked.iter().copied())?;
            return Ok(read.map(|read| Piece::in_order(Block::new(read, &self.meter))));
        };
        let wanted = distinct(asked);
        let held = Spans(spans.iter().map(|span| span.positions.clone()).collect());
        let fresh = held.missing(&wanted, self.rows.len(), ahead);
        if !fresh.is_empty() {
            let Some(read) = self.load(fresh.iter().cloned().flatten())? else { return Ok(None) };
            spans.extend(Span::all_of(&Block::new(read, &self.meter), &fresh));
        }
        let all: Vec<Range<u64>> = spans.iter().map(|span| span.positions.clone()).collect();
        let left = Spans::left(&all, &wanted, ahead).0.into_iter().map(|left| {
            let whole = spans.iter().find(|span| span.positions.contains(&left.start));
            whole.map(|span| span.part(left)).or_bug("rows that are left of none")
        });
        let left = left.collect::<Result<Vec<_>>>()?;
        let is_wanted = |span: &&Span| {
            let next = wanted.partition_point(|&position| position < span.positions.start);
            wanted.get(next).is_some_and(|&position| position < span.positions.end)
        };
        let mut piece = Piece::of_spans(spans.iter().filter(is_wanted));
        if !ahead.shares {
            // Of a window its own rows alone are in memory.
            piece = Piece::in_order(Block::new(piece.copied(asked)?, &self.meter));
        }
        let most = if ahead.shares { ahead.kept_bytes } else { 0 };
        self.kept = if bytes_of_blocks(&left) > most { self.copied(&left)? } else { left };
        Ok(Some(piece))
    }

    /// The same stretches in a block of their own.
    fn copied(&self, spans: &[Span]) -> Result<Vec<Span>> {
        let stretches: Vec<Range<u64>> = spans.iter().map(|span| span.positions.clone()).collect();
        let piece = Piece::of_spans(spans);
        let positions: Vec<u64> = stretches.iter().cloned().flatten().collect();
        let block = Block::new(piece.copied(&positions)?, &self.meter);
        Ok(Span::all_of(&block, &stretches))
    }

    /// The rows at positions, in this order.
    fn load(&self, positions: impl Iterator<Item = u64>) -> Result<Option<Vec<Element>>> {
        let rows = positions.map(|position| self.rows.nth(position).or_bug("a row beyond all"));
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

/// Positions in order, each once.
pub(super) fn distinct(positions: &[u64]) -> Vec<u64> {
    let mut sorted = positions.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted
}
