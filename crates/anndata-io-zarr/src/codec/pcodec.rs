//! `numcodecs.pcodec`, with the crate `pco` into a buffer of the chunk's length.
//!
//! Not through the registry of `zarrs`, whose decoder grows with what a chunk claims to hold.

#[cfg(not(feature = "zarrs"))]
use anndata_storage::{DType, Result};

/// How numbers are packed. Chunks say themselves how they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pcodec {
    /// Effort, 0 to 12.
    pub(crate) level: usize,
    /// Whether numbers are taken as they are, and not as multiples or roundings of others.
    pub(crate) classic: bool,
    /// How often differences are taken; `None` leaves it to the codec.
    pub(crate) delta: Option<usize>,
    /// Numbers of a page.
    pub(crate) page: usize,
}

#[cfg(feature = "zarrs")]
mod library {
    use anndata_codecs::wrong_length;
    use anndata_storage::{DType, Error, Result, Scalar, f16};
    use pco::standalone::{simple_compress, simple_decompress_into};
    use pco::{ChunkConfig, DeltaSpec, ModeSpec, PagingSpec};

    use super::Pcodec;

    macro_rules! numbers {
        ($dtype:expr, $T:ident => $body:expr) => {
            match $dtype {
                DType::I8 => {
                    type $T = i8;
                    $body
                }
                DType::I16 => {
                    type $T = i16;
                    $body
                }
                DType::I32 => {
                    type $T = i32;
                    $body
                }
                DType::I64 => {
                    type $T = i64;
                    $body
                }
                DType::U8 => {
                    type $T = u8;
                    $body
                }
                DType::U16 => {
                    type $T = u16;
                    $body
                }
                DType::U32 => {
                    type $T = u32;
                    $body
                }
                DType::U64 => {
                    type $T = u64;
                    $body
                }
                DType::F16 => {
                    type $T = f16;
                    $body
                }
                DType::F32 => {
                    type $T = f32;
                    $body
                }
                DType::F64 => {
                    type $T = f64;
                    $body
                }
                other => Err(Error::unsupported(format!("pcodec has no values of type {other}"))),
            }
        };
    }

    impl Pcodec {
        pub(in crate::codec) fn decode(bytes: &[u8], out: &mut [u8], dtype: &DType) -> Result<()> {
            numbers!(dtype, T => {
                let count = out.len() / size_of::<T>();
                let mut numbers = Vec::<T>::new();
                numbers.try_reserve_exact(count).map_err(|error| {
                    Error::limit_exceeded(format!("{count} numbers do not fit into memory")).with_source(error)
                })?;
                numbers.resize(count, T::default());
                let done = simple_decompress_into(bytes, &mut numbers)
                    .map_err(|error| crate::codec::damaged("pcodec").with_source(error))?;
                if !done.finished || done.n_processed != count {
                    return Err(wrong_length(done.n_processed * size_of::<T>(), out.len()));
                }
                for (target, number) in out.chunks_exact_mut(size_of::<T>()).zip(&numbers) {
                    target.copy_from_slice(bytemuck::bytes_of(number));
                }
                Ok(())
            })
        }

        pub(in crate::codec) fn encode(&self, values: &[u8], out: &mut Vec<u8>, dtype: &DType) -> Result<()> {
            let config = ChunkConfig::default()
                .with_compression_level(self.level)
                .with_mode_spec(if self.classic { ModeSpec::Classic } else { ModeSpec::Auto })
                .with_delta_spec(match self.delta {
                    None => DeltaSpec::Auto,
                    Some(0) => DeltaSpec::NoOp,
                    Some(order) => DeltaSpec::TryConsecutive(order),
                })
                .with_paging_spec(PagingSpec::EqualPagesUpTo(self.page))
                .with_enable_8_bit(true);
            numbers!(dtype, T => {
                let numbers = values.chunks_exact(size_of::<T>()).map(read).collect::<Result<Vec<T>>>()?;
                *out = simple_compress(&numbers, &config)
                    .map_err(|error| Error::unsupported("a chunk cannot be packed with pcodec").with_source(error))?;
                Ok(())
            })
        }
    }

    fn read<T: Scalar>(bytes: &[u8]) -> Result<T> {
        bytemuck::checked::try_pod_read_unaligned(bytes)
            .map_err(|_| Error::bug(format!("the bytes {bytes:?} are not a value of type {}", T::DTYPE)))
    }
}

#[cfg(not(feature = "zarrs"))]
#[expect(clippy::unused_self, reason = "as with the feature")]
impl Pcodec {
    pub(super) fn decode(_bytes: &[u8], _out: &mut [u8], _dtype: &DType) -> Result<()> {
        Err(anndata_storage::Error::bug("a codec that this build lacks"))
    }

    pub(super) fn encode(&self, _values: &[u8], _out: &mut Vec<u8>, _dtype: &DType) -> Result<()> {
        Err(anndata_storage::Error::bug("a codec that this build lacks"))
    }
}
