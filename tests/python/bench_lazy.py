"""The Python half of ``cargo xtask bench lazy|dispatch``; each command prints one line of JSON.

Usage::

    bench_lazy.py open FILE        time opening FILE lazily
    bench_lazy.py rows FILE        open FILE, then time reading a thousand rows of X, in no order
    bench_lazy.py pass FILE        time the sum of X, chunk by chunk
    bench_lazy.py dispatched FILE  time reading FILE, with a function that is asked of each element and changes nothing

``check`` is what both sides have to find. ``bench_qc.py`` makes the file.
"""

from __future__ import annotations

import json
import sys
import time

import anndata as ad
import h5py
import numpy as np
from anndata.experimental import read_dispatched, read_lazy

ROWS, STEP = 1000, 7919


def size_of(x):
    return int(x.data.nbytes + x.indices.nbytes + x.indptr.nbytes)


def result(seconds, size, check):
    return {"seconds": seconds, "bytes": size, "check": float(check)}


def open_lazily(file):
    start = time.perf_counter()
    adata = read_lazy(file)
    return result(time.perf_counter() - start, 1, adata.n_obs * 1e6 + adata.n_vars)


def rows(file):
    adata = read_lazy(file)
    some = np.arange(ROWS) * STEP % adata.n_obs
    start = time.perf_counter()
    x = adata[some].X.compute()
    return result(time.perf_counter() - start, size_of(x), x.sum(dtype=np.float64))


def one_pass(file):
    start = time.perf_counter()
    adata = ad.read_h5ad(file, backed="r")
    total, size = 0.0, 0
    for chunk, _, _ in adata.chunked_X(6000):
        total += chunk.sum(dtype=np.float64)
        size += size_of(chunk)
    return result(time.perf_counter() - start, size, total)


def dispatched(file):
    with h5py.File(file) as root:
        start = time.perf_counter()
        adata = read_dispatched(root, lambda read, name, node, iospec: read(node))
        seconds = time.perf_counter() - start
    return result(seconds, size_of(adata.X), adata.X.sum(dtype=np.float64))


COMMANDS = {"open": open_lazily, "rows": rows, "pass": one_pass, "dispatched": dispatched}

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    print(json.dumps(COMMANDS[sys.argv[1]](sys.argv[2])))
