//! Editing a view makes it an object of its own, and what it was taken from stays.

use anndata::{
    AnnData, Column, DataFrame, Element, ErrorKind, Mapping, Raw, Result, SparseFormat, SparseMatrix, Tensor,
};

fn ones(shape: &[usize]) -> Tensor {
    Tensor::from_vec(shape, vec![1.0_f32; shape.iter().product()]).unwrap()
}

fn adata() -> AnnData {
    let zeros = ones(&[4, 3]).put(&[(0..4).into(), (0..3).into()], &Tensor::scalar(0.0_f32)).unwrap();
    let types = Column::categorical_from_strings(["a", "a", "b", "c"]).unwrap();
    let mut adata = AnnData::builder()
        .x(SparseMatrix::from_dense(&zeros, SparseFormat::Csr).unwrap())
        .layer("L", zeros)
        .obs(DataFrame::new(["p", "q", "r", "s"]).with_column("type", types).unwrap())
        .obsm("m", ones(&[4, 2]))
        .varm("m", ones(&[3, 2]))
        .obsp("m", ones(&[4, 4]))
        .varp("m", ones(&[3, 3]))
        .uns("type_colors", Tensor::from_strings([3], ["red", "green", "blue"]).unwrap())
        .build()
        .unwrap();
    adata.set_raw(Raw::from(&adata)).unwrap();
    adata
}

type Edit = fn(&mut AnnData) -> Result<()>;

const EDITS: &[(&str, Edit)] = &[
    ("X", |view| view.set_x(ones(&[2, 2]))),
    ("part of X", |view| view.set_x_at(0, .., 5.0)),
    ("no X", |view| {
        view.remove_x();
        Ok(())
    }),
    ("a layer", |view| view.set_layer(Some("T"), ones(&[2, 2]))),
    ("part of a layer", |view| view.set_layer_at(Some("L"), "q", .., 7.0)),
    ("obs", |view| view.set_obs(DataFrame::new(["x", "y"]))),
    ("a column of obs", |view| view.set_obs_column("foo", vec![0, 1])),
    ("no column of obs", |view| {
        view.remove_obs_column("type").unwrap();
        Ok(())
    }),
    ("var", |view| view.set_var(DataFrame::new(["x", "y"]))),
    ("obs_names", |view| view.set_obs_names(["x", "y"])),
    ("var_names", |view| view.set_var_names(["x", "y"])),
    ("obsm", |view| view.set_obsm("m", ones(&[2, 5]))),
    ("all of varm", |view| view.set_all_varm(Mapping::from([("o".to_owned(), ones(&[2, 1]).into())]))),
    ("no obsp", |view| {
        view.remove_obsp("m").unwrap();
        Ok(())
    }),
    ("varp", |view| view.rename_varp("m", "n")),
    ("uns", |view| {
        view.set_uns("k", 1);
        Ok(())
    }),
    ("no uns", |view| {
        view.set_all_uns(Mapping::new());
        Ok(())
    }),
    ("raw", |view| {
        view.remove_raw();
        Ok(())
    }),
    ("categories", |view| view.rename_categories("type", vec!["A", "B"])),
];

#[test]
fn an_edited_view_is_an_object_and_its_origin_stays() -> Result<()> {
    let (origin, untouched) = (adata(), adata());
    for (what, edit) in EDITS {
        let mut view = origin.select(1..3, [2, 0])?;
        let mut owned = view.load()?;
        assert!(view.is_view() && !owned.is_view());
        edit(&mut view)?;
        edit(&mut owned)?;
        assert!(!view.is_view() && !view.to_string().starts_with("View"), "{what}");
        assert_eq!(view, owned, "{what}");
        assert_ne!(view, origin.select(1..3, [2, 0])?, "{what}");
        assert_eq!(origin, untouched, "{what}");
    }
    Ok(())
}

