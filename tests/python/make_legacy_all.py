"""Write `tests/fixtures/legacy`: one file by each old anndata release, each in an environment of its own.

Needs the old Python releases named below, as ``pythonX.Y`` on the path or below ``~/.pyenv/versions``; a
release whose Python is absent is left as it is, with a line that says so. Run it with the environment of
`requirements.txt`, which then describes what it reads.

Usage: ``python make_legacy_all.py [FOLDER]`` (default: ``tests/fixtures`` of this project)
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from describe import describe_file, write_expected

HERE = Path(__file__).resolve().parent
VENVS = HERE.parent.parent / "target" / "venv"
#: anndata release: the Python it runs on, and what it has to be installed with.
RELEASES = {
    "0.5.10": ("3.6", "h5py==2.10.0 numpy==1.16.6 pandas==0.23.4 scipy==1.2.3"),
    "0.6.22": ("3.6", "h5py==2.10.0 numpy==1.19.5 pandas==0.25.3 scipy==1.5.4"),
    "0.7.0": ("3.7", "h5py==2.10.0 numpy==1.19.5 pandas==1.0.5 scipy==1.5.4"),
    "0.8.0": ("3.8", "h5py==3.7.0 numpy==1.23.5 pandas==1.4.4 scipy==1.9.3"),
    "0.10.9": ("3.10", "h5py==3.11.0 numpy==1.26.4 pandas==2.1.4 scipy==1.12.0"),
}


def find_python(version):
    found = shutil.which(f"python{version}")
    if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
        return found
    candidates = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(candidates[-1]) if candidates else None


def environment(release, python, requirements):
    """The interpreter of a virtual environment with one release, made when it is not there."""
    venv = VENVS / f"legacy-{release}"
    interpreter = venv / "bin" / "python"
    if not (venv / "complete").exists():
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([python, "-m", "venv", venv], check=True)
        subprocess.run([interpreter, "-m", "pip", "install", "-q", f"anndata=={release}", *requirements.split()], check=True)
        (venv / "complete").touch()
    return interpreter


def main(folder):
    target = folder / "legacy"
    target.mkdir(parents=True, exist_ok=True)
    for release, (version, requirements) in RELEASES.items():
        python = find_python(version)
        if python is None:
            print(f"anndata {release}: no Python {version} here, its file is left as it is")
            continue
        out = target / f"anndata-{release}.h5ad"
        interpreter = environment(release, python, requirements)
        new = out.with_suffix(".new.h5ad")
        subprocess.run([interpreter, "-W", "ignore", HERE / "make_legacy.py", new], check=True)
        keep_or_replace(out, new)
        write_expected(out, folder / "expected")


def keep_or_replace(out, new):
    """Old releases of h5py write the time of day into files; a file with the same content is left as it is."""
    if out.exists() and describe_file(out, None)["elements"] == describe_file(new, None)["elements"]:
        new.unlink()
    else:
        new.replace(out)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "fixtures")
