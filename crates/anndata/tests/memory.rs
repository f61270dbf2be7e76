//! Converting takes no more memory than it is given, and gives the same whatever that is.
#![cfg(all(target_os = "linux", feature = "hdf5", feature = "zarr"))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;

use anndata::{AnnData, Compression, ConvertOptions, DataFrame, SparseFormat, SparseMatrix, Tensor, WriteOptions};

const MIB: u64 = 1 << 20;

/// Numbers without order (Lehmer).
fn random(count: usize) -> impl Iterator<Item = i32> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state = state * 48_271 % 0x7fff_ffff;
        i32::try_from(state).unwrap_or(0)
    })
    .take(count)
}

/// 96 MiB of values: a sparse matrix, a dense one and text.
fn write_object(path: &Path) {
    let (rows, columns, per_row) = (50_000, 10_000, 120);
    let data = random(rows * per_row).map(|n| f32::from(u8::try_from(n % 7).unwrap())).collect();
    let indices = random(rows * per_row).zip(0..).map(|(n, at)| at % 120 * 80 + n % 80).collect();
    let indptr = (0..=rows).map(|row| i32::try_from(row * per_row).unwrap()).collect();
    let x = SparseMatrix::new(
        SparseFormat::Csr,
        (rows, columns),
        Tensor::from_vec([rows * per_row], data).unwrap(),
        Tensor::from_vec([rows * per_row], indices).unwrap(),
        Tensor::from_vec([rows + 1], indptr).unwrap(),
    );
    let adata = AnnData::builder()
        .x(x.unwrap())
        .obs(DataFrame::new((0..rows).map(|row| format!("cell number {row}"))))
        .obsm("dense", Tensor::from_vec([rows, 250], random(rows * 250).map(|n| n % 1000).collect()).unwrap())
        .build()
        .unwrap();
    let options = WriteOptions::default().with_compression(Compression::Gzip(1)).with_durable(false);
    anndata::write_h5ad_with(path, &adata, &options).unwrap();
}

/// The number of bytes behind a name in the status of this process.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// The most memory that the process has while it does something, beyond what it had before.
fn peak(work: impl FnOnce()) -> u64 {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = status("VmRSS");
    work();
    status("VmHWM").saturating_sub(before)
}

#[test]
fn the_limit_of_memory_is_kept_and_changes_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("a.h5ad");
    write_object(&input);
    let convert = |name: &str, limit: u64| {
        let output = folder.path().join(name);
        let options = ConvertOptions::default().with_memory_limit(limit).with_durable(false);
        let peak = peak(|| drop(anndata::convert(&input, &output, &options).unwrap()));
        (output, peak)
    };
    for format in ["h5ad", "zarr"] {
        let (small, small_peak) = convert(&format!("small.{format}"), 16 * MIB);
        let (large, large_peak) = convert(&format!("large.{format}"), 512 * MIB);
        println!("{format}: {} MiB with 16, {} MiB with 512", small_peak / MIB, large_peak / MIB);
        assert!(small_peak < 32 * MIB, "{format}: {} MiB with 16", small_peak / MIB);
        assert!(large_peak > small_peak + 16 * MIB, "{format}: {} MiB with 512", large_peak / MIB);
        assert_eq!(read(&small), read(&large), "{format}");
    }
}

fn read(path: &Path) -> AnnData {
    anndata::io::read_anndata(&anndata::open(path).unwrap(), &anndata::io::ElemReadOptions::default()).unwrap()
}
