//! [`Loader`]: batches of the rows of a collection, for training.

mod alias;
mod batch;
mod blocks;
mod compose;
mod cost;
mod deal;
mod epoch;
mod fields;
mod lengths;
mod memory;
mod order;
mod reader;
mod rows;
mod sampling;
mod slots;
mod source;
mod spans;
mod state;
mod weights;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anndata_core::{Column, ConcatAxis, Element, Result, Tensor};
use anndata_storage::{Error, OrBug};

pub use self::batch::{Batch, BatchMatrix};
pub use self::cost::Cost;
pub use self::epoch::Epoch;
pub use self::fields::{Fields, MatrixRef, Want};
pub use self::rows::RowSet;
pub use self::sampling::{Compose, Draw, Order, Rank, Sampling, Short, Tail, Unit, Weights};
pub use self::state::LoaderState;

use self::blocks::{Meter, Piece, Rows};
use self::epoch::Planned;
use self::lengths::{Parts, RowBytes};
use self::order::Arrangement;
use self::reader::{Matrix, Reader};
use self::slots::Units;
use crate::Collection;
use crate::encoder::series;

/// How a loader reads. Nothing of this changes what comes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LoaderOptions {
    /// The most bytes of memory that a loader takes, beside what it is asked for and holds no more. It is at least
    ///
    /// ```text
    /// (prefetch + 2) * window + 2 * cursors * unit + 2 * batch + 2 * threads * chunk + lengths + columns + weights
    /// ```
    ///
    /// - `window`: the rows that are shuffled together, as they are stored, or those of a batch, if less: a window that does not fit
    ///   is read some batches at a time (one that was [asked for](Sampling::window) has to fit);
    /// - `cursors * unit`: what cursors read ahead; they do not, where this is over a quarter of the limit. Of sparse matrices the
    ///   chunks in which they are stay decoded instead, one of values and one of indices each. Where there is room for units,
    ///   each window keeps as much, which saves a copy, and a window more is kept for what the next one needs of it;
    /// - `batch`: a batch as it is asked for, which is large if it is dense;
    /// - `threads * chunk`: a chunk of the store on each thread, encoded and decoded;
    /// - `lengths`: four bytes for each row of a sparse matrix, or less, so that they are an eighth of the limit at most;
    /// - `columns`: the columns of `obs` and the labels that are asked for;
    /// - `weights`: four bytes a row that is thinned, eight if rows are drawn with replacement, sixteen if batches are put together.
    ///
    /// If there is room, decoded chunks are kept until all their rows have been given: for each cursor and matrix two that it is in and
    /// two that it began in; all chunks if rows come from anywhere. The memory of a window and two batches is kept for the next ones as
    /// well, as fresh memory takes time.
    ///
    /// Default: 1 GiB.
    pub memory_limit: u64,
    /// The windows that are read ahead. With 0 each is read when it is asked for, on the thread that asks. Default: 2.
    pub prefetch: usize,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self { memory_limit: 1 << 30, prefetch: 2 }
    }
}

impl LoaderOptions {
    /// Sets the memory limit in bytes.
    #[must_use]
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Sets how many windows are read ahead.
    #[must_use]
    pub fn with_prefetch(mut self, windows: usize) -> Self {
        self.prefetch = windows;
        self
    }
}

/// What an [`Epoch`] did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoaderStats {
    /// The rows that were given.
    pub rows: u64,
    /// How long batches were waited for: what it took to read, beyond what it took to use them.
    pub waited: Duration,
    /// The bytes of the rows that were read, in memory.
    pub bytes_read: u64,
    /// The most bytes that a loader held at a time, without the batches that it gave.
    pub peak_memory: u64,
}

