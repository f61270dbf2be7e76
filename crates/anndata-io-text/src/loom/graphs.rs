//! What a loom file has beside matrices and attributes of their axes: graphs of rows and of columns, and attributes of the file.
//!
//! A graph is three arrays of one length: from (`a`) and to (`b`) which position an edge leads, and its weight (`w`).

use anndata_core::{Element, Mapping, SparseFormat, SparseMatrix};
use anndata_storage::{ArraySpec, Attribute, DType, Error, Group, NodeKind, Result, Tensor};

use super::entities::unescaped;

/// What the version of the format is called, which is no attribute of what is described.
const VERSION: &str = "LOOM_SPEC_VERSION";

/// The graphs of an axis as square matrices of its length.
pub(super) fn read(root: &Group, slot: &str, len: usize) -> Result<Mapping> {
    let mut graphs = Mapping::new();
    if root.kind(slot)? != Some(NodeKind::Group) {
        return Ok(graphs);
    }
    let group = root.group(slot)?;
    let mut names = group.children()?;
    names.sort();
    for name in names {
        let edges = |part: &str| root.array(&format!("{slot}/{name}/{part}"))?.read();
        let (from, to, weights) = (edges("a")?, edges("b")?, edges("w")?);
        let matrix = matrix(len, &from, &to, &weights);
        graphs.insert(name.clone(), matrix.map_err(|error| error.at(&format!("{slot}/{name}")))?.into());
    }
    Ok(graphs)
}

/// Edges as a matrix, in the order of its rows.
fn matrix(len: usize, from: &Tensor, to: &Tensor, weights: &Tensor) -> Result<SparseMatrix> {
    let (from, to) = (from.cast(&DType::U64)?.into_vec::<u64>()?, to.cast(&DType::U64)?.into_vec::<u64>()?);
    if from.len() != to.len() || [from.len()] != weights.shape() {
        let message = format!(
            "{} beginnings and {} ends of edges, with weights of shape {:?}",
            from.len(),
            to.len(),
            weights.shape()
        );
        return Err(Error::invalid_data(message));
    }
    let mut edges: Vec<(u64, u64, u64)> =
        from.into_iter().zip(to).zip(0..).map(|((from, to), at)| (from, to, at)).collect();
    edges.sort_unstable();
    let mut ends = vec![0_u64; len + 1];
    for &(from, ..) in &edges {
        let row = usize::try_from(from).ok().and_then(|row| ends.get_mut(row.checked_add(1)?));
        *row.ok_or_else(|| Error::invalid_data(format!("an edge begins at {from}, and there are {len} of them")))? += 1;
    }
    let mut sum = 0;
    for end in &mut ends {
        sum += *end;
        *end = sum;
    }
    let order: Vec<u64> = edges.iter().map(|&(.., at)| at).collect();
    let columns: Vec<u64> = edges.iter().map(|&(_, to, _)| to).collect();
    let matrix = SparseMatrix::new(
        SparseFormat::Csr,
        (len, len),
        weights.take(0, &order)?,
        Tensor::from_vec([columns.len()], columns)?.cast(&DType::I64)?,
        Tensor::from_vec([ends.len()], ends)?.cast(&DType::I64)?,
    );
    matrix.map_err(|error| Error::invalid_data("an edge ends outside of the axis").with_source(error))
}

/// Writes square matrices as graphs.
pub(super) fn write(root: &Group, slot: &str, graphs: &Mapping) -> Result<()> {
    for (name, element) in graphs {
        let path = super::write::child(slot, name)?;
        let matrix = element.to_format(SparseFormat::Csr).map_err(|error| error.at(&path))?;
        let offsets = matrix.major_offsets()?;
        let from = (0_i64..).zip(offsets.lengths()).flat_map(|(row, len)| std::iter::repeat_n(row, len));
        let from: Vec<i64> = from.collect();
        root.create_group(&path)?;
        put(root, &format!("{path}/a"), &Tensor::from_vec([from.len()], from)?)?;
        put(root, &format!("{path}/b"), &matrix.indices().cast(&DType::I64)?)?;
        put(root, &format!("{path}/w"), &matrix.data().cast(&DType::F64).map_err(|error| error.at(&path))?)?;
    }
    Ok(())
}

