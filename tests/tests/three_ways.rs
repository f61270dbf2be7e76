//! What is read at once, what is read when it is asked for, and what is copied as a stream is the same, or is refused in
//! all three ways; and what is written is valid, whatever was read.

// Long file: the forms in which other tools write elements, in one table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::path::Path;

use anndata::awkward::Awkward;
use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::node::NodeWriteOptions;
use anndata::storage::NodeKind;
use anndata::{
    AnnData, ArraySpec, Attribute, Attributes, Column, ConvertOptions, DType, DataFrame, Element, Error, Group,
    NaValue, Raw, Result, SparseFormat, SparseMatrix, Tensor, ValidateOptions, validate,
};
use anndata_tests::{fixtures, random, stores};
use arrow_array::builder::{Int64Builder, ListBuilder};
use proptest::prelude::*;

/// The object of a group as all three ways read it, and the group that it was copied to; the errors where all refuse it.
///
/// # Panics
/// If the ways differ.
fn three_ways(root: &Group, options: &ElemReadOptions) -> std::result::Result<(AnnData, Group), [Error; 3]> {
    let lazily = || io::read_anndata(root, &options.clone().with_lazy(true));
    let copy = stores::memory();
    let write = ElemWriteOptions::default().with_store(NodeWriteOptions::default().with_block_bytes(16));
    let streamed = lazily()
        .and_then(|adata| io::write_anndata(&copy, &adata, &write))
        .and_then(|()| io::read_anndata(&copy, &ElemReadOptions::default()));
    let ways = [io::read_anndata(root, options), lazily().and_then(|adata| adata.load()), streamed];
    match ways {
        [Ok(eager), Ok(lazy), Ok(streamed)] => {
            for (way, found) in [("lazily", &lazy), ("as a stream", &streamed)] {
                assert_eq!(found, &eager, "read {way}");
                assert_eq!(found.to_string(), eager.to_string(), "read {way}");
            }
            Ok((eager, copy))
        }
        [Err(eager), Err(lazy), Err(streamed)] => Err([eager, lazy, streamed]),
        ways => panic!("the ways differ: {:?}", ways.map(|way| way.map(|adata| adata.to_string()))),
    }
}

/// An object with elements of every encoding that has elements or attributes within.
fn object() -> Result<AnnData> {
    let mut lists = ListBuilder::new(Int64Builder::new());
    lists.append_value([Some(1), None]);
    lists.append_value([]);
    lists.append_value([Some(3)]);
    let categories =
        Column::categorical(&Tensor::from_vec([3], vec![1_i8, -1, 0])?, &Column::strings(["b", "a"]), false)?;
    let integers = Column::nullable(&Tensor::from_vec([3], vec![5_i32, 0, 7])?, &[false, true, false], NaValue::Na)?;
    let texts = Column::nullable(&Tensor::from_strings([3], ["x", "", "z"])?, &[false, true, false], NaValue::Nan)?;
    let gaps = Column::nullable(&Tensor::from_strings([3], ["", "y", "z"])?, &[true, false, false], NaValue::Na)?;
    let obs = DataFrame::new(["c1", "c2", "c3"])
        .with_column("kind", categories)?
        .with_column("gaps", gaps)?
        .with_column("count", integers)?
        .with_column("note", texts)?
        .with_column("score", vec![0.5, 1.5, 2.5])?;
    let dense = Tensor::from_vec([3, 2], vec![1.0_f32, 0.0, 0.0, 2.0, 3.0, 0.0])?;
    let sparse = |format| SparseMatrix::from_dense(&dense, format);
    let raw = Raw::new(Some(sparse(SparseFormat::Csr)?.into()), DataFrame::new(["g1", "g2"]), [].into())?;
    AnnData::builder()
        .x(sparse(SparseFormat::Csr)?)
        .obs(obs)
        .var(DataFrame::new(["g1", "g2"]).with_index_name(Some("gene".to_owned())))
        .layer("dense", dense.clone())
        .layer("columns", sparse(SparseFormat::Csc)?)
        .obsm("lists", Awkward::from_arrow(&lists.finish())?)
        .obsm("frame", DataFrame::new(["c1", "c2", "c3"]).with_column("q", vec![1_i64, 2, 3])?)
        .raw(raw)
        .uns("method", "umap")
        .uns("number", 0.25)
        .uns("texts", Tensor::from_strings([2], ["ä", "b"])?)
        .uns("nothing", Element::Null)
        .uns("records", Tensor::from_fields([2], [("score", Tensor::from_vec([2], vec![1.0_f32, 2.0])?)])?)
        .build()
}

