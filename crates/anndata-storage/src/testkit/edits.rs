//! Cases of edits: several elements changed at once, as a whole or not at all.

use std::sync::Arc;

use super::root;
use crate::{ArraySpec, Attribute, Edit, Group, Result, Storage, Tensor};

pub(super) fn write(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    for (path, value) in [("X", 1), ("layers/kept", 2), ("layers/old", 3), ("obs/names", 4)] {
        array(&root, path, value)?;
    }
    root.group("obs")?.set_attribute("version", 1_i64)?;

    let mut edit = Edit::begin(store)?;
    assert!(edit.replace("").is_err_and(|error| error.is_invalid_input()), "the root is not replaced");
    array(&root, &edit.replace("X")?, 10)?;
    assert!(edit.remove("X").is_err_and(|error| error.is_invalid_input()), "nothing is changed twice");
    array(&root, &edit.replace("layers/new")?, 30)?;
    edit.remove("layers/old")?;
    let obs = root.create_group(&edit.replace("obs")?)?;
    array(&obs, "labels", 40)?;
    obs.set_attribute("version", 2_i64)?;
    if store.capabilities().typed_attributes {
        match obs.set_attribute("refers", Attribute::Reference(obs.path_of("labels"))) {
            Err(error) if !error.is_unsupported() => return Err(error),
            _ => {}
        }
    }
    assert!(edit.remove("obs/names").is_err_and(|error| error.is_invalid_input()), "nor is what is in it");
    assert_eq!(root.array("X")?.read()?, Tensor::scalar(1_i32), "nothing happens before the edit is committed");
    assert_eq!(sorted(root.children()?), ["X", "layers", "obs"], "what is staged is not listed");
    edit.commit()?;

    let mut dropped = Edit::begin(store)?;
    array(&root, &dropped.replace("X")?, 100)?;
    dropped.remove("layers/kept")?;
    drop(dropped);
    Edit::begin(store)?.commit()?;
    Edit::recover(&**store)
}

pub(super) fn check(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    assert_eq!(sorted(root.children()?), ["X", "layers", "obs"]);
    assert_eq!(sorted(store.children("")?), ["X", "layers", "obs"], "an edit leaves nothing behind");
    assert_eq!(sorted(root.group("layers")?.children()?), ["kept", "new"]);
    for (path, value) in [("X", 10), ("layers/kept", 2), ("layers/new", 30), ("obs/labels", 40)] {
        assert_eq!(root.array(path)?.read()?, Tensor::scalar(value), "{path}");
    }
    let obs = root.group("obs")?;
    assert_eq!(obs.children()?, ["labels"]);
    let attributes = obs.attributes()?;
    assert_eq!(attributes.get("version").and_then(Attribute::as_i64), Some(2));
    if let Some(Attribute::Reference(path)) = attributes.get("refers") {
        assert_eq!(path, "obs/labels", "references follow what is moved");
    }
    Ok(())
}

fn array(group: &Group, path: &str, value: i32) -> Result<()> {
    let value = Tensor::scalar(value);
    group.create_array(path, &ArraySpec::of(&value))?.write(&[], &value)
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}
