//! Taking parts of tensors, by bytes of element size; and the one place that converts numbers.

use std::ops::Range;

use arrow_array::{Array, LargeStringArray, UInt64Array};
use rayon::prelude::*;

use super::text::string_array;
use super::{AlignedBytes, Data, SharedBytes, Tensor, cells, count, too_large};
use crate::{AxisSelection, Complex, DType, Error, OrBug, Result, Scalar, dispatch, ensure};

impl Tensor {
    /// Consecutive positions of the first axis, sharing the buffer.
    ///
    /// # Errors
    /// If the range is out of bounds or the tensor has no axis.
    pub fn slice_rows(&self, range: Range<usize>) -> Result<Self> {
        let Some((&rows, inner)) = self.shape.split_first() else {
            return Err(Error::invalid_input("a scalar has no rows"));
        };
        if range.start > range.end || range.end > rows {
            return Err(Error::invalid_input(format!("rows {range:?} are out of bounds: there are {rows}")));
        }
        let cells: usize = inner.iter().product();
        let shape = [&[range.len()], inner].concat();
        let data = match &self.data {
            Data::Buffer(buffer) => {
                let row = cells * self.dtype.size().or_bug(NO_SIZE)?;
                Data::Buffer(buffer.slice_with_length(range.start * row, range.len() * row).into())
            }
            Data::Strings(strings) => Data::Strings(strings.slice(range.start * cells, range.len() * cells)),
            Data::Lists(lists) => Data::Lists(lists.slice(range.start * cells, range.len() * cells)),
            Data::Fields(fields) => {
                Data::Fields(fields.iter().map(|field| field.slice_rows(range.clone())).collect::<Result<_>>()?)
            }
        };
        Ok(Self { dtype: self.dtype.clone(), shape, data })
    }

    /// The selected positions of each axis, in the order given (repeats allowed).
    ///
    /// # Errors
    /// If there is not one selection per axis, or one is out of bounds.
    pub fn select(&self, selection: &[AxisSelection]) -> Result<Self> {
        check_selection(&self.shape, selection)?;
        if let Some((AxisSelection::Range(rows), rest)) = selection.split_first() {
            let whole = rest
                .iter()
                .zip(self.shape.iter().skip(1))
                .all(|(axis, &len)| *axis == AxisSelection::Range(0..len as u64));
            if whole {
                return self.slice_rows(to_usize(rows.start)?..to_usize(rows.end.max(rows.start))?);
            }
        }
        let shape = selection.iter().map(|axis| to_usize(axis.len())).collect::<Result<Vec<_>>>()?;
        let data = match &self.data {
            Data::Buffer(buffer) => {
                let size = self.dtype.size().or_bug(NO_SIZE)?;
                let total = count(&shape)?.checked_mul(size).ok_or_else(|| too_large(&shape))?;
                Data::Buffer(cells::select(buffer, &self.shape, selection, size, total)?.into())
            }
            Data::Strings(strings) => Data::Strings(take_strings(strings, self.positions(&shape, selection)?)?),
            Data::Lists(lists) => Data::Lists(super::lists::take(lists, self.positions(&shape, selection)?)?),
            Data::Fields(fields) => {
                let parts = fields.iter().map(|field| {
                    let inner =
                        field.shape.iter().skip(self.shape.len()).map(|&len| AxisSelection::Range(0..len as u64));
                    field.select(&selection.iter().cloned().chain(inner).collect::<Vec<_>>())
                });
                Data::Fields(parts.collect::<Result<_>>()?)
            }
        };
        Ok(Self { dtype: self.dtype.clone(), shape, data })
    }

    /// Where the elements of a checked selection of this shape are, in C order.
    fn positions(&self, shape: &[usize], selection: &[AxisSelection]) -> Result<Vec<u64>> {
        let mut positions = Vec::with_capacity(count(shape)?);
        for_each_run(&self.shape, selection, &mut |start, len| {
            positions.extend(start as u64..(start + len) as u64);
        })?;
        Ok(positions)
    }

    /// The given positions of one axis, in the order given (repeats allowed).
    ///
    /// # Errors
    /// If the axis does not exist or a position is out of bounds.
    pub fn take(&self, axis: usize, positions: &[u64]) -> Result<Self> {
        let selection: Vec<AxisSelection> = self
            .shape
            .iter()
            .enumerate()
            .map(
                |(i, &len)| {
                    if i == axis { AxisSelection::from(positions) } else { AxisSelection::Range(0..len as u64) }
                },
            )
            .collect();
        if axis >= selection.len() {
            return Err(Error::invalid_input(format!("shape {:?} has no axis {axis}", self.shape)));
        }
        self.select(&selection)
    }

