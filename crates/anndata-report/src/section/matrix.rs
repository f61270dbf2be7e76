//! The matrix: its values, what each observation and each variable has of them, and the largest variables.

use anndata_format::{AnnData, DataFrame, Error, Result};
use maud::{Markup, html};

use super::overview::describe;
use super::{name, note, problem, section};
use crate::ReportOptions;
use crate::chart::bars::{Bar, bars};
use crate::chart::histogram::Histogram;
use crate::number::{float, grouped, percent, short};
use crate::scan::Scan;

/// How many variables are listed.
const LARGEST: usize = 20;

/// Columns of `var` with names for people, where those of the index are accessions.
const SYMBOLS: [&str; 6] = ["feature_name", "gene_symbols", "gene_symbol", "gene_names", "gene_name", "Symbol"];

/// Looks at the matrix that the options name; `None` if there is none.
pub(crate) fn scan(adata: &AnnData, options: &ReportOptions) -> Option<Result<Scan>> {
    let matrix = adata.layer(options.layer.as_deref())?;
    Some(Scan::of(matrix, &mitochondrial(adata.var()), options.max_matrix_bytes))
}

/// The section.
pub(crate) fn matrix(adata: &AnnData, options: &ReportOptions, scan: Option<&Result<Scan>>) -> Markup {
    let slot = options.layer.as_ref().map_or_else(|| "X".to_owned(), |layer| format!("layers/{layer}"));
    let title = options.layer.as_ref().map_or_else(|| "X".to_owned(), |layer| format!("Layer {}", name(layer)));
    let (Some(matrix), Some(scan)) = (adata.layer(options.layer.as_deref()), scan) else {
        return section("matrix", &title, html! {}, note("There is no X."));
    };
    let lead = html! {
        code { (name(&slot)) } ": " (grouped(adata.n_obs() as u64)) " \u{d7} " (grouped(adata.n_vars() as u64)) ", " (describe(matrix))
        @if let Ok(Scan { sampled: Some((read, what)), .. }) = scan {
            ". It is large: " (grouped(*read as u64)) " " (what) " were looked at, in blocks from all over it"
        }
        "."
    };
    let body = match scan {
        Ok(scan) => charts(adata, scan),
        Err(error) => problem(error),
    };
    section("matrix", &title, lead, body)
}

fn charts(adata: &AnnData, scan: &Scan) -> Markup {
    let counts = if scan.is_count_like() { "Counts" } else { "Sum" };
    let of_columns = scan.sampled.is_some_and(|(_, what)| what == "columns");
    let of_rows = |title: &str| if of_columns { format!("{title}, of those columns") } else { title.to_owned() };
    let share = |(&part, &all): (&f64, &f64)| if all > 0.0 { 100.0 * part / all } else { f64::NAN };
    html! {
        (facts(scan))
        div.grid {
            (distribution("Values that are not zero", scan.sample.iter().copied()))
            (distribution(&of_rows(&format!("{counts} per observation")), scan.row_sums.iter().copied()))
            (distribution(&of_rows("Variables per observation"), scan.row_counts.iter().map(|&count| float(count))))
            (distribution("Observations per variable", scan.column_counts.iter().map(|&count| float(count))))
            @if scan.is_count_like() && !scan.chosen_sums.is_empty() {
                (distribution("Mitochondrial share, %", scan.chosen_sums.iter().zip(&scan.row_sums).map(share)))
            }
        }
        (largest(adata, scan))
    }
}

fn facts(scan: &Scan) -> Markup {
    let n_values = float(scan.n_values);
    html! {
        dl.facts {
            dt { "Not zero" }
            dd { (grouped(scan.n_values as u64)) " of " (short(scan.n_cells())) " (" (percent(n_values / scan.n_cells())) ")" }
            @if scan.min <= scan.max {
                dt { "Range" }
                dd { (short(scan.min)) " to " (short(scan.max)) @if scan.whole { ", whole numbers" } }
            }
            @if scan.n_nan > 0 { dt { "NaN" } dd { (grouped(scan.n_nan as u64)) } }
            @if scan.stored_zeros > 0 { dt { "Stored zeros" } dd { (grouped(scan.stored_zeros as u64)) } }
        }
    }
}

fn distribution(title: &str, values: impl Iterator<Item = f64>) -> Markup {
    let histogram = Histogram::of(values);
    html! {
        article.column {
            header { h3 { (title) } }
            @match &histogram {
                Some(histogram) => { (histogram.chart(title)) p.detail { (histogram.summary()) } }
                None => (note("There are no values.")),
            }
        }
    }
}

/// The variables that have most of all counts, or if there are values below zero, the highest means.
fn largest(adata: &AnnData, scan: &Scan) -> Markup {
    let mut order: Vec<usize> = (0..scan.column_sums.len()).collect();
    let sum = |at: usize| scan.column_sums.get(at).copied().unwrap_or(0.0);
    order.retain(|&at| sum(at).is_finite() && sum(at) > 0.0);
    order.sort_by(|&a, &b| f64::total_cmp(&sum(b), &sum(a)));
    order.truncate(LARGEST);
    if order.is_empty() {
        return html! {};
    }
    let rows = match scan.sampled {
        Some((read, "rows")) => read,
        _ => scan.shape.0,
    };
    let total: f64 = scan.column_sums.iter().sum();
    let column = |at: usize| scan.columns.as_ref().map_or(Some(at), |columns| columns.get(at).copied());
    let positions: Vec<usize> = order.iter().filter_map(|&at| column(at)).collect();
    let names = match labels(adata.var(), &positions) {
        Ok(names) => names,
        Err(error) => return problem(&error),
    };
    let bar = |(&at, label): (&usize, &String)| {
        let detected = scan.column_counts.get(at).map_or(0.0, |&count| float(count) / float(rows.max(1)));
        let value = if scan.is_count_like() { percent(sum(at) / total) } else { short(sum(at) / float(rows.max(1))) };
        Bar { name: name(label), value: sum(at), text: format!("{value} \u{b7} in {}", percent(detected)), color: None }
    };
    let shown: Vec<Bar> = order.iter().zip(&names).map(bar).collect();
    html! {
        h3 { @if scan.is_count_like() { "Variables with most of the counts" } @else { "Variables with the highest mean" } }
        p.lead {
            @if scan.is_count_like() { "Their share of all counts" } @else { "Their mean" }
            ", and the share of observations in which they are not zero."
        }
        div.wide { (bars(&shown)) }
    }
}

/// The names of some variables: those for people, if there are such.
fn labels(var: &DataFrame, positions: &[usize]) -> Result<Vec<String>> {
    let series = SYMBOLS.iter().find_map(|symbol| var.series(symbol)).unwrap_or(var.index());
    let positions: Vec<u64> = positions.iter().map(|&at| at as u64).collect();
    let column = series.load_once()?.take(&positions)?;
    let labels = column.printed();
    if labels.len() == positions.len() { Ok(labels) } else { Err(Error::bug("a name for each position")) }
}

/// The positions of mitochondrial genes, by their names.
fn mitochondrial(var: &DataFrame) -> Vec<usize> {
    let series = SYMBOLS.iter().find_map(|symbol| var.series(symbol)).unwrap_or(var.index());
    let Ok(names) = series.load_once().and_then(|column| column.to_strings()) else { return Vec::new() };
    let is_mitochondrial =
        |name: &Option<String>| name.as_ref().is_some_and(|name| name.starts_with("MT-") || name.starts_with("mt-"));
    names.iter().enumerate().filter(|(_, name)| is_mitochondrial(name)).map(|(at, _)| at).collect()
}
