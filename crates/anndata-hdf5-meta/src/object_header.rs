//! Object headers: the messages of a group, an array or a named datatype.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.1 "Data Object Header Prefix" and IV.A.2.q "The Object Header Continuation
//! Message". Messages are kept as they are and parsed when they are asked for, so that one that is damaged spoils only what
//! it describes.

use std::collections::HashSet;

use crate::cursor::{Cursor, Widths};
use crate::error::{Result, Section};
use crate::reader::{Block, Reader};

const SECTION: Section = Section::new("object header", "IV.A.1");
const CONTINUATION: Section = Section::new("object header continuation", "IV.A.2.q");

/// The last type of message that there is.
const LAST_KNOWN: u16 = 0x18;

/// The types of messages that are read here.
pub(crate) mod kind {
    pub(crate) const DATASPACE: u16 = 0x01;
    pub(crate) const LINK_INFO: u16 = 0x02;
    pub(crate) const DATATYPE: u16 = 0x03;
    pub(crate) const OLD_FILL_VALUE: u16 = 0x04;
    pub(crate) const FILL_VALUE: u16 = 0x05;
    pub(crate) const LINK: u16 = 0x06;
    pub(crate) const EXTERNAL_FILES: u16 = 0x07;
    pub(crate) const DATA_LAYOUT: u16 = 0x08;
    pub(crate) const FILTER_PIPELINE: u16 = 0x0b;
    pub(crate) const ATTRIBUTE: u16 = 0x0c;
    pub(crate) const SHARED_MESSAGE_TABLE: u16 = 0x0f;
    pub(crate) const CONTINUATION: u16 = 0x10;
    pub(crate) const SYMBOL_TABLE: u16 = 0x11;
    pub(crate) const BTREE_RANKS: u16 = 0x13;
    pub(crate) const DRIVER_INFO: u16 = 0x14;
    pub(crate) const ATTRIBUTE_INFO: u16 = 0x15;
}

/// Bits of a message's flags.
const SHARED: u8 = 1 << 1;
const MUST_BE_KNOWN: u8 = 1 << 7;

/// Bits of the flags of a header of version 2.
const ATTRIBUTE_ORDER_TRACKED: u8 = 1 << 2;
const ATTRIBUTE_LIMITS: u8 = 1 << 4;
const TIMES: u8 = 1 << 5;

/// The messages of one object.
#[derive(Debug)]
pub(crate) struct ObjectHeader {
    messages: Vec<Message>,
    /// Whether attributes know in which order they were made.
    pub(crate) attribute_order: bool,
    widths: Widths,
    /// The bytes of all parts.
    bytes: u64,
}

/// A message as it is stored.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: u16,
    flags: u8,
    /// The number of an attribute in the order in which they were made.
    pub(crate) creation: u16,
    data: Box<[u8]>,
    origin: u64,
    widths: Widths,
}

impl Message {
    /// Whether it says where the message is, and is not the message itself.
    pub(crate) fn is_shared(&self) -> bool {
        self.flags & SHARED != 0
    }

    /// Its bytes.
    pub(crate) fn cursor(&self) -> Cursor<'_> {
        Cursor::new(&self.data, self.origin, self.widths, SECTION)
    }
}

/// How the messages of a header are laid out.
#[derive(Debug, Clone, Copy)]
struct Form {
    version: u8,
    flags: u8,
}

impl Form {
    fn tracks_order(self) -> bool {
        self.version == 2 && self.flags & ATTRIBUTE_ORDER_TRACKED != 0
    }

    /// The bytes before the data of a message.
    fn head(self) -> usize {
        match self.version {
            1 => 8,
            _ if self.tracks_order() => 6,
            _ => 4,
        }
    }
}

impl ObjectHeader {
    /// Reads the header at an address, with all its continuations.
    pub(crate) fn read(reader: &Reader<'_>, address: u64) -> Result<Self> {
        let (form, first) = first_part(reader, address)?;
        let mut header =
            Self { messages: Vec::new(), attribute_order: form.tracks_order(), widths: reader.widths(), bytes: 0 };
        let mut seen = HashSet::new();
        let mut todo = vec![first];
        while let Some(part) = todo.pop() {
            header.bytes = header.bytes.saturating_add(part.block.bytes().len() as u64);
            if header.bytes > reader.file_len() {
                return Err(part.block.malformed("the parts of a header share bytes"));
            }
            let continuations = header.take(&part, form)?;
            for (address, len) in continuations {
                if !seen.insert(address) {
                    return Err(part.block.malformed("continuations go round in a circle"));
                }
                todo.push(continuation(reader, form, address, len)?);
            }
        }
        Ok(header)
    }

    /// Takes the messages out of a part; returns where the header goes on.
    fn take(&mut self, part: &Part, form: Form) -> Result<Vec<(u64, usize)>> {
        let mut fields = part.block.cursor();
        fields.skip(part.start)?;
        let mut continuations = Vec::new();
        while fields.left() >= form.head() {
            let (kind, len, flags, creation);
            if form.version == 1 {
                (kind, len, flags, creation) = (fields.u16()?, fields.count(2)?, fields.u8()?, 0);
                fields.skip(3)?;
            } else {
                (kind, len, flags) = (u16::from(fields.u8()?), fields.count(2)?, fields.u8()?);
                creation = if form.tracks_order() { fields.u16()? } else { 0 };
            }
            let origin = fields.offset();
            let data = fields.take(len)?;
            match kind {
                0 => {}
                kind::CONTINUATION => {
                    let mut fields = Cursor::new(data, origin, self.widths, CONTINUATION);
                    continuations.push((fields.needed_address()?, fields.count(self.widths.length)?));
                }
                _ if kind > LAST_KNOWN && flags & MUST_BE_KNOWN != 0 => {
                    return Err(
                        fields.unsupported(format!("a message of type {kind} has to be understood, and is not"))
                    );
                }
                _ => {
                    let (data, widths) = (data.into(), self.widths);
                    self.messages.push(Message { kind, flags, creation, data, origin, widths });
                }
            }
        }
        Ok(continuations)
    }

