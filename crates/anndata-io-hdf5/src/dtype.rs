//! Datatypes of the file and dtypes of tensors, both ways.
//!
//! A stored type becomes a [`DType`] and a [`Node`], which says where in the bytes of an element the values are. Types
//! that anndata has no name for become [`DType::Opaque`], whose values are the stored bytes, those of a list, or what a
//! reference is to. What means nothing outside the file in any of these ways is [`DType::Unknown`] with a description;
//! opening never fails for it.

pub(crate) mod build;
mod description;
pub(crate) mod source;

use std::sync::Arc;

use anndata_storage::{DType, Error, Field, OpaqueType};

pub(crate) use description::{
    Class, DOUBLE, FloatFields, HALF, LIST, Member, Order, Padding, REFERENCE, SINGLE, Target, TypeDescription,
};

/// The type of a dataset or attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) dtype: DType,
    pub(crate) node: Node,
}

/// How the bytes of one element make up its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A value of fixed size, the same in the file and in memory.
    Plain { size: usize, fix: Fix },
    /// Text of any length: a reference into the global heap in the file, a pointer in memory.
    Text,
    /// Lists of any length of items of so many bytes: a reference into the global heap in the file, length and pointer in
    /// memory.
    List { item: usize },
    /// References to objects or regions of the file.
    Target(Target),
    /// Named fields with offsets of their own.
    Record { size: ByteCount, fields: Vec<Part> },
    /// Of a type that is not known.
    Unknown,
}

/// A number of bytes in the file and in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ByteCount {
    pub(crate) file: usize,
    pub(crate) memory: usize,
}

/// One field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) offset: ByteCount,
    /// The number of elements of the field in one record.
    pub(crate) count: usize,
    pub(crate) node: Node,
}

/// What has to be done to stored bytes to make them those of a tensor. It is done in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fix {
    None,
    /// Turn around every group of so many bytes.
    Swap(usize),
    /// Clear what follows the first NUL of each text.
    Terminate,
    /// Clear trailing spaces of each text.
    Strip,
}

impl Stored {
    /// What a description says.
    pub(crate) fn of<T: TypeDescription>(described: &T) -> Self {
        let (dtype, node) = parse(described).unwrap_or_else(|what| (DType::Unknown(what.into()), Node::Unknown));
        let agrees = node == Node::Unknown || size_of_node::<T>(&node) == described.size();
        if agrees {
            return Self { dtype, node };
        }
        let what = format!("{dtype} in {} bytes", described.size());
        Self { dtype: DType::Unknown(what.into()), node: Node::Unknown }
    }
}

/// The bytes of one element, where the description counts them.
fn size_of_node<T: TypeDescription>(node: &Node) -> usize {
    let size = node.size();
    if T::IN_FILE { size.file } else { size.memory }
}

impl Node {
    /// The bytes of one element.
    pub(crate) fn size(&self) -> ByteCount {
        match self {
            Self::Plain { size, .. } => ByteCount { file: *size, memory: *size },
            Self::Text => ByteCount { file: REFERENCE, memory: size_of::<usize>() },
            Self::List { .. } => ByteCount { file: REFERENCE, memory: LIST },
            Self::Target(kind) => ByteCount { file: kind.size(), memory: kind.size() },
            Self::Record { size, .. } => *size,
            Self::Unknown => ByteCount { file: 0, memory: 0 },
        }
    }

    /// Whether text or lists of any length are in it.
    #[cfg_attr(not(feature = "write"), expect(dead_code, reason = "files are only read"))]
    pub(crate) fn has_text(&self) -> bool {
        self.has(|node| matches!(node, Self::Text | Self::List { .. }))
    }

    /// Whether lists of any length are in it.
    pub(crate) fn has_lists(&self) -> bool {
        self.has(|node| matches!(node, Self::List { .. }))
    }

    /// Whether references to objects or regions are in it.
    pub(crate) fn has_targets(&self) -> bool {
        self.has(|node| matches!(node, Self::Target(_)))
    }

    /// Whether this is such a node, or one of its fields is.
    fn has(&self, is: fn(&Self) -> bool) -> bool {
        match self {
            Self::Record { fields, .. } => fields.iter().any(|field| field.node.has(is)),
            node => is(node),
        }
    }
}

impl Fix {
    /// Brings the stored bytes of values of `size` bytes each into the form of a tensor.
    pub(crate) fn apply(self, bytes: &mut [u8], size: usize) {
        match self {
            Self::None => {}
            Self::Swap(unit) => bytes.chunks_exact_mut(unit.max(1)).for_each(<[u8]>::reverse),
            Self::Terminate => bytes.chunks_exact_mut(size.max(1)).for_each(|text| {
                let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
                text.iter_mut().skip(end).for_each(|byte| *byte = 0);
            }),
            Self::Strip => bytes.chunks_exact_mut(size.max(1)).for_each(|text| {
                text.iter_mut().rev().take_while(|byte| **byte == b' ').for_each(|byte| *byte = 0);
            }),
        }
    }
}

