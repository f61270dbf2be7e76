//! The data layout message: where the values of an array are.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2.i "The Data Layout Message".

use crate::cursor::Cursor;
use crate::error::{Result, Section};
use crate::message::dataspace::MOST_AXES;

pub(crate) const SECTION: Section = Section::new("data layout message", "IV.A.2.i");

/// Where the values of an array are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataLayout {
    /// In the header of the array: these bytes.
    Compact(Vec<u8>),
    /// In one piece of the file.
    Contiguous {
        /// Its first byte in the file; `None` if nothing was written yet.
        offset: Option<u64>,
        /// The bytes that it is said to have.
        size: u64,
    },
    /// In pieces of one shape, which may be filtered.
    Chunked(ChunkedLayout),
}

/// How an array is cut into chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChunkedLayout {
    /// The shape of a chunk.
    pub shape: Vec<u64>,
    /// The bytes of one element.
    pub element_size: u64,
    /// How chunks are found.
    pub index: ChunkIndex,
    /// Whether chunks that reach over the edge of the array are stored without filters, whatever their mask says.
    pub partial_chunks_unfiltered: bool,
    /// The address of the index, if a chunk was written.
    pub(crate) address: Option<u64>,
}

/// How chunks are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChunkIndex {
    /// A B-tree of version 1 (III.A.1).
    BtreeV1,
    /// There is one chunk (VII.A); with filters, its size and mask are here.
    SingleChunk(Option<(u64, u32)>),
    /// All chunks follow each other (VII.B).
    Implicit,
    /// A fixed array (VII.C).
    FixedArray,
    /// An extensible array (VII.D).
    ExtensibleArray,
    /// A B-tree of version 2 (VII.E).
    BtreeV2,
}

/// The layout as the message has it, with addresses in the place of offsets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Compact(Vec<u8>),
    Contiguous { address: Option<u64>, size: u64 },
    Chunked(ChunkedLayout),
    Virtual,
}

pub(crate) fn parse(fields: &Cursor<'_>) -> Result<Stored> {
    let mut fields = fields.clone().named(SECTION);
    match fields.version(1..=5)? {
        1..=2 => old(&mut fields),
        version => new(&mut fields, version),
    }
}

/// Versions 1 and 2.
fn old(fields: &mut Cursor<'_>) -> Result<Stored> {
    let (len, class) = (fields.u8()?, fields.u8()?);
    fields.skip(5)?;
    let address = if class == 0 { None } else { fields.address()? };
    match class {
        0 => {
            lengths(fields, len, 4)?;
            let len = fields.count(4)?;
            Ok(Stored::Compact(fields.take(len)?.to_vec()))
        }
        1 => {
            let lengths = lengths(fields, len, 4)?;
            let size = lengths.iter().try_fold(1_u64, |size, &len| size.checked_mul(len));
            let size = size.ok_or_else(|| fields.malformed(format!("a piece of {lengths:?} bytes")))?;
            Ok(Stored::Contiguous { address, size })
        }
        2 => {
            let lengths = lengths(fields, len, 4)?;
            Ok(Stored::Chunked(chunked(fields, lengths, ChunkIndex::BtreeV1, address)?))
        }
        class => Err(fields.malformed(format!("a layout of class {class}"))),
    }
}

/// Versions 3 to 5.
fn new(fields: &mut Cursor<'_>, version: u8) -> Result<Stored> {
    match fields.u8()? {
        0 => {
            let len = fields.count(2)?;
            Ok(Stored::Compact(fields.take(len)?.to_vec()))
        }
        1 => Ok(Stored::Contiguous { address: fields.address()?, size: fields.length()? }),
        2 if version == 3 => {
            let len = fields.u8()?;
            let address = fields.address()?;
            let lengths = lengths(fields, len, 4)?;
            Ok(Stored::Chunked(chunked(fields, lengths, ChunkIndex::BtreeV1, address)?))
        }
        2 => {
            let (flags, len, width) = (fields.u8()?, fields.u8()?, usize::from(fields.u8()?));
            if !(1..=8).contains(&width) {
                return Err(fields.malformed(format!("lengths of {width} bytes")));
            }
            let lengths = lengths(fields, len, width)?;
            let index = index(fields, flags)?;
            let address = fields.address()?;
            let layout = chunked(fields, lengths, index, address)?;
            Ok(Stored::Chunked(ChunkedLayout { partial_chunks_unfiltered: flags & 1 != 0, ..layout }))
        }
        3 if version >= 4 => Ok(Stored::Virtual),
        class => Err(fields.malformed(format!("a layout of class {class}"))),
    }
}

/// The kind of an index. Its parameters are in its own header as well, which is where they are taken from.
fn index(fields: &mut Cursor<'_>, flags: u8) -> Result<ChunkIndex> {
    let (index, parameters) = match fields.u8()? {
        1 if flags & 2 != 0 => {
            let size = fields.length()?;
            (ChunkIndex::SingleChunk(Some((size, fields.u32()?))), 0)
        }
        1 => (ChunkIndex::SingleChunk(None), 0),
        2 => (ChunkIndex::Implicit, 0),
        3 => (ChunkIndex::FixedArray, 1),
        4 => (ChunkIndex::ExtensibleArray, 5),
        5 => (ChunkIndex::BtreeV2, 6),
        kind => return Err(fields.malformed(format!("an index of kind {kind}"))),
    };
    fields.skip(parameters)?;
    Ok(index)
}

fn lengths(fields: &mut Cursor<'_>, len: u8, width: usize) -> Result<Vec<u64>> {
    if usize::from(len) > MOST_AXES + 1 {
        return Err(fields.malformed(format!("{len} axes, of which there are {MOST_AXES} at most")));
    }
    (0..len).map(|_| fields.number(width)).collect()
}

