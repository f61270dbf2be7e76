//! Files as other writers make them: byte orders, paddings, filters, links.

// Long file: one test per kind of odd file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::ffi::c_void;

use anndata_io_hdf5::{Hdf5Options, MetadataReader};
use anndata_storage::{
    ArraySpec, Attribute, AxisSelection, Codec, Complex, DType, ErrorKind, NodeKind, Result, Tensor,
};
use hdf5_metno_sys::h5a::{H5Aclose, H5Acreate2, H5Awrite};
use hdf5_metno_sys::h5d::{H5D_layout_t, H5Dclose, H5Dopen2, H5Dwrite_chunk};
use hdf5_metno_sys::h5g::{H5Gclose, H5Gcreate2};
use hdf5_metno_sys::h5i::hid_t;
use hdf5_metno_sys::h5l::{H5Lcreate_external, H5Lcreate_hard, H5Lcreate_soft};
use hdf5_metno_sys::h5p::{
    H5P_CLS_FILE_CREATE, H5Pcreate, H5Pset_chunk, H5Pset_deflate, H5Pset_external, H5Pset_fill_value,
    H5Pset_fletcher32, H5Pset_layout, H5Pset_scaleoffset, H5Pset_shuffle, H5Pset_userblock, H5Pset_virtual,
};
use hdf5_metno_sys::h5r::{H5R_type_t, H5Rcreate};
use hdf5_metno_sys::h5s::{H5S_class_t, H5Screate};
use hdf5_metno_sys::h5t::{
    H5T_C_S1, H5T_IEEE_F32LE, H5T_IEEE_F64BE, H5T_IEEE_F64LE, H5T_STD_I8LE, H5T_STD_I16BE, H5T_STD_I32BE,
    H5T_STD_I32LE, H5T_STD_REF_OBJ, H5T_STD_U8LE, H5T_VARIABLE, H5T_class_t, H5T_cset_t, H5T_str_t, H5Tcopy, H5Tcreate,
    H5Tenum_create, H5Tenum_insert, H5Tinsert, H5Tset_cset, H5Tset_precision, H5Tset_size, H5Tset_strpad,
    H5Tvlen_create,
};
use hdf5_metno_sys::h5z::H5Z_SO_scale_type_t;
use support::{OddFile, array, creation, library, name, open, open_with, simple};

fn text_type(size: usize, padding: H5T_str_t, charset: H5T_cset_t) -> hid_t {
    // SAFETY: a copy of a type of the library is changed.
    library(|| unsafe {
        let id = H5Tcopy(*H5T_C_S1);
        H5Tset_size(id, size);
        H5Tset_strpad(id, padding);
        H5Tset_cset(id, charset);
        id
    })
}

fn chunked(shape: &[u64]) -> hid_t {
    let list = creation();
    // SAFETY: the pointer is to as many lengths as declared.
    library(|| unsafe { H5Pset_chunk(list, i32::try_from(shape.len()).unwrap(), shape.as_ptr()) });
    list
}

