//! Reads an `.h5ad` through published crates: the object with `anndata-rs`, its matrix with the traits of `anndata-storage`.

use std::error::Error;

use anndata_storage::{AxisSelection, Group, Tensor};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: downstream FILE.h5ad")?;
    let adata = anndata::read_h5ad(&path)?;
    println!("{adata}");
    let root: Group = anndata::open(&path)?;
    let data: Tensor = match root.array("X") {
        Ok(dense) => dense.read_selection(&[AxisSelection::Range(0..2), AxisSelection::Range(0..2)])?,
        Err(_) => root.array("X/data")?.read_selection(&[AxisSelection::Range(0..4)])?,
    };
    println!("X begins with {} values of {}", data.len(), data.dtype());
    Ok(())
}
