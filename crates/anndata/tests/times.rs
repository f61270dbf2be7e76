//! Dates and spans of time: from Python and back to it, in zarr of both versions, by every way of reading and writing.
//!
//! What needs a Python with anndata in `ANNDATA_PYTHON` says so and does nothing without one.
#![cfg(all(feature = "hdf5", feature = "zarr"))]
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::path::Path;

use anndata::storage::{NAT, TimeUnit};
use anndata::zarr::{ZarrFormat, ZarrOptions};
use anndata::{
    AnnData, Column, ColumnKind, ConcatOptions, ConvertOptions, DType, DataFrame, Join, ReadOptions, Tensor,
    WriteOptions,
};

/// Runs `tests/python/times.py`; false if there is no Python.
fn python(arguments: &[&Path]) -> bool {
    support::python("times.py", arguments)
}

fn lazy(path: &Path) -> AnnData {
    let options = ReadOptions::default().with_lazy(true);
    anndata::read_zarr_with(path, &options).unwrap()
}

fn write(path: &Path, adata: &AnnData, format: ZarrFormat) {
    let options = WriteOptions::default().with_zarr(ZarrOptions::default().with_format(format));
    anndata::write_zarr_with(path, adata, &options).unwrap();
}

#[test]
fn what_python_stores_comes_back_to_it_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    if !python(&["make".as_ref(), folder.path()]) {
        return;
    }
    for name in ["v2", "v3"] {
        let source = at(&format!("{name}.zarr"));
        let eager = anndata::read_zarr(&source).unwrap();
        let ticks = |key: &str| eager.uns()[key].to_tensor().unwrap().ticks().unwrap().to_vec();
        assert_eq!(ticks("dates in 25s"), [1, NAT, -1_234_567]);
        assert_eq!(ticks("filled with NaT"), [1, NAT, NAT, NAT, NAT]);
        assert_eq!(ticks("filled"), [1, 7, 7, 7, 7]);
        assert_eq!(eager.uns()["spans in M"].to_tensor().unwrap().dtype().to_string(), "timedelta64[M]");
        assert_eq!(eager.uns()["dates of no unit"].to_tensor().unwrap().dtype().to_string(), "datetime64");
        let when = eager.obs().column("when").unwrap();
        assert_eq!(when.kind(), ColumnKind::Time(TimeUnit::Nanosecond.into()));
        assert_eq!(when.to_tensor().unwrap().ticks().unwrap(), [5, NAT, -5]);
        let lazy = lazy(&source);
        assert_eq!(lazy.load().unwrap(), eager, "{name}: lazy and eager");
        let mut others = Vec::new();
        for (format, suffix) in [(ZarrFormat::V2, "2"), (ZarrFormat::V3, "3")] {
            for (way, adata) in [("eager", &eager), ("lazy", &lazy)] {
                let path = at(&format!("{name} {way} {suffix}.zarr"));
                write(&path, adata, format);
                assert_eq!(anndata::read_zarr(&path).unwrap(), eager, "{}", path.display());
                others.push(path);
            }
            let path = at(&format!("{name} converted {suffix}.zarr"));
            let options = ConvertOptions::default().with_zarr(ZarrOptions::default().with_format(format));
            anndata::convert(&source, &path, &options).unwrap();
            assert_eq!(anndata::read_zarr(&path).unwrap(), eager, "{}", path.display());
            others.push(path);
        }
        let check = Path::new("check");
        let paths: Vec<&Path> = [check, &source].into_iter().chain(others.iter().map(|path| &**path)).collect();
        python(&paths);
        let report = anndata::validate_path(&source, &anndata::ValidateOptions::default()).unwrap();
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
    let swapped = anndata::read_zarr(at("swapped.zarr")).unwrap();
    for (key, dtype) in [("dates", "datetime64[ns]"), ("spans", "timedelta64[25s]")] {
        let tensor = swapped.uns()[key].to_tensor().unwrap();
        assert_eq!((tensor.dtype().to_string().as_str(), tensor.ticks().unwrap()), (dtype, &[5, NAT, -5][..]));
    }
    let source = at("records.zarr");
    let records = anndata::read_zarr(&source).unwrap();
    let when = records.uns()["records"].to_tensor().unwrap().field("when").unwrap().ticks().unwrap().to_vec();
    assert_eq!(when, [1_577_836_800_000_000_000, NAT]);
    // Python reads no dates in records of version 2; they are written all the same.
    for (name, format) in [("records 2.zarr", ZarrFormat::V2), ("records 3.zarr", ZarrFormat::V3)] {
        write(&at(name), &records, format);
        assert_eq!(anndata::read_zarr(at(name)).unwrap(), records);
    }
    python(&["check".as_ref(), &source, &at("records 3.zarr")]);
}

