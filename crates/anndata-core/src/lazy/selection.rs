//! [`Selection`]: what was selected of an element, made when it is asked for.

use std::ops::Range;

use anndata_storage::{AxisSelection, OrBug, Result};

use crate::model::{Categories, Origin};
use crate::schema::len_of;
use crate::{Column, Element, Schema, Selection, SparseFormat};

/// How many lengths of the whole are read for one of a selection, at most.
const SCATTERED: usize = 16;

/// So many lengths are read in no time.
const FEW: usize = 1 << 20;

impl Selection {
    /// The whole element.
    pub fn of(&self) -> &Element {
        &self.of
    }

    /// The selected positions, one selection per axis.
    pub fn axes(&self) -> &[AxisSelection] {
        &self.axes
    }

    /// Whether categories that no selected row has are dropped.
    pub fn drops_unused_categories(&self) -> bool {
        self.categories == Categories::DropUnused
    }

    pub(super) fn load(&self) -> Result<Element> {
        self.without_unused(self.select()?)
    }

    pub(super) async fn load_async(&self) -> Result<Element> {
        let Element::Lazy(whole) = &self.of else { return self.load() };
        let Origin::Source { source, value } = &*whole.0 else { return self.load() };
        let selected = if let Some(whole) = value.get() {
            whole.select(&self.axes)?
        } else {
            value.check(&**source)?;
            source.select_async(&self.axes).await.map_err(|error| source.locate(error))?
        };
        self.without_unused(selected)
    }

    pub(super) fn without_unused(&self, selected: Element) -> Result<Element> {
        match (selected, self.categories) {
            (Element::Column(column), Categories::DropUnused) => {
                Ok(Element::Column(column.without_unused_categories()?))
            }
            (element, _) => Ok(element),
        }
    }

    /// Of an element that was not loaded, no more is read than has to be.
    fn select(&self) -> Result<Element> {
        match &self.of {
            Element::Lazy(whole) => match &*whole.0 {
                Origin::Source { source, value } => {
                    if let Some(whole) = value.get() {
                        return whole.select(&self.axes);
                    }
                    value.check(&**source)?;
                    source.select(&self.axes).map_err(|error| source.locate(error))
                }
                Origin::Selection(_) => whole.load()?.select(&self.axes),
            },
            of => of.select(&self.axes),
        }
    }

    /// How many values each of some of the selected major slices has, if that is known without reading these: nothing is
    /// selected within slices, and they are near each other in the whole.
    pub(super) fn major_lengths(&self, slices: Range<usize>) -> Result<Option<Vec<usize>>> {
        let Element::Lazy(whole) = &self.of else { return Ok(None) };
        let Schema::Sparse { format, shape: (rows, columns), .. } = self.of.schema()? else { return Ok(None) };
        let [row_axis, column_axis] = self.axes.as_slice() else { return Ok(None) };
        let (major, minor, minor_len) = match format {
            SparseFormat::Csr => (row_axis, column_axis, columns),
            SparseFormat::Csc => (column_axis, row_axis, rows),
        };
        if !minor.is_whole(minor_len as u64) {
            return Ok(None);
        }
        let selected = major.select(&AxisSelection::Range(slices.start as u64..slices.end as u64));
        let usize = |at: u64| usize::try_from(at).or_bug("a major slice that was not checked");
        match &selected {
            AxisSelection::Range(range) => whole.major_lengths(usize(range.start)?..usize(range.end)?),
            AxisSelection::Indices(positions) => {
                let Some(&first) = positions.iter().min() else { return Ok(Some(Vec::new())) };
                let (first, end) = (usize(first)?, usize(selected.end())?);
                if end - first > SCATTERED.saturating_mul(slices.len()).max(FEW) {
                    return Ok(None);
                }
                let Some(lengths) = whole.major_lengths(first..end)? else { return Ok(None) };
                let len = |&at: &u64| lengths.get(usize(at)? - first).copied().or_bug("fewer lengths than slices");
                positions.iter().map(len).collect::<Result<_>>().map(Some)
            }
        }
    }

    pub(super) fn categories(&self, range: Range<usize>) -> Result<Column> {
        match &self.of {
            // Which categories are left is known once the rows are.
            _ if self.drops_unused_categories() => self.load()?.into_column()?.categories()?.slice(range),
            Element::Lazy(whole) => whole.categories(range),
            of => of.clone().into_column()?.categories()?.slice(range),
        }
    }

    pub(super) fn chunk_end(&self, axis: usize, position: usize) -> Result<usize> {
        let Some(AxisSelection::Range(range)) = self.axes.get(axis) else { return Ok(position) };
        let Element::Lazy(whole) = &self.of else { return Ok(position) };
        let start = usize::try_from(range.start).or_bug("a selection that was not checked")?;
        Ok(whole.chunk_end(axis, start.saturating_add(position))?.saturating_sub(start))
    }

    pub(super) fn shape(&self) -> Result<Option<Vec<usize>>> {
        let Some(mut shape) = self.of.shape()? else { return Ok(None) };
        for (len, axis) in shape.iter_mut().zip(&self.axes) {
            *len = len_of(axis)?;
        }
        Ok(Some(shape))
    }

    pub(super) fn schema(&self) -> Result<Schema> {
        let mut schema = self.of.schema()?.select(&self.axes)?;
        // Which categories are left is known once the rows are.
        if let (Categories::DropUnused, Schema::Column(column)) = (self.categories, &mut schema) {
            column.n_categories = None;
        }
        Ok(schema)
    }
}
