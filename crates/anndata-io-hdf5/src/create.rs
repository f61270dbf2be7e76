//! Making datasets.

use anndata_storage::{ArraySpec, DType, Error, Result};

use crate::filters;
use crate::make;
use crate::raw::Id;
use crate::raw::dataset::{self, Creation};
use crate::raw::space::Extent;
use crate::shared::Shared;

/// Makes an array that reads as zeros, or as empty texts.
pub(crate) fn create(store: &Shared, parent: &Id, name: &str, spec: &ArraySpec) -> Result<Id> {
    spec.validate()?;
    if spec.shards.is_some() {
        return Err(Error::unsupported("HDF5 has no shards"));
    }
    if !spec.grid.is_empty() {
        return Err(Error::unsupported("HDF5 has no chunks of unequal length"));
    }
    if spec.resizable && spec.chunks.is_none() {
        return Err(Error::invalid_input("an array that can grow needs chunks"));
    }
    let datatype = make::datatype(&spec.dtype)?;
    let extent =
        if spec.null { Extent::Null } else { Extent::Simple { shape: spec.shape.clone(), resizable: spec.resizable } };
    // The library has no chunks that are longer than an axis that cannot grow.
    let chunks: Option<Vec<u64>> = spec.chunks.as_ref().map(|chunks| {
        let axes = chunks.iter().zip(&spec.shape).enumerate();
        axes.map(|(axis, (&chunk, &len))| if axis == 0 && spec.resizable { chunk } else { chunk.min(len.max(1)) })
            .collect()
    });
    let size = crate::raw::datatype::size(&datatype);
    let chunk_bytes = chunks.iter().flatten().fold(size as u64, |bytes, &len| bytes.saturating_mul(len));
    let filters = filters::from_codecs(&spec.codecs, size, chunk_bytes)?;
    let contiguous = chunks.is_none() && !spec.null && !spec.is_empty() && spec.dtype.size().is_some();
    let preallocate = contiguous && store.is_pristine();
    // Space that was used before is cleared; the library does so only for a value that was set.
    let zeros = (contiguous && !preallocate && !matches!(spec.dtype, DType::Compound(_))).then(|| vec![0; size]);
    let how =
        Creation { extent: &extent, chunks: chunks.as_deref(), filters: &filters, preallocate, fill: zeros.as_deref() };
    dataset::create(parent, name, &datatype, &how)
}
