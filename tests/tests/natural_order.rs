//! The order of the categories that text becomes: that of natsort, which Python anndata uses.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

use anndata::{AnnData, Column, DataFrame};
use anndata_tests::fixtures;

#[test]
fn text_becomes_categories_in_the_order_of_natsort() {
    let table = std::fs::read(fixtures::folder().join("natural-order.json")).unwrap();
    let table: Vec<Vec<String>> = serde_json::from_slice(&table).unwrap();
    assert_eq!(table.len(), 300);
    for sorted in table {
        // Backwards and twice, so that text repeats.
        let texts: Vec<&String> = sorted.iter().rev().chain(&sorted).collect();
        let names: Vec<String> = (0..texts.len()).map(|row| row.to_string()).collect();
        let obs = DataFrame::new(&names).with_column("text", Column::strings(&texts)).unwrap();
        let mut adata = AnnData::builder().obs(obs).build().unwrap();
        adata.strings_to_categoricals().unwrap();
        let (_, categories) = adata.obs().column("text").unwrap().codes_and_categories().unwrap();
        let found: Vec<String> = categories.to_strings().unwrap().into_iter().flatten().collect();
        assert_eq!(found, sorted);
    }
}
