//! The storage layer of anndata: what every file format has in common, and nothing of `AnnData`.
//!
//! A store is a tree of [`Group`]s and [`Array`]s with [`Attributes`]. A backend implements two small traits,
//! [`Storage`] and [`ArrayStorage`]; users hold the handles [`Group`] and [`Array`], which check what they are
//! asked, put the path into every error, and offer the conveniences. A backend whose arrays are stored in chunks
//! also implements [`ChunkedStorage`], and gets reading and writing on all cores from [`chunked`].
//!
//! The [`guide`] builds a backend from the first line to the last.
//!
//! Values travel as [`Tensor`]s: a [`DType`], a shape and one Arrow buffer.
//!
//! ```
//! use std::sync::Arc;
//! use anndata_storage::{ArraySpec, AxisSelection, Group, MemoryStore, Tensor};
//!
//! let root = Group::root(Arc::new(MemoryStore::new()));
//! let counts = Tensor::from_vec([2, 3], vec![1_i32, 2, 3, 4, 5, 6])?;
//! let array = root.create_array("counts", &ArraySpec::of(&counts))?;
//! array.write(&[0, 0], &counts)?;
//!
//! let second_row = root.array("counts")?.read_selection(&[AxisSelection::Range(1..2), AxisSelection::Range(0..3)])?;
//! assert_eq!(second_row.as_slice::<i32>()?, [4, 5, 6]);
//! # Ok::<(), anndata_storage::Error>(())
//! ```

pub mod atomic;
mod attributes;
mod capabilities;
pub mod chunked;
mod dtype;
mod edit;
mod error;
mod escape;
#[doc = include_str!("guide.md")]
#[allow(rustdoc::invalid_rust_codeblocks, reason = "a part of an implementation is explained at a time")]
pub mod guide {}
mod handle;
mod journal;
mod limits;
mod memory;
mod path;
pub mod position;
#[cfg(feature = "runtime")]
mod runtime;
mod scalar;
mod selection;
mod spec;
mod stamp;
mod storage;
mod streamed;
mod tensor;
#[cfg(feature = "testkit")]
pub mod testkit;
mod time;
mod unblock;
mod waiting;

pub use attributes::{Attribute, Attributes};
pub use capabilities::Capabilities;
pub use chunked::{ChunkInfo, ChunkedStorage};
pub use dtype::{DType, Field, OpaqueType};
pub use edit::Edit;
pub use error::{Error, ErrorKind, OrBug, Result};
pub use escape::escaped;
pub use half::f16;
pub use handle::{Array, BlockSize, Blocks, Copied, Group, PieceCopy};
pub use journal::{Journal, merge_ranges};
pub use limits::Limits;
pub use memory::MemoryStore;
pub use num_complex::Complex;
pub use path::{child_path, file_name, parent_path};
#[cfg(feature = "runtime")]
pub use runtime::Runtime;
pub use scalar::Scalar;
pub use selection::AxisSelection;
pub use spec::{ArrayLayout, ArraySpec, Codec, Compression};
pub use stamp::FileStamp;
pub use storage::{
    ArrayStorage, AsyncArrayStorage, AsyncStorage, BoxFuture, NodeKind, NodeMeta, PieceFormat, PieceState, Storage,
    StoredPieces, TreeVisitor, copy_values, read_positions, walk,
};
pub use streamed::{Streamed, streamed};
pub use tensor::{AlignedBytes, Extreme, MemoryReuse, Moments, SharedBytes, Tensor, check_factors, times};
pub use time::{NAT, TimeStep, TimeUnit};
pub use unblock::unblock;
pub use waiting::on_waiting_threads;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
