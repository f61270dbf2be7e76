//! Damaged files end in an error or in what is left of them, in little time: never in a panic.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anndata_hdf5_meta::{Error, ErrorKind, MetaFile, MetaLimits, Object, ObjectKind};
use support::{dump, files, kept_files};

/// A walk over a file of so few KiB takes far less.
const LONGEST: Duration = Duration::from_secs(3);

/// Numbers that look random, the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % limit
    }

    fn byte(&mut self) -> u8 {
        // Mostly bytes that mean something.
        match self.below(4) {
            0 => 0,
            1 => 0xff,
            2 => u8::try_from(self.below(9)).unwrap(),
            _ => u8::try_from(self.below(256)).unwrap(),
        }
    }
}

/// Asks for all that a file has, whatever fails.
fn read_all(bytes: Vec<u8>) -> Vec<Error> {
    let file = match MetaFile::new(bytes, MetaLimits::default()) {
        Ok(file) => file,
        Err(error) => return vec![error],
    };
    let mut errors = Vec::new();
    let mut todo = vec![file.superblock().root];
    let mut seen = std::collections::HashSet::new();
    while let Some(address) = todo.pop() {
        if !seen.insert(address) {
            continue;
        }
        match file.object(address) {
            Ok(object) => read_object(&file, &object, &mut todo, &mut errors),
            Err(error) => errors.push(error),
        }
    }
    errors
}

fn read_object(file: &MetaFile, object: &Object, todo: &mut Vec<u64>, errors: &mut Vec<Error>) {
    let mut take = |error: Option<Error>| errors.extend(error);
    match object.attributes() {
        Ok(entries) => {
            for entry in entries {
                match entry.value {
                    Ok(value) if value.datatype.has_variable_length() => {
                        take(file.variable_length(&value.bytes, 1).err());
                    }
                    value => take(value.err()),
                }
            }
        }
        Err(error) => take(Some(error)),
    }
    match object.kind() {
        Ok(ObjectKind::Group) => match object.links() {
            Ok(links) => {
                for link in links {
                    match object.resolve(&link.name) {
                        Ok(found) => todo.extend(found.map(|found| found.address())),
                        Err(error) => take(Some(error)),
                    }
                }
            }
            Err(error) => take(Some(error)),
        },
        Ok(_) => {
            take(object.datatype().err());
            take(object.dataspace().err());
            take(object.fill_value().err());
            take(object.filters().err());
            take(object.layout().err());
            take(object.chunks().err().filter(|error| error.kind() != ErrorKind::NotFound));
        }
        Err(error) => take(Some(error)),
    }
}

/// Reads a file, and returns its errors, of which each says what it is about.
fn read_in_time(bytes: Vec<u8>, what: &str) -> Vec<Error> {
    let start = Instant::now();
    let errors = read_all(bytes);
    assert!(start.elapsed() < LONGEST, "{what}: {:?}", start.elapsed());
    for error in &errors {
        assert!(!error.section().number().is_empty() && !error.message().is_empty(), "{what}: {error:?}");
        assert_ne!(error.kind(), ErrorKind::Io, "{what}: {error:?}");
    }
    errors
}

