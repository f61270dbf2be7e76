//! A look at metadata before the library takes it.
//!
//! The library trusts some of what a file says of itself, and ends the process where that is wrong: it divides by the
//! lengths of a chunk, takes a B-tree for one of another kind, and takes two heaps for one where they share bytes. Here
//! object headers, the B-trees that they name, and local heaps are looked at as far as that goes; all else the library
//! checks itself.

use std::collections::BTreeMap;

/// The class of a layout whose values are in chunks.
const CHUNKED: u8 = 2;
/// The numbers of axes that a layout may have, that of the bytes of an element included.
const AXES: std::ops::RangeInclusive<u8> = 2..=33;
/// Bytes of continued object headers that are followed.
const MOST: u64 = 1 << 24;

/// The kinds of messages that are looked at.
mod message {
    pub(super) const LINK_INFO: u16 = 0x02;
    pub(super) const LAYOUT: u16 = 0x08;
    pub(super) const CONTINUATION: u16 = 0x10;
    pub(super) const ATTRIBUTE_INFO: u16 = 0x15;
}

/// The records of version 2 B-trees.
mod record {
    pub(super) const LAST: u8 = 11;
    pub(super) const LINK_NAME: u8 = 5;
    pub(super) const LINK_ORDER: u8 = 6;
    pub(super) const ATTRIBUTE_NAME: u8 = 8;
    pub(super) const ATTRIBUTE_ORDER: u8 = 9;
}

/// Reads bytes at an address of the file; false where that cannot be done.
pub(super) type Read<'a> = &'a dyn Fn(u64, &mut [u8]) -> bool;

/// What is known of an open file.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Bytes of an address and of a length; not known before the superblock is read.
    widths: Option<(usize, usize)>,
    /// Where bytes of local heaps begin, with where they end and the address of the heap.
    heaps: BTreeMap<u64, (u64, u64)>,
}

/// Why a piece of metadata is not handed to the library.
type Checked = Result<(), String>;

impl Known {
    /// Looks at bytes that were read at an address. Addresses in the file count from `base`.
    pub(super) fn check(&mut self, bytes: &[u8], at: u64, base: u64, read: Read<'_>) -> Checked {
        if let Some(superblock) = bytes.strip_prefix(b"\x89HDF\r\n\x1a\n") {
            let position = if superblock.first().is_some_and(|&version| version < 2) { 5 } else { 1 };
            if let Some(&[address, length]) = superblock.get(position..position + 2).and_then(<[u8]>::first_chunk) {
                self.widths = Some((usize::from(address), usize::from(length)));
            }
            return Ok(());
        }
        let Some(widths) = self.widths else { return Ok(()) };
        let file = File { base, widths, read };
        match bytes {
            [b'H', b'E', b'A', b'P', ..] => self.check_heap(&file, bytes, at),
            [b'B', b'T', b'H', b'D', _, kind, ..] if *kind == 0 || *kind > record::LAST => {
                Err(format!("the B-tree at {at} has records of the unknown kind {kind}"))
            }
            [b'O', b'H', b'D', b'R', 2, flags, ..] => file.check_header_2(bytes, at, *flags),
            // Nothing marks a header of the first version.
            [1, 0, ..] => file.check_header_1(bytes, at),
            _ => Ok(()),
        }
    }

    /// No two heaps share bytes.
    fn check_heap(&mut self, file: &File<'_>, bytes: &[u8], at: u64) -> Checked {
        let (address, length) = file.widths;
        let prefix = 8 + 2 * length + address;
        let (Some(size), Some(data)) = (number(bytes, 8, length), number(bytes, 8 + 2 * length, address)) else {
            return Ok(());
        };
        let data = data.saturating_add(file.base);
        let pieces = [(at, at.saturating_add(prefix as u64)), (data, data.saturating_add(size))];
        let [(_, end), (start, after)] = pieces;
        if start < end && at < after && start != end {
            return Err(format!("the local heap at {at} says that its data are where it is itself"));
        }
        for (start, end) in pieces.into_iter().filter(|(start, end)| start < end) {
            let before = self.heaps.range(..end).next_back();
            if let Some((_, &(other_end, other))) = before
                && other_end > start
                && other != at
            {
                return Err(format!("the local heaps at {at} and {other} share bytes"));
            }
            self.heaps.insert(start, (end, at));
        }
        Ok(())
    }
}

/// How to find one's way in a file.
struct File<'a> {
    base: u64,
    widths: (usize, usize),
    read: Read<'a>,
}

