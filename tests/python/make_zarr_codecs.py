"""Writes zarr stores of both versions with the codecs that are rarely met, and what zarr reads from them.

Usage: make_zarr_codecs.py FOLDER. Makes `v2.zip` and `v3.zip` there, and beside each the values as JSON. In the group
`always` are arrays whose codecs are in every build, in `zarrs` those that come with the feature of this name.

The folder `crates/anndata-io-zarr/tests/data/codecs` is made by it, with zarr 3.4, numcodecs 0.17 and pcodec 1.1.
"""

import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import numcodecs
import numcodecs.zarr3 as codecs
import numpy as np
import zarr
from zarr.codecs import BytesCodec, Crc32cCodec, ShardingCodec, TransposeCodec, VLenBytesCodec, ZstdCodec

warnings.simplefilter("ignore")

INTS = (np.arange(60, dtype="<i4") * 7 % 301 + 1000).reshape(10, 6)
FLOATS = np.round(INTS / 7, 2).astype("<f8")
SINGLES = FLOATS.astype("<f4")
FLAGS = (INTS % 3 == 0).ravel()
OPTIONS = dict(chunks=(8, 4))


def put(group, name, values, **options):
    array = group.create_array(name, shape=values.shape, dtype=values.dtype, **(OPTIONS if values.ndim == 2 else {}) | options)
    array[...] = values


def checksums(module):
    yield "crc32", [module.CRC32()]
    yield "crc32 at the end", [module.CRC32(location="end")]
    yield "adler32", [module.Adler32()]
    yield "adler32 at the end", [module.Adler32(location="end")]
    yield "fletcher32", [module.Fletcher32()]
    yield "crc32c of numcodecs", [module.CRC32C()]


def make_v2(path):
    root = zarr.open_group(path, mode="w", zarr_format=2)
    always, rare = root.create_group("always"), root.create_group("zarrs")
    put(always, "zlib filter", INTS, filters=[numcodecs.Zlib(5)], compressors=None)
    put(always, "gzip filter and zstd", INTS, filters=[numcodecs.GZip(5)], compressors=numcodecs.Zstd(1))
    put(always, "delta", INTS, filters=[numcodecs.Delta("<i4")], compressors=numcodecs.Zlib(5))
    put(always, "delta of other types", INTS, filters=[numcodecs.Delta("<i4", "<i2")], compressors=None)
    put(always, "delta of big endian", INTS.astype(">i4"), filters=[numcodecs.Delta(">i4")], compressors=None)
    put(always, "delta in fortran order", INTS, order="F", filters=[numcodecs.Delta("<i4")], compressors=None)
    put(always, "delta of floats", FLOATS, filters=[numcodecs.Delta("<f8")], compressors=None)
    put(always, "delta and shuffle", INTS, filters=[numcodecs.Delta("<i4"), numcodecs.Shuffle(4)], compressors=numcodecs.LZ4())
    fixed = numcodecs.FixedScaleOffset(offset=1000.3, scale=0.1, dtype="<f8", astype="<i4")
    put(always, "fixed scale offset", FLOATS, filters=[fixed], compressors=numcodecs.Zlib(5))
    fixed = numcodecs.FixedScaleOffset(offset=140, scale=2, dtype="<f4", astype="u1")
    put(always, "fixed scale offset of singles", SINGLES, filters=[fixed], compressors=None)
    put(always, "quantize", FLOATS, filters=[numcodecs.Quantize(1, "<f8", "<f4")], compressors=None)
    put(always, "astype", INTS, filters=[numcodecs.AsType("<f4", "<i4")], compressors=None)
    put(always, "astype and delta", INTS, filters=[numcodecs.AsType("<i2", "<i4"), numcodecs.Delta("<i2", "<i4")], compressors=None)
    put(always, "packbits", FLAGS, filters=[numcodecs.PackBits()], compressors=numcodecs.Zlib(5), chunks=(40,))
    for name, filters in checksums(numcodecs):
        put(always, name, INTS, filters=filters, compressors=None)
    put(rare, "bz2", INTS, compressors=numcodecs.BZ2(5))
    put(rare, "bz2 filter", INTS, filters=[numcodecs.BZ2(1)], compressors=numcodecs.Zstd(1))
    put(rare, "lzma", INTS, compressors=numcodecs.LZMA(preset=1))
    put(rare, "lzma alone", INTS, compressors=numcodecs.LZMA(format=2, preset=1))
    put(rare, "bitround", SINGLES, filters=[numcodecs.BitRound(7)], compressors=numcodecs.Zlib(5))
    put(rare, "pcodec", INTS, compressors=numcodecs.PCodec(level=8))
    put(rare, "pcodec of floats", FLOATS, compressors=numcodecs.PCodec(level=3))
    put(rare, "delta and pcodec", INTS, filters=[numcodecs.Delta("<i4")], compressors=numcodecs.PCodec())