#[test]
fn big_endian_numbers_are_turned_around() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let values: Vec<i32> = (0..3000).map(|i| i * 70_001).collect();
    let (big, little) = library(|| (*H5T_STD_I32BE, *H5T_STD_I32LE));
    file.dataset("plain", big, little, &[30, 100], 0, &values);
    let packed = chunked(&[7, 100]);
    // SAFETY: the list is alive.
    library(|| unsafe {
        H5Pset_shuffle(packed);
        H5Pset_deflate(packed, 4);
        H5Pset_fletcher32(packed);
    });
    file.dataset("packed", big, little, &[30, 100], packed, &values);
    let halves = library(|| (*H5T_IEEE_F64BE, *H5T_IEEE_F64LE));
    // SAFETY: record types are made from types of the library.
    let records: [hid_t; 2] = library(|| unsafe {
        [halves.0, halves.1].map(|part| {
            let id = H5Tcreate(H5T_class_t::H5T_COMPOUND, 16);
            H5Tinsert(id, c"r".as_ptr(), 0, part);
            H5Tinsert(id, c"i".as_ptr(), 8, part);
            id
        })
    });
    file.dataset("complex", records[0], records[1], &[2], 0, &[1.0_f64, 2.0, 3.0, -4.0]);
    drop(file);

    let expected = Tensor::from_vec([30, 100], values)?;
    for key in ["plain", "packed"] {
        let array = array(&path, key)?;
        assert_eq!(array.read()?, expected, "{key}");
        let some = [AxisSelection::from(vec![3, 4, 29]), AxisSelection::from(vec![0, 99])];
        assert_eq!(array.read_selection(&some)?, expected.select(&some)?, "{key}");
    }
    let complex = array(&path, "complex")?.read()?;
    assert_eq!(complex.as_slice::<Complex<f64>>()?, [Complex::new(1.0, 2.0), Complex::new(3.0, -4.0)]);

    // What is written keeps the order of the file.
    let root = support::edit(&path)?;
    for key in ["plain", "packed"] {
        root.array(key)?.write(&[1, 5], &Tensor::from_vec([2, 2], vec![1_i32, 2, 3, 4])?)?;
        let corner = root.array(key)?.read_selection(&[AxisSelection::Range(1..3), AxisSelection::Range(4..7)])?;
        assert_eq!(corner.as_slice::<i32>()?, [104 * 70_001, 1, 2, 204 * 70_001, 3, 4], "{key}");
    }
    Ok(())
}

#[test]
fn fixed_texts_lose_their_padding() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let (ascii, utf8) = (H5T_cset_t::H5T_CSET_ASCII, H5T_cset_t::H5T_CSET_UTF8);
    for (key, padding, charset, bytes) in [
        ("nul", H5T_str_t::H5T_STR_NULLPAD, ascii, b"ab\0\0cdef"),
        ("space", H5T_str_t::H5T_STR_SPACEPAD, ascii, b"ab  cdef"),
        ("terminated", H5T_str_t::H5T_STR_NULLTERM, ascii, b"ab\0xcde\0"),
        ("utf8", H5T_str_t::H5T_STR_NULLPAD, utf8, b"\xc3\xbc\0\0abcd"),
    ] {
        let datatype = text_type(4, padding, charset);
        file.dataset(key, datatype, datatype, &[2], 0, bytes);
    }
    drop(file);
    for (key, texts) in
        [("nul", ["ab", "cdef"]), ("space", ["ab", "cdef"]), ("terminated", ["ab", "cde"]), ("utf8", ["ü", "abcd"])]
    {
        let read = array(&path, key)?.read()?;
        assert_eq!(read.to_strings()?, texts, "{key}");
        let dtype = if key == "utf8" { DType::FixedUtf8(4) } else { DType::FixedBytes(4) };
        assert_eq!(*read.dtype(), dtype);
    }
    Ok(())
}

#[test]
fn chunks_that_were_not_written_or_not_filtered() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let (unwritten, little) = (-7_i32, library(|| *H5T_STD_I32LE));
    let list = chunked(&[4]);
    // SAFETY: the list is alive, the value is of the type that is declared.
    library(|| unsafe {
        H5Pset_shuffle(list);
        H5Pset_deflate(list, 4);
        H5Pset_fill_value(list, little, (&raw const unwritten).cast());
    });
    file.dataset::<i32>("a", little, little, &[14], list, &[]);
    // SAFETY: the dataset is alive; the buffers are as long as declared.
    library(|| unsafe {
        let id = H5Dopen2(file.0, c"a".as_ptr(), 0);
        let plain = [1_i32, 2, 3, 4];
        H5Dwrite_chunk(id, 0, 3, [4_u64].as_ptr(), 16, plain.as_ptr().cast());
        let shuffled = [5_u8, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        H5Dwrite_chunk(id, 0, 2, [12_u64].as_ptr(), 16, shuffled.as_ptr().cast());
        H5Dclose(id);
    });
    drop(file);
    let read = array(&path, "a")?.read()?;
    assert_eq!(read.as_slice::<i32>()?, [-7, -7, -7, -7, 1, 2, 3, 4, -7, -7, -7, -7, 5, 6]);
    let some = array(&path, "a")?.read_selection(&[AxisSelection::from(vec![0, 5, 13])])?;
    assert_eq!(some.as_slice::<i32>()?, [-7, 2, 6]);
    Ok(())
}

