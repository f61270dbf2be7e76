//! Stored chunks and shards are copied as they are where they fit, and only there.

use std::path::Path;

use anndata::experimental::{Grid, OnDiskOptions, concat_on_disk};
use anndata::storage::{Array, NodeKind};
use anndata::{
    AnnData, AxisSelection, Compression, ConcatOptions, DataFrame, Error, Group, Result, Sharding, Tensor,
    WriteOptions, ZarrFormat, concat,
};
use anndata_tests::stores;

use super::{files, joined, matrix};

const COLUMNS: usize = 500;

/// Objects with a sparse and a dense matrix, of so many rows each, of the same variables.
fn objects(rows: &[usize]) -> Result<Vec<AnnData>> {
    let object = |(seed, &rows): (usize, &usize)| {
        let dense: Vec<f64> =
            (0..rows * 40).map(|at| f64::from(u32::try_from(at * 13 + seed).unwrap() % 997)).collect();
        AnnData::builder()
            .x(matrix(rows, COLUMNS, 50, seed)?)
            .layer("dense", matrix(rows, COLUMNS, 50, seed)?.to_dense()?)
            .obsm("pca", Tensor::from_vec([rows, 40], dense)?)
            .obs(DataFrame::new((0..rows).map(|row| format!("{seed}-{row}"))))
            .var(DataFrame::new((0..COLUMNS).map(|gene| format!("g{gene}"))))
            .build()
    };
    rows.iter().enumerate().map(|(seed, rows)| object((seed, rows))).collect()
}

fn array(path: &Path, key: &str) -> Result<Array> {
    anndata::open(path)?.array(key)
}

/// The stored bytes of a piece.
fn piece(array: &Array, position: &[u64]) -> Result<Vec<u8>> {
    let pieces = array.inner().as_pieces().unwrap();
    let mut bytes = Vec::new();
    let anndata::storage::PieceState::Stored(len) = pieces.state(position)? else { panic!("{position:?}") };
    pieces.read(position, 0..len, &mut bytes)?;
    Ok(bytes)
}

