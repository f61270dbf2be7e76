//! Taking values of a node. The result is packed: no buffer is longer than needed.

use anndata_storage::{AlignedBytes, OrBug, Result, Tensor, ensure};
use serde_json::{Map, Value};

use super::form::IndexType;
use super::layout::{Index, Kind, Layout};
use super::rows::{Rows, Run, out_of_bounds};

impl Layout {
    /// All values, packed.
    pub(super) fn packed(&self, rows: &Rows<'_>) -> Result<Self> {
        self.select(&rows_of(self, rows)?)
    }

    /// The selected values, packed as Python's `ak.to_packed` does it, except that offsets keep their width:
    ///
    /// - lists become `ListOffset`, dense arrays of several axes become `Regular`;
    /// - `Indexed` nodes are resolved and their parameters handed down, except categories: these keep all
    ///   categories, only the index is taken;
    /// - `IndexedOption` keeps only what it picks; masked records become `IndexedOption`;
    /// - `BitMasked` becomes `ByteMasked`, unless everything is taken.
    pub(super) fn select(&self, rows: &Rows<'_>) -> Result<Self> {
        let kind = match &self.kind {
            Kind::Empty => Kind::Empty,
            Kind::Numpy { primitive, inner_shape, data } if inner_shape.is_empty() => {
                Kind::Numpy { primitive: primitive.clone(), inner_shape: Vec::new(), data: gather(data, rows)? }
            }
            Kind::Numpy { inner_shape, .. } => return self.unfolded(inner_shape).select(rows),
            Kind::ListOffset { offsets, content } => {
                let (index_type, offsets) = (offsets.index_type, offsets.positions()?);
                lists(index_type, (&offsets, offsets.get(1..).or_bug("lists without offsets")?), content, rows)?
            }
            Kind::List { starts, stops, content } => {
                lists(starts.index_type, (&starts.ends()?, &stops.ends()?), content, rows)?
            }
            Kind::Regular { size, content } => {
                Kind::Regular { size: *size, content: Box::new(content.select(&rows.scaled(*size)?)?) }
            }
            Kind::Record { fields, contents } => Kind::Record {
                fields: fields.clone(),
                contents: contents.iter().map(|content| content.select(rows)).collect::<Result<_>>()?,
            },
            Kind::Indexed { index, content } if self.is_categorical() => {
                let content = if content.len == 0 && rows.has_fill() {
                    let mut one = rows.child();
                    one.push_fill(1)?;
                    content.select(&one)?
                } else {
                    content.packed(rows)?
                };
                let values = rows.pick(&index.values()?, 0)?;
                Kind::Indexed { index: Index::new(index.index_type, values)?, content: Box::new(content) }
            }
            Kind::Indexed { index, content } => {
                let mut taken = content.select(&picked(&index.values()?, rows)?)?;
                hand_down(&self.parameters, &mut taken.parameters);
                return Ok(taken);
            }
            Kind::IndexedOption { index, content } if self.is_categorical() => {
                let values = rows.pick(&index.values()?, -1)?;
                let content = Box::new(content.packed(rows)?);
                Kind::IndexedOption { index: Index::new(index.index_type, values)?, content }
            }
            Kind::IndexedOption { index, content } => {
                let values = rows.pick(&index.values()?, -1)?;
                let mut taken = rows.child();
                for value in &values {
                    if let Ok(position) = usize::try_from(*value) {
                        taken.push(position..position + 1)?;
                    }
                }
                let mut next = 0;
                let renumbered = values.iter().map(|&value| if value < 0 { -1 } else { counted(&mut next) }).collect();
                let content = Box::new(content.select(&taken)?);
                Kind::IndexedOption { index: Index::new(index.index_type, renumbered)?, content }
            }
            Kind::ByteMasked { valid_when, content, .. } | Kind::BitMasked { valid_when, content, .. } => {
                self.select_masked(*valid_when, content, rows)?
            }
            Kind::Unmasked { content } => Kind::Unmasked { content: Box::new(content.select(rows)?) },
            Kind::Union { .. } => return self.select_union(rows, rows.has_fill()),
        };
        Ok(Self { parameters: self.parameters.clone(), len: rows.len(), kind })
    }

