//! Validation: what is found in good files, in files that are wrong in one way, and in stores made dangerous here.

// Long file: the table of dangers, with what is found of each.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anndata::anndata_io_zarr::ZarrStore;
use anndata::awkward::Awkward;
use anndata::hdf5::write_atomic;
use anndata::io::{self, WriteOptions};
use anndata::node::{Node, NodeWriteOptions, Progress};
use anndata::validate::rules;
use anndata::{
    AnnData, ArraySpec, Attribute, Column, DType, DataFrame, Element, Finding, Group, NaValue, Raw, Report, Result,
    Severity, SparseFormat, SparseMatrix, Tensor, ValidateOptions, ZarrFormat, ZarrOptions, validate, validate_path,
};
use anndata_tests::{fixtures, random, stores};
use proptest::prelude::*;

/// The rules of files that are wrong in one way; `None` where nothing can be opened.
const MALFORMED: &[(&str, Option<&str>)] = &[
    ("bomb-chunk", Some("element-unreadable")),
    ("claims-8-tib", Some("size-claim")),
    ("claims-8-tib-one-chunk", Some("size-claim")),
    ("codes-float", Some("categorical-codes")),
    ("codes-too-large", Some("categorical-code-out-of-range")),
    ("codes-too-small", Some("categorical-code-out-of-range")),
    ("column-order-absent", Some("column-absent")),
    ("column-order-missing", Some("attribute-missing")),
    ("column-order-number", Some("attribute-type")),
    ("column-short", Some("column-length")),
    ("deep-nesting", Some("element-unreadable")),
    ("empty", None),
    ("encoding-type-integer", Some("attribute-type")),
    ("encoding-type-of-array", Some("node-kind")),
    ("encoding-type-of-group", Some("node-kind")),
    ("external-link", Some("external-reference")),
    ("external-storage", Some("external-reference")),
    ("garbage-chunk", Some("element-unreadable")),
    ("hard-link-cycle", Some("element-unreadable")),
    ("heap-address-beyond-file", Some("element-unreadable")),
    ("heap-endless", Some("element-unreadable")),
    ("heap-object-absent", Some("element-unreadable")),
    ("heap-object-too-large", Some("element-unreadable")),
    ("heap-text-too-long", Some("size-claim")),
    ("index-absent", Some("column-absent")),
    ("index-missing", Some("attribute-missing")),
    ("named-datatype", Some("not-supported")),
    ("not-anndata", Some("not-anndata")),
    ("not-hdf5", None),
    ("nullable-lengths-differ", Some("nullable-mask")),
    ("root-garbage", None),
    ("shape-mismatch", Some("slot-shape")),
    ("short-chunk", Some("element-unreadable")),
    ("soft-link-codes", Some("element-unreadable")),
    ("soft-link-column", Some("element-unreadable")),
    ("soft-link-dangling", Some("element-unreadable")),
    ("soft-link-loop", Some("element-unreadable")),
    ("sparse-index-negative", Some("sparse-index-out-of-range")),
    ("sparse-index-too-large", Some("sparse-index-out-of-range")),
    ("sparse-indices-float", Some("sparse-arrays")),
    ("sparse-indptr-decreasing", Some("sparse-indptr")),
    ("sparse-indptr-empty", Some("sparse-indptr")),
    ("sparse-indptr-end", Some("sparse-indptr")),
    ("sparse-indptr-missing", Some("member-missing")),
    ("sparse-indptr-start", Some("sparse-indptr")),
    ("sparse-indptr-too-long", Some("sparse-indptr")),
    ("sparse-lengths-differ", Some("sparse-arrays")),
    ("sparse-shape-huge", Some("sparse-indptr")),
    ("sparse-shape-negative", Some("sparse-shape")),
    ("sparse-shape-string", Some("sparse-shape")),
    ("sparse-shape-three", Some("sparse-shape")),
    ("text-not-utf8", Some("element-unreadable")),
    ("truncated-half", None),
    ("truncated-header", None),
    ("virtual-dataset", Some("external-reference")),
    ("wrong-checksum", Some("element-unreadable")),
];

