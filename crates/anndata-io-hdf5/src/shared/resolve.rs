//! The links of a file as the library follows them.

use anndata_storage::Result;

use super::Shared;
use crate::raw::link::{self, Identity, Object, ObjectKind};
use crate::resolve::{self, Link, Links};

impl Shared {
    /// The object at a path, `None` if there is nothing.
    ///
    /// # Errors
    /// If a link on the way is refused or leads nowhere, or a group on the way contains itself.
    pub(crate) fn resolve(&self, path: &str) -> Result<Option<Object>> {
        self.check_not_undone()?;
        resolve::resolve(self, path)
    }
}

impl Links for Shared {
    type Object = Object;
    type Identity = Identity;

    fn root(&self) -> Result<Object> {
        link::open(&self.file, "/")
    }

    fn again(&self, object: &Object) -> Result<Object> {
        link::open(&object.id, ".")
    }

    fn group(&self, object: &Object) -> Result<Option<Identity>> {
        Ok((object.kind == ObjectKind::Group).then_some(object.identity))
    }

    fn link(&self, group: &Object, name: &str) -> Result<Option<Link<Object>>> {
        Ok(match link::get(&group.id, name)? {
            None => None,
            Some(link::Link::Hard) => Some(Link::Object(link::open(&group.id, name)?)),
            Some(link::Link::Soft(target)) => Some(Link::Soft(target)),
            Some(link::Link::External) if self.options.allow_external_links => {
                Some(Link::Object(link::open(&group.id, name)?))
            }
            Some(link::Link::External) => Some(Link::External),
            Some(link::Link::UserDefined) => Some(Link::UserDefined),
        })
    }
}
