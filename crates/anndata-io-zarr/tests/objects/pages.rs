//! Parts of objects that are kept on the local disk: fetched once, and again when the object is another.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anndata_io_zarr::{PageCache, RemoteObject, ZarrFormat, ZarrOptions, ZarrStore, write_objects};
use anndata_storage::{ArraySpec, AxisSelection, Group, Result, Tensor};
use object_store::ObjectStoreExt as _;

use super::noise;
use super::watched::Watched;

/// Numbers in the array: so many that its shards are read in parts.
const LEN: u32 = 600_000;

/// An array in two shards of ten chunks.
fn write(objects: &Arc<Watched>, numbers: &Tensor) -> Result<()> {
    let options = ZarrOptions::default().with_format(ZarrFormat::V3);
    write_objects(objects.clone(), "cells.zarr", &options, true, |root: &Group| {
        let mut spec = ArraySpec::of(numbers).with_chunks([30_000]);
        spec.shards = Some(vec![300_000]);
        root.create_array("numbers", &spec)?.write(&[0], numbers)
    })
}

fn read(objects: &Arc<Watched>, cache: &PageCache, selection: AxisSelection) -> Result<Tensor> {
    let options = ZarrOptions::default().with_cache(cache.clone());
    let store = ZarrStore::open_objects(objects.clone(), "cells.zarr", &options)?;
    Group::root(Arc::new(store)).array("numbers")?.read_selection(&[selection])
}

/// The requests since the last call: for contents, and for what is known of objects.
fn asked(objects: &Watched) -> (usize, usize) {
    let notes = objects.notes();
    let heads = notes.heads.swap(0, Ordering::Relaxed);
    (notes.gets.swap(0, Ordering::Relaxed) - heads, heads)
}

fn bytes(folder: &Path) -> u64 {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

#[test]
fn parts_are_fetched_once_by_whoever_opens_the_store() -> Result<()> {
    let (folder, objects, numbers) = (tempfile::tempdir()?, Arc::new(Watched::default()), noise(600_000));
    let cache = PageCache::new(folder.path().join("pages"));
    write(&objects, &numbers)?;
    asked(&objects);
    let first = AxisSelection::Range(0..72_000);
    assert_eq!(read(&objects, &cache, first.clone())?, numbers.select(&[first])?);
    let (contents, heads) = asked(&objects);
    // The metadata, an index, and three chunks or what joins them.
    assert!((3..=5).contains(&contents) && heads == 1, "{contents} {heads}");
    let all = AxisSelection::Range(0..u64::from(LEN));
    assert_eq!(read(&objects, &cache, all.clone())?, numbers);
    asked(&objects);
    for _ in 0..2 {
        assert_eq!(read(&objects, &cache, all.clone())?, numbers);
        assert_eq!(asked(&objects), (1, 2), "the metadata, and whether two shards are the same");
    }
    Ok(())
}

#[test]
fn another_object_in_its_place_is_fetched_again() -> Result<()> {
    let (folder, objects) = (tempfile::tempdir()?, Arc::new(Watched::default()));
    let cache = PageCache::new(folder.path());
    for seed in 0..3 {
        // As many bytes each time.
        let numbers = Tensor::from_vec([600_000], (0..LEN).map(|at| at ^ (seed * 77)).collect::<Vec<_>>())?;
        write(&objects, &numbers)?;
        for _ in 0..2 {
            assert_eq!(read(&objects, &cache, AxisSelection::Range(0..u64::from(LEN)))?, numbers);
        }
    }
    Ok(())
}

#[test]
fn the_folder_stays_within_its_limit_and_damage_is_fetched_again() -> Result<()> {
    let (folder, objects, numbers) = (tempfile::tempdir()?, Arc::new(Watched::default()), noise(600_000));
    write(&objects, &numbers)?;
    for limit in [0, 300_000, 1_200_000, 1 << 26] {
        let cache = PageCache::new(folder.path().join(limit.to_string())).with_bytes(limit);
        for _ in 0..3 {
            assert_eq!(read(&objects, &cache, AxisSelection::Range(0..u64::from(LEN)))?, numbers);
            assert!(!cache.dir.exists() || bytes(&cache.dir) <= limit);
        }
    }
    let cache = PageCache::new(folder.path().join((1 << 26).to_string()));
    let mut damaged = 0;
    for entry in std::fs::read_dir(&cache.dir)? {
        let path = entry?.path();
        let mut page = std::fs::read(&path)?;
        *page.last_mut().unwrap() ^= 1;
        std::fs::write(&path, page)?;
        damaged += 1;
    }
    assert!(damaged > 2);
    assert_eq!(read(&objects, &cache, AxisSelection::Range(0..u64::from(LEN)))?, numbers);
    // A folder that cannot be is as none.
    std::fs::write(folder.path().join("file"), "")?;
    let nowhere = PageCache::new(folder.path().join("file/pages"));
    assert_eq!(read(&objects, &nowhere, AxisSelection::Range(0..u64::from(LEN)))?, numbers);
    Ok(())
}

#[test]
fn a_store_that_is_written_is_read_as_it_is() -> Result<()> {
    let (folder, objects) = (tempfile::tempdir()?, Arc::new(Watched::default()));
    let options = ZarrOptions::default().with_cache(PageCache::new(folder.path()));
    let store = Arc::new(ZarrStore::create_objects(objects, "new.zarr", ZarrFormat::V3, &options)?);
    let numbers = noise(100);
    let array = Group::root(store).create_array("numbers", &ArraySpec::of(&numbers).with_chunks([10]))?;
    for values in [numbers.clone(), Tensor::from_vec([100], vec![7_u32; 100])?] {
        array.write(&[0], &values)?;
        assert_eq!(array.read()?, values);
        assert_eq!(array.read()?, values);
    }
    Ok(())
}

#[test]
fn parts_of_other_files_are_kept_as_well() -> Result<()> {
    let (folder, objects) = (tempfile::tempdir()?, Arc::new(Watched::default()));
    futures_executor::block_on(objects.objects.put(&"a.h5ad".into(), vec![5_u8; 4096].into())).unwrap();
    let options = ZarrOptions::default().with_cache(PageCache::new(folder.path()));
    for (contents, heads) in [(1, 1), (0, 1)] {
        let object = RemoteObject::of_objects(objects.clone(), "a.h5ad", &options)?;
        assert_eq!(object.read(1000..3000)?, vec![5; 2000]);
        assert_eq!(object.read(1000..3000)?, vec![5; 2000]);
        assert_eq!(asked(&objects), (contents, heads));
    }
    Ok(())
}
