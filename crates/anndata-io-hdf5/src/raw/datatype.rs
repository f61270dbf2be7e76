//! Datatypes: what the library says of one, and making one.

// Long file: every call of the library that is about datatypes.

use std::ffi::{CStr, c_char};

use anndata_storage::{Error, OrBug as _, Result};
use hdf5_metno_sys::h5::H5free_memory;
use hdf5_metno_sys::h5t::{
    H5T_C_S1, H5T_IEEE_F32LE, H5T_IEEE_F64LE, H5T_STD_I8LE, H5T_STD_I16LE, H5T_STD_I32LE, H5T_STD_I64LE,
    H5T_STD_REF_DSETREG, H5T_STD_REF_OBJ, H5T_STD_U8LE, H5T_STD_U16LE, H5T_STD_U32LE, H5T_STD_U64LE, H5T_VARIABLE,
    H5T_class_t, H5T_cset_t, H5T_order_t, H5T_sign_t, H5T_str_t, H5Tarray_create2, H5Tcopy, H5Tcreate, H5Tdecode2,
    H5Tencode, H5Tenum_create, H5Tenum_insert, H5Tequal, H5Tget_array_dims2, H5Tget_array_ndims, H5Tget_class,
    H5Tget_cset, H5Tget_ebias, H5Tget_fields, H5Tget_member_name, H5Tget_member_offset, H5Tget_member_type,
    H5Tget_member_value, H5Tget_nmembers, H5Tget_offset, H5Tget_order, H5Tget_precision, H5Tget_sign, H5Tget_size,
    H5Tget_strpad, H5Tget_super, H5Tinsert, H5Tis_variable_str, H5Tset_cset, H5Tset_ebias, H5Tset_fields, H5Tset_size,
    H5Tset_strpad, hvl_t,
};

use super::{Id, c_string, h5, locked};
use crate::dtype::{Class, FloatFields, HALF, LIST, Member, Order, Padding, Target, TypeDescription};

const _: () = assert!(LIST == size_of::<hvl_t>());

impl TypeDescription for Id {
    const IN_FILE: bool = false;

    fn size(&self) -> usize {
        size(self)
    }

    fn class(&self) -> Result<Class<Self>> {
        class(self)
    }

    fn is_plain(&self) -> bool {
        is_plain(self)
    }

    fn plain_item(&self) -> Option<Self> {
        plain_item(self)
    }

    fn key(&self) -> Result<Vec<u8>> {
        key(self)
    }

    fn encode(&self) -> Result<Vec<u8>> {
        encode(self)
    }
}

/// Bytes of one element in memory.
pub(crate) fn size(datatype: &Id) -> usize {
    // SAFETY: the identifier is held alive.
    locked(|| unsafe { H5Tget_size(datatype.get()) })
}

