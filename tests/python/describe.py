"""Describe every element of a file of any format as plain JSON, for tests in any language.

Two levels of description exist (see `tests/README.md` for the schema):

* ``stored``: files whose root says ``encoding-type: anndata``. Each element is described from what is
  on disk (dtypes, index widths, code widths) with its values as Python anndata reads them.
* ``read``: older files. What is on disk differs from what anndata makes of it, so the description is that
  of the object which ``anndata.read_h5ad`` returns.

Usage: ``python describe.py FILE.h5ad [OUT.json]``
"""

from __future__ import annotations

import json
import math
import sys
import warnings
from pathlib import Path

import anndata as ad
import awkward as ak
import numpy as np
import pandas as pd
import stores
from scipy import sparse
from stores import dtype_name, encoding_of, read_elem, text

SLOTS = ["X", "layers", "obs", "var", "obsm", "varm", "obsp", "varp", "uns", "raw"]
CONTAINERS = {"anndata", "raw", "dict"}
#: Arrays with more values than this are described by a sample of them.
VALUE_LIMIT = 400
SAMPLES = 32


# ------------------------------------------------------------------ values


def scalar(value):
    """One value as JSON. Non-finite numbers become strings, complex numbers a pair."""
    if value is None or value is pd.NA:
        return None
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return str(value)
    if isinstance(value, (int, np.integer)):
        return int(value)
    if isinstance(value, (complex, np.complexfloating)):
        return [scalar(value.real), scalar(value.imag)]
    if isinstance(value, (float, np.floating)):
        value = float(value)
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, np.ndarray):
        return [scalar(v) for v in value.ravel()]
    msg = f"no JSON form for {type(value)}: {value!r}"
    raise TypeError(msg)


def values_of(array, limit):
    """``{"values": [...]}`` in C order, or ``{"sample": [[flat index, value], ...]}`` of a long array."""
    flat = np.asarray(array).ravel()
    if limit is None or len(flat) <= limit:
        return {"values": [scalar(v) for v in flat]}
    picks = np.unique(np.linspace(0, len(flat) - 1, SAMPLES).astype(int))
    return {"sample": [[int(i), scalar(flat[i])] for i in picks]}


def describe_array(array, limit):
    kind = "string-array" if dtype_name(array.dtype) == "string" else "array"
    out = {"kind": kind, "dtype": dtype_name(array.dtype), "shape": list(array.shape)}
    return out | values_of(array, limit)


# ------------------------------------------------------------------ objects that Python read


def describe_object(obj, limit=VALUE_LIMIT):
    """One leaf, as Python holds it."""
    match obj:
        case None:
            return {"kind": "null"}
        case str():
            return {"kind": "string", "value": str(obj)}
        case bytes():
            return {"kind": "bytes", "value": scalar(obj)}
        case bool() | int() | float() | complex() | np.generic():
            return {"kind": "scalar", "dtype": dtype_name(np.asarray(obj).dtype), "value": scalar(obj)}
        case pd.DataFrame():
            return describe_frame_object(obj, limit)
        case pd.Categorical():
            return {
                "kind": "categorical",
                "ordered": bool(obj.ordered),
                "shape": [len(obj)],
                "codes": values_of(obj.codes, limit),
                "categories": describe_object(obj.categories.to_numpy(), limit),
            }
        case pd.arrays.IntegerArray() | pd.arrays.BooleanArray() | pd.arrays.FloatingArray():
            name = obj.dtype.numpy_dtype.name
            return {"kind": "nullable", "dtype": name, "shape": [len(obj)]} | values_of(obj.astype(object), limit)
        case pd.api.extensions.ExtensionArray() if isinstance(obj.dtype, pd.StringDtype):
            values = np.array([None if pd.isna(v) else str(v) for v in obj], dtype=object)
            return {"kind": "string-array", "dtype": "string", "shape": [len(obj)]} | values_of(values, limit)
        case ak.Array():
            return describe_awkward(obj)
        case np.ndarray() if obj.dtype.names is not None:
            return describe_record_array(obj, limit)
        case np.ndarray():
            return describe_array(obj, limit)
        case _ if sparse.issparse(obj):
            return describe_sparse(obj.format, obj.shape, obj.data, obj.indices, obj.indptr, limit)
        case pd.Index() | pd.Series():
            return describe_object(obj.array.to_numpy() if obj.dtype.kind in "biufc" else obj.array, limit)
        case pd.arrays.NumpyExtensionArray() | pd.arrays.DatetimeArray() | pd.arrays.TimedeltaArray():
            return describe_array(obj.to_numpy(), limit)
    msg = f"no description for {type(obj)}"
    raise TypeError(msg)


