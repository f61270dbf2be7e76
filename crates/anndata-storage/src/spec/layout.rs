//! [`ArrayLayout`]: chunks, shards and codecs that are asked for.

use super::Codec;

/// How an array is to be stored. What is left open is chosen by the writer.
///
/// ```
/// use anndata_storage::{ArrayLayout, Codec};
///
/// let layout = ArrayLayout::default().with_chunks([1000]).with_shards([10_000]).with_codecs([Codec::Gzip { level: 1 }]);
/// assert_eq!(layout.chunks.as_deref(), Some(&[1000][..]));
/// ```
#[doc(alias = "dataset_kwargs")]
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArrayLayout {
    /// The shape of a chunk, one positive length per axis.
    pub chunks: Option<Vec<u64>>,
    /// The shape of a shard, a multiple of that of a chunk. It needs [`chunks`](Self::chunks), and a format that has shards.
    pub shards: Option<Vec<u64>>,
    /// The codecs, in the order in which they are applied when writing; none of them is no compression.
    pub codecs: Option<Vec<Codec>>,
}

impl ArrayLayout {
    /// Sets the shape of a chunk.
    #[must_use]
    pub fn with_chunks(mut self, chunks: impl Into<Vec<u64>>) -> Self {
        self.chunks = Some(chunks.into());
        self
    }

    /// Sets the shape of a shard.
    #[must_use]
    pub fn with_shards(mut self, shards: impl Into<Vec<u64>>) -> Self {
        self.shards = Some(shards.into());
        self
    }

    /// Sets the codecs.
    #[must_use]
    #[doc(alias = "compression_opts")]
    pub fn with_codecs(mut self, codecs: impl Into<Vec<Codec>>) -> Self {
        self.codecs = Some(codecs.into());
        self
    }
}
