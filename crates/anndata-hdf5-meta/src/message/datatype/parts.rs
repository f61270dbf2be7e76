//! Types that are made of others, and text and references: classes 3 and 6 to 11 of IV.A.2.d.

use super::{Datatype, DatatypeClass, Head};
use crate::cursor::Cursor;
use crate::error::Result;
use crate::message::dataspace::MOST_AXES;

/// How a text of fixed length ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextPadding {
    /// At the first NUL, which is always there.
    NulTerminated,
    /// At the NULs that fill it up.
    NulPadded,
    /// At the spaces that fill it up.
    SpacePadded,
}

/// What the bytes of a text are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CharacterSet {
    /// ASCII, or what the program took for it.
    Ascii,
    /// UTF-8.
    Utf8,
}

/// Whether a value of any length is a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VariableLength {
    /// A sequence of items.
    Sequence,
    /// A text.
    Text {
        /// How the text ends.
        padding: TextPadding,
        /// What its bytes are.
        character_set: CharacterSet,
    },
}

/// What a reference is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReferenceKind {
    /// An object: its address.
    Object,
    /// A region of an array: a reference into the global heap.
    Region,
    /// An object, in the form of HDF5 1.12.
    StandardObject,
    /// A region of an array, in the form of HDF5 1.12.
    StandardRegion,
    /// An attribute, in the form of HDF5 1.12.
    Attribute,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompoundMember {
    /// Its name.
    pub name: Vec<u8>,
    /// Its first byte in the record.
    pub offset: usize,
    /// Its type.
    pub datatype: Datatype,
}

/// A number with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumMember {
    /// The name.
    pub name: Vec<u8>,
    /// The number, as it is stored.
    pub value: Vec<u8>,
}

fn padding(fields: &Cursor<'_>, number: u32) -> Result<TextPadding> {
    match number & 15 {
        0 => Ok(TextPadding::NulTerminated),
        1 => Ok(TextPadding::NulPadded),
        2 => Ok(TextPadding::SpacePadded),
        other => Err(fields.malformed(format!("text that is padded in the way {other}"))),
    }
}

fn character_set(fields: &Cursor<'_>, number: u32) -> Result<CharacterSet> {
    match number & 15 {
        0 => Ok(CharacterSet::Ascii),
        1 => Ok(CharacterSet::Utf8),
        other => Err(fields.malformed(format!("text of the character set {other}"))),
    }
}

pub(super) fn text(fields: &Cursor<'_>, head: Head) -> Result<DatatypeClass> {
    let (padding, character_set) = (padding(fields, head.bits)?, character_set(fields, head.bits >> 4)?);
    Ok(DatatypeClass::Text { padding, character_set })
}

pub(super) fn reference(fields: &Cursor<'_>, head: Head) -> Result<DatatypeClass> {
    let (kind, size) = match head.bits & 15 {
        0 => (ReferenceKind::Object, Some(fields.widths().address)),
        1 => (ReferenceKind::Region, Some(fields.widths().address + 4)),
        2 => (ReferenceKind::StandardObject, None),
        3 => (ReferenceKind::StandardRegion, None),
        4 => (ReferenceKind::Attribute, None),
        other => return Err(fields.unsupported(format!("references of kind {other}"))),
    };
    if size.is_some_and(|size| size != head.size) {
        return Err(fields.malformed(format!("references of {} bytes", head.size)));
    }
    Ok(DatatypeClass::Reference(kind))
}

/// A name with its NUL, padded up to version 2.
fn name<'a>(fields: &mut Cursor<'a>, head: Head) -> Result<&'a [u8]> {
    let name = fields.text()?;
    if head.version < 3 {
        let len = name.len() + 1;
        fields.skip(len.next_multiple_of(8) - len)?;
    }
    Ok(name)
}

/// How many bytes an offset in a record of a size takes.
fn offset_width(head: Head) -> usize {
    if head.version < 3 { 4 } else { head.size.ilog2() as usize / 8 + 1 }
}

pub(super) fn compound(fields: &mut Cursor<'_>, head: Head, depth: usize) -> Result<DatatypeClass> {
    let mut members: Vec<CompoundMember> = Vec::new();
    for _ in 0..head.bits & 0xffff {
        let name = name(fields, head)?.to_vec();
        let offset = fields.count(offset_width(head))?;
        let shape = if head.version == 1 { old_shape(fields)? } else { Vec::new() };
        let mut datatype = Datatype::parse_within(fields, depth + 1)?;
        if !shape.is_empty() {
            datatype = array_of(fields, shape, datatype)?;
        }
        if offset.checked_add(datatype.size).is_none_or(|end| end > head.size) {
            return Err(fields
                .malformed(format!("a field of {} bytes at {offset} in a record of {}", datatype.size, head.size)));
        }
        members.push(CompoundMember { name, offset, datatype });
    }
    if members.is_empty() {
        return Err(fields.malformed("a record without fields"));
    }
    check_apart(fields, &members)?;
    Ok(DatatypeClass::Compound(members))
}

