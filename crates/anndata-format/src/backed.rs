//! [`Backed`]: an object whose matrices stay in their store.

mod changes;
mod edit;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::path::Path;

use anndata_storage::{AxisSelection, Error, Group, Result, Tensor};

use crate::encoding::slots::is_current;
use crate::io::{self, ElemReadOptions, ElemWriteOptions};
use crate::node::{ArrayNode, Node, Source};
use crate::stored::{StoredTree as _, uncached};
use crate::{AnnData, Element, Selector};
use changes::is_within;
pub use edit::edit_anndata;

/// An [`AnnData`] whose `X`, layers and `raw.X` stay in its store: they are read when they are asked for, each time, and
/// no more of them than is selected. Everything else is in memory.
///
/// It is used as an `AnnData`: views, references and writing work as on any other. Changes of it stay in memory until
/// [`write_back`](Self::write_back), which puts all of them into the store, or none; [`write_x`](Self::write_x) and
/// [`replace_x`](Self::replace_x) change the stored matrix at once. The store is closed when the object and all views of
/// it are gone.
///
/// An object may be written to the path of its own store as a whole. What is there then is another store: this object
/// still is of the old one, and refuses to change it. Open it again, or use [`write_back`](Self::write_back).
///
/// ```
/// # use std::sync::Arc;
/// use anndata_format::{AnnData, Backed, Group, MemoryStore, Tensor, io};
///
/// let root = Group::root(Arc::new(MemoryStore::new()));
/// let adata = AnnData::builder().x(Tensor::from_vec([3, 2], vec![1_i32, 2, 3, 4, 5, 6])?).build()?;
/// io::write_anndata(&root, &adata, &io::ElemWriteOptions::default())?;
///
/// let mut backed = Backed::open(&root, &io::ElemReadOptions::default())?;
/// backed.write_x([2, 0], 1, &Tensor::from_vec([2, 1], vec![60, 20])?)?;
/// let view = backed.select(1.., ..)?;
/// assert_eq!(view.x().unwrap().to_tensor()?.as_slice::<i32>()?, [3, 4, 5, 60]);
/// # Ok::<(), anndata_format::Error>(())
/// ```
#[doc(alias = "isbacked")]
pub struct Backed {
    adata: AnnData,
    /// The object as it is stored.
    stored: AnnData,
    root: Group,
    options: ElemReadOptions,
}

/// Whether a backing file is only read, or changed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// It is only read; Python's `"r"`.
    #[default]
    Read,
    /// Its matrices can be changed in place; Python's `"r+"`.
    ReadWrite,
}

impl Backed {
    /// The object that a group is. The group's store decides whether it can be changed.
    ///
    /// # Errors
    /// As [`io::read_anndata`].
    pub fn open(root: &Group, options: &ElemReadOptions) -> Result<Self> {
        let lazy = io::read_anndata(root, &options.clone().with_lazy(true))?;
        let adata = lazy.load_annotations(stay_stored)?;
        Ok(Self { stored: adata.clone(), adata, root: root.clone(), options: options.clone() })
    }

    /// The group of the store that the object is.
    pub fn group(&self) -> &Group {
        &self.root
    }

    /// The file, folder or URL that the object is in, as users know it; `None` if it has none, as in memory.
    #[doc(alias = "filename")]
    pub fn path(&self) -> Option<&Path> {
        self.root.storage().location()
    }

    /// Whether the store can be changed.
    pub fn mode(&self) -> Mode {
        if self.root.storage().capabilities().write { Mode::ReadWrite } else { Mode::Read }
    }

    /// The object in memory, with its stored matrices.
    pub fn adata(&self) -> &AnnData {
        &self.adata
    }

    /// The object to be changed in memory, until [`write_back`](Self::write_back): the same as changing this, but the
    /// compiler sees that one part is read while another one is set.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use anndata_format::{AnnData, Backed, Group, MemoryStore, io};
    /// # let root = Group::root(Arc::new(MemoryStore::new()));
    /// # io::write_anndata(&root, &AnnData::builder().shape(1, 2).build()?, &io::ElemWriteOptions::default())?;
    /// # let mut backed = Backed::open(&root, &io::ElemReadOptions::default())?;
    /// let adata = backed.adata_mut();
    /// adata.set_uns("n_vars", i64::try_from(adata.n_vars()).unwrap_or(0));
    /// # Ok::<(), anndata_format::Error>(())
    /// ```
    pub fn adata_mut(&mut self) -> &mut AnnData {
        &mut self.adata
    }

