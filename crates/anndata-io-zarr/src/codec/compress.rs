//! Codecs from bytes to bytes.

use anndata_storage::{Codec, Error, Result};
use libdeflater::{CompressionLvl, Compressor, Decompressor};

use super::{blosc, damaged, zstandard};
use crate::store::resize;

/// A codec from bytes to bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BytesCodec {
    Zstd { level: i32, checksum: bool },
    Gzip { level: u8 },
    Zlib { level: u8 },
    Lz4,
    Blosc { compressor: String, level: u8, shuffle: u8, type_size: usize, block_size: usize },
    Crc32c,
    Shuffle { size: usize },
}

impl BytesCodec {
    /// The codec as a spec lists it.
    pub(super) fn spec(&self) -> Codec {
        match self {
            Self::Zstd { level, .. } => Codec::Zstd { level: *level },
            Self::Gzip { level } => Codec::Gzip { level: *level },
            Self::Zlib { level } => Codec::Zlib { level: *level },
            Self::Lz4 => Codec::Lz4,
            Self::Blosc { compressor, level, shuffle, .. } => {
                Codec::Blosc { compressor: compressor.clone(), level: *level, shuffle: *shuffle }
            }
            Self::Crc32c => Codec::Crc32c,
            Self::Shuffle { .. } => Codec::Shuffle,
        }
    }

    /// Decodes into exactly the bytes of `out`.
    pub(super) fn decode_into(&self, raw: &[u8], out: &mut [u8]) -> Result<()> {
        let filled = match self {
            Self::Zstd { .. } => zstandard::decompress(raw, out).map_err(|e| damaged("zstd").with_source(e))?,
            Self::Gzip { .. } => {
                Decompressor::new().gzip_decompress(raw, out).map_err(|e| damaged("gzip").with_source(e))?
            }
            Self::Zlib { .. } => {
                Decompressor::new().zlib_decompress(raw, out).map_err(|e| damaged("zlib").with_source(e))?
            }
            Self::Lz4 => {
                let block = raw.get(4..).ok_or_else(|| damaged("lz4"))?;
                lz4_flex::block::decompress_into(block, out).map_err(|e| damaged("lz4").with_source(e))?
            }
            Self::Blosc { .. } => blosc::decode_into(raw, out)?,
            Self::Crc32c => return copy(checked(raw)?, out),
            Self::Shuffle { size } => {
                same_length(raw, out)?;
                unshuffle(raw, out, *size);
                out.len()
            }
        };
        if filled == out.len() { Ok(()) } else { Err(wrong_length(filled, out.len())) }
    }

    /// Decodes into as many bytes as there are, at most `max`.
    pub(super) fn decode(&self, raw: &[u8], max: usize) -> Result<Vec<u8>> {
        let exact = |len: usize| -> Result<Vec<u8>> {
            if len > max {
                return Err(too_large(len, max));
            }
            let mut out = Vec::new();
            resize(&mut out, len)?;
            self.decode_into(raw, &mut out)?;
            Ok(out)
        };
        match self {
            Self::Crc32c => Ok(checked(raw)?.to_vec()),
            Self::Shuffle { .. } => exact(raw.len()),
            Self::Blosc { .. } => exact(blosc::decoded_len(raw)?),
            Self::Lz4 => {
                let len = raw.first_chunk::<4>().ok_or_else(|| damaged("lz4"))?;
                exact(usize::try_from(u32::from_le_bytes(*len)).unwrap_or(usize::MAX))
            }
            Self::Zstd { .. } => {
                if let Some(len) = zstandard::declared_len(raw) {
                    return exact(len);
                }
                let out = zstandard::decompress_stream(raw, max).map_err(|e| damaged("zstd").with_source(e))?;
                if out.len() > max { Err(too_large(out.len(), max)) } else { Ok(out) }
            }
            Self::Gzip { .. } | Self::Zlib { .. } => self.inflate(raw, max),
        }
    }

