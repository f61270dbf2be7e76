//! Comparing objects and elements with a tolerance, and saying where they differ: first, or everywhere.

mod blocks;
mod values;

use std::cell::RefCell;
use std::fmt;

use anndata_storage::{Error, Result, Tensor, escaped};

use super::AnnData;
use crate::{Column, ColumnKind, DataFrame, Element, Mapping, Opaque, Raw, Series, SparseMatrix};
use values::{Apart, Place, Same};

/// How far apart numbers may be that count as equal: `|a - b| <= atol + rtol * |b|`, as numpy's `allclose` has it. NaN
/// equals NaN, and an infinity only itself.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Tolerance {
    /// Relative to the second number. Default: 1e-5.
    pub rtol: f64,
    /// Absolute. Default: 1e-8.
    pub atol: f64,
    /// Whether numbers of different dtypes are compared. Default: no, they differ.
    pub any_dtype: bool,
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { rtol: 1e-5, atol: 1e-8, any_dtype: false }
    }
}

impl Tolerance {
    /// Equal numbers only, in which 0.0 is -0.0.
    pub const EXACT: Self = Self { rtol: 0.0, atol: 0.0, any_dtype: false };

    /// Sets the relative tolerance.
    #[must_use]
    pub fn with_rtol(mut self, rtol: f64) -> Self {
        self.rtol = rtol;
        self
    }

    /// Sets the absolute tolerance.
    #[must_use]
    pub fn with_atol(mut self, atol: f64) -> Self {
        self.atol = atol;
        self
    }

    /// Sets whether numbers of different dtypes are compared as doubles.
    #[must_use]
    pub fn with_any_dtype(mut self, any_dtype: bool) -> Self {
        self.any_dtype = any_dtype;
        self
    }
}

/// A difference between two objects or elements.
#[derive(Debug)]
pub struct Difference {
    path: String,
    message: String,
    n_values: u64,
    positions: Vec<Vec<u64>>,
    cause: Option<Error>,
}

impl Difference {
    fn new(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), message: message.into(), n_values: 0, positions: Vec::new(), cause: None }
    }

    fn of_values(path: &str, values: Apart) -> Self {
        let Apart { message, n_values, positions } = values;
        Self { path: path.to_owned(), message, n_values, positions, cause: None }
    }

    fn unreadable(path: &str, cause: Error) -> Self {
        Self { cause: Some(cause), ..Self::new(path, "cannot be compared") }
    }

    /// The path of the element, as in a store: `obsm/X_pca`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What differs there; of values, the first that do.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// How many values of an array or a matrix differ; 0 where something else does, as shapes or dtypes. Of the difference
    /// that [`AnnData::approx_eq`] ends at, at least those up to there are counted.
    pub fn n_values(&self) -> u64 {
        self.n_values
    }

    /// The positions of the first values that differ, along each axis: at most five.
    pub fn positions(&self) -> &[Vec<u64>] {
        &self.positions
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "{}: {}", escaped(path), escaped(&self.message))?;
        match &self.cause {
            Some(cause) => write!(f, ": {cause}"),
            None => Ok(()),
        }
    }
}

/// Without a source: the cause is printed already.
impl std::error::Error for Difference {}

/// Equal, or where not.
type Compared = std::result::Result<(), Difference>;

impl AnnData {
    /// Whether another object has the same content, with numbers as close as the tolerance asks; the first difference
    /// otherwise. Lazy elements are read, matrices block by block, and not kept. Whether one is a view does not matter, nor
    /// the order of keys in mappings.
    ///
    /// ```
    /// use anndata_core::{AnnData, Tensor, Tolerance};
    ///
    /// let adata = |value: f32| {
    ///     AnnData::builder().x(Tensor::from_vec([1, 2], vec![0.5, value])?).build()
    /// };
    /// assert!(adata(1.0)?.approx_eq(&adata(1.000_001)?, Tolerance::default()).is_ok());
    /// let difference = adata(1.0)?.approx_eq(&adata(1.5)?, Tolerance::default()).unwrap_err();
    /// assert_eq!(difference.to_string(), "X: 1.0 and 1.5 at [0, 1]");
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first difference; also where an element cannot be read.
    pub fn approx_eq(&self, other: &Self, tolerance: Tolerance) -> Result<(), Difference> {
        Comparison::first(tolerance).adata("", self, other)
    }

