//! Tensors that stand for a stored array as a whole: what backends need that keep arrays so.

use arrow_array::LargeStringArray;
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};

use super::{AlignedBytes, Tensor, too_large};
use crate::{DType, Error, OrBug, Result};

impl Tensor {
    /// Values that were never written: zeros, or empty texts.
    ///
    /// ```
    /// use anndata_storage::{DType, Tensor};
    ///
    /// assert_eq!(Tensor::zeros(&DType::I32, [2])?.as_slice::<i32>()?, [0, 0]);
    /// assert_eq!(Tensor::zeros(&DType::String, [2])?.to_strings()?, ["", ""]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) if they do not fit into memory;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a dtype without such values: unknown types, and lists and references
    /// of one format.
    pub fn zeros(dtype: &DType, shape: impl Into<Vec<usize>>) -> Result<Self> {
        let shape = shape.into();
        let count = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n));
        let count = count.ok_or_else(|| too_large(&shape))?;
        match dtype {
            DType::String => {
                let bytes = count.checked_add(1).and_then(|count| count.checked_mul(size_of::<i64>()));
                let offsets = AlignedBytes::try_zeroed(bytes.ok_or_else(|| too_large(&shape))?)?;
                let offsets = OffsetBuffer::new(ScalarBuffer::from(Buffer::from(offsets)));
                Self::from_string_array(shape, LargeStringArray::new(offsets, Buffer::default(), None))
            }
            DType::Compound(fields) if dtype.size().is_none() => {
                let columns = fields.iter().map(|field| {
                    Ok((field.name.clone(), Self::zeros(&field.dtype, [shape.as_slice(), &field.shape].concat())?))
                });
                let columns = columns.collect::<Result<Vec<_>>>()?;
                Self::from_fields(shape, columns)
            }
            dtype => {
                let unsupported = || Error::unsupported(format!("values of type {dtype} cannot be stored"));
                let size = dtype.size().ok_or_else(unsupported)?;
                let bytes = count.checked_mul(size).ok_or_else(|| too_large(&shape))?;
                Self::new(dtype.clone(), shape, AlignedBytes::try_zeroed(bytes)?)
            }
        }
    }

    /// The tensor with the values of a block whose first element goes to `offset`.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the block is of another dtype or does not lie within the tensor.
    pub fn with_block(&self, offset: &[u64], block: &Self) -> Result<Self> {
        let position = |(&start, (&len, &end)): (&u64, (&usize, &usize))| {
            let start = usize::try_from(start).ok()?;
            (start.checked_add(len)? <= end).then_some(start)
        };
        let ends = block.shape.iter().zip(&self.shape);
        let offset = if offset.len() == self.ndim() && block.ndim() == self.ndim() && block.dtype == self.dtype {
            offset.iter().zip(ends).map(position).collect::<Option<Vec<_>>>()
        } else {
            None
        };
        let offset = offset.ok_or_else(|| Error::invalid_input(format!("{block:?} is not a block of {self:?}")))?;
        if block.shape == self.shape {
            return Ok(block.clone());
        }
        // Elements of the result come from here, or from the block placed after it.
        let both = [self.clone().reshape([self.len()])?, block.clone().reshape([block.len()])?];
        let mut source: Vec<u64> = (0..self.len() as u64).collect();
        let mut index = vec![0_usize; block.ndim()];
        for from in 0..block.len() {
            let position = index.iter().zip(&offset).zip(&self.shape);
            let at = position.fold(0, |at, ((i, start), n)| at * n + i + start);
            *source.get_mut(at).or_bug("a block beyond the tensor")? = (self.len() + from) as u64;
            for (i, &n) in index.iter_mut().zip(&block.shape).rev() {
                *i += 1;
                if *i < n {
                    break;
                }
                *i = 0;
            }
        }
        Self::concat_rows(&both)?.take(0, &source)?.reshape(self.shape.as_slice())
    }

    /// The tensor with another number of rows: the first of its own, and zeros (or empty texts) after them.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it has no axis; as [`zeros`](Self::zeros).
    pub fn with_rows(&self, rows: usize) -> Result<Self> {
        let Some((&len, inner)) = self.shape.split_first() else {
            return Err(Error::invalid_input("a tensor without axes has no rows"));
        };
        if rows <= len {
            return self.slice_rows(0..rows);
        }
        let added = [&[rows - len], inner].concat();
        Self::concat_rows(&[self.clone(), Self::zeros(&self.dtype, added)?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_rows_of_every_kind_of_values() -> Result<()> {
        let whole = Tensor::from_vec([2, 3], vec![1, 2, 3, 4, 5, 6])?;
        let block = Tensor::from_vec([1, 2], vec![8, 9])?;
        assert_eq!(whole.with_block(&[1, 1], &block)?.as_slice::<i32>()?, [1, 2, 3, 4, 8, 9]);
        for (offset, block) in
            [(&[1, 2][..], &block), (&[1], &block), (&[u64::MAX, 0], &block), (&[0, 0], &block.cast(&DType::I8)?)]
        {
            assert!(whole.with_block(offset, block).is_err_and(|error| error.is_invalid_input()), "{offset:?}");
        }
        let texts =
            Tensor::from_strings([3], ["a", "b", "c"])?.with_block(&[1], &Tensor::from_strings([1], ["long"])?)?;
        assert_eq!(texts.with_rows(4)?.to_strings()?, ["a", "long", "c", ""]);
        let records = Tensor::from_fields([3], [("n", Tensor::from_vec([3], vec![1, 2, 3])?), ("text", texts)])?;
        let records = records.with_block(&[2], &records.slice_rows(0..1)?)?.with_rows(4)?;
        assert_eq!(records.field("n")?.as_slice::<i32>()?, [1, 2, 1, 0]);
        assert_eq!(records.with_rows(3)?.field("text")?.to_strings()?, ["a", "long", "a"]);
        assert!(Tensor::scalar(1).with_rows(1).is_err_and(|error| error.is_invalid_input()));
        assert!(Tensor::zeros(&DType::F64, [usize::MAX, 2]).is_err_and(|error| error.is_limit_exceeded()));
        Ok(())
    }
}
