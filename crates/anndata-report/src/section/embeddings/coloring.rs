//! What points are coloured by: the columns that are asked for, or those that are likely to be of interest.

use anndata_format::storage::OrBug as _;
use anndata_format::{AnnData, AxisSelection, Column, ColumnKind, ColumnSchema, Error, Result};

use crate::ReportOptions;
use crate::chart::raster::MAX_COLORS;
use crate::color::{MISSING, Rgb, has, of_categories, of_share, palette};
use crate::number::{float, position};
use crate::section::columns::{numbers, rows_of};
use crate::section::name;

/// The most colourings, for which the page has buttons.
const COLORINGS: usize = 8;

/// The most categories that have a colour of their own.
const CATEGORIES: usize = MAX_COLORS - 1;

/// The most categories that a legend lists.
const LISTED: usize = 40;

/// The steps of a scale.
const STEPS: usize = 48;

/// Names, in lower case, that columns with kinds of cells have, those of most interest first.
const KINDS: [&str; 7] = ["cell_type", "celltype", "annotation", "leiden", "louvain", "cluster", "cell_ontology"];

/// Columns of numbers of interest.
const NUMBERS: [&str; 8] = [
    "total_counts",
    "n_counts",
    "nCount_RNA",
    "n_genes_by_counts",
    "n_genes",
    "nFeature_RNA",
    "pct_counts_mt",
    "percent_mito",
];

/// The colours of all points by one column.
#[derive(Debug)]
pub(super) struct Coloring {
    /// What it is by, as it is shown.
    pub(super) name: String,
    /// Of each point, the position of its color.
    pub(super) codes: Vec<u8>,
    /// The first is that of what has no value.
    pub(super) colors: Vec<Rgb>,
    pub(super) legend: Legend,
}

/// What the colours mean.
#[derive(Debug)]
pub(super) enum Legend {
    /// There is one colour.
    None,
    /// Categories with their colours and how many points have them, and how many categories are not listed.
    Categories { entries: Vec<(String, Rgb, usize)>, rest: usize },
    /// Numbers between these; whether there are some below and above, which have the colours of the ends.
    Scale { min: f64, max: f64, cut: (bool, bool) },
    /// The column cannot be read.
    Problem(Error),
}

/// The colourings of some rows. There is at least one.
pub(super) fn all(adata: &AnnData, options: &ReportOptions, rows: &AxisSelection) -> Vec<Coloring> {
    let names = if options.colors.is_empty() { chosen(adata) } else { options.colors.clone() };
    if names.is_empty() {
        return vec![one_color("one colour".to_owned(), rows, Legend::None)];
    }
    let of_name = |key: &String| {
        let coloring = values(adata, options, key, rows).and_then(|column| of_column(adata, key, &column));
        coloring.unwrap_or_else(|error| one_color(name(key), rows, Legend::Problem(error)))
    };
    names.iter().take(COLORINGS).map(of_name).collect()
}

/// Up to two columns of categories, first those that the object has colours for, and one of numbers.
fn chosen(adata: &AnnData) -> Vec<String> {
    let schema = |key: &str| adata.obs().series(key).and_then(|series| series.schema().ok()).flatten();
    let categories = |schema: &ColumnSchema| schema.n_categories.is_some_and(|n| (2..=CATEGORIES).contains(&n));
    let of_kinds = |key: &str| KINDS.iter().position(|kind| key.to_lowercase().contains(kind)).unwrap_or(KINDS.len());
    let mut keys: Vec<&str> =
        adata.obs().column_names().filter(|key| schema(key).as_ref().is_some_and(categories)).collect();
    keys.sort_by_key(|key| (!has(adata, key), of_kinds(key)));
    keys.truncate(2);
    let is_number = |key: &str| schema(key).is_some_and(|schema| schema.dtype.is_integer() || schema.dtype.is_float());
    keys.extend(NUMBERS.into_iter().find(|key| is_number(key)));
    keys.into_iter().map(str::to_owned).collect()
}