def describe_frame_object(frame, limit):
    return {
        "kind": "dataframe",
        "index_name": frame.index.name,
        "shape": list(frame.shape),
        "index": describe_object(frame.index, limit),
        "columns": [{"name": str(k)} | describe_object(v.array if v.dtype.kind not in "biufc" else v.to_numpy(), limit) for k, v in frame.items()],
    }


def describe_record_array(array, limit):
    fields = [{"name": n} | describe_array(np.asarray(array[n]), limit) for n in array.dtype.names]
    return {"kind": "rec-array", "shape": list(array.shape), "fields": fields}


def describe_sparse(fmt, shape, data, indices, indptr, limit):
    parts = {"data": data, "indices": indices, "indptr": indptr}
    out = {"kind": "sparse", "format": fmt, "shape": [int(n) for n in shape]}
    return out | {k: {"dtype": dtype_name(v.dtype), "length": int(v.shape[0])} | values_of(v[...], limit) for k, v in parts.items()}


def describe_awkward(array):
    form, length, _ = ak.to_buffers(ak.to_packed(array))

    def tidy(value):
        if isinstance(value, dict):
            return {str(k): tidy(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [tidy(v) for v in value]
        return scalar(value)

    return {
        "kind": "awkward",
        "length": int(length),
        "type": str(array.type),
        "form": json.loads(form.to_json()),
        "value": tidy(ak.to_list(array)),
    }


def walk_object(obj, path, out, limit):
    """Object level: an AnnData, its slots and all that they hold."""
    if isinstance(obj, ad.AnnData):
        keys = []
        for slot in SLOTS:
            value = getattr(obj, slot)
            if slot == "layers":
                value = {k: v for k, v in value.items() if k is not None}
            if value is None or (isinstance(value, (dict,)) and slot != "uns" and not len(value)):
                continue
            if hasattr(value, "keys") and not isinstance(value, pd.DataFrame):
                value = dict(value)
                if not value:
                    continue
            keys.append(slot)
            walk_object(value, f"{path}/{slot}", out, limit)
        out[path or "/"] = {"kind": "anndata", "keys": keys, "shape": list(obj.shape)}
    elif isinstance(obj, ad.Raw):
        parts = {"X": obj.X, "var": obj.var} | ({"varm": dict(obj.varm)} if len(obj.varm) else {})
        out[path] = {"kind": "raw", "keys": list(parts)}
        for key, value in parts.items():
            walk_object(value, f"{path}/{key}", out, limit)
    elif isinstance(obj, dict):
        out[path] = {"kind": "dict", "keys": sorted(map(str, obj))}
        for key, value in obj.items():
            walk_object(value, f"{path}/{key}", out, limit)
    else:
        out[path] = describe_object(obj, limit)


# ------------------------------------------------------------------ nodes of a file


def describe_node(node, limit=VALUE_LIMIT):
    """One leaf of a file: dtypes from the disk, values as anndata reads them."""
    kind, version = encoding_of(node)
    try:
        out = describe_stored(node, kind, limit)
    except ad._io.specs.registry.IORegistryError:
        out = {"kind": "opaque"}
    return {"encoding_type": kind, "encoding_version": version} | out


def describe_stored(node, kind, limit):
    if kind in ("csr_matrix", "csc_matrix"):
        read_elem(node)  # anndata must be able to read it
        return describe_sparse(kind[:3], node.attrs["shape"], node["data"], node["indices"], node["indptr"], limit)
    if kind == "dataframe" and encoding_of(node)[1] == "0.2.0":
        read_elem(node)
        index_name = text(node.attrs["_index"])
        columns = [text(c) for c in node.attrs["column-order"]]
        index = describe_node(node[index_name], limit)
        return {
            "kind": "dataframe",
            "index_name": None if index_name == "_index" else index_name,
            "shape": [index["shape"][0], len(columns)],
            "index": index,
            "columns": [{"name": c} | describe_node(node[c], limit) for c in columns],
        }
    obj = read_elem(node)
    out = describe_object(obj, limit)
    if kind == "categorical":
        out["codes_dtype"] = dtype_name(node["codes"].dtype)
        out["categories"] = describe_node(node["categories"], limit)
    elif kind == "numeric-scalar":
        out["dtype"] = dtype_name(node.dtype)
    elif kind == "awkward-array":
        out["form"], out["length"] = json.loads(text(node.attrs["form"])), int(node.attrs["length"])
    elif kind == "nullable-string-array":
        out["kind"] = "nullable"
        out["na_value"] = text(node.attrs.get("na-value", "NA"))
    return out


def walk_node(node, path, out, limit):
    """Stored level: every element below a node, containers first."""
    kind, version = encoding_of(node)
    plain_group = stores.is_group(node) and kind == "" and "h5sparse_format" not in node.attrs
    if kind in CONTAINERS or plain_group:
        out[path or "/"] = {
            "encoding_type": kind,
            "encoding_version": version,
            "kind": kind or "dict",
            "keys": stores.children(node),
        }
        for key in stores.children(node):
            walk_node(node[key], f"{path}/{key}", out, limit)
    else:
        out[path] = describe_node(node, limit)


# ------------------------------------------------------------------ files


def is_legacy(file):
    """Whether an open file has an older layout at its root, which anndata upgrades when it reads."""
    return "encoding-type" not in file.attrs or any(key.startswith("raw.") for key in file)


def describe_file(path, limit=VALUE_LIMIT, level=None):
    """The description of a whole file: ``{file, level, read_error, elements: {path: description}}``."""
    path, elements, error, obj = Path(path), {}, None, None
    with warnings.catch_warnings(), stores.opened(path) as file:
        warnings.simplefilter("ignore")
        try:
            obj = stores.read(path)
        except Exception as e:  # noqa: BLE001  every refusal of anndata is a result to record
            error = f"{type(e).__name__}: {e}".splitlines()[0].replace(str(path), path.name)
        level = level or ("read" if is_legacy(file) and obj is not None else "stored")
        if level == "read":
            walk_object(obj, "", elements, limit)
        else:
            walk_node(file, "", elements, limit)
    return {"file": path.name, "level": level, "read_error": error, "elements": dict(sorted(elements.items()))}


def write_expected(path, folder):
    """Write the description of one file to ``folder/STEM.json``, one element a line."""
    described = describe_file(path)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    elements = described.pop("elements")
    head = json.dumps(described, ensure_ascii=False, allow_nan=False)[:-1]
    lines = [f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False, allow_nan=False)}" for k, v in elements.items()]
    text_out = head + ', "elements": {\n' + ",\n".join(lines) + "\n}}\n"
    (folder / f"{Path(path).stem}.json").write_text(text_out, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    result = json.dumps(describe_file(sys.argv[1]), indent=1, ensure_ascii=False, allow_nan=False)
    if len(sys.argv) == 3:
        Path(sys.argv[2]).write_text(result + "\n", encoding="utf-8")
    else:
        print(result)
