//! [`Batch`]: what a loader gives.

use std::cmp::Ordering;
use std::sync::Arc;

use anndata_array::sparse::stack::index_dtype;
use anndata_core::{Column, DType, Element, Result, Scalar, SparseFormat, SparseMatrix, Tensor};
use anndata_storage::{Error, OrBug, dispatch};
use arrow_array::{ArrayRef, FixedSizeListArray, LargeListArray, RecordBatch, RecordBatchOptions};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{Field, Schema};
use indexmap::IndexMap;
use rayon::prelude::*;

use super::blocks::{Piece, Rows};
use super::reader::Matrix;
use super::{LoaderState, MatrixRef, Want};
use crate::RowId;

/// Some rows of a collection, in memory.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Batch {
    /// The matrices that were asked for, in the same order.
    pub matrices: IndexMap<MatrixRef, BatchMatrix>,
    /// The columns of `obs` that were asked for.
    pub obs: RecordBatch,
    /// The labels that were asked for: numbers of dtype `I64`, one for each row.
    pub labels: IndexMap<String, Tensor>,
    /// Which rows these are.
    pub rows: Vec<RowId>,
    /// How many of the rows, the last ones, came in this epoch before; they are there to fill the batch. See
    /// [`Tail::Pad`](super::Tail::Pad).
    pub padding: u32,
    /// With what a loader [goes on](super::Loader::resume) after this batch; `None` if the rows were [asked
    /// for](super::Loader::get).
    pub state: Option<LoaderState>,
}

/// A matrix of a batch.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a batch has few of them")]
pub enum BatchMatrix {
    /// A CSR matrix.
    Csr(SparseMatrix),
    /// A dense array.
    Dense(Tensor),
}

impl BatchMatrix {
    /// As a dense array of a dtype.
    ///
    /// # Errors
    /// If it does not fit into memory, or the dtype is not one of numbers.
    pub fn to_dense(&self, dtype: &DType) -> Result<Tensor> {
        match self {
            Self::Csr(matrix) => matrix.cast(dtype)?.to_dense(),
            Self::Dense(tensor) => tensor.cast(dtype),
        }
    }

    /// The number of rows and of columns; those of an array of more axes are counted together.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Self::Csr(matrix) => matrix.shape(),
            Self::Dense(tensor) => match tensor.shape() {
                [] => (1, 1),
                [rows, others @ ..] => (*rows, others.iter().product()),
            },
        }
    }
}

impl Batch {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// `X`, if it was asked for.
    pub fn x(&self) -> Option<&BatchMatrix> {
        self.matrices.get(&MatrixRef::X)
    }

    /// A matrix that was asked for.
    ///
    /// # Errors
    /// [`NotFound`](anndata_core::ErrorKind::NotFound) if it was not.
    pub fn matrix(&self, name: &MatrixRef) -> Result<&BatchMatrix> {
        self.matrices.get(name).ok_or_else(|| not_asked(name))
    }

    /// The values of a matrix in C order, and the number of rows and columns. What was asked for as [dense](Want::Dense) with
    /// `F32` is not copied: this is what tensors of other libraries are made of.
    ///
    /// # Errors
    /// [`NotFound`](anndata_core::ErrorKind::NotFound) if the matrix was not asked for.
    pub fn into_dense_vec(mut self, name: &MatrixRef) -> Result<(Vec<f32>, [usize; 2])> {
        let matrix = self.matrices.swap_remove(name).ok_or_else(|| not_asked(name))?;
        let (rows, columns) = matrix.shape();
        let values = match matrix {
            BatchMatrix::Csr(matrix) => scatter_all(matrix)?,
            BatchMatrix::Dense(tensor) if *tensor.dtype() == DType::F32 => tensor.into_vec()?,
            BatchMatrix::Dense(tensor) => tensor.cast(&DType::F32)?.into_vec()?,
        };
        Ok((values, [rows, columns]))
    }

