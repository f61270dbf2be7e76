//! The benchmarks of zarr stores: reading and writing them, and making one of an `.h5ad` file.

use std::fs;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use super::{Bench, Measurement, Pairs, build, measure, median, spread};
use crate::sh::{Error, Result};

/// Asked for of the store of the made file.
const MOST_FILES: usize = 64;

impl Bench {
    /// Reading stores of both makers, writing one, and reading the bare arrays beside the crate `zarrs`.
    pub(super) fn zarr(&self) -> Result<()> {
        let bare = build("bare_zarrs", &["zarrs"])?;
        let (source, ours, theirs) =
            (self.file("none"), self.folder.join("rust.zarr"), self.folder.join("python.zarr"));
        for store in [&ours, &theirs] {
            if store.exists() {
                fs::remove_dir_all(store)?;
            }
        }
        self.measure_rust(["write".as_ref(), source.as_path(), ours.as_path()], &[])?;
        self.measure_python(["write".as_ref(), source.as_path(), theirs.as_path()], &[])?;

        for (maker, store) in [("Rust", &ours), ("Python", &theirs)] {
            let limit = self.repeat(|| self.measure_rust(["read-limit".as_ref(), store.as_path()], &[]))?;
            let read: [&Path; 2] = ["read".as_ref(), store.as_path()];
            let pairs = self.pairs(|| self.measure_rust(read, &[]), || self.measure_python(read, &[]))?;
            self.report(&format!("read zarr, written by {maker}"), "Python", &pairs, Some(&limit));
            let pairs = self.pairs(
                || self.measure_rust(["arrays".as_ref(), store.as_path()], &[]),
                || measure(self.measured().arg(&bare).arg(store)),
            )?;
            self.report(&format!("read the arrays of the matrix, written by {maker}"), "zarrs", &pairs, Some(&limit));
        }
        let limit = self.packing(&ours)?;
        for durable in [&[][..], &["--durable"]] {
            let output = || -> [PathBuf; 3] { ["write".into(), source.clone(), self.output("zarr")] };
            let pairs = self.pairs(
                || self.measure_rust(output().each_ref().map(PathBuf::as_path), durable),
                || self.measure_python(output().each_ref().map(PathBuf::as_path), durable),
            )?;
            self.report(&format!("write zarr {}", durable.concat()), "Python", &pairs, Some(&limit));
            self.remove_outputs()?;
        }
        let (files, bytes) = usage(&ours)?;
        let (their_files, their_bytes) = usage(&theirs)?;
        println!("the store: {files} files, {bytes} bytes; by Python {their_files} files, {their_bytes} bytes");
        if files > MOST_FILES {
            return Err(Error::new(format!("{files} files are more than {MOST_FILES}")));
        }
        Ok(())
    }

    /// From gzip in `.h5ad` to a store, left to the system and on the disk, both sides alike; and within less memory.
    pub(super) fn convert(&self) -> Result<()> {
        let source = self.file("gzip");
        let store = self.output("zarr");
        self.measure_rust(["write".as_ref(), self.file("none").as_path(), store.as_path()], &[])?;
        let inflating = self.repeat(|| self.measure_rust(["limit".as_ref(), source.as_path()], &[]))?;
        // All cores do the one after the other.
        let both = inflating
            .into_iter()
            .zip(self.packing(&store)?)
            .map(|(inflated, packed)| Measurement { seconds: inflated.seconds + packed.seconds, ..packed });
        let limit_of_both: Vec<Measurement> = both.collect();
        for (limit, durable) in [(512_u64, &[][..]), (512, &["--durable"]), (64, &[])] {
            let output = || -> [PathBuf; 3] { ["convert".into(), source.clone(), self.output("zarr")] };
            let bytes = (limit << 20).to_string();
            let options = [&["--memory-limit", &bytes], durable].concat();
            let pairs = self.pairs(
                || self.measure_rust(output().each_ref().map(PathBuf::as_path), &options),
                || self.measure_python(output().each_ref().map(PathBuf::as_path), durable),
            )?;
            self.report(
                &format!("convert gzip to zarr within {limit} MiB {}", durable.concat()),
                "Python",
                &pairs,
                Some(&limit_of_both),
            );
            report_cores(&pairs);
            self.remove_outputs()?;
        }
        Ok(())
    }

    /// Packing the matrix as it is in a store, and writing it to one file.
    fn packing(&self, store: &Path) -> Result<Vec<Measurement>> {
        let out = self.folder.join("packed.tmp");
        let limit = self.repeat(|| self.measure_rust(["write-limit".as_ref(), store, out.as_path()], &[]))?;
        fs::remove_file(out)?;
        Ok(limit)
    }
}

/// How long each measured process would have taken with all cores at work all the time, and its memory in bytes.
fn report_cores(pairs: &Pairs) {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let cores = f64::from(u32::try_from(cores).unwrap_or(u32::MAX));
    let least: Vec<f64> = pairs.iter().map(|(rust, _)| rust.cpu_seconds / cores).collect();
    let times: Vec<f64> = pairs.iter().map(|(rust, _)| rust.seconds * cores / rust.cpu_seconds).collect();
    let of = |side: fn(&(Measurement, Measurement)) -> f64| median(&pairs.iter().map(side).collect::<Vec<_>>());
    println!("  its CPU time on {cores} cores  {}; it takes {:.2} x that", spread(&least, " s"), median(&times));
    let (rust, python) = (of(|(rust, _)| rust.peak_bytes / 1e6), of(|(_, python)| python.peak_bytes / 1e6));
    println!("  peak memory  {rust:.0} MB, of Python {python:.0} MB\n");
}

/// The number of files below a folder, and their bytes.
pub(super) fn usage(folder: &Path) -> Result<(usize, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let (more_files, more_bytes) = usage(&entry.path())?;
            files += more_files;
            bytes += more_bytes;
        } else {
            files += 1;
            bytes += entry.metadata()?.len();
        }
    }
    Ok((files, bytes))
}
