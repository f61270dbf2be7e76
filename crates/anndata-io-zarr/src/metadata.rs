//! What a store says about its nodes: the documents of either version, read into one form.

mod dtype;
mod fill;
mod json;
mod v2;
mod v3;

use anndata_storage::{ArraySpec, Codec, DType, Error, Result};
use serde_json::{Map, Value};

pub(crate) use json::{parse, to_bytes};

use crate::ZarrFormat;
use crate::codec::Pipeline;

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
    /// How the position of a chunk (or shard) becomes a key.
    pub(crate) keys: ChunkKeys,
    /// What a chunk that was never written reads as.
    pub(crate) fill: Fill,
    /// From stored bytes to values; the name of the codec that this build does not know.
    pub(crate) pipeline: Result<Pipeline, String>,
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

/// How chunks are put together in a shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardMeta {
    /// The shape of a shard, a multiple of the shape of a chunk.
    pub(crate) shape: Vec<u64>,
    /// Whether the index stands at the end (otherwise at the start).
    pub(crate) index_at_end: bool,
    /// Whether a checksum follows the index.
    pub(crate) checksum: bool,
    /// Whether the numbers of the index are little-endian.
    pub(crate) little_endian: bool,
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
    /// Where they are malformed, or say that values are where this build cannot find them. A dtype and a codec that are not
    /// known are no error here: they become [`DType::Unknown`] and the name of the codec.
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
    /// Where the format lacks the dtype, a codec or shards.
    pub(crate) fn create(format: ZarrFormat, spec: &ArraySpec) -> Result<(Document, Self)> {
        let document = match format {
            ZarrFormat::V2 => v2::array_document(spec)?,
            ZarrFormat::V3 => v3::array_document(spec)?,
        };
        let meta = Self::parse(format, &document)?;
        if let Some(shard) = &meta.shard {
            shard.count(&meta).map_err(|error| Error::invalid_input("the shards are too large").with_source(error))?;
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
        if let Some(shard) = &self.shard
            && shard.shape.iter().zip(&self.chunks).any(|(&shard, &chunk)| shard % chunk != 0)
        {
            return bad(format!("a shard of {:?} is not a multiple of its chunks of {:?}", shard.shape, self.chunks));
        }
        if let Ok(Pipeline { order: Some(order), .. }) = &self.pipeline
            && order.len() != self.shape.len()
        {
            return bad(format!("{} axes are stored of an array of shape {:?}", order.len(), self.shape));
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
        spec.shards = self.shard.as_ref().map(|shard| shard.shape.clone());
        spec.codecs = match &self.pipeline {
            Ok(pipeline) => pipeline.spec(),
            Err(name) => vec![Codec::Other(name.clone())],
        };
        spec
    }
}

pub(crate) fn malformed(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid_data(what)
}

/// The name and the configuration of an extension point: `"name"` or `{"name": …, "configuration": {…}}`.
fn name_and_configuration(value: &Value) -> Result<(&str, Option<&Document>)> {
    match value {
        Value::String(name) => Ok((name, None)),
        Value::Object(object) => {
            let name = object.get("name").and_then(Value::as_str);
            let name = name.ok_or_else(|| malformed(format!("{value} has no name")))?;
            Ok((name, object.get("configuration").and_then(Value::as_object)))
        }
        other => Err(malformed(format!("{other} has no name"))),
    }
}

/// The shape of the pieces that are keys: shards, else chunks, else all.
fn outer_chunks(spec: &ArraySpec) -> Vec<u64> {
    match spec.shards.as_ref().or(spec.chunks.as_ref()) {
        Some(chunks) => chunks.clone(),
        None => spec.shape.iter().map(|&len| len.max(1)).collect(),
    }
}

/// A member of a document.
fn member<'a>(document: &'a Document, name: &str) -> Result<&'a Value> {
    document.get(name).ok_or_else(|| malformed(format!("the metadata lack '{name}'")))
}

/// A list of lengths.
fn lengths(value: &Value, name: &str) -> Result<Vec<u64>> {
    value
        .as_array()
        .and_then(|list| list.iter().map(Value::as_u64).collect())
        .ok_or_else(|| malformed(format!("'{name}' is not a list of lengths: {value}")))
}

/// The only character of a separator.
fn separator(value: Option<&Value>, default: char) -> Result<char> {
    match value {
        None | Some(Value::Null) => Ok(default),
        Some(value) => match value.as_str() {
            Some(".") => Ok('.'),
            Some("/") => Ok('/'),
            _ => Err(malformed(format!("{value} does not separate chunk keys"))),
        },
    }
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
