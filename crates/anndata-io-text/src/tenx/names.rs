//! The names that stand beside a matrix of text: barcodes and features.

use std::path::Path;

use anndata_storage::{Error, Result};

use crate::fields::{Delimiter, columns};
use crate::source::Source;

/// The columns of a file of names; fields are separated by tabs.
pub(super) fn read(path: &Path) -> Result<Vec<Vec<String>>> {
    columns(Source::open(path)?, Delimiter::Char(b'\t'))
}

/// The first column of a file of names, which has to have so many.
pub(super) fn read_first(path: &Path, axis: &str, expected: usize) -> Result<Vec<String>> {
    let names = read(path)?.into_iter().next().unwrap_or_default();
    check(path, axis, names.len(), expected)?;
    Ok(names)
}

/// Whether there are as many names as the matrix has rows or columns.
pub(super) fn check(path: &Path, axis: &str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    let message = format!("it has {found} names, but the matrix has {expected} {axis}");
    Err(Error::invalid_data(message).in_file(path))
}
