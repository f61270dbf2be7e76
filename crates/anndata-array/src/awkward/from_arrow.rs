//! Arrow arrays as awkward arrays.

use anndata_storage::{Error, OrBug, Result, Tensor};
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowDictionaryKeyType, ByteArrayType};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, FixedSizeListArray, GenericByteArray, GenericListArray, GenericListViewArray,
    LargeBinaryArray, LargeStringArray, OffsetSizeTrait, StructArray, UnionArray, downcast_dictionary_array,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit as ArrowUnit};

use super::form::{IndexType, Primitive, TimeUnit};
use super::layout::{Index, Kind, Layout};
use super::rows::{Budget, Rows};
use super::to_arrow::CHARACTER;

/// An Arrow array as a packed node. `nullable` says what the field of the array says.
pub(super) fn convert(array: &dyn Array, nullable: bool) -> Result<Layout> {
    match array.data_type() {
        DataType::Null if array.is_empty() && !nullable => return Ok(Layout::new(0, Kind::Empty)),
        DataType::Null => return missing(array.len()),
        DataType::Dictionary(..) => {
            return downcast_dictionary_array!(
                array => dictionary(array, nullable),
                other => Err(unsupported(other))
            );
        }
        DataType::Union(..) => {
            return union(array.as_any().downcast_ref().ok_or_else(|| unsupported(array.data_type()))?);
        }
        _ => {}
    }
    let values = values(array)?;
    match array.nulls().filter(|nulls| nulls.null_count() > 0) {
        Some(nulls) => masked(values, nulls),
        None if nullable => Ok(Layout::new(values.len, Kind::Unmasked { content: Box::new(values) })),
        None => Ok(values),
    }
}

fn unsupported(data_type: &DataType) -> Error {
    Error::unsupported(format!("an Arrow array of type {data_type} cannot become an awkward array"))
}

/// The values of an array, its own missing ones ignored.
fn values(array: &dyn Array) -> Result<Layout> {
    Ok(match array.data_type() {
        DataType::List(item) => list(array.as_list::<i32>(), IndexType::I32, item.is_nullable())?,
        DataType::LargeList(item) => list(array.as_list::<i64>(), IndexType::I64, item.is_nullable())?,
        DataType::ListView(item) => list_view(array.as_list_view::<i32>(), item.is_nullable())?,
        DataType::LargeListView(item) => list_view(array.as_list_view::<i64>(), item.is_nullable())?,
        DataType::FixedSizeList(item, _) => regular(array.as_fixed_size_list(), item.is_nullable())?,
        DataType::Struct(_) => record(array.as_struct())?,
        DataType::Utf8 => strings(array.as_string::<i32>(), "string", "char")?,
        DataType::LargeUtf8 => strings(array.as_string::<i64>(), "string", "char")?,
        DataType::Utf8View => {
            let texts = array.as_string_view().iter().map(Option::unwrap_or_default);
            strings(&LargeStringArray::from_iter_values(texts), "string", "char")?
        }
        DataType::Binary => strings(array.as_binary::<i32>(), "bytestring", "byte")?,
        DataType::LargeBinary => strings(array.as_binary::<i64>(), "bytestring", "byte")?,
        DataType::BinaryView => {
            let values = array.as_binary_view().iter().map(Option::unwrap_or_default);
            strings(&LargeBinaryArray::from_iter_values(values), "bytestring", "byte")?
        }
        DataType::FixedSizeBinary(_) => {
            let binary = array.as_fixed_size_binary();
            let bytes = binary.value_data().to_vec();
            let content = Box::new(characters(Tensor::from_vec([bytes.len()], bytes)?, "byte"));
            Layout::new(array.len(), Kind::Regular { size: binary.value_size(), content })
                .with_array_parameter("bytestring")
        }
        data_type => flat(array, data_type)?,
    })
}

/// Numbers, booleans, dates, times and durations.
fn flat(array: &dyn Array, data_type: &DataType) -> Result<Layout> {
    let (primitive, plain) = match data_type {
        DataType::Timestamp(unit, None) => (Some(Primitive::Datetime(time_unit(*unit))), DataType::Int64),
        DataType::Duration(unit) => (Some(Primitive::Timedelta(time_unit(*unit))), DataType::Int64),
        DataType::Date32 => (Some(Primitive::Datetime(TimeUnit("D".into()))), DataType::Int32),
        DataType::Date64 => (Some(Primitive::Datetime(time_unit(ArrowUnit::Millisecond))), DataType::Int64),
        data_type if data_type.is_numeric() || *data_type == DataType::Boolean => (None, data_type.clone()),
        data_type => return Err(unsupported(data_type)),
    };
    let data = array.to_data().into_builder().data_type(plain).nulls(None).build();
    let data = data.map_err(|error| unsupported(data_type).with_source(error))?;
    let data = Tensor::from_arrow(arrow_array::make_array(data).as_ref())?;
    let primitive = primitive.unwrap_or_else(|| Primitive::Number(data.dtype().clone()));
    let data = data.cast(&primitive.dtype())?;
    Ok(Layout::new(array.len(), Kind::Numpy { primitive, inner_shape: Vec::new(), data }))
}

