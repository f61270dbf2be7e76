//! Categorical columns: codes and categories, checked against each other.

use std::collections::HashMap;
use std::sync::Arc;

use anndata_storage::{DType, Error, OrBug, Result, Tensor};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, DictionaryArray, PrimitiveArray, UInt64Array};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;

use super::natural::natural_order;
use super::{Column, ColumnKind, NaValue};

/// Runs an expression with the Arrow key type of a dictionary.
macro_rules! with_keys {
    ($data_type:expr, $K:ident => $body:expr, else => $other:expr) => {
        match $data_type {
            DataType::Int8 => {
                type $K = Int8Type;
                $body
            }
            DataType::Int16 => {
                type $K = Int16Type;
                $body
            }
            DataType::Int32 => {
                type $K = Int32Type;
                $body
            }
            DataType::Int64 => {
                type $K = Int64Type;
                $body
            }
            DataType::UInt8 => {
                type $K = UInt8Type;
                $body
            }
            DataType::UInt16 => {
                type $K = UInt16Type;
                $body
            }
            DataType::UInt32 => {
                type $K = UInt32Type;
                $body
            }
            DataType::UInt64 => {
                type $K = UInt64Type;
                $body
            }
            _ => $other,
        }
    };
}

impl Column {
    /// A categorical column from integer codes and categories; code -1 is missing.
    ///
    /// The width of the codes, the order of the categories and unused categories are kept. Categories of any kind become
    /// plain ones.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a code has no category, or a category is a missing value.
    pub fn categorical(codes: &Tensor, categories: &Self, ordered: bool) -> Result<Self> {
        if codes.ndim() != 1 || !codes.dtype().is_integer() {
            return Err(Error::invalid_input(format!(
                "codes are integers in one dimension, not {} of shape {:?}",
                codes.dtype(),
                codes.shape()
            )));
        }
        let categories = categories.as_categories()?;
        let keys = codes.to_arrow()?;
        let array = with_keys!(keys.data_type(), K => dictionary::<K>(keys.as_primitive(), &categories)?,
            else => return Err(Error::invalid_input("codes are integers")));
        Ok(Self { kind: ColumnKind::Categorical { ordered }, array })
    }

    /// The values as categories: plain ones, or times.
    fn as_categories(&self) -> Result<Self> {
        if let Some(at) = (0..self.len()).find(|&at| self.is_missing(at)) {
            let message = format!("category {at} is a missing value; a row without a value has the code -1");
            return Err(Error::invalid_input(message));
        }
        match self.kind {
            ColumnKind::Plain | ColumnKind::Time(_) => Ok(self.clone()),
            ColumnKind::Nullable(_) | ColumnKind::Categorical { .. } => Self::plain(&self.to_tensor()?),
        }
    }

    /// A categorical column from texts; categories are the different ones, sorted, codes as narrow as can be.
    ///
    /// # Errors
    /// If there are more categories than codes can count.
    pub fn categorical_from_strings<S: AsRef<str>>(values: impl IntoIterator<Item = S>) -> Result<Self> {
        let values: Vec<S> = values.into_iter().collect();
        let values: Vec<Option<&str>> = values.iter().map(|value| Some(value.as_ref())).collect();
        Self::categorical_in_order(&values, &distinct(&values))
    }

    /// A categorical column from texts of which some are missing; otherwise as
    /// [`categorical_from_strings`](Self::categorical_from_strings).
    ///
    /// ```
    /// # use anndata_array::Column;
    /// let column = Column::categorical_from_options([Some("T"), None, Some("B")])?;
    /// assert_eq!(column.codes_and_categories()?.0.as_slice::<i8>()?, [1, -1, 0]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are more categories than codes can count.
    pub fn categorical_from_options<S: AsRef<str>>(values: impl IntoIterator<Item = Option<S>>) -> Result<Self> {
        let values: Vec<Option<S>> = values.into_iter().collect();
        let values: Vec<Option<&str>> = values.iter().map(|value| value.as_ref().map(AsRef::as_ref)).collect();
        Self::categorical_in_order(&values, &distinct(&values))
    }

