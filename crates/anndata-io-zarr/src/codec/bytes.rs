//! Byte order and axis order of the values in a chunk.

use anndata_storage::{DType, OrBug, Result, ensure};

/// The multi-byte words of one element that are stored in the other byte order: `(offset, width)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Words(Vec<(usize, usize)>);

impl Words {
    /// No words.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// Whether there is nothing to swap.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the words of a field that begins at `offset`.
    pub(crate) fn extend(&mut self, field: &Self, offset: usize) {
        self.0.extend(field.0.iter().map(|&(at, width)| (at + offset, width)));
    }

    /// Turns the words of every element around.
    pub(crate) fn swap(&self, bytes: &mut [u8], size: usize) {
        if self.is_empty() {
            return;
        }
        for element in bytes.chunks_exact_mut(size.max(1)) {
            for &(at, width) in &self.0 {
                if let Some(word) = element.get_mut(at..at + width) {
                    word.reverse();
                }
            }
        }
    }
}

/// All multi-byte words of an element.
pub(crate) fn words(dtype: &DType) -> Words {
    let plain = |count: usize, width: usize| Words((0..count).map(|i| (i * width, width)).collect());
    match dtype {
        DType::Bool | DType::I8 | DType::U8 | DType::FixedBytes(_) | DType::FixedUtf8(_) => Words::none(),
        DType::Complex64 => plain(2, 4),
        DType::Complex128 => plain(2, 8),
        DType::FixedUtf32(points) => plain(*points, 4),
        DType::Compound(fields) => {
            let mut all = Words::none();
            let mut offset = 0;
            for field in fields.iter() {
                let (one, size) = (words(&field.dtype), field.dtype.size().unwrap_or(0));
                for _ in 0..field.len() {
                    all.extend(&one, offset);
                    offset += size;
                }
            }
            all
        }
        dtype => dtype.size().map_or_else(Words::none, |size| plain(1, size)),
    }
}

/// What is wrong with an order of axes that was not checked against the shape.
pub(crate) const WRONG_ORDER: &str = "an order of other axes than the array has";

/// The shape of a chunk whose axes are stored in another order.
pub(crate) fn transposed(shape: &[usize], order: &[usize]) -> Result<Vec<usize>> {
    ensure!(order.len() == shape.len(), "an order of {} axes for the chunks {shape:?}", order.len());
    order.iter().map(|&axis| shape.get(axis).copied().or_bug(WRONG_ORDER)).collect()
}

/// Brings stored elements (axes in `order`) into the C order of `shape`.
pub(super) fn restore(stored: &[u8], chunk: &mut [u8], shape: &[usize], order: &[usize], size: usize) -> Result<()> {
    let mut from = stored.chunks_exact(size.max(1));
    for_each(shape, order, |at| {
        let target = chunk.get_mut(at * size..(at + 1) * size).or_bug("a chunk smaller than its shape")?;
        target.copy_from_slice(from.next().or_bug("a stored chunk smaller than its shape")?);
        Ok(())
    })
}

/// Brings elements in the C order of `shape` into stored order: the inverse of [`restore`].
pub(super) fn permute(chunk: &[u8], stored: &mut [u8], shape: &[usize], order: &[usize], size: usize) -> Result<()> {
    let mut to = stored.chunks_exact_mut(size.max(1));
    for_each(shape, order, |at| {
        let source = chunk.get(at * size..(at + 1) * size).or_bug("a chunk smaller than its shape")?;
        to.next().or_bug("a stored chunk smaller than its shape")?.copy_from_slice(source);
        Ok(())
    })
}

/// Calls `visit` with the C-order position of every element, in stored order.
fn for_each(shape: &[usize], order: &[usize], mut visit: impl FnMut(usize) -> Result<()>) -> Result<()> {
    let mut strides = vec![1; shape.len()];
    let mut step = 1;
    for (stride, &len) in strides.iter_mut().zip(shape).rev() {
        *stride = step;
        step *= len;
    }
    let stored_shape = transposed(shape, order)?;
    let stored_strides = transposed(&strides, order)?;
    let mut index = vec![0; shape.len()];
    let mut at = 0;
    for _ in 0..step {
        visit(at)?;
        for ((i, &len), &stride) in index.iter_mut().zip(&stored_shape).zip(&stored_strides).rev() {
            *i += 1;
            at += stride;
            if *i < len {
                break;
            }
            at -= stride * len;
            *i = 0;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use anndata_storage::Field;

    use super::*;

    #[test]
    fn axes_go_there_and_back() -> Result<()> {
        let chunk: Vec<u8> = (0..24).collect();
        let (mut stored, mut back) = (vec![0; 24], vec![0; 24]);
        permute(&chunk, &mut stored, &[2, 3, 4], &[2, 1, 0], 1)?;
        // Fortran order: the first axis varies fastest.
        assert_eq!(stored[..6], [0, 12, 4, 16, 8, 20]);
        restore(&stored, &mut back, &[2, 3, 4], &[2, 1, 0], 1)?;
        assert_eq!(back, chunk);
        for (order, size, message) in [
            (vec![1, 0], 1, "an order of 2 axes for the chunks [2, 3, 4]"),
            (vec![2, 1, 3], 1, WRONG_ORDER),
            (vec![2, 1, 0], 2, "a chunk smaller than its shape"),
        ] {
            let error = permute(&chunk, &mut stored, &[2, 3, 4], &order, size).unwrap_err();
            assert!(error.is_bug() && error.message().starts_with(message), "{error}");
        }
        let error = restore(&stored[1..], &mut back, &[2, 3, 4], &[2, 1, 0], 1).unwrap_err();
        assert!(error.is_bug() && error.message().starts_with("a stored chunk smaller than its shape"), "{error}");
        Ok(())
    }

    #[test]
    fn words_of_records_are_turned_around() {
        let record = DType::Compound([Field::new("a", DType::I8), Field::new("b", DType::Complex64)].into());
        let mut bytes = vec![9, 1, 2, 3, 4, 5, 6, 7, 8];
        words(&record).swap(&mut bytes, 9);
        assert_eq!(bytes, [9, 4, 3, 2, 1, 8, 7, 6, 5]);
    }
}
