//! Setting parts of sparse matrices, which keep their format and dtypes.

use std::ops::Range;

use anndata_storage::{AxisSelection, DType, Error, OrBug, Result, Tensor, dispatch};

use crate::{Element, SparseFormat, SparseMatrix};
use anndata_array::sparse::Offsets;

/// Sets values at the selected rows and columns. Zeros are not stored.
pub(super) fn set(
    matrix: &mut SparseMatrix,
    rows: &AxisSelection,
    columns: &AxisSelection,
    values: &Element,
) -> Result<()> {
    let (n_rows, n_columns) = matrix.shape();
    for (axis, len, name) in [(rows, n_rows, "rows"), (columns, n_columns, "columns")] {
        if axis.end() > len as u64 {
            return Err(Error::invalid_input(format!(
                "position {} is out of bounds: there are {len} {name}",
                axis.end() - 1
            )));
        }
    }
    let is_csr = matrix.format() == SparseFormat::Csr;
    if !matches!(values, Element::Sparse(_)) {
        // Its only use is to spread the values as tensors do, and to check their dtype.
        let spread = spread(&values.to_tensor()?, matrix.dtype(), (rows.len(), columns.len()))?;
        let spread = if is_csr { spread } else { spread.transpose()? };
        let (major, minor) = if is_csr { (rows, columns) } else { (columns, rows) };
        if set_stored(matrix, major, minor, &spread)? {
            return Ok(());
        }
    }
    *matrix = put(matrix, rows, columns, values)?;
    Ok(())
}

/// Sets values that are stored already, in place. If one is not, or is to be 0, nothing is changed, and the answer is no.
fn set_stored(
    matrix: &mut SparseMatrix,
    major: &AxisSelection,
    minor: &AxisSelection,
    values: &Tensor,
) -> Result<bool> {
    dispatch!(matrix.dtype(), T => {
        let mut values = values.as_slice::<T>()?.iter();
        let mut places = Vec::new();
        for slice in major.positions() {
            let stored = matrix.major_range(usize::try_from(slice).or_bug("a position that was not checked")?)?;
            let indices = matrix.indices().slice_rows(stored.clone())?.cast(&DType::U64)?;
            let indices = indices.as_slice::<u64>()?;
            if !indices.is_sorted_by(|a, b| a < b) {
                return Ok(false);
            }
            for index in minor.positions() {
                let value = *values.next().or_bug("a selected position without a value")?;
                match indices.binary_search(&index) {
                    Ok(at) if !T::default().eq(&value) => places.push((stored.start + at, value)),
                    // A zero that is not stored stays so.
                    Err(_) if T::default().eq(&value) => {}
                    _ => return Ok(false),
                }
            }
        }
        matrix.modify_data(|data: &mut [T]| {
            for (at, value) in places {
                *data.get_mut(at).or_bug("a position beyond the values")? = value;
            }
            Ok(true)
        })?
    }, else => Err(Error::dtype(format!("values of type {} are not numbers", matrix.dtype()))))
}

/// The matrix with values at the selected rows and columns, which are within bounds.
fn put(matrix: &SparseMatrix, rows: &AxisSelection, columns: &AxisSelection, values: &Element) -> Result<SparseMatrix> {
    let is_csr = matrix.format() == SparseFormat::Csr;
    let (n_rows, n_columns) = matrix.shape();
    let (major, minor) = if is_csr { (n_rows, n_columns) } else { (n_columns, n_rows) };
    let selected = Selected {
        major: SelectedAxis::new(if is_csr { rows } else { columns }, major)?,
        minor: SelectedAxis::new(if is_csr { columns } else { rows }, minor)?,
    };
    let shape = (rows.len(), columns.len());
    let values = match values {
        Element::Sparse(values) => {
            let (r, c) = values.shape();
            if (r as u64, c as u64) != shape {
                return Err(Error::invalid_input(format!(
                    "a sparse matrix of shape {:?} cannot be put into a selection of {shape:?}",
                    values.shape()
                )));
            }
            converted(values, matrix.dtype())?.to_format(matrix.format())?.to_canonical()?
        }
        values => SparseMatrix::from_dense(&spread(&values.to_tensor()?, matrix.dtype(), shape)?, matrix.format())?,
    };
    merge(matrix, &selected, &values)
}

