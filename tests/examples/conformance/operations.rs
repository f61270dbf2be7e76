//! What a case can ask for: one function an operation, in one table.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anndata::hdf5::{Hdf5Options, Hdf5Store};
use anndata::node::Node;
use anndata::{
    AnnData, ConvertOptions, Element, Error, Format, Group, Result, Selector, SparseFormat, ValidateOptions,
    ZarrOptions, io, zarr,
};
use anndata_tests::describe::describe;
use anndata_tests::random;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use crate::case::Case;
use crate::edits;
use crate::experimental;
use crate::joined;
use crate::references::references;
use crate::stored;
use crate::text;

/// What an operation does with a case.
pub(crate) type Operation = fn(&Case) -> Result<()>;

/// Operations by the name that `tests/python/conformance/operations.py` has for them.
pub(crate) const OPERATIONS: &[(&str, Operation)] = &[
    ("read", read),
    ("write", write),
    ("make", make),
    ("read_elem", read_elem),
    ("write_elem", write_elem),
    ("convert", convert),
    ("references", references),
    ("select", select),
    ("choices", write),
    ("validate", validate),
    ("transpose", edits::transpose),
    ("rename_axis", edits::rename_axis),
    ("make_unique", edits::make_unique),
    ("rename_categories", edits::rename_categories),
    ("remove_unused_categories", edits::remove_unused_categories),
    ("strings_to_categoricals", edits::strings_to_categoricals),
    ("set_raw", edits::set_raw),
    ("set_part", edits::set_part),
    ("concat", joined::concat),
    ("concat_on_disk", joined::concat_on_disk),
    ("collection", joined::collection),
    ("read_lazy", experimental::read_lazy),
    ("read_dispatched", experimental::read_dispatched),
    ("write_dispatched", experimental::write_dispatched),
    ("layouts", stored::layouts),
    ("mutate", stored::mutate),
    ("text", text::text),
];

/// Reads an object and proves it: describes what is in memory, and writes it again.
fn read(case: &Case) -> Result<()> {
    let mut options = io::ElemReadOptions::default().with_lazy(case.flag("lazy"));
    let as_sparse = case.list("read_as_sparse");
    if !as_sparse.is_empty() {
        options = options.with_as_sparse(as_sparse, SparseFormat::Csr);
    }
    let group = case.group(0)?;
    let adata = io::read_anndata(&group, &options)?;
    if let Some(path) = case.text("description") {
        // An object of an older layout is described without what the file says of it.
        let root = if case.flag("stored") { Some(Node::open(&group, "")?) } else { None };
        save_description(Path::new(&path), &adata, root.as_ref())?;
    }
    case.write(&adata)
}

/// Writes an object that was read, with the options of writing.
fn write(case: &Case) -> Result<()> {
    case.write(&case.read(0)?)
}

/// Makes a random object from a seed, writes and describes it, and rewrites what was written.
fn make(case: &Case) -> Result<()> {
    let mut adata = random_object(case.number("seed").unwrap_or_default())?;
    for path in case.list("without") {
        remove(&mut adata, &path)?;
    }
    case.write(&adata)?;
    let description = case.required("description")?;
    let root = Node::open(&anndata::open(&case.output)?, "")?;
    save_description(Path::new(&description), &adata, Some(&root))?;
    let options = ConvertOptions::default().with_durable(false);
    anndata::convert(&case.output, case.required("rewritten")?, &options).map(drop)
}

/// Reads one element and writes it as `elem` of an otherwise empty store.
fn read_elem(case: &Case) -> Result<()> {
    let options = io::ElemReadOptions::default().with_lazy(case.flag("lazy"));
    write_alone(case, &io::read_elem(&case.group(0)?, &case.required("key")?, &options)?)
}

/// Writes the element `elem` of the first input to a path of the output, which is there already.
fn write_elem(case: &Case) -> Result<()> {
    let element = io::read_elem(&case.group(0)?, "elem", &io::ElemReadOptions::default())?;
    let root = edit(&case.output)?;
    io::write_elem(&root, &case.required("key")?, &element, &case.writing()?)?;
    root.storage().commit()
}

/// Rewrites a file as a stream.
fn convert(case: &Case) -> Result<()> {
    let options = ConvertOptions::default()
        .with_write(case.writing()?)
        .with_zarr(case.zarr())
        .with_overwrite(case.flag("overwrite"))
        .with_durable(false);
    anndata::convert(case.path(0)?, &case.output, &options).map(drop)
}

/// Takes a part of an object, and parts of that part; writes the view, or what it loads to.
fn select(case: &Case) -> Result<()> {
    let mut adata = case.read(0)?;
    let chain = case.option("chain");
    for pair in chain.as_ref().and_then(Value::as_array).into_iter().flatten() {
        adata = adata.select(index(case, &pair[0])?, index(case, &pair[1])?)?;
    }
    if case.flag("load") {
        adata = adata.load()?;
    }
    case.write(&adata)
}

