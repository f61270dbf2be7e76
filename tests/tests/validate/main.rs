//! Validation: what is found in good files, in files that are wrong in one way, and in stores made dangerous here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

mod blocks;
mod dangers;
mod mutations;
mod object;
mod storage;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anndata::io::{self, ElemWriteOptions};
use anndata::node::Progress;
use anndata::validate::rules;
use anndata::{AnnData, ErrorKind, Finding, Report, Severity, Tensor, ValidateOptions, validate, validate_path};
use anndata_tests::{fixtures, stores};

use object::{good, i32s, put};

/// The rules of files that are wrong in one way; `None` if nothing can be opened.
pub(crate) const MALFORMED: &[(&str, Option<&str>)] = &[
    ("bomb-chunk", Some("element-unreadable")),
    ("claims-8-tib", Some("size-claim")),
    ("claims-8-tib-one-chunk", Some("size-claim")),
    ("codes-float", Some("categorical-codes")),
    ("codes-too-large", Some("categorical-code-out-of-range")),
    ("codes-too-small", Some("categorical-code-out-of-range")),
    ("column-order-absent", Some("column-absent")),
    ("column-order-missing", Some("attribute-missing")),
    ("column-order-number", Some("attribute-type")),
    ("column-short", Some("column-length")),
    ("deep-nesting", Some("element-unreadable")),
    ("empty", None),
    ("encoding-type-integer", Some("attribute-type")),
    ("encoding-type-of-array", Some("node-kind")),
    ("encoding-type-of-group", Some("node-kind")),
    ("external-link", Some("external-reference")),
    ("external-storage", Some("external-reference")),
    ("garbage-chunk", Some("element-unreadable")),
    ("hard-link-cycle", Some("element-unreadable")),
    ("hard-links-multiply", Some("size-claim")),
    ("hard-links-without-end", Some("size-claim")),
    ("heap-address-beyond-file", Some("element-unreadable")),
    ("heap-endless", Some("element-unreadable")),
    ("heap-object-absent", Some("element-unreadable")),
    ("heap-object-too-large", Some("element-unreadable")),
    ("heap-text-too-long", Some("size-claim")),
    ("index-absent", Some("column-absent")),
    ("index-missing", Some("attribute-missing")),
    ("named-datatype", Some("not-supported")),
    ("not-anndata", Some("not-anndata")),
    ("not-hdf5", None),
    ("nullable-lengths-differ", Some("nullable-mask")),
    ("root-garbage", None),
    ("shape-mismatch", Some("slot-shape")),
    ("short-chunk", Some("element-unreadable")),
    ("soft-link-codes", Some("element-unreadable")),
    ("soft-link-column", Some("element-unreadable")),
    ("soft-link-dangling", Some("element-unreadable")),
    ("soft-link-loop", Some("element-unreadable")),
    ("sparse-index-negative", Some("sparse-index-out-of-range")),
    ("sparse-index-too-large", Some("sparse-index-out-of-range")),
    ("sparse-indices-float", Some("sparse-arrays")),
    ("sparse-indptr-decreasing", Some("sparse-indptr")),
    ("sparse-indptr-empty", Some("sparse-indptr")),
    ("sparse-indptr-end", Some("sparse-indptr")),
    ("sparse-indptr-missing", Some("member-missing")),
    ("sparse-indptr-start", Some("sparse-indptr")),
    ("sparse-indptr-too-long", Some("sparse-indptr")),
    ("sparse-lengths-differ", Some("sparse-arrays")),
    ("sparse-shape-huge", Some("sparse-indptr")),
    ("sparse-shape-negative", Some("sparse-shape")),
    ("sparse-shape-string", Some("sparse-shape")),
    ("sparse-shape-three", Some("sparse-shape")),
    ("text-not-utf8", Some("element-unreadable")),
    ("truncated-half", None),
    ("truncated-header", None),
    ("virtual-dataset", Some("external-reference")),
    ("wrong-checksum", Some("element-unreadable")),
];

pub(crate) fn errors(report: &Report) -> Vec<&Finding> {
    report.findings.iter().filter(|finding| finding.severity == Severity::Error).collect()
}

/// Paths and rules, without order.
pub(crate) fn found(report: &Report) -> BTreeSet<(String, &'static str)> {
    report.findings.iter().map(|finding| (finding.path.clone(), finding.rule)).collect()
}

