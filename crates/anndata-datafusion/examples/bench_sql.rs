//! The Rust half of `cargo xtask bench sql|atlas`: one measurement, printed as one line of JSON.
//!
//! ```text
//! bench_sql groups FILE        cells and mean depth of each cell type, from the file
//! bench_sql pseudobulk FILE    mean and fraction of each gene in each group, from the file
//! bench_sql rows FILE          the sum of the values of 1 % of the rows; bytes is what was read, check the bytes of their chunks
//! bench_sql count FILE         the number of stored values; bytes is what was read
//! bench_sql atlas FOLDER N     makes N thin stores in FOLDER, opens them, asks for the cells of each type and for a pseudobulk
//! ```

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anndata::experimental::Collection;
use anndata::{AnnData, Column, ConcatOptions, DataFrame, Join, Merge, SparseFormat, SparseMatrix, Tensor};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_cast::cast;
use arrow_schema::DataType;
use datafusion::prelude::SessionContext;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let line = match words.as_slice() {
        ["groups", file] => groups(file).await?,
        ["pseudobulk", file] => pseudobulk(file).await?,
        ["rows", file] => rows(file).await?,
        ["count", file] => count(file).await?,
        ["atlas", folder, n] => atlas(Path::new(folder), n.parse()?).await?,
        _ => return Err("see the top of this example for its arguments".into()),
    };
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn open(stores: impl IntoIterator<Item = (String, PathBuf)>) -> Result<(Collection, SessionContext)> {
    let options = ConcatOptions::default().with_join(Join::Outer).with_merge(Merge::Unique);
    let collection = Collection::open(stores, &options, |path: &Path| anndata::open(path))?;
    let context = SessionContext::new();
    anndata_datafusion::register(&context, "d", &collection)?;
    Ok((collection, context))
}

/// The sum of a column of the answer.
async fn sum(context: &SessionContext, sql: &str, column: &str) -> Result<f64> {
    let batches = context.sql(sql).await?.collect().await?;
    let mut sum = 0.0;
    for batch in batches {
        let values = cast(batch.column_by_name(column).ok_or("no such column")?, &DataType::Float64)?;
        sum += values.as_primitive::<Float64Type>().iter().flatten().sum::<f64>();
    }
    Ok(sum)
}

fn measured(time: Duration, bytes: u64, check: f64) -> Value {
    json!({ "seconds": time.as_secs_f64(), "bytes": bytes, "check": check })
}

async fn groups(file: &str) -> Result<Value> {
    let start = Instant::now();
    let (collection, context) = open([("a".to_owned(), file.into())])?;
    let sql = "SELECT cell_type, count(*) AS n, avg(depth) AS mean FROM d.obs GROUP BY cell_type";
    let check = sum(&context, sql, "mean").await?;
    Ok(measured(start.elapsed(), collection.n_obs() as u64 * 12, check))
}

async fn pseudobulk(file: &str) -> Result<Value> {
    let start = Instant::now();
    let (_, context) = open([("a".to_owned(), file.into())])?;
    let check = sum(&context, "SELECT mean FROM pseudobulk('group')", "mean").await?;
    let time = start.elapsed();
    Ok(measured(time, std::fs::metadata(file)?.len(), check))
}

/// The bytes that this process has read from files.
fn bytes_read() -> Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("rchar: ")).ok_or("no rchar")?;
    Ok(line.parse()?)
}

