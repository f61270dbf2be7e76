//! Makes an object, writes it in every format, and reads it again.
//!
//! `cargo run --example read_write`

#![allow(clippy::print_stdout, reason = "it shows what it does")]

use anndata::prelude::*;

fn main() -> Result<()> {
    let counts = Tensor::from_vec([3, 4], vec![0_i32, 2, 0, 1, 5, 0, 0, 0, 0, 0, 3, 1])?;
    let adata = AnnData::builder()
        .x(SparseMatrix::from_dense(&counts, SparseFormat::Csr)?)
        .obs(
            DataFrame::new(["c1", "c2", "c3"])
                .with_column("kind", Column::categorical_from_strings(["T", "B", "T"])?)?,
        )
        .var(DataFrame::new(["CD3D", "CD19", "MS4A1", "NKG7"]))
        .obsm("X_pca", Tensor::from_vec([3, 2], vec![0.1_f32, 0.2, 0.3, 0.4, 0.5, 0.6])?)
        .uns("title", "three cells")
        .build()?;

    let folder = std::env::temp_dir().join("anndata-read-write");
    std::fs::create_dir_all(&folder)?;
    for name in ["cells.h5ad", "cells.zarr", "cells.zarr.zip"] {
        let path = folder.join(name);
        write_with(&path, &adata, &WriteOptions::default().with_compression(Compression::Gzip(4)))?;
        assert_eq!(read(&path)?, adata);
        println!("{}\n{}", path.display(), read_lazy(&path)?);
    }
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