    /// Tensors of one dtype and inner shape, one after the other along the first axis.
    ///
    /// # Errors
    /// If there is none, or dtypes or inner shapes differ.
    pub fn concat_rows(parts: &[Self]) -> Result<Self> {
        let Some(first) = parts.first() else {
            return Err(Error::invalid_input("expected at least one tensor to concatenate, found none"));
        };
        // A scalar has no rows, and is refused with all that differ.
        let inner = first.shape.get(1..).unwrap_or_default();
        if let Some(other) = parts
            .iter()
            .find(|part| part.dtype != first.dtype || part.shape.is_empty() || part.shape.get(1..) != Some(inner))
        {
            return Err(Error::invalid_input(format!("{first:?} and {other:?} cannot follow each other")));
        }
        if let [only] = parts {
            return Ok(only.clone());
        }
        let rows =
            parts.iter().map(|part| part.shape.first().copied()).try_fold(0_usize, |sum, rows| sum.checked_add(rows?));
        let rows = rows.ok_or_else(|| Error::limit_exceeded("the rows together are more than memory can hold"))?;
        let shape = [&[rows], inner].concat();
        count(&shape)?;
        let data = match &first.data {
            Data::Buffer(_) => {
                let mut out = AlignedBytes::try_to_fill(parts.iter().map(Self::nbytes).sum())?;
                let mut rest = out.as_mut_slice();
                for part in parts {
                    let source = part.as_bytes().or_bug("values of one dtype in two forms")?;
                    rest.split_off_mut(..source.len()).or_bug("more bytes than were counted")?.copy_from_slice(source);
                }
                ensure!(rest.is_empty(), "{} bytes more than there are values", rest.len());
                Data::Buffer(out.into())
            }
            Data::Strings(_) => {
                let arrays = parts.iter().map(Self::strings).collect::<Result<Vec<_>>>()?;
                let values = arrays.iter().flat_map(|array| (0..array.len()).map(|i| array.value(i)));
                Data::Strings(string_array(values))
            }
            Data::Lists(_) => Data::Lists(super::lists::concat(parts)?),
            Data::Fields(fields) => {
                let mut joined = Vec::with_capacity(fields.len());
                for i in 0..fields.len() {
                    let column = |part: &Self| match &part.data {
                        Data::Fields(fields) => fields.get(i).cloned().or_bug("records of one dtype with other fields"),
                        _ => Err(Error::bug("values of one dtype in two forms")),
                    };
                    let columns = parts.iter().map(column).collect::<Result<Vec<_>>>()?;
                    joined.push(Self::concat_rows(&columns)?);
                }
                Data::Fields(joined.into())
            }
        };
        Ok(Self { dtype: first.dtype.clone(), shape, data })
    }
}

/// What is wrong with the dtype of a buffer that has no size.
const NO_SIZE: &str = "a buffer of values without a size";

/// Checks a selection against a shape.
pub(super) fn check_selection(shape: &[usize], selection: &[AxisSelection]) -> Result<()> {
    if shape.len() != selection.len() {
        return Err(Error::invalid_input(format!(
            "{} selections were given for the {} axes of shape {shape:?}",
            selection.len(),
            shape.len()
        )));
    }
    for (i, (&len, axis)) in shape.iter().zip(selection).enumerate() {
        if axis.end() > len as u64 {
            return Err(Error::invalid_input(format!(
                "position {} of axis {i} is out of bounds of its length {len}",
                axis.end() - 1
            )));
        }
    }
    Ok(())
}

/// Calls `visit(start, len)` for the runs of elements, in C order, that a checked selection picks.
fn for_each_run(shape: &[usize], selection: &[AxisSelection], visit: &mut dyn FnMut(usize, usize)) -> Result<()> {
    let runs = selection
        .iter()
        .map(|axis| axis.runs().into_iter().map(|(start, len)| Ok((to_usize(start)?, to_usize(len)?))).collect())
        .collect::<Result<Vec<Vec<(usize, usize)>>>>()?;
    walk(shape, &runs, 0, visit);
    Ok(())
}

fn walk(shape: &[usize], runs: &[Vec<(usize, usize)>], base: usize, visit: &mut dyn FnMut(usize, usize)) {
    match (shape, runs) {
        ([_, inner @ ..], [axis, rest @ ..]) => {
            let step: usize = inner.iter().product();
            let whole = rest.iter().zip(inner).all(|(runs, &len)| *runs == [(0, len)] || len == 0);
            for &(start, len) in axis {
                if whole {
                    visit((base + start) * step, len * step);
                } else {
                    for position in start..start + len {
                        // Within the last axis, a step is one element.
                        let width = inner.first().copied().unwrap_or(1);
                        walk(inner, rest, (base + position) * width, visit);
                    }
                }
            }
        }
        _ => visit(base, 1),
    }
}

