//! What pandas says of a frame in the metadata of a file: its
//! [specification](https://pandas.pydata.org/docs/development/developer.html#storing-pandas-dataframe-objects-in-apache-parquet-format).

use std::collections::HashMap;

use anndata_core::{Column, ColumnKind, DataFrame, NaValue};
use anndata_storage::{DType, Error, Result};
use arrow_array::Array as _;
use serde_json::{Value, json};

/// The key of the metadata.
pub(super) const KEY: &str = "pandas";
/// The field of an index without a name.
pub(super) const UNNAMED_INDEX: &str = "__index_level_0__";

/// The dtype of text of pandas 3, whose missing values are NaN.
const TEXT: &str = "str";

/// The index of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Index {
    /// A column of the file.
    Field(String),
    /// Numbers, which are not stored.
    Range { start: i64, step: i64, name: Option<String> },
}

/// What pandas says of a frame.
#[derive(Debug, Default)]
pub(super) struct Described {
    pub(super) index: Option<Index>,
    /// Whether this library wrote it.
    pub(super) is_own: bool,
    /// The name and dtype of each column, by its field.
    columns: HashMap<String, (Option<String>, String)>,
}

impl Described {
    /// The description of a frame, from its text.
    ///
    /// # Errors
    /// If it is none, or the index has several levels.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Error::invalid_data("the metadata 'pandas' are no JSON").with_source(error))?;
        let list = |key: &str| value.get(key).and_then(Value::as_array).into_iter().flatten();
        let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let mut columns = HashMap::new();
        for column in list("columns") {
            // Before pandas 0.22 there was one name for both.
            let name = text(column, "name");
            if let (Some(field), Some(dtype)) =
                (text(column, "field_name").or_else(|| name.clone()), text(column, "numpy_type"))
            {
                columns.insert(field, (name, dtype));
            }
        }
        let mut levels = list("index_columns");
        let index = levels.next().map(index).transpose()?;
        if levels.next().is_some() {
            return Err(Error::unsupported(
                "its index has several levels; in pandas reset_index makes columns of them",
            ));
        }
        let library = value.get("creator").and_then(|creator| text(creator, "library"));
        Ok(Self { index, is_own: library.as_deref() == Some(env!("CARGO_PKG_NAME")), columns })
    }

    /// The name of the index that is stored in a field.
    pub(super) fn index_name(&self, field: &str) -> Option<String> {
        match self.columns.get(field) {
            Some((name, _)) => name.clone(),
            None => Some(field.to_owned()).filter(|field| field != UNNAMED_INDEX),
        }
    }

    /// Whether a field holds a column that can have missing values, whether or not it has any.
    pub(super) fn is_nullable(&self, field: &str) -> bool {
        let is_integer = |dtype: &str| dtype.starts_with("Int") || dtype.starts_with("UInt");
        let nullable = |dtype: &str| is_integer(dtype) || dtype == "boolean" || dtype.starts_with("string");
        self.columns.get(field).is_some_and(|(_, dtype)| nullable(dtype))
    }

    /// What stands for a missing value in a field.
    pub(super) fn na_value(&self, field: &str) -> NaValue {
        match self.columns.get(field) {
            Some((_, dtype)) if dtype == TEXT => NaValue::Nan,
            _ => NaValue::Na,
        }
    }
}

fn index(level: &Value) -> Result<Index> {
    if let Some(field) = level.as_str() {
        return Ok(Index::Field(field.to_owned()));
    }
    let number = |key: &str| level.get(key).and_then(Value::as_i64);
    match (level.get("kind").and_then(Value::as_str), number("start"), number("step")) {
        (Some("range"), Some(start), Some(step)) => {
            let name = level.get("name").and_then(Value::as_str).map(str::to_owned);
            Ok(Index::Range { start, step, name })
        }
        _ => Err(Error::invalid_data(format!(
            "the metadata 'pandas' have the index {level}, which is no column and no range"
        ))),
    }
}

/// The field that holds the index of a frame: its name, unless it has none or a column has it.
pub(super) fn index_field(frame: &DataFrame) -> String {
    let mut field = frame.index_name().unwrap_or(UNNAMED_INDEX).to_owned();
    if frame.contains(&field) {
        UNNAMED_INDEX.clone_into(&mut field);
    }
    while frame.contains(&field) {
        field.push('_');
    }
    field
}

