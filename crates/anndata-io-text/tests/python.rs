//! The readers against Python's, on files that `text.py` makes and on samples of other programs; and what is written, read by
//! Python.
//!
//! `ANNDATA_PYTHON` is an interpreter that has anndata; with scanpy, loompy, mudata and openpyxl more formats are compared.
//! `ANNDATA_TEXT_SAMPLES` is a folder of samples, by default `shared/data/text` beside the project. Without either the rest is done.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test may fail anywhere, and says what it skips"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anndata_core::{AnnData, DataFrame, Element, SparseFormat, SparseMatrix, Tensor, Tolerance};
use anndata_format::io::{ElemReadOptions, ElemWriteOptions, read_anndata, write_anndata};
use anndata_io_hdf5::{Hdf5Options, Hdf5Store, write_atomic};
use anndata_io_text::{
    Delimiter, LoomOptions, MtxOptions, MuData, Tenx5Options, TenxMtxOptions, TextFormat, TextOptions, VarNames,
    WriteCsvsOptions, read_10x_h5_with, read_10x_mtx_with, read_h5mu, read_h5mu_modality, read_hdf, read_loom,
    read_loom_with, read_mtx_folder, read_mtx_with, read_text_with, read_umi_tools, write_csvs_with, write_h5mu,
    write_loom, write_mtx,
};
use anndata_storage::{DType, Group, Result};
use serde_json::Value;

