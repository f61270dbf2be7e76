//! Edits in place that do not come to their end: the file is what it was, whoever opens it next.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anndata_io_hdf5::{Hdf5Options, Hdf5Store, MetadataReader};
use anndata_storage::{ArraySpec, Codec, DType, Error, Group, Result, Tensor};

/// Where a process that is to die in the midst of an edit finds its file, and which edit.
const FILE: &str = "ANNDATA_UNDO_FILE";
const EDIT: &str = "ANNDATA_UNDO_EDIT";

/// What is done to a file.
const EDITS: [&str; 6] = ["overwrite", "grow", "create", "replace", "remove", "attribute"];

fn counts(from: i32) -> Result<Tensor> {
    Tensor::from_vec([3000], (from..from + 3000).collect::<Vec<i32>>())
}

fn edit(root: &Group, what: &str) -> Result<()> {
    match what {
        "overwrite" => root.array("plain")?.write(&[0], &counts(7)?),
        "grow" => {
            let array = root.array("chunked")?;
            array.resize(&[6000])?;
            array.write(&[3000], &counts(50)?)
        }
        "create" => (0..40).try_for_each(|at| {
            let array = root.create_array(&format!("new/{at}"), &ArraySpec::of(&counts(at)?))?;
            array.write(&[0], &counts(at)?)
        }),
        "replace" => {
            root.remove("chunked")?;
            root.create_array("chunked", &ArraySpec::of(&counts(9)?))?.write(&[0], &counts(9)?)
        }
        "remove" => root.remove("last"),
        _ => root.set_attribute("note", "a note that is longer than what was there before"),
    }
}

/// A file, and its bytes.
fn made(folder: &Path) -> Result<(PathBuf, Vec<u8>)> {
    let path = folder.join("cells.h5");
    let root = Group::root(Arc::new(Hdf5Store::create(&path)?));
    root.create_group("new")?;
    let chunked = ArraySpec::new(DType::I32, [3000]).with_chunks([256]).with_codecs([Codec::Zlib { level: 3 }]);
    let chunked = ArraySpec { resizable: true, ..chunked };
    for (name, spec) in
        [("plain", ArraySpec::of(&counts(0)?)), ("chunked", chunked), ("last", ArraySpec::of(&counts(0)?))]
    {
        root.create_array(name, &spec)?.write(&[0], &counts(1)?)?;
    }
    root.set_attribute("note", "short")?;
    drop(root);
    let bytes = fs::read(&path)?;
    Ok((path, bytes))
}

fn opened(path: &Path) -> Result<Group> {
    Ok(Group::root(Arc::new(Hdf5Store::open_rw(path, &Hdf5Options::default())?)))
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let name = |entry: std::io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    let mut names = fs::read_dir(folder)?.map(name).collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Not a test of its own: the process that [`killed`] starts.
#[test]
fn dies_in_the_midst_of_an_edit() -> Result<()> {
    let (Ok(file), Ok(what)) = (std::env::var(FILE), std::env::var(EDIT)) else { return Ok(()) };
    let root = opened(Path::new(&file))?;
    edit(&root, &what)?;
    // All of it is in the file, and is not committed.
    root.storage().flush()?;
    std::process::abort();
}

fn killed(path: &Path, what: &str) -> Result<()> {
    let mut child = Command::new(std::env::current_exe()?);
    child.args(["--exact", "dies_in_the_midst_of_an_edit"]).env(FILE, path).env(EDIT, what);
    assert!(!child.output()?.status.success());
    Ok(())
}

#[test]
fn an_edit_of_a_process_that_died_is_undone_by_the_next_that_opens_the_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (path, old) = made(folder.path())?;
    for what in EDITS {
        killed(&path, what)?;
        let half_done = fs::read(&path)?;
        assert_ne!(half_done, old, "{what}");
        assert_eq!(names(folder.path())?, [".cells.h5.undo", "cells.h5"], "{what}");
        let journal = fs::read(folder.path().join(".cells.h5.undo"))?;
        let library = Hdf5Options::default().with_reader(MetadataReader::Library);
        for (open, options) in [("read", Hdf5Options::default()), ("read", library), ("edit", Hdf5Options::default())] {
            fs::write(folder.path().join(".cells.h5.undo"), &journal)?;
            fs::write(&path, &half_done)?;
            if open == "read" {
                let root = Group::root(Arc::new(Hdf5Store::open(&path, &options)?));
                assert_eq!(root.array("chunked")?.read()?, counts(1)?, "{what}");
            } else {
                assert_eq!(opened(&path)?.array("plain")?.read()?, counts(1)?, "{what}");
            }
            assert_eq!(fs::read(&path)?, old, "{what}, {open}");
            assert_eq!(names(folder.path())?, ["cells.h5"], "{what}");
        }
    }
    Ok(())
}

