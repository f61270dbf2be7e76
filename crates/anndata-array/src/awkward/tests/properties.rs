//! Random nested arrays: Arrow and back, rows against Arrow's own `take`, and damage that must not panic.

use std::sync::Arc;

use anndata_storage::Tensor;
use arrow_array::types::{Int8Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, Float32Array, Int16Array, LargeBinaryArray,
    LargeListArray, LargeStringArray, ListArray, ListViewArray, NullArray, PrimitiveArray, StringArray,
    StringViewArray, StructArray, TimestampMillisecondArray, UInt64Array, UnionArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, TimeUnit, UnionFields, UnionMode};
use proptest::prelude::*;

use super::super::Awkward;
use super::list;

/// A small source of numbers that proptest seeds.
struct Numbers(u64);

impl Numbers {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound.max(1)
    }

    fn vec<T>(&mut self, len: usize, mut value: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..len).map(|_| value(self)).collect()
    }

    fn nulls(&mut self, len: usize, nullable: bool) -> Option<NullBuffer> {
        let some = nullable && self.below(3) > 0;
        some.then(|| NullBuffer::from(self.vec(len, |numbers| numbers.below(3) > 0)))
    }
}

fn item(data_type: DataType, nullable: bool) -> Arc<Field> {
    Arc::new(child("item", data_type, nullable))
}

/// A field whose nullability its type allows: nulls always, unions as their contents.
fn child(name: impl Into<String>, data_type: DataType, nullable: bool) -> Field {
    let nullable = match &data_type {
        DataType::Null => true,
        DataType::Union(fields, _) => fields.iter().all(|(_, field)| field.is_nullable()),
        _ => nullable,
    };
    Field::new(name, data_type, nullable)
}

/// Any type that survives the way to awkward and back.
fn data_type() -> impl Strategy<Value = DataType> {
    let leaf = prop_oneof![
        Just(DataType::Boolean),
        Just(DataType::Int16),
        Just(DataType::Float32),
        Just(DataType::LargeUtf8),
        Just(DataType::LargeBinary),
        Just(DataType::Null),
        Just(DataType::Timestamp(TimeUnit::Millisecond, None)),
        Just(DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::LargeUtf8))),
        Just(DataType::Dictionary(Box::new(DataType::Int64), Box::new(DataType::Float32))),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        let field = (inner.clone(), any::<bool>());
        prop_oneof![
            field.clone().prop_map(|(inner, nullable)| DataType::LargeList(item(inner, nullable))),
            field.clone().prop_map(|(inner, nullable)| DataType::List(item(inner, nullable))),
            (field.clone(), 0_i32..4)
                .prop_map(|((inner, nullable), n)| DataType::FixedSizeList(item(inner, nullable), n)),
            proptest::collection::vec(field, 0..4).prop_map(|fields| {
                let fields = fields.into_iter().enumerate();
                DataType::Struct(fields.map(|(i, (inner, null))| child(i.to_string(), inner, null)).collect())
            }),
            (proptest::collection::vec(inner, 2..4), any::<bool>()).prop_map(|(types, nullable)| {
                let flat = types.into_iter().map(|inner| if is_union(&inner) { DataType::Int16 } else { inner });
                let flat: Vec<DataType> = flat.collect();
                let nullable = nullable || flat.contains(&DataType::Null);
                let fields = flat.into_iter().enumerate().map(|(i, inner)| child(i.to_string(), inner, nullable));
                let fields = (0..).zip(fields).collect::<Vec<(i8, Field)>>();
                let (ids, fields): (Vec<i8>, Vec<Field>) = fields.into_iter().unzip();
                DataType::Union(UnionFields::try_new(ids, fields).unwrap(), UnionMode::Dense)
            }),
        ]
    })
}

fn is_union(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Union(..))
}

