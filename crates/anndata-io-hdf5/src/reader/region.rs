//! Regions of arrays, as references to them have them.
//!
//! HDF5 File Format Specification Version 3.0, III.E "Disk Format: Level 1E - Global Heap" and "Dataspace Selection". A region
//! is written as text: what it is, the number of axes, the shape, and then numbers in order, all separated by spaces. `all`
//! and `none` have no numbers; `points` have one per axis; `grid` is start, stride, count and block; `boxes` are the first and
//! the last corner of each.

use anndata_storage::{Error, Result};

/// The stored selection of an array of a shape, as text.
pub(super) fn text(selection: &[u8], shape: &[u64]) -> Result<String> {
    let mut fields = Fields(selection);
    let (kind, version) = (fields.number(4)?, fields.number(4)?);
    let (what, numbers) = match (kind, version) {
        (0, 1) => ("none", Vec::new()),
        (1, 1..=2) => ("points", points(&mut fields, version, shape.len())?),
        (2, 1..=3) => hyperslab(&mut fields, version, shape.len())?,
        (3, 1) => ("all", Vec::new()),
        _ => return Err(Error::unsupported(format!("a region of kind {kind} and version {version}"))),
    };
    let numbers = std::iter::once(shape.len() as u64).chain(shape.iter().copied()).chain(numbers);
    Ok(std::iter::once(what.to_owned()).chain(numbers.map(|number| number.to_string())).collect::<Vec<_>>().join(" "))
}

fn points(fields: &mut Fields<'_>, version: u64, axes: usize) -> Result<Vec<u64>> {
    let width = match version {
        1 => fields.skip(8).map(|()| 4),
        _ => fields.width(),
    }?;
    fields.rank(axes)?;
    let count = fields.number(width)?;
    fields.numbers(count, axes, width)
}

/// A regular selection, or boxes.
fn hyperslab(fields: &mut Fields<'_>, version: u64, axes: usize) -> Result<(&'static str, Vec<u64>)> {
    let (regular, width) = match version {
        1 => (false, fields.skip(8).map(|()| 4)?),
        2 => (fields.number(1)? & 1 != 0, fields.skip(4).map(|()| 8)?),
        _ => (fields.number(1)? & 1 != 0, fields.width()?),
    };
    fields.rank(axes)?;
    if regular {
        let stored = fields.numbers(axes as u64, 4, width)?;
        let part = |part: usize| stored.iter().skip(part).step_by(4).copied().collect::<Vec<_>>();
        return Ok(("grid", [part(0), part(1), part(2), part(3)].concat()));
    }
    let count = fields.number(width)?;
    let boxes = fields.numbers(count, 2 * axes, width)?;
    Ok(match grid(&boxes, axes) {
        Some(grid) => ("grid", grid),
        None => ("boxes", boxes),
    })
}

/// Boxes as start, stride, count and block, if they are those of a grid.
fn grid(boxes: &[u64], axes: usize) -> Option<Vec<u64>> {
    let [mut start, mut stride, mut count, mut block] = [(); 4].map(|()| Vec::with_capacity(axes));
    let mut expected = 1_usize;
    for axis in 0..axes {
        let corners = |corners: &[u64]| Some((*corners.get(axis)?, *corners.get(axes + axis)?));
        let mut spans = boxes.chunks_exact(2 * axes).map(corners).collect::<Option<Vec<_>>>()?;
        spans.sort_unstable();
        spans.dedup();
        expected = expected.checked_mul(spans.len())?;
        // Those that touch are one.
        spans.dedup_by(|next, one| {
            let touch = one.1.checked_add(1) == Some(next.0);
            if touch {
                one.1 = next.1;
            }
            touch
        });
        let &(first, last) = spans.first()?;
        let len = last.checked_sub(first)?.checked_add(1)?;
        let step = match spans.get(1) {
            Some(&(second, _)) => second.checked_sub(first)?,
            None => 1,
        };
        for (number, &(from, to)) in spans.iter().enumerate() {
            let at = first.checked_add(step.checked_mul(number as u64)?)?;
            if (from, to.checked_sub(from)?.checked_add(1)?) != (at, len) {
                return None;
            }
        }
        if spans.len() > 1 && step < len {
            return None;
        }
        start.push(first);
        stride.push(step);
        count.push(spans.len() as u64);
        block.push(len);
    }
    let mut distinct: Vec<&[u64]> = boxes.chunks_exact(2 * axes).collect();
    distinct.sort_unstable();
    distinct.dedup();
    (distinct.len() == expected).then(|| [start, stride, count, block].concat())
}

/// Little-endian numbers one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn number(&mut self, width: usize) -> Result<u64> {
        let (bytes, rest) = self.0.split_at_checked(width).ok_or_else(cut)?;
        self.0 = rest;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn skip(&mut self, len: usize) -> Result<()> {
        self.0 = self.0.get(len..).ok_or_else(cut)?;
        Ok(())
    }

    /// How wide numbers are.
    fn width(&mut self) -> Result<usize> {
        match self.number(1)? {
            2 => Ok(2),
            4 => Ok(4),
            8 => Ok(8),
            other => Err(Error::invalid_data(format!("a region has numbers of {other} bytes"))),
        }
    }

    fn rank(&mut self, axes: usize) -> Result<()> {
        let rank = self.number(4)?;
        if rank == axes as u64 && axes > 0 {
            return Ok(());
        }
        Err(Error::invalid_data(format!("a region of {rank} axes is of an array of {axes}")))
    }

    /// So many groups of numbers.
    fn numbers(&mut self, groups: u64, each: usize, width: usize) -> Result<Vec<u64>> {
        let count = usize::try_from(groups).ok().and_then(|groups| groups.checked_mul(each)).ok_or_else(cut)?;
        if count.checked_mul(width).is_none_or(|len| len > self.0.len()) {
            return Err(cut());
        }
        (0..count).map(|_| self.number(width)).collect()
    }
}

fn cut() -> Error {
    Error::invalid_data("a region is not stored as a whole")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn selections_of_all_versions() -> Result<()> {
        let shape = [5, 3];
        for (stored, expected) in [
            (words(&[3, 1, 0, 0]), "all 2 5 3"),
            (words(&[0, 1, 0, 0]), "none 2 5 3"),
            (words(&[1, 1, 0, 0, 2, 2, 4, 2, 0, 0]), "points 2 5 3 4 2 0 0"),
            (words(&[2, 1, 0, 0, 2, 1, 0, 1, 1, 2]), "grid 2 5 3 0 1 1 1 1 1 2 2"),
            // Two rows of two columns, a row apart.
            (words(&[2, 1, 0, 0, 2, 2, 0, 1, 0, 2, 2, 1, 2, 2]), "grid 2 5 3 0 1 2 1 2 1 1 2"),
            (words(&[2, 1, 0, 0, 2, 2, 0, 0, 1, 0, 3, 1, 4, 2]), "boxes 2 5 3 0 0 1 0 3 1 4 2"),
            (
                [words(&[2, 3]), vec![1, 2, 2, 0, 0, 0], [0_u16, 2, 2, 1, 1, 1, 1, 2].map(u16::to_le_bytes).concat()]
                    .concat(),
                "grid 2 5 3 0 1 2 1 2 1 1 2",
            ),
        ] {
            assert_eq!(text(&stored, &shape)?, expected);
        }
        for cut in [words(&[2, 1, 0, 0, 2, u32::MAX, 0]), words(&[1, 1, 0, 0, 3, 0]), words(&[9, 1]), words(&[2])] {
            assert!(text(&cut, &shape).is_err());
        }
        Ok(())
    }
}