/// Gives the rows of a collection in batches, in an order that is good to train with, read in the background.
///
/// ```
/// use anndata_core::{AnnData, Column, ConcatOptions, DType, DataFrame, Tensor};
/// use anndata_experimental::{Collection, Encoder, Fields, Loader, LoaderOptions, MatrixRef, Sampling, Want};
///
/// let plate = |first: f32| {
///     let obs = DataFrame::unnamed(3).with_column("kind", Column::categorical_from_strings(["T", "B", "T"])?)?;
///     let x = Tensor::from_vec([3, 2], (0..6_u8).map(|at| first + f32::from(at)).collect())?;
///     AnnData::builder().x(x).obs(obs).build()
/// };
/// let cells = Collection::new([("a", plate(0.0)?), ("b", plate(10.0)?)], &ConcatOptions::default())?;
///
/// let fields = Fields::x(Want::dense(DType::F32)).with_labels("kind", Encoder::fit(&cells, "kind")?);
/// let sampling = Sampling::default().with_batch(2).with_seed(7);
/// let loader = Loader::new(&cells, fields, sampling, LoaderOptions::default())?;
/// for epoch in 0..2 {
///     for batch in loader.epoch(epoch)? {
///         let batch = batch?;
///         let kinds = batch.labels["kind"].as_slice::<i64>()?.to_vec();
///         let (x, shape) = batch.into_dense_vec(&MatrixRef::X)?;
///         assert_eq!((x.len(), shape, kinds.len()), (4, [2, 2], 2));
///     }
/// }
/// # Ok::<(), anndata_core::Error>(())
/// ```
///
/// # Order
///
/// The order of an epoch is a function of the [`Sampling`] (its seed among it), the number of the epoch, and the collection. It does
/// not depend on threads, time, memory or what was read before, so that a run [goes on](Self::resume) in the middle of an epoch by
/// counting batches. Random choices are made by a generator of this crate.
///
/// # Ranks
///
/// Each of several processes makes the same loader with its own [`Rank`], and has the same number of batches.
#[doc(alias("AnnLoader", "annbatch", "DataLoader"))]
#[derive(Debug, Clone)]
pub struct Loader {
    inner: Arc<Inner>,
    cost: Cost,
}

/// What is the same in every epoch.
#[derive(Debug)]
struct Inner {
    matrices: Arc<[Matrix]>,
    columns: Vec<(String, Column)>,
    labels: Vec<(String, Vec<i64>)>,
    arrangement: Arrangement,
    sampling: Sampling,
    options: LoaderOptions,
    /// The rows of a window.
    window: u64,
    row_bytes: Vec<RowBytes>,
    /// The bytes of rows that are read together, at most.
    piece_bytes: u64,
    /// Whether cursors keep what is left of their units.
    keeps_units: bool,
    /// Whether windows have what was left of units when they were read.
    shares_units: bool,
    /// What is in memory as long as the loader is.
    fixed_bytes: u64,
    /// The bytes of windows that are kept for the rest of units in them.
    kept_bytes: u64,
    /// The bytes of chunks that stay decoded until all of their rows came.
    chunk_bytes: u64,
    /// The bytes of memory that are kept to be used again.
    reused_bytes: u64,
    peak_memory: u64,
    /// Where each store ends.
    ends: Vec<u64>,
    fingerprint: u64,
}

