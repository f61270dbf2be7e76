//! [`Layout`]: a form together with its values. All work on awkward arrays is done on this tree.

// Long file: the check of each kind of node, side by side.

use std::borrow::Cow;

use anndata_storage::{DType, Error, OrBug, Result, Tensor, ensure};
use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value};

use super::form::{Form, FormKind, IndexType, Primitive, array_parameter};
use super::node_error;

/// A node with its values, checked: nothing in it points out of bounds.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) parameters: Map<String, Value>,
    pub(super) len: usize,
    pub(super) kind: Kind,
}

/// The kinds of nodes, as in [`FormKind`], with values instead of types.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// Of length 0 in any array; longer only as a filler below missing values.
    Empty,
    /// `len` times the product of `inner_shape` values, one-dimensional, of the primitive's dtype.
    Numpy { primitive: Primitive, inner_shape: Vec<usize>, data: Tensor },
    /// `len + 1` offsets that do not decrease, within the content.
    ListOffset { offsets: Index, content: Box<Layout> },
    /// `len` pairs; those that differ are ordered and within the content.
    List { starts: Index, stops: Index, content: Box<Layout> },
    /// The content has `len * size` values.
    Regular { size: usize, content: Box<Layout> },
    /// Each content has `len` values.
    Record { fields: Option<Vec<String>>, contents: Vec<Layout> },
    /// Positions within the content.
    Indexed { index: Index, content: Box<Layout> },
    /// Positions within the content, or negative.
    IndexedOption { index: Index, content: Box<Layout> },
    /// `len` values of `i8`; the content has `len` values.
    ByteMasked { mask: Tensor, valid_when: bool, content: Box<Layout> },
    /// `len / 8` values of `u8`, rounded up; the content has `len` values.
    BitMasked { mask: Tensor, valid_when: bool, lsb_order: bool, content: Box<Layout> },
    /// The content has `len` values.
    Unmasked { content: Box<Layout> },
    /// `len` tags of `i8` that name a content, and positions within it.
    Union { tags: Tensor, index: Index, contents: Vec<Layout> },
}

/// Positions of one of the index types.
#[derive(Debug, Clone)]
pub(super) struct Index {
    pub(super) index_type: IndexType,
    pub(super) tensor: Tensor,
}

impl Index {
    /// Positions of the given type, or of `i64` where one does not fit.
    pub(super) fn new(index_type: IndexType, positions: Vec<i64>) -> Result<Self> {
        let len = positions.len();
        let narrow = match index_type {
            IndexType::I64 => None,
            IndexType::I32 => fit::<i32>(&positions).map(|values| Tensor::from_vec([len], values)),
            IndexType::U32 => fit::<u32>(&positions).map(|values| Tensor::from_vec([len], values)),
        };
        Ok(match narrow {
            Some(tensor) => Self { index_type, tensor: tensor? },
            None => Self { index_type: IndexType::I64, tensor: Tensor::from_vec([len], positions)? },
        })
    }

    /// The positions as 64-bit integers.
    pub(super) fn values(&self) -> Result<Cow<'_, [i64]>> {
        Ok(match self.index_type {
            IndexType::I64 => Cow::Borrowed(self.tensor.as_slice::<i64>()?),
            IndexType::I32 => self.tensor.as_slice::<i32>()?.iter().map(|&value| i64::from(value)).collect(),
            IndexType::U32 => self.tensor.as_slice::<u32>()?.iter().map(|&value| i64::from(value)).collect(),
        })
    }

    /// The positions of an index that has been checked to hold no negative ones.
    pub(super) fn positions(&self) -> Result<Vec<usize>> {
        self.values()?.iter().map(|&value| usize::try_from(value).or_bug("a negative position")).collect()
    }

    /// Where lists begin or end. An empty list may be anywhere, also before the first value: it is put there.
    pub(super) fn ends(&self) -> Result<Vec<usize>> {
        self.values()?.iter().map(|&value| usize::try_from(value.max(0)).or_bug("a position beyond memory")).collect()
    }
}

