//! The columns of each kind of table.

use std::collections::HashSet;

use anndata_core::concat::ElementKind;
use anndata_core::{DataFrame, Element, Series};
use anndata_storage::Error;
use arrow_schema::Field;

use super::{Layout, TableKind};
use crate::MatrixKey;
use crate::dataset::Dataset;
use crate::rows::{Axis, Frame, RowColumn, obsm_frame};
use crate::sides::Sides;
use crate::values::sql_number;
use crate::x::LongColumn;

/// A table with one row per stored value.
pub(super) fn long(dataset: &Dataset, key: &MatrixKey) -> anndata_core::Result<(Layout, Vec<Field>)> {
    let named: &[(&str, LongColumn)] = match key {
        MatrixKey::Obsm(_) => &LongColumn::OF_COMPONENTS,
        _ => &LongColumn::OF_VARIABLES,
    };
    let field = |&(name, column): &(&str, LongColumn)| match column.as_row_column() {
        Some(column) => column.field(dataset, name),
        None => Ok(Field::new(name, sql_number(key, dataset.collection())?, false)),
    };
    let fields = named.iter().map(field).collect::<anndata_core::Result<Vec<_>>>()?;
    let columns: Vec<LongColumn> = named.iter().map(|(_, column)| *column).collect();
    let side = |axis: Axis| {
        let of = columns.iter().map(|column| column.as_row_column().filter(|_| column.axis() == Some(axis)));
        of.collect::<Vec<_>>()
    };
    let mut sides = Sides { obs: side(Axis::Obs), var: side(Axis::Var) };
    if let MatrixKey::Obsm(_) = key {
        // Its columns are no variables.
        sides.var.fill(None);
    }
    Ok((Layout::Long { key: key.clone(), columns, sides }, fields))
}

/// A table with one row per observation or variable.
pub(super) fn of_rows(dataset: &Dataset, kind: &TableKind) -> anndata_core::Result<(Layout, Vec<Field>)> {
    let axis = if *kind == TableKind::Var { Axis::Var } else { Axis::Obs };
    let mut named = vec![
        (format!("{}_id", axis.name()), RowColumn::Id(axis)),
        (format!("{}_name", axis.name()), RowColumn::Name(axis)),
    ];
    let collection = dataset.collection();
    let series = |frame: &Frame, names: Vec<String>| {
        names.into_iter().map(|name| (name.clone(), RowColumn::Series(frame.clone(), name))).collect::<Vec<_>>()
    };
    let readable = |frame: &DataFrame| {
        let known = |(name, series): (&str, &Series)| match series.schema() {
            Ok(None) => None,
            // What is malformed is told where it is asked for.
            _ => Some(name.to_owned()),
        };
        frame.columns().filter_map(known).collect::<Vec<_>>()
    };
    match kind {
        TableKind::Obs => {
            named.extend(series(&Frame::Obs, readable(collection.obs())));
            named.push(("_store".to_owned(), RowColumn::Store));
            named.push(("_row".to_owned(), RowColumn::RowInStore));
        }
        TableKind::Var => named.extend(series(&Frame::Var, readable(collection.var()))),
        TableKind::Obsm(key) => {
            let matrix = MatrixKey::Obsm(key.clone());
            if let ElementKind::Frame(_) = matrix.plan(collection)?.kind {
                named.extend(series(&Frame::Obsm(key.clone()), readable(&obsm_frame(dataset, key, None)?)));
            } else {
                let shape = collection.obsm().get(key).map(Element::shape).transpose()?.flatten();
                let columns = shape.as_deref().and_then(|shape| shape.get(1).copied()).unwrap_or(1);
                named.extend((0..columns).map(|at| (format!("d{at}"), RowColumn::Component(key.clone(), at))));
            }
        }
        TableKind::Genes { matrix, names } => {
            let index = collection.var().name_index()?;
            for (name, at) in names.iter().zip(index.positions(names)?) {
                let at = usize::try_from(at).map_err(|_| Error::bug("a variable beyond memory"))?;
                named.push((name.clone(), RowColumn::Gene(matrix.clone(), at)));
            }
        }
        TableKind::Totals { matrix } => {
            named.push(("total".to_owned(), RowColumn::Total(matrix.clone())));
            named.push(("n_detected".to_owned(), RowColumn::Detected(matrix.clone())));
        }
        TableKind::Matrix(_) | TableKind::Groups { .. } => return Err(Error::bug("a table that is not of rows")),
    }
    distinct(&mut named);
    let fields = named.iter().map(|(name, column)| column.field(dataset, name)).collect::<anndata_core::Result<_>>()?;
    let columns = named.into_iter().map(|(_, column)| column).collect();
    Ok((Layout::Rows { columns, by_variable: axis == Axis::Var }, fields))
}

/// Columns of a frame that have the name of one of ours get an underscore behind it.
fn distinct(named: &mut [(String, RowColumn)]) {
    let mut taken: HashSet<String> = named
        .iter()
        .filter(|(_, column)| !matches!(column, RowColumn::Series(..) | RowColumn::Gene(..)))
        .map(|(name, _)| name.clone())
        .collect();
    for (name, column) in named {
        if matches!(column, RowColumn::Series(..) | RowColumn::Gene(..)) {
            while !taken.insert(name.clone()) {
                name.push('_');
            }
        }
    }
}