#[test]
fn a_view_that_was_refused_an_edit_stays_a_view() -> Result<()> {
    let origin = adata();
    let mut view = origin.select(1..3, [2, 0])?;
    let before = view.load()?;
    for (refused, kind, message) in [
        (view.set_x(ones(&[3, 2])), ErrorKind::InvalidInput, "[3, 2]"),
        (view.set_all_obsm(Mapping::from([("o".to_owned(), ones(&[3, 1]).into())])), ErrorKind::InvalidInput, "[3, 1]"),
        (view.set_obs_names(["x"]), ErrorKind::InvalidInput, "labels was given for 2 rows"),
        (view.set_obs(DataFrame::unnamed(4)), ErrorKind::InvalidInput, "4"),
        (view.rename_categories("type", vec!["A"]), ErrorKind::InvalidInput, "1"),
        (view.set_x_at(.., 9, 1.0), ErrorKind::InvalidInput, "out of bounds of an axis of length 2: 9"),
        (view.rename_uns("nope", "k"), ErrorKind::NotFound, "nope"),
    ] {
        let error = refused.unwrap_err();
        assert!(error.kind() == kind && error.to_string().contains(message), "{error:?}: {message}");
    }
    assert!(view.remove_obsm("nope").is_none() && view.remove_layer(Some("nope")).is_none());
    assert!(view.is_view());
    assert_eq!(view, before);
    Ok(())
}

#[test]
fn a_view_of_a_view_is_edited_alone() -> Result<()> {
    let origin = adata();
    let outer = origin.select(0, ..)?;
    let mut inner = outer.select(.., 1..)?;
    inner.set_x(ones(&[1, 2]))?;
    assert_eq!(inner.x().unwrap().to_tensor()?, ones(&[1, 2]));
    assert_eq!((outer.x().unwrap().to_sparse()?.nnz(), origin.x().unwrap().to_sparse()?.nnz()), (0, 0));
    assert!(outer.is_view());
    Ok(())
}

#[test]
fn part_of_a_view_is_set_in_the_format_of_the_origin() -> Result<()> {
    let origin = adata();
    let mut view = origin.select([3, 1], ..)?;
    view.set_x_at([true, false], [2, 0], 1.0)?;
    let x = view.x().unwrap().to_sparse()?;
    assert_eq!((x.format(), x.nnz()), (SparseFormat::Csr, 2));
    assert_eq!(x.to_dense()?.as_slice::<f32>()?, [1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    Ok(())
}

#[test]
fn colours_that_do_not_match_the_categories_are_left_out_of_views() -> Result<()> {
    let mut wrong = adata();
    wrong.set_uns("type_colors", Tensor::from_strings([2], ["red", "green"])?);
    assert!(!wrong.select(.., [0, 1])?.uns().contains_key("type_colors"));
    let origin = adata();
    for (color, rows) in [("red", vec![0, 1]), ("green", vec![2]), ("blue", vec![3])] {
        let view = origin.select(rows, ..)?;
        assert_eq!(view.uns()["type_colors"].to_tensor()?.to_strings()?, [color]);
        assert_eq!(view.uns(), view.load()?.uns());
    }
    assert_eq!(origin.uns()["type_colors"].shape()?, Some(vec![3]));
    Ok(())
}

#[test]
fn a_subset_in_place_is_the_part_loaded() -> Result<()> {
    let mut modified = adata();
    modified.subset(["s", "p"], [true, false, true])?;
    assert_eq!(modified, adata().select([3, 0], [0, 2])?.load()?);
    assert!(!modified.is_view());
    let before = modified.clone();
    let nobody = modified.subset("nobody", ..).unwrap_err();
    assert!(nobody.is_not_found() && nobody.to_string().contains("nobody"), "{nobody:?}");
    assert_eq!(modified, before);
    let none: [usize; 0] = [];
    modified.subset(.., none)?;
    assert_eq!(modified.x().map(Element::shape).transpose()?, Some(Some(vec![2, 0])));
    Ok(())
}