    /// A deflate stream does not say how long it becomes: tries ever larger buffers.
    fn inflate(&self, raw: &[u8], max: usize) -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut len = raw.len().saturating_mul(4).clamp(1 << 10, max.max(1));
        loop {
            resize(&mut out, len)?;
            let result = match self {
                Self::Zlib { .. } => Decompressor::new().zlib_decompress(raw, &mut out),
                _ => Decompressor::new().gzip_decompress(raw, &mut out),
            };
            match result {
                Ok(filled) => {
                    out.truncate(filled);
                    return Ok(out);
                }
                Err(libdeflater::DecompressionError::InsufficientSpace) if len < max => {
                    len = len.saturating_mul(4).min(max);
                }
                Err(libdeflater::DecompressionError::InsufficientSpace) => return Err(too_large(len, max)),
                Err(error) => return Err(damaged("deflate").with_source(error)),
            }
        }
    }

    /// Encodes into `out`, replacing its content.
    pub(super) fn encode(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        match self {
            Self::Zstd { level, checksum } => {
                zstandard::compress(bytes, out, *level, *checksum).map_err(cannot)?;
            }
            Self::Gzip { level } => {
                let mut compressor = deflate(*level)?;
                resize(out, compressor.gzip_compress_bound(bytes.len()))?;
                let len = compressor.gzip_compress(bytes, out).map_err(cannot)?;
                out.truncate(len);
            }
            Self::Zlib { level } => {
                let mut compressor = deflate(*level)?;
                resize(out, compressor.zlib_compress_bound(bytes.len()))?;
                let len = compressor.zlib_compress(bytes, out).map_err(cannot)?;
                out.truncate(len);
            }
            Self::Lz4 => {
                let len = u32::try_from(bytes.len())
                    .map_err(|_| Error::unsupported("lz4 cannot pack chunks of 4 GiB or more"))?;
                resize(out, 4 + lz4_flex::block::get_maximum_output_size(bytes.len()))?;
                let (head, body) = out.split_at_mut(4);
                head.copy_from_slice(&len.to_le_bytes());
                let packed = lz4_flex::block::compress_into(bytes, body).map_err(cannot)?;
                out.truncate(4 + packed);
            }
            Self::Blosc { compressor, level, shuffle, type_size, block_size } => {
                blosc::encode(bytes, out, compressor, *level, *shuffle, *type_size, *block_size)?;
            }
            Self::Crc32c => {
                out.extend_from_slice(bytes);
                out.extend_from_slice(&crc32c::crc32c(bytes).to_le_bytes());
            }
            Self::Shuffle { size } => {
                resize(out, bytes.len())?;
                shuffle(bytes, out, *size);
            }
        }
        Ok(())
    }
}

fn cannot(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::unsupported("a chunk cannot be compressed").with_source(error)
}

fn deflate(level: u8) -> Result<Compressor> {
    let level = CompressionLvl::new(i32::from(level))
        .map_err(|_| Error::invalid_input(format!("there is no deflate level {level}")))?;
    Ok(Compressor::new(level))
}

/// Bytes with their checksum at the end: the bytes, where it is right.
pub(crate) fn checked(raw: &[u8]) -> Result<&[u8]> {
    let (bytes, sum) = raw.split_last_chunk::<4>().ok_or_else(|| damaged("crc32c"))?;
    if crc32c::crc32c(bytes) == u32::from_le_bytes(*sum) {
        Ok(bytes)
    } else {
        Err(Error::invalid_data("a checksum is wrong"))
    }
}

pub(super) fn copy(raw: &[u8], out: &mut [u8]) -> Result<()> {
    same_length(raw, out)?;
    out.copy_from_slice(raw);
    Ok(())
}

fn same_length(raw: &[u8], out: &[u8]) -> Result<()> {
    if raw.len() == out.len() { Ok(()) } else { Err(wrong_length(raw.len(), out.len())) }
}

fn wrong_length(found: usize, expected: usize) -> Error {
    Error::invalid_data(format!("a chunk holds {found} bytes where it must hold {expected}"))
}

fn too_large(len: usize, max: usize) -> Error {
    Error::limit_exceeded(format!("a chunk becomes {len} bytes or more; the limits allow {max}"))
}

/// Puts the first bytes of all elements together, then the second ones, and so on.
fn shuffle(bytes: &[u8], out: &mut [u8], size: usize) {
    let count = bytes.len() / size.max(1);
    for (i, element) in bytes.chunks_exact(size.max(1)).enumerate() {
        for (place, &byte) in out.iter_mut().skip(i).step_by(count.max(1)).zip(element) {
            *place = byte;
        }
    }
    copy_tail(bytes, out, count * size);
}