fn take_strings(strings: &LargeStringArray, positions: Vec<u64>) -> Result<LargeStringArray> {
    let taken = arrow_select::take::take(strings, &UInt64Array::from(positions), None)
        .map_err(|error| Error::invalid_input("strings could not be gathered").with_source(error))?;
    Ok(LargeStringArray::from(taken.to_data()))
}

fn to_usize(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| Error::limit_exceeded(format!("the position {value} does not fit into memory")))
}

/// Converts numbers. Integers go through 128 bits where both sides are integers, so that none is rounded.
pub(super) fn cast(tensor: &Tensor, dtype: &DType) -> Result<Tensor> {
    let refuse = || Error::dtype(format!("values of type {} cannot become {dtype}", tensor.dtype));
    if tensor.dtype.is_complex() && !dtype.is_complex() {
        return Err(refuse());
    }
    let buffer = if tensor.dtype.is_integer() && dtype.is_integer() {
        dispatch!(integer &tensor.dtype, S => dispatch!(integer dtype, D => {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_possible_wrap,
                clippy::cast_lossless, trivial_numeric_casts, clippy::unnecessary_cast,
                reason = "wraps, as numpy's astype does")]
            map(tensor.as_slice::<S>()?, |value| value as D)?
        }, else => return Err(refuse())), else => return Err(refuse()))
    } else if tensor.dtype.is_complex() {
        let wide: Vec<Complex<f64>> = match &tensor.dtype {
            DType::Complex64 => tensor
                .as_slice::<Complex<f32>>()?
                .iter()
                .map(|v| Complex::new(f64::from(v.re), f64::from(v.im)))
                .collect(),
            _ => tensor.as_slice::<Complex<f64>>()?.to_vec(),
        };
        if *dtype == DType::Complex128 {
            SharedBytes::of_vec(wide)
        } else {
            #[allow(clippy::cast_possible_truncation, reason = "single precision was asked for")]
            SharedBytes::of_vec(wide.into_iter().map(|v| Complex::new(v.re as f32, v.im as f32)).collect())
        }
    } else {
        dispatch!(real &tensor.dtype, S => dispatch!(dtype, D => {
            map(tensor.as_slice::<S>()?, |value| D::from_f64(value.to_f64()))?
        }, else => return Err(refuse())), else => return Err(refuse()))
    };
    Tensor::new(dtype.clone(), tensor.shape.clone(), buffer)
}

/// Converted values; many of them on all cores.
fn map<S: Scalar, D: Scalar>(values: &[S], convert: impl Fn(S) -> D + Send + Sync) -> Result<SharedBytes> {
    let bytes = values.len().checked_mul(size_of::<D>()).ok_or_else(|| too_large(&[values.len()]))?;
    let mut converted = AlignedBytes::try_zeroed(bytes)?;
    fill(converted.as_mut_slice(), size_of::<D>(), &|at, block| {
        let block = bytemuck::checked::try_cast_slice_mut::<u8, D>(block)
            .map_err(|error| Error::bug(format!("zeros are not values: {error}")))?;
        let from = values.get(at..at + block.len()).or_bug("more values than there are to convert")?;
        block.iter_mut().zip(from).for_each(|(to, &from)| *to = convert(from));
        Ok(())
    })?;
    Ok(converted.into())
}

