//! Matrix Market files of every kind, and what is wrong with others.

use anndata_core::{Element, ErrorKind};

use super::*;

fn read(text: &str, options: &MtxOptions) -> Result<SparseMatrix> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("m.mtx");
    std::fs::write(&path, text)?;
    read_matrix(&path, options)
}

fn dense(text: &str) -> Result<Vec<f32>> {
    read(text, &MtxOptions::default())?.to_dense()?.as_slice::<f32>().map(<[f32]>::to_vec)
}

#[test]
fn every_variant_is_read() -> Result<()> {
    let cases = [
        ("coordinate real general\n2 2 2\n1 1 1.5\n2 1 -2e0\n", [1.5, 0.0, -2.0, 0.0]),
        ("coordinate integer general\n% more\n\n2 2 2\n2 2 7\r\n1  1\t-3 \n", [-3.0, 0.0, 0.0, 7.0]),
        ("coordinate pattern general\n2 2 2\n1 2\n2 1", [0.0, 1.0, 1.0, 0.0]),
        ("coordinate pattern symmetric\n2 2 1\n2 1\n", [0.0, 1.0, 1.0, 0.0]),
        ("coordinate real symmetric\n2 2 2\n1 1 1\n2 1 3\n", [1.0, 3.0, 3.0, 0.0]),
        ("coordinate double skew-symmetric\n2 2 1\n2 1 3\n", [0.0, -3.0, 3.0, 0.0]),
        ("array real general\n2 2\n1\n2\n3\n4\n", [1.0, 3.0, 2.0, 4.0]),
        ("array integer symmetric\n2 2\n1\n2\n3\n", [1.0, 2.0, 2.0, 3.0]),
        ("array real skew-symmetric\n2 2\n2\n", [0.0, -2.0, 2.0, 0.0]),
        ("coordinate real general\n2 2 3\n1 1 1\n1 1 2\n2 2 0\n", [3.0, 0.0, 0.0, 0.0]),
    ];
    for (text, expected) in cases {
        assert_eq!(dense(&format!("%%MatrixMarket matrix {text}"))?, expected, "{text}");
        assert_eq!(dense(&format!("%%matrixmarket MATRIX {text}"))?, expected, "{text}");
    }
    let zeros = read("%%MatrixMarket matrix coordinate real general\n1 2 1\n1 1 0\n", &MtxOptions::default())?;
    assert_eq!(zeros.nnz(), 1, "zeros that are written are kept");
    let none = read("%%MatrixMarket matrix coordinate real general\n0 3 0\n", &MtxOptions::default())?;
    assert_eq!((none.shape(), none.nnz()), ((0, 3), 0));
    Ok(())
}

#[test]
fn dtypes_and_the_transposed_matrix() -> Result<()> {
    let text = "%%MatrixMarket matrix coordinate integer general\n2 3 3\n1 1 9007199254740993\n2 1 2\n2 3 -5\n";
    let options = MtxOptions::default().with_dtype(DType::I64).with_transpose(true);
    let matrix = read(text, &options)?;
    assert_eq!((matrix.shape(), matrix.format()), ((3, 2), anndata_core::SparseFormat::Csr));
    assert_eq!(matrix.to_dense()?.as_slice::<i64>()?, [9_007_199_254_740_993, 2, 0, 0, 0, -5]);
    for dtype in [DType::F32, DType::F64, DType::I32, DType::U32] {
        assert_eq!(*read(text, &options.clone().with_dtype(dtype.clone()))?.dtype(), dtype);
    }
    let refused = read(text, &options.with_dtype(DType::Bool)).unwrap_err();
    assert!(refused.is_unsupported(), "{refused}");
    Ok(())
}

/// Entries in every order, of a matrix that takes several blocks of text and several buckets.
#[test]
fn the_order_of_the_entries_does_not_matter() -> Result<()> {
    const ROWS: u64 = 3000;
    const COLUMNS: u64 = 1000;
    let value = |at: u64| (at * 7919) % 300 + 1;
    let is_entry = |at: u64| (at * 2_654_435_761).is_multiple_of(5);
    let mut entries: Vec<(u64, u64, u64)> = (0..ROWS * COLUMNS)
        .filter(|&at| is_entry(at))
        .map(|at| (at / COLUMNS + 1, at % COLUMNS + 1, value(at)))
        .collect();
    let text = |entries: &[(u64, u64, u64)]| {
        let head = format!("%%MatrixMarket matrix coordinate integer general\n{ROWS} {COLUMNS} {}\n", entries.len());
        let lines = entries.iter().map(|(row, column, value)| format!("{row} {column} {value}\n"));
        std::iter::once(head).chain(lines).collect::<String>()
    };
    let expected = read(&text(&entries), &MtxOptions::default())?;
    assert_eq!(expected.nnz(), entries.len());
    let row = expected.rows_to_dense(1234..1235)?;
    for (column, found) in (0..COLUMNS).zip(row.as_slice::<f32>()?) {
        let at = 1234 * COLUMNS + column;
        let wanted = if is_entry(at) { value(at) } else { 0 };
        assert_eq!(found.to_string(), wanted.to_string());
    }
    entries.sort_by_key(|&(row, column, _)| (column, row));
    assert_eq!(read(&text(&entries), &MtxOptions::default())?, expected);
    let transposed = read(&text(&entries), &MtxOptions::default().with_transpose(true))?;
    assert_eq!(transposed.to_dense()?, expected.transpose().to_dense()?);
    entries.sort_by_key(|&(row, column, _)| (row * 31 + column * 17) % 1009);
    assert_eq!(read(&text(&entries), &MtxOptions::default())?, expected);
    // In order until the very end.
    entries.sort_unstable();
    let first = entries.remove(0);
    entries.push(first);
    assert_eq!(read(&text(&entries), &MtxOptions::default())?, expected);
    Ok(())
}

