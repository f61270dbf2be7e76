//! Loaders: which rows come, in which order, with what, and in which memory.
// Long file: all that has to hold for every order, tail and number of ranks is said of the same collection.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use anndata_core::{
    AnnData, Column, ConcatOptions, DType, DataFrame, Error, Join, Result, SparseFormat, SparseMatrix, Tensor,
};
use anndata_experimental::{
    Batch, BatchMatrix, Collection, Draw, Encoder, Fields, Loader, LoaderOptions, LoaderState, MatrixRef, Order, Rank,
    RowSet, Sampling, Tail, Unit, Want, Weights,
};
use anndata_format::Group;
use anndata_format::io::{self, ElemWriteOptions};
use anndata_io_hdf5::{Hdf5Options, Hdf5Store, write_atomic};

fn write(path: &Path, adata: &AnnData) -> Result<()> {
    write_atomic(path, true, false, |store| {
        let store: Arc<Hdf5Store> = Arc::clone(store);
        io::write_anndata(&Group::root(store), adata, &ElemWriteOptions::default())
    })
}

fn open(path: &Path) -> Result<Group> {
    Ok(Group::root(Arc::new(Hdf5Store::open(path, &Hdf5Options::default())?)))
}

/// An object whose rows can be told: the first variable of row `r` is `first + r`, and another one or two have values, or none.
fn object(first: u16, rows: u16, dtype: &DType) -> Result<AnnData> {
    let width = 6;
    let mut values = vec![0.0_f64; usize::from(rows) * width];
    for row in 0..rows {
        let id = first + row;
        let own = &mut values[usize::from(row) * width..][..width];
        own[0] = f64::from(id);
        own[1 + usize::from(id % 5)] = 0.5 * f64::from(id % 7);
    }
    let dense = Tensor::from_vec([usize::from(rows), width], values)?.cast(dtype)?;
    let kinds = (0..rows).map(|row| ["T", "B", "NK"][usize::from((first + row) % 3)]);
    let obs = DataFrame::new((0..rows).map(|row| format!("c{}", first + row)))
        .with_column("kind", Column::categorical_from_strings(kinds)?)?
        .with_column("row", (0..rows).map(|row| i64::from(first + row)).collect::<Vec<_>>())?;
    AnnData::builder()
        .x(SparseMatrix::from_dense(&dense, SparseFormat::Csr)?)
        .layer("dense", dense.clone())
        .obsm("X_pca", dense.clone())
        .obs(obs)
        .var(DataFrame::new(["id", "A", "B", "C", "D", "E"]))
        .build()
}

/// Three stores of 50, 1 and 86 rows.
fn collection() -> Result<Collection> {
    let objects =
        [("a", object(0, 50, &DType::F32)?), ("b", object(50, 1, &DType::F32)?), ("c", object(51, 86, &DType::F32)?)];
    Collection::new(objects, &ConcatOptions::default())
}

const ROWS: u64 = 137;

/// The same in files.
fn stored(folder: &Path) -> Result<Collection> {
    let files = [(0, 50), (50, 1), (51, 86)].map(|(first, rows)| {
        let path = folder.join(format!("{first}.h5ad"));
        write(&path, &object(first, rows, &DType::F32)?)?;
        Ok::<_, Error>((format!("{first}"), path))
    });
    Collection::open(files.into_iter().collect::<Result<Vec<_>>>()?, &ConcatOptions::default(), open)
}

fn all_fields(data: &Collection) -> Result<Fields> {
    Ok(Fields::x(Want::csr())
        .with_matrix(MatrixRef::Layer(Some("dense".to_owned())), Want::dense(DType::F32))
        .with_matrix(MatrixRef::Obsm("X_pca".to_owned()), Want::dense(DType::F64))
        .with_obs(["kind", "row"])
        .with_labels("kind", Encoder::fit(data, "kind")?))
}

fn id(row: u64) -> f64 {
    f64::from(u32::try_from(row).unwrap())
}

