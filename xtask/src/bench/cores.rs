//! `cargo xtask bench cores`: jobs on one core and on all of this machine, and what that says of more cores.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::model::Model;
use super::results::Row;
use super::{Bench, build, matrix, measure, median};
use crate::sh::{Error, Result, command};

/// The most of a job's time on one core that may be serial and not be explained.
const MOST_SERIAL: f64 = 0.05;

/// What bounds a job (a key of the limits of the machine), and what of it one thread does.
fn bound(what: &str) -> (&'static str, &'static str) {
    match what {
        "read, gzip" | "convert to zarr" => ("inflate", ""),
        "write, gzip" => ("deflate", ""),
        "read mtx, gzip" => ("inflate", "one gzip stream is inflated by one thread"),
        "read csv" => ("copy", "one thread reads the file and puts rows in order"),
        "stored values, a hundred set one by one" => ("copy", "too few values to share between threads"),
        "names looked up" => ("gather", "the table of names is built by one thread"),
        _ => ("copy", ""),
    }
}

/// The name of a job, its program, what that does with which file or folder, the ending of its output, and its options.
type Job<'a> = (&'a str, &'a Path, &'a str, &'a Path, Option<&'a str>, &'a [&'a str]);

impl Bench {
    pub(super) fn cores(&self) -> Result<()> {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if cores < 2 {
            return Err(Error::new("a machine with one core says nothing of more"));
        }
        let [concat, text, operations] = ["bench_concat", "bench_text", "bench_matrix"].map(|name| build(name, &[]));
        let (concat, text, operations) = (concat?, text?, operations?);
        self.concat_files()?;
        let texts = self.texts(false)?;
        let [gzip, none] = ["gzip", "none"].map(|compression| self.file(compression));
        let (matrix_market, table) = (texts.join("10x/matrix.mtx.gz"), texts.join("table.csv"));
        let jobs: [Job<'_>; 8] = [
            ("read, gzip", &self.rust, "read", &gzip, None, &[]),
            ("read, none", &self.rust, "read", &none, None, &[]),
            ("write, gzip", &self.rust, "write", &none, Some("h5ad"), &["--compression", "gzip"]),
            ("convert to zarr", &self.rust, "convert", &gzip, Some("zarr"), &[]),
            ("concat, the same variables", &concat, "same", &self.folder, None, &[]),
            ("concat, outer join", &concat, "outer", &self.folder, None, &[]),
            ("read mtx, gzip", &text, "mtx", &matrix_market, None, &[]),
            ("read csv", &text, "csv", &table, None, &[]),
        ];
        for (what, program, does, file, ending, options) in jobs {
            let run = |cores| {
                let mut run = on(cores);
                run.arg(&self.python).args([super::SCRIPT, "measure"]).arg(program).arg(does).arg(file);
                measure(run.args(ending.map(|ending| self.output(ending))).args(options))
            };
            let pairs = self.pairs(|| run(cores), || run(1))?;
            let times: Vec<_> = pairs.iter().map(|(all, one)| (all.seconds, one.seconds)).collect();
            self.model(what, &times, cores);
        }
        let mut times: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for _ in 0..self.rounds {
            let run = |cores| matrix::seconds(on(cores).arg(&operations).arg(&none).arg(matrix::REPEATS));
            let (all, one) = (run(cores)?, run(1)?);
            for (what, seconds) in all {
                let own = one.get(&what).copied().ok_or_else(|| Error::new(format!("no time of '{what}'")))?;
                times.entry(what).or_default().push((seconds, own));
            }
        }
        for (what, times) in &times {
            self.model(what, times, cores);
        }
        Ok(())
    }

    /// Keeps what a job takes on all cores and on one.
    fn model(&self, what: &str, times: &[(f64, f64)], cores: usize) {
        let (all, one): (Vec<f64>, Vec<f64>) = times.iter().copied().unzip();
        let cores = u32::try_from(cores).map_or(f64::INFINITY, f64::from);
        let model = Model::of(median(&one), median(&all), cores);
        let mut row = Row::new(what, "one core", all, one).with_model(model);
        if model.share() > MOST_SERIAL {
            let (limit, does) = bound(what);
            let machine = self.limits.unshared(limit, cores);
            let separator = if does.is_empty() { "" } else { "; " };
            row = row.with_reason(format!("{does}{separator}{limit}: {:.0} %", machine * 100.0));
        }
        self.keep(row);
    }
}

/// A process on the first cores of the machine.
fn on(cores: usize) -> Command {
    let mut run = command("taskset");
    run.arg("--cpu-list").arg(format!("0-{}", cores - 1)).env("RAYON_NUM_THREADS", cores.to_string());
    run
}
