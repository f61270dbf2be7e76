//! [`EncodeOptions`]: how elements become trees.

use anndata_storage::child_path;

/// How elements become trees.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct EncodeOptions {
    /// Text columns of `obs`, `var` and `raw.var` that repeat values become categorical; those of objects within the
    /// object stay as they are, as in Python. Default: no.
    pub strings_to_categoricals: bool,
    /// Nullable text is written as plain text, which anndata before 0.11 reads; a missing value is an error. Default: no.
    pub plain_strings: bool,
    /// The paths of sparse matrices (`X`, `raw/X`, `layers/counts`) that are written dense.
    pub as_dense: Vec<String>,
    /// The paths of dense matrices that are written as CSR.
    pub as_sparse: Vec<String>,
    /// Whether trees of stored elements that are passed on say how they are laid out there: see
    /// [`NodeWriteOptions::keep_layout`](crate::node::NodeWriteOptions::keep_layout).
    pub(crate) keep_layout: bool,
}

impl EncodeOptions {
    /// Sets whether text columns that repeat values become categorical.
    #[must_use]
    pub fn with_strings_to_categoricals(mut self, yes: bool) -> Self {
        self.strings_to_categoricals = yes;
        self
    }

    /// Sets whether nullable text is written as plain text.
    #[must_use]
    pub fn with_plain_strings(mut self, yes: bool) -> Self {
        self.plain_strings = yes;
        self
    }

    /// Sets the paths of sparse matrices that are written dense.
    #[must_use]
    pub fn with_as_dense<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.as_dense = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the paths of dense matrices that are written as CSR.
    #[must_use]
    pub fn with_as_sparse<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.as_sparse = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Returns the options for a layout that is kept, with the paths of matrices as they are in a store, for an object
    /// at `group`.
    pub(crate) fn below(&self, group: &str, keep_layout: bool) -> Self {
        let below = |paths: &[String]| paths.iter().map(|asked| child_path(group, &matrix_path(asked))).collect();
        Self { as_dense: below(&self.as_dense), as_sparse: below(&self.as_sparse), keep_layout, ..self.clone() }
    }
}

/// The path of a matrix that an option names: `raw.X` is `raw/X`; a dot further on belongs to the key.
pub(crate) fn matrix_path(asked: &str) -> String {
    match asked.trim_matches('/').split_once(['/', '.']) {
        Some((slot, key)) => format!("{slot}/{key}"),
        None => asked.trim_matches('/').to_owned(),
    }
}
