//! JSON as zarr writers write it: also with the bare `NaN` and `Infinity` of Python's writer.

use anndata_storage::Result;
use serde_json::Value;

use super::{Document, malformed};

/// The object in a metadata value.
///
/// Bare `NaN`, `Infinity` and `-Infinity`, which are not JSON, become text, as zarr spells them elsewhere. A byte order
/// mark, which editors put before text, is left out.
pub(crate) fn parse(bytes: &[u8]) -> Result<Document> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let parsed = serde_json::from_slice::<Value>(bytes)
        .or_else(|error| serde_json::from_slice::<Value>(&quote_numbers(bytes)).map_err(|_| error));
    match parsed {
        Ok(Value::Object(document)) => Ok(document),
        Ok(_) => Err(malformed("the metadata are not a JSON object")),
        Err(error) => Err(malformed("the metadata are not JSON").with_source(error)),
    }
}

/// The bytes of a document.
pub(crate) fn to_bytes(document: &Document) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(document).map_err(|error| malformed("metadata that are not JSON").with_source(error))
}

/// Puts quotes around bare words that Python writes for numbers that JSON lacks.
fn quote_numbers(bytes: &[u8]) -> Vec<u8> {
    const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let mut out = Vec::with_capacity(bytes.len() + 16);
    let (mut rest, mut in_text) = (bytes, false);
    while let Some((&byte, after)) = rest.split_first() {
        let word = WORDS.iter().find(|word| !in_text && rest.starts_with(word));
        if let Some(word) = word {
            out.push(b'"');
            out.extend_from_slice(word);
            out.push(b'"');
            rest = rest.get(word.len()..).unwrap_or_default();
            continue;
        }
        out.push(byte);
        rest = after;
        match (byte, after.split_first()) {
            (b'"', _) => in_text = !in_text,
            (b'\\', Some((&escaped, after))) if in_text => {
                out.push(escaped);
                rest = after;
            }
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_numbers_become_text_and_texts_stay() -> Result<()> {
        let document = parse(br#"{"a": NaN, "b": [-Infinity, 1], "c": "NaN \" NaN", "Infinity": Infinity}"#)?;
        assert_eq!(document["a"], "NaN");
        assert_eq!(document["b"][0], "-Infinity");
        assert_eq!(document["c"], "NaN \" NaN");
        assert_eq!(document["Infinity"], "Infinity");
        assert_eq!(parse("\u{feff}{\"a\": NaN}".as_bytes())?["a"], "NaN");
        for malformed in [&b"[1]"[..], b"{", b"\"\\"] {
            let error = parse(malformed).unwrap_err();
            assert!(error.is_invalid_data(), "{}: {error:?}", malformed.escape_ascii());
        }
        Ok(())
    }
}
