//! [`Dataset`]: a collection as tables see it.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use anndata_array::sparse::Offsets;
use anndata_core::{ConcatAxis, Result};
use anndata_experimental::Collection;
use anndata_storage::{Error, OrBug};
use arrow_array::StringViewArray;

use crate::values::to_views;

/// A collection of stores that tables are made of: where the rows of each store are, and the names of the variables.
#[derive(Debug)]
pub struct Dataset {
    collection: Collection,
    /// Where the rows of each store are among all.
    starts: Offsets,
    /// The names of the variables, once they are asked for.
    var_names: OnceLock<StringViewArray>,
    /// Where the stores are and what they were, once it is asked for.
    manifest: OnceLock<String>,
}

/// Rows of one store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) store: usize,
    /// Where the first row of the store is among all.
    pub(crate) start: u64,
    /// The rows among all.
    pub(crate) rows: Range<u64>,
}

impl Dataset {
    /// The tables of a collection of stores that follow each other along the observations.
    ///
    /// # Errors
    /// [`Unsupported`](anndata_core::ErrorKind::Unsupported) if they follow each other along the variables.
    pub fn new(collection: &Collection) -> Result<Arc<Self>> {
        if collection.plan().axis != ConcatAxis::Obs {
            return Err(Error::unsupported(
                "the stores of the collection follow each other along the variables: tables are of stores that do along \
                 the observations",
            ));
        }
        let starts = Offsets::of_lengths(collection.plan().lengths.iter().copied())?;
        Ok(Arc::new(Self {
            collection: collection.clone(),
            starts,
            var_names: OnceLock::new(),
            manifest: OnceLock::new(),
        }))
    }

    /// The collection.
    pub fn collection(&self) -> &Collection {
        &self.collection
    }

    /// The number of observations.
    pub fn n_obs(&self) -> u64 {
        self.collection.n_obs() as u64
    }

    /// The number of variables.
    pub fn n_vars(&self) -> u64 {
        self.collection.n_vars() as u64
    }

    /// The rows of each store.
    pub(crate) fn stores(&self) -> impl Iterator<Item = Range<u64>> + '_ {
        self.starts.ranges().map(|range| range.start as u64..range.end as u64)
    }

    /// The store that a row is of, or the last one.
    pub(crate) fn store_of(&self, row: u64) -> usize {
        self.starts.ends().partition_point(|&end| end as u64 <= row).min(self.starts.n_major().saturating_sub(1))
    }

    /// The rows, store by store.
    pub(crate) fn pieces(&self, rows: &Range<u64>) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut at = rows.start;
        while at < rows.end {
            let store = self.store_of(at);
            let own = self.starts.range(store)?;
            let (start, end) = (own.start as u64, (own.end as u64).min(rows.end));
            if end <= at {
                return Err(Error::invalid_input(format!("there is no row {at}")));
            }
            pieces.push(Piece { store, start, rows: at..end });
            at = end;
        }
        Ok(pieces)
    }

    /// The key of a store.
    pub(crate) fn key(&self, store: usize) -> Result<&str> {
        self.collection.stores().get(store).map(String::as_str).or_bug("a store without a key")
    }

    /// The [manifest](Collection::to_manifest) of the stores, made once.
    ///
    /// # Errors
    /// If they were not opened from files, or are gone.
    pub fn manifest(&self) -> Result<&str> {
        if let Some(manifest) = self.manifest.get() {
            return Ok(manifest);
        }
        let manifest = self.collection.to_manifest()?;
        Ok(self.manifest.get_or_init(|| manifest))
    }

    /// The names of the variables.
    pub(crate) fn var_names(&self) -> Result<&StringViewArray> {
        if let Some(names) = self.var_names.get() {
            return Ok(names);
        }
        let names = to_views(&self.collection.var().index().load_once()?)?;
        Ok(self.var_names.get_or_init(|| names))
    }
}
