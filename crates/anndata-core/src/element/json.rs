//! JSON as elements, as for `uns`, and back.

use anndata_storage::{DType, Error, OrBug, Result, Tensor};
use serde_json::{Map, Number, Value};

use crate::{Element, Mapping};

/// Objects become mappings, texts, numbers and booleans scalars, and lists of one kind of them arrays; lists of lists of
/// the same length become arrays of more dimensions. Integers become `I64`, or `U64` beyond that; with other numbers among
/// them all are `F64`, as an empty list is.
///
/// ```
/// use anndata_core::Element;
/// use serde_json::json;
///
/// let value = json!({"method": "umap", "params": {"a": 0.5, "n": [1, 2]}});
/// let element = Element::try_from(value.clone())?;
/// assert_eq!(element.as_mapping()?["method"].to_text()?, "umap");
/// assert_eq!(element.to_json()?, value);
/// # Ok::<(), anndata_core::Error>(())
/// ```
impl TryFrom<Value> for Element {
    type Error = Error;

    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the values of a list are not of one kind, or its lists not of
    /// one length.
    fn try_from(value: Value) -> Result<Self> {
        Ok(match value {
            Value::Null => Self::Null,
            Value::Object(object) => {
                let entry = |(key, value): (String, Value)| {
                    let element = Self::try_from(value).map_err(|error| error.at(&key))?;
                    Ok((key, element))
                };
                Self::Mapping(object.into_iter().map(entry).collect::<Result<_>>()?)
            }
            leaf => Self::Tensor(tensor(&leaf)?),
        })
    }
}

impl Element {
    /// The element as JSON: mappings, and arrays and scalars of texts, booleans, integers and finite numbers. A lazy one is
    /// loaded.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) if it is something else, or a number is not finite: JSON has none.
    pub fn to_json(&self) -> Result<Value> {
        match self.load()? {
            Self::Null => Ok(Value::Null),
            Self::Mapping(mapping) => object(&mapping),
            Self::Tensor(tensor) => nested(&mut values(&tensor)?.into_iter(), tensor.shape()),
            other => Err(Error::unsupported(format!("{} has no form in JSON", other.with_article()))),
        }
    }
}

fn object(mapping: &Mapping) -> Result<Value> {
    let entries =
        mapping.iter().map(|(key, element)| Ok((key.clone(), element.to_json().map_err(|error| error.at(key))?)));
    Ok(Value::Object(entries.collect::<Result<Map<_, _>>>()?))
}

/// The values of a tensor in C order.
fn values(tensor: &Tensor) -> Result<Vec<Value>> {
    let not_finite = |value: f64| Error::unsupported(format!("{value} has no form in JSON"));
    let number = |value: f64| Number::from_f64(value).map(Value::Number).ok_or_else(|| not_finite(value));
    match tensor.dtype() {
        DType::String => Ok(tensor.to_strings()?.into_iter().map(Value::String).collect()),
        DType::Bool => Ok(tensor.as_slice::<bool>()?.iter().copied().map(Value::Bool).collect()),
        DType::U64 => Ok(tensor.as_slice::<u64>()?.iter().copied().map(Value::from).collect()),
        dtype if dtype.is_integer() => {
            Ok(tensor.cast(&DType::I64)?.as_slice::<i64>()?.iter().copied().map(Value::from).collect())
        }
        dtype if dtype.is_float() => tensor.cast(&DType::F64)?.as_slice::<f64>()?.iter().copied().map(number).collect(),
        dtype => Err(Error::unsupported(format!("values of type {dtype} have no form in JSON"))),
    }
}

/// Values as lists of a shape.
fn nested(values: &mut dyn Iterator<Item = Value>, shape: &[usize]) -> Result<Value> {
    match shape.split_first() {
        None => values.next().or_bug("fewer values than the shape has"),
        Some((&len, inner)) => {
            let mut items = Vec::with_capacity(len);
            for _ in 0..len {
                items.push(nested(values, inner)?);
            }
            Ok(Value::Array(items))
        }
    }
}

