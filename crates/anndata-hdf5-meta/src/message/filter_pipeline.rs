//! The filter pipeline message: what the bytes of chunks went through.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2.l "The Data Storage - Filter Pipeline Message".

use crate::cursor::{Cursor, until_nul};
use crate::error::{Result, Section};

const SECTION: Section = Section::new("filter pipeline message", "IV.A.2.l");
/// The filters of an array at most.
const MOST_FILTERS: usize = 32;
/// Filters below this number are those of the library, whose names are not stored.
const REGISTERED: u16 = 256;

/// One filter of an array; writing takes them in their order, reading in the other.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Filter {
    /// Its registered number: 1 is deflate, 2 shuffle, 3 Fletcher's checksum, 32000 LZF.
    pub id: u16,
    /// Its name, where the file has it.
    pub name: Option<Vec<u8>>,
    /// Whether a chunk is stored without it where it fails.
    pub optional: bool,
    /// Its parameters.
    pub values: Vec<u32>,
}

/// The filters of an array, in the order of writing.
pub(crate) fn parse(fields: &Cursor<'_>) -> Result<Vec<Filter>> {
    let mut fields = fields.clone().named(SECTION);
    let version = fields.version(1..=2)?;
    let len = usize::from(fields.u8()?);
    if len > MOST_FILTERS {
        return Err(fields.malformed(format!("{len} filters, of which there are {MOST_FILTERS} at most")));
    }
    if version == 1 {
        fields.skip(6)?;
    }
    (0..len).map(|_| filter(&mut fields, version)).collect()
}

fn filter(fields: &mut Cursor<'_>, version: u8) -> Result<Filter> {
    let id = fields.u16()?;
    let name_len = if version == 1 || id >= REGISTERED { fields.count(2)? } else { 0 };
    let optional = fields.u16()? & 1 != 0;
    let len = fields.count(2)?;
    let padded = if version == 1 { name_len.next_multiple_of(8) } else { name_len };
    let name = until_nul(fields.take(padded)?);
    let name = if name_len == 0 { None } else { Some(name.to_vec()) };
    let values = (0..len).map(|_| fields.u32()).collect::<Result<Vec<_>>>()?;
    if version == 1 && len % 2 == 1 {
        // Padding, which the last filter of some files lacks.
        fields.skip(fields.left().min(4))?;
    }
    Ok(Filter { id, name, optional, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::test::fields;

    #[test]
    fn both_versions_are_read() -> Result<()> {
        let shuffle = Filter { id: 2, name: Some(b"shuffle".to_vec()), optional: true, values: vec![4] };
        let deflate = Filter { id: 1, name: None, optional: false, values: vec![9] };
        let old = [
            &[1, 2, 0, 0, 0, 0, 0, 0, 2, 0, 8, 0, 1, 0, 1, 0][..],
            b"shuffle\0\x04\0\0\0\0\0\0\0",
            &[1, 0, 0, 0, 0, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(parse(&fields(&old.concat()))?, [shuffle, deflate.clone()]);
        let new = [&[2, 2, 1, 0, 0, 0, 1, 0, 9, 0, 0, 0][..], b"\x00\x7d\x04\0\x01\0\0\0lzf\0"];
        let lzf = Filter { id: 32000, name: Some(b"lzf".to_vec()), optional: true, values: vec![] };
        assert_eq!(parse(&fields(&new.concat()))?, [deflate, lzf]);
        Ok(())
    }

    #[test]
    fn odd_ones_are_errors() {
        assert_eq!(parse(&fields(&[2, 33])).unwrap_err().message(), "33 filters, of which there are 32 at most");
        assert!(parse(&fields(&[2, 1, 1, 0, 0, 0, 9, 0, 1])).unwrap_err().message().contains("ends after"));
    }
}
