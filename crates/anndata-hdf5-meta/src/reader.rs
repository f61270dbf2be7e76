//! Reads structures at addresses, within the file and within its budget.

use std::cell::Cell;

use crate::checksum::lookup3;
use crate::cursor::{Cursor, Widths};
use crate::error::{Error, Result, Section};
use crate::limits::{Action, Budget, Work};
use crate::source::Source;

/// What every structure of a file needs to be read.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) source: Source,
    /// The byte of the file that addresses count from: that of the superblock.
    pub(crate) base: u64,
    pub(crate) widths: Widths,
    pub(crate) budget: Budget,
}

impl Store {
    /// The byte of the file at an address.
    pub(crate) fn offset(&self, section: Section, address: u64) -> Result<u64> {
        let offset = self.base.checked_add(address).filter(|&offset| offset <= self.source.len());
        offset.ok_or_else(|| self.outside(section, address))
    }

    fn outside(&self, section: Section, address: u64) -> Error {
        Error::malformed(section, format!("address {address} lies outside the file of {} bytes", self.source.len()))
    }
}

/// One action of the user: what it reads counts against the budget of the file.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    store: &'a Store,
    action: Action,
    address: u64,
    allowed: Work,
    bytes: Cell<u64>,
    structures: Cell<u64>,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let taken = Work { bytes: self.bytes.get(), structures: self.structures.get() };
        self.store.budget.pay(self.action, self.address, taken);
    }
}

/// The bytes of a structure.
#[derive(Debug)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    origin: u64,
    widths: Widths,
    section: Section,
}

impl<'a> Reader<'a> {
    /// Begins to read something of the object at an address.
    pub(crate) fn new(store: &'a Store, action: Action, address: u64) -> Self {
        let allowed = store.budget.allowance(action, address);
        Self { store, action, address, allowed, bytes: Cell::new(0), structures: Cell::new(0) }
    }

    pub(crate) fn store(&self) -> &'a Store {
        self.store
    }

    pub(crate) fn widths(&self) -> Widths {
        self.store.widths
    }

    /// The length of the file.
    pub(crate) fn file_len(&self) -> u64 {
        self.store.source.len()
    }

    /// Counts a structure of so many bytes, wherever they come from.
    pub(crate) fn charge(&self, section: Section, bytes: u64) -> Result<()> {
        let taken = Work { bytes: self.bytes.get().saturating_add(bytes), structures: self.structures.get() + 1 };
        self.bytes.set(taken.bytes);
        self.structures.set(taken.structures);
        if taken.bytes > self.allowed.bytes || taken.structures > self.allowed.structures {
            return Err(Error::limit(
                section,
                "the metadata takes more to read than a file of this length may ask for; the limits of the reader say how \
                 much that is",
            ));
        }
        Ok(())
    }

    /// So many bytes at an address.
    pub(crate) fn read(&self, section: Section, address: u64, len: usize) -> Result<Block> {
        let origin = self.store.offset(section, address)?;
        let left = self.file_len() - origin;
        if len as u64 > left {
            let message = format!("{len} bytes are needed, and the file ends after {left}");
            return Err(Error::malformed(section, message).at(origin));
        }
        self.charge(section, len as u64).map_err(|error| error.at(origin))?;
        let bytes = self.store.source.read(origin, len).map_err(|error| Error::io(section, error).at(origin))?;
        Ok(Block { bytes, origin, widths: self.store.widths, section })
    }

    /// So many bytes at an address, or as many as the file has.
    pub(crate) fn read_up_to(&self, section: Section, address: u64, len: usize) -> Result<Block> {
        let left = self.file_len() - self.store.offset(section, address)?;
        let len = usize::try_from(left).map_or(len, |left| left.min(len));
        self.read(section, address, len)
    }

    /// So many bytes at an address, the last four of which are the checksum of the others.
    pub(crate) fn read_checked(&self, section: Section, address: u64, len: usize) -> Result<Block> {
        let mut block = self.read(section, address, len)?;
        block.check()?;
        Ok(block)
    }
}

impl Block {
    /// The fields of the structure.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor::new(&self.bytes, self.origin, self.widths, self.section)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The byte of the file at which it begins.
    pub(crate) fn origin(&self) -> u64 {
        self.origin
    }

    pub(crate) fn malformed(&self, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::malformed(self.section, message).at(self.origin)
    }

    /// Takes the checksum off the end.
    fn check(&mut self) -> Result<()> {
        let Some((content, checksum)) = self.bytes.split_last_chunk::<4>() else {
            return Err(self.malformed("is too short for its checksum"));
        };
        if lookup3(content) != u32::from_le_bytes(*checksum) {
            return Err(self.malformed("the checksum is wrong"));
        }
        let len = content.len();
        self.bytes.truncate(len);
        Ok(())
    }
}

/// A store over bytes, for tests of single structures.
#[cfg(test)]
pub(crate) fn test_store(bytes: Vec<u8>) -> Store {
    let limits = crate::MetaLimits::default();
    let budget = Budget::new(limits, bytes.len() as u64);
    let source = Source::new(Box::new(bytes)).unwrap();
    Store { source, base: 0, widths: Widths { address: 8, length: 8 }, budget }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    const SECTION: Section = Section::new("test", "0");

    #[test]
    fn reads_end_with_the_file_and_with_the_budget() {
        let mut store = test_store(vec![1; 1000]);
        store.base = 100;
        store.budget = Budget::new(crate::MetaLimits::default().with_unbacked(0).with_expansion(2), 1000);
        let reader = Reader::new(&store, Action::Open, 0);
        assert_eq!(reader.read(SECTION, 890, 10).unwrap().bytes(), [1; 10]);
        assert_eq!(reader.read_up_to(SECTION, 890, 99).unwrap().bytes(), [1; 10]);
        for (address, len) in [(890, 11), (901, 0), (u64::MAX, 1), (0, usize::MAX)] {
            assert_eq!(reader.read(SECTION, address, len).unwrap_err().kind(), ErrorKind::Malformed);
        }
        assert!(reader.read(SECTION, 0, 900).is_ok() && reader.read(SECTION, 0, 900).is_ok());
        assert_eq!(reader.read(SECTION, 0, 900).unwrap_err().kind(), ErrorKind::LimitExceeded);
        drop(reader);
        let again = Reader::new(&store, Action::Open, 0);
        assert!(again.read(SECTION, 0, 900).is_ok());
        assert!(Reader::new(&store, Action::Links, 0).read(SECTION, 0, 900).is_err());
    }

    #[test]
    fn checksums_are_checked() {
        let mut bytes = b"content".to_vec();
        bytes.extend(lookup3(b"content").to_le_bytes());
        let store = test_store(bytes.clone());
        let read = |store: &Store| Reader::new(store, Action::Open, 0).read_checked(SECTION, 0, 11);
        assert_eq!(read(&store).unwrap().bytes(), b"content");
        bytes[3] ^= 1;
        assert_eq!(read(&test_store(bytes)).unwrap_err().message(), "the checksum is wrong");
    }
}
