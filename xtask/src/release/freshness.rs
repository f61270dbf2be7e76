//! Whether `docs/conformance.md` is of the code that would be released.

use std::path::Path;

use super::date::today;
use super::sha256::sha256;
use crate::sh::{Error, Result, command, output};

const PAGE: &str = "docs/conformance.md";
const TITLE: &str = "# Conformance\n";
/// What a run compares: the code of the crates, and the two halves of the comparison.
const CODE: [&str; 3] = ["crates/*/src/*", "tests/python/conformance/*", "tests/examples/conformance/*"];

/// Write date and code of the run that has just ended into its page.
///
/// # Errors
///
/// When the page or the code cannot be read.
pub(crate) fn stamp(root: &Path) -> Result<()> {
    let path = root.join(PAGE);
    let page = std::fs::read_to_string(&path)?;
    let line = line(&today(), &fingerprint(root)?);
    Ok(std::fs::write(path, page.replacen(TITLE, &format!("{TITLE}\n{line}\n"), 1))?)
}

/// Refuse a page of other code.
///
/// # Errors
///
/// Says which code the page is of.
pub(crate) fn check(root: &Path) -> Result<()> {
    let page = std::fs::read_to_string(root.join(PAGE)).unwrap_or_default();
    let found = page.lines().find(|line| line.starts_with("Run on "));
    let code = fingerprint(root)?;
    let run = "run cargo xtask conformance --full and commit the page";
    match found {
        None => Err(Error::new(format!("{PAGE} does not say which code it is of: {run}"))),
        Some(line) if !line.contains(&format!("`{code}`")) => {
            let line = line.trim_end_matches('.').to_lowercase();
            Err(Error::new(format!("{PAGE} is older than the code, which is `{code}`: it was {line}: {run}")))
        }
        Some(_) => Ok(()),
    }
}

fn line(date: &str, fingerprint: &str) -> String {
    format!("Run on {date} with the code `{fingerprint}`.")
}

/// The same for the same files, with the ends of lines that Git stores.
fn fingerprint(root: &Path) -> Result<String> {
    let list = output(command("git").current_dir(root).args(["ls-files", "-z", "--"]).args(CODE))?;
    let mut all = Vec::new();
    for path in list.split('\0').filter(|path| !path.is_empty()) {
        let text = std::fs::read(root.join(path)).map_err(|e| Error::new(format!("{path}: {e}")))?;
        all.extend(format!("{path}\0").into_bytes());
        all.extend(text.into_iter().filter(|byte| *byte != b'\r'));
    }
    Ok(sha256(&all).chars().take(16).collect())
}
