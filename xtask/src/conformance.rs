//! `cargo xtask conformance`: the same cases done by Python anndata and by this workspace, and compared.
//!
//! `tests/README.md` says how it works. This file finds the interpreters, builds the runner and starts the Python half,
//! once for each version of anndata; with `--mutate`, once for each mistake that it has to find.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::env::{Tools, anndata_python_with, no_python};
use crate::sh::{Error, Result, Selection, cargo, command, flag, option, output, root, step, target};

/// The versions of anndata that are compared with, the newest first, and what is installed for each.
const VERSIONS: [(&str, &str); 2] =
    [("0.13", "tests/python/requirements.txt"), ("0.12", "tests/python/requirements-0.12.txt")];
const DOCUMENT: &str = "docs/conformance.md";
const MUTATIONS: &str = "tests/mutations";
/// The seed of a run that is not full and names none: the same each time.
const SEED: &str = "20260801";
const VALUES: [&str; 7] = ["--python", "--anndata", "--seed", "--seeds", "--case", "--operation", "--mistake"];
const FLAGS: [&str; 4] = ["--quick", "--full", "--save", "--mutate"];

/// Run the comparison.
///
/// # Errors
///
/// When a case fails, a known difference has gone, an argument is not known, or there is no Python; without the latter,
/// `--quick` is left out with a line that says so, unless `CI=true`.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    run_built(Selection::WithoutDataFusion, arguments)
}

/// The same with a program that is built with what is selected.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn run_built(selection: Selection, arguments: &[&str]) -> Result<()> {
    let (flags, values): (Vec<&str>, Vec<&str>) = arguments.iter().partition(|word| FLAGS.contains(word));
    let wanted = option(&values, "--python", &VALUES)?;
    let asked = option(&values, "--anndata", &VALUES)?;
    let versions: Vec<_> = VERSIONS.iter().filter(|(version, _)| asked.is_none_or(|asked| asked == *version)).collect();
    if versions.is_empty() {
        return Err(Error::new(format!("--anndata takes one of {}", VERSIONS.map(|(version, _)| version).join(", "))));
    }
    let full = flag(&flags, "--full");
    let mut options = Vec::new();
    for pair in values.chunks(2) {
        if let [name @ ("--case" | "--operation"), value] = *pair {
            options.extend([name, value]);
        }
    }
    let is_part = options.contains(&"--case") || options.contains(&"--operation");
    options.extend(["--full", "--save"].into_iter().filter(|name| flag(&flags, name)));

    let mut pythons = Vec::new();
    for (version, requirements) in &versions {
        match anndata_python_with(wanted, requirements)? {
            Some(python) => pythons.push((*version, python)),
            None if full || std::env::var("CI").is_ok_and(|v| v == "true") => return Err(Error::new(no_python())),
            None => {
                println!("==> conformance: SKIPPED, {}\n", no_python());
                return Ok(());
            }
        }
    }
    let mistake = option(&values, "--mistake", &VALUES)?;
    if flag(&flags, "--mutate") || mistake.is_some() {
        let python = pythons.first().map(|(_, python)| python).ok_or_else(|| Error::new(no_python()))?;
        return mutate(python, &options, mistake);
    }
    let runner = build(root(), &target(), selection)?;
    let seeds = seeds(&values, full)?;
    // All of them run: a failure hides nothing of what comes after it.
    let mut failed = Vec::new();
    for seed in &seeds {
        for (position, (version, python)) in pythons.iter().enumerate() {
            let mut compare = compare(python, &runner);
            // Beside the newest, an older version gets a case of each kind.
            compare.args(&options).args(["--seed", seed]).args((!full && !is_part && position > 0).then_some("--thin"));
            if let Err(error) = step(&format!("conformance with anndata {version} and seed {seed}"), &mut compare) {
                println!("{error}");
                failed.push(format!("with anndata {version} and seed {seed}"));
            }
        }
    }
    if !failed.is_empty() {
        return Err(Error::new(format!("conformance failed {}", failed.join(", "))));
    }
    let is_whole = full && !is_part && pythons.len() == VERSIONS.len();
    if is_whole { document(&pythons, &seeds) } else { Ok(()) }
}

