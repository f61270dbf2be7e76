//! From paths to objects, one name at a time, so that every link is looked at before it is followed.

use anndata_storage::{Error, Result};

/// Soft links that are followed for one path.
const MOST_LINKS: u32 = 64;

/// The objects of a file and the links between them.
pub(crate) trait Links {
    /// A group, an array, or a named datatype.
    type Object;
    /// Equal for two objects only where they are the same.
    type Identity: PartialEq;

    /// The root group.
    fn root(&self) -> Result<Self::Object>;

    /// The object once more.
    fn again(&self, object: &Self::Object) -> Result<Self::Object>;

    /// Which group it is, `None` if it is none.
    fn group(&self, object: &Self::Object) -> Result<Option<Self::Identity>>;

    /// What a name in a group stands for, `None` if there is no such name.
    fn link(&self, group: &Self::Object, name: &str) -> Result<Option<Link<Self::Object>>>;
}

/// What a name in a group stands for.
#[derive(Debug)]
pub(crate) enum Link<T> {
    /// An object.
    Object(T),
    /// A path, from the root where it begins with `/`, else from the group that holds the link.
    Soft(String),
    /// What is in another file.
    External,
    /// What only the program knows that made it.
    UserDefined,
}

/// The object at a path, `None` if there is nothing.
///
/// # Errors
/// If a link on the way is refused or leads nowhere, or a group on the way contains itself.
pub(crate) fn resolve<T: Links>(file: &T, path: &str) -> Result<Option<T::Object>> {
    let mut current = file.root()?;
    let mut trail = Vec::new();
    trail.extend(file.group(&current)?);
    let mut links = MOST_LINKS;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        match step(file, &current, name, &mut links)? {
            Some(next) => current = next,
            None => return Ok(None),
        }
        if let Some(group) = file.group(&current)? {
            if trail.contains(&group) {
                return Err(Error::invalid_data("a group contains itself"));
            }
            trail.push(group);
        }
    }
    Ok(Some(current))
}

/// What a name in a group leads to.
fn step<T: Links>(file: &T, group: &T::Object, name: &str, links: &mut u32) -> Result<Option<T::Object>> {
    if file.group(group)?.is_none() {
        return Ok(None);
    }
    match file.link(group, name)? {
        None => Ok(None),
        Some(Link::Object(object)) => Ok(Some(object)),
        Some(Link::Soft(target)) => follow(file, group, &target, links).map(Some),
        Some(Link::External) => Err(Error::refused(format!(
            "'{name}' is a link to another file; the option allow_external_links follows it"
        ))),
        Some(Link::UserDefined) => {
            Err(Error::refused(format!("'{name}' is a link of a kind that only its writer knows")))
        }
    }
}

/// What a soft link in a group leads to.
fn follow<T: Links>(file: &T, group: &T::Object, target: &str, links: &mut u32) -> Result<T::Object> {
    *links = links
        .checked_sub(1)
        .ok_or_else(|| Error::invalid_data(format!("the soft link to '{target}' leads back to itself")))?;
    let mut current = if target.starts_with('/') { file.root()? } else { file.again(group)? };
    for name in target.split('/').filter(|name| !name.is_empty() && *name != ".") {
        current = step(file, &current, name, links)?
            .ok_or_else(|| Error::invalid_data(format!("a soft link leads to '{target}', where nothing is")))?;
    }
    Ok(current)
}
