//! Array metadata of version 3: `zarr.json`.

use anndata_storage::{ArraySpec, Codec, DType, Error, Result};
use serde_json::{Value, json};

use super::{
    ArrayMeta, ChunkKeys, Document, ShardMeta, dtype, fill, lengths, malformed, member, name_and_configuration,
    not_understood, outer_chunks, separator, unknown_member,
};
use crate::codec::{BytesCodec, Pipeline, Words, type_size, words};

/// The members of `zarr.json` of an array.
const MEMBERS: [&str; 11] = [
    "zarr_format",
    "node_type",
    "shape",
    "data_type",
    "chunk_grid",
    "chunk_key_encoding",
    "fill_value",
    "codecs",
    "attributes",
    "storage_transformers",
    "dimension_names",
];

/// Reads `zarr.json` of an array.
pub(super) fn parse_array(document: &Document) -> Result<ArrayMeta> {
    let dtype = dtype::parse_v3(member(document, "data_type")?)?;
    if let Some(unknown) = extension(document)? {
        return Err(Error::unsupported(unknown));
    }
    let (_, grid_configuration) = name_and_configuration(member(document, "chunk_grid")?)?;
    let empty = Value::Null;
    let outer = lengths(grid_configuration.and_then(|c| c.get("chunk_shape")).unwrap_or(&empty), "chunk_shape")?;
    let codecs = member(document, "codecs")?.as_array().ok_or_else(|| malformed("'codecs' is not a list"))?;
    let (chunks, shard, pipeline) = match sharding(codecs)? {
        None => (outer, None, parse_pipeline(codecs, &dtype)?),
        Some(Err(message)) => (outer, None, Err(message)),
        Some(Ok((inner, shard, codecs))) => {
            (inner, Some(ShardMeta { shape: outer, ..shard }), parse_pipeline(codecs, &dtype)?)
        }
    };
    Ok(ArrayMeta {
        shape: lengths(member(document, "shape")?, "shape")?,
        keys: chunk_keys(document.get("chunk_key_encoding"))?,
        fill: fill::parse(document.get("fill_value"), &dtype)?,
        dtype,
        chunks,
        shard,
        pipeline,
    })
}

/// What an array has that this build does not know, so that its values cannot be found.
fn extension(document: &Document) -> Result<Option<String>> {
    let unknown = |what: &str, name: &str| format!("{what} '{name}' is not known");
    if let Some(member) = unknown_member(document, &MEMBERS) {
        return Ok(Some(not_understood(member)));
    }
    let transformers = document.get("storage_transformers").and_then(Value::as_array);
    if let Some(first) = transformers.and_then(|list| list.first()) {
        return Ok(Some(unknown("storage transformer", name_and_configuration(first)?.0)));
    }
    let (grid, _) = name_and_configuration(member(document, "chunk_grid")?)?;
    if grid != "regular" {
        return Ok(Some(unknown("chunk grid", grid)));
    }
    let Some(keys) = document.get("chunk_key_encoding") else { return Ok(None) };
    let (keys, _) = name_and_configuration(keys)?;
    Ok((!matches!(keys, "default" | "v2")).then(|| unknown("chunk key encoding", keys)))
}

fn chunk_keys(value: Option<&Value>) -> Result<ChunkKeys> {
    let Some(value) = value else { return Ok(ChunkKeys { prefixed: true, separator: '/' }) };
    let (name, configuration) = name_and_configuration(value)?;
    let given = configuration.and_then(|c| c.get("separator"));
    match name {
        "default" => Ok(ChunkKeys { prefixed: true, separator: separator(given, '/')? }),
        "v2" => Ok(ChunkKeys { prefixed: false, separator: separator(given, '.')? }),
        other => Err(Error::unsupported(format!("chunk key encoding '{other}'"))),
    }
}

/// The inner chunks, the layout (its shape still open) and the inner codecs.
type Sharding<'a> = (Vec<u64>, ShardMeta, &'a [Value]);