fn stored() -> Group {
    let root = stores::memory();
    io::write_anndata(&root, &object().unwrap(), &ElemWriteOptions::default()).unwrap();
    root
}

fn edit(root: &Group, path: &str, change: impl FnOnce(&mut Attributes)) {
    match root.kind(path).unwrap() {
        Some(NodeKind::Group) => {
            let group = if path.is_empty() { root.clone() } else { root.group(path).unwrap() };
            let mut attributes = group.attributes().unwrap();
            change(&mut attributes);
            group.set_attributes(&attributes).unwrap();
        }
        Some(NodeKind::Array) => {
            let array = root.array(path).unwrap();
            let mut attributes = array.attributes().unwrap();
            change(&mut attributes);
            array.set_attributes(&attributes).unwrap();
        }
        None => panic!("nothing is at {path}"),
    }
}

/// Puts other values in the place of an array; its attributes stay.
fn replace(root: &Group, path: &str, values: &Tensor) {
    let attributes = root.array(path).unwrap().attributes().unwrap();
    root.remove(path).unwrap();
    let array = root.create_array(path, &ArraySpec::of(values)).unwrap();
    array.write(&vec![0; values.ndim()], values).unwrap();
    array.set_attributes(&attributes).unwrap();
}

fn values(root: &Group, path: &str) -> Tensor {
    root.array(path).unwrap().read().unwrap()
}

/// The paths of everything below a group, and its own.
fn paths(root: &Group, path: &str) -> Vec<String> {
    let mut found = vec![path.to_owned()];
    if root.kind(path).unwrap() == Some(NodeKind::Group) {
        let group = if path.is_empty() { root.clone() } else { root.group(path).unwrap() };
        for child in group.children().unwrap() {
            found.extend(paths(root, &group.path_of(&child)));
        }
    }
    found
}

fn everywhere(root: &Group, change: fn(&mut Attributes)) {
    for path in paths(root, "") {
        edit(root, &path, change);
    }
}

/// Scalars of all attributes as arrays of one value, as tools in R write them.
fn wrap_attributes(attributes: &mut Attributes) {
    for value in attributes.values_mut() {
        if let Attribute::Tensor(scalar) = value
            && scalar.ndim() == 0
        {
            *value = Attribute::Tensor(scalar.clone().reshape([1]).unwrap());
        }
    }
}

/// Integers of attributes as floats, as tools in R write them.
fn float_attributes(attributes: &mut Attributes) {
    for value in attributes.values_mut() {
        if let Attribute::Tensor(integers) = value
            && integers.dtype().is_integer()
        {
            *value = Attribute::Tensor(integers.cast(&DType::F64).unwrap());
        }
    }
}

fn without_encoding(attributes: &mut Attributes) {
    attributes.retain(|name, _| !name.starts_with("encoding-"));
}

/// The parts of elements, which need not say their encodings: by the name that they have in them.
fn is_part(path: &str) -> bool {
    let (parent, name) = path.rsplit_once('/').unwrap_or_default();
    matches!(name, "codes" | "categories" | "values" | "mask") || parent == "obsm/lists"
}

/// Everything that the tool that wrote an object may have left out or written in another type, and how.
type Mutation = fn(&Group);

