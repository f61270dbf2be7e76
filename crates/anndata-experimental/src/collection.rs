//! [`Collection`]: many stores as one object.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anndata_core::{AnnData, ConcatOptions, ConcatPlan};
use anndata_format::io::{self, ElemReadOptions};
use anndata_storage::{Error, Group, OrBug, Result};
use rayon::prelude::*;

use crate::{StorePool, manifest};

/// The concatenation of the objects in many stores, read in parts.
///
/// It is an object of lazy elements, to which it dereferences: names, masks, ranges and positions select from it in any order,
/// [`load`](AnnData::load) brings a selection into memory, and writing it takes the memory of a few blocks. What becomes of
/// each element is what [`concat`](anndata_core::concat()) makes of it; the [plan](Self::plan) tells it in advance.
///
/// ```
/// use anndata_core::{AnnData, ConcatOptions, DataFrame, Join, Tensor};
/// use anndata_experimental::Collection;
///
/// let object = |genes: [&str; 2]| {
///     AnnData::builder().x(Tensor::from_vec([1, 2], vec![1.0_f32, 2.0])?).var(DataFrame::new(genes)).build()
/// };
/// let options = ConcatOptions::default().with_join(Join::Outer);
/// let all = Collection::new([("one", object(["A", "B"])?), ("two", object(["B", "C"])?)], &options)?;
/// assert_eq!((all.shape(), all.var_names()?), ((2, 3), vec!["A".to_owned(), "B".to_owned(), "C".to_owned()]));
/// // What was not measured is not zero.
/// assert_eq!(all.present(1)?, [false, true, true]);
/// # Ok::<(), anndata_core::Error>(())
/// ```
#[doc(alias = "AnnCollection")]
#[derive(Debug, Clone)]
pub struct Collection {
    adata: AnnData,
    plan: Arc<ConcatPlan>,
    options: Arc<ConcatOptions>,
    keys: Arc<[String]>,
    objects: Arc<[AnnData]>,
    /// Where the stores are, if they were opened.
    places: Option<Arc<[PathBuf]>>,
}

/// A row of one of the stores of a [`Collection`] (a column, where these follow each other along the variables).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowId {
    /// The position of the store among all.
    pub store: u32,
    /// The row in it.
    pub row: u64,
}

impl Collection {
    /// The concatenation of objects, each under a key: in memory, lazy, or views.
    ///
    /// # Errors
    /// As [`concat_lazy`](anndata_core::concat_lazy), and if the options have keys as well.
    pub fn new<K: Into<String>>(
        objects: impl IntoIterator<Item = (K, AnnData)>,
        options: &ConcatOptions,
    ) -> Result<Self> {
        if options.keys.is_some() {
            return Err(Error::invalid_input("keys and `ConcatOptions::keys` were both given: pass only one of them"));
        }
        let (keys, objects): (Vec<String>, Vec<AnnData>) =
            objects.into_iter().map(|(key, object)| (key.into(), object)).unzip();
        let inputs: Vec<&AnnData> = objects.iter().collect();
        let keyed = options.clone().with_keys(keys.clone());
        let plan = ConcatPlan::new(&inputs, &keyed)?;
        let adata = plan.join(&inputs, &keyed)?;
        let options = Arc::new(options.clone());
        Ok(Self { adata, plan: Arc::new(plan), options, keys: keys.into(), objects: objects.into(), places: None })
    }

    /// The concatenation of the objects at some places, each under a key, which a function opens: `anndata::open` for files,
    /// folders and URLs. Metadata are read, the names of the joined axis and what is merged. No more stores than a
    /// [`StorePool`] keeps are open at a time.
    ///
    /// # Errors
    /// As [`new`](Self::new), and if a store cannot be opened or is not an object; the error names it.
    pub fn open<K: Into<String>, P: AsRef<Path>>(
        stores: impl IntoIterator<Item = (K, P)>,
        options: &ConcatOptions,
        open: impl Fn(&Path) -> Result<Group> + Send + Sync + 'static,
    ) -> Result<Self> {
        let stores: Vec<(String, PathBuf)> =
            stores.into_iter().map(|(key, path)| (key.into(), path.as_ref().to_owned())).collect();
        let places = stores.iter().map(|(_, place)| place.clone()).collect();
        let all = Self::new(Self::objects(stores, &ElemReadOptions::default(), open)?, options)?;
        Ok(Self { places: Some(places), ..all })
    }

    /// Writes where the stores are, relative to the manifest where they are below it, and what they are now: shape, names of the
    /// variables, size and time. The file is JSON.
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if the collection was not [opened](Self::open) from stores; or if
    /// the file cannot be written.
    pub fn save_manifest(&self, path: impl AsRef<Path>) -> Result<()> {
        manifest::save(path.as_ref(), self.listed()?)
    }

    /// The [manifest](Self::save_manifest) as text, with whole places: for another process that reads the same stores.
    ///
    /// # Errors
    /// As [`save_manifest`](Self::save_manifest).
    pub fn to_manifest(&self) -> Result<String> {
        manifest::to_text(None, self.listed()?)
    }

    /// The stores as a manifest lists them.
    fn listed(&self) -> Result<impl Iterator<Item = (&str, &Path, &AnnData)>> {
        let Some(places) = &self.places else {
            return Err(Error::invalid_input("a collection of objects in memory has no stores to list"));
        };
        let stores = self.keys.iter().zip(places.iter()).zip(self.objects.iter());
        Ok(stores.map(|((key, place), object)| (key.as_str(), place.as_path(), object)))
    }

