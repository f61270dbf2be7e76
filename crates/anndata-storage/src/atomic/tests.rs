//! What is promised of outputs that appear whole or not at all.

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn make(path: &Path, kind: OutputKind, overwrite: bool, content: &str) -> Result<()> {
    let output = AtomicOutput::create(path, kind, overwrite)?;
    match kind {
        OutputKind::File => fs::write(output.path(), content)?,
        OutputKind::Folder => {
            fs::create_dir_all(output.path().join("inner"))?;
            fs::write(output.path().join("a"), content)?;
            fs::write(output.path().join("inner/b"), content)?;
        }
    }
    output.commit(true)
}

#[test]
fn an_output_appears_whole_and_is_only_replaced_where_asked() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (file, folder) = (directory.path().join("file"), directory.path().join("folder"));
    make(&file, OutputKind::File, false, "1")?;
    make(&folder, OutputKind::Folder, false, "1")?;
    for (path, kind) in [(&file, OutputKind::File), (&folder, OutputKind::Folder)] {
        let refused = make(path, kind, false, "2").unwrap_err();
        assert!(refused.is_already_exists());
        assert_eq!(refused.to_string(), format!("{}: it already exists", path.display()));
    }
    make(&file, OutputKind::File, true, "3")?;
    make(&folder, OutputKind::Folder, true, "3")?;
    assert_eq!(fs::read_to_string(&file)?, "3");
    assert_eq!(fs::read_to_string(folder.join("inner/b"))?, "3");
    assert_eq!(names(directory.path()), ["file", "folder"]);
    Ok(())
}

#[test]
fn what_is_not_committed_leaves_nothing() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let output = AtomicOutput::create(directory.path().join("x"), OutputKind::File, false)?;
    fs::write(output.path(), "half")?;
    assert_eq!(names(directory.path()).len(), 1);
    drop(output);
    assert!(names(directory.path()).is_empty());
    Ok(())
}

#[test]
fn what_appears_meanwhile_is_not_replaced() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for kind in [OutputKind::File, OutputKind::Folder] {
        let path = directory.path().join("x");
        let output = AtomicOutput::create(&path, kind, false)?;
        fs::write(output.path(), "mine")?;
        fs::write(&path, "theirs")?;
        assert!(output.commit(false).is_err_and(|error| error.is_already_exists()));
        assert_eq!(fs::read_to_string(&path)?, "theirs");
        assert_eq!(names(directory.path()), ["x"]);
        // The same where it is seen by the move alone.
        fs::write(directory.path().join("y"), "mine")?;
        let raced = publish::publish(&directory.path().join("y"), &path);
        assert!(raced.is_err_and(|error| error.is_already_exists()));
        assert_eq!(fs::read_to_string(&path)?, "theirs");
        fs::remove_file(&path)?;
        fs::remove_file(directory.path().join("y"))?;
    }
    Ok(())
}

#[test]
fn names_may_be_as_long_as_the_file_system_takes() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for len in [235, 236, 250, 255] {
        let path = directory.path().join("n".repeat(len));
        make(&path, OutputKind::File, false, "1")?;
        make(&path, OutputKind::File, true, "2")?;
        assert_eq!(fs::read_to_string(&path)?, "2");
    }
    let refused = make(&directory.path().join("n".repeat(256)), OutputKind::File, false, "1").unwrap_err();
    assert!(refused.to_string().contains("too long"), "{refused}");
    assert_eq!(names(directory.path()).len(), 4);
    Ok(())
}

/// Makes a folder as a writer leaves it that was killed.
fn leftover(target: &Path) -> PathBuf {
    let folder = TemporaryFolder::beside(target).unwrap();
    let path = folder.path().to_owned();
    fs::write(path.join("new"), "half").unwrap();
    let aside = path.with_extension("aside");
    fs::rename(&path, &aside).unwrap();
    drop(folder);
    fs::rename(&aside, &path).unwrap();
    path
}

#[test]
fn leftovers_of_the_dead_are_swept_and_those_of_the_living_are_not() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (path, other) = (directory.path().join("x"), directory.path().join("other"));
    let (stale, of_other) = (leftover(&path), leftover(&other));
    let living = TemporaryFolder::beside(&path)?;
    assert!(!stale.exists() && living.path().exists());
    make(&path, OutputKind::File, false, "1")?;
    assert!(living.path().exists());
    assert!(of_other.exists(), "it is of another target");
    drop(living);
    // One that is being made has no lock yet.
    let unborn = leftover(&path);
    fs::remove_file(unborn.join("lock"))?;
    make(&path, OutputKind::File, true, "2")?;
    assert!(unborn.exists());
    // Locks of another computer say nothing, but that nothing happened for long.
    let foreign = leftover(&path);
    fs::write(foreign.join("lock"), "another computer")?;
    make(&path, OutputKind::File, true, "3")?;
    assert!(foreign.exists());
    let lock = fs::File::options().write(true).open(foreign.join("lock"))?;
    lock.set_modified(std::time::SystemTime::now() - std::time::Duration::from_hours(48))?;
    drop(lock);
    make(&path, OutputKind::File, true, "4")?;
    assert!(!foreign.exists());
    Ok(())
}

