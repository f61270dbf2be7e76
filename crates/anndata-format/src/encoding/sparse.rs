//! `csr_matrix` and `csc_matrix` 0.1.0: compressed sparse matrices.
//!
//! ```text
//! X                       group
//!   encoding-type         "csr_matrix" or "csc_matrix"
//!   encoding-version      "0.1.0"
//!   shape                 two integers: rows, columns
//!   data                  array of numbers, one per stored value
//!   indices               array of integers: the column (CSR) or row (CSC) of each
//!   indptr                array of integers: where each row (CSR) or column (CSC) begins, and the end
//! ```
//!
//! Integers of any width and sign are read and kept. Indices may be unsorted.
//! Specification: [Sparse arrays](https://anndata.readthedocs.io/en/stable/fileformat-prose.html#sparse-arrays).
//! Files before 0.7 have the attributes `h5sparse_format` and `h5sparse_shape` instead.
//!
//! ```
//! # use std::sync::Arc;
//! # use anndata_format::{Element, Group, MemoryStore, SparseFormat, SparseMatrix, Tensor, io};
//! # let root = Group::root(Arc::new(MemoryStore::new()));
//! let dense = Tensor::from_vec([2, 3], vec![1.0_f32, 0.0, 2.0, 0.0, 3.0, 0.0])?;
//! let matrix = Element::from(SparseMatrix::from_dense(&dense, SparseFormat::Csr)?);
//! io::write_elem(&root, "X", &matrix, &io::ElemWriteOptions::default())?;
//! assert_eq!(root.group("X")?.children()?, ["data", "indices", "indptr"]);
//! assert_eq!(root.array("X/indices")?.read()?.as_slice::<i32>()?, [0, 2, 1]);
//! assert_eq!(io::read_elem(&root, "X", &io::ElemReadOptions::default())?, matrix);
//! # Ok::<(), anndata_format::Error>(())
//! ```

mod layout;
mod offsets;
mod select;
mod stream;
mod validate;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use anndata_storage::{Array, ArraySpec, AxisSelection, BlockSize, DType, Error, OrBug, Result, child_path};

use self::layout::one_dimension;
use self::select::StoredPart;
use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::values::wrong_element;
use crate::findings::Checker;
use crate::node::{ArrayNode, BlockIter, BlockSource, GroupNode, Node, Source, encoding_attributes, without_rest};
use crate::stored::{PartReader, StoredTree as _};
use crate::{Element, Lazy, Schema, SparseFormat, SparseMatrix};
use anndata_array::sparse::{Offsets, to_offsets};
pub(crate) use layout::{BLOCK_BYTES, declared_shape, shape_value};
use select::select;
pub(crate) use select::{build_part, part_reader};
pub(super) use validate::check_sparse;

/// See the [module](self).
#[derive(Debug)]
pub struct SparseEncoding(pub SparseFormat);

