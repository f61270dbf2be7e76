"""Whether annbatch reads what ``rechunk`` wrote: the rows that are expected, in the same order, by its collection and its loader.

Usage::

    annbatch_reads.py STORE EXPECTED

``EXPECTED`` is JSON: the names of the rows, a column of ``obs`` (``kind``), and the values of ``X``, row by row.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import zarr
from annbatch import DatasetCollection, Loader
from scipy import sparse

warnings.simplefilter("ignore")


def main(store, expected):
    expected = json.loads(Path(expected).read_text())
    collection = DatasetCollection(zarr.open_group(store, mode="r"))
    assert not collection.is_empty
    obs = collection.obs()
    assert obs.index.tolist() == expected["names"]
    assert obs["kind"].astype(str).tolist() == expected["kinds"]

    for options in ({"chunk_size": 5, "preload_nchunks": 4}, {"chunk_size": 3, "preload_nchunks": 10, "shuffle": True}):
        loader = Loader(batch_size=10, return_index=True, **options).use_collection(collection)
        rows, kinds, index = [], [], []
        for batch in loader:
            x = batch["X"]
            rows.append(np.asarray(x.todense() if sparse.issparse(x) else x))
            kinds += batch["obs"]["kind"].astype(str).tolist()
            index += batch["index"].tolist()
        assert sorted(index) == list(range(len(expected["names"])))
        assert options.get("shuffle") or index == sorted(index)
        assert kinds == [expected["kinds"][at] for at in index]
        np.testing.assert_array_equal(np.concatenate(rows), np.array(expected["x"])[index])


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
