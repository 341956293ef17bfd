from __future__ import annotations

import fnmatch
import hashlib
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical
from maestro_hooks.evidence.policy_document import matches, parse_policy
from tests.evidence.shipment import NOW, policy_bytes


def rule(**changes: object) -> dict[str, object]:
    return {"id": "r", "require": "a/b", "severity": "block"} | changes


def waiver(**changes: object) -> dict[str, object]:
    return {"key": "a/b", "owner": "o", "reason": "r", "expires": "2026-03-01"} | changes


@settings(derandomize=True, max_examples=500)
@given(st.text("ab*", max_size=8), st.text("ab", max_size=12))
def test_stars_match_as_shell_stars_do(pattern: str, text: str) -> None:
    assert matches(pattern, text) == fnmatch.fnmatchcase(text, pattern)


def test_everything_but_the_star_stands_for_itself() -> None:
    assert matches("a/[b]?", "a/[b]?")
    assert not matches("a/[b]?", "a/bx")
    assert matches("taint/*", "taint/flows/src/x.py")
    assert not matches("*" * 200 + "y", "x" * 256)


def test_a_policy_parses() -> None:
    data = policy_bytes([rule(min="-5", max="7", scale=10, accept=["pass", "warn"]), rule(id="w", severity="warn")])
    policy = parse_policy(data)
    assert policy.sha256 == hashlib.sha256(data).hexdigest()
    first = policy.rules[0]
    assert (first.low, first.high, first.accept) == (Fraction(-1, 2), Fraction(7, 10), ("pass", "warn"))
    assert policy.rules[1].accept == ("pass",)
    assert policy.blocking("a/b") == [first]
    assert policy.blocking("a/c") == []


def test_a_waiver_ends_with_its_day_or_at_its_moment() -> None:
    policy = parse_policy(policy_bytes([], [waiver()]))
    assert policy.waived("a/b", now=NOW)
    assert policy.waived("a/b", now=datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC))
    assert not policy.waived("a/b", now=datetime(2026, 3, 2, tzinfo=UTC))
    assert not policy.waived("a/c", now=NOW)
    exact = parse_policy(policy_bytes([], [waiver(expires="2026-03-01T11:59:59Z")]))
    assert not exact.waived("a/b", now=NOW)


BAD: dict[str, Any] = {
    "unknown schema": {"schema": "maestro.policy/2", "rules": [], "waivers": []},
    "unknown member": {"schema": "maestro.policy/1", "rules": [], "waivers": [], "x": 1},
    "no waivers": {"schema": "maestro.policy/1", "rules": []},
    "rules no array": {"schema": "maestro.policy/1", "rules": {}, "waivers": []},
}
BAD_RULES = [
    rule(extra=1),
    rule(severity="note"),
    rule(accept=["fail"]),
    rule(accept="pass"),
    rule(min=5),
    rule(min="0.5"),
    rule(scale=0),
    rule(scale="10"),
    rule(when="always"),
    rule(require=None),
    {"id": "r", "severity": "block"},
]
BAD_WAIVERS = [waiver(expires="soon"), waiver(expires="2026-02-30"), waiver(owner=None), waiver(extra=1)]


@pytest.mark.parametrize("document", BAD.values(), ids=BAD)
def test_a_bad_policy_is_refused(document: object) -> None:
    with pytest.raises(EvidenceError):
        parse_policy(canonical.encode(document))


@pytest.mark.parametrize("bad", BAD_RULES)
def test_a_bad_rule_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(EvidenceError):
        parse_policy(policy_bytes([bad]))


@pytest.mark.parametrize("bad", BAD_WAIVERS)
def test_a_bad_waiver_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(EvidenceError):
        parse_policy(policy_bytes([], [bad]))


def test_two_rules_of_one_id_or_another_layout_are_refused() -> None:
    with pytest.raises(EvidenceError, match="one id"):
        parse_policy(policy_bytes([rule(), rule()]))
    with pytest.raises(EvidenceError, match="canonical"):
        parse_policy(policy_bytes() + b"\n")
