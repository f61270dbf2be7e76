//! Checksums: 4 bytes, little-endian, before or after the values.

use anndata_storage::{Error, Result};

use crate::buffer::{append, reserve};

/// A checksum beside the values of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checksum {
    /// How it is computed.
    pub kind: ChecksumKind,
    /// Where it stands.
    pub position: ChecksumPosition,
}

/// How a checksum is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumKind {
    /// CRC-32C (Castagnoli).
    Crc32c,
    /// CRC-32 of zlib.
    Crc32,
    /// Adler-32 of zlib.
    Adler32,
    /// Fletcher's sums as HDF5 has them.
    Fletcher32,
}

/// Where a checksum stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChecksumPosition {
    /// Before the values.
    Start,
    /// After the values.
    End,
}

impl ChecksumKind {
    /// Its name among the codecs of numcodecs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32c => "crc32c",
            Self::Crc32 => "crc32",
            Self::Adler32 => "adler32",
            Self::Fletcher32 => "fletcher32",
        }
    }

    fn of(self, bytes: &[u8]) -> u32 {
        match self {
            Self::Crc32c => crc32c::crc32c(bytes),
            Self::Crc32 => crc32fast::hash(bytes),
            Self::Adler32 => adler32(bytes),
            Self::Fletcher32 => fletcher32(bytes),
        }
    }
}

impl Checksum {
    /// The bytes of a checksum.
    pub const LEN: usize = 4;

    /// CRC-32C at the end, as zarr has it.
    pub const CRC32C: Self = Self { kind: ChecksumKind::Crc32c, position: ChecksumPosition::End };

    /// Fletcher's sums at the end, as HDF5 has them.
    pub const FLETCHER32: Self = Self { kind: ChecksumKind::Fletcher32, position: ChecksumPosition::End };

    /// The values beside their checksum.
    ///
    /// ```
    /// use anndata_codecs::Checksum;
    ///
    /// let mut stored = Vec::new();
    /// Checksum::CRC32C.append(b"cells", &mut stored)?;
    /// assert_eq!(Checksum::CRC32C.verify(&stored)?, b"cells");
    /// stored[0] ^= 1;
    /// assert!(Checksum::CRC32C.verify(&stored).is_err());
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it is not that of the values.
    pub fn verify(self, stored: &[u8]) -> Result<&[u8]> {
        let split = match self.position {
            ChecksumPosition::Start => stored.split_first_chunk::<{ Self::LEN }>(),
            ChecksumPosition::End => stored.split_last_chunk::<{ Self::LEN }>().map(|(bytes, sum)| (sum, bytes)),
        };
        let name = self.kind.name();
        let (sum, bytes) =
            split.ok_or_else(|| Error::invalid_data(format!("a chunk is too short for its checksum ({name})")))?;
        let (found, expected) = (u32::from_le_bytes(*sum), self.kind.of(bytes));
        // Old releases of the HDF5 library on little-endian machines swapped the bytes of each half.
        let swapped = (expected & 0x00ff_00ff) << 8 | (expected & 0xff00_ff00) >> 8;
        if found == expected || (self.kind == ChecksumKind::Fletcher32 && found == swapped) {
            Ok(bytes)
        } else {
            Err(Error::invalid_data(format!("a chunk does not match its checksum ({name})")))
        }
    }

    /// Replaces the content of `out` with the values and their checksum.
    ///
    /// # Errors
    /// If there is not that much memory.
    pub fn append(self, bytes: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let sum = self.kind.of(bytes).to_le_bytes();
        reserve(out, bytes.len() + Self::LEN)?;
        let (first, last): (&[u8], &[u8]) = match self.position {
            ChecksumPosition::Start => (&sum, bytes),
            ChecksumPosition::End => (bytes, &sum),
        };
        append(out, first)?;
        append(out, last)
    }

    /// The checksum of values, as it is stored.
    pub fn of(self, bytes: &[u8]) -> [u8; Self::LEN] {
        self.kind.of(bytes).to_le_bytes()
    }
}

/// Two sums modulo 65,521.
fn adler32(data: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    // So many bytes cannot overflow the sums.
    const BYTES: usize = 5552;
    let (mut low, mut high) = (1_u32, 0_u32);
    for block in data.chunks(BYTES) {
        for &byte in block {
            low += u32::from(byte);
            high += low;
        }
        (low, high) = (low % MODULUS, high % MODULUS);
    }
    high << 16 | low
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
    fn sums_are_those_of_their_definitions() {
        // Words 0x0102 and 0x0304; the sum is 0x0406, that of the sums 0x0508.
        assert_eq!(fletcher32(&[1, 2, 3, 4]), 0x0508_0406);
        assert_eq!(fletcher32(&[1, 2, 3]), 0x0504_0402);
        assert_eq!(fletcher32(&[]), 0);
        assert_eq!(fletcher32(&[0xff, 0xff]), 0xffff_ffff);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(adler32(&vec![0xff; 100_000]), 0x149a_302c);
        assert_eq!(ChecksumKind::Crc32.of(b"123456789"), 0xcbf4_3926);
        assert_eq!(ChecksumKind::Crc32c.of(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_flipped_bit_is_seen_wherever_the_sum_stands() -> Result<()> {
        use ChecksumKind::{Adler32, Crc32, Crc32c, Fletcher32};
        for kind in [Crc32c, Crc32, Adler32, Fletcher32] {
            for position in [ChecksumPosition::Start, ChecksumPosition::End] {
                let (checksum, mut stored) = (Checksum { kind, position }, Vec::new());
                checksum.append(&[7; 1001], &mut stored)?;
                assert_eq!(checksum.verify(&stored)?, [7; 1001]);
                stored[500] ^= 4;
                let error = checksum.verify(&stored).unwrap_err();
                assert!(error.is_invalid_data() && error.message().contains(kind.name()), "{error}");
                assert!(checksum.verify(&[1, 2, 3]).is_err_and(|error| error.is_invalid_data()));
            }
        }
        Ok(())
    }
}
