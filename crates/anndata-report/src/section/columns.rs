//! The columns of `obs` and `var`: a histogram, bars or examples of each.

use anndata_format::{
    AnnData, AxisSelection, Column, ColumnKind, ColumnSchema, DType, DataFrame, Error, Result, Series,
};
use maud::{Markup, html};
use rayon::prelude::*;

use super::{name, note, problem, section};
use crate::ReportOptions;
use crate::chart::bars::{Bar, bars};
use crate::chart::histogram::Histogram;
use crate::color;
use crate::number::{counted, float, float64, grouped, percent, position};

/// The most bars of a column.
const BARS: usize = 10;

/// How many values stand for a column of text that has nearly as many values as rows.
const EXAMPLES: usize = 5;

/// The section of the columns of `obs`.
pub(crate) fn obs(adata: &AnnData, options: &ReportOptions) -> Markup {
    columns(adata, "obs", "Observations", adata.obs(), options)
}

/// The section of the columns of `var`.
pub(crate) fn var(adata: &AnnData, options: &ReportOptions) -> Markup {
    columns(adata, "var", "Variables", adata.var(), options)
}

fn columns(adata: &AnnData, slot: &str, title: &str, frame: &DataFrame, options: &ReportOptions) -> Markup {
    let all: Vec<(&str, &Series)> = frame.columns().collect();
    let shown = all.get(..options.max_columns.min(all.len())).unwrap_or_default();
    let rows = frame.len().unwrap_or(0);
    let lead = html! {
        code { (slot) } ": " (counted(rows, "row")) ", " (counted(all.len(), "column"))
        @if shown.len() < all.len() { ", the first " (grouped(shown.len() as u64)) " of which are shown" }
        @if rows > options.max_rows { ". Of each column " (counted(options.max_rows, "row")) " were looked at, evenly spaced" }
        ". " (names(frame))
    };
    let cards: Vec<Markup> = shown.par_iter().map(|(key, series)| card(adata, slot, key, series, options)).collect();
    let body = html! {
        @if cards.is_empty() { (note("There are no columns.")) }
        div.grid { @for card in &cards { (card) } }
    };
    section(slot, title, lead, body)
}

/// What the rows are called.
fn names(frame: &DataFrame) -> Markup {
    let rows = frame.len().unwrap_or(0);
    let first = frame.index().slice(0..rows.min(3)).map(|column| column.printed());
    match first {
        Ok(first) if !first.is_empty() => html! {
            "Names such as "
            @for (at, first) in first.iter().enumerate() { @if at > 0 { ", " } code { (name(first)) } }
            "."
        },
        _ => html! {},
    }
}

fn card(adata: &AnnData, slot: &str, key: &str, series: &Series, options: &ReportOptions) -> Markup {
    let looked = look(adata, slot, key, series, options.max_rows);
    html! {
        article.column {
            header {
                h3 { (name(key)) }
                @if let Ok(Some(schema)) = series.schema() { span.kind { (kind(&schema)) } }
            }
            @match &looked {
                Ok(looked) => (looked),
                Err(error) => (problem(error)),
            }
        }
    }
}

fn kind(schema: &ColumnSchema) -> String {
    match (schema.kind, schema.n_categories) {
        (ColumnKind::Categorical { ordered }, Some(n)) => {
            format!("{}{}", if ordered { "ordered, " } else { "" }, counted(n, "category"))
        }
        (ColumnKind::Categorical { .. }, None) => "categories".to_owned(),
        (ColumnKind::Nullable(_), _) => format!("nullable {}", schema.dtype),
        _ => schema.dtype.to_string(),
    }
}

/// A column in memory, or rows of it that are equally far from each other.
pub(crate) fn rows_of(series: &Series, rows: &AxisSelection) -> Result<Column> {
    match series.rows()? {
        Some(len) if !rows.is_whole(len as u64) => {
            series.to_element().select(std::slice::from_ref(rows))?.into_column()
        }
        _ => series.load_once(),
    }
}

/// Positions that are equally far from each other, no more than `most`.
pub(crate) fn evenly(len: usize, most: usize) -> AxisSelection {
    if len <= most {
        return AxisSelection::Range(0..len as u64);
    }
    let step = float(len) / float(most.max(1));
    AxisSelection::of_positions((0..most).map(|at| position(float(at) * step, len) as u64).collect())
}

fn look(adata: &AnnData, slot: &str, key: &str, series: &Series, max_rows: usize) -> Result<Markup> {
    let column = rows_of(series, &evenly(series.rows()?.unwrap_or(0), max_rows))?;
    let schema = ColumnSchema::of(&column)?;
    let missing = column.is_missing_or_nan()?.count();
    let is_number = (schema.dtype.is_integer() || schema.dtype.is_float()) && !schema.is_categorical();
    let chart = match schema.kind {
        _ if column.is_empty() => note("There are no rows."),
        ColumnKind::Time(_) => times(&column)?,
        _ if is_number => {
            let histogram = Histogram::of(numbers(&column)?);
            html! {
                @if let Some(histogram) = histogram { (histogram.chart(&name(key))) p.detail { (histogram.summary()) } }
            }
        }
        _ if schema.dtype.is_complex() => return Err(Error::unsupported("complex numbers are not drawn")),
        _ => values(adata, slot, key, &column)?,
    };
    Ok(html! {
        (chart)
        @if missing > 0 {
            p.detail.missing { (grouped(missing as u64)) " missing (" (percent(float(missing) / float(column.len()))) ")" }
        }
    })
}

