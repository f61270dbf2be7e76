//! Stores that Python's zarr wrote are read, and stores that are written here are read by it.
//!
//! Needs a Python with zarr in `ANNDATA_PYTHON`; without one the tests say so and do nothing.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anndata_io_zarr::{Sharding, ZarrFormat, ZarrOptions, ZarrStore, open_path};
use anndata_storage::{
    ArraySpec, Attribute, Codec, Complex, Compression, DType, Field, Group, NAT, Result, Storage, Tensor, f16,
};

mod describe;

use describe::{assert_same, describe, describe_in_python, python, values};

#[test]
fn what_python_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    if python("make_zarr.py", &[folder.path().to_str().unwrap()]).is_none() {
        return;
    }
    for name in ["v2", "v3", "v2-consolidated", "v3-consolidated"] {
        let path = folder.path().join(format!("{name}.zarr"));
        let before = fingerprint(&path);
        let mut found = describe(&open_path(&path).unwrap());
        let mut expected = describe_in_python(&path, &[]).unwrap();
        // The one array whose codec is not known is an error that names it, and no more.
        let unknown = found.as_object_mut().unwrap().shift_remove("unknown codec").unwrap();
        expected.as_object_mut().unwrap().shift_remove("unknown codec");
        let codec = if name.starts_with("v2") { "jenkins_lookup3" } else { "numcodecs.jenkins_lookup3" };
        let text = format!("{}: unknown codec: codec '{codec}' is not known", path.display());
        assert!(unknown["error"].as_str().unwrap().starts_with(&text), "{unknown}");
        assert_same(&found, &expected, name);
        assert_eq!(fingerprint(&path), before, "opening for reading changes nothing");
    }
}

/// Every file with its content and time of change.
fn fingerprint(folder: &Path) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
    let mut files = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let changed = std::fs::metadata(&path).unwrap().modified().unwrap();
                files.push((path.clone(), std::fs::read(&path).unwrap(), changed));
            }
        }
    }
    files.sort();
    files
}

/// One tensor of every dtype.
fn samples() -> Vec<(&'static str, Tensor)> {
    let grid: Vec<f64> = (0..60).map(|n| f64::from(n) / 4.0).collect();
    let floats = Tensor::from_vec([6, 10], grid).unwrap();
    let integers = Tensor::from_vec([6, 10], (0..60).collect::<Vec<i32>>()).unwrap();
    let mut all = vec![
        ("float64", floats.clone()),
        ("float32", floats.cast(&DType::F32).unwrap()),
        ("float16", floats.cast(&DType::F16).unwrap()),
        ("special", Tensor::from_vec([4], vec![f64::NAN, f64::INFINITY, -0.0, 1e-300]).unwrap()),
        ("half", Tensor::from_vec([2], vec![f16::from_f32(1.5), f16::NAN]).unwrap()),
        ("complex64", Tensor::from_vec([2], vec![Complex::new(1.0_f32, -2.0), Complex::new(f32::NAN, 0.5)]).unwrap()),
        ("complex128", Tensor::from_vec([1], vec![Complex::new(1.0, -2.0)]).unwrap()),
        ("bool", Tensor::from_vec([3], vec![true, false, true]).unwrap()),
        ("scalar", Tensor::scalar(7_i64)),
        ("scalar text", Tensor::string("one ü")),
        ("empty", Tensor::from_vec([0, 3], Vec::<u8>::new()).unwrap()),
        ("text", Tensor::from_strings([5], ["a", "", "ü€", "d\n", "\""]).unwrap()),
        ("text grid", Tensor::from_strings([3, 4], (0..12).map(|n| "x".repeat(n))).unwrap()),
        ("no text", Tensor::from_strings([0], std::iter::empty::<&str>()).unwrap()),
        ("fixed bytes", Tensor::from_bytes(DType::FixedBytes(3), [2], b"abcd\0\0").unwrap()),
        ("fixed text", Tensor::from_bytes(DType::FixedUtf32(2), [2], utf32("üxa\0")).unwrap()),
    ];
    for (name, dtype) in [
        ("dates", DType::Datetime("ns".parse().unwrap())),
        ("dates without a unit", DType::Datetime("generic".parse().unwrap())),
        ("spans", DType::Timedelta("25s".parse().unwrap())),
    ] {
        let ticks = vec![if name.ends_with("unit") { NAT } else { 5 }, NAT];
        all.push((name, Tensor::from_ticks(dtype, [2], ticks).unwrap()));
    }
    for (name, dtype) in [
        ("int8", DType::I8),
        ("int16", DType::I16),
        ("int32", DType::I32),
        ("int64", DType::I64),
        ("uint8", DType::U8),
        ("uint16", DType::U16),
        ("uint32", DType::U32),
        ("uint64", DType::U64),
    ] {
        all.push((name, integers.cast(&dtype).unwrap()));
    }
    let fields: Arc<[Field]> =
        [Field::new("n", DType::I32), Field::new("score", DType::F64), Field::new("name", DType::FixedUtf32(2))].into();
    let mut packed = Vec::new();
    for (n, score, name) in [(1_i32, 0.5_f64, "ab"), (2, -1.0, "ü\0")] {
        packed.extend_from_slice(&n.to_le_bytes());
        packed.extend_from_slice(&score.to_le_bytes());
        packed.extend_from_slice(&utf32(name));
    }
    all.push(("records", Tensor::from_bytes(DType::Compound(fields), [2], packed).unwrap()));
    all
}

