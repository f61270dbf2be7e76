//! Cases of whole arrays: dtypes, shapes, text, records, codecs.

use std::sync::Arc;

use super::errors::refused;
use super::root;
use super::sample::{self, odd_chunks, stored, values};
use crate::{ArraySpec, Codec, DType, ErrorKind, Result, Storage, Tensor};

const SHAPES: [&[u64]; 9] = [&[], &[1], &[7], &[0], &[5, 3], &[0, 3], &[3, 0], &[3, 5, 2], &[2, 0, 3]];

/// Every dtype in every shape, in one piece and in chunks: name, declaration, values, whether it may be refused.
fn every_array(store: &Arc<dyn Storage>) -> Result<Vec<(String, ArraySpec, Tensor, bool)>> {
    let has_times = store.capabilities().times;
    let dtypes = sample::required_dtypes().into_iter().map(|dtype| (dtype, false));
    let optional = sample::optional_dtypes().into_iter().map(|dtype| (dtype, true));
    let times = sample::times().into_iter().map(|dtype| (dtype, !has_times));
    let mut all = Vec::new();
    for (dtype, optional) in dtypes.chain(optional).chain(times) {
        for (seed, shape) in (1..).zip(SHAPES) {
            let tensor = values(&dtype, shape, seed)?;
            let spec = ArraySpec::of(&tensor);
            let name = format!("{dtype} {shape:?}");
            if !shape.is_empty() {
                let chunked = spec.clone().with_chunks(odd_chunks(shape));
                all.push((format!("{name} in chunks"), chunked, tensor.clone(), optional));
            }
            all.push((name, spec, tensor, optional));
        }
    }
    Ok(all)
}

pub(super) fn dtypes(store: &Arc<dyn Storage>) -> Result<()> {
    let group = root(store).create_group("arrays")?;
    for (key, spec, tensor, optional) in every_array(store)? {
        if let Some(array) = sample::store(&group, &key, &spec, &tensor, optional)? {
            assert_eq!(array.read()?, tensor, "{key}: read through the handle that wrote");
        }
    }
    Ok(())
}

pub(super) fn check_dtypes(store: &Arc<dyn Storage>) -> Result<()> {
    let group = root(store).group("arrays")?;
    for (key, spec, tensor, optional) in every_array(store)? {
        let Some(array) = stored(&group, &key, optional)? else { continue };
        assert_eq!(array.dtype(), spec.dtype, "{key}: the dtype");
        assert_eq!(array.shape(), spec.shape, "{key}: the shape");
        assert_eq!(array.read()?, tensor, "{key}: the values");
    }
    Ok(())
}

fn large_values() -> Result<Tensor> {
    values(&DType::I32, &[1_000_003], 5)
}

pub(super) fn large(store: &Arc<dyn Storage>) -> Result<()> {
    let tensor = large_values()?;
    sample::store(&root(store), "one piece", &ArraySpec::of(&tensor), &tensor, false)?;
    sample::store(&root(store), "chunks", &ArraySpec::of(&tensor).with_chunks([65_536]), &tensor, false)?;
    Ok(())
}

pub(super) fn check_large(store: &Arc<dyn Storage>) -> Result<()> {
    let tensor = large_values()?;
    for key in ["one piece", "chunks"] {
        let array = root(store).array(key)?;
        assert!(array.read()? == tensor, "{key}: the values");
        if let Some(bytes) = array.stored_bytes()? {
            assert!(bytes >= 4 * 1_000_003, "{key}: {bytes} stored bytes are less than the values take");
        }
    }
    Ok(())
}

/// Name and values.
fn texts() -> Result<Vec<(&'static str, Tensor)>> {
    let long = "ü".repeat(300_000);
    Ok(vec![
        ("words", Tensor::from_strings([sample::WORDS.len()], sample::WORDS)?),
        ("one", Tensor::string("日本語")),
        ("none", Tensor::string("")),
        ("all empty", Tensor::from_strings([5], [""; 5])?),
        ("long", Tensor::from_strings([3], ["short", &long, ""])?),
        ("grid", Tensor::from_strings([2, 3], ["a", "ü", "", "dd", "e", "🧬"])?),
        ("many", Tensor::from_strings([20_000], (0..20_000).map(|i| format!("cell-{i}")))?),
    ])
}

