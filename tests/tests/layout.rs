//! How arrays are laid out in files: by their length where nobody says more, as a tree or the input says where that is wanted.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail anywhere")]

use std::fs;
use std::path::Path;

use anndata::awkward::Awkward;
use anndata::io::ElemWriteOptions;
use anndata::node::{Node, NodeWriteOptions};
use anndata::storage::ArrayLayout;
use anndata::{
    AnnData, ArraySpec, Codec, Compression, ConvertOptions, DataFrame, Group, Mode, Result, SparseDataset,
    SparseFormat, SparseMatrix, Tensor, WriteOptions, ZarrFormat, ZarrOptions, convert, open,
};
use anndata_tests::stores;
use arrow_array::builder::{Int64Builder, ListBuilder};

fn dense(rows: usize, columns: usize) -> Tensor {
    let value = |n: usize| if n.is_multiple_of(3) { 0.0 } else { f32::from(u16::try_from(n % 1009).unwrap()) };
    Tensor::from_vec([rows, columns], (0..rows * columns).map(value).collect::<Vec<f32>>()).unwrap()
}

fn sparse(rows: usize, columns: usize) -> SparseMatrix {
    SparseMatrix::from_dense(&dense(rows, columns), SparseFormat::Csr).unwrap()
}

fn small() -> AnnData {
    let names = |letter: char, len: usize| DataFrame::new((0..len).map(|n| format!("{letter}{n}")));
    AnnData::builder().x(sparse(4, 3)).obs(names('c', 4)).var(names('g', 3)).build().unwrap()
}

/// The bytes of a file, or of all files of a folder.
fn size(path: &Path) -> u64 {
    let metadata = fs::metadata(path).unwrap();
    if metadata.is_file() {
        return metadata.len();
    }
    fs::read_dir(path).unwrap().map(|entry| size(&entry.unwrap().path())).sum()
}

fn spec(path: &Path, key: &str) -> ArraySpec {
    ArraySpec::clone(&open(path).unwrap().array(key).unwrap().spec())
}

/// Three parts of a matrix of 4 x 3 are some hundred bytes, and not some hundred KiB; neither directly nor by way of the
/// other format, of whose arrays all can grow.
#[test]
fn small_objects_are_small_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let none = ConvertOptions::default().with_write(ElemWriteOptions::default().with_compression(Compression::None));
    anndata::write_h5ad(path("a.h5ad"), &small())?;
    anndata::write_zarr(path("a.zarr"), &small())?;
    convert(path("a.zarr"), path("b.h5ad"), &none)?;
    convert(path("a.h5ad"), path("b.zarr"), &none)?;
    convert(path("a.zarr"), path("c.zarr"), &none)?;
    for (name, most) in
        [("a.h5ad", 30_000), ("b.h5ad", 30_000), ("a.zarr", 20_000), ("b.zarr", 20_000), ("c.zarr", 20_000)]
    {
        let bytes = size(&path(name));
        assert!(bytes < most, "{name}: {bytes}");
    }
    // What can grow there can still grow; everything else is in one piece.
    let (data, names) = (spec(&path("b.h5ad"), "X/data"), spec(&path("b.h5ad"), "obs/_index"));
    assert!(data.resizable && data.chunks == Some(vec![64]), "{data:?}");
    assert!(!names.resizable && names.chunks.is_none(), "{names:?}");
    assert_eq!(spec(&path("c.zarr"), "X/data").shards, None);
    Ok(())
}

#[test]
fn chunks_of_one_row_are_in_shards_that_end_with_the_array() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let by_row = NodeWriteOptions::default().with_chunk_rows(Some(1));
    let by_row = ConvertOptions::default().with_write(ElemWriteOptions::default().with_store(by_row));
    for (rows, chunks, shards) in [(1, [1, 3], None), (7, [1, 3], Some([7, 3])), (5000, [1, 3], Some([2500, 3]))] {
        let adata = AnnData::builder().x(dense(rows, 3)).layer("cube", dense(rows, 3)).build()?;
        let (from, to) = (path(&format!("{rows}.zarr")), path(&format!("{rows}-by-row.zarr")));
        anndata::write_zarr(&from, &adata)?;
        convert(&from, &to, &by_row)?;
        assert_eq!(anndata::read_zarr(&to)?, adata);
        let found = spec(&to, "X");
        assert_eq!(found.chunks.as_deref(), Some(&chunks[..]));
        assert_eq!(found.shards.as_deref(), shards.as_ref().map(|shards| &shards[..]));
    }
    Ok(())
}