/// The values of some rows: of a column of `obs`, or of a variable.
fn values(adata: &AnnData, options: &ReportOptions, key: &str, rows: &AxisSelection) -> Result<Column> {
    match adata.obs().series(key) {
        Some(series) => rows_of(series, rows),
        None => adata.obs_vector(key, options.layer.as_deref())?.select(rows),
    }
}

fn of_column(adata: &AnnData, key: &str, column: &Column) -> Result<Coloring> {
    let schema = ColumnSchema::of(column)?;
    let is_number = (schema.dtype.is_integer() || schema.dtype.is_float()) && !schema.is_categorical();
    match schema.kind {
        ColumnKind::Time(_) => Err(Error::unsupported("times are not colours")),
        _ if is_number => Ok(of_numbers(key, &numbers(column)?)),
        _ => of_values(adata, key, column),
    }
}

fn of_values(adata: &AnnData, key: &str, column: &Column) -> Result<Coloring> {
    let (codes, labels) = coded(column)?;
    let mut counts = vec![0_usize; labels.len()];
    for at in codes.iter().filter_map(|&code| usize::try_from(code).ok()) {
        *counts.get_mut(at).or_bug("a code without a category")? += 1;
    }
    // Where there are more than colours, those with most points have one.
    let mut order: Vec<usize> = (0..labels.len()).collect();
    if labels.len() > CATEGORIES {
        order.sort_by_key(|&at| std::cmp::Reverse(counts.get(at).copied()));
        order.truncate(CATEGORIES);
    }
    let own = of_categories(adata, key, labels.len());
    let palette = own.unwrap_or_else(|| palette(labels.len()));
    let color = |at: usize| palette.get(at).copied().unwrap_or(MISSING);
    let mut code_of = vec![0_u8; labels.len()];
    for (code, &at) in order.iter().enumerate() {
        if let Some(own) = code_of.get_mut(at) {
            *own = u8::try_from(code + 1).map_err(|_| Error::bug("more colours than a picture has"))?;
        }
    }
    // Fallback: what has no value, or a color of its own, has that of missing values.
    let code = |code: &i64| usize::try_from(*code).ok().and_then(|at| code_of.get(at)).copied().unwrap_or(0);
    let entry = |&at: &usize| Some((name(labels.get(at)?), color(at), counts.get(at).copied()?));
    let mut entries: Vec<_> = order.iter().take(LISTED).filter_map(entry).collect();
    let rest = labels.len() - entries.len();
    let missing = codes.iter().filter(|&&code| code < 0).count();
    if missing > 0 {
        entries.push(("missing".to_owned(), MISSING, missing));
    }
    Ok(Coloring {
        name: name(key),
        codes: codes.iter().map(code).collect(),
        colors: std::iter::once(MISSING).chain(order.iter().map(|&at| color(at))).collect(),
        legend: Legend::Categories { entries, rest },
    })
}

/// The position of the value of each row among all values: categories in their order, other values in that of their text.
fn coded(column: &Column) -> Result<(Vec<i64>, Vec<String>)> {
    if matches!(column.kind(), ColumnKind::Categorical { .. }) {
        let labels = column.categories()?.printed();
        let codes = column.codes_and_categories()?.0.cast(&anndata_format::DType::I64)?;
        return Ok((codes.into_vec()?, labels));
    }
    let (codes, values) = column.factorize()?;
    let printed = values.printed();
    let mut order: Vec<usize> = (0..printed.len()).collect();
    order.sort_by(|&a, &b| printed.get(a).cmp(&printed.get(b)));
    let mut rank = vec![0_i64; order.len()];
    for (place, &at) in (0_i64..).zip(&order) {
        if let Some(rank) = rank.get_mut(at) {
            *rank = place;
        }
    }
    let ranked = |code: i64| usize::try_from(code).ok().and_then(|at| rank.get(at)).copied().unwrap_or(-1);
    let labels = order.iter().filter_map(|&at| printed.get(at).cloned());
    Ok((codes.into_iter().map(ranked).collect(), labels.collect()))
}

