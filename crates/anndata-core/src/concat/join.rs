//! The result of a [`ConcatPlan`] as an object of lazy elements, each put together when it is asked for.

use anndata_storage::{Error, OrBug, Result, child_path};

use super::columns;
use super::execute::{once, reindex_axis};
use super::joined::Joined;
use super::plan::{ConcatPlan, ElementKind, ElementPlan, FramePlan, frame_elements, raw_object, within_raw};
use super::{ConcatAxis, ConcatOptions, Merge};
use crate::{AnnData, DataFrame, Element, Lazy, Mapping, Raw, Reindex, Series};

impl ConcatPlan {
    /// The result as an object whose elements are lazy: what inputs have of a key is read and put together when it is asked
    /// for, and no more of it than is selected. The inputs, which the plan was made for with the same options, may be lazy
    /// themselves.
    ///
    /// What is not aligned to the axis is merged now, as the options say; where `obsm` (or `varm`) has frames, their labels
    /// are compared with those of their axis.
    ///
    /// # Errors
    /// As [`concat`](super::concat()), for what is looked at now.
    pub fn join(&self, inputs: &[&AnnData], options: &ConcatOptions) -> Result<AnnData> {
        if inputs.len() != self.lengths.len() {
            return Err(Error::invalid_input(format!(
                "expected the {} objects that the plan was made for, found {}",
                self.lengths.len(),
                inputs.len()
            )));
        }
        inputs.iter().try_for_each(|input| input.check_frame_labels())?;
        Join { plan: self, inputs, within: "" }.object(options)
    }
}

/// A plan that is carried out.
struct Join<'a> {
    plan: &'a ConcatPlan,
    inputs: &'a [&'a AnnData],
    /// The path of the result.
    within: &'a str,
}