/// A type with a name, or a description of one without.
type Parsed = Result<(DType, Node), String>;

/// The format of [`OpaqueType`]s.
pub(crate) const FORMAT: &str = "HDF5";

fn parse<T: TypeDescription>(id: &T) -> Parsed {
    known(id).or_else(|what| opaque(id, what)).or_else(|what| list(id, what)).or_else(|what| references(id, what))
}

/// Lists of any length of items whose bytes mean the same anywhere.
fn list<T: TypeDescription>(id: &T, what: String) -> Parsed {
    let Some(item) = id.plain_item() else { return Err(what) };
    let (key, encoded) = encode(id, &what)?;
    let items = known(&item).map_or_else(|what| what, |(dtype, _)| dtype.to_string());
    let dtype = DType::Opaque(OpaqueType::new(FORMAT, format!("lists of {items}"), key, encoded, None));
    Ok((dtype, Node::List { item: item.size() }))
}

/// What a type without a name is equal by, and how the library encodes it.
fn encode<T: TypeDescription>(id: &T, what: &str) -> Result<(Vec<u8>, Vec<u8>), String> {
    let encode = || Ok::<_, Error>((id.key()?, id.encode()?));
    encode().map_err(|error| format!("{what}: {error}"))
}

/// References to objects or regions.
fn references<T: TypeDescription>(id: &T, what: String) -> Parsed {
    let Ok(Class::Reference(kind)) = id.class() else { return Err(what) };
    let (key, encoded) = encode(id, &what)?;
    Ok((DType::Opaque(OpaqueType::references(FORMAT, what, key, encoded)), Node::Target(kind)))
}

/// A type whose values are bytes that mean the same anywhere.
fn opaque<T: TypeDescription>(id: &T, what: String) -> Parsed {
    if !id.is_plain() {
        return Err(what);
    }
    let size = id.size();
    let (key, encoded) = encode(id, &what)?;
    Ok((DType::Opaque(OpaqueType::new(FORMAT, what, key, encoded, Some(size))), Node::Plain { size, fix: Fix::None }))
}

fn known<T: TypeDescription>(id: &T) -> Parsed {
    let size = id.size();
    let class = id.class().map_err(|error| format!("unreadable: {error}"))?;
    match class {
        Class::Integer { signed, order } => plain(integer(signed, size)?, size, order, size),
        Class::Float { fields, order } => plain(float(fields, size)?, size, order, size),
        Class::Text { padding, utf8 } => {
            let dtype = if utf8 { DType::FixedUtf8(size) } else { DType::FixedBytes(size) };
            let fix = match padding {
                Padding::Terminated => Fix::Terminate,
                Padding::Nul => Fix::None,
                Padding::Space => Fix::Strip,
            };
            Ok((dtype, Node::Plain { size, fix }))
        }
        Class::VariableText => Ok((DType::String, Node::Text)),
        Class::Enum { base, members } => {
            let is_bool =
                size == 1 && matches!(members.as_slice(), [(no, 0), (yes, 1)] if no == "FALSE" && yes == "TRUE");
            if is_bool { Ok((DType::Bool, Node::Plain { size, fix: Fix::None })) } else { known(&base) }
        }
        Class::Complex { base } => complex(&known(&base)?.0, &base, size),
        Class::Compound(members) => compound(members, size),
        Class::Array { base, shape } => {
            let base = parse(&base).map_or_else(|what| what, |(dtype, _)| dtype.to_string());
            Err(format!("arrays of {base} of shape {shape:?}"))
        }
        Class::Reference(Target::Object) => Err("object reference".to_owned()),
        Class::Reference(Target::Region) => Err("region reference".to_owned()),
        Class::Other(what) => Err(format!("{what} of {size} bytes")),
    }
}

/// A type of plain numbers of `unit` bytes each.
fn plain(dtype: DType, size: usize, order: Order, unit: usize) -> Parsed {
    let fix = match order {
        _ if unit == 1 => Fix::None,
        Order::Little => Fix::None,
        Order::Big => Fix::Swap(unit),
        Order::Other => return Err(format!("{dtype} of an odd byte order")),
    };
    Ok((dtype, Node::Plain { size, fix }))
}

