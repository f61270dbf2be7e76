//! Concatenation on disk is concatenation, in bounded memory, and loses nothing.
#![cfg(all(feature = "experimental", feature = "testing", feature = "hdf5", feature = "zarr"))]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};

use anndata::experimental::{OnDiskOptions, concat_on_disk, plan_on_disk};
use anndata::testing::{RandomAnnData, RandomX};
use anndata::{
    AnnData, ConcatAxis, ConcatOptions, DType, DataFrame, Join, Merge, Result, SparseFormat, SparseMatrix, Tensor,
    WriteOptions, concat_named,
};

/// Objects of every kind of element in files of every format, which share some of their names.
fn inputs(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let kinds = [
        (RandomX::Csr, DType::F32, "a.h5ad"),
        (RandomX::Csc, DType::I16, "b.zarr"),
        (RandomX::Dense, DType::I64, "c.zarr.zip"),
        (RandomX::Csr, DType::F32, "d.h5ad"),
    ];
    let written = kinds.into_iter().zip(0_u64..).map(|((x, dtype, name), seed)| {
        let whole = RandomAnnData::new(9, 12).with_x(x).with_dtype(dtype).with_density(0.3).with_seed(seed).make()?;
        let var: Vec<u64> = (0..12).filter(|var| (var + seed) % 4 != 0).rev().collect();
        let mut part = whole.select(0..9 - usize::try_from(seed).unwrap(), var)?.load()?;
        if seed == 1 {
            part.remove_layer(Some("sparse"));
            part.remove_obs_column("floats");
        }
        let path = folder.join(name);
        anndata::write(&path, &part)?;
        Ok((name.split('.').next().unwrap().to_owned(), path))
    });
    written.collect()
}