/// All that a batch has says that it is of the same rows, which are returned.
fn rows(data: &Collection, batch: &Batch) -> Result<Vec<u64>> {
    let lens: Vec<u64> = data.plan().lengths.iter().map(|&len| len as u64).collect();
    let rows: Vec<u64> = batch
        .rows
        .iter()
        .map(|row| row.row + lens[..usize::try_from(row.store).unwrap()].iter().sum::<u64>())
        .collect();
    let mut dense = Vec::new();
    for (name, matrix) in &batch.matrices {
        let values = matrix.to_dense(&DType::F64)?;
        let expected = match (name, matrix) {
            (MatrixRef::Layer(None), BatchMatrix::Csr(_)) | (_, BatchMatrix::Dense(_)) => (rows.len(), 6),
            other => panic!("{other:?}"),
        };
        assert_eq!(matrix.shape(), expected);
        let ids: Vec<f64> = values.as_slice::<f64>()?.chunks(6).map(|row| row[0]).collect();
        assert_eq!(ids, rows.iter().map(|&row| id(row)).collect::<Vec<_>>(), "{name}");
        dense.push(values);
    }
    assert!(dense.windows(2).all(|pair| pair[0] == pair[1]));
    if batch.obs.num_columns() > 0 {
        let obs = DataFrame::from_record_batch(&batch.obs, None)?;
        let own = obs.column("row")?.to_vec::<i64>()?;
        assert!(own.iter().zip(&rows).all(|(&own, &row)| own == i64::try_from(row).unwrap()));
        let kinds = obs.column("kind")?.to_vec::<String>()?;
        let labels = batch.labels["kind"].as_slice::<i64>()?;
        for (kind, label) in kinds.iter().zip(labels) {
            assert_eq!(["B", "NK", "T"][usize::try_from(*label).unwrap()], kind);
        }
    }
    Ok(rows)
}

/// The rows of an epoch, batch by batch, and how many are padding.
fn epoch(data: &Collection, loader: &Loader, number: u64) -> Result<Vec<(Vec<u64>, u32)>> {
    loader.epoch(number)?.map(|batch| batch.and_then(|batch| Ok((rows(data, &batch)?, batch.padding)))).collect()
}

fn orders() -> Vec<Order> {
    vec![
        Order::Sequential,
        Order::Shuffled { unit: Unit::Rows(1) },
        Order::Shuffled { unit: Unit::Rows(7) },
        Order::Shuffled { unit: Unit::StoredChunk },
        Order::Interleaved { cursors: 5, unit: Unit::Rows(9) },
        Order::Interleaved { cursors: 64, unit: Unit::StoredChunk },
    ]
}

fn counts(batches: &[(Vec<u64>, u32)]) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for (rows, padding) in batches {
        let own = rows.len() - usize::try_from(*padding).unwrap();
        rows[..own].iter().for_each(|&row| *counts.entry(row).or_default() += 1);
    }
    counts
}

