//! Array metadata of version 3: `zarr.json`.
//!
//! Read in `ArrayMetadataV3`, and written out here: that type puts members in another order, leaves out configurations that are
//! empty and forgets the order of the fields of a fill value, so that files would not be what they were before.

mod grid;

use anndata_storage::{ArraySpec, Codec, DType, Error, Result};
use serde_json::{Value, json};
use zarrs_metadata::v3::{ArrayMetadataV3, MetadataV3};
use zarrs_metadata_ext::chunk_grid::regular::RegularChunkGridConfiguration;
use zarrs_metadata_ext::chunk_key_encoding::default::DefaultChunkKeyEncodingConfiguration;
use zarrs_metadata_ext::chunk_key_encoding::v2::V2ChunkKeyEncodingConfiguration;

use super::codec::{self, Chunks, Stored};
use super::{ArrayMeta, ChunkKeys, Document, Segment, configuration, dtype, fill, not_understood, outer_chunks, typed};
use crate::codec::{Narrow, type_size, words};

/// The grid of chunks that are all of one shape.
const REGULAR: &str = "regular";

/// Reads `zarr.json` of an array.
pub(super) fn parse_array(document: &Document) -> Result<ArrayMeta> {
    let mut document = document.clone();
    // They are kept beside.
    document.shift_remove("attributes");
    if document.get("storage_transformers").is_some_and(Value::is_null) {
        document.shift_remove("storage_transformers");
    }
    // What some writers leave out.
    document.entry("chunk_key_encoding").or_insert_with(|| Value::from("default"));
    let fill_value = document.entry("fill_value").or_insert(Value::Null).clone();
    let given: ArrayMetadataV3 = typed(&Value::Object(document), "'zarr.json'")?;
    let narrow = Narrow::of(given.data_type.name());
    let dtype = match narrow {
        Some(narrow) => narrow.wide(),
        None => dtype::parse_v3(&given.data_type)?,
    };
    check_understood(&given)?;
    let fill = fill::parse(Some(&widened(fill_value, narrow)), &dtype)?;
    let keys = chunk_keys(&given.chunk_key_encoding)?;
    let of_pieces = |outer: Vec<u64>, shape: Vec<u64>| -> Result<ArrayMeta> {
        let stored = Stored { dtype: &dtype, narrow, fill: fill.bytes() };
        let Chunks { shape: chunks, shard, pipeline } = codec::chunks(outer, &given.codecs, &stored)?;
        let (fill, dtype, grid, segments) = (fill.clone(), dtype.clone(), Vec::new(), Vec::new());
        Ok(ArrayMeta { dtype, shape, chunks, shard, grid, segments, keys, fill, pipeline })
    };
    if given.chunk_grid.name() == REGULAR {
        let grid: RegularChunkGridConfiguration = configuration(&given.chunk_grid)?;
        return of_pieces(grid.chunk_shape.iter().map(|len| len.get()).collect(), given.shape.clone());
    }
    let grid = grid::parse(&given.chunk_grid, &given.shape)?;
    let longest = grid.rows.iter().map(|&(len, _)| len).max().unwrap_or(1);
    let mut meta = of_pieces(grid.outer(longest), given.shape.clone())?;
    for (start, first_piece, len, rows) in grid.segments() {
        let mut shape = given.shape.clone();
        shape.splice(..1, [rows]);
        let own = of_pieces(grid.outer(len), shape)?;
        own.check()?;
        meta.segments.push(Segment { start, first_piece, meta: own });
    }
    meta.grid = grid.rows;
    Ok(meta)
}

/// A fill value for the wider type: the bits of a `bfloat16` are the upper half of those of its `float32`.
fn widened(fill_value: Value, narrow: Option<Narrow>) -> Value {
    match (narrow, fill_value.as_str()) {
        (Some(Narrow::BFloat16), Some(bits)) if bits.starts_with("0x") => Value::from(format!("{bits}0000")),
        _ => fill_value,
    }
}

