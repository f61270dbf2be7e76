//! A small `.h5ad` file of which some bytes are changed: it is validated, described, read, converted and edited.
//!
//! What the HDF5 library dies of is found here too.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use anndata::awkward::Awkward;
use anndata::io::{self, ElemWriteOptions};
use anndata::{
    AnnData, Column, Compression, ConvertOptions, DataFrame, Element, Group, Limits, Mapping, MemoryStore, Raw,
    ReadOptions, SparseFormat, SparseMatrix, Tensor, WriteOptions,
};

use crate::patches;

pub(crate) fn run(input: &[u8]) {
    static SOUND: OnceLock<Vec<u8>> = OnceLock::new();
    let sound = SOUND.get_or_init(|| sound("sound.h5ad"));
    changed(sound, input, "cells.h5ad");
}

/// The bytes of a file with the small object.
pub(crate) fn sound(name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let options = WriteOptions::default().with_compression(Compression::Gzip(1)).with_durable(false);
    anndata::write_with(&path, &object(), &options).unwrap();
    std::fs::read(path).unwrap()
}

/// Visits a file of which bytes are changed.
pub(crate) fn changed(sound: &[u8], input: &[u8], name: &str) {
    let mut bytes = sound.to_vec();
    patches::apply(&mut bytes, input);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    visit(&path);
}

/// Does with a file what the command does: it is validated, described, read, converted and edited.
pub(crate) fn visit(path: &Path) {
    let limits = Limits::untrusted().with_max_unbacked(1 << 20).with_max_total(64 << 20);
    let options = ReadOptions::untrusted().with_limits(limits);
    let _ = anndata::validate_path(path, &anndata::ValidateOptions::default()).map(|report| report.findings.len());
    if let Ok(lazy) = anndata::read_with(path, &options.clone().with_lazy(true)) {
        let _ = lazy.to_string();
    }
    if let Ok(adata) = anndata::read_with(path, &options) {
        let root = Group::root(Arc::new(MemoryStore::new()));
        let _ = io::write_anndata(&root, &adata, &ElemWriteOptions::default());
    }
    let other =
        path.with_file_name(if path.extension().is_some_and(|ext| ext == "h5ad") { "to.zarr" } else { "to.h5ad" });
    let _ = anndata::convert(path, other, &ConvertOptions::default().with_read(options.clone()).with_durable(false));
    edit(path, &options);
}

/// Replaces one element of what can be edited.
fn edit(path: &Path, options: &ReadOptions) {
    if path.extension().is_some_and(|ext| ext == "zip") {
        return;
    }
    if let Ok(root) = anndata::open_rw_with(path, options) {
        let _ = io::write_elem(&root, "uns/note", &Element::from("another text"), &ElemWriteOptions::default());
        let _ = root.storage().commit();
    }
}

/// A small object with something in each slot.
pub(crate) fn object() -> AnnData {
    let sparse = |format| {
        let dense =
            Tensor::from_vec([4, 3], vec![0.0_f32, 1.0, 0.0, 2.0, 0.0, 3.0, 0.0, 0.0, 0.0, 4.0, 5.0, 0.0]).unwrap();
        SparseMatrix::from_dense(&dense, format).unwrap()
    };
    let kinds = Column::categorical_from_options([Some("a"), None, Some("b"), Some("a")]).unwrap();
    let lists = Awkward::from_arrow(&anndata::arrow_array::ListArray::from_iter_primitive::<
        anndata::arrow_array::types::Int64Type,
        _,
        _,
    >([Some(vec![Some(1), Some(2)]), None, Some(vec![]), Some(vec![Some(3)])]));
    let obs = DataFrame::new(["c1", "c2", "c3", "cell ä"])
        .with_column("kind", kinds)
        .and_then(|obs| obs.with_column("score", vec![Some(1_i64), None, Some(3), Some(4)]))
        .and_then(|obs| obs.with_column("name", vec!["x", "", "yy", "z"]))
        .unwrap();
    let mut adata = AnnData::builder()
        .x(sparse(SparseFormat::Csr))
        .layer("csc", sparse(SparseFormat::Csc))
        .obs(obs)
        .var(DataFrame::new(["g1", "g2", "g3"]))
        .obsm("pca", Tensor::from_vec([4, 2], (0..8_i16).collect::<Vec<_>>()).unwrap())
        .obsm("lists", lists.unwrap())
        .uns("note", "a text")
        .uns("nested", Mapping::from([("none".to_owned(), Element::Null), ("n".to_owned(), 3.into())]))
        .build()
        .unwrap();
    adata.set_raw(Raw::from(&adata)).unwrap();
    adata
}
