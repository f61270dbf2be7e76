//! What is sent, and what is made of bytes that are not from us.

use std::sync::Arc;

use anndata_ballista::{LogicalCodec, PhysicalCodec, Roots, Stores};
use anndata_datafusion::{AnnDataTable, Dataset, MatrixKey, TableKind};
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::prelude::SessionContext;
use datafusion_proto::logical_plan::LogicalExtensionCodec;
use datafusion_proto::physical_plan::{DefaultPhysicalProtoConverter, PhysicalExtensionCodec};

use super::stores::{Result, make};

#[tokio::test]
async fn bytes_that_are_cut_or_changed_are_errors() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let collection = make(folder.path(), 2, 20, 4)?;
    let dataset = Dataset::new(&collection)?;
    let stores = Stores::new(Roots::new([folder.path().to_str().ok_or("not Unicode")?])?);
    let (logical, physical) = (LogicalCodec::new(&stores), PhysicalCodec::new(&stores));
    let context = SessionContext::new();
    let table = AnnDataTable::new(&dataset, TableKind::Matrix(MatrixKey::X))?;
    let (name, schema) = (TableReference::bare("x"), table.schema());

    let mut sent = Vec::new();
    logical.try_encode_table_provider(&name, Arc::clone(&table) as _, &mut sent)?;
    assert!(sent.len() < 4096, "{} bytes", sent.len());
    let decode =
        |bytes: &[u8]| logical.try_decode_table_provider(bytes, &name, Arc::clone(&schema), &context.task_ctx());
    assert_eq!(decode(&sent)?.schema(), schema);
    for len in 0..sent.len() {
        assert!(decode(&sent[..len]).is_err(), "{len}");
    }
    for at in 0..sent.len() {
        let mut changed = sent.clone();
        changed[at] ^= 0x55;
        // It is another table, or an error; never a panic.
        drop(decode(&changed));
    }
    let text = String::from_utf8_lossy(&sent).replace("\"version\":1", "\"version\":2");
    let error = decode(text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("version"), "{error}");

    let state = context.state();
    let filter = datafusion::prelude::col("obs_id").gt(datafusion::prelude::lit(3_i64));
    let plan = table.scan(&state, Some(&vec![0, 4]), &[filter], Some(9)).await?;
    let mut sent = Vec::new();
    let converter = DefaultPhysicalProtoConverter {};
    physical.try_encode(Arc::clone(&plan), &mut sent, &converter)?;
    let decode = |bytes: &[u8]| physical.try_decode(bytes, &[], &context.task_ctx(), &converter);
    let again = decode(&sent)?;
    assert_eq!(again.schema(), plan.schema());
    let mut twice = Vec::new();
    physical.try_encode(again, &mut twice, &converter)?;
    assert_eq!(sent, twice);
    for len in 0..sent.len() {
        assert!(decode(&sent[..len]).is_err(), "{len}");
    }
    for at in 0..sent.len() {
        let mut changed = sent.clone();
        changed[at] ^= 0x55;
        drop(decode(&changed));
    }
    Ok(())
}

#[tokio::test]
async fn objects_in_memory_cannot_be_sent() -> Result<()> {
    let object = anndata::AnnData::builder().x(anndata::Tensor::from_vec([1, 1], vec![1.0_f32])?).build()?;
    let collection = anndata::experimental::Collection::new([("a", object)], &anndata::ConcatOptions::default())?;
    let table = AnnDataTable::new(&Dataset::new(&collection)?, TableKind::Obs)?;
    let sent = LogicalCodec::default().try_encode_table_provider(&TableReference::bare("obs"), table, &mut Vec::new());
    assert!(sent.is_err_and(|error| error.to_string().contains("objects in memory")));
    Ok(())
}
