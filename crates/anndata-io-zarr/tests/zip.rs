//! Zip files: checksums of entries, deflated entries, what packers add, names that no file system takes, and errors of
//! writing them, as of folders.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anndata_io_zarr::{Sharding, ZarrFormat, ZarrOptions, ZarrStore, open_path, write_atomic};
use anndata_storage::{ArraySpec, AxisSelection, Codec, Group, Result, Storage as _, Tensor};
use libdeflater::{CompressionLvl, Compressor};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn numbers(len: i32) -> Tensor {
    Tensor::from_vec([usize::try_from(len).unwrap()], (0..len).map(|n| n.wrapping_mul(77_777)).collect::<Vec<_>>())
        .unwrap()
}

/// A store in a zip file with 4,000 numbers: in chunks, and in a shard of chunks; nothing packs or checks them but the zip
/// file.
fn store(folder: &Path) -> PathBuf {
    let path = folder.join("a.zarr.zip");
    let options = ZarrOptions::default().with_durable(false);
    write_atomic(&path, &options, true, |root| {
        let mut spec = ArraySpec::of(&numbers(4000)).with_chunks([1000]);
        spec.shards = Some(vec![4000]);
        root.create_array("group/shards", &spec)?.write(&[0], &numbers(4000))?;
        spec.shards = Some(vec![1000]);
        root.create_array("chunks", &spec)?.write(&[0], &numbers(4000))
    })
    .unwrap();
    path
}

/// Damages the stored bytes, which occur once.
fn flip(path: &Path, bytes: &[u8]) {
    let mut file = fs::read(path).unwrap();
    let at = file.windows(bytes.len()).position(|window| window == bytes).unwrap();
    file[at] ^= 0x40;
    fs::write(path, file).unwrap();
}

#[test]
fn a_wrong_checksum_of_an_entry_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr.zip");
    let options = ZarrOptions::default().with_sharding(Sharding::Off).with_durable(false);
    let few = numbers(100);
    write_atomic(&path, &options, false, |root| {
        root.create_array("chunks", &ArraySpec::of(&few).with_chunks([100]))?.write(&[0], &few)
    })
    .unwrap();
    flip(&path, few.as_bytes().unwrap());
    let error = open_path(&path).unwrap().array("chunks").unwrap().read().unwrap_err();
    assert!(error.is_invalid_data() && error.path() == Some("chunks"), "{error}");
    let text = format!("{error:?}");
    assert!(text.contains("checksum (CRC-32)") && text.contains("chunks/c/0"), "{text}");
}

#[test]
fn the_checksum_of_a_shard_is_compared_once_all_of_it_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(folder.path());
    let read =
        |range| open_path(&path).unwrap().array("group/shards").unwrap().read_selection(&[AxisSelection::Range(range)]);
    assert_eq!(read(0..4000).unwrap(), numbers(4000));
    let last = numbers(4000).slice_rows(3990..4000).unwrap();
    flip(&path, last.as_bytes().unwrap());
    // The array beside it has the same values in shards of their own, which come first in the file.
    assert!(open_path(&path).unwrap().array("chunks").unwrap().read().is_err_and(|error| error.is_invalid_data()));

    let path = store(folder.path());
    let mut file = fs::read(&path).unwrap();
    let positions: Vec<usize> =
        (0..file.len()).filter(|&at| file[at..].starts_with(last.as_bytes().unwrap())).collect();
    file[*positions.last().unwrap()] ^= 1;
    fs::write(&path, file).unwrap();
    let array = open_path(&path).unwrap().array("group/shards").unwrap();
    // A part of the shard does not tell whether all of it is sound.
    assert_eq!(array.read_selection(&[AxisSelection::Range(0..1000)]).unwrap().len(), 1000);
    let error = array.read_selection(&[AxisSelection::Range(1000..4000)]).unwrap_err();
    assert!(format!("{error:?}").contains("checksum (CRC-32)"), "{error:?}");
    // Told once; then the values are as they are.
    assert_eq!(array.read().unwrap().len(), 4000);

    let store = ZarrStore::open_path(&path, &ZarrOptions::default()).unwrap();
    let found = store.verify().unwrap();
    assert_eq!(found.iter().map(|error| error.path()).collect::<Vec<_>>(), [Some("group/shards")]);
    assert!(store.verify().unwrap().is_empty(), "each is told once");
    assert!(store.limits().max_unbacked > 0);
}

