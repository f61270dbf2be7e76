//! [`ReportOptions`]: what a page shows, and how much of an object is looked at for it.

use anndata_format::{AnnData, Error, Report, Result};

/// What a page shows, and how much of an object is looked at for it.
///
/// ```
/// use anndata_report::ReportOptions;
///
/// let options = ReportOptions::default().with_color("cell_type").with_color("CD8A").with_max_points(20_000);
/// assert_eq!(options.colors, ["cell_type", "CD8A"]);
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReportOptions {
    /// The heading of the page. Default: "AnnData object".
    pub title: Option<String>,
    /// The layer that is looked at in the place of `X`.
    pub layer: Option<String>,
    /// What embeddings are coloured by: columns of `obs`, or names of variables. If there are none, up to three columns are
    /// chosen: first those whose colours are in `uns`.
    pub colors: Vec<String>,
    /// What a validation of the object found; without it the page says that there was none.
    pub findings: Option<Report>,
    /// What is told of where the object comes from: labels and texts, in order.
    pub provenance: Vec<(String, String)>,
    /// The most points of an embedding; of more observations, so many are drawn. Default: 100,000.
    pub max_points: usize,
    /// The most rows of a column that are looked at. Default: 2,000,000.
    pub max_rows: usize,
    /// The most columns of `obs`, and of `var`, that are looked at. Default: 200.
    pub max_columns: usize,
    /// The most bytes of values of the matrix that are read. Default: 4 GiB.
    pub max_matrix_bytes: u64,
}

impl Default for ReportOptions {
    fn default() -> Self {
        Self {
            title: None,
            layer: None,
            colors: Vec::new(),
            findings: None,
            provenance: Vec::new(),
            max_points: 100_000,
            max_rows: 2_000_000,
            max_columns: 200,
            max_matrix_bytes: 4 << 30,
        }
    }
}

impl ReportOptions {
    /// Returns the same options with a heading.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Returns the same options with a layer to be looked at in the place of `X`.
    #[must_use]
    pub fn with_layer(mut self, layer: impl Into<String>) -> Self {
        self.layer = Some(layer.into());
        self
    }

    /// Returns the same options with one more column of `obs`, or name of a variable, that embeddings are coloured by.
    #[must_use]
    pub fn with_color(mut self, name: impl Into<String>) -> Self {
        self.colors.push(name.into());
        self
    }

    /// Returns the same options with what a validation of the object found.
    #[must_use]
    pub fn with_findings(mut self, findings: Report) -> Self {
        self.findings = Some(findings);
        self
    }

    /// Returns the same options with one more fact about where the object comes from.
    #[must_use]
    pub fn with_provenance(mut self, label: impl Into<String>, text: impl Into<String>) -> Self {
        self.provenance.push((label.into(), text.into()));
        self
    }

    /// Returns the same options with a limit of the points of an embedding.
    #[must_use]
    pub fn with_max_points(mut self, points: usize) -> Self {
        self.max_points = points;
        self
    }

    /// Returns the same options with a limit of the rows of a column that are looked at.
    #[must_use]
    pub fn with_max_rows(mut self, rows: usize) -> Self {
        self.max_rows = rows;
        self
    }

    /// Returns the same options with a limit of the columns of `obs` and of `var` that are looked at.
    #[must_use]
    pub fn with_max_columns(mut self, columns: usize) -> Self {
        self.max_columns = columns;
        self
    }

    /// Returns the same options with a limit of the bytes of the matrix that are read.
    #[must_use]
    pub fn with_max_matrix_bytes(mut self, bytes: u64) -> Self {
        self.max_matrix_bytes = bytes;
        self
    }

    /// Whether the object has what is named here.
    pub(crate) fn check(&self, adata: &AnnData) -> Result<()> {
        if let Some(layer) = &self.layer
            && adata.layer(Some(layer)).is_none()
        {
            return Err(Error::not_found(format!("there is no layer '{layer}'")));
        }
        for name in self.colors.iter().filter(|name| !adata.obs().contains(name)) {
            if adata.var().name_index()?.position(name).is_none() {
                let message = format!("'{name}' is neither a column of obs nor the name of a variable");
                return Err(Error::not_found(message));
            }
        }
        Ok(())
    }
}
