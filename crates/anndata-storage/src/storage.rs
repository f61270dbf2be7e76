//! The traits that a backend implements: [`Storage`] for the tree, [`ArrayStorage`] for one array.

mod parents;
mod pieces;
mod runs;
mod tree;

use std::fmt::{Debug, Display};
use std::future::Future;
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use crate::{
    ArraySpec, Attributes, AxisSelection, Capabilities, ChunkedStorage, Compression, Error, Limits, Result, Tensor,
};
pub(crate) use parents::{make_parents, missing_parents};
pub use pieces::{PieceFormat, PieceState, StoredPieces};
pub use runs::{copy_values, read_positions};
pub use tree::{NodeMeta, TreeVisitor, walk};

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// A group: attributes and children.
    Group,
    /// An array: attributes and values.
    Array,
}

/// A tree of groups and arrays in some format.
///
/// A store that is read implements [`capabilities`](Self::capabilities), [`kind`](Self::kind),
/// [`children`](Self::children), [`attributes`](Self::attributes) and [`open_array`](Self::open_array), and for its arrays
/// [`spec`](ArrayStorage::spec), [`read`](ArrayStorage::read) and [`stored_bytes`](ArrayStorage::stored_bytes). Everything
/// else has a default: what writes is refused with an error of the kind [`ReadOnly`](crate::ErrorKind::ReadOnly). The
/// [guide](crate::guide) builds a complete backend, line by line.
///
/// # Contract
///
/// This is all that the rest of anndata relies on, and all that the `testkit` feature checks.
///
/// **Paths** are names joined by `/` without leading or trailing slash; the root is the empty path, and it is a group that is
/// always there. A name is any text but `""`, `.` and `..`, without `/` and NUL. Nothing stands below an array.
///
/// **Who checks.** The handles [`Group`](crate::Group) and [`Array`](crate::Array) check arguments, make the groups above
/// what is made or moved, and put path and store into every error, so that a backend need not: what is to be made has a
/// parent, which is a group; what is written fits dtype and bounds. As [`Array::inner`](crate::Array::inner) gives safe code
/// the backend itself, a broken promise may cost an error or a wrong number, never undefined behaviour: lengths are compared
/// where they reach `unsafe` code. Two things a handle cannot rule out, as another thread may do the same at the same time:
/// that what is to be made is there already, and that what is to be opened is gone.
///
/// **Threads.** All methods may be called from many threads at once. What one handle of an array writes, or makes longer or
/// shorter, every other handle of it sees. Blocks that have no declared chunk (and shard) in common may be written at the same
/// time, whatever shape they are really stored in: a backend that keeps arrays whole takes a lock.
///
/// **What must be stored**: groups, attributes, and arrays of booleans, integers of 8 to 64 bit, single and double precision
/// and text, of any number of axes and any length, also 0. Every other dtype, and every codec, may be refused with
/// [`Unsupported`](crate::ErrorKind::Unsupported). What is not refused is kept: dtype, shape, values to the last bit, codecs in
/// number and order, whether the array is resizable; the shape of chunks where [`Capabilities::chunks`] says so, except that a
/// chunk longer than the array may be cut to it. Nothing is added: an array that was declared without codecs has none.
///
/// **Values that were never written** read as zeros, or as empty texts. An array may be declared of any size, as nothing is
/// allocated or stored for values before they are written. A backend that cannot do so refuses a size that it could not hold
/// with [`LimitExceeded`](crate::ErrorKind::LimitExceeded) instead of asking for the memory; an array that it has made, it can
/// also read at any position, however large it is.
///
/// **Attributes** are replaced as a whole. They keep name, order ([`Capabilities::ordered`]), shape and value, of any length;
/// their dtype where [`Capabilities::typed_attributes`] says so. [`Attribute::Null`](crate::Attribute::Null) is kept;
/// [`Attribute::Json`](crate::Attribute::Json) may come back as its text.
///
/// **Errors** are of the kinds that the methods name. Message and source are the backend's.
///
/// **Durability and visibility.** What was written is seen at once by all who use the same `Storage`. Three methods bring it
/// further:
///
/// - [`flush`](Self::flush) is durability alone: everything written so far is handed to the operating system, in a state from
///   which the store can be opened. An [`Edit`](crate::Edit) flushes between its steps, so that they reach the disk in order.
///   A format in which nothing is durable before a commit does nothing here.
/// - [`commit`](Self::commit) is called once, at the end of each action of a user (an object or an element is written, a
///   backed object is changed or written back, rows are appended), after it succeeded. Formats with versions make one, and
///   collected metadata are made here. An action that fails does not commit.
/// - Dropping the store loses nothing that was committed.
pub trait Storage: Debug + Display + Send + Sync + 'static {
    /// What this store can do.
    fn capabilities(&self) -> Capabilities;

    /// The file, folder or URL as users know it: what errors about this store name. A store that is made beside its final
    /// place says that place. `None` if there is none, as in memory.
    fn location(&self) -> Option<&Path> {
        None
    }

    /// How much declared sizes are trusted.
    fn limits(&self) -> Limits {
        Limits::default()
    }

    /// What stands at a path, `None` if nothing does.
    ///
    /// # Errors
    /// If the store cannot be read, or what stands there is refused (an external link).
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
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such group.
    fn children(&self, path: &str) -> Result<Vec<String>>;

    /// The attributes of a group or array.
    ///
    /// # Errors
    /// If there is no such element, or an attribute cannot be read.
    fn attributes(&self, path: &str) -> Result<Attributes>;

    /// Opens an array. Reads metadata only.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is no array; [`InvalidData`](crate::ErrorKind::InvalidData) if its
    /// metadata are malformed.
    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>>;

    /// Reports to a visitor the element at a path and all below it, each before its children and these in order: the
    /// metadata of a whole object in one call.
    ///
    /// By default a [walk](crate::walk) asks for one element after the other. A store that answers for many at once (by
    /// a query, a listing, requests that overlap) does so here. What fails for one element is reported for it, and
    /// keeps no other from being reported.
    ///
    /// # Errors
    /// The error of the visitor, which ends the visit.
    fn tree(&self, path: &str, visitor: &mut dyn TreeVisitor) -> Result<()> {
        walk(self, path, visitor)
    }

    /// Metadata without blocking the caller's thread, where the store has latency.
    fn as_async(&self) -> Option<&dyn AsyncStorage> {
        None
    }

    /// Replaces all attributes of a group or array.
    ///
    /// # Errors
    /// If there is no such element, or a value cannot be stored.
    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()> {
        let _ = (path, attributes);
        Err(read_only())
    }

    /// Makes a group in a group.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if something stands there: of several threads that make the same,
    /// one succeeds.
    fn create_group(&self, path: &str) -> Result<()> {
        let _ = path;
        Err(read_only())
    }

    /// Makes an array in a group. The [`spec`](ArraySpec::validate) is valid.
    ///
    /// # Errors
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if something stands there;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a dtype or codec that the format lacks;
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) for a size that it cannot hold.
    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        let _ = (path, spec);
        Err(read_only())
    }

    /// Chooses chunks, shards and codecs of a spec that leaves them open, as suits the format, the length of the array and
    /// the compression. What a spec names is kept where the format has it; shards and codecs that it lacks are chosen as if
    /// they were left open, so that the layout of one format can be asked of another.
    ///
    /// By default the spec is taken as it is, as one piece where there are no chunks ([`Capabilities::chunks`]), and
    /// compression is refused.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the format lacks the compression.
    fn layout(&self, spec: &ArraySpec, compression: Compression) -> Result<ArraySpec> {
        match compression {
            Compression::Default | Compression::None if self.capabilities().chunks => Ok(spec.clone()),
            Compression::Default | Compression::None => {
                Ok(ArraySpec { chunks: None, shards: None, codecs: Vec::new(), ..spec.clone() })
            }
            other => Err(Error::unsupported(format!("this store cannot compress with {other:?}"))),
        }
    }

    /// Moves an element, with all below it, to a free path in a group: in one step, if
    /// [`Capabilities::atomic_rename`] says so. If attributes keep their dtype ([`Capabilities::typed_attributes`]),
    /// references to what is moved follow it.
    ///
    /// # Errors
    /// If there is nothing at `from` or something at `to`.
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let _ = (from, to);
        Err(read_only())
    }

    /// Moves an element, with all below it, to a path in a group, in the place of what stands there, if anything does. By
    /// default the old element is removed, then the new one moved: two steps, so that a format that has one says so by
    /// [`Capabilities::atomic_replace`]. References follow what is moved, as in [`rename`](Self::rename).
    ///
    /// # Errors
    /// If there is nothing at `from`; then what stands at `to` stays.
    fn replace(&self, from: &str, to: &str) -> Result<()> {
        if self.kind(from)?.is_none() {
            return Err(Error::not_found("there is nothing to put in its place"));
        }
        if self.kind(to)?.is_some() {
            self.remove(to)?;
        }
        self.rename(from, to)
    }

    /// Removes an element and all below it.
    ///
    /// # Errors
    /// If there is nothing.
    fn remove(&self, path: &str) -> Result<()> {
        let _ = path;
        Err(read_only())
    }

    /// Hands everything written to the operating system. By default there is nothing to do.
    ///
    /// # Errors
    /// If that fails.
    fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Ends an action of the user: what was written since the last commit belongs together. By default it is
    /// [flushed](Self::flush).
    ///
    /// # Errors
    /// If that fails.
    fn commit(&self) -> Result<()> {
        self.flush()
    }

    /// Where the [pieces](StoredPieces) of its arrays may be copied to: stores of the same family. `None`, the default: nowhere.
    fn piece_family(&self) -> Option<&'static str> {
        None
    }

    /// Compares the checksums that the format has beside those of chunks, and that reading compares only where it reads all
    /// that they cover, as those of the entries of a zip file: an error with its path for each that is wrong and was not
    /// reported yet. Reads what they cover. By default there are none.
    ///
    /// # Errors
    /// If the store cannot be read.
    fn verify(&self) -> Result<Vec<Error>> {
        Ok(Vec::new())
    }
}

