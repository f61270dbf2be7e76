//! Tensors of lists that differ in length, of a type of one format: the bytes of each list. References are lists, too.

use arrow_array::builder::LargeBinaryBuilder;
use arrow_array::{Array, LargeBinaryArray, UInt64Array};

use super::{Data, Tensor, count};
use crate::{DType, Error, Result};

impl Tensor {
    /// A tensor of lists of a type of one format, from the bytes of each, which are not copied.
    ///
    /// # Errors
    /// If the dtype is not [`DType::Opaque`] without a size, the length is not that of the shape, or a value is null.
    pub fn from_lists(dtype: DType, shape: impl Into<Vec<usize>>, lists: LargeBinaryArray) -> Result<Self> {
        let shape = shape.into();
        if !matches!(&dtype, DType::Opaque(opaque) if opaque.size().is_none()) {
            return Err(Error::dtype(format!("values of type {dtype} are not lists")));
        }
        if count(&shape)? != lists.len() || lists.null_count() > 0 {
            return Err(Error::invalid_input(format!(
                "{} lists, {} of them null, were given for an array of shape {shape:?}",
                lists.len(),
                lists.null_count()
            )));
        }
        Ok(Self { dtype, shape, data: Data::Lists(lists) })
    }

    /// The bytes of each list, in C order.
    ///
    /// # Errors
    /// [`ErrorKind::DType`](crate::ErrorKind::DType) for every other dtype.
    pub fn lists(&self) -> Result<&LargeBinaryArray> {
        match &self.data {
            Data::Lists(lists) => Ok(lists),
            _ => Err(Error::dtype(format!("the values are of type {}, not lists", self.dtype))),
        }
    }

    /// Returns the same values with references to other paths: what `follow` makes of each, from the root (`/obs/n`). A
    /// reference to nothing, or to what has no path, stays as it is, as do all other values.
    ///
    /// # Errors
    /// If `follow` gives one, or a path is not UTF-8.
    pub fn follow_references(&self, follow: &dyn Fn(&str) -> Result<String>) -> Result<Self> {
        let data = match &self.data {
            _ if !self.dtype.has_references() => return Ok(self.clone()),
            Data::Lists(lists) => {
                let mut followed = LargeBinaryBuilder::new();
                for value in lists.iter().flatten() {
                    let end = value.iter().position(|&byte| byte == 0).unwrap_or(value.len());
                    let (path, rest) = value.split_at(end);
                    let path = str::from_utf8(path).map_err(|error| {
                        Error::invalid_input("the path of a reference is not UTF-8").with_source(error)
                    })?;
                    let path = if path.is_empty() { String::new() } else { follow(path)? };
                    followed.append_value([path.as_bytes(), rest].concat());
                }
                Data::Lists(followed.finish())
            }
            Data::Fields(fields) => {
                Data::Fields(fields.iter().map(|field| field.follow_references(follow)).collect::<Result<_>>()?)
            }
            data => data.clone(),
        };
        Ok(Self { dtype: self.dtype.clone(), shape: self.shape.clone(), data })
    }
}

pub(super) fn take(lists: &LargeBinaryArray, positions: Vec<u64>) -> Result<LargeBinaryArray> {
    let taken = arrow_select::take::take(lists, &UInt64Array::from(positions), None)
        .map_err(|error| Error::invalid_input("lists could not be gathered").with_source(error))?;
    Ok(LargeBinaryArray::from(taken.to_data()))
}

pub(super) fn concat(parts: &[Tensor]) -> Result<LargeBinaryArray> {
    let mut joined = LargeBinaryBuilder::new();
    for part in parts {
        part.lists()?.iter().flatten().for_each(|list| joined.append_value(list));
    }
    Ok(joined.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::OpaqueType;

    #[test]
    fn references_follow_what_is_moved() -> Result<()> {
        let dtype = DType::Opaque(OpaqueType::references("test", "reference", *b"key", *b"type"));
        let bytes: [&[u8]; 4] = [b"/a/b", b"", b"/a\0part", b"\0lost"];
        let references = Tensor::from_lists(dtype, [4], LargeBinaryArray::from_iter_values(bytes))?;
        let records = Tensor::from_fields([4], [("to", references), ("n", Tensor::from_vec([4], vec![1, 2, 3, 4])?)])?;
        assert!(records.dtype().has_references());
        let moved = records.follow_references(&|path| Ok(format!("/new{path}")))?;
        let expected: [&[u8]; 4] = [b"/new/a/b", b"", b"/new/a\0part", b"\0lost"];
        assert_eq!(moved.field("to")?.lists()?.iter().flatten().collect::<Vec<_>>(), expected);
        assert_eq!(moved.field("n")?, records.field("n")?);
        assert!(records.follow_references(&|_| Err(Error::unsupported("no"))).is_err());
        Ok(())
    }

    #[test]
    fn lists_are_selected_joined_and_compared() -> Result<()> {
        let dtype = DType::Opaque(OpaqueType::new("test", "lists", *b"key", *b"type", None));
        let bytes: [&[u8]; 4] = [b"ab", b"", b"cdef", b"gh"];
        let lists = Tensor::from_lists(dtype.clone(), [2, 2], LargeBinaryArray::from_iter_values(bytes))?;
        let row = |tensor: &Tensor| {
            tensor.lists().map(|lists| lists.iter().flatten().map(<[u8]>::to_vec).collect::<Vec<_>>())
        };
        assert_eq!(row(&lists.take(0, &[1])?)?, [b"cdef".to_vec(), b"gh".to_vec()]);
        assert_eq!(row(&lists.transpose()?)?, [&b"ab"[..], b"cdef", b"", b"gh"]);
        let joined = Tensor::concat_rows(&[lists.slice_rows(1..2)?, lists.slice_rows(0..1)?])?;
        assert_eq!(joined.take(0, &[1, 0])?, lists);
        assert_ne!(joined, lists);
        assert_eq!(lists.nbytes(), 8 + 5 * 8);
        assert!(Tensor::from_lists(dtype, [3], LargeBinaryArray::from_iter_values(bytes)).is_err());
        assert!(Tensor::from_lists(DType::I32, [4], LargeBinaryArray::from_iter_values(bytes)).is_err());
        assert!(lists.to_packed().is_err_and(|error| error.is_dtype()));
        assert!(lists.to_arrow().is_err());
        Ok(())
    }
}
