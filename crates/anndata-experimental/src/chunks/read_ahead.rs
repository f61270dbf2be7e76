//! [`ReadAhead`]: chunks that a thread reads before they are asked for.

use std::ops::Range;
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anndata_core::{Element, Result};
use anndata_storage::Error;
use rayon::Yield;

use super::ranges::Ranges;

type Chunk = (Range<usize>, Element);

/// How long a thread of rayon's pool sleeps before it looks again for a chunk, or for work of others.
const NAP: Duration = Duration::from_millis(1);

/// The chunks of an element in order. After an error there are none.
#[derive(Debug)]
pub(super) struct ReadAhead {
    source: Source,
    done: bool,
}

#[derive(Debug)]
enum Source {
    /// Read when they are asked for.
    Here(Box<Ranges>),
    /// Read by a thread.
    Thread(Option<Receiver<Result<Chunk>>>, Option<JoinHandle<()>>),
}

impl ReadAhead {
    pub(super) fn new(ranges: Ranges, prefetch: usize) -> Self {
        let Some(waiting) = prefetch.checked_sub(1) else {
            return Self { source: Source::Here(Box::new(ranges)), done: false };
        };
        // One more is in the hands of the thread.
        let (sender, receiver) = sync_channel(waiting);
        let read = move || {
            let mut ranges = ranges;
            while let Some(chunk) = next(&mut ranges) {
                let is_error = chunk.is_err();
                if sender.send(chunk).is_err() || is_error {
                    return;
                }
            }
        };
        Self { source: Source::Thread(Some(receiver), Some(thread::spawn(read))), done: false }
    }
}

fn next(ranges: &mut Ranges) -> Option<Result<Chunk>> {
    let range = ranges.advance().transpose()?;
    Some(range.and_then(|range| {
        let chunk = ranges.read(&range)?;
        Ok((range, chunk))
    }))
}

/// The next chunk that a thread has read; `None` once it has ended. A thread of rayon's pool takes part in the work of the pool
/// meanwhile, as the chunk may wait for that.
fn receive(receiver: &Receiver<Result<Chunk>>) -> Option<Result<Chunk>> {
    if rayon::current_thread_index().is_none() {
        return receiver.recv().ok();
    }
    loop {
        match receiver.try_recv() {
            Ok(chunk) => return Some(chunk),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {
                if !matches!(rayon::yield_now(), Some(Yield::Executed)) {
                    thread::sleep(NAP);
                }
            }
        }
    }
}

impl Iterator for ReadAhead {
    type Item = Result<Chunk>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let chunk = match &mut self.source {
            Source::Here(ranges) => next(ranges),
            Source::Thread(receiver, thread) => receiver.as_ref().and_then(receive).or_else(|| {
                let ended = thread.take().map(JoinHandle::join);
                matches!(ended, Some(Err(_))).then(|| Err(Error::bug("the thread that reads chunks panicked")))
            }),
        };
        self.done = !matches!(chunk, Some(Ok(_)));
        chunk
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        if let Source::Thread(receiver, thread) = &mut self.source {
            // Without a receiver the thread ends after the chunk that it reads.
            drop(receiver.take());
            if let Some(thread) = thread.take() {
                // Its panic was told of, or nobody asks any more.
                drop(thread.join());
            }
        }
    }
}
