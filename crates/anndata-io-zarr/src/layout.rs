//! The shapes of chunks and shards, where the caller leaves them open.
//!
//! Chunks are whole rows: few enough bytes that one row is read quickly and all cores have work, many enough that there are
//! few of them. In shards a chunk costs no file, so that chunks are smaller there. Neither is larger than the array, also
//! where the array can grow: one that has outgrown its chunks is made anew by who appends to it.

use anndata_codecs::AUTOMATIC;
use anndata_storage::{ArraySpec, Codec, Compression, DType, Error, Result};

use crate::metadata::ArrayMeta;
use crate::{Sharding, ZarrFormat};

/// The bytes of values in a chunk that is a part of a shard.
const CHUNK_IN_SHARD: u64 = 1 << 20;

/// The bytes of values in a chunk that is a file.
const CHUNK_AS_FILE: u64 = 8 << 20;

/// What a text is taken to be long.
const TEXT_BYTES: u64 = 16;

/// The bytes that a chunk of an array that can grow has at least, however short the array is now.
const LEAST_CHUNK: u64 = 256;

/// Of up to so many pieces none is left nearly empty. If there are more, one that is takes little beside the others.
const EVEN: u64 = 32;

/// The most chunks of a shard: its index, which is read before any of them, stays below 64 KiB.
const CHUNKS_IN_SHARD: u64 = 4000;