/// Runs the script; says whether there is a Python to do so.
fn python(arguments: &[&Path]) -> bool {
    let Some(interpreter) = std::env::var_os("ANNDATA_PYTHON") else {
        eprintln!("skipped: ANNDATA_PYTHON is not set");
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/text.py");
    let ran = Command::new(interpreter).arg(script).args(arguments).status().expect("Python starts");
    assert!(ran.success(), "text.py failed");
    true
}

fn samples() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/text");
    let folder = std::env::var_os("ANNDATA_TEXT_SAMPLES").map_or_else(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

fn read_h5ad(path: &Path) -> Result<AnnData> {
    let store = Hdf5Store::open(path, &Hdf5Options::default())?;
    read_anndata(&Group::root(Arc::new(store)), &ElemReadOptions::default())
}

fn dtype(name: &str) -> DType {
    if name == "float64" { DType::F64 } else { DType::F32 }
}

/// Reads the file of a case as it says.
fn read(case: &Value) -> Result<AnnData> {
    let path = Path::new(case["path"].as_str().expect("a path"));
    let options = &case["options"];
    let text = |name: &str| options[name].as_str();
    let flag = |name: &str, default: bool| options[name].as_bool().unwrap_or(default);
    match case["reader"].as_str().expect("a reader") {
        "mtx" => read_mtx_with(path, &MtxOptions::default().with_dtype(text("dtype").map_or(DType::F32, dtype))),
        reader @ ("csv" | "text") => {
            let mut read = if reader == "csv" { TextOptions::csv() } else { TextOptions::text() };
            if let Some(delimiter) = text("delimiter") {
                read = read.with_delimiter(Delimiter::Char(delimiter.as_bytes()[0]));
            }
            read = read.with_first_column_names(flag("names", false));
            read_text_with(path, &read.with_dtype(text("dtype").map_or(DType::F32, dtype)))
        }
        "umi_tools" => read_umi_tools(path),
        "hdf" => read_hdf(path, text("key").expect("a key")),
        "10x_h5" => {
            let mut read = Tenx5Options::default().with_gex_only(flag("gex_only", true));
            if let Some(genome) = text("genome") {
                read = read.with_genome(genome);
            }
            read_10x_h5_with(path, &read)
        }
        "10x_mtx" => {
            let names = if text("var_names") == Some("gene_ids") { VarNames::GeneIds } else { VarNames::GeneSymbols };
            let read = TenxMtxOptions::default()
                .with_prefix(text("prefix").unwrap_or_default())
                .with_gex_only(flag("gex_only", true))
                .with_make_unique(flag("make_unique", true))
                .with_var_names(names);
            read_10x_mtx_with(path, &read)
        }
        "loom" => {
            let mut read = LoomOptions::default().with_sparse(flag("sparse", true));
            if let Some(name) = text("x_name") {
                read = read.with_x_name(name);
            }
            read = read.with_obs_names(text("obs_names").unwrap_or("CellID"));
            read_loom_with(path, &read.with_var_names(text("var_names").unwrap_or("Gene")))
        }
        "h5mu" => read_h5mu_modality(path, text("modality").expect("a modality")),
        #[cfg(feature = "excel")]
        "excel" => anndata_io_text::read_excel(path, text("sheet").expect("a sheet")),
        other => panic!("no reader '{other}'"),
    }
}

/// What is compared of a frame: Python makes categories of text when it writes.
fn frame_parts(frame: &DataFrame) -> Vec<(String, Vec<String>)> {
    let index = (frame.index_name().unwrap_or("-").to_owned(), frame.names().expect("names"));
    let columns = frame.column_names().map(|name| {
        let labels = frame.column(name).and_then(|column| column.to_labels());
        (name.to_owned(), labels.expect("labels"))
    });
    std::iter::once(index).chain(columns).collect()
}

/// What is compared of a matrix: not whether it is by rows or by columns.
fn matrix_parts(element: &Element) -> (bool, Tensor) {
    (matches!(element, Element::Sparse(_)), element.to_dense().expect("a matrix"))
}

fn assert_same(found: &AnnData, expected: &AnnData, what: &str) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    assert_eq!(frame_parts(found.obs()), frame_parts(expected.obs()), "{what}");
    assert_eq!(frame_parts(found.var()), frame_parts(expected.var()), "{what}");
    let layers: Vec<_> = found.layers().keys().collect();
    assert_eq!(layers.len(), expected.layers().len(), "{what}: {layers:?}");
    for (key, layer) in expected.layers() {
        let (ours, theirs) = (matrix_parts(&found.layers()[key]), matrix_parts(layer));
        assert_eq!(ours.0, theirs.0, "{what}: sparse or not, {key:?}");
        // Of layers loompy makes doubles, whatever they are in the file.
        let ours = if what.contains("loom") && key.is_some() {
            ours.1.cast(theirs.1.dtype()).expect("numbers")
        } else {
            ours.1
        };
        assert_eq!(ours.dtype(), theirs.1.dtype(), "{what}: {key:?}");
        // NaN is equal to NaN here.
        assert_eq!(ours.as_bytes(), theirs.1.as_bytes(), "{what}: {key:?}");
    }
    for (key, array) in expected.obsm() {
        assert_eq!(&found.obsm()[key], array, "{what}: {key}");
    }
}

#[test]
fn files_are_read_as_python_reads_them() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let folder = directory.path();
    let mut arguments = vec![Path::new("make"), folder];
    let samples = samples();
    arguments.extend(samples.as_deref());
    if !python(&arguments) {
        return Ok(());
    }
    let cases: Value = serde_json::from_slice(&std::fs::read(folder.join("cases.json"))?).expect("JSON");
    let cases = cases.as_array().expect("a list");
    assert!(cases.len() > 30);
    for case in cases {
        if !cfg!(feature = "excel") && case["reader"] == "excel" {
            continue;
        }
        let what = format!("{} {} {}", case["reader"], case["path"], case["options"]);
        let found = read(case).unwrap_or_else(|error| panic!("{what}: {error}"));
        let expected = read_h5ad(Path::new(case["expected"].as_str().expect("a path")))?;
        assert_same(&found, &expected, &what);
    }
    Ok(())
}

/// An object that every format has a place for.
fn object() -> Result<AnnData> {
    let dense: Vec<f32> = (0..80_u8).map(|i| f32::from(i % 7) * f32::from(i % 3)).collect();
    let x = SparseMatrix::from_dense(&Tensor::from_vec([8, 10], dense.clone())?, SparseFormat::Csr)?;
    let twice = Tensor::from_vec([8, 10], dense.iter().map(|value| value * 2.5).collect::<Vec<_>>())?;
    let names = |stem: &str, count: usize| (0..count).map(|i| format!("{stem}{i}")).collect::<Vec<_>>();
    let obs = DataFrame::new(names("cell-", 8))
        .with_column("n", (0..8_i64).collect::<Vec<_>>())?
        .with_column("x", vec![0.1, 1e-7, 1e20, -3.0, 5.5, 0.0, 123.456, 1e15])?
        .with_column("flag", vec![true, false, true, true, false, true, false, false])?
        .with_column("text", vec!["a,b", "say \"hi\"", "c", "d", "e", "f", "g", "h"])?;
    let var = DataFrame::new(names("gene-", 10)).with_column("gene_ids", names("ENSG", 10))?;
    AnnData::builder()
        .x(x)
        .layer("twice", SparseMatrix::from_dense(&twice, SparseFormat::Csr)?)
        .obs(obs)
        .var(var)
        .obsm("pca", Tensor::from_vec([8, 2], (0..16_u8).map(|i| f64::from(i) / 3.0).collect::<Vec<_>>())?)
        .uns("numbers", Tensor::from_vec([3], vec![1_i64, 2, 3])?)
        .uns("text", "one")
        .uns("table", Tensor::from_vec([2, 2], vec![0.5, 1.0, 1.5, 2.0])?)
        .build()
}

