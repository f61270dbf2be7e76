//! Names and messages as they can be printed: without characters that a terminal obeys.

use std::fmt::{self, Display, Write};

/// Text to print in one line: control characters, ends of lines and marks that change the direction of text are escaped as
/// Python does (`\\n`, `\\x1b`, `\\u202e`). Names of elements come from files of unknown origin, so whatever prints one prints
/// it through this. A backslash stays as it is.
///
/// ```
/// use anndata_storage::escaped;
///
/// assert_eq!(escaped("a\u{1b}[31mred\nb").to_string(), r"a\x1b[31mred\nb");
/// assert_eq!(escaped("naïve T 細胞").to_string(), "naïve T 細胞");
/// ```
pub fn escaped<T: Display>(text: T) -> impl Display {
    Escaped(text)
}

struct Escaped<T>(T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape::new(f), "{}", self.0)
    }
}

/// Writes on what it is given, escaped.
pub(crate) struct Escape<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl<'a, 'f> Escape<'a, 'f> {
    pub(crate) fn new(f: &'a mut fmt::Formatter<'f>) -> Self {
        Self(f)
    }
}

impl Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(obeyed) {
            let (plain, tail) = rest.split_at(at);
            self.0.write_str(plain)?;
            let mut chars = tail.chars();
            match chars.next() {
                Some('\n') => self.0.write_str("\\n")?,
                Some('\r') => self.0.write_str("\\r")?,
                Some('\t') => self.0.write_str("\\t")?,
                Some(char @ '\0'..='\u{ff}') => write!(self.0, "\\x{:02x}", u32::from(char))?,
                Some(char) => write!(self.0, "\\u{:04x}", u32::from(char))?,
                None => {}
            }
            rest = chars.as_str();
        }
        self.0.write_str(rest)
    }
}

/// Whether a terminal does something for this character other than showing it.
fn obeyed(char: char) -> bool {
    let ends_line = matches!(char, '\u{2028}' | '\u{2029}');
    let turns_text =
        matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}');
    char.is_control() || ends_line || turns_text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        for (text, printed) in [
            ("\0\u{7}\u{7f}\u{9b}2J", r"\x00\x07\x7f\x9b2J"),
            ("a\r\n\tb", r"a\r\n\tb"),
            ("x\u{202e}y\u{2066}\u{2028}", r"x\u202ey\u2066\u2028"),
            ("C:\\x \u{e9}\u{1f9ec}", "C:\\x \u{e9}\u{1f9ec}"),
            ("", ""),
        ] {
            assert_eq!(escaped(text).to_string(), printed);
        }
    }
}