    /// The column with the value of each row in place of its category: plain if none is missing; else nullable, or with NaN
    /// or `NaT` for those that are. A column without categories is itself.
    ///
    /// # Errors
    /// If a code has no category, or the values cannot be missing.
    pub fn without_categories(&self) -> Result<Self> {
        let ColumnKind::Categorical { .. } = self.kind else { return Ok(self.clone()) };
        let (codes, categories) = self.codes_and_categories()?;
        if self.array.null_count() == 0 {
            return categories.take(codes.cast(&DType::U64)?.as_slice::<u64>()?);
        }
        let codes = codes.cast(&DType::I64)?;
        let rows: UInt64Array = codes.as_slice::<i64>()?.iter().map(|&code| u64::try_from(code).ok()).collect();
        let array = categories.gather(&rows)?;
        if let ColumnKind::Time(_) = categories.kind {
            return Ok(Self { kind: categories.kind, array });
        }
        let values = Tensor::from_arrow(array.as_ref())?;
        let missing: Vec<bool> = (0..array.len()).map(|row| array.is_null(row)).collect();
        Self::with_missing(&values, &missing, NaValue::Na)
    }

    /// The text column as a categorical one with the categories in natural order, where it repeats values.
    ///
    /// # Errors
    /// If the text cannot be encoded.
    pub fn repeated_strings_to_categorical(&self) -> Result<Option<Self>> {
        let texts = self.to_strings()?;
        let values: Vec<Option<&str>> = texts.iter().map(Option::as_deref).collect();
        let mut categories = distinct(&values);
        if categories.len() >= values.len() {
            return Ok(None);
        }
        categories.sort_by(|a, b| natural_order(a, b));
        Self::categorical_in_order(&values, &categories).map(Some)
    }

    fn categorical_in_order(values: &[Option<&str>], categories: &[&str]) -> Result<Self> {
        let positions: HashMap<&str, usize> =
            categories.iter().enumerate().map(|(position, &text)| (text, position)).collect();
        let code = |value: Option<&str>| {
            let Some(value) = value else { return Ok(-1) };
            let position = *positions.get(value).or_bug("a text that is none of its categories")?;
            i64::try_from(position).map_err(|_| Error::limit_exceeded("the number of categories exceeds 63 bits"))
        };
        let codes = values.iter().copied().map(code).collect::<Result<Vec<i64>>>()?;
        let codes = Tensor::from_vec([codes.len()], codes)?.cast(&code_dtype(categories.len()))?;
        Self::categorical(&codes, &Self::strings(categories), false)
    }

    /// Returns the column without the categories that no row has; the order of the others stays. A column without
    /// categories, or without unused ones, is itself. Codes become as narrow as can be where categories are dropped.
    ///
    /// ```
    /// # use anndata_array::Column;
    /// let part = Column::categorical_from_strings(["a", "b", "c"])?.take(&[2, 0])?;
    /// let (codes, categories) = part.without_unused_categories()?.codes_and_categories()?;
    /// assert_eq!(codes.as_slice::<i8>()?, [1, 0]);
    /// assert_eq!(categories.to_strings()?, [Some("a".to_owned()), Some("c".to_owned())]);
    /// # Ok::<(), anndata_array::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a code has no category.
    pub fn without_unused_categories(&self) -> Result<Self> {
        let ColumnKind::Categorical { ordered } = self.kind else { return Ok(self.clone()) };
        let (codes, categories) = self.codes_and_categories()?;
        let codes = codes.cast(&DType::I64)?;
        let mut new_codes = vec![-1_i64; categories.len()];
        for position in codes.as_slice::<i64>()?.iter().filter_map(|&code| usize::try_from(code).ok()) {
            *new_codes.get_mut(position).or_bug("a code without a category")? = 0;
        }
        let mut kept = Vec::new();
        for (position, code) in (0_u64..).zip(&mut new_codes).filter(|(_, code)| **code == 0) {
            *code = i64::try_from(kept.len())
                .map_err(|_| Error::limit_exceeded("the number of categories exceeds 63 bits"))?;
            kept.push(position);
        }
        if kept.len() == categories.len() {
            return Ok(self.clone());
        }
        let renumber = |&code: &i64| match usize::try_from(code) {
            Ok(at) => new_codes.get(at).copied().or_bug("a code without a category"),
            // A missing value stays one.
            Err(_) => Ok(-1),
        };
        let codes = codes.as_slice::<i64>()?.iter().map(renumber).collect::<Result<Vec<_>>>()?;
        let codes = Tensor::from_vec([codes.len()], codes)?.cast(&code_dtype(kept.len()))?;
        Self::categorical(&codes, &categories.take(&kept)?, ordered)
    }