#[test]
fn what_a_tree_names_is_kept() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut node =
        anndata::node::ArrayNode::plain("numbers", Tensor::from_vec([1000], (0..1000).collect::<Vec<i32>>())?);
    node.spec.chunks = Some(vec![64]);
    node.spec.shards = Some(vec![256]);
    node.spec.codecs = vec![Codec::Gzip { level: 2 }];
    let named = Node::Array(node);
    let write = |name: &str, node: &Node| -> Result<ArraySpec> {
        let path = folder.path().join(name);
        if name.contains("zarr") {
            anndata::zarr::write_atomic(&path, &ZarrOptions::default(), true, |root| {
                node.write(root, "numbers", &NodeWriteOptions::default())
            })?;
        } else {
            node.write(&stores::hdf5(&path)?, "numbers", &NodeWriteOptions::default())?;
        }
        Ok(ArraySpec::clone(&open_any(&path)?.array("numbers")?.spec()))
    };
    let zarr = write("a.zarr", &named)?;
    assert_eq!((zarr.chunks, zarr.shards), (Some(vec![64]), Some(vec![256])));
    assert_eq!(zarr.codecs, [Codec::Gzip { level: 2 }]);
    let hdf5 = write("a.h5", &named)?;
    assert_eq!((hdf5.chunks, hdf5.shards, hdf5.codecs), (Some(vec![64]), None, vec![Codec::Zlib { level: 2 }]));
    // A tree of a store is laid out as it is there.
    let stored = Node::open(&open_any(&folder.path().join("a.h5"))?, "numbers")?;
    let again = write("b.zarr", &stored)?;
    assert_eq!((again.chunks, again.codecs), (Some(vec![64]), vec![Codec::Gzip { level: 2 }]));
    assert_eq!(again.shards, Some(vec![1024]), "a shard that the store does not name is chosen");
    Ok(())
}

