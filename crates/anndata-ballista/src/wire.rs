//! What of a table goes from one process to another: where its stores are, how they are joined and what it shows. No data.
//!
//! A message is JSON behind its length, and after it the conditions of a scan as DataFusion writes them, each behind its length.
//! All lengths are checked against the bytes that are there.

use anndata_core::{ConcatAxis, ConcatOptions, Join, Merge};
use anndata_datafusion::{AnnDataTable, Dataset, MatrixKey, TableKind};
use anndata_storage::{Error, Result};
use serde::{Deserialize, Serialize};

/// The version of the messages: processes of different versions do not understand each other.
pub(crate) const VERSION: u32 = 1;

/// The most bytes that the JSON may have: 100,000 stores take 30 MB.
const MOST: usize = 256 << 20;

/// A table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    version: u32,
    pub(crate) stores: Stores,
    kind: Kind,
    /// The columns, by name and type: those that the other side finds are to be the same.
    schema: Vec<(String, String)>,
}

/// The stores, and how they are joined.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stores {
    pub(crate) manifest: String,
    is_outer: bool,
    merge: String,
    label: Option<String>,
    index_unique: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Kind {
    Obs,
    Var,
    Matrix(Matrix),
    Obsm(String),
    Genes(Matrix, Vec<String>),
    Totals(Matrix),
    Groups(Matrix, Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum Matrix {
    X,
    Layer(String),
    Obsm(String),
}

/// A scan of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scan {
    pub(crate) table: Table,
    pub(crate) projection: Vec<usize>,
    pub(crate) partitions: Vec<String>,
    pub(crate) limit: Option<usize>,
    pub(crate) n_filters: usize,
}

impl Table {
    /// What is sent of a table.
    ///
    /// # Errors
    /// If its stores are in memory, or what becomes of annotations is a function.
    pub(crate) fn of(table: &AnnDataTable, schema: &arrow_schema::Schema) -> Result<Self> {
        let dataset = table.dataset();
        Ok(Self {
            version: VERSION,
            stores: Stores::of(dataset)?,
            kind: Kind::of(table.kind()),
            schema: columns(schema),
        })
    }

    /// What the table shows.
    pub(crate) fn kind(&self) -> TableKind {
        match self.kind.clone() {
            Kind::Obs => TableKind::Obs,
            Kind::Var => TableKind::Var,
            Kind::Matrix(matrix) => TableKind::Matrix(matrix.key()),
            Kind::Obsm(key) => TableKind::Obsm(key),
            Kind::Genes(matrix, names) => TableKind::Genes { matrix: matrix.key(), names },
            Kind::Totals(matrix) => TableKind::Totals { matrix: matrix.key() },
            Kind::Groups(matrix, by) => TableKind::Groups { matrix: matrix.key(), by },
        }
    }

    /// Refuses a message of another version.
    ///
    /// # Errors
    /// [`Unsupported`](anndata_core::ErrorKind::Unsupported) if it is.
    pub(crate) fn check_version(&self) -> Result<()> {
        if self.version == VERSION {
            return Ok(());
        }
        Err(Error::unsupported(format!(
            "expected a plan of version {VERSION}, found {}: the client, the scheduler and the executors are to be of one version",
            self.version
        )))
    }

    /// Refuses a table that is not the one that was meant.
    ///
    /// # Errors
    /// [`InvalidData`](anndata_core::ErrorKind::InvalidData) if its columns differ.
    pub(crate) fn check_schema(&self, found: &arrow_schema::Schema) -> Result<()> {
        let found = columns(found);
        if found == self.schema {
            return Ok(());
        }
        let differs = self.schema.iter().zip(&found).find(|(a, b)| a != b);
        let message = match differs {
            Some((then, now)) => format!("the column {then:?} of the plan is {now:?} in the stores"),
            None => format!("the plan is of {} columns, the stores have {}", self.schema.len(), found.len()),
        };
        Err(Error::invalid_data(message))
    }
}

fn columns(schema: &arrow_schema::Schema) -> Vec<(String, String)> {
    schema.fields().iter().map(|field| (field.name().clone(), field.data_type().to_string())).collect()
}

impl Stores {
    fn of(dataset: &Dataset) -> Result<Self> {
        let options = dataset.collection().options();
        let merge = match options.merge {
            Merge::Off => "off",
            Merge::Same => "same",
            Merge::Unique => "unique",
            Merge::First => "first",
            Merge::Only => "only",
            Merge::Function(_) => {
                return Err(Error::unsupported(
                    "annotations that are merged by a function cannot be sent to a cluster",
                ));
            }
            _ => return Err(Error::unsupported("this way to merge annotations cannot be sent to a cluster")),
        };
        Ok(Self {
            manifest: dataset.manifest()?.to_owned(),
            is_outer: options.join == Join::Outer,
            merge: merge.to_owned(),
            label: options.label.clone(),
            index_unique: options.index_unique.clone(),
        })
    }

    /// How the stores are joined.
    ///
    /// # Errors
    /// [`InvalidData`](anndata_core::ErrorKind::InvalidData) if it names no known way to merge or to join.
    pub(crate) fn options(&self) -> Result<ConcatOptions> {
        let merge = match self.merge.as_str() {
            "off" => Merge::Off,
            "same" => Merge::Same,
            "unique" => Merge::Unique,
            "first" => Merge::First,
            "only" => Merge::Only,
            other => return Err(Error::invalid_data(format!("there is no way to merge called '{other}'"))),
        };
        let join = if self.is_outer { Join::Outer } else { Join::Inner };
        let mut options = ConcatOptions::default().with_axis(ConcatAxis::Obs).with_join(join).with_merge(merge);
        options.label.clone_from(&self.label);
        options.index_unique.clone_from(&self.index_unique);
        Ok(options)
    }
}

impl Kind {
    fn of(kind: &TableKind) -> Self {
        match kind {
            TableKind::Obs => Self::Obs,
            TableKind::Var => Self::Var,
            TableKind::Matrix(key) => Self::Matrix(Matrix::of(key)),
            TableKind::Obsm(key) => Self::Obsm(key.clone()),
            TableKind::Genes { matrix, names } => Self::Genes(Matrix::of(matrix), names.clone()),
            TableKind::Totals { matrix } => Self::Totals(Matrix::of(matrix)),
            TableKind::Groups { matrix, by } => Self::Groups(Matrix::of(matrix), by.clone()),
        }
    }
}

impl Matrix {
    fn of(key: &MatrixKey) -> Self {
        match key {
            MatrixKey::X => Self::X,
            MatrixKey::Layer(name) => Self::Layer(name.clone()),
            MatrixKey::Obsm(name) => Self::Obsm(name.clone()),
        }
    }

    fn key(self) -> MatrixKey {
        match self {
            Self::X => MatrixKey::X,
            Self::Layer(name) => MatrixKey::Layer(name),
            Self::Obsm(name) => MatrixKey::Obsm(name),
        }
    }
}

/// Adds bytes behind their length.
pub(crate) fn put(bytes: &[u8], buffer: &mut Vec<u8>) -> Result<()> {
    let len = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= MOST);
    let len = len.ok_or_else(|| Error::limit_exceeded(format!("a part of a plan has {} bytes", bytes.len())))?;
    buffer.extend(len.to_le_bytes());
    buffer.extend(bytes);
    Ok(())
}