#[test]
fn values_that_only_the_library_can_reach() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let little = library(|| *H5T_STD_I32LE);
    let values: Vec<i32> = (0..40).collect();
    let (compact, offset) = (creation(), chunked(&[8, 4]));
    // SAFETY: the lists are alive.
    library(|| unsafe {
        H5Pset_layout(compact, H5D_layout_t::H5D_COMPACT);
        H5Pset_scaleoffset(offset, H5Z_SO_scale_type_t::H5Z_SO_INT, 0);
    });
    file.dataset("compact", little, little, &[10, 4], compact, &values);
    file.dataset("offset", little, little, &[10, 4], offset, &values);
    let variable = text_type(H5T_VARIABLE, H5T_str_t::H5T_STR_NULLTERM, H5T_cset_t::H5T_CSET_UTF8);
    let texts = [c"one".as_ptr(), std::ptr::null(), c"drei".as_ptr()];
    file.dataset("texts", variable, variable, &[3], compact, &texts);
    drop(file);
    let expected = Tensor::from_vec([10, 4], values)?;
    let some = [AxisSelection::from(vec![0, 1, 7]), AxisSelection::from(vec![1, 3])];
    let by_library = open_with(&path, &Hdf5Options::default().with_reader(MetadataReader::Library))?;
    for array in
        [array(&path, "compact")?, array(&path, "offset")?, by_library.array("compact")?, by_library.array("offset")?]
    {
        let key = array.path().to_owned();
        assert_eq!(array.read()?, expected, "{key}");
        assert_eq!(array.read_selection(&some)?, expected.select(&some)?, "{key}");
    }
    assert_eq!(array(&path, "texts")?.read()?.to_strings()?, ["one", "", "drei"]);
    drop(by_library);
    let root = support::edit(&path)?;
    for key in ["compact", "offset"] {
        root.array(key)?.write(&[9, 2], &Tensor::from_vec([1, 2], vec![-1_i32, -2])?)?;
        assert_eq!(root.array(key)?.read()?.slice_rows(9..10)?.as_slice::<i32>()?, [36, 37, -1, -2]);
    }
    Ok(())
}

#[test]
fn records_with_gaps_and_texts() -> Result<()> {
    #[repr(C)]
    struct Record {
        text: *const i8,
        number: i32,
        gap: i32,
        other: *const i8,
        short: i16,
    }
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let variable = text_type(H5T_VARIABLE, H5T_str_t::H5T_STR_NULLTERM, H5T_cset_t::H5T_CSET_UTF8);
    // SAFETY: a record type is made from types of the library. Its file type has the fields in another order, big-endian.
    let (memory, stored) = library(|| unsafe {
        let memory = H5Tcreate(H5T_class_t::H5T_COMPOUND, size_of::<Record>());
        H5Tinsert(memory, c"text".as_ptr(), std::mem::offset_of!(Record, text), variable);
        H5Tinsert(memory, c"number".as_ptr(), std::mem::offset_of!(Record, number), *H5T_STD_I32LE);
        H5Tinsert(memory, c"other".as_ptr(), std::mem::offset_of!(Record, other), variable);
        H5Tinsert(memory, c"short".as_ptr(), std::mem::offset_of!(Record, short), *H5T_STD_I8LE);
        let stored = H5Tcreate(H5T_class_t::H5T_COMPOUND, 60);
        H5Tinsert(stored, c"number".as_ptr(), 44, *H5T_STD_I32BE);
        H5Tinsert(stored, c"text".as_ptr(), 4, variable);
        H5Tinsert(stored, c"short".as_ptr(), 50, *H5T_STD_I16BE);
        H5Tinsert(stored, c"other".as_ptr(), 24, variable);
        (memory, stored)
    });
    let record = |text: &'static std::ffi::CStr, number, other: &'static std::ffi::CStr, short| Record {
        text: text.as_ptr().cast(),
        number,
        gap: -1,
        other: other.as_ptr().cast(),
        short,
    };
    let records = [record(c"g\xc3\xbcn", 1, c"x", 7), record(c"", -2, c"yy", -8), record(c"c", 3, c"", 9)];
    file.dataset("plain", stored, memory, &[3], 0, &records);
    let packed = chunked(&[2]);
    // SAFETY: the list is alive.
    library(|| unsafe { H5Pset_deflate(packed, 1) });
    file.dataset("packed", stored, memory, &[3], packed, &records);
    drop(file);
    for key in ["plain", "packed"] {
        let array = array(&path, key)?;
        for (read, from) in [(array.read()?, 0), (array.read_selection(&[AxisSelection::Range(1..3)])?, 1)] {
            assert_eq!(read.field("text")?.to_strings()?, ["gün", "", "c"][from..], "{key}");
            assert_eq!(read.field("other")?.to_strings()?, ["x", "yy", ""][from..]);
            assert_eq!(read.field("number")?.as_slice::<i32>()?, &[1, -2, 3][from..]);
            assert_eq!(read.field("short")?.as_slice::<i16>()?, &[7, -8, 9][from..]);
        }
    }
    Ok(())
}

