//! Setting parts of tensors: values spread over the selected positions, as numpy assigns them.

use super::gather::check_selection;
use super::{AlignedBytes, Data, Tensor};
use crate::{AxisSelection, DType, Error, OrBug, Result, dispatch};

impl Tensor {
    /// The tensor with the selected positions of each axis set to other values.
    ///
    /// The values are spread over the selection by the rules of numpy: their axes are aligned to its last ones, and an
    /// axis of length 1, or a missing one, is repeated. They become values of this tensor's dtype. If a position is
    /// selected twice, the last value stays. The tensor is copied once.
    ///
    /// ```
    /// use anndata_storage::{AxisSelection, Tensor};
    ///
    /// let matrix = Tensor::from_vec([2, 3], vec![1, 2, 3, 4, 5, 6])?;
    /// let set = matrix.put(&[AxisSelection::Range(0..2), AxisSelection::from(vec![2, 0])], &Tensor::from_vec([2], vec![8_u8, 9])?)?;
    /// assert_eq!(set.as_slice::<i32>()?, [9, 2, 8, 9, 5, 8]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if there is not one selection per axis, one is out of bounds,
    /// or the values cannot be spread; [`DType`](crate::ErrorKind::DType) if they do not fit the dtype: a fraction is
    /// no integer, text no number.
    pub fn put(&self, selection: &[AxisSelection], values: &Self) -> Result<Self> {
        let mut copy = self.clone();
        copy.set(selection, values)?;
        Ok(copy)
    }

    /// Sets the selected positions of each axis to other values, as [`put`](Self::put) does, in place: nothing is copied but
    /// what something else holds, texts, and times. What is refused leaves the tensor as it was.
    ///
    /// ```
    /// use anndata_storage::{AxisSelection, Tensor};
    ///
    /// let mut matrix = Tensor::from_vec([2, 3], vec![1, 2, 3, 4, 5, 6])?;
    /// matrix.set(&[AxisSelection::Range(1..2), AxisSelection::Range(0..2)], &Tensor::scalar(0))?;
    /// assert_eq!(matrix.as_slice::<i32>()?, [1, 2, 3, 0, 0, 6]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn set(&mut self, selection: &[AxisSelection], values: &Self) -> Result<()> {
        check_selection(&self.shape, selection)?;
        let values = values.fit(&self.dtype)?;
        let positions = Positions::new(&self.shape, selection, &values.shape)?;
        dispatch!(&self.dtype, T => {
            let new = values.as_slice::<T>()?;
            self.modify(|old: &mut [T]| positions.for_each(&mut |to, from| {
                let cell = old.get_mut(to).or_bug("a position beyond the values")?;
                *cell = *new.get(from).or_bug("a value that is not there")?;
                Ok(())
            }))?
        }, else => {
            self.data = self.replaced(&positions, &values)?;
            Ok(())
        })
    }

    /// Values that are not numbers, with others at some positions.
    fn replaced(&self, positions: &Positions, values: &Self) -> Result<Data> {
        Ok(match (&self.data, &values.data) {
            (Data::Buffer(old), Data::Buffer(new)) => {
                let size = self.dtype.size().or_bug("a buffer of values without a size")?;
                let mut bytes = AlignedBytes::copy_of(old);
                let target = bytes.as_mut_slice();
                positions.for_each(&mut |to, from| {
                    let value = new.get(from * size..(from + 1) * size).or_bug("a value that is not there")?;
                    let cell = target.get_mut(to * size..(to + 1) * size).or_bug("a position beyond the values")?;
                    cell.copy_from_slice(value);
                    Ok(())
                })?;
                Data::Buffer(bytes.into())
            }
            (Data::Strings(old), Data::Strings(new)) => {
                // Neither has missing texts: they are tensors.
                let mut texts = old.iter().collect::<Option<Vec<&str>>>().or_bug("a missing text")?;
                let new = new.iter().collect::<Option<Vec<&str>>>().or_bug("a missing text")?;
                positions.for_each(&mut |to, from| {
                    let text = texts.get_mut(to).or_bug("a position beyond the values")?;
                    *text = new.get(from).or_bug("a value that is not there")?;
                    Ok(())
                })?;
                Data::Strings(super::text::string_array(texts))
            }
            _ => return Err(Error::unsupported(format!("values of type {} cannot be set in part", self.dtype))),
        })
    }

    /// The values in another dtype, where they fit it: every value that becomes an integer or a boolean was one.
    fn fit(&self, dtype: &DType) -> Result<Self> {
        if self.dtype == *dtype {
            return Ok(self.clone());
        }
        if *dtype == DType::String {
            return self.to_text();
        }
        let cast = self.cast(dtype)?;
        if dtype.is_integer() || *dtype == DType::Bool {
            let back = cast.cast(&self.dtype)?;
            let odd = dispatch!(&self.dtype, T => {
                let mut pairs = self.as_slice::<T>()?.iter().zip(back.as_slice::<T>()?);
                pairs.find(|&(value, back)| !T::eq(value, back)).map(|(value, _)| format!("{value:?}"))
            }, else => None);
            if let Some(value) = odd {
                return Err(Error::dtype(format!("the value {value} is not of type {dtype}")));
            }
        }
        Ok(cast)
    }
}

/// Where in a tensor each of the values goes.
struct Positions {
    /// For each axis, the selected positions times the elements that a step along it skips.
    targets: Vec<Vec<usize>>,
    /// For each axis, how far apart two values are; 0 where they are repeated.
    steps: Vec<usize>,
}

