//! A tree in words and numbers: encodings, dtypes, shapes, chunks, codecs and sizes.

use std::fmt;

use anndata_storage::{Result, escaped, file_name};
use serde_json::{Map, Value, json};

use crate::encoding::Registry;
use crate::node::{ArrayNode, Node, Source};

/// What an element of a tree is, from metadata alone. Made by [`Description::of`].
///
/// It prints as a tree, one element per line.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[doc(alias = "IOSpec")]
pub struct Description {
    /// The path; the root is empty.
    pub path: String,
    /// The `encoding-type`, if there is one.
    pub encoding_type: Option<String>,
    /// The `encoding-version`, if there is one.
    pub encoding_version: Option<String>,
    /// The dtype of an array, as numpy names it; `None` for a group.
    pub dtype: Option<String>,
    /// The length of each axis of an array, or of an element that is stored as a group and has axes.
    pub shape: Option<Vec<u64>>,
    /// The shape of a chunk, where values are in chunks.
    pub chunks: Option<Vec<u64>>,
    /// The shape of a shard, where chunks are in shards.
    pub shards: Option<Vec<u64>>,
    /// The codecs, in the order in which they are applied when writing.
    pub codecs: Vec<String>,
    /// The bytes in the store, of an array or of all arrays below a group, if known.
    pub stored_bytes: Option<u64>,
    /// The bytes that the values take in memory, if known without reading them.
    pub bytes: Option<u64>,
    /// Why the element could not be opened, where it could not; nothing else is known of it then.
    pub unreadable: Option<String>,
    /// What is below.
    pub children: Vec<Description>,
}

impl Description {
    /// What the element of a tree and all below it are.
    ///
    /// # Errors
    /// If metadata are malformed.
    pub fn of(node: &Node, registry: &Registry) -> Result<Self> {
        let mut description = Self {
            path: node.path().to_owned(),
            encoding_type: node.text_attribute("encoding-type")?,
            encoding_version: node.text_attribute("encoding-version")?,
            dtype: None,
            shape: None,
            chunks: None,
            shards: None,
            codecs: Vec::new(),
            stored_bytes: None,
            bytes: None,
            unreadable: None,
            children: Vec::new(),
        };
        match node {
            Node::Array(ArrayNode { source: Source::Unreadable(reason), .. }) => {
                description.unreadable = Some(reason.message().to_owned());
            }
            Node::Group(group) => {
                // What is malformed about it is reported when it is read or validated.
                let shape = registry.shape(node).ok().flatten();
                description.shape = shape.map(|shape| shape.into_iter().map(|len| len as u64).collect());
                let children = group.children.values().map(|child| Self::of(child, registry));
                description.children = children.collect::<Result<_>>()?;
                description.stored_bytes = total(&description.children, |child| child.stored_bytes);
                description.bytes = total(&description.children, |child| child.bytes);
            }
            Node::Array(array) => {
                description.dtype = Some(array.spec.dtype.to_string());
                description.shape = (!array.spec.null).then(|| array.spec.shape.clone());
                description.chunks.clone_from(&array.spec.chunks);
                description.shards.clone_from(&array.spec.shards);
                description.codecs = array.spec.codecs.iter().map(ToString::to_string).collect();
                let len = array.spec.len().map_err(|error| error.at(&array.path))?;
                description.bytes = array.spec.dtype.size().map(|size| len.saturating_mul(size as u64));
                description.stored_bytes = match &array.source {
                    Source::Stored(stored) => stored.stored_bytes()?,
                    Source::Tensor(tensor) => Some(tensor.nbytes() as u64),
                    Source::Empty | Source::Part(_) | Source::Blocks(_) | Source::Unreadable(_) => None,
                };
            }
        }
        Ok(description)
    }

