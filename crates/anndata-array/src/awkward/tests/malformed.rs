//! Malformed forms and buffers: each is an error that says which node and buffer.

use anndata_storage::{Error, Tensor};
use serde_json::{Value, json};

use super::super::Awkward;
use super::{array, numbers, tensor};

/// The error of a one-node form over numbers.
#[track_caller]
fn refused<const N: usize>(form: &Value, length: u64, buffers: [(&str, Tensor); N], message: &str) -> Error {
    let error = array(form, length, buffers).unwrap_err();
    assert!(error.to_string().contains(message), "{error} does not say {message:?}");
    error
}

/// A node of the key `a` over numbers of the key `b`, with further keys.
fn node(class: &str, keys: &Value) -> Value {
    let mut form = json!({ "class": class, "form_key": "a", "content": numbers("int64", "b") });
    form.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    form
}

fn data(len: usize) -> (&'static str, Tensor) {
    ("b-data", tensor(vec![0_i64; len]))
}

#[test]
fn forms() {
    let text = |text: &str| Awkward::new(text, 0, indexmap::IndexMap::new()).unwrap_err().to_string();
    assert!(text("{").contains("not valid JSON"));
    assert!(text("[]").contains("a JSON object or a string"));
    assert!(text("\"float7\"").contains("float7"));
    assert!(text("\"float128\"").contains("some machines"));
    assert!(text("{}").contains("`class` is missing"));
    refused(&json!({ "class": "VirtualArray" }), 0, [], "VirtualArray");
    refused(&json!({ "class": "NumpyArray", "primitive": "datetime64[x]" }), 0, [], "datetime64[x]");
    refused(
        &json!({ "class": "NumpyArray", "primitive": "int8", "inner_shape": [-1] }),
        0,
        [],
        "`inner_shape` holds -1",
    );
    refused(
        &json!({ "class": "NumpyArray", "primitive": "int8", "inner_shape": [null] }),
        0,
        [],
        "`inner_shape` holds null",
    );
    refused(&json!({ "class": "NumpyArray", "primitive": "int8", "form_key": 3 }), 0, [], "`form_key` is not text");
    refused(
        &json!({ "class": "NumpyArray", "primitive": "int8", "parameters": [] }),
        0,
        [],
        "`parameters` is not an object",
    );
    refused(&json!({ "class": "EmptyArray", "parameters": { "a": 1 } }), 0, [], "has no parameters");
    refused(&node("RegularArray", &json!({ "size": null })), 0, [], "`size` holds null");
    refused(&node("RegularArray", &json!({ "size": 1.5 })), 0, [], "`size` holds 1.5");
    refused(&node("ListOffsetArray", &json!({ "offsets": "i8" })), 0, [], "`offsets` is \"i8\"");
    refused(&node("ListArray", &json!({ "starts": "i64", "stops": "i32" })), 0, [], "different types");
    refused(
        &json!({ "class": "UnmaskedArray", "form_key": "a" }),
        0,
        [],
        "awkward node `a` (UnmaskedArray): `content` is missing",
    );
    refused(&node("ByteMaskedArray", &json!({ "mask": "u8", "valid_when": true })), 0, [], "`mask` is \"u8\"");
    refused(
        &node("ByteMaskedArray", &json!({ "mask": "i8", "valid_when": 1 })),
        0,
        [],
        "`valid_when` is missing or not a boolean",
    );
    refused(&node("BitMaskedArray", &json!({ "mask": "u8", "valid_when": true })), 0, [], "`lsb_order`");
    refused(&node("IndexedOptionArray", &json!({ "index": "u32" })), 0, [], "must be signed");
    refused(
        &json!({ "class": "RecordArray", "fields": ["x"], "contents": [] }),
        0,
        [],
        "1 fields are named, but there are 0",
    );
    refused(&json!({ "class": "RecordArray", "fields": [1], "contents": ["int8"] }), 0, [], "a field has no name");
    refused(
        &json!({ "class": "RecordArray", "fields": ["x", "x"], "contents": ["int8", "int8"] }),
        0,
        [],
        "\"x\" is named twice",
    );
    refused(
        &json!({ "class": "RecordArray", "fields": ["x"], "contents": { "x": "int8" } }),
        0,
        [],
        "`contents` is not a list",
    );
    let text = json!({ "__array__": "string" });
    refused(&node("ListOffsetArray", &json!({ "offsets": "i64", "parameters": text })), 0, [], "strings must hold");
    let union = |contents: Value| json!({ "class": "UnionArray", "tags": "i8", "index": "i64", "contents": contents, "form_key": "a" });
    refused(&union(json!(["int8"])), 0, [], "2 to 128 contents, not 1");
    refused(&union(json!(["int8", union(json!(["int8", "bool"]))])), 0, [], "cannot hold a node of class UnionArray");
    refused(&union(json!(["int8", node("UnmaskedArray", &json!({}))])), 0, [], "or none");
    refused(&union(json!(["int8", node("IndexedArray", &json!({ "index": "i64" }))])), 0, [], "class IndexedArray");
    let nested = node("UnmaskedArray", &json!({}));
    refused(&node("UnmaskedArray", &json!({ "content": nested })), 0, [], "cannot hold a node of class UnmaskedArray");
    refused(&node("IndexedArray", &json!({ "index": "i64", "content": nested })), 0, [], "class UnmaskedArray");
}

