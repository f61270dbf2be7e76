//! X, layers, arrays and square matrices.

use proptest::prelude::*;

use super::*;
use anndata_format::DType;
use anndata_format::awkward::Awkward;

/// The dtype of the matrix.
pub(super) fn dtype(element: Option<&Element>) -> Option<DType> {
    match element? {
        Element::Tensor(tensor) => Some(tensor.dtype().clone()),
        Element::Sparse(matrix) => Some(matrix.dtype().clone()),
        _ => None,
    }
}

pub(super) fn is_csr(element: Option<&Element>) -> bool {
    matches!(element, Some(Element::Sparse(matrix)) if matrix.format() == SparseFormat::Csr)
}

#[test]
fn dense_and_sparse_matrices_are_joined_by_name() -> Result<()> {
    let rows = ([[1, 2, 3], [4, 5, 6]], [[1, 2, 3], [4, 5, 6]]);
    let dense = [object(dense(&rows.0)?, "abc")?, object(dense(&rows.1)?, "dcb")?];
    let sparse = [object(sparse(&rows.0)?, "abc")?, object(sparse(&rows.1)?, "dcb")?];
    let inner = [2.0, 3.0, 5.0, 6.0, 3.0, 2.0, 6.0, 5.0];
    let filled = |f: f64| vec![1.0, 2.0, 3.0, f, 4.0, 5.0, 6.0, f, f, 3.0, 2.0, 1.0, f, 6.0, 5.0, 4.0];
    for (objects, fill) in [(&dense, -9.0), (&sparse, 0.0)] {
        let [a, b] = objects;
        assert_eq!(values(concat(&[a, b], &ConcatOptions::default())?.x())?, inner);
        assert_eq!(values(concat(&[a, b], &outer())?.x())?, filled(fill));
        for value in [0.0, 1.5, f64::NAN] {
            let joined = concat(&[a, b], &outer().with_fill_value(value))?;
            assert_eq!(values(joined.x())?, filled(if value.is_nan() { -9.0 } else { value }));
        }
    }
    for inputs in [[&dense[0], &sparse[1]], [&sparse[0], &dense[1]]] {
        let joined = concat(&inputs, &outer())?;
        assert!(is_csr(joined.x()));
        assert_eq!(values(joined.x())?, filled(0.0));
    }
    Ok(())
}

#[test]
fn dtypes_are_promoted_by_what_fills() -> Result<()> {
    let of = |dtype: &DType, names: &str| object(dense(&[[1, 1]])?.cast(dtype)?, names);
    for (a, b, fill, inner, outer_dtype) in [
        (DType::F32, DType::F32, None, DType::F32, DType::F64),
        (DType::I32, DType::F32, None, DType::F64, DType::F64),
        (DType::I32, DType::I32, Some(0), DType::I32, DType::I64),
        (DType::U8, DType::I8, Some(0), DType::I16, DType::I64),
        (DType::Bool, DType::Bool, None, DType::Bool, DType::F64),
        (DType::Complex64, DType::F64, None, DType::Complex128, DType::Complex128),
    ] {
        let (one, two) = (of(&a, "ab")?, of(&b, "bc")?);
        assert_eq!(dtype(concat(&[&one, &two], &ConcatOptions::default())?.x()), Some(inner.clone()));
        let mut options = outer();
        options.fill_value = fill.map(FillValue::Int);
        assert_eq!(dtype(concat(&[&one, &two], &options)?.x()), Some(outer_dtype), "{a} {b}");
        // Zeros of a sparse matrix are of any type.
        let csr = |x: &AnnData, names| {
            object(SparseMatrix::from_dense(&x.x().unwrap().to_tensor()?, SparseFormat::Csc)?, names)
        };
        let joined = concat(&[&csr(&one, "ab")?, &csr(&two, "bc")?], &outer())?;
        assert_eq!(dtype(joined.x()), Some(inner));
        assert!(is_csr(joined.x()));
    }
    Ok(())
}

