//! What cannot be done, and what it is told as.

use std::path::Path;

use anndata::experimental::Collection;
use anndata::{AnnData, ConcatAxis, ConcatOptions, DataFrame, Tensor};
use anndata_datafusion::register;
use datafusion::execution::memory_pool::GreedyMemoryPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::cells::{Result, Stored, ask, in_files, in_memory, options, session};

async fn error(context: &SessionContext, sql: &str) -> Result<String> {
    match ask(context, sql).await {
        Err(error) => Ok(error.to_string()),
        Ok(rows) => Err(format!("{sql} gives {} rows", rows.len()).into()),
    }
}

#[tokio::test]
async fn queries_that_cannot_be_planned() -> Result<()> {
    let context = session(&in_memory([Stored::Csr; 3])?, 2)?;
    for (sql, message) in [
        ("SELECT * FROM d.layers_none", "layers_none"),
        ("SELECT nope FROM d.obs", "nope"),
        ("SELECT * FROM gene('nope')", "no such name: 'nope'"),
        ("SELECT * FROM gene()", "expected names of variables"),
        ("SELECT * FROM gene(1)", "expected a name in single quotes"),
        ("SELECT * FROM gene_in('none', 'g1')", "the stores have no layers/none in common"),
        ("SELECT * FROM pseudobulk('nope')", "there is no column 'nope'"),
        ("SELECT * FROM cell_totals('g1')", "expected no arguments"),
        ("SELECT * FORM d.obs", "SQL error"),
    ] {
        let found = error(&context, sql).await?;
        assert!(found.contains(message), "{sql}: {found}");
    }
    Ok(())
}

#[tokio::test]
async fn matrices_that_sql_has_no_type_for() -> Result<()> {
    let object = AnnData::builder().obsm("cube", Tensor::from_vec([2, 1, 1], vec![1.0, 2.0])?).shape(2, 0).build()?;
    let collection = Collection::new([("a", object)], &ConcatOptions::default())?;
    let context = session(&collection, 1)?;
    let found = error(&context, "SELECT * FROM d.obsm_cube").await?;
    assert!(found.contains("obsm/cube is no matrix"), "{found}");
    let object = |name: &str| AnnData::builder().obs(DataFrame::new(["a"])).var(DataFrame::new([name])).build();
    let options = ConcatOptions::default().with_axis(ConcatAxis::Var);
    let collection = Collection::new([("a", object("v")?), ("b", object("w")?)], &options)?;
    let found = register(&SessionContext::new(), "d", &collection).unwrap_err().to_string();
    assert!(found.contains("along the variables"), "{found}");
    Ok(())
}

#[tokio::test]
async fn stores_that_are_gone_or_changed_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let collection = in_files(folder.path(), [Stored::Csr; 3])?;
    let context = session(&collection, 2)?;
    let (one, two) = (folder.path().join("one.h5ad"), folder.path().join("two.h5ad"));
    let bytes = std::fs::read(&two)?;
    std::fs::write(&two, &bytes[..bytes.len() / 4])?;
    let found = error(&context, "SELECT sum(value) FROM d.x").await?;
    assert!(found.contains("two.h5ad"), "{found}");
    // What does not touch it is as it was.
    assert_eq!(ask(&context, "SELECT count(value) FROM d.x WHERE _store = 'one' AND value > -1").await?.len(), 1);
    drop(context);
    let missing =
        Collection::open([("a", &one), ("b", &folder.path().join("gone.h5ad"))], &options(), |path: &Path| {
            anndata::open(path)
        });
    assert!(missing.is_err_and(|error| error.to_string().contains("gone.h5ad")));
    Ok(())
}

#[tokio::test]
async fn the_memory_pool_is_honoured() -> Result<()> {
    let pool = |bytes: usize| -> Result<SessionContext> {
        let runtime = RuntimeEnvBuilder::new().with_memory_pool(std::sync::Arc::new(GreedyMemoryPool::new(bytes)));
        let config = SessionConfig::new().with_target_partitions(2);
        let context = SessionContext::new_with_config_rt(config, runtime.build_arc()?);
        register(&context, "d", &in_memory([Stored::Csr; 3])?)?;
        Ok(context)
    };
    let found = error(&pool(1 << 10)?, "SELECT sum(value) FROM d.x").await?;
    assert!(found.contains("AnnData[X]") && found.contains("Resources exhausted"), "{found}");
    assert_eq!(ask(&pool(16 << 20)?, "SELECT sum(value) FROM d.x").await?.len(), 1);
    Ok(())
}
