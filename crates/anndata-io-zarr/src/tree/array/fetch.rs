//! Reading from stores with latency: the chunks of a selection are requested together, then decoded on all cores.
//!
//! Chunks that are neighbours in a shard are one request. The same code serves the calls that wait and those that do not.

mod parts;
mod runs;
mod shards;

use std::collections::HashMap;
use std::sync::Arc;

use anndata_storage::{AxisSelection, ChunkInfo, ChunkedStorage, Error, OrBug, Result, Runtime, Tensor};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::Inner;
use super::write::advance;
use crate::store::{ByteRange, Remote};
use parts::Parts;
pub(super) use runs::read_runs_into;
pub(super) use shards::anticipate;
use shards::from_shards;

/// The most chunks that one read may touch.
const MAX_CHUNKS: u64 = 1 << 24;

/// Reads a selection; the calling thread waits, and decodes.
///
/// Decoding is not left to other threads: where the caller is a thread of the pool that decodes, and all others wait as
/// well, there would be none.
pub(super) fn read(array: &Arc<Inner>, remote: &Remote, selection: &[AxisSelection]) -> Result<Tensor> {
    array.pipeline()?;
    let mut parts = Parts::new(array, remote, selection)?;
    while let Some((part, fetch)) = parts.next()? {
        let fetched = remote.runtime().join(fetch)?;
        parts.decode(&fetched, &part)?;
    }
    parts.finish()
}

/// Reads a selection without blocking the thread of the caller.
///
/// Requests run on the runtime of the store, whatever runtime the caller has, or none.
pub(super) async fn read_async(array: &Arc<Inner>, remote: &Remote, selection: &[AxisSelection]) -> Result<Tensor> {
    array.pipeline()?;
    let mut parts = Parts::new(array, remote, selection)?;
    while let Some((part, fetch)) = parts.next()? {
        let fetched = Runtime::finish(fetch).await?;
        let decode = move || parts.decode(&fetched, &part).map(|()| parts);
        parts = remote.runtime().blocking(decode).await?;
    }
    parts.finish()
}

#[cold]
fn too_many_chunks() -> Error {
    Error::limit_exceeded(format!("one read touches more than {MAX_CHUNKS} chunks"))
}

/// The chunks that a selection touches, each once.
fn touched(array: &Inner, selection: &[AxisSelection]) -> Result<Vec<Vec<u64>>> {
    let axes: Vec<Vec<u64>> =
        selection.iter().zip(&array.meta.chunks).map(|(axis, &chunk)| touched_along(axis, chunk)).collect();
    let grid: Vec<u64> = axes.iter().map(|axis| axis.len() as u64).collect();
    let count = grid.iter().try_fold(1_u64, |product, &n| product.checked_mul(n));
    if count.is_none_or(|count| count > MAX_CHUNKS) {
        return Err(too_many_chunks());
    }
    let mut all = Vec::new();
    if count == Some(0) {
        return Ok(all);
    }
    let mut at = vec![0; grid.len()];
    loop {
        let along = |(&i, axis): (&u64, &Vec<u64>)| {
            let position = usize::try_from(i).ok().and_then(|i| axis.get(i));
            position.copied().or_bug("a chunk beyond the selection")
        };
        all.push(at.iter().zip(&axes).map(along).collect::<Result<_>>()?);
        if !advance(&mut at, &grid) {
            return Ok(all);
        }
    }
}

fn touched_along(axis: &AxisSelection, chunk: u64) -> Vec<u64> {
    let chunk = chunk.max(1);
    let mut positions: Vec<u64> = Vec::new();
    for (start, len) in axis.runs() {
        let first = start / chunk;
        let first = if positions.last() == Some(&first) { first + 1 } else { first };
        positions.extend(first..=(start + len - 1) / chunk);
    }
    positions
}

/// The stored bytes of some chunks of an array.
struct Fetched {
    array: Arc<Inner>,
    chunks: HashMap<Vec<u64>, Bytes>,
}

impl Fetched {
    async fn fetch(array: Arc<Inner>, remote: Remote, chunks: Vec<Vec<u64>>) -> Result<Self> {
        let chunks = match &array.meta.shard {
            None => whole_values(&array, &remote, chunks).await?,
            Some(shard) => from_shards(&array, &remote, shard, chunks).await?,
        };
        Ok(Self { array, chunks })
    }
}

async fn whole_values(array: &Inner, remote: &Remote, chunks: Vec<Vec<u64>>) -> Result<HashMap<Vec<u64>, Bytes>> {
    let max = array.max_stored();
    stream::iter(chunks)
        .map(|chunk| async move {
            let bytes = remote.get(&array.key(&chunk), ByteRange::All, max).await?;
            Ok(bytes.map(|bytes| (chunk, bytes)))
        })
        .buffer_unordered(remote.concurrency())
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await
}

impl ChunkedStorage for Fetched {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
        let bytes = self.chunks.get(chunk);
        self.array.check_chunk(bytes.map_or(0, Bytes::len))?;
        Ok(bytes.map(|bytes| {
            raw.clear();
            raw.extend_from_slice(bytes);
            ChunkInfo::default()
        }))
    }

    fn decode(&self, raw: &[u8], info: ChunkInfo, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
        self.array.decode(raw, info, chunk, scratch)
    }

    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()> {
        self.array.encode(chunk, raw, scratch)
    }

    fn write_raw(&self, _chunk: &[u64], _raw: &[u8]) -> Result<()> {
        Err(crate::store::read_only())
    }

    fn fill_value(&self) -> &[u8] {
        self.array.fill_value()
    }

    fn is_raw(&self) -> bool {
        self.array.is_raw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touched_chunks_are_listed_once() {
        assert_eq!(touched_along(&AxisSelection::Range(3..9), 4), [0, 1, 2]);
        assert_eq!(touched_along(&AxisSelection::from(vec![0, 2, 5, 6, 13]), 4), [0, 1, 3]);
        assert_eq!(touched_along(&AxisSelection::from(vec![3, 4]), 4), [0, 1]);
        assert!(touched_along(&AxisSelection::Range(2..2), 4).is_empty());
    }

    #[test]
    fn a_large_read_is_put_together_from_parts() -> Result<()> {
        use anndata_storage::{ArraySpec, Group, Storage};

        use crate::{ZarrFormat, ZarrOptions, ZarrStore};

        let objects = Arc::new(object_store::memory::InMemory::new());
        let store = ZarrStore::create_objects(objects, "a", ZarrFormat::V3, &ZarrOptions::default())?;
        let store: Arc<dyn Storage> = Arc::new(store);
        let grid = Tensor::from_vec([300, 7], (0..2100).collect::<Vec<i32>>())?;
        let root = Group::root(store);
        let array = root.create_array("grid", &ArraySpec::of(&grid).with_chunks([8, 5]))?;
        array.write(&[0, 0], &grid)?;
        let some: Vec<u64> = (0..300).filter(|n| n % 3 > 0).collect();
        for selection in [
            vec![AxisSelection::Range(0..300), AxisSelection::Range(0..7)],
            vec![AxisSelection::Range(5..299), AxisSelection::Range(2..6)],
            vec![AxisSelection::from(some), AxisSelection::Range(0..7)],
            vec![AxisSelection::Range(5..5), AxisSelection::Range(0..7)],
        ] {
            let expected = grid.select(&selection)?;
            assert_eq!(array.read_selection(&selection)?, expected);
            assert_eq!(futures_executor::block_on(array.read_async(&selection))?, expected);
        }
        Ok(())
    }
}
