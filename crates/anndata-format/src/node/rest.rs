//! What an append that was cut short has left behind the end of a matrix.
//!
//! An append marks the matrix first; values, indices and offsets are stored then, and the shape last, with which the mark goes. As long
//! as it is there the matrix is the old one: what is beyond the shape, and beyond the last offset, is none of it.

use std::borrow::Cow;

use anndata_storage::{Error, Result};

use super::{ArrayNode, GroupNode, Node};
use crate::SparseFormat;
use anndata_array::sparse::to_offsets;

/// The attribute of a matrix that is being appended to.
pub(crate) const APPENDING: &str = "anndata-rs-appending";

/// Cuts the matrices of a tree, before all that is in it is read.
pub(super) fn cut_all(node: &mut Node) -> Result<()> {
    let format = match node.text_attribute("encoding-type").ok().flatten().as_deref() {
        Some("csr_matrix") => Some(SparseFormat::Csr),
        Some("csc_matrix") => Some(SparseFormat::Csc),
        _ => None,
    };
    if let Some(format) = format {
        if let Cow::Owned(cut) = without_rest(node, format, "shape")? {
            *node = cut;
        }
        return Ok(());
    }
    let Node::Group(group) = node else { return Ok(()) };
    group.children.values_mut().try_for_each(cut_all)
}

/// The tree of a matrix without what is behind its end, and without the mark. One without a mark is left as it is, and so is one whose
/// arrays are not there, or have less than they must.
pub(crate) fn without_rest<'n>(node: &'n Node, format: SparseFormat, shape_attribute: &str) -> Result<Cow<'n, Node>> {
    if !node.attributes().contains_key(APPENDING) {
        return Ok(Cow::Borrowed(node));
    }
    let (Ok(group), Ok(Some(shape))) = (node.as_group(), node.lengths_attribute(shape_attribute)) else {
        return Ok(Cow::Borrowed(node));
    };
    let axis = usize::from(format == SparseFormat::Csc);
    let array = |key: &str| group.child(key).and_then(Node::as_array).ok();
    let (Some(&major), Some(data), Some(indices), Some(indptr)) =
        (shape.get(axis), array("data"), array("indices"), array("indptr"))
    else {
        return Ok(Cow::Borrowed(node));
    };
    let major = major as u64;
    let (Some(values), Some(positions), Some(offsets)) = (length(data), length(indices), length(indptr)) else {
        return Ok(Cow::Borrowed(node));
    };
    if offsets <= major {
        return Ok(Cow::Borrowed(node));
    }
    let end = indptr.read_rows(major, 1).and_then(|end| to_offsets(&end).map_err(Error::of_stored));
    let end = end.map_err(|error| error.at(&indptr.path))?;
    let Some(end) = end.first().map(|&end| end as u64).filter(|&end| end <= values && end <= positions) else {
        return Ok(Cow::Borrowed(node));
    };
    let cut = |array: &ArrayNode, len: u64| {
        let cut = array.select_runs(std::iter::once(0..len).collect())?;
        Ok::<_, Error>(Node::Array(cut))
    };
    let mut group = GroupNode::clone(group);
    group.attributes.shift_remove(APPENDING);
    for (key, part) in [("data", cut(data, end)?), ("indices", cut(indices, end)?), ("indptr", cut(indptr, major + 1)?)]
    {
        group.children.insert(key.to_owned(), part);
    }
    Ok(Cow::Owned(Node::Group(group)))
}

/// The length of an array of one dimension.
fn length(array: &ArrayNode) -> Option<u64> {
    match *array.spec.shape.as_slice() {
        [len] => Some(len),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Element, Group, MemoryStore, SparseDataset, SparseMatrix, Tensor, io};

    fn matrix(format: SparseFormat) -> Result<SparseMatrix> {
        let dense = Tensor::from_vec([3, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 0.0, 3.0, 4.0, 5.0, 0.0])?;
        SparseMatrix::from_dense(&dense, format)
    }

    /// A matrix after which some of its arrays have grown.
    fn cut_short(format: SparseFormat, grown: &[&str]) -> Result<Group> {
        let root = Group::root(Arc::new(MemoryStore::new()));
        io::write_elem(&root, "X", &matrix(format)?.into(), &io::ElemWriteOptions::default())?;
        for key in grown {
            let array = root.array(&format!("X/{key}"))?;
            array.resize(&[array.shape().iter().sum::<u64>() + 4])?;
        }
        root.group("X")?.set_attribute(APPENDING, true)?;
        Ok(root)
    }

    #[test]
    fn what_is_behind_the_end_is_not_read() -> Result<()> {
        for format in [SparseFormat::Csr, SparseFormat::Csc] {
            let expected = matrix(format)?;
            for grown in
                [&["data"][..], &["indices"], &["data", "indices"], &["data", "indices", "indptr"], &["indptr"], &[]]
            {
                let root = cut_short(format, grown)?;
                let read = io::read_elem(&root, "X", &io::ElemReadOptions::default())?;
                assert_eq!(read, Element::from(expected.clone()), "{format}, {grown:?}");
                let mut stored = SparseDataset::open(&root, "X")?;
                assert_eq!(stored.to_memory()?, expected, "{format}, {grown:?}");
                assert_eq!(stored.select([2, 0], [0, 1])?.to_dense()?.as_slice::<f32>()?, [4.0, 5.0, 1.0, 0.0]);
                // As a conversion copies it.
                let copy = Group::root(Arc::new(MemoryStore::new()));
                let lazy = io::read_elem(&root, "X", &io::ElemReadOptions::default().with_lazy(true))?;
                io::write_elem(&copy, "X", &lazy, &io::ElemWriteOptions::default())?;
                assert_eq!(SparseDataset::open(&copy, "X")?.to_memory()?, expected, "{format}, {grown:?}");
                // The next append takes its place.
                stored.append(&expected)?;
                assert_eq!(stored.to_memory()?, SparseMatrix::concat_major(&[expected.clone(), expected.clone()])?);
                assert_eq!(root.array("X/data")?.shape(), [10], "{format}, {grown:?}");
                assert!(!root.group("X")?.attributes()?.contains_key(APPENDING));
            }
        }
        Ok(())
    }

    #[test]
    fn arrays_that_do_not_fit_each_other_are_an_error_without_the_mark() -> Result<()> {
        for grown in ["data", "indices", "indptr"] {
            let root = cut_short(SparseFormat::Csr, &[grown])?;
            let matrix = root.group("X")?;
            let mut attributes = matrix.attributes()?;
            attributes.shift_remove(APPENDING);
            matrix.set_attributes(&attributes)?;
            let error = io::read_elem(&root, "X", &io::ElemReadOptions::default()).unwrap_err();
            assert_eq!(error.kind(), anndata_storage::ErrorKind::InvalidData, "{grown}: {error}");
            let error = SparseDataset::open(&root, "X")?.select([0], ..).unwrap_err();
            assert_eq!(error.kind(), anndata_storage::ErrorKind::InvalidData, "{grown}: {error}");
        }
        Ok(())
    }

    #[test]
    fn a_matrix_that_lacks_something_is_an_error() -> Result<()> {
        for (key, len) in [("data", 3), ("indices", 4), ("indptr", 3)] {
            let root = cut_short(SparseFormat::Csr, &[])?;
            root.array(&format!("X/{key}"))?.resize(&[len])?;
            let error = io::read_elem(&root, "X", &io::ElemReadOptions::default()).unwrap_err();
            assert_eq!(error.kind(), anndata_storage::ErrorKind::InvalidData, "{key}: {error}");
        }
        Ok(())
    }
}