    /// Every difference from another object, element by element: as [`approx_eq`](Self::approx_eq) compares, to the end.
    ///
    /// ```
    /// use anndata_core::{AnnData, Tensor, Tolerance};
    ///
    /// let adata = |values: Vec<f32>, title: &str| {
    ///     AnnData::builder().x(Tensor::from_vec([1, 3], values)?).uns("title", title).build()
    /// };
    /// let (a, b) = (adata(vec![1.0, 2.0, 3.0], "A")?, adata(vec![1.0, 2.5, 3.5], "B")?);
    /// let found = a.differences(&b, Tolerance::default());
    /// assert_eq!(found.iter().map(|one| one.path()).collect::<Vec<_>>(), ["X", "uns/title"]);
    /// assert_eq!((found[0].n_values(), found[0].positions()), (2, &[vec![0, 1], vec![0, 2]][..]));
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    #[doc(alias = "diff")]
    pub fn differences(&self, other: &Self, tolerance: Tolerance) -> Vec<Difference> {
        let comparison = Comparison { tolerance, found: Some(RefCell::default()) };
        let last = comparison.adata("", self, other).err();
        let found = comparison.found.map(RefCell::into_inner).unwrap_or_default();
        found.into_iter().chain(last).collect()
    }
}

impl Element {
    /// Whether another element is equal to this one, as [`AnnData::approx_eq`] compares them.
    ///
    /// Sparse matrices of one format are equal where they stand for the same values: order, repeats and stored zeros do
    /// not matter.
    ///
    /// # Errors
    /// As [`AnnData::approx_eq`]; paths are relative to this element.
    pub fn approx_eq(&self, other: &Self, tolerance: Tolerance) -> Result<(), Difference> {
        Comparison::first(tolerance).element("", self, other)
    }
}

struct Comparison {
    tolerance: Tolerance,
    /// The differences so far, if all are asked for; else the first one ends it.
    found: Option<RefCell<Vec<Difference>>>,
}

fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}/{key}") }
}

impl Comparison {
    /// A comparison that ends with the first difference.
    fn first(tolerance: Tolerance) -> Self {
        Self { tolerance, found: None }
    }

    /// Takes a difference down if all are asked for.
    fn note(&self, compared: Compared) -> Compared {
        match (compared, &self.found) {
            (Err(difference), Some(found)) => {
                found.borrow_mut().push(difference);
                Ok(())
            }
            (compared, _) => compared,
        }
    }

    fn adata(&self, path: &str, a: &AnnData, b: &AnnData) -> Compared {
        if a.shape() != b.shape() {
            let message = format!("the shapes are {:?} and {:?}", a.shape(), b.shape());
            self.note(Err(Difference::new(path, message)))?;
        }
        self.note(self.frame(&below(path, "obs"), a.obs(), b.obs()))?;
        self.note(self.frame(&below(path, "var"), a.var(), b.var()))?;
        let layers = |adata: &AnnData| -> (Mapping, Mapping) {
            let (x, layers) = adata.layers().iter().partition::<Vec<_>, _>(|(key, _)| key.is_none());
            let mapping = |entries: Vec<(&Option<String>, &Element)>| -> Mapping {
                let entry = |(key, layer): (&Option<String>, &Element)| {
                    (key.clone().unwrap_or_else(|| "X".to_owned()), layer.clone())
                };
                entries.into_iter().map(entry).collect()
            };
            (mapping(x), mapping(layers))
        };
        let ((x, layers), (other_x, other_layers)) = (layers(a), layers(b));
        self.mapping(path, &x, &other_x)?;
        self.mapping(&below(path, "layers"), &layers, &other_layers)?;
        for ((slot, a), (_, b)) in a.mappings().into_iter().zip(b.mappings()) {
            self.mapping(&below(path, slot), a, b)?;
        }
        match (a.raw(), b.raw()) {
            (None, None) => {}
            (Some(a), Some(b)) => self.raw(&below(path, "raw"), a, b)?,
            (a, _) => self.note(Err(in_one(&below(path, "raw"), a.is_some())))?,
        }
        self.mapping(path, a.other(), b.other())
    }

