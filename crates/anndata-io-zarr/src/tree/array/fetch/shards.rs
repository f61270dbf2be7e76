//! Chunks that are put together in shards: what is known of where they are, and the requests for them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anndata_storage::{Error, Result};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::super::Inner;
use super::super::write::advance;
use crate::shard::{ShardIndex, ShardMeta};
use crate::store::{ByteRange, Remote, too_short};

/// Chunks in a shard that are this close are one request.
const GAP: u64 = 64 << 10;

/// A request is not made longer than this by joining chunks.
const JOINED: u64 = 8 << 20;

/// Shards of at most so many bytes of values are requested as a whole: asking for their index first takes longer.
const WHOLE: u64 = 1 << 20;

/// Such a shard is not read as a whole if it is longer than this: values that are packed badly, or overwritten ones in between.
const WHOLE_STORED: u64 = 4 * WHOLE;

/// Of an array of at most so many shards, all indexes are requested before it is known which are needed.
const FORESEEN: u64 = 8;

/// The wanted chunks of a shard: their positions in its index.
type Wanted = BTreeMap<Vec<u64>, Vec<(usize, Vec<u64>)>>;

/// Requests the indexes of the shards of an array which is going to be read, if they are few: whoever reads it then waits for
/// chunks alone. Errors are left to that read.
pub(in super::super) fn anticipate(array: &Arc<Inner>, remote: &Remote) -> Result<()> {
    let Some(shard) = array.meta.shard.as_ref().filter(|shard| !array.is_small(shard)) else { return Ok(()) };
    let spec = array.spec();
    let counts = spec.shape.iter().zip(&shard.shape).map(|(len, shard)| len.div_ceil((*shard).max(1)));
    let counts: Vec<u64> = counts.collect();
    let count = counts.iter().try_fold(1_u64, |product, &n| product.checked_mul(n));
    if count.is_none_or(|count| count == 0 || count > FORESEEN) {
        return Ok(());
    }
    let mut at = vec![0; counts.len()];
    loop {
        let key = array.key(&at);
        if array.shared.cached_index(&key).is_none() {
            let (array, own) = (Arc::clone(array), remote.clone());
            remote.runtime().spawn(async move {
                if let Some(shard) = &array.meta.shard {
                    // The same request is made again, and its error reported, when the array is read.
                    let _ = index(&array, &own, shard, &key).await;
                }
            })?;
        }
        if !advance(&mut at, &counts) {
            return Ok(());
        }
    }
}

