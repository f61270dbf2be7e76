//! Frames as Parquet files: written and read here, and by pandas both ways.
//!
//! `ANNDATA_PYTHON` is an interpreter that has pandas and pyarrow; without it the rest is done.

#![cfg(feature = "parquet")]
#![allow(clippy::expect_used, clippy::print_stderr, reason = "a test may fail anywhere, and says what it skips")]

use std::path::Path;
use std::process::Command;

use anndata_core::{Column, DataFrame, NaValue, Tensor};
use anndata_io_text::{
    ReadParquetOptions, WriteParquetOptions, parse_parquet, read_parquet, to_parquet, write_parquet, write_parquet_with,
};
use anndata_storage::{Compression, DType, Result};

/// Runs the script; says whether there is a Python to do so.
fn python(command: &str, folder: &Path) -> bool {
    let Some(interpreter) = std::env::var_os("ANNDATA_PYTHON") else {
        eprintln!("skipped: ANNDATA_PYTHON is not set");
        return false;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parquet.py");
    let ran = Command::new(interpreter).arg(script).arg(command).arg(folder).status().expect("Python starts");
    assert!(ran.success(), "parquet.py failed");
    true
}

fn categorical(codes: Vec<i8>, categories: &Column, ordered: bool) -> Result<Column> {
    Column::categorical(&Tensor::from_vec([codes.len()], codes)?, categories, ordered)
}

/// A column of every kind; `frame()` of the script is the same.
fn frame() -> Result<DataFrame> {
    let (nan, infinity) = (f32::NAN, f32::INFINITY);
    let names = Column::strings(["c1", "c2", "c3", "c4"]);
    let nullable = |tensor: &Tensor, missing: usize| {
        let mask: Vec<bool> = (0..4).map(|row| row == missing).collect();
        Column::nullable(tensor, &mask, NaValue::Na)
    };
    DataFrame::with_index(names)
        .with_index_name(Some("cell".to_owned()))
        .with_column("i32", vec![3_i32, -1, i32::MAX, 0])?
        .with_column("u64", vec![0, u64::MAX, 1, 2])?
        .with_column("f32", vec![0.5, nan, -0.0, infinity])?
        .with_column("f64", vec![1e300, f64::NAN, 0.1, -2.0])?
        .with_column("bool", vec![true, false, true, true])?
        .with_column("text", vec!["a", "", "Zürich", "d,e"])?
        .with_column("kind", categorical(vec![1, -1, 2, 1], &Column::strings(["NK", "T", "B", "none"]), false)?)?
        .with_column("stage", categorical(vec![2, 0, 0, 2], &Column::strings(["early", "mid", "late"]), true)?)?
        .with_column("batch", categorical(vec![0, 2, 0, 2], &Column::from(vec![30_i64, 20, 10]), false)?)?
        .with_column("Int8", nullable(&Tensor::from_vec([4], vec![1_i8, 0, 3, -4])?, 1)?)?
        .with_column("UInt32", nullable(&Tensor::from_vec([4], vec![1_u32, 2, 3, 4])?, 9)?)?
        .with_column("boolean", nullable(&Tensor::from_vec([4], vec![true, false, false, true])?, 1)?)?
        .with_column("string", nullable(&Tensor::from_strings([4], ["x", "", "", "y"])?, 1)?)
}

/// Compared as text, in which NaN is NaN: values, dtypes, categories, the index and its name.
fn assert_same(found: &DataFrame, expected: &DataFrame, what: &str) -> Result<()> {
    assert_eq!(found.index_name(), expected.index_name(), "{what}");
    assert_eq!(found.names()?, expected.names()?, "{what}");
    let names = |frame: &DataFrame| frame.column_names().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{what}");
    for name in expected.column_names() {
        let (ours, theirs) = (found.column(name)?, expected.column(name)?);
        assert_eq!(ours.kind(), theirs.kind(), "{what}: {name}");
        assert_eq!(ours.array().data_type(), theirs.array().data_type(), "{what}: {name}");
        assert_eq!((ours.printed(), ours.missing()), (theirs.printed(), theirs.missing()), "{what}: {name}");
        if let Ok((_, categories)) = theirs.codes_and_categories() {
            assert_eq!(ours.codes_and_categories()?.1, categories, "{what}: {name}");
        }
    }
    Ok(())
}

/// Each way to write, by the name of a file.
fn ways() -> [(&'static str, WriteParquetOptions); 5] {
    let options = WriteParquetOptions::default;
    [
        ("rust", options()),
        ("rust-groups", options().with_group_rows(3)),
        ("rust-zstd", options().with_compression(Compression::Zstd(5)).with_group_rows(1)),
        ("rust-gzip", options().with_compression(Compression::Gzip(6))),
        ("rust-none", options().with_compression(Compression::None)),
    ]
}

#[test]
fn what_is_written_is_read_here() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let expected = frame()?;
    for (name, options) in ways() {
        let path = directory.path().join(name);
        write_parquet_with(&path, &expected, &options)?;
        assert_same(&read_parquet(&path)?, &expected, name)?;
        assert_same(&parse_parquet(std::fs::read(&path)?, &ReadParquetOptions::default())?, &expected, name)?;
        assert!(write_parquet_with(&path, &expected, &options).is_err_and(|error| error.is_already_exists()));
        write_parquet_with(&path, &expected, &options.with_overwrite(true).with_durable(false))?;
    }
    let empty = expected.take(&[])?;
    let bytes = to_parquet(&empty, &WriteParquetOptions::default())?;
    assert_same(&parse_parquet(bytes, &ReadParquetOptions::default())?, &empty, "no rows")?;
    let none = DataFrame::new(["a", "b"]);
    let bytes = to_parquet(&none, &WriteParquetOptions::default())?;
    assert_same(&parse_parquet(bytes, &ReadParquetOptions::default())?, &none, "no columns")?;
    let lzf = to_parquet(&none, &WriteParquetOptions::default().with_compression(Compression::Lzf)).unwrap_err();
    assert!(lzf.is_unsupported() && lzf.text().contains("gzip and zstd"), "{lzf}");
    Ok(())
}

/// Threads that share the place in the file read of each other's row groups.
#[test]
fn many_row_groups_are_read_at_once() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let rows = 20_000;
    let texts: Vec<String> = (0..rows).map(|row| format!("text {}", row * 7919 % 10_007)).collect();
    let expected = DataFrame::new((0..rows).map(|row| format!("cell {row}")))
        .with_column("numbers", (0..rows).map(|row| row * row).collect::<Vec<i64>>())?
        .with_column("texts", texts)?;
    for compression in [Compression::None, Compression::Default] {
        let path = directory.path().join(format!("{compression:?}.parquet"));
        let options = WriteParquetOptions::default().with_compression(compression).with_group_rows(100);
        write_parquet_with(&path, &expected, &options)?;
        assert!(read_parquet(&path)? == expected, "{compression:?}");
    }
    Ok(())
}