#[test]
fn each_row_comes_once_whatever_the_order_the_tail_and_the_number_of_ranks() -> Result<()> {
    let data = collection()?;
    // Which rows come does not depend on what is read of them.
    let fields = Fields::default();
    for order in orders() {
        for tail in [Tail::Drop, Tail::Keep, Tail::Pad] {
            for world in 1..=8 {
                for (batch, window) in [(4, 12), (10, 20), (64, 64), (1, 1)] {
                    if batch == 1 && world > 3 {
                        continue;
                    }
                    let mut all = Vec::new();
                    let mut numbers = Vec::new();
                    for rank in 0..world {
                        let sampling = Sampling::default()
                            .with_order(order)
                            .with_tail(tail)
                            .with_batch(batch)
                            .with_window(window)
                            .with_rank(Rank { rank, world })
                            .with_seed(u64::from(world));
                        let options = LoaderOptions::default().with_prefetch(usize::from(rank == 1));
                        let loader = Loader::new(&data, fields.clone(), sampling, options)?;
                        let own = epoch(&data, &loader, 2)?;
                        assert_eq!(own.len() as u64, loader.cost().batches);
                        numbers.push(own.len());
                        all.extend(own);
                    }
                    let said = format!("{order:?} {tail:?} {world} ranks, batch {batch}");
                    assert!(numbers.iter().all(|&number| number == numbers[0]), "{said}: {numbers:?}");
                    let counts = counts(&all);
                    assert!(counts.values().all(|&count| count == 1), "{said}: {counts:?}");
                    let sizes = || all.iter().map(|(rows, _)| rows.len());
                    let full = usize::try_from(batch).unwrap();
                    match tail {
                        Tail::Drop => {
                            assert!(sizes().all(|size| size == full), "{said}");
                            // Less than a batch of each rank, and a row.
                            let dropped = usize::try_from(ROWS).unwrap() - counts.len();
                            assert!(dropped < full * usize::try_from(world).unwrap() + 8, "{said}: {dropped}");
                        }
                        Tail::Keep => {
                            assert_eq!(counts.len() as u64, ROWS, "{said}");
                            assert!(sizes().all(|size| size <= full + usize::from(world > 1)), "{said}");
                        }
                        Tail::Pad => {
                            assert!(sizes().all(|size| size == full), "{said}");
                            assert_eq!(counts.len() as u64, ROWS, "{said}");
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn all_that_a_batch_has_is_of_the_same_rows() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for data in [collection()?, stored(folder.path())?] {
        for order in orders() {
            let sampling = Sampling::default().with_order(order).with_batch(8).with_tail(Tail::Keep).with_window(40);
            let loader = Loader::new(&data, all_fields(&data)?, sampling, LoaderOptions::default())?;
            let (first, second) = (epoch(&data, &loader, 0)?, epoch(&data, &loader, 1)?);
            assert_eq!(counts(&first).len() as u64, ROWS);
            assert_eq!(first, epoch(&data, &loader, 0)?);
            assert_eq!(first == second, order == Order::Sequential, "{order:?}");
            let mut expected = 0..ROWS;
            let in_order = first.iter().flat_map(|(rows, _)| rows).all(|&row| Some(row) == expected.next());
            assert_eq!(in_order, order == Order::Sequential);
        }
    }
    Ok(())
}

/// What a batch is, byte for byte.
fn bytes(batch: &Batch) -> Result<String> {
    let mut text = format!("{:?} {} {:?} ", batch.rows, batch.padding, batch.obs);
    for (name, matrix) in &batch.matrices {
        let arrays = match matrix {
            BatchMatrix::Csr(csr) => vec![csr.data(), csr.indices(), csr.indptr()],
            BatchMatrix::Dense(dense) => vec![dense],
        };
        for array in arrays {
            let _ = write!(text, "{name} {} {:?} {:?}", array.dtype(), array.shape(), array.as_bytes());
        }
    }
    for (name, labels) in &batch.labels {
        let _ = write!(text, "{name} {:?}", labels.as_slice::<i64>()?);
    }
    Ok(text)
}

fn all_bytes(epoch: anndata_experimental::Epoch) -> Result<Vec<String>> {
    epoch.map(|batch| bytes(&batch?)).collect()
}

#[test]
fn the_same_bytes_come_on_any_number_of_threads_within_any_memory_and_after_any_batch() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = stored(folder.path())?;
    for order in orders() {
        for tail in [Tail::Keep, Tail::Pad] {
            let sampling = Sampling::default().with_order(order).with_batch(8).with_tail(tail).with_seed(4);
            let loader = |limit: u64, prefetch: usize| {
                let options = LoaderOptions::default().with_memory_limit(limit).with_prefetch(prefetch);
                Loader::new(&data, all_fields(&data)?, sampling.clone(), options)
            };
            let whole = loader(1 << 30, 2)?;
            let expected = all_bytes(whole.epoch(5)?)?;
            for threads in [1, 2, 8] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                assert!(pool.install(|| all_bytes(whole.epoch(5)?))? == expected, "{order:?} {threads}");
            }
            // Least memory: that of a batch at a time.
            let Err(refused) = loader(0, 0) else { panic!("a loader without memory") };
            let least: u64 = refused.text().split_whitespace().find_map(|word| word.parse().ok()).unwrap();
            let least = least.max(refused.text().split(' ').filter_map(|word| word.parse().ok()).nth(1).unwrap());
            for (limit, prefetch) in [(least, 0), (2 * least, 1), (1 << 20, 3)] {
                let some = loader(limit.max(least), prefetch);
                // More windows ahead need more.
                let Ok(some) = some else { continue };
                assert!(some.cost().peak_memory <= limit.max(least));
                let mut epoch = some.epoch(5)?;
                let own: Vec<String> = epoch.by_ref().map(|batch| bytes(&batch?)).collect::<Result<_>>()?;
                assert!(own == expected, "{order:?} {limit}");
                assert!(epoch.stats().peak_memory <= some.cost().peak_memory, "{order:?} {limit} {:?}", epoch.stats());
                assert_eq!(epoch.stats().rows, if tail == Tail::Keep { ROWS } else { 144 });
            }
            let mut running = whole.epoch(5)?;
            for done in 0..=expected.len() {
                let state = LoaderState::from_json(&running.state().to_json())?;
                assert_eq!(state.batch, done as u64);
                assert!(all_bytes(whole.resume(&state)?)? == expected[done..], "{order:?} after {done}");
                let next = running.next().transpose()?;
                assert_eq!(next.is_some(), done < expected.len());
                assert!(next.is_none_or(|batch| batch.state == Some(running.state())));
            }
        }
    }
    Ok(())
}

#[test]
fn ranks_go_on_as_another_number_of_ranks_at_the_end_of_a_round() -> Result<()> {
    let data = collection()?;
    let loader = |rank: u32, world: u32| {
        let sampling = Sampling::default()
            .with_order(Order::Shuffled { unit: Unit::Rows(1) })
            .with_batch(4)
            .with_window(8)
            .with_tail(Tail::Keep)
            .with_rank(Rank { rank, world });
        Loader::new(&data, Fields::x(Want::csr()), sampling, LoaderOptions::default())
    };
    let mut seen = Vec::new();
    let mut states = Vec::new();
    for rank in 0..3 {
        let mut epoch = loader(rank, 3)?.epoch(1)?;
        for batch in epoch.by_ref().take(4) {
            let batch = batch?;
            seen.push((rows(&data, &batch)?, 0));
        }
        states.push(epoch.state());
    }
    for rank in 0..2 {
        for batch in loader(rank, 2)?.resume(&states[0])? {
            seen.push((rows(&data, &batch?)?, 0));
        }
    }
    let counts = counts(&seen);
    assert_eq!((counts.len() as u64, counts.values().all(|&count| count == 1)), (ROWS, true));
    for tail in [Tail::Drop, Tail::Keep, Tail::Pad] {
        let sampling =
            |world| Sampling::default().with_batch(4).with_window(8).with_tail(tail).with_rank(Rank { rank: 0, world });
        let loader = |world| Loader::new(&data, Fields::default(), sampling(world), LoaderOptions::default());
        let mut ended = loader(3)?.epoch(0)?;
        ended.by_ref().for_each(drop);
        assert_eq!(loader(2)?.resume(&ended.state())?.count(), 0, "{tail:?}");
    }
    let within = LoaderState { batch: 3, ..states[0].clone() };
    let refused = loader(0, 2)?.resume(&within).unwrap_err();
    assert_eq!(
        (refused.is_invalid_input(), refused.text()),
        (
            true,
            "2 ranks cannot go on in the middle of a window of 3: go on with as many until its end, after a multiple of 2 \
             batches"
                .to_owned()
        )
    );
    let beyond = LoaderState { batch: 99, ..states[0].clone() };
    assert!(
        loader(0, 3)?.resume(&beyond).unwrap_err().text().starts_with("the state is of batch 99 of an epoch that has")
    );
    let other = LoaderState { fingerprint: 1, ..states[0].clone() };
    assert!(loader(0, 3)?.resume(&other).unwrap_err().text().starts_with("the state is of a loader of other data"));
    Ok(())
}

#[test]
fn rows_are_given_as_asked_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = stored(folder.path())?;
    let sampling = Sampling::default().with_rows(RowSet::from(3..9));
    let loader = Loader::new(&data, all_fields(&data)?, sampling, LoaderOptions::default())?;
    let batch = loader.get(&[136, 0, 50, 50, 3])?;
    assert_eq!(rows(&data, &batch)?, [136, 0, 50, 50, 3]);
    assert_eq!((batch.state, batch.padding), (None, 0));
    assert_eq!(loader.get(&[])?.len(), 0);
    let refused = loader.get(&[137]).unwrap_err();
    assert_eq!(
        (refused.is_invalid_input(), refused.text()),
        (true, "row 137 is out of bounds: there are 137".to_owned())
    );
    Ok(())
}

#[test]
fn some_rows_alone_come() -> Result<()> {
    let data = collection()?;
    let some = RowSet::from_rows((0..ROWS).filter(|row| row % 3 != 0))?;
    for order in orders() {
        let sampling = Sampling::default()
            .with_order(order)
            .with_rows(some.clone())
            .with_batch(5)
            .with_window(15)
            .with_tail(Tail::Keep);
        let loader = Loader::new(&data, all_fields(&data)?, sampling, LoaderOptions::default())?;
        let seen = counts(&epoch(&data, &loader, 0)?);
        assert!(seen.into_iter().eq(some.iter().map(|row| (row, 1))), "{order:?}");
    }
    Ok(())
}

#[test]
fn variables_come_by_name_and_what_is_not_there_is_filled() -> Result<()> {
    let a = AnnData::builder()
        .x(SparseMatrix::from_dense(&Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 0.0, 4.0])?, SparseFormat::Csr)?)
        .layer("d", Tensor::from_vec([2, 2], vec![1.0_f32, 2.0, 3.0, 4.0])?)
        .var(DataFrame::new(["A", "B"]))
        .build()?;
    let data = Collection::new([("a", a)], &ConcatOptions::default())?;
    let layer = MatrixRef::Layer(Some("d".to_owned()));
    let fields = || Fields::x(Want::csr()).with_matrix(layer.clone(), Want::dense(DType::F32));
    let load = |fields: Fields| -> Result<(Vec<f32>, Vec<f32>)> {
        let loader = Loader::new(&data, fields, Sampling::default(), LoaderOptions::default())?;
        let batch = loader.get(&[1, 0])?;
        let dense =
            |name: &MatrixRef| Ok::<_, Error>(batch.matrix(name)?.to_dense(&DType::F32)?.as_slice::<f32>()?.to_vec());
        Ok((dense(&MatrixRef::X)?, dense(&layer)?))
    };
    assert_eq!(load(fields().with_var(["B", "A"]))?, (vec![4.0, 0.0, 2.0, 1.0], vec![4.0, 3.0, 2.0, 1.0]));
    let filled = load(fields().with_var(["Z", "B"]).with_fill(0.0))?;
    assert_eq!(filled, (vec![0.0, 4.0, 0.0, 2.0], vec![0.0, 4.0, 0.0, 2.0]));
    let refused = load(fields().with_var(["B", "Z"])).unwrap_err();
    assert!(refused.is_not_found() && refused.to_string().starts_with("X: there is no variable 'Z'"), "{refused}");
    let refused = load(fields().with_var(["Z"]).with_fill(1.0)).unwrap_err();
    assert!(refused.text().contains("can be filled with 0 alone, not with 1"), "{refused}");
    Ok(())
}

#[test]
fn stores_of_different_dtypes_give_one_and_lossy_casts_are_found() -> Result<()> {
    let data = Collection::new(
        [("a", object(0, 20, &DType::F32)?), ("b", object(20, 30, &DType::F64)?)],
        &ConcatOptions::default(),
    )?;
    let load = |want: Want| {
        let sampling = Sampling::default().with_batch(50);
        let loader = Loader::new(&data, Fields::x(want), sampling, LoaderOptions::default())?;
        let batch = loader.epoch(0)?.next().unwrap()?;
        batch.x().cloned().ok_or_else(|| Error::bug("no X"))
    };
    let BatchMatrix::Csr(csr) = load(Want::csr())? else { panic!("not CSR") };
    assert_eq!((csr.dtype(), csr.indices().dtype(), csr.indptr().dtype()), (&DType::F64, &DType::I32, &DType::I32));
    for want in [Want::dense(DType::F32), Want::dense(DType::F64), Want::dense(DType::F16)] {
        let dtype = load(want.clone().with_exact(true))?.to_dense(&DType::F64)?;
        assert_eq!(dtype, load(want)?.to_dense(&DType::F64)?);
    }
    let refused = load(Want::dense(DType::I32).with_exact(true)).unwrap_err();
    assert!(refused.is_invalid_data(), "{refused}");
    assert!(refused.text().contains("of type float64 becomes"), "{refused}");
    assert!(load(Want::Csr { dtype: Some(DType::I32), exact: true }).is_err_and(|error| error.is_invalid_data()));
    let refused = load(Want::dense(DType::String)).unwrap_err();
    assert!(refused.is_invalid_input() && refused.path() == Some("X"), "{refused}");
    Ok(())
}

#[test]
fn batches_become_columns_and_vectors() -> Result<()> {
    let data = collection()?;
    let encoder = Encoder::fit(&data, "kind")?;
    let fields = Fields::x(Want::csr())
        .with_matrix(MatrixRef::Obsm("X_pca".to_owned()), Want::dense(DType::F32))
        .with_obs(["row"])
        .with_labels("kind", encoder);
    let loader = Loader::new(&data, fields, Sampling::default(), LoaderOptions::default())?;
    let batch = loader.get(&[7, 2])?;
    let table = batch.to_record_batch()?;
    let names: Vec<String> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["row", "kind", "X.indices", "X.values", "obsm/X_pca"]);
    assert_eq!(table.num_rows(), 2);
    // It has a share of the values.
    drop(table);
    let BatchMatrix::Dense(dense) = &batch.matrices[&MatrixRef::Obsm("X_pca".to_owned())] else { panic!("not dense") };
    let at = dense.as_slice::<f32>()?.as_ptr();
    let clone = dense.to_array::<f32>()?;
    let (values, shape) = batch.clone().into_dense_vec(&MatrixRef::X)?;
    assert_eq!((shape, values), ([2, 6], clone.iter().copied().collect::<Vec<_>>()));
    let (values, _) = batch.into_dense_vec(&MatrixRef::Obsm("X_pca".to_owned()))?;
    assert_eq!(values.as_ptr(), at);
    Ok(())
}

