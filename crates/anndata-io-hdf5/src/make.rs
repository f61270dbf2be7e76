//! From dtypes to datatypes of the library, and from tensors to bytes that it takes.
//!
//! Types are made little-endian and packed, which is what tensors are in memory, so one type serves both sides.

mod references;

use std::collections::HashMap;
use std::ffi::c_char;

use anndata_storage::{DType, Error, OrBug, Result, Tensor};
use arrow_array::Array as _;

use crate::dtype::{Class, FORMAT, LIST};
use crate::raw::Id;
use crate::raw::datatype::{self, Number};
use crate::raw::target;

pub(crate) use references::with_references;

/// The library's type of a dtype.
pub(crate) fn datatype(dtype: &DType) -> Result<Id> {
    let number = match dtype {
        DType::Bool => return datatype::boolean(),
        DType::I8 => Number::I8,
        DType::I16 => Number::I16,
        DType::I32 => Number::I32,
        DType::I64 => Number::I64,
        DType::U8 => Number::U8,
        DType::U16 => Number::U16,
        DType::U32 => Number::U32,
        DType::U64 => Number::U64,
        DType::F16 => Number::F16,
        DType::F32 => Number::F32,
        DType::F64 => Number::F64,
        DType::Complex64 => return complex(Number::F32),
        DType::Complex128 => return complex(Number::F64),
        DType::String => return datatype::string(None, true),
        DType::FixedBytes(0) | DType::FixedUtf8(0) => {
            return Err(Error::unsupported(format!("HDF5 has no text of width 0 ({dtype})")));
        }
        DType::FixedBytes(width) => return datatype::string(Some(*width), false),
        DType::FixedUtf8(width) => return datatype::string(Some(*width), true),
        DType::Compound(fields) => {
            let fields = fields
                .iter()
                .map(|field| {
                    let single = datatype(&field.dtype)?;
                    let whole = if field.shape.is_empty() { single } else { datatype::array(&single, &field.shape)? };
                    Ok((&*field.name, whole))
                })
                .collect::<Result<Vec<_>>>()?;
            return datatype::compound(fields);
        }
        DType::Opaque(opaque) if opaque.format() == FORMAT => {
            let id = datatype::decode(opaque.encoded())?;
            if let (true, Class::Reference(kind)) = (opaque.is_reference(), datatype::class(&id)?) {
                return datatype::reference(kind);
            }
            let is_list = datatype::plain_item(&id).is_some();
            let fits = match opaque.size() {
                Some(size) => size == datatype::size(&id) && datatype::is_plain(&id),
                None => is_list && !opaque.is_reference(),
            };
            if fits {
                return Ok(id);
            }
            return Err(Error::invalid_input(format!("the type {dtype} is not what it says: {opaque:?}")));
        }
        DType::Datetime(_) | DType::Timedelta(_) => {
            return Err(Error::unsupported(format!(
                "HDF5 has no type for values of type {dtype}, and Python anndata cannot store them in an .h5ad file \
                 either: write a zarr store, leave the element out (anndata convert --skip), or make it text or numbers first"
            )));
        }
        other => return Err(Error::unsupported(format!("HDF5 has no form for values of type {other}"))),
    };
    datatype::number(number)
}

/// h5py's complex numbers: a record of `r` and `i`.
fn complex(part: Number) -> Result<Id> {
    datatype::compound(vec![("r", datatype::number(part)?), ("i", datatype::number(part)?)])
}

/// Elements as the library takes them, with the texts and lists that they point to.
#[derive(Debug, Default)]
pub(crate) struct Block {
    bytes: Vec<u8>,
    /// What the pointers in `bytes` are to. Never changed once they are made.
    texts: Vec<Vec<u8>>,
}

impl Block {
    /// The elements.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The elements of a tensor, for the file of `object`.
    ///
    /// # Errors
    /// If a text holds a NUL, at which the library would cut it, or a reference is to what is not in the file.
    pub(crate) fn new(tensor: &Tensor, object: &Id) -> Result<Self> {
        let mut block = Self::default();
        block.bytes = block.lay_out(tensor, object)?;
        Ok(block)
    }