impl File<'_> {
    fn check_header_1(&self, bytes: &[u8], at: u64) -> Checked {
        let Some(len) = number(bytes, 8, 4) else { return Ok(()) };
        self.check_messages(bytes, at, 16, len, &|messages| split_1(messages))
    }

    fn check_header_2(&self, bytes: &[u8], at: u64, flags: u8) -> Checked {
        let start = 6 + if flags & 0x20 == 0 { 0 } else { 16 } + if flags & 0x10 == 0 { 0 } else { 4 };
        let width = 1 << (flags & 3);
        let Some(len) = number(bytes, start, width) else { return Ok(()) };
        let ordered = flags & 4 != 0;
        self.check_messages(bytes, at, start + width, len, &move |messages| split_2(messages, ordered))
    }

    /// Looks at the messages of a header and of what continues it. `bytes` are the first of the header.
    fn check_messages(&self, bytes: &[u8], at: u64, start: usize, len: u64, split: Split<'_>) -> Checked {
        let mut budget = MOST;
        let given = bytes.get(start..).unwrap_or_default();
        let mut pieces = Vec::new();
        match usize::try_from(len).ok().and_then(|len| given.get(..len)) {
            Some(all) => pieces.push(all.to_vec()),
            None => pieces.extend(self.piece(at.saturating_add(start as u64), len, &mut budget)),
        }
        while let Some(piece) = pieces.pop() {
            // A continuation of version 2 has a mark before its messages.
            let mut rest = piece.strip_prefix(b"OCHK").unwrap_or(&piece);
            while let Some((message, after)) = split(rest) {
                rest = after;
                if message.is_shared {
                    continue;
                }
                match message.kind {
                    message::LAYOUT => check_layout(message.data, at)?,
                    message::LINK_INFO => {
                        self.check_trees(message.data, at, 8, record::LINK_NAME, record::LINK_ORDER)?;
                    }
                    message::ATTRIBUTE_INFO => {
                        self.check_trees(message.data, at, 2, record::ATTRIBUTE_NAME, record::ATTRIBUTE_ORDER)?;
                    }
                    message::CONTINUATION => {
                        let (address, length) = self.widths;
                        let position = number(message.data, 0, address).zip(number(message.data, address, length));
                        let position = position.map(|(address, len)| (address.saturating_add(self.base), len));
                        pieces.extend(position.and_then(|(address, len)| self.piece(address, len, &mut budget)));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Bytes of a header; `None` if the library will find that they cannot be read, or they are too many to look at.
    fn piece(&self, at: u64, len: u64, budget: &mut u64) -> Option<Vec<u8>> {
        *budget = budget.checked_sub(len.max(1))?;
        let mut piece = vec![0; usize::try_from(len).ok()?];
        (self.read)(at, &mut piece).then_some(piece)
    }

    /// The B-trees of names and of the order of creation that a message names are of these kinds.
    fn check_trees(&self, data: &[u8], at: u64, order_width: usize, by_name: u8, by_order: u8) -> Checked {
        let Some(&[_, flags]) = data.first_chunk() else { return Ok(()) };
        let (width, _) = self.widths;
        let names = 2 + if flags & 1 == 0 { 0 } else { order_width } + width;
        let trees = [Some((names, by_name)), (flags & 2 != 0).then_some((names + width, by_order))];
        for (position, expected) in trees.into_iter().flatten() {
            let Some(address) = number(data, position, width) else { continue };
            let mut head = [0; 6];
            if !(self.read)(address.saturating_add(self.base), &mut head) {
                continue;
            }
            if let [b'B', b'T', b'H', b'D', _, kind] = head
                && kind != expected
            {
                return Err(format!(
                    "the object at {at} has a B-tree with records of kind {kind} where {expected} is expected"
                ));
            }
        }
        Ok(())
    }
}

/// A message of an object header.
struct Message<'a> {
    kind: u16,
    is_shared: bool,
    data: &'a [u8],
}

/// Takes the first of some messages, and leaves those after it.
type Split<'a> = &'a dyn Fn(&[u8]) -> Option<(Message<'_>, &[u8])>;

const SHARED: u8 = 2;

fn split_1(bytes: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let (&[kind, kind_high, len, len_high, flags, ..], rest) = bytes.split_first_chunk::<8>()?;
    let (data, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([len, len_high])))?;
    Some((Message { kind: u16::from_le_bytes([kind, kind_high]), is_shared: flags & SHARED != 0, data }, rest))
}

fn split_2(bytes: &[u8], ordered: bool) -> Option<(Message<'_>, &[u8])> {
    let (&[kind, len, len_high, flags], rest) = bytes.split_first_chunk::<4>()?;
    let rest = if ordered { rest.get(2..)? } else { rest };
    let (data, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([len, len_high])))?;
    Some((Message { kind: u16::from(kind), is_shared: flags & SHARED != 0, data }, rest))
}

/// The lengths of a chunk are numbers to divide by.
fn check_layout(data: &[u8], at: u64) -> Checked {
    let (axes, lengths) = match *data {
        [1 | 2, axes, CHUNKED, ..] | [3, CHUNKED, axes, ..] => (axes, None),
        [4 | 5, CHUNKED, _, axes, width, ..] => (axes, Some((5, usize::from(width)))),
        _ => return Ok(()),
    };
    let wrong = || format!("the array at {at} has chunks of {axes} axes, or of length 0");
    if !AXES.contains(&axes) {
        return Err(wrong());
    }
    let Some((start, width)) = lengths else { return Ok(()) };
    let zero = (0..usize::from(axes)).any(|axis| number(data, start + axis * width, width) == Some(0));
    if zero || !(1..=8).contains(&width) { Err(wrong()) } else { Ok(()) }
}

/// A little-endian number of up to 8 bytes.
fn number(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(width)?)?;
    (width <= 8).then(|| bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
}
