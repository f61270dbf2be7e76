//! Zstandard: contexts that are used again, and how much effort is worth it.
//!
//! Level 0 leaves the effort to the writer, here as in Python, which takes level 3 for it. Here it is level 1, which packs
//! counts and indices in less than two thirds of that time into a tenth to a fifth more bytes; and where a sample says that
//! looking for repeated bytes gains little beside packing each byte by how often it occurs, as with indices that are spread
//! evenly and with measured numbers, chunks are packed without looking for them. That takes a third of the time, and half
//! to unpack.

use std::cell::RefCell;
use std::io::{Error, ErrorKind, Result};

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{self, CParameter, ParamSwitch, ResetDirective, Strategy};

/// The level that leaves the effort to the writer.
pub(crate) const AUTOMATIC: i32 = 0;

/// The bytes in the middle of a chunk that are packed in both ways to find out which is worth it.
const SAMPLE: usize = 16 << 10;

/// How far apart places are at which a repetition is looked for at least, where hardly any is.
const SPARSELY: u32 = 1 << 10;

thread_local! {
    // Making a context costs as much as packing a small chunk: each thread keeps its own.
    static ZSTD: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNZSTD: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Packs bytes into one frame.
pub(super) fn compress(bytes: &[u8], out: &mut Vec<u8>, level: i32, checksum: bool) -> Result<usize> {
    out.reserve(zstd_safe::compress_bound(bytes.len()));
    ZSTD.with_borrow_mut(|kept| {
        let compressor = kept_or(kept, || Compressor::new(1))?;
        if level == AUTOMATIC {
            let search = is_search_worthwhile(compressor, bytes, out)?;
            out.clear();
            set_automatic(compressor, search)?;
        } else {
            set_level(compressor, level)?;
        }
        compressor.include_checksum(checksum)?;
        compressor.compress_to_buffer(bytes, out)
    })
}

/// Whether a search for repetitions makes a sample smaller by more than an eighth.
fn is_search_worthwhile(compressor: &mut Compressor<'static>, bytes: &[u8], out: &mut Vec<u8>) -> Result<bool> {
    let start = (bytes.len() / 2).saturating_sub(SAMPLE / 2);
    let Some(sample) = bytes.get(start..start + SAMPLE) else { return Ok(true) };
    let mut packed = |search| {
        set_automatic(compressor, search)?;
        out.clear();
        compressor.compress_to_buffer(sample, out)
    };
    Ok(packed(true)? < packed(false)? / 8 * 7)
}

fn kept_or<T>(kept: &mut Option<T>, make: impl FnOnce() -> Result<T>) -> Result<&mut T> {
    if kept.is_none() {
        *kept = Some(make()?);
    }
    kept.as_mut().ok_or_else(|| ErrorKind::OutOfMemory.into())
}

/// A level with nothing else said.
fn set_level(compressor: &mut Compressor<'static>, level: i32) -> Result<()> {
    let reset = compressor.context_mut().reset(ResetDirective::Parameters);
    reset.map_err(|code| Error::other(zstd_safe::get_error_name(code)))?;
    compressor.set_compression_level(level)
}

/// Level 1, with or without its search for repetitions.
fn set_automatic(compressor: &mut Compressor<'static>, search: bool) -> Result<()> {
    set_level(compressor, 1)?;
    if !search {
        compressor.set_parameter(CParameter::Strategy(Strategy::ZSTD_fast))?;
        compressor.set_parameter(CParameter::TargetLength(SPARSELY))?;
        compressor.set_parameter(CParameter::LiteralCompressionMode(ParamSwitch::Enable))?;
    }
    Ok(())
}

/// Unpacks into `out`; the number of bytes that there were.
pub(super) fn decompress(raw: &[u8], out: &mut [u8]) -> Result<usize> {
    UNZSTD.with_borrow_mut(|kept| kept_or(kept, Decompressor::new)?.decompress_to_buffer(raw, out))
}

/// Unpacks as many bytes as there are, at most one more than `max`.
pub(super) fn decompress_stream(raw: &[u8], max: usize) -> Result<Vec<u8>> {
    use std::io::Read as _;
    let mut out = Vec::new();
    let mut decoder = zstd::stream::read::Decoder::with_buffer(raw)?.take((max as u64).saturating_add(1));
    let mut piece = [0; 16 << 10];
    loop {
        let read = match decoder.read(&mut piece) {
            Ok(0) => return Ok(out),
            Ok(read) => piece.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        out.try_reserve(read.len()).map_err(|_| ErrorKind::OutOfMemory)?;
        out.extend_from_slice(read);
    }
}

/// The length that the only frame declares, where it does.
pub(super) fn declared_len(raw: &[u8]) -> Option<usize> {
    let frame = zstd_safe::find_frame_compressed_size(raw).ok()?;
    // Several frames, which no zarr writer makes, are decoded as a stream.
    if frame != raw.len() {
        return None;
    }
    usize::try_from(zstd_safe::get_frame_content_size(raw).ok()??).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(bytes: &[u8], level: i32) -> usize {
        let mut out = Vec::new();
        compress(bytes, &mut out, level, false).unwrap();
        let mut back = vec![0; bytes.len()];
        assert_eq!(decompress(&out, &mut back).unwrap(), bytes.len());
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
        assert_eq!(packed(text.as_bytes(), AUTOMATIC), packed(text.as_bytes(), 1));
    }

    #[test]
    fn what_has_no_repetitions_is_packed_all_the_same() {
        let mut at = 0;
        let indices: Vec<u8> = random(60_000)
            .flat_map(|n| {
                at = (at + n % 50) % 20_000;
                at.to_le_bytes()
            })
            .collect();
        let (quick, searched) = (packed(&indices, AUTOMATIC), packed(&indices, 1));
        assert!(quick < indices.len() * 2 / 3 && quick < searched * 9 / 8, "{quick}, {searched}");
        assert_ne!(quick, searched);
    }

    #[test]
    fn levels_do_not_stay_in_the_context() {
        let bytes: Vec<u8> = (0..50_000_u32).flat_map(|n| (n * n % 1009).to_le_bytes()).collect();
        let before = packed(&bytes, 3);
        for level in [AUTOMATIC, 19, AUTOMATIC, -3] {
            packed(&bytes, level);
        }
        assert_eq!(packed(&bytes, 3), before);
        assert_eq!(packed(&[], AUTOMATIC), packed(&[], 1));
    }
}
