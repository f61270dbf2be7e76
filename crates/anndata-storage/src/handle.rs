//! [`Group`] and [`Array`]: the handles that users hold. They check arguments and put the path into every error.

mod blocks;

use std::sync::Arc;

use crate::{
    ArraySpec, ArrayStorage, Attribute, Attributes, Axis, DType, Error, NodeKind, Result, Storage, Tensor, child_path,
    file_name, parent_path,
};
pub use blocks::Blocks;

/// A group of a store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Group {
    storage: Arc<dyn Storage>,
    path: String,
}

impl Group {
    /// The root group of a store.
    pub fn root(storage: Arc<dyn Storage>) -> Self {
        Self { storage, path: String::new() }
    }

    /// The store.
    pub fn storage(&self) -> &Arc<dyn Storage> {
        &self.storage
    }

    /// The path in the store; the root is empty.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The last name of the path; the root is empty.
    pub fn name(&self) -> &str {
        file_name(&self.path)
    }

    /// The path of `key` below this group. A key may be a relative path.
    pub fn path_of(&self, key: &str) -> String {
        child_path(&self.path, key)
    }

    /// What stands at `key`, `None` where nothing does. Nothing is ever named `.`, `..` or by an empty text, so no key
    /// leads out of the store.
    ///
    /// # Errors
    /// Where the store cannot be read, or what stands there is refused.
    pub fn kind(&self, key: &str) -> Result<Option<NodeKind>> {
        let path = self.path_of(key);
        if !path.is_empty() && !path.split('/').all(is_name) {
            return Ok(None);
        }
        self.storage.kind(&path).map_err(|error| error.at(&path))
    }

    /// Whether there is something at `key`.
    ///
    /// # Errors
    /// As [`kind`](Self::kind).
    pub fn contains(&self, key: &str) -> Result<bool> {
        Ok(self.kind(key)?.is_some())
    }

    /// The names of the children.
    ///
    /// # Errors
    /// Where the group is gone or the store cannot be read.
    pub fn children(&self) -> Result<Vec<String>> {
        self.storage.children(&self.path).map_err(|error| error.at(&self.path))
    }

