//! The fill value messages: what reads where nothing was written.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2.e "The Data Storage - Fill Value (Old) Message" and IV.A.2.f "The Data
//! Storage - Fill Value Message".

use crate::cursor::Cursor;
use crate::error::{Result, Section};

const OLD: Section = Section::new("old fill value message", "IV.A.2.e");
const SECTION: Section = Section::new("fill value message", "IV.A.2.f");

/// What reads where nothing was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FillValue {
    /// Zeros, since the file says nothing else.
    Zeros,
    /// Nothing in particular: the file says that there is none. Programs read zeros.
    Undefined,
    /// One element, as it is stored.
    Value(Vec<u8>),
}

impl FillValue {
    /// The message of today.
    pub(crate) fn parse(fields: &Cursor<'_>) -> Result<Self> {
        let mut fields = fields.clone().named(SECTION);
        let (defined, undefined) = match fields.version(1..=3)? {
            3 => {
                let flags = fields.u8()?;
                (flags & 0b10_0000 != 0, flags & 0b1_0000 != 0)
            }
            version => {
                // When space is allocated, and when the value is written.
                fields.skip(2)?;
                let defined = fields.u8()? != 0;
                // Version 1 has a size in any case.
                (version == 1 || defined, false)
            }
        };
        if undefined {
            return if defined { Err(fields.malformed("is both defined and undefined")) } else { Ok(Self::Undefined) };
        }
        if !defined {
            return Ok(Self::Zeros);
        }
        match fields.u32()?.cast_signed() {
            0 => Ok(Self::Zeros),
            len => match usize::try_from(len) {
                Ok(len) => Ok(Self::Value(fields.take(len)?.to_vec())),
                Err(_) => Ok(Self::Undefined),
            },
        }
    }

    /// The message of old files.
    pub(crate) fn parse_old(fields: &Cursor<'_>) -> Result<Self> {
        let mut fields = fields.clone().named(OLD);
        match fields.count(4)? {
            0 => Ok(Self::Zeros),
            len => Ok(Self::Value(fields.take(len)?.to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::test::fields;

    fn parse(bytes: &[u8]) -> Result<FillValue> {
        FillValue::parse(&fields(bytes))
    }

    #[test]
    fn all_versions_are_read() -> Result<()> {
        let value = FillValue::Value(vec![7, 8]);
        assert_eq!(parse(&[1, 1, 0, 0, 2, 0, 0, 0, 7, 8])?, value);
        assert_eq!(parse(&[2, 1, 0, 1, 2, 0, 0, 0, 7, 8])?, value);
        assert_eq!(parse(&[3, 0b10_0101, 2, 0, 0, 0, 7, 8])?, value);
        assert_eq!(FillValue::parse_old(&fields(&[2, 0, 0, 0, 7, 8]))?, value);
        for zeros in [&[1, 1, 0, 0, 0, 0, 0, 0][..], &[2, 1, 0, 0], &[3, 0b101], &[3, 0b10_0000, 0, 0, 0, 0]] {
            assert_eq!(parse(zeros)?, FillValue::Zeros);
        }
        for undefined in [&[2, 1, 0, 1, 0xff, 0xff, 0xff, 0xff][..], &[3, 0b1_0101]] {
            assert_eq!(parse(undefined)?, FillValue::Undefined);
        }
        Ok(())
    }

    #[test]
    fn odd_ones_are_errors() {
        assert_eq!(parse(&[3, 0b11_0000, 0, 0, 0, 0]).unwrap_err().message(), "is both defined and undefined");
        assert_eq!(parse(&[4, 0]).unwrap_err().message(), "version 4 is not known");
        let error = parse(&[3, 0b10_0000, 9, 0, 0, 0, 1]).unwrap_err();
        assert_eq!(error.message(), "ends after 7 bytes, and 9 more are needed");
    }
}
