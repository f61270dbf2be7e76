"""What is wrong with what Rust did: lines that begin with the path of an element, none where nothing is."""

from __future__ import annotations

import json
import traceback
from pathlib import Path

import h5py
import numpy as np
import stores
from compare import compare_elements, differences
from describe import describe_file, walk_node

from . import accessors, hdf5_layouts, joined, visited

#: Arrays smaller than this, in bytes, need not be compressed.
SMALL = 4096
#: The filters of h5py and the codecs of zarr by the name of the option.
FILTERS = {"none": None, "gzip": "gzip", "lzf": "lzf", "zstd": "zstd", "blosc": "blosc"}


def judge(case, outcome):
    """The differences of a case from what is expected, given how Rust says that it went."""
    try:
        return list(findings(case, outcome))
    except Exception as error:  # noqa: BLE001  what cannot be judged has failed
        where = traceback.extract_tb(error.__traceback__)[-1]
        return [f"/: the comparison broke off at {where.name}: {type(error).__name__}: {str(error)[:300]}"]


def findings(case, outcome):
    if "panic" in outcome:
        yield f"/: panicked: {outcome['panic'][:300]}"
        return
    yield from left_behind(case)
    error = outcome.get("error")
    if case.errors is not None:
        yield from judge_error(case, error)
        return
    if error is not None:
        yield f"/: {error['kind']}: {error['message'][:300]}"
        return
    if case.element is not None:
        yield from compare_element(case)
    elif "joined" not in case.checks and case.expected not in (None, case.output):
        # Rust cannot keep an order that the input does not have.
        ordered = all(stores.is_hdf5(path) for path in case.inputs)
        yield from differences(Path(case.expected), Path(case.output), ordered=ordered, computed=case.computed)
    yield from case.foreseen
    for name in case.checks:
        yield from CHECKS[name](case)


def judge_error(case, error):
    if error is None:
        yield f"/: no error where one of {', '.join(case.errors)} is expected"
    elif error["kind"] not in case.errors:
        yield f"/: the error is {error['kind']} ({error['message'][:200]}), expected one of {', '.join(case.errors)}"
    elif case.says not in error["message"]:
        yield f"/: the error does not say {case.says!r}: {error['message'][:200]}"
    if error is not None and case.expected is None and case.operation != "write_elem" and Path(case.output).exists():
        yield "/: an output was left after an error"


def compare_element(case):
    """The element `elem` of the output is the one that is named in the expected file."""
    with stores.opened(case.expected) as source, stores.opened(case.output) as copy:
        if stores.children(copy) != ["elem"]:
            yield f"/: the output has {stores.children(copy)}"
            return
        ordered = stores.is_hdf5(case.expected) and stores.is_hdf5(case.output)
        expected, found = {}, {}
        walk_node(source[case.element], f"/{case.element}", expected, None)
        walk_node(copy["elem"], f"/{case.element}", found, None)
        yield from compare_elements(expected, found, ordered=ordered)


def left_behind(case):
    """Files that are neither input nor output, as a write that was not cleaned up leaves them."""
    paths = [*case.inputs, case.output, case.expected, *case.options.values()]
    known = {Path(path).name for path in paths if isinstance(path, str)}
    for path in sorted(Path(case.output).parent.iterdir()):
        if path.name not in known:
            yield f"/: left behind: {path.name}"


# ------------------------------------------------------------------ checks that operations ask for


def check_description(case, of=None):
    """What Rust has in memory, by its own words, is what Python reads."""
    found = json.loads(Path(case.options["description"]).read_text())
    level = "read" if of is None and not case.options.get("stored") else "stored"
    expected = describe_file(of or case.inputs[0], limit=None, level=level)["elements"]
    for elements in (found, expected):
        for element in elements.values():
            element.pop("type", None)  # the form of awkward arrays says it too
    ordered = stores.is_hdf5(of or case.inputs[0])
    for line in compare_elements(expected, found, ordered=ordered):
        yield f"{line} (as Rust describes it)"


def check_output_description(case):
    yield from check_description(case, of=case.output)


def check_rewritten(case):
    """What Rust rewrote from its own file holds the same."""
    for line in differences(Path(case.output), Path(case.options["rewritten"])):
        yield f"{line} (rewritten)"


def check_references(case):
    """Rust answers each question about references as Python does."""
    adata = stores.read(case.inputs[0])
    answers = json.loads(Path(case.options["answers"]).read_text())
    for question, found in zip(case.options["questions"], answers, strict=True):
        expected = accessors.answer(question, adata)
        for key in sorted(expected.keys() | found.keys()):
            if expected.get(key) != found.get(key):
                yield f"/: {json.dumps(question)}: {key} is {found.get(key)!r:.300}, in Python {expected.get(key)!r:.300}"


