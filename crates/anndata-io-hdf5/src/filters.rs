//! Filters: what stands between the values of a chunk and its stored bytes.
//!
//! The filters that files of anndata have are decoded and encoded here, without the library, so that it can be done on
//! all cores. The same functions are registered with the library for the data that goes through it.

// Long file: one pipeline, from the declaration of its filters to their use.

#[cfg(feature = "write")]
mod register;
mod scale_offset;

use anndata_codecs::{Bitshuffle, Blosc, ByteCodec, Checksum, Lz4Framing, Szip, reserve, room, wrong_length};
use anndata_storage::{Codec, Error, Result};

#[cfg(feature = "write")]
pub(crate) use register::register;
use scale_offset::ScaleOffset;

/// The numbers under which filters are registered with the HDF Group.
pub(crate) mod id {
    pub(crate) const DEFLATE: i32 = 1;
    pub(crate) const SHUFFLE: i32 = 2;
    pub(crate) const FLETCHER32: i32 = 3;
    pub(crate) const SZIP: i32 = 4;
    pub(crate) const SCALE_OFFSET: i32 = 6;
    pub(crate) const LZF: i32 = 32000;
    pub(crate) const BLOSC: i32 = 32001;
    pub(crate) const LZ4: i32 = 32004;
    pub(crate) const BITSHUFFLE: i32 = 32008;
    pub(crate) const ZSTD: i32 = 32015;
}

/// The filters that the library has and that are not known here: n-bit, and scale-offset with numbers that mean nothing.
const OF_LIBRARY: [i32; 2] = [5, id::SCALE_OFFSET];

/// One filter of an array, as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FilterInfo {
    pub(crate) id: i32,
    pub(crate) values: Vec<u32>,
    pub(crate) name: String,
}

/// One filter.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Filter {
    Known(ByteCodec),
    /// Decoded here, encoded by the library.
    ScaleOffset(ScaleOffset, FilterInfo),
    /// One that only the library can undo, or nobody.
    Other {
        id: i32,
        name: String,
        /// The numbers that configure it.
        values: Vec<u32>,
        in_library: bool,
    },
}

/// blosc's numbers for its compressors are positions in this list.
const BLOSC_COMPRESSORS: [&str; 6] = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"];

/// The filters of an array, in the order in which they are applied when writing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pipeline {
    filters: Vec<Filter>,
}

impl Pipeline {
    /// The pipeline that a file declares.
    pub(crate) fn new(infos: &[FilterInfo]) -> Self {
        Self { filters: infos.iter().map(Filter::new).collect() }
    }

    /// Whether values are stored as they are.
    pub(crate) fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// The first filter that the library alone knows.
    pub(crate) fn of_library(&self) -> Option<String> {
        self.filters.iter().find_map(|filter| match filter {
            Filter::Other { id, name, in_library: true, .. } => Some(describe(*id, name)),
            _ => None,
        })
    }

    /// Whether the library has to encode and decode: a filter is known to it alone, in one direction at least, or there are two compressions, so that
    /// the number of bytes in between is not known.
    #[cfg(feature = "write")]
    pub(crate) fn needs_library(&self) -> bool {
        self.filters.iter().filter(|filter| filter.compresses()).count() > 1
            || self.filters.iter().any(|filter| matches!(filter, Filter::ScaleOffset(..)))
            || self.of_library().is_some()
    }

    /// The same as codecs.
    pub(crate) fn codecs(&self) -> Vec<Codec> {
        self.filters.iter().map(Filter::codec).collect()
    }

    /// Decodes the stored bytes of a chunk. `skipped` has a bit for each filter that was not applied.
    pub(crate) fn decode(&self, raw: &[u8], skipped: u32, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
        let applied: Vec<&Filter> = self
            .filters
            .iter()
            .enumerate()
            // Fallback: a filter beyond the bits was not skipped.
            .filter(|(number, _)| skipped.checked_shr(u32::try_from(*number).unwrap_or(u32::MAX)).unwrap_or(0) & 1 == 0)
            .map(|(_, filter)| filter)
            .collect();
        let mut stored = raw;
        let mut spare = Vec::new();
        let mut rest = applied.as_slice();
        while let Some((filter, before)) = rest.split_last() {
            rest = before;
            if let Filter::Known(ByteCodec::Checksum(checksum)) = filter {
                stored = checksum.verify(stored)?;
                continue;
            }
            // Checksums that were added before this filter come out of it.
            let sums = before.iter().filter(|filter| matches!(filter, Filter::Known(ByteCodec::Checksum(_)))).count();
            if before.iter().any(|filter| filter.compresses()) {
                // What another compression made is of a length that only this one knows.
                let most = chunk.len().saturating_mul(2).saturating_add(1 << 16);
                spare.clear();
                filter.known()?.decode(stored, most, &mut spare)?;
            } else if before.is_empty() {
                return filter.decode_into(stored, chunk);
            } else {
                room(&mut spare, chunk.len() + sums * Checksum::LEN)?;
                filter.decode_into(stored, &mut spare)?;
            }
            std::mem::swap(scratch, &mut spare);
            stored = scratch;
        }
        if stored.len() != chunk.len() {
            return Err(wrong_length(stored.len(), chunk.len()));
        }
        chunk.copy_from_slice(stored);
        Ok(())
    }

