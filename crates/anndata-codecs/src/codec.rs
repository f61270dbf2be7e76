//! All codecs as one type.

use anndata_storage::{Codec, Result};

use crate::buffer::{append, room};
use crate::checksum::{Checksum, ChecksumKind};
use crate::fault::{too_large, wrong_length};
use crate::{Bitshuffle, Blosc, Lz4Framing, LzmaFormat, Szip};
use crate::{bitshuffle, blosc, bzip2, deflate, lz4, lzf, lzma, shuffle, szip, zstandard};

/// A step from bytes to bytes, between the values of a chunk and what is stored of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ByteCodec {
    /// Deflate in a zlib stream.
    Zlib {
        /// Effort, 0 to 12; formats allow up to 9.
        level: u8,
    },
    /// Deflate in a gzip file.
    Gzip {
        /// Effort, 0 to 12; formats allow up to 9.
        level: u8,
    },
    /// Zstandard.
    Zstd {
        /// Effort; [`AUTOMATIC`](crate::AUTOMATIC) leaves it to the writer.
        level: i32,
        /// Whether a checksum of the values stands at the end of the frame.
        checksum: bool,
    },
    /// LZ4 blocks, framed.
    Lz4(Lz4Framing),
    /// LZF, as h5py brings it.
    Lzf,
    /// Blosc, version 1.
    Blosc(Blosc),
    /// bzip2.
    Bzip2 {
        /// Effort, 1 to 9.
        level: u8,
    },
    /// LZMA or XZ.
    Lzma(LzmaFormat),
    /// Bytes of elements of this size are put together by significance.
    Shuffle {
        /// Bytes of an element; 0 if a file does not say it, which is an error of every use.
        size: usize,
    },
    /// Bits of elements are put together by significance.
    Bitshuffle(Bitshuffle),
    /// Szip, which is read alone.
    Szip(Szip),
    /// A checksum beside the values.
    Checksum(Checksum),
}

impl ByteCodec {
    /// Decodes into exactly the bytes of `out`.
    ///
    /// ```
    /// use anndata_codecs::ByteCodec;
    ///
    /// let codec = ByteCodec::Zlib { level: 4 };
    /// let (mut stored, mut out) = (Vec::new(), [0; 5]);
    /// codec.encode(b"atlas", &mut stored)?;
    /// codec.decode_into(&stored, &mut out)?;
    /// assert_eq!(&out, b"atlas");
    /// assert!(codec.decode_into(&stored, &mut [0; 4]).is_err());
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the bytes are damaged or become more or fewer, or if this build lacks the codec.
    pub fn decode_into(&self, stored: &[u8], out: &mut [u8]) -> Result<()> {
        match self {
            Self::Zlib { .. } => deflate::decode_zlib(stored, out),
            Self::Gzip { .. } => deflate::decode_gzip(stored, out),
            Self::Zstd { .. } => zstandard::decode_into(stored, out),
            Self::Lz4(framing) => lz4::decode_into(stored, *framing, out),
            Self::Lzf => lzf::decode_into(stored, out),
            Self::Blosc(_) => blosc::decode_into(stored, out),
            Self::Bzip2 { .. } => exactly(out, |buffer, max| bzip2::decode(stored, max, buffer)),
            Self::Lzma(format) => exactly(out, |buffer, max| lzma::decode(stored, *format, max, buffer)),
            Self::Shuffle { size } => shuffle::undo(stored, *size, out),
            Self::Bitshuffle(options) => bitshuffle::decode_into(stored, *options, out),
            Self::Szip(options) => szip::decode_into(stored, *options, out),
            Self::Checksum(checksum) => copy(checksum.verify(stored)?, out),
        }
    }