const MENDED: [(&str, Mutation); 15] = [
    ("attributes of shape (1,)", |root| {
        everywhere(root, wrap_attributes);
    }),
    ("lengths as floats", |root| {
        everywhere(root, float_attributes);
    }),
    ("categories that are a nullable array", |root| {
        root.remove("obs/kind/categories").unwrap();
        let categories = Column::nullable(&Tensor::from_strings([2], ["b", "a"]).unwrap(), &[false; 2], NaValue::Na);
        let categories = Element::from(categories.unwrap());
        io::write_elem(root, "obs/kind/categories", &categories, &ElemWriteOptions::default()).unwrap();
    }),
    ("missing values of a kind of their own", |root| {
        // Python takes whatever is not NaN for NA.
        for column in ["obs/gaps", "obs/count"] {
            edit(root, column, |attributes| drop(attributes.insert("na-value".to_owned(), Attribute::from("NULL"))));
        }
    }),
    ("no attribute ordered", |root| {
        edit(root, "obs/kind", |attributes| drop(attributes.shift_remove("ordered")));
    }),
    ("ordered as a number", |root| {
        edit(root, "obs/kind", |attributes| drop(attributes.insert("ordered".to_owned(), Attribute::from(0_i32))));
    }),
    ("parts that do not say their encodings", |root| {
        for path in paths(root, "").iter().filter(|path| is_part(path)) {
            edit(root, path, without_encoding);
        }
    }),
    ("codes of an unknown encoding", |root| {
        edit(root, "obs/kind/codes", |attributes| {
            drop(attributes.insert("encoding-type".to_owned(), Attribute::from("junk")));
        });
    }),
    ("codes without a version", |root| {
        edit(root, "obs/kind/codes", |attributes| drop(attributes.shift_remove("encoding-version")));
    }),
    ("parts of a sparse matrix of an unknown encoding", |root| {
        edit(root, "X/data", |attributes| {
            drop(attributes.insert("encoding-type".to_owned(), Attribute::from("junk")));
        });
    }),
    ("raw without encoding", |root| edit(root, "raw", without_encoding)),
    ("slots without encoding", |root| {
        for slot in ["layers", "obsm", "varm", "obsp", "varp", "uns"] {
            edit(root, slot, without_encoding);
        }
    }),
    ("leaves without encoding", |root| {
        for path in ["layers/dense", "uns/method", "uns/number", "uns/texts", "obs/score", "obs/_index"] {
            edit(root, path, without_encoding);
        }
    }),
    ("an array of text that says it is numbers", |root| {
        edit(root, "uns/texts", |attributes| {
            drop(attributes.insert("encoding-type".to_owned(), Attribute::from("array")));
        });
    }),
    ("text of fixed width", |root| {
        let fixed = Tensor::from_bytes(DType::FixedBytes(2), [3], b"c1c2c3").unwrap();
        replace(root, "obs/_index", &fixed);
    }),
];

#[test]
fn what_other_tools_leave_out_is_read_in_every_way_and_mended() {
    let (expected, written) = (object().unwrap(), stored());
    for (what, mutate) in MENDED {
        let root = stored();
        mutate(&root);
        let (found, copy) =
            three_ways(&root, &ElemReadOptions::default()).unwrap_or_else(|errors| panic!("{what}: {errors:?}"));
        assert_eq!(found, expected, "{what}");
        let report = validate(&copy, &ValidateOptions::default()).unwrap();
        assert!(report.findings.is_empty(), "{what}: {report}");
        for path in paths(&copy, "") {
            let attributes = match copy.kind(&path).unwrap() {
                Some(NodeKind::Array) => copy.array(&path).unwrap().attributes().unwrap(),
                _ if path.is_empty() => copy.attributes().unwrap(),
                _ => copy.group(&path).unwrap().attributes().unwrap(),
            };
            let as_written = match written.kind(&path).unwrap() {
                Some(NodeKind::Array) => written.array(&path).unwrap().attributes().unwrap(),
                _ if path.is_empty() => written.attributes().unwrap(),
                _ => written.group(&path).unwrap().attributes().unwrap(),
            };
            assert_eq!(attributes, as_written, "{what}: the attributes of {path}");
        }
    }
}

