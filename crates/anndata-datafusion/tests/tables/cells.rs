//! The stores that the tests ask, and how they ask.

#![expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "small numbers")]

use std::path::Path;

use anndata::experimental::Collection;
use anndata::{AnnData, Column, ConcatOptions, DataFrame, Element, Join, NaValue, SparseFormat, SparseMatrix, Tensor};
use anndata_datafusion::register;
use arrow_array::RecordBatch;
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionConfig, SessionContext};

pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// How a store has its matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    Csr,
    Csc,
    Dense,
}

/// The value of a cell: about a third are not zero.
pub(crate) fn value(store: usize, row: usize, gene: usize) -> f32 {
    let hash = (row * 31 + gene * 17 + store * 7) % 23;
    if hash < 8 { hash as f32 + 0.5 } else { 0.0 }
}

pub(crate) const KINDS: [&str; 4] = ["T", "B", "NK", "mono"];

/// A store of so many cells, with genes `g{first}` and so on.
pub(crate) fn store(number: usize, n_obs: usize, genes: std::ops::Range<usize>, stored: Stored) -> Result<AnnData> {
    let names: Vec<String> = (0..n_obs).map(|row| format!("cell{row}-{number}")).collect();
    let kinds: Vec<Option<&str>> =
        (0..n_obs).map(|row| (row % 7 != 3).then(|| KINDS[(row * 5 + number) % (2 + number % 3)])).collect();
    let missing: Vec<bool> = (0..n_obs).map(|row| row % 5 == 1).collect();
    let ages: Vec<i64> = (0..n_obs).map(|row| (row as i64 * 13 + number as i64) % 90).collect();
    let scores: Vec<f64> = (0..n_obs).map(|row| (row % 11) as f64 / 4.0 - 1.0).collect();
    let donors: Vec<String> = (0..n_obs).map(|row| format!("d{}", (row + number) % 3)).collect();
    let obs = DataFrame::new(names)
        .with_column("kind", Column::categorical_from_options(kinds)?)?
        .with_column("age", Column::nullable(&Tensor::from_vec([n_obs], ages)?, &missing, NaValue::Na)?)?
        .with_column("score", scores)?
        .with_column("donor", Column::strings(donors))?
        .with_column("is_cell", (0..n_obs).map(|row| row % 4 != 0).collect::<Vec<bool>>())?;
    let n_vars = genes.len();
    let symbols: Vec<String> = genes.clone().map(|gene| format!("g{gene}")).collect();
    let var = DataFrame::new(symbols)
        .with_column("marker", genes.clone().map(|gene| gene % 3 == 0).collect::<Vec<bool>>())?;
    let values: Vec<f32> = (0..n_obs).flat_map(|row| genes.clone().map(move |gene| value(number, row, gene))).collect();
    let dense = Tensor::from_vec([n_obs, n_vars], values)?;
    let counts = dense.cast(&anndata::DType::U16)?;
    let x: Element = match stored {
        Stored::Dense => dense.clone().into(),
        Stored::Csr => SparseMatrix::from_dense(&dense, SparseFormat::Csr)?.into(),
        Stored::Csc => SparseMatrix::from_dense(&dense, SparseFormat::Csc)?.into(),
    };
    let pca: Vec<f32> = (0..n_obs * 2).map(|at| at as f32 / 2.0).collect();
    Ok(AnnData::builder()
        .obs(obs)
        .var(var)
        .x(x)
        .layer("counts", SparseMatrix::from_dense(&counts, SparseFormat::Csr)?)
        .obsm("X_pca", Tensor::from_vec([n_obs, 2], pca)?)
        .build()?)
}

/// Three stores: 50, 0 and 31 cells of one, and other genes.
pub(crate) fn stores(stored: [Stored; 3]) -> Result<Vec<(String, AnnData)>> {
    Ok(vec![
        ("one".to_owned(), store(0, 50, 0..6, stored[0])?),
        ("none".to_owned(), store(1, 0, 0..6, stored[1])?),
        ("two".to_owned(), store(2, 31, 2..9, stored[2])?),
    ])
}

pub(crate) fn options() -> ConcatOptions {
    ConcatOptions::default().with_join(Join::Outer).with_merge(anndata::Merge::Unique)
}

/// The stores in memory.
pub(crate) fn in_memory(stored: [Stored; 3]) -> Result<Collection> {
    Ok(Collection::new(stores(stored)?, &options())?)
}

/// The stores in files: HDF5 and zarr by turns.
pub(crate) fn in_files(folder: &Path, stored: [Stored; 3]) -> Result<Collection> {
    let mut places = Vec::new();
    for (at, (key, adata)) in stores(stored)?.into_iter().enumerate() {
        let path = folder.join(format!("{key}.{}", if at % 2 == 0 { "h5ad" } else { "zarr" }));
        anndata::write(&path, &adata)?;
        places.push((key, path));
    }
    Ok(Collection::open(places, &options(), |path: &Path| anndata::open(path))?)
}

/// A session with the tables of a collection, as `d`.
pub(crate) fn session(collection: &Collection, partitions: usize) -> Result<SessionContext> {
    let config = SessionConfig::new().with_target_partitions(partitions);
    let context = SessionContext::new_with_config(config);
    register(&context, "d", collection)?;
    Ok(context)
}

/// The rows of an answer, as text.
pub(crate) async fn ask(context: &SessionContext, sql: &str) -> Result<Vec<Vec<String>>> {
    let batches = context.sql(sql).await?.collect().await?;
    rows(&batches)
}

pub(crate) fn rows(batches: &[RecordBatch]) -> Result<Vec<Vec<String>>> {
    let options = FormatOptions::default().with_null("null");
    let mut rows = Vec::new();
    for batch in batches {
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect());
        }
    }
    Ok(rows)
}

/// One number.
pub(crate) async fn number(context: &SessionContext, sql: &str) -> Result<i64> {
    let rows = ask(context, sql).await?;
    match rows.as_slice() {
        [row] if row.len() == 1 => Ok(row[0].parse()?),
        other => Err(format!("expected one number, found {other:?}").into()),
    }
}

/// What is read for a query, as its plan tells.
pub(crate) async fn plan_of(context: &SessionContext, sql: &str) -> Result<String> {
    let rows = ask(context, &format!("EXPLAIN {sql}")).await?;
    let physical = rows.into_iter().find(|row| row[0] == "physical_plan").ok_or("no physical plan")?;
    Ok(physical[1].clone())
}

/// How many values are stored, as plain code counts them.
pub(crate) fn stored_values(stored: [Stored; 3]) -> usize {
    let count = |number: usize, n_obs: usize, genes: std::ops::Range<usize>, stored: Stored| {
        let cells = (0..n_obs).flat_map(|row| genes.clone().map(move |gene| value(number, row, gene)));
        cells.filter(|value| stored == Stored::Dense || *value != 0.0).count()
    };
    count(0, 50, 0..6, stored[0]) + count(2, 31, 2..9, stored[2])
}
