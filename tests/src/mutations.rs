//! Mutations of the metadata of a stored object: for every element, each attribute dropped, retyped and reshaped, each
//! member removed, renamed, added, retyped and reshaped, and every other encoding in the place of its own.

use std::fmt;

use anndata::encoding::Registry;
use anndata::node::{ArrayNode, GroupNode, Node, encoding_attributes};
use anndata::{Attribute, DType, Result, Tensor};

/// One change to one element of a tree.
#[derive(Debug, Clone)]
pub struct Mutation {
    /// The element, relative to the root of the tree.
    path: String,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    DropAttribute(String),
    SetAttribute(String, Attribute),
    Encode(String, String),
    Remove,
    Rename(String),
    Add(&'static str, Node),
    Replace(Node),
    Retype(DType),
    Reshape(Shape),
}

/// What becomes of the shape of an array.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// One dimension more, in front.
    Deeper,
    /// One dimension more, at the end.
    Wider,
    /// No dimension; of several values the first.
    None,
    /// Without the last row.
    Shorter,
    /// The last row twice.
    Longer,
    /// Without rows.
    Empty,
    /// No value at all.
    Null,
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, change } = self;
        match change {
            Change::DropAttribute(name) => write!(f, "/{path}: without attribute {name}"),
            Change::SetAttribute(name, Attribute::Tensor(value)) => {
                let text = value.to_strings().ok().or_else(|| value.cast(&DType::String).ok()?.to_strings().ok());
                write!(f, "/{path}: attribute {name} is {} {:?} {text:?}", value.dtype(), value.shape())
            }
            Change::SetAttribute(name, value) => write!(f, "/{path}: attribute {name} is {value:?}"),
            Change::Encode(name, version) => write!(f, "/{path}: encoded as '{name}' {version}"),
            Change::Remove => write!(f, "/{path}: removed"),
            Change::Rename(name) => write!(f, "/{path}: renamed to {name}"),
            Change::Add(name, _) => write!(f, "/{path}: with {name}"),
            Change::Replace(Node::Group(_)) => write!(f, "/{path}: a mapping"),
            Change::Replace(Node::Array(_)) => write!(f, "/{path}: a number"),
            Change::Retype(dtype) => write!(f, "/{path}: of {dtype}"),
            Change::Reshape(shape) => write!(f, "/{path}: reshaped, {shape:?}"),
        }
    }
}

impl Mutation {
    /// The tree with the change; `None` if it would be no change.
    ///
    /// # Errors
    /// If the tree is not the one that the mutation was made for.
    pub fn apply(&self, tree: &Node) -> Result<Option<Node>> {
        let mut changed = tree.clone();
        let (parent, key) = self.path.rsplit_once('/').unwrap_or(("", &self.path));
        let done = match &self.change {
            Change::Remove => group_at(&mut changed, parent)?.children.shift_remove(key).is_some(),
            Change::Rename(name) => {
                let group = group_at(&mut changed, parent)?;
                let renamed = group.children.contains_key(name);
                match group.children.shift_remove(key) {
                    Some(child) if !renamed => group.children.insert(name.clone(), child).is_none(),
                    _ => false,
                }
            }
            Change::Add(name, node) => {
                group_at(&mut changed, &self.path)?.children.insert((*name).to_owned(), node.clone()).is_none()
            }
            change => {
                let node = node_at(&mut changed, &self.path)?;
                let before = node.clone();
                change.make(node)?;
                *node != before
            }
        };
        Ok(done.then_some(changed))
    }
}

impl Change {
    fn make(&self, node: &mut Node) -> Result<()> {
        match self {
            Self::DropAttribute(name) => drop(node.attributes_mut().shift_remove(name)),
            Self::SetAttribute(name, value) => drop(node.attributes_mut().insert(name.clone(), value.clone())),
            Self::Encode(name, version) => node.attributes_mut().extend(encoding_attributes(name, version)),
            Self::Replace(other) => *node = other.clone(),
            Self::Retype(dtype) => change_values(node, |values| retyped(values, dtype).map(Some))?,
            Self::Reshape(shape) => change_values(node, |values| reshaped(values, *shape))?,
            Self::Remove | Self::Rename(_) | Self::Add(..) => {}
        }
        Ok(())
    }
}

