//! Mutations of metadata: a file in which nothing wrong is found can be read and converted.
//!
//! A seeded sample is tried in the run of all tests, and everything with
//! `cargo nextest run -p anndata-tests -E 'test(every_mutation)' --run-ignored only --no-capture`.

use std::path::PathBuf;

use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::node::{Node, NodeWriteOptions};
use anndata::{Error, Report, Severity, ValidateOptions, validate};
use anndata_tests::mutations::{Mutation, mutations};
use anndata_tests::{fixtures, stores};
use rayon::prelude::*;

use crate::object::good;

/// The trees that are changed, with their values in memory: the good object, and all fixtures that are small.
fn trees() -> Vec<(String, Node)> {
    let mut trees = vec![("good".to_owned(), Node::open(&good().unwrap(), "").unwrap().fetch().unwrap())];
    let small = |file: &PathBuf| !["demo", "wide"].contains(&fixtures::stem(file).as_str());
    for file in fixtures::readable().unwrap().into_iter().filter(small) {
        let tree = Node::open(&anndata::open(&file).unwrap(), "").unwrap().fetch().unwrap();
        trees.push((fixtures::stem(&file), tree));
    }
    trees
}

/// What a mutation led to.
#[derive(Default)]
struct Outcome {
    /// It changes nothing, or cannot be stored.
    left_out: bool,
    /// Whether an error was found, and whether nothing worse than an information was.
    has_error: bool,
    is_clean: bool,
    /// What went wrong though nothing was found.
    wrong: Vec<String>,
}

fn try_out(tree: &Node, mutation: &Mutation) -> Outcome {
    let root = stores::memory();
    let written = mutation.apply(tree).unwrap().map(|changed| changed.write(&root, "", &NodeWriteOptions::default()));
    if !matches!(written, Some(Ok(()))) {
        return Outcome { left_out: true, ..Outcome::default() };
    }
    let report = validate(&root, &ValidateOptions::default()).unwrap();
    let mut outcome =
        Outcome { has_error: report.count(Severity::Error) > 0, is_clean: report.is_clean(), ..Outcome::default() };
    let mut fail = |what: &str, error: &Error, report: &Report| {
        outcome.wrong.push(format!("{mutation}: {what}: {error}\n    found: {report}"));
    };
    let read = io::read_anndata(&root, &ElemReadOptions::default());
    if let (Err(error), false) = (&read, outcome.has_error) {
        fail("is not read", error, &report);
    }
    let target = stores::memory();
    let lazy = io::read_anndata(&root, &ElemReadOptions::default().with_lazy(true));
    match lazy.and_then(|adata| io::write_anndata(&target, &adata, &ElemWriteOptions::default())) {
        Err(error) if !outcome.has_error => fail("is not converted", &error, &report),
        Ok(()) if read.is_ok() => {
            // What is made of a file that is not sound is sound, where it can be made at all.
            let converted = validate(&target, &ValidateOptions::default()).unwrap();
            if outcome.is_clean && !converted.is_clean() {
                outcome.wrong.push(format!("{mutation}: is converted to\n    {converted}"));
            }
        }
        _ => {}
    }
    outcome
}

/// A generator of numbers below a bound, the same in each run.
fn numbers(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    }
}

/// What mutations lead to, on all cores.
#[derive(Default)]
struct Figures {
    tried: usize,
    without_error: usize,
    clean: usize,
    wrong: Vec<String>,
}

fn try_all(name: &str, tree: &Node, mutations: &[Mutation]) -> Figures {
    let outcomes: Vec<Outcome> = mutations.par_iter().map(|mutation| try_out(tree, mutation)).collect();
    let mut figures = Figures::default();
    for outcome in outcomes.into_iter().filter(|outcome| !outcome.left_out) {
        figures.tried += 1;
        figures.without_error += usize::from(!outcome.has_error);
        figures.clean += usize::from(outcome.is_clean);
        figures.wrong.extend(outcome.wrong.into_iter().map(|line| format!("{name} {line}")));
    }
    figures
}

#[test]
fn what_is_found_to_be_sound_can_be_read_and_converted() {
    let mut random = numbers(20_260_801);
    let (mut tried, mut wrong) = (0, Vec::new());
    for (name, tree) in trees() {
        let all = mutations(&tree).unwrap();
        let some: Vec<Mutation> = (0..12).map(|_| all[random(all.len())].clone()).collect();
        let figures = try_all(&name, &tree, &some);
        tried += figures.tried;
        wrong.extend(figures.wrong);
    }
    assert!(tried > 300, "only {tried} mutations were tried");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Members that are records, categories or buffers in a layout of which few mutations are drawn above.
#[test]
fn members_of_old_layouts_are_what_they_have_to_be_or_found() {
    let parts = ["/obs:", "/var:", "/raw.var:", "/obsm:", "/varm:", "/raw.varm:", "/uns/cluster_categories:"];
    let buffers = ["/uns/bit_masked/node0-mask:", "/uns/records_in_lists/node3-data:"];
    let (mut tried, mut wrong) = (0, Vec::new());
    for (name, tree) in trees() {
        let is_part = |mutation: &Mutation| {
            let mutation = mutation.to_string();
            let starts = |paths: &[&str]| paths.iter().any(|path| mutation.starts_with(path));
            (name == "anndata-0.5.10" && starts(&parts)) || (name == "awkward" && starts(&buffers))
        };
        let some: Vec<Mutation> = mutations(&tree).unwrap().into_iter().filter(is_part).collect();
        let figures = try_all(&name, &tree, &some);
        tried += figures.tried;
        wrong.extend(figures.wrong);
    }
    assert!(tried > 150, "only {tried} mutations were tried");
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

/// All of them: some minutes. `MUTATED` names a fixture where one is to be tried alone.
#[test]
#[ignore = "takes minutes"]
fn every_mutation() {
    let only = std::env::var("MUTATED").ok();
    let mut sum = Figures::default();
    let mut all = 0;
    for (name, tree) in trees().into_iter().filter(|(name, _)| only.as_ref().is_none_or(|only| only == name)) {
        let mutations = mutations(&tree).unwrap();
        let Figures { tried, without_error, clean, wrong } = try_all(&name, &tree, &mutations);
        println!(
            "{name}: {} mutations, {tried} tried, {without_error} without an error, {clean} clean, {} wrong",
            mutations.len(),
            wrong.len()
        );
        all += mutations.len();
        sum.tried += tried;
        sum.without_error += without_error;
        sum.clean += clean;
        sum.wrong.extend(wrong);
    }
    let Figures { tried, without_error, clean, wrong } = sum;
    println!("all: {all} mutations, {tried} tried, {without_error} without an error, {clean} clean");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
