//! From the codecs that either version lists to a [`Pipeline`].
//!
//! A codec of version 2 is the one of version 3 with the name `numcodecs.<id>`. What codecs from values to values or to bytes
//! say is read in the types of `zarrs_metadata_ext`, where it has them. Those from bytes to bytes are read here: how they were
//! packed (a level, a size of blocks) does not matter for reading, so that nonsense there is no reason to refuse a file; and
//! the crate has only some of numcodecs.

mod lacking;
mod packing;

use anndata_codecs::ByteCodec;
use anndata_storage::{DType, Error, Result};
use serde::Deserialize;
use zarrs_metadata::Endianness;
use zarrs_metadata::v3::MetadataV3;
use zarrs_metadata_ext::codec::bytes::BytesCodecConfigurationV1;
use zarrs_metadata_ext::codec::pcodec::{
    PcodecCodecConfigurationV1, PcodecDeltaSpecConfiguration, PcodecModeSpecConfiguration,
};
use zarrs_metadata_ext::codec::sharding::{ShardingCodecConfigurationV1, ShardingIndexLocation};
use zarrs_metadata_ext::codec::transpose::TransposeCodecConfigurationV1;

pub(crate) use lacking::Lacking;
use packing::byte_codec;

use super::{configuration, dtype, malformed};
use crate::codec::{
    Conversion, Narrow, Pcodec, Pipeline, Registered, Rounding, Serializer, Shards, Step, TypeNames, Values, Words,
    find, is_convertible, is_refused, packed_len, words,
};
use crate::shard::ShardMeta;

/// The codec that puts chunks together in shards.
const SHARDING: &str = "sharding_indexed";

/// The names of data types that the registry knows.
const TYPE_NAMES: TypeNames = TypeNames { name: dtype::metadata_v3, parse: dtype::parse_v3 };

/// What is wrong with a list of codecs.
enum Fault {
    /// Nobody can read it.
    Malformed(Error),
    /// This build does not.
    Lacking(Lacking),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Malformed(error)
    }
}

impl From<Lacking> for Fault {
    fn from(lacking: Lacking) -> Self {
        Self::Lacking(lacking)
    }
}

/// What an array of version 3 holds.
pub(super) struct Stored<'a> {
    pub(super) dtype: &'a DType,
    /// The type that it is stored as, where that is a narrower one.
    pub(super) narrow: Option<Narrow>,
    /// The bytes of a fill value.
    pub(super) fill: &'a [u8],
}

/// What an array of version 3 says of its chunks.
pub(super) struct Chunks {
    /// The shape of a chunk.
    pub(super) shape: Vec<u64>,
    /// The shards that they are in, where each can be read alone.
    pub(super) shard: Option<ShardMeta>,
    pub(super) pipeline: Result<Pipeline, Lacking>,
}

/// The codecs of version 3, for pieces of `outer`. A shard that is the only codec is taken apart.
pub(super) fn chunks(outer: Vec<u64>, codecs: &[MetadataV3], stored: &Stored<'_>) -> Result<Chunks> {
    let chain = |shape: &[u64]| -> Result<Chain> {
        let mut chain = Chain::v3(Values::new(stored.dtype, shape)?);
        if let Some(narrow) = stored.narrow {
            let shape = chain.values.shape.clone();
            chain.push(Step::Narrow(narrow), Values { dtype: narrow.stored(), shape });
        }
        Ok(chain)
    };
    if let [codec] = codecs
        && codec.name() == SHARDING
    {
        let sharding: ShardingCodecConfigurationV1 = configuration(codec)?;
        let shape: Vec<u64> = sharding.chunk_shape.iter().map(|len| len.get()).collect();
        return Ok(match shard_meta(&outer, &sharding) {
            Err(lacking) => Chunks { shape: outer, shard: None, pipeline: Err(lacking) },
            Ok(shard) => {
                let pipeline = pipeline(chain(&shape)?, &sharding.codecs, stored.fill)?;
                Chunks { shape, shard: Some(shard), pipeline }
            }
        });
    }
    let pipeline = pipeline(chain(&outer)?, codecs, stored.fill)?;
    Ok(Chunks { shape: outer, shard: None, pipeline })
}

