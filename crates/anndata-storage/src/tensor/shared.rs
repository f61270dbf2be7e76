//! [`SharedBytes`]: the bytes of tensors, shared by clones and changed in place where there are none.

use std::any::Any;
use std::ops::Deref;
use std::sync::Arc;

use arrow_buffer::Buffer;
use bytemuck::NoUninit;

use super::AlignedBytes;
use crate::{Error, Result, Scalar};

/// An Arrow [`Buffer`] that knows, where it can, the memory that it was made of. A clone shares it.
///
/// A buffer alone cannot be changed, whoever holds it. Made of [`AlignedBytes`] or of a vector, it can be, as long as
/// there is no other one over the same memory.
#[derive(Debug, Clone)]
pub struct SharedBytes {
    buffer: Buffer,
    /// What the buffer is made of, if the buffer is all of it.
    owner: Option<Arc<Owner>>,
}

/// Memory that can be written to.
enum Owner {
    Aligned(AlignedBytes),
    Vector(Box<dyn Vector>),
}

/// A vector of any type.
trait Vector: Any + Send + Sync {
    fn bytes(&self) -> &[u8];
}

impl<T: NoUninit + Send + Sync> Vector for Vec<T> {
    fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self)
    }
}

impl std::fmt::Debug for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Owner({})", self.as_ref().len())
    }
}

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Aligned(bytes) => bytes.as_slice(),
            Self::Vector(vector) => vector.bytes(),
        }
    }
}

/// A share of the memory that a buffer keeps.
struct Share(Arc<Owner>);

