//! The attribute message: a name, a type, a shape and a value.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2.m "The Attribute Message".

use crate::cursor::{Cursor, until_nul};
use crate::error::{Result, Section};

pub(crate) const SECTION: Section = Section::new("attribute message", "IV.A.2.m");

/// An attribute whose parts are still to be parsed.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    pub(crate) datatype: Part<'a>,
    pub(crate) dataspace: Part<'a>,
    pub(crate) value: Cursor<'a>,
}

/// A message within the attribute, or where it is.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) fields: Cursor<'a>,
    pub(crate) shared: bool,
}

/// The name, which can be told of many an attribute that is damaged otherwise.
pub(crate) fn name<'a>(fields: &Cursor<'a>) -> Result<&'a [u8]> {
    let mut fields = fields.clone().named(SECTION);
    let head = Head::parse(&mut fields)?;
    head.name(&mut fields)
}

pub(crate) fn parse<'a>(fields: &Cursor<'a>) -> Result<Parts<'a>> {
    let mut fields = fields.clone().named(SECTION);
    let head = Head::parse(&mut fields)?;
    head.name(&mut fields)?;
    let datatype = Part { fields: head.part(&mut fields, head.datatype)?, shared: head.flags & 1 != 0 };
    let dataspace = Part { fields: head.part(&mut fields, head.dataspace)?, shared: head.flags & 2 != 0 };
    Ok(Parts { datatype, dataspace, value: fields })
}

struct Head {
    version: u8,
    flags: u8,
    name: usize,
    datatype: usize,
    dataspace: usize,
}

impl Head {
    fn parse(fields: &mut Cursor<'_>) -> Result<Self> {
        let version = fields.version(1..=3)?;
        let flags = fields.u8()?;
        // Version 1 has no flags.
        let flags = if version == 1 { 0 } else { flags };
        let (name, datatype, dataspace) = (fields.count(2)?, fields.count(2)?, fields.count(2)?);
        if version == 3 {
            // The character set of the name.
            fields.skip(1)?;
        }
        Ok(Self { version, flags, name, datatype, dataspace })
    }

    /// So many bytes, padded in version 1.
    fn part<'a>(&self, fields: &mut Cursor<'a>, len: usize) -> Result<Cursor<'a>> {
        let part = fields.part(len)?;
        if self.version == 1 {
            fields.skip(len.next_multiple_of(8) - len)?;
        }
        Ok(part)
    }

    fn name<'a>(&self, fields: &mut Cursor<'a>) -> Result<&'a [u8]> {
        let name = until_nul(self.part(fields, self.name)?.rest());
        if name.is_empty() { Err(fields.malformed("an attribute without a name")) } else { Ok(name) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::test::fields;

    #[test]
    fn all_versions_are_read() -> Result<()> {
        let old = b"\x01\x07\x02\0\x03\0\x01\0a\0\0\0\0\0\0\0TTT\0\0\0\0\0S\0\0\0\0\0\0\0value";
        let two = b"\x02\x01\x02\0\x03\0\x01\0a\0TTTSvalue";
        let three = b"\x03\x02\x02\0\x03\0\x01\0\x01a\0TTTSvalue";
        for (bytes, shared) in [(&old[..], (false, false)), (two, (true, false)), (three, (false, true))] {
            let parts = parse(&fields(bytes))?;
            assert_eq!(name(&fields(bytes))?, b"a");
            assert_eq!((parts.datatype.fields.rest(), parts.dataspace.fields.rest()), (&b"TTT"[..], &b"S"[..]));
            assert_eq!(
                (parts.datatype.shared, parts.dataspace.shared, parts.value.rest()),
                (shared.0, shared.1, &b"value"[..])
            );
        }
        Ok(())
    }

    #[test]
    fn odd_ones_are_errors() {
        for (bytes, why) in [
            (&b"\x04\0"[..], "version 4 is not known"),
            (b"\x02\0\x01\0\x01\0\x01\0\0TS", "an attribute without a name"),
            (b"\x02\0\x02\0\x03\0\x01\0a\0T", "ends after 11 bytes, and 3 more are needed"),
        ] {
            assert_eq!(parse(&fields(bytes)).unwrap_err().message(), why);
        }
    }
}
