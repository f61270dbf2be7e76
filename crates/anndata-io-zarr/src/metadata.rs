//! What a store says about its nodes: the documents of either version, read into one form.
//!
//! Documents are read in the types of `zarrs_metadata` and `zarrs_metadata_ext`, the whole of version 3 in `ArrayMetadataV3`:
//! what is not in them is not understood, and an error where it must be. Kept here are, with reasons in their modules, the
//! mapping of dtypes, fill values, and the documents of new arrays, which are read back in those types before they are stored.

mod codec;
mod dtype;
mod fill;
mod json;
mod v2;
mod v3;

use anndata_storage::{ArraySpec, Codec, DType, Error, Result};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use zarrs_metadata::v3::MetadataV3;

pub(crate) use codec::Lacking;
pub(crate) use json::{parse, to_bytes};

use crate::ZarrFormat;
use crate::codec::Pipeline;
use crate::shard::ShardMeta;

/// A JSON object.
pub(crate) type Document = Map<String, Value>;

/// What is known of an array without reading its values.
#[derive(Debug, Clone)]
pub(crate) struct ArrayMeta {
    /// The type of an element.
    pub(crate) dtype: DType,
    /// The length of each axis.
    pub(crate) shape: Vec<u64>,
    /// The shape of a chunk: the smallest piece that is decoded.
    pub(crate) chunks: Vec<u64>,
    /// The shape of a shard and how it is laid out, where chunks are put together in shards.
    pub(crate) shard: Option<ShardMeta>,
    /// The lengths of the shards (chunks, where there are none) along the first axis, where these are not all the same: see
    /// [`ArraySpec::grid`]. Then the shape of a shard or chunk says the longest, and `segments` what each of them is.
    pub(crate) grid: Vec<(u64, u64)>,
    /// The arrays of pieces of one length that follow each other along the first axis, where lengths are not all the same.
    pub(crate) segments: Vec<Segment>,
    /// How the position of a chunk (or shard) becomes a key.
    pub(crate) keys: ChunkKeys,
    /// What a chunk that was never written reads as.
    pub(crate) fill: Fill,
    /// From stored bytes to values; the codec that this build does not use.
    pub(crate) pipeline: Result<Pipeline, Lacking>,
}

/// Rows of an array whose pieces are of one length: an array of its own.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// Its first row.
    pub(crate) start: u64,
    /// The number of its first piece along the first axis.
    pub(crate) first_piece: u64,
    pub(crate) meta: ArrayMeta,
}

/// The first member of a document of version 3 that is not among those known, and that may not be ignored.
pub(crate) fn unknown_member<'a>(document: &'a Document, known: &[&str]) -> Option<&'a str> {
    let ignorable = |value: &Value| value.get("must_understand").and_then(Value::as_bool) == Some(false);
    let mut members = document.iter();
    members.find(|(name, value)| !known.contains(&name.as_str()) && !ignorable(value)).map(|(name, _)| name.as_str())
}

/// What is said of such a member.
pub(crate) fn not_understood(member: &str) -> String {
    format!("the member '{member}' of 'zarr.json' is not known, and it does not say \"must_understand\": false")
}

/// How the position of a chunk becomes a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChunkKeys {
    /// Whether keys begin with `c`.
    pub(crate) prefixed: bool,
    /// What stands between the numbers.
    pub(crate) separator: char,
}

/// The value of everything that was never written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fill {
    /// The bytes of an element; empty where all are 0.
    Bytes(Vec<u8>),
    /// A text.
    Text(String),
}

impl Fill {
    /// The bytes of an element; none for text.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Text(_) => &[],
        }
    }
}

impl ChunkKeys {
    /// The key below the array.
    pub(crate) fn key(self, position: &[u64]) -> String {
        let mut key = if self.prefixed { "c".to_owned() } else { String::new() };
        for (i, number) in position.iter().enumerate() {
            if self.prefixed || i > 0 {
                key.push(self.separator);
            }
            key.push_str(&number.to_string());
        }
        if key.is_empty() { "0".to_owned() } else { key }
    }
}

impl ArrayMeta {
    /// Reads the metadata of an array.
    ///
    /// # Errors
    /// If they are malformed, or say that values are where this build cannot find them. A dtype and a codec that are
    /// not known are not errors here: they become [`DType::Unknown`] and the name of the codec.
    pub(crate) fn parse(format: ZarrFormat, document: &Document) -> Result<Self> {
        let meta = match format {
            ZarrFormat::V2 => v2::parse_array(document)?,
            ZarrFormat::V3 => v3::parse_array(document)?,
        };
        meta.check()?;
        Ok(meta)
    }

