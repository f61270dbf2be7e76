//! Operations that look at what is stored: arrays in any layout, and objects whose metadata were changed.

use std::fs;
use std::path::{Path, PathBuf};

use anndata::hdf5::write_atomic;
use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::node::{Node, NodeWriteOptions};
use anndata::{
    Array, ArraySpec, AxisSelection, Compression, ConvertOptions, Error, Format, Group, Result, Severity, Sharding,
    Tensor, ValidateOptions, ZarrFormat, ZarrOptions, zarr,
};
use anndata_tests::mutations::{Mutation, mutations};
use serde_json::{Map, Value, json};

use crate::case::Case;

/// Reads arrays as a whole, block by block and in parts, and writes what was read to the output, an array each. The errors
/// of those that cannot be read are the answers.
pub(crate) fn layouts(case: &Case) -> Result<()> {
    let group = case.group(0)?;
    let parts = case.option("parts").unwrap_or_default();
    let mut answers = Map::new();
    write_atomic(&case.output, false, false, |store| {
        let output = Group::root(store.clone());
        for (path, parts) in parts.as_object().into_iter().flatten() {
            let array = match group.array(path) {
                Ok(array) => array,
                Err(error) => {
                    answers.insert(path.clone(), error.to_string().into());
                    continue;
                }
            };
            let mut keep = |what: &str, read: Result<Tensor>| -> Result<()> {
                let path = format!("{path}/{what}");
                match read {
                    Ok(values) => put(&output, &path, &values),
                    Err(error) => {
                        answers.insert(path, error.to_string().into());
                        Ok(())
                    }
                }
            };
            keep("whole", array.read())?;
            for (number, part) in parts.as_array().into_iter().flatten().enumerate() {
                keep(&number.to_string(), array.read_selection(&axes(part)))?;
            }
            if let Err(error) = put_blocks(&output, &format!("{path}/blocks"), &array) {
                answers.insert(format!("{path}/blocks"), error.to_string().into());
            }
        }
        Ok(())
    })?;
    Ok(fs::write(case.required("answers")?, Value::Object(answers).to_string())?)
}

fn put(output: &Group, path: &str, values: &Tensor) -> Result<()> {
    let array = output.create_array(path, &ArraySpec::of(values))?;
    array.write(&vec![0; values.ndim()], values)
}

/// Copies an array block by block, in blocks of a few values.
fn put_blocks(output: &Group, path: &str, array: &Array) -> Result<()> {
    let copy = output.create_array(path, &ArraySpec::new(array.dtype(), array.shape()))?;
    for block in array.blocks(64) {
        let (offset, values) = block?;
        copy.write(&offset, &values)?;
    }
    Ok(())
}

/// The selection of each axis: `[start, stop]`, or `{"at": positions}`.
fn axes(part: &Value) -> Vec<AxisSelection> {
    let numbers =
        |value: &Value| value.as_array().into_iter().flatten().filter_map(Value::as_u64).collect::<Vec<u64>>();
    let axis = |value: &Value| match numbers(value).as_slice() {
        [start, stop] if value.is_array() => AxisSelection::Range(*start..*stop),
        _ => AxisSelection::Indices(numbers(&value["at"]).into()),
    };
    part.as_array().into_iter().flatten().map(axis).collect()
}

/// Changes the metadata of an object, a mutation a file. Of each file in which no error is found the answers say its name,
/// what was found, and how it went to read it and to convert it.
pub(crate) fn mutate(case: &Case) -> Result<()> {
    let tree = Node::open(&case.group(0)?, "")?.fetch()?;
    let folder = PathBuf::from(case.required("folder")?);
    fs::create_dir_all(&folder)?;
    let all = mutations(&tree)?;
    let chosen = chosen(all.len(), case.number("count"), case.number("seed").unwrap_or_default());
    let mut tried = 0;
    let mut sound = Vec::new();
    for number in chosen {
        let Some(mutation) = all.get(number) else { continue };
        let Some(answer) = try_out(case, &tree, mutation, &folder, number)? else { continue };
        tried += 1;
        sound.extend(Some(answer).filter(|answer| !answer.is_null()));
    }
    let answers = json!({ "all": all.len(), "tried": tried, "sound": sound });
    Ok(fs::write(case.required("answers")?, answers.to_string())?)
}

/// Which mutations are tried: so many of all, or all.
fn chosen(all: usize, count: Option<u64>, seed: u64) -> Vec<usize> {
    let Some(count) = count else { return (0..all).collect() };
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((state >> 33) % all.max(1) as u64).unwrap_or_default()
    };
    let mut numbers: Vec<usize> = (0..count).map(|_| next()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// `None` if there is no such file, null if an error is found in it.
fn try_out(case: &Case, tree: &Node, mutation: &Mutation, folder: &Path, number: usize) -> Result<Option<Value>> {
    let Some(changed) = mutation.apply(tree)? else { return Ok(None) };
    let name = case.output.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = name.split_once('.').map_or("h5ad", |(_, ending)| ending);
    let (file, converted) = (folder.join(format!("{number}.{name}")), folder.join(format!("{number}c.{name}")));
    if write(&changed, &file).is_err() {
        return Ok(None);
    }
    let report = anndata::validate_path(&file, &ValidateOptions::default())?;
    if report.count(Severity::Error) > 0 {
        remove(&file)?;
        return Ok(Some(Value::Null));
    }
    let read = anndata::open(&file).and_then(|root| io::read_anndata(&root, &ElemReadOptions::default()));
    let write = ElemWriteOptions::default().with_store(small());
    let options = ConvertOptions::default().with_write(write).with_zarr(zarr(&file)).with_durable(false);
    let made = anndata::convert(&file, &converted, &options);
    let text = |error: Option<Error>| error.map(|error| error.to_string());
    Ok(Some(json!({
        "mutation": mutation.to_string(),
        "file": file,
        "converted": converted,
        "clean": report.is_clean(),
        "found": report.findings.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "read": text(read.err()),
        "convert": text(made.err()),
    })))
}

fn zarr(path: &Path) -> ZarrOptions {
    let version = if path.to_string_lossy().ends_with(".v2.zarr") { ZarrFormat::V2 } else { ZarrFormat::V3 };
    ZarrOptions::default().with_format(version).with_sharding(Sharding::Off).with_durable(false)
}

/// Small files are written fast.
fn small() -> NodeWriteOptions {
    NodeWriteOptions::default().with_compression(Compression::None).with_chunk_rows(Some(16))
}

fn write(tree: &Node, path: &Path) -> Result<()> {
    let options = small();
    match Format::for_name(path)? {
        Format::H5ad => write_atomic(path, false, false, |store| tree.write(&Group::root(store.clone()), "", &options)),
        _ => zarr::write_atomic(path, &zarr(path), false, |root| tree.write(root, "", &options)),
    }
}

fn remove(path: &Path) -> Result<()> {
    if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.map_err(Error::from)
}
