//! Numbers as one looks at them, and between types where a picture needs no more.

/// A number of things as a floating-point number: exact below 2^53, which is more than is counted here.
#[expect(clippy::cast_precision_loss, reason = "a number to be looked at")]
pub(crate) fn float(number: usize) -> f64 {
    number as f64
}

/// The same of a count.
#[expect(clippy::cast_precision_loss, reason = "a number to be looked at")]
pub(crate) fn float64(number: u64) -> f64 {
    number as f64
}

/// The whole part of a number, as a position below `len`: what lies outside is at the nearest end.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped to what is possible before")]
pub(crate) fn position(number: f64, len: usize) -> usize {
    number.clamp(0.0, float(len.saturating_sub(1))) as usize
}

/// A whole number with a space too narrow to break between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A number with about four digits: whole ones in groups, small and large ones with an exponent.
pub(crate) fn short(number: f64) -> String {
    let size = number.abs();
    if !number.is_finite() {
        return number.to_string();
    }
    if number.fract() == 0.0 && size < 1e9 {
        let sign = if number < 0.0 { "\u{2212}" } else { "" };
        return format!("{sign}{}", grouped(to_count(size)));
    }
    let text = match size {
        _ if !(1e-3..1e9).contains(&size) => format!("{number:.2e}"),
        _ if size >= 1000.0 => return short(number.round()),
        _ if size >= 100.0 => trimmed(format!("{number:.1}")),
        _ if size >= 1.0 => trimmed(format!("{number:.2}")),
        _ => trimmed(format!("{number:.4}")),
    };
    text.replace('-', "\u{2212}")
}

/// A share with one decimal, two where it is small.
pub(crate) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        _ if !percent.is_finite() => "\u{2013}".to_owned(),
        _ if percent == 0.0 => "0%".to_owned(),
        _ if percent < 0.01 => "<0.01%".to_owned(),
        _ if percent < 1.0 => format!("{percent:.2}%"),
        _ if (99.9..99.99).contains(&percent) => format!("{percent:.2}%"),
        _ if (99.99..100.0).contains(&percent) => ">99.99%".to_owned(),
        _ => format!("{}%", trimmed(format!("{percent:.1}"))),
    }
}

/// A number of bytes with a unit.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut value = float64(bytes);
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// "1 column", "3 columns".
pub(crate) fn counted(number: usize, thing: &str) -> String {
    let plural = match (number, thing.strip_suffix('y')) {
        (1, _) => return format!("1 {thing}"),
        (_, Some(stem)) => format!("{stem}ies"),
        (_, None) => format!("{thing}s"),
    };
    format!("{} {plural}", grouped(number as u64))
}

/// A whole number below 2^53.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "callers give sizes below 2^53")]
fn to_count(size: f64) -> u64 {
    size as u64
}

fn trimmed(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (0.0, "0"),
            (1234.0, "1\u{202f}234"),
            (-7.0, "\u{2212}7"),
            (0.123_456_7, "0.1235"),
            (12.3456, "12.35"),
            (1234.56, "1\u{202f}235"),
            (1.5e-7, "1.50e\u{2212}7"),
            (2.5e12, "2.50e12"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(short(number), text);
        }
        assert_eq!([percent(0.5), percent(0.00123), percent(1e-9), percent(0.0)], ["50%", "0.12%", "<0.01%", "0%"]);
        assert_eq!([percent(0.9995), percent(0.999_999), percent(1.0)], ["99.95%", ">99.99%", "100%"]);
        assert_eq!([bytes(12), bytes(1536)], ["12 B", "1.5 KiB"]);
        assert_eq!([counted(1, "category"), counted(2000, "category")], ["1 category", "2\u{202f}000 categories"]);
    }

    #[test]
    fn positions_are_within() {
        assert_eq!([position(-3.0, 4), position(2.9, 4), position(9.0, 4), position(f64::NAN, 4)], [0, 2, 3, 0]);
    }
}
