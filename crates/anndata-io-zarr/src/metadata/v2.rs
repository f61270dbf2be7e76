//! Array metadata of version 2: `.zarray`.

use anndata_storage::{ArraySpec, Codec, DType, Error, Result};
use serde_json::{Value, json};

use super::{ArrayMeta, ChunkKeys, Document, dtype, fill, lengths, malformed, member, outer_chunks, separator};
use crate::codec::{BytesCodec, Pipeline, type_size};

/// Reads `.zarray`.
pub(super) fn parse_array(document: &Document) -> Result<ArrayMeta> {
    if document.get("zarr_format").and_then(Value::as_u64) != Some(2) {
        return Err(malformed("'.zarray' does not say zarr_format 2"));
    }
    let no_filters = Vec::new();
    let filters = match document.get("filters") {
        None | Some(Value::Null) => &no_filters,
        Some(Value::Array(filters)) => filters,
        Some(other) => return Err(malformed(format!("'filters' is not a list: {other}"))),
    };
    let text = matches!(filters.first(), Some(filter) if id(filter) == "vlen-utf8");
    let (dtype, swapped) = dtype::parse_v2(member(document, "dtype")?, text)?;
    let shape = lengths(member(document, "shape")?, "shape")?;
    // Some writers give an empty axis chunks of length 0.
    let chunks: Vec<u64> = lengths(member(document, "chunks")?, "chunks")?
        .into_iter()
        .zip(&shape)
        .map(|(chunk, &len)| if len == 0 { chunk.max(1) } else { chunk })
        .collect();
    let order = match document.get("order").and_then(Value::as_str) {
        Some("F") if shape.len() > 1 => Some((0..shape.len()).rev().collect()),
        Some("C" | "F") | None => None,
        Some(other) => return Err(malformed(format!("'order' is '{other}', neither C nor F"))),
    };
    let packed = filters.get(usize::from(dtype == DType::String)..).unwrap_or_default();
    let compressor = document.get("compressor").filter(|value| !value.is_null());
    let codecs: Result<Vec<BytesCodec>, String> =
        packed.iter().chain(compressor).map(|codec| parse_codec(codec, &dtype)).collect();
    let mut fill = fill::parse(document.get("fill_value"), &dtype)?;
    if let (super::Fill::Bytes(bytes), DType::Compound(_)) = (&mut fill, &dtype) {
        // A record is given as its stored bytes.
        swapped.swap(bytes, dtype.size().unwrap_or(1));
    }
    Ok(ArrayMeta {
        fill,
        keys: ChunkKeys { prefixed: false, separator: separator(document.get("dimension_separator"), '.')? },
        pipeline: codecs.map(|codecs| Pipeline { order, swapped, codecs }),
        dtype,
        shape,
        chunks,
        shard: None,
    })
}

fn id(codec: &Value) -> &str {
    codec.get("id").and_then(Value::as_str).unwrap_or_default()
}

/// A codec of numcodecs, by its id. The error is the name of what this build does not know.
pub(super) fn parse_codec(codec: &Value, dtype: &DType) -> Result<BytesCodec, String> {
    let number = |name: &str| codec.get(name).and_then(Value::as_i64);
    let level = |default: u8| number("level").and_then(|level| u8::try_from(level).ok()).unwrap_or(default);
    Ok(match id(codec) {
        "zstd" => BytesCodec::Zstd {
            level: number("level").and_then(|level| i32::try_from(level).ok()).unwrap_or(0),
            checksum: codec.get("checksum").and_then(Value::as_bool).unwrap_or(false),
        },
        "gzip" => BytesCodec::Gzip { level: level(1) },
        "zlib" => BytesCodec::Zlib { level: level(1) },
        "lz4" => BytesCodec::Lz4,
        "blosc" => {
            let type_size = type_size(dtype);
            BytesCodec::Blosc {
                compressor: codec.get("cname").and_then(Value::as_str).unwrap_or("lz4").to_owned(),
                level: number("clevel").and_then(|level| u8::try_from(level).ok()).unwrap_or(5),
                shuffle: match number("shuffle") {
                    Some(shuffle @ 0..=2) => u8::try_from(shuffle).unwrap_or(0),
                    // -1: by the size of an element.
                    Some(-1) if type_size == 1 => 2,
                    _ => 1,
                },
                type_size,
                block_size: number("blocksize").and_then(|size| usize::try_from(size).ok()).unwrap_or(0),
            }
        }
        "shuffle" => BytesCodec::Shuffle {
            size: match codec.get("elementsize") {
                // The default of numcodecs.
                None => 4,
                Some(size) => size
                    .as_u64()
                    .and_then(|size| usize::try_from(size).ok())
                    .filter(|&size| size > 0)
                    .ok_or_else(|| format!("shuffle with an elementsize of {size}"))?,
            },
        },
        "crc32c" => BytesCodec::Crc32c,
        "" => return Err("a codec without a name".to_owned()),
        other => return Err(other.to_owned()),
    })
}

/// Writes `.zarray` for a new array.
pub(super) fn array_document(spec: &ArraySpec) -> Result<Document> {
    if spec.shards.is_some() {
        return Err(Error::unsupported("zarr version 2 has no shards"));
    }
    let mut packed = spec.codecs.iter().map(|codec| codec_document(codec, &spec.dtype)).collect::<Result<Vec<_>>>()?;
    let compressor = packed.pop();
    if spec.dtype == DType::String {
        packed.insert(0, json!({"id": "vlen-utf8"}));
    }
    let document = json!({
        "shape": spec.shape,
        "chunks": outer_chunks(spec),
        "dtype": dtype::name_v2(&spec.dtype)?,
        "fill_value": fill::zero_v2(&spec.dtype),
        "order": "C",
        "filters": if packed.is_empty() { Value::Null } else { Value::Array(packed) },
        "dimension_separator": ".",
        "compressor": compressor,
        "zarr_format": 2,
    });
    match document {
        Value::Object(document) => Ok(document),
        _ => Err(Error::bug("metadata that are not an object")),
    }
}

pub(super) fn codec_document(codec: &Codec, dtype: &DType) -> Result<Value> {
    Ok(match codec {
        Codec::Zstd { level } => json!({"id": "zstd", "level": level, "checksum": false}),
        Codec::Gzip { level } => json!({"id": "gzip", "level": level}),
        Codec::Zlib { level } => json!({"id": "zlib", "level": level}),
        Codec::Lz4 => json!({"id": "lz4", "acceleration": 1}),
        Codec::Blosc { compressor, level, shuffle } => {
            json!({"id": "blosc", "cname": compressor, "clevel": level, "shuffle": shuffle, "blocksize": 0})
        }
        Codec::Shuffle => json!({"id": "shuffle", "elementsize": type_size(dtype)}),
        other => return Err(Error::unsupported(format!("codec '{other}' cannot be written to zarr version 2"))),
    })
}
