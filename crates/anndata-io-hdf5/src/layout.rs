//! Which chunks and codecs an array gets where the caller leaves that open.

use anndata_storage::{ArraySpec, Codec, Compression, DType, Error, Result};

use crate::filters;

/// Arrays smaller than this are kept in one piece, without compression: a chunk has an index, a piece has none.
const SMALL: u64 = 4 << 10;
/// Bytes of a chunk of a one-dimensional array, and of text.
const LONG_CHUNK: u64 = 256 << 10;
/// Bytes of a chunk of an array of rows.
const ROWS_CHUNK: u64 = 1 << 20;
/// Rows that are wider than this are split.
const WIDEST_ROW: u64 = 4 << 20;
/// Bytes that a chunk of an array that can grow has at least, however short the array is now.
const LEAST_CHUNK: u64 = 256;
/// Of up to so many chunks none is left nearly empty. If there are more, one that is takes little beside the others.
const EVEN: u64 = 32;

/// The declaration of an array of this dtype and shape, with chunks and codecs chosen.
///
/// One-dimensional arrays (the parts of a sparse matrix, columns) get chunks of at most 256 KiB; arrays of rows get chunks
/// of whole rows of about 1 MiB at most. No chunk is longer than the array. Small arrays, and all without compression, are
/// contiguous unless they are to grow; those have chunks of 256 bytes at least, and of equal length where there are few,
/// since a chunk takes its whole size in the file. A file keeps the chunks that an array was made with:
/// `SparseDataset::append` of anndata makes an array anew that has outgrown them.
///
/// [`Compression::Zstd`] and [`Compression::Blosc`] make files that plain h5py cannot read: the reader needs the filter
/// plugins of the package `hdf5plugin`.
///
/// ```
/// use anndata_io_hdf5::default_layout;
/// use anndata_storage::{Codec, Compression, DType};
///
/// let spec = default_layout(DType::F32, [100_000, 2_000], Compression::Gzip(4))?;
/// assert_eq!(spec.chunks.as_deref(), Some(&[131, 2_000][..]));
/// assert_eq!(spec.codecs, [Codec::Zlib { level: 4 }]);
/// # Ok::<(), anndata_storage::Error>(())
/// ```
///
/// # Errors
/// [`InvalidInput`](anndata_storage::ErrorKind::InvalidInput) for a compression level out of range.
pub fn default_layout(dtype: DType, shape: impl Into<Vec<u64>>, compression: Compression) -> Result<ArraySpec> {
    fill_in(&ArraySpec::new(dtype, shape), compression)
}

/// Chooses the chunks and codecs that a declaration leaves open.
pub(crate) fn fill_in(spec: &ArraySpec, compression: Compression) -> Result<ArraySpec> {
    let mut spec = spec.clone();
    spec.shards = None;
    spec.grid.clear();
    spec.codecs = kept(&spec.codecs);
    let codecs = codecs(compression)?;
    if spec.shape.is_empty() || spec.null {
        (spec.chunks, spec.codecs) = (None, Vec::new());
        return Ok(spec);
    }
    // A text is stored as a reference of 16 bytes; the characters are elsewhere and not compressed.
    let size = spec.dtype.size().unwrap_or(16).max(1) as u64;
    let bytes = spec.shape.iter().fold(size, |bytes, &len| bytes.saturating_mul(len));
    let worth = !codecs.is_empty() && bytes >= SMALL;
    if spec.chunks.is_none() && (spec.resizable || worth) {
        spec.chunks = Some(chunks(&spec.shape, size, spec.resizable));
    }
    if spec.chunks.is_some() && spec.codecs.is_empty() && (worth || spec.resizable) {
        spec.codecs = codecs;
    }
    Ok(spec)
}

/// The codecs that the format has, of those that a declaration names: gzip is its zlib. None if a compression is among
/// them that it lacks.
fn kept(named: &[Codec]) -> Vec<Codec> {
    let kept: Vec<Codec> = named
        .iter()
        .filter_map(|codec| match codec {
            Codec::Gzip { level } => Some(Codec::Zlib { level: *level }),
            codec => filters::from_codecs(std::slice::from_ref(codec), 1, 0).is_ok().then(|| codec.clone()),
        })
        .collect();
    let lacks = named.iter().any(Codec::compresses) && !kept.iter().any(Codec::compresses);
    if lacks { Vec::new() } else { kept }
}

fn codecs(compression: Compression) -> Result<Vec<Codec>> {
    Ok(match compression {
        Compression::Default | Compression::None => Vec::new(),
        Compression::Gzip(level @ 0..=9) => vec![Codec::Zlib { level }],
        Compression::Lzf => vec![Codec::Lzf],
        Compression::Zstd(level @ 0..=22) => vec![Codec::Zstd { level }],
        Compression::Blosc(level @ 0..=9) => {
            vec![Codec::Blosc { compressor: "lz4".to_owned(), level, shuffle: 1 }]
        }
        Compression::Gzip(_) | Compression::Zstd(_) | Compression::Blosc(_) => {
            return Err(Error::invalid_input(format!("{compression:?} is out of range")));
        }
        other => return Err(Error::unsupported(format!("HDF5 files cannot be written with {other:?}"))),
    })
}