#[test]
fn types_without_a_name_are_listed_and_their_bytes_read() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    // SAFETY: types are made from types of the library.
    let types = library(|| unsafe {
        let odd = H5Tcopy(*H5T_STD_I32LE);
        H5Tset_precision(odd, 17);
        let colours = H5Tenum_create(*H5T_STD_U8LE);
        for (name, value) in [(c"red", 0_u8), (c"green", 1), (c"blue", 2)] {
            H5Tenum_insert(colours, name.as_ptr(), (&raw const value).cast());
        }
        [
            ("opaque", H5Tcreate(H5T_class_t::H5T_OPAQUE, 5)),
            ("reference", *H5T_STD_REF_OBJ),
            ("lists", H5Tvlen_create(*H5T_STD_I32LE)),
            ("odd", odd),
            ("colours", colours),
        ]
    });
    for (key, datatype) in types {
        file.dataset::<u8>(key, datatype, datatype, &[2], 0, &[]);
    }
    drop(file);
    let root = open(&path)?;
    assert_eq!(root.children()?.len(), 5);
    for (key, size) in [("opaque", 5), ("odd", 4)] {
        let array = root.array(key)?;
        assert!(matches!(array.dtype(), DType::Opaque(_)), "{key}");
        assert_eq!(array.read()?.as_bytes().map(<[u8]>::len), Some(2 * size), "{key}");
    }
    let lists = root.array("lists")?;
    assert_eq!(lists.dtype().to_string(), "lists of int32 (HDF5)");
    assert_eq!(lists.read()?.lists()?.iter().flatten().collect::<Vec<_>>(), [b"", b""]);
    let reference = root.array("reference")?;
    assert_eq!(reference.dtype().to_string(), "object reference (HDF5)");
    assert_eq!(reference.read()?.lists()?.iter().flatten().collect::<Vec<_>>(), [b"", b""]);
    assert_eq!(root.array("colours")?.dtype(), DType::U8);
    Ok(())
}

