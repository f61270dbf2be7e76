"""Random objects, one maker an encoding: an object whose elements in every slot that allows it are of that encoding.

A maker is a `Maker` of up to four functions; `ENCODINGS` is the table of them. `everything` uses the generator of anndata's
own tests. Files that Python of today does not write are fixtures, in `FILES`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anndata as ad
import awkward as ak
import numpy as np
import pandas as pd
from anndata.tests.helpers import DEFAULT_KEY_TYPES, gen_adata
from scipy import sparse

FIXTURES = Path(__file__).resolve().parent.parent.parent / "fixtures"
INTEGERS = [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]
DTYPES = ["bool", *INTEGERS, "float16", "float32", "float64", "complex64", "complex128"]
NASTY = ["", " ", "é", "日本語 🧬", "a.b", "x" * 70, "nan", "None", "0", "tab\there", "'quoted'", "-", "__x__"]


@dataclass
class Maker:
    """How elements of an encoding are made from a random generator and lengths; None where a slot cannot hold one."""

    free: Callable  # (rng) -> for `uns`
    rows: Callable | None = None  # (rng, n) -> for `obsm` and `varm`
    matrix: Callable | None = None  # (rng, n, m) -> for `X`, `layers`, `obsp`, `varp`
    column: Callable | None = None  # (rng, n) -> for columns of frames


# ------------------------------------------------------------------ values


def numbers(rng, shape, dtype=None):
    """Any values of a dtype, extremes, NaN and infinities among them."""
    dtype = np.dtype(dtype or rng.choice(DTYPES))
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        values = rng.integers(info.min, info.max, shape, dtype=dtype, endpoint=True)
        return np.where(rng.random(shape) < 0.3, np.zeros(shape, dtype), values)
    if dtype.kind == "c":
        part = f"float{dtype.itemsize * 4}"
        return (numbers(rng, shape, part) + 1j * rng.integers(-3, 3, shape)).astype(dtype)
    values = rng.normal(0, 100, shape).astype(dtype)
    odd = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, np.finfo(dtype).max], shape).astype(dtype)
    return np.where(rng.random(shape) < 0.1, odd, values)


def words(rng, n):
    letters = np.array(list("abcdeé✓"))
    plain = ["".join(rng.choice(letters, rng.integers(0, 9))) for _ in range(n)]
    return [str(rng.choice(NASTY)) if rng.random() < 0.2 else word for word in plain]


def strings(rng, *shape):
    return np.array(words(rng, int(np.prod(shape))), dtype=object).reshape(shape)


def dense(rng, n, m, dtype=None):
    values = numbers(rng, (n, m), dtype)
    order = rng.random()
    if order < 0.2:
        return np.asfortranarray(values)
    if order < 0.35 and values.dtype.kind in "iufc":
        return values.astype(values.dtype.newbyteorder(">"))
    return values


def compressed(fmt):
    def make(rng, n, m):
        cells = (rng.random((n, m)) < rng.choice([0, 0.2, 0.7])) if n * m else np.zeros((n, m), bool)
        dtype = rng.choice([d for d in DTYPES if d != "float16"])
        matrix = sparse.coo_matrix(cells).asformat(fmt).astype(dtype)
        matrix.data = numbers(rng, matrix.nnz, dtype)
        if rng.random() < 0.4:  # unsorted: each row or column backwards
            for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
                matrix.indices[start:end] = matrix.indices[start:end][::-1].copy()
            matrix.has_sorted_indices = False
        if rng.random() < 0.3:
            matrix.indices, matrix.indptr = matrix.indices.astype("int64"), matrix.indptr.astype("int64")
        return matrix if rng.random() < 0.5 else {"csr": sparse.csr_array, "csc": sparse.csc_array}[fmt](matrix)

    return make


# ------------------------------------------------------------------ columns and frames


def plain_column(rng, n):
    return strings(rng, n) if rng.random() < 0.3 else numbers(rng, n)


def categorical(rng, n):
    kind = rng.integers(4)
    count = int(rng.integers(1, 6))
    categories = [
        lambda: list(dict.fromkeys(words(rng, count))),
        lambda: list(rng.permutation(count) - 1),
        lambda: [float(v) / 2 for v in rng.permutation(count)],
        lambda: [True, False],
    ][kind]()
    codes = rng.integers(-1, len(categories), n)
    index = pd.Index(categories, dtype="object") if kind == 0 else pd.Index(categories)
    return pd.Categorical.from_codes(codes, categories=index, ordered=bool(rng.random() < 0.5))


def wide_categorical(rng):
    """More categories than a byte counts."""
    names = [f"c{i}" for i in rng.permutation(300)]
    return pd.Categorical.from_codes(rng.integers(0, 300, 20), categories=pd.Index(names, dtype="object"))


def nullable_integer(rng, n):
    dtype = rng.choice(INTEGERS)
    return pd.arrays.IntegerArray(numbers(rng, n, dtype), rng.random(n) < 0.3)


def nullable_boolean(rng, n):
    return pd.arrays.BooleanArray(rng.random(n) < 0.5, rng.random(n) < 0.3)


def nullable_string(rng, n):
    na_value = pd.NA if rng.random() < 0.6 else np.nan
    values = [None if rng.random() < 0.3 else word for word in words(rng, n)]
    return pd.array(values, dtype=pd.StringDtype(storage="python", na_value=na_value))


COLUMNS = [plain_column, categorical, nullable_integer, nullable_boolean, nullable_string]


def frame(rng, n, index=None, columns=COLUMNS):
    names = dict.fromkeys(rng.permutation([*words(rng, 2), "zulu", "alpha", "n genes"])[: rng.integers(0, 4)])
    made = {str(name): columns[rng.integers(len(columns))](rng, n) for name in names if name not in ("", "_index")}
    out = pd.DataFrame(made, index=pd.RangeIndex(n) if index is None else index)
    return out


def free_frame(rng):
    """A frame with an index of any kind."""
    n = int(rng.integers(0, 6))
    kinds = [
        lambda: pd.Index([f"row {i}" for i in range(n)], dtype="object"),
        lambda: pd.Index(rng.permutation(n)),
        lambda: pd.Index(rng.permutation(n) / 4),
        lambda: pd.CategoricalIndex(pd.Categorical(rng.choice(["u", "v"], n), categories=["w", "v", "u"])),
        lambda: pd.Index(pd.array([f"r{i}" for i in range(n)], dtype="string")),
        lambda: pd.Index(pd.array(rng.permutation(n), dtype="Int32")),
    ]
    index = kinds[rng.integers(len(kinds))]()
    if rng.random() < 0.4:
        index.name = str(rng.choice(["barcode", "the index", "ï"]))
    return frame(rng, n, index)


def records(rng, shape):
    kinds = ["i2", "i8", "u1", "f4", "f8", "?", "O"]
    fields = [(name, str(rng.choice(kinds))) for name in ["g1", "a b", "é"][: rng.integers(1, 4)]]
    out = np.zeros(shape, dtype=fields)
    for name, kind in fields:
        out[name] = strings(rng, *out.shape) if kind == "O" else numbers(rng, out.shape, kind)
        if kind == "O" and not any(out[name].flat):
            # Python cannot write text of which none has a character to zarr.
            out[name] = "x"
    return out


# ------------------------------------------------------------------ awkward arrays


def awkward(rng, n):
    def lists(of):
        return ak.unflatten(of, rng_counts(rng, n, len(of)))

    numbers_ = lambda k: ak.Array(numbers(rng, k, str(rng.choice(["int8", "int64", "uint16", "float32", "float64", "bool"]))))  # noqa: E731
    total = int(rng.integers(0, 12)) if n else 0
    kinds = [
        lambda: lists(numbers_(total)),
        lambda: lists(ak.Array(words(rng, total)) if total else ak.Array(["x"])[:0]),
        lambda: lists(ak.zip({"x": numbers_(total), "name é": ak.Array(words(rng, total))})) if total else lists(numbers_(0)),
        lambda: ak.mask(numbers_(n), rng.random(n) < 0.6),
        lambda: ak.to_regular(ak.Array(numbers(rng, (n, 3), "float32"))),
        lambda: ak.mask(lists(numbers_(total)), rng.random(n) < 0.7),
        # Packed, as a file has it: what is selected of a union may keep values that are not used.
        lambda: ak.to_packed(ak.Array([[1, 2.5], "two", None][: max(n, 1)] * (n // 3 + 1))[:n]),
        lambda: lists(lists_of_lists(rng, total)),
    ]
    return kinds[rng.integers(len(kinds))]()


def lists_of_lists(rng, n):
    total = int(rng.integers(0, 9)) if n else 0
    return ak.unflatten(ak.Array(numbers(rng, total, "int32")), rng_counts(rng, n, total))


def rng_counts(rng, n, total):
    """`n` counts that add up to `total`."""
    return np.bincount(rng.integers(0, n, total), minlength=n) if n else np.zeros(0, int)


# ------------------------------------------------------------------ what only uns holds


def number(rng):
    return numbers(rng, 1)[0]


def mapping(rng, depth=0):
    keys = dict.fromkeys(k for k in words(rng, 3) if k.strip("./ ") and "/" not in k and "\t" not in k)
    out = {}
    for key in keys:
        out[key] = mapping(rng, depth + 1) if depth < 4 and rng.random() < 0.5 else number(rng)
    return out


def inner_object(rng):
    return base(rng, 2, 3)


# ------------------------------------------------------------------ the table

ENCODINGS = {
    "array": Maker(
        lambda rng: numbers(rng, tuple(rng.integers(0, 4, rng.integers(1, 5)))),
        lambda rng, n: numbers(rng, (n, *rng.integers(0, 4, rng.integers(1, 3)))),
        dense,
        lambda rng, n: numbers(rng, n),
    ),
    "numeric-scalar": Maker(number),
    "string": Maker(lambda rng: words(rng, 1)[0]),
    "string-array": Maker(
        lambda rng: strings(rng, *rng.integers(0, 4, rng.integers(1, 3))),
        lambda rng, n: strings(rng, n, int(rng.integers(1, 3))),
        None,
        lambda rng, n: strings(rng, n),
    ),
    "csr_matrix": Maker(
        lambda rng: compressed("csr")(rng, *rng.integers(0, 6, 2)),
        lambda rng, n: compressed("csr")(rng, n, int(rng.integers(0, 5))),
        compressed("csr"),
    ),
    "csc_matrix": Maker(
        lambda rng: compressed("csc")(rng, *rng.integers(0, 6, 2)),
        lambda rng, n: compressed("csc")(rng, n, int(rng.integers(0, 5))),
        compressed("csc"),
    ),
    "dataframe": Maker(free_frame),
    "categorical": Maker(
        lambda rng: wide_categorical(rng) if rng.random() < 0.3 else categorical(rng, int(rng.integers(0, 7))),
        column=categorical,
    ),
    "nullable-integer": Maker(lambda rng: nullable_integer(rng, int(rng.integers(0, 7))), column=nullable_integer),
    "nullable-boolean": Maker(lambda rng: nullable_boolean(rng, int(rng.integers(0, 7))), column=nullable_boolean),
    "nullable-string-array": Maker(lambda rng: nullable_string(rng, int(rng.integers(0, 7))), column=nullable_string),
    "rec-array": Maker(lambda rng: records(rng, int(rng.integers(1, 6)))),
    "awkward-array": Maker(lambda rng: awkward(rng, int(rng.integers(0, 6))), awkward),
    "null": Maker(lambda rng: None),
    "dict": Maker(mapping),
    "anndata": Maker(inner_object),
}
#: Encodings that are no element: what an object is made of as a whole.
WHOLES = ["raw", "empty-axes", "odd-names", "everything"]


def make(encoding, rng):
    """A random object with elements of an encoding, or one of `WHOLES`."""
    if encoding == "everything":
        return from_anndata_tests(rng)
    if encoding == "empty-axes":
        return mixed(rng, *[(0, 0), (0, 3), (4, 0)][rng.integers(3)])
    adata = base(rng, int(rng.integers(1, 9)), int(rng.integers(1, 7)))
    if encoding == "raw":
        wide = base(rng, adata.n_obs, adata.n_vars + 2)
        wide.X = dense(rng, *wide.shape, "float32") if rng.random() < 0.5 else compressed("csr")(rng, *wide.shape)
        wide.obs_names = adata.obs_names
        wide.varm["loadings"] = numbers(rng, (wide.n_vars, 2), "float64")
        adata.raw = wide
    elif encoding == "odd-names":
        odd_names(rng, adata)
    else:
        fill(rng, adata, ENCODINGS[encoding])
    return adata


def base(rng, n, m):
    """An object with a matrix and a few columns."""
    x = [None, dense(rng, n, m, "float32"), compressed("csr")(rng, n, m), compressed("csc")(rng, n, m)][rng.integers(4)]
    obs = frame(rng, n, names(rng, "cell", n), COLUMNS[:2])
    var = frame(rng, m, names(rng, "gene", m), COLUMNS[:2])
    return quietly(lambda: ad.AnnData(x, obs=obs, var=var, shape=(n, m) if x is None else None))


def names(rng, prefix, n):
    index = pd.Index([f"{prefix}-{i}" for i in range(n)], dtype="object")
    index.name = "the index" if rng.random() < 0.2 else None
    return index


def fill(rng, adata, maker, tag=""):
    """Elements of an encoding in every slot that takes them, under keys out of order."""
    n, m = adata.shape
    for i in range(3):
        adata.uns[f"{tag}{'zab'[i]} of uns"] = maker.free(rng)
    if maker.rows:
        adata.obsm[f"{tag}X_z"], adata.obsm[f"{tag}X_a"] = maker.rows(rng, n), maker.rows(rng, n)
        adata.varm[f"{tag}PCs"] = maker.rows(rng, m)
    if maker.matrix:
        adata.X = maker.matrix(rng, n, m)
        adata.layers[f"{tag}counts"], adata.layers[f"{tag}b"] = maker.matrix(rng, n, m), maker.matrix(rng, n, m)
        adata.obsp[f"{tag}distances"], adata.varp[f"{tag}near"] = maker.matrix(rng, n, n), maker.matrix(rng, m, m)
    if maker.column:
        adata.obs[f"{tag}zeta"], adata.obs[f"{tag}alpha é"] = maker.column(rng, n), maker.column(rng, n)
        adata.var[f"{tag}first"] = maker.column(rng, m)
        adata.obsm[f"{tag}frame"] = pd.DataFrame({"p": maker.column(rng, n), "a": maker.column(rng, n)}, index=adata.obs_names)


def mixed(rng, n, m):
    """Elements of a few encodings that are aligned, in one object."""
    adata = base(rng, n, m)
    aligned = [name for name, maker in ENCODINGS.items() if maker.rows or maker.column]
    for name in rng.permutation(aligned)[:3]:
        fill(rng, adata, ENCODINGS[name], f"{name} ")
    return adata


def odd_names(rng, adata):
    n, m = adata.shape
    pool = [name for name in NASTY if name.strip(". ")]
    adata.obs_names = pd.Index((pool * 3)[:n] if rng.random() < 0.5 else [f"{w} {i}" for i, w in enumerate(words(rng, n))])
    for key in rng.permutation(pool)[:4]:
        key = str(key)
        adata.uns[key] = {key: number(rng)}
        adata.obsm[key] = numbers(rng, (n, 2), "float32")
        adata.layers[key] = numbers(rng, (n, m), "int32")
        adata.obs[key] = categorical(rng, n)
        adata.var[key] = numbers(rng, m, "int64")
    adata.var_names = pd.Index(["same"] * m)


def from_anndata_tests(rng):
    matrices = [sparse.csr_matrix, sparse.csc_matrix, np.asarray, sparse.csr_array]
    shape = (int(rng.integers(1, 12)), int(rng.integers(1, 9)))
    # Parts of the generator use the global one.
    np.random.seed(int(rng.integers(2**31)))
    x_type, fmt = matrices[rng.integers(len(matrices))], str(rng.choice(["csr", "csc"]))
    types = dict.fromkeys(("obsm_types", "varm_types"), (*DEFAULT_KEY_TYPES, ak.Array))
    return quietly(lambda: gen_adata(shape, X_type=x_type, sparse_fmt=fmt, random_state=rng, **types))


def quietly(make_object):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make_object()


# ------------------------------------------------------------------ files

#: By the row of the table: fixtures that Python of today does not write, or writes otherwise.
FILES = {
    "legacy": sorted(FIXTURES.glob("legacy/*.h5ad")) + [FIXTURES / f"h5ad/{name}.h5ad" for name in ("anndata-legacy-raw", "dataframe-0.1.0")],
    "unknown": [FIXTURES / f"h5ad/{name}.h5ad" for name in ("unknown", "anndata-extra")],
    "layouts": [FIXTURES / f"h5ad/{name}.h5ad" for name in ("filters", "filters-latest")],
    "fixtures": [FIXTURES / "demo.h5ad", *sorted(FIXTURES.glob("h5ad/*.h5ad"))],
}
#: Of these, what must be refused: the kind of error.
REFUSED = {"anndata-both-raw.h5ad": "InvalidData"}
#: Real files, where they lie beside the project.
CORPUS = FIXTURES.parent.parent.parent / "shared/data/corpus"
if CORPUS.exists():
    FILES["real-files"] = sorted(path for path in CORPUS.iterdir() if path.name.endswith((".h5ad", ".zarr.zip")))
