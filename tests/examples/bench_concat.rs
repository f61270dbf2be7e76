//! The Rust half of `cargo xtask bench concat`: one measurement, printed as one line of JSON.
//!
//! ```text
//! bench_concat same|outer|inner FOLDER     read ten objects, then time concatenating them
//! bench_concat limit FOLDER                read the ten of `same`, then time copying their values and indices, with
//!                                          nothing else done: what no concatenation that copies can beat
//! ```
//!
//! The size that is printed is that of inputs and output together, which is what memory is needed for.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anndata::storage::AlignedBytes;
use anndata::{AnnData, ConcatOptions, Element, Join, Merge};
use rayon::prelude::*;

/// Bytes that a task copies.
const PIECE: usize = 1 << 19;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, folder] = arguments.as_slice() else {
        return Err("see the top of this example for its arguments".into());
    };
    let (files, join) = match what.as_str() {
        "same" | "limit" => ("same", Join::Inner),
        "outer" => ("part", Join::Outer),
        "inner" => ("part", Join::Inner),
        _ => return Err("see the top of this example for its arguments".into()),
    };
    let file = |i: usize| Path::new(folder).join(format!("concat-{files}-{i}.h5ad"));
    let objects = (0..10).map(|i| anndata::read_h5ad(file(i))).collect::<anndata::Result<Vec<AnnData>>>()?;
    let inputs: Vec<&AnnData> = objects.iter().collect();
    let start = Instant::now();
    let joined = if what == "limit" {
        copied(&inputs)?
    } else {
        let options = ConcatOptions::default().with_join(join).with_merge(Merge::Same).with_label("batch");
        size(&anndata::concat(&inputs, &options)?)
    };
    let time = start.elapsed();
    let bytes = inputs.iter().map(|input| size(input)).sum::<usize>() + joined;
    let line = serde_json::json!({ "seconds": time.as_secs_f64(), "bytes": bytes });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Values and indices of all matrices, copied into new memory on all cores. Gives their size.
fn copied(inputs: &[&AnnData]) -> Result<usize> {
    let matrices = inputs.iter().filter_map(|input| match input.x() {
        Some(Element::Sparse(x)) => Some(x),
        _ => None,
    });
    let parts: (Vec<&[u8]>, Vec<&[u8]>) =
        matrices.filter_map(|x| Some((x.data().as_bytes()?, x.indices().as_bytes()?))).unzip();
    let mut size = 0;
    for parts in [parts.0, parts.1] {
        let mut all = AlignedBytes::try_zeroed(parts.iter().map(|part| part.len()).sum())?;
        let mut free = all.as_mut_slice();
        let mut pairs = Vec::new();
        for piece in parts.iter().flat_map(|part| part.chunks(PIECE)) {
            pairs.push((piece, free.split_off_mut(..piece.len()).ok_or("no room")?));
        }
        pairs.into_par_iter().for_each(|(from, to)| to.copy_from_slice(from));
        size += std::hint::black_box(all.as_slice()).len();
    }
    Ok(size)
}

fn size(adata: &AnnData) -> usize {
    match adata.x() {
        Some(Element::Sparse(x)) => x.data().nbytes() + x.indices().nbytes() + x.indptr().nbytes(),
        _ => 0,
    }
}
