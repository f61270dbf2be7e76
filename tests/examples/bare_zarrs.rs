//! The crate `zarrs` reading the arrays of the matrix, for `cargo xtask bench zarr`: prints one line of JSON.
//!
//! ```text
//! bare_zarrs STORE                                     read the three arrays of the matrix, all at once
//! ```

use std::error::Error;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;
use zarrs::array::{Array, ArrayBytes};
use zarrs::filesystem::FilesystemStore;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let store = std::env::args().nth(1).ok_or("which store?")?;
    let start = Instant::now();
    let store = Arc::new(FilesystemStore::new(store)?);
    let read = |path: &&str| {
        let array = Array::open(Arc::clone(&store), path)?;
        let bytes: ArrayBytes<'_> = array.retrieve_array_subset(&array.subset_all())?;
        Ok(bytes.into_owned())
    };
    let arrays = ["/X/data", "/X/indices", "/X/indptr"].par_iter().map(read).collect::<Result<Vec<_>>>()?;
    let seconds = start.elapsed().as_secs_f64();
    let bytes: usize = arrays.iter().map(ArrayBytes::size).sum();
    let line = serde_json::json!({ "seconds": seconds, "bytes": bytes });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
