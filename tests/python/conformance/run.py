"""Running cases: prepared and judged by processes of Python, executed by one of Rust."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import subprocess
import tempfile
import traceback
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import stores

from .cases import Case, prepare
from .judge import judge
from .known import explain

ANNDATA = version("anndata")
TIMEOUT_S = 3600


@dataclass
class Verdict:
    """How a case went: what differs and is not known, and the known differences that it met."""

    case: Case
    wrong: list[str] = field(default_factory=list)
    known: list = field(default_factory=list)


class Runner:
    """Runs batches of cases with one program of Rust, in a folder of its own."""

    def __init__(self, program, folder, seed, processes=None):
        self.program, self.folder, self.seed = program, Path(folder), seed
        self.processes = processes or os.cpu_count() or 1

    def run(self, ids, reductions=(), keep=None):
        """The verdicts of cases, all with the same reductions. With `keep` their files stay in that folder, made anew."""
        with contextlib.ExitStack() as stack:
            if keep is None:
                batch = stack.enter_context(tempfile.TemporaryDirectory(dir=self.folder))
            else:
                stores.remove(keep)
                keep.mkdir(parents=True)
                batch = keep
            jobs = [(case_id, self.seed, f"{batch}/{i}", reductions) for i, case_id in enumerate(ids)]
            yield from self.run_prepared(self.map(prepare_job, jobs), batch)

    def run_prepared(self, cases, batch):
        runnable = [case for case in cases if case.broken is None]
        outcomes = {outcome["id"]: outcome for outcome in self.execute(runnable, batch)}
        yield from self.map(judge_job, [(case, outcomes.get(case.id)) for case in cases])

    def execute(self, cases, batch):
        """How each case went. Where the program dies, those that it did not come to run alone, and one of them has died."""
        given, results = Path(batch) / "cases.json", Path(batch) / "results.jsonl"
        given.write_text(json.dumps([case.for_rust() for case in cases]))
        ended = subprocess.run([*self.program, given, results], timeout=TIMEOUT_S, check=False)
        outcomes = [json.loads(line) for line in results.read_text().splitlines()]
        if ended.returncode != 0:
            died = f"the program died ({ended.returncode})"
            done = {outcome["id"] for outcome in outcomes}
            left = [case for case in cases if case.id not in done]
            if len(cases) == 1 or not left:
                return [{"id": case.id, "panic": died} for case in cases]
            found = [outcome for case in left for outcome in self.execute([case], batch)]
            if not any("panic" in outcome for outcome in found):
                # Alone they all live: what came before has damaged the program.
                found = [{"id": case.id, "panic": f"{died} in a run of {len(cases)} cases"} for case in left]
            outcomes += found
        return outcomes

    def map(self, function, jobs):
        if len(jobs) < 4 or self.processes == 1:
            return [function(job) for job in jobs]
        # Each worker starts anew: threads of zarr do not survive a fork.
        with multiprocessing.get_context("spawn").Pool(min(self.processes, len(jobs))) as pool:
            return pool.map(function, jobs, chunksize=4)


def prepare_job(job):
    case_id, seed, folder, reductions = job
    try:
        return prepare(case_id, seed, folder, reductions)
    except Exception as error:  # noqa: BLE001  a case that cannot be made has failed
        where = traceback.extract_tb(error.__traceback__)[-1]
        operation, encoding = ("found", "found") if case_id.startswith("found/") else case_id.split("/")[:2]
        return Case(case_id, seed, operation, encoding, broken=f"/: cannot be made, at {where.name}: {type(error).__name__}: {str(error)[:300]}")


def judge_job(job):
    case, outcome = job
    if case.broken is not None:
        return Verdict(case, wrong=[case.broken])
    verdict = Verdict(case)
    for line in judge(case, outcome) if outcome is not None else ["/: Rust did not run it"]:
        row = explain(case.operation, line, ANNDATA)
        if row is None:
            verdict.wrong.append(line)
        else:
            verdict.known.append(row)
    return verdict
