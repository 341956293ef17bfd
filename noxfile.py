"""The sessions of this repository: Maestro's own, used on itself, and the development checks."""

from __future__ import annotations

import shutil
from pathlib import Path

import nox

from maestro_hooks.integrations import nox as maestro

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["lint", "types", "check", "tests"]

GROUPS = ["-e", ".", "--group", "dev"]
SOURCES = [
    "maestro_hooks/**/*.py", "plugins/**/*.py", "tests/**/*.py", "benchmarks/**/*.py", "*.py", "pyproject.toml",
    "**/py.typed", ".gitignore", "README.md", "LICENSE",
]  # fmt: skip

maestro.sessions(install=("-e", "."), test_install=("--group", "test"))


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
    """Rewrite the files that are copies of others."""
    shutil.copyfile("pre-commit-hooks.yaml", ".pre-commit-hooks.yaml")
    session.log("wrote .pre-commit-hooks.yaml")
