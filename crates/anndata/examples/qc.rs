//! Quality control as in scanpy's tutorial: counts, mitochondrial share, filters, normalization, logarithm, highly
//! variable genes.
//!
//! `cargo run --release --example qc -- counts.h5ad out.h5ad`

use anndata::prelude::*;

fn main() -> Result<()> {
    let mut paths = std::env::args().skip(1);
    let input = paths.next().unwrap_or_else(|| "tests/fixtures/demo.h5ad".to_owned());
    let output = paths.next().map_or_else(|| std::env::temp_dir().join("qc.h5ad"), Into::into);
    let mut adata = read(&input)?;
    if let Some(counts) = adata.layer(Some("counts")).cloned() {
        adata.set_x(counts)?;
    }

    // Counts of each cell, and the share of mitochondrial genes.
    let x = adata.x().cloned().ok_or_else(|| Error::not_found("there are no counts"))?;
    let total = x.row_sums()?.cast(&DType::F64)?;
    let mito: Vec<bool> = adata.var_names()?.iter().map(|name| name.starts_with("MT-")).collect();
    let mito = adata.select(.., mito)?.x().map(Element::row_sums).transpose()?.unwrap_or_else(|| total.clone());
    let mito = mito.cast(&DType::F64)?;
    let share = mito.as_slice::<f64>()?.iter().zip(total.as_slice::<f64>()?).map(|(mito, total)| 100.0 * mito / total);
    adata.set_obs_column("pct_counts_mt", share.collect::<Vec<f64>>())?;
    adata.set_obs_column("n_genes_by_counts", x.nnz_per_row()?)?;
    adata.set_obs_column("total_counts", Column::try_from(total)?)?;

    // Cells with enough genes, then genes in enough cells.
    let enough = adata.obs().column("n_genes_by_counts")?.at_least(20)?;
    let few_mito = adata.obs().column("pct_counts_mt")?.less_than(20.0)?;
    adata.subset(enough.and(&few_mito)?, ..)?;
    let cells = adata.x().map_or(Ok(Vec::new()), Element::nnz_per_column)?;
    adata.subset(.., cells.iter().map(|&cells| cells >= 3).collect::<Vec<bool>>())?;

    // 10,000 counts for each cell, and the logarithm.
    let totals = adata.x().map_or(Ok(Tensor::zeros(&DType::F64, [0])?), Element::row_sums)?.cast(&DType::F64)?;
    let factors: Vec<f64> =
        totals.as_slice::<f64>()?.iter().map(|&total| if total > 0.0 { 1e4 / total } else { 1.0 }).collect();
    adata.update_x(|x| {
        *x = x.cast(&DType::F32)?;
        x.scale_rows(&factors)?;
        x.ln_1p()
    })?;

    write(&output, &adata)?;
    println!("{adata}\n{}", adata.obs().head(5)?);
    Ok(())
}
