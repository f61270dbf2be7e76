//! Awkward arrays one after the other, and what else a concatenation does with them: fields that all have, and rows
//! that are missing.

// Long file: how each kind of node is joined with others of it, side by side.

use anndata_storage::{Error, OrBug, Result, Tensor};
use serde_json::Value;

use super::Awkward;
use super::form::{IndexType, Primitive};
use super::layout::{Index, Kind, Layout};
use super::rows::{Budget, Rows, out_of_bounds};
use crate::promote::result_type;

/// What the type of a node is beyond its kind.
const TYPE_PARAMETERS: [&str; 4] = ["__array__", "__list__", "__record__", "__categorical__"];

impl Awkward {
    /// Arrays one after the other, of the type that Python's `ak.concatenate` gives them.
    ///
    /// Numbers are promoted as in numpy. Lists of different lengths become lists of any length, values that may be
    /// missing in one array may be in the result, and values of types that do not go together become a union.
    /// Categories become plain values.
    ///
    /// ```
    /// use anndata_array::awkward::Awkward;
    /// use arrow_array::{Int32Array, LargeStringArray};
    ///
    /// let numbers = Awkward::from_arrow(&Int32Array::from(vec![1, 2]))?;
    /// let texts = Awkward::from_arrow(&LargeStringArray::from(vec!["a"]))?;
    /// let both = Awkward::concat(&[numbers.clone(), texts, numbers])?;
    /// assert_eq!(both.to_list()?.to_string(), r#"[1,2,"a",1,2]"#);
    /// assert_eq!(both.form().class(), "UnionArray");
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the result does not fit into memory, or is a union of more than 127 types.
    pub fn concat(arrays: &[Self]) -> Result<Self> {
        let parts = arrays.iter().map(|array| {
            let budget = array.budget(array.len());
            array.0.layout.packed(&Rows::all(array.len(), &budget))
        });
        Ok(Self::from_layout(union(parts.collect::<Result<Vec<_>>>()?)?))
    }

    /// So many missing values of an unknown type.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn missing(len: usize) -> Result<Self> {
        let index = Index::new(IndexType::I64, vec![-1; len])?;
        let content = Box::new(Layout::new(0, Kind::Empty));
        Ok(Self::from_layout(Layout::new(len, Kind::IndexedOption { index, content })))
    }

    /// The names of the fields of the records, within lists or not; none if there are no records.
    pub fn fields(&self) -> Vec<String> {
        fields(&self.0.layout)
    }

    /// Keeps only these fields of the records, in this order.
    ///
    /// # Errors
    /// If the array has no records, or they lack a field.
    pub fn project(&self, names: &[String]) -> Result<Self> {
        if self.fields() == names {
            return Ok(self.clone());
        }
        Ok(Self::from_layout(project(&self.0.layout, names)?))
    }

    /// The values at these positions; missing where there is none.
    ///
    /// # Errors
    /// If a row is out of bounds.
    pub fn take_optional(&self, rows: &[Option<usize>]) -> Result<Self> {
        let positions: Vec<u64> = rows.iter().map(|row| row.unwrap_or(self.len()) as u64).collect();
        if !rows.contains(&None) {
            return self.take(&positions);
        }
        let budget = self.budget(self.len());
        let packed = self.0.layout.packed(&Rows::all(self.len(), &budget))?;
        if matches!(packed.kind, Kind::Union { .. }) {
            // The types of a union are what can be missing.
            return Self::concat(&[self.clone(), Self::missing(1)?])?.take(&positions);
        }
        let (index, content) = optional(packed)?;
        let position = |row: &Option<usize>| match *row {
            Some(row) => index.get(row).copied().ok_or_else(out_of_bounds),
            None => Ok(-1),
        };
        let index = Index::new(IndexType::I64, rows.iter().map(position).collect::<Result<_>>()?)?;
        let options = Layout::new(rows.len(), Kind::IndexedOption { index, content: Box::new(content) });
        let budget = self.budget(rows.len());
        Ok(Self::from_layout(options.packed(&Rows::all(rows.len(), &budget))?))
    }
}

fn fields(layout: &Layout) -> Vec<String> {
    match &layout.kind {
        Kind::Record { fields: Some(names), .. } => names.clone(),
        Kind::Record { contents, .. } => (0..contents.len()).map(|i| i.to_string()).collect(),
        Kind::Union { contents, .. } => {
            let mut common = contents.first().map(fields).unwrap_or_default();
            for content in contents.iter().skip(1) {
                let own = fields(content);
                common.retain(|name| own.contains(name));
            }
            common
        }
        _ => content(layout).map(fields).unwrap_or_default(),
    }
}

