"""Prints what zarr reads from a store as JSON: dtype, shape and values of every array by path.

Usage: describe_zarr.py STORE [--consolidated] [--pipeline zarrs]
"""

import argparse
import json
import math
import warnings

import numpy as np
import zarr

warnings.simplefilter("ignore")


def number(value):
    value = float(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return value


def clean(value):
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return {key: clean(child) for key, child in value.items()}
    return [clean(child) for child in value] if isinstance(value, list) else value


def values_of(values):
    if values.dtype.names:
        return {name: values_of(values[name]) for name in values.dtype.names}
    flat = values.ravel()
    if values.dtype.kind == "c":
        return [[number(v.real), number(v.imag)] for v in flat]
    if values.dtype.kind == "f":
        return [number(v) for v in flat]
    if values.dtype.kind == "S":
        return [bytes(v).decode() for v in flat]
    if values.dtype.kind in "OUT":
        return [v.decode() if isinstance(v, bytes) else str(v) for v in flat]
    if values.dtype.kind in "mM":
        return [str(v) for v in flat]
    return [v.item() for v in flat]


def dtype_of(dtype):
    if dtype.names:
        return "record"
    if dtype.kind in "OT":
        return "string"
    if dtype.kind == "U":
        return f"U{dtype.itemsize // 4}"
    if dtype.kind == "S":
        return f"S{dtype.itemsize}"
    return dtype.newbyteorder("=").name


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("--consolidated", action="store_true")
    parser.add_argument("--pipeline", choices=["zarrs"])
    args = parser.parse_args()
    if args.pipeline:
        import zarrs  # noqa: F401

        zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
    store = zarr.storage.ZipStore(args.store, mode="r") if args.store.endswith(".zip") else args.store
    if args.consolidated:
        root = zarr.open_consolidated(store, mode="r")
        assert root.metadata.consolidated_metadata is not None
    else:
        root = zarr.open_group(store, mode="r", use_consolidated=False)
    found = {"": {"attributes": clean(dict(root.attrs))}}

    def visit(group, path):
        for name, member in group.members():
            if isinstance(member, zarr.Group):
                found[path + name] = {"attributes": clean(dict(member.attrs))}
                visit(member, path + name + "/")
                continue
            try:
                values = np.asarray(member[...])
            except Exception as error:  # what cannot be read is named
                found[path + name] = {"error": repr(error)}
                continue
            description = {"dtype": dtype_of(member.dtype), "shape": list(member.shape), "values": values_of(values)}
            found[path + name] = description | {"attributes": clean(dict(member.attrs))}

    visit(root, "")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