/// The last of the lengths is the size of an element.
fn chunked(fields: &Cursor<'_>, mut shape: Vec<u64>, index: ChunkIndex, address: Option<u64>) -> Result<ChunkedLayout> {
    let element_size = shape.pop();
    if shape.is_empty() || shape.contains(&0) {
        return Err(fields.malformed(format!("chunks of no axes, or of length 0: {shape:?}")));
    }
    let element_size = element_size.filter(|&size| size > 0);
    let element_size = element_size.ok_or_else(|| fields.malformed("chunks of elements of no bytes"))?;
    if shape.iter().try_fold(element_size, |bytes, &len| bytes.checked_mul(len)).is_none() {
        return Err(fields.malformed(format!("chunks of shape {shape:?} of elements of {element_size} bytes")));
    }
    Ok(ChunkedLayout { shape, element_size, index, partial_chunks_unfiltered: false, address })
}

impl ChunkedLayout {
    /// The bytes of a chunk without filters.
    pub fn chunk_bytes(&self) -> u64 {
        // That the product is a number was seen when the message was parsed.
        self.shape.iter().fold(self.element_size, |bytes, &len| bytes.saturating_mul(len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::test::fields;

    const ADDRESS: [u8; 8] = [9, 0, 0, 0, 0, 0, 0, 0];

    fn layout(parts: &[&[u8]]) -> Result<Stored> {
        parse(&fields(&parts.concat()))
    }

    fn chunks(parts: &[&[u8]]) -> Result<(Vec<u64>, u64, ChunkIndex, bool)> {
        match layout(parts)? {
            Stored::Chunked(layout) => {
                assert_eq!(layout.address, Some(9));
                Ok((layout.shape, layout.element_size, layout.index, layout.partial_chunks_unfiltered))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_in_one_piece() -> Result<()> {
        assert_eq!(layout(&[&[3, 0, 2, 0, 7, 8]])?, Stored::Compact(vec![7, 8]));
        assert_eq!(layout(&[&[2, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 7, 8]])?, Stored::Compact(vec![7, 8]));
        let contiguous = Stored::Contiguous { address: Some(9), size: 12 };
        assert_eq!(layout(&[&[4, 1], &ADDRESS, &[12, 0, 0, 0, 0, 0, 0, 0]])?, contiguous);
        let old = [&[1, 2, 1, 0, 0, 0, 0, 0][..], &ADDRESS, &[3, 0, 0, 0, 4, 0, 0, 0]];
        assert_eq!(layout(&old)?, contiguous);
        assert_eq!(layout(&[&[4, 3], &ADDRESS, &[0; 4]])?, Stored::Virtual);
        Ok(())
    }

    #[test]
    fn chunks_of_all_indexes() -> Result<()> {
        let lengths = [3, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0];
        let expected = |index| (vec![3, 5], 4, index, false);
        assert_eq!(chunks(&[&[3, 2, 3], &ADDRESS, &lengths])?, expected(ChunkIndex::BtreeV1));
        assert_eq!(chunks(&[&[1, 3, 2, 0, 0, 0, 0, 0], &ADDRESS, &lengths])?, expected(ChunkIndex::BtreeV1));
        let head: &[u8] = &[4, 2, 0, 3, 1, 3, 5, 4];
        assert_eq!(chunks(&[head, &[1], &ADDRESS])?, expected(ChunkIndex::SingleChunk(None)));
        assert_eq!(chunks(&[head, &[2], &ADDRESS])?, expected(ChunkIndex::Implicit));
        assert_eq!(chunks(&[head, &[3, 10], &ADDRESS])?, expected(ChunkIndex::FixedArray));
        assert_eq!(chunks(&[head, &[4, 32, 4, 4, 16, 10], &ADDRESS])?, expected(ChunkIndex::ExtensibleArray));
        assert_eq!(chunks(&[head, &[5, 0, 8, 0, 0, 100, 40], &ADDRESS])?, expected(ChunkIndex::BtreeV2));
        let filtered = chunks(&[&[5, 2, 3, 2, 1, 3, 4, 1], &[77, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0], &ADDRESS])?;
        assert_eq!(filtered, (vec![3], 4, ChunkIndex::SingleChunk(Some((77, 1))), true));
        Ok(())
    }

    #[test]
    fn odd_ones_are_errors() {
        for (parts, why) in [
            (&[&[6, 1][..]][..], "version 6 is not known"),
            (&[&[3, 3]], "a layout of class 3"),
            (&[&[4, 2, 0, 34, 1]], "34 axes, of which there are 32 at most"),
            (&[&[4, 2, 0, 2, 9]], "lengths of 9 bytes"),
            (&[&[4, 2, 0, 2, 1, 3, 4, 6]], "an index of kind 6"),
            (&[&[4, 2, 0, 2, 1, 0, 4, 2], &ADDRESS], "chunks of no axes, or of length 0: [0]"),
            (&[&[4, 2, 0, 1, 1, 4, 2], &ADDRESS], "chunks of no axes, or of length 0: []"),
            (&[&[4, 2, 0, 2, 1, 3, 0, 2], &ADDRESS], "chunks of elements of no bytes"),
        ] {
            assert_eq!(layout(parts).unwrap_err().message(), why);
        }
        let large = layout(&[&[4, 2, 0, 3, 8], &[0xff; 16], &[4, 0, 0, 0, 0, 0, 0, 0, 2], &ADDRESS]).unwrap_err();
        assert!(large.message().starts_with("chunks of shape [18446744073709551615, "), "{large}");
    }
}
