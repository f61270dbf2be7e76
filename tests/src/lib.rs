//! What the cross-crate tests share: fixtures, descriptions to compare with theirs, random objects, stores, stores that fail,
//! and processes that are killed.

pub mod crash;
pub mod describe;
pub mod failing;
pub mod fixtures;
pub mod mutations;
pub mod random;
pub mod stores;
