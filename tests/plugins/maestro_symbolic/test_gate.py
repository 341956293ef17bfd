"""The gate in a repository: the hook blocks a seeded fault with a test that replays, and lets the mended code pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("z3")

from maestro_symbolic.judging import Budget, Subject, judge
from maestro_symbolic.targets import targets_of

ROOT = Path(__file__).parents[3]
MAESTRO = Path(sys.executable).with_name("maestro")
BUDGET = (ROOT / "maestro_hooks" / "remote" / "budget.py").read_text()
FAULT = (
    "    missing = (floor + tokens) * SECOND_US - present.level",
    "    missing = tokens * SECOND_US - present.level",
)
CONFIG = """[tool.maestro.symbolic]
critical = ["budget"]
"""
HOOK = f"""repos:
  - repo: local
    hooks:
      - id: maestro-symbolic
        name: maestro symbolic
        entry: {MAESTRO} hook symbolic
        language: system
        types: [python]
        require_serial: true
"""


def run(folder: Path, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "MAESTRO_", "PYTEST"))} | more
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


def rows(folder: Path, *paths: str) -> list[dict[str, Any]]:
    done = run(folder, str(MAESTRO), "check", "--only", "symbolic", "--jsonl", *paths)
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    for command in (("init", "-q"), ("config", "user.email", "a@b.c"), ("config", "user.name", "A")):
        run(folder, "git", *command)
    (folder / "pyproject.toml").write_text(CONFIG)
    (folder / "budget.py").write_text(BUDGET)
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "start")
    return folder


@pytest.mark.slow
def test_pre_commit_blocks_a_fault_in_the_budget_guard_with_a_test_that_replays(
    repository: Path, tmp_path: Path
) -> None:
    pytest.importorskip("pre_commit")
    (repository / ".pre-commit-config.yaml").write_text(HOOK)
    home = {"PRE_COMMIT_HOME": str(tmp_path / "pre-commit")}
    run(repository, sys.executable, "-m", "pre_commit", "install", **home)
    assert FAULT[0] in BUDGET
    (repository / "budget.py").write_text(BUDGET.replace(*FAULT))
    run(repository, "git", "add", "-A")
    blocked = run(repository, "git", "commit", "-m", "reserve is not kept", **home)
    assert blocked.returncode == 1, blocked.stdout + blocked.stderr
    assert "charge: refuted" in blocked.stdout + blocked.stderr
    shown = run(repository, str(MAESTRO), "symbolic", "show", "charge")
    test = repository / "test_regression.py"
    test.write_text(shown.stdout)
    pytest_run = (sys.executable, "-m", "pytest", "-q", "-p", "no:maestro", "-p", "no:cacheprovider", test.name)
    assert run(repository, *pytest_run, PYTHONPATH=str(repository)).returncode == 1
    (repository / "budget.py").write_text(BUDGET)
    assert run(repository, *pytest_run, PYTHONPATH=str(repository)).returncode == 0
    test.unlink()
    (repository / "budget.py").write_text(BUDGET + "\n# a comment\n")
    run(repository, "git", "add", "-A")
    passed = run(repository, "git", "commit", "-m", "mended", **home)
    assert passed.returncode == 0, passed.stdout + passed.stderr


def test_every_function_has_one_row_and_a_second_run_costs_no_solver(repository: Path) -> None:
    first = {row["function"]: row for row in rows(repository) if "verdict" in row}
    assert {name: row["verdict"] for name, row in first.items()} == dict.fromkeys(
        ("full", "refill", "charge", "_wait_us"), "proven"
    )
    assert all({"file", "line", "reason", "counterexample", "cpu_s"} <= row.keys() for row in first.values())
    assert first["charge"]["cpu_s"] > 0
    # A comment moves every line and changes the file's digest, so the host asks again; the verdicts are in our cache.
    (repository / "budget.py").write_text("# moved\n" + BUDGET)
    probe = (
        "import sys; from maestro_hooks.cli import main\n"
        "try: main()\nfinally: print('z3' in sys.modules, file=sys.stderr)"
    )
    done = run(repository, sys.executable, "-c", probe, "check", "--only", "symbolic", "--jsonl")
    again = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.stderr.strip().endswith("False")
    assert [row["verdict"] for row in again] == ["proven"] * 4
    assert {row["cpu_s"] for row in again} == {0}


def test_a_critical_module_blocks_what_is_open_and_a_waiver_of_the_day_lets_it_pass(repository: Path) -> None:
    (repository / "budget.py").write_text('def f(x: complex) -> int:\n    """post: True"""\n    return 1\n')
    found = rows(repository)[0]
    assert (found["verdict"], found["level"]) == ("unsupported", "error")
    waiver = f"""
