//! What 10x Genomics writes: HDF5 files and folders of text; and folders of other quantifiers that are like them.

mod folder;
mod h5;
mod names;
mod write;

use anndata_core::{AnnData, DataFrame};
use anndata_storage::Result;

pub use folder::{MtxFolder, TenxMtxOptions, VarNames, read_10x_mtx, read_10x_mtx_with, read_mtx_folder};
pub use h5::{Tenx5Options, read_10x_h5, read_10x_h5_with};
pub use write::{WriteMtxOptions, write_mtx, write_mtx_with};

pub(crate) use h5::is_10x;

/// The value of the column of feature types that is kept if only genes are asked for.
const GENE_EXPRESSION: &str = "Gene Expression";
/// The column of feature types.
const FEATURE_TYPES: &str = "feature_types";

/// The variables whose column has a value, in memory.
fn with_value(adata: &AnnData, column: &str, value: &str) -> Result<AnnData> {
    let mask = adata.var().column(column)?.equals_text(value)?;
    if !mask.contains(&false) {
        return Ok(adata.clone());
    }
    adata.select(.., mask)?.load()
}

/// The distinct values of a column of text, in order of appearance, as they are shown in an error.
fn values_of(var: &DataFrame, column: &str) -> Result<String> {
    let values = var.column(column)?.unique()?.to_labels()?;
    Ok(format!("'{}'", values.join("', '")))
}