#[test]
fn sound_files_have_nothing_to_tell() {
    let folder = tempfile::tempdir().unwrap();
    let path = store(folder.path());
    for packed in [path.clone(), deflated(&path, &folder.path().join("deflated.zarr.zip"))] {
        let store = Arc::new(ZarrStore::open_path(&packed, &ZarrOptions::default()).unwrap());
        assert!(store.verify().unwrap().is_empty());
        let root = Group::root(store);
        assert_eq!(root.array("chunks").unwrap().read().unwrap(), numbers(4000));
        assert_eq!(root.array("group/shards").unwrap().read().unwrap(), numbers(4000));
    }
}

#[test]
fn a_wrong_checksum_of_a_deflated_entry_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = deflated(&store(folder.path()), &folder.path().join("deflated.zarr.zip"));
    let mut file = fs::read(&path).unwrap();
    // The checksums in the directory at the end: the last entry but the metadata of the root is an array.
    let entries: Vec<usize> = (0..file.len() - 4).filter(|&at| file[at..].starts_with(b"PK\x01\x02")).collect();
    for at in entries {
        file[at + 16] ^= 1;
    }
    fs::write(&path, file).unwrap();
    let error = open_path(&path).unwrap_err();
    assert!(error.is_invalid_data() && format!("{error:?}").contains("checksum (CRC-32)"), "{error:?}");
}

/// The same zip file with deflated entries.
fn deflated(path: &Path, target: &Path) -> PathBuf {
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for index in 0..archive.len() {
        let (name, bytes) = {
            let mut entry = archive.by_index(index).unwrap();
            let mut bytes = Vec::new();
            std::io::copy(&mut entry, &mut bytes).unwrap();
            (entry.name().unwrap().to_string(), bytes)
        };
        let mut compressor = Compressor::new(CompressionLvl::fastest());
        let mut packed = vec![0; compressor.deflate_compress_bound(bytes.len())];
        let len = compressor.deflate_compress(&bytes, &mut packed).unwrap();
        packed.truncate(len);
        let start = u32::try_from(file.len()).unwrap();
        let sizes =
            [crc32fast::hash(&bytes), u32::try_from(packed.len()).unwrap(), u32::try_from(bytes.len()).unwrap()];
        let head = |mut head: Vec<u8>| {
            head.extend([20, 0, 0, 8, 8, 0, 0, 0, 0x21, 0]);
            head.extend(sizes.map(u32::to_le_bytes).concat());
            head.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            head.extend([0, 0]);
            head
        };
        file.extend(head(b"PK\x03\x04".to_vec()));
        file.extend(name.as_bytes());
        file.extend(packed);
        directory.extend(head(b"PK\x01\x02\x14\x00".to_vec()));
        directory.extend([0; 10]);
        directory.extend(start.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let count = u16::try_from(archive.len()).unwrap().to_le_bytes();
    let (start, len) = (u32::try_from(file.len()).unwrap(), u32::try_from(directory.len()).unwrap());
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count, count].concat());
    file.extend([len.to_le_bytes(), start.to_le_bytes()].concat());
    file.extend([0, 0]);
    fs::write(target, file).unwrap();
    target.to_owned()
}

