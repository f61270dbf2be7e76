"""Types that HDF5 has and anndata has no name for.

Usage: opaque.py make FILE writes an object with every one of them.
       opaque.py check FILE OTHER compares datatypes and bytes of all datasets below uns, obsm and obs.
"""

import sys
import warnings

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from h5py import h5s, h5t

warnings.simplefilter("ignore")


def types():
    three = h5t.STD_I32LE.copy()
    three.set_precision(24)
    three.set_size(3)
    odd = h5t.STD_I32BE.copy()
    odd.set_precision(17)
    small = h5t.IEEE_F32LE.copy()
    small.set_fields(15, 7, 8, 0, 7)
    small.set_precision(16)
    small.set_size(2)
    tagged = h5t.create(h5t.OPAQUE, 7)
    tagged.set_tag(b"a tag")
    within = h5t.create(h5t.COMPOUND, 24)
    within.insert(b"n", 0, h5t.STD_I32LE)
    within.insert(b"x", 8, h5t.py_create(np.dtype(np.longdouble)))
    return {
        "float80": h5t.py_create(np.dtype(np.longdouble)),
        "opaque": tagged,
        "opaque date": h5t.py_create(h5py.opaque_dtype("M8[ns]"), logical=True),
        "arrays": h5t.array_create(h5t.IEEE_F64BE, (2, 3)),
        "bits": h5t.STD_B16LE,
        "three bytes": three,
        "odd precision": odd,
        "bfloat16": small,
        "time": h5t.UNIX_D32LE,
        "records": within,
    }


def put(group, name, datatype, shape, chunks, encoding, seed):
    created = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    if chunks:
        created.set_chunk((2,) + shape[1:])
        created.set_deflate(4)
    space = h5s.create_simple(shape) if shape else h5s.create(h5s.SCALAR)
    dataset = h5py.h5d.create(group.id, name.encode(), datatype, space, created)
    size = datatype.get_size()
    values = np.random.default_rng(seed).integers(0, 256, (*shape, size), dtype="u1")
    dataset.write(h5s.ALL, h5s.ALL, values, mtype=datatype)
    dataset = group[name]
    dataset.attrs.update({"encoding-type": encoding, "encoding-version": "0.2.0"})


def make(path):
    adata = ad.AnnData(np.ones((5, 2)), obs=pd.DataFrame({"n": range(5)}, index=list("abcde")))
    adata.uns["plain"] = np.ones(3, np.longdouble)
    adata.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        for seed, (name, datatype) in enumerate(types().items()):
            encoding = "rec-array" if name == "records" else "array"
            put(file["uns"], name, datatype, (5,), False, encoding, seed)
            put(file["uns"], name + " in chunks", datatype, (5, 3), True, encoding, seed)
            put(file["uns"], "one of " + name, datatype, (), False, encoding, seed)
            if name != "records":
                put(file["obsm"], name, datatype, (5, 2), True, encoding, seed)
        ragged = [np.arange(n, dtype=">i2") for n in (3, 0, 2, 70_000, 1)]
        for name, chunks in (("lists", None), ("lists in chunks", (2,))):
            lists = file["uns"].create_dataset(name, (5,), h5py.vlen_dtype(np.dtype(">i2")), chunks=chunks)
            for i, row in enumerate(ragged):
                lists[i] = row
            lists.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        put(file["obs"], "column", types()["float80"], (5,), False, "array", 1)
        file["obs"].attrs["column-order"] = ["n", "column"]
        file["uns"].attrs.create("an attribute", np.longdouble(1) / 3)


def datasets(file):
    found = {}

    def visit(path, node):
        if isinstance(node, h5py.Dataset) and path.split("/")[0] in ("uns", "obsm") or path == "obs/column":
            found[path] = node.id

    file.visititems(visit)
    return found


def raw(dataset):
    """The bytes of values, those between the fields of records left out."""
    datatype = dataset.get_type()
    if datatype.get_class() == h5t.VLEN:
        return np.concatenate([np.append(len(row), row) for row in h5py.Dataset(dataset)[...]])
    values = np.zeros((*dataset.shape, datatype.get_size()), "u1")
    dataset.read(h5s.ALL, h5s.ALL, values, mtype=datatype)
    if datatype.get_class() != h5t.COMPOUND:
        return values
    parts = []
    for i in range(datatype.get_nmembers()):
        at = datatype.get_member_offset(i)
        parts.append(values[..., at : at + datatype.get_member_type(i).get_size()])
    return np.concatenate(parts, -1)


def kind(datatype):
    if datatype.get_class() != h5t.COMPOUND:
        return [datatype]
    members = range(datatype.get_nmembers())
    return [(datatype.get_member_name(i), datatype.get_member_type(i)) for i in members]


def check(one, other):
    with h5py.File(one) as one, h5py.File(other) as other:
        ours, theirs = datasets(one), datasets(other)
        assert set(ours) == set(theirs), set(ours) ^ set(theirs)
        for path in ours:
            a, b = ours[path], theirs[path]
            assert kind(a.get_type()) == kind(b.get_type()), f"{path}: {kind(a.get_type())} and {kind(b.get_type())}"
            assert raw(a).shape == raw(b).shape and (raw(a) == raw(b)).all(), f"{path}: {raw(a)} and {raw(b)}"
            assert dict(one[path].attrs) == dict(other[path].attrs), path
        assert len(ours) > 30


def main():
    job, *rest = sys.argv[1:]
    if job == "make":
        make(rest[0])
    else:
        check(*rest)


if __name__ == "__main__":
    main()
