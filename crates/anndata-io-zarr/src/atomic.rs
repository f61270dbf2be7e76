//! Stores that are complete or absent: built beside their target, then moved there.

use std::path::Path;
use std::sync::Arc;

use anndata_storage::atomic::{AtomicOutput, OutputKind};
use anndata_storage::{Error, Group, Result, Storage};

use crate::store::Store;
use crate::store::folder::Folder;
use crate::store::zip::{NewZip, is_zip};
use crate::{ZarrOptions, ZarrStore};

/// Makes a store at `path` that appears complete or not at all: see [`anndata_storage::atomic`] for what is promised.
///
/// `build` fills the root group of a store beside `path`, which is then moved there. A path that ends with `.zip` becomes a
/// zip file. If something fails, `path` is as it was.
///
/// # Errors
/// If something stands at `path` already and `overwrite` is not asked for, or what stands there is not a zarr store; if
/// `build` fails; if writing fails.
pub fn write_atomic<T>(
    path: impl AsRef<Path>,
    options: &ZarrOptions,
    overwrite: bool,
    build: impl FnOnce(&Group) -> Result<T>,
) -> Result<T> {
    let path = path.as_ref();
    let kind = if is_zip(path) { OutputKind::File } else { OutputKind::Folder };
    let output = AtomicOutput::create(path, kind, overwrite)?;
    check_is_store(output.target()).map_err(|error| error.in_file(path))?;
    let store: Box<dyn Store> = match kind {
        OutputKind::File => Box::new(NewZip::create(output.path(), path, options.durable)?),
        OutputKind::Folder if options.durable => {
            Box::new(Folder::durable(output.path()).map_err(|error| Error::from(error).in_file(path))?)
        }
        OutputKind::Folder => Box::new(Folder::new(output.path(), true)),
    };
    let store = Arc::new(ZarrStore::create_at_once(store, path, options.format.unwrap_or_default(), options));
    let made = build(&Group::root(Arc::clone(&store) as Arc<dyn Storage>))?;
    store.commit().map_err(|error| error.in_store(&*store))?;
    drop(store);
    // What the caller may have made there meanwhile is not ours.
    check_is_store(output.target()).map_err(|error| error.in_file(path))?;
    output.commit(options.durable)?;
    Ok(made)
}

/// Refuses to replace what is not a zarr store.
pub(crate) fn check_is_store(target: &Path) -> Result<()> {
    if target.symlink_metadata().is_ok() && !crate::is_zarr(target) {
        return Err(Error::refused("it is not a zarr store, and is not replaced by one"));
    }
    Ok(())
}
