//! One array.

use std::ops::Range;
use std::sync::Arc;

use anndata_hdf5_meta::{ChunkedLayout, DataLayout, Dataspace, ErrorKind, FillValue, Object};
use anndata_storage::chunked::KeptChunks;
use anndata_storage::{
    ArraySpec, ArrayStorage, AxisSelection, ChunkInfo, ChunkedStorage, Error, OrBug, PieceFormat, PieceState, Result,
    StoredPieces, Tensor, chunked, copy_values, read_positions,
};

use super::chunks::ChunkList;
use super::error::because;
use super::file::OpenFile;
use crate::dtype::{Node, Stored};
use crate::filters::{FilterInfo, Pipeline};
use crate::plan::{Chunk, Chunks, Layout, Plan};

/// An open dataset.
#[derive(Debug)]
pub(super) struct ReaderArray {
    file: Arc<OpenFile>,
    object: Object,
    plan: Plan,
    spec: Arc<ArraySpec>,
    place: Place,
    kept: KeptChunks,
}

/// How many chunks are listed for their sizes alone, if that takes requests to another machine.
const LISTED_FROM_AFAR: u64 = 1024;

/// Where the values are.
#[derive(Debug)]
enum Place {
    /// In the header: these bytes.
    Header(Vec<u8>),
    /// In one piece at an address, `None` if nothing was written yet, of as many bytes as are declared.
    Piece(Option<u64>, u64),
    Chunks(ChunkedLayout, Arc<ChunkList>),
}

impl ReaderArray {
    /// Reads the metadata of a dataset.
    pub(super) fn new(file: Arc<OpenFile>, object: Object) -> Result<Self> {
        let datatype = object.datatype().map_err(because("the type of the array cannot be read"))?;
        let stored = Stored::of(&datatype);
        let space = object.dataspace().map_err(because("the shape of the array cannot be read"))?;
        let (layout, place) = match object.layout().map_err(refused)? {
            DataLayout::Compact(bytes) => (Layout::Compact, Place::Header(bytes)),
            DataLayout::Contiguous { offset, size } => (Layout::Contiguous, Place::Piece(offset, size)),
            DataLayout::Chunked(layout) => {
                (Layout::Chunked(layout.shape.clone()), Place::Chunks(layout, file.chunk_list(&object)))
            }
            _ => return Err(Error::unsupported("the layout of the array is not known")),
        };
        let filters = object.filters().map_err(because("the filters of the array cannot be read"))?;
        let filters: Vec<FilterInfo> = filters
            .into_iter()
            .map(|filter| FilterInfo {
                id: filter.id.into(),
                name: String::from_utf8_lossy(&filter.name.unwrap_or_default()).into_owned(),
                values: filter.values,
            })
            .collect();
        let unwritten = fill_value(&object, &stored)?;
        let plan = Plan {
            file: Arc::clone(&file.raw),
            limits: file.options.limits,
            stored,
            layout,
            pipeline: Pipeline::new(&filters),
            null: space == Dataspace::Null,
            fill: unwritten,
        };
        plan.check_chunk_shape(space.shape())?;
        let resizable = space.max_shape().first() == Some(&None);
        let spec = ArraySpec { shape: space.shape().to_vec(), ..plan.spec(resizable) };
        Ok(Self { file, object, plan, spec: Arc::new(spec), place, kept: KeptChunks::default() })
    }

    /// Refuses what only the library can decode.
    fn check_readable(&self) -> Result<()> {
        self.plan.check_readable()?;
        match self.plan.pipeline.of_library() {
            None => Ok(()),
            Some(filter) => Err(Error::unsupported(format!(
                "the compression {filter} is known to the HDF5 library alone, which reads the file if the option `reader` \
                 says so"
            ))),
        }
    }

    /// Whether runs of values are runs of bytes.
    fn has_runs(&self) -> bool {
        self.plan.is_plain() && !self.plan.null && !matches!(self.place, Place::Header(_))
    }

    /// The chunks, all of them.
    fn chunks(&self) -> Result<Arc<Chunks>> {
        self.chunks_in(0..u64::MAX)
    }

    /// The chunks that hold some positions along the first axis, at least.
    fn chunks_of(&self, positions: Range<u64>) -> Result<Arc<Chunks>> {
        match self.plan.chunk_shape().first() {
            Some(&chunk) if chunk > 0 => self.chunks_in(positions.start / chunk..positions.end.div_ceil(chunk)),
            _ => self.chunks(),
        }
    }

    /// The chunks at some positions of chunks along the first axis, at least.
    fn chunks_in(&self, rows: Range<u64>) -> Result<Arc<Chunks>> {
        let Place::Chunks(layout, list) = &self.place else { return Ok(Arc::default()) };
        list.get(&self.object, layout, &self.spec.shape, &self.plan, rows)
    }

