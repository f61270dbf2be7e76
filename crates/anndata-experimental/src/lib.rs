//! Collections of annotated data matrices that are larger than memory.
#![doc = include_str!("../README.md")]

mod collection;
mod manifest;
mod pool;

pub use collection::{Collection, RowId};
pub use pool::StorePool;