#[test]
fn references_null_and_unknown_attributes() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let little = library(|| *H5T_STD_I32LE);
    // SAFETY: identifiers are alive, buffers are of the types that are declared.
    library(|| unsafe {
        let group = H5Gcreate2(file.0, c"group".as_ptr(), 0, 0, 0);
        file.dataset("group/values", little, little, &[2], 0, &[1, 2]);
        let put = |key: &str, datatype, space, value: *const c_void| {
            let id = H5Acreate2(group, name(key).as_ptr(), datatype, space, 0, 0);
            if !value.is_null() {
                H5Awrite(id, datatype, value);
            }
            H5Aclose(id);
        };
        let mut reference = [0_u8; 8];
        H5Rcreate(reference.as_mut_ptr().cast(), file.0, c"group/values".as_ptr(), H5R_type_t::H5R_OBJECT1, -1);
        put("reference", *H5T_STD_REF_OBJ, simple(&[]), reference.as_ptr().cast());
        put("null", *H5T_IEEE_F32LE, H5Screate(H5S_class_t::H5S_NULL), std::ptr::null());
        put("opaque", H5Tcreate(H5T_class_t::H5T_OPAQUE, 3), simple(&[]), b"abc".as_ptr().cast());
        put("number", little, simple(&[]), [5_i32].as_ptr().cast());
        H5Gclose(group);
    });
    drop(file);
    let before = std::fs::read(&path)?;
    let attributes = open(&path)?.group("group")?.attributes()?;
    assert_eq!(attributes.get("reference"), Some(&Attribute::Reference("group/values".to_owned())));
    assert_eq!(attributes.get("null"), Some(&Attribute::Null));
    let opaque = attributes.get("opaque").cloned();
    let Some(Attribute::Tensor(bytes)) = &opaque else { panic!("{opaque:?}") };
    assert_eq!(bytes.as_bytes(), Some(&b"abc"[..]));
    assert_eq!(attributes.get("number"), Some(&Attribute::from(5_i32)));
    assert_eq!(std::fs::read(&path)?, before, "reading changes no byte");

    // Attributes that are given back as they were read are left alone, also the one of a type without a name.
    let root = support::edit(&path)?;
    let group = root.group("group")?;
    group.set_attribute("number", 6_i32)?;
    let attributes = group.attributes()?;
    assert_eq!(attributes.len(), 4);
    assert_eq!(attributes.get("opaque"), opaque.as_ref());
    assert_eq!(attributes.get("number"), Some(&Attribute::from(6_i32)));
    Ok(())
}

#[test]
fn links_are_followed_within_the_file_only() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (path, other) = (directory.path().join("a.h5"), directory.path().join("b.h5"));
    let little = library(|| *H5T_STD_I32LE);
    OddFile::create(&other).dataset("x", little, little, &[3], 0, &[7, 8, 9]);
    let file = OddFile::create(&path);
    let other_name = name(other.to_str().unwrap());
    // SAFETY: identifiers are alive, names are C strings.
    library(|| unsafe {
        let group = H5Gcreate2(file.0, c"group".as_ptr(), 0, 0, 0);
        let inner = H5Gcreate2(group, c"inner".as_ptr(), 0, 0, 0);
        file.dataset("group/values", little, little, &[2], 0, &[1, 2]);
        H5Lcreate_soft(c"/group/values".as_ptr(), file.0, c"absolute".as_ptr(), 0, 0);
        H5Lcreate_soft(c"../values".as_ptr(), group, c"dots".as_ptr(), 0, 0);
        H5Lcreate_soft(c"values".as_ptr(), group, c"relative".as_ptr(), 0, 0);
        H5Lcreate_soft(c"/group".as_ptr(), inner, c"up".as_ptr(), 0, 0);
        H5Lcreate_soft(c"b".as_ptr(), group, c"a".as_ptr(), 0, 0);
        H5Lcreate_soft(c"a".as_ptr(), group, c"b".as_ptr(), 0, 0);
        H5Lcreate_soft(c"/outside/deeper".as_ptr(), group, c"around".as_ptr(), 0, 0);
        H5Lcreate_hard(group, c".".as_ptr(), inner, c"parent".as_ptr(), 0, 0);
        H5Lcreate_external(other_name.as_ptr(), c"/x".as_ptr(), file.0, c"outside".as_ptr(), 0, 0);
        H5Gclose(inner);
        H5Gclose(group);
    });
    drop(file);
    let root = open(&path)?;
    for key in ["absolute", "group/relative"] {
        assert_eq!(root.array(key)?.read()?.as_slice::<i32>()?, [1, 2], "{key}");
    }
    for (key, kind) in [
        ("group/inner/up", ErrorKind::InvalidData),
        ("group/inner/parent", ErrorKind::InvalidData),
        ("group/a", ErrorKind::InvalidData),
        ("group/dots", ErrorKind::InvalidData),
        ("outside", ErrorKind::Refused),
        ("group/around", ErrorKind::Refused),
    ] {
        let error = root.kind(key).expect_err(key);
        assert_eq!((error.kind(), error.path()), (kind, Some(key)), "{error}");
    }
    let allowed = open_with(&path, &Hdf5Options::default().with_allow_external_links(true))?;
    assert_eq!(allowed.kind("outside")?, Some(NodeKind::Array));
    assert_eq!(allowed.array("outside")?.read()?.as_slice::<i32>()?, [7, 8, 9]);
    Ok(())
}

