//! The global heap: values of variable length, such as texts.
//!
//! HDF5 File Format Specification Version 3.0, III.E "Disk Format: Level 1E - Global Heap". A value is stored as a reference
//! to it: its length (4 bytes), the address of a collection, and the number of an object in it (4 bytes).

use crate::cursor::{Cursor, Widths};
use crate::error::{Error, Result, Section};
use crate::reader::{Block, Reader};

pub(crate) const SECTION: Section = Section::new("global heap", "III.E");

/// What a value of variable length is stored as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapReference {
    /// How many items: bytes of a text, elements of a sequence.
    pub items: u32,
    /// The address of the collection; 0 or undefined for a value of no items.
    pub collection: Option<u64>,
    /// The number of the object in the collection.
    pub object: u32,
}

impl HeapReference {
    /// The bytes of a reference in a file with addresses of so many bytes.
    pub(crate) fn size(widths: Widths) -> usize {
        8 + widths.address
    }

    pub(crate) fn parse(bytes: &[u8], widths: Widths) -> Result<Self> {
        let mut fields = Cursor::new(bytes, 0, widths, SECTION);
        let (items, collection, object) = (fields.u32()?, fields.address()?, fields.u32()?);
        Ok(Self { items, collection: collection.filter(|&address| address != 0), object })
    }
}

/// The bytes of a collection, and where in them each object is.
#[derive(Debug)]
pub(crate) struct Collection {
    block: Block,
    /// Numbers, starts and ends, by number.
    objects: Vec<(u16, usize, usize)>,
}

impl Collection {
    pub(crate) fn read(reader: &Reader<'_>, address: u64) -> Result<Self> {
        let Widths { length, .. } = reader.widths();
        let head = reader.read(SECTION, address, 8 + length)?;
        let mut fields = head.cursor();
        fields.signature(*b"GCOL")?;
        fields.version(1..=1)?;
        fields.skip(3)?;
        let size = fields.count(length)?;
        let block = reader.read(SECTION, address, size)?;
        let objects = index(&block, length)?;
        Ok(Self { block, objects })
    }

    /// About how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.block.bytes().len() + self.objects.len() * size_of::<(u16, usize, usize)>()
    }

    /// The first bytes of an object.
    pub(crate) fn get(&self, object: u32, len: usize) -> Result<&[u8]> {
        let found = u16::try_from(object).ok();
        let found = found.and_then(|object| self.objects.binary_search_by_key(&object, |&(number, ..)| number).ok());
        let bytes =
            found.and_then(|at| self.objects.get(at)).and_then(|&(_, start, end)| self.block.bytes().get(start..end));
        let bytes = bytes.ok_or_else(|| self.block.malformed(format!("there is no object {object}")))?;
        bytes.get(..len).ok_or_else(|| {
            self.block.malformed(format!("object {object} has {} bytes where {len} are referred to", bytes.len()))
        })
    }
}

/// Where each object is, up to the free space.
fn index(block: &Block, length: usize) -> Result<Vec<(u16, usize, usize)>> {
    let header = (8 + length).next_multiple_of(8);
    let mut objects: Vec<(u16, usize, usize)> = Vec::new();
    let mut fields = block.cursor();
    fields.skip(header)?;
    while fields.left() >= header {
        let mut head = fields.part(header)?;
        let number = head.u16()?;
        head.skip(6)?;
        let size = head.count(length)?;
        // Object 0 is the free space.
        if number == 0 {
            break;
        }
        let start = fields.position();
        fields.skip(size).map_err(|_| block.malformed(format!("object {number} of {size} bytes is not all in it")))?;
        objects.push((number, start, fields.position()));
        // Padding, which may be absent at the end.
        fields.skip((size.next_multiple_of(8) - size).min(fields.left()))?;
    }
    objects.sort_unstable();
    if objects.windows(2).any(|pair| matches!(pair, [(one, ..), (two, ..)] if one == two)) {
        return Err(block.malformed("two objects have one number"));
    }
    Ok(objects)
}

/// The bytes of so many items of a size.
pub(crate) fn bytes_of(items: u32, size: usize) -> Result<usize> {
    let bytes = usize::try_from(items).ok().and_then(|items| items.checked_mul(size));
    bytes.ok_or_else(|| {
        Error::malformed(SECTION, format!("{items} items of {size} bytes are more than memory can hold"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Action;
    use crate::reader::test_store;

    fn object(number: u16, data: &[u8]) -> Vec<u8> {
        let mut object = number.to_le_bytes().to_vec();
        object.extend([1, 0, 0, 0, 0, 0]);
        object.extend((data.len() as u64).to_le_bytes());
        object.extend(data);
        object.resize(object.len().next_multiple_of(8), 0);
        object
    }

    fn collection(objects: &[Vec<u8>], size: u64) -> Result<Collection> {
        let mut bytes = b"GCOL\x01\0\0\0".to_vec();
        bytes.extend(size.to_le_bytes());
        bytes.extend(objects.concat());
        bytes.resize(200, 0);
        let store = test_store(bytes);
        Collection::read(&Reader::new(&store, Action::Values, 0), 0)
    }

    #[test]
    fn objects_are_found_by_number() -> Result<()> {
        let heap = collection(&[object(2, b"cells"), object(1, b"a"), object(7, "ü".as_bytes())], 200)?;
        assert_eq!((heap.get(7, 2)?, heap.get(2, 4)?, heap.get(1, 0)?), ("ü".as_bytes(), &b"cell"[..], &b""[..]));
        assert_eq!(heap.get(3, 1).unwrap_err().message(), "there is no object 3");
        assert_eq!(heap.get(65_537, 1).unwrap_err().message(), "there is no object 65537");
        assert_eq!(heap.get(1, 2).unwrap_err().message(), "object 1 has 1 bytes where 2 are referred to");
        Ok(())
    }

    #[test]
    fn damaged_collections_are_errors() {
        let mut long = object(1, b"abc");
        long[8] = 200;
        for (objects, size, why) in [
            (vec![long], 200, "object 1 of 200 bytes is not all in it"),
            (vec![object(1, b"a"), object(1, b"b")], 200, "two objects have one number"),
            (vec![], 201, "201 bytes are needed, and the file ends after 200"),
            (vec![], 8, "ends after 8 bytes, and 16 more are needed"),
        ] {
            assert_eq!(collection(&objects, size).unwrap_err().message(), why);
        }
    }

    #[test]
    fn references_to_nothing() -> Result<()> {
        let widths = Widths { address: 4, length: 4 };
        assert_eq!(HeapReference::size(widths), 12);
        let reference = HeapReference::parse(&[3, 0, 0, 0, 9, 0, 0, 0, 5, 0, 0, 0], widths)?;
        assert_eq!(reference, HeapReference { items: 3, collection: Some(9), object: 5 });
        assert_eq!(HeapReference::parse(&[0; 12], widths)?.collection, None);
        Ok(())
    }
}
