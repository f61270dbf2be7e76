"""Making a failing case small, and keeping it as a fixture that every later run replays."""

from __future__ import annotations

import json
import re
import shutil
import time
from pathlib import Path

import stores
from describe import describe_file

from . import reduce
from .objects import FIXTURES

FOUND = FIXTURES / "found"
LIMIT_S = 60


def shrink(elements, fails, limit_s=LIMIT_S):
    """The reductions with which a case still fails: each of the candidates for these elements that can be taken."""
    kept, end = [], time.monotonic() + limit_s
    for step in reduce.candidates(elements):
        if time.monotonic() > end:
            break
        is_length = step[0] != "drop"
        if is_length and any(kind == step[0] for kind, _ in kept):
            continue
        if fails([*kept, step]):
            kept.append(step)
    return kept


def shrink_and_save(verdict, runner, found=FOUND, limit_s=LIMIT_S):
    """Shrink the case of a verdict and save what is left. Returns the folder and the smaller verdict."""
    case, wanted = verdict.case, signature(verdict.wrong)

    def run(reductions, folder=None):
        return next(runner.run([case.id], reductions, keep=folder))

    def fails(reductions):
        tried = run(reductions)
        return tried.case.broken is None and signature(tried.wrong) == wanted

    work = runner.folder / "shrink"
    elements = run([], work) and elements_of(work / "0")
    reductions = shrink(elements, fails, limit_s)
    last = run(reductions, work)
    folder = found / re.sub(r"[^\w.-]+", "-", case.id)
    save(last, work / "0", folder, runner.seed, reductions)
    return folder, last


def elements_of(folder):
    """The description of what goes in; of a case that Rust makes, of what comes out."""
    files = sorted(folder.glob("input*")) or sorted(folder.glob("output*"))
    return describe_file(files[0], limit=0)["elements"] if files else {}


def signature(wrong):
    """The kind of the first difference, without path and values, so that another failure is not taken for this one."""
    if not wrong:
        return None
    return re.split(r"[\d'\"\[({]", wrong[0].split(": ", 1)[-1])[0].strip()


# ------------------------------------------------------------------ fixtures


def save(verdict, work, folder, seed, reductions):
    """Keep the files and the case; paths within the folder become `$FOLDER`."""
    stores.remove(folder)
    folder.mkdir(parents=True)
    case = vars(verdict.case) | {"differences": verdict.wrong, "reductions": reductions}
    case["replay"] = f"cargo xtask conformance --case {verdict.case.id} --seed {seed}"
    text = json.dumps(case, indent=1, ensure_ascii=False).replace(str(work), "$FOLDER")
    (folder / "case.json").write_text(text + "\n")
    for path in work.iterdir():
        if path.name.startswith(("input", "element", "expected")) or path.name == Path(verdict.case.expected or "").name:
            (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)


def saved(found=FOUND):
    """The ids of the cases that were saved."""
    return [f"found/{path.parent.name}" for path in sorted(found.glob("*/case.json"))]


def restore(case_id, folder, found=FOUND):
    """A saved case, with its files in another folder: what `Case` is made of."""
    kept = found / case_id.split("/", 1)[1]
    shutil.copytree(kept, folder, ignore=shutil.ignore_patterns("case.json"))
    case = json.loads((kept / "case.json").read_text().replace("$FOLDER", str(folder)))
    for key in ("differences", "reductions", "replay"):
        del case[key]
    return case | {"id": case_id}