#[test]
fn a_store_that_breaks_is_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = stored(folder.path())?;
    let sampling = Sampling::default().with_order(Order::Sequential).with_batch(4).with_window(8);
    let loader = Loader::new(&data, Fields::x(Want::csr()), sampling, LoaderOptions::default())?;
    // The values of the last store are no longer there.
    let broken = folder.path().join("51.h5ad");
    let len = std::fs::metadata(&broken)?.len();
    std::fs::OpenOptions::new().write(true).open(&broken)?.set_len(len / 8)?;
    for _ in 0..2 {
        let mut epoch = loader.epoch(0)?;
        let results: Vec<Result<Batch>> = epoch.by_ref().collect();
        let (last, before) = results.split_last().unwrap();
        assert!(before.iter().all(Result::is_ok) && before.len() >= 8, "{}", before.len());
        let error = last.as_ref().unwrap_err();
        assert_eq!(error.file(), Some(broken.as_path()), "{error}");
        assert!(epoch.next().is_none());
    }
    Ok(())
}

#[test]
fn what_makes_no_sense_is_refused_and_says_what_to_do() -> Result<()> {
    let data = collection()?;
    let refused = |fields: Fields, sampling: Sampling, options: LoaderOptions| {
        Loader::new(&data, fields, sampling, options).map(|_| ()).unwrap_err()
    };
    let x = || Fields::x(Want::csr());
    let says = |sampling: Sampling| {
        let error = refused(x(), sampling, LoaderOptions::default());
        assert!(error.is_invalid_input(), "{error}");
        error.text()
    };
    let plain = Sampling::default;
    assert_eq!(says(plain().with_batch(0)), "a batch has at least one row");
    assert_eq!(
        says(plain().with_batch(8).with_window(12)),
        "expected a window of a multiple of the 8 rows of a batch, found 12"
    );
    assert_eq!(says(plain().with_window(0)), "expected a window of a multiple of the 512 rows of a batch, found 0");
    assert_eq!(says(plain().with_rows(RowSet::from(0..138))), "row 137 is out of bounds: there are 137");
    assert_eq!(
        says(plain().with_rank(Rank { rank: 2, world: 2 })),
        "expected a rank below the number of processes, found rank 2 of 2"
    );
    assert_eq!(says(plain().with_order(Order::Shuffled { unit: Unit::Rows(0) })), "a unit has at least one row");
    let weights = |weights: Vec<f32>, draw: Draw| says(plain().with_weights(Weights::Rows(weights.into()), draw));
    let of = |weight: f32| {
        let mut all = vec![1.0; 137];
        all[5] = weight;
        all
    };
    let bad = |found: &str| {
        format!("expected weights of 0 or more, found {found} for row 5: replace what is missing or negative")
    };
    for draw in [Draw::Thinned, Draw::Replace { rows: 9 }] {
        assert_eq!(weights(of(f32::NAN), draw), bad("NaN"));
        assert_eq!(weights(of(-1.0), draw), bad("-1"));
        assert_eq!(weights(of(f32::INFINITY), draw), bad("inf"));
        assert_eq!(
            weights(vec![0.0; 137], draw),
            "all weights are 0, so that no row would come: give one row a weight at least"
        );
        assert_eq!(weights(vec![1.0; 3], draw), "expected 137 weights, one per row, found 3");
    }
    assert!(weights(of(1.0), Draw::Each).starts_with("weights do nothing where each row comes once"));
    let class = Weights::PerClass { by: "kind".to_owned(), weights: vec![("Z".to_owned(), 1.0)] };
    assert_eq!(says(plain().with_weights(class, Draw::Thinned)), "no row has the value 'Z' of 'kind'");

    let window = plain().with_batch(8).with_window(64);
    let error = refused(x(), window, LoaderOptions::default().with_memory_limit(4000));
    assert!(error.is_limit_exceeded() && error.text().starts_with("a window of 64 rows needs "), "{error}");
    assert!(
        error.to_string().ends_with("raise the limit, read fewer windows ahead, or ask for fewer rows or variables")
    );
    let error = refused(x(), plain(), LoaderOptions::default().with_memory_limit(1000));
    assert!(error.is_limit_exceeded() && error.text().starts_with("a batch of 512 rows needs "), "{error}");

    let error = refused(Fields::x(Want::csr()).with_obs(["none"]), plain(), LoaderOptions::default());
    assert_eq!(
        (error.is_not_found(), error.text()),
        (true, "there is no column 'none' in obs: it has 'kind', 'row'".to_owned())
    );
    let layer = Fields::default().with_matrix(MatrixRef::Layer(Some("z".to_owned())), Want::csr());
    let error = refused(layer, plain(), LoaderOptions::default());
    assert_eq!(error.text(), "the collection has no layers/z: it has X, layers/dense, obsm/X_pca");
    let unknown = Fields::default().with_labels("kind", Encoder::new(["B", "T"])?);
    let error = refused(unknown, plain(), LoaderOptions::default());
    assert!(error.is_invalid_data() && error.path() == Some("obs/kind"), "{error}");
    assert_eq!(
        error.text(),
        "the value 'NK' is none of the 2 classes of the encoder: fit it to all data, or set a number for unknown values"
    );
    let few = plain().with_rows(RowSet::from(0..2)).with_tail(Tail::Keep).with_rank(Rank { rank: 0, world: 3 });
    let loader = Loader::new(&data, x(), few, LoaderOptions::default());
    assert!(loader.is_err_and(|error| error.text().starts_with("2 rows cannot be kept by 3 ranks")));
    Ok(())
}

