//! Objects as the JSON that `tests/README.md` describes, made from the model, and compared with what Python wrote.
//!
//! The values, dtypes, orders and names come from the [`AnnData`]; `encoding_type`, `encoding_version` and the order
//! of keys, which the model does not have, come from the file. What is not compared, or differs from Python's own
//! reading:
//!
//! - `type` of awkward arrays: it is the form in other words, and the form is compared.
//! - Members of the root beside the slots are elements here, which Python leaves out at level `read`.

mod compare;
mod values;

use anndata::StoredTree as _;
use anndata::encoding::Registry;
use anndata::node::Node;
use anndata::{AnnData, Column, ColumnKind, DataFrame, Element, Mapping, NaValue, Raw, Result, Series, Tensor};
use serde_json::{Map, Value, json};

pub use compare::difference;
use values::{array, codes, dtype_name, scalar, texts};

/// The slots in the order in which Python shows them at level `read`.
const SLOTS: [&str; 10] = ["X", "layers", "obs", "var", "obsm", "varm", "obsp", "varp", "uns", "raw"];

/// From the path of each element to its description. `root` is the file that the object was read from; without it the
/// description is at level `read`.
///
/// # Errors
/// If something cannot be read.
pub fn describe(adata: &AnnData, root: Option<&Node>) -> Result<Map<String, Value>> {
    let mut out = Describer { stored: root.is_some(), elements: Map::new() };
    out.adata(adata, "", root)?;
    let mut elements: Vec<(String, Value)> = out.elements.into_iter().collect();
    elements.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(elements.into_iter().collect())
}

struct Describer {
    stored: bool,
    elements: Map<String, Value>,
}

impl Describer {
    fn adata(&mut self, adata: &AnnData, path: &str, node: Option<&Node>) -> Result<()> {
        let layers = adata.layers().iter().filter_map(|(key, layer)| Some((key.clone()?, layer.clone()))).collect();
        let mappings: [(&str, &Mapping); 6] = [
            ("layers", &layers),
            ("obsm", adata.obsm()),
            ("varm", adata.varm()),
            ("obsp", adata.obsp()),
            ("varp", adata.varp()),
            ("uns", adata.uns()),
        ];
        let mut keys = Vec::new();
        for slot in SLOTS {
            let (at, below) = (format!("{path}/{slot}"), node.and_then(|node| node.descendant(slot)));
            let mapping = mappings.iter().find_map(|(name, mapping)| (*name == slot).then_some(*mapping));
            let before = self.elements.len();
            match (slot, mapping) {
                (_, Some(mapping)) if self.has(below, !mapping.is_empty()) => self.mapping(mapping, &at, below)?,
                ("X", _) => adata.x().map_or(Ok(()), |x| self.element(x, &at, below))?,
                ("obs", _) => self.element(&adata.obs().clone().into(), &at, below)?,
                ("var", _) => self.element(&adata.var().clone().into(), &at, below)?,
                ("raw", _) => match adata.raw() {
                    Some(raw) => self.raw(raw, &at, below)?,
                    // An object within another says that it has none.
                    None if below.is_some() => self.element(&Element::Null, &at, below)?,
                    None => {}
                },
                _ => {}
            }
            if self.elements.len() > before {
                keys.push(slot.to_owned());
            }
        }
        if self.stored {
            self.others(adata.other(), path, node)?;
        }
        let shape = (!self.stored).then(|| json!([adata.n_obs(), adata.n_vars()]));
        self.container("anndata", if path.is_empty() { "/" } else { path }, node, keys, shape);
        Ok(())
    }

    /// At level `stored` what the file has; at level `read` what is not empty.
    fn has(&self, node: Option<&Node>, filled: bool) -> bool {
        if self.stored { node.is_some() } else { filled }
    }

    fn raw(&mut self, raw: &Raw, path: &str, node: Option<&Node>) -> Result<()> {
        let below = |key: &str| node.and_then(|node| node.descendant(key));
        let mut keys = vec!["var".to_owned()];
        if let Some(x) = raw.x() {
            self.element(x, &format!("{path}/X"), below("X"))?;
            keys.insert(0, "X".to_owned());
        }
        self.element(&raw.var().clone().into(), &format!("{path}/var"), below("var"))?;
        if self.has(below("varm"), !raw.varm().is_empty()) {
            self.mapping(raw.varm(), &format!("{path}/varm"), below("varm"))?;
            keys.push("varm".to_owned());
        }
        if self.stored {
            self.others(raw.other(), path, node)?;
        }
        self.container("raw", path, node, keys, None);
        Ok(())
    }

