"""References to objects and to regions of arrays, and lists of any length in records.

Usage: references.py make FILE writes an object with references of every form.
       references.py lose FILE removes what one of them is to.
       references.py check FILE OTHER compares what all references of two files are to, by path.
"""

import sys
import warnings

import anndata as ad
import h5py
import numpy as np
import pandas as pd
from h5py import h5d, h5p, h5r, h5s, h5t

warnings.simplefilter("ignore")


def put(group, name, dtype, values, encoding="array", **options):
    values = np.asarray(values, dtype)
    dataset = group.create_dataset(name, values.shape, dtype, **options)
    if values.ndim == 0:
        dataset[()] = values[()]
    for at in np.ndindex(values.shape) if values.ndim else ():
        dataset[at] = values[at]
    dataset.attrs.update({"encoding-type": encoding, "encoding-version": "0.2.0"})
    return dataset


def regions(matrix):
    def of(select):
        space = matrix.id.get_space()
        select(space)
        return h5r.create(matrix.id, b".", h5r.DATASET_REGION, space)

    def boxes(space):
        space.select_hyperslab((0, 0), (1, 1), op=h5s.SELECT_SET)
        space.select_hyperslab((3, 0), (2, 2), op=h5s.SELECT_OR)

    return [
        of(lambda space: space.select_hyperslab((1, 0), (2, 2))),
        of(lambda space: space.select_hyperslab((0, 1), (3, 1), stride=(2, 1))),
        of(lambda space: space.select_elements([(4, 1), (0, 0), (2, 1)])),
        of(boxes),
        of(lambda space: space.select_all()),
        of(lambda space: space.select_none()),
        h5r.RegionReference(),
    ]


def make(path):
    adata = ad.AnnData(np.ones((5, 2)), obs=pd.DataFrame({"n": range(5)}, index=list("abcde")))
    adata.X = np.arange(10, dtype="f4").reshape(5, 2)
    adata.uns["plain"] = np.ones(3)
    adata.uns["more"] = {"ü": 1}
    adata.write_h5ad(path)
    with h5py.File(path, "r+") as file:
        ref, region = h5py.ref_dtype, h5py.regionref_dtype
        uns = file["uns"]
        names = ["/X", "/obs/n", "/uns", "/", "/uns/more/ü"]
        some = np.array([*(file[name].ref for name in names), h5r.Reference()], ref)
        five = np.concatenate([some[:4], some[5:]])
        many = np.resize(some, (6, 4)).astype(ref)
        put(uns, "some", ref, some)
        put(uns, "chunks", ref, many, chunks=(2, 4), compression="gzip")
        put(uns, "one", ref, some[1])
        put(uns, "none", ref, some[:0])
        put(uns, "plain one", ref, file["uns/plain"].ref)
        put(file["obsm"], "rows", ref, np.stack([five, five[::-1]], 1), chunks=(2, 2))
        put(file["obs"], "column", ref, five)
        file["obs"].attrs["column-order"] = ["n", "column"]
        created = h5p.create(h5p.DATASET_CREATE)
        created.set_layout(h5d.COMPACT)
        created = h5d.create(uns.id, b"compact", h5t.STD_REF_OBJ, h5s.create_simple((2,)), created)
        compact = h5py.Dataset(created)
        compact[...] = some[1:3]
        compact.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
        put(uns, "regions", region, regions(file["X"]))
        put(uns, "region", region, regions(file["X"])[2])
        dtype = [("n", "i4"), ("to", ref), ("name", h5py.string_dtype()), ("in", region), ("pair", ref, (2,))]
        records = uns.create_dataset("records", (3,), np.dtype(dtype))
        for i in range(3):
            pair = np.array([some[i + 1], some[5]], ref)
            records[i] = (i, some[i], "ä" * i, regions(file["X"])[i], pair)
        ragged = uns.create_dataset("ragged", (3,), np.dtype([("n", "i4"), ("list", h5py.vlen_dtype("<i2"))]))
        for i in range(3):
            ragged[i] = (i, np.arange(3 * i))
        for dataset in (records, ragged):
            dataset.attrs.update({"encoding-type": "rec-array", "encoding-version": "0.2.0"})


def lose(path):
    with h5py.File(path, "r+") as file:
        del file["uns/plain"]


def target(file, reference):
    if not reference:
        return None
    name = file[reference].name
    if not isinstance(reference, h5py.RegionReference):
        return name
    space = h5r.get_region(reference, file.id)
    kind = space.get_select_type()
    if kind == h5s.SEL_POINTS:
        return name, space.get_select_elem_pointlist().tolist()
    return name, kind, space.shape, file[name][reference].tolist() if kind != h5s.SEL_NONE else None


def plain(file, value):
    """A value with references as what they are to."""
    if isinstance(value, (h5py.Reference, h5py.RegionReference)):
        return target(file, value)
    if isinstance(value, (np.void, tuple)):
        return [plain(file, field) for field in value.item()] if isinstance(value, np.void) else None
    if isinstance(value, np.ndarray):
        return [plain(file, item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def found(file):
    values = {}

    def visit(path, node):
        if not isinstance(node, h5py.Dataset):
            return
        dtype = node.dtype
        fields = [dtype[name].base for name in dtype.names] if dtype.names else [dtype]
        if any(field == object for field in fields) and path.split("/")[0] in ("uns", "obsm", "obs"):
            values[path] = str(h5py.check_ref_dtype(dtype)), node.shape, plain(file, node[()])

    file.visititems(visit)
    return values


def check(one, other):
    with h5py.File(one) as one, h5py.File(other) as other:
        ours, theirs = found(one), found(other)
        assert set(ours) == set(theirs), set(ours) ^ set(theirs)
        for path in ours:
            assert ours[path] == theirs[path], f"{path}: {ours[path]} and {theirs[path]}"
        assert ours["uns/some"][2] == ["/X", "/obs/n", "/uns", "/", "/uns/more/ü", None], ours["uns/some"]
        assert ours["uns/one"][2] == "/obs/n" and ours["uns/regions"][2][2] == ("/X", [[4, 1], [0, 0], [2, 1]])
        assert ours["uns/records"][2][1][1] == "/obs/n" and ours["uns/ragged"][2][2] == [2, [0, 1, 2, 3, 4, 5]]
        assert ours["obs/column"][2][1] == "/obs/n" and len(ours["obsm/rows"][2]) == 5


def main():
    job, *rest = sys.argv[1:]
    {"make": make, "lose": lose, "check": check}[job](*rest)


if __name__ == "__main__":
    main()