#[test]
fn what_is_written_is_read_by_python_and_here() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let folder = directory.path();
    let adata = object()?;
    write_atomic(folder.join("object.h5ad"), false, false, |store| {
        write_anndata(&Group::root(Arc::clone(store) as _), &adata, &ElemWriteOptions::default())
    })?;
    write_mtx(folder.join("mtx"), &adata)?;
    let omitted = write_csvs_with(folder.join("csvs"), &adata, &WriteCsvsOptions::default().with_skip_data(false))?;
    assert!(omitted.is_empty(), "{omitted:?}");
    write_loom(folder.join("object.loom"), &adata)?;
    let protein = AnnData::builder()
        .x(Tensor::from_vec([2, 1], vec![1.0, 2.0])?)
        .obs(DataFrame::new(["cell-7", "other"]))
        .var(DataFrame::new(["gene-0"]))
        .build()?;
    let both = MuData::new([("rna", adata.clone()), ("prot", protein.clone())])?;
    write_h5mu(folder.join("object.h5mu"), &both, false)?;

    let back = read_mtx_folder(folder.join("mtx"))?;
    assert_eq!(back.x(), adata.x());
    assert_eq!((back.obs_names()?, back.var_names()?), (adata.obs_names()?, adata.var_names()?));
    assert_eq!(back.var().column("gene_ids")?, adata.var().column("gene_ids")?);
    let names = LoomOptions::default().with_obs_names("obs_names").with_var_names("var_names");
    let back = read_loom_with(folder.join("object.loom"), &names)?;
    assert_eq!((back.x(), back.layer(Some("twice"))), (adata.x(), adata.layer(Some("twice"))));
    assert_eq!(back.obs().column("text")?, adata.obs().column("text")?);
    let back = read_h5mu(folder.join("object.h5mu"))?;
    for (name, expected) in &both.modalities {
        let differences = back.modalities[name].differences(expected, Tolerance::EXACT);
        assert!(differences.is_empty(), "{name}: {differences:?}");
    }
    for (name, expected) in &both.slots {
        assert_eq!(&back.slots[name], expected, "{name}");
    }
    assert_eq!(back, both);
    assert_eq!(read_h5mu_modality(folder.join("object.h5mu"), "prot")?, protein);
    let absent = read_h5mu_modality(folder.join("object.h5mu"), "atac").unwrap_err();
    assert_eq!(absent.text(), "there is no modality 'atac'; there are 'rna', 'prot'");

    for (name, format) in [
        ("mtx", Some(TextFormat::MtxFolder)),
        ("mtx/matrix.mtx.gz", Some(TextFormat::Mtx)),
        ("object.loom", Some(TextFormat::Loom)),
        ("object.h5mu", Some(TextFormat::H5mu)),
        ("object.h5ad", None),
        ("csvs", None),
    ] {
        assert_eq!(TextFormat::of(folder.join(name))?, format, "{name}");
    }
    let several = TextFormat::H5mu.read(folder.join("object.h5mu")).unwrap_err();
    assert!(several.is_invalid_input() && several.text().contains("'rna', 'prot'"), "{several}");
    for again in [
        write_mtx(folder.join("mtx"), &adata),
        write_loom(folder.join("object.loom"), &adata),
        write_h5mu(folder.join("object.h5mu"), &both, false),
    ] {
        assert!(again.is_err_and(|error| error.is_already_exists()));
    }
    python(&[Path::new("check"), folder]);
    Ok(())
}

#[test]
fn files_of_others_are_refused() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    write_atomic(&path, false, false, |store| Group::root(Arc::clone(store) as _).create_group("other").map(drop))?;
    assert_eq!(TextFormat::of(&path)?, None);
    for error in [
        read_loom(&path).unwrap_err(),
        read_h5mu(&path).unwrap_err(),
        read_hdf(&path, "data").unwrap_err(),
        read_10x_h5_with(&path, &Tenx5Options::default()).unwrap_err(),
    ] {
        assert!(error.file().is_some_and(|file| file.ends_with("a.h5")), "{error:?}");
    }
    Ok(())
}