/// Refuses what this build does not know, so that it cannot find the values. A member and a storage transformer that need not
/// be understood are passed over; without the chunk grid and the keys nothing can be read, whatever they say.
fn check_understood(given: &ArrayMetadataV3) -> Result<()> {
    let unknown = |what: &str, extension: &MetadataV3| {
        Err(Error::unsupported(format!("{what} '{}' is not known", extension.name())))
    };
    let mut members = given.additional_fields.iter();
    if let Some((member, _)) = members.find(|(_, field)| field.must_understand()) {
        return Err(Error::unsupported(not_understood(member)));
    }
    if let Some(transformer) = given.storage_transformers.iter().find(|extension| extension.must_understand()) {
        return unknown("storage transformer", transformer);
    }
    if ![REGULAR, grid::RECTILINEAR].contains(&given.chunk_grid.name()) {
        return unknown("chunk grid", &given.chunk_grid);
    }
    Ok(())
}

fn chunk_keys(encoding: &MetadataV3) -> Result<ChunkKeys> {
    let (prefixed, separator) = match encoding.name() {
        "default" => (true, configuration::<DefaultChunkKeyEncodingConfiguration>(encoding)?.separator),
        "v2" => (false, configuration::<V2ChunkKeyEncodingConfiguration>(encoding)?.separator),
        other => return Err(Error::unsupported(format!("chunk key encoding '{other}' is not known"))),
    };
    Ok(ChunkKeys { prefixed, separator: separator.into() })
}

/// Writes `zarr.json` for a new array, without attributes.
pub(super) fn array_document(spec: &ArraySpec) -> Result<Document> {
    let mut codecs = vec![match &spec.dtype {
        DType::String => json!({"name": "vlen-utf8", "configuration": {}}),
        dtype if words(dtype).is_empty() && !matches!(dtype, DType::Compound(_)) => json!({"name": "bytes"}),
        _ => json!({"name": "bytes", "configuration": {"endian": "little"}}),
    }];
    for codec in &spec.codecs {
        codecs.push(codec_document(codec, &spec.dtype)?);
    }
    if spec.shards.is_some() {
        let chunks = spec.chunks.as_ref().ok_or_else(|| Error::invalid_input("an array with shards needs chunks"))?;
        codecs = vec![json!({"name": "sharding_indexed", "configuration": {
            "chunk_shape": chunks,
            "codecs": codecs,
            "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
            "index_location": "end",
        }})];
    }
    let document = json!({
        "shape": spec.shape,
        "data_type": dtype::name_v3(&spec.dtype)?,
        "chunk_grid": chunk_grid(spec),
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill::zero_v3(&spec.dtype),
        "codecs": codecs,
        "attributes": {},
        "zarr_format": 3,
        "node_type": "array",
        "storage_transformers": [],
    });
    match document {
        Value::Object(document) => Ok(document),
        _ => Err(Error::bug("metadata that are not an object")),
    }
}

/// Where the pieces of an array are.
fn chunk_grid(spec: &ArraySpec) -> Value {
    let outer = outer_chunks(spec);
    if spec.grid.is_empty() {
        return json!({"name": REGULAR, "configuration": {"chunk_shape": outer}});
    }
    grid::document(&spec.grid, &outer)
}

pub(super) fn codec_document(codec: &Codec, dtype: &DType) -> Result<Value> {
    Ok(match codec {
        Codec::Zstd { level } => json!({"name": "zstd", "configuration": {"level": level, "checksum": false}}),
        Codec::Gzip { level } => json!({"name": "gzip", "configuration": {"level": level}}),
        Codec::Blosc { compressor, level, shuffle } => json!({"name": "blosc", "configuration": {
            "typesize": type_size(dtype),
            "cname": compressor,
            "clevel": level,
            "shuffle": (["noshuffle", "shuffle", "bitshuffle"].get(usize::from(*shuffle)).ok_or_else(|| {
                Error::invalid_input(format!("blosc has the shuffles 0, 1 and 2, not {shuffle}"))
            })?),
            "blocksize": 0,
        }}),
        Codec::Crc32c => json!({"name": "crc32c"}),
        other => return Err(Error::unsupported(format!("codec '{other}' cannot be written to zarr version 3"))),
    })
}
