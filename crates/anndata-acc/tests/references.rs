//! References made, printed, parsed, stored, compared and looked into.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use std::collections::{BTreeSet, HashSet};

use anndata_acc::{A, AccError, AdRef, Dim, Idx, Idx2D, RefAcc, Target, acc};
use serde_json::{Value, json};

/// References, how they print, and their JSON.
fn references() -> Vec<(AdRef, &'static str, Value)> {
    vec![
        (acc!(X[:, :]), "A.X[:, :]", json!(["layers", null, null, null])),
        (acc!(X[:, "gene-3"]), "A.X[:, 'gene-3']", json!(["layers", null, null, "gene-3"])),
        (acc!(X["cell-5", :]), "A.X['cell-5', :]", json!(["layers", null, "cell-5", null])),
        (acc!(obs["type"]), "A.obs['type']", json!(["obs", "type"])),
        (acc!(obs.index), "A.obs.index", json!(["obs", null])),
        (acc!(var["it's"]), "A.var[\"it's\"]", json!(["var", "it's"])),
        (acc!(var.index), "A.var.index", json!(["var", null])),
        (acc!(layers["a"][:, :]), "A.layers['a'][:, :]", json!(["layers", "a", null, null])),
        (acc!(layers["a"][:, "gene-18"]), "A.layers['a'][:, 'gene-18']", json!(["layers", "a", null, "gene-18"])),
        (acc!(layers["a"]["cell-77", :]), "A.layers['a']['cell-77', :]", json!(["layers", "a", "cell-77", null])),
        (acc!(obsm["umap"][0]), "A.obsm['umap'][:, 0]", json!(["obsm", "umap", 0])),
        (acc!(obsm["umap"][:, 1]), "A.obsm['umap'][:, 1]", json!(["obsm", "umap", 1])),
        (acc!(varm["PCs"][:, -1]), "A.varm['PCs'][:, -1]", json!(["varm", "PCs", -1])),
        (acc!(varp["cons"][:, :]), "A.varp['cons'][:, :]", json!(["varp", "cons", null, null])),
        (acc!(varp["cons"]["gene-46", :]), "A.varp['cons']['gene-46', :]", json!(["varp", "cons", "gene-46", null])),
        (acc!(varp["cons"][:, "gene-46"]), "A.varp['cons'][:, 'gene-46']", json!(["varp", "cons", null, "gene-46"])),
        (acc!(obsp["d"]["c\n1", :]), "A.obsp['d']['c\\n1', :]", json!(["obsp", "d", "c\n1", null])),
    ]
}

#[test]
fn references_print_and_parse_as_in_python() {
    for (reference, printed, _) in references() {
        assert_eq!(reference.to_string(), printed);
        assert_eq!(format!("{reference:?}"), printed);
        assert_eq!(printed.parse::<AdRef>().unwrap(), reference);
        assert_eq!(format!("{}{}", reference.acc(), reference.idx()), printed);
        assert_eq!(reference.acc().to_string().parse::<RefAcc>().unwrap(), reference.acc());
    }
}

#[test]
fn references_and_accessors_are_stored_as_json() {
    for (reference, _, stored) in references() {
        assert_eq!(serde_json::to_value(&reference).unwrap(), stored);
        assert_eq!(serde_json::from_value::<AdRef>(stored.clone()).unwrap(), reference);
        assert_eq!(A.from_json(&stored).unwrap(), Target::Ref(reference.clone()));
        assert_eq!(serde_json::from_value::<Target>(stored.clone()).unwrap(), Target::Ref(reference));
        let error = serde_json::from_value::<RefAcc>(stored).unwrap_err();
        assert!(error.to_string().contains("stands for a reference"), "{error}");
    }
    for (acc, stored) in [
        (RefAcc::from(acc!(X)), json!(["layers", null])),
        (acc!(layers["a"]).into(), json!(["layers", "a"])),
        (acc!(obsm["pca"]).into(), json!(["obsm", "pca"])),
        (acc!(varm["PCs"]).into(), json!(["varm", "PCs"])),
        (acc!(obsp["d"]).into(), json!(["obsp", "d"])),
        (acc!(varp["d"]).into(), json!(["varp", "d"])),
    ] {
        assert_eq!(serde_json::to_value(&acc).unwrap(), stored);
        assert_eq!(serde_json::from_value::<RefAcc>(stored.clone()).unwrap(), acc);
        assert_eq!(A.from_json(&stored).unwrap(), Target::Acc(acc));
        let error = serde_json::from_value::<AdRef>(stored).unwrap_err();
        assert!(error.to_string().contains("stands for a whole array"), "{error}");
    }
}

