//! No encoding attributes: what anndata 0.5 to 0.7 wrote, and what other tools write by hand.
//!
//! - A group with the attribute `h5sparse_format` ("csr" or "csc") and `h5sparse_shape` is a sparse matrix; any other
//!   group is a mapping.
//! - An array without a value (a null dataspace) is nothing.
//! - An array is an array. Text of fixed width becomes text, and a single one in one dimension a scalar, as it was
//!   before it was written.
//! - `obs` and `var` are arrays of records whose first field is the index. Their categorical columns are integer codes;
//!   the categories of column `x` are in `uns/x_categories`.
//! - `obsm` and `varm` are arrays of records, a field an array.
//! - `raw.X`, `raw.var` and `raw.varm` stand at the root. What else is there (`raw.cat`) is kept with the raw.
//! - `uns/neighbors/distances` and `connectivities` belong into `obsp`.
//! - A group without any attribute within `layers`, `obsm`, `varm`, `obsp` or `varp` is what anndata before 0.13 made of a
//!   key with a `/`: `layers/a/b` is the layer `a/b`.

use std::collections::HashSet;
use std::sync::Arc;

use anndata_storage::{AxisSelection, DType, Error, Result, Tensor};
use indexmap::IndexMap;

use super::registry::{BuildContext, EncodeContext, Encoding, Registry};
use super::sparse;
use super::values::{array_schema, read, with_text, wrong_element};
use crate::findings::{Checker, rules};
use crate::node::{GroupNode, Node, Seen};
use crate::stored::PartReader;
use crate::{Column, DataFrame, Element, Mapping, Schema, Series, SparseFormat};

const FORMAT: &str = "h5sparse_format";
pub(crate) const SHAPE: &str = "h5sparse_shape";

/// The encoding of elements that say none. See the [module](self).
#[derive(Debug)]
pub struct LegacyEncoding;

impl Encoding for LegacyEncoding {
    fn name(&self) -> &'static str {
        ""
    }

    fn versions(&self) -> &[&str] {
        &[""]
    }

    fn build(&self, node: Node, context: &BuildContext<'_>) -> Result<Element> {
        if let Some(format) = sparse_format(&node)? {
            return sparse::build(node, format, SHAPE);
        }
        match node {
            Node::Group(group) => {
                let children = group.children.into_iter().map(|(key, child)| Ok((key, context.build(child)?)));
                children.collect::<Result<Mapping>>().map(Element::Mapping)
            }
            Node::Array(array) if array.spec.null => Ok(Element::Null),
            node @ Node::Array(_) => array(&node.into_tensor()?).map(Element::Tensor),
        }
    }

    fn encode(&self, element: &Element, _path: &str, _context: &EncodeContext<'_>) -> Result<Node> {
        Err(wrong_element(self.name(), element))
    }

    fn encodes(&self, _element: &Element) -> bool {
        false
    }

    fn part_reader(&self, node: &Node) -> Result<Option<Arc<dyn PartReader>>> {
        match sparse_format(node)? {
            Some(format) => sparse::part_reader(node, format, SHAPE),
            None => Ok(None),
        }
    }

    fn build_part(&self, node: &Node, axes: &[AxisSelection], context: &BuildContext<'_>) -> Result<Element> {
        if let Some(format) = sparse_format(node)? {
            return sparse::build_part(node, format, SHAPE, axes, sparse::BLOCK_BYTES).map(Element::Sparse);
        }
        match node {
            Node::Array(stored) if !stored.spec.null && stored.spec.ndim() == axes.len() => {
                array(&stored.select(axes)?.source.read()?).map(Element::Tensor)
            }
            _ => self.build(node.fetch()?, context)?.select(axes),
        }
    }

    fn schema(&self, node: &Node, _registry: &Registry) -> Result<Schema> {
        if let Some(format) = sparse_format(node)? {
            return sparse::schema(node, format, SHAPE);
        }
        Ok(match node {
            Node::Group(_) => Schema::Mapping,
            Node::Array(array) if array.spec.null => Schema::Null,
            Node::Array(array) => match array_schema(array)? {
                Schema::Array { dtype: DType::FixedBytes(_), shape } if shape == [1] => {
                    Schema::Array { dtype: DType::String, shape: Vec::new() }
                }
                Schema::Array { dtype, shape } if dtype.is_text() => Schema::Array { dtype: DType::String, shape },
                schema => schema,
            },
        })
    }

    fn is_container(&self, node: &Node) -> bool {
        matches!(node, Node::Group(group) if !group.attributes.contains_key(FORMAT))
    }

    fn validate(&self, node: &Node, _registry: &Registry, checker: &mut Checker<'_>) {
        let format = sparse_format(node);
        match checker.add_failed(&rules::ATTRIBUTE_TYPE, node.path(), format) {
            Some(Some(format)) => sparse::check_sparse(node, format, SHAPE, checker),
            Some(None) if let Node::Array(array) = node => read(array, checker),
            _ => checker.beneath(node),
        }
    }
}