    /// The attributes.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn attributes(&self) -> Result<Attributes> {
        self.storage.attributes(&self.path).map_err(|error| error.at(&self.path))
    }

    /// Replaces all attributes.
    ///
    /// # Errors
    /// Where one cannot be stored.
    pub fn set_attributes(&self, attributes: &Attributes) -> Result<()> {
        check_writable(&*self.storage)
            .and_then(|()| self.storage.set_attributes(&self.path, attributes))
            .map_err(|error| error.at(&self.path))
    }

    /// Sets one attribute and keeps the others.
    ///
    /// # Errors
    /// Where it cannot be stored.
    pub fn set_attribute(&self, name: &str, value: impl Into<Attribute>) -> Result<()> {
        let mut attributes = self.attributes()?;
        attributes.insert(name.to_owned(), value.into());
        self.set_attributes(&attributes)
    }

    /// The group at `key`.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is none.
    pub fn group(&self, key: &str) -> Result<Self> {
        let path = self.path_of(key);
        match self.kind(key)? {
            Some(NodeKind::Group) => Ok(Self { storage: Arc::clone(&self.storage), path }),
            Some(NodeKind::Array) => Err(Error::not_found("an array, not a group").at(&path)),
            None => Err(Error::not_found("no such group").at(&path)),
        }
    }

    /// The array at `key`. Reads metadata only.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) where there is none.
    pub fn array(&self, key: &str) -> Result<Array> {
        let path = self.path_of(key);
        match self.kind(key)? {
            Some(NodeKind::Array) => {
                let inner = self.storage.open_array(&path).map_err(|error| error.at(&path))?;
                Ok(Array::new(Arc::clone(&self.storage), inner, path))
            }
            Some(NodeKind::Group) => Err(Error::not_found("a group, not an array").at(&path)),
            None => Err(Error::not_found("no such array").at(&path)),
        }
    }

    /// Makes a group at `key`, and those above it that are missing.
    ///
    /// # Errors
    /// Where something stands there, or the store cannot be written.
    pub fn create_group(&self, key: &str) -> Result<Self> {
        let path = self.path_of(key);
        self.check_free(key, &path)?;
        self.storage.create_group(&path).map_err(|error| error.at(&path))?;
        Ok(Self { storage: Arc::clone(&self.storage), path })
    }

    /// The group at `key`, made where it is missing.
    ///
    /// # Errors
    /// Where an array stands there, or the store cannot be written.
    pub fn require_group(&self, key: &str) -> Result<Self> {
        match self.kind(key)? {
            Some(_) => self.group(key),
            None => self.create_group(key),
        }
    }

    /// Makes an array at `key`. Until it is written it reads as zeros (or empty text).
    ///
    /// # Errors
    /// Where something stands there, the spec contradicts itself, or the format lacks the dtype or a codec.
    pub fn create_array(&self, key: &str, spec: &ArraySpec) -> Result<Array> {
        let path = self.path_of(key);
        spec.validate().map_err(|error| error.at(&path))?;
        self.check_free(key, &path)?;
        let inner = self.storage.create_array(&path, spec).map_err(|error| error.at(&path))?;
        Ok(Array::new(Arc::clone(&self.storage), inner, path))
    }

    /// Moves what stands at `from` to the free key `to`.
    ///
    /// # Errors
    /// Where nothing stands at `from` or something at `to`.
    pub fn rename(&self, from: &str, to: &str) -> Result<()> {
        let (from_path, to_path) = (self.path_of(from), self.path_of(to));
        check_writable(&*self.storage).map_err(|error| error.at(&from_path))?;
        if !self.contains(from)? {
            return Err(Error::not_found("nothing to rename").at(&from_path));
        }
        if from_path.is_empty() || to_path.strip_prefix(&from_path).is_some_and(|rest| rest.starts_with('/')) {
            return Err(Error::invalid_input("an element cannot be moved below itself").at(&from_path));
        }
        self.check_free(to, &to_path)?;
        self.storage.rename(&from_path, &to_path).map_err(|error| error.at(&from_path))
    }

    /// Removes what stands at `key`, and all below it.
    ///
    /// # Errors
    /// Where nothing stands there.
    pub fn remove(&self, key: &str) -> Result<()> {
        let path = self.path_of(key);
        check_writable(&*self.storage).map_err(|error| error.at(&path))?;
        if path.is_empty() {
            return Err(Error::invalid_input("the root cannot be removed").at(&path));
        }
        if !self.contains(key)? {
            return Err(Error::not_found("nothing to remove").at(&path));
        }
        self.storage.remove(&path).map_err(|error| error.at(&path))
    }

    /// Checks that something can be made at `key`.
    fn check_free(&self, key: &str, path: &str) -> Result<()> {
        check_writable(&*self.storage).map_err(|error| error.at(path))?;
        if path.is_empty() || !path.split('/').all(is_name) {
            return Err(Error::invalid_input(format!("'{key}' is no name for an element")).at(&self.path));
        }
        if self.contains(key)? {
            return Err(Error::already_exists("something is there already").at(path));
        }
        let mut above = parent_path(path);
        while let Some(parent) = above.filter(|parent| parent.len() > self.path.len()) {
            match self.storage.kind(parent).map_err(|error| error.at(parent))? {
                Some(NodeKind::Array) => {
                    return Err(Error::invalid_input(format!("'{parent}' is an array, not a group")).at(path));
                }
                Some(NodeKind::Group) => break,
                None => above = parent_path(parent),
            }
        }
        Ok(())
    }
}

/// Whether an element can be called so.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains('\0')
}

fn check_writable(storage: &dyn Storage) -> Result<()> {
    if storage.capabilities().write { Ok(()) } else { Err(Error::read_only("the store was opened for reading only")) }
}

