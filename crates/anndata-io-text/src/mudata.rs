//! [MuData](https://mudata.readthedocs.io/stable/io/spec.html) files (`.h5mu`): several objects, one per modality, over the
//! same cells.
//!
//! ```text
//! "MuData (format-version=0.1.0;creator=...;creator-version=...)", in the 512 bytes before the HDF5 file
//! mod/NAME        a modality: an object as in an .h5ad file; the attribute `mod-order` has their order
//! obs, var        the cells and the variables of all modalities
//! obsmap, varmap  per modality, where each of these is in it, from 1; 0 if it is not
//! obsm, varm, obsp, varp, uns
//! ```

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anndata_core::{AnnData, DataFrame, Element, Mapping};
use anndata_format::io::{ElemReadOptions, ElemWriteOptions, read_anndata, read_elem, write_anndata, write_elem};
use anndata_io_hdf5::{Hdf5Options, Hdf5Store, write_signed};
use anndata_storage::{Error, Group, NodeKind, OrBug as _, Result, Storage, Tensor, escaped};
use indexmap::IndexMap;

/// The version of the format that is written.
const VERSION: &str = "0.1.0";
/// The group of the modalities.
const MODALITIES: &str = "mod";
/// The attribute that has their order.
const ORDER: &str = "mod-order";

/// Which axis the modalities share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SharedAxis {
    /// The observations: the modalities measure the same cells.
    #[default]
    Obs,
    /// The variables.
    Var,
    /// Both.
    Both,
}

impl SharedAxis {
    fn of(axis: i64) -> Result<Self> {
        match axis {
            0 => Ok(Self::Obs),
            1 => Ok(Self::Var),
            -1 => Ok(Self::Both),
            other => Err(Error::invalid_data(format!("the attribute 'axis' is {other}, not 0, 1 or -1"))),
        }
    }

    fn number(self) -> i64 {
        match self {
            Self::Obs => 0,
            Self::Var => 1,
            Self::Both => -1,
        }
    }
}

/// Several objects, one per modality, and what is known of their cells and variables as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct MuData {
    /// The modalities by name, in order.
    pub modalities: IndexMap<String, AnnData>,
    /// All observations.
    pub obs: DataFrame,
    /// All variables.
    pub var: DataFrame,
    /// Which axis the modalities share.
    pub axis: SharedAxis,
    /// The slots `obsm`, `varm`, `obsp`, `varp`, `uns`, `obsmap` and `varmap`, and whatever else stands beside them.
    pub slots: IndexMap<String, Element>,
}

