//! Values to store: the same for the same question, so that a check knows what was written.

use std::num::NonZeroU32;

use crate::{AlignedBytes, Array, ArraySpec, AxisSelection, DType, Field, Group, Result, Tensor, TimeStep, TimeUnit};

/// A small generator of numbers (SplitMix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where `end` is 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// A selection of every kind along an axis.
    pub(super) fn axis(&mut self, len: u64) -> AxisSelection {
        match self.below(6) {
            0 => AxisSelection::Range(0..len),
            1 => {
                let at = self.below(len + 1);
                AxisSelection::Range(at..at)
            }
            2 | 3 => {
                let start = self.below(len);
                AxisSelection::Range(start..start + self.below(len - start + 1))
            }
            4 => (0..len).filter(|_| self.below(2) == 0).collect::<Vec<_>>().into(),
            _ => {
                (0..if len == 0 { 0 } else { self.below(2 * len) }).map(|_| self.below(len)).collect::<Vec<_>>().into()
            }
        }
    }
}

/// The dtypes that every backend stores.
pub(super) fn required_dtypes() -> Vec<DType> {
    use DType::{Bool, F32, F64, I8, I16, I32, I64, String, U8, U16, U32, U64};
    vec![Bool, I8, I16, I32, I64, U8, U16, U32, U64, F32, F64, String]
}

/// The dtypes that a backend may lack.
pub(super) fn optional_dtypes() -> Vec<DType> {
    use DType::{Complex64, Complex128, F16, FixedBytes, FixedUtf8, FixedUtf32};
    vec![F16, Complex64, Complex128, FixedBytes(5), FixedUtf8(7), FixedUtf32(3), record()]
}

/// Dates and spans of time, and records with one; [`Capabilities::times`](crate::Capabilities::times) says whether they
/// are stored.
pub(super) fn times() -> Vec<DType> {
    let step = |unit, count| TimeStep::new(unit, NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN));
    let (dates, spans) = (DType::Datetime(step(TimeUnit::Nanosecond, 1)), DType::Timedelta(step(TimeUnit::Second, 25)));
    let record = DType::Compound([Field::new("flag", DType::U8), Field::new("when", dates.clone())].into());
    vec![dates, DType::Datetime(step(TimeUnit::Generic, 1)), spans, record]
}

/// Records of fields that differ in size, one of them with an axis of its own.
pub(super) fn record() -> DType {
    let pair = Field { name: "pair".into(), dtype: DType::F32, shape: vec![2] };
    DType::Compound([Field::new("id", DType::I64), Field::new("flag", DType::U8), pair].into())
}

/// Records with text of any length.
pub(super) fn text_record() -> DType {
    DType::Compound([Field::new("score", DType::F32), Field::new("name", DType::String)].into())
}

/// Texts that are easily spoiled.
pub(super) const WORDS: [&str; 9] =
    ["", "a", "naïve", "日本語のテキスト", " spaces around ", "line\nbreak\ttab", "\"quoted\" \\ 'text'", "🧬", "0"];

/// Values of a dtype: all bit patterns for numbers, [`WORDS`] for text.
pub(super) fn values(dtype: &DType, shape: &[u64], seed: u64) -> Result<Tensor> {
    let shape = lens(shape);
    let len: usize = shape.iter().product();
    let mut random = Random::new(seed);
    match dtype {
        DType::String => {
            let texts = (0..len).map(|_| match random.below(12) {
                10 => "long ".repeat(200),
                11 => random.next().to_string(),
                i => WORDS.iter().cycle().nth(lens(&[i]).iter().sum()).copied().unwrap_or_default().to_owned(),
            });
            Tensor::from_strings(shape, texts.collect::<Vec<_>>())
        }
        DType::Compound(fields) => {
            let columns = fields.iter().map(|field| {
                let inner: Vec<u64> = [&shape[..], &field.shape].concat().iter().map(|&n| n as u64).collect();
                Ok((field.name.clone(), values(&field.dtype, &inner, random.next())?))
            });
            Tensor::from_fields(shape.clone(), columns.collect::<Result<Vec<_>>>()?)
        }
        dtype => {
            let mut bytes = AlignedBytes::zeroed(len * dtype.size().unwrap_or(0));
            let cell = if matches!(dtype, DType::FixedUtf32(_)) { 4 } else { 1 };
            for cell in bytes.as_mut_slice().chunks_mut(cell) {
                let number = random.next().to_le_bytes()[0];
                let value = match dtype {
                    DType::Bool => number & 1,
                    dtype if dtype.is_text() => b'a' + number % 26,
                    _ => number,
                };
                match cell {
                    [byte] => *byte = value,
                    point => point.copy_from_slice(&u32::from(value).to_ne_bytes()),
                }
            }
            Tensor::new(dtype.clone(), shape, bytes)
        }
    }
}

/// Small numbers as values of another dtype: 0 becomes what is read where nothing was written.
pub(super) fn from_numbers(numbers: &Tensor, dtype: &DType) -> Result<Tensor> {
    match dtype {
        DType::String => {
            let texts = numbers.as_slice::<i32>()?.iter().map(|&n| if n == 0 { String::new() } else { n.to_string() });
            Tensor::from_strings(numbers.shape(), texts)
        }
        DType::Compound(fields) => {
            let columns = fields.iter().map(|field| Ok((field.name.clone(), from_numbers(numbers, &field.dtype)?)));
            Tensor::from_fields(numbers.shape(), columns.collect::<Result<Vec<_>>>()?)
        }
        dtype => numbers.cast(dtype),
    }
}

/// Chunks that leave an odd rest at the end of most axes.
pub(super) fn odd_chunks(shape: &[u64]) -> Vec<u64> {
    shape.iter().map(|&len| (len / 2).max(1)).collect()
}

/// Lengths in memory.
pub(super) fn lens(shape: &[u64]) -> Vec<usize> {
    shape.iter().map(|&len| usize::try_from(len).unwrap_or(usize::MAX)).collect()
}

/// Makes an array and writes it whole; `None` if the backend may lack it and says so.
pub(super) fn store(
    root: &Group,
    key: &str,
    spec: &ArraySpec,
    values: &Tensor,
    optional: bool,
) -> Result<Option<Array>> {
    match root.create_array(key, spec) {
        Err(error) if optional && error.is_unsupported() => {
            assert!(!root.contains(key)?, "'{key}' was refused but is there");
            Ok(None)
        }
        Err(error) => Err(error),
        Ok(array) => {
            array.write(&vec![0; spec.ndim()], values)?;
            Ok(Some(array))
        }
    }
}

/// An array that must be there unless it is optional.
pub(super) fn stored(root: &Group, key: &str, optional: bool) -> Result<Option<Array>> {
    if optional && !root.contains(key)? { Ok(None) } else { root.array(key).map(Some) }
}
