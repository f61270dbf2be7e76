//! [`Joined`]: elements, columns or labels of several inputs as one lazy element.
//!
//! To select from it is to carry out a smaller plan: the selected positions go to the inputs that have them, the plan is cut
//! down to what each of them gives, and in the end the order that was asked for is restored.

mod parts;
mod schema;
mod selected;

use std::ops::Range;

use anndata_array::sparse::Offsets;
use anndata_storage::{AxisSelection, BoxFuture, OrBug, Result};
use futures_util::future::try_join_all;
use rayon::prelude::*;

use self::selected::Selected;
use super::columns::ColumnPlan;
use super::execute::{once, run};
use super::label_column;
use super::labels::JoinedLabels;
use super::plan::{ElementKind, ElementPlan};
use crate::adata::nbytes;
use crate::schema::len_of;
use crate::{Column, ColumnSchema, Element, LazySource, Reindex, Schema, SparseFormat};

/// What the inputs have of a key, as one element. The values are put together when they are asked for.
#[derive(Debug)]
pub(super) struct Joined {
    path: String,
    what: What,
    /// What each input has of it.
    parts: Vec<Option<Element>>,
    /// Where the positions of each input are, along the axis on which they follow each other.
    starts: Offsets,
    schema: Schema,
}

/// What it is that is put together.
#[derive(Debug, Clone)]
enum What {
    /// Arrays.
    Element(ElementPlan),
    /// Columns of frames.
    Column(ColumnPlan),
    /// Labels of rows.
    Labels(JoinedLabels),
    /// Nothing: for each row the key of its input.
    Keys(Column),
}

impl Joined {
    /// Arrays of one key.
    pub(super) fn element(plan: &ElementPlan, parts: Vec<Option<Element>>, path: String) -> Result<Self> {
        let schema = plan.schema(&parts)?;
        Self::new(What::Element(plan.clone()), parts, &plan.lengths, schema, path)
    }

    /// Columns of one name.
    pub(super) fn column(
        plan: &ColumnPlan,
        parts: Vec<Option<Element>>,
        lengths: &[usize],
        path: String,
    ) -> Result<Self> {
        let schema = plan.schema(lengths.iter().sum())?;
        Self::new(What::Column(plan.clone()), parts, lengths, schema, path)
    }

    /// The labels of all rows.
    pub(super) fn labels(labels: &JoinedLabels, lengths: &[usize], path: String) -> Result<Self> {
        let parts = labels.parts().iter().map(|series| Some(series.to_element())).collect();
        Self::new(What::Labels(labels.clone()), parts, lengths, labels.schema(), path)
    }

    /// For each row the key of its input.
    pub(super) fn keys(keys: &Column, lengths: &[usize], path: String) -> Result<Self> {
        let schema = ColumnSchema::of(&label_column(keys, &[])?)?;
        let schema = Schema::Column(ColumnSchema { len: lengths.iter().sum(), ..schema });
        Self::new(What::Keys(keys.clone()), vec![None; lengths.len()], lengths, schema, path)
    }

    fn new(what: What, parts: Vec<Option<Element>>, lengths: &[usize], schema: Schema, path: String) -> Result<Self> {
        Ok(Self { path, what, parts, starts: Offsets::of_lengths(lengths.iter().copied())?, schema })
    }

    /// The same for selected positions alone.
    fn selected(&self, axes: &[AxisSelection]) -> Result<Selected> {
        let whole: Vec<usize> = self.schema.shape().or_bug("rows that follow each other without axes")?;
        let selection = |axis: usize| axes.get(axis).or_bug("fewer selections than axes");
        let along = self.what.axis();
        let (rows, rows_order) = self.split(selection(along)?)?;
        let mut order: Vec<Option<AxisSelection>> = vec![None; whole.len()];
        if let Some(slot) = order.get_mut(along) {
            *slot = rows_order;
        }
        let lengths = rows.iter().map(len_of).collect::<Result<Vec<_>>>()?;
        let (what, parts) = match &self.what {
            What::Element(plan) if plan.is_matrix() => {
                let (kept, kept_order) = distinct(selection(1 - along)?);
                if let Some(slot) = order.get_mut(1 - along) {
                    *slot = kept_order;
                }
                let inner = axes.get(2..).unwrap_or_default();
                let mut cut = Cut { plan: plan.select(&lengths, inner)?, reindex: Vec::new(), parts: Vec::new() };
                for ((part, reindex), rows) in self.parts.iter().zip(plan.reindex.iter()).zip(&rows) {
                    cut.part(part.as_ref(), reindex, rows, &kept, inner)?;
                }
                (What::Element(ElementPlan { reindex: cut.reindex.into(), ..cut.plan }), cut.parts)
            }
            what => {
                let rest = axes.get(1..).unwrap_or_default();
                let parts = self.parts.iter().zip(&rows).map(|(part, rows)| match part {
                    Some(part) if !rows.is_empty() || what.needs_all() => {
                        let axes: Vec<_> = std::iter::once(rows).chain(rest).cloned().collect();
                        select(part, &axes).map(Some)
                    }
                    _ => Ok(None),
                });
                let what = match what {
                    What::Element(plan) => What::Element(plan.select(&lengths, &[])?),
                    what => what.clone(),
                };
                (what, parts.collect::<Result<Vec<_>>>()?)
            }
        };
        Ok(Selected { what, lengths, parts, order })
    }