/// Fills in codecs, chunks and shards that a spec leaves open, and those that the format lacks.
///
/// # Errors
/// If the format has no such compression.
pub(crate) fn fill_in(
    format: ZarrFormat,
    sharding: Sharding,
    spec: &ArraySpec,
    compression: Compression,
) -> Result<ArraySpec> {
    let mut spec = spec.clone();
    if spec.shape.is_empty() {
        (spec.chunks, spec.shards, spec.codecs) = (None, None, Vec::new());
        return Ok(spec);
    }
    spec.codecs = kept(format, &spec.codecs);
    if spec.codecs.is_empty() {
        spec.codecs = codecs(compression)?;
    }
    if format == ZarrFormat::V2 {
        spec.shards = None;
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
    if format == ZarrFormat::V2 {
        spec.grid.clear();
    }
    if let (None, Some(target), true) = (&spec.shards, shard_bytes, spec.grid.is_empty()) {
        spec.shards = shard_shape(&spec, &chunks, size, target);
    }
    spec.chunks = Some(chunks);
    Ok(spec)
}

/// The codecs that the format has, of those that a declaration names: where it lacks zlib, gzip is the same. None if a
/// compression is among them that it lacks.
fn kept(format: ZarrFormat, named: &[Codec]) -> Vec<Codec> {
    let kept: Vec<Codec> = named
        .iter()
        .filter_map(|codec| match (format, codec) {
            (ZarrFormat::V3, Codec::Zlib { level }) => Some(Codec::Gzip { level: *level }),
            (format, codec) => ArrayMeta::has_codec(format, codec).then(|| codec.clone()),
        })
        .collect();
    let lacks = named.iter().any(Codec::compresses) && !kept.iter().any(Codec::compresses);
    if lacks { Vec::new() } else { kept }
}

fn codecs(compression: Compression) -> Result<Vec<Codec>> {
    Ok(match compression {
        Compression::Default => vec![Codec::Zstd { level: AUTOMATIC }],
        Compression::None => Vec::new(),
        Compression::Gzip(level) => vec![Codec::Gzip { level }],
        Compression::Zstd(level) => vec![Codec::Zstd { level }],
        Compression::Blosc(level) => vec![Codec::Blosc { compressor: "lz4".to_owned(), level, shuffle: 1 }],
        other => {
            return Err(Error::unsupported(format!(
                "zarr has no compression {other:?}; choose gzip, zstd, blosc or none"
            )));
        }
    })
}

/// The length of a piece of an axis of `len`, of which `most` are wanted: pieces of equal length where there are few, as a
/// chunk that is not full is stored whole.
fn piece(len: u64, most: u64) -> u64 {
    let (len, most) = (len.max(1), most.max(1));
    let pieces = len.div_ceil(most);
    if pieces <= EVEN { len.div_ceil(pieces) } else { most }
}

/// Whole inner axes as far as they fit; outer axes are cut first.
fn chunk_shape(spec: &ArraySpec, size: u64, target: u64) -> Vec<u64> {
    let mut chunk: Vec<u64> = spec.shape.iter().map(|&len| len.max(1)).collect();
    for axis in 0..chunk.len() {
        let inner = chunk.iter().skip(axis + 1).fold(size, |product, &len| product.saturating_mul(len)).max(1);
        if let Some(len) = chunk.get_mut(axis) {
            let grown = if axis == 0 && spec.resizable { (*len).max(LEAST_CHUNK.div_ceil(inner)) } else { *len };
            *len = piece(grown, target / inner);
            if *len > 1 {
                break;
            }
        }
    }
    chunk
}

/// As many chunks as fit, whole inner axes first, and no more than the array has. `None` if that is one chunk.
fn shard_shape(spec: &ArraySpec, chunks: &[u64], size: u64, target: u64) -> Option<Vec<u64>> {
    let mut shard = chunks.to_vec();
    let mut bytes = chunks.iter().fold(size, |product, &len| product.saturating_mul(len)).max(1);
    let mut count = 1;
    for (length, &len) in shard.iter_mut().zip(&spec.shape).rev() {
        let there = len.max(1).div_ceil(*length);
        let times = piece(there, (target / bytes).min(CHUNKS_IN_SHARD / count));
        bytes = bytes.saturating_mul(times);
        count = count.saturating_mul(times);
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
        // Of 2,289 chunks 953 fit into a shard; three shards of equal length hold them.
        assert_eq!(spec.shards, Some(vec![763 << 18]));
        assert_eq!(spec.codecs, [Codec::Zstd { level: AUTOMATIC }]);
        assert!(spec.validate().is_ok());
        let spec = layout(ZarrFormat::V2, &ArraySpec::new(DType::F32, [600_000_000]));
        assert_eq!((spec.chunks, spec.shards), (Some(vec![1 << 21]), None));
    }

    #[test]
    fn small_arrays_are_one_chunk() {
        for resizable in [false, true] {
            let array = |dtype, shape: &[u64]| ArraySpec::new(dtype, shape).with_resizable(resizable);
            let spec = layout(ZarrFormat::V3, &array(DType::String, &[700]));
            assert_eq!((spec.chunks, spec.shards), (Some(vec![700]), None));
            let spec = layout(ZarrFormat::V3, &array(DType::F32, &[200]));
            assert_eq!((spec.chunks, spec.shards), (Some(vec![200]), None));
            let spec = layout(ZarrFormat::V3, &array(DType::F64, &[0, 5]));
            assert_eq!((spec.chunks, spec.shards), (Some(vec![if resizable { 7 } else { 1 }, 5]), None));
        }
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
        // Two chunks of equal length, not a full one and a nearly empty one.
        let few = layout(ZarrFormat::V3, &ArraySpec::new(DType::F32, [132, 2_000]));
        assert_eq!((few.chunks, few.shards), (Some(vec![66, 2_000]), Some(vec![132, 2_000])));
    }

    #[test]
    fn what_can_grow_has_chunks_that_suit_its_length() {
        let growing = |len: u64| layout(ZarrFormat::V3, &ArraySpec::new(DType::I32, [len]).with_resizable(true));
        assert_eq!((growing(0).chunks, growing(0).shards), (Some(vec![64]), None));
        assert_eq!((growing(5000).chunks, growing(5000).shards), (Some(vec![5000]), None));
        assert_eq!((growing(1 << 20).chunks, growing(1 << 20).shards), (Some(vec![1 << 18]), Some(vec![1 << 20])));
    }

    #[test]
    fn shards_have_few_thousand_chunks_and_end_with_the_array() {
        let shards = |shape: &[u64], chunks: &[u64]| {
            layout(ZarrFormat::V3, &ArraySpec::new(DType::I32, shape).with_chunks(chunks)).shards
        };
        assert_eq!(shards(&[1, 1], &[1, 1]), None);
        assert_eq!(shards(&[3, 1, 1], &[1, 1, 1]), Some(vec![3, 1, 1]));
        assert_eq!(shards(&[10_000, 50], &[1, 50]), Some(vec![3_334, 50]));
        assert_eq!(shards(&[1 << 40], &[1]), Some(vec![4000]));
        assert_eq!(shards(&[1 << 40, 1 << 40], &[1, 1]), Some(vec![1, 4000]));
        assert_eq!(shards(&[300, 300, 300], &[1, 1, 1]), Some(vec![1, 13, 300]));
    }

    #[test]
    fn what_is_given_is_kept() {
        let given = ArraySpec::new(DType::I32, [100]).with_chunks([7]).with_codecs([Codec::Gzip { level: 1 }]);
        let spec = layout(ZarrFormat::V3, &given);
        assert_eq!((&spec.chunks, &spec.codecs), (&given.chunks, &given.codecs));
        assert_eq!(spec.shards, Some(vec![105]));
        let mut sharded = given.clone();
        sharded.shards = Some(vec![14]);
        assert_eq!(layout(ZarrFormat::V3, &sharded), sharded);
        let lzf = fill_in(ZarrFormat::V3, Sharding::Off, &given.with_codecs([]), Compression::Lzf).unwrap_err();
        assert!(lzf.is_unsupported(), "{lzf:?}");
    }

    #[test]
    fn what_the_format_lacks_is_chosen_anew() {
        let mut sharded = ArraySpec::new(DType::I32, [100]).with_chunks([7]);
        sharded.shards = Some(vec![14]);
        assert_eq!(layout(ZarrFormat::V2, &sharded).shards, None);
        let with = |format, codecs: &[Codec]| layout(format, &sharded.clone().with_codecs(codecs)).codecs;
        let zlib = [Codec::Shuffle, Codec::Zlib { level: 4 }];
        assert_eq!(with(ZarrFormat::V3, &zlib), [Codec::Gzip { level: 4 }]);
        assert_eq!(with(ZarrFormat::V2, &zlib), zlib);
        assert_eq!(with(ZarrFormat::V3, &[Codec::Shuffle, Codec::Lzf]), [Codec::Zstd { level: AUTOMATIC }]);
        let checked = [Codec::Zstd { level: 5 }, Codec::Crc32c];
        assert_eq!(with(ZarrFormat::V3, &checked), checked);
        assert_eq!(with(ZarrFormat::V2, &checked), checked[..1]);
    }
}
