//! References and accessors as JSON, by version 1 of the schema of Python's anndata, through serde.
//!
//! | what | JSON |
//! | --- | --- |
//! | `A.X`, `A.layers['a']` | `["layers", null]`, `["layers", "a"]` |
//! | `A.X[:, 'g']`, `A.layers['a']['c', :]` | `["layers", null, null, "g"]`, `["layers", "a", "c", null]` |
//! | `A.obs['type']`, `A.var.index` | `["obs", "type"]`, `["var", null]` |
//! | `A.obsm['umap']`, `A.obsm['umap'][:, 0]` | `["obsm", "umap"]`, `["obsm", "umap", 0]` |
//! | `A.varp['cons']`, `A.varp['cons'][:, :]` | `["varp", "cons"]`, `["varp", "cons", null, null]` |
//!
//! `A.obs` and `A.var`, whole frames, have no JSON form.

use std::fmt;

use serde::de::{Deserializer, Error as _, Visitor};
use serde::ser::{Error as _, SerializeSeq as _, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{A, AccError, AdAcc, AdRef, Dim, Idx2D, RefAcc, Result, Target};

impl<R: From<AdRef>> AdAcc<R> {
    /// What a JSON array stands for, by version 1 of the schema of Python's anndata.
    ///
    /// References, accessors of whole arrays and [`Target`]s are also serialised as such, and read back, through serde.
    ///
    /// ```
    /// use anndata_acc::{A, AdRef};
    /// use serde_json::json;
    ///
    /// let pc1 = A.obsm("pca").column(0);
    /// assert_eq!(serde_json::to_value(&pc1)?, json!(["obsm", "pca", 0]));
    /// assert_eq!(serde_json::from_value::<AdRef>(json!(["obsm", "pca", 0]))?, pc1);
    /// assert_eq!(A.from_json(&json!(["obsm", "pca"]))?, A.resolve("obsm.pca")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If it is not such an array; the error says what was expected.
    pub fn from_json(&self, value: &Value) -> Result<Target<R>> {
        from_value(value).map(Target::making)
    }
}

/// What a JSON value stands for.
fn from_value(value: &Value) -> Result<Target> {
    let malformed = || AccError::syntax(&value.to_string(), expected(value));
    let items = value.as_array().ok_or_else(malformed)?;
    let items: Option<Vec<Item>> = items.iter().map(|item| Item::deserialize(item).ok()).collect();
    items.and_then(|items| target(&items)).ok_or_else(malformed)
}

/// What would have been right, judged by how the value begins.
fn expected(value: &Value) -> &'static str {
    match value.get(0).and_then(Value::as_str) {
        Some("layers") => {
            "expected [\"layers\", key or null] and, for a reference, a row or null and a column or null, not both named"
        }
        Some("obs" | "var") => "expected the name of a column or null behind the dimension, and no more",
        Some("obsm" | "varm") => "expected a key and, for a reference, the number of a column",
        Some("obsp" | "varp") => {
            "expected a key and, for a reference, a row or null and a column or null, not both named"
        }
        _ => {
            "expected an array that begins with \"layers\", \"obs\", \"var\", \"obsm\", \"varm\", \"obsp\" or \"varp\""
        }
    }
}

/// What an array may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Null,
    Text(String),
    Number(i64),
}

/// What the items stand for, where they are right.
fn target(items: &[Item]) -> Option<Target> {
    let [Item::Text(slot), rest @ ..] = items else { return None };
    Some(match (slot.as_str(), rest) {
        ("obs", [column]) => A.obs_frame().at(text(column)?).into(),
        ("var", [column]) => A.var_frame().at(text(column)?).into(),
        ("layers", [k, idx @ ..]) => {
            let acc = A.layers().get(text(k)?.as_deref());
            match idx {
                [] => Target::Acc(acc.into()),
                idx => acc.at(idx2d(idx)?).into(),
            }
        }
        ("obsm" | "varm", [Item::Text(k), idx @ ..]) => {
            let acc = if slot == "obsm" { A.obsm(k) } else { A.varm(k) };
            match idx {
                [] => Target::Acc(acc.into()),
                [Item::Number(position)] => acc.column(*position).into(),
                _ => return None,
            }
        }
        ("obsp" | "varp", [Item::Text(k), idx @ ..]) => {
            let acc = if slot == "obsp" { A.obsp(k) } else { A.varp(k) };
            match idx {
                [] => Target::Acc(acc.into()),
                idx => acc.at(idx2d(idx)?).into(),
            }
        }
        _ => return None,
    })
}

/// A text or null.
#[expect(clippy::option_option, reason = "null, and not a text at all, are different")]
fn text(item: &Item) -> Option<Option<String>> {
    match item {
        Item::Null => Some(None),
        Item::Text(text) => Some(Some(text.clone())),
        Item::Number(_) => None,
    }
}

fn idx2d(items: &[Item]) -> Option<Idx2D> {
    match items {
        [Item::Null, Item::Null] => Some(Idx2D::All),
        [Item::Text(row), Item::Null] => Some(Idx2D::Row(row.clone())),
        [Item::Null, Item::Text(column)] => Some(Idx2D::Column(column.clone())),
        _ => None,
    }
}

