//! [`Keep`]: the values of lazy elements that were read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use anndata_storage::{Error, Result};

use crate::adata::nbytes;
use crate::model::Kept;
use crate::recent::Recent;
use crate::{Element, ElementCache, Keep, LazySource};

impl Keep {
    /// A new cache of so many bytes: see [`Keep::Cache`].
    pub fn cache(max_bytes: u64) -> Self {
        Self::Cache(ElementCache::new(max_bytes))
    }

    /// Of the values of one element, which was not read yet.
    pub(super) fn of_new(&self) -> Kept {
        match self {
            Self::Once => Kept::Once { value: OnceLock::new(), reading: Mutex::default() },
            Self::Never => Kept::Never { replaced: AtomicBool::new(false) },
            Self::Cache(ElementCache(cache)) => Kept::Cached { slot: cache.slot(), reading: Mutex::default() },
        }
    }
}

impl ElementCache {
    /// An empty cache of so many bytes.
    pub fn new(max_bytes: u64) -> Self {
        Self(Recent::new(max_bytes))
    }

    /// The bytes of the elements in it.
    pub fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    /// The bytes that it has room for.
    pub fn max_bytes(&self) -> u64 {
        self.0.max_bytes()
    }
}

impl Kept {
    /// The values, if they are there.
    pub(super) fn get(&self) -> Option<Element> {
        match self {
            Self::Once { value, .. } => value.get().cloned(),
            Self::Never { .. } => None,
            Self::Cached { slot, .. } => slot.get(),
        }
    }

    /// Keeps values that were read. Those that another thread has kept in the meantime stay.
    pub(super) fn put(&self, element: Element) -> Element {
        match self {
            Self::Once { value, .. } => value.get_or_init(|| element).clone(),
            Self::Never { .. } => element,
            Self::Cached { slot, .. } => {
                slot.put(element.clone(), nbytes(&element, false) as u64);
                element
            }
        }
    }

    /// The values, read by a function if they are not there, and kept.
    pub(super) fn get_or_read(&self, read: impl FnOnce() -> Result<Element>) -> Result<Element> {
        let (Self::Once { reading, .. } | Self::Cached { reading, .. }) = self else { return read() };
        if let Some(element) = self.get() {
            return Ok(element);
        }
        // A thread of the pool may be asked for the values while it reads them: it does not wait.
        let _reading = match rayon::current_thread_index() {
            None => Some(reading.lock().unwrap_or_else(PoisonError::into_inner)),
            Some(_) => reading.try_lock().ok(),
        };
        match self.get() {
            Some(element) => Ok(element),
            None => read().map(|element| self.put(element)),
        }
    }

    pub(super) fn set_replaced(&self) {
        if let Self::Never { replaced } = self {
            replaced.store(true, Ordering::Release);
        }
    }

    /// Refuses what is not there any more.
    pub(super) fn check(&self, source: &dyn LazySource) -> Result<()> {
        match self {
            Self::Never { replaced } if replaced.load(Ordering::Acquire) => {
                let message = "the stored element was replaced after this part of it was taken";
                Err(source.locate(Error::unsupported(message)))
            }
            _ => Ok(()),
        }
    }
}