#[test]
fn dimensions_are_those_that_the_array_spans() {
    for (reference, dims) in [
        (acc!(X[:, :]), &[Dim::Obs, Dim::Var][..]),
        (acc!(layers["y"][:, :]), &[Dim::Obs, Dim::Var]),
        (acc!(layers["y"]["c", :]), &[Dim::Var]),
        (acc!(layers["y"][:, "g"]), &[Dim::Obs]),
        (acc!(obs["a"]), &[Dim::Obs]),
        (acc!(var["a"]), &[Dim::Var]),
        (acc!(var.index), &[Dim::Var]),
        (acc!(obsm["c"][:, 0]), &[Dim::Obs]),
        (acc!(varm["c"][:, 0]), &[Dim::Var]),
        (acc!(varp["d"][:, :]), &[Dim::Var, Dim::Var]),
        (acc!(varp["d"][:, "c2"]), &[Dim::Var]),
        (acc!(obsp["d"]["c2", :]), &[Dim::Obs]),
    ] {
        assert_eq!(reference.dims(), dims, "{reference}");
    }
}

#[test]
fn references_and_accessors_are_taken_apart() {
    assert_eq!(acc!(X).k, None);
    assert_eq!(acc!(layers["a"]).k.as_deref(), Some("a"));
    for (meta, multi, graph, dim) in
        [(acc!(obs), acc!(obsm), acc!(obsp), Dim::Obs), (acc!(var), acc!(varm), acc!(varp), Dim::Var)]
    {
        assert_eq!((&meta.dim, &multi.dim, &graph.dim), (&dim, &dim, &dim));
        let (multi, graph) = (multi.get("b"), graph.get("c"));
        assert_eq!((&multi.dim, &*multi.k, &graph.dim, &*graph.k), (&dim, "b", &dim, "c"));
    }
    match acc!(obs["d"]) {
        AdRef::Meta(acc, column) => assert_eq!((acc, column.as_deref()), (acc!(obs), Some("d"))),
        other => panic!("{other}"),
    }
    assert_eq!(acc!(obs["d"]).idx(), Idx::Column(Some("d")));
    assert_eq!(acc!(obs.index).idx(), Idx::Column(None));
    assert_eq!(acc!(obsm["d"][:, 2]).idx(), Idx::Position(2));
    assert_eq!(acc!(X["c", :]).idx(), Idx::Matrix(&Idx2D::Row("c".to_owned())));
    assert_eq!(acc!(obsm["d"][:, 2]).acc(), acc!(obsm["d"]).into());
    assert_eq!(acc!(obsm["d"][:, 2]).acc().k(), Some("d"));
    assert_eq!(acc!(layers).get(None), acc!(X));
    assert_eq!(
        [acc!(layers).to_string(), acc!(obsm).to_string(), acc!(varp).to_string(), A.to_string()],
        ["A.layers", "A.obsm", "A.varp", "A"]
    );
}

#[test]
fn lists_give_a_reference_for_each() {
    assert_eq!(acc!(obs[["a", "b"]]), [acc!(obs["a"]), acc!(obs["b"])]);
    assert_eq!(acc!(var[["x", "y"]]), [acc!(var["x"]), acc!(var["y"])]);
    assert_eq!(acc!(X[["a", "b"], :]), [acc!(X["a", :]), acc!(X["b", :])]);
    assert_eq!(acc!(X[:, ["x", "y"]]), [acc!(X[:, "x"]), acc!(X[:, "y"])]);
    assert_eq!(acc!(layers["l"][["a", "b"], :]), [acc!(layers["l"]["a", :]), acc!(layers["l"]["b", :])]);
    assert_eq!(acc!(layers["l"][:, ["x", "y"]]), [acc!(layers["l"][:, "x"]), acc!(layers["l"][:, "y"])]);
    assert_eq!(acc!(varm["p"][[0, 1]]), [acc!(varm["p"][:, 0]), acc!(varm["p"][:, 1])]);
    assert_eq!(acc!(varm["p"][:, [3, 4]]), [acc!(varm["p"][:, 3]), acc!(varm["p"][:, 4])]);
    assert_eq!(acc!(obsp["p"][["a", "b"], :]), [acc!(obsp["p"]["a", :]), acc!(obsp["p"]["b", :])]);
    assert_eq!(acc!(obsp["p"][:, ["a", "b"]]), [acc!(obsp["p"][:, "a"]), acc!(obsp["p"][:, "b"])]);

    // Any iterator, such as the names of an index.
    let index = vec!["a".to_owned(), "b".to_owned()];
    assert_eq!(A.obs_frame().columns(index.clone()), acc!(obs[["a", "b"]]));
    assert_eq!(A.x().rows(&index), acc!(X[["a", "b"], :]));
    assert_eq!(A.varm("p").columns(0..2), acc!(varm["p"][[0, 1]]));
    assert!(A.obsp("p").columns(Vec::<String>::new()).is_empty());
}

