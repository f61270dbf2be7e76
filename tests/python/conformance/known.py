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
        "select",
        r"(#(indices|indptr)#dtype: \"int32\", in the copy \"int64\"|/(indices|indptr): stored dtype int32, in the copy int64)",
        "scipy makes the indices of a part of a sparse matrix 32 bit wide; here they keep their width.",
    ),
    Known(
        "select",
        r"#form#parameters: (__list__|_view_args) is only in the source",
        "Python leaves the marks of its view in the form of an awkward array.",
    ),
    Known(
        ".*",
        r"^/raw: null (missing in the copy|stored in the source, not in the copy)",
        "Python writes a `raw` that is not there as null to zarr; it is left out here, as both leave it out of `.h5ad`.",
    ),
    Known(
        "make",
        r"^/: Unsupported: .*zarr version 3 cannot store records with an array in a field",
        "Records with an array in a field have no zarr dtype of version 3: an error that names the element, in Python as well.",
    ),
    Known(
        "make",
        r"^/: assert_equal: .*element 'raw'\.",
        "Of a `raw` without `X`, Python reads the rest from `.h5ad`, and nothing from zarr. What is stored is the same.",
    ),
    Known(
        "transpose|set_raw",
        r"(#(indices|indptr)#dtype: .int32., in the copy .int64.|/(indices|indptr): stored dtype int32, in the copy int64"
        r"|assert_equal: .*(indices|indptr) dtype mismatch)",
        "scipy narrows the indices of a sparse matrix that it transposes or takes a part of; here they keep their width.",
    ),
    Known(
        "concat",
        r"^/: no error where one of DType is expected",
        "Integers that can be missing together with floats: pandas makes a type that has no form on disk; here they are floats with NaN.",
        anndata="0.13",
    ),
    Known(
        "concat",
        r"^/(obsm|varm)/awkward \(of the joined axis\): assert_equal: ",
        "An outer join with an awkward array along the joined axis: for labels that it does not have, Python repeats its last row; here they are missing.",
        anndata="0.13",
    ),
    Known(
        "concat",
        r"^/raw: only in the found",
        "Along the variables, where no observation is left: Python takes an object without observations for none, and drops `raw`.",
        anndata="0.13",
    ),
]


def explain(operation, line, version):
    """The row that a line belongs to, if any."""
    return next((known for known in KNOWN if known.matches(operation, line, version)), None)


def missing(results, version):
    """The rows about this version that no case has met."""
    return [row for row in KNOWN if version.startswith(row.anndata) and row.reason not in results.known]
