//! Numbers in text.

use anndata_storage::{Scalar, f16};

/// A type that values of text files are read as.
pub(crate) trait Number: Scalar + Copy {
    /// From an integer of the text, rounded or wrapped as numpy's `astype` does.
    fn from_integer(value: i64) -> Self;

    /// From any other number of the text.
    fn from_float(value: f64) -> Self;

    /// The value negated; unsigned integers wrap around.
    fn negated(self) -> Self;

    /// The value as a byte below 255, if it is that number exactly.
    fn as_small(self) -> Option<u8>;
}

macro_rules! numbers {
    ($($type:ty, |$v:ident| $negated:expr;)*) => {
        $(impl Number for $type {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
                clippy::cast_lossless, reason = "as numpy does it")]
            fn from_integer(value: i64) -> Self {
                value as Self
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_lossless,
                reason = "as numpy does it")]
            fn from_float(value: f64) -> Self {
                value as Self
            }

            fn negated(self) -> Self {
                let $v = self;
                $negated
            }

            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_lossless, clippy::float_cmp,
                reason = "the comparison is the check")]
            fn as_small(self) -> Option<u8> {
                let small = self as u8;
                // A negative zero is equal to zero, and another value.
                (small < u8::MAX && small as Self == self && (small > 0 || self.to_f64().is_sign_positive()))
                    .then_some(small)
            }
        })*
    };
}

numbers! {
    f32, |v| -v;
    f64, |v| -v;
    i32, |v| v.wrapping_neg();
    i64, |v| v.wrapping_neg();
    u32, |v| v.wrapping_neg();
}

/// The digits at the beginning as a number, and what follows them. `None` if there are none, or too many.
#[inline]
pub(crate) fn digits(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let Some((word, _)) = bytes.split_first_chunk() else { return any_digits(bytes) };
    match few_digits(u64::from_le_bytes(*word)) {
        (_, 0) => None,
        // There may be more.
        (_, 8) => any_digits(bytes),
        (value, count) => Some((value, bytes.get(count..)?)),
    }
}

/// The number that the first digits of eight bytes are, and how many they are, all bytes at once.
#[inline]
fn few_digits(word: u64) -> (u64, usize) {
    const EACH: u64 = u64::MAX / 255;
    // 0 to 9 in the bytes that are digits; the others get a high bit, which no carry reaches.
    let values = word ^ (EACH * 0x30);
    let others = (((values & (EACH * 0x7f)) + EACH * 0x76) | values) & (EACH * 0x80);
    let bits = others.trailing_zeros() & !7;
    // Zeros before the digits, the first of which is in the lowest byte; then pairs, fours and eight together.
    let Some(shift) = 64_u32.checked_sub(bits).filter(|&shift| shift < 64) else { return (0, 0) };
    let values = values << shift;
    let pairs = (values.wrapping_mul(10).wrapping_add(values >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs.wrapping_mul(100).wrapping_add(pairs >> 16)) & 0x0000_ffff_0000_ffff;
    let value = (fours.wrapping_mul(10_000).wrapping_add(fours >> 32)) & 0xffff_ffff;
    (value, (bits / 8) as usize)
}

/// The number that the digits at the beginning are, and how many they are; of 16 or more only how many.
#[inline]
fn leading_digits(bytes: &[u8]) -> (u64, usize) {
    if let Some((word, _)) = bytes.split_first_chunk() {
        let few = few_digits(u64::from_le_bytes(*word));
        if few.1 < 8 {
            return few;
        }
    }
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold((0, 0), |(value, count), digit| {
        (10_u64.wrapping_mul(value).wrapping_add(u64::from(digit - b'0')), count + 1)
    })
}

fn any_digits(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let [first @ b'0'..=b'9', rest @ ..] = bytes else { return None };
    let (mut value, mut rest) = (u64::from(first - b'0'), rest);
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        rest = after;
    }
    Some((value, rest))
}

/// The powers of ten by which a short decimal is divided, each of them a double.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];
/// Below this number of digits a decimal is a whole double divided by a power of ten that is one too: rounded once.
const SHORT: usize = POWERS.len();

/// A decimal of few digits at the beginning, and what follows it; `None` for what has to be read with more care.
#[inline]
pub(crate) fn short_decimal(bytes: &[u8]) -> Option<(f64, &[u8])> {
    let (negative, rest) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, bytes),
    };
    // A guess, so that what follows is read before it is known how many digits there were.
    let (whole, before_point) = match rest {
        [digit @ b'0'..=b'9', b'.', ..] => (u64::from(digit - b'0'), 1),
        _ => leading_digits(rest),
    };
    let rest = rest.get(before_point..)?;
    let (fraction, after_point, rest) = if let [b'.', rest @ ..] = rest {
        let (fraction, count) = leading_digits(rest);
        (fraction, count, rest.get(count..)?)
    } else {
        (0, 0, rest)
    };
    let digits = before_point + after_point;
    if digits == 0 || digits >= SHORT {
        return None;
    }
    let power = POWERS.get(after_point)?;
    #[expect(clippy::cast_precision_loss, reason = "so few digits are exact, in whole and with what follows the point")]
    let value = (whole as f64 * power + fraction as f64) / power;
    Some((if negative { -value } else { value }, rest))
}

