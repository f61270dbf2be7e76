//! Batches that have so many rows of each kind.

use anndata_core::Result;
use anndata_storage::{Error, OrBug};

use super::{Compose, Draw, RowSet, Sampling, Short, Tail, Weights};
use crate::Collection;
use crate::classes::Classes;
use crate::encoder::series;
use crate::random::Key;

/// What batches are put together of: positions of rows, by what they have in common.
#[derive(Debug, Clone)]
pub(super) enum Composed {
    /// So many rows of each pool in each batch.
    Quota(Vec<(Vec<u64>, usize)>),
    /// Sets of so many rows of the same pool.
    Sets { pools: Vec<Vec<u64>>, size: usize, short: Short },
    /// The same, each followed by some of the rows of another pool.
    Controlled { pools: Vec<(Vec<u64>, usize)>, size: usize, controls: Vec<Vec<u64>>, each: usize },
}

/// What keys are made with.
const POOLS: u64 = 16;
const SETS: u64 = 17;
const CONTROLS: u64 = 18;
const WITHIN: u64 = 19;

/// What a sampling asks for, of some rows; `None` if it asks for nothing.
pub(super) fn composed(data: &Collection, sampling: &Sampling, rows: &RowSet) -> Result<Option<Composed>> {
    if sampling.compose == Compose::Free {
        return Ok(None);
    }
    if sampling.weights != Weights::Even || sampling.draw != Draw::Each {
        let message = "batches that are put together of kinds of rows have these as said, not by weights";
        return Err(Error::invalid_input(message));
    }
    if sampling.tail != Tail::Drop {
        let message =
            "batches that are put together of kinds of rows are whole: rows that fill none can only be dropped";
        return Err(Error::invalid_input(message));
    }
    let batch = usize::try_from(sampling.batch).or_bug("a batch beyond memory")?;
    let fits = |set: usize, what: &str| {
        if set > 0 && batch.is_multiple_of(set) {
            return Ok(());
        }
        Err(Error::invalid_input(format!("expected a batch of a multiple of the {set} rows of {what}, found {batch}")))
    };
    let to = |size: u32| usize::try_from(size).or_bug("a set beyond memory");
    match &sampling.compose {
        Compose::Free => Ok(None),
        Compose::Quota { by, per_class } => {
            let total = per_class.iter().map(|(_, rows)| u64::from(*rows)).sum::<u64>();
            if total != u64::from(sampling.batch) {
                return Err(Error::invalid_input(format!(
                    "expected quotas of the {batch} rows of a batch together, found {total}"
                )));
            }
            let (values, codes) = values(data, by)?;
            let pools = per_class.iter().map(|(class, count)| {
                let code = value(&values, by, class)?;
                let pool = positions(rows, |row| Ok(codes.get(row).copied() == Some(code)))?;
                if pool.is_empty() {
                    return Err(Error::invalid_input(format!(
                        "no row that is asked for has the value '{class}' of '{by}'"
                    )));
                }
                Ok((pool, to(*count)?))
            });
            Ok(Some(Composed::Quota(pools.filter(|pool| !matches!(pool, Ok((_, 0)))).collect::<Result<_>>()?)))
        }
        Compose::SameGroup { by, size, short } => {
            fits(to(*size)?, "a set")?;
            let classes = Classes::of(data, by)?;
            let pools = pools(rows, classes.count, |row| Ok(classes.codes.get(row).copied()))?;
            Ok(Some(Composed::Sets { pools, size: to(*size)?, short: *short }))
        }
        Compose::WithControls { by, perturbation, control, size, controls } => {
            fits(to(*size)? + to(*controls)?, "a set with its controls")?;
            let (names, codes) = values(data, perturbation)?;
            let control = value(&names, perturbation, control)?;
            let groups =
                if by.is_empty() { Classes { codes: vec![0; data.n_obs()], count: 1 } } else { Classes::of(data, by)? };
            let is_control = |row: usize| codes.get(row).copied() == Some(control);
            let group = |row: usize| groups.codes.get(row).copied();
            let of_controls = pools(rows, groups.count, |row| Ok(group(row).filter(|_| is_control(row))))?;
            let both: Vec<String> = by.iter().chain([perturbation]).cloned().collect();
            let both = Classes::of(data, &both)?;
            let perturbed = pools(rows, both.count, |row| {
                Ok(both
                    .codes
                    .get(row)
                    .copied()
                    .filter(|_| !is_control(row) && codes.get(row).is_some_and(|&code| code >= 0)))
            })?;
            let perturbed = perturbed.into_iter().filter(|pool| !pool.is_empty()).map(|pool| {
                let first = pool.first().and_then(|&first| usize::try_from(rows.nth(first)?).ok()).or_bug("an empty pool")?;
                let group = usize::try_from(group(first).or_bug("a row without a group")?).or_bug("a group beyond memory")?;
                if *controls > 0 && of_controls.get(group).is_none_or(Vec::is_empty) {
                    return Err(Error::invalid_input(format!(
                        "row {first} has no control: no row with the same {} has the control's value of '{perturbation}'",
                        by.join(", ")
                    ))
                    .with_advice("leave out rows without controls"));
                }
                Ok((pool, group))
            });
            let pools = perturbed.collect::<Result<_>>()?;
            Ok(Some(Composed::Controlled { pools, size: to(*size)?, controls: of_controls, each: to(*controls)? }))
        }
    }
}

