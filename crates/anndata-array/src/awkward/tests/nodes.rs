//! Each kind of node: its values, its rows, and its Arrow type.

use anndata_storage::{Complex, Result, Tensor, f16};
use arrow_array::Array;
use serde_json::{Value, json};

use super::super::{Awkward, FormKind};
use super::{array, list, numbers, tensor};

/// Checks values, some rows, and the Arrow type; and that Arrow and packing keep the values.
#[track_caller]
fn check(array: &Awkward, values: &Value, rows: &[u64], arrow_type: &str) {
    assert_eq!(array.to_list().unwrap(), *values);
    let taken: Vec<Value> = rows.iter().map(|&row| values[usize::try_from(row).unwrap()].clone()).collect();
    let rows = array.take(rows).unwrap();
    assert_eq!(rows.to_list().unwrap(), Value::Array(taken));
    let reread = Awkward::new(rows.form_json(), rows.len() as u64, rows.buffers().clone()).unwrap();
    assert_eq!(reread, rows);
    let arrow = array.to_arrow().unwrap();
    assert_eq!(arrow.data_type().to_string(), arrow_type);
    arrow.to_data().validate_full().unwrap();
    assert_eq!(arrow.len(), array.len());
    assert_eq!(Awkward::from_arrow(arrow.as_ref()).unwrap().to_arrow().unwrap().as_ref(), arrow.as_ref());
}

fn string_form(key: &str, item_key: &str) -> Value {
    let item = json!({ "class": "NumpyArray", "primitive": "uint8", "form_key": item_key, "parameters": { "__array__": "char" } });
    json!({ "class": "ListOffsetArray", "offsets": "i64", "content": item, "form_key": key, "parameters": { "__array__": "string" } })
}

