//! What the first lines say, and what is wrong with tables.

use super::*;

fn read(text: &[u8], options: &TextOptions) -> Result<AnnData> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("t.csv");
    std::fs::write(&path, text)?;
    read_text_with(&path, options)
}

/// Names of rows and columns, and the values.
fn parts(adata: &AnnData) -> Result<(String, String, Vec<f32>)> {
    let x = adata.x().map(anndata_core::Element::to_dense).transpose()?;
    let values = x.map_or(Ok(Vec::new()), |x| x.cast(&DType::F32)?.as_slice::<f32>().map(<[f32]>::to_vec))?;
    Ok((adata.obs_names()?.join(" "), adata.var_names()?.join(" "), values))
}

#[test]
fn the_first_lines_say_what_the_columns_are() -> Result<()> {
    let (csv, text) = (TextOptions::csv(), TextOptions::text());
    let named = csv.clone().with_first_column_names(true);
    let cases: [(&TextOptions, &str, &str, &str, &[f32]); 14] = [
        (&csv, ",a,b\nr,1,2\ns,3,4\n", "r s", "a b", &[1.0, 2.0, 3.0, 4.0]),
        (&csv, "a,b\nr,1,2\ns,3,4", "r s", "a b", &[1.0, 2.0, 3.0, 4.0]),
        (&csv, "1,2\n3,4\n", "0 1", "0 1", &[1.0, 2.0, 3.0, 4.0]),
        (&csv, "r,1\ns,2\n", "r s", "0", &[1.0, 2.0]),
        (&csv, "\u{feff}\"x\",\"a\"\r\n\"r,1\",1e-1\r\n\r\n\"s\",-2_0.5\r\n", "r,1 s", "a", &[0.1, -20.5]),
        (&csv, "# note\n# a b\nr,1,2\n", "r", "a b", &[1.0, 2.0]),
        (&csv, "#a b\n1,2\n", "0", "a b", &[1.0, 2.0]),
        (&csv, "7,8\n9,1,2\n5,3,4\n", "9 5", "7 8", &[1.0, 2.0, 3.0, 4.0]),
        (&csv, ",a,b\n1,2,3\n", "0", " a b", &[1.0, 2.0, 3.0]),
        (&named, ",a,b\n1,2,3\n", "1", "a b", &[2.0, 3.0]),
        (&text, "g a   b\nr 1\t 2 \n s 3 4\n", "r s", "a b", &[1.0, 2.0, 3.0, 4.0]),
        (&csv, "a,b\nr, 1 ,2.5\n", "r", "a b", &[1.0, 2.5]),
        (&csv, "a,b\nr,inf,-Infinity\n", "r", "a b", &[f32::INFINITY, f32::NEG_INFINITY]),
        (&csv, "a,b\nr,123456789012345678,16777217\n", "r", "a b", &[123_456_789_012_345_678.0, 16_777_216.0]),
    ];
    for (options, file, rows, columns, values) in cases {
        let found = parts(&read(file.as_bytes(), options)?)?;
        assert_eq!(found, (rows.to_owned(), columns.to_owned(), values.to_vec()), "{file:?}");
    }
    let ints = read(b"a,b\nr,1,2.7\n", &csv.with_dtype(DType::I32))?;
    let x = ints.x().map(anndata_core::Element::to_dense).transpose()?;
    assert_eq!(x.expect("X").as_slice::<i32>()?, [1, 2]);
    Ok(())
}

#[test]
fn what_is_malformed_is_an_error_that_names_the_line() {
    let cases: [(&[u8], &str); 12] = [
        (b"", "the file has no rows"),
        (b"\n\n", "the file has no rows"),
        (b",a,b\n", "the file has no rows of numbers"),
        (b"a b\n", "line 1: the first line has no separator ',': 'a b'"),
        (b",a,b\nr,1,2\ns,3\n", "line 3: expected 3 fields, found 2"),
        (b",a,b\nr,1,2\n\nt,3,4,5\n", "line 4: expected 3 fields, found 4"),
        (b",a,b\nr,1,2\ns,3,x\n", "line 3: expected a number, found 'x'"),
        (b",a,b\nr,1,\n", "line 2: expected a number, found ''"),
        (b",a,b\nr,1,2\n\"s,3,4\n", "line 3: a field in quotes does not end in its line"),
        (b",a,b\nr\xff,1,2\n", "line 2: the text is not UTF-8"),
        (b"x,y,a,b,c\nr,1,2\n", "4 columns are named, but rows have 2 numbers"),
        (b"\xff\xfea\x00", "line 1: the text is UTF-16; only UTF-8 is read"),
    ];
    for (file, message) in cases {
        let error = read(file, &TextOptions::csv()).unwrap_err();
        assert_eq!(error.text(), message, "{}", String::from_utf8_lossy(file));
        assert!(error.file().is_some_and(|file| file.ends_with("t.csv")), "{error}");
    }
    let refused = read(b"a,b\nr,1,2\n", &TextOptions::csv().with_dtype(DType::String)).unwrap_err();
    assert!(refused.is_unsupported());
}

#[test]
fn long_tables_are_parsed_in_blocks() -> Result<()> {
    let rows = (0..100_000).map(|row| format!("cell-{row},{row},0.25,{}\n", row % 7));
    let file: String = std::iter::once(",a,b,c\n".to_owned()).chain(rows).collect();
    let adata = read(file.as_bytes(), &TextOptions::csv())?;
    assert_eq!(adata.shape(), (100_000, 3));
    assert_eq!(adata.obs_names()?[99_999], "cell-99999");
    let row = adata.select(54_321, ..)?.x().map(anndata_core::Element::to_dense).transpose()?.expect("X");
    assert_eq!(row.as_slice::<f32>()?, [54_321.0, 0.25, 1.0]);
    let error = read((file + "last,1,2\n").as_bytes(), &TextOptions::csv()).unwrap_err();
    assert_eq!(error.text(), "line 100002: expected 4 fields, found 3");
    Ok(())
}
