//! The Rust half of `cargo xtask bench loader`: one measurement, printed as one line of JSON.
//!
//! ```text
//! bench_loader epoch STORE ROWS UNITS BATCH  time an epoch over a folder of datasets, of which UNITS units of ROWS rows each are
//!                                            in memory at a time
//! bench_loader sequential|interleaved FILE   time an epoch over an .h5ad file in this order; `mixed` is the entropy of the plates
//!                                            of batches, over that of batches drawn at random
//! bench_loader dense FILE                    the same with batches that are dense
//! bench_loader slow FILE                     the same with a consumer that takes as long as reading does; `waited` is the part of
//!                                            the time that it waited
//! bench_loader rechunk FILE OUT              time writing a shuffled copy, as annbatch reads it
//! bench_loader limit STORE                   time reading and decoding all chunks of X once, with nothing else done
//! ```
//!
//! `decoded` is how many times the values are decoded that come, of which `limit` is the time for once. `promised` is the memory that the loader says it takes at most, with what the process had before it was made.
//! `bench_loader.py make` makes the files.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anndata::experimental::{
    Batch, BatchMatrix, Collection, Fields, Loader, LoaderOptions, Order, RechunkOptions, RowOrder, Sampling, Tail,
    Unit, Want, rechunk,
};
use anndata::{ConcatOptions, DType};
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The plates of the file, which follow each other and have as many rows each.
const PLATES: u64 = 14;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let line = match words.as_slice() {
        ["epoch", store, rows, units, batch] => epoch(store, rows.parse()?, units.parse()?, batch.parse()?)?,
        ["sequential", file] => stream(file, Order::Sequential, Want::csr(), Duration::ZERO)?,
        ["interleaved", file] => stream(file, Sampling::default().order, Want::csr(), Duration::ZERO)?,
        ["dense", file] => stream(file, Sampling::default().order, Want::dense(DType::F32), Duration::ZERO)?,
        ["slow", file] => slow(file)?,
        ["rechunk", file, out] => shuffled(file, out)?,
        ["limit", store] => limit(store)?,
        _ => return Err("see the top of this example for its arguments".into()),
    };
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn open(stores: impl IntoIterator<Item = PathBuf>) -> Result<Collection> {
    let stores = stores.into_iter().enumerate().map(|(at, path)| (at.to_string(), path));
    Ok(Collection::open(stores, &ConcatOptions::default(), |path| anndata::open(path))?)
}

/// The datasets of a folder; a file is the only one.
fn datasets(store: &str) -> Vec<PathBuf> {
    let store = Path::new(store);
    if store.is_file() {
        return vec![store.to_owned()];
    }
    (0..u32::MAX).map(|at| store.join(format!("dataset_{at}"))).take_while(|path| path.exists()).collect()
}

/// The values of a block that is read at a time: so few that memory is used again, and enough for all cores.
const BLOCK: u64 = 1 << 20;

fn limit(store: &str) -> Result<Value> {
    let (mut bytes, mut time) = (0, Duration::ZERO);
    for dataset in datasets(store) {
        let root = anndata::open(dataset)?;
        for name in ["X/data", "X/indices"] {
            let array = root.array(name)?;
            let (spec, start) = (array.spec(), Instant::now());
            let (len, chunk) = (spec.len()?, spec.chunks.as_ref().map_or(1, |chunks| chunks[0]).max(1));
            let block = BLOCK.next_multiple_of(chunk);
            for start in (0..len).step_by(usize::try_from(block)?) {
                bytes += array.read_selection(&[(start..len.min(start + block)).into()])?.nbytes();
            }
            time += start.elapsed();
        }
    }
    Ok(json!({ "seconds": time.as_secs_f64(), "bytes": bytes }))
}

fn epoch(store: &str, rows: u32, units: u32, batch: u32) -> Result<Value> {
    let cells = open(datasets(store))?;
    let before = resident();
    let sampling = Sampling::default()
        .with_order(Order::Shuffled { unit: Unit::Rows(rows) })
        .with_window(rows * units)
        .with_batch(batch)
        .with_tail(Tail::Keep)
        .with_seed(1);
    let fields = Fields::x(Want::csr()).with_obs(["plate"]);
    let loader = Loader::new(&cells, fields, sampling, LoaderOptions::default())?;
    Ok(run(&loader, before, Duration::ZERO)?.json())
}

/// An epoch over a file, of which each batch takes so long.
fn stream(file: &str, order: Order, want: Want, each: Duration) -> Result<Value> {
    let cells = open([file.into()])?;
    let before = resident();
    let sampling = Sampling::default().with_order(order).with_tail(Tail::Keep).with_seed(1);
    let loader = Loader::new(&cells, Fields::x(want).with_obs(["plate"]), sampling, LoaderOptions::default())?;
    let ran = run(&loader, before, each)?;
    let mut line = ran.json();
    line["mixed"] = json!(ran.mixed(cells.n_obs() as u64));
    Ok(line)
}

