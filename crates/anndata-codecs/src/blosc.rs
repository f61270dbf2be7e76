//! Blosc (version 1), through the functions of its C library that have no global state.

#[cfg(not(feature = "blosc"))]
use anndata_storage::Result;

/// How values are packed. Chunks say themselves how they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blosc {
    /// The compressor inside: `blosclz`, `lz4`, `lz4hc`, `zlib` or `zstd`; one that is not known only matters for writing.
    pub compressor: String,
    /// Effort, 0 to 9.
    pub level: u8,
    /// 0 none, 1 bytes, 2 bits.
    pub shuffle: u8,
    /// Bytes of an element. The container has one byte for it, and divides by it: what does not fit counts as 1.
    pub type_size: usize,
    /// Bytes of a block; 0 leaves it to the library.
    pub block_size: usize,
}

#[cfg(feature = "blosc")]
mod library {
    use std::ffi::{CString, c_int};

    use anndata_storage::{Error, Result};
    use blosc_src::{BLOSC_MAX_OVERHEAD, blosc_cbuffer_validate, blosc_compress_ctx, blosc_decompress_ctx};

    use super::Blosc;
    use crate::buffer::room;
    use crate::fault::{damaged, wrong_length};

    /// The bytes before the first block, which are also what packing adds at most.
    const HEADER: usize = BLOSC_MAX_OVERHEAD as usize;

    /// The number in the header of a container of the compressor that is not part of this build.
    const SNAPPY: u8 = 2;

    /// The flag in the header that says that the values are not packed.
    const COPIED: u8 = 2;

    /// Refuses what this build cannot unpack. The third byte of the header holds the compressor and flags.
    fn check_compressor(stored: &[u8]) -> Result<()> {
        match stored.get(2) {
            Some(flags) if flags >> 5 == SNAPPY && flags & COPIED == 0 => Err(Error::unsupported(
                "blosc with the compressor snappy is not supported: write the array anew with another \
                 compressor, such as lz4 or zstd",
            )),
            _ => Ok(()),
        }
    }

    /// The bytes that a container says that it decodes to.
    pub(crate) fn declared_length(stored: &[u8]) -> Result<usize> {
        let mut len = 0;
        if stored.len() < HEADER {
            return Err(damaged("blosc"));
        }
        // SAFETY: pointer and length are those of one slice, which holds at least a header; `len` outlives the call.
        let status = unsafe { blosc_cbuffer_validate(stored.as_ptr().cast(), stored.len(), &raw mut len) };
        if status == 0 && can_hold(stored, len) { Ok(len) } else { Err(damaged("blosc")) }
    }

    /// Whether a container can decode to so many bytes, by its flags and the size of its blocks: those that are copied are there,
    /// and each block has its position. Memory is made for what is declared, which one wrong byte can make gigabytes.
    fn can_hold(stored: &[u8], len: usize) -> bool {
        let (Some(flags), Some(Ok(block_size))) = (stored.get(2), stored.get(8..12).map(TryInto::try_into)) else {
            return false;
        };
        let body = stored.len().saturating_sub(HEADER);
        if flags & COPIED != 0 {
            return body >= len;
        }
        let block_size = usize::try_from(u32::from_le_bytes(block_size));
        let positions = block_size.ok().and_then(|size| len.div_ceil(size.max(1)).checked_mul(4));
        positions.is_some_and(|positions| positions <= body)
    }

    pub(crate) fn decode_into(stored: &[u8], out: &mut [u8]) -> Result<()> {
        let len = declared_length(stored)?;
        check_compressor(stored)?;
        if len != out.len() {
            return Err(wrong_length(len, out.len()));
        }
        if out.is_empty() {
            return Ok(());
        }
        // SAFETY: the header was validated against the length of `stored`, so that the library does not read past it; it
        // writes at most `out.len()` bytes.
        let filled = unsafe { blosc_decompress_ctx(stored.as_ptr().cast(), out.as_mut_ptr().cast(), out.len(), 1) };
        if usize::try_from(filled) == Ok(out.len()) { Ok(()) } else { Err(damaged("blosc")) }
    }