#[test]
fn values_in_other_files_are_refused_unless_allowed() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (path, other) = (directory.path().join("a.h5"), directory.path().join("b.h5"));
    let bytes = directory.path().join("bytes");
    std::fs::write(&bytes, [1, 0, 0, 0, 2, 0, 0, 0])?;
    let little = library(|| *H5T_STD_I32LE);
    OddFile::create(&other).dataset("x", little, little, &[3], 0, &[7, 8, 9]);
    let file = OddFile::create(&path);
    let (external, pieced) = (creation(), creation());
    let (bytes, other) = (name(bytes.to_str().unwrap()), name(other.to_str().unwrap()));
    // SAFETY: lists and spaces are alive, names are C strings.
    library(|| unsafe {
        H5Pset_external(external, bytes.as_ptr(), 0, 8);
        let space = simple(&[3]);
        H5Pset_virtual(pieced, space, other.as_ptr(), c"x".as_ptr(), space);
    });
    file.dataset::<i32>("external", little, little, &[2], external, &[]);
    file.dataset::<i32>("virtual", little, little, &[3], pieced, &[]);
    drop(file);
    let root = open(&path)?;
    for key in ["external", "virtual"] {
        let error = root.array(key).expect_err(key);
        assert!(error.is_refused() && error.path() == Some(key), "{error}");
    }
    let options = Hdf5Options::default().with_allow_external_storage(true).with_allow_virtual(true);
    let root = open_with(&path, &options)?;
    assert_eq!(root.array("external")?.read()?.as_slice::<i32>()?, [1, 2]);
    assert_eq!(root.array("virtual")?.read()?.as_slice::<i32>()?, [7, 8, 9]);
    Ok(())
}

#[test]
fn files_with_a_user_block() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let little = library(|| *H5T_STD_I32LE);
    let file_name = name(path.to_str().unwrap());
    // SAFETY: the list is alive, the name is a C string.
    let file = OddFile(library(|| unsafe {
        let list = H5Pcreate(*H5P_CLS_FILE_CREATE);
        H5Pset_userblock(list, 1024);
        hdf5_metno_sys::h5f::H5Fcreate(file_name.as_ptr(), hdf5_metno_sys::h5f::H5F_ACC_TRUNC, list, 0)
    }));
    let values: Vec<i32> = (0..1000).collect();
    file.dataset("plain", little, little, &[1000], 0, &values);
    file.dataset("chunks", little, little, &[1000], chunked(&[300]), &values);
    let variable = text_type(H5T_VARIABLE, H5T_str_t::H5T_STR_NULLTERM, H5T_cset_t::H5T_CSET_UTF8);
    file.dataset("texts", variable, variable, &[2], 0, &[c"one".as_ptr(), c"two".as_ptr()]);
    // SAFETY: identifiers are alive, the buffer is of the type that is declared.
    library(|| unsafe {
        let id = H5Acreate2(file.0, c"text".as_ptr(), variable, simple(&[]), 0, 0);
        H5Awrite(id, variable, [c"three".as_ptr()].as_ptr().cast());
        H5Aclose(id);
    });
    drop(file);
    let root = open(&path)?;
    for key in ["plain", "chunks"] {
        assert_eq!(root.array(key)?.read()?.as_slice::<i32>()?, values, "{key}");
    }
    assert_eq!(root.array("texts")?.read()?.to_strings()?, ["one", "two"]);
    assert_eq!(root.attributes()?.get("text"), Some(&Attribute::from("three")));
    Ok(())
}

