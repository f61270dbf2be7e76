//! Attributes of groups and arrays.
//!
//! An attribute of a type that has no form here does not block the others: it reads as a JSON object that says so, and
//! is left alone when attributes are replaced by what was read.

use anndata_storage::{Attribute, Attributes, DType, Error, Result, Tensor};

use crate::array::read_attribute;
use crate::dtype::{Class, Stored, Target};
use crate::make;
use crate::raw::attribute;
use crate::raw::datatype;
use crate::raw::link::{self, Object};
use crate::raw::space::Extent;
use crate::shared::Shared;
use crate::unreadable::{UNREADABLE, unreadable};

/// All attributes of an object.
pub(crate) fn read(store: &Shared, object: &Object) -> Result<Attributes> {
    let names = attribute::names(object)?;
    Ok(names
        .into_iter()
        .map(|name| {
            let value = read_one(store, object, &name).unwrap_or_else(|error| unreadable(&error.to_string()));
            (name, value)
        })
        .collect())
}

fn read_one(store: &Shared, object: &Object, name: &str) -> Result<Attribute> {
    let id = attribute::open(&object.id, name)?;
    let (_, extent) = attribute::extent(&id)?;
    let Extent::Simple { shape, .. } = extent else { return Ok(Attribute::Null) };
    let memory = attribute::datatype(&id)?;
    let stored = Stored::of(&memory);
    let len = shape.iter().try_fold(1_u64, |product, &len| product.checked_mul(len));
    if let Ok(Class::Reference(Target::Object)) = datatype::class(&memory) {
        if len == Some(1) {
            let mut reference = [0; 8];
            attribute::read(&id, &memory, &mut reference)?;
            let path = link::referenced_path(&object.id, reference)?;
            return Ok(path.map_or_else(|| unreadable("a reference to nothing"), Attribute::Reference));
        }
        return Err(Error::unsupported(format!("an attribute cannot hold references of shape {shape:?}")));
    }
    if let DType::Unknown(what) = &stored.dtype {
        return Err(Error::unsupported(format!("an attribute cannot hold values of type '{what}'")));
    }
    if stored.node.has_lists() || stored.node.has_targets() {
        return Err(Error::unsupported(format!("an attribute cannot hold values of type '{}'", stored.dtype)));
    }
    // What an attribute declares must be in the file; only its texts are elsewhere in it.
    // Fallback: more than can be counted is over every limit.
    let bytes = len.unwrap_or(u64::MAX).saturating_mul(stored.node.size().file as u64);
    store.options.limits.check(bytes, store.raw.len()?)?;
    let heap = if store.is_own(object) && stored.node.has_text() { store.settled_heap()? } else { None };
    read_attribute(&id, &stored, &memory, &shape, heap).map(Attribute::Tensor)
}

/// Makes the attributes of an object those given, in their order where the object keeps one. What is the same already
/// is not touched.
pub(crate) fn replace(store: &Shared, object: &Object, wanted: &Attributes) -> Result<()> {
    let present = read(store, object)?;
    for name in present.keys().filter(|name| !wanted.contains_key(*name)) {
        attribute::remove(&object.id, name)?;
    }
    for (name, value) in wanted {
        let before = present.get(name);
        if before.is_some_and(|before| before == value) {
            continue;
        }
        let prepared = Prepared::new(store, value)
            .map_err(|error| Error::new(error.kind(), format!("attribute '{name}'")).with_source(error))?;
        if before.is_some() {
            attribute::remove(&object.id, name)?;
        }
        prepared
            .create(object, name)
            .map_err(|error| Error::new(error.kind(), format!("attribute '{name}'")).with_source(error))?;
    }
    Ok(())
}

/// An attribute that is known to have a form in the file, so that an old value is not removed in vain.
enum Prepared {
    Null,
    Reference([u8; 8]),
    Values(Box<(Tensor, make::Block)>),
}

impl Prepared {
    fn new(store: &Shared, value: &Attribute) -> Result<Self> {
        let tensor = match value {
            Attribute::Null => return Ok(Self::Null),
            Attribute::Reference(path) => {
                return link::reference(&store.file, &format!("/{}", path.trim_matches('/'))).map(Self::Reference);
            }
            Attribute::Tensor(tensor) => tensor.clone(),
            Attribute::Json(value) => {
                if value.get(UNREADABLE).is_some() {
                    return Err(Error::unsupported("an attribute that could not be read cannot be written"));
                }
                Tensor::string(&value.to_string())
            }
            other => return Err(Error::unsupported(format!("HDF5 has no form for the attribute {other:?}"))),
        };
        let block = make::Block::new(&tensor, &store.file)?;
        Ok(Self::Values(Box::new((tensor, block))))
    }

    fn create(&self, object: &Object, name: &str) -> Result<()> {
        let (datatype, shape, bytes) = match self {
            Self::Null => (make::datatype(&DType::F64)?, Extent::Null, None),
            Self::Reference(reference) => (datatype::reference(Target::Object)?, scalar(), Some(reference.as_slice())),
            Self::Values(values) => {
                let (tensor, block) = &**values;
                let shape = tensor.shape().iter().map(|&len| len as u64).collect();
                let shape = Extent::Simple { shape, resizable: false };
                (make::datatype(tensor.dtype())?, shape, (!tensor.is_empty()).then(|| block.bytes()))
            }
        };
        attribute::create(&object.id, name, &datatype, &datatype, &shape, bytes)
    }
}

fn scalar() -> Extent {
    Extent::Simple { shape: Vec::new(), resizable: false }
}
