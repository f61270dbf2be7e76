//! What the cross-crate tests share: fixtures, descriptions to compare with theirs, and stores.

pub mod describe;
pub mod fixtures;
pub mod stores;