    /// Encodes a chunk into `raw`.
    pub(crate) fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()> {
        let Some((first, rest)) = self.filters.split_first() else {
            reserve(raw, chunk.len())?;
            raw.extend_from_slice(chunk);
            return Ok(());
        };
        first.known()?.encode(chunk, raw)?;
        for filter in rest {
            std::mem::swap(raw, scratch);
            filter.known()?.encode(scratch, raw)?;
        }
        Ok(())
    }
}

/// The filters that codecs stand for, for chunks of so many bytes with elements of `size` bytes.
pub(crate) fn from_codecs(codecs: &[Codec], size: usize, chunk_bytes: u64) -> Result<Vec<FilterInfo>> {
    codecs.iter().map(|codec| from_codec(codec, size, chunk_bytes)).collect()
}

fn from_codec(codec: &Codec, size: usize, chunk_bytes: u64) -> Result<FilterInfo> {
    let plain = |id, values| Ok(FilterInfo { id, values, name: String::new() });
    let out_of_range = || Err(Error::invalid_input(format!("{codec} is out of the range of the format")));
    match codec {
        Codec::Zlib { level: level @ 0..=9 } => plain(id::DEFLATE, vec![u32::from(*level)]),
        Codec::Lzf => plain(id::LZF, Vec::new()),
        // The numbers that a filter stores are unsigned, so there are no negative levels.
        Codec::Zstd { level: level @ 0..=22 } => plain(id::ZSTD, vec![level.unsigned_abs()]),
        Codec::Lz4 => plain(id::LZ4, Vec::new()),
        Codec::Shuffle => plain(id::SHUFFLE, Vec::new()),
        Codec::Fletcher32 => plain(id::FLETCHER32, Vec::new()),
        Codec::Blosc { compressor, level: level @ 0..=9, shuffle: shuffle @ 0..=2 } if cfg!(feature = "blosc") => {
            let position = BLOSC_COMPRESSORS.iter().position(|name| name == compressor);
            let code = position.filter(|_| compressor != "snappy").and_then(|code| u32::try_from(code).ok());
            let (Some(code), Ok(bytes)) = (code, u32::try_from(chunk_bytes)) else { return out_of_range() };
            // Fallback: as the filter itself does, whose header has one byte for the size.
            let size = u32::try_from(size).ok().filter(|&size| size <= 255).unwrap_or(1);
            plain(id::BLOSC, vec![2, 2, size, bytes, u32::from(*level), u32::from(*shuffle), code])
        }
        Codec::Zlib { .. } | Codec::Zstd { .. } => out_of_range(),
        codec => Err(Error::unsupported(format!("HDF5 files cannot be written with {codec}"))),
    }
}

impl Filter {
    /// From what a file says. Levels, shuffle and compressor of blosc decide how values are written and never how they are
    /// read, for which chunks say it: where the file does not say one, it is that which the filter itself takes.
    fn new(info: &FilterInfo) -> Self {
        let value = |position: usize| info.values.get(position).copied();
        // Fallback: 0 is no size, and refused where a chunk is decoded.
        let size = |position: usize| value(position).and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        Self::Known(match info.id {
            id::DEFLATE => ByteCodec::Zlib { level: byte(value(0)).unwrap_or(6).min(9) },
            // 0, which is not a size, if the file does not say it.
            id::SHUFFLE => ByteCodec::Shuffle { size: size(0) },
            id::FLETCHER32 => ByteCodec::Checksum(Checksum::FLETCHER32),
            id::LZF => ByteCodec::Lzf,
            id::LZ4 => ByteCodec::Lz4(Lz4Framing::Hdf5 { block: size(0) }),
            id::ZSTD => {
                // Fallback: the level decides how chunks are written alone.
                let level = value(0).and_then(|level| i32::try_from(level).ok()).unwrap_or(3).min(22);
                ByteCodec::Zstd { level, checksum: false }
            }
            id::BLOSC if cfg!(feature = "blosc") => ByteCodec::Blosc(Blosc {
                compressor: blosc_compressor(value(6).unwrap_or(0)).to_owned(),
                level: byte(value(4)).unwrap_or(5).min(9),
                shuffle: byte(value(5)).unwrap_or(1).min(2),
                type_size: size(2),
                block_size: 0,
            }),
            id::BITSHUFFLE => ByteCodec::Bitshuffle(Bitshuffle::new(&info.values)),
            id::SZIP => match Szip::new(&info.values) {
                Some(szip) => ByteCodec::Szip(szip),
                None => return Self::other(info),
            },
            id::SCALE_OFFSET => match ScaleOffset::new(&info.values) {
                Some(known) => return Self::ScaleOffset(known, info.clone()),
                None => return Self::other(info),
            },
            _ => return Self::other(info),
        })
    }