fn unshuffle(raw: &[u8], out: &mut [u8], size: usize) {
    let count = raw.len() / size.max(1);
    for (i, element) in out.chunks_exact_mut(size.max(1)).enumerate() {
        for (place, &byte) in element.iter_mut().zip(raw.iter().skip(i).step_by(count.max(1))) {
            *place = byte;
        }
    }
    copy_tail(raw, out, count * size);
}

fn copy_tail(from: &[u8], to: &mut [u8], at: usize) {
    if let (Some(from), Some(to)) = (from.get(at..), to.get_mut(at..)) {
        to.copy_from_slice(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<BytesCodec> {
        let mut codecs = vec![
            BytesCodec::Zstd { level: 3, checksum: true },
            BytesCodec::Zstd { level: 0, checksum: false },
            BytesCodec::Gzip { level: 5 },
            BytesCodec::Zlib { level: 1 },
            BytesCodec::Lz4,
            BytesCodec::Crc32c,
            BytesCodec::Shuffle { size: 4 },
        ];
        if cfg!(feature = "blosc") {
            let compressor = "lz4".to_owned();
            codecs.push(BytesCodec::Blosc { compressor, level: 5, shuffle: 1, type_size: 4, block_size: 0 });
        }
        codecs
    }

    #[test]
    fn every_codec_goes_there_and_back() -> Result<()> {
        let bytes: Vec<u8> = (0..10_003_u32).flat_map(|i| (i / 7).to_le_bytes()).take(40_002).collect();
        for codec in all() {
            let mut raw = Vec::new();
            codec.encode(&bytes, &mut raw)?;
            let mut out = vec![0; bytes.len()];
            codec.decode_into(&raw, &mut out)?;
            assert!(out == bytes, "{codec:?}");
            assert!(codec.decode(&raw, bytes.len())? == bytes, "{codec:?}");
        }
        Ok(())
    }

    /// Codecs that store a checksum compare it: no flipped bit changes a value unseen.
    #[test]
    fn checksums_are_compared() -> Result<()> {
        // Few repetitions, so that most of the stored bytes are values.
        let bytes: Vec<u8> = (0..2000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        for (codec, end_of_sum) in [
            (BytesCodec::Zstd { level: 3, checksum: true }, 0),
            (BytesCodec::Gzip { level: 5 }, 4),
            (BytesCodec::Zlib { level: 1 }, 0),
            (BytesCodec::Crc32c, 0),
        ] {
            let mut raw = Vec::new();
            codec.encode(&bytes, &mut raw)?;
            let sum = raw.len() - 4 - end_of_sum..raw.len() - end_of_sum;
            for at in 0..raw.len() {
                let mut damaged = raw.clone();
                damaged[at] ^= 1 << (at % 8);
                let mut out = vec![0; bytes.len()];
                let decoded = codec.decode_into(&damaged, &mut out);
                assert!(decoded.is_err() || (out == bytes && !sum.contains(&at)), "{codec:?} at {at}");
            }
        }
        Ok(())
    }

    #[test]
    fn damage_and_wrong_lengths_are_errors() -> Result<()> {
        let bytes = vec![7; 5000];
        for codec in all() {
            let mut raw = Vec::new();
            codec.encode(&bytes, &mut raw)?;
            let mut short = vec![0; 4999];
            let mut long = vec![0; 5001];
            for (what, error) in [
                ("too much", codec.decode_into(&raw, &mut short).unwrap_err()),
                ("too little", codec.decode_into(&raw, &mut long).unwrap_err()),
                ("half", codec.decode_into(&raw[..raw.len() / 2], &mut vec![0; 5000]).unwrap_err()),
                ("nothing", codec.decode_into(&[], &mut vec![0; 5000]).unwrap_err()),
            ] {
                assert!(error.is_invalid_data(), "{what} of {codec:?}: {error:?}");
            }
            if !matches!(codec, BytesCodec::Crc32c | BytesCodec::Shuffle { .. }) {
                assert!(codec.decode(&raw, 4999).is_err_and(|error| error.is_limit_exceeded()), "{codec:?}");
            }
        }
        Ok(())
    }
}
