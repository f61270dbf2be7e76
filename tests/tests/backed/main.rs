//! Objects whose matrices stay in their file: edited, written back, and what becomes of them where something fails or the
//! file is replaced.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

mod edits;
mod failures;
mod killed;
mod objects;
mod sequences;
mod stale;
