//! Carrying out a [`ConcatPlan`] in memory, one key after the other.

use std::sync::Arc;

use anndata_storage::{Error, OrBug, Result, child_path};

use super::columns;
use super::dense;
use super::outline::Outline;
use super::plan::{ConcatPlan, ElementKind, ElementPlan, FramePlan, filled_dtype, frame_elements, raw_object};
use super::{ConcatAxis, ConcatOptions, Merge, label_column};
use crate::Reindex;
use crate::awkward::Awkward;
use crate::{AnnData, Column, DataFrame, Element, Extension, Mapping, Raw, SparseFormat, SparseMatrix, Tensor};
use anndata_array::promote::FillValue;
use anndata_array::sparse::stack::{Piece, Target, stack};

/// The result of a plan.
pub(super) fn execute(plan: &ConcatPlan, inputs: &[&AnnData], options: &ConcatOptions) -> Result<AnnData> {
    let (axis, other) = (plan.axis, plan.axis.other());
    let index = Index { labels: plan.labels.to_column()?, name: plan.index_name.clone() };
    let other_index = Index { labels: plan.other_labels.to_column()?, name: plan.other_index_name.clone() };

    let (n_obs, n_vars) = plan.shape();
    let mut builder = AnnData::builder().shape(n_obs, n_vars).stored();
    for (key, element) in &plan.layers {
        let elements: Vec<Option<&Element>> = inputs.iter().map(|input| input.layers().get(key)).collect();
        let path = key.as_ref().map_or_else(|| "X".to_owned(), |key| format!("layers/{key}"));
        let element = run(element, &elements, &index, &path).map_err(|error| error.at(&path))?;
        builder = match key {
            None => builder.x(element),
            Some(key) => builder.layer(key, element),
        };
    }

    let frames: Vec<&DataFrame> = inputs.iter().map(|input| axis.frame(input)).collect();
    let mut annotation = frame(
        &plan.annotation,
        &frames.iter().copied().map(Some).collect::<Vec<_>>(),
        &plan.lengths,
        &index,
        axis.name(),
    )?;
    if let Some((name, keys)) = &plan.label {
        annotation.insert(name, label_column(keys, &plan.lengths)?)?;
    }
    let other_annotation = merge_frames(plan, inputs, &options.merge, &other_index)?;

    let arrays = each(&plan.arrays, inputs, |input| axis.arrays(input), axis, "m", &index)?;
    let pairwise = each(&plan.pairwise, inputs, |input| axis.pairwise(input), axis, "p", &index)?;
    let other_arrays: Vec<Mapping> = inputs.iter().map(|input| other.arrays(input).clone()).collect();
    let other_arrays = options.merge.apply(&other_arrays, &format!("{}m", other.name()), &|input, element| {
        reindexed(element, plan.reindex.get(input), &[0], &other_index)
    });
    let other_pairwise: Vec<Mapping> = inputs.iter().map(|input| other.pairwise(input).clone()).collect();
    let other_pairwise = options.merge.apply(&other_pairwise, &format!("{}p", other.name()), &|input, element| {
        reindexed(element, plan.reindex.get(input), &[0, 1], &other_index)
    });
    let other_arrays = other_arrays?;
    let other_pairwise = other_pairwise?;

    let uns: Vec<Mapping> = inputs.iter().map(|input| input.uns().clone()).collect();
    let uns = options.uns_merge.apply(&uns, "uns", &|_, element| once(element))?;
    let raw = plan.raw.as_deref().map(|plan| raw(plan, inputs, options)).transpose()?;

    builder = builder.all_uns(uns).raw(raw);
    match axis {
        ConcatAxis::Obs => builder
            .obs(annotation)
            .var(other_annotation)
            .all_obsm(arrays)
            .all_obsp(pairwise)
            .all_varm(other_arrays)
            .all_varp(other_pairwise),
        ConcatAxis::Var => builder
            .var(annotation)
            .obs(other_annotation)
            .all_varm(arrays)
            .all_varp(pairwise)
            .all_obsm(other_arrays)
            .all_obsp(other_pairwise),
    }
    .build()
}

/// The index of an axis of the result.
struct Index {
    labels: Column,
    name: Option<String>,
}

impl Index {
    fn frame(&self) -> DataFrame {
        DataFrame::with_index(self.labels.clone()).with_index_name(self.name.clone())
    }
}

fn raw(plan: &ConcatPlan, inputs: &[&AnnData], options: &ConcatOptions) -> Result<Raw> {
    let raws = inputs.iter().map(|input| match input.raw() {
        Some(raw) => raw_object(input, raw),
        None => Err(Error::invalid_input("the plan has raw, but an object has none")),
    });
    let raws = raws.collect::<Result<Vec<_>>>()?;
    let raws: Vec<&AnnData> = raws.iter().collect();
    let joined = execute(plan, &raws, &options.for_raw()).map_err(|error| error.at("raw"))?;
    Raw::new(joined.x().cloned(), joined.var().clone(), joined.varm().clone())
}

