//! Attributes of groups and arrays.
//!
//! One that cannot be read does not block the others: it reads as a JSON object that says so.

use anndata_hdf5_meta::{AttributeEntry, AttributeValue, Dataspace, Object};
use anndata_storage::{Attribute, Attributes, DType, Error, Result, Tensor};
use arrow_buffer::Buffer;

use super::error::because;
use super::file::OpenFile;
use crate::dtype::{Class, Node, Stored, Target, TypeDescription as _};
use crate::heap::tensor_of_stored;
use crate::unreadable::{UNREADABLE, unreadable};

/// All attributes of an object.
pub(super) fn read(file: &OpenFile, object: &Object) -> Result<Attributes> {
    let entries = object.attributes().map_err(because("the attributes cannot be listed"))?;
    let mut attributes = Attributes::new();
    for AttributeEntry { name, value, .. } in entries {
        let value = value.map_err(because("the attribute cannot be read"));
        let value =
            value.and_then(|value| read_one(file, &value)).unwrap_or_else(|error| unreadable(&error.to_string()));
        let name = name.map(utf8_name).transpose()?.filter(|name| !attributes.contains_key(name));
        // Without a name of its own it is there all the same.
        let name = name.unwrap_or_else(|| match attributes.len() {
            number if attributes.contains_key(UNREADABLE) => format!("{UNREADABLE} ({number})"),
            _ => UNREADABLE.to_owned(),
        });
        attributes.insert(name, value);
    }
    Ok(attributes)
}

pub(super) fn utf8_name(name: Vec<u8>) -> Result<String> {
    String::from_utf8(name).map_err(|error| {
        let shown = String::from_utf8_lossy(error.as_bytes()).into_owned();
        Error::invalid_data(format!("the name '{shown}' is not UTF-8"))
    })
}

fn read_one(file: &OpenFile, value: &AttributeValue) -> Result<Attribute> {
    let AttributeValue { datatype, dataspace, bytes, .. } = value;
    if *dataspace == Dataspace::Null {
        return Ok(Attribute::Null);
    }
    let shape = dataspace.shape();
    if let Ok(Class::Reference(Target::Object)) = datatype.class() {
        let Some(reference) = bytes.first_chunk().filter(|_| bytes.len() == Target::Object.size()) else {
            return Err(Error::unsupported(format!("an attribute cannot hold references of shape {shape:?}")));
        };
        let path = file.referenced_path(u64::from_le_bytes(*reference))?;
        return Ok(path.map_or_else(|| unreadable("a reference to nothing"), Attribute::Reference));
    }
    let stored = Stored::of(datatype);
    if let DType::Unknown(what) = &stored.dtype {
        return Err(Error::unsupported(format!("an attribute cannot hold values of type '{what}'")));
    }
    if stored.node.has_lists() || stored.node.has_targets() {
        return Err(Error::unsupported(format!("an attribute cannot hold values of type '{}'", stored.dtype)));
    }
    let len = |&len| usize::try_from(len).map_err(|_| Error::limit_exceeded("an axis does not fit into memory"));
    let shape = shape.iter().map(len).collect::<Result<Vec<_>>>()?;
    if let Node::Plain { size, fix } = stored.node {
        let mut bytes = bytes.clone();
        fix.apply(&mut bytes, size);
        return Tensor::from_bytes(stored.dtype, shape, &bytes).map(Attribute::Tensor);
    }
    let heap = file.heap().ok_or_else(|| Error::unsupported("texts of the attribute have no heap that is known"))?;
    let bytes = Buffer::from_slice_ref(bytes);
    let follow = |kind: Target, reference: &[u8]| file.follow(kind, reference);
    tensor_of_stored(&stored, &shape, bytes, &heap, &follow).map(Attribute::Tensor)
}