    /// Returns the description for machines: one object per element, children under their names.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("path".into(), json!(self.path));
        if let Some(reason) = &self.unreadable {
            object.insert("kind".into(), json!("unreadable"));
            object.insert("reason".into(), json!(reason));
            return Value::Object(object);
        }
        object.insert("kind".into(), json!(if self.dtype.is_some() { "array" } else { "group" }));
        object.insert("encoding_type".into(), json!(self.encoding_type));
        object.insert("encoding_version".into(), json!(self.encoding_version));
        object.insert("shape".into(), json!(self.shape));
        if self.dtype.is_some() {
            object.insert("dtype".into(), json!(self.dtype));
            object.insert("chunks".into(), json!(self.chunks));
            object.insert("shards".into(), json!(self.shards));
            object.insert("codecs".into(), json!(self.codecs));
        }
        object.insert("stored_bytes".into(), json!(self.stored_bytes));
        if self.dtype.is_none() {
            let children = self.children.iter().map(|child| (file_name(&child.path).to_owned(), child.to_json()));
            object.insert("children".into(), Value::Object(children.collect()));
        }
        Value::Object(object)
    }

    /// What follows the name on the line of an element.
    fn details(&self) -> String {
        if let Some(reason) = &self.unreadable {
            return format!("cannot be opened: {}", reason.replace(char::is_control, " "));
        }
        let mut words = Vec::new();
        match (&self.encoding_type, &self.encoding_version) {
            (Some(name), Some(version)) => words.push(format!("{name} {version}")),
            (Some(name), None) => words.push(name.clone()),
            _ => {}
        }
        words.extend(self.dtype.clone());
        words.extend(self.shape.as_deref().map(lengths));
        words.extend(self.chunks.as_deref().map(|chunks| format!("chunks {}", lengths(chunks))));
        words.extend(self.shards.as_deref().map(|shards| format!("shards {}", lengths(shards))));
        if !self.codecs.is_empty() {
            words.push(self.codecs.join(" "));
        }
        words.extend(self.stored_bytes.filter(|_| self.dtype.is_some() || !self.children.is_empty()).map(size));
        words.join("  ")
    }

    fn lines<'a>(&'a self, name: &str, first: &str, rest: &str, lines: &mut Vec<(String, &'a Self)>) {
        lines.push((format!("{first}{}", escaped(name)), self));
        for (i, child) in self.children.iter().enumerate() {
            let last = i + 1 == self.children.len();
            let (branch, below) = if last { ("└── ", "    ") } else { ("├── ", "│   ") };
            let name = file_name(&child.path);
            child.lines(name, &format!("{rest}{branch}"), &format!("{rest}{below}"), lines);
        }
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = Vec::new();
        let name = if self.path.is_empty() { "/" } else { self.path.as_str() };
        self.lines(name, "", "", &mut lines);
        let width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (i, (name, element)) in lines.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            let details = escaped(element.details()).to_string();
            if details.is_empty() {
                f.write_str(name)?;
            } else {
                write!(f, "{name:width$}  {details}")?;
            }
        }
        Ok(())
    }
}

/// Lengths as Python shows a shape: `(700, 765)`, `(8,)`, `()`.
fn lengths(lengths: &[u64]) -> String {
    match lengths {
        [one] => format!("({one},)"),
        many => format!("({})", many.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// A number of bytes with a unit.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// The bytes of all, or of none if one does not know. What a damaged file declares may be more than can be counted.
fn total(children: &[Description], bytes: impl Fn(&Description) -> Option<u64>) -> Option<u64> {
    children.iter().map(bytes).try_fold(0_u64, |sum, bytes| Some(sum.saturating_add(bytes?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::GroupNode;
    use crate::{Codec, Tensor};

    #[test]
    fn sizes_beyond_all_numbers_are_cut() -> Result<()> {
        let mut group = GroupNode::encoded("", "dict", "0.1.0");
        for name in ["a", "b"] {
            let mut array = ArrayNode::plain(name, Tensor::from_vec([1], vec![0_u8])?);
            array.spec.shape = vec![u64::MAX];
            group.insert(name, Node::Array(array))?;
        }
        let description = Description::of(&Node::Group(group), &Registry::default())?;
        assert_eq!((description.bytes, description.stored_bytes), (Some(u64::MAX), Some(2)));
        Ok(())
    }

    #[test]
    fn a_tree_is_drawn_with_aligned_details() -> Result<()> {
        let mut root = GroupNode::encoded("", "anndata", "0.1.0");
        let mut data = ArrayNode::plain("X/data", Tensor::from_vec([300], vec![1.0_f64; 300])?);
        data.spec.chunks = Some(vec![100]);
        data.spec.codecs = vec![Codec::Shuffle, Codec::Zlib { level: 4 }];
        root.insert("X/data", Node::Array(data))?;
        let scalar = ArrayNode::encoded("a", "numeric-scalar", "0.2.0", Tensor::scalar(1_u8));
        root.insert("a", Node::Array(scalar))?;
        root.children.insert("uns".into(), Node::Group(GroupNode { path: "uns".into(), ..GroupNode::default() }));
        let description = Description::of(&Node::Group(root), &Registry::default())?;
        insta::assert_snapshot!(description, @"
        /             anndata 0.1.0  2.3 KiB
        ├── X         2.3 KiB
        │   └── data  float64  (300,)  chunks (100,)  shuffle zlib(4)  2.3 KiB
        ├── a         numeric-scalar 0.2.0  uint8  ()  1 B
        └── uns
        ");
        assert_eq!(description.to_json()["children"]["a"]["dtype"], "uint8");
        Ok(())
    }
}
