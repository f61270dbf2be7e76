//! The values of a column as Rust values.

use anndata_storage::{Complex, Error, OrBug, Result, Tensor, f16};
use arrow_array::Array;

use super::Column;

mod sealed {
    pub trait Sealed {}
}

/// A Rust type that the values of a column can be read as: a number or boolean of the same dtype, or a `String`. Sealed.
pub trait ColumnItem: sealed::Sealed + Sized {
    /// The values of a tensor, in C order.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if the values are of another dtype.
    fn items(values: &Tensor) -> Result<Vec<Self>>;
}

/// Values are read in their own dtype; [`Column::cast`] converts them first. Those of a categorical column are its categories.
///
/// ```
/// use anndata_array::Column;
///
/// let column = Column::from(vec![Some(3_i32), None]);
/// assert_eq!(column.to_options::<i32>()?, [Some(3), None]);
/// assert_eq!(column.get::<i32>(0)?, Some(3));
/// assert!(column.to_vec::<i32>().unwrap_err().to_string().contains("row 1 is missing"));
///
/// let cells = Column::categorical_from_strings(["T", "B", "T"])?;
/// assert_eq!(cells.to_vec::<String>()?, ["T", "B", "T"]);
/// # Ok::<(), anndata_array::Error>(())
/// ```
impl Column {
    /// The values of all rows.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if they are of another dtype; [`InvalidInput`](crate::ErrorKind::InvalidInput) if one
    /// is missing.
    #[doc(alias = "to_list")]
    #[doc(alias = "to_numpy")]
    pub fn to_vec<T: ColumnItem>(&self) -> Result<Vec<T>> {
        if let Some(row) = self.array.nulls().and_then(|valid| valid.iter().position(|valid| !valid)) {
            let error = Error::invalid_input(format!("row {row} is missing, and has no value"));
            return Err(error.with_advice("Column::to_options reads it as None"));
        }
        T::items(&self.without_categories()?.tensor()?)
    }

    /// The values of all rows, `None` if missing. NaN is a value.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if they are of another dtype.
    pub fn to_options<T: ColumnItem>(&self) -> Result<Vec<Option<T>>> {
        let values = T::items(&self.without_categories()?.tensor()?)?;
        let value = |(row, value)| (!self.array.is_null(row)).then_some(value);
        Ok(values.into_iter().enumerate().map(value).collect())
    }

    /// The values of all rows, one after the other, `None` if missing. NaN is a value.
    ///
    /// ```
    /// use anndata_array::Column;
    ///
    /// let scores = Column::from(vec![Some(2.0), None, Some(0.5)]).cast(&anndata_array::DType::F64)?;
    /// let best = scores.values::<f64>()?.flatten().fold(0.0, f64::max);
    /// assert_eq!(best, 2.0);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`to_options`](Self::to_options).
    #[doc(alias = "iter")]
    pub fn values<T: ColumnItem>(&self) -> Result<std::vec::IntoIter<Option<T>>> {
        Ok(self.to_options()?.into_iter())
    }

    /// The value of a row, `None` if missing.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if it is of another dtype; [`InvalidInput`](crate::ErrorKind::InvalidInput) if there
    /// is no such row.
    #[doc(alias = "iloc")]
    pub fn get<T: ColumnItem>(&self, row: usize) -> Result<Option<T>> {
        if row >= self.len() {
            return Err(Error::invalid_input(format!("row {row} is out of bounds: there are {}", self.len())));
        }
        self.slice(row..row + 1)?.to_options()?.pop().or_bug("a row without a value")
    }

    /// The values, with anything below a missing one.
    fn tensor(&self) -> Result<Tensor> {
        Tensor::from_arrow(self.array.as_ref())
    }
}

macro_rules! scalar_items {
    ($($type:ty),*) => {
        $(
            impl sealed::Sealed for $type {}

            impl ColumnItem for $type {
                fn items(values: &Tensor) -> Result<Vec<Self>> {
                    Ok(values.as_slice::<Self>()?.to_vec())
                }
            }
        )*
    };
}

scalar_items!(bool, i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64, Complex<f32>, Complex<f64>);

impl sealed::Sealed for String {}

impl ColumnItem for String {
    fn items(values: &Tensor) -> Result<Vec<Self>> {
        values.to_strings()
    }
}
