//! Selections.

use std::collections::HashMap;

use super::*;

fn axis(len: usize) -> BoxedStrategy<AxisSelection> {
    let end = len as u64;
    let range =
        (0..=end).prop_flat_map(move |start| (Just(start), start..=end)).prop_map(|(a, b)| AxisSelection::Range(a..b));
    if len == 0 {
        return prop_oneof![range, Just(AxisSelection::from(Vec::new()))].boxed();
    }
    let mask = prop::collection::btree_set(0..end, 0..=len).prop_map(|set| set.into_iter().collect::<Vec<_>>());
    let list = prop::collection::vec(0..end, 0..12.max(len / 2));
    prop_oneof![
        range,
        mask.prop_map(AxisSelection::from),
        list.prop_map(AxisSelection::from),
        Just(AxisSelection::Range(0..end))
    ]
    .boxed()
}

fn positions(axis: &AxisSelection) -> Vec<usize> {
    axis.runs().into_iter().flat_map(|(start, len)| start..start + len).map(|i| usize::try_from(i).unwrap()).collect()
}

/// What is promised, said plainly: entry by entry in their order; sorted major slices stay sorted.
fn expected(matrix: &SparseMatrix, rows: &AxisSelection, columns: &AxisSelection) -> Vec<Vec<(usize, Vec<u8>)>> {
    let (major, minor) = if matrix.format() == SparseFormat::Csr { (rows, columns) } else { (columns, rows) };
    let slices = entries(matrix);
    let mut new: HashMap<usize, Vec<usize>> = HashMap::new();
    for (to, old) in positions(minor).into_iter().enumerate() {
        new.entry(old).or_default().push(to);
    }
    let pick = |slice: &usize| {
        let slice = &slices[*slice];
        let mut picked: Vec<(usize, Vec<u8>)> = Vec::new();
        for (index, value) in slice {
            picked.extend(new.get(index).into_iter().flatten().map(|&new| (new, value.clone())));
        }
        if slice.iter().map(|(index, _)| index).filter(|index| new.contains_key(index)).is_sorted() {
            picked.sort_by_key(|(index, _)| *index);
        }
        picked
    };
    positions(major).iter().map(pick).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn rows_and_columns_are_those_asked_for(
        // Some have major slices that are longer than a vector of lanes.
        (matrix, rows, columns) in prop_oneof![3 => matrix().boxed(), 1 => matrix_of(1..4, 20..40).boxed()].prop_flat_map(|matrix| {
            let (rows, columns) = matrix.shape();
            (Just(matrix), axis(rows), axis(columns))
        })
    ) {
        let part = check(&matrix.select(&rows, &columns)?);
        prop_assert_eq!(entries(&part), expected(&matrix, &rows, &columns));
        prop_assert_eq!(&check(&alone(&matrix)?.into_selected(&rows, &columns)?), &part);
        prop_assert_eq!(part.format(), matrix.format());
        let shape = (usize::try_from(rows.len()).unwrap(), usize::try_from(columns.len()).unwrap());
        prop_assert_eq!(part.shape(), shape);
        prop_assert_eq!(part.dtype(), matrix.dtype());
        prop_assert_eq!(part.indices().dtype(), matrix.indices().dtype());
        if part.nnz() <= 127 {
            prop_assert_eq!(part.indptr().dtype(), matrix.indptr().dtype());
        }
    }

    #[test]
    fn an_axis_far_longer_than_what_is_stored_needs_no_map_of_it(picked in prop::collection::vec(0_usize..4, 0..6)) {
        let positions = [3_u64, 1 << 40, (1 << 40) + 1, (1 << 60) - 1];
        let shape = (2, 1 << 60);
        let matrix = SparseMatrix::new(
            SparseFormat::Csr,
            shape,
            Tensor::from_vec([4], vec![1_i32, 2, 3, 4])?,
            Tensor::from_vec([4], vec![3_u64, (1 << 60) - 1, (1 << 40) + 1, 7])?,
            Tensor::from_vec([3], vec![0_i32, 2, 4])?,
        )?;
        let columns = AxisSelection::from(picked.iter().map(|&i| positions[i]).collect::<Vec<_>>());
        let part = check(&matrix.select(&AxisSelection::from(vec![1, 0, 1]), &columns)?);
        let dense = [[1, 0, 0, 2], [0, 0, 3, 0]];
        let want: Vec<i32> = [1, 0, 1].into_iter().flat_map(|row: usize| picked.iter().map(move |&i| dense[row][i])).collect();
        let got = part.to_dense()?;
        prop_assert_eq!(got.as_slice::<i32>()?, want);
        prop_assert_eq!(matrix.select(&AxisSelection::from(vec![0]), &AxisSelection::Range(1 << 41..1 << 60))?.nnz(), 1);
    }
}