/// A sparse matrix with values of another dtype. The cast is checked as that of a dense array is.
fn converted(matrix: &SparseMatrix, dtype: &DType) -> Result<SparseMatrix> {
    let nnz = matrix.nnz();
    let data = spread(&matrix.data().clone().reshape([1, nnz])?, dtype, (1, nnz as u64))?.reshape([nnz])?;
    SparseMatrix::new(matrix.format(), matrix.shape(), data, matrix.indices().clone(), matrix.indptr().clone())
}

/// Dense values as a matrix of the shape of the selection.
fn spread(values: &Tensor, dtype: &DType, (rows, columns): (u64, u64)) -> Result<Tensor> {
    let len = |len: u64| {
        usize::try_from(len)
            .map_err(|_| Error::limit_exceeded(format!("a selection of {len} positions does not fit into memory")))
    };
    let (rows, columns) = (len(rows)?, len(columns)?);
    let zeros = dispatch!(dtype, T => Tensor::from_array(ndarray::Array2::<T>::default((rows, columns))),
        else => return Err(Error::dtype(format!("values of type {dtype} are not numbers"))));
    zeros.put(&[AxisSelection::Range(0..rows as u64), AxisSelection::Range(0..columns as u64)], values)
}

/// What is selected along both axes of the compressed matrix.
struct Selected {
    major: SelectedAxis,
    minor: SelectedAxis,
}

/// A selection along one axis, both ways.
struct SelectedAxis {
    /// The positions, in the order of the selection.
    positions: Vec<usize>,
    /// For each position of the axis, where it was selected last.
    last: Vec<Option<usize>>,
}

impl SelectedAxis {
    /// Of a selection that was checked against the length of the axis.
    fn new(axis: &AxisSelection, len: usize) -> Result<Self> {
        let mut positions = Vec::new();
        let mut last = vec![None; len];
        for (position, at) in axis.positions().enumerate() {
            let at = usize::try_from(at).or_bug("a position that was not checked")?;
            *last.get_mut(at).or_bug("a position beyond the axis")? = Some(position);
            positions.push(at);
        }
        Ok(Self { positions, last })
    }

    /// The runs of positions of the axis that were selected, in order.
    fn runs(&self) -> Vec<Range<usize>> {
        let mut runs: Vec<Range<usize>> = Vec::new();
        for (at, _) in self.last.iter().enumerate().filter(|(_, last)| last.is_some()) {
            match runs.last_mut() {
                Some(run) if run.end == at => run.end += 1,
                _ => runs.push(at..at + 1),
            }
        }
        runs
    }

    /// Where a position of the axis was selected last.
    fn last(&self, at: usize) -> Result<Option<usize>> {
        self.last.get(at).copied().or_bug("a position beyond the axis")
    }
}

/// The stored values outside the selection, and the new ones within it, which are those of a canonical matrix of the same format
/// and dtype. Major slices that were changed are sorted; what lies between them is copied as it is.
fn merge(matrix: &SparseMatrix, selected: &Selected, values: &SparseMatrix) -> Result<SparseMatrix> {
    let offsets = matrix.major_offsets()?;
    let changed = selected.major.runs();
    if changed.is_empty() {
        return Ok(matrix.clone());
    }
    let old = changed.iter().map(|slices| offsets.run(slices.clone())).collect::<Result<Vec<_>>>()?;
    let merged = merge_slices(matrix, selected, values, &changed, &old)?;
    let indptr = {
        let mut lengths: Vec<usize> = offsets.lengths().collect();
        for (slice, length) in changed.iter().cloned().flatten().zip(merged.lengths) {
            *lengths.get_mut(slice).or_bug("a slice that was not checked")? = length;
        }
        Offsets::of_lengths(lengths)?.to_tensor(matrix.indptr().dtype())?
    };
    let between = |all: &Tensor, new: &Tensor| {
        let (mut parts, mut end) = (Vec::with_capacity(2 * old.len() + 1), 0);
        for (old, own) in old.iter().zip(&merged.runs) {
            parts.push(all.slice_rows(end..old.start)?);
            parts.push(new.slice_rows(own.clone())?);
            end = old.end;
        }
        parts.push(all.slice_rows(end..matrix.nnz())?);
        Tensor::concat_rows(&parts)
    };
    let (indices, data) = (between(matrix.indices(), &merged.indices)?, between(matrix.data(), &merged.data)?);
    SparseMatrix::new(matrix.format(), matrix.shape(), data, indices, indptr)
}

