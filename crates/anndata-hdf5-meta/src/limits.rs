//! How much work a file may ask for.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much work a file may ask for before it is given up with
/// [`LimitExceeded`](crate::ErrorKind::LimitExceeded).
///
/// All metadata of a file of `n` bytes may take `unbacked + n * expansion` bytes to parse, in a 64th as many structures. What
/// is asked for again is not counted again, so that a file may be used for as long as one likes. An honest file needs a
/// fraction of its own length; one in which structures refer to the same bytes over and over is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetaLimits {
    /// Bytes that may be parsed per byte of the file.
    pub expansion: u64,
    /// Bytes that may be parsed whatever the length of the file.
    pub unbacked: u64,
}

impl Default for MetaLimits {
    fn default() -> Self {
        Self { expansion: 16, unbacked: 64 << 20 }
    }
}

impl MetaLimits {
    /// For files that are trusted.
    pub const NONE: Self = Self { expansion: u64::MAX, unbacked: u64::MAX };

    /// Returns the same limits with another number of bytes per byte of the file.
    #[must_use]
    pub fn with_expansion(mut self, expansion: u64) -> Self {
        self.expansion = expansion;
        self
    }

    /// Returns the same limits with another number of bytes for any file.
    #[must_use]
    pub fn with_unbacked(mut self, unbacked: u64) -> Self {
        self.unbacked = unbacked;
        self
    }

    fn bytes(self, len: u64) -> u64 {
        self.expansion.saturating_mul(len).saturating_add(self.unbacked)
    }
}

/// What an action reads of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Open,
    Links,
    Attributes,
    Dataset,
    Chunks,
    Values,
    Paths,
}

/// Bytes and structures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) bytes: u64,
    pub(crate) structures: u64,
}

/// What is left of the work that a file may ask for.
#[derive(Debug)]
pub(crate) struct Budget {
    all: Work,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    left: Work,
    /// What was paid for.
    paid: HashSet<(Action, u64)>,
}

impl Budget {
    pub(crate) fn new(limits: MetaLimits, len: u64) -> Self {
        let bytes = limits.bytes(len);
        let all = Work { bytes, structures: bytes / 64 };
        Self { all, state: Mutex::new(State { left: all, paid: HashSet::new() }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an action may take: what is left, or as much as the file has in all if it was paid for.
    pub(crate) fn allowance(&self, action: Action, address: u64) -> Work {
        let state = self.state();
        if state.paid.contains(&(action, address)) { self.all } else { state.left }
    }

    /// Pays for what an action took, the first time.
    pub(crate) fn pay(&self, action: Action, address: u64, taken: Work) {
        let mut state = self.state();
        if state.paid.insert((action, address)) {
            state.left.bytes = state.left.bytes.saturating_sub(taken.bytes);
            state.left.structures = state.left.structures.saturating_sub(taken.structures);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_paid_for_once() {
        let budget = Budget::new(MetaLimits::default().with_unbacked(1000).with_expansion(2), 100);
        let taken = Work { bytes: 700, structures: 3 };
        budget.pay(Action::Links, 8, taken);
        assert_eq!(budget.allowance(Action::Links, 8).bytes, 1200);
        budget.pay(Action::Links, 8, taken);
        assert_eq!(budget.allowance(Action::Chunks, 8).bytes, 500);
        assert_eq!(budget.allowance(Action::Chunks, 8).structures, 15);
        budget.pay(Action::Links, 9, taken);
        assert_eq!(budget.allowance(Action::Attributes, 8).bytes, 0);
        assert_eq!(Budget::new(MetaLimits::NONE, 3).allowance(Action::Open, 0).bytes, u64::MAX);
    }
}