fn shard_meta(shape: &[u64], sharding: &ShardingCodecConfigurationV1) -> Result<ShardMeta, Lacking> {
    let packed =
        || Lacking::new(SHARDING, format!("codec '{SHARDING}' has an index that is packed, which is not supported"));
    let (checksum, bytes) = match sharding.index_codecs.as_slice() {
        [bytes] if bytes.name() == "bytes" => (false, bytes),
        [bytes, sum] if bytes.name() == "bytes" && sum.name() == "crc32c" => (true, bytes),
        _ => return Err(packed()),
    };
    let endian = configuration::<BytesCodecConfigurationV1>(bytes).map_err(|_| packed())?.endian;
    Ok(ShardMeta {
        shape: shape.to_vec(),
        index_at_end: sharding.index_location == ShardingIndexLocation::End,
        checksum,
        little_endian: endian != Some(Endianness::Big),
    })
}

/// The pipeline of a list of codecs, or why this build has none.
///
/// # Errors
/// If they are malformed.
pub(super) fn pipeline(mut chain: Chain, codecs: &[MetadataV3], fill: &[u8]) -> Result<Result<Pipeline, Lacking>> {
    let added = codecs.iter().try_for_each(|codec| chain.add(codec, fill)).and_then(|()| chain.finish());
    match added {
        Ok(pipeline) => Ok(Ok(pipeline)),
        Err(Fault::Lacking(lacking)) => Ok(Err(lacking.configured_in(codecs))),
        Err(Fault::Malformed(error)) => Err(error),
    }
}

/// Codecs one after the other, and what the values are after them.
pub(super) struct Chain {
    steps: Vec<(Values, Step)>,
    values: Values,
    /// Whether names are ids of numcodecs.
    is_v2: bool,
    /// Version 2 has no codec for it: the byte order in which values are stored.
    order: Option<Words>,
    serializer: Option<Serializer>,
    codecs: Vec<ByteCodec>,
}

impl Chain {
    /// No codecs of version 3.
    pub(super) fn v3(values: Values) -> Self {
        Self { steps: Vec::new(), values, is_v2: false, order: None, serializer: None, codecs: Vec::new() }
    }

    /// No codecs of version 2, where values are in a byte order of their own.
    pub(super) fn v2(values: Values, order: Words) -> Self {
        Self { is_v2: true, order: Some(order), ..Self::v3(values) }
    }

    /// Axes are stored in another order.
    pub(super) fn transpose(&mut self, order: Vec<usize>) {
        if !order.is_sorted() {
            let shape = order.iter().filter_map(|&axis| self.values.shape.get(axis).copied()).collect();
            let after = Values { dtype: self.values.dtype.clone(), shape };
            self.push(Step::Transpose(order), after);
        }
    }

    fn push(&mut self, step: Step, after: Values) {
        let before = std::mem::replace(&mut self.values, after);
        self.steps.push((before, step));
    }

