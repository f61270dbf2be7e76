//! Rewrites an object that may be larger than memory as a sharded zarr store, and reports the progress.
//!
//! `cargo run --release --example convert_atlas -- atlas.h5ad atlas.zarr`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anndata::node::Progress;
use anndata::prelude::*;

fn main() -> Result<()> {
    let mut paths = std::env::args().skip(1);
    let input = paths.next().unwrap_or_else(|| "tests/fixtures/demo.h5ad".to_owned());
    let output = paths.next().map_or_else(|| std::env::temp_dir().join("atlas.zarr"), Into::into);

    let written = Arc::new(AtomicU64::new(0));
    let seen = Arc::clone(&written);
    let progress = Progress::new(move |bytes| {
        seen.fetch_add(bytes, Ordering::Relaxed);
    });
    let options = ConvertOptions::default()
        .with_write(WriteOptions::default().with_compression(Compression::Zstd(3)).with_progress(progress))
        .with_overwrite(true)
        .with_memory_limit(256 << 20);
    for note in convert(&input, &output, &options)?.notes {
        println!("{}: {}", note.path, note.message);
    }
    println!("{} MB of values were written", written.load(Ordering::Relaxed) >> 20);
    println!("{}", read_lazy(&output)?);
    Ok(())
}
