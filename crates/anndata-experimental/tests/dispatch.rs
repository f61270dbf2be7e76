//! What a function decides of each element is what is read, and written.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::sync::Arc;

use anndata_core::testing::RandomAnnData;
use anndata_core::{
    AnnData, AxisSelection, Column, DataFrame, Element, Error, Raw, Result, SparseFormat, SparseMatrix, Tensor,
};
use anndata_experimental::{OnRead, OnWrite, read_dispatched, write_dispatched};
use anndata_format::Group;
use anndata_format::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata_io_hdf5::Hdf5Store;
use anndata_storage::{ArrayLayout, Codec, MemoryStore, NodeKind, Storage};
use support::Counting;

fn object() -> Result<AnnData> {
    let x = Tensor::from_vec([4, 3], (0_u8..12).map(|at| f32::from(at % 5)).collect::<Vec<_>>())?;
    let obs = DataFrame::new(["a", "b", "c", "d"])
        .with_column("z", vec![1_i64, 2, 3, 4])?
        .with_column("c", Column::categorical_from_strings(["p", "q", "p", "q"])?)?
        .with_column("n", vec![Some(1_i64), None, Some(2), Some(3)])?;
    let var = DataFrame::new(["A", "B", "C"]);
    let sparse = SparseMatrix::from_dense(&x, SparseFormat::Csr)?;
    let uns = [("x".to_owned(), Element::from(1_i64)), ("y".to_owned(), Element::from("t"))];
    AnnData::builder()
        .x(sparse.clone())
        .obs(obs)
        .var(var.clone())
        .layer("l", x.clone())
        .obsm("p", Tensor::from_vec([4, 2], vec![0.5; 8])?)
        .uns("u", Element::Mapping(uns.into_iter().collect()))
        .raw(Raw::new(Some(sparse.into()), var, anndata_core::Mapping::new())?)
        .build()
}

fn memory() -> Group {
    Group::root(Arc::new(MemoryStore::new()) as Arc<dyn Storage>)
}

fn stored() -> Result<Group> {
    let root = memory();
    io::write_anndata(&root, &object()?, &ElemWriteOptions::default())?;
    Ok(root)
}

fn read(root: &Group, decide: impl Fn(&str) -> OnRead + Sync) -> Result<AnnData> {
    match read_dispatched(root, "", &ElemReadOptions::default(), |step| Ok(decide(step.path())))? {
        Element::AnnData(adata) => Ok(*adata),
        other => Err(Error::bug(format!("{other:?}"))),
    }
}

#[test]
fn elements_are_asked_of_in_the_order_of_python() -> Result<()> {
    let root = stored()?;
    let mut seen = Vec::new();
    let whole = read_dispatched(&root, "", &ElemReadOptions::default(), |step| {
        seen.push((step.path().to_owned(), step.encoding()?.unwrap().0));
        Ok(OnRead::Default)
    })?;
    assert_eq!(whole, Element::from(object()?));
    // What `anndata.experimental.read_dispatched` of anndata 0.13 calls its function with; its names begin with a slash, and text
    // of an index is nullable there.
    let expected = [
        ("", "anndata"),
        ("X", "csr_matrix"),
        ("obs", "dataframe"),
        ("obs/z", "array"),
        ("obs/c", "categorical"),
        ("obs/c/codes", "array"),
        ("obs/c/categories", "string-array"),
        ("obs/n", "nullable-integer"),
        ("obs/n/values", "array"),
        ("obs/n/mask", "array"),
        ("obs/_index", "string-array"),
        ("var", "dataframe"),
        ("var/_index", "string-array"),
        ("obsm", "dict"),
        ("obsm/p", "array"),
        ("varm", "dict"),
        ("obsp", "dict"),
        ("varp", "dict"),
        ("layers", "dict"),
        ("layers/l", "array"),
        ("uns", "dict"),
        ("uns/u", "dict"),
        ("uns/u/x", "numeric-scalar"),
        ("uns/u/y", "string"),
        ("raw", "raw"),
        ("raw/X", "csr_matrix"),
        ("raw/var", "dataframe"),
        ("raw/var/_index", "string-array"),
        ("raw/varm", "dict"),
    ];
    assert_eq!(seen, expected.map(|(path, encoding)| (path.to_owned(), encoding.to_owned())));

    let mut seen = Vec::new();
    let target = memory();
    write_dispatched(&target, "", &whole, &ElemWriteOptions::default(), |step| {
        seen.push(step.path().to_owned());
        Ok(OnWrite::Default)
    })?;
    let expected = [
        "",
        "obs",
        "obs/_index",
        "obs/z",
        "obs/c",
        "obs/c/codes",
        "obs/c/categories",
        "obs/n",
        "obs/n/values",
        "obs/n/mask",
        "var",
        "var/_index",
        "uns",
        "uns/u",
        "uns/u/x",
        "uns/u/y",
        "obsm",
        "obsm/p",
        "varm",
        "obsp",
        "varp",
        "X",
        "layers",
        "layers/l",
        "raw",
        "raw/X",
        "raw/var",
        "raw/var/_index",
        "raw/varm",
    ];
    assert_eq!(seen, expected);
    // What is written is what is written without being asked about.
    assert_eq!(target.children()?, root.children()?);
    assert_eq!(io::read_anndata(&target, &ElemReadOptions::default())?, object()?);
    Ok(())
}

