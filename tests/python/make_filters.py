"""Write arrays with the filters of HDF5 that need a library of their own, for the tests of the HDF5 backend.

`plain/DTYPE` has the values, `FILTER/DTYPE` the same values with a filter. It needs the package hdf5plugin, which is
not among those of the other generators; the file is written anew by hand.

Usage: ``python make_filters.py [FILE]`` (default: ``crates/anndata-io-hdf5/tests/data/filters.h5`` of this project)
"""

from __future__ import annotations

import sys
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "crates" / "anndata-io-hdf5" / "tests" / "data" / "filters.h5"
SHAPE, CHUNKS = (21, 14), (12, 9)
DTYPES = ["u1", "i2", ">i2", "u4", "f4", "i8", "f8", "S3", "c16"]


def values(dtype):
    """Some that shrink, some that do not, and zeros over several blocks."""
    random = np.random.default_rng(7)
    numbers = np.cumsum(random.integers(-3, 4, SHAPE), axis=1) + 40
    numbers[:7] = 0
    numbers[15:, 9:] = random.integers(0, 256, (6, 5))
    if dtype == "S3":
        return numbers.astype("S3")
    wide = numbers.astype("f8") * (1.7 if np.dtype(dtype).kind in "fc" else 1)
    return wide.astype(dtype)


def filters(dtype):
    """Arguments of `create_dataset` by name."""
    yield "plain", {"chunks": None}
    for name, options in {
        "none": {"cname": "none"},
        "none-8": {"cname": "none", "nelems": 8},
        "lz4": {"cname": "lz4"},
        "lz4-16": {"cname": "lz4", "nelems": 16},
        "zstd": {"cname": "zstd", "clevel": 9},
        "zstd-64": {"cname": "zstd", "nelems": 64},
    }.items():
        yield f"bitshuffle-{name}", hdf5plugin.Bitshuffle(**options)
    if np.dtype(dtype).kind in "uif":
        for coding in ("nn", "ec"):
            for block in (4, 8, 16, 32):
                yield f"szip-{coding}-{block}", {"compression": "szip", "compression_opts": (coding, block)}
        yield "shuffle-szip", {"compression": "szip", "compression_opts": ("nn", 8), "shuffle": True}
    if dtype in ("f4", "i8"):
        yield "blosc-snappy", {"chunks": SHAPE, **hdf5plugin.Blosc(cname="snappy", clevel=9)}


def main(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", libver="latest") as f:
        for dtype in DTYPES:
            for name, options in filters(dtype):
                f.create_dataset(f"{name}/{dtype}", data=values(dtype), **{"chunks": CHUNKS, **options})
    with h5py.File(path) as f:
        for name in f:
            for dtype in f[name]:
                assert (f[name][dtype][:] == f["plain"][dtype][:]).all(), (name, dtype)
    print(f"{path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