#[test]
fn numbers_of_every_primitive() -> Result<()> {
    let cases = [
        ("bool", tensor([true, false]), json!([true, false]), "Boolean"),
        ("int8", tensor([-1_i8, 2]), json!([-1, 2]), "Int8"),
        ("uint64", tensor([u64::MAX, 0]), json!([u64::MAX, 0]), "UInt64"),
        ("float16", tensor([f16::from_f32(0.5), f16::ONE]), json!([0.5, 1.0]), "Float16"),
        ("float64", tensor([f64::NAN, -f64::INFINITY]), json!(["NaN", "-inf"]), "Float64"),
        ("datetime64[us]", tensor([5_i64, i64::MIN]), json!([5, null]), "Timestamp(µs)"),
        ("datetime64[D]", tensor([-1_i64, i64::MIN]), json!([-1, null]), "Date32"),
        ("timedelta64[s]", tensor([1_i64, 2]), json!([1, 2]), "Duration(s)"),
    ];
    for (primitive, data, values, arrow_type) in cases {
        check(&array(&numbers(primitive, "node0"), 2, [("node0-data", data)])?, &values, &[1, 1, 0], arrow_type);
    }
    let complex = array(&numbers("complex64", "a"), 1, [("a-data", tensor([Complex::new(1.0_f32, 2.0)]))])?;
    assert_eq!(list(&complex), r#"[{"real":1.0,"imag":2.0}]"#);
    assert_eq!(complex.to_arrow()?.len(), 1);
    let far = array(&numbers("datetime64[15us]", "a"), 1, [("a-data", tensor([1_i64]))])?;
    assert!(far.to_arrow().unwrap_err().is_unsupported());
    Ok(())
}

#[test]
fn dense_arrays_of_several_axes() -> Result<()> {
    let form = json!({ "class": "NumpyArray", "primitive": "int32", "inner_shape": [2, 3], "form_key": "node0" });
    let cube = array(&form, 2, [("node0-data", tensor((0..12).collect::<Vec<i32>>()))])?;
    check(
        &cube,
        &json!([[[0, 1, 2], [3, 4, 5]], [[6, 7, 8], [9, 10, 11]]]),
        &[1, 0, 1],
        "FixedSizeList(2 x non-null FixedSizeList(3 x non-null Int32))",
    );
    assert_eq!((cube.axis_len(0)?, cube.axis_len(1)?, cube.axis_len(2)?), (Some(2), Some(2), Some(3)));
    let deeper = cube.axis_len(3).unwrap_err();
    assert!(deeper.is_invalid_input() && deeper.message().ends_with("has no further axis"), "{deeper}");
    assert!(matches!(cube.take(&[0])?.form().kind, FormKind::Regular { size: 2, .. }));
    let hollow = json!({ "class": "NumpyArray", "primitive": "int32", "inner_shape": [2, 0], "form_key": "node0" });
    assert_eq!(list(&array(&hollow, 2, [("node0-data", tensor(Vec::<i32>::new()))])?), "[[[],[]],[[],[]]]");
    Ok(())
}

#[test]
fn lists() -> Result<()> {
    for (offsets_type, offsets, arrow_type) in [
        ("i64", tensor([1_i64, 3, 3, 4]), "LargeList(non-null Float32)"),
        ("u32", tensor([1_u32, 3, 3, 4]), "LargeList(non-null Float32)"),
        ("i32", tensor([1_i32, 3, 3, 4]), "List(non-null Float32)"),
    ] {
        let form = json!({ "class": "ListOffsetArray", "offsets": offsets_type, "content": numbers("float32", "node1"), "form_key": "node0" });
        let buffers = [("node0-offsets", offsets), ("node1-data", tensor([9.0_f32, 0.5, 1.0, 1.5, 9.0]))];
        let lists = array(&form, 3, buffers)?;
        check(&lists, &json!([[0.5, 1.0], [], [1.5]]), &[2, 0, 1, 0], arrow_type);
        assert_eq!(lists.axis_len(1)?, None);
    }
    let form = json!({ "class": "ListArray", "starts": "i64", "stops": "i64", "content": numbers("int8", "node1"), "form_key": "node0" });
    let (starts, stops) = (tensor([2_i64, 7, 0]), tensor([4_i64, 7, 3]));
    let buffers = [("node0-starts", starts), ("node0-stops", stops), ("node1-data", tensor([1_i8, 2, 3, 4]))];
    check(&array(&form, 3, buffers)?, &json!([[3, 4], [], [1, 2, 3]]), &[1, 2], "LargeList(non-null Int8)");
    Ok(())
}

#[test]
fn empty_lists_may_start_anywhere() -> Result<()> {
    let form = json!({ "class": "ListOffsetArray", "offsets": "i64", "content": numbers("float32", "node1"), "form_key": "node0" });
    let buffers = [("node0-offsets", tensor([5_i64])), ("node1-data", tensor(Vec::<f32>::new()))];
    check(&array(&form, 0, buffers)?, &json!([]), &[], "LargeList(non-null Float32)");
    Ok(())
}

#[test]
fn lists_of_equal_length() -> Result<()> {
    let form = json!({ "class": "RegularArray", "size": 2, "content": numbers("int64", "node1"), "form_key": "node0" });
    let pairs = array(&form, 2, [("node1-data", tensor([1_i64, 2, 3, 4]))])?;
    check(&pairs, &json!([[1, 2], [3, 4]]), &[1], "FixedSizeList(2 x non-null Int64)");
    assert_eq!(pairs.axis_len(1)?, Some(2));
    let form = json!({ "class": "RegularArray", "size": 0, "content": numbers("int64", "node1"), "form_key": "node0" });
    let hollow = array(&form, 3, [("node1-data", tensor(Vec::<i64>::new()))])?;
    check(&hollow, &json!([[], [], []]), &[2, 2], "FixedSizeList(0 x non-null Int64)");
    Ok(())
}

#[test]
fn records_and_tuples() -> Result<()> {
    let contents = [numbers("int64", "node1"), numbers("bool", "node2")];
    let buffers = || [("node1-data", tensor([1_i64, 2])), ("node2-data", tensor([true, false]))];
    let form = json!({ "class": "RecordArray", "fields": ["a", "b"], "contents": contents, "parameters": { "__record__": "pair" } });
    let records = array(&form, 2, buffers())?;
    let values = json!([{ "a": 1, "b": true }, { "a": 2, "b": false }]);
    check(&records, &values, &[1, 0], "Struct(\"a\": non-null Int64, \"b\": non-null Boolean)");
    assert_eq!(records.take(&[1])?.form().record_name(), Some("pair"));
    assert_eq!(records.axis_len(1)?, Some(2));
    let form = json!({ "class": "RecordArray", "fields": null, "contents": contents });
    let tuples = array(&form, 2, buffers())?;
    assert_eq!(list(&tuples.take(&[1])?), "[[2,false]]");
    assert_eq!(tuples.to_arrow()?.data_type().to_string(), "Struct(\"0\": non-null Int64, \"1\": non-null Boolean)");
    let form = json!({ "class": "RecordArray", "fields": [], "contents": [] });
    check(&array(&form, 2, [])?, &json!([{}, {}]), &[0, 1, 1], "Struct()");
    Ok(())
}

#[test]
fn strings_and_bytes() -> Result<()> {
    let buffers = [("s-offsets", tensor([0_i64, 2, 2, 5])), ("c-data", tensor("ü日".as_bytes()))];
    check(&array(&string_form("s", "c"), 3, buffers)?, &json!(["ü", "", "日"]), &[2, 1], "LargeUtf8");
    let byte = |key: &str| json!({ "class": "NumpyArray", "primitive": "uint8", "form_key": key, "parameters": { "__array__": "byte" } });
    let form = json!({ "class": "ListOffsetArray", "offsets": "i64", "content": byte("c"), "form_key": "s", "parameters": { "__array__": "bytestring" } });
    let buffers = [("s-offsets", tensor([0_i64, 1, 2])), ("c-data", tensor([255_u8, 0]))];
    check(&array(&form, 2, buffers)?, &json!([[255], [0]]), &[1], "LargeBinary");
    let form = json!({ "class": "RegularArray", "size": 2, "content": byte("c"), "parameters": { "__array__": "bytestring" } });
    check(&array(&form, 1, [("c-data", tensor([1_u8, 2]))])?, &json!([[1, 2]]), &[0, 0], "FixedSizeBinary(2)");
    let broken = [("s-offsets", tensor([0_i64, 1])), ("c-data", tensor([255_u8]))];
    let broken = array(&string_form("s", "c"), 1, broken)?;
    assert!(broken.to_arrow().unwrap_err().to_string().contains("UTF-8"));
    assert!(broken.to_list().is_err_and(|error| error.is_invalid_data() && error.message() == "a string is not UTF-8"));
    let within = broken.axis_len(1).unwrap_err();
    assert!(within.is_invalid_input() && within.message().ends_with("has no further axis"), "{within}");
    Ok(())
}

#[test]
fn picked_values_are_resolved_and_parameters_handed_down() -> Result<()> {
    let form = json!({ "class": "IndexedArray", "index": "u32", "content": numbers("int16", "node1"), "form_key": "node0", "parameters": { "unit": "m" } });
    let picked = array(&form, 3, [("node0-index", tensor([2_u32, 0, 2])), ("node1-data", tensor([1_i16, 2, 3]))])?;
    check(&picked, &json!([3, 1, 3]), &[0, 1], "Int16");
    let taken = picked.take(&[0])?;
    assert!(matches!(taken.form().kind, FormKind::Numpy { .. }));
    assert_eq!(taken.form().parameters["unit"], "m");
    Ok(())
}

#[test]
fn categories_are_kept() -> Result<()> {
    let letters = || [("node1-offsets", tensor([0_i64, 1, 2, 3])), ("node2-data", tensor("abc".as_bytes()))];
    let form = |class: &str| {
        let content = string_form("node1", "node2");
        json!({ "class": class, "index": "i32", "content": content, "form_key": "node0", "parameters": { "__array__": "categorical" } })
    };
    let [offsets, data] = letters();
    let plain = array(&form("IndexedArray"), 3, [("node0-index", tensor([1_i32, 0, 1])), offsets, data])?;
    check(&plain, &json!(["b", "a", "b"]), &[1], "Dictionary(Int32, LargeUtf8)");
    let rows = plain.take(&[1])?;
    assert!(rows.form().is_categorical());
    assert_eq!(rows.buffers()["node2-data"].as_bytes(), Some(&b"abc"[..]));
    let [offsets, data] = letters();
    let missing = array(&form("IndexedOptionArray"), 3, [("node0-index", tensor([1_i32, -5, 0])), offsets, data])?;
    check(&missing, &json!(["b", null, "a"]), &[1, 1, 0], "Dictionary(Int32, LargeUtf8)");
    assert_eq!(missing.to_arrow()?.null_count(), 1);
    Ok(())
}

#[test]
fn missing_values() -> Result<()> {
    let values = json!([1, null, 3]);
    let data = || ("node1-data", tensor([1_i64, 2, 3]));
    let content = numbers("int64", "node1");
    let form = json!({ "class": "IndexedOptionArray", "index": "i64", "content": content, "form_key": "node0" });
    check(&array(&form, 3, [("node0-index", tensor([0_i64, -1, 2])), data()])?, &values, &[1, 2, 2], "Int64");
    for (valid_when, mask) in [(true, [1_i8, 0, 7]), (false, [0, 1, 0])] {
        let form = json!({ "class": "ByteMaskedArray", "mask": "i8", "valid_when": valid_when, "content": content, "form_key": "node0" });
        check(&array(&form, 3, [("node0-mask", tensor(mask)), data()])?, &values, &[1, 2, 2], "Int64");
    }
    for (valid_when, lsb_order, mask) in
        [(true, true, 0b101_u8), (false, true, 0b010), (true, false, 0b1010_0000), (false, false, 0b0100_0000)]
    {
        let form = json!({ "class": "BitMaskedArray", "mask": "u8", "valid_when": valid_when, "lsb_order": lsb_order, "content": content, "form_key": "node0" });
        let masked = array(&form, 3, [("node0-mask", tensor([mask])), data()])?;
        check(&masked, &values, &[1, 2, 2], "Int64");
        assert!(matches!(masked.take(&[0])?.form().kind, FormKind::ByteMasked { .. }));
        assert!(matches!(masked.slice(0..3)?.form().kind, FormKind::BitMasked { .. }));
    }
    let form = json!({ "class": "UnmaskedArray", "content": content, "form_key": "node0" });
    check(&array(&form, 3, [data()])?, &json!([1, 2, 3]), &[2], "Int64");
    let form = json!({ "class": "RegularArray", "size": 1, "content": form });
    check(&array(&form, 3, [data()])?, &json!([[1], [2], [3]]), &[2], "FixedSizeList(1 x Int64)");
    Ok(())
}

#[test]
fn missing_values_of_nested_types_get_fillers() -> Result<()> {
    let option =
        |content: Value| json!({ "class": "IndexedOptionArray", "index": "i64", "content": content, "form_key": "o" });
    let index = || ("o-index", tensor([-1_i64, 0, -1]));
    let pair = json!({ "class": "RegularArray", "size": 2, "content": numbers("int8", "n") });
    let pairs = array(&option(pair), 3, [index(), ("n-data", tensor([1_i8, 2]))])?;
    check(&pairs, &json!([null, [1, 2], null]), &[0, 1], "FixedSizeList(2 x non-null Int8)");
    let category = json!({ "class": "IndexedArray", "index": "i64", "content": numbers("int8", "n"), "form_key": "c", "parameters": { "__array__": "categorical" } });
    let union = json!({ "class": "UnionArray", "tags": "i8", "index": "i64", "contents": [numbers("bool", "t"), string_form("s", "b")], "form_key": "u" });
    let record = json!({ "class": "RecordArray", "fields": ["c", "u", "e"], "contents": [category, union, { "class": "RecordArray", "fields": [], "contents": [] }] });
    let all = |index: Tensor| {
        [
            ("o-index", index),
            ("c-index", tensor([0_i64])),
            ("n-data", tensor([4_i8])),
            ("u-tags", tensor([1_i8])),
            ("u-index", tensor([0_i64])),
            ("t-data", tensor(Vec::<bool>::new())),
            ("s-offsets", tensor([0_i64, 1])),
            ("b-data", tensor(*b"x")),
        ]
    };
    let records = array(&option(record.clone()), 3, all(tensor([-1_i64, 0, -1])))?;
    let values = json!([null, { "c": 4, "u": "x", "e": {} }, null]);
    assert_eq!(records.to_list()?, values);
    let arrow = records.to_arrow()?;
    arrow.to_data().validate_full().unwrap();
    assert_eq!(Awkward::from_arrow(arrow.as_ref())?.to_list()?, values);
    let none = array(&option(record), 2, all(tensor([-1_i64, -1])))?;
    assert_eq!(list(&Awkward::from_arrow(none.to_arrow()?.as_ref())?), "[null,null]");
    Ok(())
}

#[test]
fn masked_records_become_an_index_when_taken() -> Result<()> {
    let record = json!({ "class": "RecordArray", "fields": ["a"], "contents": [numbers("int64", "node2")], "form_key": "node1" });
    let form =
        json!({ "class": "ByteMaskedArray", "mask": "i8", "valid_when": true, "content": record, "form_key": "node0" });
    let masked = array(&form, 2, [("node0-mask", tensor([0_i8, 1])), ("node2-data", tensor([1_i64, 2]))])?;
    check(&masked, &json!([null, { "a": 2 }]), &[1, 0], "Struct(\"a\": non-null Int64)");
    assert!(matches!(masked.take(&[0])?.form().kind, FormKind::IndexedOption { .. }));
    Ok(())
}

#[test]
fn unions() -> Result<()> {
    let contents = [numbers("int64", "node1"), string_form("node2", "node3")];
    let form =
        json!({ "class": "UnionArray", "tags": "i8", "index": "i64", "contents": contents, "form_key": "node0" });
    let buffers = [
        ("node0-tags", tensor([1_i8, 0, 1, 0])),
        ("node0-index", tensor([1_i64, 1, 0, 1])),
        ("node1-data", tensor([5_i64, 6])),
        ("node2-offsets", tensor([0_i64, 1, 2])),
        ("node3-data", tensor(*b"xy")),
    ];
    let union = array(&form, 4, buffers)?;
    check(
        &union,
        &json!(["y", 6, "x", 6]),
        &[3, 2, 0],
        "Union(Dense, 0: (\"0\": non-null Int64), 1: (\"1\": non-null LargeUtf8))",
    );
    let within = union.axis_len(1).unwrap_err();
    assert!(within.is_invalid_input() && within.message().ends_with("has no further axis"), "{within}");
    let lists =
        |size: u64, key: &str| json!({ "class": "RegularArray", "size": size, "content": numbers("int8", key) });
    let form = json!({ "class": "UnionArray", "tags": "i8", "index": "i64", "contents": [lists(2, "a"), lists(2, "b"), lists(3, "c")], "form_key": "u" });
    let none = || tensor(Vec::<i8>::new());
    let buffers = || {
        [
            ("u-tags", none()),
            ("u-index", tensor(Vec::<i64>::new())),
            ("a-data", none()),
            ("b-data", none()),
            ("c-data", none()),
        ]
    };
    assert_eq!(array(&form, 0, buffers())?.axis_len(1)?, None);
    let same = form.to_string().replace("\"size\":3", "\"size\":2");
    assert_eq!(array(&serde_json::from_str(&same).unwrap(), 0, buffers())?.axis_len(1)?, Some(2));
    Ok(())
}

#[test]
fn nothing_of_unknown_type() -> Result<()> {
    let empty = array(&json!({ "class": "EmptyArray" }), 0, [])?;
    check(&empty, &json!([]), &[], "Null");
    let form = json!({ "class": "ListOffsetArray", "offsets": "i64", "content": { "class": "EmptyArray" }, "form_key": "node0" });
    check(&array(&form, 2, [("node0-offsets", tensor([0_i64, 0, 0]))])?, &json!([[], []]), &[1], "LargeList(Null)");
    let form = json!({ "class": "IndexedOptionArray", "index": "i64", "content": { "class": "EmptyArray" }, "form_key": "node0" });
    check(&array(&form, 2, [("node0-index", tensor([-1_i64, -1]))])?, &json!([null, null]), &[1], "Null");
    Ok(())
}

#[test]
fn form_and_buffers_are_kept_as_given() -> Result<()> {
    let text = r#"{ "class":"NumpyArray",  "primitive":"int64", "extra": [1], "form_key": "node0" }"#;
    let buffers = || [("node0-data".to_owned(), tensor([1_i64, 2, 3])), ("other".to_owned(), tensor([0.5_f32]))];
    let array = Awkward::new(text, 2, buffers().into_iter().collect())?;
    assert_eq!((array.form_json(), list(&array).as_str()), (text, "[1,2]"));
    assert_eq!(*array.buffers(), indexmap::IndexMap::from(buffers()));
    let compact = Awkward::new(&text.replace(' ', ""), 2, buffers().into_iter().rev().collect())?;
    assert_eq!(array, compact);
    assert_ne!(array, Awkward::new(text, 3, buffers().into_iter().collect())?);
    assert_ne!(array, Awkward::new(&text.replace("[1]", "[2]"), 2, buffers().into_iter().collect())?);
    assert!(format!("{array:?}").contains("NumpyArray"));
    Ok(())
}

/// Stores list names by the alphabet, awkward by the node.
#[test]
fn buffers_are_in_the_order_of_their_nodes() -> Result<()> {
    let list = |key: &str, of: &str| json!({ "class": "ListOffsetArray", "offsets": "i64", "content": numbers("int8", of), "form_key": key });
    let contents = json!([list("node1", "node2"), numbers("int8", "node10")]);
    let form =
        json!({ "class": "UnionArray", "tags": "i8", "index": "i64", "contents": contents, "form_key": "node0" });
    let buffers = [
        ("extra", tensor([1_i8])),
        ("node0-index", tensor([0_i64, 0])),
        ("node0-tags", tensor([0_i8, 1])),
        ("node1-offsets", tensor([0_i64, 1])),
        ("node10-data", tensor([5_i8])),
        ("node2-data", tensor([4_i8])),
    ];
    let array = array(&form, 2, buffers)?;
    let names: Vec<&str> = array.buffers().keys().map(String::as_str).collect();
    assert_eq!(names, ["node0-tags", "node0-index", "node1-offsets", "node2-data", "node10-data", "extra"]);
    Ok(())
}

#[test]
fn raw_bytes_of_any_shape_are_read() -> Result<()> {
    let bytes: Vec<u8> = [1_i64, -2].iter().flat_map(|value| value.to_le_bytes()).collect();
    let shaped = tensor(bytes).reshape([2, 8])?;
    assert_eq!(list(&array(&numbers("int64", "node0"), 2, [("node0-data", shaped)])?), "[1,-2]");
    let shaped = tensor([1.5_f64, 2.5]).reshape([1, 2])?;
    assert_eq!(
        list(&Awkward::new("float64", 2, [("None-data".to_owned(), shaped)].into_iter().collect())?),
        "[1.5,2.5]"
    );
    let form = json!({ "class": "ByteMaskedArray", "mask": "i8", "valid_when": true, "content": numbers("bool", "b"), "form_key": "a" });
    let buffers = [("a-mask", tensor([true, false])), ("b-data", tensor([1_u8, 0]))];
    assert_eq!(list(&array(&form, 2, buffers)?), "[true,null]");
    Ok(())
}