    fn raw(&self, path: &str, a: &Raw, b: &Raw) -> Compared {
        let x = |raw: &Raw| -> Mapping { raw.x().map(|x| ("X".to_owned(), x.clone())).into_iter().collect() };
        self.mapping(path, &x(a), &x(b))?;
        self.note(self.frame(&below(path, "var"), a.var(), b.var()))?;
        self.mapping(&below(path, "varm"), a.varm(), b.varm())?;
        self.mapping(path, a.other(), b.other())
    }

    fn mapping(&self, path: &str, a: &Mapping, b: &Mapping) -> Compared {
        for (one, other, is_first) in [(a, b, true), (b, a, false)] {
            for key in one.keys().filter(|&key| !other.contains_key(key)) {
                self.note(Err(in_one(&below(path, key), is_first)))?;
            }
        }
        for (key, element) in a {
            if let Some(other) = b.get(key) {
                self.note(self.element(&below(path, key), element, other))?;
            }
        }
        Ok(())
    }

    fn element(&self, path: &str, a: &Element, b: &Element) -> Compared {
        if let Some(compared) = blocks::compare(a, b, &self.tolerance, self.found.is_some()).transpose() {
            return told(path, compared);
        }
        let load = |element: &Element| match element {
            Element::Lazy(lazy) => lazy.load_once().map_err(|error| Difference::unreadable(path, error)),
            Element::Opaque(opaque) => {
                opaque.load().map(Element::Opaque).map_err(|error| Difference::unreadable(path, error))
            }
            other => Ok(other.clone()),
        };
        match (load(a)?, load(b)?) {
            (Element::Tensor(a), Element::Tensor(b)) => self.tensor(path, &a, &b),
            (Element::Sparse(a), Element::Sparse(b)) => self.sparse(path, &a, &b),
            (Element::Column(a), Element::Column(b)) => self.column(path, &a, &b),
            (Element::Frame(a), Element::Frame(b)) => self.frame(path, &a, &b),
            (Element::Mapping(a), Element::Mapping(b)) => self.mapping(path, &a, &b),
            (Element::AnnData(a), Element::AnnData(b)) => self.adata(path, &a, &b),
            (Element::Raw(a), Element::Raw(b)) => self.raw(path, &a, &b),
            (Element::Awkward(a), Element::Awkward(b)) => {
                if a.len() != b.len() || a.form() != b.form() {
                    return Err(Difference::new(path, "the lengths or forms are others"));
                }
                for (name, buffer) in a.buffers() {
                    match b.buffers().get(name) {
                        Some(other) => self.tensor(&format!("{path}[{name}]"), buffer, other)?,
                        None => return Err(Difference::new(path, format!("only one has the buffer '{name}'"))),
                    }
                }
                Ok(())
            }
            (a, b) if a == b => Ok(()),
            (Element::Opaque(a), Element::Opaque(b)) => Err(unlike(path, &a, &b)),
            (a, b) if a.kind_name() == b.kind_name() => Err(Difference::new(path, "the values differ")),
            (a, b) => Err(Difference::new(path, format!("one is {}, the other {}", a.kind_name(), b.kind_name()))),
        }
    }

    fn frame(&self, path: &str, a: &DataFrame, b: &DataFrame) -> Compared {
        if !a.column_names().eq(b.column_names()) {
            let names = |frame: &DataFrame| frame.column_names().collect::<Vec<_>>().join(", ");
            let message = format!("the columns are [{}] and [{}]", names(a), names(b));
            self.note(Err(Difference::new(path, message)))?;
        }
        if a.index_name() != b.index_name() {
            let message = format!("the names of the index are {:?} and {:?}", a.index_name(), b.index_name());
            self.note(Err(Difference::new(path, message)))?;
        }
        if let (Ok(len), Ok(other)) = (a.len(), b.len())
            && len != other
        {
            // Not once more for each column.
            return Err(Difference::new(path, format!("the numbers of rows are {len} and {other}")));
        }
        self.note(self.series(&below(path, "_index"), a.index(), b.index()))?;
        for (name, column) in a.columns() {
            if let Some(other) = b.series(name) {
                self.note(self.series(&below(path, name), column, other))?;
            }
        }
        self.mapping(path, a.other(), b.other())
    }

