//! From paths to objects, one name at a time, so that every link is looked at before it is followed.

use anndata_storage::{Error, Result};

use super::Shared;
use crate::raw::Id;
use crate::raw::link::{self, Identity, Link, Object, ObjectKind};

/// Soft links that are followed for one path.
const MOST_LINKS: u32 = 64;

impl Shared {
    /// The object at a path, `None` if there is nothing.
    ///
    /// # Errors
    /// If a link on the way is refused or leads nowhere, or a group on the way contains itself.
    pub(crate) fn resolve(&self, path: &str) -> Result<Option<Object>> {
        let mut current = self.root()?;
        let mut trail = vec![current.identity];
        let mut links = MOST_LINKS;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            match self.step(&current, name, &mut links)? {
                Some(next) => current = next,
                None => return Ok(None),
            }
            if current.kind == ObjectKind::Group {
                check_trail(&trail, current.identity)?;
                trail.push(current.identity);
            }
        }
        Ok(Some(current))
    }

    fn root(&self) -> Result<Object> {
        link::open(&self.file, "/")
    }

    /// What a name in a group stands for.
    fn step(&self, group: &Object, name: &str, links: &mut u32) -> Result<Option<Object>> {
        if group.kind != ObjectKind::Group {
            return Ok(None);
        }
        match link::get(&group.id, name)? {
            None => Ok(None),
            Some(Link::Hard) => link::open(&group.id, name).map(Some),
            Some(Link::Soft(target)) => self.follow(&group.id, &target, links).map(Some),
            Some(Link::External) if self.options.allow_external_links => link::open(&group.id, name).map(Some),
            Some(Link::External) => Err(Error::refused(format!(
                "'{name}' is a link to another file; the option allow_external_links follows it"
            ))),
            Some(Link::UserDefined) => {
                Err(Error::refused(format!("'{name}' is a link of a kind that only its writer knows")))
            }
        }
    }

    /// What a soft link in a group leads to.
    fn follow(&self, group: &Id, target: &str, links: &mut u32) -> Result<Object> {
        *links = links
            .checked_sub(1)
            .ok_or_else(|| Error::invalid_data(format!("the soft link to '{target}' leads back to itself")))?;
        let mut current = if target.starts_with('/') { self.root()? } else { link::open(group, ".")? };
        for name in target.split('/').filter(|name| !name.is_empty() && *name != ".") {
            current = self
                .step(&current, name, links)?
                .ok_or_else(|| Error::invalid_data(format!("a soft link leads to '{target}', where nothing is")))?;
        }
        Ok(current)
    }
}

fn check_trail(trail: &[Identity], identity: Identity) -> Result<()> {
    if trail.contains(&identity) {
        return Err(Error::invalid_data("a group contains itself"));
    }
    Ok(())
}
