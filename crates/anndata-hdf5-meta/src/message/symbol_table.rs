//! The symbol table message: where the links of an old group are.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2.r "The Symbol Table Message".

use crate::cursor::Cursor;
use crate::error::{Result, Section};

const SECTION: Section = Section::new("symbol table message", "IV.A.2.r");

/// The address of the B-tree of a group, and that of the local heap with its names.
pub(crate) fn tree_and_heap(fields: &Cursor<'_>) -> Result<(u64, u64)> {
    let mut fields = fields.clone().named(SECTION);
    Ok((fields.needed_address()?, fields.needed_address()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::test::fields;

    #[test]
    fn both_addresses_are_needed() -> Result<()> {
        assert_eq!(tree_and_heap(&fields(&[7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]))?, (7, 8));
        assert!(tree_and_heap(&fields(&[0xff; 16])).unwrap_err().message().contains("undefined"));
        Ok(())
    }
}
