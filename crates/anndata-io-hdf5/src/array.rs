//! One array that the library has open: which of the ways to its values is taken.
//!
//! - Chunks whose filters are known here, and one contiguous piece, are read without the library, as the
//!   [`Plan`](crate::plan) of the array says.
//! - Everything else goes through the library ([`library`]): values in the header, in other files, or behind filters
//!   that only the library knows.

mod chunks;
mod library;
mod pieces;

pub(crate) use library::read_attribute;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anndata_storage::{
    ArraySpec, ArrayStorage, AxisSelection, ChunkedStorage, Error, Result, StoredPieces, Tensor, chunked, copy_values,
    read_positions,
};

use crate::dtype::{Fix, Node, Stored};
use crate::filters::Pipeline;
use crate::heap::Heap;
use crate::plan::{Layout, Plan};
use crate::raw::Id;
use crate::raw::link::Object;
use crate::raw::space::Extent;
use crate::raw::{dataset, target};
use crate::shared::{ArrayState, Shared, SharedState};

/// An open dataset.
#[derive(Debug)]
pub(crate) struct Hdf5Array {
    /// Given up before `id`: as long as anybody has it, the object is open, and no other can be in its place.
    state: SharedState,
    store: Arc<Shared>,
    id: Id,
    plan: Plan,
    /// The library's type of the values in memory.
    memory: Id,
    /// As it was when it was last asked for.
    spec: Mutex<Arc<ArraySpec>>,
    own: bool,
    /// Whether only the library knows what an unwritten text is.
    fill_needs_library: bool,
    /// Whether only the library finds the chunks, or knows which of them were filtered.
    chunks_need_library: bool,
}

impl Hdf5Array {
    /// Reads the metadata of a dataset.
    ///
    /// `own` is false for one that is behind a link to another file, so that its addresses are not those of the store's.
    pub(crate) fn new(store: Arc<Shared>, object: Object, own: bool) -> Result<Self> {
        let Object { id, identity, .. } = object;
        let properties = dataset::properties(&id)?;
        let layout = dataset::layout(&properties)?;
        match layout {
            Layout::External if !store.options.allow_external_storage => {
                return Err(Error::refused(
                    "the values are in other files; the option allow_external_storage reads them",
                ));
            }
            Layout::Virtual if !store.options.allow_virtual => {
                return Err(Error::refused("the array is virtual; the option allow_virtual reads it"));
            }
            _ => {}
        }
        let memory = dataset::datatype(&id)?;
        let stored = Stored::of(&memory);
        let (null, resizable) = match dataset::extent(&id)? {
            Extent::Null => (true, false),
            Extent::Simple { resizable, .. } => (false, resizable),
        };
        let state = store.state(&identity, || match dataset::extent(&id)? {
            Extent::Null => Ok(ArrayState::new(Vec::new())),
            Extent::Simple { shape, .. } => Ok(ArrayState::new(shape)),
        })?;
        let pipeline = Pipeline::new(&dataset::filters(&properties)?);
        let chunks_need_library =
            matches!(layout, Layout::Chunked(_)) && !dataset::lists_chunks_right(&id, &properties, resizable)?;
        let (fill, fill_needs_library) = library::fill_value(&properties, &stored, &memory)?;
        let (raw, limits) = (Arc::clone(&store.raw), store.options.limits);
        let plan = Plan { file: raw, limits, stored, layout, pipeline, null, fill };
        let spec = Mutex::new(Arc::new(plan.spec(resizable)));
        let array = Self { state, store, id, plan, memory, spec, own, fill_needs_library, chunks_need_library };
        array.plan.check_chunk_shape(&array.shape())?;
        Ok(array)
    }

