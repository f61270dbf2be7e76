//! How objects are read from and written to paths, whatever the format: one type for each direction.

use anndata_format::encoding::Registry;
use anndata_format::io::{ElemReadOptions, ElemWriteOptions, Names};
use anndata_format::node::Progress;
use anndata_format::storage::ArrayLayout;
use anndata_format::{Compression, Keep, Limits, SparseFormat};
#[cfg(feature = "hdf5-read")]
use anndata_io_hdf5::Hdf5Options;
#[cfg(feature = "zarr")]
use anndata_io_zarr::{Sharding, ZarrFormat, ZarrOptions};

/// How an object is read from a path or URL. What concerns one format alone has no effect on others.
///
/// ```
/// use anndata::{ReadOptions, SparseFormat};
///
/// let options = ReadOptions::default().with_lazy(true).with_as_sparse(["X"], SparseFormat::Csr).with_skip(["uns/junk"]);
/// assert!(options.elem.lazy);
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct ReadOptions {
    /// How elements are read.
    pub elem: ElemReadOptions,
    /// How an HDF5 file is opened.
    #[cfg(feature = "hdf5-read")]
    pub hdf5: Hdf5Options,
    /// How a zarr store is opened.
    #[cfg(feature = "zarr")]
    pub zarr: ZarrOptions,
}

impl ReadOptions {
    /// Options for files from strangers: with the limits of [`Limits::untrusted`], and without links and arrays that lead to
    /// other files. `docs/untrusted.md` says what is promised of such files, and what is not.
    ///
    /// ```
    /// use anndata::{Limits, ReadOptions};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("upload.h5ad");
    /// # anndata::write(&path, &anndata::AnnData::builder().shape(2, 3).build()?)?;
    /// let adata = anndata::read_with(&path, &ReadOptions::untrusted())?;
    ///
    /// // With less memory for each file.
    /// let options = ReadOptions::untrusted().with_limits(Limits::untrusted().with_max_total(1 << 30));
    /// assert_eq!(anndata::read_with(&path, &options)?, adata);
    /// # Ok::<(), anndata::Error>(())
    /// ```
    #[must_use]
    pub fn untrusted() -> Self {
        // What is not a limit is as strict by default.
        Self::default().with_limits(Limits::untrusted())
    }

    /// Sets whether values are read when they are asked for, instead of at once. Default: no.
    #[must_use]
    pub fn with_lazy(mut self, lazy: bool) -> Self {
        self.elem = self.elem.with_lazy(lazy);
        self
    }

