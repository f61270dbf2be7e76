//! What is close, what differs, and where.

use anndata_storage::DType::{I8, I64};

use super::*;
use crate::{SparseFormat, f16};

fn differ(a: impl Into<Element>, b: impl Into<Element>, tolerance: Tolerance) -> Option<String> {
    a.into().approx_eq(&b.into(), tolerance).err().map(|difference| difference.to_string())
}

#[test]
fn numbers_are_close_by_both_tolerances() -> Result<()> {
    let default = Tolerance::default();
    let row = |values: Vec<f64>| Tensor::from_vec([values.len()], values);
    let a = row(vec![1.0, f64::NAN, f64::INFINITY, 0.0])?;
    assert_eq!(differ(a.clone(), row(vec![1.000_001, f64::NAN, f64::INFINITY, -1e-9])?, default), None);
    assert_eq!(
        differ(a.clone(), row(vec![1.0, f64::NAN, f64::NEG_INFINITY, 0.0])?, default).as_deref(),
        Some("/: inf and -inf at [2]")
    );
    assert!(differ(a.clone(), row(vec![1.0, 2.0, f64::INFINITY, 0.0])?, default).is_some());
    assert!(differ(a, row(vec![1.000_001, f64::NAN, f64::INFINITY, 0.0])?, Tolerance::EXACT).is_some());
    assert_eq!(differ(0.0, -0.0, Tolerance::EXACT), None);
    assert_eq!(differ(100_i64, 90_i64, default.with_rtol(0.0).with_atol(10.0)), None);
    assert!(differ(1_i64 << 60, (1_i64 << 60) + 1, Tolerance::EXACT).is_some());
    assert!(differ(u64::MAX, 0_u64, default).is_some());
    assert!(differ(crate::Complex::new(1.0, 2.0), crate::Complex::new(1.0, 2.5), default).is_some());
    assert_eq!(differ(f16::from_f32(1.0), f16::from_f32(1.0), default), None);
    Ok(())
}

#[test]
fn kinds_dtypes_and_shapes_differ() -> Result<()> {
    let default = Tolerance::default();
    assert_eq!(differ(1_i32, 1_i64, default).as_deref(), Some("/: the dtypes are int32 and int64"));
    assert_eq!(differ(1_i32, 1.0_f64, default.with_any_dtype(true)), None);
    assert!(differ(1_i32, "1", default.with_any_dtype(true)).is_some_and(|d| d.contains("dtypes")));
    let shape = differ(Tensor::from_vec([1], vec![1])?, Tensor::scalar(1), default);
    assert_eq!(shape.as_deref(), Some("/: the shapes are [1] and []"));
    assert!(differ(Element::Null, 1, default).is_some_and(|d| d.contains("one is null")));
    assert!(differ("a", "b", default).is_some_and(|d| d.contains("'a' and 'b'")));
    let records = |value| Tensor::from_fields([1], [("f", Tensor::from_vec([1], vec![value])?)]);
    assert_eq!(differ(records(1.0)?, records(1.000_001)?, default), None);
    assert_eq!(differ(records(1.0)?, records(2.0)?, default).as_deref(), Some("/: 1.0 and 2.0 at [0] of field 'f'"));
    Ok(())
}

#[test]
fn sparse_matrices_are_compared_by_what_they_stand_for() -> Result<()> {
    let matrix = |data: Vec<f32>, indices: Vec<i32>| {
        let len = data.len();
        let (data, indices) = (Tensor::from_vec([len], data)?, Tensor::from_vec([len], indices)?);
        let indptr = Tensor::from_vec([2], vec![0_i64, i64::try_from(len).unwrap_or(0)])?;
        SparseMatrix::new(SparseFormat::Csr, (1, 4), data, indices, indptr)
    };
    let a = matrix(vec![1.0, 2.0], vec![0, 2])?;
    assert_eq!(differ(a.clone(), matrix(vec![1.5, 0.0, 1.0, 0.5], vec![2, 3, 0, 2])?, Tolerance::default()), None);
    let difference = differ(a.clone(), matrix(vec![1.0, 2.0], vec![0, 3])?, Tolerance::default());
    assert_eq!(difference.as_deref(), Some("/: 2.0 and 0.0 at [0, 2]"));
    assert!(differ(a.clone(), a.to_dense()?, Tolerance::default()).is_some());
    Ok(())
}

#[test]
fn the_path_of_the_first_difference_is_told() -> Result<()> {
    let codes = |width: &anndata_storage::DType| Tensor::from_vec([2], vec![0_i64, -1])?.cast(width);
    let make = |n: f64, category: &str, width: anndata_storage::DType| {
        let types = Column::categorical(&codes(&width)?, &Column::strings([category]), false)?;
        let inner: Mapping = [("pi".to_owned(), n.into())].into();
        AnnData::builder().obs(DataFrame::new(["a", "b"]).with_column("type", types)?).uns("tool", inner).build()
    };
    let tolerance = Tolerance::default();
    let differ = |a: &AnnData, b: &AnnData| a.approx_eq(b, tolerance).err().map(|found| found.path().to_owned());
    assert_eq!(differ(&make(1.0, "B", I8)?, &make(1.0, "B", I64)?), None);
    assert_eq!(differ(&make(1.0, "B", I8)?, &make(2.0, "B", I8)?).as_deref(), Some("uns/tool/pi"));
    assert_eq!(differ(&make(1.0, "B", I8)?, &make(1.0, "T", I8)?).as_deref(), Some("obs/type/categories"));
    let mut other = make(1.0, "B", I8)?;
    other.set_obsm("m", Tensor::from_vec([2, 1], vec![1, 2])?)?;
    assert_eq!(differ(&make(1.0, "B", I8)?, &other).as_deref(), Some("obsm/m"));
    other.remove_obsm("m");
    other.set_obs_names(["a", "c"])?;
    assert_eq!(differ(&make(1.0, "B", I8)?, &other).as_deref(), Some("obs/_index"));
    Ok(())
}

