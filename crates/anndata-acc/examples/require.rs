//! Checks that a file has what a list of references names, and reports what is missing.
//!
//! ```sh
//! cargo run -p anndata-acc --example require -- cells.h5ad required.txt
//! ```
//!
//! The list has one reference per line, in either spelling: `obs.louvain`, `A.obsm['X_pca'][:, 29]`. What follows a `#`
//! at the beginning of a line, and empty lines, do not count. Metadata and names are read, no other values. The exit
//! status is 1 where something is missing and 2 where something cannot be read.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anndata_acc::{A, Access, Target};
use anndata_format::io::{ElemReadOptions, read_anndata};
use anndata_format::{AnnData, Group};
use anndata_io_hdf5::{Hdf5Options, Hdf5Store};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, list] = arguments.as_slice() else {
        let _ = writeln!(io::stderr(), "usage: require FILE LIST");
        return ExitCode::from(2);
    };
    match run(Path::new(file), Path::new(list), &mut io::stdout()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}

type Error = Box<dyn std::error::Error>;

/// Reports on every reference of the list; gives the number of those that are missing.
fn run(file: &Path, list: &Path, out: &mut impl Write) -> Result<usize, Error> {
    let required = references(&std::fs::read_to_string(list)?)?;
    let adata = open(file)?;
    let mut missing = 0;
    for reference in &required {
        match why_missing(&adata, reference)? {
            None => writeln!(out, "ok       {reference}")?,
            Some(why) => {
                missing += 1;
                writeln!(out, "missing  {why}")?;
            }
        }
    }
    writeln!(out, "{} of {} required arrays are there", required.len() - missing, required.len())?;
    Ok(missing)
}

/// The references of a list.
fn references(list: &str) -> anndata_acc::Result<Vec<Target>> {
    let lines = list.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| if line.starts_with("A.") { line.parse() } else { A.resolve(line) }).collect()
}

/// An object, not read.
fn open(file: &Path) -> anndata_format::Result<AnnData> {
    let root = if file.extension().is_some_and(|extension| extension == "h5ad") {
        Group::root(std::sync::Arc::new(Hdf5Store::open(file, &Hdf5Options::default())?))
    } else {
        anndata_io_zarr::open_path(file)?
    };
    read_anndata(&root, &ElemReadOptions::default().with_lazy(true))
}

/// What is missing, where it is.
fn why_missing(adata: &AnnData, reference: &Target) -> anndata_acc::Result<Option<String>> {
    if adata.contains(reference)? {
        return Ok(None);
    }
    Ok(Some(match adata.get(reference) {
        Err(why) => why.to_string(),
        Ok(_) => reference.to_string(),
    }))
}

#[cfg(test)]
mod tests {
    use anndata_format::{DataFrame, Tensor};

    use super::*;

    #[test]
    fn what_is_missing_is_reported() -> Result<(), Error> {
        let adata = AnnData::builder()
            .x(Tensor::from_vec([2, 2], vec![1.0_f32, 0.0, 2.0, 3.0])?)
            .obs(DataFrame::new(["c1", "c2"]).with_column("louvain", vec!["a", "b"])?)
            .var(DataFrame::new(["CD4", "CD8A"]))
            .obsm("X_pca", Tensor::from_vec([2, 2], vec![0.5, 1.5, 2.5, 3.5])?)
            .build()?;
        let folder = tempfile::tempdir()?;
        let (h5ad, zarr, list) =
            (folder.path().join("a.h5ad"), folder.path().join("a.zarr"), folder.path().join("required.txt"));
        anndata_io_hdf5::write_atomic(&h5ad, false, false, |store| {
            let store = std::sync::Arc::clone(store);
            anndata_format::io::write_anndata(
                &Group::root(store),
                &adata,
                &anndata_format::io::ElemWriteOptions::default(),
            )
        })?;
        anndata_io_zarr::write_atomic(&zarr, &anndata_io_zarr::ZarrOptions::default(), false, |root| {
            anndata_format::io::write_anndata(root, &adata, &anndata_format::io::ElemWriteOptions::default())
        })?;
        std::fs::write(&list, "# For the figure.\nobs.louvain\nX[:,CD8]\n\nA.obsm['X_pca'][:, 2]\nobsm.pca\n")?;
        for file in [&h5ad, &zarr] {
            let mut report = Vec::new();
            assert_eq!(run(file, &list, &mut report)?, 3);
            assert_eq!(
                String::from_utf8(report)?,
                "ok       A.obs['louvain']\n\
                 missing  A.X[:, 'CD8']: there is no 'CD8' in the index of var; did you mean 'CD8A'?\n\
                 missing  A.obsm['X_pca'][:, 2]: column 2 is out of range of 2\n\
                 missing  A.obsm['pca']: there is no 'pca' in obsm; did you mean 'X_pca'?\n\
                 1 of 4 required arrays are there\n"
            );
        }
        std::fs::write(&list, "obs.louvain\n")?;
        assert_eq!(run(&h5ad, &list, &mut Vec::new())?, 0);
        std::fs::write(&list, "uns.pca\n")?;
        assert!(run(&h5ad, &list, &mut Vec::new()).is_err_and(|error| error.to_string().contains("uns.pca")));
        std::fs::write(&list, "obs.louvain\n")?;
        let absent = run(&folder.path().join("absent.h5ad"), &list, &mut Vec::new()).unwrap_err();
        assert!(
            absent.downcast_ref::<anndata_format::Error>().is_some_and(anndata_format::Error::is_not_found),
            "{absent}"
        );
        Ok(())
    }
}
