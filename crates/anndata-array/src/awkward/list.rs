//! Awkward arrays as JSON values, for display and comparison.

use anndata_storage::{DType, Error, OrBug, Result, Scalar, Tensor, dispatch, ensure};
use serde_json::{Number, Value, json};

use super::form::Primitive;
use super::layout::{Kind, Layout};
use super::rows::{Budget, out_of_bounds};

/// All values of a node.
pub(super) fn values(layout: &Layout, budget: &Budget) -> Result<Vec<Value>> {
    budget.spend(layout.len, size_of::<Value>())?;
    match &layout.kind {
        Kind::Empty => Ok(Vec::new()),
        Kind::Numpy { primitive, inner_shape, data } => {
            let mut values = numbers(primitive, data, budget)?;
            for (axis, &size) in inner_shape.iter().enumerate().rev() {
                let len = inner_shape.iter().take(axis).product::<usize>() * layout.len;
                budget.spend(len, size_of::<Value>())?;
                let starts = (0..len).map(|i| (i * size, (i + 1) * size));
                values = starts.map(|(start, stop)| part(&values, start, stop, budget)).collect::<Result<_>>()?;
            }
            Ok(values)
        }
        Kind::ListOffset { offsets, content } => {
            let offsets = offsets.positions()?;
            let pairs = offsets.iter().copied().zip(offsets.iter().copied().skip(1));
            lists(layout, content, pairs, budget)
        }
        Kind::List { starts, stops, content } => {
            lists(layout, content, starts.ends()?.into_iter().zip(stops.ends()?), budget)
        }
        Kind::Regular { size, content } => {
            lists(layout, content, (0..layout.len).map(|i| (i * size, (i + 1) * size)), budget)
        }
        Kind::Record { fields, contents } => records(fields.as_deref(), contents, layout.len, budget),
        Kind::Indexed { index, content } | Kind::IndexedOption { index, content } => {
            let items = values(content, budget)?;
            index
                .values()?
                .iter()
                .map(|&position| match usize::try_from(position) {
                    Ok(at) => copy(items.get(at), budget),
                    Err(_) => Ok(Value::Null),
                })
                .collect()
        }
        Kind::ByteMasked { content, .. } | Kind::BitMasked { content, .. } => {
            let valid = layout.mask()?.or_bug("a masked node without a mask")?;
            let items = values(content, budget)?;
            ensure!(valid.len() == items.len(), "a mask of {} for {} values", valid.len(), items.len());
            Ok(items.into_iter().zip(valid).map(|(item, valid)| if valid { item } else { Value::Null }).collect())
        }
        Kind::Unmasked { content } => values(content, budget),
        Kind::Union { tags, index, contents } => {
            let contents = contents.iter().map(|content| values(content, budget)).collect::<Result<Vec<_>>>()?;
            let item = |(&tag, at): (&i8, usize)| {
                let items =
                    usize::try_from(tag).ok().and_then(|tag| contents.get(tag)).or_bug("a tag without a content")?;
                copy(items.get(at), budget)
            };
            tags.as_slice::<i8>()?.iter().zip(index.positions()?).map(item).collect()
        }
    }
}

/// Records as objects, tuples as arrays.
fn records(fields: Option<&[String]>, contents: &[Layout], len: usize, budget: &Budget) -> Result<Vec<Value>> {
    let columns = contents.iter().map(|content| values(content, budget)).collect::<Result<Vec<_>>>()?;
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    let mut next = || {
        let values = columns.iter_mut().map(|column| column.next().or_bug("a record without one of its fields"));
        values.collect::<Result<Vec<_>>>()
    };
    let record = |_| match fields {
        Some(fields) => Ok(Value::Object(fields.iter().cloned().zip(next()?).collect())),
        None => Ok(Value::Array(next()?)),
    };
    (0..len).map(record).collect()
}

/// Lists as arrays, strings as strings.
fn lists(
    layout: &Layout,
    content: &Layout,
    pairs: impl Iterator<Item = (usize, usize)>,
    budget: &Budget,
) -> Result<Vec<Value>> {
    let text = layout.array_parameter() == Some("string");
    match &content.kind {
        Kind::Numpy { data, .. } if text => {
            let bytes = data.as_bytes().or_bug("characters without bytes")?;
            pairs
                .map(|(start, stop)| {
                    // One that ends before it begins is out of bounds of every text.
                    budget.spend(stop.saturating_sub(start), 1)?;
                    let bytes = if start == stop { Some(&[][..]) } else { bytes.get(start..stop) };
                    let text = std::str::from_utf8(bytes.ok_or_else(out_of_bounds)?)
                        .map_err(|error| Error::invalid_data("a string is not UTF-8").with_source(error))?;
                    Ok(Value::from(text))
                })
                .collect()
        }
        _ => {
            let items = values(content, budget)?;
            pairs.map(|(start, stop)| part(&items, start, stop, budget)).collect()
        }
    }
}

/// Some items as a JSON array.
fn part(items: &[Value], start: usize, stop: usize, budget: &Budget) -> Result<Value> {
    let items = if start == stop { &[][..] } else { items.get(start..stop).ok_or_else(out_of_bounds)? };
    Ok(Value::Array(items.iter().map(|item| copy(Some(item), budget)).collect::<Result<_>>()?))
}

/// A copy of an item, however large it is, on the budget.
fn copy(item: Option<&Value>, budget: &Budget) -> Result<Value> {
    let item = item.ok_or_else(out_of_bounds)?;
    budget.spend(weight(item), size_of::<Value>())?;
    Ok(item.clone())
}

/// How many values a value is made of.
fn weight(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + 1,
        Value::Object(items) => items.values().map(weight).sum::<usize>() + 1,
        _ => 1,
    }
}

fn numbers(primitive: &Primitive, data: &Tensor, budget: &Budget) -> Result<Vec<Value>> {
    budget.spend(data.len(), size_of::<Value>())?;
    if !matches!(primitive, Primitive::Number(_)) {
        let times = data.as_slice::<i64>()?.iter();
        return Ok(times.map(|&time| if time == i64::MIN { Value::Null } else { time.into() }).collect());
    }
    match data.dtype() {
        DType::Bool => Ok(data.as_slice::<bool>()?.iter().map(|&value| value.into()).collect()),
        DType::Complex64 | DType::Complex128 => {
            let wide = data.cast(&DType::Complex128)?;
            let values = wide.as_slice::<anndata_storage::Complex<f64>>()?.iter();
            Ok(values.map(|value| json!({ "real": float(value.re), "imag": float(value.im) })).collect())
        }
        dtype => {
            dispatch!(real dtype, T => data.as_slice::<T>()?.iter().map(|&value| number(value)).collect(), else =>
            Err(Error::dtype(format!("values of type {dtype} are not numbers"))))
        }
    }
}

fn number<T: Scalar>(value: T) -> Result<Value> {
    match value.to_integer() {
        Some(integer) => Number::from_i128(integer).map(Value::Number).or_bug("an integer of more than 64 bits"),
        None => Ok(float(value.to_f64())),
    }
}

/// JSON has no words for infinities and NaN; they become strings.
fn float(value: f64) -> Value {
    Number::from_f64(value).map_or_else(|| Value::from(format!("{value}")), Value::Number)
}
