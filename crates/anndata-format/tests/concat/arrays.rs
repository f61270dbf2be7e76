//! Arrays in many tasks, of text, and beside objects without rows.

use anndata_format::DType;

use super::matrices::{dtype, is_csr};
use super::*;

/// More than one task fills.
#[test]
fn large_arrays_are_joined_in_parts() -> Result<()> {
    let (rows, columns) = (1500_usize, 120_usize);
    let value = |seed: usize, row: usize, column: usize, cell: usize| (seed * 7 + row * 31 + column * 3 + cell) as f64;
    let array = |seed: usize, shape: &[usize]| {
        let inner = shape.get(2).copied().unwrap_or(1);
        let values = (0..shape.iter().product())
            .map(|at: usize| value(seed, at / inner / shape[1], at / inner % shape[1], at % inner));
        Tensor::from_vec(shape.to_vec(), values.collect())
    };
    let names = |n: usize, backwards: bool| -> Vec<String> {
        (0..n).map(|at| format!("n{}", if backwards { n - 1 - at } else { at })).collect()
    };
    for (axis, inner, backwards) in [(0, 1, false), (0, 1, true), (0, 2, true), (1, 1, false), (1, 1, true)] {
        let object = |seed: usize| {
            let shape: &[usize] = if inner == 1 { &[rows, columns] } else { &[rows, columns, inner] };
            let other = names(if axis == 0 { columns } else { rows }, backwards && seed == 1);
            let builder = AnnData::builder();
            let builder = if axis == 0 {
                builder.obs(DataFrame::unnamed(rows)).var(DataFrame::new(other))
            } else {
                builder.obs(DataFrame::new(other)).var(DataFrame::unnamed(columns))
            };
            if inner == 1 {
                builder.layer("l", array(seed, shape)?).build()
            } else {
                builder.obsm("l", array(seed, shape)?).build()
            }
        };
        let along = if axis == 0 { ConcatAxis::Obs } else { ConcatAxis::Var };
        let joined = concat(&[&object(0)?, &object(1)?], &ConcatOptions::default().with_axis(along))?;
        let found = joined.layer(Some("l")).or(joined.obsm().get("l")).unwrap().to_tensor()?;
        let width = found.shape()[1];
        for (at, found) in found.as_slice::<f64>()?.iter().enumerate() {
            let (mut row, mut column, cell) = (at / inner / width, at / inner % width, at % inner);
            let len = if axis == 0 { rows } else { columns };
            let along = if axis == 0 { &mut row } else { &mut column };
            let seed = *along / len;
            *along %= len;
            // Arrays of `obsm` are not reordered.
            if backwards && seed == 1 && inner == 1 {
                if axis == 0 { column = columns - 1 - column } else { row = rows - 1 - row }
            }
            assert_eq!(*found, value(seed, row, column, cell), "axis {axis}, {inner} values a cell, at {at}");
        }
    }
    Ok(())
}

#[test]
fn text_loses_columns_and_gets_none() -> Result<()> {
    let of = |width: usize| {
        let text = Tensor::from_strings([2, width], (0..2 * width).map(|at| format!("{width}.{at}")))?;
        AnnData::builder().obs(DataFrame::unnamed(2)).obsm("t", text).build()
    };
    let joined = concat(&[&of(3)?, &of(2)?], &ConcatOptions::default())?;
    let text = joined.obsm()["t"].to_tensor()?;
    assert_eq!(text.shape(), [4, 2]);
    assert_eq!(text.to_strings()?, ["3.0", "3.1", "3.3", "3.4", "2.0", "2.1", "2.2", "2.3"]);
    says(
        concat(&[&of(3)?, &of(2)?], &outer()),
        "obsm/t: there is no text or record for cells that an input does not have",
    );
    // Without rows, no cell is missing.
    let none = AnnData::builder().obs(DataFrame::unnamed(0)).build()?;
    assert_eq!(concat(&[&of(2)?, &none], &outer())?.obsm()["t"].to_tensor()?.shape(), [2, 2]);
    Ok(())
}

/// That the others have no rows does not make it the result as it is.
#[test]
fn the_one_matrix_with_rows_is_converted_all_the_same() -> Result<()> {
    let csr = sparse(&[[1, 0, 2], [0, 3, 0]])?;
    let none = |names: &str, dtype: &DType| {
        let x = SparseMatrix::from_dense(&Tensor::zeros(dtype, [0, names.len()])?, SparseFormat::Csr)?;
        AnnData::builder().x(x).var(DataFrame::new(labels(names))).build()
    };
    let same = [1.0, 0.0, 2.0, 0.0, 3.0, 0.0];
    let csc = csr.to_format(SparseFormat::Csc)?;
    for matrix in [csr.clone(), csc, csr.cast_indices(&DType::I64)?] {
        let object = object(matrix, "abc")?;
        for (names, join, dtype_of, expected) in [
            ("abc", Join::Inner, DType::I64, &same[..]),
            ("abc", Join::Inner, DType::F32, &same),
            ("cba", Join::Inner, DType::I64, &same),
            ("ab", Join::Inner, DType::I64, &[1.0, 0.0, 0.0, 3.0]),
            ("abcd", Join::Outer, DType::I64, &[1.0, 0.0, 2.0, 0.0, 0.0, 3.0, 0.0, 0.0]),
        ] {
            let options = ConcatOptions::default().with_join(join);
            let joined = concat(&[&object, &none(names, &dtype_of)?], &options)?;
            assert!(is_csr(joined.x()), "{names}");
            let Some(Element::Sparse(found)) = joined.x() else { panic!("{joined:?}") };
            assert_eq!(found.indices().dtype(), &DType::I32);
            assert_eq!(values(joined.x())?, expected, "{names}");
            let wide = if dtype_of == DType::F32 { DType::F64 } else { DType::I64 };
            assert_eq!(dtype(joined.x()), Some(wide), "{names}");
            // From the other side, whose order then counts.
            let joined = concat(&[&none(names, &dtype_of)?, &object], &options)?;
            if names == "cba" {
                assert_eq!(values(joined.x())?, [2.0, 0.0, 1.0, 0.0, 3.0, 0.0]);
            } else {
                assert_eq!(values(joined.x())?, expected, "{names}");
            }
            assert!(is_csr(joined.x()), "{names}");
        }
        let filled = concat(&[&object, &none("abcd", &DType::I64)?], &outer().with_fill_value(FillValue::Int(9)))?;
        assert_eq!(values(filled.x())?, [1.0, 0.0, 2.0, 9.0, 0.0, 3.0, 0.0, 9.0]);
    }
    Ok(())
}