/// What is refused in every way: what, how, and what the errors say.
const REFUSED: [(&str, Mutation, &str); 9] = [
    (
        "a matrix of raw that does not say its encoding",
        |root| edit(root, "raw/X", without_encoding),
        "raw.X is mapping",
    ),
    ("a matrix that does not say its encoding", |root| edit(root, "X", without_encoding), "X: it is a mapping"),
    (
        "offsets in two dimensions",
        |root| {
            let indptr = values(root, "X/indptr");
            replace(root, "X/indptr", &indptr.clone().reshape([1, indptr.len()]).unwrap());
        },
        "not one dimension",
    ),
    (
        "a category that is a missing value",
        |root| {
            root.remove("obs/kind/categories").unwrap();
            let texts = Tensor::from_strings([2], ["b", ""]).unwrap();
            let categories = Element::from(Column::nullable(&texts, &[false, true], NaValue::Na).unwrap());
            io::write_elem(root, "obs/kind/categories", &categories, &ElemWriteOptions::default()).unwrap();
        },
        "category 1 is a missing value",
    ),
    (
        "categories of an unknown encoding",
        |root| {
            edit(root, "obs/kind/categories", |attributes| {
                drop(attributes.insert("encoding-type".to_owned(), Attribute::from("junk")));
            });
        },
        "obs/kind",
    ),
    (
        "a mask of integers",
        |root| replace(root, "obs/count/mask", &Tensor::from_vec([3], vec![0_i32, 1, 0]).unwrap()),
        "`repair`",
    ),
    (
        "codes that count from 1",
        |root| replace(root, "obs/kind/codes", &Tensor::from_vec([3], vec![2_i32, -1, 1]).unwrap()),
        "`repair`",
    ),
    (
        "a code without a category",
        |root| replace(root, "obs/kind/codes", &Tensor::from_vec([3], vec![3_i8, -1, 1]).unwrap()),
        "obs/kind",
    ),
    (
        "an array without a value",
        |root| {
            let attributes = root.array("uns/number").unwrap().attributes().unwrap();
            root.remove("uns/number").unwrap();
            let array = root.create_array("uns/number", &ArraySpec::null(DType::F64)).unwrap();
            array.set_attributes(&attributes).unwrap();
        },
        "uns/number",
    ),
];

#[test]
fn what_is_refused_is_refused_in_every_way() {
    for (what, mutate, says) in REFUSED {
        let root = stored();
        mutate(&root);
        let errors = three_ways(&root, &ElemReadOptions::default()).expect_err(what);
        assert!(errors.iter().all(|error| error.to_string().contains(says)), "{what}: {errors:?}");
    }
}

#[test]
fn what_is_plainly_meant_is_repaired_where_that_is_asked_for() {
    let repair = ElemReadOptions::default().with_repair(true);
    for (what, mutate, says) in REFUSED {
        let root = stored();
        mutate(&root);
        match three_ways(&root, &repair) {
            Ok((found, copy)) => {
                assert_eq!(says, "`repair`", "{what}");
                assert_eq!(
                    found.load().unwrap().obs().column("count").unwrap(),
                    object().unwrap().obs().column("count").unwrap()
                );
                let kind = found.obs().column("kind").unwrap().to_strings().unwrap();
                assert_eq!(kind, [Some("a".to_owned()), None, Some("b".to_owned())], "{what}");
                let report = validate(&copy, &ValidateOptions::default()).unwrap();
                assert!(report.findings.is_empty(), "{what}: {report}");
            }
            Err(errors) => {
                assert_ne!(says, "`repair`", "{what}: {errors:?}");
                assert!(errors.iter().all(|error| error.to_string().contains(says)), "{what}: {errors:?}");
            }
        }
    }
    // What could be a missing value or the first category is not guessed.
    let root = stored();
    replace(&root, "obs/kind/codes", &Tensor::from_vec([3], vec![2_i8, 0, 1]).unwrap());
    for error in three_ways(&root, &repair).unwrap_err() {
        assert!(error.is_invalid_data() && error.path() == Some("obs/kind"), "{error:?}");
        assert_eq!(error.text(), "code 2 in row 0 has no category: there are 2");
    }
}

#[test]
fn a_single_category_may_be_a_scalar() {
    let root = stored();
    replace(&root, "obs/kind/codes", &Tensor::from_vec([3], vec![0_i8, -1, 0]).unwrap());
    replace(&root, "obs/kind/categories", &Tensor::string("only"));
    edit(&root, "obs/kind/categories", |attributes| {
        drop(attributes.insert("encoding-type".to_owned(), Attribute::from("string")));
    });
    let (found, copy) = three_ways(&root, &ElemReadOptions::default()).unwrap();
    let only = || Some("only".to_owned());
    assert_eq!(found.obs().column("kind").unwrap().to_strings().unwrap(), [only(), None, only()]);
    assert_eq!(copy.array("obs/kind/categories").unwrap().shape(), [1]);
}