    /// The messages, in their order.
    pub(crate) fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The first message of a type.
    pub(crate) fn find(&self, kind: u16) -> Option<&Message> {
        self.messages.iter().find(|message| message.kind == kind)
    }

    /// About how much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        // Fallback: an estimate.
        usize::try_from(self.bytes).unwrap_or(usize::MAX).saturating_add(self.messages.len() * size_of::<Message>())
    }
}

/// A part of a header, and where in it the messages begin.
#[derive(Debug)]
struct Part {
    block: Block,
    start: usize,
}

fn first_part(reader: &Reader<'_>, address: u64) -> Result<(Form, Part)> {
    let head = reader.read_up_to(SECTION, address, 34)?;
    let mut fields = head.cursor();
    if !head.bytes().starts_with(b"OHDR") {
        fields.version(1..=1)?;
        fields.skip(7)?;
        let len = fields.count(4)?;
        // The prefix is padded to 16 bytes.
        let block = reader.read(SECTION, address.saturating_add(16), len)?;
        return Ok((Form { version: 1, flags: 0 }, Part { block, start: 0 }));
    }
    fields.signature(*b"OHDR")?;
    fields.version(2..=2)?;
    let flags = fields.u8()?;
    if flags & TIMES != 0 {
        fields.skip(16)?;
    }
    if flags & ATTRIBUTE_LIMITS != 0 {
        fields.skip(4)?;
    }
    let len = fields.count(1 << (flags & 3))?;
    let start = fields.position();
    let len = len.checked_add(start + 4).ok_or_else(|| head.malformed("is longer than memory"))?;
    let block = reader.read_checked(SECTION, address, len)?;
    Ok((Form { version: 2, flags }, Part { block, start }))
}

fn continuation(reader: &Reader<'_>, form: Form, address: u64, len: usize) -> Result<Part> {
    if form.version == 1 {
        return Ok(Part { block: reader.read(CONTINUATION, address, len)?, start: 0 });
    }
    let block = reader.read_checked(CONTINUATION, address, len)?;
    block.cursor().signature(*b"OCHK")?;
    Ok(Part { block, start: 4 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::lookup3;
    use crate::limits::Action;
    use crate::reader::test_store;

    fn checked(mut bytes: Vec<u8>) -> Vec<u8> {
        let checksum = lookup3(&bytes);
        bytes.extend(checksum.to_le_bytes());
        bytes
    }

    fn message(kind: u8, flags: u8, data: &[u8]) -> Vec<u8> {
        [&[kind, u8::try_from(data.len()).unwrap(), 0, flags], data].concat()
    }

    fn continues(address: u64, len: u64) -> Vec<u8> {
        message(0x10, 0, &[address.to_le_bytes(), len.to_le_bytes()].concat())
    }

    fn version_2(messages: &[Vec<u8>]) -> Vec<u8> {
        let messages = messages.concat();
        checked([b"OHDR\x02\x00", &[u8::try_from(messages.len()).unwrap()][..], &messages].concat())
    }

    fn kinds(bytes: Vec<u8>) -> Result<Vec<u16>> {
        let store = test_store(bytes);
        let header = ObjectHeader::read(&Reader::new(&store, Action::Open, 0), 0)?;
        Ok(header.messages().iter().map(|message| message.kind).collect())
    }

    #[test]
    fn messages_of_all_parts_are_found() -> Result<()> {
        let mut bytes = version_2(&[message(1, 0, b"a"), continues(100, 16), message(0, 0, b"xyz")]);
        bytes.resize(100, 0);
        bytes.extend(checked([b"OCHK".to_vec(), message(3, 0, b"abcd")].concat()));
        assert_eq!(kinds(bytes)?, [1, 3]);

        let mut bytes = vec![1, 0, 2, 0, 1, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend([3, 0, 8, 0, 2, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
        let store = test_store(bytes);
        let header = ObjectHeader::read(&Reader::new(&store, Action::Open, 0), 0)?;
        let found = header.find(kind::DATATYPE).unwrap();
        assert_eq!(
            (found.is_shared(), found.cursor().rest(), found.cursor().offset()),
            (true, &[1, 2, 3, 4, 5, 6, 7, 8][..], 24)
        );
        Ok(())
    }

    #[test]
    fn circles_and_odd_headers_are_errors() {
        let mut round = version_2(&[continues(100, 28)]);
        round.resize(100, 0);
        round.extend(checked([b"OCHK".to_vec(), continues(100, 28)].concat()));
        let mut unmarked = version_2(&[continues(100, 16)]);
        unmarked.resize(100, 0);
        unmarked.extend(checked([b"OCHX".to_vec(), message(3, 0, b"abcd")].concat()));
        for (bytes, why) in [
            (round, "continuations go round in a circle"),
            (unmarked, "does not begin with OCHK"),
            (version_2(&[message(99, 0x80, b"")]), "a message of type 99 has to be understood, and is not"),
            (vec![7; 40], "version 7 is not known"),
            (version_2(&[message(1, 0, b"abc")])[..12].to_vec(), "18 bytes are needed, and the file ends after 12"),
            (version_2(&[continues(500, 16)]), "address 500 lies outside the file of 31 bytes"),
        ] {
            assert_eq!(kinds(bytes).unwrap_err().message(), why);
        }
        assert_eq!(kinds(version_2(&[message(99, 0, b"")])).unwrap(), [99]);
    }
}