/// The configuration of `sharding_indexed`, where the array is sharded; a message where it is in a way not known.
fn sharding(codecs: &[Value]) -> Result<Option<Result<Sharding<'_>, String>>> {
    const NAME: &str = "sharding_indexed";
    let mut configuration = None;
    for codec in codecs {
        let (name, found) = name_and_configuration(codec)?;
        if name == NAME {
            configuration = Some(found.ok_or_else(|| malformed("'sharding_indexed' without a configuration"))?);
        }
    }
    let Some(configuration) = configuration else { return Ok(None) };
    if codecs.len() != 1 {
        return Ok(Some(Err("sharding_indexed beside other codecs".to_owned())));
    }
    let list = |name: &str| {
        let list = member(configuration, name)?.as_array();
        list.map(Vec::as_slice).ok_or_else(|| malformed(format!("'{name}' is not a list")))
    };
    let inner = list("codecs")?;
    if inner.iter().any(|codec| name_and_configuration(codec).is_ok_and(|(name, _)| name == NAME)) {
        return Ok(Some(Err("sharding_indexed within sharding_indexed".to_owned())));
    }
    let index_at_end = match configuration.get("index_location").map(Value::as_str) {
        None | Some(Some("end")) => true,
        Some(Some("start")) => false,
        _ => return Err(malformed("'index_location' is neither start nor end")),
    };
    let index = list("index_codecs")?.iter().map(name_and_configuration).collect::<Result<Vec<_>>>()?;
    let (checksum, endian) = match index.as_slice() {
        [("bytes", endian)] => (false, *endian),
        [("bytes", endian), ("crc32c", _)] => (true, *endian),
        _ => return Ok(Some(Err("sharding_indexed with an index that is packed".to_owned()))),
    };
    let little_endian = endian.and_then(|c| c.get("endian")).and_then(Value::as_str) != Some("big");
    let chunks = lengths(member(configuration, "chunk_shape")?, "chunk_shape")?;
    Ok(Some(Ok((chunks, ShardMeta { shape: Vec::new(), index_at_end, checksum, little_endian }, inner))))
}

/// The codecs of a chunk; a message where one is not known.
fn parse_pipeline(codecs: &[Value], dtype: &DType) -> Result<Result<Pipeline, String>> {
    let mut pipeline = Pipeline { order: None, swapped: Words::none(), codecs: Vec::new() };
    let mut serialized = false;
    for codec in codecs {
        let (name, configuration) = name_and_configuration(codec)?;
        match name {
            "transpose" if !serialized && pipeline.order.is_none() => {
                pipeline.order = parse_order(configuration)?;
            }
            "bytes" if !serialized && *dtype != DType::String => {
                serialized = true;
                match configuration.and_then(|c| c.get("endian")).and_then(Value::as_str) {
                    Some("big") => pipeline.swapped = words(dtype),
                    Some("little") | None => {}
                    Some(other) => return Err(malformed(format!("'{other}' is not a byte order"))),
                }
            }
            "vlen-utf8" if !serialized && *dtype == DType::String => serialized = true,
            name if serialized => match parse_codec(name, configuration, dtype) {
                Ok(codec) => pipeline.codecs.push(codec),
                Err(name) => return Ok(Err(name)),
            },
            name => return Ok(Err(name.to_owned())),
        }
    }
    if !serialized {
        return Ok(Err("no codec from values to bytes".to_owned()));
    }
    Ok(Ok(pipeline))
}

/// The order of stored axes; `None` for the order of the array.
fn parse_order(configuration: Option<&Document>) -> Result<Option<Vec<usize>>> {
    let bad = || malformed("the order of 'transpose' is not a permutation of the axes");
    let order = lengths(configuration.and_then(|c| c.get("order")).ok_or_else(bad)?, "order")?;
    let order = order.into_iter().map(|axis| usize::try_from(axis).map_err(|_| bad())).collect::<Result<Vec<_>>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.iter().copied().eq(0..order.len()) {
        return Err(bad());
    }
    Ok((!order.is_sorted()).then_some(order))
}

/// A codec from bytes to bytes. The error is the name of what this build does not know.
fn parse_codec(name: &str, configuration: Option<&Document>, dtype: &DType) -> Result<BytesCodec, String> {
    // The codecs of numcodecs keep their configuration.
    let mut given = configuration.cloned().unwrap_or_default();
    let id = name.strip_prefix("numcodecs.").unwrap_or(name);
    if name == "blosc" {
        let shuffle = match given.get("shuffle").and_then(Value::as_str) {
            Some("noshuffle") => 0,
            Some("bitshuffle") => 2,
            _ => 1,
        };
        given.insert("shuffle".to_owned(), Value::from(shuffle));
    }
    given.insert("id".to_owned(), Value::from(id));
    let codec = super::v2::parse_codec(&Value::Object(given), dtype).map_err(|_| name.to_owned())?;
    match (codec, configuration.and_then(|c| c.get("typesize")).and_then(Value::as_u64)) {
        (BytesCodec::Blosc { compressor, level, shuffle, block_size, .. }, Some(size)) => {
            // One that no element can have counts as 1 where it is used.
            let type_size = usize::try_from(size).unwrap_or(1);
            Ok(BytesCodec::Blosc { compressor, level, shuffle, type_size, block_size })
        }
        (codec, _) => Ok(codec),
    }
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
        let chunks = spec.chunks.as_ref().ok_or_else(|| Error::invalid_input("shards without chunks"))?;
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
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": outer_chunks(spec)}},
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
