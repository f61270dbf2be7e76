"""Write files that are wrong, each in one way, to `tests/fixtures/malformed`.

`malformed.json` beside them names, for each file, what is wrong and the path of the element that an error
has to name (empty where the whole file is at fault).

Usage: ``python make_malformed.py [FOLDER]`` (default: ``tests/fixtures`` of this project)
"""

from __future__ import annotations

import json
import struct
import sys
import zlib
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
from scipy import sparse

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
CASES = {}


def case(path="", *, what):
    """Register a function that spoils an open file; `path` is the element that the error must name.

    What no library would write is done to the bytes: the function then returns one from bytes to bytes.
    """

    def register(spoil):
        CASES[spoil.__name__.replace("_", "-")] = (spoil, path, what)
        return spoil

    return register


def write_good(path):
    """A valid file, small: compact groups, fixed-size strings also in the attributes, no empty slots."""
    x = sparse.csr_matrix(np.array([[1, 0, 2], [0, 0, 3], [4, 5, 0], [0, 6, 0]], dtype=np.float32))
    with h5py.File(path, "w", libver="latest") as f:
        stamp(f, "anndata", "0.1.0")
        matrix = stamp(f.create_group("X"), "csr_matrix", "0.1.0")
        matrix.attrs["shape"] = x.shape
        for part in ("data", "indices", "indptr"):
            array(matrix, part, getattr(x, part))
        obs = frame(f, "obs", [b"w", b"x", b"y", b"z"], [b"n", b"kind"])
        array(obs, "n", np.arange(4))
        kind = stamp(obs.create_group("kind"), "categorical", "0.2.0")
        kind.attrs["ordered"] = False
        array(kind, "codes", np.array([0, 1, 0, 1], dtype=np.int8))
        array(kind, "categories", np.array([b"a", b"b"]), "string-array")
        frame(f, "var", [b"g0", b"g1", b"g2"], np.zeros(0, "S1"))
        uns = stamp(f.create_group("uns"), "dict", "0.1.0")
        array(uns, "array", np.arange(12.0).reshape(3, 4))
        nullable = stamp(uns.create_group("nullable"), "nullable-integer", "0.1.0")
        array(nullable, "values", np.array([1, 0, 3]))
        array(nullable, "mask", np.array([False, True, False]))
        array(stamp(uns.create_group("dict"), "dict", "0.1.0"), "x", np.arange(2))
    ad.read_h5ad(path)


def frame(file, key, index, columns):
    group = stamp(file.create_group(key), "dataframe", "0.2.0")
    group.attrs["_index"], group.attrs["column-order"] = np.bytes_("_index"), columns
    array(group, "_index", np.array(index), "string-array")
    return group


def array(group, key, values, kind="array"):
    return stamp(group.create_dataset(key, data=values), kind, "0.2.0")


def stamp(node, kind, version):
    """Mark a node as an element of an encoding."""
    node.attrs["encoding-type"], node.attrs["encoding-version"] = np.bytes_(kind), np.bytes_(version)
    return node


def replace(file, path, data, **kwargs):
    """Put another dataset in the place of one, with the same attributes."""
    attributes = dict(file[path].attrs)
    del file[path]
    node = file.create_dataset(path, data=data, **kwargs)
    for key, value in attributes.items():
        node.attrs[key] = value


# ------------------------------------------------------------------ sparse matrices


@case("/X", what="a column index equal to the number of columns")
def sparse_index_too_large(f):
    f["X/indices"][1] = 3


@case("/X", what="a negative column index")
def sparse_index_negative(f):
    f["X/indices"][0] = -1


@case("/X", what="indptr decreases")
def sparse_indptr_decreasing(f):
    f["X/indptr"][2] = 1


@case("/X", what="indptr does not start at zero")
def sparse_indptr_start(f):
    f["X/indptr"][0] = 1


@case("/X", what="the last value of indptr is larger than the number of stored values")
def sparse_indptr_end(f):
    f["X/indptr"][4] = 1_000_000_000