    /// The chunks that hold what runs of values, in C order, are of.
    fn chunks_of_runs(&self, runs: &[Range<u64>]) -> Result<Arc<Chunks>> {
        let row = self.spec.shape.iter().skip(1).fold(1_u64, |product, &len| product.saturating_mul(len)).max(1);
        let (start, end) =
            runs.iter().fold((u64::MAX, 0), |(start, end), run| (start.min(run.start), end.max(run.end)));
        self.chunks_of(start.min(end) / row..end.div_ceil(row))
    }

    /// How many chunks there may be.
    fn n_chunks(&self) -> u64 {
        self.plan.grid(&self.spec.shape).into_iter().fold(1, u64::saturating_mul)
    }

    /// Where the stored values are that are not in the header: where each piece begins, and how many bytes it has.
    #[cfg_attr(not(feature = "write"), expect(dead_code, reason = "files are only read"))]
    pub(super) fn spans(&self) -> Result<Vec<(u64, u64)>> {
        Ok(match &self.place {
            Place::Header(_) | Place::Piece(None, _) => Vec::new(),
            Place::Piece(Some(address), size) => {
                // As many as are read, whatever is declared.
                let read = self.spec.len()?.saturating_mul(self.plan.stored.node.size().file as u64);
                vec![(*address, read.max(*size))]
            }
            Place::Chunks(..) => self.chunks()?.values().map(|chunk| (chunk.address, chunk.size)).collect(),
        })
    }

    /// Where a chunk is, `None` if it was never written.
    fn chunk(&self, position: &[u64]) -> Result<Option<Chunk>> {
        self.plan.first_element(position)?;
        let number = crate::plan::number(position.iter().copied(), &self.plan.grid(&self.spec.shape));
        let chunks = match position.first() {
            Some(&row) => self.chunks_in(row..row.saturating_add(1))?,
            None => self.chunks()?,
        };
        Ok(number.and_then(|number| chunks.get(&number).copied()))
    }

    fn read_values(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        self.check_readable()?;
        let spec = self.plan.raw_spec(Arc::clone(&self.spec));
        let raw = match &self.place {
            Place::Header(bytes) => self.header_values(&spec, bytes)?.select(selection)?,
            Place::Piece(address, _) => self.plan.read_contiguous(*address, &spec, selection)?,
            Place::Chunks(..) => {
                let rows = selection.first().map_or(0..u64::MAX, |axis| match axis {
                    AxisSelection::Range(rows) => rows.clone(),
                    AxisSelection::Indices(rows) => rows.first().copied().unwrap_or(0)..axis.end(),
                });
                self.chunks_of(rows)?;
                chunked::read(self, &spec, selection)?
            }
        };
        self.plan.values(raw, self.file.heap(), &|kind, reference| self.file.follow(kind, reference))
    }

    /// All values of an array that are in its header.
    fn header_values(&self, spec: &ArraySpec, bytes: &[u8]) -> Result<Tensor> {
        let too_many = || Error::limit_exceeded("the values do not fit into memory");
        let shape = spec.shape.iter().map(|&len| usize::try_from(len)).collect::<Result<Vec<_>, _>>();
        let shape = shape.map_err(|_| too_many())?;
        let size = self.plan.stored.node.size().file;
        let len = shape.iter().try_fold(size, |len, &axis| len.checked_mul(axis)).ok_or_else(too_many)?;
        let mut bytes = bytes.get(..len).or_bug("fewer values in a header than its shape says")?.to_vec();
        self.plan.fix().apply(&mut bytes, size);
        Tensor::from_bytes(spec.dtype.clone(), shape, &bytes)
    }

    fn read_value_runs(&self, runs: &[Range<u64>]) -> Result<Tensor> {
        if !self.has_runs() {
            return read_positions(|selection| self.read_values(selection), runs);
        }
        self.check_readable()?;
        if let Place::Piece(address, _) = &self.place {
            return self.plan.read_contiguous_runs(*address, &self.spec, runs);
        }
        self.chunks_of_runs(runs)?;
        chunked::read_runs(self, &self.spec, runs)
    }

    fn read_value_runs_into(&self, runs: &[Range<u64>], out: &mut [u8]) -> Result<()> {
        if !self.has_runs() {
            return copy_values(&self.read_value_runs(runs)?, out);
        }
        self.check_readable()?;
        if let Place::Piece(address, _) = &self.place {
            return self.plan.read_contiguous_runs_into(*address, &self.spec, runs, out);
        }
        self.chunks_of_runs(runs)?;
        chunked::read_runs_into(self, &self.spec, runs, out)
    }
}

/// Why an array cannot be opened: what is in other files says which option reads it.
fn refused(error: anndata_hdf5_meta::Error) -> Error {
    match (error.kind(), error.section().structure()) {
        (ErrorKind::Refused, "external data files message") => {
            Error::refused("the values are in other files; the option allow_external_storage reads them")
        }
        (ErrorKind::Refused, _) => Error::refused("the array is virtual; the option allow_virtual reads it"),
        _ => because("the layout of the array cannot be read")(error),
    }
}