/// The one content of lists, options and indexed nodes.
fn content(layout: &Layout) -> Option<&Layout> {
    match &layout.kind {
        Kind::ListOffset { content, .. }
        | Kind::List { content, .. }
        | Kind::Regular { content, .. }
        | Kind::Indexed { content, .. }
        | Kind::IndexedOption { content, .. }
        | Kind::ByteMasked { content, .. }
        | Kind::BitMasked { content, .. }
        | Kind::Unmasked { content } => Some(content),
        Kind::Empty | Kind::Numpy { .. } | Kind::Record { .. } | Kind::Union { .. } => None,
    }
}

fn project(layout: &Layout, names: &[String]) -> Result<Layout> {
    let mut kind = layout.kind.clone();
    match &mut kind {
        Kind::Record { fields: own, contents } => {
            let all = fields(layout);
            let picked = names.iter().map(|name| {
                let position = all.iter().position(|field| field == name);
                position
                    .and_then(|position| contents.get(position))
                    .cloned()
                    .ok_or_else(|| Error::not_found(format!("the records have no field '{name}'")))
            });
            let picked = picked.collect::<Result<Vec<_>>>()?;
            if own.is_some() {
                *own = Some(names.to_vec());
            }
            *contents = picked;
        }
        Kind::Union { contents, .. } => {
            for content in contents {
                *content = project(content, names)?;
            }
        }
        Kind::ListOffset { content, .. }
        | Kind::List { content, .. }
        | Kind::Regular { content, .. }
        | Kind::Indexed { content, .. }
        | Kind::IndexedOption { content, .. }
        | Kind::ByteMasked { content, .. }
        | Kind::BitMasked { content, .. }
        | Kind::Unmasked { content } => **content = project(content, names)?,
        Kind::Empty | Kind::Numpy { .. } => {}
    }
    // A record with other fields is not what its name says any more.
    Ok(Layout::new(layout.len, kind))
}

/// Whether values of two nodes can be of one type without a union.
fn mergeable(a: &Layout, b: &Layout) -> bool {
    let is_any = |layout: &Layout| matches!(layout.kind, Kind::Empty | Kind::Union { .. });
    let wraps = |layout: &Layout| layout.is_option() || matches!(layout.kind, Kind::Indexed { .. });
    if is_any(a) || is_any(b) {
        return true;
    }
    if let Some(within) = content(a).filter(|_| wraps(a)) {
        return mergeable(within, b);
    }
    if let Some(within) = content(b).filter(|_| wraps(b)) {
        return mergeable(a, within);
    }
    if !same_parameters(a, b) {
        return false;
    }
    match (&a.kind, &b.kind) {
        (Kind::Numpy { primitive: a, .. }, Kind::Numpy { primitive: b, .. }) => {
            a == b || matches!((a, b), (Primitive::Number(_), Primitive::Number(_)))
        }
        (Kind::Record { fields: a_names, contents: a }, Kind::Record { fields: b_names, contents: b }) => {
            a.len() == b.len()
                && a_names.is_some() == b_names.is_some()
                && (0..a.len()).all(|i| match (a.get(i), counterpart(a_names.as_deref(), b_names.as_deref(), i)) {
                    (Some(a), Some(position)) => b.get(position).is_some_and(|b| mergeable(a, b)),
                    _ => false,
                })
        }
        (Kind::Record { .. } | Kind::Numpy { .. }, _) | (_, Kind::Record { .. } | Kind::Numpy { .. }) => false,
        _ => content(a).zip(content(b)).is_some_and(|(a, b)| mergeable(a, b)),
    }
}

pub(super) fn same_parameters(a: &Layout, b: &Layout) -> bool {
    let get = |layout: &Layout, name: &str| layout.parameters.get(name).cloned().unwrap_or(Value::Null);
    TYPE_PARAMETERS.iter().all(|name| get(a, name) == get(b, name))
}

/// Where the field of one record is in another.
pub(super) fn counterpart(own: Option<&[String]>, other: Option<&[String]>, i: usize) -> Option<usize> {
    match (own, other) {
        (Some(own), Some(other)) => {
            let name = own.get(i)?;
            other.iter().position(|field| field == name)
        }
        _ => Some(i),
    }
}

