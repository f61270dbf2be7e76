//! Zstandard with ruzstd, which is Rust: several times slower than the C library, and knows one level of effort.

use anndata_storage::{Error, Result};
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::AUTOMATIC;
use crate::buffer::append;
use crate::fault::{damaged, damaged_by, too_large, wrong_length};

/// The level that ruzstd has.
const QUICK: i32 = 1;
/// Bytes that are decoded at a time.
const PIECE: usize = 1 << 20;
/// The windows of frames, which are memory, at most: those of level 19 are of 8 MiB.
const LEAST_WINDOW: u64 = 8 << 20;
const MOST_WINDOW: u64 = 128 << 20;

/// Packs bytes into one frame.
pub(crate) fn encode(bytes: &[u8], level: i32, checksum: bool, out: &mut Vec<u8>) -> Result<()> {
    if checksum || (level != AUTOMATIC && level != QUICK) {
        let what = if checksum { "checksums".to_owned() } else { format!("level {level}") };
        return Err(Error::unsupported(format!(
            "zstd with {what} is not part of this build, which has level {QUICK} alone: build with the feature `native` of \
             the crate `anndata-codecs`"
        )));
    }
    *out = compress_to_vec(bytes, CompressionLevel::Fastest);
    Ok(())
}

/// Decodes frames that fill a buffer.
pub(crate) fn decode_into(stored: &[u8], out: &mut [u8]) -> Result<()> {
    let (len, mut written) = (out.len(), 0);
    let mut rest = out;
    decode(stored, len, &mut |piece| {
        written += piece.len();
        let (target, after) = std::mem::take(&mut rest)
            .split_at_mut_checked(piece.len())
            .ok_or_else(|| damaged("zstd").with_source("it becomes longer than its chunk"))?;
        target.copy_from_slice(piece);
        rest = after;
        Ok(())
    })?;
    if written == len { Ok(()) } else { Err(wrong_length(written, len)) }
}

/// Decodes frames that do not say how long they become.
pub(crate) fn decode_stream(stored: &[u8], max: usize, out: &mut Vec<u8>) -> Result<()> {
    out.clear();
    decode(stored, max, &mut |piece| match out.len().checked_add(piece.len()) {
        Some(len) if len <= max => append(out, piece),
        len => Err(too_large(len.unwrap_or(max), max)),
    })
}

/// Decodes all frames, and hands over what comes out of them.
fn decode(stored: &[u8], max: usize, take: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size((max as u64).saturating_mul(2).clamp(LEAST_WINDOW, MOST_WINDOW));
    let mut rest = stored;
    while !rest.is_empty() {
        match decoder.reset(&mut rest) {
            Ok(()) => {}
            // What a writer put there for others.
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                let length = usize::try_from(length).ok();
                rest = length.and_then(|length| rest.get(length..)).ok_or_else(|| damaged("zstd"))?;
                continue;
            }
            Err(error) => return Err(damaged_by("zstd")(error)),
        }
        loop {
            let is_last = decoder
                .decode_blocks(&mut rest, BlockDecodingStrategy::UptoBytes(PIECE))
                .map_err(damaged_by("zstd"))?;
            if let Some(piece) = decoder.collect() {
                take(&piece)?;
            }
            if is_last {
                break;
            }
        }
        let declared = decoder.get_checksum_from_data();
        if declared.is_some() && declared != decoder.get_calculated_checksum() {
            return Err(damaged("zstd").with_source("the checksum is wrong"));
        }
    }
    Ok(())
}

/// The length that the only frame declares, where it does.
pub(crate) fn declared_length(stored: &[u8]) -> Option<usize> {
    let ([0x28, 0xb5, 0x2f, 0xfd, flags], rest) = stored.split_first_chunk::<5>()? else { return None };
    let is_single = flags & 0x20 != 0;
    let dictionary = [0, 1, 2, 4][usize::from(flags & 3)];
    let window = usize::from(!is_single);
    let width = match flags >> 6 {
        0 if is_single => 1,
        0 => return None,
        width => 1 << width,
    };
    let start = window + dictionary;
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
    let len = number(rest.get(start..start + width)?) + if width == 2 { 256 } else { 0 };
    // Several frames, which no zarr writer makes, are decoded as a stream.
    let mut blocks = rest.get(start + width..)?;
    loop {
        let (head, after) = blocks.split_first_chunk::<3>()?;
        let head = number(head);
        let size = if head >> 1 & 3 == 1 { 1 } else { usize::try_from(head >> 3).ok()? };
        blocks = after.get(size..)?;
        if head & 1 == 1 {
            break;
        }
    }
    let checksum = if flags & 4 == 0 { 0 } else { 4 };
    if blocks.len() == checksum { usize::try_from(len).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the C library made at level 3 with a checksum of `cells ` six times.
    const MADE: [u8; 25] = [
        0x28, 0xb5, 0x2f, 0xfd, 0x24, 0x24, 0x65, 0x00, 0x00, 0x30, 0x63, 0x65, 0x6c, 0x6c, 0x73, 0x20, 0x01, 0x00,
        0x11, 0x4b, 0x11, 0x2c, 0xd7, 0x9f, 0xae,
    ];

    #[test]
    fn what_the_c_library_made_is_read() -> Result<()> {
        let mut out = vec![0; 36];
        decode_into(&MADE, &mut out)?;
        assert_eq!(out, b"cells ".repeat(6));
        assert_eq!(declared_length(&MADE), Some(36));
        let twice = [MADE, MADE].concat();
        assert_eq!(declared_length(&twice), None);
        decode_stream(&twice, 100, &mut out)?;
        assert_eq!(out, b"cells ".repeat(12));
        let mut wrong = MADE;
        wrong[24] ^= 1;
        assert!(decode_into(&wrong, &mut vec![0; 36]).is_err_and(|error| error.is_invalid_data()));
        assert!(decode_into(&MADE, &mut vec![0; 35]).is_err_and(|error| error.is_invalid_data()));
        assert!(decode_into(&MADE, &mut vec![0; 37]).is_err_and(|error| error.is_invalid_data()));
        Ok(())
    }

    #[test]
    fn frames_come_back_and_damage_is_seen() -> Result<()> {
        let bytes: Vec<u8> = (0..300_000_u32).flat_map(|n| (n * n % 1009).to_le_bytes()).collect();
        let (mut stored, mut out) = (Vec::new(), Vec::new());
        for level in [AUTOMATIC, QUICK] {
            encode(&bytes, level, false, &mut stored)?;
            assert!(stored.len() < bytes.len());
            out.resize(bytes.len(), 0);
            decode_into(&stored, &mut out)?;
            assert!(out == bytes);
            decode_stream(&stored, bytes.len(), &mut out)?;
            assert!(out == bytes);
            assert!(decode_stream(&stored, bytes.len() - 1, &mut out).is_err_and(|error| error.is_limit_exceeded()));
            assert!(declared_length(&stored).is_none_or(|len| len == bytes.len()));
            assert!(decode_into(&stored[..stored.len() / 2], &mut vec![0; bytes.len()]).is_err());
        }
        assert!(encode(&bytes, 3, false, &mut stored).is_err_and(|error| error.is_unsupported()));
        assert!(encode(&bytes, 0, true, &mut stored).is_err_and(|error| error.is_unsupported()));
        Ok(())
    }
}
