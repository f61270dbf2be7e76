//! The datatype message: what the bytes of an element mean.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2.d "The Datatype Message".

mod numbers;
mod parts;

use crate::cursor::{Cursor, until_nul};
use crate::error::{Result, Section};

pub use numbers::{ByteOrder, FloatFields};
pub use parts::{CharacterSet, CompoundMember, EnumMember, ReferenceKind, TextPadding, VariableLength};

const SECTION: Section = Section::new("datatype message", "IV.A.2.d");
/// How deep types may be within types.
const DEEPEST: usize = 32;

/// The type of the elements of an array or attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Datatype {
    /// The bytes of one element in the file.
    pub size: usize,
    /// What they mean.
    pub class: DatatypeClass,
    /// The message as it is stored, or the part of it that describes a type within another. Empty for an array within a record
    /// of version 1, which has none of its own.
    pub encoded: Vec<u8>,
}

/// What the bytes of an element mean.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatatypeClass {
    /// An integer.
    FixedPoint {
        /// The order of its bytes.
        order: ByteOrder,
        /// Whether it is a two's complement number.
        signed: bool,
        /// The lowest bit that counts.
        bit_offset: u16,
        /// How many bits count.
        precision: u16,
    },
    /// A floating-point number.
    FloatingPoint {
        /// The order of its bytes.
        order: ByteOrder,
        /// Where sign, exponent and mantissa are.
        fields: FloatFields,
    },
    /// A time, which no version of the library supports.
    Time {
        /// The order of its bytes.
        order: ByteOrder,
        /// How many bits count.
        precision: u16,
    },
    /// Text of a fixed number of bytes.
    Text {
        /// How the text ends.
        padding: TextPadding,
        /// What its bytes are.
        character_set: CharacterSet,
    },
    /// Bits.
    BitField {
        /// The order of its bytes.
        order: ByteOrder,
        /// The lowest bit that counts.
        bit_offset: u16,
        /// How many bits count.
        precision: u16,
    },
    /// Bytes with a name.
    Opaque {
        /// The name.
        tag: Vec<u8>,
    },
    /// Named fields.
    Compound(Vec<CompoundMember>),
    /// A reference to something in the file.
    Reference(ReferenceKind),
    /// Numbers with names.
    Enumeration {
        /// The type of the numbers.
        base: Box<Datatype>,
        /// The names.
        members: Vec<EnumMember>,
    },
    /// A value of any length, stored as a [reference](crate::HeapReference) into the global heap.
    VariableLength {
        /// Whether it is a text.
        kind: VariableLength,
        /// The type of its items.
        base: Box<Datatype>,
    },
    /// An array within each element.
    Array {
        /// Its shape.
        shape: Vec<u64>,
        /// The type of its items.
        base: Box<Datatype>,
    },
    /// A complex number: two numbers of a floating-point type.
    Complex {
        /// Their type.
        base: Box<Datatype>,
    },
}

/// The fixed part of a datatype message.
#[derive(Debug, Clone, Copy)]
struct Head {
    version: u8,
    bits: u32,
    size: usize,
}

impl Datatype {
    pub(crate) fn parse(fields: &Cursor<'_>) -> Result<Self> {
        let mut fields = fields.clone().named(SECTION);
        Self::parse_within(&mut fields, 0)
    }

    /// Parses a type that is within so many others.
    fn parse_within(fields: &mut Cursor<'_>, depth: usize) -> Result<Self> {
        if depth > DEEPEST {
            return Err(fields.malformed(format!("types are within types more than {DEEPEST} times")));
        }
        let bytes = fields.rest();
        let class_and_version = fields.u8()?;
        let (class, version) = (class_and_version & 15, class_and_version >> 4);
        if !(1..=5).contains(&version) {
            return Err(fields.unsupported(format!("version {version} is not known")));
        }
        let bits = u32::try_from(fields.number(3)?).map_err(|_| fields.malformed("more than 24 bits"))?;
        let head = Head { version, bits, size: fields.count(4)? };
        if head.size == 0 {
            return Err(fields.malformed("elements of no bytes"));
        }
        let class = match class {
            0 => numbers::fixed_point(fields, head)?,
            1 => numbers::floating_point(fields, head)?,
            2 => DatatypeClass::Time { order: numbers::order(head.bits), precision: fields.u16()? },
            3 => parts::text(fields, head)?,
            4 => numbers::bit_field(fields, head)?,
            5 => {
                let len = usize::from(head.bits.to_le_bytes()[0]);
                DatatypeClass::Opaque { tag: until_nul(fields.take(len)?).to_vec() }
            }
            6 => parts::compound(fields, head, depth)?,
            7 => parts::reference(fields, head)?,
            8 => parts::enumeration(fields, head, depth)?,
            9 => parts::variable_length(fields, head, depth)?,
            10 => parts::array(fields, head, depth)?,
            11 => parts::complex(fields, head, depth)?,
            class => return Err(fields.unsupported(format!("class {class} is not known"))),
        };
        let encoded = bytes.get(..bytes.len() - fields.left()).unwrap_or_default().to_vec();
        Ok(Self { size: head.size, class, encoded })
    }

    /// Whether elements refer to the global heap, wholly or in part.
    pub fn has_variable_length(&self) -> bool {
        match &self.class {
            DatatypeClass::VariableLength { .. } => true,
            DatatypeClass::Compound(members) => members.iter().any(|member| member.datatype.has_variable_length()),
            DatatypeClass::Array { base, .. } => base.has_variable_length(),
            _ => false,
        }
    }
}