/// A scalar, or a list of scalars or of lists of one length.
fn tensor(value: &Value) -> Result<Tensor> {
    let mut shape = Vec::new();
    let mut level = value;
    while let Value::Array(items) = level {
        shape.push(items.len());
        let Some(first) = items.first() else { break };
        level = first;
    }
    let mut leaves = Vec::new();
    flatten(value, &shape, &mut leaves)?;
    let unlike = || Error::invalid_input("expected a list of values of one kind, found different ones");
    match leaves.first() {
        None => Tensor::from_vec(shape, Vec::<f64>::new()),
        Some(Value::String(_)) => {
            let texts = leaves.iter().map(|leaf| leaf.as_str().ok_or_else(unlike));
            Tensor::from_strings(shape, texts.collect::<Result<Vec<_>>>()?)
        }
        Some(Value::Bool(_)) => {
            let flags = leaves.iter().map(|leaf| leaf.as_bool().ok_or_else(unlike));
            Tensor::from_vec(shape, flags.collect::<Result<Vec<_>>>()?)
        }
        Some(_) => {
            if let Some(integers) = leaves.iter().map(|leaf| leaf.as_i64()).collect::<Option<Vec<_>>>() {
                return Tensor::from_vec(shape, integers);
            }
            if let Some(integers) = leaves.iter().map(|leaf| leaf.as_u64()).collect::<Option<Vec<_>>>() {
                return Tensor::from_vec(shape, integers);
            }
            let numbers = leaves.iter().map(|leaf| leaf.as_f64().ok_or_else(unlike));
            Tensor::from_vec(shape, numbers.collect::<Result<Vec<_>>>()?)
        }
    }
}

/// The scalars of nested lists of a shape.
fn flatten<'a>(value: &'a Value, shape: &[usize], leaves: &mut Vec<&'a Value>) -> Result<()> {
    match (value, shape.split_first()) {
        (Value::Array(items), Some((&len, inner))) if items.len() == len => {
            items.iter().try_for_each(|item| flatten(item, inner, leaves))
        }
        (Value::Array(_), _) | (_, Some(_)) => Err(Error::invalid_input("expected lists of one length and depth")),
        (leaf, None) => {
            leaves.push(leaf);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_becomes_elements_and_back() -> Result<()> {
        for (value, dtype, shape) in [
            (json!([[1, 2], [3, 4], [5, -6]]), DType::I64, vec![3, 2]),
            (json!(18_446_744_073_709_551_615_u64), DType::U64, vec![]),
            (json!([true, false]), DType::Bool, vec![2]),
            (json!(["a", "b"]), DType::String, vec![2]),
            (json!([0.5, 1.5]), DType::F64, vec![2]),
            (json!([]), DType::F64, vec![0]),
            (json!([[], []]), DType::F64, vec![2, 0]),
        ] {
            let element = Element::try_from(value.clone())?;
            let tensor = element.to_tensor()?;
            assert_eq!((tensor.dtype(), tensor.shape()), (&dtype, shape.as_slice()), "{value}");
            assert_eq!(element.to_json()?, value);
        }
        assert_eq!(Element::try_from(json!([1, 0.5]))?.to_tensor()?.as_slice::<f64>()?, [1.0, 0.5]);
        assert_eq!(Element::try_from(json!({"a": null}))?.to_json()?, json!({"a": null}));
        assert_eq!(Element::from(vec![1_u8]).to_json()?, json!([1]));
        Ok(())
    }

    #[test]
    fn what_has_no_form_is_refused() -> Result<()> {
        for value in [
            json!([1, "a"]),
            json!(["a", 1]),
            json!([[1], [2, 3]]),
            json!([[1], 2]),
            json!([1, null]),
            json!([{"a": 1}]),
        ] {
            assert!(Element::try_from(value.clone()).is_err_and(|error| error.is_invalid_input()), "{value}");
        }
        let nan = Element::try_from(json!({"a": {"b": 1}}))?;
        assert_eq!(nan.to_json()?, json!({"a": {"b": 1}}));
        let mut mapping = Mapping::new();
        mapping.insert("a".to_owned(), Element::from(f64::NAN));
        let refused = Element::from(mapping).to_json().unwrap_err();
        assert!(refused.is_unsupported() && refused.to_string() == "a: NaN has no form in JSON", "{refused}");
        Ok(())
    }
}