#[test]
fn empty_collections_and_selections_have_no_batches() -> Result<()> {
    let empty = AnnData::builder().x(Tensor::from_vec([0, 2], Vec::<f32>::new())?).build()?;
    let none = AnnData::builder().x(Tensor::from_vec([3, 0], Vec::<f32>::new())?).build()?;
    for tail in [Tail::Drop, Tail::Keep, Tail::Pad] {
        for order in orders() {
            let sampling = || Sampling::default().with_order(order).with_tail(tail).with_batch(2);
            let data = Collection::new([("a", empty.clone())], &ConcatOptions::default())?;
            let loader = Loader::new(&data, Fields::x(Want::csr()), sampling(), LoaderOptions::default())?;
            assert_eq!(loader.epoch(0)?.count(), 0);
            let data = collection()?;
            let no_rows = sampling().with_rows(RowSet::from(0..0));
            let loader = Loader::new(&data, Fields::x(Want::csr()), no_rows, LoaderOptions::default())?;
            assert_eq!(loader.epoch(0)?.count(), 0);
            let data = Collection::new([("a", none.clone())], &ConcatOptions::default())?;
            for want in [Want::csr(), Want::dense(DType::F32)] {
                let loader = Loader::new(&data, Fields::x(want), sampling(), LoaderOptions::default())?;
                let shapes = loader.epoch(0)?.map(|batch| Ok(batch?.x().unwrap().shape()));
                let shapes = shapes.collect::<Result<Vec<_>>>()?;
                assert!(shapes.iter().all(|(rows, columns)| *rows <= 2 && *columns == 0) && !shapes.is_empty());
            }
        }
    }
    Ok(())
}

