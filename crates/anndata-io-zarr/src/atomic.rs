//! Stores that are complete or absent: built beside their target, then moved there; or sent to a server, the root last.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anndata_storage::atomic::{AtomicOutput, OutputKind};
use anndata_storage::{Error, Group, Result, Storage};

use object_store::ObjectStore;

use crate::open::by_url;
use crate::store::folder::Folder;
use crate::store::object::Objects;
use crate::store::remote::AsyncStore;
use crate::store::upload::Uploads;
use crate::store::zip::{NewZip, is_zip};
use crate::store::{METADATA, Remote, Store};
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

/// Makes a store at a URL such as `s3://bucket/name.zarr` (feature `cloud`) that is complete or cannot be opened.
///
/// `build` fills the root group. Values are sent while the next ones are made: chunks and shards many at a time, shards above 8 MiB
/// in parts where the server takes such, with about 128 MiB of them in memory at most (one shard more where it does not). The
/// metadata of the root, without which nothing is a store, are written last, when everything else is there. If something fails,
/// what was written is removed, and nothing is a store.
///
/// Object stores cannot rename: with `overwrite` a store that is there is removed first, its root before anything else, and what
/// comes to nothing later does not bring it back. What a killed process left is told from other objects by the object
/// `.anndata-unfinished`, and removed by the next write. A server that cannot list its objects has neither: there, a store is
/// written where none is, and nothing is replaced. A store from which this process still reads is not replaced.
///
/// ```no_run
/// use anndata_io_zarr::{ZarrOptions, write_url};
/// use anndata_storage::{ArraySpec, Tensor};
///
/// let numbers = Tensor::from_vec([3], vec![1, 2, 3])?;
/// write_url("s3://bucket/name.zarr", &ZarrOptions::default(), false, |root| {
///     root.create_array("numbers", &ArraySpec::of(&numbers))?.write(&[0], &numbers)
/// })?;
/// # Ok::<(), anndata_storage::Error>(())
/// ```
///
/// # Errors
/// [`AlreadyExists`](anndata_storage::ErrorKind::AlreadyExists) if a store is there and `overwrite` is not asked for;
/// [`InvalidInput`](anndata_storage::ErrorKind::InvalidInput) if it is still read; [`Refused`](anndata_storage::ErrorKind::Refused) if other objects are; [`Unsupported`](anndata_storage::ErrorKind::Unsupported)
/// if the URL is of an unknown kind, or a store would be replaced on a server that cannot list; if `build` or a request fails.
pub fn write_url<T>(
    url: &str,
    options: &ZarrOptions,
    overwrite: bool,
    build: impl FnOnce(&Group) -> Result<T>,
) -> Result<T> {
    let objects = by_url(url, options).map_err(|error| error.in_file(url))?;
    write_remote(Arc::new(objects), options, overwrite, build)
}

/// Makes a store below `prefix` of an object store, as [`write_url`] does at a URL.
///
/// # Errors
/// As [`write_url`].
pub fn write_objects<T>(
    objects: Arc<dyn ObjectStore>,
    prefix: &str,
    options: &ZarrOptions,
    overwrite: bool,
    build: impl FnOnce(&Group) -> Result<T>,
) -> Result<T> {
    let name = format!("{objects}/{}", prefix.trim_matches('/'));
    write_remote(Arc::new(Objects::new(objects, prefix, name, options)), options, overwrite, build)
}

/// What says that objects are those of a store that is being written.
const UNFINISHED: &str = ".anndata-unfinished";

fn write_remote<T>(
    store: Arc<dyn AsyncStore>,
    options: &ZarrOptions,
    overwrite: bool,
    build: impl FnOnce(&Group) -> Result<T>,
) -> Result<T> {
    let location = PathBuf::from(store.to_string());
    let named = |error: Error| error.in_file(&location);
    let remote = Remote::new(store, options.concurrency, options.retries, true)?;
    let can_list = make_room(&remote, options, overwrite).map_err(named)?;
    if can_list {
        remote
            .write(UNFINISHED, b"A zarr store is being written here. If nobody writes it, it was interrupted.\n")
            .map_err(named)?;
    }
    let uploads = Uploads::new(remote.clone(), can_list);
    let format = options.format.unwrap_or_default();
    let store = Arc::new(ZarrStore::create_at_once(Box::new(uploads.clone()), &location, format, options));
    let made = build(&Group::root(Arc::clone(&store) as Arc<dyn Storage>));
    let made = made.and_then(|made| store.commit().map(|()| made).map_err(|error| error.in_store(&*store)));
    if made.is_err() {
        uploads.abandon();
        return made;
    }
    uploads.close();
    if can_list {
        remote.erase(UNFINISHED).map_err(named)?;
    }
    made
}

/// Removes what a new store takes the place of. Tells whether the store can list its objects.
fn make_room(remote: &Remote, options: &ZarrOptions, overwrite: bool) -> Result<bool> {
    let any = ZarrOptions { format: None, ..options.clone() };
    let is_store = match ZarrStore::open_store(Box::new(remote.clone()), &any) {
        Err(error) if error.is_not_found() => false,
        opened => opened.map(|_| true)?,
    };
    if is_store && !overwrite {
        return Err(Error::already_exists("it already exists"));
    }
    if is_store && remote.is_read() {
        let message =
            "what was read from it lazily is still in use and would be lost: load it, or choose another place";
        return Err(Error::invalid_input(message));
    }
    let Some(there) = remote.all()? else {
        if is_store {
            let message = "the server cannot list what is there, so a store is not replaced: choose another URL";
            return Err(Error::unsupported(message));
        }
        return Ok(false);
    };
    if !is_store && !there.is_empty() && !there.iter().any(|(key, _)| key == UNFINISHED) {
        return Err(Error::refused("there are objects that are not a zarr store, and are not replaced by one"));
    }
    METADATA.iter().filter(|name| there.iter().any(|(key, _)| key == *name)).try_for_each(|name| remote.erase(name))?;
    if !there.is_empty() {
        remote.erase_all("")?;
    }
    Ok(true)
}

/// Refuses to replace what is not a zarr store.
pub(crate) fn check_is_store(target: &Path) -> Result<()> {
    if target.symlink_metadata().is_ok() && !crate::is_zarr(target) {
        return Err(Error::refused("it is not a zarr store, and is not replaced by one"));
    }
    Ok(())
}
