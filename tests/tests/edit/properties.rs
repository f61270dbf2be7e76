//! What holds of every object.

use std::collections::HashSet;

use anndata::io::ElemWriteOptions;
use anndata::{AnnData, DataFrame, Mapping, Raw, SelectOptions, Selector, Tolerance, io, make_unique};
use anndata_tests::{random, stores};
use proptest::prelude::*;

/// An object of the shape of another, with nothing in it.
fn bare(adata: &AnnData) -> anndata::Result<AnnData> {
    AnnData::builder().shape(adata.n_obs(), adata.n_vars()).build()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_object_that_is_set_slot_by_slot_is_the_object(donor in random::adata()) {
        let mut made = bare(&donor)?;
        made.set_obs(donor.obs().clone())?;
        made.set_var(donor.var().clone())?;
        for (key, layer) in donor.layers() {
            made.set_layer(key.as_deref(), layer.clone())?;
            prop_assert_eq!(made.layer(key.as_deref()), Some(layer));
        }
        for (key, element) in donor.obsm() {
            made.set_obsm(key, element.clone())?;
            prop_assert_eq!(made.obsm().get(key), Some(element));
        }
        for (key, element) in donor.varm() {
            made.set_varm(key, element.clone())?;
            prop_assert_eq!(made.varm().get(key), Some(element));
        }
        for (key, element) in donor.obsp() {
            made.set_obsp(key, element.clone())?;
            prop_assert_eq!(made.obsp().get(key), Some(element));
        }
        for (key, element) in donor.varp() {
            made.set_varp(key, element.clone())?;
            prop_assert_eq!(made.varp().get(key), Some(element));
        }
        for (key, element) in donor.uns() {
            made.set_uns(key, element.clone());
            prop_assert_eq!(made.uns().get(key), Some(element));
        }
        if let Some(raw) = donor.raw() {
            made.set_raw(raw.clone())?;
        }
        prop_assert_eq!(&made, &donor);
        prop_assert_eq!(made.to_string(), donor.to_string());

        let mut replaced = bare(&donor)?;
        replaced.set_obs(donor.obs().clone())?;
        replaced.set_var(donor.var().clone())?;
        replaced.set_all_layers(donor.layers().clone())?;
        replaced.set_all_obsm(donor.obsm().clone())?;
        replaced.set_all_varm(donor.varm().clone())?;
        replaced.set_all_obsp(donor.obsp().clone())?;
        replaced.set_all_varp(donor.varp().clone())?;
        replaced.set_all_uns(donor.uns().clone());
        if let Some(raw) = donor.raw() {
            replaced.set_raw(raw.clone())?;
        }
        prop_assert_eq!(&replaced, &donor);

        for (name, column) in donor.obs().columns() {
            made.set_obs_column(name, column.clone())?;
        }
        prop_assert_eq!(&made, &donor, "set again, a column stays where it is");
        made.clear_obs();
        for (name, column) in donor.obs().columns() {
            made.set_obs_column(name, column.clone())?;
        }
        prop_assert_eq!(&made, &donor);
    }

    #[test]
    fn what_is_renamed_is_found_again(donor in random::adata()) {
        let mut renamed = donor.clone();
        for (position, key) in donor.obsm().keys().enumerate() {
            renamed.rename_obsm(key, format!("{key}!"))?;
            prop_assert_eq!(renamed.obsm().get_index_of(&format!("{key}!")), Some(position));
            renamed.rename_obsm(&format!("{key}!"), key)?;
        }
        for (position, key) in donor.uns().keys().enumerate() {
            renamed.rename_uns(key, "new")?;
            prop_assert_eq!(renamed.uns().get_index_of("new"), Some(position));
            renamed.rename_uns("new", key)?;
        }
        for key in donor.layers().keys() {
            renamed.rename_layer(key.as_deref(), Some("!"))?;
            prop_assert!(!renamed.layers().contains_key(key));
            renamed.rename_layer(Some("!"), key.as_deref())?;
        }
        prop_assert_eq!(renamed.to_string(), donor.to_string());
        prop_assert_eq!(renamed, donor);
    }

    #[test]
    fn a_transpose_of_a_transpose_is_the_object_without_raw(mut donor in random::adata()) {
        let transposed = donor.transpose()?;
        prop_assert_eq!(transposed.shape(), (donor.n_vars(), donor.n_obs()));
        prop_assert_eq!(transposed.obsm(), donor.varm());
        prop_assert!(transposed.raw().is_none());
        let (obs, var) = (Selector::step(.., -1), Selector::step(.., 2));
        let of_part = donor.select(obs.clone(), var.clone())?.transpose()?;
        prop_assert_eq!(&of_part, &transposed.select(var, obs)?);
        donor.remove_raw();
        prop_assert_eq!(transposed.transpose()?, donor);
    }

    #[test]
    fn a_raw_gives_back_the_object_that_it_was_made_of(donor in random::adata()) {
        let mut adata = donor.clone();
        adata.set_raw(Raw::from(&donor))?;
        adata.remove_x();
        let mut back = adata.raw_to_adata()?;
        prop_assert_eq!(back.x(), donor.x());
        for (key, layer) in donor.layers() {
            back.set_layer(key.as_deref(), layer.clone())?;
        }
        back.set_all_varp(donor.varp().clone())?;
        if let Some(raw) = donor.raw() {
            back.set_raw(raw.clone())?;
        }
        prop_assert_eq!(back, donor);
    }

    #[test]
    fn every_object_is_close_to_itself_however_it_is_held(donor in random::adata()) {
        let compared = |other: &AnnData| donor.approx_eq(other, Tolerance::EXACT).map_err(|found| found.to_string());
        prop_assert_eq!(compared(&donor), Ok(()));
        let keep = SelectOptions::default().with_keep_unused_categories(true);
        prop_assert_eq!(compared(&donor.select_with(.., .., &keep)?), Ok(()));
        prop_assert_eq!(compared(&stores::through(&stores::memory(), &donor)?), Ok(()));
    }

    #[test]
    fn what_is_unwriteable_is_what_writing_refuses(donor in random::adata(), bad in any::<bool>()) {
        let mut adata = donor;
        if bad {
            adata.set_uns("deep", Mapping::from([("a/b".to_owned(), 1.into())]));
        }
        let root = stores::memory();
        let found = anndata::unwriteable(&adata, root.storage().capabilities(), &ElemWriteOptions::default());
        let written = io::write_anndata(&root, &adata, &ElemWriteOptions::default());
        prop_assert_eq!(found.is_empty(), written.is_ok(), "{:?} {:?}", found, written);
        prop_assert_eq!(found.iter().map(anndata::Unwriteable::path).collect::<Vec<_>>(), if bad { vec!["uns/deep/a/b"] } else { vec![] });
    }

    #[test]
    fn names_made_unique_are_unique_and_firsts_stay(names in prop::collection::vec("[ab](-[12])?", 0..12)) {
        let unique = make_unique(&names, "-");
        prop_assert_eq!(unique.iter().collect::<HashSet<_>>().len(), names.len());
        for (at, (name, made)) in names.iter().zip(&unique).enumerate() {
            let first = !names[..at].contains(name);
            let as_expected = if first { made == name } else { made.starts_with(&format!("{name}-")) };
            prop_assert!(as_expected, "{} became {}", name, made);
        }
        let mut adata = AnnData::builder().var(DataFrame::new(&names)).build()?;
        adata.var_names_make_unique("-")?;
        prop_assert_eq!(adata.var_names()?, unique);
    }
}
