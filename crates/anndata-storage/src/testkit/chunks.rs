//! Cases of raw chunks, for backends that offer them.

use std::sync::Arc;

use super::root;
use super::sample::{self, odd_chunks, values};
use crate::chunked::RawChunk;
use crate::{Array, ArraySpec, AxisSelection, ChunkedStorage, DType, Error, Result, Storage, Tensor};

const SHAPES: [&[u64]; 3] = [&[10], &[7, 5], &[3, 4, 5]];

fn spec(shape: &[u64]) -> ArraySpec {
    ArraySpec::new(DType::I32, shape).with_chunks(odd_chunks(shape))
}

pub(super) fn raw(store: &Arc<dyn Storage>) -> Result<()> {
    for shape in SHAPES {
        let (spec, tensor) = (spec(shape), values(&DType::I32, shape, 21)?);
        let array = sample::store(&root(store), &format!("read {shape:?}"), &spec, &tensor, false)?;
        let array = array.ok_or_else(|| Error::invalid_data("not stored"))?;
        // The chunks of one array, decoded and encoded again, make another.
        let copy = root(store).create_array(&format!("copy {shape:?}"), &spec)?;
        let (Some(from), Some(to)) = (array.inner().as_chunked(), copy.inner().as_chunked()) else { continue };
        let mut scratch = Vec::new();
        let encoded = grid(&array.spec()).into_iter().map(|position| {
            let (chunk, mut raw) = (decoded(&array, from, &position)?, Vec::new());
            assert!(to.read_raw(&position, &mut raw)?.is_none(), "{shape:?}: chunk {position:?} was never written");
            to.encode(&chunk, &mut raw, &mut scratch)?;
            Ok((position, raw))
        });
        let encoded = encoded.collect::<Result<Vec<_>>>()?;
        let all: Vec<RawChunk> = encoded.iter().map(|(position, raw)| (position.as_slice(), raw.as_slice())).collect();
        // One alone; the others together, the last of them once more.
        let Some(([(position, raw)], others)) = all.split_first_chunk() else { continue };
        to.write_raw(position, raw)?;
        to.write_raw_all(others)?;
        to.write_raw_all(others.last_chunk::<1>().map_or(&[], |last| last))?;
        to.write_raw_all(&[])?;
    }
    Ok(())
}

pub(super) fn check_raw(store: &Arc<dyn Storage>) -> Result<()> {
    for shape in SHAPES {
        let tensor = values(&DType::I32, shape, 21)?;
        let array = root(store).array(&format!("read {shape:?}"))?;
        let Some(chunked) = array.inner().as_chunked() else { continue };
        assert_eq!(root(store).array(&format!("copy {shape:?}"))?.read()?, tensor, "{shape:?}: chunks written raw");

        let spec = array.spec();
        let chunks = spec.chunks.clone().unwrap_or_default();
        for position in grid(&spec) {
            let selection: Vec<AxisSelection> = position
                .iter()
                .zip(&chunks)
                .zip(shape)
                .map(|((at, chunk), &end)| AxisSelection::Range(at * chunk..end.min((at + 1) * chunk)))
                .collect();
            let whole =
                Tensor::from_bytes(spec.dtype.clone(), sample::lens(&chunks), decoded(&array, chunked, &position)?)?;
            let inside: Vec<AxisSelection> = selection.iter().map(|axis| AxisSelection::Range(0..axis.len())).collect();
            assert_eq!(whole.select(&inside)?, tensor.select(&selection)?, "{shape:?}: chunk {position:?}");
        }
        let fill = chunked.fill_value().len();
        assert!(fill == 0 || fill == 4, "the fill value is one element or nothing, not {fill} bytes");
    }
    Ok(())
}

/// Every position in the chunk grid.
fn grid(spec: &ArraySpec) -> Vec<Vec<u64>> {
    spec.chunk_grid().into_iter().fold(vec![vec![]], |positions, count| {
        positions.iter().flat_map(|position| (0..count).map(move |at| [&position[..], &[at]].concat())).collect()
    })
}

/// One chunk, through buffers that hold something else before.
fn decoded(array: &Array, chunked: &dyn ChunkedStorage, position: &[u64]) -> Result<Vec<u8>> {
    let spec = array.spec();
    let len: u64 = spec.chunks.iter().flatten().product::<u64>() * spec.dtype.size().unwrap_or(0) as u64;
    let (mut raw, mut scratch) = (vec![0xa5; 3], vec![0x5a; 5]);
    let Some(info) = chunked.read_raw(position, &mut raw)? else {
        return Err(Error::invalid_data(format!("chunk {position:?} was written but is not there")));
    };
    let mut chunk = vec![0xff; sample::lens(&[len]).iter().sum()];
    chunked.decode(&raw, info, &mut chunk, &mut scratch)?;
    if chunked.is_raw() {
        assert_eq!(raw, chunk, "raw chunks are what they decode to");
    }
    for (start, end) in [(0, chunk.len()), (0, 4), (chunk.len() - 4, chunk.len())] {
        let (mut part, wanted) = (vec![0xff; end - start], chunk.get(start..end).unwrap_or_default());
        if chunked.read_part(position, start, &mut part)? {
            assert_eq!(part, wanted, "a part of chunk {position:?}");
        }
    }
    Ok(chunk)
}
