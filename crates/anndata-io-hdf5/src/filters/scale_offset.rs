//! The scale-offset filter of the HDF5 library, decoded: the difference of each value to the least one, in as few bits as the
//! largest difference takes. Floats were made whole numbers of units of a decimal place before.
//!
//! Stored bytes are the number of bits (4), the length of the least value (1), that value (up to 16), and from byte 21 on the
//! differences, each from its highest bit on. If values are stored in all of their bits, they are as they were.

use anndata_storage::{Error, OrBug as _, Result};

/// Bytes before the differences.
const HEAD: usize = 21;

/// What the numbers of the filter say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScaleOffset {
    /// Decimal places of floats; `None` for integers.
    places: Option<u32>,
    size: usize,
    big_endian: bool,
    /// What stands where all bits are set.
    fill: Option<[u8; 8]>,
}

impl ScaleOffset {
    /// From the numbers in a file; `None` if they mean nothing.
    pub(crate) fn new(values: &[u32]) -> Option<Self> {
        let [kind, factor, _, class, size, _, order, has_fill, fill @ ..] = values else { return None };
        let places = match (class, kind) {
            (0, _) => None,
            (1, 0) => Some(*factor),
            _ => return None,
        };
        let size = usize::try_from(*size).ok()?;
        let fits = if places.is_some() { matches!(size, 4 | 8) } else { matches!(size, 1 | 2 | 4 | 8) };
        let word = |at: usize| fill.get(at).copied().unwrap_or(0).to_le_bytes();
        let ([f0, f1, f2, f3], [f4, f5, f6, f7]) = (word(0), word(1));
        let fill = (*has_fill != 0).then_some([f0, f1, f2, f3, f4, f5, f6, f7]);
        (fits && *order <= 1).then_some(Self { places, size, big_endian: *order == 1, fill })
    }

    /// Decodes the values of a chunk.
    pub(crate) fn decode_into(&self, stored: &[u8], out: &mut [u8]) -> Result<()> {
        let bits = stored.first_chunk().map(|bits| u32::from_le_bytes(*bits));
        let (Some(bits), Some(&len), Some(packed)) = (bits, stored.get(4), stored.get(HEAD..)) else {
            return Err(damaged("it ends in its head"));
        };
        let whole = u32::try_from(self.size * 8).or_bug("a value of too many bits")?;
        if bits > whole || !out.len().is_multiple_of(self.size) {
            return Err(damaged("values have more bits than their type"));
        }
        if bits == whole {
            let values = packed.get(..out.len()).ok_or_else(|| damaged("values are missing"))?;
            out.copy_from_slice(values);
            self.turn(out);
            return Ok(());
        }
        let mut least = [0; 8];
        let len = usize::from(len).min(least.len());
        least.iter_mut().zip(stored.iter().skip(5).take(len)).for_each(|(to, &byte)| *to = byte);
        let mut differences = Bits { packed, at: 0 };
        let all_set = (1_u64 << bits) - 1;
        for value in out.chunks_exact_mut(self.size) {
            let difference = differences.take(bits).ok_or_else(|| damaged("values are missing"))?;
            let bytes = match self.fill {
                Some(fill) if bits > 0 && difference == all_set => fill,
                _ => self.value(difference, least),
            };
            value.copy_from_slice(bytes.get(..self.size).or_bug("a value of more than 8 bytes")?);
        }
        self.turn(out);
        Ok(())
    }

    /// The value, its lowest byte first, that is so far from the least one.
    fn value(&self, difference: u64, least: [u8; 8]) -> [u8; 8] {
        let Some(places) = self.places else {
            return u64::from_le_bytes(least).wrapping_add(difference).to_le_bytes();
        };
        let places = places.cast_signed();
        let [l0, l1, l2, l3, ..] = least;
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "as the library computes")]
        if self.size == 4 {
            let unit = 10_f64.powi(places) as f32;
            let value = difference.cast_signed() as f32 / unit + f32::from_le_bytes([l0, l1, l2, l3]);
            let [v0, v1, v2, v3] = value.to_le_bytes();
            [v0, v1, v2, v3, 0, 0, 0, 0]
        } else {
            (difference.cast_signed() as f64 / 10_f64.powi(places) + f64::from_le_bytes(least)).to_le_bytes()
        }
    }

    /// Brings bytes into the order that the type has.
    fn turn(&self, out: &mut [u8]) {
        if self.big_endian {
            out.chunks_exact_mut(self.size).for_each(<[u8]>::reverse);
        }
    }
}

fn damaged(why: &'static str) -> Error {
    Error::invalid_data("the scale-offset data of a chunk is damaged").with_source(why)
}

/// Bits one after the other, the highest of each byte first.
struct Bits<'a> {
    packed: &'a [u8],
    at: u64,
}

impl Bits<'_> {
    /// The next bits as a number.
    fn take(&mut self, mut bits: u32) -> Option<u64> {
        let mut number = 0_u64;
        while bits > 0 {
            let byte = u64::from(*self.packed.get(usize::try_from(self.at / 8).ok()?)?);
            let left = 8 - u32::try_from(self.at % 8).ok()?;
            let taken = left.min(bits);
            let part = byte >> (left - taken) & ((1 << taken) - 1);
            number = number << taken | part;
            self.at += u64::from(taken);
            bits -= taken;
        }
        Some(number)
    }
}
