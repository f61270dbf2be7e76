//! Types for the library in which texts are the references that the file holds.

use anndata_storage::{Error, Result};

use crate::dtype::{Class, Node, TypeDescription as _};
use crate::raw::Id;
use crate::raw::datatype;
use crate::raw::reference;

/// The library's type of the same values with references in the place of texts: elements as
/// [`ByteCount::file`](crate::dtype::ByteCount::file) says.
pub(crate) fn with_references(memory: &Id, node: &Node) -> Result<Id> {
    match (node, memory.class()?) {
        (Node::Text, Class::VariableText) => reference::datatype(),
        (_, Class::Array { base, shape }) => {
            let shape = shape.iter().map(|&len| usize::try_from(len)).collect::<Result<Vec<_>, _>>();
            let shape = shape.map_err(|_| Error::invalid_data("an array within an element is too large"))?;
            datatype::array(&with_references(&base, node)?, &shape)
        }
        (Node::Record { size, fields }, Class::Compound(members)) => {
            let fields = members
                .iter()
                .zip(fields)
                .map(|(member, part)| {
                    let datatype = with_references(&member.datatype, &part.node)?;
                    Ok((member.name.as_str(), part.offset.file, datatype))
                })
                .collect::<Result<Vec<_>>>()?;
            datatype::record(&fields, size.file)
        }
        _ => datatype::copy(memory),
    }
}
