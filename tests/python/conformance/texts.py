"""Files of text as other programs write them, at random."""

from __future__ import annotations

import bz2
import gzip

import h5py
import numpy as np
import pandas as pd
from scipy import io, sparse

ENDINGS = {"": open, ".gz": gzip.open, ".bz2": bz2.open}
SEPARATORS = {"comma": ",", "tab": "\t", "space": " "}


def matrix(rng, shape):
    """A sparse matrix of random density and kind of values."""
    density = float(rng.choice([0.0, 0.05, 0.5]))
    draws = [lambda n: rng.integers(1, 300, n), lambda n: rng.normal(size=n), lambda n: rng.integers(-9, 9, n)]
    return sparse.random(*shape, density, random_state=rng, data_rvs=draws[rng.integers(3)])


def mtx(rng, folder):
    """A Matrix Market file of any kind that scipy writes."""
    shape = tuple(int(n) for n in rng.integers(1, 80, 2))
    kind = rng.choice(["general", "symmetric", "skew-symmetric", "pattern", "array", "shuffled"])
    options = {}
    if kind in ("symmetric", "skew-symmetric"):
        square = matrix(rng, (shape[0], shape[0]))
        drawn, options = (square + square.T if kind == "symmetric" else square - square.T).tocoo(), {"symmetry": str(kind)}
    else:
        drawn = matrix(rng, shape).tocoo()
    if kind == "pattern":
        options = {"field": "pattern"}
    if kind == "array":
        drawn = drawn.toarray()
    if kind == "shuffled" and drawn.nnz:
        order = rng.permutation(np.repeat(np.arange(drawn.nnz), rng.integers(1, 3)))
        drawn = sparse.coo_matrix((drawn.data[order], (drawn.row[order], drawn.col[order])), drawn.shape)
    path = folder / "matrix.mtx"
    io.mmwrite(path, drawn, **options)
    if rng.random() < 0.5:
        packed = path.with_suffix(".mtx.gz")
        packed.write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
        return packed
    return path


def table(rng, folder):
    """A table with or without names and comments; gives its path and separator."""
    rows, columns = (int(n) for n in rng.integers(1, 20, 2))
    separator = str(rng.choice(list(SEPARATORS)))
    values = rng.normal(size=(rows, columns)) * 10.0 ** rng.integers(-5, 6)
    if rng.random() < 0.3:
        values = values.round()
    frame = pd.DataFrame(values, [f"cell{i}" for i in range(rows)], [f"gene {i}".replace(" ", "-") for i in range(columns)])
    ending = str(rng.choice(list(ENDINGS)))
    path = folder / f"table.txt{ending}"
    header, index = bool(rng.random() < 0.7), bool(rng.random() < 0.7 or columns < 2)
    text = frame.to_csv(sep=SEPARATORS[separator], header=header, index=index)
    if separator == "space" and index and header:
        text = "names" + text
    if rng.random() < 0.3:
        text = "# a note\n#\n" + text
    if rng.random() < 0.3:
        text = text.replace("\n", "\r\n")
    with ENDINGS[ending](path, "wb") as file:
        file.write(text.encode())
    return path, separator


def umi_tools(rng, folder):
    """Counts of some genes in some cells."""
    n = int(rng.integers(1, 200))
    columns = {"gene": [f"G{i}" for i in rng.integers(0, 30, n)], "cell": [f"C{i}" for i in rng.integers(0, 9, n)]}
    path = folder / "counts.tsv.gz"
    pd.DataFrame(columns | {"count": rng.integers(1, 90, n)}).to_csv(path, sep="\t", index=False)
    return path


def hdf(rng, folder):
    """An array in an HDF5 file."""
    path = folder / "array.h5"
    dtype = str(rng.choice(["f4", "f8", "i4", "u1"]))
    with h5py.File(path, "w") as file:
        file["counts"] = (rng.random(tuple(rng.integers(1, 9, 2))) * 100).astype(dtype)
    return path
