"""The Python half of ``cargo xtask bench text``; each command prints one line of JSON.

Usage::

    bench_text.py make COUNTS FOLDER ROWS COLUMNS   the counts of an .h5ad file as an mtx file, a folder and an HDF5 file of 10x
                                                    Genomics; and a table of so many rows and columns
    bench_text.py mtx FILE         time scanpy's `read_mtx`
    bench_text.py 10x_mtx FOLDER   time scanpy's `read_10x_mtx`
    bench_text.py 10x_h5 FILE      time scanpy's `read_10x_h5`
    bench_text.py csv FILE         time pandas' `read_csv`, as numbers of 32 bits

``check`` is the sum of all values, which both sides have to find.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")


def make(counts, folder, rows, columns):
    import anndata as ad
    import h5py
    import numpy as np
    import pandas as pd

    folder = Path(folder)
    adata = ad.read_h5ad(counts)
    x = adata.X.tocsr()
    part = folder / "10x.part"
    part.mkdir(exist_ok=True)
    with gzip.open(part / "matrix.mtx.gz", "wb", compresslevel=6) as file:
        file.write(f"%%MatrixMarket matrix coordinate integer general\n{x.shape[1]} {x.shape[0]} {x.nnz}\n".encode())
        # As Cell Ranger does: cell by cell.
        for start in range(0, x.shape[0], 1000):
            block = x[start : start + 1000].tocoo()
            frame = pd.DataFrame({"row": block.col + 1, "column": block.row + start + 1, "value": block.data.astype("i4")})
            frame.to_csv(file, sep=" ", header=False, index=False)
    with gzip.open(part / "features.tsv.gz", "wt") as file:
        file.writelines(f"ENSG{i:011d}\t{name}\tGene Expression\n" for i, name in enumerate(adata.var_names))
    with gzip.open(part / "barcodes.tsv.gz", "wt") as file:
        file.writelines(f"{name}-1\n" for name in adata.obs_names)
    with h5py.File(folder / "10x.h5.part", "w") as file:
        arrays = dict(data=x.data.astype("i4"), indices=x.indices.astype("i8"), indptr=x.indptr.astype("i8"))
        arrays |= dict(shape=np.array([x.shape[1], x.shape[0]], "i4"), barcodes=np.array(adata.obs_names, "S"))
        features = dict(id=[f"ENSG{i:011d}" for i in range(x.shape[1])], name=adata.var_names)
        features |= dict(feature_type=["Gene Expression"] * x.shape[1], genome=["GRCh38"] * x.shape[1])
        arrays |= {f"features/{name}": np.array(values, "S") for name, values in features.items()}
        for name, values in arrays.items():
            chunks = (min(80_000, len(values)),)
            file.create_dataset(f"matrix/{name}", data=values, chunks=chunks, compression="gzip", compression_opts=4, shuffle=True)
    rng = np.random.default_rng(42)
    rows, columns = int(rows), int(columns)
    with (folder / "table.csv.part").open("w") as file:
        names = [f"gene{i}" for i in range(columns)]
        for start in range(0, rows, 500):
            some = min(500, rows - start)
            values = np.log1p(rng.poisson(1.5, (some, columns))).round(6)
            frame = pd.DataFrame(values, [f"cell{i}" for i in range(start, start + some)], names)
            frame.to_csv(file, header=start == 0)
    (folder / "10x.h5.part").rename(folder / "10x.h5")
    part.rename(folder / "10x")
    (folder / "table.csv.part").rename(folder / "table.csv")
    return {"seconds": 0.0, "bytes": int(x.data.nbytes)}


def size_of(x):
    return int(x.data.nbytes + x.indices.nbytes + x.indptr.nbytes) if hasattr(x, "indptr") else int(x.nbytes)


def timed(read):
    start = time.perf_counter()
    found = read()
    seconds = time.perf_counter() - start
    x = found.X if hasattr(found, "X") else found.to_numpy()
    values = x.data if hasattr(x, "indptr") else x
    return {"seconds": seconds, "bytes": size_of(x), "check": float(values.sum(dtype="f8"))}


def mtx(path):
    import scanpy as sc

    return timed(lambda: sc.read(path))


def tenx_mtx(path):
    import scanpy as sc

    return timed(lambda: sc.read_10x_mtx(path))


def tenx_h5(path):
    import scanpy as sc

    return timed(lambda: sc.read_10x_h5(path))


def csv(path):
    import numpy as np
    import pandas as pd

    columns = pd.read_csv(path, nrows=0).columns[1:]
    return timed(lambda: pd.read_csv(path, index_col=0, dtype=dict.fromkeys(columns, np.float32)))


COMMANDS = {"make": make, "mtx": mtx, "10x_mtx": tenx_mtx, "10x_h5": tenx_h5, "csv": csv}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
