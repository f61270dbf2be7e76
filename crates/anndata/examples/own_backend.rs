//! An object in a store that this crate has never heard of: one SQLite file, by the example backend of `anndata-storage`.
//!
//! `cargo run --example own_backend -- cells.h5ad cells.sqlite`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

#[path = "../../anndata-storage/examples/sqlite/store.rs"]
#[allow(unreachable_pub, reason = "elsewhere it is a crate of its own")]
mod store;

use std::sync::Arc;

use anndata::prelude::*;
use store::SqliteStore;

fn main() -> Result<()> {
    let mut paths = std::env::args().skip(1);
    let input = paths.next().unwrap_or_else(|| "tests/fixtures/demo.h5ad".to_owned());
    let output = paths.next().map_or_else(|| std::env::temp_dir().join("cells.sqlite"), Into::into);

    // Whatever implements `Storage` is written to and read from as a file is, block by block.
    let root = Group::root(Arc::new(SqliteStore::open_rw(&output)?));
    io::write_anndata(&root, &read_lazy(&input)?, &io::ElemWriteOptions::default())?;

    let back = io::read_anndata(&Group::root(Arc::new(SqliteStore::open(&output)?)), &io::ElemReadOptions::default())?;
    assert_eq!(back, read(&input)?);
    println!("{back}");
    Ok(())
}
