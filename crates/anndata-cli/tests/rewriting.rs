//! Objects that are rewritten: `subset`, `transpose`, `split` and `repack`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

mod support;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Output, Stdio};

use anndata::{AnnData, DataFrame, Selector, Tensor};
use support::{command, complaint, demo, text};

/// What a call prints that succeeds in silence otherwise.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    checked(&command(folder, arguments).output().unwrap(), arguments)
}

fn checked(output: &Output, arguments: &[&str]) -> String {
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{arguments:?}");
    text(&output.stdout)
}

/// A folder with the demo as `in.h5ad`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(demo(), folder.path().join("in.h5ad")).unwrap();
    folder
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn subset_writes_what_the_library_selects() {
    let folder = folder();
    let path = folder.path();
    let whole = anndata::read(path.join("in.h5ad")).unwrap();
    let (obs_names, var_names) = (whole.obs_names().unwrap(), whole.var_names().unwrap());
    fs::write(path.join("genes.txt"), format!("{}\r\n\n{}\n", var_names[7], var_names[3])).unwrap();
    let two = format!("{},{}", obs_names[5], obs_names[2]);
    let wanted = [7_usize, 3];
    let first_type = whole.obs().column("cell_type").unwrap().to_labels().unwrap()[0].clone();
    let equal = format!("cell_type == {first_type}");
    for (number, (arguments, obs, var)) in [
        (&["--obs", "10:20"][..], Selector::from(10..20), Selector::from(..)),
        (&["--obs", "-3:", "--var", ":4"], Selector::from(297..), Selector::from(..4)),
        (&["--obs", &two], Selector::from([5, 2]), Selector::from(..)),
        (&["--var", "@genes.txt"], Selector::from(..), Selector::from(wanted)),
        (&["--obs", &equal], Selector::equal("cell_type", first_type.clone()), Selector::from(..)),
        (
            &["--obs", "n_counts > 100", "--obs", ":150", "--var", "highly_variable==true"],
            Selector::filter("n_counts", |n| n > 100.0).and(..150),
            Selector::mask_of("highly_variable"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let expected = whole.select(obs, var).unwrap();
        for ending in ["h5ad", "zarr", "zarr.zip"] {
            let output = format!("{number}.{ending}");
            assert_eq!(printed(path, &[&["subset", "in.h5ad", &output], arguments].concat()), "");
            let written = anndata::read(path.join(&output)).unwrap();
            written.approx_eq(&expected, anndata::Tolerance::EXACT).unwrap_or_else(|e| panic!("{arguments:?}: {e}"));
        }
    }
}

#[test]
fn subset_reads_names_from_standard_input_and_may_replace_its_input() {
    let folder = folder();
    let path = folder.path();
    let whole = anndata::read(path.join("in.h5ad")).unwrap();
    let arguments = ["subset", "in.h5ad", "in.h5ad", "--obs", "@-", "--overwrite", "--compression", "gzip"];
    let mut command = command(path, &arguments);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let name = &whole.obs_names().unwrap()[9];
    child.stdin.take().unwrap().write_all(format!("{name}\n").as_bytes()).unwrap();
    checked(&child.wait_with_output().unwrap(), &arguments);
    assert_eq!(anndata::read(path.join("in.h5ad")).unwrap().obs_names().unwrap(), [name.as_str()]);
    assert_eq!(names(path), ["in.h5ad"]);
}

#[test]
fn subset_tells_what_is_wrong_and_leaves_nothing() {
    let folder = folder();
    let path = folder.path();
    for (arguments, said) in [
        (&[][..], "say what to keep"),
        (&["--obs", "nope==1"], "in.h5ad: obs: there is no column 'nope'; there are: n_counts, "),
        (&["--obs", "no-such-cell"], "no-such-cell"),
        (&["--obs", "5:9999"], "out of bounds"),
        (&["--obs", "n_counts<many"], "'many' is not a value of float32"),
        (&["--var", "@absent.txt"], "absent.txt: "),
    ] {
        let line = complaint(path, &[&["subset", "in.h5ad", "out.h5ad"], arguments].concat());
        assert!(line.starts_with("anndata: ") && line.contains(said), "{arguments:?}: {line}");
    }
    fs::write(path.join("out.h5ad"), "kept").unwrap();
    assert!(complaint(path, &["subset", "in.h5ad", "out.h5ad", "--obs", ":1"]).contains("--overwrite"));
    assert_eq!(fs::read_to_string(path.join("out.h5ad")).unwrap(), "kept");
    assert_eq!(names(path), ["in.h5ad", "out.h5ad"]);
}

#[test]
fn transpose_interchanges_the_axes() {
    let folder = folder();
    let path = folder.path();
    let expected = anndata::read(path.join("in.h5ad")).unwrap().transpose().unwrap();
    for output in ["t.h5ad", "t.zarr"] {
        assert_eq!(printed(path, &["transpose", "in.h5ad", output]), "");
        assert_eq!(anndata::read(path.join(output)).unwrap(), expected);
    }
    // A dense matrix in chunks, in little memory.
    let values: Vec<f32> = (0_u16..1200).map(f32::from).collect();
    let dense = AnnData::builder().x(Tensor::from_vec([40, 30], values).unwrap()).build().unwrap();
    anndata::write(path.join("dense.zarr"), &dense).unwrap();
    printed(path, &["transpose", "dense.zarr", "back.h5ad", "--memory-limit", "1K", "--chunk-rows", "7"]);
    assert_eq!(anndata::read(path.join("back.h5ad")).unwrap(), dense.transpose().unwrap());
}

#[test]
fn split_writes_a_part_for_each_value() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let donors = anndata::Column::categorical_from_options([Some("d/1"), Some("d 2"), None, Some("d/1")]).unwrap();
    let obs = DataFrame::new(["a", "b", "c", "d"]).with_column("donor", donors).unwrap();
    let x = Tensor::from_vec([4, 1], vec![1, 2, 3, 4]).unwrap();
    anndata::write(path.join("in.h5ad"), &AnnData::builder().x(x).obs(obs).build().unwrap()).unwrap();
    let output = command(path, &["split", "in.h5ad", "parts", "--by", "donor"]).output().unwrap();
    assert_eq!(text(&output.stderr), "anndata: warning: 1 observations have no value of donor\n");
    assert_eq!(output.status.code(), Some(0));
    let parts = Path::new("parts");
    let shown = |name: &str| parts.join(name).display().to_string();
    let expected = format!("{}: 1 observations\n{}: 2 observations\n", shown("d_2.h5ad"), shown("d_1.h5ad"));
    let lines = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&text(&output.stdout)), lines(&expected));
    let first = anndata::read(path.join("parts/d_1.h5ad")).unwrap();
    assert_eq!(first.obs_names().unwrap(), ["a", "d"]);
    assert_eq!(first.x().unwrap().to_tensor().unwrap().as_slice::<i32>().unwrap(), [1, 4]);
    // None is written if one is there.
    fs::remove_file(path.join("parts/d_1.h5ad")).unwrap();
    let line = complaint(path, &["split", "in.h5ad", "parts", "--by", "donor"]);
    assert!(line.contains("d_2.h5ad") && line.contains("--overwrite"), "{line}");
    assert_eq!(names(&path.join("parts")), ["d_2.h5ad"]);
    let json =
        printed(path, &["split", "in.h5ad", "parts", "--by", "donor", "--overwrite", "--json", "--format", "zarr"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["parts"].as_array().unwrap().len(), &json["n_obs_without_value"]), (2, &1.into()));
    assert!(complaint(path, &["split", "in.h5ad", "parts", "--by", "nope"]).contains("nope"));
}

