//! [`split`]: rows in parts that have none in common.

use anndata_core::Result;
use anndata_storage::{Error, OrBug, ensure};

use crate::classes::Classes;
use crate::random::{Key, Permutation};
use crate::{Collection, RowSet};

/// By what rows are [split](split()).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SplitBy {
    /// Each row by itself, at random: parts have as many rows as the fractions say.
    Rows,
    /// Each row by its name: it stays in its part when stores are added, removed or put in another order. Parts have about as many
    /// rows as the fractions say; rows of the same name are in the same part.
    NameHash,
    /// All rows that have the same values in these columns of `obs` together, such as those of a donor. Parts have about as many rows
    /// as the fractions say.
    Groups(Vec<String>),
    /// Each row by itself, so that the parts have as much of each value of a column as the fractions say.
    Stratified(String),
    /// All rows of a store together.
    Stores,
}

/// How many names are read at a time.
const NAMES: usize = 1 << 16;

/// Rows in parts at random: to train with one, and to test with another. No row is in two of them. Fractions that are less than 1
/// together leave rows out.
///
/// ```
/// use anndata_core::{AnnData, ConcatOptions, Tensor};
/// use anndata_experimental::{Collection, SplitBy, split};
///
/// let object = AnnData::builder().x(Tensor::from_vec([10, 1], vec![0.0_f32; 10])?).build()?;
/// let cells = Collection::new([("a", object)], &ConcatOptions::default())?;
/// let [train, test] = &split(&cells, &[0.8, 0.2], &SplitBy::Rows, 0)?[..] else { panic!() };
/// assert_eq!((train.len(), test.len(), train.is_disjoint(test)), (8, 2, true));
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if a fraction is not above 0, or they are more than 1 together, or there are
/// more parts than groups; [`NotFound`](anndata_core::ErrorKind::NotFound) if there is no such column; or if columns or names cannot
/// be read.
#[doc(alias("random_split", "train_test_split"))]
pub fn split(data: &Collection, fractions: &[f64], by: &SplitBy, seed: u64) -> Result<Vec<RowSet>> {
    let ends = ends(fractions)?;
    let key = Key::new(seed).with(SPLIT);
    let len = data.n_obs();
    // The part of each row; as many as there are parts for none.
    let parts: Vec<usize> = match by {
        SplitBy::Rows => {
            let permutation = Permutation::new(key, len as u64);
            let cuts = cuts(&ends, len)?;
            (0..len as u64).map(|row| part_of(&cuts, permutation.apply(row))).collect()
        }
        SplitBy::NameHash => {
            let index = data.obs().index();
            let mut parts = Vec::with_capacity(len);
            for start in (0..len).step_by(NAMES) {
                let names = index.slice(start..len.min(start + NAMES))?.to_labels()?;
                parts.extend(names.iter().map(|name| {
                    let place = key.unit(hash(name.as_bytes()));
                    ends.partition_point(|&end| end <= place)
                }));
            }
            parts
        }
        SplitBy::Groups(columns) => of_groups(&Classes::of(data, columns)?, fractions, key)?,
        SplitBy::Stores => {
            let stores = data.plan().lengths.iter().zip(0..);
            let codes = stores.flat_map(|(&len, store)| std::iter::repeat_n(store, len)).collect();
            of_groups(&Classes { codes, count: data.plan().lengths.len() }, fractions, key)?
        }
        SplitBy::Stratified(column) => {
            let classes = Classes::of(data, std::slice::from_ref(column))?;
            let mut sizes = vec![0_usize; classes.count];
            for &class in &classes.codes {
                *sizes.get_mut(class as usize).or_bug("a class that is not counted")? += 1;
            }
            let orders: Vec<(Permutation, Vec<u64>)> = (0..)
                .zip(&sizes)
                .map(|(class, &size)| Ok((Permutation::new(key.with(class), size as u64), cuts(&ends, size)?)))
                .collect::<Result<_>>()?;
            let mut counts = vec![0_u64; classes.count];
            let part = |&class: &u32| {
                let (order, cuts) = orders.get(class as usize).or_bug("a class without an order")?;
                let count = counts.get_mut(class as usize).or_bug("a class that is not counted")?;
                *count += 1;
                Ok(part_of(cuts, order.apply(*count - 1)))
            };
            classes.codes.iter().map(part).collect::<Result<_>>()?
        }
    };
    let rows = |part: usize| (0..).zip(&parts).filter(move |(_, own)| **own == part).map(|(row, _)| row);
    let sets: Vec<RowSet> = (0..fractions.len()).map(|part| RowSet::of_sorted(rows(part))).collect();
    for (at, set) in sets.iter().enumerate() {
        ensure!(sets.iter().skip(at + 1).all(|other| set.is_disjoint(other)), "a row in two parts of a split");
    }
    Ok(sets)
}