    fn series(&self, path: &str, a: &Series, b: &Series) -> Compared {
        if let (Series::Opaque(_), _) | (_, Series::Opaque(_)) = (a, b) {
            return self.element(path, &a.to_element(), &b.to_element());
        }
        let load = |series: &Series| series.load().map_err(|error| Difference::unreadable(path, error));
        self.column(path, &load(a)?, &load(b)?)
    }

    fn column(&self, path: &str, a: &Column, b: &Column) -> Compared {
        // Steps of times are dtypes, which are compared with the values.
        let times = matches!((a.kind(), b.kind()), (ColumnKind::Time(_), ColumnKind::Time(_)));
        if a.kind() != b.kind() && !times {
            return Err(Difference::new(path, format!("the kinds are {:?} and {:?}", a.kind(), b.kind())));
        }
        if a.len() != b.len() {
            return Err(Difference::new(path, format!("the lengths are {} and {}", a.len(), b.len())));
        }
        if let Some(row) = a.missing().iter().zip(b.missing()).position(|(a, b)| *a != b) {
            return Err(Difference::new(path, format!("the value of row {row} is missing in one of them")));
        }
        let parts = |column: &Column| column.codes_and_categories().map_err(|e| Difference::unreadable(path, e));
        if let ColumnKind::Categorical { .. } = a.kind() {
            let ((codes, categories), (other_codes, other_categories)) = (parts(a)?, parts(b)?);
            self.column(&below(path, "categories"), &categories, &other_categories)?;
            let exact = Self::first(Tolerance::EXACT.with_any_dtype(true));
            return exact.tensor(&below(path, "codes"), &codes, &other_codes);
        }
        let present: Vec<u64> =
            (0_u64..).zip(a.missing()).filter(|(_, missing)| !missing).map(|(row, _)| row).collect();
        let of_present = |column: &Column| {
            let values = column
                .to_tensor()
                .and_then(|values| if present.len() == values.len() { Ok(values) } else { values.take(0, &present) });
            values.map_err(|error| Difference::unreadable(path, error))
        };
        told(path, values::compare(&of_present(a)?, &of_present(b)?, &self.tolerance, Place::Rows(&present)))
    }

    fn sparse(&self, path: &str, a: &SparseMatrix, b: &SparseMatrix) -> Compared {
        if (a.format(), a.shape()) != (b.format(), b.shape()) {
            return Err(Difference::new(path, format!("one is {a:?}, the other {b:?}")));
        }
        told(path, values::compare_sparse(a, b, &self.tolerance, [0, 0]))
    }

    fn tensor(&self, path: &str, a: &Tensor, b: &Tensor) -> Compared {
        told(path, values::compare(a, b, &self.tolerance, Place::From(&[])))
    }
}

/// What only the first or only the second of both has.
fn in_one(path: &str, is_first: bool) -> Difference {
    Difference::new(path, if is_first { "is in the first one only" } else { "is in the second one only" })
}

/// Of two elements of which no more is known than how they are stored.
fn unlike(path: &str, a: &Opaque, b: &Opaque) -> Difference {
    match a.unreadable().or_else(|| b.unreadable()) {
        Some(error) => Difference::unreadable(path, error),
        None => Difference::new(path, "the values differ"),
    }
}

fn told(path: &str, compared: Result<Same>) -> Compared {
    match compared {
        Ok(same) => same.map_err(|values| Difference::of_values(path, values)),
        Err(error) => Err(Difference::unreadable(path, error)),
    }
}

#[cfg(test)]
mod tests;