/// Numbers from the first to the ninety-ninth percentile, so that a few do not take all colours.
fn of_numbers(key: &str, values: &[f64]) -> Coloring {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (first, last) = (sorted.first().copied().unwrap_or(0.0), sorted.last().copied().unwrap_or(0.0));
    let at = |share: f64| sorted.get(position(share * float(sorted.len()), sorted.len())).copied().unwrap_or(0.0);
    let (mut min, mut max) = (at(0.01), at(0.99));
    if min >= max {
        (min, max) = (first, last);
    }
    let step = |value: f64| {
        let share = if max > min { (value - min) / (max - min) } else { 0.5 };
        // Fallback: there are fewer steps than that.
        u8::try_from(1 + position(share * float(STEPS), STEPS)).unwrap_or(1)
    };
    let codes = values.iter().map(|&value| if value.is_nan() { 0 } else { step(value) });
    Coloring {
        name: name(key),
        codes: codes.collect(),
        colors: std::iter::once(MISSING)
            .chain((0..STEPS).map(|step| of_share(float(step) / float(STEPS - 1))))
            .collect(),
        legend: Legend::Scale { min, max, cut: (first < min, last > max) },
    }
}

fn one_color(name: String, rows: &AxisSelection, legend: Legend) -> Coloring {
    Coloring { name, codes: rows.positions().map(|_| 1).collect(), colors: vec![MISSING, [78, 121, 167]], legend }
}

#[cfg(test)]
mod tests {
    use anndata_format::{DataFrame, Tensor};

    use super::*;
    use crate::color::css;

    fn adata() -> Result<AnnData> {
        let kinds =
            Column::categorical(&Tensor::from_vec([4], vec![1_i8, 0, -1, 1])?, &Column::strings(["T", "B"]), false)?;
        let obs = DataFrame::unnamed(4)
            .with_column("batch", Column::categorical_from_strings(["x", "y", "x", "y"])?)?
            .with_column("louvain", kinds)?
            .with_column("text", vec!["q", "p", "q", "r"])?
            .with_column("n_genes", vec![1.0, 2.0, f64::NAN, 9.0])?;
        AnnData::builder()
            .obs(obs)
            .shape(4, 0)
            .uns("louvain_colors", Tensor::from_strings([2], ["red", "#0000ff"])?)
            .build()
    }

    #[test]
    fn columns_with_colours_come_first() -> Result<()> {
        assert_eq!(chosen(&adata()?), ["louvain", "batch", "n_genes"]);
        Ok(())
    }

    #[test]
    fn categories_have_the_colours_of_the_object() -> Result<()> {
        let (adata, rows) = (adata()?, AxisSelection::Range(0..4));
        let all = all(&adata, &ReportOptions::default().with_color("louvain").with_color("text"), &rows);
        let [kinds, text] = &all[..] else { panic!("{all:?}") };
        assert_eq!(kinds.codes, [2, 1, 0, 2]);
        assert_eq!(kinds.colors.iter().map(|&color| css(color)).collect::<Vec<_>>(), ["#969696", "#ff0000", "#0000ff"]);
        let Legend::Categories { entries, rest: 0 } = &kinds.legend else { panic!("{kinds:?}") };
        let entries: Vec<_> = entries.iter().map(|(label, _, count)| (label.as_str(), *count)).collect();
        assert_eq!(entries, [("T", 1), ("B", 2), ("missing", 1)]);
        assert_eq!(text.codes, [2, 1, 2, 3]);
        Ok(())
    }

    #[test]
    fn numbers_are_between_the_ends_of_the_scale() {
        let mut values: Vec<f64> = (0..1000).map(float).collect();
        values.extend([f64::NAN, f64::INFINITY]);
        let coloring = of_numbers("n", &values);
        assert_eq!((coloring.codes[0], coloring.codes[999], coloring.codes[1000]), (1, 48, 0));
        assert!(matches!(coloring.legend, Legend::Scale { cut: (true, true), .. }), "{:?}", coloring.legend);
        assert!(of_numbers("none", &[]).codes.is_empty());
    }
}
