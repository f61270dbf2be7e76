//! Cases of attributes.

use std::sync::Arc;

use serde_json::json;

use super::{root, sample};
use crate::{ArraySpec, Attribute, Attributes, Complex, DType, Group, Result, Storage, Tensor};

pub(super) fn types(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    root.set_attributes(&every_type()?)?;
    root.create_group("group")?.set_attributes(&every_type()?)?;
    root.create_array("array", &ArraySpec::new(DType::I8, [2]))?.set_attributes(&every_type()?)?;
    for (name, value) in optional_types() {
        match root.require_group("optional")?.set_attribute(name, value) {
            Err(error) if error.is_unsupported() => {}
            result => result?,
        }
    }
    Ok(())
}

pub(super) fn check_types(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    let typed = store.capabilities().typed_attributes;
    let groups = [root.attributes()?, root.group("group")?.attributes()?, root.array("array")?.attributes()?];
    for read in groups {
        for (name, value) in every_type()? {
            compare(&name, &value, read.get(&name), typed);
        }
        assert_eq!(read.len(), every_type()?.len(), "no attribute is made up");
    }
    let read = root.group("optional")?.attributes()?;
    for (name, value) in optional_types() {
        if let Some(read) = read.get(name) {
            compare(name, &value, Some(read), typed);
        }
    }
    Ok(())
}

/// Scalars and arrays of what every backend stores, by telling names.
fn every_type() -> Result<Attributes> {
    let mut all = Attributes::new();
    for dtype in sample::required_dtypes() {
        // Not all bit patterns: formats that write attributes as JSON may lose those of NaN.
        let numbers = Tensor::from_vec([3], vec![0_i32, 1, 100])?;
        let one = sample::from_numbers(&numbers, &dtype)?.slice_rows(1..2)?.reshape([])?;
        all.insert(format!("scalar {dtype}"), one.into());
        all.insert(format!("list {dtype}"), sample::from_numbers(&numbers, &dtype)?.into());
        all.insert(format!("one {dtype}"), sample::from_numbers(&numbers, &dtype)?.slice_rows(2..3)?.into());
    }
    for empty in [DType::I64, DType::F64, DType::String] {
        all.insert(format!("empty {empty}"), sample::values(&empty, &[0], 0)?.into());
    }
    all.insert("matrix".into(), Tensor::from_vec([2, 3], vec![1_i64, 2, 3, 4, 5, 6])?.into());
    all.insert("extremes i64".into(), Tensor::from_vec([2], vec![i64::MIN, i64::MAX])?.into());
    all.insert("extreme u64".into(), u64::MAX.into());
    all.insert("extremes f64".into(), Tensor::from_vec([3], vec![f64::MIN_POSITIVE, 1e300, -0.1])?.into());
    all.insert("infinite".into(), f64::NEG_INFINITY.into());
    all.insert("nan".into(), f64::NAN.into());
    all.insert("empty text".into(), "".into());
    all.insert("long text".into(), "x".repeat(100_000).as_str().into());
    all.insert("texts".into(), Tensor::from_strings([sample::WORDS.len()], sample::WORDS)?.into());
    all.insert("ünï 日本".into(), "ünï 日本".into());
    all.insert("null".into(), Attribute::Null);
    all.insert("json".into(), Attribute::Json(json!({"a": [1, "b", null], "c": {"d": 2.5}})));
    Ok(all)
}

fn optional_types() -> Vec<(&'static str, Attribute)> {
    vec![
        ("f16", crate::f16::from_f32(0.5).into()),
        ("complex", Complex::new(1.0_f64, -2.0).into()),
        ("reference", Attribute::Reference("group".to_owned())),
    ]
}

fn compare(name: &str, written: &Attribute, read: Option<&Attribute>, typed: bool) {
    let json = |attribute: &Attribute| attribute.to_json().ok();
    match (written, read) {
        // A format without JSON keeps it as text.
        (Attribute::Json(value), Some(Attribute::Tensor(text))) => {
            let text = text.to_strings().unwrap_or_default().concat();
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok().as_ref(), Some(value), "{name}");
        }
        (_, Some(read)) if !typed && json(written).is_some() => {
            assert_eq!(json(written), json(read), "attribute '{name}'");
        }
        _ => assert_eq!(Some(written), read, "attribute '{name}'"),
    }
}

pub(super) fn replace(store: &Arc<dyn Storage>) -> Result<()> {
    let group = root(store).create_group("group")?;
    group.set_attribute("kind", "first")?;
    group.set_attribute("gone", 1_i64)?;
    group.set_attributes(&Attributes::new())?;
    assert!(group.attributes()?.is_empty(), "all attributes can be taken away");
    group.set_attributes(&[("gone".to_owned(), Attribute::from(1_i64))].into())?;
    group.set_attributes(&[("kind".to_owned(), Attribute::from("second"))].into())?;
    group.set_attribute("added", Tensor::from_vec([2], vec![1_i64, 2])?)?;
    // The same name with another type and length.
    group.set_attribute("kind", 3_i64)?;
    group.create_group("child")?;
    Ok(())
}

pub(super) fn check_replace(store: &Arc<dyn Storage>) -> Result<()> {
    let group = root(store).group("group")?;
    let read = group.attributes()?;
    assert_eq!(read.len(), 2, "{read:?}");
    assert_eq!(read.get("kind").and_then(Attribute::as_i64), Some(3));
    assert_eq!(read.get("added").and_then(Attribute::as_i64s), Some(vec![1, 2]));
    assert_eq!(group.children()?, ["child"], "attributes are not children");
    Ok(())
}

const ORDER: [&str; 12] = ["z", "a", "m", "10", "9", "b", "y", "c", "x", "d", "w", "e"];

pub(super) fn order(store: &Arc<dyn Storage>) -> Result<()> {
    let set = |group: &Group| {
        group.set_attributes(&ORDER.iter().map(|&name| (name.to_owned(), Attribute::from(name))).collect())
    };
    set(&root(store))?;
    set(&root(store).create_group("group")?)
}

pub(super) fn check_order(store: &Arc<dyn Storage>) -> Result<()> {
    let mut expected = ORDER.to_vec();
    if !store.capabilities().ordered {
        expected.sort_unstable();
    }
    for group in [root(store), root(store).group("group")?] {
        assert_eq!(group.attributes()?.keys().collect::<Vec<_>>(), expected, "the order of attributes");
    }
    Ok(())
}

/// Ten thousand names, as the column order of a wide frame.
fn long_list() -> Result<Tensor> {
    Tensor::from_strings([10_000], (0..10_000).map(|i| format!("ENSG{i:011} ü")))
}

pub(super) fn long(store: &Arc<dyn Storage>) -> Result<()> {
    let group = root(store).create_group("frame")?;
    group.set_attribute("before", 1_i64)?;
    group.set_attribute("column-order", long_list()?)?;
    group.set_attribute("numbers", Tensor::from_vec([20_000], (0..20_000_i64).collect())?)?;
    group.set_attribute("after", 2_i64)
}

pub(super) fn check_long(store: &Arc<dyn Storage>) -> Result<()> {
    let read = root(store).group("frame")?.attributes()?;
    assert_eq!(read.get("column-order").and_then(Attribute::as_strings), Some(long_list()?.to_strings()?));
    assert_eq!(read.get("numbers").and_then(Attribute::as_i64s), Some((0..20_000).collect()));
    assert_eq!(read.get("before").and_then(Attribute::as_i64), Some(1));
    assert_eq!(read.get("after").and_then(Attribute::as_i64), Some(2));
    Ok(())
}
