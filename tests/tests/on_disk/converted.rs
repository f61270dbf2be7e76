//! What an input has in another way than the result is converted on the way, and never copied as it is.

use anndata::experimental::OnDiskOptions;
use anndata::{
    AnnData, Column, Compression, ConcatAxis, ConcatOptions, DType, DataFrame, Element, FillValue, Join, Result,
    SparseFormat, Tensor, WriteOptions, concat,
};

use super::{joined, matrix};

/// Enough for values to be copied piece by piece.
const ROWS: usize = 3000;
const GENES: usize = 200;

/// An object whose variables are named from `first` on, backwards where asked, with a matrix in `X` and what it has in other ways.
fn object(seed: usize, first: usize, backwards: bool, x: impl Into<Element>) -> Result<AnnData> {
    let mut genes: Vec<String> = (first..first + GENES).map(|gene| format!("g{gene}")).collect();
    if backwards {
        genes.reverse();
    }
    AnnData::builder()
        .x(x)
        .obs(DataFrame::new((0..ROWS).map(|row| format!("{seed}-{row}"))))
        .var(DataFrame::new(genes))
        .build()
}

/// What objects become on disk is what they become in memory, for every way of storing them.
fn check(what: &str, objects: &[AnnData], options: &ConcatOptions) -> Result<()> {
    let expected = concat(&objects.iter().collect::<Vec<_>>(), options)?;
    let plain = WriteOptions::default().with_compression(Compression::None).with_overwrite(true);
    let chunks = plain.clone().with_chunk_rows(500);
    for (ending, write) in [
        ("h5ad", &plain),
        ("h5ad", &chunks),
        ("h5ad", &chunks.clone().with_compression(Compression::Gzip(1))),
        ("zarr", &chunks),
    ] {
        let folder = tempfile::tempdir()?;
        let options = OnDiskOptions::default().with_concat(options.clone()).with_write(write.clone());
        // In blocks, and at once.
        for memory in [200_000, 512 << 20] {
            let options = options.clone().with_memory_limit(memory);
            let (_, output, _) = joined(folder.path(), objects, ending, write, &options)?;
            let (read, place) = (anndata::read(&output)?, format!("{what}, {ending}, {write:?}, {memory} bytes"));
            assert_eq!(read.x(), expected.x(), "{place}");
            assert!(read.obsm() == expected.obsm(), "obsm of {place}");
            assert!(read.obs() == expected.obs() && read.var() == expected.var(), "names and columns of {place}");
        }
    }
    Ok(())
}

#[test]
fn matrices() -> Result<()> {
    let csr = |seed: usize| matrix(ROWS, GENES, 100, seed);
    let first = || object(0, 0, false, csr(0)?);
    let inner = ConcatOptions::default();
    let outer = ConcatOptions::default().with_join(Join::Outer);
    let filled = outer.clone().with_fill_value(FillValue::Int(7));
    // Variables in another order; some of them, and others; fewer of them.
    let (backwards, shifted) = (object(1, 0, true, csr(1)?)?, object(1, 5, false, csr(1)?)?);
    for (name, options) in [("inner", &inner), ("outer", &outer), ("filled", &filled)] {
        check(&format!("sparse, backwards, {name}"), &[first()?, backwards.clone()], options)?;
        check(&format!("sparse, shifted, {name}"), &[first()?, shifted.clone()], options)?;
    }
    // The same variables, which are stored otherwise.
    let column_major = object(1, 0, false, csr(1)?.to_format(SparseFormat::Csc)?)?;
    let wide = object(1, 0, false, csr(1)?.cast(&DType::F64)?)?;
    let integers = object(1, 0, false, csr(1)?.cast(&DType::I32)?)?;
    let dense = object(1, 0, false, csr(1)?.to_dense()?)?;
    for (name, other) in [("CSC", column_major), ("float64", wide), ("int32", integers), ("dense", dense)] {
        check(&format!("sparse and {name}"), &[first()?, other.clone()], &inner)?;
        check(&format!("{name} and sparse"), &[other, first()?], &inner)?;
    }
    let of_dense =
        |seed: usize, backwards: bool, dtype: &DType| object(seed, 0, backwards, csr(seed)?.to_dense()?.cast(dtype)?);
    for (name, other) in [
        ("dense, backwards", of_dense(1, true, &DType::F32)?),
        ("dense, float64", of_dense(1, false, &DType::F64)?),
        ("dense, uint8", of_dense(1, false, &DType::U8)?),
    ] {
        check(name, &[of_dense(0, false, &DType::F32)?, other], &inner)?;
    }
    Ok(())
}

#[test]
fn along_variables() -> Result<()> {
    let along_var = ConcatOptions::default().with_axis(ConcatAxis::Var);
    let with_names = |seed: usize, backwards: bool, x: Element| {
        let mut names: Vec<String> = (0..ROWS).map(|row| format!("c{row}")).collect();
        if backwards {
            names.reverse();
        }
        let var = DataFrame::new((0..GENES).map(|gene| format!("{seed}-{gene}")));
        AnnData::builder().x(x).obs(DataFrame::new(names)).var(var).build()
    };
    for dense in [false, true] {
        let x = |seed: usize| {
            let csr = matrix(ROWS, GENES, 100, seed)?;
            Ok::<_, anndata::Error>(if dense { csr.to_dense()?.into() } else { csr.into() })
        };
        for backwards in [false, true] {
            let objects = [with_names(0, false, x(0)?)?, with_names(1, backwards, x(1)?)?];
            check(&format!("along var, dense {dense}, backwards {backwards}"), &objects, &along_var)?;
        }
    }
    Ok(())
}

#[test]
fn arrays_and_columns() -> Result<()> {
    let numbers: Vec<i64> = (0..3000).collect();
    let object = |seed: usize, pca: Tensor, column: Column| {
        AnnData::builder()
            .obs(DataFrame::new((0..ROWS).map(|row| format!("{seed}-{row}"))).with_column("c", column)?)
            .var(DataFrame::new(["a"]))
            .obsm("pca", pca)
            .build()
    };
    let values = |shape: &[usize], dtype: &DType| {
        let len = shape.iter().product::<usize>();
        Tensor::from_vec(shape.to_vec(), (0_i64..).take(len).collect())?.cast(dtype)
    };
    let outer = ConcatOptions::default().with_join(Join::Outer);
    let plain = || Column::from(numbers.clone());
    let first = || object(0, values(&[ROWS, 4, 2], &DType::F64)?, plain());
    let narrow: Vec<i32> = (0..3000).collect();
    let missing: Vec<Option<i64>> = numbers.iter().map(|&n| (n % 3 > 0).then_some(n)).collect();
    let others = [
        ("the same", object(1, values(&[ROWS, 4, 2], &DType::F64)?, plain())?),
        ("another dtype", object(1, values(&[ROWS, 4, 2], &DType::F32)?, narrow.into())?),
        ("fewer columns", object(1, values(&[ROWS, 3, 2], &DType::F64)?, missing.into())?),
        ("floats", object(1, values(&[ROWS, 5, 2], &DType::I16)?, vec![0.5; ROWS].into())?),
    ];
    for (name, other) in others {
        for options in [&ConcatOptions::default(), &outer] {
            check(&format!("{name}, {:?}", options.join), &[first()?, other.clone()], options)?;
            check(&format!("{name} first, {:?}", options.join), &[other.clone(), first()?], options)?;
        }
    }
    Ok(())
}
