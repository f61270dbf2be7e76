//! What is in a file, line by line, as `make_fixtures.py` says it.

use std::collections::HashSet;
use std::fmt::Write as _;

use anndata_hdf5_meta::{
    AttributeEntry, ChunkIndex, ChunkedLayout, DataLayout, DatatypeClass, ErrorKind, FillValue, LinkTarget, MetaFile,
    Object, ObjectKind, Result, VariableLength,
};

use super::describe::{dataspace, datatype, escape, hex};

/// Everything in a file, of which the bytes are at hand as well.
pub(crate) fn dump(file: &MetaFile, bytes: &[u8]) -> Result<String> {
    let mut dump = Dump { file, bytes, seen: HashSet::new(), text: String::new() };
    dump.object(b"/", &file.root()?)?;
    Ok(dump.text)
}

struct Dump<'a> {
    file: &'a MetaFile,
    bytes: &'a [u8],
    seen: HashSet<u64>,
    text: String,
}

macro_rules! line {
    ($dump:expr, $($argument:tt)*) => {
        writeln!($dump.text, $($argument)*).unwrap()
    };
}

impl Dump<'_> {
    fn object(&mut self, path: &[u8], object: &Object) -> Result<()> {
        let kind = object.kind()?;
        match kind {
            ObjectKind::Group => line!(self, "group {}", escape(path)),
            ObjectKind::Dataset => {
                line!(self, "dataset {}", escape(path));
                self.dataset(path, object)?;
            }
            ObjectKind::NamedDatatype => {
                line!(self, "type {}", escape(path));
                line!(self, "  type {}", datatype(&object.datatype()?));
            }
        }
        for entry in object.attributes()? {
            self.attribute(&entry)?;
        }
        if kind == ObjectKind::Group && self.seen.insert(object.address()) {
            self.members(path, object)?;
        }
        Ok(())
    }

    fn members(&mut self, path: &[u8], group: &Object) -> Result<()> {
        for link in group.links()? {
            let below = [path.strip_suffix(b"/").unwrap_or(path), b"/", &link.name].concat();
            let shown = escape(&below);
            assert_eq!(group.link(&link.name)?.as_ref(), Some(&link));
            match &link.target {
                LinkTarget::Hard(address) => {
                    line!(self, "link {shown} hard");
                    self.object(&below, &self.file.object(*address)?)?;
                }
                LinkTarget::Soft(target) => {
                    let leads = if let Ok(Some(_)) = group.resolve(&link.name) { "leads" } else { "dangles" };
                    line!(self, "link {shown} soft {} {leads}", escape(target));
                }
                LinkTarget::External { file, path } => {
                    assert_eq!(group.resolve(&link.name).unwrap_err().kind(), ErrorKind::Refused);
                    line!(self, "link {shown} external {} {}", escape(file), escape(path));
                }
                other => line!(self, "link {shown} {other:?}"),
            }
        }
        Ok(())
    }

    fn attribute(&mut self, entry: &AttributeEntry) -> Result<()> {
        let value = entry.value.clone()?;
        let space = dataspace(&value.dataspace);
        let head =
            format!("  attribute {} {} {space}", escape(entry.name.as_deref().unwrap()), datatype(&value.datatype));
        if space == "null" {
            line!(self, "{head}");
            return Ok(());
        }
        let shown = match &value.datatype.class {
            DatatypeClass::VariableLength { kind, base } if !base.has_variable_length() => {
                let size = if *kind == VariableLength::Sequence { base.size } else { 1 };
                let values = self.file.variable_length(&value.bytes, size)?;
                values.iter().map(|value| hex(value)).collect::<Vec<_>>().join(",")
            }
            _ if value.datatype.has_variable_length() => "?".to_owned(),
            _ => hex(&value.bytes),
        };
        line!(self, "{head} {shown}");
        Ok(())
    }

    fn dataset(&mut self, path: &[u8], object: &Object) -> Result<()> {
        let of = object.datatype()?;
        line!(self, "  type {}", datatype(&of));
        line!(self, "  shape {}", dataspace(&object.dataspace()?));
        let fill = match object.fill_value()? {
            FillValue::Zeros => "zeros".to_owned(),
            FillValue::Undefined => "undefined".to_owned(),
            FillValue::Value(_) if of.has_variable_length() => "?".to_owned(),
            FillValue::Value(value) => hex(&value),
        };
        line!(self, "  fill {fill}");
        for filter in object.filters()? {
            line!(self, "  filter {} {} {:?}", filter.id, u8::from(filter.optional), filter.values);
        }
        match object.layout() {
            Err(error) if error.kind() == ErrorKind::Refused => {
                line!(self, "  {}", if error.message().contains("virtual") { "virtual" } else { "external" });
            }
            Err(error) => return Err(error),
            Ok(DataLayout::Compact(_)) => line!(self, "  compact"),
            Ok(DataLayout::Contiguous { offset: None, .. }) => line!(self, "  contiguous none"),
            Ok(DataLayout::Contiguous { offset: Some(offset), .. }) => line!(self, "  contiguous {offset}"),
            Ok(DataLayout::Chunked(layout)) => self.chunks(path, object, &layout)?,
            Ok(other) => line!(self, "  {other:?}"),
        }
        Ok(())
    }

    fn chunks(&mut self, path: &[u8], object: &Object, layout: &ChunkedLayout) -> Result<()> {
        let index = match layout.index {
            ChunkIndex::BtreeV1 => "btree1",
            ChunkIndex::SingleChunk(_) => "single",
            ChunkIndex::Implicit => "implicit",
            ChunkIndex::FixedArray => "fixed",
            ChunkIndex::ExtensibleArray => "extensible",
            ChunkIndex::BtreeV2 => "btree2",
            _ => "other",
        };
        line!(self, "  chunks {:?} {index}", layout.shape);
        let space = object.dataspace()?;
        let growing: Vec<usize> = (0..space.shape().len()).filter(|&axis| space.max_shape()[axis].is_none()).collect();
        // The library lists such chunks in the wrong places.
        let unsure = layout.index == ChunkIndex::ExtensibleArray && growing != [0];
        let chunks = object.chunks()?;
        let mut listed = chunks.clone();
        if unsure {
            listed.sort_by_key(|(_, chunk)| chunk.offset);
        }
        for (position, chunk) in listed {
            let position = if unsure { "?".to_owned() } else { format!("{position:?}") };
            line!(self, "  chunk {position} {} {} {}", chunk.offset, chunk.bytes, chunk.filter_mask);
        }
        let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
        if name.starts_with(b"full") {
            for (position, chunk) in chunks {
                let start = usize::try_from(chunk.offset).unwrap();
                let size = usize::try_from(layout.element_size).unwrap();
                line!(self, "  first {position:?} {}", hex(&self.bytes[start..start + size]));
            }
        }
        Ok(())
    }
}