    /// Returns the column with each category once, where the first of equal ones stands; a column whose categories
    /// differ is itself.
    ///
    /// # Errors
    /// If the categories cannot be compared.
    pub fn with_distinct_categories(&self) -> Result<Self> {
        let ColumnKind::Categorical { ordered } = self.kind else { return Ok(self.clone()) };
        let (codes, categories) = self.codes_and_categories()?;
        let values = categories.to_tensor()?;
        let (mut kept, mut firsts) = (Vec::new(), HashMap::new());
        let mut new_codes = Vec::with_capacity(categories.len());
        for position in 0..categories.len() {
            let next = i64::try_from(kept.len())
                .map_err(|_| Error::limit_exceeded("the number of categories exceeds 63 bits"))?;
            let code = *firsts.entry(value_of(&values, position)?).or_insert(next);
            if code == next {
                kept.push(position as u64);
            }
            new_codes.push(code);
        }
        if kept.len() == categories.len() {
            return Ok(self.clone());
        }
        let codes = codes.cast(&DType::I64)?;
        let renumber = |&code: &i64| {
            let Ok(at) = usize::try_from(code) else { return Ok(-1) };
            new_codes.get(at).copied().ok_or_else(|| Error::invalid_data(format!("code {code} has no category")))
        };
        let codes = codes.as_slice::<i64>()?.iter().map(renumber).collect::<Result<Vec<_>>>()?;
        let codes = Tensor::from_vec([codes.len()], codes)?.cast(&code_dtype(kept.len()))?;
        Self::categorical(&codes, &categories.take(&kept)?, ordered)
    }

    /// The codes (-1 if missing) and categories of a categorical column.
    ///
    /// # Errors
    /// If the column is not categorical, or a code has no category.
    #[doc(alias = "codes")]
    pub fn codes_and_categories(&self) -> Result<(Tensor, Self)> {
        let categories = self.categories()?;
        let keys = self.array.as_any_dictionary().keys().data_type();
        with_keys!(keys, K => {
            Ok((codes(self.array.as_dictionary::<K>())?, categories))
        }, else => Err(Error::dtype("the column is not categorical")))
    }
}

/// The bytes of a value of an array of one dimension.
fn value_of(values: &Tensor, position: usize) -> Result<Vec<u8>> {
    let value = values.slice_rows(position..position + 1)?;
    if value.dtype().is_text() {
        return Ok(value.to_strings()?.concat().into_bytes());
    }
    Ok(value.as_bytes().unwrap_or_default().to_vec())
}

/// The different texts, sorted.
fn distinct<'a>(values: &[Option<&'a str>]) -> Vec<&'a str> {
    let mut distinct: Vec<&str> = values.iter().flatten().copied().collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

/// The narrowest dtype for this many categories, as pandas chooses it.
pub fn code_dtype(categories: usize) -> DType {
    match categories {
        0..=0x7f => DType::I8,
        0x80..=0x7fff => DType::I16,
        0x8000..=0x7fff_ffff => DType::I32,
        _ => DType::I64,
    }
}

/// A dictionary from codes, checked: -1 becomes null.
fn dictionary<K: ArrowDictionaryKeyType>(codes: &PrimitiveArray<K>, categories: &Column) -> Result<ArrayRef>
where
    K::Native: Into<i128>,
{
    let count = categories.len() as i128;
    let mut missing = false;
    for (row, &code) in codes.values().iter().enumerate() {
        let code: i128 = code.into();
        if code < -1 || code >= count {
            return Err(Error::invalid_input(format!("code {code} in row {row} has no category: there are {count}")));
        }
        missing |= code == -1;
    }
    let keys = if missing {
        let valid = NullBuffer::from(codes.values().iter().map(|&code| code.into() >= 0).collect::<Vec<bool>>());
        // Below a null the key must still be valid for Arrow: 0 where there is a category, and none is looked up.
        let values = codes.values().iter().map(|&code| if code.into() < 0 { K::default_value() } else { code });
        PrimitiveArray::<K>::new(values.collect::<Vec<_>>().into(), Some(valid))
    } else {
        codes.clone()
    };
    let array = DictionaryArray::try_new(keys, Arc::clone(&categories.array))
        .map_err(|error| Error::invalid_input("codes and categories do not fit").with_source(error))?;
    Ok(Arc::new(array))
}

