"""Run the cases, print the table, shrink and save what fails. `cargo xtask conformance` calls this.

Usage: ``python -m conformance --runner PROGRAM``, or ``--document PAGE.md RESULTS.json...`` to write the page of several runs.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

from . import objects, table
from .cases import plan
from .known import missing
from .run import ANNDATA, Runner
from .shrink import shrink_and_save

DEFAULT_SEED = 20260801
#: How many failures are shrunk.
SHRUNK = 5


def main():
    arguments = parse()
    warnings.simplefilter("ignore")
    if arguments.document:
        runs = [table.Results.load(path) for path in arguments.results]
        earlier = arguments.document.read_text(encoding="utf-8") if arguments.document.exists() else ""
        arguments.document.write_text(table.document(runs, earlier), encoding="utf-8")
        stale = list(missing(runs))
        for version, row in stale:
            print(f"FAILED  a known difference does not occur any more with {version}: {row.operations}: {row.pattern}: {row.reason}")
        return 1 if stale else 0
    if not objects.CORPUS.exists():
        print("no real files are compared: ../shared/data/corpus is not there")
    start = time.monotonic()
    ids = arguments.case or list(plan(full=arguments.full, operations=arguments.operation))
    if arguments.thin:
        ids = [case_id for case_id in ids if case_id.startswith("found/") or case_id.endswith("/0")]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    runner = Runner([arguments.runner.resolve()], arguments.folder.resolve(), arguments.seed)
    print(f"anndata {ANNDATA}, seed {arguments.seed}, {len(ids)} cases", flush=True)
    verdicts = list(runner.run(ids))
    results = table.Results.of(verdicts, ANNDATA, arguments.seed)
    is_whole = arguments.full and not arguments.case and not arguments.operation
    if is_whole:
        results.save(arguments.folder / f"results-{ANNDATA}-{arguments.seed}.json")
    print(table.plain(results))
    failed = [verdict for verdict in verdicts if verdict.wrong]
    for number, verdict in enumerate(failed):
        report(verdict)
        if arguments.save and number < SHRUNK and verdict.case.broken is None and verdict.case.operation != "found":
            folder, smaller = shrink_and_save(verdict, runner)
            print(f"        saved, shrunk, in {folder}: {smaller.wrong[0] if smaller.wrong else 'it passes now'}")
    known = results.count("known")
    print(f"{results.count('passed')} passed, {known} with a known difference, {len(failed)} failed, seed {arguments.seed}, {time.monotonic() - start:.0f} s")
    return 1 if failed else 0


def report(verdict, lines=6):
    print(f"FAILED  {verdict.case.id}   (--case {verdict.case.id} --seed {verdict.case.seed})")
    for line in verdict.wrong[:lines]:
        print(f"        {line}")
    if len(verdict.wrong) > lines:
        print(f"        and {len(verdict.wrong) - lines} more")


def parse():
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--runner", type=Path, help="the program that executes cases")
    parser.add_argument("--folder", type=Path, default=Path("target/conformance"), help="where files are made")
    parser.add_argument("--full", action="store_true", help="all cases; else a few of each kind")
    parser.add_argument("--thin", action="store_true", help="one case of each kind")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="what random choices are made from")
    parser.add_argument("--case", action="append", metavar="ID", help="only this case, or these")
    parser.add_argument("--operation", action="append", metavar="NAME", help="only this operation, or these")
    parser.add_argument("--save", action="store_true", help="shrink failures and save them as fixtures")
    parser.add_argument("--document", type=Path, help="write this page, of the results that follow")
    parser.add_argument("results", type=Path, nargs="*")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
