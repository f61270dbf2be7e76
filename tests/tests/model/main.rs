//! How the model behaves, through the public interface, in memory and in files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

mod choices;
mod slots;
mod unknown;
mod writing;