#[test]
fn repack_changes_the_layout_in_its_place() {
    let folder = folder();
    let path = folder.path();
    let whole = anndata::read(path.join("in.h5ad")).unwrap();
    printed(path, &["convert", "in.h5ad", "in.zarr.zip"]);
    printed(path, &["convert", "in.h5ad", "in.zarr"]);
    for name in ["in.h5ad", "in.zarr", "in.zarr.zip"] {
        let said = printed(path, &["repack", name, "--compression", "zstd", "--level", "9"]);
        assert!(said.starts_with(&format!("{name}: ")) && said.contains(" bytes after"), "{said}");
        assert_eq!(anndata::read(path.join(name)).unwrap(), whole);
        assert!(printed(path, &["show", name, "--tree"]).contains("zstd(9)"), "{name}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&printed(path, &["repack", "in.h5ad", "--compression", "none", "--json"])).unwrap();
    assert!(json["bytes_before"].as_u64().unwrap() < json["bytes_after"].as_u64().unwrap(), "{json}");
    assert_eq!(names(path), ["in.h5ad", "in.zarr", "in.zarr.zip"]);
    fs::rename(path.join("in.h5ad"), path.join("named.zarr")).unwrap();
    assert!(complaint(path, &["repack", "named.zarr"]).contains("another format"));
    assert!(complaint(path, &["repack", "absent.h5ad"]).contains("absent.h5ad"));
}
