//! Chunks in an extensible array: the index of arrays that may grow along one axis.
//!
//! HDF5 File Format Specification Version 3.0, VII.D "Extensible Array Index". The first elements are in the index block,
//! those after in data blocks that double in size, whose addresses are in the index block or in secondary blocks. Chunks are
//! numbered with the axis that grows as the slowest, wherever it is.

use super::fixed_array::is_set;
use super::{Chunks, Visit, position};
use crate::cursor::{Cursor, Widths};
use crate::error::{Error, Result, Section};

const SECTION: Section = Section::new("extensible array index", "VII.D");

/// What the header says.
#[derive(Debug)]
struct Head {
    /// The bytes of an element.
    element: usize,
    /// The bytes of a number of elements.
    offset_width: usize,
    /// Elements in the index block.
    in_index: u64,
    /// Elements of the smallest data block.
    least: u64,
    /// Data blocks whose addresses are in the index block.
    direct: u64,
    /// Secondary blocks that would stand for those, and all of them.
    direct_groups: u64,
    groups: u64,
    /// The elements of a page.
    page: u64,
    /// The number of elements up to the last that was set.
    len: u64,
    index: Option<u64>,
}

/// The data blocks of one secondary block.
#[derive(Debug, Clone, Copy)]
struct Group {
    blocks: u64,
    /// The elements of each block.
    elements: u64,
    /// The pages of each block, 0 where it is in one piece.
    pages: u64,
}

impl Head {
    fn group(&self, number: u64) -> Option<Group> {
        let blocks = 1_u64.checked_shl(u32::try_from(number / 2).ok()?)?;
        let elements = self.least.checked_mul(1_u64.checked_shl(u32::try_from(number.div_ceil(2)).ok()?)?)?;
        let pages = if elements > self.page { elements / self.page } else { 0 };
        Some(Group { blocks, elements, pages })
    }
}

pub(super) fn visit(chunks: &Chunks<'_>, visit: &mut Visit<'_>) -> Result<()> {
    let head = header(chunks)?;
    let Some(index) = head.index else { return Ok(()) };
    Walk::new(chunks, &head)?.index(index, visit)
}

fn header(chunks: &Chunks<'_>) -> Result<Head> {
    let Widths { address, length } = chunks.reader.widths();
    let block = chunks.reader.read_checked(SECTION, chunks.address, 16 + 6 * length + address)?;
    let mut fields = block.cursor();
    fields.signature(*b"EAHD")?;
    fields.version(0..=0)?;
    let (client, element) = (fields.u8()?, usize::from(fields.u8()?));
    let (bits, in_index, least, pointers, page_bits) =
        (fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?);
    // Numbers and sizes of secondary and data blocks.
    fields.skip(4 * length)?;
    let len = fields.length()?;
    fields.skip(length)?;
    let index = fields.address()?;
    chunks.check_elements(&fields, client, element)?;
    let powers = least.is_power_of_two() && pointers.is_power_of_two() && pointers >= 2;
    if !powers || page_bits > 31 || bits > 64 || least.ilog2() > u32::from(bits) {
        return Err(fields.malformed(format!(
            "an array of up to 2^{bits} elements in blocks of {least}, pages of 2^{page_bits} and {pointers} addresses"
        )));
    }
    let head = Head {
        element,
        offset_width: usize::from(bits).div_ceil(8),
        in_index: in_index.into(),
        least: least.into(),
        direct: 2 * (u64::from(pointers) - 1),
        direct_groups: 2 * u64::from(pointers.ilog2()),
        groups: 1 + u64::from(bits) - u64::from(least.ilog2()),
        page: 1 << page_bits,
        len,
        index,
    };
    let paged = (0..head.direct_groups).any(|group| head.group(group).is_none_or(|group| group.pages > 0));
    if paged {
        return Err(fields.malformed("data blocks in pages without a secondary block"));
    }
    Ok(head)
}

/// A walk over the blocks of an array.
struct Walk<'a> {
    chunks: &'a Chunks<'a>,
    head: &'a Head,
    grid: Vec<Option<u64>>,
    axes: Vec<usize>,
    /// The bytes of a data block before its elements, without the number of its first one.
    before: usize,
}

impl<'a> Walk<'a> {
    fn new(chunks: &'a Chunks<'a>, head: &'a Head) -> Result<Self> {
        let grid = chunks.largest_grid();
        let growing: Vec<usize> = (0..grid.len()).filter(|&axis| grid.get(axis) == Some(&None)).collect();
        let &[growing] = growing.as_slice() else {
            let message = format!("an array that may grow along {} axes", growing.len());
            return Err(Error::malformed(SECTION, message));
        };
        let axes = std::iter::once(growing).chain((0..grid.len()).filter(|&axis| axis != growing)).collect();
        Ok(Self { chunks, head, grid, axes, before: 6 + chunks.reader.widths().address })
    }

