"""A toy project hides numbers: sealed by the main job, verified by a second process, attacked by its own signer."""

from __future__ import annotations

import datetime as dt
import json
import re
import shutil
import stat
from typing import TYPE_CHECKING, Any

import pytest

from maestro_hooks.evidence import canonical
from maestro_hooks.evidence.bundle import parse_bundle, sign_bundle
from maestro_hooks.evidence.disclosure import parse_disclosures
from maestro_hooks.policy.load import load_policy
from maestro_hooks.sealing.signers import find_signer
from tests.support.user import User

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.git_repository import GitRepository

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "toy"
version = "1.0"

[tool.maestro.reports]
coverage = ["coverage.json"]
benchmark = ["bench.json"]
benchmark_max_us = { "sort" = "5000" }

[tool.maestro.zk]
private = ["coverage/total/coverage.json", "coverage/lines/coverage.json", "benchmark/median_us/*"]
"""
POLICY = """\
version: 1
rules:
  - {id: tests, require: pytest/failed, max: 0}
  - {id: coverage, require: coverage/total/coverage.json, min: 0.75}
  - {id: speed, require: "benchmark/median_us/*"}
"""
COVERAGE = {
    "meta": {"version": "7.6", "branch_coverage": False},
    "files": {
        "toy.py": {
            "executed_lines": list(range(1, 8148)),
            "missing_lines": list(range(8148, 10001)),
            "summary": {"covered_lines": 8147, "num_statements": 10000, "missing_lines": 1853},
        }
    },
    "totals": {"covered_lines": 8147, "num_statements": 10000, "missing_lines": 1853},
}
BENCHMARK = {
    "version": "5.1",
    "benchmarks": [{"name": "sort", "fullname": "sort", "stats": {"median": 0.001953617, "rounds": 5}}],
}


@pytest.fixture
def user(repository: GitRepository) -> User:
    repository.commit(
        {
            "pyproject.toml": PYPROJECT,
            "toy/__init__.py": "def one() -> int:\n    return 1\n",
            "tests/test_toy.py": "def test_one() -> None:\n    assert 1 == 1\n",
            "coverage.json": json.dumps(COVERAGE),
            "bench.json": json.dumps(BENCHMARK),
            ".gitignore": "__pycache__/\ndist/\n",
        }
    )
    made = User(repository.root)
    made.run("maestro", "init")
    (repository.root / "maestro-policy.yaml").write_text(POLICY, encoding="utf-8")
    repository.commit(message="adopt maestro")
    return made


def sealed(user: User) -> tuple[Path, dict[str, Any]]:
    done = user.json("maestro", "run", code=None)
    assert done["ok"], done
    (bundle,) = (user.root / "dist").glob("*.sigstore.json")
    return bundle, user.json("maestro", "verify", str(bundle), code=None)


def step(report: dict[str, Any], name: str) -> dict[str, str]:
    found: dict[str, str] = next(s for s in report["steps"] if s["step"] == name)
    return found


def resigned(user: User, bundle: Path, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """The verdict on a manifest that its own signer changed and signed again."""
    honest = bundle.read_bytes()
    statement = json.loads(parse_bundle(honest).envelope.payload)
    change(statement["predicate"])
    policy = load_policy(user.root, "maestro-policy.yaml")
    signer = find_signer(user.root, now=dt.datetime.now(dt.UTC), env={}, policy=policy)
    bundle.write_bytes(sign_bundle(canonical.encode(statement), signer.key))
    report = user.json("maestro", "verify", str(bundle), code=None)
    bundle.write_bytes(honest)
    return report


def assert_no_digit_is_told(user: User, bundle: Path) -> None:
    """No file of the release, no form of the card, no export."""
    told = {place.name: place.read_bytes().decode("utf-8", "replace") for place in bundle.parent.glob("*.json")}
    told |= {form: user.run("maestro", "card", form) for form in ("--markdown", "--html", "--json")}
    told |= {
        "card": user.run("maestro", "card"),
        "payload": parse_bundle(bundle.read_bytes()).envelope.payload.decode(),
    }
    told |= {"export": user.run("maestro", "ledger", "export")}
    leaves = parse_disclosures(bundle.with_name("toy-1.0.ce-leaf.json").read_bytes())
    told |= {f"leaf {n}": d.leaf.decode() for n, d in enumerate(leaves)}
    assert len(told) > 12
    assert {name for name, text in told.items() if re.search(r"8147|81[.,]47|1953617|1\.953", text)} == set()


@pytest.mark.slow
def test_private_numbers_from_run_to_audit(user: User, tmp_path: Path) -> None:
    bundle, report = sealed(user)
    assert (report["verdict"], step(report, "zk")["status"]) == ("pass", "pass")
    assert "the value the signer committed to meets the bound" in step(report, "zk")["detail"]
    stated = {(s["id"], s["op"], s["threshold"]) for s in report["statements"]}
    assert stated == {("coverage/total/coverage.json", ">=", "7500"), ("benchmark/median_us/sort", "<=", "5000000")}
    disclosed = bundle.with_name("toy-1.0.ce-leaf.json")
    shown = json.dumps(report) + bundle.read_text() + disclosed.read_text()
    assert '"q": "8147"' not in shown
    (openings,) = (user.root / ".maestro" / "zk").glob("*.openings.json")
    assert stat.S_IMODE(openings.stat().st_mode) == 0o600
    assert {o["id"]: o["q"] for o in json.loads(openings.read_text())["openings"]}[
        "coverage/total/coverage.json"
    ] == "8147"

    assert_no_digit_is_told(user, bundle)

    # A signer who edits the threshold, or swaps two commitments, fails at zk although the signature is good.
    def lower(predicate: dict[str, Any]) -> None:
        predicate["zk"]["statements"][1]["threshold"] = "7000"

    def swap(predicate: dict[str, Any]) -> None:
        one, other = predicate["zk"]["statements"]
        one["commit"], other["commit"] = other["commit"], one["commit"]

    for change in (lower, swap):
        report = resigned(user, bundle, change)
        assert step(report, "signature")["status"] == "pass"
        assert (step(report, "zk")["status"], report["verdict"]) == ("fail", "fail")

    # Further bounds, and the number itself, for an auditor who has only the files.
    auditor = User(tmp_path / "auditor")
    shutil.copytree(user.root / "dist", auditor.root)
    key = "coverage/total/coverage.json"
    user.run("maestro", "zk", "prove", f"{key}>=0.79", f"{key}<=0.82", "-o", str(auditor.root / "more.json"))
    user.run("maestro", "zk", "open", key, "-o", str(auditor.root / "opening.json"))
    audit = ("maestro", "zk", "verify", bundle.name)
    seen = auditor.json(*audit, "--proof", "more.json", "--opening", "opening.json")
    assert seen["verdict"] == "pass"
    details = " ".join(s["detail"] for s in seen["steps"])
    assert f"{key} >= 79/100" in details
    assert f"the signer committed to {key} = 8147/10000" in details

    # A claim that is not true cannot be proved; a file that was edited does not pass.
    assert "does not meet the bound" in user.run("maestro", "zk", "prove", f"{key}>=0.82", code=1)
    more = (auditor.root / "more.json").read_text()
    (auditor.root / "more.json").write_text(more.replace("7900", "7950"))
    assert auditor.json(*audit, "--proof", "more.json", code=4)["first_failure"] == "proof more.json"
    opening = (auditor.root / "opening.json").read_text()
    (auditor.root / "opening.json").write_text(opening.replace("8147", "9147"))
    assert auditor.json(*audit, "--opening", "opening.json", code=4)["first_failure"] == "opening opening.json"
    (auditor.root / "toy-1.0.ce-leaf.json").unlink()
    assert auditor.json(*audit, code=3)["first_failure"] == "zk"

    # What is asked wrongly is said.
    for words, claim in (
        ("is no claim", "coverage"),
        ("hides no number", "pytest/failed<=0"),
        ("was sealed", "x/y>=1"),
    ):
        assert words in user.run("maestro", "zk", "prove", claim, code=2)
    assert "no multiple" in user.run("maestro", "zk", "prove", f"{key}>=0.79999", code=2)
    assert "no obligation" in user.run("maestro", "zk", "open", "x/y", code=2)
    assert "cannot read" in auditor.run("maestro", "zk", "verify", "absent.sigstore.json", code=2)

    # A name in the settings that hides nothing stops the seal: the number would be published.
    place = user.root / "pyproject.toml"
    place.write_text(place.read_text(encoding="utf-8").replace("coverage/lines/", "coverage/line/"), encoding="utf-8")
    assert "no obligation coverage/line/coverage.json" in user.run("maestro", "run", code=3)
