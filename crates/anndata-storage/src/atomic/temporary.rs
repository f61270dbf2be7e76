//! Temporary folders beside an output: locked by the living, swept when stale.
//!
//! A folder is called `.NAME.HASH-RANDOM.tmp`, where `NAME` is the first characters of the target's name. In it are `lock`,
//! which its writer keeps locked and which says whose it is, what is made, and for an instant `old`, what is replaced.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{follow, parent};
use crate::{Error, Result};

const LOCK: &str = "lock";
const OLD: &str = "old";
const SUFFIX: &str = ".tmp";

/// How many bytes of the target's name are in that of a temporary folder, so that a long name is not too long.
const NAME_BYTES: usize = 64;

/// A folder without a lock is being made, or was left by a writer that was killed in that instant.
const BIRTH: Duration = Duration::from_mins(1);

/// After this time a lock that another computer knows nothing of is taken to be nobody's.
const LONG_AGO: Duration = Duration::from_hours(24);

/// The folders of this process that are in use.
struct Living {
    folders: Vec<(PathBuf, PathBuf)>,
    abandoned: bool,
}

static LIVING: Mutex<Living> = Mutex::new(Living { folders: Vec::new(), abandoned: false });

fn living() -> MutexGuard<'static, Living> {
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ending() -> Error {
    Error::io("the process is ending")
}

/// Runs what must not be interrupted by [`abandon`].
pub(super) fn while_not_abandoned<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    let living = living();
    if living.abandoned { Err(ending()) } else { run() }
}

/// A folder beside a target, which nobody else can look into, removed with all that is in it when dropped.
///
/// See [the module](super) for what becomes of it where the process is killed.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    lock: Option<File>,
}

impl TemporaryFolder {
    /// Makes a folder beside `target`, and removes those that writers that were killed left there.
    ///
    /// # Errors
    /// If the folder that holds `target` cannot be written, or [`abandon`] was called.
    pub fn beside(target: impl AsRef<Path>) -> Result<Self> {
        let target = target.as_ref();
        let name = file_name(target)?;
        sweep(target, name);
        let mut living = living();
        if living.abandoned {
            return Err(ending());
        }
        let path = make_folder(target, name)?;
        living.folders.push((path.clone(), target.to_owned()));
        drop(living);
        let mut folder = Self { path, lock: None };
        folder.lock = Some(folder.make_lock(name)?);
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where what is replaced is moved to.
    pub(super) fn old(&self) -> PathBuf {
        self.path.join(OLD)
    }

    /// The lock appears when it is locked already. If the file system has no locks, nobody can take the folder for
    /// stale before long.
    fn make_lock(&self, name: &OsStr) -> io::Result<File> {
        let unnamed = self.path.join("lock.new");
        let mut lock = OpenOptions::new().read(true).write(true).create_new(true).open(&unnamed)?;
        let _ = lock.try_lock();
        lock.write_all(&owner(name))?;
        fs::rename(unnamed, self.path.join(LOCK))?;
        Ok(lock)
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        self.lock = None;
        // What cannot be removed now is removed by the next writer.
        let _ = fs::remove_dir_all(&self.path);
        living().folders.retain(|(path, _)| *path != self.path);
    }
}

/// Removes all temporary folders of this process, for a program that ends without unwinding, as by a signal. From then on
/// no output of the process can be begun or finished; one that is being put in place is waited for.
pub fn abandon() {
    let mut living = living();
    living.abandoned = true;
    for (folder, target) in std::mem::take(&mut living.folders) {
        // Writers go on meanwhile, and would make folders anew: they are kept from that by a file of that name.
        let aside = folder.with_extension("end.tmp");
        let moved = fs::rename(&folder, &aside).is_ok();
        let blocked = moved && File::create_new(&folder).is_ok();
        let stale = if moved { &aside } else { &folder };
        put_back(stale, &target);
        let _ = fs::remove_dir_all(stale);
        if blocked {
            let _ = fs::remove_file(&folder);
        }
    }
}

/// If a write that was killed in the instant between moving the old folder aside and the new one in place left the old
/// one: only where nothing is at `path`, and the system cannot exchange folders in one step.
///
/// The next write to the path moves it back; so can its owner.
pub fn interrupted(path: impl AsRef<Path>) -> Option<PathBuf> {
    let target = follow(path.as_ref()).ok()?;
    if fs::symlink_metadata(&target).is_ok() {
        return None;
    }
    let name = file_name(&target).ok()?;
    siblings(&target, name).into_iter().map(|folder| folder.join(OLD)).find(|old| old.exists())
}

/// Puts back what an interrupted write left aside.
pub(super) fn recover(target: &Path) -> Result<()> {
    if fs::symlink_metadata(target).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        sweep(target, file_name(target)?);
    }
    Ok(())
}