    /// A matrix as a dense array of its dtype. What was asked for as [dense](Want::Dense) is not copied, and a CSR matrix is spread.
    /// It is what becomes a [tensor](crate::tensors) of another library.
    ///
    /// # Errors
    /// [`NotFound`](anndata_core::ErrorKind::NotFound) if the matrix was not asked for.
    pub fn into_dense(mut self, name: &MatrixRef) -> Result<Tensor> {
        match self.matrices.swap_remove(name).ok_or_else(|| not_asked(name))? {
            BatchMatrix::Csr(matrix) if *matrix.dtype() == DType::F32 => {
                let (rows, columns) = matrix.shape();
                Tensor::from_vec([rows, columns], scatter_all(matrix)?)
            }
            BatchMatrix::Csr(matrix) => matrix.to_dense(),
            BatchMatrix::Dense(tensor) => Ok(tensor),
        }
    }

    /// All of the batch as columns: those of `obs`, labels, and for each matrix one of lists: of equal length for a dense one
    /// (`X`), and for a CSR matrix two (`X.indices`, `X.values`).
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if two columns have the same name; if a dtype has no Arrow type.
    pub fn to_record_batch(&self) -> Result<RecordBatch> {
        let mut fields: Vec<Field> = self.obs.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
        let mut arrays: Vec<ArrayRef> = self.obs.columns().to_vec();
        let mut push = |name: String, array: ArrayRef| {
            fields.push(Field::new(name, array.data_type().clone(), false));
            arrays.push(array);
        };
        for (name, labels) in &self.labels {
            push(name.clone(), labels.to_arrow()?);
        }
        for (name, matrix) in &self.matrices {
            match matrix {
                BatchMatrix::Dense(tensor) => {
                    let values = tensor.clone().reshape([tensor.len()])?.to_arrow()?;
                    let width = i32::try_from(matrix.shape().1)
                        .map_err(|_| Error::unsupported("lists of Arrow have 2^31 values at most"))?;
                    let item = Arc::new(Field::new_list_field(values.data_type().clone(), false));
                    let lists = FixedSizeListArray::try_new_with_length(item, width, values, None, self.len());
                    push(name.to_string(), Arc::new(lists.map_err(arrow)?));
                }
                BatchMatrix::Csr(csr) => {
                    let offsets = csr.major_offsets()?;
                    let ends = offsets.ends().iter().map(|&end| i64::try_from(end).or_bug("an offset beyond memory"));
                    let offsets = std::iter::once(Ok(0)).chain(ends).collect::<Result<Vec<i64>>>()?;
                    let offsets = OffsetBuffer::new(offsets.into());
                    for (part, values) in [("indices", csr.indices()), ("values", csr.data())] {
                        let values = values.to_arrow()?;
                        let item = Arc::new(Field::new_list_field(values.data_type().clone(), false));
                        let lists = LargeListArray::try_new(item, offsets.clone(), values, None).map_err(arrow)?;
                        push(format!("{name}.{part}"), Arc::new(lists));
                    }
                }
            }
        }
        let mut names: Vec<&String> = fields.iter().map(Field::name).collect();
        names.sort_unstable();
        if let Some(name) = names.iter().zip(names.iter().skip(1)).find_map(|(a, b)| (a == b).then_some(a)) {
            return Err(Error::invalid_input(format!("two columns of the record batch have the name '{name}'")));
        }
        record_batch(fields, arrays, self.len())
    }
}

fn not_asked(name: &MatrixRef) -> Error {
    Error::not_found(format!("the batch has no {name}: it is not among the fields that were asked for"))
}

fn arrow(error: arrow_schema::ArrowError) -> Error {
    Error::bug("a batch that cannot become a record batch").with_source(error)
}

fn record_batch(fields: Vec<Field>, arrays: Vec<ArrayRef>, len: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(len));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).map_err(arrow)
}

/// Some rows of columns.
pub(super) fn obs(columns: &[(String, Column)], rows: &[u64]) -> Result<RecordBatch> {
    let taken = columns.iter().map(|(name, column)| {
        let column = column.take(rows)?;
        Ok((column.to_field(name), Arc::clone(column.array())))
    });
    let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = taken.collect::<Result<Vec<_>>>()?.into_iter().unzip();
    record_batch(fields, arrays, rows.len())
}