fn fit<T: TryFrom<i64>>(positions: &[i64]) -> Option<Vec<T>> {
    positions.iter().map(|&position| T::try_from(position).ok()).collect()
}

impl Layout {
    /// A node without parameters.
    pub(super) fn new(len: usize, kind: Kind) -> Self {
        Self { parameters: Map::new(), len, kind }
    }

    /// Returns the same node with the parameter `__array__`.
    pub(super) fn with_array_parameter(mut self, value: &str) -> Self {
        self.parameters.insert("__array__".into(), value.into());
        self
    }

    pub(super) fn array_parameter(&self) -> Option<&str> {
        array_parameter(&self.parameters)
    }

    pub(super) fn is_categorical(&self) -> bool {
        self.array_parameter() == Some("categorical")
            && matches!(self.kind, Kind::Indexed { .. } | Kind::IndexedOption { .. })
    }

    pub(super) fn is_option(&self) -> bool {
        matches!(
            self.kind,
            Kind::IndexedOption { .. } | Kind::ByteMasked { .. } | Kind::BitMasked { .. } | Kind::Unmasked { .. }
        )
    }

    /// For nodes with a mask, whether each value is there.
    pub(super) fn mask(&self) -> Result<Option<Vec<bool>>> {
        Ok(match &self.kind {
            Kind::ByteMasked { mask, valid_when, .. } => {
                ensure!(mask.len() == self.len, "a mask of {} for {} values", mask.len(), self.len);
                Some(mask.as_slice::<i8>()?.iter().map(|&byte| (byte != 0) == *valid_when).collect())
            }
            Kind::BitMasked { mask, valid_when, lsb_order, .. } => {
                let bytes = mask.as_slice::<u8>()?;
                ensure!(bytes.len() == self.len.div_ceil(8), "a mask of {} bytes for {} values", bytes.len(), self.len);
                let bit = |i: usize| {
                    let shift = if *lsb_order { i % 8 } else { 7 - i % 8 };
                    (bytes[i / 8] >> shift) & 1 == 1
                };
                Some((0..self.len).map(|i| bit(i) == *valid_when).collect())
            }
            _ => None,
        })
    }

    /// Joins the named buffers to a form of the given length, checking every one, and brings them into the order of the nodes, as
    /// awkward has them; those that no node names follow.
    ///
    /// # Errors
    /// If a buffer is missing, too short, of another type, or points out of bounds.
    pub(super) fn resolve(form: &Form, len: usize, buffers: &mut IndexMap<String, Tensor>) -> Result<Self> {
        let mut resolver = Resolver { buffers, used: IndexSet::new() };
        let layout = resolver.node(form, len)?;
        let used = resolver.used;
        buffers.sort_by_cached_key(|name, _| {
            let place = used.get_index_of(name);
            (place.is_none(), place)
        });
        Ok(layout)
    }

    /// The form of the node and the buffers that it names, numbered in preorder as awkward does.
    pub(super) fn into_buffers(self) -> (Form, IndexMap<String, Tensor>) {
        let mut namer = Namer { next: 0, buffers: IndexMap::new() };
        let form = namer.node(self);
        (form, namer.buffers)
    }
}

/// Walks a form from the root down; each node passes down how long its children have to be.
struct Resolver<'a> {
    buffers: &'a IndexMap<String, Tensor>,
    used: IndexSet<String>,
}

