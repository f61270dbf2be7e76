//! The grid `rectilinear`: chunks whose lengths along the first axis are not all the same.
//!
//! The extension lets every axis be cut at will; what is read here are cuts of the first one, as concatenation makes them.

use anndata_storage::{Error, Result};
use serde_json::{Value, json};
use zarrs_metadata::v3::MetadataV3;
use zarrs_metadata_ext::chunk_grid::rectilinear::{
    ChunkEdgeLengths, RectilinearChunkGridConfiguration, RunLengthElement,
};

use crate::metadata::{configuration, malformed};

/// The name of the grid.
pub(super) const RECTILINEAR: &str = "rectilinear";

/// The most lengths along the first axis that are told apart.
const MAX_RUNS: usize = 1 << 16;

/// How an array is cut.
pub(super) struct RowGrid {
    /// Each length along the first axis, and how many pieces have it one after the other.
    pub(super) rows: Vec<(u64, u64)>,
    /// The length of the first axis of the array.
    len: u64,
    /// The lengths of a piece along the other axes.
    inner: Vec<u64>,
}

impl RowGrid {
    /// The shape of a piece of this length along the first axis.
    pub(super) fn outer(&self, len: u64) -> Vec<u64> {
        [&[len], self.inner.as_slice()].concat()
    }

    /// Stretches of pieces of one length: the first row, the number of the first piece, the length of a piece, and the rows.
    pub(super) fn segments(&self) -> Vec<(u64, u64, u64, u64)> {
        let (mut start, mut piece, mut all) = (0, 0, Vec::new());
        for &(len, count) in &self.rows {
            // Lengths were checked to go together. Pieces may end behind the array.
            let end = len.saturating_mul(count).saturating_add(start).min(self.len);
            if end > start {
                all.push((start, piece, len, end - start));
            }
            (start, piece) = (end, piece + count);
        }
        all
    }
}

/// Reads the grid of an array of this shape.
pub(super) fn parse(grid: &MetadataV3, shape: &[u64]) -> Result<RowGrid> {
    let RectilinearChunkGridConfiguration::Inline { chunk_shapes } = configuration(grid)?;
    if chunk_shapes.len() != shape.len() {
        return Err(malformed(format!(
            "a grid of {} axes does not fit an array of {}",
            chunk_shapes.len(),
            shape.len()
        )));
    }
    let (Some((first, others)), Some((&len, lengths))) = (chunk_shapes.split_first(), shape.split_first()) else {
        return Err(malformed("a scalar has no grid of chunks"));
    };
    let rows = runs(first, len)?;
    let inner =
        others.iter().zip(lengths).enumerate().map(|(axis, (edges, &len))| match runs(edges, len)?.as_slice() {
            [(own, _)] => Ok(*own),
            _ => Err(unequal(axis + 1)),
        });
    Ok(RowGrid { rows, len, inner: inner.collect::<Result<_>>()? })
}

fn unequal(axis: usize) -> Error {
    Error::unsupported(format!("chunks of unequal length along axis {axis} are not supported, only along the first"))
}

/// The lengths along an axis of this length.
fn runs(edges: &ChunkEdgeLengths, len: u64) -> Result<Vec<(u64, u64)>> {
    let edges = match edges {
        ChunkEdgeLengths::Scalar(edge) => return Ok(vec![(edge.get(), len.div_ceil(edge.get()).max(1))]),
        ChunkEdgeLengths::Varying(edges) => edges,
    };
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for edge in edges {
        let (own, count) = match edge {
            RunLengthElement::Single(own) => (own.get(), 1),
            RunLengthElement::Repeated([own, count]) => (own.get(), count.get()),
        };
        match runs.last_mut() {
            Some((last, times)) if *last == own => {
                *times = times.checked_add(count).ok_or_else(|| malformed("a grid has too many chunks"))?;
            }
            _ => runs.push((own, count)),
        }
    }
    if runs.len() > MAX_RUNS {
        return Err(Error::limit_exceeded(format!("a grid has more than {MAX_RUNS} lengths of chunks")));
    }
    let end = runs.iter().try_fold(0_u64, |end, &(own, count)| end.checked_add(own.checked_mul(count)?));
    if end.is_none_or(|end| end < len) {
        return Err(malformed(format!("the chunks of a grid do not cover an axis of length {len}")));
    }
    Ok(runs)
}

/// The document of a grid with these lengths along the first axis, of pieces of this shape.
pub(super) fn document(rows: &[(u64, u64)], outer: &[u64]) -> Value {
    let rows: Vec<Value> =
        rows.iter().map(|&(len, count)| if count == 1 { json!(len) } else { json!([len, count]) }).collect();
    let shapes: Vec<Value> =
        [Value::from(rows)].into_iter().chain(outer.iter().skip(1).map(|&len| json!(len))).collect();
    json!({"name": RECTILINEAR, "configuration": {"kind": "inline", "chunk_shapes": shapes}})
}