impl AsRef<[u8]> for Share {
    fn as_ref(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

impl SharedBytes {
    /// Over a vector, which is not copied.
    pub(super) fn of_vec<T: NoUninit + Send + Sync>(values: Vec<T>) -> Self {
        Self::over(Arc::new(Owner::Vector(Box::new(values))))
    }

    /// Calls a function with the values, to be changed in place; they are copied before where the memory is shared, or
    /// not known. Bytes that are not values of this type are an error, and stay.
    pub(super) fn modify<T: Scalar, R>(&mut self, change: impl FnOnce(&mut [T]) -> R) -> Result<R> {
        let bytes = std::mem::replace(self, Self { buffer: Buffer::from_vec(Vec::<u8>::new()), owner: None });
        let mut owner = match bytes.into_owner::<T>() {
            Ok(owner) => owner,
            Err(shared) => Owner::Aligned(AlignedBytes::copy_of(&shared.buffer)),
        };
        let changed = match &mut owner {
            Owner::Vector(vector) => {
                (&mut **vector as &mut dyn Any).downcast_mut::<Vec<T>>().map(|values| &mut **values)
            }
            Owner::Aligned(bytes) => bytemuck::checked::try_cast_slice_mut(bytes.as_mut_slice()).ok(),
        };
        let changed = changed.map(change).ok_or_else(|| Error::bug(format!("bytes that are not {}", T::DTYPE)));
        *self = Self::over(Arc::new(owner));
        changed
    }

    /// Whether nothing else holds the memory, and it is one of bytes.
    pub(super) fn is_exclusive(&self) -> bool {
        // The buffer has a share of its own.
        let held_twice = |owner: &Arc<Owner>| Arc::strong_count(owner) == 2 && matches!(**owner, Owner::Aligned(_));
        self.buffer.strong_count() == 1 && self.owner.as_ref().is_some_and(held_twice)
    }

    /// The memory, if it is [exclusive](Self::is_exclusive).
    pub(super) fn into_aligned(self) -> Option<AlignedBytes> {
        match self.into_owner::<u8>() {
            Ok(Owner::Aligned(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// The vector, if it was made of one of this type and nothing else holds it.
    pub(super) fn into_vec<T: Scalar>(self) -> Result<Vec<T>, Self> {
        match self.into_owner::<T>()? {
            Owner::Vector(mut vector) => match (&mut *vector as &mut dyn Any).downcast_mut::<Vec<T>>() {
                Some(values) => Ok(std::mem::take(values)),
                None => Err(Self::over(Arc::new(Owner::Vector(vector)))),
            },
            owner @ Owner::Aligned(_) => Err(Self::over(Arc::new(owner))),
        }
    }

    /// The memory, if nothing else holds it and values of this type can be set in it.
    fn into_owner<T: Scalar>(self) -> Result<Owner, Self> {
        let Self { buffer, owner } = self;
        match owner {
            Some(owner) if buffer.strong_count() == 1 && owner.holds::<T>() => {
                // With the last buffer, its share of the memory goes.
                drop(buffer);
                Arc::try_unwrap(owner).map_err(Self::over)
            }
            owner => Err(Self { buffer, owner }),
        }
    }

    fn over(owner: Arc<Owner>) -> Self {
        let buffer = Buffer::from(bytes::Bytes::from_owner(Share(Arc::clone(&owner))));
        Self { buffer, owner: Some(owner) }
    }
}

impl Owner {
    /// Whether values of a type can be set: a vector is one of that type.
    fn holds<T: Scalar>(&self) -> bool {
        match self {
            Self::Aligned(_) => true,
            Self::Vector(vector) => (&**vector as &dyn Any).is::<Vec<T>>(),
        }
    }
}

impl From<Buffer> for SharedBytes {
    fn from(buffer: Buffer) -> Self {
        Self { buffer, owner: None }
    }
}

impl From<AlignedBytes> for SharedBytes {
    fn from(bytes: AlignedBytes) -> Self {
        Self::over(Arc::new(Owner::Aligned(bytes)))
    }
}

impl Deref for SharedBytes {
    type Target = Buffer;

    fn deref(&self) -> &Buffer {
        &self.buffer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DType, Tensor};

    /// Where the values are.
    fn at(tensor: &Tensor) -> *const u8 {
        tensor.as_bytes().unwrap().as_ptr()
    }

    fn double(tensor: &mut Tensor) -> Result<()> {
        tensor.modify(|values: &mut [f32]| values.iter_mut().for_each(|value| *value *= 2.0))
    }

    #[test]
    fn memory_of_which_there_is_one_holder_is_changed_in_place() -> Result<()> {
        for len in [3, 2 << 20] {
            let mut bytes = AlignedBytes::try_zeroed(len * 4)?;
            bytemuck::cast_slice_mut(bytes.as_mut_slice()).fill(1.5_f32);
            let aligned = Tensor::new(DType::F32, [len], bytes)?;
            for mut tensor in [aligned, Tensor::from_vec([len], vec![1.5_f32; len])?] {
                let before = at(&tensor);
                double(&mut tensor)?;
                assert_eq!((at(&tensor), tensor.get::<f32>(&[len - 1])?.to_bits()), (before, 3.0_f32.to_bits()));
                let clone = tensor.clone();
                double(&mut tensor)?;
                assert_ne!(at(&tensor), before);
                assert_eq!(clone.get::<f32>(&[0])?.to_bits(), 3.0_f32.to_bits());
                drop(clone);
                let now = at(&tensor);
                double(&mut tensor)?;
                assert_eq!((at(&tensor), tensor.get::<f32>(&[0])?.to_bits()), (now, 12.0_f32.to_bits()));
            }
        }
        Ok(())
    }

    #[test]
    fn what_shares_memory_in_part_does_not_see_a_change() -> Result<()> {
        let mut whole = Tensor::from_vec([3], vec![1.0_f32, 2.0, 3.0])?;
        let mut part = whole.slice_rows(1..2)?;
        let array = whole.to_arrow()?;
        double(&mut whole)?;
        double(&mut part)?;
        assert_eq!((whole.as_slice::<f32>()?, part.as_slice::<f32>()?), (&[2.0, 4.0, 6.0][..], &[4.0][..]));
        assert_eq!(Tensor::from_arrow(&array)?.as_slice::<f32>()?, [1.0, 2.0, 3.0]);
        let refused = whole.modify(|_: &mut [f64]| ());
        assert!(refused.is_err_and(|error| error.is_dtype()));
        assert_eq!(whole.as_slice::<f32>()?, [2.0, 4.0, 6.0]);
        let mut flags = Tensor::from_vec([2], vec![true, false])?;
        flags.modify(|values: &mut [bool]| values.reverse())?;
        assert_eq!(flags.as_slice::<bool>()?, [false, true]);
        Ok(())
    }
}