/// The values that are not missing, as doubles.
pub(crate) fn numbers(column: &Column) -> Result<Vec<f64>> {
    let values = column.to_tensor()?.cast(&DType::F64)?;
    let values = values.as_slice::<f64>()?.iter().zip(column.missing());
    Ok(values.map(|(&value, missing)| if missing { f64::NAN } else { value }).collect())
}

/// The first and the last of some times.
fn times(column: &Column) -> Result<Markup> {
    let order = column.sort_positions(false)?;
    let present: Vec<u64> =
        order.into_iter().filter(|&row| usize::try_from(row).is_ok_and(|row| !column.is_missing(row))).collect();
    let (Some(&first), Some(&last)) = (present.first(), present.last()) else { return Ok(html! {}) };
    let printed = column.take(&[first, last])?.printed();
    Ok(html! { p.detail { (printed.join(" to ")) } })
}

/// The most frequent values; of text that is nearly everywhere another, the first.
fn values(adata: &AnnData, slot: &str, key: &str, column: &Column) -> Result<Markup> {
    let (values, counts) = column.value_counts()?;
    let present: u64 = counts.iter().sum();
    if !matches!(column.kind(), ColumnKind::Categorical { .. })
        && values.len() > BARS
        && float(values.len()) > 0.5 * float64(present)
    {
        let examples = values.slice(0..EXAMPLES.min(values.len()))?.printed();
        return Ok(html! {
            p.detail { (counted(values.len(), "different value")) ", such as" }
            ul.examples { @for example in examples { li { code { (name(example)) } } } }
        });
    }
    let colors = own_colors(adata, slot, key, column)?;
    let first = values.slice(0..BARS.min(values.len()))?.printed();
    let shown: Vec<Bar> = first
        .iter()
        .zip(&counts)
        .map(|(label, &count)| Bar {
            name: name(label),
            value: float64(count),
            text: format!("{} \u{b7} {}", grouped(count), percent(float64(count) / float64(present.max(1)))),
            color: colors.iter().find(|(own, _)| own == label).map(|(_, color)| color::css(*color)),
        })
        .collect();
    let rest = values.len() - shown.len();
    Ok(html! {
        (bars(&shown))
        @if rest > 0 { p.detail { "and " (counted(rest, "more value")) } }
    })
}

/// The colours that the object has for the categories of a column of `obs`.
fn own_colors(adata: &AnnData, slot: &str, key: &str, column: &Column) -> Result<Vec<(String, color::Rgb)>> {
    if slot != "obs" || !matches!(column.kind(), ColumnKind::Categorical { .. }) {
        return Ok(Vec::new());
    }
    let labels = column.categories()?.printed();
    let colors = color::of_categories(adata, key, labels.len()).unwrap_or_default();
    Ok(labels.into_iter().zip(colors).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_evenly_spaced() {
        assert_eq!(evenly(3, 5), AxisSelection::Range(0..3));
        assert_eq!(evenly(10, 4), AxisSelection::from(vec![0, 2, 5, 7]));
    }

    #[test]
    fn each_kind_of_column_is_shown_in_its_way() -> Result<()> {
        let text: Vec<String> = (0..40).map(|at| format!("cell {at}")).collect();
        let kinds = Column::categorical_from_options(
            (0..40).map(|at| (at % 4 > 0).then_some(if at % 2 == 0 { "<T>" } else { "B" })),
        )?;
        let obs = DataFrame::unnamed(40)
            .with_column("n", (0..40).collect::<Vec<i64>>())?
            .with_column("text", text)?
            .with_column("kind", kinds)?
            .with_column("is_good", (0..40).map(|at| at < 10).collect::<Vec<bool>>())?
            .with_column("maybe", (0..40_i64).map(|at| (at > 0).then_some(at)).collect::<Vec<Option<i64>>>())?;
        let adata = AnnData::builder().obs(obs).build()?;
        let shown = |key: &str| -> Result<String> {
            let series = adata.obs().series(key).ok_or_else(|| Error::not_found(key.to_owned()))?;
            Ok(card(&adata, "obs", key, series, &ReportOptions::default()).into_string())
        };
        assert!(shown("n")?.contains("median 20, mean 19.5"), "{}", shown("n")?);
        assert!(shown("text")?.contains("40 different values, such as"), "{}", shown("text")?);
        let kind = shown("kind")?;
        assert!(kind.contains("&lt;T&gt;") && !kind.contains("<T>"), "{kind}");
        assert!(kind.contains("10 missing (25%)") && kind.contains("2 categories"), "{kind}");
        assert!(shown("is_good")?.contains("30 \u{b7} 75%"), "{}", shown("is_good")?);
        assert!(shown("maybe")?.contains("1 missing (2.5%)"), "{}", shown("maybe")?);
        Ok(())
    }
}
