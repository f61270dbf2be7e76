//! Colours, on a terminal alone.

use std::io::{self, IsTerminal as _};

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style(bool);

impl Style {
    /// For standard output: where it is a terminal that shows colours, and nobody set `NO_COLOR`.
    pub(crate) fn of_stdout() -> Self {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let is_dumb = variable("TERM").is_some_and(|terminal| terminal == "dumb");
        Self(io::stdout().is_terminal() && variable("NO_COLOR").is_none() && !is_dumb)
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.paint("1", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.paint("31", text)
    }

    pub(crate) fn yellow(self, text: &str) -> String {
        self.paint("33", text)
    }

    pub(crate) fn cyan(self, text: &str) -> String {
        self.paint("36", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_to_be_coloured_is() {
        assert_eq!(Style(true).red("x"), "\x1b[31mx\x1b[0m");
        assert_eq!(Style(false).bold("x"), "x");
    }
}
