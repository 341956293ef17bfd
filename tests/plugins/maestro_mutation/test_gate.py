from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

import maestro_mutation
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.testing import assert_plugin_contract, check

ROOT = Path(__file__).parents[3]
POLICY = "version: 1\nrules:\n  - {id: a, require: x/y, max: 0}\n"
CASES = "version: 1\nobligations: {x/y: 0}\ncases:\n  - {name: fine, expect: pass}\n"


def claims(files: dict[str, str]) -> dict[str, Fraction]:
    found = {}
    for claim in check(maestro_mutation, files):
        quantity = claim.record.quantity
        assert quantity is not None
        found[claim.record.key] = Fraction(int(quantity.q), quantity.scale)
    return found


def test_the_plugin_keeps_the_contract() -> None:
    assert_plugin_contract(maestro_mutation)


def test_this_projects_policy_scores_what_its_release_demands() -> None:
    names = ("maestro-policy.yaml", "maestro-policy.cases.yaml")
    found = claims({name: (ROOT / name).read_text(encoding="utf-8") for name in names})
    assert found["policy/cases-failed"] == 0
    assert found["policy/mutation-score"] >= Fraction(97, 100)
    assert found["policy/mutation-effective"] == 1


def test_survivors_are_found_at_their_rule_and_failures_at_their_case() -> None:
    made = check(maestro_mutation, {"maestro-policy.yaml": POLICY, "maestro-policy.cases.yaml": CASES})
    by_key = {claim.record.key: claim for claim in made}
    survived = by_key["policy/mutation-score"].findings
    assert {(f.at.path, f.at.line, f.rule) for f in survived} == {("maestro-policy.yaml", 3, "policy-mutant-survived")}
    assert by_key["policy/mutation-score"].record.verdict is Verdict.MET
    wrong = CASES.replace("x/y: 0", "x/y: 1")
    made = check(maestro_mutation, {"maestro-policy.yaml": POLICY, "maestro-policy.cases.yaml": wrong})
    by_key = {claim.record.key: claim for claim in made}
    (failed,) = by_key["policy/cases-failed"].findings
    assert (failed.at.path, failed.at.line) == ("maestro-policy.cases.yaml", 4)
    assert by_key["policy/cases-failed"].record.verdict is Verdict.UNMET
    score = by_key["policy/mutation-score"].record.quantity
    assert score is not None
    assert score.q == "0"


@pytest.mark.parametrize("files", [{"a.py": "x = 1\n"}, {"maestro-policy.yaml": POLICY}])
def test_without_policy_or_cases_nothing_is_claimed(files: dict[str, str]) -> None:
    assert set(claims(files)) == {"mutation/gate"}


def test_a_broken_policy_fails_the_gate() -> None:
    broken = {"maestro-policy.yaml": POLICY + "    x: 1\n", "maestro-policy.cases.yaml": CASES}
    with pytest.raises(AssertionError, match="ConfigError"):
        check(maestro_mutation, broken)