/// An open array of a store. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Array {
    storage: Arc<dyn Storage>,
    inner: Arc<dyn ArrayStorage>,
    path: String,
}

impl Array {
    fn new(storage: Arc<dyn Storage>, inner: Arc<dyn ArrayStorage>, path: String) -> Self {
        Self { storage, inner, path }
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

    /// Dtype, shape, chunks, codecs.
    pub fn spec(&self) -> ArraySpec {
        self.inner.spec()
    }

    /// The type of an element.
    pub fn dtype(&self) -> DType {
        self.spec().dtype
    }

    /// The length of each axis.
    pub fn shape(&self) -> Vec<u64> {
        self.spec().shape
    }

    /// The bytes that the values take in the store, where known.
    ///
    /// # Errors
    /// Where the store's metadata is malformed.
    pub fn stored_bytes(&self) -> Result<Option<u64>> {
        self.inner.stored_bytes().map_err(|error| error.at(&self.path))
    }

    /// The attributes.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn attributes(&self) -> Result<Attributes> {
        self.storage.attributes(&self.path).map_err(|error| error.at(&self.path))
    }

    /// Replaces all attributes.
    ///
    /// # Errors
    /// Where one cannot be stored.
    pub fn set_attributes(&self, attributes: &Attributes) -> Result<()> {
        check_writable(&*self.storage)
            .and_then(|()| self.storage.set_attributes(&self.path, attributes))
            .map_err(|error| error.at(&self.path))
    }

    /// All values.
    ///
    /// # Errors
    /// Where the declared size is over the store's [`Limits`](crate::Limits), or the values cannot be read.
    pub fn read(&self) -> Result<Tensor> {
        self.read_selection(&Axis::all(&self.shape()))
    }

    /// The selected values: one [`Axis`] a dimension, index lists in any order, with repeats.
    ///
    /// Reads no chunk that holds nothing of the selection, and each other chunk once.
    ///
    /// # Errors
    /// Where the selection is out of bounds, or as [`read`](Self::read).
    pub fn read_selection(&self, selection: &[Axis]) -> Result<Tensor> {
        self.read_checked(selection).map_err(|error| error.at(&self.path))
    }

    /// The selected values, without blocking the thread where the store has latency. Other stores read as
    /// [`read_selection`](Self::read_selection) does, when the future is first polled.
    ///
    /// # Errors
    /// As [`read_selection`](Self::read_selection).
    pub async fn read_async(&self, selection: &[Axis]) -> Result<Tensor> {
        let Some(inner) = self.inner.as_async() else { return self.read_selection(selection) };
        let read = async {
            let spec = self.readable_spec()?;
            let sorted = self.prepare(&spec, selection)?;
            let tensor = inner.read_async(sorted.as_deref().unwrap_or(selection)).await?;
            restore(tensor, selection, sorted.as_deref())
        };
        read.await.map_err(|error: Error| error.at(&self.path))
    }

    /// Several selections at once; stores with latency overlap them.
    ///
    /// # Errors
    /// As [`read_selection`](Self::read_selection).
    pub fn read_many(&self, selections: &[Vec<Axis>]) -> Result<Vec<Tensor>> {
        self.read_many_checked(selections).map_err(|error| error.at(&self.path))
    }

