//! The in-memory model of anndata: annotated matrices, data frames, sparse matrices, and their encodings.
