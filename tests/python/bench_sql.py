"""The Python half of ``cargo xtask bench sql``; each command prints one line of JSON.

Usage::

    bench_sql.py make FILE          40 million non-zeros of 400,000 cells x 2,000 genes in 300 groups, gzip at level 4
    bench_sql.py groups FILE        cells and mean depth of each cell type, by pandas on the table of the file
    bench_sql.py columns FILE       the same, of which only the two columns are read, by hand
    bench_sql.py pseudobulk FILE    mean of each gene in each group, by scanpy

``check`` is what both sides have to find.
"""

from __future__ import annotations

import json
import os
import sys
import time

GROUPS = 300


def make(file):
    import anndata as ad
    import numpy as np
    import pandas as pd
    from scipy import sparse

    cells, genes = 400_000, 2_000
    rng = np.random.default_rng(7)
    per_cell = rng.integers(60, 141, cells)
    indptr = np.concatenate([[0], np.cumsum(per_cell)])
    # Each gene once a cell: every so many-th from a random one on, in order.
    steps = genes // per_cell
    starts = rng.integers(0, steps)
    within = np.arange(indptr[-1]) - np.repeat(indptr[:-1], per_cell)
    indices = (np.repeat(starts, per_cell) + within * np.repeat(steps, per_cell)).astype(np.int32)
    data = rng.geometric(0.5, indptr[-1]).astype(np.float32)
    x = sparse.csr_matrix((data, indices, indptr), shape=(cells, genes))
    group = pd.Categorical.from_codes(rng.integers(0, GROUPS, cells), [f"group {at}" for at in range(GROUPS)])
    kind = pd.Categorical.from_codes(rng.integers(0, 30, cells), [f"type {at}" for at in range(30)])
    obs = pd.DataFrame({"group": group, "cell_type": kind, "depth": np.asarray(x.sum(1)).ravel()})
    obs.index = [f"cell{at}" for at in range(cells)]
    var = pd.DataFrame(index=[f"gene{at}" for at in range(genes)])
    ad.AnnData(x, obs=obs, var=var).write_h5ad(file, compression="gzip", compression_opts=4)


def groups(file):
    import anndata as ad

    start = time.perf_counter()
    obs = ad.read_h5ad(file, backed="r").obs
    found = of_types(obs)
    return time.perf_counter() - start, 12 * len(obs), found["mean"].sum()


def columns(file):
    import anndata as ad
    import h5py
    import pandas as pd

    start = time.perf_counter()
    with h5py.File(file) as store:
        obs = pd.DataFrame({name: ad.io.read_elem(store[f"obs/{name}"]) for name in ("cell_type", "depth")})
    found = of_types(obs)
    return time.perf_counter() - start, 12 * len(obs), found["mean"].sum()


def of_types(obs):
    return obs.groupby("cell_type", observed=True)["depth"].agg(["size", "mean"])


def pseudobulk(file):
    import anndata as ad
    import scanpy as sc

    start = time.perf_counter()
    adata = ad.read_h5ad(file)
    found = sc.get.aggregate(adata, by="group", func=["mean", "count_nonzero"])
    return time.perf_counter() - start, os.path.getsize(file), float(found.layers["mean"].sum())


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", file]:
            make(file)
        case ["groups", file]:
            found = groups(file)
        case ["columns", file]:
            found = columns(file)
        case ["pseudobulk", file]:
            found = pseudobulk(file)
    if sys.argv[1] != "make":
        seconds, size, check = found
        print(json.dumps({"seconds": seconds, "bytes": int(size), "check": float(check)}))
