//! Comparing a description with the expected one.

use serde_json::Value;

/// Where the first difference is and what it is; `None` if there is none.
///
/// A long array is described by a sample in the expected description and whole in the other. Numbers are equal where
/// they are the same integer, or the same float to the last bit.
pub fn difference(expected: &Value, found: &Value) -> Option<String> {
    differ(expected, found, "")
}

fn differ(expected: &Value, found: &Value, at: &str) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            let key = |key: &String| format!("{at}.{key}");
            let unexpected = found.keys().find(|name| {
                let sampled = *name == "values" && expected.contains_key("sample");
                !expected.contains_key(*name) && !sampled
            });
            if let Some(name) = unexpected {
                return Some(format!("{} is not expected", key(name)));
            }
            expected.iter().filter(|(name, _)| *name != "type").find_map(|(name, value)| {
                match (name.as_str(), found.get(name)) {
                    ("sample", None) => sample(value, found.get("values"), &key(name)),
                    (_, None) => Some(format!("{} is missing", key(name))),
                    (_, Some(other)) => differ(value, other, &key(name)),
                }
            })
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            expected.iter().zip(found).enumerate().find_map(|(i, (a, b))| differ(a, b, &format!("{at}[{i}]")))
        }
        (Value::Number(a), Value::Number(b)) if a.is_f64() && b.is_f64() => {
            let same = a.as_f64().map(f64::to_bits) == b.as_f64().map(f64::to_bits);
            (!same).then(|| format!("{at} is {found}, expected {expected}"))
        }
        _ => (expected != found).then(|| format!("{at} is {}, expected {}", short(found), short(expected))),
    }
}

/// Pairs of a flat index and a value against all values.
fn sample(pairs: &Value, values: Option<&Value>, at: &str) -> Option<String> {
    let (Some(pairs), Some(values)) = (pairs.as_array(), values.and_then(Value::as_array)) else {
        return Some(format!("{at} has no values to compare with"));
    };
    if pairs.is_empty() {
        return Some(format!("{at} is empty"));
    }
    pairs.iter().find_map(|pair| {
        let index = pair.get(0).and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
        match (index.and_then(|index| values.get(index)), pair.get(1)) {
            (Some(found), Some(expected)) => differ(expected, found, &format!("{at}{pair}")),
            _ => Some(format!("{at}{pair} is out of bounds of {} values", values.len())),
        }
    })
}

/// A value, cut where it is long.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_difference_is_found_and_placed() {
        let expected = json!({ "a": [1, 2.5, "NaN"], "sample": [[0, 1], [2, 3]], "type": "left out" });
        let found = |a, values| json!({ "a": a, "values": values });
        let same = found(json!([1, 2.5, "NaN"]), json!([1, 2, 3]));
        assert_eq!(difference(&expected, &same), None);
        for (changed, message) in [
            (found(json!([1, 2.5]), json!([1, 2, 3])), ".a is [1,2.5]"),
            (found(json!([1.0, 2.5, "NaN"]), json!([1, 2, 3])), ".a[0] is 1.0, expected 1"),
            (found(json!([1, 2.500_000_000_000_000_4, "NaN"]), json!([1, 2, 3])), ".a[1] is"),
            (found(json!([1, 2.5, "NaN"]), json!([1, 2, 4])), ".sample[2,3] is 4"),
            (found(json!([1, 2.5, "NaN"]), json!([1])), "out of bounds"),
            (json!({ "a": [1, 2.5, "NaN"] }), ".sample has no values"),
            (json!({ "a": [1, 2.5, "NaN"], "values": [1, 2, 3], "b": 1 }), ".b is not expected"),
        ] {
            let difference = difference(&expected, &changed).unwrap_or_default();
            assert!(difference.contains(message), "{difference:?} should say {message:?}");
        }
        assert!(difference(&json!(0.0), &json!(-0.0)).is_some());
    }
}
