//! What was measured, as rows: printed, kept in `target/bench/results`, and put together as `docs/performance.md`.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::limits::Limits;
use super::model::Model;
use super::{Bench, Measurement, Pairs, median, spread};
use crate::sh::{Error, Result, command, output, root, target};

const PAGE: &str = "docs/performance.md";

/// What stands above the tables of the page.
const HEAD: &str = "\
# Performance

Written by `cargo xtask bench page` from what each benchmark measured last. Each row is a pair of processes that
alternate, one of this library and one of its peer, on the same made files (40 million non-zeros, where nothing else is said), which
have to find the same numbers. Times are medians; *faster* is the median of the ratios of the pairs, with the smallest, the largest and
how many pairs there are.
*Of the limit* is how many times as long this library takes as what bounds it: the same bytes inflated, deflated, read or copied
on all cores with nothing else done, in the same run. *Memory* is the most that a process takes, in sizes of the data.
";

/// What stands below them.
const TAIL: &str = "
## Further from a limit

A limit leaves out all that is not moving, packing or unpacking bytes. What takes more than half as long again, and why:

- *to CSC*, *to CSR*: each value goes to one of thousands of places, which are counted first, and so many at a time do not fit the
  nearest cache. To count, and to touch the memory of the result once, takes nearly as long as the limit by itself.
- *columns, a tenth of them*, also shuffled: what is kept of each row has to be found, and put in order.
- *values of columns counted*, *column variances*, *means of groups*: what belongs to all columns does not fit the nearest cache, and
  each value adds to another line of it.
- *row variances*: the values of a row are gone through twice. *dense, transposed*: each value of a row goes to another line.
- *concat, outer join* and *inner join*: each index becomes that of another column, and is put in order or left out.
- *read, none*: besides its values an object has frames, names and offsets, and each index is compared with the length of its axis.
- *one pass*, *read, dispatched*, *rechunk*: the limit leaves out what is done with the values.
- *subset*, *transpose*, *split*, *repack*: what the command writes is on the disk when it ends; what Python writes need not be.
- Writing zarr: Python packs with zstd on all cores as well, so that the ratio to it is bounded by what it does besides.
- What stands beside *a copy of its data in memory* is bound by other things, of which a copy is the least: text is made numbers, and
  what is written is packed.
";

/// The numbers of cores for which times are predicted.
const CORES: [f64; 3] = [8.0, 16.0, 64.0];

/// Fewer bytes are not those of the data.
const LEAST_BYTES: f64 = 1e6;

/// One comparison.
#[derive(Debug, Clone)]
pub(super) struct Row {
    what: String,
    peer: String,
    ours: Vec<f64>,
    theirs: Vec<f64>,
    /// What bounds it, and how many times as long it takes.
    limit: Option<(String, f64)>,
    /// The peak memory of both sides in sizes of the data.
    memory: Option<(f64, f64)>,
    /// What it takes on more cores, of a job beside itself on one.
    model: Option<Model>,
    /// Why a part of it is not shared.
    reason: Option<String>,
}

impl Row {
    /// Times of both sides, in the order of the pairs.
    pub(super) fn new(what: &str, peer: &str, ours: Vec<f64>, theirs: Vec<f64>) -> Self {
        Self {
            what: what.trim().to_owned(),
            peer: peer.to_owned(),
            ours,
            theirs,
            limit: None,
            memory: None,
            model: None,
            reason: None,
        }
    }

    /// Of what bounds it, in seconds.
    pub(super) fn with_limit(mut self, what: &str, seconds: f64) -> Self {
        self.limit = Some((what.to_owned(), median(&self.ours) / seconds));
        self
    }

    /// With what it takes on more cores.
    pub(super) fn with_model(mut self, model: Model) -> Self {
        self.model = Some(model);
        self
    }

    /// With why a part of it is not shared.
    pub(super) fn with_reason(mut self, reason: String) -> Self {
        self.reason = Some(reason);
        self
    }

    fn of_pairs(what: &str, peer: &str, pairs: &Pairs) -> Self {
        let of = |side: fn(&(Measurement, Measurement)) -> f64| pairs.iter().map(side).collect::<Vec<f64>>();
        let mut row = Self::new(what, peer, of(|(rust, _)| rust.seconds), of(|(_, peer)| peer.seconds));
        let memory = |side: fn(&(Measurement, Measurement)) -> f64| median(&of(side));
        let says_something = |(rust, peer): &(Measurement, Measurement)| rust.bytes.min(peer.bytes) >= LEAST_BYTES;
        row.memory = pairs.iter().all(says_something).then(|| {
            (memory(|(rust, _)| rust.peak_bytes / rust.bytes), memory(|(_, peer)| peer.peak_bytes / peer.bytes))
        });
        row
    }

