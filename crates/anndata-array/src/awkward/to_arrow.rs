//! Awkward arrays as Arrow arrays.

use std::sync::Arc;

use anndata_storage::{DType, Error, OrBug, Result, Tensor};
use arrow_array::types::{ArrowDictionaryKeyType, Int32Type, Int64Type, UInt32Type};
use arrow_array::{
    Array, ArrayRef, Date32Array, DictionaryArray, DurationMicrosecondArray, DurationMillisecondArray,
    DurationNanosecondArray, DurationSecondArray, FixedSizeBinaryArray, FixedSizeListArray, LargeBinaryArray,
    LargeListArray, LargeStringArray, ListArray, NullArray, PrimitiveArray, StructArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UnionArray, make_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field, FieldRef, Fields, UnionFields};

use super::form::{IndexType, Primitive};
use super::layout::{Index, Kind, Layout};
use super::rows::{Budget, Rows};

/// The node as an Arrow array.
///
/// `nulls` are those of an option node above. Arrow keeps them in the array itself.
pub(super) fn convert(layout: &Layout, nulls: Option<NullBuffer>, budget: &Budget) -> Result<ArrayRef> {
    Ok(match &layout.kind {
        Kind::Empty => Arc::new(NullArray::new(layout.len)),
        Kind::Numpy { primitive, inner_shape, data } => numpy(primitive, inner_shape, data, layout.len, nulls)?,
        Kind::ListOffset { offsets, content } => match layout.array_parameter() {
            Some("string") => Arc::new(
                LargeStringArray::try_new(wide_offsets(offsets)?, bytes(content)?, nulls)
                    .map_err(|error| Error::invalid_data("a string is not UTF-8").with_source(error))?,
            ),
            Some("bytestring") => {
                Arc::new(LargeBinaryArray::try_new(wide_offsets(offsets)?, bytes(content)?, nulls).map_err(arrow)?)
            }
            _ => list(offsets, content, nulls, budget)?,
        },
        Kind::Regular { size, content } => regular(layout, *size, content, nulls, budget)?,
        Kind::Record { fields, contents } => {
            let arrays = contents.iter().map(|content| convert(content, None, budget)).collect::<Result<Vec<_>>>()?;
            let names = (0..contents.len()).map(|i| match fields.as_ref().and_then(|fields| fields.get(i)) {
                Some(name) => name.clone(),
                None => i.to_string(),
            });
            let fields: Fields = names
                .zip(contents.iter().zip(&arrays))
                .map(|(name, (content, array))| field(&name, content, array))
                .collect();
            Arc::new(StructArray::try_new_with_length(fields, arrays, nulls, layout.len).map_err(arrow)?)
        }
        Kind::Indexed { index, content } if layout.is_categorical() => dictionary(index, content, budget)?,
        Kind::IndexedOption { index, content } if layout.is_categorical() => dictionary(index, content, budget)?,
        Kind::List { .. } | Kind::Indexed { .. } => {
            let packed = layout.select(&Rows::all(layout.len, budget))?;
            convert(&packed, nulls, budget)?
        }
        Kind::IndexedOption { index, content } => indexed_option(index, content, budget)?,
        Kind::ByteMasked { content, .. } | Kind::BitMasked { content, .. } => {
            convert(content, layout.mask()?.map(NullBuffer::from), budget)?
        }
        Kind::Unmasked { content } => convert(content, None, budget)?,
        Kind::Union { .. } => union(layout, budget)?,
    })
}

/// Whether Arrow is to say that values of the node may be missing.
fn nullable(layout: &Layout) -> bool {
    match &layout.kind {
        Kind::Empty => true,
        Kind::Indexed { content, .. } => nullable(content),
        Kind::Union { contents, .. } => contents.iter().any(nullable),
        _ => layout.is_option(),
    }
}

/// The Arrow field of a child.
fn field(name: &str, layout: &Layout, array: &ArrayRef) -> FieldRef {
    Arc::new(Field::new(name, array.data_type().clone(), nullable(layout) || array.null_count() > 0))
}

fn arrow(error: ArrowError) -> Error {
    Error::invalid_data("the awkward array has no Arrow equivalent").with_source(error)
}

/// A dense array: a flat one within one fixed-size list an inner axis.
fn numpy(
    primitive: &Primitive,
    inner_shape: &[usize],
    data: &Tensor,
    len: usize,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let Some((&size, rest)) = inner_shape.split_first() else { return flat(primitive, data, nulls) };
    let values = numpy(primitive, rest, data, len * size, None)?;
    let item = Arc::new(Field::new("item", values.data_type().clone(), values.null_count() > 0));
    fixed_size_list(item, size, values, nulls, len)
}

