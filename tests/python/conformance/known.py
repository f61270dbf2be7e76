"""Differences that are known: what anndata and this library do otherwise, and why. Every row must occur in a full run."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A pattern of lines of difference of some operations, with the reason why it is no mistake."""

    operations: str
    pattern: str
    reason: str
    #: The versions of anndata that it is about: what they begin with.
    anndata: str = ""

    def matches(self, operation, line, version):
        found = re.fullmatch(self.operations, operation) and re.search(self.pattern, line)
        return bool(found) and version.startswith(self.anndata)


KNOWN = [
    Known(
        "select|transpose|set_raw",
        r"(#(indices|indptr)#dtype: \"int32\", in the copy \"int64\"|/(indices|indptr): stored dtype int32, in the copy int64)$",
        "scipy makes the indices of a sparse matrix 32 bit wide when it takes a part of it or transposes it. Here they keep the "
        "width that the file gave them, so that what is written back has the types that were read; the values are the same.",
    ),
    Known(
        "select",
        r"#form#parameters: (__list__|_view_args) is only in the source$",
        "Python leaves the marks of its view in the form of an awkward array that it copies out of a view, and writes them. They "
        "name an object in the memory of that process. Here the form is that of the array.",
    ),
    Known(
        "read|write|convert|read_elem|write_elem",
        r"^/raw: null (missing in the copy|stored in the source, not in the copy)$",
        "Python writes a `raw` that is not there as null to zarr, and leaves it out of `.h5ad`. Here it is left out of both, "
        "which both versions of anndata read as no `raw`.",
    ),
    Known(
        "make",
        r"^/: Unsupported: .*zarr version 3 cannot store records with an array in a field",
        "Records with an array in a field have no type in zarr version 3. It is an error that names the element; Python has one, too.",
    ),
    Known(
        "make",
        r"^/raw: anndata reads one from the (source|copy) alone \(rewritten\)$",
        "Of a `raw` without `X`, Python reads the rest from `.h5ad`, and nothing from zarr. What is stored is the same in both.",
    ),
    Known(
        "concat",
        r": Float(32|64) has no encoding$",
        "Of integers that can be missing and floats, pandas makes floats that can be missing, which Python cannot write. Here, "
        "and in what is compared, they are floats with NaN.",
        anndata="0.13",
    ),
    Known(
        "concat",
        r"^/(obsm|varm)/awkward: rows that are missing are the same in Python$",
        "An outer join with an awkward array along the joined axis: for labels that an object lacks, Python repeats the last row "
        "of the array. Here the rows are missing, as in every other kind of array; the other rows are the same.",
        anndata="0.13",
    ),
    Known(
        "concat",
        r"^/raw: only in the found, of 0 observations$",
        "Along the variables, where no observation is left: Python takes an object without observations for none, and drops `raw`. "
        "Here it stays, without rows.",
        anndata="0.13",
    ),
]


def explain(operation, line, version):
    """The row that a line belongs to, if any."""
    return next((known for known in KNOWN if known.matches(operation, line, version)), None)


def missing(results, version):
    """The rows about this version that no case has met."""
    return [row for row in KNOWN if version.startswith(row.anndata) and row.reason not in results.known]
