//! What a validation found.

use anndata_format::{Finding, Report, Severity};
use maud::{Markup, html};

use super::{name, note, section};
use crate::number::counted;

/// The most findings that are listed.
const LISTED: usize = 500;

pub(crate) fn findings(report: Option<&Report>) -> Markup {
    let Some(report) = report else {
        return section("findings", "Findings", html! {}, note("The object was not validated."));
    };
    let lead = html! {
        (counted(report.count(Severity::Error), "error")) ", "
        (counted(report.count(Severity::Warning), "warning")) ", "
        (counted(report.count(Severity::Info), "note"))
        @if report.truncated { "; more were not looked for" } "."
    };
    let mut listed: Vec<&Finding> = report.findings.iter().collect();
    listed.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let rest = listed.len().saturating_sub(LISTED);
    listed.truncate(LISTED);
    let body = html! {
        @if listed.is_empty() {
            p.note { span.status.good { "clean" } " Nothing is wrong with it." }
        } @else {
            ul.findings {
                @for finding in listed {
                    li class={ "finding " (class(finding.severity)) } {
                        span class={ "status " (class(finding.severity)) } { (finding.severity) }
                        div {
                            p { code { "/" (name(&finding.path)) } " " (name(&finding.message)) }
                            p.hint { (finding.hint) " " span.rule { (finding.rule) } }
                        }
                    }
                }
            }
            @if rest > 0 { (note(&format!("And {}.", counted(rest, "more finding")))) }
        }
    };
    section("findings", "Findings", lead, body)
}

fn class(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}
