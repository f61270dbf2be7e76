//! [`Roots`]: where the stores may be that a plan from elsewhere makes a process open.

use std::path::{Component, Path, PathBuf};

use anndata_storage::{Error, Result};

/// Folders, and beginnings of URLs, below which stores may be opened. There are none by default.
#[derive(Debug, Clone, Default)]
pub struct Roots {
    folders: Vec<PathBuf>,
    urls: Vec<String>,
}

impl Roots {
    /// These folders and URLs.
    ///
    /// # Errors
    /// If there is no such folder.
    pub fn new<S: AsRef<str>>(roots: impl IntoIterator<Item = S>) -> Result<Self> {
        let mut all = Self::default();
        for root in roots {
            let root = root.as_ref();
            if root.contains("://") {
                all.urls.push(root.trim_end_matches('/').to_owned());
            } else {
                let folder = Path::new(root);
                let whole = folder.canonicalize().map_err(|error| Error::from(error).in_file(folder))?;
                all.folders.push(whole);
            }
        }
        Ok(all)
    }

    /// Refuses a place that is not below one of the roots, links followed.
    ///
    /// # Errors
    /// [`Unsupported`](anndata_core::ErrorKind::Unsupported) if it is not, or the error of the file system if there is no such
    /// place.
    pub fn check(&self, place: &Path) -> Result<()> {
        let refused = || {
            let message = "it is not below a folder or URL that this process was told to read from (--allow)";
            Error::unsupported(message).in_file(place)
        };
        if let Some(url) = place.to_str().filter(|place| place.contains("://")) {
            let climbs = url.split(['/', '\\']).any(|part| part == ".." || part.to_lowercase().contains("%2e"));
            let below = |root: &String| {
                url.strip_prefix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            };
            return if !climbs && self.urls.iter().any(below) { Ok(()) } else { Err(refused()) };
        }
        if place.components().any(|part| part == Component::ParentDir) || !place.is_absolute() {
            return Err(refused());
        }
        // Whether there is such a file is told of places below the roots alone.
        let whole = match place.canonicalize() {
            Ok(whole) => whole,
            Err(error) if self.folders.iter().any(|root| place.starts_with(root)) => {
                return Err(Error::from(error).in_file(place));
            }
            Err(_) => return Err(refused()),
        };
        if self.folders.iter().any(|root| whole.starts_with(root)) { Ok(()) } else { Err(refused()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_below_roots_or_refused() -> std::result::Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let whole = folder.path().canonicalize()?;
        let (data, other) = (whole.join("data"), whole.join("data2"));
        for folder in [&data, &other] {
            std::fs::create_dir(folder)?;
            std::fs::write(folder.join("a.h5ad"), "")?;
        }
        let roots = Roots::new([data.to_str().ok_or("not Unicode")?, "https://host/atlas/"])?;
        roots.check(&data.join("a.h5ad"))?;
        roots.check(Path::new("https://host/atlas/a.zarr"))?;
        for refused in [
            other.join("a.h5ad"),
            data.join("../data2/a.h5ad"),
            PathBuf::from("a.h5ad"),
            PathBuf::from("/etc/passwd"),
            PathBuf::from("/etc/no-such-file"),
            PathBuf::from("https://host/atlas2/a.zarr"),
            PathBuf::from("https://host/atlas/../secret.zarr"),
            PathBuf::from("https://host/atlas/%2e%2e/secret.zarr"),
            PathBuf::from("http://host/atlas/a.zarr"),
        ] {
            let error = roots.check(&refused).unwrap_err();
            assert!(error.to_string().contains("--allow"), "{}: {error}", refused.display());
        }
        assert!(roots.check(&data.join("gone.h5ad")).is_err_and(|error| error.is_not_found()));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(other.join("a.h5ad"), data.join("link.h5ad"))?;
            assert!(roots.check(&data.join("link.h5ad")).is_err());
        }
        assert!(Roots::default().check(&data.join("a.h5ad")).is_err());
        Ok(())
    }
}
