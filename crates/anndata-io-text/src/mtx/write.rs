//! A sparse matrix as text.

use std::io::Write;

use anndata_core::{Element, SparseFormat, SparseMatrix};
use anndata_storage::{DType, Error, OrBug as _, Result, Tensor};
use rayon::prelude::*;

use crate::number::{python_float, python_float_32};

/// How many entries are made to text at a time by a core.
const BLOCK: usize = 1 << 18;
/// Within these bounds every integer is a double.
const WHOLE: f64 = 9_007_199_254_740_992.0;
/// How many blocks are in memory at a time, per core.
const AHEAD: usize = 4;

/// Writes a matrix, dense or sparse, in the Matrix Market format: rows are rows, and entries stand row by row. Zeros of a dense
/// matrix are left out. Values are written as integers if all are whole.
///
/// ```
/// use anndata_core::{Element, Tensor};
///
/// let matrix = Element::from(Tensor::from_vec([2, 2], vec![0.0_f32, 1.0, 2.0, 0.0])?);
/// let mut text = Vec::new();
/// anndata_io_text::write_matrix_market(&mut text, &matrix)?;
/// assert_eq!(text, b"%%MatrixMarket matrix coordinate integer general\n2 2 2\n1 2 1\n2 1 2\n");
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Errors
/// If it is no matrix, its values are no real numbers, or writing fails.
pub fn write_matrix_market(out: &mut impl Write, matrix: &Element) -> Result<()> {
    let matrix = matrix.to_format(SparseFormat::Csr)?.to_canonical()?;
    write_matrix(out, &matrix, false, Ok)
}

/// Writes a CSR matrix, or the matrix whose rows are its columns; `finish` is done to each block of text, on all cores.
pub(crate) fn write_matrix(
    out: &mut impl Write,
    matrix: &SparseMatrix,
    transpose: bool,
    finish: fn(Vec<u8>) -> Result<Vec<u8>>,
) -> Result<()> {
    let (rows, columns) = matrix.shape();
    let values = Values::of(matrix.data())?;
    let field = if matches!(values, Values::Integers(_)) { "integer" } else { "real" };
    let shape = if transpose { [columns, rows] } else { [rows, columns] };
    let [of_rows, of_columns] = shape;
    let header = format!("%%MatrixMarket matrix coordinate {field} general\n{of_rows} {of_columns} {}\n", matrix.nnz());
    out.write_all(&finish(header.into_bytes())?)?;
    let indices = matrix.indices().cast(&DType::I64)?;
    let (indices, offsets) = (indices.as_slice::<i64>()?, matrix.offsets()?);
    let mut starts: Vec<usize> = (0..rows).collect();
    // Blocks of whole rows.
    let mut from = 0;
    starts.retain(|&row| {
        let first =
            row == 0 || offsets.get(row).zip(offsets.get(from)).is_some_and(|(&at, &start)| at - start >= BLOCK);
        if first {
            from = row;
        }
        first
    });
    let ends = starts.iter().copied().skip(1).chain([rows]);
    let blocks: Vec<_> = starts.iter().copied().zip(ends).collect();
    for group in blocks.chunks(rayon::current_num_threads().max(1) * AHEAD) {
        let made: Vec<Result<Vec<u8>>> = group
            .par_iter()
            .map(|&(start, end)| {
                let mut text = Vec::new();
                for row in start..end {
                    for at in matrix.major_range(row)? {
                        let column = indices.get(at).or_bug("an index beyond the values")?;
                        if transpose {
                            write!(text, "{} {} ", column + 1, row + 1)?;
                        } else {
                            write!(text, "{} {} ", row + 1, column + 1)?;
                        }
                        values.write(at, &mut text)?;
                        text.push(b'\n');
                    }
                }
                finish(text)
            })
            .collect();
        for block in made {
            out.write_all(&block?)?;
        }
    }
    Ok(())
}

/// The values of a matrix as they are written.
enum Values {
    Integers(Tensor),
    Floats(Tensor),
}

impl Values {
    fn of(data: &Tensor) -> Result<Self> {
        if data.dtype().is_complex() {
            return Err(Error::unsupported("matrices of complex numbers are not written as text"));
        }
        if !data.dtype().is_float() {
            if *data.dtype() == DType::U64 && data.as_slice::<u64>()?.iter().any(|&value| i64::try_from(value).is_err())
            {
                return Err(Error::unsupported("a value is beyond 63 bits, the most that is written as text"));
            }
            return Ok(Self::Integers(data.cast(&DType::I64)?));
        }
        let floats = data.cast(&DType::F64)?;
        let whole = |value: &f64| value.fract() == 0.0 && value.abs() <= WHOLE;
        if floats.as_slice::<f64>()?.par_iter().all(whole) {
            return Ok(Self::Integers(floats.cast(&DType::I64)?));
        }
        Ok(Self::Floats(data.clone()))
    }

    fn write(&self, at: usize, text: &mut Vec<u8>) -> Result<()> {
        const BEYOND: &str = "a value beyond the matrix";
        match self {
            Self::Integers(values) => write!(text, "{}", values.as_slice::<i64>()?.get(at).or_bug(BEYOND)?)?,
            // The shortest text that is the same value: of 32 bits shorter than of 64.
            Self::Floats(values) if *values.dtype() == DType::F32 => {
                let value = values.as_slice::<f32>()?.get(at).or_bug(BEYOND)?;
                text.extend_from_slice(python_float_32(*value).as_bytes());
            }
            Self::Floats(values) => {
                let value = values.slice_rows(at..at + 1)?.cast(&DType::F64)?;
                let value = value.as_slice::<f64>()?.first().or_bug(BEYOND)?;
                text.extend_from_slice(python_float(*value).as_bytes());
            }
        }
        Ok(())
    }
}
