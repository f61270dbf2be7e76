//! `cargo xtask bench matrix`: operations on a sparse matrix in memory, this library and scipy in turn.
//!
//! A process of each side reads the same file and times every operation several times; its smallest time counts. What
//! is reported is the ratio of each pair of processes. Both sides have to find the same numbers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Bench, build, spread};
use crate::sh::{Error, Result, command, output};

const SCRIPT: &str = "tests/python/bench_matrix.py";
const REPEATS: &str = "5";
/// The operation that reads from the file, and so depends on its compression.
const STORED: &str = "rows from the file, a thousand";

/// Seconds and check of each operation.
type Measured = BTreeMap<String, (f64, u64)>;

impl Bench {
    pub(super) fn matrix(&self) -> Result<()> {
        let rust = build("bench_matrix", &[])?;
        println!("uncompressed\n");
        self.operations(&rust, &self.file("none"), &[REPEATS])?;
        println!("gzip\n");
        self.operations(&rust, &self.file("gzip"), &[REPEATS, STORED])
    }

    fn operations(&self, rust: &Path, file: &Path, arguments: &[&str]) -> Result<()> {
        let mut pairs = Vec::new();
        for _ in 0..self.rounds {
            let ours = measure(command(rust).arg(file).args(arguments))?;
            let theirs = measure(command(&self.python).args(["-W", "ignore", SCRIPT]).arg(file).args(arguments))?;
            pairs.push((ours, theirs));
        }
        let Some((first, _)) = pairs.first() else { return Ok(()) };
        for name in first.keys() {
            let mut times = (Vec::new(), Vec::new());
            for (ours, theirs) in &pairs {
                let (Some(ours), Some(theirs)) = (ours.get(name), theirs.get(name)) else {
                    return Err(Error::new(format!("'{name}' was not measured on both sides")));
                };
                if ours.1 != theirs.1 {
                    return Err(Error::new(format!("'{name}' gives {} here and {} in Python", ours.1, theirs.1)));
                }
                times.0.push(ours.0);
                times.1.push(theirs.0);
            }
            let ratios: Vec<f64> = times.0.iter().zip(&times.1).map(|(ours, theirs)| theirs / ours).collect();
            println!("{name} ({} pairs)", pairs.len());
            println!("  Rust    {}", spread(&times.0, " s"));
            println!("  Python  {}", spread(&times.1, " s"));
            println!("  faster  {}\n", spread(&ratios, " x"));
        }
        Ok(())
    }
}

fn measure(run: &mut Command) -> Result<Measured> {
    let mut measured = Measured::new();
    for line in output(run)?.lines() {
        let wrong = || Error::new(format!("no measurement in {line:?}"));
        let value: Value = serde_json::from_str(line).map_err(|_| wrong())?;
        let name = value["name"].as_str().ok_or_else(wrong)?;
        let seconds = value["seconds"].as_f64().ok_or_else(wrong)?;
        measured.insert(name.to_owned(), (seconds, value["check"].as_u64().ok_or_else(wrong)?));
    }
    Ok(measured)
}
