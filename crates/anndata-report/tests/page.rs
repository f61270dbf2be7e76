//! What is on a page, and what is not.

#![allow(clippy::unwrap_used, reason = "a test may fail anywhere")]

mod support;

use anndata_format::{
    AnnData, Column, DataFrame, Element, Group, MemoryStore, Result, SparseFormat, Tensor, ValidateOptions, io,
    validate,
};
use anndata_report::{ReportOptions, report};
use std::sync::Arc;

fn page(adata: &AnnData) -> Result<String> {
    report(adata, &ReportOptions::default())
}

#[test]
fn every_section_is_there() -> Result<()> {
    let adata = support::cells(300)?;
    let root = Group::root(Arc::new(MemoryStore::new()));
    io::write_anndata(&root, &adata, &io::ElemWriteOptions::default())?;
    let stored = io::read_anndata(&root, &io::ElemReadOptions::default().with_lazy(true))?;
    let options = ReportOptions::default()
        .with_title("300 cells")
        .with_findings(validate(&root, &ValidateOptions::default())?)
        .with_provenance("Path", "cells.h5ad");
    let page = report(&stored, &options)?;
    for part in [
        "<title>300 cells</title>",
        "300 observations \u{d7} 30 variables",
        "<h2>Embeddings</h2>",
        "coloured by cell_type",
        "coloured by total_counts",
        "<h3>spatial</h3>",
        "Counts per observation",
        "Mitochondrial share, %",
        "Variables with most of the counts",
        "<code>obs</code>: 300 rows, 4 columns",
        "<code>var</code>: 30 rows, 1 column",
        "300 different values, such as",
        "<details><summary><span class=\"key\">obsm</span>",
        "clean",
        "Cells made up for a test",
        "<dd>cells.h5ad</dd>",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    // The same object in memory has the same page, but for how it is stored.
    assert!(report(&adata, &options)?.contains("Counts per observation"));
    Ok(())
}

#[test]
fn names_of_a_file_stay_text() -> Result<()> {
    let evil = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}\n&amp;";
    let obs = DataFrame::new([evil, "b"])
        .with_column(evil, Column::categorical_from_strings([evil, "b"])?)?
        .with_column("text", vec![evil.to_owned(), "b".to_owned()])?;
    let adata = AnnData::builder()
        .x(Tensor::from_vec([2, 1], vec![1.0_f32, 2.0])?)
        .obs(obs)
        .var(DataFrame::new([evil]).with_column(evil, vec![1.0])?)
        .obsm(evil, Tensor::from_vec([2, 2], vec![0.0, 1.0, 2.0, 3.0])?)
        .uns(evil, evil)
        .uns(format!("{evil}_colors"), Tensor::from_strings([2], ["red;}</style><script>", "#00ff00"])?)
        .layer(evil, Tensor::from_vec([2, 1], vec![1, 2])?)
        .build()?;
    let options =
        ReportOptions::default().with_title(evil).with_provenance(evil, evil).with_layer(evil).with_color(evil);
    let page = report(&adata, &options)?;
    for tag in ["<script", "<img src=x", "</style><", "\u{202e}"] {
        assert_eq!(page.matches(tag).count(), usize::from(tag == "</style><"), "{tag}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)"));
    assert!(page.contains("default-src 'none'"));
    Ok(())
}

#[test]
fn nothing_is_fetched() -> Result<()> {
    let page = page(&support::cells(50)?)?;
    for outside in ["http://", "https://", "<script", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    Ok(())
}

#[test]
fn what_is_large_is_sampled_and_the_page_says_so() -> Result<()> {
    let adata = support::cells(2000)?;
    let options = ReportOptions::default().with_max_points(500).with_max_rows(400).with_max_columns(2);
    let page = report(&adata, &options)?;
    assert!(page.contains("500 of 2\u{202f}000 observations are drawn"));
    assert!(page.contains("4 columns, the first 2 of which are shown. Of each column 400 rows were looked at"));
    let x = Element::from(Tensor::from_vec([400_000, 30], vec![1.0_f32; 12_000_000])?);
    let adata = AnnData::builder().x(x).build()?;
    let page = report(&adata, &ReportOptions::default().with_max_matrix_bytes(1 << 20))?;
    assert!(
        page.contains("It is large: 200\u{202f}000 rows were looked at")
            || page.contains("rows were looked at, in blocks"),
        "{page}"
    );
    Ok(())
}

#[test]
fn odd_objects_have_pages() -> Result<()> {
    let empty = AnnData::builder().shape(0, 0).build()?;
    assert!(page(&empty)?.contains("There is no X."));
    let nothing = AnnData::builder()
        .x(Tensor::from_vec([0, 3], Vec::<f32>::new())?)
        .obsm("X_umap", Tensor::from_vec([0, 2], Vec::<f64>::new())?)
        .build()?;
    assert!(page(&nothing)?.contains("X_umap"));
    let negative = AnnData::builder().x(Tensor::from_vec([2, 2], vec![-1.0, f64::NAN, 1.5, 2.0])?).build()?;
    let shown = page(&negative)?;
    assert!(shown.contains("Variables with the highest mean") && shown.contains("<dt>NaN</dt>"), "{shown}");
    let csc = Element::from(Tensor::from_vec([2, 2], vec![1_u8, 0, 0, 3])?).to_format(SparseFormat::Csc)?;
    assert!(page(&AnnData::builder().x(csc).build()?)?.contains("CSC uint8"));
    Ok(())
}

#[test]
fn names_that_are_not_there_are_errors() -> Result<()> {
    let adata = support::cells(10)?;
    let failed = |options: ReportOptions| report(&adata, &options).unwrap_err();
    assert_eq!(failed(ReportOptions::default().with_layer("counts")).message(), "there is no layer 'counts'");
    let error = failed(ReportOptions::default().with_color("no"));
    assert!(error.is_not_found());
    assert_eq!(error.message(), "'no' is neither a column of obs nor the name of a variable");
    assert!(report(&adata, &ReportOptions::default().with_color("gene 7"))?.contains("coloured by gene 7"));
    Ok(())
}
