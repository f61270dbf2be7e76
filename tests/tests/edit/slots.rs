//! Setting and removing in memory: what fits, what is refused, and what an edit leaves alone.

use anndata::{
    AnnData, Column, DType, DataFrame, Element, Layers, Mapping, Raw, Result, SparseFormat, SparseMatrix, Tensor,
};

fn counted(shape: &[usize]) -> Tensor {
    Tensor::from_vec(shape, (0_i32..).take(shape.iter().product()).collect()).unwrap()
}

fn adata() -> AnnData {
    AnnData::builder()
        .x(counted(&[3, 4]))
        .layer("L", counted(&[3, 4]))
        .obs(DataFrame::new(["a", "b", "c"]))
        .obsm("pca", counted(&[3, 2]))
        .build()
        .unwrap()
}

#[test]
fn x_may_be_of_any_number_dtype_and_format() -> Result<()> {
    let dtypes = [DType::Bool, DType::U8, DType::I16, DType::U64, DType::F16, DType::F32, DType::F64, DType::Complex64];
    for dtype in dtypes {
        let dense = counted(&[3, 4]).cast(&dtype)?;
        let mut adata = adata();
        adata.set_x(dense.clone())?;
        assert_eq!(adata.x(), Some(&dense.clone().into()));
        assert_eq!(adata.layer(Some("L")), Some(&counted(&[3, 4]).into()), "layers keep their dtype");
        for format in [SparseFormat::Csr, SparseFormat::Csc] {
            let sparse = SparseMatrix::from_dense(&dense, format)?;
            adata.set_x(sparse.clone())?;
            assert_eq!(adata.x(), Some(&sparse.into()));
        }
    }
    for shape in [[1, 4], [3, 1], [1, 1]] {
        let mut adata = AnnData::builder().shape(shape[0], shape[1]).build()?;
        adata.set_x(counted(&shape))?;
        assert_eq!(adata.x().unwrap().shape()?, Some(shape.to_vec()));
    }
    Ok(())
}

#[test]
fn an_object_without_x_keeps_its_shape_and_layers() -> Result<()> {
    let mut adata = adata();
    adata.remove_x();
    assert!(adata.x().is_none() && adata.remove_layer(None).is_none());
    assert_eq!((adata.shape(), adata.layers().len()), ((3, 4), 1));
    assert_eq!(adata.select(1.., ..2)?.load()?.shape(), (2, 2));
    let empty = AnnData::builder().obs(DataFrame::new(["a", "b"])).build()?;
    assert_eq!((empty.shape(), empty.select(0, ..)?.shape()), ((2, 0), (1, 0)));
    Ok(())
}

#[test]
fn replaced_layers_keep_x_where_they_bring_none() -> Result<()> {
    let x = adata().x().cloned();
    let mut replaced = adata();
    replaced.set_all_layers(Layers::new())?;
    assert_eq!((replaced.x(), replaced.layers().len()), (x.as_ref(), 1));
    let other: Element = counted(&[3, 4]).cast(&DType::F64)?.into();
    replaced.set_all_layers([(Some("M".to_owned()), other.clone())].into())?;
    assert_eq!(replaced.x(), x.as_ref());
    replaced.set_all_layers([(None, other.clone())].into())?;
    assert_eq!((replaced.x(), replaced.layers().len()), (Some(&other), 1));
    let refused = replaced.set_all_layers([(Some("M".to_owned()), counted(&[4, 3]).into())].into());
    assert!(refused.is_err_and(|error| error.to_string().contains("layers/M: ")));
    replaced.rename_layer(None, Some("was X"))?;
    assert!(replaced.x().is_none() && replaced.layer(Some("was X")) == Some(&other));
    assert!(replaced.rename_layer(None, Some("again")).is_err_and(|error| error.is_not_found()));
    Ok(())
}

#[test]
fn arrays_of_one_dimension_become_columns() -> Result<()> {
    let mut adata = AnnData::builder().shape(3, 2).obsm("built", counted(&[3])).build()?;
    adata.set_varm("set", Tensor::from_strings([2], ["p", "q"])?)?;
    adata.set_all_obsp(Mapping::new())?;
    assert_eq!(adata.obsm()["built"].shape()?, Some(vec![3, 1]));
    assert_eq!(adata.varm()["set"].shape()?, Some(vec![2, 1]));
    let line = adata.set_obsp("p", counted(&[3])).unwrap_err();
    assert!(
        line.is_invalid_input() && line.to_string().starts_with("obsp/p: expected a shape that begins with"),
        "{line:?}"
    );
    Ok(())
}

#[test]
fn frames_take_the_name_of_the_index_and_follow_its_labels() -> Result<()> {
    let obs = DataFrame::new(["a", "b"]).with_index_name(Some("cell".into()));
    let mut adata = AnnData::builder().obs(obs).build()?;
    let frame = DataFrame::new(["a", "b"]).with_column("n", vec![1, 2])?;
    adata.set_obsm("df", frame.clone())?;
    assert_eq!(adata.obsm()["df"].as_frame()?.index_name(), Some("cell"));
    for wrong in [DataFrame::new(["b", "a"]), DataFrame::unnamed(2)] {
        assert!(adata.set_obsm("df", wrong).is_err_and(|error| error.to_string().contains("obsm/df: its index")));
    }
    adata.set_obs(DataFrame::new(["x", "y"]))?;
    assert_eq!(adata.obsm()["df"].as_frame()?.names()?, ["x", "y"]);
    adata.set_obsm("df", DataFrame::new(["x", "y"]))?;
    adata.set_obs(DataFrame::with_index(Column::from(vec![7_i64, 8])))?;
    assert_eq!(
        (adata.obs_names()?, adata.obsm()["df"].as_frame()?.names()?),
        (vec!["7".into(), "8".into()], vec!["7".into(), "8".into()])
    );
    adata.set_obs_names(["ö", "a"])?;
    assert_eq!(adata.obs_names()?, ["ö", "a"]);
    Ok(())
}

