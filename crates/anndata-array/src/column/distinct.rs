//! The different values of a column: codes of them, each once, and how often each is there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;

use ahash::RandomState;
use anndata_storage::{Complex, DType, Error, OrBug, Result, Tensor};
use arrow_array::cast::AsArray as _;

use super::{Column, ColumnKind};
use crate::Mask;

impl Column {
    /// The categories of a categorical column, in order, those without rows included.
    ///
    /// # Errors
    /// [`DType`](anndata_storage::ErrorKind::DType) if the column is not categorical.
    pub fn categories(&self) -> Result<Self> {
        let dictionary = self.array.as_any_dictionary_opt();
        let values = Arc::clone(dictionary.ok_or_else(|| Error::dtype("the column is not categorical"))?.values());
        Ok(Self { kind: super::kind_of_array(values.data_type()), array: values })
    }

    /// The rows whose value is missing or NaN; `NaT` is missing.
    ///
    /// # Errors
    /// If the values cannot be read.
    #[doc(alias = "isna")]
    #[doc(alias = "isnull")]
    pub fn is_missing_or_nan(&self) -> Result<Mask> {
        let array = &self.array;
        let missing = |row: usize| array.is_null(row);
        if let ColumnKind::Categorical { .. } = self.kind {
            let (_, categories) = self.codes_and_categories()?;
            let nan = categories.is_missing_or_nan()?;
            if nan.count() > 0 {
                let codes = self.row_codes()?;
                let is_nan = |code: &i64| usize::try_from(*code).ok().is_none_or(|code| nan.get(code) == Some(true));
                return Ok(codes.iter().map(is_nan).collect());
            }
            return Ok(Mask::from_fn(self.len(), missing));
        }
        if !array.data_type().is_floating() && !array.data_type().is_nested() {
            return Ok(Mask::from_fn(self.len(), missing));
        }
        let values = self.to_tensor()?.cast(&DType::Complex128)?;
        let values = values.as_slice::<Complex<f64>>()?;
        let nan = values.iter().map(|value| value.re.is_nan() || value.im.is_nan()).collect::<Mask>();
        nan.or(&Mask::from_fn(self.len(), missing))
    }

    /// The different values in the order of their first rows, and for each row which of them it has: -1 if it is missing or
    /// NaN. 0.0 and -0.0 are the same value.
    ///
    /// The values of a categorical column are plain ones; a category that no row has is none of them.
    ///
    /// ```
    /// # use anndata_array::Column;
    /// let (codes, values) = Column::from(vec![2.5, 1.0, f64::NAN, 2.5]).factorize()?;
    /// assert_eq!((codes, values), (vec![0, 1, -1, 0], Column::from(vec![2.5, 1.0])));
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the values cannot be compared.
    pub fn factorize(&self) -> Result<(Vec<i64>, Self)> {
        let (codes, firsts) = self.first_rows()?;
        Ok((codes, self.take(&firsts)?.without_kind()?))
    }

    /// The column with each value once, in the order of their first rows. One missing value (or NaN) is kept; a categorical
    /// column keeps its categories.
    ///
    /// ```
    /// # use anndata_array::Column;
    /// assert_eq!(Column::strings(["b", "a", "b"]).unique()?, Column::strings(["b", "a"]));
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the values cannot be compared.
    #[doc(alias = "drop_duplicates")]
    pub fn unique(&self) -> Result<Self> {
        let (codes, mut firsts) = self.first_rows()?;
        if let Some(missing) = codes.iter().position(|&code| code < 0) {
            firsts.push(missing as u64);
            firsts.sort_unstable();
        }
        self.take(&firsts)
    }

    /// The different values and how many rows have each, the most frequent first, equally frequent ones in the order of their
    /// first rows. Missing values and NaN are not counted; the categories of a categorical column are all there, those
    /// without rows with 0 and in their order.
    ///
    /// ```
    /// # use anndata_array::Column;
    /// let (values, counts) = Column::strings(["b", "a", "c", "a"]).value_counts()?;
    /// assert_eq!((values, counts), (Column::strings(["a", "b", "c"]), vec![2, 1, 1]));
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the values cannot be compared.
    pub fn value_counts(&self) -> Result<(Self, Vec<u64>)> {
        let (codes, firsts) = self.first_rows()?;
        let mut counts = vec![0_u64; firsts.len()];
        for code in codes.iter().filter_map(|&code| usize::try_from(code).ok()) {
            *counts.get_mut(code).or_bug("a code without a value")? += 1;
        }
        let ColumnKind::Categorical { .. } = self.kind else {
            let (rows, counts) = most_first(firsts.into_iter().zip(counts));
            return Ok((self.take(&rows)?.without_kind()?, counts));
        };
        let (_, categories) = self.codes_and_categories()?;
        let own = self.row_codes()?;
        let mut seen = vec![false; categories.len()];
        let mut counted = Vec::with_capacity(categories.len());
        for (row, count) in firsts.into_iter().zip(counts) {
            let code = own.get(usize::try_from(row).ok().or_bug("a row beyond the numbers")?).or_bug("no such row")?;
            let code = usize::try_from(*code).ok().or_bug("a counted value is missing")?;
            *seen.get_mut(code).or_bug("a code without a category")? = true;
            counted.push((code as u64, count));
        }
        let unused = (0_u64..).zip(&seen).filter(|(_, seen)| !**seen).map(|(code, _)| (code, 0));
        let (codes, counts) = most_first(counted.into_iter().chain(unused));
        Ok((categories.take(&codes)?, counts))
    }

