//! One array in memory: raw chunks for fixed-size dtypes, a tensor for text and records with text.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::lock;
use crate::{
    ArraySpec, ArrayStorage, AxisSelection, ChunkInfo, ChunkedStorage, Error, OrBug, Result, Tensor, chunked,
    copy_values,
};

/// The bytes of a chunk of an array that was declared without chunks.
const CHUNK_BYTES: u64 = 256 << 10;

#[derive(Debug)]
pub(super) struct MemoryArray {
    state: Mutex<State>,
    /// The shape of a chunk as kept, also of an array that was declared without chunks.
    chunks: Vec<u64>,
}

#[derive(Debug)]
struct State {
    spec: Arc<ArraySpec>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    /// Fixed-size dtypes: the chunks that were written, by position.
    Chunks(HashMap<Vec<u64>, Arc<[u8]>>),
    /// Text and records with text: nothing before the first write.
    Whole(Option<Tensor>),
}

impl MemoryArray {
    pub(super) fn new(spec: ArraySpec) -> Result<Self> {
        Tensor::zeros(&spec.dtype, [0])?;
        let values = match spec.dtype.size() {
            Some(_) if !spec.null => Values::Chunks(HashMap::new()),
            _ => Values::Whole(None),
        };
        let chunks = spec.chunks.clone().unwrap_or_else(|| default_chunks(&spec));
        Ok(Self { state: Mutex::new(State { spec: Arc::new(spec), values }), chunks })
    }

    /// The declaration with the chunks as they are kept; `None` if values are not kept in chunks.
    fn chunked_spec(&self) -> Option<ArraySpec> {
        let state = lock(&self.state);
        match state.values {
            Values::Chunks(_) => Some(ArraySpec::clone(&state.spec).with_chunks(self.chunks.clone())),
            Values::Whole(_) => None,
        }
    }
}

/// Whole inner axes, as many as fit.
fn default_chunks(spec: &ArraySpec) -> Vec<u64> {
    let mut chunks = vec![1; spec.ndim()];
    // Values without a size are not kept in chunks.
    let mut room = CHUNK_BYTES / (spec.dtype.size().unwrap_or(1) as u64).max(1);
    for (i, (chunk, &len)) in chunks.iter_mut().zip(&spec.shape).enumerate().rev() {
        // The first axis of a resizable array may be empty now and long later.
        let longest = if i == 0 && spec.resizable { u64::MAX } else { len.max(1) };
        *chunk = longest.min(room.max(1));
        room /= *chunk;
    }
    chunks
}

fn to_shape(shape: impl IntoIterator<Item = u64>) -> Result<Vec<usize>> {
    shape.into_iter().map(to_usize).collect()
}

fn to_usize(len: u64) -> Result<usize> {
    usize::try_from(len).map_err(|_| Error::limit_exceeded(format!("an axis of length {len} does not fit into memory")))
}