impl Positions {
    fn new(shape: &[usize], selection: &[AxisSelection], values: &[usize]) -> Result<Self> {
        let lengths: Vec<u64> = selection.iter().map(AxisSelection::len).collect();
        let refuse = || {
            Error::invalid_input(format!("values of shape {values:?} cannot be spread over a selection of {lengths:?}"))
        };
        let surplus = values.len().saturating_sub(lengths.len());
        let (ones, values) = values.split_at_checked(surplus).ok_or_else(refuse)?;
        if ones.iter().any(|&len| len != 1) {
            return Err(refuse());
        }
        let mut steps = vec![0; lengths.len()];
        let mut step = 1;
        for ((slot, &wanted), &len) in steps.iter_mut().zip(&lengths).rev().zip(values.iter().rev()) {
            if len as u64 != wanted && len != 1 {
                return Err(refuse());
            }
            if len != 1 {
                *slot = step;
            }
            step *= len;
        }
        let mut targets = Vec::with_capacity(lengths.len());
        let mut width: usize = 1;
        for (axis, &len) in selection.iter().zip(shape).rev() {
            let target = |at| Ok(usize::try_from(at).or_bug("a position that was not checked")? * width);
            targets.push(axis.positions().map(target).collect::<Result<_>>()?);
            width *= len;
        }
        targets.reverse();
        Ok(Self { targets, steps })
    }

    /// Calls `visit(target, value)` for each selected position, in C order.
    fn for_each(&self, visit: &mut dyn FnMut(usize, usize) -> Result<()>) -> Result<()> {
        fn walk(
            targets: &[Vec<usize>],
            steps: &[usize],
            at: (usize, usize),
            visit: &mut dyn FnMut(usize, usize) -> Result<()>,
        ) -> Result<()> {
            let (Some((axis, targets)), Some((step, steps))) = (targets.split_first(), steps.split_first()) else {
                return visit(at.0, at.1);
            };
            for (number, target) in axis.iter().enumerate() {
                walk(targets, steps, (at.0 + target, at.1 + number * step), visit)?;
            }
            Ok(())
        }
        walk(&self.targets, &self.steps, (0, 0), visit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(len: u64) -> AxisSelection {
        AxisSelection::Range(0..len)
    }

    #[test]
    fn values_are_spread_as_numpy_spreads_them() -> Result<()> {
        let zeros = Tensor::from_vec([2, 3], vec![0_i16; 6])?;
        let set = |values: &Tensor| -> Result<Vec<i16>> {
            Ok(zeros.put(&[all(2), AxisSelection::from(vec![2, 0])], values)?.as_slice::<i16>()?.to_vec())
        };
        assert_eq!(set(&Tensor::scalar(7_i64))?, [7, 0, 7, 7, 0, 7]);
        assert_eq!(set(&Tensor::from_vec([1, 2], vec![1.0_f32, 2.0])?)?, [2, 0, 1, 2, 0, 1]);
        assert_eq!(set(&Tensor::from_vec([2, 1], vec![1_i64, 2])?)?, [1, 0, 1, 2, 0, 2]);
        assert_eq!(set(&Tensor::from_vec([1, 2, 2], vec![1_i8, 2, 3, 4])?)?, [2, 0, 1, 4, 0, 3]);
        for shape in [vec![3], vec![2, 2, 2], vec![3, 1], vec![0]] {
            let values = Tensor::from_vec(shape.clone(), vec![1_i16; shape.iter().product()])?;
            assert!(set(&values).is_err_and(|error| error.is_invalid_input()), "{shape:?}");
        }
        let twice = zeros.put(&[all(1), AxisSelection::from(vec![1, 1])], &Tensor::from_vec([2], vec![5_i16, 6])?)?;
        assert_eq!(twice.as_slice::<i16>()?, [0, 6, 0, 0, 0, 0]);
        let beyond = zeros.put(&[all(3), all(3)], &Tensor::scalar(1_i16)).unwrap_err();
        assert!(beyond.is_invalid_input() && beyond.message().contains("position 2 of axis 0"), "{beyond}");
        let few = zeros.put(&[all(2)], &Tensor::scalar(1_i16)).unwrap_err();
        assert!(few.is_invalid_input() && few.message().starts_with("1 selections were given for the 2 axes"), "{few}");
        Ok(())
    }

    #[test]
    fn values_have_to_fit_the_dtype() -> Result<()> {
        let integers = Tensor::from_vec([2], vec![1_u8, 2])?;
        for odd in [Tensor::scalar(0.5_f64), Tensor::scalar(-1_i32), Tensor::scalar(256_u64), Tensor::scalar(f32::NAN)]
        {
            let refused = integers.put(&[all(1)], &odd);
            assert!(refused.is_err_and(|error| error.is_dtype()), "{odd:?}");
        }
        assert!(integers.put(&[all(1)], &Tensor::string("1")).is_err_and(|error| error.is_dtype()));
        assert_eq!(integers.put(&[all(1)], &Tensor::scalar(-0.0_f32))?.as_slice::<u8>()?, [0, 2]);
        let complex = Tensor::from_vec([1], vec![crate::Complex::new(1.0_f32, 2.0)])?;
        assert!(integers.put(&[all(1)], &complex).is_err_and(|error| error.is_dtype()));
        let texts = Tensor::from_strings([3], ["a", "b", "c"])?;
        let set = texts.put(&[AxisSelection::from(vec![2, 0])], &Tensor::from_strings([2], ["last", "first"])?)?;
        assert_eq!(set.to_strings()?, ["first", "b", "last"]);
        Ok(())
    }
}
