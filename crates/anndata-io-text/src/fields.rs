//! The fields of lines: separated, quoted or not.

use std::borrow::Cow;

use anndata_core::DataFrame;
use anndata_storage::{Error, OrBug as _, Result};

use crate::number::float;
use crate::source::{Blocks, Source, at_line};

/// What separates the fields of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Delimiter {
    /// One ASCII character, such as `,` or a tab.
    Char(u8),
    /// Any number of spaces and tabs; those at the ends of a line separate nothing.
    Whitespace,
}

/// A field, and what follows its separator.
type Split<'a> = (Cow<'a, [u8]>, Option<&'a [u8]>);

/// The next field of a line and what follows its separator, `None` at the end of the line. A field in double quotes is given
/// without them, and may hold the separator; two double quotes in it are one.
pub(crate) fn next_field(line: &[u8], delimiter: Delimiter) -> Result<Split<'_>> {
    let line = match delimiter {
        Delimiter::Whitespace => line.trim_ascii_start(),
        Delimiter::Char(_) => line,
    };
    if let [b'"', quoted @ ..] = line {
        return quoted_field(quoted, delimiter);
    }
    let end = match delimiter {
        Delimiter::Char(delimiter) => memchr::memchr(delimiter, line),
        Delimiter::Whitespace => line.iter().position(u8::is_ascii_whitespace),
    };
    let Some(end) = end else { return Ok((Cow::Borrowed(line), None)) };
    let (field, rest) = line.split_at_checked(end).or_bug("a field beyond its line")?;
    Ok((Cow::Borrowed(field), following(rest, delimiter)))
}

fn quoted_field(quoted: &[u8], delimiter: Delimiter) -> Result<Split<'_>> {
    let unclosed = || Error::invalid_data("a field in quotes does not end in its line");
    let (mut field, mut rest) = (Cow::Borrowed(&[][..]), quoted);
    loop {
        let end = memchr::memchr(b'"', rest).ok_or_else(unclosed)?;
        let (part, after) = rest.split_at_checked(end).ok_or_else(unclosed)?;
        if field.is_empty() {
            field = Cow::Borrowed(part);
        } else {
            field.to_mut().extend_from_slice(part);
        }
        match after {
            [b'"', b'"', after @ ..] => {
                field.to_mut().push(b'"');
                rest = after;
            }
            [_, after @ ..] => {
                rest = after;
                break;
            }
            [] => return Err(unclosed()),
        }
    }
    let ends = match (delimiter, rest.first()) {
        (_, None) => true,
        (Delimiter::Char(delimiter), Some(&byte)) => byte == delimiter,
        (Delimiter::Whitespace, Some(byte)) => byte.is_ascii_whitespace(),
    };
    if !ends {
        return Err(Error::invalid_data("a field in quotes is followed by text"));
    }
    Ok((field, if rest.is_empty() { None } else { following(rest, delimiter) }))
}

/// What follows a separator.
fn following(rest: &[u8], delimiter: Delimiter) -> Option<&[u8]> {
    match delimiter {
        Delimiter::Char(_) => rest.get(1..),
        Delimiter::Whitespace => Some(rest.trim_ascii_start()).filter(|rest| !rest.is_empty()),
    }
}

/// All fields of a line.
pub(crate) fn fields(line: &[u8], delimiter: Delimiter) -> Result<Vec<Cow<'_, [u8]>>> {
    let (mut fields, mut rest) = (Vec::new(), Some(line));
    while let Some(line) = rest {
        let (field, after) = next_field(line, delimiter)?;
        fields.push(field);
        rest = after;
    }
    Ok(fields)
}

/// A field as text.
pub(crate) fn text(field: &[u8]) -> Result<&str> {
    std::str::from_utf8(field).map_err(|_| Error::invalid_data("the text is not UTF-8"))
}

