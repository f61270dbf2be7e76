//! Objects whose matrices stay in their file, and sparse matrices that grow there.

use std::path::Path;

use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::{
    AnnData, AxisSelection, Backed, DataFrame, Element, Group, Mapping, Mode, Raw, Result, Selector, SparseDataset,
    SparseFormat, SparseMatrix, Tensor, copy_backed, open_backed,
};
use anndata_tests::stores;

fn dense(rows: usize, columns: usize) -> Tensor {
    let values = (0..u16::try_from(rows * columns).unwrap()).map(|i| if i % 3 == 0 { 0.0 } else { f32::from(i) });
    let values = values.collect::<Vec<f32>>();
    Tensor::from_vec([rows, columns], values).unwrap()
}

fn object() -> Result<AnnData> {
    let sparse = SparseMatrix::from_dense(&dense(5, 4), SparseFormat::Csr)?;
    let raw = Raw::new(Some(dense(5, 6).into()), DataFrame::unnamed(6), Mapping::new())?;
    AnnData::builder()
        .x(dense(5, 4))
        .layer("counts", sparse)
        .obs(DataFrame::new(["a", "b", "c", "d", "e"]).with_column("n", vec![1_i64, 2, 3, 4, 5])?)
        .obsm("pca", dense(5, 2))
        .raw(Some(raw))
        .uns("method", "umap")
        .build()
}

/// Runs a check on a file of each format.
fn on_files(check: impl Fn(&Path, &Path) -> Result<()>) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let at = |name: &str| directory.path().join(name);
    anndata::write_h5ad(at("a.h5ad"), &object()?)?;
    anndata::write_zarr(at("a.zarr"), &object()?)?;
    check(&at("a.h5ad"), &at("b.h5ad"))?;
    check(&at("a.zarr"), &at("b.zarr"))
}

fn is_lazy(element: Option<&Element>) -> bool {
    matches!(element, Some(Element::Lazy(lazy)) if !lazy.is_loaded())
}

#[test]
fn matrices_stay_in_the_file_and_the_rest_is_loaded() -> Result<()> {
    on_files(|path, _| {
        let bytes = std::fs::metadata(path)?.modified()?;
        let backed = open_backed(path, Mode::Read)?;
        assert!(is_lazy(backed.x()) && is_lazy(backed.layer(Some("counts"))) && is_lazy(backed.raw().unwrap().x()));
        assert!(matches!(backed.obsm()["pca"], Element::Tensor(_)));
        assert_eq!(backed.to_memory()?, object()?);
        // Reading keeps nothing.
        backed.x().unwrap().load()?;
        assert!(is_lazy(backed.x()));
        assert_eq!(backed.to_memory()?, object()?);
        let view = backed.select([3, 1], ["2", "0"])?;
        assert_eq!(view.load()?, object()?.select([3, 1], ["2", "0"])?.load()?);
        assert!(backed.to_string().lines().next().unwrap().contains("n_obs × n_vars = 5 × 4 backed at '"));
        assert_eq!(std::fs::metadata(path)?.modified()?, bytes);
        Ok(())
    })
}

#[test]
fn values_are_replaced_in_place() -> Result<()> {
    on_files(|path, _| {
        let mut backed = open_backed(path, Mode::ReadWrite)?;
        let view = backed.select(1.., ..)?;
        backed.write_x([4, 0], [true, false, true, false], &Tensor::from_vec([2, 2], vec![1.5_f64, 2.5, 3.5, 4.5])?)?;
        backed.write_x("c", .., &Tensor::from_vec([1, 4], vec![-1_i32, -2, -3, -4])?)?;
        let mut expected: Vec<f32> = dense(5, 4).as_slice::<f32>()?.to_vec();
        (expected[16], expected[18], expected[0], expected[2]) = (1.5, 2.5, 3.5, 4.5);
        expected[8..12].copy_from_slice(&[-1.0, -2.0, -3.0, -4.0]);
        assert_eq!(backed.x().unwrap().to_tensor()?.as_slice::<f32>()?, expected);
        // A view sees what the file holds.
        assert_eq!(view.x().unwrap().to_tensor()?.as_slice::<f32>()?, &expected[4..]);
        backed.close()?;
        drop(view);
        let again = open_backed(path, Mode::Read)?;
        assert_eq!(again.x().unwrap().to_tensor()?.as_slice::<f32>()?, expected);

        let mut again = again;
        let one = Tensor::from_vec([1, 1], vec![1.0_f32])?;
        let refused = again.write_x(0, 0, &one).unwrap_err();
        assert!(refused.is_read_only(), "{refused}");
        Ok(())
    })
}