/// The seeds of a run: those that are given; of a full run without any, as many as are asked for that no run before had.
fn seeds(values: &[&str], full: bool) -> Result<Vec<String>> {
    let given =
        values.chunks(2).filter_map(|pair| if let ["--seed", seed] = *pair { Some(seed.to_owned()) } else { None });
    let given: Vec<String> = given.collect();
    if !given.is_empty() || !full {
        return Ok(if given.is_empty() { vec![SEED.to_owned()] } else { given });
    }
    let count = option(values, "--seeds", &VALUES)?.unwrap_or("1");
    let count: usize = count.parse().map_err(|_| Error::new(format!("--seeds takes a number, not {count}")))?;
    // The page names the seeds of all runs before.
    let known = std::fs::read_to_string(root().join(DOCUMENT))?;
    let mut drawn: Vec<String> = Vec::new();
    while drawn.len() < count {
        let seed = (RandomState::new().hash_one(drawn.len()) % 1_000_000_000).to_string();
        if !known.contains(&seed) && !drawn.contains(&seed) {
            drawn.push(seed);
        }
    }
    Ok(drawn)
}

/// The Python half, on a runner.
fn compare(python: &Path, runner: &Path) -> Command {
    let mut compare = command(python);
    compare.env("PYTHONPATH", "tests/python").env("PYTHONDONTWRITEBYTECODE", "1");
    compare.args(["-W", "ignore", "-m", "conformance", "--runner"]).arg(runner);
    compare.arg("--folder").arg(target().join("conformance"));
    compare
}

/// Build the runner of the project, or of a copy of it, below a folder and say where it is.
fn build(project: &Path, folder: &Path, selection: Selection) -> Result<PathBuf> {
    let mut build = cargo();
    build.current_dir(project).env("CARGO_TARGET_DIR", folder);
    // With what the tests are built with, so that nothing is built twice.
    build.args(["build", "--quiet"]).args(selection.arguments()).args(["--example", "conformance"]);
    step("build the runner", Tools::bring()?.apply(&mut build))?;
    Ok(folder.join(format!("debug/examples/conformance{}", std::env::consts::EXE_SUFFIX)))
}

/// Write the page of the documentation from the results of all versions.
fn document(pythons: &[(&str, PathBuf)], seeds: &[String]) -> Result<()> {
    let folder = target().join("conformance");
    let Some((_, newest)) = pythons.first() else { return Ok(()) };
    let mut write = compare(newest, Path::new(""));
    write.args(["--document", DOCUMENT]);
    for (_, python) in pythons {
        let code = "from importlib.metadata import version; print(version('anndata'))";
        let version = output(command(python).args(["-c", code]))?;
        write.args(seeds.iter().map(|seed| folder.join(format!("results-{}-{seed}.json", version.trim()))));
    }
    step(DOCUMENT, &mut write)?;
    crate::release::stamp_conformance(root())
}

/// Make each mistake of `tests/mutations`, or the one of a name, in a copy of the last commit; the comparison has to fail
/// with every one.
fn mutate(python: &Path, options: &[&str], name: Option<&str>) -> Result<()> {
    let mut mistakes = mistakes()?;
    mistakes.retain(|mistake, _| name.is_none_or(|name| name == mistake));
    if mistakes.is_empty() {
        return Err(Error::new(format!("{MUTATIONS} has no such mistake")));
    }
    let tree = target().join("mutations");
    let path = tree.to_string_lossy();
    // A copy that an earlier run left.
    let _ = git(root(), &["worktree", "remove", "--force", &path]);
    git(root(), &["worktree", "add", "--detach", &path, "HEAD"])?;
    let survivors = survivors(&tree, &mistakes, |runner| compare(python, runner).args(options).output());
    git(root(), &["worktree", "remove", "--force", &path])?;
    let survivors = survivors?;
    if !survivors.is_empty() {
        return Err(Error::new(format!("not found: {}", survivors.join(", "))));
    }
    println!("\nall mistakes were found");
    Ok(())
}

