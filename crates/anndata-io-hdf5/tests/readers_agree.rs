//! Both readers of metadata say the same of every file, or both that they cannot.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anndata_io_hdf5::{Hdf5Options, Hdf5Store, MetadataReader};
use anndata_storage::{
    Array, ArraySpec, AxisSelection, Error, Group, NodeKind, Result, Storage as _, StoredPieces, Tensor,
};
use support::open_with;

/// More files to compare: a list of folders, as in `PATH`.
const FOLDERS: &str = "ANNDATA_HDF5_FOLDERS";

/// Elements of a file that are compared: some have links without end.
const MOST: usize = 2000;

/// What is different, as text; and how much was compared.
#[derive(Default)]
struct Comparison {
    file: String,
    differences: Vec<String>,
    elements: usize,
    values: usize,
    of_library: usize,
}

impl Comparison {
    /// Two results that must be equal, or errors of one kind.
    fn same<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, rust: &Result<T>, library: &Result<T>) -> bool {
        match (rust, library) {
            (Ok(rust), Ok(library)) if rust == library => return true,
            (Err(rust), Err(library)) if kinds_agree(rust, library) => return false,
            // N-bit.
            (Err(rust), Ok(_)) if rust.is_unsupported() && rust.message().contains("the HDF5 library alone") => {
                self.of_library += 1;
                return false;
            }
            _ => {}
        }
        let short = |text: String| text.chars().take(600).collect::<String>();
        let (rust, library) = (short(format!("{rust:?}")), short(format!("{library:?}")));
        self.differences.push(format!("{}: {what}\n  rust:    {rust}\n  library: {library}", self.file));
        false
    }

    fn group(&mut self, path: &str, rust: &Group, library: &Group) {
        if self.elements == MOST {
            return;
        }
        self.elements += 1;
        self.same(&format!("attributes of '{path}'"), &rust.attributes(), &library.attributes());
        let names = [rust.children(), library.children()];
        self.same(&format!("names in '{path}'"), &names[0], &names[1]);
        for name in names.into_iter().flatten().next().unwrap_or_default() {
            let below = format!("{path}/{name}");
            let kinds = [rust.kind(&name), library.kind(&name)];
            if !self.same(&format!("kind of '{below}'"), &kinds[0], &kinds[1]) {
                continue;
            }
            match kinds[0] {
                Ok(Some(NodeKind::Group)) => match (rust.group(&name), library.group(&name)) {
                    (Ok(rust), Ok(library)) => self.group(&below, &rust, &library),
                    (rust, library) => {
                        self.same(&format!("group '{below}'"), &rust.map(drop), &library.map(drop));
                    }
                },
                Ok(Some(NodeKind::Array)) => match (rust.array(&name), library.array(&name)) {
                    (Ok(rust), Ok(library)) => self.array(&below, &rust, &library),
                    (rust, library) => {
                        self.same(&format!("array '{below}'"), &rust.map(drop), &library.map(drop));
                    }
                },
                _ => {}
            }
        }
    }

    fn array(&mut self, path: &str, rust: &Array, library: &Array) {
        self.elements += 1;
        self.same(&format!("attributes of '{path}'"), &rust.attributes(), &library.attributes());
        self.same(&format!("spec of '{path}'"), &Ok(rust.spec()), &Ok(library.spec()));
        self.same(&format!("stored bytes of '{path}'"), &rust.stored_bytes(), &library.stored_bytes());
        self.same(&format!("values of '{path}'"), &rust.read(), &library.read());
        let shape = rust.shape();
        if !shape.contains(&0) {
            let some = shape.iter().map(|&len| AxisSelection::from(vec![0, len / 2, len - 1]));
            let some = some.map(|axis| distinct(&axis)).collect::<Vec<_>>();
            let values = [rust.read_selection(&some), library.read_selection(&some)];
            self.same(&format!("some values of '{path}'"), &values[0], &values[1]);
        }
        self.values += 1;
        let formats = [rust, library].map(|array| array.inner().as_pieces().map(StoredPieces::format).transpose());
        if let ([Ok(Some(rust)), Ok(Some(library))], true) = (&formats, rust.inner().as_pieces().is_some()) {
            self.same(&format!("pieces of '{path}'"), &Ok(format!("{rust:?}")), &Ok(format!("{library:?}")));
        }
    }
}

fn distinct(axis: &AxisSelection) -> AxisSelection {
    let mut positions: Vec<u64> = axis.positions().collect();
    positions.dedup();
    AxisSelection::from(positions)
}

/// Whether two errors say the same to a program. What is out of bounds is damage to one reader, and too large to another.
fn kinds_agree(one: &Error, two: &Error) -> bool {
    let is_damage = |error: &Error| error.is_invalid_data() || error.is_limit_exceeded();
    one.kind() == two.kind() || (is_damage(one) && is_damage(two))
}