    /// The document of a new array and what it says.
    ///
    /// # Errors
    /// If the format lacks the dtype, a codec or shards.
    pub(crate) fn create(format: ZarrFormat, spec: &ArraySpec) -> Result<(Document, Self)> {
        let document = match format {
            ZarrFormat::V2 if !spec.grid.is_empty() => {
                return Err(Error::unsupported("zarr version 2 has no chunks of unequal length"));
            }
            ZarrFormat::V2 => v2::array_document(spec)?,
            ZarrFormat::V3 => v3::array_document(spec)?,
        };
        let meta = Self::parse(format, &document)?;
        if let Some(shard) = &meta.shard {
            shard
                .count(&meta.chunks)
                .map_err(|error| Error::invalid_input("the shards are too large").with_source(error))?;
        }
        Ok((document, meta))
    }

    /// Whether a version of the format has a codec that is written.
    pub(crate) fn has_codec(format: ZarrFormat, codec: &Codec) -> bool {
        match format {
            ZarrFormat::V2 => v2::codec_document(codec, &DType::U8).is_ok(),
            ZarrFormat::V3 => v3::codec_document(codec, &DType::U8).is_ok(),
        }
    }

    /// Refuses what would overflow later.
    fn check(&self) -> Result<()> {
        let bad = |what: String| Err(Error::invalid_data(what));
        let pieces = [Some(&self.chunks), self.shard.as_ref().map(|shard| &shard.shape)];
        for piece in pieces.into_iter().flatten() {
            if piece.len() != self.shape.len() || piece.contains(&0) {
                return bad(format!("chunks of {piece:?} do not fit an array of shape {:?}", self.shape));
            }
            let size = self.dtype.size().unwrap_or(1) as u64;
            let bytes = piece.iter().try_fold(size.max(1), |product, &len| product.checked_mul(len));
            if bytes.is_none_or(|bytes| i64::try_from(bytes).is_err()) {
                return Err(Error::limit_exceeded(format!("a chunk of {piece:?} elements does not fit into memory")));
            }
        }
        if let Some(shard) = &self.shard {
            shard.check(&self.chunks)?;
        }
        // Both the array and its chunk grid can be counted.
        ArraySpec::new(self.dtype.clone(), self.shape.clone()).len()?;
        Ok(())
    }

    /// The declaration that a handle shows.
    pub(crate) fn spec(&self) -> ArraySpec {
        let mut spec = ArraySpec::new(self.dtype.clone(), self.shape.clone());
        if self.shape.is_empty() {
            return spec;
        }
        spec.chunks = Some(self.chunks.clone());
        spec.grid.clone_from(&self.grid);
        spec.shards = self.shard.as_ref().map(|shard| shard.shape.clone());
        spec.codecs = match &self.pipeline {
            Ok(pipeline) => pipeline.spec(),
            Err(lacking) => vec![lacking.spec()],
        };
        spec
    }
}

pub(crate) fn malformed(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid_data(what)
}

/// The shape of the pieces that are keys: shards, else chunks, else all.
fn outer_chunks(spec: &ArraySpec) -> Vec<u64> {
    match spec.shards.as_ref().or(spec.chunks.as_ref()) {
        Some(chunks) => chunks.clone(),
        None => spec.shape.iter().map(|&len| len.max(1)).collect(),
    }
}

/// A document, or a part of it, in a type that says what it holds.
fn typed<T: DeserializeOwned>(value: &Value, what: &str) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        malformed(match path.as_str() {
            "." | "?" => format!("{what} is malformed: {error}"),
            path => format!("'{path}' of {what} is malformed: {error}"),
        })
    })
}

/// What an extension of version 3, such as a codec or a chunk grid, says beside its name.
fn configuration<T: DeserializeOwned>(extension: &MetadataV3) -> Result<T> {
    extension
        .to_typed_configuration()
        .map_err(|error| malformed(format!("the configuration of '{}' is malformed: {error}", extension.name())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_either_version() {
        let v3 = ChunkKeys { prefixed: true, separator: '/' };
        let v2 = ChunkKeys { prefixed: false, separator: '.' };
        assert_eq!((v3.key(&[1, 2]), v3.key(&[])), ("c/1/2".to_owned(), "c".to_owned()));
        assert_eq!((v2.key(&[1, 2]), v2.key(&[])), ("1.2".to_owned(), "0".to_owned()));
    }
}