#[test]
fn deep_nesting() {
    let nested = |depth: usize| {
        let open = r#"{"class":"RegularArray","size":1,"content":"#.repeat(depth);
        format!("{open}\"int8\"{}", "}".repeat(depth))
    };
    let buffers = || [("None-data".to_owned(), tensor([7_i8]))].into_iter().collect();
    assert!(Awkward::new(&nested(63), 1, buffers()).unwrap().to_arrow().is_ok());
    assert!(Awkward::new(&nested(64), 1, buffers()).unwrap_err().is_limit_exceeded());
    let endless = Awkward::new(&nested(100_000), 1, buffers()).unwrap_err();
    assert!(endless.is_invalid_data() || endless.is_limit_exceeded(), "{endless:?}");
}

#[test]
fn buffers() {
    let form = numbers("int64", "b");
    refused(&form, 1, [], "awkward node `b` (NumpyArray): buffer `b-data`: the buffer is missing");
    refused(&form, 3, [data(2)], "holds 2 values, but 3 are needed");
    refused(&form, u64::MAX, [data(2)], "but");
    refused(&form, 1, [("b-data", tensor([1_i32]))], "values of type int32, but the form says int64");
    refused(&form, 1, [("b-data", Tensor::from_strings([1], ["x"]).unwrap())], "type string");
    refused(&numbers("bool", "b"), 1, [("b-data", tensor([2_u8]))], "neither 0 nor 1");
    let two = json!({ "class": "RecordArray", "contents": [form, form] });
    refused(&two, 1, [data(1)], "two nodes use the buffer");
    let huge = json!({ "class": "NumpyArray", "primitive": "int64", "inner_shape": [1_u64 << 40, 1_u64 << 40, 0], "form_key": "b" });
    refused(&huge, 1, [data(1)], "its length overflows");
    let regular = node("RegularArray", &json!({ "size": 1_u64 << 60 }));
    refused(&regular, 1 << 10, [data(1)], "its length overflows");
    refused(&regular, 1, [data(1)], "holds 1 values, but 1152921504606846976 are needed");
    refused(&json!({ "class": "EmptyArray" }), 1, [], "always empty, but 1 values");
}

#[test]
fn offsets() {
    let form = node("ListOffsetArray", &json!({ "offsets": "i64" }));
    let cases: [(&[i64], &str); 5] = [
        (&[], "holds 0 values, but 3 are needed"),
        (&[0, 1], "holds 2 values, but 3 are needed"),
        (&[0, 2, 1], "buffer `a-offsets`: list 1 goes from 2 to 1"),
        (&[-1, 0, 1], "the first offset is -1"),
        (&[0, 1, 5], "awkward node `b` (NumpyArray): buffer `b-data`: the buffer holds 4 values, but 5 are needed"),
    ];
    for (offsets, message) in cases {
        refused(&form, 2, [("a-offsets", tensor(offsets)), data(4)], message);
    }
    let form = node("ListArray", &json!({ "starts": "i32", "stops": "i32" }));
    let cases: [([i32; 2], [i32; 2], &str); 3] = [
        ([0, 3], [1, 2], "buffer `a-stops`: list 1 goes from 3 to 2"),
        ([-1, 0], [1, 2], "list 0 goes from -1 to 1"),
        ([0, 1], [1, 9], "holds 4 values, but 9 are needed"),
    ];
    for (starts, stops, message) in cases {
        refused(&form, 2, [("a-starts", tensor(starts)), ("a-stops", tensor(stops)), data(4)], message);
    }
}

