//! Metadata of HDF5 files of both generations of the format, of which some bytes are changed: all that a file has is asked for.

use std::collections::HashSet;
use std::sync::OnceLock;

use anndata_hdf5_meta::{Error, ErrorKind, MetaFile, MetaLimits, Object, ObjectKind};

use crate::{checksums, patches};

/// A sound file, and its structures that end in a checksum.
struct Sound {
    bytes: &'static [u8],
    checksummed: Vec<(usize, usize)>,
}

macro_rules! kept {
    ($($name:literal),*) => {
        [$(include_bytes!(concat!("../../crates/anndata-hdf5-meta/tests/data/", $name, ".h5")).as_slice()),*]
    };
}

fn sound(which: u8) -> &'static Sound {
    static FILES: OnceLock<[Sound; 6]> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        kept!["earliest", "latest", "narrow", "shared", "tracked", "user_block"]
            .map(|bytes| Sound { bytes, checksummed: checksums::structures(bytes) })
    });
    &files[usize::from(which) % files.len()]
}

/// The first byte says which file, and whether the checksums are made right again.
pub(crate) fn run(input: &[u8]) {
    let Some((&which, input)) = input.split_first() else { return };
    let sound = sound(which & 0x7f);
    let mut bytes = sound.bytes.to_vec();
    patches::apply(&mut bytes, input);
    if which & 0x80 != 0 {
        checksums::mend(&mut bytes, &sound.checksummed);
    }
    walk(bytes);
}

/// Asks for all that a file has, whatever fails.
fn walk(bytes: Vec<u8>) {
    let Some(file) = expected(MetaFile::new(bytes, MetaLimits::default())) else { return };
    let (mut todo, mut seen) = (vec![file.superblock().root], HashSet::new());
    while let Some(address) = todo.pop() {
        if seen.insert(address)
            && let Some(object) = expected(file.object(address))
        {
            visit(&file, &object, &mut todo);
        }
    }
    expected(file.object_paths());
}

fn visit(file: &MetaFile, object: &Object, todo: &mut Vec<u64>) {
    for entry in expected(object.attributes()).into_iter().flatten() {
        let Some(value) = expected(entry.value) else { continue };
        if value.datatype.has_variable_length() {
            expected(file.variable_length(&value.bytes, 1));
        }
    }
    match expected(object.kind()) {
        Some(ObjectKind::Group) => {
            for link in expected(object.links()).into_iter().flatten() {
                let found = expected(object.resolve(&link.name)).flatten();
                todo.extend(found.map(|found| found.address()));
            }
        }
        Some(_) => {
            expected(object.datatype());
            expected(object.dataspace());
            expected(object.fill_value());
            expected(object.filters());
            expected(object.layout());
            // That they are in the file is seen when they are read.
            let _ = object.chunks().map_err(|error| assert!(!error.message().is_empty(), "{error:?}"));
        }
        None => {}
    }
}

/// What there is. An error has to say what it is about.
fn expected<T>(result: Result<T, Error>) -> Option<T> {
    if let Err(error) = &result {
        assert!(!error.section().number().is_empty() && !error.message().is_empty(), "{error:?}");
        assert_ne!(error.kind(), ErrorKind::Io, "{error:?}");
    }
    result.ok()
}

/// Each file as it is, and with a change of each kind.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let with = |which: u8| patches::seeds().into_iter().take(2).map(move |patch| [vec![which], patch].concat());
    (0..6).flat_map(|which| with(which).chain(with(which | 0x80))).collect()
}
