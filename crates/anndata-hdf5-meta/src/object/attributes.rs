//! The attributes of an object.

use std::collections::HashSet;

use super::Object;
use crate::btree_v2::{Records, Tree};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::fractal_heap::FractalHeap;
use crate::limits::Action;
use crate::message::attribute::{self, SECTION};
use crate::message::{attribute_info, dataspace::Dataspace, datatype::Datatype};
use crate::object_header::kind;
use crate::reader::Reader;

/// An attribute, or why it cannot be read.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AttributeEntry {
    /// Its name, if that much could be read.
    pub name: Option<Vec<u8>>,
    /// What it is.
    pub value: Result<AttributeValue>,
}

/// What an attribute is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AttributeValue {
    /// The type of its elements.
    pub datatype: Datatype,
    /// Its shape.
    pub dataspace: Dataspace,
    /// Its elements as they are stored, one after the other. Values of any length are
    /// [references](crate::MetaFile::variable_length).
    pub bytes: Vec<u8>,
}

/// An attribute and its number in the order in which they were made.
type Numbered = (u32, AttributeEntry);

impl Object {
    /// The attributes of the object: in the order in which they were made where the object keeps it, else in that of the bytes
    /// of their names. One that cannot be read keeps no other from being read.
    ///
    /// # Errors
    /// If it is not known which attributes there are.
    pub fn attributes(&self) -> Result<Vec<AttributeEntry>> {
        let reader = self.context.reader(Action::Attributes, self.address);
        let mut found: Vec<Numbered> = Vec::new();
        for message in self.header.messages() {
            let fields = message.cursor();
            match message.kind {
                kind::ATTRIBUTE => {
                    let parse = |fields: &Cursor<'_>| Ok(self.attribute(&reader, fields));
                    let entry = self.context.message(&reader, kind::ATTRIBUTE, &fields, message.is_shared(), parse);
                    found.push((message.creation.into(), entry.unwrap_or_else(AttributeEntry::unreadable)));
                }
                kind::ATTRIBUTE_INFO => self.dense(&reader, &fields, &mut found)?,
                _ => {}
            }
        }
        if self.header.attribute_order {
            found.sort_by_key(|&(creation, _)| creation);
        } else {
            // Those whose name is not known come last.
            found.sort_by(|(_, a), (_, b)| a.name.is_none().cmp(&b.name.is_none()).then_with(|| a.name.cmp(&b.name)));
        }
        let mut entries: Vec<AttributeEntry> = found.into_iter().map(|(_, entry)| entry).collect();
        mark_twins(&mut entries);
        if let Some(limit) = entries.iter().find_map(|entry| entry.value.as_ref().err().filter(|error| is_limit(error)))
        {
            return Err(limit.clone());
        }
        Ok(entries)
    }

    /// Attributes in a heap.
    fn dense(&self, reader: &Reader<'_>, fields: &Cursor<'_>, found: &mut Vec<Numbered>) -> Result<()> {
        let Some((heap, names)) = attribute_info::dense(fields)? else { return Ok(()) };
        let heap = FractalHeap::open(reader, heap)?;
        Tree::open(reader, names, Records::AttributeNames)?.visit(reader, &mut |mut record| {
            let id = record.take(8)?;
            let (flags, creation) = (record.u8()?, record.u32()?);
            let parse = |fields: &Cursor<'_>| Ok(self.attribute(reader, fields));
            let entry = if flags & 2 != 0 {
                self.context.in_heap(reader, kind::ATTRIBUTE, id, parse)
            } else {
                heap.get(reader, id).and_then(|(bytes, origin)| {
                    reader.charge(SECTION, bytes.len() as u64)?;
                    parse(&Cursor::new(&bytes, origin, reader.widths(), SECTION))
                })
            };
            match entry {
                Err(error) if is_limit(&error) => return Err(error),
                entry => found.push((creation, entry.unwrap_or_else(AttributeEntry::unreadable))),
            }
            Ok(())
        })
    }

    /// One attribute.
    fn attribute(&self, reader: &Reader<'_>, fields: &Cursor<'_>) -> AttributeEntry {
        let name = attribute::name(fields).ok().map(<[u8]>::to_vec);
        AttributeEntry { name, value: self.attribute_value(reader, fields) }
    }

    fn attribute_value(&self, reader: &Reader<'_>, fields: &Cursor<'_>) -> Result<AttributeValue> {
        let parts = attribute::parse(fields)?;
        let (of_type, of_space) = (&parts.datatype, &parts.dataspace);
        let datatype =
            self.context.message(reader, kind::DATATYPE, &of_type.fields, of_type.shared, Datatype::parse)?;
        let dataspace =
            self.context.message(reader, kind::DATASPACE, &of_space.fields, of_space.shared, Dataspace::parse)?;
        let count = dataspace.count().and_then(|count| usize::try_from(count).ok());
        let len = count.and_then(|count| count.checked_mul(datatype.size));
        let bytes = len.and_then(|len| parts.value.rest().get(..len));
        let bytes = bytes.ok_or_else(|| {
            let (shape, size, left) = (dataspace.shape(), datatype.size, parts.value.left());
            parts.value.malformed(format!("elements of {size} bytes in the shape {shape:?} are more than {left} bytes"))
        })?;
        let bytes = bytes.to_vec();
        Ok(AttributeValue { datatype, dataspace, bytes })
    }
}

impl AttributeEntry {
    fn unreadable(error: Error) -> Self {
        Self { name: None, value: Err(error) }
    }
}

fn is_limit(error: &Error) -> bool {
    error.kind() == ErrorKind::LimitExceeded
}

/// Of several attributes of one name the first stays.
fn mark_twins(entries: &mut [AttributeEntry]) {
    let mut names = HashSet::new();
    for entry in entries {
        if let Some(name) = &entry.name
            && !names.insert(name.clone())
        {
            let message = format!("another attribute is called '{}' as well", name.escape_ascii());
            entry.value = Err(Error::malformed(SECTION, message));
        }
    }
}