def check_layout(case):
    """The arrays are stored as the options ask: filter, chunks, shards, version of zarr."""
    compression, rows = case.options.get("compression"), case.options.get("chunk_rows")
    with stores.opened(case.output) as root:
        for path, node in arrays(root, ""):
            filters = filters_of(node)
            if compression is not None and not allowed(filters, FILTERS[compression], node):
                yield f"{path}: stored with {filters or 'no filter'}, asked for {compression}"
            if isinstance(node, h5py.Dataset):
                continue
            if (node.metadata.zarr_format == 2) != case.output.endswith(stores.FORMATS["zarr2"]):
                yield f"{path}: zarr version {node.metadata.zarr_format}"
            if case.options.get("no_shards") and node.shards is not None:
                yield f"{path}: shards {node.shards}, asked for none"
        for path, node in arrays(root, ""):
            dense = stores.encoding_of(node)[0] == "array" and len(node.shape) == 2 and min(node.shape) > 0
            if rows and dense and node.chunks is not None and node.chunks[0] != min(rows, node.shape[0]):
                yield f"{path}: chunks of {node.chunks[0]} rows of {node.shape[0]}, asked for {rows}"


def arrays(group, path):
    for key in stores.children(group):
        node = group[key]
        if stores.is_group(node):
            yield from arrays(node, f"{path}/{key}")
        else:
            yield f"{path}/{key}", node


def filters_of(node):
    """The name of the compression of an array; None where there is none."""
    if isinstance(node, h5py.Dataset):
        return node.compression
    names = [type(codec).__name__.lower() for codec in node.compressors]
    return next((known for name in names for known in FILTERS.values() if known and known in name), None)


def allowed(found, asked, node):
    if asked is None:
        return found is None
    nbytes = node.size * node.dtype.itemsize if node.shape is not None and node.dtype.kind in "biufc" else 0
    return found == asked or nbytes < SMALL


def check_findings(case):
    """What validation found: no error in what Python wrote."""
    for finding in json.loads(Path(case.options["findings"]).read_text())["findings"]:
        if finding["severity"] == "error":
            yield f"{finding['path']}: {finding['rule']}: {finding['message']}"


def check_mutations(case):
    """Every file in which no error is found is read by Rust, converted, and read by Python, converted or not."""
    for found in json.loads(Path(case.options["answers"]).read_text())["sound"]:
        where = f"{found['mutation']}: no error is found"
        for verb in ("read", "convert"):
            if found[verb] is not None:
                yield f"{where}, and Rust cannot {verb} it: {found[verb][:200]}"
        for key in ("file", "converted"):
            if found["convert"] is not None and key == "converted":
                continue
            error = refusal(found[key])
            if error is not None:
                yield f"{where}, and Python does not read {'what it is converted to' if key == 'converted' else 'it'}: {error}; {found['found']}"


def refusal(path):
    """Why anndata does not read a file."""
    try:
        stores.read(path)
    except Exception as error:  # noqa: BLE001  any is a refusal
        return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
    return None


def check_arrays(case):
    """The arrays, and parts of them, that Rust read are those that h5py reads."""
    refused = json.loads(Path(case.options["answers"]).read_text())
    for path, message in refused.items():
        yield f"/{path}: {message[:300]}"
    with h5py.File(case.inputs[0]) as source, h5py.File(case.output) as output:
        for path, parts in case.options["parts"].items():
            values = hdf5_layouts.whole(source[path])
            expected = {"whole": values, "blocks": values}
            expected |= {str(i): hdf5_layouts.select(values, part) for i, part in enumerate(parts)}
            for key, wanted in expected.items():
                if path not in refused and f"{path}/{key}" not in refused:
                    found = hdf5_layouts.whole(output[f"{path}/{key}"])
                    if found.shape != wanted.shape or not np.array_equal(found, wanted):
                        yield f"/{path}: {key} differs; {hdf5_layouts.described(source[path])}"


def check_joined(case):
    """The object is the one that Python makes; how it is stored is free."""
    yield from joined.differences(case.expected, case.output, case.options["axis"], case.inputs)


def check_visited_by_reading(case):
    """Rust asks of elements in the order of Python; not of what is in those that it decided on as a whole."""
    yield from visited.differences(case, visited.of_reading(case.inputs[0]), inner=True)


def check_visited_by_writing(case):
    """Rust asks about elements in the order of Python. What columns consist of depends on what each library has in memory."""
    yield from visited.differences(case, visited.of_writing(case.inputs[0]), inner=False)


def check_collection(case):
    """Each row is from the file that Python takes it from, and each file has the names of the other axis that it has."""
    answers = json.loads(Path(case.options["answers"]).read_text())
    axis = case.options["axis"]
    given = [stores.read(path) for path in case.inputs]
    lengths = [getattr(one, f"n_{axis}" if axis == "obs" else "n_vars") for one in given]
    located = [[store, row] for store, n in enumerate(lengths) for row in range(n)]
    if answers["located"] != located:
        yield f"/: rows are located at {answers['located']}, expected {located}"
    other = "var" if axis == "obs" else "obs"
    present = [[name in set(getattr(one, f"{other}_names")) for name in answers["names"]] for one in given]
    if answers["present"] != present:
        yield f"/: present are {answers['present']}, expected {present}"


CHECKS = {
    "description": check_description,
    "description of output": check_output_description,
    "rewritten": check_rewritten,
    "references": check_references,
    "joined": check_joined,
    "collection": check_collection,
    "layout": check_layout,
    "findings": check_findings,
    "mutations": check_mutations,
    "arrays": check_arrays,
    "visited by reading": check_visited_by_reading,
    "visited by writing": check_visited_by_writing,
}