impl MuData {
    /// A multimodal object of modalities that share their observations, as Python's `MuData(dict)` makes it: `obs` has the
    /// observations of all modalities by name, each once, in the order of appearance; `var` has all variables, one modality after
    /// the other. `obsm` and `varm` have a mask per modality, `obsmap` and `varmap` positions.
    ///
    /// ```
    /// use anndata_core::{AnnData, DataFrame};
    /// use anndata_io_text::MuData;
    ///
    /// let rna = AnnData::builder().obs(DataFrame::new(["c1", "c2"])).var(DataFrame::new(["CD4"])).build()?;
    /// let protein = AnnData::builder().obs(DataFrame::new(["c2", "c3"])).var(DataFrame::new(["CD4-TotalSeq"])).build()?;
    /// let both = MuData::new([("rna", rna), ("prot", protein)])?;
    /// assert_eq!(both.obs.names()?, ["c1", "c2", "c3"]);
    /// assert_eq!(both.var.names()?, ["CD4", "CD4-TotalSeq"]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// If two modalities have the same name, or names of observations stand twice in one.
    pub fn new<S: Into<String>>(modalities: impl IntoIterator<Item = (S, AnnData)>) -> Result<Self> {
        let mut named = IndexMap::new();
        for (name, adata) in modalities {
            let name = name.into();
            if named.insert(name.clone(), adata).is_some() {
                return Err(Error::invalid_input(format!("two modalities are called '{name}'")));
            }
        }
        let (mut places, mut labels): (HashMap<String, usize>, Vec<String>) = (HashMap::new(), Vec::new());
        for adata in named.values() {
            for name in adata.obs_names()? {
                places.entry(name.clone()).or_insert_with(|| {
                    labels.push(name);
                    labels.len() - 1
                });
            }
        }
        let n_vars: usize = named.values().map(AnnData::n_vars).sum();
        let (mut obsmap, mut varmap, mut obsm, mut varm) =
            (Mapping::new(), Mapping::new(), Mapping::new(), Mapping::new());
        let (mut variables, mut start) = (Vec::with_capacity(n_vars), 0);
        for (name, adata) in &named {
            let mut map = vec![0_u32; labels.len()];
            for (position, label) in (1_u32..).zip(adata.obs_names()?) {
                let place =
                    places.get(&label).and_then(|&place| map.get_mut(place)).or_bug("a name without a place")?;
                if std::mem::replace(place, position) != 0 {
                    let message = format!("the observation '{label}' stands twice in '{name}'");
                    return Err(Error::invalid_input(message));
                }
            }
            put_map(name, &map, &mut obsmap, &mut obsm)?;
            let mut map = vec![0_u32; n_vars];
            for (position, place) in (1_u32..).zip(map.iter_mut().skip(start).take(adata.n_vars())) {
                *place = position;
            }
            start += adata.n_vars();
            variables.extend(adata.var_names()?);
            put_map(name, &map, &mut varmap, &mut varm)?;
        }
        let empty = || Element::Mapping(Mapping::new());
        let slots = [
            ("obsm", Element::Mapping(obsm)),
            ("varm", Element::Mapping(varm)),
            ("obsp", empty()),
            ("varp", empty()),
            ("uns", empty()),
            ("obsmap", Element::Mapping(obsmap)),
            ("varmap", Element::Mapping(varmap)),
        ];
        Ok(Self {
            modalities: named,
            obs: DataFrame::new(labels),
            var: DataFrame::new(variables),
            axis: SharedAxis::Obs,
            slots: slots.into_iter().map(|(name, element)| (name.to_owned(), element)).collect(),
        })
    }

    /// A modality.
    ///
    /// # Errors
    /// [`NotFound`](anndata_core::ErrorKind::NotFound) if there is none of this name; the error lists those that there are.
    pub fn modality(&self, name: &str) -> Result<&AnnData> {
        let there = || self.modalities.keys().map(String::as_str).collect::<Vec<_>>();
        self.modalities.get(name).ok_or_else(|| no_modality(name, &there()))
    }
}

/// As Python's `repr` has it: both axes, the keys of every slot, and the same of each modality.
impl fmt::Display for MuData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let len = |frame: &DataFrame| frame.len().map_or_else(|_| "?".to_owned(), |len| len.to_string());
        write!(f, "MuData object with n_obs \u{d7} n_vars = {} \u{d7} {}", len(&self.obs), len(&self.var))?;
        let line = |f: &mut fmt::Formatter<'_>, slot: &str, keys: &mut dyn Iterator<Item = &str>| {
            let keys: Vec<String> = keys.map(|key| format!("'{}'", escaped(key))).collect();
            if keys.is_empty() { Ok(()) } else { write!(f, "\n  {slot}:\t{}", keys.join(", ")) }
        };
        line(f, "obs", &mut self.obs.column_names())?;
        line(f, "var", &mut self.var.column_names())?;
        for slot in ["uns", "obsm", "varm", "obsp", "varp"] {
            if let Some(Element::Mapping(mapping)) = self.slots.get(slot) {
                line(f, slot, &mut mapping.keys().map(String::as_str))?;
            }
        }
        let modalities = self.modalities.len();
        write!(f, "\n  {modalities} {}", if modalities == 1 { "modality" } else { "modalities" })?;
        for (name, adata) in &self.modalities {
            write!(f, "\n    {}:\t{} x {}", escaped(name), adata.n_obs(), adata.n_vars())?;
            for line in adata.to_string().lines().skip(1) {
                write!(f, "\n      {}", line.trim_start())?;
            }
        }
        Ok(())
    }
}