/// The state that a kill between the two renames leaves where folders cannot be exchanged.
#[test]
fn what_an_interrupted_write_moved_aside_is_found_and_put_back() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("x");
    make(&path, OutputKind::Folder, false, "old")?;
    assert_eq!(interrupted(&path), None);
    let stale = leftover(&path);
    fs::rename(&path, stale.join("old"))?;
    assert_eq!(interrupted(&path), Some(stale.join("old")));

    assert!(make(&path, OutputKind::Folder, false, "new").is_err_and(|error| error.is_already_exists()));
    assert_eq!(fs::read_to_string(path.join("a"))?, "old");
    assert_eq!(names(directory.path()), ["x"]);
    Ok(())
}

#[test]
fn without_an_exchange_the_old_folder_comes_back_where_the_new_one_cannot_be_moved() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let (path, old) = (directory.path().join("x"), directory.path().join("old"));
    make(&path, OutputKind::Folder, false, "old")?;
    let failed = publish::replace(&directory.path().join("absent"), &path, &old);
    assert!(failed.is_err_and(|error| error.kind() == io::ErrorKind::NotFound));
    assert_eq!(fs::read_to_string(path.join("a"))?, "old");
    Ok(())
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn links_stay_and_lead_to_the_output_also_where_nothing_was() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        symlink("middle", path("link"))?;
        symlink("real", path("middle"))?;
        for (kind, overwrite) in [(OutputKind::File, false), (OutputKind::File, true)] {
            make(&path("link"), kind, overwrite, "1")?;
            assert!(path("link").is_symlink() && path("middle").is_symlink() && path("real").is_file());
        }
        assert!(make(&path("link"), OutputKind::File, false, "1").is_err_and(|error| error.is_already_exists()));
        fs::remove_file(path("real"))?;
        make(&path("link"), OutputKind::Folder, false, "1")?;
        assert!(path("link").is_symlink() && path("real").is_dir());
        symlink("round", path("round"))?;
        let refused = make(&path("round"), OutputKind::File, true, "1").unwrap_err();
        assert!(refused.to_string().ends_with("round: it is a symbolic link that leads to itself"), "{refused}");
        Ok(())
    }

    #[test]
    fn what_is_no_file_is_never_replaced() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        let socket = std::os::unix::net::UnixListener::bind(path("socket"))?;
        symlink("socket", path("link"))?;
        symlink("/dev/null", path("null"))?;
        fs::create_dir(path("folder"))?;
        for name in ["socket", "link", "null", "folder"] {
            for overwrite in [false, true] {
                let refused = make(&path(name), OutputKind::File, overwrite, "1").unwrap_err();
                assert!(refused.is_refused(), "{refused}");
            }
        }
        assert!(make(&path("socket"), OutputKind::Folder, true, "1").is_err_and(|error| error.is_refused()));
        assert_eq!(names(directory.path()), ["folder", "link", "null", "socket"]);
        drop(socket);
        Ok(())
    }

    #[test]
    fn permissions_are_kept_from_the_first_byte() -> Result<()> {
        let directory = tempfile::tempdir()?;
        let (file, folder) = (directory.path().join("file"), directory.path().join("folder"));
        make(&file, OutputKind::File, false, "1")?;
        make(&folder, OutputKind::Folder, false, "1")?;
        let usual = (mode(&file), mode(&folder));
        make(&file, OutputKind::File, true, "2")?;
        make(&folder, OutputKind::Folder, true, "2")?;
        assert_eq!((mode(&file), mode(&folder)), usual);
        for (file_mode, folder_mode) in [(0o600, 0o700), (0o664, 0o2775), (0o400, 0o755)] {
            set_mode(&file, file_mode);
            set_mode(&folder, folder_mode);
            set_mode(&folder.join("a"), file_mode);
            let output = AtomicOutput::create(&file, OutputKind::File, true)?;
            fs::write(output.path(), "3")?;
            assert_eq!(mode(output.path().parent().unwrap()), 0o700, "nobody else can look into it");
            output.commit(false)?;
            make(&folder, OutputKind::Folder, true, "3")?;
            assert_eq!((mode(&file), mode(&folder)), (file_mode, folder_mode));
            assert_eq!((mode(&folder.join("inner")), mode(&folder.join("inner/b"))), (folder_mode, file_mode));
        }
        // A folder that becomes a file, and the other way.
        set_mode(&file, 0o640);
        make(&file, OutputKind::Folder, true, "4")?;
        assert_eq!(mode(&file), 0o750);
        Ok(())
    }

    #[test]
    fn names_that_are_no_utf8_are_names() -> Result<()> {
        use std::os::unix::ffi::OsStrExt as _;
        let directory = tempfile::tempdir()?;
        let path = directory.path().join(std::ffi::OsStr::from_bytes(b"a\xffb"));
        make(&path, OutputKind::File, false, "1")?;
        make(&path, OutputKind::File, true, "2")?;
        assert_eq!(fs::read_to_string(&path)?, "2");
        assert_eq!(names(directory.path()).len(), 1);
        Ok(())
    }
}
