//! `cargo xtask bench limits`: what the machine can do at most, measured in the same run as what is compared with it.

use std::path::Path;

use serde_json::{Map, Value};

use super::build;
use super::model::Model;
use crate::sh::{Error, Result, command, output};

/// Speeds of the machine.
#[derive(Debug)]
pub(super) struct Limits(Map<String, Value>);

impl Limits {
    /// What is measured: its key, what it is and its unit, in billions.
    pub(super) const NAMES: [(&str, &str, &str); 8] = [
        ("copy", "bytes copied in memory", "GB/s"),
        ("new", "bytes copied to new memory", "GB/s"),
        ("stream", "bytes added up", "GB/s"),
        ("gather", "values of 4 bytes taken from lines of the cache apart", "G/s"),
        ("scatter", "values of 4 bytes put to lines of the cache apart", "G/s"),
        ("read", "bytes read from a file in the memory of the system", "GB/s"),
        ("inflate", "bytes inflated", "GB/s"),
        ("deflate", "bytes deflated, level 4", "GB/s"),
    ];

    /// Measures the machine.
    pub(super) fn measure(folder: &Path) -> Result<Self> {
        let program = build("bench_limits", &[])?;
        std::fs::create_dir_all(folder)?;
        let text = output(command(program).arg(folder))?;
        match serde_json::from_str(&text) {
            Ok(Value::Object(limits)) => Ok(Self(limits)),
            _ => Err(Error::new(format!("no limits in {text:?}"))),
        }
    }

    fn get(&self, key: &str) -> f64 {
        self.0.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN)
    }

    /// The part of a limit that so many cores do not share: what one reaches alone is more than its part of what all reach.
    pub(super) fn unshared(&self, key: &str, cores: f64) -> f64 {
        let of = |cores: &str| 1.0 / self.get(&format!("{key}_{cores}"));
        Model::of(of("one"), of("all"), cores).share()
    }

    /// How long a copy of so many bytes takes on all cores.
    pub(super) fn copied(&self, bytes: f64) -> f64 {
        bytes / self.get("copy_all")
    }

    /// How long reading so many bytes of memory takes, and writing so many to memory that is new, as that of each result is, on all
    /// cores.
    pub(super) fn moved(&self, read: f64, written: f64) -> f64 {
        written / self.get("new_all") + (read - written).max(0.0) / self.get("stream_all")
    }

    /// How long inflating so many bytes takes on all cores.
    pub(super) fn inflated(&self, bytes: f64) -> f64 {
        bytes / self.get("inflate_all")
    }

    pub(super) fn json(&self) -> Value {
        Value::Object(self.0.clone())
    }

    pub(super) fn print(&self) {
        for (key, what, unit) in Self::NAMES {
            let [one, all] = ["one", "all"].map(|cores| self.get(&format!("{key}_{cores}")) / 1e9);
            println!("  {one:7.3} {unit:4} on one core, {all:7.3} on all: {what}");
        }
        println!("  {:7.3} ms until a megabyte is on the disk\n", self.get("fsync") * 1e3);
    }
}
