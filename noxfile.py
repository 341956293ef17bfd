"""The sessions of this repository: Maestro's own, used on itself, and the development checks."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from pathlib import Path

import nox

from maestro_hooks.integrations import nox as maestro

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "check", "tests"]

GROUPS = ["-e", ".", "--group", "dev"]
SOURCES = [
    "maestro_hooks/**/*.py", "plugins/**/*.py", "tests/**/*.py", "benchmarks/**/*.py", "docs/*.py", "*.py",
    "pyproject.toml", "**/py.typed", ".gitignore", "README.md", "LICENSE",
]  # fmt: skip

MEASURED = "build/measured"
FIGURES = [
    f"coverage/total/{MEASURED}/coverage.json",
    f"flakes/rate/{MEASURED}/runs/*.xml",
    "benchmark/median_us/*",
    "policy/mutation-score",
]
RELEASE = {  # what a release claims on top of every run: measured anew, its numbers hidden, its bounds proved
    "MAESTRO_POLICY": "maestro-release.yaml",
    "MAESTRO_REPORTS__COVERAGE": f"{MEASURED}/coverage.json",
    "MAESTRO_REPORTS__REPEATED": f"{MEASURED}/runs/*.xml",
    "MAESTRO_REPORTS__BENCHMARK": f"{MEASURED}/speed.json",
    "MAESTRO_ZK__PRIVATE": ",".join(FIGURES),
}
LOG, ORIGIN = ".maestro/log", "maestro-conductor.dev/releases"

maestro.sessions(names=("check", "tests", "build", "seal"), install=("-e", "."), test_install=("--group", "test"))


@nox.session
def release(session: nox.Session) -> None:
    """Measure this project's figures, run the main job with their numbers hidden, log it, and verify what came out."""
    session.install("-e", ".[sbom,zk]", "--group", "test")
    session.run("python", "benchmarks/figures.py", MEASURED)
    session.run("maestro", "init")
    if not Path(LOG, "checkpoint").exists():
        session.run("maestro", "log", "init", LOG, "--origin", ORIGIN)
    maestro.release(session, env=RELEASE)
    session.run("maestro", "log", "verify", LOG)


@nox.session(venv_backend="maestro")
@maestro.cached(
    inputs=[*SOURCES, "**/*.md", "**/*.pyi", "**/*.ipynb"],
    allow_empty=True,
    caches=[".git", ".ruff_cache", ".import_linter_cache"],
)
def lint(session: nox.Session) -> None:
    """Style and import contracts."""
    session.install(*GROUPS)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports")


@nox.session(venv_backend="maestro")
@maestro.cached(inputs=[*SOURCES, "**/*.pyi"], allow_empty=True, caches=[".git", ".mypy_cache"])
def types(session: nox.Session) -> None:
    """Types, strictly."""
    session.install(*GROUPS)
    session.run("mypy")


@nox.session
def bench(session: nox.Session) -> None:
    """Every benchmark, each printing its ratio table."""
    session.install(*GROUPS)
    for script in sorted(Path("benchmarks").glob("*.py")):
        session.run("python", str(script))


@nox.session(venv_backend="none")
def sync(session: nox.Session) -> None:
    """Rewrite the files that are copies of others, or made from the code."""
    shutil.copyfile("pre-commit-hooks.yaml", ".pre-commit-hooks.yaml")
    session.run(sys.executable, "docs/reference.py", external=True)
    pin = hashlib.sha256(Path("maestro-policy.yaml").read_bytes()).hexdigest()
    policy = Path("maestro-release.yaml")
    policy.write_text(re.sub(r"sha256: [0-9a-f]{64}", f"sha256: {pin}", policy.read_text(), count=1))
    session.log("wrote .pre-commit-hooks.yaml and docs/reference.md, pinned maestro-policy.yaml")
