//! [`ReadAhead`]: what a thread makes before it is asked for.

use std::any::Any;
use std::fmt::{self, Debug};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anndata_core::Result;
use anndata_storage::Error;
use rayon::Yield;

/// How long a thread of rayon's pool sleeps before it looks again for an item, or for work of others.
const NAP: Duration = Duration::from_millis(1);

/// Items in order. After an error there are none.
pub(crate) struct ReadAhead<T> {
    source: Source<T>,
    done: bool,
}

enum Source<T> {
    /// Made when they are asked for.
    Here(Box<dyn FnMut() -> Option<Result<T>> + Send>),
    /// Made by a thread.
    Thread(Option<Receiver<Result<T>>>, Option<JoinHandle<()>>),
}

impl<T: Send + 'static> ReadAhead<T> {
    /// Those that a function gives; so many are made ahead.
    pub(crate) fn new(mut next: impl FnMut() -> Option<Result<T>> + Send + 'static, prefetch: usize) -> Self {
        let Some(waiting) = prefetch.checked_sub(1) else {
            return Self { source: Source::Here(Box::new(next)), done: false };
        };
        // One more is in the hands of the thread.
        let (sender, receiver) = sync_channel(waiting);
        let read = move || {
            while let Some(item) = next() {
                let is_error = item.is_err();
                if sender.send(item).is_err() || is_error {
                    return;
                }
            }
        };
        Self { source: Source::Thread(Some(receiver), Some(thread::spawn(read))), done: false }
    }
}

/// The next item that a thread has made; `None` once it has ended. A thread of rayon's pool takes part in the work of the pool
/// meanwhile, as the item may wait for that.
fn receive<T>(receiver: &Receiver<Result<T>>) -> Option<Result<T>> {
    if rayon::current_thread_index().is_none() {
        return receiver.recv().ok();
    }
    loop {
        match receiver.try_recv() {
            Ok(item) => return Some(item),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {
                if !matches!(rayon::yield_now(), Some(Yield::Executed)) {
                    thread::sleep(NAP);
                }
            }
        }
    }
}

/// The panic of a thread that reads.
fn panicked(payload: &(dyn Any + Send)) -> Error {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    Error::bug(format!("the thread that reads chunks panicked: {text}"))
}

impl<T> Iterator for ReadAhead<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = match &mut self.source {
            Source::Here(next) => next(),
            Source::Thread(receiver, thread) => receiver.as_ref().and_then(receive).or_else(|| {
                let ended = thread.take().map(JoinHandle::join);
                ended.and_then(Result::err).map(|payload| Err(panicked(payload.as_ref())))
            }),
        };
        self.done = !matches!(item, Some(Ok(_)));
        item
    }
}

impl<T> Drop for ReadAhead<T> {
    fn drop(&mut self) {
        if let Source::Thread(receiver, thread) = &mut self.source {
            // Without a receiver the thread ends after the item that it makes.
            drop(receiver.take());
            if let Some(thread) = thread.take() {
                // Its panic was told of, or nobody asks any more.
                drop(thread.join());
            }
        }
    }
}

impl<T> Debug for ReadAhead<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadAhead").field("done", &self.done).finish_non_exhaustive()
    }
}
