//! Groups, arrays, dtypes and storage traits that anndata's backends implement.
