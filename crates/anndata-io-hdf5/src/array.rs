//! One array: which of the ways to its values is taken.
//!
//! - Chunks whose filters are known here are read and decoded on all cores, without the library ([`chunks`]).
//! - One contiguous piece is read at its position in the file ([`contiguous`]).
//! - Everything else goes through the library ([`library`]): values in the header, in other files, or behind filters
//!   that only the library knows.
//!
//! Records and text are read as bytes in one of these ways and taken apart after ([`crate::dtype::build`]).

mod chunks;
mod contiguous;
mod library;
mod pieces;

pub(crate) use library::read_attribute;

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anndata_storage::{
    ArraySpec, ArrayStorage, AxisSelection, ChunkedStorage, DType, Error, Result, StoredPieces, Tensor, chunked,
    copy_values, read_positions,
};
use arrow_buffer::Buffer;

use crate::dtype::build;
use crate::dtype::{Fix, Node, Stored};
use crate::filters::Pipeline;
use crate::heap::Heap;
use crate::raw::Id;
use crate::raw::dataset::{self, Layout};
use crate::raw::link::Object;
use crate::raw::space::Extent;
use crate::shared::{ArrayState, Shared, SharedState};

/// An open dataset.
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a dataset")]
#[derive(Debug)]
pub(crate) struct Hdf5Array {
    /// Given up before `id`: as long as anybody has it, the object is open, and no other can be in its place.
    state: SharedState,
    store: Arc<Shared>,
    id: Id,
    stored: Stored,
    layout: Layout,
    pipeline: Pipeline,
    null: bool,
    /// As it was when it was last asked for.
    spec: Mutex<Arc<ArraySpec>>,
    own: bool,
    /// The bytes of an element that was never written; empty for zeros.
    fill: Vec<u8>,
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
        let stored = Stored::of(dataset::datatype(&id)?);
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
        let (fill, fill_needs_library) = library::fill_value(&properties, &stored)?;
        let chunks = match &layout {
            Layout::Chunked(chunks) => Some(chunks.clone()),
            _ => None,
        };
        let mut spec = ArraySpec::new(stored.dtype.clone(), []).with_codecs(pipeline.codecs());
        (spec.resizable, spec.chunks, spec.null) = (resizable && chunks.is_some(), chunks, null);
        let spec = Mutex::new(Arc::new(spec));
        let array = Self {
            state,
            store,
            id,
            stored,
            layout,
            pipeline,
            null,
            spec,
            own,
            fill,
            fill_needs_library,
            chunks_need_library,
        };
        array.check_chunk_size()?;
        Ok(array)
    }

    fn check_chunk_size(&self) -> Result<()> {
        let Layout::Chunked(chunks) = &self.layout else { return Ok(()) };
        if chunks.len() != self.shape().len() || chunks.contains(&0) {
            return Err(Error::invalid_data(format!("chunks of shape {chunks:?} in an array of {:?}", self.shape())));
        }
        self.chunk_bytes().map(drop)
    }

    /// The bytes of one decoded chunk.
    fn chunk_bytes(&self) -> Result<usize> {
        let Layout::Chunked(chunks) = &self.layout else { return Ok(0) };
        chunks
            .iter()
            .try_fold(self.stored.node.size().file, |product, &len| product.checked_mul(usize::try_from(len).ok()?))
            .ok_or_else(|| Error::invalid_data(format!("chunks of shape {chunks:?} are too large")))
    }

    fn state(&self) -> MutexGuard<'_, ArrayState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shape(&self) -> Vec<u64> {
        self.state().shape.clone()
    }

    /// What is done to the stored bytes of plain values.
    fn fix(&self) -> Fix {
        match self.stored.node {
            Node::Plain { fix, .. } => fix,
            _ => Fix::None,
        }
    }

    /// The array as the ways to its values see it: values whose position in the bytes is not that in memory are bytes.
    fn raw_spec(&self) -> Arc<ArraySpec> {
        let spec = self.spec();
        match self.stored.node {
            Node::Plain { .. } => spec,
            _ => Arc::new(ArraySpec {
                dtype: DType::FixedBytes(self.stored.node.size().file),
                ..ArraySpec::clone(&spec)
            }),
        }
    }

    fn needs_library(&self) -> bool {
        !self.own
            || matches!(self.layout, Layout::Compact | Layout::External | Layout::Virtual)
            || self.pipeline.needs_library()
            || self.fill_needs_library
            || self.chunks_need_library
            || (self.stored.node.has_text() && self.heap().is_none())
    }

    /// What the references of texts are into. `None` if that is another file, or several, or where references are not
    /// of the usual width.
    fn heap(&self) -> Option<Heap<'_>> {
        if self.own && self.layout != Layout::Virtual { self.store.heap() } else { None }
    }

    /// The selected elements, plain values fixed, all others as bytes.
    fn read_raw_elements(&self, spec: &ArraySpec, selection: &[AxisSelection]) -> Result<Tensor> {
        self.store.settle()?;
        match self.layout {
            Layout::Chunked(_) => {
                self.list_chunks()?;
                chunked::read(self, spec, selection)
            }
            _ => self.read_contiguous(spec, selection),
        }
    }

    fn read_values(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        if let DType::Unknown(what) = &self.stored.dtype {
            return Err(Error::unsupported(format!("values of type '{what}' cannot be read")));
        }
        if self.null {
            return Err(Error::invalid_data("the array has no value (a null dataspace)"));
        }
        if self.stored.node.has_targets() && (!self.own || self.layout == Layout::Virtual) {
            return Err(Error::unsupported(format!("{} in another file cannot be read", self.stored.dtype)));
        }
        if self.needs_library() {
            if self.stored.node.has_lists() {
                return Err(Error::unsupported(format!(
                    "{} cannot be read from this layout of the array",
                    self.stored.dtype
                )));
            }
            return self.read_library(selection);
        }
        let raw = self.read_raw_elements(&self.raw_spec(), selection)?;
        if matches!(self.stored.node, Node::Plain { .. }) {
            return Ok(raw);
        }
        let bytes = raw.buffer().cloned().unwrap_or_else(|| Buffer::from_vec(Vec::<u8>::new()));
        let shape = raw.shape().to_vec();
        drop(raw);
        let heap = self.heap().ok_or_else(|| Error::unsupported("texts of the array have no heap that is known"))?;
        // SAFETY: the bytes are those of the file.
        unsafe { build::tensor(&self.stored.dtype, &self.stored.node, &shape, bytes, &heap, &self.id) }
    }

    fn read_value_runs(&self, runs: &[Range<u64>]) -> Result<Tensor> {
        let plain = matches!(self.stored.node, Node::Plain { .. }) && !self.null && !self.needs_library();
        if !plain {
            return read_positions(|selection| self.read_values(selection), runs);
        }
        self.store.settle()?;
        match self.layout {
            Layout::Chunked(_) => {
                self.list_chunks()?;
                chunked::read_runs(self, &self.raw_spec(), runs)
            }
            _ => self.read_contiguous_runs(&self.raw_spec(), runs),
        }
    }

    fn read_value_runs_into(&self, runs: &[Range<u64>], out: &mut [u8]) -> Result<()> {
        let plain = matches!(self.stored.node, Node::Plain { .. }) && !self.null && !self.needs_library();
        if !plain {
            return copy_values(&self.read_value_runs(runs)?, out);
        }
        self.store.settle()?;
        match self.layout {
            Layout::Chunked(_) => {
                self.list_chunks()?;
                chunked::read_runs_into(self, &self.raw_spec(), runs, out)
            }
            _ => self.read_contiguous_runs_into(&self.raw_spec(), runs, out),
        }
    }

    /// Refuses what cannot be written in any state of the file.
    fn check_mode(&self) -> Result<()> {
        if self.null {
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
        match (&self.layout, self.fix(), &self.stored.node) {
            (Layout::Chunked(_), ..) if self.as_chunked().is_some() => {
                self.store.settle()?;
                chunked::write(self, &self.spec(), offset, values)
            }
            (Layout::Contiguous, Fix::None, Node::Plain { .. }) if self.own && dataset::address(&self.id).is_some() => {
                self.write_contiguous(offset, values)
            }
            _ => {
                let result = self.write_library(offset, values);
                self.store.touch();
                self.state().forget_chunks();
                result
            }
        }
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
        Ok(match self.layout {
            _ if !self.own => None,
            Layout::External | Layout::Virtual => None,
            Layout::Contiguous => {
                let address = dataset::address(&self.id);
                Some(address.map_or(0, |address| dataset::storage_size(&self.id).min(file.saturating_sub(address))))
            }
            _ => Some(dataset::storage_size(&self.id).min(file)),
        })
    }

    fn as_pieces(&self) -> Option<&dyn StoredPieces> {
        self.as_chunked().is_some().then_some(self)
    }

    fn as_chunked(&self) -> Option<&dyn ChunkedStorage> {
        let plain = matches!(self.stored.node, Node::Plain { fix: Fix::None | Fix::Swap(_), .. });
        let chunked = matches!(self.layout, Layout::Chunked(_));
        if plain && chunked && !self.null && !self.needs_library() { Some(self) } else { None }
    }
}
