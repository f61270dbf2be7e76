"""Cases: what Rust is to do with which files, and what must come out.

A case is a function of its id, the seed of the run and the reductions that the shrinker asks for, so that it can be made
again at any time. The id is `OPERATION/ENCODING/NUMBER`, or `found/NAME` for one that failed once and was saved.
"""

from __future__ import annotations

import shutil
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import anndata as ad
import numpy as np
import stores
from scipy import sparse

from . import objects, reduce, shrink
from .operations import OPERATIONS

#: Python's errors, and the kinds of Rust's that say the same.
ERRORS = {
    FileExistsError: ["AlreadyExists"],
    FileNotFoundError: ["NotFound"],
    KeyError: ["NotFound", "InvalidData"],
    IndexError: ["InvalidInput", "NotFound"],
    TypeError: ["DType", "InvalidInput", "Unsupported"],
    ValueError: ["InvalidInput", "InvalidData", "DType"],
    NotImplementedError: ["Unsupported"],
}


@dataclass
class Case:
    """What Rust gets, and what Python expects. Plain data, so that it goes through JSON."""

    id: str
    seed: int
    operation: str
    encoding: str
    inputs: list[str] = field(default_factory=list)
    output: str = ""
    options: dict = field(default_factory=dict)
    #: A file that the output has to equal; or an element of it, which the output has as `elem` and nothing else.
    expected: str | None = None
    element: str | None = None
    #: Whether the expected file is what Python computed, not what it was given.
    computed: bool = False
    #: Kinds of error of which one has to occur.
    errors: list[str] | None = None
    #: A word that the error has to say.
    says: str = ""
    #: Checks of the operation beside the comparison with `expected`: names in `judge.CHECKS`.
    checks: list[str] = field(default_factory=list)
    #: Differences that are there before Rust runs, as Python's result had to be changed to be written.
    foreseen: list[str] = field(default_factory=list)
    #: Why there is no such case: anndata could not make its files. This counts as a failure.
    broken: str | None = None

    def for_rust(self):
        return {"id": self.id, "operation": self.operation, "inputs": self.inputs, "output": self.output, "options": self.options}


class Draw:
    """What an operation makes its case with: random choices, objects, files; fills `case`."""

    def __init__(self, case_id, seed, folder, reductions=()):
        operation, self.encoding, number = case_id.split("/")
        self.number = int(number)
        self.case = Case(case_id, seed, operation, self.encoding)
        self.rng = np.random.default_rng([seed, zlib.crc32(case_id.encode())])
        self.reductions = list(reductions)
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)

    # ---------------------------------------------------------- choices

    def choose(self, *values):
        return values[self.rng.integers(len(values))]

    def maybe(self, probability=0.5):
        return bool(self.rng.random() < probability)

    def format(self):
        """A format of files; half of all are `.h5ad`."""
        return self.choose("h5ad", "h5ad", "h5ad", "zarr2", "zarr3", "zip")

    # ---------------------------------------------------------- what goes in and comes out

    def object(self):
        """A random object with elements of the encoding of this case."""
        return reduce.of_object(objects.make(self.encoding, self.rng), self.reductions)

    def input(self, source, name="input", fmt=None):
        """Write an object as an input, or copy a fixture. Returns where it is."""
        if isinstance(source, Path):
            path = self.folder / f"{name}{next(end for end in stores.FORMATS.values() if source.name.endswith(end))}"
            shutil.copyfile(source, path)
            reduce.of_file(path, self.reductions)
        else:
            path = self.folder / f"{name}{stores.FORMATS[fmt or self.format()]}"
            stores.write(source, path)
        self.case.inputs.append(str(path))
        return path

    def given(self, adata):
        """Write an object as the input, and return it as Python reads it there: with sparse matrices for sparse arrays."""
        self.input(adata)
        matrices = {sparse.csr_array: sparse.csr_matrix, sparse.csc_array: sparse.csc_matrix}
        for slot in (adata.layers, adata.obsm, adata.varm, adata.obsp, adata.varp):
            for key, value in dict(slot).items():
                slot[key] = matrices.get(type(value), lambda same: same)(value)
        adata.X = matrices.get(type(adata.X), lambda same: same)(adata.X)
        return adata

    def source(self):
        """An input that holds elements of the encoding of this case: a fixture, or a random object."""
        files = objects.FILES.get(self.encoding)
        return self.input(files[self.number % len(files)] if files else self.object())

    def output(self, fmt="h5ad"):
        self.case.output = str(self.folder / f"output{stores.FORMATS[fmt]}")
        return Path(self.case.output)

    def options(self, **options):
        """Options for Rust; those that are None or False are left out."""
        self.case.options |= {key: value for key, value in options.items() if value not in (None, False)}

    def beside(self, name):
        """A path for something else that Rust writes."""
        return str(self.folder / name)

    def expect_file(self, path, element=None):
        self.case.expected, self.case.element = str(path), element

    def expect_error(self, *kinds, says=""):
        self.case.errors, self.case.says = list(kinds), says

    def expect(self, compute):
        """Expect the object or element that a function returns, written by Python; or the error that it raises."""
        try:
            result = compute()
        except tuple(ERRORS) as error:
            self.expect_error(*next(kinds for kind, kinds in ERRORS.items() if isinstance(error, kind)))
            return
        path = self.folder / "expected.h5ad"
        if isinstance(result, ad.AnnData):
            stores.write(result, path)
            self.expect_file(path)
            self.case.computed = True
        else:
            with stores.opened(path, "w") as root:
                stores.write_elem(root, "elem", result)
            self.expect_file(path, element="elem")

    def check(self, *names):
        self.case.checks += names


def plan(*, full, operations=None):
    """The ids of a run, in order; first what failed once."""
    yield from shrink.saved() if not operations else []
    for name, operation in OPERATIONS.items():
        if operations and name not in operations:
            continue
        for encoding in operation.encodings:
            count = operation.full if full else operation.quick
            for number in range(max(count, len(objects.FILES.get(encoding, [])))):
                yield f"{name}/{encoding}/{number}"


def prepare(case_id, seed, folder, reductions=()):
    """Make the files of a case and say what is to be done with them."""
    if case_id.startswith("found/"):
        return Case(**shrink.restore(case_id, folder))
    draw = Draw(case_id, seed, folder, reductions)
    operation = OPERATIONS[draw.case.operation]
    operation.make(draw)
    if not draw.case.output:
        draw.output()
    return draw.case