/// Some array of a type.
fn build(data_type: &DataType, nullable: bool, len: usize, numbers: &mut Numbers) -> ArrayRef {
    let nulls = numbers.nulls(len, nullable);
    let text = |numbers: &mut Numbers| ["", "a", "bc", "ü"][numbers.below(4)];
    match data_type {
        DataType::Boolean => Arc::new(BooleanArray::new(numbers.vec(len, |n| n.below(2) > 0).into(), nulls)),
        DataType::Int16 => {
            let values = numbers.vec(len, |n| i16::try_from(n.below(99)).unwrap());
            Arc::new(Int16Array::new(values.into(), nulls))
        }
        DataType::Float32 => Arc::new(Float32Array::new(
            numbers.vec(len, |n| f32::from_bits(u32::try_from(n.below(1 << 30)).unwrap())).into(),
            nulls,
        )),
        DataType::Timestamp(..) => {
            let values = numbers.vec(len, |n| i64::try_from(n.below(1 << 30)).unwrap());
            Arc::new(TimestampMillisecondArray::new(values.into(), nulls))
        }
        DataType::LargeUtf8 => {
            let texts = numbers.vec(len, text);
            let (offsets, values, _) = LargeStringArray::from(texts).into_parts();
            Arc::new(LargeStringArray::new(offsets, values, nulls))
        }
        DataType::LargeBinary => {
            let texts = numbers.vec(len, |numbers| text(numbers).as_bytes());
            let (offsets, values, _) = LargeBinaryArray::from(texts).into_parts();
            Arc::new(LargeBinaryArray::new(offsets, values, nulls))
        }
        DataType::Null => Arc::new(NullArray::new(len)),
        DataType::Dictionary(key, value) => {
            let values = build(value, false, 3, numbers);
            let keys = numbers.vec(len, |n| n.below(3));
            if **key == DataType::Int32 {
                let keys = keys.iter().map(|&key| i32::try_from(key).unwrap()).collect();
                Arc::new(DictionaryArray::new(PrimitiveArray::<Int32Type>::new(keys, nulls), values))
            } else {
                let keys = keys.iter().map(|&key| i64::try_from(key).unwrap()).collect();
                Arc::new(DictionaryArray::new(PrimitiveArray::<Int64Type>::new(keys, nulls), values))
            }
        }
        DataType::LargeList(field) => {
            let offsets = OffsetBuffer::from_lengths(numbers.vec(len, |n| n.below(4)));
            let values = build(field.data_type(), field.is_nullable(), usize::try_from(offsets[len]).unwrap(), numbers);
            Arc::new(LargeListArray::new(field.clone(), offsets, values, nulls))
        }
        DataType::List(field) => {
            let offsets = OffsetBuffer::from_lengths(numbers.vec(len, |n| n.below(4)));
            let values = build(field.data_type(), field.is_nullable(), usize::try_from(offsets[len]).unwrap(), numbers);
            Arc::new(ListArray::new(field.clone(), offsets, values, nulls))
        }
        DataType::FixedSizeList(field, size) => {
            let count = len * usize::try_from(*size).unwrap();
            let values = build(field.data_type(), field.is_nullable(), count, numbers);
            Arc::new(FixedSizeListArray::try_new_with_length(field.clone(), *size, values, nulls, len).unwrap())
        }
        DataType::Struct(fields) => {
            let columns = fields.iter().map(|field| build(field.data_type(), field.is_nullable(), len, numbers));
            let columns = columns.collect();
            Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, len).unwrap())
        }
        DataType::Union(fields, _) => {
            let ids = numbers.vec(len, |n| i8::try_from(n.below(fields.len())).unwrap());
            let mut counts = vec![0_i32; fields.len()];
            let offsets = ids.iter().map(|&id| {
                let count = &mut counts[usize::try_from(id).unwrap()];
                *count += 1;
                *count - 1
            });
            let offsets: ScalarBuffer<i32> = offsets.collect();
            let children = fields.iter().zip(counts).map(|((_, field), count)| {
                build(field.data_type(), field.is_nullable(), usize::try_from(count).unwrap(), numbers)
            });
            let children = children.collect();
            Arc::new(UnionArray::try_new(fields.clone(), ids.into(), Some(offsets), children).unwrap())
        }
        other => panic!("{other}"),
    }
}

fn arrays() -> impl Strategy<Value = ArrayRef> {
    (data_type(), any::<bool>(), 0_usize..9, any::<u64>())
        .prop_map(|(data_type, nullable, len, seed)| build(&data_type, nullable, len, &mut Numbers(seed)))
}