impl Composed {
    /// The positions of an epoch.
    pub(super) fn positions(&self, key: Key) -> Result<Vec<u64>> {
        let shuffled = |number: usize, pool: &[u64]| {
            let mut pool = pool.to_vec();
            key.with(POOLS).with(number as u64).shuffle(&mut pool)?;
            Ok::<_, Error>(pool)
        };
        match self {
            Self::Quota(quotas) => {
                let pools = quotas.iter().enumerate().map(|(number, (pool, _))| shuffled(number, pool));
                let pools = pools.collect::<Result<Vec<_>>>()?;
                // Until there are too few rows of a kind.
                let batches = quotas.iter().map(|(pool, count)| pool.len() / count).min().unwrap_or(0);
                let mut all = Vec::new();
                for batch in 0..batches {
                    let start = all.len();
                    for (pool, (_, count)) in pools.iter().zip(quotas) {
                        all.extend(pool.get(batch * count..(batch + 1) * count).or_bug("a quota beyond its pool")?);
                    }
                    let own = all.get_mut(start..).or_bug("a batch beyond all")?;
                    key.with(WITHIN).with(batch as u64).shuffle(own)?;
                }
                Ok(all)
            }
            Self::Sets { pools, size, short } => {
                let mut sets = Vec::new();
                for (number, pool) in pools.iter().enumerate() {
                    sets.extend(sets_of(&shuffled(number, pool)?, *size, *short));
                }
                key.with(SETS).shuffle(&mut sets)?;
                Ok(sets.concat())
            }
            Self::Controlled { pools, size, controls, each } => {
                let mut sets = Vec::new();
                for (number, (pool, group)) in pools.iter().enumerate() {
                    let own = sets_of(&shuffled(number, pool)?, *size, Short::Repeat);
                    sets.extend(own.into_iter().map(|set| (set, *group)));
                }
                key.with(SETS).shuffle(&mut sets)?;
                let mut all = Vec::new();
                for (number, (set, group)) in sets.iter().enumerate() {
                    all.extend(set);
                    let pool = controls.get(*group).or_bug("a group without controls")?;
                    let key = key.with(CONTROLS).with(number as u64);
                    for draw in 0..*each as u64 {
                        let at = usize::try_from(key.below(draw, pool.len() as u64)).or_bug("a pool beyond memory")?;
                        all.push(pool.get(at).copied().or_bug("a group without controls")?);
                    }
                }
                Ok(all)
            }
        }
    }
}

/// A pool in sets of so many; what is left is dropped, or filled with the first ones of the pool.
fn sets_of(pool: &[u64], size: usize, short: Short) -> Vec<Vec<u64>> {
    let filled = |set: &[u64]| match short {
        _ if set.len() == size => Some(set.to_vec()),
        Short::Skip => None,
        Short::Repeat => Some(set.iter().chain(pool.iter().cycle()).take(size).copied().collect()),
    };
    pool.chunks(size).filter_map(filled).collect()
}

/// The values of a column, and which of them each row has.
fn values(data: &Collection, column: &str) -> Result<(Vec<String>, Vec<i64>)> {
    let (codes, values) = series(data, column)?.load_once()?.factorize()?;
    Ok((values.to_labels()?, codes))
}

fn value(values: &[String], column: &str, wanted: &str) -> Result<i64> {
    let at = values.iter().position(|value| value == wanted);
    let at = at.ok_or_else(|| Error::invalid_input(format!("no row has the value '{wanted}' of '{column}'")))?;
    i64::try_from(at).or_bug("more values than rows")
}

/// The positions of the rows for which a function says so.
fn positions(rows: &RowSet, is: impl Fn(usize) -> Result<bool>) -> Result<Vec<u64>> {
    let mut all = Vec::new();
    for (position, row) in (0..).zip(rows.iter()) {
        if is(usize::try_from(row).or_bug("a row beyond memory")?)? {
            all.push(position);
        }
    }
    Ok(all)
}

/// The positions of rows by a number that a function gives of them.
fn pools(rows: &RowSet, count: usize, of: impl Fn(usize) -> Result<Option<u32>>) -> Result<Vec<Vec<u64>>> {
    let mut pools = vec![Vec::new(); count];
    for (position, row) in (0..).zip(rows.iter()) {
        if let Some(pool) = of(usize::try_from(row).or_bug("a row beyond memory")?)? {
            let pool = usize::try_from(pool).ok().and_then(|pool| pools.get_mut(pool));
            pool.or_bug("a class that is not counted")?.push(position);
        }
    }
    Ok(pools)
}