impl RefAcc {
    /// The items of the accessor; none if it has no JSON form.
    fn items(&self) -> Option<Vec<Item>> {
        let slot = |dim: &Dim, letter: &str| Item::Text(format!("{dim}{letter}"));
        Some(match self {
            Self::Layer(acc) => vec![Item::Text("layers".to_owned()), acc.k.clone().map_or(Item::Null, Item::Text)],
            Self::Multi(acc) => vec![slot(&acc.dim, "m"), Item::Text(acc.k.clone())],
            Self::Graph(acc) => vec![slot(&acc.dim, "p"), Item::Text(acc.k.clone())],
            Self::Meta(_) => return None,
        })
    }
}

impl AdRef {
    fn items(&self) -> Vec<Item> {
        let mut items = match self {
            Self::Meta(acc, _) => vec![Item::Text(acc.dim.to_string())],
            // Only annotations have none, and they are above.
            other => other.acc().items().unwrap_or_default(),
        };
        match self {
            Self::Layer(_, idx) | Self::Graph(_, idx) => items.extend(match idx {
                Idx2D::All => [Item::Null, Item::Null],
                Idx2D::Row(row) => [Item::Text(row.clone()), Item::Null],
                Idx2D::Column(column) => [Item::Null, Item::Text(column.clone())],
            }),
            Self::Meta(_, column) => items.push(column.clone().map_or(Item::Null, Item::Text)),
            Self::Multi(_, position) => items.push(Item::Number(*position)),
        }
        items
    }
}

fn serialize<S: Serializer>(items: &[Item], serializer: S) -> Result<S::Ok, S::Error> {
    let mut sequence = serializer.serialize_seq(Some(items.len()))?;
    for item in items {
        match item {
            Item::Null => sequence.serialize_element(&())?,
            Item::Text(text) => sequence.serialize_element(text)?,
            Item::Number(number) => sequence.serialize_element(number)?,
        }
    }
    sequence.end()
}

impl Serialize for AdRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize(&self.items(), serializer)
    }
}

impl Serialize for RefAcc {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items = self.items().ok_or_else(|| S::Error::custom(format!("{self}, a whole frame, has no JSON form")))?;
        serialize(&items, serializer)
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Ref(reference) => reference.serialize(serializer),
            Self::Acc(acc) => acc.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ItemVisitor;

        impl Visitor<'_> for ItemVisitor {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, an integer or null")
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Item, E> {
                Ok(Item::Null)
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Item, E> {
                Ok(Item::Text(text.to_owned()))
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Item, E> {
                Ok(Item::Number(number))
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Item, E> {
                i64::try_from(number).map(Item::Number).map_err(E::custom)
            }
        }

        deserializer.deserialize_any(ItemVisitor)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_value(&Value::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for AdRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let target = from_value(&value).map_err(D::Error::custom)?;
        target.into_ref().ok_or_else(|| D::Error::custom(AccError::is_whole(&value.to_string())))
    }
}

impl<'de> Deserialize<'de> for RefAcc {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let target = from_value(&value).map_err(D::Error::custom)?;
        target.into_acc().ok_or_else(|| D::Error::custom(AccError::is_reference(&value.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arrays_out_of_schema_are_refused_with_what_was_expected() {
        for (value, message) in [
            (json!("obs"), "expected an array that begins with"),
            (json!({"a": 1}), "expected an array that begins with"),
            (json!([]), "expected an array that begins with"),
            (json!([null]), "expected an array that begins with"),
            (json!(["X"]), "expected an array that begins with"),
            (json!(["layers"]), "[\"layers\", key or null]"),
            (json!(["layers", 1]), "[\"layers\", key or null]"),
            (json!(["layers", null, "a", "b"]), "not both named"),
            (json!(["layers", null, null]), "not both named"),
            (json!(["layers", null, null, null, null]), "not both named"),
            (json!(["obs"]), "the name of a column or null"),
            (json!(["obs", 0]), "the name of a column or null"),
            (json!(["obs", "a", "b"]), "the name of a column or null"),
            (json!(["obsm", null]), "expected a key"),
            (json!(["obsm", "a", true]), "the number of a column"),
            (json!(["obsm", "a", 1.0]), "the number of a column"),
            (json!(["obsm", "a", null]), "the number of a column"),
            (json!(["obsm", "a", 0, 1]), "the number of a column"),
            (json!(["obsm", "a", u64::MAX]), "the number of a column"),
            (json!(["obsp", null]), "expected a key"),
            (json!(["obsp", "a", null]), "not both named"),
            (json!(["varp", "a", ["b"], null]), "not both named"),
        ] {
            let error = from_value(&value).map_or_else(|error| error.to_string(), |found| found.to_string());
            assert!(error.contains(message), "{value}: {error} should say {message}");
            let error = serde_json::from_value::<Target>(value).unwrap_err();
            assert!(error.to_string().contains(message), "{error} should say {message}");
        }
    }

    #[test]
    fn the_type_asked_for_says_which_arrays_are_taken() -> Result<(), serde_json::Error> {
        let error = serde_json::from_value::<AdRef>(json!(["obsm", "a"])).map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.contains("stands for a whole array")));
        let error = serde_json::from_value::<RefAcc>(json!(["obs", "a"])).map_err(|error| error.to_string());
        assert!(error.is_err_and(|error| error.contains("stands for a reference")));
        assert_eq!(serde_json::from_value::<RefAcc>(json!(["layers", null]))?, A.x().into());
        assert_eq!(serde_json::to_value(RefAcc::from(A.varp("d")))?, json!(["varp", "d"]));
        let frame = serde_json::to_value(RefAcc::from(A.obs_frame())).unwrap_err();
        assert!(frame.to_string().contains("has no JSON form"), "{frame}");
        Ok(())
    }
}
