//! Cases of many threads: each with an array of its own to write, all with the same arrays to read.

use std::sync::Arc;
use std::thread;

use super::root;
use super::sample::{self, Random, values};
use crate::{ArraySpec, DType, Error, Result, Storage, Tensor};

const THREADS: u64 = 8;

fn dtype(thread: u64) -> DType {
    if thread.is_multiple_of(3) { DType::String } else { DType::I64 }
}

fn tensor(thread: u64) -> Result<Tensor> {
    values(&dtype(thread), &[500, 3], thread)
}

/// Runs a task on every thread at once.
fn on_all(task: impl Fn(u64) -> Result<()> + Sync) -> Result<()> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|i| (i, &task)).map(|(i, task)| scope.spawn(move || task(i))).collect();
        threads.into_iter().try_for_each(|thread| {
            thread.join().unwrap_or_else(|_| Err(Error::invalid_data("a thread failed; see its message")))
        })
    })
}

pub(super) fn write(store: &Arc<dyn Storage>) -> Result<()> {
    on_all(|thread| {
        let tensor = tensor(thread)?;
        let mut spec = ArraySpec::of(&tensor);
        if thread.is_multiple_of(2) {
            spec = spec.with_chunks([64, 2]);
        }
        let group = root(store).create_group(&format!("shared parent/{thread}"))?;
        group.set_attribute("thread", thread)?;
        let array = group.create_array("array", &spec)?;
        for start in (0..500_usize).step_by(100) {
            array.write(&[start as u64, 0], &tensor.slice_rows(start..start + 100)?)?;
        }
        sample::store(&root(store), &format!("whole {thread}"), &spec, &tensor, false).map(drop)
    })
}

pub(super) fn check(store: &Arc<dyn Storage>) -> Result<()> {
    let parent = root(store).group("shared parent")?;
    assert_eq!(parent.children()?.len() as u64, THREADS);
    let arrays = (0..THREADS).map(|i| parent.array(&format!("{i}/array"))).collect::<Result<Vec<_>>>()?;
    on_all(|thread| {
        let mut random = Random::new(thread);
        for (i, array) in (0..).zip(&arrays) {
            let tensor = tensor(i)?;
            for _ in 0..5 {
                let selection = [random.axis(500), random.axis(3)];
                assert!(array.read_selection(&selection)? == tensor.select(&selection)?, "array {i}, thread {thread}");
            }
            assert!(root(store).array(&format!("whole {i}"))?.read()? == tensor, "whole {i}, thread {thread}");
        }
        assert_eq!(parent.group(&thread.to_string())?.attributes()?.len(), 1);
        Ok(())
    })
}