/// An epoch with a consumer that takes as long for it as reading does.
fn slow(file: &str) -> Result<Value> {
    let batches = |line: &Value| line["batches"].as_u64().unwrap_or(1).max(1);
    let fast = stream(file, Sampling::default().order, Want::csr(), Duration::ZERO)?;
    let seconds = fast["seconds"].as_f64().unwrap_or_default();
    let each = Duration::from_secs_f64(seconds / f64::from(u32::try_from(batches(&fast))?));
    stream(file, Sampling::default().order, Want::csr(), each)
}

/// What an epoch took and gave.
struct Ran {
    time: Duration,
    waited: Duration,
    bytes: usize,
    check: f64,
    /// The memory of the process before the loader was made, and what the loader promises and says it took.
    before: u64,
    promised: u64,
    peak: u64,
    /// How many times the values are decoded that come.
    decoded: f64,
    /// The rows of each batch.
    batches: Vec<Vec<u64>>,
}

fn run(loader: &Loader, before: u64, each: Duration) -> Result<Ran> {
    let start = Instant::now();
    let (mut bytes, mut check, mut batches) = (0, 0.0, Vec::new());
    let mut epoch = loader.epoch(0)?;
    for batch in epoch.by_ref() {
        let batch = batch?;
        let values = match batch.x().ok_or("no X")? {
            BatchMatrix::Csr(x) => {
                bytes += x.data().nbytes() + x.indices().nbytes() + x.indptr().nbytes();
                x.nnz()
            }
            BatchMatrix::Dense(x) => {
                bytes += x.nbytes();
                0
            }
        };
        check += number(batch.len())? * 1e6 + number(values)?;
        batches.push(rows(&batch));
        std::thread::sleep(each);
    }
    let (time, stats) = (start.elapsed(), epoch.stats());
    let (promised, decoded) = (loader.cost().peak_memory, loader.cost().amplification());
    Ok(Ran { time, waited: stats.waited, bytes, check, before, promised, peak: stats.peak_memory, decoded, batches })
}

fn rows(batch: &Batch) -> Vec<u64> {
    batch.rows.iter().map(|row| row.row).collect()
}

impl Ran {
    fn json(&self) -> Value {
        let seconds = self.time.as_secs_f64();
        json!({
            "seconds": seconds,
            "bytes": self.bytes,
            "check": self.check,
            "promised": self.promised + self.before,
            "counted": self.peak,
            "decoded": self.decoded,
            "batches": self.batches.len(),
            "waited": self.waited.as_secs_f64() / seconds,
        })
    }

    /// The mean entropy of the plates of a batch, over that of as many rows at random.
    fn mixed(&self, rows: u64) -> f64 {
        let mut state = 1_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % rows
        };
        let (mut own, mut drawn) = (0.0, 0.0);
        for batch in &self.batches {
            own += entropy(batch.iter().copied(), rows);
            drawn += entropy(batch.iter().map(|_| random()), rows);
        }
        own / drawn
    }
}

/// The entropy of the plates that rows are of.
fn entropy(rows: impl Iterator<Item = u64>, of: u64) -> f64 {
    let mut counts = [0.0_f64; 14];
    for row in rows {
        if let Some(count) = usize::try_from(row * PLATES / of).ok().and_then(|plate| counts.get_mut(plate)) {
            *count += 1.0;
        }
    }
    let total: f64 = counts.iter().sum();
    -counts.iter().filter(|count| **count > 0.0).map(|count| count / total * (count / total).ln()).sum::<f64>()
}

fn shuffled(file: &str, out: &str) -> Result<Value> {
    let start = Instant::now();
    let cells = open([file.into()])?;
    let mut options = RechunkOptions::default()
        .with_order(RowOrder::Shuffle { seed: 1 })
        .with_rows_per_dataset(u64::try_from(cells.n_obs())?);
    // annbatch does not wait until the disk has everything.
    options.write = options.write.with_durable(false);
    rechunk(&cells, out, &options)?;
    let time = start.elapsed();
    let made = anndata::open(Path::new(out).join("dataset_0"))?;
    let mut bytes = 0;
    for array in ["X/data", "X/indices", "X/indptr"] {
        let spec = made.array(array)?.spec();
        bytes += spec.len()? * spec.dtype.size().unwrap_or(1) as u64;
    }
    let values = usize::try_from(made.array("X/data")?.spec().len()?)?;
    let check = number(cells.n_obs())? * 1e6 + number(values)?;
    Ok(json!({ "seconds": time.as_secs_f64(), "bytes": bytes, "check": check }))
}

fn number(count: usize) -> Result<f64> {
    Ok(f64::from(u32::try_from(count)?))
}

/// The resident memory of this process; 0 where the system does not say it as Linux does.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) * 1024
}
