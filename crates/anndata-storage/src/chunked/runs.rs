//! Reading runs of a one-dimensional array from chunks.

use std::ops::Range;

use rayon::prelude::*;

use super::copy::{Run, Target, copy_runs};
use super::kept::{KeptChunks, Part};
use super::read::Scratch;
use super::{byte_len, to_usize};
use crate::{AlignedBytes, ArraySpec, ChunkedStorage, DType, Error, OrBug, Result, Tensor, ensure};

/// Runs of a one-dimensional chunked array, one after the other, decoded on all cores. Runs may be in any order and
/// overlap; each chunk is read and decoded once. Runs are within bounds, as [`ArrayStorage::read_runs`] promises.
///
/// # Errors
/// As [`read`](super::read).
///
/// [`ArrayStorage::read_runs`]: crate::ArrayStorage::read_runs
pub fn read_runs(storage: &dyn ChunkedStorage, spec: &ArraySpec, runs: &[Range<u64>]) -> Result<Tensor> {
    let (_, size) = super::layout(spec)?;
    tensor_of_runs(&spec.dtype, size, runs, |out| read_runs_into(storage, spec, runs, out))
}

/// The same into memory of the caller, which is of the size of all the values.
///
/// # Errors
/// As [`read_runs`]; [`Bug`](crate::ErrorKind::Bug) if the memory is of another size.
pub fn read_runs_into(
    storage: &dyn ChunkedStorage,
    spec: &ArraySpec,
    runs: &[Range<u64>],
    out: &mut [u8],
) -> Result<()> {
    let (chunks, size) = super::layout(spec)?;
    let [chunk_len] = *chunks else {
        return Err(Error::invalid_input(format!("runs are of one dimension, not of {}", chunks.len())));
    };
    let chunk_len = chunk_len.max(1);
    let (pieces, total) = pieces(runs, chunk_len)?;
    ensure!(byte_len(&[total], size)? == out.len(), "{} bytes for {total} values of {size}", out.len());
    let target = Target::new(out);
    let chunk_bytes = byte_len(&[to_usize(chunk_len)?], size)?;
    let kept = storage.kept_chunks().filter(|_| !storage.is_raw() && KeptChunks::are_wanted());
    let len = spec.shape.first().copied().unwrap_or(0);
    let of_chunks: Vec<&[Piece]> = pieces.chunk_by(|a, b| a.chunk == b.chunk).collect();
    of_chunks.into_par_iter().try_for_each_init(Scratch::default, |scratch, pieces| {
        let number = pieces.first().or_bug("a chunk without pieces")?.chunk;
        let position = [number];
        let name = |error: Error| super::at_chunk(&position, error);
        let Scratch { raw, chunk, codec, .. } = scratch;
        let runs: Vec<Run> = pieces.iter().map(|piece| piece.run).collect();
        let scatter = |source: &[u8], stride: usize, runs: &[Run]| {
            // SAFETY: `target` outlives this closure; the targets of all pieces are disjoint parts of the destination,
            // and a piece belongs to one chunk.
            if unsafe { copy_runs(source, target, &[runs], &[stride], &[1], size) } {
                Ok(())
            } else {
                Err(name(Error::invalid_data("a chunk is smaller than the array declares")))
            }
        };
        if let Some(kept) = kept
            && let Some(part) = kept.take(number)
            && let Some((values, found)) = part.find(&runs)
        {
            scatter(values, 1, &found)?;
            drop(kept.keep(number, part, &runs, size));
            return Ok(());
        }
        // What one run takes of the chunk: where in it, and its place in the destination.
        let mut only = match pieces {
            [Piece { run, .. }] => {
                let [source, at, len] = [run.source, run.target, run.len].map(|count| count.saturating_mul(size));
                // SAFETY: as above: this part of the destination is of this chunk alone.
                Some((source, unsafe { target.slice(at, len) }.or_bug("values beyond the destination")?))
            }
            _ => None,
        };
        if let Some((source, place)) = &mut only
            && storage.read_part(&position, *source, place).map_err(name)?
        {
            return Ok(());
        }
        let Some(info) = storage.read_raw(&position, raw).map_err(name)? else {
            let fill = storage.fill_value();
            if fill.len() == size {
                return scatter(fill, 0, &runs);
            }
            // Of a format that names no value; memory that was used before is not zero.
            super::resize(chunk, size)?;
            let zeros = chunk.get_mut(..size).or_bug("a buffer shorter than a value")?;
            zeros.fill(0);
            return scatter(zeros, 0, &runs);
        };
        if storage.is_raw() && raw.len() == chunk_bytes {
            return scatter(raw, 1, &runs);
        }
        if let Some((_, place)) = only
            && place.len() == chunk_bytes
        {
            // All of it is wanted, and goes where it belongs at once.
            return storage.decode(raw, info, place, codec).map_err(name);
        }
        super::resize(chunk, chunk_bytes)?;
        let decoded = chunk.get_mut(..chunk_bytes).or_bug("a buffer shorter than a chunk")?;
        storage.decode(raw, info, decoded, codec).map_err(name)?;
        scatter(decoded, 1, &runs)?;
        if let Some(kept) = kept {
            chunk.truncate(chunk_bytes);
            // The last chunk may go beyond the array.
            let own = to_usize(len.saturating_sub(number.saturating_mul(chunk_len)).min(chunk_len))?;
            let whole = Part::whole(own, std::mem::take(chunk));
            *chunk = kept.keep(number, whole, &runs, size).unwrap_or_default();
        }
        Ok(())
    })
}

