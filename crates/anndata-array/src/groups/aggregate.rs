//! Sums and counts of the rows of each group of a matrix, on all cores.
//!
//! The rows of a group are added in their order, in parts that do not depend on how many cores there are, so neither does
//! the result. The rows of a group are not neighbours: while one is added, the processor is asked for the next, a few values at a
//! time. Asking for all of a row at once, and adding to a part of the columns at a time, both took longer.

use anndata_storage::{DType, Error, OrBug, Result, Scalar, Tensor, dispatch};
use rayon::prelude::*;

use super::Groups;
use crate::parallel::for_each_chunk;
use crate::prefetch;
use crate::sparse::buffers::{Index, by_width, plain};
use crate::sparse::{SparseFormat, SparseMatrix};

/// At most about so many parts of the rows have sums of their own before they are joined.
const PARTS: usize = 64;

/// Of the next row, as many values are asked for as are added of a row meanwhile: a line of the cache if they have 4 bytes.
const ASKED_FOR: usize = 16;

/// Adds some rows of a matrix to sums, one per column.
type AddRows<'a, A> = dyn Fn(&mut [A], &[u64]) -> Result<()> + Sync + 'a;

impl Groups {
    /// The sum of the rows of each group of a matrix: `F64`, groups x columns. A group without rows has zeros.
    ///
    /// ```
    /// use anndata_array::{Column, Groups, Tensor};
    ///
    /// let groups = Groups::of(&Column::strings(["T", "B", "T"]))?;
    /// let matrix = Tensor::from_vec([3, 2], vec![1_u8, 2, 3, 0, 5, 6])?;
    /// assert_eq!(groups.sum_rows(&matrix)?.as_slice::<f64>()?, [3.0, 0.0, 6.0, 8.0]);
    /// assert_eq!(groups.count_nonzero_rows(&matrix)?.as_slice::<i64>()?, [1, 0, 2, 2]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if it is not a matrix with as many rows as there are in the groups;
    /// [`DType`](crate::ErrorKind::DType) if it does not hold real numbers.
    pub fn sum_rows(&self, matrix: &Tensor) -> Result<Tensor> {
        check_real(matrix.dtype())?;
        dispatch!(real matrix.dtype(), T => self.fold_dense(matrix, |value: T| value.to_f64()), else => Err(no_numbers()))
    }

    /// How many values of the rows of each group are not zero: `I64`, groups x columns.
    ///
    /// # Errors
    /// As [`sum_rows`](Self::sum_rows).
    pub fn count_nonzero_rows(&self, matrix: &Tensor) -> Result<Tensor> {
        if !matrix.dtype().is_numeric() {
            return Err(no_numbers());
        }
        self.fold_dense(&matrix.cast(&DType::Bool)?, |is_nonzero: bool| i64::from(is_nonzero))
    }

    /// The sum of the rows of each group of a sparse matrix; see [`sum_rows`](Self::sum_rows).
    ///
    /// # Errors
    /// As [`sum_rows`](Self::sum_rows).
    pub fn sum_sparse_rows(&self, matrix: &SparseMatrix) -> Result<Tensor> {
        check_real(matrix.dtype())?;
        // Repeated values that are true are one, not two.
        let canonical = if *matrix.dtype() == DType::Bool { matrix.to_canonical()? } else { matrix.clone() };
        dispatch!(real matrix.dtype(), T => self.fold_sparse(&canonical, |value: T| value.to_f64()),
            else => Err(no_numbers()))
    }

    /// How many values of the rows of each group of a sparse matrix are not zero, whether stored or not.
    ///
    /// # Errors
    /// As [`sum_rows`](Self::sum_rows).
    pub fn count_nonzero_sparse_rows(&self, matrix: &SparseMatrix) -> Result<Tensor> {
        let is_nonzero = matrix.to_canonical()?.cast(&DType::Bool)?;
        self.fold_sparse(&is_nonzero, |is_nonzero: bool| i64::from(is_nonzero))
    }

