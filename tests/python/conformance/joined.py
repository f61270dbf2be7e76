"""What `concat` is compared on: objects that overlap and disagree, the options, and how the results are compared."""

from __future__ import annotations

import warnings

import anndata as ad
import awkward as ak
import numpy as np
import pandas as pd
import stores
from anndata.tests.helpers import assert_equal
from scipy import sparse

LETTERS = np.array(list("abcde"))
DTYPES = ["f4", "f8", "i2", "i4", "i8", "u1", "u8", "?"]
#: By the name of a column, the kinds that it has: those of one name go together, except in `odd`.
COLUMNS = {
    "number": ["f4", "f8", "i4", "i8", "u1", "u8"],
    "truth": ["?", "n?"],
    "count": ["ni4", "ni8", "nu1", "i4", "i8"],
    "group": ["category"],
    "rank": ["ordered", "ordered", "category"],
    "code": ["category of numbers"],
    "text": ["str", "string", "str with nan", "category"],
    "same": ["same"],
    "odd": ["f4", "i8", "?", "str", "category", "n?", "ni8", "nu8", "category of numbers", "ordered", "string"],
}
STRATEGIES = [None, "same", "unique", "first", "only"]
#: Whether anndata is 0.13 or later; dtypes and `X` were treated otherwise before.
CURRENT = not ad.__version__.startswith("0.12")
#: Kinds of awkward arrays that are joined, as `awkward` numbers them; those of `UNION` become a union.
UNION = [0, 2, 3, 5]
AWKWARD = [[0, 1], [0, 1, 5], [2], [2, 3], [4], [5], UNION]
#: What of a result is compared key by key.
SLOTS = ["layers", "obsm", "varm", "obsp", "varp", "uns"]


# ------------------------------------------------------------------ objects


def objects(rng, axis):
    """One to four objects; along the other axis their labels overlap, in any order, or are the same."""
    n_other = 14 if axis == "obs" else 12
    same = rng.random() < 0.2
    has_raw, has_cube = rng.random() < 0.35, rng.random() < 0.3
    kinds = [("dense",), ("csr",), ("csr", "csc"), ("dense", "csr", "csc")][rng.integers(4)]
    # Of types that do not go together, awkward 2.14 makes a union only where no array is missing.
    family = AWKWARD[rng.integers(len(AWKWARD))]
    made = []
    for i in range(int(rng.integers(1, 5))):
        own = picked(rng, 30, 0 if i and rng.random() < 0.05 else 1, 7)
        other = list(range(n_other)) if same else picked(rng, n_other, 0 if rng.random() < 0.07 else 1, n_other)
        cells, genes = (own, other) if axis == "obs" else (other, own)
        made.append(one(rng, [f"c{i}" for i in cells], [f"g{i}" for i in genes], kinds, has_cube, family))
        if has_raw and cells and rng.random() < 0.93:
            genes = pd.Index([f"g{i}" for i in picked(rng, 40, 8, 9)])
            raw = ad.AnnData(matrix(rng, len(cells), 8, kinds), obs=made[-1].obs[[]], var=frame(rng, genes))
            made[-1].raw = raw
    return made


def picked(rng, n, low, high):
    return list(rng.choice(n, rng.integers(low, high), replace=False))


def one(rng, cells, genes, kinds, has_cube, family):
    n, m = len(cells), len(genes)
    obs = frame(rng, pd.Index(cells, dtype="str", name="cell" if rng.random() < 0.2 else None))
    var = frame(rng, pd.Index(genes, dtype="str", name="gene" if rng.random() < 0.3 else None))
    adata = ad.AnnData(obs=obs, var=var)
    if rng.random() < 0.85:
        adata.X = matrix(rng, n, m, kinds)
    for key in ("counts", "scaled"):
        if rng.random() < 0.6:
            adata.layers[key] = matrix(rng, n, m)
    for slot, own in (("obsm", obs), ("varm", var)):
        elements, rows = getattr(adata, slot), len(own)
        fixed = np.column_stack([by_label(own.index)] * 2)
        makers = {
            "dense": lambda rows=rows: matrix(rng, rows, int(rng.integers(1, 4)), ("dense",)),
            "sparse": lambda rows=rows: matrix(rng, rows, int(rng.integers(1, 4))),
            "frame": lambda own=own: frame(rng, own.index),
            "fixed": lambda fixed=fixed: fixed,
            "fixed sparse": lambda fixed=fixed: sparse.csr_matrix(fixed),
        }
        for key, make in makers.items():
            if rng.random() < 0.5:
                elements[key] = make()
        if rows and (family == UNION or rng.random() < 0.5):
            elements["awkward"] = awkward(rng, rows, family)
        if has_cube:
            elements["cube"] = numbers(rng, (rows, int(rng.integers(1, 3)), 2))
    for elements, rows in ((adata.obsp, n), (adata.varp, m)):
        if rng.random() < 0.5:
            elements["near"] = matrix(rng, rows, rows)
        if rng.random() < 0.5:
            elements["empty"] = sparse.csr_matrix((rows, rows), dtype="f4")
    adata.uns = uns(rng)
    return adata


