//! `sharding_indexed` where it is one codec among others: in shards, after other steps, or with a checksum around it.
//!
//! Such a shard is decoded whole. One that stands alone is not: its chunks are read one by one, see [`crate::shard`].

use anndata_codecs::room;
use anndata_storage::{Error, OrBug, Result};

use super::{Pipeline, Values, damaged};
use crate::shard::{ShardIndex, ShardMeta};
use crate::store::ByteRange;

/// Smaller chunks and their index.
#[derive(Debug, Clone)]
pub(crate) struct Shards {
    meta: ShardMeta,
    /// The number of chunks.
    count: usize,
    /// What a chunk holds.
    chunk: Values,
    /// How its values become bytes.
    pipeline: Pipeline,
    /// The value of chunks that were never written; empty where it is 0.
    fill: Vec<u8>,
}

impl Shards {
    /// A shard of chunks of `chunk`.
    ///
    /// # Errors
    /// If the chunks do not fill the shard, or are too many.
    pub(crate) fn new(meta: ShardMeta, chunk: Values, pipeline: Pipeline, fill: Vec<u8>) -> Result<Self> {
        let lengths: Vec<u64> = chunk.shape.iter().map(|&len| len as u64).collect();
        meta.check(&lengths)?;
        let count = meta.count(&lengths)?;
        Ok(Self { meta, count, chunk, pipeline, fill })
    }

    /// The bytes of the index, and what the chunks in it may take beside their values.
    pub(super) fn index_len(&self) -> u64 {
        let beside = self.pipeline.max_stored().saturating_sub(self.chunk.bytes() as u64 * 2);
        self.meta.index_len(self.count).saturating_add(beside.saturating_mul(self.count as u64))
    }

    pub(super) fn decode(&self, bytes: &[u8], out: &mut [u8], values: &Values) -> Result<()> {
        let index = self.meta.index_range(self.count).of(bytes);
        let index = ShardIndex::parse(index.ok_or_else(|| damaged("sharding_indexed"))?, &self.meta, self.count)?;
        let (mut chunk, mut scratch) = (Vec::new(), Vec::new());
        room(&mut chunk, self.chunk.bytes())?;
        self.for_each_chunk(values, |slot, origin| {
            match index.get(slot)? {
                None => fill(&mut chunk, &self.fill),
                Some((start, len)) => {
                    let raw = ByteRange::Part { start, len }.of(bytes);
                    self.pipeline.decode(raw.ok_or_else(|| damaged("sharding_indexed"))?, &mut chunk, &mut scratch)?;
                }
            }
            self.for_each_row(values, origin, |at, row| {
                let target = out.get_mut(at..at + row.len()).or_bug("a chunk beyond its shard")?;
                target.copy_from_slice(chunk.get(row).or_bug("a row beyond its chunk")?);
                Ok(())
            })
        })
    }

    pub(super) fn encode(&self, values: &[u8], out: &mut Vec<u8>, shape: &Values) -> Result<()> {
        if !self.meta.index_at_end {
            return Err(Error::unsupported("shards with their index at the start can be read only"));
        }
        let mut index = ShardIndex::empty(self.count)?;
        let (mut chunk, mut raw, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
        room(&mut chunk, self.chunk.bytes())?;
        out.clear();
        self.for_each_chunk(shape, |slot, origin| {
            self.for_each_row(shape, origin, |at, row| {
                let row_len = row.len();
                let target = chunk.get_mut(row).or_bug("a row beyond its chunk")?;
                target.copy_from_slice(values.get(at..at + row_len).or_bug("a chunk beyond its shard")?);
                Ok(())
            })?;
            self.pipeline.encode(&chunk, &mut raw, &mut scratch)?;
            index.set(slot, out.len() as u64, raw.len() as u64)?;
            out.extend_from_slice(&raw);
            Ok(())
        })?;
        out.extend_from_slice(&index.to_bytes(&self.meta));
        Ok(())
    }

    /// Calls `visit` with the number of each chunk in C order and the position of its first element.
    fn for_each_chunk(&self, values: &Values, mut visit: impl FnMut(usize, &[usize]) -> Result<()>) -> Result<()> {
        let mut origin = vec![0; values.shape.len()];
        for slot in 0..self.count {
            visit(slot, &origin)?;
            for ((at, &len), &step) in origin.iter_mut().zip(&values.shape).zip(&self.chunk.shape).rev() {
                *at += step;
                if *at < len {
                    break;
                }
                *at = 0;
            }
        }
        Ok(())
    }

    /// Calls `visit` with where each row of a chunk begins in the bytes of the shard, and where it is in the chunk.
    fn for_each_row(
        &self,
        values: &Values,
        origin: &[usize],
        mut visit: impl FnMut(usize, std::ops::Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let size = values.size();
        let (rows, row) = match self.chunk.shape.split_last() {
            Some((&last, rows)) => (rows, last * size),
            None => (&[][..], size),
        };
        let mut index = vec![0; rows.len()];
        for number in 0..rows.iter().product() {
            let within = index.iter().copied().chain([0]);
            let at = within.zip(origin).zip(&values.shape).fold(0, |at, ((i, &start), &len)| at * len + start + i);
            visit(at * size, number * row..(number + 1) * row)?;
            for (i, &len) in index.iter_mut().zip(rows).rev() {
                *i += 1;
                if *i < len {
                    break;
                }
                *i = 0;
            }
        }
        Ok(())
    }
}

/// Repeats a value; an empty one is 0.
fn fill(chunk: &mut [u8], value: &[u8]) {
    chunk.fill(0);
    chunk.iter_mut().zip(value.iter().cycle()).for_each(|(byte, fill)| *byte = *fill);
}
