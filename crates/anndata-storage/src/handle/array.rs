//! [`Array`]: reading, writing and streaming of one array, checked.

mod blocks;
mod pieces;

use std::ops::Range;
use std::sync::Arc;

use super::check_writable;
use crate::{
    ArraySpec, ArrayStorage, Attributes, AxisSelection, DType, Error, OrBug, Result, Storage, Tensor, ensure, file_name,
};
pub use blocks::{BlockSize, Blocks};
pub use pieces::{Copied, PieceCopy};

/// An open array of a store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Array {
    storage: Arc<dyn Storage>,
    inner: Arc<dyn ArrayStorage>,
    path: String,
}

impl Array {
    /// The handle of an open array of a store, as [`Storage::tree`] gives it. It opens nothing.
    pub fn new(storage: Arc<dyn Storage>, inner: Arc<dyn ArrayStorage>, path: impl Into<String>) -> Self {
        Self { storage, inner, path: path.into() }
    }

    /// The store.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// The path in the store.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last name of the path.
    pub fn name(&self) -> &str {
        file_name(&self.path)
    }

    /// The backend's array, for what the handle does not offer.
    pub fn inner(&self) -> &Arc<dyn ArrayStorage> {
        &self.inner
    }

    /// Dtype, shape, chunks, codecs, as they are now.
    pub fn spec(&self) -> Arc<ArraySpec> {
        self.inner.spec()
    }

    /// The type of an element.
    pub fn dtype(&self) -> DType {
        self.spec().dtype.clone()
    }

    /// The length of each axis.
    pub fn shape(&self) -> Vec<u64> {
        self.spec().shape.clone()
    }

    /// The bytes that the values take in the store, if known.
    ///
    /// # Errors
    /// If the store's metadata is malformed.
    pub fn stored_bytes(&self) -> Result<Option<u64>> {
        self.inner.stored_bytes().map_err(|error| self.locate(error))
    }

