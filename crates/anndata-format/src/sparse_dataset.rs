//! [`SparseDataset`]: a sparse matrix in a store, read in parts and appended to.

use std::ops::Range;

use anndata_storage::{Array, ArraySpec, AxisSelection, Compression, DType, Error, Group, Result, Tensor};

use crate::encoding::legacy;
use crate::encoding::sparse::{BLOCK_BYTES, build_part, declared_shape, shape_value};
use crate::node::{APPENDING, Node, NodeWriteOptions};
use crate::{Selector, SparseFormat, SparseMatrix};
use anndata_array::sparse::largest;

/// A CSR or CSC matrix in a store. Reading takes what is selected and no more: major slices (rows of CSR, columns of
/// CSC) as runs of the stored values, positions within them block by block.
///
/// ```
/// # use std::sync::Arc;
/// use anndata_format::{Group, MemoryStore, SparseDataset, SparseFormat, SparseMatrix, Tensor, io};
///
/// let dense = Tensor::from_vec([3, 2], vec![1.0_f32, 0.0, 2.0, 0.0, 0.0, 3.0])?;
/// let matrix = SparseMatrix::from_dense(&dense, SparseFormat::Csr)?;
/// let root = Group::root(Arc::new(MemoryStore::new()));
/// io::write_elem(&root, "X", &matrix.clone().into(), &io::ElemWriteOptions::default())?;
///
/// let mut stored = SparseDataset::open(&root, "X")?;
/// stored.append(&matrix)?;
/// assert_eq!(stored.shape(), (6, 2));
/// let part = stored.select([5, 0], ..)?;
/// assert_eq!(part.to_dense()?.as_slice::<f32>()?, [0.0, 3.0, 1.0, 0.0]);
/// for chunk in stored.chunks(4) {
///     let (rows, chunk) = chunk?;
///     assert_eq!(chunk.shape(), (rows.len(), 2));
/// }
/// # Ok::<(), anndata_format::Error>(())
/// ```
#[derive(Debug, Clone)]
#[doc(alias("CSRDataset", "CSCDataset"))]
pub struct SparseDataset {
    group: Group,
    node: Node,
    format: SparseFormat,
    shape: (usize, usize),
    /// The attribute with the shape, which has another name in files before 0.7.
    shape_attribute: &'static str,
}

impl SparseDataset {
    /// The matrix at a key of a group.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if nothing is there, [`DType`](crate::ErrorKind::DType) if it is
    /// no sparse matrix, or if its metadata are malformed.
    #[doc(alias = "sparse_dataset")]
    pub fn open(parent: &Group, key: &str) -> Result<Self> {
        Self::of(&parent.group(key)?)
    }

    fn of(group: &Group) -> Result<Self> {
        let opened = || {
            let node = Node::open(group, "")?;
            let (format, shape_attribute) = legacy::stored_matrix(&node)?;
            let shape = declared_shape(&node, shape_attribute)?;
            Ok(Self { group: group.clone(), node, format, shape, shape_attribute })
        };
        opened().map_err(|error| located(group, error))
    }

    /// Rows or columns.
    pub fn format(&self) -> SparseFormat {
        self.format
    }

    /// The number of rows and of columns.
    pub fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// The dtype of the values.
    ///
    /// # Errors
    /// If there are none.
    pub fn dtype(&self) -> Result<DType> {
        Ok(self.array("data")?.dtype())
    }

    /// The number of stored values.
    ///
    /// # Errors
    /// If there are none.
    pub fn nnz(&self) -> Result<u64> {
        let data = self.array("data")?;
        match *data.shape().as_slice() {
            [len] => Ok(len),
            ref shape => {
                let message = format!("the values have shape {shape:?}, not one dimension");
                Err(located(&self.group, Error::invalid_data(message).at(data.path())))
            }
        }
    }

    /// The group in its store.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// The selected rows and columns, in the order given: whatever [`AnnData::select`](crate::AnnData::select) takes, but for
    /// names and columns, which a matrix alone does not have. Positions may repeat.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if a selection is out of bounds, or by name or by column; if the matrix
    /// cannot be read.
    #[doc(alias = "__getitem__")]
    pub fn select(&self, rows: impl Into<Selector>, columns: impl Into<Selector>) -> Result<SparseMatrix> {
        self.select_resolved(&rows.into(), &columns.into()).map_err(|error| located(&self.group, error))
    }

