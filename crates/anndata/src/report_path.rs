//! An object at a path as one page to look at.

use std::path::Path;
use std::time::UNIX_EPOCH;

use anndata_format::storage::{DType, Tensor, TimeStep, TimeUnit};
use anndata_format::{Error, Result, ValidateOptions, io};
use anndata_report::{ReportOptions, report};

use crate::format::{Location, is_url};

/// Makes a page of HTML about what is at a path or URL: see [`report`](crate::report). To what the options say is added the name
/// as the heading, if they have none, where the object is from, and, if it is in a store of anndata's own, what a validation with
/// the options given finds.
///
/// ```
/// # use anndata::{AnnData, Tensor, ValidateOptions};
/// use anndata::report::ReportOptions;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("cells.h5ad");
/// # anndata::write(&path, &AnnData::builder().x(Tensor::from_vec([2, 1], vec![1, 2])?).build()?)?;
/// let page = anndata::report_path(&path, &ReportOptions::default(), Some(&ValidateOptions::default()))?;
/// assert!(page.contains("<h1>cells.h5ad</h1>"));
/// # Ok::<(), anndata::Error>(())
/// ```
///
/// # Errors
/// If there is no object, or it has no layer or column that the options name.
pub fn report_path(
    location: impl AsRef<Path>,
    options: &ReportOptions,
    validate: Option<&ValidateOptions>,
) -> Result<String> {
    let path = location.as_ref();
    let in_file = |error: Error| error.in_file(path);
    let root = crate::open_object(path)?;
    let adata = io::read_anndata(&root, &io::ElemReadOptions::default().with_lazy(true)).map_err(in_file)?;
    let mut options = options.clone();
    let own = Location::of(path)?;
    let name = own.store.file_name().map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy());
    options.title.get_or_insert_with(|| match own.group.as_str() {
        "" => name.into_owned(),
        group => format!("{name}/{group}"),
    });
    options.provenance.splice(0..0, of_path(path, &own));
    if let (Some(validate), None) = (validate, &options.findings)
        && (path.to_str().is_some_and(is_url) || crate::Format::of(path).is_ok())
    {
        options.findings = Some(crate::validate_path(path, validate)?);
    }
    report(&adata, &options).map_err(in_file)
}

/// What is known of a path: where it is, its format, its size, when it was changed.
fn of_path(path: &Path, own: &Location) -> Vec<(String, String)> {
    let mut facts = vec![("Path".to_owned(), path.display().to_string())];
    if let Ok(format) = crate::Format::of(path) {
        facts.push(("Format".to_owned(), format!("{format:?}").to_lowercase()));
    }
    if let Ok(metadata) = own.store.metadata() {
        if metadata.is_file() {
            facts.push(("File size".to_owned(), format!("{} bytes", metadata.len())));
        }
        facts.extend(metadata.modified().ok().and_then(|time| Some(("Changed".to_owned(), date(time)?))));
    }
    facts
}

/// A time in UTC, to the second.
fn date(time: std::time::SystemTime) -> Option<String> {
    let seconds = i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    let dtype = DType::Datetime(TimeStep::from(TimeUnit::Second));
    let text = Tensor::from_ticks(dtype, Vec::new(), vec![seconds]).ok()?.to_time_strings().ok()?.pop()?;
    Some(format!("{} UTC", text.replace('T', " ")))
}
