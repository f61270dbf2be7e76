//! Errors of the reader of metadata as those of a store.

use anndata_hdf5_meta as meta;
use anndata_storage::{Error, ErrorKind};

/// Says what could not be done because of an error.
pub(super) fn because(message: &'static str) -> impl Fn(meta::Error) -> Error {
    move |error| {
        // A source of bytes may tell its errors by those of this library.
        let own = error.io_error().and_then(std::io::Error::get_ref).and_then(|error| error.downcast_ref::<Error>());
        Error::new(own.map_or_else(|| kind(error.kind()), Error::kind), message).with_source(error)
    }
}

fn kind(kind: meta::ErrorKind) -> ErrorKind {
    match kind {
        meta::ErrorKind::Unsupported => ErrorKind::Unsupported,
        meta::ErrorKind::Refused => ErrorKind::Refused,
        meta::ErrorKind::LimitExceeded => ErrorKind::LimitExceeded,
        meta::ErrorKind::Io => ErrorKind::Io,
        // What an object lacks that it must have is damage as well.
        _ => ErrorKind::InvalidData,
    }
}
