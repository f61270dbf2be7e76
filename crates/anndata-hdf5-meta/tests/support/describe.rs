//! Types, shapes and bytes as `make_fixtures.py` says them.

use std::fmt::Write as _;

use anndata_hdf5_meta::{
    ByteOrder, CharacterSet, CompoundMember, Dataspace, Datatype, DatatypeClass, ReferenceKind, TextPadding,
    VariableLength,
};

/// Letters, digits and a few more as they are, all others as `\xNN`.
pub(crate) fn escape(text: &[u8]) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./".contains(&byte);
    text.iter().fold(String::new(), |mut shown, &byte| {
        if plain(byte) {
            shown.push(char::from(byte));
        } else {
            write!(shown, "\\x{byte:02x}").unwrap();
        }
        shown
    })
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut shown, byte| {
        write!(shown, "{byte:02x}").unwrap();
        shown
    })
}

fn order(order: ByteOrder) -> &'static str {
    match order {
        ByteOrder::Little => "LE",
        ByteOrder::Big => "BE",
        ByteOrder::Vax => "VAX",
    }
}

fn text(padding: TextPadding, character_set: CharacterSet) -> String {
    let padding = match padding {
        TextPadding::NulTerminated => 0,
        TextPadding::NulPadded => 1,
        TextPadding::SpacePadded => 2,
    };
    let set = u8::from(character_set == CharacterSet::Utf8);
    format!("pad{padding} set{set}")
}

/// The number that an enumeration has under a name.
fn number(base: &Datatype, value: &[u8]) -> i128 {
    let DatatypeClass::FixedPoint { order, signed, .. } = base.class else { panic!("{base:?}") };
    let mut bytes = value.to_vec();
    if order == ByteOrder::Big {
        bytes.reverse();
    }
    let negative = signed && bytes.last().is_some_and(|&high| high & 0x80 != 0);
    bytes.resize(16, if negative { 0xff } else { 0 });
    i128::from_le_bytes(bytes.try_into().unwrap())
}

pub(crate) fn datatype(datatype: &Datatype) -> String {
    let size = datatype.size;
    match &datatype.class {
        DatatypeClass::FixedPoint { order: bytes, signed, bit_offset, precision } => {
            format!("int{size}{}{}+{bit_offset}:{precision}", order(*bytes), if *signed { 's' } else { 'u' })
        }
        DatatypeClass::FloatingPoint { order: bytes, fields: f } => format!(
            "float{size}{}+{}:{}({},{},{},{},{})-{}",
            order(*bytes),
            f.bit_offset,
            f.precision,
            f.sign,
            f.exponent,
            f.exponent_bits,
            f.mantissa,
            f.mantissa_bits,
            f.bias
        ),
        DatatypeClass::Text { padding, character_set } => format!("text{size} {}", text(*padding, *character_set)),
        DatatypeClass::BitField { .. } => format!("bits{size}"),
        DatatypeClass::Opaque { tag } => format!("opaque{size} {}", escape(tag)),
        DatatypeClass::Compound(members) => {
            // Where h5py has the fields in memory is not where they are in the file, if a text is among them.
            let known =
                |number: usize| if datatype.has_variable_length() { "?".to_owned() } else { number.to_string() };
            let field =
                |m: &CompoundMember| format!("{}@{}:{}", escape(&m.name), known(m.offset), self::datatype(&m.datatype));
            format!("record{}({})", known(size), members.iter().map(field).collect::<Vec<_>>().join(";"))
        }
        DatatypeClass::Reference(ReferenceKind::Object) => "object".to_owned(),
        DatatypeClass::Reference(ReferenceKind::Region) => "region".to_owned(),
        DatatypeClass::Enumeration { base, members } => {
            let names = members.iter().map(|m| format!("{}={}", escape(&m.name), number(base, &m.value)));
            format!("enum({};{})", self::datatype(base), names.collect::<Vec<_>>().join(";"))
        }
        DatatypeClass::VariableLength { kind: VariableLength::Sequence, base } => {
            format!("list({})", self::datatype(base))
        }
        DatatypeClass::VariableLength { kind: VariableLength::Text { padding, character_set }, .. } => {
            format!("vtext {}", text(*padding, *character_set))
        }
        DatatypeClass::Array { shape, base } => format!("array{shape:?}({})", self::datatype(base)),
        other => format!("{other:?}"),
    }
}

pub(crate) fn dataspace(space: &Dataspace) -> String {
    match space {
        Dataspace::Null => "null".to_owned(),
        Dataspace::Scalar => "scalar".to_owned(),
        Dataspace::Simple { shape, max_shape } => {
            let most = max_shape.iter().map(|len| len.map_or("none".to_owned(), |len| len.to_string()));
            format!("{shape:?} of [{}]", most.collect::<Vec<_>>().join(", "))
        }
    }
}
