//! Files that are made to do harm: each is an error, or reads as what is sound in it, in little memory.
// Long file: one test per kind of damage.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::path::Path;

use anndata_io_hdf5::{Hdf5Options, MetadataReader};
use anndata_storage::{ArraySpec, Attribute, AxisSelection, Codec, ErrorKind, Limits, Result, Tensor};
use hdf5_metno_sys::h5::hsize_t;
use hdf5_metno_sys::h5a::{H5Aclose, H5Acreate2, H5Awrite};
use hdf5_metno_sys::h5f::{H5F_ACC_TRUNC, H5F_LIBVER_LATEST, H5F_libver_t, H5Fcreate};
use hdf5_metno_sys::h5g::{H5Gclose, H5Gcreate2};
use hdf5_metno_sys::h5i::hid_t;
use hdf5_metno_sys::h5p::{
    H5P_CLS_FILE_ACCESS, H5Pcreate, H5Pset_chunk, H5Pset_deflate, H5Pset_fill_value, H5Pset_filter,
    H5Pset_libver_bounds,
};
use hdf5_metno_sys::h5t::{H5T_C_S1, H5T_STD_I32LE, H5T_VARIABLE, H5T_cset_t, H5Tcopy, H5Tset_cset, H5Tset_size};
use support::{OddFile, array, checksum, creation, edit, library, name, open, open_with, simple};

const READERS: [MetadataReader; 2] = [MetadataReader::Rust, MetadataReader::Library];

fn text() -> hid_t {
    // SAFETY: a copy of a type of the library is changed.
    library(|| unsafe {
        let id = H5Tcopy(*H5T_C_S1);
        H5Tset_size(id, H5T_VARIABLE);
        H5Tset_cset(id, H5T_cset_t::H5T_CSET_UTF8);
        id
    })
}

/// A file in the newest formats, which have marks and checksums.
fn latest(path: &Path) -> OddFile {
    made_by(path, H5F_LIBVER_LATEST)
}

/// A file in the oldest formats.
fn earliest(path: &Path) -> OddFile {
    made_by(path, H5F_libver_t::H5F_LIBVER_EARLIEST)
}

fn made_by(path: &Path, version: H5F_libver_t) -> OddFile {
    let path = name(path.to_str().unwrap());
    // SAFETY: the list is alive, the name is a C string.
    OddFile(library(|| unsafe {
        let access = H5Pcreate(*H5P_CLS_FILE_ACCESS);
        H5Pset_libver_bounds(access, version, H5F_LIBVER_LATEST);
        H5Fcreate(path.as_ptr(), H5F_ACC_TRUNC, 0, access)
    }))
}

fn positions(bytes: &[u8], mark: &[u8]) -> Vec<usize> {
    (0..bytes.len()).filter(|&at| bytes[at..].starts_with(mark)).collect()
}

/// References of texts in the file: length, address of a collection, number in it.
fn references(bytes: &[u8], len: u32) -> Vec<usize> {
    let heaps: Vec<u64> = positions(bytes, b"GCOL").into_iter().map(|at| at as u64).collect();
    let is_reference = |at: &usize| {
        let cell = &bytes[*at..*at + 16];
        cell[..4] == len.to_le_bytes()
            && heaps.contains(&u64::from_le_bytes(cell[4..12].try_into().unwrap()))
            && u32::from_le_bytes(cell[12..].try_into().unwrap()) < 1 << 16
    };
    (0..bytes.len() - 16).filter(is_reference).collect()
}

#[test]
fn coordinates_of_another_number_of_axes_are_errors() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let root = support::create(&path)?;
    let values = Tensor::from_vec([4, 6], (0..24).collect::<Vec<i32>>())?;
    let zlib = vec![Codec::Zlib { level: 1 }];
    let spec = ArraySpec::of(&values).with_chunks([2, 3]).with_resizable(true);
    root.create_array("packed", &spec.clone().with_codecs(zlib))?.write(&[0, 0], &values)?;
    root.create_array("plain", &spec)?.write(&[0, 0], &values)?;
    let texts = Tensor::from_strings([2, 2], ["a", "b", "c", "d"])?;
    root.create_array("texts", &ArraySpec::of(&texts).with_chunks([1, 2]))?.write(&[0, 0], &texts)?;
    for key in ["packed", "plain"] {
        let stored = root.array(key)?;
        assert!(stored.inner().resize(&[9]).is_err_and(|error| error.is_invalid_input()));
        assert!(stored.inner().resize(&[]).is_err_and(|error| error.is_invalid_input()));
        let chunks = stored.inner().as_chunked().unwrap();
        for position in [&[0][..], &[], &[0, 0, 0]] {
            assert!(chunks.write_raw(position, &[0; 24]).is_err_and(|error| error.is_invalid_input()), "{position:?}");
        }
        assert_eq!(stored.read()?, values);
        let fresh = root.array(key)?;
        let mut raw = Vec::new();
        let read = fresh.inner().as_chunked().unwrap().read_raw(&[0], &mut raw);
        assert!(read.is_err_and(|error| error.is_invalid_input()));
    }
    let plain = root.array("plain")?;
    let short = plain.inner().as_chunked().unwrap().write_raw(&[0, 0], &[0; 20]);
    assert!(short.is_err_and(|error| error.is_invalid_input()));
    let stored = root.array("texts")?;
    assert!(stored.inner().write(&[0], &Tensor::from_strings([1], ["x"])?).is_err());
    assert_eq!(stored.read()?, texts);
    Ok(())
}

