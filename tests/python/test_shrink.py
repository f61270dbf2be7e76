"""The shrinker: of a failure that was made on purpose only what it needs is left, and what is saved fails again.

Usage: ``python -m pytest tests/python``
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from conformance import known, shrink
from conformance.run import Runner, Verdict
from conformance.table import Results

#: A runner in Python that copies its input, but loses `obsm/X_a` of objects that have a layer `b`.
BROKEN = """
import json, shutil, sys
import h5py
with open(sys.argv[2], "w") as results:
    for case in json.load(open(sys.argv[1])):
        shutil.copy(case["inputs"][0], case["output"])
        with h5py.File(case["output"], "r+") as file:
            if "b" in file["layers"] and "X_a" in file["obsm"]:
                del file["obsm/X_a"]
        results.write(json.dumps({"id": case["id"]}) + "\\n")
"""


@pytest.fixture
def runner(tmp_path, monkeypatch):
    # All files in the format of the broken runner.
    monkeypatch.setattr("conformance.cases.Draw.format", lambda draw: "h5ad")
    monkeypatch.setattr("conformance.shrink.FOUND", tmp_path / "found")
    program = tmp_path / "broken.py"
    program.write_text(BROKEN)
    return Runner([sys.executable, program], tmp_path, seed=1, processes=1)


def test_what_the_failure_does_not_need_goes(tmp_path):
    elements = dict.fromkeys(["/", "/uns", "/uns/a", "/uns/b", "/obsm/c", "/raw/X"], {})
    tried = []

    def fails(steps):
        tried.append(steps)
        return ("drop", "/uns/b") not in steps and ("rows", 0) not in steps

    kept = shrink.shrink(elements, fails)
    assert ("drop", "/uns/a") in kept and ("drop", "/obsm/c") in kept and ("drop", "/uns/b") not in kept
    assert ("rows", 1) in kept and ("rows", 2) not in kept and ("columns", 0) in kept
    assert all(what not in ("/", "/uns", "/raw/X") for steps in tried for _, what in steps)


def test_a_failure_is_shrunk_saved_and_replayed(runner, tmp_path):
    [verdict] = runner.run(["write/array/0"])
    assert any("/obsm/X_a" in line for line in verdict.wrong), verdict.wrong
    folder, smaller = shrink.shrink_and_save(verdict, runner, tmp_path / "found")
    assert shrink.signature(smaller.wrong) == shrink.signature(verdict.wrong)
    case = json.loads((folder / "case.json").read_text())
    elements = shrink.elements_of(folder)
    leaves = {path for path, element in elements.items() if element["kind"] not in ("dict", "anndata", "dataframe")}
    assert leaves == {"/layers/b", "/obsm/X_a"}, leaves
    assert case["replay"].endswith("--case write/array/0 --seed 1")
    assert str(tmp_path) not in json.dumps(case["inputs"])

    restored = shrink.restore("found/write-array-0", tmp_path / "again", tmp_path / "found")
    assert Path(restored["inputs"][0]).is_file() and Path(restored["expected"]).is_file()
    assert not (tmp_path / "again/case.json").exists()  # it would be taken for something that Rust left behind


def test_a_dead_runner_fails_the_case_that_killed_it(runner):
    program = runner.program[1]
    program.write_text(BROKEN.replace("shutil.copy", 'case["id"].startswith("write/null") and sys.exit(3); shutil.copy', 1))
    wrong = {verdict.case.id: verdict.wrong for verdict in runner.run(["write/null/0", "write/string/0"])}
    assert "died" in wrong["write/null/0"][0]
    assert not any("died" in line for line in wrong["write/string/0"])


def test_a_known_difference_that_is_gone_is_missed(monkeypatch):
    row = known.Known("read|write", r"/uns/x: .*", "a reason", ("/uns/x: other",))
    monkeypatch.setattr(known, "KNOWN", [row])
    assert known.explain("read", "/uns/x: other", "0.13.4") is row
    assert known.explain("convert", "/uns/x: other", "0.13.4") is None
    verdict = Verdict(type("Case", (), {"operation": "read", "encoding": "dict"}), known=[row])
    met, unmet = Results.of([verdict], "0.13.4", 1), Results.of([], "0.13.4", 2)
    assert list(known.missing([met, unmet])) == []
    assert list(known.missing([unmet])) == [("0.13.4", row)]
