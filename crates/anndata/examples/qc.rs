//! Quality control as in scanpy's tutorial: counts, mitochondrial share, filters, normalization, logarithm, highly
//! variable genes.
//!
//! `cargo run --release --example qc -- counts.h5ad out.h5ad`

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "it shows what it does; genes are few")]

use anndata::Groups;
use anndata::prelude::*;

fn main() -> Result<()> {
    let mut paths = std::env::args().skip(1);
    let input = paths.next().unwrap_or_else(|| "tests/fixtures/demo.h5ad".to_owned());
    let output = paths.next().map_or_else(|| std::env::temp_dir().join("qc.h5ad"), Into::into);
    let mut adata = read(&input)?;
    if let Some(counts) = adata.layer(Some("counts")).cloned() {
        adata.set_x(counts)?;
    }
    quality_control(&mut adata)?;
    write(&output, &adata)?;
    println!("{adata}\n{}", adata.obs().head(5)?);
    Ok(())
}

/// The chapter, from counts in `X`. `cargo xtask bench qc` times it beside scanpy.
pub(crate) fn quality_control(adata: &mut AnnData) -> Result<()> {
    // Counts of each cell, and the share of mitochondrial genes.
    let sums = |adata: &AnnData| adata.x().map_or_else(|| Err(no_counts()), Element::row_sums)?.cast(&DType::F64);
    let mito: Vec<bool> = adata.var_names()?.iter().map(|name| name.starts_with("MT-")).collect();
    let (total, mito) = (sums(adata)?, sums(&adata.select(.., mito)?)?);
    let share = mito.as_slice::<f64>()?.iter().zip(total.as_slice::<f64>()?).map(|(mito, total)| 100.0 * mito / total);
    adata.set_obs_column("pct_counts_mt", share.collect::<Vec<f64>>())?;
    adata.set_obs_column("n_genes_by_counts", adata.x().ok_or_else(no_counts)?.nnz_per_row()?)?;
    adata.set_obs_column("total_counts", Column::try_from(total)?)?;

    // Cells with enough genes, then genes in enough cells.
    let enough = adata.obs().column("n_genes_by_counts")?.at_least(20)?;
    let few_mito = adata.obs().column("pct_counts_mt")?.less_than(20.0)?;
    adata.subset(enough.and(&few_mito)?, ..)?;
    let cells = adata.x().ok_or_else(no_counts)?.nnz_per_column()?;
    adata.subset(.., cells.iter().map(|&cells| cells >= 3).collect::<Vec<bool>>())?;

    // 10,000 counts for each cell. The moments of each gene are those before the logarithm.
    let factors = |totals: &[f64]| totals.iter().map(|&t| if t > 0.0 { 1e4 / t } else { 1.0 }).collect::<Vec<f64>>();
    adata.update_x(|x| {
        *x = x.cast(&DType::F32)?;
        x.scale_rows(&factors(x.row_sums()?.cast(&DType::F64)?.as_slice()?))
    })?;
    let moments = adata.x().ok_or_else(no_counts)?.column_moments()?;
    let (means, variances) = (moments.means()?, moments.variances(1)?);
    adata.update_x(Element::ln_1p)?;

    // Genes of high dispersion, among those of like mean: scanpy's flavor "seurat".
    let moments = means.as_slice::<f64>()?.iter().zip(variances.as_slice::<f64>()?);
    let (means, dispersions): (Vec<f64>, Vec<f64>) = moments
        .map(|(&mean, &variance)| (mean.ln_1p(), if variance > 0.0 { (variance / mean).ln() } else { f64::NAN }))
        .unzip();
    let (low, high) = means.iter().fold((f64::MAX, f64::MIN), |(low, high), &mean| (low.min(mean), high.max(mean)));
    let bin = |mean: &f64| ((mean - low) / (high - low) * 20.0).ceil().clamp(1.0, 20.0);
    let mut normalized = vec![f64::NAN; means.len()];
    for genes in &Groups::of(&means.iter().map(bin).collect::<Vec<f64>>().into())? {
        let genes: Vec<usize> = genes.iter().filter_map(|&gene| usize::try_from(gene).ok()).collect();
        let own: Vec<f64> = genes.iter().map(|&gene| dispersions[gene]).filter(|own| !own.is_nan()).collect();
        let mean = own.iter().sum::<f64>() / own.len() as f64;
        let deviation = (own.iter().map(|own| (own - mean).powi(2)).sum::<f64>() / (own.len() as f64 - 1.0)).sqrt();
        let (mean, deviation) = if own.len() == 1 { (0.0, mean) } else { (mean, deviation) };
        for gene in genes {
            normalized[gene] = (dispersions[gene] - mean) / deviation;
        }
    }
    let variable = means.iter().zip(&normalized).map(|(&mean, &own)| mean > 0.0125 && mean < 3.0 && own > 0.5);
    adata.set_var_column("highly_variable", variable.collect::<Vec<bool>>())?;
    adata.set_var_column("means", means)?;
    adata.set_var_column("dispersions", dispersions)?;
    adata.set_var_column("dispersions_norm", normalized)?;
    Ok(())
}

fn no_counts() -> Error {
    Error::not_found("there are no counts")
}
