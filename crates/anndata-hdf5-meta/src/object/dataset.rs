//! What an array is, and where its values are.

use std::ops::Range;

use super::Object;
use crate::chunk_index::{self, ChunkLocation, Chunks};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result, Section};
use crate::limits::Action;
use crate::message::data_layout::{self, ChunkedLayout, DataLayout, Stored};
use crate::message::dataspace::Dataspace;
use crate::message::datatype::Datatype;
use crate::message::fill_value::FillValue;
use crate::message::filter_pipeline::{self, Filter};
use crate::object_header::kind;

const SECTION: Section = Section::new("object header", "IV.A.1");
const EXTERNAL: Section = Section::new("external data files message", "IV.A.2.h");
const FILL: Section = Section::new("fill value message", "IV.A.2.f");

impl Object {
    /// The type of the elements of an array, or a named type itself.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is a group.
    pub fn datatype(&self) -> Result<Datatype> {
        self.needed(kind::DATATYPE, "type", Datatype::parse)
    }

    /// The shape of an array.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is none.
    pub fn dataspace(&self) -> Result<Dataspace> {
        self.needed(kind::DATASPACE, "shape", Dataspace::parse)
    }

    /// What an array reads where nothing was written.
    ///
    /// # Errors
    /// If what is stored is no such value, or is not as long as an element.
    pub fn fill_value(&self) -> Result<FillValue> {
        // Files of some versions have both; the older message counts only where there is no other.
        let fill = match self.find(kind::FILL_VALUE, FillValue::parse)? {
            Some(fill) => fill,
            None => self.find(kind::OLD_FILL_VALUE, FillValue::parse_old)?.unwrap_or(FillValue::Zeros),
        };
        if let FillValue::Value(value) = &fill {
            let size = self.datatype()?.size;
            if value.len() != size {
                let message = format!("a fill value of {} bytes for elements of {size}", value.len());
                return Err(Error::malformed(FILL, message));
            }
        }
        Ok(fill)
    }

    /// The filters of an array, in the order of writing. None if it has none.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn filters(&self) -> Result<Vec<Filter>> {
        Ok(self.find(kind::FILTER_PIPELINE, filter_pipeline::parse)?.unwrap_or_default())
    }

    /// Where the values of an array are.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is no array; [`Refused`](crate::ErrorKind::Refused) if its values are in
    /// other files, or if it is virtual; [`Malformed`](crate::ErrorKind::Malformed) if the layout does not go with type and
    /// shape.
    pub fn layout(&self) -> Result<DataLayout> {
        if self.header.find(kind::EXTERNAL_FILES).is_some() {
            return Err(Error::refused(EXTERNAL, "the values of the array are in other files"));
        }
        match self.needed(kind::DATA_LAYOUT, "layout", data_layout::parse)? {
            Stored::Virtual => {
                Err(Error::refused(data_layout::SECTION, "the array is virtual: its values are those of other arrays"))
            }
            Stored::Compact(bytes) => self.compact(bytes),
            Stored::Contiguous { address, size } => {
                let offset = address.map(|address| self.context.store().offset(data_layout::SECTION, address));
                Ok(DataLayout::Contiguous { offset: offset.transpose()?, size })
            }
            Stored::Chunked(layout) => {
                chunk_index::check(&layout, self.dataspace()?.shape(), self.datatype()?.size)?;
                Ok(DataLayout::Chunked(layout))
            }
        }
    }

    /// Values in the header are all that the array has.
    fn compact(&self, bytes: Vec<u8>) -> Result<DataLayout> {
        let size = self.datatype()?.size as u64;
        let needed = self.dataspace()?.count().and_then(|count| count.checked_mul(size));
        if needed.is_none_or(|needed| needed > bytes.len() as u64) {
            let message = format!("{} bytes are stored, which is less than shape and type say", bytes.len());
            return Err(Error::malformed(data_layout::SECTION, message));
        }
        Ok(DataLayout::Compact(bytes))
    }

    /// Reports each chunk that is stored and lies within the array, in the order of the index: its position in the grid of
    /// chunks, and where it is. An error of the visitor ends the visit.
    ///
    /// That a chunk is within the file, is no larger than its filters may make it, and stored once, is not checked.
    ///
    /// # Errors
    /// As [`layout`](Self::layout), and if the index is damaged; [`NotFound`](crate::ErrorKind::NotFound) if the array has no
    /// chunks.
    pub fn visit_chunks(&self, visit: &mut dyn FnMut(&[u64], ChunkLocation) -> Result<()>) -> Result<()> {
        self.visit_chunks_in(0..u64::MAX, visit)
    }

    /// The same for the chunks at some positions along the first axis of the grid of chunks. Of a B-tree no more is read than
    /// leads to these.
    ///
    /// # Errors
    /// As [`visit_chunks`](Self::visit_chunks).
    pub fn visit_chunks_in(
        &self,
        rows: Range<u64>,
        visit: &mut dyn FnMut(&[u64], ChunkLocation) -> Result<()>,
    ) -> Result<()> {
        match self.layout()? {
            DataLayout::Chunked(layout) => self.visit_chunks_of(&layout, rows, visit),
            _ => Err(Error::new(ErrorKind::NotFound, data_layout::SECTION, "the array has no chunks")),
        }
    }

    fn visit_chunks_of(
        &self,
        layout: &ChunkedLayout,
        rows: Range<u64>,
        visit: &mut dyn FnMut(&[u64], ChunkLocation) -> Result<()>,
    ) -> Result<()> {
        let (space, filtered) = (self.dataspace()?, !self.filters()?.is_empty());
        let reader = self.context.reader(Action::Chunks, self.address);
        let shape = (space.shape(), space.max_shape());
        match Chunks::new(&reader, layout, shape, self.context.ranks.chunks, filtered) {
            Some(chunks) => chunks.with_rows(rows).visit(visit),
            None => Ok(()),
        }
    }

    /// All chunks that are stored and lie within the array, ordered by their position in the grid of chunks.
    ///
    /// # Errors
    /// As [`visit_chunks`](Self::visit_chunks).
    pub fn chunks(&self) -> Result<Vec<(Vec<u64>, ChunkLocation)>> {
        let mut chunks = Vec::new();
        self.visit_chunks(&mut |position, location| {
            chunks.push((position.to_vec(), location));
            Ok(())
        })?;
        chunks.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(chunks)
    }

    fn needed<T>(&self, kind: u16, what: &str, parse: impl FnOnce(&Cursor<'_>) -> Result<T>) -> Result<T> {
        let missing = || Error::new(ErrorKind::NotFound, SECTION, format!("the object has no {what}"));
        self.find(kind, parse)?.ok_or_else(missing)
    }

    fn find<T>(&self, kind: u16, parse: impl FnOnce(&Cursor<'_>) -> Result<T>) -> Result<Option<T>> {
        let Some(message) = self.header.find(kind) else { return Ok(None) };
        let reader = self.context.reader(Action::Dataset, self.address);
        self.context.message(&reader, kind, &message.cursor(), message.is_shared(), parse).map(Some)
    }
}