    /// Writes a block whose first element goes to `offset`.
    ///
    /// # Errors
    /// Where dtype or bounds do not fit, the store is read-only, or writing fails.
    pub fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        check_writable(&*self.storage)
            .and_then(|()| self.check_block(offset, values))
            .and_then(|()| self.inner.write(offset, values))
            .map_err(|error| error.at(&self.path))
    }

    /// Changes the length of the first axis of an array that was declared resizable.
    ///
    /// # Errors
    /// Where the array is not resizable, or another axis would change.
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
        result.map_err(|error| error.at(&self.path))
    }

    /// The values as blocks of whole chunks, of at most `max_bytes` each where a chunk is not larger, in C order of
    /// the blocks. For streaming.
    pub fn blocks(&self, max_bytes: u64) -> Blocks {
        Blocks::new(self.clone(), max_bytes)
    }

    fn read_checked(&self, selection: &[Axis]) -> Result<Tensor> {
        let spec = self.readable_spec()?;
        let sorted = self.prepare(&spec, selection)?;
        restore(self.inner.read(sorted.as_deref().unwrap_or(selection))?, selection, sorted.as_deref())
    }

    fn read_many_checked(&self, selections: &[Vec<Axis>]) -> Result<Vec<Tensor>> {
        let spec = self.readable_spec()?;
        let mut prepared = Vec::with_capacity(selections.len());
        let mut changed = Vec::with_capacity(selections.len());
        for selection in selections {
            let sorted = self.prepare(&spec, selection)?;
            changed.push(sorted.is_some());
            prepared.push(sorted.unwrap_or_else(|| selection.clone()));
        }
        let tensors = self.inner.read_many(&prepared)?;
        if tensors.len() != selections.len() {
            return Err(Error::invalid_data(format!("{} of {} selections were read", tensors.len(), selections.len())));
        }
        tensors
            .into_iter()
            .zip(selections)
            .zip(prepared.iter().zip(changed))
            .map(|((tensor, selection), (sorted, changed))| restore(tensor, selection, changed.then_some(sorted)))
            .collect()
    }

    fn readable_spec(&self) -> Result<ArraySpec> {
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
    fn prepare(&self, spec: &ArraySpec, selection: &[Axis]) -> Result<Option<Vec<Axis>>> {
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
        let sorted: Vec<Option<Axis>> = selection.iter().map(sort).collect();
        self.check_size(spec, selection)?;
        if sorted.iter().all(Option::is_none) {
            return Ok(None);
        }
        Ok(Some(
            sorted.into_iter().zip(selection).map(|(sorted, axis)| sorted.unwrap_or_else(|| axis.clone())).collect(),
        ))
    }

    /// Checks the size that the array declares against the bytes that it stores, before it is streamed.
    fn check_declared(&self) -> Result<()> {
        let spec = self.spec();
        self.check_size(&spec, &Axis::all(&spec.shape)).map_err(|error| error.at(&self.path))
    }

    fn check_size(&self, spec: &ArraySpec, selection: &[Axis]) -> Result<()> {
        if selection.iter().any(Axis::is_empty) {
            return Ok(());
        }
        // A text takes at least its offset in memory. A chunk is decoded whole, however little of it is wanted.
        let size = spec.dtype.size().unwrap_or(size_of::<i64>()) as u64;
        let chunk = spec.chunks.iter().flatten().copied().fold(size, u64::saturating_mul);
        let needed = selection.iter().map(Axis::len).fold(size, u64::saturating_mul).max(chunk);
        let limits = self.storage.limits();
        if needed <= limits.max_unbacked {
            return Ok(());
        }
        match self.inner.stored_bytes()? {
            Some(stored) => limits.check(needed, stored),
            None => Ok(()),
        }
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

/// A strictly increasing version of an index list, `None` where it is that already.
fn sort(axis: &Axis) -> Option<Axis> {
    let Axis::Indices(indices) = axis else { return None };
    if indices.is_sorted_by(|a, b| a < b) {
        return None;
    }
    let mut sorted = indices.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    Some(Axis::from(sorted))
}

/// Brings what was read sorted into the caller's order.
fn restore(tensor: Tensor, wanted: &[Axis], read: Option<&[Axis]>) -> Result<Tensor> {
    let Some(read) = read else { return Ok(tensor) };
    let order: Vec<Axis> = wanted
        .iter()
        .zip(read)
        .map(|(wanted, read)| match (wanted, read) {
            (Axis::Indices(wanted), Axis::Indices(read)) => {
                let place = |index: &u64| read.binary_search(index).unwrap_or_default() as u64;
                Axis::from(wanted.iter().map(place).collect::<Vec<_>>())
            }
            (_, read) => Axis::Range(0..read.len()),
        })
        .collect();
    tensor.select(&order)
}
