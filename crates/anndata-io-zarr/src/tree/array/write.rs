//! Writing blocks: chunks are encoded on all cores; those of a shard are put into its file one after the other.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anndata_storage::{AlignedBytes, ArraySpec, ChunkInfo, ChunkedStorage, Error, OrBug, Result, Tensor, chunked};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::{Inner, text};
use crate::metadata::Fill;
use crate::shard::{ShardIndex, ShardMeta};
use crate::store::{Remote, too_short};

/// Encoded bytes that are held before they are written, over all shards.
const PENDING: usize = 2 << 20;

impl Inner {
    /// Writes a block.
    pub(super) fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        self.pipeline()?;
        self.check_writable()?;
        let spec = self.spec();
        let Some(shard) = &self.meta.shard else {
            let Some(remote) = self.shared.store.as_remote() else {
                return self.write_chunks(self, &spec, offset, values);
            };
            let puts = Puts { array: self, remote, started: Mutex::default() };
            self.write_chunks(&puts, &spec, offset, values)?;
            return puts.finish();
        };
        let shards = Shards { array: self, shard, spec: &spec, offset, values, touched: Mutex::default() };
        self.write_chunks(&shards, &spec, offset, values)?;
        shards.finish()
    }

    /// Refuses to write where another array than was opened would be written to.
    pub(super) fn check_writable(&self) -> Result<()> {
        self.shared.check_writable()?;
        self.shared.check_array(&self.path, &self.stamp)
    }

    fn write_chunks(
        &self,
        target: &dyn ChunkedStorage,
        spec: &ArraySpec,
        offset: &[u64],
        values: &Tensor,
    ) -> Result<()> {
        if self.is_text() {
            text::write(self, target, spec, offset, values)
        } else {
            chunked::write(target, spec, offset, values)
        }
    }

    /// Changes the length of the first axis. What lies beyond the end does not come back when the array grows again:
    /// chunks and shards are removed, and rows that share one with rows that stay are filled.
    pub(super) fn resize(&self, shape: &[u64]) -> Result<()> {
        self.check_writable()?;
        if !self.segments.is_empty() {
            return Err(Error::unsupported("an array of chunks of unequal length cannot grow or shrink"));
        }
        let before = self.spec();
        let outer = self.meta.shard.as_ref().map_or(&self.meta.chunks, |shard| &shard.shape);
        let grid = |shape: &[u64]| -> Vec<u64> {
            shape.iter().zip(outer).map(|(&len, &piece)| len.div_ceil(piece.max(1))).collect()
        };
        let (old, new) = (grid(&before.shape), grid(shape));
        let (Some(&keep), Some(&from), Some(&len), Some(&rows)) =
            (new.first(), shape.first(), before.shape.first(), outer.first())
        else {
            return Err(Error::invalid_input("an array without axes has no length to change"));
        };
        // The last piece may end beyond all numbers, the array does not.
        self.fill_rows(from..len.min(keep.saturating_mul(rows)), &before)?;
        self.shared.set_shape(&self.path, shape)?;
        *self.state.shape_mut() = Some(shape.to_vec());
        let mut position: Vec<u64> = old.iter().map(|_| 0).collect();
        *position.first_mut().or_bug("an array without axes")? = keep;
        while position.iter().zip(&old).all(|(at, count)| at < count) {
            let key = self.key(&position);
            self.shared.store.erase(&key)?;
            self.shared.forget_index(&key);
            if !advance(&mut position, &old) {
                break;
            }
        }
        Ok(())
    }

    /// Writes the fill value to whole rows, a chunk of them at a time.
    fn fill_rows(&self, mut rows: Range<u64>, spec: &ArraySpec) -> Result<()> {
        let step = self.meta.chunks.first().copied().or_bug("an array without axes")?.max(1);
        let inner = spec.shape.get(1..).or_bug("an array without axes")?;
        while rows.start < rows.end && !inner.contains(&0) {
            let end = rows.end.min((rows.start / step + 1).saturating_mul(step));
            let shape = [&[end - rows.start], inner].concat();
            let in_memory = |&len: &u64| {
                usize::try_from(len).map_err(|_| Error::limit_exceeded(format!("{len} rows do not fit into memory")))
            };
            let shape = shape.iter().map(in_memory).collect::<Result<Vec<_>>>()?;
            let mut offset = vec![0; spec.ndim()];
            *offset.first_mut().or_bug("an array without axes")? = rows.start;
            self.write(&offset, &self.filled(shape)?)?;
            rows.start = end;
        }
        Ok(())
    }

    /// A tensor of the fill value.
    fn filled(&self, shape: Vec<usize>) -> Result<Tensor> {
        let count: usize = shape.iter().product();
        match &self.meta.fill {
            Fill::Text(text) => text::filled(shape, text),
            Fill::Bytes(value) => {
                let size = self.meta.dtype.size().or_bug("a fill value without a size")?;
                let len = count.checked_mul(size);
                let len = len.ok_or_else(|| Error::limit_exceeded(format!("{count} values do not fit into memory")))?;
                let mut bytes = AlignedBytes::try_zeroed(len)?;
                // An empty fill value is zero.
                bytes.as_mut_slice().iter_mut().zip(value.iter().cycle()).for_each(|(byte, fill)| *byte = *fill);
                Tensor::new(self.meta.dtype.clone(), shape, bytes)
            }
        }
    }
}

