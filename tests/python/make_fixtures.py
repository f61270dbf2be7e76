"""Write the `.h5ad` fixtures: at least one file for every encoding, and `demo.h5ad`.

Everything is seeded, so that a second run gives the same content. `tests/README.md` says what each file holds.

Usage: ``python make_fixtures.py [FOLDER]`` (default: ``tests/fixtures`` of this project)
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import anndata as ad
import awkward as ak
import h5py
import numpy as np
import pandas as pd
from anndata.io import write_elem
from demo import demo_object
from describe import write_expected
from scipy import sparse

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
N_OBS, N_VAR = 6, 4


def names(prefix, n):
    return [f"{prefix}{i}" for i in range(n)]


def base(*, x=True, n_obs=N_OBS, n_var=N_VAR, **slots):
    """A small object to hang elements on."""
    matrix = np.arange(n_obs * n_var, dtype=np.float32).reshape(n_obs, n_var) if x else None
    slots.setdefault("obs", pd.DataFrame(index=names("cell", n_obs)))
    slots.setdefault("var", pd.DataFrame(index=names("gene", n_var)))
    return ad.AnnData(matrix, **slots)


def stamp(node, kind, version):
    """Mark a node as an element of an encoding."""
    node.attrs["encoding-type"], node.attrs["encoding-version"] = kind, version
    return node


def text_dataset(group, key, values):
    """A string-array element written by hand."""
    return stamp(group.create_dataset(key, data=values, dtype=h5py.string_dtype()), "string-array", "0.2.0")


# ------------------------------------------------------------------ anndata and raw


def anndata_files(save):
    yield save("anndata-no-x", base(x=False))
    yield save("anndata-zero", ad.AnnData(sparse.csr_matrix((0, 0), dtype=np.float32)))
    yield save("anndata-dense", base(layers={"double": np.ones((N_OBS, N_VAR))}))

    full = base(obs=pd.DataFrame({"a": range(N_OBS)}, index=names("cell", N_OBS)))
    full.varm["loadings"] = np.ones((N_VAR, 2))
    full.raw = full.copy()
    trimmed = full[:, :2].copy()
    yield save("anndata-raw", trimmed)

    nested = base()
    nested.uns["inner"] = base(n_obs=2, n_var=3)
    yield save("anndata-nested", nested)

    path = save("anndata-extra", base())
    with h5py.File(path, "r+") as f:
        write_elem(f, "extra_dict", {"a": 1, "b": np.arange(3)})
        f["extra_dataset"] = np.arange(5)
        f.create_group("extra_group")["inside"] = np.arange(2.0)
        f["extra_group"].attrs["note"] = "left by another tool"
        future = stamp(f.create_group("future_root"), "my-future-thing", "9.9.0")
        future.create_group("deep").create_dataset("data", data=np.arange(4, dtype=np.int8))
    yield path

    for name in ("anndata-legacy-raw", "anndata-both-raw"):
        path = save(name, base())
        with h5py.File(path, "r+") as f:
            wide = base(n_var=7)
            write_elem(f, "raw.X", sparse.csr_matrix(wide.X))
            write_elem(f, "raw.var", wide.var)
            write_elem(f, "raw.varm", {"PCs": np.ones((7, 2))})
            if name == "anndata-both-raw":
                wide.raw = wide
                write_elem(f, "raw", wide.raw)
        yield path


# ------------------------------------------------------------------ dict, scalars, strings


def dict_file(save):
    deep = {"level": 0}
    for level in range(1, 12):
        deep = {"level": level, "down": deep}
    a = base()
    a.uns = {
        "zulu": 1,
        "alpha": 2,
        "empty": {},
        "deep": deep,
        "kéy with spaces ✓": {"x": 1},
        "list": ["a", "b"],
        "mixed": {"text": "t", "array": np.arange(3), "flag": True, "none": None},
    }
    path = save("dict", a)
    with h5py.File(path, "r+") as f:
        ordered = stamp(f["uns"].create_group("ordered", track_order=True), "dict", "0.1.0")
        for key in ("third", "first", "second"):
            write_elem(ordered, key, key)
        # A key with a slash, as older releases wrote it: the group between has no encoding.
        stamp(f["uns"].create_dataset("with/slash", data=np.arange(3)), "array", "0.2.0")
    yield path


def scalar_file(save):
    a = base()
    kinds = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
    a.uns = {k: np.dtype(k).type(1) for k in kinds}
    a.uns |= {
        "int64_min": np.int64(np.iinfo(np.int64).min),
        "uint64_max": np.uint64(np.iinfo(np.uint64).max),
        "float16": np.float16(0.5),
        "float32": np.float32(0.1),
        "float64": np.float64(0.1),
        "nan": float("nan"),
        "infinity": float("inf"),
        "complex64": np.complex64(1 + 2j),
        "complex128": np.complex128(1.5 - 2.5j),
        "false": False,
        "string": "plain",
        "string_empty": "",
        "string_unicode": "naïve ✓ 日本語 𝄞",
        "none": None,
    }
    path = save("scalars", a)
    with h5py.File(path, "r+") as f:
        stamp(f["uns"].create_dataset("bytes", data=np.bytes_(b"raw bytes")), "bytes", "0.2.0")
        fixed = h5py.string_dtype("utf-8", 12)
        stamp(f["uns"].create_dataset("string_fixed", data=np.array("fixed é".encode(), dtype=fixed)), "string", "0.2.0")
    yield path


def string_file(save):
    a = base()
    a.uns = {
        "plain": np.array(["a", "", "a longer string of text", "é✓𝄞"]),
        "object": np.array(["x", "y"], dtype=object),
        "empty": np.array([], dtype=object),
        "matrix": np.array([["a", "b", "c"], ["d", "é", ""]]),
        "long": np.array(["x" * 3000, "short"]),
    }
    path = save("strings", a)
    with h5py.File(path, "r+") as f:
        ascii_, utf8 = np.array([b"abc", b"d", b""], dtype="S3"), h5py.string_dtype("utf-8", 8)
        stamp(f["uns"].create_dataset("fixed_ascii", data=ascii_), "string-array", "0.2.0")
        padded = np.array([s.encode() for s in ("naïve", "✓✓", "x")], dtype=utf8)
        stamp(f["uns"].create_dataset("fixed_utf8", data=padded), "string-array", "0.2.0")
        chunked = f["uns"].create_dataset(
            "chunked_gzip", data=names("row", 50), dtype=h5py.string_dtype(), chunks=(8,), compression="gzip"
        )
        stamp(chunked, "string-array", "0.2.0")
    yield path


# ------------------------------------------------------------------ arrays


def array_file(save):
    a, u = base(), {}
    ints = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
    for k in ints:
        info = np.iinfo(k)
        u[k] = np.array([info.min, 0, 1, info.max], dtype=k)
    for k in ("float16", "float32", "float64"):
        u[k] = np.array([0, -0.0, 1.5, np.finfo(k).max, np.nan, np.inf, -np.inf], dtype=k)
    u["bool"] = np.array([True, False, True])
    u["complex64"] = np.array([1 + 2j, complex(np.nan, -1), 0], dtype=np.complex64)
    u["complex128"] = np.array([[1e300 + 2j], [-1j]], dtype=np.complex128)
    u["empty"], u["empty_2d"] = np.zeros(0, np.float32), np.zeros((0, 3), np.int32)
    u["matrix"] = np.arange(12, dtype=np.int16).reshape(3, 4)
    u["fortran"] = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    u["cube"], u["five_d"] = np.arange(24.0).reshape(2, 3, 4), np.arange(32, dtype=np.uint8).reshape(2, 2, 2, 2, 2)
    u["one"] = np.array([7], dtype=np.int64)
    a.uns, a.obsm["pca"] = u, np.linspace(0, 1, N_OBS * 3).reshape(N_OBS, 3)
    a.obsm["image"] = np.arange(N_OBS * 4, dtype=np.uint8).reshape(N_OBS, 2, 2)
    path = save("arrays", a)
    with h5py.File(path, "r+") as f:
        for k in ("int16", "int32", "int64", "uint16", "float16", "float32", "float64", "complex64"):
            values = (np.arange(6) * 1.25).astype(k)
            node = f["uns"].create_dataset(f"big_endian_{k}", data=values.astype(values.dtype.newbyteorder(">")))
            stamp(node, "array", "0.2.0")
        stamp(f["uns"].create_dataset("zero_d", data=np.float32(2.5)), "array", "0.2.0")
    yield path


def storage_file(save):
    """The same values under every layout and filter that HDF5 itself offers."""
    path = save("filters", base())
    values = np.arange(1000, dtype=np.int32).reshape(100, 10) // 7
    layouts = {
        "contiguous": {},
        "chunked": {"chunks": (30, 4)},
        "one_chunk": {"chunks": (100, 10)},
        "gzip_1": {"chunks": (30, 4), "compression": "gzip", "compression_opts": 1},
        "gzip_9_shuffle": {"chunks": (30, 4), "compression": "gzip", "compression_opts": 9, "shuffle": True},
        "lzf": {"chunks": (30, 4), "compression": "lzf"},
        "lzf_shuffle": {"chunks": (30, 4), "compression": "lzf", "shuffle": True},
        "fletcher32": {"chunks": (30, 4), "fletcher32": True},
        "gzip_fletcher32": {"chunks": (30, 4), "compression": "gzip", "fletcher32": True},
        "all": {"chunks": (30, 4), "compression": "gzip", "shuffle": True, "fletcher32": True},
        "scaleoffset": {"chunks": (30, 4), "scaleoffset": 0},
        "resizable": {"chunks": (10, 10), "maxshape": (None, None), "compression": "gzip"},
    }
    with h5py.File(path, "r+") as f:
        for key, layout in layouts.items():
            stamp(f["uns"].create_dataset(key, data=values, **layout), "array", "0.2.0")
        unwritten = f["uns"].create_dataset("unwritten", (20, 3), "f4", chunks=(5, 3), fillvalue=1.5, compression="gzip")
        stamp(unwritten, "array", "0.2.0")
        partly = f["uns"].create_dataset("partly_written", (20, 3), "i4", chunks=(5, 3), fillvalue=-1)
        partly[5:10] = 3
        stamp(partly, "array", "0.2.0")
        # A chunk whose filter was skipped: its mask says that the stored bytes are not compressed.
        masked = f["uns"].create_dataset("filter_mask", (4, 4), "i4", chunks=(2, 4), compression="gzip")
        masked[:2] = 1
        masked.id.write_direct_chunk((2, 0), np.full((2, 4), 2, "i4").tobytes(), filter_mask=1)
        stamp(masked, "array", "0.2.0")
    yield path
    # The newer file format has other chunk indices (single, implicit, fixed array, extensible array, B-tree 2).
    latest = path.with_name("filters-latest.h5ad")
    with h5py.File(path) as old, h5py.File(latest, "w", libver="latest") as new:
        for key, value in old.attrs.items():
            new.attrs[key] = value
        for key in old:
            if key != "uns":
                old.copy(key, new)
        uns = stamp(new.create_group("uns"), "dict", "0.1.0")
        for key, layout in layouts.items():
            stamp(uns.create_dataset(key, data=values, **layout), "array", "0.2.0")
        one = uns.create_dataset("extensible_1d", data=np.arange(100), chunks=(7,), maxshape=(None,), compression="gzip")
        stamp(one, "array", "0.2.0")
        early = uns.create_dataset("compact_text", data="compact", dtype=h5py.string_dtype())
        stamp(early, "string", "0.2.0")
    yield latest


# ------------------------------------------------------------------ sparse matrices


def sparse_file(save):
    rng = np.random.default_rng(1)
    random = sparse.random(N_OBS, N_VAR, 0.5, format="csr", dtype=np.float32, random_state=rng)
    a = base(x=False)
    a.X = random
    a.layers["csc"] = random.tocsc()
    for k in ("bool", "int64", "uint16"):
        a.layers[k] = (random * 100).astype(k)
    a.obsp["empty"] = sparse.csr_matrix((N_OBS, N_OBS), dtype=np.float64)
    a.uns["no_rows"], a.uns["no_columns"] = sparse.csr_matrix((0, 5)), sparse.csc_matrix((5, 0))
    a.uns["csr_array"] = sparse.csr_array(random)
    wide = random.copy()
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    path = save("sparse", a, compression="gzip")
    with h5py.File(path, "r+") as f:
        u = f["uns"]
        write_elem(u, "int64_indices", wide)
        for name, index in (("uint8", "u1"), ("uint16", "u2"), ("uint32", "u4"), ("uint64", "u8")):
            write_sparse(u, f"{name}_indices", random, index, "i8")
        write_sparse(u, "mixed_widths", random, "i4", "i8")
        unsorted = sparse.csr_matrix(
            (np.array([3.0, 1.0, 2.0, 5.0, 4.0]), np.array([3, 0, 2, 2, 1], "i4"), np.array([0, 3, 3, 5], "i4")), (3, 4)
        )
        write_elem(u, "unsorted", unsorted)
        write_sparse(u, "duplicates", sparse.csr_matrix(
            (np.array([1.0, 2.0]), np.array([1, 1], "i4"), np.array([0, 2], "i4")), (1, 3)), "i4", "i4")
        explicit = sparse.csr_matrix((np.array([0.0, 1.0, np.nan]), np.array([0, 1, 2], "i4"), [0, 2, 3]), (2, 4))
        write_elem(u, "explicit_zero_and_nan", explicit)
        write_elem(u, "uncompressed", random)
    yield path


def write_sparse(group, key, matrix, index_dtype, indptr_dtype):
    g = stamp(group.create_group(key), f"{matrix.format}_matrix", "0.1.0")
    g.attrs["shape"] = matrix.shape
    for part, dtype in (("data", matrix.dtype), ("indices", index_dtype), ("indptr", indptr_dtype)):
        g.create_dataset(part, data=getattr(matrix, part).astype(dtype))


# ------------------------------------------------------------------ frames, categoricals, nullables


def dataframe_file(save):
    index = names("cell", N_OBS)
    obs = pd.DataFrame(
        {
            "z_last_first": np.arange(N_OBS, dtype=np.int16),
            "a float": np.linspace(0, 1, N_OBS, dtype=np.float32),
            "flag": np.arange(N_OBS) % 2 == 0,
            "text": ["a", "b", "", "é", "✓", "z"],
            "m_category": pd.Categorical(["x", "y", "x", None, "y", "x"]),
            "nullable": pd.array([1, None, 3, 4, None, 6], dtype="Int32"),
        },
        index=pd.Index(index, name="barcode"),
    )
    a = base(obs=obs)
    frame = lambda **k: pd.DataFrame(k)  # noqa: E731
    a.uns = {
        "no_columns": pd.DataFrame(index=["a", "b"]),
        "zero_rows": pd.DataFrame({"x": np.zeros(0), "y": np.zeros(0, dtype=object)}, index=pd.Index([], dtype=object)),
        "nothing": pd.DataFrame(index=pd.Index([], dtype=object)),
        "index_int": frame(x=[1.0, 2.0]).set_index(pd.Index([10, 20])),
        "index_float": frame(x=[1, 2]).set_index(pd.Index([0.5, 1.5])),
        "index_named_as_column": frame(x=["p", "q"]).set_index(pd.Index(["p", "q"], name="x")),
        "non_ascii": frame(**{"größe": [1, 2], "日本": ["a", "b"]}).set_index(pd.Index(["ä", "ö"])),
        "index_nullable": frame(x=[1, 2, 3]).set_index(pd.Index(pd.array(["a", None, "c"], dtype="string"))),
        "index_categorical": frame(x=[1, 2, 3]).set_index(pd.CategoricalIndex(["u", "v", "u"], categories=["w", "v", "u"])),
        "index_nullable_integer": frame(x=[1, 2]).set_index(pd.Index(pd.array([5, 6], dtype="Int64"))),
    }
    a.obsm["frame"] = pd.DataFrame({"p": range(N_OBS), "q": names("v", N_OBS)}, index=index)
    path = save("dataframes", a)
    with h5py.File(path, "r+") as f:
        # A column whose name has a slash, as older releases wrote it.
        g = stamp(f["uns"].create_group("slash_columns"), "dataframe", "0.2.0")
        g.attrs["_index"], g.attrs["column-order"] = "_index", ["plain", "per/cell"]
        text_dataset(g, "_index", ["a", "b"])
        write_elem(g, "plain", np.array([1, 2]))
        stamp(g.create_dataset("per/cell", data=np.array([0.5, 1.5])), "array", "0.2.0")
        # Attributes as other languages write them: fixed-size strings.
        g = f["uns"].create_group("fixed_attributes")
        stamp(g, np.bytes_("dataframe"), np.bytes_("0.2.0"))
        g.attrs["_index"], g.attrs["column-order"] = np.bytes_("rows"), np.array([b"y", b"x"])
        text_dataset(g, "rows", ["a", "b"])
        write_elem(g, "x", np.array([1, 2]))
        write_elem(g, "y", np.array([3.0, 4.0]))
        # Something beside the columns that column-order does not name.
        text_dataset(f["uns/index_int"], "unlisted", ["not", "a column"])
    yield path

    plain = base(obs=pd.DataFrame({"n": range(N_OBS)}, index=pd.Index(index, dtype=object)))
    with ad.settings.override(allow_write_nullable_strings=False):
        yield save("dataframe-index-array", plain)
    nullable = base(obs=pd.DataFrame({"n": range(N_OBS)}, index=pd.Index(pd.array(index, dtype="string"))))
    with ad.settings.override(allow_write_nullable_strings=True):
        yield save("dataframe-index-group", nullable)

    path = save("dataframe-0.1.0", base())
    with h5py.File(path, "r+") as f:
        del f["obs"]
        g = stamp(f.create_group("obs"), "dataframe", "0.1.0")
        g.attrs["_index"], g.attrs["column-order"] = "cells", ["depth", "cluster", "stage", "label"]
        g.create_dataset("cells", data=index, dtype=h5py.string_dtype())
        g["depth"] = np.arange(N_OBS, dtype=np.int64)
        g.create_dataset("label", data=names("l", N_OBS), dtype=h5py.string_dtype())
        cats = g.create_group("__categories")
        for key, values, ordered, codes in (
            ("cluster", ["A", "B", "unused"], False, [0, 1, -1, 0, 1, 0]),
            ("stage", ["early", "late"], True, [0, 0, 1, 1, 0, 1]),
        ):
            node = cats.create_dataset(key, data=values, dtype=h5py.string_dtype())
            node.attrs["ordered"] = ordered
            g[key] = np.array(codes, dtype=np.int8)
            g[key].attrs["categories"] = node.ref
    yield path


def categorical_file(save):
    c = pd.Categorical
    a = base()
    a.obs["plain"] = c(["b", "a", "b", "c", "a", "b"])
    a.obs["ordered"] = c(["low", "high", "mid", "low", "mid", "high"], ["low", "mid", "high"], ordered=True)
    a.obs["unused"] = c(["x"] * N_OBS, ["y", "x", "z"])
    a.obs["missing"] = c(["x", None, "y", None, "x", "y"])
    a.obs["all_missing"] = c([None] * N_OBS, ["p"])
    a.obs["no_categories"] = c([None] * N_OBS, np.array([], dtype=object))
    a.uns = {
        "integers": c([3, 1, 2, 1]),
        "floats": c([0.5, 1.5, np.nan]),
        "booleans": c([True, False, True]),
        "non_ascii": c(["é", "✓", "é"]),
        "empty": c([]),
        "int8_full": c(np.arange(127)),
        "int16": c(np.arange(200)),
    }
    path = save("categorical", a)
    with h5py.File(path, "r+") as f:
        wide = c(np.arange(33_000, dtype=np.int32))
        write_elem(f["uns"], "int32", wide, dataset_kwargs={"compression": "gzip", "shuffle": True})
        for width in ("uint8", "uint16", "int64"):
            g = stamp(f["uns"].create_group(f"codes_{width}"), "categorical", "0.2.0")
            g.attrs["ordered"] = False
            write_elem(g, "codes", np.array([0, 1, 0], dtype=width))
            text_dataset(g, "categories", ["a", "b"])
    yield path


def nullable_file(save):
    a = base()
    a.obs["int"] = pd.array([1, None, 3, 4, 5, None], dtype="Int64")
    a.obs["bool"] = pd.array([True, None, False, True, None, False], dtype="boolean")
    a.obs["string"] = pd.array(["a", None, "c", "", "é", None], dtype="string")
    a.obs["string_nan"] = pd.array(["a", None, "c", "", "é", "f"], dtype=pd.StringDtype(na_value=np.nan))
    for k in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"):
        a.uns[k] = pd.array([0, None, np.iinfo(k.lower()).max], dtype=k)
    a.uns["all_missing"] = pd.array([None, None], dtype="Int32")
    a.uns["none_missing"] = pd.array([True, False], dtype="boolean")
    a.uns["empty"] = pd.array([], dtype="Int32")
    a.uns["strings"] = pd.array(["x", None], dtype="string")
    path = save("nullable", a)
    with h5py.File(path, "r+") as f:
        g = stamp(f["uns"].create_group("strings_without_na_value"), "nullable-string-array", "0.1.0")
        text_dataset(g, "values", ["x", ""])
        write_elem(g, "mask", np.array([False, True]))
    yield path


# ------------------------------------------------------------------ record arrays, awkward arrays, unknown


def recarray_file(save):
    fields = [("g1", "O"), ("g2", "O"), ("a b", "O")]
    gene_names = np.array([("x", "y", "é"), ("p", "", "long name of a gene")], dtype=fields)
    scores = np.rec.fromarrays([np.array([1.5, np.nan], "f4"), np.array([-1.0, 2.0], "f8")], names=["g1", "g2"])
    a = base()
    a.uns = {
        "names": gene_names,
        "scores": scores,
        "mixed": np.array(
            [("a", 1, True, 0.5, 1 + 2j), ("b", 2, False, -0.5, 0)],
            dtype=[("s", "O"), ("i", "i2"), ("flag", "?"), ("d", "f8"), ("c", "c8")],
        ),
        "empty": np.zeros(0, dtype=[("x", "f4"), ("y", "i8")]),
        "matrix": np.zeros((2, 3), dtype=[("x", "f4"), ("y", "u1")]),
        "one_field": np.array([(1,), (2,)], dtype=[("only", "i4")]),
    }
    yield save("recarray", a)


def awkward_file(save):
    c = ak.contents
    i64 = lambda *v: ak.index.Index64(np.array(v, dtype=np.int64))  # noqa: E731
    num = lambda *v, dtype=np.float64: c.NumpyArray(np.array(v, dtype=dtype))  # noqa: E731
    forms = {
        "numpy": num(1.0, 2.5, np.nan),
        "numpy_2d": c.NumpyArray(np.arange(6, dtype=np.int32).reshape(2, 3)),
        "bool": num(True, False, dtype=bool),
        "uint8": num(1, 255, dtype=np.uint8),
        "list_offset": c.ListOffsetArray(i64(0, 2, 2, 3), num(1, 2, 3)),
        "list_offset_32": c.ListOffsetArray(ak.index.Index32(np.array([0, 1, 3], "i4")), num(1, 2, 3)),
        "list": c.ListArray(i64(2, 0), i64(4, 1), num(1, 2, 3, 4)),
        "regular": c.RegularArray(num(1, 2, 3, 4, 5, 6), 3),
        "regular_zero": c.RegularArray(num(), 0, zeros_length=2),
        "record": c.RecordArray([num(1, 2), num(3, 4, dtype=np.int32)], ["x", "ÿ"]),
        "tuple": c.RecordArray([num(1, 2), num(3, 4)], None),
        "indexed_option": c.IndexedOptionArray(i64(1, -1, 0), num(10, 20)),
        "byte_masked": c.ByteMaskedArray(ak.index.Index8(np.array([1, 0, 1], "i1")), num(1, 2, 3), valid_when=True),
        "bit_masked": c.BitMaskedArray(
            ak.index.IndexU8(np.array([0b101], "u1")), num(1, 2, 3), valid_when=True, length=3, lsb_order=True
        ),
        "unmasked": c.UnmaskedArray(num(1, 2)),
        "indexed": c.IndexedArray(i64(1, 0, 1), num(10, 20)),
        "union": c.UnionArray(
            ak.index.Index8(np.array([0, 1, 0], "i1")),
            i64(0, 0, 1),
            [num(1, 2), c.ListOffsetArray(i64(0, 2), num(7, 8))],
        ),
        "empty": c.EmptyArray(),
        "list_of_empty": c.ListOffsetArray(i64(0, 0, 0), c.EmptyArray()),
    }
    a = base()
    a.uns = {k: ak.Array(v) for k, v in forms.items()}
    a.uns["strings"] = ak.Array(["one", "", "é✓"])
    a.uns["bytestrings"] = ak.Array([b"one", b"\xff\x00"])
    a.uns["nested_strings"] = ak.Array([["a", "b"], [], ["c"]])
    a.uns["categorical"] = ak.str.to_categorical(ak.Array(["u", "v", "u"]))
    a.uns["records_in_lists"] = ak.Array([[{"a": 1, "b": [1.5]}], [], [{"a": None, "b": []}]])
    a.uns["option_strings"] = ak.Array(["a", None, "c"])
    a.uns["named_record"] = ak.Array([{"x": 1.0}, {"x": 2.0}], with_name="point")
    a.obsm["reads"] = ak.Array([[1, 2], [], [3], [4, 5, 6], [], [7]])
    a.varm["peaks"] = ak.Array([[{"start": 1, "end": 5}], [], [{"start": 2, "end": 3}], []])
    path = save("awkward", a)
    with h5py.File(path, "r+") as f:
        # anndata packs arrays before it writes them, which turns some nodes into others; these are as they were.
        for key, layout in forms.items():
            form, length, buffers = ak.to_buffers(layout)
            if form != ak.to_buffers(ak.to_packed(layout))[0]:
                g = stamp(f["uns"].create_group(f"unpacked_{key}"), "awkward-array", "0.1.0")
                g.attrs["length"], g.attrs["form"] = length, form.to_json()
                for name, values in buffers.items():
                    write_elem(g, name, values)
    yield path


def unknown_file(save):
    path = save("unknown", base())
    with h5py.File(path, "r+") as f:
        group = stamp(f["uns"].create_group("future_group"), "my-future-thing", "0.1.0")
        group.attrs["numbers"], group.attrs["words"] = np.arange(3), ["a", "b"]
        group["payload"] = np.arange(5, dtype=np.float32)
        group.create_group("inner").create_dataset("text", data=["x", "y"], dtype=h5py.string_dtype())
        group.create_dataset("squeezed", data=np.arange(100), chunks=(10,), compression="gzip")
        write_elem(group, "known_inside", np.arange(2))
        array = stamp(f["uns"].create_dataset("future_array", data=np.arange(6).reshape(2, 3)), "my-future-thing", "0.1.0")
        array.attrs["unit"] = "counts"
        odd = np.array([(1, b"ab"), (2, b"c")], dtype=[("i", "<i4"), ("s", "S2")])
        stamp(f["uns"].create_dataset("future_compound", data=odd), "my-future-thing", "0.1.0")
        stamp(f["uns"].create_dataset("newer_array", data=np.arange(3)), "array", "99.0.0")
        stamp(f["obsm"].create_dataset("future_obsm", data=np.ones((N_OBS, 2))), "my-future-thing", "0.1.0")
        f["uns"].create_dataset("bare", data=np.arange(4))
        f["uns"].create_group("bare_group")["x"] = 1.5
    yield path


# ------------------------------------------------------------------ all


ROWS = [
    anndata_files, dict_file, scalar_file, string_file, array_file, storage_file, sparse_file, dataframe_file,
    categorical_file, nullable_file, recarray_file, awkward_file, unknown_file,
]  # fmt: skip


def main(folder):
    files, expected = folder / "h5ad", folder / "expected"
    files.mkdir(parents=True, exist_ok=True)
    ad.settings.allow_write_nullable_strings = True
    warnings.simplefilter("ignore")

    def save(name, adata, **kwargs):
        path = files / f"{name}.h5ad"
        adata.write_h5ad(path, convert_strings_to_categoricals=False, **kwargs)
        return path

    paths = [path for row in ROWS for path in row(save)]
    demo = folder / "demo.h5ad"
    demo_object().write_h5ad(demo, compression="gzip")
    for path in [*paths, demo]:
        write_expected(path, expected)
        print(f"{path.relative_to(folder)}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FIXTURES)
