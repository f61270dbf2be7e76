//! What a datatype message says, in the terms in which the library says it.

use anndata_hdf5_meta::{
    ByteOrder, CharacterSet, Datatype, DatatypeClass, EnumMember, FloatFields as MetaFields, ReferenceKind,
    TextPadding, VariableLength,
};
use anndata_storage::{OrBug as _, Result};

use super::attributes::utf8_name;
use crate::dtype::{Class, FloatFields, Member, Order, Padding, REFERENCE, Target, TypeDescription};

impl TypeDescription for Datatype {
    const IN_FILE: bool = true;

    fn size(&self) -> usize {
        self.size
    }

    fn class(&self) -> Result<Class<Self>> {
        let base = |base: &Self| base.clone();
        Ok(match &self.class {
            DatatypeClass::FixedPoint { order, signed, bit_offset: 0, precision } if self.is_whole(*precision) => {
                Class::Integer { signed: *signed, order: byte_order(*order) }
            }
            DatatypeClass::FixedPoint { .. } => Class::Other("integer of odd precision"),
            DatatypeClass::FloatingPoint { order, fields }
                if fields.bit_offset == 0 && self.is_whole(fields.precision) =>
            {
                Class::Float { fields: float_fields(fields)?, order: byte_order(*order) }
            }
            DatatypeClass::FloatingPoint { .. } => Class::Other("float of odd precision"),
            DatatypeClass::Text { padding, character_set } => {
                let padding = match padding {
                    TextPadding::NulTerminated => Padding::Terminated,
                    TextPadding::NulPadded => Padding::Nul,
                    TextPadding::SpacePadded => Padding::Space,
                };
                Class::Text { padding, utf8: *character_set == CharacterSet::Utf8 }
            }
            DatatypeClass::VariableLength { kind: VariableLength::Text { .. }, .. } => Class::VariableText,
            DatatypeClass::VariableLength { .. } => Class::Other("lists of variable length"),
            DatatypeClass::Enumeration { base: numbers, members } => {
                Class::Enum { base: base(numbers), members: two_members(members)? }
            }
            DatatypeClass::Compound(members) => Class::Compound(
                members
                    .iter()
                    .map(|member| {
                        let name = utf8_name(member.name.clone())?;
                        Ok(Member { name, offset: member.offset, datatype: member.datatype.clone() })
                    })
                    .collect::<Result<_>>()?,
            ),
            DatatypeClass::Array { base: items, shape } => Class::Array { base: base(items), shape: shape.clone() },
            DatatypeClass::Complex { base: part } => Class::Complex { base: base(part) },
            DatatypeClass::Reference(ReferenceKind::Object) if self.size == Target::Object.size() => {
                Class::Reference(Target::Object)
            }
            DatatypeClass::Reference(ReferenceKind::Region) if self.size == Target::Region.size() => {
                Class::Reference(Target::Region)
            }
            DatatypeClass::Reference(_) => Class::Other("reference"),
            DatatypeClass::Time { .. } => Class::Other("time"),
            DatatypeClass::BitField { .. } => Class::Other("bit field"),
            DatatypeClass::Opaque { .. } => Class::Other("opaque"),
            _ => Class::Other("a type of no known class"),
        })
    }

    fn is_plain(&self) -> bool {
        match &self.class {
            DatatypeClass::FixedPoint { .. }
            | DatatypeClass::FloatingPoint { .. }
            | DatatypeClass::Time { .. }
            | DatatypeClass::BitField { .. }
            | DatatypeClass::Opaque { .. }
            | DatatypeClass::Enumeration { .. }
            | DatatypeClass::Text { .. } => true,
            DatatypeClass::Compound(members) => members.iter().all(|member| member.datatype.is_plain()),
            DatatypeClass::Array { base, .. } | DatatypeClass::Complex { base } => base.is_plain(),
            _ => false,
        }
    }

    fn plain_item(&self) -> Option<Self> {
        match &self.class {
            DatatypeClass::VariableLength { kind: VariableLength::Sequence, base }
                if base.is_plain() && self.size == REFERENCE =>
            {
                Some(Datatype::clone(base))
            }
            _ => None,
        }
    }

