//! Zstandard with the C library: contexts that are used again, and how much effort is worth it.
//!
//! Level 0 leaves the effort to the writer, here as in Python, which takes level 3 for it. Here it is level 2, which
//! packs counts in that time and indices in 75 to 85 % of it, into 2 to 8 % more bytes; level 1 would save up to a third of
//! the time for up to 18 % more. If a sample says that looking for repeated bytes gains nothing beside packing each byte by how
//! often it occurs, as with the codes of categories and with measured numbers, chunks are packed without looking for them:
//! codes of eight categories five times as fast, into a tenth less, and unpacked in half the time.
//!
//! Indices repeat from row to row, hardly within one, and a row is some kilobytes: a sample has to hold several.
//!
//! Tried, and not worth calls that the crate `zstd` does not wrap: a search of our own, for whole numbers alone, that hands the
//! library what it found. Beside level 2 it packs indices by a fifth faster into a tenth less. Handing over each repetition of
//! the upper bytes of the number before gives a fifth less, and takes three times as long to unpack.

use std::cell::RefCell;
use std::io::{self, ErrorKind};

use anndata_storage::Result;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{self, CParameter, ParamSwitch, ResetDirective, Strategy};

use super::AUTOMATIC;
use crate::buffer::{read_to_end, reserve};
use crate::fault::{cannot_encode, damaged_by, wrong_length};

/// The level that it is.
const CHOSEN: i32 = 2;

/// The bytes in the middle of a chunk that are packed in both ways to find out which is worth it: some rows of indices.
const SAMPLE: usize = 64 << 10;

/// The least distance between positions at which a repetition is looked for, if hardly any is found.
const SPARSELY: u32 = 1 << 10;