/// What a datatype is.
pub(crate) fn class(datatype: &Id) -> Result<Class<Id>> {
    let id = datatype.get();
    // SAFETY: the identifier is held alive.
    Ok(match locked(|| unsafe { H5Tget_class(id) }) {
        H5T_class_t::H5T_INTEGER if is_whole(datatype) => {
            // SAFETY: the identifier is held alive.
            let sign = locked(|| unsafe { H5Tget_sign(id) });
            Class::Integer { signed: sign == H5T_sign_t::H5T_SGN_2, order: order(datatype) }
        }
        H5T_class_t::H5T_INTEGER => Class::Other("integer of odd precision"),
        H5T_class_t::H5T_FLOAT if is_whole(datatype) => {
            Class::Float { fields: float_fields(datatype)?, order: order(datatype) }
        }
        H5T_class_t::H5T_FLOAT => Class::Other("float of odd precision"),
        H5T_class_t::H5T_STRING => text(datatype)?,
        H5T_class_t::H5T_ENUM => enumeration(datatype)?,
        H5T_class_t::H5T_COMPOUND => Class::Compound(members(datatype)?),
        H5T_class_t::H5T_ARRAY => Class::Array { base: base(datatype)?, shape: array_shape(datatype)? },
        H5T_class_t::H5T_COMPLEX => Class::Complex { base: base(datatype)? },
        H5T_class_t::H5T_REFERENCE => {
            let is = |other| h5!(InvalidData, "a type cannot be compared", H5Tequal(id, other)).map(|equal| equal > 0);
            if is(*H5T_STD_REF_OBJ)? {
                Class::Reference(Target::Object)
            } else if is(*H5T_STD_REF_DSETREG)? {
                Class::Reference(Target::Region)
            } else {
                Class::Other("reference")
            }
        }
        H5T_class_t::H5T_TIME => Class::Other("time"),
        H5T_class_t::H5T_BITFIELD => Class::Other("bit field"),
        H5T_class_t::H5T_OPAQUE => Class::Other("opaque"),
        H5T_class_t::H5T_VLEN => Class::Other("lists of variable length"),
        H5T_class_t::H5T_NO_CLASS | H5T_class_t::H5T_NCLASSES => Class::Other("a type of no known class"),
    })
}

/// Whether all bits of a number are used, from the first.
fn is_whole(datatype: &Id) -> bool {
    // SAFETY: the identifier is held alive.
    let (precision, offset) = locked(|| unsafe { (H5Tget_precision(datatype.get()), H5Tget_offset(datatype.get())) });
    precision == size(datatype).saturating_mul(8) && offset == 0
}

fn order(datatype: &Id) -> Order {
    // SAFETY: the identifier is held alive.
    match locked(|| unsafe { H5Tget_order(datatype.get()) }) {
        H5T_order_t::H5T_ORDER_LE => Order::Little,
        H5T_order_t::H5T_ORDER_BE => Order::Big,
        _ => Order::Other,
    }
}

fn float_fields(datatype: &Id) -> Result<FloatFields> {
    let mut fields = FloatFields { sign: 0, exponent: (0, 0), mantissa: (0, 0), bias: 0 };
    h5!(InvalidData, "a float type cannot be read", {
        let (exponent, mantissa) = (&mut fields.exponent, &mut fields.mantissa);
        let (sign, position, width) = (&raw mut fields.sign, &raw mut exponent.0, &raw mut exponent.1);
        H5Tget_fields(datatype.get(), sign, position, width, &raw mut mantissa.0, &raw mut mantissa.1)
    })?;
    // SAFETY: the identifier is held alive.
    fields.bias = locked(|| unsafe { H5Tget_ebias(datatype.get()) });
    Ok(fields)
}

fn text(datatype: &Id) -> Result<Class<Id>> {
    if h5!(InvalidData, "a text type cannot be read", H5Tis_variable_str(datatype.get()))? > 0 {
        return Ok(Class::VariableText);
    }
    // SAFETY: the identifier is held alive.
    let (padding, charset) = locked(|| unsafe { (H5Tget_strpad(datatype.get()), H5Tget_cset(datatype.get())) });
    let padding = match padding {
        H5T_str_t::H5T_STR_NULLTERM => Padding::Terminated,
        H5T_str_t::H5T_STR_NULLPAD => Padding::Nul,
        H5T_str_t::H5T_STR_SPACEPAD => Padding::Space,
        _ => return Ok(Class::Other("text of an unknown padding")),
    };
    Ok(Class::Text { padding, utf8: charset == H5T_cset_t::H5T_CSET_UTF8 })
}

fn base(datatype: &Id) -> Result<Id> {
    h5!(InvalidData, "the base of a type cannot be read", H5Tget_super(datatype.get())).map(Id::own)
}