#[test]
fn weights_say_how_often_rows_come() -> Result<()> {
    let data = collection()?;
    let seen = |weights: Weights, draw: Draw| {
        let sampling = Sampling::default().with_weights(weights, draw).with_batch(4).with_tail(Tail::Keep).with_seed(1);
        let loader = Loader::new(&data, Fields::x(Want::csr()), sampling, LoaderOptions::default())?;
        let mut all = BTreeMap::<u64, usize>::new();
        for number in 0..20 {
            for (row, count) in counts(&epoch(&data, &loader, number)?) {
                *all.entry(row).or_default() += count;
            }
        }
        Ok::<_, Error>(all)
    };
    let rare: Vec<f32> = (0..137_u8).map(|row| if row < 10 { 3.0 } else { 0.25 }).collect();
    let all = seen(Weights::Rows(rare.into()), Draw::Thinned)?;
    assert!((0..10).all(|row| all[&row] == 60));
    let others: usize = (10..ROWS).filter_map(|row| all.get(&row)).sum();
    assert!((500..770).contains(&others), "{others}");

    let class = Weights::PerClass { by: "kind".to_owned(), weights: vec![("T".to_owned(), 1.0)] };
    let all = seen(class.clone(), Draw::Thinned)?;
    assert!(all.into_iter().eq((0..ROWS).filter(|row| row % 3 == 0).map(|row| (row, 20))));
    let all = seen(class, Draw::Replace { rows: 100 })?;
    assert!(all.keys().all(|row| row % 3 == 0) && all.values().sum::<usize>() == 2000);

    // The row of the second store is alone with its combination: it comes as often as all others of another one.
    let by_store =
        |objects: [(&str, AnnData); 2]| Collection::new(objects, &ConcatOptions::default().with_label("store"));
    let data = by_store([("a", object(0, 90, &DType::F32)?), ("b", object(90, 10, &DType::F32)?)])?;
    let weights = Weights::Balanced { by: vec!["store".to_owned()], power: 1.0 };
    let sampling = Sampling::default().with_weights(weights, Draw::Thinned).with_batch(10).with_tail(Tail::Keep);
    let loader = Loader::new(&data, Fields::x(Want::csr()), sampling, LoaderOptions::default())?;
    let batches = (0..20).map(|number| epoch(&data, &loader, number)).collect::<Result<Vec<_>>>()?.concat();
    let of_second: usize = batches.iter().flat_map(|(rows, _)| rows).filter(|&&row| row >= 90).count();
    // Ten rows of weight 5, as near as that is to a number of 32 bits.
    assert!((980..=1000).contains(&of_second), "{of_second}");
    Ok(())
}

