"""Say whether one file holds what another holds, as Python anndata reads both; each may be of any format.

Three looks at each pair, from loose to strict:

1. ``anndata.tests.helpers.assert_equal``, where anndata can read the source: exact, or within a tolerance where the
   source is not exactly equal to itself, as with NaN;
2. the descriptions of ``describe.py`` with every value: dtypes, sparse formats and index widths, categories
   and their order, widths of codes, column order, index names, encodings and versions, `na-value`, the order of keys;
3. the trees of nodes and attributes, so that nothing that anndata does not look at is lost.

Upgrades that are no difference: the byte order; an encoding given to what had none; an array without dimensions that
becomes a scalar, as anndata writes it; frames of layout 0.1.0 and whole files of older layouts, which are compared as
anndata reads them. Between formats, the order of keys, which zarr does not have, and how null is stored are none.

Usage: ``python compare.py SOURCE COPY [SOURCE COPY ...]``; exit status 1 if any pair differs.
"""

from __future__ import annotations

import json
import sys

import pandas as pd
import stores
from anndata.tests.helpers import assert_equal
from describe import describe_file, is_legacy, scalar
from stores import dtype_name, encoding_of

ARRAY_TO_SCALAR = ("array", "numeric-scalar")
#: What only a description from disk says; an object that was upgraded has no such field.
STORED_ONLY = {"encoding_type", "encoding_version", "codes_dtype", "na_value"}
#: Members of these are a set: their order is the writer's.
UNORDERED = {"anndata", "raw"}


def differences(source, copy, *, ordered=True, computed=False):
    """Every difference between two files, one line each; empty if there is none.

    The order of keys counts where both have one, unless ``ordered`` is false. Of what both sides have ``computed``, the
    order of indices within a row of a sparse matrix does not count.
    """
    with stores.opened(source) as file:
        legacy = is_legacy(file)
    a = describe_file(source, limit=None)
    b = describe_file(copy, limit=None, level=a["level"])
    if a["read_error"] is None and b["read_error"] is not None:
        return [f"/: anndata cannot read the copy: {b['read_error']}"]
    if computed:
        for element in [*a["elements"].values(), *b["elements"].values()]:
            sort_sparse(element)
    ordered = ordered and stores.is_hdf5(source) and stores.is_hdf5(copy)
    found = list(compare_elements(a["elements"], b["elements"], ordered=ordered))
    if a["read_error"] is None:
        found += compare_objects(source, copy, (False,) if computed else (True, False))
    with stores.opened(source) as left, stores.opened(copy) as right:
        if is_legacy(right):
            found.append("/: the copy has an older layout")
        nodes = Nodes(opaque_paths(a), stores.is_hdf5(source) == stores.is_hdf5(copy))
        found += compare_roots(left, right) if legacy else nodes.compare(left, right, "")
    return found


# ------------------------------------------------------------------ objects and descriptions


def compare_objects(source, copy, exactness=(True, False)):
    """What `assert_equal` says of the objects that anndata reads; nothing where a source is not equal to itself."""
    reader = stores.read if stores.is_hdf5(source) == stores.is_hdf5(copy) else read_with_plain_text
    a, b = reader(source), reader(copy)
    found = []
    if (a.raw is None) != (b.raw is None):
        found.append(f"/raw: anndata reads one from the {'source' if b.raw is None else 'copy'} alone")
        reader = lambda path, read=reader: without_raw(read(path))  # noqa: E731
        a, b = without_raw(a), without_raw(b)
    for exact in exactness:
        error = unequal(a, b, exact=exact)
        if error is None:
            return found
        # assert_equal has limits (NaN, index dtypes that scipy cannot make dense). Where the source is not equal to
        # itself either it says nothing.
        if unequal(a, reader(source), exact=exact) is None:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            return [*found, f"/: assert_equal: {type(error).__name__}: {' '.join(lines)[:300]}"]
    return found


def without_raw(adata):
    adata.raw = None
    return adata


def unequal(a, b, *, exact):
    try:
        assert_equal(a, b, exact=exact)
    except Exception as error:  # noqa: BLE001
        return error
    return None


def read_with_plain_text(path):
    """The object with text columns of one dtype: anndata reads plain text as `str` from HDF5 and as `object` from zarr."""
    adata = stores.read(path)
    frames = [adata.obs, adata.var, *([adata.raw._var] if adata.raw is not None else [])]
    frames += [v for slot in (adata.obsm, adata.varm) for v in slot.values() if isinstance(v, pd.DataFrame)]
    frames += [v for v in adata.uns.values() if isinstance(v, pd.DataFrame)]
    for frame in frames:
        for name in frame.columns:
            if frame[name].dtype == "str":
                frame[name] = frame[name].astype(object)
    return adata


def compare_elements(a, b, *, ordered):
    for path in sorted(a.keys() - b.keys()):
        yield f"{path}: {a[path]['kind']} missing in the copy"
    for path in sorted(b.keys() - a.keys()):
        yield f"{path}: {b[path]['kind']} only in the copy"
    for path in sorted(a.keys() & b.keys()):
        yield from compare_values(a[path], b[path], path, ordered=ordered)


