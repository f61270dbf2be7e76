//! The testkit finds what is wrong: a store with one fault at a time must fail the case that is about it.

use std::fmt;
use std::sync::Arc;

use anndata_storage::testkit::CASES;
use anndata_storage::{
    ArraySpec, ArrayStorage, Attribute, Attributes, AxisSelection, Capabilities, ChunkInfo, ChunkedStorage, DType,
    Error, Limits, MemoryStore, NodeKind, NodeMeta, Result, Storage, Tensor, TreeVisitor, walk,
};

/// What the store does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    ChildrenSorted,
    AttributesSorted,
    AttributesMerged,
    LongAttributesCut,
    FloatsNarrowed,
    NullAttributesDropped,
    MissingIsIo,
    RenameForgetsAttributes,
    RemoveKeepsAttributes,
    CreateIgnoresDType,
    ResizeIgnored,
    ShrinkKeepsValues,
    NullIsScalar,
    IndexListsAsRanges,
    OffsetIgnored,
    EmptyTextIsSpace,
    TreeForgets,
    ReplaceForgets,
    CodecsAdded,
    ChunksForgotten,
    StoredBytesUnderstated,
    FillIsOne,
    ChunkPaddingWrong,
}

#[derive(Debug)]
struct Faulty {
    inner: MemoryStore,
    fault: Fault,
}

impl Faulty {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn wrap(&self, inner: Arc<dyn ArrayStorage>) -> Arc<dyn ArrayStorage> {
        Arc::new(FaultyArray { inner, fault: self.fault })
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty")
    }
}

impl Storage for Faulty {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        self.inner.kind(path)
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        let mut children = self.inner.children(path)?;
        if self.is(Fault::ChildrenSorted) {
            children.sort();
        }
        Ok(children)
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        let mut attributes = self.inner.attributes(path)?;
        if self.is(Fault::AttributesSorted) {
            attributes.sort_keys();
        }
        if self.is(Fault::NullAttributesDropped) {
            attributes.retain(|_, value| *value != Attribute::Null);
        }
        Ok(attributes)
    }

    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()> {
        let mut attributes = attributes.clone();
        if self.is(Fault::AttributesMerged) {
            let mut merged = self.inner.attributes(path)?;
            merged.extend(attributes);
            attributes = merged;
        }
        for value in attributes.values_mut() {
            if let Attribute::Tensor(tensor) = value {
                if self.is(Fault::LongAttributesCut) && tensor.len() > 4096 {
                    *tensor = tensor.slice_rows(0..4096)?;
                }
                if self.is(Fault::FloatsNarrowed) && *tensor.dtype() == DType::F64 {
                    *tensor = tensor.cast(&DType::F32)?;
                }
            }
        }
        self.inner.set_attributes(path, &attributes)
    }

    fn create_group(&self, path: &str) -> Result<()> {
        self.inner.create_group(path)
    }

    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        let mut spec = spec.clone();
        if self.is(Fault::CreateIgnoresDType) && spec.dtype == DType::U16 {
            spec.dtype = DType::I16;
        }
        if self.is(Fault::NullIsScalar) {
            spec.null = false;
        }
        if self.is(Fault::ChunksForgotten) {
            spec.chunks = None;
        }
        if self.is(Fault::CodecsAdded) && spec.chunks.is_some() {
            spec.codecs.push(anndata_storage::Codec::Shuffle);
        }
        self.inner.create_array(path, &spec).map(|array| self.wrap(array))
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        match self.inner.open_array(path) {
            Err(error) if self.is(Fault::MissingIsIo) => Err(Error::io(error.to_string())),
            result => result.map(|array| self.wrap(array)),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.inner.rename(from, to)?;
        if self.is(Fault::RenameForgetsAttributes) {
            self.inner.set_attributes(to, &Attributes::new())?;
        }
        Ok(())
    }

    fn replace(&self, from: &str, to: &str) -> Result<()> {
        if self.is(Fault::ReplaceForgets) {
            return self.inner.remove(from);
        }
        self.inner.replace(from, to)
    }

    fn tree(&self, path: &str, visitor: &mut dyn TreeVisitor) -> Result<()> {
        if self.is(Fault::TreeForgets) {
            visitor.enter(path)?;
            let meta = NodeMeta { attributes: self.attributes(path), array: None };
            return visitor.visit(path, Ok(meta)).map(drop);
        }
        walk(self, path, visitor)
    }

    fn remove(&self, path: &str) -> Result<()> {
        if self.is(Fault::RemoveKeepsAttributes) && self.inner.kind(path)? == Some(NodeKind::Group) {
            return self
                .inner
                .children(path)?
                .iter()
                .try_for_each(|child| self.inner.remove(&format!("{path}/{child}")));
        }
        self.inner.remove(path)
    }

    fn flush(&self) -> Result<()> {
        self.inner.flush()
    }
}

#[derive(Debug)]
struct FaultyArray {
    inner: Arc<dyn ArrayStorage>,
    fault: Fault,
}

impl FaultyArray {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

impl ArrayStorage for FaultyArray {
    fn spec(&self) -> Arc<ArraySpec> {
        self.inner.spec()
    }

    fn read(&self, selection: &[AxisSelection]) -> Result<Tensor> {
        let mut selection = selection.to_vec();
        if self.is(Fault::IndexListsAsRanges) {
            for axis in &mut selection {
                if let AxisSelection::Indices(indices) = axis {
                    let start = indices.first().copied().unwrap_or(0);
                    *axis = AxisSelection::Range(start..start + indices.len() as u64);
                }
            }
        }
        let tensor = self.inner.read(&selection)?;
        match tensor.dtype() {
            DType::String if self.is(Fault::EmptyTextIsSpace) => {
                let texts =
                    tensor.to_strings()?.into_iter().map(|text| if text.is_empty() { " ".into() } else { text });
                Tensor::from_strings(tensor.shape(), texts)
            }
            DType::I32 if self.is(Fault::FillIsOne) => {
                let ones = tensor.as_slice::<i32>()?.iter().map(|&value| if value == 0 { 1 } else { value });
                Tensor::from_vec(tensor.shape(), ones.collect())
            }
            _ => Ok(tensor),
        }
    }

    fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        if self.is(Fault::OffsetIgnored) {
            return self.inner.write(&vec![0; offset.len()], values);
        }
        self.inner.write(offset, values)
    }

    fn resize(&self, shape: &[u64]) -> Result<()> {
        if self.is(Fault::ResizeIgnored) {
            return Ok(());
        }
        let old = self.inner.spec().shape.clone();
        if self.is(Fault::ShrinkKeepsValues) && shape < old.as_slice() {
            let values = self.inner.read(&AxisSelection::all(&old))?;
            self.inner.resize(shape)?;
            self.inner.resize(&old)?;
            self.inner.write(&vec![0; old.len()], &values)?;
            return Ok(());
        }
        self.inner.resize(shape)
    }

    fn stored_bytes(&self) -> Result<Option<u64>> {
        if self.is(Fault::StoredBytesUnderstated) { Ok(Some(1)) } else { self.inner.stored_bytes() }
    }

    fn as_chunked(&self) -> Option<&dyn ChunkedStorage> {
        let chunked = self.inner.as_chunked()?;
        if self.is(Fault::ChunkPaddingWrong) { Some(self) } else { Some(chunked) }
    }
}

/// Chunks that lose their last byte.
impl ChunkedStorage for FaultyArray {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<ChunkInfo>> {
        self.inner.as_chunked().map_or(Ok(None), |chunked| chunked.read_raw(chunk, raw))
    }

    fn decode(&self, raw: &[u8], _info: ChunkInfo, chunk: &mut [u8], _scratch: &mut Vec<u8>) -> Result<()> {
        let kept = raw.len().saturating_sub(1);
        chunk[..kept].copy_from_slice(&raw[..kept]);
        Ok(())
    }

    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, _scratch: &mut Vec<u8>) -> Result<()> {
        chunk.clone_into(raw);
        Ok(())
    }

    fn write_raw(&self, chunk: &[u64], raw: &[u8]) -> Result<()> {
        self.inner.as_chunked().map_or(Ok(()), |chunked| chunked.write_raw(chunk, raw))
    }

    fn fill_value(&self) -> &[u8] {
        &[]
    }
}

/// A store that says that it is for reading only.
#[derive(Debug)]
struct ReadOnly(Arc<dyn Storage>);

impl fmt::Display for ReadOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Storage for ReadOnly {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().read_only()
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        self.0.kind(path)
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        self.0.children(path)
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        self.0.attributes(path)
    }

    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()> {
        self.0.set_attributes(path, attributes)
    }

    fn create_group(&self, path: &str) -> Result<()> {
        self.0.create_group(path)
    }

    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        self.0.create_array(path, spec)
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        self.0.open_array(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.0.remove(path)
    }

    fn flush(&self) -> Result<()> {
        self.0.flush()
    }
}

/// The names of the cases that fail for a fault.
fn failing(fault: Fault) -> Vec<&'static str> {
    let fails = |case: &&anndata_storage::testkit::Case| {
        let store: Arc<dyn Storage> = Arc::new(Faulty { inner: MemoryStore::new(), fault });
        let run = || case.run(store, |store| Arc::new(ReadOnly(store)));
        !matches!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)), Ok(Ok(())))
    };
    CASES.iter().filter(fails).map(|case| case.name).collect()
}

#[test]
fn a_store_without_fault_passes_when_it_is_reopened_for_reading() {
    assert!(failing(Fault::None).is_empty());
}

#[test]
fn every_fault_is_found() {
    let faults = [
        (Fault::ChildrenSorted, "children are listed in order"),
        (Fault::AttributesSorted, "attributes are listed in order"),
        (Fault::AttributesMerged, "attributes are replaced as a whole"),
        (Fault::LongAttributesCut, "a long list in an attribute"),
        (Fault::FloatsNarrowed, "attributes of every type"),
        (Fault::NullAttributesDropped, "attributes of every type"),
        (Fault::MissingIsIo, "refused reads"),
        (Fault::RenameForgetsAttributes, "elements are moved"),
        (Fault::RemoveKeepsAttributes, "elements are removed and made again"),
        (Fault::CreateIgnoresDType, "arrays of every dtype and shape"),
        (Fault::ResizeIgnored, "arrays grow by appending"),
        (Fault::ShrinkKeepsValues, "arrays grow and shrink"),
        (Fault::NullIsScalar, "arrays without a value"),
        (Fault::IndexListsAsRanges, "selections"),
        (Fault::OffsetIgnored, "blocks are written over blocks"),
        (Fault::EmptyTextIsSpace, "text of any kind"),
        (Fault::TreeForgets, "a tree is told of in one call"),
        (Fault::ReplaceForgets, "elements are replaced"),
        (Fault::CodecsAdded, "specs are kept"),
        (Fault::ChunksForgotten, "specs are kept"),
        (Fault::StoredBytesUnderstated, "a large array"),
        (Fault::FillIsOne, "what was never written reads as zero"),
        (Fault::ChunkPaddingWrong, "raw chunks"),
    ];
    for (fault, case) in faults {
        let failing = failing(fault);
        assert!(failing.contains(&case), "{fault:?} fails {failing:?}, not '{case}'");
    }
}