/// The bytes of an element that was never written; empty for zeros.
fn fill_value(object: &Object, stored: &Stored) -> Result<Vec<u8>> {
    let fill = object.fill_value().map_err(because("the fill value cannot be read"))?;
    let (FillValue::Value(mut bytes), false) = (fill, stored.node == Node::Unknown) else { return Ok(Vec::new()) };
    if let Node::Plain { size, fix } = stored.node {
        fix.apply(&mut bytes, size);
    } else if bytes.iter().all(|&byte| byte == 0) {
        bytes.clear();
    }
    Ok(bytes)
}

impl ArrayStorage for ReaderArray {
    fn spec(&self) -> Arc<ArraySpec> {
        Arc::clone(&self.spec)
    }

    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        self.file.unchanged(self.file.overlapped(|| self.read_values(selection)))
    }

    fn read_runs(&self, runs: &[Range<u64>]) -> Result<Tensor> {
        self.file.unchanged(self.file.overlapped(|| self.read_value_runs(runs)))
    }

    fn read_runs_into(&self, runs: &[Range<u64>], out: &mut [u8]) -> Result<()> {
        self.file.unchanged(self.file.overlapped(|| self.read_value_runs_into(runs, out)))
    }

    fn stored_bytes(&self) -> Result<Option<u64>> {
        let len = self.file.raw.len()?;
        if self.file.raw.has_latency() && self.n_chunks() > LISTED_FROM_AFAR {
            return Ok(None);
        }
        let bytes = match &self.place {
            Place::Header(bytes) => bytes.len() as u64,
            Place::Piece(None, _) => 0,
            Place::Piece(Some(address), size) => (*size).min(len.saturating_sub(*address)),
            Place::Chunks(..) => self.chunks()?.values().fold(0_u64, |sum, chunk| sum.saturating_add(chunk.size)),
        };
        Ok(Some(bytes.min(len)))
    }

    fn as_pieces(&self) -> Option<&dyn StoredPieces> {
        self.as_chunked().is_some().then_some(self)
    }

    fn as_chunked(&self) -> Option<&dyn ChunkedStorage> {
        let known = self.plan.is_chunked() && self.plan.pipeline.of_library().is_none();
        if known { Some(self) } else { None }
    }
}

impl ChunkedStorage for ReaderArray {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
        let Some(chunk) = self.chunk(chunk)? else { return Ok(None) };
        self.plan.read_chunk(chunk, raw).map(Some)
    }

    fn read_part(&self, chunk: &[u64], start: usize, values: &mut [u8]) -> Result<bool> {
        self.chunk(chunk)?.map_or(Ok(false), |chunk| self.plan.read_part(chunk, start, values))
    }

    fn decode(&self, raw: &[u8], info: ChunkInfo, chunk: &mut [u8], scratch: &mut Vec<u8>) -> Result<()> {
        self.plan.decode(raw, info, chunk, scratch)
    }

    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, scratch: &mut Vec<u8>) -> Result<()> {
        self.plan.encode(chunk, raw, scratch)
    }

    fn write_raw(&self, _: &[u64], _: &[u8]) -> Result<()> {
        Err(Error::read_only("the file was opened for reading only"))
    }

    fn fill_value(&self) -> &[u8] {
        &self.plan.fill
    }

    fn is_raw(&self) -> bool {
        self.plan.is_raw()
    }

    /// Each read makes sure that the file is as it was.
    fn kept_chunks(&self) -> Option<&KeptChunks> {
        Some(&self.kept)
    }
}

impl StoredPieces for ReaderArray {
    fn format(&self) -> Result<PieceFormat> {
        Ok(self.plan.piece_format())
    }

    /// A chunk for which filters were skipped is not what its bytes alone say.
    fn state(&self, position: &[u64]) -> Result<PieceState> {
        let state = self.chunk(position).map(|chunk| match chunk {
            None => PieceState::Missing,
            Some(chunk) if chunk.mask == 0 => PieceState::Stored(chunk.size),
            Some(_) => PieceState::Odd,
        });
        self.file.unchanged(state)
    }

    fn read(&self, position: &[u64], range: Range<u64>, bytes: &mut Vec<u8>) -> Result<()> {
        let found = self.file.unchanged(self.read_raw(position, bytes))?;
        found.or_bug("a chunk vanished while it was copied")?;
        let place = |at: u64| usize::try_from(at).or_bug("a position beyond what memory can hold");
        bytes.truncate(place(range.end)?);
        bytes.drain(..place(range.start)?.min(bytes.len()));
        Ok(())
    }

    fn write(&self, _: &[u64], _: u64, _: &[u8]) -> Result<()> {
        Err(Error::read_only("the file was opened for reading only"))
    }
}
