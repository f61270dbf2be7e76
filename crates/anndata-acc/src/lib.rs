//! References to the arrays of an annotated data matrix.

mod access;
mod accessor;
mod container;
mod error;
mod json;
mod macros;
mod nearest;
mod parse;
mod quote;
mod reference;
mod resolve;
mod root;
mod select;

pub use access::{Access, Contained, Fetch, FromElement};
pub use accessor::{
    Acc, Graph, GraphAcc, GraphMap, GraphMapAcc, Layer, LayerAcc, LayerMap, LayerMapAcc, Meta, MetaAcc, Multi,
    MultiAcc, MultiMap, MultiMapAcc, RefAcc,
};
pub use container::{Container, Slot};
pub use error::{AccError, Result};
pub use reference::{AdRef, Dim, Idx, Idx2D, Target};
pub use root::{A, AdAcc};
