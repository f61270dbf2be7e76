//! What the options of reading and writing change: sparse and dense, text and categories.

use anndata::encoding::EncodeOptions;
use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::node::Node;
use anndata::{
    AnnData, Column, ColumnKind, DataFrame, Element, Group, Mapping, NaValue, Raw, Result, SparseFormat, SparseMatrix,
    Tensor,
};
use anndata_tests::stores;

fn dense(rows: usize, columns: usize) -> Tensor {
    let value = |i: usize| if i.is_multiple_of(3) { f32::from(u16::try_from(i).unwrap()) + 0.5 } else { 0.0 };
    Tensor::from_vec([rows, columns], (0..rows * columns).map(value).collect()).unwrap()
}

/// An object with the same matrices everywhere a choice can be made.
fn matrices(x: &Element, raw: &Element) -> Result<AnnData> {
    let columns = raw.shape()?.unwrap_or_default()[1];
    AnnData::builder()
        .x(x.clone())
        .layer("counts", x.clone())
        .layer("kept", x.clone())
        .raw(Raw::new(Some(raw.clone()), DataFrame::unnamed(columns), Mapping::new())?)
        .build()
}

fn encoding(root: &Group, path: &str) -> Result<String> {
    Ok(Node::open(root, path)?.text_attribute("encoding-type")?.unwrap_or_default())
}

fn lazy() -> ElemReadOptions {
    ElemReadOptions::default().with_lazy(true)
}

/// Objects of these matrices, in memory and lazy.
fn eager_and_lazy(store: &Group, x: &Element, raw: &Element) -> Result<[AnnData; 2]> {
    let adata = matrices(x, raw)?;
    io::write_anndata(store, &adata, &ElemWriteOptions::default())?;
    Ok([adata, io::read_anndata(store, &lazy())?])
}

const SHAPES: [(usize, usize); 4] = [(7, 5), (0, 5), (7, 0), (0, 0)];

