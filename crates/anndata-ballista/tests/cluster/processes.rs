//! Queries over a scheduler and executors that are processes of their own.

use std::path::Path;
use std::time::Duration;

use anndata_ballista::connect;

use super::launch::Cluster;
use super::stores::{QUERIES, Result, ask, local, make};

#[tokio::test(flavor = "multi_thread")]
async fn two_executors_answer_as_one_process_does_and_one_when_the_other_is_killed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let collection = make(folder.path(), 20, 60, 8)?;
    let local = local(&collection)?;
    let mut cluster = Cluster::start(Path::new(env!("CARGO_BIN_EXE_anndata-cluster")), folder.path(), 2)?;
    let context = connect(&cluster.url, 8).await?;
    anndata_datafusion::register(&context, "d", &collection)?;
    for sql in QUERIES {
        let (found, expected) = (ask(&context, sql).await, ask(&local, sql).await?);
        assert_eq!(found.map_err(|error| format!("{sql}: {error}"))?, expected, "{sql}");
    }
    // One is killed in the midst of a query: the same answer, or an error.
    let sql = "SELECT count(*), sum(a.value) FROM d.x a JOIN d.x b ON a.var_id = b.var_id WHERE a.obs_id < 400";
    let expected = ask(&local, sql).await?;
    let asked = tokio::spawn({
        let context = context.clone();
        async move { ask(&context, sql).await }
    });
    tokio::time::sleep(Duration::from_millis(150)).await;
    drop(cluster.executors.pop());
    match tokio::time::timeout(Duration::from_mins(2), asked).await?? {
        Ok(found) => assert_eq!(found, expected),
        Err(error) => assert!(!error.to_string().is_empty(), "an error says what it is of"),
    }
    // The other goes on.
    let again = tokio::time::timeout(Duration::from_mins(2), ask(&context, QUERIES[10])).await??;
    assert_eq!(again, ask(&local, QUERIES[10]).await?);
    Ok(())
}
