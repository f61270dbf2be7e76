//! Objects made at random, for the tests of crates that use this one: feature `testing`.
//!
//! What Python's `anndata.tests.helpers.gen_adata` makes: every slot is filled, with every kind of element that it can
//! hold. The same options give the same object, on every machine and in every version of this crate.

use std::sync::Arc;

use anndata_array::awkward::Awkward;
use anndata_array::{NaValue, SparseFormat};
use anndata_storage::{DType, Error, Result, Tensor};
use arrow_array::builder::{Int64Builder, ListBuilder};
use indexmap::IndexMap;

use crate::{AnnData, Column, DataFrame, Element, Mapping, Raw, SparseMatrix};

/// What `X` of a [random object](RandomAnnData) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RandomX {
    /// It has none.
    Absent,
    /// A dense array.
    Dense,
    /// A sparse matrix by rows.
    #[default]
    Csr,
    /// A sparse matrix by columns.
    Csc,
}

/// Makes an object at random.
///
/// ```
/// use anndata_core::testing::{RandomAnnData, RandomX};
///
/// let adata = RandomAnnData::new(30, 20).with_x(RandomX::Dense).with_seed(7).make()?;
/// assert_eq!(adata.shape(), (30, 20));
/// assert_eq!(adata, RandomAnnData::new(30, 20).with_x(RandomX::Dense).with_seed(7).make()?);
/// # Ok::<(), anndata_core::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct RandomAnnData {
    shape: (usize, usize),
    x: RandomX,
    dtype: DType,
    density: f64,
    raw: bool,
    seed: u64,
}

impl RandomAnnData {
    /// An object of so many observations and variables, with `X` as CSR of `F32`, of which a tenth is not zero.
    pub fn new(n_obs: usize, n_vars: usize) -> Self {
        Self { shape: (n_obs, n_vars), x: RandomX::default(), dtype: DType::F32, density: 0.1, raw: true, seed: 0 }
    }

    /// Sets what `X` is.
    pub fn with_x(mut self, x: RandomX) -> Self {
        self.x = x;
        self
    }

    /// Sets the dtype of `X`, any numeric one. Default: `F32`.
    pub fn with_dtype(mut self, dtype: DType) -> Self {
        self.dtype = dtype;
        self
    }

    /// Sets which part of the values of matrices is not zero, 0 to 1. Default: 0.1.
    pub fn with_density(mut self, density: f64) -> Self {
        self.density = density;
        self
    }

    /// Sets whether there is a `raw`, with more variables. Default: yes.
    pub fn with_raw(mut self, raw: bool) -> Self {
        self.raw = raw;
        self
    }

    /// Sets the seed. Default: 0.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The object.
    ///
    /// # Errors
    /// [`DType`](crate::ErrorKind::DType) if the dtype is not numeric.
    pub fn make(&self) -> Result<AnnData> {
        let ((n_obs, n_vars), mut random) = (self.shape, Random(self.seed));
        if !self.dtype.is_numeric() {
            return Err(Error::dtype(format!("expected a numeric dtype, found {}", self.dtype)));
        }
        let obs = frame(&mut random, "cell", n_obs)?;
        let var = frame(&mut random, "gene", n_vars)?;
        let mut builder = AnnData::builder().shape(n_obs, n_vars);
        if self.x != RandomX::Absent {
            builder = builder.x(self.matrix(&mut random, n_obs, n_vars)?);
        }
        let sparse = |random: &mut Random, rows, columns, format| {
            SparseMatrix::from_dense(&self.values(random, rows, columns, &DType::F32)?, format).map(Element::from)
        };
        builder = builder
            .layer("array", self.values(&mut random, n_obs, n_vars, &DType::F64)?)
            .layer("sparse", sparse(&mut random, n_obs, n_vars, SparseFormat::Csr)?);
        for (key, element) in aligned(&mut random, &obs, n_obs)? {
            builder = builder.obsm(key, element);
        }
        for (key, element) in aligned(&mut random, &var, n_vars)? {
            builder = builder.varm(key, element);
        }
        builder = builder
            .obsp("array", self.values(&mut random, n_obs, n_obs, &DType::F64)?)
            .obsp("sparse", sparse(&mut random, n_obs, n_obs, SparseFormat::Csr)?)
            .varp("array", self.values(&mut random, n_vars, n_vars, &DType::F64)?)
            .varp("sparse", sparse(&mut random, n_vars, n_vars, SparseFormat::Csc)?);
        if self.raw {
            let raw_var = frame(&mut random, "gene", n_vars + 3)?;
            let x = self.matrix(&mut random, n_obs, n_vars + 3)?;
            builder = builder.raw(Raw::new(Some(x), raw_var, Mapping::new())?);
        }
        builder.obs(obs).var(var).uns("nested", unstructured(&mut random)?).uns("nothing", Element::Null).build()
    }

