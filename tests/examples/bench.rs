//! The Rust half of `cargo xtask bench`: one measurement, printed as one line of JSON.
//!
//! ```text
//! bench read FILE                                      read the whole object
//! bench write FILE OUT --compression none|gzip [--durable]   read FILE, then time writing it to OUT
//! bench limit FILE                                     the same bytes, read at their places and inflated, nothing else
//! bench write-limit FILE OUT                           the same values, deflated where FILE is, and written, nothing else
//! ```

use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anndata::storage::ChunkedStorage;
use anndata::{AnnData, Codec, Compression, Element, Group, H5adWriteOptions};
use libdeflater::{CompressionLvl, Compressor, Decompressor};
use rayon::prelude::*;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// What is read of the object: the matrix, beside which the frames are small.
const ARRAYS: [&str; 3] = ["X/data", "X/indices", "X/indptr"];

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (time, bytes) = match words.as_slice() {
        ["read", file] => read(file)?,
        ["write", file, out, options @ ..] => write(file, out, options)?,
        ["limit", file] => limit(file)?,
        ["write-limit", file, out] => write_limit(file, out)?,
        _ => return Err("see the top of this example for its arguments".into()),
    };
    let line = serde_json::json!({ "seconds": time.as_secs_f64(), "bytes": bytes });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

fn read(file: &str) -> Result<(Duration, usize)> {
    let start = Instant::now();
    let adata = anndata::read_h5ad(file)?;
    Ok((start.elapsed(), size(&adata)))
}

fn size(adata: &AnnData) -> usize {
    match adata.x() {
        Some(Element::Sparse(x)) => x.data().nbytes() + x.indices().nbytes() + x.indptr().nbytes(),
        Some(Element::Tensor(x)) => x.nbytes(),
        _ => 0,
    }
}

fn write(file: &str, out: &str, options: &[&str]) -> Result<(Duration, usize)> {
    let compression =
        match options.iter().position(|&option| option == "--compression").and_then(|i| options.get(i + 1)) {
            Some(&"gzip") => Compression::Gzip(4),
            Some(&"none") => Compression::None,
            _ => return Err("--compression takes none or gzip".into()),
        };
    let adata = anndata::read_h5ad(file)?;
    if Path::new(out).exists() {
        fs::remove_file(out)?;
    }
    let options =
        H5adWriteOptions::default().with_compression(compression).with_durable(options.contains(&"--durable"));
    let start = Instant::now();
    anndata::write_h5ad_with(out, &adata, &options)?;
    Ok((start.elapsed(), size(&adata)))
}

/// Every chunk read at its place on all cores, inflated where it was deflated, into a buffer that is used again.
fn limit(file: &str) -> Result<(Duration, usize)> {
    let root = anndata::open(file)?;
    for_each_chunk(&root, |_, _, _| Ok(0))?; // The index of chunks is listed once, as any reader has to.
    let start = Instant::now();
    let bytes = for_each_chunk(&root, |raw, chunk, deflated| {
        if deflated {
            return Ok(Decompressor::new().zlib_decompress(raw, chunk)?);
        }
        chunk.copy_from_slice(raw);
        Ok(chunk.len())
    })?;
    Ok((start.elapsed(), bytes))
}

/// Every chunk deflated on all cores where it was deflated, and written one after the other.
fn write_limit(file: &str, out: &str) -> Result<(Duration, usize)> {
    let root = anndata::open(file)?;
    let mut pieces: Vec<(Vec<u8>, bool)> = Vec::new();
    for path in ARRAYS {
        let array = root.array(path)?;
        let deflated = array.spec().codecs.iter().any(|codec| matches!(codec, Codec::Zlib { .. }));
        let values = array.read()?;
        let bytes = values.as_bytes().unwrap_or_default();
        pieces.extend(bytes.chunks(1 << 20).map(|piece| (piece.to_vec(), deflated)));
    }
    let bytes = pieces.iter().map(|(piece, _)| piece.len()).sum();
    let start = Instant::now();
    let mut file = File::create(out)?;
    for batch in pieces.chunks(64) {
        let encoded = batch.par_iter().map(|(piece, deflated)| encode(piece, *deflated)).collect::<Result<Vec<_>>>()?;
        for piece in encoded {
            file.write_all(&piece)?;
        }
    }
    Ok((start.elapsed(), bytes))
}

fn encode(piece: &[u8], deflated: bool) -> Result<Vec<u8>> {
    if !deflated {
        return Ok(piece.to_vec());
    }
    let mut compressor = Compressor::new(CompressionLvl::new(4).map_err(|_| "no such level")?);
    let mut out = vec![0; compressor.zlib_compress_bound(piece.len())];
    let len = compressor.zlib_compress(piece, &mut out)?;
    out.truncate(len);
    Ok(out)
}

/// Runs a function on all chunks of the matrix, on all cores: stored bytes, a buffer of a chunk's size, whether the
/// bytes are deflated. Gives the sum of what it returns.
fn for_each_chunk(root: &Group, visit: impl Fn(&[u8], &mut [u8], bool) -> Result<usize> + Sync) -> Result<usize> {
    let mut total = 0;
    for path in ARRAYS {
        let array = root.array(path)?;
        let spec = array.spec();
        let (Some(chunked), Some(chunks)) = (array.inner().as_chunked(), &spec.chunks) else {
            return Err(format!("{path} is not in chunks").into());
        };
        let chunked: &dyn ChunkedStorage = chunked;
        let len = usize::try_from(chunks.iter().product::<u64>())? * spec.dtype.size().unwrap_or(1);
        let deflated = spec.codecs.iter().any(|codec| matches!(codec, Codec::Zlib { .. }));
        let count = spec.chunk_grid().first().copied().unwrap_or(0);
        total += (0..count)
            .into_par_iter()
            .map_init(
                || (Vec::new(), vec![0; len]),
                |(raw, chunk), position| {
                    chunked.read_raw(&[position], raw)?;
                    visit(raw, chunk, deflated)
                },
            )
            .try_reduce(|| 0, |a, b| Ok(a + b))?;
    }
    Ok(total)
}
