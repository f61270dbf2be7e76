//! `cargo xtask bench matrix`: operations on a sparse matrix in memory, this library and scipy in turn.
//!
//! A process of each side reads the same file and times every operation several times; its smallest time counts. What
//! is reported is the ratio of each pair of processes. Both sides have to find the same numbers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::results::Row;
use super::{Bench, build};
use crate::sh::{Error, Result, command, output};

const SCRIPT: &str = "tests/python/bench_matrix.py";
pub(super) const REPEATS: &str = "5";
/// The operation that reads from the file, and so depends on its compression.
const STORED: &str = "rows from the file, a thousand";

/// Each operation.
type Measured = BTreeMap<String, Operation>;

/// What was measured of an operation.
#[derive(Debug, Clone, Copy)]
struct Operation {
    seconds: f64,
    check: u64,
    /// The bytes of memory that have to be read and written, if that bounds it.
    moved: Option<(f64, f64)>,
}

impl Bench {
    pub(super) fn matrix(&self) -> Result<()> {
        let rust = build("bench_matrix", &[])?;
        self.operations(&rust, "", &self.file("none"), &[REPEATS])?;
        self.operations(&rust, ", gzip", &self.file("gzip"), &[REPEATS, STORED])
    }

    fn operations(&self, rust: &Path, of: &str, file: &Path, arguments: &[&str]) -> Result<()> {
        let mut pairs = Vec::new();
        for _ in 0..self.rounds {
            let ours = measure(command(rust).arg(file).args(arguments))?;
            let theirs = measure(command(&self.python).args(["-W", "ignore", SCRIPT]).arg(file).args(arguments))?;
            pairs.push((ours, theirs));
        }
        let Some((first, _)) = pairs.first() else { return Ok(()) };
        for (name, operation) in first {
            let mut times = (Vec::new(), Vec::new());
            for (ours, theirs) in &pairs {
                let (Some(ours), Some(theirs)) = (ours.get(name), theirs.get(name)) else {
                    return Err(Error::new(format!("'{name}' was not measured on both sides")));
                };
                if ours.check != theirs.check {
                    return Err(Error::new(format!(
                        "'{name}' gives {} here and {} in Python",
                        ours.check, theirs.check
                    )));
                }
                times.0.push(ours.seconds);
                times.1.push(theirs.seconds);
            }
            let row = Row::new(&format!("{name}{of}"), "scipy", times.0, times.1);
            self.keep(match operation.moved {
                Some((read, written)) => {
                    row.with_limit("moving its bytes to new memory", self.limits.moved(read, written))
                }
                None => row,
            });
        }
        Ok(())
    }
}

/// The seconds of each operation.
pub(super) fn seconds(run: &mut Command) -> Result<BTreeMap<String, f64>> {
    Ok(measure(run)?.into_iter().map(|(name, operation)| (name, operation.seconds)).collect())
}

fn measure(run: &mut Command) -> Result<Measured> {
    let mut measured = Measured::new();
    for line in output(run)?.lines() {
        let wrong = || Error::new(format!("no measurement in {line:?}"));
        let value: Value = serde_json::from_str(line).map_err(|_| wrong())?;
        let name = value["name"].as_str().ok_or_else(wrong)?;
        let seconds = value["seconds"].as_f64().ok_or_else(wrong)?;
        let check = value["check"].as_u64().ok_or_else(wrong)?;
        let moved = value["read"].as_f64().zip(value["written"].as_f64());
        measured.insert(name.to_owned(), Operation { seconds, check, moved });
    }
    Ok(measured)
}
