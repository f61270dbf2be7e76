//! The registry, through the crate `zarrs`.

use std::borrow::Cow;
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anndata_codecs::wrong_length;
use anndata_storage::{DType, Error, Result};
use zarrs::array::{
    ArrayBytes, ArrayToArrayCodecTraits, ArrayToBytesCodecTraits, BytesRepresentation, Codec, CodecOptions, DataType,
    FillValue,
};
use zarrs::plugin::{ExtensionName as _, PluginCreateError};
use zarrs_metadata::v3::MetadataV3;

use crate::codec::{TypeNames, Values, most};

/// What the registry has under a name.
pub(crate) enum Registered {
    /// A step, and what values are after it.
    Step(Step, Values),
    /// A serializer.
    Serializer(Serializer),
}

/// A codec from values to values.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    codec: Arc<dyn ArrayToArrayCodecTraits>,
    name: String,
    values: Given,
    stored_bytes: usize,
}

/// A codec from values to bytes.
#[derive(Debug, Clone)]
pub(crate) struct Serializer {
    codec: Arc<dyn ArrayToBytesCodecTraits>,
    name: String,
    values: Given,
    /// The most bytes that its writer makes.
    most: usize,
}

/// What a codec is given, in the words of the crate.
#[derive(Debug, Clone)]
struct Given {
    shape: Vec<NonZeroU64>,
    dtype: DataType,
    fill: FillValue,
}

impl Given {
    fn new(values: &Values, types: &TypeNames) -> Result<Self, String> {
        let dtype = match &values.dtype {
            // A type that is known there by its name alone.
            DType::Unknown(name) => MetadataV3::new(&**name),
            dtype => (types.name)(dtype).map_err(|error| error.to_string())?,
        };
        let dtype = DataType::from_metadata(&dtype).map_err(|error| error.to_string())?;
        if dtype.fixed_size() != Some(values.size()) {
            return Err(format!("values of type {} have another size there", values.dtype));
        }
        let length = |&len: &usize| NonZeroU64::new(len as u64).ok_or("a chunk without values");
        let shape = values.shape.iter().map(length).collect::<Result<_, _>>()?;
        Ok(Self { shape, dtype, fill: FillValue::new(vec![0; values.size()]) })
    }
}

/// What the registry has under the name of a codec; `None` if it has nothing. The error says why it is not used.
pub(crate) fn find(codec: &MetadataV3, values: &Values, types: &TypeNames) -> Result<Option<Registered>, String> {
    let hides_codecs =
        |configuration: &zarrs_metadata::Configuration| configuration.keys().any(|key| key.ends_with("codecs"));
    if codec.configuration().is_some_and(hides_codecs) {
        return Err("it holds other codecs, which it would undo without a limit of memory".to_owned());
    }
    guarded(|| find_unguarded(codec, values, types)).unwrap_or_else(|error| Err(error.to_string()))
}

