//! What is read from a store, in the form that `describe_zarr.py` prints.

#![allow(clippy::unwrap_used, clippy::print_stderr, dead_code, reason = "tests, which use parts of it")]

use std::path::Path;
use std::process::Command;

use anndata_storage::{Complex, DType, Group, NodeKind, Scalar as _, Tensor, dispatch};
use serde_json::{Map, Value, json};

/// Runs a script of `tests/python`; `None` if there is no Python.
pub(crate) fn python(script: &str, args: &[&str]) -> Option<String> {
    let Some(python) = std::env::var_os("ANNDATA_PYTHON") else {
        eprintln!("skipped: ANNDATA_PYTHON names no Python");
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/python").join(script);
    let output = Command::new(python).arg(script).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

pub(crate) fn describe_in_python(store: &Path, args: &[&str]) -> Option<Value> {
    let text = python("describe_zarr.py", &[&[store.to_str().unwrap()], args].concat())?;
    Some(serde_json::from_str(&text).unwrap())
}

/// What is read from a store, in the form that `describe_zarr.py` prints.
pub(crate) fn describe(group: &Group) -> Value {
    let mut found = Map::new();
    found.insert(String::new(), json!({"attributes": attributes(group)}));
    visit(group, &mut found);
    Value::Object(found)
}

fn attributes(group: &Group) -> Value {
    to_object(&group.attributes().unwrap())
}

fn to_object(attributes: &anndata_storage::Attributes) -> Value {
    attributes.iter().map(|(name, value)| (name.clone(), value.to_json().unwrap())).collect::<Map<_, _>>().into()
}

fn visit(group: &Group, found: &mut Map<String, Value>) {
    for name in group.children().unwrap() {
        if group.kind(&name).unwrap() == Some(NodeKind::Group) {
            let child = group.group(&name).unwrap();
            found.insert(child.path().to_owned(), json!({"attributes": attributes(&child)}));
            visit(&child, found);
            continue;
        }
        let array = group.array(&name).unwrap();
        let description = match array.read() {
            Ok(tensor) => json!({
                "dtype": if matches!(tensor.dtype(), DType::Compound(_)) { "record".into() } else { tensor.dtype().to_string() },
                "shape": tensor.shape(),
                "values": values(&tensor),
                "attributes": to_object(&array.attributes().unwrap()),
            }),
            Err(error) => json!({"error": error.to_string()}),
        };
        found.insert(array.path().to_owned(), description);
    }
}

fn number(value: f64) -> Value {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else {
        value.into()
    }
}

pub(crate) fn values(tensor: &Tensor) -> Value {
    match tensor.dtype() {
        DType::Compound(_) => {
            tensor.fields().unwrap().map(|(name, field)| (name.to_owned(), values(field))).collect::<Map<_, _>>().into()
        }
        dtype if dtype.is_text() => tensor.to_strings().unwrap().into(),
        dtype if dtype.is_time() => tensor.to_time_strings().unwrap().into(),
        DType::Bool => tensor.as_slice::<bool>().unwrap().to_vec().into(),
        DType::Complex64 => tensor
            .as_slice::<Complex<f32>>()
            .unwrap()
            .iter()
            .map(|v| json!([number(v.re.into()), number(v.im.into())]))
            .collect(),
        DType::Complex128 => {
            tensor.as_slice::<Complex<f64>>().unwrap().iter().map(|v| json!([number(v.re), number(v.im)])).collect()
        }
        dtype if dtype.is_float() => dispatch!(real dtype, T => {
            tensor.as_slice::<T>().unwrap().iter().map(|v| number(v.to_f64())).collect()
        }, else => Value::Null),
        DType::U64 => tensor.as_slice::<u64>().unwrap().to_vec().into(),
        dtype => dispatch!(integer dtype, T => {
            tensor.as_slice::<T>().unwrap().iter().map(|v| Value::from(i64::try_from(v.to_integer().unwrap()).unwrap())).collect()
        }, else => Value::Null),
    }
}

/// Compares element by element, so that a difference is named.
pub(crate) fn assert_same(found: &Value, expected: &Value, what: &str) {
    let (found, expected) = (found.as_object().unwrap(), expected.as_object().unwrap());
    for (path, expected) in expected {
        assert_eq!(found.get(path), Some(expected), "{what}: '{path}'");
    }
    for path in found.keys() {
        assert!(expected.contains_key(path), "{what}: '{path}' is too much");
    }
}
