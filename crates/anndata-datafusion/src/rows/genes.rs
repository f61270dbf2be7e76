//! Columns that are made of a matrix: values of variables, and sums over all of them.

use std::collections::HashMap;
use std::sync::Arc;

use anndata_core::{AxisSelection, DType, Element, Result, SparseMatrix, Tensor};
use anndata_experimental::{ChunkOptions, chunks};
use anndata_storage::OrBug;
use arrow_array::{ArrayRef, Float64Array, Int64Array, new_null_array};
use arrow_schema::DataType;

use super::{RowColumn, RowReader};
use crate::matrix::{MatrixKey, StoreMatrix, positions};
use crate::values::{sql_number, sql_values};

/// Those of the columns that are made of matrices, by their position.
pub(super) fn read(
    reader: &RowReader<'_>,
    columns: &[RowColumn],
    rows: &AxisSelection,
) -> Result<HashMap<usize, ArrayRef>> {
    let mut read = HashMap::new();
    let mut done: Vec<&MatrixKey> = Vec::new();
    for column in columns {
        let (RowColumn::Gene(key, _) | RowColumn::Total(key) | RowColumn::Detected(key)) = column else { continue };
        if done.contains(&key) {
            continue;
        }
        done.push(key);
        let genes = columns.iter().enumerate().filter_map(|(at, column)| match column {
            RowColumn::Gene(of, gene) if of == key => Some((at, *gene)),
            _ => None,
        });
        let (at, genes): (Vec<usize>, Vec<usize>) = genes.unzip();
        if !genes.is_empty() {
            read.extend(at.into_iter().zip(values(reader, key, &genes, rows)?));
        }
        let is_sum = |column: &RowColumn| matches!(column, RowColumn::Total(of) | RowColumn::Detected(of) if of == key);
        if columns.iter().any(is_sum) {
            let (totals, detected) = sums(reader, key, rows)?;
            for (at, column) in columns.iter().enumerate() {
                match column {
                    RowColumn::Total(of) if of == key => read.insert(at, Arc::clone(&totals)),
                    RowColumn::Detected(of) if of == key => read.insert(at, Arc::clone(&detected)),
                    _ => None,
                };
            }
        }
    }
    Ok(read)
}

/// The values of some variables in some rows of a store; null where the store does not have the variable.
fn values(reader: &RowReader<'_>, key: &MatrixKey, genes: &[usize], rows: &AxisSelection) -> Result<Vec<ArrayRef>> {
    let n = usize::try_from(rows.len()).or_bug("more rows than memory can hold")?;
    let (dataset, piece) = (reader.dataset, reader.piece()?);
    let (data_type, dtype) = (sql_number(key, dataset.collection())?, key.dtype(dataset.collection())?);
    let matrix = StoreMatrix::new(key, dataset.collection(), piece.store)?;
    let own = |gene: usize| matrix.as_ref().and_then(|matrix| matrix.reindex.to_old(gene)).map(|old| old as u64);
    let mut found: Vec<u64> = genes.iter().filter_map(|&gene| own(gene)).collect();
    found.sort_unstable();
    found.dedup();
    let dense = match &matrix {
        Some(matrix) if !found.is_empty() && n > 0 => {
            Some(columns_of(matrix, &local(rows, piece.start), &found, &dtype, reader.memory)?)
        }
        _ => None,
    };
    let column = |&gene: &usize| match (&dense, own(gene)) {
        (Some(dense), Some(old)) => {
            let at = found.binary_search(&old).ok().or_bug("a column that was found before")? as u64;
            let all = AxisSelection::Range(0..n as u64);
            let column = dense.select(&[all, AxisSelection::Range(at..at + 1)])?.reshape([n])?;
            sql_values(column.to_arrow()?)
        }
        _ => Ok(new_null_array(&data_type, n)),
    };
    genes.iter().map(column).collect()
}

/// Some columns of some rows of a matrix, dense.
fn columns_of(
    matrix: &StoreMatrix<'_>,
    rows: &AxisSelection,
    columns: &[u64],
    dtype: &DType,
    memory: u64,
) -> Result<Tensor> {
    let columns = positions(columns);
    if !matrix.element.is_sparse()? || matrix.is_csc()? {
        // No other columns are read.
        let some = matrix.element.select(&[rows.clone(), columns])?.load()?;
        return some.to_dense()?.cast(dtype);
    }
    let some = matrix.element.select(std::slice::from_ref(rows))?;
    let mut parts = Vec::new();
    for chunk in chunks(&some, &ChunkOptions::default().with_memory_limit(memory))? {
        let (range, chunk) = chunk?;
        let all = AxisSelection::Range(0..range.len() as u64);
        parts.push(chunk.to_sparse()?.select(&all, &columns)?.to_dense()?.cast(dtype)?);
    }
    Tensor::concat_rows(&parts)
}

/// The sum of each of some rows over the variables of the collection, and how many of its values are not zero; null where the
/// store does not have the matrix.
fn sums(reader: &RowReader<'_>, key: &MatrixKey, rows: &AxisSelection) -> Result<(ArrayRef, ArrayRef)> {
    let n = usize::try_from(rows.len()).or_bug("more rows than memory can hold")?;
    let (dataset, piece) = (reader.dataset, reader.piece()?);
    let Some(matrix) = StoreMatrix::new(key, dataset.collection(), piece.store)? else {
        return Ok((new_null_array(&DataType::Float64, n), new_null_array(&DataType::Int64, n)));
    };
    let (mut totals, mut detected) = (vec![0.0; n], vec![0_i64; n]);
    let all = AxisSelection::Range(0..matrix.columns as u64);
    let kept = if matrix.reindex.drops() { positions(&matrix.kept(|_| true).0) } else { all };
    let chunks = matrix.chunks(&local(rows, piece.start), &kept, reader.memory)?;
    let by_row = chunks.by_row;
    for chunk in chunks {
        let (range, chunk) = chunk?;
        let (sums, counts) = match &chunk {
            Element::Sparse(sparse) => (sparse.row_sums_f64()?, nonzero_per_row(sparse)?),
            dense => {
                let dense = dense.to_tensor()?;
                (dense.row_sums_f64()?, dense.nonzero_per_row()?)
            }
        };
        let start = if by_row { range.start } else { 0 };
        let totals = totals.get_mut(start..).or_bug("rows beyond the last")?.iter_mut();
        let detected = detected.get_mut(start..).or_bug("rows beyond the last")?.iter_mut();
        for ((total, detected), (sum, count)) in totals.zip(detected).zip(sums.iter().zip(counts)) {
            *total += sum;
            *detected += i64::try_from(count).or_bug("more columns than memory can hold")?;
        }
    }
    Ok((Arc::new(Float64Array::from(totals)), Arc::new(Int64Array::from(detected))))
}

/// How many values of each row are not zero.
fn nonzero_per_row(matrix: &SparseMatrix) -> Result<Vec<usize>> {
    let ones = matrix.to_canonical()?.cast(&DType::Bool)?.cast(&DType::U8)?;
    let counts = ones.wide_row_sums()?.cast(&DType::U64)?;
    counts.as_slice::<u64>()?.iter().map(|&count| usize::try_from(count).or_bug("a count beyond memory")).collect()
}

/// Rows of a store, counted from its first one.
pub(crate) fn local(rows: &AxisSelection, start: u64) -> AxisSelection {
    match rows {
        AxisSelection::Range(range) => AxisSelection::Range(range.start - start..range.end - start),
        AxisSelection::Indices(rows) => AxisSelection::Indices(rows.iter().map(|row| row - start).collect()),
    }
}
