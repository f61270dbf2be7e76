//! Annotated data matrices in memory and on disk: anndata for Rust.
