//! Cases of several handles of one array: what is done through one of them is seen through the others.

use std::sync::Arc;
use std::thread;

use super::errors::refused;
use super::root;
use super::sample::{from_numbers, stored};
use crate::{ArraySpec, AxisSelection, Codec, DType, Error, ErrorKind, Result, Storage, Tensor};

/// Name and declaration for each way of keeping values; the sharded ones may be refused.
fn arrays() -> Vec<(String, ArraySpec, bool)> {
    let mut all = Vec::new();
    for dtype in [DType::I32, DType::String] {
        let plain = ArraySpec::new(dtype.clone(), [6, 3]).with_chunks([4, 2]).with_resizable(true);
        let sharded = ArraySpec { shards: Some(vec![8, 4]), ..plain.clone() };
        let compressed = plain.clone().with_codecs([Codec::Zlib { level: 1 }]);
        all.push((format!("{dtype} in chunks"), plain, false));
        all.push((format!("{dtype} compressed"), compressed, true));
        all.push((format!("{dtype} in shards"), sharded, true));
    }
    all
}

/// Rows that each hold a number three times.
fn rows(numbers: &[i32], dtype: &DType) -> Result<Tensor> {
    let values = numbers.iter().flat_map(|&n| [n, n, n]).collect();
    from_numbers(&Tensor::from_vec([numbers.len(), 3], values)?, dtype)
}

pub(super) fn write(store: &Arc<dyn Storage>) -> Result<()> {
    for (key, spec, optional) in arrays() {
        let of = |numbers: &[i32]| rows(numbers, &spec.dtype);
        let made = match root(store).create_array(&key, &spec) {
            Err(error) if optional && error.is_unsupported() => continue,
            made => made?,
        };
        let [one, other] = [root(store).array(&key)?, root(store).array(&key)?];
        made.write(&[0, 0], &of(&[1, 2, 3, 4, 5, 6])?)?;
        for (name, handle) in [("one", &one), ("the other", &other)] {
            assert_eq!(
                handle.read()?,
                of(&[1, 2, 3, 4, 5, 6])?,
                "{key}: {name} reads what was written after it was opened"
            );
        }
        // Longer text, so that its chunks find no room where they were.
        one.write(&[1, 0], &of(&[1_000_000_007, 1_000_000_009])?)?;
        assert_eq!(other.read()?, of(&[1, 1_000_000_007, 1_000_000_009, 4, 5, 6])?, "{key}: another wrote");
        other.write(&[3, 0], &of(&[40])?)?;
        assert_eq!(one.read()?, of(&[1, 1_000_000_007, 1_000_000_009, 40, 5, 6])?, "{key}: a block beside another's");
        if !store.capabilities().resize {
            continue;
        }
        one.resize(&[9, 3])?;
        one.write(&[6, 0], &of(&[7, 8, 9])?)?;
        assert_eq!(other.shape(), [9, 3], "{key}: another made it longer");
        assert_eq!(other.read()?, of(&[1, 1_000_000_007, 1_000_000_009, 40, 5, 6, 7, 8, 9])?, "{key}: longer");
        other.write(&[8, 0], &of(&[90])?)?;
        assert_eq!(
            one.read_selection(&[AxisSelection::Range(8..9), AxisSelection::Range(0..3)])?,
            of(&[90])?,
            "{key}: the new rows are there for all"
        );
        other.resize(&[2, 3])?;
        assert_eq!(one.shape(), [2, 3], "{key}: another made it shorter");
        assert_eq!(one.read()?, of(&[1, 1_000_000_007])?, "{key}: shorter");
        refused(one.write(&[2, 0], &of(&[3])?), ErrorKind::InvalidInput, &key, "rows that another gave up");
        one.resize(&[5, 3])?;
        other.write(&[4, 0], &of(&[50])?)?;
        assert_eq!(one.read()?, of(&[1, 1_000_000_007, 0, 0, 50])?, "{key}: given up by one, grown by another");
        assert_eq!(made.read()?, one.read()?, "{key}: the handle that made it");
    }
    Ok(())
}

pub(super) fn check(store: &Arc<dyn Storage>) -> Result<()> {
    for (key, spec, optional) in arrays() {
        let Some(array) = stored(&root(store), &key, optional)? else { continue };
        let expected: &[i32] = if store.capabilities().resize || array.shape() == [5, 3] {
            &[1, 1_000_000_007, 0, 0, 50]
        } else {
            &[1, 1_000_000_007, 1_000_000_009, 40, 5, 6]
        };
        assert_eq!(array.read()?, rows(expected, &spec.dtype)?, "{key}");
    }
    Ok(())
}

/// Blocks of whole chunks, of which several lie in one shard.
const BLOCKS: i32 = 16;

fn at_once() -> [(&'static str, ArraySpec, bool); 2] {
    let plain = ArraySpec::new(DType::I32, [64, 3]).with_chunks([4, 3]);
    [("chunks", plain.clone(), false), ("shards", ArraySpec { shards: Some(vec![32, 3]), ..plain }, true)]
}

pub(super) fn write_at_once(store: &Arc<dyn Storage>) -> Result<()> {
    for (key, spec, optional) in at_once() {
        match root(store).create_array(key, &spec) {
            Err(error) if optional && error.is_unsupported() => continue,
            array => drop(array?),
        }
        for round in 1..=4 {
            thread::scope(|scope| {
                let block = |number: i32| {
                    let array = root(store).array(key)?;
                    let values = rows(&[number * round; 4], &spec.dtype)?;
                    array.write(&[u64::from(number.unsigned_abs()) * 4, 0], &values)
                };
                let threads: Vec<_> = (0..BLOCKS).map(|number| scope.spawn(move || block(number))).collect();
                threads.into_iter().try_for_each(|thread| {
                    thread.join().unwrap_or_else(|_| Err(Error::invalid_data("a thread failed; see its message")))
                })
            })?;
            assert_eq!(root(store).array(key)?.read()?, written(round)?, "{key}: round {round}");
        }
    }
    Ok(())
}

/// What is there after a round.
fn written(round: i32) -> Result<Tensor> {
    rows(&(0..BLOCKS).flat_map(|number| [number * round; 4]).collect::<Vec<_>>(), &DType::I32)
}

pub(super) fn check_at_once(store: &Arc<dyn Storage>) -> Result<()> {
    for (key, _, optional) in at_once() {
        let Some(array) = stored(&root(store), key, optional)? else { continue };
        assert_eq!(array.read()?, written(4)?, "{key}");
    }
    Ok(())
}