/// The order in which the library lists names is not that of creation for files of other writers.
#[test]
fn names_are_sorted_where_no_order_is_kept() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let little = library(|| *H5T_STD_I32LE);
    for key in ["zebra", "ant", "mole"] {
        file.dataset(key, little, little, &[1], 0, &[1]);
    }
    drop(file);
    assert_eq!(open(&path)?.children()?, ["ant", "mole", "zebra"]);
    Ok(())
}

/// The library itself takes an endless loop over what this test makes.
#[test]
fn cleared_heaps_are_errors_wherever_texts_are() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let root = support::create(&path)?;
    root.create_group("few")?.set_attribute("text", "a text")?;
    let many = root.create_group("many")?;
    for number in 0..20 {
        many.set_attribute(&format!("text {number}"), "a text")?;
    }
    let texts = Tensor::from_strings([2], ["one", "two"])?;
    root.create_array("texts", &ArraySpec::of(&texts))?.write(&[0], &texts)?;
    root.storage().flush()?;
    drop((root, many));

    let mut bytes = std::fs::read(&path)?;
    let heaps: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"GCOL")).collect();
    assert!(!heaps.is_empty());
    for at in heaps {
        bytes[at + 16..at + 4096].fill(0);
    }
    std::fs::write(&path, bytes)?;
    let root = open(&path)?;
    for key in ["few", "many"] {
        let attributes = root.group(key)?.attributes()?;
        assert!(!attributes.is_empty());
        assert!(attributes.values().all(|value| matches!(value, Attribute::Json(_))), "{attributes:?}");
    }
    assert!(root.array("texts")?.read().is_err_and(|error| error.is_invalid_data()));
    Ok(())
}

#[test]
fn arrays_without_a_place_get_one_when_they_are_written() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let little = library(|| *H5T_STD_I32LE);
    file.dataset::<i32>("late", little, little, &[4, 3], 0, &[]);
    drop(file);
    assert_eq!(array(&path, "late")?.read()?.as_slice::<i32>()?, [0; 12]);
    let root = support::edit(&path)?;
    let late = root.array("late")?;
    for row in 0..4 {
        late.write(&[row, 1], &Tensor::from_vec([1, 2], vec![1_i32, 2])?)?;
        assert_eq!(late.read()?.slice_rows(0..1)?.as_slice::<i32>()?, [0, 1, 2]);
    }
    drop((root, late));
    assert_eq!(array(&path, "late")?.read()?.as_slice::<i32>()?, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
    Ok(())
}

#[test]
fn texts_and_records_are_edited_in_place() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let root = support::create(&path)?;
    let texts = Tensor::from_strings([6], ["a", "b", "c", "d", "e", "f"])?;
    let records = Tensor::from_fields([6], [("t", texts.clone()), ("n", Tensor::from_vec([6], vec![0_i64; 6])?)])?;
    for (key, spec) in [
        ("texts", ArraySpec::of(&texts)),
        ("packed", ArraySpec::of(&texts).with_chunks([4]).with_codecs([Codec::Zstd { level: 3 }])),
    ] {
        root.create_array(key, &spec)?.write(&[0], &texts)?;
    }
    root.create_array("records", &ArraySpec::of(&records))?.write(&[0], &records)?;
    root.storage().flush()?;
    drop(root);
    let root = support::edit(&path)?;
    let changed = Tensor::from_strings([2], ["a longer text than before", ""])?;
    for key in ["texts", "packed"] {
        root.array(key)?.write(&[3], &changed)?;
    }
    let record = Tensor::from_fields([2], [("t", changed), ("n", Tensor::from_vec([2], vec![7_i64, 8])?)])?;
    root.array("records")?.write(&[3], &record)?;
    let expected = ["a", "b", "c", "a longer text than before", "", "f"];
    let check = |root: &anndata_storage::Group| -> Result<()> {
        for key in ["texts", "packed"] {
            assert_eq!(root.array(key)?.read()?.to_strings()?, expected, "{key}");
        }
        let read = root.array("records")?.read()?;
        assert_eq!(read.field("t")?.to_strings()?, expected);
        assert_eq!(read.field("n")?.as_slice::<i64>()?, [0, 0, 0, 7, 8, 0]);
        Ok(())
    };
    check(&root)?;
    drop(root);
    check(&open(&path)?)?;
    let nul = Tensor::from_strings([1], ["a\0b"])?;
    let error = support::edit(&path)?.array("texts")?.write(&[0], &nul).unwrap_err();
    assert!(error.is_invalid_input(), "{error}");
    Ok(())
}

