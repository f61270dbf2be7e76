//! Reads a selection of a zarr store behind a URL without blocking: features `cloud`.
//!
//! `cargo run --features cloud --example async_remote -- https://host/cells.zarr`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

use anndata::prelude::*;
use anndata::{read_async, read_lazy_async};

/// Runs on any executor: tokio, async-std, or this one, which needs nothing.
fn main() -> Result<()> {
    futures_executor::block_on(async {
        let Some(url) = std::env::args().nth(1) else {
            // Without a URL, a file: read by other threads meanwhile.
            println!("{}", read_async("tests/fixtures/demo.h5ad").await?);
            return Ok(());
        };
        let adata = read_lazy_async(&url).await?;
        println!("{adata}");
        // The requests of all arrays are under way at once.
        let first = adata.select(..100, ..)?.load_async().await?;
        println!("{}", first.obs().head(5)?);
        Ok(())
    })
}
