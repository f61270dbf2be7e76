//! The shapes of chunks and shards, where the caller leaves them open.
//!
//! Chunks are whole rows: few enough bytes that one row is read quickly and all cores have work, many enough that there are
//! few of them. In shards a chunk costs no file, so that chunks are smaller there.

use anndata_storage::{ArraySpec, Codec, Compression, DType, Error, Result};

use crate::codec::AUTOMATIC;
use crate::{Sharding, ZarrFormat};

/// The bytes of values in a chunk that is a part of a shard.
const CHUNK_IN_SHARD: u64 = 1 << 20;

/// The bytes of values in a chunk that is a file.
const CHUNK_AS_FILE: u64 = 8 << 20;

/// What a text is taken to be long.
const TEXT_BYTES: u64 = 16;

/// Fills in codecs, chunks and shards that a spec leaves open.
///
/// # Errors
/// Where the format has no such compression.
pub(crate) fn fill_in(
    format: ZarrFormat,
    sharding: Sharding,
    spec: &ArraySpec,
    compression: Compression,
) -> Result<ArraySpec> {
    let mut spec = spec.clone();
    if spec.shape.is_empty() {
        return Ok(spec);
    }
    if spec.codecs.is_empty() {
        spec.codecs = codecs(compression)?;
    }
    let shard_bytes = match (format, sharding) {
        (ZarrFormat::V3, Sharding::Auto { target_bytes }) => Some(target_bytes),
        _ => None,
    };
    let size = match spec.dtype {
        DType::String => TEXT_BYTES,
        _ => spec.dtype.size().unwrap_or(1).max(1) as u64,
    };
    let chunks = spec.chunks.clone().unwrap_or_else(|| {
        chunk_shape(&spec, size, if shard_bytes.is_some() { CHUNK_IN_SHARD } else { CHUNK_AS_FILE })
    });
    if let (None, Some(target)) = (&spec.shards, shard_bytes) {
        spec.shards = shard_shape(&spec, &chunks, size, target);
    }
    spec.chunks = Some(chunks);
    Ok(spec)
}

fn codecs(compression: Compression) -> Result<Vec<Codec>> {
    Ok(match compression {
        Compression::Default => vec![Codec::Zstd { level: AUTOMATIC }],
        Compression::None => Vec::new(),
        Compression::Gzip(level) => vec![Codec::Gzip { level }],
        Compression::Zstd(level) => vec![Codec::Zstd { level }],
        Compression::Blosc(level) => vec![Codec::Blosc { compressor: "lz4".to_owned(), level, shuffle: 1 }],
        other => return Err(Error::unsupported(format!("zarr has no compression {other:?}"))),
    })
}

/// The length of an axis as far as chunks go: a first axis that grows has no end.
fn extent(spec: &ArraySpec, axis: usize, len: u64) -> u64 {
    if axis == 0 && spec.resizable { u64::MAX } else { len.max(1) }
}

/// Whole inner axes as far as they fit; outer axes are cut first.
fn chunk_shape(spec: &ArraySpec, size: u64, target: u64) -> Vec<u64> {
    let mut chunk: Vec<u64> = spec.shape.iter().enumerate().map(|(axis, &len)| extent(spec, axis, len)).collect();
    for axis in 0..chunk.len() {
        let inner = chunk.iter().skip(axis + 1).fold(size, |product, &len| product.saturating_mul(len));
        if let Some(len) = chunk.get_mut(axis) {
            *len = (*len).min((target / inner.max(1)).max(1));
            if *len > 1 {
                break;
            }
        }
    }
    chunk
}

/// As many chunks as fit, whole inner axes first. `None` where there is one chunk only.
fn shard_shape(spec: &ArraySpec, chunks: &[u64], size: u64, target: u64) -> Option<Vec<u64>> {
    let mut shard = chunks.to_vec();
    let mut bytes = chunks.iter().fold(size, |product, &len| product.saturating_mul(len)).max(1);
    for (axis, (length, &len)) in shard.iter_mut().zip(&spec.shape).enumerate().rev() {
        let there = extent(spec, axis, len).div_ceil(*length);
        let times = (target / bytes).clamp(1, there);
        bytes = bytes.saturating_mul(times);
        *length = length.saturating_mul(times);
        if times < there {
            break;
        }
    }
    (shard != chunks).then_some(shard)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(format: ZarrFormat, spec: &ArraySpec) -> ArraySpec {
        fill_in(format, Sharding::default(), spec, Compression::Default).unwrap()
    }

    #[test]
    fn one_dimension_is_cut_into_chunks_and_few_shards() {
        let spec = layout(ZarrFormat::V3, &ArraySpec::new(DType::F32, [600_000_000]));
        assert_eq!(spec.chunks, Some(vec![1 << 18]));
        assert_eq!(spec.shards, Some(vec![953 << 18]));
        assert_eq!(spec.codecs, [Codec::Zstd { level: AUTOMATIC }]);
        assert!(spec.validate().is_ok());
        let spec = layout(ZarrFormat::V2, &ArraySpec::new(DType::F32, [600_000_000]));
        assert_eq!((spec.chunks, spec.shards), (Some(vec![1 << 21]), None));
    }

    #[test]
    fn small_arrays_are_one_chunk() {
        let spec = layout(ZarrFormat::V3, &ArraySpec::new(DType::String, [700]));
        assert_eq!((spec.chunks, spec.shards), (Some(vec![700]), None));
        let spec = layout(ZarrFormat::V3, &ArraySpec::new(DType::F64, [0, 5]));
        assert_eq!(spec.chunks, Some(vec![1, 5]));
        let scalar = layout(ZarrFormat::V3, &ArraySpec::new(DType::F64, []));
        assert_eq!((scalar.chunks, scalar.codecs), (None, vec![]));
    }

    #[test]
    fn rows_stay_whole_where_they_can() {
        let spec = layout(ZarrFormat::V3, &ArraySpec::new(DType::F32, [100_000, 2_000]));
        assert_eq!(spec.chunks, Some(vec![131, 2_000]));
        assert_eq!(spec.shards, Some(vec![131 * 764, 2_000]));
        let wide = layout(ZarrFormat::V3, &ArraySpec::new(DType::F32, [3, 1 << 30]));
        assert_eq!(wide.chunks, Some(vec![1, 1 << 18]));
    }

    #[test]
    fn a_growing_axis_is_laid_out_for_its_growth() {
        let spec = layout(ZarrFormat::V3, &ArraySpec::new(DType::I32, [0]).with_resizable(true));
        assert_eq!(spec.chunks, Some(vec![1 << 18]));
        assert_eq!(spec.shards, Some(vec![953 << 18]));
    }

    #[test]
    fn what_is_given_is_kept() {
        let given = ArraySpec::new(DType::I32, [100]).with_chunks([7]).with_codecs([Codec::Gzip { level: 1 }]);
        let spec = layout(ZarrFormat::V3, &given);
        assert_eq!((&spec.chunks, &spec.codecs), (&given.chunks, &given.codecs));
        assert_eq!(spec.shards, Some(vec![105]));
        assert!(fill_in(ZarrFormat::V3, Sharding::Off, &given.with_codecs([]), Compression::Lzf).is_err());
    }
}