fn flat(primitive: &Primitive, data: &Tensor, nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    if matches!(primitive, Primitive::Number(_)) {
        let values = data.to_arrow()?;
        if nulls.is_none() {
            return Ok(values);
        }
        return Ok(make_array(values.to_data().into_builder().nulls(nulls).build().map_err(arrow)?));
    }
    let times = data.as_slice::<i64>()?;
    let known = times
        .contains(&i64::MIN)
        .then(|| NullBuffer::new(BooleanBuffer::collect_bool(times.len(), |i| times.get(i) != Some(&i64::MIN))));
    let nulls = NullBuffer::union(nulls.as_ref(), known.as_ref());
    let values = ScalarBuffer::<i64>::new(buffer(data)?, 0, data.len());
    Ok(match primitive {
        Primitive::Datetime(unit) => match unit.as_str() {
            "D" => days(times, nulls)?,
            "s" => Arc::new(TimestampSecondArray::try_new(values, nulls).map_err(arrow)?),
            "ms" => Arc::new(TimestampMillisecondArray::try_new(values, nulls).map_err(arrow)?),
            "us" => Arc::new(TimestampMicrosecondArray::try_new(values, nulls).map_err(arrow)?),
            "ns" => Arc::new(TimestampNanosecondArray::try_new(values, nulls).map_err(arrow)?),
            _ => return Err(no_unit(primitive)),
        },
        Primitive::Timedelta(unit) => match unit.as_str() {
            "s" => Arc::new(DurationSecondArray::try_new(values, nulls).map_err(arrow)?),
            "ms" => Arc::new(DurationMillisecondArray::try_new(values, nulls).map_err(arrow)?),
            "us" => Arc::new(DurationMicrosecondArray::try_new(values, nulls).map_err(arrow)?),
            "ns" => Arc::new(DurationNanosecondArray::try_new(values, nulls).map_err(arrow)?),
            _ => return Err(no_unit(primitive)),
        },
        Primitive::Number(_) => return Err(no_unit(primitive)),
    })
}

/// Dates in Arrow have 32 bits.
fn days(times: &[i64], nulls: Option<NullBuffer>) -> Result<ArrayRef> {
    let valid = |i: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(i));
    let days = times.iter().enumerate().map(|(i, &day)| if valid(i) { i32::try_from(day) } else { Ok(0) });
    let days = days.collect::<Result<Vec<_>, _>>();
    let days = days.map_err(|_| Error::unsupported("a date is too far away for Arrow"))?;
    Ok(Arc::new(Date32Array::try_new(days.into(), nulls).map_err(arrow)?))
}

fn no_unit(primitive: &Primitive) -> Error {
    Error::unsupported(format!("Arrow has no type for awkward's {primitive}"))
}

fn list(offsets: &Index, content: &Layout, nulls: Option<NullBuffer>, budget: &Budget) -> Result<ArrayRef> {
    let values = convert(content, None, budget)?;
    let item = field("item", content, &values);
    Ok(if offsets.index_type == IndexType::I32 {
        let buffer = buffer(&offsets.tensor)?;
        let offsets = match offsets.tensor.len() {
            0 | 1 => OffsetBuffer::new_empty(),
            len => OffsetBuffer::new(ScalarBuffer::<i32>::new(buffer, 0, len)),
        };
        Arc::new(ListArray::try_new(item, offsets, values, nulls).map_err(arrow)?)
    } else {
        Arc::new(LargeListArray::try_new(item, wide_offsets(offsets)?, values, nulls).map_err(arrow)?)
    })
}

/// Checked offsets in 64 bit, shared where they are stored so. No lists may start anywhere.
fn wide_offsets(offsets: &Index) -> Result<OffsetBuffer<i64>> {
    if offsets.tensor.len() < 2 {
        return Ok(OffsetBuffer::new_empty());
    }
    let wide = if offsets.index_type == IndexType::I64 {
        ScalarBuffer::new(buffer(&offsets.tensor)?, 0, offsets.tensor.len())
    } else {
        ScalarBuffer::from(offsets.values()?.into_owned())
    };
    Ok(OffsetBuffer::new(wide))
}

/// The bytes of the characters of strings; none if there are no characters of any type.
fn bytes(content: &Layout) -> Result<Buffer> {
    match &content.kind {
        Kind::Numpy { data, .. } => buffer(data),
        Kind::Empty => Ok(Buffer::default()),
        _ => Err(Error::invalid_data("the characters of awkward strings are not numbers")),
    }
}

/// The buffer of numbers.
fn buffer(numbers: &Tensor) -> Result<Buffer> {
    numbers.buffer().cloned().or_bug("numbers without a buffer")
}

