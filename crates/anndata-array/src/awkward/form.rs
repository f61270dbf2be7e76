//! [`Form`]: the type tree of an awkward array, without its values.

// Long file: the nodes of a form and the one parser that makes them.

use std::fmt;

use anndata_storage::{DType, Error, Result};
use serde_json::{Map, Value};

use super::node_error;

/// One node of the tree that describes how an awkward array is laid out.
///
/// Values are in buffers named `{form_key}-{attribute}`; [`FormKind`] says which attributes a node has.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// What the node is, and its children.
    pub kind: FormKind,
    /// Free-form parameters. `__array__` and `__record__` give a node a meaning: strings, categories, record names.
    pub parameters: Map<String, Value>,
    /// The name of the node in the names of its buffers; awkward writes `node0`, `node1`, ... in preorder.
    pub form_key: Option<String>,
}

/// The kinds of nodes. `len` is the length that the parent (or the array, for the root) asks for.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum FormKind {
    /// An array of unknown type and length 0. No buffers.
    Empty,
    /// A dense array of shape `len` x `inner_shape`. Buffer `data`, in C order.
    Numpy {
        /// The type of a value.
        primitive: Primitive,
        /// The length of each axis below the first.
        inner_shape: Vec<usize>,
    },
    /// Lists of any length, one after the other. Buffer `offsets` of `len + 1` positions in the content.
    ListOffset {
        /// The type of the offsets.
        offsets: IndexType,
        /// The items.
        content: Box<Form>,
    },
    /// Lists of any length, anywhere in the content. Buffers `starts` and `stops`, `len` each.
    List {
        /// The type of starts and stops.
        starts: IndexType,
        /// The items.
        content: Box<Form>,
    },
    /// Lists of equal length. No buffers.
    Regular {
        /// The length of each list.
        size: usize,
        /// The items, `len * size` of them.
        content: Box<Form>,
    },
    /// Records. No buffers.
    Record {
        /// The names of the fields; `None` for tuples.
        fields: Option<Vec<String>>,
        /// The fields, `len` values each.
        contents: Vec<Form>,
    },
    /// Values picked from the content. Buffer `index`. Categories are picked this way.
    Indexed {
        /// The type of the index.
        index: IndexType,
        /// What is picked from.
        content: Box<Form>,
    },
    /// Values picked from the content, or missing. Buffer `index`, negative where missing.
    IndexedOption {
        /// The type of the index: a signed one.
        index: IndexType,
        /// What is picked from.
        content: Box<Form>,
    },
    /// Values that may be missing. Buffer `mask`, one byte per value.
    ByteMasked {
        /// Whether a non-zero byte means that the value is there.
        valid_when: bool,
        /// The values, `len` of them, arbitrary where missing.
        content: Box<Form>,
    },
    /// Values that may be missing. Buffer `mask`, one bit per value.
    BitMasked {
        /// Whether a set bit means that the value is there.
        valid_when: bool,
        /// Whether the first value is in the least significant bit of the first byte.
        lsb_order: bool,
        /// The values, `len` of them, arbitrary where missing.
        content: Box<Form>,
    },
    /// Values that may be missing in principle, but are not. No buffers.
    Unmasked {
        /// The values.
        content: Box<Form>,
    },
    /// Values of several types. Buffers `tags` (which content) and `index` (where in it).
    Union {
        /// The type of the index.
        index: IndexType,
        /// The types.
        contents: Vec<Form>,
    },
}

/// The types that positions are stored in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexType {
    /// `i32`.
    I32,
    /// `u32`.
    U32,
    /// `i64`.
    I64,
}

/// The types of values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Primitive {
    /// A boolean or number.
    Number(DType),
    /// A time, as a signed 64-bit count of units since 1970; the smallest integer is "not a time".
    Datetime(TimeUnit),
    /// A duration, as a signed 64-bit count of units; the smallest integer is "not a time".
    Timedelta(TimeUnit),
}

/// The unit of times and durations, such as `us` or `15us`; empty where a file names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeUnit(pub(super) String);

