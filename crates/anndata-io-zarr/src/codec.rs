//! From the stored bytes of a chunk to its values, and back.
//!
//! A chunk goes through up to three kinds of codecs: [steps](Step) from values to values, one [serializer](Serializer) from
//! values to bytes, and codecs from bytes to bytes. The usual ones are written out here and in `anndata-codecs`, and are not
//! left to a general zarr implementation, for two reasons: the last step decodes straight into the destination, and no step
//! allocates what a hostile chunk merely claims to hold. Steps and serializers that are known neither here nor there come
//! from the registry of `zarrs` ([`registry`]); codecs from bytes to bytes never do.

mod bytes;
mod narrow;
mod numbers;
mod pcodec;
mod registry;
mod shards;
mod step;
mod text;

use anndata_codecs::{ByteCodec, room, wrong_length};
use anndata_storage::{Codec, DType, Error, Result};

pub(crate) use bytes::{WRONG_ORDER, Words, transposed, words};
pub(crate) use narrow::Narrow;
pub(crate) use numbers::{Conversion, Rounding, is_convertible, packed_len};
pub(crate) use pcodec::Pcodec;
pub(crate) use registry::{Registered, TypeNames, find, is_refused};
pub(crate) use shards::Shards;
pub(crate) use step::Step;
pub(crate) use text::{decode_text, encode_text, repeated_text};

/// The feature that brings codecs which are not in every build.
pub(crate) const FEATURE: &str = "zarrs";

/// How the values of a chunk become bytes.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    /// From values to values, in the order in which they are applied when writing; with each, what it is given.
    steps: Vec<(Values, Step)>,
    /// What they leave.
    left: Values,
    /// From values to bytes.
    serializer: Serializer,
    /// From bytes to bytes, in the order in which they are applied when writing.
    codecs: Vec<ByteCodec>,
}

/// What the values of a chunk are between two steps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Values {
    /// Their type.
    pub(crate) dtype: DType,
    /// The shape of the chunk.
    pub(crate) shape: Vec<usize>,
}

/// From the values of a chunk to bytes.
#[derive(Debug, Clone)]
pub(crate) enum Serializer {
    /// One after the other; where the bytes of a word are stored in the other order.
    Bytes(Words),
    /// Texts of any length, each with its length before it.
    Text,
    /// Smaller chunks, with an index of where they are.
    Shards(Box<Shards>),
    /// Pcodec.
    Pcodec(Pcodec),
    /// One of the registry.
    Registered(registry::Serializer),
}

impl Values {
    /// Those of a chunk of an array.
    ///
    /// # Errors
    /// If it does not fit into memory.
    pub(crate) fn new(dtype: &DType, shape: &[u64]) -> Result<Self> {
        let too_large = || Error::limit_exceeded(format!("a chunk of {shape:?} elements does not fit into memory"));
        let lengths: Option<Vec<usize>> = shape.iter().map(|&len| usize::try_from(len).ok()).collect();
        let values = Self { dtype: dtype.clone(), shape: lengths.ok_or_else(too_large)? };
        let bytes = values.shape.iter().try_fold(values.size(), |product, &len| product.checked_mul(len));
        if bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
            return Err(too_large());
        }
        Ok(values)
    }

    /// The bytes of a value; 1 for text.
    pub(crate) fn size(&self) -> usize {
        self.dtype.size().unwrap_or(1)
    }

    /// The number of values, which was checked when they were made.
    pub(crate) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The bytes of all values.
    pub(crate) fn bytes(&self) -> usize {
        self.count() * self.size()
    }
}

impl Pipeline {
    /// Codecs that were checked against one another.
    pub(crate) fn new(
        steps: Vec<(Values, Step)>,
        left: Values,
        serializer: Serializer,
        codecs: Vec<ByteCodec>,
    ) -> Self {
        Self { steps, left, serializer, codecs }
    }

