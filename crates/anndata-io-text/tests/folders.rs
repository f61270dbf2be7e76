//! Folders of a matrix of text and names, as different programs write them, and what is wrong with some.

#![allow(clippy::expect_used, reason = "a test may fail anywhere")]

use std::fs;
use std::path::Path;

use anndata_core::{AnnData, Element};
use anndata_io_text::{MtxFolder, TenxMtxOptions, read_10x_mtx, read_10x_mtx_with, read_mtx_folder};
use anndata_storage::Result;

/// Two rows, three columns.
const MATRIX: &str = "%%MatrixMarket matrix coordinate integer general\n2 3 3\n1 1 5\n2 1 1\n2 3 7\n";

/// Files by name, and their texts.
type Files<'a> = &'a [(&'a str, &'a str)];

fn write(folder: &Path, files: Files<'_>) -> Result<()> {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder"))?;
        fs::write(path, text)?;
    }
    Ok(())
}

fn values(adata: &AnnData, layer: Option<&str>) -> Result<Vec<f32>> {
    let matrix = adata.layer(layer).map(Element::to_dense).transpose()?.expect("a matrix");
    matrix.as_slice::<f32>().map(<[f32]>::to_vec)
}

fn names(adata: &AnnData) -> Result<(String, String)> {
    Ok((adata.obs_names()?.join(" "), adata.var_names()?.join(" ")))
}

#[test]
fn each_program_names_its_files_in_its_way() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let folder = |name: &str| directory.path().join(name);

    let star = folder("velocyto");
    let other = MATRIX.replace("1 1 5", "1 1 6");
    let features = "G1\ta\tGene Expression\nG2\tb\tGene Expression\n";
    write(
        &star,
        &[
            ("spliced.mtx", MATRIX),
            ("unspliced.mtx", &other),
            ("features.tsv", features),
            ("barcodes.tsv", "x\ny\nz\n"),
        ],
    )?;
    assert_eq!(MtxFolder::of(&star)?, MtxFolder::CellRanger);
    let adata = read_mtx_folder(&star)?;
    assert_eq!(names(&adata)?, ("x y z".into(), "a b".into()));
    assert_eq!(values(&adata, None)?, [5.0, 1.0, 0.0, 0.0, 0.0, 7.0]);
    assert_eq!(values(&adata, Some("unspliced"))?, [6.0, 1.0, 0.0, 0.0, 0.0, 7.0]);
    assert_eq!(adata.layer(Some("spliced")), adata.x());

    let bus = folder("bus");
    write(
        &bus,
        &[
            ("cells_x_genes.mtx", MATRIX),
            ("cells_x_genes.nascent.mtx", &other),
            ("cells_x_genes.barcodes.txt", "x\ny\n"),
            ("cells_x_genes.genes.txt", "G1\nG2\nG3\n"),
            ("cells_x_genes.genes.names.txt", "a\nb\nc\n"),
        ],
    )?;
    assert_eq!(MtxFolder::of(&bus)?, MtxFolder::Bustools);
    let adata = read_mtx_folder(&bus)?;
    assert_eq!(names(&adata)?, ("x y".into(), "G1 G2 G3".into()));
    assert_eq!(values(&adata, None)?, [5.0, 0.0, 0.0, 1.0, 0.0, 7.0]);
    assert_eq!(values(&adata, Some("nascent"))?, [6.0, 0.0, 0.0, 1.0, 0.0, 7.0]);
    assert_eq!(adata.var().column("gene_name")?.to_labels()?, ["a", "b", "c"]);

    let fry = folder("fry");
    write(
        &fry,
        &[
            ("alevin/quants_mat.mtx", MATRIX),
            ("alevin/quants_mat_rows.txt", "x\ny\n"),
            ("alevin/quants_mat_cols.txt", "G1\nG1-U\nG1-A\n"),
        ],
    )?;
    assert_eq!(MtxFolder::of(&fry)?, MtxFolder::AlevinFry);
    assert_eq!(names(&read_mtx_folder(&fry)?)?, ("x y".into(), "G1 G1-U G1-A".into()));

    let parse = folder("parse");
    write(
        &parse,
        &[
            ("DGE.mtx", MATRIX),
            ("cell_metadata.csv", "bc_wells,sample,gene_count\n01_01,\"s,1\",2\n01_02,s2,3\n"),
            ("all_genes.csv", "gene_id,gene_name,genome\nE1,a,hg\nE2,,hg\nE3,a,hg\n"),
        ],
    )?;
    assert_eq!(MtxFolder::of(&parse)?, MtxFolder::Parse);
    let adata = read_mtx_folder(&parse)?;
    assert_eq!(names(&adata)?, ("01_01 01_02".into(), "a E2 a-1".into()));
    assert_eq!(adata.obs().column("gene_count")?.to_vec::<i64>()?, [2, 3]);
    assert_eq!(adata.obs().column("sample")?.to_labels()?, ["s,1", "s2"]);
    assert_eq!(adata.obs().index_name(), Some("bc_wells"));

    let none = folder("none");
    write(&none, &[("readme.txt", "nothing\n")])?;
    let error = read_mtx_folder(&none).unwrap_err();
    assert!(error.is_unsupported() && error.file() == Some(&none), "{error}");
    Ok(())
}

#[test]
fn names_have_to_fit_the_matrix() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let features = "G1\ta\tGene Expression\nG2\ta\tAntibody Capture\n";
    let cases: [(&str, Files<'_>, &str); 6] = [
        ("no-matrix", &[], "the folder has no file 'matrix.mtx', compressed or not"),
        ("no-features", &[("matrix.mtx", MATRIX)], "the folder has no file 'features.tsv', compressed or not"),
        (
            "no-barcodes",
            &[("matrix.mtx", MATRIX), ("features.tsv", features)],
            "the folder has no file 'barcodes.tsv', compressed or not",
        ),
        (
            "few-features",
            &[("matrix.mtx", MATRIX), ("features.tsv", "G1\ta\tGene Expression\n"), ("barcodes.tsv", "x\ny\nz\n")],
            "it has 1 names, but the matrix has 2 rows",
        ),
        (
            "few-barcodes",
            &[("matrix.mtx", MATRIX), ("features.tsv", features), ("barcodes.tsv", "x\ny\n")],
            "it has 2 names, but the matrix has 3 columns",
        ),
        (
            "ragged",
            &[("matrix.mtx", MATRIX), ("features.tsv", "G1\ta\nG2\n"), ("barcodes.tsv", "x\ny\nz\n")],
            "line 2: expected 2 fields, found 1",
        ),
    ];
    for (name, files, message) in cases {
        let folder = directory.path().join(name);
        fs::create_dir(&folder)?;
        write(&folder, files)?;
        let error = read_10x_mtx(&folder).unwrap_err();
        assert_eq!(error.text(), message, "{name}");
        assert!(error.file().is_some_and(|file| file.starts_with(&folder)), "{error}");
    }

    let folder = directory.path().join("whole");
    write(&folder, &[("matrix.mtx", MATRIX), ("features.tsv", features), ("barcodes.tsv", "x\r\ny\r\nz")])?;
    assert_eq!(names(&read_10x_mtx(&folder)?)?, ("x y z".into(), "a".into()));
    let all = read_10x_mtx_with(&folder, &TenxMtxOptions::default().with_gex_only(false))?;
    assert_eq!(names(&all)?, ("x y z".into(), "a a-1".into()));
    fs::write(folder.join("barcodes.tsv"), b"x\ny\xff\nz\n")?;
    assert_eq!(read_10x_mtx(&folder).unwrap_err().text(), "line 2: the text is not UTF-8");
    Ok(())
}