    fn fold_dense<T: Scalar, A: Scalar>(&self, matrix: &Tensor, of: impl Fn(T) -> A + Sync) -> Result<Tensor> {
        let [rows, columns] = *matrix.shape() else {
            return Err(Error::invalid_input(format!("shape {:?} is not a matrix", matrix.shape())));
        };
        self.check_rows(rows)?;
        let values = matrix.as_slice::<T>()?;
        self.fold_rows(columns, &|sums: &mut [A], rows| {
            for row in rows.iter().map(|&row| position(row)) {
                let row = row?;
                let row = values.get(row * columns..(row + 1) * columns).or_bug("a row beyond the values")?;
                sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum = sum.plus(of(value)));
            }
            Ok(())
        })
    }

    fn fold_sparse<T: Scalar, A: Scalar>(&self, matrix: &SparseMatrix, of: impl Fn(T) -> A + Sync) -> Result<Tensor> {
        let (rows, columns) = matrix.shape();
        self.check_rows(rows)?;
        let (values, offsets) = (matrix.data().as_slice::<T>()?, matrix.major_offsets()?);
        by_width!(matrix.indices().dtype(), I => {
            let indices = plain::<I>(matrix.indices())?;
            let entries = |slice: usize| {
                let slice = offsets.range(slice)?;
                let values = values.get(slice.clone()).or_bug("a major slice beyond the values")?;
                Ok::<_, Error>((indices.get(slice).or_bug("a major slice beyond the indices")?, values))
            };
            if matrix.format() == SparseFormat::Csr {
                return self.fold_rows(columns, &|sums: &mut [A], rows| {
                    let mut rows = rows.iter().map(|&row| entries(position(row)?)).peekable();
                    while let Some(row) = rows.next() {
                        // A row that cannot be looked at is an error when its turn comes.
                        let next = rows.peek().and_then(|next| next.as_ref().ok().copied()).unwrap_or_default();
                        add_row(sums, row?, next, &of)?;
                    }
                    Ok(())
                });
            }
            // A column at a time, whose sums lie together; then turned.
            let mut sums = vec![A::default(); columns * self.len()];
            for_each_chunk(&mut sums, self.len(), &|column, sums| {
                let (indices, values) = entries(column)?;
                for (&index, &value) in indices.iter().zip(values) {
                    let code = *self.codes().get(index.to_usize()).or_bug("an index beyond the axis")?;
                    if let Ok(group) = usize::try_from(code) {
                        let sum = sums.get_mut(group).or_bug("a row of a group that is not there")?;
                        *sum = sum.plus(of(value));
                    }
                }
                Ok(())
            })?;
            Tensor::from_vec([columns, self.len()], sums)?.transpose()
        })
    }

    /// Adds up the rows of each group; `add` adds some of them.
    fn fold_rows<A: Scalar>(&self, columns: usize, add: &AddRows<A>) -> Result<Tensor> {
        let mut all = vec![A::default(); self.len() * columns];
        let step = self.n_rows().div_ceil(PARTS).max(1);
        all.par_chunks_mut(columns.max(1)).zip(self.rows()).try_for_each(|(sums, rows)| {
            if rows.len() <= step {
                return add(sums, rows);
            }
            let parts = rows.par_chunks(step).map(|rows| {
                let mut sums = vec![A::default(); columns];
                add(&mut sums, rows)?;
                Ok::<_, Error>(sums)
            });
            for part in parts.collect::<Result<Vec<_>>>()? {
                sums.iter_mut().zip(part).for_each(|(sum, part)| *sum = sum.plus(part));
            }
            Ok(())
        })?;
        Tensor::from_vec([self.len(), columns], all)
    }

    fn check_rows(&self, rows: usize) -> Result<()> {
        if rows == self.n_rows() {
            return Ok(());
        }
        Err(Error::invalid_input(format!(
            "a matrix of {rows} rows cannot be grouped by the groups of {}",
            self.n_rows()
        )))
    }
}

