//! The Rust half of `cargo xtask bench concat`: one measurement, printed as one line of JSON.
//!
//! ```text
//! bench_concat same|outer|inner FOLDER     read ten objects, then time concatenating them
//! ```
//!
//! The size that is printed is that of inputs and output together, which is what memory is needed for.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anndata::{AnnData, ConcatOptions, Element, Join, Merge};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, folder] = arguments.as_slice() else {
        return Err("see the top of this example for its arguments".into());
    };
    let (files, join) = match what.as_str() {
        "same" => ("same", Join::Inner),
        "outer" => ("part", Join::Outer),
        "inner" => ("part", Join::Inner),
        _ => return Err("see the top of this example for its arguments".into()),
    };
    let file = |i: usize| Path::new(folder).join(format!("concat-{files}-{i}.h5ad"));
    let objects = (0..10).map(|i| anndata::read_h5ad(file(i))).collect::<anndata::Result<Vec<AnnData>>>()?;
    let inputs: Vec<&AnnData> = objects.iter().collect();
    let options = ConcatOptions::default().with_join(join).with_merge(Merge::Same).with_label("batch");
    let start = Instant::now();
    let joined = anndata::concat(&inputs, &options)?;
    let time = start.elapsed();
    let bytes = inputs.iter().map(|input| size(input)).sum::<usize>() + size(&joined);
    let line = serde_json::json!({ "seconds": time.as_secs_f64(), "bytes": bytes });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn size(adata: &AnnData) -> usize {
    match adata.x() {
        Some(Element::Sparse(x)) => x.data().nbytes() + x.indices().nbytes() + x.indptr().nbytes(),
        _ => 0,
    }
}
