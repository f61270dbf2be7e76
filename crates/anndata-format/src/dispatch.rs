//! Reading and writing in which a function decides what becomes of each element: [`read_dispatched`], [`write_dispatched`].
//!
//! The function is asked of every element, those that hold others before these, and gives a **decision**: encodings do no IO, so
//! that what is decided makes the tree of nodes which is then read, or written, as any other.

mod read;
mod write;

pub use read::{OnRead, ReadStep, read_dispatched};
pub use write::{OnWrite, WriteStep, write_dispatched};

use anndata_storage::Error;

/// What stands around an element.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It is what was asked for.
    Root,
    /// It is one of the elements of a container.
    Member,
    /// It is a part of another element, which is not without it.
    Inner,
}

/// Refuses a decision about a part of an element that concerns whole elements.
fn of_whole_elements(what: &str) -> Error {
    let message =
        format!("a part of another element cannot be {what} alone: decide on the element that it is a part of");
    Error::invalid_input(message)
}