fn node_at<'n>(tree: &'n mut Node, path: &str) -> Result<&'n mut Node> {
    let mut node = tree;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        node = match node {
            Node::Group(group) => group.children.get_mut(name),
            Node::Array(_) => None,
        }
        .ok_or_else(|| anndata::Error::not_found(format!("no '{name}'")).at(path))?;
    }
    Ok(node)
}

fn group_at<'n>(tree: &'n mut Node, path: &str) -> Result<&'n mut GroupNode> {
    match node_at(tree, path)? {
        Node::Group(group) => Ok(group),
        Node::Array(_) => Err(anndata::Error::invalid_input("no group").at(path)),
    }
}

/// Puts other values in the place of those of an array; `None` is none at all.
fn change_values(node: &mut Node, change: impl FnOnce(&Tensor) -> Result<Option<Tensor>>) -> Result<()> {
    let Node::Array(array) = node else { return Ok(()) };
    let Ok(values) = Node::Array(array.clone()).into_tensor() else { return Ok(()) };
    let attributes = array.attributes.clone();
    *array = match change(&values)? {
        Some(values) => ArrayNode::plain(&array.path, values),
        None => ArrayNode {
            path: array.path.clone(),
            attributes: attributes.clone(),
            spec: anndata::ArraySpec::null(values.dtype().clone()),
            source: anndata::node::Source::Empty,
        },
    };
    array.attributes = attributes;
    Ok(())
}

/// The values in another dtype, where they can be; others of it in the same shape.
fn retyped(values: &Tensor, dtype: &DType) -> Result<Tensor> {
    match dtype {
        DType::String => Tensor::from_strings(values.shape(), (0..values.len()).map(|i| format!("t{i}"))),
        DType::Compound(_) => {
            let zeros = Tensor::from_bytes(DType::I32, values.shape(), vec![0; values.len() * 4])?;
            let texts = Tensor::from_strings(values.shape(), (0..values.len()).map(|i| format!("t{i}")))?;
            Tensor::from_fields(values.shape(), vec![("number", zeros), ("text", texts)])
        }
        dtype => match values.cast(dtype) {
            Ok(cast) => Ok(cast),
            Err(_) => {
                Tensor::from_bytes(dtype.clone(), values.shape(), vec![0; values.len() * dtype.size().unwrap_or(1)])
            }
        },
    }
}

fn reshaped(values: &Tensor, shape: Shape) -> Result<Option<Tensor>> {
    let lengths = values.shape().to_vec();
    let rows = lengths.first().copied().unwrap_or(0);
    let positions =
        |count: usize| (0..count as u64).map(|row| row.min((rows as u64).saturating_sub(1))).collect::<Vec<_>>();
    Ok(Some(match shape {
        Shape::Null => return Ok(None),
        Shape::Deeper => values.clone().reshape([vec![1], lengths].concat())?,
        Shape::Wider => values.clone().reshape([lengths, vec![1]].concat())?,
        Shape::None if values.is_empty() || values.ndim() == 0 => values.clone(),
        Shape::None => values.get_scalar(&vec![0; values.ndim()])?,
        Shape::Shorter | Shape::Longer | Shape::Empty if values.ndim() == 0 || rows == 0 => values.clone(),
        Shape::Shorter => values.take(0, &positions(rows - 1))?,
        Shape::Longer => values.take(0, &positions(rows + 1))?,
        Shape::Empty => values.take(0, &[])?,
    }))
}

// ------------------------------------------------------------------ all of them

/// All mutations of a tree whose values are in memory, in the order of its elements.
///
/// # Errors
/// If a value to put in cannot be made.
pub fn mutations(tree: &Node) -> Result<Vec<Mutation>> {
    let mut found = Vec::new();
    collect(tree, "", &mut found)?;
    Ok(found)
}

