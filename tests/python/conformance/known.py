"""Differences that are known: what anndata and this library do otherwise, and why. Every row must occur in a full run, of one
seed or several."""

from __future__ import annotations

import re
from dataclasses import dataclass


#: The path of an element in a slot that is aligned, under any key.
ALIGNED = r"/(X|raw/X|(layers|obsm|varm|obsp|varp|raw/varm)/[^#]+)"


@dataclass(frozen=True)
class Known:
    """What a whole line of difference of some operations is, with the reason why it is no mistake.

    The pattern names the element, what of it differs, and both values, so that nothing else is excused with it.
    """

    operations: str
    pattern: str
    reason: str
    #: Lines that it is about, each of which the tests change in every way.
    examples: tuple[str, ...]
    #: The versions of anndata that it is about: what they begin with.
    anndata: str = ""

    def matches(self, operation, line, version):
        found = re.fullmatch(self.operations, operation) and re.fullmatch(self.pattern, line)
        return bool(found) and version.startswith(self.anndata)


KNOWN = [
    Known(
        "select|transpose|set_raw",
        ALIGNED + r"(#(indices|indptr)#dtype: \"int32\", in the copy \"int64\"|/(indices|indptr): stored dtype int32, in the copy int64)",
        "scipy makes the indices of a sparse matrix 32 bit wide when it takes a part of it or transposes it. Here they keep the "
        "width that the file gave them, so that what is written back has the types that were read; the values are the same.",
        ('/layers/b#indices#dtype: "int32", in the copy "int64"', "/X/indptr: stored dtype int32, in the copy int64"),
    ),
    Known(
        "select",
        r"/(obsm|varm)/[^#]+#form#parameters: (__list__|_view_args) is only in the source: null",
        "Python leaves the marks of its view in the form of an awkward array that it copies out of a view, and writes them. They "
        "name an object in the memory of that process. Here the form is that of the array.",
        (
            '/obsm/X_z#form#parameters: __list__ is only in the source: null',
            '/varm/PCs#form#parameters: _view_args is only in the source: null',
        ),
    ),
    Known(
        "read|read_lazy|write|convert|read_elem|write_elem",
        r"/raw: null (missing in the copy|stored in the source, not in the copy)",
        "Python writes a `raw` that is not there as null to zarr, and leaves it out of `.h5ad`. Here it is left out of both, "
        "which both versions of anndata read as no `raw`.",
        ("/raw: null missing in the copy", "/raw: null stored in the source, not in the copy"),
    ),
    Known(
        "make",
        r"/: Unsupported: (?:/[^:]+: )?(uns/[^:]+): zarr cannot store records with an array in a field \('[^']+'\)"
        r"(?:; `--skip \1` \(the option `skip`\) leaves it out)?",
        "Records with an array in a field have no type in zarr version 3, and none that Python reads in version 2. It is an error that "
        "names the element; Python has one, too.",
        (
            "/: Unsupported: uns/records: zarr cannot store records with an array in a field ('a'); `--skip uns/records` (the option `skip`) leaves it out",
            "/: Unsupported: /data/o.zarr: uns/records: zarr cannot store records with an array in a field ('a')",
        ),
    ),
    Known(
        "make",
        r"(/raw: anndata reads one from the (source|copy) alone|"
        r"/: anndata cannot read the (source|copy): AttributeError: 'NoneType' object has no attribute 'copy') \(rewritten\)",
        "Of a `raw` without `X`, Python reads the rest from `.h5ad`, and nothing from zarr; anndata 0.12 fails in reading `.h5ad` if the object has no `X` "
        "either. What is stored is the same in both.",
        (
            "/raw: anndata reads one from the source alone (rewritten)",
            "/: anndata cannot read the copy: AttributeError: 'NoneType' object has no attribute 'copy' (rewritten)",
        ),
    ),
    Known(
        "concat|concat_on_disk|collection",
        r"/(obs|var|raw/var|(obsm|varm)/frame)/odd: (Float(32|64) has no encoding, where "
        r"(an input has integers that can be missing and another one (floats|integers)|integers that can be missing are signed and unsigned)"
        r"|object has no encoding, where an input without rows has another type)",
        "pandas makes a column that Python cannot write. Of integers that can be missing and floats, or integers of which rows are missing, and of signed and "
        "unsigned integers of 64 bits that can be missing, floats that can be missing: here, and in what is compared, they are floats with NaN. "
        "Of types that do not go together, one of them in an input without rows, Python objects: here what has no rows does not stand in the way of the others.",
        (
            "/obs/odd: Float64 has no encoding, where an input has integers that can be missing and another one floats",
            "/var/odd: Float64 has no encoding, where integers that can be missing are signed and unsigned",
            "/obs/odd: object has no encoding, where an input without rows has another type",
        ),
        anndata="0.13",
    ),
    Known(
        "concat|concat_on_disk|collection",
        r"/(obsm|varm)/awkward: rows that are missing repeat the last one of an input in Python",
        "An outer join with an awkward array along the joined axis: for labels that an object lacks, Python repeats the last row "
        "of the array. Here the rows are missing, as in every other kind of array; the other rows are the same.",
        ("/varm/awkward: rows that are missing repeat the last one of an input in Python",),
        anndata="0.13",
    ),
    Known(
        "concat|concat_on_disk|collection",
        r"/raw: only in the found, of 0 observations",
        "Along the variables, where no observation is left: Python takes an object without observations for none, and drops `raw`. "
        "Here it stays, without rows.",
        ("/raw: only in the found, of 0 observations",),
        anndata="0.13",
    ),
]


def explain(operation, line, version):
    """The row that a line belongs to, if any."""
    return next((known for known in KNOWN if known.matches(operation, line, version)), None)


def missing(runs):
    """The versions of anndata, and the rows about them, that no case of their runs has met."""
    for version in dict.fromkeys(results.anndata for results in runs):
        met = {reason for results in runs if results.anndata == version for reason in results.known}
        for row in KNOWN:
            if version.startswith(row.anndata) and row.reason not in met:
                yield version, row
