//! [`Unfinished`]: a store for reading, seen as the edit leaves it that was committed and not finished.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::{COMMITTED, Moves, is_within, new_place};
use crate::{
    ArraySpec, ArrayStorage, Attributes, Capabilities, Compression, Error, ErrorKind, Limits, NodeKind, Result,
    Storage, file_name, parent_path,
};

/// The store as its readers are to see it: itself, except where it is for reading only and an edit was not finished.
pub(crate) fn settled(storage: Arc<dyn Storage>) -> Arc<dyn Storage> {
    // A store that does not know what it holds reports that when it is read.
    if storage.capabilities().write || !storage.kind(COMMITTED).is_ok_and(|kind| kind.is_some()) {
        return storage;
    }
    let moves = Moves::committed(&*storage).and_then(|moves| Led::by(&*storage, moves.unwrap_or_default()));
    let led = moves.map_err(|error| (error.kind(), error.to_string()));
    Arc::new(Unfinished { inner: storage, led })
}

/// A store whose readers are led to the elements of a committed edit.
#[derive(Debug)]
struct Unfinished {
    inner: Arc<dyn Storage>,
    /// Where elements are; what is wrong, if that cannot be found out.
    led: Result<Led, (ErrorKind, String)>,
}

/// Where the elements are that the edit did not move yet.
#[derive(Debug)]
struct Led {
    /// Paths, and where their new elements are.
    replaced: Vec<(String, String)>,
    removed: Vec<String>,
}

impl Led {
    fn by(storage: &dyn Storage, moves: Moves) -> Result<Self> {
        let mut replaced = Vec::new();
        for (number, path) in moves.replaced.into_iter().enumerate() {
            let new = new_place(COMMITTED, number);
            if storage.kind(&new)?.is_some() {
                replaced.push((path, new));
            }
        }
        Ok(Self { replaced, removed: moves.removed })
    }

    /// Where the element of a path is, `None` if there is none.
    fn locate(&self, path: &str) -> Option<String> {
        if is_within(path, COMMITTED) || self.removed.iter().any(|removed| is_within(path, removed)) {
            return None;
        }
        let new = self.replaced.iter().find(|(replaced, _)| is_within(path, replaced));
        Some(new.map_or_else(
            || path.to_owned(),
            |(replaced, new)| format!("{new}{}", path.strip_prefix(replaced.as_str()).unwrap_or_default()),
        ))
    }
}

impl Unfinished {
    fn led(&self) -> Result<&Led> {
        self.led.as_ref().map_err(|(kind, message)| Error::new(*kind, message.clone()))
    }

    fn locate(&self, path: &str) -> Result<String> {
        self.led()?.locate(path).ok_or_else(|| Error::not_found("no such element"))
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Storage for Unfinished {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn location(&self) -> Option<&Path> {
        self.inner.location()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        self.led()?.locate(path).map_or(Ok(None), |current| self.inner.kind(&current))
    }

    fn identity(&self, path: &str) -> Result<Option<u128>> {
        self.led()?.locate(path).map_or(Ok(None), |current| self.inner.identity(&current))
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        let led = self.led()?;
        let mut names = self.inner.children(&self.locate(path)?)?;
        let in_this = |other: &&str| parent_path(other) == Some(path);
        let removed = led.removed.iter().map(String::as_str).filter(in_this).map(file_name).collect::<Vec<_>>();
        names.retain(|name| !removed.contains(&name.as_str()));
        for name in led.replaced.iter().map(|(replaced, _)| replaced.as_str()).filter(in_this).map(file_name) {
            if !names.iter().any(|other| other == name) {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        self.inner.attributes(&self.locate(path)?)
    }

    fn layout(&self, spec: &ArraySpec, compression: Compression) -> Result<ArraySpec> {
        self.inner.layout(spec, compression)
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        self.inner.open_array(&self.locate(path)?)
    }

    fn flush(&self) -> Result<()> {
        self.inner.flush()
    }

    fn verify(&self) -> Result<Vec<Error>> {
        self.inner.verify()
    }
}