    /// The attributes.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn attributes(&self) -> Result<Attributes> {
        self.storage.attributes(&self.path).map_err(|error| self.locate(error))
    }

    /// Replaces all attributes.
    ///
    /// # Errors
    /// If one cannot be stored.
    pub fn set_attributes(&self, attributes: &Attributes) -> Result<()> {
        check_writable(&*self.storage)
            .and_then(|()| self.storage.set_attributes(&self.path, attributes))
            .map_err(|error| self.locate(error))
    }

    /// All values.
    ///
    /// # Errors
    /// If the declared size is over the store's [`Limits`](crate::Limits), or the values cannot be read.
    pub fn read(&self) -> Result<Tensor> {
        self.read_selection(&AxisSelection::all(&self.shape()))
    }

    /// The selected values: one [`AxisSelection`] a dimension, index lists in any order, with repeats.
    ///
    /// Reads no chunk that holds nothing of the selection, and each other chunk once.
    ///
    /// # Errors
    /// If the selection is out of bounds, or as [`read`](Self::read).
    pub fn read_selection(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        self.read_checked(selection).map_err(|error| self.locate(error))
    }

    /// Runs of a one-dimensional array, one after the other: in any order, overlapping or not. Each chunk is decoded
    /// once.
    ///
    /// # Errors
    /// If a run is out of bounds, or as [`read`](Self::read).
    pub fn read_runs(&self, runs: &[Range<u64>]) -> Result<Tensor> {
        self.check_runs(runs).and_then(|_| self.inner.read_runs(runs)).map_err(|error| self.locate(error))
    }

    /// Runs of a one-dimensional array of numbers, as [`read_runs`](Self::read_runs) gives them, into memory of the caller:
    /// as many bytes as the values have together, in the byte order of the machine. Memory can so be used again from read to
    /// read.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use anndata_storage::{ArraySpec, Group, MemoryStore, Tensor};
    ///
    /// let values = Tensor::from_vec([5], vec![10_u16, 11, 12, 13, 14])?;
    /// let array = Group::root(Arc::new(MemoryStore::new())).create_array("a", &ArraySpec::of(&values))?;
    /// array.write(&[0], &values)?;
    /// let mut bytes = [0; 6];
    /// array.read_runs_into(&[4..5, 0..2], &mut bytes)?;
    /// assert_eq!(bytes.chunks(2).map(|v| u16::from_ne_bytes([v[0], v[1]])).collect::<Vec<_>>(), [14, 10, 11]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`read_runs`](Self::read_runs); [`DType`](crate::ErrorKind::DType) if the values are not numbers (booleans are not:
    /// not all bytes are such); [`InvalidInput`](crate::ErrorKind::InvalidInput) if the memory is of another size.
    pub fn read_runs_into(&self, runs: &[Range<u64>], out: &mut [u8]) -> Result<()> {
        self.fill_from_runs(runs, out).map_err(|error| self.locate(error))
    }

    fn fill_from_runs(&self, runs: &[Range<u64>], out: &mut [u8]) -> Result<()> {
        let total = self.check_runs(runs)?;
        let dtype = self.dtype();
        let Some(size) = dtype.size().filter(|_| dtype.is_numeric() && dtype != DType::Bool) else {
            return Err(Error::dtype(format!("values of type {dtype} are not numbers")));
        };
        if total.checked_mul(size as u64) != Some(out.len() as u64) {
            return Err(Error::invalid_input(format!("{} bytes for {total} values of {size}", out.len())));
        }
        self.inner.read_runs_into(runs, out)
    }

    /// The selected values, without blocking the thread if the store has latency. Other stores read as
    /// [`read_selection`](Self::read_selection) does, when the future is first polled.
    ///
    /// # Errors
    /// As [`read_selection`](Self::read_selection).
    pub async fn read_async(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        let Some(inner) = self.inner.as_async() else { return self.read_selection(selection) };
        let read = async {
            let spec = self.readable_spec()?;
            let sorted = self.prepare(&spec, selection)?;
            let tensor = inner.read_async(sorted.as_deref().unwrap_or(selection)).await?;
            restore(tensor, selection, sorted.as_deref())
        };
        read.await.map_err(|error| self.locate(error))
    }

    /// Writes a block whose first element goes to `offset`.
    ///
    /// # Errors
    /// If dtype or bounds do not fit, the store is read-only, or writing fails.
    pub fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        check_writable(&*self.storage)
            .and_then(|()| self.check_block(offset, values))
            .and_then(|()| self.inner.write(offset, values))
            .map_err(|error| self.locate(error))
    }

    /// Changes the length of the first axis of an array that was declared resizable.
    ///
    /// # Errors
    /// If the array is not resizable, or another axis would change.
    pub fn resize(&self, shape: &[u64]) -> Result<()> {
        let spec = self.spec();
        let result = if let Err(error) = check_writable(&*self.storage) {
            Err(error)
        } else if !spec.resizable || spec.shape.is_empty() {
            Err(Error::invalid_input("the array was not made resizable"))
        } else if spec.shape.get(1..) != shape.get(1..) || spec.ndim() != shape.len() {
            Err(Error::invalid_input(format!(
                "shape {:?} cannot become {shape:?}: only the first axis grows",
                spec.shape
            )))
        } else {
            self.inner.resize(shape)
        };
        result.map_err(|error| self.locate(error))
    }

    /// The values as blocks of whole chunks, of at most so many bytes each where a chunk is not larger, in C order of
    /// the blocks. For streaming; a number of bytes is a size.
    pub fn blocks<'a>(&self, size: impl Into<BlockSize<'a>>) -> Blocks {
        Blocks::new(self.clone(), size.into())
    }

    /// Names the store and the array in an error.
    fn locate(&self, error: Error) -> Error {
        error.at(&self.path).in_store(&*self.storage)
    }

    fn read_checked(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        let spec = self.readable_spec()?;
        let sorted = self.prepare(&spec, selection)?;
        restore(self.inner.read(sorted.as_deref().unwrap_or(selection))?, selection, sorted.as_deref())
    }

    /// Checks runs, and gives the number of values in all of them.
    fn check_runs(&self, runs: &[Range<u64>]) -> Result<u64> {
        let spec = self.readable_spec()?;
        let [len] = *spec.shape.as_slice() else {
            return Err(Error::invalid_input(format!("runs are of one dimension, not of shape {:?}", spec.shape)));
        };
        if let Some(bad) = runs.iter().find(|run| run.start > run.end || run.end > len) {
            return Err(Error::invalid_input(format!("the run {bad:?} is out of bounds of the length {len}")));
        }
        let total = runs.iter().try_fold(0_u64, |sum, run| sum.checked_add(run.end - run.start));
        let total = total.ok_or_else(|| Error::limit_exceeded("the runs are too long together"))?;
        // Together they may be longer than the array, but not without bound.
        self.check_size(&spec, &[AxisSelection::Range(0..total)])?;
        Ok(total)
    }

    fn readable_spec(&self) -> Result<Arc<ArraySpec>> {
        let spec = self.spec();
        if let DType::Unknown(what) = &spec.dtype {
            return Err(Error::unsupported(format!("values of type '{what}' cannot be read")));
        }
        if spec.null {
            return Err(Error::invalid_data("the array has no value (a null dataspace)"));
        }
        Ok(spec)
    }

    /// Checks a selection; sorts and dedups index lists that are not strictly increasing (`None`: nothing to do).
    fn prepare(&self, spec: &ArraySpec, selection: &[AxisSelection]) -> Result<Option<Vec<AxisSelection>>> {
        if selection.len() != spec.ndim() {
            return Err(Error::invalid_input(format!(
                "{} selections were given for the {} axes of shape {:?}",
                selection.len(),
                spec.ndim(),
                spec.shape
            )));
        }
        for (i, (axis, &len)) in selection.iter().zip(&spec.shape).enumerate() {
            if axis.end() > len {
                return Err(Error::invalid_input(format!(
                    "position {} of axis {i} is out of bounds of its length {len}",
                    axis.end() - 1
                )));
            }
        }
        let sorted: Vec<Option<AxisSelection>> = selection.iter().map(sort).collect();
        self.check_size(spec, selection)?;
        if sorted.iter().all(Option::is_none) {
            return Ok(None);
        }
        Ok(Some(
            sorted.into_iter().zip(selection).map(|(sorted, axis)| sorted.unwrap_or_else(|| axis.clone())).collect(),
        ))
    }

    /// Checks the size that the array declares against the bytes that it stores, before it is streamed.
    pub(super) fn check_declared(&self) -> Result<()> {
        let spec = self.spec();
        self.check_bytes(&spec, &AxisSelection::all(&spec.shape), true).map_err(|error| self.locate(error))
    }

    fn check_size(&self, spec: &ArraySpec, selection: &[AxisSelection]) -> Result<()> {
        self.check_bytes(spec, selection, false)
    }

    /// Checks what a selection takes in memory, as a whole or streamed, against what the store has.
    fn check_bytes(&self, spec: &ArraySpec, selection: &[AxisSelection], streamed: bool) -> Result<()> {
        if selection.iter().any(AxisSelection::is_empty) {
            return Ok(());
        }
        // A text takes at least its offset in memory. A chunk is decoded whole, however little of it is wanted. A size
        // beyond all numbers is over every limit.
        let size = spec.dtype.size().unwrap_or(size_of::<i64>()) as u64;
        let chunk = spec.chunks.iter().flatten().copied().fold(size, u64::saturating_mul);
        let needed = selection.iter().map(AxisSelection::len).fold(size, u64::saturating_mul).max(chunk);
        // Each chunk is looked for, also where none is stored.
        let touched = selection.iter().zip(spec.chunks.iter().flatten()).map(|(axis, &chunk)| touched(axis, chunk));
        let touched = touched.fold(1, u64::saturating_mul);
        let cost = if touched > FEW_CHUNKS { touched.saturating_mul(CHUNK_COST) } else { 0 };
        let limits = self.storage.limits();
        if needed.max(cost) <= limits.max_unbacked {
            return Ok(());
        }
        let Some(stored) = self.inner.stored_bytes()? else {
            // Each block of a stream is held against the limits when it is read, so that here only their number counts.
            let unbacked = if streamed { chunk } else { needed }.max(cost);
            if unbacked <= limits.max_unbacked {
                return Ok(());
            }
            return Err(Error::limit_exceeded(format!(
                "{unbacked} bytes are declared, and the store cannot tell how many are stored; the limits allow {} \
                 without any (max_unbacked): raise them for a store that you trust, or read it in parts",
                limits.max_unbacked
            )));
        };
        limits.check(needed, stored)?;
        limits.check(cost, stored).map_err(|error| {
            let message = format!("{touched} chunks are declared but only {stored} bytes are stored");
            Error::limit_exceeded(message).with_source(error)
        })
    }

    fn check_block(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        let spec = self.spec();
        if spec.null {
            return Err(Error::invalid_input("an array without a value cannot be written"));
        }
        if spec.dtype != *values.dtype() {
            return Err(Error::dtype(format!(
                "values of type {} were given for an array of {}",
                values.dtype(),
                spec.dtype
            )));
        }
        let fits = offset.len() == spec.ndim()
            && values.ndim() == spec.ndim()
            && offset
                .iter()
                .zip(values.shape())
                .zip(&spec.shape)
                .all(|((&start, &len), &end)| start.checked_add(len as u64).is_some_and(|stop| stop <= end));
        if !fits {
            return Err(Error::invalid_input(format!(
                "a block of shape {:?} at {offset:?} does not fit into an array of shape {:?}",
                values.shape(),
                spec.shape
            )));
        }
        Ok(())
    }
}

