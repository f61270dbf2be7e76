//! Tensors of records: one tensor a field in memory, packed records on the way to and from disk.

use std::sync::Arc;

use super::{AlignedBytes, Data, Tensor, count};
use crate::{DType, Error, Field, OrBug, Result, ensure};

impl Tensor {
    /// A tensor of records from its fields: names and, for each, a tensor of shape `shape + inner shape`.
    ///
    /// # Errors
    /// If a field's shape does not begin with `shape`.
    pub fn from_fields<N: Into<Arc<str>>>(
        shape: impl Into<Vec<usize>>,
        fields: impl IntoIterator<Item = (N, Self)>,
    ) -> Result<Self> {
        let shape = shape.into();
        let (names, tensors): (Vec<Arc<str>>, Vec<Self>) =
            fields.into_iter().map(|(name, tensor)| (name.into(), tensor)).unzip();
        let mut fields = Vec::with_capacity(names.len());
        for (name, tensor) in names.into_iter().zip(&tensors) {
            let Some(inner) = tensor.shape.strip_prefix(shape.as_slice()) else {
                return Err(Error::invalid_input(format!(
                    "field '{name}' has shape {:?}, which does not begin with the records' {shape:?}",
                    tensor.shape
                )));
            };
            fields.push(Field { name, dtype: tensor.dtype.clone(), shape: inner.to_vec() });
        }
        count(&shape)?;
        Ok(Self { dtype: DType::Compound(fields.into()), shape, data: Data::Fields(tensors.into()) })
    }

    /// The fields of a tensor of records, in order.
    ///
    /// # Errors
    /// [`ErrorKind::DType`](crate::ErrorKind::DType) if the values are not records.
    pub fn fields(&self) -> Result<impl Iterator<Item = (&str, &Self)>> {
        match (&self.dtype, &self.data) {
            (DType::Compound(fields), Data::Fields(tensors)) => {
                Ok(fields.iter().map(|field| &*field.name).zip(tensors.iter()))
            }
            _ => Err(Error::dtype(format!("the values are of type {}, not records", self.dtype))),
        }
    }

    /// One field of a tensor of records.
    ///
    /// # Errors
    /// If the values are not records or have no such field.
    pub fn field(&self, name: &str) -> Result<&Self> {
        self.fields()?
            .find_map(|(field, tensor)| (field == name).then_some(tensor))
            .ok_or_else(|| Error::not_found(format!("the records have no field '{name}'")))
    }

    /// The values as packed bytes: the buffer of a plain type, records one after the other.
    ///
    /// # Errors
    /// If the dtype, or that of a field, is text of any length.
    pub fn to_packed(&self) -> Result<std::borrow::Cow<'_, [u8]>> {
        match &self.data {
            Data::Buffer(buffer) => Ok(buffer.as_slice().into()),
            Data::Strings(_) => Err(Error::dtype("text of any length has no packed form")),
            Data::Lists(_) => Err(Error::dtype("lists of any length have no packed form")),
            Data::Fields(fields) => {
                let parts = fields.iter().map(|field| field.packed_rows(self.len())).collect::<Result<Vec<_>>>()?;
                let mut packed = Vec::with_capacity(self.nbytes());
                for row in 0..self.len() {
                    for (bytes, step) in &parts {
                        let cell =
                            bytes.get(row * step..(row + 1) * step).or_bug("a record without one of its fields")?;
                        packed.extend_from_slice(cell);
                    }
                }
                Ok(packed.into())
            }
        }
    }
}

impl Tensor {
    /// The packed bytes of a field of so many records, and how many of them are of one.
    fn packed_rows(&self, rows: usize) -> Result<(std::borrow::Cow<'_, [u8]>, usize)> {
        let bytes = self.to_packed()?;
        let (len, rows) = (bytes.len(), rows.max(1));
        ensure!(len % rows == 0, "{len} bytes of a field of {rows} records");
        Ok((bytes, len / rows))
    }
}

/// Splits packed records into their fields.
pub(super) fn unpack(fields: &[Field], shape: &[usize], packed: &[u8]) -> Result<Tensor> {
    let rows = count(shape)?;
    let record = packed.len() / rows.max(1);
    let mut offset = 0;
    let mut tensors = Vec::with_capacity(fields.len());
    for field in fields {
        let step = field.dtype.size().or_bug("a packed record with a field without a size")? * field.len();
        let mut bytes = AlignedBytes::zeroed(rows * step);
        if step > 0 && rows > 0 {
            let cells = bytes.as_mut_slice().chunks_exact_mut(step);
            for (cell, record) in cells.zip(packed.chunks_exact(record)) {
                cell.copy_from_slice(record.get(offset..offset + step).or_bug("a record shorter than its fields")?);
            }
        }
        offset += step;
        let tensor = Tensor::new(field.dtype.clone(), [shape, &field.shape].concat(), bytes)?;
        tensors.push((field.name.clone(), tensor));
    }
    Tensor::from_fields(shape, tensors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_pack_and_unpack() -> Result<()> {
        let inner = Tensor::from_fields([2], [("x", Tensor::from_vec([2], vec![7_u8, 8])?)])?;
        let records = Tensor::from_fields(
            [2],
            [
                ("id", Tensor::from_bytes(DType::FixedBytes(3), [2], b"ab\0cde")?),
                ("pca", Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 3.0, 4.0])?),
                ("inner", inner),
            ],
        )?;
        let packed = records.to_packed()?.into_owned();
        assert_eq!(packed.len(), 2 * (3 + 8 + 1));
        assert_eq!(packed[..3], *b"ab\0");
        assert_eq!(packed[11], 7);
        assert_eq!(Tensor::from_bytes(records.dtype().clone(), [2], packed)?, records);
        assert_eq!(records.field("pca")?.as_slice::<f32>()?, [1.0, 2.0, 3.0, 4.0]);
        let none = Tensor::from_bytes(records.dtype().clone(), [0, 2], [])?;
        assert_eq!(none.field("pca")?.shape(), [0, 2, 2]);
        assert_eq!(none.to_packed()?.len(), 0);
        assert!(records.field("nope").is_err_and(|error| error.is_not_found()));
        Ok(())
    }

    #[test]
    fn fields_must_have_a_row_a_record() -> Result<()> {
        let column = Tensor::from_vec([3], vec![1_i32, 2, 3])?;
        let error = Tensor::from_fields([2], [("a", column)]).unwrap_err();
        assert!(
            error.is_invalid_input() && error.message().contains("does not begin with the records' [2]"),
            "{error}"
        );
        Ok(())
    }
}