/// Some rows of what was read, as matrices of a batch.
pub(super) fn matrices(wanted: &[Matrix], piece: &Piece, rows: &Rows) -> Result<IndexMap<MatrixRef, BatchMatrix>> {
    let each = wanted.iter().enumerate().map(|(number, matrix)| {
        let made = make(&matrix.want, &piece.matrix(number)?, rows);
        let made = made.map_err(|error| error.at(&matrix.name.to_string()))?;
        Ok((matrix.name.clone(), made))
    });
    each.collect()
}

/// Rows of the blocks of a matrix, as they are asked for.
fn make(want: &Want, blocks: &[&Element], rows: &Rows) -> Result<BatchMatrix> {
    let exact = want.is_exact();
    Ok(match (want, blocks.first().or_bug("a window without rows")?) {
        (Want::Dense { dtype, .. }, Element::Sparse(matrix)) if *dtype == DType::F32 => {
            if exact {
                convert(rows.of(blocks)?.to_sparse()?.data(), dtype, true)?;
            }
            let matrices = blocks.iter().map(|block| block.to_sparse()).collect::<Result<Vec<_>>>()?;
            BatchMatrix::Dense(Tensor::from_vec([rows.len(), matrix.shape().1], scatter(&matrices, rows)?)?)
        }
        (Want::Dense { dtype, .. }, Element::Tensor(tensor)) if *dtype == DType::F32 => {
            if exact {
                convert(&rows.of(blocks)?.to_tensor()?, dtype, true)?;
            }
            let shape: Vec<usize> = std::iter::once(rows.len()).chain(tensor.shape().iter().skip(1).copied()).collect();
            let tensors = blocks.iter().map(|block| block.to_tensor()).collect::<Result<Vec<_>>>()?;
            BatchMatrix::Dense(Tensor::from_vec(shape, spread(&tensors, rows)?)?)
        }
        (Want::Dense { dtype, .. }, _) => match rows.of(blocks)? {
            Element::Sparse(matrix) => BatchMatrix::Dense(convert_sparse(&matrix, dtype, exact)?.to_dense()?),
            Element::Tensor(tensor) => BatchMatrix::Dense(convert(&tensor, dtype, exact)?),
            other => return Err(no_matrix(&other)),
        },
        (Want::Csr { dtype, .. }, _) => {
            let matrix = match rows.of(blocks)? {
                Element::Sparse(matrix) => matrix,
                Element::Tensor(tensor) => {
                    let shape = match tensor.shape() {
                        [rows, others @ ..] => [*rows, others.iter().product()],
                        [] => [1, 1],
                    };
                    SparseMatrix::from_dense(&tensor.reshape(shape)?, SparseFormat::Csr)?
                }
                other => return Err(no_matrix(&other)),
            };
            let matrix = match dtype {
                Some(dtype) => convert_sparse(&matrix, dtype, exact)?,
                None => matrix,
            };
            // As wide as the batch needs them, whatever it was read with.
            let (slices, minor) = matrix.axes();
            BatchMatrix::Csr(matrix.cast_indices(&index_dtype(matrix.nnz(), slices, minor))?)
        }
    })
}

fn no_matrix(element: &Element) -> Error {
    Error::dtype(format!("expected a matrix, found a value of kind '{}'", element.kind_name()))
}

fn convert_sparse(matrix: &SparseMatrix, dtype: &DType, exact: bool) -> Result<SparseMatrix> {
    if exact {
        convert(matrix.data(), dtype, true)?;
    }
    matrix.cast(dtype)
}

/// Values in another dtype; if `exact`, all of them have to be the same there.
fn convert(values: &Tensor, dtype: &DType, exact: bool) -> Result<Tensor> {
    let cast = values.cast(dtype)?;
    if exact && values.dtype() != dtype {
        let back = cast.cast(values.dtype())?;
        let (before, after) = (values.cast(&DType::F64)?, back.cast(&DType::F64)?);
        let mut pairs = before.as_slice::<f64>()?.iter().zip(after.as_slice::<f64>()?);
        // The two zeros are the same value, and so are all NaN.
        let differs = |(a, b): &(&f64, &f64)| a.partial_cmp(b).map_or(!(a.is_nan() && b.is_nan()), Ordering::is_ne);
        if let Some((before, after)) = pairs.find(differs) {
            let from = values.dtype();
            return Err(Error::invalid_data(format!(
                "the value {before} of type {from} becomes {after} as {dtype}: ask for another dtype, or for values that \
                 need not be exact"
            )));
        }
        // Integers of 64 bits that are the same as doubles may still differ.
        if values.dtype().is_integer() && back != *values {
            return Err(Error::invalid_data(format!("a value of type {} is another as {dtype}", values.dtype())));
        }
    }
    Ok(cast)
}

