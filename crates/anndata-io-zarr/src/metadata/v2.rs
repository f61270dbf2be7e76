//! Array metadata of version 2: `.zarray`.

use anndata_storage::{ArraySpec, Codec, DType, Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use zarrs_metadata::v2::{ArrayMetadataV2Order, MetadataV2};
use zarrs_metadata::v3::MetadataV3;
use zarrs_metadata::{ArrayShape, ChunkKeySeparator};

use super::codec::{Chain, pipeline};
use super::{ArrayMeta, ChunkKeys, Document, Fill, dtype, fill, malformed, outer_chunks, typed};
use crate::codec::{Values, type_size};

/// `ArrayMetadataV2` of `zarrs_metadata`, wider where files differ that Python reads: chunks of length 0 along an empty axis,
/// records within records, and members that older writers left out.
#[derive(Deserialize)]
struct ArrayMetadata {
    zarr_format: u64,
    shape: ArrayShape,
    chunks: Vec<u64>,
    dtype: Value,
    compressor: Option<MetadataV2>,
    #[serde(default)]
    fill_value: Value,
    order: Option<ArrayMetadataV2Order>,
    filters: Option<Vec<MetadataV2>>,
    dimension_separator: Option<ChunkKeySeparator>,
}

/// Reads `.zarray`.
pub(super) fn parse_array(document: &Document) -> Result<ArrayMeta> {
    let given: ArrayMetadata = typed(&Value::Object(document.clone()), "'.zarray'")?;
    if given.zarr_format != 2 {
        return Err(malformed("'.zarray' does not say zarr_format 2"));
    }
    let filters = given.filters.unwrap_or_default();
    let is_text = filters.first().is_some_and(|filter| matches!(filter.id(), "vlen-utf8" | "vlen-bytes"));
    let (dtype, swapped) = dtype::parse_v2(&given.dtype, is_text)?;
    let lengths = given.chunks.iter().zip(&given.shape);
    let chunks: Vec<u64> = lengths.map(|(&chunk, &len)| if len == 0 { chunk.max(1) } else { chunk }).collect();
    let mut fill = fill::parse(Some(&given.fill_value), &dtype)?;
    if let (Fill::Bytes(bytes), DType::Compound(_)) = (&mut fill, &dtype) {
        // A record is given as its stored bytes.
        swapped.swap(bytes, dtype.size().unwrap_or(1));
    }
    let mut chain = Chain::v2(Values::new(&dtype, &chunks)?, swapped);
    if given.order == Some(ArrayMetadataV2Order::F) {
        chain.transpose((0..chunks.len()).rev().collect());
    }
    let codecs: Vec<MetadataV3> = filters.iter().chain(&given.compressor).map(numcodecs).collect();
    Ok(ArrayMeta {
        pipeline: pipeline(chain, &codecs, fill.bytes())?,
        grid: Vec::new(),
        segments: Vec::new(),
        fill,
        keys: ChunkKeys {
            prefixed: false,
            separator: given.dimension_separator.unwrap_or(ChunkKeySeparator::Dot).into(),
        },
        dtype,
        shape: given.shape,
        chunks: if given.chunks.len() == chunks.len() { chunks } else { given.chunks },
        shard: None,
    })
}

/// The codec as version 3 names it.
fn numcodecs(codec: &MetadataV2) -> MetadataV3 {
    MetadataV3::new_with_configuration(format!("numcodecs.{}", codec.id()), codec.configuration().clone())
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