/// The values of runs, one after the other, of which a function puts down the bytes: what a backend makes of its
/// [`read_runs_into`](crate::ArrayStorage::read_runs_into).
///
/// # Errors
/// As the function; [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if the values do not fit into memory.
pub fn tensor_of_runs(
    dtype: &DType,
    size: usize,
    runs: &[Range<u64>],
    read_into: impl FnOnce(&mut [u8]) -> Result<()>,
) -> Result<Tensor> {
    let total = runs.iter().try_fold(0_u64, |sum, run| sum.checked_add(run.end.saturating_sub(run.start)));
    let total = to_usize(total.ok_or_else(|| Error::limit_exceeded("the runs do not fit into memory"))?)?;
    let mut out = AlignedBytes::try_to_fill(byte_len(&[total], size)?)?;
    read_into(out.as_mut_slice())?;
    Tensor::new(dtype.clone(), [total], out)
}

/// What one chunk gives to one run: sources count within the chunk, targets within the destination.
struct Piece {
    chunk: u64,
    run: Run,
}

/// The runs cut at the borders of chunks, in the order of chunks, and the length of all together.
fn pieces(runs: &[Range<u64>], chunk_len: u64) -> Result<(Vec<Piece>, usize)> {
    let mut pieces = Vec::with_capacity(runs.len());
    let mut target = 0;
    for run in runs {
        let mut start = run.start;
        while start < run.end {
            let chunk = start / chunk_len;
            // The chunk may end beyond all numbers, the run does not.
            let end = run.end.min(chunk.saturating_add(1).saturating_mul(chunk_len));
            let len = to_usize(end - start)?;
            pieces.push(Piece { chunk, run: Run { source: to_usize(start % chunk_len)?, target, len } });
            target = target.checked_add(len).ok_or_else(|| Error::limit_exceeded("the runs do not fit into memory"))?;
            start = end;
        }
    }
    if !pieces.is_sorted_by_key(|piece| piece.chunk) {
        pieces.sort_by_key(|piece| piece.chunk);
    }
    Ok((pieces, target))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::ChunkInfo;
    use crate::chunked::ChunkReuse;

    /// The numbers from 0 on, in chunks of five whose bytes are turned around, and how many were decoded.
    #[derive(Default)]
    struct Numbers {
        decoded: AtomicUsize,
        kept: KeptChunks,
    }

    impl ChunkedStorage for Numbers {
        fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
            raw.clear();
            raw.extend((0..5).flat_map(|at| (chunk[0] * 5 + at).to_be_bytes()));
            Ok(Some(ChunkInfo::default()))
        }

        fn decode(&self, raw: &[u8], _: ChunkInfo, chunk: &mut [u8], _: &mut Vec<u8>) -> Result<()> {
            self.decoded.fetch_add(1, Ordering::Relaxed);
            for (to, from) in chunk.chunks_mut(8).zip(raw.chunks(8)) {
                to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
            }
            Ok(())
        }

        fn encode(&self, _: &[u8], _: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<()> {
            Err(Error::read_only("numbers"))
        }

        fn write_raw(&self, _: &[u64], _: &[u8]) -> Result<()> {
            Err(Error::read_only("numbers"))
        }

        fn fill_value(&self) -> &[u8] {
            &[]
        }

        fn kept_chunks(&self) -> Option<&KeptChunks> {
            Some(&self.kept)
        }
    }

    #[test]
    fn chunks_in_which_cursors_are_are_decoded_once() -> Result<()> {
        let _alone = super::super::kept::ALONE.lock();
        let spec = ArraySpec::new(DType::U64, [100]).with_chunks([5]);
        let steps = [[0..7, 50..58], [7..8, 58..59], [8..23, 59..71], [23..40, 71..72]];
        for kept in [true, false] {
            let numbers = Numbers::default();
            let reuse = kept.then(|| ChunkReuse::unread(1000));
            for runs in &steps {
                let read = read_runs(&numbers, &spec, runs)?;
                assert_eq!(read.as_slice::<u64>()?, runs.iter().cloned().flatten().collect::<Vec<_>>());
            }
            drop(reuse);
            let found = numbers.decoded.load(Ordering::Relaxed);
            // Of 40 numbers, and of 22, in chunks of five.
            assert!(if kept { found == 8 + 5 } else { found > 8 + 5 }, "{found}");
        }
        Ok(())
    }

    #[test]
    fn chunks_of_which_values_are_read_from_anywhere_are_decoded_once() -> Result<()> {
        let _alone = super::super::kept::ALONE.lock();
        let spec = ArraySpec::new(DType::U64, [100]).with_chunks([5]);
        // Four of five numbers are left of each chunk after the first pass; whole chunks take more.
        let unread: fn(usize) -> ChunkReuse = ChunkReuse::unread;
        for (guard, room, decoded) in [
            (unread, 20 * 32, 20..=20),
            (unread, 20 * 16, 21..=100),
            (unread, 0, 100..=100),
            (ChunkReuse::whole, 20 * 40, 20..=20),
            (ChunkReuse::whole, 20 * 20, 21..=100),
            (ChunkReuse::whole, 0, 100..=100),
        ] {
            let numbers = Numbers::default();
            let reuse = guard(room);
            for start in [3, 1, 0, 2, 4] {
                // Every fifth number, the last one first.
                let runs: Vec<_> = (0..20).rev().map(|chunk| chunk * 5 + start).map(|at| at..at + 1).collect();
                let read = read_runs(&numbers, &spec, &runs)?;
                assert_eq!(read.as_slice::<u64>()?, runs.into_iter().flatten().collect::<Vec<_>>());
            }
            drop(reuse);
            let found = numbers.decoded.load(Ordering::Relaxed);
            assert!(decoded.contains(&found), "{found} with room for {room}");
            read_runs(&numbers, &spec, std::slice::from_ref(&(0..1)))?;
            assert_eq!(numbers.decoded.load(Ordering::Relaxed), found + 1, "nothing is kept any more");
        }
        Ok(())
    }

    #[test]
    fn values_that_come_again_are_decoded_again_unless_chunks_are_kept_whole() -> Result<()> {
        let _alone = super::super::kept::ALONE.lock();
        let spec = ArraySpec::new(DType::U64, [13]).with_chunks([5]);
        let unread: fn(usize) -> ChunkReuse = ChunkReuse::unread;
        for (guard, decoded) in [(unread, 3), (ChunkReuse::whole, 1)] {
            let numbers = Numbers::default();
            let reuse = guard(1000);
            // Of the last chunk, which goes beyond the array: some, the same once more, and what is left.
            for run in [10..12, 10..12, 11..13] {
                let read = read_runs(&numbers, &spec, std::slice::from_ref(&run))?;
                assert_eq!(read.as_slice::<u64>()?, run.collect::<Vec<_>>());
            }
            drop(reuse);
            assert_eq!(numbers.decoded.load(Ordering::Relaxed), decoded);
        }
        Ok(())
    }

    #[test]
    fn runs_are_cut_at_chunks_and_grouped() -> Result<()> {
        let (pieces, total) = pieces(&[8..13, 2..2, 1..3, 4..6], 5)?;
        let seen: Vec<_> = pieces.iter().map(|p| (p.chunk, p.run.source, p.run.target, p.run.len)).collect();
        assert_eq!(total, 9);
        assert_eq!(seen, [(0, 1, 5, 2), (0, 4, 7, 1), (1, 3, 0, 2), (1, 0, 8, 1), (2, 0, 2, 3)]);
        Ok(())
    }
}