impl Form {
    /// The name of the kind in JSON, such as `ListOffsetArray`.
    pub fn class(&self) -> &'static str {
        match self.kind {
            FormKind::Empty => "EmptyArray",
            FormKind::Numpy { .. } => "NumpyArray",
            FormKind::ListOffset { .. } => "ListOffsetArray",
            FormKind::List { .. } => "ListArray",
            FormKind::Regular { .. } => "RegularArray",
            FormKind::Record { .. } => "RecordArray",
            FormKind::Indexed { .. } => "IndexedArray",
            FormKind::IndexedOption { .. } => "IndexedOptionArray",
            FormKind::ByteMasked { .. } => "ByteMaskedArray",
            FormKind::BitMasked { .. } => "BitMaskedArray",
            FormKind::Unmasked { .. } => "UnmaskedArray",
            FormKind::Union { .. } => "UnionArray",
        }
    }

    /// The children, in order.
    pub fn contents(&self) -> &[Form] {
        match &self.kind {
            FormKind::Empty | FormKind::Numpy { .. } => &[],
            FormKind::Record { contents, .. } | FormKind::Union { contents, .. } => contents,
            FormKind::ListOffset { content, .. }
            | FormKind::List { content, .. }
            | FormKind::Regular { content, .. }
            | FormKind::Indexed { content, .. }
            | FormKind::IndexedOption { content, .. }
            | FormKind::ByteMasked { content, .. }
            | FormKind::BitMasked { content, .. }
            | FormKind::Unmasked { content } => std::slice::from_ref(content),
        }
    }

    /// The parameter `__array__`: `string`, `bytestring`, `char`, `byte`, `categorical`, or one of a user's own.
    pub fn array_parameter(&self) -> Option<&str> {
        array_parameter(&self.parameters)
    }

    /// The parameter `__record__`: the name of a record type.
    pub fn record_name(&self) -> Option<&str> {
        self.parameters.get("__record__").and_then(Value::as_str)
    }

    /// Whether values may be missing.
    pub fn is_option(&self) -> bool {
        matches!(
            self.kind,
            FormKind::IndexedOption { .. }
                | FormKind::ByteMasked { .. }
                | FormKind::BitMasked { .. }
                | FormKind::Unmasked { .. }
        )
    }

    /// Whether the node picks from a list of categories.
    pub fn is_categorical(&self) -> bool {
        self.is_indexed() && self.array_parameter() == Some("categorical")
    }

    fn is_indexed(&self) -> bool {
        matches!(self.kind, FormKind::Indexed { .. } | FormKind::IndexedOption { .. })
    }

    fn is_union(&self) -> bool {
        matches!(self.kind, FormKind::Union { .. })
    }

    /// The name of a buffer of this node.
    pub fn buffer_name(&self, attribute: &str) -> String {
        format!("{}-{attribute}", self.form_key.as_deref().unwrap_or("None"))
    }

    /// The length of the axis that lies `below` axes (at least one) below the first axis of the node.
    pub(super) fn axis_len(&self, below: usize) -> Result<Option<usize>> {
        let too_deep = || Error::invalid_input(format!("an awkward {} has no further axis", self.class()));
        let text = matches!(self.array_parameter(), Some("string" | "bytestring"));
        match &self.kind {
            FormKind::Numpy { inner_shape, .. } => {
                inner_shape.get(below.saturating_sub(1)).copied().map(Some).ok_or_else(too_deep)
            }
            FormKind::ListOffset { .. } | FormKind::List { .. } | FormKind::Regular { .. } if text => Err(too_deep()),
            FormKind::ListOffset { .. } | FormKind::List { .. } if below == 1 => Ok(None),
            FormKind::Regular { size, .. } if below == 1 => Ok(Some(*size)),
            FormKind::ListOffset { content, .. }
            | FormKind::List { content, .. }
            | FormKind::Regular { content, .. } => content.axis_len(below - 1),
            FormKind::Record { contents, .. } if below == 1 => Ok(Some(contents.len())),
            FormKind::Record { .. } => Err(Error::invalid_input("the axis is below the records of an awkward array")),
            _ => {
                let mut first = None;
                for content in self.contents() {
                    let length = content.axis_len(below)?;
                    if *first.get_or_insert(length) != length {
                        return Ok(None);
                    }
                }
                first.ok_or_else(too_deep)
            }
        }
    }

    /// Checks this node against awkward's rules of which node may be where. Children are checked already.
    pub(super) fn check(&self) -> Result<()> {
        match &self.kind {
            FormKind::Empty if !self.parameters.is_empty() => {
                Err(node_error(self, "an array of unknown type has no parameters"))
            }
            FormKind::ListOffset { content, .. }
            | FormKind::List { content, .. }
            | FormKind::Regular { content, .. } => self.check_string(content),
            FormKind::Record { fields, contents } => self.check_fields(fields.as_deref(), contents),
            FormKind::IndexedOption { index: IndexType::U32, .. } => {
                Err(node_error(self, "an index with missing values must be signed, not u32"))
            }
            FormKind::Union { contents, .. } => self.check_union(contents),
            _ if self.is_indexed() || self.is_option() => {
                let content = self.contents().first();
                match content.filter(|content| {
                    content.is_option() || content.is_indexed() || (content.is_union() && !self.is_categorical())
                }) {
                    Some(content) => {
                        Err(node_error(self, &format!("it cannot hold a node of class {}", content.class())))
                    }
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    /// Strings are lists of `uint8` that say so themselves.
    fn check_string(&self, content: &Form) -> Result<()> {
        let item = match self.array_parameter() {
            Some("string") => "char",
            Some("bytestring") => "byte",
            _ => return Ok(()),
        };
        let bytes = matches!(&content.kind, FormKind::Numpy { primitive: Primitive::Number(DType::U8), inner_shape }
            if inner_shape.is_empty());
        if bytes && content.array_parameter() == Some(item) {
            return Ok(());
        }
        Err(node_error(self, &format!("strings must hold a NumpyArray of uint8 with the parameter {item:?}")))
    }

    fn check_fields(&self, fields: Option<&[String]>, contents: &[Form]) -> Result<()> {
        let Some(fields) = fields else { return Ok(()) };
        if fields.len() != contents.len() {
            let message = format!("{} fields are named, but there are {}", fields.len(), contents.len());
            return Err(node_error(self, &message));
        }
        let mut sorted: Vec<&String> = fields.iter().collect();
        sorted.sort_unstable();
        match sorted.windows(2).find_map(|pair| if let [a, b] = pair { (a == b).then_some(a) } else { None }) {
            Some(name) => Err(node_error(self, &format!("the field {name:?} is named twice"))),
            None => Ok(()),
        }
    }

    fn check_union(&self, contents: &[Form]) -> Result<()> {
        if !(2..=128).contains(&contents.len()) {
            return Err(node_error(self, &format!("a union has 2 to 128 contents, not {}", contents.len())));
        }
        if let Some(content) = contents.iter().find(|content| {
            content.is_union() || (content.is_indexed() && !content.is_option() && !content.is_categorical())
        }) {
            return Err(node_error(self, &format!("it cannot hold a node of class {}", content.class())));
        }
        let options = contents.iter().filter(|content| content.is_option()).count();
        if options != 0 && options != contents.len() {
            return Err(node_error(self, "all contents of a union may be missing, or none"));
        }
        Ok(())
    }
}

/// The parameter `__array__` of a node.
pub(super) fn array_parameter(parameters: &Map<String, Value>) -> Option<&str> {
    parameters.get("__array__").and_then(Value::as_str)
}

impl IndexType {
    /// The dtype of positions of this type.
    pub fn dtype(self) -> DType {
        match self {
            Self::I32 => DType::I32,
            Self::U32 => DType::U32,
            Self::I64 => DType::I64,
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "i32" => Self::I32,
            "u32" => Self::U32,
            "i64" => Self::I64,
            _ => return None,
        })
    }
}

/// awkward's names: `i32`, `u32`, `i64`.
impl fmt::Display for IndexType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::U32 => "u32",
            Self::I64 => "i64",
        })
    }
}

