//! Small crates, each with the circles that are to be found in it.

use super::*;

/// The complaints about a crate of these files, below `c/src`.
fn complaints(files: &[(&str, &str)]) -> Vec<String> {
    let file = |(path, text): &(&str, &str)| File { path: format!("c/src/{path}"), text: (*text).to_owned() };
    match check(&files.iter().map(file).collect::<Vec<_>>()) {
        Ok(found) => found,
        Err(error) => vec![error.to_string()],
    }
}

const NONE: [&str; 0] = [];

#[test]
fn a_circle_is_shown_with_a_name_for_each_of_its_steps() {
    let found = complaints(&[
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::b::B; pub struct A(B);"),
        ("b.rs", "use super::c; pub struct B; fn f() { c::run() }"),
        ("c.rs", "pub fn run() -> Option<crate::a::A> { None }"),
    ]);
    let expected = "modules import each other in a circle; move what they share into a module below them:
    c/src/a.rs names crate::b::B, defined in c/src/b.rs
    c/src/b.rs names c::run, defined in c/src/c.rs
    c/src/c.rs names crate::a::A, defined in c/src/a.rs";
    assert_eq!(found, [expected]);
}

#[test]
fn re_exports_globs_and_renames_hide_no_circle() {
    for import in
        ["use crate::B;", "use crate::*;", "use crate::prelude::{self, C as B};", "use crate::prelude::inner::B;"]
    {
        let found = complaints(&[
            (
                "lib.rs",
                "mod a; mod b; pub mod prelude { pub use crate::B as C; pub use super as inner; } pub use b::B;",
            ),
            ("a.rs", &format!("{import} pub struct A(B);")),
            ("b.rs", "pub struct B; impl From<crate::a::A> for B {}"),
        ]);
        assert_eq!(found.len(), 1, "{import}: {found:?}");
    }
}

#[test]
fn a_file_and_its_folder_are_one_subject() {
    let up_and_down = [
        ("lib.rs", "mod a; pub use a::A;"),
        ("a.rs", "mod run; pub struct A; impl A { fn run(&self) { run::run(self) } }"),
        ("a/run.rs", "use super::A; pub fn run(_: &A) {}"),
    ];
    assert_eq!(complaints(&up_and_down), NONE);
    // Its files are in circles with others for one another.
    let through_another = complaints(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "mod one; mod two;"),
        ("a/one.rs", "use crate::b::B; pub struct One(B);"),
        ("a/two.rs", "pub struct Two;"),
        ("b.rs", "pub struct B(crate::a::two::Two);"),
    ]);
    assert_eq!(through_another.len(), 1, "{through_another:?}");
    assert!(
        through_another.iter().all(|c| c.contains("c/src/b.rs names crate::a::two::Two, defined in c/src/a/two.rs"))
    );
    // Its children stand side by side.
    let children = complaints(&[
        ("lib.rs", "mod a;"),
        ("a.rs", "mod one; mod two;"),
        ("a/one.rs", "use super::two::Two; pub struct One(Two);"),
        ("a/two.rs", "use super::one; pub struct Two; fn f(_: one::One) {}"),
    ]);
    assert_eq!(children.len(), 1, "{children:?}");
}

#[test]
fn what_is_declared_passed_on_or_tested_is_not_used() {
    let found = complaints(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub use crate::b::B; pub fn a() {} #[cfg(test)] mod tests { use crate::b::B; fn t(_: B) {} }"),
        ("b.rs", "use crate::a::a; pub struct B; fn f() { a() }"),
    ]);
    assert_eq!(found, NONE);
    let mentioned = complaints(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", "pub use crate::b::B; pub fn a(_: B) {}"),
        ("b.rs", "use crate::a::a; pub struct B; fn f() { a(B) }"),
    ]);
    assert_eq!(mentioned.len(), 1, "{mentioned:?}");
}

#[test]
fn imports_of_traits_and_arguments_of_macros_count() {
    for (a, b) in [
        ("use crate::b::Extension as _; pub fn a() {}", "pub trait Extension {} fn f() { crate::a::a() }"),
        (
            "pub fn a() { println!(\"{}\", crate::b::VALUE) }",
            "pub const VALUE: u8 = 1; fn f() { assert!(crate::a::a() == ()) }",
        ),
    ] {
        let found = complaints(&[("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b.rs", b)]);
        assert_eq!(found.len(), 1, "{a}: {found:?}");
    }
}

/// `use tempfile::tempfile` looks itself up, and a glob that leads out of the crate leads nowhere.
#[test]
fn names_of_other_crates_lead_nowhere() {
    let found = complaints(&[
        ("lib.rs", "mod a; mod b; use rayon::prelude::*; use std::fmt::*;"),
        ("a.rs", "use super::*; use tempfile::tempfile; fn f() -> Result<tempfile::File> { tempfile() }"),
        ("b.rs", "use super::*; use ::a::A; fn f(_: A, _: ParallelIterator) {}"),
    ]);
    assert_eq!(found, NONE);
}

#[test]
fn what_cannot_be_parsed_or_found_is_an_error() {
    let missing = complaints(&[("lib.rs", "mod a;")]);
    assert_eq!(missing, ["there is no file c/src/a.rs or c/src/a/mod.rs"]);
    let malformed = complaints(&[("lib.rs", "mod a"), ("a.rs", "")]);
    assert!(malformed.iter().all(|error| error.starts_with("c/src/lib.rs: ")) && malformed.len() == 1, "{malformed:?}");
}