#[test]
fn annotations_are_added_replaced_renamed_and_removed() -> Result<()> {
    let mut adata = adata();
    adata.set_obs_column("one", vec![1, 2, 3])?;
    adata.set_obs_column("two", vec!["p", "q", "r"])?;
    adata.set_obs_column("one", vec![1.5, 2.5, 3.5])?;
    assert_eq!(adata.obs().column_names().collect::<Vec<_>>(), ["one", "two"]);
    let refused = adata.set_obs_column("far", vec!["too", "long", "by", "one"]);
    assert!(refused.is_err_and(|error| error.path() == Some("obs") && error.to_string().contains("'far' has 4 rows")));
    adata.rename_obs_column("one", "first")?;
    assert!(adata.rename_obs_column("first", "two").is_err_and(|error| error.is_already_exists()));
    assert_eq!(adata.obs().column_names().collect::<Vec<_>>(), ["first", "two"]);
    assert!(adata.remove_obs_column("first").is_some() && adata.remove_obs_column("first").is_none());
    adata.set_var_column("v", vec![1, 2, 3, 4])?;
    adata.rename_var_column("v", "w")?;
    assert!(adata.remove_var_column("w").is_some());
    adata.clear_obs();
    assert_eq!(adata.obs(), &DataFrame::new(["a", "b", "c"]));
    Ok(())
}

#[test]
fn a_clone_does_not_see_edits() -> Result<()> {
    let nested = Mapping::from([("key".to_owned(), "value".into())]);
    let original = AnnData::builder().x(counted(&[2, 2])).uns("parent", nested).build()?;
    let mut copy = original.clone();
    copy.set_x_at(.., .., 9)?;
    copy.set_obs_names(["p", "q"])?;
    if let Some(Element::Mapping(parent)) = copy.uns_mut().get_mut("parent") {
        parent.insert("key".to_owned(), "new".into());
    }
    assert_eq!(original.x(), Some(&counted(&[2, 2]).into()));
    assert_eq!(original.obs_names()?, ["0", "1"]);
    assert_eq!(original.uns()["parent"].as_mapping()?["key"].to_text()?, "value");
    let pointer = |adata: &AnnData| adata.x().unwrap().to_tensor().unwrap().as_slice::<i32>().unwrap().as_ptr();
    assert_eq!(pointer(&original), pointer(&original.clone()), "values are shared");
    assert_eq!(pointer(&original), pointer(&original.load()?));
    Ok(())
}

#[test]
fn raw_has_rows_as_the_object_and_variables_of_its_own() -> Result<()> {
    let all = AnnData::builder()
        .x(counted(&[3, 3]))
        .obs(DataFrame::new(["name1", "name2", "name3"]).with_column("type", vec!["c1", "c2", "c2"])?)
        .var(DataFrame::new(["var1", "var2", "var3"]))
        .varm("PCs", counted(&[3, 2]))
        .build()?;
    let mut adata = all.select(.., [0, 1])?.load()?;
    adata.set_raw(Raw::from(&all))?;
    let raw = adata.raw().unwrap();
    assert_eq!((raw.n_vars()?, raw.var().names()?[2].as_str()), (3, "var3"));
    let part = raw.select_var("var3")?;
    assert_eq!(part.x().unwrap().to_tensor()?.as_slice::<i32>()?, [2, 5, 8]);
    assert_eq!(part.varm()["PCs"].to_tensor()?.as_slice::<i32>()?, [4, 5]);
    assert!(raw.select_var("var9").is_err_and(|error| error.is_not_found()));

    let view = adata.select(anndata::Selector::equal("type", "c2"), ..)?;
    assert_eq!(view.raw().unwrap().x().unwrap().to_tensor()?.as_slice::<i32>()?, [3, 4, 5, 6, 7, 8]);
    assert_eq!(view.raw_to_adata()?.obs(), view.obs());
    let few = Raw::from(&adata.select(..2, ..)?);
    assert!(adata.set_raw(few).is_err_and(|error| error.to_string().contains("found shape [2, 2]")));

    adata.remove_raw();
    assert!(adata.raw().is_none() && adata.raw_to_adata().is_err_and(|error| error.is_not_found()));
    Ok(())
}

#[test]
fn part_of_a_slot_is_set_by_putting_it_back() -> Result<()> {
    let mut adata = adata();
    let rows = [anndata::AxisSelection::from(vec![0, 2])];
    let pca = adata.obsm()["pca"].put(&rows, &Element::from(-1))?;
    adata.set_obsm("pca", pca)?;
    assert_eq!(adata.obsm()["pca"].to_tensor()?.as_slice::<i32>()?, [-1, -1, 2, 3, -1, -1]);
    adata.set_layer_at(Some("L"), "b", [3, 0], counted(&[1, 2]))?;
    assert_eq!(adata.layer(Some("L")).unwrap().to_tensor()?.as_slice::<i32>()?[4..8], [1, 5, 6, 0]);
    let refused = adata.set_layer_at(Some("nope"), .., .., 1);
    assert!(refused.is_err_and(|error| error.is_not_found() && error.path() == Some("layers/nope")));
    let refused = adata.set_x_at(.., .., 0.5);
    assert!(refused.is_err_and(|error| error.is_dtype() && error.path() == Some("X")));
    let refused = adata.set_x_at("nobody", .., 1);
    assert!(refused.is_err_and(|error| error.is_not_found() && error.path() == Some("obs")));
    Ok(())
}
