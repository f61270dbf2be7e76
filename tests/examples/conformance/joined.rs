//! Several objects as one: in memory, on disk, as a collection.

use std::fs;
use std::path::PathBuf;

use anndata::experimental::{Collection, OnDiskOptions, concat_on_disk as on_disk};
use anndata::{AnnData, ConcatAxis, ConcatOptions, Join, Merge, Result, WriteOptions};
use serde_json::{Value, json};

use crate::case::Case;

/// Several objects as one.
pub(crate) fn concat(case: &Case) -> Result<()> {
    let inputs = (0..case.count()).map(|i| case.read(i)).collect::<Result<Vec<AnnData>>>()?;
    let keys = Some(case.list("keys")).filter(|keys| !keys.is_empty()).map(Into::into);
    let mut options = options(case)?;
    options.keys = keys;
    case.write(&anndata::concat(&inputs.iter().collect::<Vec<_>>(), &options)?)
}

/// Several files as one.
pub(crate) fn concat_on_disk(case: &Case) -> Result<()> {
    let write = WriteOptions::default().with_elem(case.writing()?).with_zarr(case.zarr()).with_durable(false);
    let mut on_disk_options = OnDiskOptions::default().with_concat(options(case)?).with_write(write);
    if let Some(bytes) = case.number("memory_limit") {
        on_disk_options = on_disk_options.with_memory_limit(bytes);
    }
    on_disk(inputs(case)?, &case.output, &on_disk_options).map(drop)
}

/// A part of several files that are seen as one, opened anew by their manifest; where its rows are from, and what is there.
pub(crate) fn collection(case: &Case) -> Result<()> {
    let (options, manifest) = (options(case)?, case.required("manifest")?);
    let open = |path: &std::path::Path| anndata::open(path);
    let (obs, var) = (positions(case, "obs"), positions(case, "var"));
    let answers = case.required("answers")?;
    Collection::open(inputs(case)?, &options, open)?.save_manifest(&manifest)?;
    let all = Collection::load_manifest(&manifest, &options, open)?;
    let (len, names) = match options.axis {
        ConcatAxis::Obs => (all.n_obs(), all.var_names()?),
        ConcatAxis::Var => (all.n_vars(), all.obs_names()?),
    };
    let located = (0..len as u64).map(|row| all.locate(row).map(|at| json!([at.store, at.row])));
    let present = (0..).take(case.count()).map(|store| all.present(store)).collect::<Result<Vec<_>>>()?;
    let told = json!({ "located": located.collect::<Vec<_>>(), "names": names, "present": present });
    fs::write(answers, told.to_string())?;
    case.write(&all.select(obs, var)?.load()?)
}

/// The inputs, each under its key.
fn inputs(case: &Case) -> Result<Vec<(String, PathBuf)>> {
    let keys = case.list("keys");
    let input = |at: usize| Ok((keys.get(at).cloned().unwrap_or_else(|| at.to_string()), case.path(at)?.clone()));
    (0..case.count()).map(input).collect()
}

fn positions(case: &Case, key: &str) -> Vec<u64> {
    let positions = case.option(key);
    positions.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect()
}

fn options(case: &Case) -> Result<ConcatOptions> {
    let mut options = ConcatOptions::default().with_pairwise(case.flag("pairwise"));
    options.axis = if case.text("axis").as_deref() == Some("var") { ConcatAxis::Var } else { ConcatAxis::Obs };
    options.join = if case.text("join").as_deref() == Some("outer") { Join::Outer } else { Join::Inner };
    options.merge = merge(case, "merge")?;
    options.uns_merge = merge(case, "uns_merge")?;
    options.label = case.text("label");
    options.index_unique = case.text("index_unique");
    options.fill_value = case.text("fill_value").map(|value| value.parse()).transpose()?;
    Ok(options)
}

fn merge(case: &Case, option: &str) -> Result<Merge> {
    Ok(match case.text(option).as_deref() {
        None => Merge::Off,
        Some("same") => Merge::Same,
        Some("unique") => Merge::Unique,
        Some("first") => Merge::First,
        Some("only") => Merge::Only,
        Some(other) => return Err(case.malformed(&format!("has the strategy '{other}'"))),
    })
}