    fn ratios(&self) -> Vec<f64> {
        self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| theirs / ours).collect()
    }

    fn print(&self) {
        println!("{} ({} pairs)", self.what, self.ours.len());
        println!("  Rust    {}", spread(&self.ours, " s"));
        println!("  {:7} {}", self.peer, spread(&self.theirs, " s"));
        println!("  faster  {}", spread(&self.ratios(), " x"));
        if let Some((ours, theirs)) = self.memory {
            println!("  peak memory {ours:.2} x the data, of {} {theirs:.2} x", self.peer);
        }
        if let Some((limit, times)) = &self.limit {
            println!("  {times:.2} x what {limit} takes");
        }
        if let Some(model) = self.model {
            let more = CORES.map(|cores| format!("{} on {cores} cores", seconds(model.on(cores))));
            println!("  serial {:.0} %: {}", model.share() * 100.0, more.join(", "));
            if let Some(reason) = &self.reason {
                println!("  {reason}");
            }
        }
        println!();
    }

    fn json(&self) -> Value {
        let ratios = self.ratios();
        let (least, most) = ratios.iter().fold((f64::INFINITY, 0.0_f64), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
        json!({
            "what": self.what, "peer": self.peer,
            "ours": median(&self.ours), "theirs": median(&self.theirs),
            "faster": median(&ratios), "least": least, "most": most, "pairs": ratios.len(),
            "limit": self.limit.as_ref().map(|(what, times)| json!({ "what": what, "times": times })),
            "memory": self.memory.map(|(ours, theirs)| [ours, theirs]),
            "serial": self.model.map(Model::share),
            "reason": self.reason,
            "cores": self.model.map(|model| CORES.map(|cores| model.on(cores))),
        })
    }
}

impl Bench {
    /// Prints pairs of times, and keeps them; with what bounds them, or how long what they read takes to inflate or to copy.
    pub(super) fn report(&self, what: &str, peer: &str, pairs: &Pairs, limit: Option<&[Measurement]>) {
        let row = Row::of_pairs(what, peer, pairs);
        let bytes = median(&pairs.iter().map(|(rust, _)| rust.bytes).collect::<Vec<_>>());
        let inflated = median(&pairs.iter().filter_map(|(rust, _)| rust.inflated).collect::<Vec<_>>());
        let row = match limit {
            Some(limit) => {
                let seconds: Vec<f64> = limit.iter().map(|measured| measured.seconds).collect();
                row.with_limit("the same bytes with nothing else done", median(&seconds))
            }
            None if inflated > 0.0 => row.with_limit("inflating its chunks", self.limits.inflated(inflated)),
            None if bytes < LEAST_BYTES => row,
            None => row.with_limit("a copy of its data in memory", self.limits.copied(bytes)),
        };
        self.keep(row);
    }

    /// Prints a row and keeps it.
    pub(super) fn keep(&self, row: Row) {
        row.print();
        self.rows.borrow_mut().push(row);
    }

    /// Writes what was kept, for the page.
    pub(super) fn save(&self, bench: &str) -> Result<()> {
        let rows: Vec<Value> = self.rows.borrow().iter().map(Row::json).collect();
        std::fs::create_dir_all(folder())?;
        let file = json!({ "date": crate::release::today(), "limits": self.limits.json(), "rows": rows });
        Ok(std::fs::write(folder().join(format!("{bench}.json")), file.to_string())?)
    }
}

fn folder() -> PathBuf {
    target().join("bench/results")
}

/// Put together the page of all that was measured.
///
/// # Errors
///
/// When nothing was.
pub(super) fn page(benches: &[&str]) -> Result<()> {
    let mut text = HEAD.to_owned();
    let mut limits = None;
    let mut tables = String::new();
    for bench in benches {
        let Ok(found) = std::fs::read_to_string(folder().join(format!("{bench}.json"))) else { continue };
        let found: Value = serde_json::from_str(&found).map_err(|e| Error::new(format!("{bench}: {e}")))?;
        limits = Some(found["limits"].clone());
        let rows = found["rows"].as_array().map_or(&[][..], Vec::as_slice);
        if rows.is_empty() {
            continue;
        }
        let date = found["date"].as_str().unwrap_or_default();
        add(&mut tables, &format!("\n## `cargo xtask bench {bench}`\n\nMeasured on {date}.\n\n"));
        add(&mut tables, "| what | peer | Rust | peer takes | faster | of the limit | memory, of the peer |\n");
        add(&mut tables, "| --- | --- | --- | --- | --- | --- | --- |\n");
        for row in rows {
            add(&mut tables, &line(row));
        }
        add(&mut tables, &predicted(rows));
    }
    let Some(Value::Object(limits)) = limits else {
        return Err(Error::new("nothing was measured: run cargo xtask bench all"));
    };
    add(&mut text, &machine(&limits));
    add(&mut text, &tables);
    add(&mut text, TAIL);
    println!("{PAGE} is written");
    Ok(std::fs::write(root().join(PAGE), text)?)
}

