//! Editing objects whose elements are still in a store: what is not touched is not read.

use anndata::io::{self, ElemReadOptions, ElemWriteOptions};
use anndata::{AnnData, Column, DataFrame, Element, Group, Raw, Result, SparseFormat, SparseMatrix, Tensor, Tolerance};
use anndata_tests::stores;

fn adata() -> Result<AnnData> {
    let x = Tensor::from_vec([6, 4], (0_i32..24).map(|n| if n % 3 == 0 { n } else { 0 }).collect())?;
    let types = Column::categorical_from_strings(["a", "b", "a", "c", "b", "a"])?;
    let frame = DataFrame::unnamed(6).with_column("n", vec![1, 2, 3, 4, 5, 6])?;
    let mut adata = AnnData::builder()
        .x(SparseMatrix::from_dense(&x, SparseFormat::Csr)?)
        .layer("dense", x)
        .obs(
            DataFrame::unnamed(6)
                .with_column("type", types)?
                .with_column("text", vec!["p", "q", "p", "q", "p", "q"])?,
        )
        .obsm("df", frame)
        .uns("type_colors", Tensor::from_strings([3], ["red", "green", "blue"])?)
        .build()?;
    adata.set_raw(Raw::from(&adata))?;
    Ok(adata)
}

fn lazily(root: &Group) -> Result<AnnData> {
    io::write_anndata(root, &adata()?, &ElemWriteOptions::default())?;
    io::read_anndata(root, &ElemReadOptions::default().with_lazy(true))
}

fn is_loaded(element: Option<&Element>) -> bool {
    !matches!(element, Some(Element::Lazy(lazy)) if !lazy.is_loaded())
}

#[test]
fn edits_of_a_lazy_object_are_those_of_a_loaded_one() -> Result<()> {
    stores::on_each(|root| {
        let (mut lazy, mut loaded) = (lazily(root)?, adata()?);
        for adata in [&mut lazy, &mut loaded] {
            adata.set_obs_names(["u", "v", "w", "x", "y", "z"])?;
            adata.rename_categories("type", vec!["A", "B", "C"])?;
            adata.set_x_at("w", .., 7)?;
            adata.strings_to_categoricals()?;
            adata.rename_layer(Some("dense"), Some("counts"))?;
        }
        assert!(!is_loaded(lazy.layer(Some("counts"))), "a layer is renamed without reading it");
        assert_eq!(lazy.load()?, loaded);
        assert_eq!(lazy.obsm()["df"].as_frame()?.names()?, ["u", "v", "w", "x", "y", "z"]);
        assert_eq!(lazy.transpose()?.load()?, loaded.transpose()?);
        Ok(())
    })
}

#[test]
fn vectors_chunks_and_tables_are_read_in_part() -> Result<()> {
    stores::on_each(|root| {
        let (lazy, loaded) = (lazily(root)?, adata()?);
        for layer in [None, Some("dense")] {
            assert_eq!(lazy.obs_vector("2", layer)?, loaded.obs_vector("2", layer)?);
            assert_eq!(lazy.var_vector("4", layer)?, loaded.var_vector("4", layer)?);
            assert_eq!(lazy.to_df(layer)?, loaded.to_df(layer)?);
            let chunks = |adata: &AnnData| -> Result<Vec<_>> { adata.chunked_layer(layer, 4)?.collect() };
            assert_eq!(chunks(&lazy)?, chunks(&loaded)?);
            assert!(!is_loaded(lazy.layer(layer)), "nothing of it is kept");
        }
        assert_eq!(lazy.chunk_x([5, 0, 5])?, loaded.chunk_x([5, 0, 5])?);
        assert_eq!(lazy.random_chunk_x(4, false, 11)?, loaded.random_chunk_x(4, false, 11)?);
        assert_eq!(lazy.raw().unwrap().obs_vector("1")?, loaded.raw().unwrap().obs_vector("1")?);
        assert!(!is_loaded(lazy.x()));
        Ok(())
    })
}

#[test]
fn unused_categories_and_colours_of_a_stored_object_go() -> Result<()> {
    stores::on_each(|root| {
        let keep = anndata::SelectOptions::default().with_keep_unused_categories(true);
        let mut part = lazily(root)?.select_with([0, 3], .., &keep)?;
        assert_eq!(part.obs().column("type")?.codes_and_categories()?.1.len(), 3);
        part.remove_unused_categories()?;
        assert_eq!(part.obs().column("type")?.codes_and_categories()?.1, Column::strings(["a", "c"]));
        assert_eq!(part.uns()["type_colors"].to_tensor()?.to_strings()?, ["red", "blue"]);
        Ok(())
    })
}

#[test]
fn what_a_lazy_object_holds_is_compared_and_counted() -> Result<()> {
    stores::on_each(|root| {
        let (lazy, loaded) = (lazily(root)?, adata()?);
        assert!(anndata::unwriteable(&lazy, root.storage().capabilities(), &ElemWriteOptions::default()).is_empty());
        assert_eq!((lazy.size_in_memory(false)?.slot("layers"), lazy.size_in_memory(true)?.slot("layers")), (0, 96));
        assert!(lazy.approx_eq(&loaded, Tolerance::EXACT).is_ok());
        let mut other = loaded.clone();
        other.set_layer_at(Some("dense"), 1, 2, 100)?;
        let difference = lazy.approx_eq(&other, Tolerance::default()).unwrap_err();
        assert_eq!(difference.to_string(), "layers/dense: 6 and 100 at [1, 2]");
        Ok(())
    })
}
