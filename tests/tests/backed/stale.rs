//! Objects whose store was replaced or changed by another: an error, never values of something else.

use std::fs;
use std::path::Path;

use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::{
    AnnData, Backed, Element, Mode, Result, SparseDataset, SparseFormat, SparseMatrix, Tensor, WriteOptions,
    ZarrOptions, open_backed, write_h5ad, write_zarr, write_zarr_with,
};

fn filled(value: f32) -> Result<Tensor> {
    Tensor::from_vec([6, 4], vec![value; 24])
}

fn object(value: f32) -> Result<AnnData> {
    let sparse = SparseMatrix::from_dense(&filled(value)?, SparseFormat::Csr)?;
    AnnData::builder().x(filled(value)?).layer("sparse", sparse).obsm("pca", filled(value)?).build()
}

fn lazily(path: &Path) -> Result<AnnData> {
    io::read_anndata(&anndata::open(path)?, &ElemReadOptions::default().with_lazy(true))
}

fn is_stale<T: std::fmt::Debug>(result: Result<T>) -> bool {
    result.is_err_and(|error| error.is_stale() && error.to_string().contains("open it again"))
}

#[test]
fn a_lazy_object_whose_zarr_store_was_replaced_is_not_read() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.zarr");
    for consolidated in [true, false] {
        let options = ZarrOptions::default().with_consolidated(consolidated);
        let options = WriteOptions::default().with_zarr(options);
        write_zarr_with(&path, &object(1.0)?, &options)?;
        let (lazy, view, root) = (lazily(&path)?, lazily(&path)?.select([4, 1], ..)?, anndata::open(&path)?);
        let sparse = SparseDataset::open(&root, "layers/sparse")?;
        write_zarr_with(&path, &object(2.0)?, &options)?;
        for element in [lazy.x().unwrap(), lazy.layer(Some("sparse")).unwrap(), &lazy.obsm()["pca"], view.x().unwrap()]
        {
            assert!(is_stale(element.load()), "{element:?}");
        }
        assert!(is_stale(view.layer(Some("sparse")).unwrap().load()));
        assert!(is_stale(sparse.to_memory()));
        assert!(is_stale(root.array("X").and_then(|x| x.read())), "nor what is opened only now");
        assert_eq!(lazily(&path)?.load()?, object(2.0)?);
        fs::remove_dir_all(&path)?;
        assert!(is_stale(lazily_missing(&lazy)), "what was removed does not read as zeros");
    }
    Ok(())
}

fn lazily_missing(lazy: &AnnData) -> Result<Element> {
    lazy.x().unwrap().load()
}

#[test]
fn a_lazy_object_is_read_from_the_hdf5_file_that_was_opened() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.h5ad");
    write_h5ad(&path, &object(1.0)?)?;
    let lazy = lazily(&path)?;
    // Another file in its place: what is held open stays as it is.
    write_h5ad(&path, &object(2.0)?)?;
    assert_eq!(lazy.load()?, object(1.0)?);
    assert_eq!(lazily(&path)?.load()?, object(2.0)?);
    Ok(())
}

#[test]
fn a_lazy_object_whose_hdf5_file_was_written_to_is_not_read() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let [path, other] = ["a.h5ad", "b.h5ad"].map(|name| directory.path().join(name));
    write_h5ad(&path, &object(1.0)?)?;
    write_h5ad(&other, &object(2.0)?)?;
    let lazy = lazily(&path)?;
    let root = anndata::open(&path)?;
    std::thread::sleep(std::time::Duration::from_millis(20));
    fs::write(&path, fs::read(&other)?)?;
    for element in [lazy.x().unwrap(), lazy.layer(Some("sparse")).unwrap()] {
        assert!(is_stale(element.load()), "{element:?}");
    }
    assert!(is_stale(root.array("X").and_then(|x| x.read())));
    Ok(())
}

#[test]
fn an_element_that_is_held_lazily_is_not_read_once_it_was_replaced() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.zarr");
    write_zarr(&path, &object(1.0)?)?;
    let lazy = lazily(&path)?;
    let backed = open_backed(&path, Mode::ReadWrite)?;
    let same_store = io::read_anndata(backed.group(), &ElemReadOptions::default().with_lazy(true))?;
    io::write_elem(backed.group(), "X", &filled(2.0)?.into(), &ElemWriteOptions::default())?;
    for held in [&lazy, &same_store, &*backed] {
        assert!(is_stale(held.x().unwrap().load()), "{held}");
        assert_eq!(held.obsm()["pca"].to_tensor()?, filled(1.0)?, "what was not replaced is read");
    }
    // Attributes are the array's own, in the same document.
    let array = backed.group().array("obsm/pca")?;
    array.set_attributes(&array.attributes()?)?;
    assert_eq!(same_store.obsm()["pca"].to_tensor()?, filled(1.0)?);
    backed.group().rename("obsm/pca", "obsm/moved")?;
    assert!(is_stale(array.read()), "what was moved does not read as zeros");
    assert!(is_stale(array.write(&[0, 0], &filled(3.0)?)));
    Ok(())
}

#[test]
fn collected_metadata_that_another_made_untrue_are_not_used() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("a.zarr");
    write_zarr(&path, &object(1.0)?)?;
    let root = anndata::open(&path)?;
    let x = Tensor::from_vec([6, 4], vec![7_u8; 24])?;
    let mut backed = open_backed(&path, Mode::ReadWrite)?;
    backed.replace_x(x, &ElemWriteOptions::default())?;
    assert!(is_stale(root.array("X")));
    assert_eq!(anndata::open(&path)?.array("X")?.read()?.as_slice::<u8>()?, [7; 24]);
    Ok(())
}

/// The object is backed by the file that was there, and does not change the one that is there now.
#[test]
fn a_backed_object_that_was_written_to_its_own_path_changes_nothing_any_more() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let one = Tensor::from_vec([1, 1], vec![99.0_f32])?;
    for name in ["a.h5ad", "a.zarr"] {
        let path = directory.path().join(name);
        let save = |adata: &AnnData| if name == "a.zarr" { write_zarr(&path, adata) } else { write_h5ad(&path, adata) };
        save(&object(1.0)?)?;
        let mut backed: Backed = open_backed(&path, Mode::ReadWrite)?;
        backed.set_obs_column("q", vec![1, 2, 3, 4, 5, 6])?;
        save(&backed)?;
        let expected = open_backed(&path, Mode::Read)?.to_memory()?;
        assert!(expected.obs().contains("q"));
        assert_eq!(expected.x().unwrap().to_tensor()?, filled(1.0)?);
        for refused in [
            backed.write_x(0, 0, &one),
            backed.replace_x(filled(5.0)?, &ElemWriteOptions::default()),
            backed.write_back(&ElemWriteOptions::default()),
        ] {
            assert!(is_stale(refused), "{name}");
        }
        match backed.x().unwrap().load() {
            Ok(x) => assert_eq!(x.to_tensor()?, filled(1.0)?),
            Err(error) => assert!(error.is_stale(), "{error}"),
        }
        backed.close()?;
        assert_eq!(open_backed(&path, Mode::Read)?.to_memory()?, expected, "{name}");
    }
    Ok(())
}