@case("/X", what="indptr has more values than rows + 1")
def sparse_indptr_too_long(f):
    replace(f, "X/indptr", np.array([0, 2, 3, 5, 6, 6, 6], "i4"))


@case("/X", what="indptr is empty")
def sparse_indptr_empty(f):
    replace(f, "X/indptr", np.zeros(0, "i4"))


@case("/X", what="data and indices differ in length")
def sparse_lengths_differ(f):
    replace(f, "X/data", np.arange(4, dtype="f4"))


@case("/X", what="indices are floating point numbers")
def sparse_indices_float(f):
    replace(f, "X/indices", f["X/indices"][:].astype("f4"))


@case("/X", what="indptr is missing")
def sparse_indptr_missing(f):
    del f["X/indptr"]


@case("/X", what="the attribute shape is a string")
def sparse_shape_string(f):
    f["X"].attrs["shape"] = "4, 3"


@case("/X", what="the attribute shape has a negative number")
def sparse_shape_negative(f):
    f["X"].attrs["shape"] = np.array([-4, 3])


@case("/X", what="the attribute shape has three numbers")
def sparse_shape_three(f):
    f["X"].attrs["shape"] = np.array([4, 3, 2])


@case("/X", what="the attribute shape says 2^62 rows")
def sparse_shape_huge(f):
    f["X"].attrs["shape"] = np.array([2**62, 3])


# ------------------------------------------------------------------ frames and columns


@case("/obs/kind", what="a code beyond the categories")
def codes_too_large(f):
    f["obs/kind/codes"][0] = 2


@case("/obs/kind", what="a code below -1")
def codes_too_small(f):
    f["obs/kind/codes"][0] = -2


@case("/obs/kind", what="codes are floating point numbers")
def codes_float(f):
    replace(f, "obs/kind/codes", np.zeros(4, "f4"))


@case("/obs", what="column-order is missing")
def column_order_missing(f):
    del f["obs"].attrs["column-order"]


@case("/obs", what="column-order names a column that is absent")
def column_order_absent(f):
    f["obs"].attrs["column-order"] = ["n", "kind", "absent"]


@case("/obs", what="column-order is a number")
def column_order_number(f):
    f["obs"].attrs["column-order"] = 5


@case("/obs", what="_index names an absent column")
def index_absent(f):
    f["obs"].attrs["_index"] = "absent"


@case("/obs", what="_index is missing")
def index_missing(f):
    del f["obs"].attrs["_index"]


@case("/obs", what="a column is shorter than the index")
def column_short(f):
    replace(f, "obs/n", np.arange(3))


@case("/uns/nullable", what="mask and values differ in length")
def nullable_lengths_differ(f):
    replace(f, "uns/nullable/mask", np.array([True]))


@case("/X", what="X has fewer rows than obs")
def shape_mismatch(f):
    f["X"].attrs["shape"] = np.array([3, 3])
    replace(f, "X/indptr", np.array([0, 2, 3, 6], "i4"))


# ------------------------------------------------------------------ attributes


@case("/uns/array", what="encoding-type is an integer")
def encoding_type_integer(f):
    f["uns/array"].attrs["encoding-type"] = 7


@case("/uns/array", what="a dataset says that it is a csr_matrix")
def encoding_type_of_group(f):
    stamp(f["uns/array"], "csr_matrix", "0.1.0")


@case("/uns/dict", what="a group says that it is an array")
def encoding_type_of_array(f):
    stamp(f["uns/dict"], "array", "0.2.0")


# ------------------------------------------------------------------ links, sizes, stored bytes


@case("/uns/huge", what="a chunked dataset that claims 8 TiB and stores nothing")
def claims_8_tib(f):
    node = f["uns"].create_dataset("huge", (2**40,), "f8", chunks=(2**16,), maxshape=(None,))
    stamp(node, "array", "0.2.0")