    /// Sets what becomes of the values of lazy elements once they are read. Default: they are kept.
    ///
    /// ```
    /// use anndata::{Keep, ReadOptions};
    ///
    /// // All objects that are read with these options share one cache.
    /// let options = ReadOptions::default().with_lazy(true).with_keep(Keep::cache(1 << 30));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn with_keep(mut self, keep: Keep) -> Self {
        self.elem = self.elem.with_keep(keep);
        self
    }

    /// Sets when the labels of lazy frames are read. Default: when they are asked for.
    #[must_use]
    pub fn with_names(mut self, names: Names) -> Self {
        self.elem = self.elem.with_names(names);
        self
    }

    /// Sets the paths of dense matrices (`X`, `raw/X`, `layers/counts`) that are read as sparse ones.
    #[must_use]
    pub fn with_as_sparse<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>, format: SparseFormat) -> Self {
        self.elem = self.elem.with_as_sparse(paths, format);
        self
    }

    /// Sets the paths of elements that are left out, such as `uns/x` or `obs/column`: they are not looked at.
    #[must_use]
    pub fn with_skip<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.elem = self.elem.with_skip(paths);
        self
    }

    /// Sets whether members of the object that are not slots are left out. Default: no; they are kept.
    #[must_use]
    pub fn with_drop_unknown(mut self, drop: bool) -> Self {
        self.elem = self.elem.with_drop_unknown(drop);
        self
    }

    /// Sets whether what is plainly meant is repaired if the format is broken. Default: no; it is an error.
    #[must_use]
    pub fn with_repair(mut self, repair: bool) -> Self {
        self.elem = self.elem.with_repair(repair);
        self
    }

    /// Sets the encodings that are known.
    #[must_use]
    pub fn with_registry(mut self, registry: Registry) -> Self {
        self.elem = self.elem.with_registry(registry);
        self
    }

    /// Sets how much declared sizes are trusted, in every format.
    #[must_use]
    #[cfg_attr(
        not(any(feature = "hdf5-read", feature = "zarr")),
        expect(unused_variables, unused_mut, reason = "no format is built")
    )]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        #[cfg(feature = "hdf5-read")]
        {
            self.hdf5 = self.hdf5.with_limits(limits);
        }
        #[cfg(feature = "zarr")]
        {
            self.zarr = self.zarr.with_limits(limits);
        }
        self
    }

    /// Sets whether an `.h5ad` file is mapped into memory, so that its numbers that are not compressed are neither read nor copied.
    /// Default: no. Nobody may change the file in place meanwhile: [`Hdf5Options::with_mmap`] has all conditions and dangers.
    ///
    /// ```
    /// use anndata::{AnnData, Compression, ReadOptions, Tensor, WriteOptions};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("cells.h5ad");
    /// let adata = AnnData::builder().x(Tensor::from_vec([2, 2], vec![1.0_f32, 0.0, 0.0, 2.0])?).build()?;
    /// anndata::write_with(&path, &adata, &WriteOptions::default().with_compression(Compression::None))?;
    /// assert_eq!(anndata::read_with(&path, &ReadOptions::default().with_mmap(true))?, adata);
    /// # Ok::<(), anndata::Error>(())
    /// ```
    #[cfg(feature = "hdf5-read")]
    #[must_use]
    pub fn with_mmap(mut self, mmap: bool) -> Self {
        self.hdf5 = self.hdf5.with_mmap(mmap);
        self
    }

    /// Sets how elements are read, all of it at once.
    #[must_use]
    pub fn with_elem(mut self, elem: ElemReadOptions) -> Self {
        self.elem = elem;
        self
    }

    /// Sets how an HDF5 file is opened: limits, links to other files.
    #[cfg(feature = "hdf5-read")]
    #[must_use]
    pub fn with_hdf5(mut self, hdf5: Hdf5Options) -> Self {
        self.hdf5 = hdf5;
        self
    }

    /// Sets how a zarr store is opened: limits, links, requests of remote stores and their provider.
    #[cfg(feature = "zarr")]
    #[must_use]
    pub fn with_zarr(mut self, zarr: ZarrOptions) -> Self {
        self.zarr = zarr;
        self
    }
}

impl From<ElemReadOptions> for ReadOptions {
    fn from(elem: ElemReadOptions) -> Self {
        Self::default().with_elem(elem)
    }
}

/// How an object is written to a path. What concerns one format alone has no effect on others.
///
/// ```
/// use anndata::{Compression, WriteOptions};
///
/// let options = WriteOptions::default().with_compression(Compression::Gzip(4)).with_as_dense(["X"]).with_overwrite(false);
/// assert_eq!(options.overwrite, Some(false));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WriteOptions {
    /// How elements are written.
    pub elem: ElemWriteOptions,
    /// Whether what is at the path is replaced, whole and at once. By default what writes an object does, and
    /// [`convert`](crate::convert()) does not.
    pub overwrite: Option<bool>,
    /// Whether the output is on the disk (fsync) when writing returns. Default: yes.
    pub durable: bool,
    /// How a zarr store is made: version of the format, shards, collected metadata.
    #[cfg(feature = "zarr")]
    pub zarr: ZarrOptions,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            elem: ElemWriteOptions::default(),
            overwrite: None,
            durable: true,
            #[cfg(feature = "zarr")]
            zarr: ZarrOptions::default(),
        }
    }
}

