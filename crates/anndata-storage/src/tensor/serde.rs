//! Tensors in the formats of serde (feature `serde`), to the last bit.

use arrow_array::LargeBinaryArray;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Data, Tensor};
use crate::{DType, Error, Result};

/// Dtype, shape and values: texts as such, all other values as their bytes, little-endian. A format for people to read has
/// them in Base64.
#[derive(Serialize, Deserialize)]
struct Stored {
    dtype: DType,
    shape: Vec<usize>,
    values: Values,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Values {
    Bytes(Bytes),
    Texts(Vec<String>),
    /// The bytes of each list.
    Lists(Vec<Bytes>),
    /// The fields of records.
    Fields(Vec<Tensor>),
}

struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.serialize_str(&STANDARD.encode(&self.0));
        }
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            return STANDARD.decode(text).map(Self).map_err(D::Error::custom);
        }
        Vec::deserialize(deserializer).map(Self)
    }
}

impl Serialize for Tensor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = match &self.data {
            Data::Buffer(buffer) => Values::Bytes(Bytes(little_endian(&self.dtype, buffer.to_vec()))),
            Data::Strings(texts) => Values::Texts(texts.iter().flatten().map(ToOwned::to_owned).collect()),
            Data::Lists(lists) => Values::Lists(lists.iter().flatten().map(|list| Bytes(list.to_vec())).collect()),
            Data::Fields(fields) => Values::Fields(fields.to_vec()),
        };
        Stored { dtype: self.dtype.clone(), shape: self.shape.clone(), values }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Tensor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Stored::deserialize(deserializer)?.tensor().map_err(D::Error::custom)
    }
}

impl Stored {
    fn tensor(self) -> Result<Tensor> {
        let Self { dtype, shape, values } = self;
        let tensor = match (values, &dtype) {
            (Values::Bytes(Bytes(bytes)), _) => Tensor::from_bytes(dtype.clone(), shape, little_endian(&dtype, bytes))?,
            (Values::Texts(texts), _) => Tensor::from_strings(shape, texts)?,
            (Values::Lists(lists), _) => Tensor::from_lists(
                dtype.clone(),
                shape,
                LargeBinaryArray::from_iter_values(lists.iter().map(|list| &list.0)),
            )?,
            (Values::Fields(tensors), DType::Compound(fields)) if tensors.len() == fields.len() => {
                Tensor::from_fields(shape, fields.iter().map(|field| field.name.clone()).zip(tensors))?
            }
            (Values::Fields(_), _) => return Err(Error::invalid_data(format!("the values are not fields of {dtype}"))),
        };
        if *tensor.dtype() != dtype {
            return Err(Error::invalid_data(format!("the values are of type {}, not {dtype}", tensor.dtype())));
        }
        Ok(tensor)
    }
}

/// Native-endian values as little-endian ones, or these as native-endian ones.
fn little_endian(dtype: &DType, mut bytes: Vec<u8>) -> Vec<u8> {
    if cfg!(target_endian = "big") {
        let unit = match dtype {
            DType::FixedBytes(_) | DType::FixedUtf8(_) | DType::Opaque(_) => 1,
            DType::Complex64 | DType::FixedUtf32(_) => 4,
            DType::Complex128 => 8,
            dtype => dtype.size().unwrap_or(1),
        };
        bytes.chunks_exact_mut(unit.max(1)).for_each(<[u8]>::reverse);
    }
    bytes
}