impl Encoding for SparseEncoding {
    fn name(&self) -> &'static str {
        match self.0 {
            SparseFormat::Csr => "csr_matrix",
            SparseFormat::Csc => "csc_matrix",
        }
    }

    fn encodes(&self, element: &Element) -> bool {
        matches!(element, Element::Sparse(matrix) if matrix.format() == self.0)
    }

    fn attributes(&self) -> &[&str] {
        &["shape"]
    }

    fn can_grow(&self) -> bool {
        true
    }

    fn versions(&self) -> &[&str] {
        &["0.1.0"]
    }

    fn build(&self, node: Node, _context: &BuildContext<'_>) -> Result<Element> {
        build(node, self.0, "shape")
    }

    fn is_current(&self, node: &Node, _context: &EncodeContext<'_>) -> bool {
        let is = |key: &str, holds: fn(&DType) -> bool| {
            super::values::vector(node, key).is_some_and(|a| holds(&a.spec.dtype))
        };
        declared_shape(node, "shape").is_ok()
            && is("data", DType::is_numeric)
            && is("indices", DType::is_integer)
            && is("indptr", DType::is_integer)
    }

    fn copy(&self, node: &Node) -> Result<Node> {
        let (rows, columns) = declared_shape(node, "shape")?;
        let (major, minor) = match self.0 {
            SparseFormat::Csr => (rows, columns),
            SparseFormat::Csc => (columns, rows),
        };
        let node = without_rest(node, self.0, "shape")?;
        let mut group = node.as_group()?.clone();
        let data = &group.child("data")?.as_array()?.spec;
        let indices = group.child("indices")?.as_array()?;
        if data.shape != indices.spec.shape {
            return Err(Error::invalid_data(format!(
                "data has shape {:?}, but indices have {:?}",
                data.shape, indices.spec.shape
            )));
        }
        let values = one_dimension(indices)?;
        let indices = indices.checked("index", 0..minor as i128, None);
        let indptr = group.child("indptr")?.fetch()?;
        Offsets::given(&indptr.clone().into_tensor()?, major, values)?;
        group.attributes.insert("shape".to_owned(), shape_value((rows, columns))?);
        group.children.insert("indices".to_owned(), Node::Array(indices));
        group.children.insert("indptr".to_owned(), indptr);
        for part in group.children.values_mut() {
            // The parts are not elements of their own.
            part.attributes_mut().retain(|name, _| !name.starts_with("encoding-"));
        }
        Ok(Node::Group(group))
    }

    fn encode(&self, element: &Element, path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        let Element::Sparse(matrix) = element else { return Err(wrong_element(self.name(), element)) };
        let mut group = GroupNode::encoded(path, self.name(), "0.1.0");
        group.attributes.insert("shape".to_owned(), shape_value(matrix.shape())?);
        for (key, tensor) in [("data", matrix.data()), ("indices", matrix.indices()), ("indptr", matrix.indptr())] {
            let mut array = ArrayNode::plain(&child_path(path, key), tensor.clone());
            // So that rows can be appended.
            array.spec.resizable = true;
            group.children.insert(key.to_owned(), Node::Array(array));
        }
        Ok(Node::Group(group))
    }

    fn stream(&self, lazy: &Lazy, path: &str, context: &EncodeContext<'_>) -> Result<Option<Node>> {
        stream::stream(lazy, self.0, path, context).map(Some)
    }

    fn major_lengths(&self, node: &Node, slices: Range<usize>) -> Result<Option<Vec<usize>>> {
        let indptr = node.as_group()?.child("indptr")?.as_array()?;
        let offsets = indptr.read_rows(slices.start as u64, slices.len() + 1)?;
        let offsets = to_offsets(&offsets).map_err(|error| error.of_stored().at(&indptr.path))?;
        let lengths = offsets.iter().zip(offsets.iter().skip(1)).map(|(&start, &end)| {
            let message = || format!("indptr decreases from {start} to {end}");
            end.checked_sub(start).ok_or_else(|| Error::invalid_data(message()).at(&indptr.path))
        });
        lengths.collect::<Result<_>>().map(Some)
    }

    fn select(&self, node: &Node, axes: &[AxisSelection]) -> Result<Option<Node>> {
        select(node, self.0, "shape", axes).map(Some)
    }

    fn build_part(&self, node: &Node, axes: &[AxisSelection], _context: &BuildContext<'_>) -> Result<Element> {
        build_part(node, self.0, "shape", axes, BLOCK_BYTES).map(Element::Sparse)
    }

    fn part_reader(&self, node: &Node) -> Result<Option<Arc<dyn PartReader>>> {
        part_reader(node, self.0, "shape")
    }

    fn validate(&self, node: &Node, _registry: &Registry, checker: &mut Checker<'_>) {
        check_sparse(node, self.0, "shape", checker);
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        schema(node, self.0, "shape")
    }

    fn shape(&self, node: &Node, _registry: &Registry) -> Result<Option<Vec<usize>>> {
        let (rows, columns) = declared_shape(node, "shape")?;
        Ok(Some(vec![rows, columns]))
    }
}