    /// The codecs as a spec lists them.
    pub(crate) fn spec(&self) -> Vec<Codec> {
        let steps = self.steps.iter().filter(|(_, step)| !matches!(step, Step::Transpose(_) | Step::Narrow(_)));
        let serializer = match &self.serializer {
            Serializer::Bytes(_) | Serializer::Text => None,
            Serializer::Shards(_) => Some(Codec::named("sharding_indexed")),
            Serializer::Pcodec(_) => Some(Codec::named("pcodec")),
            Serializer::Registered(codec) => Some(Codec::named(codec.name())),
        };
        let packed = self.codecs.iter().map(ByteCodec::spec);
        steps.map(|(_, step)| Codec::named(step.name())).chain(serializer).chain(packed).collect()
    }

    /// Whether two pipelines that print the same do the same: what the registry has may not say all of itself.
    pub(crate) fn says_all(&self) -> bool {
        let of_registry = |step: &Step| matches!(step, Step::Registered(_));
        !self.steps.iter().any(|(_, step)| of_registry(step))
            && !matches!(self.serializer, Serializer::Registered(_) | Serializer::Shards(_))
    }

    /// What is done to values, whatever the shape of the chunk.
    pub(crate) fn says(&self) -> String {
        let steps: Vec<&Step> = self.steps.iter().map(|(_, step)| step).collect();
        format!("{steps:?} {:?} {:?} {:?}", self.left.dtype, self.serializer, self.codecs)
    }

    /// Whether stored bytes are values in C order.
    pub(crate) fn is_raw(&self) -> bool {
        let plain = matches!(&self.serializer, Serializer::Bytes(swapped) if swapped.is_empty());
        plain && self.steps.is_empty() && self.codecs.is_empty()
    }

    /// The order of the stored axes, as positions in the array's axes, where nothing but it stands before the serializer.
    pub(crate) fn order(&self) -> Option<&[usize]> {
        match self.steps.as_slice() {
            [(_, Step::Transpose(order))] => Some(order),
            _ => None,
        }
    }

    /// The most bytes that a stored chunk can have that a sane writer made.
    pub(crate) fn max_stored(&self) -> u64 {
        let index = match &self.serializer {
            Serializer::Shards(shards) => shards.index_len(),
            _ => 0,
        };
        most(self.left.bytes()).saturating_add(index)
    }

    /// Decodes one chunk of a fixed-size dtype into `chunk`, in C order.
    pub(crate) fn decode(&self, raw: &[u8], chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
        let Some(((first, step), rest)) = self.steps.split_first() else { return self.deserialize(raw, chunk) };
        room(scratch, self.left.bytes())?;
        self.deserialize(raw, scratch)?;
        let mut after = &self.left;
        let mut undone: Option<Vec<u8>> = None;
        for (before, step) in rest.iter().rev() {
            let mut out = Vec::new();
            room(&mut out, before.bytes())?;
            step.undo(undone.as_deref().unwrap_or(scratch), &mut out, before, after)?;
            (undone, after) = (Some(out), before);
        }
        step.undo(undone.as_deref().unwrap_or(scratch), chunk, first, after)
    }

    /// Undoes the codecs and the serializer.
    fn deserialize(&self, raw: &[u8], out: &mut [u8]) -> Result<()> {
        if let Serializer::Bytes(swapped) = &self.serializer {
            self.unpack(raw, out)?;
            swapped.swap(out, self.left.size());
            return Ok(());
        }
        // Fallback: a limit, of which no machine holds more.
        let max = usize::try_from(self.max_stored()).unwrap_or(usize::MAX);
        let unpacked = undo(&self.codecs, raw, max)?;
        let bytes = unpacked.as_deref().unwrap_or(raw);
        match &self.serializer {
            Serializer::Bytes(_) => Ok(()),
            Serializer::Text => Err(Error::bug("texts that are decoded as values of one size")),
            Serializer::Shards(shards) => shards.decode(bytes, out, &self.left),
            Serializer::Pcodec(_) => Pcodec::decode(bytes, out, &self.left.dtype),
            Serializer::Registered(codec) => codec.decode(bytes, out),
        }
    }

