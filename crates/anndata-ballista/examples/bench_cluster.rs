//! How much faster two executors answer than one: `cargo xtask bench cluster`.
//!
//! ```text
//! bench_cluster PROGRAM FOLDER ROUNDS     PROGRAM is anndata-cluster; the stores are made in FOLDER
//! ```
//!
//! Two clusters stand on this machine, one with one executor and one with two, each of one core. They are asked in turn; answers are
//! those of this process. Scheduler and client take a part of a core too.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anndata::experimental::Collection;
use anndata::{AnnData, Column, ConcatOptions, DataFrame, Join, Merge, SparseFormat, SparseMatrix, Tensor};
use anndata_ballista::connect;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::prelude::SessionContext;

#[path = "../tests/cluster/launch.rs"]
mod launch;

use launch::Cluster;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The stores, their cells and genes, and how many values each cell has.
const STORES: usize = 20;
const CELLS: usize = 20_000;
const GENES: usize = 2_000;
const VALUES: usize = 100;

/// What is asked: each reads all values of all stores.
const QUERIES: [&str; 2] = [
    "SELECT sum(mean) AS found FROM pseudobulk('kind')",
    "SELECT sum(total) AS found FROM (SELECT var_id, sum(value) AS total FROM d.x GROUP BY var_id)",
];

/// The partitions of a table, of which each executor has half.
const PARTITIONS: usize = 8;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [program, folder, rounds] = arguments.as_slice() else {
        return Err("see the top of this example for its arguments".into());
    };
    let (folder, rounds) = (std::fs::canonicalize(make(Path::new(folder))?)?, rounds.parse::<usize>()?);
    let cells = open(&folder)?;
    let local = SessionContext::new();
    anndata_datafusion::register(&local, "d", &cells)?;
    let mut clusters = Vec::new();
    for executors in [1, 2] {
        let cluster = Cluster::start(Path::new(program), &folder, executors)?;
        let context = connect(&cluster.url, PARTITIONS).await?;
        anndata_datafusion::register(&context, "d", &cells)?;
        clusters.push((cluster, context));
    }
    let mut out = std::io::stdout();
    let cores = std::thread::available_parallelism()?;
    // Fallback: other systems than Linux do not say it like this.
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_else(|_| "unknown\n".to_owned());
    write!(out, "{cores} cores; load before: {load}")?;
    for sql in QUERIES {
        let (expected, _) = ask(&local, sql).await?;
        let mut ratios = Vec::with_capacity(rounds);
        // The first round warms the page cache and is not counted.
        for round in 0..=rounds {
            let mut seconds = Vec::with_capacity(clusters.len());
            for (cluster, context) in &clusters {
                let (found, time) = ask(context, sql).await?;
                if (found - expected).abs() > 1e-6 * expected.abs() {
                    let executors = cluster.executors.len();
                    return Err(format!("{sql} on {executors} executors: found {found}, expected {expected}").into());
                }
                seconds.push(time.as_secs_f64());
            }
            if let (true, [one, two]) = (round > 0, seconds.as_slice()) {
                writeln!(out, "one executor {one:.3} s, two {two:.3} s: {:.2} x", one / two)?;
                ratios.push(one / two);
            }
        }
        ratios.sort_by(f64::total_cmp);
        writeln!(out, "{sql}: two executors are {:.2} x as fast as one", ratios.get(rounds / 2).ok_or("no rounds")?)?;
    }
    Ok(())
}

/// What the query finds, and how long it takes.
async fn ask(context: &SessionContext, sql: &str) -> Result<(f64, Duration)> {
    let start = Instant::now();
    let batches = context.sql(sql).await?.collect().await?;
    let time = start.elapsed();
    let batch = batches.iter().find(|batch| batch.num_rows() > 0).ok_or("no answer")?;
    let found = datafusion::arrow::compute::cast(batch.column(0), &DataType::Float64)?;
    Ok((found.as_primitive::<Float64Type>().value(0), time))
}

fn stores(folder: &Path) -> impl Iterator<Item = (String, PathBuf)> {
    (0..STORES).map(move |store| (format!("s{store}"), folder.join(format!("{store}.h5ad"))))
}

fn open(folder: &Path) -> Result<Collection> {
    let options = ConcatOptions::default().with_join(Join::Outer).with_merge(Merge::Unique);
    Ok(Collection::open(stores(folder), &options, |path: &Path| anndata::open(path))?)
}

/// The folder with the stores, which are made once.
fn make(folder: &Path) -> Result<&Path> {
    std::fs::create_dir_all(folder)?;
    for (seed, (_, path)) in stores(folder).enumerate().filter(|(_, (_, path))| !path.exists()) {
        let data = (0..CELLS * VALUES).map(|at| u8::try_from((at * 7 + at / 1000 * 31 + seed) % 251).map(f32::from));
        let indices = (0..CELLS * VALUES)
            .map(|at| i32::try_from(at % VALUES * (GENES / VALUES) + at / VALUES % (GENES / VALUES)));
        let indptr = (0..=CELLS).map(|row| i32::try_from(row * VALUES));
        let x = SparseMatrix::new(
            SparseFormat::Csr,
            (CELLS, GENES),
            Tensor::from_vec([CELLS * VALUES], data.collect::<std::result::Result<Vec<f32>, _>>()?)?,
            Tensor::from_vec([CELLS * VALUES], indices.collect::<std::result::Result<Vec<i32>, _>>()?)?,
            Tensor::from_vec([CELLS + 1], indptr.collect::<std::result::Result<Vec<i32>, _>>()?)?,
        )?;
        let kinds = (0..CELLS).map(|row| format!("kind {}", (row * 5 + seed) % 30));
        let obs = DataFrame::new((0..CELLS).map(|row| format!("{seed}-{row}")))
            .with_column("kind", Column::categorical_from_strings(kinds)?)?;
        let var = DataFrame::new((0..GENES).map(|gene| format!("g{gene}")));
        anndata::write(&path, &AnnData::builder().obs(obs).var(var).x(x).build()?)?;
    }
    Ok(folder)
}
