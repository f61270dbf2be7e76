//! A scheduler and an executor in this process: the answers of every query are those of DataFusion, whatever the number of partitions.

use anndata_ballista::{Roots, standalone};

use super::stores::{QUERIES, Result, ask, local, make};

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_of_one_process() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let collection = make(folder.path(), 3, 40, 6)?;
    let local = local(&collection)?;
    let root = folder.path().to_str().ok_or("not Unicode")?;
    for partitions in 1..=8 {
        let context = standalone(Roots::new([root])?, partitions, 2).await?;
        anndata_datafusion::register(&context, "d", &collection)?;
        for sql in QUERIES {
            let (found, expected) = (ask(&context, sql).await, ask(&local, sql).await?);
            let found = found.map_err(|error| format!("{sql} in {partitions} partitions: {error}"))?;
            assert_eq!(found, expected, "{sql} in {partitions} partitions");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_that_are_not_allowed_gone_or_changed_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let other = tempfile::tempdir()?;
    let collection = make(folder.path(), 2, 20, 4)?;
    let context = standalone(Roots::new([other.path().to_str().ok_or("not Unicode")?])?, 2, 1).await?;
    anndata_datafusion::register(&context, "d", &collection)?;
    let error = ask(&context, "SELECT sum(value) FROM d.x").await.unwrap_err().to_string();
    assert!(error.contains("store0.h5ad") && error.contains("--allow"), "{error}");

    let context = standalone(Roots::new([folder.path().to_str().ok_or("not Unicode")?])?, 2, 1).await?;
    anndata_datafusion::register(&context, "d", &collection)?;
    assert_eq!(ask(&context, "SELECT count(value) FROM d.x WHERE value > 0").await?.len(), 1);
    // It is written anew, with other cells.
    let changed = anndata::read(folder.path().join("store0.h5ad"))?.select(0..5, ..)?.load()?;
    let options = anndata::WriteOptions::default().with_overwrite(true);
    anndata::write_with(folder.path().join("store0.h5ad"), &changed, &options)?;
    let error = ask(&context, "SELECT sum(value) FROM d.x").await.unwrap_err().to_string();
    assert!(error.contains("store0.h5ad") && error.contains("is not what"), "{error}");
    Ok(())
}
