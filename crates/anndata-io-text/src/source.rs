//! Bytes of files, compressed or not, and the blocks of whole lines that they are parsed in on all cores.

mod blocks;
mod parallel;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};

use anndata_storage::{Error, Result};

pub(crate) use blocks::{Block, Blocks};
pub(crate) use parallel::parse;

/// How many bytes are read from a file at a time.
const BUFFER: usize = 256 << 10;

/// A file that is read as text: decompressed on the way, whatever its name says.
pub(crate) struct Source {
    /// The file, for errors.
    pub(crate) path: PathBuf,
    /// How many bytes it takes in the file system.
    pub(crate) stored: u64,
    /// The text.
    pub(crate) text: Box<dyn Read + Send>,
}

impl Source {
    /// Opens a file. The first bytes say whether it is compressed: gzip (of several members, too), zstd or bzip2.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let open = || {
            let file = File::open(path).map_err(|error| {
                let kind = Error::from(io::Error::from(error.kind())).kind();
                Error::new(kind, "cannot be opened").with_source(error)
            })?;
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Err(Error::invalid_input("it is a folder, not a file"));
            }
            let mut reader = BufReader::with_capacity(BUFFER, file);
            let start = reader.fill_buf()?;
            let text: Box<dyn Read + Send> = if start.starts_with(&[0x1f, 0x8b]) {
                Box::new(flate2::bufread::MultiGzDecoder::new(reader))
            } else if start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
                Box::new(zstd::stream::read::Decoder::with_buffer(reader)?)
            } else if start.starts_with(b"BZh") {
                Box::new(bzip2::bufread::MultiBzDecoder::new(reader))
            } else {
                Box::new(reader)
            };
            Ok(Self { path: path.to_owned(), stored: metadata.len(), text })
        };
        open().map_err(|error: Error| error.in_file(path))
    }
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What a text in UTF-8 may begin with.
pub(crate) const BOM: [u8; 3] = [0xef, 0xbb, 0xbf];

/// The first bytes of what a file holds, decompressed; fewer than asked for if that is all.
pub(crate) fn beginning(path: &Path, len: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Source::open(path)?.text.take(len).read_to_end(&mut bytes).map_err(|error| damaged(error).in_file(path))?;
    Ok(bytes)
}

/// The error of a text that cannot be read or decompressed.
pub(crate) fn damaged(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::invalid_data("the compressed file ends too early"),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::Other => {
            Error::invalid_data("cannot be decompressed").with_source(error)
        }
        _ => error.into(),
    }
}

/// The same error, which names the line (from 1) that it is about.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(crate) fn at_line(error: Error, line: u64) -> Error {
    let text = error.text();
    Error::new(error.kind(), format!("line {line}: {text}"))
}

/// A text of a file as it is shown in an error: no more than its beginning.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let text = String::from_utf8_lossy(bytes);
    if text.chars().count() <= SHOWN {
        return format!("'{text}'");
    }
    format!("'{}…'", text.chars().take(SHOWN).collect::<String>())
}
