//! The stores that the tests ask, and how they ask.

#![expect(clippy::cast_precision_loss, clippy::cast_possible_wrap, reason = "small numbers")]

use std::path::Path;

use anndata::experimental::Collection;
use anndata::{AnnData, Column, ConcatOptions, DataFrame, Join, Merge, SparseFormat, SparseMatrix, Tensor};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionConfig, SessionContext};

pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// So many stores of so many cells, in files; every fourth is CSC.
pub(crate) fn make(folder: &Path, n_stores: usize, n_obs: usize, n_vars: usize) -> Result<Collection> {
    let mut stores = Vec::new();
    for store in 0..n_stores {
        let values: Vec<f32> = (0..n_obs * n_vars)
            .map(|at| {
                let hash = (at * 31 + store * 17) % 23;
                if hash < 6 { hash as f32 + 0.5 } else { 0.0 }
            })
            .collect();
        let format = if store % 4 == 3 { SparseFormat::Csc } else { SparseFormat::Csr };
        let x = SparseMatrix::from_dense(&Tensor::from_vec([n_obs, n_vars], values)?, format)?;
        let kinds = (0..n_obs).map(|row| ["T", "B", "NK"][(row * 5 + store) % 3]);
        let obs = DataFrame::new((0..n_obs).map(|row| format!("c{row}-{store}")))
            .with_column("kind", Column::categorical_from_strings(kinds)?)?
            .with_column("depth", (0..n_obs).map(|row| (row as i64 * 7) % 100).collect::<Vec<i64>>())?;
        let var = DataFrame::new((0..n_vars).map(|gene| format!("g{}", gene + store % 3)));
        let adata = AnnData::builder().obs(obs).var(var).x(x).build()?;
        let path = folder.join(format!("store{store}.{}", if store % 2 == 0 { "h5ad" } else { "zarr" }));
        anndata::write(&path, &adata)?;
        stores.push((format!("s{store}"), path));
    }
    let options = ConcatOptions::default().with_join(Join::Outer).with_merge(Merge::Unique);
    Ok(Collection::open(stores, &options, |path: &Path| anndata::open(path))?)
}

/// The same in this process, by DataFusion alone.
pub(crate) fn local(collection: &Collection) -> Result<SessionContext> {
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(2));
    anndata_datafusion::register(&context, "d", collection)?;
    Ok(context)
}

/// The rows of an answer, as text, in the order of their text.
pub(crate) async fn ask(context: &SessionContext, sql: &str) -> Result<Vec<String>> {
    let batches = context.sql(sql).await?.collect().await?;
    let options = FormatOptions::default().with_null("null");
    let mut rows = Vec::new();
    for batch in &batches {
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" "));
        }
    }
    rows.sort();
    Ok(rows)
}

/// Queries of every table and shape.
pub(crate) const QUERIES: [&str; 16] = [
    "SELECT count(*) FROM d.obs",
    "SELECT count(*) FROM d.obs WHERE obs_id >= 0",
    "SELECT count(*) FROM d.var",
    "SELECT count(var_name) FROM d.var",
    "SELECT count(*) FROM d.x",
    "SELECT count(value) FROM d.x WHERE value > 0",
    "SELECT count(*) FROM (SELECT obs_id FROM d.x UNION ALL SELECT obs_id FROM d.x)",
    "SELECT count(*) FROM (SELECT obs_id FROM d.obs WHERE depth > 50 UNION ALL SELECT var_id FROM d.var)",
    "SELECT count(*) FROM d.obs a JOIN d.obs b ON a.obs_id = b.obs_id",
    "SELECT count(*) FROM d.x a JOIN d.x b ON a.obs_id = b.obs_id AND a.var_id = b.var_id",
    "SELECT kind, count(*), sum(depth) FROM d.obs GROUP BY kind",
    "SELECT o.kind, x.var_name, sum(x.value) FROM d.x x JOIN d.obs o ON x.obs_id = o.obs_id WHERE o.depth < 30 GROUP BY o.kind, x.var_name",
    "SELECT obs_name, total, n_detected FROM cell_totals() WHERE obs_id % 7 = 0",
    "SELECT kind, var_name, n_cells, sum FROM pseudobulk('kind')",
    "SELECT sum(g3), count(g3) FROM gene('g3') WHERE obs_id > 10",
    "SELECT obs_name, kind FROM d.obs WHERE _store = 's1' AND kind IN ('T', 'B') ORDER BY obs_id LIMIT 7",
];
