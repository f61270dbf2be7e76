//! A complete store in memory: for tests, and for objects that are built before they are written.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indexmap::IndexMap;

use crate::{
    AlignedBytes, ArraySpec, ArrayStorage, Attributes, Axis, Capabilities, ChunkedStorage, DType, Error, Limits,
    NodeKind, Result, Storage, Tensor, chunked, parent_path,
};

/// A store in memory. It keeps every dtype, attribute and order; chunks are kept as raw bytes, codecs are ignored.
#[derive(Debug, Default)]
pub struct MemoryStore {
    nodes: Mutex<IndexMap<String, Node>>,
    limits: Limits,
}

#[derive(Debug, Default)]
struct Node {
    attributes: Attributes,
    array: Option<Arc<MemoryArray>>,
}

impl MemoryStore {
    /// A store with an empty root group.
    pub fn new() -> Self {
        let nodes = IndexMap::from([(String::new(), Node::default())]);
        Self { nodes: Mutex::new(nodes), limits: Limits::default() }
    }

    fn nodes(&self) -> MutexGuard<'_, IndexMap<String, Node>> {
        lock(&self.nodes)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

fn missing() -> Error {
    Error::not_found("no such element")
}

/// Makes the groups above `path`, and refuses where one of them is an array.
fn make_parents(nodes: &mut IndexMap<String, Node>, path: &str) -> Result<()> {
    let Some(parent) = parent_path(path) else { return Ok(()) };
    match nodes.get(parent) {
        Some(node) if node.array.is_some() => Err(Error::invalid_input(format!("'{parent}' is an array, not a group"))),
        Some(_) => Ok(()),
        None => {
            make_parents(nodes, parent)?;
            nodes.insert(parent.to_owned(), Node::default());
            Ok(())
        }
    }
}

/// The part of `path` below `parent`: empty for the element itself.
fn below<'a>(path: &'a str, parent: &str) -> Option<&'a str> {
    if parent.is_empty() {
        return Some(path);
    }
    let rest = path.strip_prefix(parent)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('/') }
}

