//! What one open file has: its bytes, its shared messages, and what was parsed of it.

use std::sync::Arc;

use crate::cursor::Cursor;
use crate::cursor::Widths;
use crate::error::{Error, Result, Section};
use crate::fractal_heap::FractalHeap;
use crate::global_heap::Collection;
use crate::kept::Kept;
use crate::limits::{Action, Budget, MetaLimits};
use crate::message::link::Link;
use crate::message::shared::Location;
use crate::object_header::{ObjectHeader, kind};
use crate::reader::{Reader, Store};
use crate::shared_message_table::SharedMessageTable;
use crate::source::Source;
use crate::superblock::{Ranks, Superblock};

const EXTENSION: Section = Section::new("superblock extension", "II.C");
const RANKS: Section = Section::new("B-tree K values message", "IV.A.2.t");
const SHARED: Section = Section::new("shared message", "IV.A.2");

/// Bytes that are kept of headers and of links.
const KEEP: usize = 8 << 20;
/// Bytes that are kept of collections of the global heap, which are of 4 KiB mostly.
const KEEP_COLLECTIONS: usize = 2 << 20;
/// What a kept heap counts as.
const HEAP: usize = 1 << 20;

/// One open file.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) superblock: Superblock,
    pub(crate) ranks: Ranks,
    pub(crate) links: Kept<Links>,
    store: Store,
    headers: Kept<ObjectHeader>,
    collections: Kept<Collection>,
    shared: SharedMessageTable,
    shared_heaps: Kept<FractalHeap>,
}

/// The links of a group, in their order.
#[derive(Debug)]
pub(crate) struct Links {
    pub(crate) entries: Vec<Link>,
    /// Positions in `entries`, by name.
    pub(crate) by_name: Vec<usize>,
    /// Why there may be more than could be read.
    pub(crate) damage: Option<Error>,
}

impl Context {
    pub(crate) fn open(source: Source, limits: MetaLimits) -> Result<Self> {
        let superblock = Superblock::read(&source)?;
        let widths = Widths { address: superblock.address_width, length: superblock.length_width };
        let budget = Budget::new(limits, source.len());
        let mut context = Self {
            ranks: superblock.ranks,
            links: Kept::new(KEEP),
            store: Store { source, base: superblock.base, widths, budget },
            headers: Kept::new(KEEP),
            collections: Kept::new(KEEP_COLLECTIONS),
            shared: SharedMessageTable::default(),
            shared_heaps: Kept::new(4 * HEAP),
            superblock,
        };
        if let Some(extension) = context.superblock.extension {
            (context.ranks, context.shared) = context.extension(extension)?;
        }
        Ok(context)
    }

    /// What the superblock extension says.
    fn extension(&self, address: u64) -> Result<(Ranks, SharedMessageTable)> {
        let reader = self.reader(Action::Open, address);
        let header = self.header(&reader, address)?;
        if let Some(message) = header.find(kind::DRIVER_INFO) {
            let fields = message.cursor().named(EXTENSION);
            return Err(fields.unsupported("the file is one of several (it names a driver)"));
        }
        let ranks = match header.find(kind::BTREE_RANKS) {
            Some(message) => ranks(message.cursor().named(RANKS))?,
            None => self.superblock.ranks,
        };
        let shared = match header.find(kind::SHARED_MESSAGE_TABLE) {
            Some(message) => SharedMessageTable::read(&reader, message.cursor())?,
            None => SharedMessageTable::default(),
        };
        Ok((ranks, shared))
    }

    /// Begins to read something of the object at an address.
    pub(crate) fn reader(&self, action: Action, address: u64) -> Reader<'_> {
        Reader::new(&self.store, action, address)
    }

    /// The length of the file.
    pub(crate) fn file_len(&self) -> u64 {
        self.store.source.len()
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// The object header at an address.
    pub(crate) fn header(&self, reader: &Reader<'_>, address: u64) -> Result<Arc<ObjectHeader>> {
        if let Some(header) = self.headers.get(address) {
            return Ok(header);
        }
        let header = ObjectHeader::read(reader, address)?;
        let memory = header.memory();
        Ok(self.headers.put(address, header, memory))
    }

    /// The collection of the global heap at an address.
    pub(crate) fn collection(&self, reader: &Reader<'_>, address: u64) -> Result<Arc<Collection>> {
        if let Some(collection) = self.collections.get(address) {
            return Ok(collection);
        }
        let collection = Collection::read(reader, address)?;
        let memory = collection.memory();
        Ok(self.collections.put(address, collection, memory))
    }

    /// Parses a message, which may be shared and stand elsewhere.
    pub(crate) fn message<T>(
        &self,
        reader: &Reader<'_>,
        kind: u16,
        fields: &Cursor<'_>,
        shared: bool,
        parse: impl FnOnce(&Cursor<'_>) -> Result<T>,
    ) -> Result<T> {
        if !shared {
            return parse(fields);
        }
        match Location::parse(fields)? {
            Location::Heap(id) => self.in_heap(reader, kind, &id, parse),
            Location::Header(address) => {
                let header = self.header(reader, address)?;
                // One that is shared again would be without an end.
                let found = header.find(kind).filter(|message| !message.is_shared());
                let found = found.ok_or_else(|| {
                    Error::malformed(
                        SHARED,
                        format!("there is no message of type {kind} in the header at address {address}"),
                    )
                })?;
                parse(&found.cursor())
            }
        }
    }

    /// Parses a message that is in the heap of shared messages of its type.
    pub(crate) fn in_heap<T>(
        &self,
        reader: &Reader<'_>,
        kind: u16,
        id: &[u8],
        parse: impl FnOnce(&Cursor<'_>) -> Result<T>,
    ) -> Result<T> {
        let address = self.shared.heap(kind)?;
        let heap = match self.shared_heaps.get(address) {
            Some(heap) => heap,
            None => self.shared_heaps.put(address, FractalHeap::open(reader, address)?, HEAP),
        };
        let (bytes, origin) = heap.get(reader, id)?;
        parse(&Cursor::new(&bytes, origin, reader.widths(), SHARED))
    }
}

/// How many entries nodes have, where a file says so.
fn ranks(mut fields: Cursor<'_>) -> Result<Ranks> {
    fields.version(0..=0)?;
    let (chunks, group_internal, group_leaf) = (fields.u16()?, fields.u16()?, fields.u16()?);
    Ok(Ranks { group_leaf, group_internal, chunks })
}