impl Resolver<'_> {
    fn node(&mut self, form: &Form, len: usize) -> Result<Layout> {
        let too_long = || node_error(form, "its length overflows");
        let kind = match &form.kind {
            FormKind::Empty if len == 0 => Kind::Empty,
            FormKind::Empty => {
                return Err(node_error(form, &format!("it is always empty, but {len} values are asked for")));
            }
            FormKind::Numpy { primitive, inner_shape } => {
                let count = product(len, inner_shape).ok_or_else(too_long)?;
                let data = self.buffer(form, "data", &primitive.dtype(), count)?;
                Kind::Numpy { primitive: primitive.clone(), inner_shape: inner_shape.clone(), data }
            }
            FormKind::ListOffset { offsets, content } => {
                let count = len.checked_add(1).ok_or_else(too_long)?;
                let offsets = self.index(form, "offsets", *offsets, count)?;
                let end = check_offsets(form, &offsets.values()?)?;
                Kind::ListOffset { offsets, content: self.child(content, end)? }
            }
            FormKind::List { starts: index_type, content } => {
                let starts = self.index(form, "starts", *index_type, len)?;
                let stops = self.index(form, "stops", *index_type, len)?;
                let end = check_pairs(form, &starts.values()?, &stops.values()?)?;
                Kind::List { starts, stops, content: self.child(content, end)? }
            }
            FormKind::Regular { size, content } => {
                let count = len.checked_mul(*size).ok_or_else(too_long)?;
                Kind::Regular { size: *size, content: self.child(content, count)? }
            }
            FormKind::Record { fields, contents } => Kind::Record {
                fields: fields.clone(),
                contents: contents.iter().map(|content| self.node(content, len)).collect::<Result<_>>()?,
            },
            FormKind::Indexed { index, content } => {
                let index = self.index(form, "index", *index, len)?;
                let values = index.values()?;
                if let Some((at, value)) = values.iter().enumerate().find(|&(_, &value)| value < 0) {
                    return Err(buffer_error(form, "index", &format!("position {value} at {at} is negative")));
                }
                let end = self.content_len(form, content, &values)?;
                drop(values);
                Kind::Indexed { index, content: self.child(content, end)? }
            }
            FormKind::IndexedOption { index, content } => {
                let index = self.index(form, "index", *index, len)?;
                let end = self.content_len(form, content, &index.values()?)?;
                Kind::IndexedOption { index, content: self.child(content, end)? }
            }
            FormKind::ByteMasked { valid_when, content } => Kind::ByteMasked {
                mask: self.buffer(form, "mask", &DType::I8, len)?,
                valid_when: *valid_when,
                content: self.child(content, len)?,
            },
            FormKind::BitMasked { valid_when, lsb_order, content } => Kind::BitMasked {
                mask: self.buffer(form, "mask", &DType::U8, len.div_ceil(8))?,
                valid_when: *valid_when,
                lsb_order: *lsb_order,
                content: self.child(content, len)?,
            },
            FormKind::Unmasked { content } => Kind::Unmasked { content: self.child(content, len)? },
            FormKind::Union { index, contents } => {
                let tags = self.buffer(form, "tags", &DType::I8, len)?;
                let index = self.index(form, "index", *index, len)?;
                let ends = check_union(form, tags.as_slice::<i8>()?, &index.values()?, contents.len())?;
                let contents = contents.iter().zip(ends).map(|(content, end)| self.node(content, end));
                Kind::Union { tags, index, contents: contents.collect::<Result<_>>()? }
            }
        };
        Ok(Layout { parameters: form.parameters.clone(), len, kind })
    }

    fn child(&mut self, form: &Form, len: usize) -> Result<Box<Layout>> {
        self.node(form, len).map(Box::new)
    }

    /// The length of what an index picks from: its largest position, or for categories all that are stored.
    fn content_len(&self, form: &Form, content: &Form, index: &[i64]) -> Result<usize> {
        let needed = end_of(form, "index", index.iter().copied())?;
        if !form.is_categorical() {
            return Ok(needed);
        }
        // Of a buffer that is missing nothing is stored, which is reported where it is asked for.
        let stored = |attribute| self.buffers.get(&content.buffer_name(attribute)).map_or(0, Tensor::len);
        let stored = match &content.kind {
            FormKind::Numpy { primitive, inner_shape }
                if inner_shape.is_empty()
                    && self
                        .buffers
                        .get(&content.buffer_name("data"))
                        .is_some_and(|t| *t.dtype() == primitive.dtype()) =>
            {
                stored("data")
            }
            FormKind::ListOffset { offsets, .. }
                if self.buffers.get(&content.buffer_name("offsets")).is_some_and(|t| *t.dtype() == offsets.dtype()) =>
            {
                stored("offsets").saturating_sub(1)
            }
            _ => 0,
        };
        Ok(needed.max(stored))
    }

    fn index(&mut self, form: &Form, attribute: &str, index_type: IndexType, count: usize) -> Result<Index> {
        Ok(Index { index_type, tensor: self.buffer(form, attribute, &index_type.dtype(), count)? })
    }

    /// The first `count` values of a buffer, which is stored in the dtype or as raw bytes.
    fn buffer(&mut self, form: &Form, attribute: &str, dtype: &DType, count: usize) -> Result<Tensor> {
        let name = form.buffer_name(attribute);
        let stored = self.buffers.get(&name).ok_or_else(|| buffer_error(form, attribute, "the buffer is missing"))?;
        if !self.used.insert(name) {
            return Err(buffer_error(form, attribute, "two nodes use the buffer"));
        }
        let one_byte = |dtype: &DType| matches!(dtype, DType::Bool | DType::I8 | DType::U8);
        let raw = *stored.dtype() == DType::U8 || (one_byte(stored.dtype()) && one_byte(dtype));
        if stored.dtype() != dtype && !raw {
            let message = format!("the buffer holds values of type {}, but the form says {dtype}", stored.dtype());
            return Err(buffer_error(form, attribute, &message));
        }
        let bytes = stored.buffer().ok_or_else(|| buffer_error(form, attribute, "the buffer holds no numbers"))?;
        let size = dtype.size().or_bug("a number without a size")?;
        let needed = count.checked_mul(size).filter(|&needed| needed <= bytes.len()).ok_or_else(|| {
            let message = format!("the buffer holds {} values, but {count} are needed", bytes.len() / size);
            buffer_error(form, attribute, &message)
        })?;
        Tensor::new(dtype.clone(), [count], bytes.slice_with_length(0, needed))
            .map_err(|error| buffer_error(form, attribute, "the buffer cannot be read").with_source(error))
    }
}