#[test]
fn malformed_files_have_their_finding_at_the_element_that_is_wrong() {
    let folder = fixtures::folder().join("malformed");
    let list: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(&std::fs::read(folder.join("malformed.json")).unwrap()).unwrap();
    assert_eq!(list.keys().collect::<Vec<_>>(), MALFORMED.iter().map(|(stem, _)| stem).collect::<Vec<_>>());
    for (stem, rule) in MALFORMED {
        let path = list[*stem]["path"].as_str().unwrap().trim_matches('/');
        let report = validate_path(folder.join(format!("{stem}.h5ad")), &ValidateOptions::default());
        let (Some(rule), report) = (rule, &report) else {
            let error = report.as_ref().unwrap_err();
            let kinds = [ErrorKind::InvalidData, ErrorKind::Io, ErrorKind::Refused, ErrorKind::Unsupported];
            assert!(kinds.contains(&error.kind()), "{stem}: {error:?}");
            continue;
        };
        let report = report.as_ref().unwrap_or_else(|error| panic!("{stem}: {error}"));
        let below = |finding: &Finding| finding.path == path || finding.path.starts_with(&format!("{path}/"));
        let errors = errors(report);
        assert!(errors.iter().any(|error| error.rule == *rule), "{stem} has no {rule}:\n{report}");
        assert!(errors.iter().all(|error| below(error) || path.is_empty()), "{stem} has an error elsewhere:\n{report}");
    }
}

/// Fixtures with what Python does not know, and refuses, and the rules that say so.
const STRANGE: [(&str, &[&str]); 2] =
    [("anndata-extra", &["encoding-unknown", "member-unknown"]), ("unknown", &["encoding-unknown"])];

#[test]
fn good_files_have_no_error() {
    let mut files = fixtures::readable().unwrap();
    files.extend(fixtures::corpus().unwrap());
    for file in files {
        let report = validate_path(&file, &ValidateOptions::default()).unwrap();
        let rules: BTreeSet<&str> = errors(&report).iter().map(|error| error.rule).collect();
        let strange = STRANGE.iter().find(|(stem, _)| *stem == fixtures::stem(&file));
        let expected = strange.map_or(&[] as &[&str], |(_, rules)| rules);
        assert_eq!(rules.into_iter().collect::<Vec<_>>(), expected, "{}:\n{report}", file.display());
    }
}

#[test]
fn messages_say_what_is_there() {
    let message = |change: fn(&anndata::Group) -> anndata::Result<()>, rule: &str| {
        let root = good().unwrap();
        change(&root).unwrap();
        let report = validate(&root, &ValidateOptions::default()).unwrap();
        report.findings.iter().find(|finding| finding.rule == rule).map(|finding| finding.message.clone()).unwrap()
    };
    let single = message(|root| put(root, "obs/n", &Tensor::scalar(1_i64)), "column-kind");
    assert_eq!(single, "a single value, not a column");
    let deep = message(|root| put(root, "obs/n", &Tensor::from_vec([3, 1], vec![1_i64; 3])?), "column-kind");
    assert_eq!(deep, "of shape [3, 1], not a column");
    let index = message(
        |root| {
            object::copy(root, "obs", "obsm/frame")?;
            put(root, "obsm/frame/_index", &object::texts(&["c1", "x", "c3"]))
        },
        "slot-index",
    );
    assert_eq!(index, "the label at 1 is 'x', the name on the axis 'c2'");
}

/// What is worth a word in good files, so that no rule comes to speak of more than it should.
#[test]
fn warnings_about_good_files() {
    let mut warnings = BTreeMap::new();
    for file in fixtures::readable().unwrap() {
        let report = validate_path(&file, &ValidateOptions::default()).unwrap();
        for finding in report.findings.iter().filter(|finding| finding.severity == Severity::Warning) {
            let stem = fixtures::stem(&file);
            warnings.entry(stem).or_insert_with(Vec::new).push(format!("{} {}", finding.path, finding.rule));
        }
    }
    let expected: [(&str, &[&str]); 8] = [
        ("anndata-extra", &["extra_dataset encoding-missing", "extra_group encoding-missing"]),
        ("dataframes", &["uns/index_int/unlisted column-unlisted", "uns/slash_columns key-with-slash"]),
        ("demo", &["X/indices sparse-indices-unsorted", "raw/X/indices sparse-indices-unsorted"]),
        ("dict", &["uns/with encoding-missing"]),
        ("scalars", &["uns/string_fixed text-fixed-width"]),
        ("sparse", &["uns/duplicates/indices sparse-indices-repeated", "uns/unsorted/indices sparse-indices-unsorted"]),
        ("strings", &["uns/fixed_ascii text-fixed-width", "uns/fixed_utf8 text-fixed-width"]),
        ("unknown", &["uns/bare encoding-missing", "uns/bare_group encoding-missing"]),
    ];
    let found: Vec<(&str, Vec<&str>)> =
        warnings.iter().map(|(stem, list)| (stem.as_str(), list.iter().map(String::as_str).collect())).collect();
    assert_eq!(found, expected.map(|(stem, list)| (stem, list.to_vec())));
}

