//! Everything that is a selector: ranges, positions, masks and names.

use std::ops::{Bound, Range, RangeBounds, RangeFrom, RangeFull, RangeInclusive, RangeTo, RangeToInclusive};

use anndata_storage::AxisSelection;
use arrow_array::{BooleanArray, LargeStringArray, StringArray};

use super::{Kind, Selector};
use crate::Mask;

macro_rules! from_integers {
    ($($type:ty),*) => {
        $(
            impl From<$type> for Selector {
                fn from(position: $type) -> Self {
                    Self::from(std::slice::from_ref(&position))
                }
            }

            impl From<&[$type]> for Selector {
                fn from(positions: &[$type]) -> Self {
                    // Fallback: one beyond the numbers is out of bounds of every axis, as the largest number is.
                    let positions = positions.iter().map(|&at| i64::try_from(at).unwrap_or(i64::MAX)).collect();
                    Self(Kind::Positions { positions, from_end: false })
                }
            }

            impl<const N: usize> From<[$type; N]> for Selector {
                fn from(positions: [$type; N]) -> Self {
                    Self::from(positions.as_slice())
                }
            }

            impl From<Vec<$type>> for Selector {
                fn from(positions: Vec<$type>) -> Self {
                    Self::from(positions.as_slice())
                }
            }

            impl From<&Vec<$type>> for Selector {
                fn from(positions: &Vec<$type>) -> Self {
                    Self::from(positions.as_slice())
                }
            }

            impl<const N: usize> From<&[$type; N]> for Selector {
                fn from(positions: &[$type; N]) -> Self {
                    Self::from(positions.as_slice())
                }
            }

            impl FromIterator<$type> for Selector {
                fn from_iter<I: IntoIterator<Item = $type>>(positions: I) -> Self {
                    Self::from(positions.into_iter().collect::<Vec<_>>())
                }
            }

            from_ranges!($type: Range, RangeFrom, RangeTo, RangeInclusive, RangeToInclusive);
        )*
    };
}

macro_rules! from_ranges {
    ($type:ty: $($range:ident),*) => {
        $(impl From<$range<$type>> for Selector {
            fn from(range: $range<$type>) -> Self {
                // Fallback: as for positions.
                let bound = |bound: Bound<&$type>| bound.map(|&at| i64::try_from(at).unwrap_or(i64::MAX));
                Self(Kind::Range { start: bound(range.start_bound()), end: bound(range.end_bound()), step: 1 })
            }
        })*
    };
}

from_integers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl From<RangeFull> for Selector {
    fn from(_: RangeFull) -> Self {
        Self(Kind::Range { start: Bound::Unbounded, end: Bound::Unbounded, step: 1 })
    }
}

impl From<AxisSelection> for Selector {
    fn from(axis: AxisSelection) -> Self {
        Self(Kind::Axis(axis))
    }
}

impl From<&AxisSelection> for Selector {
    fn from(axis: &AxisSelection) -> Self {
        Self::from(axis.clone())
    }
}

impl From<Mask> for Selector {
    fn from(mask: Mask) -> Self {
        Self(Kind::Mask(mask.to_array()))
    }
}

impl From<&Mask> for Selector {
    fn from(mask: &Mask) -> Self {
        Self(Kind::Mask(mask.to_array()))
    }
}

impl From<&[bool]> for Selector {
    fn from(mask: &[bool]) -> Self {
        Self::from(Mask::from(mask))
    }
}

impl<const N: usize> From<&[bool; N]> for Selector {
    fn from(mask: &[bool; N]) -> Self {
        Self::from(mask.as_slice())
    }
}

impl From<&Vec<bool>> for Selector {
    fn from(mask: &Vec<bool>) -> Self {
        Self::from(mask.as_slice())
    }
}

impl FromIterator<bool> for Selector {
    fn from_iter<I: IntoIterator<Item = bool>>(mask: I) -> Self {
        Self::from(mask.into_iter().collect::<Mask>())
    }
}

impl<const N: usize> From<[bool; N]> for Selector {
    fn from(mask: [bool; N]) -> Self {
        Self::from(mask.as_slice())
    }
}

impl From<Vec<bool>> for Selector {
    fn from(mask: Vec<bool>) -> Self {
        Self::from(Mask::from(mask))
    }
}

impl From<&BooleanArray> for Selector {
    fn from(mask: &BooleanArray) -> Self {
        Self(Kind::Mask(mask.clone()))
    }
}

impl From<BooleanArray> for Selector {
    fn from(mask: BooleanArray) -> Self {
        Self(Kind::Mask(mask))
    }
}

impl From<&str> for Selector {
    fn from(name: &str) -> Self {
        Self(Kind::Name(name.to_owned()))
    }
}

impl From<&String> for Selector {
    fn from(name: &String) -> Self {
        Self::from(name.as_str())
    }
}

impl From<String> for Selector {
    fn from(name: String) -> Self {
        Self(Kind::Name(name))
    }
}

macro_rules! from_names {
    ($($type:ty),*) => {
        $(
            impl From<&[$type]> for Selector {
                fn from(names: &[$type]) -> Self {
                    Self(Kind::Names(LargeStringArray::from_iter_values(names)))
                }
            }

            impl<const N: usize> From<[$type; N]> for Selector {
                fn from(names: [$type; N]) -> Self {
                    Self::from(names.as_slice())
                }
            }

            impl<const N: usize> From<&[$type; N]> for Selector {
                fn from(names: &[$type; N]) -> Self {
                    Self::from(names.as_slice())
                }
            }

            impl From<Vec<$type>> for Selector {
                fn from(names: Vec<$type>) -> Self {
                    Self::from(names.as_slice())
                }
            }

            impl From<&Vec<$type>> for Selector {
                fn from(names: &Vec<$type>) -> Self {
                    Self::from(names.as_slice())
                }
            }
        )*
    };
}

from_names!(&str, String);

impl<'a> FromIterator<&'a str> for Selector {
    fn from_iter<I: IntoIterator<Item = &'a str>>(names: I) -> Self {
        Self(Kind::Names(LargeStringArray::from_iter_values(names)))
    }
}

impl FromIterator<String> for Selector {
    fn from_iter<I: IntoIterator<Item = String>>(names: I) -> Self {
        Self(Kind::Names(LargeStringArray::from_iter_values(names)))
    }
}

impl From<&LargeStringArray> for Selector {
    fn from(names: &LargeStringArray) -> Self {
        Self(Kind::Names(names.clone()))
    }
}

impl From<LargeStringArray> for Selector {
    fn from(names: LargeStringArray) -> Self {
        Self(Kind::Names(names))
    }
}

impl From<&StringArray> for Selector {
    fn from(names: &StringArray) -> Self {
        Self(Kind::Names(names.iter().collect()))
    }
}

impl From<StringArray> for Selector {
    fn from(names: StringArray) -> Self {
        Self::from(&names)
    }
}