/// A chunk that a compression makes larger is stored without it, not lost when the array is closed.
#[test]
fn texts_that_do_not_shrink_are_kept() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("texts.h5");
    let texts = Tensor::from_strings([3], ["a", "b", "c"])?;
    for (key, codecs) in [("lzf", vec![Codec::Lzf]), ("both", vec![Codec::Lzf, Codec::Fletcher32])] {
        let root = if path.exists() { support::edit(&path)? } else { support::create(&path)? };
        root.create_array(key, &ArraySpec::of(&texts).with_chunks([1]).with_codecs(codecs))?.write(&[0], &texts)?;
        root.storage().flush()?;
        drop(root);
        assert_eq!(support::open(&path)?.array(key)?.read()?, texts, "{key}");
    }
    Ok(())
}

/// In every width and order of bytes, with and without a fill value among the values.
#[test]
fn scale_offset_is_read_as_the_library_does() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5");
    let file = OddFile::create(&path);
    let (little, big) = library(|| (*H5T_STD_I32LE, *H5T_STD_I32BE));
    let (double, big_double, single) = library(|| (*H5T_IEEE_F64LE, *H5T_IEEE_F64BE, *H5T_IEEE_F32LE));
    let byte = library(|| *H5T_STD_U8LE);
    let list = |scale, factor, fill: Option<&i32>| {
        let list = chunked(&[7]);
        // SAFETY: the list is alive, the value is of the type that is declared.
        library(|| unsafe {
            assert!(H5Pset_scaleoffset(list, scale, factor) >= 0);
            fill.map(|fill| H5Pset_fill_value(list, *H5T_STD_I32LE, std::ptr::from_ref(fill).cast()));
        });
        list
    };
    let (int, float) = (H5Z_SO_scale_type_t::H5Z_SO_INT, H5Z_SO_scale_type_t::H5Z_SO_FLOAT_DSCALE);
    let values: Vec<i32> = (0..40).map(|i| if i % 5 == 0 { -3 } else { i * i * 1001 - 70_000 }).collect();
    for (key, datatype, how) in [
        ("little", little, list(int, 0, None)),
        ("big", big, list(int, 0, None)),
        ("filled", little, list(int, 0, Some(&-3))),
        ("filled big", big, list(int, 0, Some(&-3))),
    ] {
        file.dataset(key, datatype, little, &[40], how, &values);
    }
    file.dataset("bytes", byte, byte, &[40], list(int, 0, None), &(0..40).map(|i| i * 5).collect::<Vec<u8>>());
    file.dataset("constant", little, little, &[40], list(int, 0, None), &[7; 40]);
    file.dataset("wide", little, little, &[14], list(int, 0, None), &[i32::MIN, i32::MAX].repeat(7));
    let numbers: Vec<f64> = (0..40).map(|i| f64::from(i) * 1.37 - 11.25).collect();
    for (key, datatype, places) in [("double", double, 2), ("big double", big_double, 1), ("single", single, 3)] {
        file.dataset(key, datatype, double, &[40], list(float, places, None), &numbers);
    }
    drop(file);
    let by_library = open_with(&path, &Hdf5Options::default().with_reader(MetadataReader::Library))?;
    let root = open(&path)?;
    assert_eq!(root.children()?.len(), 10);
    for key in root.children()? {
        assert_eq!(root.array(&key)?.read()?, by_library.array(&key)?.read()?, "{key}");
    }
    assert_eq!(root.array("filled")?.read()?.as_slice::<i32>()?, values);
    Ok(())
}
