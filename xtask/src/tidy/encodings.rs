//! Every encoding is one file, registered, and named in the tables of the module page, of the README and of the page on the
//! format, which has a section on each.
//!
//! The types of a file are the string literals in its `fn name(&self)` and in those lines of its page that say
//! `encoding-type`.

use std::collections::BTreeSet;

use super::File;
use crate::sh::Result;

const FOLDER: &str = "crates/anndata-format/src/encoding/";
const PAGE: &str = "crates/anndata-format/src/encoding.rs";
/// What stands beside the encodings: the registry, the options, and what several encodings share.
const TOOLS: [&str; 5] = ["registry", "options", "rows", "slots", "values"];
const README: &str = "crates/anndata-format/README.md";
const FORMAT: &str = "crates/anndata-format/docs/format.md";

/// Compare the files, the registry and the tables.
#[expect(clippy::unnecessary_wraps, reason = "all checks have one type")]
pub(crate) fn check(files: &[File]) -> Result<Vec<String>> {
    let text_of = |path: &str| files.iter().find(|f| f.path == path).map_or("", |f| f.text.as_str());
    let page = text_of(PAGE);
    let format = text_of(FORMAT);
    let tables = [PAGE, README, FORMAT].map(|path| (path, table_of(text_of(path))));
    let mut found = Vec::new();
    let mut types = BTreeSet::new();
    for file in files {
        let Some(stem) = file.path.strip_prefix(FOLDER).and_then(|p| p.strip_suffix(".rs")) else { continue };
        if stem.contains('/') || TOOLS.contains(&stem) {
            continue;
        }
        if !page.contains(&format!("mod {stem};")) || !page.contains(&format!("[`{stem}`]")) {
            found.push(format!("{PAGE}: {stem} is not declared, or not in the table"));
        }
        if !page.contains(&format!("({stem}::")) {
            found.push(format!("{PAGE}: {stem} is not in the registry"));
        }
        types.extend(types_of(&file.text).into_iter().filter(|name| !name.is_empty()));
    }
    for (path, table) in &tables {
        found.extend(types.difference(table).map(|t| format!("{path}: {t} is not in the table of encodings")));
        found.extend(table.difference(&types).map(|t| format!("{path}: {t} is in the table, but no file has it")));
    }
    found.extend(types.difference(&sections_of(format)).map(|t| format!("{FORMAT}: {t} has no section")));
    Ok(found)
}

/// The encoding types that a file says it is for.
fn types_of(text: &str) -> BTreeSet<&str> {
    let in_page = text.lines().filter(|l| l.starts_with("//!") && l.contains("encoding-type "));
    let after_name = text.split("fn name(&self)").skip(1).filter_map(|rest| rest.split("\n    }").next());
    in_page.chain(after_name).flat_map(|part| part.split('"').skip(1).step_by(2)).collect()
}

/// The code words in the first column of the table whose first heading is `encoding-type`, in cells that begin with one.
fn table_of(text: &str) -> BTreeSet<&str> {
    let lines = text.lines().map(|l| l.trim_start_matches("//!").trim());
    let table = lines.skip_while(|l| !l.starts_with("| `encoding-type`")).skip(1).take_while(|l| l.starts_with('|'));
    let first_column = table.filter_map(|row| row.split('|').nth(1)).filter(|cell| cell.starts_with(" `"));
    first_column.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// The code words of the headings of a page.
fn sections_of(text: &str) -> BTreeSet<&str> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.flat_map(|heading| heading.split('`').skip(1).step_by(2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPARSE: &str = "//!   encoding-type     \"csr_matrix\" or \"csc_matrix\"\n";
    const NULL: &str =
        "impl X {\n    fn name(&self) -> &str {\n        \"null\"\n    }\n\n    fn other(&self) { \"no\" }\n}";
    const HEAD: &str = "| `encoding-type` | module |\n| --- | --- |\n";

    fn complaints(readme: &str) -> Vec<String> {
        complaints_of(readme, "### `csr_matrix`, `csc_matrix` 0.1.0\n### `null` 0.1.0\n")
    }

    fn complaints_of(readme: &str, sections: &str) -> Vec<String> {
        let table = format!("{HEAD}| `csr_matrix`, `csc_matrix` | [`sparse`] |\n| `null` | [`null`] |\n");
        let page = table.lines().fold(String::new(), |page, l| page + "//! " + l + "\n")
            + "mod sparse;\nmod null;\n.with(sparse::A).with(null::B)";
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let files = [
            file(PAGE, &page),
            file(README, &format!("{HEAD}{readme}")),
            file(FORMAT, &format!("{table}\n{sections}")),
            file(&format!("{FOLDER}sparse.rs"), SPARSE),
            file(&format!("{FOLDER}null.rs"), NULL),
        ];
        check(&files).unwrap_or_default()
    }

    #[test]
    fn agreement_is_no_complaint() {
        assert_eq!(complaints("| `csr_matrix`, `csc_matrix` | |\n| `null` | |\n"), Vec::<String>::new());
    }

    #[test]
    fn what_is_missing_or_too_much_is_found() {
        let found = complaints("| `csr_matrix`, `csc_matrix` | |\n| `nothing` | |\n");
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().all(|c| c.starts_with(README)), "{found:?}");
    }

    #[test]
    fn an_encoding_without_a_section_is_found() {
        let found = complaints_of("| `csr_matrix`, `csc_matrix` | |\n| `null` | |\n", "### `null`\n`csr_matrix`\n");
        let missing = ["csc_matrix", "csr_matrix"].map(|t| format!("{FORMAT}: {t} has no section"));
        assert_eq!(found, missing);
    }
}
