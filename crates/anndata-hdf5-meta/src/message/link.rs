//! The link message: one member of a new group.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2.g "The Link Message".

use crate::cursor::Cursor;
use crate::error::{Result, Section};

const SECTION: Section = Section::new("link message", "IV.A.2.g");

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Link {
    /// Its name, which is UTF-8 or ASCII in files of today, and any bytes but NUL in others.
    pub name: Vec<u8>,
    /// Its number in the order in which members were made, where the group keeps that.
    pub creation: Option<u64>,
    /// What it leads to.
    pub target: LinkTarget,
}

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkTarget {
    /// The object at an address.
    Hard(u64),
    /// A path in the file, from the root where it begins with `/`, else from the group of the link.
    Soft(Vec<u8>),
    /// An object in another file.
    External {
        /// The path of the file.
        file: Vec<u8>,
        /// The path in it.
        path: Vec<u8>,
    },
    /// What only the program knows that made it.
    UserDefined(u8),
}

impl Link {
    pub(crate) fn parse(fields: &Cursor<'_>) -> Result<Self> {
        let mut fields = fields.clone().named(SECTION);
        fields.version(1..=1)?;
        let flags = fields.u8()?;
        let kind = if flags & 8 != 0 { fields.u8()? } else { 0 };
        let creation = if flags & 4 != 0 { Some(fields.u64()?) } else { None };
        if flags & 16 != 0 {
            // The character set.
            fields.skip(1)?;
        }
        let len = fields.count(1 << (flags & 3))?;
        let name = fields.take(len)?.to_vec();
        if name.is_empty() {
            return Err(fields.malformed("a link without a name"));
        }
        let target = match kind {
            0 => LinkTarget::Hard(fields.needed_address()?),
            1 => {
                let len = fields.count(2)?;
                LinkTarget::Soft(fields.take(len)?.to_vec())
            }
            64 => {
                let len = fields.count(2)?;
                let mut value = fields.part(len)?;
                value.version(0..=0)?;
                LinkTarget::External { file: value.text()?.to_vec(), path: value.text()?.to_vec() }
            }
            kind => LinkTarget::UserDefined(kind),
        };
        Ok(Self { name, creation, target })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::test::fields;

    #[test]
    fn all_kinds_are_read() -> Result<()> {
        let hard = Link::parse(&fields(b"\x01\x00\x03obs\x07\0\0\0\0\0\0\0"))?;
        assert_eq!(hard, Link { name: b"obs".to_vec(), creation: None, target: LinkTarget::Hard(7) });
        let soft = Link::parse(&fields(b"\x01\x1c\x01\x05\0\0\0\0\0\0\0\x01\x01x\x04\0/obs"))?;
        assert_eq!((soft.creation, soft.target), (Some(5), LinkTarget::Soft(b"/obs".to_vec())));
        let external = Link::parse(&fields(b"\x01\x08\x40\x01x\x0a\0\0a.h5\0/b\0\0"))?;
        assert_eq!(external.target, LinkTarget::External { file: b"a.h5".to_vec(), path: b"/b".to_vec() });
        assert_eq!(Link::parse(&fields(b"\x01\x08\x41\x01x"))?.target, LinkTarget::UserDefined(65));
        Ok(())
    }

    #[test]
    fn odd_ones_are_errors() {
        for (bytes, why) in [
            (&b"\x02\x00\x03obs"[..], "version 2 is not known"),
            (b"\x01\x00\x09obs", "ends after 6 bytes, and 9 more are needed"),
            (b"\x01\x00\x00\x07\0\0\0\0\0\0\0", "a link without a name"),
            (b"\x01\x00\x01x\xff\xff\xff\xff\xff\xff\xff\xff", "an address that has to be there is undefined"),
            (b"\x01\x08\x40\x01x\x06\0\0a.h5\0", "a text has no end"),
        ] {
            assert_eq!(Link::parse(&fields(bytes)).unwrap_err().message(), why);
        }
    }
}