/// Writing to a text does not fail.
fn add(text: &mut String, more: &str) {
    text.push_str(more);
}

fn line(row: &Value) -> String {
    let number = |key: &str| row[key].as_f64().unwrap_or(f64::NAN);
    let text = |key: &str| row[key].as_str().unwrap_or_default();
    let mut line = format!(
        "| {} | {} | {} | {} | {:.2} x ({:.2} to {:.2}, of {}) |",
        text("what"),
        text("peer"),
        seconds(number("ours")),
        seconds(number("theirs")),
        number("faster"),
        number("least"),
        number("most"),
        number("pairs"),
    );
    let limit = row["limit"]["times"].as_f64().zip(row["limit"]["what"].as_str());
    let limit = limit.map_or(String::new(), |(times, what)| format!("{times:.2} x {what}"));
    let memory = row["memory"][0].as_f64().zip(row["memory"][1].as_f64()).filter(|(ours, _)| *ours < 1000.0);
    let memory = memory.map_or(String::new(), |(ours, theirs)| format!("{ours:.2} x, {theirs:.2} x"));
    let _ = writeln!(line, " {limit} | {memory} |");
    line
}

/// What jobs that were measured on one core as well are predicted to take on more.
fn predicted(rows: &[Value]) -> String {
    let mut text = String::new();
    for row in rows {
        let (Some(serial), Some(times)) = (row["serial"].as_f64(), row["cores"].as_array()) else { continue };
        if text.is_empty() {
            let cores = CORES.map(|cores| format!(" {cores} cores |")).concat();
            text = format!(
                "\nWhat that predicts for more cores, if memory and disk keep up. *Not shared* names what a single thread does, then the \
                 part of the limit in question that more cores do not speed up on this machine: two cores copy no faster than one \
                 that keeps memory busy.\n\n| what | serial | not shared |{cores}\n| --- | --- | --- |"
            );
            text.push_str(&" --- |".repeat(CORES.len()));
            text.push('\n');
        }
        let times = times.iter().map(|time| format!(" {} |", seconds(time.as_f64().unwrap_or(f64::NAN))));
        let times = times.collect::<Vec<_>>().concat();
        let _ = writeln!(
            text,
            "| {} | {:.0} % | {} |{times}",
            row["what"].as_str().unwrap_or_default(),
            serial * 100.0,
            row["reason"].as_str().unwrap_or_default()
        );
    }
    text
}

fn seconds(time: f64) -> String {
    if time < 0.1 { format!("{:.2} ms", time * 1e3) } else { format!("{time:.3} s") }
}

/// The machine, and what it can do.
fn machine(limits: &Map<String, Value>) -> String {
    let mut text =
        format!("\n## The machine\n\n{}\n\n| limit | one core | all cores |\n| --- | --- | --- |\n", processor());
    for (key, what, unit) in Limits::NAMES {
        let of = |cores: &str| limits.get(&format!("{key}_{cores}")).and_then(Value::as_f64).unwrap_or(f64::NAN) / 1e9;
        let _ = writeln!(text, "| {what} | {:.2} {unit} | {:.2} {unit} |", of("one"), of("all"));
    }
    let fsync = limits.get("fsync").and_then(Value::as_f64).unwrap_or(f64::NAN);
    let _ = writeln!(text, "\nA megabyte is on the disk after {}.", seconds(fsync));
    text
}

/// The name and number of the processors, where the system tells it.
fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let name = output(command("sh").args(["-c", "grep -m1 'model name' /proc/cpuinfo | cut -d: -f2"]));
    let name = name.map(|name| name.trim().to_owned()).unwrap_or_default();
    let name = if name.is_empty() { std::env::consts::ARCH.to_owned() } else { name };
    format!("{cores} cores of {name}, {}.", std::env::consts::OS)
}
