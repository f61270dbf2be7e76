//! Collections of many stores, and concatenation on disk: what Python has in `anndata.experimental`. Feature `experimental`.
//!
//! [`Collection::open`] takes [`open`](crate::open()) to open stores in any format:
//!
//! ```
//! use anndata::experimental::Collection;
//! use anndata::{AnnData, ConcatOptions, Tensor};
//!
//! # let directory = tempfile::tempdir()?;
//! # let (a, b) = (directory.path().join("a.h5ad"), directory.path().join("b.zarr"));
//! # let object = |value: f32| AnnData::builder().x(Tensor::from_vec([2, 1], vec![value; 2])?).build();
//! # anndata::write(&a, &object(1.0)?)?;
//! # anndata::write(&b, &object(2.0)?)?;
//! let all = Collection::open([("a", &a), ("b", &b)], &ConcatOptions::default(), |path| anndata::open(path))?;
//! assert_eq!(all.shape(), (4, 1));
//! let some = all.select(vec![3, 0], ..)?.load()?;
//! assert_eq!(some.x().unwrap().to_tensor()?.as_slice::<f32>()?, [2.0, 1.0]);
//! # Ok::<(), anndata::Error>(())
//! ```
//!
//! [`concat_on_disk`] writes what [`concat`](crate::concat()) would give, without having it in memory.

mod on_disk;

pub use anndata_experimental::{Collection, RowId, StorePool};
pub use anndata_format::node::Grid;
pub use on_disk::{OnDiskOptions, OnDiskReport, concat_on_disk, plan_on_disk};
