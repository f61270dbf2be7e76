//! Arrays in one piece: positioned reads, in parallel where there is much to do, and positioned writes.

use std::ops::Range;

use anndata_codecs::room;
use anndata_storage::{
    AlignedBytes, ArraySpec, AxisSelection, ChunkInfo, ChunkedStorage, DType, Error, OrBug, Result, Tensor, chunked,
    copy_values, ensure,
};
use arrow_buffer::Buffer;
use bytes::Bytes;
use rayon::prelude::*;

use super::Plan;
use crate::dtype::Fix;

/// The most bytes that one thread reads at a time.
const PIECE: usize = 4 << 20;
/// Runs shorter than this are not read one by one where there are many; whole rows are read instead.
const SHORT_RUN: usize = 16 << 10;
/// Bytes of rows that are read at a time for short runs.
const ROWS: usize = 1 << 20;

/// A piece of the file and its position in the destination.
type Piece<'a> = (u64, &'a mut [u8]);

impl Plan {
    /// Reads what is selected of one piece at an address; `None` if nothing was written yet.
    pub(crate) fn read_contiguous(
        &self,
        address: Option<u64>,
        spec: &ArraySpec,
        selection: &[AxisSelection],
    ) -> Result<Tensor> {
        let size = size_of_value(spec)?;
        let shape = selection.iter().map(|axis| to_usize(axis.len())).collect::<Result<Vec<_>>>()?;
        let bytes = product(&shape, size)?;
        let Some(address) = address else { return self.unwritten(spec, shape, bytes) };
        let (runs, run) = runs(&spec.shape, selection, size as u64)?;
        if let Some(bytes) = self.mapped(spec, &runs, address)? {
            return Tensor::new(spec.dtype.clone(), shape, Buffer::from(bytes));
        }
        if run < SHORT_RUN && runs.len() > 1 << 10 && spec.ndim() > 1 {
            return self.read_rows(spec, selection, address);
        }
        let mut out = AlignedBytes::try_to_fill(bytes)?;
        self.read_pieces(size, runs, address, out.as_mut_slice())?;
        Tensor::new(spec.dtype.clone(), shape, out)
    }

    /// The values where they are in the file, if that is mapped and has them in one piece, as they are in memory.
    fn mapped(&self, spec: &ArraySpec, runs: &[(u64, usize)], address: u64) -> Result<Option<Bytes>> {
        // Only numbers: every bit pattern is one. A boolean that was checked could become something else when the file changes.
        let (true, Fix::None, [(start, len)]) =
            (spec.dtype.is_numeric() && spec.dtype != DType::Bool, self.fix(), runs)
        else {
            return Ok(None);
        };
        let start = address.checked_add(*start).ok_or_else(too_large)?;
        self.file.check(start, *len as u64)?;
        Ok(self.file.mapped(start, *len))
    }

    /// Reads runs, one after the other; without memory of the caller they become a tensor.
    pub(crate) fn read_contiguous_runs(
        &self,
        address: Option<u64>,
        spec: &ArraySpec,
        runs: &[Range<u64>],
    ) -> Result<Tensor> {
        let size = size_of_value(spec)?;
        let total =
            runs.iter().try_fold(0_u64, |sum, run| sum.checked_add(run.end - run.start)).ok_or_else(too_large)?;
        let shape = vec![to_usize(total)?];
        let bytes = product(&shape, size)?;
        if address.is_none() {
            return self.unwritten(spec, shape, bytes);
        }
        let mut out = AlignedBytes::try_to_fill(bytes)?;
        self.read_contiguous_runs_into(address, spec, runs, out.as_mut_slice())?;
        Tensor::new(spec.dtype.clone(), shape, out)
    }

    /// Reads runs, one after the other, into memory of the size of their values.
    pub(crate) fn read_contiguous_runs_into(
        &self,
        address: Option<u64>,
        spec: &ArraySpec,
        runs: &[Range<u64>],
        out: &mut [u8],
    ) -> Result<()> {
        let size = size_of_value(spec)?;
        let Some(address) = address else {
            // Fallback: values without bytes take no room.
            let len = out.len().checked_div(size).unwrap_or(0);
            return copy_values(&self.unwritten(spec, vec![len], out.len())?, out);
        };
        let in_bytes =
            |run: &Range<u64>| Ok((run.start * size as u64, product(&[to_usize(run.end - run.start)?], size)?));
        self.read_pieces(size, runs.iter().map(in_bytes).collect::<Result<_>>()?, address, out)
    }