#[test]
fn elements_of_a_size_that_blosc_cannot_take_are_single_bytes() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let int = library(|| *H5T_STD_I32LE);
    let sizes = [0, 256, 1 << 31 | 1, u32::MAX];
    // The library knows the filter once a store was open.
    drop(support::create(&directory.path().join("b.h5"))?);
    for (number, size) in sizes.into_iter().enumerate() {
        let list = creation();
        let numbers = [2, 2, size, 64, 5, 1, 1];
        // SAFETY: the list is alive; the pointers are to as many numbers as declared.
        library(|| unsafe {
            H5Pset_chunk(list, 1, [16_u64].as_ptr());
            assert!(H5Pset_filter(list, 32001, 1, numbers.len(), numbers.as_ptr()) >= 0);
        });
        file.dataset::<i32>(&number.to_string(), int, int, &[32], list, &[]);
    }
    drop(file);
    let root = edit(&path)?;
    let values = Tensor::from_vec([32], (0..32).collect::<Vec<i32>>())?;
    for number in 0..sizes.len() {
        let stored = root.array(&number.to_string())?;
        stored.write(&[0], &values)?;
        assert_eq!(stored.read()?, values);
    }
    Ok(())
}

#[test]
fn an_attribute_with_a_text_longer_than_the_file_blocks_no_other() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = earliest(&path);
    // SAFETY: identifiers are alive, buffers are of the type that is declared.
    library(|| unsafe {
        for (key, value) in [(c"long", c"a text of a length"), (c"sound", c"another")] {
            let id = H5Acreate2(file.0, key.as_ptr(), text(), simple(&[]), 0, 0);
            H5Awrite(id, text(), [value.as_ptr()].as_ptr().cast());
            H5Aclose(id);
        }
    });
    drop(file);
    let mut bytes = std::fs::read(&path)?;
    let cells = references(&bytes, 19).into_iter().chain(references(&bytes, 18)).collect::<Vec<_>>();
    assert_eq!(cells.len(), 1);
    bytes[cells[0]..cells[0] + 4].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    std::fs::write(&path, bytes)?;
    let attributes = open(&path)?.attributes()?;
    assert_eq!(attributes.get("sound"), Some(&Attribute::from("another")));
    let Some(Attribute::Json(why)) = attributes.get("long") else { panic!("{attributes:?}") };
    assert!(why.to_string().contains("4294967280 bytes are declared"), "{why}");
    Ok(())
}

#[test]
fn one_text_at_many_places_is_counted_as_often() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let long = name(&"x".repeat(1 << 17));
    let texts: Vec<_> = std::iter::once(long.as_ptr()).chain(std::iter::repeat_n(c"y".as_ptr(), 999)).collect();
    file.dataset("many", text(), text(), &[1000], 0, &texts);
    let filled = creation();
    // SAFETY: the list is alive, the value is of the type that is declared.
    library(|| unsafe { H5Pset_fill_value(filled, text(), (&raw const texts[0]).cast()) });
    file.dataset::<*const i8>("filled", text(), text(), &[1 << 17], filled, &[]);
    drop(file);
    assert_eq!(array(&path, "many")?.read()?.to_strings()?[999], "y");
    assert_eq!(array(&path, "filled")?.read_selection(&[AxisSelection::Range(7..8)])?.to_strings()?[0].len(), 1 << 17);

    let mut bytes = std::fs::read(&path)?;
    let (first, others) = (references(&bytes, 1 << 17)[0], references(&bytes, 1));
    assert_eq!(others.len(), 999);
    let cell = bytes[first..first + 16].to_vec();
    for other in others {
        bytes[other..other + 16].copy_from_slice(&cell);
    }
    std::fs::write(&path, bytes)?;
    for key in ["many", "filled"] {
        let error = array(&path, key)?.read().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
        assert_eq!(array(&path, key)?.read_selection(&[AxisSelection::Range(5..9)])?.to_strings()?[3].len(), 1 << 17);
    }
    let trusted = Hdf5Options::default().with_limits(Limits::NONE);
    assert_eq!(open_with(&path, &trusted)?.array("many")?.read()?.to_strings()?[999].len(), 1 << 17);
    Ok(())
}