def uns(rng):
    few = lambda: int(rng.integers(3))  # noqa: E731
    values = {
        "number": few(),
        "nested": {"x": few(), "y": np.arange(few()), "deep": {"w": float(few()), "s": "abc"[few()]}},
        "frame": pd.DataFrame({"q": [1, 2, few()]}),
        "array": np.array([1.0, np.nan, 2 + few() // 2]),
        "sparse": sparse.csr_matrix(np.diag([1.0, few() // 2])),
        "null": None,
        "categories": pd.Categorical(list("aab")),
    }
    return {key: value for key, value in values.items() if rng.random() < 0.7}


def by_label(index):
    """A number for each label, the same wherever the label is."""
    return np.array([float(sum(map(ord, label))) for label in index])


def matrix(rng, n, m, kinds=("dense", "csr", "csc")):
    values = numbers(rng, (n, m))
    kind = str(rng.choice(kinds))
    return values if kind == "dense" else sparse.csr_matrix(values).asformat(kind)


def numbers(rng, shape, dtype=None):
    values = rng.integers(0, 4, shape).astype(dtype or str(rng.choice(DTYPES)))
    if values.dtype.kind == "f" and values.size and rng.random() < 0.3:
        values.flat[rng.integers(values.size)] = np.nan
    return values


def frame(rng, index):
    columns = {}
    for name in map(str, rng.permutation(list(COLUMNS))):
        if rng.random() < (0.85 if name == "odd" else 0.25):
            continue
        columns[name] = column(rng, index, str(rng.choice(COLUMNS[name])))
    return pd.DataFrame(columns, index=index)


def column(rng, index, kind):
    n = len(index)
    missing = rng.random(n) < 0.3
    # A column of missing values alone goes with text, as Python objects.
    missing[:1] = False
    if kind == "same":
        return by_label(index)
    if kind == "category":
        return pd.Categorical(rng.choice(LETTERS, n), categories=list(rng.permutation(LETTERS[: rng.integers(3, 6)])))
    if kind == "ordered":
        order = list("abc") if rng.random() < 0.7 else list("cab")
        return pd.Categorical(rng.choice(LETTERS[:3], n), categories=order, ordered=True)
    if kind == "category of numbers":
        return pd.Categorical(rng.integers(0, 4, n), categories=[3, 1, 0, 2])
    if kind.startswith("str"):
        na_value = pd.NA if kind == "string" else np.nan
        values = pd.array(rng.choice(LETTERS, n), dtype=pd.StringDtype(na_value=na_value))
        values[missing & (kind != "str")] = na_value
        return values
    if kind == "n?":
        return pd.arrays.BooleanArray(rng.random(n) < 0.5, missing)
    if kind.startswith("n"):
        return pd.arrays.IntegerArray(numbers(rng, n, kind[1:]), missing)
    # NaN alone would go with text, as a column of Python objects.
    return np.nan_to_num(numbers(rng, n, kind)).astype(kind)


def awkward(rng, n, family):
    items = lambda: rng.integers(0, 9, rng.integers(1, 4))  # noqa: E731
    return [
        lambda: ak.Array([[int(x) for x in items()] for _ in range(n)]),
        lambda: ak.values_astype(ak.Array([[float(x) for x in items()] for _ in range(n)]), "float32"),
        lambda: ak.Array([[{"a": int(x), "b": str(x)} for x in items()] for _ in range(n)]),
        lambda: ak.Array([[{"a": float(x)} for x in items()] for _ in range(n)]),
        lambda: ak.Array([None if rng.random() < 0.3 else int(x) for x in rng.integers(0, 9, n)]),
        lambda: ak.Array(rng.integers(0, 9, (n, 3)).astype("i4")),
    ][rng.choice(family)]()


# ------------------------------------------------------------------ options and results


def options(draw, n):
    """Any options of `concat` for this many objects."""
    return {
        "join": draw.choose("inner", "outer"),
        "merge": draw.choose(*STRATEGIES),
        "uns_merge": draw.choose(*STRATEGIES),
        "label": draw.choose(None, "batch"),
        "keys": [f"key {i}" for i in range(n)] if draw.maybe(0.4) else None,
        "index_unique": draw.choose(None, "-"),
        "fill_value": draw.choose(None, None, None, 0, 1, -1, 2.5, float("nan")),
        "pairwise": draw.maybe(),
    }


def fails_in_awkward(inputs, options):
    """Whether awkward 2.14 fails, as it does for some arrays of which one is missing."""
    only = [ad.AnnData(obs=x.obs[[]], var=x.var[[]], **{s: rows_of(x, s) for s in ("obsm", "varm")}) for x in inputs]
    try:
        quietly(lambda: ad.concat(only, **options))
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        return True
    return False


def rows_of(adata, slot):
    return {key: value for key, value in getattr(adata, slot).items() if isinstance(value, ak.Array)}


def without_awkward(adata):
    for slot in (adata.obsm, adata.varm):
        for key in [key for key, value in slot.items() if isinstance(value, ak.Array)]:
            del slot[key]
    return adata


def storable(given, options):
    """The objects joined, in a form that can be written, and the columns that have another type now: text that pandas has as
    Python objects is text; floats that can be missing, which have no encoding, are floats with NaN; and where an input
    without rows makes Python objects of a column, it is that of the others."""
    adata = ad.concat(given, **options)
    check_dropped_raw(given, adata, options)
    changed = []
    for path, own in frames_of(adata):
        for name in own.columns:
            columns = [frame[name] for one in given if name in (frame := dict(frames_of(one)).get(path, ()))]
            if own[name].dtype == object and all(isinstance(value, str) for value in own[name].dropna()):
                own[name] = own[name].astype("str")
            elif own[name].dtype == object and not all(map(len, columns)):
                rows = next(column for column in columns if len(column))
                others = ad.concat([typed_like(rows, one, path, name) for one in given], **options)
                own[name] = dict(frames_of(others))[path][name]
                changed.append(f"{path}/{name}: object has no encoding, where an input without rows has another type")
            elif isinstance(own[name].array, pd.arrays.FloatingArray):
                changed.append(f"{path}/{name}: {own[name].dtype} has no encoding, where {why_floats(columns)}")
                own[name] = own[name].to_numpy(own[name].dtype.numpy_dtype, na_value=np.nan)
    return adata, changed


def check_dropped_raw(given, adata, options):
    """Python drops `raw` where no observation is left, and here it stays: so it has to be something that can be written."""
    if adata.raw is not None or adata.n_obs or any(one.raw is None for one in given):
        return
    variables = [ad.AnnData(np.zeros((1, one.raw.n_vars), "f4"), var=one.raw.var) for one in given]
    joined = ad.concat(variables, axis="var", join=options["join"]).var
    for name in joined.columns:
        if joined[name].dtype == object and not all(isinstance(value, str) for value in joined[name].dropna()):
            raise TypeError(f"raw/var/{name} would be of mixed objects")


def typed_like(column, adata, path, name):
    """A copy of an object, of which a column of a frame without rows has the type of this one. It stays, as it would be missing
    in the inner join."""
    adata = adata.copy()
    frame = dict(frames_of(adata)).get(path)
    if frame is not None and len(frame) == 0 and name in frame:
        frame[name] = column.iloc[:0].set_axis(frame.index)
    return adata


def why_floats(columns):
    """Why columns become floats that can be missing."""
    kinds = {kind_of(column) for column in columns}
    # Integers of an input that lacks rows are floats before they are joined.
    for other in ("integers", "floats"):
        if {"integers that can be missing", other} <= kinds:
            return f"an input has integers that can be missing and another one {other}"
    if kinds == {"integers that can be missing"} and {column.dtype.kind for column in columns} == {"i", "u"}:
        return "integers that can be missing are signed and unsigned"
    return f"inputs have {sorted(kinds)}"


def kind_of(column):
    if isinstance(column.array, pd.arrays.IntegerArray):
        return "integers that can be missing"
    if isinstance(column.dtype, pd.CategoricalDtype):
        # Categories of numbers are joined as these numbers.
        return kind_of(column.cat.categories.to_series())
    kinds = {"f": "floats", "i": "integers", "u": "integers"}
    return kinds.get(column.dtype.kind, str(column.dtype))


def frames_of(adata):
    """The data frames of an object, with their paths."""
    frames = {"/obs": adata.obs, "/var": adata.var} | ({"/raw/var": adata.raw.var} if adata.raw is not None else {})
    for slot in ("obsm", "varm"):
        frames |= {f"/{slot}/{key}": value for key, value in getattr(adata, slot).items() if isinstance(value, pd.DataFrame)}
    return frames.items()


def differences(expected, output, axis, inputs):
    """What differs in the objects that anndata reads from two files, element by element."""
    joined = "varm" if axis == "obs" else "obsm"
    a, b, given = stores.read(expected), stores.read(output), [stores.read(path) for path in inputs]
    for name in ("obs", "var"):
        yield from unequal(f"/{name}", getattr(a, name), getattr(b, name))
        if getattr(a, name).index.name != getattr(b, name).index.name:
            yield f"/{name}: the index is named {getattr(a, name).index.name!r}, not {getattr(b, name).index.name!r}"
        if list(getattr(a, name).columns) != list(getattr(b, name).columns):
            yield f"/{name}: the columns are {list(getattr(a, name).columns)}, not {list(getattr(b, name).columns)}"
    for slot in SLOTS:
        left, right = getattr(a, slot), getattr(b, slot)
        for key in sorted({*left} ^ {*right}, key=str):
            yield f"/{slot}/{key}: only in the {'expected' if key in left else 'found'}"
        for key in left.keys() & right.keys():
            if slot == joined and isinstance(left[key], ak.Array):
                last = [getattr(one, slot)[key][-1:].to_list() for one in given if key in getattr(one, slot)]
                yield from unequal_rows(f"/{slot}/{key}", left[key], right[key], [row for rows in last for row in rows])
                continue
            yield from unequal(f"/{slot}/{key}", left[key], right[key])
            if slot != "uns":
                yield from other_type(f"/{slot}/{key}", left[key], right[key])
    if (a.raw is None) != (b.raw is None):
        yield f"/raw: only in the {'expected' if b.raw is None else 'found'}, of {a.n_obs} observations"
    elif a.raw is not None:
        for name in ("X", "var"):
            yield from unequal(f"/raw/{name}", getattr(a.raw, name), getattr(b.raw, name))
        if {*a.raw.varm} != {*b.raw.varm}:
            yield f"/raw/varm: {sorted(b.raw.varm)}, expected {sorted(a.raw.varm)}"


def quietly(do):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return do()


def unequal_rows(path, expected, found, last):
    """Awkward arrays of the joined axis, in which the rows of labels that an object lacks are told apart: they are missing,
    or repeat one of the last rows of the inputs."""
    absent = (ak.is_none(found) & ~ak.is_none(expected)).to_numpy()
    if not absent.any():
        yield from unequal(path, expected, found)
        return
    repeated = expected[absent].to_list()
    what = "repeat the last one of an input" if all(row in last for row in repeated) else "are other rows"
    yield f"{path}: rows that are missing {what} in Python"
    if expected[~absent].to_list() != found[~absent].to_list():
        yield f"{path}: rows differ"


def unequal(path, expected, found):
    try:
        quietly(lambda: assert_equal(expected, found))
    except AssertionError as error:
        yield f"{path}: assert_equal: {' '.join(str(error).split())[:300]}"


def other_type(path, expected, found):
    """A dtype or format that `assert_equal` does not look at."""
    empty = 0 in getattr(expected, "shape", ()) or getattr(expected, "nnz", 1) == 0
    for what in ("dtype",) if empty else ("dtype", "format"):
        if getattr(expected, what, None) != getattr(found, what, None):
            yield f"{path}: the {what} is {getattr(found, what, None)}, expected {getattr(expected, what, None)}"
