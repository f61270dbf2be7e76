//! The page: head, header, sections, all in one file that needs nothing else.

use anndata_format::AnnData;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::ReportOptions;
use crate::number::counted;
use crate::section::{columns, embeddings, findings, matrix, name, overview, provenance, tree};

/// What the page looks like.
const STYLE: &str = include_str!("page/style.css");

/// What a browser may do for the page: show its style and the pictures in it. It has no scripts, and loads nothing.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The page of an object.
pub(crate) fn page(adata: &AnnData, options: &ReportOptions) -> Markup {
    let title = name(options.title.as_deref().unwrap_or("AnnData object"));
    let shape = format!("{} \u{d7} {}", counted(adata.n_obs(), "observation"), counted(adata.n_vars(), "variable"));
    let scan = matrix::scan(adata, options);
    let embeddings = embeddings::embeddings(adata, options);
    let overview = overview::overview(adata, options, scan.as_ref().and_then(|scan| scan.as_ref().ok()));
    let sections = [
        (embeddings.is_some(), "embeddings", "Embeddings"),
        (true, "matrix", "Matrix"),
        (true, "obs", "Observations"),
        (true, "var", "Variables"),
        (true, "structure", "Structure"),
        (true, "findings", "Findings"),
        (true, "provenance", "Provenance"),
    ];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content=(concat!("anndata-report ", env!("CARGO_PKG_VERSION")));
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                header.page {
                    h1 { (title) }
                    p { (shape) }
                }
                nav aria-label="Sections" {
                    @for (_, id, title) in sections.iter().filter(|(shown, ..)| *shown) {
                        a href=(format!("#{id}")) { (title) }
                    }
                }
                main {
                    (overview)
                    @if let Some(embeddings) = embeddings { (embeddings) }
                    (matrix::matrix(adata, options, scan.as_ref()))
                    (columns::obs(adata, options))
                    (columns::var(adata, options))
                    (tree::tree(adata))
                    (findings::findings(options.findings.as_ref()))
                    (provenance::provenance(adata, &options.provenance))
                }
            }
        }
    }
}
