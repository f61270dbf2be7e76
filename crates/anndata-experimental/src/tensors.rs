//! Arrays of this workspace as tensors of other libraries, each behind the feature of its name.
//!
//! What a loader gives is taken over without a copy where the other library can:
//!
//! | feature | function | not copied |
//! | --- | --- | --- |
//! | `candle` | `to_candle` | values that were asked for as dense, on the CPU |
//! | `burn` | `to_burn` | values that were asked for as dense |
//! | `dlpack` | `to_dlpack` | values of any array: they are shared, for reading only |
//!
//! burn asks for Rust 1.95, a later one than this crate does without it.
//!
//! The crates whose types these functions give are here under their names, in the version that is meant.
//!
//! A dense matrix of a batch is [`Batch::into_dense`](crate::Batch::into_dense), labels are arrays as they are, and a CSR matrix
//! is three arrays: its values, indices and offsets.

#[cfg(feature = "burn")]
mod burn;
#[cfg(feature = "candle")]
mod candle;
#[cfg(feature = "dlpack")]
mod dlpack;

#[cfg(feature = "burn")]
pub use burn_std;
#[cfg(feature = "candle")]
pub use candle_core;
#[cfg(feature = "dlpack")]
pub use dlpark;

#[cfg(feature = "burn")]
pub use self::burn::to_burn;
#[cfg(feature = "candle")]
pub use self::candle::to_candle;
#[cfg(feature = "dlpack")]
pub use self::dlpack::to_dlpack;