#[test]
fn an_array_without_values_is_filled_whatever_its_dtype_is() -> Result<()> {
    let full = object(dense(&[[1]])?.cast(&DType::Bool)?, "v")?;
    let options = || outer().with_fill_value(FillValue::Int(3));
    for empty in DType::NUMERIC {
        // Two rows without variables.
        let none = Tensor::zeros(&empty, [2, 0])?;
        let mut kinds: Vec<Element> = vec![none.clone().into()];
        // No sparse matrix holds halves.
        if empty != DType::F16 {
            kinds.push(SparseMatrix::from_dense(&none, SparseFormat::Csr)?.into());
            kinds.push(SparseMatrix::from_dense(&none, SparseFormat::Csc)?.into());
        }
        for none in kinds {
            let kind = none.kind_name();
            let none = object(none, "")?;
            for (inputs, expected) in [([&none, &full], [3.0, 3.0, 1.0]), ([&full, &none], [1.0, 3.0, 3.0])] {
                let joined = concat(&inputs, &options())?;
                assert_eq!(dtype(joined.x()), Some(DType::I64), "{empty} {kind}");
                assert_eq!(values(joined.x())?, expected, "{empty} {kind}");
            }
        }
    }
    Ok(())
}

#[test]
fn index_widths_follow_from_the_result() -> Result<()> {
    let wide = sparse(&[[1, 0], [0, 2]])?;
    let wide = SparseMatrix::new(
        SparseFormat::Csr,
        (2, 2),
        wide.data().clone(),
        wide.indices().cast(&DType::I64)?,
        wide.indptr().cast(&DType::I64)?,
    )?;
    let joined = concat(&[&object(wide, "ab")?, &object(sparse(&[[3, 4]])?, "ab")?], &outer())?;
    let x = joined.x().unwrap().to_sparse()?;
    assert_eq!((x.indices().dtype(), x.indptr().dtype(), x.nnz()), (&DType::I32, &DType::I32, 4));
    Ok(())
}

#[test]
fn layers_and_x_that_not_all_have() -> Result<()> {
    let mut a = object(dense(&[[1, 2]])?, "ab")?;
    let b = object(dense(&[[3, 4]])?, "ab")?;
    for layer in [Element::from(dense(&[[5, 6]])?), sparse(&[[5, 6]])?.into()] {
        a.set_layer(Some("l"), layer)?;
        assert!(concat(&[&a, &b], &ConcatOptions::default())?.layer(Some("l")).is_none());
        for fill in [0.0, 1.5, f64::NAN] {
            let joined = concat(&[&a, &b], &outer().with_fill_value(fill))?;
            let fill = if fill.is_nan() { -9.0 } else { fill };
            assert_eq!(values(joined.layer(Some("l")))?, [5.0, 6.0, fill, fill]);
        }
    }
    let without = AnnData::builder().shape(1, 2).var(b.var().clone()).build()?;
    assert!(concat(&[&a, &without], &ConcatOptions::default())?.x().is_none());
    assert_eq!(values(concat(&[&b, &without], &outer())?.x())?, [3.0, 4.0, -9.0, -9.0]);
    assert!(concat(&[&without, &without], &outer())?.x().is_none());
    // Along the variables as well.
    let options = outer().with_axis(ConcatAxis::Var);
    assert_eq!(values(concat(&[&b, &without], &options)?.x())?, [3.0, 4.0, -9.0, -9.0]);
    Ok(())
}

#[test]
fn arrays_of_different_widths() -> Result<()> {
    let of = |n: usize| AnnData::builder().shape(n, 1);
    let a = of(2).obsm("d", dense(&[[0, 1], [2, 3]])?).obsm("s", sparse(&[[0, 1], [2, 3]])?).build()?;
    let b = of(1).obsm("d", dense(&[[4, 5, 6]])?).build()?;
    let c = of(1).obsm("d", dense(&[[7, 8]])?).obsm("s", dense(&[[9, 8, 7]])?).build()?;
    let inner = concat(&[&a, &b, &c], &ConcatOptions::default())?;
    assert_eq!(inner.obsm().keys().collect::<Vec<_>>(), ["d"]);
    assert_eq!(values(inner.obsm().get("d"))?, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 8.0]);
    assert_eq!(dtype(inner.obsm().get("d")), Some(DType::I64));
    let joined = concat(&[&a, &b, &c], &outer())?;
    assert_eq!(values(joined.obsm().get("d"))?, [0.0, 1.0, -9.0, 2.0, 3.0, -9.0, 4.0, 5.0, 6.0, 7.0, 8.0, -9.0]);
    assert!(is_csr(joined.obsm().get("s")));
    assert_eq!(values(joined.obsm().get("s"))?, [0.0, 1.0, 0.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0, 9.0, 8.0, 7.0]);
    // One value per row, and three axes.
    let cube = |n: usize, m: usize| Tensor::from_vec([n, m, 2], (0..2 * n * m).map(|i| i as f64).collect::<Vec<f64>>());
    let (one, two) = (of(1).obsm("c", cube(1, 1)?).build()?, of(1).obsm("c", cube(1, 2)?).build()?);
    assert_eq!(values(concat(&[&one, &two], &outer())?.obsm().get("c"))?, [0.0, 1.0, -9.0, -9.0, 0.0, 1.0, 2.0, 3.0]);
    let flat = of(2).obsm("flat", Tensor::from_vec([2], vec![1, 2])?).build()?;
    let joined = concat(&[&flat, &flat], &ConcatOptions::default())?;
    assert_eq!(joined.obsm()["flat"].shape()?, Some(vec![4, 1]));
    let deep = of(1).obsm("c", Tensor::from_vec([1, 1, 3], vec![0.0; 3])?).build()?;
    says(concat(&[&one, &deep], &outer()), "obsm/c");
    let texts = of(1).obsm("t", Tensor::from_strings([1, 2], ["a", "b"])?).build()?;
    let joined = concat(&[&texts, &texts], &outer())?;
    assert_eq!(joined.obsm()["t"].to_tensor()?.to_strings()?, ["a", "b", "a", "b"]);
    says(
        concat(&[&texts, &of(1).build()?], &outer()),
        "obsm/t: there is no text or record for cells that an input does not have",
    );
    // Where a column is missing there has to be no row of it.
    let narrow = |n: usize| of(n).obsm("t", Tensor::from_strings([n, 1], vec!["c"; n])?).build();
    says(concat(&[&narrow(1)?, &texts], &outer()), "obsm/t: there is no text or record for cells");
    let joined = concat(&[&narrow(0)?, &texts], &outer())?;
    assert_eq!(joined.obsm()["t"].to_tensor()?.to_strings()?, ["a", "b"]);
    Ok(())
}

