//! Validation: every violation of the on-disk format and every danger in a store, as a list of [`Finding`]s.
//!
//! What [`validate`](validate()) looks for is in the table of [`rules`]. Each encoding checks its own elements
//! ([`Encoding::validate`](crate::encoding::Encoding::validate)), with the help of a [`Checker`]; a malformed element does
//! not keep its siblings from being checked. Values are read block by block, so that memory is bounded
//! ([`ValidateOptions::memory`]) whatever the size of the file.

use anndata_storage::{Group, Result};

use crate::encoding::Registry;
use crate::encoding::slots::validate_root;
use crate::findings::CheckOptions;
pub use crate::findings::{Checker, Finding, Report, Rule, Severity, rules};
use crate::node::{Node, Progress};

/// How a store is validated.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ValidateOptions {
    /// About the most bytes of values in memory at once, however large the file is. Default: 1 GiB, of which no more than
    /// a sixteenth is used for a block. The tree of elements, without values, comes on top of it; text counts as 256
    /// bytes each.
    pub memory: u64,
    /// After how many findings validation ends. Default: 10,000.
    pub max_findings: usize,
    /// Receives the number of bytes that are read.
    pub progress: Option<Progress>,
    /// The encodings that are known.
    pub registry: Registry,
}

impl Default for ValidateOptions {
    fn default() -> Self {
        Self { memory: 1 << 30, max_findings: 10_000, progress: None, registry: Registry::default() }
    }
}

impl ValidateOptions {
    /// Sets the memory bound in bytes.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets the number of findings after which validation ends.
    #[must_use]
    pub fn with_max_findings(mut self, findings: usize) -> Self {
        self.max_findings = findings;
        self
    }

    /// Sets the receiver of progress reports.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// Sets the encodings.
    #[must_use]
    pub fn with_registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }
}

/// Looks at everything in the object of a group: metadata, all values once, and checksums that reading does not compare.
///
/// ```
/// # use std::sync::Arc;
/// use anndata_format::{AnnData, DataFrame, Group, MemoryStore, Severity, ValidateOptions, io, validate};
///
/// let root = Group::root(Arc::new(MemoryStore::new()));
/// let adata = AnnData::builder().obs(DataFrame::new(["cell", "cell"])).build()?;
/// io::write_anndata(&root, &adata, &io::ElemWriteOptions::default())?;
///
/// let report = validate(&root, &ValidateOptions::default())?;
/// assert_eq!(report.findings.len(), 1);
/// assert_eq!((report.findings[0].path.as_str(), report.findings[0].rule), ("obs/_index", "names-repeated"));
/// assert_eq!(report.findings[0].severity, Severity::Warning);
/// # Ok::<(), anndata_format::Error>(())
/// ```
///
/// # Errors
/// If the group itself cannot be opened. Whatever is wrong within it is a finding.
pub fn validate(group: &Group, options: &ValidateOptions) -> Result<Report> {
    let limits = CheckOptions {
        memory: options.memory,
        max_findings: options.max_findings,
        typed_attributes: group.storage().capabilities().typed_attributes,
        progress: options.progress.clone(),
    };
    let mut checker = Checker::new(&limits, &options.registry);
    let node = Node::open_tolerant(group, "", &mut |path, error| checker.cannot_open(path, &error))?;
    validate_root(&node, &options.registry, &mut checker);
    for error in group.storage().verify().map_err(|error| error.at(group.path()).in_store(&**group.storage()))? {
        checker.add_error(error.path().unwrap_or_default(), &error);
    }
    Ok(checker.finish())
}
