//! Files that are mapped into memory: what is mapped, what is read as ever, and that both have the same values.

#![cfg(feature = "write")]

use std::path::Path;
use std::sync::Arc;

use anndata_io_hdf5::{Hdf5Options, Hdf5Store, MetadataReader, write_atomic};
use anndata_storage::{ArraySpec, AxisSelection, Codec, DType, Group, Result, Tensor};

/// A range of numbers of a dtype.
fn numbers(shape: [usize; 2], dtype: &DType) -> Result<Tensor> {
    let len = u32::try_from(shape.iter().product::<usize>()).unwrap_or(0);
    Tensor::from_vec(shape, (0..len).map(f64::from).collect::<Vec<f64>>())?.cast(dtype)
}

/// Writes each array under its name.
fn write(path: &Path, arrays: &[(&str, Tensor, &[Codec])]) -> Result<()> {
    write_atomic(path, true, false, |store| {
        let root = Group::root(store.clone());
        for (name, values, codecs) in arrays {
            let spec = ArraySpec::of(values).with_codecs(*codecs);
            let spec = if codecs.is_empty() { spec } else { spec.with_chunks(vec![16; values.ndim()]) };
            root.create_array(name, &spec)?.write(&vec![0; values.ndim()], values)?;
        }
        Ok(())
    })
}

fn open(path: &Path, options: Hdf5Options) -> Result<Group> {
    Ok(Group::root(Arc::new(Hdf5Store::open(path, &options)?)))
}

/// Whether values are where the system has mapped a file of this name.
#[cfg(target_os = "linux")]
fn is_mapped(values: &Tensor, path: &Path) -> bool {
    let at = values.as_bytes().map_or(0, |bytes| bytes.as_ptr() as usize);
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    maps.lines().filter(|line| line.ends_with(&*path.to_string_lossy())).any(|line| {
        let range = line.split(' ').next().and_then(|range| range.split_once('-'));
        range.is_some_and(|(start, end)| {
            let [start, end] = [start, end].map(|address| usize::from_str_radix(address, 16).unwrap_or(0));
            (start..end).contains(&at)
        })
    })
}

#[test]
#[cfg(target_os = "linux")]
fn numbers_in_one_piece_are_where_the_file_is_mapped() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.h5");
    for dtype in DType::NUMERIC {
        let values = numbers([60, 50], &dtype)?;
        write(&path, &[("plain", values.clone(), &[]), ("packed", values.clone(), &[Codec::Zlib { level: 1 }])])?;
        for reader in [MetadataReader::Rust, MetadataReader::Library] {
            let options = Hdf5Options::default().with_reader(reader);
            let (read, mapped) = (open(&path, options)?, open(&path, options.with_mmap(true))?);
            let whole = mapped.array("plain")?.read()?;
            assert_eq!(whole, values, "{dtype}");
            assert_eq!(is_mapped(&whole, &path), dtype != DType::Bool, "{dtype}");
            let rows = [AxisSelection::Range(8..24), AxisSelection::Range(0..50)];
            let some = mapped.array("plain")?.read_selection(&rows)?;
            assert_eq!(some, values.select(&rows)?);
            assert_eq!(is_mapped(&some, &path), dtype != DType::Bool, "{dtype}");
            let corner = [AxisSelection::Range(8..24), AxisSelection::Range(3..5)];
            for (group, name, selection) in
                [(&mapped, "plain", &corner), (&mapped, "packed", &rows), (&read, "plain", &rows)]
            {
                let copied = group.array(name)?.read_selection(selection)?;
                assert_eq!(copied, values.select(selection)?, "{dtype} {name}");
                assert!(!is_mapped(&copied, &path), "{dtype} {name}");
            }
        }
    }
    Ok(())
}

#[test]
fn values_that_are_changed_in_memory_are_copied_and_stay_when_the_file_is_replaced() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.h5");
    let values = numbers([60, 50], &DType::F32)?;
    write(&path, &[("x", values.clone(), &[])])?;
    let bytes = std::fs::read(&path)?;
    let options = Hdf5Options::default().with_mmap(true);
    let read = open(&path, options)?.array("x")?.read()?;
    let mut doubled = read.clone();
    doubled.map_in_place(|value: f32| value * 2.0)?;
    assert_eq!(doubled.as_slice::<f32>()?[2..4], [4.0, 6.0]);
    assert_eq!(read, values);
    assert!(std::fs::read(&path)? == bytes);
    #[cfg(unix)]
    write(&path, &[("x", doubled, &[])])?;
    assert_eq!(read, values);
    Ok(())
}

#[test]
fn what_is_no_number_is_read_as_ever() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.h5");
    let texts = Tensor::from_strings([3], ["a", "", "Zürich"])?;
    let flags = Tensor::from_vec([3], vec![true, false, true])?;
    let empty = Tensor::zeros(&DType::F64, [0, 4])?;
    let all = [("texts", texts), ("flags", flags), ("empty", empty), ("one", Tensor::scalar(7_i64))];
    let stored = all.clone().map(|(name, values)| (name, values, &[] as &[Codec]));
    write(&path, &stored)?;
    let root = open(&path, Hdf5Options::default().with_mmap(true))?;
    for (name, values) in all {
        assert_eq!(root.array(name)?.read()?, values, "{name}");
    }
    Ok(())
}

#[test]
fn files_that_are_edited_are_not_mapped() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.h5");
    write(&path, &[("x", numbers([60, 50], &DType::F64)?, &[])])?;
    let root = Group::root(Arc::new(Hdf5Store::open_rw(&path, &Hdf5Options::default().with_mmap(true))?));
    let before = root.array("x")?.read()?;
    root.array("x")?.write(&[0, 0], &Tensor::from_vec([1, 1], vec![9.0_f64])?)?;
    assert_eq!((before.as_slice::<f64>()?[0], root.array("x")?.read()?.as_slice::<f64>()?[0]), (0.0, 9.0));
    Ok(())
}
