//! Looks for names that are repeated, empty or missing, however many names there are.
//!
//! A hash of 128 bits per name is kept, for as many names at a time as the memory allows: where there are more, the
//! names are read several times, and each time those whose hash falls into another class are compared.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

use anndata_storage::{DType, Error, Result, Scalar, Tensor, dispatch};

use crate::findings::Checker;
use crate::node::{ArrayNode, Node};

/// What names are like.
#[derive(Debug, Default)]
pub(in crate::encoding) struct Names {
    pub(in crate::encoding) len: u64,
    pub(in crate::encoding) missing: u64,
    /// The position of the first empty one.
    pub(in crate::encoding) empty: Option<u64>,
    pub(in crate::encoding) repeated: Option<Repeated>,
}

/// Names that are there more than once.
#[derive(Debug)]
pub(in crate::encoding) struct Repeated {
    /// The position of the first one.
    first: u64,
    /// The first one, where it is text.
    name: Option<String>,
    /// How many names are the same as an earlier one.
    count: u64,
    len: u64,
}

impl fmt::Display for Repeated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { first: position, name, count, len } = self;
        match name {
            Some(name) => write!(f, "'{name}' at {position}")?,
            None => write!(f, "the value at {position}")?,
        }
        let verb = if *count == 1 { "repeats" } else { "repeat" };
        write!(f, " is there more than once; {count} of {len} {verb} an earlier one")
    }
}

/// Looks at the names in an array, a nullable or a categorical one, or the first field of records. `None` if they
/// cannot be read, which was found before.
pub(in crate::encoding) fn look(node: &Node, checker: &mut Checker<'_>) -> Option<Names> {
    let seeds = (RandomState::new(), RandomState::new());
    let hash = |key: &[u8]| u128::from(seeds.0.hash_one(key)) << 64 | u128::from(seeds.1.hash_one(key));
    let source = KeySource::of(node)?;
    let len = source.keys.spec.len().ok()?;
    let at_once = (checker.budget() / size_of::<(u128, u64)>()) as u64;
    let passes = u128::from(len.div_ceil(at_once.max(1)).max(1));

    let mut names = Names { len, ..Names::default() };
    let (mut count, mut first) = (0, u64::MAX);
    for pass in 0..passes {
        let mut hashes = Vec::new();
        source
            .visit(checker, &mut |position, key| {
                let Some(key) = key else {
                    names.missing += u64::from(pass == 0);
                    return;
                };
                if key.is_empty() && source.is_text() && names.empty.is_none() {
                    names.empty = Some(position);
                }
                let hash = hash(key);
                if hash % passes == pass {
                    hashes.push((hash, position));
                }
            })
            .ok()?;
        hashes.sort_unstable();
        for same in hashes.chunk_by(|(a, _), (b, _)| a == b).filter(|same| same.len() > 1) {
            count += same.len() as u64 - 1;
            first = first.min(same.first().map_or(first, |(_, position)| *position));
        }
    }
    if count > 0 {
        let name = source.text_at(first).ok()?;
        names.repeated = Some(Repeated { first, name, count, len });
    }
    Some(names)
}

/// Where names come from.
#[derive(Debug, Clone, Copy)]
pub(in crate::encoding) struct KeySource<'n> {
    /// The names, or the codes of categories.
    pub(in crate::encoding) keys: &'n ArrayNode,
    pub(in crate::encoding) mask: Option<&'n ArrayNode>,
    codes: bool,
}

impl<'n> KeySource<'n> {
    /// The number of names, where it can be counted.
    pub(in crate::encoding) fn len(&self) -> Option<u64> {
        self.keys.spec.len().ok()
    }

    pub(in crate::encoding) fn has_codes(&self) -> bool {
        self.codes
    }

    pub(in crate::encoding) fn of(node: &'n Node) -> Option<Self> {
        let (keys, mask, codes) = match node {
            Node::Array(array) => (array, None, false),
            Node::Group(group) => {
                let array = |key: &str| group.children.get(key).and_then(|child| child.as_array().ok());
                match (array("values"), array("codes")) {
                    (Some(values), _) => (values, Some(array("mask")?), false),
                    (None, codes) => (codes?, None, true),
                }
            }
        };
        let same = mask.is_none_or(|mask| mask.spec.shape == keys.spec.shape && mask.spec.dtype == DType::Bool);
        let readable = same && !keys.spec.null && !matches!(keys.spec.dtype, DType::Unknown(_));
        readable.then_some(Self { keys, mask, codes })
    }

    fn is_text(&self) -> bool {
        !self.codes && (self.keys.spec.dtype.is_text() || matches!(self.keys.spec.dtype, DType::Compound(_)))
    }

    /// One of the names, where they are text.
    fn text_at(&self, position: u64) -> Result<Option<String>> {
        let mut text = None;
        if self.is_text() {
            let value = self.keys.read_rows(position, 1)?;
            each(&value, false, &mut |_, key| text = key.map(|key| String::from_utf8_lossy(key).into_owned()))?;
        }
        Ok(text)
    }

    /// Reports every name: its position and bytes, `None` if it is missing.
    fn visit(&self, checker: &Checker<'_>, tell: &mut dyn FnMut(u64, Option<&[u8]>)) -> Result<()> {
        for block in self.keys.source.blocks(checker.block_bytes(&self.keys.spec.dtype)) {
            let (offset, values) = block?;
            let start = offset.first().copied().unwrap_or(0);
            let missing = self.mask.map(|mask| mask.read_rows(start, values.len())).transpose()?;
            let missing = missing.as_ref().map(|mask| mask.as_slice::<bool>()).transpose()?;
            let is_missing = |row: usize| missing.is_some_and(|missing| missing.get(row) == Some(&true));
            each(&values, self.codes, &mut |row, key| tell(start + row as u64, key.filter(|_| !is_missing(row))))?;
        }
        Ok(())
    }
}

/// Reports every value of a tensor as bytes; NaN, and the code -1, are missing.
fn each(values: &Tensor, codes: bool, tell: &mut dyn FnMut(usize, Option<&[u8]>)) -> Result<()> {
    if let DType::Compound(_) = values.dtype() {
        let first = values.fields()?.next().map(|(_, field)| field.clone());
        return first.map_or(Ok(()), |field| each(&field, codes, tell));
    }
    if values.dtype().is_text() {
        let text = values.to_text()?;
        let texts = text.strings()?;
        (0..values.len()).for_each(|row| tell(row, Some(texts.value(row).as_bytes())));
        return Ok(());
    }
    dispatch!(values.dtype(), T => {
        for (row, &value) in values.as_slice::<T>()?.iter().enumerate() {
            let missing = value.to_f64().is_nan() || (codes && value.to_integer() == Some(-1));
            tell(row, (!missing).then_some(bytemuck::bytes_of(&one_zero(value))));
        }
        Ok(())
    }, else => Err(Error::dtype(format!("values of type {} cannot be names", values.dtype()))))
}

/// The value; 0 and -0 are the same.
fn one_zero<T: Scalar>(value: T) -> T {
    if value == T::default() { T::default() } else { value }
}
