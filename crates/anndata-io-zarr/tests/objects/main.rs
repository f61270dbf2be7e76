//! Stores that are written to object stores: complete, or nothing that can be opened.
#![allow(clippy::unwrap_used, reason = "tests")]

mod pages;
mod watched;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anndata_io_zarr::{ZarrFormat, ZarrOptions, ZarrStore, write_objects};
use anndata_storage::{ArraySpec, Codec, Error, Group, Result, Tensor};
use object_store::ObjectStoreExt as _;
use watched::Watched;

const FORMATS: [ZarrFormat; 2] = [ZarrFormat::V2, ZarrFormat::V3];

fn options(format: ZarrFormat) -> ZarrOptions {
    ZarrOptions::default().with_format(format).with_retries(0)
}

/// Numbers that do not compress.
fn noise(len: u32) -> Tensor {
    let values = (0..len).map(|at| at.wrapping_mul(0x9e37_79b9).rotate_left(at % 31)).collect::<Vec<u32>>();
    Tensor::from_vec([values.len()], values).unwrap()
}

/// A group with names, and an array of ten chunks.
fn fill(root: &Group) -> Result<()> {
    let names = Tensor::from_strings([3], ["a", "b", "c"].map(str::to_owned))?;
    root.create_group("obs")?.create_array("names", &ArraySpec::of(&names))?.write(&[0], &names)?;
    let numbers = noise(1000);
    let spec = ArraySpec::of(&numbers).with_chunks([100]);
    root.create_array("numbers", &spec)?.write(&[0], &numbers)
}

fn open(objects: &Arc<Watched>) -> Result<Group> {
    let store = ZarrStore::open_objects(objects.clone(), "a/cells.zarr", &ZarrOptions::default())?;
    Ok(Group::root(Arc::new(store)))
}

fn write(objects: &Arc<Watched>, format: ZarrFormat, overwrite: bool) -> Result<()> {
    write_objects(objects.clone(), "a/cells.zarr", &options(format), overwrite, fill)
}

fn check(objects: &Arc<Watched>) -> Result<()> {
    let root = open(objects)?;
    assert_eq!(root.array("numbers")?.read()?, noise(1000));
    assert_eq!(root.array("obs/names")?.read()?.to_strings()?, ["a", "b", "c"]);
    Ok(())
}

#[test]
fn the_root_is_written_when_everything_else_is_there() -> Result<()> {
    for (format, first_of_root) in [(ZarrFormat::V2, ".zgroup"), (ZarrFormat::V3, "zarr.json")] {
        let objects = Arc::new(Watched::default());
        write(&objects, format, false)?;
        let written = objects.notes().written();
        let (below, root): (Vec<&String>, Vec<&String>) =
            written.iter().partition(|name| name.matches('/').count() > 2);
        let last = written.len() - root.len() + 1;
        assert_eq!(written.first().unwrap(), "a/cells.zarr/.anndata-unfinished");
        assert_eq!(written.get(last).unwrap(), &format!("a/cells.zarr/{first_of_root}"), "{written:?}");
        assert!(below.len() > 10, "{written:?}");
        assert!(!objects.names().contains(&"a/cells.zarr/.anndata-unfinished".to_owned()));
        check(&objects)?;
    }
    Ok(())
}

#[test]
fn what_fails_at_any_request_leaves_nothing() -> Result<()> {
    for format in FORMATS {
        let mut requests = 0;
        loop {
            let objects = Arc::new(Watched::default().failing_after(requests));
            let written = write(&objects, format, false);
            if !objects.notes().failed.load(Ordering::Relaxed) {
                written?;
                break;
            }
            let error = written.unwrap_err();
            assert!(error.is_io() && error.to_string().contains("watched/a/cells.zarr"), "{error}");
            assert!(format!("{error:?}").contains("the disk is full"), "{error:?}");
            // The note of an unfinished store is the first and the last.
            assert_eq!(objects.names(), [""; 0], "after {requests} requests");
            assert!(open(&objects).is_err_and(|error| error.is_not_found()));
            objects.mend();
            write(&objects, format, false)?;
            check(&objects)?;
            requests += 1;
        }
        assert!(requests > 15, "{requests}");
    }
    Ok(())
}

#[test]
fn what_cannot_be_built_leaves_nothing_and_is_not_written_later() -> Result<()> {
    let objects = Arc::new(Watched::default());
    let mut kept = None;
    let written: Result<()> = write_objects(objects.clone(), "a/cells.zarr", &options(ZarrFormat::V3), false, |root| {
        fill(root)?;
        kept = Some(root.clone());
        Err(Error::invalid_input("no more of this"))
    });
    assert_eq!(written.unwrap_err().to_string(), "no more of this");
    let error = kept.unwrap().array("numbers")?.write(&[0], &noise(1000)).unwrap_err();
    assert!(error.is_read_only(), "{error}");
    assert_eq!(objects.names(), [""; 0]);
    Ok(())
}

#[test]
fn what_is_there_is_replaced_only_where_that_is_asked_for() -> Result<()> {
    let objects = Arc::new(Watched::default());
    write(&objects, ZarrFormat::V2, false)?;
    let before = objects.names();
    let error = write(&objects, ZarrFormat::V3, false).unwrap_err();
    assert!(error.is_already_exists(), "{error}");
    assert_eq!(objects.names(), before);

    write(&objects, ZarrFormat::V3, true)?;
    check(&objects)?;
    assert!(!objects.names().iter().any(|name| name.contains("/.z")), "{:?}", objects.names());
    Ok(())
}