/// Where the members of an axis are in a modality, and which of them are.
fn put_map(name: &str, map: &[u32], positions: &mut Mapping, masks: &mut Mapping) -> Result<()> {
    let mask: Vec<bool> = map.iter().map(|&position| position > 0).collect();
    positions.insert(name.to_owned(), Tensor::from_vec([map.len()], map.to_vec())?.into());
    masks.insert(name.to_owned(), Tensor::from_vec([mask.len(), 1], mask)?.into());
    Ok(())
}

/// Reads a MuData file into memory.
///
/// # Errors
/// If the file cannot be read, is no such file, or something in it is malformed.
pub fn read_h5mu(path: impl AsRef<Path>) -> Result<MuData> {
    let path = path.as_ref();
    let root = open(path)?;
    read_mudata(&root, &ElemReadOptions::default()).map_err(|error| error.in_file(path))
}

/// The names of the modalities of a MuData file, in their order. Reads metadata only.
///
/// # Errors
/// As [`read_h5mu`].
pub fn h5mu_modalities(path: impl AsRef<Path>) -> Result<Vec<String>> {
    let path = path.as_ref();
    let root = open(path)?;
    modalities(&root).map_err(|error| error.in_file(path))
}

/// Reads one modality of a MuData file.
///
/// # Errors
/// As [`read_h5mu`], and if there is no modality of this name.
pub fn read_h5mu_modality(path: impl AsRef<Path>, name: &str) -> Result<AnnData> {
    let path = path.as_ref();
    let root = open(path)?;
    let read = || {
        let there = modalities(&root)?;
        if !there.iter().any(|other| other == name) {
            return Err(no_modality(name, &there));
        }
        read_anndata(&root.group(&format!("{MODALITIES}/{name}"))?, &ElemReadOptions::default())
    };
    read().map_err(|error| error.in_file(path))
}

/// Writes a MuData file, which begins with the signature that Python's mudata looks for. The file appears whole or not at all; one
/// that is there is replaced if `overwrite` says so.
///
/// # Errors
/// If something is there that is not to be replaced, an element has no stored form, or writing fails.
pub fn write_h5mu(path: impl AsRef<Path>, data: &MuData, overwrite: bool) -> Result<()> {
    let path = path.as_ref();
    let options = ElemWriteOptions::default();
    let creator = env!("CARGO_PKG_VERSION");
    let signature = format!("MuData (format-version={VERSION};creator=anndata-rs;creator-version={creator})");
    let written = write_signed(path, overwrite, true, signature.as_bytes(), |store| {
        let root = Group::root(Arc::clone(store) as Arc<dyn Storage>);
        write_elem(&root, "obs", &Element::Frame(data.obs.clone()), &options)?;
        write_elem(&root, "var", &Element::Frame(data.var.clone()), &options)?;
        for (name, element) in &data.slots {
            write_elem(&root, name, element, &options)?;
        }
        let modalities = root.create_group(MODALITIES)?;
        for (name, adata) in &data.modalities {
            if name.is_empty() || name.contains('/') {
                return Err(Error::invalid_input(format!("'{name}' cannot be the name of a modality")));
            }
            write_anndata(&modalities.create_group(name)?, adata, &options)?;
        }
        let order: Vec<&str> = data.modalities.keys().map(String::as_str).collect();
        modalities.set_attribute(ORDER, Tensor::from(order))?;
        for (name, value) in [
            ("encoding-type", "MuData"),
            ("encoding-version", VERSION),
            ("encoder", "anndata-rs"),
            ("encoder-version", env!("CARGO_PKG_VERSION")),
        ] {
            root.set_attribute(name, value)?;
        }
        root.set_attribute("axis", data.axis.number())
    });
    written.map_err(|error| error.in_file(path))
}

