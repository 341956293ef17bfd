from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from maestro_bloom import index_file
from maestro_bloom.store import Store

if TYPE_CHECKING:
    from pathlib import Path

# Real processes that are killed, and files that cannot grow: the index stays valid, and no skip is ever wrong.

COUNT = 12
MOMENTS = 30
COMMAND = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--maestro", "--maestro-json=result.out"]


class Repository:
    """``COUNT`` sources with a test each; ``right`` says which of them return what their test asks for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.right = [True] * COUNT
        root.mkdir()
        (root / ".gitignore").write_text("__pycache__/\n*.out\n")
        (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
        for number in range(COUNT):
            self.set(number, right=True)
            test = f"import m{number}\n\n\ndef test_{number}():\n    assert m{number}.value() == 1\n"
            (root / f"test_{number}.py").write_text(test)
        for command in (["git", "init", "-q"], ["git", "add", "-A"], ["git", "commit", "-qm", "start"]):
            subprocess.run(command, cwd=root, check=True)

    def set(self, number: int, *, right: bool) -> None:
        self.right[number] = right
        (self.root / f"m{number}.py").write_text(f"def value():\n    return {1 if right else 9}\n")

    def start(self, *arguments: str, largest: int | None = None) -> subprocess.Popen[str]:
        def limit() -> None:
            if largest is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

        return subprocess.Popen(
            [*COMMAND, *arguments],
            cwd=self.root,
            text=True,
            start_new_session=True,
            preexec_fn=limit,  # noqa: PLW1509 - no thread here
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def check(self) -> None:
        """Every index there is can be read, and a run that selects skips nothing that would fail."""
        for path in Store(self.root).candidates():
            index_file.read(path).filters()
        child = self.start("--maestro-record=off")
        output = child.communicate()[0]
        result = json.loads((self.root / "result.out").read_text())
        skipped = {int(skip["nodeid"].rpartition("_")[2]) for skip in result["skips"]}
        failed = {int(t["nodeid"].rpartition("_")[2]) for t in result["tests"] if t["outcome"] == "failed"}
        wrong = {number for number, right in enumerate(self.right) if not right}
        assert failed == wrong, output
        assert not skipped & wrong, output


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["-n", "2"]], ids=["alone", "workers"])
def test_killing_at_any_moment(tmp_path: Path, flags: list[str]) -> None:
    repository = Repository(tmp_path / "project")
    begun = time.monotonic()
    repository.start(*flags).communicate()
    whole = time.monotonic() - begun
    chance = random.Random(7)  # noqa: S311 - the same moments every time
    for moment in range(MOMENTS // 2):
        repository.set(chance.randrange(COUNT), right=chance.random() < 0.5)
        before = set((repository.root / ".maestro/bloom").rglob("*"))
        child = repository.start(*flags, *(["--maestro-full"] if moment % 2 else []))
        if moment % 3:
            time.sleep(whole * chance.uniform(0.05, 1.1))
        else:  # as soon as a shard, an index or its first part stands there
            while child.poll() is None and not any(
                path.suffix not in (".cache", ".probed")
                for path in {*(Store(repository.root).directory).rglob("*")} - before
            ):
                time.sleep(0.001)
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        repository.check()


@pytest.mark.slow
@pytest.mark.parametrize("largest", [500, 3_000, 6_000, 20_000])
def test_files_that_cannot_grow(tmp_path: Path, largest: int) -> None:
    # The limit stands for a full disk; unlike one it needs no rights, and it strikes in the middle of a file.
    repository = Repository(tmp_path / "project")
    for _ in range(2):
        output = repository.start(largest=largest).communicate()[0]
        assert f"{COUNT} passed" in output or f"{COUNT} deselected" in output, output
    repository.set(3, right=False)
    child = repository.start(largest=largest)
    output = child.communicate()[0]
    # With no room for a copy of git's index either, no test is run, and that is said.
    assert "1 failed" in output or "make room for temporary files" in output
    assert child.returncode != 0
    repository.check()