/// One open array.
pub trait ArrayStorage: Debug + Send + Sync {
    /// Dtype, shape, chunks, codecs, as they are now: another handle may have made the array longer or shorter.
    ///
    /// This is asked often, so it is kept, not read.
    fn spec(&self) -> Arc<ArraySpec>;

    /// The selected values. Selections are within bounds, one per axis, index lists strictly increasing.
    ///
    /// # Errors
    /// If the stored bytes cannot be read or decoded.
    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor>;

    /// The bytes that the values take in the store, if known without reading them: what a declared size is held against
    /// ([`Limits`]). If it is not known (`None`, the default), nothing is taken to stand behind the declared size.
    ///
    /// # Errors
    /// If the store does not know because its metadata are malformed.
    fn stored_bytes(&self) -> Result<Option<u64>> {
        Ok(None)
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

    /// The same of numbers, into memory of the caller, which is of the size of all the values.
    ///
    /// The default copies what [`read_runs`](Self::read_runs) gives; a backend that can do without the copy does so
    /// ([`chunked::read_runs_into`](crate::chunked::read_runs_into)).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_runs_into(&self, runs: &[Range<u64>], out: &mut [u8]) -> Result<()> {
        copy_values(&self.read_runs(runs)?, out)
    }

    /// Writes a block of the array's dtype whose first element goes to `offset`; it lies within bounds. A chunk that the
    /// block covers in part keeps the rest of its values, so callers do not write one chunk from two threads at a time.
    ///
    /// # Errors
    /// If writing fails.
    fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        let _ = (offset, values);
        Err(read_only())
    }

    /// Changes the length of the first axis of an array that was declared resizable. Rows that are given up are gone:
    /// where the array grows again they read as never written.
    ///
    /// # Errors
    /// If the array cannot be resized.
    fn resize(&self, shape: &[u64]) -> Result<()> {
        let _ = shape;
        Err(read_only())
    }

    /// Access to the raw chunks, where values are stored in chunks of a fixed-size dtype.
    fn as_chunked(&self) -> Option<&dyn ChunkedStorage> {
        None
    }

    /// The stored pieces, where these can be copied as they are. By default they cannot.
    fn as_pieces(&self) -> Option<&dyn StoredPieces> {
        None
    }

    /// Reading without blocking the caller's thread, where the store has latency.
    fn as_async(&self) -> Option<&dyn AsyncArrayStorage> {
        None
    }
}

