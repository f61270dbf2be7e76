//! Arrays as tables: a stream of Arrow, with a record batch that has the names of their rows, or a Parquet file.

use std::io::Write;

use anndata::acc::Target;
use anndata::arrow_array::RecordBatch;
use anndata::{AnnData, Column, DType, DataFrame, Element, Error, Result, SparseFormat, SparseMatrix, Tensor};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::ArrowError;

use super::print::{self, dims, header, is_index, names_of};

/// A field with the names of the rows, `name`, and one with the values, or for a matrix or frame one for each column. Of a
/// sparse matrix there is a row for each stored value: `row`, `column`, `value`.
pub(super) fn write(
    out: &mut impl Write,
    adata: &AnnData,
    target: &Target,
    element: &Element,
) -> std::result::Result<(), print::Error> {
    let batch = frame(adata, target, element)?.to_record_batch(match element {
        Element::Sparse(_) => "row",
        _ => "name",
    })?;
    stream(out, &batch).map_err(|error| match error {
        ArrowError::IoError(_, error) => print::Error::Output(error),
        other => print::Error::Data(Error::unsupported("it has no form in Arrow").with_source(other)),
    })
}

/// The same table as a Parquet file; the names of the rows are its index.
#[cfg(feature = "parquet")]
pub(super) fn parquet(
    out: &mut impl Write,
    adata: &AnnData,
    target: &Target,
    element: &Element,
) -> std::result::Result<(), print::Error> {
    let options = anndata::text::WriteParquetOptions::default();
    let bytes = anndata::text::to_parquet(&frame(adata, target, element)?, &options)?;
    Ok(out.write_all(&bytes)?)
}

fn stream(out: &mut impl Write, batch: &RecordBatch) -> std::result::Result<(), ArrowError> {
    let mut writer = StreamWriter::try_new(out, &batch.schema())?;
    writer.write(batch)?;
    writer.finish()
}

/// An array as a table.
fn frame(adata: &AnnData, target: &Target, element: &Element) -> Result<DataFrame> {
    let dims = dims(target);
    let names = |axis: usize| names_of(adata, dims.get(axis)).map(|names| names.names().clone());
    let rows = || Ok::<_, Error>(DataFrame::new(names(0)?.iter().flatten()));
    match element {
        Element::Column(column) if is_index(target) => Ok(DataFrame::with_index(column.clone())),
        Element::Column(column) => rows()?.with_column(header(target), column.clone()),
        Element::Tensor(tensor) if tensor.ndim() == 1 => rows()?.with_column(header(target), Column::plain(tensor)?),
        Element::Tensor(tensor) if tensor.ndim() == 2 => {
            let columns = dims.get(1).map(|_| names(1)).transpose()?;
            let mut frame = rows()?;
            for at in 0..tensor.shape().get(1).copied().unwrap_or(0) {
                let values = tensor.take(1, &[at as u64])?;
                let len = values.len();
                let name = match &columns {
                    Some(names) => names.value(at).to_owned(),
                    None => at.to_string(),
                };
                if frame.contains(&name) {
                    return Err(Error::unsupported(format!("two columns are called '{name}'; use --format csv")));
                }
                frame.insert(name, Column::plain(&values.reshape([len])?)?)?;
            }
            Ok(frame)
        }
        Element::Sparse(matrix) => entries(matrix, &names(0)?, dims.get(1).map(|_| names(1)).transpose()?.as_ref()),
        Element::Frame(frame) => frame.load(),
        other => Err(Error::unsupported(format!("{} has no table; use --format json", other.kind_name()))),
    }
}

/// The stored values of a sparse matrix, with the names of their row and column.
fn entries(
    matrix: &SparseMatrix,
    rows: &anndata::arrow_array::LargeStringArray,
    columns: Option<&anndata::arrow_array::LargeStringArray>,
) -> Result<DataFrame> {
    let minor = matrix.indices().cast(&DType::U64)?.into_vec::<u64>()?;
    let lengths = matrix.major_offsets()?;
    let major: Vec<u64> = (0_u64..).zip(lengths.lengths()).flat_map(|(at, len)| std::iter::repeat_n(at, len)).collect();
    let (row, column) = match matrix.format() {
        SparseFormat::Csr => (major, minor),
        SparseFormat::Csc => (minor, major),
    };
    let named =
        |names: &anndata::arrow_array::LargeStringArray, at: &[u64]| Column::strings(names.iter().flatten()).take(at);
    let frame = DataFrame::with_index(named(rows, &row)?);
    let frame = match columns {
        Some(columns) => frame.with_column("column", named(columns, &column)?)?,
        None => frame.with_column("column", Column::plain(&Tensor::from_vec([column.len()], column)?)?)?,
    };
    frame.with_column("value", Column::plain(matrix.data())?)
}
