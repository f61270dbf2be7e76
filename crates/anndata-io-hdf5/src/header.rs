//! Attributes in an object header, read without the library.
//!
//! The library reads texts through its own global heap, where a damaged collection holds it in an endless loop. So the
//! bytes of attributes are taken from the header, and their texts from the heap as [`crate::heap`] reads it. Attributes
//! that are not in the header (many, or large ones) are left to the library.
//!
//! A header is a block of messages, of which one kind names a further block. Version 1: a prefix of 16 bytes; type (2),
//! size (2), flags (1), 3 reserved bytes. Version 2: `OHDR`, version, flags and what they say; type (1), size (2),
//! flags (1) and, where flag 2 is set, order (2); a checksum ends each block, and further blocks begin with `OCHK`.

use std::collections::HashMap;

use anndata_storage::{Error, Result};

use crate::file::RawFile;

/// Blocks that one header may have.
const MOST_BLOCKS: usize = 1024;
/// Bytes that one header may have.
const MOST_BYTES: u64 = 16 << 20;
/// The type of a message that holds an attribute.
const ATTRIBUTE: u16 = 0x000c;
/// The type of a message that says where the header goes on.
const CONTINUATION: u16 = 0x0010;

/// The stored bytes of the attributes in the header at an address, by name.
pub(crate) fn attributes(file: &RawFile, base: u64, address: u64) -> Result<HashMap<String, Vec<u8>>> {
    let mut found = HashMap::new();
    let (format, first) = first_block(file, base.saturating_add(address))?;
    let mut blocks = vec![first];
    let (mut count, mut total) = (0, 0_u64);
    while let Some(block) = blocks.pop() {
        count += 1;
        total = total.saturating_add(block.1);
        if count > MOST_BLOCKS || total > MOST_BYTES {
            return Err(Error::invalid_data("the header of the element does not end"));
        }
        let bytes = read_block(file, block)?;
        let messages = Messages { format, bytes: format.messages(&bytes, count == 1) };
        for (kind, message) in messages {
            match kind {
                ATTRIBUTE => {
                    if let Some((name, data)) = attribute(message) {
                        found.insert(name, data.to_vec());
                    }
                }
                CONTINUATION => {
                    let start = base.saturating_add(number(message.get(..8)));
                    blocks.push((start, number(message.get(8..16))));
                }
                _ => {}
            }
        }
    }
    Ok(found)
}

/// Start and length of a block.
type Block = (u64, u64);

/// The version of a header, with what its messages depend on.
#[derive(Debug, Clone, Copy)]
enum Format {
    One,
    Two { ordered: bool },
}

impl Format {
    /// The messages of a block without what surrounds them.
    fn messages(self, block: &[u8], is_first: bool) -> &[u8] {
        let end = block.len().saturating_sub(4);
        match self {
            Self::One => block,
            // The first block is read without its prefix and checksum.
            Self::Two { .. } if is_first => block,
            Self::Two { .. } if block.starts_with(b"OCHK") => block.get(4..end).unwrap_or_default(),
            Self::Two { .. } => &[],
        }
    }

    /// Type, size of the data, and size of the head of a message.
    fn head(self, bytes: &[u8]) -> Option<(u16, usize, usize)> {
        let (kind, size, head) = match self {
            Self::One => (bytes.get(..2)?, bytes.get(2..4)?, 8),
            Self::Two { ordered } => (bytes.get(..1)?, bytes.get(1..3)?, if ordered { 6 } else { 4 }),
        };
        Some((u16::try_from(number(Some(kind))).ok()?, usize::try_from(number(Some(size))).ok()?, head))
    }
}

struct Messages<'a> {
    format: Format,
    bytes: &'a [u8],
}

impl<'a> Iterator for Messages<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, size, head) = self.format.head(self.bytes)?;
        let message = self.bytes.get(head..head.checked_add(size)?)?;
        self.bytes = self.bytes.get(head + size..)?;
        Some((kind, message))
    }
}

/// The version of a header and where its first messages are.
fn first_block(file: &RawFile, at: u64) -> Result<(Format, Block)> {
    let mut prefix = [0; 16];
    file.read_at(at, &mut prefix)?;
    if prefix.first() == Some(&1) {
        return Ok((Format::One, (at.saturating_add(16), number(prefix.get(8..12)))));
    }
    if prefix.get(..5) != Some(b"OHDR\x02") {
        return Err(Error::invalid_data("the header of the element is not one"));
    }
    let flags = prefix.get(5).copied().unwrap_or(0);
    let times = if flags & 0x20 == 0 { 0 } else { 16 };
    let limits = if flags & 0x10 == 0 { 0 } else { 4 };
    let width = 1_usize << (flags & 3);
    let start = at.saturating_add(6 + times + limits);
    let mut size = [0; 8];
    let size = size.get_mut(..width).unwrap_or_default();
    file.read_at(start, size)?;
    Ok((Format::Two { ordered: flags & 4 != 0 }, (start.saturating_add(width as u64), number(Some(size)))))
}