async fn rows(file: &str) -> Result<Value> {
    let (collection, context) = open([("a".to_owned(), file.into())])?;
    let n = collection.n_obs() as u64;
    let (from, to) = (n / 2, n / 2 + n / 100);
    let before = bytes_read()?;
    let start = Instant::now();
    let sql = format!("SELECT sum(value) AS sum FROM d.x WHERE obs_id >= {from} AND obs_id < {to}");
    sum(&context, &sql, "sum").await?;
    let (time, read) = (start.elapsed(), bytes_read()? - before);
    // What the chunks of these rows take in the file.
    let root = anndata::open(file)?;
    let offsets = root.array("X/indptr")?.read()?.cast(&anndata::DType::I64)?;
    let offsets = offsets.as_slice::<i64>()?;
    let (first, last) =
        (u64::try_from(offsets[usize::try_from(from)?])?, u64::try_from(offsets[usize::try_from(to)?])?);
    let mut chunks = 0.0;
    for name in ["X/data", "X/indices"] {
        let array = root.array(name)?;
        let (len, stored) = (array.spec().shape[0], array.stored_bytes()?.ok_or("no size")?);
        let chunk = array.spec().chunks.as_ref().map_or(len, |chunks| chunks[0]);
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        let share = ((last.div_ceil(chunk) - first / chunk) * chunk).min(len) as f64 / len as f64;
        #[expect(clippy::cast_precision_loss, reason = "a ratio")]
        let stored = stored as f64;
        chunks += stored * share;
    }
    Ok(measured(time, read, chunks))
}

async fn count(file: &str) -> Result<Value> {
    let (_, context) = open([("a".to_owned(), file.into())])?;
    let before = bytes_read()?;
    let start = Instant::now();
    let batches = context.sql("SELECT count(*) AS n FROM d.x").await?.collect().await?;
    let (time, read) = (start.elapsed(), bytes_read()? - before);
    let n = batches.first().ok_or("no rows")?.column(0).as_primitive::<Int64Type>().value(0);
    #[expect(clippy::cast_precision_loss, reason = "a check")]
    let n = n as f64;
    Ok(measured(time, read, n))
}

/// Resident memory in bytes.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? * 1024)
}

fn open_files() -> Result<usize> {
    Ok(std::fs::read_dir("/proc/self/fd")?.count())
}

async fn atlas(folder: &Path, n: usize) -> Result<Value> {
    const CELLS: usize = 100;
    const GENES: usize = 200;
    std::fs::create_dir_all(folder)?;
    let mut stores = Vec::with_capacity(n);
    for store in 0..n {
        let path = folder.join(format!("{store}.h5ad"));
        if !path.exists() {
            let values = (0..CELLS * GENES).map(|at| u8::from((at * 31 + store) % 20 == 0));
            let x = Tensor::from_vec([CELLS, GENES], values.map(f32::from).collect())?;
            let kinds = (0..CELLS).map(|row| ["T", "B", "NK", "mono"][(row + store) % 4]);
            let obs = DataFrame::new((0..CELLS).map(|row| format!("{store}-{row}")))
                .with_column("cell_type", Column::categorical_from_strings(kinds)?)?;
            let adata = AnnData::builder()
                .obs(obs)
                .var(DataFrame::new((0..GENES).map(|gene| format!("gene{gene}"))))
                .x(SparseMatrix::from_dense(&x, SparseFormat::Csr)?)
                .build()?;
            anndata::write(&path, &adata)?;
        }
        stores.push((store.to_string(), path));
    }
    let (before, start) = (resident()?, Instant::now());
    let (_collection, context) = open(stores)?;
    let opened = start.elapsed();
    let resident_open = resident()?.saturating_sub(before);
    let open_descriptors = open_files()?;
    let start = Instant::now();
    let sql = "SELECT cell_type, count(*) AS n FROM d.obs GROUP BY cell_type";
    let cells = sum(&context, sql, "n").await?;
    let grouped = start.elapsed();
    let start = Instant::now();
    let mean = sum(&context, "SELECT mean FROM pseudobulk('cell_type')", "mean").await?;
    let summed = start.elapsed();
    Ok(json!({
        "stores": n,
        "cells": cells,
        "check": mean,
        "open_seconds": opened.as_secs_f64(),
        "open_bytes": resident_open,
        "open_files": open_descriptors,
        "group_by_seconds": grouped.as_secs_f64(),
        "pseudobulk_seconds": summed.as_secs_f64(),
        "resident_bytes": resident()?,
    }))
}
