//! What the cross-crate tests share: where the fixtures are, and descriptions of objects to compare with theirs.

pub mod describe;
pub mod fixtures;
