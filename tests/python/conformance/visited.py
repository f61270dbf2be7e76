"""Which elements Python visits when it reads and writes with a function that decides, and files without some elements."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
from anndata.experimental import read_dispatched, write_dispatched

#: The slots of which any element can be left out.
SLOTS = ("uns", "obsm", "varm", "obsp", "varp", "layers")
#: What columns consist of.
INNER = ("codes", "categories", "values", "mask")


def of_reading(path):
    """The paths of the elements of a file, in the order in which Python reads them."""
    found = []

    def note(read, name, node, iospec):
        found.append(name.strip("/"))
        return read(node)

    with h5py.File(path) as file:
        read_dispatched(file, note)
    return found


def of_writing(path):
    """The paths of the elements of the object in a file, in the order in which Python writes them."""
    adata, found = ad.read_h5ad(path), []
    adata.uns = real(adata.uns)

    def note(write, group, key, value, *, dataset_kwargs, iospec):
        path = f"{group.name.strip('/')}/{key.strip('/')}".strip("/")
        # Python asks about a `raw` that is not there.
        if value is not None or path != "raw":
            found.append(path)
        write(group, key, value, dataset_kwargs=dataset_kwargs)

    with tempfile.TemporaryDirectory() as folder, h5py.File(Path(folder) / "written.h5ad", "w") as file:
        write_dispatched(file, "/", adata, note)
    return found


def real(value):
    """The same with 0 for each complex number, which Python reads as one that it cannot write."""
    if isinstance(value, dict):
        return {key: real(own) for key, own in value.items()}
    return 0.0 if isinstance(value, complex | np.complexfloating) else value


def removable(path):
    """The paths of elements without which an object is an object: those of slots, and columns."""
    found = of_reading(path)
    with h5py.File(path) as file:
        indexes = {f"{frame}/{file[frame].attrs['_index']}" for frame in ("obs", "var")}
        paths = [path for path in found if path.count("/") == 1 and path.split("/")[0] in (*SLOTS, "obs", "var")]
        # A frame keeps a column, as there is more than one way to list none.
        last = {f"{frame}/{list(file[frame].attrs['column-order'])[-1]}" for frame in ("obs", "var") if len(file[frame].attrs["column-order"])}
    return [path for path in paths if path not in indexes | last]


def without(source, paths, target):
    """A copy of a file without some elements."""
    shutil.copyfile(source, target)
    with h5py.File(target, "r+") as file:
        for path in paths:
            slot, key = path.split("/")
            del file[path]
            if slot in ("obs", "var"):
                order = [name for name in file[slot].attrs["column-order"] if name != key]
                file[slot].attrs["column-order"] = np.array(order, dtype=object)


def differences(case, expected, *, inner):
    """Where the elements that Rust visited are others than expected."""
    found = json.loads(Path(case.options["visited"]).read_text())
    skipped = case.options.get("skip", [])
    whole = [*skipped, *case.options.get("lazy", [])]
    expected = [path for path in expected if not any(path.startswith(f"{above}/") for above in whole)]
    if not inner:
        expected, found = ([path for path in paths if path.split("/")[-1] not in INNER] for paths in (expected, found))
    if expected != found:
        at = next((at for at, pair in enumerate(zip(expected, found, strict=False)) if pair[0] != pair[1]), min(len(expected), len(found)))
        yield f"/: visited {found[at : at + 3]} where Python visits {expected[at : at + 3]}"