#[test]
fn costs_are_known_before_anything_is_read() -> Result<()> {
    let object = object(0, 4000, &DType::F32)?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.h5ad");
    write(&path, &object)?;
    let data = Collection::open([("a", path)], &ConcatOptions::default().with_join(Join::Outer), open)?;
    let cost = |order: Order| {
        let sampling = Sampling::default().with_order(order).with_batch(64).with_window(512);
        let loader = Loader::new(&data, Fields::x(Want::csr()), sampling, LoaderOptions::default())?;
        Ok::<_, Error>(loader.cost().clone())
    };
    let in_order = cost(Order::Sequential)?;
    let cursors = cost(Order::Interleaved { cursors: 64, unit: Unit::Rows(16) })?;
    let single = cost(Order::Shuffled { unit: Unit::Rows(1) })?;
    assert_eq!((in_order.batches, cursors.batches), (62, 62));
    assert!(
        in_order.randomness < 0.2 && cursors.randomness > 0.95 && single.randomness > 0.95,
        "{in_order:?} {cursors:?}"
    );
    assert!(in_order.amplification() <= single.amplification(), "{in_order:?} {single:?}");
    assert!(in_order.peak_memory > 0 && in_order.requests > 0);
    Ok(())
}

#[test]
fn rows_are_read_in_the_order_of_batches_which_share_their_memory() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("one.h5ad");
    write(&path, &object(0, 60, &DType::F32)?)?;
    let one = Collection::open([("one", path)], &ConcatOptions::default(), open)?;
    for data in [one, stored(folder.path())?] {
        let sampling = Sampling::default().with_order(Order::Shuffled { unit: Unit::Rows(1) }).with_batch(4);
        let loader = Loader::new(&data, Fields::x(Want::csr()), sampling.with_window(12), LoaderOptions::default())?;
        let batches = loader.epoch(0)?.take(3).collect::<Result<Vec<Batch>>>()?;
        let places = batches.iter().map(|batch| match batch.x() {
            Some(BatchMatrix::Csr(x)) => x.data().as_bytes().unwrap().as_ptr_range(),
            other => panic!("{other:?}"),
        });
        let places: Vec<_> = places.collect();
        assert!(places.windows(2).all(|pair| pair[0].end == pair[1].start), "{places:?}");
    }
    Ok(())
}
