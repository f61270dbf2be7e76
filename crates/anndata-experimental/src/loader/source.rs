//! The matrices of a collection, by name.

use anndata_core::{AnnData, Element, Reindex, Result, Schema};
use anndata_storage::{AxisSelection, Error, OrBug};

use super::MatrixRef;
use super::reader::Columns;
use crate::Collection;

/// Where a matrix is in an object.
pub(super) fn find<'a>(object: &'a AnnData, name: &MatrixRef) -> Option<&'a Element> {
    match name {
        MatrixRef::Layer(key) => object.layer(key.as_deref()),
        MatrixRef::Obsm(key) => object.obsm().get(key),
        MatrixRef::RawX => object.raw().and_then(|raw| raw.x()),
    }
}

/// A matrix of the collection, and which of its columns are asked for.
pub(super) fn matrix(
    data: &Collection,
    var: Option<&[String]>,
    fill: Option<f64>,
    name: &MatrixRef,
) -> Result<(Element, Option<Columns>)> {
    let element = find(data, name).cloned();
    let element = element.ok_or_else(|| {
        let mut there: Vec<String> =
            data.layers().keys().map(|key| MatrixRef::Layer(key.clone()).to_string()).collect();
        there.extend(data.obsm().keys().map(|key| MatrixRef::Obsm(key.clone()).to_string()));
        there.extend(data.raw().map(|_| MatrixRef::RawX.to_string()));
        Error::not_found(format!("the collection has no {name}: it has {}", there.join(", ")))
    })?;
    if !matches!(element.schema()?, Schema::Array { .. } | Schema::Sparse { .. }) {
        let message = format!("a batch has matrices, and this is of kind '{}'", element.schema()?.kind_name());
        return Err(Error::unsupported(message).at(&name.to_string()));
    }
    let names = match (var, name) {
        (None, _) | (_, MatrixRef::Obsm(_)) => None,
        (Some(wanted), MatrixRef::Layer(_)) => Some((wanted, data.var().name_index()?)),
        (Some(wanted), MatrixRef::RawX) => {
            let raw = data.raw().or_bug("a raw matrix without raw")?;
            Some((wanted, raw.var().name_index()?))
        }
    };
    let columns = names.map(|(wanted, there)| {
        let found: Vec<Option<u64>> = wanted.iter().map(|name| there.position(name).map(|at| at as u64)).collect();
        columns(wanted, &found, fill, element.is_sparse()?).map_err(|error| error.at(&name.to_string()))
    });
    Ok((element, columns.transpose()?))
}

/// Where the variables that are asked for are, as positions, and where they go.
fn columns(wanted: &[String], found: &[Option<u64>], fill: Option<f64>, is_sparse: bool) -> Result<Columns> {
    let kept = AxisSelection::of_positions(found.iter().flatten().copied().collect());
    let Some(missing) = found.iter().position(Option::is_none) else { return Ok(Columns { kept, place: None }) };
    let missing = wanted.get(missing).or_bug("a variable that was not asked for")?;
    let Some(fill) = fill else {
        let message = format!("there is no variable '{missing}'");
        return Err(Error::not_found(message).with_advice("set what stands for variables that are not there"));
    };
    if is_sparse && fill != 0.0 {
        return Err(Error::invalid_input(format!(
            "the variable '{missing}' of a sparse matrix can be filled with 0 alone, not with {fill}"
        )));
    }
    let new = found.iter().enumerate().filter(|(_, found)| found.is_some()).map(|(new, _)| Some(new)).collect();
    Ok(Columns { kept, place: Some((Reindex::from_map(new, wanted.len())?, fill)) })
}