/// The codes of a dictionary, -1 if missing; unsigned codes with missing values become signed.
fn codes<K: ArrowDictionaryKeyType>(dictionary: &DictionaryArray<K>) -> Result<Tensor>
where
    K::Native: Into<i128>,
{
    let keys = dictionary.keys();
    let tensor = Tensor::from_arrow(keys)?;
    if keys.null_count() == 0 {
        return Ok(tensor);
    }
    let wide: Vec<i64> = keys
        .iter()
        .map(|key| match key {
            None => Ok(-1),
            Some(key) => i64::try_from(key.into()).map_err(|_| Error::unsupported("a category code exceeds 63 bits")),
        })
        .collect::<Result<_>>()?;
    let dtype = match tensor.dtype() {
        signed if signed.is_signed_integer() => signed.clone(),
        DType::U8 => DType::I16,
        DType::U16 => DType::I32,
        _ => DType::I64,
    };
    Tensor::from_vec([wide.len()], wide)?.cast(&dtype)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categoricals_keep_width_order_and_unused_categories() -> Result<()> {
        let codes = Tensor::from_vec([4], vec![2_i16, -1, 0, 2])?;
        let column = Column::categorical(&codes, &Column::strings(["c", "unused", "a"]), true)?;
        assert_eq!(column.kind(), ColumnKind::Categorical { ordered: true });
        let (back, categories) = column.codes_and_categories()?;
        assert_eq!(back, codes);
        assert_eq!(categories, Column::strings(["c", "unused", "a"]));
        assert_eq!(column.to_strings()?, [Some("a".into()), None, Some("c".into()), Some("a".into())]);
        let field = column.to_field("x");
        assert_eq!(Column::from_arrow(&field, column.array())?, column);
        assert!(column.is_missing(1) && !column.is_missing(9));
        Ok(())
    }

    #[test]
    fn codes_without_category_are_refused() -> Result<()> {
        let categories = Column::strings(["a"]);
        for bad in [1_i8, -2] {
            let codes = Tensor::from_vec([1], vec![bad])?;
            assert!(Column::categorical(&codes, &categories, false).is_err_and(|error| error.is_invalid_input()));
        }
        let all_missing = Tensor::from_vec([1], vec![-1_i8])?;
        let none = Column::categorical(&all_missing, &Column::strings::<&str>([]), false)?;
        assert_eq!(none.codes_and_categories()?.0, all_missing);
        Ok(())
    }

    #[test]
    fn repeated_texts_become_categories_in_natural_order() -> Result<()> {
        let column = Column::strings(["c10", "c2", "c10", "", "c02", "1"]);
        let categorical = column.repeated_strings_to_categorical()?.map(|column| column.codes_and_categories());
        let (codes, categories) = categorical.transpose()?.ok_or_else(|| Error::not_found("repeats"))?;
        assert_eq!(categories, Column::strings(["", "1", "c02", "c2", "c10"]));
        assert_eq!(codes.as_slice::<i8>()?, [4, 3, 4, 0, 2, 1]);
        assert!(Column::strings(["a", "b"]).repeated_strings_to_categorical()?.is_none());
        Ok(())
    }

    #[test]
    fn texts_become_categories_in_sorted_order() -> Result<()> {
        let column = Column::categorical_from_strings(["b", "a", "b"])?;
        let (codes, categories) = column.codes_and_categories()?;
        assert_eq!(codes.as_slice::<i8>()?, [1, 0, 1]);
        assert_eq!(categories, Column::strings(["a", "b"]));
        assert_eq!(column.to_tensor()?.to_strings()?, ["b", "a", "b"]);
        assert_eq!(column.take(&[2, 1])?.to_strings()?, [Some("b".into()), Some("a".into())]);
        let beyond = column.take(&[3]).unwrap_err();
        assert!(beyond.is_invalid_input() && beyond.message().contains('3'), "{beyond}");
        Ok(())
    }
}
