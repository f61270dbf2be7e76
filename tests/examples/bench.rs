//! The Rust half of `cargo xtask bench`: one measurement, printed as one line of JSON.
//!
//! ```text
//! bench read FILE                                      read the whole object, from an .h5ad or a .zarr
//! bench write FILE OUT [--compression none|gzip] [--durable]   read FILE, then time writing it to OUT
//! bench convert FILE OUT [--memory-limit BYTES] [--durable]    rewrite FILE as OUT
//! bench arrays STORE                                   read the three arrays of the matrix, all at once
//! bench read-limit FILE                                the same bytes, read at their offsets and unpacked to where they stay, nothing else
//! bench limit FILE                                     the same, to memory that is used again, as for what is read and not kept
//! bench write-limit FILE OUT                           the same values, packed as in FILE, and written, nothing else
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anndata::io::ElemReadOptions;
use anndata::storage::{AlignedBytes, ChunkedStorage};
use anndata::{
    AnnData, Array, Codec, Compression, ConvertOptions, Element, Format, Group, Tensor, WriteOptions, ZarrOptions,
};
use libdeflater::{CompressionLvl, Compressor, Decompressor};
use rayon::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What is read of the object: the matrix, beside which the frames are small.
const ARRAYS: [&str; 3] = ["X/data", "X/indices", "X/indptr"];

/// The level at which zarr stores are packed, where none is asked for.
const ZSTD_LEVEL: i32 = 2;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (time, bytes) = match words.as_slice() {
        ["read", file] => read(file)?,
        ["write", file, out, options @ ..] => write(file, out, options)?,
        ["convert", file, out, options @ ..] => convert(file, out, options)?,
        ["arrays", store] => arrays(store)?,
        ["read-limit", file] => limit(file, Kept::All)?,
        ["limit", file] => limit(file, Kept::None)?,
        ["write-limit", file, out] => write_limit(file, out)?,
        _ => return Err("see the top of this example for its arguments".into()),
    };
    let line = serde_json::json!({ "seconds": time.as_secs_f64(), "bytes": bytes });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn read(file: &str) -> Result<(Duration, usize)> {
    let start = Instant::now();
    let adata = read_any(file)?;
    Ok((start.elapsed(), size(&adata)))
}

fn read_any(file: &str) -> anndata::Result<AnnData> {
    anndata::io::read_anndata(&anndata::open(file)?, &ElemReadOptions::default())
}

fn size(adata: &AnnData) -> usize {
    match adata.x() {
        Some(Element::Sparse(x)) => x.data().nbytes() + x.indices().nbytes() + x.indptr().nbytes(),
        Some(Element::Tensor(x)) => x.nbytes(),
        _ => 0,
    }
}

fn write(file: &str, out: &str, options: &[&str]) -> Result<(Duration, usize)> {
    let compression = match value(options, "--compression") {
        Some("gzip") => Compression::Gzip(4),
        Some("none") => Compression::None,
        None => Compression::Default,
        _ => return Err("--compression takes none or gzip".into()),
    };
    let durable = options.contains(&"--durable");
    let adata = read_any(file)?;
    if Path::new(out).is_file() {
        fs::remove_file(out)?;
    }
    let start = Instant::now();
    if Format::for_name(out)? == Format::H5ad {
        let options = WriteOptions::default().with_compression(compression).with_durable(durable);
        anndata::write_h5ad_with(out, &adata, &options)?;
    } else {
        let zarr = ZarrOptions::default().with_durable(durable);
        let options = WriteOptions::default().with_compression(compression).with_zarr(zarr);
        anndata::write_zarr_with(out, &adata, &options)?;
    }
    Ok((start.elapsed(), size(&adata)))
}

fn value<'a>(options: &[&'a str], name: &str) -> Option<&'a str> {
    let at = options.iter().position(|&option| option == name)?;
    options.get(at + 1).copied()
}