/// Values that go together in groups, and a union of the groups where there are several.
fn union(parts: Vec<Layout>) -> Result<Layout> {
    let mut groups: Vec<Vec<Layout>> = Vec::new();
    let mut tags: Vec<i8> = Vec::new();
    let mut index: Vec<i64> = Vec::new();
    let total = parts.iter().map(|part| part.len).sum();
    let in_order = !parts.iter().any(|part| matches!(part.kind, Kind::Union { .. }));
    for part in parts {
        if let Kind::Union { tags: own_tags, index: own_index, contents } = part.kind {
            let starts = contents.into_iter().map(|content| add_to_group(&mut groups, content));
            let starts = starts.collect::<Result<Vec<_>>>()?;
            for (&tag, &position) in own_tags.as_slice::<i8>()?.iter().zip(own_index.values()?.iter()) {
                let group = usize::try_from(tag).ok().and_then(|tag| starts.get(tag));
                let (tag, start) = *group.or_bug("a tag without a content")?;
                tags.push(tag);
                index.push(start + position);
            }
        } else {
            let len = i64::try_from(part.len).map_err(|_| too_long())?;
            let (tag, start) = add_to_group(&mut groups, part)?;
            index.extend(start..start + len);
            tags.resize(index.len(), tag);
        }
    }
    let mut contents = groups.into_iter().map(merge).collect::<Result<Vec<_>>>()?;
    if contents.len() <= 1 {
        let Some(only) = contents.pop() else { return Ok(Layout::new(0, Kind::Empty)) };
        if in_order {
            return Ok(only);
        }
        let budget = Budget::unlimited();
        let mut rows = Rows::none(&budget);
        for position in index {
            let position = usize::try_from(position).map_err(|_| too_long())?;
            rows.push(position..position + 1)?;
        }
        return only.select(&rows);
    }
    if contents.iter().any(Layout::is_option) {
        for content in contents.iter_mut().filter(|content| !content.is_option()) {
            let inner = std::mem::replace(content, Layout::new(0, Kind::Empty));
            *content = Layout::new(inner.len, Kind::Unmasked { content: Box::new(inner) });
        }
    }
    let tags = Tensor::from_vec([tags.len()], tags)?;
    Ok(Layout::new(total, Kind::Union { tags, index: Index::new(IndexType::I64, index)?, contents }))
}

/// Adds values to the first group that they go with: the number of the group, and where they begin in it.
fn add_to_group(groups: &mut Vec<Vec<Layout>>, part: Layout) -> Result<(i8, i64)> {
    let goes = |group: &Vec<Layout>| group.iter().all(|other| mergeable(other, &part));
    let group = groups.iter().position(goes).unwrap_or_else(|| {
        groups.push(Vec::new());
        groups.len() - 1
    });
    let tag = i8::try_from(group).map_err(|_| Error::unsupported("a union of more than 127 types"))?;
    let group = groups.get_mut(group).or_bug("a group that was just found")?;
    let start: usize = group.iter().map(|other| other.len).sum();
    group.push(part);
    Ok((tag, i64::try_from(start).map_err(|_| too_long())?))
}

/// Values that go together, one after the other.
fn merge(mut parts: Vec<Layout>) -> Result<Layout> {
    let is_empty = |part: &Layout| matches!(part.kind, Kind::Empty);
    // Lists of equal length are lists of any length once values of an unknown type follow them.
    let regular = match parts.iter().position(|part| !is_empty(part)) {
        Some(first) => !parts.iter().skip(first).any(is_empty),
        None => true,
    };
    if !parts.iter().all(is_empty) {
        parts.retain(|part| !is_empty(part));
    }
    if parts.len() == 1 && (regular || !matches!(parts.first().map(|part| &part.kind), Some(Kind::Regular { .. }))) {
        return parts.pop().ok_or_else(too_long);
    }
    if parts.iter().any(|part| matches!(part.kind, Kind::Union { .. })) {
        return union(parts);
    }
    if parts.iter().any(Layout::is_option) {
        return merge_options(parts);
    }
    let parts = parts.into_iter().map(resolved).collect::<Result<Vec<_>>>()?;
    let Some(first) = parts.first().cloned() else { return Ok(Layout::new(0, Kind::Empty)) };
    let len = parts.iter().map(|part| part.len).sum();
    let kind = match first.kind {
        Kind::Numpy { .. } => merge_numbers(&parts)?,
        Kind::Record { fields, .. } => merge_records(fields, parts)?,
        Kind::Regular { size, .. }
            if regular
                && parts.iter().all(|part| matches!(part.kind, Kind::Regular { size: own, .. } if own == size)) =>
        {
            let contents = parts.into_iter().filter_map(|part| match part.kind {
                Kind::Regular { content, .. } => Some(*content),
                _ => None,
            });
            Kind::Regular { size, content: Box::new(merge(contents.collect())?) }
        }
        Kind::Empty => Kind::Empty,
        _ => merge_lists(parts)?,
    };
    Ok(Layout { parameters: first.parameters, len, kind })
}

/// Values in place of positions of values.
pub(super) fn resolved(part: Layout) -> Result<Layout> {
    if !matches!(part.kind, Kind::Indexed { .. }) {
        return Ok(part);
    }
    let budget = Budget::unlimited();
    let plain = Layout::new(part.len, part.kind);
    plain.packed(&Rows::all(plain.len, &budget))
}

