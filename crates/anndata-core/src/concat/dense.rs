//! Dense arrays one after the other along one of their first two axes, the other one reindexed on the way.

use anndata_storage::{AlignedBytes, DType, Error, OrBug, Result, Tensor, ensure};
use rayon::prelude::*;

use super::plan::ElementPlan;
use crate::Reindex;
use anndata_array::promote::FillValue;

/// About how many bytes of the result a task fills.
const TASK_BYTES: usize = 1 << 20;

/// Arrays as a plan has them: of a dtype, with these lengths below the second axis.
pub(super) fn concat(
    plan: &ElementPlan,
    dtype: &DType,
    inner: &[usize],
    fill: FillValue,
    parts: &[Option<Tensor>],
) -> Result<Tensor> {
    let parts = parts.iter().map(|part| part.clone().map(as_matrix).transpose()).collect::<Result<Vec<_>>>()?;
    if !(dtype.is_numeric() || dtype.is_time()) {
        return rows_of_text(plan, &parts);
    }
    // An array without values has none to convert, whatever its dtype: the plan may have left it out of the result's.
    let parts: Vec<Option<Tensor>> = parts.into_iter().map(|part| part.filter(|part| !part.is_empty())).collect();
    let size = dtype.size().or_bug("a number without a size")?;
    let fill = fill.to_tensor(dtype)?;
    let fill = fill.as_bytes().or_bug("a number without bytes")?;
    let (inputs, lengths) = (plan.reindex.len(), plan.lengths.len());
    ensure!(parts.len() == inputs && inputs == lengths, "{} arrays of {inputs} inputs, {lengths} lengths", parts.len());
    let total: usize = plan.lengths.iter().sum();
    // No inputs have no columns.
    let other = plan.reindex.first().map_or(0, Reindex::new_len);
    let mut shape = if plan.axis == 0 { vec![total, other] } else { vec![other, total] };
    shape.extend(inner);
    let cells: usize = inner.iter().product();
    let bytes = shape.iter().try_fold(size, |bytes, &len| bytes.checked_mul(len));
    let bytes =
        bytes.ok_or_else(|| Error::limit_exceeded(format!("an array of shape {shape:?} does not fit into memory")))?;
    let mut out = AlignedBytes::try_zeroed(bytes)?;
    let job = Job { dtype, size, cells, fill };
    if bytes > 0 && plan.axis == 0 {
        job.follow(plan, &parts, out.as_mut_slice(), other)?;
    } else if bytes > 0 {
        job.beside(plan, &parts, out.as_mut_slice(), total)?;
    }
    Tensor::new(dtype.clone(), shape, out)
}

/// What all tasks share.
struct Job<'a> {
    dtype: &'a DType,
    size: usize,
    /// Values at each position of the first two axes.
    cells: usize,
    /// The bytes of the value that fills gaps.
    fill: &'a [u8],
}

