//! The public API of a library as its sources state it, and what differs between two of them.
//!
//! It is read by `syn`, without compiling: every `pub` item, as the lint `unreachable_pub` makes sure that such an item can
//! be reached. What macros make is not seen, nor are types that are inferred; `cargo-semver-checks` compiles and sees these,
//! but neither what was added nor types of parameters. The two together decide.

mod items;
mod surface;

use std::collections::{BTreeMap, BTreeSet};

use super::version::Level;
pub(crate) use surface::read;

/// What a library offers and asks for.
#[derive(Debug, Default)]
pub(crate) struct Surface {
    /// The paths that can be written: `io::read`.
    paths: BTreeSet<String>,
    /// What is defined, by what it is and is called (`fn Store::open`), and how: more than one where modules have items of
    /// one name.
    items: BTreeMap<String, BTreeSet<String>>,
    /// What a user of an item has to spell out in full: methods to implement, fields to fill, variants to match.
    demands: BTreeMap<String, BTreeSet<String>>,
    /// The crates whose names stand in the API, as Rust spells them.
    pub(crate) crates: BTreeSet<String>,
}

/// What differs between two versions of an API, as lines for a reader.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) breaking: Vec<String>,
    pub(crate) added: Vec<String>,
}

impl Difference {
    /// What goes from one API to another.
    pub(crate) fn between(old: &Surface, new: &Surface) -> Self {
        let mut found = Self::default();
        for (item, before) in &old.items {
            match new.items.get(item) {
                None => found.breaking.push(format!("{item} is gone")),
                Some(after) => {
                    let gone: Vec<&str> = before.difference(after).map(String::as_str).collect();
                    let come: Vec<&str> = after.difference(before).map(String::as_str).collect();
                    match (gone.as_slice(), come.as_slice()) {
                        ([], []) => {}
                        ([], [..]) => found.added.push(format!("{item}: {}", come.join("; "))),
                        ([..], []) => found.breaking.push(format!("{item} is gone: {}", gone.join("; "))),
                        _ => {
                            found.breaking.push(format!("{item} was {}, is {}", gone.join("; "), come.join("; ")));
                        }
                    }
                }
            }
        }
        for (owner, demands) in new.demands.iter().filter(|(owner, _)| old.items.contains_key(*owner)) {
            let before = old.demands.get(owner);
            let more = demands.iter().filter(|demand| before.is_none_or(|before| !before.contains(*demand)));
            found.breaking.extend(more.map(|demand| format!("{owner} asks for {demand}")));
        }
        let new_items = new.items.keys().filter(|item| !old.items.contains_key(*item));
        found.added.extend(new_items.map(|item| format!("{item} is new")));
        // The path of an item that is gone or new says the same again.
        let is_told = |lines: &[String], path: &str| {
            let name = path.rsplit("::").next().unwrap_or(path);
            lines.iter().any(|line| line.split([' ', '.', ':']).any(|word| word == name))
        };
        for path in old.paths.difference(&new.paths).filter(|path| !is_told(&found.breaking, path)).collect::<Vec<_>>()
        {
            found.breaking.push(format!("the path {path} is gone"));
        }
        for path in new.paths.difference(&old.paths).filter(|path| !is_told(&found.added, path)).collect::<Vec<_>>() {
            found.added.push(format!("the path {path} is new"));
        }
        found
    }

