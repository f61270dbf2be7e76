//! [`Awkward`]: arrays of nested, variable-length, optional and mixed values.
//!
//! An awkward array is stored as a [`Form`] (a tree of nodes, as JSON), a length, and a flat buffer or two for each
//! node that needs them. The node with the key `node1` has buffers such as `node1-offsets` and `node1-data`.
//!
//! ```
//! use anndata_array::{Tensor, awkward::Awkward};
//!
//! let form = r#"{"class": "ListOffsetArray", "offsets": "i64", "form_key": "node0", "content":
//!     {"class": "NumpyArray", "primitive": "float32", "form_key": "node1"}}"#;
//! let buffers = [
//!     ("node0-offsets".to_owned(), Tensor::from_vec([4], vec![0_i64, 2, 2, 3])?),
//!     ("node1-data".to_owned(), Tensor::from_vec([3], vec![0.5_f32, 1.0, 1.5])?),
//! ];
//! let array = Awkward::new(form, 3, buffers.into_iter().collect())?;
//! assert_eq!(array.to_list()?.to_string(), "[[0.5,1.0],[],[1.5]]");
//! assert_eq!(array.take(&[2, 0])?.to_list()?.to_string(), "[[1.5],[0.5,1.0]]");
//! assert_eq!(Awkward::from_arrow(array.to_arrow()?.as_ref())?.to_list()?, array.to_list()?);
//! # Ok::<(), anndata_array::Error>(())
//! ```

mod close;
mod concat;
mod form;
mod from_arrow;
mod json;
mod layout;
mod list;
mod rows;
mod take;
#[cfg(test)]
mod tests;
mod to_arrow;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{Error, Result, Tensor};
use arrow_array::{Array, ArrayRef};
use indexmap::IndexMap;
use serde_json::Value;

pub use form::{Form, FormKind, IndexType, Primitive, TimeUnit};
use layout::Layout;
use rows::{Budget, Rows};

/// An array of nested, variable-length, optional and mixed values. Cheap to clone.
///
/// Form and buffers are kept as they were given, so that what was read is what is written; the buffers in the order of their
/// nodes. Everything in them is checked when the array is made: no use of it can go out of bounds.
#[derive(Clone)]
pub struct Awkward(Arc<Inner>);

struct Inner {
    form_json: String,
    form: Form,
    buffers: IndexMap<String, Tensor>,
    layout: Layout,
}

impl Awkward {
    /// An array of a form, a length and the buffers that the form names.
    ///
    /// The form is JSON in any spelling that Python's `ak.forms.from_json` reads, or the name of a primitive. A buffer
    /// has the dtype that the form says (times and durations: 64-bit integers), or is raw bytes of `u8`; its shape does
    /// not matter. It may be longer than needed. Buffers that no node names are kept. A node without a key has buffers
    /// such as `None-data`, as in Python.
    ///
    /// # Errors
    /// If the form is malformed, nested deeper than 64 nodes, or breaks awkward's rules of what may hold what;
    /// if a buffer is missing, of another type, shorter than needed, or used twice; if offsets decrease, an index
    /// is negative or a tag names no content. The message names the node and the buffer.
    pub fn new(form_json: &str, length: u64, mut buffers: IndexMap<String, Tensor>) -> Result<Self> {
        let form = json::parse(form_json)?;
        let length = usize::try_from(length).map_err(|_| {
            Error::limit_exceeded(format!("an awkward array of length {length} does not fit into memory"))
        })?;
        let layout = Layout::resolve(&form, length, &mut buffers)?;
        Ok(Self(Arc::new(Inner { form_json: form_json.to_owned(), form, buffers, layout })))
    }

    /// A packed array, with nodes named as awkward names them.
    fn from_layout(layout: Layout) -> Self {
        let (form, buffers) = layout.clone().into_buffers();
        let form_json = json::to_value(&form).to_string();
        Self(Arc::new(Inner { form_json, form, buffers, layout }))
    }

    /// The array as an Arrow array holds it: the inverse of [`to_arrow`](Self::to_arrow).
    ///
    /// Lists, fixed-size lists, list views, structs, dense and sparse unions, dictionaries, strings, binary, booleans,
    /// numbers, dates, timestamps without time zone, durations and nulls, nullable or not, sliced or not. A nullable field
    /// without a null becomes an `UnmaskedArray`; a dictionary becomes categories with an index of 32 or 64 bits.
    ///
    /// # Errors
    /// For types that awkward cannot represent: decimals, times of day, intervals, maps, time zones,
    /// run-end encoding, unions within unions, dictionaries of dictionaries.
    pub fn from_arrow(array: &dyn Array) -> Result<Self> {
        Ok(Self::from_layout(from_arrow::convert(array, false)?))
    }

