//! [`Image`]: the chunks of an array that were decoded, each where it is in the array.
//!
//! Memory that nothing was written to yet takes none, and large memory comes in large pages, so that keeping a chunk costs less than
//! decoding it again.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{AlignedBytes, Result};

/// As long as it lives, arrays that are read only, in runs, keep the chunks that they decode: for values that are read from anywhere, so
/// that what is left of a chunk is read later.
#[derive(Debug)]
#[must_use = "chunks are kept only while this lives"]
pub struct ImageReuse {
    number: u64,
}

impl ImageReuse {
    /// Room for so many bytes of whole arrays. An array that there is no room left for keeps nothing.
    pub fn up_to(bytes: usize) -> Self {
        let mut all = all();
        let number = all.next;
        all.next += 1;
        if bytes > 0 {
            all.rooms.push(Room { number, left: bytes, images: Vec::new() });
            IS_WANTED.store(true, Ordering::Relaxed);
        }
        Self { number }
    }
}

impl Drop for ImageReuse {
    fn drop(&mut self) {
        let mut all = all();
        let own = all.rooms.iter().position(|room| room.number == self.number).map(|at| all.rooms.swap_remove(at));
        IS_WANTED.store(!all.rooms.is_empty(), Ordering::Relaxed);
        // Others need not wait until the system has it.
        drop(all);
        drop(own);
    }
}

/// Room for arrays, and those that took some of it.
struct Room {
    number: u64,
    left: usize,
    images: Vec<Arc<Image>>,
}

struct All {
    rooms: Vec<Room>,
    next: u64,
}

static ALL: Mutex<All> = Mutex::new(All { rooms: Vec::new(), next: 0 });

/// Whether there is any room.
static IS_WANTED: AtomicBool = AtomicBool::new(false);

fn all() -> MutexGuard<'static, All> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Decoded chunks of one array.
pub(super) struct Image {
    /// Where the first chunk is.
    start: *mut u8,
    chunk_bytes: usize,
    /// Of each chunk what became of it.
    states: Vec<AtomicU8>,
    #[expect(dead_code, reason = "it is what `start` points to")]
    memory: AlignedBytes,
}

const EMPTY: u8 = 0;
const BUSY: u8 = 1;
const DONE: u8 = 2;

// SAFETY: a chunk is written to by the one thread that made its state `BUSY`, and read only after that made it `DONE`; nothing else
// touches the memory, which lives as long as the image.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

impl Image {
    /// Whether any array has room.
    pub(super) fn is_wanted() -> bool {
        IS_WANTED.load(Ordering::Relaxed)
    }

    /// One of so many chunks, if there is room for it.
    pub(super) fn make(chunks: usize, chunk_bytes: usize) -> Option<Arc<Self>> {
        let bytes = chunks.checked_mul(chunk_bytes)?;
        let mut all = all();
        let room = all.rooms.iter_mut().find(|room| room.left >= bytes)?;
        let image = Arc::new(Self::new(chunks, chunk_bytes)?);
        room.left -= bytes;
        room.images.push(Arc::clone(&image));
        Some(image)
    }

    fn new(chunks: usize, chunk_bytes: usize) -> Option<Self> {
        let mut memory = AlignedBytes::try_zeroed(chunks.checked_mul(chunk_bytes)?).ok()?;
        let start = memory.as_mut_slice().as_mut_ptr();
        let states = (0..chunks).map(|_| AtomicU8::new(EMPTY)).collect();
        Some(Self { start, chunk_bytes, states, memory })
    }

    /// A chunk, if it is there.
    pub(super) fn get(&self, chunk: u64) -> Option<&[u8]> {
        let chunk = usize::try_from(chunk).ok()?;
        if self.states.get(chunk)?.load(Ordering::Acquire) != DONE {
            return None;
        }
        // SAFETY: there is a state for each chunk that the memory has room for. This one is done: nobody writes to it any more.
        Some(unsafe { std::slice::from_raw_parts(self.start.add(chunk * self.chunk_bytes), self.chunk_bytes) })
    }

    /// Has a function put down a chunk, unless another thread does or did.
    pub(super) fn fill(&self, chunk: u64, decode: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Option<&[u8]>> {
        let Some((at, state)) = usize::try_from(chunk).ok().and_then(|at| Some((at, self.states.get(at)?))) else {
            return Ok(None);
        };
        if state.compare_exchange(EMPTY, BUSY, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Ok(None);
        }
        // SAFETY: there is a state for each chunk that the memory has room for. This thread alone made the state busy, and nobody reads
        // the chunk until it is done.
        let place = unsafe { std::slice::from_raw_parts_mut(self.start.add(at * self.chunk_bytes), self.chunk_bytes) };
        match decode(place) {
            Ok(()) => state.store(DONE, Ordering::Release),
            Err(error) => {
                state.store(EMPTY, Ordering::Release);
                return Err(error);
            }
        }
        Ok(self.get(chunk))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn a_chunk_is_put_down_once_and_read_by_all() -> Result<()> {
        let image = Image::new(100, 64).ok_or_else(|| Error::bug("no memory"))?;
        assert_eq!(image.get(3), None);
        assert!(image.fill(3, |_| Err(Error::invalid_data("damaged"))).is_err_and(|error| error.is_invalid_data()));
        assert!(image.get(3).is_none() && image.get(100).is_none() && image.fill(100, |_| Ok(()))?.is_none());
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let image = &image;
                scope.spawn(move || {
                    for chunk in 0..100 {
                        let own = |place: &mut [u8]| {
                            place.fill(thread + 1);
                            Ok(())
                        };
                        drop(image.fill(chunk, own));
                        if let Some(found) = image.get(chunk) {
                            assert!(found[0] > 0 && found.iter().all(|byte| *byte == found[0]));
                        }
                    }
                });
            }
        });
        assert!((0..100).all(|chunk| image.get(chunk).is_some()));
        Ok(())
    }
}