/// The columns of a file of as many fields per line, as text. Empty lines are passed over.
pub(crate) fn columns(source: Source, delimiter: Delimiter) -> Result<Vec<Vec<String>>> {
    let path = source.path.clone();
    let mut columns: Vec<Vec<String>> = Vec::new();
    let mut blocks = Blocks::new(source);
    let mut first = true;
    while let Some(block) = blocks.next()? {
        for (number, line) in block.lines() {
            if line.is_empty() {
                continue;
            }
            let mut add = || {
                let fields = fields(line, delimiter)?;
                if first {
                    columns.resize_with(fields.len(), Vec::new);
                }
                if fields.len() != columns.len() {
                    return Err(ragged(columns.len(), fields.len()));
                }
                for (column, field) in columns.iter_mut().zip(&fields) {
                    column.push(text(field)?.to_owned());
                }
                Ok(())
            };
            add().map_err(|error: Error| at_line(error, number).in_file(&path))?;
            first = false;
        }
    }
    Ok(columns)
}

/// The error of a line with another number of fields than those before it.
pub(crate) fn ragged(expected: usize, found: usize) -> Error {
    Error::invalid_data(format!("expected {expected} fields, found {found}"))
}

/// A table with a header as a frame, whose columns are of the narrowest of these that all their values are: booleans,
/// integers, numbers (of which empty fields are NaN), text. The column `index` has the names of the rows; without it they are "0",
/// "1", ….
pub(crate) fn read_frame(source: Source, delimiter: Delimiter, index: Option<&str>) -> Result<DataFrame> {
    let path = source.path.clone();
    let columns = columns(source, delimiter)?;
    let rows = columns.first().map_or(0, |column| column.len().saturating_sub(1));
    let mut named: Vec<(String, Vec<String>)> = Vec::with_capacity(columns.len());
    for mut column in columns {
        if column.is_empty() {
            continue;
        }
        let name = column.remove(0);
        if named.iter().any(|(other, _)| *other == name) {
            return Err(Error::invalid_data(format!("two columns are called '{name}'")).in_file(path));
        }
        named.push((name, column));
    }
    let at = index.and_then(|index| named.iter().position(|(name, _)| name == index));
    let mut frame = match at {
        Some(at) => {
            let (name, labels) = named.remove(at);
            DataFrame::new(labels).with_index_name(Some(name))
        }
        None => DataFrame::unnamed(rows),
    };
    for (name, values) in named {
        insert_inferred(&mut frame, name, values)?;
    }
    Ok(frame)
}

fn insert_inferred(frame: &mut DataFrame, name: String, values: Vec<String>) -> Result<()> {
    let boolean = |text: &String| match text.as_str() {
        "True" | "TRUE" | "true" => Some(true),
        "False" | "FALSE" | "false" => Some(false),
        _ => None,
    };
    let number = |text: &String| if text.is_empty() { Some(f64::NAN) } else { float(text.as_bytes()) };
    if values.is_empty() {
        return frame.insert(name, values);
    }
    if let Some(booleans) = values.iter().map(boolean).collect::<Option<Vec<bool>>>() {
        return frame.insert(name, booleans);
    }
    if let Ok(integers) = values.iter().map(|text| text.parse()).collect::<Result<Vec<i64>, _>>() {
        return frame.insert(name, integers);
    }
    if values.iter().any(|text| !text.is_empty())
        && let Some(numbers) = values.iter().map(number).collect::<Option<Vec<f64>>>()
    {
        return frame.insert(name, numbers);
    }
    frame.insert(name, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_split_and_unquoted() -> Result<()> {
        let split = |line: &str, delimiter| -> Result<Vec<String>> {
            fields(line.as_bytes(), delimiter)?.iter().map(|field| text(field).map(str::to_owned)).collect()
        };
        let comma = Delimiter::Char(b',');
        assert_eq!(split("a,,b,", comma)?, ["a", "", "b", ""]);
        assert_eq!(split(r#""a,b","say ""hi""",c"#, comma)?, ["a,b", r#"say "hi""#, "c"]);
        assert_eq!(split("", comma)?, [""]);
        assert_eq!(split("  a \t b  ", Delimiter::Whitespace)?, ["a", "b"]);
        assert_eq!(split("\"a b\" c", Delimiter::Whitespace)?, ["a b", "c"]);
        assert_eq!(split("\"open", comma).unwrap_err().text(), "a field in quotes does not end in its line");
        assert_eq!(split("\"a\"b,c", comma).unwrap_err().text(), "a field in quotes is followed by text");
        Ok(())
    }
}
