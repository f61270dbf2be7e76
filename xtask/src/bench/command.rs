//! `cargo xtask bench command`: subcommands of `anndata` on 40 million non-zeros, from their start to their end, beside what Python
//! does in memory once its packages are imported; `show`, beside a Python that starts; and a `report`, beside scanpy's picture.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::qc::report_peak;
use super::{Bench, Measurement, Pairs, measure, median};
use crate::env::Tools;
use crate::sh::{Error, Result, cargo, command, output, step, target};

const SCRIPT: &str = "tests/python/bench_command.py";
/// The most memory that a subcommand may take.
const MOST_MEMORY: f64 = 512.0 * 1_048_576.0;
/// How many times faster `show` has to be.
const SHOW: f64 = 50.0;
/// The most seconds that a page of 100,000 points may take.
const PAGE: f64 = 1.0;
/// The types of cells that a subset has.
const TYPES: &str = "cell_type in type 0,type 1,type 2,type 3,type 4,type 5,type 6,type 7";

impl Bench {
    /// `quick` takes a small file, to see that all of it works, and no bar counts.
    pub(super) fn command(&self, quick: bool) -> Result<()> {
        let program = program()?;
        let counts = self.counts(quick)?;
        let mut missed = Vec::new();
        let large = self.large(&counts, quick)?;
        let pairs = self.pairs(
            || self.time(&program, &["show".as_ref(), &large]),
            || self.time(&self.python, &["-W".as_ref(), "ignore".as_ref(), SCRIPT.as_ref(), "show".as_ref(), &large]),
        )?;
        self.report(&format!("show {} MB", large.metadata()?.len() / 1_000_000), "Python", &pairs, None);
        missed.extend(slower("show", &pairs, SHOW));

        self.remove_outputs()?;
        missed.extend(self.page()?);
        let genes = self.genes(quick)?;
        let every_second = format!("@{}", genes.display());
        // Each has its input and its output put between the words.
        let calls: [(&str, Vec<&str>); 4] = [
            ("subset", vec!["--obs", TYPES, "--var", &every_second]),
            ("transpose", Vec::new()),
            ("split", vec!["--by", "cell_type"]),
            ("diff", Vec::new()),
        ];
        for (what, options) in calls {
            let ending = if what == "split" { "parts" } else { "h5ad" };
            let output_of = || if what == "diff" { counts.clone() } else { self.output(ending) };
            let (ours, theirs) = (RefCell::new(PathBuf::new()), RefCell::new(PathBuf::new()));
            let pairs = self.pairs(
                || {
                    let output = output_of();
                    let mut words: Vec<&Path> = vec![what.as_ref(), &counts, &output];
                    words.extend(options.iter().map(Path::new));
                    let measured = self.time(&program, &words);
                    ours.replace(output);
                    measured
                },
                || {
                    let output = output_of();
                    let measured = self.python_of(what, &counts, &output);
                    theirs.replace(output);
                    measured
                },
            )?;
            self.both(what, &pairs, &mut missed);
            same(&program, what, &ours.borrow(), &theirs.borrow())?;
            self.remove_outputs()?;
        }
        let pairs = self.pairs(
            || {
                let output = self.output("h5ad");
                std::fs::copy(&counts, &output)?;
                let words = ["repack".as_ref(), output.as_path()];
                let options = ["--compression", "gzip", "--level", "4"].map(Path::new);
                self.time(&program, &[&words[..], &options].concat())
            },
            || self.python_of("repack", &counts, &self.output("h5ad")),
        )?;
        self.both("repack", &pairs, &mut missed);
        self.remove_outputs()?;
        if quick || missed.is_empty() { Ok(()) } else { Err(Error::new(missed.join("\n"))) }
    }

    /// A page with 100,000 points, beside scanpy, which draws the points alone.
    fn page(&self) -> Result<Option<String>> {
        let program = program()?;
        let points = self.file("points");
        if !points.exists() {
            step("make the points", command(&self.python).arg(SCRIPT).arg("points").arg(&points))?;
        }
        let (page, picture) = (self.output("html"), self.output("png"));
        let pairs = self.pairs(
            || self.time(&program, &["report".as_ref(), &points, "-o".as_ref(), &page, "--overwrite".as_ref()]),
            || self.python_of("plot", &points, &picture),
        )?;
        self.report("report of 100,000 points", "scanpy", &pairs, None);
        let seconds = median(&pairs.iter().map(|(rust, _)| rust.seconds).collect::<Vec<_>>());
        Ok((seconds > PAGE).then(|| format!("report: {seconds:.2} s; the bar is {PAGE}")))
    }

    /// Prints pairs, and notes what they miss.
    fn both(&self, what: &str, pairs: &Pairs, missed: &mut Vec<String>) {
        self.report(what, "Python", pairs, None);
        missed.extend(slower(what, pairs, 1.0));
        missed.extend(report_peak(pairs, MOST_MEMORY).err().map(|error| format!("{what}: {error}")));
    }

    /// A program from its start to its end.
    fn time(&self, program: &Path, words: &[&Path]) -> Result<Measurement> {
        let mut run = self.measured();
        measure(run.arg(&self.python).args([SCRIPT, "time"]).arg(program).args(words))
    }

    fn python_of(&self, what: &str, input: &Path, output: &Path) -> Result<Measurement> {
        let mut run = self.measured();
        measure(run.arg(&self.python).args(["-W", "ignore", SCRIPT, what]).arg(input).arg(output))
    }

    /// An object of more than 1 GB, made once.
    fn large(&self, counts: &Path, quick: bool) -> Result<PathBuf> {
        let file = self.file(if quick { "large-quick" } else { "large" });
        if !file.exists() {
            let mut make = command(&self.python);
            step("make the large file", make.arg(SCRIPT).arg("large").arg(counts).arg(&file))?;
        }
        Ok(file)
    }

    /// A file with the names of every second gene.
    fn genes(&self, quick: bool) -> Result<PathBuf> {
        let count = if quick { 4000 } else { 20_000 };
        let name = |gene: usize| if gene < 13 { format!("MT-{gene}\n") } else { format!("gene{gene:05}\n") };
        let path = self.folder.join("genes.txt");
        std::fs::write(&path, (0..count).step_by(2).map(name).collect::<String>())?;
        Ok(path)
    }
}

/// What is less than so many times as fast.
fn slower(what: &str, pairs: &Pairs, bar: f64) -> Option<String> {
    let ratio = median(&pairs.iter().map(|(rust, peer)| peer.seconds / rust.seconds).collect::<Vec<_>>());
    (ratio < bar).then(|| format!("{what}: {ratio:.2} times as fast; the bar is {bar}"))
}

/// Whether both sides wrote the same, as the command sees it.
fn same(program: &Path, what: &str, ours: &Path, theirs: &Path) -> Result<()> {
    let diff = |ours: &Path, theirs: &Path| output(Command::new(program).arg("diff").arg(ours).arg(theirs)).map(drop);
    if what != "split" {
        return diff(ours, theirs);
    }
    let mut parts = 0;
    for part in std::fs::read_dir(theirs)? {
        let part = part?.path();
        diff(&ours.join(part.file_name().unwrap_or_default()), &part)?;
        parts += 1;
    }
    if parts == 0 { Err(Error::new("split: there are no parts")) } else { Ok(()) }
}

/// The command, built.
fn program() -> Result<PathBuf> {
    let mut build = cargo();
    build.args(["build", "--release", "--package", "anndata-cli"]);
    step("build", Tools::bring()?.apply(&mut build))?;
    Ok(target().join("release").join(format!("anndata{}", std::env::consts::EXE_SUFFIX)))
}
