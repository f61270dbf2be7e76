//! Damaged files: whatever is in them, reading ends, with values or with errors.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anndata_io_hdf5::{Hdf5Options, Hdf5Store};
use anndata_storage::{
    ArraySpec, Attribute, Attributes, AxisSelection, Codec, DType, Group, Limits, NodeKind, Result, Tensor,
};
use support::{OddFile, library};

/// Where the child process finds the files.
const VARIABLE: &str = "ANNDATA_DAMAGED_FILES";
/// Damaged versions of each file. More can be asked for through this variable.
const ROUNDS: (&str, usize) = ("ANNDATA_DAMAGED_ROUNDS", 60);
/// How long the child may take for all files.
const PATIENCE: Duration = Duration::from_secs(30);

/// A generator of numbers, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

/// A file with something of everything, made here.
fn make_new(path: &Path) -> Result<()> {
    let root = support::create(path)?;
    let put = |key: &str, spec: &ArraySpec, tensor: &Tensor| {
        root.create_array(key, spec)?.write(&vec![0; tensor.ndim()], tensor)
    };
    let numbers = Tensor::from_vec([60, 10], (0..600).map(|i| i / 5).collect::<Vec<i32>>())?;
    put("plain", &ArraySpec::of(&numbers), &numbers)?;
    let zlib = Codec::Zlib { level: 4 };
    for (key, codecs) in [
        ("zlib", vec![Codec::Shuffle, zlib.clone()]),
        ("lzf", vec![Codec::Lzf, Codec::Fletcher32]),
        ("zstd", vec![Codec::Zstd { level: 1 }]),
        ("lz4", vec![Codec::Lz4]),
    ] {
        put(key, &ArraySpec::of(&numbers).with_chunks([7, 10]).with_codecs(codecs), &numbers)?;
    }
    let texts = Tensor::from_strings([300], (0..300).map(|i| format!("text {i}")))?;
    put("texts", &ArraySpec::of(&texts), &texts)?;
    put("packed_texts", &ArraySpec::of(&texts).with_chunks([100]).with_codecs([zlib]), &texts)?;
    let records = Tensor::from_fields(
        [2],
        [
            ("name", Tensor::from_strings([2], ["a", "b"])?),
            ("fixed", Tensor::from_bytes(DType::FixedBytes(3), [2], b"abcdef")?),
            ("score", Tensor::from_vec([2], vec![1.5_f64, 2.5])?),
        ],
    )?;
    put("records", &ArraySpec::of(&records), &records)?;
    root.create_array("null", &ArraySpec::null(DType::F32))?;
    let group = root.create_group("group/inner")?;
    let mut attributes = (0..12).map(|i| (format!("number {i}"), Attribute::from(i))).collect::<Attributes>();
    attributes.insert("text".to_owned(), "text".into());
    attributes.insert("texts".to_owned(), texts.into());
    attributes.insert("reference".to_owned(), Attribute::Reference("plain".to_owned()));
    group.set_attributes(&attributes)?;
    root.set_attribute("encoding-type", "anndata")?;
    root.storage().flush()
}

/// A file in the oldest formats, as h5py makes them by default.
fn make_old(path: &Path) {
    let file = OddFile::create(path);
    let little = library(|| *hdf5_metno_sys::h5t::H5T_STD_I32LE);
    let values: Vec<i32> = (0..3000).collect();
    file.dataset("plain", little, little, &[30, 100], 0, &values);
    let list = support::creation();
    // SAFETY: the list is alive, the pointer is to two lengths.
    library(|| unsafe {
        hdf5_metno_sys::h5p::H5Pset_chunk(list, 2, [7_u64, 30].as_ptr());
        hdf5_metno_sys::h5p::H5Pset_deflate(list, 4);
    });
    file.dataset("packed", little, little, &[30, 100], list, &values);
    for number in 0..30 {
        file.dataset(&format!("small{number}"), little, little, &[2], 0, &[1, number]);
    }
}