impl<'a> Join<'a> {
    fn object(&self, options: &ConcatOptions) -> Result<AnnData> {
        let (plan, inputs) = (self.plan, self.inputs);
        let (axis, other) = (plan.axis, plan.axis.other());
        let labels = Joined::labels(&plan.labels, &plan.lengths, self.path(axis.name()))?;
        let index = Index { labels: Series::Lazy(Lazy::new(labels)), name: plan.index_name.clone() };
        let other_labels = plan.other_labels.to_column()?.into();
        let other_index = Index { labels: other_labels, name: plan.other_index_name.clone() };

        let (n_obs, n_vars) = plan.shape();
        let mut builder = AnnData::builder().shape(n_obs, n_vars).stored();
        for (key, element) in &plan.layers {
            let elements: Vec<Option<&Element>> = inputs.iter().map(|input| input.layers().get(key)).collect();
            let path = key.as_ref().map_or_else(|| "X".to_owned(), |key| format!("layers/{key}"));
            let element = self.element(element, &elements, &index, &path)?;
            builder = match key {
                None => builder.x(element),
                Some(key) => builder.layer(key, element),
            };
        }

        let frames: Vec<Option<&DataFrame>> = inputs.iter().map(|input| Some(axis.frame(input))).collect();
        let mut annotation = self.frame(&plan.annotation, &frames, &index, axis.name())?;
        if let Some((name, keys)) = &plan.label {
            let path = self.path(&child_path(axis.name(), name));
            annotation.insert(name, Series::Lazy(Lazy::new(Joined::keys(keys, &plan.lengths, path)?)))?;
        }
        let other_annotation = self.merge_frames(&options.merge, &other_index)?;
        let arrays = self.each(&plan.arrays, |input| axis.arrays(input), "m", &index)?;
        let pairwise = self.each(&plan.pairwise, |input| axis.pairwise(input), "p", &index)?;
        let merge = |slot: fn(ConcatAxis, &AnnData) -> &Mapping, suffix: &str, axes: &[usize]| {
            let mappings: Vec<Mapping> = inputs.iter().map(|input| slot(other, input).clone()).collect();
            options.merge.apply(&mappings, &format!("{}{suffix}", other.name()), &|input, element| {
                reindexed(element, plan.reindex.get(input), axes, &other_index)
            })
        };
        let other_arrays = merge(|axis, input| axis.arrays(input), "m", &[0])?;
        let other_pairwise = merge(|axis, input| axis.pairwise(input), "p", &[0, 1])?;
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

    fn path(&self, path: &str) -> String {
        child_path(self.within, path)
    }

    /// The elements of a slot.
    fn each(
        &self,
        plans: &[(String, ElementPlan)],
        slot: impl Fn(&'a AnnData) -> &'a Mapping,
        suffix: &str,
        index: &Index,
    ) -> Result<Mapping> {
        let joined = |(key, plan): &(String, ElementPlan)| {
            let elements: Vec<Option<&Element>> = self.inputs.iter().map(|input| slot(input).get(key)).collect();
            let path = format!("{}{suffix}/{key}", self.plan.axis.name());
            Ok((key.clone(), self.element(plan, &elements, index, &path)?))
        };
        plans.iter().map(joined).collect()
    }

    /// The element of one key: a frame of lazy columns, or a lazy array.
    fn element(&self, plan: &ElementPlan, elements: &[Option<&Element>], index: &Index, path: &str) -> Result<Element> {
        let ElementKind::Frame(frame_plan) = &plan.kind else {
            let parts = elements.iter().map(|element| element.cloned()).collect();
            return Ok(Lazy::new(Joined::element(plan, parts, self.path(path))?).into());
        };
        let frames = elements.iter().map(|element| match element {
            Some(lazy @ Element::Lazy(_)) => once(lazy).map(Some),
            element => Ok(element.cloned()),
        });
        let frames = frames.collect::<Result<Vec<_>>>()?;
        let frames = frames.iter().map(|element| element.as_ref().map(Element::as_frame).transpose());
        let frames = frames.collect::<Result<Vec<_>>>().map_err(|error| error.at(&self.path(path)))?;
        Ok(self.frame(frame_plan, &frames, index, path)?.into())
    }

    /// The columns of the frames, one after the other.
    fn frame(&self, plan: &FramePlan, frames: &[Option<&DataFrame>], index: &Index, path: &str) -> Result<DataFrame> {
        let mut joined = index.frame();
        for (name, column) in &plan.columns {
            let parts = frames.iter().map(|frame| frame.and_then(|frame| frame.series(name)).map(Series::to_element));
            let path = self.path(&child_path(path, name));
            let column = Joined::column(column, parts.collect(), &self.plan.lengths, path)?;
            joined.insert(name, Series::Lazy(Lazy::new(column)))?;
        }
        Ok(joined)
    }

    /// The frames of the other axis, each in the joined order, merged column by column.
    fn merge_frames(&self, merge: &Merge, index: &Index) -> Result<DataFrame> {
        let mut frame = index.frame();
        if matches!(merge, Merge::Off) {
            return Ok(frame);
        }
        let (plan, other) = (self.plan, self.plan.axis.other());
        let columns: Vec<Mapping> = self.inputs.iter().map(|input| frame_elements(other.frame(input))).collect();
        let rows: Vec<Vec<Option<usize>>> = plan.reindex.iter().map(Reindex::sources).collect();
        let merged = merge.apply(&columns, other.name(), &|input, element| {
            let column = once(element)?.into_column()?;
            let planned = plan.reindex.get(input).zip(rows.get(input));
            let (reindex, rows) = planned.or_bug("an input that was not planned")?;
            Ok(if reindex.is_identity() { column.into() } else { columns::reindex(&column, rows)?.into() })
        });
        for (name, element) in merged? {
            frame.insert(name, element.into_column()?)?;
        }
        Ok(frame)
    }
}

/// The index of an axis of the result.
struct Index {
    labels: Series,
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
    let joined = Join { plan, inputs: &raws, within: "raw" }.object(&options.for_raw());
    let joined = joined.map_err(within_raw)?;
    Raw::new(joined.x().cloned(), joined.var().clone(), joined.varm().clone())
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
    axes.iter().try_fold(element, |element, &axis| reindex_axis(&element, reindex, axis))
}

/// The same columns under other labels: those of the axis, whose name may have changed.
fn relabelled(frame: &DataFrame, index: &Index) -> Result<Element> {
    let mut joined = index.frame();
    for (name, series) in frame.columns() {
        joined.insert(name, series.clone())?;
    }
    Ok(joined.into())
}
