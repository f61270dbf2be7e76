//! The command as its users see it: what it prints, its exit status, and what it does to files.

// Long file: every command that shows or converts, with its errors.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anndata::{Element, read_h5ad};
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

/// Runs the command in the folder of the fixtures.
fn run<S: AsRef<std::ffi::OsStr>>(arguments: &[S]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anndata"));
    command.args(arguments).current_dir(fixtures()).env_remove("RUST_BACKTRACE").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a call prints that succeeds in silence otherwise.
fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{arguments:?}");
    text(&output.stdout)
}

/// The one line on standard error of a call that fails.
fn complaint(arguments: &[&str]) -> String {
    let output = run(arguments);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
    assert!(output.stdout.is_empty(), "{arguments:?} prints {}", text(&output.stdout));
    assert_eq!(stderr.lines().count(), 1, "{arguments:?}: {stderr}");
    stderr.trim_end().to_owned()
}

/// The message of a call that the parser of arguments refuses.
fn misuse(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    assert!(output.stdout.is_empty());
    text(&output.stderr)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn show_prints_the_object() {
    insta::assert_snapshot!(printed(&["show", "demo.h5ad"]), @r#"
    AnnData object with n_obs × n_vars = 300 × 400
        obs: 'n_counts', 'n_genes', 'cell_type', 'stage', 'donor_age', 'is_doublet', 'passed', 'note'
        var: 'gene_id', 'mean', 'highly_variable', 'chromosome'
        uns: 'cell_type_colors', 'neighbors', 'pca', 'rank_genes_groups', 'title'
        obsm: 'X_pca', 'X_umap'
        varm: 'PCs'
        obsp: 'connectivities', 'distances'
        varp: 'gene_correlation'
        layers: 'counts', None (.X)
    "#);
}

/// How many elements a tree has.
fn elements(tree: &Value) -> usize {
    let children = tree["children"].as_object();
    1 + children.map_or(0, |children| children.values().map(elements).sum())
}

#[test]
fn show_tree_prints_every_element() {
    let tree = printed(&["show", "demo.h5ad", "--tree"]);
    let first: Vec<&str> = tree.lines().take(24).collect();
    insta::assert_snapshot!(first.join("\n"), @r#"
    /                                    anndata 0.1.0  (300, 400)  147.4 KiB
    ├── X                                csr_matrix 0.1.0  (300, 400)  24.3 KiB
    │   ├── data                         float32  (11944,)  chunks (2986,)  zlib(4)  7.0 KiB
    │   ├── indices                      int32  (11944,)  chunks (2986,)  zlib(4)  16.7 KiB
    │   └── indptr                       int32  (301,)  chunks (301,)  zlib(4)  574 B
    ├── layers                           dict 0.1.0  21.2 KiB
    │   └── counts                       csr_matrix 0.1.0  (300, 400)  21.2 KiB
    │       ├── data                     float32  (11944,)  chunks (2986,)  zlib(4)  3.9 KiB
    │       ├── indices                  int32  (11944,)  chunks (2986,)  zlib(4)  16.7 KiB
    │       └── indptr                   int32  (301,)  chunks (301,)  zlib(4)  574 B
    ├── obs                              dataframe 0.2.0  (300, 8)  2.8 KiB
    │   ├── _index                       nullable-string-array 0.1.0  (300,)  705 B
    │   │   ├── mask                     array 0.2.0  bool  (300,)  chunks (300,)  zlib(4)  13 B
    │   │   └── values                   string-array 0.2.0  string  (300,)  chunks (300,)  zlib(4)  692 B
    │   ├── cell_type                    categorical 0.2.0  (300,)  160 B
    │   │   ├── categories               string-array 0.2.0  string  (4,)  chunks (4,)  zlib(4)  35 B
    │   │   └── codes                    array 0.2.0  int8  (300,)  chunks (300,)  zlib(4)  125 B
    │   ├── donor_age                    nullable-integer 0.1.0  (300,)  455 B
    │   │   ├── mask                     array 0.2.0  bool  (300,)  chunks (300,)  zlib(4)  16 B
    │   │   └── values                   array 0.2.0  int32  (300,)  chunks (300,)  zlib(4)  439 B
    │   ├── is_doublet                   nullable-boolean 0.1.0  (300,)  56 B
    │   │   ├── mask                     array 0.2.0  bool  (300,)  chunks (300,)  zlib(4)  16 B
    │   │   └── values                   array 0.2.0  bool  (300,)  chunks (300,)  zlib(4)  40 B
    │   ├── n_counts                     array 0.2.0  float32  (300,)  chunks (300,)  zlib(4)  526 B
    "#);
    let json: Value = serde_json::from_str(&printed(&["show", "demo.h5ad", "--json"])).unwrap();
    assert_eq!(tree.lines().count(), elements(&json["tree"]));
}

#[test]
fn show_json_has_the_keys_of_every_slot_and_the_tree() {
    let object: Value = serde_json::from_str(&printed(&["show", "demo.h5ad", "--json"])).unwrap();
    let keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    insta::assert_snapshot!(keys.join(" "), @"repr n_obs n_vars obs var uns obsm varm obsp varp layers has_x has_raw other tree");
    let mut slots = object.clone();
    let tree = slots["tree"].take();
    slots["repr"].take();
    insta::assert_snapshot!(slots, @r#"{"repr":null,"n_obs":300,"n_vars":400,"obs":["n_counts","n_genes","cell_type","stage","donor_age","is_doublet","passed","note"],"var":["gene_id","mean","highly_variable","chromosome"],"uns":["cell_type_colors","neighbors","pca","rank_genes_groups","title"],"obsm":["X_pca","X_umap"],"varm":["PCs"],"obsp":["connectivities","distances"],"varp":["gene_correlation"],"layers":["counts"],"has_x":true,"has_raw":true,"other":[],"tree":null}"#);
    insta::assert_snapshot!(tree["children"]["X"]["children"]["data"], @r#"{"path":"X/data","kind":"array","encoding_type":null,"encoding_version":null,"shape":[11944],"dtype":"float32","chunks":[2986],"shards":null,"codecs":["zlib(4)"],"stored_bytes":7205}"#);
    assert_eq!(object["repr"].as_str().unwrap(), printed(&["show", "demo.h5ad"]).trim_end());
    assert_eq!(printed(&["show", "demo.h5ad", "--json", "--tree"]), printed(&["show", "demo.h5ad", "--json"]));
}

/// Every fixture can be shown in every way, old ones included.
#[test]
fn show_works_on_every_fixture() {
    let mut shown = 0;
    for folder in ["h5ad", "legacy"] {
        for name in names(&fixtures().join(folder)) {
            let path = format!("{folder}/{name}");
            let tree = printed(&["show", &path, "--tree"]);
            assert!(tree.contains("obs") && tree.contains("var"), "{path}: {tree}");
            if name == "anndata-both-raw.h5ad" {
                continue;
            }
            assert!(printed(&["show", &path]).starts_with("AnnData object with n_obs × n_vars = "), "{path}");
            let json: Value = serde_json::from_str(&printed(&["show", &path, "--json"])).unwrap();
            assert!(json["tree"]["children"].is_object(), "{path}");
            shown += 1;
        }
    }
    assert!(shown > 25, "only {shown} fixtures");
}

/// What a call prints that finds something.
fn found(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), String::new()), "{arguments:?}");
    text(&output.stdout)
}

#[test]
fn validate_prints_a_line_a_finding() {
    insta::assert_snapshot!(found(&["validate", "malformed/sparse-shape-huge.h5ad"]), @r#"
    warning  /obs/_index: text is stored as S1 [text-fixed-width]
             Rewrite the file with `anndata convert`.
    warning  /obs/kind/categories: text is stored as S1 [text-fixed-width]
    warning  /var/_index: text is stored as S2 [text-fixed-width]
    error    /X/indptr: expected 4611686018427387905 entries in indptr, one more than the major axis is long, found 5 [sparse-indptr]
             Do not index with it; write the matrix anew.
    error    /X: the shape is [4611686018427387904, 3], not [4, 3] [slot-shape]
             Align it with `obs` and `var`, or move it to `uns`.
    2 errors, 3 warnings, 0 infos
    "#);
    insta::assert_snapshot!(found(&["validate", "h5ad/sparse.h5ad"]), @r#"
    warning  /uns/duplicates/indices: the indices of row 0 are repeated; 1 such row [sparse-indices-repeated]
             In Python: `X.sum_duplicates()`.
    warning  /uns/unsorted/indices: the indices of row 0 are not sorted; 2 such rows [sparse-indices-unsorted]
             In Python: `X.sort_indices()`.
    0 errors, 2 warnings, 0 infos
    "#);
    insta::assert_snapshot!(printed(&["validate", "legacy/anndata-0.6.22.h5ad"]), @r#"
    info     /: the object is in the layout of anndata before 0.8 [legacy-layout]
             Rewrite the file with `anndata convert`.
    0 errors, 0 warnings, 1 info
    "#);
    assert_eq!(printed(&["validate", "h5ad/arrays.h5ad"]), "0 errors, 0 warnings, 0 infos\n");
}

#[test]
fn validate_json_has_the_findings() {
    let report = found(&["validate", "h5ad/sparse.h5ad", "--json"]);
    insta::assert_snapshot!(report, @r#"
    {
      "clean": false,
      "errors": 0,
      "warnings": 2,
      "infos": 0,
      "truncated": false,
      "findings": [
        {
          "path": "/uns/duplicates/indices",
          "severity": "warning",
          "rule": "sparse-indices-repeated",
          "message": "the indices of row 0 are repeated; 1 such row",
          "hint": "In Python: `X.sum_duplicates()`."
        },
        {
          "path": "/uns/unsorted/indices",
          "severity": "warning",
          "rule": "sparse-indices-unsorted",
          "message": "the indices of row 0 are not sorted; 2 such rows",
          "hint": "In Python: `X.sort_indices()`."
        }
      ]
    }
    "#);
    let clean: Value = serde_json::from_str(&printed(&["validate", "h5ad/arrays.h5ad", "--json"])).unwrap();
    assert_eq!((&clean["clean"], clean["findings"].as_array().unwrap().len()), (&Value::Bool(true), 0));
}

#[test]
fn validate_of_what_cannot_be_opened_is_an_error() {
    for file in ["malformed/empty.h5ad", "malformed/truncated-half.h5ad", "malformed/root-garbage.h5ad", "absent.h5ad"]
    {
        for arguments in [vec!["validate", file], vec!["validate", file, "--json"]] {
            assert!(complaint(&arguments).contains(file));
        }
    }
}

#[test]
fn an_error_is_one_line_that_names_file_and_element() {
    for (arguments, words) in [
        (&["show", "no-such-file.h5ad"][..], &["no-such-file.h5ad: ", "No such file"][..]),
        (&["show", "malformed/not-hdf5.h5ad"], &["malformed/not-hdf5.h5ad: "]),
        (&["show", "malformed/empty.h5ad"], &["malformed/empty.h5ad: "]),
        (&["show", "malformed/not-anndata.h5ad"], &["malformed/not-anndata.h5ad: ", "not an AnnData object"]),
        (&["show", "malformed/column-order-number.h5ad"], &["column-order-number.h5ad: obs: ", "'column-order'"]),
        (
            &["show", "malformed/shape-mismatch.h5ad", "--json"],
            &["shape-mismatch.h5ad: ", "obs: expected 3 rows, as X has, found 4"],
        ),
        (&["show", "h5ad/anndata-both-raw.h5ad"], &["anndata-both-raw.h5ad: ", "raw in two forms"]),
    ] {
        let line = complaint(arguments);
        assert!(line.starts_with("anndata: "), "{line}");
        for word in words {
            assert!(line.contains(word), "{line:?} should say {word:?}");
        }
    }
}

#[test]
fn wrong_usage_has_status_2_and_shows_the_usage() {
    for arguments in [&[][..], &["nope"], &["show"], &["convert", "demo.h5ad"], &["show", "demo.h5ad", "--nope"]] {
        assert!(misuse(arguments).contains("Usage: anndata"), "{arguments:?}");
    }
}

#[test]
fn every_subcommand_has_help_with_an_example() {
    let help = printed(&["--help"]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let commands: Vec<&str> =
        listed.filter_map(|line| line.split_whitespace().next()).filter(|c| *c != "help").collect();
    assert!(commands.starts_with(&["show", "convert", "get"]), "{commands:?}");
    for command in commands {
        let help = printed(&[command, "--help"]);
        let example = help.split_once("Example").unwrap_or_else(|| panic!("{command}: {help}")).1;
        assert!(example.contains(&format!("  anndata {command} ")), "{command}: {help}");
    }
    assert_eq!(printed(&["--version"]).trim_end(), format!("anndata {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn convert_writes_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let source = read_h5ad(fixtures().join("demo.h5ad")).unwrap();
    for (number, (options, codec)) in [
        (&[][..], None),
        (&["--compression", "none"], None),
        (&["--compression", "gzip"], Some("zlib(4)")),
        (&["--compression", "gzip", "--level", "9"], Some("zlib(9)")),
        (&["--compression", "lzf"], Some("lzf")),
        (&["--compression", "zstd", "--level", "1"], Some("zstd(1)")),
        (&["--compression", "blosc"], Some("blosc")),
    ]
    .into_iter()
    .enumerate()
    {
        let output = folder.path().join(format!("{number}.h5ad"));
        let path = output.to_str().unwrap();
        assert_eq!(printed(&[&["convert", "demo.h5ad", path], options].concat()), "", "{options:?}");
        assert_eq!(read_h5ad(&output).unwrap(), source, "{options:?}");
        let tree = printed(&["show", path, "--tree"]);
        let data = tree.lines().find(|line| line.contains("── data ")).unwrap();
        match codec {
            Some(codec) => assert!(data.contains(codec), "{options:?}: {data}"),
            None => assert!(!["zlib", "lzf", "zstd", "blosc"].iter().any(|c| tree.contains(c)), "{options:?}: {data}"),
        }
    }
}

#[test]
fn convert_keeps_the_layout_only_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (packed, kept, anew) = (path("packed.h5ad"), path("kept.h5ad"), path("anew.h5ad"));
    printed(&["convert", "demo.h5ad", &packed, "--compression", "gzip", "--level", "7"]);
    printed(&["convert", &packed, &kept, "--keep-layout"]);
    printed(&["convert", &packed, &anew]);
    let codecs = |path: &str| printed(&["show", path, "--tree"]).matches("zlib(7)").count();
    assert!(codecs(&packed) > 1 && codecs(&kept) == codecs(&packed) && codecs(&anew) == 0);
    assert_eq!(read_h5ad(&kept).unwrap(), read_h5ad(&packed).unwrap());
    for option in [&["--compression", "gzip"][..], &["--chunk-rows", "3"], &["--no-shard"]] {
        let message = misuse(&[&["convert", &packed, &anew, "--overwrite", "--keep-layout"], option].concat());
        assert!(message.contains("cannot be used with"), "{message}");
    }
}

#[test]
fn convert_makes_matrices_dense_and_sparse() {
    let folder = tempfile::tempdir().unwrap();
    let (once, twice) = (folder.path().join("once.h5ad"), folder.path().join("twice.h5ad"));
    let source = read_h5ad(fixtures().join("demo.h5ad")).unwrap();
    let to = once.to_str().unwrap();
    printed(&[
        "convert",
        "demo.h5ad",
        to,
        "--as-dense",
        "X,layers/counts",
        "--compression",
        "gzip",
        "--chunk-rows",
        "50",
    ]);
    let dense = read_h5ad(&once).unwrap();
    let x = source.x().unwrap().to_sparse().unwrap().to_dense().unwrap();
    assert_eq!(dense.x(), Some(&Element::from(x)));
    assert!(printed(&["show", to, "--tree"]).contains("chunks (50, 400)"));
    printed(&["convert", to, twice.to_str().unwrap(), "--as-sparse", "X"]);
    let sparse = read_h5ad(&twice).unwrap();
    let (found, expected) = (sparse.x().unwrap().to_sparse().unwrap(), source.x().unwrap().to_sparse().unwrap());
    assert_eq!(found.to_dense().unwrap(), expected.to_dense().unwrap());
    assert!(matches!(sparse.layer(Some("counts")), Some(Element::Tensor(_))));
}

#[test]
fn convert_writes_text_as_older_readers_want_it() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("plain.h5ad");
    let path = output.to_str().unwrap();
    printed(&["convert", "h5ad/anndata-dense.h5ad", path, "--legacy-strings"]);
    let tree = printed(&["show", path, "--tree"]);
    assert!(tree.contains("string-array") && !tree.contains("nullable-string-array"), "{tree}");
    let line = complaint(&[
        "convert",
        "h5ad/nullable.h5ad",
        folder.path().join("b.h5ad").to_str().unwrap(),
        "--legacy-strings",
    ]);
    assert!(line.contains("a missing text cannot be written as plain text"), "{line}");
    assert_eq!(names(folder.path()), ["plain.h5ad"]);
}

#[test]
fn convert_refuses_what_makes_no_sense_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5ad");
    let to = output.to_str().unwrap();
    for (options, words) in [
        (&["--compression", "gzip", "--level", "10"][..], "--level 10 is not between 0 and 9"),
        (&["--compression", "zstd", "--level", "23"], "--level 23 is not between 1 and 22"),
        (&["--compression", "lzf", "--level", "3"], "--level goes with"),
        (&["--compression", "none", "--level", "3"], "--level goes with"),
        (&["--as-sparse", "nope"], "'nope' does not name a matrix"),
        (&["--as-dense", "X,layers/nope"], "'layers/nope' does not name a matrix"),
        (&["--as-dense", "X", "--as-sparse", "X"], "both dense and sparse"),
    ] {
        let line = complaint(&[&["convert", "demo.h5ad", to], options].concat());
        assert!(line.contains(words), "{line:?} should say {words:?}");
    }
    for options in [&["--level", "3"][..], &["--compression", "zip"], &["--chunk-rows", "0"], &["--level", "-1"]] {
        misuse(&[&["convert", "demo.h5ad", to], options].concat());
    }
    let line = complaint(&["convert", "demo.h5ad", folder.path().join("out.csv").to_str().unwrap()]);
    assert!(line.contains("should end in .h5ad"), "{line}");
    let nowhere = folder.path().join("no/folder.h5ad");
    let line = complaint(&["convert", "demo.h5ad", nowhere.to_str().unwrap()]);
    assert!(line.contains("folder.h5ad") && line.contains("No such file") && !line.contains(".folder"), "{line}");
    assert!(names(folder.path()).is_empty(), "{:?}", names(folder.path()));
}

#[test]
fn convert_replaces_a_file_only_when_told_and_only_by_a_whole_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.h5ad");
    let to = output.to_str().unwrap();
    fs::write(&output, "mine").unwrap();
    let line = complaint(&["convert", "demo.h5ad", to]);
    assert!(line.contains(to) && line.contains("--overwrite"), "{line}");
    assert_eq!(fs::read(&output).unwrap(), b"mine");

    for (malformed, path) in [
        ("garbage-chunk", ": uns/zipped"),
        ("codes-too-large", ": obs/kind"),
        ("sparse-index-too-large", ": X/indices"),
        ("truncated-half", ": the file cannot be opened"),
    ] {
        let line = complaint(&["convert", &format!("malformed/{malformed}.h5ad"), to, "--overwrite"]);
        assert!(line.starts_with(&format!("anndata: malformed/{malformed}.h5ad{path}")), "{line}");
        assert_eq!(fs::read(&output).unwrap(), b"mine");
        assert_eq!(names(folder.path()), ["out.h5ad"]);
    }

    printed(&["convert", "demo.h5ad", to, "--overwrite"]);
    assert_eq!(read_h5ad(&output).unwrap(), read_h5ad(fixtures().join("demo.h5ad")).unwrap());
    assert_eq!(names(folder.path()), ["out.h5ad"]);
}

/// Objects become one store in another order, the same in any memory.
#[test]
fn rechunk_shuffles_objects() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("all.zarr");
    let to = output.to_str().unwrap();
    let inputs = ["rechunk", "demo.h5ad", "demo.h5ad", to, "--index-unique", "-"];
    printed(&[&inputs[..], &["--shuffle", "--seed", "3"]].concat());
    let shuffled = anndata::read(&output).unwrap();
    let demo = read_h5ad(fixtures().join("demo.h5ad")).unwrap();
    assert_eq!(shuffled.shape(), (2 * demo.n_obs(), demo.n_vars()));
    printed(&[&inputs[..], &["--shuffle", "--seed", "3", "--memory-limit", "1K", "--overwrite"]].concat());
    assert_eq!(anndata::read(&output).unwrap(), shuffled);
    for seed in [&["--shuffle", "3"][..], &["--shuffle=3"]] {
        printed(&[&inputs[..], seed, &["--overwrite"]].concat());
        assert_eq!(anndata::read(&output).unwrap(), shuffled);
    }
    // What follows and is no number is an input.
    printed(&["rechunk", "--shuffle", "demo.h5ad", "demo.h5ad", to, "--index-unique", "-", "--overwrite"]);
    assert_ne!(anndata::read(&output).unwrap().obs_names().unwrap(), shuffled.obs_names().unwrap());
    let line = complaint(&[&inputs[..], &["--shuffle", "3", "--seed", "4", "--overwrite"]].concat());
    assert_eq!(line, "anndata: '--shuffle 3' and '--seed 4' cannot be used together");
    let line = complaint(&[&inputs[..], &["--shuffle=x", "--overwrite"]].concat());
    assert_eq!(line, "anndata: the seed 'x' of '--shuffle' is not a number");
    printed(&[&inputs[..], &["--overwrite"]].concat());
    let (kept, order) = (anndata::read(&output).unwrap(), shuffled.obs_names().unwrap());
    assert_eq!(kept.select(&order, ..).unwrap().load().unwrap(), shuffled);
    assert_ne!(kept.obs_names().unwrap(), order);
    assert_eq!(names(folder.path()), ["all.zarr"]);

    let line = complaint(&["rechunk", "demo.h5ad", to]);
    assert!(line.contains(to) && line.contains("--overwrite"), "{line}");
    misuse(&["rechunk", "demo.h5ad"]);
}

/// Objects become one, and what cannot be done is reported in one line.
#[test]
fn concat_joins_objects() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("all.h5ad");
    let to = output.to_str().unwrap();
    let inputs = ["concat", to, "demo.h5ad", "demo.h5ad"];
    let options = ["--label", "batch", "--keys", "one,two", "--index-unique", "-", "--merge", "same"];
    let plan = printed(&[&inputs[..], &options, &["--dry-run"]].concat());
    let n_obs = 2 * read_h5ad(fixtures().join("demo.h5ad")).unwrap().n_obs();
    assert!(plan.starts_with(&format!("n_obs × n_vars = {n_obs} × ")), "{plan}");
    assert!(plan.lines().any(|line| line == "obs/batch") && plan.lines().any(|line| line.starts_with("X: ")), "{plan}");
    assert!(names(folder.path()).is_empty());

    // On disk, in small blocks, and in memory are the same.
    printed(&[&inputs[..], &options, &["--memory-limit", "1K"]].concat());
    let on_disk = read_h5ad(&output).unwrap();
    printed(&[&inputs[..], &options, &["--in-memory", "--overwrite"]].concat());
    assert_eq!(on_disk, read_h5ad(&output).unwrap());
    let (joined, demo) = (read_h5ad(&output).unwrap(), read_h5ad(fixtures().join("demo.h5ad")).unwrap());
    assert_eq!(joined.shape(), (2 * demo.n_obs(), demo.n_vars()));
    assert_eq!(joined.var(), demo.var());
    assert_eq!(joined.obs().column("batch").unwrap().to_strings().unwrap()[0].as_deref(), Some("one"));
    assert!(joined.obs_names().unwrap()[0].ends_with("-one"));

    for in_memory in [&["--in-memory"][..], &[]] {
        let line = complaint(&[&["concat", to, "demo.h5ad"][..], in_memory].concat());
        assert!(line.contains(to) && line.contains("--overwrite"), "{line}");
        let line = complaint(&[&inputs[..], &["--overwrite", "--keys", "one"], in_memory].concat());
        assert!(line.contains("found 1 keys for 2 objects"), "{line}");
    }
    let line = complaint(&["concat", to, to, "--overwrite"]);
    assert!(line.contains("it is one of the inputs"), "{line}");
    for option in ["--resume", "--rectilinear"] {
        let line = complaint(&[&inputs[..], &["--overwrite", option]].concat());
        assert!(line.contains("choose an output that ends in .zarr"), "{line}");
        misuse(&[&inputs[..], &["--in-memory", option]].concat());
    }
    let folder_of = folder.path().join("all.zarr");
    printed(&["concat", folder_of.to_str().unwrap(), to, "demo.h5ad", "--resume", "--rectilinear"]);
    assert_eq!(anndata::read(&folder_of).unwrap().n_obs(), 3 * demo.n_obs());
    assert_eq!(names(folder.path()), ["all.h5ad", "all.zarr"]);
}

/// A reader of the output that stops early is not an error.
#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_anndata"))
        .args(["show", "demo.h5ad", "--json"])
        .current_dir(fixtures())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}
