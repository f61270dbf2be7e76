//! Dtypes from their names: the inverse of [`Display`](std::fmt::Display).

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::{DType, Field, OpaqueType};
use crate::{Error, Result, TimeStep, TimeUnit};

/// How deep records may be within each other: deeper than any use, shallower than a stack.
const MAX_DEPTH: usize = 64;

/// Reads what [`Display`](fmt::Display) prints: `float32`, `S16`, `datetime64[ns]`, `record(a: int8, b: float64[2, 3])`. Types
/// of one format are read in the whole form that `{:#}` prints.
///
/// ```
/// use anndata_storage::DType;
///
/// assert_eq!("uint16".parse::<DType>()?, DType::U16);
/// let record: DType = "record(id: int64, place: float32[2, 3], \"a, b\": U8)".parse()?;
/// assert_eq!(record.size(), Some(8 + 24 + 32));
/// assert_eq!(record.to_string().parse::<DType>()?, record);
///
/// let error = "float".parse::<DType>().unwrap_err();
/// assert!(error.is_dtype());
/// # Ok::<(), anndata_storage::Error>(())
/// ```
impl FromStr for DType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut rest = Rest(text);
        let parsed = rest.dtype(0).filter(|_| rest.0.is_empty());
        parsed.ok_or_else(|| {
            Error::dtype(format!(
                "'{text}' is not a dtype: it is not understood from '{}' on; expected a name such as 'float32', 'string', \
                 'S16', 'datetime64[ns]' or 'record(a: int8, b: float64[2, 3])'",
                rest.0
            ))
        })
    }
}

/// A text within a dtype: as it is, or in quotes as JSON has them, where it would be taken for more than that.
pub(super) struct Quoted<'a>(pub(super) &'a str, pub(super) &'static [char]);

/// What ends the name of a field.
pub(super) const IN_NAME: &[char] = &['"', '\\', ':', ',', '(', ')', '[', ']'];

/// What ends the description of an unknown dtype.
pub(super) const IN_TEXT: &[char] = &['"', '\\', '(', ')'];

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, special) = *self;
        if text.is_empty() || text.trim() != text || text.contains(|c: char| c.is_control() || special.contains(&c)) {
            return serde_json::Value::from(text).fmt(f);
        }
        f.write_str(text)
    }
}

/// The whole form of a type of one format.
pub(super) fn whole(opaque: &OpaqueType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let (format, description) = (quoted(opaque.format()), quoted(opaque.description()));
    let (key, encoded) = (hex(opaque.key()), hex(opaque.encoded()));
    write!(f, "opaque({format}, {description}, {key}, {encoded}, ")?;
    match opaque.size() {
        _ if opaque.is_reference() => f.write_str("references)"),
        None => f.write_str("lists)"),
        Some(size) => write!(f, "{size})"),
    }
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::from("0x"), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What is left to read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    /// Reads a text, if it is the next.
    fn take(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// Reads what comes before one of these characters.
    fn until(&mut self, ends: &[char]) -> &str {
        let (text, rest) = self.0.split_at(self.0.find(ends).unwrap_or(self.0.len()));
        self.0 = rest;
        text
    }

    fn number<T: FromStr>(&mut self) -> Option<T> {
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits.parse().ok()
    }

    /// A text in quotes.
    fn quoted(&mut self) -> Option<String> {
        let mut texts = serde_json::Deserializer::from_str(self.0).into_iter::<String>();
        let text = texts.next()?.ok()?;
        self.0 = self.0.get(texts.byte_offset()..)?;
        Some(text)
    }

    /// A text as [`Quoted`] prints it.
    fn text(&mut self, special: &[char]) -> Option<String> {
        if self.0.starts_with('"') {
            return self.quoted();
        }
        Some(self.until(special).to_owned()).filter(|text| !text.is_empty())
    }

    fn bytes(&mut self) -> Option<Arc<[u8]>> {
        self.take("0x")?;
        let digits = self.until(&[',']).as_bytes();
        let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
        let byte = |pair: &[u8]| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        };
        digits.chunks(2).map(byte).collect()
    }

    fn dtype(&mut self, depth: usize) -> Option<DType> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.take("record(").is_some() {
            return self.fields(depth).map(|fields| DType::Compound(fields.into()));
        }
        if self.take("unknown(").is_some() {
            let text = self.text(IN_TEXT)?;
            self.take(")")?;
            return Some(DType::Unknown(text.into()));
        }
        if self.take("opaque(").is_some() {
            return self.opaque().map(DType::Opaque);
        }
        if self.take("utf8[").is_some() {
            let width = self.number()?;
            self.take("]")?;
            return Some(DType::FixedUtf8(width));
        }
        for (prefix, of) in [("S", DType::FixedBytes as fn(usize) -> DType), ("U", DType::FixedUtf32)] {
            if self.take(prefix).is_some() {
                return self.number().map(of);
            }
        }
        for (name, of) in [("datetime64", DType::Datetime as fn(TimeStep) -> DType), ("timedelta64", DType::Timedelta)]
        {
            if self.take(name).is_some() {
                return self.step().map(of);
            }
        }
        let end = self.0.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(end);
        let dtype = DType::NUMERIC.into_iter().chain([DType::String]).find(|dtype| dtype.to_string() == name)?;
        self.0 = rest;
        Some(dtype)
    }

    /// The step of times; without brackets, or where these are those of a shape, it is none.
    fn step(&mut self) -> Option<TimeStep> {
        let within = self.0.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        match within {
            Some((step, rest)) if step.contains(|c: char| c.is_ascii_alphabetic()) => {
                self.0 = rest;
                step.parse().ok()
            }
            _ => Some(TimeUnit::Generic.into()),
        }
    }

    /// The fields of a record, and the parenthesis after them.
    fn fields(&mut self, depth: usize) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        if self.take(")").is_some() {
            return Some(fields);
        }
        loop {
            let name = self.text(IN_NAME)?;
            self.take(": ")?;
            let dtype = self.dtype(depth + 1)?;
            fields.push(Field { name: name.into(), dtype, shape: self.shape()? });
            if self.take(")").is_some() {
                return Some(fields);
            }
            self.take(", ")?;
        }
    }

    /// The shape of a field, if it has one.
    fn shape(&mut self) -> Option<Vec<usize>> {
        let mut shape = Vec::new();
        if self.take("[").is_none() {
            return Some(shape);
        }
        loop {
            shape.push(self.number()?);
            if self.take("]").is_some() {
                return Some(shape);
            }
            self.take(", ")?;
        }
    }

    fn opaque(&mut self) -> Option<OpaqueType> {
        let format = self.quoted()?;
        self.take(", ")?;
        let description = self.quoted()?;
        self.take(", ")?;
        let key = self.bytes()?;
        self.take(", ")?;
        let encoded = self.bytes()?;
        self.take(", ")?;
        if self.take("references)").is_some() {
            return Some(OpaqueType::references(format, description, key, encoded));
        }
        let size = if self.take("lists").is_some() { None } else { Some(self.number()?) };
        self.take(")")?;
        Some(OpaqueType::new(format, description, key, encoded, size))
    }
}