/// A number as Python's `float` reads it: with `nan`, `inf` and `infinity` of any case, and underscores between digits.
pub(crate) fn float(bytes: &[u8]) -> Option<f64> {
    let bytes = bytes.trim_ascii();
    if let Ok(value) = fast_float2::parse::<f64, _>(bytes) {
        return Some(value);
    }
    let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let between = |at: usize| is_digit(at.checked_sub(1)) && is_digit(Some(at + 1));
    let mut underscores = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').map(|(at, _)| at).peekable();
    if underscores.peek().is_none() || !underscores.all(between) {
        return None;
    }
    let plain: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != b'_').collect();
    fast_float2::parse(plain).ok()
}

/// A float as Python's `repr` prints it: the shortest text that is the same number, with an exponent below 1e-4 and from
/// 1e16 on.
pub(crate) fn python_float(value: f64) -> String {
    python_digits(&format!("{value:e}"), value)
}

/// As [`python_float`], of a number of 32 bits, with the digits that tell it from others of 32 bits.
pub(crate) fn python_float_32(value: f32) -> String {
    python_digits(&format!("{value:e}"), f64::from(value))
}

/// As [`python_float`], of a number of 16 bits.
pub(crate) fn python_float_16(value: f16) -> String {
    // Of the texts of a 32-bit number, the shortest that is still this one.
    let wide = value.to_f32();
    let shortest = (0..8).map(|digits| format!("{wide:.digits$e}"));
    let same = |text: &String| text.parse::<f32>().is_ok_and(|read| f16::from_f32(read) == value);
    let shortest = shortest.into_iter().find(same).unwrap_or_else(|| format!("{wide:e}"));
    python_digits(&shortest, f64::from(wide))
}

fn python_digits(scientific: &str, value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
        let mut digits: String = mantissa.chars().filter(|&c| c != '.').collect();
        let point = if exponent < 0 {
            digits.insert_str(0, &"0".repeat(exponent.unsigned_abs() as usize));
            1
        } else {
            1 + exponent.unsigned_abs() as usize
        };
        while digits.len() < point + 1 {
            digits.push('0');
        }
        digits.insert(point, '.');
        return format!("{sign}{digits}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_as_python_reads_them() {
        let read = |text: &str| float(text.as_bytes());
        assert_eq!([read("1.5"), read(" -2e3 "), read("+.5"), read("1_0.2_5")], [1.5, -2000.0, 0.5, 10.25].map(Some));
        assert_eq!([read("inf"), read("-Infinity")], [f64::INFINITY, f64::NEG_INFINITY].map(Some));
        assert!(read("NaN").is_some_and(f64::is_nan));
        for text in ["", "x", "1_", "_1", "1__0", "1 2", "0x10", "1.5f"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn floats_are_printed_as_python_prints_them() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-12.5, "-12.5"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.000_012, "1.2e-05"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (123_456.789, "123456.789"),
            (1.5e300, "1.5e+300"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(python_float(value), expected);
        }
        assert_eq!(python_float_32(0.1), "0.1");
        assert_eq!(python_float_16(f16::from_f32(0.1)), "0.1");
    }

    #[test]
    fn short_decimals_are_the_nearest_doubles() {
        for text in ["0", "-0", "12", "0.1", "-123.456", ".5", "7.", "99999999.9999999", "0.00000000000001"] {
            let (value, rest) = short_decimal(text.as_bytes()).expect("it is short");
            assert_eq!((value.to_bits(), rest.len()), (text.parse::<f64>().unwrap().to_bits(), 0), "{text}");
        }
        assert_eq!(short_decimal(b"1.5,2"), Some((1.5, &b",2"[..])));
        for text in ["", "-", ".", "x", "1234567890.123456"] {
            assert_eq!(short_decimal(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn digits_stop_where_they_end() {
        assert_eq!(digits(b"12 3"), Some((12, &b" 3"[..])));
        assert_eq!(digits(b"x"), None);
        assert_eq!(digits(b"99999999999999999999"), None);
    }

    /// Every byte behind every number of digits, near the end of the text and far from it.
    #[test]
    fn digits_are_told_from_all_other_bytes() {
        let all = b"92345678901234567";
        for count in 0..=all.len() {
            let text = &all[..count];
            let expected = std::str::from_utf8(text).unwrap().parse::<u64>().ok();
            for other in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                for after in [&b""[..], b"1", b"12345678"] {
                    let bytes = [text, &[other], after].concat();
                    let found = digits(&bytes);
                    assert_eq!(found, expected.map(|value| (value, &bytes[count..])), "{bytes:?}");
                    let decimal = short_decimal(&bytes).filter(|_| other != b'.' && other != b'-');
                    let expected = expected.filter(|_| count < SHORT && other != b'.' && other != b'-');
                    assert_eq!(decimal, expected.map(|value| (value.to_f64(), &bytes[count..])), "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn decimals_are_cut_at_any_place() {
        let digits = "907054321098765";
        for len in 1..SHORT {
            for point in 0..=len {
                let text = format!("{}.{}", &digits[..point], &digits[point..len]);
                for text in [text.clone(), format!("-{text}"), format!("{text},0.123456789")] {
                    let number = text.split(',').next().unwrap();
                    let (value, rest) = short_decimal(text.as_bytes()).unwrap();
                    assert_eq!((value, rest.len()), (number.parse().unwrap(), text.len() - number.len()), "{text}");
                }
            }
        }
    }

    #[test]
    fn small_values_are_exact() {
        assert_eq!([1.0_f32, 254.0].map(Number::as_small), [Some(1), Some(254)]);
        assert_eq!([-0.0_f32, 0.5, 255.0, -1.0, f32::NAN].map(Number::as_small), [None; 5]);
        assert_eq!([0_i64, 256, -1].map(Number::as_small), [Some(0), None, None]);
    }
}
