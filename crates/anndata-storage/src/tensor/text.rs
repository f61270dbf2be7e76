//! Tensors of text: any length, fixed width, and the way between them.

use std::borrow::Cow;

use arrow_array::builder::LargeStringBuilder;
use arrow_array::{Array, LargeStringArray};

use super::{Data, Tensor, count};
use crate::{DType, Error, OrBug, Result, ensure};

impl Tensor {
    /// A tensor of text over an Arrow array, which is not copied.
    ///
    /// # Errors
    /// If the length is not that of the shape, or a value is null.
    pub fn from_string_array(shape: impl Into<Vec<usize>>, strings: LargeStringArray) -> Result<Self> {
        let shape = shape.into();
        if count(&shape)? != strings.len() {
            return Err(Error::invalid_input(format!(
                "{} strings were given for an array of shape {shape:?}",
                strings.len()
            )));
        }
        if strings.null_count() > 0 {
            return Err(Error::invalid_input("an array of strings that cannot be missing has missing values"));
        }
        Ok(Self { dtype: DType::String, shape, data: Data::Strings(strings) })
    }

    /// A tensor of text.
    ///
    /// # Errors
    /// If the number of strings is not that of the shape.
    pub fn from_strings<S: AsRef<str>>(
        shape: impl Into<Vec<usize>>,
        strings: impl IntoIterator<Item = S>,
    ) -> Result<Self> {
        Self::from_string_array(shape, string_array(strings))
    }

    /// A single text without dimensions.
    pub fn string(text: &str) -> Self {
        Self { dtype: DType::String, shape: Vec::new(), data: Data::Strings(string_array([text])) }
    }

    /// The values of a tensor of [`DType::String`], in C order.
    ///
    /// # Errors
    /// [`ErrorKind::DType`](crate::ErrorKind::DType) for every other dtype; see
    /// [`to_text`](Self::to_text) for text of fixed width.
    pub fn strings(&self) -> Result<&LargeStringArray> {
        match &self.data {
            Data::Strings(strings) => Ok(strings),
            _ => Err(Error::dtype(format!("the values are of type {}, not string", self.dtype))),
        }
    }

    /// Returns the same values as [`DType::String`]; fixed widths lose their padding.
    ///
    /// # Errors
    /// If the values are not text, or bytes that are not UTF-8.
    pub fn to_text(&self) -> Result<Self> {
        match &self.data {
            Data::Strings(_) => Ok(self.clone()),
            _ => Self::from_strings(self.shape.clone(), self.fixed_texts()?),
        }
    }

    /// The values in C order, from any text dtype.
    ///
    /// # Errors
    /// As [`to_text`](Self::to_text).
    pub fn to_strings(&self) -> Result<Vec<String>> {
        match &self.data {
            Data::Strings(strings) => Ok((0..strings.len()).map(|i| strings.value(i).to_owned()).collect()),
            _ => Ok(self.fixed_texts()?.into_iter().map(Cow::into_owned).collect()),
        }
    }

    fn fixed_texts(&self) -> Result<Vec<Cow<'_, str>>> {
        let bytes = match (&self.data, self.dtype.is_text()) {
            (Data::Buffer(buffer), true) => buffer.as_slice(),
            _ => return Err(Error::dtype(format!("the values are of type {}, not text", self.dtype))),
        };
        let width = self.dtype.size().or_bug("a buffer of texts without a width")?;
        ensure!(bytes.len() == width * self.len(), "{} bytes of {} texts of {width}", bytes.len(), self.len());
        match (width, &self.dtype) {
            (0, _) => Ok(vec![Cow::Borrowed(""); self.len()]),
            (_, DType::FixedUtf32(_)) => bytes.chunks_exact(width).map(|cell| utf32(cell).map(Cow::Owned)).collect(),
            _ => bytes.chunks_exact(width).map(|cell| utf8(cell).map(Cow::Borrowed)).collect(),
        }
    }
}

/// Strings one after the other, from an iterator whose length may be unknown.
pub(super) fn string_array<S: AsRef<str>>(strings: impl IntoIterator<Item = S>) -> LargeStringArray {
    let strings = strings.into_iter();
    let mut builder = LargeStringBuilder::with_capacity(strings.size_hint().0, 0);
    strings.for_each(|text| builder.append_value(text));
    builder.finish()
}

fn utf8(cell: &[u8]) -> Result<&str> {
    let end = cell.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    std::str::from_utf8(&cell[..end])
        .map_err(|error| Error::invalid_data("a text is not valid UTF-8").with_source(error))
}

fn utf32(cell: &[u8]) -> Result<String> {
    let (points, rest) = cell.as_chunks::<4>();
    ensure!(rest.is_empty(), "{} bytes of UTF-32", cell.len());
    let mut points: Vec<u32> = points.iter().map(|&point| u32::from_ne_bytes(point)).collect();
    while points.last() == Some(&0) {
        points.pop();
    }
    points
        .into_iter()
        .map(|point| char::from_u32(point).ok_or_else(|| Error::invalid_data("a text is not valid UTF-32")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_widths_become_text_without_padding() -> Result<()> {
        let bytes = Tensor::from_bytes(DType::FixedBytes(4), [2], b"ab\0\0\xc3\xbcc\0")?;
        assert_eq!(bytes.to_strings()?, ["ab", "üc"]);
        let points: Vec<u8> = ['ü', '\0', 'x', 'y'].iter().flat_map(|&c| u32::from(c).to_ne_bytes()).collect();
        let wide = Tensor::from_bytes(DType::FixedUtf32(2), [2], points)?;
        assert_eq!(wide.to_text()?.strings()?.value(1), "xy");
        assert_eq!(wide.to_strings()?[0], "ü");
        let empty = Tensor::from_bytes(DType::FixedBytes(0), [2], b"")?;
        assert_eq!(empty.to_strings()?, ["", ""]);
        Ok(())
    }

    #[test]
    fn texts_come_from_iterators_of_unknown_length() -> Result<()> {
        let mut words = "a bc d".split(' ');
        let texts = Tensor::from_strings([3], std::iter::from_fn(|| words.next()))?;
        assert_eq!(texts.to_strings()?, ["a", "bc", "d"]);
        let three = Tensor::from_strings([2], "a b c".split(' ')).unwrap_err();
        assert!(three.is_invalid_input() && three.message().starts_with("3 strings were given"), "{three}");
        Ok(())
    }

    #[test]
    fn bad_text_is_an_error() -> Result<()> {
        let bad = Tensor::from_bytes(DType::FixedUtf8(1), [1], b"\xff")?;
        assert!(bad.to_text().is_err_and(|error| error.is_invalid_data()));
        let surrogate = Tensor::from_bytes(DType::FixedUtf32(1), [1], 0xd800_u32.to_ne_bytes())?;
        let error = surrogate.to_strings().unwrap_err();
        assert!(error.is_invalid_data() && error.message() == "a text is not valid UTF-32", "{error}");
        assert!(Tensor::scalar(1_i32).to_strings().is_err_and(|error| error.is_dtype()));
        Ok(())
    }
}