impl WriteOptions {
    /// Sets the compression. By default `.h5ad` files have none and zarr stores have zstd, as in Python. Every reader of
    /// `.h5ad` files has gzip; for zstd and blosc in them, Python needs the package `hdf5plugin`.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.elem = self.elem.with_compression(compression);
        self
    }

    /// Sets the paths of sparse matrices (`X`, `raw/X`, `layers/counts`) that are written dense.
    #[must_use]
    pub fn with_as_dense<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.elem.encode = self.elem.encode.with_as_dense(paths);
        self
    }

    /// Sets the paths of dense matrices that are written as CSR.
    #[must_use]
    pub fn with_as_sparse<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.elem.encode = self.elem.encode.with_as_sparse(paths);
        self
    }

    /// Sets whether text columns of `obs`, `var` and `raw.var` that repeat values become categorical. Default: no.
    #[must_use]
    pub fn with_strings_to_categoricals(mut self, yes: bool) -> Self {
        self.elem.encode = self.elem.encode.with_strings_to_categoricals(yes);
        self
    }

    /// Sets whether nullable text is written as plain text, which anndata before 0.11 reads. Default: no.
    #[must_use]
    #[doc(alias = "allow_write_nullable_strings")]
    pub fn with_plain_strings(mut self, yes: bool) -> Self {
        self.elem.encode = self.elem.encode.with_plain_strings(yes);
        self
    }

    /// Sets the number of rows per chunk of dense arrays. By default the format chooses.
    #[must_use]
    pub fn with_chunk_rows(mut self, rows: impl Into<Option<u64>>) -> Self {
        self.elem.store = self.elem.store.with_chunk_rows(rows.into());
        self
    }

    /// Sets whether stored arrays that are copied whole keep their chunks, shards and codecs. Default: no.
    #[must_use]
    pub fn with_keep_layout(mut self, yes: bool) -> Self {
        self.elem.store = self.elem.store.with_keep_layout(yes);
        self
    }

    /// Sets how the array at a path of the object is stored (`X`, `layers/counts/data`), or all arrays in the group there: see
    /// [`NodeWriteOptions::with_layout`](crate::node::NodeWriteOptions::with_layout).
    ///
    /// ```
    /// use anndata::storage::{ArrayLayout, Codec};
    /// # use anndata::{AnnData, Tensor, WriteOptions};
    ///
    /// # let directory = tempfile::tempdir()?;
    /// # let path = directory.path().join("cells.zarr");
    /// # let adata = AnnData::builder().x(Tensor::from_vec([4, 2], vec![1_i32; 8])?).build()?;
    /// let layout = ArrayLayout::default().with_chunks([1, 2]).with_shards([4, 2]).with_codecs([Codec::Gzip { level: 1 }]);
    /// anndata::write_with(&path, &adata, &WriteOptions::default().with_layout("X", layout))?;
    /// assert_eq!(anndata::open(&path)?.array("X")?.spec().shards.as_deref(), Some(&[4, 2][..]));
    /// # Ok::<(), anndata::Error>(())
    /// ```
    #[must_use]
    #[doc(alias = "dataset_kwargs")]
    pub fn with_layout(mut self, path: impl Into<String>, layout: ArrayLayout) -> Self {
        self.elem.store = self.elem.store.with_layout(path, layout);
        self
    }

    /// Sets the receiver of progress reports.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.elem.store = self.elem.store.with_progress(progress);
        self
    }

    /// Sets the encodings that are known.
    #[must_use]
    pub fn with_registry(mut self, registry: Registry) -> Self {
        self.elem = self.elem.with_registry(registry);
        self
    }

    /// Sets whether what is at the path is replaced.
    #[must_use]
    pub fn with_overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = Some(overwrite);
        self
    }

    /// Sets whether writing waits for the disk (fsync).
    #[must_use]
    pub fn with_durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Sets the version of the format of a zarr store. Default: 3.
    #[cfg(feature = "zarr")]
    #[must_use]
    pub fn with_zarr_format(mut self, format: ZarrFormat) -> Self {
        self.zarr = self.zarr.with_format(format);
        self
    }

    /// Sets whether the arrays of a zarr store get shards. Default: shards of 1 GB.
    #[cfg(feature = "zarr")]
    #[must_use]
    pub fn with_sharding(mut self, sharding: Sharding) -> Self {
        self.zarr = self.zarr.with_sharding(sharding);
        self
    }

    /// Sets how elements are written, all of it at once.
    #[must_use]
    pub fn with_elem(mut self, elem: ElemWriteOptions) -> Self {
        self.elem = elem;
        self
    }

    /// Sets how a zarr store is made, all of it at once.
    #[cfg(feature = "zarr")]
    #[must_use]
    pub fn with_zarr(mut self, zarr: ZarrOptions) -> Self {
        self.zarr = zarr;
        self
    }
}

impl From<ElemWriteOptions> for WriteOptions {
    fn from(elem: ElemWriteOptions) -> Self {
        Self::default().with_elem(elem)
    }
}
