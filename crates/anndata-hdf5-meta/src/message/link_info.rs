//! The link info message: where the links of a new group are, if they are not in its header.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2.c "The Link Info Message".

use crate::cursor::Cursor;
use crate::error::{Result, Section};

const SECTION: Section = Section::new("link info message", "IV.A.2.c");

/// What is said of the links of a group.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LinkInfo {
    /// Whether links know in which order they were made.
    pub(crate) order_tracked: bool,
    /// The address of a fractal heap of link messages and that of their index by name.
    pub(crate) dense: Option<(u64, u64)>,
}

impl LinkInfo {
    pub(crate) fn parse(fields: &Cursor<'_>) -> Result<Self> {
        let mut fields = fields.clone().named(SECTION);
        fields.version(0..=0)?;
        let order_tracked = fields.u8()? & 1 != 0;
        if order_tracked {
            // The largest number so far.
            fields.skip(8)?;
        }
        let (heap, names) = (fields.address()?, fields.address()?);
        if heap.is_some() != names.is_some() {
            return Err(fields.malformed("a heap without an index, or an index without a heap"));
        }
        Ok(Self { order_tracked, dense: heap.zip(names) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::test::fields;

    #[test]
    fn links_are_compact_or_dense() -> Result<()> {
        let compact = [&[0, 0][..], &[0xff; 16]].concat();
        assert_eq!(LinkInfo::parse(&fields(&compact))?, LinkInfo { order_tracked: false, dense: None });
        let dense = [&[0, 1, 9, 0, 0, 0, 0, 0, 0, 0][..], &[5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(LinkInfo::parse(&fields(&dense))?, LinkInfo { order_tracked: true, dense: Some((5, 6)) });
        let half = [&[0, 0, 5, 0, 0, 0, 0, 0, 0, 0][..], &[0xff; 8]].concat();
        assert!(LinkInfo::parse(&fields(&half)).unwrap_err().message().contains("without an index"));
        Ok(())
    }
}