def make_v3(path):
    root = zarr.open_group(path, mode="w", zarr_format=3)
    always, rare = root.create_group("always"), root.create_group("zarrs")
    put(always, "transpose", INTS, filters=[TransposeCodec(order=(1, 0))])
    put(always, "delta", INTS, filters=[codecs.Delta(dtype="<i4")])
    put(always, "transpose and delta", INTS, filters=[TransposeCodec(order=(1, 0)), codecs.Delta(dtype="<i4", astype="<i2")])
    put(always, "delta and big endian", INTS, filters=[codecs.Delta(dtype="<i4")], serializer=BytesCodec(endian="big"))
    fixed = codecs.FixedScaleOffset(offset=1000.3, scale=0.1, dtype="<f8", astype="<i4")
    put(always, "fixed scale offset", FLOATS, filters=[fixed])
    put(always, "quantize", FLOATS, filters=[codecs.Quantize(digits=1, dtype="<f8")])
    put(always, "astype", INTS, filters=[codecs.AsType(encode_dtype="<f4", decode_dtype="<i4")])
    put(always, "packbits", FLAGS, filters=[codecs.PackBits()], chunks=(40,))
    numbered = [codecs.Shuffle(elementsize=4), codecs.Blosc(cname="zstd"), codecs.LZ4(), codecs.Zstd(level=3), codecs.GZip(level=1)]
    put(always, "codecs of numcodecs", INTS, compressors=[*numbered, codecs.Zlib(level=1)])
    for name, compressors in checksums(codecs):
        put(always, name, INTS, compressors=compressors)
    texts = np.array([b"a", b"", "ü".encode(), b"x" * 50], dtype=object)
    array = always.create_array("vlen bytes", shape=(4,), chunks=(3,), dtype="variable_length_bytes", serializer=VLenBytesCodec())
    array[...] = texts

    inner = ShardingCodec(chunk_shape=(2, 3), codecs=[BytesCodec(), ZstdCodec(level=1)])
    nested = ShardingCodec(chunk_shape=(4, 6), codecs=[inner])
    at_start = ShardingCodec(chunk_shape=(4, 3), codecs=[BytesCodec(endian="big")], index_location="start")
    shapes = dict(chunks=(8, 6), compressors=None)
    put(always, "shards in shards", INTS, serializer=nested, **shapes)
    put(always, "shards in shards with a checksum", INTS, serializer=nested, **shapes | dict(compressors=[Crc32cCodec()]))
    put(always, "transposed shards", INTS, filters=[TransposeCodec(order=(1, 0))], serializer=ShardingCodec(chunk_shape=(2, 2)), **shapes)
    put(always, "checksum around shards", INTS, serializer=at_start, **shapes | dict(compressors=[Crc32cCodec()]))
    half = always.create_array(
        "shards in shards half written", shape=(10, 6), dtype="<i4", fill_value=7, serializer=nested, **shapes
    )
    half[:5, :4] = INTS[:5, :4]

    put(rare, "bz2", INTS, compressors=codecs.BZ2(level=5))
    put(rare, "lzma", INTS, compressors=codecs.LZMA(preset=1))
    put(rare, "bitround", SINGLES, filters=[codecs.BitRound(keepbits=7)])
    put(rare, "pcodec", INTS, serializer=codecs.PCodec(level=8), compressors=None)
    put(rare, "delta, pcodec and crc32c", INTS, filters=[codecs.Delta(dtype="<i4")], serializer=codecs.PCodec(), compressors=[Crc32cCodec()])
    in_shard = ShardingCodec(chunk_shape=(4, 3), codecs=[codecs.Delta(dtype="<i4"), BytesCodec(), codecs.BZ2(level=1)])
    put(rare, "bz2 in shards", INTS, serializer=in_shard, **shapes)


def main():
    folder = Path(sys.argv[1])
    for name, make in (("v2", make_v2), ("v3", make_v3)):
        with tempfile.TemporaryDirectory() as path:
            make(path)
            with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
                for file in sorted(Path(path).rglob("*")):
                    if file.is_file():
                        archive.writestr(zipfile.ZipInfo(str(file.relative_to(path))), file.read_bytes())
            describe = [sys.executable, str(Path(__file__).with_name("describe_zarr.py")), path]
            (folder / f"{name}.json").write_bytes(subprocess.run(describe, check=True, capture_output=True).stdout)


if __name__ == "__main__":
    main()
