//! Prints the tree of a file: groups, arrays with type, shape, filters and chunks, attributes.
//!
//! `cargo run --example show FILE`
#![allow(clippy::print_stdout, reason = "what it is for")]

use std::collections::HashSet;

use anndata_hdf5_meta::{
    DataLayout, Dataspace, Datatype, DatatypeClass, LinkTarget, MetaFile, Object, ObjectKind, VariableLength,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let path = std::env::args().nth(1).ok_or("show FILE")?;
    let file = MetaFile::open(path, anndata_hdf5_meta::MetaLimits::default())?;
    let root = file.root()?;
    println!("/");
    let mut shown = HashSet::from([root.address()]);
    show(&file, &root, 1, &mut shown)
}

/// Attributes and members of an object.
fn show(file: &MetaFile, object: &Object, depth: usize, shown: &mut HashSet<u64>) -> Result<()> {
    let indent = "    ".repeat(depth);
    for entry in object.attributes()? {
        let name = entry.name.map_or_else(|| "?".into(), |name| String::from_utf8_lossy(&name).into_owned());
        match entry.value {
            Ok(value) if is_text(&value.datatype) => {
                let texts = file.variable_length(&value.bytes, 1)?;
                let texts: Vec<_> = texts.iter().take(4).map(|text| String::from_utf8_lossy(text)).collect();
                println!("{indent}@{name} = {texts:?}");
            }
            Ok(value) => println!("{indent}@{name}: {}", array(&value.datatype, &value.dataspace)),
            Err(error) => println!("{indent}@{name}: {error}"),
        }
    }
    if object.kind()? != ObjectKind::Group {
        return Ok(());
    }
    for link in object.links()? {
        let name = String::from_utf8_lossy(&link.name);
        match link.target {
            LinkTarget::Hard(address) => match member(file, address) {
                Ok((line, member)) => {
                    println!("{indent}{name}{line}");
                    // A group that is its own member is shown once.
                    if shown.insert(address) && depth < 64 {
                        show(file, &member, depth + 1, shown)?;
                    }
                }
                Err(error) => println!("{indent}{name}: {error}"),
            },
            other => println!("{indent}{name} -> {other:?}"),
        }
    }
    Ok(())
}

/// An object, and what is said of it beside its name.
fn member(file: &MetaFile, address: u64) -> Result<(String, Object)> {
    let object = file.object(address)?;
    Ok((line(&object)?, object))
}

/// What is said of an object beside its name.
fn line(object: &Object) -> Result<String> {
    if object.kind()? != ObjectKind::Dataset {
        return Ok(String::new());
    }
    let filters: Vec<u16> = object.filters()?.iter().map(|filter| filter.id).collect();
    let layout = match object.layout() {
        Ok(DataLayout::Compact(bytes)) => format!("{} bytes in the header", bytes.len()),
        Ok(DataLayout::Contiguous { offset: None, .. }) => "nothing written".to_owned(),
        Ok(DataLayout::Contiguous { offset: Some(offset), size }) => format!("{size} bytes at {offset}"),
        Ok(DataLayout::Chunked(layout)) => {
            format!("{} chunks of {:?}, filters {filters:?}", object.chunks()?.len(), layout.shape)
        }
        Ok(other) => format!("{other:?}"),
        Err(error) => error.to_string(),
    };
    Ok(format!(": {}; {layout}", array(&object.datatype()?, &object.dataspace()?)))
}

fn array(datatype: &Datatype, space: &Dataspace) -> String {
    let kind = match &datatype.class {
        DatatypeClass::FixedPoint { signed: true, .. } => "int",
        DatatypeClass::FixedPoint { .. } => "uint",
        DatatypeClass::FloatingPoint { .. } => "float",
        DatatypeClass::Text { .. } => "text",
        DatatypeClass::VariableLength { kind: VariableLength::Text { .. }, .. } => "text of any length",
        DatatypeClass::VariableLength { .. } => "lists",
        DatatypeClass::Compound(_) => "record",
        DatatypeClass::Enumeration { .. } => "enumeration",
        DatatypeClass::Reference(_) => "reference",
        _ => "other",
    };
    format!("{kind}, {} bytes, {:?}", datatype.size, space.shape())
}

fn is_text(datatype: &Datatype) -> bool {
    matches!(datatype.class, DatatypeClass::VariableLength { kind: VariableLength::Text { .. }, .. })
}