    /// A dense array of several axes as lists of equal length.
    fn unfolded(&self, inner_shape: &[usize]) -> Self {
        let Kind::Numpy { primitive, data, .. } = &self.kind else { return self.clone() };
        let flat = Kind::Numpy { primitive: primitive.clone(), inner_shape: Vec::new(), data: data.clone() };
        let mut layout = Self::new(data.len(), flat);
        for (axis, &size) in inner_shape.iter().enumerate().rev() {
            let len = inner_shape.iter().take(axis).product::<usize>() * self.len;
            layout = Self::new(len, Kind::Regular { size, content: Box::new(layout) });
        }
        layout.parameters.clone_from(&self.parameters);
        layout
    }

    fn select_masked(&self, valid_when: bool, content: &Self, rows: &Rows<'_>) -> Result<Kind> {
        let valid = self.mask()?.or_bug("a masked node without a mask")?;
        let taken = content.select(rows)?;
        if matches!(content.kind, Kind::Record { .. }) {
            let valid = rows.pick(&valid, false)?;
            let index = (0_i64..).zip(valid).map(|(i, valid)| if valid { i } else { -1 }).collect();
            return Ok(Kind::IndexedOption { index: Index::new(IndexType::I64, index)?, content: Box::new(taken) });
        }
        let content = Box::new(taken);
        let whole = rows.as_range() == Some(0..self.len);
        Ok(match &self.kind {
            Kind::BitMasked { mask, lsb_order, .. } if whole => {
                Kind::BitMasked { mask: mask.clone(), valid_when, lsb_order: *lsb_order, content }
            }
            _ => {
                let mask = rows.pick(&valid, false)?.into_iter().map(|valid| i8::from(valid == valid_when)).collect();
                Kind::ByteMasked { mask: Tensor::from_vec([rows.len()], mask)?, valid_when, content }
            }
        })
    }

    /// A content is renumbered where it holds more values than are taken, or always where `renumber` says so.
    /// After that the values of a content are in the order in which the union uses them.
    pub(super) fn select_union(&self, rows: &Rows<'_>, renumber: bool) -> Result<Self> {
        let Kind::Union { tags, index, contents } = &self.kind else { return self.select(rows) };
        let taken_tags = rows.pick(tags.as_slice::<i8>()?, 0)?;
        let mut taken_index = rows.pick(&index.values()?, -1)?;
        let mut taken_contents = Vec::with_capacity(contents.len());
        for (tag, content) in (0_i8..=i8::MAX).zip(contents) {
            let count = taken_tags.iter().filter(|&&other| other == tag).count();
            if !renumber && content.len <= count {
                taken_contents.push(content.packed(rows)?);
                continue;
            }
            let mut taken = rows.child();
            let mut next = 0;
            for (_, position) in taken_tags.iter().zip(&mut taken_index).filter(|&(&other, _)| other == tag) {
                match usize::try_from(*position) {
                    Ok(at) => taken.push(at..at + 1)?,
                    Err(_) => taken.push_fill(1)?,
                }
                *position = counted(&mut next);
            }
            taken_contents.push(content.select(&taken)?);
        }
        let kind = Kind::Union {
            tags: Tensor::from_vec([rows.len()], taken_tags)?,
            index: Index::new(index.index_type, taken_index)?,
            contents: taken_contents,
        };
        Ok(Self { parameters: self.parameters.clone(), len: rows.len(), kind })
    }
}

/// All values of another node, on the same budget.
fn rows_of<'b>(layout: &Layout, rows: &Rows<'b>) -> Result<Rows<'b>> {
    let mut all = rows.child();
    all.push(0..layout.len)?;
    Ok(all)
}

/// The next number.
fn counted(next: &mut i64) -> i64 {
    *next += 1;
    *next - 1
}