#[test]
fn columns_and_the_index_are_chosen() -> Result<()> {
    let bytes = to_parquet(&frame()?, &WriteParquetOptions::default())?;
    let read = |options: ReadParquetOptions| parse_parquet(bytes.clone(), &options);
    let some = read(ReadParquetOptions::default().with_columns(["stage", "i32"]))?;
    assert_eq!(some.column_names().collect::<Vec<_>>(), ["i32", "stage"]);
    assert_eq!((some.index_name(), some.names()?), (Some("cell"), frame()?.names()?));
    let other = read(ReadParquetOptions::default().with_index("i32".to_owned()).with_columns(["cell"]))?;
    assert_eq!(other.names()?, ["3", "-1", "2147483647", "0"]);
    assert_eq!((other.index_name(), other.column_names().collect::<Vec<_>>()), (Some("i32"), vec!["cell"]));
    let absent = read(ReadParquetOptions::default().with_columns(["no"])).unwrap_err();
    assert!(absent.is_not_found() && absent.text().starts_with("it has no column 'no'; it has: cell, i32"), "{absent}");
    let missing = read(ReadParquetOptions::default().with_index("string".to_owned())).unwrap_err();
    assert!(missing.text().contains("row 1 has no name"), "{missing}");
    Ok(())
}

#[test]
fn damaged_files_are_told() -> Result<()> {
    let bytes = to_parquet(&frame()?, &WriteParquetOptions::default().with_compression(Compression::None))?;
    let read = |bytes: &[u8]| parse_parquet(bytes.to_vec(), &ReadParquetOptions::default());
    for (what, bytes) in [("empty", &[][..]), ("text", b"cell,n\na,1\n"), ("cut", &bytes[..bytes.len() / 2])] {
        let error = read(bytes).unwrap_err();
        assert!(error.is_invalid_data() && error.text().contains("reading failed"), "{what}: {error}");
    }
    // Whatever a changed byte makes of it: a frame or an error.
    for at in (0..bytes.len()).step_by(7) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        let (Ok(_) | Err(_)) = read(&changed);
    }
    Ok(())
}

