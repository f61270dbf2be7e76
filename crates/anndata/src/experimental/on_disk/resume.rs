//! Going on with a concatenation that was interrupted.

use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anndata_format::{AnnData, Error, Result};

use super::OnDiskOptions;
use crate::format::Location;
use crate::{Format, WriteOptions};

/// Refuses an output that cannot be made in several goes.
pub(super) fn check(format: Format, output: &Path, is_url: bool) -> Result<()> {
    let is_zip = output.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("zip"));
    if format == Format::Zarr && !is_zip && !is_url && cfg!(feature = "zarr") {
        return Ok(());
    }
    Err(Error::unsupported("only a zarr folder can be resumed: choose an output that ends in .zarr").in_file(output))
}

/// Writes an object as a zarr folder, and goes on with what an interrupted write of the same identity has left.
#[cfg(feature = "zarr")]
pub(super) fn write(path: &Path, adata: &AnnData, options: &WriteOptions, identity: &str) -> Result<()> {
    let zarr = options.zarr.clone().with_durable(options.durable && options.zarr.durable);
    let overwrite = options.overwrite.unwrap_or(false);
    anndata_io_zarr::write_resumable(path, &zarr, overwrite, identity, |root, journal| {
        let mut elem = options.elem.clone();
        elem.store = elem.store.with_journal(std::sync::Arc::clone(journal));
        anndata_format::io::write_anndata(root, adata, &elem)
    })
}

#[cfg(not(feature = "zarr"))]
pub(super) fn write(path: &Path, _: &AnnData, _: &WriteOptions, _: &str) -> Result<()> {
    Err(crate::format::not_built(Format::Zarr).in_file(path))
}

/// What tells a concatenation from any other: its options, and of each input key, place, size and time.
pub(super) fn identity(inputs: &[(String, PathBuf)], options: &OnDiskOptions) -> String {
    let mut hash = Hash(FNV_BASIS);
    let OnDiskOptions { concat, read, write, memory_limit, copy_chunks, grid, resume: _ } = options;
    let mut write = write.clone();
    // How progress is told, and whether the disk is waited for, makes no other output.
    (write.elem.store.progress, write.durable, write.overwrite) = (None, true, None);
    let version = env!("CARGO_PKG_VERSION");
    // A hash takes any text.
    let _ = write!(hash, "{version} {concat:?} {read:?} {write:?} {memory_limit} {copy_chunks} {grid:?}");
    for (key, path) in inputs {
        let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
        let _ = write!(hash, "{key:?} {:?} {:?}", whole.as_os_str().as_encoded_bytes(), stamp(path));
    }
    format!("{:032x}", hash.0)
}

/// The size of a file and when it was changed; of a folder, of the documents of its root, which every writing renews.
fn stamp(input: &Path) -> Vec<(u64, Option<u128>)> {
    let store = Location::of(input).map_or_else(|_| input.to_owned(), |location| location.store);
    let documents = ["zarr.json", ".zmetadata", ".zgroup", ".zattrs"].map(|name| store.join(name));
    let files = documents.into_iter().chain([store]).filter_map(|path| std::fs::metadata(path).ok());
    let files = files.filter(std::fs::Metadata::is_file);
    let of_file = |metadata: std::fs::Metadata| {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        (metadata.len(), modified.map(|time| time.as_nanos()))
    };
    files.map(of_file).collect()
}

/// FNV-1a of 128 bits, the same in every version.
struct Hash(u128);

const FNV_BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const FNV_PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

impl fmt::Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = text.bytes().fold(self.0, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(FNV_PRIME));
        Ok(())
    }
}
