//! What stands for an attribute that cannot be read.

use anndata_storage::Attribute;

/// The key of the JSON object that stands for an attribute that cannot be read.
pub(crate) const UNREADABLE: &str = "unreadable HDF5 attribute";

/// The JSON object that says why.
pub(crate) fn unreadable(why: &str) -> Attribute {
    Attribute::Json(serde_json::json!({ UNREADABLE: why }))
}
