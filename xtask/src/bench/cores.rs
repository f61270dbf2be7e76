//! `cargo xtask bench cores`: jobs on one core and on all of this machine, and what that says of more cores.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use super::model::Model;
use super::results::Row;
use super::{Bench, build, matrix, measure, median};
use crate::sh::{Error, Result, command};

/// The most of a job's time on one core that may be serial.
const MOST_SERIAL: f64 = 0.05;

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
        let (written, converted) = (self.folder.join("cores.h5ad"), self.folder.join("cores.zarr"));
        let jobs: [(&str, &Path, Vec<&Path>); 8] = [
            ("read, gzip", &self.rust, vec!["read".as_ref(), &gzip]),
            ("read, none", &self.rust, vec!["read".as_ref(), &none]),
            (
                "write, gzip",
                &self.rust,
                vec!["write".as_ref(), &none, &written, "--compression".as_ref(), "gzip".as_ref()],
            ),
            ("convert to zarr", &self.rust, vec!["convert".as_ref(), &gzip, &converted]),
            ("concat, the same variables", &concat, vec!["same".as_ref(), &self.folder]),
            ("concat, outer join", &concat, vec!["outer".as_ref(), &self.folder]),
            ("read mtx, gzip", &text, vec!["mtx".as_ref()]),
            ("read csv", &text, vec!["csv".as_ref()]),
        ];
        let (matrix_market, table) = (texts.join("10x/matrix.mtx.gz"), texts.join("table.csv"));
        let mut models = Vec::new();
        for (what, program, mut words) in jobs {
            match what {
                "read mtx, gzip" => words.push(&matrix_market),
                "read csv" => words.push(&table),
                _ => {}
            }
            let run = |cores| {
                let mut run = on(cores);
                run.arg(&self.python).args([super::SCRIPT, "measure"]).arg(program).args(&words);
                let measured = measure(&mut run).map(|measured| measured.seconds);
                for output in [&written, &converted] {
                    remove(output)?;
                }
                measured
            };
            // The first pair warms the memory of the system.
            let times = (0..=self.rounds).map(|_| Ok((run(cores)?, run(1)?))).collect::<Result<Vec<_>>>()?;
            models.push(self.model(what, times.get(1..).unwrap_or_default(), cores));
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
        models.extend(times.iter().map(|(what, times)| self.model(what, times, cores)));
        for (what, model) in models.iter().filter(|(_, model)| model.share() > MOST_SERIAL) {
            println!("{:.0} % of '{what}' is serial", model.share() * 100.0);
        }
        Ok(())
    }

    /// Keeps what a job takes on all cores and on one.
    fn model(&self, what: &str, times: &[(f64, f64)], cores: usize) -> (String, Model) {
        let (all, one): (Vec<f64>, Vec<f64>) = times.iter().copied().unzip();
        let cores = u32::try_from(cores).map_or(f64::INFINITY, f64::from);
        let model = Model::of(median(&one), median(&all), cores);
        self.keep(Row::new(what, "one core", all, one).with_model(model));
        (what.to_owned(), model)
    }
}

/// A process on the first cores of the machine.
fn on(cores: usize) -> Command {
    let mut run = command("taskset");
    run.arg("--cpu-list").arg(format!("0-{}", cores - 1)).env("RAYON_NUM_THREADS", cores.to_string());
    run
}

/// Removes a file or folder, if it is there.
fn remove(path: &Path) -> Result<()> {
    if path.is_dir() {
        std::fs::remove_dir_all(path)?;
    } else if path.exists() {
        std::fs::remove_file(path)?;
    }
    Ok(())
}
