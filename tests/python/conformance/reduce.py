"""Making the inputs of a case smaller: the steps that the shrinker tries.

A reduction is a pair: `("drop", "/obsm/X_pca")` removes an element, `("rows", 3)` and `("columns", 2)` keep so many.
"""

from __future__ import annotations

import h5py
import stores

MAPPINGS = ["layers", "obsm", "varm", "obsp", "varp", "uns"]


def of_object(adata, reductions):
    """The object without what the reductions take away; it may lack that already."""
    for kind, what in reductions:
        if kind == "rows" and what < adata.n_obs:
            adata = adata[:what].copy()
        elif kind == "columns" and what < adata.n_vars:
            adata = adata[:, :what].copy()
        elif kind == "drop":
            drop(adata, *what.strip("/").split("/", 1))
    return adata


def drop(adata, slot, key=""):
    if slot == "X":
        adata.X = None
    elif slot == "raw":
        adata.raw = None
    elif slot in ("obs", "var"):
        frame = getattr(adata, slot)
        setattr(adata, slot, frame.drop(columns=key, errors="ignore"))
    else:
        inner, key = find(getattr(adata, slot), key)
        if key in inner:
            del inner[key]


def find(mapping, key):
    """The innermost mapping and the last part of a path; keys may have slashes."""
    while key not in mapping and "/" in key:
        first, rest = key.split("/", 1)
        if not isinstance(mapping.get(first), dict):
            break
        mapping, key = mapping[first], rest
    return mapping, key


def of_file(path, reductions):
    """Remove elements from a fixture. Rows stay, as old layouts are not understood here."""
    paths = [what for kind, what in reductions if kind == "drop"]
    if paths and stores.is_hdf5(path):
        with h5py.File(path, "r+") as file:
            for what in paths:
                if what in file and what.count("/") > 1 and not what.startswith(("/obs/", "/var/")):
                    del file[what]


def candidates(elements):
    """Reductions worth a try of an object with this description, the coarse ones first."""
    containers = {"/", "/obs", "/var", *(f"/{slot}" for slot in MAPPINGS)}
    paths = [path for path in elements if path not in containers and not path.startswith("/raw/")]
    paths += [f"/{axis}/{column['name']}" for axis in ("obs", "var") for column in elements.get(f"/{axis}", {}).get("columns", [])]
    drops = [("drop", path) for path in sorted(paths, key=lambda path: (path.count("/"), path))]
    return drops + [("rows", n) for n in (0, 1, 2, 4)] + [("columns", n) for n in (0, 1, 2, 4)]