#[test]
fn other_objects_are_not_replaced_and_what_a_killed_write_left_is() -> Result<()> {
    let put = |objects: &Watched, name: &str| {
        futures_executor::block_on(objects.put(&name.into(), "text".into())).unwrap();
    };
    let objects = Arc::new(Watched::default());
    put(&objects, "a/cells.zarr/notes.txt");
    for overwrite in [false, true] {
        let error = write(&objects, ZarrFormat::V3, overwrite).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("not a zarr store"), "{error}");
        assert_eq!(objects.names(), ["a/cells.zarr/notes.txt"]);
    }
    // What stands beside has nothing to do with it.
    put(&objects, "a/cells.zarr.txt");
    put(&objects, "a/cells.zarr/.anndata-unfinished");
    put(&objects, "a/cells.zarr/numbers/c/77");
    write(&objects, ZarrFormat::V3, false)?;
    check(&objects)?;
    let left = objects.names();
    assert!(left.contains(&"a/cells.zarr.txt".to_owned()), "{left:?}");
    assert!(!left.iter().any(|name| name.ends_with("/77") || name.ends_with("notes.txt")), "{left:?}");
    Ok(())
}

#[test]
fn servers_that_cannot_list_get_new_stores_alone() -> Result<()> {
    let new = || Watched { no_list: true, ..Watched::default() };
    let objects = Arc::new(new());
    write(&objects, ZarrFormat::V3, false)?;
    check(&objects)?;
    let before = objects.names();
    assert!(write(&objects, ZarrFormat::V3, false).is_err_and(|error| error.is_already_exists()));
    let error = write(&objects, ZarrFormat::V3, true).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("cannot list"), "{error}");
    assert_eq!(objects.names(), before);
    for requests in 0..12 {
        let objects = Arc::new(new().failing_after(requests));
        assert!(write(&objects, ZarrFormat::V3, false).is_err_and(|error| error.is_io()));
        assert_eq!(objects.names(), [""; 0], "after {requests} requests");
    }
    Ok(())
}

/// Shards of 16 MB each, written a block of 4 MB at a time.
fn shards(root: &Group) -> Result<()> {
    let numbers = noise(10_000_000);
    let mut spec = ArraySpec::of(&numbers).with_chunks([100_000]).with_codecs([Codec::Zstd { level: 1 }]);
    spec.shards = Some(vec![4_000_000]);
    let array = root.create_array("shards", &spec)?;
    for start in (0..10_000_000).step_by(1_000_000) {
        array.write(&[start as u64], &numbers.slice_rows(start..start + 1_000_000)?)?;
    }
    Ok(())
}

#[test]
fn shards_are_sent_in_parts_and_once() -> Result<()> {
    for no_parts in [false, true] {
        let objects = Arc::new(Watched { no_parts, ..Watched::default() });
        write_objects(objects.clone(), "a/cells.zarr", &options(ZarrFormat::V3), false, shards)?;
        let notes = objects.notes();
        // The last shard is smaller than a part.
        let once = notes.written().iter().filter(|name| name.contains("/c/")).count();
        assert_eq!((once, notes.parts.load(Ordering::Relaxed)), (3, if no_parts { 0 } else { 4 }));
        // The documents of a store that might be there; nothing that was written is fetched again.
        assert_eq!(notes.gets.load(Ordering::Relaxed), 5, "{notes:?}");
        assert_eq!(open(&objects)?.array("shards")?.read()?, noise(10_000_000));
    }
    Ok(())
}

#[test]
fn shards_that_fail_at_any_part_leave_nothing() {
    for requests in 1..10 {
        let objects = Arc::new(Watched::default().failing_after(requests));
        let written = write_objects(objects.clone(), "a/cells.zarr", &options(ZarrFormat::V3), false, shards);
        let error = written.unwrap_err();
        assert!(format!("{error:?}").contains("the disk is full"), "{error:?}");
        assert_eq!(objects.names(), [""; 0], "after {requests} requests");
    }
}

#[test]
fn shards_may_be_written_in_any_order() -> Result<()> {
    let numbers = noise(6_000_000);
    let objects = Arc::new(Watched::default());
    write_objects(objects.clone(), "a/cells.zarr", &options(ZarrFormat::V3), false, |root| {
        let mut spec = ArraySpec::of(&numbers).with_chunks([100_000]).with_codecs([]);
        spec.shards = Some(vec![6_000_000]);
        let array = root.create_array("shards", &spec)?;
        for start in [5, 0, 4, 1, 3, 2, 0].map(|block| block * 1_000_000_usize) {
            array.write(&[start as u64], &numbers.slice_rows(start..start + 1_000_000)?)?;
            // What was written can be read meanwhile.
            assert_eq!(array.read_selection(&[(start as u64..start as u64 + 5).into()])?.len(), 5);
        }
        Ok(())
    })?;
    assert_eq!(open(&objects)?.array("shards")?.read()?, numbers);
    Ok(())
}