#[test]
fn pandas_and_this_library_read_each_other() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let folder = directory.path();
    if !python("make", folder) {
        return Ok(());
    }
    let expected = frame()?;
    for name in ["pandas", "zstd", "none", "gzip", "unnamed"] {
        let found = read_parquet(folder.join(name).with_extension("parquet"))?;
        assert_eq!(found.index_name(), (name != "unnamed").then_some("cell"), "{name}");
        assert_eq!(found.names()?, expected.names()?, "{name}");
        for column in expected.column_names() {
            let (ours, theirs) = (found.column(column)?, expected.column(column)?);
            assert_eq!(ours.printed(), theirs.printed(), "{name}: {column}");
            assert_eq!((ours.kind(), ours.missing()), (theirs.kind(), theirs.missing()), "{name}: {column}");
            // Of categories that are numbers pandas keeps those that occur.
            if let (Ok((_, categories)), true) = (theirs.codes_and_categories(), column != "batch") {
                assert_eq!(ours.codes_and_categories()?.1.to_labels()?, categories.to_labels()?, "{name}: {column}");
            }
        }
    }
    let read = |name: &str| read_parquet(folder.join(name));
    assert_eq!(read("range.parquet")?.names()?, ["0", "1", "2", "3"]);
    let numbers = read("numbers.parquet")?;
    assert_eq!((numbers.names()?, numbers.index_name()), (["5", "6", "7", "8"].map(str::to_owned).to_vec(), Some("n")));
    let levels = read("levels.parquet").unwrap_err();
    assert!(levels.is_unsupported() && levels.text().contains("several levels"), "{levels}");
    assert!(levels.file().is_some_and(|file| file.ends_with("levels.parquet")));
    assert_eq!(read("no-columns.parquet")?.names()?, ["a", "b"]);
    let empty = read("no-rows.parquet")?;
    assert_eq!(empty.len()?, 0);
    assert_eq!(empty.column_names().collect::<Vec<_>>(), expected.column_names().collect::<Vec<_>>());
    let arrow = read("arrow.parquet")?;
    assert_eq!(arrow.names()?, ["a", "b"]);
    assert_eq!(arrow.column("n")?, Column::from(vec![Some(1_i64), None]));
    assert!(arrow.column("x")?.to_vec::<f64>()?[1].is_nan());
    assert_eq!(arrow.column("k")?.to_labels()?, ["q", "p"]);
    let lists = read("lists.parquet").unwrap_err();
    assert!(lists.path().is_some_and(|path| path.contains("lists")), "{lists:?}");
    assert_eq!(read("times.parquet")?.column("ns")?.missing(), [false, true]);

    for (name, options) in ways() {
        write_parquet_with(folder.join(name).with_extension("parquet"), &expected, &options)?;
    }
    let write = |name: &str, frame: &DataFrame| write_parquet(folder.join(name), frame);
    write("rust-unnamed.parquet", &expected.clone().with_index_name(None))?;
    let taken = DataFrame::new(["a"]).with_index_name(Some("cell".to_owned())).with_column("cell", vec![1_i64])?;
    write("rust-taken.parquet", &taken)?;
    write("rust-no-rows.parquet", &expected.take(&[])?)?;
    write("rust-no-columns.parquet", &DataFrame::new(["a", "b"]))?;
    let many = Column::strings((0..300).map(|i| format!("c{i}")));
    let missing = DataFrame::new(["a", "b", "c"])
        .with_column("none", categorical(vec![-1; 3], &Column::strings::<&str>([]), false)?)?
        .with_column("one", categorical(vec![0; 3], &Column::strings(["only"]), false)?)?
        .with_column("many", Column::categorical(&Tensor::from_vec([3], vec![299_i16, 0, 150])?, &many, false)?)?;
    write("rust-missing.parquet", &missing)?;
    assert_same(&read("rust-missing.parquet")?, &missing, "missing")?;
    let seconds = Tensor::from_ticks(DType::Datetime("s".parse()?), [2], vec![1_577_836_800, anndata_storage::NAT])?;
    let times = DataFrame::new(["a", "b"]).with_column("when", Column::plain(&seconds)?)?;
    write("rust-times.parquet", &times)?;
    assert_same(&read("rust-times.parquet")?, &times, "times")?;
    assert!(python("check", folder));
    Ok(())
}
