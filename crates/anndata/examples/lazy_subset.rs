//! Reads only what is needed of a file, and writes it to another.
//!
//! `cargo run --example lazy_subset -- cells.h5ad subset.zarr`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

use anndata::prelude::*;

fn main() -> Result<()> {
    let mut paths = std::env::args().skip(1);
    let input = paths.next().unwrap_or_else(|| "tests/fixtures/demo.h5ad".to_owned());
    let output = paths.next().map_or_else(|| std::env::temp_dir().join("subset.zarr"), Into::into);

    // Metadata alone: a file of any size opens at once.
    let adata = read_lazy(&input)?;
    println!("{adata}");

    // One column is read for the condition, and nothing for the selection.
    let many_genes = adata.obs().column("n_genes")?.greater_than(100)?;
    let view = adata.select(many_genes, ..50)?;
    println!("{} of {} cells are selected", view.n_obs(), adata.n_obs());

    // Now the selected rows and columns of each matrix are read, and no others.
    write(&output, &view)?;
    println!("{}", read_lazy(&output)?);
    Ok(())
}
