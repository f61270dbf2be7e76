"""Writes zarr stores of both versions that hold every dtype, codec and layout a reader meets.

Usage: make_zarr.py FOLDER. Makes `v2.zarr` and `v3.zarr` there, and copies of them with collected metadata,
`v2-consolidated.zarr` and `v3-consolidated.zarr`.
"""

import shutil
import sys
import warnings
from pathlib import Path

import numcodecs
import numcodecs.zarr3
import numpy as np
import zarr
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ShardingCodec, TransposeCodec, ZstdCodec

warnings.simplefilter("ignore")

GRID = np.arange(1000, dtype="<i4").reshape(50, 20)
TEXTS = np.array(["a", "", "ü€", "x" * 100, "e", "f\n", '"'], dtype=object)


def put(group, name, values, **options):
    array = group.create_array(name, shape=values.shape, dtype=values.dtype, **options)
    array[...] = values


def put_text(group, name, values, **options):
    array = group.create_array(name, shape=values.shape, dtype=str, **options)
    if values.size:
        array[...] = values


def put_common(group):
    for dtype in "? i1 u1 <i2 <u2 >i4 <i4 <u4 <i8 >u8 <f2 <f4 >f8 <c8 <c16".split():
        values = np.arange(60).reshape(6, 10) % (2 if dtype == "?" else 100)
        put(group, "of " + dtype.replace("?", "bool").replace(">", "big ").strip("<"), values.astype(dtype), chunks=(4, 3))
    floats = np.array([0.5, -np.inf, np.inf, np.nan, -0.0], dtype="f8")
    put(group, "floats", floats)
    put(group, "fixed text", np.array(["a", "ü€", "123456789", ""], dtype="<U9"))
    put(group, "fixed text without dimensions", np.array("abc", dtype="<U3"))
    put(group, "fixed bytes", np.array([b"a", b"hello", b""], dtype="S5"))
    records = np.array([(1, 2.5, "ab"), (3, 4.5, "cdeü")], dtype=[("a", "<i4"), ("b", "<f8"), ("c", "<U4")])
    put(group, "records", records)
    for step in "D s ns 25s".split():
        put(group, f"dates in {step}", np.array([5, np.iinfo("i8").min, -7], "i8").view(f"M8[{step}]"), chunks=(2,))
        put(group, f"spans in {step}", np.array([5, np.iinfo("i8").min, -7], "i8").view(f"m8[{step}]"), chunks=(2,))
    put(group, "big endian dates", np.array([5, np.iinfo("i8").min, -7], "i8").view("M8[ns]").astype(">M8[ns]"))
    put_text(group, "text", TEXTS, chunks=(3,))
    put_text(group, "text in two dimensions", np.resize(TEXTS, (5, 4)), chunks=(2, 3))
    put_text(group, "text without dimensions", np.array("one ü", dtype=object))
    put_text(group, "no text", np.array([], dtype=object))
    half = group.create_array("text half written", shape=(4,), dtype=str, chunks=(2,), fill_value="fill")
    half[:2] = TEXTS[:2]
    part = group.create_array("numbers half written", shape=(5, 4), dtype="<f4", chunks=(2, 2), fill_value=np.nan)
    part[0, 0] = 1
    group.create_array("filled", shape=(5,), dtype="<i4", chunks=(2,), fill_value=7)
    group.create_array("filled complex", shape=(3,), dtype="<c8", chunks=(2,), fill_value=complex(1, np.inf))
    group.create_array("empty", shape=(0,), dtype="f8")
    scalar = group.create_array("scalar", shape=(), dtype="i8")
    scalar[...] = 5
    put(group, "raw", GRID, chunks=(10, 7), compressors=None)
    deep = group.create_group("deep").create_group("deeper")
    put(deep, "grid", GRID, chunks=(7, 20))
    group.attrs.update({"one": 1, "texts": ["x", "y"], "none": None, "half": 1.5, "tree": {"x": [1, 2]}, "nan": np.nan})


def make_v2(path):
    group = zarr.open_group(path, mode="w", zarr_format=2)
    put_common(group)
    options = dict(chunks=(10, 7))
    put(group, "gzip", GRID, compressors=numcodecs.GZip(5), **options)
    put(group, "zlib", GRID, compressors=numcodecs.Zlib(5), **options)
    put(group, "lz4", GRID, compressors=numcodecs.LZ4(), **options)
    put(group, "zstd", GRID, compressors=numcodecs.Zstd(5), **options)
    for compressor in "blosclz lz4 lz4hc zlib zstd".split():
        for shuffle in (0, 1, 2):
            blosc = numcodecs.Blosc(compressor, 5, shuffle)
            put(group, f"blosc {compressor} {shuffle}", GRID, compressors=blosc, **options)
    put(group, "shuffle", GRID, filters=[numcodecs.Shuffle(4)], compressors=numcodecs.Zlib(5), **options)
    put(group, "fortran order", GRID, order="F", **options)
    put(group, "slashes", GRID, chunk_key_encoding={"name": "v2", "separator": "/"}, **options)
    mixed = [("a", ">i4"), ("b", "<f8"), ("c", ">U4")]
    put(group, "records of mixed byte order", np.array([(1, 2.5, "ab"), (3, 4.5, "cdeü")], dtype=mixed))
    put(group, "unknown codec", GRID, filters=[numcodecs.JenkinsLookup3()], **options)


def make_v3(path):
    group = zarr.open_group(path, mode="w", zarr_format=3)
    put_common(group)
    options = dict(chunks=(10, 7))
    put(group, "gzip", GRID, compressors=GzipCodec(level=5), **options)
    put(group, "blosc", GRID, compressors=BloscCodec(cname="zstd", clevel=3), **options)
    put(group, "zstd", GRID, compressors=ZstdCodec(level=3, checksum=True), **options)
    put(group, "crc32c", GRID, compressors=[ZstdCodec(level=3), Crc32cCodec()], **options)
    put(group, "transpose", GRID, filters=TransposeCodec(order=(1, 0)), **options)
    put(group, "keys of version 2", GRID, chunk_key_encoding={"name": "v2", "separator": "."}, **options)
    put(group, "numcodecs lz4", GRID, compressors=numcodecs.zarr3.LZ4(), **options)
    shuffled = [numcodecs.zarr3.Shuffle(elementsize=4), numcodecs.zarr3.Zlib(level=3)]
    put(group, "numcodecs shuffle", GRID, compressors=shuffled, **options)
    put(group, "shards", GRID, chunks=(10, 5), shards=(20, 10))
    put_text(group, "text in shards", np.array([str(i) * i for i in range(20)], dtype=object), chunks=(3,), shards=(9,))
    half = group.create_array("shards half written", shape=(50, 20), dtype="i4", chunks=(10, 5), shards=(20, 10))
    half[:13, :7] = GRID[:13, :7]
    start = ShardingCodec(chunk_shape=(10, 5), index_location="start")
    index_first = zarr.create_array(
        group.store, name="index first", shape=GRID.shape, dtype="i4", chunks=(20, 10), serializer=start, compressors=None
    )
    index_first[:] = GRID
    put(group, "unknown codec", GRID, compressors=numcodecs.zarr3.JenkinsLookup3(), **options)


def main():
    folder = Path(sys.argv[1])
    for name, make in (("v2", make_v2), ("v3", make_v3)):
        plain, consolidated = folder / f"{name}.zarr", folder / f"{name}-consolidated.zarr"
        make(str(plain))
        shutil.copytree(plain, consolidated)
        zarr.consolidate_metadata(str(consolidated))


if __name__ == "__main__":
    main()
