//! What the cross-crate tests share: fixtures, descriptions to compare with theirs, random objects, and stores.

pub mod describe;
pub mod fixtures;
pub mod mutations;
pub mod random;
pub mod stores;