    /// The index block, and all that it leads to.
    fn index(&self, address: u64, visit: &mut Visit<'_>) -> Result<()> {
        let head = self.head;
        let secondary = head.groups.saturating_sub(head.direct_groups);
        let addresses = self.bytes(head.direct.saturating_add(secondary), self.chunks.reader.widths().address)?;
        let elements = self.bytes(head.in_index, head.element)?;
        let block = self.chunks.reader.read_checked(SECTION, address, self.before + elements + addresses + 4)?;
        let mut fields = block.cursor();
        fields.signature(*b"EAIB")?;
        fields.version(0..=0)?;
        fields.skip(self.before - 5)?;
        self.elements(&mut fields, 0, head.in_index, visit)?;
        let mut direct = fields.part(self.bytes(head.direct, self.chunks.reader.widths().address)?)?;
        let mut first = head.in_index;
        for number in 0..head.groups {
            if first >= head.len {
                break;
            }
            let group = head.group(number).ok_or_else(|| fields.malformed("a secondary block that is too large"))?;
            if number < head.direct_groups {
                self.blocks(&mut direct, group, first, &[], visit)?;
            } else if let Some(address) = fields.address()? {
                self.secondary(address, group, first, visit)?;
            }
            first = first.saturating_add(group.blocks.saturating_mul(group.elements));
        }
        Ok(())
    }

    /// A secondary block: which pages of its data blocks were written, and the addresses of these.
    fn secondary(&self, address: u64, group: Group, first: u64, visit: &mut Visit<'_>) -> Result<()> {
        let bitmap = self.bytes(group.blocks.saturating_mul(group.pages.div_ceil(8)), 1)?;
        let addresses = self.bytes(group.blocks, self.chunks.reader.widths().address)?;
        let before = self.before + self.head.offset_width;
        let block = self.chunks.reader.read_checked(SECTION, address, before + bitmap + addresses + 4)?;
        let mut fields = block.cursor();
        fields.signature(*b"EASB")?;
        fields.version(0..=0)?;
        fields.skip(before - 5)?;
        let bitmap = fields.take(bitmap)?;
        self.blocks(&mut fields, group, first, bitmap, visit)
    }

