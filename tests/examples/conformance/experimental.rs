//! Operations of `anndata.experimental`: lazy reading, and reading and writing in which a function decides.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anndata::experimental::{self, ChunkOptions, MapKind, OnRead, OnWrite, chunks, map_lazy};
use anndata::hdf5::Hdf5Store;
use anndata::io::{ElemReadOptions, Names};
use anndata::{Element, Error, Group, Keep, ReadOptions, Result, SparseFormat, SparseMatrix, Tensor};

use crate::case::Case;

/// Reads an object lazily, takes its `X` through chunks or a function, and writes what is still lazy.
pub(crate) fn read_lazy(case: &Case) -> Result<()> {
    let keep = match case.text("keep").as_deref() {
        None => Keep::Once,
        Some("never") => Keep::Never,
        Some(_) => Keep::cache(4096),
    };
    let names = if case.flag("names") { Names::Now } else { Names::WhenAsked };
    let options = ReadOptions::default().with_keep(keep).with_names(names);
    let mut adata = experimental::read_lazy(case.path(0)?, &options)?;
    let (mapped, len) = (case.flag("mapped"), case.number("chunk_len"));
    if let Some(x) = adata.x().cloned() {
        let x = if mapped { map_lazy(&x, MapKind::Elementwise, Ok)? } else { x };
        adata.set_x(match len.map(usize::try_from) {
            Some(Ok(len)) => through_chunks(&x, len)?,
            _ => x,
        })?;
    }
    case.write(&adata)
}

/// The chunks of a matrix, put together.
fn through_chunks(x: &Element, len: usize) -> Result<Element> {
    let axis = usize::from(x.sparse_format()? == Some(SparseFormat::Csc));
    let parts = chunks(x, &ChunkOptions::default().with_axis(axis).with_len(len))?.collect::<Result<Vec<_>>>()?;
    match parts.first() {
        None => Ok(x.clone()),
        Some((_, Element::Sparse(_))) => {
            let parts = parts.iter().map(|(_, part)| part.to_sparse()).collect::<Result<Vec<_>>>()?;
            let Some(indices) = parts.first().map(|part| part.indices().dtype().clone()) else { return Ok(x.clone()) };
            SparseMatrix::concat_major(&parts)?.cast_indices(&indices).map(Element::from)
        }
        Some(_) => {
            let parts = parts.iter().map(|(_, part)| part.to_tensor()).collect::<Result<Vec<_>>>()?;
            Tensor::concat_rows(&parts).map(Element::from)
        }
    }
}

/// Reads an object without some elements, and with others lazy or as they are stored; says which elements were asked of.
pub(crate) fn read_dispatched(case: &Case) -> Result<()> {
    let (skip, lazy, opaque) = (case.list("skip"), case.list("lazy"), case.list("opaque"));
    let mut visited = Vec::new();
    let element = experimental::read_dispatched(&case.group(0)?, "", &ElemReadOptions::default(), |step| {
        let path = step.path().to_owned();
        let is_in = |paths: &[String]| paths.contains(&path);
        let decision = match () {
            () if is_in(&skip) => OnRead::Skip,
            () if is_in(&lazy) => OnRead::Lazy,
            () if is_in(&opaque) => OnRead::Opaque,
            () => OnRead::Default,
        };
        visited.push(path);
        Ok(decision)
    })?;
    save(&case.required("visited")?, &visited)?;
    match element {
        Element::AnnData(adata) => case.write(&adata),
        other => Err(Error::invalid_data(format!("{} was read", other.kind_name()))),
    }
}

/// Writes an object without some elements; says which elements were asked about.
pub(crate) fn write_dispatched(case: &Case) -> Result<()> {
    let (adata, skip, options) = (case.read(0)?, case.list("skip"), case.writing()?);
    let mut visited = Vec::new();
    anndata::hdf5::write_atomic(&case.output, false, false, |store| {
        let root = Group::root(Arc::<Hdf5Store>::clone(store));
        experimental::write_dispatched(&root, "", &adata.clone().into(), &options, |step| {
            let is_skipped = skip.iter().any(|path| path == step.path());
            visited.push(step.path().to_owned());
            Ok(if is_skipped { OnWrite::Skip } else { OnWrite::Default })
        })
    })?;
    save(&case.required("visited")?, &visited)
}

fn save(path: impl AsRef<Path>, visited: &[String]) -> Result<()> {
    Ok(fs::write(path, serde_json::json!(visited).to_string())?)
}