fn convert(file: &str, out: &str, options: &[&str]) -> Result<(Duration, usize)> {
    let bytes = ARRAYS.iter().map(|path| bytes_of(&anndata::open(file)?, path)).sum::<Result<usize>>()?;
    let mut convert = ConvertOptions::default().with_durable(options.contains(&"--durable"));
    if let Some(limit) = value(options, "--memory-limit") {
        convert = convert.with_memory_limit(limit.parse()?);
    }
    let start = Instant::now();
    anndata::convert(file, out, &convert)?;
    Ok((start.elapsed(), bytes))
}

fn bytes_of(root: &Group, path: &str) -> Result<usize> {
    let spec = root.array(path)?.spec();
    Ok(usize::try_from(spec.len()?)? * spec.dtype.size().unwrap_or(1))
}

fn arrays(store: &str) -> Result<(Duration, usize)> {
    let start = Instant::now();
    let root = anndata::open(store)?;
    let read = |path: &&str| Ok(root.array(path)?.read()?);
    let tensors = ARRAYS.par_iter().map(read).collect::<Result<Vec<Tensor>>>()?;
    Ok((start.elapsed(), tensors.iter().map(Tensor::nbytes).sum()))
}

/// How the chunks of an array are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Zlib,
    Zstd,
}

impl Packing {
    fn of(array: &Array) -> Result<Self> {
        match array.spec().codecs.as_slice() {
            [] => Ok(Self::None),
            [Codec::Zlib { .. }] => Ok(Self::Zlib),
            [Codec::Zstd { .. }] => Ok(Self::Zstd),
            other => Err(format!("no limit for {other:?}").into()),
        }
    }
}

/// What is kept of what a limit unpacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kept {
    /// All of it, in memory that is new, as that of an object that is read is.
    All,
    /// Nothing: a thread unpacks each chunk to the same memory.
    None,
}

/// Every chunk read at its offset on all cores, and unpacked where it was packed. The chunks of a store are parts of its shards: they
/// are packed anew in memory, by the bare library, and unpacked.
fn limit(file: &str, kept: Kept) -> Result<(Duration, usize)> {
    let root = anndata::open(file)?;
    if Format::for_name(file)? == Format::Zarr {
        return limit_of_store(&root, kept);
    }
    let arrays: Vec<Chunks> = ARRAYS.iter().map(|path| Chunks::of(root.array(path)?)).collect::<Result<_>>()?;
    for array in &arrays {
        array.read(0, &mut Vec::new())?; // The index of chunks is listed once, as any reader has to.
    }
    let start = Instant::now();
    let mut results = Vec::new();
    for array in &arrays {
        let unpack = |position: usize, raw: &mut Vec<u8>, chunk: &mut [u8]| {
            array.read(u64::try_from(position)?, raw)?;
            if array.packing == Packing::Zlib {
                return Ok(Decompressor::new().zlib_decompress(raw, chunk)?);
            }
            chunk.copy_from_slice(raw);
            Ok(raw.len())
        };
        results.push(unpacked(array.count, array.bytes, kept, Vec::new, unpack)?);
    }
    Ok((start.elapsed(), results.iter().map(|(_, bytes)| bytes).sum()))
}

fn limit_of_store(root: &Group, kept: Kept) -> Result<(Duration, usize)> {
    let pieces = pieces(root)?;
    let largest = pieces.iter().map(|(piece, _)| piece.len()).max().unwrap_or(0);
    let packed: Vec<Vec<u8>> =
        pieces.into_par_iter().map(|(piece, packing)| pack(&piece, packing)).collect::<Result<_>>()?;
    let start = Instant::now();
    let unpack = |position: usize, zstd: &mut std::io::Result<zstd::bulk::Decompressor<'_>>, chunk: &mut [u8]| {
        let zstd = zstd.as_mut().map_err(|error| error.to_string())?;
        Ok(zstd.decompress_to_buffer(packed.get(position).ok_or("no such piece")?, chunk)?)
    };
    let (_kept, bytes) = unpacked(packed.len(), largest, kept, zstd::bulk::Decompressor::new, unpack)?;
    Ok((start.elapsed(), bytes))
}

