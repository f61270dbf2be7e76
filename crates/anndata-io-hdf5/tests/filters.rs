//! Filters that need a library of their own, as that library writes them (`tests/python/make_filters.py`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};

use anndata_storage::{Array, AxisSelection, Group, Result, Tensor};
use support::{edit, open};

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/filters.h5")
}

/// Each array with a filter, its name, and the array without.
fn arrays(root: &Group) -> Result<Vec<(String, Array, Array)>> {
    let mut arrays = Vec::new();
    for filter in root.children()? {
        for dtype in root.group(&filter)?.children()? {
            let name = format!("{filter}/{dtype}");
            arrays.push((name.clone(), root.array(&name)?, root.array(&format!("plain/{dtype}"))?));
        }
    }
    Ok(arrays)
}

#[test]
fn values_are_those_of_the_array_without_a_filter() -> Result<()> {
    let root = open(&file())?;
    let (mut read, mut refused) = (0, 0);
    for (name, array, plain) in arrays(&root)? {
        let expected = plain.read()?;
        if name.starts_with("blosc-snappy") {
            let error = array.read().unwrap_err();
            assert!(error.is_unsupported() && format!("{error:?}").contains("snappy is not supported"), "{error:?}");
            refused += 1;
            continue;
        }
        assert_eq!(array.read()?, expected, "{name}");
        let some = [AxisSelection::from(vec![0, 11, 20]), AxisSelection::Range(7..12)];
        assert_eq!(array.read_selection(&some)?, expected.select(&some)?, "{name}");
        read += 1;
    }
    assert_eq!((read, refused), (ARRAYS, 2));
    Ok(())
}

/// The arrays of the file with a filter that is read, and those without one.
const ARRAYS: usize = 126;

#[test]
fn bitshuffle_is_written_and_szip_is_not() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    std::fs::copy(file(), &path)?;
    let root = edit(&path)?;
    for (name, array, plain) in arrays(&root)?.into_iter().filter(|(name, ..)| !name.starts_with("plain")) {
        let before = plain.read()?;
        let corner = before.select(&[AxisSelection::Range(0..3), AxisSelection::Range(0..2)])?;
        let written = array.write(&[10, 8], &corner);
        if name.contains("szip") || name.contains("snappy") {
            let error = written.unwrap_err();
            assert!(error.is_unsupported(), "{name}: {error}");
            assert!(name.contains("snappy") || array.read()? == before, "{name}");
            continue;
        }
        written?;
        assert_eq!(
            array.read_selection(&[AxisSelection::Range(10..13), AxisSelection::Range(8..10)])?,
            corner,
            "{name}"
        );
    }
    Ok(())
}

/// Whatever stands in a chunk, it decodes to as many bytes or is an error.
#[test]
fn damaged_chunks_do_no_harm() -> Result<()> {
    let root = open(&file())?;
    let mut state = 1_u32;
    let mut below = |end: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % end.max(1)
    };
    for (name, array, plain) in arrays(&root)? {
        let (Some(chunks), Some(shape)) = (array.inner().as_chunked(), array.spec().chunks.clone()) else { continue };
        let size = plain.read()?.nbytes() / (21 * 14);
        let mut chunk = vec![0; usize::try_from(shape.iter().product::<u64>()).unwrap() * size];
        let (mut raw, mut scratch) = (Vec::new(), Vec::new());
        let mask = chunks.read_raw(&[0, 0], &mut raw)?.unwrap();
        for round in 0..60 {
            let mut bytes = raw.clone();
            match round % 3 {
                0 => bytes.truncate(below(raw.len())),
                1 => bytes.iter_mut().skip(below(raw.len())).take(4).for_each(|byte| *byte = 0xff),
                _ => {
                    let at = below(raw.len());
                    bytes[at] ^= 1 << below(8);
                }
            }
            let result = chunks.decode(&bytes, mask, &mut chunk, &mut scratch);
            assert!(result.is_err() || bytes.len() == raw.len() || name.starts_with("szip"), "{name}");
        }
        chunks.decode(&raw, mask, &mut chunk, &mut scratch).err().into_iter().for_each(|error| {
            assert!(error.is_unsupported(), "{name}: {error}");
        });
    }
    Ok(())
}

/// The library finds the filters too, for arrays that go through it.
#[test]
fn arrays_that_go_through_the_library_have_the_filters() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    support::with_filter(&path, 32008, &[0, 4, 4, 0, 2]);
    let root = edit(&path)?;
    let values = Tensor::from_vec([12, 21], (0..252).collect::<Vec<i32>>())?;
    let array = root.array("a")?;
    assert!(array.inner().as_chunked().is_none());
    array.write(&[0, 0], &values)?;
    root.storage().flush()?;
    drop((root, array));
    assert_eq!(support::array(&path, "a")?.read()?, values);
    Ok(())
}
