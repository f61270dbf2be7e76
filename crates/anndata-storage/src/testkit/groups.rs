//! Cases of the tree: nesting, order, names, moving and removing.

use std::sync::Arc;

use super::{root, sample};
use crate::{ArraySpec, Attribute, DType, Group, NodeKind, Result, Storage, Tensor};

pub(super) fn empty(store: &Arc<dyn Storage>) -> Result<()> {
    store.flush()
}

pub(super) fn check_empty(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    assert_eq!(root.kind("")?, Some(NodeKind::Group), "the root is a group");
    assert!(root.children()?.is_empty(), "a new store has no children");
    assert!(root.attributes()?.is_empty(), "a new store has no attributes");
    assert_eq!(root.kind("nothing")?, None);
    assert_eq!(root.kind("nothing/below")?, None);
    assert!(!store.to_string().is_empty(), "a store prints as something");
    Ok(())
}

pub(super) fn nest(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    let deep = root.create_group("a/b/c/d")?;
    assert_eq!(deep.path(), "a/b/c/d");
    deep.create_group("e")?;
    small(&root, "arrays/in/here", 1)?;
    root.require_group("a/b")?.require_group("new")?;
    Ok(())
}

pub(super) fn check_nest(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    for path in ["a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/e", "a/b/new", "arrays", "arrays/in"] {
        assert_eq!(root.kind(path)?, Some(NodeKind::Group), "{path}");
    }
    assert_eq!(root.kind("arrays/in/here")?, Some(NodeKind::Array));
    assert_eq!(sorted(root.children()?), ["a", "arrays"]);
    assert_eq!(sorted(root.group("a/b")?.children()?), ["c", "new"]);
    assert_eq!(root.group("a")?.group("b")?.group("c")?.children()?, ["d"]);
    assert!(root.group("a/b/c/d/e")?.children()?.is_empty());
    assert_eq!(root.group("arrays")?.array("in/here")?.read()?, number(1));
    Ok(())
}

pub(super) fn order(store: &Arc<dyn Storage>) -> Result<()> {
    let group = root(store).create_group("group")?;
    for name in ["zeta", "alpha", "10", "9", "mid"] {
        if name == "9" {
            small(&group, name, 9)?;
        } else {
            group.create_group(name)?;
        }
    }
    Ok(())
}

pub(super) fn check_order(store: &Arc<dyn Storage>) -> Result<()> {
    let children = root(store).group("group")?.children()?;
    if store.capabilities().ordered {
        assert_eq!(children, ["zeta", "alpha", "10", "9", "mid"], "children come in the order in which they were made");
    } else {
        assert_eq!(children, ["10", "9", "alpha", "mid", "zeta"], "children come sorted by name");
    }
    Ok(())
}

const NAMES: [&str; 9] =
    ["gene.1", "T cell (CD4+)", "naïve", "ヒト", "100%", "a&b=c", "_under", "trailing.", "x-y_z~!@#$^,;'"];

pub(super) fn names(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    for (i, name) in (0..).zip(NAMES) {
        let group = root.create_group(name)?;
        group.set_attribute("name", name)?;
        small(&group, name, i)?;
    }
    Ok(())
}

pub(super) fn check_names(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    assert_eq!(sorted(root.children()?), sorted(NAMES.map(str::to_owned).to_vec()));
    for (i, name) in (0..).zip(NAMES) {
        let group = root.group(name)?;
        assert_eq!(group.name(), name);
        assert_eq!(group.attributes()?.get("name").and_then(Attribute::as_str).as_deref(), Some(name));
        assert_eq!(group.children()?, [name]);
        assert_eq!(root.array(&format!("{name}/{name}"))?.read()?, number(i));
    }
    Ok(())
}

pub(super) fn many(store: &Arc<dyn Storage>) -> Result<()> {
    let group = root(store).create_group("many")?;
    (0..1000).try_for_each(|i| group.create_group(&format!("{i:04}")).map(drop))
}

pub(super) fn check_many(store: &Arc<dyn Storage>) -> Result<()> {
    let expected: Vec<String> = (0..1000).map(|i| format!("{i:04}")).collect();
    assert_eq!(root(store).group("many")?.children()?, expected);
    Ok(())
}