/// The description of a frame that is in memory.
///
/// # Errors
/// If a column cannot be described.
pub(super) fn describe(frame: &DataFrame, index_field: &str) -> Result<String> {
    let mut columns = Vec::new();
    for (name, series) in frame.columns() {
        columns.push(column(Some(name), name, &series.load()?)?);
    }
    columns.push(column(frame.index_name(), index_field, &frame.index().load()?)?);
    let names = json!({"name": null, "field_name": null, "pandas_type": "unicode", "numpy_type": "object",
        "metadata": {"encoding": "UTF-8"}});
    let all = json!({
        "index_columns": [index_field],
        "column_indexes": [names],
        "columns": columns,
        "creator": {"library": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")},
        // The version whose form this has; readers of today ask for none.
        "pandas_version": "2.0.0",
    });
    Ok(all.to_string())
}

fn column(name: Option<&str>, field: &str, column: &Column) -> Result<Value> {
    let (kind, dtype, metadata) = match column.kind() {
        ColumnKind::Categorical { ordered } => {
            let (codes, categories) = column.codes_and_categories()?;
            let metadata = json!({"num_categories": categories.len(), "ordered": ordered});
            ("categorical".to_owned(), numpy(codes.dtype()), metadata)
        }
        ColumnKind::Nullable(na_value) => {
            let dtype = numpy_of(column)?;
            let nullable = match dtype.as_str() {
                "bool" => "boolean".to_owned(),
                "object" if na_value == NaValue::Nan => TEXT.to_owned(),
                "object" => "string".to_owned(),
                other => other.replace("uint", "UInt").replace("int", "Int"),
            };
            (pandas(&dtype), nullable, Value::Null)
        }
        ColumnKind::Plain | ColumnKind::Time(_) => {
            let dtype = numpy_of(column)?;
            (pandas(&dtype), dtype, Value::Null)
        }
    };
    Ok(json!({"name": name, "field_name": field, "pandas_type": kind, "numpy_type": dtype, "metadata": metadata}))
}

/// The dtype of the values of a column in numpy.
fn numpy_of(column: &Column) -> Result<String> {
    Ok(match column.array().data_type() {
        arrow_schema::DataType::Timestamp(unit, _) => format!("datetime64[{}]", step(*unit)),
        arrow_schema::DataType::Duration(unit) => format!("timedelta64[{}]", step(*unit)),
        _ => numpy(column.slice(0..0)?.to_tensor()?.dtype()),
    })
}

/// A step of times in numpy. Parquet has no seconds.
fn step(unit: arrow_schema::TimeUnit) -> &'static str {
    match unit {
        arrow_schema::TimeUnit::Second | arrow_schema::TimeUnit::Millisecond => "ms",
        arrow_schema::TimeUnit::Microsecond => "us",
        arrow_schema::TimeUnit::Nanosecond => "ns",
    }
}

fn numpy(dtype: &DType) -> String {
    if dtype.is_text() {
        return "object".to_owned();
    }
    dtype.to_string()
}

/// What pandas calls the values of a dtype of numpy.
fn pandas(dtype: &str) -> String {
    match dtype {
        "object" => "unicode".to_owned(),
        dtype if dtype.starts_with("datetime64") => "datetime".to_owned(),
        dtype if dtype.starts_with("timedelta64") => "timedelta".to_owned(),
        dtype => dtype.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_pandas_is_a_column_or_a_range() -> Result<()> {
        let described = Described::parse(
            r#"{"index_columns": ["__index_level_0__"], "columns": [
                {"name": null, "field_name": "__index_level_0__", "numpy_type": "object"},
                {"name": "n", "field_name": "n", "numpy_type": "Int64"}]}"#,
        )?;
        assert_eq!(described.index, Some(Index::Field(UNNAMED_INDEX.to_owned())));
        assert_eq!(described.index_name(UNNAMED_INDEX), None);
        assert!(described.is_nullable("n") && !described.is_nullable(UNNAMED_INDEX));
        let range = r#"{"index_columns": [{"kind": "range", "name": "i", "start": 2, "stop": 8, "step": 2}]}"#;
        let range = Described::parse(range)?.index;
        assert_eq!(range, Some(Index::Range { start: 2, step: 2, name: Some("i".to_owned()) }));
        let error = Described::parse(r#"{"index_columns": ["a", "b"]}"#).err();
        assert!(error.is_some_and(|error| error.is_unsupported() && error.to_string().contains("several levels")));
        Ok(())
    }

    #[test]
    fn a_field_of_the_index_is_none_of_a_column() -> Result<()> {
        let frame = DataFrame::new(["a"]);
        assert_eq!(index_field(&frame), UNNAMED_INDEX);
        let named = frame.with_index_name(Some("cell".to_owned()));
        assert_eq!(index_field(&named), "cell");
        let taken = named.with_column("cell", vec![1_i64])?;
        assert_eq!(index_field(&taken), UNNAMED_INDEX);
        assert_eq!(index_field(&taken.with_column(UNNAMED_INDEX, vec![1_i64])?), "__index_level_0___");
        Ok(())
    }
}
