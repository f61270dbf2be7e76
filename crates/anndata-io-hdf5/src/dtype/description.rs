//! What a stored type is, as the HDF5 library or the reader of metadata says it.

use anndata_storage::Result;

/// A datatype, one level deep; what it is made of are others.
pub(crate) trait TypeDescription: Sized {
    /// Whether sizes and offsets are those in the file. If not, they are those in memory, where a text is a pointer.
    const IN_FILE: bool;

    /// Bytes of one element.
    fn size(&self) -> usize;

    /// What it is.
    fn class(&self) -> Result<Class<Self>>;

    /// Whether the bytes of a value mean the same in every file: no references, and no lists or texts of any length.
    fn is_plain(&self) -> bool;

    /// The type of the items of lists of variable length, where their bytes mean the same in every file.
    fn plain_item(&self) -> Option<Self>;

    /// What a type is, the same for all ways in which it may be encoded: that of numbers differs by a version, others by
    /// more, and are taken apart.
    fn key(&self) -> Result<Vec<u8>>;

    /// The type as the library encodes it, in the form of files.
    fn encode(&self) -> Result<Vec<u8>>;
}

/// What a datatype is, one level deep, in terms of others that are described by `T`.
#[derive(Debug)]
pub(crate) enum Class<T> {
    Integer { signed: bool, order: Order },
    Float { fields: FloatFields, order: Order },
    Text { padding: Padding, utf8: bool },
    VariableText,
    Enum { base: T, members: Vec<(String, i64)> },
    Compound(Vec<Member<T>>),
    Array { base: T, shape: Vec<u64> },
    Complex { base: T },
    Reference(Target),
    Other(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
    Other,
}

/// What fills a fixed-width text that is shorter than its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// Ends at the first NUL; what follows means nothing.
    Terminated,
    Nul,
    Space,
}

/// Positions and widths, in bits, of the parts of a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FloatFields {
    pub(crate) sign: usize,
    pub(crate) exponent: (usize, usize),
    pub(crate) mantissa: (usize, usize),
    pub(crate) bias: usize,
}

/// IEEE 754 half precision.
pub(crate) const HALF: FloatFields = FloatFields { sign: 15, exponent: (10, 5), mantissa: (0, 10), bias: 15 };
/// IEEE 754 single precision.
pub(crate) const SINGLE: FloatFields = FloatFields { sign: 31, exponent: (23, 8), mantissa: (0, 23), bias: 127 };
/// IEEE 754 double precision.
pub(crate) const DOUBLE: FloatFields = FloatFields { sign: 63, exponent: (52, 11), mantissa: (0, 52), bias: 1023 };

/// A field of a compound.
#[derive(Debug)]
pub(crate) struct Member<T> {
    pub(crate) name: String,
    pub(crate) offset: usize,
    pub(crate) datatype: T,
}

/// What a reference is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Object,
    Region,
}

impl Target {
    /// The bytes of a reference, in the file and in memory.
    pub(crate) fn size(self) -> usize {
        match self {
            Self::Object => 8,
            Self::Region => 12,
        }
    }
}

/// Bytes of a reference into the global heap, in files of the usual widths: length, address, index.
pub(crate) const REFERENCE: usize = 16;

/// Bytes of a list of variable length in the library's memory: its length and a pointer to its items.
pub(crate) const LIST: usize = 2 * size_of::<usize>();
