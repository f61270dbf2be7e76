"""The Python half of ``cargo xtask bench command``: what the subcommands do, in memory. Each command prints one line of JSON.

Usage::

    bench_command.py time PROGRAM [ARGUMENT...]   time a program, from its start to its end; what it prints is dropped
    bench_command.py large COUNTS FILE            an object of more than 1 GB: the counts three times, annotations, embeddings
    bench_command.py points FILE                  100,000 cells of 30 types in an embedding
    bench_command.py plot FILE OUT                draw the embedding with scanpy, as a picture
    bench_command.py show FILE                    print what a backed object is
    bench_command.py subset FILE OUT              the cells of eight types, and every second gene
    bench_command.py transpose FILE OUT
    bench_command.py diff FILE OTHER              compare two objects
    bench_command.py repack FILE OUT              write it with gzip at level 4
    bench_command.py split FILE FOLDER            a file for each type of cell

What is written is on the disk when the time is taken, as that of the command is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")

TYPES = [f"type {k}" for k in range(8)]


def timed(*command):
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return {"seconds": time.perf_counter() - start, "bytes": 0}


def large(counts, file):
    import anndata as ad
    import numpy as np

    rng = np.random.default_rng(1)
    adata = ad.read_h5ad(counts)
    adata.layers["counts"] = adata.X.copy()
    adata.layers["scaled"] = adata.X * np.float32(0.5)
    for i in range(8):
        adata.obs[f"score{i}"] = rng.normal(size=adata.n_obs)
    for name, width in [("X_pca", 50), ("X_umap", 2)]:
        adata.obsm[name] = rng.normal(size=(adata.n_obs, width)).astype("f4")
    adata.uns["neighbors"] = {"params": {"n_neighbors": 15, "method": "umap"}}
    part = Path(file).with_suffix(".part")
    adata.write_h5ad(part)
    part.rename(file)
    return {"seconds": 0.0, "bytes": os.path.getsize(file)}


def points(file):
    import anndata as ad
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(2)
    kinds = rng.integers(0, 30, 100_000)
    obs = pd.DataFrame({"cell_type": pd.Categorical.from_codes(kinds, [f"type {k}" for k in range(30)])}, [f"c{i}" for i in range(100_000)])
    adata = ad.AnnData(obs=obs)
    adata.obsm["X_umap"] = (rng.normal(size=(30, 2))[kinds] * 5 + rng.normal(size=(100_000, 2))).astype("f4")
    adata.write_h5ad(file)
    return {"seconds": 0.0, "bytes": 0}


def plot(ad, file, out):
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    import scanpy as sc

    sc.pl.umap(ad.read_h5ad(file), color="cell_type", show=False)
    plt.savefig(out)


def show(file):
    import anndata

    print(anndata.read_h5ad(file, backed="r"))
    return {"seconds": 0.0, "bytes": 0}


def sync(path):
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def save(adata, out, **options):
    adata.write_h5ad(out, **options)
    sync(out)


def subset(ad, file, out):
    adata = ad.read_h5ad(file)
    # Names, as scipy 1.18 fails on a slice with a step beside positions.
    save(adata[adata.obs["cell_type"].isin(TYPES), adata.var_names[::2]].copy(), out)


def transpose(ad, file, out):
    save(ad.read_h5ad(file).T, out)


def diff(ad, file, other):
    from anndata.tests.helpers import assert_equal

    assert_equal(ad.read_h5ad(file), ad.read_h5ad(other), exact=True)


def repack(ad, file, out):
    save(ad.read_h5ad(file), out, compression="gzip", compression_opts=4)


def split(ad, file, folder):
    adata = ad.read_h5ad(file)
    Path(folder).mkdir(exist_ok=True)
    for value in adata.obs["cell_type"].cat.categories:
        save(adata[adata.obs["cell_type"] == value].copy(), Path(folder) / f"{value.replace(' ', '_')}.h5ad")


def inside(work):
    """Times the work alone, without what starts Python and imports packages."""

    def run(*arguments):
        import anndata as ad

        start = time.perf_counter()
        work(ad, *arguments)
        return {"seconds": time.perf_counter() - start, "bytes": 0}

    return run


COMMANDS = {"time": timed, "large": large, "points": points, "show": show}
COMMANDS |= {work.__name__: inside(work) for work in (subset, transpose, diff, repack, split, plot)}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
