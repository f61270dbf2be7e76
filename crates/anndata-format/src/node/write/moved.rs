//! [`Move`]: references within a tree follow it to where it is written.

use anndata_storage::{Attribute, Attributes, Error, OrBug as _, Result, child_path};

/// Where a tree was and where it goes.
#[derive(Clone, Copy)]
pub(super) struct Move<'a> {
    pub(super) from: &'a str,
    /// Where references within the tree lead to instead, so that they stay within it.
    pub(super) to: &'a str,
    /// Where it is written.
    pub(super) destination: &'a str,
    /// Where it is to be in the end.
    pub(super) path: &'a str,
}

impl Move<'_> {
    /// How many groups an element is within in the end that is written at this path.
    pub(super) fn depth(&self, written: &str) -> Result<usize> {
        Ok(self.in_the_end(written)?.split('/').count())
    }

    /// The path, in the end, of what is written at this path.
    pub(super) fn in_the_end(&self, written: &str) -> Result<String> {
        let below = written.strip_prefix(self.destination).or_bug("an element outside of what is written")?;
        Ok(child_path(self.path, below))
    }

    /// What is at a path, relative to the tree, where it is within it.
    fn within<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.from)?;
        (self.from.is_empty() || rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// Where a reference among the values is to lead that led to a path.
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

    /// The attributes with references into the tree following it to its new place.
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