/// A group of 20 links in the newest formats, and where the version 2 B-trees of kind 5 (names) are.
fn many_links(path: &Path) -> (Vec<u8>, Vec<usize>) {
    let file = latest(path);
    let int = library(|| *H5T_STD_I32LE);
    for number in 0..20 {
        file.dataset(&format!("k{number}"), int, int, &[1], 0, &[number]);
    }
    drop(file);
    let bytes = std::fs::read(path).unwrap();
    let trees = positions(&bytes, b"BTHD").into_iter().filter(|&at| bytes[at + 5] == 5).collect::<Vec<_>>();
    assert_eq!(trees.len(), 1);
    (bytes, trees)
}

fn mend_tree(bytes: &mut [u8], at: usize) {
    let sum = checksum(&bytes[at..at + 34]);
    bytes[at + 34..at + 38].copy_from_slice(&sum.to_le_bytes());
}

#[test]
fn more_links_than_are_counted_are_listed_or_an_error() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    for less in [1_u64, 5, 19, 20] {
        let (mut bytes, trees) = many_links(&path);
        for at in trees {
            bytes[at + 26..at + 34].copy_from_slice(&(20 - less).to_le_bytes());
            mend_tree(&mut bytes, at);
        }
        std::fs::write(&path, bytes)?;
        for reader in READERS {
            let root = open_with(&path, &Hdf5Options::default().with_reader(reader))?;
            match root.children() {
                Ok(names) => assert_eq!(names.len(), 20),
                Err(error) => assert!(error.is_invalid_data(), "{error}"),
            }
            match root.array("k7").and_then(|array| array.read()) {
                Ok(values) => assert_eq!(values.as_slice::<i32>()?, [7]),
                Err(error) => assert!(error.is_invalid_data() && reader == MetadataReader::Rust, "{error}"),
            }
        }
        assert!(edit(&path).is_err_and(|error| error.is_invalid_data()));
    }
    Ok(())
}

#[test]
fn b_trees_of_another_kind_are_errors() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    for (kind, why) in [(0, "records of kind 0 where 5 is expected"), (8, "records of kind 8 where 5 is expected")] {
        let (mut bytes, trees) = many_links(&path);
        for at in trees {
            bytes[at + 5] = kind;
            mend_tree(&mut bytes, at);
        }
        std::fs::write(&path, bytes)?;
        for reader in READERS {
            let options = Hdf5Options::default().with_reader(reader);
            let error = open_with(&path, &options).and_then(|root| root.children()).unwrap_err();
            assert!(error.is_invalid_data(), "{error}");
            assert!(reader == MetadataReader::Rust || format!("{error:?}").contains(why), "{error:?}");
        }
        assert!(edit(&path).is_err_and(|error| error.is_invalid_data()));
    }
    Ok(())
}

