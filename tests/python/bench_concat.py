"""The Python half of ``cargo xtask bench concat``; each command prints one line of JSON.

Usage::

    bench_concat.py make FOLDER                   concat-{same,part}-{0..9}.h5ad: 10,000 x 20,000 (or 18,000) with 4 million non-zeros
    bench_concat.py same|outer|inner FOLDER       read ten objects, then time concatenating them
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

N_OBJECTS, N_OBS, N_VAR, N_PART, PER_ROW = 10, 10_000, 20_000, 18_000, 400


def make(folder):
    """Ten objects with the same variables, and ten with as many random ones, in random order, as ``N_PART``."""
    import numpy as np

    rng = np.random.default_rng(41)
    names = np.array([f"gene{i:05d}" for i in range(N_VAR)])
    for i in range(N_OBJECTS):
        for kind, own in (("same", names), ("part", rng.choice(names, N_PART, replace=False))):
            part = Path(folder) / "concat.part"
            made_object(rng, i, own).write_h5ad(part)
            part.rename(Path(folder) / f"concat-{kind}-{i}.h5ad")
    return {"seconds": 0.0, "bytes": 0}


def made_object(rng, number, names):
    import anndata as ad
    import numpy as np
    import pandas as pd
    from scipy import sparse

    strip = len(names) // PER_ROW
    indices = rng.integers(0, strip, (N_OBS, PER_ROW), dtype=np.int32) + np.arange(PER_ROW, dtype=np.int32) * strip
    data = rng.poisson(1.0, N_OBS * PER_ROW).astype(np.float32) + 1
    indptr = np.arange(0, N_OBS * PER_ROW + 1, PER_ROW, dtype=np.int32)
    x = sparse.csr_matrix((data, indices.ravel(), indptr), (N_OBS, len(names)))
    obs = pd.DataFrame(
        {"score": rng.random(N_OBS), "group": pd.Categorical.from_codes(rng.integers(0, 8, N_OBS), list("abcdefgh"))},
        index=[f"cell{number}-{i}" for i in range(N_OBS)],
    )
    return ad.AnnData(x, obs=obs, var=pd.DataFrame({"length": np.char.str_len(names)}, index=names))


def concat(what, folder):
    import anndata as ad

    files = "same" if what == "same" else "part"
    objects = [ad.read_h5ad(Path(folder) / f"concat-{files}-{i}.h5ad") for i in range(N_OBJECTS)]
    start = time.perf_counter()
    joined = ad.concat(objects, join="outer" if what == "outer" else "inner", merge="same", label="batch")
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "bytes": sum(map(size_of, objects)) + size_of(joined)}


def size_of(adata):
    return int(adata.X.data.nbytes + adata.X.indices.nbytes + adata.X.indptr.nbytes)


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", "same", "outer", "inner"):
        sys.exit(__doc__)
    what, folder = sys.argv[1:]
    print(json.dumps(make(folder) if what == "make" else concat(what, folder)))
