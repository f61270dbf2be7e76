//! Codecs from bytes to bytes, by the names of either version.

use anndata_codecs::{Blosc, ByteCodec, Checksum, ChecksumKind, ChecksumPosition, Lz4Framing, LzmaFormat};
use anndata_storage::DType;
use serde_json::Value;
use zarrs_metadata::Configuration;

use super::{Lacking, id};
use crate::codec::type_size;

/// A codec from bytes to bytes, `None` if it is none that is known.
pub(super) fn byte_codec(
    name: &str,
    given: Option<&Configuration>,
    dtype: &DType,
) -> Result<Option<ByteCodec>, Lacking> {
    let member = |name: &str| given.and_then(|given| given.get(name)).filter(|value| !value.is_null());
    let number = |name: &str| member(name).and_then(Value::as_i64);
    let size = |name: &str| member(name).and_then(Value::as_u64).and_then(|size| usize::try_from(size).ok());
    // Fallback: decoding needs no level.
    let level = |name: &str, default: u8| number(name).and_then(|level| u8::try_from(level).ok()).unwrap_or(default);
    let checksum = |kind, default| {
        let position = match member("location").and_then(Value::as_str) {
            Some("start") => ChecksumPosition::Start,
            Some("end") => ChecksumPosition::End,
            _ => default,
        };
        ByteCodec::Checksum(Checksum { kind, position })
    };
    Ok(Some(match id(name) {
        "zstd" => ByteCodec::Zstd {
            // Fallback: decoding needs no level.
            level: number("level").and_then(|level| i32::try_from(level).ok()).unwrap_or(0),
            checksum: member("checksum").and_then(Value::as_bool).unwrap_or(false),
        },
        "gzip" => ByteCodec::Gzip { level: level("level", 1) },
        "zlib" => ByteCodec::Zlib { level: level("level", 1) },
        "lz4" => ByteCodec::Lz4(Lz4Framing::Numcodecs),
        "blosc" => {
            let type_size = size("typesize").unwrap_or_else(|| type_size(dtype));
            ByteCodec::Blosc(Blosc {
                compressor: member("cname").and_then(Value::as_str).unwrap_or("lz4").to_owned(),
                level: level("clevel", 5),
                shuffle: match member("shuffle") {
                    Some(Value::String(kind)) if kind == "noshuffle" => 0,
                    Some(Value::String(kind)) if kind == "bitshuffle" => 2,
                    // -1: by the size of an element.
                    Some(Value::Number(kind)) if kind.as_i64() == Some(-1) && type_size == 1 => 2,
                    Some(Value::Number(kind)) => {
                        // Fallback: a chunk says itself how it was shuffled.
                        kind.as_u64().and_then(|kind| u8::try_from(kind).ok()).filter(|&kind| kind <= 2).unwrap_or(1)
                    }
                    _ => 1,
                },
                type_size,
                block_size: size("blocksize").unwrap_or(0),
            })
        }
        "shuffle" => match member("elementsize") {
            // The default of numcodecs.
            None => ByteCodec::Shuffle { size: 4 },
            Some(found) => match size("elementsize").filter(|&size| size > 0) {
                Some(size) => ByteCodec::Shuffle { size },
                None => return Err(Lacking::new(name, format!("codec '{name}' has an elementsize of {found}"))),
            },
        },
        "crc32c" => checksum(ChecksumKind::Crc32c, ChecksumPosition::End),
        "crc32" => checksum(ChecksumKind::Crc32, ChecksumPosition::Start),
        "adler32" => checksum(ChecksumKind::Adler32, ChecksumPosition::Start),
        "fletcher32" => checksum(ChecksumKind::Fletcher32, ChecksumPosition::End),
        "bz2" if cfg!(feature = "zarrs") => ByteCodec::Bzip2 { level: level("level", 1) },
        "lzma" if cfg!(feature = "zarrs") => {
            // Fallback: decoding needs no level.
            let level = number("preset").and_then(|level| u32::try_from(level).ok()).unwrap_or(6);
            match number("format") {
                None | Some(1) => ByteCodec::Lzma(LzmaFormat::Xz { level }),
                Some(2) => ByteCodec::Lzma(LzmaFormat::Alone { level }),
                Some(other) => {
                    let why = format!("codec '{name}' has streams of the format {other}: 1 (XZ) and 2 (LZMA) are read");
                    return Err(Lacking::new(name, why));
                }
            }
        }
        _ => return Ok(None),
    }))
}