#[test]
fn equal_categories_are_read_and_written_only_when_they_are_merged() {
    let root = stored();
    replace(&root, "obs/kind/categories", &Tensor::from_strings([3], ["b", "a", "b"]).unwrap());
    replace(&root, "obs/kind/codes", &Tensor::from_vec([3], vec![2_i8, -1, 1]).unwrap());
    for lazy in [false, true] {
        let adata = io::read_anndata(&root, &ElemReadOptions::default().with_lazy(lazy)).unwrap();
        let refused =
            io::write_anndata(&stores::memory(), &adata, &ElemWriteOptions::default()).unwrap_err().to_string();
        assert!(refused.contains("obs/kind/categories: the category at position 2 is repeated; "), "{refused}");
        assert!(refused.contains("`--repair`"), "{refused}");
    }
    let (found, copy) = three_ways(&root, &ElemReadOptions::default().with_repair(true)).unwrap();
    let (codes, categories) = found.obs().column("kind").unwrap().codes_and_categories().unwrap();
    assert_eq!((codes.as_slice::<i8>().unwrap(), categories), (&[0, -1, 1][..], Column::strings(["b", "a"])));
    assert!(validate(&copy, &ValidateOptions::default()).unwrap().findings.is_empty());
}

/// Python before 0.13 makes groups of the parts of a key.
#[test]
fn keys_with_slashes_are_read_whole() {
    let root = stored();
    let dense = object().unwrap().layer(Some("dense")).unwrap().clone();
    for path in ["layers/a/b/c", "obsm/a/b", "layers/a_b_c", "varm/x/y"] {
        let element =
            if path.starts_with("varm") { Tensor::from_vec([2, 1], vec![1, 2]).unwrap().into() } else { dense.clone() };
        root.require_group(path.rsplit_once('/').unwrap().0).unwrap();
        io::write_elem(&root, path, &element, &ElemWriteOptions::default()).unwrap();
    }
    let adata = io::read_anndata(&root, &ElemReadOptions::default()).unwrap();
    assert_eq!(adata.layer(Some("a/b/c")), Some(&dense));
    assert_eq!((adata.obsm().get("a/b"), adata.varm().contains_key("x/y")), (Some(&dense), true));
    let refused = io::write_anndata(&stores::memory(), &adata, &ElemWriteOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("give it another name"), "{refused}");

    let (repaired, _) = three_ways(&root, &ElemReadOptions::default().with_repair(true)).unwrap();
    // The key that is there already is left alone.
    assert_eq!((repaired.layer(Some("a_b_c")), repaired.layer(Some("a_b_c_"))), (Some(&dense), Some(&dense)));
    assert_eq!((repaired.obsm().get("a_b"), repaired.varm().contains_key("x_y")), (Some(&dense), true));
}

/// An index that is also a column is one array, of whatever type.
#[test]
fn an_index_of_numbers_may_be_a_column() {
    let frame = |values: Column| {
        let frame = DataFrame::with_index(values.clone()).with_index_name(Some("c".to_owned()));
        frame.with_column("c", values).unwrap()
    };
    for values in [Column::from(vec![1_i64, 2, 3]), Column::from(vec![0.5, f64::NAN]), Column::strings(["x", "y"])] {
        let adata = AnnData::builder().uns("df", frame(values)).build().unwrap();
        let root = stores::memory();
        io::write_anndata(&root, &adata, &ElemWriteOptions::default()).unwrap();
        assert_eq!(root.group("uns/df").unwrap().children().unwrap(), ["c"]);
        assert_eq!(three_ways(&root, &ElemReadOptions::default()).unwrap().0, adata);
    }
    let other = DataFrame::with_index(Column::from(vec![1_i64])).with_index_name(Some("c".to_owned()));
    let other = AnnData::builder().uns("df", other.with_column("c", vec![2_i64]).unwrap()).build().unwrap();
    let refused = io::write_anndata(&stores::memory(), &other, &ElemWriteOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("rename one of them"), "{refused}");
}

/// Every fixture, good or not, read in all three ways, the stream in both formats.
#[test]
fn every_file_is_read_alike_in_every_way() {
    let directory = tempfile::tempdir().unwrap();
    let mut files = fixtures::described().unwrap();
    files.extend(fixtures::h5ad_files(&fixtures::folder().join("malformed")).unwrap());
    for file in files {
        let (h5ad, zarr) = (directory.path().join("copy.h5ad"), directory.path().join("copy.zarr"));
        let mut skip = Vec::new();
        if let Ok(adata) = at_once(&file, &skip) {
            // What cannot be opened cannot be copied, and is left out where that is asked for.
            skip.extend(fixtures::unreadable(&adata).into_iter().map(|(path, _)| leading(&path)));
            if let Some(path) = skip.first() {
                let refused = streamed(&file, &h5ad, &[]).unwrap_err().to_string();
                assert!(
                    refused.contains(&format!(": {path}")) && refused.contains(&format!("`--skip {path}")),
                    "{refused}"
                );
            }
        }
        let ways = [at_once(&file, &skip), lazily(&file, &skip), streamed(&file, &h5ad, &skip)];
        let name = fixtures::stem(&file);
        match &ways {
            [Ok(eager), Ok(lazy), Ok(streamed)] => assert!(eager == lazy && eager == streamed, "{name}"),
            [Err(_), Err(_), Err(_)] => {}
            ways => panic!("{name}: {:?}", ways.each_ref().map(|way| way.as_ref().map(ToString::to_string))),
        }
        if let [Ok(eager), ..] = &ways {
            let streamed = streamed(&file, &zarr, &skip);
            assert!(streamed.as_ref().is_ok_and(|streamed| streamed == eager), "{name} as zarr: {streamed:?}");
        }
    }
}

