//! Forms from and to JSON, in every spelling that awkward reads.

use anndata_storage::{Error, Result};
use serde_json::{Map, Value, json};

use super::form::{Form, FormKind, IndexType, Primitive};

/// How deep forms may be nested.
const MAX_DEPTH: usize = 64;

/// Reads a form: a JSON object, a JSON string with the name of a primitive, or that name alone.
pub(super) fn parse(text: &str) -> Result<Form> {
    if let Some(primitive) = Primitive::parse(text.trim()) {
        return Ok(bare(primitive));
    }
    let value: Value = serde_json::from_str(text)
        .map_err(|error| Error::invalid_data("the form of the awkward array is not valid JSON").with_source(error))?;
    form(&value, 0)
}

fn bare(primitive: Primitive) -> Form {
    Form { kind: FormKind::Numpy { primitive, inner_shape: Vec::new() }, parameters: Map::new(), form_key: None }
}

fn form(value: &Value, depth: usize) -> Result<Form> {
    if depth >= MAX_DEPTH {
        return Err(Error::limit_exceeded(format!("the awkward form is nested deeper than {MAX_DEPTH}")));
    }
    let object = match value {
        Value::String(name) => {
            return Primitive::parse(name).map(bare).ok_or_else(|| unknown_primitive("of the awkward form", name));
        }
        Value::Object(object) => object,
        other => {
            return Err(Error::invalid_data(format!("an awkward form is a JSON object or a string, not {other}")));
        }
    };
    let node = Node { object, depth };
    let form = Form { kind: node.kind()?, parameters: node.parameters()?, form_key: node.form_key()? };
    form.check()?;
    Ok(form)
}

fn unknown_primitive(what: &str, name: &str) -> Error {
    if matches!(name, "float128" | "complex256") {
        return Error::unsupported(format!("the primitive {what}, {name}, exists on some machines only"));
    }
    Error::invalid_data(format!("the primitive {what}, {name:?}, is not one that awkward knows"))
}

/// A JSON object that is to be a node.
struct Node<'a> {
    object: &'a Map<String, Value>,
    depth: usize,
}