/// What is asked for of one array, or of all in a group, is so in either format, and what a format lacks is an error.
#[test]
fn single_arrays_are_laid_out_as_asked_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let adata =
        AnnData::builder().x(sparse(400, 30)).layer("dense", dense(400, 30)).obsm("pca", dense(400, 3)).build()?;
    let gzip = [Codec::Gzip { level: 1 }];
    let rows = ArrayLayout::default().with_chunks([8, 30]).with_codecs([]);
    let group = ArrayLayout::default().with_chunks([100]).with_codecs(gzip.clone());
    let plain = ArrayLayout::default().with_codecs([]);
    let options = WriteOptions::default()
        .with_compression(Compression::Gzip(5))
        .with_chunk_rows(50)
        .with_layout("/X", group.clone())
        .with_layout("X/indices", plain.clone())
        .with_layout("layers/dense", rows);
    for name in ["a.zarr", "a.h5ad"] {
        anndata::write_with(path(name), &adata, &options)?;
        assert_eq!(anndata::read(path(name))?, adata);
        let spec = |key: &str| spec(&path(name), key);
        let codec = if name == "a.zarr" { Codec::Gzip { level: 1 } } else { Codec::Zlib { level: 1 } };
        for key in ["X/data", "X/indptr"] {
            assert_eq!((spec(key).chunks, spec(key).codecs), (Some(vec![100]), vec![codec.clone()]), "{name} {key}");
        }
        assert_eq!(spec("X/indices").codecs, [], "{name}: the longest path counts");
        assert_eq!((spec("layers/dense").chunks, spec("layers/dense").codecs), (Some(vec![8, 30]), vec![]), "{name}");
        assert_eq!(spec("obsm/pca").chunks, Some(vec![50, 3]), "{name}");
    }
    let shards = ArrayLayout::default().with_chunks([8, 30]).with_shards([80, 30]);
    let sharded = WriteOptions::default().with_layout("layers/dense", shards.clone());
    anndata::write_with(path("b.zarr"), &adata, &sharded)?;
    assert_eq!(spec(&path("b.zarr"), "layers/dense").shards, Some(vec![80, 30]));
    // The arrays of one element, and of an object within a store, are named as those of an object.
    let store = NodeWriteOptions::default().with_layout("layers/dense", shards);
    let elem = ElemWriteOptions::default().with_store(store);
    anndata::zarr::write_atomic(path("c.zarr"), &ZarrOptions::default(), true, |root| {
        anndata::io::write_elem(root, "layers/dense", &dense(400, 30).into(), &elem)?;
        anndata::io::write_anndata(&root.create_group("inner")?, &adata, &elem)
    })?;
    for key in ["layers/dense", "inner/layers/dense"] {
        assert_eq!(ArraySpec::clone(&open_any(&path("c.zarr"))?.array(key)?.spec()).shards, Some(vec![80, 30]));
    }
    // Codecs alone are enough, also in a format that has arrays in one piece.
    let codecs = WriteOptions::default().with_layout("X/data", ArrayLayout::default().with_codecs(gzip.clone()));
    anndata::write_with(path("d.h5ad"), &adata, &codecs)?;
    assert_eq!(spec(&path("d.h5ad"), "X/data").codecs, [Codec::Zlib { level: 1 }]);

    let lzf = ArrayLayout::default().with_codecs([Codec::Lzf]);
    let no_chunks = ArrayLayout::default().with_shards([80, 30]);
    let odd = ArrayLayout::default().with_chunks([7, 30]).with_shards([80, 30]);
    let v2 = sharded.clone().with_zarr_format(ZarrFormat::V2);
    let with = |key: &str, layout: ArrayLayout| WriteOptions::default().with_layout(key, layout);
    for (name, options, unsupported, message) in [
        ("e.h5ad", sharded, true, "layers/dense: this format has no shards"),
        ("e.zarr", v2, true, "layers/dense: this format has no shards"),
        ("e.zarr", with("X/data", lzf), true, "X/data: the codec 'lzf' cannot be written to this format"),
        ("e.zarr", with("layers/dense", no_chunks), false, "layers/dense: a layout has shards and no chunks"),
        ("e.zarr", with("layers/dense", odd), false, "a shard of [80, 30] is not a multiple of its chunks of [7, 30]"),
        ("e.zarr", with("layers", group), false, "layers/dense: a chunk shape of [100] does not fit"),
        ("e.zarr", with("layers/x", plain), false, "a layout is given for 'layers/x', where nothing is written"),
    ] {
        let error = anndata::write_with(path(name), &adata, &options).unwrap_err();
        assert!(if unsupported { error.is_unsupported() } else { error.is_invalid_input() }, "{message}: {error:?}");
        assert!(error.to_string().contains(message), "{message}: {error}");
        assert!(!path(name).exists());
    }
    Ok(())
}

/// The root of a store that holds no object.
fn open_any(path: &Path) -> Result<Group> {
    if path.is_dir() { anndata::zarr::open_path(path) } else { stores::edit(path) }
}

#[test]
fn converting_keeps_the_layout_where_that_is_asked_for() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let adata = AnnData::builder().x(sparse(400, 30)).layer("dense", dense(400, 30)).build()?;
    let store = NodeWriteOptions::default().with_chunk_rows(Some(16)).with_compression(Compression::Gzip(3));
    let options = ConvertOptions::default().with_write(ElemWriteOptions::default().with_store(store));
    anndata::write_h5ad(path("plain.h5ad"), &adata)?;
    convert(path("plain.h5ad"), path("a.h5ad"), &options)?;
    convert(path("plain.h5ad"), path("a.zarr"), &options)?;
    convert(
        path("plain.h5ad"),
        path("raw.zarr"),
        &options.clone().with_write(ElemWriteOptions::default().with_compression(Compression::None)),
    )?;
    let layer = "layers/dense";
    assert_eq!(spec(&path("a.h5ad"), layer).codecs, [Codec::Zlib { level: 3 }]);

    let kept = ElemWriteOptions::default().with_store(NodeWriteOptions::default().with_keep_layout(true));
    let kept = ConvertOptions::default().with_write(kept);
    let v2 = kept.clone().with_zarr(ZarrOptions::default().with_format(ZarrFormat::V2));
    for (from, to, options) in [
        ("a.h5ad", "b.h5ad", &kept),
        ("a.zarr", "b.zarr", &kept),
        ("raw.zarr", "c.zarr", &kept),
        ("a.h5ad", "d.zarr", &kept),
        ("a.zarr", "e.h5ad", &kept),
        ("a.zarr", "f.zarr", &v2),
        ("plain.h5ad", "g.h5ad", &kept),
    ] {
        convert(path(from), path(to), options)?;
        assert_eq!(anndata::read_h5ad(path("plain.h5ad"))?, read(&path(to))?, "{to}");
        for key in [layer, "X/data", "X/indices", "X/indptr"] {
            let (from, found) = (spec(&path(from), key), spec(&path(to), key));
            assert_eq!(found.chunks, from.chunks, "{key} of {to}");
            let gzip = |codecs: &[Codec]| {
                codecs.iter().map(|codec| codec.to_string().replace("zlib", "gzip")).collect::<Vec<_>>()
            };
            assert_eq!(gzip(&found.codecs), gzip(&from.codecs), "{key} of {to}");
            if to.contains("zarr") && from.shards.is_some() && to != "f.zarr" {
                assert_eq!(found.shards, from.shards, "{key} of {to}");
            }
        }
    }
    // Otherwise the layout is chosen anew.
    convert(path("a.h5ad"), path("anew.h5ad"), &ConvertOptions::default())?;
    convert(path("raw.zarr"), path("anew.zarr"), &ConvertOptions::default())?;
    assert_eq!(spec(&path("anew.h5ad"), layer), ArraySpec::of(&dense(400, 30)));
    assert_eq!(spec(&path("anew.zarr"), layer).codecs, [Codec::Zstd { level: 0 }]);
    Ok(())
}

