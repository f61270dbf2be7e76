"""The Python half of ``cargo xtask bench loader``; each command prints one line of JSON.

Usage::

    bench_loader.py make FOLDER CELLS              plates.h5ad: so many cells of 14 plates, one after the other, and
                                                   annbatch.zarr: what annbatch makes of it
    bench_loader.py epoch STORE ROWS UNITS BATCH   time an epoch of annbatch over a store of its own, of which UNITS stretches
                                                   of ROWS rows are in memory at a time
    bench_loader.py rechunk FILE OUT               time annbatch's ``add_adatas`` of a file

``check`` is what both sides have to find.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path

import anndata as ad
import bench
import numpy as np
import pandas as pd
import zarr
import zarrs  # noqa: F401
from annbatch import DatasetCollection, Loader

zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
warnings.simplefilter("ignore")

PLATES = 14


def make(folder, cells):
    adata = bench.made_object()[: int(cells)].copy()
    plates = np.arange(adata.n_obs) * PLATES // adata.n_obs
    adata.obs["plate"] = pd.Categorical.from_codes(plates, [f"plate{i}" for i in range(PLATES)])
    part = folder / "part.h5ad"
    adata.write_h5ad(part, compression="gzip", compression_opts=4)
    preshuffle(part, folder / "annbatch.zarr")
    part.rename(folder / "plates.h5ad")
    return {"seconds": 0.0, "bytes": 0}


def preshuffle(file, out):
    collection = DatasetCollection(zarr.open_group(out, mode="w"))
    collection.add_adatas([str(file)], rng=np.random.default_rng(0))


def load(group):
    """The matrix and the column that batches have."""
    return ad.AnnData(
        X=ad.io.sparse_dataset(group["X"]),
        obs=pd.DataFrame({"plate": ad.io.read_elem(group["obs/plate"])}),
    )


def epoch(store, rows, units, batch):
    collection = DatasetCollection(zarr.open_group(store, mode="r"))
    loader = Loader(
        shuffle=True,
        chunk_size=int(rows),
        preload_nchunks=int(units),
        batch_size=int(batch),
        rng=np.random.default_rng(1),
    )
    loader.use_collection(collection, load_adata=load)
    return run(loader)


def run(loader):
    start = time.perf_counter()
    cells = values = size = 0
    for batch in loader:
        x = batch["X"]
        assert len(batch["obs"]["plate"]) == x.shape[0]
        cells += x.shape[0]
        values += x.nnz
        size += x.data.nbytes + x.indices.nbytes + x.indptr.nbytes
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "bytes": size, "check": cells * 1e6 + values}


def rechunk(file, out):
    start = time.perf_counter()
    preshuffle(file, out)
    seconds = time.perf_counter() - start
    cells = values = size = 0
    for group in DatasetCollection(zarr.open_group(out, mode="r")):
        x = ad.io.sparse_dataset(group["X"])
        cells += x.shape[0]
        values += group["X/data"].shape[0]
        size += sum(group["X"][name].nbytes for name in ("data", "indices", "indptr"))
    return {"seconds": seconds, "bytes": size, "check": cells * 1e6 + values}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["make", folder, cells]:
            found = make(Path(folder), cells)
        case ["epoch", store, rows, units, batch]:
            found = epoch(store, rows, units, batch)
        case ["rechunk", file, out]:
            found = rechunk(file, out)
        case _:
            sys.exit(__doc__)
    print(json.dumps(found))
