//! What an array is declared to be: dtype, shape, chunks, codecs.

mod layout;

use std::fmt;

use crate::{DType, Error, Result, Tensor};
pub use layout::ArrayLayout;

/// The declaration of a stored array.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ArraySpec {
    /// The type of an element.
    pub dtype: DType,
    /// The length of each axis; empty for a scalar.
    pub shape: Vec<u64>,
    /// The shape of a chunk, one length per axis; `None` for one contiguous piece.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub chunks: Option<Vec<u64>>,
    /// The shape of a shard (a file of many chunks), where the format has shards.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub shards: Option<Vec<u64>>,
    /// The lengths of the shards (chunks, where there are no shards) along the first axis, where these are not all the same: each
    /// length, and how many have it one after the other. The shape of a shard or chunk says the longest. Mostly empty; few formats
    /// have this.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub grid: Vec<(u64, u64)>,
    /// The codecs, in the order in which they are applied when writing.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub codecs: Vec<Codec>,
    /// Whether the first axis may grow.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "std::ops::Not::not"))]
    pub resizable: bool,
    /// A typed array without any value (HDF5's null dataspace). Its shape is empty.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "std::ops::Not::not"))]
    pub null: bool,
}

impl ArraySpec {
    /// A contiguous, uncompressed array.
    pub fn new(dtype: DType, shape: impl Into<Vec<u64>>) -> Self {
        Self {
            dtype,
            shape: shape.into(),
            chunks: None,
            shards: None,
            grid: Vec::new(),
            codecs: Vec::new(),
            resizable: false,
            null: false,
        }
    }

    /// A contiguous, uncompressed array of the dtype and shape of a tensor.
    pub fn of(tensor: &Tensor) -> Self {
        Self::new(tensor.dtype().clone(), tensor.shape().iter().map(|&n| n as u64).collect::<Vec<_>>())
    }

    /// A typed array without any value.
    pub fn null(dtype: DType) -> Self {
        Self { null: true, ..Self::new(dtype, []) }
    }

    /// Sets the shape of a chunk.
    #[must_use]
    pub fn with_chunks(mut self, chunks: impl Into<Vec<u64>>) -> Self {
        self.chunks = Some(chunks.into());
        self
    }

    /// Sets the codecs.
    #[must_use]
    pub fn with_codecs(mut self, codecs: impl Into<Vec<Codec>>) -> Self {
        self.codecs = codecs.into();
        self
    }

    /// Sets whether the array can grow along the first axis.
    #[must_use]
    pub fn with_resizable(mut self, resizable: bool) -> Self {
        self.resizable = resizable;
        self
    }

    /// The number of elements.
    ///
    /// # Errors
    /// If the product of the axes exceeds 64 bits, which only a malformed file declares.
    pub fn len(&self) -> Result<u64> {
        if self.null {
            return Ok(0);
        }
        product(&self.shape).ok_or_else(|| {
            Error::limit_exceeded(format!("the shape {:?} has more elements than 64 bit can count", self.shape))
        })
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.null || self.shape.contains(&0)
    }

    /// The number of dimensions.
    pub fn ndim(&self) -> usize {
        self.shape.len()
    }

    /// The number of chunks along each axis (1 each without chunks).
    pub fn chunk_grid(&self) -> Vec<u64> {
        match &self.chunks {
            Some(chunks) => self.shape.iter().zip(chunks).map(|(&n, &c)| n.div_ceil(c.max(1))).collect(),
            None => vec![1; self.shape.len()],
        }
    }

    /// Checks that chunks, shards, codecs and shape fit each other.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) saying what does not fit.
    pub fn validate(&self) -> Result<()> {
        self.len()?;
        for (what, lengths) in [("chunk", &self.chunks), ("shard", &self.shards)] {
            let Some(lengths) = lengths else { continue };
            if lengths.len() != self.ndim() || lengths.contains(&0) {
                return Err(Error::invalid_input(format!(
                    "a {what} shape of {lengths:?} does not fit an array of shape {:?}: one positive length per axis",
                    self.shape
                )));
            }
        }
        if let Some(shards) = &self.shards {
            let Some(chunks) = &self.chunks else { return Err(Error::invalid_input("shards need chunks")) };
            if shards.iter().zip(chunks).any(|(shard, chunk)| shard % chunk != 0) {
                let message = format!("a shard of {shards:?} is not a multiple of its chunks of {chunks:?}");
                return Err(Error::invalid_input(message));
            }
        }
        if !self.grid.is_empty() {
            self.validate_grid()?;
        }
        if self.chunks.is_none() && !self.codecs.is_empty() {
            return Err(Error::invalid_input("compression needs chunks"));
        }
        if self.chunks.is_some() && self.shape.is_empty() {
            return Err(Error::invalid_input("a scalar has no chunks"));
        }
        if self.null && !self.shape.is_empty() {
            return Err(Error::invalid_input("an array without values has no shape"));
        }
        Ok(())
    }

    /// Checks that lengths along the first axis cover it, none of which is longer than it should be.
    fn validate_grid(&self) -> Result<()> {
        let longest =
            self.shards.as_ref().or(self.chunks.as_ref()).and_then(|piece| piece.first().copied()).unwrap_or(0);
        let unit = self.chunks.as_ref().and_then(|chunk| chunk.first().copied()).filter(|_| self.shards.is_some());
        let fits = |len: u64| len > 0 && len <= longest && unit.is_none_or(|unit| len.is_multiple_of(unit));
        let rows = self.grid.iter().try_fold(0_u64, |rows, &(len, count)| rows.checked_add(len.checked_mul(count)?));
        let len = self.shape.first().copied().unwrap_or(0);
        if rows.is_none_or(|rows| rows < len) || !self.grid.iter().all(|&(len, _)| fits(len)) {
            return Err(Error::invalid_input(format!(
                "lengths of {:?} along the first axis do not fit an array of shape {:?}, in pieces of at most {longest}",
                self.grid, self.shape
            )));
        }
        Ok(())
    }
}