/// Reads all that can be read. What fails must fail with an error.
fn read_all(path: &Path) -> usize {
    let limits = Limits::default().with_max_unbacked(64 << 20);
    let options = Hdf5Options::default().with_limits(limits);
    let Ok(store) = Hdf5Store::open(path, &options) else { return 0 };
    let mut groups = vec![Group::root(Arc::new(store))];
    let mut read = 0;
    while let Some(group) = groups.pop() {
        read += usize::from(group.attributes().is_ok());
        for name in group.children().unwrap_or_default() {
            match group.kind(&name) {
                Ok(Some(NodeKind::Group)) if groups.len() < 100 => groups.extend(group.group(&name)),
                Ok(Some(NodeKind::Array)) => read += read_array(&group, &name),
                _ => {}
            }
        }
    }
    read
}

fn read_array(group: &Group, name: &str) -> usize {
    let Ok(array) = group.array(name) else { return 0 };
    let shape = array.shape();
    let some: Vec<AxisSelection> =
        shape.iter().map(|&len| AxisSelection::from(vec![0, len / 2, len.saturating_sub(1)])).collect();
    usize::from(array.attributes().is_ok())
        + usize::from(array.stored_bytes().is_ok())
        + usize::from(array.read_selection(&some).is_ok())
        + usize::from(array.read().is_ok())
}

/// What the child process does: it reads each file and says which one it is at.
#[test]
#[ignore = "run by the test that follows, in a process of its own"]
fn child() {
    let Some(directory) = std::env::var_os(VARIABLE) else { return };
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        eprintln!("reading {}", path.display());
        read_all(&path);
    }
    eprintln!("done");
}

#[test]
fn reading_damaged_files_ends() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (new, old) = (directory.path().join("new.h5"), directory.path().join("old.h5"));
    make_new(&new)?;
    make_old(&old);
    assert_eq!((read_all(&new), read_all(&old)), (37, 129));

    let damaged = directory.path().join("damaged");
    std::fs::create_dir(&damaged)?;
    let rounds = std::env::var(ROUNDS.0).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(ROUNDS.1);
    for (source, path) in [new, old].iter().enumerate() {
        let sound = std::fs::read(path)?;
        let mut numbers = Numbers(source as u64 + 1);
        for round in 0..rounds {
            let bytes = damage(sound.clone(), round, &mut numbers);
            std::fs::write(damaged.join(format!("{source}-{round:05}.h5")), bytes)?;
        }
    }

    let log = directory.path().join("log");
    let mut child = Command::new(std::env::current_exe()?)
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env(VARIABLE, &damaged)
        .stderr(std::fs::File::create(&log)?)
        .stdout(std::process::Stdio::null())
        .spawn()?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if start.elapsed() > PATIENCE.max(Duration::from_millis(25 * rounds as u64)) {
            child.kill()?;
            child.wait()?;
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let log = std::fs::read_to_string(&log)?;
    let ended = status.is_some_and(|status| status.success()) && log.contains("done");
    if !ended {
        let directory = directory.keep();
        let tail: Vec<&str> = log.lines().rev().take(12).collect();
        panic!("{status:?} in {}\n{}", directory.display(), tail.join("\n"));
    }
    Ok(())
}

/// Cuts, flips bits, overwrites words, or clears a piece.
fn damage(mut bytes: Vec<u8>, round: usize, numbers: &mut Numbers) -> Vec<u8> {
    let len = bytes.len();
    match round % 8 {
        0 => bytes.truncate(numbers.below(len)),
        1 => {
            let (start, size) = (numbers.below(len), numbers.below(512));
            bytes.iter_mut().skip(start).take(size).for_each(|byte| *byte = 0);
        }
        2 | 3 => {
            let word = [0, 1, 0xff, 0x7f, 0x80][numbers.below(5)];
            let start = numbers.below(len) / 8 * 8;
            bytes.iter_mut().skip(start).take(8).for_each(|byte| *byte = word);
        }
        _ => {
            for _ in 0..=numbers.below(20) {
                let at = numbers.below(len);
                bytes[at] ^= 1 << numbers.below(8);
            }
        }
    }
    bytes
}