def sort_sparse(element):
    """Sort the indices within each row or column in the description of a sparse matrix, and the values with them."""
    if element["kind"] != "sparse":
        return
    ends, indices, values = (element[part]["values"] for part in ("indptr", "indices", "data"))
    rows = [sorted(range(start, end), key=indices.__getitem__) for start, end in zip(ends[:-1], ends[1:], strict=True)]
    order = [i for row in rows for i in row]
    element["indices"]["values"], element["data"]["values"] = [indices[i] for i in order], [values[i] for i in order]


def compare_values(a, b, path, *, ordered=False):
    """Differences of two JSON values. A list of numbers gives one line, not one a number."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in sorted(a.keys() | b.keys()):
            if key in STORED_ONLY and a.get(key, "") == "":
                continue
            if key == "encoding_type" and a.get("kind") == "scalar" and (a[key], b.get(key)) == ARRAY_TO_SCALAR:
                continue
            if key == "encoding_version" and a.get("kind") == "dataframe" and a[key] == "0.1.0":
                continue
            if key == "keys":
                # Each is an element of its own, so that here only the order is left.
                left, right = ([k for k in x if k in y] for x, y in ((a[key], b.get(key, [])), (b.get(key, []), a[key])))
                if ordered and a.get("kind") not in UNORDERED and left != right:
                    yield f"{path}: the order of the members is {left}, in the copy {right}"
            elif key not in a or key not in b:
                yield f"{path}: {key} is only in the {'source' if key in a else 'copy'}: {shorten(a.get(key, b.get(key)))}"
            else:
                yield from compare_values(a[key], b[key], f"{path}#{key}", ordered=ordered)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and any(isinstance(v, dict) for v in a):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from compare_values(x, y, f"{path}[{i}]", ordered=ordered)
    # Their text tells 0 from -0.0 and 1 from 1.0 and True.
    elif repr(a) != repr(b):
        yield f"{path}: {shorten(a)}, in the copy {shorten(b)}"


def shorten(value):
    out = json.dumps(value, ensure_ascii=False)
    return out if len(out) <= 80 else f"{out[:77]}..."


# ------------------------------------------------------------------ nodes


def opaque_paths(described):
    return {path for path, element in described["elements"].items() if element["kind"] == "opaque"}


def compare_roots(left, right):
    """Of a file in an older layout: no member of the root may be lost, save the parts of an old `raw`."""
    for key in stores.children(left):
        if key not in right and not (key.startswith("raw.") and "raw" in right):
            yield f"/{key}: missing in the copy"


class Nodes:
    """Every node and attribute of the left tree is in the right one; bytes of opaque elements are equal."""

    def __init__(self, opaque, same_format):
        self.opaque, self.same_format = opaque, same_format

    def compare(self, left, right, path, *, inside_opaque=False):
        inside_opaque = inside_opaque or path in self.opaque
        yield from compare_attributes(left, right, path or "/")
        if stores.is_group(left) != stores.is_group(right):
            yield f"{path}: a group on one side, an array on the other"
        elif not stores.is_group(left):
            yield from self.compare_arrays(left, right, path, inside_opaque)
        elif encoding_of(left) != ("dataframe", "0.1.0"):
            for key in stores.children(left):
                if key not in right:
                    yield f"{path}/{key}: {encoding_of(left[key])[0] or 'node'} stored in the source, not in the copy"
                else:
                    yield from self.compare(left[key], right[key], f"{path}/{key}", inside_opaque=inside_opaque)

    def compare_arrays(self, left, right, path, inside_opaque):
        if not self.same_format and encoding_of(left)[0] == "null":
            return
        for name, a, b in (("shape", left.shape, right.shape), ("dtype", dtype_name(left.dtype), dtype_name(right.dtype))):
            if a != b:
                yield f"{path}: stored {name} {a}, in the copy {b}"
        if inside_opaque and left.shape is not None and not equal_values(left[()], right[()]):
            yield f"{path}: stored values differ"


def compare_attributes(left, right, path):
    upgraded = encoding_of(left) == ("dataframe", "0.1.0")
    a, b = stores.attributes(left), stores.attributes(right)
    for key in a:
        if key not in b:
            yield f"{path}: attribute {key} is missing in the copy"
            continue
        x, y = a[key], b[key]
        if key == "form" or (key == "encoding-version" and upgraded):
            continue  # the descriptions have compared it
        if x != y and not ((x, y) == ARRAY_TO_SCALAR and left.shape == ()):
            yield f"{path}: attribute {key} is {shorten(x)}, in the copy {shorten(y)}"


def equal_values(a, b):
    if getattr(a, "dtype", None) is not None and a.dtype.names is not None:
        return all(equal_values(a[name], b[name]) for name in a.dtype.names)
    texts = [getattr(v, "dtype", None) is not None and dtype_name(v.dtype) == "string" for v in (a, b)]
    if all(texts):
        a, b = ([stores.text(value) for value in array.ravel().tolist()] for array in (a, b))
        return a == b
    return scalar(a) == scalar(b)


def main(paths):
    if not paths or len(paths) % 2:
        sys.exit(__doc__)
    status = 0
    for source, copy in zip(paths[::2], paths[1::2], strict=True):
        found = differences(source, copy)
        status |= bool(found)
        print(f"{'differ' if found else 'equal '}  {source}  {copy}")
        for line in found:
            print(f"        {line}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