/// The number of values of a dense array. No partial product overflows either, wherever a length is 0.
fn product(len: usize, inner_shape: &[usize]) -> Option<usize> {
    let extent = inner_shape.iter().try_fold(len.max(1), |product, &n| product.checked_mul(n.max(1)))?;
    Some(if len == 0 || inner_shape.contains(&0) { 0 } else { extent })
}

/// Where the last list ends.
fn check_offsets(form: &Form, offsets: &[i64]) -> Result<usize> {
    let first = offsets.first().copied().or_bug("lists without offsets")?;
    if first < 0 {
        return Err(buffer_error(form, "offsets", &format!("the first offset is {first}")));
    }
    let mut pairs = offsets.iter().zip(offsets.iter().skip(1)).enumerate();
    if let Some((at, (start, stop))) = pairs.find(|(_, (start, stop))| start > stop) {
        return Err(buffer_error(form, "offsets", &format!("list {at} goes from {start} to {stop}")));
    }
    match offsets {
        [] | [_] => Ok(0),
        [.., last] => to_len(form, "offsets", *last),
    }
}

/// Where the furthest list ends. Empty lists may be anywhere.
fn check_pairs(form: &Form, starts: &[i64], stops: &[i64]) -> Result<usize> {
    let mut end = 0;
    for (at, (&start, &stop)) in starts.iter().zip(stops).enumerate() {
        if start > stop || (start < 0 && start != stop) {
            return Err(buffer_error(form, "stops", &format!("list {at} goes from {start} to {stop}")));
        }
        if start != stop {
            end = end.max(stop);
        }
    }
    to_len(form, "stops", end)
}

