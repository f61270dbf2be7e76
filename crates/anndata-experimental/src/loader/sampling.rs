//! [`Sampling`]: which rows come in which order, in batches.

use std::sync::Arc;

use anndata_core::Result;
use anndata_storage::Error;
use serde::{Deserialize, Serialize};

use super::RowSet;

/// Which rows of a collection come in which order, in batches. The order of an epoch is a function of this, of the collection and
/// of the number of the epoch: of no thread, no machine and no memory limit.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sampling {
    /// The rows. Default: all.
    pub rows: Option<RowSet>,
    /// In which order they come. Default: [`Order::Interleaved`] with 64 cursors and [`Unit::StoredChunk`].
    pub order: Order,
    /// How often rows come, by their weights. Default: [`Weights::Even`].
    pub weights: Weights,
    /// What weights do. Default: [`Draw::Each`], which needs none.
    pub draw: Draw,
    /// What the batches are put together of. Default: [`Compose::Free`].
    pub compose: Compose,
    /// The rows of a batch. Default: 512.
    pub batch: u32,
    /// The rows that are shuffled together, a multiple of the batch. Default: as many batches as have 4,096 rows at most, one at
    /// least.
    pub window: Option<u32>,
    /// What becomes of rows that fill no batch. Default: [`Tail::Drop`].
    pub tail: Tail,
    /// Which part of each epoch this process has. Default: all.
    pub rank: Rank,
    /// What random choices depend on. Default: 0.
    pub seed: u64,
}

/// In which order rows come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// As they are.
    Sequential,
    /// Units of consecutive rows come in random order, and the rows of a window are shuffled.
    Shuffled {
        /// The rows that stay together. The larger they are, the less is decoded that is not needed yet, and the more a batch
        /// has of the same place.
        unit: Unit,
    },
    /// Cursors, which begin at equal distances from each other and elsewhere in each epoch, give a row each in turn; the rows of a
    /// window are shuffled. Each batch has rows of all parts of the data, and chunks are decoded about once: each cursor keeps
    /// those rows of its unit that it has not given yet.
    Interleaved {
        /// The number of cursors.
        cursors: u32,
        /// The rows that a cursor reads at a time.
        unit: Unit,
    },
}

/// Consecutive rows that are read together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// So many.
    Rows(u32),
    /// Those that begin in the same stored chunk of the first matrix. In memory: 512.
    StoredChunk,
}

/// The weights of rows.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Weights {
    /// The same for all.
    Even,
    /// A weight for each row of the collection.
    Rows(Arc<[f32]>),
    /// The combinations of the values of some columns of `obs` have the same weight together, or, with a power between 0 and 1,
    /// nearly: a row has the weight `n^-power`, where `n` rows of all that are asked for have the same values.
    Balanced {
        /// The columns.
        by: Vec<String>,
        /// 0: rows have the same weight; 1: combinations of values have.
        power: f32,
    },
    /// A weight for each value of a column; rows of other values, or without one, do not come.
    PerClass {
        /// The column of `obs`.
        by: String,
        /// Values, and the weight of each row that has one.
        weights: Vec<(String, f32)>,
    },
}

/// What weights do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Draw {
    /// Each row comes once. There are no weights.
    Each,
    /// A row of weight `w` comes `floor(w)` times in an epoch, and once more in a part `w - floor(w)` of the epochs: so rows are
    /// read in the same order as without weights, and an epoch has an end. Weights that are [`Weights::Balanced`] are scaled to be 1
    /// on average.
    Thinned,
    /// So many rows are drawn, each independently of the others, with replacement. The order is that of the draws.
    Replace {
        /// The rows of an epoch.
        rows: u64,
    },
}

/// What batches are put together of. But for [`Free`](Self::Free), rows come in random order, whatever the order is: to read
/// them from where they are takes a read of each row, so that data that is used often is better written in groups once. An epoch
/// takes sixteen bytes of memory a row.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Compose {
    /// Any rows.
    #[default]
    Free,
    /// So many rows of each value of a column in every batch, in random order. An epoch ends where there are too few of one of them.
    Quota {
        /// The column of `obs`.
        by: String,
        /// Values, and the number of rows of each, as many as a batch has together.
        per_class: Vec<(String, u32)>,
    },
    /// Sets of rows that have the same values in some columns, one after the other. A batch is a multiple of a set.
    SameGroup {
        /// The columns of `obs`.
        by: Vec<String>,
        /// The rows of a set.
        size: u32,
        /// What becomes of groups that are no multiple of a set.
        short: Short,
    },
    /// Sets of rows of the same perturbation and the same values in some columns, each followed by controls with these values, which
    /// are drawn with replacement. What is left of a group is filled with rows of it. A batch is a multiple of a set with its controls.
    WithControls {
        /// The columns of `obs` in which controls are as what they are for.
        by: Vec<String>,
        /// The column of the perturbation.
        perturbation: String,
        /// Its value for controls.
        control: String,
        /// The rows of a set.
        size: u32,
        /// The controls of a set.
        controls: u32,
    },
}

/// What becomes of the rows of a group that fill no set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Short {
    /// They do not come in this epoch; others do not in the next.
    Skip,
    /// The set is filled with other rows of the group; the only ones come more than once.
    Repeat,
}

/// What becomes of rows that fill no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tail {
    /// They do not come in this epoch; shuffled, others do not in the next.
    #[default]
    Drop,
    /// The last batch is smaller. Of several ranks the last batches of the first have one row more than those of the others, so
    /// that no row is missing and the numbers of batches are equal.
    Keep,
    /// The last batches are filled with rows of the beginning of the epoch; [`Batch::padding`](super::Batch::padding) says how many
    /// rows, the last ones of the batch, these are.
    Pad,
}