#[test]
fn all_differences_are_told_with_their_positions() -> Result<()> {
    let make = |x: Vec<f32>, n: Vec<i64>, key: &str| {
        let x = SparseMatrix::from_dense(&Tensor::from_vec([2, 4], x)?, SparseFormat::Csr)?;
        let obs = DataFrame::new(["a", "b"]).with_column("n", n)?.with_column("same", [true, false])?;
        AnnData::builder().x(x).obs(obs).obsm(key, Tensor::from_vec([2, 1], vec![1, 2])?).uns("k", 1).build()
    };
    let a = make(vec![0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 4.0], vec![1, 2], "m")?;
    let b = make(vec![0.0, 1.5, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0], vec![1, 3], "other")?;
    let told = |a: &AnnData, b: &AnnData| -> Vec<String> {
        a.differences(b, Tolerance::default()).iter().map(ToString::to_string).collect()
    };
    let expected = [
        "obs/n: 2 and 3 at [1]",
        "X: 1.0 and 1.5 at [0, 1]",
        "obsm/m: is in the first one only",
        "obsm/other: is in the second one only",
    ];
    assert_eq!(told(&a, &b), expected);
    let found = a.differences(&b, Tolerance::default());
    assert_eq!(found[1].n_values(), 3);
    assert_eq!(found[1].positions(), [[0, 1], [0, 3], [1, 3]]);
    assert_eq!(found[2].n_values(), 0);
    assert!(a.differences(&a, Tolerance::EXACT).is_empty());
    // The first of them is that of the comparison that ends there.
    assert_eq!(a.approx_eq(&b, Tolerance::default()).unwrap_err().to_string(), expected[0]);

    let short = a.select(1, ..)?;
    let expected = ["/: the shapes are (2, 4) and (1, 4)", "obs: the numbers of rows are 2 and 1"];
    assert_eq!(told(&a, &short)[..2], expected);
    let mut columns = a.clone();
    columns.remove_obs_column("n");
    assert_eq!(told(&a, &columns), ["obs: the columns are [n, same] and [same]"]);
    Ok(())
}

#[test]
fn rows_are_counted_with_those_that_are_missing() {
    let one = Element::from(Column::from(vec![Some(3_i64), None, Some(8), None, Some(1)]));
    let other = Column::from(vec![Some(3_i64), None, Some(9), None, Some(2)]);
    let difference = one.approx_eq(&other.into(), Tolerance::EXACT).unwrap_err();
    assert_eq!(difference.to_string(), "/: 8 and 9 at [2]");
    assert_eq!((difference.n_values(), difference.positions()), (2, &[vec![2], vec![4]][..]));
}

/// A matrix that is read when it is asked for.
#[derive(Debug)]
struct Read(Element);

impl crate::LazySource for Read {
    fn path(&self) -> &'static str {
        ""
    }

    fn schema(&self) -> Result<crate::Schema> {
        self.0.schema()
    }

    fn load(&self) -> Result<Element> {
        Err(Error::bug("it is too large to be read as a whole"))
    }

    fn select(&self, axes: &[anndata_storage::AxisSelection]) -> Result<Element> {
        self.0.select(axes)
    }

    fn nbytes(&self, with_stored: bool) -> usize {
        if with_stored { self.0.size_in_memory(true) } else { 0 }
    }
}

#[test]
fn large_matrices_are_compared_in_blocks() -> Result<()> {
    let (rows, columns) = (500, 100);
    let mut values: Vec<f64> = (0..rows * columns).map(|at| f64::from(u8::from(at % 3 == 0))).collect();
    let dense = |values: &[f64]| Tensor::from_vec([rows, columns], values.to_vec());
    let one = dense(&values)?;
    for at in [3, 20_000, 49_999] {
        values[at] += 1.0;
    }
    let other = dense(&values)?;
    let read = |element: &Element| Element::Lazy(crate::Lazy::uncached(Read(element.clone())));
    let formats = [None, Some(SparseFormat::Csr), Some(SparseFormat::Csc)];
    for format in formats {
        let make = |dense: &Tensor| -> Result<Element> {
            Ok(match format {
                None => dense.clone().into(),
                Some(format) => SparseMatrix::from_dense(dense, format)?.into(),
            })
        };
        let (one, other) = (make(&one)?, make(&other)?);
        let object = |x: Element| AnnData::builder().x(x).build();
        for (a, b) in [(read(&one), read(&other)), (read(&one), other.clone()), (one.clone(), read(&other))] {
            let found = object(a)?.differences(&object(b)?, Tolerance::EXACT);
            let [found] = found.as_slice() else { return Err(Error::bug(format!("{found:?}"))) };
            assert_eq!((found.path(), found.n_values()), ("X", 3), "{format:?}");
            let mut positions = found.positions().to_vec();
            positions.sort();
            assert_eq!(positions, [[0, 3], [200, 0], [499, 99]], "{format:?}");
        }
        assert!(object(read(&one))?.differences(&object(one.clone())?, Tolerance::EXACT).is_empty());
    }
    let csr = read(&SparseMatrix::from_dense(&one, SparseFormat::Csr)?.into());
    let said = csr.approx_eq(&read(&one.into()), Tolerance::default()).unwrap_err().to_string();
    assert_eq!(said, "/: one is a CSR matrix of shape (500, 100), the other a dense matrix of shape (500, 100)");
    Ok(())
}
