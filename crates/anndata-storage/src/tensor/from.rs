//! From vectors and `ndarray` arrays, and matrices as views of two dimensions.

use ndarray::{ArrayBase, ArrayView2, Data as NdData, Dimension, Ix2};

use super::text::string_array;
use super::{Data, SharedBytes, Tensor};
use crate::{DType, Error, Result, Scalar};

/// An array, or a view of one, in any order; copied only where it is borrowed or not in C order.
impl<T: Scalar, S: NdData<Elem = T>, D: Dimension> From<ArrayBase<S, D>> for Tensor {
    fn from(array: ArrayBase<S, D>) -> Self {
        Self::from_array(array)
    }
}

/// One dimension, not copied.
impl<T: Scalar> From<Vec<T>> for Tensor {
    fn from(values: Vec<T>) -> Self {
        let shape = vec![values.len()];
        Self { dtype: T::DTYPE, shape, data: Data::Buffer(SharedBytes::of_vec(values)) }
    }
}

/// Texts in one dimension.
impl From<Vec<&str>> for Tensor {
    fn from(texts: Vec<&str>) -> Self {
        let shape = vec![texts.len()];
        Self { dtype: DType::String, shape, data: Data::Strings(string_array(texts)) }
    }
}

/// Texts in one dimension.
impl From<Vec<String>> for Tensor {
    fn from(texts: Vec<String>) -> Self {
        let shape = vec![texts.len()];
        Self { dtype: DType::String, shape, data: Data::Strings(string_array(texts)) }
    }
}

impl Tensor {
    /// The values of a matrix as a typed view of two dimensions, without a copy.
    ///
    /// ```
    /// use anndata_storage::Tensor;
    /// use ndarray::array;
    ///
    /// let tensor = Tensor::from(array![[1.0, 2.0], [3.0, 4.0]].t());
    /// assert_eq!(tensor.view2::<f64>()?.row(0).to_vec(), [1.0, 3.0]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if `T` is not the dtype's type; [`InvalidInput`](crate::ErrorKind::InvalidInput)
    /// if it does not have two dimensions.
    pub fn view2<T: Scalar>(&self) -> Result<ArrayView2<'_, T>> {
        let view = self.view::<T>()?;
        view.into_dimensionality::<Ix2>()
            .map_err(|_| Error::invalid_input(format!("shape {:?} is not a matrix", self.shape)))
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array0, Array3, ShapeBuilder, arr1};

    use super::*;

    #[test]
    fn arrays_of_any_order_and_dimension_become_tensors() -> Result<()> {
        let fortran = Array3::from_shape_vec((2, 1, 2).f(), vec![1_u8, 2, 3, 4]).unwrap();
        assert_eq!(Tensor::from(fortran.view()).as_slice::<u8>()?, [1, 3, 2, 4]);
        assert_eq!(Tensor::from(Array0::from_elem((), true)), Tensor::scalar(true));
        assert_eq!(Tensor::from(arr1(&[1_i64, 2])).shape(), [2]);
        let line = Tensor::from(arr1(&[1_i64, 2])).view2::<i64>().map(|_| ()).unwrap_err();
        assert!(line.is_invalid_input() && line.message() == "shape [2] is not a matrix", "{line}");
        assert!(Tensor::scalar(1).view2::<f32>().is_err_and(|error| error.is_dtype()));
        Ok(())
    }
}
