"""What is compared: one function an operation, in one table. It draws a case and says what must come out.

The same names are in `tests/examples/conformance/operations.rs`, where each is a function that does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import stores
from scipy import sparse

from . import accessors, objects

OBJECTS = [*objects.ENCODINGS, *objects.WHOLES]
#: Compressions that Python reads from HDF5 without further packages, and those of zarr.
COMPRESSIONS = {"h5ad": ["none", "gzip", "lzf"], "zarr2": ["none", "gzip", "zstd", "blosc"]}
COMPRESSIONS |= {"zarr3": COMPRESSIONS["zarr2"], "zip": COMPRESSIONS["zarr2"]}


@dataclass
class Operation:
    """How cases are made, for which encodings, and how many of each."""

    make: Callable
    encodings: list[str]
    quick: int
    full: int


OPERATIONS: dict[str, Operation] = {}


def operation(encodings=OBJECTS, quick=1, full=4):
    """Add a function to the table under its name."""

    def add(make):
        OPERATIONS[make.__name__] = Operation(make, encodings, quick, full)
        return make

    return add


# ------------------------------------------------------------------ whole files


@operation([*OBJECTS, *objects.FILES], full=6)
def read(draw):
    """Python writes, Rust reads: it describes what it has in memory, and writes it again."""
    source = draw.source()
    if source_is_refused(draw):
        return
    draw.output(draw.format())
    draw.options(lazy=draw.maybe(), description=draw.beside("description.json"), stored=is_current(source))
    draw.check("description")
    draw.expect_file(source)


@operation([*OBJECTS, *objects.FILES], full=5)
def write(draw):
    """Rust writes what it holds in memory, with every option of writing that keeps the values."""
    source = draw.source()
    if source_is_refused(draw):
        return
    layout_options(draw)
    draw.expect_file(source)


@operation([*OBJECTS, *objects.FILES], full=6)
def convert(draw):
    """Rust rewrites a file block by block, from and to every format."""
    source = draw.source()
    if source_is_refused(draw):
        return
    layout_options(draw)
    draw.expect_file(source)


@operation(["everything"], quick=12, full=60)
def make(draw):
    """Rust makes, writes and rewrites an object; Python reads the first, and compares the second with it."""
    first = draw.output(draw.format())
    rewritten = draw.beside(f"rewritten{stores.FORMATS[draw.format()]}")
    dropped = [path for kind, path in draw.reductions if kind == "drop"]
    draw.options(seed=int(draw.rng.integers(2**40)), without=dropped, rewritten=rewritten)
    draw.options(description=draw.beside("description.json"), compression=draw.choose(None, "none", "gzip"))
    draw.check("description of output", "rewritten")
    draw.expect_file(first)


# ------------------------------------------------------------------ single elements


@operation(objects.ENCODINGS, full=3)
def read_elem(draw):
    """One element out of a file, written alone."""
    adata = draw.object()
    slots = ["uns", *(slot for slot in ("obsm", "varm", "layers", "obsp") if len(present(adata, slot)))]
    slot = draw.choose(*slots)
    key = f"{slot}/{draw.choose(*present(adata, slot), 'missing')}" if draw.maybe(0.9) else draw.choose("obs", "var")
    source = draw.input(adata)
    draw.output(draw.format())
    draw.options(key=key, lazy=draw.maybe())
    with stores.opened(source) as root:
        if key not in root:
            draw.expect_error("NotFound", says=key)
            return
    draw.expect_file(source, element=key)


@operation(objects.ENCODINGS, full=3)
def write_elem(draw):
    """One element into a file that is there, in place of what stands there or where nothing does."""
    maker = objects.ENCODINGS[draw.encoding]
    element = maker.free(draw.rng)
    fmt = draw.choose("h5ad", "h5ad", "zarr2", "zarr3")
    with stores.opened(draw.folder / f"element{stores.FORMATS[fmt]}", "w") as root:
        stores.write_elem(root, "elem", element)
    draw.case.inputs.append(str(draw.folder / f"element{stores.FORMATS[fmt]}"))
    adata = draw.object()
    key = draw.choose("uns/new", f"uns/{draw.choose(*present(adata, 'uns'))}" if adata.uns else "uns/new")
    draw.options(key=key)
    output, expected = draw.output(fmt), draw.folder / f"expected{stores.FORMATS[fmt]}"
    for path in (output, expected):
        stores.write(adata, path)
    with stores.opened(expected, "r+") as root:
        if key in root:
            del root[key]
        stores.write_elem(root, key, element)
    draw.expect_file(expected)


# ------------------------------------------------------------------ references


def references(draw):
    """What texts and JSON stand for, as references, and what that is in an object."""
    adata = draw.object()
    draw.input(adata)
    draw.options(questions=accessors.questions(draw, adata, count=40), answers=draw.beside("answers.json"), lazy=draw.maybe())
    # Answers are all that comes out.
    draw.expect_file(draw.output())
    draw.check("references")


if accessors.A is not None:
    operation(quick=1, full=5)(references)


# ------------------------------------------------------------------ parts of objects


@operation(quick=2, full=10)
def select(draw):
    """A view by any kind of index on each axis, or a view of a view, of an object in memory or in a file."""
    adata = draw.given(draw.object())
    chain = [(index_of(draw, adata, 0), index_of(draw, adata, 1))]
    inner = attempt(lambda: view(adata, *chain[0]))
    if inner is not None and draw.maybe(0.3):
        chain.append((index_of(draw, inner, 0), index_of(draw, inner, 1)))

    def expected():
        part = adata
        for obs, var in chain:
            part = view(part, obs, var)
        return part.copy()

    draw.options(chain=chain, lazy=draw.maybe(), load=draw.maybe())
    draw.expect(expected)


def view(adata, obs, var):
    return adata[in_python(obs, adata.n_obs), in_python(var, adata.n_vars)]


def attempt(compute):
    try:
        return compute()
    except Exception:  # noqa: BLE001  the case itself expects the error
        return None


def index_of(draw, adata, axis):
    """An index of an axis as JSON; now and then one that is wrong."""
    n, names = adata.shape[axis], list((adata.obs_names, adata.var_names)[axis])
    rng = draw.rng
    start, stop = sorted(int(v) for v in rng.integers(0, n + 1, 2))
    kinds = {
        "all": lambda: None,
        "range": lambda: [start, stop],
        "step": lambda: int(draw.choose(1, 2, 3, -1, -2)),
        "positions": lambda: [int(v) for v in rng.integers(0, n, rng.integers(0, 6))] if n else [],
        "signed": lambda: [int(v) for v in rng.integers(-n, n, rng.integers(1, 6))] if n else [],
        "mask": lambda: [bool(v) for v in rng.random(n) < 0.5],
        "names": lambda: [str(v) for v in rng.permutation(names)[: rng.integers(0, n + 1)]],
    }
    wrong = {
        "positions": lambda: [0, n + 3],
        "mask": lambda: [True] * (n + 1),
        "names": lambda: [*names[:1], "no such name"],
    }
    if len(set(names)) < n:
        del kinds["names"], wrong["names"]
    table = wrong if draw.maybe(0.06) else kinds
    kind = draw.choose("all", "range", *table) if table is kinds else draw.choose(*table)
    return {"kind": kind, "value": table[kind]()}


def in_python(index, n):
    kind, value = index["kind"], index["value"]
    match kind:
        case "all":
            return slice(None)
        case "range":
            return slice(*value)
        case "step":
            # As positions: scipy 1.18 gets some parts of sparse matrices wrong where positions meet a slice with a step.
            return np.arange(n)[::value]
        case "mask":
            return np.array(value, dtype=bool)
        case "names":
            return np.array(value, dtype=object) if value else np.array([], dtype=int)
    return np.array(value, dtype=int)


# ------------------------------------------------------------------ files as a whole


@operation(quick=1, full=3)
def choices(draw):
    """The options of writing that change what is stored: dense for sparse, categories for text."""
    adata = draw.given(draw.object())
    to_categories = draw.maybe()
    sparse_x = adata.X is not None and sparse.issparse(adata.X)
    as_dense = ["X"] if sparse_x and draw.maybe() else []
    draw.options(strings_to_categoricals=to_categories, as_dense=as_dense or None)
    draw.output()
    expected = draw.folder / "expected.h5ad"
    stores.write(adata, expected, convert_strings_to_categoricals=to_categories, as_dense=as_dense)
    draw.expect_file(expected)


@operation(quick=1, full=2)
def validate(draw):
    """What Python writes breaks no rule of the format."""
    draw.input(draw.object())
    draw.options(findings=draw.beside("findings.json"))
    draw.check("findings")


# ------------------------------------------------------------------ what operations share


def source_is_refused(draw):
    """Whether the source is a fixture that has to be refused; the case then expects that."""
    files = objects.FILES.get(draw.encoding)
    name = files[draw.number % len(files)].name if files else ""
    if name in objects.REFUSED:
        draw.expect_error(objects.REFUSED[name], says="raw")
    return name in objects.REFUSED


def layout_options(draw):
    """A format of the output and how it is stored, all of which leave the values alone."""
    fmt = draw.format()
    draw.output(fmt)
    draw.options(compression=draw.choose(None, *COMPRESSIONS[fmt]), chunk_rows=draw.choose(None, 1, 3))
    draw.options(no_shards=fmt in ("zarr3", "zip") and draw.maybe())
    draw.check("layout")


def is_current(path):
    from describe import is_legacy

    with stores.opened(path) as root:
        return not is_legacy(root)


def present(adata, slot):
    return [key for key in getattr(adata, slot) if key is not None]
