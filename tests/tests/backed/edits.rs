//! Random edits of an object, the same for one in memory and one that is backed.
//!
//! How many cases there are and which says the environment: `ANNDATA_EDIT_CASES` and `ANNDATA_EDIT_SEED`. Without them they
//! are always the same, and few.

use anndata::storage::Scalar;
use anndata::{AnnData, Column, DType, DataFrame, Element, Mapping, Raw, Result, SparseFormat, SparseMatrix, Tensor};
use anndata_tests::random;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};

/// An edit: its kind, and numbers to choose by.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    pub(crate) kind: usize,
    pub(crate) a: usize,
    pub(crate) b: usize,
}

/// A file's object and what is done to it.
fn cases(most: usize) -> impl Strategy<Value = (AnnData, Vec<Edit>)> {
    let edit = (0..KINDS + 12, any::<u16>(), any::<u16>());
    let edit = edit.prop_map(|(kind, a, b)| Edit { kind, a: usize::from(a), b: usize::from(b) });
    // Records with text have no form in zarr.
    let storable = random::adata().prop_map(|mut adata| {
        adata.set_all_uns(adata.uns().iter().filter(|(_, element)| is_plain(element)).map(cloned).collect());
        adata
    });
    (storable, vec(edit, 1..most))
}

/// A number that the environment may name.
fn wanted(name: &str, otherwise: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is '{text}', which is not a number")),
        Err(_) => otherwise,
    }
}

/// How many cases are wanted. If one takes long, it is a part of them.
pub(crate) fn number() -> u64 {
    wanted("ANNDATA_EDIT_CASES", 1000)
}

/// Which cases are wanted.
pub(crate) fn seed() -> u64 {
    wanted("ANNDATA_EDIT_SEED", 20_261_126)
}

