"""Say whether one `.h5ad` file holds what another holds, as Python anndata reads both.

Three looks at each pair, from loose to strict:

1. ``anndata.tests.helpers.assert_equal``, where anndata can read the source;
2. the descriptions of ``describe.py`` with every value: dtypes, sparse formats and index widths, categories
   and their order, widths of codes, column order, index names, encodings and versions, `na-value`;
3. the trees of nodes and attributes, so that nothing that anndata does not look at is lost.

Upgrades that are no difference: the byte order; an encoding given to what had none; an array without dimensions that
becomes a scalar, as anndata writes it; frames of layout 0.1.0 and whole files of older layouts, which are compared as
anndata reads them.

Usage: ``python compare.py SOURCE COPY [SOURCE COPY ...]``; exit status 1 if any pair differs.
"""

from __future__ import annotations

import json
import sys
import warnings

import anndata as ad
import h5py
import pandas as pd
import zarr
from anndata.tests.helpers import assert_equal
from describe import describe_file, dtype_name, encoding_of, is_legacy, scalar, text

ARRAY_TO_SCALAR = ("array", "numeric-scalar")
#: What only a description from disk says; an object that was upgraded has no such field.
STORED_ONLY = {"encoding_type", "encoding_version", "codes_dtype", "na_value"}


def differences(source, copy):
    """Every difference between two files, one line each; empty if there is none."""
    with h5py.File(source) as file:
        legacy = is_legacy(file)
    a = describe_file(source, limit=None)
    b = describe_file(copy, limit=None, level=a["level"])
    if a["read_error"] is None and b["read_error"] is not None:
        return [f"/: anndata cannot read the copy: {b['read_error']}"]
    found = list(compare_elements(a["elements"], b["elements"]))
    if a["read_error"] is None:
        found += compare_objects(source, copy)
    with h5py.File(source) as left, h5py.File(copy) as right:
        if is_legacy(right):
            found.append("/: the copy has an older layout")
        found += compare_roots(left, right) if legacy else compare_nodes(left, right, "", opaque_paths(a))
    return found


# ------------------------------------------------------------------ objects and descriptions


def object_differences(source, copy):
    """Where the objects that anndata reads from two files, of any format, differ; empty where it cannot read the source."""
    try:
        read(source)
    except Exception:  # noqa: BLE001
        return []
    try:
        read(copy)
    except Exception as error:  # noqa: BLE001
        return [f"/: anndata cannot read {copy.name}: {type(error).__name__}: {str(error)[:200]}"]
    return compare_objects(source, copy, read_with_plain_text)


def read_with_plain_text(path):
    """The object with text columns of one dtype: anndata reads plain text as `str` from HDF5 and as `object` from zarr."""
    adata = read(path)
    frames = [adata.obs, adata.var, *([adata.raw.var] if adata.raw is not None else [])]
    frames += [v for slot in (adata.obsm, adata.varm) for v in slot.values() if isinstance(v, pd.DataFrame)]
    for frame in frames:
        for name in frame.columns:
            if frame[name].dtype == "str":
                frame[name] = frame[name].astype(object)
    return adata


def compare_objects(source, copy, reader=None):
    reader = reader or read
    a = reader(source)
    try:
        assert_equal(a, reader(copy), exact=False)
    except Exception as error:  # noqa: BLE001
        # assert_equal has limits (a NaN that is a scalar, index dtypes that scipy cannot make dense). Where the source
        # is not equal to itself either it says nothing, and the descriptions decide alone.
        try:
            assert_equal(a, reader(source), exact=False)
        except Exception:  # noqa: BLE001
            return []
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return [f"/: assert_equal: {type(error).__name__}: {' '.join(lines)[:300]}"]
    return []


def read(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if str(path).endswith(".h5ad"):
            return ad.read_h5ad(path)
        store = zarr.storage.ZipStore(path, mode="r") if str(path).endswith(".zip") else path
        return ad.read_zarr(zarr.open_group(store, mode="r"))


def compare_elements(a, b):
    for path in a.keys() - b.keys():
        yield f"{path}: missing in the copy"
    for path in b.keys() - a.keys():
        yield f"{path}: only in the copy"
    for path in sorted(a.keys() & b.keys()):
        yield from compare_values(a[path], b[path], path)


def compare_values(a, b, path):
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
                if sorted(a[key]) != sorted(b.get(key, [])):
                    yield f"{path}: members {sorted(a[key])}, in the copy {sorted(b.get(key, []))}"
            elif key not in a or key not in b:
                yield f"{path}: {key} is only in the {'source' if key in a else 'copy'}"
            else:
                yield from compare_values(a[key], b[key], f"{path}#{key}")
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b) and any(isinstance(v, dict) for v in a):
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from compare_values(x, y, f"{path}[{i}]")
    elif a != b or type(a) is not type(b):
        yield f"{path}: {shorten(a)}, in the copy {shorten(b)}"


def shorten(value):
    out = json.dumps(value, ensure_ascii=False)
    return out if len(out) <= 80 else f"{out[:77]}..."


# ------------------------------------------------------------------ nodes


def opaque_paths(described):
    return {path for path, element in described["elements"].items() if element["kind"] == "opaque"}


def compare_roots(left, right):
    """Of a file in an older layout: no member of the root may be lost, save the parts of an old `raw`."""
    for key in left:
        if key not in right and not (key.startswith("raw.") and "raw" in right):
            yield f"/{key}: missing in the copy"


def compare_nodes(left, right, path, opaque, *, inside_opaque=False):
    """Every node and attribute of the left tree is in the right one; bytes of opaque elements are equal."""
    inside_opaque = inside_opaque or path in opaque
    yield from compare_attributes(left, right, path or "/")
    if isinstance(left, h5py.Dataset) != isinstance(right, h5py.Dataset):
        yield f"{path}: a group on one side, an array on the other"
    elif isinstance(left, h5py.Dataset):
        for name, a, b in (("shape", left.shape, right.shape), ("dtype", dtype_name(left.dtype), dtype_name(right.dtype))):
            if a != b:
                yield f"{path}: stored {name} {a}, in the copy {b}"
        if inside_opaque and left.shape is not None and not equal_values(left[()], right[()]):
            yield f"{path}: stored values differ"
    elif encoding_of(left) != ("dataframe", "0.1.0"):
        for key in left:
            if key not in right:
                yield f"{path}/{key}: stored in the source, not in the copy"
            else:
                yield from compare_nodes(left[key], right[key], f"{path}/{key}", opaque, inside_opaque=inside_opaque)


def compare_attributes(left, right, path):
    upgraded = encoding_of(left) == ("dataframe", "0.1.0")
    for key in left.attrs:
        if key not in right.attrs:
            yield f"{path}: attribute {key} is missing in the copy"
            continue
        a, b = plain_attribute(left.attrs[key]), plain_attribute(right.attrs[key])
        if key == "form":
            a, b = json.loads(a), json.loads(b)
        if key == "encoding-version" and upgraded:
            continue
        if a != b and not ((a, b) == ARRAY_TO_SCALAR and left.shape == ()):
            yield f"{path}: attribute {key} is {shorten(a)}, in the copy {shorten(b)}"


def plain_attribute(value):
    if isinstance(value, h5py.Reference):
        return "a reference"
    if hasattr(value, "tolist"):
        value = value.tolist()
    return [plain_attribute(v) for v in value] if isinstance(value, (list, tuple)) else text(value)


def equal_values(a, b):
    if getattr(a, "dtype", None) is not None and a.dtype.names is not None:
        return all(equal_values(a[name], b[name]) for name in a.dtype.names)
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
