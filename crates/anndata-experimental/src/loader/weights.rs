//! How often rows come.

use std::sync::Arc;

use anndata_core::Result;
use anndata_storage::{Error, OrBug};

use super::alias::Alias;
use super::order::Drawn;
use super::{Draw, RowSet, Sampling, Weights};
use crate::Collection;
use crate::classes::Classes;
use crate::encoder::series;

/// What a sampling says of some rows.
pub(super) fn drawn(data: &Collection, sampling: &Sampling, rows: &RowSet) -> Result<Drawn> {
    let replaced = |weights: &[f32], count: u64| Ok(Drawn::Replaced(Arc::new(Alias::new(weights)?), count));
    match (&sampling.draw, &sampling.weights) {
        (Draw::Each | Draw::Thinned, Weights::Even) => Ok(Drawn::Each),
        (Draw::Each, _) => Err(Error::invalid_input(
            "weights do nothing where each row comes once: choose rows that are thinned, or drawn with replacement",
        )),
        (Draw::Replace { rows: 0 }, _) => Err(Error::invalid_input("at least one row is drawn")),
        (Draw::Replace { .. }, _) if rows.is_empty() => {
            Err(Error::invalid_input("there are no rows of which some could be drawn"))
        }
        (Draw::Replace { rows: count }, Weights::Even) => {
            let len = usize::try_from(rows.len()).or_bug("more rows than memory can hold")?;
            replaced(&vec![1.0; len], *count)
        }
        (Draw::Replace { rows: count }, weights) => replaced(&of_rows(data, weights, rows)?, *count),
        (Draw::Thinned, weights) => {
            let mut all = of_rows(data, weights, rows)?;
            if let Weights::Balanced { .. } = weights {
                let total: f64 = all.iter().map(|&weight| f64::from(weight)).sum();
                for weight in &mut all {
                    *weight = narrow(f64::from(*weight) * count_of(rows) / total);
                }
            }
            Ok(Drawn::Thinned(all.into()))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a mean")]
fn count_of(rows: &RowSet) -> f64 {
    rows.len() as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a weight has a few digits")]
fn narrow(weight: f64) -> f32 {
    weight as f32
}

/// The weight of each of some rows, checked.
fn of_rows(data: &Collection, weights: &Weights, rows: &RowSet) -> Result<Vec<f32>> {
    let index = |row: u64| usize::try_from(row).or_bug("a row beyond memory");
    let all: Vec<f32> = match weights {
        Weights::Even => rows.iter().map(|_| 1.0).collect(),
        Weights::Rows(weights) => {
            if weights.len() != data.n_obs() {
                let (found, expected) = (weights.len(), data.n_obs());
                return Err(Error::invalid_input(format!("expected {expected} weights, one per row, found {found}")));
            }
            rows.iter()
                .map(|row| weights.get(index(row)?).copied().or_bug("a row without a weight"))
                .collect::<Result<_>>()?
        }
        Weights::Balanced { by, power } => {
            if !(0.0..=1.0).contains(power) {
                return Err(Error::invalid_input(format!("expected a power from 0 to 1, found {power}")));
            }
            let classes = Classes::of(data, by)?;
            let class = |row: u64| {
                let class = classes.codes.get(index(row)?).or_bug("a row without a class")?;
                usize::try_from(*class).or_bug("a class beyond memory")
            };
            let mut counts = vec![0.0_f64; classes.count];
            for row in rows.iter() {
                *counts.get_mut(class(row)?).or_bug("a class that is not counted")? += 1.0;
            }
            let weights: Vec<f32> = counts.iter().map(|count| narrow(count.powf(-f64::from(*power)))).collect();
            rows.iter()
                .map(|row| weights.get(class(row)?).copied().or_bug("a class without a weight"))
                .collect::<Result<_>>()?
        }
        Weights::PerClass { by, weights } => {
            let (codes, values) = series(data, by)?.load_once()?.factorize()?;
            let values = values.to_labels()?;
            if let Some((class, _)) = weights.iter().find(|(class, _)| !values.contains(class)) {
                return Err(Error::invalid_input(format!("no row has the value '{class}' of '{by}'")));
            }
            let of_value = |value: &String| {
                let weight = weights.iter().find(|(class, _)| class == value);
                weight.map_or(0.0, |(_, weight)| *weight)
            };
            let of_values: Vec<f32> = values.iter().map(of_value).collect();
            let of_row = |row: u64| {
                let code = codes.get(index(row)?).or_bug("a row without a value")?;
                Ok(usize::try_from(*code).ok().and_then(|code| of_values.get(code)).copied().unwrap_or(0.0))
            };
            rows.iter().map(of_row).collect::<Result<_>>()?
        }
    };
    check(&all, rows)?;
    Ok(all)
}

/// Refuses weights by which nothing can be drawn.
fn check(weights: &[f32], rows: &RowSet) -> Result<()> {
    let is_bad = |weight: f32| !weight.is_finite() || weight < 0.0;
    if let Some((row, weight)) = rows.iter().zip(weights).find(|(_, weight)| is_bad(**weight)) {
        return Err(Error::invalid_input(format!(
            "expected weights of 0 or more, found {weight} for row {row}: replace what is missing or negative"
        )));
    }
    if !weights.is_empty() && weights.iter().all(|&weight| weight == 0.0) {
        return Err(Error::invalid_input(
            "all weights are 0, so that no row would come: give one row a weight at least",
        ));
    }
    Ok(())
}