    /// Writes to the disk what the store still holds back.
    ///
    /// # Errors
    /// If writing fails.
    pub fn flush(&self) -> Result<()> {
        self.root.storage().flush().map_err(|error| self.locate(error))
    }

    /// Replaces some values of a stored dense `X`: `values` has the selected shape, and is cast to the stored dtype.
    /// If a position is selected twice the last value stays.
    ///
    /// # Errors
    /// If the selection or the shape does not fit, `X` is sparse ([`Unsupported`](crate::ErrorKind::Unsupported): see
    /// [`replace_x`](Self::replace_x)) or was changed in memory, something else in memory reads from the stored `X`, or
    /// the store cannot be written.
    pub fn write_x(&mut self, obs: impl Into<Selector>, var: impl Into<Selector>, values: &Tensor) -> Result<()> {
        self.write_layer(None, obs, var, values)
    }

    /// The same as [`write_x`](Self::write_x) for a layer; `None` is `X`.
    ///
    /// # Errors
    /// As [`write_x`](Self::write_x).
    pub fn write_layer(
        &mut self,
        key: Option<&str>,
        obs: impl Into<Selector>,
        var: impl Into<Selector>,
        values: &Tensor,
    ) -> Result<()> {
        self.write_part(key, &obs.into(), &var.into(), values).map_err(|error| self.locate(error))
    }

    fn write_part(&self, key: Option<&str>, obs: &Selector, var: &Selector, values: &Tensor) -> Result<()> {
        let path = self.root.path_of(&path_of(key));
        let obs = obs.resolve(self.obs()).map_err(|error| error.at(&self.root.path_of("obs")))?;
        let var = var.resolve(self.var()).map_err(|error| error.at(&self.root.path_of("var")))?;
        let array = match self.layer(key) {
            Some(Element::Lazy(lazy)) if self.is_stored(key, lazy) => {
                let Some(Node::Array(ArrayNode { source: Source::Stored(array), .. })) = lazy.node() else {
                    let message = "values of a stored sparse matrix are not replaced in place: replace the matrix";
                    return Err(Error::unsupported(message).at(&path));
                };
                array.clone()
            }
            Some(_) => return Err(Error::unsupported("it was changed in memory: write it back first").at(&path)),
            None => return Err(Error::not_found("there is no such matrix").at(&path)),
        };
        self.check_alone(key)?;
        let wanted = [obs.len(), var.len()];
        if values.shape().iter().map(|&len| len as u64).ne(wanted) {
            let message = format!("values of shape {:?} were given for a selection of {wanted:?}", values.shape());
            return Err(Error::invalid_input(message).at(&path));
        }
        let values = values.cast(&array.dtype()).map_err(|error| error.at(&path))?;
        let (mut row, whole) = (0, var.is_whole(self.n_vars() as u64));
        for (first, count) in obs.runs() {
            let rows = AxisSelection::Range(row..row + count);
            let mut column = 0;
            for (start, len) in if whole { vec![(0, var.len())] } else { var.runs() } {
                let block = values.select(&[rows.clone(), AxisSelection::Range(column..column + len)])?;
                array.write(&[first, start], &block)?;
                column += len;
            }
            row += count;
        }
        self.root.storage().commit()
    }

    /// Replaces the stored `X`. The new one is written beside the old one and then put in its place. Views of the old
    /// one can no longer be read.
    ///
    /// # Errors
    /// If the shape does not fit that of the stored object, something else in memory reads from the stored `X` (as when
    /// it was made the raw and not [written back](Self::write_back) yet), or writing fails; then the old one stays.
    pub fn replace_x(&mut self, x: impl Into<Element>, options: &ElemWriteOptions) -> Result<()> {
        self.replace_layer(None, x, options)
    }

    /// The same as [`replace_x`](Self::replace_x) for a layer; `None` is `X`.
    ///
    /// # Errors
    /// As [`replace_x`](Self::replace_x).
    pub fn replace_layer(
        &mut self,
        key: Option<&str>,
        layer: impl Into<Element>,
        options: &ElemWriteOptions,
    ) -> Result<()> {
        self.put_layer(key, &layer.into(), options).map_err(|error| self.locate(error))
    }

    fn put_layer(&mut self, key: Option<&str>, layer: &Element, options: &ElemWriteOptions) -> Result<()> {
        self.check_current()?;
        self.check_alone(key)?;
        for adata in [&self.adata, &self.stored] {
            adata.clone().set_layer(key, layer.clone())?;
        }
        let change = self.encoded(options, |context| self.layer_change(key, layer, context))?;
        self.apply(&[change], options)?;
        let stored = self.read_matrix(&path_of(key))?;
        for adata in [&mut self.adata, &mut self.stored] {
            adata.set_layer(key, stored.clone())?;
        }
        self.root.storage().commit()
    }