#[test]
fn sound_files_have_no_errors() {
    for path in kept_files() {
        let errors = read_in_time(std::fs::read(&path).unwrap(), &path.display().to_string());
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
}

#[test]
fn every_byte_may_be_wrong() {
    let mut found = 0;
    for path in kept_files() {
        let bytes = std::fs::read(&path).unwrap();
        // Every third byte, and another third for each value, so that all of them are met.
        for (round, value) in [0, 0xff, 1].into_iter().enumerate() {
            for at in (round..bytes.len()).step_by(3) {
                let mut damaged = bytes.clone();
                damaged[at] = if value == 1 { damaged[at] ^ 1 } else { value };
                let errors = read_in_time(damaged, &format!("{}, byte {at} set to {value}", path.display()));
                found += usize::from(!errors.is_empty());
            }
        }
    }
    // Much of a file is values, unused space and checksummed more than once.
    assert!(found > 5_000, "{found}");
}

#[test]
fn many_bytes_may_be_wrong() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for path in kept_files() {
        let bytes = std::fs::read(&path).unwrap();
        for round in 0..1_500 {
            let mut damaged = bytes.clone();
            for _ in 0..=random.below(8) {
                let at = random.below(damaged.len());
                damaged[at] = random.byte();
            }
            if random.below(4) == 0 {
                // A piece of the file in another place.
                let len = 1 + random.below(64);
                let (from, to) = (random.below(damaged.len() - len), random.below(damaged.len() - len));
                damaged.copy_within(from..from + len, to);
            }
            read_in_time(damaged, &format!("{}, round {round}", path.display()));
        }
    }
}

#[test]
fn wrong_bytes_with_right_checksums() {
    let mut random = Random(7);
    let mut mended = 0;
    for path in kept_files() {
        let bytes = std::fs::read(&path).unwrap();
        let marks: [&[u8]; 12] = [
            b"OHDR", b"OCHK", b"BTHD", b"BTLF", b"BTIN", b"FRHP", b"FHIB", b"FAHD", b"FADB", b"EAHD", b"EAIB", b"SMTB",
        ];
        let starts: Vec<usize> =
            (0..bytes.len()).filter(|&at| marks.iter().any(|mark| bytes[at..].starts_with(mark))).collect();
        for start in starts {
            let Some(end) = checksummed(&bytes, start) else { continue };
            for _ in 0..40 {
                let mut damaged = bytes.clone();
                for _ in 0..=random.below(2) {
                    let at = start + 4 + random.below(end - start - 4);
                    damaged[at] = random.byte();
                }
                let sum = checksum(&damaged[start..end]);
                damaged[end..end + 4].copy_from_slice(&sum.to_le_bytes());
                read_in_time(damaged, &format!("{}, structure at {start}", path.display()));
                mended += 1;
            }
        }
    }
    assert!(mended > 1_000, "{mended}");
}

#[test]
fn files_that_are_cut_short_are_errors() {
    for path in kept_files() {
        let bytes = std::fs::read(&path).unwrap();
        for len in (0..bytes.len()).step_by(7) {
            let errors = read_in_time(bytes[..len].to_vec(), &format!("{} cut to {len}", path.display()));
            assert!(!errors.is_empty(), "{} cut to {len}", path.display());
        }
    }
}

#[test]
fn a_file_may_ask_for_little() {
    let path = kept_files().into_iter().find(|path| path.ends_with("latest.h5")).unwrap();
    let bytes = std::fs::read(path).unwrap();
    let tight = MetaLimits::default().with_unbacked(0).with_expansion(0);
    let file = MetaFile::new(bytes.clone(), tight).unwrap();
    assert_eq!(file.root().unwrap_err().kind(), ErrorKind::LimitExceeded);
    // Three times its length is more than enough, however often it is read.
    let file = MetaFile::new(bytes.clone(), tight.with_expansion(3)).unwrap();
    let first = dump::dump(&file, &bytes).unwrap();
    for _ in 0..50 {
        assert_eq!(dump::dump(&file, &bytes).unwrap(), first);
    }
}

#[test]
fn damage_spoils_what_it_is_in() {
    let path = kept_files().into_iter().find(|path| path.ends_with("earliest.h5")).unwrap();
    let bytes = std::fs::read(path).unwrap();
    // The type of the attribute 'shape' in the root's header: its message has no checksum.
    let name = bytes.windows(8).position(|bytes| bytes == b"shape\0\0\0").unwrap();
    let mut damaged = bytes.clone();
    damaged[name + 8] = 0x9f;
    let file = MetaFile::new(damaged, MetaLimits::default()).unwrap();
    let attributes = file.root().unwrap().attributes().unwrap();
    let named =
        |name: &[u8]| attributes.iter().find(|entry| entry.name.as_deref() == Some(name)).unwrap().value.clone();
    assert_eq!(named(b"shape").unwrap_err().message(), "version 9 is not known");
    let text = named(b"encoding-type").unwrap();
    assert_eq!(file.variable_length(&text.bytes, 1).unwrap(), [b"anndata".to_vec()]);
    assert!(file.resolve(b"X").unwrap().unwrap().chunks().is_ok());
}