    fn lay_out(&mut self, tensor: &Tensor, object: &Id) -> Result<Vec<u8>> {
        match tensor.dtype() {
            DType::String => self.point_to(tensor),
            DType::Opaque(opaque) if opaque.is_reference() => refer(tensor, object),
            DType::Opaque(opaque) if opaque.size().is_none() => self.point_to_lists(tensor),
            DType::Compound(_) if tensor.dtype().size().is_none() => {
                let columns =
                    tensor.fields()?.map(|(_, field)| self.lay_out(field, object)).collect::<Result<Vec<_>>>()?;
                let rows = tensor.len();
                let mut bytes = Vec::with_capacity(columns.iter().map(Vec::len).sum());
                for row in 0..rows {
                    for column in &columns {
                        let width = column.len() / rows;
                        let cell = column.get(row * width..(row + 1) * width);
                        bytes.extend_from_slice(cell.or_bug("a record without one of its fields")?);
                    }
                }
                Ok(bytes)
            }
            _ => Ok(tensor.to_packed()?.into_owned()),
        }
    }

    /// The number of items of lists and pointers to copies of them.
    fn point_to_lists(&mut self, tensor: &Tensor) -> Result<Vec<u8>> {
        let item = datatype::plain_item(&datatype(tensor.dtype())?).map_or(0, |item| datatype::size(&item));
        let lists = tensor.lists()?;
        let mut copies = Vec::with_capacity(lists.value_data().len());
        let mut starts = Vec::with_capacity(lists.len());
        for list in lists.iter().flatten() {
            if item == 0 || !list.len().is_multiple_of(item) {
                return Err(Error::invalid_input(format!("a list of {} bytes of items of {item}", list.len())));
            }
            starts.push((list.len() / item, copies.len()));
            copies.extend_from_slice(list);
        }
        let mut cells = Vec::with_capacity(starts.len() * LIST);
        for (len, start) in starts {
            let list: *const u8 = copies.get(start..).unwrap_or_default().as_ptr();
            cells.extend_from_slice(&len.to_ne_bytes());
            cells.extend_from_slice(&list.expose_provenance().to_ne_bytes());
        }
        self.texts.push(copies);
        Ok(cells)
    }

    /// Pointers to NUL-terminated copies of texts.
    fn point_to(&mut self, tensor: &Tensor) -> Result<Vec<u8>> {
        let strings = tensor.strings()?;
        let values = strings.value_data();
        let mut copies = Vec::with_capacity(values.len() + strings.len());
        let mut starts = Vec::with_capacity(strings.len());
        for text in strings.iter().flatten() {
            if text.as_bytes().contains(&0) {
                return Err(Error::invalid_input(format!("the text {text:?} holds a NUL, which HDF5 cannot store")));
            }
            starts.push(copies.len());
            copies.extend_from_slice(text.as_bytes());
            copies.push(0);
        }
        let mut pointers = Vec::with_capacity(starts.len() * size_of::<usize>());
        for start in starts {
            let text = copies.get(start..).filter(|rest| !rest.is_empty()).or_bug("a text without its copy")?;
            let text: *const c_char = text.as_ptr().cast();
            pointers.extend_from_slice(&text.expose_provenance().to_ne_bytes());
        }
        self.texts.push(copies);
        Ok(pointers)
    }
}

/// References, in the file of `object`, to what the values of a tensor say.
fn refer(tensor: &Tensor, object: &Id) -> Result<Vec<u8>> {
    let Class::Reference(kind) = datatype::class(&datatype(tensor.dtype())?)? else {
        return Err(Error::bug("references of a type that is none"));
    };
    let mut known: HashMap<&[u8], Vec<u8>> = HashMap::new();
    let mut cells = Vec::with_capacity(tensor.len() * kind.size());
    for text in tensor.lists()?.iter().flatten() {
        if !known.contains_key(text) {
            known.insert(text, target::make(object, kind, text)?);
        }
        cells.extend_from_slice(known.get(text).or_bug("a reference that was not made")?);
    }
    Ok(cells)
}
