//! Where the chunks of an array are.

use std::sync::{Arc, Mutex, PoisonError};

use anndata_hdf5_meta::{ChunkedLayout, Object};
use anndata_storage::{Error, Result};

use super::error::because;
use crate::plan::{Chunk, Chunks, Plan, number};

/// The chunks of an array, listed when they are first asked for.
#[derive(Debug, Default)]
pub(super) struct ChunkList {
    listed: Mutex<Option<Arc<Chunks>>>,
}

impl ChunkList {
    /// The chunks of an array.
    pub(super) fn get(
        &self,
        object: &Object,
        layout: &ChunkedLayout,
        shape: &[u64],
        plan: &Plan,
    ) -> Result<Arc<Chunks>> {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listed) = &*listed {
            return Ok(Arc::clone(listed));
        }
        let found = Arc::new(list(object, layout, shape, plan)?);
        *listed = Some(Arc::clone(&found));
        Ok(found)
    }
}

fn list(object: &Object, layout: &ChunkedLayout, shape: &[u64], plan: &Plan) -> Result<Chunks> {
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
        .visit_chunks(&mut |position, location| {
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
