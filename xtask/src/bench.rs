//! `cargo xtask bench WHAT`: this library and its peers on the same files, in turn, in one run. What there is:
//! `limits|read|write|zarr|convert|matrix|concat|qc|lazy|dispatch|collection|concat-on-disk|text|command|loader|small|cores`,
//! `all` of them, and `page`, which writes `docs/performance.md` of what was measured. `sql|atlas|cluster` stand alone, as they
//! build DataFusion first.
//!
//! Each measurement is a process of its own. The two sides alternate, so that whatever else the machine does falls
//! on both; what is reported is the ratio of each pair, then the peak memory, and the physical limit: the same
//! bytes read (or written) and decoded (or encoded) on all cores with nothing else done, or copied in memory.

mod cluster;
mod collection;
mod command;
mod concat;
mod cores;
mod lazy;
mod limits;
mod loader;
mod matrix;
mod model;
mod qc;
mod results;
mod small;
mod sql;
mod stores;
mod text;
mod zarr;

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use self::limits::Limits;
use self::results::Row;
use crate::env::{Tools, anndata_python, no_python};
use crate::sh::{Error, Result, cargo, command, flag, option, output, step, target};

const ROUNDS: usize = 5;
/// No further pair is measured after this time, if two are: some peers take minutes.
const LONG: Duration = Duration::from_mins(2);
const SCRIPT: &str = "tests/python/bench.py";

/// One timed process.
#[derive(Debug, Clone, Copy)]
struct Measurement {
    seconds: f64,
    /// The size of the data that were read or written, in memory.
    bytes: f64,
    /// The largest resident memory of the process.
    peak_bytes: f64,
    /// The time that the whole process spent on cores.
    cpu_seconds: f64,
    /// What both sides have to find, where they say it.
    check: Option<f64>,
    /// The most bytes of memory that it says it takes.
    promised: Option<f64>,
    /// How many times it decodes the values that it gives.
    decoded: Option<f64>,
    /// The bytes that it has to inflate, where it says so.
    inflated: Option<f64>,
    /// How near to random the order is that it gives.
    mixed: Option<f64>,
    /// The part of the time in which it waited for what is read.
    waited: Option<f64>,
}

/// The pairs of two sides that were measured in turn.
type Pairs = Vec<(Measurement, Measurement)>;

/// The two sides and where their files are.
#[derive(Debug)]
struct Bench {
    python: PathBuf,
    rust: PathBuf,
    folder: PathBuf,
    rounds: usize,
    /// How many outputs were named.
    outputs: Cell<usize>,
    limits: Limits,
    /// What was measured so far.
    rows: RefCell<Vec<Row>>,
}

/// All that is measured, in the order of the page.
const BENCHES: [&str; 19] = [
    "limits",
    "read",
    "write",
    "zarr",
    "layouts",
    "remote",
    "convert",
    "matrix",
    "concat",
    "qc",
    "lazy",
    "dispatch",
    "collection",
    "concat-on-disk",
    "text",
    "command",
    "loader",
    "small",
    "cores",
];

/// What builds DataFusion, which takes minutes more: not part of the page.
const WITH_DATAFUSION: [&str; 2] = ["sql", "atlas"];

/// The examples of the tests that measure, those that need a feature aside.
const EXAMPLES: [&str; 10] = [
    "bench",
    "bench_collection",
    "bench_concat",
    "bench_lazy",
    "bench_limits",
    "bench_loader",
    "bench_matrix",
    "bench_qc",
    "bench_small",
    "bench_text",
];