proptest! {
    #[test]
    fn arrow_survives_the_way_to_awkward_and_back(array in arrays()) {
        let awkward = Awkward::from_arrow(array.as_ref())?;
        let reread = Awkward::new(awkward.form_json(), array.len() as u64, awkward.buffers().clone())?;
        prop_assert_eq!(&reread, &awkward);
        prop_assert_eq!(reread.to_list()?, awkward.to_list()?);
        for awkward in [awkward, reread] {
            let back = awkward.to_arrow()?;
            back.to_data().validate_full()?;
            prop_assert_eq!(back.data_type(), array.data_type());
            prop_assert_eq!(&back, &array);
        }
    }

    #[test]
    fn slices_of_arrow_arrays_are_respected(array in arrays(), from: u8, len: u8) {
        let from = usize::from(from) % (array.len() + 1);
        let len = usize::from(len) % (array.len() - from + 1);
        let awkward = Awkward::from_arrow(array.slice(from, len).as_ref())?;
        let whole = Awkward::from_arrow(array.as_ref())?;
        prop_assert_eq!(awkward.to_list()?, whole.slice(from..from + len)?.to_list()?);
    }

    #[test]
    fn rows_are_those_that_arrow_takes(array in arrays(), rows in proptest::collection::vec(any::<u64>(), 0..12)) {
        let rows: Vec<u64> = if array.is_empty() { vec![] } else { rows.iter().map(|row| row % array.len() as u64).collect() };
        let whole = Awkward::from_arrow(array.as_ref())?;
        let taken = whole.take(&rows)?;
        let reread = Awkward::new(taken.form_json(), rows.len() as u64, taken.buffers().clone())?;
        prop_assert_eq!(&reread, &taken);
        taken.to_arrow()?.to_data().validate_full()?;
        let one_by_one = rows.iter().map(|&row| whole.to_list().unwrap()[usize::try_from(row).unwrap()].take()).collect();
        prop_assert_eq!(taken.to_list()?, serde_json::Value::Array(one_by_one));
        // Arrow's take forgets the length of lists of size 0.
        if !format!("{:?}", array.data_type()).contains("FixedSizeList") {
            let expected = arrow_select::take::take(array.as_ref(), &UInt64Array::from(rows), None)?;
            prop_assert_eq!(taken.to_list()?, Awkward::from_arrow(expected.as_ref())?.to_list()?);
        }
    }

    #[test]
    fn damaged_arrays_are_refused_or_harmless(
        array in arrays(), which: prop::sample::Index, at: prop::sample::Index, byte: u8, length in 0_u64..12
    ) {
        let awkward = Awkward::from_arrow(array.as_ref())?;
        let mut buffers = awkward.buffers().clone();
        if !buffers.is_empty() {
            let (_, tensor) = buffers.get_index_mut(which.index(buffers.len())).unwrap();
            let mut bytes = tensor.as_bytes().unwrap().to_vec();
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
                if byte % 5 == 0 {
                    bytes.truncate(at - at % tensor.dtype().size().unwrap());
                }
            }
            let len = bytes.len() / tensor.dtype().size().unwrap();
            if let Ok(damaged) = Tensor::from_bytes(tensor.dtype().clone(), [len], bytes) {
                *tensor = damaged;
            }
        }
        if let Ok(damaged) = Awkward::new(awkward.form_json(), length, buffers) {
            if let Ok(values) = damaged.to_list() {
                prop_assert_eq!(values.as_array().unwrap().len() as u64, length);
            }
            if let Ok(arrow) = damaged.to_arrow() {
                arrow.to_data().validate_full()?;
            }
            let rows: Vec<u64> = (0..length).rev().collect();
            if let Ok(taken) = damaged.take(&rows) {
                prop_assert!(Awkward::new(taken.form_json(), length, taken.buffers().clone()).is_ok());
            }
        }
    }
}

#[test]
fn layouts_that_awkward_has_no_word_for_keep_their_values() {
    let check = |array: &dyn Array, values: &str| assert_eq!(list(&Awkward::from_arrow(array).unwrap()), values);
    check(&StringArray::from(vec![Some("a"), None, Some("ü")]).slice(1, 2), r#"[null,"ü"]"#);
    check(&StringViewArray::from(vec![Some("a"), None]), r#"["a",null]"#);
    check(&arrow_array::Date64Array::from(vec![5]), "[5]");
    let keys = PrimitiveArray::<Int8Type>::from(vec![Some(1), None, Some(0), Some(2)]);
    let values = Arc::new(StringArray::from(vec![Some("x"), None, Some("y")]));
    check(&DictionaryArray::new(keys, values), r#"[null,null,"x","y"]"#);
    let keys = PrimitiveArray::<Int64Type>::from(vec![0, 0]);
    check(&DictionaryArray::new(keys, Arc::new(NullArray::new(1))), "[null,null]");

    let item = Arc::new(Field::new("item", DataType::Int16, false));
    let values = Arc::new(Int16Array::from(vec![1, 2, 3]));
    let views = ListViewArray::new(
        item,
        vec![1, 0, 0].into(),
        vec![2, 3, 1].into(),
        values,
        Some(vec![true, false, true].into()),
    );
    check(&views, "[[2,3],null,[1]]");

    let fields = [Field::new("a", DataType::Int16, false), Field::new("b", DataType::LargeUtf8, true)];
    let children: Vec<ArrayRef> = vec![
        Arc::new(Int16Array::from(vec![1, 2, 3])),
        Arc::new(LargeStringArray::from(vec![Some("x"), None, Some("z")])),
    ];
    let fields = UnionFields::try_new(vec![5, 2], fields).unwrap();
    let sparse = UnionArray::try_new(fields, vec![2, 2, 5].into(), None, children).unwrap();
    check(&sparse, r#"["x",null,3]"#);
    check(&sparse.slice(1, 2), "[null,3]");
    let one = UnionFields::try_new(vec![0], [Field::new("a", DataType::Int16, false)]).unwrap();
    let one = UnionArray::try_new(
        one,
        vec![0, 0].into(),
        Some(vec![1, 0].into()),
        vec![Arc::new(Int16Array::from(vec![1, 2]))],
    );
    check(&one.unwrap(), "[2,1]");
}

#[test]
fn types_without_an_equivalent_are_refused() {
    let zoned = TimestampMillisecondArray::from(vec![1]).with_timezone("UTC");
    assert!(Awkward::from_arrow(&zoned).unwrap_err().is_unsupported());
    let decimal = arrow_array::Decimal128Array::from(vec![1]);
    assert!(Awkward::from_arrow(&decimal).unwrap_err().is_unsupported());
    let time = arrow_array::Time32SecondArray::from(vec![1]);
    assert!(Awkward::from_arrow(&time).unwrap_err().to_string().contains("Time32"));
}
