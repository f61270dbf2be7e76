//! A new store behind a network: values are sent while the next ones are made, large ones in parts.
//!
//! Shards are written from front to back, in pieces. What was written of one is kept until it is enough for a part, which is
//! then sent as one request of a multipart upload; the object appears when it is whole. The last piece stays, as its end, the
//! index of the shard, is replaced when the shard grows.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anndata_storage::{Error, OrBug as _, Result};
use bytes::Bytes;
use object_store::MultipartUpload;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::object::failed;
use super::{ByteRange, Remote, Store, too_short};

/// The bytes of a part. S3 takes 10,000 of at least 5 MiB each, the last one aside.
const PART: usize = 8 << 20;

/// The most bytes of values that are not whole yet, and as many of those that are on their way; one value may be larger where
/// the store takes no parts.
const MOST: usize = 64 << 20;

/// A store that is written to and that nobody reads meanwhile. Clones are the same store.
#[derive(Debug, Clone)]
pub(crate) struct Uploads(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    remote: Remote,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Whether nothing is written any more.
    closed: bool,
    /// The keys of what was written, where the store cannot list them.
    keys: Option<BTreeSet<String>>,
    /// The keys of values that were written in pieces.
    shards: BTreeSet<String>,
    /// Values that may grow, that which was written last at the end.
    open: Vec<(String, Growing)>,
    /// What is on its way, in the order in which it was sent.
    sent: VecDeque<Sent>,
    /// Whether the store said that it takes no parts.
    no_parts: bool,
}

/// A value, or a part of one, on its way.
#[derive(Debug)]
struct Sent {
    key: String,
    len: usize,
    task: JoinHandle<Result<()>>,
}

/// A value of which not everything was sent.
#[derive(Default)]
struct Growing {
    /// The bytes that were sent as parts.
    before: u64,
    /// Those behind.
    bytes: Vec<u8>,
    /// Where in these the piece begins that was written last.
    last: usize,
    upload: Option<Box<dyn MultipartUpload>>,
    /// What tells of each part that it arrived.
    parts: Vec<oneshot::Receiver<()>>,
}

impl fmt::Debug for Growing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Growing")
            .field("before", &self.before)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl Growing {
    fn len(&self) -> u64 {
        self.before + self.bytes.len() as u64
    }
}

impl Uploads {
    /// `can_list` says whether the store can tell what was written.
    pub(crate) fn new(remote: Remote, can_list: bool) -> Self {
        let state = State { keys: (!can_list).then(BTreeSet::new), ..State::default() };
        Self(Arc::new(Inner { remote, state: Mutex::new(state) }))
    }

    /// Nothing is written from now on.
    pub(crate) fn close(&self) {
        self.0.state().closed = true;
    }

    /// Gives up: what is not whole does not appear, and what did appear is removed, as far as the store lets that be done.
    pub(crate) fn abandon(&self) {
        self.close();
        self.0.give_up();
        let remote = &self.0.remote;
        // Who was told of the error that came before hears of no other.
        let _ = match self.0.state().keys.take() {
            Some(keys) => keys.iter().map(|key| remote.erase(key)).fold(Ok(()), Result::and),
            None => remote.erase_all(""),
        };
    }

    fn settle(&self) -> Result<()> {
        self.0.settle(&mut self.0.state())
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // What was begun is given up after a panic: nothing of it appears.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, to write a value.
    fn writing(&self, key: &str) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        if state.closed {
            return Err(super::read_only());
        }
        if let Some(keys) = &mut state.keys
            && !keys.contains(key)
        {
            keys.insert(key.to_owned());
        }
        Ok(state)
    }

    /// Sends everything that was written, and waits until it is there.
    fn settle(&self, state: &mut State) -> Result<()> {
        while !state.open.is_empty() {
            let (key, growing) = state.open.remove(0);
            self.finish(state, key, growing)?;
        }
        self.join_sent(state)
    }