    pub(crate) fn encode(bytes: &[u8], options: &Blosc, out: &mut Vec<u8>) -> Result<()> {
        let Blosc { compressor, level, shuffle, .. } = options;
        let cannot = || {
            let len = bytes.len();
            Error::unsupported(format!(
                "blosc cannot pack {len} bytes by the compressor '{compressor}' at level {level}"
            ))
        };
        let name = CString::new(compressor.as_str()).map_err(|_| cannot())?;
        // The library divides by the size of an element, which it holds in a byte, and takes 0 as a size of blocks of its
        // choice.
        let type_size = if (1..=255).contains(&options.type_size) { options.type_size } else { 1 };
        let block_size = if options.block_size <= bytes.len() { options.block_size } else { 0 };
        room(out, bytes.len() + HEADER)?;
        // SAFETY: pointers and lengths are those of two distinct slices; `name` ends with NUL and outlives the call.
        let written = unsafe {
            blosc_compress_ctx(
                c_int::from(*level),
                c_int::from(*shuffle),
                type_size,
                bytes.len(),
                bytes.as_ptr().cast(),
                out.as_mut_ptr().cast(),
                out.len(),
                name.as_ptr(),
                block_size,
                1,
            )
        };
        match usize::try_from(written) {
            Ok(written) if written > 0 => {
                out.truncate(written);
                Ok(())
            }
            _ => Err(cannot()),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn options(level: u8, type_size: usize, block_size: usize) -> Blosc {
            Blosc { compressor: "lz4".to_owned(), level, shuffle: 1, type_size, block_size }
        }

        fn packed(type_size: usize, block_size: usize) -> Result<Vec<u8>> {
            let mut out = Vec::new();
            encode(&[7; 5000], &options(5, type_size, block_size), &mut out)?;
            Ok(out)
        }

        #[test]
        fn sizes_that_a_file_says_do_no_harm() -> Result<()> {
            for type_size in [0, 1, 4, 255, 256, (1 << 31) + 1, (1 << 32) - 1, 1 << 32, usize::MAX] {
                for block_size in [0, 1, 4096, 1 << 31, usize::MAX] {
                    let mut back = vec![0; 5000];
                    decode_into(&packed(type_size, block_size)?, &mut back)?;
                    assert_eq!(back, [7; 5000], "{type_size} {block_size}");
                }
            }
            Ok(())
        }

        #[test]
        fn a_length_that_a_container_cannot_have_takes_no_memory() -> Result<()> {
            let mut copied = Vec::new();
            encode(&[7; 5000], &options(0, 1, 0), &mut copied)?;
            assert!(copied[2] & COPIED != 0 && declared_length(&copied)? == 5000);
            for stored in [copied, packed(4, 0)?, packed(1, 256)?] {
                assert_eq!(declared_length(&stored)?, 5000);
                let mut damaged = stored.clone();
                damaged[7] = 0x74;
                assert!(declared_length(&damaged).is_err_and(|error| error.is_invalid_data()), "{stored:?}");
                for len in 0..HEADER {
                    assert!(declared_length(&stored[..len]).is_err_and(|error| error.is_invalid_data()));
                }
            }
            Ok(())
        }

        #[test]
        fn snappy_is_not_supported_and_damage_is_damage() -> Result<()> {
            let mut raw = packed(4, 0)?;
            raw[2] = (raw[2] & 0x1f) | (SNAPPY << 5);
            let error = decode_into(&raw, &mut [0; 5000]).unwrap_err();
            assert!(error.is_unsupported() && error.to_string().contains("snappy"), "{error}");
            raw[0] = 200;
            assert!(decode_into(&raw, &mut [0; 5000]).is_err_and(|error| error.is_invalid_data()));
            assert!(encode(&[7; 50], &options(200, 1, 0), &mut Vec::new()).is_err_and(|error| error.is_unsupported()));
            Ok(())
        }
    }
}

#[cfg(feature = "blosc")]
pub(crate) use library::{declared_length, decode_into, encode};

#[cfg(not(feature = "blosc"))]
pub(crate) fn declared_length(_stored: &[u8]) -> Result<usize> {
    Err(crate::fault::left_out("blosc", "blosc"))
}

#[cfg(not(feature = "blosc"))]
pub(crate) fn decode_into(_stored: &[u8], _out: &mut [u8]) -> Result<()> {
    Err(crate::fault::left_out("blosc", "blosc"))
}

#[cfg(not(feature = "blosc"))]
pub(crate) fn encode(_bytes: &[u8], _options: &Blosc, _out: &mut Vec<u8>) -> Result<()> {
    Err(crate::fault::left_out("blosc", "blosc"))
}