fn compare(path: &Path) -> Comparison {
    let with = |reader| open_with(path, &Hdf5Options::default().with_reader(reader));
    let (rust, library) = (with(MetadataReader::Rust), with(MetadataReader::Library));
    let mut comparison = Comparison { file: path.display().to_string(), ..Comparison::default() };
    match (rust, library) {
        (Ok(rust), Ok(library)) => comparison.group("", &rust, &library),
        (rust, library) => {
            comparison.same("opening", &rust.map(drop), &library.map(drop));
        }
    }
    comparison
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|end| end == "h5ad" || end == "h5") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// Files of which the readers do not say the same. Addresses and lengths in this one are of 4 bytes: texts are read by the
/// library alone, which takes an axis without a limit for one of 2^32 - 1.
const DIFFER: [&str; 1] = ["narrow.h5"];

#[test]
fn on_every_file_at_hand() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![here.join("tests/data"), here.join("../anndata-hdf5-meta/tests/data")];
    // Not in the package of the crate.
    folders.extend(Some(here.join("../../tests/fixtures")).filter(|folder| folder.exists()));
    if let Some(more) = std::env::var_os(FOLDERS) {
        folders.extend(std::env::split_paths(&more));
    }
    let (mut differences, mut elements, mut values, mut count) = (Vec::new(), 0, 0, 0);
    for path in folders.into_iter().filter(|folder| folder.exists()).flat_map(|folder| files(&folder)) {
        if DIFFER.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        let comparison = compare(&path);
        differences.extend(comparison.differences);
        (elements, values, count) = (elements + comparison.elements, values + comparison.values, count + 1);
    }
    eprintln!("{count} files, {elements} groups and arrays, values of {values} arrays");
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
    assert!(count > 0);
}

/// `cargo test -p anndata-io-hdf5 --test readers_agree -- --ignored --nocapture`
#[test]
#[ignore = "takes time, and says how much"]
fn how_long_a_walk_takes() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("many.h5");
    let root = support::create(&path)?;
    let texts = anndata_storage::Tensor::string("a value");
    let attributes = [("encoding-type", "string"), ("encoding-version", "0.2.0")];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect();
    for number in 0..5000 {
        let array = root.create_array(&format!("k{number}"), &anndata_storage::ArraySpec::of(&texts))?;
        array.write(&[], &texts)?;
        root.storage().set_attributes(array.path(), &attributes)?;
    }
    root.storage().flush()?;
    drop(root);
    for reader in [MetadataReader::Library, MetadataReader::Rust, MetadataReader::Library, MetadataReader::Rust] {
        let start = std::time::Instant::now();
        let root = open_with(&path, &Hdf5Options::default().with_reader(reader))?;
        let opened = start.elapsed();
        for name in root.children()? {
            assert_eq!(root.kind(&name)?, Some(NodeKind::Array));
            let array = root.array(&name)?;
            assert_eq!((array.attributes()?.len(), array.shape().len()), (2, 0));
        }
        let walked = start.elapsed();
        eprintln!("{reader:?}: opened in {opened:?}, 5000 arrays and their attributes in {walked:?}");
    }
    let start = std::time::Instant::now();
    for _ in 0..1000 {
        open_with(&path, &Hdf5Options::default())?;
    }
    let rust = start.elapsed() / 1000;
    let start = std::time::Instant::now();
    for _ in 0..1000 {
        open_with(&path, &Hdf5Options::default().with_reader(MetadataReader::Library))?;
    }
    eprintln!("opening: {rust:?}, through the library {:?}", start.elapsed() / 1000);
    Ok(())
}

#[test]
fn a_file_that_is_edited_here_is_read_as_it_is_then() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("edited.h5");
    let numbers = Tensor::from_vec([3], vec![1_i32, 2, 3])?;
    Hdf5Store::create(&path)?.flush()?;
    let edited = Group::root(Arc::new(Hdf5Store::open_rw(&path, &Hdf5Options::default())?));
    edited.create_array("numbers", &ArraySpec::of(&numbers))?.write(&[0], &numbers)?;
    let read = || -> Result<Tensor> {
        Group::root(Arc::new(Hdf5Store::open(&path, &Hdf5Options::default())?)).array("numbers")?.read()
    };
    // What was made a moment ago is not in the file yet, and the file is locked.
    assert_eq!(read()?, numbers);
    let again = Group::root(Arc::new(Hdf5Store::open_rw(&path, &Hdf5Options::default())?));
    assert_eq!(again.array("numbers")?.read()?, numbers);
    drop((edited, again));
    assert_eq!(read()?, numbers);
    Ok(())
}
