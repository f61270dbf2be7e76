//! Setting parts of elements: [`Element::put`].

mod sparse;

use anndata_storage::{AxisSelection, Error, Result};

use crate::Element;

impl Element {
    /// The matrix or array with the selected positions along its axes set to other values; one selection per axis, from
    /// the first, and further axes stay whole.
    ///
    /// Values are a scalar or an array, which is spread over the selection as numpy does; for a sparse matrix they may
    /// be a sparse matrix of the shape of the selection. They become values of this element's dtype, and it keeps its
    /// format. A sparse matrix stores no zero that was set. If a position is selected twice, the last value stays. A
    /// lazy element is loaded.
    ///
    /// ```
    /// use anndata_core::{AxisSelection, Element, Tensor};
    ///
    /// let pca = Element::from(Tensor::from_vec([3, 2], vec![0.0_f32; 6])?);
    /// let set = pca.put(&[AxisSelection::from(vec![2])], &Tensor::from_vec([2], vec![1.0, 2.0])?.into())?;
    /// assert_eq!(set.to_tensor()?.as_slice::<f32>()?, [0.0, 0.0, 0.0, 0.0, 1.0, 2.0]);
    /// # Ok::<(), anndata_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a selection is out of bounds or the values cannot be
    /// spread over it; [`DType`](crate::ErrorKind::DType) if they do not fit the dtype;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if the element is not an array or matrix.
    pub fn put(&self, axes: &[AxisSelection], values: &Self) -> Result<Self> {
        let mut copy = self.clone();
        copy.set(axes, values)?;
        Ok(copy)
    }

    /// Sets the selected positions to other values, as [`put`](Self::put) does, in place: what nothing else holds is not
    /// copied. A sparse matrix is made anew where other positions than before are to be stored. What is refused leaves the
    /// element as it was.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn set(&mut self, axes: &[AxisSelection], values: &Self) -> Result<()> {
        match self {
            Self::Tensor(tensor) => {
                let values = match values.load()? {
                    Self::Sparse(matrix) => matrix.to_dense()?,
                    values => values.to_tensor()?,
                };
                let whole = tensor.shape().iter().skip(axes.len()).map(|&len| AxisSelection::Range(0..len as u64));
                let axes: Vec<AxisSelection> = axes.iter().cloned().chain(whole).collect();
                tensor.set(&axes, &values)
            }
            Self::Sparse(matrix) => {
                let whole = AxisSelection::Range(0..matrix.shape().1 as u64);
                let (rows, columns) = match axes {
                    [rows] => (rows, &whole),
                    [rows, columns] => (rows, columns),
                    _ => return Err(Error::invalid_input(format!("a matrix has two axes, not {}", axes.len()))),
                };
                sparse::set(matrix, rows, columns, &values.load()?)
            }
            Self::Lazy(lazy) => {
                let mut loaded = lazy.load()?;
                loaded.set(axes, values)?;
                *self = loaded;
                Ok(())
            }
            other => Err(Error::unsupported(format!("no part of {} can be set", other.kind_name()))),
        }
    }
}
