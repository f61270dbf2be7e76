//! Whether two awkward arrays are the same, up to the last digits of floats.

use anndata_storage::{Complex, DType, Result, Tensor};

use super::Awkward;
use super::concat::{counterpart, optional, resolved, same_parameters};
use super::layout::{Kind, Layout};
use super::rows::{Budget, Rows};

impl Awkward {
    /// Whether the other array has the same type and values; floats may differ in the last digits, and NaN is nothing's
    /// equal, as in `ak.almost_equal`.
    ///
    /// # Errors
    /// If a buffer cannot be read as numbers.
    pub fn almost_equal(&self, other: &Self) -> Result<bool> {
        close(&self.0.layout, &other.0.layout)
    }
}

/// Whether two nodes have the same type and nearly the same values.
fn close(a: &Layout, b: &Layout) -> Result<bool> {
    let packed = |layout: &Layout| {
        let budget = Budget::unlimited();
        let plain = Layout { parameters: layout.parameters.clone(), len: layout.len, kind: layout.kind.clone() };
        let plain = if plain.is_categorical() { resolved(plain)? } else { plain };
        plain.packed(&Rows::all(plain.len, &budget))
    };
    same_values(packed(a)?, packed(b)?)
}

fn same_values(a: Layout, b: Layout) -> Result<bool> {
    if a.len != b.len || a.is_option() != b.is_option() {
        return Ok(false);
    }
    if a.is_option() {
        let ((a_index, a), (b_index, b)) = (optional(a)?, optional(b)?);
        let there = |index: &[i64], content: &Layout| {
            let budget = Budget::unlimited();
            let mut rows = Rows::none(&budget);
            for position in index.iter().filter_map(|&position| usize::try_from(position).ok()) {
                rows.push(position..position + 1)?;
            }
            content.select(&rows)
        };
        let missing = |index: &[i64]| index.iter().map(|&position| position < 0).collect::<Vec<_>>();
        return Ok(missing(&a_index) == missing(&b_index) && same_values(there(&a_index, &a)?, there(&b_index, &b)?)?);
    }
    if !same_parameters(&a, &b) {
        return Ok(false);
    }
    Ok(match (a.kind, b.kind) {
        (Kind::Empty, Kind::Empty) => true,
        (Kind::Numpy { primitive: a_type, data: a, .. }, Kind::Numpy { primitive: b_type, data: b, .. }) => {
            a_type == b_type && close_numbers(&a, &b)?
        }
        (Kind::ListOffset { offsets: a_offsets, content: a }, Kind::ListOffset { offsets: b_offsets, content: b }) => {
            a_offsets.values()? == b_offsets.values()? && same_values(*a, *b)?
        }
        (Kind::Regular { size: a_size, content: a }, Kind::Regular { size: b_size, content: b }) => {
            a_size == b_size && same_values(*a, *b)?
        }
        (Kind::Record { fields: a_names, contents: a }, Kind::Record { fields: b_names, contents: b }) => {
            let mut same = a.len() == b.len() && a_names.is_some() == b_names.is_some();
            for (i, a) in a.into_iter().enumerate() {
                let position = counterpart(a_names.as_deref(), b_names.as_deref(), i).filter(|_| same);
                same = match position.and_then(|position| b.get(position)) {
                    Some(b) => same_values(a, b.clone())?,
                    None => false,
                };
            }
            same
        }
        (
            Kind::Union { tags: a_tags, index: a_index, contents: a },
            Kind::Union { tags: b_tags, index: b_index, contents: b },
        ) => {
            let mut same = a.len() == b.len() && a_tags == b_tags && a_index.values()? == b_index.values()?;
            for (a, b) in a.into_iter().zip(b) {
                same = same && same_values(a, b)?;
            }
            same
        }
        _ => false,
    })
}

/// Integers that are equal, floats within the tolerance of `ak.almost_equal`.
fn close_numbers(a: &Tensor, b: &Tensor) -> Result<bool> {
    if !(a.dtype().is_float() || a.dtype().is_complex()) {
        return Ok(a == b);
    }
    let wide = |tensor: &Tensor| tensor.cast(&DType::Complex128);
    let (a, b) = (wide(a)?, wide(b)?);
    let pairs = a.as_slice::<Complex<f64>>()?.iter().zip(b.as_slice::<Complex<f64>>()?);
    Ok(pairs.into_iter().all(|(a, b)| a == b || (a - b).norm() <= 1e-8 + 1e-5 * b.norm()))
}