    /// Undoes all codecs but the first into vectors, and the first into `out`, which it must fill.
    fn unpack(&self, raw: &[u8], out: &mut [u8]) -> Result<()> {
        // Fallback: a limit, of which no machine holds more.
        let max = usize::try_from(most(out.len())).unwrap_or(usize::MAX);
        let Some((first, rest)) = self.codecs.split_first() else {
            if raw.len() != out.len() {
                return Err(wrong_length(raw.len(), out.len()));
            }
            out.copy_from_slice(raw);
            return Ok(());
        };
        match undo(rest, raw, max)? {
            Some(bytes) => first.decode_into(&bytes, out),
            None => first.decode_into(raw, out),
        }
    }

    /// Encodes one chunk of a fixed-size dtype into `raw`, replacing its content.
    pub(crate) fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()> {
        let mut steps = self.steps.iter().peekable();
        let mut is_chunk = true;
        while let Some((before, step)) = steps.next() {
            let after = steps.peek().map_or(&self.left, |(next, _)| next);
            let mut out = if is_chunk { std::mem::take(scratch) } else { Vec::new() };
            room(&mut out, after.bytes())?;
            step.apply(if is_chunk { chunk } else { scratch }, &mut out, before, after)?;
            (*scratch, is_chunk) = (out, false);
        }
        match &self.serializer {
            Serializer::Bytes(swapped) if swapped.is_empty() => {
                return self.pack(if is_chunk { chunk } else { scratch }, raw);
            }
            Serializer::Bytes(swapped) => {
                if is_chunk {
                    room(scratch, chunk.len())?;
                    scratch.copy_from_slice(chunk);
                }
                swapped.swap(scratch, self.left.size());
                return self.pack(scratch, raw);
            }
            _ => {}
        }
        let values = if is_chunk { chunk } else { scratch };
        let mut bytes = Vec::new();
        match &self.serializer {
            Serializer::Bytes(_) | Serializer::Text => {
                return Err(Error::bug("texts that are encoded as values of one size"));
            }
            Serializer::Shards(shards) => shards.encode(values, &mut bytes, &self.left)?,
            Serializer::Pcodec(pcodec) => pcodec.encode(values, &mut bytes, &self.left.dtype)?,
            Serializer::Registered(codec) => codec.encode(values, &mut bytes)?,
        }
        if self.codecs.is_empty() {
            *raw = bytes;
            return Ok(());
        }
        self.pack(&bytes, raw)
    }

    /// Applies all codecs from bytes to bytes.
    pub(crate) fn pack(&self, values: &[u8], raw: &mut Vec<u8>) -> Result<()> {
        let Some((first, rest)) = self.codecs.split_first() else {
            values.clone_into(raw);
            return Ok(());
        };
        first.encode(values, raw)?;
        for codec in rest {
            let before = std::mem::take(raw);
            codec.encode(&before, raw)?;
        }
        Ok(())
    }

    /// Undoes all codecs from bytes to bytes where the length of the result is not known: at most `max` bytes.
    pub(crate) fn unpack_all(&self, raw: &[u8], max: usize) -> Result<Vec<u8>> {
        Ok(undo(&self.codecs, raw, max)?.unwrap_or_else(|| raw.to_vec()))
    }
}

/// The most bytes that a sane writer makes of so many bytes of values.
fn most(len: usize) -> u64 {
    (len as u64).saturating_mul(2).saturating_add(1 << 16)
}

/// Undoes codecs, the last first; `None` if there are none. No step may become more than `max` bytes.
fn undo(codecs: &[ByteCodec], raw: &[u8], max: usize) -> Result<Option<Vec<u8>>> {
    let mut bytes: Option<Vec<u8>> = None;
    for codec in codecs.iter().rev() {
        let mut decoded = Vec::new();
        codec.decode(bytes.as_deref().unwrap_or(raw), max, &mut decoded)?;
        bytes = Some(decoded);
    }
    Ok(bytes)
}

/// The element size that shuffling codecs go by: that of the dtype, 1 for text.
pub(crate) fn type_size(dtype: &DType) -> usize {
    dtype.size().filter(|&size| size > 0).unwrap_or(1)
}

pub(crate) fn damaged(what: &str) -> Error {
    Error::invalid_data(format!("the {what} data of a chunk is damaged"))
}