/// A shard of 4,000 chunks in a deflated entry of 16 MB: were it unpacked for each chunk, reading would take minutes.
#[test]
fn a_deflated_shard_is_unpacked_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr.zip");
    let values = numbers(4_000_000);
    write_atomic(&path, &ZarrOptions::default().with_durable(false), false, |root| {
        let mut spec = ArraySpec::of(&values).with_chunks([1000]).with_codecs([Codec::Crc32c]);
        spec.shards = Some(vec![4_000_000]);
        root.create_array("numbers", &spec)?.write(&[0], &values)
    })
    .unwrap();
    let path = deflated(&path, &folder.path().join("deflated.zarr.zip"));
    let array = open_path(&path).unwrap().array("numbers").unwrap();
    let start = Instant::now();
    assert_eq!(array.read().unwrap(), values);
    for block in array.blocks(1 << 16) {
        let (offset, block) = block.unwrap();
        let first = usize::try_from(offset[0]).unwrap();
        assert_eq!(block, values.slice_rows(first..first + block.len()).unwrap());
    }
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn what_macos_adds_and_the_folder_that_holds_the_store_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("a.zarr");
    let options = ZarrOptions::default().with_consolidated(false).with_durable(false);
    write_atomic(&made, &options, false, |root| {
        root.create_array("numbers", &ArraySpec::of(&numbers(10)))?.write(&[0], &numbers(10))
    })
    .unwrap();
    let path = folder.path().join("a.zarr.zip");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for name in ["zarr.json", "numbers/zarr.json", "numbers/c/0"] {
        zip.start_file(format!("a.zarr/{name}"), stored).unwrap();
        zip.write_all(&fs::read(made.join(name)).unwrap()).unwrap();
        zip.start_file(format!("__MACOSX/a.zarr/{}", name.replace("zarr.json", "._zarr.json")), stored).unwrap();
        zip.write_all(b"\0\x05\x16\x07").unwrap();
    }
    zip.start_file(".DS_Store", stored).unwrap();
    zip.finish().unwrap();
    let root = open_path(&path).unwrap();
    assert_eq!(root.children().unwrap(), ["numbers"]);
    assert_eq!(root.array("numbers").unwrap().read().unwrap(), numbers(10));
}

#[test]
fn a_zip_file_takes_names_that_no_file_system_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr.zip");
    let name = "ü".repeat(300);
    for format in [ZarrFormat::V2, ZarrFormat::V3] {
        let options = ZarrOptions::default().with_format(format).with_durable(false);
        write_atomic(&path, &options, true, |root| {
            root.create_array("first", &ArraySpec::of(&numbers(7)))?.write(&[0], &numbers(7))?;
            root.rename("first", &format!("group/{name}"))?;
            root.create_group(&format!("gone/{name}"))?;
            root.remove("gone")
        })
        .unwrap();
        let root = open_path(&path).unwrap();
        assert_eq!(root.children().unwrap(), ["group"]);
        assert_eq!(root.group("group").unwrap().array(&name).unwrap().read().unwrap(), numbers(7));
    }
}

/// While a store is made it stands beside its path, under a name that nobody knows.
#[cfg(unix)]
#[test]
fn errors_of_writing_name_the_output_as_it_was_given() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let hidden = || Ok::<_, std::io::Error>(fs::read_dir(folder.path())?.next().unwrap()?.path());
    let put = |root: &Group| root.create_array("a", &ArraySpec::of(&numbers(4)))?.write(&[0], &numbers(4));
    for durable in [false, true] {
        let options = ZarrOptions::default().with_durable(durable).with_sharding(Sharding::Off);
        let path = folder.path().join("a.zarr");
        let error = write_atomic(&path, &options, true, |root| {
            // What is written below `a` meets a file where a folder has to be.
            fs::create_dir(hidden()?.join("new"))?;
            fs::write(hidden()?.join("new/a"), "")?;
            put(root)
        });
        let error = error.unwrap_err();
        assert!(error.is_io() && error.file() == Some(&path) && error.path() == Some("a"), "{error:?}");
        assert!(error.text().starts_with("chunk [0]: 'a/c/0': Not a directory"), "{error}");

        let path = folder.path().join("a.zarr.zip");
        let error = write_atomic(&path, &options, true, |root| {
            let mut folders = fs::read_dir(hidden()?)?.map(|entry| entry.unwrap().path().join("content"));
            let content = folders.find(|folder| folder.is_dir()).unwrap();
            fs::remove_dir(&content)?;
            fs::write(&content, "")?;
            put(root)
        });
        let error = error.unwrap_err();
        assert!(error.is_io() && error.file() == Some(&path) && error.path() == Some("a"), "{error:?}");
        assert!(error.text().starts_with("chunk [0]: entry 'a/c/0' of the zip file: Not a directory"), "{error}");
    }
    assert_eq!(fs::read_dir(folder.path())?.count(), 0);
    Ok(())
}
