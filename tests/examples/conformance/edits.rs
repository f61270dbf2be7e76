//! Operations that edit an object that was read.

use anndata::{Raw, Result, Selector};

use crate::case::Case;

/// Interchanges observations and variables.
pub(crate) fn transpose(case: &Case) -> Result<()> {
    case.write(&case.read(0)?.transpose()?)
}

/// Gives an axis other names.
pub(crate) fn rename_axis(case: &Case) -> Result<()> {
    let mut adata = case.read(0)?;
    match case.required("axis")?.as_str() {
        "obs" => adata.set_obs_names(case.list("names"))?,
        _ => adata.set_var_names(case.list("names"))?,
    }
    case.write(&adata)
}

/// Makes the names of both axes unique.
pub(crate) fn make_unique(case: &Case) -> Result<()> {
    let (mut adata, join) = (case.read(0)?, case.required("join")?);
    adata.obs_names_make_unique(&join)?;
    adata.var_names_make_unique(&join)?;
    case.write(&adata)
}

/// Renames the categories of a column.
pub(crate) fn rename_categories(case: &Case) -> Result<()> {
    let mut adata = case.read(0)?;
    adata.rename_categories(&case.required("key")?, case.list("categories"))?;
    case.write(&adata)
}

/// Drops unused categories.
pub(crate) fn remove_unused_categories(case: &Case) -> Result<()> {
    let mut adata = case.read(0)?;
    adata.remove_unused_categories()?;
    case.write(&adata)
}

/// Makes text categorical.
pub(crate) fn strings_to_categoricals(case: &Case) -> Result<()> {
    let mut adata = case.read(0)?;
    adata.strings_to_categoricals()?;
    case.write(&adata)
}

/// Keeps the object as the raw of itself with every so-many-th variable; with `back`, the object of that raw.
pub(crate) fn set_raw(case: &Case) -> Result<()> {
    let mut adata = case.read(0)?;
    adata.set_raw(Raw::from(&adata))?;
    let part = adata.select(.., every(case, "step"))?;
    case.write(&if case.flag("back") { part.raw_to_adata()? } else { part })
}

/// Sets part of X to a number.
pub(crate) fn set_part(case: &Case) -> Result<()> {
    let mut adata = case.read(0)?;
    if case.flag("view") {
        adata = adata.select(Selector::step(.., -1), ..)?;
    }
    adata.set_x_at(every(case, "rows"), every(case, "columns"), case.number("value").unwrap_or_default())?;
    case.write(&adata)
}

/// The object of the first input, to be edited: loaded, or with `lazy` read when it is asked for.
/// Every so-many-th position, as an option says.
fn every(case: &Case, option: &str) -> Selector {
    Selector::step(.., case.number(option).and_then(|step| i64::try_from(step).ok()).unwrap_or(1))
}
