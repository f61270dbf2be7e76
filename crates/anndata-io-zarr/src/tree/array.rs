//! One array: where its chunks are, and reading and writing them.
//!
//! A chunk is the smallest piece that is decoded. If chunks are put together in shards the shard is only a container: a
//! chunk is a range of its file, found through the index of the shard.

mod fetch;
mod pieces;
mod present;
mod segments;
mod text;
mod write;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard};

use anndata_storage::chunked::KeptChunks;
use anndata_storage::{
    ArraySpec, ArrayStorage, AsyncArrayStorage, AxisSelection, BoxFuture, ChunkInfo, ChunkedStorage, DType, Error,
    Result, StoredPieces, Tensor, chunked, read_positions,
};

use super::{Shared, Stamp};
use crate::codec::Pipeline;
use crate::metadata::{ArrayMeta, Lacking};
use crate::shard::ShardIndex;
use crate::store::{ByteRange, join};
use present::Present;
use write::OpenShard;

/// An open array. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ZarrArray(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    path: String,
    meta: ArrayMeta,
    /// As it was when it was last asked for.
    spec: Mutex<Arc<ArraySpec>>,
    stamp: Stamp,
    /// The shape of a chunk in memory.
    chunk_shape: Vec<usize>,
    state: Arc<State>,
    /// What the position of a piece along the first axis is counted from in its key.
    first_piece: u64,
    /// The arrays of pieces of one length, each with its first row, where lengths along the first axis are not all the same.
    segments: Vec<(u64, ZarrArray)>,
    kept: KeptChunks,
    present: Present,
}

/// What changes when an array is written. Its node and all arrays opened from it share it.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The length of each axis now, `None` as long as the array was not opened; the one of the metadata that an array was
    /// opened with is that of then.
    shape: RwLock<Option<Vec<u64>>>,
    /// Shards that are being written, by position. The lock is held while bytes are put down, never while other threads
    /// are waited for, so that blocks can be written from within a pool of threads.
    open_shards: Mutex<BTreeMap<Vec<u64>, OpenShard>>,
    /// Those of the segments of the array, each by the number of its first piece.
    segments: Mutex<BTreeMap<u64, Arc<State>>>,
}

impl State {
    fn shape_mut(&self) -> RwLockWriteGuard<'_, Option<Vec<u64>>> {
        self.shape.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ZarrArray {
    pub(crate) fn new(
        shared: Arc<Shared>,
        path: &str,
        meta: ArrayMeta,
        resizable: bool,
        stamp: Stamp,
        state: Arc<State>,
    ) -> Result<Self> {
        let segments = meta.segments.iter().map(|segment| {
            let mut states = state.segments.lock().unwrap_or_else(PoisonError::into_inner);
            let own = Arc::clone(states.entry(segment.first_piece).or_default());
            drop(states);
            let (shared, stamp, meta) = (Arc::clone(&shared), stamp.clone(), segment.meta.clone());
            let array = Self::of_pieces(shared, path, meta, false, stamp, own, (segment.first_piece, Vec::new()))?;
            Ok((segment.start, array))
        });
        let segments = segments.collect::<Result<_>>()?;
        Self::of_pieces(shared, path, meta, resizable, stamp, state, (0, segments))
    }

    fn of_pieces(
        shared: Arc<Shared>,
        path: &str,
        meta: ArrayMeta,
        resizable: bool,
        stamp: Stamp,
        state: Arc<State>,
        (first_piece, segments): (u64, Vec<(u64, Self)>),
    ) -> Result<Self> {
        let resizable = resizable && segments.is_empty();
        let in_memory = |&len: &u64| usize::try_from(len).map_err(|_| Error::limit_exceeded("a chunk is too large"));
        state.shape_mut().get_or_insert_with(|| meta.shape.clone());
        Ok(Self(Arc::new(Inner {
            shared,
            path: path.to_owned(),
            chunk_shape: meta.chunks.iter().map(in_memory).collect::<Result<_>>()?,
            spec: Mutex::new(Arc::new(meta.spec().with_resizable(resizable))),
            meta,
            stamp,
            state,
            first_piece,
            segments,
            kept: KeptChunks::default(),
            present: Present::default(),
        })))
    }
}

impl Inner {
    fn spec(&self) -> Arc<ArraySpec> {
        let mut kept = self.spec.lock().unwrap_or_else(PoisonError::into_inner);
        let shape = self.state.shape.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(shape) = shape.as_ref().filter(|shape| **shape != kept.shape) {
            // Another handle made the array longer or shorter.
            *kept = Arc::new(ArraySpec { shape: shape.clone(), ..ArraySpec::clone(&kept) });
        }
        Arc::clone(&kept)
    }

