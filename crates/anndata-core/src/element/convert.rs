//! What Rust has as elements, and elements as what they are.

use anndata_storage::{Complex, Error, Result, Scalar, Tensor, f16};
use ndarray::{ArrayBase, Data, Dimension};
use sprs::{CsMatI, CsMatViewI, SpIndex};

use crate::{Column, DataFrame, Element, SparseMatrix};

impl From<String> for Element {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// Nothing, or the value.
///
/// ```
/// use anndata_core::Element;
///
/// assert_eq!(Element::from(None::<i64>), Element::Null);
/// assert_eq!(Element::from(Some("a")), Element::from("a"));
/// ```
impl<T: Into<Element>> From<Option<T>> for Element {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! from_vectors {
    ($($type:ty),*) => {
        $(
            /// An array of one dimension.
            impl From<Vec<$type>> for Element {
                fn from(values: Vec<$type>) -> Self {
                    Tensor::from(values).into()
                }
            }
        )*
    };
}

from_vectors!(bool, i8, i16, i32, i64, u8, u16, u32, u64, f16, f32, f64, Complex<f32>, Complex<f64>);

/// An array of texts of one dimension.
impl From<Vec<String>> for Element {
    fn from(texts: Vec<String>) -> Self {
        Tensor::from(texts).into()
    }
}

/// An array of texts of one dimension.
impl From<Vec<&str>> for Element {
    fn from(texts: Vec<&str>) -> Self {
        Tensor::from(texts).into()
    }
}

/// An array of one dimension.
impl<T, const N: usize> From<[T; N]> for Element
where
    Vec<T>: Into<Element>,
{
    fn from(values: [T; N]) -> Self {
        Vec::from(values).into()
    }
}

/// An array, or a view of one, of any dimension and in any order.
impl<T: Scalar, S: Data<Elem = T>, D: Dimension> From<ArrayBase<S, D>> for Element {
    fn from(array: ArrayBase<S, D>) -> Self {
        Self::Tensor(Tensor::from_array(array))
    }
}

impl<T: Scalar, I: SpIndex, P: SpIndex> TryFrom<CsMatI<T, I, P>> for Element {
    type Error = Error;

    /// # Errors
    /// None for a matrix that `sprs` made.
    fn try_from(matrix: CsMatI<T, I, P>) -> Result<Self> {
        SparseMatrix::try_from(matrix).map(Self::Sparse)
    }
}

impl<T: Scalar, I: SpIndex, P: SpIndex> TryFrom<CsMatViewI<'_, T, I, P>> for Element {
    type Error = Error;

    /// # Errors
    /// None for a matrix that `sprs` made.
    fn try_from(matrix: CsMatViewI<'_, T, I, P>) -> Result<Self> {
        SparseMatrix::try_from(matrix).map(Self::Sparse)
    }
}

macro_rules! try_into {
    ($($type:ident, $variant:ident, $what:literal;)*) => {
        $(
            #[doc = concat!("Of an element that is ", $what, "; a lazy one is loaded.")]
            impl TryFrom<Element> for $type {
                type Error = Error;

                /// # Errors
                /// [`DType`](crate::ErrorKind::DType) if it is something else, or if it cannot be read.
                fn try_from(element: Element) -> Result<Self> {
                    match element {
                        Element::$variant(value) => Ok(value),
                        Element::Lazy(lazy) => Self::try_from(lazy.load()?),
                        other => Err(other.is_not($what)),
                    }
                }
            }
        )*
    };
}

try_into! {
    Tensor, Tensor, "an array";
    SparseMatrix, Sparse, "a sparse matrix";
    DataFrame, Frame, "a data frame";
}

/// Of an element that is a column, or an array of one dimension; a lazy one is loaded.
impl TryFrom<Element> for Column {
    type Error = Error;

    /// # Errors
    /// As [`Element::into_column`].
    fn try_from(element: Element) -> Result<Self> {
        element.into_column()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use sprs::CsMat;

    use super::*;

    #[test]
    fn what_rust_has_becomes_an_element_and_comes_back() -> Result<()> {
        assert_eq!(Element::from("a".to_owned()).to_text()?, "a");
        assert_eq!(Tensor::try_from(Element::from(vec![1_u8, 2]))?, Tensor::from_vec([2], vec![1_u8, 2])?);
        assert_eq!(Tensor::try_from(Element::from(["a", "b"]))?, Tensor::from_strings([2], ["a", "b"])?);
        assert_eq!(Element::from([1.5; 2]), Element::from(vec![1.5, 1.5]));
        assert_eq!(Element::from(vec!["x".to_owned()]), Element::from(["x"]));
        assert_eq!(Element::from(array![[1, 2], [3, 4]].t()).to_tensor()?.as_slice::<i32>()?, [1, 3, 2, 4]);
        let eye: CsMat<f64> = CsMat::eye(3);
        let element = Element::try_from(eye.view())?;
        assert_eq!(element, Element::try_from(eye.clone())?);
        assert_eq!(SparseMatrix::try_from(element.clone())?.to_csmat::<f64>()?, eye);
        assert_eq!(Column::try_from(Element::from([1_i64, 2]))?, Column::from(vec![1_i64, 2]));
        let frame = DataFrame::new(["r"]);
        assert_eq!(DataFrame::try_from(Element::from(frame.clone()))?, frame);
        let refused = Tensor::try_from(element).unwrap_err();
        assert!(refused.is_dtype() && refused.message() == "expected an array, found a sparse matrix", "{refused}");
        assert!(SparseMatrix::try_from(Element::Null).is_err_and(|error| error.is_dtype()));
        Ok(())
    }
}