    /// The data blocks whose addresses come next.
    fn blocks(
        &self,
        addresses: &mut Cursor<'_>,
        group: Group,
        first: u64,
        bitmap: &[u8],
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        for number in 0..group.blocks {
            let address = addresses.address()?;
            let first = first.saturating_add(number.saturating_mul(group.elements));
            match address {
                Some(address) if first < self.head.len && group.pages == 0 => {
                    self.data(address, group, first, visit)?;
                }
                Some(address) if first < self.head.len => {
                    // The bits of all blocks follow each other, though there is room for whole bytes.
                    let bits = number * group.pages;
                    let is_written = |page| is_set(bitmap, bits + page);
                    self.pages(address, group, first, &is_written, visit)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A data block in one piece.
    fn data(&self, address: u64, group: Group, first: u64, visit: &mut Visit<'_>) -> Result<()> {
        let before = self.before + self.head.offset_width;
        let elements = self.bytes(group.elements, self.head.element)?;
        let block = self.chunks.reader.read_checked(SECTION, address, before + elements + 4)?;
        let mut fields = block.cursor();
        fields.signature(*b"EADB")?;
        fields.version(0..=0)?;
        fields.skip(before - 5)?;
        self.elements(&mut fields, first, group.elements, visit)
    }

    /// A data block in pages, each with a checksum of its own.
    fn pages(
        &self,
        address: u64,
        group: Group,
        first: u64,
        is_written: &dyn Fn(u64) -> bool,
        visit: &mut Visit<'_>,
    ) -> Result<()> {
        let before = self.before + self.head.offset_width;
        let head = self.chunks.reader.read_checked(SECTION, address, before + 4)?;
        head.cursor().signature(*b"EADB")?;
        let page = self.bytes(self.head.page, self.head.element)? + 4;
        let mut address = address.saturating_add(before as u64 + 4);
        for number in 0..group.pages {
            let first = first.saturating_add(number.saturating_mul(self.head.page));
            if first >= self.head.len {
                break;
            }
            if is_written(number) {
                let block = self.chunks.reader.read_checked(SECTION, address, page)?;
                self.elements(&mut block.cursor(), first, self.head.page, visit)?;
            }
            address = address.saturating_add(page as u64);
        }
        Ok(())
    }

    /// So many elements, of which the first has a number.
    fn elements(&self, fields: &mut Cursor<'_>, first: u64, len: u64, visit: &mut Visit<'_>) -> Result<()> {
        for number in first..first.saturating_add(len) {
            if let Some(found) = self.chunks.element(fields, self.head.element)? {
                let position = position(number, &self.grid, &self.axes);
                self.chunks.report(SECTION, &position, found, visit)?;
            }
        }
        Ok(())
    }

    /// The bytes of so many items, which the file has.
    fn bytes(&self, items: u64, size: usize) -> Result<usize> {
        let bytes = items.checked_mul(size as u64).filter(|&bytes| bytes <= self.chunks.reader.file_len());
        bytes.and_then(|bytes| usize::try_from(bytes).ok()).ok_or_else(|| {
            Error::malformed(SECTION, format!("{items} items of {size} bytes are more than the file has"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::test::{at, checked, chunks};
    use super::*;
    use crate::ChunkIndex;

    const UNDEFINED: u64 = u64::MAX;

    fn addresses(addresses: &[u64]) -> Vec<u8> {
        addresses.iter().flat_map(|address| address.to_le_bytes()).collect()
    }

    /// An array of 8 bits of elements: one in the index block, data blocks of 2 at least, 2 direct data blocks.
    fn array(len: u64, index: &[u64], rest: &[u8]) -> Vec<u8> {
        let mut head = b"EAHD\0\0\x08\x08\x01\x02\x02\x02".to_vec();
        head.extend([0; 32]);
        head.extend(len.to_le_bytes());
        head.extend([0; 8]);
        head.extend(80_u64.to_le_bytes());
        let mut bytes = checked(&head);
        bytes.resize(80, 0);
        bytes.extend(checked(&[b"EAIB\0\0\0\0\0\0\0\0\0\0".to_vec(), addresses(index)].concat()));
        bytes.extend(rest);
        bytes.resize(400, 0);
        bytes
    }

    fn index(direct: [u64; 2]) -> Vec<u64> {
        [vec![5], direct.to_vec(), vec![UNDEFINED; 6]].concat()
    }

    #[test]
    fn elements_of_all_blocks_are_found() -> Result<()> {
        let head = array(5, &index([UNDEFINED; 2]), &[]);
        assert_eq!(chunks(head, ChunkIndex::ExtensibleArray, (&[9], &[None]), false)?, [(vec![0], at(5, 2))]);
        let data = checked(&[&b"EADB\0\0\0\0\0\0\0\0\0\0\x01"[..], &addresses(&[7, UNDEFINED])].concat());
        let bytes = array(3, &index([170, UNDEFINED]), &data);
        let found = chunks(bytes.clone(), ChunkIndex::ExtensibleArray, (&[9], &[None]), false)?;
        assert_eq!(found, [(vec![0], at(5, 2)), (vec![1], at(7, 2))]);
        // The axis that grows is the slowest: number 1 is beside number 0 on the other one.
        let found = chunks(bytes, ChunkIndex::ExtensibleArray, (&[4, 2], &[Some(4), None]), false)?;
        assert_eq!(found, [(vec![0, 0], at(5, 4)), (vec![1, 0], at(7, 4))]);
        Ok(())
    }

    /// Pages of 4 elements: the first data blocks in pages are two of 8 elements, each of 2 pages.
    #[test]
    fn the_bits_of_pages_follow_each_other() -> Result<()> {
        // Elements 0; 1 and 2; 3 to 6; 7 to 14 in two blocks of 4; then 15 to 30 in two blocks of 8.
        let mut index = vec![UNDEFINED; 9];
        index[4] = 200;
        let mut bytes = array(31, &index, &[]);
        bytes.truncate(200);
        let head = [0; 10];
        // The second page of the first block and the first of the second one were written.
        bytes.extend(checked(&[b"EASB", &head[..], &[15, 0b0110_0000, 0], &addresses(&[300, 400])].concat()));
        bytes.resize(300, 0);
        for (pages, elements) in [([1, 0], [1, 2, 3, 4]), ([0, 1], [5, 6, UNDEFINED, 8])] {
            let start = bytes.len();
            bytes.extend(checked(&[b"EADB", &head[..], &[15]].concat()));
            for page in pages {
                let page = if page == 0 { checked(&addresses(&elements)) } else { vec![0xaa; 36] };
                bytes.extend(page);
            }
            bytes.resize(start + 100, 0);
        }
        let found = chunks(bytes, ChunkIndex::ExtensibleArray, (&[62], &[None]), false)?;
        let found: Vec<(u64, u64)> = found.iter().map(|(position, chunk)| (position[0], chunk.offset)).collect();
        assert_eq!(found, [(19, 1), (20, 2), (21, 3), (22, 4), (23, 5), (24, 6), (26, 8)]);
        Ok(())
    }

    #[test]
    fn odd_arrays_are_errors() {
        let head = array(5, &index([UNDEFINED; 2]), &[]);
        let of = |max_shape: &[Option<u64>], bytes: &[u8]| {
            chunks(bytes.to_vec(), ChunkIndex::ExtensibleArray, (&[4, 2], max_shape), false).unwrap_err()
        };
        assert_eq!(of(&[None, None], &head).message(), "an array that may grow along 2 axes");
        assert_eq!(of(&[Some(4), Some(2)], &head).message(), "an array that may grow along 0 axes");
        for (at, value, why) in
            [(9, 3, "an array of up to 2^8 elements"), (10, 1, "an array of up to 2^8"), (7, 0, "an array of up to")]
        {
            let mut bytes = head.clone();
            bytes[at] = value;
            let checksum = crate::checksum::lookup3(&bytes[..68]);
            bytes[68..72].copy_from_slice(&checksum.to_le_bytes());
            let error = of(&[Some(4), None], &bytes);
            assert!(error.message().starts_with(why), "{error}");
        }
        let lost = array(3, &index([999, UNDEFINED]), &[]);
        assert!(of(&[Some(4), None], &lost).message().contains("outside the file"));
    }
}