/// What keys are made with.
const SPLIT: u64 = 0x7370_6c69_7400_0001;

/// Where each part ends, from 0 to 1.
fn ends(fractions: &[f64]) -> Result<Vec<f64>> {
    if let Some(fraction) = fractions.iter().find(|fraction| !(fraction.is_finite() && **fraction > 0.0)) {
        return Err(Error::invalid_input(format!("expected fractions above 0, found {fraction}")));
    }
    let mut end = 0.0;
    let ends: Vec<f64> = fractions
        .iter()
        .map(|fraction| {
            end += fraction;
            end
        })
        .collect();
    if end > 1.0 + 1e-9 {
        return Err(Error::invalid_input(format!("expected fractions of 1 together at most, found {end}")));
    }
    // What is 1 but for rounding is all.
    Ok(ends.into_iter().map(|end| if end > 1.0 - 1e-9 { 1.0 } else { end }).collect())
}

/// Where each part of so many rows ends.
#[expect(clippy::cast_precision_loss, reason = "a part of a row more or less")]
fn cuts(ends: &[f64], rows: usize) -> Result<Vec<u64>> {
    let cut = |end: &f64| {
        let cut = <u64 as anndata_core::Scalar>::from_f64((end * rows as f64).round());
        (cut <= rows as u64).then_some(cut).or_bug("a part beyond all rows")
    };
    ends.iter().map(cut).collect()
}

fn part_of(cuts: &[u64], place: u64) -> usize {
    cuts.partition_point(|&cut| cut <= place)
}

/// Whole groups, in random order, each to the part that lacks most.
#[expect(clippy::cast_precision_loss, reason = "a part of a row more or less")]
fn of_groups(classes: &Classes, fractions: &[f64], key: Key) -> Result<Vec<usize>> {
    if classes.count < fractions.len() {
        let (parts, groups) = (fractions.len(), classes.count);
        return Err(Error::invalid_input(format!("{groups} groups cannot be split into {parts} parts")));
    }
    let mut sizes = vec![0_u64; classes.count];
    for &class in &classes.codes {
        *sizes.get_mut(class as usize).or_bug("a group that is not counted")? += 1;
    }
    let rest = 1.0 - fractions.iter().sum::<f64>();
    let total = classes.codes.len() as f64;
    // Rows that each part lacks; of what is left out as well.
    let mut lacks: Vec<f64> = fractions.iter().chain([&rest.max(0.0)]).map(|fraction| fraction * total).collect();
    let permutation = Permutation::new(key, classes.count as u64);
    let mut order: Vec<(u64, usize)> =
        (0..classes.count).map(|group| (permutation.apply(group as u64), group)).collect();
    order.sort_unstable();
    let mut parts = vec![fractions.len(); classes.count];
    let mut empty = fractions.len();
    let mut has = vec![false; fractions.len()];
    for (left, (_, group)) in order.iter().enumerate().map(|(at, group)| (classes.count - at, group)) {
        // The last groups are for parts that have none yet.
        let first_empty = has.iter().position(|has| !has).filter(|_| left <= empty);
        let most = lacks.iter().enumerate().max_by(|(at, a), (other, b)| a.total_cmp(b).then(other.cmp(at)));
        let part = first_empty.or(most.map(|(part, _)| part)).or_bug("groups for no part")?;
        if let Some(has) = has.get_mut(part).filter(|has| !**has) {
            (*has, empty) = (true, empty - 1);
        }
        *parts.get_mut(*group).or_bug("a group beyond all")? = part;
        *lacks.get_mut(part).or_bug("a part beyond all")? -= sizes.get(*group).copied().unwrap_or(0) as f64;
    }
    classes.codes.iter().map(|&class| parts.get(class as usize).copied().or_bug("a group without a part")).collect()
}

/// FNV-1a of 64 bits.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}
