//! Chunks in a fixed array: the index of arrays that cannot grow without a limit.
//!
//! HDF5 File Format Specification Version 3.0, VII.C "Fixed Array Index". Chunks are numbered as in an array as long as it may
//! become. A long array is kept in pages, and a bitmap says which of them were written.

use super::{Chunks, Visit, position};
use crate::cursor::{Cursor, Widths};
use crate::error::{Result, Section};

const SECTION: Section = Section::new("fixed array index", "VII.C");

/// What the header says.
struct Head {
    /// The bytes of an element.
    element: usize,
    /// The elements of a page.
    page: u64,
    len: u64,
    data: Option<u64>,
}

pub(super) fn visit(chunks: &Chunks<'_>, visit: &mut Visit<'_>) -> Result<()> {
    let head = header(chunks)?;
    let Some(data) = head.data else { return Ok(()) };
    let paged = head.len > head.page;
    let page_count = if paged { head.len.div_ceil(head.page) } else { 0 };
    let bitmap = bytes(chunks, page_count.div_ceil(8), 1)?;
    let before = 6 + chunks.reader.widths().address;
    let elements = if paged { 0 } else { bytes(chunks, head.len, head.element)? };
    let block = chunks.reader.read_checked(SECTION, data, before + bitmap + elements + 4)?;
    let mut fields = block.cursor();
    fields.signature(*b"FADB")?;
    fields.version(0..=0)?;
    fields.skip(before - 5)?;
    if !paged {
        return report(chunks, &mut fields, head.element, 0..head.len, visit);
    }
    let written = fields.take(bitmap)?;
    let mut address = data.saturating_add((before + bitmap + 4) as u64);
    for page in 0..page_count {
        let numbers = page * head.page..head.len.min((page + 1) * head.page);
        let len = bytes(chunks, numbers.end - numbers.start, head.element)? + 4;
        if is_set(written, page) {
            let block = chunks.reader.read_checked(SECTION, address, len)?;
            report(chunks, &mut block.cursor(), head.element, numbers, visit)?;
        }
        address = address.saturating_add(len as u64);
    }
    Ok(())
}

fn header(chunks: &Chunks<'_>) -> Result<Head> {
    let Widths { address, length } = chunks.reader.widths();
    let block = chunks.reader.read_checked(SECTION, chunks.address, 12 + length + address)?;
    let mut fields = block.cursor();
    fields.signature(*b"FAHD")?;
    fields.version(0..=0)?;
    let (client, element, page_bits) = (fields.u8()?, usize::from(fields.u8()?), fields.u8()?);
    let (len, data) = (fields.length()?, fields.address()?);
    chunks.check_elements(&fields, client, element)?;
    if page_bits > 31 {
        return Err(fields.malformed(format!("pages of 2^{page_bits} elements")));
    }
    if chunks.most() != Some(len) {
        return Err(fields.malformed(format!(
            "an array of {len} elements for chunks of shape {:?} in an array of at most {:?}",
            chunks.layout.shape, chunks.max_shape
        )));
    }
    Ok(Head { element, page: 1 << page_bits, len, data })
}

/// The bytes of so many elements, which the file has.
fn bytes(chunks: &Chunks<'_>, elements: u64, size: usize) -> Result<usize> {
    let bytes = elements.checked_mul(size as u64).filter(|&bytes| bytes <= chunks.reader.file_len());
    bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(|| {
        crate::Error::malformed(SECTION, format!("{elements} elements of {size} bytes are more than the file has"))
    })
}

/// Whether a bit is set, counted from the highest of each byte.
pub(super) fn is_set(bitmap: &[u8], bit: u64) -> bool {
    let byte = usize::try_from(bit / 8).ok().and_then(|byte| bitmap.get(byte));
    byte.is_some_and(|byte| byte >> (7 - bit % 8) & 1 == 1)
}

fn report(
    chunks: &Chunks<'_>,
    fields: &mut Cursor<'_>,
    element: usize,
    numbers: std::ops::Range<u64>,
    visit: &mut Visit<'_>,
) -> Result<()> {
    let grid = chunks.largest_grid();
    let axes: Vec<usize> = (0..grid.len()).collect();
    for number in numbers {
        if let Some(found) = chunks.element(fields, element)? {
            chunks.report(SECTION, &position(number, &grid, &axes), found, visit)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::test::{at, checked, chunks};
    use super::*;
    use crate::ChunkIndex;

    const UNDEFINED: u64 = u64::MAX;

    fn array(page_bits: u8, len: u64, data: &[u8]) -> Vec<u8> {
        let mut head = b"FAHD\0\0\x08".to_vec();
        head.push(page_bits);
        head.extend(len.to_le_bytes());
        head.extend(40_u64.to_le_bytes());
        let mut bytes = checked(&head);
        bytes.resize(40, 0);
        bytes.extend(data);
        bytes
    }

    fn addresses(addresses: &[u64]) -> Vec<u8> {
        addresses.iter().flat_map(|address| address.to_le_bytes()).collect()
    }

    fn block(rest: &[u8]) -> Vec<u8> {
        checked(&[b"FADB\0\0\0\0\0\0\0\0\0\0", rest].concat())
    }

    #[test]
    fn elements_in_one_block() -> Result<()> {
        let data = block(&addresses(&[5, UNDEFINED, 6, 7, 8, 9]));
        let found = chunks(array(10, 6, &data), ChunkIndex::FixedArray, (&[3, 4], &[Some(3), Some(5)]), false)?;
        assert_eq!(found, [(vec![0, 0], at(5, 4)), (vec![1, 0], at(7, 4)), (vec![1, 1], at(8, 4))]);
        Ok(())
    }

    #[test]
    fn elements_in_pages() -> Result<()> {
        let pages = [block(&[0b1010_0000]), checked(&addresses(&[1, 2])), vec![0xaa; 20], checked(&addresses(&[3]))];
        let found = chunks(array(1, 5, &pages.concat()), ChunkIndex::FixedArray, (&[10], &[Some(10)]), false)?;
        assert_eq!(found, [(vec![0], at(1, 2)), (vec![1], at(2, 2)), (vec![4], at(3, 2))]);
        Ok(())
    }

    #[test]
    fn odd_arrays_are_errors() {
        let data = block(&addresses(&[5, 6]));
        let mut damaged = array(10, 2, &data);
        damaged[55] ^= 1;
        for (bytes, filtered, why) in [
            (damaged, false, "the checksum is wrong"),
            (array(10, 2, &data), true, "elements of 8 bytes and kind 0 for filtered chunks"),
            (array(40, 2, &data), false, "pages of 2^40 elements"),
            (
                array(10, 3, &data),
                false,
                "an array of 3 elements for chunks of shape [2] in an array of at most [Some(4)]",
            ),
        ] {
            let error = chunks(bytes, ChunkIndex::FixedArray, (&[4], &[Some(4)]), filtered).unwrap_err();
            assert_eq!(error.message(), why);
        }
        let most = u64::MAX / 2;
        let error = chunks(array(10, most.div_ceil(2), &data), ChunkIndex::FixedArray, (&[4], &[Some(most)]), false);
        assert!(error.unwrap_err().message().contains("more than the file has"));
    }
}
