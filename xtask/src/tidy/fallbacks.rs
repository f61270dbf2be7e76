//! No number stands in for one that could not be converted, unless a comment says why that is right.
//!
//! `usize::try_from(len).unwrap_or(usize::MAX)`, or `unwrap_or(0)` after an operation that is checked, makes a plausible number of
//! an impossible one. It is an error instead; or a line `// Fallback: reason` stands above it. Saturating arithmetic is left out:
//! the largest number is beyond every file and every limit.

use std::path::Path;

use super::File;
use crate::sh::Result;

const MARK: &str = "// Fallback: ";

/// How far above the mark may be.
const ABOVE: usize = 4;

/// What fails where a number does not fit.
const CONVERSIONS: [&str; 3] = ["try_from(", "try_into()", ".checked_"];

/// Fallbacks without a reason.
#[expect(clippy::unnecessary_wraps, reason = "all checks have one type")]
pub(crate) fn check(files: &[File]) -> Result<Vec<String>> {
    let is_rust = |file: &File| Path::new(&file.path).extension().is_some_and(|extension| extension == "rs");
    let is_source = |file: &&File| {
        let tests =
            file.path.ends_with("/tests.rs") || file.path.contains("/tests/") || file.path.contains("/testkit/");
        file.path.starts_with("crates/") && file.path.contains("/src/") && is_rust(file) && !tests
    };
    Ok(files.iter().filter(is_source).flat_map(in_file).collect())
}

fn in_file(file: &File) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().take_while(|line| line.trim() != "#[cfg(test)]").collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        // A chain that is broken before its last call.
        let before = if line.trim_start().starts_with(".unwrap_or") { at.checked_sub(1) } else { None };
        let call = format!("{}{}", before.map_or("", |before| lines[before]), line.trim());
        let is_marked = lines[at.saturating_sub(ABOVE)..at].iter().any(|line| line.trim().starts_with(MARK));
        if is_fallback(&call) && !is_marked && !line.trim().starts_with("//") {
            found.push(format!("{}:{}: a number stands in for another without `{MARK}…`", file.path, at + 1));
        }
    }
    found
}

/// Whether a line makes up a number: the end of a type, or a small one after a conversion.
fn is_fallback(line: &str) -> bool {
    line.match_indices(".unwrap_or").any(|(at, name)| {
        let (before, after) = (&line[..at], &line[at + name.len()..]);
        let is_converted = CONVERSIONS.iter().any(|conversion| before.contains(conversion));
        if after.starts_with("_default()") {
            return is_converted;
        }
        let value = after.strip_prefix('(').and_then(|after| after.split(')').next()).unwrap_or_default();
        let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        value.ends_with("::MAX") || value.ends_with("::MIN") || (is_number && is_converted)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> usize {
        in_file(&File { path: "crates/a/src/b.rs".into(), text: text.into() }).len()
    }

    #[test]
    fn numbers_that_are_made_up_are_found() {
        assert_eq!(found("let a = usize::try_from(len).unwrap_or(usize::MAX);"), 1);
        assert_eq!(found("let a = len.checked_mul(2).unwrap_or_default();"), 1);
        assert_eq!(found("let a = value.and_then(|value| u8::try_from(value).ok())\n    .unwrap_or(0);"), 1);
        assert_eq!(found("let a = product.unwrap_or(u64::MAX);"), 1);
    }

    #[test]
    fn what_is_no_conversion_or_has_a_reason_is_not() {
        assert_eq!(found("let a = names.first().unwrap_or_default();"), 0);
        assert_eq!(found("let a = width.unwrap_or(1);"), 0);
        assert_eq!(found("let a = u8::try_from(value).unwrap_or(default);"), 0);
        assert_eq!(found("// Fallback: an estimate.\nlet a = usize::try_from(len).unwrap_or(usize::MAX);"), 0);
        assert_eq!(found("#[cfg(test)]\nlet a = usize::try_from(len).unwrap_or(usize::MAX);"), 0);
    }
}
