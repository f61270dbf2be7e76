//! Arrays of this workspace as tensors of other libraries, each behind the feature of its name.
//!
//! | feature | function | not copied |
//! | --- | --- | --- |
//! | `dlpack` | `to_dlpack` | values of any array: they are shared, for reading only |
//!
//! The crate whose type it gives is here under its name, in the version that is meant.
//!
//! A dense matrix of a batch is [`Batch::into_dense`](crate::Batch::into_dense), labels are arrays as they are, and a CSR matrix
//! is three arrays: its values, indices and offsets.

#[cfg(feature = "dlpack")]
mod dlpack;

#[cfg(feature = "dlpack")]
pub use dlpark;

#[cfg(feature = "dlpack")]
pub use self::dlpack::to_dlpack;