/// The next position in C order; `false` at the end.
pub(super) fn advance(position: &mut [u64], grid: &[u64]) -> bool {
    for (at, &count) in position.iter_mut().zip(grid).rev() {
        *at += 1;
        if *at < count {
            return true;
        }
        *at = 0;
    }
    false
}

/// The shards that one block touches.
///
/// A shard that the block covers is written anew; chunks of another one are added at its end, where they take the place of
/// its index, and a new index follows. So every shard is written once, from front to back, whatever its size.
struct Shards<'a> {
    array: &'a Inner,
    shard: &'a ShardMeta,
    spec: &'a ArraySpec,
    offset: &'a [u64],
    values: &'a Tensor,
    /// Their positions.
    touched: Mutex<BTreeSet<Vec<u64>>>,
}

/// A shard that is being written. Blocks that are written at the same time put their chunks into it one by one.
#[derive(Debug)]
pub(super) struct OpenShard {
    index: ShardIndex,
    /// Where `pending` begins in the file.
    start: u64,
    /// Encoded chunks that are not in the file yet.
    pending: Vec<u8>,
}

impl Shards<'_> {
    fn open(&self) -> MutexGuard<'_, BTreeMap<Vec<u64>, OpenShard>> {
        self.array.state.open_shards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn touched(&self) -> MutexGuard<'_, BTreeSet<Vec<u64>>> {
        self.touched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing of the array that lies in a shard is left out by the block.
    fn is_covered(&self, position: &[u64]) -> bool {
        let lengths = self.shard.shape.iter().zip(&self.spec.shape);
        let block = self.offset.iter().zip(self.values.shape());
        position.iter().zip(lengths).zip(block).all(|((&at, (&shard, &len)), (&from, &count))| {
            // A shard may end beyond all numbers, the array does not.
            let start = at.saturating_mul(shard);
            from <= start && from.saturating_add(count as u64) >= start.saturating_add(shard).min(len)
        })
    }

    fn start(&self, position: &[u64]) -> Result<OpenShard> {
        let count = self.shard.count(&self.array.meta.chunks)?;
        let pending = Vec::new();
        let key = self.array.key(position);
        if !self.shard.index_at_end {
            return Err(Error::unsupported("shards with their index at the start can be read only"));
        }
        let before = if self.is_covered(position) { None } else { self.array.index(&key)? };
        if let Some(index) = before
            && let Some(size) = self.array.shared.store.size(&key)?
        {
            let start = size.checked_sub(self.shard.index_len(count)).ok_or_else(|| too_short(&key))?;
            return Ok(OpenShard { index: (*index).clone(), start, pending });
        }
        Ok(OpenShard { index: ShardIndex::empty(count)?, start: 0, pending })
    }

    fn hand_over(&self, position: &[u64], shard: &mut OpenShard) -> Result<()> {
        self.array.shared.store.write_from(&self.array.key(position), shard.start, &shard.pending)?;
        shard.start += shard.pending.len() as u64;
        shard.pending.clear();
        Ok(())
    }

    /// Writes the rest of every shard and its index. Another block that still has chunks for one of them opens it again.
    fn finish(&self) -> Result<()> {
        let mut open = self.open();
        for position in self.touched().iter() {
            let Some(mut shard) = open.remove(position) else { continue };
            shard.pending.extend_from_slice(&shard.index.to_bytes(self.shard));
            self.hand_over(position, &mut shard)?;
            self.array.shared.cache_index(&self.array.key(position), &Arc::new(shard.index));
        }
        Ok(())
    }
}

