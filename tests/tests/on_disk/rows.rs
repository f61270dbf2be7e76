//! Rows of arrays that are not compressed are copied value by value, and checked on the way.

use std::path::PathBuf;

use anndata::experimental::{OnDiskOptions, concat_on_disk};
use anndata::{AnnData, Compression, ConcatOptions, DataFrame, Join, Result, Tensor, WriteOptions, concat, write_with};

use super::matrix;

/// An object of so many rows, with the first of the variables.
fn object(seed: usize, rows: usize, columns: usize) -> Result<AnnData> {
    let depth =
        |rows: usize| -> Vec<f64> { (0..rows).map(|row| f64::from(u32::try_from(row * 7 + seed).unwrap())).collect() };
    let names = (0..rows).map(|row| format!("{seed}-{row}"));
    AnnData::builder()
        .x(matrix(rows, columns, 20, seed)?)
        .obsm("pca", Tensor::from_vec([rows, 3], depth(rows * 3))?)
        .obs(DataFrame::new(names).with_column("depth", depth(rows))?)
        .var(DataFrame::new((0..columns).map(|gene| format!("g{gene:03}"))))
        .build()
}

#[test]
fn values_are_those_in_memory() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (none, gzip) = (Compression::None, Compression::Gzip(1));
    let objects = [object(0, 7000, 400)?, object(1, 3000, 300)?, object(2, 1, 400)?, object(3, 5000, 400)?];
    let places = [("a.h5ad", none), ("b.h5ad", none), ("c.zarr", gzip), ("d.h5ad", gzip)];
    for ((name, compression), object) in places.into_iter().zip(&objects) {
        let options = WriteOptions::default().with_compression(compression).with_chunk_rows(100);
        write_with(folder.path().join(name), object, &options)?;
    }
    let inputs: Vec<(&str, PathBuf)> = places.iter().map(|(name, _)| (*name, folder.path().join(name))).collect();
    for join in [Join::Inner, Join::Outer] {
        let options = ConcatOptions::default().with_join(join);
        let expected = concat(&objects.iter().collect::<Vec<_>>(), &options)?;
        for memory in [1, 20_000, 512 << 20] {
            let output = folder.path().join("all.h5ad");
            let write = WriteOptions::default().with_compression(none).with_overwrite(true);
            let options = OnDiskOptions::default().with_concat(options.clone()).with_write(write);
            let report = concat_on_disk(inputs.clone(), &output, &options.with_memory_limit(memory))?;
            let read = anndata::read(&output)?;
            assert_eq!((read.x(), &read.obsm()["pca"]), (expected.x(), &expected.obsm()["pca"]));
            assert_eq!(read.obs().column("depth")?, expected.obs().column("depth")?);
            assert!(report.bytes_written > 15_001 * 20 * 8, "{report:?}");
        }
    }
    Ok(())
}

#[test]
fn an_index_beyond_the_axis_of_its_matrix_is_an_error() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [first, second, output] = ["a.h5ad", "b.h5ad", "all.h5ad"].map(|name| folder.path().join(name));
    // An index that the first matrix could have, as it has more columns.
    for index in [300, -1, 400] {
        let write = WriteOptions::default().with_compression(Compression::None).with_overwrite(true);
        write_with(&first, &object(0, 500, 400)?, &write)?;
        write_with(&second, &object(1, 10_000, 300)?, &write)?;
        let root = anndata::open_rw(&second)?;
        root.array("X/indices")?.write(&[150_000], &Tensor::from_vec([1], vec![index])?)?;
        root.storage().commit()?;
        drop(root);
        for memory in [20_000, 512 << 20] {
            let options = OnDiskOptions::default().with_concat(ConcatOptions::default().with_join(Join::Outer));
            let options = options.with_write(WriteOptions::default().with_compression(Compression::None));
            let error = concat_on_disk([("a", &first), ("b", &second)], &output, &options.with_memory_limit(memory));
            let error = error.unwrap_err().to_string();
            // Within little memory blocks of the matrix are read.
            let place = if memory > 1 << 20 {
                "b.h5ad: X/indices: index {} at position 150000"
            } else {
                "b.h5ad: X: index {} at"
            };
            let expected = [&place.replace("{}", &index.to_string()), "is out of bounds of an axis of length 300"];
            assert!(expected.iter().all(|part| error.contains(*part)) && !output.exists(), "{error}");
        }
    }
    Ok(())
}
