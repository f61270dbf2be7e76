//! Means of genes in groups of cells.
//!
//! `cargo run --example groupby -- cells.h5ad cell_type means.h5ad`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

use anndata::Aggregate;
use anndata::prelude::*;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let input = arguments.next().unwrap_or_else(|| "tests/fixtures/demo.h5ad".to_owned());
    let column = arguments.next().unwrap_or_else(|| "cell_type".to_owned());

    let adata = read_lazy(&input)?;
    let (kinds, counts) = adata.obs().column(&column)?.value_counts()?;
    for (kind, count) in kinds.to_vec::<String>()?.iter().zip(counts) {
        println!("{kind:>20} {count}");
    }

    // X is read block by block; the result has a row for each group.
    let groups = adata.group_by(&column)?.aggregate(&[Aggregate::Mean, Aggregate::CountNonzero])?;
    println!("{groups}");
    let means = groups.layer(Some("mean")).ok_or_else(|| Error::not_found("no means"))?.to_tensor()?;
    println!("{means}");
    if let Some(output) = arguments.next() {
        write(output, &groups)?;
    }
    Ok(())
}
