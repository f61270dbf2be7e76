//! Text of a fixed width as text of any length, in records too.

use anndata_storage::{DType, Error, Result, Tensor, escaped};

/// The records with text in any length where it has a fixed width.
pub(in crate::encoding) fn with_text(records: &Tensor) -> Result<Tensor> {
    map_text(records, &|field| field.to_text())
}

/// The records with text in a fixed width, in code points: as many as the longest has bytes, as Python counts it.
pub(in crate::encoding) fn with_fixed_text(records: &Tensor) -> Result<Tensor> {
    map_text(records, &|field| {
        let texts = field.to_strings()?;
        let width = texts.iter().map(String::len).max().unwrap_or(0).max(1);
        let bytes = texts.iter().flat_map(|text| {
            let points = text.chars().map(u32::from).chain(std::iter::repeat(0));
            points.take(width).flat_map(u32::to_ne_bytes)
        });
        Tensor::from_bytes(DType::FixedUtf32(width), field.shape(), bytes.collect::<Vec<u8>>())
    })
}

/// One record with ASCII text in a fixed width: Python cannot read text of any length in a record without dimensions.
pub(in crate::encoding) fn with_ascii_text(record: &Tensor) -> Result<Tensor> {
    map_text(record, &|field| {
        let texts = field.to_strings()?;
        if let Some(text) = texts.iter().find(|text| !text.is_ascii()) {
            return Err(Error::unsupported(format!(
                "Python cannot read '{}' in a record without dimensions, as it is not ASCII; store an array of one record",
                escaped(text)
            )));
        }
        let width = texts.iter().map(String::len).max().unwrap_or(0).max(1);
        let bytes = texts.iter().flat_map(|text| text.bytes().chain(std::iter::repeat(0)).take(width));
        Tensor::from_bytes(DType::FixedUtf8(width), field.shape(), bytes.collect::<Vec<u8>>())
    })
}

fn map_text(records: &Tensor, change: &dyn Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    let fields = records.fields()?.map(|(name, field)| {
        let field = match field.dtype() {
            DType::Compound(_) => map_text(field, change),
            dtype if dtype.is_text() => change(field),
            _ => Ok(field.clone()),
        };
        Ok((
            name,
            field.map_err(|error| {
                Error::new(error.kind(), format!("field '{name}' cannot be converted")).with_source(error)
            })?,
        ))
    });
    Tensor::from_fields(records.shape(), fields.collect::<Result<Vec<_>>>()?)
}
