//! Cases of what is refused: the kind of the error and the path in it.

use std::sync::Arc;

use super::{root, sample};
use crate::{ArraySpec, AxisSelection, Codec, DType, Error, ErrorKind, Result, Storage, Tensor};

/// Asserts the kind and path of an error.
pub(super) fn refused<T>(result: Result<T>, kind: ErrorKind, path: &str, what: &str) {
    match result {
        Ok(_) => assert!(std::hint::black_box(false), "{what}: was not refused"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{what}: the kind of '{error}'");
            assert_eq!(error.path(), Some(path), "{what}: the path in '{error}'");
        }
    }
}

/// A store takes any declared size, or says that it does not; it never asks for the memory.
///
/// Each of these sizes takes more bytes than can be asked for at all. A store that asks anyway panics, which is a case that
/// failed; with a smaller size the system would end the process, and with it all other tests.
pub(super) fn huge(store: &Arc<dyn Storage>) -> Result<()> {
    let group = root(store).create_group("group")?;
    let specs = [
        ("huge", ArraySpec::new(DType::F64, [1 << 60]).with_chunks([1 << 16])),
        ("wide", ArraySpec::new(DType::U8, [1 << 32, 1 << 31]).with_chunks([1 << 10, 1 << 10])),
        ("texts", ArraySpec::new(DType::String, [1 << 60]).with_chunks([1 << 16])),
    ];
    for (key, spec) in specs {
        if let Err(error) = group.create_array(key, &spec) {
            refused(Err::<(), Error>(error), ErrorKind::LimitExceeded, &format!("group/{key}"), key);
        }
    }
    Ok(())
}

pub(super) fn check_huge(store: &Arc<dyn Storage>) -> Result<()> {
    if store.limits().max_unbacked >= 1 << 40 {
        return Ok(());
    }
    let group = root(store).group("group")?;
    for (key, text) in [("huge", false), ("wide", false), ("texts", true)] {
        let path = format!("group/{key}");
        if group.kind(key)?.is_none() {
            continue;
        }
        let array = group.array(key)?;
        refused(array.read(), ErrorKind::LimitExceeded, &path, key);
        let corner: Vec<AxisSelection> =
            array.shape().iter().map(|&len| AxisSelection::from(vec![0, len - 1])).collect();
        let read = array.read_selection(&corner)?;
        let unwritten = if text { read.to_strings()?.iter().all(String::is_empty) } else { is_zero(&read) };
        assert!(unwritten, "{key}: the corners were never written");
    }
    Ok(())
}

fn is_zero(tensor: &Tensor) -> bool {
    tensor.as_bytes().is_some_and(|bytes| bytes.iter().all(|&byte| byte == 0))
}

pub(super) fn writes(store: &Arc<dyn Storage>) -> Result<()> {
    let spec = ArraySpec::new(DType::I32, [5, 4]);
    for (key, spec) in [("group/piece", spec.clone()), ("group/chunks", spec.with_chunks([2, 3]))] {
        let array = root(store).create_array(key, &spec)?;
        let block = Tensor::from_vec([2, 2], vec![1_i32, 2, 3, 4])?;
        array.write(&[0, 0], &block)?;
        for offset in [&[4, 0][..], &[0, 3], &[5, 4], &[u64::MAX, 0], &[0, u64::MAX - 1]] {
            refused(array.write(offset, &block), ErrorKind::InvalidInput, key, "a block that leaves the array");
        }
        refused(array.write(&[0], &block), ErrorKind::InvalidInput, key, "an offset of one axis");
        refused(array.write(&[0, 0, 0], &block), ErrorKind::InvalidInput, key, "an offset of three axes");
        let flat = Tensor::from_vec([2], vec![1_i32, 2])?;
        refused(array.write(&[0, 0], &flat), ErrorKind::InvalidInput, key, "a block of one axis");
        for dtype in [DType::I64, DType::F32, DType::U32] {
            refused(array.write(&[0, 0], &block.cast(&dtype)?), ErrorKind::DType, key, "values of another dtype");
        }
        let texts = Tensor::from_strings([1, 1], ["1"])?;
        refused(array.write(&[0, 0], &texts), ErrorKind::DType, key, "text for numbers");
    }
    Ok(())
}

pub(super) fn check_writes(store: &Arc<dyn Storage>) -> Result<()> {
    for key in ["group/piece", "group/chunks"] {
        let numbers = root(store).array(key)?.read()?;
        let sum: i32 = numbers.as_slice::<i32>()?.iter().sum();
        assert_eq!((numbers.shape(), sum), (&[5, 4][..], 10), "{key}: refused writes change nothing");
    }
    Ok(())
}

pub(super) fn reads(store: &Arc<dyn Storage>) -> Result<()> {
    let tensor = sample::values(&DType::I32, &[5, 4], 1)?;
    sample::store(&root(store), "group/array", &ArraySpec::of(&tensor), &tensor, false)?;
    Ok(())
}