/// Major slices with new values.
struct Merged {
    /// The number of values of each.
    lengths: Vec<usize>,
    /// Which of the values are in each run of slices.
    runs: Vec<Range<usize>>,
    indices: Tensor,
    data: Tensor,
}

/// The changed slices, of which runs and where their values are in the matrix are given.
fn merge_slices(
    matrix: &SparseMatrix,
    selected: &Selected,
    values: &SparseMatrix,
    changed: &[Range<usize>],
    old: &[Range<usize>],
) -> Result<Merged> {
    let of_changed = |all: &Tensor| {
        let parts = old.iter().map(|range| all.slice_rows(range.clone())).collect::<Result<Vec<_>>>()?;
        Tensor::concat_rows(&parts)
    };
    let (indices, data) = (of_changed(matrix.indices())?.cast(&DType::U64)?, of_changed(matrix.data())?);
    let (indices, new_indices) = (indices.as_slice::<u64>()?, values.indices().cast(&DType::U64)?);
    let new_indices = new_indices.as_slice::<u64>()?;
    let (offsets, new_offsets) = (matrix.major_offsets()?, values.major_offsets()?);
    let is_nonzero = values.data().cast(&DType::Bool)?;
    let is_nonzero = is_nonzero.as_slice::<bool>()?;
    // The index of each value of the result, and where it is among the old values, behind which the new ones are.
    let mut merged: Vec<(u64, u64)> = Vec::with_capacity(indices.len() + values.nnz());
    let mut sources = (0_u64..).zip(indices.iter().copied());
    let (mut lengths, mut runs) = (Vec::new(), Vec::with_capacity(changed.len()));
    for slices in changed {
        let start = merged.len();
        for slice in slices.clone() {
            let before = merged.len();
            for (source, index) in sources.by_ref().take(offsets.range(slice)?.len()) {
                let at = usize::try_from(index).or_bug("an index that was not checked")?;
                if selected.minor.last(at)?.is_none() {
                    merged.push((index, source));
                }
            }
            let own = selected.major.last(slice)?.or_bug("a slice that was not selected")?;
            for at in new_offsets.range(own)? {
                let position = *new_indices.get(at).or_bug("a major slice beyond the indices")?;
                let position = usize::try_from(position).or_bug("an index that was not checked")?;
                let index = *selected.minor.positions.get(position).or_bug("a value beyond the selection")?;
                let is_nonzero = *is_nonzero.get(at).or_bug("an index without a value")?;
                if is_nonzero && selected.minor.last(index)? == Some(position) {
                    merged.push((index as u64, (indices.len() + at) as u64));
                }
            }
            merged.get_mut(before..).or_bug("a major slice before the last")?.sort_by_key(|&(index, _)| index);
            lengths.push(merged.len() - before);
        }
        runs.push(start..merged.len());
    }
    let (indices, sources): (Vec<u64>, Vec<u64>) = merged.into_iter().unzip();
    let indices = Tensor::from_vec([indices.len()], indices)?.cast(matrix.indices().dtype())?;
    let data = Tensor::concat_rows(&[data, values.data().clone()])?.take(0, &sources)?;
    Ok(Merged { lengths, runs, indices, data })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Positions of an axis, repeated and in any order.
    fn axis(len: u64) -> impl Strategy<Value = AxisSelection> {
        prop_oneof![
            (0..=len).prop_flat_map(move |a| (Just(a), a..=len)).prop_map(|(a, b)| AxisSelection::Range(a..b)),
            proptest::collection::vec(0..len, 0..6).prop_map(AxisSelection::from),
        ]
    }

    fn matrix(rows: usize, columns: usize) -> impl Strategy<Value = Tensor> {
        proptest::collection::vec(prop_oneof![Just(0_i32), 1..9], rows * columns)
            .prop_filter_map("no tensor", move |values| Tensor::from_vec([rows, columns], values).ok())
    }

    fn formats() -> impl Strategy<Value = SparseFormat> {
        prop_oneof![Just(SparseFormat::Csr), Just(SparseFormat::Csc)]
    }

    proptest! {
        #[test]
        fn a_sparse_matrix_is_set_as_a_dense_one(
            dense in matrix(4, 5),
            (rows, columns, values) in (axis(4), axis(5)).prop_flat_map(|(rows, columns)| {
                let [r, c] = [rows.len(), columns.len()].map(|len| usize::try_from(len).unwrap_or(0));
                (Just(rows), Just(columns), matrix(r, c))
            }),
            format in formats(),
            of_values in proptest::option::of(formats()),
        ) {
            let expected = dense.put(&[rows.clone(), columns.clone()], &values)?;
            let values = match of_values {
                Some(format) => Element::from(SparseMatrix::from_dense(&values, format)?),
                None => Element::from(values),
            };
            let mut matrix = SparseMatrix::from_dense(&dense, format)?;
            set(&mut matrix, &rows, &columns, &values)?;
            prop_assert_eq!(matrix, SparseMatrix::from_dense(&expected, format)?);
        }
    }

    fn made(
        matrix: &SparseMatrix,
        rows: &AxisSelection,
        columns: &AxisSelection,
        values: &Element,
    ) -> Result<SparseMatrix> {
        let mut matrix = matrix.clone();
        set(&mut matrix, rows, columns, values)?;
        Ok(matrix)
    }

    #[test]
    fn values_that_are_stored_are_set_in_place() -> Result<()> {
        let dense = Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 3.0, 0.0, 0.0])?;
        for format in [SparseFormat::Csr, SparseFormat::Csc] {
            let mut matrix = SparseMatrix::from_dense(&dense, format)?;
            let before = matrix.data().as_bytes().map(<[u8]>::as_ptr);
            let (rows, columns) = (AxisSelection::Range(0..1), AxisSelection::from(vec![2, 1, 0]));
            set(&mut matrix, &rows, &columns, &Tensor::from_vec([3], vec![8.0, 0.0, 9.0])?.into())?;
            assert_eq!(matrix.data().as_bytes().map(<[u8]>::as_ptr), before);
            assert_eq!(matrix.to_dense()?.as_slice::<f32>()?, [9.0, 0.0, 8.0, 3.0, 0.0, 0.0]);
            set(&mut matrix, &rows, &columns, &Element::from(1.0))?;
            assert_eq!((matrix.nnz(), matrix.get::<f32>(0, 1)?.to_bits()), (4, 1.0_f32.to_bits()));
        }
        Ok(())
    }

    #[test]
    fn dtypes_are_kept_and_scalars_spread() -> Result<()> {
        let matrix = SparseMatrix::new(
            SparseFormat::Csc,
            (3, 2),
            Tensor::from_vec([3], vec![1_u8, 2, 3])?,
            Tensor::from_vec([3], vec![2_u16, 0, 1])?,
            Tensor::from_vec([3], vec![0_i64, 2, 3])?,
        )?;
        let set = made(&matrix, &AxisSelection::Range(1..3), &AxisSelection::Range(0..1), &Element::from(7.0_f64))?;
        assert_eq!(set.to_dense()?.as_slice::<u8>()?, [2, 0, 7, 3, 7, 0]);
        assert_eq!((set.indices().dtype(), set.indptr().dtype()), (&DType::U16, &DType::I64));
        let cleared = made(&matrix, &AxisSelection::Range(0..3), &AxisSelection::Range(0..2), &Element::from(false))?;
        assert_eq!(cleared.nnz(), 0);
        let axis = |end| AxisSelection::Range(0..end);
        assert!(made(&matrix, &axis(4), &axis(1), &Element::from(1_u8)).is_err_and(|error| error.is_invalid_input()));
        assert!(made(&matrix, &axis(1), &axis(1), &Element::from(0.5)).is_err_and(|error| error.is_dtype()));
        let too_small =
            Element::from(SparseMatrix::from_dense(&Tensor::from_vec([1, 1], vec![1])?, SparseFormat::Csr)?);
        assert!(made(&matrix, &axis(2), &axis(1), &too_small).is_err_and(|error| error.is_invalid_input()));
        Ok(())
    }
}