/// Runs so many cases of at most `most` edits.
pub(crate) fn run_cases(
    most: usize,
    number: u64,
    seed: u64,
    run: impl Fn(&AnnData, &[Edit]) -> Result<(), TestCaseError>,
) {
    let config = ProptestConfig {
        cases: u32::try_from(number).unwrap(),
        failure_persistence: None,
        max_shrink_iters: 400,
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    match runner.run(&cases(most), |(adata, edits)| run(&adata, &edits)) {
        Ok(()) => {}
        Err(TestError::Fail(why, (adata, edits))) => panic!("seed {seed}: {why}\n{adata:#?}\n{edits:#?}"),
        Err(error) => panic!("seed {seed}: {error}"),
    }
}

fn cloned((key, element): (&String, &Element)) -> (String, Element) {
    (key.clone(), element.clone())
}

fn is_plain(element: &Element) -> bool {
    match element {
        Element::Mapping(mapping) => mapping.values().all(is_plain),
        Element::Tensor(tensor) => tensor.fields().is_err(),
        _ => true,
    }
}

/// The kinds of edits in memory.
pub(crate) const KINDS: usize = 26;

/// Edits an object. If nothing is there to be edited, or an edit is refused, it stays as it was.
pub(crate) fn edit(adata: &mut AnnData, Edit { kind, a, b }: &Edit) -> Result<()> {
    let (a, b) = (*a, *b);
    let key = pick(&adata.layers().keys().cloned().collect::<Vec<_>>(), a);
    let other = pick(&adata.layers().keys().cloned().collect::<Vec<_>>(), b);
    let (n_obs, n_vars) = adata.shape();
    match (kind, key, other) {
        (0 | 1, Some(from), _) => {
            let to = if b.is_multiple_of(4) { None } else { Some(format!("layer {}", b % 3)) };
            adata.rename_layer(from.as_deref(), to.as_deref())
        }
        (2, ..) => adata.set_raw(Raw::from(&*adata)),
        (3, Some(key), _) => {
            let raw = Raw::new(adata.layer(key.as_deref()).cloned(), adata.var().clone(), Mapping::new())?;
            adata.remove_layer(key.as_deref());
            adata.set_raw(raw)
        }
        (4, Some(key), Some(other)) => {
            let [one, two] = [&key, &other].map(|key| adata.layer(key.as_deref()).unwrap().clone());
            adata.set_layer(key.as_deref(), two)?;
            adata.set_layer(other.as_deref(), one)
        }
        (5, Some(key), _) => adata.set_obsm("from a layer", adata.layer(key.as_deref()).unwrap().clone()),
        (6, Some(key), _) => {
            let layer = adata.remove_layer(key.as_deref()).unwrap();
            adata.set_obsm("moved", layer)
        }
        (7, ..) => match adata.obsm().get("moved").cloned() {
            Some(element) => adata.set_layer(Some("moved back"), element),
            None => Ok(()),
        },
        (8, ..) => match adata.raw().and_then(Raw::x).cloned() {
            Some(x) => adata.set_layer(if b.is_multiple_of(2) { None } else { Some("of raw") }, x),
            None => Ok(()),
        },
        (9, ..) => adata.set_x(matrix(n_obs, n_vars, a, b)),
        (10, ..) => adata.set_layer(Some(&format!("layer {}", b % 3)), matrix(n_obs, n_vars, a, b)),
        (11, Some(key), _) => {
            adata.remove_layer(key.as_deref());
            Ok(())
        }
        (12, Some(key), Some(other)) => {
            let layer = adata.layer(key.as_deref()).unwrap().clone();
            adata.set_layer(other.as_deref(), layer)
        }
        (13, ..) => adata.set_obs_column(format!("column {}", a % 3), column(n_obs, b)),
        (14, ..) => {
            let names: Vec<String> = adata.obs().column_names().map(str::to_owned).collect();
            let Some(name) = pick(&names, a) else { return Ok(()) };
            if b.is_multiple_of(2) {
                adata.remove_obs_column(&name);
                return Ok(());
            }
            adata.rename_obs_column(&name, format!("column {}", b % 3))
        }
        (15, ..) => adata.subset(rows(n_obs, a), rows(n_vars, b)),
        (16, ..) => {
            *adata = adata.select(rows(n_obs, a), rows(n_vars, b))?;
            Ok(())
        }
        (17, ..) => adata.set_obs_names((0..n_obs).map(|i| format!("name {}", i * 7 + a % 5))),
        (18, ..) => {
            adata.remove_raw();
            Ok(())
        }
        (19, Some(key), _) => {
            let nested = Mapping::from([("matrix".to_owned(), adata.layer(key.as_deref()).unwrap().clone())]);
            adata.set_uns("kept", nested);
            Ok(())
        }
        (20, ..) => {
            let keys: Vec<String> = adata.uns().keys().cloned().collect();
            if let Some(key) = pick(&keys, a) {
                adata.remove_uns(&key);
            }
            Ok(())
        }
        (21, Some(key), Some(other)) => {
            let reversed: Vec<u64> = (0..n_obs as u64).rev().collect();
            let part = adata.select(reversed, ..)?.layer(key.as_deref()).unwrap().clone();
            adata.set_layer(other.as_deref(), part)
        }
        (22, Some(key), _) if n_obs > 0 && n_vars > 0 => {
            let row = adata.select([a % n_obs], ..)?.layer(key.as_deref()).unwrap().load()?;
            adata.set_layer_at(key.as_deref(), [b % n_obs], .., row)
        }
        (23, ..) => {
            *adata = adata.transpose()?;
            Ok(())
        }
        (24, ..) => {
            adata.set_obsm("new", matrix(n_obs, b % 4, a, b))?;
            adata.rename_obsm("new", format!("obsm {}", a % 2))
        }
        (25, ..) => {
            adata.set_var(DataFrame::new((0..n_vars).map(|i| format!("v{i}"))).with_column("n", column(n_vars, b))?)
        }
        _ => Ok(()),
    }
}

/// One of some, if there are any.
pub(crate) fn pick<T: Clone>(some: &[T], number: usize) -> Option<T> {
    if some.is_empty() { None } else { some.get(number % some.len()).cloned() }
}

/// Some rows in some order, some of them twice.
fn rows(len: usize, number: usize) -> Vec<u64> {
    let wanted = if number.is_multiple_of(3) { len } else { number % (len + 2) };
    (0..wanted).filter(|_| len > 0).map(|i| ((i * (number % 3 + 1) + number / 3) % len) as u64).collect()
}

fn tensor<T: Scalar>(shape: [usize; 2], values: impl Fn(u8) -> T) -> Tensor {
    let len = shape.iter().product();
    Tensor::from_vec(shape, (0_u8..=255).cycle().take(len).map(values).collect()).unwrap()
}

/// A matrix that none was before.
pub(crate) fn matrix(rows: usize, columns: usize, a: usize, b: usize) -> Element {
    let plus = u8::try_from(a % 200).unwrap();
    let shape = [rows, columns];
    let dense = match b % 4 {
        0 => tensor(shape, |i| f32::from(i.wrapping_mul(37).wrapping_add(plus)) - 60.5),
        1 => tensor(shape, |i| i64::from(i.wrapping_add(plus))),
        2 => tensor(shape, |i| i.wrapping_mul(i).wrapping_add(plus)),
        _ => tensor(shape, |i| i.wrapping_add(plus).is_multiple_of(3)).cast(&DType::F64).unwrap(),
    };
    match a % 3 {
        0 => dense.into(),
        1 => SparseMatrix::from_dense(&dense, SparseFormat::Csr).unwrap().into(),
        _ => SparseMatrix::from_dense(&dense, SparseFormat::Csc).unwrap().into(),
    }
}

fn column(len: usize, number: usize) -> Column {
    let texts = (0..len).map(|i| format!("text {}", (i + number) % 3));
    match number % 3 {
        0 => Column::strings(texts),
        1 => Column::categorical_from_strings(texts).unwrap(),
        _ => Column::from((0_i32..).take(len).map(|i| f64::from(i) * 1.5).collect::<Vec<f64>>()),
    }
}