pub(super) fn check_reads(store: &Arc<dyn Storage>) -> Result<()> {
    let (root, path) = (root(store), "group/array");
    let array = root.array(path)?;
    let all = AxisSelection::Range(0..4);
    let bad = [
        vec![],
        vec![all.clone()],
        vec![all.clone(), all.clone(), all.clone()],
        vec![AxisSelection::Range(0..6), all.clone()],
        vec![AxisSelection::Range(0..5), AxisSelection::Range(3..5)],
        vec![AxisSelection::from(vec![0, 5]), all.clone()],
        vec![AxisSelection::from(vec![u64::MAX]), all.clone()],
        vec![AxisSelection::from(vec![0]), AxisSelection::Range(0..u64::MAX)],
    ];
    for selection in bad {
        refused(array.read_selection(&selection), ErrorKind::InvalidInput, path, &format!("{selection:?}"));
    }
    refused(root.array("group/none"), ErrorKind::NotFound, "group/none", "no such array");
    refused(root.array("none/none"), ErrorKind::NotFound, "none/none", "no such group");
    refused(root.group("group/none"), ErrorKind::NotFound, "group/none", "no such group");
    refused(root.array("group"), ErrorKind::NotFound, "group", "a group for an array");
    refused(root.group(path), ErrorKind::NotFound, path, "an array for a group");
    assert_eq!(root.kind("group/array/below")?, None, "nothing is below an array");
    for name in ["..", ".", "group/../group", "group//array", "../x"] {
        assert_eq!(root.kind(name)?, None, "'{name}' is not a name");
    }
    refused(
        store.open_array("none").map_err(|error| error.at("none")),
        ErrorKind::NotFound,
        "none",
        "the store itself",
    );
    Ok(())
}

pub(super) fn paths(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    let spec = ArraySpec::new(DType::I32, [4]);
    root.create_group("group")?;
    root.create_array("array", &spec)?.write(&[0], &Tensor::from_vec([4], vec![1_i32, 2, 3, 4])?)?;
    for path in ["group", "array"] {
        refused(root.create_group(path), ErrorKind::AlreadyExists, path, "a group over something");
        refused(root.create_array(path, &spec), ErrorKind::AlreadyExists, path, "an array over something");
    }
    refused(root.require_group("array"), ErrorKind::NotFound, "array", "an array for a group");
    for path in ["array/below", "array/far/below"] {
        refused(root.create_group(path), ErrorKind::InvalidInput, path, "a group below an array");
        refused(root.create_array(path, &spec), ErrorKind::InvalidInput, path, "an array below an array");
    }
    for name in ["", "..", ".", "a/../b", "a//b", "nul\0"] {
        refused(root.create_group(name), ErrorKind::InvalidInput, "", &format!("a group '{name}'"));
        refused(root.create_array(name, &spec), ErrorKind::InvalidInput, "", &format!("an array '{name}'"));
    }
    refused(root.remove(""), ErrorKind::InvalidInput, "", "to remove the root");
    refused(root.remove("none"), ErrorKind::NotFound, "none", "to remove nothing");
    refused(root.rename("none", "some"), ErrorKind::NotFound, "none", "to move nothing");
    refused(root.rename("group", "array"), ErrorKind::AlreadyExists, "array", "to move over something");
    let bad = [
        spec.clone().with_chunks([0]),
        spec.clone().with_chunks([2, 2]),
        spec.with_codecs([Codec::Zlib { level: 4 }]),
        ArraySpec::new(DType::F32, []).with_chunks([]),
    ];
    for spec in bad {
        refused(root.create_array("bad", &spec), ErrorKind::InvalidInput, "bad", &format!("{spec:?}"));
    }
    let unknown = ArraySpec::new(DType::Unknown("bitfield".into()), [1]);
    refused(root.create_array("unknown", &unknown), ErrorKind::Unsupported, "unknown", "an unknown dtype");
    let other = ArraySpec::new(DType::I32, [4]).with_chunks([2]).with_codecs([Codec::named("mystery")]);
    if let Err(error) = root.create_array("other", &other) {
        refused(Err::<(), Error>(error), ErrorKind::Unsupported, "other", "an unknown codec");
    }
    Ok(())
}

pub(super) fn check_places(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    assert_eq!(root.array("array")?.read()?.as_slice::<i32>()?, [1, 2, 3, 4]);
    assert!(root.group("group")?.children()?.is_empty());
    let children = root.children()?;
    assert!(children.iter().all(|name| ["group", "array", "other"].contains(&&**name)), "{children:?}");
    Ok(())
}

pub(super) fn read_only(store: &Arc<dyn Storage>) -> Result<()> {
    let array = root(store).create_array("array", &ArraySpec::new(DType::I32, [2]))?;
    array.write(&[0], &Tensor::from_vec([2], vec![1_i32, 2])?)
}

pub(super) fn check_read_only(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    let array = root.array("array")?;
    assert_eq!(array.read()?.as_slice::<i32>()?, [1, 2]);
    if store.capabilities().write {
        return Ok(());
    }
    let values = Tensor::from_vec([2], vec![3_i32, 4])?;
    let none = crate::Attributes::new();
    refused(array.write(&[0], &values), ErrorKind::ReadOnly, "array", "to write");
    refused(array.resize(&[1]), ErrorKind::ReadOnly, "array", "to resize");
    refused(array.set_attributes(&none), ErrorKind::ReadOnly, "array", "to set attributes");
    refused(root.set_attributes(&none), ErrorKind::ReadOnly, "", "to set attributes");
    refused(root.create_group("group"), ErrorKind::ReadOnly, "group", "to make a group");
    refused(root.create_array("new", &ArraySpec::of(&values)), ErrorKind::ReadOnly, "new", "to make an array");
    refused(root.remove("array"), ErrorKind::ReadOnly, "array", "to remove");
    refused(root.rename("array", "moved"), ErrorKind::ReadOnly, "array", "to move");
    assert_eq!(root.children()?, ["array"]);
    assert_eq!(array.read()?.as_slice::<i32>()?, [1, 2]);
    Ok(())
}
