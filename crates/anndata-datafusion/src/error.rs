//! Errors of this workspace as those of DataFusion, and back.

use anndata_storage::Error;
use datafusion::error::DataFusionError;

/// What went wrong with a store, as an error of a query: it names the file and the element.
pub(crate) fn stored(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A query that cannot be planned.
pub(crate) fn plan(message: impl Into<String>) -> DataFusionError {
    DataFusionError::Plan(message.into())
}
