//! How objects are edited, through the public interface: in memory, as views, and read lazily from files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

mod properties;
mod slots;
mod stored;
mod views;