    /// The array as an Arrow array.
    ///
    /// | awkward | Arrow |
    /// | --- | --- |
    /// | lists | `LargeList`, or `List` where offsets are `i32` |
    /// | `RegularArray`, inner axes | `FixedSizeList` |
    /// | strings, byte strings | `LargeUtf8`, `LargeBinary`; `FixedSizeBinary` for byte strings of equal length |
    /// | records, tuples | `Struct`; the fields of tuples are `0`, `1`, ... |
    /// | missing values | nulls; an `UnmaskedArray` is a nullable field without nulls |
    /// | categories | `Dictionary`, other indices are resolved |
    /// | unions | dense `Union` |
    /// | `EmptyArray` | `Null` |
    /// | times, durations | `Timestamp`, `Date32` for days, `Duration`; "not a time" becomes null |
    /// | complex numbers | `FixedSizeList` of two floats |
    ///
    /// Values are shared where the layouts agree. Parameters other than those above are not represented.
    ///
    /// # Errors
    /// If Arrow has no such type (time units other than D, s, ms, us and ns), a string is not UTF-8, or overlapping
    /// lists unfold to far more than is stored.
    pub fn to_arrow(&self) -> Result<ArrayRef> {
        to_arrow::convert(&self.0.layout, None, &self.budget(self.len()))
    }

    /// The given positions of the first axis, in the order given (repeats allowed).
    ///
    /// The result is packed, with the kinds of nodes that `ak.to_packed(array[rows])` has in Python: all lists are
    /// `ListOffsetArray`, dense inner axes are `RegularArray`, indices are resolved except those of categories, which
    /// keep all their categories, masked records are an `IndexedOptionArray`, and bit masks become byte masks unless
    /// everything is taken. Parameters are kept, and so is the width of offsets and indices where it suffices (Python
    /// widens offsets). Buffers that no node names are left behind.
    ///
    /// # Errors
    /// If a position is out of bounds, or overlapping lists unfold to far more than is stored.
    pub fn take(&self, rows: &[u64]) -> Result<Self> {
        let budget = self.budget(rows.len());
        let mut selection = Rows::none(&budget);
        for &row in rows {
            let position = usize::try_from(row).ok().filter(|&position| position < self.len()).ok_or_else(|| {
                Error::invalid_input(format!("row {row} is out of bounds of an awkward array of length {}", self.len()))
            })?;
            selection.push(position..position + 1)?;
        }
        Ok(Self::from_layout(self.0.layout.select(&selection)?))
    }

    /// Consecutive positions of the first axis, packed as [`take`](Self::take) packs them.
    ///
    /// # Errors
    /// As [`take`](Self::take).
    pub fn slice(&self, rows: Range<usize>) -> Result<Self> {
        if rows.start > rows.end || rows.end > self.len() {
            let message = format!("rows {rows:?} are out of bounds of an awkward array of length {}", self.len());
            return Err(Error::invalid_input(message));
        }
        let budget = self.budget(rows.len());
        let mut selection = Rows::none(&budget);
        selection.push(rows)?;
        Ok(Self::from_layout(self.0.layout.select(&selection)?))
    }

    fn budget(&self, rows: usize) -> Budget {
        Budget::new(self.0.buffers.values().map(Tensor::nbytes).sum(), rows, self.len())
    }

    /// The number of values along the first axis.
    pub fn len(&self) -> usize {
        self.0.layout.len
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The form as it was given, or as it was made for a new array.
    pub fn form_json(&self) -> &str {
        &self.0.form_json
    }

    /// The form.
    pub fn form(&self) -> &Form {
        &self.0.form
    }

    /// The buffers by name, in the order of their nodes; then those that no node names.
    pub fn buffers(&self) -> &IndexMap<String, Tensor> {
        &self.0.buffers
    }

    /// The length of an axis; `None` if it varies.
    ///
    /// Missing values and categories add no axis; a record at the axis counts its fields; strings have no axis; the
    /// axis of a union varies where its types disagree.
    ///
    /// # Errors
    /// If the array has no such axis, or records lie above it.
    pub fn axis_len(&self, axis: usize) -> Result<Option<usize>> {
        match axis {
            0 => Ok(Some(self.len())),
            _ => self.form().axis_len(axis),
        }
    }

    /// The values as JSON, as Python's `ak.to_list` gives them.
    ///
    /// Lists and tuples are arrays, records objects, missing values null. Times are their stored number, null if
    /// "not a time"; byte strings are arrays of numbers; complex numbers are objects of `real` and `imag`; infinities
    /// and NaN are the strings `inf`, `-inf` and `NaN`.
    ///
    /// # Errors
    /// If a string is not UTF-8, or overlapping lists unfold to far more than is stored.
    pub fn to_list(&self) -> Result<Value> {
        Ok(Value::Array(list::values(&self.0.layout, &self.budget(self.len()))?))
    }
}

/// Equal forms (as JSON), lengths and buffers.
impl PartialEq for Awkward {
    fn eq(&self, other: &Self) -> bool {
        let form = |array: &Self| serde_json::from_str::<Value>(array.form_json()).ok();
        self.len() == other.len()
            && (self.form_json() == other.form_json() || (form(self) == form(other) && self.form() == other.form()))
            && self.buffers() == other.buffers()
    }
}

impl fmt::Debug for Awkward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Awkward({}, {}, {:?})", self.form().class(), self.len(), self.buffers())
    }
}

/// An error about a node, by its key and class.
fn node_error(form: &Form, message: &str) -> Error {
    let key = form.form_key.as_deref().unwrap_or("None");
    Error::invalid_data(format!("awkward node `{key}` ({}): {message}", form.class()))
}
