//! The transposed matrix.

use std::ops::Range;

use rayon::prelude::*;

use super::{AlignedBytes, Data, Tensor};
use crate::{OrBug, Result, Streamed, ensure, streamed};

/// Rows of a block that is transposed at a time: what is written of each column is some whole lines of the cache.
const TILE_ROWS: usize = 256;

/// Columns of such a block: what is read of each row is some lines of the cache that follow each other. Fewer where not all cores would
/// have any.
const TILE_COLUMNS: std::ops::RangeInclusive<usize> = 32..=128;

impl Tensor {
    /// The transposed matrix.
    ///
    /// ```
    /// use anndata_storage::Tensor;
    ///
    /// let matrix = Tensor::from_vec([2, 3], vec![1, 2, 3, 4, 5, 6])?;
    /// assert_eq!(matrix.transpose()?.as_slice::<i32>()?, [1, 4, 2, 5, 3, 6]);
    /// # Ok::<(), anndata_storage::Error>(())
    /// ```
    ///
    /// # Errors
    /// If it does not have two dimensions.
    pub fn transpose(&self) -> Result<Self> {
        let (rows, columns) = self.matrix_shape()?;
        let shape = vec![columns, rows];
        let data = match &self.data {
            Data::Buffer(buffer) => {
                let size = self.dtype.size().or_bug("a buffer of values without a size")?;
                let len = buffer.len();
                ensure!(len == rows * columns * size, "{len} bytes of {rows} x {columns} values of {size}");
                let mut out = AlignedBytes::zeroed(buffer.len());
                if !buffer.is_empty() {
                    transpose(buffer, rows, columns, size, out.as_mut_slice())?;
                }
                Data::Buffer(out.into())
            }
            Data::Strings(_) | Data::Lists(_) => {
                let order: Vec<u64> =
                    (0..columns as u64).flat_map(|j| (0..rows as u64).map(move |i| i * columns as u64 + j)).collect();
                return self.clone().reshape([rows * columns])?.take(0, &order)?.reshape(shape);
            }
            // A field may have axes of its own, which stay together.
            Data::Fields(fields) => {
                let order: Vec<u64> =
                    (0..columns as u64).flat_map(|j| (0..rows as u64).map(move |i| i * columns as u64 + j)).collect();
                let turned = fields.iter().map(|field| {
                    let inner = field.shape.get(2..).or_bug("a field of fewer axes than the records")?;
                    let flat = field.clone().reshape([&[rows * columns], inner].concat())?;
                    flat.take(0, &order)?.reshape([&[columns, rows], inner].concat())
                });
                Data::Fields(turned.collect::<Result<_>>()?)
            }
        };
        Ok(Self { dtype: self.dtype.clone(), shape, data })
    }
}

/// Transposes in tiles, on all cores. Both sides have `rows * columns` values of `size` bytes, and some.
fn transpose(from: &[u8], rows: usize, columns: usize, size: usize, to: &mut [u8]) -> Result<()> {
    // A task has whole columns of the source, as many as a tile is wide.
    let width = columns.div_ceil(rayon::current_num_threads()).clamp(*TILE_COLUMNS.start(), *TILE_COLUMNS.end());
    to.par_chunks_mut(rows * size * width).enumerate().try_for_each(|(number, to)| {
        let task = number * width..columns.min((number + 1) * width);
        streamed(to, |to| match size {
            1 => turn::<1>(from, columns, task, rows, to),
            2 => turn::<2>(from, columns, task, rows, to),
            4 => turn::<4>(from, columns, task, rows, to),
            8 => turn::<8>(from, columns, task, rows, to),
            16 => turn::<16>(from, columns, task, rows, to),
            size => turn_any(from, columns, task, rows, to, size),
        })
    })
}

/// Some columns of the source one after the other, tile by tile.
fn turn<const SIZE: usize>(
    from: &[u8],
    columns: usize,
    task: Range<usize>,
    rows: usize,
    mut to: Streamed<'_, u8>,
) -> Result<()> {
    let (from, _) = from.as_chunks::<SIZE>();
    let mut column_of_tile = [[0; SIZE]; TILE_ROWS];
    for start in (0..rows).step_by(TILE_ROWS) {
        let column_of_tile = &mut column_of_tile[..TILE_ROWS.min(rows - start)];
        for (place, column) in task.clone().enumerate() {
            let values = from.get(start * columns + column..).or_bug("a tile beyond the matrix")?;
            column_of_tile.iter_mut().zip(values.iter().step_by(columns)).for_each(|(to, from)| *to = *from);
            to.write((place * rows + start) * SIZE, column_of_tile.as_flattened())?;
        }
    }
    Ok(())
}

/// As [`turn`], of values of any size.
fn turn_any(
    from: &[u8],
    columns: usize,
    task: Range<usize>,
    rows: usize,
    mut to: Streamed<'_, u8>,
    size: usize,
) -> Result<()> {
    for start in (0..rows).step_by(TILE_ROWS) {
        for (place, column) in task.clone().enumerate() {
            for row in start..rows.min(start + TILE_ROWS) {
                let at = (row * columns + column) * size;
                to.write((place * rows + row) * size, from.get(at..at + size).or_bug("a tile beyond the matrix")?)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;

    #[test]
    fn matrices_of_many_tiles_are_transposed() -> Result<()> {
        let dtypes = [DType::U8, DType::I16, DType::F32, DType::F64, DType::Complex128, DType::FixedBytes(3)];
        // Tiles that are full and not, of tasks that are large and not; what is written begins in the midst of a line of the cache.
        for (rows, columns) in [(4099, 261), (7, 3001), (4096, 128)] {
            for dtype in &dtypes {
                let size = dtype.size().unwrap();
                let bytes: Vec<u8> = (0..251).cycle().take(rows * columns * size).collect();
                let turned = Tensor::from_bytes(dtype.clone(), [rows, columns], &bytes)?.transpose()?;
                assert_eq!(turned.shape(), [columns, rows]);
                let places = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
                for (value, place) in turned.as_bytes().unwrap().chunks(size).zip(places) {
                    assert_eq!(value, &bytes[place * size..(place + 1) * size], "{rows} x {columns} {dtype}");
                }
            }
        }
        Ok(())
    }
}