/// The shape of a chunk: whole rows, or parts of one where a row alone is too wide.
fn chunks(shape: &[u64], size: u64, resizable: bool) -> Vec<u64> {
    let [rows, inner @ ..] = shape else { return Vec::new() };
    let target = if inner.is_empty() { LONG_CHUNK } else { ROWS_CHUNK };
    let mut chunks: Vec<u64> = inner.iter().map(|&len| len.max(1)).collect();
    // The widest axes are halved until a row fits.
    while chunks.iter().fold(size, |bytes, &len| bytes.saturating_mul(len)) > WIDEST_ROW {
        match chunks.iter_mut().max() {
            Some(widest) if *widest > 1 => *widest = widest.div_ceil(2),
            _ => break,
        }
    }
    let row = chunks.iter().fold(size, |bytes, &len| bytes.saturating_mul(len));
    let wanted = (target / row).max(1);
    let rows = if resizable { growing_rows(*rows, row, wanted) } else { wanted.min((*rows).max(1)) };
    chunks.insert(0, rows);
    chunks
}

/// The rows of a chunk, `wanted` at most, of an array that can grow.
fn growing_rows(rows: u64, row_bytes: u64, wanted: u64) -> u64 {
    let rows = rows.max(LEAST_CHUNK.div_ceil(row_bytes));
    let pieces = rows.div_ceil(wanted);
    if pieces <= EVEN { rows.div_ceil(pieces) } else { wanted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(shape: &[u64], compression: Compression, resizable: bool) -> ArraySpec {
        fill_in(&ArraySpec::new(DType::F32, shape).with_resizable(resizable), compression).unwrap()
    }

    #[test]
    fn small_and_uncompressed_arrays_are_contiguous() {
        assert_eq!(layout(&[1 << 20], Compression::Default, false).chunks, None);
        assert_eq!(layout(&[100], Compression::Gzip(4), false).chunks, None);
        assert!(layout(&[100], Compression::Gzip(4), false).validate().is_ok());
        assert_eq!(layout(&[], Compression::Gzip(4), false).codecs, []);
    }

    #[test]
    fn what_can_grow_has_chunks_that_suit_its_length() {
        let chunks = |shape: &[u64]| layout(shape, Compression::Default, true).chunks.unwrap();
        assert_eq!((chunks(&[0]), chunks(&[0, 7]), chunks(&[3])), (vec![64], vec![10, 7], vec![64]));
        assert_eq!((chunks(&[1000]), chunks(&[5, 0])), (vec![1000], vec![64, 1]));
        // No chunk is nearly empty where there are few.
        assert_eq!((chunks(&[1 << 16]), chunks(&[(1 << 16) + 1])), (vec![1 << 16], vec![(1 << 15) + 1]));
        assert_eq!((chunks(&[5_000_000]), chunks(&[600, 1000])), (vec![1 << 16], vec![200, 1000]));
        // A row alone may be more than a chunk wants to be.
        assert_eq!(chunks(&[0, 8 << 20]), [1, 1 << 20]);
    }

    #[test]
    fn what_the_format_lacks_is_chosen_anew() -> Result<()> {
        let mut named = ArraySpec::new(DType::F32, [100, 20]).with_chunks([10, 20]).with_codecs([Codec::Crc32c]);
        named.shards = Some(vec![50, 20]);
        let laid_out = fill_in(&named, Compression::Gzip(1))?;
        assert_eq!((laid_out.shards, laid_out.chunks), (None, Some(vec![10, 20])));
        assert_eq!(laid_out.codecs, [Codec::Zlib { level: 1 }]);
        let with =
            |codecs: &[Codec]| fill_in(&named.clone().with_codecs(codecs), Compression::Default).map(|s| s.codecs);
        assert_eq!(with(&[Codec::Shuffle, Codec::Gzip { level: 7 }])?, [Codec::Shuffle, Codec::Zlib { level: 7 }]);
        assert_eq!(with(&[Codec::Zstd { level: 3 }, Codec::Crc32c])?, [Codec::Zstd { level: 3 }]);
        assert_eq!(with(&[Codec::Shuffle, Codec::named("x")])?, []);
        Ok(())
    }

    #[test]
    fn chunks_are_whole_rows_of_bounded_size() {
        assert_eq!(layout(&[1 << 30], Compression::Lzf, false).chunks, Some(vec![1 << 16]));
        assert_eq!(layout(&[2000], Compression::Lzf, false).chunks, Some(vec![2000]));
        assert_eq!(layout(&[50_000, 50], Compression::Lzf, false).chunks, Some(vec![5242, 50]));
        assert_eq!(layout(&[10, 8 << 20], Compression::Lzf, false).chunks, Some(vec![1, 1 << 20]));
    }

    #[test]
    fn what_is_given_is_kept() -> Result<()> {
        let given = ArraySpec::new(DType::F32, [10_000, 20]).with_chunks([7, 20]).with_codecs([Codec::Shuffle]);
        assert_eq!(fill_in(&given, Compression::Gzip(1))?, given);
        for wrong in [Compression::Gzip(10), Compression::Zstd(-1), Compression::Blosc(10)] {
            assert!(fill_in(&given, wrong).is_err_and(|error| error.is_invalid_input()));
        }
        Ok(())
    }
}