/// What the matrix of a group is whose shape is in the attribute `shape_attribute`.
pub(super) fn schema(node: &Node, format: SparseFormat, shape_attribute: &str) -> Result<Schema> {
    let shape = declared_shape(node, shape_attribute)?;
    let dtype = node.as_group()?.child("data")?.as_array()?.spec.dtype.clone();
    Ok(Schema::Sparse { format, dtype, shape })
}

/// The matrix of a group whose shape is in the attribute `shape_attribute`.
pub(super) fn build(node: Node, format: SparseFormat, shape_attribute: &str) -> Result<Element> {
    let shape = declared_shape(&node, shape_attribute)?;
    let cut = match without_rest(&node, format, shape_attribute)? {
        Cow::Owned(cut) => Some(cut),
        Cow::Borrowed(_) => None,
    };
    let mut group = cut.unwrap_or(node).into_group()?;
    let mut take = |key: &str| group.take(key)?.into_tensor();
    let (data, indices, indptr) = (take("data")?, take("indices")?, take("indptr")?);
    SparseMatrix::new(format, shape, data, indices, indptr).map(Element::Sparse)
}

/// The tree of an element, to stand at `path`. A matrix becomes dense or sparse if the options ask for it.
///
/// # Errors
/// If the element cannot be stored.
pub(crate) fn encode(element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
    match context.visit(element, path)? {
        Some(instead) => encode_as_asked(&instead, path, context),
        None => encode_as_asked(element, path, context),
    }
}

fn encode_as_asked(element: &Element, path: &str, context: &EncodeContext<'_>) -> Result<Node> {
    let asked = |paths: &[String]| paths.iter().any(|asked| asked == path);
    if asked(&context.options().as_dense) {
        return encode_dense(element, path).map_err(|error| error.at(path));
    }
    if asked(&context.options().as_sparse) {
        let matrix = to_sparse(element, SparseFormat::Csr).map_err(|error| error.at(path))?;
        return context.encode_visited(&Element::Sparse(matrix), path);
    }
    context.encode_visited(element, path)
}

/// The tree of a sparse matrix as a dense `array`, made block by block; a dense one as it is.
fn encode_dense(element: &Element, path: &str) -> Result<Node> {
    let (dtype, source): (DType, Arc<dyn BlockSource>) = match stored_csr(element)? {
        Some(rows) => (rows.0.dtype().clone(), Arc::new(rows)),
        None => match once(element)? {
            // By rows, so that no block has to look for its rows among all.
            Element::Sparse(matrix) => {
                (matrix.dtype().clone(), Arc::new(RowsInMemory(matrix.to_format(SparseFormat::Csr)?)))
            }
            Element::Tensor(tensor) => {
                return Ok(Node::Array(ArrayNode::encoded(path, "array", "0.2.0", tensor)));
            }
            other => return Err(Error::invalid_input(format!("{} cannot be written dense", other.kind_name()))),
        },
    };
    let shape = element.shape()?.or_bug("a matrix without a shape")?;
    let shape: Vec<u64> = shape.into_iter().map(|len| len as u64).collect();
    Ok(Node::Array(ArrayNode {
        path: path.to_owned(),
        attributes: encoding_attributes("array", "0.2.0"),
        spec: ArraySpec::new(dtype, shape),
        source: Source::Blocks(source),
    }))
}

/// A dense matrix as a sparse one; a lazy one is read block by block. A sparse one stays what it is.
pub(crate) fn to_sparse(element: &Element, format: SparseFormat) -> Result<SparseMatrix> {
    match element {
        Element::Lazy(lazy) => match lazy.node() {
            Some(Node::Array(ArrayNode { source: Source::Stored(array), .. }))
                if array.spec().ndim() == 2 && !lazy.is_loaded() =>
            {
                dense_to_sparse(array, format)
            }
            _ => to_sparse(&lazy.load_once()?, format),
        },
        Element::Tensor(tensor) => SparseMatrix::from_dense(tensor, format),
        Element::Sparse(matrix) => Ok(matrix.clone()),
        other => Err(Error::invalid_input(format!("{} cannot become sparse", other.kind_name()))),
    }
}

