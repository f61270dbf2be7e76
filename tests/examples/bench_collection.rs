//! The Rust half of `cargo xtask bench collection|concat-on-disk`: one measurement, printed as one line of JSON.
//!
//! ```text
//! bench_collection make FOLDER            a thousand small .h5ad files, `concat-same-*` as zarr, and forty inputs of 4 GiB
//! bench_collection open FOLDER            time opening the thousand as one collection
//! bench_collection rows FOLDER            open ten objects as a collection, then time reading 512 rows of it, in no order
//! bench_collection same|outer FOLDER OUT [--durable]
//!                                         time concatenating ten objects on disk
//! bench_collection rectilinear FOLDER OUT the same of zarr stores, whose chunks are copied as they are
//! bench_collection copy FOLDER OUT        time `cp -r` of these stores
//! bench_collection large FOLDER OUT       concatenate 4 GiB of values from forty files
//! ```
//!
//! `bench_concat.py make` makes the ten objects.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anndata::experimental::{Collection, Grid, OnDiskOptions, concat_on_disk};
use anndata::{
    AnnData, ConcatOptions, DataFrame, Element, Join, Merge, SparseFormat, SparseMatrix, Tensor, WriteOptions,
    ZarrOptions,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The stores of one collection, their cells and genes.
const STORES: usize = 1000;
const SMALL: (usize, usize) = (200, 500);

/// How many rows are read, and the steps between them, modulo all rows.
const ROWS: usize = 512;
const STEP: usize = 7919;

/// The inputs of the large concatenation, their cells, genes and values a cell: 4 GiB in all.
const INPUTS: usize = 40;
const LARGE: (usize, usize, usize) = (33_554, 20_000, 400);

/// What values on their way may take, so that the whole process stays below 256 MiB.
const MEMORY: u64 = 192 << 20;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (time, bytes, check) = match words.as_slice() {
        ["make", folder] => make(Path::new(folder))?,
        ["open", folder] => open(Path::new(folder))?,
        ["rows", folder] => rows(Path::new(folder))?,
        ["same", folder, out, options @ ..] => {
            on_disk(&ten(folder, "same", "h5ad"), out, Join::Inner, &written(!options.is_empty()))?
        }
        ["outer", folder, out, options @ ..] => {
            on_disk(&ten(folder, "part", "h5ad"), out, Join::Outer, &written(!options.is_empty()))?
        }
        ["rectilinear", folder, out] => {
            let options = written(false).with_grid(Grid::Rectilinear);
            on_disk(&ten(folder, "same", "zarr"), out, Join::Inner, &options)?
        }
        ["copy", folder, out] => copy(&ten(folder, "same", "zarr"), out)?,
        ["large", folder, out] => {
            let inputs: Vec<PathBuf> = (0..INPUTS).map(|at| large(folder, at)).collect();
            on_disk(&inputs, out, Join::Inner, &written(false).with_memory_limit(MEMORY))?
        }
        _ => return Err("see the top of this example for its arguments".into()),
    };
    let line = serde_json::json!({ "seconds": time.as_secs_f64(), "bytes": bytes, "check": check });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn small(folder: &Path, at: usize) -> PathBuf {
    folder.join("thousand").join(format!("{at}.h5ad"))
}

fn ten(folder: &str, kind: &str, extension: &str) -> Vec<PathBuf> {
    (0..10).map(|at| Path::new(folder).join(format!("concat-{kind}-{at}.{extension}"))).collect()
}

fn large(folder: impl AsRef<Path>, at: usize) -> PathBuf {
    folder.as_ref().join("large").join(format!("{at}.h5ad"))
}

fn make(folder: &Path) -> Result<(Duration, usize, f64)> {
    let start = Instant::now();
    for name in ["thousand", "large"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    let (cells, genes) = SMALL;
    for at in 0..STORES {
        anndata::write(small(folder, at), &object(at, cells, genes, 20)?)?;
    }
    for (from, to) in
        ten(&folder.to_string_lossy(), "same", "h5ad").iter().zip(ten(&folder.to_string_lossy(), "same", "zarr"))
    {
        let options = WriteOptions::default().with_zarr(ZarrOptions::default());
        anndata::write_with(&to, &anndata::read(from)?, &options)?;
    }
    let (cells, genes, values) = LARGE;
    for at in 0..INPUTS {
        anndata::write(large(folder, at), &object(at, cells, genes, values)?)?;
    }
    Ok((start.elapsed(), 1, 0.0))
}

/// An object with so many values a cell, whose places and values depend on a number.
fn object(number: usize, cells: usize, genes: usize, values: usize) -> Result<AnnData> {
    let strip = genes / values;
    let mut state = u32::try_from(number)?.wrapping_mul(0x9e37_79b9) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    let (mut indices, mut data) = (Vec::new(), Vec::new());
    for _ in 0..cells {
        for at in 0..values {
            let random = next();
            indices.push(i32::try_from(at * strip + usize::try_from(random)? % strip)?);
            data.push(f32::from(u8::try_from(random >> 28)? + 1));
        }
    }
    let indptr = (0..=cells).map(|cell| i32::try_from(cell * values)).collect::<std::result::Result<Vec<_>, _>>()?;
    let vector = |len: usize, values: Vec<i32>| Tensor::from_vec([len], values);
    let nnz = data.len();
    let x = SparseMatrix::new(
        SparseFormat::Csr,
        (cells, genes),
        Tensor::from_vec([nnz], data)?,
        vector(nnz, indices)?,
        vector(cells + 1, indptr)?,
    )?;
    let names = |what: &str, count: usize| (0..count).map(|at| format!("{what}{at}")).collect::<Vec<_>>();
    let obs = DataFrame::new(names(&format!("s{number}-"), cells))
        .with_column("row", (0..cells as u64).collect::<Vec<_>>())?;
    Ok(AnnData::builder().x(x).obs(obs).var(DataFrame::new(names("gene", genes))).build()?)
}

fn keyed(paths: impl IntoIterator<Item = PathBuf>) -> impl Iterator<Item = (String, PathBuf)> {
    paths.into_iter().enumerate().map(|(at, path)| (at.to_string(), path))
}

fn open(folder: &Path) -> Result<(Duration, usize, f64)> {
    let start = Instant::now();
    let collection =
        Collection::open(keyed((0..STORES).map(|at| small(folder, at))), &ConcatOptions::default(), |path| {
            anndata::open(path)
        })?;
    let time = start.elapsed();
    Ok((time, 1, number(collection.n_obs())? * 1e6 + number(collection.n_vars())?))
}

fn rows(folder: &Path) -> Result<(Duration, usize, f64)> {
    let paths = ten(&folder.to_string_lossy(), "same", "h5ad");
    let collection = Collection::open(keyed(paths), &ConcatOptions::default(), |path| anndata::open(path))?;
    let rows: Vec<u64> =
        (0..ROWS).map(|at| u64::try_from(at * STEP % collection.n_obs())).collect::<std::result::Result<_, _>>()?;
    let start = Instant::now();
    let x = collection.select(rows, ..)?.x().ok_or("no X")?.load()?;
    let time = start.elapsed();
    let sum = x.row_sums()?.cast(&anndata::DType::F64)?.as_slice::<f64>()?.iter().sum();
    Ok((time, x.size_in_memory(false), sum))
}

/// Options that say whether the time includes that of the disk.
fn written(durable: bool) -> OnDiskOptions {
    OnDiskOptions::default().with_write(WriteOptions::default().with_durable(durable))
}

fn on_disk(inputs: &[PathBuf], out: &str, join: Join, options: &OnDiskOptions) -> Result<(Duration, usize, f64)> {
    let concat = ConcatOptions::default().with_join(join).with_merge(Merge::Same).with_label("batch");
    let start = Instant::now();
    let report = concat_on_disk(keyed(inputs.to_vec()), out, &options.clone().with_concat(concat))?;
    let time = start.elapsed();
    let adata = anndata::read_lazy(out)?;
    let (Some(Element::Lazy(_)), shape) = (adata.x(), adata.shape()) else { return Err("no X".into()) };
    Ok((time, usize::try_from(report.bytes_written)?, number(shape.0)? * 1e6 + number(shape.1)?))
}

fn copy(inputs: &[PathBuf], out: &str) -> Result<(Duration, usize, f64)> {
    std::fs::create_dir_all(out)?;
    let start = Instant::now();
    let status = Command::new("cp").arg("-r").args(inputs).arg(out).status()?;
    let time = start.elapsed();
    if status.success() { Ok((time, 1, 0.0)) } else { Err("cp failed".into()) }
}

fn number(count: usize) -> Result<f64> {
    Ok(f64::from(u32::try_from(count)?))
}
