//! HDF5 (.h5ad) storage backend of anndata, read and written on all cores.
