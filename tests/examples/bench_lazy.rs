//! The Rust half of `cargo xtask bench lazy|dispatch`: one measurement, printed as one line of JSON.
//!
//! ```text
//! bench_lazy open FILE        time opening FILE lazily
//! bench_lazy rows FILE        open FILE, then time reading a thousand rows of X, in no order
//! bench_lazy pass FILE        time the sum of X, chunk by chunk
//! bench_lazy dispatched FILE  time reading FILE, with a function that is asked of each element and changes nothing
//! bench_lazy whole FILE       time reading FILE without one
//! ```

use std::collections::BTreeSet;
use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anndata::experimental::{ChunkOptions, OnRead, fold_chunks, read_dispatched, read_lazy};
use anndata::io::{ElemReadOptions, read_elem};
use anndata::{AnnData, Element, ReadOptions};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How many rows are read, and the steps between them, modulo all rows.
const ROWS: usize = 1000;
const STEP: usize = 7919;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let measured = match words.as_slice() {
        ["open", file] => open(file)?,
        ["rows", file] => rows(file)?,
        ["pass", file] => pass(file)?,
        ["dispatched" | "whole", file] => read(file, words.first() == Some(&"dispatched"))?,
        _ => return Err("see the top of this example for its arguments".into()),
    };
    let Measured { time, bytes, check, inflated } = measured;
    let line =
        serde_json::json!({ "seconds": time.as_secs_f64(), "bytes": bytes, "check": check, "inflated": inflated });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

struct Measured {
    time: Duration,
    /// Of what was read, in memory.
    bytes: usize,
    /// What the other side has to find too.
    check: f64,
    /// The bytes that are inflated on the way.
    inflated: Option<usize>,
}

fn open(file: &str) -> Result<Measured> {
    let start = Instant::now();
    let adata = read_lazy(file, &ReadOptions::default())?;
    let time = start.elapsed();
    let check = number(adata.n_obs())? * 1e6 + number(adata.n_vars())?;
    Ok(Measured { time, bytes: size(&adata)?, check, inflated: None })
}

/// The rows that are read.
fn some_rows(n_obs: usize) -> impl Iterator<Item = usize> {
    (0..ROWS).map(move |at| at * STEP % n_obs)
}

/// The bytes of the chunks that hold the values of the rows that are read, and of all offsets.
fn chunks_of_rows(file: &str) -> Result<usize> {
    let root = anndata::open(file)?;
    let offsets = root.array("X/indptr")?.read()?;
    let n_obs = offsets.len() - 1;
    let ends = offsets.cast(&anndata::DType::I64)?.as_slice::<i64>()?.to_vec();
    let mut bytes = offsets.nbytes();
    for path in ["X/data", "X/indices"] {
        let spec = root.array(path)?.spec();
        let chunk = *spec.chunks.as_ref().and_then(|chunks| chunks.first()).ok_or("values that are not in chunks")?;
        let chunk = i64::try_from(chunk)?;
        let touched = some_rows(n_obs).filter(|&row| ends[row] < ends[row + 1]);
        let touched: BTreeSet<i64> = touched.flat_map(|row| ends[row] / chunk..=(ends[row + 1] - 1) / chunk).collect();
        bytes += touched.len() * usize::try_from(chunk)? * spec.dtype.size().ok_or("values without a size")?;
    }
    Ok(bytes)
}

fn rows(file: &str) -> Result<Measured> {
    let adata = read_lazy(file, &ReadOptions::default())?;
    let rows: Vec<u64> = some_rows(adata.n_obs()).map(u64::try_from).collect::<std::result::Result<_, _>>()?;
    let start = Instant::now();
    let some = adata.select(rows, ..)?;
    let x = some.x().ok_or("no X")?.load()?;
    let time = start.elapsed();
    let inflated = Some(chunks_of_rows(file)?);
    Ok(Measured { time, bytes: x.size_in_memory(false), check: sum(&x)?, inflated })
}

fn pass(file: &str) -> Result<Measured> {
    let start = Instant::now();
    let adata = read_lazy(file, &ReadOptions::default())?;
    let x = adata.x().ok_or("no X")?;
    let total = fold_chunks(
        x,
        &ChunkOptions::default().with_memory_limit(128 << 20),
        |_rows, chunk| sum_of(chunk),
        |a, b| Ok(a + b),
    )?;
    let (time, bytes) = (start.elapsed(), size(&adata)?);
    Ok(Measured { time, bytes, check: total.unwrap_or(0.0), inflated: Some(bytes) })
}

fn read(file: &str, dispatched: bool) -> Result<Measured> {
    let (root, options) = (anndata::open(file)?, ElemReadOptions::default());
    let start = Instant::now();
    let element = if dispatched {
        read_dispatched(&root, "", &options, |_| Ok(OnRead::Default))?
    } else {
        read_elem(&root, "", &options)?
    };
    let time = start.elapsed();
    let Element::AnnData(adata) = element else { return Err("it is not an object".into()) };
    let bytes = size(&adata)?;
    Ok(Measured { time, bytes, check: sum(adata.x().ok_or("no X")?)?, inflated: Some(bytes) })
}

fn sum_of(x: &Element) -> anndata::Result<f64> {
    Ok(x.row_sums()?.cast(&anndata::DType::F64)?.as_slice::<f64>()?.iter().sum())
}

fn sum(x: &Element) -> Result<f64> {
    Ok(sum_of(x)?)
}

/// The bytes of the matrix in memory, whether it is there or not.
fn size(adata: &AnnData) -> Result<usize> {
    Ok(adata.x().ok_or("no X")?.size_in_memory(true))
}

fn number(count: usize) -> Result<f64> {
    Ok(f64::from(u32::try_from(count)?))
}
