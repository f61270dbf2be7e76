//! The object that dangers are made in, and the changes that make them.

use anndata::awkward::Awkward;
use anndata::io::{self, ElemWriteOptions};
use anndata::node::{Node, NodeWriteOptions};
use anndata::{
    AnnData, ArraySpec, Attribute, Column, DataFrame, Element, Group, NaValue, Raw, Result, SparseFormat, SparseMatrix,
    Tensor,
};
use anndata_tests::stores;

/// A small object with everything in it that a danger below needs.
pub(crate) fn good() -> Result<Group> {
    let csr = || {
        let data = Tensor::from_vec([4], vec![1.0_f32, 2.0, 3.0, 4.0])?;
        let (indices, indptr) =
            (Tensor::from_vec([4], vec![0_i32, 2, 1, 3])?, Tensor::from_vec([4], vec![0_i32, 2, 3, 4])?);
        SparseMatrix::new(SparseFormat::Csr, (3, 4), data, indices, indptr)
    };
    let obs = DataFrame::new(["c1", "c2", "c3"])
        .with_column("n", vec![1_i64, 2, 3])?
        .with_column("kind", Column::categorical_from_strings(["a", "b", "a"])?)?
        .with_column(
            "age",
            Column::nullable(&Tensor::from_vec([3], vec![7_i64, 0, 9])?, &[false, true, false], NaValue::Na)?,
        )?;
    let form = r#"{"class": "ListOffsetArray", "offsets": "i64", "form_key": "node0", "content":
        {"class": "NumpyArray", "primitive": "int64", "form_key": "node1"}}"#;
    let buffers = [
        ("node0-offsets".to_owned(), Tensor::from_vec([4], vec![0_i64, 1, 1, 2])?),
        ("node1-data".to_owned(), Tensor::from_vec([2], vec![5_i64, 6])?),
    ];
    let raw = Raw::new(Some(csr()?.into()), DataFrame::new(["A", "B", "C", "D"]), anndata::Mapping::new())?;
    let adata = AnnData::builder()
        .x(csr()?)
        .layer("counts", Tensor::from_vec([3, 4], vec![1_i32; 12])?)
        .obs(obs)
        .var(DataFrame::new(["A", "B", "C", "D"]))
        .obsm("X_pca", Tensor::from_vec([3, 2], vec![0.5_f64; 6])?)
        .obsm("lists", Element::Awkward(Awkward::new(form, 3, buffers.into_iter().collect())?))
        .obsp("near", Tensor::from_vec([3, 3], vec![1_u8; 9])?)
        .uns("method", "umap")
        .uns("resolution", 0.8)
        .uns("table", DataFrame::new(["x", "x"]).with_column("v", vec![1_u8, 2])?)
        .raw(raw)
        .build()?;
    let root = stores::memory();
    io::write_anndata(&root, &adata, &ElemWriteOptions::default())?;
    Ok(root)
}

/// Puts values where others were, with the same attributes.
pub(crate) fn put(root: &Group, path: &str, values: &Tensor) -> Result<()> {
    let attributes = root.array(path).and_then(|array| array.attributes()).unwrap_or_default();
    if root.contains(path)? {
        root.remove(path)?;
    }
    let array = root.create_array(path, &ArraySpec::of(values))?;
    array.write(&vec![0; values.ndim()], values)?;
    array.set_attributes(&attributes)
}

/// Sets an attribute, or removes it.
pub(crate) fn set(root: &Group, path: &str, name: &str, value: Option<Attribute>) -> Result<()> {
    let (group, array) = (root.group(path), root.array(path));
    let mut attributes = group.as_ref().map_or_else(|_| array.as_ref().unwrap().attributes(), Group::attributes)?;
    match value {
        Some(value) => drop(attributes.insert(name.to_owned(), value)),
        None => drop(attributes.shift_remove(name)),
    }
    match (group, array) {
        (Ok(group), _) => group.set_attributes(&attributes),
        (_, Ok(array)) => array.set_attributes(&attributes),
        (Err(error), _) => Err(error),
    }
}

pub(crate) fn i32s(values: &[i32]) -> Tensor {
    Tensor::from_vec([values.len()], values.to_vec()).unwrap()
}

pub(crate) fn texts(values: &[&str]) -> Tensor {
    Tensor::from_strings([values.len()], values).unwrap()
}

/// Removes the attributes that name the encoding of an element.
pub(crate) fn unmark(root: &Group, path: &str) -> Result<()> {
    set(root, path, "encoding-type", None)?;
    set(root, path, "encoding-version", None)
}

/// Puts a copy of an element at another path.
pub(crate) fn copy(root: &Group, from: &str, to: &str) -> Result<()> {
    Node::open(root, from)?.write(root, to, &NodeWriteOptions::default())
}