impl Storage for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn kind(&self, path: &str) -> Result<Option<NodeKind>> {
        Ok(self.nodes().get(path).map(|node| if node.array.is_some() { NodeKind::Array } else { NodeKind::Group }))
    }

    fn children(&self, path: &str) -> Result<Vec<String>> {
        let nodes = self.nodes();
        if nodes.get(path).is_none_or(|node| node.array.is_some()) {
            return Err(Error::not_found("no such group"));
        }
        let children = nodes.keys().filter(|key| parent_path(key) == Some(path));
        Ok(children.map(|key| crate::file_name(key).to_owned()).collect())
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        self.nodes().get(path).map(|node| node.attributes.clone()).ok_or_else(missing)
    }

    fn set_attributes(&self, path: &str, attributes: &Attributes) -> Result<()> {
        attributes.clone_into(&mut self.nodes().get_mut(path).ok_or_else(missing)?.attributes);
        Ok(())
    }

    fn create_group(&self, path: &str) -> Result<()> {
        let mut nodes = self.nodes();
        make_parents(&mut nodes, path)?;
        nodes.insert(path.to_owned(), Node::default());
        Ok(())
    }

    fn create_array(&self, path: &str, spec: &ArraySpec) -> Result<Arc<dyn ArrayStorage>> {
        let array = Arc::new(MemoryArray::new(spec.clone(), self.limits)?);
        let mut nodes = self.nodes();
        make_parents(&mut nodes, path)?;
        nodes.insert(path.to_owned(), Node { attributes: Attributes::new(), array: Some(Arc::clone(&array)) });
        Ok(array)
    }

    fn open_array(&self, path: &str) -> Result<Arc<dyn ArrayStorage>> {
        match self.nodes().get(path).and_then(|node| node.array.clone()) {
            Some(array) => Ok(array),
            None => Err(missing()),
        }
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut nodes = self.nodes();
        make_parents(&mut nodes, to)?;
        let moved: Vec<String> = nodes.keys().filter(|key| below(key, from).is_some()).cloned().collect();
        for old in moved {
            let (Some(rest), Some(node)) = (below(&old, from), nodes.shift_remove(&old)) else { continue };
            nodes.insert(crate::child_path(to, rest), node);
        }
        Ok(())
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.nodes().retain(|key, _| below(key, path).is_none());
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

/// An array in memory: raw chunks for fixed-size dtypes with chunks, a tensor for all others.
#[derive(Debug)]
struct MemoryArray {
    state: Mutex<State>,
    fill: Vec<u8>,
}

#[derive(Debug)]
struct State {
    spec: ArraySpec,
    whole: Option<Tensor>,
    chunks: HashMap<Vec<u64>, Vec<u8>>,
}

impl MemoryArray {
    fn new(spec: ArraySpec, limits: Limits) -> Result<Self> {
        let chunked = spec.chunks.is_some() && spec.dtype.size().is_some();
        let whole = if chunked || spec.null {
            None
        } else {
            let size = spec.dtype.size().unwrap_or(size_of::<i64>()) as u64;
            limits.check(spec.len()?.saturating_mul(size), 0)?;
            Some(zeros(&spec.dtype, &to_shape(&spec.shape)?)?)
        };
        Ok(Self { state: Mutex::new(State { spec, whole, chunks: HashMap::new() }), fill: Vec::new() })
    }

    fn is_chunked(&self) -> bool {
        let state = lock(&self.state);
        state.whole.is_none() && !state.spec.null
    }
}

fn to_shape(shape: &[u64]) -> Result<Vec<usize>> {
    shape
        .iter()
        .map(|&len| usize::try_from(len).map_err(|_| Error::limit_exceeded("the array does not fit into memory")))
        .collect()
}

/// What an array reads as before it is written.
fn zeros(dtype: &DType, shape: &[usize]) -> Result<Tensor> {
    match dtype {
        DType::String => Tensor::from_strings(shape, std::iter::repeat_n("", shape.iter().product())),
        DType::Compound(fields) if dtype.size().is_none() => {
            let columns = fields
                .iter()
                .map(|field| Ok((field.name.clone(), zeros(&field.dtype, &[shape, &field.shape].concat())?)))
                .collect::<Result<Vec<_>>>()?;
            Tensor::from_fields(shape, columns)
        }
        dtype => {
            let size =
                dtype.size().ok_or_else(|| Error::unsupported(format!("values of type {dtype} cannot be stored")))?;
            let len = shape.iter().product::<usize>() * size;
            Tensor::new(dtype.clone(), shape, AlignedBytes::zeroed(len).into())
        }
    }
}

impl ArrayStorage for MemoryArray {
    fn spec(&self) -> ArraySpec {
        lock(&self.state).spec.clone()
    }

    fn read(&self, selection: &[Axis]) -> Result<Tensor> {
        let (spec, whole) = {
            let state = lock(&self.state);
            (state.spec.clone(), state.whole.clone())
        };
        match whole {
            Some(tensor) => tensor.select(selection),
            None => chunked::read(self, &spec, selection),
        }
    }

    fn write(&self, offset: &[u64], values: &Tensor) -> Result<()> {
        let spec = self.spec();
        if spec.null {
            return Err(Error::invalid_input("an array without values cannot be written"));
        }
        if self.is_chunked() {
            return chunked::write(self, &spec, offset, values);
        }
        let mut state = lock(&self.state);
        let whole = state.whole.take().unwrap_or_else(|| values.clone());
        state.whole =
            Some(if whole.shape() == values.shape() { values.clone() } else { overwrite(&whole, offset, values)? });
        Ok(())
    }

    fn resize(&self, shape: &[u64]) -> Result<()> {
        let mut state = lock(&self.state);
        if let Some(whole) = &state.whole {
            let rows = to_shape(shape)?.first().copied().unwrap_or(0);
            let kept = whole.slice_rows(0..rows.min(whole.shape().first().copied().unwrap_or(0)))?;
            let mut missing = to_shape(shape)?;
            if let Some(first) = missing.first_mut() {
                *first = rows - kept.shape().first().copied().unwrap_or(0);
            }
            state.whole = Some(Tensor::concat_rows(&[kept, zeros(&state.spec.dtype, &missing)?])?);
        } else if let (Some(chunks), Some(&rows)) = (state.spec.chunks.clone(), shape.first()) {
            let keep = rows.div_ceil(chunks.first().copied().unwrap_or(1));
            state.chunks.retain(|position, _| position.first().is_some_and(|&row| row < keep));
        }
        shape.clone_into(&mut state.spec.shape);
        Ok(())
    }

    fn as_chunked(&self) -> Option<&dyn ChunkedStorage> {
        if self.is_chunked() { Some(self) } else { None }
    }
}

/// `whole` with a block of it replaced.
fn overwrite(whole: &Tensor, offset: &[u64], values: &Tensor) -> Result<Tensor> {
    // Rows of the result come from `whole`, or from `values` placed after it.
    let len = whole.len() as u64;
    let flat = [whole.len() + values.len()];
    let both = Tensor::concat_rows(&[whole.clone().reshape([whole.len()])?, values.clone().reshape([values.len()])?])?;
    let mut source: Vec<u64> = (0..len).collect();
    let mut index = vec![0_usize; values.ndim()];
    for from in 0..values.len() {
        let mut at = 0;
        for ((&i, &start), &n) in index.iter().zip(offset).zip(whole.shape()) {
            at = at * n + i + usize::try_from(start).unwrap_or(usize::MAX);
        }
        if let Some(place) = source.get_mut(at) {
            *place = len + from as u64;
        }
        for (i, &n) in index.iter_mut().zip(values.shape()).rev() {
            *i += 1;
            if *i < n {
                break;
            }
            *i = 0;
        }
    }
    both.reshape(flat)?.take(0, &source)?.reshape(whole.shape())
}

impl ChunkedStorage for MemoryArray {
    fn read_raw(&self, chunk: &[u64], raw: &mut Vec<u8>) -> Result<Option<u32>> {
        Ok(lock(&self.state).chunks.get(chunk).map(|bytes| {
            bytes.clone_into(raw);
            0
        }))
    }

    fn decode(&self, raw: &[u8], _skipped: u32, chunk: &mut [u8], _scratch: &mut Vec<u8>) -> Result<()> {
        if raw.len() != chunk.len() {
            return Err(Error::invalid_data(format!("{} bytes where a chunk takes {}", raw.len(), chunk.len())));
        }
        chunk.copy_from_slice(raw);
        Ok(())
    }

    fn encode(&self, chunk: &[u8], raw: &mut Vec<u8>, _scratch: &mut Vec<u8>) -> Result<()> {
        chunk.clone_into(raw);
        Ok(())
    }

    fn write_raw(&self, chunk: &[u64], raw: &[u8]) -> Result<()> {
        lock(&self.state).chunks.insert(chunk.to_vec(), raw.to_vec());
        Ok(())
    }

    fn fill_value(&self) -> &[u8] {
        &self.fill
    }

    fn is_raw(&self) -> bool {
        true
    }
}