/// Carries out the plans of a slot.
fn each<'a>(
    plans: &[(String, ElementPlan)],
    inputs: &[&'a AnnData],
    slot: impl Fn(&'a AnnData) -> &'a Mapping,
    axis: ConcatAxis,
    suffix: &str,
    index: &Index,
) -> Result<Mapping> {
    let run = |(key, plan): &(String, ElementPlan)| {
        let elements: Vec<Option<&Element>> = inputs.iter().map(|input| slot(input).get(key)).collect();
        let path = format!("{}{suffix}/{key}", axis.name());
        let element = run(plan, &elements, index, &path).map_err(|error| error.at(&path))?;
        Ok((key.clone(), element))
    };
    plans.iter().map(run).collect()
}

/// The element of one key.
fn run(plan: &ElementPlan, elements: &[Option<&Element>], index: &Index, path: &str) -> Result<Element> {
    let loaded =
        || elements.iter().map(|element| element.map(once).transpose()).collect::<Result<Vec<Option<Element>>>>();
    Ok(match &plan.kind {
        ElementKind::Dense { dtype, inner, fill } => {
            let tensors = loaded()?.into_iter().map(|element| element.map(|element| element.to_tensor()).transpose());
            dense::concat(plan, dtype, inner, *fill, &tensors.collect::<Result<Vec<_>>>()?)?.into()
        }
        ElementKind::Sparse { dtype, fill } => {
            let loaded = loaded()?;
            let by_columns =
                |element: &Element| matches!(element, Element::Sparse(matrix) if matrix.format() == SparseFormat::Csc);
            // As scipy does: only what all is by rows already is put together as it is.
            let sort = plan.axis == 1 || loaded.iter().flatten().any(by_columns);
            let pieces = loaded.into_iter().zip(plan.lengths.iter().zip(plan.reindex.iter()));
            let pieces = pieces.map(|(element, (&len, reindex))| {
                Ok(Piece { matrix: element.map(|element| to_csr(&element)).transpose()?, len, reindex })
            });
            let target = Target {
                format: SparseFormat::Csr,
                axis: plan.axis,
                // No inputs have no columns.
                other_len: plan.reindex.first().map_or(0, Reindex::new_len),
                dtype: dtype.clone(),
                fill: if fill.is_zero() { None } else { Some(fill.to_tensor(dtype)?) },
            };
            let joined = stack(&pieces.collect::<Result<Vec<_>>>()?, &target)?;
            if sort { joined.sorted()? } else { joined }.into()
        }
        ElementKind::Diagonal { dtype } => diagonal(plan, dtype, loaded()?)?.into(),
        ElementKind::Frame(frame_plan) => {
            let loaded = loaded()?;
            let frames = loaded.iter().map(|element| element.as_ref().map(Element::as_frame).transpose());
            frame(frame_plan, &frames.collect::<Result<Vec<_>>>()?, &plan.lengths, index, path)?.into()
        }
        ElementKind::Awkward { fields } => {
            let parts = loaded()?.into_iter().zip(plan.lengths.iter()).map(|(element, &len)| match element {
                None => Awkward::missing(len),
                Some(Element::Awkward(awkward)) => match fields {
                    Some(fields) => awkward.project(fields),
                    None => Ok(awkward),
                },
                Some(other) => Err(Error::invalid_data(format!("{} is not an awkward array", other.kind_name()))),
            });
            Awkward::concat(&parts.collect::<Result<Vec<_>>>()?)?.into()
        }
        ElementKind::Extension { .. } => {
            let parts = loaded()?.into_iter().zip(plan.lengths.iter()).map(|(element, &rows)| match element {
                None => Ok((None, rows)),
                Some(Element::Extension(extension)) => Ok((Some(extension), rows)),
                Some(other) => {
                    Err(Error::invalid_data(format!("{} is not of the planned encoding", other.kind_name())))
                }
            });
            let parts = parts.collect::<Result<Vec<(Option<Arc<dyn Extension>>, usize)>>>()?;
            let any = parts.iter().find_map(|(part, _)| part.clone()).or_bug("a key that no object has")?;
            Element::Extension(any.concat(&parts)?)
        }
    })
}

/// Square matrices as blocks along the diagonal.
fn diagonal(plan: &ElementPlan, dtype: &crate::DType, elements: Vec<Option<Element>>) -> Result<SparseMatrix> {
    let total: usize = plan.lengths.iter().sum();
    let mut start = 0;
    let blocks: Vec<Reindex> = plan
        .lengths
        .iter()
        .map(|&len| {
            start += len;
            Reindex::shift(len, start - len, total)
        })
        .collect::<Result<_>>()?;
    let pieces = elements.into_iter().zip(plan.lengths.iter().zip(&blocks));
    let pieces = pieces.map(|(element, (&len, reindex))| {
        Ok(Piece { matrix: element.map(|element| to_csr(&element)).transpose()?, len, reindex })
    });
    let target = Target { format: SparseFormat::Csr, axis: 0, other_len: total, dtype: dtype.clone(), fill: None };
    stack(&pieces.collect::<Result<Vec<_>>>()?, &target)
}

/// The columns of the frames, one after the other.
fn frame(
    plan: &FramePlan,
    frames: &[Option<&DataFrame>],
    lengths: &[usize],
    index: &Index,
    path: &str,
) -> Result<DataFrame> {
    let mut joined = index.frame();
    for (name, column) in &plan.columns {
        let parts = frames.iter().zip(lengths).map(|(frame, &rows)| {
            // Without rows there is nothing to convert.
            let series = frame.filter(|_| rows > 0).and_then(|frame| frame.series(name));
            Ok((series.map(crate::Series::load_once).transpose()?, rows))
        });
        let parts = parts.collect::<Result<Vec<_>>>().and_then(|parts| column.concat(&parts));
        joined.insert(name, parts.map_err(|error| error.at(&child_path(path, name)))?)?;
    }
    Ok(joined)
}

/// The frames of the other axis, each in the joined order, merged column by column.
fn merge_frames(plan: &ConcatPlan, inputs: &[&AnnData], merge: &Merge, index: &Index) -> Result<DataFrame> {
    let other = plan.axis.other();
    let columns: Vec<Mapping> = inputs.iter().map(|input| frame_elements(other.frame(input))).collect();
    let rows: Vec<Vec<Option<usize>>> = plan.reindex.iter().map(Reindex::sources).collect();
    let merged = merge.apply(&columns, other.name(), &|input, element| {
        let column = once(element)?.into_column()?;
        let (reindex, rows) = plan.reindex.get(input).zip(rows.get(input)).or_bug("an input that was not planned")?;
        Ok(if reindex.is_identity() { column.into() } else { columns::reindex(&column, rows)?.into() })
    });
    let mut frame = index.frame();
    for (name, element) in merged? {
        frame.insert(name, element.into_column()?)?;
    }
    Ok(frame)
}

/// An element with one or both of its first two axes in the joined order.
fn reindexed(element: &Element, reindex: Option<&Reindex>, axes: &[usize], index: &Index) -> Result<Element> {
    let element = once(element)?;
    let Some(reindex) = reindex.filter(|reindex| !reindex.is_identity()) else {
        return match element {
            Element::Frame(frame) => relabelled(&frame, index),
            element => Ok(element),
        };
    };
    if let Element::Frame(frame) = &element {
        let rows = reindex.sources();
        let mut joined = index.frame();
        for (name, series) in frame.columns() {
            joined.insert(name, columns::reindex(&series.load_once()?, &rows).map_err(|error| error.at(name))?)?;
        }
        return Ok(joined.into());
    }
    if let Element::Awkward(awkward) = &element {
        return Ok(awkward.take_optional(&reindex.sources())?.into());
    }
    let mut element = element;
    for &axis in axes {
        element = reindex_axis(&element, reindex, axis)?;
    }
    Ok(element)
}

/// The same columns under other labels: those of the axis, whose name may have changed.
fn relabelled(frame: &DataFrame, index: &Index) -> Result<Element> {
    let mut joined = index.frame();
    for (name, series) in frame.columns() {
        joined.insert(name, series.clone())?;
    }
    Ok(joined.into())
}

/// A matrix or array with one axis in the joined order: a concatenation of one along the other axis.
fn reindex_axis(element: &Element, reindex: &Reindex, axis: usize) -> Result<Element> {
    let outline = Outline::of(element)?;
    let sparse = matches!(outline, Outline::Sparse { .. });
    let fill = if sparse { FillValue::Int(0) } else { FillValue::NAN };
    let along = 1 - axis;
    let dtype = filled_dtype(Some(&outline), along, reindex, fill, sparse);
    let len = outline.len(along);
    if let Element::Sparse(matrix) = element {
        let target = Target { format: matrix.format(), axis: along, other_len: reindex.new_len(), dtype, fill: None };
        return Ok(stack(&[Piece { matrix: Some(matrix.clone()), len, reindex }], &target)?.into());
    }
    let tensor = element.to_tensor()?;
    let inner = tensor.shape().get(2..).unwrap_or_default().to_vec();
    let plan = ElementPlan {
        axis: along,
        lengths: Arc::from([len]),
        reindex: Arc::from([reindex.clone()]),
        kind: ElementKind::Dense { dtype: dtype.clone(), inner: inner.clone(), fill },
    };
    Ok(dense::concat(&plan, &dtype, &inner, fill, &[Some(tensor)])?.into())
}

/// An element in memory, not kept where it is lazy.
fn once(element: &Element) -> Result<Element> {
    match element {
        Element::Lazy(lazy) => lazy.load_once(),
        element => element.load(),
    }
}

fn to_csr(element: &Element) -> Result<SparseMatrix> {
    match element {
        Element::Sparse(matrix) => matrix.to_format(SparseFormat::Csr),
        Element::Tensor(tensor) => {
            let matrix: Tensor = match *tensor.shape() {
                [len] => tensor.clone().reshape([len, 1])?,
                _ => tensor.clone(),
            };
            SparseMatrix::from_dense(&matrix, SparseFormat::Csr)
        }
        other => Err(Error::invalid_data(format!("{} is not a matrix", other.kind_name()))),
    }
}