    /// A matrix of the kind and dtype of `X`; dense if there is none.
    fn matrix(&self, random: &mut Random, rows: usize, columns: usize) -> Result<Element> {
        let values = self.values(random, rows, columns, &self.dtype)?;
        Ok(match self.x {
            RandomX::Absent | RandomX::Dense => values.into(),
            RandomX::Csr => SparseMatrix::from_dense(&values, SparseFormat::Csr)?.into(),
            RandomX::Csc => SparseMatrix::from_dense(&values, SparseFormat::Csc)?.into(),
        })
    }

    /// Counts from 1 to 9 among zeros, so that every dtype holds them.
    fn values(&self, random: &mut Random, rows: usize, columns: usize, dtype: &DType) -> Result<Tensor> {
        let mut value = || if random.unit() < self.density { 1.0 + (random.unit() * 9.0).floor() } else { 0.0 };
        Tensor::from_vec([rows, columns], (0..rows * columns).map(|_| value()).collect::<Vec<f64>>())?.cast(dtype)
    }
}

/// A frame with a column of each kind.
fn frame(random: &mut Random, name: &str, len: usize) -> Result<DataFrame> {
    let words = ["a", "b", "c", "delta", "é"];
    let word = |random: &mut Random| words[random.below(words.len())];
    let texts: Vec<&str> = (0..len).map(|_| word(random)).collect();
    let kinds: Vec<&str> = (0..len).map(|_| word(random)).collect();
    let integers: Vec<i64> = (0..len).map(|_| i64::from(random.byte()) - 100).collect();
    let floats: Vec<f64> = (0..len).map(|_| random.unit()).collect();
    let flags: Vec<bool> = (0..len).map(|_| random.unit() < 0.5).collect();
    let missing: Vec<bool> = (0..len).map(|_| random.unit() < 0.2).collect();
    let with_missing: Vec<Option<&str>> =
        texts.iter().zip(&missing).map(|(text, missing)| (!missing).then_some(*text)).collect();
    let nullable = |values: Tensor| Column::nullable(&values, &missing, NaValue::Na);
    DataFrame::new((0..len).map(|row| format!("{name}{row}")))
        .with_column("text", texts)?
        .with_column("categorical", Column::categorical_from_strings(kinds)?)?
        .with_column("integers", integers.clone())?
        .with_column("floats", floats)?
        .with_column("flags", flags.clone())?
        .with_column("nullable_integers", nullable(Tensor::from_vec([len], integers)?)?)?
        .with_column("nullable_flags", nullable(Tensor::from_vec([len], flags)?)?)?
        .with_column("nullable_text", Column::from(with_missing))
}