#[test]
fn large_matrices_are_selected_in_blocks() -> Result<()> {
    let lists = [
        (AxisSelection::from(vec![49, 3, 3, 7, 8, 9]), AxisSelection::Range(100..19_000)),
        (AxisSelection::Range(1..50), AxisSelection::from((0..20_000).filter(|i| i % 3 == 0).collect::<Vec<_>>())),
        (AxisSelection::Range(0..50), AxisSelection::from((0..5_000).rev().chain([7, 7, 19_999]).collect::<Vec<_>>())),
        (AxisSelection::from((0..50).rev().collect::<Vec<_>>()), AxisSelection::Range(0..20_000)),
    ];
    for (major, minor) in lists {
        for format in [SparseFormat::Csr, SparseFormat::Csc] {
            let matrix = large(format);
            let (rows, columns) = if format == SparseFormat::Csr { (&major, &minor) } else { (&minor, &major) };
            assert_eq!(entries(&check(&matrix.select(rows, columns)?)), expected(&matrix, rows, columns));
            let own = alone(&matrix)?;
            assert_eq!(entries(&check(&own.into_selected(rows, columns)?)), expected(&matrix, rows, columns));
        }
    }
    Ok(())
}

#[test]
fn every_width_of_indices_and_values_is_selected_alike() -> Result<()> {
    let whole = large(SparseFormat::Csr).select(&AxisSelection::Range(0..7), &AxisSelection::Range(0..1_003))?;
    let rows = AxisSelection::from(vec![6, 2, 3, 3, 1, 0]);
    let lists = [
        AxisSelection::Range(5..999),
        AxisSelection::from((0..1_003).filter(|i| i % 7 != 3).collect::<Vec<_>>()),
        AxisSelection::from((0..1_003).rev().filter(|i| i % 3 == 0).collect::<Vec<_>>()),
        AxisSelection::from((100..600).chain([7, 7, 1_002]).collect::<Vec<_>>()),
    ];
    for index in [DType::I16, DType::U16, DType::I32, DType::U32, DType::I64, DType::U64] {
        for dtype in [DType::U8, DType::I16, DType::F32, DType::F64, DType::Complex128] {
            let matrix = whole.cast(&dtype)?.cast_indices(&index)?;
            for columns in &lists {
                let part = check(&matrix.select(&rows, columns)?);
                assert_eq!(entries(&part), expected(&matrix, &rows, columns), "{index}, {dtype}");
            }
        }
    }
    Ok(())
}