    fn mapping(&mut self, mapping: &Mapping, path: &str, node: Option<&Node>) -> Result<()> {
        for (key, element) in mapping {
            self.element(element, &format!("{path}/{key}"), node.and_then(|node| node.descendant(key)))?;
        }
        let mut keys: Vec<String> = mapping.keys().cloned().collect();
        if !self.stored {
            keys.sort();
        }
        self.container("dict", path, node, keys, None);
        Ok(())
    }

    /// Members beside the slots are kept unread; here they are what they are encoded as.
    fn others(&mut self, others: &Mapping, path: &str, node: Option<&Node>) -> Result<()> {
        for (key, element) in others {
            let element = match element {
                Element::Opaque(opaque) => match opaque.node() {
                    Some(stored) => Registry::default().build(stored.fetch()?)?,
                    None => element.clone(),
                },
                element => element.clone(),
            };
            self.element(&element, &format!("{path}/{key}"), node.and_then(|node| node.descendant(key)))?;
        }
        Ok(())
    }

    /// The keys of a container are those of the file at level `stored`: each must have been described.
    fn container(&mut self, kind: &str, path: &str, node: Option<&Node>, keys: Vec<String>, shape: Option<Value>) {
        let keys = match node {
            Some(Node::Group(group)) if kind != "dict" => group.children.keys().cloned().collect(),
            _ => keys,
        };
        let mut object = encoding_of(self.stored.then_some(node).flatten());
        // A group of no encoding is a mapping, whatever it stands for.
        object.insert("kind".into(), json!(kind));
        object.insert("keys".into(), json!(keys));
        if let Some(shape) = shape {
            object.insert("shape".into(), shape);
        }
        self.elements.insert(path.to_owned(), Value::Object(object));
    }

    fn element(&mut self, element: &Element, path: &str, node: Option<&Node>) -> Result<()> {
        match element.load()? {
            Element::Mapping(mapping) => self.mapping(&mapping, path, node),
            Element::AnnData(adata) => self.adata(&adata, path, node),
            Element::Raw(raw) => self.raw(&raw, path, node),
            leaf => {
                let described = describe_leaf(&leaf, node)?;
                self.elements.insert(path.to_owned(), described);
                Ok(())
            }
        }
    }
}

/// The description of what is not a container; with its encoding where the file is at hand.
fn describe_leaf(element: &Element, node: Option<&Node>) -> Result<Value> {
    let mut object = encoding_of(node);
    let fields = match element {
        Element::Null => json!({ "kind": "null" }),
        Element::Tensor(tensor) => tensor_fields(tensor)?,
        Element::Sparse(matrix) => {
            let part = |tensor: &Tensor| -> Result<Value> {
                let values = values::list(tensor)?;
                Ok(json!({ "dtype": dtype_name(tensor.dtype()), "length": tensor.len(), "values": values }))
            };
            let format = matrix.format().to_string().to_lowercase();
            let (rows, columns) = matrix.shape();
            json!({
                "kind": "sparse", "format": format, "shape": [rows, columns],
                "data": part(matrix.data())?, "indices": part(matrix.indices())?, "indptr": part(matrix.indptr())?,
            })
        }
        Element::Column(column) => column_fields(column, node)?,
        Element::Frame(frame) => frame_fields(frame, node)?,
        Element::Awkward(awkward) => {
            let form: Value = serde_json::from_str(awkward.form_json()).unwrap_or_default();
            json!({ "kind": "awkward", "length": awkward.len(), "form": form, "value": values::awkward(awkward)? })
        }
        Element::Opaque(_) => json!({ "kind": "opaque" }),
        other => json!({ "kind": other.kind_name() }),
    };
    if let Value::Object(fields) = fields {
        object.extend(fields);
    }
    Ok(Value::Object(object))
}

