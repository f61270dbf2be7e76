"""The comparison itself: a file equals its copy, and every kind of change is seen and named.

Usage: ``python -m pytest tests/python``
"""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from compare import differences
from describe import describe_file

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
FILES = sorted([FIXTURES / "demo.h5ad", *FIXTURES.glob("h5ad/*.h5ad"), *FIXTURES.glob("legacy/*.h5ad")])


def recast(file, path, dtype):
    attributes, values = dict(file[path].attrs), file[path][...]
    del file[path]
    node = file.create_dataset(path, data=values.astype(dtype))
    for key, value in attributes.items():
        node.attrs[key] = value


def set_value(file, path, index, value):
    file[path][index] = value


def swap_categories(file, path):
    categories, codes = file[f"{path}/categories"], file[f"{path}/codes"]
    values = categories[...]
    values[[0, 1]] = values[[1, 0]]
    categories[...] = values
    old = codes[...]
    codes[...] = np.select([old == 0, old == 1], [1, 0], old)


#: The fixture, the change, and the path that a difference has to name.
CHANGES = {
    "value": ("demo", lambda f: set_value(f, "X/data", 5, 99.0), "/X"),
    "value to NaN": ("demo", lambda f: set_value(f, "obsm/X_pca", (0, 0), np.nan), "/obsm/X_pca"),
    "last bit": ("demo", lambda f: set_value(f, "varm/PCs", (3, 3), np.nextafter(f["varm/PCs"][3, 3], 9)), "/varm/PCs"),
    "dtype": ("demo", lambda f: recast(f, "obs/n_genes", "i4"), "/obs"),
    "index width": ("sparse", lambda f: recast(f, "layers/csc/indices", "i8"), "/layers/csc"),
    "width of codes": ("categorical", lambda f: recast(f, "obs/plain/codes", "i2"), "/obs"),
    "column order": ("demo", lambda f: f["obs"].attrs.modify("column-order", f["obs"].attrs["column-order"][::-1]), "/obs"),
    "ordered": ("categorical", lambda f: f["obs/ordered"].attrs.modify("ordered", False), "/obs"),
    "order of categories": ("categorical", lambda f: swap_categories(f, "obs/unused"), "/obs"),
    "na-value": ("nullable", lambda f: f["uns/strings"].attrs.modify("na-value", "NaN"), "/uns/strings"),
    "mask": ("nullable", lambda f: set_value(f, "obs/int/mask", 0, True), "/obs"),
    "encoding version": ("arrays", lambda f: f["uns/cube"].attrs.modify("encoding-version", "9.0.0"), "/: anndata cannot read"),
    "element lost": ("dict", lambda f: f["uns"].pop("zulu"), "/uns/zulu"),
    "empty mapping lost": ("dict", lambda f: f["uns"].pop("empty"), "/uns/empty"),
    "unknown root member lost": ("anndata-extra", lambda f: f.pop("future_root"), "/future_root"),
    "unknown payload": ("unknown", lambda f: set_value(f, "uns/future_group/payload", 1, 7.5), "/uns/future_group/payload"),
    "unknown part lost": ("unknown", lambda f: f["uns/future_group/inner"].pop("text"), "/uns/future_group/inner/text"),
    "unknown attribute lost": ("unknown", lambda f: f["uns/future_array"].attrs.pop("unit"), "/uns/future_array"),
    "record": ("recarray", lambda f: set_value(f, "uns/scores", 1, (9.0, 9.0)), "/uns/scores"),
    "awkward value": ("awkward", lambda f: set_value(f, "obsm/reads/node1-data", 0, 77), "/obsm/reads"),
    "string": ("strings", lambda f: set_value(f, "uns/plain", 0, "b"), "/uns/plain"),
    "element added": ("dict", lambda f: f["uns"].create_dataset("new", data=1), "/uns"),
    "older layout kept": ("demo", lambda f: f.attrs.pop("encoding-type"), "/"),
}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_file_equals_its_copy(path, tmp_path):
    copy = shutil.copy(path, tmp_path / "copy.h5ad")
    found = differences(path, copy)
    # A copy keeps an older layout, which a rewrite must not.
    assert [f for f in found if f != "/: the copy has an older layout"] == []


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen(name, tmp_path):
    stem, change, path = CHANGES[name]
    source = next(p for p in FILES if p.stem == stem)
    copy = shutil.copy(source, tmp_path / "copy.h5ad")
    with h5py.File(copy, "r+") as file:
        change(file)
    found = differences(source, copy)
    assert any(line.startswith(path) for line in found), found


def test_descriptions_are_up_to_date(tmp_path):
    from describe import write_expected

    for path in FILES:
        write_expected(path, tmp_path)
        committed = FIXTURES / "expected" / f"{path.stem}.json"
        assert (tmp_path / committed.name).read_text() == committed.read_text(), path


def test_every_file_but_the_refused_is_described():
    refused = {p.stem for p in FILES if describe_file(p)["read_error"]}
    assert refused == {"anndata-both-raw", "anndata-extra", "unknown"}