#[test]
fn chunks_of_the_first_input_and_of_aligned_ones_are_copied() -> Result<()> {
    // Chunks of 262,144 and 131 rows; the second object begins where a chunk of its dense matrix does.
    let objects = objects(&[131 * 8, 131 * 8, 700])?;
    let expected = concat(&objects.iter().collect::<Vec<_>>(), &ConcatOptions::default())?;
    for (ending, write) in [
        ("h5ad", WriteOptions::default().with_compression(Compression::Gzip(1)).with_chunk_rows(131)),
        ("zarr", WriteOptions::default().with_sharding(Sharding::Off).with_chunk_rows(131)),
        ("zarr", WriteOptions::default().with_zarr_format(ZarrFormat::V2).with_chunk_rows(131)),
        ("zarr.zip", WriteOptions::default().with_sharding(Sharding::Off).with_chunk_rows(131)),
    ] {
        let folder = tempfile::tempdir()?;
        let same = write.clone();
        for copy in [true, false] {
            let options = OnDiskOptions::default().with_write(same.clone().with_overwrite(true)).with_copy_chunks(copy);
            for memory in [20_000, 512 << 20] {
                let (paths, output, report) =
                    joined(folder.path(), &objects, ending, &write, &options.clone().with_memory_limit(memory))?;
                let read = anndata::read(&output)?;
                assert_eq!((read.x(), read.layer(Some("dense"))), (expected.x(), expected.layer(Some("dense"))));
                assert_eq!(read.obsm()["pca"], expected.obsm()["pca"]);
                assert_eq!(report.chunks_copied > 0, copy, "{ending} {report:?}");
                if copy {
                    // Eight chunks of each of two objects, of two matrices; the last object is the end of the output.
                    assert!(report.chunks_copied >= 16 * 2, "{ending} {report:?}");
                    let (first, second) = (array(&paths[0], "layers/dense")?, array(&paths[1], "layers/dense")?);
                    let all = array(&output, "layers/dense")?;
                    assert_eq!(piece(&all, &[7, 0])?, piece(&first, &[7, 0])?, "{ending}");
                    assert_eq!(piece(&all, &[8, 0])?, piece(&second, &[0, 0])?, "{ending}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn whole_shards_are_copied_and_the_layout_is_that_of_the_inputs() -> Result<()> {
    let objects = objects(&[2000, 1200])?;
    let expected = concat(&objects.iter().collect::<Vec<_>>(), &ConcatOptions::default())?;
    let folder = tempfile::tempdir()?;
    let layout = anndata::storage::ArrayLayout::default();
    let write = WriteOptions::default()
        .with_layout("layers/dense", layout.clone().with_chunks([50, 500]).with_shards([200, 500]))
        .with_layout("X/data", layout.with_chunks([20_000]).with_shards([40_000]));
    let (paths, output, report) = joined(folder.path(), &objects, "zarr", &write, &OnDiskOptions::default())?;
    assert_eq!(anndata::read(&output)?.x(), expected.x());
    assert_eq!(anndata::read(&output)?.layer(Some("dense")), expected.layer(Some("dense")));
    for key in ["layers/dense", "X/data"] {
        let (input, all) = (array(&paths[0], key)?.spec(), array(&output, key)?.spec());
        assert_eq!((&input.chunks, &input.shards), (&all.chunks, &all.shards), "{key}");
    }
    let (own, all) = (files(&paths[0].join("layers/dense")), files(&output.join("layers/dense")));
    for shard in 0..10 {
        assert_eq!(own[&format!("c/{shard}/0")], all[&format!("c/{shard}/0")]);
    }
    assert!(report.chunks_copied >= 16 + 2 && report.bytes_copied > 0, "{report:?}");
    // Where another layout is asked for, that is what comes out.
    let gzip = WriteOptions::default().with_compression(Compression::Gzip(1)).with_overwrite(true);
    let report =
        concat_on_disk([("a", &paths[0]), ("b", &paths[1])], &output, &OnDiskOptions::default().with_write(gzip))?;
    assert_eq!(report.chunks_copied, 0);
    assert_eq!(array(&output, "X/data")?.spec().codecs, [anndata::Codec::Gzip { level: 1 }]);
    Ok(())
}

/// Every array of a file with all filters and layouts, chunks that were never written, and one that was stored without its
/// filters, copied into an array of the same layout.
#[test]
fn pieces_of_every_layout_are_copied() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (mut copied, mut odd) = (0, 0);
    for name in ["filters", "filters-latest"] {
        let source = anndata::open(Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/h5ad/{name}.h5ad")))?;
        let target = stores::hdf5(&folder.path().join(format!("{name}.h5")))?;
        each_array(&source, &mut |array| {
            let spec = array.spec();
            if array.inner().as_pieces().is_none() || spec.resizable {
                return Ok(());
            }
            let Ok(made) = target.create_array(array.path(), &spec) else { return Ok(()) };
            let Some(copy) = array.pieces_for(&made, 0)? else { return Ok(()) };
            let done = copy.run(0, &mut |_, _| Ok(()))?;
            (copied, odd) = (copied + done.pieces, odd + done.encoded);
            assert_eq!(made.read()?, array.read()?, "{}", array.path());
            Ok(())
        })?;
    }
    assert!(copied > 10 && odd > 0, "{copied} {odd}");
    Ok(())
}

fn each_array(group: &Group, run: &mut dyn FnMut(&Array) -> Result<()>) -> Result<()> {
    for key in group.children()? {
        match group.kind(&key)? {
            Some(NodeKind::Group) => each_array(&group.group(&key)?, run)?,
            Some(NodeKind::Array) => run(&group.array(&key)?)?,
            None => return Err(Error::not_found(key)),
        }
    }
    Ok(())
}

/// Reads an output and its inputs, and compares their matrices.
const PYTHON: &str = "
import sys, zarr, anndata as ad, numpy as np
zarr.config.set({'array.rectilinear_chunks': True})
all, *inputs = [ad.read_zarr(path) for path in sys.argv[1:]]
for get in (lambda a: a.X.toarray(), lambda a: a.layers['dense'], lambda a: a.obsm['pca']):
    assert np.array_equal(get(all), np.concatenate([get(one) for one in inputs])), get
print('equal')
";

#[test]
fn chunks_of_unequal_length_follow_each_other() -> Result<()> {
    let rows = [1000_usize, 700, 1300];
    let objects = objects(&rows)?;
    let expected = concat(&objects.iter().collect::<Vec<_>>(), &ConcatOptions::default())?;
    let dense = expected.layer(Some("dense")).unwrap().to_tensor()?;
    let cut = OnDiskOptions::default().with_grid(Grid::Rectilinear);
    for memory in [20_000, 512 << 20] {
        let folder = tempfile::tempdir()?;
        let write = WriteOptions::default().with_sharding(Sharding::Off).with_chunk_rows(131);
        let options = cut.clone().with_memory_limit(memory);
        let (paths, output, report) = joined(folder.path(), &objects, "zarr", &write, &options)?;
        let read = anndata::read(&output)?;
        assert_eq!((read.x(), read.layer(Some("dense"))), (expected.x(), expected.layer(Some("dense"))));
        let stored = array(&output, "layers/dense")?;
        let grid = vec![(131, 7), (83, 1), (131, 5), (45, 1), (131, 9), (121, 1)];
        assert_eq!((&stored.spec().grid, &stored.spec().shards), (&grid, &None));
        assert_eq!(array(&output, "X/data")?.spec().grid, [(50_000, 1), (35_000, 1), (65_000, 1)]);
        // 21 chunks of the dense matrix, and the data and indices of each sparse one.
        assert!(report.chunks_copied >= 21 + 6, "{report:?}");
        assert_eq!(piece(&stored, &[8, 0])?, piece(&array(&paths[1], "layers/dense")?, &[0, 0])?);

        let columns = AxisSelection::Range(3..400);
        for some in [
            AxisSelection::Range(0..3000),
            AxisSelection::Range(990..1010),
            AxisSelection::Range(1700..1700),
            AxisSelection::from(vec![2999, 0, 1000, 999, 1699, 1700, 5, 5]),
        ] {
            let selection = [some, columns.clone()];
            assert_eq!(stored.read_selection(&selection)?, dense.select(&selection)?);
        }
        let runs = [990..1010, 0..3, 2990..3000];
        let (data, all) = (array(&output, "X/data")?, array(&output, "X/data")?.read()?);
        let wanted: Vec<u64> = runs.iter().cloned().flatten().collect();
        assert_eq!(data.read_runs(&runs)?, all.take(0, &wanted)?);

        if let Some(python) = std::env::var_os("ANNDATA_PYTHON") {
            let run = std::process::Command::new(python)
                .args(["-W", "ignore", "-c", PYTHON])
                .arg(&output)
                .args(&paths)
                .output()?;
            assert_eq!(
                String::from_utf8_lossy(&run.stdout).trim(),
                "equal",
                "{}",
                String::from_utf8_lossy(&run.stderr)
            );
        }
        let rewritten = folder.path().join("again.zarr");
        anndata::convert(&output, &rewritten, &anndata::ConvertOptions::default())?;
        assert_eq!(anndata::read(&rewritten)?.x(), expected.x());
        for (name, write) in [
            ("no.h5ad", WriteOptions::default()),
            ("no.zarr", WriteOptions::default().with_zarr_format(ZarrFormat::V2)),
        ] {
            let output = folder.path().join(name);
            let inputs = paths.iter().enumerate().map(|(at, path)| (at.to_string(), path));
            let error = concat_on_disk(inputs, &output, &cut.clone().with_write(write)).unwrap_err();
            assert!(error.is_unsupported() && error.message().contains("zarr version 3"), "{error}");
            assert!(!output.exists());
        }
    }
    Ok(())
}

#[test]
fn blocks_are_written_across_chunks_of_unequal_length() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let values = Tensor::from_vec([20, 3], (0..60).collect::<Vec<i32>>())?;
    for shards in [None, Some(vec![8, 3])] {
        let path = folder.path().join(format!("{}.zarr", shards.is_some()));
        let mut spec = anndata::ArraySpec::of(&values).with_chunks(if shards.is_some() { [2, 3] } else { [8, 3] });
        (spec.grid, spec.shards) = (vec![(4, 2), (8, 1), (2, 2)], shards);
        anndata::zarr::write_atomic(&path, &anndata::ZarrOptions::default(), false, |root| {
            let array = root.create_array("a", &spec)?;
            assert!(array.resize(&[30, 3]).is_err_and(|error| error.is_invalid_input() || error.is_unsupported()));
            for start in [9, 0, 18, 3, 6, 12, 15] {
                array.write(&[start as u64, 0], &values.slice_rows(start..(start + 3).min(20))?)?;
            }
            assert_eq!(array.read()?, values);
            Ok(())
        })?;
        let array = anndata::zarr::open_path(&path)?.array("a")?;
        assert_eq!((array.read()?, &array.spec().grid), (values.clone(), &spec.grid));
        let mut short = spec.clone();
        short.grid = vec![(4, 2)];
        let error = stores::memory().create_array("a", &short).unwrap_err();
        assert!(
            error.is_invalid_input() && error.message().contains("do not fit an array of shape [20, 3]"),
            "{error}"
        );
        assert!(stores::memory().create_array("a", &spec).is_err_and(|error| error.is_unsupported()));
        assert!(
            stores::hdf5(&path.with_extension("h5"))?
                .create_array("a", &spec)
                .is_err_and(|error| error.is_unsupported())
        );
    }
    Ok(())
}