#[test]
fn square_matrices_stand_along_the_diagonal() -> Result<()> {
    let of = |n: usize, p: Option<Element>| {
        let builder = AnnData::builder().shape(n, 1);
        match p {
            Some(p) => builder.obsp("near", p),
            None => builder,
        }
        .build()
    };
    let a = of(2, Some(sparse(&[[1, 2], [0, 3]])?.into()))?;
    let (b, none) = (of(1, Some(dense(&[[4]])?.into()))?, of(1, None)?);
    assert!(concat(&[&a, &b], &outer())?.obsp().is_empty());
    let options = ConcatOptions::default().with_pairwise(true);
    let joined = concat(&[&a, &b], &options)?;
    assert_eq!(values(joined.obsp().get("near"))?, [1.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 4.0]);
    assert!(concat(&[&a, &none], &options)?.obsp().is_empty());
    let joined = concat(&[&none, &a], &outer().with_pairwise(true))?;
    assert_eq!(values(joined.obsp().get("near"))?, [0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 0.0, 0.0, 3.0]);
    Ok(())
}

#[test]
fn awkward_arrays_keep_the_fields_that_all_have() -> Result<()> {
    let array = |json: &str, texts: Option<Vec<&str>>| {
        let numbers = arrow_array::Int64Array::from(serde_json::from_str::<Vec<i64>>(json).unwrap_or_default());
        let mut fields: Vec<(std::sync::Arc<arrow_schema::Field>, arrow_array::ArrayRef)> = vec![(
            std::sync::Arc::new(arrow_schema::Field::new("a", arrow_schema::DataType::Int64, false)),
            std::sync::Arc::new(numbers),
        )];
        if let Some(texts) = texts {
            let texts = arrow_array::LargeStringArray::from(texts);
            fields.push((
                std::sync::Arc::new(arrow_schema::Field::new("b", arrow_schema::DataType::LargeUtf8, false)),
                std::sync::Arc::new(texts),
            ));
        }
        Awkward::from_arrow(&arrow_array::StructArray::from(fields))
    };
    let of = |array: Awkward| AnnData::builder().shape(array.len(), 0).obsm("awk", array).build();
    let (a, b) = (of(array("[1,2]", Some(vec!["x", "y"]))?)?, of(array("[3]", None)?)?);
    let list = |joined: &AnnData| match joined.obsm().get("awk") {
        Some(Element::Awkward(awkward)) => awkward.to_list().map(|list| list.to_string()),
        _ => Ok("none".to_owned()),
    };
    assert_eq!(list(&concat(&[&a, &b], &ConcatOptions::default())?)?, r#"[{"a":1},{"a":2},{"a":3}]"#);
    assert_eq!(list(&concat(&[&a, &b], &outer())?)?, r#"[{"a":1,"b":"x"},{"a":2,"b":"y"},{"a":3}]"#);
    let without = AnnData::builder().shape(2, 0).build()?;
    assert_eq!(list(&concat(&[&b, &without], &outer())?)?, r#"[{"a":3},null,null]"#);
    for other in [Element::from(dense(&[[1]])?), sparse(&[[1]])?.into(), DataFrame::unnamed(1).into()] {
        let other = AnnData::builder().shape(1, 0).obsm("awk", other).build()?;
        for options in [ConcatOptions::default(), outer()] {
            says(concat(&[&a, &other], &options), "obsm/awk");
        }
    }
    Ok(())
}

/// A small matrix of some format, with names out of order.
fn part() -> impl Strategy<Value = (Vec<i64>, Vec<usize>, usize, u8)> {
    let names = Just((0..6).collect::<Vec<usize>>()).prop_shuffle();
    (names, 0_usize..4, 1_usize..6, 0_u8..3).prop_flat_map(|(names, rows, width, kind)| {
        let names = names.into_iter().take(width).collect::<Vec<_>>();
        (proptest::collection::vec(0_i64..3, rows * width), Just(names), Just(rows), Just(kind))
    })
}

proptest! {
    #[test]
    fn every_value_goes_to_its_name(parts in proptest::collection::vec(part(), 1..4), inner in any::<bool>(), obs in any::<bool>()) {
        let mut objects = Vec::new();
        for (values, names, rows, kind) in &parts {
            let x = Tensor::from_vec([*rows, names.len()], values.clone())?;
            let x: Element = match kind {
                0 => x.into(),
                1 => SparseMatrix::from_dense(&x, SparseFormat::Csr)?.into(),
                _ => SparseMatrix::from_dense(&x, SparseFormat::Csc)?.into(),
            };
            let one = AnnData::builder().x(x).var(DataFrame::new(names.iter().map(usize::to_string))).build()?;
            objects.push(if obs { one } else { one.transpose()? });
        }
        let join = if inner { Join::Inner } else { Join::Outer };
        let axis = if obs { ConcatAxis::Obs } else { ConcatAxis::Var };
        let options = ConcatOptions::default().with_join(join).with_axis(axis).with_fill_value(7);
        let joined = concat(&objects.iter().collect::<Vec<_>>(), &options)?;
        let joined = if obs { joined } else { joined.transpose()? };
        let kept: Vec<String> = joined.var_names()?;
        let has = |names: &[usize], name: &String| names.iter().any(|own| own.to_string() == *name);
        for name in (0..6).map(|name: usize| name.to_string()) {
            let count = parts.iter().filter(|(_, names, ..)| has(names, &name)).count();
            prop_assert_eq!(kept.contains(&name), if inner { count == parts.len() } else { count > 0 });
        }
        let found = values(joined.x())?;
        let mut expected = Vec::new();
        for (values, names, rows, _) in &parts {
            for row in 0..*rows {
                for name in &kept {
                    let position = names.iter().position(|own| own.to_string() == *name);
                    expected.push(position.map_or(7.0, |position| values[row * names.len() + position] as f64));
                }
            }
        }
        prop_assert_eq!(found, expected);
    }
}

/// As in Python: only what all is compressed by rows is put together as it is.
#[test]
fn matrices_come_out_sorted_where_one_is_compressed_by_columns() -> Result<()> {
    let (a, b) = (dense(&[[1, 2, 3], [4, 5, 6]])?, dense(&[[7, 8, 9]])?);
    let by_columns = |x: &Tensor| SparseMatrix::from_dense(x, SparseFormat::Csc).map(Element::from);
    let by_rows = |x: &Tensor| SparseMatrix::from_dense(x, SparseFormat::Csr).map(Element::from);
    for (first, second, sorted) in [
        (by_columns(&a)?, by_columns(&b)?, true),
        (by_columns(&a)?, by_rows(&b)?, true),
        (by_rows(&a)?, by_columns(&b)?, true),
        (by_rows(&a)?, by_rows(&b)?, false),
        (by_rows(&a)?, b.clone().into(), false),
    ] {
        for options in [ConcatOptions::default(), outer()] {
            let inputs = [object(first.clone(), "abc")?, object(second.clone(), "cba")?];
            let joined = concat(&inputs.iter().collect::<Vec<_>>(), &options)?;
            let matrix = joined.x().map(Element::to_sparse).transpose()?.ok_or_else(|| Error::not_found("X"))?;
            assert_eq!(matrix.sorted()? == matrix, sorted, "{first:?} {second:?}");
            assert_eq!(values(joined.x())?, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0, 8.0, 7.0]);
        }
    }
    Ok(())
}
