//! The sections of a page, one file each, and what they have in common.

pub(crate) mod columns;
pub(crate) mod embeddings;
pub(crate) mod findings;
pub(crate) mod matrix;
pub(crate) mod overview;
pub(crate) mod provenance;
pub(crate) mod tree;

use anndata_format::Error;
use anndata_format::storage::escaped;
use maud::{Markup, html};

/// A section with a heading, and a line below that says what is shown.
#[expect(clippy::needless_pass_by_value, reason = "they are made for it")]
pub(crate) fn section(id: &str, title: &str, lead: Markup, body: Markup) -> Markup {
    html! {
        section id=(id) {
            h2 { (title) }
            @if !lead.0.is_empty() { p.lead { (lead) } }
            (body)
        }
    }
}

/// A name that comes from a file, with what a reader would not see written out.
pub(crate) fn name(text: impl std::fmt::Display) -> String {
    escaped(text).to_string()
}

/// What stands in the place of something that cannot be shown.
pub(crate) fn problem(error: &Error) -> Markup {
    html! { p.problem { (name(error)) } }
}

/// A remark, about what is not there for instance.
pub(crate) fn note(text: &str) -> Markup {
    html! { p.note { (text) } }
}
