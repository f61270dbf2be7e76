//! Bytes taken one field after the other, never more than there are.

use crate::error::{Error, Result, Section};

/// How wide addresses and lengths are in a file: 2, 4 or 8 bytes, from its superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Widths {
    pub(crate) address: usize,
    pub(crate) length: usize,
}

/// The fields of one structure.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
    /// The byte of the file at which the structure begins.
    origin: u64,
    widths: Widths,
    section: Section,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a [u8], origin: u64, widths: Widths, section: Section) -> Self {
        Self { bytes, position: 0, origin, widths, section }
    }

    /// The same bytes, read as another structure.
    #[must_use]
    pub(crate) fn named(mut self, section: Section) -> Self {
        self.section = section;
        self
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn widths(&self) -> Widths {
        self.widths
    }

    /// The byte of the file that comes next.
    pub(crate) fn offset(&self) -> u64 {
        self.origin.saturating_add(self.position as u64)
    }

    /// An error about what was just read.
    pub(crate) fn malformed(&self, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::malformed(self.section, message).at(self.origin)
    }

    pub(crate) fn unsupported(&self, message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::unsupported(self.section, message).at(self.origin)
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    pub(crate) fn left(&self) -> usize {
        self.rest().len()
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let taken = self.rest().get(..len);
        let taken = taken.ok_or_else(|| {
            self.malformed(format!("ends after {} bytes, and {len} more are needed", self.bytes.len()))
        })?;
        self.position += len;
        Ok(taken)
    }

    pub(crate) fn skip(&mut self, len: usize) -> Result<()> {
        self.take(len).map(drop)
    }

    /// The next bytes as a structure of their own.
    pub(crate) fn part(&mut self, len: usize) -> Result<Cursor<'a>> {
        let origin = self.offset();
        Ok(Cursor::new(self.take(len)?, origin, self.widths, self.section))
    }

    /// A little-endian number of up to 8 bytes.
    pub(crate) fn number(&mut self, width: usize) -> Result<u64> {
        let bytes = self.take(width)?;
        let mut number = [0; 8];
        match number.get_mut(..width) {
            Some(low) => low.copy_from_slice(bytes),
            None => return Err(self.malformed(format!("a number of {width} bytes"))),
        }
        Ok(u64::from_le_bytes(number))
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N)?;
        <[u8; N]>::try_from(bytes).map_err(|_| self.malformed("ends early"))
    }

    /// A number of bytes or items, of this width, that fits into memory.
    pub(crate) fn count(&mut self, width: usize) -> Result<usize> {
        let number = self.number(width)?;
        usize::try_from(number).map_err(|_| self.malformed(format!("{number} is more than memory can hold")))
    }

    /// A length, as wide as the superblock says.
    pub(crate) fn length(&mut self) -> Result<u64> {
        self.number(self.widths.length)
    }

    /// A length of which all ones mean that there is none.
    pub(crate) fn limit(&mut self) -> Result<Option<u64>> {
        self.defined(self.widths.length)
    }

    /// An address, as wide as the superblock says; all ones mean that there is none.
    pub(crate) fn address(&mut self) -> Result<Option<u64>> {
        self.defined(self.widths.address)
    }

    /// An address that has to be there.
    pub(crate) fn needed_address(&mut self) -> Result<u64> {
        self.address()?.ok_or_else(|| self.malformed("an address that has to be there is undefined"))
    }

    fn defined(&mut self, width: usize) -> Result<Option<u64>> {
        let undefined = self.rest().get(..width).is_some_and(|bytes| bytes.iter().all(|&byte| byte == u8::MAX));
        let number = self.number(width)?;
        Ok(if undefined { None } else { Some(number) })
    }

    /// Text up to a NUL, which is taken as well.
    pub(crate) fn text(&mut self) -> Result<&'a [u8]> {
        let len = self.rest().iter().position(|&byte| byte == 0);
        let text = self.take(len.ok_or_else(|| self.malformed("a text has no end"))?)?;
        self.skip(1)?;
        Ok(text)
    }

    /// The mark at the beginning of a structure.
    pub(crate) fn signature(&mut self, signature: [u8; 4]) -> Result<()> {
        if self.take(4)? == signature {
            return Ok(());
        }
        Err(self.malformed(format!("does not begin with {}", signature.escape_ascii())))
    }

    /// A version, one of those that there are.
    pub(crate) fn version(&mut self, known: std::ops::RangeInclusive<u8>) -> Result<u8> {
        let version = self.u8()?;
        if known.contains(&version) {
            return Ok(version);
        }
        Err(self.unsupported(format!("version {version} is not known")))
    }
}

/// Text up to its first NUL, or its end.
pub(crate) fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|&byte| byte == 0).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    const WIDTHS: Widths = Widths { address: 4, length: 8 };
    const SECTION: Section = Section::new("test", "0");

    #[test]
    fn fields_are_taken_in_order() -> Result<()> {
        let bytes = [1, 2, 0, 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 0, b'a', b'b', 0, 9];
        let mut cursor = Cursor::new(&bytes, 100, WIDTHS, SECTION);
        assert_eq!((cursor.u8()?, cursor.u16()?, cursor.address()?, cursor.needed_address()?), (1, 2, None, 5));
        assert_eq!((cursor.text()?, cursor.left(), cursor.offset()), (&b"ab"[..], 1, 114));
        let error = cursor.length().unwrap_err();
        assert_eq!(error.to_string(), "test (0) at byte 100: ends after 15 bytes, and 8 more are needed");
        assert!(cursor.clone().text().is_err_and(|error| error.message() == "a text has no end"));
        assert_eq!(cursor.number(9).unwrap_err().kind(), ErrorKind::Malformed);
        assert_eq!(cursor.version(1..=3).unwrap_err().kind(), ErrorKind::Unsupported);
        Ok(())
    }

    #[test]
    fn a_number_is_at_most_eight_bytes() {
        let bytes = [0; 20];
        let error = Cursor::new(&bytes, 0, WIDTHS, SECTION).number(9).unwrap_err();
        assert_eq!(error.message(), "a number of 9 bytes");
    }

    #[test]
    fn text_ends_at_nul() {
        assert_eq!((until_nul(b"ab\0c"), until_nul(b"ab"), until_nul(b"")), (&b"ab"[..], &b"ab"[..], &b""[..]));
    }
}