/// Which of several processes this one is. All have the same number of batches in an epoch, and, but for
/// [padding](Tail::Pad), no row comes twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rank {
    /// The number of the process, from 0.
    pub rank: u32,
    /// The number of processes.
    pub world: u32,
}

impl Default for Rank {
    fn default() -> Self {
        Self { rank: 0, world: 1 }
    }
}

impl Rank {
    /// What the environment variables `RANK` and `WORLD_SIZE` say, which `torchrun` and others set; the only process if neither is
    /// set. `LOCAL_RANK`, which is the same on every machine, is not looked at.
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if only one of them is set, or they are not such numbers.
    pub fn from_env() -> Result<Self> {
        let get = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
        Self::from_values(get("RANK").as_deref(), get("WORLD_SIZE").as_deref())
    }

    fn from_values(rank: Option<&str>, world: Option<&str>) -> Result<Self> {
        let number = |name: &str, value: &str| {
            let number = value.trim().parse::<u32>();
            number.map_err(|_| {
                Error::invalid_input(format!("the environment variable {name} is '{value}', not a number"))
            })
        };
        match (rank, world) {
            (None, None) => Ok(Self::default()),
            (Some(rank), Some(world)) => {
                let rank = Self { rank: number("RANK", rank)?, world: number("WORLD_SIZE", world)? };
                rank.check().map(|()| rank)
            }
            (Some(_), None) => Err(Error::invalid_input("the environment variable RANK is set, but WORLD_SIZE is not")),
            (None, Some(_)) => Err(Error::invalid_input("the environment variable WORLD_SIZE is set, but RANK is not")),
        }
    }

    fn check(self) -> Result<()> {
        if self.rank < self.world {
            return Ok(());
        }
        let Self { rank, world } = self;
        Err(Error::invalid_input(format!(
            "expected a rank below the number of processes, found rank {rank} of {world}"
        )))
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            rows: None,
            order: Order::Interleaved { cursors: 64, unit: Unit::StoredChunk },
            weights: Weights::Even,
            draw: Draw::Each,
            compose: Compose::Free,
            batch: 512,
            window: None,
            tail: Tail::default(),
            rank: Rank::default(),
            seed: 0,
        }
    }
}

/// The rows of a window, unless it is said.
const WINDOW: u32 = 4_096;

impl Sampling {
    /// Sets which rows come; all without.
    #[must_use]
    pub fn with_rows(mut self, rows: impl Into<Option<RowSet>>) -> Self {
        self.rows = rows.into();
        self
    }

    /// Sets in which order rows come.
    #[must_use]
    pub fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Sets the weights of rows and what they do.
    #[must_use]
    pub fn with_weights(mut self, weights: Weights, draw: Draw) -> Self {
        (self.weights, self.draw) = (weights, draw);
        self
    }

    /// Sets what the batches are put together of.
    #[must_use]
    pub fn with_compose(mut self, compose: Compose) -> Self {
        self.compose = compose;
        self
    }

    /// Sets the rows of a batch.
    #[must_use]
    pub fn with_batch(mut self, rows: u32) -> Self {
        self.batch = rows;
        self
    }

    /// Sets the rows that are shuffled together.
    #[must_use]
    pub fn with_window(mut self, rows: impl Into<Option<u32>>) -> Self {
        self.window = rows.into();
        self
    }

    /// Sets what becomes of rows that fill no batch.
    #[must_use]
    pub fn with_tail(mut self, tail: Tail) -> Self {
        self.tail = tail;
        self
    }

    /// Sets which of several processes this one is.
    #[must_use]
    pub fn with_rank(mut self, rank: Rank) -> Self {
        self.rank = rank;
        self
    }

    /// Sets what random choices depend on.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Refuses what makes no sense; gives the rows of a window.
    pub(super) fn check(&self, n_rows: u64) -> Result<u64> {
        if self.batch == 0 {
            return Err(Error::invalid_input("a batch has at least one row"));
        }
        self.rank.check()?;
        match self.order {
            Order::Shuffled { unit: Unit::Rows(0) } | Order::Interleaved { unit: Unit::Rows(0), .. } => {
                return Err(Error::invalid_input("a unit has at least one row"));
            }
            Order::Interleaved { cursors: 0, .. } => return Err(Error::invalid_input("there is at least one cursor")),
            _ => {}
        }
        if let Some(row) = self.rows.as_ref().and_then(|rows| rows.ranges().last()).map(|last| last.end)
            && row > n_rows
        {
            return Err(Error::invalid_input(format!("row {} is out of bounds: there are {n_rows}", row - 1)));
        }
        match self.window {
            None => Ok(u64::from((WINDOW / self.batch).max(1)) * u64::from(self.batch)),
            Some(window) if window > 0 && window.is_multiple_of(self.batch) => Ok(u64::from(window)),
            Some(window) => {
                let batch = self.batch;
                Err(Error::invalid_input(format!(
                    "expected a window of a multiple of the {batch} rows of a batch, found {window}"
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_read_from_the_environment_or_refused() -> Result<()> {
        assert_eq!(Rank::from_values(None, None)?, Rank { rank: 0, world: 1 });
        assert_eq!(Rank::from_values(Some("3"), Some(" 4"))?, Rank { rank: 3, world: 4 });
        let refused = |rank, world| Rank::from_values(rank, world).unwrap_err().text();
        assert_eq!(refused(Some("4"), Some("4")), "expected a rank below the number of processes, found rank 4 of 4");
        assert_eq!(refused(Some("0"), None), "the environment variable RANK is set, but WORLD_SIZE is not");
        assert_eq!(refused(None, Some("1")), "the environment variable WORLD_SIZE is set, but RANK is not");
        assert_eq!(refused(Some("x"), Some("1")), "the environment variable RANK is 'x', not a number");
        Ok(())
    }
}
