//! How a file is opened.

use anndata_storage::Limits;

/// Who reads the metadata of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum MetadataReader {
    /// `anndata-hdf5-meta`, which is safe Rust: no file makes it crash.
    #[default]
    Rust,
    /// The HDF5 library, which is written in C (feature `write`). It reads what the other refuses: filters that only it has, and
    /// what is in other files.
    Library,
}

/// How an HDF5 file is opened. The default is made for files of unknown origin.
///
/// ```
/// use anndata_io_hdf5::Hdf5Options;
/// use anndata_storage::Limits;
///
/// let options = Hdf5Options::default().with_limits(Limits::NONE).with_allow_virtual(true);
/// assert!(options.allow_virtual && !options.allow_external_links);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
#[allow(clippy::struct_excessive_bools, reason = "a set of independent choices")]
pub struct Hdf5Options {
    /// How much declared sizes are trusted.
    pub limits: Limits,
    /// Who reads the metadata of a file that is opened for reading. What is edited is the library's in any case.
    pub reader: MetadataReader,
    /// Follow links to other files, by the library. Default: refused.
    pub allow_external_links: bool,
    /// Read arrays whose bytes are in other files, by the library. Default: refused.
    pub allow_external_storage: bool,
    /// Read virtual arrays, which are put together from arrays in other files, by the
    /// library. Default: refused.
    pub allow_virtual: bool,
    /// Map files that are opened for reading into memory. Default: no.
    pub mmap: bool,
}

impl Hdf5Options {
    /// Sets [`limits`](Self::limits).
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets [`reader`](Self::reader).
    #[must_use]
    pub fn with_reader(mut self, reader: MetadataReader) -> Self {
        self.reader = reader;
        self
    }

    /// Sets whether links to other files are followed.
    #[must_use]
    pub fn with_allow_external_links(mut self, allow: bool) -> Self {
        self.allow_external_links = allow;
        self
    }

    /// Sets whether arrays whose bytes are in other files are read.
    #[must_use]
    pub fn with_allow_external_storage(mut self, allow: bool) -> Self {
        self.allow_external_storage = allow;
        self
    }

    /// Sets whether virtual arrays are read.
    #[must_use]
    pub fn with_allow_virtual(mut self, allow: bool) -> Self {
        self.allow_virtual = allow;
        self
    }

    /// Sets whether a file that is opened for reading is mapped into memory, and numbers that it has in one piece are not read
    /// but stay where they are: without a copy, without memory of their own, and from the disk when they are looked at. Default: no.
    ///
    /// Everything else is read as usual: chunks (and so all that is compressed), text, booleans, records, big-endian numbers, and
    /// selections in several pieces. Numbers at an address that is not a multiple of their size are copied. Only files are mapped, and only
    /// while they are open for reading.
    ///
    /// **Dangers.** As long as such values are alive, nobody may change the file, this process included: the values would change with
    /// it, although the compiler relies on their not doing so. If the file is truncated, or its disk or network fails, looking at them ends
    /// the process (`SIGBUS`). Replacing the file is safe: the old one stays until the last value is gone, and all writers of this
    /// workspace replace files unless they edit in place. On Windows a mapped file can be neither replaced nor removed. None of this
    /// can be checked here: map only files that you know.
    #[must_use]
    pub fn with_mmap(mut self, mmap: bool) -> Self {
        self.mmap = mmap;
        self
    }

    /// Whether the HDF5 library reads: it was chosen, or is needed for what is allowed.
    pub(crate) fn uses_library(&self) -> bool {
        let beyond_the_file = self.allow_external_links || self.allow_external_storage || self.allow_virtual;
        self.reader == MetadataReader::Library || beyond_the_file
    }
}