/// Takes bytes that are behind their length.
pub(crate) fn take<'a>(buffer: &mut &'a [u8]) -> Result<&'a [u8]> {
    let short = || Error::invalid_data("a plan ends in the midst of a part");
    let (len, rest) = buffer.split_first_chunk::<4>().ok_or_else(short)?;
    let len = usize::try_from(u32::from_le_bytes(*len)).map_err(|_| short())?;
    if len > MOST {
        return Err(Error::limit_exceeded(format!("a part of a plan has {len} bytes")));
    }
    let (bytes, rest) = rest.split_at_checked(len).ok_or_else(short)?;
    *buffer = rest;
    Ok(bytes)
}

/// A value as JSON, behind its length.
pub(crate) fn put_json<T: Serialize>(value: &T, buffer: &mut Vec<u8>) -> Result<()> {
    let json =
        serde_json::to_vec(value).map_err(|error| Error::invalid_input("a plan cannot be written").with_source(error));
    put(&json?, buffer)
}

/// A value from JSON that is behind its length.
pub(crate) fn take_json<T: for<'de> Deserialize<'de>>(buffer: &mut &[u8]) -> Result<T> {
    serde_json::from_slice(take(buffer)?)
        .map_err(|error| Error::invalid_data("a plan cannot be read").with_source(error))
}