/// Fills blocks of values of a size on all cores; the function is handed where a block begins. Compiled once, not once per pair of
/// types.
fn fill(bytes: &mut [u8], size: usize, block: &(dyn Fn(usize, &mut [u8]) -> Result<()> + Sync)) -> Result<()> {
    const BLOCK: usize = 1 << 16;
    bytes.par_chunks_mut(BLOCK * size).enumerate().try_for_each(|(number, bytes)| block(number * BLOCK, bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn axis(len: usize) -> impl Strategy<Value = AxisSelection> {
        let end = len as u64;
        prop_oneof![
            (0..=end)
                .prop_flat_map(move |start| (Just(start), start..=end))
                .prop_map(|(a, b)| AxisSelection::Range(a..b)),
            if len == 0 { Just(Vec::new()).boxed() } else { proptest::collection::vec(0..end, 0..6).boxed() }
                .prop_map(AxisSelection::from),
        ]
    }

    fn positions(axis: &AxisSelection) -> Vec<usize> {
        axis.runs().into_iter().flat_map(|(start, len)| start..start + len).map(|i| to_usize(i).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn select_picks_what_ndarray_picks(
            (shape, selection) in proptest::collection::vec(0_usize..5, 1..4)
                .prop_flat_map(|shape| (Just(shape.clone()), shape.into_iter().map(axis).collect::<Vec<_>>()))
        ) {
            let len: usize = shape.iter().product();
            let numbers = Tensor::from_vec(shape.clone(), (0_i32..).take(len).collect())?;
            let mut expected = numbers.to_array::<i32>()?;
            for (i, axis) in selection.iter().enumerate() {
                expected = expected.select(ndarray::Axis(i), &positions(axis));
            }
            let picked = numbers.select(&selection)?;
            prop_assert_eq!(picked.to_array::<i32>()?, expected.clone());

            let texts = Tensor::from_strings(shape.clone(), (0..len).map(|i| i.to_string()))?;
            let expected: Vec<String> = expected.iter().map(i32::to_string).collect();
            prop_assert_eq!(texts.select(&selection)?.to_strings()?, expected.clone());

            let records = Tensor::from_fields(shape, [("n", numbers), ("t", texts)])?;
            prop_assert_eq!(records.select(&selection)?.field("t")?.to_strings()?, expected);
        }
    }

    #[test]
    fn large_selections_are_copied_in_tasks() -> Result<()> {
        let numbers = Tensor::from_vec([40, 300, 7], (0_u32..84_000).collect())?;
        let array = numbers.to_array::<u32>()?;
        let odd: Vec<u64> = (0..300).filter(|i| i % 2 == 1).collect();
        let many: Vec<u64> = (0..4_000).map(|i| i * 7 % 40).collect();
        for selection in [
            [AxisSelection::from(many.as_slice()), AxisSelection::Range(0..300), AxisSelection::Range(0..7)],
            [
                AxisSelection::from(many.as_slice()),
                AxisSelection::from(odd.as_slice()),
                AxisSelection::from(vec![6, 0]),
            ],
            [AxisSelection::Range(3..39), AxisSelection::from(odd.as_slice()), AxisSelection::Range(0..7)],
            [AxisSelection::from(vec![39, 0, 0]), AxisSelection::Range(10..290), AxisSelection::Range(2..5)],
        ] {
            let mut expected = array.clone();
            for (i, axis) in selection.iter().enumerate() {
                expected = expected.select(ndarray::Axis(i), &positions(axis));
            }
            assert_eq!(numbers.select(&selection)?.to_array::<u32>()?, expected);
        }
        Ok(())
    }

    #[test]
    fn out_of_bounds_is_an_error() -> Result<()> {
        let tensor = Tensor::from_vec([2, 2], vec![1_u8, 2, 3, 4])?;
        for (refused, message) in [
            (tensor.take(0, &[2]), "position 2 of axis 0 is out of bounds of its length 2"),
            (tensor.take(2, &[0]), "shape [2, 2] has no axis 2"),
            (tensor.slice_rows(1..3), "rows 1..3 are out of bounds: there are 2"),
            (Tensor::scalar(1_u8).slice_rows(0..0), "a scalar has no rows"),
            (tensor.select(&[AxisSelection::Range(0..1)]), "1 selections were given for the 2 axes"),
        ] {
            let error = refused.unwrap_err();
            assert!(error.is_invalid_input() && error.message().starts_with(message), "{error:?}: {message}");
        }
        Ok(())
    }

    #[test]
    fn rows_follow_each_other() -> Result<()> {
        let tensor = Tensor::from_vec([3, 2], vec![1_i64, 2, 3, 4, 5, 6])?;
        let parts = [tensor.slice_rows(0..1)?, tensor.slice_rows(1..1)?, tensor.slice_rows(1..3)?];
        assert_eq!(Tensor::concat_rows(&parts)?, tensor);
        let texts = Tensor::from_strings([2], ["a", "b"])?;
        assert_eq!(Tensor::concat_rows(&[texts.clone(), texts])?.to_strings()?, ["a", "b", "a", "b"]);
        let error = Tensor::concat_rows(&[tensor, Tensor::from_vec([1, 2], vec![1_i32, 2])?]).unwrap_err();
        assert!(error.is_invalid_input() && error.message().ends_with("cannot follow each other"), "{error}");
        let error = Tensor::concat_rows(&[Tensor::scalar(1), Tensor::scalar(2)]).unwrap_err();
        assert!(error.is_invalid_input() && error.message().ends_with("cannot follow each other"), "{error}");
        Ok(())
    }

    #[test]
    fn casts_do_not_round_integers() -> Result<()> {
        let big = Tensor::from_vec([1], vec![(1_i64 << 60) + 1])?;
        assert_eq!(big.cast(&DType::U64)?.as_slice::<u64>()?, [(1_u64 << 60) + 1]);
        let floats = Tensor::from_vec([2], vec![1.9_f32, -1.9])?;
        assert_eq!(floats.cast(&DType::I8)?.as_slice::<i8>()?, [1, -1]);
        for (tensor, message) in [
            (Tensor::scalar(Complex::new(1.0_f32, 1.0)), "values of type complex64 cannot become float64"),
            (Tensor::string("1"), "values of type string cannot become float64"),
        ] {
            let error = tensor.cast(&DType::F64).unwrap_err();
            assert!(error.is_dtype() && error.message() == message, "{error:?}: {message}");
        }
        Ok(())
    }
}
