//! [`Move`]: references within a tree follow it to where it is written.

use anndata_storage::{Attribute, Attributes, Error, OrBug as _, Result, child_path};

/// A tree's old path and its new ones.
#[derive(Clone, Copy)]
pub(super) struct Move<'a> {
    pub(super) from: &'a str,
    /// The path that replaces `from` in references within the tree.
    pub(super) to: &'a str,
    /// The path it is written to, which may be temporary.
    pub(super) destination: &'a str,
    /// Its final path.
    pub(super) path: &'a str,
}

impl Move<'_> {
    /// The depth, in the final tree, of an element written at this path.
    pub(super) fn depth(&self, written: &str) -> Result<usize> {
        Ok(self.in_the_end(written)?.split('/').count())
    }

    /// The final path of an element written at this path.
    pub(super) fn in_the_end(&self, written: &str) -> Result<String> {
        let below = written.strip_prefix(self.destination).or_bug("an element outside of what is written")?;
        Ok(child_path(self.path, below))
    }

    /// A path relative to the old root of the tree; `None` if it lies outside.
    fn within<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.from)?;
        (self.from.is_empty() || rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// The new target of a reference to `path` that is stored among the values.
    pub(super) fn follow(&self, path: &str) -> Result<String> {
        match self.within(path.trim_start_matches('/')) {
            Some(rest) => Ok(format!("/{}", child_path(self.to, rest))),
            // What it is to may be replaced by the same edit, which leaves it to what was there.
            None if self.destination != self.path => Err(Error::unsupported(format!(
                "a reference is to '{path}', which it would lose as the store is edited: write a new one"
            ))),
            None => Ok(path.to_owned()),
        }
    }

    /// The attributes, with references into the tree pointing to its new place.
    pub(super) fn attributes(self, attributes: &Attributes) -> Attributes {
        let follow = |value: &Attribute| match value {
            Attribute::Reference(path) if self.from != self.to => match self.within(path) {
                Some(rest) => Attribute::Reference(child_path(self.to, rest)),
                None => value.clone(),
            },
            _ => value.clone(),
        };
        attributes.iter().map(|(name, value)| (name.clone(), follow(value))).collect()
    }
}