#[test]
fn what_is_joined_is_what_python_joins() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let dates = |step: &str, ticks: &[i64]| {
        Tensor::from_ticks(DType::Datetime(step.parse().unwrap()), [ticks.len()], ticks.to_vec()).unwrap()
    };
    let grid = |step: &str| dates(step, &[1, NAT, 3, 4]).reshape([2, 2]).unwrap();
    let object = |step: &str, codes: Vec<i8>| {
        let day = Column::categorical(
            &Tensor::from_vec([2], codes).unwrap(),
            &Column::plain(&dates(step, &[7, 5])).unwrap(),
            false,
        );
        let obs = DataFrame::new(["a", "b"]).with_column("day", day.unwrap()).unwrap();
        AnnData::builder()
            .x(Tensor::from_vec([2, 1], vec![1.0, 2.0]).unwrap())
            .var(DataFrame::new(["g"]))
            .obs(obs)
            .obsm("seen", grid(step))
            .build()
            .unwrap()
    };
    let (one, other) = (object("s", vec![1, -1]), object("ms", vec![0, 1]));
    let options = ConcatOptions::default().with_join(Join::Outer).with_index_unique("-");
    let joined = anndata::concat(&[&one, &other], &options).unwrap();
    assert_eq!(joined.obsm()["seen"].to_tensor().unwrap().dtype().to_string(), "datetime64[ms]");
    let paths = ["one.zarr", "other.zarr", "joined.zarr"].map(at);
    for (path, adata) in paths.iter().zip([&one, &other, &joined]) {
        write(path, adata, ZarrFormat::V3);
    }
    let lazily = anndata::concat(&[&lazy(&paths[0]), &lazy(&paths[1])], &options).unwrap();
    assert_eq!(lazily, joined);
    let expected = at("expected.zarr");
    if python(&["concat".as_ref(), &expected, &paths[0], &paths[1]]) {
        python(&["check".as_ref(), &expected, &paths[2]]);
    }
}

#[test]
fn columns_are_joined_and_selected_with_nat_where_nothing_is() {
    let column = |dtype: fn(anndata::storage::TimeStep) -> DType, step: &str, ticks: &[i64]| {
        let tensor = Tensor::from_ticks(dtype(step.parse().unwrap()), [ticks.len()], ticks.to_vec()).unwrap();
        Column::plain(&tensor).unwrap()
    };
    let object = |frame: DataFrame| AnnData::builder().obs(frame).build().unwrap();
    let one = object(
        DataFrame::new(["a", "b"])
            .with_column("when", column(DType::Datetime, "D", &[1, NAT]))
            .unwrap()
            .with_column("lasted", column(DType::Timedelta, "h", &[3, 4]))
            .unwrap(),
    );
    let other = object(DataFrame::new(["c"]).with_column("when", column(DType::Datetime, "ns", &[7])).unwrap());
    let joined = anndata::concat(&[&one, &other], &ConcatOptions::default().with_join(Join::Outer)).unwrap();
    let when = joined.obs().column("when").unwrap().to_tensor().unwrap();
    assert_eq!(
        (when.dtype().to_string().as_str(), when.ticks().unwrap()),
        ("datetime64[ns]", &[86_400_000_000_000, NAT, 7][..])
    );
    let lasted = joined.obs().column("lasted").unwrap().to_tensor().unwrap();
    assert_eq!((lasted.dtype().to_string().as_str(), lasted.ticks().unwrap()), ("timedelta64[h]", &[3, 4, NAT][..]));
    let part = joined.select(vec![2_u64, 0], ..).unwrap();
    assert_eq!(part.obs().column("lasted").unwrap().missing(), [true, false]);
    let batch = joined.obs().to_record_batch("_index").unwrap();
    assert_eq!(DataFrame::from_record_batch(&batch, Some("_index")).unwrap(), *joined.obs());
    let number = object(DataFrame::new(["d"]).with_column("when", vec![1_i64]).unwrap());
    let error = anndata::concat(&[&one, &number], &ConcatOptions::default()).unwrap_err();
    assert!(error.is_dtype() && error.to_string().contains("when"), "{error}");
}

#[test]
fn h5ad_has_no_dates_and_says_which_element_has() {
    let folder = tempfile::tempdir().unwrap();
    let dates = Tensor::from_ticks(DType::Datetime(TimeUnit::Nanosecond.into()), [1], vec![1]).unwrap();
    let adata = AnnData::builder().uns("when", dates).build().unwrap();
    let (store, file) = (folder.path().join("a.zarr"), folder.path().join("a.h5ad"));
    anndata::write_zarr(&store, &adata).unwrap();
    for error in [
        anndata::write_h5ad(&file, &adata).unwrap_err(),
        anndata::convert(&store, &file, &ConvertOptions::default()).unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(error.is_unsupported(), "{text}");
        assert!(text.contains("uns/when") && text.contains("datetime64[ns]") && text.contains("zarr"), "{text}");
    }
    assert!(!file.exists());
}