fn array_shape(datatype: &Id) -> Result<Vec<u64>> {
    let ndim = h5!(InvalidData, "the shape of a type cannot be read", H5Tget_array_ndims(datatype.get()))?;
    let mut shape = vec![0; usize::try_from(ndim).or_bug("a type of a negative number of axes")?];
    h5!(InvalidData, "the shape of a type cannot be read", H5Tget_array_dims2(datatype.get(), shape.as_mut_ptr()))?;
    Ok(shape)
}

fn member_count(datatype: &Id) -> Result<u32> {
    let count = h5!(InvalidData, "the members of a type cannot be counted", H5Tget_nmembers(datatype.get()))?;
    u32::try_from(count).or_bug("a negative number of members")
}

fn member_name(datatype: &Id, number: u32) -> Result<String> {
    locked(|| {
        // SAFETY: the identifier is held alive; the text that is handed out is read and freed once, under one lock.
        let name: Option<Vec<u8>> = unsafe {
            let text: *mut c_char = H5Tget_member_name(datatype.get(), number);
            (!text.is_null()).then(|| {
                let name = CStr::from_ptr(text).to_bytes().to_vec();
                H5free_memory(text.cast());
                name
            })
        };
        super::link::utf8_name(name.ok_or_else(|| Error::invalid_data("the name of a field cannot be read"))?)
    })
}

fn members(datatype: &Id) -> Result<Vec<Member<Id>>> {
    (0..member_count(datatype)?)
        .map(|number| {
            let member = h5!(InvalidData, "a field's type cannot be read", H5Tget_member_type(datatype.get(), number))?;
            // SAFETY: the identifier is held alive.
            let offset = locked(|| unsafe { H5Tget_member_offset(datatype.get(), number) });
            Ok(Member { name: member_name(datatype, number)?, offset, datatype: Id::own(member) })
        })
        .collect()
}

fn enumeration(datatype: &Id) -> Result<Class<Id>> {
    let base = base(datatype)?;
    let width = size(datatype);
    let mut members = Vec::new();
    if width <= size_of::<i64>() {
        for number in 0..member_count(datatype)?.min(2) {
            // Long enough for every base type that gets here.
            let mut value = [0_u8; 8];
            h5!(InvalidData, "a value of an enumeration cannot be read", {
                H5Tget_member_value(datatype.get(), number, value.as_mut_ptr().cast())
            })?;
            members.push((member_name(datatype, number)?, i64::from_le_bytes(value)));
        }
        if member_count(datatype)? != 2 {
            members.clear();
        }
    }
    Ok(Class::Enum { base, members })
}

/// Whether the bytes of a value mean the same in every file: no references, and no lists or texts of any length.
pub(crate) fn is_plain(datatype: &Id) -> bool {
    let id = datatype.get();
    // SAFETY: the identifier is held alive.
    match locked(|| unsafe { H5Tget_class(id) }) {
        H5T_class_t::H5T_INTEGER
        | H5T_class_t::H5T_FLOAT
        | H5T_class_t::H5T_TIME
        | H5T_class_t::H5T_BITFIELD
        | H5T_class_t::H5T_OPAQUE
        | H5T_class_t::H5T_ENUM => true,
        // SAFETY: the identifier is held alive.
        H5T_class_t::H5T_STRING => locked(|| unsafe { H5Tis_variable_str(id) }) == 0,
        H5T_class_t::H5T_COMPOUND => {
            members(datatype).is_ok_and(|members| members.iter().all(|member| is_plain(&member.datatype)))
        }
        H5T_class_t::H5T_ARRAY | H5T_class_t::H5T_COMPLEX => base(datatype).is_ok_and(|base| is_plain(&base)),
        _ => false,
    }
}

/// The type of the items of lists of variable length, where their bytes mean the same in every file.
pub(crate) fn plain_item(datatype: &Id) -> Option<Id> {
    // SAFETY: the identifier is held alive.
    let class = locked(|| unsafe { H5Tget_class(datatype.get()) });
    let item = if class == H5T_class_t::H5T_VLEN { base(datatype).ok() } else { None };
    item.filter(|item| is_plain(item) && size(item) > 0)
}

