"""The known differences: each excuses the line that it is about, and no line with a second difference in it.

Usage: ``python -m pytest tests/python``
"""

from __future__ import annotations

import re

import pytest
from conformance.known import KNOWN, explain

VERSION = "0.13.4"
EXAMPLES = [(row, line) for row in KNOWN for line in row.examples]
OPERATIONS = ["read", "write", "convert", "make", "read_elem", "write_elem", "select", "transpose", "set_raw", "concat", "choices", "validate", "mutate", "layouts"]
#: Words of lines, and what stands in their place where something else differs.
OTHERS = {
    "int32": ["int16", "float32", "string"],
    "int64": ["int16", "uint64", "float64"],
    "indices": ["data", "indices#values", "shape"],
    "indptr": ["data", "indptr#values", "codes"],
    "source: null": ["source: 0", 'source: "AwkwardArrayView"', "copy: null"],
    "__list__": ["__record__", "__array__", "name"],
    "_view_args": ["view", "__doc__"],
    "skip uns/records": ["skip uns/others"],
    "null": ["raw", "dict", "dataframe"],
    "missing in": ["missing values in", "only in"],
    "Unsupported": ["InvalidData", "DType", "Io"],
    "version 3": ["version 2"],
    "array in a field": ["text in a field"],
    "(rewritten)": ["", "(as Rust describes it)"],
    "Float64": ["Int64", "Float16", "boolean"],
    "odd": ["number", "count", "group"],
    "integers that can be missing": ["integers", "text"],
    "floats": ["booleans"],
    "repeat the last one of an input": ["are other rows", "are the same", "differ"],
    "found": ["expected"],
    "0 observations": ["1 observations", "10 observations"],
    "source": ["copy"],
}


def row_of(operation, line):
    return explain(operation, line, VERSION)


@pytest.mark.parametrize(("row", "line"), EXAMPLES, ids=[line[:40] for _, line in EXAMPLES])
def test_a_row_excuses_its_line_in_its_operations_alone(row, line):
    for operation in OPERATIONS:
        assert row_of(operation, line) is (row if re.fullmatch(row.operations, operation) else None), operation


@pytest.mark.parametrize(("row", "line"), EXAMPLES, ids=[line[:40] for _, line in EXAMPLES])
def test_a_second_difference_on_the_line_is_found(row, line):
    operation = row.operations.split("|")[0]
    path, said = line.split(": ", 1)
    changed = [
        f"{line}; and more",
        f"{line}\n/X: other values",
        f"/X: other values; {line}",
        f"{line}, in the copy 1",
        f"/uns/other: {said}",
        f"/obs/other: {said}",
        f"{path}: other: {said}",
        f"{path}#values: {said}",
        path,
    ]
    for word, others in OTHERS.items():
        changed += [line.replace(word, other, 1) for other in others if word in line and not (word == "source" and "alone" in line)]
    excused = [text for text in changed if text != line and row_of(operation, text) is not None]
    assert excused == []


def test_every_row_has_an_example_and_none_is_excused_by_two():
    assert all(row.examples for row in KNOWN)
    for row, line in EXAMPLES:
        operation = row.operations.split("|")[0]
        assert [known for known in KNOWN if known.matches(operation, line, VERSION)] == [row]