impl Error {
    /// Names the file of a store, if none is named yet and the store has one.
    #[must_use]
    pub fn in_store(self, store: &dyn Storage) -> Self {
        match store.location() {
            Some(file) if self.file().is_none() => self.in_file(file),
            _ => self,
        }
    }
}

fn read_only() -> Error {
    Error::read_only("the store is for reading only")
}

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A store whose metadata can be read without blocking a thread. It may be polled by any executor.
pub trait AsyncStorage: Send + Sync {
    /// Like [`Storage::tree`].
    ///
    /// # Errors
    /// As [`Storage::tree`].
    fn tree_async<'a>(&'a self, path: &'a str, visitor: &'a mut (dyn TreeVisitor + Send)) -> BoxFuture<'a, Result<()>>;
}

/// An array whose values can be read without blocking a thread. It may be polled by any executor.
pub trait AsyncArrayStorage: Send + Sync {
    /// The selected values, as [`ArrayStorage::read`] gives them.
    ///
    /// # Errors
    /// As [`ArrayStorage::read`].
    fn read_async<'a>(&'a self, selection: &'a [AxisSelection]) -> BoxFuture<'a, Result<Tensor>>;

    /// Says that something of the array is going to be read, and that it is not known yet what: a store requests what any read
    /// needs, such as where chunks are, and does not wait for it. The default does nothing.
    ///
    /// # Errors
    /// If no request can be started. What goes wrong with one is left to the read.
    fn anticipate(&self) -> Result<()> {
        Ok(())
    }
}
