//! The Rust half of `cargo xtask bench small`: one measurement, printed as one line of JSON.
//!
//! ```text
//! bench_small open PATH        time opening PATH lazily
//! bench_small read PATH        time reading PATH
//! bench_small write PATH OUT   read PATH, then time writing it to OUT
//! bench_small append N PATH    make a CSR matrix at PATH, then time appending N times a hundred rows to it
//! ```

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anndata::{AnnData, DType, SparseDataset, SparseFormat, SparseMatrix, Tensor, WriteOptions, open_rw};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The matrix that rows are appended to: rows at a time, and variables.
const ROWS: usize = 100;
const VARIABLES: usize = 2_000;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (time, check) = match words.as_slice() {
        ["open", path] => open(path)?,
        ["read", path] => read(path)?,
        ["write", path, out] => write(path, out)?,
        ["append", times, path] => append(times.parse()?, path)?,
        _ => return Err("see the top of this example for its arguments".into()),
    };
    let line = serde_json::json!({ "seconds": time.as_secs_f64(), "bytes": 1, "check": check });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn open(path: &str) -> Result<(Duration, f64)> {
    let start = Instant::now();
    let adata = anndata::read_lazy(path)?;
    let time = start.elapsed();
    let count = adata.obs().column_names().len() + adata.uns().len();
    Ok((time, u32::try_from(count)?.into()))
}

fn read(path: &str) -> Result<(Duration, f64)> {
    let start = Instant::now();
    let adata = anndata::read(path)?;
    let time = start.elapsed();
    Ok((time, sum(&adata)?))
}

fn write(path: &str, out: &str) -> Result<(Duration, f64)> {
    let adata = anndata::read(path)?;
    let start = Instant::now();
    anndata::write_with(out, &adata, &WriteOptions::default().with_durable(false).with_overwrite(true))?;
    let time = start.elapsed();
    Ok((time, sum(&anndata::read(out)?)?))
}

/// All numbers of `obs` and `uns`.
fn sum(adata: &AnnData) -> Result<f64> {
    let columns = adata.obs().columns().map(|(name, _)| Ok(adata.obs().column(name)?.to_tensor()?));
    let elements = adata.uns().iter().map(|(_, element)| Ok(element.to_tensor()?));
    let numbers = |tensor: Result<Tensor>| Ok(tensor?.cast(&DType::F64)?.as_slice::<f64>()?.iter().sum::<f64>());
    columns.chain(elements).map(numbers).sum()
}

fn append(times: usize, path: &str) -> Result<(Duration, f64)> {
    let rows = rows()?;
    let adata = AnnData::builder().x(rows.clone()).build()?;
    anndata::write_with(path, &adata, &WriteOptions::default().with_durable(false).with_overwrite(true))?;
    let root = open_rw(path)?;
    let mut stored = SparseDataset::open(&root, "X")?;
    let start = Instant::now();
    for _ in 0..times {
        stored.append(&rows)?;
    }
    let time = start.elapsed();
    let (found, _) = stored.shape();
    let last = stored.select(found - ROWS.., ..)?;
    if last != rows {
        return Err("the last rows are not those that were appended".into());
    }
    Ok((time, u32::try_from(found)?.into()))
}

/// A hundred rows of a hundred values each.
fn rows() -> Result<SparseMatrix> {
    let offsets: Vec<i32> = (0..=ROWS).map(|row| i32::try_from(row * 100)).collect::<std::result::Result<_, _>>()?;
    let columns = (0..ROWS).flat_map(|row| (0..100).map(move |at| (row + at * 19) % VARIABLES).collect::<Vec<_>>());
    let mut columns: Vec<i32> = columns.map(i32::try_from).collect::<std::result::Result<_, _>>()?;
    columns.chunks_mut(100).for_each(<[i32]>::sort_unstable);
    let [values, indices, offsets] = [
        Tensor::from_vec([columns.len()], vec![1.5_f32; columns.len()])?,
        Tensor::from_vec([columns.len()], columns)?,
        Tensor::from_vec([offsets.len()], offsets)?,
    ];
    Ok(SparseMatrix::new(SparseFormat::Csr, (ROWS, VARIABLES), values, indices, offsets)?)
}