pub(super) fn text(store: &Arc<dyn Storage>) -> Result<()> {
    for (key, tensor) in texts()? {
        let spec = ArraySpec::of(&tensor);
        sample::store(&root(store), key, &spec, &tensor, false)?;
        if tensor.ndim() > 0 {
            let chunks = odd_chunks(&spec.shape);
            sample::store(&root(store), &format!("{key} in chunks"), &spec.with_chunks(chunks), &tensor, false)?;
        }
    }
    Ok(())
}

pub(super) fn check_text(store: &Arc<dyn Storage>) -> Result<()> {
    for (key, tensor) in texts()? {
        assert!(root(store).array(key)?.read()? == tensor, "{key}: the texts");
        if tensor.ndim() > 0 {
            assert!(root(store).array(&format!("{key} in chunks"))?.read()? == tensor, "{key} in chunks: the texts");
        }
    }
    Ok(())
}

pub(super) fn records(store: &Arc<dyn Storage>) -> Result<()> {
    let has_text = store.capabilities().text_in_records;
    for (key, dtype, optional) in [("plain", sample::record(), true), ("text", sample::text_record(), !has_text)] {
        let tensor = values(&dtype, &[11], 3)?;
        sample::store(&root(store), key, &ArraySpec::of(&tensor), &tensor, optional)?;
        sample::store(
            &root(store),
            &format!("{key} in chunks"),
            &ArraySpec::of(&tensor).with_chunks([4]),
            &tensor,
            true,
        )?;
    }
    Ok(())
}

pub(super) fn check_records(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    for (key, dtype) in [("plain", sample::record()), ("text", sample::text_record())] {
        let tensor = values(&dtype, &[11], 3)?;
        for key in [key.to_owned(), format!("{key} in chunks")] {
            let Some(array) = stored(&root, &key, true)? else { continue };
            assert_eq!(array.dtype(), dtype, "{key}: names, types and shapes of fields");
            let read = array.read()?;
            for ((name, read), (_, written)) in read.fields()?.zip(tensor.fields()?) {
                assert_eq!(read, written, "{key}: field '{name}'");
            }
        }
    }
    Ok(())
}

pub(super) fn null(store: &Arc<dyn Storage>) -> Result<()> {
    if !store.capabilities().null_arrays {
        match root(store).create_array("null", &ArraySpec::null(DType::F32)) {
            Ok(array) => assert_eq!(array.read()?.len(), 1, "an array without a value becomes a scalar"),
            Err(error) => assert!(error.is_unsupported(), "arrays without a value are refused: {error}"),
        }
        return Ok(());
    }
    let array = root(store).create_array("null", &ArraySpec::null(DType::F32))?;
    array.set_attributes(&[("encoding-type".to_owned(), "null".into())].into())?;
    let value = Tensor::scalar(1.0_f32);
    refused(array.write(&[], &value), ErrorKind::InvalidInput, "null", "an array without a value cannot be written");
    sample::store(&root(store), "scalar", &ArraySpec::of(&value), &value, false)?;
    Ok(())
}

pub(super) fn check_null(store: &Arc<dyn Storage>) -> Result<()> {
    if !store.capabilities().null_arrays {
        return Ok(());
    }
    let array = root(store).array("null")?;
    assert!(array.spec().null, "an array without a value is told apart");
    assert!(array.spec().is_empty());
    assert!(array.read().is_err_and(|error| error.is_invalid_data() && error.path() == Some("null")));
    assert_eq!(array.attributes()?.get("encoding-type").and_then(crate::Attribute::as_str).as_deref(), Some("null"));
    assert_eq!(array.blocks(100).count(), 0);
    assert!(!root(store).array("scalar")?.spec().null);
    Ok(())
}