impl ChunkedStorage for Shards<'_> {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
        self.array.read_raw(chunk, raw)
    }

    fn decode(&self, raw: &[u8], info: ChunkInfo, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
        self.array.decode(raw, info, chunk, scratch)
    }

    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()> {
        self.array.encode(chunk, raw, scratch)
    }

    fn write_raw(&self, chunk: &[u64], raw: &[u8]) -> Result<()> {
        let (position, slot) = self.shard.locate(&self.array.meta.chunks, chunk);
        self.touched().insert(position.clone());
        let mut open = self.open();
        let shard = match open.entry(position) {
            Entry::Occupied(shard) => shard.into_mut(),
            Entry::Vacant(entry) => {
                let shard = self.start(entry.key())?;
                entry.insert(shard)
            }
        };
        shard.index.set(slot, shard.start + shard.pending.len() as u64, raw.len() as u64)?;
        shard.pending.extend_from_slice(raw);
        let pending: usize = open.values().map(|shard| shard.pending.len()).sum();
        if pending > PENDING && self.array.shared.store.appends() {
            open.iter_mut().try_for_each(|(position, shard)| self.hand_over(position, shard))?;
        }
        Ok(())
    }

    fn fill_value(&self) -> &[u8] {
        self.array.fill_value()
    }
}

/// Chunks on their way to a remote store.
struct Puts<'a> {
    array: &'a Inner,
    remote: &'a Remote,
    started: Mutex<VecDeque<JoinHandle<Result<()>>>>,
}

impl Puts<'_> {
    fn started(&self) -> MutexGuard<'_, VecDeque<JoinHandle<Result<()>>>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for all of them.
    fn finish(&self) -> Result<()> {
        self.remote.join_all(self.started().drain(..))
    }
}

impl Drop for Puts<'_> {
    fn drop(&mut self) {
        // Something else failed already, which is what is reported; nothing of this may be written later.
        let _ = self.finish();
    }
}

impl ChunkedStorage for Puts<'_> {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
        self.array.read_raw(chunk, raw)
    }

    fn decode(&self, raw: &[u8], info: ChunkInfo, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
        self.array.decode(raw, info, chunk, scratch)
    }

    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()> {
        self.array.encode(chunk, raw, scratch)
    }

    fn write_raw(&self, chunk: &[u64], raw: &[u8]) -> Result<()> {
        let mut started = self.started();
        if started.len() >= 2 * self.remote.concurrency()
            && let Some(first) = started.pop_front()
        {
            self.remote.runtime().join(first)?;
        }
        started.push_back(self.remote.start_put(self.array.key(chunk), Bytes::copy_from_slice(raw))?);
        Ok(())
    }

    fn fill_value(&self) -> &[u8] {
        self.array.fill_value()
    }
}