#[test]
fn an_edit_that_is_done_stays_and_leaves_no_journal() -> Result<()> {
    for is_committed in [true, false] {
        for what in EDITS {
            let folder = tempfile::tempdir()?;
            let (path, _) = made(folder.path())?;
            let root = opened(&path)?;
            edit(&root, what)?;
            if is_committed {
                root.storage().commit()?;
                assert_eq!(names(folder.path())?, ["cells.h5"], "{what}");
            }
            drop(root);
            assert_eq!(names(folder.path())?, ["cells.h5"], "{what}");
            let root = Group::root(Arc::new(Hdf5Store::open(&path, &Hdf5Options::default())?));
            let is_there = match what {
                "overwrite" => root.array("plain")?.read()? == counts(7)?,
                "grow" => root.array("chunked")?.read()?.slice_rows(3000..6000)? == counts(50)?,
                "create" => root.array("new/39")?.read()? == counts(39)?,
                "replace" => root.array("chunked")?.read()? == counts(9)?,
                "remove" => !root.contains("last")?,
                _ => root.attributes()?.contains_key("note"),
            };
            assert!(is_there, "{what}, committed: {is_committed}");
        }
    }
    Ok(())
}

#[test]
fn what_is_left_of_an_edit_does_not_touch_another_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (path, _) = made(folder.path())?;
    killed(&path, "grow")?;
    // Another program puts a file of its own there.
    let other = folder.path().join("other");
    fs::create_dir(&other)?;
    let (new, bytes) = made(&other)?;
    fs::rename(&new, &path)?;
    let root = Group::root(Arc::new(Hdf5Store::open(&path, &Hdf5Options::default())?));
    assert_eq!(root.array("chunked")?.read()?, counts(1)?);
    assert_eq!(fs::read(&path)?, bytes);
    assert_eq!(names(folder.path())?, ["cells.h5", "other"]);
    Ok(())
}

#[test]
fn a_file_that_is_being_edited_is_left_alone() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (path, old) = made(folder.path())?;
    let root = opened(&path)?;
    edit(&root, "attribute")?;
    root.storage().flush()?;
    assert!(names(folder.path())?.contains(&".cells.h5.undo".to_owned()));
    let reader = Group::root(Arc::new(Hdf5Store::open(&path, &Hdf5Options::default())?));
    assert_eq!(reader.attributes()?.len(), 1);
    drop(reader);
    assert_ne!(fs::read(&path)?, old);
    root.storage().commit()
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_written_says_that_its_edit_was_cut_short() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir()?;
    let (path, old) = made(folder.path())?;
    killed(&path, "create")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400))?;
    if fs::File::options().write(true).open(&path).is_ok() {
        // Nothing is forbidden to this user.
        return Ok(());
    }
    let error: Error = Hdf5Store::open(&path, &Hdf5Options::default()).unwrap_err();
    assert_eq!(
        error.message(),
        "an edit of the file was cut short, and cannot be undone: open it where it can be written"
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Hdf5Store::open(&path, &Hdf5Options::default())?;
    assert_eq!(fs::read(&path)?, old);
    Ok(())
}