/// Name, pipeline.
fn pipelines() -> Vec<(&'static str, Vec<Codec>)> {
    let blosc = |compressor: &str, shuffle| Codec::Blosc { compressor: compressor.to_owned(), level: 5, shuffle };
    vec![
        ("zlib", vec![Codec::Zlib { level: 4 }]),
        ("zlib store", vec![Codec::Zlib { level: 0 }]),
        ("gzip", vec![Codec::Gzip { level: 6 }]),
        ("lzf", vec![Codec::Lzf]),
        ("zstd", vec![Codec::Zstd { level: 3 }]),
        ("lz4", vec![Codec::Lz4]),
        ("blosc lz4", vec![blosc("lz4", 1)]),
        ("blosc zstd", vec![blosc("zstd", 2)]),
        ("shuffle", vec![Codec::Shuffle]),
        ("shuffle zlib", vec![Codec::Shuffle, Codec::Zlib { level: 9 }]),
        ("shuffle lzf", vec![Codec::Shuffle, Codec::Lzf]),
        ("fletcher32", vec![Codec::Fletcher32]),
        ("zlib fletcher32", vec![Codec::Zlib { level: 1 }, Codec::Fletcher32]),
        ("crc32c", vec![Codec::Crc32c]),
    ]
}

/// Values that compress, values that do not, odd element sizes, texts.
fn to_compress() -> Result<Vec<(&'static str, Tensor)>> {
    let steps = Tensor::from_vec([3000], (0..3000_i64).map(|i| i / 7).collect())?;
    Ok(vec![
        ("steps", steps),
        ("noise", values(&DType::F32, &[1000, 3], 9)?),
        ("bytes", values(&DType::U8, &[777], 9)?),
        ("text", values(&DType::String, &[50], 9)?),
    ])
}

pub(super) fn codecs(store: &Arc<dyn Storage>) -> Result<()> {
    for (name, codecs) in pipelines() {
        for (what, tensor) in to_compress()? {
            let spec = ArraySpec::of(&tensor);
            let chunks = spec.shape.iter().map(|&len| (len * 2 / 5).max(1)).collect::<Vec<_>>();
            let spec = spec.with_chunks(chunks).with_codecs(codecs.clone());
            sample::store(&root(store), &format!("{name}/{what}"), &spec, &tensor, true)?;
        }
    }
    Ok(())
}

pub(super) fn check_codecs(store: &Arc<dyn Storage>) -> Result<()> {
    for (name, codecs) in pipelines() {
        for (what, tensor) in to_compress()? {
            let Some(array) = stored(&root(store), &format!("{name}/{what}"), true)? else { continue };
            assert!(array.read()? == tensor, "{name}/{what}: the values");
            if what != "text" {
                assert_eq!(array.spec().codecs.len(), codecs.len(), "{name}/{what}: {:?}", array.spec().codecs);
            }
        }
    }
    Ok(())
}

pub(super) fn specs(store: &Arc<dyn Storage>) -> Result<()> {
    let spec = ArraySpec::new(DType::F32, [10, 4]);
    root(store).create_array("one piece", &spec)?;
    root(store).create_array("chunks", &spec.clone().with_chunks([3, 4]))?;
    // A chunk may be larger than the array; a backend may cut it to the array.
    let wide = values(&DType::F32, &[10, 4], 1)?;
    sample::store(&root(store), "wide chunks", &spec.clone().with_chunks([16, 5]), &wide, false)?;
    if store.capabilities().resize {
        root(store).create_array("resizable", &spec.with_chunks([3, 4]).with_resizable(true))?;
    }
    Ok(())
}

pub(super) fn check_specs(store: &Arc<dyn Storage>) -> Result<()> {
    let root = root(store);
    let chunks = root.array("chunks")?.spec();
    if store.capabilities().chunks {
        assert_eq!(chunks.chunks.as_deref(), Some(&[3, 4][..]), "the shape of chunks is kept");
        assert_eq!(chunks.chunk_grid(), [4, 1]);
    } else {
        assert_eq!(chunks.chunks, None, "an array is one piece");
    }
    assert!(chunks.codecs.is_empty(), "no codec is added: {:?}", chunks.codecs);
    let spec = root.array("one piece")?.spec();
    assert!(spec.codecs.is_empty() && !spec.null && spec.validate().is_ok(), "{spec:?}");
    assert_eq!(root.array("wide chunks")?.read()?, values(&DType::F32, &[10, 4], 1)?);
    root.array("wide chunks")?.spec().validate()?;
    if store.capabilities().resize {
        assert!(root.array("resizable")?.spec().resizable, "a resizable array stays so");
    }
    Ok(())
}