#[test]
fn dtypes_become_wider_where_they_have_to() -> Result<()> {
    let matrix = SparseMatrix::new(
        SparseFormat::Csr,
        (1, 2),
        Tensor::from_vec([2], vec![true, true])?,
        Tensor::from_vec([2], vec![0_i8, 1])?,
        Tensor::from_vec([2], vec![0_i8, 2])?,
    )?;
    let part = check(&matrix.select(&AxisSelection::from(vec![0; 64]), &AxisSelection::Range(0..2))?);
    assert_eq!((part.nnz(), part.indptr().dtype(), part.indices().dtype()), (128, &DType::I64, &DType::I8));
    let part = check(&matrix.select(&AxisSelection::Range(0..1), &AxisSelection::from(vec![1; 129]))?);
    assert_eq!((part.nnz(), part.indptr().dtype(), part.indices().dtype()), (129, &DType::I64, &DType::I64));
    assert_eq!(part.indices().as_slice::<i64>()?.last(), Some(&128));
    let part = check(&matrix.select(&AxisSelection::Range(0..1), &AxisSelection::from(vec![1; 127]))?);
    assert_eq!((part.nnz(), part.indptr().dtype(), part.indices().dtype()), (127, &DType::I8, &DType::I8));
    Ok(())
}

#[test]
fn positions_out_of_bounds_are_named() -> Result<()> {
    let matrix = small(vec![0, 1], vec![0, 1, 2])?;
    for (rows, columns, message) in [
        (AxisSelection::from(vec![0, 2, 1]), AxisSelection::Range(0..3), "row 2 is out of bounds: there are 2"),
        (AxisSelection::Range(0..3), AxisSelection::Range(0..3), "row 2 is out of bounds: there are 2"),
        (
            AxisSelection::Range(0..2),
            AxisSelection::from(vec![u64::MAX - 1]),
            "column 18446744073709551614 is out of bounds: there are 3",
        ),
        (AxisSelection::Range(0..2), AxisSelection::Range(2..4), "column 3 is out of bounds: there are 3"),
    ] {
        let error = matrix.select(&rows, &columns).map_or_else(|error| error.to_string(), |_| "selected".to_owned());
        assert!(error.contains(message), "{error} should say {message}");
        let own = alone(&matrix)?.into_selected(&rows, &columns);
        assert_eq!(own.map_or_else(|error| error.to_string(), |_| "selected".to_owned()), error);
    }
    Ok(())
}

#[test]
fn what_nothing_else_holds_is_selected_in_its_memory() -> Result<()> {
    let at = |tensor: &Tensor| tensor.as_bytes().unwrap().as_ptr();
    let most = AxisSelection::from((0..20_000).filter(|i| i % 4 > 0).collect::<Vec<_>>());
    let (few, all) = (AxisSelection::from(vec![1, 7]), AxisSelection::Range(0..50));
    let own = alone(&large(SparseFormat::Csr))?;
    let before = (at(own.data()), at(own.indices()));
    let own = own.into_selected(&AxisSelection::from((1..50).filter(|i| *i != 9).collect::<Vec<_>>()), &most)?;
    assert_eq!((at(own.data()), at(own.indices())), before);
    // What something else holds is not changed.
    let (clone, entries_before) = (own.clone(), entries(&own));
    let fewer = AxisSelection::Range(10..15_000);
    assert_ne!(at(own.into_selected(&AxisSelection::Range(0..40), &fewer)?.data()), before.0);
    assert_eq!(entries(&clone), entries_before);
    // Of little, no large memory is kept.
    assert_ne!(at(alone(&clone)?.into_selected(&few, &AxisSelection::Range(0..10_000))?.data()), before.0);
    let own = alone(&large(SparseFormat::Csc))?;
    let before = at(own.data());
    assert_eq!(at(own.into_selected(&most, &all)?.data()), before);
    Ok(())
}

/// The same matrix, in memory of its own.
fn alone(matrix: &SparseMatrix) -> Result<SparseMatrix> {
    let copy = |tensor: &Tensor| Tensor::from_bytes(tensor.dtype().clone(), tensor.shape(), tensor.as_bytes().unwrap());
    let (data, indices) = (copy(matrix.data())?, copy(matrix.indices())?);
    SparseMatrix::new(matrix.format(), matrix.shape(), data, indices, matrix.indptr().clone())
}
