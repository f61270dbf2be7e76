//! [`Ranges`]: where the chunks of an element begin and end.

use std::ops::Range;

use anndata_core::{ColumnKind, ColumnSchema, DType, Element, Result, Schema, Series, SparseFormat};
use anndata_storage::{AxisSelection, Error, OrBug};

use super::{ChunkOptions, no_axis};

/// What a text is taken to be long.
const TEXT_BYTES: u64 = 32;

/// How many major slices of a sparse matrix are counted at a time.
const COUNTED: usize = 1 << 16;

/// The chunks of an element, one after the other, and what is in each.
#[derive(Debug)]
pub(super) struct Ranges {
    element: Element,
    axis: usize,
    /// The length of the axis.
    len: usize,
    /// Where the next chunk begins.
    next: usize,
    size: Size,
}

/// How long chunks are.
#[derive(Debug)]
enum Size {
    /// So many positions.
    Positions(usize),
    /// At most so many positions, up to the last end of a stored chunk.
    UpTo(usize),
    /// As many major slices as have so many values together, at most.
    Values { max: usize, known: Range<usize>, lengths: Vec<usize> },
}

impl Ranges {
    /// The chunks of an element, of so many bytes each where the options do not say how long they are.
    pub(super) fn new(element: &Element, options: &ChunkOptions, bytes: u64) -> Result<Self> {
        let axis = options.axis;
        if options.len == Some(0) {
            return Err(Error::invalid_input("a chunk has at least one position"));
        }
        let schema = element.schema()?;
        let is_awkward = matches!(schema, Schema::Awkward { .. });
        let element = if is_awkward { load_once(element)? } else { element.clone() };
        let shape = element.shape()?.ok_or_else(|| not_in_chunks(&schema))?;
        let len = *shape.get(axis).ok_or_else(|| no_axis(&element, axis))?;
        let each =
            // Fallback: how much is read at once decides about memory, and about no value.
            |per_position: u64| Size::UpTo(usize::try_from(bytes / per_position.max(1)).unwrap_or(usize::MAX).max(1));
        let size = match &schema {
            Schema::Array { dtype, shape } => {
                let others = shape.iter().enumerate().filter(|(at, _)| *at != axis).map(|(_, &len)| len as u64);
                each(others.fold(dtype_bytes(dtype), u64::saturating_mul))
            }
            Schema::Sparse { format, dtype, .. } => {
                let major = usize::from(*format == SparseFormat::Csc);
                match &element {
                    _ if axis == major => {
                        let value = dtype_bytes(dtype).saturating_add(size_of::<i64>() as u64);
                        // Fallback: as above.
                        let max = usize::try_from(bytes / value).unwrap_or(usize::MAX).max(1);
                        Size::Values { max, known: 0..0, lengths: Vec::new() }
                    }
                    Element::Sparse(_) => each(element.size_in_memory(false) as u64 / (len as u64).max(1)),
                    _ => {
                        let (name, along) =
                            if major == 0 { ("CSR", "rows (axis 0)") } else { ("CSC", "columns (axis 1)") };
                        let message = format!(
                            "a {name} matrix that is not in memory is read along its {along}: along axis {axis} all of it \
                             would be read for each chunk"
                        );
                        return Err(Error::unsupported(message));
                    }
                }
            }
            Schema::Column(column) => each(column_bytes(column)),
            Schema::Frame { columns, .. } if axis == 0 => {
                let columns = columns.iter().map(|(_, column)| column.as_ref().map_or(TEXT_BYTES, column_bytes));
                each(columns.fold(TEXT_BYTES, u64::saturating_add))
            }
            Schema::Awkward { .. } if axis == 0 => each(element.size_in_memory(false) as u64 / (len as u64).max(1)),
            Schema::Frame { .. } | Schema::Awkward { .. } => return Err(no_axis(&element, axis)),
            _ => return Err(not_in_chunks(&schema)),
        };
        let size = options.len.map_or(size, Size::Positions);
        Ok(Self { element, axis, len, next: 0, size })
    }

    /// The positions of the next chunk.
    pub(super) fn advance(&mut self) -> Result<Option<Range<usize>>> {
        let start = self.next;
        if start >= self.len {
            return Ok(None);
        }
        let end = match &mut self.size {
            Size::Positions(len) => start.saturating_add(*len),
            Size::UpTo(max) => {
                let end = start.saturating_add(*max);
                // A stored chunk that is longer is cut.
                if end < self.len {
                    Some(self.element.chunk_end(self.axis, end)?).filter(|&at| at > start).unwrap_or(end)
                } else {
                    end
                }
            }
            Size::Values { max, known, lengths } => {
                let (mut end, mut values) = (start, 0_usize);
                while end < self.len {
                    if !known.contains(&end) {
                        *known = end..self.len.min(end.saturating_add(COUNTED));
                        *lengths = self.element.major_lengths(known.clone())?;
                    }
                    let len = lengths.get(end - known.start).copied().or_bug("fewer lengths than slices")?;
                    values = values.saturating_add(len);
                    if values > *max && end > start {
                        break;
                    }
                    end += 1;
                    // Slices without values are no reason for a chunk without end.
                    if end - start >= (*max).max(COUNTED) {
                        break;
                    }
                }
                end
            }
        };
        self.next = end.min(self.len);
        Ok(Some(start..self.next))
    }

    /// What is at some positions, in memory.
    pub(super) fn read(&self, range: &Range<usize>) -> Result<Element> {
        let some = AxisSelection::Range(range.start as u64..range.end as u64);
        let mut axes = vec![some];
        if self.axis > 0 {
            let shape = self.element.shape()?.or_bug("chunks of what has no axes")?;
            let before = shape.iter().take(self.axis).map(|&len| AxisSelection::Range(0..len as u64));
            axes.splice(0..0, before);
        }
        load_once(&self.element.select(&axes)?)
    }
}

/// The element in memory; what is read for it is not kept.
pub(crate) fn load_once(element: &Element) -> Result<Element> {
    match element {
        Element::Lazy(lazy) => lazy.load_once(),
        Element::Frame(frame) => Ok(Element::Frame(frame.map(|series| match series {
            Series::Opaque(opaque) => opaque.load().map(Series::Opaque),
            series => series.load_once().map(Series::Loaded),
        })?)),
        other => other.load(),
    }
}

fn not_in_chunks(schema: &Schema) -> Error {
    let message = format!(
        "expected an array, a sparse matrix, a column or a data frame, found a value of kind '{}'",
        schema.kind_name()
    );
    Error::dtype(message)
}

fn dtype_bytes(dtype: &DType) -> u64 {
    dtype.size().map_or(TEXT_BYTES, |size| size as u64)
}

fn column_bytes(column: &ColumnSchema) -> u64 {
    match column.kind {
        ColumnKind::Categorical { .. } => size_of::<i32>() as u64,
        _ => dtype_bytes(&column.dtype).saturating_add(1),
    }
}