/// A layer whose chunks are in a grid that no reader here knows blocks no other element.
#[test]
fn a_zarr_array_of_an_unknown_grid_blocks_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (path, copy) = (directory.path().join("a.zarr"), directory.path().join("b.zarr"));
    anndata::write_zarr(&path, &object().unwrap()).unwrap();
    let change = |file: &Path, change: &dyn Fn(&mut serde_json::Value)| {
        let mut metadata = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        change(&mut metadata);
        std::fs::write(file, metadata.to_string()).unwrap();
    };
    let grid = |metadata: &mut serde_json::Value| metadata["chunk_grid"]["name"] = "rectilinear".into();
    change(&path.join("layers/dense/zarr.json"), &grid);
    change(&path.join("zarr.json"), &|metadata| {
        grid(&mut metadata["consolidated_metadata"]["metadata"]["layers/dense"]);
    });

    let adata = at_once(&path, &[]).unwrap();
    let Some(Element::Opaque(opaque)) = adata.layer(Some("dense")) else { panic!("{:?}", adata.layer(Some("dense"))) };
    assert!(opaque.unreadable().is_some_and(|reason| reason.message().contains("rectilinear")), "{opaque:?}");
    assert_eq!(adata.layer(Some("columns")), object().unwrap().layer(Some("columns")));
    let refused = streamed(&path, &copy, &[]).unwrap_err().to_string();
    assert!(refused.contains(": layers/dense: ") && refused.contains("`--skip layers/dense`"), "{refused}");
    let mut expected = object().unwrap();
    drop(expected.remove_layer(Some("dense")));
    assert_eq!(streamed(&path, &copy, &["layers/dense".to_owned()]).unwrap(), expected);
}

/// The first two names of a path.
fn leading(path: &str) -> String {
    path.split('/').take(2).collect::<Vec<_>>().join("/")
}

fn at_once(file: &Path, skip: &[String]) -> Result<AnnData> {
    io::read_anndata(&anndata::open(file)?, &ElemReadOptions::default().with_skip(skip))
}

fn lazily(file: &Path, skip: &[String]) -> Result<AnnData> {
    io::read_anndata(&anndata::open(file)?, &ElemReadOptions::default().with_lazy(true).with_skip(skip))?.load()
}

fn streamed(file: &Path, copy: &Path, skip: &[String]) -> Result<AnnData> {
    let read = ElemReadOptions::default().with_skip(skip);
    let options = ConvertOptions::default().with_read(read).with_overwrite(true).with_durable(false);
    anndata::convert(file, copy, &options)?;
    at_once(copy, &[])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random objects, as they are and as other tools write them.
    #[test]
    fn random_objects_are_read_alike_in_every_way(adata in random::adata(), mutation in 0..4_usize) {
        let root = stores::memory();
        io::write_anndata(&root, &adata, &ElemWriteOptions::default())?;
        for path in paths(&root, "") {
            match mutation {
                0 => {}
                1 => edit(&root, &path, wrap_attributes),
                2 => edit(&root, &path, float_attributes),
                _ if is_part(&path) => edit(&root, &path, without_encoding),
                _ => {}
            }
        }
        let (found, copy) = three_ways(&root, &ElemReadOptions::default())
            .map_err(|errors| TestCaseError::fail(format!("{errors:?}")))?;
        prop_assert_eq!(found, adata);
        let report = validate(&copy, &ValidateOptions::default())?;
        prop_assert!(random::errors(&report).is_empty(), "{}", report);
    }
}
