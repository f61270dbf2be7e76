//! The Rust half of `cargo xtask conformance`: runs cases and says how each went.
//!
//! ```text
//! conformance CASES.json RESULTS.jsonl
//! ```
//!
//! `tests/README.md` describes the cases. All of them run, in parallel; the exit status is 0 also where some fail, as
//! Python judges what was written. Each result is written as soon as it is there, a line each.

mod case;
mod edits;
mod experimental;
mod joined;
mod operations;
mod references;
mod stored;
mod text;

use std::error::Error;
use std::fs::{self, File};
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rayon::prelude::*;
use serde_json::{Value, json};

use case::Case;
use operations::OPERATIONS;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [cases, results] = arguments.as_slice() else {
        return Err("usage: conformance CASES.json RESULTS.jsonl".into());
    };
    let cases: Vec<Value> = serde_json::from_slice(&fs::read(cases)?)?;
    // What a panic says goes into the results.
    panic::set_hook(Box::new(|_| {}));
    let results = Mutex::new(File::create(results)?);
    cases.par_iter().try_for_each(|case| {
        let line = outcome(case);
        writeln!(results.lock().unwrap_or_else(PoisonError::into_inner), "{line}")
    })?;
    Ok(())
}

/// `{"id", "seconds"}`, with `"error": {"kind", "message"}` or `"panic"` where it went wrong.
fn outcome(json: &Value) -> Value {
    let start = Instant::now();
    let ended = panic::catch_unwind(AssertUnwindSafe(|| run(json)));
    let mut outcome = json!({ "id": json["id"], "seconds": start.elapsed().as_secs_f64() });
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            outcome["error"] = json!({ "kind": format!("{:?}", error.kind()), "message": error.to_string() });
        }
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            outcome["panic"] = json!(text.unwrap_or_default());
        }
    }
    outcome
}

fn run(json: &Value) -> anndata::Result<()> {
    let case = Case::parse(json);
    let operation = OPERATIONS.iter().find(|(name, _)| *name == case.operation);
    let (_, run) = operation.ok_or_else(|| case.malformed("names no operation"))?;
    run(&case)?;
    case.check_all_used()
}
