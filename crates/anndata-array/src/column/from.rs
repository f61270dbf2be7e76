//! Vectors as columns.

use std::sync::Arc;

use anndata_storage::{Complex, f16};
use arrow_array::{
    BooleanArray, FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array,
    Int64Array, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field};

use super::{Column, ColumnKind};

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Result, Tensor};

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
