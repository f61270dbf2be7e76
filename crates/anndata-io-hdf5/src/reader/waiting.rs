//! Threads that wait for bytes of other machines, most of the time.

use std::sync::OnceLock;

use anndata_storage::{Error, Result};
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// How many requests of one array are under way.
const THREADS: usize = 16;

/// Runs what reads on these threads, which are started for the first of all sources and stay.
///
/// # Errors
/// If there are no threads.
pub(super) fn install<T: Send>(read: impl FnOnce() -> T + Send) -> Result<T> {
    static POOL: OnceLock<Result<ThreadPool, ThreadPoolBuildError>> = OnceLock::new();
    let build = || ThreadPoolBuilder::new().num_threads(THREADS).thread_name(|n| format!("hdf5-wait-{n}")).build();
    match POOL.get_or_init(build) {
        Ok(pool) => Ok(pool.install(read)),
        Err(error) => Err(Error::io(format!("no threads can be started: {error}"))),
    }
}
