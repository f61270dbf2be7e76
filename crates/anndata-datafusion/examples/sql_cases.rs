//! The Rust half of `cargo xtask sql`: asks the queries that `tests/python/sql.py` wrote, and compares the answers.
//!
//! `sql_cases FOLDER`: 1 and a line for each query that is answered otherwise than pandas does, 0 if there is none.

#![expect(clippy::print_stdout, reason = "a program for the command line")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anndata::experimental::Collection;
use anndata::{ConcatOptions, Join, Merge};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_cast::cast;
use arrow_schema::DataType;
use datafusion::prelude::{SessionConfig, SessionContext};
use serde_json::Value;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: sql_cases FOLDER")?);
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(folder.join("queries.json"))?)?;
    let stores = cases["stores"].as_array().ok_or("no stores")?.iter().map(|store| {
        let text = |at: usize| store[at].as_str().unwrap_or_default();
        (text(0).to_owned(), folder.join(text(1)))
    });
    let options = ConcatOptions::default().with_join(Join::Outer).with_merge(Merge::Unique);
    let collection = Collection::open(stores, &options, |path: &Path| anndata::open(path))?;
    let queries = cases["queries"].as_array().ok_or("no queries")?;
    let mut failures = 0;
    for partitions in [1, 4] {
        let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(partitions));
        anndata_datafusion::register(&context, "data", &collection)?;
        for query in queries {
            let sql = query["sql"].as_str().ok_or("no sql")?;
            let mut expected: Vec<Vec<Value>> = serde_json::from_value(query["rows"].clone())?;
            let mut found = match context.sql(sql).await {
                Ok(frame) => rows(&frame.collect().await?)?,
                Err(error) => {
                    failures += 1;
                    println!("{sql}\n    {error}");
                    continue;
                }
            };
            if query["ordered"] != Value::Bool(true) {
                let key = |row: &Vec<Value>| format!("{row:?}");
                expected.sort_by_key(key);
                found.sort_by_key(key);
            }
            let same = expected.len() == found.len()
                && expected.iter().zip(&found).all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(equal));
            if !same {
                failures += 1;
                let differs = expected.iter().zip(&found).find(|(a, b)| !a.iter().zip(*b).all(equal));
                println!("{sql}\n    {} rows, expected {}: {differs:?}", found.len(), expected.len());
            }
        }
    }
    println!("{} queries, in 1 and in 4 partitions: {failures} answered otherwise", queries.len());
    Ok(if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn equal((a, b): (&Value, &Value)) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(1.0),
        _ => a == b,
    }
}

/// The rows, with numbers as doubles.
fn rows(batches: &[RecordBatch]) -> Result<Vec<Vec<Value>>> {
    let mut rows = Vec::new();
    for batch in batches {
        let start = rows.len();
        rows.resize_with(start + batch.num_rows(), Vec::new);
        for column in batch.columns() {
            let own = match column.data_type() {
                DataType::Dictionary(_, values) => cast(column, values)?,
                _ => column.clone(),
            };
            for row in 0..batch.num_rows() {
                let value = if own.is_null(row) {
                    Value::Null
                } else if let Some(truth) = own.as_boolean_opt() {
                    Value::Bool(truth.value(row))
                } else if own.data_type().is_numeric() {
                    Value::from(cast(&own, &DataType::Float64)?.as_primitive::<Float64Type>().value(row))
                } else {
                    Value::from(cast(&own, &DataType::Utf8)?.as_string::<i32>().value(row))
                };
                rows[start + row].push(value);
            }
        }
    }
    Ok(rows)
}
