//! [`FromElement`]: elements as vectors, arrays and texts.

use anndata_core::{Column, DataFrame, Element, Error, Result, SparseMatrix, Tensor};
use anndata_core::{Complex, Scalar, f16};
use ndarray::{Array1, Array2, ArrayD, Ix1, Ix2};

use crate::AccError;

/// A type that [`Access::get_as`](crate::Access::get_as) gives.
///
/// | type | of |
/// | --- | --- |
/// | `Vec<T>`, `Array1<T>` of a number or `bool` | an array of one dimension, or a column without a missing value |
/// | `Array2<T>`, `ArrayD<T>` | a dense array; a sparse matrix is made dense |
/// | `Vec<String>` | text, or categories of text, without a missing value |
/// | `Vec<Option<String>>` | text, or categories of text |
/// | `Tensor` | a dense array; a sparse matrix is made dense; a column without a missing value |
/// | `Column` | a column, or an array of one dimension |
/// | `SparseMatrix`, `DataFrame`, `Element` | itself |
pub trait FromElement: Sized {
    /// The element as this type.
    ///
    /// # Errors
    /// If it is of another type.
    fn from_element(element: Element) -> Result<Self>;
}

/// What was got as a type; an error names the reference.
pub(super) fn convert<V: FromElement>(element: &Element, reference: &(impl ToString + ?Sized)) -> Result<V, AccError> {
    V::from_element(element.load()?).map_err(|error| match error {
        error if error.path().is_none() => {
            AccError::Unsuitable { reference: reference.to_string(), message: error.to_string() }
        }
        error => AccError::Data(error),
    })
}

impl FromElement for Element {
    fn from_element(element: Element) -> Result<Self> {
        Ok(element)
    }
}

impl FromElement for Tensor {
    fn from_element(element: Element) -> Result<Self> {
        match element {
            Element::Sparse(matrix) => matrix.to_dense(),
            Element::Column(column) if (0..column.len()).any(|row| column.is_missing(row)) => {
                Err(Error::dtype("a value is missing"))
            }
            Element::Column(column) => column.to_tensor(),
            other => other.to_tensor(),
        }
    }
}

impl FromElement for Column {
    fn from_element(element: Element) -> Result<Self> {
        element.into_column()
    }
}

impl FromElement for SparseMatrix {
    fn from_element(element: Element) -> Result<Self> {
        element.to_sparse()
    }
}

impl FromElement for DataFrame {
    fn from_element(element: Element) -> Result<Self> {
        element.as_frame().cloned()
    }
}

impl FromElement for Vec<Option<String>> {
    fn from_element(element: Element) -> Result<Self> {
        element.into_column()?.to_strings()
    }
}

impl FromElement for Vec<String> {
    fn from_element(element: Element) -> Result<Self> {
        let texts: Vec<Option<String>> = FromElement::from_element(element)?;
        texts.into_iter().collect::<Option<_>>().ok_or_else(|| Error::dtype("a value is missing"))
    }
}

impl<T: Scalar> FromElement for ArrayD<T> {
    fn from_element(element: Element) -> Result<Self> {
        Tensor::from_element(element)?.to_array()
    }
}

impl<T: Scalar> FromElement for Array1<T> {
    fn from_element(element: Element) -> Result<Self> {
        let array = ArrayD::from_element(element)?;
        let dimensions = array.ndim();
        array
            .into_dimensionality::<Ix1>()
            .map_err(|_| Error::dtype(format!("expected one dimension, found {dimensions}")))
    }
}

impl<T: Scalar> FromElement for Array2<T> {
    fn from_element(element: Element) -> Result<Self> {
        let array = ArrayD::from_element(element)?;
        let dimensions = array.ndim();
        array
            .into_dimensionality::<Ix2>()
            .map_err(|_| Error::dtype(format!("expected two dimensions, found {dimensions}")))
    }
}

macro_rules! vectors {
    ($($type:ty),*) => {
        $(impl FromElement for Vec<$type> {
            fn from_element(element: Element) -> Result<Self> {
                Ok(Array1::from_element(element)?.to_vec())
            }
        })*
    };
}

vectors!(bool, i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64, Complex<f32>, Complex<f64>);
