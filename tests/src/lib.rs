//! What the cross-crate tests share: fixtures, descriptions to compare with theirs, random objects, stores, stores that fail,
//! processes that are killed, and inputs that are mutated.

pub mod crash;
pub mod describe;
pub mod failing;
pub mod fixtures;
pub mod mutated;
pub mod mutations;
pub mod random;
pub mod stores;