fn errors(report: &Report) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.severity == Severity::Error).collect()
}

/// Paths and rules, without order.
fn found(report: &Report) -> BTreeSet<(String, &'static str)> {
    report.findings.iter().map(|finding| (finding.path.clone(), finding.rule)).collect()
}

#[test]
fn malformed_files_have_their_finding_at_the_element_that_is_wrong() {
    let folder = fixtures::folder().join("malformed");
    let list: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&std::fs::read(folder.join("malformed.json")).unwrap()).unwrap();
    assert_eq!(list.keys().collect::<Vec<_>>(), MALFORMED.iter().map(|(stem, _)| stem).collect::<Vec<_>>());
    for (stem, rule) in MALFORMED {
        let path = list[*stem]["path"].as_str().unwrap().trim_matches('/');
        let report = validate_path(folder.join(format!("{stem}.h5ad")), &ValidateOptions::default());
        let (Some(rule), report) = (rule, &report) else {
            assert!(report.is_err(), "{stem} was opened");
            continue;
        };
        let report = report.as_ref().unwrap_or_else(|error| panic!("{stem}: {error}"));
        let below = |finding: &Finding| finding.path == path || finding.path.starts_with(&format!("{path}/"));
        let errors = errors(report);
        assert!(errors.iter().any(|error| error.rule == *rule), "{stem} has no {rule}:\n{report}");
        assert!(errors.iter().all(|error| below(error) || path.is_empty()), "{stem} has an error elsewhere:\n{report}");
    }
}

#[test]
fn good_files_have_no_error() {
    let mut files = fixtures::readable().unwrap();
    files.extend(fixtures::corpus().unwrap());
    for file in files {
        let report = validate_path(&file, &ValidateOptions::default()).unwrap();
        assert!(errors(&report).is_empty(), "{}:\n{report}", file.display());
    }
}

/// What is worth a word in good files, so that no rule comes to speak of more than it should.
#[test]
fn warnings_about_good_files() {
    let mut warnings = BTreeMap::new();
    for file in fixtures::readable().unwrap() {
        let report = validate_path(&file, &ValidateOptions::default()).unwrap();
        for finding in report.findings.iter().filter(|finding| finding.severity == Severity::Warning) {
            let stem = fixtures::stem(&file);
            warnings.entry(stem).or_insert_with(Vec::new).push(format!("{} {}", finding.path, finding.rule));
        }
    }
    let expected: [(&str, &[&str]); 8] = [
        ("anndata-extra", &["extra_dataset encoding-missing", "extra_group encoding-missing"]),
        ("dataframes", &["uns/index_int/unlisted column-unlisted", "uns/slash_columns key-with-slash"]),
        ("demo", &["X/indices sparse-indices-unsorted", "raw/X/indices sparse-indices-unsorted"]),
        ("dict", &["uns/with encoding-missing"]),
        ("scalars", &["uns/string_fixed text-fixed-width"]),
        ("sparse", &["uns/duplicates/indices sparse-indices-repeated", "uns/unsorted/indices sparse-indices-unsorted"]),
        ("strings", &["uns/fixed_ascii text-fixed-width", "uns/fixed_utf8 text-fixed-width"]),
        ("unknown", &["uns/bare encoding-missing", "uns/bare_group encoding-missing"]),
    ];
    let found: Vec<(&str, Vec<&str>)> =
        warnings.iter().map(|(stem, list)| (stem.as_str(), list.iter().map(String::as_str).collect())).collect();
    assert_eq!(found, expected.map(|(stem, list)| (stem, list.to_vec())));
}

/// A small object with everything in it that a danger below needs.
fn good() -> Result<Group> {
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
    io::write_anndata(&root, &adata, &WriteOptions::default())?;
    Ok(root)
}

