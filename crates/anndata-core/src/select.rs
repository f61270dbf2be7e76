//! Selecting positions along the axes of an element.

use std::ops::Range;

use anndata_storage::{AxisSelection, Error, OrBug, Result};

use crate::model::Categories;
use crate::{DataFrame, Element, Lazy, Series};

impl Element {
    /// The element with only the selected positions along its axes: one selection per axis, from the first; further
    /// axes stay whole. Positions may repeat and be in any order.
    ///
    /// What is in memory is gathered now. Of a lazy element a lazy part is made: nothing is read yet, and then no more
    /// than its encoding needs. Data frames and awkward arrays are selected from along their rows.
    ///
    /// ```
    /// use anndata_core::{AxisSelection, Element, Tensor};
    ///
    /// let matrix = Element::from(Tensor::from_vec([2, 3], vec![1, 2, 3, 4, 5, 6])?);
    /// let part = matrix.select(&[AxisSelection::Range(1..2), AxisSelection::from(vec![2, 0])])?;
    /// assert_eq!(part.to_tensor()?.as_slice::<i32>()?, [6, 4]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a selection is out of bounds, or the element has no such
    /// axis; [`Unsupported`](crate::ErrorKind::Unsupported) for elements of unknown encodings.
    pub fn select(&self, axes: &[AxisSelection]) -> Result<Self> {
        let axes = self.full_axes(axes)?;
        let rows = || axes.first().cloned().or_bug("an element with rows, but without axes");
        Ok(match self {
            Self::Tensor(tensor) => Self::Tensor(tensor.select(&axes)?),
            Self::Sparse(matrix) => match axes.as_slice() {
                [rows, columns] => Self::Sparse(matrix.select(rows, columns)?),
                _ => return Err(self.has_no_axis(axes.len())),
            },
            Self::Column(column) => Self::Column(column.select(&rows()?)?),
            Self::Frame(frame) => Self::Frame(frame.select(&rows()?)?),
            Self::Awkward(awkward) => Self::Awkward(match rows()? {
                AxisSelection::Range(range) => awkward.slice(to_usize(&range)?)?,
                AxisSelection::Indices(positions) => awkward.take(&positions)?,
            }),
            Self::AnnData(adata) => match axes.as_slice() {
                [obs, var] => Self::AnnData(Box::new(adata.select(obs.clone(), var.clone())?)),
                _ => return Err(self.has_no_axis(axes.len())),
            },
            Self::Lazy(_) => Self::Lazy(Lazy::selection(self, &axes, Categories::Keep)),
            Self::Opaque(opaque) => return Err(opaque.error("no part of it can be selected")),
            Self::Extension(extension) => Self::Extension(extension.select(&axes)?),
            Self::Null | Self::Mapping(_) | Self::Raw(_) => {
                return Err(Error::unsupported(format!("no part of {} can be selected", self.kind_name())));
            }
        })
    }

    /// The same as [`select`](Self::select), made when it is asked for also where the element is in memory. Of a frame,
    /// categories that no selected row has are kept or dropped.
    pub(crate) fn view(&self, axes: &[AxisSelection], categories: Categories) -> Result<Self> {
        match self {
            Self::Frame(frame) => Ok(Self::Frame(
                frame.view(axes.first().unwrap_or(&AxisSelection::Range(0..frame.len()? as u64)), categories)?,
            )),
            // Told when the part is asked for: one unknown element does not stand in the way of a view.
            Self::Opaque(_) | Self::Extension(_) => Ok(Self::Lazy(Lazy::selection(self, axes, Categories::Keep))),
            Self::AnnData(_) => self.select(axes),
            _ => Ok(Self::Lazy(Lazy::selection(self, &self.full_axes(axes)?, Categories::Keep))),
        }
    }

    /// A selection for each axis, all within bounds.
    fn full_axes(&self, axes: &[AxisSelection]) -> Result<Vec<AxisSelection>> {
        if let Self::Opaque(opaque) = self {
            return Err(opaque.error("no part of it can be selected"));
        }
        let Some(mut shape) = self.shape()? else {
            return Err(Error::unsupported(format!("no part of {} can be selected", self.kind_name())));
        };
        if let Self::Frame(_) = self {
            shape.truncate(1);
        }
        if axes.len() > shape.len() {
            return Err(self.has_no_axis(axes.len()));
        }
        for (number, (axis, &len)) in axes.iter().zip(&shape).enumerate() {
            if axis.end() > len as u64 {
                let beyond = axis.end() - 1;
                return Err(Error::invalid_input(format!(
                    "position {beyond} is out of bounds of axis {number}: {len}"
                )));
            }
        }
        let whole = shape.iter().skip(axes.len()).map(|&len| AxisSelection::Range(0..len as u64));
        Ok(axes.iter().cloned().chain(whole).collect())
    }

    fn has_no_axis(&self, axes: usize) -> Error {
        Error::invalid_input(format!("{} has no {axes} axes to select along", self.kind_name()))
    }
}

impl DataFrame {
    /// The selected rows, in the order given; repeats are allowed. Lazy columns stay lazy.
    ///
    /// # Errors
    /// If a row is out of bounds.
    pub fn select(&self, rows: &AxisSelection) -> Result<Self> {
        self.check_rows(rows)?;
        self.map(|series| match series {
            Series::Loaded(column) => column.select(rows).map(Series::Loaded),
            series => Ok(series.part(rows, Categories::Keep)),
        })
    }

    /// The selected rows; every column is made when it is asked for.
    pub(crate) fn view(&self, rows: &AxisSelection, categories: Categories) -> Result<Self> {
        self.check_rows(rows)?;
        self.map(|series| Ok(series.part(rows, categories)))
    }

    fn check_rows(&self, rows: &AxisSelection) -> Result<()> {
        let len = self.len()? as u64;
        if rows.end() > len {
            return Err(Error::invalid_input(format!("row {} is out of bounds: there are {len}", rows.end() - 1)));
        }
        Ok(())
    }
}

impl Series {
    /// Some of the rows, made when they are asked for.
    fn part(&self, rows: &AxisSelection, categories: Categories) -> Self {
        Self::Lazy(Lazy::selection(&self.to_element(), std::slice::from_ref(rows), categories))
    }
}

fn to_usize(range: &Range<u64>) -> Result<Range<usize>> {
    let convert = |at: u64| {
        usize::try_from(at).map_err(|_| Error::limit_exceeded(format!("row {at} is beyond what memory can hold")))
    };
    Ok(convert(range.start)?..convert(range.end)?)
}