#[test]
fn sparse_matrices_are_written_dense() -> Result<()> {
    for (format, (rows, columns)) in
        [SparseFormat::Csr, SparseFormat::Csc].into_iter().flat_map(|f| SHAPES.map(|s| (f, s)))
    {
        let (x, raw) = (dense(rows, columns), dense(rows, columns + 2));
        let sparse = |tensor: &Tensor| SparseMatrix::from_dense(tensor, format).map(Element::from);
        for adata in eager_and_lazy(&stores::memory(), &sparse(&x)?, &sparse(&raw)?)? {
            stores::on_each(|root| {
                let encode = EncodeOptions::default().with_as_dense(["X", "raw/X", "layers/counts"]);
                io::write_anndata(root, &adata, &ElemWriteOptions::default().with_encode(encode))?;
                for path in ["X", "raw/X", "layers/counts"] {
                    assert_eq!(encoding(root, path)?, "array", "{path}");
                }
                assert_eq!(encoding(root, "layers/kept")?, format!("{}_matrix", format.to_string().to_lowercase()));
                let back = io::read_anndata(root, &ElemReadOptions::default())?;
                assert_eq!(back.x(), Some(&x.clone().into()), "{format:?} {rows} x {columns}");
                assert_eq!(back.layer(Some("counts")), Some(&x.clone().into()));
                assert_eq!(back.raw().and_then(Raw::x), Some(&raw.clone().into()));
                Ok(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn dense_matrices_are_written_sparse() -> Result<()> {
    for (rows, columns) in SHAPES {
        let (x, raw) = (dense(rows, columns), dense(rows, columns + 2));
        for adata in eager_and_lazy(&stores::memory(), &x.clone().into(), &raw.clone().into())? {
            stores::on_each(|root| {
                let encode = EncodeOptions::default().with_as_sparse(["X", "raw.X", "layers/counts"]);
                io::write_anndata(root, &adata, &ElemWriteOptions::default().with_encode(encode))?;
                let back = io::read_anndata(root, &ElemReadOptions::default())?;
                for (path, element, expected) in [
                    ("X", back.x(), &x),
                    ("layers/counts", back.layer(Some("counts")), &x),
                    ("raw/X", back.raw().and_then(Raw::x), &raw),
                ] {
                    assert_eq!(encoding(root, path)?, "csr_matrix", "{path}");
                    let Some(Element::Sparse(matrix)) = element else { panic!("{path}: {element:?}") };
                    assert_eq!(matrix.to_dense()?, *expected, "{path} {rows} x {columns}");
                    assert_eq!(matrix.nnz(), expected.as_slice::<f32>()?.iter().filter(|&&v| v != 0.0).count());
                }
                assert_eq!(back.layer(Some("kept")), Some(&x.clone().into()));
                Ok(())
            })?;
        }
    }
    Ok(())
}

#[test]
fn dense_matrices_are_read_sparse() -> Result<()> {
    for (format, (rows, columns)) in
        [SparseFormat::Csr, SparseFormat::Csc].into_iter().flat_map(|f| SHAPES.map(|s| (f, s)))
    {
        let (x, raw) = (dense(rows, columns), dense(rows, columns + 2));
        stores::on_each(|root| {
            io::write_anndata(root, &matrices(&x.clone().into(), &raw.clone().into())?, &ElemWriteOptions::default())?;
            for options in [ElemReadOptions::default(), lazy()] {
                let adata = io::read_anndata(root, &options.with_as_sparse(["X", "raw/X", "layers/counts"], format))?;
                for (element, expected) in
                    [(adata.x(), &x), (adata.layer(Some("counts")), &x), (adata.raw().and_then(Raw::x), &raw)]
                {
                    let matrix = element.unwrap().to_sparse()?;
                    assert_eq!(matrix.format(), format);
                    assert_eq!(matrix.to_dense()?, *expected, "{format:?} {rows} x {columns}");
                }
                assert_eq!(adata.layer(Some("kept")).unwrap().to_tensor()?, x);
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn names_of_matrices_that_are_not_there_are_errors() -> Result<()> {
    let with = matrices(&dense(2, 2).into(), &dense(2, 3).into())?;
    let without = AnnData::builder().shape(2, 2).raw(Raw::new(None, DataFrame::unnamed(3), Mapping::new())?).build()?;
    let cases: [(&AnnData, &[&str]); 2] = [
        (&with, &["x", "layers", "layers/nope", "raw", "raw/layers/a", "obs", "uns/a", "", "layers/counts/data"]),
        (&without, &["X", "raw/X"]),
    ];
    for (adata, names) in cases {
        stores::on_each(|root| {
            io::write_anndata(root, adata, &ElemWriteOptions::default())?;
            for name in names {
                for options in [ElemReadOptions::default(), lazy()] {
                    let read = io::read_anndata(root, &options.with_as_sparse([*name], SparseFormat::Csr));
                    let error = read.err().unwrap_or_else(|| panic!("{name:?} was read as sparse"));
                    assert!(error.to_string().contains(name), "{name:?}: {error}");
                }
                let empty = stores::memory();
                for encode in
                    [EncodeOptions::default().with_as_sparse([*name]), EncodeOptions::default().with_as_dense([*name])]
                {
                    let options = ElemWriteOptions::default().with_encode(encode);
                    let error = io::write_anndata(&empty, adata, &options).unwrap_err();
                    assert!(error.to_string().contains(name), "{name:?}: {error}");
                    assert!(empty.children()?.is_empty(), "{name:?} wrote something");
                }
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn matrices_are_named_below_their_object_whatever_their_keys() -> Result<()> {
    let x = dense(3, 4);
    let adata = AnnData::builder().x(x.clone()).layer("log1p.counts", x.clone()).build()?;
    let asked = ["X", "layers/log1p.counts"];
    stores::on_each(|root| {
        let group = root.create_group("study.1/object")?;
        let encode = EncodeOptions::default().with_as_sparse(asked);
        io::write_anndata(&group, &adata, &ElemWriteOptions::default().with_encode(encode))?;
        for path in asked {
            assert_eq!(encoding(&group, path)?, "csr_matrix");
        }
        let again = root.create_group("again")?;
        let encode = EncodeOptions::default().with_as_dense(["layers.log1p.counts"]);
        let back = io::read_anndata(&group, &ElemReadOptions::default())?;
        io::write_anndata(&again, &back, &ElemWriteOptions::default().with_encode(encode))?;
        assert_eq!(encoding(&again, "X")?, "csr_matrix");
        assert_eq!(encoding(&again, "layers/log1p.counts")?, "array");
        let read = io::read_anndata(
            &again,
            &ElemReadOptions::default().with_as_sparse(["layers/log1p.counts"], SparseFormat::Csc),
        )?;
        assert_eq!(read.layer(Some("log1p.counts")).unwrap().to_sparse()?.to_dense()?, x);
        let both = EncodeOptions::default().with_as_dense(["X"]).with_as_sparse(["X"]);
        let error =
            io::write_anndata(&stores::memory(), &adata, &ElemWriteOptions::default().with_encode(both)).unwrap_err();
        assert!(error.is_invalid_input(), "{error}");
        Ok(())
    })
}

fn categories(frame: &DataFrame, name: &str) -> Result<Option<Vec<String>>> {
    let column = frame.column(name)?;
    if !matches!(column.kind(), ColumnKind::Categorical { .. }) {
        return Ok(None);
    }
    column.codes_and_categories()?.1.to_tensor()?.to_strings().map(Some)
}

/// Texts in the order in which Python's `natsort` has them. (Beyond ASCII it goes by decomposed characters, which is
/// left out here: the order is by code point.)
const NATURAL: [&str; 31] = [
    "",
    "01",
    "1",
    "1.5",
    "1.25",
    "1a",
    "1b",
    "009",
    "9",
    "10",
    "-3",
    "-12",
    "A1",
    "B cell",
    "B-cell 9",
    "B-cell 10",
    "T",
    "T10",
    "a",
    "a1",
    "a1b",
    "a02",
    "a2",
    "a2b",
    "a10",
    "a 1",
    "a  1",
    "t10",
    "x1y9",
    "x1y10",
    "z",
];

#[test]
fn texts_that_repeat_become_categorical() -> Result<()> {
    let n = 2 * NATURAL.len();
    let shuffled: Vec<&str> = (0..n).map(|i| NATURAL[i * 7 % NATURAL.len()]).collect();
    let missing = |every: usize| (0..n).map(|i| i.is_multiple_of(every)).collect::<Vec<bool>>();
    let text = Tensor::from_strings([n], &shuffled)?;
    let unique = Tensor::from_strings([n], (0..n).map(|i| i.to_string()))?;
    let frame = DataFrame::unnamed(n)
        .with_column("repeats", shuffled.clone())?
        .with_column("unique", Column::plain(&unique)?)?
        .with_column("holes", Column::nullable(&text, &missing(2), NaValue::Nan)?)?
        // One missing value makes fewer categories than rows, as Python counts them.
        .with_column("unique but one", Column::nullable(&unique, &missing(n), NaValue::Na)?)?
        .with_column("number", (0..n).map(|i| i % 2 == 0).collect::<Vec<bool>>())?
        .with_column(
            "categorical",
            Column::categorical(&Tensor::from_vec([n], vec![0_i16; n])?, &vec!["z", "a"].into(), true)?,
        )?;
    let adata = AnnData::builder()
        .obs(frame.clone())
        .var(DataFrame::new(["p", "q"]).with_column("v", vec!["same", "same"])?)
        .raw(Raw::new(None, DataFrame::new(["r", "s"]).with_column("v", vec!["x", "x"])?, Mapping::new())?)
        .obsm("df", frame.clone())
        .uns("inner", AnnData::builder().obs(frame.clone()).build()?)
        .build()?;
    let options = ElemWriteOptions::default().with_encode(EncodeOptions::default().with_strings_to_categoricals(true));
    stores::on_each(|root| {
        let before = adata.clone();
        let back = stores::through_with(root, &adata, &options, &anndata::encoding::Registry::default())?;
        assert_eq!(adata, before, "writing changed the object");
        assert_eq!(categories(back.obs(), "repeats")?.as_deref(), Some(&NATURAL.map(str::to_owned)[..]));
        assert_eq!(categories(back.obs(), "unique")?, None);
        assert_eq!(categories(back.obs(), "unique but one")?.map(|names| names.len()), Some(n - 1));
        assert_eq!(categories(back.var(), "v")?, Some(vec!["same".to_owned()]));
        assert_eq!(categories(back.raw().unwrap().var(), "v")?, Some(vec!["x".to_owned()]));
        for name in ["repeats", "holes", "unique but one"] {
            assert_eq!(back.obs().column(name)?.to_strings()?, frame.column(name)?.to_strings()?, "{name}");
        }
        for name in ["number", "categorical", "unique"] {
            assert_eq!(back.obs().column(name)?, frame.column(name)?, "{name}");
        }
        let codes = back.obs().column("repeats")?.codes_and_categories()?.0;
        assert_eq!(codes.dtype().to_string(), "int8");
        assert_eq!(back.obsm()["df"], frame.clone().into(), "frames beside obs and var are left alone");
        assert_eq!(back.uns()["inner"], adata.uns()["inner"], "objects within the object are left alone");
        Ok(())
    })
}

#[test]
fn nullable_text_is_written_plain_where_nothing_is_missing() -> Result<()> {
    let text = Tensor::from_strings([2], ["a", "ü"])?;
    let nullable = |missing: [bool; 2]| Column::nullable(&text, &missing, NaValue::Nan);
    let obs = DataFrame::with_index(nullable([false, false])?).with_column("kind", nullable([false, false])?)?;
    let adata = AnnData::builder().obs(obs.clone()).uns("words", nullable([false, false])?).build()?;
    let holes = AnnData::builder().obs(obs.with_column("holes", nullable([false, true])?)?).build()?;
    let options = ElemWriteOptions::default().with_encode(EncodeOptions::default().with_plain_strings(true));

    let source = stores::memory();
    io::write_anndata(&source, &adata, &ElemWriteOptions::default())?;
    assert_eq!(encoding(&source, "obs/kind")?, "nullable-string-array");
    for adata in [adata, io::read_anndata(&source, &lazy())?] {
        stores::on_each(|root| {
            io::write_anndata(root, &adata, &options)?;
            for path in ["obs/_index", "obs/kind", "uns/words"] {
                assert_eq!(encoding(root, path)?, "string-array", "{path}");
            }
            let back = io::read_anndata(root, &ElemReadOptions::default())?;
            assert_eq!(back.obs().column("kind")?, vec!["a", "ü"].into());
            assert_eq!(back.obs_names()?, ["a", "ü"]);
            Ok(())
        })?;
    }

    let source = stores::memory();
    io::write_anndata(&source, &holes, &ElemWriteOptions::default())?;
    for adata in [holes, io::read_anndata(&source, &lazy())?] {
        stores::on_each(|root| {
            let error = io::write_anndata(root, &adata, &options).unwrap_err();
            assert!(error.is_invalid_input() && error.path() == Some("obs/holes"), "{error}");
            Ok(())
        })?;
    }
    Ok(())
}