fn time_unit(unit: ArrowUnit) -> TimeUnit {
    let name = match unit {
        ArrowUnit::Second => "s",
        ArrowUnit::Millisecond => "ms",
        ArrowUnit::Microsecond => "us",
        ArrowUnit::Nanosecond => "ns",
    };
    TimeUnit(name.to_owned())
}

/// Values some of which are missing. Records lose what is below missing ones, as awkward packs them.
fn masked(values: Layout, nulls: &NullBuffer) -> Result<Layout> {
    let len = values.len;
    if !matches!(values.kind, Kind::Record { .. }) {
        let mask = nulls.iter().map(i8::from).collect();
        let mask = Tensor::from_vec([len], mask)?;
        return Ok(Layout::new(len, Kind::ByteMasked { mask, valid_when: true, content: Box::new(values) }));
    }
    let budget = Budget::unlimited();
    let mut rows = Rows::none(&budget);
    let mut next = 0;
    let mut index = Vec::with_capacity(len);
    for (at, valid) in nulls.iter().enumerate() {
        index.push(if valid { next } else { -1 });
        if valid {
            rows.push(at..at + 1)?;
            next += 1;
        }
    }
    let content = Box::new(values.select(&rows)?);
    Ok(Layout::new(len, Kind::IndexedOption { index: Index::new(IndexType::I64, index)?, content }))
}

/// Nothing but missing values.
fn missing(len: usize) -> Result<Layout> {
    let index = Index::new(IndexType::I64, vec![-1; len])?;
    Ok(Layout::new(len, Kind::IndexedOption { index, content: Box::new(Layout::new(0, Kind::Empty)) }))
}

fn list<O: OffsetSizeTrait>(list: &GenericListArray<O>, width: IndexType, nullable: bool) -> Result<Layout> {
    let (offsets, start, len) = offsets(list.value_offsets())?;
    let content = convert(list.values().slice(start, len).as_ref(), nullable)?;
    let kind = Kind::ListOffset { offsets: Index::new(width, offsets)?, content: Box::new(content) };
    Ok(Layout::new(list.len(), kind))
}

/// Offsets that start at 0, and which part of the values they are of: its start and length.
fn offsets<O: OffsetSizeTrait>(offsets: &[O]) -> Result<(Vec<i64>, usize, usize)> {
    let wide: Vec<usize> = offsets.iter().map(|offset| offset.as_usize()).collect();
    let (&start, &end) = wide.first().zip(wide.last()).or_bug("Arrow lists without offsets")?;
    let offset = |offset: usize| offset.checked_sub(start).and_then(|offset| i64::try_from(offset).ok());
    let offsets = wide.iter().map(|&at| offset(at).or_bug("Arrow offsets that decrease")).collect::<Result<_>>()?;
    Ok((offsets, start, end - start))
}

fn list_view<O: OffsetSizeTrait>(list: &GenericListViewArray<O>, nullable: bool) -> Result<Layout> {
    let wide = |value: &O| i64::try_from(value.as_usize()).or_bug("an Arrow offset of more than 64 bits");
    let starts = list.value_offsets().iter().map(wide).collect::<Result<Vec<_>>>()?;
    let sizes = list.value_sizes().iter().enumerate();
    // A missing list may claim any size.
    let stop = |((i, size), &start)| if list.is_valid(i) { Ok(start + wide(size)?) } else { Ok(start) };
    let stops = sizes.zip(&starts).map(stop).collect::<Result<_>>()?;
    let kind = Kind::List {
        stops: Index::new(IndexType::I64, stops)?,
        starts: Index::new(IndexType::I64, starts)?,
        content: Box::new(convert(list.values().as_ref(), nullable)?),
    };
    let budget = Budget::unlimited();
    Layout::new(list.len(), kind).select(&Rows::all(list.len(), &budget))
}

fn regular(list: &FixedSizeListArray, nullable: bool) -> Result<Layout> {
    let size = usize::try_from(list.value_length())
        .map_err(|_| Error::invalid_input(format!("an Arrow list has the length {}", list.value_length())))?;
    let values = list.values().slice(0, list.len() * size);
    let content = Box::new(convert(values.as_ref(), nullable)?);
    Ok(Layout::new(list.len(), Kind::Regular { size, content }))
}

fn record(array: &StructArray) -> Result<Layout> {
    let columns = array.fields().iter().zip(array.columns());
    let contents =
        columns.map(|(field, column)| convert(column.as_ref(), field.is_nullable())).collect::<Result<_>>()?;
    let mut names: Vec<String> = Vec::with_capacity(array.num_columns());
    for field in array.fields() {
        if names.contains(field.name()) {
            return Err(Error::unsupported(format!("two fields of a struct have the name {:?}", field.name())));
        }
        names.push(field.name().clone());
    }
    Ok(Layout::new(array.len(), Kind::Record { fields: Some(names), contents }))
}

