//! What is printed, without characters that a terminal obeys.

use std::io::{self, Write};

use anndata::storage::escaped;

/// How such characters are written instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// As JSON has them in texts: what reads it gets the same text.
    Json,
    /// As Python shows them; ends of lines stay. For text on a terminal.
    Text,
}

/// A writer that escapes such characters. What it is given at a time is text, or is written as it is.
pub(crate) struct Printable<W> {
    out: W,
    escapes: Escapes,
}

impl<W: Write> Printable<W> {
    pub(crate) fn new(out: W, escapes: Escapes) -> Self {
        Self { out, escapes }
    }
}

impl<W: Write> Write for Printable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.text(text)?,
            Err(_) => self.out.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Printable<W> {
    fn text(&mut self, text: &str) -> io::Result<()> {
        let mut from = 0;
        for (at, char) in text.char_indices().filter(|&(_, char)| char != '\n' && !matches!(char, ' '..='~')) {
            let shown = escaped(char).to_string();
            if !shown.starts_with(char) {
                self.out.write_all(text.get(from..at).unwrap_or_default().as_bytes())?;
                match self.escapes {
                    Escapes::Json => write!(self.out, "\\u{:04x}", u32::from(char))?,
                    Escapes::Text => self.out.write_all(shown.as_bytes())?,
                }
                from = at + char.len_utf8();
            }
        }
        self.out.write_all(text.get(from..).unwrap_or_default().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str, escapes: Escapes) -> String {
        let mut out = Vec::new();
        Printable::new(&mut out, escapes).write_all(text.as_bytes()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn json_is_the_same_to_what_reads_it() {
        let json = "{\"a\u{7f}\u{9b}2J\": \"x\u{202e}é\"}\n";
        let safe = printed(json, Escapes::Json);
        assert_eq!(safe, "{\"a\\u007f\\u009b2J\": \"x\\u202eé\"}\n");
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(&safe), parse(json));
    }

    #[test]
    fn text_keeps_its_lines() {
        assert_eq!(printed("name,a\n\u{1b}[31m,\t\u{e9}\n", Escapes::Text), "name,a\n\\x1b[31m,\\t\u{e9}\n");
    }
}