impl Primitive {
    /// The dtype that values are stored in; times and durations are 64-bit integers.
    pub fn dtype(&self) -> DType {
        match self {
            Self::Number(dtype) => dtype.clone(),
            Self::Datetime(_) | Self::Timedelta(_) => DType::I64,
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        if let Some(unit) = name.strip_prefix("datetime64") {
            return TimeUnit::parse(unit).map(Self::Datetime);
        }
        if let Some(unit) = name.strip_prefix("timedelta64") {
            return TimeUnit::parse(unit).map(Self::Timedelta);
        }
        Some(Self::Number(match name {
            "bool" => DType::Bool,
            "int8" => DType::I8,
            "int16" => DType::I16,
            "int32" => DType::I32,
            "int64" => DType::I64,
            "uint8" => DType::U8,
            "uint16" => DType::U16,
            "uint32" => DType::U32,
            "uint64" => DType::U64,
            "float16" => DType::F16,
            "float32" => DType::F32,
            "float64" => DType::F64,
            "complex64" => DType::Complex64,
            "complex128" => DType::Complex128,
            _ => return None,
        }))
    }
}

/// numpy's names: `float32`, `datetime64[us]`.
impl fmt::Display for Primitive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(dtype) => dtype.fmt(f),
            Self::Datetime(unit) => write!(f, "datetime64{unit}"),
            Self::Timedelta(unit) => write!(f, "timedelta64{unit}"),
        }
    }
}

impl TimeUnit {
    /// The unit as text: `us`, `15us`; empty for none.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads `[us]`, `[15us]`, or nothing.
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(String::new()));
        }
        let inner = text.strip_prefix('[')?.strip_suffix(']')?.trim();
        let unit = inner.trim_start_matches(|c: char| c.is_ascii_digit());
        let known = ["Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"].contains(&unit);
        known.then(|| Self(inner.to_owned()))
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "[{}]", self.0) }
    }
}
