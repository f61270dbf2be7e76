//! Cases of reading parts: every kind of selection against the same selection of the whole in memory.

use std::sync::Arc;

use super::root;
use super::sample::{self, Random, odd_chunks, stored, values};
use crate::{Array, ArraySpec, AxisSelection, DType, Result, Storage, Tensor};

const SHAPES: [&[u64]; 6] = [&[], &[23], &[9, 7], &[4, 5, 6], &[0, 4], &[6, 0]];

/// Name, declaration, values, whether it may be refused.
fn every_array() -> Result<Vec<(String, ArraySpec, Tensor, bool)>> {
    let mut all = Vec::new();
    for (dtype, optional) in
        [(DType::I32, false), (DType::U8, false), (DType::F64, false), (DType::String, false), (sample::record(), true)]
    {
        for shape in SHAPES {
            let tensor = values(&dtype, shape, 11)?;
            let spec = ArraySpec::of(&tensor);
            let name = format!("{dtype} {shape:?}");
            if !shape.is_empty() {
                let thin = [&[1], shape.get(1..).unwrap_or_default()].concat();
                let thin = thin.iter().map(|&len| len.max(1)).collect::<Vec<_>>();
                for (kind, chunks) in [("odd", odd_chunks(shape)), ("rows", thin), ("ones", vec![1; shape.len()])] {
                    let chunked = spec.clone().with_chunks(chunks);
                    all.push((format!("{name} {kind}"), chunked, tensor.clone(), optional));
                }
            }
            all.push((name, spec, tensor, optional));
        }
    }
    Ok(all)
}

pub(super) fn write(store: &Arc<dyn Storage>) -> Result<()> {
    let group = root(store).create_group("arrays")?;
    for (key, spec, tensor, optional) in every_array()? {
        sample::store(&group, &key, &spec, &tensor, optional)?;
    }
    Ok(())
}

/// Calls `check` with the name, the array and its values.
fn each(store: &Arc<dyn Storage>, check: impl Fn(&str, &Array, &Tensor) -> Result<()>) -> Result<()> {
    let group = root(store).group("arrays")?;
    for (key, _, tensor, optional) in every_array()? {
        if let Some(array) = stored(&group, &key, optional)? {
            check(&key, &array, &tensor)?;
        }
    }
    Ok(())
}

fn selections(tensor: &Tensor, count: u64) -> Vec<Vec<AxisSelection>> {
    let mut random = Random::new(count);
    let mut selection = || tensor.shape().iter().map(|&len| random.axis(len as u64)).collect();
    (0..count).map(|_| selection()).collect()
}

pub(super) fn check(store: &Arc<dyn Storage>) -> Result<()> {
    each(store, |key, array, tensor| {
        for selection in selections(tensor, 40) {
            let (read, expected) = (array.read_selection(&selection)?, tensor.select(&selection)?);
            assert_eq!(read.shape(), expected.shape(), "{key}: the shape of {selection:?}");
            assert!(read == expected, "{key}: {selection:?} reads as {read:?}, not {expected:?}");
        }
        Ok(())
    })
}

/// Runs in any order, overlapping, empty or many, read as the same positions do.
pub(super) fn check_runs(store: &Arc<dyn Storage>) -> Result<()> {
    each(store, |key, array, tensor| {
        let &[len] = tensor.shape() else {
            let refused = array.read_runs(&[]).is_err_and(|error| error.is_invalid_input());
            assert!(refused, "{key}: runs of {} dimensions", tensor.ndim());
            return Ok(());
        };
        let mut random = Random::new(7);
        for count in 0..20 {
            let mut run = || {
                let (a, b) = (random.below(len as u64 + 1), random.below(len as u64 + 1));
                a.min(b)..a.max(b)
            };
            let runs: Vec<_> = (0..count).map(|_| run()).collect();
            let positions: Vec<u64> = runs.iter().cloned().flatten().collect();
            let expected = tensor.take(0, &positions)?;
            assert!(array.read_runs(&runs)? == expected, "{key}: {runs:?}");
            let is_number = tensor.dtype().is_numeric() && *tensor.dtype() != DType::Bool;
            if let Some(bytes) = expected.as_bytes().filter(|_| is_number) {
                let mut out = vec![0xa5; bytes.len()];
                array.read_runs_into(&runs, &mut out)?;
                assert!(out == bytes, "{key}: {runs:?} into memory that was used before");
                out.push(0);
                let refused = array.read_runs_into(&runs, &mut out).is_err_and(|error| error.is_invalid_input());
                assert!(refused, "{key}: {runs:?} into too much memory");
            }
        }
        let beyond = len as u64..len as u64 + 1;
        assert!(array.read_runs(&[0..0, beyond]).is_err_and(|error| error.is_invalid_input()), "{key}: beyond the end");
        Ok(())
    })
}

pub(super) fn check_blocks(store: &Arc<dyn Storage>) -> Result<()> {
    each(store, |key, array, tensor| {
        let spec = array.spec();
        let unit = spec.shards.as_ref().or(spec.chunks.as_ref()).map_or(1, |unit| unit.iter().product());
        // Texts have no size of their own: a block counts 32 bytes for each.
        let size = spec.dtype.size().unwrap_or(32) as u64;
        for max_bytes in [1, 64, 200, 1 << 30] {
            let mut seen = vec![false; tensor.len()];
            for block in array.blocks(max_bytes) {
                let (offset, values) = block?;
                let bytes = values.len() as u64 * size;
                assert!(
                    bytes <= max_bytes.max(unit * size),
                    "{key}: a block of {bytes} bytes where {max_bytes} may be"
                );
                let selection: Vec<AxisSelection> = offset
                    .iter()
                    .zip(values.shape())
                    .map(|(&at, &len)| AxisSelection::Range(at..at + len as u64))
                    .collect();
                assert!(values == tensor.select(&selection)?, "{key}: the block at {offset:?}");
                for position in positions(tensor.shape(), &selection) {
                    let seen = seen.get_mut(position);
                    assert!(seen.is_some_and(|seen| !std::mem::replace(seen, true)), "{key}: {offset:?} comes twice");
                }
            }
            assert!(seen.iter().all(|&seen| seen), "{key}: blocks of {max_bytes} bytes leave something out");
        }
        Ok(())
    })
}

/// The positions, in C order of the whole, of a box.
fn positions(shape: &[usize], selection: &[AxisSelection]) -> Vec<usize> {
    let mut positions = vec![0];
    for (&len, axis) in shape.iter().zip(selection) {
        let along = sample::lens(&axis.runs().iter().flat_map(|&(at, len)| at..at + len).collect::<Vec<_>>());
        positions = positions.iter().flat_map(|&base| along.iter().map(move |&at| base * len + at)).collect();
    }
    positions
}
