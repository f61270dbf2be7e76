//! The traits that a backend implements: [`Storage`] for the tree, [`ArrayStorage`] for one array.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use crate::{ArraySpec, Attributes, Axis, ChunkedStorage, Compression, Error, OrBug, Result, Tensor};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// A group: attributes and children.
    Group,
    /// An array: attributes and values.
    Array,
}

/// What a store can do; the `testkit` feature runs the cases that apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "a set of independent abilities")]
pub struct Capabilities {
    /// Groups and arrays can be made, changed and removed.
    pub write: bool,
    /// Arrays declared `resizable` can grow and shrink along their first axis.
    pub resize: bool,
    /// Arrays without values ([`ArraySpec::null`]) are told apart from scalars.
    pub null_arrays: bool,
    /// Compound dtypes with text of any length in a field can be stored.
    pub text_in_records: bool,
    /// Dates and spans of time ([`DType::Datetime`](crate::DType::Datetime), [`DType::Timedelta`](crate::DType::Timedelta))
    /// can be stored.
    pub times: bool,
    /// Attributes keep their exact dtype (otherwise: boolean, 64-bit integer, double, text).
    pub typed_attributes: bool,
    /// Children and attributes are listed in the order in which they were made (otherwise: sorted by name).
    pub ordered: bool,
}

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self {
        write: true,
        resize: true,
        null_arrays: true,
        text_in_records: true,
        times: true,
        typed_attributes: true,
        ordered: true,
    };

    /// The same without the ability to write.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.write = false;
        self
    }
}

/// How much a reader trusts the sizes that a file declares.
///
/// A file may declare an array far larger than what it stores: everything unwritten, or compressed very well. An array
/// is read only where its size in memory is at most `stored bytes x max_expansion + max_unbacked`. A chunk counts 4 KiB at
/// least, since it takes time to find out that it was never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes in memory for each stored byte. Default: 4,096 (deflate reaches 1,032, a chunk of zeros in zstd more).
    pub max_expansion: u64,
    /// Bytes in memory that need no stored byte behind them. Default: 4 GiB.
    pub max_unbacked: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_expansion: 4096, max_unbacked: 4 << 30 }
    }
}

impl Limits {
    /// No limit: for files of one's own.
    pub const NONE: Self = Self { max_expansion: u64::MAX, max_unbacked: u64::MAX };

    /// The same with another [`max_expansion`](Self::max_expansion).
    #[must_use]
    pub fn with_max_expansion(mut self, bytes_per_byte: u64) -> Self {
        self.max_expansion = bytes_per_byte;
        self
    }

    /// The same with another [`max_unbacked`](Self::max_unbacked).
    #[must_use]
    pub fn with_max_unbacked(mut self, bytes: u64) -> Self {
        self.max_unbacked = bytes;
        self
    }

    /// Checks that `needed` bytes may be allocated for something that takes `stored` bytes in the file.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`](crate::ErrorKind::LimitExceeded).
    pub fn check(&self, needed: u64, stored: u64) -> Result<()> {
        // A product beyond all numbers allows every size, as no limit does.
        let allowed = stored.saturating_mul(self.max_expansion).saturating_add(self.max_unbacked);
        if needed <= allowed {
            return Ok(());
        }
        Err(Error::limit_exceeded(format!(
            "{needed} bytes are declared but only {stored} are stored; the limits allow {allowed}"
        )))
    }
}

/// A tree of groups and arrays in some format.
///
/// Paths are names joined by `/` without leading or trailing slash; the root is the empty path. A backend trusts its
/// caller: the handles [`Group`](crate::Group) and [`Array`](crate::Array) check arguments and add paths to errors.
/// All methods may be called from many threads.
pub trait Storage: Debug + Display + Send + Sync + 'static {
    /// What this store can do.
    fn capabilities(&self) -> Capabilities;

    /// The file, folder or URL as users know it: what errors about this store name. A store that is made beside its final
    /// place says that place. `None` where there is none, as in memory.
    fn location(&self) -> Option<&Path> {
        None
    }

    /// How much declared sizes are trusted.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// What stands at a path, `None` where nothing does.
    ///
    /// # Errors
    /// Where the store cannot be read, or what stands there is refused (an external link).
    fn kind(&self, path: &str) -> Result<Option<NodeKind>>;

    /// A number that only this element has, where the format lets one element stand at many paths (hard links). `None`
    /// where it does not, which is the default, or where nothing stands there.
    ///
    /// Who walks over a tree learns from it that links multiply what is stored.
    ///
    /// # Errors
    /// As [`kind`](Self::kind).
    fn identity(&self, path: &str) -> Result<Option<u128>> {
        let _ = path;
        Ok(None)
    }

    /// The names of a group's children.
    ///
    /// # Errors
    /// Where there is no such group.
    fn children(&self, path: &str) -> Result<Vec<String>>;

    /// The attributes of a group or array.
    ///
    /// # Errors
    /// Where there is no such element, or an attribute cannot be read.
    fn attributes(&self, path: &str) -> Result<Attributes>;

    /// Replaces all attributes of a group or array.
    ///
    /// # Errors
    /// Where there is no such element, or a value cannot be stored.
    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()>;

    /// Makes a group, and those above it that are missing.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where something stands there.
    fn create_group(&self, path: &str) -> Result<()>;

    /// Makes an array, and the groups above it that are missing.
    ///
    /// Any declared size is taken: nothing is allocated or stored for values before they are written. A format that
    /// cannot do so refuses a size with [`LimitExceeded`](crate::ErrorKind::LimitExceeded) rather than ask for the memory.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) where something stands there;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a dtype or codec that the format lacks.
    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>>;

    /// Chooses chunks, shards and codecs of a spec that leaves them open, as suits the format, the length of the array and
    /// the compression. What a spec names is kept where the format has it; shards and codecs that it lacks are chosen as if
    /// they were left open, so that the layout of one format can be asked of another.
    ///
    /// By default the spec is taken as it is, and compression is refused.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the format lacks the compression.
    fn layout(&self, spec: &ArraySpec, compression: Compression) -> Result<ArraySpec> {
        match compression {
            Compression::Default | Compression::None => Ok(spec.clone()),
            other => Err(Error::unsupported(format!("this store cannot compress with {other:?}"))),
        }
    }

    /// Opens an array. Reads metadata only.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is no array, or its metadata is malformed.
    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>>;

    /// Moves an element to a free path, with all below it. Should the process end meanwhile, the element is at one of the
    /// two paths, whole, where the format can see to that. Where attributes keep their dtype
    /// ([`Capabilities::typed_attributes`]), references to what is moved follow it.
    ///
    /// # Errors
    /// Where there is nothing at `from` or something at `to`.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Removes an element and all below it.
    ///
    /// # Errors
    /// Where there is nothing.
    fn remove(&self, path: &str) -> Result<()>;

    /// Hands everything written to the operating system.
    ///
    /// # Errors
    /// Where that fails.
    fn flush(&self) -> Result<()>;

    /// Compares the checksums that the format has beside those of chunks, and that reading compares only where it reads all
    /// that they cover, as those of the entries of a zip file: an error with its path for each that is wrong and was not
    /// told of yet. Reads what they cover. By default there are none.
    ///
    /// # Errors
    /// Where the store cannot be read.
    fn verify(&self) -> Result<Vec<Error>> {
        Ok(Vec::new())
    }

    /// Re-makes collected metadata, where the format has such.
    ///
    /// # Errors
    /// Where that fails.
    fn consolidate(&self) -> Result<()> {
        self.flush()
    }
}