/// The bytes that a chunk counts at least where the limits are applied, as finding out that it is not stored takes time. A
/// chunk that is stored has a byte at least, for which the limits allow as many by default.
const CHUNK_COST: u64 = 4 << 10;

/// Up to so many chunks are looked for in no time.
const FEW_CHUNKS: u64 = 1 << 10;

/// The chunks that a selection touches along an axis, at most.
fn touched(axis: &AxisSelection, chunk: u64) -> u64 {
    match axis {
        AxisSelection::Range(range) if range.is_empty() => 0,
        AxisSelection::Range(range) => (range.end - 1) / chunk.max(1) - range.start / chunk.max(1) + 1,
        AxisSelection::Indices(indices) => (indices.len() as u64).min(axis.end().div_ceil(chunk.max(1))),
    }
}

/// A strictly increasing version of an index list, `None` if it is that already.
fn sort(axis: &AxisSelection) -> Option<AxisSelection> {
    let AxisSelection::Indices(indices) = axis else { return None };
    if indices.is_sorted_by(|a, b| a < b) {
        return None;
    }
    let mut sorted = indices.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    Some(AxisSelection::from(sorted))
}

/// Brings what was read sorted into the caller's order. What the backend gives has to be as large as what it was asked.
fn restore(tensor: Tensor, wanted: &[AxisSelection], read: Option<&[AxisSelection]>) -> Result<Tensor> {
    let asked = read.unwrap_or(wanted);
    let fits =
        tensor.ndim() == asked.len() && tensor.shape().iter().zip(asked).all(|(&len, axis)| len as u64 == axis.len());
    ensure!(fits, "the store gave values of shape {:?} for the selection {asked:?}", tensor.shape());
    let Some(read) = read else { return Ok(tensor) };
    let order = wanted.iter().zip(read).map(|(wanted, read)| match (wanted, read) {
        (AxisSelection::Indices(wanted), AxisSelection::Indices(read)) => {
            let position = |index| Ok(read.binary_search(index).ok().or_bug("a position that was not read")? as u64);
            Ok(AxisSelection::from(wanted.iter().map(position).collect::<Result<Vec<_>>>()?))
        }
        (_, read) => Ok(AxisSelection::Range(0..read.len())),
    });
    tensor.select(&order.collect::<Result<Vec<_>>>()?)
}