/// An index as a position in memory.
fn place(index: impl TryInto<usize>) -> Option<usize> {
    index.try_into().ok()
}

/// How many values a task writes.
const TASK: usize = 1 << 16;

/// All rows of a CSR matrix as dense values, on all cores.
fn scatter_all(matrix: SparseMatrix) -> Result<Vec<f32>> {
    let rows = Rows::Range(0, 0..matrix.shape().0);
    scatter(&[matrix], &rows)
}

/// Some rows of CSR matrices as dense values, on all cores.
fn scatter(matrices: &[SparseMatrix], rows: &Rows) -> Result<Vec<f32>> {
    let columns = matrices.first().map_or(0, |matrix| matrix.shape().1);
    let offsets = matrices.iter().map(SparseMatrix::major_offsets).collect::<Result<Vec<_>>>()?;
    dense_rows(rows, columns, |block, row, out| {
        let (Some(matrix), Some(offsets)) = (matrices.get(block), offsets.get(block)) else { return Err(beyond()) };
        let slice = offsets.range(row)?;
        dispatch!(real matrix.dtype(), T => dispatch!(integer matrix.indices().dtype(), I => {
            let values = matrix.data().as_slice::<T>()?.get(slice.clone()).ok_or_else(beyond)?;
            let indices = matrix.indices().as_slice::<I>()?.get(slice).ok_or_else(beyond)?;
            for (&index, &value) in indices.iter().zip(values) {
                let cell = place(index).and_then(|index| out.get_mut(index)).ok_or_else(beyond)?;
                *cell += f32::from_f64(Scalar::to_f64(value));
            }
            Ok(())
        }, else => Err(Error::bug("indices that are no integers"))), else => Err(not_real()))
    })
}

/// Some rows of dense arrays, on all cores.
fn spread(tensors: &[Tensor], rows: &Rows) -> Result<Vec<f32>> {
    let columns = tensors.first().map_or(0, |tensor| tensor.shape().iter().skip(1).product());
    dense_rows(rows, columns, |block, row, out| {
        let tensor = tensors.get(block).ok_or_else(beyond)?;
        dispatch!(real tensor.dtype(), T => {
            let start = row.checked_mul(columns).ok_or_else(beyond)?;
            let from = tensor.as_slice::<T>()?.get(start..start + columns).ok_or_else(beyond)?;
            for (to, &from) in out.iter_mut().zip(from) {
                *to = f32::from_f64(Scalar::to_f64(from));
            }
            Ok(())
        }, else => Err(not_real()))
    })
}

/// Rows of zeros, each of which a function fills that is told its block and which row it is there, on all cores.
fn dense_rows(
    rows: &Rows,
    columns: usize,
    fill: impl Fn(usize, usize, &mut [f32]) -> Result<()> + Sync,
) -> Result<Vec<f32>> {
    let len = rows.len().checked_mul(columns);
    let mut dense = vec![0.0_f32; len.ok_or_else(|| Error::limit_exceeded("a batch that memory cannot hold"))?];
    if columns == 0 {
        return Ok(dense);
    }
    let tasks = dense.par_chunks_mut(columns).enumerate().with_min_len((TASK / columns).max(1));
    tasks.try_for_each(|(at, out)| {
        let (block, row) = rows.get(at).ok_or_else(beyond)?;
        fill(block, row, out)
    })?;
    Ok(dense)
}

fn beyond() -> Error {
    Error::bug("a row beyond its block")
}

fn not_real() -> Error {
    Error::dtype("values are not real numbers")
}
