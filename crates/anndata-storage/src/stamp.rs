//! [`FileStamp`]: what tells a file from another that was put in its place.

use std::fs::Metadata;
use std::time::SystemTime;

/// Which file something is, and in which state: what tells it from another that was put in its place, and from itself
/// after it was written to.
///
/// ```
/// use anndata_storage::FileStamp;
///
/// # let directory = std::env::temp_dir().join(format!("anndata-stamp-{}", std::process::id()));
/// # std::fs::create_dir_all(&directory)?;
/// let (path, other) = (directory.join("file"), directory.join("other"));
/// std::fs::write(&path, "old")?;
/// std::fs::write(&other, "new")?;
/// let before = FileStamp::of(&std::fs::metadata(&path)?);
/// assert_eq!(FileStamp::of(&std::fs::metadata(&path)?), before);
/// std::fs::rename(&other, &path)?;
/// assert!(!FileStamp::of(&std::fs::metadata(&path)?).is_same_file(&before));
/// # std::fs::remove_dir_all(&directory)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStamp {
    file: Identity,
    len: u64,
    modified: Option<SystemTime>,
}

/// The device and the number of a file.
#[cfg(unix)]
type Identity = (u64, u64);

/// When a file was made, where the system has no numbers to offer.
#[cfg(not(unix))]
type Identity = Option<SystemTime>;

impl FileStamp {
    /// The stamp of a file or folder.
    pub fn of(metadata: &Metadata) -> Self {
        Self { file: identity(metadata), len: metadata.len(), modified: metadata.modified().ok() }
    }

    /// Whether both are of one file or folder, whatever was written to it between.
    pub fn is_same_file(&self, other: &Self) -> bool {
        self.file == other.file
    }
}

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> Identity {
    metadata.created().ok()
}
