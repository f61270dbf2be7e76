"""The Python half of ``cargo xtask bench qc``; each command prints one line of JSON.

Usage::

    bench_qc.py make FILE CELLS GENES       counts, some 3 % of them other than 0, gzip at level 4: 40 million of 60,000 x 20,000
    bench_qc.py chapter FILE OUT [--durable]   read FILE, then time scanpy's quality control of it, and writing it to OUT
    bench_qc.py groups FILE                 read FILE, then time the means of groups of cells: the faster of scanpy and scipy
    bench_qc.py variance FILE               time the variance of each gene of the backed file, in one pass

What scanpy compiles when it is first used is compiled before the time is taken. ``check`` is what both sides have to find.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from qc import quality_control

REPEATS = 5
CHUNK_ROWS = 6000
MITOCHONDRIAL, KINDS = 13, 30


def make(file, cells, genes):
    import anndata as ad
    import numpy as np
    import pandas as pd
    from scipy import sparse

    cells, genes = int(cells), int(genes)
    rng = np.random.default_rng(42)
    expression = rng.gamma(0.35, 1.0, genes)[None, :] * rng.lognormal(0.0, 0.7, (KINDS, genes))
    expression[:, :MITOCHONDRIAL] = expression.mean() * 8
    kinds = rng.integers(0, KINDS, cells)
    # How many molecules a cell has; some cells have few.
    depth = (rng.lognormal(0.0, 0.5, cells) * genes * 0.036).astype(np.int64) + 1
    depth[::61] //= 100
    blocks = []
    for start in range(0, cells, 2000):
        rows, columns = [], []
        for kind in range(KINDS):
            own = start + np.flatnonzero(kinds[start : start + 2000] == kind)
            shares = np.repeat(expression[kind][None, :], 2, axis=0)
            # Cells that die: most of what is left is mitochondrial.
            shares[1, :MITOCHONDRIAL] *= 60
            for dying in (0, 1):
                some = own[(own % 23 == 0) == bool(dying)]
                ends = np.cumsum(shares[dying])
                drawn = np.searchsorted(ends, rng.random(depth[some].sum()) * ends[-1], side="right")
                rows.append(np.repeat(some - start, depth[some]))
                columns.append(np.minimum(drawn, genes - 1))
        rows, columns = np.concatenate(rows), np.concatenate(columns)
        shape = (min(2000, cells - start), genes)
        block = sparse.coo_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape).tocsr()
        block.sort_indices()
        blocks.append(block)
    x = sparse.vstack(blocks, format="csr", dtype=np.float32)
    obs = pd.DataFrame(index=[f"cell{i:06d}" for i in range(cells)])
    obs["cell_type"] = pd.Categorical.from_codes(kinds, [f"type {k}" for k in range(KINDS)])
    names = [f"MT-{i}" if i < MITOCHONDRIAL else f"gene{i:05d}" for i in range(genes)]
    part = Path(file).with_suffix(".part")
    ad.AnnData(x, obs=obs, var=pd.DataFrame(index=names)).write_h5ad(part, compression="gzip", compression_opts=4)
    part.rename(file)
    return {"seconds": 0.0, "bytes": size_of(x), "values": int(x.nnz)}


def size_of(x):
    return int(x.data.nbytes + x.indices.nbytes + x.indptr.nbytes)


def small(file):
    """A few cells of the file, as an object of its own, to compile with."""
    import anndata as ad

    return ad.read_h5ad(file, backed="r")[:500].to_memory()


def chapter(file, out, *options):
    import anndata as ad

    quality_control(small(file))
    adata = ad.read_h5ad(file)
    size = size_of(adata.X)
    Path(out).unlink(missing_ok=True)
    start = time.perf_counter()
    adata = quality_control(adata)
    adata.write_h5ad(out)
    if "--durable" in options:
        handle = os.open(out, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "bytes": size, "check": adata.n_obs * 1e6 + adata.n_vars + int(adata.var["highly_variable"].sum()) / 1e6}


def means_by_scanpy(adata):
    import scanpy as sc

    return sc.get.aggregate(adata, by="cell_type", func="mean").layers["mean"]


def means_by_scipy(adata):
    """The product with a matrix that has a one where a cell is of a group."""
    import numpy as np
    from scipy import sparse

    codes = adata.obs["cell_type"].cat.codes.to_numpy()
    sizes = np.bincount(codes)
    ones = sparse.csr_matrix((np.ones(len(codes), np.float32), (codes, np.arange(len(codes)))), (len(sizes), len(codes)))
    return np.asarray((ones @ adata.X).todense()) / sizes[:, None]


def groups(file):
    import anndata as ad
    import numpy as np

    adata = ad.read_h5ad(file)
    best, check = float("inf"), 0.0
    for means in (means_by_scanpy, means_by_scipy):
        means(adata)
        for _ in range(REPEATS):
            start = time.perf_counter()
            found = means(adata)
            seconds = time.perf_counter() - start
            if seconds < best:
                best, check = seconds, float(np.asarray(found, dtype=np.float64).sum())
    return {"seconds": best, "bytes": size_of(adata.X), "check": check}


def variance(file):
    import anndata as ad
    import numpy as np

    start = time.perf_counter()
    adata = ad.read_h5ad(file, backed="r")
    sums, squares, stored = np.zeros(adata.n_vars), np.zeros(adata.n_vars), 0
    for chunk, _, _ in adata.chunked_X(CHUNK_ROWS):
        values = chunk.data.astype(np.float64)
        sums += np.bincount(chunk.indices, values, adata.n_vars)
        squares += np.bincount(chunk.indices, values * values, adata.n_vars)
        stored += size_of(chunk)
    found = (squares - sums**2 / adata.n_obs) / (adata.n_obs - 1)
    return {"seconds": time.perf_counter() - start, "bytes": stored, "check": float(found.sum())}


COMMANDS = {"make": make, "chapter": chapter, "groups": groups, "variance": variance}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