    /// Positions along the axis on which inputs follow each other: those of each input, and where what was asked for is
    /// among these, unless it is in the same order.
    fn split(&self, rows: &AxisSelection) -> Result<(Vec<AxisSelection>, Option<AxisSelection>)> {
        let positions = match rows {
            AxisSelection::Range(range) => {
                let within = |input: Range<usize>| {
                    let (start, end) = (input.start as u64, input.end as u64);
                    let (from, to) = (range.start.clamp(start, end), range.end.clamp(start, end));
                    AxisSelection::Range(from - start..to.max(from) - start)
                };
                return Ok((self.starts.ranges().map(within).collect(), None));
            }
            AxisSelection::Indices(positions) => positions,
        };
        let mut split: Vec<Vec<u64>> = vec![Vec::new(); self.parts.len()];
        let mut from = Vec::with_capacity(positions.len());
        for &position in positions.iter() {
            let at = usize::try_from(position).or_bug("a position beyond what memory can hold")?;
            let input = self.starts.ends().partition_point(|&end| end <= at);
            let own = split.get_mut(input).or_bug("a position of no input")?;
            from.push((input, own.len()));
            own.push((at - self.starts.range(input)?.start) as u64);
        }
        let order = if from.is_sorted_by_key(|(input, _)| *input) {
            None
        } else {
            let starts = Offsets::of_lengths(split.iter().map(Vec::len))?;
            let place = |(input, at): (usize, usize)| Ok((starts.range(input)?.start + at) as u64);
            Some(from.into_iter().map(place).collect::<Result<Vec<_>>>()?.into())
        };
        Ok((split.into_iter().map(AxisSelection::of_positions).collect(), order))
    }
}

impl LazySource for Joined {
    fn path(&self) -> &str {
        &self.path
    }

    fn schema(&self) -> Result<Schema> {
        Ok(self.schema.clone())
    }

    fn load(&self) -> Result<Element> {
        let lengths: Vec<usize> = self.starts.lengths().collect();
        self.what.run(&lengths, load_all(&self.parts)?)
    }

    fn select(&self, axes: &[AxisSelection]) -> Result<Element> {
        let selected = self.selected(axes)?;
        selected.finish(load_all(&selected.parts)?)
    }

    fn load_async(&self) -> BoxFuture<'_, Result<Element>> {
        Box::pin(async move {
            let lengths: Vec<usize> = self.starts.lengths().collect();
            self.what.run(&lengths, load_all_async(&self.parts).await?)
        })
    }

    fn select_async<'a>(&'a self, axes: &'a [AxisSelection]) -> BoxFuture<'a, Result<Element>> {
        Box::pin(async move {
            let selected = self.selected(axes)?;
            selected.finish(load_all_async(&selected.parts).await?)
        })
    }

    fn major_lengths(&self, slices: Range<usize>) -> Result<Option<Vec<usize>>> {
        let What::Element(plan) = &self.what else { return Ok(None) };
        let filled = match &plan.kind {
            ElementKind::Sparse { fill, .. } => !fill.is_zero(),
            ElementKind::Diagonal { .. } => false,
            _ => return Ok(None),
        };
        // Rows of CSR that lose nothing are as long as they are there, and get what is filled in.
        let is_unchanged = |(part, reindex): (&Option<Element>, &Reindex)| match part {
            None => Ok(true),
            Some(part) => Ok(!reindex.drops() && part.sparse_format()? == Some(SparseFormat::Csr)),
        };
        let unchanged = self.parts.iter().zip(plan.reindex.iter()).map(is_unchanged).collect::<Result<Vec<bool>>>()?;
        if plan.axis != 0 || unchanged.contains(&false) {
            return Ok(None);
        }
        let mut lengths = Vec::with_capacity(slices.len());
        for ((part, reindex), own) in self.parts.iter().zip(plan.reindex.iter()).zip(self.starts.ranges()) {
            let within = |at: usize| at.clamp(own.start, own.end) - own.start;
            let rows = within(slices.start)..within(slices.end);
            if rows.is_empty() {
                continue;
            }
            match part {
                Some(part) => {
                    let more = if filled { reindex.missing().count() } else { 0 };
                    lengths.extend(part.major_lengths(rows)?.into_iter().map(|len| len + more));
                }
                None => lengths.resize(lengths.len() + rows.len(), if filled { reindex.new_len() } else { 0 }),
            }
        }
        Ok(Some(lengths))
    }

    fn chunk_end(&self, axis: usize, position: usize) -> Result<usize> {
        // Where an input ends its last chunk does.
        let input = self.starts.ends().partition_point(|&end| end < position);
        match self.parts.get(input) {
            Some(Some(part)) if axis == self.what.axis() => {
                let own = self.starts.range(input)?;
                if position == own.end {
                    return Ok(position);
                }
                Ok(own.start + part.chunk_end(axis, position.saturating_sub(own.start))?)
            }
            _ => Ok(position),
        }
    }

    fn parts(&self) -> Result<Vec<(usize, Option<Element>)>> {
        let parts = self.parts.iter().enumerate().zip(self.starts.lengths());
        parts.map(|((at, part), rows)| Ok((rows, self.what.unchanged(at, part.as_ref())?.cloned()))).collect()
    }

    fn nbytes(&self, with_stored: bool) -> usize {
        self.parts.iter().flatten().map(|part| nbytes(part, with_stored)).sum()
    }
}