/// Refuses fields that have bytes in common.
fn check_apart(fields: &Cursor<'_>, members: &[CompoundMember]) -> Result<()> {
    let mut spans: Vec<(usize, usize)> = members.iter().map(|m| (m.offset, m.offset + m.datatype.size)).collect();
    spans.sort_unstable();
    if spans.windows(2).any(|pair| matches!(pair, [(_, end), (start, _)] if start < end)) {
        return Err(fields.malformed("fields of a record share bytes"));
    }
    Ok(())
}

/// The shape of a field in version 1.
fn old_shape(fields: &mut Cursor<'_>) -> Result<Vec<u64>> {
    let axes = usize::from(fields.u8()?);
    // A permutation, which was never used, and reserved bytes.
    fields.skip(11)?;
    let lengths = (0..4).map(|_| fields.u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
    let shape = lengths.get(..axes).ok_or_else(|| fields.malformed(format!("a field of {axes} axes")))?;
    Ok(shape.to_vec())
}

fn array_of(fields: &Cursor<'_>, shape: Vec<u64>, base: Datatype) -> Result<Datatype> {
    let size = shape.iter().try_fold(base.size, |size, &len| size.checked_mul(usize::try_from(len).ok()?));
    let size = size.filter(|&size| size > 0);
    let size =
        size.ok_or_else(|| fields.malformed(format!("arrays of shape {shape:?} of {} bytes each", base.size)))?;
    Ok(Datatype { size, class: DatatypeClass::Array { shape, base: Box::new(base) }, encoded: Vec::new() })
}

pub(super) fn enumeration(fields: &mut Cursor<'_>, head: Head, depth: usize) -> Result<DatatypeClass> {
    let base = Datatype::parse_within(fields, depth + 1)?;
    if !matches!(base.class, DatatypeClass::FixedPoint { .. }) || base.size != head.size {
        return Err(fields.malformed("names of what is no integer"));
    }
    let names = (0..head.bits & 0xffff).map(|_| Ok(name(fields, head)?.to_vec())).collect::<Result<Vec<_>>>()?;
    let mut members = Vec::with_capacity(names.len());
    for name in names {
        members.push(EnumMember { name, value: fields.take(base.size)?.to_vec() });
    }
    Ok(DatatypeClass::Enumeration { base: Box::new(base), members })
}

pub(super) fn variable_length(fields: &mut Cursor<'_>, head: Head, depth: usize) -> Result<DatatypeClass> {
    let kind = match head.bits & 15 {
        0 => VariableLength::Sequence,
        1 => VariableLength::Text {
            padding: padding(fields, head.bits >> 4)?,
            character_set: character_set(fields, head.bits >> 8)?,
        },
        other => return Err(fields.malformed(format!("values of variable length of kind {other}"))),
    };
    let base = Box::new(Datatype::parse_within(fields, depth + 1)?);
    if head.size != 8 + fields.widths().address {
        return Err(fields.malformed(format!("references of {} bytes into the global heap", head.size)));
    }
    Ok(DatatypeClass::VariableLength { kind, base })
}

pub(super) fn array(fields: &mut Cursor<'_>, head: Head, depth: usize) -> Result<DatatypeClass> {
    if head.version < 2 {
        return Err(fields.malformed("an array in version 1"));
    }
    let axes = usize::from(fields.u8()?);
    if axes == 0 || axes > MOST_AXES {
        return Err(fields.malformed(format!("an array of {axes} axes")));
    }
    if head.version < 3 {
        fields.skip(3)?;
    }
    let shape = (0..axes).map(|_| fields.u32().map(u64::from)).collect::<Result<Vec<_>>>()?;
    if head.version < 3 {
        // A permutation, which was never used.
        fields.skip(4 * axes)?;
    }
    let base = Datatype::parse_within(fields, depth + 1)?;
    let array = array_of(fields, shape, base)?;
    if array.size != head.size {
        return Err(fields.malformed(format!("an array of {} bytes in {}", array.size, head.size)));
    }
    Ok(array.class)
}

pub(super) fn complex(fields: &mut Cursor<'_>, head: Head, depth: usize) -> Result<DatatypeClass> {
    let base = Datatype::parse_within(fields, depth + 1)?;
    if !matches!(base.class, DatatypeClass::FloatingPoint { .. }) || base.size.checked_mul(2) != Some(head.size) {
        return Err(fields.malformed("a complex number of what are not two floating-point numbers"));
    }
    Ok(DatatypeClass::Complex { base: Box::new(base) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::datatype::ByteOrder;
    use crate::message::test::fields;

    const BYTE: [u8; 12] = [0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0];

    fn parse(parts: &[&[u8]]) -> Result<Datatype> {
        Datatype::parse(&fields(&parts.concat()))
    }

    fn byte() -> Datatype {
        let class = DatatypeClass::FixedPoint { order: ByteOrder::Little, signed: false, bit_offset: 0, precision: 8 };
        Datatype { size: 1, class, encoded: BYTE.to_vec() }
    }

    #[test]
    fn text_and_references() -> Result<()> {
        let text = parse(&[&[0x13, 0x11, 0, 0, 5, 0, 0, 0]])?;
        let (padding, character_set) = (TextPadding::NulPadded, CharacterSet::Utf8);
        assert_eq!((text.size, text.class), (5, DatatypeClass::Text { padding, character_set }));
        let reference = parse(&[&[0x17, 1, 0, 0, 12, 0, 0, 0]])?;
        assert_eq!(reference.class, DatatypeClass::Reference(ReferenceKind::Region));
        let list = parse(&[&[0x19, 1, 1, 0, 16, 0, 0, 0], &BYTE])?;
        let kind = VariableLength::Text { padding: TextPadding::NulTerminated, character_set: CharacterSet::Utf8 };
        assert_eq!(list.class, DatatypeClass::VariableLength { kind, base: Box::new(byte()) });
        assert!(list.has_variable_length());
        let opaque = parse(&[&[0x15, 8, 0, 0, 3, 0, 0, 0], b"tag\0\0\0\0\0"])?;
        assert_eq!(opaque.class, DatatypeClass::Opaque { tag: b"tag".to_vec() });
        Ok(())
    }

    #[test]
    fn records_of_all_versions() -> Result<()> {
        let member =
            |offset| CompoundMember { name: vec![b'a' + u8::try_from(offset).unwrap()], offset, datatype: byte() };
        let names: [&[u8]; 2] = [b"a\0\0\0\0\0\0\0", b"b\0\0\0\0\0\0\0"];
        let two = parse(&[&[0x26, 2, 0, 0, 2, 0, 0, 0], names[0], &[0; 4], &BYTE, names[1], &[1, 0, 0, 0], &BYTE])?;
        assert_eq!(two.class, DatatypeClass::Compound(vec![member(0), member(1)]));
        let three = parse(&[&[0x36, 2, 0, 0, 2, 0, 0, 0], b"a\0\0", &BYTE, b"b\0\x01", &BYTE])?;
        assert_eq!(three.class, two.class);
        let mut shape = [0; 28];
        shape[0] = 1;
        shape[12] = 3;
        let one = parse(&[&[0x16, 1, 0, 0, 3, 0, 0, 0], names[0], &[0; 4], &shape, &BYTE])?;
        let DatatypeClass::Compound(members) = one.class else { panic!("{one:?}") };
        assert_eq!(members[0].datatype.class, DatatypeClass::Array { shape: vec![3], base: Box::new(byte()) });
        Ok(())
    }

    #[test]
    fn enumerations_and_arrays() -> Result<()> {
        let bool = parse(&[&[0x38, 2, 0, 0, 1, 0, 0, 0], &BYTE, b"FALSE\0TRUE\0\x00\x01"])?;
        let DatatypeClass::Enumeration { members, .. } = bool.class else { panic!("{bool:?}") };
        assert_eq!(members[1], EnumMember { name: b"TRUE".to_vec(), value: vec![1] });
        let new = parse(&[&[0x3a, 0, 0, 0, 6, 0, 0, 0, 2, 2, 0, 0, 0, 3, 0, 0, 0], &BYTE])?;
        assert_eq!(new.class, DatatypeClass::Array { shape: vec![2, 3], base: Box::new(byte()) });
        let old = parse(&[&[0x2a, 0, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0], &BYTE])?;
        assert_eq!(old.class, DatatypeClass::Array { shape: vec![6], base: Box::new(byte()) });
        Ok(())
    }

    #[test]
    fn odd_ones_are_errors() {
        for (parts, why) in [
            (&[&[0x13, 3, 0, 0, 5, 0, 0, 0][..]][..], "text that is padded in the way 3"),
            (&[&[0x13, 0x20, 0, 0, 5, 0, 0, 0]], "text of the character set 2"),
            (&[&[0x17, 0, 0, 0, 9, 0, 0, 0]], "references of 9 bytes"),
            (&[&[0x36, 1, 0, 0, 2, 0, 0, 0], b"a\0\x02", &BYTE], "a field of 1 bytes at 2 in a record of 2"),
            (&[&[0x36, 2, 0, 0, 2, 0, 0, 0], b"a\0\0", &BYTE, b"b\0\0", &BYTE], "fields of a record share bytes"),
            (&[&[0x36, 0, 0, 0, 2, 0, 0, 0]], "a record without fields"),
            (&[&[0x38, 0, 0, 0, 2, 0, 0, 0], &BYTE], "names of what is no integer"),
            (&[&[0x39, 0, 0, 0, 8, 0, 0, 0], &BYTE], "references of 8 bytes into the global heap"),
            (&[&[0x3a, 0, 0, 0, 6, 0, 0, 0, 1, 5, 0, 0, 0], &BYTE], "an array of 5 bytes in 6"),
            (&[&[0x3a, 0, 0, 0, 6, 0, 0, 0, 0]], "an array of 0 axes"),
            (&[&[0x5b, 0, 0, 0, 2, 0, 0, 0], &BYTE], "a complex number of what are not two floating-point numbers"),
        ] {
            assert_eq!(parse(parts).unwrap_err().message(), why);
        }
        let nested = vec![&[0x39, 0, 0, 0, 16, 0, 0, 0][..]; 40];
        assert_eq!(parse(&nested).unwrap_err().message(), "types are within types more than 32 times");
    }
}