    /// Decodes bytes that fill a buffer.
    fn decode_into(&self, stored: &[u8], out: &mut [u8]) -> Result<()> {
        match self {
            Self::ScaleOffset(filter, _) => filter.decode_into(stored, out),
            filter => filter.known()?.decode_into(stored, out),
        }
    }

    /// Whether what comes out may be of another length than what goes in, by more than a checksum.
    fn compresses(&self) -> bool {
        !matches!(self, Self::Known(ByteCodec::Shuffle { .. } | ByteCodec::Checksum(_)))
    }

    fn other(info: &FilterInfo) -> Self {
        Self::Other {
            id: info.id,
            name: info.name.clone(),
            values: info.values.clone(),
            in_library: OF_LIBRARY.contains(&info.id),
        }
    }

    fn codec(&self) -> Codec {
        match self {
            Self::Known(ByteCodec::Bitshuffle(_)) => Codec::named(describe(id::BITSHUFFLE, "")),
            Self::Known(ByteCodec::Szip(_)) => Codec::named(describe(id::SZIP, "")),
            Self::Known(codec) => codec.spec(),
            Self::ScaleOffset(_, FilterInfo { id, name, values }) | Self::Other { id, name, values, .. } => {
                Codec::Other {
                    name: describe(*id, name),
                    configuration: format!(r#"{{"id":{id},"values":{values:?}}}"#),
                }
            }
        }
    }

    /// The codec that it is.
    fn known(&self) -> Result<&ByteCodec> {
        match self {
            Self::Known(codec) => Ok(codec),
            Self::ScaleOffset(_, FilterInfo { id, name, .. }) | Self::Other { id, name, .. } => Err(missing(*id, name)),
        }
    }
}

fn byte(value: Option<u32>) -> Option<u8> {
    u8::try_from(value?).ok()
}

fn blosc_compressor(code: u32) -> &'static str {
    usize::try_from(code).ok().and_then(|code| BLOSC_COMPRESSORS.get(code)).copied().unwrap_or("unknown")
}

fn describe(id: i32, name: &str) -> String {
    let known = match id {
        id::SZIP => "szip",
        5 => "nbit",
        id::SCALE_OFFSET => "scale-offset",
        id::BITSHUFFLE => "bitshuffle",
        32013 => "zfp",
        32017 => "sz",
        32026 => "blosc2",
        _ if name.is_empty() => "unnamed",
        _ => name,
    };
    format!("{known} (HDF5 filter {id})")
}

