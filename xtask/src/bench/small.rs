//! `cargo xtask bench small`: objects of many small parts, opened, read and written, and many small appends.

use std::path::{Path, PathBuf};

use super::qc::same_numbers;
use super::{Bench, Pairs, build, measure, median};
use crate::sh::{Error, Result, command, step};

const SCRIPT: &str = "tests/python/bench_small.py";
/// How many times faster objects of many parts have to be.
const FASTER: f64 = 5.0;
/// How many times as long an append may take among many more of them.
const LINEAR: f64 = 1.2;

impl Bench {
    pub(super) fn small(&self) -> Result<()> {
        let (rust, folder) = (build("bench_small", &[])?, self.smalls()?);
        let mut missed = Vec::new();
        for (object, ending) in [("columns", "h5ad"), ("columns", "zarr"), ("uns", "h5ad"), ("uns", "zarr")] {
            let path = folder.join(format!("{object}.{ending}"));
            for what in ["open", "read", "write"] {
                let out = (what == "write").then_some(ending);
                let pairs = self.small_pairs(&rust, &[what.as_ref(), &path], out)?;
                let title = match object {
                    "columns" => format!("{what} 10,000 columns, {ending}"),
                    _ => format!("{what} 5,000 elements of uns, {ending}"),
                };
                same_numbers(&title, &pairs)?;
                self.report(&title, "Python", &pairs, None);
                let ratios: Vec<f64> = pairs.iter().map(|(ours, theirs)| theirs.seconds / ours.seconds).collect();
                let ratio = median(&ratios);
                if ratio < FASTER {
                    missed.push(format!("{title}: {ratio:.2} times as fast; the bar is {FASTER}"));
                }
            }
        }
        for ending in ["h5ad", "zarr"] {
            let words = |times: u32| ["append".into(), PathBuf::from(times.to_string())];
            let mut each = Vec::new();
            for times in [100, 1_000] {
                let pairs = self.small_pairs(&rust, &words(times).each_ref().map(PathBuf::as_path), Some(ending))?;
                let title = format!("append {times} times 100 rows, {ending}");
                same_numbers(&title, &pairs)?;
                self.report(&title, "Python", &pairs, None);
                let ours: Vec<f64> = pairs.iter().map(|(ours, _)| ours.seconds / f64::from(times)).collect();
                each.push((times, median(&ours)));
            }
            // Of ours alone: Python would take most of a minute.
            let times = 3_000;
            let more =
                self.repeat(|| measure(self.measured().arg(&rust).args(words(times)).arg(self.output(ending))))?;
            let ours: Vec<f64> = more.iter().map(|ours| ours.seconds / f64::from(times)).collect();
            each.push((times, median(&ours)));
            for ((few, before), (many, after)) in each.iter().zip(each.iter().skip(1)) {
                let growth = format!("one of {many} takes {:.2} times as long as one of {few}", after / before);
                println!("  append, {ending}: {growth}\n");
                if after / before > LINEAR {
                    missed.push(format!("append, {ending}: {growth}; the bar is {LINEAR}"));
                }
            }
        }
        if missed.is_empty() { Ok(()) } else { Err(Error::new(missed.join("\n"))) }
    }

    /// Both sides in turn, each with an output of its own of this ending, if it has one.
    fn small_pairs(&self, rust: &Path, words: &[&Path], ending: Option<&str>) -> Result<Pairs> {
        let out = || ending.map(|ending| self.output(ending));
        self.pairs(
            || measure(self.measured().arg(rust).args(words).args(out())),
            || measure(self.measured().arg(&self.python).args(["-W", "ignore", SCRIPT]).args(words).args(out())),
        )
    }

    /// The objects to read, made once.
    fn smalls(&self) -> Result<PathBuf> {
        let folder = self.folder.join("small");
        if !folder.join("uns.zarr").exists() {
            std::fs::create_dir_all(&folder)?;
            step("make the files", command(&self.python).args(["-W", "ignore", SCRIPT, "make"]).arg(&folder))?;
        }
        Ok(folder)
    }
}
