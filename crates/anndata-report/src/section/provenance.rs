//! Where the object comes from, as far as is known: from whoever asked for the page, and from texts that the object has.

use anndata_format::{AnnData, Element, Schema};
use maud::{Markup, html};

use super::{name, section};

/// The most texts of `uns` that are shown, and the longest.
const TEXTS: usize = 40;
const LONGEST: usize = 600;

pub(crate) fn provenance(adata: &AnnData, given: &[(String, String)]) -> Markup {
    let texts = texts(adata);
    let body = html! {
        dl.facts {
            @for (label, text) in given {
                dt { (name(label)) } dd { (name(text)) }
            }
            dt { "Page" } dd { "made by anndata-report " (env!("CARGO_PKG_VERSION")) }
        }
        @if !texts.is_empty() {
            h3 { "What the object says of itself" }
            dl.facts {
                @for (label, text) in texts {
                    dt { code { "uns/" (name(label)) } } dd { (name(text)) }
                }
            }
        }
    };
    section("provenance", "Provenance", html! {}, body)
}

/// Single texts and numbers of `uns`, such as title and citation of an object of CELLxGENE.
fn texts(adata: &AnnData) -> Vec<(&String, String)> {
    let scalars = adata.uns().iter().filter_map(|(key, element)| Some((key, text(element)?)));
    scalars.take(TEXTS).collect()
}

fn text(element: &Element) -> Option<String> {
    match element.schema().ok()? {
        Schema::Array { dtype, shape } if shape.is_empty() && (dtype.is_text() || dtype.is_numeric()) => {}
        _ => return None,
    }
    let text = element.to_tensor().ok()?.printed().pop()?;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    Some(shown)
}