@case("/uns/huge", what="the same, with gzip and a single stored chunk")
def claims_8_tib_one_chunk(f):
    node = f["uns"].create_dataset("huge", (2**40,), "f8", chunks=(2**12,), maxshape=(None,), compression="gzip")
    node[:8] = 1
    stamp(node, "array", "0.2.0")


@case("/uns/elsewhere", what="an external link")
def external_link(f):
    f["uns"]["elsewhere"] = h5py.ExternalLink("other.h5ad", "/X")


@case("/uns/elsewhere", what="a dataset whose bytes are in another file")
def external_storage(f):
    node = f["uns"].create_dataset("elsewhere", (4,), "i4", external=[("no-such-file.bin", 0, 16)])
    stamp(node, "array", "0.2.0")


@case("/uns/elsewhere", what="a virtual dataset")
def virtual_dataset(f):
    layout = h5py.VirtualLayout((4,), "i4")
    layout[:] = h5py.VirtualSource("no-such-file.h5", "data", (4,))
    node = f["uns"].create_virtual_dataset("elsewhere", layout)
    stamp(node, "array", "0.2.0")


@case("/uns/dict", what="a group that contains itself through a hard link")
def hard_link_cycle(f):
    f["uns/dict/again"] = f["uns/dict"]


@case("/uns/links", what="40 groups, each of which holds the next one twice: 2^40 paths")
def hard_links_without_end(f):
    link_twice(f, 40)


@case("/uns/links", what="8 groups, each of which holds the next one twice, and one array: 256 times its values")
def hard_links_multiply(f):
    link_twice(f, 8)["values"] = f["uns/array"]


def link_twice(f, depth):
    """The innermost of groups that hold each other twice below `uns/links`."""
    group = inner = stamp(f.create_group(None), "dict", "0.1.0")
    for _ in range(depth):
        outer = stamp(f.create_group(None), "dict", "0.1.0")
        outer["a"] = outer["b"] = group
        group = outer
    f["uns/links"] = group
    return inner


@case("/uns", what="two soft links that point at each other")
def soft_link_loop(f):
    f["uns/one"], f["uns/two"] = h5py.SoftLink("/uns/two"), h5py.SoftLink("/uns/one")


@case("/uns/gone", what="a soft link to nothing")
def soft_link_dangling(f):
    f["uns/gone"] = h5py.SoftLink("/nowhere")


@case("/obs/gone", what="a column that is a soft link to nothing")
def soft_link_column(f):
    f["obs/gone"] = h5py.SoftLink("/nowhere")
    f["obs"].attrs["column-order"] = np.array([b"n", b"gone", b"kind"])


@case("/obs/kind", what="codes that are a soft link to nothing")
def soft_link_codes(f):
    del f["obs/kind/codes"]
    f["obs/kind/codes"] = h5py.SoftLink("/nowhere")


@case("/uns/type", what="a named datatype")
def named_datatype(f):
    f["uns/type"] = h5py.enum_dtype({"FALSE": 0, "TRUE": 1}, "i1")


@case("/uns/dict", what="groups nested 400 levels deep")
def deep_nesting(f):
    group = f["uns/dict"]
    for _ in range(400):
        group = group.create_group("d")


@case("/uns/zipped", what="a gzip chunk of garbage")
def garbage_chunk(f):
    zipped(f).id.write_direct_chunk((0,), b"\x00garbage, not a zlib stream\xff" * 4)


@case("/uns/zipped", what="a gzip chunk that decodes to fewer bytes than the chunk has")
def short_chunk(f):
    zipped(f).id.write_direct_chunk((0,), zlib.compress(np.arange(10.0).tobytes()))


@case("/uns/zipped", what="a gzip chunk that decodes to 16 MiB of zeros")
def bomb_chunk(f):
    zipped(f).id.write_direct_chunk((0,), zlib.compress(bytes(2**24), 9))