    /// Waits until what is on its way is there, or failed.
    fn join_sent(&self, state: &mut State) -> Result<()> {
        self.remote.join_all(state.sent.drain(..).map(|sent| sent.task))
    }

    /// Ends what is on its way; no value appears of which not everything was sent.
    fn give_up(&self) {
        let mut state = self.state();
        // Why it is given up is what is reported.
        let _ = self.join_sent(&mut state);
        for (_, growing) in std::mem::take(&mut state.open) {
            if let Some(mut upload) = growing.upload {
                // Stores remove parts that were forgotten on their own.
                let _ = self.remote.runtime().wait(async move { upload.abort().await.map_err(failed) });
            }
        }
    }

    /// Sends a whole value, after an older one under the same key.
    fn put(&self, state: &mut State, key: String, value: Bytes) -> Result<()> {
        while state.sent.iter().any(|sent| sent.key == key) {
            let Some(first) = state.sent.pop_front() else { break };
            self.remote.runtime().join(first.task)?;
        }
        let len = value.len();
        let task = self.remote.start_put(key.clone(), value)?;
        self.note(state, Sent { key, len, task })
    }

    /// Notes what is on its way, and waits for older ones while it is too much.
    fn note(&self, state: &mut State, sent: Sent) -> Result<()> {
        state.sent.push_back(sent);
        let mut total = state.sent.iter().fold(0_usize, |total, sent| total.saturating_add(sent.len));
        while total > MOST || state.sent.len() > 4 * self.remote.concurrency() {
            let Some(first) = state.sent.pop_front() else { break };
            total -= first.len;
            self.remote.runtime().join(first.task)?;
        }
        Ok(())
    }

    /// Sends the parts of a value that are whole. The piece that was written last stays.
    fn send_parts(&self, state: &mut State, key: &str, growing: &mut Growing) -> Result<()> {
        while growing.last >= PART && !state.no_parts {
            if growing.upload.is_none() {
                growing.upload = self.remote.begin(key)?;
                state.no_parts = growing.upload.is_none();
                continue;
            }
            growing.before += PART as u64;
            growing.last -= PART;
            self.send_part(state, key, growing)?;
        }
        Ok(())
    }

    /// Sends the first bytes of what was not sent yet.
    fn send_part(&self, state: &mut State, key: &str, growing: &mut Growing) -> Result<()> {
        let rest = growing.bytes.split_off(growing.bytes.len().min(PART));
        let part = std::mem::replace(&mut growing.bytes, rest);
        let len = part.len();
        let upload = growing.upload.as_mut().or_bug("a part of a value that has none")?;
        // Parts are numbered as they are made, and may arrive in any order.
        let put = upload.put_part(part.into());
        let (told, hears) = oneshot::channel();
        growing.parts.push(hears);
        let task = self.remote.start(async move {
            put.await.map_err(failed)?;
            // Nobody waits for the parts of a value that was given up.
            let _ = told.send(());
            Ok(())
        })?;
        self.note(state, Sent { key: key.to_owned(), len, task })
    }

    /// Sends the rest of a value, upon which it appears.
    fn finish(&self, state: &mut State, key: String, mut growing: Growing) -> Result<()> {
        if growing.upload.is_none() {
            return self.put(state, key, growing.bytes.into());
        }
        while !growing.bytes.is_empty() {
            if let Err(error) = self.send_part(state, &key, &mut growing) {
                // Kept, so that its upload is aborted.
                state.open.push((key, growing));
                return Err(error);
            }
        }
        let mut upload = growing.upload.take().or_bug("a value without an upload")?;
        // Without a permit, for which the parts that it waits for may be waiting.
        let task = self.remote.runtime().spawn(async move {
            for part in growing.parts {
                if part.await.is_err() {
                    let _ = upload.abort().await;
                    return Err(broken_off());
                }
            }
            upload.complete().await.map(drop).map_err(failed)
        })?;
        self.note(state, Sent { key, len: 0, task })
    }