pub(crate) fn sparse_format(node: &Node) -> Result<Option<SparseFormat>> {
    match node.text_attribute(FORMAT)?.as_deref() {
        None => Ok(None),
        Some("csr") => Ok(Some(SparseFormat::Csr)),
        Some("csc") => Ok(Some(SparseFormat::Csc)),
        Some(other) => Err(Error::invalid_data(format!("attribute '{FORMAT}' is '{other}', not csr or csc"))),
    }
}

/// The format of a stored sparse matrix of any version, and the attribute with its shape.
///
/// # Errors
/// [`DType`](crate::ErrorKind::DType) if the element is something else.
pub(crate) fn stored_matrix(node: &Node) -> Result<(SparseFormat, &'static str)> {
    let encoding = node.text_attribute("encoding-type")?.unwrap_or_default();
    if !encoding.is_empty() {
        let formats = [SparseFormat::Csr, SparseFormat::Csc];
        let format = formats.into_iter().find(|&format| sparse::SparseEncoding(format).name() == encoding);
        let not_sparse = || Error::dtype(format!("expected a sparse matrix, found an element encoded as '{encoding}'"));
        let attribute = if node.attributes().contains_key(SHAPE) && !node.attributes().contains_key("shape") {
            SHAPE
        } else {
            "shape"
        };
        return format.map(|format| (format, attribute)).ok_or_else(not_sparse);
    }
    match sparse_format(node).map_err(|error| Error::dtype(error.message().to_owned()))? {
        Some(format) => Ok((format, SHAPE)),
        None => Err(Error::dtype("expected a sparse matrix, found a group without an encoding")),
    }
}

/// Values as they were before they were written: text of fixed width was text, a single one a scalar.
fn array(values: &Tensor) -> Result<Tensor> {
    match values.dtype() {
        DType::FixedBytes(_) if values.shape() == [1] => values.to_text()?.reshape([]),
        dtype if dtype.is_text() => values.to_text(),
        DType::Compound(_) => with_text(values),
        _ => Ok(values.clone()),
    }
}

/// The frame of `obs` or `var`, of any version.
pub(super) fn frame(node: Node, context: &BuildContext<'_>) -> Result<DataFrame> {
    let path = node.path().to_owned();
    if matches!(node, Node::Group(_)) {
        return match context.build(node)? {
            Element::Frame(frame) => Ok(frame),
            other => {
                Err(Error::invalid_data(format!("{} stands where a frame should be", other.kind_name())).at(&path))
            }
        };
    }
    records_to_frame(&with_text(&node.into_tensor()?)?).map_err(|error| error.at(&path))
}

fn records_to_frame(records: &Tensor) -> Result<DataFrame> {
    let mut fields = records.fields()?;
    let Some((name, index)) = fields.next() else {
        return Err(Error::invalid_data("records without fields are not a frame"));
    };
    let mut frame = DataFrame::with_index(Column::plain(index)?).with_index_name(Some(name.to_owned()));
    for (name, values) in fields {
        frame.insert(name, Column::plain(values)?)?;
    }
    Ok(frame)
}

/// The mapping of `obsm`, `varm` or another slot, of any version; empty where it is missing.
pub(super) fn mapping(node: Option<Node>, context: &BuildContext<'_>) -> Result<Mapping> {
    let Some(node) = node else { return Ok(Mapping::new()) };
    let path = node.path().to_owned();
    if let Node::Array(array) = &node
        && matches!(array.spec.dtype, DType::Compound(_))
    {
        let records = node.into_tensor()?;
        return Ok(records.fields()?.map(|(name, field)| (name.to_owned(), field.clone().into())).collect());
    }
    match context.build(node)? {
        Element::Mapping(mapping) => Ok(mapping),
        Element::Null => Ok(Mapping::new()),
        other => Err(Error::invalid_data(format!("{} stands where a mapping should be", other.kind_name())).at(&path)),
    }
}