@case("/uns/zipped", what="a checksum that does not match")
def wrong_checksum(f):
    node = f["uns"].create_dataset("zipped", (64,), "f8", chunks=(64,), fletcher32=True)
    stamp(node, "array", "0.2.0")
    node.id.write_direct_chunk((0,), np.arange(64.0).tobytes() + bytes(4))


def zipped(f):
    node = f["uns"].create_dataset("zipped", (64,), "f8", chunks=(64,), compression="gzip")
    stamp(node, "array", "0.2.0")
    return node


# ------------------------------------------------------------------ the heap that texts are in


@case("/uns/text", what="an object of the heap whose size makes the library loop without end")
def heap_endless(f):
    texts(f)
    return lambda data: patch(data, data.index(b"first text") - 8, struct.pack("<Q", 2**64 - 16))


@case("/uns/text", what="an object of the heap that is larger than its collection")
def heap_object_too_large(f):
    texts(f)
    return lambda data: patch(data, data.index(b"first text") - 8, struct.pack("<Q", 5000))


@case("/uns/text", what="a text in a collection beyond the end of the file")
def heap_address_beyond_file(f):
    offset = texts(f).id.get_offset()
    return lambda data: patch(data, offset + 4, struct.pack("<Q", 2**40))


@case("/uns/text", what="a text in an object that its collection does not have")
def heap_object_absent(f):
    offset = texts(f).id.get_offset()
    return lambda data: patch(data, offset + 12, struct.pack("<I", 99))


@case("/uns/text", what="a text that says it is longer than its object")
def heap_text_too_long(f):
    offset = texts(f).id.get_offset()
    return lambda data: patch(data, offset, struct.pack("<I", 2**31))


@case("/uns/text", what="a text that is not UTF-8")
def text_not_utf8(f):
    texts(f)
    return lambda data: data.replace(b"first text", b"first \xff\xfe\xc3\x28")


def texts(f):
    """The only texts of the file that are in the heap."""
    node = f["uns"].create_dataset("text", data=["first text", "second"], dtype=h5py.string_dtype())
    f.flush()
    return stamp(node, "string-array", "0.2.0")


def patch(data, offset, replacement):
    return data[:offset] + replacement + data[offset + len(replacement) :]


# ------------------------------------------------------------------ whole files


def write_whole_files(folder, good):
    """Files that are not, or no longer, HDF5."""
    content = good.read_bytes()
    whole = {
        "truncated-half": (content[: len(content) // 2], "the second half is missing"),
        "truncated-header": (content[:100], "only the first 100 bytes"),
        "empty": (b"", "no byte at all"),
        "not-hdf5": (b"name,value\na,1\n", "text"),
        "root-garbage": (content[:96] + bytes(400) + content[496:], "zeros over the root group"),
    }
    for name, (data, _) in whole.items():
        (folder / f"{name}.h5ad").write_bytes(data)
    with h5py.File(folder / "not-anndata.h5ad", "w") as f:
        f["numbers"] = np.arange(3)
    return {k: {"path": "", "what": what} for k, (_, what) in whole.items()} | {
        "not-anndata": {"path": "", "what": "HDF5, but no obs and no var"}
    }


def main(folder):
    target = folder / "malformed"
    target.mkdir(parents=True, exist_ok=True)
    good = target / "good.tmp"
    write_good(good)
    index = write_whole_files(target, good)
    for name, (spoil, path, what) in CASES.items():
        file = target / f"{name}.h5ad"
        file.write_bytes(good.read_bytes())
        with h5py.File(file, "r+", libver="latest") as f:
            change_bytes = spoil(f)
        if change_bytes is not None:
            file.write_bytes(change_bytes(file.read_bytes()))
        index[name] = {"path": path, "what": what}
    good.unlink()
    (target / "malformed.json").write_text(json.dumps(dict(sorted(index.items())), indent=1) + "\n")
    print(f"{len(index)} malformed files, {sum(p.stat().st_size for p in target.iterdir()):,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FIXTURES)