/// How long each content has to be.
fn check_union(form: &Form, tags: &[i8], index: &[i64], contents: usize) -> Result<Vec<usize>> {
    let mut ends = vec![0_i64; contents];
    for (at, (&tag, &position)) in tags.iter().zip(index).enumerate() {
        let end = usize::try_from(tag).ok().and_then(|tag| ends.get_mut(tag)).ok_or_else(|| {
            buffer_error(form, "tags", &format!("tag {tag} at {at} is none of the {contents} contents"))
        })?;
        if position < 0 {
            return Err(buffer_error(form, "index", &format!("position {position} at {at} is negative")));
        }
        // No content is as long as the largest number, so that one more is as wrong.
        *end = (*end).max(position.saturating_add(1));
    }
    ends.into_iter().map(|end| to_len(form, "index", end)).collect()
}

/// One more than the largest of some positions; 0 where all are negative.
fn end_of(form: &Form, attribute: &str, positions: impl Iterator<Item = i64>) -> Result<usize> {
    // As above.
    to_len(form, attribute, positions.max().map_or(0, |last| last.saturating_add(1)).max(0))
}

fn to_len(form: &Form, attribute: &str, value: i64) -> Result<usize> {
    usize::try_from(value).map_err(|_| buffer_error(form, attribute, &format!("{value} is not a length")))
}

fn buffer_error(form: &Form, attribute: &str, message: &str) -> Error {
    node_error(form, &format!("buffer `{}`: {message}", form.buffer_name(attribute)))
}

/// Gives nodes and buffers their names.
struct Namer {
    next: usize,
    buffers: IndexMap<String, Tensor>,
}

impl Namer {
    fn node(&mut self, layout: Layout) -> Form {
        let key = format!("node{}", self.next);
        self.next += 1;
        let mut put = |attribute: &str, tensor: Tensor| {
            self.buffers.insert(format!("{key}-{attribute}"), tensor);
        };
        let kind = match layout.kind {
            Kind::Empty => FormKind::Empty,
            Kind::Numpy { primitive, inner_shape, data } => {
                put("data", data);
                FormKind::Numpy { primitive, inner_shape }
            }
            Kind::ListOffset { offsets, content } => {
                put("offsets", offsets.tensor);
                FormKind::ListOffset { offsets: offsets.index_type, content: self.child(*content) }
            }
            Kind::List { starts, stops, content } => {
                put("starts", starts.tensor);
                put("stops", stops.tensor);
                FormKind::List { starts: starts.index_type, content: self.child(*content) }
            }
            Kind::Regular { size, content } => FormKind::Regular { size, content: self.child(*content) },
            Kind::Record { fields, contents } => FormKind::Record { fields, contents: self.children(contents) },
            Kind::Indexed { index, content } => {
                put("index", index.tensor);
                FormKind::Indexed { index: index.index_type, content: self.child(*content) }
            }
            Kind::IndexedOption { index, content } => {
                put("index", index.tensor);
                FormKind::IndexedOption { index: index.index_type, content: self.child(*content) }
            }
            Kind::ByteMasked { mask, valid_when, content } => {
                put("mask", mask);
                FormKind::ByteMasked { valid_when, content: self.child(*content) }
            }
            Kind::BitMasked { mask, valid_when, lsb_order, content } => {
                put("mask", mask);
                FormKind::BitMasked { valid_when, lsb_order, content: self.child(*content) }
            }
            Kind::Unmasked { content } => FormKind::Unmasked { content: self.child(*content) },
            Kind::Union { tags, index, contents } => {
                put("tags", tags);
                put("index", index.tensor);
                FormKind::Union { index: index.index_type, contents: self.children(contents) }
            }
        };
        Form { kind, parameters: layout.parameters, form_key: Some(key) }
    }

    fn child(&mut self, layout: Layout) -> Box<Form> {
        Box::new(self.node(layout))
    }

    fn children(&mut self, layouts: Vec<Layout>) -> Vec<Form> {
        layouts.into_iter().map(|layout| self.node(layout)).collect()
    }
}
