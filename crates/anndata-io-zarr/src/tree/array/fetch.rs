//! Reading from stores with latency: the chunks of a selection are requested together, then decoded on all cores.
//!
//! Chunks that are neighbours in a shard are one request. The same code serves the calls that wait and those that do not.

mod parts;
mod runs;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anndata_storage::{AxisSelection, ChunkInfo, ChunkedStorage, Error, OrBug, Result, Runtime, Tensor};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::Inner;
use super::write::advance;
use crate::shard::{ShardIndex, ShardMeta};
use crate::store::{ByteRange, Remote, too_short};
use parts::Parts;
pub(super) use runs::read_runs_into;

/// Chunks in a shard that are this close are one request.
const GAP: u64 = 64 << 10;

/// A request is not made longer than this by joining chunks.
const JOINED: u64 = 8 << 20;

/// The most chunks that one read may touch.
const MAX_CHUNKS: u64 = 1 << 24;

/// Reads a selection; the calling thread waits, and decodes.
///
/// Decoding is not left to other threads: where the caller is a thread of the pool that decodes, and all others wait as
/// well, there would be none.
pub(super) fn read(array: &Arc<Inner>, remote: &Remote, selection: &[AxisSelection]) -> Result<Tensor> {
    array.pipeline()?;
    let mut parts = Parts::new(array, selection)?;
    let mut coming = parts.fetch_next(array, remote)?;
    while let Some((part, fetch)) = coming {
        let fetched = remote.runtime().join(fetch)?;
        coming = parts.fetch_next(array, remote)?;
        parts.put(array.read(&fetched, &part)?)?;
    }
    parts.finish()
}