impl Loader {
    /// A loader of the rows of a collection. No matrix is read but for the offsets of sparse ones; the columns of `obs` that are
    /// asked for are.
    ///
    /// # Errors
    /// [`NotFound`](anndata_core::ErrorKind::NotFound) if the collection has no such matrix, column or variable;
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if what is asked for makes no sense, such as weights that are negative;
    /// [`LimitExceeded`](anndata_core::ErrorKind::LimitExceeded) if a batch, or a window that was asked for, does not fit into the
    /// memory limit: the error says what it takes; [`InvalidData`](anndata_core::ErrorKind::InvalidData) if a label is unknown to its
    /// encoder; [`Unsupported`](anndata_core::ErrorKind::Unsupported) for CSC matrices in stores, and collections along the
    /// variables.
    pub fn new(data: &Collection, fields: Fields, sampling: Sampling, options: LoaderOptions) -> Result<Self> {
        if data.plan().axis != ConcatAxis::Obs {
            let message = "the stores of this collection follow each other along the variables: a loader gives rows";
            return Err(Error::unsupported(message));
        }
        let window = sampling.check(data.n_obs() as u64)?;
        let rows = sampling.rows.clone().unwrap_or_else(|| RowSet::from(0..data.n_obs() as u64));
        let lengths: Vec<u64> = data.plan().lengths.iter().map(|&len| len as u64).collect();
        let ends = lengths.iter().scan(0, |end, len| {
            *end += len;
            Some(*end)
        });
        let ends: Vec<u64> = ends.collect();

        let (mut matrices, mut parts, mut row_bytes) = (Vec::new(), Vec::new(), Vec::new());
        let Fields { matrices: wanted, var, fill, obs, labels } = fields;
        let most = options.memory_limit / 8 / (wanted.len().max(1) as u64);
        for (name, want) in wanted {
            let at = |error: Error| error.at(&name.to_string());
            want.check().map_err(at)?;
            let (element, columns) = source::matrix(data, var.as_deref(), fill, &name)?;
            let own = data
                .objects_of_stores()
                .iter()
                .zip(&lengths)
                .map(|(object, &len)| (len, source::find(object, &name).cloned()));
            let own: Vec<(u64, Option<Element>)> = own.collect();
            row_bytes.push(lengths::row_bytes(&own, &element.schema()?, most).map_err(at)?);
            parts.push(own);
            matrices.push(Matrix { name, want, element, columns });
        }
        let columns = obs.into_iter().map(|name| {
            let column = series(data, &name)?.load_once()?;
            Ok((name, column))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let labels = labels.into_iter().map(|(name, encoder)| {
            let codes = encoder.encode(&series(data, &name)?.load_once()?);
            let codes = codes.map_err(|error| error.at(&format!("obs/{name}")))?;
            Ok((name, codes))
        });
        let labels = labels.collect::<Result<Vec<_>>>()?;

        let unit = match sampling.order {
            Order::Sequential => Unit::StoredChunk,
            Order::Shuffled { unit } | Order::Interleaved { unit, .. } => unit,
        };
        let units = match (unit, parts.first().zip(row_bytes.first())) {
            (Unit::Rows(rows), _) => Units::Equal(u64::from(rows)),
            (Unit::StoredChunk, Some((parts, bytes))) => lengths::stored_units(parts, bytes, &rows),
            (Unit::StoredChunk, None) => Units::Equal(512),
        };
        let drawn = weights::drawn(data, &sampling, &rows)?;
        let composed = compose::composed(data, &sampling, &rows)?.map(Arc::new);
        let arrangement = Arrangement { rows, order: sampling.order, units, drawn, composed };
        let fingerprint = state::fingerprint(data, &sampling, &lengths);
        let mut inner = Inner {
            matrices: matrices.into(),
            columns,
            labels,
            arrangement,
            sampling,
            options,
            window,
            row_bytes,
            piece_bytes: 0,
            keeps_units: false,
            shares_units: false,
            fixed_bytes: 0,
            kept_bytes: 0,
            chunk_bytes: 0,
            reused_bytes: 0,
            peak_memory: 0,
            ends,
            fingerprint,
        };
        inner.fit()?;
        let state = inner.state(0);
        let stored: Vec<(&Parts, &RowBytes)> = parts.iter().map(Vec::as_slice).zip(&inner.row_bytes).collect();
        let cost = cost::cost(&inner, &stored, &state)?;
        Ok(Self { inner: Arc::new(inner), cost })
    }

    /// What an epoch reads.
    pub fn cost(&self) -> &Cost {
        &self.cost
    }

    /// The batches of an epoch, by its number, from 0: in another order in each, unless it is [`Order::Sequential`].
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if there are fewer rows than ranks, and [`Tail::Keep`].
    pub fn epoch(&self, epoch: u64) -> Result<Epoch> {
        Epoch::new(&self.inner, self.inner.state(epoch))
    }

    /// The batches of an epoch that come after those that were given before: a [state](Batch::state) of this loader, or of one with
    /// the same data, fields or others, and sampling. It may be another rank of as many; of another number of ranks only at the end
    /// of a window, where all of them are at the same place.
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if the state is of other data or another sampling, or the number of
    /// ranks was another within a window.
    pub fn resume(&self, state: &LoaderState) -> Result<Epoch> {
        Epoch::new(&self.inner, self.inner.resumed(state)?)
    }

    /// Some rows of the collection, in the order given; repeats are allowed. They are read now.
    ///
    /// # Errors
    /// [`InvalidInput`](anndata_core::ErrorKind::InvalidInput) if there is no such row;
    /// [`LimitExceeded`](anndata_core::ErrorKind::LimitExceeded) if they do not fit into the memory limit; or if they cannot be read.
    pub fn get(&self, rows: &[u64]) -> Result<Batch> {
        let inner = &self.inner;
        let len = inner.ends.last().copied().unwrap_or(0);
        if let Some(row) = rows.iter().find(|&&row| row >= len) {
            return Err(Error::invalid_input(format!("row {row} is out of bounds: there are {len}")));
        }
        let bytes: u64 = rows.iter().map(|&row| inner.row_bytes.iter().map(|matrix| matrix.of(row)).sum::<u64>()).sum();
        let (needed, limit) = (bytes.saturating_mul(2) + inner.fixed_bytes, inner.options.memory_limit);
        if needed > limit {
            let message = format!("{} rows need {needed} bytes, more than the memory limit of {limit}", rows.len());
            return Err(Error::limit_exceeded(message).with_advice("ask for fewer rows"));
        }
        let (meter, stop) = (Arc::<Meter>::default(), Arc::<AtomicBool>::default());
        let mut reader = Reader::new(&inner.matrices, &RowSet::from(0..len), None, &meter, &stop);
        let piece = reader.read(rows, false)?.or_bug("a reader that nobody stopped")?;
        inner.batch_of_rows(&piece, &piece.rows(rows, 0)?, rows, 0, None)
    }
}

impl Inner {
    /// Rows that were read, as a batch.
    fn batch(&self, piece: &Piece, found: &Rows, planned: &Planned, state: Option<LoaderState>) -> Result<Batch> {
        let row = |&position: &u64| self.arrangement.rows.nth(position).or_bug("a row beyond all");
        let rows = planned.positions.iter().map(row).collect::<Result<Vec<u64>>>()?;
        self.batch_of_rows(piece, found, &rows, planned.padding, state)
    }

    fn batch_of_rows(
        &self,
        piece: &Piece,
        found: &Rows,
        rows: &[u64],
        padding: u32,
        state: Option<LoaderState>,
    ) -> Result<Batch> {
        let labels = self.labels.iter().map(|(name, codes)| {
            let code = |&row: &u64| {
                usize::try_from(row).ok().and_then(|row| codes.get(row)).copied().or_bug("a row without a label")
            };
            Ok((name.clone(), Tensor::from_vec([rows.len()], rows.iter().map(code).collect::<Result<Vec<i64>>>()?)?))
        });
        let locate = |&row: &u64| {
            let store = self.ends.partition_point(|&end| end <= row);
            // Fallback: no end is before the rows of the first store, which begin at 0.
            let start = store.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
            Ok(crate::RowId {
                store: u32::try_from(store).or_bug("more stores than can be counted")?,
                row: row - start,
            })
        };
        Ok(Batch {
            matrices: batch::matrices(&self.matrices, piece, found)?,
            obs: batch::obs(&self.columns, rows)?,
            labels: labels.collect::<Result<_>>()?,
            rows: rows.iter().map(locate).collect::<Result<_>>()?,
            padding,
            state,
        })
    }
}