/// One open array.
pub trait ArrayStorage: Debug + Send + Sync {
    /// Dtype, shape, chunks, codecs.
    fn spec(&self) -> ArraySpec;

    /// The selected values. Selections are within bounds, one an axis, index lists strictly increasing.
    ///
    /// # Errors
    /// Where the stored bytes cannot be read or decoded.
    fn read(&self, selection: &[Axis]) -> Result<Tensor>;

    /// Writes a block of the array's dtype whose first element goes to `offset`; it lies within bounds. A chunk that the
    /// block covers in part keeps the rest of its values, so callers do not write one chunk from two threads at a time.
    ///
    /// # Errors
    /// Where the store is read-only or writing fails.
    fn write(&self, offset: &[u64], values: &Tensor) -> Result<()>;

    /// Changes the length of the first axis of an array that was declared resizable. Rows that are given up are gone:
    /// where the array grows again they read as never written.
    ///
    /// # Errors
    /// Where the array cannot be resized.
    fn resize(&self, shape: &[u64]) -> Result<()>;

    /// Several selections at once; a backend whose reads have latency overlaps them.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_many(&self, selections: &[Vec<Axis>]) -> Result<Vec<Tensor>> {
        selections.iter().map(|selection| self.read(selection)).collect()
    }

    /// Runs of a one-dimensional array, one after the other: in any order, overlapping or not, all within bounds. Each
    /// chunk is decoded once.
    ///
    /// The default selects the positions of all runs; a backend that can copy runs as pieces does so
    /// ([`chunked::read_runs`](crate::chunked::read_runs)).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_runs(&self, runs: &[Range<u64>]) -> Result<Tensor> {
        read_positions(|selection| self.read(selection), runs)
    }

    /// The bytes that the values take in the store, where known without reading them. Where they are not known
    /// (`None`), the store's [`Limits`] cannot be applied.
    ///
    /// # Errors
    /// Where the store cannot tell because its metadata is malformed.
    fn stored_bytes(&self) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Access to the raw chunks, where values are stored in chunks of a fixed-size dtype.
    fn as_chunked(&self) -> Option<&dyn ChunkedStorage> {
        None
    }

    /// Reading without blocking the caller's thread, where the store has latency.
    fn as_async(&self) -> Option<&dyn AsyncArrayStorage> {
        None
    }
}

/// Runs of a one-dimensional array by a function that reads selections of strictly increasing positions: what
/// [`ArrayStorage::read_runs`] does where a backend has nothing better.
///
/// # Errors
/// As the function.
pub fn read_positions(read: impl Fn(&[Axis]) -> Result<Tensor>, runs: &[Range<u64>]) -> Result<Tensor> {
    if let [run] = runs {
        return read(&[Axis::Range(run.clone())]);
    }
    let wanted: Vec<u64> = runs.iter().cloned().flatten().collect();
    if wanted.is_sorted_by(|a, b| a < b) {
        return read(&[Axis::of_positions(wanted)]);
    }
    let mut sorted = wanted.clone();
    sorted.sort_unstable();
    sorted.dedup();
    let place = |at| Ok(sorted.binary_search(at).ok().or_bug("a position that is not among the sorted ones")? as u64);
    let places = wanted.iter().map(place).collect::<Result<Vec<_>>>()?;
    read(&[Axis::of_positions(sorted)])?.take(0, &places)
}

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An array whose values can be read without blocking a thread. It may be polled by any executor.
pub trait AsyncArrayStorage: Send + Sync {
    /// The selected values, as [`ArrayStorage::read`] gives them.
    ///
    /// # Errors
    /// As [`ArrayStorage::read`].
    fn read_async<'a>(&'a self, selection: &'a [Axis]) -> BoxFuture<'a, Result<Tensor>>;
}
