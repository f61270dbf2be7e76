//! [`LoaderState`]: where a loader is.

use std::fmt::{self, Write as _};

use anndata_core::Result;
use anndata_storage::Error;
use serde::{Deserialize, Serialize};

use super::{Inner, Rank, Sampling};
use crate::Collection;

/// Where a loader is: all that another one needs to [go on](super::Loader::resume) from there, with the same bytes. It is small,
/// and is kept with the state of a model.
///
/// ```
/// use anndata_core::{AnnData, ConcatOptions, Tensor};
/// use anndata_experimental::{Collection, Fields, Loader, LoaderOptions, LoaderState, Sampling, Want};
///
/// let object = AnnData::builder().x(Tensor::from_vec([8, 1], (0..8_i32).collect())?).build()?;
/// let cells = Collection::new([("a", object)], &ConcatOptions::default())?;
/// let loader = Loader::new(&cells, Fields::x(Want::csr()), Sampling::default().with_batch(2), LoaderOptions::default())?;
/// let rows = |epoch: anndata_experimental::Epoch| {
///     epoch.map(|batch| Ok(batch?.rows)).collect::<Result<Vec<_>, anndata_core::Error>>()
/// };
/// let mut epoch = loader.epoch(3)?;
/// let first = epoch.next().unwrap()?.rows;
/// let saved = epoch.state().to_json();
/// let rest = rows(loader.resume(&LoaderState::from_json(&saved)?)?)?;
/// assert_eq!(rows(loader.epoch(3)?)?, [&[first][..], &rest].concat());
/// # Ok::<(), anndata_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoaderState {
    /// The version of the order that it counts in.
    pub version: u32,
    /// What tells data and sampling from any other.
    pub fingerprint: u64,
    /// The seed.
    pub seed: u64,
    /// The epoch.
    pub epoch: u64,
    /// Where in the epoch, in rows of all ranks, batches are counted from: not 0 if the number of ranks was another before.
    pub start: u64,
    /// The batches that were given since then.
    pub batch: u64,
    /// The rank that gave them.
    pub rank: Rank,
}

/// The version of the order. Another one gives other rows for the same state.
const VERSION: u32 = 1;

impl LoaderState {
    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Of JSON.
    ///
    /// # Errors
    /// [`InvalidData`](anndata_core::ErrorKind::InvalidData) if it is not that of a state.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text)
            .map_err(|error| Error::invalid_data("it is not the state of a loader").with_source(error))
    }
}

impl Inner {
    /// The begin of an epoch.
    pub(super) fn state(&self, epoch: u64) -> LoaderState {
        let (fingerprint, seed, rank) = (self.fingerprint, self.sampling.seed, self.sampling.rank);
        LoaderState { version: VERSION, fingerprint, seed, epoch, start: 0, batch: 0, rank }
    }

    /// Where this loader goes on.
    pub(super) fn resumed(&self, state: &LoaderState) -> Result<LoaderState> {
        if state.version != VERSION {
            let found = state.version;
            return Err(Error::unsupported(format!("expected a state of version {VERSION}, found {found}")));
        }
        if state.fingerprint != self.fingerprint {
            return Err(Error::invalid_input(
                "the state is of a loader of other data, or with another sampling: stores and their order, rows, order, \
                 weights, batch, window and tail have to be the same",
            ));
        }
        let rank = self.sampling.rank;
        let len = super::order::Stream::new(&self.arrangement, state.seed, state.epoch)?.len();
        let then = super::deal::Deal::new(
            len,
            state.start,
            self.window,
            u64::from(self.sampling.batch),
            self.sampling.tail,
            state.rank,
        )?;
        if state.batch > then.batches() {
            let (found, batches) = (state.batch, then.batches());
            return Err(Error::invalid_input(format!("the state is of batch {found} of an epoch that has {batches}")));
        }
        if state.rank.world == rank.world {
            return Ok(LoaderState { rank, ..state.clone() });
        }
        // Of an epoch that has ended nothing is left for others either: not what its tail dropped.
        let start = if state.batch == then.batches() { Some(len) } else { then.end_of_round(state.batch) };
        match start {
            Some(start) => Ok(LoaderState { rank, start, batch: 0, ..state.clone() }),
            None => Err(Error::invalid_input(format!(
                "{} ranks cannot go on in the middle of a window of {}: go on with as many until its end, after a multiple \
                 of {} batches",
                rank.world,
                state.rank.world,
                self.window / u64::from(self.sampling.batch)
            ))),
        }
    }
}

/// What tells data and sampling from any other: the stores by key and length, and all that the order depends on.
pub(super) fn fingerprint(data: &Collection, sampling: &Sampling, lengths: &[u64]) -> u64 {
    let mut hash = Hash(FNV_BASIS);
    // What is a number of the state, or of the process.
    let sampling = Sampling { seed: 0, rank: Rank::default(), ..sampling.clone() };
    // A hash takes any text.
    let _ = write!(hash, "{VERSION} {:?} {lengths:?} {sampling:?}", data.stores());
    hash.0
}

/// FNV-1a of 64 bits, the same in every version.
struct Hash(u64);

const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

impl fmt::Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 = text.bytes().fold(self.0, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME));
        Ok(())
    }
}