pub(super) fn rename(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    let old = root.create_group("old")?;
    old.set_attribute("kept", 7_i64)?;
    small(&old, "inner/array", 3)?.set_attributes(&[("unit".to_owned(), Attribute::from("mm"))].into())?;
    small(&root, "lonely", 4)?;
    // A name that begins like the moved one is not below it.
    small(&root, "older", 5)?;

    root.rename("old", "new")?;
    root.rename("lonely", "made/on/the/way")?;
    assert!(root.rename("old", "else").is_err_and(|error| error.is_not_found()), "what was moved is gone");
    assert!(root.rename("new", "older").is_err_and(|error| error.is_already_exists()), "nothing is moved over another");
    assert!(
        root.rename("new", "new/below").is_err_and(|error| error.is_invalid_input()),
        "nothing is moved below itself"
    );
    Ok(())
}

pub(super) fn check_rename(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    assert_eq!(sorted(root.children()?), ["made", "new", "older"]);
    assert_eq!(root.group("new")?.attributes()?.get("kept").and_then(Attribute::as_i64), Some(7));
    let array = root.array("new/inner/array")?;
    assert_eq!(array.read()?, number(3));
    assert_eq!(array.attributes()?.get("unit").and_then(Attribute::as_str).as_deref(), Some("mm"));
    assert_eq!(root.array("made/on/the/way")?.read()?, number(4));
    assert_eq!(root.array("older")?.read()?, number(5));
    assert!(root.array("old/inner/array").is_err_and(|error| error.is_not_found()));
    Ok(())
}

pub(super) fn replace(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    small(&root, "group/array", 1)?.set_attributes(&[("old".to_owned(), Attribute::from(true))].into())?;
    small(&root, "group/beside", 2)?;
    small(&root, "staged/new/inner", 3)?;
    root.group("staged/new")?.set_attribute("kept", 7_i64)?;
    small(&root, "staged/other", 4)?;

    store.replace("staged/new", "group/array")?;
    store.replace("staged/other", "group/free")?;
    assert_eq!(root.kind("staged/new")?, None, "what was moved is gone");
    assert!(store.replace("staged/new", "group/beside").is_err(), "nothing takes the place of something");
    Ok(())
}

pub(super) fn check_replace(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    let group = root.group("group")?;
    assert_eq!(sorted(group.children()?), ["array", "beside", "free"]);
    let attributes = group.group("array")?.attributes()?;
    assert_eq!((attributes.len(), attributes.get("kept").and_then(Attribute::as_i64)), (1, Some(7)));
    assert_eq!(group.array("array/inner")?.read()?, number(3));
    assert_eq!(group.array("free")?.read()?, number(4));
    assert!(root.group("staged")?.children()?.is_empty());
    Ok(())
}

pub(super) fn remove(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    small(&root, "tree/with/array", 1)?;
    small(&root, "trees", 2)?;
    small(&root, "again", 3)?.set_attributes(&[("old".to_owned(), Attribute::from(true))].into())?;
    let chunked = ArraySpec::new(DType::F64, [9]).with_chunks([2]);
    sample::store(&root, "chunked", &chunked, &sample::values(&DType::F64, &[9], 1)?, false)?;

    for key in ["tree", "again", "chunked"] {
        root.remove(key)?;
        assert_eq!(root.kind(key)?, None);
        assert!(root.remove(key).is_err_and(|error| error.is_not_found()));
    }
    assert_eq!(root.kind("tree/with/array")?, None);
    let texts = Tensor::from_strings([2], ["now", "text"])?;
    sample::store(&root, "again", &ArraySpec::of(&texts), &texts, false)?;
    root.create_array("chunked", &chunked)?;
    Ok(())
}

pub(super) fn check_remove(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    assert_eq!(sorted(root.children()?), ["again", "chunked", "trees"]);
    assert_eq!(root.array("again")?.read()?.to_strings()?, ["now", "text"]);
    assert!(root.array("again")?.attributes()?.is_empty(), "what is made again has no attributes of the old");
    assert_eq!(
        root.array("chunked")?.read()?.as_slice::<f64>()?,
        [0.0; 9],
        "what is made again has no values of the old"
    );
    assert_eq!(root.array("trees")?.read()?, number(2));
    Ok(())
}

fn small(group: &Group, key: &str, value: i32) -> Result<crate::Array> {
    let value = number(value);
    let array = group.create_array(key, &ArraySpec::of(&value))?;
    array.write(&[], &value)?;
    Ok(array)
}

fn number(value: i32) -> Tensor {
    Tensor::scalar(value)
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}
