//! A runtime of a backend's own: how values that are fetched asynchronously are served to callers that block.

use std::fmt;
use std::future::Future;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Builder;
use tokio::task::JoinHandle;

use crate::{BoxFuture, Error, Result};

/// Threads that run the requests of a backend. Cheap to clone; the threads end when the last clone is gone.
///
/// [`Storage`](crate::Storage) is blocking, and its callers are anywhere: on a thread of rayon, or of an async runtime,
/// where `block_on` of that runtime would panic. So a backend whose values come over a network owns one of these.
///
/// ```
/// # async fn fetch(key: &str) -> anndata_storage::Result<Vec<u8>> { Ok(key.as_bytes().to_vec()) }
/// let runtime = anndata_storage::Runtime::new("my-backend")?;
/// let values = runtime.wait(async { fetch("X/c/0").await })?;
/// assert_eq!(values, b"X/c/0");
/// # Ok::<(), anndata_storage::Error>(())
/// ```
#[derive(Clone)]
pub struct Runtime(Arc<Own>);

/// A runtime that may be dropped anywhere, also within another one.
struct Own(Option<tokio::runtime::Runtime>);

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Runtime {
    /// Starts two threads of this name, which wait for requests; what takes time to compute goes to
    /// [`blocking`](Self::blocking).
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub fn new(name: &str) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).thread_name(name).enable_all().build();
        Ok(Self(Arc::new(Own(Some(runtime.map_err(Error::from)?)))))
    }

    /// Runs a future to its end, from any thread, also one of another runtime.
    ///
    /// The calling thread sleeps; the work is done by the threads of this runtime.
    ///
    /// # Errors
    /// What the future returns; [`Io`](crate::ErrorKind::Io) if it panicked.
    pub fn wait<T: Send + 'static>(&self, future: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let result = Arc::new(Mutex::new(None));
        let (slot, (ends, ended)) = (Arc::clone(&result), mpsc::sync_channel(0));
        self.start(Box::pin(async move {
            let found = future.await;
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
            drop(ends);
        }))?;
        wait_for(&ended);
        let found = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        found.unwrap_or_else(|| Err(stopped()))
    }

    /// Starts a future that gives nothing, of one type, so that the machinery of tasks is compiled once for all that are waited
    /// for.
    fn start(&self, future: BoxFuture<'static, ()>) -> Result<()> {
        self.spawn(future).map(drop)
    }

    /// Starts a future on this runtime.
    ///
    /// # Errors
    /// If the runtime has ended.
    pub fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Result<JoinHandle<T>> {
        self.0.0.as_ref().map(|runtime| runtime.spawn(future)).ok_or_else(stopped)
    }

    /// Waits for the end of a task.
    ///
    /// # Errors
    /// What the task returns; [`Io`](crate::ErrorKind::Io) if it panicked.
    pub fn join<T: Send + 'static>(&self, task: JoinHandle<Result<T>>) -> Result<T> {
        self.wait(Self::finish(task))
    }

    /// The end of a task, without blocking.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub async fn finish<T>(task: JoinHandle<Result<T>>) -> Result<T> {
        task.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Runs work that takes time on a thread where it blocks nobody.
    ///
    /// # Errors
    /// What the work returns; [`Io`](crate::ErrorKind::Io) if it panicked.
    pub async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        match self.0.0.as_ref().map(|runtime| runtime.spawn_blocking(work)) {
            Some(task) => Self::finish(task).await,
            None => Err(stopped()),
        }
    }
}

/// Waits until the other end is gone, which is when a task has ended or panicked: nothing is sent.
fn wait_for(ended: &Receiver<()>) {
    while ended.recv().is_ok() {}
}

fn stopped() -> Error {
    Error::io("the thread of a request stopped")
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runtime")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn futures_run_from_any_thread() -> Result<()> {
        let runtime = Runtime::new("test")?;
        assert_eq!(runtime.wait(async { Ok(1) })?, 1);
        // From a thread of another runtime, and from one of its own.
        let (other, own) = (Runtime::new("other")?, runtime.clone());
        assert_eq!(other.wait(async move { own.wait(async { Ok(2) }) })?, 2);
        let task = runtime.spawn(async { Ok(3) })?;
        assert_eq!(runtime.join(task)?, 3);
        let inner = runtime.clone();
        assert_eq!(runtime.wait(async move { inner.blocking(|| Ok(4)).await })?, 4);
        Ok(())
    }

    #[test]
    fn a_panic_is_an_error_and_others_go_on() -> Result<()> {
        let runtime = Runtime::new("test")?;
        let failed = runtime.wait(async { if true { panic!("on purpose") } else { Ok(()) } });
        assert_eq!(failed.map_err(|error| error.to_string()), Err("the thread of a request stopped".to_owned()));
        assert_eq!(runtime.wait(async { Ok(1) })?, 1);
        Ok(())
    }

    #[test]
    fn it_may_be_dropped_within_a_runtime() -> Result<()> {
        let (outer, inner) = (Runtime::new("outer")?, Runtime::new("inner")?);
        outer.wait(async move {
            drop(inner);
            Ok(())
        })
    }
}