thread_local! {
    // Making a context costs as much as packing a small chunk: each thread keeps its own.
    static ZSTD: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNZSTD: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Packs bytes into one frame.
pub(crate) fn encode(bytes: &[u8], level: i32, checksum: bool, out: &mut Vec<u8>) -> Result<()> {
    reserve(out, zstd_safe::compress_bound(bytes.len()))?;
    let packed = ZSTD.with_borrow_mut(|kept| {
        let compressor = kept_or(kept, || Compressor::new(1))?;
        if level == AUTOMATIC {
            let search = is_search_worthwhile(compressor, bytes, out)?;
            out.clear();
            if search {
                set_level(compressor, CHOSEN)?;
            } else {
                set_quickest(compressor, false)?;
            }
        } else {
            set_level(compressor, level)?;
        }
        compressor.include_checksum(checksum)?;
        compressor.compress_to_buffer(bytes, out)
    });
    packed.map(drop).map_err(cannot_encode("zstd"))
}

/// Whether a search for repetitions makes a sample smaller by more than a thirty-second part: the whole chunk, where a
/// repetition is more often found, then by far more. It is the search of level 1, which is the one that is good at little data.
fn is_search_worthwhile(compressor: &mut Compressor<'static>, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<bool> {
    let start = (bytes.len() / 2).saturating_sub(SAMPLE / 2);
    let Some(sample) = bytes.get(start..start + SAMPLE) else { return Ok(true) };
    let mut packed = |search| {
        set_quickest(compressor, search)?;
        out.clear();
        compressor.compress_to_buffer(sample, out)
    };
    Ok(packed(true)? < packed(false)? / 32 * 31)
}

fn kept_or<T>(kept: &mut Option<T>, make: impl FnOnce() -> io::Result<T>) -> io::Result<&mut T> {
    if kept.is_none() {
        *kept = Some(make()?);
    }
    kept.as_mut().ok_or_else(|| ErrorKind::OutOfMemory.into())
}

/// A level with nothing else said.
fn set_level(compressor: &mut Compressor<'static>, level: i32) -> io::Result<()> {
    let reset = compressor.context_mut().reset(ResetDirective::Parameters);
    reset.map_err(|code| io::Error::other(zstd_safe::get_error_name(code)))?;
    compressor.set_compression_level(level)
}

/// Level 1, with or without its search for repetitions.
fn set_quickest(compressor: &mut Compressor<'static>, search: bool) -> io::Result<()> {
    set_level(compressor, 1)?;
    if !search {
        compressor.set_parameter(CParameter::Strategy(Strategy::ZSTD_fast))?;
        compressor.set_parameter(CParameter::TargetLength(SPARSELY))?;
        compressor.set_parameter(CParameter::LiteralCompressionMode(ParamSwitch::Enable))?;
    }
    Ok(())
}

pub(crate) fn decode_into(stored: &[u8], out: &mut [u8]) -> Result<()> {
    let decoded = UNZSTD.with_borrow_mut(|kept| kept_or(kept, Decompressor::new)?.decompress_to_buffer(stored, out));
    match decoded.map_err(damaged_by("zstd"))? {
        written if written == out.len() => Ok(()),
        written => Err(wrong_length(written, out.len())),
    }
}

/// Decodes frames that do not say how long they become.
pub(crate) fn decode_stream(stored: &[u8], max: usize, out: &mut Vec<u8>) -> Result<()> {
    let mut stream = zstd::stream::read::Decoder::with_buffer(stored).map_err(damaged_by("zstd"))?;
    // A frame asks for a window of its own choice: not for more than the result may have, or 8 MiB as level 19 does.
    // Fallback: a window has a least size.
    let window = max.checked_ilog2().unwrap_or(0).saturating_add(1).clamp(23, 27);
    stream.window_log_max(window).map_err(damaged_by("zstd"))?;
    read_to_end(stream, max, out, damaged_by("zstd"))
}

/// The length that the only frame declares, where it does.
pub(crate) fn declared_length(stored: &[u8]) -> Option<usize> {
    let frame = zstd_safe::find_frame_compressed_size(stored).ok()?;
    // Several frames, which no zarr writer makes, are decoded as a stream.
    if frame != stored.len() {
        return None;
    }
    usize::try_from(zstd_safe::get_frame_content_size(stored).ok()??).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8], level: i32) -> usize {
        let mut out = Vec::new();
        encode(bytes, level, false, &mut out).unwrap();
        let mut back = vec![0; bytes.len()];
        decode_into(&out, &mut back).unwrap();
        assert!(back == bytes);
        out.len()
    }

    /// Numbers without order (Lehmer).
    fn random(count: usize) -> impl Iterator<Item = u32> {
        let mut state = 1_u64;
        std::iter::repeat_with(move || {
            state = state * 48_271 % 0x7fff_ffff;
            u32::try_from(state).unwrap_or(0)
        })
        .take(count)
    }

    #[test]
    fn repetitions_are_found_where_there_are_any() {
        // Text that says little, in an order that counting letters knows nothing of.
        let words = ["naive ", "memory ", "effector ", "regulatory "];
        let text: String = random(40_000).map(|n| words[n as usize % words.len()]).collect();
        assert_eq!(packed(text.as_bytes(), AUTOMATIC), packed(text.as_bytes(), CHOSEN));
    }

    /// Rows of 1,600 indices, in which some columns occur far more often than others.
    fn indices() -> Vec<u8> {
        let mut at = 0;
        let columns = random(300_000).filter_map(|n| {
            at = (at + 1) % 6_000_u32;
            // Between none and half of the rows have a column.
            let often = at * 48_271 % 1_009;
            (n % 2_000 < often).then(|| at.to_le_bytes())
        });
        columns.flatten().collect()
    }

    #[test]
    fn repetitions_from_row_to_row_are_found() {
        let indices = indices();
        assert!(indices.len() > 4 * SAMPLE);
        let (automatic, chosen) = (packed(&indices, AUTOMATIC), packed(&indices, CHOSEN));
        assert_eq!(automatic, chosen);
        let unsearched = ZSTD.with_borrow_mut(|kept| -> io::Result<usize> {
            let compressor = kept_or(kept, || Compressor::new(1))?;
            set_quickest(compressor, false)?;
            Ok(compressor.compress(&indices)?.len())
        });
        assert!(chosen < unsearched.unwrap() * 4 / 5, "{chosen} of {}", indices.len());
    }

    #[test]
    fn what_has_no_repetitions_is_packed_all_the_same() {
        // Codes of eight categories are three bits each.
        let codes: Vec<u8> = random(400_000).map(|n| u8::try_from(n >> 8 & 7).unwrap()).collect();
        let (quick, searched) = (packed(&codes, AUTOMATIC), packed(&codes, CHOSEN));
        assert!(quick < codes.len() * 2 / 5 && quick < searched, "{quick}, {searched}");
    }

    #[test]
    fn levels_do_not_stay_in_the_context() {
        let bytes: Vec<u8> = (0..50_000_u32).flat_map(|n| (n * n % 1009).to_le_bytes()).collect();
        let before = packed(&bytes, 3);
        for level in [AUTOMATIC, 19, AUTOMATIC, -3] {
            packed(&bytes, level);
        }
        assert_eq!(packed(&bytes, 3), before);
        assert_eq!(packed(&[], AUTOMATIC), packed(&[], CHOSEN));
    }
}
