//! `cargo xtask bench loader`: epochs of batches, this library and annbatch in turn, on a store that annbatch made; epochs straight
//! from an `.h5ad` file; and making such a store.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::qc::{MIB, same_numbers};
use super::{Bench, Measurement, Pairs, build, measure, median, spread};
use crate::env::{ANNBATCH, anndata_python_with, no_python};
use crate::sh::{Error, Result, command, step};

const SCRIPT: &str = "tests/python/bench_loader.py";

/// Rows that are read together, how many such units are shuffled together, the rows of a batch, and how many times faster than
/// annbatch an epoch has to be.
const EPOCHS: [(u32, u32, u32, f64); 3] = [(512, 32, 4096, 2.0), (32, 256, 4096, 4.0), (64, 64, 512, 2.0)];
/// Of the speed of reading in order, what an order with cursors has to have, and how mixed its batches have to be.
const INTERLEAVED: (f64, f64) = (0.85, 0.99);
/// How many times faster than `add_adatas` rewriting has to be, and the memory that it may take.
const RECHUNK: (f64, f64) = (4.0, 512.0 * MIB + 30e6);
/// The most that a consumer waits that takes as long as reading does.
const WAITS: f64 = 0.1;

impl Bench {
    /// `quick` takes a small file, to see that all of it works, and no bar counts.
    pub(super) fn loader(&self, quick: bool) -> Result<()> {
        let rust = build("bench_loader", &[])?;
        let annbatch = anndata_python_with(None, ANNBATCH)?.ok_or_else(|| Error::new(no_python()))?;
        let folder = self.plates(&annbatch, quick)?;
        let (file, store) = (folder.join("plates.h5ad"), folder.join("annbatch.zarr"));
        let mut missed = Vec::new();
        let mut bar = |is_met: bool, text: String| {
            println!("  {} {text}\n", if is_met { "as asked:" } else { "NOT as asked:" });
            if !is_met && !quick {
                missed.push(text);
            }
        };

        let limits = |store: &Path| self.repeat(|| measure(self.measured().arg(&rust).arg("limit").arg(store)));
        let (of_store, of_file) = (limits(&store)?, limits(&file)?);
        for (rows, units, batch, most) in EPOCHS {
            let words = [rows.to_string(), units.to_string(), batch.to_string()];
            let pairs = self.pairs(
                || self.measure_loader(&rust, "epoch", &store, &words),
                || measure(self.annbatch(&annbatch, "epoch").arg(&store).args(&words)),
            )?;
            let title = format!("epoch, {units} units of {rows} rows, batches of {batch}");
            same_numbers(&title, &pairs)?;
            self.report(&title, "annbatch", &pairs, Some(&decoding(&of_store, &pairs)));
            cells(&pairs);
            let faster = faster(&pairs);
            bar(faster >= most, format!("{title}: {faster:.2} times annbatch's speed, of at least {most}"));
        }

        let run = |what: &str| self.measure_loader(&rust, what, &file, &[]);
        let pairs = self.pairs(|| run("interleaved"), || run("sequential"))?;
        same_numbers("interleaved", &pairs)?;
        self.report("epoch of a gzip .h5ad, 64 cursors", "in order", &pairs, Some(&decoding(&of_file, &pairs)));
        cells(&pairs);
        let (part, mixed) = (faster(&pairs), pairs.iter().filter_map(|(own, _)| own.mixed).fold(1.0, f64::min));
        bar(
            part >= INTERLEAVED.0 && mixed >= INTERLEAVED.1,
            format!(
                "64 cursors: {part:.2} of the speed in order, of at least {}; entropy of plates {mixed:.4} of a random draw, \
                 of at least {}",
                INTERLEAVED.0, INTERLEAVED.1
            ),
        );
        let waited = self.repeat(|| run("slow"))?;
        let waited = median(&waited.iter().filter_map(|one| one.waited).collect::<Vec<_>>());
        bar(
            waited <= WAITS,
            format!("a consumer as slow as reading waits {waited:.3} of the time, of at most {WAITS}"),
        );

        self.remove_outputs()?;
        let pairs = self.pairs(
            || measure(self.measured().arg(&rust).arg("rechunk").arg(&file).arg(self.output("zarr"))),
            || measure(self.annbatch(&annbatch, "rechunk").arg(&file).arg(self.output("zarr"))),
        )?;
        self.remove_outputs()?;
        same_numbers("rechunk", &pairs)?;
        self.report("rechunk, shuffled", "annbatch", &pairs, Some(&of_file));
        let (faster, peak) = (faster(&pairs), pairs.iter().map(|(own, _)| own.peak_bytes).fold(0.0, f64::max));
        bar(
            faster >= RECHUNK.0 && peak <= RECHUNK.1,
            format!(
                "rechunk: {faster:.2} times the speed of add_adatas, of at least {}, within {:.0} MiB, of at most {:.0}",
                RECHUNK.0,
                peak / MIB,
                RECHUNK.1 / MIB
            ),
        );
        if missed.is_empty() { Ok(()) } else { Err(Error::new(missed.join("\n"))) }
    }

