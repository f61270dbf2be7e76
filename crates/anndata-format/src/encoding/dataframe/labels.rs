//! Compares the index of a frame with the names of the axis that it is aligned with, as streams of text.

use anndata_storage::{DType, Result, Tensor};

use super::distinct::KeySource;
use super::validate::{index_of, is_text};
use crate::Column;
use crate::encoding::registry::Registry;
use crate::findings::{Checker, rules};
use crate::node::Node;

/// Checks that a frame of `obsm` or `varm` has the names in the frame of its axis for an index. Lengths that differ were
/// found.
pub(in crate::encoding) fn check_labels(frame: &Node, axis: &Node, registry: &Registry, checker: &mut Checker<'_>) {
    let (Some(index), Some(names)) = (index_of(frame), index_of(axis)) else { return };
    let (Some(own), Some(wanted)) = (KeySource::of(&index), KeySource::of(&names)) else { return };
    if own.len() != wanted.len() || own.len() == Some(0) {
        return;
    }
    if !is_text(&index) {
        let message = "the index is not text, as the names of the axis are";
        return checker.add(&rules::SLOT_INDEX, frame.path(), message);
    }
    // Types of attributes are told apart in HDF5, whose text is bytes to h5py.
    if checker.has_typed_attributes()
        && index.text_attribute("encoding-type").is_ok_and(|name| name.as_deref() == Some("array"))
    {
        let message =
            "the index is text encoded as 'array', which Python reads as bytes: no name is equal to one on the axis";
        return checker.add(&rules::SLOT_INDEX, frame.path(), message);
    }
    let difference = texts(&index, own, registry, checker).and_then(|own| {
        let mut pairs = own.zip(texts(&names, wanted, registry, checker)?).enumerate();
        pairs
            .find_map(|(position, (own, name))| match (own, name) {
                (Ok(own), Ok(name)) if own == name => None,
                (Ok(own), Ok(name)) => Some(Ok((position, own, name))),
                (Err(error), _) | (_, Err(error)) => Some(Err(error)),
            })
            .transpose()
    });
    // What cannot be read was found.
    if let Ok(Some((position, own, name))) = difference {
        let show = |text: Option<String>| text.map_or_else(|| "missing".to_owned(), |text| format!("'{text}'"));
        let message = format!("the label at {position} is {}, the name on the axis {}", show(own), show(name));
        checker.add(&rules::SLOT_INDEX, frame.path(), message);
    }
}

/// The labels of an index as text; `None` if one is missing.
fn texts<'n>(
    index: &Node,
    source: KeySource<'n>,
    registry: &Registry,
    checker: &Checker<'_>,
) -> Result<impl Iterator<Item = Result<Option<String>>> + use<'n>> {
    let categories = if source.has_codes() {
        let categories = index.as_group()?.child("categories")?.fetch()?;
        Some(registry.build(categories)?.into_column()?.to_comparable_labels()?)
    } else {
        None
    };
    let blocks = source.keys.source.blocks(checker.block_bytes(&source.keys.spec.dtype));
    Ok(blocks.flat_map(move |block| {
        let texts = block.and_then(|(offset, values)| {
            let start = offset.first().copied().unwrap_or(0);
            let mut texts = match &categories {
                Some(categories) => labels_of(&values, categories)?,
                None => Column::plain(&first_field(values)?)?.to_comparable_labels()?,
            };
            if let Some(mask) = source.mask {
                let missing = mask.read_rows(start, texts.len())?;
                for (text, missing) in texts.iter_mut().zip(missing.as_slice::<bool>()?) {
                    text.take_if(|_| *missing);
                }
            }
            Ok(texts)
        });
        let (texts, error) = texts.map_or_else(|error| (Vec::new(), Some(error)), |texts| (texts, None));
        texts.into_iter().map(Ok).chain(error.map(Err))
    }))
}

/// The categories that codes stand for.
fn labels_of(codes: &Tensor, categories: &[Option<String>]) -> Result<Vec<Option<String>>> {
    let codes = codes.cast(&DType::I64)?;
    let label = |code: &i64| usize::try_from(*code).ok().and_then(|code| categories.get(code).cloned()).flatten();
    Ok(codes.as_slice::<i64>()?.iter().map(label).collect())
}

/// The first field of records; other values as they are.
fn first_field(values: Tensor) -> Result<Tensor> {
    if !matches!(values.dtype(), DType::Compound(_)) {
        return Ok(values);
    }
    let first = values.fields()?.next().map(|(_, field)| field.clone());
    Ok(first.unwrap_or(values))
}