/// A type as the library encodes it, in the form of files.
pub(crate) fn encode(datatype: &Id) -> Result<Vec<u8>> {
    const MESSAGE: &str = "a type cannot be encoded";
    let mut len = 0;
    h5!(InvalidData, MESSAGE, H5Tencode(datatype.get(), std::ptr::null_mut(), &raw mut len))?;
    let mut bytes = vec![0_u8; len];
    h5!(InvalidData, MESSAGE, H5Tencode(datatype.get(), bytes.as_mut_ptr().cast(), &raw mut len))?;
    bytes.truncate(len);
    Ok(bytes)
}

/// What a type is, the same for all ways in which the library encodes it: that of numbers differs by a version, others by
/// more, and are taken apart.
pub(crate) fn key(datatype: &Id) -> Result<Vec<u8>> {
    let id = datatype.get();
    // SAFETY: the identifier is held alive.
    let class = locked(|| unsafe { H5Tget_class(id) });
    let mut key = format!("{class:?} {}:", size(datatype)).into_bytes();
    match class {
        H5T_class_t::H5T_COMPOUND => {
            for member in members(datatype)? {
                key.extend(member.name.bytes().chain([0]));
                key.extend((member.offset as u64).to_le_bytes());
                key.extend(self::key(&member.datatype)?);
            }
        }
        H5T_class_t::H5T_ENUM => {
            key.extend(self::key(&base(datatype)?)?);
            for number in 0..member_count(datatype)? {
                let mut value = vec![0_u8; size(datatype)];
                h5!(InvalidData, "a value of an enumeration cannot be read", {
                    H5Tget_member_value(id, number, value.as_mut_ptr().cast())
                })?;
                key.extend(member_name(datatype, number)?.bytes().chain([0]).chain(value));
            }
        }
        H5T_class_t::H5T_ARRAY => {
            array_shape(datatype)?.into_iter().for_each(|len| key.extend(len.to_le_bytes()));
            key.extend(self::key(&base(datatype)?)?);
        }
        H5T_class_t::H5T_VLEN | H5T_class_t::H5T_COMPLEX => key.extend(self::key(&base(datatype)?)?),
        _ => {
            let mut encoded = encode(datatype)?;
            // Kind and version of the encoding, then version and class of the type.
            if let Some(version) = encoded.get_mut(2) {
                *version &= 0x0f;
            }
            key.extend(encoded);
        }
    }
    Ok(key)
}

/// The type that [`encode`] encoded.
pub(crate) fn decode(bytes: &[u8]) -> Result<Id> {
    h5!(InvalidInput, "a type cannot be decoded", H5Tdecode2(bytes.as_ptr().cast(), bytes.len())).map(Id::own)
}

/// The types of numbers, little-endian.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    F32,
    F64,
}

/// A type of numbers.
pub(crate) fn number(number: Number) -> Result<Id> {
    let copied = h5!(Io, "a number type cannot be made", {
        H5Tcopy(match number {
            Number::I8 => *H5T_STD_I8LE,
            Number::I16 => *H5T_STD_I16LE,
            Number::I32 => *H5T_STD_I32LE,
            Number::I64 => *H5T_STD_I64LE,
            Number::U8 => *H5T_STD_U8LE,
            Number::U16 => *H5T_STD_U16LE,
            Number::U32 => *H5T_STD_U32LE,
            Number::U64 => *H5T_STD_U64LE,
            Number::F16 | Number::F32 => *H5T_IEEE_F32LE,
            Number::F64 => *H5T_IEEE_F64LE,
        })
    });
    let id = Id::own(copied?);
    if matches!(number, Number::F16) {
        let (exponent, mantissa) = (HALF.exponent, HALF.mantissa);
        h5!(Io, "a half precision type cannot be made", {
            H5Tset_fields(id.get(), HALF.sign, exponent.0, exponent.1, mantissa.0, mantissa.1)
        })?;
        h5!(Io, "a half precision type cannot be made", H5Tset_size(id.get(), 2))?;
        h5!(Io, "a half precision type cannot be made", H5Tset_ebias(id.get(), HALF.bias))?;
    }
    Ok(id)
}

