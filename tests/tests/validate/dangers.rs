//! Dangers, each made in the good object, and all that is found of it, in memory and in files.

// Long file: the table of dangers, with what is found of each.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anndata::hdf5::write_atomic;
use anndata::io;
use anndata::node::{Node, NodeWriteOptions};
use anndata::validate::rules;
use anndata::zarr::ZarrStore;
use anndata::{
    ArraySpec, DType, Group, Report, Result, Tensor, ValidateOptions, ZarrFormat, ZarrOptions, validate, validate_path,
};

use crate::object::{copy, good, i32s, put, set, texts, unmark};
use crate::{MALFORMED, errors, found};

/// What is done to the good object, and what is found then: paths and rules.
type Danger = (&'static str, fn(&Group) -> Result<()>, &'static [(&'static str, &'static str)]);

const DANGERS: &[Danger] = &[
    ("nothing", |_| Ok(()), &[]),
    // Any element.
    ("no encoding", |root| unmark(root, "uns/method"), &[("uns/method", "encoding-missing")]),
    (
        "a version of no encoding",
        |root| set(root, "uns/method", "encoding-type", None),
        &[("uns/method", "encoding-type-missing")],
    ),
    (
        "an encoding with a dimension",
        |root| set(root, "X", "encoding-type", Some(texts(&["csr_matrix"]).into())),
        &[("X", "attribute-type")],
    ),
    (
        "no encoding of a group and what is in it",
        |root| {
            unmark(root, "obsm")?;
            unmark(root, "obsm/X_pca")
        },
        &[("obsm", "encoding-missing")],
    ),
    (
        "no version",
        |root| set(root, "uns/method", "encoding-version", None),
        &[("uns/method", "encoding-version-missing")],
    ),
    (
        "unknown version",
        |root| set(root, "obs/n", "encoding-version", Some("9".into())),
        &[("obs/n", "encoding-unknown")],
    ),
    ("unknown encoding", |root| set(root, "X", "encoding-type", Some("coo".into())), &[("X", "encoding-unknown")]),
    (
        "encoding of a wrong type",
        |root| set(root, "X", "encoding-type", Some(1_i64.into())),
        &[("X", "attribute-type")],
    ),
    ("note", |root| set(root, "X", "note", Some("mine".into())), &[("X", "attribute-unplaced")]),
    (
        "array for a group",
        |root| set(root, "uns", "encoding-type", Some("array".into())),
        &[("uns", "encoding-unknown"), ("uns", "slot-kind")],
    ),
    // The object.
    ("another root", |root| set(root, "", "encoding-type", Some("dict".into())), &[("", "not-anndata")]),
    ("an old root", |root| unmark(root, ""), &[("", "legacy-layout")]),
    (
        "a root with a version alone",
        |root| set(root, "", "encoding-type", None),
        &[("", "encoding-type-missing"), ("", "legacy-layout")],
    ),
    ("no obs", |root| root.remove("obs"), &[("", "member-missing")]),
    (
        "obs is a mapping",
        |root| set(root, "obs", "encoding-type", Some("dict".into())),
        &[("obs", "encoding-unknown"), ("obs", "slot-kind")],
    ),
    (
        "X of text",
        |root| {
            root.remove("X")?;
            put(root, "X", &Tensor::from_strings([3, 4], ["a"; 12])?)?;
            set(root, "X", "encoding-type", Some("string-array".into()))?;
            set(root, "X", "encoding-version", Some("0.2.0".into()))
        },
        &[("X", "slot-unusual"), ("X", "matrix-dtype")],
    ),
    (
        "layer of text",
        |root| put(root, "layers/counts", &Tensor::from_strings([3, 4], ["a"; 12])?),
        &[("layers/counts", "array-dtype"), ("layers/counts", "matrix-dtype")],
    ),
    (
        "layer of another shape",
        |root| put(root, "layers/counts", &Tensor::from_vec([4, 3], vec![1_i32; 12])?),
        &[("layers/counts", "slot-shape")],
    ),
    (
        "layer of three dimensions",
        |root| put(root, "layers/counts", &Tensor::from_vec([3, 4, 1], vec![1_i32; 12])?),
        &[("layers/counts", "slot-shape")],
    ),
    (
        "obsm of too many rows",
        |root| put(root, "obsm/X_pca", &Tensor::from_vec([4, 1], vec![1_i32; 4])?),
        &[("obsm/X_pca", "slot-shape")],
    ),
    ("obsm of two columns more", |root| put(root, "obsm/X_pca", &Tensor::from_vec([3, 4], vec![1_i32; 12])?), &[]),
    ("a text in obsm", |root| root.rename("uns/method", "obsm/method"), &[("obsm/method", "slot-kind")]),
    ("a mapping in obsm", |root| root.rename("layers", "obsm/layers"), &[("obsm/layers", "slot-kind")]),
    ("a categorical in obsm", |root| copy(root, "obs/kind", "obsm/kind"), &[("obsm/kind", "slot-unusual")]),
    (
        "obsp that is not square",
        |root| put(root, "obsp/near", &Tensor::from_vec([3, 2], vec![1_i32; 6])?),
        &[("obsp/near", "slot-shape")],
    ),
    (
        "uns is an array",
        |root| {
            root.remove("uns")?;
            put(root, "uns", &i32s(&[1]))?;
            set(root, "uns", "encoding-type", Some("array".into()))?;
            set(root, "uns", "encoding-version", Some("0.2.0".into()))
        },
        &[("uns", "slot-kind")],
    ),
    ("something beside the slots", |root| root.rename("uns/method", "method"), &[("method", "member-unknown")]),
    (
        "something beside the slots of raw",
        |root| root.rename("uns/method", "raw/method"),
        &[("raw/method", "member-ignored")],
    ),
    ("raw that does not say what it is", |root| unmark(root, "raw"), &[("raw", "encoding-missing")]),
    (
        "raw of an unknown encoding",
        |root| set(root, "raw", "encoding-type", Some("other".into())),
        &[("raw", "encoding-unknown")],
    ),
    (
        "nothing in obsm",
        |root| {
            root.create_array("obsm/none", &ArraySpec::null(DType::F32))?;
            set(root, "obsm/none", "encoding-type", Some("null".into()))?;
            set(root, "obsm/none", "encoding-version", Some("0.1.0".into()))
        },
        &[("obsm/none", "slot-kind")],
    ),
    ("a frame with the names in obsm", |root| copy(root, "obs", "obsm/frame"), &[]),
    (
        "a frame with another name in obsm",
        |root| {
            copy(root, "obs", "obsm/frame")?;
            put(root, "obsm/frame/_index", &texts(&["c1", "c2", "c4"]))
        },
        &[("obsm/frame", "slot-index")],
    ),
    (
        "a frame with the names in another order in obsm",
        |root| {
            copy(root, "obs", "obsm/frame")?;
            put(root, "obsm/frame/_index", &texts(&["c2", "c1", "c3"]))
        },
        &[("obsm/frame", "slot-index")],
    ),
    (
        "a frame with numbers for names in obsm",
        |root| {
            put(root, "obs/_index", &texts(&["0", "1", "2"]))?;
            copy(root, "obs", "obsm/frame")?;
            put(root, "obsm/frame/_index", &i32s(&[0, 1, 2]))?;
            set(root, "obsm/frame/_index", "encoding-type", Some("array".into()))
        },
        &[("obsm/frame", "slot-index")],
    ),
    (
        "a frame with the names of obs in varm of raw",
        |root| {
            copy(root, "var", "raw/varm/frame")?;
            put(root, "raw/varm/frame/_index", &texts(&["A", "B", "C", "E"]))
        },
        &[("raw/varm/frame", "slot-index")],
    ),
    (
        "names that repeat",
        |root| put(root, "obs/_index", &texts(&["a", "b", "a"])),
        &[("obs/_index", "names-repeated")],
    ),
    ("an empty name", |root| put(root, "var/_index", &texts(&["a", "b", "", "c"])), &[("var/_index", "names-empty")]),
    (
        "names of raw that repeat",
        |root| put(root, "raw/var/_index", &texts(&["a", "b", "b", "b"])),
        &[("raw/var/_index", "names-repeated")],
    ),
    (
        "names that are numbers",
        |root| {
            put(root, "var/_index", &i32s(&[1, 2, 3, 3]))?;
            set(root, "var/_index", "encoding-type", Some("array".into()))
        },
        &[("var/_index", "names-not-text"), ("var/_index", "names-repeated")],
    ),
    (
        "names that are missing",
        |root| {
            set(root, "obs", "_index", Some("age".into()))?;
            set(root, "obs", "column-order", Some(texts(&["n", "kind"]).into()))
        },
        &[("obs/_index", "column-unlisted"), ("obs/age", "names-not-text"), ("obs/age", "names-missing")],
    ),
    (
        "names that are categories",
        |root| {
            set(root, "obs", "_index", Some("kind".into()))?;
            set(root, "obs", "column-order", Some(texts(&["n", "age", "_index"]).into()))
        },
        &[("obs", "column-name-reserved"), ("obs/kind", "names-repeated")],
    ),
    (
        "raw of other observations",
        |root| {
            put(root, "raw/X/indptr", &i32s(&[0, 2, 4]))?;
            set(root, "raw/X", "shape", Some(Tensor::from_vec([2], vec![2_i64, 4])?.into()))
        },
        &[("raw/X", "slot-shape")],
    ),
    (
        "raw of other variables",
        |root| {
            root.remove("raw/var")?;
            Node::open(root, "obs")?.write(root, "raw/var", &NodeWriteOptions::default())
        },
        &[("raw/X", "slot-shape")],
    ),
    ("raw without var", |root| root.remove("raw/var"), &[("raw", "member-missing")]),
    (
        "raw twice",
        |root| {
            Node::open(root, "raw/X")?.write(root, "raw.X", &NodeWriteOptions::default())?;
            Node::open(root, "raw/var")?.write(root, "raw.var", &NodeWriteOptions::default())
        },
        &[("", "legacy-layout"), ("", "raw-twice")],
    ),
    (
        "raw without a matrix",
        |root| {
            root.remove("raw/X")?;
            root.create_array("raw/X", &ArraySpec::null(DType::F32))?;
            set(root, "raw/X", "encoding-type", Some("null".into()))?;
            set(root, "raw/X", "encoding-version", Some("0.1.0".into()))
        },
        &[("raw/X", "slot-kind")],
    ),
    (
        "raw is a text",
        |root| {
            root.remove("raw")?;
            root.rename("uns/method", "raw")
        },
        &[("raw", "slot-kind")],
    ),
    // Data frames.
    (
        "the name of an index with a dimension",
        |root| set(root, "obs", "_index", Some(texts(&["_index"]).into())),
        &[("obs", "attribute-type")],
    ),
    (
        "an index of an unknown encoding",
        |root| set(root, "obs/_index", "encoding-type", Some("other".into())),
        &[("obs/_index", "encoding-unknown")],
    ),
    ("a column of a single value", |root| put(root, "obs/n", &Tensor::scalar(1_i64)), &[("obs/n", "column-kind")]),
    (
        "a column of records",
        |root| put(root, "obs/n", &Tensor::from_fields([3], vec![("a", i32s(&[1, 2, 3])), ("b", i32s(&[1, 2, 3]))])?),
        &[("obs/n", "array-dtype"), ("obs/n", "column-kind")],
    ),
    ("no index", |root| set(root, "obs", "_index", None), &[("obs", "attribute-missing")]),
    ("an index that is absent", |root| root.remove("obs/_index"), &[("obs", "column-absent")]),
    ("no order of columns", |root| set(root, "obs", "column-order", None), &[("obs", "attribute-missing")]),
    ("a column that is absent", |root| root.remove("obs/n"), &[("obs", "column-absent")]),
    (
        "a column named twice",
        |root| set(root, "obs", "column-order", Some(texts(&["n", "kind", "n", "age"]).into())),
        &[("obs", "column-repeated")],
    ),
    (
        "a column that is not named",
        |root| set(root, "obs", "column-order", Some(texts(&["n", "kind"]).into())),
        &[("obs/age", "column-unlisted")],
    ),
    ("a column that is too long", |root| put(root, "obs/n", &i32s(&[1, 2, 3, 4])), &[("obs/n", "column-length")]),
    (
        "a column of two dimensions",
        |root| put(root, "obs/n", &Tensor::from_vec([3, 1], vec![1_i32; 3])?),
        &[("obs/n", "column-kind")],
    ),
    (
        "a column that is a mapping",
        |root| {
            root.remove("obs/n")?;
            Node::open(root, "layers")?.write(root, "obs/n", &NodeWriteOptions::default())
        },
        &[("obs/n", "column-kind")],
    ),
    (
        "a column with a slash",
        |root| {
            Node::open(root, "obs/n")?.write(root, "obs/per/cell", &NodeWriteOptions::default())?;
            set(root, "obs", "column-order", Some(texts(&["n", "kind", "age", "per/cell"]).into()))
        },
        &[("obs", "key-with-slash")],
    ),
    (
        "an array for a raw",
        |root| {
            root.remove("raw").ok();
            put(root, "raw", &i32s(&[1]))
        },
        &[("raw", "encoding-missing"), ("raw", "slot-kind")],
    ),
    (
        "a shape of two dimensions",
        |root| set(root, "X", "shape", Some(Tensor::from_vec([1, 2], vec![3_i64, 4])?.into())),
        &[("X", "sparse-shape")],
    ),
    // Categorical and nullable columns.
    ("no ordered", |root| set(root, "obs/kind", "ordered", None), &[("obs/kind", "attribute-missing")]),
    (
        "ordered is a text",
        |root| set(root, "obs/kind", "ordered", Some("yes".into())),
        &[("obs/kind", "attribute-type")],
    ),
    (
        "ordered with a dimension",
        |root| set(root, "obs/kind", "ordered", Some(Tensor::from_vec([1], vec![true])?.into())),
        &[("obs/kind", "attribute-dimensions")],
    ),
    (
        "categories that are records",
        |root| {
            let records = Tensor::from_fields([2], [("n", i32s(&[1, 2]))])?;
            put(root, "obs/kind/categories", &records)?;
            set(root, "obs/kind/categories", "encoding-type", Some("array".into()))?;
            set(root, "obs/kind/categories", "encoding-version", Some("0.2.0".into()))
        },
        &[("obs/kind/categories", "array-dtype"), ("obs/kind/categories", "categorical-categories")],
    ),
    (
        "codes of an unknown encoding",
        |root| set(root, "obs/kind/codes", "encoding-type", Some("junk".into())),
        &[("obs/kind/codes", "encoding-unknown")],
    ),
    (
        "codes of an encoding that is a number",
        |root| set(root, "obs/kind/codes", "encoding-type", Some(1_i64.into())),
        &[("obs/kind/codes", "attribute-type")],
    ),
    (
        "codes without a version",
        |root| set(root, "obs/kind/codes", "encoding-version", None),
        &[("obs/kind/codes", "encoding-version-missing")],
    ),
    ("codes without an encoding", |root| unmark(root, "obs/kind/codes"), &[("obs/kind/codes", "encoding-missing")]),
    (
        "codes that say that they are text",
        |root| set(root, "obs/kind/codes", "encoding-type", Some("string-array".into())),
        &[("obs/kind/codes", "part-encoding")],
    ),
    (
        "categories without an encoding",
        |root| unmark(root, "obs/kind/categories"),
        &[("obs/kind/categories", "encoding-missing")],
    ),
    (
        "categories that are a single value",
        |root| put(root, "obs/kind/categories", &Tensor::string("a")),
        &[("obs/kind/categories", "categorical-categories")],
    ),
    (
        "values of an unknown encoding",
        |root| set(root, "obs/age/values", "encoding-type", Some("junk".into())),
        &[("obs/age/values", "encoding-unknown")],
    ),
    (
        "a mask that says that it is one value",
        |root| set(root, "obs/age/mask", "encoding-type", Some("numeric-scalar".into())),
        &[("obs/age/mask", "part-encoding"), ("obs/age/mask", "scalar-size")],
    ),
    ("no codes", |root| root.remove("obs/kind/codes"), &[("obs/kind", "member-missing")]),
    ("no categories", |root| root.remove("obs/kind/categories"), &[("obs/kind", "member-missing")]),
    (
        "a code too large",
        |root| put(root, "obs/kind/codes", &i32s(&[0, 2, 1])),
        &[("obs/kind/codes", "categorical-code-out-of-range")],
    ),
    (
        "a code too small",
        |root| put(root, "obs/kind/codes", &i32s(&[0, -2, 1])),
        &[("obs/kind/codes", "categorical-code-out-of-range")],
    ),
    ("a missing code", |root| put(root, "obs/kind/codes", &i32s(&[0, -1, 1])), &[]),
    (
        "codes of floats",
        |root| put(root, "obs/kind/codes", &Tensor::from_vec([3], vec![0.0_f32; 3])?),
        &[("obs/kind/codes", "categorical-codes")],
    ),
    ("too many codes", |root| put(root, "obs/kind/codes", &i32s(&[0, 1, 1, 1])), &[("obs/kind", "column-length")]),
    (
        "categories that repeat",
        |root| put(root, "obs/kind/categories", &texts(&["a", "a"])),
        &[("obs/kind/categories", "categories-repeated")],
    ),
    (
        "categories of two dimensions",
        |root| put(root, "obs/kind/categories", &Tensor::from_strings([1, 2], ["a", "b"])?),
        &[("obs/kind/categories", "categorical-categories")],
    ),
    (
        "a category that is not a number",
        |root| {
            put(root, "obs/kind/categories", &Tensor::from_vec([2], vec![1.0, f64::NAN])?)?;
            set(root, "obs/kind/categories", "encoding-type", Some("array".into()))
        },
        &[("obs/kind/categories", "categories-missing-value")],
    ),
    (
        "categories of half precision",
        |root| {
            put(root, "obs/kind/categories", &Tensor::from_vec([2], vec![1.0_f32, 2.0])?.cast(&DType::F16)?)?;
            set(root, "obs/kind/categories", "encoding-type", Some("array".into()))
        },
        &[("obs/kind/categories", "index-half")],
    ),
    ("a mask of integers", |root| put(root, "obs/age/mask", &i32s(&[0, 1, 0])), &[("obs/age/mask", "nullable-mask")]),
    (
        "a mask that is too short",
        |root| put(root, "obs/age/mask", &Tensor::from_vec([2], vec![true, false])?),
        &[("obs/age/mask", "nullable-mask")],
    ),
    ("no mask", |root| root.remove("obs/age/mask"), &[("obs/age", "member-missing")]),
    (
        "values of floats",
        |root| put(root, "obs/age/values", &Tensor::from_vec([3], vec![0.5_f32; 3])?),
        &[("obs/age/values", "nullable-values")],
    ),
    (
        "a missing value of a kind of its own",
        |root| set(root, "obs/age", "na-value", Some("NULL".into())),
        &[("obs/age", "na-value-unknown")],
    ),
    // Sparse matrices.
    ("no shape", |root| set(root, "X", "shape", None), &[("X", "attribute-missing")]),
    ("a shape of one length", |root| set(root, "X", "shape", Some(3_i64.into())), &[("X", "sparse-shape")]),
    ("no indices", |root| root.remove("X/indices"), &[("X", "member-missing")]),
    (
        "an index too large",
        |root| put(root, "X/indices", &i32s(&[0, 2, 1, 4])),
        &[("X/indices", "sparse-index-out-of-range")],
    ),
    (
        "an index too small",
        |root| put(root, "X/indices", &i32s(&[0, 2, -1, 3])),
        &[("X/indices", "sparse-index-out-of-range")],
    ),
    (
        "indices that are not sorted",
        |root| put(root, "X/indices", &i32s(&[2, 0, 1, 3])),
        &[("X/indices", "sparse-indices-unsorted")],
    ),
    (
        "indices that repeat",
        |root| put(root, "X/indices", &i32s(&[2, 2, 1, 3])),
        &[("X/indices", "sparse-indices-repeated")],
    ),
    ("too few offsets", |root| put(root, "X/indptr", &i32s(&[0, 2, 4])), &[("X/indptr", "sparse-indptr")]),
    ("offsets that decrease", |root| put(root, "X/indptr", &i32s(&[0, 3, 2, 4])), &[("X/indptr", "sparse-indptr")]),
    ("a negative offset", |root| put(root, "X/indptr", &i32s(&[0, -2, 2, 4])), &[("X/indptr", "sparse-indptr")]),
    (
        "offsets of floats",
        |root| put(root, "X/indptr", &Tensor::from_vec([4], vec![0.0_f64, 2.0, 3.0, 4.0])?),
        &[("X/indptr", "sparse-arrays")],
    ),
    ("offsets that end early", |root| put(root, "X/indptr", &i32s(&[0, 1, 2, 3])), &[("X", "sparse-values-unused")]),
    (
        "too many values",
        |root| put(root, "X/data", &Tensor::from_vec([5], vec![0.5_f32; 5])?),
        &[("X", "sparse-arrays")],
    ),
    (
        "values of half precision",
        |root| put(root, "X/data", &Tensor::from_vec([4], vec![1.0_f32; 4])?.cast(&DType::F16)?),
        &[("X/data", "sparse-half")],
    ),
    ("values of text", |root| put(root, "X/data", &texts(&["a", "b", "c", "d"])), &[("X/data", "sparse-arrays")]),
    (
        "several at once",
        |root| {
            put(root, "X/indices", &i32s(&[7, 7, 1, 3]))?;
            put(root, "obs/kind/codes", &i32s(&[0, 2, 1]))?;
            set(root, "uns/method", "encoding-version", None)
        },
        &[
            ("X/indices", "sparse-index-out-of-range"),
            ("X/indices", "sparse-indices-repeated"),
            ("obs/kind/codes", "categorical-code-out-of-range"),
            ("uns/method", "encoding-version-missing"),
        ],
    ),
    // Arrays and scalars.
    ("a number for a text", |root| put(root, "uns/method", &Tensor::scalar(1_i64)), &[("uns/method", "text-dtype")]),
    (
        "a text for a number",
        |root| put(root, "uns/resolution", &Tensor::string("a")),
        &[("uns/resolution", "array-dtype"), ("uns/resolution", "scalar-text")],
    ),
    (
        "two values for a scalar",
        |root| put(root, "uns/resolution", &i32s(&[1, 2])),
        &[("uns/resolution", "scalar-size")],
    ),
    (
        "a scalar with a dimension",
        |root| put(root, "uns/resolution", &i32s(&[1])),
        &[("uns/resolution", "scalar-dimensions")],
    ),
    (
        "numbers for records",
        |root| {
            put(root, "uns/records", &i32s(&[1]))?;
            set(root, "uns/records", "encoding-type", Some("rec-array".into()))?;
            set(root, "uns/records", "encoding-version", Some("0.2.0".into()))
        },
        &[("uns/records", "records-dtype")],
    ),
    // Awkward arrays.
    (
        "a buffer of an unknown encoding",
        |root| set(root, "obsm/lists/node1-data", "encoding-type", Some("junk".into())),
        &[("obsm/lists/node1-data", "encoding-unknown")],
    ),
    ("no form", |root| set(root, "obsm/lists", "form", None), &[("obsm/lists", "attribute-missing")]),
    ("no length", |root| set(root, "obsm/lists", "length", None), &[("obsm/lists", "attribute-missing")]),
    (
        "a length with a dimension",
        |root| set(root, "obsm/lists", "length", Some(Tensor::from_vec([1], vec![3_i64])?.into())),
        &[("obsm/lists", "attribute-type")],
    ),
    (
        "a length too large",
        |root| set(root, "obsm/lists", "length", Some(4_i64.into())),
        &[("obsm/lists", "element-malformed"), ("obsm/lists", "slot-shape")],
    ),
    ("a buffer that is missing", |root| root.remove("obsm/lists/node1-data"), &[("obsm/lists", "element-malformed")]),
    (
        "offsets beyond the buffer",
        |root| put(root, "obsm/lists/node0-offsets", &Tensor::from_vec([4], vec![0_i64, 1, 1, 9])?),
        &[("obsm/lists", "element-malformed")],
    ),
];

