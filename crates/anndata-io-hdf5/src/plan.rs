//! What is known of an array, whoever read its metadata, and how its values come out of the bytes of the file.
//!
//! Chunks are decoded on all cores ([`chunks`]), one contiguous piece is read at its position ([`contiguous`]). Records and
//! text are read as bytes in one of these ways and taken apart after ([`crate::dtype::build`]).

mod chunks;
mod contiguous;

use std::sync::Arc;

use anndata_storage::{ArraySpec, DType, Error, Limits, PieceFormat, Result, Tensor};
use arrow_buffer::Buffer;

pub(crate) use chunks::{Chunk, Chunks, number};

use crate::dtype::build::Follow;
use crate::dtype::{Fix, Node, Stored};
use crate::file::RawFile;
use crate::filters::Pipeline;
use crate::heap::Heap;
use crate::heap::tensor_of_stored;

/// Where the values of a dataset are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(feature = "write"), expect(dead_code, reason = "files are only read"))]
pub(crate) enum Layout {
    /// In the header.
    Compact,
    /// In one piece.
    Contiguous,
    /// In chunks of this shape.
    Chunked(Vec<u64>),
    /// In other files, named in the header.
    External,
    /// In other datasets.
    Virtual,
}

/// What is known of an array, except for its shape, which may change.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) file: Arc<RawFile>,
    pub(crate) limits: Limits,
    pub(crate) stored: Stored,
    pub(crate) layout: Layout,
    pub(crate) pipeline: Pipeline,
    /// Whether it has no value at all.
    pub(crate) null: bool,
    /// The stored bytes of an element that was never written, plain values as in memory; empty for zeros.
    pub(crate) fill: Vec<u8>,
}

impl Plan {
    /// What others see of the array, but for its shape. `resizable` says whether the first axis is unlimited.
    pub(crate) fn spec(&self, resizable: bool) -> ArraySpec {
        let chunks = match &self.layout {
            Layout::Chunked(chunks) => Some(chunks.clone()),
            _ => None,
        };
        let mut spec = ArraySpec::new(self.stored.dtype.clone(), []).with_codecs(self.pipeline.codecs());
        (spec.resizable, spec.chunks, spec.null) = (resizable && chunks.is_some(), chunks, self.null);
        spec
    }

    /// Refuses chunks that do not go with the shape, or are larger than memory.
    pub(crate) fn check_chunk_shape(&self, shape: &[u64]) -> Result<()> {
        let Layout::Chunked(chunks) = &self.layout else { return Ok(()) };
        if chunks.len() != shape.len() || chunks.contains(&0) {
            return Err(Error::invalid_data(format!("chunks of shape {chunks:?} in an array of {shape:?}")));
        }
        self.chunk_bytes().map(drop)
    }

    /// The shape of a chunk; empty where there are none.
    pub(crate) fn chunk_shape(&self) -> &[u64] {
        match &self.layout {
            Layout::Chunked(chunks) => chunks,
            _ => &[],
        }
    }

    /// What is done to the stored bytes of plain values.
    pub(crate) fn fix(&self) -> Fix {
        match self.stored.node {
            Node::Plain { fix, .. } => fix,
            _ => Fix::None,
        }
    }

    /// Whether the bytes of an element are its value.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.stored.node, Node::Plain { .. })
    }

    /// Whether the array is read and written chunk by chunk, by whoever asks for its chunks.
    pub(crate) fn is_chunked(&self) -> bool {
        let plain = matches!(self.stored.node, Node::Plain { fix: Fix::None | Fix::Swap(_), .. });
        plain && matches!(self.layout, Layout::Chunked(_)) && !self.null
    }

    /// The array as the ways to its values see it: values whose position in the bytes is not that in memory are bytes.
    pub(crate) fn raw_spec(&self, spec: Arc<ArraySpec>) -> Arc<ArraySpec> {
        match self.stored.node {
            Node::Plain { .. } => spec,
            _ => Arc::new(ArraySpec {
                dtype: DType::FixedBytes(self.stored.node.size().file),
                ..ArraySpec::clone(&spec)
            }),
        }
    }

    /// Refuses to read what has no values, or none that mean anything.
    pub(crate) fn check_readable(&self) -> Result<()> {
        if let DType::Unknown(what) = &self.stored.dtype {
            return Err(Error::unsupported(format!("values of type '{what}' cannot be read")));
        }
        if self.null {
            return Err(Error::invalid_data("the array has no value (a null dataspace)"));
        }
        Ok(())
    }

    /// The values that elements, read as [`raw_spec`](Self::raw_spec) says, stand for.
    pub(crate) fn values(&self, raw: Tensor, heap: Option<Heap<'_>>, follow: Follow<'_>) -> Result<Tensor> {
        if self.is_plain() {
            return Ok(raw);
        }
        let bytes = raw.buffer().cloned().unwrap_or_else(|| Buffer::from_vec(Vec::<u8>::new()));
        let shape = raw.shape().to_vec();
        drop(raw);
        let heap = heap.ok_or_else(|| Error::unsupported("texts of the array have no heap that is known"))?;
        tensor_of_stored(&self.stored, &shape, bytes, &heap, follow)
    }

    /// What two arrays must have in common so that chunks of one are chunks of the other.
    pub(crate) fn piece_format(&self) -> PieceFormat {
        let Stored { dtype, node } = &self.stored;
        PieceFormat {
            shape: self.chunk_shape().to_vec(),
            grid: Vec::new(),
            encoding: format!("hdf5: {dtype:?} {node:?} {:?} {:?}", self.pipeline, self.fill),
            in_parts: false,
        }
    }
}
