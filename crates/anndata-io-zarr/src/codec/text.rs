//! `vlen-utf8`: a chunk of texts of any length.
//!
//! Layout: the number of texts as 4 bytes, then each text as its length in 4 bytes and its UTF-8; little-endian.

use anndata_storage::{Error, OrBug, Result, Tensor};
use arrow_array::{Array, LargeStringArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};

use super::damaged;

/// The texts of a chunk, which must be `count`.
pub(crate) fn decode_text(bytes: &[u8], count: usize) -> Result<LargeStringArray> {
    let (stored, mut rest) = take_length(bytes).ok_or_else(|| damaged("text"))?;
    if stored != count {
        return Err(Error::invalid_data(format!("a chunk holds {stored} texts instead of {count}")));
    }
    // Every text takes its length at least, so that a wrong count allocates nothing.
    if rest.len() / 4 < count {
        return Err(damaged("text"));
    }
    let (mut values, mut offsets) = room(count, rest.len() - count * 4)?;
    for _ in 0..count {
        let (len, after) = take_length(rest).ok_or_else(|| damaged("text"))?;
        let (text, after) = after.split_at_checked(len).ok_or_else(|| damaged("text"))?;
        values.extend_from_slice(text);
        offsets.push(i64::try_from(values.len()).or_bug("more bytes than memory has")?);
        rest = after;
    }
    LargeStringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(values), None)
        .map_err(|error| Error::invalid_data("a text is not valid UTF-8").with_source(error))
}

/// `count` times the same text.
pub(crate) fn repeated_text(text: &str, count: usize) -> Result<LargeStringArray> {
    let bytes = count.checked_mul(text.len()).ok_or_else(|| too_large(usize::MAX))?;
    let (mut values, mut offsets) = room(count, bytes)?;
    for _ in 0..count {
        values.extend_from_slice(text.as_bytes());
        offsets.push(i64::try_from(values.len()).map_err(|_| too_large(bytes))?);
    }
    LargeStringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(values), None)
        .map_err(|error| Error::invalid_data("a text is not valid UTF-8").with_source(error))
}

/// Room for so many texts of so many bytes together, the first offset made.
fn room(count: usize, bytes: usize) -> Result<(Vec<u8>, Vec<i64>)> {
    let (mut values, mut offsets) = (Vec::new(), Vec::new());
    values.try_reserve_exact(bytes).map_err(|_| too_large(bytes))?;
    offsets.try_reserve_exact(count.saturating_add(1)).map_err(|_| too_large(bytes))?;
    offsets.push(0);
    Ok((values, offsets))
}

fn too_large(bytes: usize) -> Error {
    Error::limit_exceeded(format!("texts of {bytes} bytes do not fit into memory"))
}

fn take_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*length)).ok()?, rest))
}

/// The stored form of texts.
pub(crate) fn encode_text(texts: &Tensor) -> Result<Vec<u8>> {
    let texts = texts.strings()?;
    let length = |len: usize| {
        u32::try_from(len)
            .map(u32::to_le_bytes)
            .map_err(|_| Error::unsupported("zarr cannot store a text, or a number of texts, over 4 GiB"))
    };
    let mut bytes = Vec::with_capacity(4 * (texts.len() + 1) + texts.value_data().len());
    bytes.extend_from_slice(&length(texts.len())?);
    for index in 0..texts.len() {
        let text = texts.value(index);
        bytes.extend_from_slice(&length(text.len())?);
        bytes.extend_from_slice(text.as_bytes());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_go_there_and_back() -> Result<()> {
        let texts = Tensor::from_strings([3], ["ü", "", "abc"])?;
        let bytes = encode_text(&texts)?;
        assert_eq!(bytes.len(), 4 + 4 * 3 + 5);
        assert_eq!(Tensor::from_string_array([3], decode_text(&bytes, 3)?)?, texts);
        Ok(())
    }

    #[test]
    fn damaged_texts_are_errors() {
        let many = u32::MAX.to_le_bytes();
        for (bytes, count, message) in [
            (&[][..], 0, "the text data of a chunk is damaged"),
            (&[2, 0, 0, 0, 0, 0, 0, 0], 2, "the text data of a chunk is damaged"),
            (&[1, 0, 0, 0, 9, 0, 0, 0, b'a'], 1, "the text data of a chunk is damaged"),
            (&[1, 0, 0, 0, 1, 0, 0, 0, 0xff], 1, "a text is not valid UTF-8"),
            (&many, 1, "a chunk holds 4294967295 texts instead of 1"),
        ] {
            let error = decode_text(bytes, count).unwrap_err();
            assert!(error.is_invalid_data() && error.message() == message, "{bytes:?}: {error:?}");
        }
    }
}
