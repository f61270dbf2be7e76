"""The Python half of ``cargo xtask bench small``; each command prints one line of JSON.

Usage::

    bench_small.py make FOLDER      make the objects: 10,000 columns, 5,000 elements of ``uns``, in both formats
    bench_small.py open PATH        time opening PATH lazily
    bench_small.py read PATH        time reading PATH
    bench_small.py write PATH OUT   read PATH, then time writing it to OUT
    bench_small.py append N PATH    make a CSR matrix at PATH, then time appending N times a hundred rows to it

``check`` is what both sides have to find.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
import zarr
from anndata.experimental import read_lazy

ROWS, VARIABLES = 100, 2000


def read_any(path):
    return ad.read_zarr(path) if path.endswith(".zarr") else ad.read_h5ad(path)


def write_any(adata, path):
    adata.write_zarr(path) if path.endswith(".zarr") else adata.write_h5ad(path)


def make(folder):
    names = pd.Index([f"c{at}" for at in range(500)], dtype=object)
    numbers = np.arange(500, dtype=np.float64)
    columns = pd.DataFrame({f"column {at}": numbers + at for at in range(10_000)}, index=names)
    uns = {f"element {at}": np.arange(10) + at if at % 2 else float(at) for at in range(5_000)}
    for name, adata in [("columns", ad.AnnData(obs=columns)), ("uns", ad.AnnData(obs=columns.iloc[:, :0], uns=uns))]:
        for ending in ["h5ad", "zarr"]:
            write_any(adata, str(Path(folder) / f"{name}.{ending}"))


def result(seconds, check):
    return {"seconds": seconds, "bytes": 1, "check": float(check)}


def total(adata):
    return sum(float(adata.obs[name].sum()) for name in adata.obs) + sum(float(np.sum(value)) for value in adata.uns.values())


def open_lazily(path):
    start = time.perf_counter()
    adata = read_lazy(path)
    return result(time.perf_counter() - start, len(adata.obs.columns) + len(adata.uns))


def read(path):
    start = time.perf_counter()
    adata = read_any(path)
    return result(time.perf_counter() - start, total(adata))


def write(path, out):
    adata = read_any(path)
    start = time.perf_counter()
    write_any(adata, out)
    return result(time.perf_counter() - start, total(read_any(out)))


def append(times, path):
    columns = np.sort((np.arange(ROWS)[:, None] + np.arange(100) * 19) % VARIABLES, axis=1)
    values = np.full(ROWS * 100, 1.5, dtype=np.float32)
    offsets = np.arange(ROWS + 1, dtype=np.int32) * 100
    rows = sp.csr_matrix((values, columns.ravel().astype(np.int32), offsets), shape=(ROWS, VARIABLES))
    write_any(ad.AnnData(rows), path)
    root = zarr.open(path, mode="r+") if path.endswith(".zarr") else h5py.File(path, "r+")
    stored = ad.io.sparse_dataset(root["X"])
    start = time.perf_counter()
    for _ in range(int(times)):
        stored.append(rows)
    seconds = time.perf_counter() - start
    return result(seconds, ad.io.sparse_dataset(root["X"]).shape[0])


if __name__ == "__main__":
    ad.settings.zarr_write_format = 3
    command, *arguments = sys.argv[1:]
    if command == "make":
        make(*arguments)
    else:
        run = {"open": open_lazily, "read": read, "write": write, "append": append}[command]
        print(json.dumps(run(*arguments)))