/// Adds the values of a row, which come with their indices, and asks for those of the next one meanwhile.
fn add_row<I: Index, T: Scalar, A: Scalar>(
    sums: &mut [A],
    (indices, values): (&[I], &[T]),
    next: (&[I], &[T]),
    of: impl Fn(T) -> A,
) -> Result<()> {
    let mut next = next.0.chunks(ASKED_FOR).zip(next.1.chunks(ASKED_FOR));
    for (indices, values) in indices.chunks(ASKED_FOR).zip(values.chunks(ASKED_FOR)) {
        if let Some((indices, values)) = next.next() {
            prefetch::read(indices);
            prefetch::read(values);
        }
        for (&index, &value) in indices.iter().zip(values) {
            let sum = sums.get_mut(index.to_usize()).or_bug("an index beyond the axis")?;
            *sum = sum.plus(of(value));
        }
    }
    Ok(())
}

fn position(row: u64) -> Result<usize> {
    usize::try_from(row).ok().or_bug("a row beyond all")
}

fn check_real(dtype: &DType) -> Result<()> {
    if dtype.is_complex() {
        return Err(Error::dtype(format!("values of type {dtype} have no sums as doubles")));
    }
    Ok(())
}

#[cold]
fn no_numbers() -> Error {
    Error::dtype("values are not numbers")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Column;

    proptest! {
        #[test]
        fn groups_of_any_matrix_are_summed(
            (rows, columns, values, codes) in (0_usize..80, 0_usize..40).prop_flat_map(|(r, c)| {
                (Just(r), Just(c), proptest::collection::vec(0_u8..4, r * c), proptest::collection::vec(-1_i64..3, r))
            }),
            dtype in proptest::sample::select(DType::NUMERIC.iter().filter(|d| !d.is_complex()).cloned().collect::<Vec<_>>()),
        ) {
            let groups = Groups::new(Column::strings(["a", "b", "c"]), codes.clone())?;
            let matrix = Tensor::from_vec([rows, columns], values)?.cast(&dtype)?;
            let doubles = matrix.cast(&DType::F64)?;
            let doubles = doubles.as_slice::<f64>()?;
            let (mut sums, mut counts) = (vec![0.0; 3 * columns], vec![0_i64; 3 * columns]);
            for (row, &code) in codes.iter().enumerate().filter(|(_, code)| **code >= 0) {
                for column in 0..columns {
                    let (value, at) = (doubles[row * columns + column], usize::try_from(code).unwrap() * columns + column);
                    sums[at] += value;
                    counts[at] += i64::from(value != 0.0);
                }
            }
            let (sums, counts) = (Tensor::from_vec([3, columns], sums)?, Tensor::from_vec([3, columns], counts)?);
            prop_assert_eq!(&groups.sum_rows(&matrix)?, &sums);
            prop_assert_eq!(&groups.count_nonzero_rows(&matrix)?, &counts);
            for format in [SparseFormat::Csr, SparseFormat::Csc] {
                let sparse = SparseMatrix::from_dense(&matrix, format)?;
                prop_assert_eq!(&groups.sum_sparse_rows(&sparse)?, &sums);
                prop_assert_eq!(&groups.count_nonzero_sparse_rows(&sparse)?, &counts);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() -> Result<()> {
        let groups = Groups::new(Column::strings(["a"]), vec![0, -1])?;
        let other = groups.sum_rows(&Tensor::from_vec([3, 1], vec![1, 2, 3])?).unwrap_err();
        assert!(
            other.is_invalid_input() && other.message() == "a matrix of 3 rows cannot be grouped by the groups of 2",
            "{other}"
        );
        assert!(groups.sum_rows(&Tensor::from_vec([2], vec![1, 2])?).is_err_and(|error| error.is_invalid_input()));
        assert!(groups.sum_rows(&Tensor::from_strings([2, 1], ["a", "b"])?).is_err_and(|error| error.is_dtype()));
        let nan = groups.sum_rows(&Tensor::from_vec([2, 1], vec![f32::NAN, 1.0])?)?;
        assert!(nan.get::<f64>(&[0, 0])?.is_nan());
        Ok(())
    }
}
