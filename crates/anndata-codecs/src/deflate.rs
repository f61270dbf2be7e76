//! Deflate in a zlib stream or a gzip file: with libdeflate if the feature `native` is there, else with miniz_oxide.

#[cfg(feature = "native")]
mod native;
#[cfg(not(feature = "native"))]
mod rust;

use anndata_storage::{Error, Result};
#[cfg(feature = "native")]
use native as library;
#[cfg(not(feature = "native"))]
use rust as library;

use crate::buffer::room;
use crate::fault::{damaged, too_large, wrong_length};

/// What is around a deflate stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapping {
    None,
    Zlib,
    Gzip,
}

/// Why a stream is not decoded.
#[derive(Debug)]
enum Fault {
    /// It becomes longer than there is room.
    TooLong,
    Damaged(Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::TooLong => damaged("deflate").with_source("it becomes longer than its chunk"),
            Fault::Damaged(error) => error,
        }
    }
}

pub(crate) fn decode_zlib(stored: &[u8], out: &mut [u8]) -> Result<()> {
    exactly(stored, Wrapping::Zlib, out)
}

pub(crate) fn decode_gzip(stored: &[u8], out: &mut [u8]) -> Result<()> {
    exactly(stored, Wrapping::Gzip, out)
}

/// Decodes a deflate stream with nothing around it, as zip files have it, that fills a buffer.
///
/// # Errors
/// If it is damaged, or of another length.
pub fn inflate(stored: &[u8], out: &mut [u8]) -> Result<()> {
    exactly(stored, Wrapping::None, out)
}

fn exactly(stored: &[u8], wrapping: Wrapping, out: &mut [u8]) -> Result<()> {
    match library::decompress(stored, wrapping, out)? {
        written if written == out.len() => Ok(()),
        written => Err(wrong_length(written, out.len())),
    }
}

/// A deflate stream does not say how long it becomes: tries ever larger buffers.
pub(crate) fn decode(stored: &[u8], is_gzip: bool, max: usize, out: &mut Vec<u8>) -> Result<()> {
    let wrapping = if is_gzip { Wrapping::Gzip } else { Wrapping::Zlib };
    let mut len = stored.len().saturating_mul(4).clamp((1 << 10).min(max), max);
    loop {
        room(out, len)?;
        match library::decompress(stored, wrapping, out) {
            Ok(written) => {
                out.truncate(written);
                return Ok(());
            }
            Err(Fault::TooLong) if len < max => len = len.saturating_mul(4).clamp(1, max),
            Err(Fault::TooLong) => return Err(too_large(len.saturating_add(1), max)),
            Err(Fault::Damaged(error)) => return Err(error),
        }
    }
}

/// Levels are those of zlib; others' are comparable.
pub(crate) fn encode_zlib(bytes: &[u8], level: u8, out: &mut Vec<u8>) -> Result<()> {
    check_level(level)?;
    library::compress(bytes, Wrapping::Zlib, level, out)
}

pub(crate) fn encode_gzip(bytes: &[u8], level: u8, out: &mut Vec<u8>) -> Result<()> {
    check_level(level)?;
    library::compress(bytes, Wrapping::Gzip, level, out)
}

fn check_level(level: u8) -> Result<()> {
    if level <= 9 {
        return Ok(());
    }
    Err(Error::invalid_input(format!("deflate has no level {level}: levels are 0 to 9")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_there_is_not_is_an_error() {
        let error = encode_zlib(&[1], 200, &mut Vec::new()).unwrap_err();
        assert!(error.is_invalid_input() && error.message().starts_with("deflate has no level 200"), "{error}");
    }

    #[test]
    fn what_grows_a_thousandfold_is_found_and_bounded() -> Result<()> {
        let (mut stored, mut out) = (Vec::new(), Vec::new());
        encode_gzip(&vec![0; 100_000], 6, &mut stored)?;
        decode(&stored, true, 100_000, &mut out)?;
        assert_eq!(out, vec![0; 100_000]);
        assert!(decode(&stored, true, 99_999, &mut out).is_err_and(|error| error.is_limit_exceeded()));
        assert!(decode(&stored, true, 0, &mut out).is_err_and(|error| error.is_limit_exceeded()));
        Ok(())
    }

    #[test]
    fn streams_of_each_level_come_back_and_damage_is_seen() -> Result<()> {
        let bytes: Vec<u8> = (0..30_000_u32).flat_map(|n| (n * n % 1009).to_le_bytes()).collect();
        let (mut stored, mut out) = (Vec::new(), vec![0; bytes.len()]);
        for level in 0..=9 {
            encode_zlib(&bytes, level, &mut stored)?;
            decode_zlib(&stored, &mut out)?;
            assert!(out == bytes);
            // Two bytes before, and the checksum after.
            out.fill(0);
            inflate(&stored[2..stored.len() - 4], &mut out)?;
            assert!(out == bytes);
            encode_gzip(&bytes, level, &mut stored)?;
            decode_gzip(&stored, &mut out)?;
            assert!(out == bytes);
            for damaged in [0, 3, stored.len() / 2, stored.len() - 5, stored.len() - 1] {
                let mut stored = stored.clone();
                stored[damaged] ^= 0x40;
                assert!(decode_gzip(&stored, &mut out).is_err(), "level {level}, byte {damaged}");
                assert!(decode_gzip(&stored[..damaged], &mut out).is_err());
            }
        }
        assert!(decode_zlib(&[], &mut out).is_err_and(|error| error.is_invalid_data()));
        Ok(())
    }

    /// As `gzip` writes it with a name and a comment, which most writers leave out.
    #[test]
    fn heads_of_gzip_files_are_skipped() -> Result<()> {
        let (mut stored, mut out) = (Vec::new(), vec![0; 5]);
        encode_gzip(b"cells", 6, &mut stored)?;
        let mut named = stored[..10].to_vec();
        named[3] = 4 | 8 | 16;
        named.extend(b"\x03\0abcname\0a comment\0");
        named.extend(&stored[10..]);
        decode_gzip(&named, &mut out)?;
        assert_eq!(out, b"cells");
        Ok(())
    }
}