#[test]
fn indices_masks_and_tags() {
    let form = node("IndexedArray", &json!({ "index": "i64" }));
    refused(&form, 2, [("a-index", tensor([0_i64, -1])), data(1)], "buffer `a-index`: position -1 at 1 is negative");
    refused(&form, 2, [("a-index", tensor([0_i64, 3])), data(3)], "holds 3 values, but 4 are needed");
    refused(&form, 1, [("a-index", tensor([i64::MAX])), data(3)], "are needed");
    let form = node("IndexedOptionArray", &json!({ "index": "i32" }));
    refused(&form, 2, [("a-index", tensor([-1_i32, 1])), data(1)], "holds 1 values, but 2 are needed");
    let form = node("ByteMaskedArray", &json!({ "mask": "i8", "valid_when": true }));
    refused(&form, 2, [("a-mask", tensor([1_i8])), data(2)], "buffer `a-mask`: the buffer holds 1 values, but 2");
    refused(&form, 2, [("a-mask", tensor([0_i8, 0])), data(1)], "holds 1 values, but 2 are needed");
    let form = node("BitMaskedArray", &json!({ "mask": "u8", "valid_when": true, "lsb_order": true }));
    refused(&form, 9, [("a-mask", tensor([1_u8])), data(9)], "holds 1 values, but 2 are needed");
    refused(&node("UnmaskedArray", &json!({})), 2, [data(1)], "holds 1 values, but 2 are needed");
    let form = json!({ "class": "UnionArray", "tags": "i8", "index": "i64", "form_key": "a", "contents": [numbers("int64", "b"), numbers("bool", "c")] });
    let union = |tags: [i8; 2], index: [i64; 2]| {
        [("a-tags", tensor(tags)), ("a-index", tensor(index)), data(1), ("c-data", tensor([true]))]
    };
    refused(&form, 2, union([0, 2], [0, 0]), "buffer `a-tags`: tag 2 at 1 is none of the 2 contents");
    refused(&form, 2, union([0, -1], [0, 0]), "tag -1 at 1");
    refused(&form, 2, union([0, 1], [0, -3]), "buffer `a-index`: position -3 at 1 is negative");
    refused(
        &form,
        2,
        union([0, 1], [0, 1]),
        "awkward node `c` (NumpyArray): buffer `c-data`: the buffer holds 1 values, but 2",
    );
}

#[test]
fn rows_out_of_bounds() {
    let numbers = array(&numbers("int64", "b"), 2, [data(2)]).unwrap();
    assert!(numbers.take(&[0, 2]).unwrap_err().to_string().contains("row 2 is out of bounds"));
    let beyond = numbers.slice(1..3).unwrap_err();
    assert!(beyond.is_invalid_input() && beyond.message().contains("1..3"), "{beyond}");
    assert_eq!(numbers.take(&[]).unwrap().len(), 0);
}

/// 2^18 lists that each hold the same 2^18 numbers: a few megabytes that stand for 256 gigabytes.
#[test]
fn small_files_cannot_unfold_without_bounds() {
    let n = 1_u32 << 18;
    let len = usize::try_from(n).unwrap();
    let form = node("ListArray", &json!({ "starts": "u32", "stops": "u32", "content": numbers("int32", "b") }));
    let buffers = [
        ("a-starts", tensor(vec![0_u32; len])),
        ("a-stops", tensor(vec![n; len])),
        ("b-data", tensor(vec![0_i32; len])),
    ];
    let bomb = array(&form, u64::from(n), buffers).unwrap();
    assert!(bomb.to_arrow().unwrap_err().is_limit_exceeded());
    assert!(bomb.to_list().unwrap_err().is_limit_exceeded());
    assert!(bomb.slice(0..len).unwrap_err().is_limit_exceeded());
    assert_eq!(bomb.take(&[0, 1]).unwrap().len(), 2);
    let endless = array(&json!({ "class": "RecordArray", "fields": [], "contents": [] }), 1 << 60, []).unwrap();
    assert!(endless.to_list().unwrap_err().is_limit_exceeded());
    assert_eq!(endless.take(&[1 << 50]).unwrap().len(), 1);
    let hollow =
        json!({ "class": "NumpyArray", "primitive": "int64", "inner_shape": [1_u64 << 40, 0], "form_key": "b" });
    let hollow = array(&hollow, 1, [data(0)]).unwrap();
    assert!(hollow.to_list().unwrap_err().is_limit_exceeded());
}