/// Run one of the benchmarks.
///
/// # Errors
///
/// When there is no Python that runs anndata, a build fails or a measured process fails.
pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    let (&what, rest) = arguments.split_first().ok_or_else(|| Error::new(crate::USAGE))?;
    let known = ["--rounds", "--python"];
    // Only these make a smaller file.
    let quick = ["qc", "lazy", "dispatch", "text", "command", "loader"].contains(&what) && flag(rest, "--quick");
    let rest: Vec<&str> = rest.iter().copied().filter(|&word| !(quick && word == "--quick")).collect();
    let rounds = option(&rest, "--rounds", &known)?.map_or(Ok(ROUNDS), str::parse);
    let rounds = rounds.ok().filter(|n| *n > 0).ok_or_else(|| Error::new("--rounds takes a number above 0"))?;
    let mut wanted: Vec<&str> = BENCHES.into_iter().filter(|&bench| what == "all" || bench == what).collect();
    wanted.extend(WITH_DATAFUSION.into_iter().filter(|&bench| bench == what));
    match (what, wanted.is_empty()) {
        ("page", _) => return results::page(&BENCHES),
        ("cluster", _) => return cluster::run(rounds),
        (_, true) => return Err(Error::new(crate::USAGE)),
        _ => {}
    }
    let python = anndata_python(option(&rest, "--python", &known)?)?.ok_or_else(|| Error::new(no_python()))?;
    let folder = target().join("bench");
    if what == "all" {
        // Beside each other, which takes half the time.
        build_examples(&EXAMPLES, &[])?;
    }
    let limits = Limits::measure(&folder)?;
    let bench = Bench {
        python,
        rust: build("bench", &[])?,
        folder,
        rounds,
        outputs: Cell::new(0),
        limits,
        rows: RefCell::default(),
    };
    // A bar that is missed does not keep the others from being measured.
    let mut failed = Vec::new();
    for what in wanted {
        bench.rows.take();
        let measured = bench.measure(what, quick);
        if !quick && !WITH_DATAFUSION.contains(&what) {
            bench.save(what)?;
        }
        failed.extend(measured.err().map(|error| format!("{what}: {error}")));
    }
    if what == "all" {
        results::page(&BENCHES)?;
    }
    if failed.is_empty() { Ok(()) } else { Err(Error::new(failed.join("\n"))) }
}