fn merge_options(parts: Vec<Layout>) -> Result<Layout> {
    let (mut index, mut contents, mut start) = (Vec::new(), Vec::with_capacity(parts.len()), 0_i64);
    for part in parts {
        let (own, content) = optional(part)?;
        index.extend(own.into_iter().map(|position| if position < 0 { -1 } else { start + position }));
        start += i64::try_from(content.len).map_err(|_| too_long())?;
        contents.push(content);
    }
    let content = Box::new(merge(contents)?);
    Ok(Layout::new(index.len(), Kind::IndexedOption { index: Index::new(IndexType::I64, index)?, content }))
}

/// A node as positions in its values, negative where missing.
pub(super) fn optional(part: Layout) -> Result<(Vec<i64>, Layout)> {
    let mask = part.mask()?;
    let all = || (0_i64..).take(part.len);
    Ok(match (part.kind, mask) {
        (Kind::IndexedOption { index, content }, _) => (index.values()?.into_owned(), *content),
        (Kind::ByteMasked { content, .. } | Kind::BitMasked { content, .. }, Some(valid)) => {
            let index = all().zip(valid).map(|(i, valid)| if valid { i } else { -1 }).collect();
            let unknown = matches!(content.kind, Kind::Empty);
            (index, if unknown { Layout::new(0, Kind::Empty) } else { *content })
        }
        (Kind::Unmasked { content }, _) => (all().collect(), *content),
        (kind, _) => (all().collect(), Layout { parameters: part.parameters, len: part.len, kind }),
    })
}

fn merge_numbers(parts: &[Layout]) -> Result<Kind> {
    let numbers = parts.iter().map(|part| match &part.kind {
        Kind::Numpy { primitive, data, .. } => Ok((primitive, data)),
        _ => Err(Error::bug("numbers are grouped with other values")),
    });
    let numbers = numbers.collect::<Result<Vec<(&Primitive, &Tensor)>>>()?;
    let dtypes: Vec<_> = numbers.iter().map(|(_, data)| data.dtype()).collect();
    let dtype =
        result_type(dtypes).ok_or_else(|| Error::dtype("the numbers of the awkward arrays have no common type"))?;
    let data = numbers.iter().map(|(_, data)| data.cast(&dtype)).collect::<Result<Vec<_>>>()?;
    let primitive = match numbers.first() {
        Some((time @ (Primitive::Datetime(_) | Primitive::Timedelta(_)), _)) => (*time).clone(),
        _ => Primitive::Number(dtype),
    };
    Ok(Kind::Numpy { primitive, inner_shape: Vec::new(), data: Tensor::concat_rows(&data)? })
}

fn merge_records(names: Option<Vec<String>>, parts: Vec<Layout>) -> Result<Kind> {
    let count = match parts.first().map(|part| &part.kind) {
        Some(Kind::Record { contents, .. }) => contents.len(),
        _ => 0,
    };
    let mut columns: Vec<Vec<Layout>> = vec![Vec::with_capacity(parts.len()); count];
    for part in parts {
        let Kind::Record { fields: own, contents } = part.kind else {
            return Err(Error::bug("records are grouped with other values"));
        };
        for (i, column) in columns.iter_mut().enumerate() {
            let content = counterpart(names.as_deref(), own.as_deref(), i).and_then(|position| contents.get(position));
            column.push(content.or_bug("records with other fields are grouped")?.clone());
        }
    }
    let contents = columns.into_iter().map(merge).collect::<Result<_>>()?;
    Ok(Kind::Record { fields: names, contents })
}

fn merge_lists(parts: Vec<Layout>) -> Result<Kind> {
    let (mut offsets, mut contents) = (vec![0_i64], Vec::with_capacity(parts.len()));
    for part in parts {
        let start = *offsets.last().or_bug("there are no offsets")?;
        match part.kind {
            Kind::ListOffset { offsets: own, content } => {
                offsets.extend(own.values()?.iter().skip(1).map(|offset| start + offset));
                contents.push(*content);
            }
            Kind::Regular { size, content } => {
                let size = i64::try_from(size).map_err(|_| too_long())?;
                offsets.extend((1_i64..).take(part.len).map(|i| start + i * size));
                contents.push(*content);
            }
            _ => return Err(Error::invalid_data("an awkward list cannot follow another kind of value")),
        }
    }
    Ok(Kind::ListOffset { offsets: Index::new(IndexType::I64, offsets)?, content: Box::new(merge(contents)?) })
}

fn too_long() -> Error {
    Error::limit_exceeded("the length of an awkward array overflows")
}
