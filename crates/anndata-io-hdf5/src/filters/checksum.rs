//! Fletcher's checksum as HDF5 has it: 4 bytes, little-endian, after the data.

use anndata_storage::{Error, Result};

/// Bytes of a checksum.
pub(super) const LEN: usize = 4;

/// The data before its checksum.
pub(super) fn verify(stored: &[u8]) -> Result<&[u8]> {
    let (data, sum) =
        stored.split_last_chunk::<LEN>().ok_or_else(|| Error::invalid_data("a chunk is too short for its checksum"))?;
    let found = u32::from_le_bytes(*sum);
    let expected = fletcher32(data);
    // Old releases of the library on little-endian machines swapped the bytes of each half.
    let swapped = (expected & 0x00ff_00ff) << 8 | (expected & 0xff00_ff00) >> 8;
    if found == expected || found == swapped {
        Ok(data)
    } else {
        Err(Error::invalid_data("a chunk does not match its checksum"))
    }
}

/// The data followed by its checksum.
pub(super) fn append(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes);
    out.extend_from_slice(&fletcher32(bytes).to_le_bytes());
}

/// Two sums modulo 65,535 over big-endian 16-bit words; an odd byte counts as the high half of a word.
///
/// A sum that is a multiple of 65,535 but not 0 is kept as 65,535, as folding carries leaves it.
fn fletcher32(data: &[u8]) -> u32 {
    // So many words cannot overflow the sums.
    const WORDS: usize = 360;
    let fold = |sum: u32| (sum & 0xffff) + (sum >> 16);
    let (mut low, mut high) = (0_u32, 0_u32);
    for block in data.chunks(2 * WORDS) {
        for word in block.chunks(2) {
            low += match *word {
                [first, second] => u32::from(u16::from_be_bytes([first, second])),
                [first] => u32::from(first) << 8,
                _ => 0,
            };
            high += low;
        }
        (low, high) = (fold(low), fold(high));
    }
    fold(high) << 16 | fold(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_definition() {
        // Words 0x0102 and 0x0304; the sum is 0x0406, that of the sums 0x0508.
        assert_eq!(fletcher32(&[1, 2, 3, 4]), 0x0508_0406);
        assert_eq!(fletcher32(&[1, 2, 3]), 0x0504_0402);
        assert_eq!(fletcher32(&[]), 0);
        assert_eq!(fletcher32(&[0xff, 0xff]), 0xffff_ffff);
    }

    #[test]
    fn a_flipped_bit_is_seen() {
        let mut stored = Vec::new();
        append(&[7; 1001], &mut stored);
        assert_eq!(verify(&stored).unwrap(), [7; 1001]);
        stored[500] ^= 4;
        assert!(verify(&stored).is_err_and(|error| error.is_invalid_data()));
        assert!(verify(&[1, 2, 3]).is_err_and(|error| error.is_invalid_data()));
    }
}
