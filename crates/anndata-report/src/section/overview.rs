//! What the object is, at a glance.

use anndata_format::{AnnData, Element, Schema, Severity};
use maud::{Markup, html};

use super::name;
use crate::ReportOptions;
use crate::number::{bytes, counted, grouped, percent};
use crate::scan::Scan;

/// Facts in large letters.
pub(crate) fn overview(adata: &AnnData, options: &ReportOptions, scan: Option<&Scan>) -> Markup {
    let size = adata.size_in_memory(true).map(|size| size.total() as u64);
    html! {
        div.cards {
            (card("Observations", &grouped(adata.n_obs() as u64), &counted(adata.obs().columns().len(), "column")))
            (card("Variables", &grouped(adata.n_vars() as u64), &counted(adata.var().columns().len(), "column")))
            (matrix_card(adata, options, scan))
            @if let Ok(size) = size {
                (card("In memory", &bytes(size), "when all of it is read"))
            }
            (findings_card(options))
        }
    }
}

fn matrix_card(adata: &AnnData, options: &ReportOptions, scan: Option<&Scan>) -> Markup {
    let title = options.layer.as_ref().map_or_else(|| "X".to_owned(), |layer| format!("Layer {}", name(layer)));
    let Some(matrix) = adata.layer(options.layer.as_deref()) else { return card(&title, "none", "") };
    let kind = describe(matrix);
    match scan {
        Some(scan) => {
            let share = crate::number::float(scan.n_values) / scan.n_cells();
            card(&title, &percent(share), &format!("of values are not zero; {kind}"))
        }
        None => card(&title, "\u{2013}", &kind),
    }
}

/// Format and dtype of a matrix, in words.
pub(crate) fn describe(matrix: &Element) -> String {
    match matrix.schema() {
        Ok(Schema::Sparse { format, dtype, .. }) => format!("{} {dtype}", format!("{format:?}").to_uppercase()),
        Ok(Schema::Array { dtype, .. }) => format!("dense {dtype}"),
        Ok(other) => other.kind_name().to_owned(),
        Err(_) => "it cannot be read".to_owned(),
    }
}

fn findings_card(options: &ReportOptions) -> Markup {
    let Some(findings) = &options.findings else { return card("Validation", "\u{2013}", "was not run") };
    let (errors, warnings) = (findings.count(Severity::Error), findings.count(Severity::Warning));
    let (class, word) = match (errors, warnings) {
        (0, 0) => ("good", "clean"),
        (0, _) => ("warning", "warnings"),
        _ => ("error", "errors"),
    };
    html! {
        div.card {
            span.label { "Validation" }
            span.value { span class={ "status " (class) } { (word) } }
            span.detail { (counted(errors, "error")) ", " (counted(warnings, "warning")) }
        }
    }
}

fn card(label: &str, value: &str, detail: &str) -> Markup {
    html! {
        div.card {
            span.label { (label) }
            span.value { (value) }
            span.detail { (detail) }
        }
    }
}