/// h5py's booleans: an enumeration over bytes.
pub(crate) fn boolean() -> Result<Id> {
    let base = number(Number::I8)?;
    let id = Id::own(h5!(Io, "a boolean type cannot be made", H5Tenum_create(base.get()))?);
    for (name, value) in [(c"FALSE", 0_i8), (c"TRUE", 1_i8)] {
        h5!(Io, "a boolean type cannot be made", {
            H5Tenum_insert(id.get(), name.as_ptr(), (&raw const value).cast())
        })?;
    }
    Ok(id)
}

/// Text: of any length (`None`), or of a number of bytes padded with NUL.
pub(crate) fn string(width: Option<usize>, utf8: bool) -> Result<Id> {
    let id = Id::own(h5!(Io, "a text type cannot be made", H5Tcopy(*H5T_C_S1))?);
    h5!(InvalidInput, "a text type cannot be made", H5Tset_size(id.get(), width.unwrap_or(H5T_VARIABLE)))?;
    if width.is_some() {
        h5!(Io, "a text type cannot be made", H5Tset_strpad(id.get(), H5T_str_t::H5T_STR_NULLPAD))?;
    }
    let charset = if utf8 { H5T_cset_t::H5T_CSET_UTF8 } else { H5T_cset_t::H5T_CSET_ASCII };
    h5!(Io, "a text type cannot be made", H5Tset_cset(id.get(), charset))?;
    Ok(id)
}

/// References to objects or regions.
pub(crate) fn reference(kind: Target) -> Result<Id> {
    h5!(Io, "a reference type cannot be made", {
        H5Tcopy(match kind {
            Target::Object => *H5T_STD_REF_OBJ,
            Target::Region => *H5T_STD_REF_DSETREG,
        })
    })
    .map(Id::own)
}

/// A packed record of named fields.
pub(crate) fn compound(fields: Vec<(&str, Id)>) -> Result<Id> {
    let mut total = 0;
    let field = |(name, datatype): (_, Id)| {
        let offset = total;
        total += size(&datatype);
        (name, offset, datatype)
    };
    let fields: Vec<_> = fields.into_iter().map(field).collect();
    record(&fields, total)
}

/// A record of named fields at offsets.
pub(crate) fn record(fields: &[(&str, usize, Id)], size: usize) -> Result<Id> {
    if size == 0 {
        return Err(Error::unsupported("HDF5 has no records of size 0"));
    }
    let id = Id::own(h5!(Io, "a record type cannot be made", H5Tcreate(H5T_class_t::H5T_COMPOUND, size))?);
    for (name, offset, datatype) in fields {
        let name = c_string(name)?;
        h5!(InvalidInput, "a field cannot be added to a record type", {
            H5Tinsert(id.get(), name.as_ptr(), *offset, datatype.get())
        })?;
    }
    Ok(id)
}

/// The same type again.
pub(crate) fn copy(datatype: &Id) -> Result<Id> {
    h5!(Io, "a type cannot be copied", H5Tcopy(datatype.get())).map(Id::own)
}

/// An array within an element.
pub(crate) fn array(base: &Id, shape: &[usize]) -> Result<Id> {
    let ndim = u32::try_from(shape.len()).map_err(|_| Error::invalid_input("the number of axes exceeds 31 bits"))?;
    let shape: Vec<u64> = shape.iter().map(|&len| len as u64).collect();
    h5!(InvalidInput, "an array type cannot be made", H5Tarray_create2(base.get(), ndim, shape.as_ptr())).map(Id::own)
}