/// The non-zero values of a stored dense matrix, read in blocks along the compressed axis.
fn dense_to_sparse(array: &Array, format: SparseFormat) -> Result<SparseMatrix> {
    let spec = array.spec();
    let [rows, columns] = *spec.shape.as_slice() else {
        return Err(Error::invalid_data(format!("shape {:?} is not a matrix", spec.shape)).at(array.path()));
    };
    let (major, minor, axis) = match format {
        SparseFormat::Csr => (rows, columns, 0),
        SparseFormat::Csc => (columns, rows, 1),
    };
    let slice = (spec.dtype.size().unwrap_or(1) as u64).saturating_mul(minor).max(1);
    let chunk = spec.chunks.as_ref().and_then(|chunks| chunks.get(axis).copied()).unwrap_or(1).max(1);
    let step = (BLOCK_BYTES / slice).max(1).next_multiple_of(chunk);
    let mut parts = Vec::new();
    // Fallback: a step beyond the numbers of the machine leads past all slices.
    for start in (0..major.max(1)).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
        let block = AxisSelection::Range(start.min(major)..major.min(start.saturating_add(step)));
        let whole = AxisSelection::Range(0..minor);
        let selection = if axis == 0 { [block, whole] } else { [whole, block] };
        parts.push(SparseMatrix::from_dense(&array.read_selection(&selection)?, format)?);
    }
    SparseMatrix::concat_major(&parts)
}

fn once(element: &Element) -> Result<Element> {
    match element {
        Element::Lazy(lazy) => lazy.load_once(),
        other => Ok(other.clone()),
    }
}

/// The rows of a matrix in memory as dense blocks.
#[derive(Debug)]
struct RowsInMemory(SparseMatrix);

impl BlockSource for RowsInMemory {
    fn blocks<'a>(&'a self, size: BlockSize<'a>) -> BlockIter<'a> {
        let (rows, columns) = self.0.shape();
        let step = rows_in(size, columns, self.0.dtype());
        Box::new((0..rows.max(1)).step_by(step).map(move |start| {
            let block = self.0.rows_to_dense(start.min(rows)..rows.min(start + step))?;
            Ok((vec![start as u64, 0], block))
        }))
    }
}

/// The rows of a stored CSR matrix as dense blocks, read as they are asked for.
#[derive(Debug)]
struct StoredRows(StoredPart);

/// The stored CSR matrix behind a lazy element.
fn stored_csr(element: &Element) -> Result<Option<StoredRows>> {
    let Element::Lazy(lazy) = element else { return Ok(None) };
    let Some(node) = lazy.node() else { return Ok(None) };
    if node.text_attribute("encoding-type")?.as_deref() != Some("csr_matrix") {
        return Ok(None);
    }
    StoredPart::whole(node, SparseFormat::Csr, "shape").map(StoredRows).map(Some).map_err(|error| error.at(node.path()))
}

impl BlockSource for StoredRows {
    fn blocks<'a>(&'a self, size: BlockSize<'a>) -> BlockIter<'a> {
        let dtype = self.0.dtype();
        let (rows, columns) = match self.0.shape() {
            Ok(shape) => shape,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let step = rows_in(size, columns, dtype);
        Box::new((0..rows.max(1)).step_by(step).map(move |start| {
            let slices = AxisSelection::Range(start.min(rows) as u64..rows.min(start + step) as u64);
            let block = self.0.read(&slices)?.to_dense().map_err(|error| error.at(self.0.path()))?;
            Ok((vec![start as u64, 0], block))
        }))
    }
}

/// How many dense rows are a block.
fn rows_in(size: BlockSize<'_>, columns: usize, dtype: &DType) -> usize {
    // A dtype without a size has no dense rows either, which is reported when the first is made.
    // Fallback: how many rows a block has decides about memory, and about no value; at most all of them.
    let row = columns.saturating_mul(dtype.size().unwrap_or(1));
    usize::try_from(size.rows(row as u64)).unwrap_or(usize::MAX)
}