impl Node<'_> {
    fn kind(&self) -> Result<FormKind> {
        let class = self.text("class")?;
        Ok(match class {
            "NumpyArray" => FormKind::Numpy { primitive: self.primitive()?, inner_shape: self.inner_shape()? },
            "EmptyArray" => FormKind::Empty,
            "RegularArray" => FormKind::Regular { size: self.size()?, content: self.content()? },
            "ListArray" | "ListArray32" | "ListArrayU32" | "ListArray64" => {
                let starts = self.index("starts")?;
                if self.index("stops")? != starts {
                    return Err(self.error("starts and stops are of different types"));
                }
                FormKind::List { starts, content: self.content()? }
            }
            "ListOffsetArray" | "ListOffsetArray32" | "ListOffsetArrayU32" | "ListOffsetArray64" => {
                FormKind::ListOffset { offsets: self.index("offsets")?, content: self.content()? }
            }
            "RecordArray" => self.record()?,
            "IndexedArray" | "IndexedArray32" | "IndexedArrayU32" | "IndexedArray64" => {
                FormKind::Indexed { index: self.index("index")?, content: self.content()? }
            }
            "IndexedOptionArray" | "IndexedOptionArray32" | "IndexedOptionArray64" => {
                FormKind::IndexedOption { index: self.index("index")?, content: self.content()? }
            }
            "ByteMaskedArray" => {
                self.expect("mask", "i8")?;
                FormKind::ByteMasked { valid_when: self.boolean("valid_when")?, content: self.content()? }
            }
            "BitMaskedArray" => {
                self.expect("mask", "u8")?;
                FormKind::BitMasked {
                    valid_when: self.boolean("valid_when")?,
                    lsb_order: self.boolean("lsb_order")?,
                    content: self.content()?,
                }
            }
            "UnmaskedArray" => FormKind::Unmasked { content: self.content()? },
            "UnionArray" | "UnionArray8_32" | "UnionArray8_U32" | "UnionArray8_64" => {
                self.expect("tags", "i8")?;
                FormKind::Union { index: self.index("index")?, contents: self.contents()? }
            }
            other => return Err(Error::unsupported(format!("the awkward class {other:?} is not known"))),
        })
    }

    /// Fields are a list of names, or `null` for tuples; older forms have an object, or a list for tuples.
    fn record(&self) -> Result<FormKind> {
        let fields = match (self.object.get("fields"), self.object.get("contents")) {
            (None, Some(Value::Object(contents))) => Some(contents.keys().cloned().collect()),
            (None | Some(Value::Null), _) => None,
            (Some(Value::Array(fields)), _) => Some(
                fields
                    .iter()
                    .map(|field| field.as_str().map(str::to_owned).ok_or_else(|| self.error("a field has no name")))
                    .collect::<Result<_>>()?,
            ),
            (Some(_), _) => return Err(self.error("`fields` is neither a list nor null")),
        };
        let contents = match self.object.get("contents") {
            Some(Value::Object(contents)) if !self.object.contains_key("fields") => {
                contents.values().map(|content| form(content, self.depth + 1)).collect::<Result<_>>()?
            }
            _ => self.contents()?,
        };
        Ok(FormKind::Record { fields, contents })
    }

    fn contents(&self) -> Result<Vec<Form>> {
        match self.object.get("contents") {
            Some(Value::Array(contents)) => contents.iter().map(|content| form(content, self.depth + 1)).collect(),
            _ => Err(self.error("`contents` is not a list")),
        }
    }

    fn content(&self) -> Result<Box<Form>> {
        match self.object.get("content") {
            Some(content) => form(content, self.depth + 1).map(Box::new),
            None => Err(self.error("`content` is missing")),
        }
    }

    fn primitive(&self) -> Result<Primitive> {
        let name = self.text("primitive")?;
        Primitive::parse(name).ok_or_else(|| unknown_primitive(&format!("of {}", self.name()), name))
    }

    fn inner_shape(&self) -> Result<Vec<usize>> {
        let Some(shape) = self.object.get("inner_shape") else { return Ok(Vec::new()) };
        let lengths = shape.as_array().ok_or_else(|| self.error("`inner_shape` is not a list"))?;
        if lengths.len() > MAX_DEPTH {
            return Err(Error::limit_exceeded(format!("{} has more than {MAX_DEPTH} axes", self.name())));
        }
        lengths.iter().map(|length| self.length("inner_shape", length)).collect()
    }

    fn size(&self) -> Result<usize> {
        self.length("size", self.object.get("size").unwrap_or(&Value::Null))
    }

    fn length(&self, key: &str, value: &Value) -> Result<usize> {
        value
            .as_u64()
            .and_then(|length| usize::try_from(length).ok())
            .ok_or_else(|| self.error(&format!("`{key}` holds {value}, which is not a length")))
    }

    fn index(&self, key: &str) -> Result<IndexType> {
        let name = self.text(key)?;
        IndexType::parse(name).ok_or_else(|| self.error(&format!("`{key}` is {name:?}, not i32, u32 or i64")))
    }

    fn expect(&self, key: &str, expected: &str) -> Result<()> {
        match self.text(key)? {
            found if found == expected => Ok(()),
            found => Err(self.error(&format!("`{key}` is {found:?}, not {expected:?}"))),
        }
    }

    fn boolean(&self, key: &str) -> Result<bool> {
        self.object
            .get(key)
            .and_then(Value::as_bool)
            .ok_or_else(|| self.error(&format!("`{key}` is missing or not a boolean")))
    }

    fn text(&self, key: &str) -> Result<&str> {
        self.object
            .get(key)
            .and_then(Value::as_str)
            .ok_or_else(|| self.error(&format!("`{key}` is missing or not text")))
    }

    fn parameters(&self) -> Result<Map<String, Value>> {
        match self.object.get("parameters") {
            None | Some(Value::Null) => Ok(Map::new()),
            Some(Value::Object(parameters)) => Ok(parameters.clone()),
            Some(_) => Err(self.error("`parameters` is not an object")),
        }
    }

    fn form_key(&self) -> Result<Option<String>> {
        match self.object.get("form_key") {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(key)) => Ok(Some(key.clone())),
            Some(_) => Err(self.error("`form_key` is not text")),
        }
    }

    /// The node in words, for messages.
    fn name(&self) -> String {
        let text = |key| self.object.get(key).and_then(Value::as_str);
        format!("awkward node `{}` ({})", text("form_key").unwrap_or("None"), text("class").unwrap_or("no class"))
    }

    fn error(&self, message: &str) -> Error {
        Error::invalid_data(format!("{}: {message}", self.name()))
    }
}

