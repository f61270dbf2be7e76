//! Validation: every violation of the on-disk format and every danger in a store, as a list of [`Finding`]s.
//!
//! What [`validate`](validate()) looks for is in the table of [`rules`]. Each encoding checks its own elements
//! ([`Encoding::validate`](crate::encoding::Encoding::validate)), with the help of a [`Checker`]; a malformed element does
//! not keep its siblings from being checked. Values are read block by block, so that memory is bounded
//! ([`ValidateOptions::memory`]) whatever the size of the file.

mod array;
mod attributes;
mod checker;
mod column;
mod distinct;
mod frame;
mod labels;
mod object;
pub mod rules;
mod sparse;

use std::fmt;

use anndata_storage::{Group, Result, escaped};
use serde_json::{Value, json};

use crate::encoding::Registry;
use crate::node::{Node, Progress};
pub use checker::Checker;
use labels::check_labels;
pub use rules::Rule;
pub(crate) use {array::*, column::*, frame::*, object::*, sparse::*};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// The file can be read, but something in it is dangerous, ambiguous, or not as the format asks.
    Warning,
    /// The element breaks the format, and cannot be read or is not what it says.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The path of the element; the root is empty.
    pub path: String,
    /// How bad it is.
    pub severity: Severity,
    /// The stable name of the rule, such as `sparse-index-out-of-range`.
    pub rule: &'static str,
    /// What is wrong with this element.
    pub message: String,
    /// What can be done about it.
    pub hint: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, severity, rule, message, .. } = self;
        // What a file says must not break the lines.
        write!(f, "{severity:<8} /{}: {} [{rule}]", escaped(path), escaped(message))
    }
}

/// What was found in a store, in the order of its elements.
///
/// It prints as a line a finding, each rule's hint once, and a line with the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
    /// Whether validation ended early, at [`ValidateOptions::max_findings`].
    pub truncated: bool,
}

impl Report {
    /// Whether nothing worse than [`Severity::Info`] was found.
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.severity == Severity::Info)
    }

    /// The number of findings of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// The report for machines: `clean`, `errors`, `warnings`, `infos`, `truncated`, and `findings`, each with `path`
    /// (from `/`), `severity`, `rule`, `message` and `hint`.
    pub fn to_json(&self) -> Value {
        let finding = |Finding { path, severity, rule, message, hint }: &Finding| json!({ "path": format!("/{path}"), "severity": severity.to_string(), "rule": rule, "message": message, "hint": hint });
        json!({
            "clean": self.is_clean(),
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "infos": self.count(Severity::Info),
            "truncated": self.truncated,
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told = Vec::new();
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
            if !told.contains(&finding.rule) {
                told.push(finding.rule);
                writeln!(f, "         {}", finding.hint)?;
            }
        }
        let count = |severity: Severity| match self.count(severity) {
            1 => format!("1 {severity}"),
            many => format!("{many} {severity}s"),
        };
        let [errors, warnings, infos] = [Severity::Error, Severity::Warning, Severity::Info].map(count);
        write!(f, "{errors}, {warnings}, {infos}")?;
        if self.truncated {
            write!(f, "; more were not looked for")?;
        }
        Ok(())
    }
}

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
    /// What is told of the bytes that are read.
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
    /// The same with another bound of memory in bytes.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// The same with another number of findings after which validation ends.
    #[must_use]
    pub fn with_max_findings(mut self, findings: usize) -> Self {
        self.max_findings = findings;
        self
    }

    /// The same, telling the progress.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// The same with other encodings.
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
/// io::write_anndata(&root, &adata, &io::WriteOptions::default())?;
///
/// let report = validate(&root, &ValidateOptions::default())?;
/// assert_eq!(report.findings.len(), 1);
/// assert_eq!((report.findings[0].path.as_str(), report.findings[0].rule), ("obs/_index", "names-repeated"));
/// assert_eq!(report.findings[0].severity, Severity::Warning);
/// # Ok::<(), anndata_format::Error>(())
/// ```
///
/// # Errors
/// Where the group itself cannot be opened. Whatever is wrong within it is a finding.
pub fn validate(group: &Group, options: &ValidateOptions) -> Result<Report> {
    let mut checker = Checker::new(options);
    let node = Node::open_tolerant(group, "", &mut |path, error| checker.cannot_open(path, &error))?;
    checker.root(&node);
    for error in group.storage().verify().map_err(|error| error.at(group.path()).in_store(&**group.storage()))? {
        checker.add_error(error.path().unwrap_or_default(), &error);
    }
    Ok(checker.finish())
}