[[tool.maestro.symbolic.waivers]]
function = "budget.f"
contract = "{found["contract"]}"
reason = "complex numbers are not modelled"
owner = "a@b.c"
expires = {{day}}
"""
    for day, code in (("2999-01-01", 0), ("2001-01-01", 1)):
        (repository / "pyproject.toml").write_text(CONFIG + waiver.replace("{day}", day))
        assert run(repository, str(MAESTRO), "hook", "symbolic", "budget.py").returncode == code
    (repository / "pyproject.toml").write_text(
        CONFIG + waiver.replace("{day}", "2999-01-01").replace("budget.f", "budget.g")
    )
    done = run(repository, str(MAESTRO), "check", "--only", "symbolic")
    assert done.returncode == 1
    assert "names no checked function" in done.stdout


def test_an_ordinary_module_warns_about_what_is_open_and_blocks_what_is_refuted(repository: Path) -> None:
    (repository / "other.py").write_text('def f(x: complex) -> int:\n    """post: True"""\n    return 1\n')
    assert run(repository, str(MAESTRO), "hook", "symbolic", "other.py").returncode == 0
    (repository / "other.py").write_text('def f(x: int) -> int:\n    """post: __return__ > x"""\n    return x\n')
    done = run(repository, str(MAESTRO), "hook", "symbolic", "other.py")
    assert done.returncode == 1
    assert "f(x=" in done.stdout


def test_an_unparsable_file_and_a_critical_module_without_contracts_are_not_silent(repository: Path) -> None:
    (repository / "broken.py").write_text("def f(:\n")
    assert run(repository, str(MAESTRO), "hook", "symbolic", "broken.py").returncode == 1
    (repository / "budget.py").write_text("x = 1\n")
    done = run(repository, str(MAESTRO), "hook", "symbolic", "budget.py")
    assert done.returncode == 1
    assert "nothing was checked" in done.stdout


def test_diff_proves_a_refactoring_and_finds_what_tells_versions_apart(repository: Path) -> None:
    old = "def f(x: int) -> int:\n    return x * 2 if x > 0 else 0\n\ndef g(x: int) -> int:\n    return x // 2\n"
    new = "def f(x: int) -> int:\n    return max(0, x) + max(x, 0)\n\ndef g(x: int) -> int:\n    return -(-x // 2)\n"
    for text in (old, new):
        (repository / "lib.py").write_text(text)
        run(repository, "git", "add", "-A")
        run(repository, "git", "commit", "-qm", "next")
    done = run(repository, str(MAESTRO), "symbolic", "--json", "diff", "HEAD~1", "HEAD")
    found = {row["function"]: row for row in json.loads(done.stdout)["functions"]}
    assert found["f"]["verdict"] == "equal"
    assert found["g"]["verdict"] == "differs", found
    assert done.returncode == 1


def test_recheck_confirms_proofs_with_a_second_solver(repository: Path) -> None:
    pytest.importorskip("cvc5", reason="the second solver is an extra: symbolic-solvers")
    (repository / "budget.py").write_text(
        'def f(x: int, y: int) -> int:\n    """\n    pre: x >= 0 and y >= 0\n    post: __return__ >= x\n    """\n'
        "    return x + y\n"
    )
    rows(repository)
    done = run(repository, str(MAESTRO), "symbolic", "recheck")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "confirmed" in done.stdout


def test_our_own_critical_modules_are_proven() -> None:
    seen = 0
    for name in ("remote/budget.py", "remote/retry.py", "evidence/merkle.py"):
        place = ROOT / "maestro_hooks" / name
        targets = [t for t in targets_of(name, place.read_text()) if not t.name.endswith("delay_ms")]
        for one in judge([Subject(t, place) for t in targets], ROOT, None, Budget(10**12)):
            assert one.outcome.verdict == "proven", (one.target.name, one.outcome)
            seen += 1
    assert seen == 6


def test_verdicts_travel_through_the_projects_cache(tmp_path: Path) -> None:
    from maestro_hooks.requests import CacheEntry
    from maestro_symbolic.cache import Cache
    from maestro_symbolic.verdicts import Outcome

    class Shared:
        def __init__(self) -> None:
            self.entries: dict[str, CacheEntry] = {}

        def fetch(self, key: str) -> CacheEntry | None:
            return self.entries.get(key)

        def store(self, key: str, entry: CacheEntry) -> None:
            self.entries[key] = entry

    shared = Shared()
    key = "ab" * 32
    outcome = Outcome(verdict="proven", reason="", line=3)
    here, there, alone = (Cache(tmp_path / name, s) for name, s in (("a", shared), ("b", shared), ("c", Shared())))
    for cache in (here, there, alone):
        cache.root.mkdir()
    here.put(key, outcome)
    assert there.get(key) == outcome
    shared.entries.clear()
    assert there.get(key) == outcome  # kept here from then on
    assert alone.get(key) is None
    shared.entries["cd" * 32] = CacheEntry(metadata={}, blobs={"outcome.json": b"{"})
    assert there.get("cd" * 32) is None
