//! `cargo xtask bench text`: matrices as text and of 10x Genomics, read here and by scanpy, and a table of numbers by pandas.

use std::path::PathBuf;

use super::qc::same_numbers;
use super::{Bench, build, measure, median};
use crate::sh::{Error, Result, command, step};

const SCRIPT: &str = "tests/python/bench_text.py";
/// What is read, whose way it is compared with, what of, and how many times faster it has to be.
const READERS: [(&str, &str, &str, f64); 4] = [
    ("mtx", "scanpy", "10x/matrix.mtx.gz", 8.0),
    ("10x_mtx", "scanpy", "10x", 8.0),
    ("10x_h5", "scanpy", "10x.h5", 4.0),
    ("csv", "pandas", "table.csv", 5.0),
];
/// The most memory that a reader may take, in sizes of what it reads; with what a program takes anyway.
const MOST_MEMORY: f64 = 1.3;
const PROGRAM: f64 = 32.0 * 1_048_576.0;

impl Bench {
    /// `quick` takes small files, to see that all of it works, and no bar counts.
    pub(super) fn text(&self, quick: bool) -> Result<()> {
        let rust = build("bench_text", &[])?;
        let folder = self.texts(quick)?;
        let mut missed = Vec::new();
        for (what, peer, file, bar) in READERS {
            let path = folder.join(file);
            let pairs = self.pairs(
                || measure(self.measured().arg(&rust).arg(what).arg(&path)),
                || measure(self.measured().arg(&self.python).args(["-W", "ignore", SCRIPT, what]).arg(&path)),
            )?;
            // Sums of numbers of 32 bits, which are not rounded in the same way.
            same_numbers(what, &pairs)?;
            self.report(&format!("read {what}"), peer, &pairs, None);
            if quick {
                continue;
            }
            let ratio = median(&pairs.iter().map(|(rust, peer)| peer.seconds / rust.seconds).collect::<Vec<_>>());
            let peak =
                median(&pairs.iter().map(|(rust, _)| (rust.peak_bytes - PROGRAM) / rust.bytes).collect::<Vec<_>>());
            if ratio < bar || peak > MOST_MEMORY {
                let bars = format!("at least {bar} times as fast, and at most {MOST_MEMORY} times its size in memory");
                missed.push(format!("{what}: {ratio:.2} times and {peak:.2}; the bars are {bars}"));
            }
        }
        if missed.is_empty() { Ok(()) } else { Err(Error::new(missed.join("\n"))) }
    }

    /// The files to read, made once.
    pub(super) fn texts(&self, quick: bool) -> Result<PathBuf> {
        let counts = self.counts(quick)?;
        let (name, rows, columns) = if quick { ("text-quick", "200", "100") } else { ("text", "20000", "2000") };
        let folder = self.folder.join(name);
        if !folder.join("table.csv").exists() {
            std::fs::create_dir_all(&folder)?;
            let mut make = command(&self.python);
            step("make the files", make.arg(SCRIPT).arg("make").arg(counts).arg(&folder).args([rows, columns]))?;
        }
        Ok(folder)
    }
}
