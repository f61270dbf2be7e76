//! Python's literals of text: written as `repr` writes them, and read back.

use std::fmt::{self, Write as _};

/// Shows a text as Python's `repr` does.
pub(crate) struct Quoted<'a>(&'a str);

/// The text as a Python literal: in single quotes, or in double ones where it has single quotes and no double ones;
/// what cannot be printed is escaped.
pub(crate) fn quoted(text: &str) -> Quoted<'_> {
    Quoted(text)
}

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quote = if self.0.contains('\'') && !self.0.contains('"') { '"' } else { '\'' };
        f.write_char(quote)?;
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c if c == quote => write!(f, "\\{c}")?,
                c if is_printable(c) => f.write_char(c)?,
                c => match u32::from(c) {
                    code @ ..=0xff => write!(f, "\\x{code:02x}")?,
                    code @ ..=0xffff => write!(f, "\\u{code:04x}")?,
                    code => write!(f, "\\U{code:08x}")?,
                },
            }
        }
        f.write_char(quote)
    }
}

/// Whether Python prints the character as it is.
///
/// The standard library's `Debug` of text knows the same set (what Unicode calls "Other" and "Separator", except the
/// space, is not printed), and escapes nothing else behind the first character.
fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\0'..='\u{9f}' => false,
        c => String::from_iter(['a', c]).escape_debug().eq(['a', c]),
    }
}

/// Reads a Python literal of text at the beginning of `source`: the text, and what follows. `None` if there is none,
/// or it is malformed.
pub(crate) fn unquote(source: &str) -> Option<(String, &str)> {
    let quote = source.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let mut text = String::new();
    let mut rest = source.get(1..)?.chars();
    loop {
        match rest.next()? {
            '\n' => return None,
            '\\' => {
                let (escaped, remaining) = unescape(rest.as_str())?;
                text.extend(escaped);
                rest = remaining.chars();
            }
            c if c == quote => return Some((text, rest.as_str())),
            c => text.push(c),
        }
    }
}

/// Reads what follows a backslash: a character (none for a continued line; the backslash itself and what follows where
/// it escapes nothing), and what follows that.
fn unescape(source: &str) -> Option<(Vec<char>, &str)> {
    let first = source.chars().next()?;
    let rest = source.get(first.len_utf8()..)?;
    let one = |c| Some((vec![c], rest));
    match first {
        '\n' => Some((Vec::new(), rest)),
        '\\' | '\'' | '"' => one(first),
        'a' => one('\x07'),
        'b' => one('\x08'),
        'f' => one('\x0c'),
        'n' => one('\n'),
        'r' => one('\r'),
        't' => one('\t'),
        'v' => one('\x0b'),
        'x' => code_point(rest, 2, 16),
        'u' => code_point(rest, 4, 16),
        'U' => code_point(rest, 8, 16),
        '0'..='7' => {
            let digits = source.chars().take(3).take_while(|c| c.is_digit(8)).count();
            code_point(source, digits, 8)
        }
        // Names of characters need a table of them.
        'N' => None,
        other => Some((vec!['\\', other], rest)),
    }
}

/// The character whose number is in the first `digits` of a text, and what follows.
fn code_point(source: &str, digits: usize, radix: u32) -> Option<(Vec<char>, &str)> {
    let (number, rest) = source.split_at_checked(digits)?;
    if !number.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    let c = char::from_u32(u32::from_str_radix(number, radix).ok()?)?;
    Some((vec![c], rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn quotes_and_escapes_are_those_of_python() {
        for (text, literal) in [
            ("pca", "'pca'"),
            ("it's", "\"it's\""),
            ("say \"a\"", "'say \"a\"'"),
            ("'\"", "'\\'\"'"),
            ("a\\b", "'a\\\\b'"),
            ("\n\r\t\0\x1b\x7f\u{80}", "'\\n\\r\\t\\x00\\x1b\\x7f\\x80'"),
            ("é\u{a0}\u{ad}\u{200b}", "'é\\xa0\\xad\\u200b'"),
            ("e\u{301}\u{e9}日本🧬", "'e\u{301}é日本🧬'"),
            ("\u{301}", "'\u{301}'"),
            ("\u{e000}\u{10ffff}", "'\\ue000\\U0010ffff'"),
            ("\u{2028}\u{3000}", "'\\u2028\\u3000'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(text).to_string(), literal);
            assert_eq!(unquote(literal), Some((text.to_owned(), "")), "{literal}");
        }
    }

    #[test]
    fn literals_are_read_as_python_reads_them() {
        for (literal, text) in [
            (r"'\a\b\f\v\101\0\x41\u0041\U00000041'", "\x07\x08\x0c\x0bA\0AAA"),
            (r#""it\'s""#, "it's"),
            (r"'\d\w'", r"\d\w"),
            (r"'\1234'", "S4"),
        ] {
            assert_eq!(unquote(literal), Some((text.to_owned(), "")), "{literal}");
        }
        for malformed in ["", "a", "'a", "'a\nb'", r"'\x4'", r"'\ud800'", r"'\N{DNA}'", r"'\", "'\\x\u{e9}'"] {
            assert_eq!(unquote(malformed), None, "{malformed}");
        }
    }

    proptest! {
        #[test]
        fn every_text_is_read_back(text in any::<String>(), rest in "[^'\"]*") {
            let source = format!("{}{rest}", quoted(&text));
            prop_assert_eq!(unquote(&source), Some((text, rest.as_str())));
        }
    }
}
