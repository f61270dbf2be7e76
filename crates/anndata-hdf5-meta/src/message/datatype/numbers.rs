//! Integers, floating-point numbers and bits: classes 0, 1 and 4 of IV.A.2.d.

use super::{DatatypeClass, Head};
use crate::cursor::Cursor;
use crate::error::Result;

/// The order of the bytes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// The lowest first.
    Little,
    /// The highest first.
    Big,
    /// That of a VAX: pairs of bytes, the highest pair first.
    Vax,
}

/// Where the parts of a floating-point number are, in bits from the lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FloatFields {
    /// The lowest bit that counts.
    pub bit_offset: u16,
    /// How many bits count.
    pub precision: u16,
    /// The bit of the sign.
    pub sign: u8,
    /// The lowest bit of the exponent.
    pub exponent: u8,
    /// The bits of the exponent.
    pub exponent_bits: u8,
    /// The lowest bit of the mantissa.
    pub mantissa: u8,
    /// The bits of the mantissa.
    pub mantissa_bits: u8,
    /// What is taken off the exponent.
    pub bias: u32,
    /// How the highest bit of the mantissa is kept: 0 as it is, 1 always set, 2 set and not stored.
    pub normalization: u8,
}

impl FloatFields {
    /// Half precision, IEEE 754 binary16.
    pub const HALF: Self = Self::ieee(16, 5, 15);
    /// Single precision, IEEE 754 binary32.
    pub const SINGLE: Self = Self::ieee(32, 8, 127);
    /// Double precision, IEEE 754 binary64.
    pub const DOUBLE: Self = Self::ieee(64, 11, 1023);

    const fn ieee(width: u8, exponent_bits: u8, bias: u32) -> Self {
        let mantissa_bits = width - 1 - exponent_bits;
        Self {
            bit_offset: 0,
            precision: width as u16,
            sign: width - 1,
            exponent: mantissa_bits,
            exponent_bits,
            mantissa: 0,
            mantissa_bits,
            bias,
            normalization: 2,
        }
    }
}

pub(super) fn order(bits: u32) -> ByteOrder {
    if bits & 1 == 0 { ByteOrder::Little } else { ByteOrder::Big }
}

pub(super) fn fixed_point(fields: &mut Cursor<'_>, head: Head) -> Result<DatatypeClass> {
    let (bit_offset, precision) = counted_bits(fields, head)?;
    Ok(DatatypeClass::FixedPoint { order: order(head.bits), signed: head.bits & 8 != 0, bit_offset, precision })
}

pub(super) fn bit_field(fields: &mut Cursor<'_>, head: Head) -> Result<DatatypeClass> {
    let (bit_offset, precision) = counted_bits(fields, head)?;
    Ok(DatatypeClass::BitField { order: order(head.bits), bit_offset, precision })
}

/// Which bits count: the lowest, and how many.
fn counted_bits(fields: &mut Cursor<'_>, head: Head) -> Result<(u16, u16)> {
    let (offset, precision) = (fields.u16()?, fields.u16()?);
    let end = u64::from(offset) + u64::from(precision);
    if precision == 0 || end > 8 * head.size as u64 {
        return Err(fields.malformed(format!("{precision} bits from bit {offset} on in {} bytes", head.size)));
    }
    Ok((offset, precision))
}

pub(super) fn floating_point(fields: &mut Cursor<'_>, head: Head) -> Result<DatatypeClass> {
    let order = match (head.bits & 1, head.bits >> 6 & 1) {
        (0, 0) => ByteOrder::Little,
        (1, 0) => ByteOrder::Big,
        (1, 1) => ByteOrder::Vax,
        _ => return Err(fields.malformed("an order of bytes that there is not")),
    };
    let (bit_offset, precision) = counted_bits(fields, head)?;
    let (exponent, exponent_bits, mantissa, mantissa_bits) = (fields.u8()?, fields.u8()?, fields.u8()?, fields.u8()?);
    let parsed = FloatFields {
        bit_offset,
        precision,
        sign: head.bits.to_le_bytes()[1],
        exponent,
        exponent_bits,
        mantissa,
        mantissa_bits,
        bias: fields.u32()?,
        normalization: u8::from(head.bits & 0b1_0000 != 0) | u8::from(head.bits & 0b10_0000 != 0) << 1,
    };
    let bits = 8 * head.size as u64;
    let ends = [(parsed.sign, 1), (exponent, exponent_bits), (mantissa, mantissa_bits)];
    let outside = ends.iter().any(|&(start, len)| len == 0 || u64::from(start) + u64::from(len) > bits);
    if outside || parsed.normalization == 3 {
        return Err(fields.malformed(format!("a floating-point number of {bits} bits with {parsed:?}")));
    }
    Ok(DatatypeClass::FloatingPoint { order, fields: parsed })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::datatype::Datatype;
    use crate::message::test::fields;

    fn parse(bytes: &[u8]) -> Result<Datatype> {
        Datatype::parse(&fields(bytes))
    }

    #[test]
    fn integers() -> Result<()> {
        let parsed = parse(&[0x10, 8, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0, 99])?;
        let class = DatatypeClass::FixedPoint { order: ByteOrder::Little, signed: true, bit_offset: 0, precision: 32 };
        assert_eq!((parsed.size, parsed.class, parsed.encoded.len()), (4, class, 12));
        let odd = parse(&[0x10, 1, 0, 0, 3, 0, 0, 0, 2, 0, 20, 0])?;
        let class = DatatypeClass::FixedPoint { order: ByteOrder::Big, signed: false, bit_offset: 2, precision: 20 };
        assert_eq!(odd.class, class);
        let bits = parse(&[0x14, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0])?;
        assert_eq!(bits.class, DatatypeClass::BitField { order: ByteOrder::Little, bit_offset: 0, precision: 8 });
        Ok(())
    }

    #[test]
    fn floating_point_numbers() -> Result<()> {
        let single = parse(&[0x11, 0x20, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0])?;
        let class = DatatypeClass::FloatingPoint { order: ByteOrder::Little, fields: FloatFields::SINGLE };
        assert_eq!(single.class, class);
        let half = parse(&[0x11, 0x21, 15, 0, 2, 0, 0, 0, 0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0])?;
        assert_eq!(half.class, DatatypeClass::FloatingPoint { order: ByteOrder::Big, fields: FloatFields::HALF });
        let double = parse(&[0x31, 0x61, 63, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 255, 3, 0, 0])?;
        assert_eq!(double.class, DatatypeClass::FloatingPoint { order: ByteOrder::Vax, fields: FloatFields::DOUBLE });
        Ok(())
    }

    #[test]
    fn bits_outside_are_errors() {
        for (bytes, why) in [
            (&[0x10, 8, 0, 0, 4, 0, 0, 0, 1, 0, 32, 0][..], "32 bits from bit 1 on in 4 bytes"),
            (&[0x10, 8, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0], "0 bits from bit 0 on in 4 bytes"),
            (&[0x10, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "elements of no bytes"),
            (&[0x60, 8, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0], "version 6 is not known"),
            (&[0x1c, 8, 0, 0, 4, 0, 0, 0, 0, 0, 32, 0], "class 12 is not known"),
            (&[0x10, 8, 0, 0, 4, 0, 0], "ends after 7 bytes, and 4 more are needed"),
        ] {
            assert_eq!(parse(bytes).unwrap_err().message(), why);
        }
        let error = parse(&[0x11, 0x20, 32, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0]).unwrap_err();
        assert!(error.message().starts_with("a floating-point number of 32 bits"), "{error}");
    }
}
