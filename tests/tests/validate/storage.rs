//! How values are stored: memory, sizes without bytes behind them, codecs and dtypes that nobody knows.

use anndata::hdf5::write_atomic;
use anndata::node::{Node, NodeWriteOptions};
use anndata::{AnnData, ArraySpec, DType, DataFrame, Group, Result, Tensor, ValidateOptions, validate, validate_path};

use crate::found;
use crate::object::{good, put, set};

/// The rules of what is found where `change` was done to the good object, in this much memory.
fn rules_after(change: impl Fn(&Group) -> Result<()>, memory: u64) -> Vec<&'static str> {
    let root = good().unwrap();
    change(&root).unwrap();
    let report = validate(&root, &ValidateOptions::default().with_memory(memory)).unwrap();
    report.findings.iter().map(|finding| finding.rule).collect()
}

#[test]
fn what_does_not_fit_into_the_memory_is_told_of() {
    let chunked = |root: &Group| {
        let values = Tensor::from_vec([3, 1000], vec![0.5_f64; 3000])?;
        root.remove("obsm/X_pca")?;
        root.create_array("obsm/X_pca", &ArraySpec::of(&values).with_chunks([3, 1000]))?.write(&[0, 0], &values)?;
        set(root, "obsm/X_pca", "encoding-type", Some("array".into()))?;
        set(root, "obsm/X_pca", "encoding-version", Some("0.2.0".into()))
    };
    assert_eq!(rules_after(chunked, 1 << 30), [] as [&str; 0]);
    assert_eq!(rules_after(chunked, 24_000), [] as [&str; 0]);
    assert_eq!(rules_after(chunked, 23_999), ["chunk-oversized"]);
    let awkward = |root: &Group| put(root, "obsm/lists/node1-data", &Tensor::from_vec([1000], vec![1_i64; 1000])?);
    assert_eq!(rules_after(awkward, 1 << 30), [] as [&str; 0]);
    assert_eq!(rules_after(awkward, 16_000), ["element-unchecked"]);
}

#[test]
fn an_array_without_a_value_is_found() {
    let null = |root: &Group| {
        root.remove("uns/resolution")?;
        root.create_array("uns/resolution", &ArraySpec::null(DType::F64))?;
        set(root, "uns/resolution", "encoding-type", Some("numeric-scalar".into()))?;
        set(root, "uns/resolution", "encoding-version", Some("0.2.0".into()))
    };
    assert_eq!(rules_after(null, 1 << 30), ["value-absent"]);
}

/// Arrays that declare much and store little, under and over the limit of what is read at all.
#[test]
fn sizes_without_bytes_behind_them_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5ad");
    let tree = Node::open(&good().unwrap(), "").unwrap();
    write_atomic(&path, true, false, |store| {
        let root = Group::root(store.clone());
        tree.write(&root, "", &NodeWriteOptions::default())?;
        for (name, bytes) in [("fair", 1_u64 << 20), ("large", 80 << 20), ("huge", 8 << 40)] {
            let array =
                root.create_array(&format!("uns/{name}"), &ArraySpec::new(DType::U8, [bytes]).with_chunks([1 << 16]))?;
            array.set_attributes(&anndata::node::encoding_attributes("array", "0.2.0"))?;
        }
        Ok(())
    })
    .unwrap();
    let report = validate_path(&path, &ValidateOptions::default()).unwrap();
    let expected = [("uns/huge".to_owned(), "size-claim"), ("uns/large".to_owned(), "size-unbacked")];
    assert_eq!(found(&report), expected.into(), "{report}");
}

/// Codecs and dtypes that nobody knows, in the metadata of a zarr store.
#[test]
fn codecs_and_dtypes_that_are_not_known_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zarr");
    let adata = AnnData::builder().obs(DataFrame::new(["a", "b"]).with_column("n", vec![1_i32, 2]).unwrap());
    let numbers = |values: Vec<i64>| Tensor::from_vec([values.len()], values).unwrap();
    let adata = adata.uns("m", numbers(vec![1, 2])).uns("empty", numbers(Vec::new()));
    anndata::write_zarr(&path, &adata.build().unwrap()).unwrap();
    std::fs::remove_file(path.join("zarr.json")).unwrap();
    std::fs::write(path.join("zarr.json"), ROOT).unwrap();
    for (element, old, new) in [("obs/n", "int32", "int31"), ("uns/m", "zstd", "zetta"), ("uns/empty", "zstd", "zetta")]
    {
        let file = path.join(element).join("zarr.json");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(&format!("\"{old}\"")), "{text}");
        std::fs::write(&file, text.replace(&format!("\"{old}\""), &format!("\"{new}\""))).unwrap();
    }
    let report = validate_path(&path, &ValidateOptions::default()).unwrap();
    let expected = [("obs/n", "dtype-unknown"), ("uns/m", "not-supported"), ("uns/empty", "not-supported")];
    let expected = expected.map(|(path, rule)| (path.to_owned(), rule));
    assert_eq!(found(&report), expected.into(), "{report}");
}

/// The metadata of a root without those of the rest collected in it.
const ROOT: &str = r#"{"zarr_format": 3, "node_type": "group",
    "attributes": {"encoding-type": "anndata", "encoding-version": "0.1.0"}}"#;

/// Text of a fixed width is looked at as text, also in records.
#[test]
fn text_that_is_no_text_is_found() {
    let bytes = || Tensor::from_bytes(DType::FixedUtf8(2), [2], [b'a', b'b', 0xff, 0xfe]);
    let records = |root: &Group| {
        put(root, "uns/records", &Tensor::from_fields([2], vec![("text", bytes()?)])?)?;
        set(root, "uns/records", "encoding-type", Some("rec-array".into()))?;
        set(root, "uns/records", "encoding-version", Some("0.2.0".into()))
    };
    assert_eq!(rules_after(records, 1 << 30), ["element-unreadable"]);
    let texts = |root: &Group| {
        put(root, "uns/texts", &bytes()?)?;
        set(root, "uns/texts", "encoding-type", Some("string-array".into()))?;
        set(root, "uns/texts", "encoding-version", Some("0.2.0".into()))
    };
    assert_eq!(rules_after(texts, 1 << 30), ["text-fixed-width", "element-unreadable"]);
}

/// Of a zip file with collected metadata the metadata of each element are not read, and a part of its chunks may not be.
#[test]
fn damage_that_reading_does_not_meet_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.zarr.zip");
    let adata = AnnData::builder().obs(DataFrame::new(["a", "b"])).var(DataFrame::new(["g"])).build().unwrap();
    anndata::write_zarr(&path, &adata).unwrap();
    assert!(validate_path(&path, &ValidateOptions::default()).unwrap().is_clean());
    // The first name is that before the bytes.
    let mut bytes = std::fs::read(&path).unwrap();
    let name = b"obs/_index/zarr.json";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(anndata::read_zarr(&path).unwrap(), adata);
    let report = validate_path(&path, &ValidateOptions::default()).unwrap();
    let [finding] = &report.findings[..] else { panic!("{report}") };
    assert_eq!((finding.path.as_str(), finding.rule), ("obs/_index", "element-unreadable"));
    assert!(finding.message.contains("checksum (CRC-32)"), "{report}");
}