/// Unpacks so many chunks of so many bytes on all cores, with what each thread makes once. Gives what is kept, and the number of bytes.
fn unpacked<T>(
    count: usize,
    bytes: usize,
    kept: Kept,
    make: impl Fn() -> T + Sync,
    unpack: impl Fn(usize, &mut T, &mut [u8]) -> Result<usize> + Sync,
) -> Result<(AlignedBytes, usize)> {
    let mut memory = AlignedBytes::try_zeroed(if kept == Kept::All { count * bytes } else { 0 })?;
    let sum = match kept {
        Kept::All => (memory.as_mut_slice().par_chunks_mut(bytes).enumerate())
            .map_init(&make, |tools, (position, chunk)| unpack(position, tools, chunk))
            .try_reduce(|| 0, |a, b| Ok(a + b)),
        Kept::None => (0..count)
            .into_par_iter()
            .map_init(|| (make(), vec![0; bytes]), |(tools, chunk), position| unpack(position, tools, chunk))
            .try_reduce(|| 0, |a, b| Ok(a + b)),
    };
    Ok((memory, sum?))
}

/// Every chunk packed on all cores where it was packed, and written one after the other.
fn write_limit(file: &str, out: &str) -> Result<(Duration, usize)> {
    let pieces = pieces(&anndata::open(file)?)?;
    let bytes = pieces.iter().map(|(piece, _)| piece.len()).sum();
    let start = Instant::now();
    let mut file = File::create(out)?;
    for batch in pieces.chunks(64) {
        let packed = batch.par_iter().map(|(piece, packing)| pack(piece, *packing)).collect::<Result<Vec<_>>>()?;
        for piece in packed {
            file.write_all(&piece)?;
        }
    }
    Ok((start.elapsed(), bytes))
}

/// The values of the matrix, a mebibyte at a time, and how they are packed.
fn pieces(root: &Group) -> Result<Vec<(Vec<u8>, Packing)>> {
    let mut pieces = Vec::new();
    for path in ARRAYS {
        let array = root.array(path)?;
        let packing = Packing::of(&array)?;
        let values = array.read()?;
        let bytes = values.as_bytes().unwrap_or_default();
        pieces.extend(bytes.chunks(1 << 20).map(|piece| (piece.to_vec(), packing)));
    }
    Ok(pieces)
}

fn pack(piece: &[u8], packing: Packing) -> Result<Vec<u8>> {
    match packing {
        Packing::None => Ok(piece.to_vec()),
        Packing::Zlib => {
            let mut compressor = Compressor::new(CompressionLvl::new(4).map_err(|_| "no such level")?);
            let mut out = vec![0; compressor.zlib_compress_bound(piece.len())];
            let len = compressor.zlib_compress(piece, &mut out)?;
            out.truncate(len);
            Ok(out)
        }
        Packing::Zstd => Ok(zstd::bulk::compress(piece, ZSTD_LEVEL)?),
    }
}

/// An array of the matrix as the chunks that are stored of it.
struct Chunks {
    array: Array,
    packing: Packing,
    count: usize,
    /// The size of each.
    bytes: usize,
}

impl Chunks {
    fn of(array: Array) -> Result<Self> {
        let (packing, spec) = (Packing::of(&array)?, array.spec());
        let chunk = spec.chunks.as_ref().ok_or("an array that is not in chunks")?;
        let bytes = usize::try_from(chunk.iter().product::<u64>())? * spec.dtype.size().unwrap_or(1);
        let count = usize::try_from(spec.chunk_grid().first().copied().unwrap_or(0))?;
        Ok(Self { array, packing, count, bytes })
    }

    /// What is stored of a chunk.
    fn read(&self, position: u64, raw: &mut Vec<u8>) -> Result<()> {
        let chunked: &dyn ChunkedStorage = self.array.inner().as_chunked().ok_or("an array that is not in chunks")?;
        chunked.read_raw(&[position], raw)?.ok_or("a chunk that is not stored")?;
        Ok(())
    }
}