fn file_name(target: &Path) -> Result<&OsStr> {
    target.file_name().ok_or_else(|| Error::invalid_input("it is not the path of a file or folder"))
}

/// Removes the temporary folders of this target whose writers are dead. What cannot be identified or removed stays.
fn sweep(target: &Path, name: &OsStr) {
    for folder in siblings(target, name) {
        // The lock is kept until the folder is gone, so that nobody else sweeps it too.
        if let Ok(Writer::Dead { _lock }) = writer(&folder, name) {
            put_back(&folder, target);
            let _ = fs::remove_dir_all(&folder);
        }
    }
}

/// Moves what was replaced back, where nothing is in its place.
fn put_back(folder: &Path, target: &Path) {
    let old = folder.join(OLD);
    if old.exists() && fs::symlink_metadata(target).is_err() {
        let _ = fs::rename(old, target);
    }
}

/// Whose a folder is.
enum Writer {
    Living,
    /// Nobody's any more; its lock is ours.
    Dead {
        _lock: Option<File>,
    },
}

fn writer(folder: &Path, name: &OsStr) -> io::Result<Writer> {
    let older = |path: &Path, age: Duration| -> io::Result<bool> {
        Ok(fs::metadata(path)?.modified()?.elapsed().is_ok_and(|elapsed| elapsed > age))
    };
    let path = folder.join(LOCK);
    let mut lock = match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(if older(folder, BIRTH)? { Writer::Dead { _lock: None } } else { Writer::Living });
        }
        Err(error) => return Err(error),
    };
    if lock.try_lock().is_err() {
        return Ok(Writer::Living);
    }
    let mut said = Vec::new();
    lock.read_to_end(&mut said)?;
    let is_dead = said == owner(name) || older(&path, LONG_AGO)?;
    Ok(if is_dead { Writer::Dead { _lock: Some(lock) } } else { Writer::Living })
}

/// What a lock says: on which computer it can be found out whether it is locked, and for which target.
fn owner(name: &OsStr) -> Vec<u8> {
    // Locks are those of one kernel: another computer that has the same disk may not see them.
    let mut owner = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    owner.extend_from_slice(name.as_encoded_bytes());
    owner
}

/// The temporary folders of a target.
fn siblings(target: &Path, name: &OsStr) -> Vec<PathBuf> {
    let prefix = prefix(name);
    let Ok(entries) = fs::read_dir(parent(target)) else { return Vec::new() };
    entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let found = entry.file_name();
            let found = found.as_encoded_bytes();
            let is_ours = found.starts_with(prefix.as_encoded_bytes()) && found.ends_with(SUFFIX.as_bytes());
            (is_ours && entry.file_type().ok()?.is_dir()).then(|| entry.path())
        })
        .collect()
}

/// How the names of all temporary folders of a target begin.
fn prefix(name: &OsStr) -> OsString {
    let shown: String = name.to_string_lossy().chars().filter(char::is_ascii_graphic).take(NAME_BYTES).collect();
    // FNV-1a, the same in all versions.
    let hash = name
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    OsString::from(format!(".{shown}.{hash:016x}-"))
}

/// Makes a folder of a free name.
fn make_folder(target: &Path, name: &OsStr) -> io::Result<PathBuf> {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only there it has a mode"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    loop {
        let mut sibling = prefix(name);
        sibling.push(format!("{:016x}{SUFFIX}", RandomState::new().hash_one(name)));
        let path = parent(target).join(sibling);
        match builder.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            result => return result.map(|()| path),
        }
    }
}
