"""The Python half of ``parquet.rs``.

Usage::

    parquet.py make FOLDER    write frames with pandas, as Parquet files
    parquet.py check FOLDER   read `rust*.parquet` with pandas, and compare with what they have to hold
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq


def frame():
    """What `frame()` in Rust is."""
    frame = pd.DataFrame(
        {
            "i32": np.array([3, -1, 2**31 - 1, 0], "i4"),
            "u64": np.array([0, 2**64 - 1, 1, 2], "u8"),
            "f32": np.array([0.5, np.nan, -0.0, np.inf], "f4"),
            "f64": [1e300, np.nan, 0.1, -2.0],
            "bool": [True, False, True, True],
            "text": ["a", "", "Zürich", "d,e"],
            "kind": pd.Categorical(["T", None, "B", "T"], ["NK", "T", "B", "none"]),
            "stage": pd.Categorical(["late", "early", "early", "late"], ["early", "mid", "late"], ordered=True),
            "batch": pd.Categorical([30, 10, 30, 10], [30, 20, 10]),
            "Int8": pd.array([1, None, 3, -4], "Int8"),
            "UInt32": pd.array([1, 2, 3, 4], "UInt32"),
            "boolean": pd.array([True, None, False, True], "boolean"),
            "string": pd.array(["x", None, "", "y"], "string"),
        },
        index=pd.Index(["c1", "c2", "c3", "c4"], name="cell"),
    )
    return frame


def make(folder):
    df = frame()
    df.to_parquet(folder / "pandas.parquet")
    df.to_parquet(folder / "zstd.parquet", compression="zstd", row_group_size=3)
    df.to_parquet(folder / "none.parquet", compression=None)
    df.to_parquet(folder / "gzip.parquet", compression="gzip")
    df.rename_axis(None).to_parquet(folder / "unnamed.parquet")
    df[["kind", "i32"]].reset_index(drop=True).to_parquet(folder / "range.parquet")
    df[["i32"]].set_index(pd.Index([5, 6, 7, 8], name="n")).to_parquet(folder / "numbers.parquet")
    df.set_index("text", append=True)[["i32"]].to_parquet(folder / "levels.parquet")
    pd.DataFrame(index=pd.Index(["a", "b"])).to_parquet(folder / "no-columns.parquet")
    df[:0].to_parquet(folder / "no-rows.parquet")
    # Without anything of pandas.
    table = pa.table({"_index": ["a", "b"], "n": pa.array([1, None]), "x": pa.array([0.5, None]), "k": pa.array(["q", "p"]).dictionary_encode()})
    pq.write_table(table, folder / "arrow.parquet")
    pq.write_table(pa.table({"lists": [[1], [2, 3]]}), folder / "lists.parquet")
    times = pd.DataFrame({"ns": pd.to_datetime(["2020-01-01", None])}, index=["a", "b"])
    times.to_parquet(folder / "times.parquet")


def check(folder):
    expected = frame()
    for name in ["rust", "rust-groups", "rust-zstd", "rust-gzip", "rust-none"]:
        found = pd.read_parquet(folder / f"{name}.parquet")
        # Categories that are numbers are values in Parquet, from pandas too.
        same = expected.astype({"batch": "int64"})
        assert found["batch"].dtype == pd.read_parquet(folder / "pandas.parquet")["batch"].dtype
        found = found.astype({"batch": "int64"})
        if name != "rust":
            # What pyarrow joins.
            assert list(found["kind"].cat.categories) == ["NK", "T", "B", "none"], name
        pd.testing.assert_frame_equal(found, same, check_column_type=False)
        assert found["stage"].cat.ordered and not found["kind"].cat.ordered
        assert pq.ParquetFile(folder / f"{name}.parquet").metadata.num_rows == 4
    unnamed = pd.read_parquet(folder / "rust-unnamed.parquet")
    assert unnamed.index.name is None and list(unnamed.index) == list(expected.index), unnamed
    taken = pd.read_parquet(folder / "rust-taken.parquet")
    assert taken.index.name == "cell" and list(taken.columns) == ["cell"], taken
    empty = pd.read_parquet(folder / "rust-no-rows.parquet")
    assert list(empty.columns) == list(expected.columns) and len(empty) == 0
    assert list(pd.read_parquet(folder / "rust-no-columns.parquet").index) == ["a", "b"]
    missing = pd.read_parquet(folder / "rust-missing.parquet")
    assert missing["none"].isna().all() and list(missing["none"].cat.categories) == []
    assert missing["one"].tolist() == ["only"] * 3 and missing["many"].tolist() == [f"c{i}" for i in (299, 0, 150)]
    assert list(missing["many"].cat.categories) == [f"c{i}" for i in range(300)]
    times = pd.read_parquet(folder / "rust-times.parquet")
    assert times["when"].tolist() == [pd.Timestamp("2020-01-01"), pd.NaT], times


if __name__ == "__main__":
    {"make": make, "check": check}[sys.argv[1]](Path(sys.argv[2]))