    /// The file and the store, made once.
    fn plates(&self, annbatch: &Path, quick: bool) -> Result<PathBuf> {
        let (name, cells) = if quick { ("plates-quick", "20000") } else { ("plates", "100000") };
        let folder = self.folder.join(name);
        if !folder.join("plates.h5ad").exists() {
            if folder.exists() {
                std::fs::remove_dir_all(&folder)?;
            }
            std::fs::create_dir_all(&folder)?;
            step("make the files", command(annbatch).arg(SCRIPT).arg("make").arg(&folder).arg(cells))?;
        }
        Ok(folder)
    }

    fn annbatch(&self, python: &Path, what: &str) -> Command {
        let mut run = self.measured();
        run.arg(python).args(["-W", "ignore", SCRIPT, what]);
        run
    }

    /// An epoch here. Memory that is more than was promised is an error.
    fn measure_loader(&self, rust: &Path, what: &str, store: &Path, words: &[String]) -> Result<Measurement> {
        let own = measure(self.measured().arg(rust).arg(what).arg(store).args(words))?;
        let promised = own.promised.ok_or_else(|| Error::new(format!("'{what}' promises nothing")))?;
        if own.peak_bytes > promised {
            let (found, promised) = (own.peak_bytes / MIB, promised / MIB);
            return Err(Error::new(format!("'{what}' took {found:.0} MiB, and promised {promised:.0}")));
        }
        Ok(own)
    }
}

/// How long it takes to decode what was decoded, where decoding everything once takes so long.
fn decoding(once: &[Measurement], pairs: &Pairs) -> Vec<Measurement> {
    let times = median(&pairs.iter().filter_map(|(own, _)| own.decoded).collect::<Vec<_>>());
    once.iter().map(|once| Measurement { seconds: once.seconds * times, ..*once }).collect()
}

fn faster(pairs: &Pairs) -> f64 {
    median(&pairs.iter().map(|(own, peer)| peer.seconds / own.seconds).collect::<Vec<_>>())
}

/// Prints how many cells come in a second, and the memory beside what was promised.
fn cells(pairs: &Pairs) {
    // What is compared has a million for each cell, which has fewer values.
    let speed = |one: &Measurement| (one.check.unwrap_or(0.0) / 1e6).floor() / one.seconds;
    println!("  cells a second here    {}", spread(&pairs.iter().map(|(own, _)| speed(own)).collect::<Vec<_>>(), ""));
    println!("  cells a second there   {}", spread(&pairs.iter().map(|(_, peer)| speed(peer)).collect::<Vec<_>>(), ""));
    let mib = |of: fn(&Measurement) -> f64| pairs.iter().map(|(own, _)| of(own) / MIB).collect::<Vec<_>>();
    println!("  peak memory here       {}", spread(&mib(|own| own.peak_bytes), " MiB"));
    println!("  promised               {}", spread(&mib(|own| own.promised.unwrap_or(0.0)), " MiB"));
}
