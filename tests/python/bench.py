"""The Python half of ``cargo xtask bench``; each command prints one line of JSON.

Usage::

    bench.py make FOLDER                    gzip.h5ad and none.h5ad: 100,000 x 20,000 with 40 million non-zeros
    bench.py read FILE                      read the whole object
    bench.py write FILE OUT --compression none|gzip [--durable]
                                            read FILE, then time writing it to OUT
    bench.py measure PROGRAM [ARGUMENT...]  run a program, and add its peak memory to the JSON that it prints
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


def read(file):
    import anndata as ad

    start = time.perf_counter()
    adata = ad.read_h5ad(file)
    return {"seconds": time.perf_counter() - start, "bytes": size_of(adata)}


def write(file, out, *options):
    import anndata as ad

    compression = options[options.index("--compression") + 1]
    ad.settings.allow_write_nullable_strings = True
    adata = ad.read_h5ad(file)
    Path(out).unlink(missing_ok=True)
    start = time.perf_counter()
    adata.write_h5ad(
        out,
        compression=None if compression == "none" else compression,
        compression_opts=4 if compression == "gzip" else None,
        convert_strings_to_categoricals=False,
    )
    if "--durable" in options:
        with open(out, "rb+") as f:
            os.fsync(f.fileno())
    return {"seconds": time.perf_counter() - start, "bytes": size_of(adata)}


def measure(*command):
    """Run a program; what it prints last is JSON, to which the largest resident memory of it is added."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit status {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return json.loads(printed.strip().splitlines()[-1]) | {"peak_bytes": usage.ru_maxrss * unit}


COMMANDS = {"make": make, "read": read, "write": write, "measure": measure}

if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    print(json.dumps(COMMANDS[sys.argv[1]](*sys.argv[2:])))
