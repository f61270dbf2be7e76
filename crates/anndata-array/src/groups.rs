//! [`Groups`]: the rows of each value of a column.

mod aggregate;

use anndata_storage::{Error, OrBug, Result};

use crate::{Column, ColumnKind};

/// Rows in groups, each with a name: for every group its rows, and for every row its group.
///
/// ```
/// use anndata_array::{Column, Groups};
///
/// let groups = Groups::of(&Column::strings(["T", "B", "T", "NK"]))?;
/// assert_eq!(groups.names(), &Column::strings(["B", "NK", "T"]));
/// assert_eq!(groups.rows(), [vec![1], vec![3], vec![0, 2]]);
/// assert_eq!(groups.codes(), [2, 0, 2, 1]);
/// # Ok::<(), anndata_array::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[doc(alias = "GroupBy")]
pub struct Groups {
    names: Column,
    rows: Vec<Vec<u64>>,
    codes: Vec<i64>,
}

impl Groups {
    /// A group for each value of a column: for each category in its order, those without rows included (see
    /// [`without_empty`](Self::without_empty)); else for each different value, sorted. A row that is missing or NaN is in no
    /// group.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if the values have no order, as complex numbers.
    #[doc(alias = "groupby")]
    pub fn of(column: &Column) -> Result<Self> {
        if let ColumnKind::Categorical { .. } = column.kind() {
            let (codes, names) = column.codes_and_categories()?;
            let codes = codes.cast(&anndata_storage::DType::I64)?;
            return Self::new(names, codes.as_slice::<i64>()?.to_vec());
        }
        let (codes, values) = column.factorize()?;
        let sorted = values.sort_positions(false)?;
        let mut ranks = vec![0_i64; sorted.len()];
        for (rank, &position) in (0_i64..).zip(&sorted) {
            let position = usize::try_from(position).ok().or_bug("a position beyond the numbers")?;
            *ranks.get_mut(position).or_bug("a position beyond the values")? = rank;
        }
        let rank = |code: i64| match usize::try_from(code) {
            Ok(code) => ranks.get(code).copied().or_bug("a code without a value"),
            // A missing value stays one.
            Err(_) => Ok(-1),
        };
        Self::new(values.take(&sorted)?, codes.into_iter().map(rank).collect::<Result<_>>()?)
    }

    /// Groups of these names, which may be of any dtype, and for each row the position of its group among them, -1 if it is
    /// in none.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a code has no name.
    pub fn new(names: Column, codes: Vec<i64>) -> Result<Self> {
        let mut rows = vec![Vec::new(); names.len()];
        for (row, &code) in (0_u64..).zip(&codes).filter(|(_, code)| **code != -1) {
            let group = usize::try_from(code).ok().and_then(|group| rows.get_mut(group));
            let no_group =
                || Error::invalid_input(format!("code {code} in row {row} has no group: there are {}", names.len()));
            group.ok_or_else(no_group)?.push(row);
        }
        Ok(Self { names, rows, codes })
    }

    /// The number of groups.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no groups.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The number of rows, those in no group included.
    pub fn n_rows(&self) -> usize {
        self.codes.len()
    }

    /// The names of the groups: a plain column of the dtype of the values.
    pub fn names(&self) -> &Column {
        &self.names
    }

    /// The rows of each group, in order.
    #[doc(alias = "indices")]
    pub fn rows(&self) -> &[Vec<u64>] {
        &self.rows
    }

    /// The position of the group of each row, -1 if it is in none.
    #[doc(alias = "ngroup")]
    pub fn codes(&self) -> &[i64] {
        &self.codes
    }

    /// The number of rows of each group.
    #[doc(alias = "size")]
    pub fn sizes(&self) -> Vec<usize> {
        self.rows.iter().map(Vec::len).collect()
    }

    /// The rows of each group, by turns.
    pub fn iter(&self) -> std::slice::Iter<'_, Vec<u64>> {
        self.rows.iter()
    }

    /// The groups that have rows.
    ///
    /// # Errors
    /// If the names cannot be taken.
    #[doc(alias = "observed")]
    pub fn without_empty(&self) -> Result<Self> {
        let mut new_codes = vec![-1_i64; self.len()];
        let mut kept = Vec::new();
        for ((position, rows), code) in (0_u64..).zip(&self.rows).zip(&mut new_codes) {
            if !rows.is_empty() {
                *code = i64::try_from(kept.len()).ok().or_bug("more groups than rows")?;
                kept.push(position);
            }
        }
        let renumber = |&code: &i64| match usize::try_from(code) {
            Ok(code) => new_codes.get(code).copied().or_bug("a code without a group"),
            // A row in no group stays in none.
            Err(_) => Ok(-1),
        };
        let codes = self.codes.iter().map(renumber).collect::<Result<_>>()?;
        Self::new(self.names.take(&kept)?, codes)
    }
}

impl<'a> IntoIterator for &'a Groups {
    type Item = &'a Vec<u64>;
    type IntoIter = std::slice::Iter<'a, Vec<u64>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