#[test]
fn of_every_kind_of_object_what_is_not_decided_on_is_read_and_written_as_it_is() -> Result<()> {
    for seed in 0..4 {
        let adata = RandomAnnData::new(6, 5).with_seed(seed).make()?;
        let root = memory();
        write_dispatched(&root, "", &adata.clone().into(), &ElemWriteOptions::default(), |_| Ok(OnWrite::Default))?;
        for lazy in [false, true] {
            let options = ElemReadOptions::default().with_lazy(lazy);
            let back = read_dispatched(&root, "", &options, |_| Ok(OnRead::Default))?;
            assert_eq!(back.load()?, io::read_elem(&root, "", &ElemReadOptions::default())?);
            let Element::AnnData(back) = back else { unreachable!() };
            assert_eq!(matches!(back.x(), Some(Element::Lazy(_))), lazy);
        }
        assert_eq!(io::read_anndata(&root, &ElemReadOptions::default())?, adata);
    }
    Ok(())
}

#[test]
fn no_more_is_read_than_is_decided() -> Result<()> {
    let (root, reads) = Counting::around(Arc::clone(stored()?.storage()));
    let part = |path: &str| match path {
        "X" => OnRead::Part(vec![AxisSelection::Range(0..2)]),
        "obsm/p" => OnRead::Lazy,
        _ => OnRead::Skip,
    };
    let pair = read_dispatched(&root, "obsm", &ElemReadOptions::default(), |step| {
        Ok(if step.path() == "obsm" { OnRead::Default } else { part(step.path()) })
    })?;
    assert!(matches!(&pair.as_mapping()?["p"], Element::Lazy(p) if !p.is_loaded()));
    assert!(reads.take().is_empty());

    let frame = read_dispatched(&root, "obs", &ElemReadOptions::default(), |step| {
        Ok(if step.path().ends_with('n') { OnRead::Skip } else { OnRead::Default })
    })?;
    assert_eq!(frame.as_frame()?.column_names().collect::<Vec<_>>(), ["z", "c"]);
    let read: Vec<String> = reads.take().into_iter().map(|(path, _)| path).collect();
    assert_eq!(read, ["obs/_index", "obs/c/categories", "obs/c/codes", "obs/z"]);

    let x = read_dispatched(&root, "X", &ElemReadOptions::default(), |step| Ok(part(step.path())))?;
    assert_eq!(x, object()?.x().unwrap().select(&[AxisSelection::Range(0..2)])?);
    Ok(())
}

#[test]
fn what_is_decided_stands_in_the_object() -> Result<()> {
    let root = stored()?;
    let given = read(&root, |path| match path {
        "X" => OnRead::Lazy,
        "layers" | "uns/u/y" | "raw/varm" | "obs/z" => OnRead::Skip,
        "obsm/p" => OnRead::Part(vec![AxisSelection::Range(0..4), AxisSelection::Range(1..2)]),
        "obs/n" => OnRead::Opaque,
        "obs/c/categories" => OnRead::Value(Column::strings(["first", "second"]).into()),
        "raw/X" => OnRead::Value(Tensor::from_vec([4, 3], vec![7_i32; 12]).unwrap().into()),
        _ => OnRead::Default,
    })?;
    assert!(matches!(given.x(), Some(Element::Lazy(x)) if !x.is_loaded()));
    assert_eq!(given.layers().len(), 1);
    assert_eq!(given.obs().column_names().collect::<Vec<_>>(), ["c", "n"]);
    assert_eq!(given.obs().column("c")?.to_vec::<String>()?, ["first", "second", "first", "second"]);
    assert!(matches!(given.obs().series("n").unwrap(), anndata_core::Series::Opaque(_)));
    assert_eq!(given.obsm()["p"].shape()?, Some(vec![4, 1]));
    assert_eq!(given.uns()["u"].as_mapping()?.keys().collect::<Vec<_>>(), ["x"]);
    assert_eq!(given.raw().unwrap().x().unwrap().to_tensor()?.as_slice::<i32>()?, [7; 12]);
    // Whole slots, and the raw.
    let raw = object()?.raw().unwrap().clone();
    let given = read(&root, |path| match path {
        "raw" => OnRead::Value(raw.clone().into()),
        "obs" => OnRead::Value(DataFrame::new(["1", "2", "3", "4"]).into()),
        "uns" | "obsm" | "var" => OnRead::Lazy,
        _ => OnRead::Default,
    })?;
    assert_eq!((given.obs_names()?, given.raw()), (["1", "2", "3", "4"].map(str::to_owned).to_vec(), Some(&raw)));
    assert!(matches!(given.obsm()["p"], Element::Lazy(_)));
    // What a step can tell and do by itself.
    read_dispatched(&root, "", &ElemReadOptions::default(), |step| {
        if step.path() == "X" {
            assert_eq!(step.shape()?, Some(vec![4, 3]));
            assert_eq!(step.read()?, *object()?.x().unwrap());
            let part = [AxisSelection::from(vec![2, 0])];
            assert_eq!(step.read_part(&part)?, object()?.x().unwrap().select(&part)?);
            assert_eq!(step.schema()?, step.lazy()?.schema()?);
            assert!(step.node().as_group().is_ok());
        }
        Ok(OnRead::Default)
    })?;
    Ok(())
}