fn find_unguarded(metadata: &MetadataV3, values: &Values, types: &TypeNames) -> Result<Option<Registered>, String> {
    let codec = match Codec::from_metadata(metadata) {
        Ok(codec) => codec,
        Err(PluginCreateError::Unsupported(_)) => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let (name, values) = (metadata.name().to_owned(), Given::new(values, types)?);
    match codec {
        Codec::ArrayToArray(codec) => {
            let dtype = codec.encoded_data_type(&values.dtype).map_err(|error| error.to_string())?;
            let shape = codec.encoded_shape(&values.shape).map_err(|error| error.to_string())?;
            let shape: Vec<u64> = shape.iter().map(|len| len.get()).collect();
            let name_of = dtype.name_v3().ok_or("values after it have no name")?;
            let named = MetadataV3::new_with_configuration(name_of, dtype.configuration_v3());
            let after = (types.parse)(&named).and_then(|dtype| Values::new(&dtype, &shape));
            let after = after.map_err(|error| error.to_string())?;
            Ok(Some(Registered::Step(Step { codec, name, values, stored_bytes: after.bytes() }, after)))
        }
        Codec::ArrayToBytes(codec) => {
            let stored = codec.encoded_representation(&values.shape, &values.dtype, &values.fill);
            let bytes: u64 = values.shape.iter().map(|len| len.get()).product::<u64>() * values.fill.size() as u64;
            // Fallback: a limit, of which no machine holds more.
            let limit = most(usize::try_from(bytes).unwrap_or(usize::MAX));
            let stored = match stored.map_err(|error| error.to_string())? {
                BytesRepresentation::FixedSize(size) | BytesRepresentation::BoundedSize(size) if size > limit => {
                    return Err(format!("it makes {size} bytes of {bytes}"));
                }
                BytesRepresentation::FixedSize(size) | BytesRepresentation::BoundedSize(size) => size,
                BytesRepresentation::UnboundedSize => limit,
            };
            // Fallback: a limit, of which no machine holds more.
            let most = usize::try_from(stored).unwrap_or(usize::MAX);
            Ok(Some(Registered::Serializer(Serializer { codec, name, values, most })))
        }
        Codec::BytesToBytes(_) => Err("codecs from bytes to bytes are not taken from there".to_owned()),
    }
}

/// Runs code of the crate: a panic of it is an error of the chunk.
fn guarded<T>(run: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run))
        .map_err(|_| Error::invalid_data("a codec of the crate `zarrs` cannot use the chunk"))
}

fn options() -> CodecOptions {
    // The chunks of a read are decoded on all cores already.
    CodecOptions::default().with_concurrent_target(1)
}

fn failed(name: &str, error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::invalid_data(format!("the codec '{name}' of the crate `zarrs` cannot use the chunk")).with_source(error)
}

/// Copies a result of values of one size.
fn copy(name: &str, result: ArrayBytes<'_>, out: &mut [u8]) -> Result<()> {
    let bytes = result.into_fixed().map_err(|error| failed(name, error))?;
    if bytes.len() != out.len() {
        return Err(wrong_length(bytes.len(), out.len()));
    }
    out.copy_from_slice(&bytes);
    Ok(())
}

impl Step {
    pub(in crate::codec) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::codec) fn decode(&self, stored: &[u8], values: &mut [u8]) -> Result<()> {
        if stored.len() != self.stored_bytes {
            return Err(wrong_length(stored.len(), self.stored_bytes));
        }
        let Given { shape, dtype, fill } = &self.values;
        let decoded = guarded(|| self.codec.decode(ArrayBytes::from(stored), shape, dtype, fill, &options()))?;
        copy(&self.name, decoded.map_err(|error| failed(&self.name, error))?, values)
    }

    pub(in crate::codec) fn encode(&self, values: &[u8], stored: &mut [u8]) -> Result<()> {
        let Given { shape, dtype, fill } = &self.values;
        let encoded = guarded(|| self.codec.encode(ArrayBytes::from(values), shape, dtype, fill, &options()))?;
        copy(&self.name, encoded.map_err(|error| failed(&self.name, error))?, stored)
    }
}

impl Serializer {
    pub(in crate::codec) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::codec) fn decode(&self, bytes: &[u8], values: &mut [u8]) -> Result<()> {
        if bytes.len() > self.most {
            return Err(wrong_length(bytes.len(), self.most));
        }
        let Given { shape, dtype, fill } = &self.values;
        let decoded = guarded(|| self.codec.decode(Cow::Borrowed(bytes), shape, dtype, fill, &options()))?;
        copy(&self.name, decoded.map_err(|error| failed(&self.name, error))?, values)
    }

    pub(in crate::codec) fn encode(&self, values: &[u8], bytes: &mut Vec<u8>) -> Result<()> {
        let Given { shape, dtype, fill } = &self.values;
        let encoded = guarded(|| self.codec.encode(ArrayBytes::from(values), shape, dtype, fill, &options()))?;
        *bytes = encoded.map_err(|error| failed(&self.name, error))?.into_owned();
        Ok(())
    }
}
