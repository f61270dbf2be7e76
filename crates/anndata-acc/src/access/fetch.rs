//! Looking for, and reading, what references and accessors name.

use std::fmt::Display;

use anndata_core::{AxisSelection, Element, Tensor};

use super::{Contained, Fetch};
use crate::nearest::nearest;
use crate::{
    Acc, AccError, AdRef, Container, Dim, Graph, GraphMap, Idx2D, Layer, LayerMap, Meta, Multi, MultiMap, RefAcc,
    Result, Slot, Target,
};

/// The array that an accessor stands for.
trait Address {
    fn slot(&self) -> Slot;

    fn key(&self) -> Option<&str>;
}

impl Address for Layer {
    fn slot(&self) -> Slot {
        Slot::Layers
    }

    fn key(&self) -> Option<&str> {
        self.k.as_deref()
    }
}

impl Address for Meta {
    fn slot(&self) -> Slot {
        Slot::Frame(self.dim.clone())
    }

    fn key(&self) -> Option<&str> {
        None
    }
}

impl Address for Multi {
    fn slot(&self) -> Slot {
        Slot::Multi(self.dim.clone())
    }

    fn key(&self) -> Option<&str> {
        Some(&self.k)
    }
}

impl Address for Graph {
    fn slot(&self) -> Slot {
        Slot::Graphs(self.dim.clone())
    }

    fn key(&self) -> Option<&str> {
        Some(&self.k)
    }
}

impl<C: Container + ?Sized> Contained<C> for AdRef {
    fn is_in(&self, data: &C) -> Result<bool> {
        match self {
            Self::Layer(acc, idx) => Ok(acc.is_in(data)? && has_name(data, idx, &Dim::Obs, &Dim::Var)?),
            Self::Graph(acc, idx) => Ok(acc.is_in(data)? && has_name(data, idx, &acc.dim, &acc.dim)?),
            Self::Meta(acc, None) => acc.is_in(data),
            Self::Meta(acc, Some(column)) => Ok(data.element(&acc.slot(), Some(column))?.is_some()),
            Self::Multi(acc, position) => {
                let Some(element) = data.element(&acc.slot(), acc.key())? else { return Ok(false) };
                Ok(shape_of(&element)?.is_some_and(|(_, columns)| column_at(*position, columns).is_some()))
            }
        }
    }
}

impl<C: Container + ?Sized> Fetch<C> for AdRef {
    fn fetch(&self, data: &C) -> Result<Element> {
        match self {
            Self::Layer(acc, idx) => part_of_matrix(self, data, &acc.kind, idx, &Dim::Obs, &Dim::Var),
            Self::Graph(acc, idx) => part_of_matrix(self, data, &acc.kind, idx, &acc.dim, &acc.dim),
            Self::Meta(acc, column) => column_of_frame(self, data, &acc.kind, column.as_deref()),
            Self::Multi(acc, position) => column_of_multi(self, data, &acc.kind, *position),
        }
    }
}

macro_rules! whole_arrays {
    ($($kind:ident),*) => {
        $(impl<C: Container + ?Sized, R> Contained<C> for Acc<$kind, R> {
            fn is_in(&self, data: &C) -> Result<bool> {
                Ok(data.element(&self.slot(), self.key())?.is_some())
            }
        }

        impl<C: Container + ?Sized, R> Fetch<C> for Acc<$kind, R> {
            fn fetch(&self, data: &C) -> Result<Element> {
                whole(self, data, &self.kind)
            }
        })*

        impl<C: Container + ?Sized, R> Contained<C> for RefAcc<R> {
            fn is_in(&self, data: &C) -> Result<bool> {
                match self {
                    $(Self::$kind(acc) => acc.is_in(data),)*
                }
            }
        }

        impl<C: Container + ?Sized, R> Fetch<C> for RefAcc<R> {
            fn fetch(&self, data: &C) -> Result<Element> {
                match self {
                    $(Self::$kind(acc) => acc.fetch(data),)*
                }
            }
        }
    };
}