/// One of the examples of the tests, built with these features.
fn build(example: &str, features: &[&str]) -> Result<PathBuf> {
    build_examples(&[example], features)?;
    Ok(target().join("release/examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX)))
}

fn build_examples(examples: &[&str], features: &[&str]) -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--release", "--package", "anndata-tests"]);
    build.args(examples.iter().flat_map(|example| ["--example", example]));
    build.args(features.iter().flat_map(|feature| ["--features", feature]));
    step("build", Tools::bring()?.apply(&mut build))
}

impl Bench {
    fn measure(&self, what: &str, quick: bool) -> Result<()> {
        match what {
            "limits" => {
                self.limits.print();
                return Ok(());
            }
            "sql" => return self.sql(),
            "atlas" => return self.atlas(),
            "concat" => return self.concat(),
            "collection" => return self.collection(),
            "concat-on-disk" => return self.concat_on_disk(),
            "qc" => return self.qc(quick),
            "lazy" => return self.lazy(quick),
            "dispatch" => return self.dispatch(quick),
            "text" => return self.text(quick),
            "command" => return self.command(quick),
            "loader" => return self.loader(quick),
            _ => {}
        }
        if what != "small" {
            self.make_files()?;
        }
        self.remove_outputs()?;
        let done = match what {
            "small" => self.small(),
            "cores" => self.cores(),
            "read" => self.read(),
            "write" => self.write(),
            "zarr" => self.zarr(),
            "layouts" => self.layouts(),
            "remote" => self.remote(),
            "convert" => self.convert(),
            _ => self.matrix(),
        };
        self.remove_outputs()?;
        done
    }

    /// Make the files to read once; they stay in `target/bench`.
    fn make_files(&self) -> Result<()> {
        if self.file("gzip").exists() && self.file("none").exists() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.folder)?;
        step("make the files", command(&self.python).arg(SCRIPT).arg("make").arg(&self.folder))
    }

    fn file(&self, compression: &str) -> PathBuf {
        self.folder.join(format!("{compression}.h5ad"))
    }

    /// A path where nothing is. Outputs are removed after all measurements: removing files slows down a file system
    /// for a while after.
    fn output(&self, extension: &str) -> PathBuf {
        self.outputs.set(self.outputs.get() + 1);
        self.folder.join("out").join(format!("{}.{extension}", self.outputs.get()))
    }

    fn remove_outputs(&self) -> Result<()> {
        let folder = self.folder.join("out");
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        Ok(std::fs::create_dir_all(folder)?)
    }

    fn read(&self) -> Result<()> {
        for compression in ["gzip", "none"] {
            let file = self.file(compression);
            let limit = self.repeat(|| self.measure_rust(["read-limit".as_ref(), file.as_path()], &[]))?;
            let pairs = self.pairs(
                || self.measure_rust(["read".as_ref(), file.as_path()], &[]),
                || self.measure_python(["read".as_ref(), file.as_path()], &[]),
            )?;
            self.report(&format!("read, {compression}"), "Python", &pairs, Some(&limit));
        }
        Ok(())
    }

    fn write(&self) -> Result<()> {
        let (source, out) = (self.file("none"), self.folder.join("written.h5ad"));
        let words: [&Path; 3] = ["write".as_ref(), source.as_path(), out.as_path()];
        for compression in ["gzip", "none"] {
            let written = self.file(compression);
            let limit =
                self.repeat(|| self.measure_rust(["write-limit".as_ref(), written.as_path(), out.as_path()], &[]))?;
            for durable in [false, true] {
                let mut options = vec!["--compression", compression];
                options.extend(durable.then_some("--durable"));
                let pairs =
                    self.pairs(|| self.measure_rust(words, &options), || self.measure_python(words, &options))?;
                let durable = if durable { ", durable" } else { "" };
                self.report(&format!("write, {compression}{durable}"), "Python", &pairs, Some(&limit));
            }
        }
        std::fs::remove_file(out)?;
        Ok(())
    }

    fn repeat(&self, measure: impl Fn() -> Result<Measurement>) -> Result<Vec<Measurement>> {
        (0..self.rounds).map(|_| measure()).collect()
    }

    /// Both sides in turn. The first pair warms the page cache and is not counted.
    fn pairs(&self, rust: impl Fn() -> Result<Measurement>, peer: impl Fn() -> Result<Measurement>) -> Result<Pairs> {
        let (start, mut pairs) = (Instant::now(), Pairs::new());
        for round in 0..=self.rounds {
            let pair = (rust()?, peer()?);
            if round > 0 {
                pairs.push(pair);
            }
            if pairs.len() >= 2 && start.elapsed() > LONG {
                break;
            }
        }
        Ok(pairs)
    }

    fn measure_rust<const N: usize>(&self, words: [&Path; N], options: &[&str]) -> Result<Measurement> {
        let mut run = self.measured();
        measure(run.arg(&self.rust).args(words).args(options))
    }

    fn measure_python<const N: usize>(&self, words: [&Path; N], options: &[&str]) -> Result<Measurement> {
        let mut run = self.measured();
        measure(run.arg(&self.python).args(["-W", "ignore", SCRIPT]).args(words).args(options))
    }

    /// A small Python that starts a process and adds its peak memory to what it prints.
    fn measured(&self) -> Command {
        let mut run = command(&self.python);
        run.args([SCRIPT, "measure"]);
        run
    }
}

fn measure(run: &mut Command) -> Result<Measurement> {
    let text = output(run)?;
    let last = text.lines().last().unwrap_or_default();
    let value: Value =
        serde_json::from_str(last).map_err(|e| Error::new(format!("no measurement in {last:?}: {e}")))?;
    let number = |key: &str| value[key].as_f64().ok_or_else(|| Error::new(format!("no {key} in {last:?}")));
    Ok(Measurement {
        seconds: number("seconds")?,
        bytes: number("bytes")?,
        peak_bytes: number("peak_bytes")?,
        cpu_seconds: number("cpu_seconds")?,
        check: value["check"].as_f64(),
        promised: value["promised"].as_f64(),
        decoded: value["decoded"].as_f64(),
        inflated: value["inflated"].as_f64(),
        mixed: value["mixed"].as_f64(),
        waited: value["waited"].as_f64(),
    })
}

fn spread(values: &[f64], unit: &str) -> String {
    let (min, max) = values.iter().fold((f64::INFINITY, 0.0_f64), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
    format!("median {:.3}{unit} (min {min:.3}, max {max:.3})", median(values))
}

/// The middle of the values; of an even number, the mean of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN);
    let lower = sorted.get(sorted.len().saturating_sub(1) / 2).copied().unwrap_or(f64::NAN);
    f64::midpoint(lower, upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-12);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-12);
        assert!(median(&[]).is_nan());
    }
}
