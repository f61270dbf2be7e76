//! Every embedding in `obsm` as a scatter plot, in the colours of some columns.

mod coloring;

use anndata_format::{AnnData, AxisSelection, DType, Element, Error, Result};
use maud::{Markup, PreEscaped, html};
use rayon::prelude::*;

use super::columns::evenly;
use super::{name, note, problem, section};
use crate::ReportOptions;
use crate::chart::raster::{Plane, Points, SIZE};
use crate::color::{css, gradient};
use crate::number::{counted, grouped, short};
use coloring::{Coloring, Legend};

/// The most embeddings that are drawn.
const DRAWN: usize = 12;

/// The section. There is one if there is an embedding.
pub(crate) fn embeddings(adata: &AnnData, options: &ReportOptions) -> Option<Markup> {
    let mut keys = two_or_more_columns(adata);
    if keys.is_empty() {
        return None;
    }
    let rest = keys.split_off(DRAWN.min(keys.len()));
    let rows = evenly(adata.n_obs(), options.max_points);
    let colorings = coloring::all(adata, options, &rows);
    let figures: Vec<Markup> = keys
        .par_iter()
        .enumerate()
        .map(|(number, (key, element))| figure(number, key, element, &rows, &colorings))
        .collect();
    let lead = html! {
        "Elements of " code { "obsm" } " by their first two columns"
        @if rows.len() < adata.n_obs() as u64 {
            ". " (grouped(rows.len())) " of " (counted(adata.n_obs(), "observation")) " are drawn, evenly spaced"
        }
        "."
    };
    let body = html! {
        div.plots { @for figure in &figures { (figure) } }
        @if !rest.is_empty() {
            (note(&format!("Not drawn: {}.", rest.iter().map(|(key, _)| name(key)).collect::<Vec<_>>().join(", "))))
        }
    };
    Some(section("embeddings", "Embeddings", lead, body))
}

/// Matrices of numbers with at least two columns, those with two first.
fn two_or_more_columns(adata: &AnnData) -> Vec<(&String, &Element)> {
    let columns = |element: &Element| match (element.shape(), element.dtype()) {
        (Ok(Some(shape)), Ok(Some(dtype))) if dtype.is_numeric() && !dtype.is_complex() && shape.len() == 2 => {
            shape.get(1).copied()
        }
        _ => None,
    };
    let matrices = adata.obsm().iter().filter_map(|(key, element)| Some((columns(element)?, key, element)));
    let mut matrices: Vec<_> = matrices.filter(|(columns, ..)| *columns >= 2).collect();
    matrices.sort_by_key(|(columns, ..)| *columns);
    matrices.into_iter().map(|(_, key, element)| (key, element)).collect()
}

fn figure(number: usize, key: &str, element: &Element, rows: &AxisSelection, colorings: &[Coloring]) -> Markup {
    let plane = if key.ends_with("spatial") { Plane::Image } else { Plane::Chart };
    let points = coordinates(element, rows).map(|(x, y)| Points::new(&x, &y, plane));
    let axis = name(key.strip_prefix("X_").unwrap_or(key));
    html! {
        figure.plot {
            figcaption { h3 { (name(key)) } }
            @match &points {
                Ok(points) => (tabs(number, &axis, points, colorings)),
                Err(error) => (problem(error)),
            }
        }
    }
}

/// One picture for each colouring, of which one is seen: radio buttons need no script.
fn tabs(number: usize, axis: &str, points: &Points, colorings: &[Coloring]) -> Markup {
    let pictures: Vec<Option<String>> =
        colorings.par_iter().map(|coloring| points.picture(&coloring.codes, &coloring.colors)).collect();
    html! {
        div.tabs {
            @if colorings.len() > 1 {
                @for (tab, coloring) in colorings.iter().enumerate() {
                    @let id = format!("plot-{number}-{tab}");
                    input type="radio" name=(format!("plot-{number}")) id=(id) checked[tab == 0];
                    label for=(id) { (coloring.name) }
                }
            }
            @for (tab, (coloring, picture)) in colorings.iter().zip(&pictures).enumerate() {
                div class=(format!("pane pane-{tab}")) {
                    @match picture {
                        Some(picture) => div.canvas {
                            img src=(picture) width=(SIZE) height=(SIZE) alt=(format!("Scatter plot of {axis}, {}, coloured by {}", counted(points.len(), "point"), coloring.name));
                            span.x-axis { (axis) " 1" }
                            span.y-axis { (axis) " 2" }
                        },
                        None => (note("The picture could not be made.")),
                    }
                    (legend(coloring))
                }
            }
        }
    }
}

fn legend(coloring: &Coloring) -> Markup {
    match &coloring.legend {
        Legend::None => html! {},
        Legend::Problem(error) => problem(error),
        Legend::Categories { entries, rest } => html! {
            ul.legend {
                @for (label, color, count) in entries {
                    li { (swatch(&css(*color))) (label) " " span.count { (grouped(*count as u64)) } }
                }
                @if *rest > 0 { li { "and " (counted(*rest, "more value")) } }
            }
        },
        Legend::Scale { min, max, cut } => html! {
            div.scale {
                span { @if cut.0 { "\u{2264} " } (short(*min)) }
                span.gradient style=(PreEscaped(format!("background:{}", gradient()))) {}
                span { @if cut.1 { "\u{2265} " } (short(*max)) }
            }
        },
    }
}

fn swatch(color: &str) -> Markup {
    html! { span.swatch style=(PreEscaped(format!("background:{color}"))) {} }
}

/// The first two columns of some rows.
fn coordinates(element: &Element, rows: &AxisSelection) -> Result<(Vec<f64>, Vec<f64>)> {
    let part = element.select(&[rows.clone(), AxisSelection::Range(0..2)])?;
    let part = match part {
        Element::Lazy(lazy) => lazy.load_once()?,
        loaded => loaded,
    };
    let values = part.to_dense()?.cast(&DType::F64)?;
    let pairs = values.as_slice::<f64>()?.chunks_exact(2);
    if pairs.len() as u64 != rows.len() {
        return Err(Error::bug("a point for each row"));
    }
    Ok(pairs.filter_map(|pair| <[f64; 2]>::try_from(pair).ok()).map(|[x, y]| (x, y)).unzip())
}
