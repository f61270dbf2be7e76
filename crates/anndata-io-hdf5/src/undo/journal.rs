//! The format of a journal: a header, then what was saved.
//!
//! ```text
//! header     16 bytes   "anndata undo 1\r\n"
//!             8 bytes   the length of the file when the edit began
//!             8 bytes   the number of the file in its file system, 0 where it has none
//!             4 bytes   the length of the samples
//!             n bytes   samples of the file, up to 32 bytes at each of 64 places, by which it is known again
//!             4 bytes   CRC-32C of the header
//! record      8 bytes   where in the file
//!             4 bytes   how many bytes
//!             n bytes   the bytes
//!             4 bytes   CRC-32C of the record
//! ```
//!
//! Numbers are little-endian. The first record that is not whole ends the journal: what it is of was not overwritten yet.

use std::fs::File;
use std::io;
use std::ops::Range;

use anndata_codecs::Checksum;
use anndata_storage::Result;

use super::read_up_to;

const MAGIC: &[u8; 16] = b"anndata undo 1\r\n";
const SAMPLES: u64 = 64;
const SAMPLE: usize = 32;
/// Bytes before the samples.
const FIXED: usize = 36;
/// Bytes before those of a record.
const PREFIX: usize = 12;
/// The most bytes of a record.
pub(super) const RECORD: usize = 1 << 20;

/// What a journal begins with.
#[derive(Debug)]
pub(super) struct Header {
    len: u64,
    number: u64,
    samples: Vec<u8>,
}

impl Header {
    /// The header of the journal of a file that was so long when the edit began.
    #[cfg(feature = "write")]
    pub(super) fn of(file: &File, len: u64) -> io::Result<Self> {
        let mut samples = Vec::new();
        for range in places(len) {
            samples.extend(read_up_to(file, range.start, length(&range))?);
        }
        Ok(Self { len, number: number(file)?, samples })
    }

    /// The header of a journal, `None` if it is not whole.
    pub(super) fn read(journal: &File) -> Result<Option<Self>> {
        let fixed = read_up_to(journal, 0, FIXED)?;
        let Some((magic, rest)) = fixed.split_first_chunk::<16>() else { return Ok(None) };
        let Some((len, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
        let Some((number, rest)) = rest.split_first_chunk::<8>() else { return Ok(None) };
        let Some(count) = rest.first_chunk::<4>().map(|count| u32::from_le_bytes(*count)) else { return Ok(None) };
        let most = SAMPLE * 64;
        let Some(count) = usize::try_from(count).ok().filter(|&count| magic == MAGIC && count <= most) else {
            return Ok(None);
        };
        let whole = read_up_to(journal, 0, FIXED + count + Checksum::LEN)?;
        let Ok(checked) = Checksum::CRC32C.verify(&whole) else { return Ok(None) };
        let samples = checked.get(FIXED..).unwrap_or_default().to_vec();
        Ok(Some(Self { len: u64::from_le_bytes(*len), number: u64::from_le_bytes(*number), samples }))
    }

    /// As it is stored.
    #[cfg(feature = "write")]
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.len.to_le_bytes());
        bytes.extend(self.number.to_le_bytes());
        // Fallback: never: there are at most 64 samples of 32 bytes.
        let count = u32::try_from(self.samples.len()).unwrap_or_default();
        bytes.extend(count.to_le_bytes());
        bytes.extend(&self.samples);
        bytes.extend(Checksum::CRC32C.of(&bytes));
        bytes
    }

    /// The length of the file when the edit began.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether it is of a file of which some ranges were overwritten.
    pub(super) fn is_of(&self, file: &File, overwritten: &[Range<u64>]) -> io::Result<bool> {
        if file.metadata()?.len() < self.len || number(file)? != self.number {
            return Ok(false);
        }
        let mut rest = self.samples.as_slice();
        for range in places(self.len) {
            let Some((sample, after)) = rest.split_at_checked(length(&range)) else { return Ok(false) };
            rest = after;
            let is_same = || Ok::<_, io::Error>(read_up_to(file, range.start, sample.len())? == sample);
            let is_overwritten = overwritten.iter().any(|other| other.start < range.end && range.start < other.end);
            if !is_overwritten && !is_same()? {
                return Ok(false);
            }
        }
        Ok(rest.is_empty())
    }
}

/// The number of a file in its file system: another file that was put in its place has another one.
#[cfg(unix)]
fn number(file: &File) -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(file.metadata()?.ino())
}

#[cfg(not(unix))]
fn number(_: &File) -> io::Result<u64> {
    Ok(0)
}

/// Where samples are taken of a file of some length.
fn places(len: u64) -> impl Iterator<Item = Range<u64>> {
    (0..SAMPLES).map(move |sample| {
        let at = len / SAMPLES * sample;
        at..len.min(at + SAMPLE as u64)
    })
}

fn length(range: &Range<u64>) -> usize {
    // Fallback: never: a place has at most 32 bytes.
    usize::try_from(range.end - range.start).unwrap_or_default().min(SAMPLE)
}

/// A record, as it is stored.
#[cfg(feature = "write")]
pub(super) fn record(at: u64, bytes: &[u8]) -> Vec<u8> {
    let mut record = at.to_le_bytes().to_vec();
    // Fallback: never: there are at most `RECORD` bytes.
    record.extend(u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes());
    record.extend(bytes);
    record.extend(Checksum::CRC32C.of(&record));
    record
}

/// The records of a journal, one after the other.
#[derive(Debug)]
pub(super) struct Records<'a> {
    journal: &'a File,
    at: u64,
    bytes: Vec<u8>,
}

impl<'a> Records<'a> {
    /// The records after the header.
    pub(super) fn after(header: &Header, journal: &'a File) -> Self {
        let at = (FIXED + header.samples.len() + Checksum::LEN) as u64;
        Self { journal, at, bytes: Vec::new() }
    }

    /// The next record that is whole: which part of the file it is of, and what was there.
    pub(super) fn next(&mut self) -> io::Result<Option<(Range<u64>, &[u8])>> {
        let prefix = read_up_to(self.journal, self.at, PREFIX)?;
        let Some((at, len)) = prefix.split_first_chunk::<8>() else { return Ok(None) };
        let Some(len) = len.first_chunk::<4>().map(|len| u32::from_le_bytes(*len)) else { return Ok(None) };
        let Some(len) = usize::try_from(len).ok().filter(|&len| len <= RECORD) else { return Ok(None) };
        self.bytes = read_up_to(self.journal, self.at, PREFIX + len + Checksum::LEN)?;
        self.at += self.bytes.len() as u64;
        let Ok(checked) = Checksum::CRC32C.verify(&self.bytes) else { return Ok(None) };
        let start = u64::from_le_bytes(*at);
        let end = start.saturating_add(len as u64);
        Ok(checked.get(PREFIX..).map(|bytes| (start..end, bytes)))
    }
}
