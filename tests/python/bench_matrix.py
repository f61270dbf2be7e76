"""The Python half of ``cargo xtask bench matrix``: one line of JSON for each operation.

Usage::

    bench_matrix.py FILE [REPEATS [OPERATION]]     read the matrix, then time each operation on it REPEATS times

What is timed is what scipy does to the matrix, and anndata to the object.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np

# The first columns, as which the dense matrix is taken.
DENSE_COLUMNS = 500


def hashed(i):
    """A number that looks random; the Rust half has the same."""
    return (i * 2_654_435_761 % (1 << 32)) >> 12


def picked(length, step):
    i = np.arange(length, dtype=np.uint64)
    return i[hashed(i) % step == 0].astype(np.int64)


def shuffle(positions):
    return positions[np.lexsort((positions, hashed(positions.astype(np.uint64))))]


def set_one_by_one(adata, rows):
    x = adata.X
    for row, column in zip(rows, x.indices[x.indptr[rows]]):
        x[row, column] = 2.0
    return len(rows)


def variances(x, axis):
    """As they are made of a sparse matrix without a dense one."""
    mean = np.asarray(x.mean(axis=axis)).ravel()
    return np.asarray(x.multiply(x).mean(axis=axis)).ravel() - mean**2


def halves(values):
    """The sum of values that are whole halves, in halves."""
    values = values.toarray() if hasattr(values, "toarray") else values
    return values.sum(dtype=np.float64) * 2


def operations(adata, stored):
    x, names = adata.X, adata.obs_names
    csc, dense = x.tocsc(), x[:, :DENSE_COLUMNS].toarray()
    every = shuffle(picked(x.shape[0], 1))
    mixed = names[every]
    some = shuffle(picked(x.shape[0], max(x.shape[0] // 1000, 1)))
    rows, columns = picked(x.shape[0], 2), picked(x.shape[1], 10)
    mixed_rows, mixed_columns = shuffle(rows), shuffle(columns)
    cells = picked(x.shape[0], max(x.shape[0] // 100, 1))
    mask = np.zeros(x.shape[0], dtype=bool)
    mask[rows] = True
    return {
        "rows, half of them": lambda: x[mask].nnz,
        "rows, half of them shuffled": lambda: x[mixed_rows].nnz,
        "columns, a tenth of them": lambda: x[:, columns].nnz,
        "columns, a tenth of them shuffled": lambda: x[:, mixed_columns].nnz,
        "rows and columns": lambda: x[np.ix_(rows, columns)].nnz,
        "to CSC": lambda: x.tocsc().nnz,
        "row sums": lambda: np.asarray(x.sum(axis=1)).size,
        "column sums": lambda: np.asarray(x.sum(axis=0)).size,
        "row variances": lambda: variances(x, 1).size,
        "column variances": lambda: variances(x, 0).size,
        "row maxima": lambda: halves(x.max(axis=1)),
        "column maxima": lambda: halves(x.max(axis=0)),
        "values of columns counted": lambda: x.getnnz(axis=0).sum(),
        "to CSR": lambda: csc.tocsr().nnz,
        "values as doubles": lambda: x.astype(np.float64).nnz,
        "dense, transposed": lambda: np.ascontiguousarray(dense.T).size,
        "dense, as doubles": lambda: dense.astype(np.float64).size,
        "dense, column sums": lambda: halves(dense.sum(axis=0)),
        "dense, row maxima": lambda: halves(dense.max(axis=1)),
        "an object's rows, half of them by a mask": lambda: adata[mask].copy().X.nnz,
        "names looked up": lambda: names.get_indexer(mixed).size,
        "rows from the file, a thousand": lambda: stored[some].X.nnz,
        "stored values, a hundred set one by one": lambda: set_one_by_one(adata, cells),
    }


def main(file, repeats="5", only=None):
    import anndata as ad

    for name, operation in operations(ad.read_h5ad(file), ad.read_h5ad(file, backed="r")).items():
        if only not in (None, name):
            continue
        seconds = []
        for _ in range(int(repeats)):
            start = time.perf_counter()
            check = operation()
            seconds.append(time.perf_counter() - start)
        print(json.dumps({"name": name, "seconds": min(seconds), "check": int(check)}), flush=True)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
