//! References: what texts and JSON stand for, and what that is in an object, as `tests/python/conformance/accessors.py`
//! asks.

use std::fs;

use anndata::acc::{A, AccError, Access as _, AdRef, Dim, RefAcc, Target};
use anndata::{AnnData, Element, Result};
use anndata_tests::describe::describe;
use serde_json::{Value, json};

use crate::case::Case;

/// Answers the questions of a case.
pub(crate) fn references(case: &Case) -> Result<()> {
    let adata = case.read(0)?;
    let questions = case.option("questions").unwrap_or_default();
    let questions = questions.as_array().ok_or_else(|| case.malformed("has no questions"))?;
    let answers: Vec<Value> = questions.iter().map(|question| answer(question, &adata)).collect::<Result<_>>()?;
    Ok(fs::write(case.required("answers")?, Value::Array(answers).to_string())?)
}

fn answer(question: &Value, adata: &AnnData) -> Result<Value> {
    let Ok(target) = target_of(question) else { return Ok(json!({ "refused": true })) };
    let dims = match &target {
        Target::Ref(reference) => {
            let mut dims = reference.dims();
            dims.sort();
            json!(dims.iter().map(Dim::name).collect::<Vec<_>>())
        }
        Target::Acc(_) => Value::Null,
    };
    Ok(json!({
        "repr": target.to_string(),
        "dims": dims,
        // A whole frame has none.
        "json": serde_json::to_value(&target).unwrap_or_default(),
        "in": adata.contains(&target)?,
        "value": value(&target, adata)?,
    }))
}

fn target_of(question: &Value) -> Result<Target, AccError> {
    let (what, vec) = (&question["what"], question["vec"].as_bool());
    let text = what.as_str().unwrap_or_default();
    let target = match (question["from"].as_str(), vec) {
        (Some("text"), Some(true)) => return A.resolve_ref(text).map(Target::Ref),
        (Some("text"), Some(false)) => return A.resolve_acc(text).map(Target::Acc),
        (Some("text"), None) => return A.resolve(text),
        (Some("repr"), Some(true)) => return text.parse::<AdRef>().map(Target::Ref),
        (Some("repr"), Some(false)) => return text.parse::<RefAcc>().map(Target::Acc),
        (Some("repr"), None) => return text.parse(),
        (_, Some(true)) => serde_json::from_value::<AdRef>(what.clone()).map(Target::Ref),
        (_, Some(false)) => serde_json::from_value::<RefAcc>(what.clone()).map(Target::Acc),
        (_, None) => return A.from_json(what),
    };
    target.map_err(|error| anndata::Error::invalid_input(error.to_string()).into())
}

/// The description of what is there, sparse matrices made dense; null if nothing is.
fn value(target: &Target, adata: &AnnData) -> Result<Value> {
    let element = match adata.get(target) {
        Ok(element) => element.load()?,
        Err(error) if error.is_missing() => return Ok(Value::Null),
        Err(error) => return Err(error.into()),
    };
    let element = match element {
        Element::Sparse(matrix) => matrix.to_dense()?.into(),
        element => element,
    };
    let holder = AnnData::builder().shape(0, 0).uns("it", element).build()?;
    Ok(describe(&holder, None)?.remove("/uns/it").unwrap_or_default())
}
