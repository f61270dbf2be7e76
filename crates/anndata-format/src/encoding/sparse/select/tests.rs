//! Parts of stored matrices are those of the whole; broken ones are refused.

use super::*;
use crate::{Element, Group, MemoryStore, io};

#[test]
fn few_positions_of_long_slices_are_those_of_the_whole() -> Result<()> {
    let values: Vec<i32> = (0..7 * 90).map(|i| if i % 4 == 0 { i } else { 0 }).collect();
    let dense = Tensor::from_vec([7, 90], values)?;
    let rows = AxisSelection::from(vec![6, 0, 3, 3]);
    for (format, dense, transposed) in
        [(SparseFormat::Csr, dense.clone(), false), (SparseFormat::Csc, dense.transpose()?, true)]
    {
        let root = Group::root(Arc::new(MemoryStore::new()));
        let matrix = SparseMatrix::from_dense(&dense, format)?;
        io::write_elem(&root, "X", &Element::from(matrix), &io::ElemWriteOptions::default())?;
        let node = Node::open(&root, "X")?;
        for minor in [vec![88, 4, 4, 0, 40], vec![1], vec![], vec![84, 85, 86, 87, 88, 89]] {
            let minor = AxisSelection::from(minor);
            let axes = if transposed { [minor, rows.clone()] } else { [rows.clone(), minor] };
            for max_bytes in [1, 200, 1 << 20] {
                let part = build_part(&node, format, "shape", &axes, max_bytes)?;
                assert_eq!(part.to_dense()?, dense.select(&axes)?, "{axes:?} in {max_bytes}");
            }
        }
    }
    Ok(())
}

#[test]
fn parts_are_read_in_blocks_of_any_size() -> Result<()> {
    let values: Vec<i32> = (0..35).map(|i| if i % 3 == 0 { i } else { 0 }).collect();
    let dense = Tensor::from_vec([7, 5], values)?;
    let axes = [AxisSelection::from(vec![6, 0, 3, 3]), AxisSelection::from(vec![4, 0, 4])];
    for format in [SparseFormat::Csr, SparseFormat::Csc] {
        let root = Group::root(Arc::new(MemoryStore::new()));
        let matrix = Element::from(SparseMatrix::from_dense(&dense, format)?);
        io::write_elem(&root, "X", &matrix, &io::ElemWriteOptions::default())?;
        let node = Node::open(&root, "X")?;
        let expected = dense.select(&axes)?;
        for bytes in [1, 20, 50, 1000] {
            let part = build_part(&node, format, "shape", &axes, bytes)?;
            assert_eq!(part.to_dense()?, expected);
        }
        // Few positions within long major slices.
        let wide = Tensor::from_vec([9, 9], (0..81).map(|i| i * (i % 2)).collect::<Vec<i32>>())?;
        io::write_elem(
            &root,
            "wide",
            &SparseMatrix::from_dense(&wide, format)?.into(),
            &io::ElemWriteOptions::default(),
        )?;
        let node_of_wide = Node::open(&root, "wide")?;
        for axes in [
            [AxisSelection::from(vec![5, 2, 2, 8, 0]), AxisSelection::Range(3..4)],
            [AxisSelection::from(vec![4]), AxisSelection::from(vec![7, 1, 0])],
        ] {
            for bytes in [1, 40, 1000] {
                let part = build_part(&node_of_wide, format, "shape", &axes, bytes)?;
                assert_eq!(part.to_dense()?, wide.select(&axes)?);
            }
        }
        let empty = build_part(&node, format, "shape", &[AxisSelection::Range(0..0), AxisSelection::Range(1..2)], 1)?;
        assert_eq!((empty.shape(), empty.dtype()), ((0, 1), dense.dtype()));
        let beyond = build_part(&node, format, "shape", &[AxisSelection::Range(0..8), AxisSelection::Range(0..5)], 1)
            .unwrap_err();
        assert!(beyond.is_invalid_input() && beyond.message().contains("out of bounds of 7 x 5"), "{beyond}");
    }
    Ok(())
}

#[test]
fn stored_offsets_that_are_none_are_refused_by_every_way_to_read() -> Result<()> {
    let dense = Tensor::from_vec([3, 2], vec![1, 0, 0, 2, 3, 0])?;
    for (offsets, message) in [
        (vec![0_i32, 2, 1, 3], "indptr decreases from 2 to 1 at 1"),
        (vec![1, 1, 2, 3], "indptr begins with 1, not 0"),
        (vec![0, 1, 2, 4], "indptr ends at 4 but there are 3 values"),
        (vec![0, -1, 2, 3], "indptr has the impossible offset -1"),
    ] {
        let root = Group::root(Arc::new(MemoryStore::new()));
        let matrix = Element::from(SparseMatrix::from_dense(&dense, SparseFormat::Csr)?);
        io::write_elem(&root, "X", &matrix, &io::ElemWriteOptions::default())?;
        root.array("X/indptr")?.write(&[0], &Tensor::from_vec([4], offsets)?)?;
        let node = Node::open(&root, "X")?;
        let axes = [AxisSelection::Range(0..1), AxisSelection::Range(0..2)];
        let errors = [
            build_part(&node, SparseFormat::Csr, "shape", &axes, 1).unwrap_err(),
            select(&node, SparseFormat::Csr, "shape", &axes).unwrap_err(),
            io::read_elem(&root, "X", &io::ElemReadOptions::default()).unwrap_err(),
        ];
        for error in errors {
            assert!(error.is_invalid_data() && error.message() == message, "{error:?} should say {message}");
            assert!(error.path().is_some_and(|path| path.starts_with('X')), "{error}");
        }
    }
    Ok(())
}
