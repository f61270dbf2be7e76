//! What stands in the place of a message that several objects share.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2 "Data Object Header Messages", "Shared Message".

use crate::cursor::Cursor;
use crate::error::{Result, Section};

const SECTION: Section = Section::new("shared message", "IV.A.2");

/// Where a shared message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Location {
    /// In the heap of shared messages of its type, by this identifier.
    Heap([u8; 8]),
    /// In the object header at this address: a named datatype.
    Header(u64),
}

impl Location {
    pub(crate) fn parse(fields: &Cursor<'_>) -> Result<Self> {
        let mut fields = fields.clone().named(SECTION);
        let version = fields.version(1..=3)?;
        let kind = fields.u8()?;
        if version == 1 {
            fields.skip(6)?;
        }
        if version == 3 && kind == 1 {
            let id = fields.take(8)?;
            return <[u8; 8]>::try_from(id).map(Self::Heap).map_err(|_| fields.malformed("has no identifier"));
        }
        Ok(Self::Header(fields.needed_address()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::test::fields;

    #[test]
    fn all_versions_are_read() -> Result<()> {
        let address = [9, 0, 0, 0, 0, 0, 0, 0];
        let of = |head: &[u8]| Location::parse(&fields(&[head, &address].concat()));
        assert_eq!(of(&[1, 0, 0, 0, 0, 0, 0, 0])?, Location::Header(9));
        assert_eq!((of(&[2, 0])?, of(&[3, 2])?), (Location::Header(9), Location::Header(9)));
        assert_eq!(of(&[3, 1])?, Location::Heap(address));
        assert_eq!(of(&[4, 1]).unwrap_err().message(), "version 4 is not known");
        Ok(())
    }
}
