//! Blocking work awaited.

use futures_channel::oneshot;

use crate::{Error, Result};

/// Runs work on a thread of rayon's pool, where it may use all cores, and waits for it without blocking. For work that
/// waits for a network rather than for a disk or a core, a backend has a [`Runtime`](crate::Runtime).
///
/// ```
/// # futures_executor::block_on(async {
/// let bytes = anndata_storage::unblock(|| Ok(std::fs::read("Cargo.toml")?)).await?;
/// assert!(!bytes.is_empty());
/// # Ok::<(), anndata_storage::Error>(())
/// # }).unwrap();
/// ```
///
/// # Errors
/// What the work returns.
pub async fn unblock<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (done, result) = oneshot::channel();
    rayon::spawn(move || {
        // Nobody waits any longer if the future was dropped.
        let _ = done.send(work());
    });
    result.await.unwrap_or_else(|_| Err(Error::bug("work on another thread was given up")))
}
