//! The attribute info message: where the attributes of an object are, if they are not in its header.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2.v "The Attribute Info Message".

use crate::cursor::Cursor;
use crate::error::{Result, Section};

const SECTION: Section = Section::new("attribute info message", "IV.A.2.v");

/// The address of a fractal heap of attribute messages and that of their index by name, if there are such.
pub(crate) fn dense(fields: &Cursor<'_>) -> Result<Option<(u64, u64)>> {
    let mut fields = fields.clone().named(SECTION);
    fields.version(0..=0)?;
    if fields.u8()? & 1 != 0 {
        // The largest number so far.
        fields.skip(2)?;
    }
    let (heap, names) = (fields.address()?, fields.address()?);
    if heap.is_some() != names.is_some() {
        return Err(fields.malformed("a heap without an index, or an index without a heap"));
    }
    Ok(heap.zip(names))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::test::fields;

    #[test]
    fn attributes_are_compact_or_dense() -> Result<()> {
        assert_eq!(dense(&fields(&[&[0, 0][..], &[0xff; 16]].concat()))?, None);
        let tracked = [&[0, 1, 9, 0][..], &[5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]].concat();
        assert_eq!(dense(&fields(&tracked))?, Some((5, 6)));
        assert_eq!(dense(&fields(&[1])).unwrap_err().message(), "version 1 is not known");
        Ok(())
    }
}
