"""The page of the guide for those who come from Python: it has a row for every public name of the installed anndata.

Usage: ``python -m pytest tests/python``
"""

from __future__ import annotations

import inspect
import re
import warnings
from pathlib import Path

import anndata
import anndata.abc
import anndata.acc
import anndata.experimental
import anndata.experimental.backed
import anndata.io
import anndata.types
import anndata.typing
import pytest

PAGE = Path(__file__).parents[2] / "crates/anndata/docs/guide/from_python.md"
MODULES = [anndata, anndata.io, anndata.experimental, anndata.experimental.backed, anndata.abc, anndata.acc, anndata.typing, anndata.types]

pytestmark = pytest.mark.skipif(not anndata.__version__.startswith("0.13."), reason="the page is about anndata 0.13")


def public(names):
    return {name for name in names if not name.startswith("_")}


def own(module):
    """The public names of a module: those that it lists, or else the classes that it defines."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return set(listed)
    return {name for name, value in vars(module).items() if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")}


def of_modules():
    return {f"{module.__name__}.{name}" for module in MODULES for name in own(module)}


def of_types():
    """The members of the types that users hold; what a type inherits from a listed one is named once, there."""
    from anndata._core.sparse_dataset import BaseCompressedSparseDataset

    acc = anndata.acc
    backed = anndata.experimental.backed
    members = {
        "AnnData": public(dir(anndata.AnnData)),
        "Raw": public(dir(anndata.Raw)),
        "CSRDataset": public(dir(anndata.abc.CSRDataset)) | public(dir(BaseCompressedSparseDataset)),
        "Dataset2D": public(vars(backed.Dataset2D)),
        "CategoricalArray": public(vars(backed.CategoricalArray)),
        "MaskedArray": public(vars(backed.MaskedArray)),
        "AdAcc": public(dir(acc.AdAcc)),
        "AdRef": public(dir(acc.AdRef)),
        "RefAcc": public(dir(acc.RefAcc)),
        "MetaAcc": public(dir(acc.MetaAcc)) - public(dir(acc.RefAcc)),
        "LayerMapAcc": public(dir(acc.LayerMapAcc)),
        "settings": set(type(anndata.settings).model_fields) | {"override", "reset"},
    }
    return {f"{kind}.{name}" for kind, names in members.items() for name in names}


def of_arguments():
    functions = {
        "AnnData": anndata.AnnData.__init__,
        "read_h5ad": anndata.io.read_h5ad,
        "read_zarr": anndata.io.read_zarr,
        "write_h5ad": anndata.AnnData.write_h5ad,
        "write_zarr": anndata.AnnData.write_zarr,
        "write_elem": anndata.io.write_elem,
        "concat": anndata.concat,
    }
    return {f"{name}({argument}=)" for name, function in functions.items() for argument in inspect.signature(function).parameters if argument != "self"}


def names():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return of_modules() | of_types() | of_arguments()


def rows():
    """The cells of each row of the tables whose first column is Python's."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    return [re.split(r"(?<!\\)\|", line.strip("|")) for line in lines if line.startswith("| `")]


def test_every_public_name_has_a_row():
    first = {row[0].strip().strip("`") for row in rows()}
    assert sorted(names() - first) == []


def test_no_row_is_about_a_name_that_is_not_there():
    named = {row[0].strip().strip("`") for row in rows()}
    looks_like_a_name = re.compile(r"(anndata|AnnData|Raw|CSRDataset|Dataset2D|CategoricalArray|MaskedArray|AdAcc|AdRef|RefAcc|MetaAcc|LayerMapAcc|settings)\.[\w.]+|\w+\(\w+=\)")
    assert sorted(name for name in named if looks_like_a_name.fullmatch(name) and name not in names()) == []


def test_every_row_says_what_is_here():
    assert [row for row in rows() if not row[1].strip()] == []


def test_no_name_has_two_rows():
    first = [row[0].strip() for row in rows()]
    assert sorted({name for name in first if first.count(name) > 1}) == []


ITEM = re.compile(r"\b(?:fn|struct|enum|trait|type|mod) (\w+)|macro_rules! (\w+)")


def aliases():
    """Of each name of an item of Rust, the names under which `#[doc(alias)]` lets it be found."""
    found = {}
    for file in PAGE.parents[3].glob("*/src/**/*.rs"):
        pending = set()
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip().startswith("#[doc(alias"):
                pending |= set(re.findall(r'"([^"]+)"', line))
            elif pending and (item := ITEM.search(line)):
                found.setdefault(item[1] or item[2], set()).update(pending)
                pending = set()
    return found


def test_what_has_another_name_here_is_found_under_that_of_python():
    known = aliases()
    missing = []
    for row in rows():
        name = row[0].strip().strip("`")
        if not re.fullmatch(r"[\w.]+", name) or name in {module.__name__ for module in MODULES} or row[1].strip().startswith("none"):
            continue
        linked = [path.rstrip("()!").split("::")[-1] for path in re.findall(r"\]\(((?:mod@)?crate::[\w:]+(?:\(\)|!)?)\)", row[1])]
        own_name = name.split(".")[-1]
        # Rustdoc searches without regard to case.
        same = any(own_name.lower() == here.lower() for here in linked)
        if linked and not same and not any(own_name in known.get(here, ()) for here in linked):
            missing.append((name, linked))
    assert missing == []