    fn is_text(&self) -> bool {
        self.meta.dtype == DType::String
    }

    /// The codecs.
    ///
    /// # Errors
    /// If this build lacks one of them.
    fn pipeline(&self) -> Result<&Pipeline> {
        self.meta.pipeline.as_ref().map_err(Lacking::error)
    }

    /// The bytes of a chunk in memory; for text at least its offsets.
    fn chunk_bytes(&self) -> usize {
        let size = self.meta.dtype.size().unwrap_or(size_of::<i64>());
        self.chunk_shape.iter().fold(size, |product, &len| product.saturating_mul(len))
    }

    /// The most bytes that a stored chunk can have.
    fn max_stored(&self) -> u64 {
        match &self.meta.pipeline {
            Ok(pipeline) if !self.is_text() => pipeline.max_stored(),
            _ => u64::MAX,
        }
    }

    /// Refuses to make room for a chunk that `stored` bytes cannot hold.
    fn check_chunk(&self, stored: usize) -> Result<()> {
        self.shared.options.limits.check(self.chunk_bytes() as u64, stored as u64)
    }

    /// The bytes of all chunks, `None` if the store cannot list, as plain HTTP servers cannot.
    fn stored_bytes(&self) -> Option<u64> {
        self.shared.store.usage(&self.path).ok().flatten()
    }

    /// The key of a chunk that is a value of its own, or of a shard.
    fn key(&self, position: &[u64]) -> String {
        if self.first_piece == 0 {
            return join(&self.path, &self.meta.keys.key(position));
        }
        let mut position = position.to_vec();
        if let Some(first) = position.first_mut() {
            *first += self.first_piece;
        }
        join(&self.path, &self.meta.keys.key(&position))
    }

    /// The index of the shard at `key`, `None` if there is no such shard.
    fn index(&self, key: &str) -> Result<Option<Arc<ShardIndex>>> {
        let Some(shard) = &self.meta.shard else { return Ok(None) };
        if let Some(index) = self.shared.cached_index(key) {
            return Ok(Some(index));
        }
        let count = shard.count(&self.meta.chunks)?;
        let mut bytes = Vec::new();
        if !self.read_value(key, shard.index_range(count), shard.index_len(count), &mut bytes)? {
            return Ok(None);
        }
        let index = Arc::new(ShardIndex::parse(&bytes, shard, count)?);
        Ok(Some(self.shared.cached_or(key, index)))
    }

    /// Reads a value of the array. `false`: there is none.
    fn read_value(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool> {
        if self.present.lacks(key) {
            return Ok(false);
        }
        let is_there = self.shared.store.read(key, range, max, into)?;
        if !is_there {
            self.present.missed(&*self.shared.store, &self.path)?;
        }
        Ok(is_there)
    }

    /// Reads the stored bytes of a chunk. `false`: it was never written.
    fn read_stored(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<bool> {
        let Some(shard) = &self.meta.shard else {
            return self.read_value(&self.key(chunk), ByteRange::All, self.max_stored(), raw);
        };
        let (position, slot) = shard.locate(&self.meta.chunks, chunk);
        let key = self.key(&position);
        let Some(index) = self.index(&key)? else { return Ok(false) };
        let Some((start, len)) = index.get(slot)? else { return Ok(false) };
        self.shared.store.read(&key, ByteRange::Part { start, len }, self.max_stored(), raw)
    }

    /// What was read, where the array is still the one that was opened: chunks of another would be taken for those of this
    /// one, and missing ones for such as were never written.
    fn unchanged<T>(&self, read: Result<T>) -> Result<T> {
        self.shared.check_array(&self.path, &self.stamp)?;
        read
    }

    fn read(&self, source: &dyn ChunkedStorage, selection: &[AxisSelection]) -> Result<Tensor> {
        self.pipeline()?;
        if self.is_text() {
            text::read(self, source, selection)
        } else {
            chunked::read(source, &self.spec(), selection)
        }
    }
}

impl fmt::Debug for ZarrArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZarrArray").field("path", &self.0.path).field("meta", &self.0.meta).finish_non_exhaustive()
    }
}

impl ArrayStorage for ZarrArray {
    fn spec(&self) -> Arc<ArraySpec> {
        self.0.spec()
    }

    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        if !self.0.segments.is_empty() {
            return self.read_segments(selection);
        }
        match self.0.shared.store.as_remote() {
            Some(remote) => fetch::read(&self.0, remote, selection),
            None => self.0.unchanged(self.0.read(&*self.0, selection)),
        }
    }

