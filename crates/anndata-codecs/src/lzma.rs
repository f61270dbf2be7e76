//! LZMA and XZ, with liblzma under a limit of memory.

#[cfg(not(feature = "lzma"))]
use anndata_storage::Result;

/// The container of an LZMA stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LzmaFormat {
    /// XZ: LZMA2 with checksums.
    Xz {
        /// Effort, 0 to 9.
        level: u32,
    },
    /// The older `.lzma`.
    Alone {
        /// Effort, 0 to 9.
        level: u32,
    },
}

#[cfg(feature = "lzma")]
mod library {
    use std::io::Read as _;

    use anndata_storage::{Error, Result};
    use liblzma::stream::{Check, LzmaOptions, Stream};

    use super::LzmaFormat;
    use crate::fault::{cannot_encode, damaged_by};

    /// What a decoder may take for its dictionary: level 9 has one of 64 MiB.
    const MEMORY: u64 = 80 << 20;

    pub(crate) fn decode(stored: &[u8], format: LzmaFormat, max: usize, out: &mut Vec<u8>) -> Result<()> {
        let stream = match format {
            LzmaFormat::Xz { .. } => Stream::new_stream_decoder(MEMORY, liblzma::stream::CONCATENATED),
            LzmaFormat::Alone { .. } => Stream::new_lzma_decoder(MEMORY),
        };
        let stream = stream.map_err(damaged_by("lzma"))?;
        let stream = liblzma::bufread::XzDecoder::new_stream(stored, stream);
        crate::buffer::read_to_end(stream, max, out, damaged_by("lzma"))
    }

    pub(crate) fn encode(bytes: &[u8], format: LzmaFormat, out: &mut Vec<u8>) -> Result<()> {
        let (LzmaFormat::Xz { level } | LzmaFormat::Alone { level }) = format;
        if level > 9 {
            return Err(Error::invalid_input(format!("lzma has no level {level}: levels are 0 to 9")));
        }
        let stream = match format {
            LzmaFormat::Xz { level } => Stream::new_easy_encoder(level, Check::Crc64),
            LzmaFormat::Alone { level } => {
                LzmaOptions::new_preset(level).and_then(|options| Stream::new_lzma_encoder(&options))
            }
        };
        let stream = stream.map_err(cannot_encode("lzma"))?;
        out.clear();
        let mut stream = liblzma::bufread::XzEncoder::new_stream(bytes, stream);
        stream.read_to_end(out).map_err(cannot_encode("lzma"))?;
        Ok(())
    }
}

#[cfg(feature = "lzma")]
pub(crate) use library::{decode, encode};

#[cfg(not(feature = "lzma"))]
pub(crate) fn decode(_stored: &[u8], _format: LzmaFormat, _max: usize, _out: &mut Vec<u8>) -> Result<()> {
    Err(crate::fault::left_out("lzma", "lzma"))
}

#[cfg(not(feature = "lzma"))]
pub(crate) fn encode(_bytes: &[u8], _format: LzmaFormat, _out: &mut Vec<u8>) -> Result<()> {
    Err(crate::fault::left_out("lzma", "lzma"))
}