fn regular(
    layout: &Layout,
    size: usize,
    content: &Layout,
    nulls: Option<NullBuffer>,
    budget: &Budget,
) -> Result<ArrayRef> {
    Ok(match layout.array_parameter() {
        Some("string") => {
            // A length beyond all numbers is over every budget.
            budget.spend(layout.len.saturating_add(1), size_of::<i64>())?;
            let offsets = OffsetBuffer::from_repeated_length(size, layout.len);
            Arc::new(
                LargeStringArray::try_new(offsets, bytes(content)?, nulls)
                    .map_err(|error| Error::invalid_data("a string is not UTF-8").with_source(error))?,
            )
        }
        Some("bytestring") => Arc::new(
            FixedSizeBinaryArray::try_new_with_len(width(size)?, bytes(content)?, nulls, layout.len).map_err(arrow)?,
        ),
        _ => {
            let values = convert(content, None, budget)?;
            fixed_size_list(field("item", content, &values), size, values, nulls, layout.len)?
        }
    })
}

fn fixed_size_list(
    item: FieldRef,
    size: usize,
    values: ArrayRef,
    nulls: Option<NullBuffer>,
    len: usize,
) -> Result<ArrayRef> {
    let list = FixedSizeListArray::try_new_with_length(item, width(size)?, values, nulls, len);
    Ok(Arc::new(list.map_err(arrow)?))
}

fn width(size: usize) -> Result<i32> {
    i32::try_from(size).map_err(|_| Error::unsupported(format!("Arrow has no lists of the fixed length {size}")))
}

/// Categories as a dictionary. Keys are 32 or 64 bits wide, as the index is.
fn dictionary(index: &Index, content: &Layout, budget: &Budget) -> Result<ArrayRef> {
    let values = convert(content, None, budget)?;
    let positions = index.values()?;
    let known = positions.iter().any(|&position| position < 0).then(|| {
        NullBuffer::new(BooleanBuffer::collect_bool(positions.len(), |i| positions.get(i).is_some_and(|&at| at >= 0)))
    });
    Ok(match index.index_type {
        IndexType::I32 => dictionary_of::<Int32Type>(&positions, known, values)?,
        IndexType::U32 => dictionary_of::<UInt32Type>(&positions, known, values)?,
        IndexType::I64 => dictionary_of::<Int64Type>(&positions, known, values)?,
    })
}

fn dictionary_of<K: ArrowDictionaryKeyType>(
    positions: &[i64],
    nulls: Option<NullBuffer>,
    values: ArrayRef,
) -> Result<ArrayRef>
where
    K::Native: TryFrom<i64>,
{
    // Below a missing key stands a 0.
    let key = |&position: &i64| K::Native::try_from(position.max(0)).ok().or_bug("a position wider than its index");
    let keys = positions.iter().map(key).collect::<Result<Vec<_>>>()?;
    let keys = PrimitiveArray::<K>::try_new(keys.into(), nulls).map_err(arrow)?;
    Ok(Arc::new(DictionaryArray::try_new(keys, values).map_err(arrow)?))
}

/// Arrow wants a value below each missing one too.
fn indexed_option(index: &Index, content: &Layout, budget: &Budget) -> Result<ArrayRef> {
    let mut rows = Rows::none(budget);
    let positions = index.values()?;
    for position in positions.iter() {
        match usize::try_from(*position) {
            Ok(at) => rows.push(at..at + 1)?,
            Err(_) => rows.push_fill(1)?,
        }
    }
    let nulls = BooleanBuffer::collect_bool(positions.len(), |i| positions.get(i).is_some_and(|&at| at >= 0));
    convert(&content.select(&rows)?, Some(NullBuffer::new(nulls)), budget)
}

/// A dense union. Its offsets have 32 bits and increase within each type.
fn union(layout: &Layout, budget: &Budget) -> Result<ArrayRef> {
    let packed = layout.select_union(&Rows::all(layout.len, budget), true)?;
    let Kind::Union { tags, index, contents } = &packed.kind else { return convert(&packed, None, budget) };
    let children = contents.iter().map(|content| convert(content, None, budget)).collect::<Result<Vec<_>>>()?;
    let fields = contents.iter().zip(&children).enumerate();
    let fields = fields.map(|(i, (content, array))| field(&i.to_string(), content, array)).collect::<Vec<_>>();
    let ids = (0..=i8::MAX).take(fields.len()).collect::<Vec<_>>();
    let offsets = index.values()?.iter().map(|&position| i32::try_from(position)).collect::<Result<Vec<_>, _>>();
    let offsets = offsets.map_err(|_| Error::unsupported("the union has more values than Arrow can address"))?;
    let tags = ScalarBuffer::from(tags.as_slice::<i8>()?.to_vec());
    let fields = UnionFields::try_new(ids, fields).map_err(arrow)?;
    Ok(Arc::new(UnionArray::try_new(fields, tags, Some(offsets.into()), children).map_err(arrow)?))
}

/// The dtype of characters and bytes of strings.
pub(super) const CHARACTER: Primitive = Primitive::Number(DType::U8);
