//! What validation finds, and the tools with which encodings look for it.

mod checker;
pub mod rules;

use std::fmt;

use anndata_storage::escaped;
use serde_json::{Value, json};

pub use checker::Checker;
pub(crate) use checker::{CheckOptions, Checks};
pub use rules::Rule;

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
/// It prints as one line per finding, each rule's hint once, and a line with the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// The findings.
    pub findings: Vec<Finding>,
    /// Whether validation ended early, at [`ValidateOptions::max_findings`](crate::ValidateOptions::max_findings).
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