pub(super) async fn from_shards(
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

impl Request {
    /// The chunks, of the bytes of the range. What a shard does not hold is damaged, and not a chunk that was never written.
    fn cut(self, bytes: &Bytes, key: &str) -> Result<Vec<(Vec<u64>, Bytes)>> {
        let slice = |(chunk, start, len)| {
            let part = ByteRange::Part { start, len }.of(bytes).ok_or_else(|| too_short(key))?;
            Ok((chunk, bytes.slice_ref(part)))
        };
        self.parts.into_iter().map(slice).collect()
    }
}

impl Inner {
    /// Whether a shard has few bytes of values. How many texts have is not known.
    fn is_small(&self, shard: &ShardMeta) -> bool {
        let size = self.meta.dtype.size().filter(|_| !self.is_text()).map(|size| size as u64);
        let spec = self.spec();
        let mut lens = spec.shape.iter().zip(&shard.shape).map(|(len, shard)| len.min(shard));
        let bytes = size.and_then(|size| lens.try_fold(size, |product, &len| product.checked_mul(len)));
        bytes.is_some_and(|bytes| bytes <= WHOLE)
    }
}

async fn from_shard(
    array: &Inner,
    remote: &Remote,
    shard: &ShardMeta,
    key: String,
    chunks: Vec<(usize, Vec<u64>)>,
) -> Result<Vec<(Vec<u64>, Bytes)>> {
    if array.shared.cached_index(&key).is_none()
        && array.is_small(shard)
        && let Some(found) = whole(array, remote, shard, &key, &chunks).await?
    {
        return Ok(found);
    }
    let Some(index) = index(array, remote, shard, &key).await? else { return Ok(Vec::new()) };
    let requests = join_ranges(&index, chunks, array.max_stored())?;
    let key = &key;
    stream::iter(requests)
        .map(|request| async move {
            let range = ByteRange::Part { start: request.start, len: request.len };
            let bytes = remote.get(key, range, request.len).await?;
            let bytes = bytes.ok_or_else(|| Error::invalid_data(format!("'{key}' vanished")))?;
            request.cut(&bytes, key)
        })
        .buffer_unordered(remote.concurrency())
        .try_concat()
        .await
}

/// The chunks of a shard that is requested as a whole; `None` if it has more bytes than its values should take.
async fn whole(
    array: &Inner,
    remote: &Remote,
    shard: &ShardMeta,
    key: &str,
    chunks: &[(usize, Vec<u64>)],
) -> Result<Option<Vec<(Vec<u64>, Bytes)>>> {
    let count = shard.count(&array.meta.chunks)?;
    let bytes = match remote.get(key, ByteRange::All, WHOLE_STORED).await {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(Some(Vec::new())),
        Err(error) if error.is_limit_exceeded() => return Ok(None),
        Err(error) => return Err(error),
    };
    let stored = shard.index_range(count).of(&bytes).ok_or_else(|| too_short(key))?;
    let index = array.shared.cached_or(key, Arc::new(ShardIndex::parse(stored, shard, count)?));
    let requests = join_ranges(&index, chunks.to_vec(), array.max_stored())?;
    let of_whole = |request: Request| {
        let part = ByteRange::Part { start: request.start, len: request.len }.of(&bytes);
        request.cut(&bytes.slice_ref(part.ok_or_else(|| too_short(key))?), key)
    };
    let found: Vec<Vec<_>> = requests.into_iter().map(of_whole).collect::<Result<_>>()?;
    Ok(Some(found.concat()))
}

/// Reads the index of a shard: `None` if the shard does not exist. Concurrent callers share one request.
async fn index(array: &Inner, remote: &Remote, shard: &ShardMeta, key: &str) -> Result<Option<Arc<ShardIndex>>> {
    let count = shard.count(&array.meta.chunks)?;
    let request = async || {
        let bytes = remote.get(key, shard.index_range(count), shard.index_len(count)).await.map_err(Some)?;
        ShardIndex::parse(&bytes.ok_or(None)?, shard, count).map(Arc::new).map_err(Some)
    };
    match array.shared.coming_index(key).get_or_try_init(request).await {
        Ok(index) => Ok(Some(Arc::clone(index))),
        Err(None) => Ok(None),
        Err(Some(error)) => Err(error),
    }
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

#[cfg(test)]
mod tests {
    use anndata_storage::{Array, ArraySpec, AxisSelection, Group, Tensor};
    use futures_executor::block_on;
    use object_store::ObjectStoreExt as _;
    use object_store::memory::InMemory;

    use super::*;
    use crate::{ZarrFormat, ZarrOptions, ZarrStore};

    /// The key of the only shard of the only array.
    const SHARD: &str = "a/n/c/0";

    /// An array of eight numbers in a shard of four chunks, taken apart: its objects, the numbers, the chunks and the index.
    fn one_shard() -> Result<(Arc<InMemory>, Tensor, Vec<u8>, ShardIndex)> {
        let objects = Arc::new(InMemory::new());
        let numbers = Tensor::from_vec([8], (1..9).collect::<Vec<i32>>())?;
        let mut spec = ArraySpec::of(&numbers).with_chunks([2]);
        spec.shards = Some(vec![8]);
        let store = ZarrStore::create_objects(Arc::clone(&objects) as _, "a", ZarrFormat::V3, &ZarrOptions::default())?;
        Group::root(Arc::new(store)).create_array("n", &spec)?.write(&[0], &numbers)?;
        let mut chunks = block_on(async { objects.get(&SHARD.into()).await.unwrap().bytes().await.unwrap() }).to_vec();
        let index = chunks.split_off(chunks.len() - usize::try_from(meta().index_len(4)).unwrap());
        Ok((objects, numbers, chunks, ShardIndex::parse(&index, &meta(), 4)?))
    }

    fn meta() -> ShardMeta {
        ShardMeta { shape: vec![8], index_at_end: true, checksum: true, little_endian: true }
    }

    /// The array after its shard was replaced.
    fn replaced(objects: &Arc<InMemory>, shard: Vec<u8>) -> Result<Array> {
        block_on(objects.put(&SHARD.into(), shard.into())).unwrap();
        let store = ZarrStore::open_objects(Arc::clone(objects) as _, "a", &ZarrOptions::default())?;
        Group::root(Arc::new(store)).array("n")
    }

    #[test]
    fn a_chunk_that_its_shard_does_not_hold_is_damaged_and_not_empty() -> Result<()> {
        let (objects, numbers, chunks, mut index) = one_shard()?;
        // The last chunk begins in the last bytes of the index, and ends beyond the shard.
        let end = chunks.len() as u64 + meta().index_len(4);
        index.set(3, end - 4, 8)?;
        let array = replaced(&objects, [chunks, index.to_bytes(&meta())].concat())?;
        assert_eq!(array.read_selection(&[AxisSelection::Range(0..6)])?, numbers.slice_rows(0..6)?);
        let error = array.read().unwrap_err();
        assert!(error.is_invalid_data() && error.to_string().contains("is shorter than its index says"), "{error:?}");
        Ok(())
    }

    #[test]
    fn a_small_shard_in_a_large_value_is_read_by_its_index() -> Result<()> {
        let (objects, _, chunks, old) = one_shard()?;
        // What was given up before the chunks that count.
        for given_up in [WHOLE, WHOLE_STORED + WHOLE] {
            let mut moved = ShardIndex::empty(4)?;
            for slot in 0..3 {
                let (start, len) = old.get(slot)?.unwrap();
                moved.set(slot, given_up + start, len)?;
            }
            let unused = vec![7; usize::try_from(given_up).unwrap()];
            let shard = [&unused, &chunks, &moved.to_bytes(&meta())[..]].concat();
            // The last chunk was never written.
            let expected = Tensor::from_vec([8], vec![1, 2, 3, 4, 5, 6, 0, 0])?;
            assert_eq!(replaced(&objects, shard.clone())?.read()?, expected);
            let rows = replaced(&objects, shard)?.read_selection(&[AxisSelection::Range(1..4)])?;
            assert_eq!(rows, expected.slice_rows(1..4)?);
        }
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
