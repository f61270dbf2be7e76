//! Half of `cargo xtask bench layouts|remote`: zarr stores in different chunks and shards, on the disk and behind HTTP; one line of JSON.
//!
//! ```text
//! bench_stores write FILE OUT [CHUNK SHARD]    write FILE as OUT; its sparse matrix in chunks of CHUNK bytes of values, in shards of
//!                                              SHARD bytes (0: none), otherwise as the library chooses
//! bench_stores whole STORE [LATENCY [BANDWIDTH]]   time reading the whole object
//! bench_stores range STORE ...                 time reading a hundredth of the rows, which follow each other
//! bench_stores random STORE ...                time reading a thousand rows in no order
//! ```
//!
//! With a latency in seconds, and a bandwidth in bytes a second, the store is behind an HTTP server on this machine, opening it is timed
//! too, and the line has the number of requests and of round trips. `ANNDATA_PYTHON` names the Python that runs the server.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "the server that tests share")]

#[path = "../../crates/anndata-io-zarr/tests/server/mod.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod server;

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anndata::experimental::read_lazy;
use anndata::storage::ArrayLayout;
use anndata::{AnnData, DType, Element, ReadOptions, Sharding, WriteOptions, ZarrOptions};
use server::Server;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How many rows are read in no order, and the steps between them, modulo all rows.
const ROWS: usize = 1000;
const STEP: usize = 7919;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let line = match words.as_slice() {
        ["write", file, out, layout @ ..] => write(file, out, layout)?,
        [what, store, link @ ..] => read(what, store, link)?,
        _ => return Err("see the top of this example for its arguments".into()),
    };
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn write(file: &str, out: &str, layout: &[&str]) -> Result<serde_json::Value> {
    let adata = anndata::read(file)?;
    let zarr = ZarrOptions::default().with_durable(false);
    let mut options = WriteOptions::default();
    match layout {
        [] => options = options.with_zarr(zarr),
        [chunk, shard] => {
            let (chunk, shard): (u64, u64) = (chunk.parse()?, shard.parse()?);
            let Some(Element::Sparse(x)) = adata.x() else { return Err("X is not a sparse matrix".into()) };
            options = options.with_zarr(if shard == 0 { zarr.with_sharding(Sharding::Off) } else { zarr });
            for (path, values) in [("X/data", x.data()), ("X/indices", x.indices())] {
                let size = u64::try_from(values.dtype().size().ok_or("values without a size")?)?;
                let len = chunk / size;
                let mut layout = ArrayLayout::default().with_chunks([len]);
                if shard != 0 {
                    let there = u64::try_from(values.shape().iter().product::<usize>())?.div_ceil(len);
                    layout = layout.with_shards([len * (shard / chunk).clamp(1, there)]);
                }
                options = options.with_layout(path, layout);
            }
        }
        _ => return Err("a layout is the bytes of a chunk and of a shard".into()),
    }
    let start = Instant::now();
    anndata::write_zarr_with(out, &adata, &options)?;
    Ok(serde_json::json!({ "seconds": start.elapsed().as_secs_f64(), "check": checked(&adata)? }))
}

fn read(what: &str, store: &str, link: &[&str]) -> Result<serde_json::Value> {
    let server = match link {
        [] => None,
        [latency, bandwidth @ ..] => {
            let (store, mut arguments) = (Path::new(store), vec!["--latency", latency]);
            arguments.extend(bandwidth.first().iter().flat_map(|bandwidth| ["--bandwidth", bandwidth]));
            let server = Server::http(store.parent().ok_or("a store without a folder")?, &arguments);
            let name = store.file_name().and_then(|name| name.to_str()).ok_or("a store without a name")?;
            let server = server.ok_or("ANNDATA_PYTHON names no Python")?;
            let url = server.url(name);
            Some((server, url))
        }
    };
    let store = server.as_ref().map_or(store, |(_, url)| url);
    let start = Instant::now();
    let adata = match what {
        "whole" => anndata::read(store)?,
        "range" => {
            let lazy = read_lazy(store, &ReadOptions::default())?;
            let tenth = lazy.n_obs() / 10;
            let rows = tenth..tenth + lazy.n_obs() / 100;
            lazy.select(rows, ..)?.load()?
        }
        "random" => {
            let lazy = read_lazy(store, &ReadOptions::default())?;
            let rows = (0..ROWS).map(|at| u64::try_from(at * STEP % lazy.n_obs()));
            lazy.select(rows.collect::<std::result::Result<Vec<_>, _>>()?, ..)?.load()?
        }
        _ => return Err("see the top of this example for its arguments".into()),
    };
    let seconds = start.elapsed().as_secs_f64();
    let mut found = serde_json::json!({ "seconds": seconds, "check": checked(&adata)? });
    if let Some((server, _)) = &server {
        let stats = server.stats();
        (found["requests"], found["round_trips"]) = (stats.requests.len().into(), stats.round_trips.into());
    }
    Ok(found)
}

/// The sum of the matrix, which all layouts have to find.
fn checked(adata: &AnnData) -> Result<f64> {
    let sums = adata.x().ok_or("no X")?.row_sums()?.cast(&DType::F64)?;
    Ok(sums.as_slice::<f64>()?.iter().sum())
}
