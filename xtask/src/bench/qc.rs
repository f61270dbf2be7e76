//! `cargo xtask bench qc`: quality control of counts as the example `qc` and as scanpy do it, the means of groups of cells,
//! and the variances of the genes of a stored matrix.
//!
//! Both sides have to find the same numbers. What is compared with is the fastest that we know in Python: what it compiles
//! when it is first used is compiled before, and of scanpy and scipy the faster one counts. What bounds the means is the
//! speed at which the matrix comes from memory, what bounds the variances is how fast its chunks are inflated: both are
//! measured beside them.

use std::path::PathBuf;

use super::{Bench, Measurement, Pairs, build, measure, spread};
use crate::sh::{Error, Result, command, step};

const SCRIPT: &str = "tests/python/bench_qc.py";
/// The most memory that the variances of a stored matrix may take.
const MOST_MEMORY: f64 = 256.0 * MIB;
pub(super) const MIB: f64 = 1_048_576.0;

impl Bench {
    /// `quick` takes a small file, to see that all of it works.
    pub(super) fn qc(&self, quick: bool) -> Result<()> {
        let rust = build("bench_qc", &[])?;
        let file = self.counts(quick)?;
        self.remove_outputs()?;
        let pairs = |what: &str, durable: &[&str]| {
            let out = (what == "chapter").then(|| self.folder.join("out/qc.h5ad"));
            let pairs = self.pairs(
                || measure(self.measured().arg(&rust).arg(what).arg(&file).args(&out).args(durable)),
                || {
                    let mut run = self.measured();
                    run.arg(&self.python).args(["-W", "ignore", SCRIPT, what]).arg(&file).args(&out).args(durable);
                    measure(&mut run)
                },
            )?;
            same_numbers(what, &pairs)?;
            Ok::<Pairs, Error>(pairs)
        };
        self.report("quality control, written", "Python", &pairs("chapter", &[])?, None);
        self.report("quality control, written, durable", "Python", &pairs("chapter", &["--durable"])?, None);
        let stream = self.repeat(|| measure(self.measured().arg(&rust).arg("stream").arg(&file)))?;
        self.report("means of groups", "Python", &pairs("groups", &[])?, Some(&stream));
        let inflate = self.repeat(|| self.measure_rust(["limit".as_ref(), file.as_path()], &[]))?;
        let variances = pairs("variance", &[])?;
        self.report("variances of a stored matrix, gzip", "Python", &variances, Some(&inflate));
        self.remove_outputs()?;
        report_memory(&variances)
    }

    /// A file of counts, made once; a small one to see that all works.
    pub(super) fn counts(&self, quick: bool) -> Result<PathBuf> {
        let (name, cells, genes) = if quick { ("qc-quick", "6000", "4000") } else { ("qc", "60000", "20000") };
        let file = self.file(name);
        if !file.exists() {
            std::fs::create_dir_all(&self.folder)?;
            let mut make = command(&self.python);
            step("make the file", make.arg(SCRIPT).arg("make").arg(&file).args([cells, genes]))?;
        }
        Ok(file)
    }
}

pub(super) fn same_numbers(what: &str, pairs: &Pairs) -> Result<()> {
    let of = |side: &Measurement| side.check.ok_or_else(|| Error::new(format!("no check of '{what}'")));
    for (rust, python) in pairs {
        let (ours, theirs) = (of(rust)?, of(python)?);
        if (ours - theirs).abs() > 1e-6 * theirs.abs() {
            return Err(Error::new(format!("'{what}' gives {ours} here and {theirs} in Python")));
        }
    }
    Ok(())
}

pub(super) fn report_memory(pairs: &Pairs) -> Result<()> {
    report_peak(pairs, MOST_MEMORY)
}

/// Prints the peak memory of both sides. More than `most` bytes of this library are an error.
pub(super) fn report_peak(pairs: &Pairs, most: f64) -> Result<()> {
    let peaks = |side: fn(&(Measurement, Measurement)) -> f64| pairs.iter().map(side).collect::<Vec<f64>>();
    let ours = peaks(|(rust, _)| rust.peak_bytes);
    println!("  peak memory of Rust    {}", spread(&ours.iter().map(|peak| peak / MIB).collect::<Vec<_>>(), " MiB"));
    println!("  peak memory of Python  {}", spread(&peaks(|(_, python)| python.peak_bytes / MIB), " MiB"));
    match ours.iter().find(|peak| **peak > most) {
        Some(peak) => Err(Error::new(format!("{:.0} MiB are more than {:.0}", peak / MIB, most / MIB))),
        None => Ok(()),
    }
}