fn utf32(text: &str) -> Vec<u8> {
    text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()
}

fn fill(store: &Arc<ZarrStore>) -> Result<()> {
    let root = Group::root(Arc::clone(store) as Arc<dyn Storage>);
    root.set_attribute("encoding-type", "anndata")?;
    let group = root.create_group("every dtype")?;
    for (name, tensor) in samples() {
        let spec = store.layout(&ArraySpec::of(&tensor), Compression::Default)?;
        let array = group.create_array(name, &spec)?;
        array.write(&vec![0; tensor.ndim()], &tensor)?;
        array.set_attributes(&[("name".to_owned(), Attribute::from(name)), ("float".to_owned(), 0.1.into())].into())?;
    }
    let grid = Tensor::from_vec([50, 20], (0..1000).collect::<Vec<i32>>())?;
    let codecs = root.create_group("every codec")?;
    let blosc = |compressor: &str, shuffle| Codec::Blosc { compressor: compressor.to_owned(), level: 5, shuffle };
    for (name, codec) in [
        ("zstd", Codec::Zstd { level: 3 }),
        ("gzip", Codec::Gzip { level: 5 }),
        ("zlib", Codec::Zlib { level: 5 }),
        ("lz4", Codec::Lz4),
        ("blosc lz4", blosc("lz4", 1)),
        ("blosc zstd", blosc("zstd", 2)),
        ("crc32c", Codec::Crc32c),
    ] {
        let spec = ArraySpec::of(&grid).with_chunks([7, 6]).with_codecs([codec]);
        match codecs.create_array(name, &spec) {
            // In two blocks that cut chunks and shards.
            Ok(array) => {
                array.write(&[0, 0], &grid.slice_rows(0..33)?)?;
                array.write(&[33, 0], &grid.slice_rows(33..50)?)?;
            }
            Err(error) => assert!(error.is_unsupported(), "{error}"),
        }
    }
    let mut shards = ArraySpec::of(&grid).with_chunks([5, 4]);
    shards.shards = (store.format() == ZarrFormat::V3).then(|| vec![20, 8]);
    let array = root.create_array("blocks", &shards)?;
    for rows in [0..13, 13..14, 14..47, 47..50] {
        array.write(&[rows.start as u64, 0], &grid.slice_rows(rows)?)?;
    }
    store.commit()
}

#[test]
fn what_is_written_is_read_by_python() {
    if python("describe_zarr.py", &["--help"]).is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let small_shards = ZarrOptions::default().with_sharding(Sharding::Auto { target_bytes: 1 << 10 });
    for (name, format, options) in [
        ("v2.zarr", ZarrFormat::V2, ZarrOptions::default()),
        ("v3.zarr", ZarrFormat::V3, ZarrOptions::default()),
        ("shards.zarr", ZarrFormat::V3, small_shards),
        ("loose.zarr", ZarrFormat::V3, ZarrOptions::default().with_consolidated(false)),
        ("v2.zarr.zip", ZarrFormat::V2, ZarrOptions::default()),
        ("v3.zarr.zip", ZarrFormat::V3, ZarrOptions::default()),
    ] {
        let path = folder.path().join(name);
        fill(&Arc::new(ZarrStore::create(&path, format, &options).unwrap())).unwrap();
        let expected = describe(&open_path(&path).unwrap());
        let every = expected.as_object().unwrap();
        for (sample, tensor) in samples() {
            assert_eq!(every[&format!("every dtype/{sample}")]["values"], values(&tensor), "{name}: '{sample}'");
        }
        assert_same(&describe_in_python(&path, &[]).unwrap(), &expected, name);
        if options.consolidated {
            assert_same(&describe_in_python(&path, &["--consolidated"]).unwrap(), &expected, name);
        }
    }
}

#[test]
fn real_files_are_read_as_python_reads_them() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/corpus");
    let Ok(entries) = std::fs::read_dir(&corpus) else {
        eprintln!("skipped: there is no corpus");
        return;
    };
    let mut arrays = 0;
    for entry in entries {
        let path = entry.unwrap().path();
        if !path.to_str().unwrap().ends_with(".zarr.zip") {
            continue;
        }
        let found = describe(&open_path(&path).unwrap());
        for (element, description) in found.as_object().unwrap() {
            assert!(description.get("error").is_none(), "{}: {element}: {description}", path.display());
            arrays += usize::from(description.get("values").is_some());
        }
        if let Some(expected) = describe_in_python(&path, &[]) {
            assert_same(&found, &expected, path.to_str().unwrap());
        }
    }
    assert!(arrays > 100, "{arrays} arrays");
}
