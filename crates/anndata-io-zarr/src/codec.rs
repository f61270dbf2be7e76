//! From the stored bytes of a chunk to its values, and back.
//!
//! Codecs are written out here, over the same libraries that a general zarr implementation uses, for two reasons: the last
//! step decodes straight into the destination, and no step allocates what a hostile chunk merely claims to hold.

#[cfg_attr(not(feature = "blosc"), path = "codec/no_blosc.rs")]
mod blosc;
mod bytes;
mod compress;
mod text;
mod zstandard;

use anndata_storage::{Codec, DType, Error, Result};

pub(crate) use bytes::{WRONG_ORDER, Words, transposed, words};
pub(crate) use compress::{BytesCodec, checked};
pub(crate) use text::{decode_text, encode_text, repeated_text};
pub(crate) use zstandard::AUTOMATIC;

use crate::store::resize;

/// How the values of a chunk become bytes.
#[derive(Debug, Clone)]
pub(crate) struct Pipeline {
    /// Axes of the stored chunk, as positions in the array's axes. `None`: the same order.
    pub(crate) order: Option<Vec<usize>>,
    /// Where the bytes of a word are stored in the other order.
    pub(crate) swapped: Words,
    /// Bytes to bytes, in the order in which they are applied when writing.
    pub(crate) codecs: Vec<BytesCodec>,
}

impl Pipeline {
    /// The codecs as a spec lists them.
    pub(crate) fn spec(&self) -> Vec<Codec> {
        self.codecs.iter().map(BytesCodec::spec).collect()
    }

    /// Whether stored bytes are values in C order.
    pub(crate) fn is_raw(&self) -> bool {
        self.order.is_none() && self.swapped.is_empty() && self.codecs.is_empty()
    }

    /// The most bytes that a chunk of `len` bytes of values can take when it is stored by a sane writer.
    pub(crate) fn max_stored(len: usize) -> u64 {
        (len as u64).saturating_mul(2).saturating_add(1 << 16)
    }

    /// Decodes one chunk of a fixed-size dtype into `chunk`, in C order.
    pub(crate) fn decode(&self, raw: &[u8], chunk: &mut [u8], shape: &[usize], scratch: &mut Vec<u8>) -> Result<()> {
        let size = chunk.len() / shape.iter().product::<usize>().max(1);
        match &self.order {
            None => self.unpack(raw, chunk)?,
            Some(order) => {
                resize(scratch, chunk.len())?;
                self.unpack(raw, scratch)?;
                bytes::restore(scratch, chunk, shape, order, size)?;
            }
        }
        self.swapped.swap(chunk, size);
        Ok(())
    }

    /// Undoes all codecs but the first into vectors, and the first into `out`, which it must fill.
    fn unpack(&self, raw: &[u8], out: &mut [u8]) -> Result<()> {
        let max = usize::try_from(Self::max_stored(out.len())).unwrap_or(usize::MAX);
        let Some((first, rest)) = self.codecs.split_first() else { return compress::copy(raw, out) };
        let mut owned: Option<Vec<u8>> = None;
        for codec in rest.iter().rev() {
            owned = Some(codec.decode(owned.as_deref().unwrap_or(raw), max)?);
        }
        first.decode_into(owned.as_deref().unwrap_or(raw), out)
    }

    /// Encodes one chunk of a fixed-size dtype into `raw`, replacing its content.
    pub(crate) fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, shape: &[usize], scratch: &mut Vec<u8>) -> Result<()> {
        let size = chunk.len() / shape.iter().product::<usize>().max(1);
        let mut values = chunk;
        if self.order.is_some() || !self.swapped.is_empty() {
            resize(scratch, chunk.len())?;
            match &self.order {
                Some(order) => bytes::permute(chunk, scratch, shape, order, size)?,
                None => scratch.copy_from_slice(chunk),
            }
            self.swapped.swap(scratch, size);
            values = scratch;
        }
        self.pack(values, raw)
    }

    /// Applies all codecs.
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

    /// Undoes all codecs where the length of the result is not known: at most `max` bytes.
    pub(crate) fn unpack_all(&self, raw: &[u8], max: usize) -> Result<Vec<u8>> {
        let mut bytes: Option<Vec<u8>> = None;
        for codec in self.codecs.iter().rev() {
            bytes = Some(codec.decode(bytes.as_deref().unwrap_or(raw), max)?);
        }
        Ok(bytes.unwrap_or_else(|| raw.to_vec()))
    }
}

/// The element size that shuffling codecs go by: that of the dtype, 1 for text.
pub(crate) fn type_size(dtype: &DType) -> usize {
    dtype.size().filter(|&size| size > 0).unwrap_or(1)
}

pub(crate) fn damaged(what: &str) -> Error {
    Error::invalid_data(format!("the {what} data of a chunk is damaged"))
}