impl Job<'_> {
    /// Along the first axis: each row of the result is a row of one part, its columns reordered.
    fn follow(&self, plan: &ElementPlan, parts: &[Option<Tensor>], mut out: &mut [u8], width: usize) -> Result<()> {
        let row_bytes = width * self.cells * self.size;
        let step = (TASK_BYTES / row_bytes.max(1)).max(1);
        let mut tasks = Vec::new();
        for ((part, reindex), &len) in parts.iter().zip(plan.reindex.iter()).zip(plan.lengths.iter()) {
            let sources = Sources::new(part.as_ref().map(|_| reindex), width, self.cells);
            let sources = std::sync::Arc::new(sources);
            for start in (0..len).step_by(step) {
                let rows = start..len.min(start + step);
                let (target, rest) = out.split_at_mut_checked(rows.len() * row_bytes).ok_or_else(too_short)?;
                out = rest;
                tasks.push((part, std::sync::Arc::clone(&sources), rows, target));
            }
        }
        tasks.into_par_iter().try_for_each(|(part, sources, rows, target)| {
            let block = match part {
                None => None,
                Some(part) => Some(part.slice_rows(rows.clone())?.cast(self.dtype)?),
            };
            // An input without the array has no bytes, and all of its positions are filled.
            let from = block.as_ref().map_or(Ok(&[][..]), |block| block.as_bytes().or_bug("a number without bytes"))?;
            match &*sources {
                Sources::Same => target.copy_from_slice(from.get(..target.len()).ok_or_else(too_short)?),
                Sources::Picked(sources) => {
                    let old_row = from.len() / rows.len().max(1);
                    for (i, to) in target.chunks_exact_mut(row_bytes).enumerate() {
                        self.pick(from.get(i * old_row..(i + 1) * old_row).ok_or_else(too_short)?, sources, to)?;
                    }
                }
            }
            Ok(())
        })
    }

    /// Along the second axis: each row of the result is made of a row of each part.
    fn beside(&self, plan: &ElementPlan, parts: &[Option<Tensor>], out: &mut [u8], total: usize) -> Result<()> {
        let row_bytes = total * self.cells * self.size;
        let step = (TASK_BYTES / row_bytes.max(1)).max(1);
        out.par_chunks_mut(step * row_bytes).enumerate().try_for_each(|(task, target)| {
            for (i, mut to) in target.chunks_exact_mut(row_bytes).enumerate() {
                let row = task * step + i;
                for ((part, reindex), &len) in parts.iter().zip(plan.reindex.iter()).zip(plan.lengths.iter()) {
                    let (slot, rest) = to.split_at_mut_checked(len * self.cells * self.size).ok_or_else(too_short)?;
                    to = rest;
                    match part.as_ref().zip(reindex.to_old(row)) {
                        Some((part, old)) => {
                            let values = part.slice_rows(old..old + 1)?.cast(self.dtype)?;
                            slot.copy_from_slice(
                                values.as_bytes().filter(|v| v.len() == slot.len()).ok_or_else(too_short)?,
                            );
                        }
                        None => slot.chunks_exact_mut(self.size).for_each(|cell| cell.copy_from_slice(self.fill)),
                    }
                }
            }
            Ok(())
        })
    }

    /// A row whose values are picked from an old row, or filled.
    fn pick(&self, from: &[u8], sources: &[Option<usize>], to: &mut [u8]) -> Result<()> {
        match self.size {
            1 => pick::<1>(from, sources, self.fill, to),
            2 => pick::<2>(from, sources, self.fill, to),
            4 => pick::<4>(from, sources, self.fill, to),
            8 => pick::<8>(from, sources, self.fill, to),
            16 => pick::<16>(from, sources, self.fill, to),
            size => Err(Error::bug(format!("a number of {size} bytes"))),
        }
    }
}

/// Where the values of a row are from.
enum Sources {
    /// From the same positions.
    Same,
    /// From these positions; `None` is filled.
    Picked(Vec<Option<usize>>),
}

impl Sources {
    fn new(reindex: Option<&Reindex>, width: usize, cells: usize) -> Self {
        match reindex {
            Some(reindex) if reindex.is_identity() => Self::Same,
            Some(reindex) => {
                let positions = reindex.sources().into_iter();
                Self::Picked(positions.flat_map(|old| (0..cells).map(move |cell| Some(old? * cells + cell))).collect())
            }
            None => Self::Picked(vec![None; width * cells]),
        }
    }
}

fn pick<const N: usize>(from: &[u8], sources: &[Option<usize>], fill: &[u8], to: &mut [u8]) -> Result<()> {
    let (from, _) = from.as_chunks::<N>();
    let (to, _) = to.as_chunks_mut::<N>();
    let fill = fill.first_chunk::<N>().or_bug("a fill value of another dtype")?;
    ensure!(to.len() == sources.len(), "{} places from {} sources", to.len(), sources.len());
    for (slot, source) in to.iter_mut().zip(sources) {
        *slot = match *source {
            Some(old) => *from.get(old).or_bug("a column beyond the array")?,
            None => *fill,
        };
    }
    Ok(())
}

/// Text and records cannot be filled, but follow each other and lose columns.
fn rows_of_text(plan: &ElementPlan, parts: &[Option<Tensor>]) -> Result<Tensor> {
    if plan.axis != 0 && parts.len() > 1 {
        return Err(Error::unsupported("text cannot be concatenated along its second axis"));
    }
    let mut picked = Vec::with_capacity(parts.len());
    for ((part, reindex), &len) in parts.iter().zip(plan.reindex.iter()).zip(plan.lengths.iter()) {
        let Some(part) = part.as_ref().filter(|_| !reindex.misses()) else {
            if len == 0 {
                continue;
            }
            return Err(Error::unsupported("there is no text or record for cells that an input does not have"));
        };
        let part = if part.dtype().is_text() { part.to_text()? } else { part.clone() };
        let sources: Vec<u64> = reindex.sources().into_iter().flatten().map(|old| old as u64).collect();
        picked.push(if reindex.is_identity() { part } else { part.take(1 - plan.axis, &sources)? });
    }
    Tensor::concat_rows(&picked)
}

/// An array of one axis as a matrix with one column.
fn as_matrix(part: Tensor) -> Result<Tensor> {
    match *part.shape() {
        [len] => part.reshape([len, 1]),
        _ => Ok(part),
    }
}

fn too_short() -> Error {
    Error::bug("an array is shorter than its shape says")
}
