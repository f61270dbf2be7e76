//! Where the parts of a stored sparse matrix are, and what they declare.

use anndata_storage::{Attribute, Error, Result, Tensor};

use crate::node::{ArrayNode, Node};

/// About the most bytes of a dense matrix that are in memory while it is made sparse.
pub(crate) const BLOCK_BYTES: u64 = 64 << 20;

/// The value of the attribute that declares a shape.
pub(crate) fn shape_value((rows, columns): (usize, usize)) -> Result<Attribute> {
    let len = |len: usize| {
        i64::try_from(len).map_err(|_| Error::unsupported(format!("an axis of {len} is longer than a file can store")))
    };
    Ok(Attribute::Tensor(Tensor::from_vec([2], vec![len(rows)?, len(columns)?])?))
}

/// The length of an array that has one dimension.
pub(super) fn one_dimension(array: &ArrayNode) -> Result<usize> {
    match *array.shape()?.as_slice() {
        [len] => Ok(len),
        ref shape => Err(Error::bug(format!("an array of shape {shape:?} that was checked for one dimension"))),
    }
}

/// The shape that an attribute declares.
pub(crate) fn declared_shape(node: &Node, attribute: &str) -> Result<(usize, usize)> {
    match node.lengths_attribute(attribute)?.as_deref() {
        Some(&[rows, columns]) => Ok((rows, columns)),
        Some(other) => Err(Error::invalid_data(format!("attribute '{attribute}' is {other:?}, not two lengths"))),
        None => Err(Error::invalid_data(format!("attribute '{attribute}' is missing"))),
    }
}
