//! [`Selector`]: what of an axis is selected, in any of the ways in which users say it.

mod combine;
mod from;

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use anndata_array::ColumnValue;
use anndata_storage::{AxisSelection, DType, Error, Result};
use arrow_array::{Array, BooleanArray, LargeStringArray};

use crate::{Column, DataFrame, Mask};

/// How many wrong positions an error shows.
const SHOWN: usize = 5;

/// A selection along one axis, to be resolved against the names and annotations of that axis.
///
/// | what | examples |
/// | --- | --- |
/// | everything | `..` |
/// | ranges | `2..5`, `3..`, `..=7` |
/// | steps | [`Selector::step(.., 2)`](Selector::step), [`Selector::step(.., -1)`](Selector::step) |
/// | positions, in any order, repeated | `3`, `[4, 0, 4]`, a `Vec` or slice of integers |
/// | positions that may count from the end | [`Selector::signed([-1, 0])`](Selector::signed) |
/// | masks | `[true, false, true]`, a [`Mask`], an Arrow [`BooleanArray`], [`Selector::mask_of("is_doublet")`](Selector::mask_of) |
/// | names | `"cell-1"`, `["cell-3", "cell-1"]`, an Arrow string array |
/// | ranges of names, both ends included | [`Selector::name_range("a", "f")`](Selector::name_range) |
/// | values of a column | [`Selector::equal("louvain", "B cells")`](Selector::equal), [`Selector::is_in("batch", ["a", "b"])`](Selector::is_in), [`Selector::filter("n_genes", \|n\| n > 200.0)`](Selector::filter), [`Selector::by_column`] |
/// | several together | [`Selector::equal("louvain", "B cells").and(Selector::mask_of("is_good"))`](Selector::and), [`or`](Selector::or), `!` |
///
/// A range that ends beyond the axis is an error here, where Python cuts it.
///
/// ```
/// use anndata_core::{AnnData, DataFrame, Selector, Tensor};
///
/// let obs = DataFrame::new(["a", "b", "c"]).with_column("n", vec![5_i64, 1, 9])?;
/// let adata = AnnData::builder().x(Tensor::from_vec([3, 2], vec![1_i32; 6])?).obs(obs).build()?;
/// assert_eq!(adata.select(1.., 0)?.shape(), (2, 1));
/// assert_eq!(adata.select(["c", "a"], ..)?.obs_names()?, ["c", "a"]);
/// assert_eq!(adata.select(Selector::filter("n", |n| n > 2.0), ..)?.obs_names()?, ["a", "c"]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
#[derive(Debug, Clone)]
#[doc(alias("Index", "Index1D"))]
pub struct Selector(Kind);

#[derive(Clone)]
enum Kind {
    Range { start: Bound<i64>, end: Bound<i64>, step: i64 },
    Positions { positions: Vec<i64>, from_end: bool },
    Mask(BooleanArray),
    Name(String),
    Names(LargeStringArray),
    NameRange(String, String),
    Column { name: String, test: Arc<Test> },
    Axis(AxisSelection),
    Both(Box<(Selector, Selector)>),
    Either(Box<(Selector, Selector)>),
    Others(Box<Selector>),
}

/// What is selected of: the length of an axis, and the frame that annotates it if there is one.
#[derive(Clone, Copy)]
struct Axis<'a> {
    len: usize,
    frame: Option<&'a DataFrame>,
}

impl<'a> Axis<'a> {
    fn frame(self) -> Result<&'a DataFrame> {
        self.frame.ok_or_else(|| {
            Error::invalid_input("a matrix alone has neither names nor columns: select by positions, ranges or a mask")
        })
    }
}

type Test = dyn Fn(&Column) -> Result<Mask> + Send + Sync;

impl Selector {
    /// Every `step`-th position of a range, from its first; with a negative step from its last, backwards.
    pub fn step(range: impl RangeBounds<usize>, step: i64) -> Self {
        // Fallback: a position beyond the numbers is out of bounds of every axis, as the largest number is.
        let bound = |bound: Bound<&usize>| match bound {
            Bound::Included(&at) => Bound::Included(i64::try_from(at).unwrap_or(i64::MAX)),
            Bound::Excluded(&at) => Bound::Excluded(i64::try_from(at).unwrap_or(i64::MAX)),
            Bound::Unbounded => Bound::Unbounded,
        };
        Self(Kind::Range { start: bound(range.start_bound()), end: bound(range.end_bound()), step })
    }

    /// Positions, of which negative ones count from the end: -1 is the last.
    pub fn signed(positions: impl IntoIterator<Item = i64>) -> Self {
        Self(Kind::Positions { positions: positions.into_iter().collect(), from_end: true })
    }