/// Checks a file against the rules of the format.
fn validate(case: &Case) -> Result<()> {
    let report = anndata::validate_path(case.path(0)?, &ValidateOptions::default())?;
    Ok(fs::write(case.required("findings")?, report.to_json().to_string())?)
}

// ------------------------------------------------------------------ parts of operations

/// An index from `{"kind", "value"}`.
fn index(case: &Case, json: &Value) -> Result<Selector> {
    let value = &json["value"];
    let numbers = || value.as_array().into_iter().flatten().filter_map(Value::as_i64);
    Ok(match json["kind"].as_str().unwrap_or_default() {
        "all" => Selector::from(..),
        "range" => {
            let ends: Vec<i64> = numbers().collect();
            let [start, end] = ends[..] else { return Err(case.malformed("has a range without ends")) };
            Selector::from(start..end)
        }
        "step" => Selector::step(.., value.as_i64().unwrap_or(1)),
        "positions" => Selector::from(numbers().collect::<Vec<i64>>()),
        "signed" => Selector::signed(numbers()),
        "mask" => {
            Selector::from(value.as_array().into_iter().flatten().filter_map(Value::as_bool).collect::<Vec<bool>>())
        }
        "names" => {
            let names = value.as_array().into_iter().flatten().filter_map(Value::as_str);
            Selector::from(names.collect::<Vec<&str>>())
        }
        other => return Err(case.malformed(&format!("has an index of the kind '{other}'"))),
    })
}

/// Writes an element as `elem` of an otherwise empty store.
fn write_alone(case: &Case, element: &Element) -> Result<()> {
    let options = case.writing()?;
    let write = |root: &Group| io::write_elem(root, "elem", element, &options);
    match Format::for_name(&case.output)? {
        Format::H5ad => anndata::hdf5::write_atomic(&case.output, false, false, |store| {
            write(&Group::root(Arc::<Hdf5Store>::clone(store)))
        }),
        _ => zarr::write_atomic(&case.output, &case.zarr(), false, write),
    }
}

/// The root of a file that is there, to be changed in place.
fn edit(path: &Path) -> Result<Group> {
    Ok(match Format::of(path)? {
        Format::H5ad => Group::root(Arc::new(Hdf5Store::open_rw(path, &Hdf5Options::default())?)),
        _ => Group::root(Arc::new(zarr::ZarrStore::open_rw(path, &ZarrOptions::default())?)),
    })
}

fn save_description(path: &Path, adata: &AnnData, root: Option<&Node>) -> Result<()> {
    let text = Value::Object(describe(adata, root)?).to_string();
    Ok(fs::write(path, text)?)
}

/// The object that the strategies of `anndata_tests::random` make of a seed.
fn random_object(seed: u64) -> Result<AnnData> {
    let bytes: Vec<u8> = seed.to_le_bytes().into_iter().cycle().take(32).collect();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(proptest::test_runner::Config::default(), rng);
    let made = random::adata().new_tree(&mut runner);
    made.map(|tree| tree.current()).map_err(|reason| Error::invalid_input(format!("no random object: {reason}")))
}

/// Removes what is at a path (`/obsm/X_pca`, `/obs/name`, `/uns/a/b`) of an object.
fn remove(adata: &mut AnnData, path: &str) -> Result<()> {
    let (slot, key) = path.trim_matches('/').split_once('/').unwrap_or((path.trim_matches('/'), ""));
    let removed = match slot {
        "X" => {
            adata.remove_x();
            return Ok(());
        }
        "raw" => {
            adata.remove_raw();
            return Ok(());
        }
        "layers" => adata.remove_layer(Some(key)),
        "obsm" => adata.remove_obsm(key),
        "varm" => adata.remove_varm(key),
        "obsp" => adata.remove_obsp(key),
        "varp" => adata.remove_varp(key),
        "obs" | "var" => {
            let mut frame = if slot == "obs" { adata.obs() } else { adata.var() }.clone();
            frame.remove(key);
            return if slot == "obs" { adata.set_obs(frame) } else { adata.set_var(frame) };
        }
        _ => remove_nested(adata.uns_mut(), key),
    };
    removed.map(drop).ok_or_else(|| Error::not_found("there is no element to remove").at(path))
}

fn remove_nested(mapping: &mut anndata::Mapping, path: &str) -> Option<Element> {
    match path.split_once('/').map(|(first, rest)| (mapping.get_mut(first), rest)) {
        Some((Some(Element::Mapping(inner)), rest)) => remove_nested(inner, rest),
        _ => mapping.shift_remove(path),
    }
}