    /// The name as the file has it.
    fn name<'a>(&self, codec: &'a MetadataV3) -> &'a str {
        if self.is_v2 { id(codec.name()) } else { codec.name() }
    }

    fn add(&mut self, codec: &MetadataV3, fill: &[u8]) -> Result<(), Fault> {
        let name = self.name(codec);
        if is_refused(codec) {
            return Err(Lacking::refused(name).into());
        }
        if self.serializer.is_none() {
            if self.add_step(codec)? {
                return Ok(());
            }
            self.serializer = self.serializer(codec, fill)?;
            if self.serializer.is_some() {
                return Ok(());
            }
        }
        if let Some(packing) = byte_codec(name, codec.configuration(), &self.values.dtype)? {
            if self.serializer.is_none() {
                let order = self.order.take();
                let order = order.ok_or_else(|| {
                    Lacking::new(name, format!("no codec from values to bytes stands before '{name}'"))
                })?;
                self.serializer = Some(Serializer::Bytes(order));
            }
            self.codecs.push(packing);
            return Ok(());
        }
        let registered = match self.serializer {
            None if self.values.dtype != DType::String => find(codec, &self.values, &TYPE_NAMES)
                .map_err(|why| Lacking::new(name, format!("codec '{name}' is not used: {why}")))?,
            _ => None,
        };
        match registered {
            Some(Registered::Step(step, after)) => self.push(Step::Registered(step), after),
            Some(Registered::Serializer(serializer)) => self.serializer = Some(Serializer::Registered(serializer)),
            // What need not be understood is passed over.
            None if !codec.must_understand() => {}
            None => return Err(Lacking::unknown(name).into()),
        }
        Ok(())
    }

    /// Adds a codec from values to values. `false`: it is none that is known here.
    fn add_step(&mut self, codec: &MetadataV3) -> Result<bool, Fault> {
        let name = self.name(codec);
        if codec.name() == "transpose" {
            if self.values.shape.is_empty() {
                return Ok(true);
            }
            let TransposeCodecConfigurationV1 { order } = configuration(codec)?;
            if order.0.len() != self.values.shape.len() {
                let (axes, shape) = (order.0.len(), &self.values.shape);
                return Err(malformed(format!("{axes} axes are stored of chunks of shape {shape:?}")).into());
            }
            self.transpose(order.0);
            return Ok(true);
        }
        if codec.name() == "packbits" {
            // The codec of version 3 with this name is another one, which the registry has.
            return Ok(false);
        }
        match id(name) {
            "delta" => {
                let Types { dtype, astype } = configuration(codec)?;
                self.convert(name, &dtype, astype.as_deref().unwrap_or(&dtype), Step::Delta)?;
            }
            "astype" => {
                let AsType { encode_dtype, decode_dtype } = configuration(codec)?;
                let step = Step::Convert(Conversion { rounding: Rounding::None });
                self.convert(name, &decode_dtype, &encode_dtype, step)?;
            }
            "quantize" => {
                let Quantize { digits, dtype, astype } = configuration(codec)?;
                let step = Step::Convert(Conversion { rounding: Rounding::Digits(digits) });
                self.convert(name, &dtype, astype.as_deref().unwrap_or(&dtype), step)?;
            }
            "fixedscaleoffset" => {
                let FixedScaleOffset { scale, offset, dtype, astype } = configuration(codec)?;
                let step = Step::Convert(Conversion { rounding: Rounding::ScaleOffset { scale, offset } });
                self.convert(name, &dtype, astype.as_deref().unwrap_or(&dtype), step)?;
            }
            "packbits" => {
                self.view(name, DType::Bool)?;
                let after = Values { dtype: DType::U8, shape: vec![packed_len(self.values.count())] };
                self.push(Step::PackBits, after);
                self.order = self.order.take().map(|_| Words::none());
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Takes values as others of the same size, as numcodecs does.
    fn view(&mut self, name: &str, dtype: DType) -> Result<(), Lacking> {
        if dtype.size() != Some(self.values.size()) || self.values.dtype == DType::String {
            let why = format!(
                "codec '{name}' is for values of type {dtype}, and there are values of type {}",
                self.values.dtype
            );
            return Err(Lacking::new(name, why));
        }
        self.values.dtype = dtype;
        Ok(())
    }

    /// Adds a step between two types, which numpy's type strings name.
    fn convert(&mut self, name: &str, from: &str, to: &str, step: Step) -> Result<(), Lacking> {
        let ((from, _), (to, order)) = (dtype::parse_typestr(from), dtype::parse_typestr(to));
        if !is_convertible(&from, &to) {
            return Err(Lacking::new(name, format!("codec '{name}' from values of type {from} to {to} is not known")));
        }
        self.view(name, from)?;
        let after = Values { dtype: to, shape: self.values.shape.clone() };
        self.push(step, after);
        self.order = self.order.take().map(|_| order);
        Ok(())
    }

    /// A codec from values to bytes, `None` if it is none that is known here.
    fn serializer(&self, codec: &MetadataV3, fill: &[u8]) -> Result<Option<Serializer>, Fault> {
        let (name, is_text) = (self.name(codec), self.values.dtype == DType::String);
        Ok(Some(match id(name) {
            // As a draft of version 3 called it.
            "bytes" | "endian" if !is_text => {
                let BytesCodecConfigurationV1 { endian } = configuration(codec)?;
                let swapped = endian == Some(Endianness::Big);
                Serializer::Bytes(if swapped { words(&self.values.dtype) } else { Words::none() })
            }
            // The bytes are taken for UTF-8, which is checked.
            "vlen-utf8" | "vlen-bytes" if is_text => {
                if self.steps.iter().any(|(_, step)| !matches!(step, Step::Transpose(_))) || self.steps.len() > 1 {
                    return Err(Lacking::new(name, format!("codec '{name}' after other steps is not supported")).into());
                }
                Serializer::Text
            }
            SHARDING if !is_text => Serializer::Shards(Box::new(self.shards(codec, fill)?)),
            "pcodec" if cfg!(feature = "zarrs") => {
                let given: PcodecCodecConfigurationV1 = configuration(codec)?;
                let order = given.delta_encoding_order.map(|order| order.as_usize());
                Serializer::Pcodec(Pcodec {
                    level: given.level.as_usize(),
                    classic: matches!(given.mode_spec, PcodecModeSpecConfiguration::Classic),
                    delta: match given.delta_spec {
                        PcodecDeltaSpecConfiguration::None => Some(0),
                        PcodecDeltaSpecConfiguration::TryConsecutive => order.or(Some(1)),
                        _ => None,
                    },
                    page: given.equal_pages_up_to,
                })
            }
            _ => return Ok(None),
        }))
    }

    /// Shards among other codecs.
    fn shards(&self, codec: &MetadataV3, fill: &[u8]) -> Result<Shards, Fault> {
        if self.steps.iter().any(|(_, step)| !matches!(step, Step::Transpose(_))) {
            return Err(Lacking::new(
                SHARDING,
                format!("codec '{SHARDING}' after a step that changes values is not supported"),
            )
            .into());
        }
        let given: ShardingCodecConfigurationV1 = configuration(codec)?;
        let lengths = |shape: &[usize]| shape.iter().map(|&len| len as u64).collect::<Vec<_>>();
        let meta = shard_meta(&lengths(&self.values.shape), &given)?;
        let shape: Vec<u64> = given.chunk_shape.iter().map(|len| len.get()).collect();
        let chunk = Values::new(&self.values.dtype, &shape)?;
        let pipeline = pipeline(Self::v3(chunk.clone()), &given.codecs, fill)??;
        Ok(Shards::new(meta, chunk, pipeline, fill.to_vec())?)
    }

    fn finish(self) -> Result<Pipeline, Fault> {
        let serializer = match (self.serializer, self.order) {
            (Some(serializer), _) => serializer,
            (None, Some(order)) => Serializer::Bytes(order),
            (None, None) => {
                let why = "no codec from values to bytes is listed";
                return Err(Lacking::new("none", why).into());
            }
        };
        Ok(Pipeline::new(self.steps, self.values, serializer, self.codecs))
    }
}

/// The types of `delta`.
#[derive(Deserialize)]
struct Types {
    dtype: String,
    astype: Option<String>,
}

#[derive(Deserialize)]
struct AsType {
    encode_dtype: String,
    decode_dtype: String,
}

#[derive(Deserialize)]
struct Quantize {
    digits: i32,
    dtype: String,
    astype: Option<String>,
}

#[derive(Deserialize)]
struct FixedScaleOffset {
    scale: f64,
    offset: f64,
    dtype: String,
    astype: Option<String>,
}

/// The name without what says where the codec comes from: `numcodecs.delta`, `https://codec.zarrs.dev/array_to_array/bitround`.
fn id(name: &str) -> &str {
    match name.strip_prefix("https://codec.zarrs.dev/") {
        Some(path) => path.rsplit('/').next().unwrap_or(path),
        None => name.strip_prefix("numcodecs.").or_else(|| name.strip_prefix("zarrs.")).unwrap_or(name),
    }
}