impl ArrayStorage for MemoryArray {
    fn spec(&self) -> Arc<ArraySpec> {
        Arc::clone(&lock(&self.state).spec)
    }

    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        if let Some(spec) = self.chunked_spec() {
            return chunked::read(self, &spec, selection);
        }
        let state = lock(&self.state);
        match &state.values {
            Values::Whole(Some(tensor)) => tensor.select(selection),
            _ => Tensor::zeros(&state.spec.dtype, to_shape(selection.iter().map(AxisSelection::len))?),
        }
    }

    fn read_runs(&self, runs: &[Range<u64>]) -> Result<Tensor> {
        if let Some(spec) = self.chunked_spec() {
            return chunked::read_runs(self, &spec, runs);
        }
        let positions: Vec<u64> = runs.iter().cloned().flatten().collect();
        let state = lock(&self.state);
        match &state.values {
            Values::Whole(Some(tensor)) => tensor.take(0, &positions),
            _ => Tensor::zeros(&state.spec.dtype, [positions.len()]),
        }
    }

    fn read_runs_into(&self, runs: &[Range<u64>], out: &mut [u8]) -> Result<()> {
        if let Some(spec) = self.chunked_spec() {
            return chunked::read_runs_into(self, &spec, runs, out);
        }
        copy_values(&self.read_runs(runs)?, out)
    }

    fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        if let Some(spec) = self.chunked_spec() {
            return chunked::write(self, &spec, offset, values);
        }
        let mut state = lock(&self.state);
        let State { spec, values: Values::Whole(whole) } = &mut *state else {
            return Err(Error::bug("an array in chunks is written as a whole"));
        };
        let shape = to_shape(spec.shape.iter().copied())?;
        let before = whole.take().map_or_else(|| Tensor::zeros(&spec.dtype, shape), Ok)?;
        *whole = Some(before.with_block(offset, values)?);
        Ok(())
    }

    fn resize(&self, shape: &[u64]) -> Result<()> {
        let mut state = lock(&self.state);
        let State { spec, values } = &mut *state;
        let (Some(&old), Some(&new)) = (spec.shape.first(), shape.first()) else {
            return Err(Error::invalid_input("an array without axes has no length to change"));
        };
        match values {
            Values::Whole(Some(whole)) => {
                *whole = whole.with_rows(to_usize(new)?)?;
            }
            Values::Chunks(chunks) if new < old => {
                shrink(chunks, *self.chunks.first().or_bug("an array without axes")?, new);
            }
            Values::Whole(None) | Values::Chunks(_) => {}
        }
        *spec = Arc::new(ArraySpec { shape: shape.to_vec(), ..ArraySpec::clone(spec) });
        Ok(())
    }

    fn stored_bytes(&self) -> Result<Option<u64>> {
        Ok(Some(match &lock(&self.state).values {
            Values::Chunks(chunks) => chunks.values().map(|chunk| chunk.len() as u64).sum(),
            Values::Whole(whole) => whole.as_ref().map_or(0, |tensor| tensor.nbytes() as u64),
        }))
    }

    fn as_chunked(&self) -> Option<&dyn ChunkedStorage> {
        let declared = lock(&self.state).spec.chunks.is_some();
        if declared && self.chunked_spec().is_some() { Some(self) } else { None }
    }
}

/// Drops what lies beyond a new number of rows, also within the chunks at the new end: it must not come back when the
/// array grows again.
fn shrink(chunks: &mut HashMap<Vec<u64>, Arc<[u8]>>, chunk_rows: u64, rows: u64) {
    chunks.retain(|position, _| position.first().is_some_and(|&at| at < rows.div_ceil(chunk_rows)));
    for (position, chunk) in chunks {
        if position.first() == Some(&(rows / chunk_rows)) {
            let row = chunk.len() as u64 / chunk_rows;
            let kept = (rows % chunk_rows) * row;
            *chunk = (0_u64..).zip(chunk.iter()).map(|(i, &byte)| if i < kept { byte } else { 0 }).collect();
        }
    }
}

impl ChunkedStorage for MemoryArray {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
        let stored = match &lock(&self.state).values {
            Values::Chunks(chunks) => chunks.get(chunk).cloned(),
            Values::Whole(_) => return Err(Error::bug("an array that is not in chunks has none")),
        };
        Ok(stored.map(|bytes| {
            raw.clear();
            raw.extend_from_slice(&bytes);
            ChunkInfo::default()
        }))
    }

    fn decode(&self, raw: &[u8], _info: ChunkInfo, chunk: &mut [u8], _scratch: &mut Vec<u8>) -> Result<()> {
        if raw.len() != chunk.len() {
            return Err(Error::invalid_data(format!("{} bytes where a chunk takes {}", raw.len(), chunk.len())));
        }
        chunk.copy_from_slice(raw);
        Ok(())
    }

    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, _scratch: &mut Vec<u8>) -> Result<()> {
        chunk.clone_into(raw);
        Ok(())
    }

    fn write_raw(&self, chunk: &[u64], raw: &[u8]) -> Result<()> {
        match &mut lock(&self.state).values {
            Values::Chunks(chunks) => chunks.insert(chunk.to_vec(), raw.into()),
            Values::Whole(_) => return Err(Error::bug("an array that is not in chunks has none")),
        };
        Ok(())
    }

    fn fill_value(&self) -> &[u8] {
        &[]
    }

    fn is_raw(&self) -> bool {
        true
    }
}
