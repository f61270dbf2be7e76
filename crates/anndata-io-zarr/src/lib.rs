//! The Zarr backend of anndata: folders, zip files and object stores as a [`Storage`](anndata_storage::Storage).
//!
#![doc = include_str!("../README.md")]

mod atomic;
mod codec;
mod layout;
mod metadata;
mod open;
mod options;
mod remote_object;
mod resume;
mod shard;
mod store;
mod tree;

pub use atomic::{write_atomic, write_objects, write_url};
/// The crate of remote stores, in the version that is used here.
pub use object_store;
pub use open::{is_zarr, open, open_path};
pub use options::{PageCache, Sharding, ZarrFormat, ZarrOptions};
pub use remote_object::RemoteObject;
pub use resume::write_resumable;
pub use tree::ZarrStore;