#[test]
fn decisions_that_cannot_be_are_refused() -> Result<()> {
    let root = stored()?;
    let rows = || OnRead::Part(vec![AxisSelection::Range(0..2)]);
    let refused = |at: &'static str, decision: OnRead| {
        let error = read(&root, move |path| if path == at { decision.clone() } else { OnRead::Default }).unwrap_err();
        assert!(error.is_invalid_input(), "{at}: {error:?}");
        (error.path().unwrap_or_default().to_owned(), error.to_string())
    };
    let (path, text) = refused("obs/_index", OnRead::Skip);
    assert!(path == "obs/_index" && text.contains("the index of a data frame cannot be left out"), "{text}");
    for (decision, what) in [(OnRead::Skip, "left out"), (OnRead::Lazy, "lazy"), (OnRead::Opaque, "opaque")] {
        let (path, text) = refused("obs/c/codes", decision);
        assert!(path == "obs/c/codes" && text.contains(&format!("cannot be {what} alone")), "{text}");
    }
    for at in ["obs/z", "obs/c", "obs/c/codes", "obs/n/mask", "X", "obsm/p", "raw/X", "var"] {
        let (_, text) = refused(at, rows());
        assert!(text.contains("does not fit together"), "{at}: {text}");
    }
    let (path, text) = refused("obsm/p", OnRead::Part(vec![AxisSelection::Range(0..5)]));
    assert!(path == "obsm/p" && text.contains("out of bounds"), "{text}");
    refused("", OnRead::Skip);
    // What the function says itself.
    let error = read_dispatched(&root, "", &ElemReadOptions::default(), |step| match step.path() {
        "uns/u" => Err(Error::not_found("as a test")),
        _ => Ok(OnRead::Default),
    });
    assert!(error.is_err_and(|error| error.is_not_found() && error.path() == Some("uns/u")));
    let error = read_dispatched(&root, "absent", &ElemReadOptions::default(), |_| Ok(OnRead::Default));
    assert!(error.is_err_and(|error| error.is_not_found()));
    Ok(())
}

fn written(decide: impl Fn(&str) -> OnWrite + Sync) -> Result<Group> {
    let root = memory();
    write_dispatched(&root, "", &object()?.into(), &ElemWriteOptions::default(), |step| Ok(decide(step.path())))?;
    Ok(root)
}

#[test]
fn what_is_decided_is_written() -> Result<()> {
    let root = written(|path| match path {
        "layers" | "uns/u/y" | "raw" | "obs/n" => OnWrite::Skip,
        "X" => OnWrite::Value(Tensor::from_vec([4, 3], vec![1_i32; 12]).unwrap().into()),
        "obs/z" => OnWrite::Value(Column::strings(["1", "2", "3", "4"]).into()),
        "obs/c/categories" => OnWrite::Value(Column::strings(["P", "Q"]).into()),
        _ => OnWrite::Default,
    })?;
    assert_eq!(root.kind("layers")?, None);
    assert_eq!(root.kind("raw")?, None);
    let back = io::read_anndata(&root, &ElemReadOptions::default())?;
    assert_eq!(back.x().unwrap().to_tensor()?.as_slice::<i32>()?, [1; 12]);
    assert_eq!(back.obs().column_names().collect::<Vec<_>>(), ["z", "c"]);
    assert_eq!(back.obs().column("z")?.to_vec::<String>()?, ["1", "2", "3", "4"]);
    assert_eq!(back.obs().column("c")?.to_vec::<String>()?, ["P", "Q", "P", "Q"]);
    assert_eq!(back.uns()["u"].as_mapping()?.len(), 1);

    // One element takes the place of another.
    let uns = |step: &anndata_experimental::WriteStep<'_>| {
        Ok(if step.path() == "uns/new/b" { OnWrite::Skip } else { OnWrite::Default })
    };
    let pair: anndata_core::Mapping = [("a".to_owned(), 1_i64.into()), ("b".to_owned(), 2_i64.into())].into();
    write_dispatched(&root, "uns/new", &pair.clone().into(), &ElemWriteOptions::default(), uns)?;
    assert_eq!(root.group("uns/new")?.children()?, ["a"]);
    write_dispatched(&root, "uns/new", &pair.into(), &ElemWriteOptions::default(), |_| Ok(OnWrite::Default))?;
    assert_eq!(root.group("uns/new")?.children()?, ["a", "b"]);
    // Nothing of what is left out as a whole.
    write_dispatched(&root, "uns/none", &1_i64.into(), &ElemWriteOptions::default(), |_| Ok(OnWrite::Skip))?;
    assert_eq!((root.kind("uns/none")?, root.kind("uns")?), (None, Some(NodeKind::Group)));
    Ok(())
}