/// The matrices of a selection, input by input.
struct Cut {
    plan: ElementPlan,
    reindex: Vec<Reindex>,
    parts: Vec<Option<Element>>,
}

impl Cut {
    fn part(
        &mut self,
        part: Option<&Element>,
        reindex: &Reindex,
        rows: &AxisSelection,
        kept: &AxisSelection,
        inner: &[AxisSelection],
    ) -> Result<()> {
        // Rows of sparse matrices are read whole where no column is left out: so the order of their values is the same.
        let is_whole = self.plan.is_sparse() && kept.is_whole(reindex.new_len() as u64);
        let all = AxisSelection::Range(0..reindex.old_len() as u64);
        let (old, mut left) = if is_whole { (all, reindex.clone()) } else { reindex.select(kept)? };
        let Some(part) = part else {
            self.parts.push(None);
            self.reindex.push(left);
            return Ok(());
        };
        // Of numbers, what an input does not have is filled.
        let skips = self.plan.fills() && (rows.is_empty() || old.is_empty());
        let shape = part.shape()?.or_bug("a matrix without axes")?;
        let mut axes = vec![rows.clone()];
        if shape.len() > 1 {
            axes.insert(1 - self.plan.axis, old);
            axes.extend(inner.iter().cloned());
        } else if old.is_empty() {
            // One column, of which none is kept.
            left = Reindex::from_map(vec![None], left.new_len())?;
        }
        self.parts.push(if skips { None } else { Some(select(part, &axes)?) });
        self.reindex.push(left);
        Ok(())
    }
}

impl What {
    /// The axis along which the inputs follow each other.
    fn axis(&self) -> usize {
        match self {
            Self::Element(plan) => plan.axis,
            Self::Column(_) | Self::Labels(_) | Self::Keys(_) => 0,
        }
    }

    /// Whether what the result is depends on inputs that give no row to it.
    fn needs_all(&self) -> bool {
        matches!(self, Self::Element(_))
    }

    fn run(&self, lengths: &[usize], parts: Vec<Option<Element>>) -> Result<Element> {
        let columns = |parts: Vec<Option<Element>>| {
            let columns = parts.into_iter().zip(lengths).map(|(part, &rows)| {
                // Without rows there is nothing to convert.
                Ok((part.filter(|_| rows > 0).map(Element::into_column).transpose()?, rows))
            });
            columns.collect::<Result<Vec<_>>>()
        };
        match self {
            Self::Element(plan) => run(plan, parts),
            Self::Column(plan) => plan.concat(&columns(parts)?).map(Element::Column),
            Self::Labels(labels) => labels.join(columns(parts)?).map(Element::Column),
            Self::Keys(keys) => label_column(keys, lengths).map(Element::Column),
        }
    }
}

/// Selected positions of what an input has; all of it as it is.
fn select(part: &Element, axes: &[AxisSelection]) -> Result<Element> {
    let shape = part.shape()?.or_bug("rows without axes")?;
    let is_whole = axes.iter().zip(&shape).all(|(axis, &len)| axis.is_whole(len as u64));
    if is_whole { Ok(part.clone()) } else { part.select(axes) }
}

/// A strictly increasing version of a selection, and where what was asked for is in it, unless it is the same.
fn distinct(axis: &AxisSelection) -> (AxisSelection, Option<AxisSelection>) {
    let AxisSelection::Indices(positions) = axis else { return (axis.clone(), None) };
    if positions.is_sorted_by(|a, b| a < b) {
        return (axis.clone(), None);
    }
    let mut sorted = positions.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let place = |position: &u64| sorted.partition_point(|at| at < position) as u64;
    let order: Vec<u64> = positions.iter().map(place).collect();
    (AxisSelection::of_positions(sorted), Some(order.into()))
}

/// All parts in memory, read concurrently and not kept.
fn load_all(parts: &[Option<Element>]) -> Result<Vec<Option<Element>>> {
    parts.par_iter().map(|part| part.as_ref().map(once).transpose()).collect()
}

async fn load_all_async(parts: &[Option<Element>]) -> Result<Vec<Option<Element>>> {
    let load = async |part: &Option<Element>| match part {
        Some(Element::Lazy(lazy)) => lazy.load_once_async().await.map(Some),
        Some(element) => element.load_async().await.map(Some),
        None => Ok(None),
    };
    try_join_all(parts.iter().map(load)).await
}