    /// What was written of a value, to go on at `start`.
    fn resume(&self, state: &mut State, key: &str, start: u64) -> Result<Growing> {
        let known = state.open.iter().position(|(known, _)| known == key).map(|at| state.open.remove(at).1);
        match known {
            Some(growing) if start >= growing.before => return Ok(growing),
            None if start == 0 => return Ok(Growing::default()),
            None => {}
            Some(growing) => self.finish(state, key.to_owned(), growing)?,
        }
        // What was sent is changed: the value is fetched, and sent once more.
        self.settle(state)?;
        let mut bytes = Vec::new();
        self.remote.read(key, ByteRange::All, u64::MAX, &mut bytes)?;
        Ok(Growing { bytes, ..Growing::default() })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.give_up();
    }
}

fn broken_off() -> Error {
    Error::io("a part of the value could not be sent")
}

impl fmt::Display for Uploads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.remote.fmt(f)
    }
}

impl Store for Uploads {
    fn location(&self) -> Option<&Path> {
        self.0.remote.location()
    }

    fn read(&self, key: &str, range: ByteRange, max: u64, into: &mut Vec<u8>) -> Result<bool> {
        // Whether a shard was begun is asked before each: nobody has to wait for it.
        if matches!(range, ByteRange::Last(_)) && !self.0.state().shards.contains(key) {
            return Ok(false);
        }
        self.settle()?;
        self.0.remote.read(key, range, max, into)
    }

    fn size(&self, key: &str) -> Result<Option<u64>> {
        if let Some((_, growing)) = self.0.state().open.iter().find(|(known, _)| known == key) {
            return Ok(Some(growing.len()));
        }
        self.settle()?;
        self.0.remote.size(key)
    }

    fn children(&self, prefix: &str) -> Result<Vec<String>> {
        self.settle()?;
        self.0.remote.children(prefix)
    }

    fn usage(&self, prefix: &str) -> Result<Option<u64>> {
        self.settle()?;
        self.0.remote.usage(prefix)
    }

    fn is_writable(&self) -> bool {
        !self.0.state().closed && self.0.remote.is_writable()
    }

    fn write(&self, key: &str, value: &[u8]) -> Result<()> {
        let mut state = self.0.writing(key)?;
        if let Some(at) = state.open.iter().position(|(known, _)| known == key) {
            state.open.remove(at);
        }
        self.0.put(&mut state, key.to_owned(), Bytes::copy_from_slice(value))
    }

    fn appends(&self) -> bool {
        true
    }

    fn write_from(&self, key: &str, start: u64, value: &[u8]) -> Result<()> {
        let mut state = self.0.writing(key)?;
        let mut growing = self.0.resume(&mut state, key, start)?;
        state.shards.insert(key.to_owned());
        let start = usize::try_from(start - growing.before).ok().filter(|start| *start <= growing.bytes.len());
        growing.last = start.ok_or_else(|| too_short(key))?;
        growing.bytes.truncate(growing.last);
        growing.bytes.extend_from_slice(value);
        let sent = self.0.send_parts(&mut state, key, &mut growing);
        // Also after an error, so that its upload is aborted.
        state.open.push((key.to_owned(), growing));
        sent?;
        let kept = |state: &State| state.open.iter().map(|(_, growing)| growing.bytes.len()).sum::<usize>();
        while state.open.len() > 1 && kept(&state) > MOST {
            let (key, oldest) = state.open.remove(0);
            self.0.finish(&mut state, key, oldest)?;
        }
        Ok(())
    }

    fn erase(&self, key: &str) -> Result<()> {
        self.settle()?;
        self.0.remote.erase(key)
    }

    fn erase_all(&self, prefix: &str) -> Result<()> {
        self.settle()?;
        self.0.remote.erase_all(prefix)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.settle()?;
        self.0.remote.rename(from, to)
    }

    fn flush(&self) -> Result<()> {
        self.settle()
    }

    fn arrive(&self) -> Result<()> {
        self.settle()
    }
}