fn read_block(file: &RawFile, (start, len): Block) -> Result<Vec<u8>> {
    file.check(start, len)?;
    let mut bytes = vec![0; usize::try_from(len).unwrap_or(0)];
    file.read_at(start, &mut bytes)?;
    Ok(bytes)
}

/// Name and values of an attribute: version, flags, sizes of name, type and shape (2 each), then these, each padded to
/// 8 bytes in version 1, and after a byte for the character set in version 3.
fn attribute(message: &[u8]) -> Option<(String, &[u8])> {
    let version = *message.first()?;
    let size = |at: usize| usize::try_from(number(Some(message.get(at..at + 2)?))).ok();
    let padded = |size: usize| if version == 1 { size.next_multiple_of(8) } else { size };
    let (name, datatype, shape) = (size(2)?, size(4)?, size(6)?);
    let start = match version {
        1 | 2 => 8,
        3 => 9,
        _ => return None,
    };
    let text = message.get(start..start + name)?;
    let end = text.iter().position(|&byte| byte == 0).unwrap_or(name);
    let data = message.get(start + padded(name) + padded(datatype) + padded(shape)..)?;
    Some((std::str::from_utf8(text.get(..end)?).ok()?.to_owned(), data))
}

/// A little-endian number of up to 8 bytes; 0 where it is missing.
fn number(bytes: Option<&[u8]>) -> u64 {
    bytes.unwrap_or_default().iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn attribute_message(version: u8, name: &str, data: &[u8]) -> Vec<u8> {
        let pad = |mut bytes: Vec<u8>| {
            if version == 1 {
                bytes.resize(bytes.len().next_multiple_of(8), 0);
            }
            bytes
        };
        let mut message = vec![version, 0, u8::try_from(name.len() + 1).unwrap(), 0, 3, 0, 5, 0];
        if version == 3 {
            message.push(1);
        }
        message.extend(pad([name.as_bytes(), &[0]].concat()));
        message.extend(pad(vec![7; 3]));
        message.extend(pad(vec![8; 5]));
        message.extend(data);
        message
    }

    fn in_file(bytes: &[u8]) -> Result<(tempfile::NamedTempFile, RawFile)> {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(bytes)?;
        let raw = RawFile::open(file.path(), false)?;
        Ok((file, raw))
    }

    fn version_one(messages: &[(u16, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (kind, message) in messages {
            bytes.extend(kind.to_le_bytes());
            bytes.extend(u16::try_from(message.len()).unwrap().to_le_bytes());
            bytes.extend([0; 4]);
            bytes.extend(message);
        }
        bytes
    }

    #[test]
    fn both_versions_and_further_blocks() -> Result<()> {
        let far = version_one(&[(ATTRIBUTE, attribute_message(1, "far", &[4, 5]))]);
        let next = [200_u64.to_le_bytes(), (far.len() as u64).to_le_bytes()].concat();
        let near = version_one(&[(1, vec![0; 8]), (ATTRIBUTE, attribute_message(2, "near", &[1, 2])), (16, next)]);
        let mut bytes = vec![0xaa; 8];
        bytes.extend([1, 0, 3, 0, 1, 0, 0, 0]);
        bytes.extend(u32::try_from(near.len()).unwrap().to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(near);
        bytes.resize(208, 0);
        bytes.extend(far);
        let (_keep, file) = in_file(&bytes)?;
        let found = attributes(&file, 8, 0)?;
        assert_eq!(found.get("near").map(Vec::as_slice), Some(&[1, 2][..]));
        assert_eq!(found.get("far").map(Vec::as_slice), Some(&[4, 5][..]));

        let message = attribute_message(3, "ü", &[9]);
        let mut bytes = b"OHDR\x02\x04".to_vec();
        bytes.push(u8::try_from(message.len() + 6).unwrap());
        bytes.extend([12, u8::try_from(message.len()).unwrap(), 0, 0, 1, 0]);
        bytes.extend(message);
        bytes.resize(100, 0);
        let (_keep, file) = in_file(&bytes)?;
        assert_eq!(attributes(&file, 0, 0)?.get("ü").map(Vec::as_slice), Some(&[9][..]));
        Ok(())
    }

    #[test]
    fn headers_in_circles_end() -> Result<()> {
        let next = [0_u64.to_le_bytes(), 24_u64.to_le_bytes()].concat();
        let mut bytes = version_one(&[(16, next)]);
        bytes.extend([1, 0, 1, 0, 1, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(bytes.clone());
        let (_keep, file) = in_file(&bytes)?;
        assert!(attributes(&file, 0, 24).is_err_and(|error| error.is_invalid_data()));
        assert!(attributes(&file, 0, 1 << 40).is_err());
        Ok(())
    }
}
