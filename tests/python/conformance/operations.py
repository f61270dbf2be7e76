"""What is compared: one function an operation, in one table. It draws a case and says what must come out.

The same names are in `tests/examples/conformance/operations.rs`, where each is a function that does it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import stores

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
    draw.expect_file(source)
    draw.check("element")


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