    fn state(&self) -> MutexGuard<'_, ArrayState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shape(&self) -> Vec<u64> {
        self.state().shape.clone()
    }

    fn needs_library(&self) -> bool {
        !self.own
            || matches!(self.plan.layout, Layout::Compact | Layout::External | Layout::Virtual)
            || self.plan.pipeline.needs_library()
            || self.fill_needs_library
            || self.chunks_need_library
            || (self.plan.stored.node.has_text() && self.heap().is_none())
    }

    /// What the references of texts are into. `None` if that is another file, or several, or where references are not
    /// of the usual width.
    fn heap(&self) -> Option<Heap<'_>> {
        if self.own && self.plan.layout != Layout::Virtual { self.store.heap() } else { None }
    }

    /// The selected elements, plain values fixed, all others as bytes.
    fn read_raw_elements(&self, spec: &ArraySpec, selection: &[AxisSelection]) -> Result<Tensor> {
        self.store.settle()?;
        match self.plan.layout {
            Layout::Chunked(_) => {
                self.list_chunks()?;
                chunked::read(self, spec, selection)
            }
            _ => self.plan.read_contiguous(dataset::address(&self.id, self.store.base), spec, selection),
        }
    }

    fn read_values(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        self.plan.check_readable()?;
        let Stored { dtype, node } = &self.plan.stored;
        if node.has_targets() && (!self.own || self.plan.layout == Layout::Virtual) {
            return Err(Error::unsupported(format!("{dtype} in another file cannot be read")));
        }
        if self.needs_library() {
            if node.has_lists() {
                return Err(Error::unsupported(format!("{dtype} cannot be read from this layout of the array")));
            }
            return self.read_library(selection);
        }
        let raw = self.read_raw_elements(&self.plan.raw_spec(self.spec()), selection)?;
        self.plan.values(raw, self.heap(), &|kind, reference| target::read(&self.id, kind, reference))
    }

    fn read_value_runs(&self, runs: &[Range<u64>]) -> Result<Tensor> {
        if !self.plan.is_plain() || self.plan.null || self.needs_library() {
            return read_positions(|selection| self.read_values(selection), runs);
        }
        self.store.settle()?;
        match self.plan.layout {
            Layout::Chunked(_) => {
                self.list_chunks()?;
                chunked::read_runs(self, &self.spec(), runs)
            }
            _ => self.plan.read_contiguous_runs(dataset::address(&self.id, self.store.base), &self.spec(), runs),
        }
    }

    fn read_value_runs_into(&self, runs: &[Range<u64>], out: &mut [u8]) -> Result<()> {
        if !self.plan.is_plain() || self.plan.null || self.needs_library() {
            return copy_values(&self.read_value_runs(runs)?, out);
        }
        self.store.settle()?;
        match self.plan.layout {
            Layout::Chunked(_) => {
                self.list_chunks()?;
                chunked::read_runs_into(self, &self.spec(), runs, out)
            }
            _ => self.plan.read_contiguous_runs_into(
                dataset::address(&self.id, self.store.base),
                &self.spec(),
                runs,
                out,
            ),
        }
    }

    /// Refuses what cannot be written in any state of the file.
    fn check_mode(&self) -> Result<()> {
        if self.plan.null {
            return Err(Error::invalid_input("an array without values cannot be written"));
        }
        self.store.check_mode()
    }

    fn check_writable(&self) -> Result<()> {
        self.check_mode()?;
        self.store.check_writable()
    }
}

impl ArrayStorage for Hdf5Array {
    fn spec(&self) -> Arc<ArraySpec> {
        let mut kept = self.spec.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.state();
        if state.shape != kept.shape {
            // Another handle made the array longer or shorter.
            *kept = Arc::new(ArraySpec { shape: state.shape.clone(), ..ArraySpec::clone(&kept) });
        }
        Arc::clone(&kept)
    }

    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        self.store.unchanged(self.read_values(selection))
    }

    fn read_runs(&self, runs: &[Range<u64>]) -> Result<Tensor> {
        self.store.unchanged(self.read_value_runs(runs))
    }

    fn read_runs_into(&self, runs: &[Range<u64>], out: &mut [u8]) -> Result<()> {
        self.store.unchanged(self.read_value_runs_into(runs, out))
    }

    fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        self.check_writable()?;
        if values.is_empty() {
            return Ok(());
        }
        if self.as_chunked().is_some() {
            self.store.settle()?;
            return chunked::write(self, &self.spec(), offset, values);
        }
        let in_place = self.own
            && self.plan.layout == Layout::Contiguous
            && matches!(self.plan.stored.node, Node::Plain { fix: Fix::None, .. });
        if let Some(address) = dataset::address(&self.id, self.store.base).filter(|_| in_place) {
            self.store.settle()?;
            return self.plan.write_contiguous(address, &self.shape(), offset, values);
        }
        let result = self.write_library(offset, values);
        self.store.touch();
        self.state().forget_chunks();
        result
    }

    fn resize(&self, shape: &[u64]) -> Result<()> {
        self.check_writable()?;
        let mut state = self.state();
        let result = dataset::resize(&self.id, shape);
        self.store.touch();
        state.forget_chunks();
        result?;
        shape.clone_into(&mut state.shape);
        Ok(())
    }

    fn stored_bytes(&self) -> Result<Option<u64>> {
        let file = self.store.raw.len()?;
        Ok(match self.plan.layout {
            _ if !self.own => None,
            Layout::External | Layout::Virtual => None,
            Layout::Contiguous => {
                let address = dataset::address(&self.id, self.store.base);
                Some(address.map_or(0, |address| dataset::storage_size(&self.id).min(file.saturating_sub(address))))
            }
            _ => Some(dataset::storage_size(&self.id).min(file)),
        })
    }

    fn as_pieces(&self) -> Option<&dyn StoredPieces> {
        self.as_chunked().is_some().then_some(self)
    }

    fn as_chunked(&self) -> Option<&dyn ChunkedStorage> {
        if self.plan.is_chunked() && !self.needs_library() { Some(self) } else { None }
    }
}
