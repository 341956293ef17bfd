"""A blocked change, its card, and the step the card proposes: taking it unblocks the change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.support.user import User

if TYPE_CHECKING:
    from tests.support.git_repository import GitRepository

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "notebook"
version = "3.0"

[tool.maestro]
require = ["mutation", "reports"]
"""
RULES = """\
  - id: policy-decides-its-cases
    require: policy/cases-failed
    max: 0
  - id: policy-is-tested
    require: policy/mutation-effective
    min: 1
"""
CASES = """\
version: 1
obligations: {policy/cases-failed: 0, policy/mutation-effective: 1}
cases:
  - {name: fine, expect: pass}
"""


@pytest.mark.slow
def test_the_proposed_next_step_unblocks(repository: GitRepository) -> None:
    repository.commit(
        {
            "pyproject.toml": PYPROJECT,
            "notebook/__init__.py": "def one() -> int:\n    return 1\n",
            "tests/test_one.py": "from notebook import one\n\n\ndef test_one():\n    assert one() == 1\n",
            ".gitignore": "__pycache__/\ndist/\n",
        }
    )
    user = User(repository.root)
    user.run("maestro", "init")
    repository.commit(message="adopt maestro")

    blocked = user.json("maestro", "seal", "--check", code=1)
    card = blocked["card"]
    assert card["verdict"] == "blocked"
    step = card["next_step"]
    assert step["rules"] == ["it-builds", "tests-exist", "tests-pass", "tests-ran", "tests-start"]
    assert [action["command"] for action in card["plan"]["actions"]] == [step["command"]]

    user.run(*step["command"])
    unblocked = user.json("maestro", "seal", "--check")
    assert unblocked["ok"]
    assert unblocked["card"]["next_step"] is None

    # The card of the run is what was sealed: it replays, and equals the leaf an auditor verifies.
    leaves = next((repository.root / "dist").glob("*.ce-leaf.json"))
    replayed = user.json("maestro", "card", "replay", "--leaves", str(leaves))
    assert replayed["ok"]
    assert replayed["compared_with_leaf"]
    bundle = next((repository.root / "dist").glob("*.sigstore.json"))
    report = user.json("maestro", "verify", str(bundle))
    assert "card/decision" in {leaf["id"] for leaf in report["disclosed"]}

    # A card that was touched up afterwards does not.
    place = repository.root / ".maestro" / "card.json"
    body = json.loads(place.read_bytes())
    body["basis"]["facts"]["branch"] = "another"
    place.write_text(json.dumps(body), encoding="utf-8")
    user.run("maestro", "card", "replay", "--leaves", str(leaves), code=4)


@pytest.mark.slow
def test_the_policys_own_score_stands_in_the_manifest(repository: GitRepository) -> None:
    repository.commit(
        {
            "pyproject.toml": "[project]" + PYPROJECT.partition("[project]")[2],
            "notebook.py": "ONE = 1\n",
            "test_one.py": "def test_one():\n    assert True\n",
            "maestro-policy.yaml": "version: 1\nrules:\n" + RULES,
            "maestro-policy.cases.yaml": CASES,
        }
    )
    user = User(repository.root)
    blocked = user.json("maestro", "seal", code=1)
    assert blocked["card"]["next_step"]["command"] == ["maestro", "policy", "mutate", "--suggest"]

    # Taking the step: the suggested cases, reviewed and added, make the policy tested and the release possible.
    place = repository.root / "maestro-policy.cases.yaml"
    offered = user.json("maestro", "policy", "mutate", "--suggest", code=1)["suggested"]
    assert offered
    with place.open("a", encoding="utf-8") as stream:
        stream.write("\n".join(offered) + "\n")
    repository.commit(message="test the policy")
    sealed = user.json("maestro", "seal")
    assert sealed["ok"]
    report = user.json("maestro", "verify", sealed["bundle"], code=None)  # nothing was built that could be compared
    assert {s["step"]: s["status"] for s in report["steps"]}["required"] == "pass"
    disclosed = {leaf["id"] for leaf in report["disclosed"]}
    assert {"policy/cases-failed", "policy/mutation-effective", "card/decision"} <= disclosed


LOOKUP = """\
import sqlite3

from flask import request


def lookup():
    cursor = sqlite3.connect("notes.db").cursor()
    cursor.execute("select * from notes where name = '" + request.args["name"] + "'")
    return cursor.fetchall()
"""
NO_FLOWS = "version: 1\nrules:\n  - {id: no-flows, require: taint/flows, max: 0, why: no way from input to a query}\n"


@pytest.mark.slow
def test_a_verified_repair_is_the_next_step_and_unblocks(repository: GitRepository) -> None:
    repository.commit(
        {
            "pyproject.toml": "[project]\nname = 'notebook'\nversion = '3.0'\n",
            "notebook.py": LOOKUP,
            "maestro-policy.yaml": NO_FLOWS,
            ".gitignore": "__pycache__/\ndist/\n",
        }
    )
    user = User(repository.root)
    blocked = user.json("maestro", "seal", code=1)
    step = blocked["card"]["next_step"]
    assert (step["action"], step["risk"]) == ("apply the verified repair", "low")
    assert step["reasons"] == ["no way from input to a query"]
    assert step["rules"] == ["no-flows"]

    user.run(*step["command"])
    assert "name = ?" in (repository.root / "notebook.py").read_text(encoding="utf-8")
    repository.commit(message="bind the value")
    assert user.json("maestro", "seal")["ok"]