    fn read_runs(&self, runs: &[Range<u64>]) -> Result<Tensor> {
        self.0.pipeline()?;
        match self.0.meta.dtype.size() {
            Some(size) if !self.0.is_text() => {
                chunked::tensor_of_runs(&self.0.meta.dtype, size, runs, |out| self.read_runs_into(runs, out))
            }
            _ => read_positions(|selection| self.read(selection), runs),
        }
    }

    fn read_runs_into(&self, runs: &[Range<u64>], out: &mut [u8]) -> Result<()> {
        self.0.pipeline()?;
        if !self.0.segments.is_empty() {
            return self.read_runs_of_segments(runs, out);
        }
        match self.0.shared.store.as_remote() {
            Some(remote) => fetch::read_runs_into(&self.0, remote, runs, out),
            None => self.0.unchanged(chunked::read_runs_into(&*self.0, &self.0.spec(), runs, out)),
        }
    }

    fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        if !self.0.segments.is_empty() {
            return self.write_segments(offset, values);
        }
        self.0.write(offset, values)
    }

    fn resize(&self, shape: &[u64]) -> Result<()> {
        self.0.resize(shape)
    }

    fn stored_bytes(&self) -> Result<Option<u64>> {
        Ok(self.0.stored_bytes())
    }

    /// Chunks in shards are not values of their own, and text has no fixed size.
    fn as_chunked(&self) -> Option<&dyn ChunkedStorage> {
        let plain = self.0.meta.shard.is_none() && !self.0.is_text() && self.0.meta.pipeline.is_ok();
        let plain = plain && self.0.segments.is_empty();
        if plain && !self.0.meta.shape.is_empty() { Some(&*self.0) } else { None }
    }

    fn as_pieces(&self) -> Option<&dyn StoredPieces> {
        let known = self.0.meta.pipeline.as_ref().is_ok_and(Pipeline::says_all);
        if known && !self.0.meta.shape.is_empty() { Some(&*self.0) } else { None }
    }

    fn as_async(&self) -> Option<&dyn AsyncArrayStorage> {
        self.0.shared.store.as_remote().is_some().then_some(self)
    }
}

impl AsyncArrayStorage for ZarrArray {
    fn read_async<'a>(&'a self, selection: &'a [AxisSelection]) -> BoxFuture<'a, Result<Tensor>> {
        Box::pin(async move {
            if !self.0.segments.is_empty() {
                return self.read_segments_async(selection).await;
            }
            match self.0.shared.store.as_remote() {
                Some(remote) => fetch::read_async(&self.0, remote, selection).await,
                None => self.0.unchanged(self.0.read(&*self.0, selection)),
            }
        })
    }

    fn anticipate(&self) -> Result<()> {
        match self.0.shared.store.as_remote() {
            Some(remote) if self.0.segments.is_empty() => fetch::anticipate(&self.0, remote),
            _ => Ok(()),
        }
    }
}

impl ChunkedStorage for Inner {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
        let there = self.read_stored(chunk, raw)?;
        self.check_chunk(if there { raw.len() } else { 0 })?;
        Ok(there.then_some(ChunkInfo::default()))
    }

    fn decode(&self, raw: &[u8], _info: ChunkInfo, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
        self.pipeline()?.decode(raw, chunk, scratch)
    }

    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()> {
        self.pipeline()?.encode(chunk, raw, scratch)
    }

    fn write_raw(&self, chunk: &[u64], raw: &[u8]) -> Result<()> {
        match self.meta.shard {
            None => self.shared.store.write(&self.key(chunk), raw),
            Some(_) => Err(Error::unsupported("a chunk of a shard cannot be written alone")),
        }
    }

    fn fill_value(&self) -> &[u8] {
        self.meta.fill.bytes()
    }

    fn is_raw(&self) -> bool {
        self.meta.pipeline.as_ref().is_ok_and(Pipeline::is_raw)
    }

    fn kept_chunks(&self) -> Option<&KeptChunks> {
        (!self.shared.store.is_writable()).then_some(&self.kept)
    }
}
