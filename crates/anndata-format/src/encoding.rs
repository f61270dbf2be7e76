//! The encodings of the on-disk format: one module for each kind of element, and the registry of all of them.
//!
//! Every stored element carries two attributes, `encoding-type` and `encoding-version`. An [`Encoding`] turns the tree
//! of groups and arrays of such an element into an [`Element`](crate::Element) and back. It does no IO, so the same code serves reading
//! at once, lazily, from files and from memory. The format is described in the [specification].
//!
//! | `encoding-type` | module | element |
//! | --- | --- | --- |
//! | `anndata` | [`adata`] | [`AnnData`](crate::AnnData) |
//! | `raw` | [`raw`] | [`Raw`](crate::Raw) |
//! | `dict` | [`dict`] | [`Mapping`](crate::Mapping) |
//! | `array` | [`array`](mod@array) | [`Tensor`](crate::Tensor) |
//! | `csr_matrix`, `csc_matrix` | [`sparse`] | [`SparseMatrix`](crate::SparseMatrix) |
//! | `dataframe` | [`dataframe`] | [`DataFrame`](crate::DataFrame) |
//! | `categorical` | [`categorical`] | [`Column`](crate::Column) |
//! | `nullable-integer`, `nullable-boolean`, `nullable-string-array` | [`nullable`] | [`Column`](crate::Column) |
//! | `string-array`, `string` | [`string`] | [`Tensor`](crate::Tensor) |
//! | `numeric-scalar`, `bytes` | [`scalar`] | [`Tensor`](crate::Tensor) |
//! | `null` | [`null`] | [`Element::Null`](crate::Element::Null) |
//! | `rec-array` | [`record`] | [`Tensor`](crate::Tensor) |
//! | `awkward-array` | [`awkward`] | [`Awkward`](crate::awkward::Awkward) |
//! | none | [`legacy`] | what anndata 0.5 to 0.7 wrote |
//! | any other | | [`Opaque`](crate::Opaque) |
//!
//! [specification]: https://anndata.readthedocs.io/en/stable/fileformat-prose.html

pub mod adata;
pub mod array;
pub mod awkward;
pub mod categorical;
pub mod dataframe;
pub mod dict;
pub mod legacy;
pub mod null;
pub mod nullable;
pub mod raw;
pub mod record;
pub mod scalar;
pub mod sparse;
pub mod string;

pub(crate) mod options;
mod registry;
mod rows;
pub(crate) mod slots;
mod values;

use crate::SparseFormat;
pub use options::EncodeOptions;
pub use registry::{BuildContext, ElementVisitor, EncodeContext, Encoding, Registry};

impl Default for Registry {
    /// All encodings of anndata.
    fn default() -> Self {
        Self::new(legacy::LegacyEncoding)
            .with(adata::AnnDataEncoding)
            .with(raw::RawEncoding)
            .with(dict::DictEncoding)
            .with(array::ArrayEncoding)
            .with(sparse::SparseEncoding(SparseFormat::Csr))
            .with(sparse::SparseEncoding(SparseFormat::Csc))
            .with(dataframe::DataFrameEncoding)
            .with(categorical::CategoricalEncoding)
            .with(nullable::NullableEncoding::Integer)
            .with(nullable::NullableEncoding::Boolean)
            .with(nullable::NullableEncoding::String)
            .with(string::StringArrayEncoding)
            .with(string::StringEncoding)
            .with(scalar::ScalarEncoding::Number)
            .with(scalar::ScalarEncoding::Bytes)
            .with(null::NullEncoding)
            .with(record::RecordEncoding)
            .with(awkward::AwkwardEncoding)
    }
}
