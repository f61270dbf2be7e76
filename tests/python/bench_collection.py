"""The Python half of ``cargo xtask bench collection|concat-on-disk``; each command prints one line of JSON.

Usage::

    bench_collection.py open FOLDER            time opening a thousand stores as one collection
    bench_collection.py rows FOLDER            open ten objects as a collection, then time reading 512 rows of it, in no order
    bench_collection.py same|outer FOLDER OUT [--durable]
                                               time concatenating ten objects on disk

``check`` is what both sides have to find. ``bench_collection`` and ``bench_concat.py`` make the files.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import anndata as ad
import numpy as np
from anndata.experimental import AnnCollection, concat_on_disk
from bench import sync

STORES, ROWS, STEP = 1000, 512, 7919


def result(seconds, size, check):
    return {"seconds": seconds, "bytes": size, "check": float(check)}


def open_all(folder):
    start = time.perf_counter()
    stores = [ad.read_h5ad(folder / "thousand" / f"{at}.h5ad", backed="r") for at in range(STORES)]
    collection = AnnCollection(stores, join_vars="inner", label="batch")
    return result(time.perf_counter() - start, 1, collection.n_obs * 1e6 + collection.n_vars)


def rows(folder):
    stores = [ad.read_h5ad(folder / f"concat-same-{at}.h5ad", backed="r") for at in range(10)]
    collection = AnnCollection(stores, join_vars="inner", label="batch")
    some = np.arange(ROWS) * STEP % collection.n_obs
    start = time.perf_counter()
    x = collection[some].X
    seconds = time.perf_counter() - start
    return result(seconds, int(x.data.nbytes + x.indices.nbytes + x.indptr.nbytes), x.sum(dtype=np.float64))


def on_disk(folder, kind, join, out, *options):
    inputs = {str(at): str(folder / f"concat-{kind}-{at}.h5ad") for at in range(10)}
    start = time.perf_counter()
    concat_on_disk(inputs, out, join=join, merge="same", label="batch")
    if "--durable" in options:
        sync(Path(out))
    seconds = time.perf_counter() - start
    made = ad.read_h5ad(out, backed="r")
    return result(seconds, made.X.group["data"].shape[0] * 8, made.n_obs * 1e6 + made.n_vars)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["open", folder]:
            found = open_all(Path(folder))
        case ["rows", folder]:
            found = rows(Path(folder))
        case ["same", folder, out, *options]:
            found = on_disk(Path(folder), "same", "inner", out, *options)
        case ["outer", folder, out, *options]:
            found = on_disk(Path(folder), "part", "outer", out, *options)
        case _:
            sys.exit(__doc__)
    print(json.dumps(found))
