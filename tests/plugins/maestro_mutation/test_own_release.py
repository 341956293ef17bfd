"""This project's policy governs this project's release, and its mutation score stands in the project's manifest."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from maestro_hooks.policy.load import load_policy
from tests.support.user import User

ROOT = Path(__file__).parents[3]
# The rooms of the evidence and the policy are enough tests for the policy's floor, and end in a minute.
ROOMS = 'pytest_arguments = ["-q", "-m", "not slow", "tests/evidence", "tests/policy"]'


@pytest.fixture
def clone(tmp_path: Path) -> User:
    """A clone of this repository whose main job runs fewer tests."""
    place = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(place)], check=True)
    settings = place / "pyproject.toml"
    head, mark, rest = settings.read_text(encoding="utf-8").partition("[tool.maestro.run]")
    assert mark
    settings.write_text(f"{head}{mark}\n{ROOMS}\n{rest[rest.index('[tool.') :]}", encoding="utf-8")
    subprocess.run(["git", "commit", "--quiet", "-am", "run fewer tests"], cwd=place, check=True)
    return User(place)


@pytest.mark.slow
def test_the_release_of_this_project_is_sealed_by_its_own_policy_and_carries_its_score(clone: User) -> None:
    made = clone.json("maestro", "run")
    policy = load_policy(ROOT, "maestro-policy.yaml")
    assert made["card"]["verdict"] == "sealed"
    assert {result["rule"] for result in made["card"]["results"]} >= {rule.id for rule in policy.rules}

    (bundle,) = (clone.root / "dist").glob("*.sigstore.json")
    artifacts = [str(p) for p in (clone.root / "dist").iterdir() if p.suffix in (".whl", ".gz")]
    report = clone.json("maestro", "verify", str(bundle), *(word for a in artifacts for word in ("--artifact", a)))
    assert report["verdict"] == "pass"
    assert {"policy/mutation-score", "policy/mutation-effective"} <= {leaf["id"] for leaf in report["disclosed"]}
    (document,) = (clone.root / "dist").glob("*.decision.json")
    decision = json.loads(document.read_bytes())
    claims = {claim["key"]: claim for claim in decision["basis"]["claims"]}
    score = claims["policy/mutation-score"]
    assert int(score["q"]) >= 0.97 * score["scale"]
    assert int(claims["policy/mutation-effective"]["q"]) == claims["policy/mutation-effective"]["scale"]
    exported = json.dumps(decision["basis"]["policy"], ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    assert hashlib.sha256(exported.encode()).hexdigest() == hashlib.sha256(policy.exported()).hexdigest()

    # A policy whose cases miss one of its bounds does not release: the score is demanded of the policy itself.
    cases = clone.root / "maestro-policy.cases.yaml"
    kept = cases.read_text(encoding="utf-8").replace("pytest/collected: 499}", "pytest/collected: 9}")
    cases.write_text(kept, encoding="utf-8")
    subprocess.run(["git", "commit", "--quiet", "-am", "test less"], cwd=clone.root, check=True)
    blocked = clone.json("maestro", "seal", "--check", code=1)
    rules = {rule for action in blocked["card"]["plan"]["actions"] for rule in action["rules"]}
    assert "policy-is-tested-throughout" in rules
    commands = [action["command"] for action in blocked["card"]["plan"]["actions"]]
    assert ["maestro", "policy", "mutate", "--suggest"] in commands
