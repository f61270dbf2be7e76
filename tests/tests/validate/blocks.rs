//! Values are read block by block: what is found does not depend on where a block ends.

use std::collections::BTreeSet;

use anndata::io::{self, ElemWriteOptions};
use anndata::{AnnData, DataFrame, Group, Result, SparseFormat, SparseMatrix, Tensor, ValidateOptions, validate};
use anndata_tests::{random, stores};
use proptest::prelude::*;

/// A matrix whose rows are unsorted and repeat in places, in memory.
fn store_matrix(rows: &[Vec<u16>], columns: usize) -> Result<Group> {
    let root = stores::memory();
    let indices: Vec<u16> = rows.concat();
    let mut indptr = vec![0_i64];
    indptr.extend(rows.iter().scan(0_i64, |end, row| {
        *end += i64::try_from(row.len()).unwrap();
        Some(*end)
    }));
    let data = Tensor::from_vec([indices.len()], vec![1_u8; indices.len()])?;
    let indptr = Tensor::from_vec([indptr.len()], indptr)?;
    let indices = Tensor::from_vec([indices.len()], indices)?;
    let matrix = SparseMatrix::new(SparseFormat::Csr, (rows.len(), columns), data, indices, indptr)?;
    io::write_anndata(&root, &AnnData::builder().x(matrix).build()?, &ElemWriteOptions::default())?;
    Ok(root)
}

/// The finding about rows that are so, as it should read.
fn about_rows(rows: &[Vec<u16>], how: &str, bad: impl Fn(&[u16]) -> bool) -> Option<String> {
    let bad: Vec<usize> = (0..rows.len()).filter(|&row| bad(&rows[row])).collect();
    let plural = if bad.len() == 1 { "" } else { "s" };
    let first = bad.first()?;
    Some(format!("the indices of row {first} {how}; {} such row{plural}", bad.len()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// However small the blocks are, rows are found to be what they are.
    #[test]
    fn rows_are_checked_across_the_borders_of_blocks(
        rows in prop::collection::vec(
            prop_oneof![
                2 => prop::collection::btree_set(0_u16..40, 0..30).prop_map(|row| row.into_iter().collect::<Vec<_>>()),
                1 => prop::collection::vec(0_u16..40, 0..30),
                1 => prop::collection::btree_set(0_u16..40, 0..30).prop_map(|row| row.into_iter().rev().collect()),
            ],
            0..12,
        ),
        memory in prop::sample::select(vec![1_u64, 16, 128, 300, 1000, 1 << 30]),
    ) {
        let root = store_matrix(&rows, 40).unwrap();
        let report = validate(&root, &ValidateOptions::default().with_memory(memory)).unwrap();
        let message = |rule| report.findings.iter().find(|finding| finding.rule == rule).map(|found| found.message.clone());
        let unsorted = about_rows(&rows, "are not sorted", |row| !row.is_sorted());
        let repeated = about_rows(&rows, "are repeated", |row| row.iter().collect::<BTreeSet<_>>().len() < row.len());
        prop_assert_eq!(message("sparse-indices-unsorted"), unsorted);
        prop_assert_eq!(message("sparse-indices-repeated"), repeated);
    }

    /// However little memory there is for them, names are found to be what they are.
    #[test]
    fn names_are_compared_in_little_memory(
        names in prop::collection::vec("[ab]{0,7}", 1..200),
        memory in prop::sample::select(vec![1_u64, 256, 5000, 1 << 30]),
    ) {
        let root = stores::memory();
        let adata = AnnData::builder().obs(DataFrame::new(&names)).build().unwrap();
        io::write_anndata(&root, &adata, &ElemWriteOptions::default()).unwrap();
        let report = validate(&root, &ValidateOptions::default().with_memory(memory)).unwrap();
        let count = names.len() - names.iter().collect::<BTreeSet<_>>().len();
        let first = names.iter().position(|name| names.iter().filter(|other| *other == name).count() > 1);
        let expected = first.map(|first| {
            let verb = if count == 1 { "repeats" } else { "repeat" };
            format!("'{}' at {first} is there more than once; {count} of {} {verb} an earlier one", names[first], names.len())
        });
        let message = |rule| report.findings.iter().find(|finding| finding.rule == rule).map(|found| found.message.clone());
        prop_assert_eq!(message("names-repeated"), expected);
        prop_assert_eq!(message("names-empty").is_some(), names.iter().any(String::is_empty));
    }

    /// What is written here has no error, whatever it is.
    #[test]
    fn random_objects_have_no_error(adata in random::adata()) {
        let root = stores::memory();
        io::write_anndata(&root, &adata, &ElemWriteOptions::default()).unwrap();
        let report = validate(&root, &ValidateOptions::default()).unwrap();
        prop_assert!(random::errors(&report).is_empty(), "{}", report);
    }
}
