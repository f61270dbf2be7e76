//! Matrices of `sprs` and back.

use ::sprs::{CsMat, CsMatI};

use super::*;

proptest! {
    #[test]
    fn matrices_go_to_sprs_and_back(matrix in matrix()) {
        anndata_storage::dispatch!(matrix.dtype(), T => {
            let out: CsMat<T> = matrix.to_csmat()?;
            prop_assert_eq!(out.shape(), matrix.shape());
            let expected = matrix.to_canonical()?.cast_indices(&DType::I32)?;
            prop_assert_eq!(&SparseMatrix::try_from(out.view())?, &expected);
            prop_assert_eq!(&SparseMatrix::try_from(out)?, &expected);
        }, else => prop_assert!(false));
    }
}

#[test]
fn parts_and_other_index_types_become_matrices() -> Result<()> {
    let whole: CsMatI<f32, u32, u64> = CsMatI::new((3, 2), vec![0, 1, 1, 3], vec![1, 0, 1], vec![1.0, 2.0, 3.0]);
    let part = SparseMatrix::try_from(whole.slice_outer(1..3))?;
    assert_eq!(part.to_dense()?.as_slice::<f32>()?, [0.0, 0.0, 2.0, 3.0]);
    assert_eq!((part.indices().dtype(), part.indptr().dtype()), (&DType::I32, &DType::I32));
    assert!(part.to_csmat::<f64>().is_err_and(|error| error.is_dtype()));
    Ok(())
}