    /// Opens the stores of a [manifest](Self::save_manifest).
    ///
    /// # Errors
    /// As [`open`](Self::open); [`Stale`](anndata_core::ErrorKind::Stale) if a store is not what it was when the manifest was
    /// written; the error names it and what differs.
    pub fn load_manifest(
        path: impl AsRef<Path>,
        options: &ConcatOptions,
        open: impl Fn(&Path) -> Result<Group> + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::of_entries(manifest::load(path.as_ref())?, options, open)
    }

    /// Opens the stores of a manifest that is [text](Self::to_manifest).
    ///
    /// # Errors
    /// As [`load_manifest`](Self::load_manifest).
    pub fn from_manifest(
        text: &str,
        options: &ConcatOptions,
        open: impl Fn(&Path) -> Result<Group> + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::of_entries(manifest::parse(text, Path::new(""))?, options, open)
    }

    /// Where the stores of a manifest that is [text](Self::to_manifest) are. None is opened.
    ///
    /// # Errors
    /// If it is malformed.
    pub fn locations_of_manifest(text: &str) -> Result<Vec<PathBuf>> {
        Ok(manifest::parse(text, Path::new(""))?.into_iter().map(|entry| entry.location).collect())
    }

    /// Refuses a manifest that is [text](Self::to_manifest) if the files of its stores are not what they were. None is opened.
    ///
    /// # Errors
    /// [`Stale`](anndata_core::ErrorKind::Stale) if one is not; the error names it and what differs.
    pub fn check_files_of_manifest(text: &str) -> Result<()> {
        manifest::parse(text, Path::new(""))?.par_iter().try_for_each(manifest::Entry::check_file)
    }

    fn of_entries(
        entries: Vec<manifest::Entry>,
        options: &ConcatOptions,
        open: impl Fn(&Path) -> Result<Group> + Send + Sync + 'static,
    ) -> Result<Self> {
        let stores = entries.iter().map(|entry| (entry.key.clone(), entry.location.clone()));
        let objects = Self::objects(stores, &ElemReadOptions::default(), open)?;
        entries.par_iter().zip(&objects).try_for_each(|(entry, (_, object))| entry.check(object))?;
        let places = entries.into_iter().map(|entry| entry.location).collect();
        Ok(Self { places: Some(places), ..Self::new(objects, options)? })
    }

    /// The objects at some places, each under its key, as [`open`](Self::open) has them: lazy, over stores of which not all are
    /// open. Elements are read as the options say.
    ///
    /// # Errors
    /// If a store cannot be opened or is not an object; the error names it.
    pub fn objects<K: Into<String>, P: AsRef<Path>>(
        stores: impl IntoIterator<Item = (K, P)>,
        options: &ElemReadOptions,
        open: impl Fn(&Path) -> Result<Group> + Send + Sync + 'static,
    ) -> Result<Vec<(String, AnnData)>> {
        let options = options.clone().with_lazy(true);
        let (open, pool) = (Arc::new(open), StorePool::default());
        let stores: Vec<(String, PathBuf)> =
            stores.into_iter().map(|(key, path)| (key.into(), path.as_ref().to_owned())).collect();
        let read = |(key, path): (String, PathBuf)| {
            let (open, place) = (Arc::clone(&open), path.clone());
            let root = pool.group(move || open(&place)).map_err(|error| error.in_file(&path))?;
            let object = io::read_anndata(&root, &options);
            Ok((key, object.map_err(|error| error.in_file(&path))?))
        };
        stores.into_par_iter().map(read).collect()
    }

    /// What becomes of each element, and which rows and columns go where.
    pub fn plan(&self) -> &ConcatPlan {
        &self.plan
    }

    /// How the stores are joined.
    pub fn options(&self) -> &ConcatOptions {
        &self.options
    }

    /// The keys of the stores, in order.
    pub fn stores(&self) -> &[String] {
        &self.keys
    }

    /// Where the stores are, in order, if they were [opened](Self::open).
    pub fn locations(&self) -> Option<&[PathBuf]> {
        self.places.as_deref()
    }

    /// Which store a row is from (a column, where stores follow each other along the variables), and which row it is there;
    /// `None` if there is no such row.
    pub fn locate(&self, row: u64) -> Option<RowId> {
        let mut row = row;
        for (store, &len) in (0..).zip(self.plan.lengths.iter()) {
            if row < len as u64 {
                return Some(RowId { store, row });
            }
            row -= len as u64;
        }
        None
    }

    /// Which variables of the collection a store has (observations, where stores follow each other along the variables): what
    /// it lacks was not measured, and is filled.
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if there is no such store.
    pub fn present(&self, store: u32) -> Result<Vec<bool>> {
        let at = usize::try_from(store).or_bug("more stores than memory can hold")?;
        let reindex = self.plan.reindex.get(at).ok_or_else(|| {
            Error::invalid_input(format!("there is no store {store} among {}", self.plan.reindex.len()))
        })?;
        Ok((0..reindex.new_len()).map(|position| reindex.to_old(position).is_some()).collect())
    }

    /// The objects of the stores, in order, as they are: not joined.
    pub fn objects_of_stores(&self) -> &[AnnData] {
        &self.objects
    }

    /// The object alone.
    pub fn into_anndata(self) -> AnnData {
        self.adata
    }
}

impl Deref for Collection {
    type Target = AnnData;

    fn deref(&self) -> &AnnData {
        &self.adata
    }
}