/// An element of each kind along an axis.
fn aligned(random: &mut Random, axis: &DataFrame, len: usize) -> Result<IndexMap<&'static str, Element>> {
    let array: Vec<f64> = (0..len * 5).map(|_| random.unit()).collect();
    let array = Tensor::from_vec([len, 5], array)?;
    let sparse = array.cast(&DType::F32)?;
    let mut lists = ListBuilder::new(Int64Builder::new());
    for _ in 0..len {
        (0..random.below(4)).for_each(|_| lists.values().append_value(i64::from(random.byte())));
        lists.append(true);
    }
    let lists: Arc<dyn arrow_array::Array> = Arc::new(lists.finish());
    let table = DataFrame::with_index(axis.index().clone())
        .with_index_name(axis.index_name().map(str::to_owned))
        .with_column("q", (0..len).map(|_| random.unit()).collect::<Vec<f64>>())?;
    Ok(IndexMap::from([
        ("array", array.into()),
        ("sparse", SparseMatrix::from_dense(&sparse, SparseFormat::Csr)?.into()),
        ("frame", table.into()),
        ("awkward", Awkward::from_arrow(&*lists)?.into()),
    ]))
}

/// A mapping in a mapping, with scalars, arrays, text and records.
fn unstructured(random: &mut Random) -> Result<Mapping> {
    let numbers = |random: &mut Random| (0..6).map(|_| random.unit()).collect::<Vec<f64>>();
    let records = Tensor::from_fields(
        [3],
        [
            ("scores", Tensor::from_vec([3], vec![1.0_f32, 2.0, 3.0])?),
            ("names", Tensor::from_strings([3], ["a", "b", "c"])?),
        ],
    )?;
    let further = Mapping::from([("array".to_owned(), Tensor::from_vec([2, 3], numbers(random))?.into())]);
    Ok(Mapping::from([
        ("text".to_owned(), Element::from("str")),
        ("integer".to_owned(), Element::from(42_i64)),
        ("float".to_owned(), Element::from(random.unit())),
        ("flag".to_owned(), Element::from(true)),
        ("records".to_owned(), records.into()),
        ("further".to_owned(), Element::Mapping(further)),
    ]))
}

/// Numbers that look random: `SplitMix64` (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[7]
    }

    /// From 0 up to, and not, 1.
    fn unit(&mut self) -> f64 {
        let [_, _, _, _, high @ ..] = self.next().to_le_bytes();
        f64::from(u32::from_le_bytes(high)) / 4_294_967_296.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end.max(1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_slot_is_filled_and_seeds_differ() -> Result<()> {
        for x in [RandomX::Absent, RandomX::Dense, RandomX::Csr, RandomX::Csc] {
            let adata = RandomAnnData::new(12, 7).with_x(x).make()?;
            assert_eq!((adata.shape(), adata.x().is_some()), ((12, 7), x != RandomX::Absent));
            let kinds: BTreeSet<&str> = adata.obsm().values().map(Element::kind_name).collect();
            assert_eq!(kinds, BTreeSet::from(["array", "sparse matrix", "data frame", "awkward array"]));
            assert_eq!((adata.obsp().len(), adata.varp().len(), adata.uns().len()), (2, 2, 2));
            assert_eq!(adata.raw().map(Raw::n_vars).transpose()?, Some(10));
            assert_ne!(adata, RandomAnnData::new(12, 7).with_x(x).with_seed(1).make()?);
        }
        Ok(())
    }

    #[test]
    fn x_has_the_dtype_and_density_that_are_asked_for() -> Result<()> {
        for dtype in DType::NUMERIC {
            let adata =
                RandomAnnData::new(40, 50).with_dtype(dtype.clone()).with_density(0.5).with_raw(false).make()?;
            let x = adata.x().cloned().unwrap_or(Element::Null);
            assert_eq!(x.dtype()?, Some(dtype));
            let nnz = x.nnz().unwrap_or(0);
            assert!((800..1200).contains(&nnz), "{nnz}");
            assert!(adata.raw().is_none());
        }
        let text = RandomAnnData::new(1, 1).with_dtype(DType::String).make();
        assert!(text.is_err_and(|error| error.is_dtype()));
        Ok(())
    }

    #[test]
    fn objects_without_rows_or_columns_are_made() -> Result<()> {
        for (n_obs, n_vars) in [(0, 0), (0, 3), (3, 0)] {
            assert_eq!(RandomAnnData::new(n_obs, n_vars).make()?.shape(), (n_obs, n_vars));
        }
        Ok(())
    }
}