/// Puts values where others were, with the same attributes.
fn put(root: &Group, path: &str, values: &Tensor) -> Result<()> {
    let attributes = root.array(path).and_then(|array| array.attributes()).unwrap_or_default();
    if root.contains(path)? {
        root.remove(path)?;
    }
    let array = root.create_array(path, &ArraySpec::of(values))?;
    array.write(&vec![0; values.ndim()], values)?;
    array.set_attributes(&attributes)
}

/// Sets an attribute, or removes it.
fn set(root: &Group, path: &str, name: &str, value: Option<Attribute>) -> Result<()> {
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

fn i32s(values: &[i32]) -> Tensor {
    Tensor::from_vec([values.len()], values.to_vec()).unwrap()
}

fn texts(values: &[&str]) -> Tensor {
    Tensor::from_strings([values.len()], values).unwrap()
}

/// What is done to the good object, and what is found then: paths and rules.
type Danger = (&'static str, fn(&Group) -> Result<()>, &'static [(&'static str, &'static str)]);

const DANGERS: &[Danger] = &[
    ("nothing", |_| Ok(()), &[]),
    // Any element.
    ("no encoding", |root| set(root, "uns/method", "encoding-type", None), &[("uns/method", "encoding-missing")]),
    (
        "no encoding of a group and what is in it",
        |root| {
            set(root, "obsm", "encoding-type", None)?;
            set(root, "obsm/X_pca", "encoding-type", None)
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
    ("an old root", |root| set(root, "", "encoding-type", None), &[("", "legacy-layout")]),
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
    (
        "a categorical in obsm",
        |root| Node::open(root, "obs/kind")?.write(root, "obsm/kind", &NodeWriteOptions::default()),
        &[("obsm/kind", "slot-unusual")],
    ),
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
        &[("raw/method", "member-unknown")],
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
        "raw is a text",
        |root| {
            root.remove("raw")?;
            root.rename("uns/method", "raw")
        },
        &[("raw", "slot-kind")],
    ),
    // Data frames.
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
    // Categorical and nullable columns.
    ("no ordered", |root| set(root, "obs/kind", "ordered", None), &[("obs/kind", "attribute-missing")]),
    (
        "ordered is a text",
        |root| set(root, "obs/kind", "ordered", Some("yes".into())),
        &[("obs/kind", "attribute-type")],
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
        "a category that is no number",
        |root| {
            put(root, "obs/kind/categories", &Tensor::from_vec([2], vec![1.0, f64::NAN])?)?;
            set(root, "obs/kind/categories", "encoding-type", Some("array".into()))
        },
        &[("obs/kind/categories", "categories-missing-value")],
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
        &[("uns/resolution", "array-dtype")],
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
    // Awkward arrays.
    ("no form", |root| set(root, "obsm/lists", "form", None), &[("obsm/lists", "attribute-missing")]),
    ("no length", |root| set(root, "obsm/lists", "length", None), &[("obsm/lists", "attribute-missing")]),
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
        for report in in_files(&root, folder.path()).unwrap() {
            assert_eq!(found(&report), expected, "{name}, in a file:\n{report}");
        }
    }
}

/// Whatever is refused when it is read has an error; every error names a rule of the table.
#[test]
fn what_cannot_be_read_has_an_error() {
    let table: BTreeSet<&str> = rules::RULES.iter().flat_map(|(_, rules)| *rules).map(|rule| rule.id).collect();
    for (name, change, _) in DANGERS {
        let root = good().unwrap();
        change(&root).unwrap();
        let report = validate(&root, &ValidateOptions::default()).unwrap();
        let read = io::read_anndata(&root, &io::ReadOptions::default());
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
        ["size-unbacked", "chunk-oversized", "dtype-unknown", "element-unchecked", "text-fixed-width", "value-absent"]
    );
}

/// The rules of what is found where `change` was done to the good object, in this much memory.
fn rules_after(change: impl Fn(&Group) -> Result<()>, memory: u64) -> Vec<&'static str> {
    let root = good().unwrap();
    change(&root).unwrap();
    let report = validate(&root, &ValidateOptions::default().with_memory(memory)).unwrap();
    report.findings.iter().map(|finding| finding.rule).collect()
}

#[test]
fn what_does_not_fit_into_the_memory_is_told_of() {
    let chunked = |root: &Group| {
        let values = Tensor::from_vec([3, 1000], vec![0.5_f64; 3000])?;
        root.remove("obsm/X_pca")?;
        root.create_array("obsm/X_pca", &ArraySpec::of(&values).with_chunks([3, 1000]))?.write(&[0, 0], &values)?;
        set(root, "obsm/X_pca", "encoding-type", Some("array".into()))?;
        set(root, "obsm/X_pca", "encoding-version", Some("0.2.0".into()))
    };
    assert_eq!(rules_after(chunked, 1 << 30), [] as [&str; 0]);
    assert_eq!(rules_after(chunked, 24_000), [] as [&str; 0]);
    assert_eq!(rules_after(chunked, 23_999), ["chunk-oversized"]);
    let awkward = |root: &Group| put(root, "obsm/lists/node1-data", &Tensor::from_vec([1000], vec![1_i64; 1000])?);
    assert_eq!(rules_after(awkward, 1 << 30), [] as [&str; 0]);
    assert_eq!(rules_after(awkward, 16_000), ["element-unchecked"]);
}

#[test]
fn an_array_without_a_value_is_found() {
    let null = |root: &Group| {
        root.remove("uns/resolution")?;
        root.create_array("uns/resolution", &ArraySpec::null(DType::F64))?;
        set(root, "uns/resolution", "encoding-type", Some("numeric-scalar".into()))?;
        set(root, "uns/resolution", "encoding-version", Some("0.2.0".into()))
    };
    assert_eq!(rules_after(null, 1 << 30), ["value-absent"]);
}

/// Arrays that declare much and store little, under and over the limit of what is read at all.
#[test]
fn sizes_without_bytes_behind_them_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5ad");
    let tree = Node::open(&good().unwrap(), "").unwrap();
    write_atomic(&path, true, false, |store| {
        let root = Group::root(store.clone());
        tree.write(&root, "", &NodeWriteOptions::default())?;
        for (name, bytes) in [("fair", 1_u64 << 20), ("large", 80 << 20), ("huge", 8 << 40)] {
            let array =
                root.create_array(&format!("uns/{name}"), &ArraySpec::new(DType::U8, [bytes]).with_chunks([1 << 16]))?;
            array.set_attributes(&anndata::node::encoding_attributes("array", "0.2.0"))?;
        }
        Ok(())
    })
    .unwrap();
    let report = validate_path(&path, &ValidateOptions::default()).unwrap();
    let expected = [("uns/huge".to_owned(), "size-claim"), ("uns/large".to_owned(), "size-unbacked")];
    assert_eq!(found(&report), expected.into(), "{report}");
}