#[test]
fn wrong_edits_are_refused_and_named() -> Result<()> {
    on_files(|path, _| {
        let mut backed = open_backed(path, Mode::ReadWrite)?;
        let one = Tensor::from_vec([1, 1], vec![1.0_f32])?;
        let cases = [
            (backed.write_x(0, 0..2, &one), "X: values of shape [1, 1] were given for a selection of [1, 2]"),
            (backed.write_x(9, 0, &one), "obs: positions out of bounds of an axis of length 5: 9"),
            (backed.write_layer(Some("counts"), 0, 0, &one), "layers/counts: values of a stored sparse matrix"),
            (backed.write_layer(Some("none"), 0, 0, &one), "layers/none: there is no such matrix"),
            (backed.replace_x(dense(2, 2), &ElemWriteOptions::default()), "X: expected a shape that begins with"),
        ];
        for (result, expected) in cases {
            let error = result.unwrap_err();
            assert_eq!(error.file(), Some(path), "{error}");
            let message = error.to_string();
            assert!(message.contains(expected), "{message} should say {expected}");
        }
        backed.set_x(dense(5, 4))?;
        assert!(backed.write_x(0, 0, &one).unwrap_err().to_string().contains("write it back first"));
        drop(backed);
        assert_eq!(open_backed(path, Mode::Read)?.to_memory()?, object()?);
        Ok(())
    })
}

#[test]
fn changes_in_memory_are_written_back() -> Result<()> {
    on_files(|path, _| {
        let mut backed = open_backed(path, Mode::ReadWrite)?;
        let view = backed.select(0, ..)?;
        let mut expected = object()?;
        let new = SparseMatrix::from_dense(&dense(5, 4), SparseFormat::Csc)?;
        for adata in [&mut *backed, &mut expected] {
            adata.set_obsm("umap", dense(5, 3))?;
            adata.remove_obsm("pca");
            adata.set_obs(adata.obs().clone().with_column("m", vec!["x", "y", "x", "y", "x"])?)?;
            adata.uns_mut().insert("seed".to_owned(), Tensor::scalar(3_i64).into());
            adata.remove_layer(Some("counts"));
            adata.set_layer(Some("more"), new.clone())?;
            adata.set_x(new.clone())?;
            adata.remove_raw();
        }
        // In memory until then.
        assert_eq!(open_backed(path, Mode::Read)?.obsm().len(), 1);
        backed.write_back(&ElemWriteOptions::default())?;
        assert_eq!(backed.to_memory()?, expected);
        assert!(is_lazy(backed.x()) && is_lazy(backed.layer(Some("more"))));
        // What was replaced cannot be read as what it is not.
        let error = view.x().unwrap().load().unwrap_err().to_string();
        assert!(error.contains("replaced after this part of it was taken"), "{error}");
        backed.close()?;
        drop(view);
        let again = open_backed(path, Mode::Read)?;
        assert_eq!(again.to_memory()?, expected);
        Ok(())
    })
}

#[test]
fn copies_are_backed_by_their_own_file() -> Result<()> {
    on_files(|path, other| {
        let backed = open_backed(path, Mode::Read)?;
        let copy = copy_backed(&backed.select([2, 2, 0], ..)?, other, Mode::ReadWrite)?;
        assert_eq!(copy.to_memory()?, object()?.select([2, 2, 0], ..)?.load()?);
        assert!(copy_backed(&backed, other, Mode::Read).unwrap_err().is_already_exists());
        Ok(())
    })
}

