//! The dataspace message: the shape of an array or attribute.
//!
//! HDF5 File Format Specification Version 3.0, IV.A.2.b "The Dataspace Message".

use crate::cursor::Cursor;
use crate::error::{Result, Section};

const SECTION: Section = Section::new("dataspace message", "IV.A.2.b");
/// The axes of an array at most.
pub(crate) const MOST_AXES: usize = 32;

/// The shape of an array or attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dataspace {
    /// No value at all.
    Null,
    /// One value, without axes.
    Scalar,
    /// Values along axes.
    Simple {
        /// The length of each axis.
        shape: Vec<u64>,
        /// How long each axis may become; `None` is without a limit.
        max_shape: Vec<Option<u64>>,
    },
}

impl Dataspace {
    pub(crate) fn parse(fields: &Cursor<'_>) -> Result<Self> {
        let mut fields = fields.clone().named(SECTION);
        let version = fields.version(1..=2)?;
        let (axes, flags) = (usize::from(fields.u8()?), fields.u8()?);
        if axes > MOST_AXES {
            return Err(fields.malformed(format!("{axes} axes, of which there are {MOST_AXES} at most")));
        }
        let kind = if version == 1 {
            fields.skip(5)?;
            u8::from(axes > 0)
        } else {
            fields.u8()?
        };
        match kind {
            0 if axes == 0 => return Ok(Self::Scalar),
            2 => return Ok(Self::Null),
            1 => {}
            kind => return Err(fields.malformed(format!("a dataspace of kind {kind} with {axes} axes"))),
        }
        let shape = (0..axes).map(|_| fields.length()).collect::<Result<Vec<_>>>()?;
        let max_shape = if flags & 1 == 0 {
            shape.iter().map(|&len| Some(len)).collect()
        } else {
            (0..axes).map(|_| fields.limit()).collect::<Result<Vec<_>>>()?
        };
        if shape.iter().zip(&max_shape).any(|(&len, max)| max.is_some_and(|max| len > max)) {
            return Err(fields.malformed(format!("an array of shape {shape:?}, of which {max_shape:?} is the limit")));
        }
        Ok(Self::Simple { shape, max_shape })
    }

    /// The length of each axis; empty for one value and for none.
    pub fn shape(&self) -> &[u64] {
        match self {
            Self::Simple { shape, .. } => shape,
            _ => &[],
        }
    }

    /// How long each axis may become; `None` is without a limit.
    pub fn max_shape(&self) -> &[Option<u64>] {
        match self {
            Self::Simple { max_shape, .. } => max_shape,
            _ => &[],
        }
    }

    /// The number of values; `None` if that exceeds 64 bits.
    ///
    /// ```
    /// use anndata_hdf5_meta::Dataspace;
    ///
    /// assert_eq!((Dataspace::Null.count(), Dataspace::Scalar.count()), (Some(0), Some(1)));
    /// let simple = Dataspace::Simple { shape: vec![2, 3], max_shape: vec![Some(2), None] };
    /// assert_eq!(simple.count(), Some(6));
    /// ```
    pub fn count(&self) -> Option<u64> {
        match self {
            Self::Null => Some(0),
            Self::Scalar => Some(1),
            Self::Simple { shape, .. } if shape.contains(&0) => Some(0),
            Self::Simple { shape, .. } => shape.iter().try_fold(1_u64, |count, &len| count.checked_mul(len)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::test::fields;

    fn parse(head: &[u8], lengths: &[u64]) -> Result<Dataspace> {
        let bytes: Vec<u8> = head.iter().copied().chain(lengths.iter().flat_map(|len| len.to_le_bytes())).collect();
        Dataspace::parse(&fields(&bytes))
    }

    #[test]
    fn both_versions_are_read() -> Result<()> {
        assert_eq!(parse(&[1, 0, 0, 0, 0, 0, 0, 0], &[])?, Dataspace::Scalar);
        assert_eq!(parse(&[2, 0, 0, 0], &[])?, Dataspace::Scalar);
        assert_eq!(parse(&[2, 0, 0, 2], &[])?, Dataspace::Null);
        let max_shape = vec![Some(4), None];
        assert_eq!(parse(&[2, 2, 1, 1], &[3, 5, 4, u64::MAX])?, Dataspace::Simple { shape: vec![3, 5], max_shape });
        let plain = parse(&[1, 1, 0, 0, 0, 0, 0, 0], &[3])?;
        assert_eq!((plain.shape(), plain.max_shape(), plain.count()), (&[3][..], &[Some(3)][..], Some(3)));
        let large = parse(&[2, 2, 0, 1], &[u64::MAX, 2])?;
        assert_eq!(large.count(), None);
        assert_eq!(parse(&[2, 3, 0, 1], &[u64::MAX, 2, 0])?.count(), Some(0));
        Ok(())
    }

    #[test]
    fn odd_ones_are_errors() {
        for (head, lengths, why) in [
            (&[2, 33, 0, 1][..], &[][..], "33 axes, of which there are 32 at most"),
            (&[2, 1, 1, 1], &[5, 4], "an array of shape [5], of which [Some(4)] is the limit"),
            (&[2, 1, 0, 0], &[5], "a dataspace of kind 0 with 1 axes"),
            (&[2, 1, 0, 3], &[5], "a dataspace of kind 3 with 1 axes"),
            (&[3, 1, 0, 1], &[5], "version 3 is not known"),
            (&[2, 2, 0, 1], &[5], "ends after 12 bytes, and 8 more are needed"),
        ] {
            assert_eq!(parse(head, lengths).unwrap_err().message(), why);
        }
    }
}
