//! Commands on what is no store of anndata's own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_anndata")).args(arguments).current_dir(folder).output().unwrap()
}

fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn text_is_shown_converted_and_looked_into() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("cells.csv"), ",CD4,CD8A\nc1,1,0\nc2,2,3\n").unwrap();
    let counts = folder.join("counts");
    fs::create_dir(&counts).unwrap();
    let matrix = "%%MatrixMarket matrix coordinate integer general\n2 2 3\n1 1 1\n1 2 2\n2 2 3\n";
    fs::write(counts.join("matrix.mtx"), matrix).unwrap();
    fs::write(counts.join("genes.tsv"), "E1\tCD4\nE2\tCD8A\n").unwrap();
    fs::write(counts.join("barcodes.tsv"), "c1\nc2\n").unwrap();
    for place in ["cells.csv", "counts"] {
        let shown = printed(folder, &["show", place]);
        assert!(shown.starts_with("AnnData object with n_obs × n_vars = 2 × 2"), "{shown}");
        assert!(printed(folder, &["show", place, "--tree"]).contains("anndata 0.1.0"), "{place}");
        let got = printed(folder, &["get", place, "X[:,CD8A]", "--format", "csv"]);
        assert!(got.contains("c1,0") && got.contains("c2,3"), "{got}");
        let output = format!("{place}.h5ad");
        printed(folder, &["convert", place, &output]);
        assert_eq!(printed(folder, &["show", &output]), shown);
        printed(folder, &["validate", &output]);
    }

    fs::write(counts.join("matrix.mtx"), matrix.replace("2 2 3\n1", "2 2 4\n1")).unwrap();
    let refused = run(folder, &["convert", "counts", "other.h5ad"]);
    assert_eq!(refused.status.code(), Some(2));
    let message = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(
        message,
        "anndata: counts/matrix.mtx: the header declares 4 entries, but the file has 3\n"
            .replace('/', std::path::MAIN_SEPARATOR_STR)
    );
    assert!(!folder.join("other.h5ad").exists());
}

#[test]
fn a_multimodal_file_is_shown_and_validated_as_a_whole() {
    use anndata::text::{MuData, write_h5mu};
    use anndata::{AnnData, DataFrame, Element, Tensor, io};

    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let object = |names: [&str; 2], genes: &[&str]| {
        let x = Tensor::from_vec([2, genes.len()], vec![1.0_f32; 2 * genes.len()]).unwrap();
        let obs = DataFrame::new(names).with_column("n", vec![1_i64, 2]).unwrap();
        AnnData::builder().x(x).obs(obs).var(DataFrame::new(genes)).build().unwrap()
    };
    let modalities =
        [("rna", object(["c1", "c2"], &["CD4", "CD8A"])), ("prot", object(["c2", "c3"], &["CD4-TotalSeq"]))];
    let path = folder.join("both.h5mu");
    write_h5mu(&path, &MuData::new(modalities).unwrap(), false).unwrap();

    let shown = printed(folder, &["show", "both.h5mu"]);
    let expected = "MuData object with n_obs × n_vars = 3 × 3\n  obsm:\t'rna', 'prot'\n  varm:\t'rna', 'prot'\n  2 modalities\n    \
                    rna:\t2 x 2\n      obs: 'n'\n      layers: None (.X)\n    prot:\t2 x 1\n      obs: 'n'\n      layers: None (.X)\n";
    assert_eq!(shown, expected);
    let json: serde_json::Value = serde_json::from_str(&printed(folder, &["show", "both.h5mu", "--json"])).unwrap();
    assert_eq!((&json["n_obs"], &json["modalities"]["prot"]["n_vars"]), (&3.into(), &1.into()));
    assert!(printed(folder, &["show", "both.h5mu", "--tree"]).contains("obsmap"));
    assert!(printed(folder, &["show", "both.h5mu::rna"]).starts_with("AnnData object with n_obs × n_vars = 2 × 2"));
    assert_eq!(printed(folder, &["validate", "both.h5mu"]), "0 errors, 0 warnings, 0 infos\n");

    let root = anndata::open_rw(&path).unwrap();
    let short = Element::from(Tensor::from_vec([1, 1], vec![1]).unwrap());
    io::write_elem(&root, "mod/rna/obsm/X_pca", &short, &io::ElemWriteOptions::default()).unwrap();
    io::write_elem(&root, "obsmap/rna", &short, &io::ElemWriteOptions::default()).unwrap();
    drop(root);
    let output = run(folder, &["validate", "both.h5mu"]);
    let found = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{found}");
    assert!(
        found.contains("/mod/rna/obsm/X_pca: the shape is [1, 1]")
            && found.contains("/obsmap/rna: the shape is [1, 1]"),
        "{found}"
    );
}