fn missing(id: i32, name: &str) -> Error {
    Error::unsupported(format!(
        "the compression {} is not supported; write the array anew with gzip, as by h5repack",
        describe(id, name)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(codecs: &[Codec], size: u32, bytes: u64) -> Result<Pipeline> {
        let mut infos = from_codecs(codecs, size as usize, bytes)?;
        // The library fills in the size of an element.
        infos.iter_mut().filter(|info| info.id == id::SHUFFLE).for_each(|info| info.values = vec![size]);
        Ok(Pipeline::new(&infos))
    }

    fn codecs() -> Vec<Vec<Codec>> {
        let zlib = Codec::Zlib { level: 4 };
        let mut codecs = vec![
            vec![],
            vec![zlib.clone()],
            vec![Codec::Zlib { level: 0 }],
            vec![Codec::Shuffle, zlib.clone()],
            vec![Codec::Shuffle, zlib.clone(), Codec::Fletcher32],
            vec![Codec::Fletcher32, zlib],
            vec![Codec::Fletcher32],
            vec![Codec::Shuffle, Codec::Lzf, Codec::Fletcher32],
            vec![Codec::Lzf],
            vec![Codec::Lz4],
            vec![Codec::Zstd { level: 3 }],
            vec![Codec::Fletcher32, Codec::Shuffle, Codec::Zstd { level: 1 }],
        ];
        if cfg!(feature = "blosc") {
            codecs.extend(
                ["blosclz", "lz4", "lz4hc", "zlib", "zstd"]
                    .map(|compressor| vec![Codec::Blosc { compressor: compressor.to_owned(), level: 5, shuffle: 1 }]),
            );
        }
        codecs
    }

    #[test]
    fn what_is_encoded_decodes() -> Result<()> {
        let smooth: Vec<u8> = (0..6000_u32).flat_map(|i| (i / 7).to_le_bytes()).collect();
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(5003)
        .collect();
        for codecs in codecs() {
            for chunk in [&smooth[..], &noise, &noise[..1], &smooth[..36]] {
                let pipeline = pipeline(&codecs, 4, chunk.len() as u64)?;
                assert!(!pipeline.needs_library());
                let (mut raw, mut scratch, mut out) = (Vec::new(), Vec::new(), vec![1; chunk.len()]);
                pipeline.encode(chunk, &mut raw, &mut scratch)?;
                pipeline.decode(&raw, 0, &mut out, &mut scratch)?;
                assert_eq!(out, chunk, "{codecs:?}");
            }
        }
        Ok(())
    }

    #[test]
    fn damaged_chunks_are_errors_or_other_values() -> Result<()> {
        let chunk: Vec<u8> = (0..3000_u32).flat_map(|i| (i / 3).to_le_bytes()).collect();
        for codecs in codecs().into_iter().filter(|codecs| !codecs.is_empty()) {
            let pipeline = pipeline(&codecs, 4, chunk.len() as u64)?;
            let (mut raw, mut scratch, mut out) = (Vec::new(), Vec::new(), vec![0; chunk.len()]);
            pipeline.encode(&chunk, &mut raw, &mut scratch)?;
            let stored = raw.clone();
            for cut in [0, 1, 3, stored.len() / 2, stored.len() - 1] {
                let result = pipeline.decode(&stored[..cut], 0, &mut out, &mut scratch);
                assert!(result.is_err_and(|error| error.is_invalid_data()), "{codecs:?} cut to {cut}");
            }
            for step in 0..200 {
                let mut damaged = stored.clone();
                let at = step * 7919 % damaged.len();
                damaged[at] ^= 1 << (step % 8);
                // Must return; a checksum must see it.
                let result = pipeline.decode(&damaged, 0, &mut out, &mut scratch);
                let seen = result.is_err_and(|error| error.is_invalid_data());
                assert!(codecs.last() != Some(&Codec::Fletcher32) || seen);
            }
        }
        Ok(())
    }

    #[test]
    fn filters_that_were_skipped_are_not_undone() -> Result<()> {
        let chunk = [1_u8, 2, 3, 4, 5, 6, 7, 8];
        let pipeline = pipeline(&[Codec::Shuffle, Codec::Zlib { level: 1 }], 4, 8)?;
        let (mut out, mut scratch) = ([0; 8], Vec::new());
        pipeline.decode(&[1, 5, 2, 6, 3, 7, 4, 8], 0b10, &mut out, &mut scratch)?;
        assert_eq!(out, chunk);
        pipeline.decode(&chunk, 0b11, &mut out, &mut scratch)?;
        assert_eq!(out, chunk);
        Ok(())
    }

    #[test]
    fn two_compressions_are_left_to_the_library() -> Result<()> {
        assert!(pipeline(&[Codec::Lzf, Codec::Zlib { level: 1 }], 4, 8)?.needs_library());
        Ok(())
    }

    #[test]
    fn numbers_of_a_filter_that_nobody_knows_become_no_others() {
        if cfg!(feature = "blosc") {
            let info = FilterInfo { id: id::BLOSC, values: vec![2, 2, 4, 8, 5, 1, 300], name: String::new() };
            let pipeline = Pipeline::new(&[info]);
            assert_eq!(pipeline.codecs(), [Codec::Blosc { compressor: "unknown".to_owned(), level: 5, shuffle: 1 }]);
            let error = pipeline.encode(&[0; 8], &mut Vec::new(), &mut Vec::new()).unwrap_err();
            assert!(error.is_unsupported(), "{error:?}");
        }
    }

    #[test]
    fn unknown_filters_are_named() {
        let info = FilterInfo { id: 32013, values: vec![], name: String::new() };
        let pipeline = Pipeline::new(&[info]);
        assert!(!pipeline.needs_library());
        let error = pipeline.decode(&[0], 0, &mut [0], &mut Vec::new()).unwrap_err();
        assert!(error.is_unsupported() && error.to_string().contains("zfp"), "{error}");
        assert!(from_codecs(&[Codec::Crc32c], 4, 4).is_err_and(|error| error.is_unsupported()));
        assert!(from_codecs(&[Codec::Zstd { level: -1 }], 4, 4).is_err_and(|error| error.is_invalid_input()));
        assert!(from_codecs(&[Codec::Gzip { level: 1 }], 4, 4).is_err_and(|error| error.is_unsupported()));
    }
}