/// Codecs and dtypes that nobody knows, in the metadata of a zarr store.
#[test]
fn codecs_and_dtypes_that_are_not_known_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    let adata = AnnData::builder().obs(DataFrame::new(["a", "b"]).with_column("n", vec![1_i32, 2]).unwrap());
    anndata::write_zarr(&path, &adata.uns("m", Tensor::from_vec([2], vec![1_i64, 2]).unwrap()).build().unwrap())
        .unwrap();
    std::fs::remove_file(path.join("zarr.json")).unwrap();
    std::fs::write(path.join("zarr.json"), ROOT).unwrap();
    for (element, old, new) in [("obs/n", "int32", "int31"), ("uns/m", "zstd", "zetta")] {
        let file = path.join(element).join("zarr.json");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(&format!("\"{old}\"")), "{text}");
        std::fs::write(&file, text.replace(&format!("\"{old}\""), &format!("\"{new}\""))).unwrap();
    }
    let report = validate_path(&path, &ValidateOptions::default()).unwrap();
    let expected = [("obs/n".to_owned(), "dtype-unknown"), ("uns/m".to_owned(), "not-supported")];
    assert_eq!(found(&report), expected.into(), "{report}");
}

/// The metadata of a root without those of the rest collected in it.
const ROOT: &str = r#"{"zarr_format": 3, "node_type": "group",
    "attributes": {"encoding-type": "anndata", "encoding-version": "0.1.0"}}"#;

