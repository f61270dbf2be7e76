//! LZF, the fast compressor that h5py brings.
//!
//! A stream of control bytes: `000LLLLL` is followed by `L + 1` literal bytes; `LLLooooo`, with `L` of 1 to 6, is
//! followed by 8 more bits of `o` and copies `L + 2` bytes from `o + 1` bytes back; with `L` of 7 a byte that is added to
//! the length comes before those 8 bits.

use anndata_storage::Result;

use crate::buffer::reserve;
use crate::fault::{damaged, wrong_length};

/// The farthest that a copy reaches back.
const REACH: usize = 1 << 13;
/// The longest copy.
const LONGEST: usize = 7 + 255 + 2;
/// The most literals after one control byte.
const LITERALS: usize = 32;
/// The number of positions that the encoder remembers, as a power of two.
const TABLE_BITS: u32 = 14;

pub(crate) fn decode_into(mut stored: &[u8], chunk: &mut [u8]) -> Result<()> {
    let cut = || damaged("lzf");
    let mut at = 0;
    while let Some((&control, rest)) = stored.split_first() {
        let control = usize::from(control);
        if control < LITERALS {
            let (literals, rest) = rest.split_at_checked(control + 1).ok_or_else(cut)?;
            chunk.get_mut(at..at + literals.len()).ok_or_else(cut)?.copy_from_slice(literals);
            at += literals.len();
            stored = rest;
            continue;
        }
        let (extra, rest) = if control >> 5 == 7 {
            let (&extra, rest) = rest.split_first().ok_or_else(cut)?;
            (usize::from(extra), rest)
        } else {
            (0, rest)
        };
        let (&low, rest) = rest.split_first().ok_or_else(cut)?;
        stored = rest;
        let len = (control >> 5) + extra + 2;
        let back = ((control & 31) << 8 | usize::from(low)) + 1;
        let from = at.checked_sub(back).ok_or_else(cut)?;
        if at + len > chunk.len() {
            return Err(cut());
        }
        // A copy that overlaps itself repeats what lies between; each step doubles what there is to copy.
        let mut done = 0;
        while done < len {
            let step = (len - done).min(back + done);
            chunk.copy_within(from..from + step, at + done);
            done += step;
        }
        at += len;
    }
    if at == chunk.len() { Ok(()) } else { Err(wrong_length(at, chunk.len())) }
}

/// The bytes that a stream becomes, from its control bytes alone.
pub(crate) fn decoded_length(mut stored: &[u8]) -> Result<usize> {
    let mut len = 0;
    while let Some((&control, rest)) = stored.split_first() {
        let control = usize::from(control);
        let (copied, taken) = match control >> 5 {
            0 => (control + 1, control + 1),
            7 => (7 + 2 + rest.first().map_or(0, |&extra| usize::from(extra)), 2),
            short => (short + 2, 1),
        };
        len += copied;
        stored = rest.get(taken..).ok_or_else(|| damaged("lzf"))?;
    }
    Ok(len)
}

/// Data that does not shrink becomes literals, 33 bytes for 32.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
    reserve(out, bytes.len() + bytes.len() / LITERALS + 1)?;
    let mut seen = vec![usize::MAX; 1 << TABLE_BITS];
    let (mut at, mut literals) = (0, 0);
    while let Some(&[a, b, c]) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let group = u32::from_le_bytes([a, b, c, 0]);
        let slot = group.wrapping_mul(0x9e37_79b1) >> (u32::BITS - TABLE_BITS);
        let Some(entry) = seen.get_mut(slot as usize) else { break };
        let before = std::mem::replace(entry, at);
        if before >= at || at - before > REACH || bytes.get(before..before + 3) != Some(&[a, b, c]) {
            at += 1;
            continue;
        }
        let (old, new) = (bytes.get(before..).unwrap_or_default(), bytes.get(at..).unwrap_or_default());
        let len = old.iter().zip(new).take(LONGEST).take_while(|(old, new)| old == new).count();
        put_literals(bytes.get(literals..at).unwrap_or_default(), out);
        put_copy(at - before - 1, len - 2, out);
        at += len;
        literals = at;
    }
    put_literals(bytes.get(literals..).unwrap_or_default(), out);
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "runs are of 1 to 32 bytes")]
fn put_literals(bytes: &[u8], out: &mut Vec<u8>) {
    for run in bytes.chunks(LITERALS) {
        out.push((run.len() - 1) as u8);
        out.extend_from_slice(run);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "back is of 13 bits, len of 1 to 262")]
fn put_copy(back: usize, len: usize, out: &mut Vec<u8>) {
    let high = (back >> 8) as u8;
    if len < 7 {
        out.push((len as u8) << 5 | high);
    } else {
        out.push(7 << 5 | high);
        out.push((len - 7) as u8);
    }
    out.push(back as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_read_as_defined() -> Result<()> {
        let mut chunk = [0; 10];
        // "ab", 3 bytes from 2 back ("aba"), 5 bytes from 1 back ("aaaaa").
        decode_into(&[1, b'a', b'b', 1 << 5, 1, 3 << 5, 0], &mut chunk)?;
        assert_eq!(&chunk, b"ababaaaaaa");
        let mut long = [0; 301];
        // "x", 7 + 255 + 2 bytes from 1 back, 36 bytes from 1 back.
        decode_into(&[0, b'x', 7 << 5, 255, 0, 7 << 5, 27, 0], &mut long)?;
        assert_eq!(long, [b'x'; 301]);
        Ok(())
    }

    #[test]
    fn streams_that_reach_outside_are_errors() {
        let streams: [&[u8]; 6] =
            [&[1, b'a'], &[1 << 5], &[7 << 5, 1], &[0, b'a', 1 << 5, 1], &[31; 33], &[0, b'a', 7 << 5, 9, 0]];
        for stored in streams {
            assert!(decode_into(stored, &mut [0; 10]).is_err_and(|error| error.is_invalid_data()), "{stored:?}");
        }
    }

    #[test]
    fn far_and_long_repeats() -> Result<()> {
        let mut bytes: Vec<u8> = (0..REACH + 3).map(|i| ((i * i) >> 3).to_le_bytes()[0]).collect();
        let start = bytes[..400].to_vec();
        bytes.extend(start);
        bytes.extend([9; 1000]);
        let (mut stored, mut back) = (Vec::new(), vec![0; bytes.len()]);
        encode(&bytes, &mut stored)?;
        assert_eq!(decoded_length(&stored)?, bytes.len());
        assert!(stored.len() < bytes.len());
        decode_into(&stored, &mut back)?;
        assert_eq!(back, bytes);
        Ok(())
    }
}