/// The names of the mistakes that the comparison does not find, when they are made in `tree`.
fn survivors(
    tree: &Path,
    mistakes: &BTreeMap<String, String>,
    compare: impl Fn(&Path) -> std::io::Result<Output>,
) -> Result<Vec<String>> {
    let mut survivors = Vec::new();
    for (name, mistake) in mistakes {
        println!("==> mistake: {name}");
        make_mistake(tree, mistake)?;
        // In a folder of its own, as Cargo would take what is built of a copy for what is built of the project.
        let found = compare(&build(tree, &target().join("mutated"), Selection::WithoutDataFusion)?)?;
        let said = String::from_utf8_lossy(&found.stdout);
        let failures: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("FAILED  ")).collect();
        let mut by_operation = BTreeMap::new();
        for failure in &failures {
            *by_operation.entry(failure.split('/').next().unwrap_or_default()).or_insert(0) += 1;
        }
        println!("{} cases fail: {by_operation:?}; the first so:", failures.len());
        said.lines().skip_while(|line| !line.starts_with("FAILED")).take(2).for_each(|line| println!("{line}"));
        if found.status.success() || failures.is_empty() {
            survivors.push(name.clone());
        }
        git(tree, &["checkout", "--", "."])?;
    }
    Ok(survivors)
}

/// The mistakes by name: each a text that [`make_mistake`] takes.
fn mistakes() -> Result<BTreeMap<String, String>> {
    let files = std::fs::read_dir(root().join(MUTATIONS))?.collect::<std::io::Result<Vec<_>>>()?;
    let name = |path: &Path| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    files.iter().map(|file| Ok((name(&file.path()), std::fs::read_to_string(file.path())?))).collect()
}

/// Put the lines after `+ ` in the place of those after `- `, in the file that the first line names.
fn make_mistake(tree: &Path, mistake: &str) -> Result<()> {
    let (file, text) = with_mistake(tree, mistake)?;
    Ok(std::fs::write(file, text)?)
}

/// The file that a mistake is made in, and its text with the mistake.
fn with_mistake(tree: &Path, mistake: &str) -> Result<(PathBuf, String)> {
    let file = tree.join(mistake.lines().next().unwrap_or_default());
    let marked = |mark: &str| mistake.lines().filter_map(|line| line.strip_prefix(mark)).collect::<Vec<_>>().join("\n");
    let (old, new, text) = (marked("- "), marked("+ "), std::fs::read_to_string(&file)?);
    if old.is_empty() || text.matches(&old).count() != 1 {
        return Err(Error::new(format!("{} does not have this line once: {old}", file.display())));
    }
    Ok((file, text.replace(&old, &new)))
}

fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    output(command("git").current_dir(folder).args(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_run_draws_seeds_that_no_run_had() -> Result<()> {
        assert_eq!(seeds(&[], false)?, [SEED]);
        assert_eq!(seeds(&["--seed", "5", "--case", "a/b/0", "--seed", "6"], true)?, ["5", "6"]);
        let drawn = seeds(&["--seeds", "3"], true)?;
        let known = std::fs::read_to_string(root().join(DOCUMENT))?;
        assert!(drawn.len() == 3 && drawn.iter().all(|seed| !known.contains(seed)), "{drawn:?}");
        assert_ne!(drawn, seeds(&["--seeds", "3"], true)?);
        assert!(seeds(&["--seeds", "many"], true).is_err());
        Ok(())
    }

    #[test]
    fn the_code_still_has_the_lines_that_mistakes_are_made_in() -> Result<()> {
        let mistakes = mistakes()?;
        assert_eq!(mistakes.len(), 5);
        for mistake in mistakes.values() {
            let (file, text) = with_mistake(root(), mistake)?;
            assert_ne!(text, std::fs::read_to_string(file)?);
        }
        Ok(())
    }
}
