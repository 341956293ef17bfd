"""A git repository to run pytest in, plugins to install there, and a reader of what was recorded."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from maestro_hooks.discovery import find_plugins

# pytester forgets modules first imported in an inner session; loaded here, they are the same in every test.
from maestro_hooks.evidence import segment_reader  # noqa: F401 - see above
from maestro_hooks.integrations import pytest_session  # noqa: F401 - see above

if TYPE_CHECKING:
    from pathlib import Path

# Hypothesis's plugin imports the library at the end of each inner session.
QUICK = ("-p", "no:hypothesispytest")


@dataclass(frozen=True)
class Project:
    """A repository with committed files; ``records`` reads the ledger with nothing but ``json``."""

    pytester: pytest.Pytester
    site: Path

    @property
    def root(self) -> Path:
        return self.pytester.path

    def write(self, **modules: str) -> None:
        for name, text in modules.items():
            (self.root / f"{name}.py").write_text(textwrap.dedent(text), encoding="utf-8")

    def commit(self) -> None:
        author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        for arguments in (("init", "-q"), ("add", "-A"), (*author, "commit", "-q", "--allow-empty", "-m", "x")):
            subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True)

    def plugin(self, name: str, text: str) -> None:
        """Install a Maestro plugin the way a third party's is: a module and its distribution's metadata."""
        module = f"fake_{name}"
        head = "from maestro_hooks import FileSkip, RunAll, Skip, hookimpl\nMAESTRO_API = 1\n"
        (self.site / f"{module}.py").write_text(head + textwrap.dedent(text), encoding="utf-8")
        metadata = self.site / f"{module}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
        (metadata / "entry_points.txt").write_text(f"[maestro]\n{name} = {module}\n", encoding="utf-8")

    def idle(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess(*QUICK, *arguments)

    def run(self, *arguments: str) -> pytest.RunResult:
        return self.idle("--maestro", *arguments)

    def run_apart(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_subprocess("--maestro", *QUICK, *arguments, timeout=60)

    def segments(self) -> list[list[dict[str, Any]]]:
        files = sorted((self.root / ".maestro" / "ledger").glob("*/*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
        return [[json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] for file in files]

    def records(self) -> dict[str, dict[str, Any]]:
        """Record bodies of the only segment by key."""
        (segment,) = self.segments()
        return {line["b"]["key"]: line["b"] for line in segment if "b" in line}

    def inputs(self) -> dict[str, Any]:
        (segment,) = self.segments()
        (document,) = [line["i"] for line in segment if "i" in line]
        return dict(document)

    def counts(self) -> dict[str, int]:
        return {key.removeprefix("pytest/"): int(body["quantity"]["q"]) for key, body in self.records().items()}

    def unmet(self) -> set[str]:
        return {key.removeprefix("pytest/") for key, body in self.records().items() if body["verdict"] != "met"}

    def blob(self, key: str) -> Any:
        (evidence,) = self.records()[key]["evidence"]
        digest = evidence["sha256"]
        return json.loads((self.root / ".maestro/blobs/sha256" / digest[:2] / digest[2:]).read_bytes())


@pytest.fixture
def project(
    pytester: pytest.Pytester, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Project:
    """A project whose host loads only the plugins the test installs."""
    site = tmp_path_factory.mktemp("site")
    for variable in [name for name in os.environ if name.startswith(("MAESTRO_", "PYTEST_XDIST", "GIT_"))]:
        monkeypatch.delenv(variable)
    installed = ",".join(found.name for found in find_plugins())
    monkeypatch.setenv("MAESTRO_DISABLE", installed)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.syspath_prepend(site)
    (pytester.path / ".gitignore").write_text(
        "__pycache__\n*.xml\n*.json\nrunpytest-*\nstdout\nstderr\n", encoding="utf-8"
    )
    return Project(pytester, site)