#[test]
fn files_of_old_versions_are_read_and_not_changed_in_part() -> Result<()> {
    let old = anndata_tests::fixtures::folder().join("legacy");
    let Some(path) = std::fs::read_dir(old).ok().and_then(|mut files| {
        files.find_map(|file| file.ok().map(|file| file.path()).filter(|path| path.to_string_lossy().contains("0.6")))
    }) else {
        panic!("no old fixture");
    };
    let directory = tempfile::tempdir()?;
    let copy = directory.path().join("old.h5ad");
    std::fs::copy(path, &copy)?;
    let mut backed = open_backed(&copy, Mode::ReadWrite)?;
    assert!(is_lazy(backed.x()));
    let x = backed.to_memory()?.x().unwrap().clone();
    assert!(backed.replace_x(x, &ElemWriteOptions::default()).unwrap_err().to_string().contains("convert it"));
    Ok(())
}

fn backed_group(path: &Path) -> Result<Group> {
    Ok(open_backed(path, Mode::ReadWrite)?.group().clone())
}

#[test]
fn sparse_matrices_grow_in_their_store() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for format in [SparseFormat::Csr, SparseFormat::Csc] {
        let (first, second) = match format {
            SparseFormat::Csr => (dense(3, 4), dense(2, 4)),
            SparseFormat::Csc => (dense(4, 3), dense(4, 2)),
        };
        let [a, b] = [&first, &second].map(|part| SparseMatrix::from_dense(part, format).unwrap());
        let adata = AnnData::builder().x(a.clone()).build()?;
        let name = format.to_string();
        let (h5ad, zarr) =
            (directory.path().join(format!("{name}.h5ad")), directory.path().join(format!("{name}.zarr")));
        anndata::write_h5ad(&h5ad, &adata)?;
        anndata::write_zarr(&zarr, &adata)?;
        let memory = stores::memory();
        io::write_anndata(&memory, &adata, &ElemWriteOptions::default())?;
        for root in [memory, backed_group(&h5ad)?, backed_group(&zarr)?] {
            let mut stored = SparseDataset::open(&root, "X")?;
            assert_eq!((stored.format(), stored.shape(), stored.nnz()?), (format, a.shape(), a.nnz() as u64));
            stored.append(&b)?;
            stored.append(&b)?;
            let whole = SparseMatrix::concat_major(&[a.clone(), b.clone(), b.clone()])?;
            assert_eq!(stored.to_memory()?.to_dense()?, whole.to_dense()?);
            assert_eq!(
                io::read_elem(&root, "X", &ElemReadOptions::default())?.to_sparse()?.to_dense()?,
                whole.to_dense()?
            );
            let axes = [AxisSelection::from(vec![3, 0, 3]), AxisSelection::from(vec![1, 0])];
            let part = stored.select(&axes[0], &axes[1])?;
            assert_eq!(part.to_dense()?, whole.to_dense()?.select(&axes)?);
            let chunks: Vec<_> = stored.chunks(3).collect::<Result<_>>()?;
            assert_eq!(chunks.iter().map(|(slices, _)| slices.clone()).collect::<Vec<_>>(), [0..3, 3..6, 6..7]);
            let blocks: Vec<SparseMatrix> = chunks.into_iter().map(|(_, block)| block).collect();
            assert_eq!(SparseMatrix::concat_major(&blocks)?.to_dense()?, whole.to_dense()?);

            let other = if format == SparseFormat::Csr { SparseFormat::Csc } else { SparseFormat::Csr };
            assert!(stored.append(&b.to_format(other)?).unwrap_err().to_string().contains("cannot be appended"));
            assert!(stored.append(&SparseMatrix::from_dense(&dense(9, 9), format)?).unwrap_err().is_invalid_input());
            assert_eq!(SparseDataset::open(&root, "X")?.to_memory()?.to_dense()?, whole.to_dense()?);
        }
    }
    Ok(())
}