/// The values of a one-dimensional tensor; shared where they are consecutive.
fn gather(data: &Tensor, rows: &Rows<'_>) -> Result<Tensor> {
    if let Some(range) = rows.as_range() {
        return data.slice_rows(range);
    }
    let size = data.dtype().size().or_bug("a number without a size")?;
    rows.budget().spend(rows.len(), size)?;
    let source = data.as_bytes().or_bug("a number without bytes")?;
    let mut out = AlignedBytes::try_zeroed(rows.len() * size)?;
    let mut rest = out.as_mut_slice();
    for run in rows.runs() {
        let len = match run {
            Run::Take(range) => range.len() * size,
            Run::Fill(count) => count * size,
        };
        let (target, tail) = rest.split_at_mut_checked(len).ok_or_else(out_of_bounds)?;
        if let Run::Take(range) = run {
            let source = source.get(range.start * size..range.end * size).ok_or_else(out_of_bounds)?;
            target.copy_from_slice(source);
        }
        rest = tail;
    }
    ensure!(rest.is_empty(), "{} bytes more than were taken", rest.len());
    Tensor::new(data.dtype().clone(), [rows.len()], out)
}

/// Lists, as offsets that start at 0 over the items of these lists only.
fn lists(
    index_type: IndexType,
    (starts, stops): (&[usize], &[usize]),
    content: &Layout,
    rows: &Rows<'_>,
) -> Result<Kind> {
    // A length beyond all numbers is over every budget.
    rows.budget().spend(rows.len().saturating_add(1), size_of::<i64>())?;
    let mut items = rows.child();
    let mut offsets = Vec::with_capacity(rows.len() + 1);
    let offset = |items: &Rows<'_>| i64::try_from(items.len()).map_err(|_| out_of_bounds());
    offsets.push(0);
    for run in rows.runs() {
        match run {
            Run::Take(range) => {
                let starts = starts.get(range.clone()).ok_or_else(out_of_bounds)?;
                let stops = stops.get(range.clone()).ok_or_else(out_of_bounds)?;
                for (&start, &stop) in starts.iter().zip(stops) {
                    items.push(start..stop)?;
                    offsets.push(offset(&items)?);
                }
            }
            Run::Fill(count) => offsets.resize(offsets.len() + count, offset(&items)?),
        }
    }
    let content = Box::new(content.select(&items)?);
    Ok(Kind::ListOffset { offsets: Index::new(index_type, offsets)?, content })
}

/// Where the selected values of an index are in the content.
fn picked<'b>(index: &[i64], rows: &Rows<'b>) -> Result<Rows<'b>> {
    let mut picked = rows.child();
    for run in rows.runs() {
        match run {
            Run::Take(range) => {
                for &position in index.get(range.clone()).ok_or_else(out_of_bounds)? {
                    let position = usize::try_from(position).map_err(|_| out_of_bounds())?;
                    picked.push(position..position + 1)?;
                }
            }
            Run::Fill(count) => picked.push_fill(*count)?,
        }
    }
    Ok(picked)
}

/// The parameters of a resolved node win over those of its content.
fn hand_down(from: &Map<String, Value>, to: &mut Map<String, Value>) {
    for (key, value) in from.iter().filter(|(_, value)| !value.is_null()) {
        to.insert(key.clone(), value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_numbers_are_shared() -> Result<()> {
        let data = Tensor::from_vec([4], vec![1_i32, 2, 3, 4])?;
        let budget = super::super::rows::Budget::new(0, 0, 0);
        let mut rows = Rows::none(&budget);
        rows.push(1..3)?;
        let shared = gather(&data, &rows)?;
        assert_eq!(shared.as_slice::<i32>()?.as_ptr(), data.as_slice::<i32>()?[1..].as_ptr());
        rows.push_fill(1)?;
        rows.push(0..1)?;
        assert_eq!(gather(&data, &rows)?.as_slice::<i32>()?, [2, 3, 0, 1]);
        assert_eq!(gather(&data, &rows)?.dtype(), &anndata_storage::DType::I32);
        Ok(())
    }
}
