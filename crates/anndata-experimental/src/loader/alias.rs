//! [`Alias`]: draws with weights.

use anndata_core::Result;
use anndata_storage::{Error, OrBug};

use crate::random::Key;

/// A table from which a position is drawn in constant time, by its weight: the alias method of Walker, made as Vose did.
#[derive(Debug)]
pub(crate) struct Alias(Vec<(f32, u32)>);

impl Alias {
    /// For weights that were checked, one at least of which is above 0.
    pub(super) fn new(weights: &[f32]) -> Result<Self> {
        let too_long = |_| Error::unsupported("rows can be drawn with replacement from 4 billion at most");
        let len = u32::try_from(weights.len()).map_err(too_long)?;
        let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let mut scaled: Vec<f64> = weights.iter().map(|&weight| f64::from(weight) * f64::from(len) / total).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..len).partition(|&at| scaled.get(at as usize).is_some_and(|&weight| weight < 1.0));
        let mut table: Vec<(f32, u32)> = (0..len).map(|at| (1.0, at)).collect();
        while let (Some(less), Some(&more)) = (small.last().copied(), large.last()) {
            small.pop();
            let missing = 1.0 - *scaled.get(less as usize).or_bug("a position beyond the weights")?;
            #[expect(clippy::cast_possible_truncation, reason = "a chance has a few digits")]
            let chance = (1.0 - missing) as f32;
            *table.get_mut(less as usize).or_bug("a position beyond the table")? = (chance, more);
            let rest = scaled.get_mut(more as usize).or_bug("a position beyond the weights")?;
            *rest -= missing;
            if *rest < 1.0 {
                large.pop();
                small.push(more);
            }
        }
        // What is left is 1 but for rounding; a weight of 0 is never left, as there is a larger one to fill it.
        Ok(Self(table))
    }

    /// The position of a draw.
    pub(super) fn draw(&self, key: Key, number: u64) -> u64 {
        let at = key.with(0).below(number, self.0.len() as u64);
        let (chance, other) =
            usize::try_from(at).ok().and_then(|at| self.0.get(at)).copied().unwrap_or((1.0, u32::default()));
        if key.with(1).unit(number) < f64::from(chance) { at } else { u64::from(other) }
    }
}