#[test]
fn what_is_malformed_is_an_error_that_names_the_line() {
    let cases = [
        ("", "the file is empty"),
        ("1 1 1\n", "line 1: expected '%%MatrixMarket matrix LAYOUT FIELD SYMMETRY', found '1 1 1'"),
        ("%%MatrixMarket matrix coordinate real general\n% no sizes\n", "the file ends before the line of its sizes"),
        (
            "%%MatrixMarket matrix coordinate real general\n2 2\n",
            "line 2: expected the numbers of rows, columns and entries, found '2 2'",
        ),
        (
            "%%MatrixMarket matrix coordinate real general\n2 2 -1\n",
            "line 2: expected the numbers of rows, columns and entries, found '2 2 -1'",
        ),
        (
            "%%MatrixMarket matrix coordinate real general\n3000000000 2 1\n",
            "line 2: an axis of 3000000000 is longer than 2147483647, the most that is read",
        ),
        (
            "%%MatrixMarket matrix coordinate real symmetric\n2 3 0\n",
            "line 2: a symmetric matrix has as many rows as columns, but 2 and 3 are declared",
        ),
        (
            "%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 1\n",
            "the header declares 2 entries, but the file has 1",
        ),
        (
            "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 1\n2 2 2\n",
            "the header declares 1 entries, but the file has 2",
        ),
        ("%%MatrixMarket matrix coordinate real general\n2 2 1\n0 1 1\n", "line 3: row 0 is not between 1 and 2"),
        ("%%MatrixMarket matrix coordinate real general\n2 2 1\n\n1 3 1\n", "line 4: column 3 is not between 1 and 2"),
        (
            "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1\n",
            "line 3: expected row, column and a number, found '1 1'",
        ),
        (
            "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 2 3\n",
            "line 3: expected row, column and a number, found '1 1 2 3'",
        ),
        (
            "%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 1 2.5\n",
            "line 3: expected row, column and an integer, found '1 1 2.5'",
        ),
        (
            "%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 x\n",
            "line 3: expected row, column and a number, found '1 1 x'",
        ),
        (
            "%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n1 1 1\n",
            "line 3: a skew-symmetric matrix has no values on its diagonal",
        ),
        (
            "%%MatrixMarket matrix array real general\n1 2\n1\n2\n3\n",
            "the file has more values than the 2 of its header",
        ),
        ("%%MatrixMarket matrix array real general\n1 2\n1\n", "the header declares 2 values, but the file has 1"),
        ("%%MatrixMarket matrix array real general\n1 2\n1\ny\n", "line 4: expected a number, found 'y'"),
        (
            "%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1 0\n",
            "line 1: matrices of complex numbers are not read",
        ),
        (
            "%%MatrixMarket matrix dense real general\n1 1\n",
            "line 1: the layout 'dense' is neither 'coordinate' nor 'array'",
        ),
        (
            "%%MatrixMarket matrix coordinate text general\n1 1 0\n",
            "line 1: the field 'text' is not 'real', 'integer' or 'pattern'",
        ),
    ];
    for (text, message) in cases {
        let error = read(text, &MtxOptions::default()).unwrap_err();
        assert_eq!(error.text(), message, "{text}");
        assert!(matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::Unsupported), "{error:?}");
        assert!(error.file().is_some_and(|file| file.ends_with("m.mtx")), "{error}");
    }
}

#[test]
fn declared_sizes_are_not_trusted() {
    let text = "%%MatrixMarket matrix coordinate real general\n2000000000 2 9000000000000\n1 1 1\n";
    let error = read(text, &MtxOptions::default().with_limits(Limits::untrusted())).unwrap_err();
    assert!(error.is_limit_exceeded(), "{error}");
    let text = "%%MatrixMarket matrix coordinate real general\n2 2 9000000000000\n1 1 1\n";
    let error = read(text, &MtxOptions::default()).unwrap_err();
    assert_eq!(error.text(), "the header declares 9000000000000 entries, but the file has 1");
}

#[test]
fn compressed_files_are_read_whatever_their_name() -> Result<()> {
    use std::io::Write as _;
    let directory = tempfile::tempdir()?;
    let text = b"%%MatrixMarket matrix coordinate integer general\n1 2 1\n1 2 3\n";
    let mut gzip = Vec::new();
    // Of two members, as `cat` and bgzip make them.
    for part in text.chunks(20) {
        let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        member.write_all(part)?;
        gzip.extend(member.finish()?);
    }
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(text)?;
    for (name, bytes) in [
        ("plain.gz", text.to_vec()),
        ("a", gzip.clone()),
        ("b.mtx", zstd::encode_all(&text[..], 1)?),
        ("c", bzip2.finish()?),
    ] {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes)?;
        let adata = read_mtx(&path)?;
        assert_eq!(adata.x().map(Element::to_dense).transpose()?.expect("X").as_slice::<f32>()?, [0.0, 3.0]);
    }
    let path = directory.path().join("cut.gz");
    gzip.truncate(gzip.len() - 12);
    std::fs::write(&path, gzip)?;
    let error = read_mtx(&path).unwrap_err();
    assert!(error.is_invalid_data() && error.to_string().contains("the compressed file ends too early"), "{error}");
    let absent = read_mtx(directory.path().join("absent.mtx")).unwrap_err();
    assert!(absent.is_not_found(), "{absent}");
    assert!(read_mtx(directory.path()).unwrap_err().to_string().ends_with("it is a folder, not a file"));
    Ok(())
}