    /// Decodes into as many bytes as there are, at most `max`, which replace the content of `out`.
    ///
    /// # Errors
    /// If the bytes are damaged or become more than `max`, or if this build lacks the codec.
    pub fn decode(&self, stored: &[u8], max: usize, out: &mut Vec<u8>) -> Result<()> {
        let declared = match self {
            Self::Zlib { .. } | Self::Gzip { .. } => {
                return deflate::decode(stored, matches!(self, Self::Gzip { .. }), max, out);
            }
            Self::Bzip2 { .. } => return bzip2::decode(stored, max, out),
            Self::Lzma(format) => return lzma::decode(stored, *format, max, out),
            Self::Checksum(checksum) => {
                let bytes = checksum.verify(stored)?;
                if bytes.len() > max {
                    return Err(too_large(bytes.len(), max));
                }
                out.clear();
                return append(out, bytes);
            }
            Self::Zstd { .. } => match zstandard::declared_length(stored) {
                Some(length) => length,
                None => return zstandard::decode_stream(stored, max, out),
            },
            Self::Lz4(framing) => lz4::declared_length(stored, *framing)?,
            Self::Blosc(_) => blosc::declared_length(stored)?,
            Self::Lzf => lzf::decoded_length(stored)?,
            Self::Shuffle { .. } => stored.len(),
            Self::Bitshuffle(options) => options.declared_length(stored)?,
            Self::Szip(_) => szip::declared_length(stored)?,
        };
        if declared > max {
            return Err(too_large(declared, max));
        }
        room(out, declared)?;
        self.decode_into(stored, out)
    }

    /// Encodes into `out`, replacing its content.
    ///
    /// # Errors
    /// If the format cannot hold so many bytes or has no such level, or if this build lacks the codec.
    pub fn encode(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        match self {
            Self::Zlib { level } => deflate::encode_zlib(bytes, *level, out),
            Self::Gzip { level } => deflate::encode_gzip(bytes, *level, out),
            Self::Zstd { level, checksum } => zstandard::encode(bytes, *level, *checksum, out),
            Self::Lz4(framing) => lz4::encode(bytes, *framing, out),
            Self::Lzf => lzf::encode(bytes, out),
            Self::Blosc(options) => blosc::encode(bytes, options, out),
            Self::Bzip2 { level } => bzip2::encode(bytes, *level, out),
            Self::Lzma(format) => lzma::encode(bytes, *format, out),
            Self::Shuffle { size } => shuffle::apply(bytes, *size, out),
            Self::Bitshuffle(options) => bitshuffle::encode(bytes, *options, out),
            Self::Szip(_) => Err(szip::read_only()),
            Self::Checksum(checksum) => checksum.append(bytes, out),
        }
    }

    /// The codec as the declaration of an array lists it.
    pub fn spec(&self) -> Codec {
        match self {
            Self::Zlib { level } => Codec::Zlib { level: *level },
            Self::Gzip { level } => Codec::Gzip { level: *level },
            Self::Zstd { level, .. } => Codec::Zstd { level: *level },
            Self::Lz4(_) => Codec::Lz4,
            Self::Lzf => Codec::Lzf,
            Self::Blosc(Blosc { compressor, level, shuffle, .. }) => {
                Codec::Blosc { compressor: compressor.clone(), level: *level, shuffle: *shuffle }
            }
            Self::Shuffle { .. } => Codec::Shuffle,
            Self::Checksum(Checksum { kind: ChecksumKind::Crc32c, .. }) => Codec::Crc32c,
            Self::Checksum(Checksum { kind: ChecksumKind::Fletcher32, .. }) => Codec::Fletcher32,
            Self::Bzip2 { level } => {
                Codec::Other { name: "bz2".to_owned(), configuration: format!(r#"{{"level":{level}}}"#) }
            }
            Self::Lzma(_) => Codec::named("lzma"),
            Self::Bitshuffle(_) => Codec::named("bitshuffle"),
            Self::Szip(_) => Codec::named("szip"),
            Self::Checksum(checksum) => Codec::named(checksum.kind.name()),
        }
    }
}

/// Decodes through a buffer what its library cannot decode into a slice of fixed length.
fn exactly(out: &mut [u8], decode: impl FnOnce(&mut Vec<u8>, usize) -> Result<()>) -> Result<()> {
    let mut buffer = Vec::new();
    decode(&mut buffer, out.len()).map_err(|error| match error {
        error if error.is_limit_exceeded() && buffer.len() > out.len() => wrong_length(buffer.len(), out.len()),
        error => error,
    })?;
    copy(&buffer, out)
}

pub(crate) fn copy(bytes: &[u8], out: &mut [u8]) -> Result<()> {
    if bytes.len() != out.len() {
        return Err(wrong_length(bytes.len(), out.len()));
    }
    out.copy_from_slice(bytes);
    Ok(())
}
