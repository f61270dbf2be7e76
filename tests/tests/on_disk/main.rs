//! Concatenation on disk: it is that in memory, chunks are copied as they are where they fit, and work that was interrupted is
//! gone on with.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

mod chunks;
mod converted;
mod random;
mod resumed;
mod rows;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anndata::experimental::{OnDiskOptions, OnDiskReport, concat_on_disk};
use anndata::node::Node;
use anndata::{AnnData, Attributes, Result, SparseFormat, SparseMatrix, Tensor, WriteOptions};

/// What a store holds beside values: of each group and array its attributes, and dtype and shape of arrays.
fn outline(path: &Path) -> Result<BTreeMap<String, (Attributes, Option<String>)>> {
    fn walk(node: &Node, all: &mut BTreeMap<String, (Attributes, Option<String>)>) {
        let spec = match node {
            Node::Array(array) => Some(format!("{} {:?}", array.spec.dtype, array.spec.shape)),
            Node::Group(_) => None,
        };
        let mut attributes = node.attributes().clone();
        attributes.sort_keys();
        all.insert(node.path().to_owned(), (attributes, spec));
        if let Node::Group(group) = node {
            group.children.values().for_each(|child| walk(child, all));
        }
    }
    let mut all = BTreeMap::new();
    walk(&Node::open(&anndata::open(path)?, "")?, &mut all);
    Ok(all)
}

/// The objects in files, and what they become on disk in memory of this size.
fn joined(
    folder: &Path,
    objects: &[AnnData],
    ending: &str,
    write: &WriteOptions,
    options: &OnDiskOptions,
) -> Result<(Vec<PathBuf>, PathBuf, OnDiskReport)> {
    let paths = objects.iter().enumerate().map(|(at, object)| {
        let path = folder.join(format!("{at}.{ending}"));
        anndata::write_with(&path, object, write)?;
        Ok(path)
    });
    let paths = paths.collect::<Result<Vec<_>>>()?;
    let output = folder.join(format!("all.{ending}"));
    let inputs = paths.iter().enumerate().map(|(at, path)| (at.to_string(), path));
    let report = concat_on_disk(inputs, &output, options)?;
    Ok((paths, output, report))
}

/// All files below a folder with their bytes.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(root: &Path, folder: &Path, all: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(root, &path, all);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                all.insert(name, std::fs::read(&path).unwrap());
            }
        }
    }
    let mut all = BTreeMap::new();
    walk(folder, folder, &mut all);
    all
}

/// A CSR matrix of small numbers with so many values per row.
fn matrix(rows: usize, columns: usize, per_row: usize, seed: usize) -> Result<SparseMatrix> {
    let values = rows * per_row;
    let data = (0..values).map(|at| f32::from(u8::try_from((at * 7 + at / 1000 * 31 + seed) % 251).unwrap()));
    let indices = (0..values).map(|at| i32::try_from(at % per_row * (columns / per_row)).unwrap());
    let indptr = (0..=rows).map(|row| i32::try_from(row * per_row).unwrap());
    SparseMatrix::new(
        SparseFormat::Csr,
        (rows, columns),
        Tensor::from_vec([values], data.collect::<Vec<f32>>())?,
        Tensor::from_vec([values], indices.collect::<Vec<i32>>())?,
        Tensor::from_vec([rows + 1], indptr.collect::<Vec<i32>>())?,
    )
}
