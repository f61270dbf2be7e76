//! What stands at a path: links followed from group to group.

use std::collections::VecDeque;

use super::Object;
use crate::ObjectKind;
use crate::error::{Error, Result, Section};
use crate::message::link::LinkTarget;

const SECTION: Section = Section::new("link message", "IV.A.2.g");
/// Soft links on one path at most, as many as the library follows.
const MOST_SOFT_LINKS: usize = 16;

impl Object {
    /// The object at a path, from this group on, or from the root where the path begins with `/`. `None` if nothing is there,
    /// also where a soft link leads to nothing.
    ///
    /// # Errors
    /// [`Refused`](crate::ErrorKind::Refused) for a link to another file; [`Malformed`](crate::ErrorKind::Malformed) for soft
    /// links in a circle.
    pub fn resolve(&self, path: &[u8]) -> Result<Option<Object>> {
        let mut here = if path.starts_with(b"/") { self.root()? } else { self.clone() };
        let mut names = names(path);
        let mut soft_links = 0;
        while let Some(name) = names.pop_front() {
            if here.kind()? != ObjectKind::Group {
                return Ok(None);
            }
            let Some(link) = here.link(&name)? else { return Ok(None) };
            match link.target {
                LinkTarget::Hard(address) => here = Object::open(&self.context, address)?,
                LinkTarget::Soft(target) => {
                    soft_links += 1;
                    if soft_links > MOST_SOFT_LINKS {
                        let name = name.escape_ascii();
                        return Err(Error::malformed(SECTION, format!("soft links go round in a circle at '{name}'")));
                    }
                    if target.starts_with(b"/") {
                        here = self.root()?;
                    }
                    for name in self::names(&target).into_iter().rev() {
                        names.push_front(name);
                    }
                }
                LinkTarget::External { file, .. } => {
                    let (name, file) = (name.escape_ascii(), file.escape_ascii());
                    return Err(Error::refused(SECTION, format!("the link '{name}' leads to another file, '{file}'")));
                }
                LinkTarget::UserDefined(kind) => {
                    let message = format!("the link '{}' is of a kind of its own, {kind}", name.escape_ascii());
                    return Err(Error::unsupported(SECTION, message));
                }
            }
        }
        Ok(Some(here))
    }

    fn root(&self) -> Result<Self> {
        Object::open(&self.context, self.context.superblock.root)
    }
}

/// The names of a path. `.` is the group itself.
fn names(path: &[u8]) -> VecDeque<Vec<u8>> {
    let names = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty() && *name != b".");
    names.map(<[u8]>::to_vec).collect()
}