fn strings<T: ByteArrayType>(strings: &GenericByteArray<T>, list: &str, item: &str) -> Result<Layout> {
    let (offsets, start, len) = offsets(strings.value_offsets())?;
    let bytes = strings.values().slice_with_length(start, len);
    let content = characters(Tensor::new(CHARACTER.dtype(), [len], bytes)?, item);
    let kind = Kind::ListOffset { offsets: Index::new(IndexType::I64, offsets)?, content: Box::new(content) };
    Ok(Layout::new(strings.len(), kind).with_array_parameter(list))
}

fn characters(data: Tensor, item: &str) -> Layout {
    let len = data.len();
    let kind = Kind::Numpy { primitive: CHARACTER, inner_shape: Vec::new(), data };
    Layout::new(len, kind).with_array_parameter(item)
}

/// A dictionary as categories. A value that is missing becomes a missing key.
fn dictionary<K: ArrowDictionaryKeyType>(array: &DictionaryArray<K>, nullable: bool) -> Result<Layout>
where
    K::Native: TryInto<i64>,
{
    let values = array.values();
    let known = values.logical_nulls().filter(|nulls| nulls.null_count() > 0);
    let mut next = 0;
    let mut numbers = Vec::with_capacity(values.len());
    for i in 0..values.len() {
        let valid = known.as_ref().is_none_or(|nulls| nulls.is_valid(i));
        numbers.push(if valid { next } else { -1 });
        next += i64::from(valid);
    }
    let content = match &known {
        Some(nulls) => arrow_select::filter::filter(values, &nulls.inner().clone().into())
            .map_err(|error| unsupported(array.data_type()).with_source(error))?,
        None => ArrayRef::clone(values),
    };
    let content = Box::new(convert(content.as_ref(), false)?);
    if matches!(content.kind, Kind::Indexed { .. }) || content.is_option() {
        return Err(unsupported(array.data_type()));
    }
    let number = |key: Option<K::Native>| {
        let Some(key) = key else { return Ok(-1) };
        let position = key.try_into().ok().and_then(|key| usize::try_from(key).ok());
        position.and_then(|position| numbers.get(position).copied()).or_bug("an Arrow key without a value")
    };
    let index = array.keys().iter().map(number).collect::<Result<Vec<i64>>>()?;
    let narrow = matches!(
        array.keys().data_type(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16
    );
    let option = nullable || index.contains(&-1);
    let width = match array.keys().data_type() {
        _ if narrow => IndexType::I32,
        DataType::UInt32 if !option => IndexType::U32,
        _ => IndexType::I64,
    };
    let index = Index::new(width, index)?;
    let kind = if option { Kind::IndexedOption { index, content } } else { Kind::Indexed { index, content } };
    Ok(Layout::new(array.len(), kind).with_array_parameter("categorical"))
}

/// A dense or sparse union. Awkward wants values of all types to be nullable, or of none.
fn union(array: &UnionArray) -> Result<Layout> {
    let DataType::Union(fields, _) = array.data_type() else { return Err(unsupported(array.data_type())) };
    let mut contents = Vec::with_capacity(fields.len());
    for (id, field) in fields.iter() {
        let content = convert(array.child(id).as_ref(), field.is_nullable())?;
        if matches!(content.kind, Kind::Union { .. }) {
            return Err(Error::unsupported("a union within a union cannot become an awkward array"));
        }
        contents.push(content);
    }
    let mut tags = Vec::with_capacity(array.len());
    for type_id in array.type_ids() {
        let position = fields.iter().position(|(id, _)| id == *type_id);
        let tag = position.and_then(|position| i8::try_from(position).ok());
        tags.push(tag.ok_or_else(|| unsupported(array.data_type()))?);
    }
    let index = match array.offsets() {
        Some(offsets) => offsets.iter().map(|&offset| i64::from(offset)).collect(),
        None => (0_i64..).take(array.len()).collect(),
    };
    let index = Index::new(IndexType::I64, index)?;
    let budget = Budget::unlimited();
    let rows = Rows::all(array.len(), &budget);
    if contents.len() < 2 {
        let content = contents.pop().ok_or_else(|| unsupported(array.data_type()))?;
        return Layout::new(array.len(), Kind::Indexed { index, content: Box::new(content) }).select(&rows);
    }
    if contents.iter().any(Layout::is_option) {
        contents = contents.into_iter().map(optional).collect::<Result<_>>()?;
    }
    let kind = Kind::Union { tags: Tensor::from_vec([array.len()], tags)?, index, contents };
    Layout::new(array.len(), kind).select(&rows)
}

/// The same values as an option.
fn optional(layout: Layout) -> Result<Layout> {
    if layout.is_option() {
        return Ok(layout);
    }
    let Kind::Indexed { index, content } = layout.kind else {
        return Ok(Layout::new(layout.len, Kind::Unmasked { content: Box::new(layout) }));
    };
    let signed = if index.index_type == IndexType::U32 { IndexType::I64 } else { index.index_type };
    let index = Index::new(signed, index.values()?.into_owned())?;
    Ok(Layout { kind: Kind::IndexedOption { index, content }, ..layout })
}