/// Attributes of the file: arrays in `attrs`, and before version 3 HDF5 attributes of the root.
pub(super) fn attributes(root: &Group) -> Result<Mapping> {
    let mut values = Mapping::new();
    for (name, attribute) in &root.attributes()? {
        if name == VERSION {
            continue;
        }
        if let Some(text) = attribute.as_str() {
            values.insert(name.clone(), Element::from(unescaped(&text).as_str()));
        } else if let Attribute::Tensor(tensor) = attribute {
            values.insert(name.clone(), tensor.clone().into());
        }
    }
    if root.kind("attrs")? == Some(NodeKind::Group) {
        let group = root.group("attrs")?;
        let mut names = group.children()?;
        names.sort();
        for name in names.into_iter().filter(|name| name != VERSION) {
            let tensor = group.array(&name)?.read()?;
            let is_one_text = tensor.shape().is_empty() && tensor.dtype().is_text();
            let text = if is_one_text { tensor.to_strings()?.pop() } else { None };
            let value = text.map_or_else(|| tensor.into(), |text| Element::from(unescaped(&text).as_str()));
            values.insert(name, value);
        }
    }
    Ok(values)
}

/// Writes texts and numbers of `uns`; nothing else has a place in the format.
pub(super) fn write_attributes(root: &Group, uns: &Mapping) -> Result<()> {
    for (name, element) in uns {
        let path = super::write::child("attrs", name)?;
        let tensor = element.to_tensor().ok().filter(|tensor| tensor.dtype().is_text() || tensor.dtype().is_numeric());
        let tensor = tensor.ok_or_else(|| {
            Error::unsupported("a loom file has texts and numbers as attributes, and this is neither")
                .at(&format!("uns/{name}"))
        })?;
        let tensor = if tensor.dtype().is_text() { tensor.to_text()? } else { tensor };
        put(root, &path, &tensor)?;
    }
    Ok(())
}

fn put(root: &Group, path: &str, values: &Tensor) -> Result<()> {
    root.create_array(path, &ArraySpec::of(values))?.write(&vec![0; values.ndim()], values)
}

#[cfg(test)]
mod tests {
    use anndata_core::{AnnData, DataFrame};

    use super::*;
    use crate::{LoomOptions, WriteLoomOptions, read_loom, read_loom_with, write_loom_with};

    #[test]
    fn graphs_and_attributes_are_read_as_they_were_written() -> Result<()> {
        let graph = Tensor::from_vec([3, 3], vec![0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 2.0, 0.0, 1.0])?;
        let adata = AnnData::builder()
            .x(Tensor::from_vec([3, 2], vec![1.0_f32, 2.0, 3.0, 4.0, 5.0, 6.0])?)
            .obs(DataFrame::new(["a", "b", "c"]))
            .obsp("knn", Element::from(graph.clone()).to_format(SparseFormat::Csc)?)
            .varp("pairs", Tensor::from_vec([2, 2], vec![0.0, 3.0, 0.0, 0.0])?)
            .uns("title", "Cells & genes")
            .uns("version", 3_i64)
            .build()?;
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("a.loom");
        let options = WriteLoomOptions::default().with_write_obsp_varp(true).with_write_uns(true);
        write_loom_with(&path, &adata, &options)?;
        let back = read_loom_with(&path, &LoomOptions::default().with_obsp_varp(true).with_uns(true))?;
        assert_eq!(back.obsp()["knn"].to_dense()?, graph);
        assert_eq!(back.varp()["pairs"].to_dense()?.as_slice::<f64>()?, [0.0, 3.0, 0.0, 0.0]);
        assert_eq!(
            (back.uns()["title"].to_text()?, back.uns()["version"].to_f64()?),
            ("Cells & genes".to_owned(), 3.0)
        );
        // Python reads neither, and so does not the default.
        let plain = read_loom(&path)?;
        assert!(plain.obsp().is_empty() && plain.uns().is_empty());

        let nested = AnnData::builder()
            .x(Tensor::from_vec([1, 1], vec![1.0_f32])?)
            .uns("pca", Element::Mapping(Mapping::new()))
            .build()?;
        let error = write_loom_with(directory.path().join("b.loom"), &nested, &options).unwrap_err();
        assert_eq!(error.path(), Some("uns/pca"));
        Ok(())
    }

    #[test]
    fn edges_that_lead_elsewhere_are_errors() -> Result<()> {
        let positions = |values: Vec<i64>| Tensor::from_vec([values.len()], values);
        let weights = Tensor::from_vec([2], vec![1.0, 2.0])?;
        for (from, to) in
            [(vec![0, 5], vec![0, 1]), (vec![0, 1], vec![0, 7]), (vec![0], vec![0, 1]), (vec![-1, 0], vec![0, 1])]
        {
            let error = matrix(3, &positions(from.clone())?, &positions(to)?, &weights).unwrap_err();
            assert!(error.is_invalid_data(), "{from:?}: {error}");
        }
        Ok(())
    }
}
