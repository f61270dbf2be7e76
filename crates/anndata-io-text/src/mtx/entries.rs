//! The lines of entries and values, the part of the reader that everything waits for.

use anndata_storage::{Error, Result};

use super::header::{Field, Header, Symmetry, check_cell, malformed};
use crate::number::{Number, digits, float};
use crate::source::{Block, shown};

/// The largest integer below which every one is a double.
const EXACT: u64 = 1 << 53;

/// Calls `push` with row, column and value of each entry, and of its mirror image in a symmetric matrix. Gives how many
/// entries the block has.
pub(super) fn parse_entries<T: Number>(
    block: &Block,
    header: &Header,
    mut push: impl FnMut(u32, u32, T),
) -> Result<u64> {
    let (mut rest, mut lines) = (skip_blank(&block.bytes), 0_u64);
    let mut before = Before::default();
    while !rest.is_empty() {
        let Some((row, column, value, after)) = entry::<T>(rest, header.field, &mut before) else {
            return Err(malformed(block, rest, not_an_entry(rest, header.field)));
        };
        let (rows, columns) = (u64::from(header.rows), u64::from(header.columns));
        let inside = row.wrapping_sub(1) < rows && column.wrapping_sub(1) < columns;
        // What is within the axes fits.
        let (Ok(row), Ok(column), true) = (u32::try_from(row), u32::try_from(column), inside) else {
            let outside = check_cell(header, row, column).map(drop);
            return Err(malformed(block, rest, outside.err().unwrap_or_else(|| not_an_entry(rest, header.field))));
        };
        let (row, column) = (row - 1, column - 1);
        push(row, column, value);
        if header.symmetry != Symmetry::General {
            match header.symmetry {
                Symmetry::Skew if row == column => {
                    let error = Error::invalid_data("a skew-symmetric matrix has no values on its diagonal");
                    return Err(malformed(block, rest, error));
                }
                Symmetry::Skew => push(column, row, value.negated()),
                _ if row != column => push(column, row, value),
                _ => {}
            }
        }
        lines += 1;
        rest = skip_blank(after);
    }
    Ok(lines)
}

/// The values of the lines of an array.
pub(super) fn parse_array<T: Number>(block: &Block, header: &Header) -> Result<Vec<T>> {
    let (mut rest, mut values) = (skip_blank(&block.bytes), Vec::with_capacity(block.bytes.len() / 3));
    while !rest.is_empty() {
        let Some((value, after)) = value::<T>(rest, header.field).and_then(|(value, after)| Some((value, end(after)?)))
        else {
            let error = Error::invalid_data(format!("expected {}, found {}", kind(header.field), shown(line(rest))));
            return Err(malformed(block, rest, error));
        };
        values.push(value);
        rest = skip_blank(after);
    }
    Ok(values)
}

/// The column of the line before, which in most files is that of many lines that follow.
#[derive(Debug, Default)]
struct Before {
    column: u64,
    /// Its text, and the byte behind it, within eight bytes; and which of these it takes.
    text: u64,
    mask: u64,
    len: usize,
}

impl Before {
    /// The column, and what follows it.
    #[inline]
    fn column<'a>(&mut self, bytes: &'a [u8]) -> Option<(u64, &'a [u8])> {
        let word = bytes.first_chunk().map(|word| u64::from_le_bytes(*word));
        if let Some(word) = word
            && self.len > 0
            && word & self.mask == self.text
        {
            return Some((self.column, bytes.get(self.len..)?));
        }
        let (column, rest) = digits(bytes)?;
        let len = bytes.len() - rest.len();
        *self = Self::default();
        if let Some(word) = word.filter(|_| len < 8) {
            // The byte behind it as well, as it says that no digit follows.
            let mask = u64::MAX >> (64 - 8 * (len + 1));
            *self = Self { column, text: word & mask, mask, len };
        }
        Some((column, rest))
    }
}

/// Row, column and value of one line, and what follows it.
#[inline]
fn entry<'a, T: Number>(bytes: &'a [u8], field: Field, before: &mut Before) -> Option<(u64, u64, T, &'a [u8])> {
    let (row, rest) = digits(bytes)?;
    let (column, rest) = before.column(gap(rest)?)?;
    if field == Field::Pattern {
        return Some((row, column, T::from_integer(1), end(rest)?));
    }
    let rest = gap(rest)?;
    if let [digit @ b'0'..=b'9', b'\n', after @ ..] = rest {
        return Some((row, column, T::from_integer(i64::from(digit - b'0')), after));
    }
    let (value, rest) = value(rest, field)?;
    Some((row, column, value, end(rest)?))
}

#[inline]
fn value<T: Number>(bytes: &[u8], field: Field) -> Option<(T, &[u8])> {
    if let Some((value, rest)) = digits(bytes)
        && value < EXACT
        && matches!(rest, [] | [b' ' | b'\t' | b'\r' | b'\n', ..])
    {
        return Some((T::from_integer(i64::try_from(value).ok()?), rest));
    }
    other_value(bytes, field)
}

/// A value that is not a short integer without a sign.
fn other_value<T: Number>(bytes: &[u8], field: Field) -> Option<(T, &[u8])> {
    let end = bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len());
    let (word, rest) = bytes.split_at_checked(end)?;
    let integer = || std::str::from_utf8(word).ok()?.parse::<i64>().ok();
    match field {
        Field::Integer => match integer() {
            Some(value) => Some((T::from_integer(value), rest)),
            // One of 64 bits without a sign.
            None => {
                digits(word).filter(|(_, rest)| rest.is_empty()).and_then(|_| Some((T::from_float(float(word)?), rest)))
            }
        },
        Field::Real | Field::Pattern => Some((T::from_float(float(word)?), rest)),
    }
}

/// What follows the space between two numbers, which has to be there.
#[inline]
fn gap(bytes: &[u8]) -> Option<&[u8]> {
    let [b' ' | b'\t', rest @ ..] = bytes else { return None };
    Some(skip_space(rest))
}

/// What follows a line whose numbers were read.
#[inline]
fn end(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [b'\n', rest @ ..] => Some(rest),
        [] => Some(bytes),
        _ => match skip_space(bytes) {
            [b'\n', rest @ ..] => Some(rest),
            [] => Some(&[]),
            _ => None,
        },
    }
}

#[inline]
fn skip_space(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// What follows empty lines, and spaces at the beginning of a line.
#[inline]
fn skip_blank(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

/// The line that some bytes begin with.
fn line(bytes: &[u8]) -> &[u8] {
    let line = bytes.split(|&byte| byte == b'\n').next().unwrap_or_default();
    line.trim_ascii_end()
}

fn kind(field: Field) -> &'static str {
    match field {
        Field::Real | Field::Pattern => "a number",
        Field::Integer => "an integer",
    }
}

fn not_an_entry(bytes: &[u8], field: Field) -> Error {
    let expected = match field {
        Field::Pattern => "row and column".to_owned(),
        Field::Real | Field::Integer => format!("row, column and {}", kind(field)),
    };
    Error::invalid_data(format!("expected {expected}, found {}", shown(line(bytes))))
}