#[test]
fn validation_ends_at_the_most_findings() {
    let root = good().unwrap();
    for name in ["a", "b", "c", "d"] {
        put(&root, &format!("uns/{name}"), &i32s(&[1])).unwrap();
    }
    let all = validate(&root, &ValidateOptions::default()).unwrap();
    assert_eq!((all.findings.len(), all.truncated), (4, false));
    let some = validate(&root, &ValidateOptions::default().with_max_findings(4)).unwrap();
    assert_eq!((some.findings.len(), some.truncated), (4, false));
    let few = validate(&root, &ValidateOptions::default().with_max_findings(3)).unwrap();
    assert_eq!((few.findings.len(), few.truncated), (3, true));
    assert!(few.to_string().ends_with("more were not looked for"), "{few}");
    assert_eq!(few.to_json()["truncated"], true);
}

/// Everything that is read is told of, once.
#[test]
fn progress_is_told_of_all_values() {
    let bytes = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&bytes);
    let progress = Progress::new(move |more| {
        counter.fetch_add(more, Ordering::Relaxed);
    });
    let root = stores::memory();
    let values = Tensor::from_vec([1000], vec![1_i64; 1000]).unwrap();
    io::write_anndata(&root, &AnnData::builder().uns("v", values).build().unwrap(), &WriteOptions::default()).unwrap();
    validate(&root, &ValidateOptions::default().with_memory(1000).with_progress(progress)).unwrap();
    assert_eq!(bytes.load(Ordering::Relaxed), 8000);
}

/// The page of the rules is made from the table. `ANNDATA_UPDATE_DOCS=1 cargo test -p anndata-tests --test validate` makes
/// it anew.
#[test]
fn the_page_of_the_rules_is_true() {
    const ABOUT: &str = include_str!("../../docs/validate.md");
    let path = fixtures::folder().join("../../docs/validate.md");
    let introduction = ABOUT.split("## ").next().unwrap_or_default();
    let page = format!("{introduction}{}", rules::markdown());
    if std::env::var_os("ANNDATA_UPDATE_DOCS").is_some() {
        std::fs::write(path, page).unwrap();
    } else {
        assert_eq!(ABOUT, page, "docs/validate.md is not what the table of rules says");
    }
}

/// A matrix whose rows are unsorted and repeat in places, in memory.
fn store_matrix(rows: &[Vec<u16>], columns: usize) -> Result<Group> {
    let root = stores::memory();
    let indices: Vec<u16> = rows.concat();
    let mut indptr = vec![0_i64];
    indptr.extend(rows.iter().scan(0_i64, |end, row| {
        *end += i64::try_from(row.len()).unwrap();
        Some(*end)
    }));
    let data = Tensor::from_vec([indices.len()], vec![1_u8; indices.len()])?;
    let indptr = Tensor::from_vec([indptr.len()], indptr)?;
    let indices = Tensor::from_vec([indices.len()], indices)?;
    let matrix = SparseMatrix::new(SparseFormat::Csr, (rows.len(), columns), data, indices, indptr)?;
    io::write_anndata(&root, &AnnData::builder().x(matrix).build()?, &WriteOptions::default())?;
    Ok(root)
}

