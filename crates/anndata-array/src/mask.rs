//! [`Mask`]: for each row whether it is chosen.

use std::ops::Not;

use anndata_storage::{Error, Result};
use arrow_array::{Array, BooleanArray};
use arrow_buffer::BooleanBuffer;

/// One boolean per row, none of them missing: what a condition says of each row of a [`Column`](crate::Column).
///
/// Masks of the same rows are combined by [`and`](Self::and), [`or`](Self::or) and [`xor`](Self::xor), which fail if the
/// lengths differ. There are no operators `&`, `|` and `^`, as they could not fail; `!` turns a mask around.
///
/// ```
/// use anndata_array::{Column, Mask};
///
/// let (n_genes, batch) = (Column::from(vec![900_i64, 150, 420]), Column::strings(["a", "a", "b"]));
/// let mask = n_genes.at_least(200)?.and(&batch.equal_to("a")?)?;
/// assert_eq!(mask, Mask::from([true, false, false]));
/// assert_eq!((!mask).count(), 2);
/// # Ok::<(), anndata_array::Error>(())
/// ```
///
/// A clone shares the bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask(BooleanBuffer);

impl Mask {
    /// A mask of what a function says of each row of `0..len`.
    pub fn from_fn(len: usize, chosen: impl FnMut(usize) -> bool) -> Self {
        Self(BooleanBuffer::collect_bool(len, chosen))
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of rows that are chosen.
    #[doc(alias = "sum")]
    pub fn count(&self) -> usize {
        self.0.count_set_bits()
    }

    /// Whether a row is chosen; `None` if there is no such row.
    pub fn get(&self, row: usize) -> Option<bool> {
        (row < self.len()).then(|| self.0.value(row))
    }

    /// For each row whether it is chosen, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = bool> + '_ {
        (0..self.len()).map(|row| self.0.value(row))
    }

    /// For each row whether it is chosen.
    pub fn to_vec(&self) -> Vec<bool> {
        self.iter().collect()
    }

    /// The rows that are chosen, in order.
    #[doc(alias = "nonzero")]
    pub fn rows(&self) -> Vec<u64> {
        self.0.set_indices().map(|row| row as u64).collect()
    }

    /// The rows that both masks choose.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the lengths differ.
    pub fn and(&self, other: &Self) -> Result<Self> {
        self.check_len(other)?;
        Ok(Self(&self.0 & &other.0))
    }

    /// The rows that one of the masks, or both, choose.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the lengths differ.
    pub fn or(&self, other: &Self) -> Result<Self> {
        self.check_len(other)?;
        Ok(Self(&self.0 | &other.0))
    }

    /// The rows that one of the masks chooses and the other does not.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the lengths differ.
    pub fn xor(&self, other: &Self) -> Result<Self> {
        self.check_len(other)?;
        Ok(Self(&self.0 ^ &other.0))
    }

    /// The mask as an Arrow array without nulls; the bits are shared.
    pub fn to_array(&self) -> BooleanArray {
        BooleanArray::new(self.0.clone(), None)
    }

    fn check_len(&self, other: &Self) -> Result<()> {
        if self.len() == other.len() {
            return Ok(());
        }
        Err(Error::invalid_input(format!(
            "masks of the same length can be combined, not masks of {} and of {} rows",
            self.len(),
            other.len()
        )))
    }
}

/// The rows that the mask does not choose.
impl Not for &Mask {
    type Output = Mask;

    fn not(self) -> Mask {
        Mask(!&self.0)
    }
}

/// The rows that the mask does not choose.
impl Not for Mask {
    type Output = Self;

    fn not(self) -> Self {
        !&self
    }
}

impl From<BooleanBuffer> for Mask {
    fn from(bits: BooleanBuffer) -> Self {
        Self(bits)
    }
}

impl From<&[bool]> for Mask {
    fn from(rows: &[bool]) -> Self {
        Self(BooleanBuffer::from(rows))
    }
}

impl From<Vec<bool>> for Mask {
    fn from(rows: Vec<bool>) -> Self {
        Self(BooleanBuffer::from(rows))
    }
}

impl<const N: usize> From<[bool; N]> for Mask {
    fn from(rows: [bool; N]) -> Self {
        Self::from(rows.as_slice())
    }
}

impl FromIterator<bool> for Mask {
    fn from_iter<I: IntoIterator<Item = bool>>(rows: I) -> Self {
        Self(rows.into_iter().collect())
    }
}

/// An error if a row is null.
impl TryFrom<&BooleanArray> for Mask {
    type Error = Error;

    fn try_from(array: &BooleanArray) -> Result<Self> {
        match (0..array.len()).find(|&row| array.is_null(row)) {
            Some(row) => {
                Err(Error::invalid_input(format!("row {row} of the mask is missing: it is neither true nor false")))
            }
            None => Ok(Self(array.values().clone())),
        }
    }
}

impl From<&Mask> for BooleanArray {
    fn from(mask: &Mask) -> Self {
        mask.to_array()
    }
}

impl From<Mask> for BooleanArray {
    fn from(mask: Mask) -> Self {
        mask.to_array()
    }
}