#[test]
fn it_is_the_concatenation_in_memory() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let inputs = inputs(folder.path())?;
    let objects = inputs.iter().map(|(key, path)| Ok((key, anndata::read(path)?))).collect::<Result<Vec<_>>>()?;
    let mut outputs = ["h5ad", "zarr", "zarr.zip"].into_iter().cycle();
    for axis in [ConcatAxis::Obs, ConcatAxis::Var] {
        for join in [Join::Inner, Join::Outer] {
            for merge in [Merge::Off, Merge::First] {
                let mut concat = ConcatOptions::default().with_axis(axis).with_join(join).with_merge(merge.clone());
                concat = concat.with_uns_merge(merge).with_label("from").with_index_unique("-").with_pairwise(true);
                let output = folder.path().join(format!("out.{}", outputs.next().unwrap()));
                let expected = concat_named(objects.iter().map(|(key, object)| (key.as_str(), object)), &concat)?;
                let write = WriteOptions::default().with_overwrite(true).with_durable(false);
                // In blocks of a few values, and in one.
                for memory_limit in [200, 512 << 20] {
                    let options = OnDiskOptions::default().with_concat(concat.clone()).with_write(write.clone());
                    let options = options.with_memory_limit(memory_limit);
                    let (plan, bytes) = plan_on_disk(inputs.clone(), &output, &options)?;
                    let report = concat_on_disk(inputs.clone(), &output, &options)?;
                    assert!(bytes > 0 && report.bytes_written > 0);
                    assert_eq!(plan.shape(), expected.shape());
                    // Stored once, so that layers are in the order in which a store has them.
                    let reference = folder.path().join("reference.h5ad");
                    anndata::write(&reference, &expected)?;
                    let (read, reference) = (anndata::read(&output)?, anndata::read(&reference)?);
                    assert_eq!(read.to_string(), reference.to_string());
                    assert_eq!(read, reference, "{concat:?}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn what_is_dropped_is_told() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("out.zarr");
    let report = concat_on_disk(inputs(folder.path())?, &output, &OnDiskOptions::default())?;
    for path in ["layers/sparse", "obs/floats", "obsp/array", "uns/nested", "var/text", "varm/array"] {
        assert!(report.dropped.iter().any(|dropped| dropped == path), "{path} is not in {:?}", report.dropped);
    }
    assert!(!report.dropped.iter().any(|dropped| dropped == "X" || dropped.starts_with("obsm/")));
    Ok(())
}

#[test]
fn inputs_are_never_lost() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut inputs = inputs(folder.path())?;
    let options = OnDiskOptions::default().with_write(WriteOptions::default().with_overwrite(true));
    let refused = |inputs: &[(String, PathBuf)], output: &Path, options: &OnDiskOptions| {
        let before = std::fs::read_dir(folder.path()).unwrap().count();
        let error = concat_on_disk(inputs.to_vec(), output, options).unwrap_err();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), before, "{error}");
        error
    };
    for (_, path) in &inputs {
        let error = refused(&inputs, path, &options);
        assert!(error.is_invalid_input() && error.message().starts_with("it is one of the inputs"), "{error}");
        assert_eq!(error.file(), Some(path.as_path()));
    }
    #[cfg(unix)]
    {
        let link = folder.path().join("link.h5ad");
        std::os::unix::fs::symlink(&inputs[0].1, &link)?;
        assert!(refused(&inputs, &link, &options).is_invalid_input());
    }
    let within = folder.path().join("b.zarr").join("out.zarr");
    assert_eq!(refused(&inputs, &within, &options).message(), "it would be written into the input");
    let existing = folder.path().join("there.zarr");
    anndata::write(&existing, &AnnData::builder().shape(1, 1).build()?)?;
    assert!(refused(&inputs, &existing, &OnDiskOptions::default()).is_already_exists());
    assert_eq!(anndata::read(&existing)?.shape(), (1, 1));
    let missing = folder.path().join("missing.h5ad");
    inputs.push(("z".to_owned(), missing.clone()));
    let error = refused(&inputs, &folder.path().join("new.h5ad"), &options);
    assert!(error.is_not_found() && error.file() == Some(missing.as_path()), "{error}");
    // A file that ends too early is found while it is read.
    std::fs::write(&missing, &std::fs::read(&inputs[0].1)?[..4000])?;
    let error = refused(&inputs, &folder.path().join("new.h5ad"), &options);
    assert_eq!(error.file(), Some(missing.as_path()), "{error}");
    Ok(())
}

/// The number of bytes behind a name in the status of this process.
#[cfg(target_os = "linux")]
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_the_inputs() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (rows, columns, per_row) = (20_000_usize, 2_000_usize, 100_usize);
    let inputs = (0..4_usize).map(|number| {
        let data: Vec<f32> =
            (0..rows * per_row).map(|at| f32::from(u8::try_from((at * 7 + number) % 251).unwrap())).collect();
        let indices: Vec<i32> =
            (0..rows * per_row).map(|at| i32::try_from(at % per_row * 20 + at / per_row % 20).unwrap()).collect();
        let indptr: Vec<i32> = (0..=rows).map(|row| i32::try_from(row * per_row).unwrap()).collect();
        let x = SparseMatrix::new(
            SparseFormat::Csr,
            (rows, columns),
            Tensor::from_vec([rows * per_row], data)?,
            Tensor::from_vec([rows * per_row], indices)?,
            Tensor::from_vec([rows + 1], indptr)?,
        )?;
        let names = (0..columns).map(|gene| format!("g{}", gene + number * 10));
        let path = folder.path().join(format!("{number}.h5ad"));
        let obs = DataFrame::new((0..rows).map(|row| format!("cell number {row} of {number}")));
        anndata::write(&path, &AnnData::builder().x(x).obs(obs).var(DataFrame::new(names)).build()?)?;
        Ok((number.to_string(), path))
    });
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    for (join, output) in [(Join::Outer, "out.h5ad"), (Join::Inner, "out.zarr")] {
        let concat = ConcatOptions::default().with_join(join).with_index_unique("-");
        let write = WriteOptions::default().with_durable(false);
        let options = OnDiskOptions::default().with_concat(concat).with_write(write).with_memory_limit(16 << 20);
        let output = folder.path().join(output);
        std::fs::write("/proc/self/clear_refs", "5")?;
        let before = status("VmRSS");
        concat_on_disk(inputs.clone(), &output, &options)?;
        let peak = status("VmHWM").saturating_sub(before);
        // 61 MiB of values and 2 MiB of names went by.
        assert!(peak < 32 << 20, "{} MiB", peak >> 20);
        assert_eq!(anndata::read_lazy(&output)?.n_obs(), 4 * rows);
    }
    Ok(())
}
