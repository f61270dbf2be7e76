"""Dates and spans of time, which Python stores in zarr alone.

Usage: times.py make FOLDER makes `v2.zarr`, `v3.zarr`, `records.zarr` and `swapped.zarr` with them wherever they can
       be.
       times.py check STORE OTHER... compares what Python reads of them, bit for bit.
       times.py concat FOLDER OUT STORE... makes what Python makes of all STOREs together.
"""

import sys
import warnings
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import zarr

warnings.simplefilter("ignore")

NAT = np.iinfo("i8").min


def times(kind, step, *ticks):
    return np.array(ticks, "i8").view(f"{kind}8[{step}]")


def make(path, version):
    ad.settings.zarr_write_format = version
    adata = ad.AnnData(np.ones((3, 2)), obs=pd.DataFrame(index=list("abc")), var=pd.DataFrame(index=list("xy")))
    for step in "Y M W D h m s ms us ns ps fs as 25s 7D".split():
        adata.uns[f"dates in {step}"] = times("M", step, 1, NAT, -1_234_567)
        adata.uns[f"spans in {step}"] = times("m", step, 1, NAT, -1_234_567)
    adata.uns["dates of no unit"] = np.array(["NaT"], "M8")
    adata.uns["spans of no unit"] = np.array([5, NAT], "i8").view("m8")
    adata.uns["grid"] = times("M", "ns", *range(24)).reshape(2, 3, 4)
    adata.uns["none"] = times("M", "us")
    adata.obsm["seen"] = times("M", "s", 5, NAT, 7, 8, 9, 10).reshape(3, 2)
    adata.layers["spans"] = times("m", "ms", 5, NAT, 7, 8, 9, 10).reshape(3, 2)
    adata.obs["day"] = pd.Categorical(times("M", "s", 86400, NAT, 0))
    adata.obs["taken"] = pd.Categorical(times("m", "ns", 2, 1, 2), ordered=True)
    adata.write_zarr(path)
    root = zarr.open_group(path, mode="r+", zarr_format=version, use_consolidated=False)
    encoded = {"encoding-type": "array", "encoding-version": "0.2.0"}
    # What no Python writes and each reads: columns, the other byte order, what was never written.
    for name, values in (("when", times("M", "ns", 5, NAT, -5)), ("lasted", times("m", "s", 5, NAT, -5))):
        column = root.create_array(f"obs/{name}", shape=(3,), dtype=values.dtype, attributes=encoded)
        column[...] = values
    root["obs"].attrs["column-order"] = [*root["obs"].attrs["column-order"], "when", "lasted"]
    for name, fill in (("filled with NaT", np.datetime64("NaT", "ns")), ("filled", np.datetime64(7, "ns"))):
        part = root.create_array(
            f"uns/{name}", shape=(5,), chunks=(2,), dtype="M8[ns]", fill_value=fill, attributes=encoded
        )
        part[:1] = times("M", "ns", 1)
    zarr.consolidate_metadata(path, zarr_format=version)


def make_swapped(path):
    """In the other byte order, which anndata itself refuses where it brings the pipeline of zarrs."""
    ad.settings.zarr_write_format = 2
    ad.AnnData(np.ones((3, 2)), uns={"x": 1}).write_zarr(path)
    root = zarr.open_group(path, mode="r+", zarr_format=2, use_consolidated=False)
    encoded = {"encoding-type": "array", "encoding-version": "0.2.0"}
    for name, kind in (("dates", ">M8[ns]"), ("spans", ">m8[25s]")):
        swapped = times(kind[1], kind[4:-1], 5, NAT, -5).astype(kind)
        assert swapped.tobytes()[7] == 5
        root.create_array(f"uns/{name}", data=swapped, attributes=encoded)
    zarr.consolidate_metadata(path, zarr_format=2)


def make_records(path):
    """Of version 3: zarr-python has no dates in records of version 2."""
    ad.settings.zarr_write_format = 3
    adata = ad.AnnData(np.ones((3, 2)))
    adata.uns["records"] = np.array([(1, "2020-01-01"), (2, "NaT")], [("n", "i4"), ("when", "M8[ns]")])
    adata.write_zarr(path)


def same(a, b, path):
    assert type(a) is type(b), f"{path}: {type(a)} and {type(b)}"
    if isinstance(a, dict):
        assert set(a) == set(b), f"{path}: {sorted(set(a) ^ set(b))}"
        for key in a:
            same(a[key], b[key], f"{path}/{key}")
    elif isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b, obj=path)
    else:
        assert a.dtype.newbyteorder("=") == b.dtype.newbyteorder("="), f"{path}: {a.dtype} and {b.dtype}"
        assert a.shape == b.shape and a.astype(a.dtype.newbyteorder("=")).tobytes() == b.tobytes(), f"{path}: {a} and {b}"


def parts(path):
    adata = ad.read_zarr(path)
    return {name: dict(getattr(adata, name)) for name in ("uns", "obsm", "layers")} | {"obs": adata.obs}


def main():
    job, *rest = sys.argv[1:]
    if job == "make":
        for version in (2, 3):
            make(f"{rest[0]}/v{version}.zarr", version)
        make_records(f"{rest[0]}/records.zarr")
        make_swapped(f"{rest[0]}/swapped.zarr")
    elif job == "concat":
        out, *stores = rest
        adata = ad.concat([ad.read_zarr(store) for store in stores], join="outer", index_unique="-")
        adata.obs = adata.obs.drop(columns=["when", "lasted"], errors="ignore")  # no Python writes these
        adata.write_zarr(out)
    else:
        first, *others = rest
        for other in others:
            same(parts(first), parts(other), Path(other).name)


if __name__ == "__main__":
    main()