/// A path that such a name is in would lead elsewhere: with an empty name, back to the group, and so without end.
#[test]
fn what_is_no_name_spoils_the_list_of_its_group_and_no_other_link() {
    let path = kept_files().into_iter().find(|path| path.ends_with("earliest.h5")).unwrap();
    let bytes = std::fs::read(path).unwrap();
    // The heap of names of the root.
    let name = bytes.windows(7).position(|bytes| bytes == b"\0dense\0").unwrap() + 1;
    for (new, told) in [(b"\0\0\0\0\0", ""), (b".\0\0\0\0", "."), (b"/ense", "/ense"), (b"X/X\0\0", "X/X")] {
        let mut damaged = bytes.clone();
        damaged[name..name + 5].copy_from_slice(new);
        let file = MetaFile::new(damaged, MetaLimits::default()).unwrap();
        let error = file.root().unwrap().links().unwrap_err();
        assert_eq!(error.message(), format!("a link is called '{told}', which is no name"));
        assert!(file.resolve(b"X").unwrap().unwrap().chunks().is_ok());
    }
}

/// Files that were made to do harm, where this is the workspace that has them; `HDF5_FILES` names a folder of others.
#[test]
fn crafted_files_end_in_time() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/malformed");
    let folders = [fixtures].into_iter().chain(std::env::var_os("HDF5_FILES").map(PathBuf::from));
    for folder in folders.filter(|folder| folder.is_dir()) {
        for path in files(&folder, "h5ad") {
            read_in_time(std::fs::read(&path).unwrap(), &path.display().to_string());
        }
    }
}

#[test]
fn every_object_has_a_path() {
    for path in kept_files() {
        let file = MetaFile::open(&path, MetaLimits::default()).unwrap();
        let paths = file.object_paths().unwrap();
        assert!(paths.len() > 5, "{paths:?}");
        for (address, path) in paths {
            assert_eq!(file.resolve(&path).unwrap().map(|object| object.address()), Some(address));
        }
    }
}

/// The end of the structure that begins at a byte, where its checksum is.
fn checksummed(bytes: &[u8], start: usize) -> Option<usize> {
    let most = (start + 2_000).min(bytes.len() - 4);
    (start + 8..most).find(|&end| checksum(&bytes[start..end]).to_le_bytes() == bytes[end..end + 4])
}

/// The checksum of metadata (Jenkins' lookup3).
fn checksum(bytes: &[u8]) -> u32 {
    let [mut a, mut b, mut c] = [0xdead_beef_u32.wrapping_add(u32::try_from(bytes.len()).unwrap()); 3];
    let mut rest = bytes;
    let add = |block: &[u8], a: &mut u32, b: &mut u32, c: &mut u32| {
        let mut words = [0; 12];
        words[..block.len()].copy_from_slice(block);
        for (sum, word) in [a, b, c].into_iter().zip(words.chunks_exact(4)) {
            *sum = sum.wrapping_add(u32::from_le_bytes(word.try_into().unwrap()));
        }
    };
    while rest.len() > 12 {
        add(&rest[..12], &mut a, &mut b, &mut c);
        rest = &rest[12..];
        for step in [4, 6, 8, 16, 19, 4] {
            (a, b, c) = (a.wrapping_sub(c) ^ c.rotate_left(step), b, c.wrapping_add(b));
            (a, b, c) = (b, c, a);
        }
    }
    if rest.is_empty() {
        return c;
    }
    add(rest, &mut a, &mut b, &mut c);
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}
