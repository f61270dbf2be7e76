//! Every link of a page to a file of the project leads to one, and what it names is defined there.
//!
//! The pages are `docs/*.md` and every `README.md`. A link `` [`name`](file.rs) `` or `` [`Type::name`](file.rs) `` names a
//! function, a type or a trait: one of that name has to be defined in the file.

use std::path::Path;

use super::File;
use crate::sh::Result;

/// What stands before the name of an item where it is defined.
const KEYWORDS: [&str; 6] = ["fn", "struct", "enum", "trait", "type", "mod"];

/// Follow the links of every page.
#[expect(clippy::unnecessary_wraps, reason = "all checks have one type")]
pub(crate) fn check(files: &[File]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for page in files.iter().filter(|file| is_page(&file.path)) {
        for (text, target) in links(&page.text) {
            found.extend(complaint(files, page, text, target).map(|what| format!("{}: {what}", page.path)));
        }
    }
    Ok(found)
}

fn is_page(path: &str) -> bool {
    let name = path.strip_prefix("docs/").and_then(|name| name.strip_suffix(".md"));
    name.is_some_and(|name| !name.contains('/')) || path == "README.md" || path.ends_with("/README.md")
}

/// What is wrong with a link, if anything is.
fn complaint(files: &[File], page: &File, text: &str, target: &str) -> Option<String> {
    let target = target.split('#').next().unwrap_or_default();
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let Some(path) = resolve(&page.path, target) else {
        return Some(format!("the link to {target} leads out of the project"));
    };
    let folder = format!("{path}/");
    let Some(file) = files.iter().find(|file| file.path == path || file.path.starts_with(&folder)) else {
        return Some(format!("the link to {target} leads nowhere: there is no {path}"));
    };
    let name = text.strip_prefix('`')?.strip_suffix('`')?.rsplit("::").next()?;
    // The name of a crate is none of an item.
    let is_item = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_source = file.path == path && Path::new(&path).extension().is_some_and(|e| e == "rs");
    (is_item && is_source && !defines(&file.text, name)).then(|| format!("{text} is not defined in {path}"))
}

/// The path from the root of a target that is relative to a page; `None` if it is outside.
fn resolve(page: &str, target: &str) -> Option<String> {
    let mut names: Vec<&str> = page.split('/').collect();
    names.pop();
    for name in target.trim_end_matches('/').split('/') {
        match name {
            "." => {}
            ".." => drop(names.pop()?),
            name => names.push(name),
        }
    }
    Some(names.join("/"))
}

/// Whether a source defines an item of a name.
fn defines(source: &str, name: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    let mut code = source.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    code.any(|line| {
        KEYWORDS.iter().any(|keyword| {
            let definition = format!("{keyword} {name}");
            line.match_indices(&definition).any(|(at, _)| {
                let is_word = line[..at].is_empty() || line[..at].ends_with(' ');
                is_word && ends(&line[at + definition.len()..])
            })
        })
    })
}

/// The links of a page outside of its code blocks: text and target.
fn links(page: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        for (at, _) in line.match_indices("](").filter(|_| !is_code) {
            let text = line[..at].rfind('[').map(|start| &line[start + 1..at]);
            let target = line[at + 2..].find(')').map(|len| &line[at + 2..at + 2 + len]);
            found.extend(text.zip(target));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "//! fn absent()\npub struct Reader<'a>(&'a str);\n\nimpl Reader<'_> {\n    pub async fn read(&self) {}\n}\n\
                          fn write_all<T>(_: T) {}\n";

    fn complaints(page: &str) -> Vec<String> {
        let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
        let files =
            [file("docs/map.md", page), file("crates/a/src/io.rs", SOURCE), file("notes.md", "[no page](gone)")];
        check(&files).unwrap_or_default()
    }

    #[test]
    fn links_that_lead_somewhere_are_no_complaint() {
        let page = "[a file](../crates/a/src/io.rs), [a folder](../crates/a/), [here](#part), [there](https://example.org/x)\n\
                    [`read`](../crates/a/src/io.rs), [`Reader::read`](../crates/a/src/io.rs), [`Reader`](../crates/a/src/io.rs#L1)\n\
                    [`write_all`](./../crates/a/src/io.rs), [`a`](../crates/a/src), [`a-crate`](../crates/a/src/io.rs)\n```text\n[code](gone)\n```\n";
        assert_eq!(complaints(page), Vec::<String>::new());
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        assert_eq!(
            complaints("see [x](gone.md)"),
            ["docs/map.md: the link to gone.md leads nowhere: there is no docs/gone.md"]
        );
        assert_eq!(complaints("[x](../../y.md)"), ["docs/map.md: the link to ../../y.md leads out of the project"]);
    }

    #[test]
    fn a_name_that_is_not_defined_there_is_found() {
        for name in ["absent", "write", "rea", "Reader::write"] {
            let page = format!("[`{name}`](../crates/a/src/io.rs)");
            assert_eq!(complaints(&page), [format!("docs/map.md: `{name}` is not defined in crates/a/src/io.rs")]);
        }
    }
}
