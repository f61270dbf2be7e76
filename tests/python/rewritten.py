"""A plugin of pytest: every file that anndata's own tests write is rewritten by `anndata convert` before a test reads it.

Each file goes to the same format, to the other one and back, and takes the place of what Python wrote. In the end the
plugin says how many files were rewritten, and what was refused.

The commands are in ``tests/README.md``.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PROGRAM = os.environ.get("ANNDATA", "anndata")
ENDINGS = {".h5ad": ".zarr", ".zarr": ".h5ad"}
#: How many files were rewritten, and the messages about those that were not.
counts, refused = {"rewritten": 0, "left alone": 0}, []


def rewrite(path, ending):
    """Rewrite a file in its format, in the other and back; what is refused stays as Python wrote it."""
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder) / f"{number}{end}" for number, end in enumerate((ending, ending, ENDINGS[ending], ending))]
        # By its name a program knows the format of a file.
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, names[0])
        for source, target in zip(names, names[1:], strict=False):
            ended = subprocess.run([PROGRAM, "convert", source, target], capture_output=True, text=True, check=False)
            if ended.returncode != 0:
                refused.append(f"{os.environ.get('PYTEST_CURRENT_TEST', '')}: {ended.stderr.strip()[:300]}")
                return
        if path.is_dir():
            shutil.rmtree(path)
            shutil.copytree(names[-1], path)
        else:
            shutil.copyfile(names[-1], path)
    counts["rewritten"] += 1


def rewriting(write, ending):
    @functools.wraps(write)
    def wrapped(store, *args, **options):
        result = write(store, *args, **options)
        is_path = isinstance(store, (str, os.PathLike)) and Path(store).exists() and not str(store).endswith(".zip")
        if is_path:
            rewrite(Path(store), ending)
        else:
            counts["left alone"] += 1
        return result

    return wrapped


def pytest_configure():
    import anndata
    import anndata._io.h5ad
    import anndata._io.zarr
    import anndata.io

    for name, ending in (("write_h5ad", ".h5ad"), ("write_zarr", ".zarr")):
        write = getattr(anndata.io, name)
        wrapped = rewriting(write, ending)
        for module in [module for key, module in sys.modules.items() if key.split(".")[0] == "anndata"]:
            if vars(module).get(name) is write:
                setattr(module, name, wrapped)


# With pytest-xdist the files are written in several processes, each of which tells the first what it did.


def pytest_sessionfinish(session):
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["rewritten"] = (counts, refused)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    of_node, refused_there = getattr(node, "workeroutput", {}).get("rewritten", ({}, []))
    refused.extend(refused_there)
    for name, count in of_node.items():
        counts[name] += count


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"rewritten: {counts['rewritten']} files; {counts['left alone']} stores that are no path; {len(refused)} refused")
    for line in refused:
        terminalreporter.write_line(f"refused: {line}")