    /// Reads runs of bytes, one after the other, into memory of their size.
    fn read_pieces(&self, size: usize, runs: Vec<(u64, usize)>, address: u64, out: &mut [u8]) -> Result<()> {
        let bytes = out.len();
        let mut pieces: Vec<Piece> = Vec::new();
        let mut rest = out;
        for (start, len) in runs {
            let (run, after) = rest.split_at_mut_checked(len).ok_or_else(too_large)?;
            rest = after;
            let start = address.checked_add(start).ok_or_else(too_large)?;
            self.file.check(start, len as u64)?;
            pieces.extend((start..).step_by(PIECE).zip(run.chunks_mut(PIECE)));
        }
        ensure!(rest.is_empty(), "the runs leave {} of {bytes} bytes out", rest.len());
        let read = |(at, target): Piece| {
            self.file.read_at(at, target)?;
            self.fix().apply(target, size);
            Ok::<(), Error>(())
        };
        if bytes > PIECE { pieces.into_par_iter().try_for_each(read) } else { pieces.into_iter().try_for_each(read) }
    }

    /// Writes plain values that need no fix where they belong.
    #[cfg_attr(not(feature = "write"), expect(dead_code, reason = "files are only read"))]
    pub(crate) fn write_contiguous(&self, address: u64, shape: &[u64], offset: &[u64], values: &Tensor) -> Result<()> {
        let packed = values.to_packed()?;
        let selection: Vec<AxisSelection> = offset
            .iter()
            .zip(values.shape())
            .map(|(&start, &len)| AxisSelection::Range(start..start + len as u64))
            .collect();
        let size = self.stored.node.size().file;
        let (runs, _) = runs(shape, &selection, size as u64)?;
        // In order, by one thread: file systems let one write to a file at a time, and place what comes in order best.
        let mut rest: &[u8] = &packed;
        for (start, len) in runs {
            let (run, after) = rest.split_at_checked(len).ok_or_else(too_large)?;
            rest = after;
            self.file.write_at(address.checked_add(start).ok_or_else(too_large)?, run)?;
        }
        Ok(())
    }

    /// What an array reads as that has no place in the file yet.
    fn unwritten(&self, spec: &ArraySpec, shape: Vec<usize>, bytes: usize) -> Result<Tensor> {
        self.limits.check(bytes as u64, 0)?;
        let mut out = AlignedBytes::try_zeroed(bytes)?;
        if !self.fill.is_empty() {
            let mut elements = out.as_mut_slice().chunks_exact_mut(self.fill.len());
            elements.by_ref().for_each(|element| element.copy_from_slice(&self.fill));
            let rest = elements.into_remainder().len();
            ensure!(rest == 0, "a fill value of {} bytes in an array of {bytes}", self.fill.len());
        }
        Tensor::new(spec.dtype.clone(), shape, out)
    }

    /// Reads whole rows, some at a time, and keeps what is selected of them.
    fn read_rows(&self, spec: &ArraySpec, selection: &[AxisSelection], address: u64) -> Result<Tensor> {
        let mut rows = spec.shape.clone();
        let row = product(&rows.iter().skip(1).map(|&len| to_usize(len)).collect::<Result<Vec<_>>>()?, 1)?
            .checked_mul(size_of_value(spec)?)
            .ok_or_else(too_large)?;
        let first = rows.first_mut().or_bug("an array without rows")?;
        let end = first.checked_mul(row as u64).ok_or_else(too_large)?;
        *first = (*first).min((ROWS / row.max(1)).max(1) as u64);
        let bytes = row.checked_mul(to_usize(*first)?).ok_or_else(too_large)?;
        let rows = spec.clone().with_codecs([]).with_chunks(rows);
        chunked::read(&Rows { plan: self, address, bytes, end }, &rows, selection)
    }
}

/// A contiguous array seen as chunks of whole rows.
struct Rows<'a> {
    plan: &'a Plan,
    address: u64,
    /// Bytes of a chunk.
    bytes: usize,
    /// Bytes of the array.
    end: u64,
}