#[test]
fn arrays_are_stored_as_decided() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let root = Group::root(Arc::new(Hdf5Store::create(folder.path().join("a.h5"))?));
    let layout = |rows: u64, codecs: &[Codec]| ArrayLayout::default().with_chunks([rows]).with_codecs(codecs);
    write_dispatched(&root, "a", &object()?.into(), &ElemWriteOptions::default(), |step| {
        Ok(match step.path() {
            // All arrays in it, but for one of them that has a layout of its own.
            "a/X" => OnWrite::Layout(layout(2, &[Codec::Zlib { level: 4 }])),
            "a/obs/c" => OnWrite::Layout(layout(2, &[])),
            "a/obs/c/codes" => OnWrite::Layout(layout(1, &[Codec::Shuffle, Codec::Zlib { level: 1 }])),
            _ => OnWrite::Default,
        })
    })?;
    let spec = |path: &str| root.array(path).map(|array| array.spec().as_ref().clone());
    for (path, rows, codecs) in [
        ("a/X/data", 2, &[Codec::Zlib { level: 4 }][..]),
        ("a/X/indices", 2, &[Codec::Zlib { level: 4 }]),
        ("a/X/indptr", 2, &[Codec::Zlib { level: 4 }]),
        ("a/obs/c/categories", 2, &[]),
        ("a/obs/c/codes", 1, &[Codec::Shuffle, Codec::Zlib { level: 1 }]),
    ] {
        let spec = spec(path)?;
        assert_eq!((spec.chunks.as_deref(), &*spec.codecs), (Some(&[rows][..]), codecs), "{path}");
    }
    assert_eq!(spec("a/layers/l")?.codecs, spec("a/obsm/p")?.codecs);
    assert_eq!(io::read_elem(&root, "a", &ElemReadOptions::default())?, object()?.into());

    let layout = ArrayLayout::default().with_chunks([2]).with_shards([4]);
    let sharded = write_dispatched(&root, "b", &object()?.into(), &ElemWriteOptions::default(), |step| {
        Ok(if step.path() == "b/obs/z" { OnWrite::Layout(layout.clone()) } else { OnWrite::Default })
    });
    let error = sharded.unwrap_err();
    assert!(error.path() == Some("b/obs/z") && error.text().contains("shards"), "{error:?}");
    assert_eq!(root.children()?, ["a"]);
    Ok(())
}

#[test]
fn decisions_about_writing_that_cannot_be_are_refused_and_leave_nothing() -> Result<()> {
    for (at, says) in [
        ("obs/_index", "the index of a data frame cannot be left out"),
        ("obs/c/codes", "cannot be left out alone"),
        ("obs/n/mask", "cannot be left out alone"),
    ] {
        let root = memory();
        let skip = |path: &str| if path == at { OnWrite::Skip } else { OnWrite::Default };
        let element = Element::from(object()?);
        let result = write_dispatched(&root, "", &element, &ElemWriteOptions::default(), |step| Ok(skip(step.path())));
        let error = result.unwrap_err();
        assert!(error.is_invalid_input() && error.text().contains(says) && error.path() == Some(at), "{error:?}");
        assert_eq!(root.children()?, [""; 0]);
    }
    let full = stored()?;
    let error = write_dispatched(&full, "", &object()?.into(), &ElemWriteOptions::default(), |_| Ok(OnWrite::Default));
    assert!(error.is_err_and(|error| error.kind() == anndata_core::ErrorKind::AlreadyExists));
    let error =
        write_dispatched(&memory(), "a", &1_i64.into(), &ElemWriteOptions::default(), |_| Err(Error::io("as a test")));
    assert!(error.is_err_and(|error| error.path() == Some("a") && error.text() == "as a test"));
    Ok(())
}