/// The finding about rows that are so, as it should read.
fn about_rows(rows: &[Vec<u16>], how: &str, bad: impl Fn(&[u16]) -> bool) -> Option<String> {
    let bad: Vec<usize> = (0..rows.len()).filter(|&row| bad(&rows[row])).collect();
    let plural = if bad.len() == 1 { "" } else { "s" };
    let first = bad.first()?;
    Some(format!("the indices of row {first} {how}; {} such row{plural}", bad.len()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// However small the blocks are, rows are found to be what they are.
    #[test]
    fn rows_are_checked_across_the_borders_of_blocks(
        rows in prop::collection::vec(
            prop_oneof![
                2 => prop::collection::btree_set(0_u16..40, 0..30).prop_map(|row| row.into_iter().collect::<Vec<_>>()),
                1 => prop::collection::vec(0_u16..40, 0..30),
                1 => prop::collection::btree_set(0_u16..40, 0..30).prop_map(|row| row.into_iter().rev().collect()),
            ],
            0..12,
        ),
        memory in prop::sample::select(vec![1_u64, 16, 128, 300, 1000, 1 << 30]),
    ) {
        let root = store_matrix(&rows, 40).unwrap();
        let report = validate(&root, &ValidateOptions::default().with_memory(memory)).unwrap();
        let message = |rule| report.findings.iter().find(|finding| finding.rule == rule).map(|found| found.message.clone());
        let unsorted = about_rows(&rows, "are not sorted", |row| !row.is_sorted());
        let repeated = about_rows(&rows, "are repeated", |row| row.iter().collect::<BTreeSet<_>>().len() < row.len());
        prop_assert_eq!(message("sparse-indices-unsorted"), unsorted);
        prop_assert_eq!(message("sparse-indices-repeated"), repeated);
    }

    /// However little memory there is for them, names are found to be what they are.
    #[test]
    fn names_are_compared_in_little_memory(
        names in prop::collection::vec("[ab]{0,7}", 1..200),
        memory in prop::sample::select(vec![1_u64, 256, 5000, 1 << 30]),
    ) {
        let root = stores::memory();
        let adata = AnnData::builder().obs(DataFrame::new(&names)).build().unwrap();
        io::write_anndata(&root, &adata, &WriteOptions::default()).unwrap();
        let report = validate(&root, &ValidateOptions::default().with_memory(memory)).unwrap();
        let count = names.len() - names.iter().collect::<BTreeSet<_>>().len();
        let first = names.iter().position(|name| names.iter().filter(|other| *other == name).count() > 1);
        let expected = first.map(|first| {
            let verb = if count == 1 { "repeats" } else { "repeat" };
            format!("'{}' at {first} is there more than once; {count} of {} {verb} an earlier one", names[first], names.len())
        });
        let message = |rule| report.findings.iter().find(|finding| finding.rule == rule).map(|found| found.message.clone());
        prop_assert_eq!(message("names-repeated"), expected);
        prop_assert_eq!(message("names-empty").is_some(), names.iter().any(String::is_empty));
    }

    /// What is written here has no error, whatever it is.
    #[test]
    fn random_objects_have_no_error(adata in random::adata()) {
        let root = stores::memory();
        io::write_anndata(&root, &adata, &WriteOptions::default()).unwrap();
        let report = validate(&root, &ValidateOptions::default()).unwrap();
        prop_assert!(errors(&report).is_empty(), "{}", report);
    }
}

/// Bytes of good files changed at random: what cannot be read any more has an error, or cannot be opened.
#[test]
fn what_damage_makes_unreadable_is_found() {
    let mut state = 0x9876_5432_1fed_cba9_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.h5ad");
    let (mut refused, mut missed) = (0, Vec::new());
    for file in fixtures::readable().unwrap() {
        let good = std::fs::read(&file).unwrap();
        for round in 0..4 {
            let mut bytes = good.clone();
            for _ in 0..=random(12) {
                let (place, len) = (random(bytes.len() - 8), 1 + random(2));
                bytes[place..place + len].fill(u8::try_from(random(256)).unwrap());
            }
            std::fs::write(&path, bytes).unwrap();
            let report = validate_path(&path, &ValidateOptions::default());
            if let Err(error) = anndata::read_h5ad(&path) {
                refused += 1;
                if report.is_ok_and(|report| errors(&report).is_empty()) {
                    missed.push(format!("{} {round}: {error}", fixtures::stem(&file)));
                }
            }
        }
    }
    assert!(refused > 10, "only {refused} files were refused: nothing was damaged");
    assert!(missed.is_empty(), "{} of {refused} were missed:\n{}", missed.len(), missed.join("\n"));
}
