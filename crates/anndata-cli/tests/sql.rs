//! `anndata sql`.

#![cfg(feature = "sql")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

#[allow(dead_code, reason = "shared with other tests")]
mod support;

use anndata::{AnnData, Column, DataFrame, SparseFormat, SparseMatrix, Tensor};

/// Exit status, standard output and standard error.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = support::command(std::path::Path::new("."), arguments).output().unwrap();
    (output.status.code(), support::text(&output.stdout), support::text(&output.stderr))
}

/// Two stores, of which the second lacks a gene.
fn stores(folder: &std::path::Path) -> [String; 2] {
    let store = |name: &str, genes: &[&str], kinds: [&str; 2], values: Vec<f32>| {
        let x = Tensor::from_vec([2, genes.len()], values).unwrap();
        let obs = DataFrame::new([format!("{name}1"), format!("{name}2")])
            .with_column("kind", Column::categorical_from_strings(kinds).unwrap())
            .unwrap();
        let adata = AnnData::builder()
            .obs(obs)
            .var(DataFrame::new(genes.iter().copied()))
            .x(SparseMatrix::from_dense(&x, SparseFormat::Csr).unwrap())
            .build()
            .unwrap();
        let path = folder.join(name);
        anndata::write(&path, &adata).unwrap();
        path.to_str().unwrap().to_owned()
    };
    [
        store("a.h5ad", &["CD4", "CD8A"], ["T", "B"], vec![1.0, 0.0, 2.0, 3.0]),
        store("b.zarr", &["CD4"], ["T", "T"], vec![0.0, 5.0]),
    ]
}

#[test]
fn answers_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = stores(folder.path());
    let query = "SELECT kind, count(*) AS n, avg(\"CD8A\") AS mean FROM obs JOIN gene('CD8A') USING (obs_id) \
                 GROUP BY kind ORDER BY kind";
    let (status, out, _) = run(&["sql", &a, &b, query]);
    let expected = "+------+---+------+\n| kind | n | mean |\n+------+---+------+\n| B    | 1 | 3.0  |\n| T    | 3 | 0.0  |\n+------+---+------+\n";
    assert_eq!((status, out.as_str()), (Some(0), expected));
    let (_, out, _) = run(&["sql", &a, &b, query, "--format", "csv"]);
    assert_eq!(out, "kind,n,mean\nB,1,3.0\nT,3,0.0\n");
    let (_, out, _) = run(&["sql", &a, &b, query, "--format", "json"]);
    assert_eq!(out, "[{\"kind\":\"B\",\"n\":1,\"mean\":3.0},{\"kind\":\"T\",\"n\":3,\"mean\":0.0}]\n");
    let (_, out, _) = run(&[
        "sql",
        &a,
        &b,
        "SELECT _store, obs_name, value FROM x WHERE var_name = 'CD4' ORDER BY obs_id",
        "--format",
        "csv",
    ]);
    assert_eq!(out, "_store,obs_name,value\na,a.h5ad1,1.0\na,a.h5ad2,2.0\nb,b.zarr2,5.0\n");
    let (_, out, _) = run(&["sql", &a, &b, "SELECT count(*) FROM var", "--join", "inner", "--format", "csv"]);
    assert!(out.ends_with("\n1\n"), "{out}");
    // No rows, all columns.
    let (_, out, _) = run(&["sql", &a, "SELECT obs_name FROM obs WHERE obs_id > 9"]);
    assert!(out.contains("obs_name"), "{out}");
}

#[test]
fn errors_name_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let [a, _] = stores(folder.path());
    for (arguments, message) in [
        (vec!["sql", &a, "SELECT nope FROM obs"], "nope"),
        (vec!["sql", &a, "SELECT FROM"], "SQL error"),
        (vec!["sql", &a, "SELECT * FROM gene('nope')"], "no such name: 'nope'"),
        (vec!["sql", "/no/such/file.h5ad", "SELECT 1"], "file.h5ad"),
    ] {
        let (status, out, error) = run(&arguments);
        assert_eq!((status, out.as_str(), error.lines().count()), (Some(2), "", 1), "{error}");
        assert!(error.contains(message), "{error}");
    }
}