#[test]
fn validation_ends_at_the_most_findings() {
    let root = good().unwrap();
    for name in ["a", "b", "c", "d"] {
        put(&root, &format!("uns/{name}"), &i32s(&[1])).unwrap();
    }
    let all = validate(&root, &ValidateOptions::default()).unwrap();
    assert_eq!((all.findings.len(), all.truncated), (4, false));
    let some = validate(&root, &ValidateOptions::default().with_max_findings(4)).unwrap();
    assert_eq!((some.findings.len(), some.truncated), (4, false));
    let few = validate(&root, &ValidateOptions::default().with_max_findings(3)).unwrap();
    assert_eq!((few.findings.len(), few.truncated), (3, true));
    assert!(few.to_string().ends_with("more were not looked for"), "{few}");
    assert_eq!(few.to_json()["truncated"], true);
}

/// Everything that is read is reported, once.
#[test]
fn progress_is_told_of_all_values() {
    let bytes = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&bytes);
    let progress = Progress::new(move |more| {
        counter.fetch_add(more, Ordering::Relaxed);
    });
    let root = stores::memory();
    let values = Tensor::from_vec([1000], vec![1_i64; 1000]).unwrap();
    io::write_anndata(&root, &AnnData::builder().uns("v", values).build().unwrap(), &ElemWriteOptions::default())
        .unwrap();
    validate(&root, &ValidateOptions::default().with_memory(1000).with_progress(progress)).unwrap();
    assert_eq!(bytes.load(Ordering::Relaxed), 8000);
}

/// The page of the rules is made from the table. `ANNDATA_UPDATE_DOCS=1 cargo test -p anndata-tests --test validate` makes
/// it anew.
#[test]
fn the_page_of_the_rules_is_true() {
    const ABOUT: &str = include_str!("../../../docs/validate.md");
    let path = fixtures::folder().join("../../docs/validate.md");
    let introduction = ABOUT.split("## ").next().unwrap_or_default();
    let page = format!("{introduction}{}", rules::markdown());
    if std::env::var_os("ANNDATA_UPDATE_DOCS").is_some() {
        std::fs::write(path, page).unwrap();
    } else {
        assert_eq!(ABOUT, page, "docs/validate.md is not what the table of rules says");
    }
}

/// The page on the format says by which rule each violation is reported.
#[test]
fn the_page_of_the_format_names_rules_that_there_are() {
    const FORMAT: &str = include_str!("../../../crates/anndata-format/docs/format.md");
    let in_parentheses = FORMAT.split("(`").skip(1).filter_map(|rest| rest.split(')').next());
    let named = in_parentheses.flat_map(|names| names.split('`').step_by(2)).filter(|name| name.contains('-'));
    let (named, page): (Vec<&str>, String) = (named.collect(), rules::markdown());
    let unknown = named.iter().filter(|name| !page.contains(&format!("| `{name}` |"))).collect::<Vec<_>>();
    assert!(named.len() > 50 && unknown.is_empty(), "{} names, unknown: {unknown:?}", named.len());
}

/// Bytes of good files changed at random: what can no longer be read has an error, or cannot be opened.
#[test]
fn what_damage_makes_unreadable_is_found() {
    let mut state = 0x9876_5432_1fed_cba9_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("damaged.h5ad");
    let (mut refused, mut missed) = (0, Vec::new());
    for file in fixtures::readable().unwrap() {
        let good = std::fs::read(&file).unwrap();
        for round in 0..4 {
            let mut bytes = good.clone();
            for _ in 0..=random(12) {
                let (position, len) = (random(bytes.len() - 8), 1 + random(2));
                bytes[position..position + len].fill(u8::try_from(random(256)).unwrap());
            }
            std::fs::write(&path, bytes).unwrap();
            let report = validate_path(&path, &ValidateOptions::default());
            if let Err(error) = anndata::read_h5ad(&path) {
                refused += 1;
                if report.is_ok_and(|report| errors(&report).is_empty()) {
                    missed.push(format!("{} {round}: {error}", fixtures::stem(&file)));
                }
            }
        }
    }
    assert!(refused > 10, "only {refused} files were refused: nothing was damaged");
    assert!(missed.is_empty(), "{} of {refused} were missed:\n{}", missed.len(), missed.join("\n"));
}