/// The buffers of awkward arrays are made anew when they are rewritten; they are laid out as arrays that are copied.
#[test]
fn buffers_of_awkward_arrays_are_sharded_as_other_arrays_are() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let mut lists = ListBuilder::new(Int64Builder::new());
    for row in 0..100 {
        lists.values().append_slice(&(row * 3000..(row + 1) * 3000).collect::<Vec<i64>>());
        lists.append(true);
    }
    let plain = Tensor::from_vec([300_000], (0..300_000).collect::<Vec<i64>>())?;
    let adata = AnnData::builder().uns("lists", Awkward::from_arrow(&lists.finish())?).uns("plain", plain).build()?;
    anndata::write_zarr(path("a.zarr"), &adata)?;
    convert(path("a.zarr"), path("b.zarr"), &ConvertOptions::default())?;
    let lists = open(path("b.zarr"))?.group("uns/lists")?;
    let buffers = lists.children()?.into_iter().map(|name| lists.array(&name).map(|buffer| buffer.spec()));
    let buffer = buffers.collect::<Result<Vec<_>>>()?.into_iter().find(|spec| spec.shape == [300_000]).unwrap();
    let plain = spec(&path("b.zarr"), "uns/plain");
    assert_eq!((&buffer.chunks, &buffer.shards), (&plain.chunks, &plain.shards));
    assert_eq!(plain.shards, Some(vec![300_000]));
    Ok(())
}

fn read(path: &Path) -> Result<AnnData> {
    if path.is_dir() { anndata::read_zarr(path) } else { anndata::read_h5ad(path) }
}

/// A matrix that begins with one row and gets a thousand, a few at a time, ends in few chunks and shards.
#[test]
fn a_matrix_that_grows_far_outgrows_its_chunks() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (first, more) = (sparse(1, 50), sparse(20, 50));
    let adata = AnnData::builder().x(first.clone()).build()?;
    for name in ["a.h5ad", "a.zarr"] {
        let path = folder.path().join(name);
        if name == "a.h5ad" {
            anndata::write_h5ad(&path, &adata)?;
        } else {
            anndata::write_zarr(&path, &adata)?;
        }
        let root = anndata::open_backed(&path, Mode::ReadWrite)?.group().clone();
        let mut stored = SparseDataset::open(&root, "X")?;
        for _ in 0..100 {
            stored.append(&more)?;
        }
        drop((stored, root));
        let whole = SparseMatrix::concat_major(&[std::slice::from_ref(&first), &vec![more.clone(); 100][..]].concat())?;
        let stored = SparseDataset::open(&open(&path)?, "X")?.to_memory()?;
        assert_eq!(stored.to_dense()?, whole.to_dense()?, "{name}");
        for key in ["X/data", "X/indices", "X/indptr"] {
            let spec = spec(&path, key);
            let chunks = spec.chunk_grid().iter().product::<u64>();
            assert!(chunks <= 16, "{key} of {name} has {chunks} chunks: {spec:?}");
        }
        let (bytes, values) = (size(&path), 12 * whole.nnz() as u64);
        assert!(bytes < 4 * values, "{name}: {bytes} bytes for {values}");
    }
    Ok(())
}