/// A form as awkward writes it.
pub(super) fn to_value(form: &Form) -> Value {
    let class = form.class();
    let content = || form.contents().first().map_or(Value::Null, to_value);
    let contents = || form.contents().iter().map(to_value).collect::<Vec<_>>();
    let mut value = match &form.kind {
        FormKind::Empty => json!({ "class": class }),
        FormKind::Numpy { primitive, inner_shape } => {
            json!({ "class": class, "primitive": primitive.to_string(), "inner_shape": inner_shape })
        }
        FormKind::ListOffset { offsets, .. } => {
            json!({ "class": class, "offsets": offsets.to_string(), "content": content() })
        }
        FormKind::List { starts, .. } => {
            json!({ "class": class, "starts": starts.to_string(), "stops": starts.to_string(), "content": content() })
        }
        FormKind::Regular { size, .. } => json!({ "class": class, "size": size, "content": content() }),
        FormKind::Record { fields, .. } => json!({ "class": class, "fields": fields, "contents": contents() }),
        FormKind::Indexed { index, .. } | FormKind::IndexedOption { index, .. } => {
            json!({ "class": class, "index": index.to_string(), "content": content() })
        }
        FormKind::ByteMasked { valid_when, .. } => {
            json!({ "class": class, "mask": "i8", "valid_when": valid_when, "content": content() })
        }
        FormKind::BitMasked { valid_when, lsb_order, .. } => json!({
            "class": class, "mask": "u8", "valid_when": valid_when, "lsb_order": lsb_order, "content": content()
        }),
        FormKind::Unmasked { .. } => json!({ "class": class, "content": content() }),
        FormKind::Union { index, .. } => {
            json!({ "class": class, "tags": "i8", "index": index.to_string(), "contents": contents() })
        }
    };
    if let Some(object) = value.as_object_mut() {
        object.insert("parameters".into(), Value::Object(form.parameters.clone()));
        object.insert("form_key".into(), form.form_key.as_deref().map_or(Value::Null, Value::from));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_written_as_they_are_read() -> Result<()> {
        let text = r#"{"class":"RecordArray","fields":["a","b"],"contents":[
            {"class":"UnionArray","tags":"i8","index":"i64","contents":[
                {"class":"NumpyArray","primitive":"datetime64[15us]","inner_shape":[2,3],"parameters":{},"form_key":"node2"},
                {"class":"EmptyArray","parameters":{},"form_key":"node3"}],"parameters":{},"form_key":"node1"},
            {"class":"BitMaskedArray","mask":"u8","valid_when":true,"lsb_order":false,"content":
                {"class":"ListArray","starts":"u32","stops":"u32","content":
                    {"class":"RegularArray","size":3,"content":
                        {"class":"NumpyArray","primitive":"bool","inner_shape":[],"parameters":{},"form_key":"node7"},
                    "parameters":{"x":[1]},"form_key":"node6"},"parameters":{},"form_key":"node5"},
            "parameters":{},"form_key":"node4"}],"parameters":{"__record__":"point"},"form_key":"node0"}"#;
        let form = parse(text)?;
        assert_eq!(form.record_name(), Some("point"));
        assert_eq!(to_value(&form), serde_json::from_str::<Value>(text).unwrap());
        Ok(())
    }

    #[test]
    fn older_and_short_spellings_are_read() -> Result<()> {
        for text in ["int64", "\"int64\"", r#"{"class":"NumpyArray","primitive":"int64","itemsize":8,"format":"l"}"#] {
            let form = parse(text)?;
            assert_eq!(
                form.kind,
                FormKind::Numpy { primitive: Primitive::Number(anndata_storage::DType::I64), inner_shape: vec![] }
            );
            assert_eq!(form.buffer_name("data"), "None-data");
        }
        let old = parse(
            r#"{"class":"RecordArray","contents":{"x":"float32","y":{"class":"ListOffsetArray64","offsets":"i64","content":"bool"}}}"#,
        )?;
        let FormKind::Record { fields: Some(fields), contents } = &old.kind else { panic!("{old:?}") };
        assert_eq!(fields, &["x", "y"]);
        assert_eq!(contents[1].class(), "ListOffsetArray");
        let tuple = parse(r#"{"class":"RecordArray","contents":["float32"],"parameters":null,"form_key":null}"#)?;
        assert!(matches!(tuple.kind, FormKind::Record { fields: None, .. }));
        Ok(())
    }
}
