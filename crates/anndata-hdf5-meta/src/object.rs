//! [`Object`]: a group, an array or a named datatype.

mod attributes;
mod dataset;
mod links;
mod resolve;

use std::fmt;
use std::sync::Arc;

use crate::context::Context;
use crate::error::{Error, Result, Section};
use crate::limits::Action;
use crate::object_header::{ObjectHeader, kind};

pub use attributes::{AttributeEntry, AttributeValue};

const SECTION: Section = Section::new("object header", "IV.A.1");

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// Members with names.
    Group,
    /// An array.
    Dataset,
    /// A type that others refer to.
    NamedDatatype,
}

/// A group, an array or a named datatype of a file.
///
/// What it has is parsed when it is asked for, so that damage to one part of it keeps no other from being read.
#[derive(Clone)]
pub struct Object {
    context: Arc<Context>,
    address: u64,
    header: Arc<ObjectHeader>,
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Object {
    /// Reads the header at an address.
    pub(crate) fn open(context: &Arc<Context>, address: u64) -> Result<Self> {
        let reader = context.reader(Action::Open, address);
        let header = context.header(&reader, address)?;
        Ok(Self { context: Arc::clone(context), address, header })
    }

    /// The address of its header, which only this object has: what hard links and object references hold.
    pub fn address(&self) -> u64 {
        self.address
    }

    /// What it is.
    ///
    /// # Errors
    /// [`Malformed`](crate::ErrorKind::Malformed) if its header says none of the three.
    pub fn kind(&self) -> Result<ObjectKind> {
        let has = |kind| self.header.find(kind).is_some();
        if has(kind::SYMBOL_TABLE) || has(kind::LINK_INFO) {
            return Ok(ObjectKind::Group);
        }
        match (has(kind::DATATYPE), has(kind::DATASPACE)) {
            (true, true) => Ok(ObjectKind::Dataset),
            (true, false) => Ok(ObjectKind::NamedDatatype),
            _ => Err(Error::malformed(SECTION, "is neither a group nor an array nor a type").at(self
                .context
                .store()
                .base
                .saturating_add(self.address))),
        }
    }
}
