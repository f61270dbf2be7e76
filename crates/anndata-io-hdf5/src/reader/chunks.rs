//! Where the chunks of an array are.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use anndata_hdf5_meta::{ChunkedLayout, Object};
use anndata_storage::{Error, Result};

use super::error::because;
use crate::plan::{Chunk, Chunks, Plan, number};

/// Of an array of no more chunks all are listed at once: one node of an index tells of about as many.
const FEW: u64 = 64;

/// How often some of the chunks of a file on this machine are listed, before all are: that is fast, and shows what is wrong
/// with any, but reads more than who wants a few rows asked for.
const SOME: usize = 8;

/// The chunks of an array, listed when they are first asked for.
#[derive(Debug, Default)]
pub(super) struct ChunkList {
    listed: Mutex<Listed>,
}

/// The chunks that are known: all of those at some positions along the first axis.
#[derive(Debug, Default)]
struct Listed {
    chunks: Arc<Chunks>,
    rows: Vec<Range<u64>>,
}

impl ChunkList {
    /// The chunks of an array, those at some positions along the first axis at least.
    pub(super) fn get(
        &self,
        object: &Object,
        layout: &ChunkedLayout,
        shape: &[u64],
        plan: &Plan,
        rows: Range<u64>,
    ) -> Result<Arc<Chunks>> {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if listed.rows.iter().any(|known| known.start <= rows.start && rows.end <= known.end) {
            return Ok(Arc::clone(&listed.chunks));
        }
        let rows = if listed.is_for_some(plan, &plan.grid(shape), &rows) { rows } else { 0..u64::MAX };
        let found = list(object, layout, shape, plan, rows.clone())?;
        if listed.chunks.is_empty() {
            listed.chunks = Arc::new(found);
        } else {
            Arc::make_mut(&mut listed.chunks).extend(found);
        }
        listed.rows.push(rows);
        Ok(Arc::clone(&listed.chunks))
    }
}

impl Listed {
    /// Whether to list those alone that are asked for.
    fn is_for_some(&self, plan: &Plan, grid: &[u64], rows: &Range<u64>) -> bool {
        if plan.file.has_latency() {
            return true;
        }
        let n_chunks = grid.iter().fold(1_u64, |n, &len| n.saturating_mul(len));
        let wanted = rows.end.saturating_sub(rows.start);
        n_chunks > FEW && grid.first().is_some_and(|&all| wanted <= all / 8) && self.rows.len() < SOME
    }
}

fn list(object: &Object, layout: &ChunkedLayout, shape: &[u64], plan: &Plan, rows: Range<u64>) -> Result<Chunks> {
    let grid = plan.grid(shape);
    let mut chunks = Chunks::new();
    let mut spans = Vec::new();
    let mut twice = false;
    // Whether a chunk does not reach over the edge of the array.
    let is_whole = |position: &[u64]| {
        let mut axes = position.iter().zip(&layout.shape).zip(shape);
        axes.all(|((&at, &chunk), &len)| at.saturating_add(1).saturating_mul(chunk) <= len)
    };
    object
        .visit_chunks_in(rows, &mut |position, location| {
            let Some(number) = number(position.iter().copied(), &grid) else { return Ok(()) };
            let unfiltered = layout.partial_chunks_unfiltered && !is_whole(position);
            let mask = if unfiltered { u32::MAX } else { location.filter_mask };
            let chunk = Chunk { address: location.offset, size: location.bytes, mask };
            twice |= chunks.insert(number, chunk).is_some();
            spans.push((chunk.address, chunk.address.saturating_add(chunk.size)));
            Ok(())
        })
        .map_err(because("the chunks of the array cannot be listed"))?;
    if twice {
        return Err(Error::invalid_data("a chunk is stored twice"));
    }
    if !spans.is_sorted() {
        spans.sort_unstable();
    }
    let shared = spans.windows(2).find_map(|pair| match *pair {
        [(_, end), (start, _)] if start < end => Some(start),
        _ => None,
    });
    if let Some(at) = shared {
        return Err(Error::invalid_data(format!("two chunks share bytes of the file, from {at} on")));
    }
    Ok(chunks)
}