    /// Writes to the store what was changed in memory: all of it, or nothing. Everything that is new is written beside
    /// what is there, then put in its place at once. Should the process end meanwhile, the store has the old elements or
    /// the new ones: see [`Edit`](anndata_storage::Edit).
    ///
    /// Matrices are copied block by block, also where they only got another name. From then on `X`, the layers and `raw.X`
    /// stay in the store; what was moved from there to another slot is in memory. Views of what was replaced cannot be
    /// read any more.
    ///
    /// # Errors
    /// If the store is for reading only, something has no stored form or can no longer be read, or writing fails;
    /// then nothing was changed, but where the disk is full while an HDF5 file is changed: that can leave a file that cannot be
    /// read any more.
    pub fn write_back(&mut self, options: &ElemWriteOptions) -> Result<()> {
        self.put_changes(options).map_err(|error| self.locate(error))
    }

    fn put_changes(&mut self, options: &ElemWriteOptions) -> Result<()> {
        self.check_current()?;
        let mut new = self.adata.load_annotations(Element::clone)?;
        let changes = self.encoded(options, |context| self.changes(&new, context))?;
        let Some(first) = changes.first() else { return Ok(()) };
        if !self.root.storage().capabilities().write {
            return Err(Error::read_only("the store was opened for reading only").at(&self.root.path_of(&first.key)));
        }
        let keys: Vec<String> = changes.iter().map(|change| change.key.clone()).collect();
        let is_changed = |path: &str| keys.iter().any(|key| is_within(path, key));
        self.apply(&changes, options)?;
        // The store is as the object from here on.
        self.adata = new.clone();
        self.stored = new.clone();
        for key in new.layers().keys().filter(|key| is_changed(&path_of(key.as_deref()))).cloned().collect::<Vec<_>>() {
            new.set_layer(key.as_deref(), self.read_matrix(&path_of(key.as_deref()))?)?;
        }
        if let Some(raw) = new.raw().filter(|raw| raw.x().is_some() && is_changed("raw")) {
            let x = self.read_matrix("raw/X")?;
            new.set_raw(raw.clone().map_x(|_| Ok(x.clone()))?)?;
        }
        self.adata = new.clone();
        self.stored = new;
        self.root.storage().commit()
    }

    /// Names the store in an error.
    fn locate(&self, error: Error) -> Error {
        error.in_store(&**self.root.storage())
    }

    /// A stored matrix, to stay there.
    fn read_matrix(&self, path: &str) -> Result<Element> {
        io::read_elem(&self.root, path, &self.options.clone().with_lazy(true)).map(|matrix| stay_stored(&matrix))
    }

    /// The object with everything in memory.
    ///
    /// # Errors
    /// If something cannot be read.
    pub fn to_memory(&self) -> Result<AnnData> {
        self.adata.load()
    }

    /// Writes to the disk what the store still holds back, and lets go of it. Views keep it open.
    ///
    /// # Errors
    /// If writing fails.
    pub fn close(self) -> Result<()> {
        self.root.storage().flush().map_err(|error| self.locate(error))
    }

    /// Parts of files of before 0.7 are not replaced: they have another layout.
    fn check_current(&self) -> Result<()> {
        if is_current(&self.root.attributes()?) {
            return Ok(());
        }
        Err(Error::unsupported("the store is of an old version: convert it before it is changed").at(self.root.path()))
    }
}

impl Deref for Backed {
    type Target = AnnData;

    fn deref(&self) -> &AnnData {
        &self.adata
    }
}

impl DerefMut for Backed {
    fn deref_mut(&mut self) -> &mut AnnData {
        &mut self.adata
    }
}

impl fmt::Display for Backed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.adata.to_string();
        let (first, slots) = text.split_at(text.find('\n').unwrap_or(text.len()));
        write!(f, "{first} backed at '{}'{slots}", self.root.storage())
    }
}

impl fmt::Debug for Backed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A matrix that stays in its store.
fn stay_stored(element: &Element) -> Element {
    match element {
        Element::Lazy(lazy) => Element::Lazy(uncached(lazy)),
        element => element.clone(),
    }
}

fn path_of(key: Option<&str>) -> String {
    key.map_or_else(|| "X".to_owned(), |key| format!("layers/{key}"))
}
