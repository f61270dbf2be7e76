//! The `anndata` command.
fn main() {}
