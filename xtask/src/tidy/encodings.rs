//! Every encoding is one file, one line of the registry and one row of the table in the README.
//!
//! An encoding names its types in constants or literals such as `"csr_matrix"`; which of the string literals of a
//! file are encoding types is told by the table: the files, the registry and the table have to agree.

use std::collections::BTreeSet;

use super::File;
use crate::sh::Result;

const FOLDER: &str = "crates/anndata-core/src/encoding/";
const REGISTRY: &str = "crates/anndata-core/src/encoding.rs";
const README: &str = "crates/anndata-core/README.md";

/// Compare the files, the registry and the table.
#[expect(clippy::unnecessary_wraps, reason = "all checks have one type")]
pub(crate) fn check(files: &[File]) -> Result<Vec<String>> {
    let text_of = |path: &str| files.iter().find(|f| f.path == path).map(|f| f.text.as_str());
    let Some(registry) = text_of(REGISTRY) else { return Ok(vec![format!("{REGISTRY}: is missing")]) };
    let table = table_of(text_of(README).unwrap_or_default());
    let mut found = Vec::new();
    if table.is_empty() {
        found.push(format!("{README}: has no table with a row for every encoding"));
    }
    let encodings = files.iter().filter_map(|f| {
        let stem = f.path.strip_prefix(FOLDER)?.strip_suffix(".rs")?;
        (!stem.contains('/')).then_some((stem, f))
    });
    let mut documented = BTreeSet::new();
    for (stem, file) in encodings {
        if !registry.contains(&format!("mod {stem};")) {
            found.push(format!("{REGISTRY}: does not declare {stem}"));
        }
        documented.extend(literals(&file.text).filter(|l| table.contains(l)));
    }
    let undefined = table.iter().filter(|t| !documented.contains(*t) && !registry.contains(&format!("\"{t}\"")));
    found.extend(undefined.map(|t| format!("{README}: {t} is in the table, but in no file of {FOLDER}")));
    Ok(found)
}

/// The code words in the first column of the table under the heading that names encodings.
fn table_of(readme: &str) -> BTreeSet<&str> {
    let rows = readme.lines().filter_map(|l| l.strip_prefix("| `"));
    rows.flat_map(|row| row.split('|').next().unwrap_or_default().split([',', ' ']).map(|w| w.trim_matches('`')))
        .filter(|w| !w.is_empty())
        .collect()
}

/// The string literals of a Rust file, roughly: what stands between two quotation marks of one line.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('"').skip(1).step_by(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(readme: &str) -> Vec<File> {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        vec![
            file(REGISTRY, "mod sparse;\n"),
            file(README, readme),
            file(
                &format!("{FOLDER}sparse.rs"),
                "const CSR: &str = \"csr_matrix\";\nconst CSC: &str = \"csc_matrix\";\n",
            ),
        ]
    }

    #[test]
    fn agreement_is_no_complaint() {
        let files = project("| encoding |\n| --- |\n| `csr_matrix`, `csc_matrix` | 0.1.0 |\n");
        assert_eq!(check(&files).unwrap_or_default(), Vec::<String>::new());
    }

    #[test]
    fn a_row_without_code_is_found() {
        let found = check(&project("| `csr_matrix` | 0.1.0 |\n| `no_such` | 0.1.0 |\n")).unwrap_or_default();
        assert_eq!(found.len(), 1, "{found:?}");
    }
}
