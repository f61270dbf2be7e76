//! Szip: the adaptive entropy code of CCSDS 121.0-B, read as libaec reads it. Nothing is written with it.
//!
//! A chunk begins with the bytes that it decodes to (4, little-endian). Samples follow in lines; a line is made of blocks,
//! and each block says how its samples are coded. With prediction, the first sample of a line is as it is, and the others
//! are what is left after the one before. Samples of 4 and 8 bytes are coded as bytes, the first bytes of all, then the
//! second ones, and so on.

use anndata_storage::{Error, Result};

use crate::fault::{damaged, wrong_length};

/// The number of zero blocks that stands for "all that are left of 64".
const REST: u64 = 5;
/// The largest number that stands for a pair of samples.
const PAIRS: u64 = 90;
/// The longest line, in blocks, and the longest block, in samples.
const LINE: usize = 4096;
const BLOCK: usize = 64;
/// The bits of the first number that the filter stores.
const MSB: u32 = 16;
const PREDICTED: u32 = 32;

/// The numbers that the HDF5 filter stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Szip {
    mask: u32,
    /// Samples of a block.
    block: usize,
    /// Bits of an element.
    bits: u32,
    /// Samples of a line.
    line: usize,
}

impl Szip {
    /// From the numbers of a file, in this order; `None` if the code has no such.
    pub fn new(values: &[u32]) -> Option<Self> {
        let &[mask, block, bits, line] = values.first_chunk()?;
        let (block, line) = (usize::try_from(block).ok()?, usize::try_from(line).ok()?);
        let fits = (1..=BLOCK).contains(&block)
            && block.is_multiple_of(2)
            && (1..=LINE).contains(&line.div_ceil(block))
            && (matches!(bits, 1..=32) || bits == 64);
        fits.then_some(Self { mask, block, bits, line })
    }
}

/// The bytes that a chunk says that it decodes to.
pub(crate) fn declared_length(stored: &[u8]) -> Result<usize> {
    let len = stored.first_chunk::<4>().ok_or_else(|| damaged("szip"))?;
    usize::try_from(u32::from_le_bytes(*len)).map_err(|_| damaged("szip"))
}

pub(crate) fn read_only() -> Error {
    Error::unsupported("szip is read but not written; write the array anew with another compression to change it")
}

pub(crate) fn decode_into(stored: &[u8], options: Szip, chunk: &mut [u8]) -> Result<()> {
    let len = declared_length(stored)?;
    let stored = stored.get(4..).unwrap_or_default();
    if len != chunk.len() {
        return Err(wrong_length(len, chunk.len()));
    }
    // Elements of 4 and 8 bytes are taken apart into bytes.
    let word = if matches!(options.bits, 32 | 64) { options.bits.div_ceil(8) as usize } else { 1 };
    let bits = if word > 1 { 8 } else { options.bits };
    let width = match bits {
        ..=8 => 1,
        9..=16 => 2,
        _ => 4,
    };
    if !len.is_multiple_of(word * width) {
        return Err(Error::invalid_data(format!("szip of {len} bytes in elements of {} bits", options.bits)));
    }
    let (samples, words) = (len / width, len / word);
    let mut decoder =
        Decoder { bits: Bits { bytes: stored, buffer: 0, held: 0 }, options, width: bits, line: Vec::new() };
    let mut done = 0;
    while done < samples {
        let wanted = options.line.min(samples - done);
        for &sample in decoder.line(wanted)? {
            let (little, big) = (sample.to_le_bytes(), sample.to_be_bytes());
            let value = if options.mask & MSB == 0 { little.get(..width) } else { big.get(4 - width..) };
            let at = if word > 1 { done % words * word + done / words } else { done * width };
            if let (Some(target), Some(value)) = (chunk.get_mut(at..at + width), value) {
                target.copy_from_slice(value);
            }
            done += 1;
        }
    }
    Ok(())
}

struct Decoder<'a> {
    bits: Bits<'a>,
    options: Szip,
    /// Bits of a sample.
    width: u32,
    /// The samples of the line that was read last.
    line: Vec<u32>,
}