fn collect(node: &Node, path: &str, found: &mut Vec<Mutation>) -> Result<()> {
    let mut changes = Vec::new();
    attribute_changes(node, &mut changes)?;
    encoding_changes(node, &mut changes);
    if !path.is_empty() {
        let name = path.rsplit('/').next().unwrap_or_default();
        changes.extend([Change::Remove, Change::Rename(format!("{name}-renamed")), Change::Rename("raw.X".to_owned())]);
        let number = ArrayNode::encoded(node.path(), "numeric-scalar", "0.2.0", Tensor::scalar(1_i64));
        changes.extend([
            Change::Replace(Node::Array(number)),
            Change::Replace(Node::Group(GroupNode::encoded(node.path(), "dict", "0.1.0"))),
        ]);
    }
    match node {
        Node::Group(group) => {
            let values = Tensor::from_vec([2], vec![1_i64, 2])?;
            let at = |name: &str| format!("{}/{name}", group.path).trim_matches('/').to_owned();
            changes.extend([
                Change::Add("added", Node::Array(ArrayNode::encoded(&at("added"), "array", "0.2.0", values.clone()))),
                Change::Add("added-bare", Node::Array(ArrayNode::plain(&at("added-bare"), values))),
                Change::Add("added-group", Node::Group(GroupNode::encoded(&at("added-group"), "dict", "0.1.0"))),
            ]);
        }
        Node::Array(_) => array_changes(&mut changes),
    }
    found.extend(changes.into_iter().map(|change| Mutation { path: path.to_owned(), change }));
    if let Node::Group(group) = node {
        for (key, child) in &group.children {
            let path = if path.is_empty() { key.clone() } else { format!("{path}/{key}") };
            collect(child, &path, found)?;
        }
    }
    Ok(())
}

/// Each attribute that is there, and those that name an encoding, without its value and with others.
fn attribute_changes(node: &Node, changes: &mut Vec<Change>) -> Result<()> {
    let mut names: Vec<&str> = node.attributes().keys().map(String::as_str).collect();
    for name in ["encoding-type", "encoding-version"] {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        let mut values = vec![
            Tensor::string("junk"),
            Tensor::string(""),
            Tensor::scalar(7_i64),
            Tensor::scalar(-1_i64),
            Tensor::scalar(1.0_f64),
            Tensor::scalar(true),
            Tensor::from_strings([2], ["a", "b"])?,
            Tensor::from_vec([3], vec![1_i64, 2, 3])?,
            Tensor::from_vec([0], Vec::<f64>::new())?,
        ];
        if let Some(Attribute::Tensor(value)) = node.attributes().get(name) {
            changes.push(Change::DropAttribute(name.to_owned()));
            let shape = [vec![1], value.shape().to_vec()].concat();
            values.push(value.clone().reshape(shape)?);
            if value.len() == 1 {
                values.push(value.clone().reshape([])?);
            }
            if value.ndim() == 1 {
                let backwards: Vec<u64> = (0..value.len() as u64).rev().collect();
                values.push(value.take(0, &backwards)?);
            }
        }
        changes.extend(values.into_iter().map(|value| Change::SetAttribute(name.to_owned(), Attribute::Tensor(value))));
    }
    Ok(())
}

/// Every encoding in every version, none, and versions that nobody knows.
fn encoding_changes(node: &Node, changes: &mut Vec<Change>) {
    for encoding in Registry::default().encodings() {
        let versions = encoding.versions().iter().map(|version| (encoding.name().to_owned(), (*version).to_owned()));
        changes.extend(versions.map(|(name, version)| Change::Encode(name, version)));
    }
    let own = node.text_attribute("encoding-type").ok().flatten().unwrap_or_default();
    for (name, version) in [("", ""), ("unknown", "0.1.0"), (&own, "9.9.9"), (&own, "0.1.0")] {
        changes.push(Change::Encode(name.to_owned(), version.to_owned()));
    }
}

fn array_changes(changes: &mut Vec<Change>) {
    let dtypes = [
        DType::Bool,
        DType::I8,
        DType::I32,
        DType::I64,
        DType::U8,
        DType::U64,
        DType::F16,
        DType::F64,
        DType::Complex64,
        DType::String,
        DType::FixedBytes(3),
        DType::FixedUtf8(3),
        DType::Compound([].into()),
    ];
    changes.extend(dtypes.map(Change::Retype));
    let shapes = [Shape::Deeper, Shape::Wider, Shape::None, Shape::Shorter, Shape::Longer, Shape::Empty, Shape::Null];
    changes.extend(shapes.map(Change::Reshape));
}