    /// The names from one to another, both included, in the order of the axis.
    pub fn name_range(first: impl Into<String>, last: impl Into<String>) -> Self {
        Self(Kind::NameRange(first.into(), last.into()))
    }

    /// The rows of the annotation `column` for which a function of the whole column says `true`.
    ///
    /// ```
    /// # use anndata_core::Selector;
    /// let selector = Selector::by_column("n_genes", |n| n.at_least(200)?.and(&n.less_than(5000)?));
    /// # let obs = anndata_core::DataFrame::new(["a", "b"]).with_column("n_genes", vec![300, 7000])?;
    /// # assert_eq!(selector.resolve(&obs)?, anndata_core::AxisSelection::Range(0..1));
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    pub fn by_column<M: Into<Mask>>(
        column: impl Into<String>,
        test: impl Fn(&Column) -> Result<M> + Send + Sync + 'static,
    ) -> Self {
        Self(Kind::Column { name: column.into(), test: Arc::new(move |column| test(column).map(Into::into)) })
    }

    /// The rows whose value in a column is one of these. A missing value is not.
    #[doc(alias = "isin")]
    pub fn is_in<'a, V: Into<ColumnValue<'a>>>(column: impl Into<String>, values: impl IntoIterator<Item = V>) -> Self {
        let values: Vec<_> = values.into_iter().map(|value| value.into().into_owned()).collect();
        Self::by_column(column, move |column| column.is_in(&values))
    }

    /// The rows that are `true` in a column of booleans. A missing value is not.
    pub fn mask_of(column: impl Into<String>) -> Self {
        Self::by_column(column, Column::to_mask)
    }

    /// The rows whose text or category in a column is this one; for a column of numbers or booleans, whose value is
    /// the one that the text says.
    pub fn equal(column: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        Self::by_column(column, move |column| column.equals_text(&value))
    }

    /// The rows whose number in a column fulfils a condition. A missing value does not.
    pub fn filter(column: impl Into<String>, test: impl Fn(f64) -> bool + Send + Sync + 'static) -> Self {
        Self::by_column(column, move |column| {
            let values = column.to_tensor()?.cast(&DType::F64)?;
            let missing = column.missing();
            let chosen = values.as_slice::<f64>()?.iter().zip(missing).map(|(&value, missing)| !missing && test(value));
            Ok(chosen.collect::<Mask>())
        })
    }

    /// The positions that are selected of the axis that a frame annotates.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if positions are out of bounds, a mask has another length,
    /// or a list of names is looked up among names that are not unique; [`NotFound`](crate::ErrorKind::NotFound)
    /// if there is no such name or column. The first few offenders are shown.
    pub fn resolve(&self, axis: &DataFrame) -> Result<AxisSelection> {
        self.resolve_on(Axis { len: axis.len()?, frame: Some(axis) })
    }

    /// The positions that are selected of an axis of this length, of which neither names nor annotations are known: that
    /// of a matrix alone.
    ///
    /// ```
    /// use anndata_core::{AxisSelection, Selector};
    ///
    /// assert_eq!(Selector::from([true, false, true]).resolve_positions(3)?, AxisSelection::from(vec![0, 2]));
    /// assert!(Selector::from("cell-1").resolve_positions(3).is_err_and(|error| error.is_invalid_input()));
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve); [`InvalidInput`](crate::ErrorKind::InvalidInput) if it selects by name or by column.
    pub fn resolve_positions(&self, len: usize) -> Result<AxisSelection> {
        self.resolve_on(Axis { len, frame: None })
    }

    fn resolve_on(&self, axis: Axis<'_>) -> Result<AxisSelection> {
        let len = axis.len;
        match &self.0 {
            Kind::Range { start, end, step } => range(*start, *end, *step, len),
            Kind::Positions { positions, from_end } => signed_positions(positions, *from_end, len),
            Kind::Mask(mask) => resolve_mask(mask, len),
            Kind::Name(name) => {
                let found = axis.frame()?.name_index()?.all_positions(name);
                if found.is_empty() {
                    return Err(Error::not_found(format!("no such name: '{name}'")));
                }
                Ok(AxisSelection::of_positions(found))
            }
            Kind::Names(names) => Ok(AxisSelection::of_positions(axis.frame()?.name_index()?.positions_of(names)?)),
            Kind::NameRange(first, last) => {
                let names = axis.frame()?.name_index()?;
                let &[first, last] = names.positions(&[first, last])?.as_slice() else {
                    return Err(Error::bug("two names are not at two positions"));
                };
                Ok(AxisSelection::Range(first..(last + 1).max(first)))
            }
            Kind::Column { name, test } => resolve_mask(&test(&axis.frame()?.column(name)?)?.to_array(), len),
            Kind::Both(pair) => {
                let chosen = pair.0.mask_on(axis)?.and(&pair.1.mask_on(axis)?)?;
                Ok(AxisSelection::of_positions(chosen.rows()))
            }
            Kind::Either(pair) => {
                let chosen = pair.0.mask_on(axis)?.or(&pair.1.mask_on(axis)?)?;
                Ok(AxisSelection::of_positions(chosen.rows()))
            }
            Kind::Others(selector) => Ok(AxisSelection::of_positions((!selector.mask_on(axis)?).rows())),
            Kind::Axis(selection) => {
                if selection.end() > len as u64 {
                    return Err(out_of_bounds(&[selection.end() - 1], len));
                }
                Ok(selection.clone())
            }
        }
    }
}