    fn select_resolved(&self, rows: &Selector, columns: &Selector) -> Result<SparseMatrix> {
        let axes = [
            rows.resolve_positions(self.shape.0)
                .map_err(|error| Error::new(error.kind(), "rows").with_source(error))?,
            columns
                .resolve_positions(self.shape.1)
                .map_err(|error| Error::new(error.kind(), "columns").with_source(error))?,
        ];
        build_part(&self.node, self.format, self.shape_attribute, &axes, BLOCK_BYTES)
    }

    /// The whole matrix.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn to_memory(&self) -> Result<SparseMatrix> {
        self.select(.., ..)
    }

    /// The matrix in blocks of this many major slices (rows of CSR, columns of CSC; the last has fewer): the range of
    /// major slices, and the block.
    pub fn chunks(&self, slices: usize) -> impl Iterator<Item = Result<(Range<usize>, SparseMatrix)>> + '_ {
        let major = self.axes().0;
        (0..major).step_by(slices.max(1)).map(move |start| {
            // A sum beyond all numbers is cut to the length of the axis.
            let range = start..major.min(start.saturating_add(slices.max(1)));
            let block = match self.format {
                SparseFormat::Csr => self.select(range.clone(), ..)?,
                SparseFormat::Csc => self.select(.., range.clone())?,
            };
            Ok((range, block))
        })
    }

    /// Appends major slices: rows to CSR, columns to CSC. Values are cast to the stored dtype.
    ///
    /// A matrix that was small when it was written has small chunks. Arrays that outgrow them are made anew before, in
    /// chunks that suit them then; that happens when an array has become many times as long as it was, so that adding a
    /// few major slices at a time takes time in proportion to what is added.
    ///
    /// The shape is stored last, and until then an attribute says that what is behind the end of the matrix is none of it: an
    /// error, or the end of the process, leaves the matrix as it was. What is stored behind its end then is not read, and is
    /// overwritten by the next append; [`validate`](fn@crate::validate) tells of it. An HDF5 file is undone as a whole instead.
    ///
    /// # Errors
    /// If format or the other axis differ; if the stored arrays cannot grow, or their integers are too narrow for
    /// the new offsets or indices ([`Unsupported`](crate::ErrorKind::Unsupported)); if the store cannot be written.
    pub fn append(&mut self, slices: &SparseMatrix) -> Result<()> {
        self.append_checked(slices).map_err(|error| located(&self.group, error))
    }

    fn append_checked(&mut self, slices: &SparseMatrix) -> Result<()> {
        let ((major, minor), (added, other)) = (self.axes(), slices.axes());
        if slices.format() != self.format || minor != other {
            return Err(Error::invalid_input(format!(
                "a {} matrix of shape {:?} cannot be appended to a {} matrix of shape {:?}",
                slices.format(),
                slices.shape(),
                self.format,
                self.shape
            )));
        }
        let [data, indices, indptr] = [self.array("data")?, self.array("indices")?, self.array("indptr")?];
        // Where the last major slice ends, not where the values do: scipy ignores what is beyond.
        let end = AxisSelection::Range(major as u64..major as u64 + 1);
        let end = anndata_array::sparse::to_offsets(&indptr.read_selection(&[end])?).map_err(Error::of_stored)?;
        let &[end] = end.as_slice() else { return Err(Error::bug(format!("one offset was read as {end:?}"))) };
        let total = end.checked_add(slices.nnz());
        let total = total.ok_or_else(|| Error::limit_exceeded("more values than memory can hold"))?;
        // An axis without positions has no index.
        for (array, most, what) in [(&indptr, total, "offsets"), (&indices, minor.saturating_sub(1), "indices")] {
            if most > largest(&array.dtype())? {
                let message = format!("{what} of type {} cannot hold {most}: rewrite the matrix", array.dtype());
                return Err(Error::unsupported(message));
            }
        }
        let offsets: Vec<u64> = slices.major_offsets()?.ends().iter().map(|at| (end + at) as u64).collect();
        let offsets = Tensor::from_vec([offsets.len()], offsets)?.cast(&indptr.dtype())?;
        let values = slices.data().cast(&data.dtype())?;
        let positions = slices.indices().cast(&indices.dtype())?;
        let data = self.make_room(data, (end + values.len()) as u64)?;
        let indices = self.make_room(indices, (end + positions.len()) as u64)?;
        let indptr = self.make_room(indptr, (major + 1 + offsets.len()) as u64)?;

        let before: Vec<(Array, Vec<u64>)> =
            [&data, &indices, &indptr].map(|array| (array.clone(), array.shape())).to_vec();
        let write = |array: &Array, at: usize, values: &Tensor| -> Result<()> {
            array.resize(&[(at + values.len()) as u64])?;
            array.write(&[at as u64], values)
        };
        let new_shape = match self.format {
            SparseFormat::Csr => (major + added, minor),
            SparseFormat::Csc => (minor, major + added),
        };
        let written = self
            .mark()
            .and_then(|()| write(&data, end, &values))
            .and_then(|()| write(&indices, end, &positions))
            // Offsets to what a full disk kept from being stored would make up values.
            .and_then(|()| self.group.storage().flush())
            .and_then(|()| write(&indptr, major + 1, &offsets))
            .and_then(|()| self.set_shape(new_shape))
            .and_then(|()| self.group.storage().commit());
        if let Err(error) = written {
            // The first error is the one to report. Where the mark cannot be taken away, it says where the matrix ends.
            if self.set_shape(self.shape).is_ok() {
                for (array, shape) in before {
                    drop(array.resize(&shape));
                }
            }
            return Err(error);
        }
        *self = Self::of(&self.group)?;
        Ok(())
    }

    /// An array that is to have this length: the same, or made anew where it would have many times as many chunks (shards,
    /// where there are such) as an array that is made with that length.
    fn make_room(&self, array: Array, len: u64) -> Result<Array> {
        let grown = ArraySpec { shape: vec![len], ..ArraySpec::clone(&array.spec()) };
        let open = ArraySpec { chunks: None, shards: None, ..grown.clone() };
        let chosen = self.group.storage().layout(&open, Compression::None)?;
        if pieces(&grown) < OUTGROWN.saturating_mul(pieces(&chosen)) {
            return Ok(array);
        }
        let key = array.name();
        let mut node = Node::open(&self.group, key)?;
        if let Node::Array(node) = &mut node {
            node.spec = ArraySpec { shape: node.spec.shape.clone(), ..chosen };
        }
        node.replace(&self.group, key, &NodeWriteOptions::default().with_keep_layout(true))?;
        self.array(key)
    }

    /// Says that what is behind the end of the matrix is none of it.
    fn mark(&self) -> Result<()> {
        let mut attributes = self.group.attributes()?;
        attributes.insert(APPENDING.to_owned(), true.into());
        self.group.set_attributes(&attributes)
    }

    /// Sets where the matrix ends, and takes the mark away, in one step.
    fn set_shape(&self, shape: (usize, usize)) -> Result<()> {
        let mut attributes = self.group.attributes()?;
        attributes.shift_remove(APPENDING);
        attributes.insert(self.shape_attribute.to_owned(), shape_value(shape)?);
        self.group.set_attributes(&attributes)
    }

    /// The lengths of the compressed and of the other axis.
    fn axes(&self) -> (usize, usize) {
        match self.format {
            SparseFormat::Csr => self.shape,
            SparseFormat::Csc => (self.shape.1, self.shape.0),
        }
    }

    fn array(&self, key: &str) -> Result<Array> {
        self.group.array(key)
    }
}

/// Names the store and, where the error names none, the matrix.
fn located(group: &Group, error: Error) -> Error {
    error.at(group.path()).in_store(&**group.storage())
}

/// How many times as many pieces as it should have an array has that is made anew.
const OUTGROWN: u64 = 16;

/// The number of shards, else chunks, of an array.
fn pieces(spec: &ArraySpec) -> u64 {
    let Some(piece) = spec.shards.as_ref().or(spec.chunks.as_ref()) else { return 1 };
    let along = spec.shape.iter().zip(piece).map(|(&len, &piece)| len.div_ceil(piece.max(1)));
    along.fold(1, u64::saturating_mul).max(1)
}
