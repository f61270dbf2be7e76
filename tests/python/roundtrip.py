"""Rewrite files with `anndata convert` and check that Python reads the same from the result.

Each file is rewritten as `.h5ad` with several compressions, and as `.zarr` of both versions, of which Python reads the
object and which is rewritten as `.h5ad` again.

Usage: ``python roundtrip.py --anndata-bin PATH [FILES...]``

Without files: every fixture, and the real files of ``../shared/data/corpus`` where that folder is present.
Exit status 1 if any file fails; the last line is ``N passed, M failed``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from compare import differences, object_differences

PROJECT = Path(__file__).resolve().parent.parent.parent
FIXTURES = PROJECT / "tests" / "fixtures"
CORPUS = PROJECT.parent / "shared" / "data" / "corpus"
#: By name: the store that the file goes through, if any, and the options of the first conversion.
VARIANTS = {name: (None, ["--compression", name]) for name in ("none", "gzip", "lzf")} | {
    "zarr3": ("through.zarr", []),
    "zarr2": ("through.zarr", ["--zarr-format", "2"]),
    "zip": ("through.zarr.zip", ["--no-shard"]),
}
#: Files that have to be refused: what the error line has to say.
REFUSED = {"anndata-both-raw.h5ad": "raw"}
TIMEOUT_S = 120


def default_files():
    found = [FIXTURES / "demo.h5ad"]
    for folder in (FIXTURES / "h5ad", FIXTURES / "legacy", CORPUS):
        found += sorted(folder.glob("*.h5ad"))
    return found


def check(binary, source, through, options):
    """What is wrong with the rewrite of one file: a list of lines, empty if nothing is."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.h5ad"
        between = Path(folder) / through if through else None
        steps = [(source, between, options), (between, copy, [])] if between else [(source, copy, options)]
        for before, after, chosen in steps:
            command = [str(binary), "convert", str(before), str(after), *chosen]
            try:
                run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                return [f"no end after {TIMEOUT_S} s"]
            if source.name in REFUSED:
                return check_refusal(run, after, REFUSED[source.name])
            if run.returncode != 0:
                lines = (run.stderr.strip() or "no message").splitlines()
                return [f"{after.name}: exit status {run.returncode}: {lines[0][:300]}"]
        left_over = [p.name for p in Path(folder).iterdir() if p not in (copy, between)]
        found = [f"left behind: {', '.join(left_over)}"] if left_over else []
        try:
            found += object_differences(source, between) if between else []
            return found + differences(source, copy)
        except Exception:  # noqa: BLE001  a result that cannot be read is a failure like another
            return found + ["the comparison broke off: " + traceback.format_exc().strip().splitlines()[-1]]


def check_refusal(run, copy, word):
    found = []
    if run.returncode != 2:
        found.append(f"must be refused with exit status 2, got {run.returncode}")
    if word not in run.stderr or "panicked" in run.stderr:
        found.append(f"the error does not name {word!r}: {run.stderr.strip()[:200]}")
    if copy.exists():
        found.append("an output file was left after a refusal")
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--anndata-bin", type=Path, required=True)
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    files = arguments.files or default_files()
    passed = failed = 0
    width = max(len(f.name) for f in files)
    for file in files:
        for variant, (through, options) in VARIANTS.items():
            start = time.monotonic()
            found = check(arguments.anndata_bin.resolve(), file, through, options)
            print(f"{'FAIL' if found else 'ok  '}  {file.name:{width}}  {variant:5}  {time.monotonic() - start:5.1f} s", flush=True)
            for line in found[:12]:
                print(f"        {line}")
            if len(found) > 12:
                print(f"        and {len(found) - 12} more")
            passed, failed = passed + (not found), failed + bool(found)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