/// Whether a file looks like one of MuData.
pub(crate) fn is_h5mu(root: &Group) -> Result<bool> {
    let kind = root.attributes()?.get("encoding-type").and_then(anndata_storage::Attribute::as_str);
    Ok(root.kind(MODALITIES)? == Some(NodeKind::Group) && kind.is_none_or(|kind| kind == "MuData"))
}

/// The modalities of a file, in their order.
pub(crate) fn modalities(root: &Group) -> Result<Vec<String>> {
    if !is_h5mu(root)? {
        return Err(Error::invalid_data("it is not a MuData file: it has no modalities"));
    }
    let group = root.group(MODALITIES)?;
    let there = group.children()?;
    let order = group.attributes()?.get(ORDER).and_then(anndata_storage::Attribute::as_strings);
    // An order of others counts for nothing.
    Ok(match order {
        Some(order) if order.len() == there.len() && there.iter().all(|name| order.contains(name)) => order,
        _ => there,
    })
}

fn open(path: &Path) -> Result<Group> {
    Ok(Group::root(Arc::new(Hdf5Store::open(path, &Hdf5Options::default())?)))
}

/// Reads the MuData object of a group of any store, as the options say: lazily, so that metadata alone are read, or without some
/// of its elements.
///
/// ```
/// # use anndata_core::{AnnData, DataFrame};
/// # use anndata_io_text::{MuData, read_mudata, write_h5mu};
/// # use anndata_format::io::ElemReadOptions;
/// # use anndata_storage::Group;
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("a.h5mu");
/// # let rna = AnnData::builder().obs(DataFrame::new(["c1", "c2"])).var(DataFrame::new(["CD4"])).build()?;
/// # write_h5mu(&path, &MuData::new([("rna", rna)])?, false)?;
/// # let store = anndata_io_hdf5::Hdf5Store::open(&path, &Default::default())?;
/// # let root = Group::root(std::sync::Arc::new(store));
/// let data = read_mudata(&root, &ElemReadOptions::default().with_lazy(true))?;
/// assert!(data.to_string().starts_with("MuData object with n_obs \u{d7} n_vars = 2 \u{d7} 1"));
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// If it is no such object, or something in it is malformed.
pub fn read_mudata(root: &Group, options: &ElemReadOptions) -> Result<MuData> {
    let names = modalities(root)?;
    let mut read = IndexMap::with_capacity(names.len());
    for name in names {
        let adata = read_anndata(&root.group(&format!("{MODALITIES}/{name}"))?, options)?;
        read.insert(name, adata);
    }
    let frame = |key: &str| match read_elem(root, key, options)? {
        Element::Frame(frame) => Ok(frame),
        other => Err(Error::invalid_data(format!("it is {}, not a data frame", other.kind_name())).at(key)),
    };
    let (obs, var) = (frame("obs")?, frame("var")?);
    let mut slots = IndexMap::new();
    for key in root.children()?.into_iter().filter(|key| !["obs", "var", MODALITIES].contains(&key.as_str())) {
        let element = read_elem(root, &key, options)?;
        slots.insert(key, element);
    }
    let axis = match root.attributes()?.get("axis") {
        None => SharedAxis::Obs,
        Some(axis) => {
            SharedAxis::of(axis.as_i64().ok_or_else(|| Error::invalid_data("the attribute 'axis' is not an integer"))?)?
        }
    };
    Ok(MuData { modalities: read, obs, var, axis, slots })
}

fn no_modality<S: AsRef<str>>(name: &str, there: &[S]) -> Error {
    let there: Vec<&str> = there.iter().map(AsRef::as_ref).collect();
    Error::not_found(format!("there is no modality '{name}'; there are '{}'", there.join("', '")))
}
