//! No thread is left of an epoch, however it ends. Alone in its process, whose threads are counted.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anndata_core::{AnnData, ConcatOptions, Result, SparseFormat, SparseMatrix, Tensor};
use anndata_experimental::{Batch, Collection, Fields, Loader, LoaderOptions, Order, Sampling, Want};
use anndata_format::Group;
use anndata_format::io::{self, ElemWriteOptions};
use anndata_io_hdf5::{Hdf5Options, Hdf5Store, write_atomic};

/// Two files of 60 rows.
fn stored(folder: &Path) -> Result<(Collection, PathBuf)> {
    let files = ["a", "b"].map(|name| folder.join(format!("{name}.h5ad")));
    for path in &files {
        let dense = Tensor::from_vec([60, 50], (0..3000_u16).map(f32::from).collect())?;
        let adata = AnnData::builder().x(SparseMatrix::from_dense(&dense, SparseFormat::Csr)?).build()?;
        write_atomic(path, true, false, |store| {
            let store: Arc<Hdf5Store> = Arc::clone(store);
            io::write_anndata(&Group::root(store), &adata, &ElemWriteOptions::default())
        })?;
    }
    let [first, second] = files;
    let cells = Collection::open([("a", &first), ("b", &second)], &ConcatOptions::default(), |path| {
        Ok(Group::root(Arc::new(Hdf5Store::open(path, &Hdf5Options::default())?)))
    })?;
    Ok((cells, second))
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

/// How many threads there are when as many are gone as should be, or after five seconds: one that ended is listed for a while.
fn threads_left(expected: usize) -> usize {
    for _ in 0..500 {
        if threads() == expected {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    threads()
}

#[test]
fn an_epoch_leaves_no_thread_wherever_it_is_dropped_and_when_a_store_breaks() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (cells, second) = stored(folder.path())?;
    let loader = |order: Order| {
        let sampling = Sampling::default().with_order(order).with_batch(4).with_window(8);
        Loader::new(&cells, Fields::x(Want::csr()), sampling, LoaderOptions::default().with_prefetch(3))
    };
    let mixed = loader(Sampling::default().order)?;
    // The threads of the pool are there.
    mixed.epoch(0)?.for_each(drop);
    let before = threads();
    for batches in 0..=30 {
        let mut epoch = mixed.epoch(batches)?;
        let taken = usize::try_from(batches).unwrap();
        assert_eq!(epoch.by_ref().take(taken).flatten().count(), taken);
        drop(epoch);
        assert_eq!(threads_left(before), before, "after {batches} batches");
    }

    let in_order = loader(Order::Sequential)?;
    let len = std::fs::metadata(&second)?.len();
    std::fs::OpenOptions::new().write(true).open(&second)?.set_len(len / 8)?;
    for _ in 0..3 {
        let mut epoch = in_order.epoch(0)?;
        let results: Vec<Result<Batch>> = epoch.by_ref().collect();
        let (last, given) = results.split_last().unwrap();
        assert!(given.iter().all(Result::is_ok) && given.len() >= 10, "{}", given.len());
        let error = last.as_ref().unwrap_err();
        assert_eq!(error.file(), Some(second.as_path()), "{error}");
        assert!(epoch.next().is_none());
        // The epoch is still there, and its thread is not.
        assert_eq!(threads_left(before), before);
    }
    Ok(())
}