#[test]
fn local_heaps_that_share_bytes_are_errors() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    for prefix in [false, true] {
        let file = earliest(&path);
        // SAFETY: identifiers are alive, names are C strings.
        library(|| unsafe {
            for key in [c"one", c"two"] {
                let group = H5Gcreate2(file.0, key.as_ptr(), 0, 0, 0);
                H5Gclose(H5Gcreate2(group, c"inner".as_ptr(), 0, 0, 0));
                H5Gclose(group);
            }
        });
        drop(file);
        assert_eq!(open(&path)?.group("two")?.children()?, ["inner"]);
        let mut bytes = std::fs::read(&path)?;
        let heaps = positions(&bytes, b"HEAP");
        let data: [u8; 8] = bytes[heaps[0] + 24..heaps[0] + 32].try_into().unwrap();
        let target = if prefix { (heaps[0] as u64).to_le_bytes() } else { data };
        bytes[heaps[1] + 24..heaps[1] + 32].copy_from_slice(&target);
        std::fs::write(&path, bytes)?;
        for reader in READERS {
            let root = open_with(&path, &Hdf5Options::default().with_reader(reader))?;
            let listed = ["one", "two"].map(|key| root.group(key).and_then(|group| group.children()));
            let errors: Vec<_> = listed.into_iter().filter_map(Result::err).collect();
            assert!(errors.iter().all(anndata_storage::Error::is_invalid_data), "{errors:?}");
            // That heaps share bytes is a danger to the library alone.
            if reader == MetadataReader::Library {
                assert!(!errors.is_empty() && format!("{errors:?}").contains("share bytes"), "{errors:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn chunks_of_no_axes_or_no_length_are_errors() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = latest(&path);
    let int = library(|| *H5T_STD_I32LE);
    let list = creation();
    // SAFETY: the list is alive; the pointer is to as many lengths as declared.
    library(|| unsafe {
        H5Pset_chunk(list, 1, [3 as hsize_t].as_ptr());
        H5Pset_deflate(list, 4);
    });
    file.dataset("a", int, int, &[3], list, &[1, 2, 3]);
    file.dataset("b", int, int, &[1], 0, &[7]);
    drop(file);
    let sound = std::fs::read(&path)?;
    assert_eq!(array(&path, "a")?.read()?.as_slice::<i32>()?, [1, 2, 3]);
    // The layout message: version, class, flags, axes, width of a length, lengths.
    let layouts: Vec<usize> =
        (0..sound.len()).filter(|&at| matches!(sound[at..], [4 | 5, 2, _, 2, 1, 3, 4, ..])).collect();
    assert_eq!(layouts.len(), 1);
    let (header, end) = header_around(&sound, layouts[0]);
    for (position, value) in [(3, 0), (3, 1), (3, 200), (5, 0), (6, 0)] {
        let mut bytes = sound.clone();
        bytes[layouts[0] + position] = value;
        let sum = checksum(&bytes[header..end]);
        bytes[end..end + 4].copy_from_slice(&sum.to_le_bytes());
        std::fs::write(&path, bytes)?;
        for reader in READERS {
            let root = open_with(&path, &Hdf5Options::default().with_reader(reader))?;
            let error = root.array("a").unwrap_err();
            assert!(error.is_invalid_data() && error.path() == Some("a"), "{error}");
            let why = if reader == MetadataReader::Rust { "data layout message" } else { "axes, or of length 0" };
            assert!(format!("{error:?}").contains(why), "{error:?}");
            assert_eq!(root.array("b")?.read()?.as_slice::<i32>()?, [7]);
        }
        assert!(edit(&path).is_err_and(|error| error.is_invalid_data() && error.path() == Some("a")));
    }
    Ok(())
}

/// What changes one of them would change the other.
#[test]
fn files_in_which_arrays_share_bytes_are_read_and_not_edited() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let little = library(|| *H5T_STD_I32LE);
    let values = |first: i32| (first..first + 16).collect::<Vec<_>>();
    let (one, two) = (values(0x6bcd_0000), values(0x6f01_0000));
    for (key, values) in [("one", &one), ("two", &two)] {
        file.dataset::<i32>(key, little, little, &[16], 0, values);
    }
    drop(file);
    drop(edit(&path)?);
    let sound = std::fs::read(&path)?;
    let find = |bytes: &[u8]| sound.windows(bytes.len()).position(|found| found == bytes).unwrap();
    let place = |values: &[i32]| find(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>()) as u64;
    let (a, b) = (place(&one), place(&two));
    let layout = find(&b.to_le_bytes());
    let (header, end) = header_around(&sound, layout);
    for (address, told) in [
        (a, format!("two: the values share bytes of the file, from {a} on, with the values of '/one'")),
        (a + 32, format!("one: the values share bytes of the file, from {} on, with the values of '/two'", a + 32)),
        (8, "two: the values share bytes of the file, from 8 on, with the head of '/'".to_owned()),
    ] {
        let mut bytes = sound.clone();
        bytes[layout..layout + 8].copy_from_slice(&address.to_le_bytes());
        let sum = checksum(&bytes[header..end]);
        bytes[end..end + 4].copy_from_slice(&sum.to_le_bytes());
        std::fs::write(&path, bytes)?;
        assert_eq!(array(&path, "one")?.read()?.as_slice::<i32>()?, one);
        let error = edit(&path).unwrap_err();
        assert!(error.is_invalid_data() && error.to_string().contains(&told), "{error}, not {told}");
    }
    // What is added would go where the second one is. The end is in the superblock, which has a checksum of its own.
    assert!(matches!(sound[8], 2 | 3), "the superblock has version {}", sound[8]);
    let mut bytes = sound;
    bytes[28..36].copy_from_slice(&(b + 8).to_le_bytes());
    let sum = checksum(&bytes[..44]);
    bytes[44..48].copy_from_slice(&sum.to_le_bytes());
    std::fs::write(&path, bytes)?;
    assert_eq!(array(&path, "two")?.read()?.as_slice::<i32>()?, two);
    let error = edit(&path).unwrap_err();
    let told = format!("two: it is stored beyond byte {}, where the file says that it ends", b + 8);
    assert!(error.is_invalid_data() && error.to_string().contains(&told), "{error}, not {told}");
    Ok(())
}

/// Where the header of an object begins that a byte is in, and where its checksum is.
fn header_around(bytes: &[u8], at: usize) -> (usize, usize) {
    let start = positions(bytes, b"OHDR").into_iter().rfind(|&start| start < at).unwrap();
    let is_end = |&end: &usize| checksum(&bytes[start..end]).to_le_bytes() == bytes[end..end + 4];
    (start, (start + 16..bytes.len() - 4).find(is_end).unwrap())
}

/// Values may be any bytes, those of a damaged heap too.
#[test]
fn values_that_look_like_a_heap_are_values() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let mut bytes = b"GCOL\x01\0\0\0\0\x10\0\0\0\0\0\0".to_vec();
    bytes.resize(4096, 0);
    let values = Tensor::from_bytes(anndata_storage::DType::U8, [4096], &bytes)?;
    let file = OddFile::create(&path);
    let list = creation();
    let byte = library(|| *hdf5_metno_sys::h5t::H5T_STD_U8LE);
    // SAFETY: the list is alive; the pointer is to as many lengths as declared.
    library(|| unsafe {
        H5Pset_chunk(list, 1, [4096_u64].as_ptr());
        hdf5_metno_sys::h5p::H5Pset_chunk_opts(list, 2);
    });
    file.dataset("a", byte, byte, &[4096], list, &bytes);
    drop(file);
    assert_eq!(array(&path, "a")?.read()?, values);
    Ok(())
}

#[test]
fn a_damaged_node_of_a_chunk_index_is_an_error_where_its_rows_are_read() -> Result<()> {
    const LEN: u64 = 1000;
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = earliest(&path);
    let int = library(|| *H5T_STD_I32LE);
    let list = creation();
    // SAFETY: the list is alive; the pointer is to as many lengths as declared.
    library(|| unsafe { H5Pset_chunk(list, 1, [1 as hsize_t].as_ptr()) });
    let values: Vec<i32> = (0..1000).collect();
    file.dataset("a", int, int, &[LEN], list, &values);
    drop(file);
    let sound = std::fs::read(&path)?;
    // Nodes of trees of chunks, which are of kind 1: some tell of chunks, one of nodes.
    let leaves: Vec<usize> = positions(&sound, b"TREE\x01\0");
    assert!(leaves.len() > 10 && positions(&sound, b"TREE\x01\x01").len() == 1, "{leaves:?}");
    let select = |start: u64| [AxisSelection::Range(start..start + 3)];
    let mut damaged = vec![0; leaves.len()];
    for (leaf, damaged) in leaves.iter().zip(&mut damaged) {
        let mut bytes = sound.clone();
        bytes[*leaf] = b'X';
        std::fs::write(&path, bytes)?;
        for start in (0..LEN - 3).step_by(5) {
            // Each read is the first of the file.
            match array(&path, "a")?.read_selection(&select(start)) {
                Ok(read) => {
                    let start = usize::try_from(start).unwrap();
                    assert_eq!(read.as_slice::<i32>()?, &values[start..start + 3]);
                }
                Err(error) => {
                    assert!(error.is_invalid_data() && error.path() == Some("a"), "{error}");
                    *damaged += 1;
                }
            }
        }
        // Whoever reads on gets to see it.
        let again = array(&path, "a")?;
        let reads: Vec<_> = (0..LEN - 3).step_by(5).map(|start| again.read_selection(&select(start))).collect();
        assert!(reads.iter().any(Result::is_err));
        assert!(array(&path, "a")?.read().is_err_and(|error| error.is_invalid_data()));
    }
    // A node tells of 32 to 64 chunks.
    assert!(damaged.iter().all(|&reads| (6..=16).contains(&reads)), "{damaged:?}");
    Ok(())
}
