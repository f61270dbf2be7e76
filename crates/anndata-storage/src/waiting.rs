//! Threads that wait for bytes of other machines, most of the time.

use std::sync::OnceLock;

use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

use crate::{Error, Result};

/// How many reads are under way.
const THREADS: usize = 32;

/// Runs work that reads from afar, in parallel by the means of rayon, on more threads than there are cores: they wait most of the time.
/// They are started for the first of all such work and stay. A calling thread of another pool goes on with the work of that.
///
/// ```
/// use rayon::prelude::*;
///
/// # fn fetch(key: &str) -> anndata_storage::Result<usize> { Ok(key.len()) }
/// let lengths = anndata_storage::on_waiting_threads(|| {
///     ["X/c/0", "X/c/10"].par_iter().map(|key| fetch(key)).collect::<Result<Vec<_>, _>>()
/// })??;
/// assert_eq!(lengths, [5, 6]);
/// # Ok::<(), anndata_storage::Error>(())
/// ```
///
/// # Errors
/// [`Io`](crate::ErrorKind::Io) if the threads cannot be started.
pub fn on_waiting_threads<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    static POOL: OnceLock<Result<ThreadPool, ThreadPoolBuildError>> = OnceLock::new();
    let build = || ThreadPoolBuilder::new().num_threads(THREADS).thread_name(|n| format!("anndata-wait-{n}")).build();
    match POOL.get_or_init(build) {
        Ok(pool) => Ok(pool.install(work)),
        Err(error) => Err(Error::io(format!("no threads can be started: {error}"))),
    }
}
