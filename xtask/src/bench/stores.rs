//! `cargo xtask bench layouts|remote`: how zarr stores are cut into chunks and shards, and reading them behind HTTP.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::results::Row;
use super::zarr::usage;
use super::{Bench, build, median};
use crate::sh::{Error, Result, command, output};

/// Bytes of values in a chunk and in a shard (0: none), each beside what is chosen where nothing is asked for.
const LAYOUTS: [(u64, u64); 10] = [
    (1 << 16, 1_000_000_000),
    (1 << 18, 1_000_000_000),
    (1 << 20, 1_000_000_000),
    (1 << 22, 1_000_000_000),
    (1 << 20, 1 << 26),
    (1 << 22, 1 << 26),
    (1 << 18, 0),
    (1 << 20, 0),
    (1 << 23, 0),
    (1 << 25, 0),
];

/// What is read of each, and the latency in seconds of the network in between, if there is one.
const READS: [(&str, &str, &[&str]); 5] = [
    ("whole", "the whole object", &[]),
    ("range", "a hundredth of the rows", &[]),
    ("random", "a thousand rows in no order", &[]),
    ("range", "a hundredth of the rows, 20 ms away", &["0.02"]),
    ("random", "a thousand rows in no order, 20 ms away", &["0.02"]),
];

/// The network of `remote`.
const LATENCY: f64 = 0.05;
const BANDWIDTH: f64 = 100e6;
/// How many times as long as three round trips and its bytes the whole object may take.
const LONGER: f64 = 1.2;
/// In how many round trips a thousand rows are read.
const ROUND_TRIPS: f64 = 3.0;

impl Bench {
    /// The made file's matrix in several layouts: what each costs where it is read, and in bytes.
    pub(super) fn layouts(&self) -> Result<()> {
        let rust = build("bench_stores", &["cloud"])?;
        let chosen = self.store(&rust, "chosen", &[])?;
        let (_, bytes) = usage(&chosen)?;
        println!("the store that is chosen has {bytes} bytes\n");
        for (chunk, shard) in LAYOUTS {
            let name = format!("{chunk}-{shard}");
            let store = self.store(&rust, &name, &[&chunk.to_string(), &shard.to_string()])?;
            let (files, own) = usage(&store)?;
            let shards =
                if shard == 0 { "no shards".to_owned() } else { format!("shards of {} MB", shard / 1_000_000) };
            let layout = format!("chunks of {} KiB, {shards}", chunk >> 10);
            println!("{layout}: {files} files, {:.3} times the bytes\n", as_f64(own) / as_f64(bytes));
            for (read, what, link) in READS {
                let mut times = (Vec::new(), Vec::new());
                for _ in 0..self.rounds {
                    let (ours, default) =
                        (self.read_store(&rust, read, &store, link)?, self.read_store(&rust, read, &chosen, link)?);
                    if ours.check != default.check {
                        return Err(Error::new(format!(
                            "{layout}: {read} gives {}, not {}",
                            ours.check, default.check
                        )));
                    }
                    times.0.push(ours.seconds);
                    times.1.push(default.seconds);
                }
                self.keep(Row::new(&format!("{what}: {layout}"), "what is chosen", times.0, times.1));
            }
            fs::remove_dir_all(store)?;
        }
        Ok(())
    }

    /// The made file's store behind HTTP: against what the network takes, and in few round trips.
    pub(super) fn remote(&self) -> Result<()> {
        let rust = build("bench_stores", &["cloud"])?;
        let store = self.store(&rust, "chosen", &[])?;
        let (_, bytes) = usage(&store)?;
        let least = 3.0 * LATENCY + as_f64(bytes) / BANDWIDTH;
        let link = format!("{LATENCY}");
        let mut missed = Vec::new();
        for (read, what) in [("whole", "the whole object"), ("random", "a thousand rows in no order")] {
            let (mut times, mut trips) = (Vec::new(), Vec::new());
            for _ in 0..self.rounds {
                let found = self.read_store(&rust, read, &store, &[&link, &format!("{BANDWIDTH}")])?;
                println!("{what}: {} requests, {} round trips", found.requests, found.round_trips);
                times.push(found.seconds);
                trips.push(found.round_trips);
            }
            let (longer, trips) = (median(&times) / least, median(&trips));
            let title = format!("{what} over HTTP, {:.0} ms away, {:.0} MB/s", LATENCY * 1e3, BANDWIDTH / 1e6);
            let network = vec![least; times.len()];
            self.keep(Row::new(&title, "three round trips and all bytes", times, network));
            if read == "whole" && longer > LONGER {
                missed.push(format!("{title}: {longer:.2} times what the network takes; the bar is {LONGER}"));
            }
            if read == "random" && trips > ROUND_TRIPS {
                missed.push(format!("{title}: {trips} round trips; the bar is {ROUND_TRIPS}"));
            }
        }
        if missed.is_empty() { Ok(()) } else { Err(Error::new(missed.join("\n"))) }
    }

    /// The made file as a store.
    fn store(&self, rust: &Path, name: &str, layout: &[&str]) -> Result<PathBuf> {
        let store = self.folder.join(format!("layout-{name}.zarr"));
        if store.exists() {
            fs::remove_dir_all(&store)?;
        }
        output(command(rust).arg("write").arg(self.file("none")).arg(&store).args(layout))?;
        Ok(store)
    }

    fn read_store(&self, rust: &Path, what: &str, store: &Path, link: &[&str]) -> Result<Found> {
        let text = output(command(rust).env("ANNDATA_PYTHON", &self.python).arg(what).arg(store).args(link))?;
        let wrong = || Error::new(format!("no measurement in {text:?}"));
        let found: Value = serde_json::from_str(&text).map_err(|_| wrong())?;
        let number = |name: &str| found[name].as_f64();
        Ok(Found {
            seconds: number("seconds").ok_or_else(wrong)?,
            check: found["check"].to_string(),
            // Of a store on the disk there are none.
            requests: number("requests").unwrap_or(0.0),
            round_trips: number("round_trips").unwrap_or(0.0),
        })
    }
}

/// What was measured of one read.
struct Found {
    seconds: f64,
    check: String,
    requests: f64,
    round_trips: f64,
}

#[allow(clippy::cast_precision_loss, reason = "bytes of a made file")]
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}
