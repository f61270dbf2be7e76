"""The results as a table of encodings and operations, for the terminal and for the documentation."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field

from .known import KNOWN

HEAD = """\
# Conformance

What `cargo xtask conformance --full` found: cases that were drawn at random, done by Python anndata and by this workspace,
and compared; `tests/README.md` says how. This file is written by that command.

A cell has the number of cases that passed, and where there are any, of those that failed (✗) and of those in which all that
differs is known (≈) and explained below.
"""


@dataclass
class Results:
    """What a run found, as it goes through JSON."""

    anndata: str
    seed: int
    #: By "OPERATION/ENCODING": how many cases `passed`, `failed` or met a `known` difference.
    cells: dict = field(default_factory=dict)
    #: By the reason of a known difference, the number of cases that met it.
    known: dict = field(default_factory=dict)

    @staticmethod
    def of(verdicts, anndata, seed):
        results = Results(anndata, seed)
        for verdict in verdicts:
            cell = results.cells.setdefault(f"{verdict.case.operation}/{verdict.case.encoding}", Counter())
            cell["failed" if verdict.wrong else "known" if verdict.known else "passed"] += 1
            for reason in {row.reason for row in verdict.known}:
                results.known[reason] = results.known.get(reason, 0) + 1
        return results

    def count(self, what):
        return sum(cell.get(what, 0) for cell in self.cells.values())

    def save(self, path):
        path.write_text(json.dumps(vars(self)))

    @staticmethod
    def load(path):
        return Results(**json.loads(path.read_text()))

    @staticmethod
    def sum(runs):
        """What several runs with one version found together; the seed becomes the seeds."""
        whole = Results(runs[0].anndata, ", ".join(str(results.seed) for results in runs))
        for results in runs:
            for key, cell in results.cells.items():
                whole.cells[key] = Counter(whole.cells.get(key, {})) + Counter(cell)
            for reason, count in results.known.items():
                whole.known[reason] = whole.known.get(reason, 0) + count
        return whole


def markdown(results):
    """The table of one run, or of several with one version."""
    operations = list(dict.fromkeys(key.split("/")[0] for key in results.cells))
    encodings = list(dict.fromkeys(key.split("/")[1] for key in results.cells))
    yield f"## anndata {results.anndata}"
    yield ""
    total = sum(sum(cell.values()) for cell in results.cells.values())
    yield (
        f"{total} cases with seed{'s' if ',' in str(results.seed) else ''} {results.seed}: {results.count('passed')} passed, {results.count('failed')} failed, "
        f"{results.count('known')} with a known difference."
    )
    yield ""
    yield f"| | {' | '.join(f'`{name}`' for name in operations)} |"
    yield f"| --- |{' ---: |' * len(operations)}"
    for encoding in encodings:
        cells = [show(results.cells.get(f"{operation}/{encoding}", {})) for operation in operations]
        yield f"| {encoding} | {' | '.join(cells)} |"
    yield ""


def show(cell):
    parts = [f"{cell[key]}{sign}" for key, sign in (("passed", ""), ("failed", " ✗"), ("known", " ≈")) if cell.get(key)]
    return " ".join(parts)


def document(runs, earlier=""):
    """The page of all runs. The seeds of the page that was there before are kept, so that none is drawn again."""
    versions = dict.fromkeys(results.anndata for results in runs)
    runs = [Results.sum([results for results in runs if results.anndata == version]) for version in versions]
    lines = [HEAD]
    before = seeds_of(earlier) - {seed for results in runs for seed in str(results.seed).split(", ")}
    if before:
        lines += [f"Runs before had the seeds {', '.join(sorted(before, key=int))}.", ""]
    for results in runs:
        lines += markdown(results)
    lines += ["## Known differences", ""]
    for reason in dict.fromkeys(row.reason for row in KNOWN):
        counts = ", ".join(f"{results.known[reason]} with {results.anndata}" for results in runs if reason in results.known)
        lines.append(f"- {reason} Cases: {counts or 'none'}.")
    if not KNOWN:
        lines.append("None.")
    return "\n".join(lines) + "\n"


def seeds_of(page):
    """The seeds that a page names."""
    return {seed for named in re.findall(r"seeds? ((?:\d+(?:, )?)+)", page) for seed in named.split(", ") if seed}


def plain(results):
    """The table for the terminal: Markdown, which is read well enough there."""
    return "\n".join([*markdown(results), *(f"≈ {count}  {reason}" for reason, count in results.known.items())])