whole_arrays!(Layer, Meta, Multi, Graph);

impl<C: ?Sized, R: Contained<C>> Contained<C> for Target<R>
where
    RefAcc<R>: Contained<C>,
{
    fn is_in(&self, data: &C) -> Result<bool> {
        match self {
            Self::Ref(reference) => reference.is_in(data),
            Self::Acc(acc) => acc.is_in(data),
        }
    }
}

impl<C: ?Sized, R: Fetch<C>> Fetch<C> for Target<R>
where
    RefAcc<R>: Fetch<C>,
{
    fn fetch(&self, data: &C) -> Result<Element> {
        match self {
            Self::Ref(reference) => reference.fetch(data),
            Self::Acc(acc) => acc.fetch(data),
        }
    }
}

/// Whether there is a layer beside `X`.
impl<C: Container + ?Sized, R> Contained<C> for Acc<LayerMap, R> {
    fn is_in(&self, data: &C) -> Result<bool> {
        Ok(has_keys(data, &Slot::Layers))
    }
}

/// Whether there is any array.
impl<C: Container + ?Sized, R> Contained<C> for Acc<MultiMap, R> {
    fn is_in(&self, data: &C) -> Result<bool> {
        Ok(has_keys(data, &Slot::Multi(self.dim.clone())))
    }
}

/// Whether there is any array.
impl<C: Container + ?Sized, R> Contained<C> for Acc<GraphMap, R> {
    fn is_in(&self, data: &C) -> Result<bool> {
        Ok(has_keys(data, &Slot::Graphs(self.dim.clone())))
    }
}

fn has_keys<C: Container + ?Sized>(data: &C, slot: &Slot) -> bool {
    data.keys(slot).is_some_and(|keys| !keys.is_empty())
}

/// Whether the name in the index of a matrix, where there is one, is a name of its dimension.
fn has_name<C: Container + ?Sized>(data: &C, idx: &Idx2D, rows: &Dim, columns: &Dim) -> Result<bool> {
    let (name, dim) = match idx {
        Idx2D::All => return Ok(true),
        Idx2D::Row(name) => (name, rows),
        Idx2D::Column(name) => (name, columns),
    };
    Ok(data.names(dim)?.is_some_and(|names| names.position(name).is_some()))
}

/// The whole array of an accessor, not read where it is lazy.
fn whole<C: Container + ?Sized>(what: &impl Display, data: &C, address: &impl Address) -> Result<Element> {
    let found = data.element(&address.slot(), address.key())?;
    found.ok_or_else(|| missing(what, data, &address.slot(), address.key()))
}

fn column_of_frame<C: Container + ?Sized>(
    reference: &AdRef,
    data: &C,
    meta: &Meta,
    column: Option<&str>,
) -> Result<Element> {
    match column {
        None => {
            let frame = whole(reference, data, meta)?;
            Ok(Element::Column(frame.as_frame()?.index().load()?))
        }
        Some(name) => {
            let found = data.element(&meta.slot(), Some(name))?;
            let found = found.ok_or_else(|| missing(reference, data, &meta.slot(), Some(name)))?;
            Ok(Element::Column(found.into_column()?))
        }
    }
}

fn column_of_multi<C: Container + ?Sized>(
    reference: &AdRef,
    data: &C,
    multi: &Multi,
    position: i64,
) -> Result<Element> {
    let element = whole(reference, data, multi)?;
    let Some((rows, columns)) = shape_of(&element)? else {
        let message = match element.shape()? {
            Some(shape) => format!("its array has shape {shape:?}, of which there are no columns"),
            None => format!("there is {}, which has no columns", element.kind_name()),
        };
        return Err(AccError::unsuitable(reference, message));
    };
    let out_of_range = || AccError::OutOfRange { reference: reference.to_string(), position, columns };
    let column = column_at(position, columns).ok_or_else(out_of_range)?;
    if let Element::Frame(frame) = &element {
        let (_, column) = frame.columns().nth(column).ok_or_else(out_of_range)?;
        return Ok(Element::Column(column.load()?));
    }
    flat(reference, data.part(&multi.slot(), multi.key(), &[whole_axis(rows), one(column as u64)])?)
}

