#!/usr/bin/env python3
"""From a fresh clone to a running Maestro, with nothing but Python 3.11+ and git.

    python3 bootstrap.py run     the main job on this repository, ending in a verified bundle in dist/
    python3 bootstrap.py test    the test suite
    python3 bootstrap.py env     only make the environment, .venv

Works as root or not, and beside an externally managed Python (PEP 668), because it installs into .venv only.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "maestro-stamp"
OLDEST = (3, 11)


def main(arguments: list[str]) -> int:
    """Make the environment, then run what was asked for; further arguments go to maestro or pytest."""
    verbs = {"run": ["-m", "maestro_hooks", "run"], "test": ["-m", "pytest"], "env": None}
    if not arguments or arguments[0] not in verbs:
        print(__doc__)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    if sys.version_info < OLDEST:
        print(f"bootstrap: Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {sys.version.split()[0]}")
        return 2
    if shutil.which("git") is None:
        print("bootstrap: git is needed; install it and run again")
        return 2
    testing = arguments[0] == "test"
    make_environment(groups=("dev", "engines") if testing else ("dev",))
    missing = install_engines() if testing else []
    command = verbs[arguments[0]]
    if command is None:
        print(f"bootstrap: the environment is ready: {VENV.name}")
        return 0
    path = f"{PYTHON.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    code = subprocess.run(
        [PYTHON, *command, *arguments[1:]], cwd=ROOT, env={**os.environ, "PATH": path}, check=False
    ).returncode
    for words in missing:
        print(f"bootstrap: not tested: {words}")
    return code


def make_environment(*, groups: tuple[str, ...]) -> None:
    """Create .venv and install this checkout with the dependency groups named, unless nothing changed since."""
    project = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    done = STAMP.read_text(encoding="utf-8").split() if STAMP.is_file() else []
    if done[:1] == [project] and set(groups) <= set(done[1:]):
        return
    if not PYTHON.exists():
        print(f"bootstrap: creating {VENV.name} with Python {sys.version.split()[0]}", flush=True)
        create_venv()
    print("bootstrap: installing (about a minute the first time)", flush=True)
    install: list[str | Path] = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    must([*install, "--upgrade", "pip>=25.1"])
    wanted = [part for group in groups for part in ("--group", f"{ROOT / 'pyproject.toml'}:{group}")]
    must([*install, "--editable", f"{ROOT}[all]", *wanted])
    STAMP.write_text(" ".join((project, *groups)), encoding="utf-8")


def install_engines() -> list[str]:
    """Install the engines of tests/engines.toml that are missing; return, in words, those that still are."""
    import tomllib  # noqa: PLC0415 - absent from the older Pythons this script must be able to refuse

    wanted = tomllib.loads((ROOT / "tests" / "engines.toml").read_text(encoding="utf-8"))
    packages = [p for p in wanted["debian"]["packages"] if not debian_has(p)]
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"bootstrap: installing {', '.join(packages)}", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", "-qq", *command], env=quiet, stdout=subprocess.DEVNULL, check=False)
    missing = [f"{p}: not installed (sudo apt-get install {p})" for p in packages if not debian_has(p)]
    for folder in wanted["npm"]["folders"]:
        if shutil.which("npm") is None:
            missing.append(f"{folder}: npm is not installed")
        elif outdated(ROOT / folder):
            print(f"bootstrap: npm ci in {folder}", flush=True)
            done = subprocess.run(
                ["npm", "ci", "--ignore-scripts", "--silent", "--no-audit", "--no-fund"], cwd=ROOT / folder, check=False
            )
            missing += [f"{folder}: npm ci failed"] if done.returncode else []
    return missing


def outdated(folder: Path) -> bool:
    """Whether npm installed nothing in ``folder`` yet, or did so before its lock file changed."""
    done = folder / "node_modules" / ".package-lock.json"
    return not done.is_file() or done.stat().st_mtime < (folder / "package-lock.json").stat().st_mtime


def debian_has(package: str) -> bool:
    """Whether a Debian package is installed; False where there is no dpkg."""
    if shutil.which("dpkg-query") is None:
        return False
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", package]
    return subprocess.run(query, capture_output=True, text=True, check=False).stdout == "installed"


def create_venv() -> None:
    """By ``venv``; where Debian ships Python without ensurepip, by virtualenv from the package index."""
    if subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, check=False).returncode == 0:
        return
    shutil.rmtree(VENV, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        # --target installs beside, not into, an externally managed Python.
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", scratch, "virtualenv"]
        if subprocess.run(pip, capture_output=True, check=False).returncode == 0:
            environment = {**os.environ, "PYTHONPATH": scratch}
            make = [sys.executable, "-m", "virtualenv", "--quiet", str(VENV)]
            if subprocess.run(make, env=environment, check=False).returncode == 0:
                return
    if os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get"):
        print("bootstrap: installing Debian's python3-venv", flush=True)
        must(["apt-get", "install", "--yes", "--quiet", "python3-venv"])
        must([sys.executable, "-m", "venv", str(VENV)])
        return
    raise SystemExit("bootstrap: this Python has neither venv nor pip; on Debian: sudo apt-get install python3-venv")


def must(command: list[str | Path]) -> None:
    """Run a command or stop with its name and exit code."""
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code:
        raise SystemExit(f"bootstrap: failed with exit code {code}: {' '.join(str(part) for part in command)}")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
