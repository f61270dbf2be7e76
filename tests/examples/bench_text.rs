//! The Rust half of `cargo xtask bench text`: one measurement, printed as one line of JSON.
//!
//! ```text
//! bench_text mtx FILE         time `read_mtx`
//! bench_text 10x_mtx FOLDER   time `read_10x_mtx`
//! bench_text 10x_h5 FILE      time `read_10x_h5`
//! bench_text csv FILE         time `read_csv`
//! ```

use std::error::Error;
use std::io::Write as _;
use std::time::Instant;

use anndata::{AnnData, DType, Element, text};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (read, path): (fn(&str) -> anndata::Result<AnnData>, &str) = match words.as_slice() {
        ["mtx", path] => (|path| text::read_mtx(path), path),
        ["10x_mtx", path] => (|path| text::read_10x_mtx(path), path),
        ["10x_h5", path] => (|path| text::read_10x_h5(path), path),
        ["csv", path] => (|path| text::read_csv(path), path),
        _ => return Err("see the top of this example for its arguments".into()),
    };
    let start = Instant::now();
    let adata = read(path)?;
    let time = start.elapsed();
    let (bytes, values) = match adata.x() {
        Some(Element::Sparse(x)) => (x.data().nbytes() + x.indices().nbytes() + x.indptr().nbytes(), x.data().clone()),
        Some(x) => {
            let x = x.to_tensor()?;
            let len = x.len();
            (x.nbytes(), x.reshape([len])?)
        }
        None => return Err("no X".into()),
    };
    let len = values.len() as u64;
    let mut sum = 0.0;
    // By blocks, as the memory of the process is measured as well.
    for start in (0..len).step_by(1 << 20) {
        let block = values.select(&[(start..len.min(start + (1 << 20))).into()])?;
        sum += block.cast(&DType::F64)?.as_slice::<f64>()?.iter().sum::<f64>();
    }
    let line = serde_json::json!({ "seconds": time.as_secs_f64(), "bytes": bytes, "check": sum });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