fn tensor_fields(tensor: &Tensor) -> Result<Value> {
    let dtype = tensor.dtype();
    if let Ok(fields) = tensor.fields() {
        let fields = fields.map(|(name, field)| {
            let Value::Object(described) = array(field)? else { return Ok(Value::Null) };
            Ok(Value::Object(Map::from_iter([("name".to_owned(), json!(name))]).into_iter().chain(described).collect()))
        });
        let fields = fields.collect::<Result<Vec<Value>>>()?;
        return Ok(json!({ "kind": "rec-array", "shape": tensor.shape(), "fields": fields }));
    }
    if tensor.ndim() > 0 {
        return array(tensor);
    }
    Ok(match dtype_name(dtype).as_str() {
        "string" => json!({ "kind": "string", "value": scalar(tensor)? }),
        "bytes" => json!({ "kind": "bytes", "value": scalar(tensor)? }),
        name => json!({ "kind": "scalar", "dtype": name, "value": scalar(tensor)? }),
    })
}

fn frame_fields(frame: &DataFrame, node: Option<&Node>) -> Result<Value> {
    // In layout 0.1.0 columns have no encodings of their own.
    let is_current = |node: &Node| node.text_attribute("encoding-version").is_ok_and(|v| v.as_deref() == Some("0.2.0"));
    let node = node.filter(|node| is_current(node));
    let below = |key: &str| node.and_then(|node| node.descendant(key));
    let leaf = |series: &Series, key: &str| match series {
        Series::Opaque(opaque) => describe_leaf(&Element::Opaque(opaque.clone()), below(key)),
        series => describe_leaf(&Element::Column(series.load()?), below(key)),
    };
    let columns = frame.columns().map(|(name, series)| {
        let mut object = Map::from_iter([("name".to_owned(), json!(name))]);
        if let Value::Object(described) = leaf(series, name)? {
            object.extend(described);
        }
        Ok(Value::Object(object))
    });
    Ok(json!({
        "kind": "dataframe",
        "index_name": frame.index_name(),
        "shape": [frame.len()?, frame.columns().len()],
        "index": leaf(frame.index(), frame.index_name().unwrap_or("_index"))?,
        "columns": columns.collect::<Result<Vec<Value>>>()?,
    }))
}

fn column_fields(column: &Column, node: Option<&Node>) -> Result<Value> {
    match column.kind() {
        ColumnKind::Categorical { ordered } => {
            let (stored, categories) = column.codes_and_categories()?;
            let categories = describe_leaf(&categories.into(), node.and_then(|node| node.descendant("categories")))?;
            let mut object = Map::from_iter([
                ("kind".to_owned(), json!("categorical")),
                ("ordered".to_owned(), json!(ordered)),
                ("shape".to_owned(), json!([column.len()])),
                ("codes".to_owned(), json!({ "values": codes(&stored)? })),
                ("categories".to_owned(), categories),
            ]);
            if node.is_some() {
                object.insert("codes_dtype".into(), json!(dtype_name(stored.dtype())));
            }
            Ok(Value::Object(object))
        }
        ColumnKind::Nullable(na_value) => {
            let tensor = column.to_tensor()?;
            if tensor.dtype().is_text() {
                let described = json!({ "dtype": "string", "shape": [column.len()], "values": texts(column)? });
                let Value::Object(mut object) = described else { return Ok(described) };
                object.insert("kind".into(), json!(if node.is_some() { "nullable" } else { "string-array" }));
                if node.is_some() {
                    object.insert("na_value".into(), json!(if na_value == NaValue::Nan { "NaN" } else { "NA" }));
                }
                return Ok(Value::Object(object));
            }
            let listed = values::list(&tensor)?.into_iter().zip(column.missing());
            let listed: Vec<Value> = listed.map(|(v, missing)| if missing { Value::Null } else { v }).collect();
            let dtype = dtype_name(tensor.dtype());
            Ok(json!({ "kind": "nullable", "dtype": dtype, "shape": [column.len()], "values": listed }))
        }
        _ => array(&column.to_tensor()?),
    }
}

/// The two attributes of an element of a file, empty if they are missing.
fn encoding_of(node: Option<&Node>) -> Map<String, Value> {
    let Some(node) = node else { return Map::new() };
    let text = |name: &str| json!(node.text_attribute(name).ok().flatten().unwrap_or_default());
    Map::from_iter([
        ("encoding_type".to_owned(), text("encoding-type")),
        ("encoding_version".to_owned(), text("encoding-version")),
    ])
}