    /// For each row the code of its value among the different ones, -1 if it is missing or NaN, and the first row of each.
    fn first_rows(&self) -> Result<(Vec<i64>, Vec<u64>)> {
        if let ColumnKind::Categorical { .. } = self.kind {
            let missing = self.is_missing_or_nan()?;
            let codes = self.row_codes()?;
            return number(codes.into_iter().zip(missing.iter()).map(|(code, missing)| (!missing).then_some(code)));
        }
        let missing = self.is_missing_or_nan()?;
        let values = Tensor::from_arrow(self.array.as_ref())?;
        let dtype = values.dtype();
        let present = |row: usize| missing.get(row) == Some(false);
        if dtype.is_text() {
            let texts = values.to_text()?;
            let texts = texts.strings()?;
            return number((0..self.len()).map(|row| present(row).then(|| texts.value(row))));
        }
        if dtype.is_time() {
            return number(values.ticks()?.iter().enumerate().map(|(row, &ticks)| present(row).then_some(ticks)));
        }
        if dtype.is_complex() {
            let values = values.cast(&DType::Complex128)?;
            let values = values.as_slice::<Complex<f64>>()?.iter().enumerate();
            return number(values.map(|(row, value)| present(row).then(|| [bits(value.re), bits(value.im)])));
        }
        if dtype.is_float() {
            let values = values.cast(&DType::F64)?;
            let values = values.as_slice::<f64>()?.iter().enumerate();
            return number(values.map(|(row, &value)| present(row).then(|| bits(value))));
        }
        if !dtype.is_numeric() {
            return Err(Error::dtype(format!("values of type {dtype} cannot be told apart")));
        }
        // Different integers of any width are different in 64 bits.
        let values = values.cast(&DType::I64)?;
        number(values.as_slice::<i64>()?.iter().enumerate().map(|(row, &value)| present(row).then_some(value)))
    }

    /// The codes of the rows of a categorical column, -1 if missing.
    pub(super) fn row_codes(&self) -> Result<Vec<i64>> {
        let (codes, _) = self.codes_and_categories()?;
        Ok(codes.cast(&DType::I64)?.as_slice::<i64>()?.to_vec())
    }

    /// A column none of whose values is missing as a plain one, or one of times.
    pub(super) fn without_kind(&self) -> Result<Self> {
        match self.kind {
            ColumnKind::Plain | ColumnKind::Time(_) => Ok(self.clone()),
            ColumnKind::Nullable(_) | ColumnKind::Categorical { .. } => Self::plain(&self.to_tensor()?),
        }
    }
}

/// The bits of a number that is not NaN, the same for both zeros.
fn bits(value: f64) -> u64 {
    (value + 0.0).to_bits()
}

/// Numbers different keys in the order in which they come.
fn number<K: Hash + Eq>(keys: impl Iterator<Item = Option<K>>) -> Result<(Vec<i64>, Vec<u64>)> {
    let mut numbers: HashMap<K, i64, RandomState> = HashMap::default();
    let mut codes = Vec::with_capacity(keys.size_hint().0);
    let mut firsts = Vec::new();
    for (row, key) in (0_u64..).zip(keys) {
        let Some(key) = key else {
            codes.push(-1);
            continue;
        };
        codes.push(match numbers.entry(key) {
            Entry::Occupied(known) => *known.get(),
            Entry::Vacant(new) => {
                let code = i64::try_from(firsts.len())
                    .map_err(|_| Error::limit_exceeded("the number of different values exceeds 63 bits"))?;
                firsts.push(row);
                *new.insert(code)
            }
        });
    }
    Ok((codes, firsts))
}

/// Rows and counts, the largest count first; equal ones stay in their order.
fn most_first(counted: impl Iterator<Item = (u64, u64)>) -> (Vec<u64>, Vec<u64>) {
    let mut counted: Vec<(u64, u64)> = counted.collect();
    counted.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    counted.into_iter().unzip()
}