    /// How much the difference raises the version.
    pub(crate) fn level(&self) -> Level {
        match (self.breaking.is_empty(), self.added.is_empty()) {
            (false, _) => Level::Major,
            (true, false) => Level::Minor,
            (true, true) => Level::Patch,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sh::Result;
    use crate::tidy::File;

    fn surface(files: &[(&str, &str)]) -> Result<Surface> {
        let files: Vec<File> =
            files.iter().map(|(path, text)| File { path: format!("c/src/{path}"), text: (*text).into() }).collect();
        read("c/src/lib.rs", &files, &["arrow_array".to_owned()])
    }

    fn difference(old: &str, new: &str) -> Result<Difference> {
        Ok(Difference::between(&surface(&[("lib.rs", old)])?, &surface(&[("lib.rs", new)])?))
    }

    #[test]
    fn what_nobody_sees_is_no_difference() -> Result<()> {
        let same = [
            ("fn f() {}", "fn f(x: u8) {} struct S;"),
            ("pub fn f(a: u8) -> u8 { a }", "pub fn f(b: u8) -> u8 { b + 1 }"),
            ("pub struct S { a: u8 }", "pub struct S { b: u16, c: u8 }"),
            ("/// One.\npub fn f() {}", "/// Two.\n#[must_use]\npub fn f() {}"),
            ("pub(crate) fn f() {}", ""),
            ("pub struct S; struct P; impl Clone for P { }", "pub struct S; struct P;"),
            ("pub struct S; impl S { fn a() {} pub(crate) fn b() {} }", "pub struct S;"),
            ("pub fn f(x: crate::S) {} pub struct S;", "pub fn f(x: S) {} pub struct S;"),
            ("#[cfg(test)] pub fn f() {}", "#[cfg(test)] mod tests { pub fn g() {} }"),
            ("#[doc(hidden)] pub fn f() {}", ""),
            ("pub trait T { fn a(&self) { } }", "pub trait T { fn a(&self) { todo() } }"),
        ];
        for (old, new) in same {
            assert_eq!(difference(old, new)?, Difference::default(), "{old} → {new}");
        }
        Ok(())
    }

    #[test]
    fn what_is_added_is_minor() -> Result<()> {
        let added = [
            ("", "pub fn f() {}", "fn f is new"),
            ("pub struct S;", "pub struct S; impl S { pub fn a(&self) {} }", "fn S::a is new"),
            ("pub struct S { pub a: u8, b: u8 }", "pub struct S { pub a: u8, pub b: u8, c: u8 }", "field S.b is new"),
            ("pub struct S;", "#[derive(Clone)] pub struct S;", "impl Clone for S is new"),
            ("#[non_exhaustive] pub enum E { A }", "#[non_exhaustive] pub enum E { A, B }", "variant E::B is new"),
            ("pub trait T {}", "pub trait T { fn a(&self) {} }", "fn T::a is new"),
            (
                "mod m { pub struct S; } pub use m::S;",
                "mod m { pub struct S; } pub use m::S; pub use m::S as Z;",
                "the path Z is new",
            ),
            ("", "pub enum E { A, B }", "enum E is new"),
        ];
        for (old, new, line) in added {
            let found = difference(old, new)?;
            assert!(found.added.iter().any(|added| added == line), "{old} → {new}: {found:?}");
            assert_eq!(found.level(), Level::Minor, "{old} → {new}: {found:?}");
        }
        Ok(())
    }

    #[test]
    fn what_is_gone_or_changed_is_major() -> Result<()> {
        let breaking = [
            ("pub fn f() {}", "", "fn f is gone"),
            ("pub fn f() {}", "pub(crate) fn f() {}", "fn f is gone"),
            ("pub fn f(a: u8) {}", "pub fn f(a: u16) {}", "fn f was fn (u8), is fn (u16)"),
            ("pub struct S { pub a: u8, pub b: u8 }", "pub struct S { pub a: u8 }", "field S.b is gone"),
            ("pub struct S { pub a: u8 }", "pub struct S { pub a: u8, b: u8 }", "struct S asks for a private field"),
            ("pub struct S { pub a: u8 }", "pub struct S { pub a: u8, pub b: u8 }", "struct S asks for field b"),
            ("pub enum E { A }", "pub enum E { A, B }", "enum E asks for variant B"),
            ("pub trait T {}", "pub trait T { fn a(&self); }", "trait T asks for fn a"),
            ("#[derive(Clone, Debug)] pub struct S;", "#[derive(Debug)] pub struct S;", "impl Clone for S is gone"),
            ("pub mod m { pub fn f() {} }", "mod m { pub fn f() {} } pub use m::f;", "the path m::f is gone"),
            (
                "pub struct S; impl S { pub fn a(&self) {} }",
                "pub struct S; impl S { fn a(&self) {} }",
                "fn S::a is gone",
            ),
            (
                "#[cfg(feature = \"x\")] pub fn f() {}",
                "#[cfg(feature = \"y\")] pub fn f() {}",
                "fn f was #[cfg(feature = \"x\")] fn (), is #[cfg(feature = \"y\")] fn ()",
            ),
        ];
        for (old, new, line) in breaking {
            let found = difference(old, new)?;
            assert!(found.breaking.iter().any(|breaking| breaking == line), "{old} → {new}: {found:?}");
            assert_eq!(found.level(), Level::Major, "{old} → {new}");
        }
        Ok(())
    }

    #[test]
    fn an_item_that_moves_behind_its_path_is_the_same() -> Result<()> {
        let old = surface(&[("lib.rs", "mod a;\npub use a::S;"), ("a.rs", "pub struct S;")])?;
        let new = surface(&[
            ("lib.rs", "mod b;\npub use b::inner::S;"),
            ("b.rs", "pub(crate) mod inner;"),
            ("b/inner.rs", "pub struct S;"),
        ])?;
        assert_eq!(Difference::between(&old, &new), Difference::default());
        Ok(())
    }

    #[test]
    fn crates_whose_types_stand_in_the_api_are_named() -> Result<()> {
        let crates = |text: &str| {
            Ok::<_, crate::sh::Error>(surface(&[("lib.rs", text)])?.crates.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(crates("use arrow_array::Array; pub fn f(a: &dyn Array) {}")?, ["arrow_array"]);
        assert_eq!(crates("pub struct S { pub a: arrow_array::ArrayRef }")?, ["arrow_array"]);
        assert_eq!(crates("pub use arrow_array;")?, ["arrow_array"]);
        assert_eq!(crates("pub use arrow_array::{Array, cast::AsArray as A};")?, ["arrow_array"]);
        assert_eq!(crates("pub struct S; impl arrow_array::Array for S {}")?, ["arrow_array"]);
        assert_eq!(
            crates("use arrow_array::Array; fn f(a: &dyn Array) { g(a) } pub struct S { a: arrow_array::X }")?,
            [""; 0]
        );
        Ok(())
    }
}
