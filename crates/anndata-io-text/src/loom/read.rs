//! A loom file as an object.

use anndata_core::{AnnData, Column, DataFrame, Element, Layers, Mapping, SparseFormat, SparseMatrix};
use anndata_storage::{Array, AxisSelection, DType, Error, Group, NodeKind, Result, Tensor};

use super::LoomOptions;
use super::entities::unescaped;
use super::graphs;

/// How many bytes of a dense matrix are in memory at a time where it becomes sparse.
const BLOCK: u64 = 64 << 20;
/// How many rows a chunk has, as loompy makes them.
const CHUNK_ROWS: u64 = 64;

pub(super) fn read(root: &Group, options: &LoomOptions) -> Result<AnnData> {
    if root.kind("matrix")? != Some(NodeKind::Array) {
        return Err(Error::invalid_data("it is not a loom file: there is no array 'matrix'"));
    }
    let main = root.array("matrix")?;
    let &[genes, cells] = main.shape().as_slice() else {
        return Err(Error::invalid_data(format!("the shape is {:?}, not that of a matrix", main.shape())).at("matrix"));
    };
    let mut names = match root.kind("layers")? {
        Some(NodeKind::Group) => root.group("layers")?.children()?,
        _ => Vec::new(),
    };
    names.sort();
    let layer = |name: &str| -> Result<Array> {
        let array = root.array(&format!("layers/{name}"))?;
        if array.shape() != main.shape() {
            let message = format!("the shape is {:?}, but that of the matrix {:?}", array.shape(), main.shape());
            return Err(Error::invalid_data(message).at(array.path()));
        }
        Ok(array)
    };
    let has_x = names.contains(&options.x_name);
    let x = if has_x { layer(&options.x_name)? } else { main.clone() };
    let mut layers = Layers::new();
    layers.insert(None, matrix(&x, options.sparse, Some(&options.dtype))?);
    if has_x {
        layers.insert(Some("matrix".to_owned()), matrix(&main, options.sparse, None)?);
    }
    for name in names {
        let element = matrix(&layer(&name)?, options.sparse, None)?;
        layers.insert(Some(name), element);
    }
    let (obs, obsm) = attributes(root, "col_attrs", cells, &options.obs_names, &options.obsm)?;
    let (var, varm) = attributes(root, "row_attrs", genes, &options.var_names, &options.varm)?;
    let mut builder = AnnData::builder().all_layers(layers).all_obsm(obsm).all_varm(varm);
    if options.obsp_varp {
        builder = builder.all_obsp(graphs::read(root, "col_graphs", obs.len()?)?).all_varp(graphs::read(
            root,
            "row_graphs",
            var.len()?,
        )?);
    }
    if options.uns {
        builder = builder.all_uns(graphs::attributes(root)?);
    }
    builder.obs(obs).var(var).build()
}

/// A matrix, transposed.
fn matrix(array: &Array, sparse: bool, dtype: Option<&DType>) -> Result<Element> {
    let cast = |tensor: Tensor| dtype.map_or_else(|| Ok(tensor.clone()), |dtype| tensor.cast(dtype));
    if !sparse {
        let tensor = cast(array.read()?)?;
        // A sparse matrix knows how to turn itself over.
        let transposed = SparseMatrix::from_dense(&tensor, SparseFormat::Csr)?.transpose();
        return Ok(transposed.to_dense()?.into());
    }
    let shape = array.shape();
    let (&[rows, columns], Some(size)) = (shape.as_slice(), array.dtype().size()) else {
        return Err(Error::invalid_data("it is not a matrix of numbers").at(array.path()));
    };
    let bytes = columns.saturating_mul(size as u64).max(1);
    let step = (BLOCK / bytes / CHUNK_ROWS).max(1) * CHUNK_ROWS;
    let (mut parts, mut start) = (Vec::new(), 0);
    loop {
        let end = rows.min(start + step);
        let block = array.read_selection(&[AxisSelection::Range(start..end), AxisSelection::Range(0..columns)])?;
        parts.push(SparseMatrix::from_dense(&cast(block)?, SparseFormat::Csr)?);
        start = end;
        if start >= rows {
            break;
        }
    }
    let whole = SparseMatrix::concat_major(&parts)?;
    drop(parts);
    Ok(whole.transpose().to_format(SparseFormat::Csr)?.into())
}

/// The attributes of an axis: a frame of those of one dimension, and the others.
fn attributes(
    root: &Group,
    slot: &str,
    len: u64,
    index: &str,
    mapping: &[(String, Vec<String>)],
) -> Result<(DataFrame, Mapping)> {
    let mut values: Vec<(String, Tensor)> = Vec::new();
    if root.kind(slot)? == Some(NodeKind::Group) {
        let group = root.group(slot)?;
        let mut names = group.children()?;
        names.sort();
        for name in names {
            if group.kind(&name)? != Some(NodeKind::Array) {
                continue;
            }
            let array = group.array(&name)?;
            if array.shape().first() != Some(&len) {
                let message = format!("the shape is {:?}, but the matrix has {len} of them", array.shape());
                return Err(Error::invalid_data(message).at(array.path()));
            }
            values.push((name, text_unescaped(array.read()?)?));
        }
    }
    let mut arrays = Mapping::new();
    for (key, names) in mapping {
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let at = values.iter().position(|(other, _)| other == name);
            let (_, column) = at.map(|at| values.remove(at)).ok_or_else(|| {
                Error::not_found(format!("there is no attribute '{name}' for the array '{key}'")).at(slot)
            })?;
            let numbers = column.len();
            columns.push(column.reshape([1, numbers])?);
        }
        let stacked = Tensor::concat_rows(&columns).map_err(|error| error.at(slot))?;
        let turned = SparseMatrix::from_dense(&stacked, SparseFormat::Csr)?.transpose().to_dense()?;
        arrays.insert(key.clone(), turned.into());
    }
    let rows = usize::try_from(len).map_err(|_| Error::limit_exceeded("an axis is longer than memory").at(slot))?;
    let at = values.iter().position(|(name, tensor)| name == index && tensor.ndim() == 1);
    let mut frame = match at.map(|at| values.remove(at)) {
        Some((name, labels)) => DataFrame::new(Column::plain(&labels)?.to_labels()?).with_index_name(Some(name)),
        None => DataFrame::unnamed(rows),
    };
    for (name, tensor) in values {
        match *tensor.shape() {
            [_] => frame.insert(name, Column::plain(&tensor)?)?,
            [rows, 1] => frame.insert(name, Column::plain(&tensor.reshape([rows])?)?)?,
            _ => drop(arrays.insert(name, tensor.into())),
        }
    }
    Ok((frame, arrays))
}

/// Text without entities; other values as they are.
fn text_unescaped(values: Tensor) -> Result<Tensor> {
    if !values.dtype().is_text() {
        return Ok(values);
    }
    let texts = values.to_strings()?;
    Tensor::from_strings(values.shape().to_vec(), texts.iter().map(|text| unescaped(text)))
}