#[test]
fn references_are_keys() {
    let all: Vec<AdRef> = references().into_iter().map(|(reference, _, _)| reference).collect();
    let hashed: HashSet<AdRef> = all.iter().cloned().chain(all.clone()).collect();
    let sorted: BTreeSet<AdRef> = all.iter().rev().cloned().collect();
    assert_eq!((hashed.len(), sorted.len()), (all.len(), all.len()));
    assert!(hashed.contains(&A.x().all()));
    assert_ne!(acc!(obsm["a"][:, 0]), acc!(varm["a"][:, 0]));
    assert_ne!(acc!(layers["X"][:, :]), acc!(X[:, :]));
    assert_ne!(acc!(obs["index"]), acc!(obs.index));
    assert_ne!(acc!(obsp["d"]["a", :]), acc!(obsp["d"][:, "a"]));
}

#[test]
fn a_reference_is_equal_to_the_text_that_resolves_to_it() {
    assert_eq!(acc!(obs["a"]), "obs.a");
    assert_eq!(acc!(X[:, "g"]), *"X[:,g]");
    assert_ne!(acc!(obs["a"]), "obs.b");
    assert_ne!(acc!(obs["a"]), "no reference");
    assert_ne!(acc!(obsm["a"][:, 0]), "obsm.a");
}

#[test]
fn simplified_texts_resolve_to_references() {
    for (spec, expected) in [
        ("X[:,:]", acc!(X[:, :])),
        ("X[c,:]", acc!(X["c", :])),
        ("X[:, g]", acc!(X[:, "g"])),
        ("layers.y[:,:]", acc!(layers["y"][:, :])),
        ("layers.y[c,:]", acc!(layers["y"]["c", :])),
        ("layers.y[:,g]", acc!(layers["y"][:, "g"])),
        ("obs.a", acc!(obs["a"])),
        ("var.b", acc!(var["b"])),
        ("obsm.c.0", acc!(obsm["c"][0])),
        ("varm.d.1", acc!(varm["d"][1])),
        ("obsp.g[c1,:]", acc!(obsp["g"]["c1", :])),
        ("obsp.g[:,c2]", acc!(obsp["g"][:, "c2"])),
        ("varp.g[:,:]", acc!(varp["g"][:, :])),
    ] {
        assert_eq!(A.resolve(spec).unwrap(), Target::Ref(expected.clone()));
        assert_eq!(A.resolve_ref(spec).unwrap(), expected);
        let error = A.resolve_acc(spec).unwrap_err();
        assert!(error.to_string().contains("stands for a reference"), "{error}");
    }
}

#[test]
fn simplified_texts_resolve_to_whole_arrays() {
    for (spec, expected) in [
        ("X", RefAcc::from(acc!(X))),
        ("layers.y", acc!(layers["y"]).into()),
        ("obsm.c", acc!(obsm["c"]).into()),
        ("varm.d", acc!(varm["d"]).into()),
        ("obsp.g", acc!(obsp["g"]).into()),
        ("varp.h", acc!(varp["h"]).into()),
    ] {
        assert_eq!(A.resolve(spec).unwrap(), Target::Acc(expected.clone()));
        assert_eq!(A.resolve_acc(spec).unwrap(), expected);
        let error = A.resolve_ref(spec).unwrap_err();
        assert!(error.to_string().contains("stands for a whole array"), "{error}");
        assert!(matches!(error, AccError::Syntax { text, .. } if text == spec));
        assert!(A.resolve_ref(spec).ok().is_none());
    }
}
