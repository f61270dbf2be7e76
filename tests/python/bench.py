"""The Python half of ``cargo xtask bench``; each command prints one line of JSON.

Usage::

    bench.py make FOLDER                    gzip.h5ad and none.h5ad: 100,000 x 20,000 with 40 million non-zeros
    bench.py read FILE                      read the whole object, from an .h5ad or a .zarr
    bench.py write FILE OUT [--compression none|gzip] [--durable]
                                            read FILE, then time writing it to OUT, an .h5ad or a .zarr
    bench.py convert FILE OUT [--durable]   read FILE and write it to OUT
    bench.py measure PROGRAM [ARGUMENT...]  run a program, and add its peak memory and its CPU time to the JSON that it
                                            prints

A .zarr is of version 3, with automatic shards, and goes through the codecs of the package zarrs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

N_OBS, N_VAR, PER_ROW = 100_000, 20_000, 400


def make(folder):
    """The same object twice: with gzip at level 4 and the chunks that anndata chooses, and uncompressed."""
    import anndata as ad

    folder = Path(folder)
    ad.settings.allow_write_nullable_strings = True
    adata = made_object()
    for name, options in (("gzip", {"compression": "gzip", "compression_opts": 4}), ("none", {})):
        part = folder / f"{name}.part"
        adata.write_h5ad(part, convert_strings_to_categoricals=False, **options)
        part.rename(folder / f"{name}.h5ad")
    return {"seconds": 0.0, "bytes": size_of(adata)}


def made_object():
    import anndata as ad
    import numpy as np
    import pandas as pd
    from scipy import sparse

    rng = np.random.default_rng(40)
    # One column out of each of PER_ROW equal strips: sorted, without duplicates.
    strip = N_VAR // PER_ROW
    indices = np.empty((N_OBS, PER_ROW), dtype=np.int32)
    for start in range(0, N_OBS, 10_000):
        part = rng.integers(0, strip, (10_000, PER_ROW), dtype=np.int32)
        indices[start : start + 10_000] = part + np.arange(PER_ROW, dtype=np.int32) * strip
    data = (rng.poisson(1.0, N_OBS * PER_ROW).astype(np.float32) + 1) * rng.choice([0.5, 1, 1.5], N_OBS * PER_ROW).astype(np.float32)
    indptr = np.arange(0, N_OBS * PER_ROW + 1, PER_ROW, dtype=np.int32)
    x = sparse.csr_matrix((data, indices.ravel(), indptr), (N_OBS, N_VAR))
    obs = pd.DataFrame(index=[f"cell{i:06d}" for i in range(N_OBS)])
    for i in range(4):
        obs[f"score{i}"] = rng.normal(size=N_OBS).astype(np.float32 if i % 2 else np.float64)
    for i in range(2):
        obs[f"count{i}"] = rng.integers(0, 10_000, N_OBS).astype(np.int32 if i else np.int64)
    for i, n in enumerate((8, 300)):
        obs[f"group{i}"] = pd.Categorical.from_codes(rng.integers(0, n, N_OBS), [f"g{k}" for k in range(n)])
    obs["flag"] = rng.random(N_OBS) > 0.5
    obs["label"] = [f"label {i % 977}" for i in range(N_OBS)]
    return ad.AnnData(x, obs=obs, var=pd.DataFrame(index=[f"gene{i:05d}" for i in range(N_VAR)]))


def size_of(adata):
    """The bytes of the matrix in memory; the frames are small beside it."""
    return int(adata.X.data.nbytes + adata.X.indices.nbytes + adata.X.indptr.nbytes)


def prepared():
    """anndata, set up as its fastest users set it up."""
    import anndata as ad
    import zarr
    import zarrs  # noqa: F401

    ad.settings.allow_write_nullable_strings = True
    ad.settings.zarr_write_format = 3
    ad.settings.auto_shard_zarr_v3 = True
    zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
    return ad


def read_any(ad, file):
    return ad.read_zarr(file) if file.endswith(".zarr") else ad.read_h5ad(file)


def write_any(adata, out, compression):
    if out.endswith(".zarr"):
        adata.write_zarr(out, convert_strings_to_categoricals=False)
        return
    adata.write_h5ad(
        out,
        compression=None if compression == "none" else compression,
        compression_opts=4 if compression == "gzip" else None,
        convert_strings_to_categoricals=False,
    )


def read(file):
    ad = prepared()
    start = time.perf_counter()
    adata = read_any(ad, file)
    return {"seconds": time.perf_counter() - start, "bytes": size_of(adata)}


def write(file, out, *options):
    ad = prepared()
    compression = options[options.index("--compression") + 1] if "--compression" in options else "none"
    adata = read_any(ad, file)
    Path(out).unlink(missing_ok=True)
    start = time.perf_counter()
    write_any(adata, out, compression)
    if "--durable" in options:
        sync(Path(out))
    return {"seconds": time.perf_counter() - start, "bytes": size_of(adata)}


def convert(file, out, *options):
    ad = prepared()
    start = time.perf_counter()
    adata = read_any(ad, file)
    write_any(adata, out, "none")
    if "--durable" in options:
        sync(Path(out))
    return {"seconds": time.perf_counter() - start, "bytes": size_of(adata)}


def sync(path):
    """Wait until a file, or a folder and all in it, is on the disk."""
    for part in [*path.rglob("*"), path]:
        handle = os.open(part, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


def measure(*command):
    """Run a program; what it prints last is JSON, to which its largest resident memory and its CPU time are added."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    added = {"peak_bytes": usage.ru_maxrss * unit, "cpu_seconds": usage.ru_utime + usage.ru_stime}
    return json.loads(printed.strip().splitlines()[-1]) | added


COMMANDS = {"make": make, "read": read, "write": write, "convert": convert, "measure": measure}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
