//! Concatenates objects, with a label that says where each cell is from.
//!
//! `cargo run --example concat -- a.h5ad b.h5ad`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

use anndata::prelude::*;
use anndata::{Join, Merge};

fn main() -> Result<()> {
    let paths: Vec<String> = std::env::args().skip(1).collect();
    let inputs: Vec<AnnData> = if paths.is_empty() {
        // Two overlapping parts of one object.
        let demo = read("tests/fixtures/demo.h5ad")?;
        vec![demo.select(..100, ..300)?.load()?, demo.select(100..200, 200..)?.load()?]
    } else {
        paths.iter().map(read_lazy).collect::<Result<_>>()?
    };

    let options = ConcatOptions::default()
        .with_join(Join::Outer)
        .with_merge(Merge::Same)
        .with_label("batch")
        .with_index_unique("-");
    let joined = concat(&inputs.iter().collect::<Vec<_>>(), &options)?;
    println!("{joined}");
    println!("{}", joined.obs().head(5)?);
    Ok(())
}
