//! The order of the rows of a column.

use std::cmp::Ordering;

use anndata_storage::{Error, Result, Scalar, Tensor, dispatch};
use rayon::prelude::*;

use super::{Column, ColumnKind};

impl Column {
    /// The rows in the order of their values, the largest first if `descending`. Rows of equal values stay in their order;
    /// those that are missing or NaN come last either way.
    ///
    /// Numbers are in their order, text by its code points, `false` before `true`, and categories, in a meaningful order or
    /// not, as they are listed. It sorts on all cores.
    ///
    /// ```
    /// # use anndata_array::Column;
    /// let column = Column::from(vec![2.0, f64::NAN, 1.0, 2.0]);
    /// assert_eq!(column.sort_positions(false)?, [2, 0, 3, 1]);
    /// assert_eq!(column.sort_positions(true)?, [0, 3, 2, 1]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if the values have no order, as complex numbers.
    #[doc(alias = "argsort")]
    #[doc(alias = "sort_values")]
    pub fn sort_positions(&self, descending: bool) -> Result<Vec<u64>> {
        let missing = self.is_missing_or_nan()?;
        let mut rows: Vec<usize> = (0..self.len()).filter(|&row| missing.get(row) == Some(false)).collect();
        if let ColumnKind::Categorical { .. } = self.kind {
            let codes: Vec<i128> = self.row_codes()?.into_iter().map(i128::from).collect();
            sort(&mut rows, descending, |a, b| codes.get(a).cmp(&codes.get(b)));
        } else {
            sort_values(&mut rows, descending, &Tensor::from_arrow(self.array.as_ref())?)?;
        }
        Ok(rows.into_iter().map(|row| row as u64).chain(missing.rows()).collect())
    }
}

fn sort_values(rows: &mut [usize], descending: bool, values: &Tensor) -> Result<()> {
    let dtype = values.dtype();
    if dtype.is_text() {
        let texts = values.to_text()?;
        let texts = texts.strings()?;
        sort(rows, descending, |a, b| texts.value(a).cmp(texts.value(b)));
        return Ok(());
    }
    let keys: Vec<i128> = if dtype.is_time() {
        values.ticks()?.iter().copied().map(i128::from).collect()
    } else {
        dispatch!(real dtype, T => values.as_slice::<T>()?.iter().copied().map(key).collect(),
            else => return Err(Error::dtype(format!("values of type {dtype} have no order"))))
    };
    sort(rows, descending, |a, b| keys.get(a).cmp(&keys.get(b)));
    Ok(())
}

/// An integer that is less than that of another value of the dtype if the value is less. NaN, which alone has no order, is not
/// among the rows.
fn key<T: Scalar>(value: T) -> i128 {
    value.to_integer().unwrap_or_else(|| {
        // The bits of a double are in its order but for the sign; -0.0 + 0.0 is 0.0.
        let bits = (value.to_f64() + 0.0).to_bits().cast_signed();
        i128::from(if bits < 0 { !bits ^ i64::MIN } else { bits })
    })
}

fn sort(rows: &mut [usize], descending: bool, compare: impl Fn(usize, usize) -> Ordering + Sync) {
    rows.par_sort_by(|&a, &b| if descending { compare(b, a) } else { compare(a, b) });
}