/// The length of an axis as a signed number.
fn signed(len: usize) -> Result<i64> {
    i64::try_from(len).map_err(|_| Error::limit_exceeded(format!("an axis of {len} is too long to be counted")))
}

fn range(start: Bound<i64>, end: Bound<i64>, step: i64, len: usize) -> Result<AxisSelection> {
    // Behind the largest number nothing begins, and no axis is so long.
    let start = match start {
        Bound::Included(at) => at,
        Bound::Excluded(at) => at.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match end {
        Bound::Included(at) => at.saturating_add(1),
        Bound::Excluded(at) => at,
        Bound::Unbounded => signed(len)?,
    };
    let (Ok(start), Ok(end)) = (u64::try_from(start), u64::try_from(end)) else {
        return Err(Error::invalid_input(format!("the range {start}..{end} begins before the axis")));
    };
    if start > len as u64 || end > len as u64 {
        return Err(Error::invalid_input(format!(
            "the range {start}..{end} is out of bounds of an axis of length {len}"
        )));
    }
    let range = start..end.max(start);
    // Fallback: a step beyond the numbers of the machine leads out of every axis, as the largest does.
    let stride = usize::try_from(step.unsigned_abs()).unwrap_or(usize::MAX);
    match step {
        0 => Err(Error::invalid_input("the step of a range cannot be 0")),
        1 => Ok(AxisSelection::Range(range)),
        _ if step > 0 => Ok(AxisSelection::of_positions(range.step_by(stride).collect())),
        _ => Ok(AxisSelection::of_positions(range.rev().step_by(stride).collect())),
    }
}

fn signed_positions(positions: &[i64], from_end: bool, len: usize) -> Result<AxisSelection> {
    let count = signed(len)?;
    let mut resolved = Vec::with_capacity(positions.len());
    let mut wrong = Vec::new();
    for &position in positions {
        let counted = if from_end && position < 0 { position + count } else { position };
        match u64::try_from(counted) {
            Ok(at) if at < len as u64 => resolved.push(at),
            _ => wrong.push(position),
        }
    }
    if wrong.is_empty() {
        return Ok(AxisSelection::of_positions(resolved));
    }
    let hint = !from_end && wrong.iter().all(|&at| at < 0);
    let error = out_of_bounds(&wrong, len);
    Err(if hint { Error::invalid_input(format!("{error}; Selector::signed counts from the end")) } else { error })
}

fn resolve_mask(mask: &BooleanArray, len: usize) -> Result<AxisSelection> {
    if mask.len() != len {
        return Err(Error::invalid_input(format!(
            "a mask of length {} was given for an axis of length {len}",
            mask.len()
        )));
    }
    if let Some(missing) = mask.iter().position(|chosen| chosen.is_none()) {
        return Err(Error::invalid_input(format!("the mask is missing at {missing}")));
    }
    Ok(AxisSelection::of_positions(mask.values().set_indices().map(|row| row as u64).collect()))
}

fn out_of_bounds<T: fmt::Display>(wrong: &[T], len: usize) -> Error {
    let shown: Vec<String> = wrong.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = wrong.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Error::invalid_input(format!("positions out of bounds of an axis of length {len}: {}{more}", shown.join(", ")))
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range { start, end, step } => write!(f, "Range({start:?}, {end:?}, step {step})"),
            Self::Positions { positions, .. } => write!(f, "{} positions", positions.len()),
            Self::Mask(mask) => write!(f, "mask of {}", mask.len()),
            Self::Name(name) => write!(f, "name '{name}'"),
            Self::Names(names) => write!(f, "{} names", names.len()),
            Self::NameRange(first, last) => write!(f, "names from '{first}' to '{last}'"),
            Self::Column { name, .. } => write!(f, "rows by column '{name}'"),
            Self::Axis(axis) => axis.fmt(f),
            Self::Both(pair) => write!(f, "({:?} and {:?})", pair.0.0, pair.1.0),
            Self::Either(pair) => write!(f, "({:?} or {:?})", pair.0.0, pair.1.0),
            Self::Others(selector) => write!(f, "not {:?}", selector.0),
        }
    }
}