/// The product of lengths, `None` if it overflows.
pub(crate) fn product(lengths: &[u64]) -> Option<u64> {
    if lengths.contains(&0) {
        return Some(0);
    }
    lengths.iter().try_fold(1_u64, |product, &n| product.checked_mul(n))
}

/// One step of the pipeline between values and stored bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Codec {
    /// zlib stream (HDF5's `gzip` filter, zarr's `zlib`), level 0 to 9.
    Zlib {
        /// Effort, 0 (store) to 9.
        level: u8,
    },
    /// gzip file format (zarr's `gzip`), level 0 to 9.
    Gzip {
        /// Effort, 0 (store) to 9.
        level: u8,
    },
    /// LZF, as h5py brings it.
    Lzf,
    /// Zstandard.
    Zstd {
        /// Effort, negative to 22.
        level: i32,
    },
    /// LZ4.
    Lz4,
    /// Blosc (version 1 container).
    Blosc {
        /// The compressor inside: `lz4`, `lz4hc`, `blosclz`, `zstd`, `zlib`, `snappy`.
        compressor: String,
        /// Effort, 0 to 9.
        level: u8,
        /// 0 none, 1 bytes, 2 bits.
        shuffle: u8,
    },
    /// Bytes of equal significance are put together.
    Shuffle,
    /// Fletcher's 32-bit checksum at the end of a chunk.
    Fletcher32,
    /// CRC-32C at the end of a chunk.
    Crc32c,
    /// A codec of one format, which others do not have.
    Other {
        /// Its name there.
        name: String,
        /// How it is configured, as JSON in the words of that format. Empty if nothing is known.
        #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "String::is_empty"))]
        configuration: String,
    },
}

impl Codec {
    /// A codec of one format, of which only the name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self::Other { name: name.into(), configuration: String::new() }
    }

    /// Whether it makes values smaller. The others rearrange or check them. One that is known by name alone is taken to.
    pub fn compresses(&self) -> bool {
        !matches!(self, Self::Shuffle | Self::Fletcher32 | Self::Crc32c)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zlib { level } => write!(f, "zlib({level})"),
            Self::Gzip { level } => write!(f, "gzip({level})"),
            Self::Lzf => f.write_str("lzf"),
            Self::Zstd { level } => write!(f, "zstd({level})"),
            Self::Lz4 => f.write_str("lz4"),
            Self::Blosc { compressor, level, shuffle } => write!(f, "blosc({compressor}, {level}, {shuffle})"),
            Self::Shuffle => f.write_str("shuffle"),
            Self::Fletcher32 => f.write_str("fletcher32"),
            Self::Crc32c => f.write_str("crc32c"),
            Self::Other { name, configuration } if configuration.is_empty() => f.write_str(name),
            Self::Other { name, configuration } => write!(f, "{name}({configuration})"),
        }
    }
}

/// The compression that a writer asks for; each backend turns it into codecs of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Compression {
    /// What the format's reference implementation does by default: nothing in HDF5, zstd in zarr.
    #[default]
    Default,
    /// None.
    None,
    /// Deflate, level 0 to 9. Every reader of either format has it.
    Gzip(u8),
    /// LZF: fast, weaker. Needs h5py or a build with LZF on the reading side.
    Lzf,
    /// Zstandard. In HDF5 files it needs a filter plugin (`hdf5plugin`) on the reading side: plain h5py cannot read it.
    Zstd(i32),
    /// Blosc with lz4 and byte shuffle, level 0 to 9. In HDF5 files it needs a filter plugin on the reading side.
    Blosc(u8),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_that_do_not_fit_together_are_refused() {
        let spec = ArraySpec::new(DType::F32, [10, 4]);
        assert!(spec.validate().is_ok());
        assert_eq!(spec.clone().with_chunks([3, 4]).chunk_grid(), [4, 1]);
        let mut null = spec.clone();
        null.null = true;
        let sharded = |mut spec: ArraySpec| {
            spec.shards = Some(vec![6, 4]);
            spec
        };
        assert!(sharded(spec.clone().with_chunks([3, 2])).validate().is_ok());
        for (spec, message) in [
            (spec.clone().with_codecs([Codec::Lzf]), "compression needs chunks"),
            (sharded(spec.clone()), "shards need chunks"),
            (sharded(spec.clone().with_chunks([4, 4])), "a shard of [6, 4] is not a multiple of its chunks of [4, 4]"),
            (spec.clone().with_chunks([5]), "a chunk shape of [5] does not fit an array of shape [10, 4]"),
            (spec.with_chunks([0, 4]), "a chunk shape of [0, 4] does not fit an array of shape [10, 4]"),
            (ArraySpec::new(DType::F32, []).with_chunks([]), "a scalar has no chunks"),
            (null, "an array without values has no shape"),
        ] {
            let error = spec.validate().unwrap_err();
            assert!(error.is_invalid_input() && error.message().starts_with(message), "{error:?}: {message}");
        }
        let huge = ArraySpec::new(DType::I8, [u64::MAX, 2]).validate().unwrap_err();
        assert!(huge.message().contains(&format!("[{}, 2]", u64::MAX)), "{huge:?}");
        assert_eq!(ArraySpec::new(DType::I8, [u64::MAX, 2, 0]).len().ok(), Some(0));
    }
}