/// Reads a selection without blocking the thread of the caller.
///
/// Requests run on the runtime of the store, whatever runtime the caller has, or none.
pub(super) async fn read_async(array: &Arc<Inner>, remote: &Remote, selection: &[AxisSelection]) -> Result<Tensor> {
    array.pipeline()?;
    let mut parts = Parts::new(array, selection)?;
    let mut coming = parts.fetch_next(array, remote)?;
    while let Some((part, fetch)) = coming {
        let fetched = Runtime::finish(fetch).await?;
        coming = parts.fetch_next(array, remote)?;
        let array = Arc::clone(array);
        parts.put(remote.runtime().blocking(move || array.read(&fetched, &part)).await?)?;
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

/// The wanted chunks of a shard: their positions in its index.
type Wanted = BTreeMap<Vec<u64>, Vec<(usize, Vec<u64>)>>;

async fn from_shards(
    array: &Inner,
    remote: &Remote,
    shard: &ShardMeta,
    chunks: Vec<Vec<u64>>,
) -> Result<HashMap<Vec<u64>, Bytes>> {
    let mut wanted = Wanted::new();
    for chunk in chunks {
        let (position, slot) = shard.locate(&array.meta.chunks, &chunk);
        wanted.entry(position).or_default().push((slot, chunk));
    }
    stream::iter(wanted)
        .map(|(position, chunks)| from_shard(array, remote, shard, array.key(&position), chunks))
        .buffer_unordered(remote.concurrency())
        .try_fold(HashMap::new(), |mut all, some| async move {
            all.extend(some);
            Ok(all)
        })
        .await
}

/// A range of a shard, and the chunks in it: their start within it and length.
struct Request {
    start: u64,
    len: u64,
    parts: Vec<(Vec<u64>, u64, u64)>,
}

async fn from_shard(
    array: &Inner,
    remote: &Remote,
    shard: &ShardMeta,
    key: String,
    chunks: Vec<(usize, Vec<u64>)>,
) -> Result<Vec<(Vec<u64>, Bytes)>> {
    let Some(index) = index(array, remote, shard, &key).await? else { return Ok(Vec::new()) };
    let requests = join_ranges(&index, chunks, array.max_stored())?;
    let key = &key;
    stream::iter(requests)
        .map(|request| async move {
            let range = ByteRange::Part { start: request.start, len: request.len };
            let bytes = remote.get(key, range, request.len).await?;
            let bytes = bytes.ok_or_else(|| Error::invalid_data(format!("'{key}' vanished")))?;
            // What a shard does not hold is damaged, and not a chunk that was never written.
            let slice = |(chunk, start, len): (Vec<u64>, u64, u64)| {
                let range = start.checked_add(len).filter(|&end| end <= bytes.len() as u64).map(|end| start..end);
                let range = range.ok_or_else(|| too_short(key))?;
                // Within the bytes, which are in memory.
                let position = |at: u64| usize::try_from(at).or_bug("a place beyond memory");
                Ok((chunk, bytes.slice(position(range.start)?..position(range.end)?)))
            };
            request.parts.into_iter().map(slice).collect::<Result<Vec<_>>>()
        })
        .buffer_unordered(remote.concurrency())
        .try_concat()
        .await
}

async fn index(array: &Inner, remote: &Remote, shard: &ShardMeta, key: &str) -> Result<Option<Arc<ShardIndex>>> {
    if let Some(index) = array.shared.cached_index(key) {
        return Ok(Some(index));
    }
    let count = shard.count(&array.meta.chunks)?;
    let Some(bytes) = remote.get(key, shard.index_range(count), shard.index_len(count)).await? else {
        return Ok(None);
    };
    let index = Arc::new(ShardIndex::parse(&bytes, shard, count)?);
    array.shared.cache_index(key, &index);
    Ok(Some(index))
}

/// Joins the ranges of chunks that are neighbours.
fn join_ranges(index: &ShardIndex, chunks: Vec<(usize, Vec<u64>)>, max: u64) -> Result<Vec<Request>> {
    let mut ranges: Vec<(u64, u64, Vec<u64>)> = Vec::with_capacity(chunks.len());
    for (slot, chunk) in chunks {
        ranges.extend(index.get(slot)?.map(|(start, len)| (start, len, chunk)));
    }
    ranges.sort();
    let mut requests: Vec<Request> = Vec::new();
    for (start, len, chunk) in ranges {
        let end = start.checked_add(len).filter(|_| len <= max);
        let end =
            end.ok_or_else(|| Error::invalid_data(format!("the index of a shard places chunk {chunk:?} wrongly")))?;
        match requests.last_mut() {
            Some(last) if start <= last.start + last.len + GAP && end - last.start <= JOINED => {
                last.len = last.len.max(end - last.start);
                last.parts.push((chunk, start - last.start, len));
            }
            _ => requests.push(Request { start, len, parts: vec![(chunk, 0, len)] }),
        }
    }
    Ok(requests)
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

    #[test]
    fn a_chunk_that_its_shard_does_not_hold_is_damaged_and_not_empty() -> Result<()> {
        use anndata_storage::{ArraySpec, Group, Storage};
        use futures_executor::block_on;
        use object_store::ObjectStoreExt as _;

        use crate::{ZarrFormat, ZarrOptions, ZarrStore};

        let objects = Arc::new(object_store::memory::InMemory::new());
        let options = ZarrOptions::default();
        let store = ZarrStore::create_objects(Arc::clone(&objects) as _, "a", ZarrFormat::V3, &options)?;
        let numbers = Tensor::from_vec([8], (1..9).collect::<Vec<i32>>())?;
        let mut spec = ArraySpec::of(&numbers).with_chunks([2]);
        spec.shards = Some(vec![8]);
        let store: Arc<dyn Storage> = Arc::new(store);
        Group::root(store).create_array("n", &spec)?.write(&[0], &numbers)?;

        let path = object_store::path::Path::from("a/n/c/0");
        let shard = block_on(async { objects.get(&path).await.unwrap().bytes().await.unwrap() }).to_vec();
        let meta = ShardMeta { shape: vec![8], index_at_end: true, checksum: true, little_endian: true };
        let (chunks, index) = shard.split_at(shard.len() - 4 * 16 - 4);
        let mut index = ShardIndex::parse(index, &meta, 4)?;
        index.set(3, shard.len() as u64 - 4, 8)?;
        let shard = [chunks, &index.to_bytes(&meta)].concat();
        block_on(objects.put(&path, shard.into())).unwrap();

        let store: Arc<dyn Storage> = Arc::new(ZarrStore::open_objects(objects, "a", &options)?);
        let array = Group::root(store).array("n")?;
        assert_eq!(array.read_selection(&[AxisSelection::Range(0..6)])?, numbers.slice_rows(0..6)?);
        let error = array.read().unwrap_err();
        assert!(error.is_invalid_data() && error.to_string().contains("is shorter than its index says"), "{error:?}");
        Ok(())
    }

    #[test]
    fn neighbours_become_one_request() -> Result<()> {
        let mut index = ShardIndex::empty(4)?;
        index.set(0, 0, 100)?;
        index.set(1, 100, 50)?;
        index.set(2, 10 * GAP, 10)?;
        let chunks = (0..4).map(|slot| (slot, vec![slot as u64])).collect();
        let requests = join_ranges(&index, chunks, 1000)?;
        assert_eq!(requests.len(), 2);
        assert_eq!((requests[0].len, requests[0].parts.len()), (150, 2));
        index.set(3, u64::MAX - 1, 10)?;
        for (chunks, max) in [(vec![(3, vec![3])], 1000), (vec![(0, vec![0])], 99)] {
            let error = join_ranges(&index, chunks, max).err().unwrap();
            assert!(error.is_invalid_data() && error.message().contains("places chunk"), "{error}");
        }
        assert!(join_ranges(&index, vec![(4, vec![4])], 1000).is_err_and(|error| error.is_bug()));
        Ok(())
    }
}