fn part_of_matrix<C: Container + ?Sized>(
    reference: &AdRef,
    data: &C,
    address: &impl Address,
    idx: &Idx2D,
    rows: &Dim,
    columns: &Dim,
) -> Result<Element> {
    let matrix = whole(reference, data, address)?;
    if *idx == Idx2D::All {
        return Ok(matrix.load()?);
    }
    let Some((n_rows, n_columns)) = shape_of(&matrix)? else {
        return Err(AccError::unsuitable(reference, format!("there is {}, not a matrix", matrix.kind_name())));
    };
    let axes = match idx {
        Idx2D::All => [whole_axis(n_rows), whole_axis(n_columns)],
        Idx2D::Row(name) => [one(position(reference, data, rows, name)?), whole_axis(n_columns)],
        Idx2D::Column(name) => [whole_axis(n_rows), one(position(reference, data, columns, name)?)],
    };
    flat(reference, data.part(&address.slot(), address.key(), &axes)?)
}

fn whole_axis(len: usize) -> AxisSelection {
    AxisSelection::Range(0..len as u64)
}

fn one(position: u64) -> AxisSelection {
    // A position of an axis in memory, after which there is a number.
    AxisSelection::Range(position..position + 1)
}

/// The row or column of a matrix as an array of one dimension.
fn flat(reference: &AdRef, part: Option<Element>) -> Result<Element> {
    let tensor: Tensor = match part {
        Some(Element::Tensor(tensor)) => tensor,
        Some(Element::Sparse(matrix)) => matrix.to_dense()?,
        Some(other) => {
            return Err(AccError::unsuitable(reference, format!("there is {}, not a matrix", other.kind_name())));
        }
        None => return Err(AccError::unsuitable(reference, "the array is not there any more")),
    };
    let len = tensor.len();
    Ok(Element::Tensor(tensor.reshape([len])?))
}

/// The position of a name along a dimension, which has to be there once.
fn position<C: Container + ?Sized>(reference: &AdRef, data: &C, dim: &Dim, name: &str) -> Result<u64> {
    let names = data.names(dim)?.ok_or_else(|| AccError::unsuitable(reference, format!("the data have no {dim}")))?;
    let (reference, dim, name) = (reference.to_string(), dim.clone(), name.to_owned());
    match *names.all_positions(&name) {
        [position] => Ok(position),
        [] => {
            let nearest = nearest(&name, names.names().iter().flatten());
            Err(AccError::MissingName { reference, dim, name, nearest })
        }
        _ => Err(AccError::RepeatedName { reference, dim, name }),
    }
}

/// The numbers of rows and columns; `None` for what is not a table.
fn shape_of(element: &Element) -> Result<Option<(usize, usize)>> {
    Ok(match element.shape()?.as_deref() {
        Some([rows, columns]) => Some((*rows, *columns)),
        _ => None,
    })
}

/// The column of a number that is counted from the end where it is negative.
fn column_at(position: i64, columns: usize) -> Option<usize> {
    let position = match usize::try_from(position) {
        Ok(position) => position,
        Err(_) => columns.checked_sub(usize::try_from(position.unsigned_abs()).ok()?)?,
    };
    (position < columns).then_some(position)
}

fn missing<C: Container + ?Sized>(what: &impl Display, data: &C, slot: &Slot, key: Option<&str>) -> AccError {
    let reference = what.to_string();
    match (data.keys(slot), key) {
        (None, _) => AccError::unsuitable(what, format!("the data have no {slot}")),
        (Some(_), None) => {
            AccError::MissingKey { reference, key: "X".to_owned(), slot: "the data".to_owned(), nearest: None }
        }
        (Some(keys), Some(key)) => {
            AccError::MissingKey { reference, key: key.to_owned(), slot: slot.to_string(), nearest: nearest(key, keys) }
        }
    }
}
