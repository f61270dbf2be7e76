//! Project automation: `cargo xtask COMMAND`. One file per command.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line program talks to its user")]

mod asan;
mod bench;
mod ci;
mod conformance;
mod crash;
mod demo;
mod dist;
mod env;
mod features;
mod fixtures;
mod fuzz;
mod mutants;
mod mutate;
mod release;
mod sh;
mod sql;
mod test;
mod tidy;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  ci                     everything that has to pass: format, lints, tidy, docs, demo, tests
  test [--sql] [--python P] [--seed N]
                         Rust tests and documentation tests, and the comparison with Python anndata; --sql with the crates that
                         build DataFusion; N for random values
  features               every set of features of every crate compiles: none, each alone, all; reading needs no C compiler
  conformance [--quick | --full | --mutate | --mistake NAME] [--save] [--seed N] [--case ID] [--operation NAME]
              [--anndata 0.13|0.12] [--python P]
                         random cases done by Python anndata and by this workspace, and compared
  sql [--queries N] [--seed N] [--lints] [--python P]
                         tests of the crates that build DataFusion, and random queries answered by them and by pandas; --lints
                         for clippy, the documentation and the command with its features sql and cluster too
  crash [--rounds N] [--full-disks N] [--seed S] [--only OPERATION]
                         processes that write are killed, or find the disk full; the old or the new object has to be there
  mutate [--h5ad N] [--zarr N] [--seed S] [--jobs N] [--sample N [--python P]]
                         files and stores of which bytes are changed are shown, validated, read, converted and edited in
                         processes that must not panic, die or hang; each N-th that is read is read by Python too
  mutants [--earlier FILE] [--python P]
                         the code of sparse matrices, selection and concatenation, changed in one place at a time: which changes
                         no test notices; --earlier for those that were not caught in a run before
  demo                   show and convert a real file with the anndata command
  tidy                   conventions that clippy cannot check
  fixtures [--python P]  write tests/fixtures anew with Python anndata
  fuzz [--target T] [--seconds N] [--input FILE]
                         looks for inputs that break a promise, beginning with fuzz/corpus; keeps them in fuzz/crashes
  asan [--python P]      the tests that reach unsafe code or C, with AddressSanitizer
  bench limits|read|write|zarr|layouts|remote|convert|matrix|concat|qc|lazy|dispatch|collection|concat-on-disk|text|command|loader
        |small|cores|all|page|sql|atlas|cluster
        [--rounds N] [--python P]
                         ratios to Python anndata (and the crate zarrs, scanpy, annbatch) on a made file of 40 million
                         non-zeros; qc, lazy, dispatch, text and loader take --quick: a small one; all measures all,
                         and page writes docs/performance.md of what was measured
  release plan [--crate C] [--install]
                         what changed since each crate's last tag, and the versions that follow;
                         --install brings cargo-semver-checks
  release prepare [--crate C [--level patch|minor|major]]
                         write versions and changelogs, check what would be published, and commit
  release docs           the documentation as docs.rs builds it
  release pack           each crate, built from its package alone; the sizes of the packages, and what must not be in them
  release check          the checks of prepare, for a commit that was prepared elsewhere
  release publish [--dry-run] [--registry NAME]
                         upload what has no tag yet, and tag it; --dry-run does it to a registry on this machine
  dist                   an archive of the anndata command, with completions and manual pages

P is a Python of version 3.12 or later; without it $ANNDATA_PYTHON and then the usual positions are tried.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["ci"] => ci::run(),
        ["test", rest @ ..] => test::run(rest),
        ["features"] => features::run(),
        ["conformance", rest @ ..] => conformance::run(rest),
        ["sql", rest @ ..] => sql::run(rest),
        ["crash", rest @ ..] => crash::run(rest),
        ["mutants", rest @ ..] => mutants::run(rest),
        ["mutate", rest @ ..] => mutate::run(rest),
        ["demo"] => demo::run(&["--package", "anndata-cli"]),
        ["tidy"] => tidy::run(),
        ["fixtures", rest @ ..] => fixtures::run(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["asan", rest @ ..] => asan::run(rest),
        ["bench", rest @ ..] => bench::run(rest),
        ["release", rest @ ..] => release::run(rest),
        ["dist"] => dist::run(),
        _ => Err(sh::Error::new(USAGE)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
