"""Real reports made by the real tools, once per session, and a request builder."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.requests import CheckRequest, SourceFile

if TYPE_CHECKING:
    from maestro_reports.settings import ReportsSettings

TESTS = """
import pytest
from calc import sign

def test_positive(): assert sign(3) == 1
def test_wrong(): assert sign(3) == 2, "a wrong expectation"
@pytest.mark.skip(reason="not today")
def test_skipped(): pass
@pytest.fixture
def broken(): raise RuntimeError("no fixture")
def test_error(broken): pass
"""
CODE = """
def sign(x):
    if x < 0:
        return -1
    return 1
"""

Write = Callable[[Mapping[str, str | bytes]], Path]
Ask = Callable[..., CheckRequest]


def tool(directory: Path, *arguments: str) -> None:
    # The outer run's pytest options and coverage measurement must not reach the inner one.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "COV_", "COVERAGE"))}
    environment = {**kept, "COVERAGE_FILE": str(directory / ".coverage")}
    subprocess.run([sys.executable, "-m", *arguments], cwd=directory, env=environment, check=False, capture_output=True)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("made")
    (directory / "test_calc.py").write_text(TESTS)
    (directory / "calc.py").write_text(CODE)
    pytest_run = ["-m", "pytest", "-q", "-p", "no:maestro", "-p", "no:cacheprovider", "--junit-xml=junit.xml"]
    tool(directory, "coverage", "run", "--rcfile=/dev/null", "--branch", "--source=.", *pytest_run)
    tool(directory, "coverage", "json", "--rcfile=/dev/null", "-q", "-o", "coverage.json")
    tool(directory, "coverage", "json", "--rcfile=/dev/null", "-q", "-o", "calc.json", "--include=calc.py")
    tool(directory, "ruff", "check", "--isolated", "--select=ANN", "--output-format=sarif", "-o", "ruff.sarif", ".")
    return directory


BENCHMARK = {
    "machine_info": {},
    "benchmarks": [
        {"fullname": "b.py::test_sum", "stats": {"median": 6.31200009593158e-07, "rounds": 62732}},
        {"fullname": "b.py::test_slow", "stats": {"median": 2, "rounds": 5}},
    ],
    "version": "5.3.1",
}
BOM = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "components": [{"type": "library", "name": "a", "components": [{"type": "file", "name": "b"}]}],
    "vulnerabilities": [{"id": "CVE-1", "ratings": [{"severity": "low"}, {"severity": "high"}]}, {"id": "CVE-2"}],
}


@pytest.fixture(scope="session")
def samples(made: Path) -> dict[str, bytes]:
    """A valid report of each format, by settings table."""
    return {
        "junit": (made / "junit.xml").read_bytes(),
        "coverage": (made / "coverage.json").read_bytes(),
        "sarif": (made / "ruff.sarif").read_bytes(),
        "benchmark": json.dumps(BENCHMARK).encode(),
        "sbom": json.dumps(BOM).encode(),
    }


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def _write(files: Mapping[str, str | bytes]) -> Path:
        for name, content in files.items():
            place = tmp_path / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)
        return tmp_path

    return _write


@pytest.fixture
def ask() -> Ask:
    def _ask(root: Path, settings: ReportsSettings | None = None, *, whole: bool = True) -> CheckRequest:
        places = sorted(p for p in root.rglob("*") if p.is_file())
        files = tuple(
            SourceFile(p.relative_to(root).as_posix(), p, hashlib.sha256(p.read_bytes()).hexdigest()) for p in places
        )
        return CheckRequest(root=root, files=files, settings=settings, whole=whole)

    return _ask