/// A copy of a tree in each format, validated there.
fn in_files(root: &Group, folder: &Path) -> Result<[Report; 2]> {
    let h5ad = folder.join("a.h5ad");
    let zarr = Group::root(Arc::new(ZarrStore::in_memory(ZarrFormat::V3, &ZarrOptions::default())?));
    let (tree, options) = (Node::open(root, "")?, NodeWriteOptions::default());
    write_atomic(&h5ad, true, false, |store| tree.write(&Group::root(store.clone()), "", &options))?;
    tree.write(&zarr, "", &options)?;
    Ok([validate_path(&h5ad, &ValidateOptions::default())?, validate(&zarr, &ValidateOptions::default())?])
}

#[test]
fn dangers_are_found_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for (name, change, expected) in DANGERS {
        let root = good().unwrap();
        change(&root).unwrap_or_else(|error| panic!("{name}: {error}"));
        let report = validate(&root, &ValidateOptions::default()).unwrap();
        let expected: BTreeSet<_> = expected.iter().map(|(path, rule)| ((*path).to_owned(), *rule)).collect();
        assert_eq!(found(&report), expected, "{name}:\n{report}");
        let [h5ad, zarr] = in_files(&root, folder.path()).unwrap();
        assert_eq!(found(&h5ad), expected, "{name}, in a file:\n{h5ad}");
        // In JSON an array of one value is a list, which readers do not take for the value.
        let in_json = |rule| if rule == "attribute-dimensions" { "attribute-type" } else { rule };
        let expected: BTreeSet<_> = expected.into_iter().map(|(path, rule)| (path, in_json(rule))).collect();
        assert_eq!(found(&zarr), expected, "{name}, in a zarr store:\n{zarr}");
    }
}