#[test]
fn a_stored_matrix_is_selected_from_as_an_object_is() -> Result<()> {
    for format in [SparseFormat::Csr, SparseFormat::Csc] {
        let x = SparseMatrix::from_dense(&dense(5, 4), format)?;
        let root = stores::memory();
        io::write_elem(&root, "X", &x.clone().into(), &ElemWriteOptions::default())?;
        let (stored, adata) = (SparseDataset::open(&root, "X")?, AnnData::builder().x(x).build()?);
        let rows: [Selector; 9] = [
            (..).into(),
            2.into(),
            (1..=3).into(),
            [4, 0, 4].into(),
            Vec::<u64>::new().into(),
            [true, false, false, true, true].into(),
            Selector::signed([-1, 0]),
            Selector::step(.., -2),
            !Selector::from(1..4),
        ];
        for rows in rows {
            for columns in [Selector::from(..), Selector::from([3, 1]), Selector::from(0..0)] {
                let part = adata.select(rows.clone(), columns.clone())?;
                let expected = part.x().map(Element::to_dense).transpose()?;
                assert_eq!(Some(stored.select(rows.clone(), columns)?.to_dense()?), expected, "{rows:?}");
            }
        }
        let said = |rows: Selector, columns: Selector| {
            let error = stored.select(rows, columns).unwrap_err();
            assert!(error.is_invalid_input() && error.path() == Some("X"), "{error:?}");
            error.text()
        };
        assert_eq!(said(5.into(), (..).into()), "rows: positions out of bounds of an axis of length 5: 5");
        assert_eq!(said((..).into(), [true].into()), "columns: a mask of length 1 was given for an axis of length 4");
        let unnamed = "a matrix alone has neither names nor columns: select by positions, ranges or a mask";
        assert_eq!(said("c1".into(), (..).into()), format!("rows: {unnamed}"));
        assert_eq!(said((..).into(), !Selector::mask_of("good")), format!("columns: {unnamed}"));
    }
    Ok(())
}

#[test]
fn offsets_that_are_too_narrow_are_refused() -> Result<()> {
    let ones = |n: usize| Tensor::from_vec([n], vec![1_u8; n]);
    let zeros = |n: usize| Tensor::from_vec([n], vec![0_i8; n]);
    let narrow = |rows: i8| {
        let indptr = Tensor::from_vec([usize::try_from(rows).unwrap() + 1], (0..=rows).collect::<Vec<i8>>())?;
        let n = usize::try_from(rows).unwrap();
        SparseMatrix::new(SparseFormat::Csr, (n, 1), ones(n)?, zeros(n)?, indptr)
    };
    let root = stores::memory();
    io::write_elem(&root, "X", &narrow(100)?.into(), &ElemWriteOptions::default())?;
    let mut stored = SparseDataset::open(&root, "X")?;
    stored.append(&narrow(27)?)?;
    let error = stored.append(&narrow(1)?).unwrap_err();
    assert!(error.is_unsupported() && error.to_string().contains("offsets of type int8 cannot hold 128"), "{error}");
    assert_eq!(SparseDataset::open(&root, "X")?.shape(), (127, 1));
    let none = SparseDataset::open(&root, "none").unwrap_err();
    assert!(none.is_not_found() && none.path() == Some("none"), "{none:?}");
    Ok(())
}

#[test]
fn errors_of_a_stored_matrix_name_the_file_and_the_element() -> Result<()> {
    on_files(|path, _| {
        let root = anndata::open(path)?;
        let said = |error: anndata::Error| {
            assert_eq!(error.file(), Some(path), "{error}");
            (error.kind(), error.path().map(str::to_owned), error.text())
        };
        let dtype = anndata::ErrorKind::DType;
        let (kind, at, text) = said(SparseDataset::open(&root, "obs").unwrap_err());
        assert_eq!((kind, at.as_deref()), (dtype, Some("obs")));
        assert_eq!(text, "expected a sparse matrix, found an element encoded as 'dataframe'");
        let mut stored = SparseDataset::open(&root, "layers/counts")?;
        let (kind, at, text) =
            said(stored.select(AxisSelection::Range(0..99), AxisSelection::Range(0..1)).unwrap_err());
        assert_eq!((kind, at.as_deref()), (anndata::ErrorKind::InvalidInput, Some("layers/counts")), "{text}");
        let other = SparseMatrix::from_dense(&dense(1, 9), SparseFormat::Csr)?;
        let (kind, at, text) = said(stored.append(&other).unwrap_err());
        assert_eq!((kind, at.as_deref()), (anndata::ErrorKind::InvalidInput, Some("layers/counts")), "{text}");
        Ok(())
    })
}

#[test]
fn the_type_is_the_object() -> Result<()> {
    fn takes(adata: &AnnData) -> usize {
        adata.n_obs()
    }
    let root = stores::memory();
    io::write_anndata(&root, &object()?, &ElemWriteOptions::default())?;
    let backed = Backed::open(&root, &ElemReadOptions::default())?;
    assert_eq!(takes(&backed), 5);
    Ok(())
}
