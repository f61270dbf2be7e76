//! [`Opaque`]: an element of an encoding that this version does not know, or that cannot be opened.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use anndata_storage::{Error, Result};

/// How an [`Opaque`] element is kept: its stored groups, arrays and attributes, as the format that it was read from has
/// them.
pub trait OpaqueSource: Any + Debug + Send + Sync {
    /// The path that the element was read from.
    fn path(&self) -> &str;

    /// Its `encoding-type`, if it has one.
    fn encoding_type(&self) -> Option<String>;

    /// Its `encoding-version`, if it has one.
    fn encoding_version(&self) -> Option<String>;

    /// The error of opening it, or something in it; `None` if it is of an encoding or dtype that is not known.
    fn unreadable(&self) -> Option<Error>;

    /// Returns a copy with all values that can be read in memory.
    ///
    /// # Errors
    /// If one cannot be read.
    fn load(&self) -> Result<Opaque>;

    /// The bytes that the values take in memory: those that are there already and, `with_stored`, those that are still to
    /// be read.
    fn nbytes(&self, with_stored: bool) -> usize;

    /// Whether another one has equal attributes, dtypes, shapes and values. What is not in memory is not read: it is equal
    /// to itself alone.
    fn equals(&self, other: &dyn OpaqueSource) -> bool;

    /// Names the element, and the file it is in, in an error about it.
    fn locate(&self, error: Error) -> Error {
        error.at(self.path())
    }
}

/// An element that is kept as it is stored, because its encoding, or a dtype in it, is not known, or because it, or
/// something in it, cannot be opened ([`unreadable`](Self::unreadable)).
///
/// It never blocks the file it is in. It is copied through unchanged when the object is written, unless it could not be
/// opened: then writing is refused until the element is removed, or left out when it is read.
#[derive(Debug, Clone)]
pub struct Opaque(Arc<dyn OpaqueSource>);

impl Opaque {
    /// An opaque element as it is stored.
    pub fn new(source: impl OpaqueSource) -> Self {
        Self(Arc::new(source))
    }

    /// The path that the element was read from.
    pub fn path(&self) -> &str {
        self.0.path()
    }

    /// Its `encoding-type`, if it has one.
    pub fn encoding_type(&self) -> Option<String> {
        self.0.encoding_type()
    }

    /// Its `encoding-version`, if it has one.
    pub fn encoding_version(&self) -> Option<String> {
        self.0.encoding_version()
    }

    /// How it is kept, if that is of this type.
    pub fn source<S: OpaqueSource>(&self) -> Option<&S> {
        (&*self.0 as &dyn Any).downcast_ref()
    }

    /// The error of opening it, or something in it; `None` if it is of an encoding or dtype that is not known.
    pub fn unreadable(&self) -> Option<Error> {
        self.0.unreadable()
    }

    /// The error of a use of the element that needs more than its metadata.
    pub fn error(&self, use_of_it: &str) -> Error {
        let error = match (self.unreadable(), self.encoding_type()) {
            (Some(reason), _) => reason,
            (None, Some(encoding)) => {
                Error::unsupported(format!("{use_of_it}: its encoding, '{encoding}', is not known")).at(self.path())
            }
            (None, None) => Error::unsupported(format!("{use_of_it}: its type is not known")).at(self.path()),
        };
        let error = self.0.locate(error);
        match removal(self.path()) {
            Some(call) => error.with_advice(format!("`{call}` removes it")),
            None => error,
        }
    }

    /// Returns a copy with all values that can be read in memory.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn load(&self) -> Result<Self> {
        self.0.load()
    }

    /// The bytes that the values take in memory: those that are there already and, `with_stored`, those that are still to
    /// be read.
    pub(crate) fn nbytes(&self, with_stored: bool) -> usize {
        self.0.nbytes(with_stored)
    }
}

/// The call that removes the element at a path from an object.
fn removal(path: &str) -> Option<String> {
    let (slot, key) = path.split_once('/').unwrap_or((path, ""));
    Some(match slot {
        "X" => "remove_x()".to_owned(),
        _ if key.is_empty() => return None,
        "obs" | "var" => format!("remove_{slot}_column({key:?})"),
        "obsm" | "varm" | "obsp" | "varp" => format!("remove_{slot}({:?})", first_name(key)),
        "layers" => format!("remove_layer(Some({:?}))", first_name(key)),
        "uns" if !key.contains('/') => format!("uns_mut().shift_remove({key:?})"),
        _ => return None,
    })
}

fn first_name(path: &str) -> &str {
    path.split('/').next().unwrap_or_default()
}

/// The same element, or equal attributes, dtypes, shapes and values in memory.
impl PartialEq for Opaque {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.equals(&*other.0)
    }
}
