"""Compare what was read of mutated files with what Python anndata reads of them.

Usage: ``python mutated.py FOLDER``; exit status 1 if any pair differs. The folder has inputs and, beside each, the description
of what was read. Each is read in a process of its own, which may die or hang.
"""

from __future__ import annotations

import collections
import concurrent.futures
import json
import subprocess
import sys
from pathlib import Path

from compare import compare_values

ENDINGS = (".h5ad", ".zarr.zip", ".zarr")
SECONDS = 120


def described(path):
    """The description by Python, or how it failed."""
    code = "import json, sys; from describe import describe_file as d; print(json.dumps(d(sys.argv[1], None, 'read')))"
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, path],
            capture_output=True,
            timeout=SECONDS,
            cwd=Path(__file__).parent,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "Python hangs", None
    if done.returncode < 0:
        return "Python dies of a signal", None
    if done.returncode > 0:
        return "Python refuses", None
    found = json.loads(done.stdout.splitlines()[-1])
    return ("Python refuses", None) if found["read_error"] else ("both read", found["elements"])


#: What pandas and numpy call values, not what they are; the type of awkward arrays is their form in other words.
NAMES = {"kind", "dtype", "type", "na_value", "codes_dtype", "shape"}


def values_only(value):
    """Values without the names of their types: a missing number is NaN in one type and null in another."""
    if isinstance(value, dict):
        return {key: values_only(inner) for key, inner in value.items() if key not in NAMES}
    if isinstance(value, list):
        return [values_only(inner) for inner in value]
    if value == "NaN":
        return None
    return float(value) if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53 else value


def differences(path):
    name = next(path.name.removesuffix(ending) for ending in ENDINGS if path.name.endswith(ending))
    ours = json.loads((path.parent / f"{name}.json").read_text())
    how, theirs = described(path)
    if theirs is None:
        return path, how, []
    ours, theirs = values_only(ours), values_only(theirs)
    found = [f"{key}: only Python has it" for key in theirs.keys() - ours.keys()]
    found += [f"{key}: Python does not have it" for key in ours.keys() - theirs.keys()]
    for key in theirs.keys() & ours.keys():
        found += compare_values(theirs[key], ours[key], key)
    return path, how, found


def main(folder):
    paths = sorted(path for path in Path(folder).resolve().iterdir() if path.name.endswith(ENDINGS))
    counts, different = collections.Counter(), 0
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for path, how, found in pool.map(differences, paths):
            counts[how] += 1
            different += bool(found)
            if found:
                print(f"{path.name}: {found[0]}" + (f" and {len(found) - 1} more" if len(found) > 1 else ""))
    told = ", ".join(f"{how}: {count}" for how, count in sorted(counts.items()))
    print(f"{len(paths)} inputs were read; {told}; of these {different} differ")
    return 1 if different else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
