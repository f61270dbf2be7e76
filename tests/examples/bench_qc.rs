//! The Rust half of `cargo xtask bench qc`: one measurement, printed as one line of JSON.
//!
//! ```text
//! bench_qc chapter FILE OUT [--durable]   read FILE, then time the quality control of the example `qc`, and writing it
//! bench_qc groups FILE                    read FILE, then time the means of groups of cells
//! bench_qc stream FILE                    read FILE, then time reading its matrix once more from memory, on all cores
//! bench_qc variance FILE                  time the variance of each gene of the stored matrix
//! ```

#[path = "../../crates/anndata/examples/qc.rs"]
#[allow(dead_code, reason = "its function `main` is not called")]
mod qc;

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anndata::{AnnData, Element, WriteOptions};
use rayon::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const REPEATS: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (time, bytes, check) = match words.as_slice() {
        ["chapter", file, out] => chapter(file, out, false)?,
        ["chapter", file, out, "--durable"] => chapter(file, out, true)?,
        ["groups", file] => groups(file)?,
        ["stream", file] => stream(file)?,
        ["variance", file] => variance(file)?,
        _ => return Err("see the top of this example for its arguments".into()),
    };
    let line = serde_json::json!({ "seconds": time.as_secs_f64(), "bytes": bytes, "check": check });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn chapter(file: &str, out: &str, durable: bool) -> Result<(Duration, usize, f64)> {
    let mut adata = anndata::read(file)?;
    let bytes = size(&adata)?;
    if std::path::Path::new(out).exists() {
        std::fs::remove_file(out)?;
    }
    let start = Instant::now();
    qc::quality_control(&mut adata)?;
    anndata::write_with(out, &adata, &WriteOptions::default().with_durable(durable))?;
    let time = start.elapsed();
    let variable = adata.var().column("highly_variable")?.to_vec::<bool>()?.into_iter().filter(|own| *own).count();
    let [cells, genes, variable] = [number(adata.n_obs())?, number(adata.n_vars())?, number(variable)?];
    Ok((time, bytes, cells * 1e6 + genes + variable / 1e6))
}

fn groups(file: &str) -> Result<(Duration, usize, f64)> {
    let adata = anndata::read(file)?;
    let mut best = (Duration::MAX, 0.0);
    for _ in 0..REPEATS {
        let start = Instant::now();
        let means = adata.group_by("cell_type")?.mean()?;
        let time = start.elapsed();
        if time < best.0 {
            best = (time, means.as_slice::<f64>()?.iter().sum());
        }
    }
    Ok((best.0, size(&adata)?, best.1))
}

/// What bounds the means of groups: values and indices come from memory once, and nothing else is done with them.
fn stream(file: &str) -> Result<(Duration, usize, f64)> {
    let adata = anndata::read(file)?;
    let Some(Element::Sparse(x)) = adata.x() else { return Err("X is not sparse".into()) };
    let mut best = (Duration::MAX, 0.0);
    for _ in 0..REPEATS {
        let start = Instant::now();
        let (mut sum, mut bytes) = (0_u64, 0);
        for part in [x.data(), x.indices()] {
            let words = part.as_bytes().ok_or("numbers without bytes")?.as_chunks::<8>().0;
            sum ^= words
                .par_chunks(1 << 16)
                .map(|words| words.iter().copied().map(u64::from_ne_bytes).fold(0, u64::wrapping_add))
                .reduce(|| 0, u64::wrapping_add);
            bytes += words.len() * 8;
        }
        let time = start.elapsed();
        std::hint::black_box(sum);
        if time < best.0 {
            best = (time, number(bytes)?);
        }
    }
    Ok((best.0, size(&adata)?, best.1))
}

fn variance(file: &str) -> Result<(Duration, usize, f64)> {
    let start = Instant::now();
    let adata = anndata::read_lazy(file)?;
    let variances = adata.x().ok_or("no X")?.column_variances(1)?;
    let time = start.elapsed();
    Ok((time, size(&adata)?, variances.as_slice::<f64>()?.iter().sum()))
}

/// The bytes of the matrix in memory, whether it is there or not.
fn size(adata: &AnnData) -> Result<usize> {
    Ok(match adata.x() {
        Some(Element::Sparse(x)) => x.data().nbytes() + x.indices().nbytes() + x.indptr().nbytes(),
        _ => adata.size_in_memory(true)?.slot("X"),
    })
}

fn number(count: usize) -> Result<f64> {
    Ok(f64::from(u32::try_from(count)?))
}