    fn key(&self) -> Result<Vec<u8>> {
        let mut key = format!("{} {}:", library_class(&self.class), self.size).into_bytes();
        match &self.class {
            DatatypeClass::Compound(members) => {
                for member in members {
                    key.extend(member.name.iter().copied().chain([0]));
                    key.extend((member.offset as u64).to_le_bytes());
                    key.extend(member.datatype.key()?);
                }
            }
            DatatypeClass::Enumeration { base, members } => {
                key.extend(base.key()?);
                for EnumMember { name, value } in members {
                    key.extend(name.iter().copied().chain([0]).chain(value.iter().copied()));
                }
            }
            DatatypeClass::Array { shape, base } => {
                shape.iter().for_each(|len| key.extend(len.to_le_bytes()));
                key.extend(base.key()?);
            }
            DatatypeClass::VariableLength { kind: VariableLength::Sequence, base }
            | DatatypeClass::Complex { base } => {
                key.extend(base.key()?);
            }
            _ => {
                let mut encoded = self.encode()?;
                // Kind and version of the encoding, then version and class of the type.
                if let Some(version) = encoded.get_mut(2) {
                    *version &= 0x0f;
                }
                key.extend(encoded);
            }
        }
        Ok(key)
    }

    fn encode(&self) -> Result<Vec<u8>> {
        // What the library puts before the message: that it is a type, and version 0 of its encoding.
        Ok([&[3, 0], self.encoded.as_slice()].concat())
    }
}

/// What says of a type that all of its bits count.
trait Whole {
    fn is_whole(&self, precision: u16) -> bool;
}

impl Whole for Datatype {
    fn is_whole(&self, precision: u16) -> bool {
        self.size.checked_mul(8) == Some(usize::from(precision))
    }
}

fn byte_order(order: ByteOrder) -> Order {
    match order {
        ByteOrder::Little => Order::Little,
        ByteOrder::Big => Order::Big,
        ByteOrder::Vax => Order::Other,
    }
}

fn float_fields(fields: &MetaFields) -> Result<FloatFields> {
    Ok(FloatFields {
        sign: fields.sign.into(),
        exponent: (fields.exponent.into(), fields.exponent_bits.into()),
        mantissa: (fields.mantissa.into(), fields.mantissa_bits.into()),
        bias: usize::try_from(fields.bias).or_bug("a bias of more bits than memory has")?,
    })
}

/// The names of an enumeration that has two, of numbers of up to 8 bytes: no other can stand for a truth value.
fn two_members(members: &[EnumMember]) -> Result<Vec<(String, i64)>> {
    if members.len() != 2 {
        return Ok(Vec::new());
    }
    let mut named = Vec::new();
    for member in members {
        let mut number = [0; 8];
        let Some(bytes) = number.get_mut(..member.value.len()) else { return Ok(Vec::new()) };
        bytes.copy_from_slice(&member.value);
        named.push((utf8_name(member.name.clone())?, i64::from_le_bytes(number)));
    }
    Ok(named)
}

/// The library's name of a class.
fn library_class(class: &DatatypeClass) -> &'static str {
    match class {
        DatatypeClass::FixedPoint { .. } => "H5T_INTEGER",
        DatatypeClass::FloatingPoint { .. } => "H5T_FLOAT",
        DatatypeClass::Time { .. } => "H5T_TIME",
        DatatypeClass::Text { .. } | DatatypeClass::VariableLength { kind: VariableLength::Text { .. }, .. } => {
            "H5T_STRING"
        }
        DatatypeClass::BitField { .. } => "H5T_BITFIELD",
        DatatypeClass::Opaque { .. } => "H5T_OPAQUE",
        DatatypeClass::Compound(_) => "H5T_COMPOUND",
        DatatypeClass::Reference(_) => "H5T_REFERENCE",
        DatatypeClass::Enumeration { .. } => "H5T_ENUM",
        DatatypeClass::VariableLength { .. } => "H5T_VLEN",
        DatatypeClass::Array { .. } => "H5T_ARRAY",
        DatatypeClass::Complex { .. } => "H5T_COMPLEX",
        _ => "H5T_NO_CLASS",
    }
}
