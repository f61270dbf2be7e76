//! Vectors, arrays and iterators as columns, with values that may be missing or not.

use std::sync::Arc;

use anndata_storage::{Complex, Error, Result, Tensor, f16};
use arrow_array::{
    BooleanArray, FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, LargeStringArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field};
use ndarray::{ArrayBase, Data, Ix1};

use super::{Column, ColumnKind, NaValue};

macro_rules! from_numbers {
    ($($type:ty, $array:ident;)*) => {
        $(impl From<Vec<$type>> for Column {
            fn from(values: Vec<$type>) -> Self {
                Self { kind: ColumnKind::Plain, array: Arc::new($array::from(values)) }
            }
        })*
    };
}

from_numbers! {
    bool, BooleanArray;
    i8, Int8Array;
    i16, Int16Array;
    i32, Int32Array;
    i64, Int64Array;
    u8, UInt8Array;
    u16, UInt16Array;
    u32, UInt32Array;
    u64, UInt64Array;
    f16, Float16Array;
    f32, Float32Array;
    f64, Float64Array;
}

macro_rules! from_complex {
    ($($part:ty, $array:ident, $data_type:ident;)*) => {
        $(impl From<Vec<Complex<$part>>> for Column {
            fn from(values: Vec<Complex<$part>>) -> Self {
                // Two parts per number, so that there are as many pairs as numbers.
                let parts: Vec<$part> = values.into_iter().flat_map(|value| [value.re, value.im]).collect();
                let item = Arc::new(Field::new("item", DataType::$data_type, false));
                let pairs = FixedSizeListArray::new(item, 2, Arc::new($array::from(parts)), None);
                Self { kind: ColumnKind::Plain, array: Arc::new(pairs) }
            }
        })*
    };
}

from_complex! {
    f32, Float32Array, Float32;
    f64, Float64Array, Float64;
}

/// `uint64`, whatever the machine.
impl From<Vec<usize>> for Column {
    fn from(values: Vec<usize>) -> Self {
        values.into_iter().map(|value| value as u64).collect()
    }
}

/// `int64`, whatever the machine.
impl From<Vec<isize>> for Column {
    fn from(values: Vec<isize>) -> Self {
        values.into_iter().map(|value| value as i64).collect()
    }
}

macro_rules! from_options {
    ($($type:ty, $array:ident;)*) => {
        $(
            /// A nullable column, whether a value is missing or not.
            impl From<Vec<Option<$type>>> for Column {
                fn from(values: Vec<Option<$type>>) -> Self {
                    Self { kind: ColumnKind::Nullable(NaValue::Na), array: Arc::new($array::from(values)) }
                }
            }
        )*
    };
}

from_options! {
    bool, BooleanArray;
    i8, Int8Array;
    i16, Int16Array;
    i32, Int32Array;
    i64, Int64Array;
    u8, UInt8Array;
    u16, UInt16Array;
    u32, UInt32Array;
    u64, UInt64Array;
    &str, LargeStringArray;
    String, LargeStringArray;
}

macro_rules! from_float_options {
    ($($type:ident;)*) => {
        $(
            /// A plain column in which NaN stands for a missing value, as there are no nullable floats.
            impl From<Vec<Option<$type>>> for Column {
                fn from(values: Vec<Option<$type>>) -> Self {
                    values.into_iter().map(|value| value.unwrap_or($type::NAN)).collect()
                }
            }
        )*
    };
}

from_float_options! {
    f16;
    f32;
    f64;
}

impl<'a> From<Vec<&'a str>> for Column {
    fn from(values: Vec<&'a str>) -> Self {
        Self::strings(values)
    }
}

impl From<Vec<String>> for Column {
    fn from(values: Vec<String>) -> Self {
        Self::strings(values)
    }
}

impl<T, const N: usize> From<[T; N]> for Column
where
    Self: From<Vec<T>>,
{
    fn from(values: [T; N]) -> Self {
        Self::from(Vec::from(values))
    }
}

impl<T: Clone> From<&[T]> for Column
where
    Self: From<Vec<T>>,
{
    fn from(values: &[T]) -> Self {
        Self::from(values.to_vec())
    }
}

impl<T: Clone> From<&Vec<T>> for Column
where
    Self: From<Vec<T>>,
{
    fn from(values: &Vec<T>) -> Self {
        Self::from(values.clone())
    }
}

/// An array of one dimension, or a view of one, with any distance between its values.
impl<T: Clone, S: Data<Elem = T>> From<ArrayBase<S, Ix1>> for Column
where
    Self: From<Vec<T>>,
{
    fn from(values: ArrayBase<S, Ix1>) -> Self {
        values.into_owned().into_iter().collect()
    }
}

impl<T: Clone, S: Data<Elem = T>> From<&ArrayBase<S, Ix1>> for Column
where
    Self: From<Vec<T>>,
{
    fn from(values: &ArrayBase<S, Ix1>) -> Self {
        values.iter().cloned().collect()
    }
}

impl<T> FromIterator<T> for Column
where
    Self: From<Vec<T>>,
{
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        Self::from(values.into_iter().collect::<Vec<T>>())
    }
}

/// As [`Column::plain`].
impl TryFrom<Tensor> for Column {
    type Error = Error;

    fn try_from(values: Tensor) -> Result<Self> {
        Self::plain(&values)
    }
}

/// As [`Column::plain`].
impl TryFrom<&Tensor> for Column {
    type Error = Error;

    fn try_from(values: &Tensor) -> Result<Self> {
        Self::plain(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_every_number_are_the_column_of_their_tensor() -> Result<()> {
        macro_rules! check {
            ($($values:expr),* $(,)?) => {$(
                let column = Column::from($values);
                let tensor = Tensor::from_vec([$values.len()], $values)?;
                assert_eq!(column.to_tensor()?, tensor);
                assert_eq!(column, Column::plain(&tensor)?);
                assert_eq!(column.array().data_type(), Column::plain(&tensor)?.array().data_type());
            )*};
        }
        check!(
            vec![true, false, true],
            vec![i8::MIN, 1],
            vec![i16::MIN, 1],
            vec![i32::MIN, 1],
            vec![i64::MIN, 1],
            vec![u8::MAX, 1],
            vec![u16::MAX, 1],
            vec![u32::MAX, 1],
            vec![u64::MAX, 1],
            vec![f16::from_f32(0.5), f16::NAN],
            vec![0.5_f32, f32::NAN],
            vec![-0.0_f64, f64::NAN],
            vec![Complex::new(1.0_f32, -2.0), Complex::new(f32::NAN, 0.0)],
            vec![Complex::new(1.0_f64, -2.0)],
            Vec::<i32>::new(),
            Vec::<Complex<f64>>::new(),
        );
        Ok(())
    }
}