/// Python looks for what is below the `raw` of a file, and takes that of an object within another for what its encoding makes of it.
#[test]
fn no_raw_that_does_not_say_what_it_is_is_none_at_the_root_alone() {
    let folder = tempfile::tempdir().unwrap();
    for (path, expected) in [("raw", &["encoding-missing"][..]), ("uns/inner/raw", &["encoding-missing", "slot-kind"])]
    {
        let root = good().unwrap();
        copy(&root, "", "uns/inner").unwrap();
        root.remove(path).unwrap();
        root.create_array(path, &ArraySpec::null(DType::F32)).unwrap();
        let file = folder.path().join("a.h5ad");
        let tree = Node::open(&root, "").unwrap();
        let options = NodeWriteOptions::default();
        write_atomic(&file, true, false, |store| tree.write(&Group::root(store.clone()), "", &options)).unwrap();
        for report in [validate(&root, &ValidateOptions::default()), validate_path(&file, &ValidateOptions::default())]
        {
            let report = report.unwrap();
            let expected = expected.iter().map(|rule| (path.to_owned(), *rule)).collect();
            assert_eq!(found(&report), expected, "{report}");
        }
    }
}

/// h5py reads text as bytes where the encoding does not say that it is text, zarr as what it is.
#[test]
fn an_index_of_text_that_is_encoded_as_an_array_is_text_in_zarr_alone() {
    let folder = tempfile::tempdir().unwrap();
    let root = good().unwrap();
    copy(&root, "obs", "obsm/frame").unwrap();
    set(&root, "obsm/frame/_index", "encoding-type", Some("array".into())).unwrap();
    let [h5ad, zarr] = in_files(&root, folder.path()).unwrap();
    let [index, frame] = ["obsm/frame/_index", "obsm/frame"].map(str::to_owned);
    let dtype = (index, "array-dtype");
    assert_eq!(found(&h5ad), BTreeSet::from([dtype.clone(), (frame, "slot-index")]), "{h5ad}");
    assert_eq!(found(&zarr), BTreeSet::from([dtype]), "{zarr}");
}