fn integer(signed: bool, size: usize) -> Result<DType, String> {
    Ok(match (signed, size) {
        (true, 1) => DType::I8,
        (true, 2) => DType::I16,
        (true, 4) => DType::I32,
        (true, 8) => DType::I64,
        (false, 1) => DType::U8,
        (false, 2) => DType::U16,
        (false, 4) => DType::U32,
        (false, 8) => DType::U64,
        _ => return Err(format!("integer of {size} bytes")),
    })
}

fn float(fields: FloatFields, size: usize) -> Result<DType, String> {
    match (size, fields) {
        (2, HALF) => Ok(DType::F16),
        (4, SINGLE) => Ok(DType::F32),
        (8, DOUBLE) => Ok(DType::F64),
        _ => Err(format!("float of {size} bytes that is not IEEE 754")),
    }
}

fn complex<T: TypeDescription>(part: &DType, base: &T, size: usize) -> Parsed {
    let unit = base.size();
    let dtype = match part {
        DType::F32 => DType::Complex64,
        DType::F64 => DType::Complex128,
        other => return Err(format!("complex of {other}")),
    };
    match base.class() {
        Ok(Class::Float { order, .. }) => plain(dtype, size, order, unit),
        _ => Err(format!("complex of {part}")),
    }
}

fn compound<T: TypeDescription>(members: Vec<Member<T>>, total: usize) -> Parsed {
    if let [real, imaginary] = members.as_slice()
        && (real.name.as_str(), imaginary.name.as_str(), real.offset) == ("r", "i", 0)
    {
        let (size, twin) = (real.datatype.size(), parse(&real.datatype)?);
        if imaginary.offset == size
            && total == 2 * size
            && matches!(twin.0, DType::F32 | DType::F64)
            && parse(&imaginary.datatype)? == twin
        {
            return complex(&twin.0, &real.datatype, total);
        }
    }
    let mut fields = Vec::with_capacity(members.len());
    let mut parts = Vec::with_capacity(members.len());
    for member in members {
        let (dtype, node, shape) = parse_member(&member.datatype).map_err(|what| format!("record with {what}"))?;
        let overflow = || "record with too large a field".to_owned();
        let count = shape.iter().try_fold(1_usize, |product, &len| product.checked_mul(len)).ok_or_else(overflow)?;
        count.checked_mul(node.size().memory.max(node.size().file)).ok_or_else(overflow)?;
        fields.push(Field { name: member.name.into(), dtype, shape });
        parts.push(Part { offset: ByteCount { file: member.offset, memory: member.offset }, count, node });
    }
    let size = lay_out(&mut parts, total, T::IN_FILE)?;
    let dtype = DType::Compound(Arc::from(fields));
    let node = if is_packed(&parts, size) {
        Node::Plain { size: size.file, fix: Fix::None }
    } else {
        Node::Record { size, fields: parts }
    };
    Ok((dtype, node))
}

fn parse_member<T: TypeDescription>(id: &T) -> Result<(DType, Node, Vec<usize>), String> {
    let unreadable = |error| format!("unreadable: {error}");
    match id.class().map_err(unreadable)? {
        Class::Array { base, shape } => {
            let (dtype, node, inner) = parse_member(&base)?;
            let mut axes = Vec::with_capacity(shape.len() + inner.len());
            for len in shape {
                axes.push(usize::try_from(len).map_err(|_| "an array that is too large".to_owned())?);
            }
            axes.extend(inner);
            Ok((dtype, node, axes))
        }
        _ => parse(id).map(|(dtype, node)| (dtype, node, Vec::new())),
    }
}

/// Checks where fields are, and finds where they are in the file.
///
/// The library says where they are in memory, where a text takes a pointer. In the file it takes a reference, and moves what
/// follows it.
fn lay_out(parts: &mut [Part], total: usize, in_file: bool) -> Result<ByteCount, String> {
    let mut order: Vec<&mut Part> = parts.iter_mut().collect();
    order.sort_by_key(|part| part.offset.memory);
    let (mut shift, mut end) = (0, 0);
    for part in order {
        let size = part.node.size();
        let told = if in_file { size.file } else { size.memory };
        if part.offset.memory < end {
            return Err("record with overlapping fields".to_owned());
        }
        end = part.offset.memory.saturating_add(part.count * told);
        part.offset.file = part.offset.memory + shift;
        shift += part.count * (size.file - told);
    }
    if end > total {
        return Err("record that is smaller than its fields".to_owned());
    }
    Ok(ByteCount { file: total + shift, memory: total })
}

/// Whether the bytes of a record are those of a packed record in memory.
fn is_packed(parts: &[Part], size: ByteCount) -> bool {
    let mut end = 0;
    parts.iter().all(|part| {
        let Node::Plain { size, fix: Fix::None } = part.node else { return false };
        let follows = part.offset.file == end;
        end += part.count * size;
        follows
    }) && end == size.file
}

#[cfg(test)]
mod tests;
