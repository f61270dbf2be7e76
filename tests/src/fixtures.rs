//! The committed fixtures, and real files where they are at hand.

use std::fs;
use std::path::{Path, PathBuf};

use anndata::{AnnData, Element, Mapping};
use serde_json::Value;

/// `tests/fixtures`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The description that belongs to a fixture.
///
/// # Errors
/// If there is none, or it is not JSON.
pub fn expected(file: &Path) -> std::io::Result<Value> {
    let path = folder().join("expected").join(format!("{}.json", stem(file)));
    Ok(serde_json::from_slice(&fs::read(path)?)?)
}

/// The name of a file without folder and extension.
pub fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// All fixtures that have a description: of every encoding, and of old releases.
///
/// # Errors
/// If a folder cannot be listed.
pub fn described() -> std::io::Result<Vec<PathBuf>> {
    let mut files = vec![folder().join("demo.h5ad")];
    files.extend(h5ad_files(&folder().join("h5ad"))?);
    files.extend(h5ad_files(&folder().join("legacy"))?);
    Ok(files)
}

/// The fixtures that are an object: all that have a description but one, whose `raw` is there twice.
///
/// # Errors
/// If a folder cannot be listed.
pub fn readable() -> std::io::Result<Vec<PathBuf>> {
    Ok(described()?.into_iter().filter(|file| stem(file) != "anndata-both-raw").collect())
}

/// Files of real data, which lie beside the repository on some machines.
///
/// # Errors
/// If the folder is there but cannot be listed.
pub fn corpus() -> std::io::Result<Vec<PathBuf>> {
    let folder = folder().join("../../../shared/data/corpus");
    if folder.is_dir() { h5ad_files(&folder) } else { Ok(Vec::new()) }
}

/// The `.h5ad` files of a folder, by name.
///
/// # Errors
/// If the folder cannot be listed.
pub fn h5ad_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    let mut files: Vec<PathBuf> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "h5ad")).collect();
    files.sort();
    Ok(files)
}

/// What in `uns` and `obs` could not be opened: the path of each element, and what its error says.
pub fn unreadable(adata: &AnnData) -> Vec<(String, String)> {
    fn search(mapping: &Mapping, path: &str, found: &mut Vec<(String, String)>) {
        for (key, element) in mapping {
            let path = format!("{path}/{key}");
            match element {
                Element::Mapping(inner) => search(inner, &path, found),
                Element::Opaque(opaque) => {
                    found.extend(opaque.unreadable().map(|reason| (path, reason.to_string())));
                }
                _ => {}
            }
        }
    }
    let mut found = Vec::new();
    search(adata.uns(), "uns", &mut found);
    let columns = adata.obs().columns().map(|(name, series)| (name.to_owned(), series.to_element()));
    search(&columns.collect(), "obs", &mut found);
    found
}