/// Whatever is refused when it is read has an error; every error names a rule of the table.
#[test]
fn what_cannot_be_read_has_an_error() {
    let table: BTreeSet<&str> = rules::RULES.iter().flat_map(|(_, rules)| *rules).map(|rule| rule.id).collect();
    for (name, change, _) in DANGERS {
        let root = good().unwrap();
        change(&root).unwrap();
        let report = validate(&root, &ValidateOptions::default()).unwrap();
        let read = io::read_anndata(&root, &io::ElemReadOptions::default());
        // Python reads what is said to be missing in another way than it was written, and so do we.
        let unknown = *name == "a missing value of a kind of its own";
        assert!(read.is_ok() || unknown || !errors(&report).is_empty(), "{name}: {read:?}\n{report}");
        assert!(report.findings.iter().all(|finding| table.contains(finding.rule)));
    }
}

#[test]
fn rules_that_the_tests_reach() {
    let reached: BTreeSet<&str> = MALFORMED
        .iter()
        .filter_map(|(_, rule)| *rule)
        .chain(DANGERS.iter().flat_map(|(_, _, found)| found.iter().map(|(_, rule)| *rule)))
        .collect();
    let table = rules::RULES.iter().flat_map(|(_, rules)| *rules).map(|rule| rule.id);
    let others: Vec<&str> = table.filter(|id| !reached.contains(id)).collect();
    // These have tests of their own.
    assert_eq!(
        others,
        [
            "size-unbacked",
            "chunk-oversized",
            "dtype-unknown",
            "element-unchecked",
            "record-text",
            "text-fixed-width",
            "value-absent"
        ]
    );
}
