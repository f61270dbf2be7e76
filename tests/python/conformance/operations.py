"""What is compared: one function an operation, in one table. It draws a case and says what must come out.

The same names are in `tests/examples/conformance/operations.rs`, where each is a function that does it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import stores
from anndata._io.specs.registry import IORegistryError
from scipy import sparse

from . import accessors, hdf5_layouts, joined, objects, reduce, texts, visited

#: How many changes of the metadata of a file are tried; all where the environment says 0.
MUTATIONS = int(os.environ.get("CONFORMANCE_MUTATIONS", "12")) or None
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
    chain = [indices_of(draw, adata)]
    inner = attempt(lambda: view(adata, *chain[0]))
    if inner is not None and draw.maybe(0.3):
        chain.append(indices_of(draw, inner))

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


def indices_of(draw, adata):
    """An index of each axis; now and then one of them is wrong. Of two that are, either may be told."""
    wrong = draw.choose(0, 1) if draw.maybe(0.12) else None
    return tuple(index_of(draw, adata, axis, wrong == axis) for axis in (0, 1))


def index_of(draw, adata, axis, is_wrong):
    """An index of an axis as JSON."""
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
    table = wrong if is_wrong else kinds
    kind = draw.choose(*table) if is_wrong else draw.choose("all", "range", *table)
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


def mutate(draw):
    """Metadata changed at random: what has no error in it, by the rules of the format, both sides read, and Rust converts."""
    fmt = draw.choose("h5ad", "h5ad", "zarr2", "zarr3")
    draw.input(draw.object(), fmt=fmt)
    draw.options(folder=draw.beside("mutated"), seed=int(draw.rng.integers(2**40)), count=MUTATIONS)
    draw.options(answers=draw.beside("answers.json"))
    # Answers are all that comes out.
    draw.expect_file(draw.output(fmt))
    draw.check("mutations")


# The rules are those of the format of today.
if joined.CURRENT:
    operation(full=4)(mutate)


@operation(["h5py"], quick=3, full=80)
def layouts(draw):
    """Arrays in every layout that h5py can write, read as a whole, block by block and in parts."""
    path = draw.folder / "input.h5ad"
    draw.case.inputs.append(str(path))
    version = draw.choose(*hdf5_layouts.VERSIONS)
    stores.write(ad.AnnData(shape=(0, 0)), path)
    with h5py.File(path, "r+", libver=version) as file:
        parts = hdf5_layouts.fill_file(draw.rng, file["uns"], count=16)
    draw.options(parts={f"uns/{name}": parts for name, parts in parts.items()}, answers=draw.beside("answers.json"))
    draw.expect_file(draw.output())
    draw.check("arrays")


# ------------------------------------------------------------------ several objects


def concat(draw):
    """Objects that overlap and disagree as one, with every option."""
    expect_joined(draw, "h5ad")
    draw.options(lazy=draw.maybe())


def concat_on_disk(draw):
    """The same from files of any format to one of any format, in blocks of a few values or in one."""
    expect_joined(draw, draw.format(), any_format=True)
    draw.options(memory_limit=draw.choose(300, 5_000, 2**29))


def collection(draw):
    """Files of any format as a collection: positions of both axes in any order; where each row is from, and what each file has
    of the other axis."""
    size = draw.choose(1, 4, 30)
    picks = {"obs": draw.rng.random(size).tolist(), "var": draw.rng.random(size).tolist()}
    positions = {}

    def pick(adata):
        for axis, n in zip(picks, adata.shape, strict=True):
            positions[axis] = [int(at * n) for at in picks[axis]] if n else []
        # A part has no names that are there twice, of which a mapping of the axis would be refused.
        positions.update({axis: list(dict.fromkeys(own)) for axis, own in positions.items()})
        rows, columns = (np.array(positions[axis], dtype=int) for axis in picks)
        return adata[rows][:, columns].copy()

    expect_joined(draw, "h5ad", any_format=True, change=pick)
    draw.options(obs=positions.get("obs"), var=positions.get("var"), manifest=draw.beside("manifest.json"))
    draw.options(answers=draw.beside("answers.json"))
    if draw.case.errors is None:
        draw.check("collection")


def expect_joined(draw, fmt, *, any_format=False, change=lambda adata: adata):
    """Expect what Python makes of some objects with any options, and of the result."""
    axis = draw.choose("obs", "obs", "var")
    inputs = [reduce.of_object(adata, draw.reductions) for adata in joined.objects(draw.rng, axis)]
    formats = [draw.format() if any_format else "h5ad" for _ in inputs]
    paths = [draw.input(adata, f"input{i}", fmt) for i, (adata, fmt) in enumerate(zip(inputs, formats, strict=True))]
    options = joined.options(draw, len(inputs)) | {"axis": axis}
    draw.output(fmt)
    fill = options["fill_value"]
    draw.options(**options | {"fill_value": None if fill is None else str(fill)})
    draw.check("joined")
    if joined.fails_in_awkward(inputs, options):
        for adata, path in zip(inputs, paths, strict=True):
            stores.write(joined.without_awkward(adata), path)
    try:
        given = [stores.read(path) for path in paths]
        result, draw.case.foreseen = joined.storable(given, options)
        # All of it, of which a part may have a form on disk where the whole has none.
        stores.write(result, draw.folder / "expected.h5ad")
        stores.remove(draw.folder / "expected.h5ad")
        stores.write(change(result), draw.folder / "expected.h5ad")
    except (TypeError, IORegistryError):
        # A column of mixed objects, which has no form on disk.
        stores.remove(draw.folder / "expected.h5ad")
        draw.expect_error("DType")
        return
    draw.expect_file(draw.folder / "expected.h5ad")


if joined.CURRENT:
    operation(["everything"], quick=12, full=520)(concat)
    operation(["everything"], quick=12, full=500)(concat_on_disk)
    operation(["everything"], quick=8, full=200)(collection)


# ------------------------------------------------------------------ edits


@operation(full=3)
def transpose(draw):
    """The whole object, observations and variables interchanged; of a lazy one too."""
    adata = draw.object()
    draw.input(adata, fmt="h5ad")
    draw.options(lazy=draw.maybe())
    draw.expect(lambda: adata.T)


@operation(["array", "dataframe", "categorical", "nullable-string-array", "odd-names", "everything"], full=6)
def rename_axis(draw):
    """Other names of one axis; frames in obsm and varm follow, and the name of the index stays."""
    adata = draw.object()
    draw.input(adata, fmt="h5ad")
    axis = draw.choose("obs", "var")
    index = getattr(adata, axis).index
    names = [draw.choose("a", "b", "ö", f"name {i}") for i in range(len(index))]
    draw.options(axis=axis, names=names, lazy=draw.maybe())

    def change():
        setattr(adata, f"{axis}_names", pd.Index(names, dtype="object", name=index.name))
        return adata

    draw.expect(change)


@operation(["array", "categorical", "everything"], full=12)
def make_unique(draw):
    """Names made unique, among them some that look like those that are made."""
    adata = draw.object()
    for axis, n in zip(("obs", "var"), adata.shape, strict=True):
        names = [draw.choose("a", "b", "a-1", "b-2", "a-1-1") for _ in range(n)]
        setattr(adata, f"{axis}_names", pd.Index(names, dtype="object"))
    draw.input(adata, fmt="h5ad")
    join = draw.choose("-", "_", "-1")
    draw.options(join=join)

    def change():
        adata.obs_names_make_unique(join)
        adata.var_names_make_unique(join)
        # pandas 3 makes text that can be missing of what was text.
        adata.obs_names = adata.obs_names.astype("object")
        adata.var_names = adata.var_names.astype("object")
        return adata

    draw.expect(change)


@operation(["categorical"], quick=3, full=16)
def rename_categories(draw):
    """Other categories, with what a tool keeps of each; too few of them, and of a column that has none."""
    adata = draw.object()
    key, old = "group", [f"c{i}" for i in range(3)]
    values = draw.rng.choice(old[:2], adata.n_obs)
    adata.obs[key] = pd.Categorical(values, categories=old, ordered=draw.maybe())
    adata.obs["number"] = np.arange(adata.n_obs)
    adata.uns[f"{key}_colors"] = np.array(["red", "green", "blue"], dtype=object)
    fields = draw.choose(old, old[::-1])
    scores = np.rec.fromarrays([np.arange(2.0) + i for i in range(3)], dtype=[(name, "float32") for name in fields])
    adata.uns["rank"] = {"params": {"groupby": draw.choose(key, "number")}, "scores": scores}
    draw.input(adata, fmt="h5ad")
    new = draw.choose(["x", "y", "z"], ["c2", "c1", "c0"], ["x", "y"], ["x", "y", "x"])
    key = draw.choose(key, key, key, "number", "missing")
    draw.options(key=key, categories=new)

    def change():
        adata.rename_categories(key, new)
        return adata

    # Of a column without categories Python raises an AttributeError.
    if key == "number":
        draw.expect_error("DType", says="number")
    elif key == "missing":
        draw.expect_error("NotFound", says="missing")
    else:
        draw.expect(change)


@operation(["categorical", "everything"], full=8)
def remove_unused_categories(draw):
    """Categories that no row has, and their colours."""
    adata = draw.object()
    adata.obs["some"] = pd.Categorical(draw.rng.choice(["b", "d"], adata.n_obs), categories=["a", "b", "c", "d"])
    colors = ["red", "green", "blue", "white"]
    adata.uns["some_colors"] = np.array(colors[: draw.choose(3, 4, 4)], dtype=object)
    draw.input(adata, fmt="h5ad")

    def change():
        for frame in (adata.obs, adata.var):
            ad.AnnData._remove_unused_categories(frame.copy(), frame, adata.uns)
        return adata

    draw.expect(change)


@operation(["string-array", "array", "odd-names"], full=6)
def strings_to_categoricals(draw):
    """Columns of text that repeat values become categorical, in natural order."""
    adata = draw.object()
    texts = ["a1", "a10", "a2", "B", "é", "e\u0301", "f", "²", "1\u0662", "tab\there", "tab", "", "x½"]
    adata.obs["text"] = np.array([draw.choose(*texts) for _ in range(adata.n_obs)], dtype=object)
    draw.input(adata, fmt="h5ad")

    def change():
        adata.strings_to_categoricals()
        return adata

    draw.expect(change)


@operation(["array", "csr_matrix", "csc_matrix", "categorical"], full=6)
def set_raw(draw):
    """An object that keeps what it was as its raw, and has fewer variables; or is its raw again."""
    adata = draw.object()
    if adata.X is None:
        adata.X = np.ones(adata.shape, "float32")
    draw.input(adata, fmt="h5ad")
    step, back = draw.choose(1, 2, 3), draw.maybe(0.4)
    draw.options(step=step, back=back)

    def change():
        adata.raw = adata.copy()
        part = adata[:, ::step].copy()
        return part.raw.to_adata() if back else part

    draw.expect(change)


@operation(["array"], quick=2, full=12)
def set_part(draw):
    """Part of a dense X, of every dtype, set to a number, also through a view."""
    adata = draw.object()
    draw.input(adata, fmt="h5ad")
    rows, columns, value = draw.choose(1, 2), draw.choose(1, 3), draw.choose(0, 1)
    draw.options(rows=rows, columns=columns, value=value, view=draw.maybe())
    view = draw.case.options.get("view")

    def change():
        part = adata[::-1].copy() if view else adata
        part.X[::rows, ::columns] = value
        return part

    draw.expect(change)


# ------------------------------------------------------------------ what is in `anndata.experimental`


@operation([*OBJECTS, *objects.FILES], full=3)
def read_lazy(draw):
    """Rust reads lazily and writes what is lazy; X may go through chunks, and a function that changes nothing."""
    source = draw.source()
    if source_is_refused(draw):
        return
    draw.output(draw.format())
    draw.options(keep=draw.choose(None, "never", "cache"), names=draw.maybe(), mapped=draw.maybe())
    draw.options(chunk_len=draw.choose(None, 1, 7))
    draw.expect_file(source)


@operation(OBJECTS, full=3)
def read_dispatched(draw):
    """Rust is asked of the elements of which Python is, in its order; it leaves some out, and keeps others as they are stored."""
    source = draw.input(draw.object(), fmt="h5ad")
    draw.output(draw.format())
    left_out(draw, source)
    rest = [path for path in visited.of_reading(source) if "/" in path and path not in draw.case.options.get("skip", [])]
    rest = [path for path in rest if path.split("/")[0] in visited.SLOTS and path.count("/") == 1]
    if rest:
        draw.options(lazy=[draw.choose(*rest)])
    draw.options(visited=draw.beside("visited.json"))
    draw.check("visited by reading")


def write_dispatched(draw):
    """Rust asks about the elements about which Python does, in its order, and leaves some out."""
    source = draw.input(draw.object(), fmt="h5ad")
    draw.output("h5ad")
    left_out(draw, source)
    draw.options(visited=draw.beside("visited.json"))
    draw.check("visited by writing")


if joined.CURRENT:
    # anndata 0.12 names the group twice.
    operation(OBJECTS, full=3)(write_dispatched)


@operation(["mtx", "table", "umi_tools", "hdf"], quick=2, full=25)
def text(draw):
    """Files of text, and arrays of other HDF5 files, are read as Python reads them."""
    made = getattr(texts, draw.encoding)(draw.rng, draw.folder)
    path, separator = made if isinstance(made, tuple) else (made, None)
    draw.case.inputs.append(str(path))
    draw.output(draw.format())
    draw.options(reader=draw.encoding)
    double = draw.encoding in ("mtx", "table") and draw.maybe()
    dtype = {"dtype": "float64" if double else "float32"}
    draw.options(double=double)
    if draw.encoding == "mtx":
        draw.expect(lambda: plainly_named(ad.io.read_mtx(path, **dtype)))
    elif draw.encoding == "table":
        names = draw.maybe(0.2)
        draw.options(delimiter=separator, names=names)
        delimiter = None if separator == "space" else texts.SEPARATORS[separator]
        draw.expect(lambda: plainly_named(ad.io.read_text(path, delimiter, first_column_names=names or None, **dtype)))
    elif draw.encoding == "umi_tools":
        draw.expect(lambda: plainly_named(ad.io.read_umi_tools(path)))
    else:
        draw.options(key="counts")
        draw.expect(lambda: plainly_named(ad.io.read_hdf(path, "counts")))


def plainly_named(adata):
    """With names as Python objects: pandas makes them a type of its own, which may have missing ones, if nothing is said."""
    for frame in (adata.obs, adata.var):
        frame.index = frame.index.astype(object)
    return adata


def left_out(draw, source):
    """Some elements that Rust leaves out; what is expected is the file without them."""
    skip = [path for path in visited.removable(source) if draw.maybe(0.2)]
    draw.options(skip=skip or None)
    expected = draw.folder / "expected.h5ad"
    visited.without(source, skip, expected)
    draw.expect_file(expected)


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