impl ChunkedStorage for Rows<'_> {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
        let start = chunk.first().and_then(|at| at.checked_mul(self.bytes as u64)).or_bug("rows beyond the array")?;
        let len = to_usize(self.end.checked_sub(start).or_bug("rows beyond the array")?.min(self.bytes as u64))?;
        let at = self.address.checked_add(start).ok_or_else(too_large)?;
        self.plan.file.check(at, len as u64)?;
        raw.clear();
        room(raw, self.bytes)?;
        self.plan.file.read_at(at, raw.get_mut(..len).or_bug("a buffer shorter than its rows")?)?;
        Ok(Some(ChunkInfo::default()))
    }

    fn decode(&self, raw: &[u8], _: ChunkInfo, chunk: &mut [u8], _: &mut Vec<u8>) -> Result<()> {
        if raw.len() != chunk.len() {
            return Err(too_large());
        }
        chunk.copy_from_slice(raw);
        self.plan.fix().apply(chunk, self.plan.stored.node.size().file);
        Ok(())
    }

    fn encode(&self, _: &[u8], _: &mut Vec<u8>, _: &mut Vec<u8>) -> Result<()> {
        Err(Error::unsupported("rows of a contiguous array are not encoded"))
    }

    fn write_raw(&self, _: &[u64], _: &[u8]) -> Result<()> {
        Err(Error::unsupported("rows of a contiguous array are not written as chunks"))
    }

    fn fill_value(&self) -> &[u8] {
        &[]
    }

    fn is_raw(&self) -> bool {
        self.plan.fix() == Fix::None
    }
}

/// The runs of consecutive bytes that a selection is made of, as start and length, in the order of the result; and the
/// length of the shortest.
fn runs(shape: &[u64], selection: &[AxisSelection], size: u64) -> Result<(Vec<(u64, usize)>, usize)> {
    if selection.iter().any(AxisSelection::is_empty) {
        return Ok((Vec::new(), 0));
    }
    let mut runs: Vec<(u64, u64)> = vec![(0, size)];
    let mut stride = size;
    // From the last axis to the first. As long as everything so far is one run that is whole, runs of an axis stay runs.
    for (&len, axis) in shape.iter().zip(selection).rev() {
        let whole = matches!(runs.as_slice(), [(0, inner)] if *inner == stride);
        let (inner, first) = (std::mem::take(&mut runs), stride);
        stride = stride.checked_mul(len).ok_or_else(too_large)?;
        for (start, count) in axis.runs() {
            if whole {
                runs.push((start * first, count * first));
            } else {
                for position in start..start + count {
                    runs.extend(inner.iter().map(|&(at, len)| (position * first + at, len)));
                }
            }
        }
    }
    let shortest = runs.iter().map(|&(_, len)| len).min().or_bug("a selection without runs")?;
    let runs = runs.into_iter().map(|(at, len)| Ok((at, to_usize(len)?))).collect::<Result<_>>()?;
    Ok((runs, to_usize(shortest)?))
}

/// The bytes of one value.
fn size_of_value(spec: &ArraySpec) -> Result<usize> {
    spec.dtype.size().or_bug("values without a size in one piece")
}

fn product(shape: &[usize], size: usize) -> Result<usize> {
    if shape.contains(&0) {
        return Ok(0);
    }
    shape.iter().try_fold(size, |product, &len| product.checked_mul(len)).ok_or_else(too_large)
}

fn to_usize(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| too_large())
}

fn too_large() -> Error {
    Error::limit_exceeded("the values do not fit into memory or file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_become_runs() -> Result<()> {
        let all = AxisSelection::all(&[4, 3, 2]);
        assert_eq!(runs(&[4, 3, 2], &all, 4)?, (vec![(0, 96)], 96));
        let rows = [AxisSelection::from(vec![0, 1, 3]), AxisSelection::Range(0..3), AxisSelection::Range(0..2)];
        assert_eq!(runs(&[4, 3, 2], &rows, 4)?.0, [(0, 48), (72, 24)]);
        let columns = [AxisSelection::Range(1..3), AxisSelection::from(vec![0, 2])];
        assert_eq!(runs(&[4, 3], &columns, 2)?, (vec![(6, 2), (10, 2), (12, 2), (16, 2)], 2));
        assert_eq!(runs(&[], &[], 8)?.0, [(0, 8)]);
        assert_eq!(runs(&[4], &[AxisSelection::Range(2..2)], 8)?.0, []);
        Ok(())
    }
}