impl Decoder<'_> {
    /// The first samples of the next line.
    fn line(&mut self, wanted: usize) -> Result<&[u32]> {
        let block = self.options.block;
        let blocks = self.options.line.div_ceil(block);
        let predicted = self.options.mask & PREDICTED != 0;
        let name = match self.width {
            ..=8 => 3,
            9..=16 => 4,
            _ => 5,
        };
        self.line.clear();
        while self.line.len() < wanted {
            let start = self.line.len();
            let has_first = predicted && start == 0;
            let (end, code) = (start + block, self.bits.read(name)?);
            if code == (1 << name) - 1 {
                while self.line.len() < end {
                    let sample = self.bits.read(self.width)?;
                    self.line.push(sample);
                }
                continue;
            }
            let pairs = code == 0 && self.bits.read(1)? == 1;
            if has_first {
                let sample = self.bits.read(self.width)?;
                self.line.push(sample);
            }
            match code {
                0 if pairs => self.pairs(end)?,
                0 => {
                    let used = start / block;
                    let count = match self.bits.zeros()? + 1 {
                        REST => (blocks - used).min(64 - used % 64),
                        count => {
                            let count = if count > REST { count - 1 } else { count };
                            usize::try_from(count).map_err(|_| damaged("szip"))?
                        }
                    };
                    if count > blocks - used {
                        return Err(damaged("szip"));
                    }
                    room_for(&mut self.line, start + count * block)?;
                    self.line.resize(start + count * block, 0);
                }
                _ => {
                    let low = code - 1;
                    let first = self.line.len();
                    while self.line.len() < end {
                        let high = u32::try_from(self.bits.zeros()?).map_err(|_| damaged("szip"))?;
                        self.line.push(high.wrapping_shl(low));
                    }
                    for sample in self.line.iter_mut().skip(first) {
                        *sample = sample.wrapping_add(self.bits.read(low)?);
                    }
                }
            }
        }
        if predicted {
            undo_prediction(&mut self.line, self.width);
        }
        self.line.get(..wanted).ok_or_else(|| damaged("szip"))
    }

    /// Two samples in one number: it counts the pairs by their sum, and those of one sum by the second sample.
    fn pairs(&mut self, end: usize) -> Result<()> {
        while self.line.len() < end {
            let number = self.bits.zeros()?;
            if number > PAIRS {
                return Err(damaged("szip"));
            }
            let number = u32::try_from(number).map_err(|_| damaged("szip"))?;
            let (mut sum, mut first) = (0, 0);
            while first + sum < number {
                first += sum + 1;
                sum += 1;
            }
            let second = number - first;
            if self.line.len().is_multiple_of(2) {
                self.line.push(sum - second);
            }
            self.line.push(second);
        }
        Ok(())
    }
}

fn room_for(line: &mut Vec<u32>, len: usize) -> Result<()> {
    line.try_reserve(len.saturating_sub(line.len())).map_err(|error| crate::fault::no_memory(4 * len, error))
}

/// Samples from what was left of them after each was predicted to be the one before. What is left is folded: small
/// differences of both signs take turns, and beyond what one side allows there is the other alone.
fn undo_prediction(line: &mut [u32], bits: u32) {
    let most = u32::MAX >> (32 - bits);
    let middle = most / 2 + 1;
    let Some((first, rest)) = line.split_first_mut() else { return };
    let mut sample = *first;
    for left in rest {
        let mask = if sample & middle == 0 { 0 } else { most };
        let (half, odd) = (*left >> 1, *left & 1);
        if half + odd <= mask ^ sample {
            sample = sample.wrapping_add(if odd == 0 { half } else { !half });
        } else {
            sample = mask ^ *left;
        }
        *left = sample;
    }
}

/// Bits of bytes, the highest first.
struct Bits<'a> {
    bytes: &'a [u8],
    buffer: u64,
    /// Bits in the buffer that were not read yet.
    held: u32,
}

impl Bits<'_> {
    fn fill(&mut self) -> Result<()> {
        let (&byte, rest) = self.bytes.split_first().ok_or_else(|| damaged("szip"))?;
        self.bytes = rest;
        self.buffer = self.buffer << 8 | u64::from(byte);
        self.held += 8;
        Ok(())
    }

    /// A number of up to 32 bits.
    fn read(&mut self, count: u32) -> Result<u32> {
        while self.held < count {
            self.fill()?;
        }
        self.held -= count;
        let number = self.buffer >> self.held & ((1 << count) - 1);
        u32::try_from(number).map_err(|_| damaged("szip"))
    }

    /// The number of zeros before the next one, which is taken too.
    fn zeros(&mut self) -> Result<u64> {
        let mut zeros = 0;
        loop {
            let ahead = if self.held == 0 { 0 } else { self.buffer << (u64::BITS - self.held) };
            if ahead != 0 {
                self.held -= ahead.leading_zeros() + 1;
                return Ok(zeros + u64::from(ahead.leading_zeros()));
            }
            zeros += u64::from(self.held);
            self.held = 0;
            self.fill()?;
        }
    }
}
