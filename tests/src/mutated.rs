//! Mutated inputs: sound files and stores of which bytes are changed, and what comes of looking at them.
//!
//! A program that calls [`act`] first is both the driver and, when the driver starts it again, the process that looks: what
//! ends such a process, or keeps it longer than [`PATIENCE`], is counted and gone on after.

mod changes;
mod driver;
mod looks;
mod report;
mod sources;
mod worker;

use std::time::Duration;

pub use driver::{Driver, Program};
pub use looks::Look;
pub use report::{Report, Row};
pub use worker::act;

/// After this time a look is taken to hang.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// What is mutated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `.h5ad` files.
    H5ad,
    /// `.zarr` folders and `.zarr.zip` files.
    Zarr,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::H5ad => "h5ad",
            Self::Zarr => "zarr",
        }
    }
}