/// The arrays of a slot, of any version. Groups within that say nothing are parts of the keys of what they hold.
pub(super) fn arrays(node: Option<Node>, context: &BuildContext<'_>) -> Result<Mapping> {
    let node = node.map(|node| match node {
        Node::Group(group) => Node::Group(with_whole_keys(group, context.registry().repairs())),
        array @ Node::Array(_) => array,
    });
    mapping(node, context)
}

fn with_whole_keys(mut slot: GroupNode, repair: bool) -> GroupNode {
    let children = std::mem::take(&mut slot.children);
    let taken = children.keys().cloned().collect();
    let mut keys = WholeKeys { repair, taken, found: IndexMap::with_capacity(children.len()) };
    for (key, child) in children {
        keys.collect(key, child);
    }
    GroupNode { children: keys.found, ..slot }
}

struct WholeKeys {
    /// Whether parts are joined by something else than `/`, with which a key cannot be written.
    repair: bool,
    /// Keys without a `/`.
    taken: HashSet<String>,
    found: IndexMap<String, Node>,
}

impl WholeKeys {
    fn collect(&mut self, key: String, node: Node) {
        match node {
            Node::Group(group) if group.attributes.is_empty() && !group.children.is_empty() => {
                for (name, child) in group.children {
                    let key = self.join(&key, &name);
                    if self.repair {
                        tracing::warn!(path = child.path(), key, "a key with '/' was repaired");
                    }
                    self.collect(key, child);
                }
            }
            node => drop(self.found.insert(key, node)),
        }
    }

    fn join(&self, key: &str, name: &str) -> String {
        if !self.repair {
            return format!("{key}/{name}");
        }
        let mut key = format!("{key}_{name}");
        while self.taken.contains(&key) || self.found.contains_key(&key) {
            key.push('_');
        }
        key
    }
}

/// Turns integer columns whose categories are in `uns` into categorical ones, and removes the categories from `uns`.
pub(super) fn categories_from_uns(uns: &mut Mapping, frames: [&mut DataFrame; 2]) -> Result<()> {
    let mut used = Vec::new();
    for (key, element) in &*uns {
        let (Some(name), Element::Tensor(categories)) = (key.strip_suffix("_categories"), element) else { continue };
        // A single category was written as a scalar.
        let categories = categories.clone().reshape([categories.len()])?;
        // Records, and values that repeat, are categories of nothing.
        let Ok(column) = Column::plain(&categories) else { continue };
        if Seen::default().first_repeated(&categories)?.is_none() {
            used.push((key.clone(), name.to_owned(), column));
        }
    }
    let mut frames = frames;
    for (key, name, categories) in used {
        for frame in &mut frames {
            let Some(Series::Loaded(column)) = frame.columns().find_map(|(n, series)| (n == name).then_some(series))
            else {
                continue;
            };
            // A column whose values are not codes of these categories is not theirs.
            let Ok(codes) = column.to_tensor() else { continue };
            if let Ok(categorical) = Column::categorical(&codes, &categories, false) {
                frame.insert(&name, categorical)?;
                uns.shift_remove(&key);
            }
        }
    }
    Ok(())
}

/// Moves the neighbour graphs from `uns` to where they belong.
pub(super) fn move_neighbors(uns: &mut Mapping, obsp: &mut Mapping, n_obs: Option<usize>) -> Result<()> {
    let Some(Element::Mapping(neighbors)) = uns.get_mut("neighbors") else { return Ok(()) };
    for key in ["distances", "connectivities"] {
        let Some(graph) = neighbors.get(key) else { continue };
        let square = match graph.shape()?.as_deref() {
            Some(&[rows, columns]) => rows == columns && Some(rows) == n_obs,
            _ => false,
        };
        if square
            && !obsp.contains_key(key)
            && let Some(graph) = neighbors.shift_remove(key)
        {
            obsp.insert(key.to_owned(), graph);
        }
    }
    Ok(())
}
