"""Bytes nobody meant as a policy: refused as a whole with their place, or read as something at least as strict."""

from __future__ import annotations

import datetime as dt
import random
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.errors import ConfigError
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.policy.cases import read_suite
from maestro_hooks.policy.document import from_exported, read_policy
from maestro_hooks.policy.evaluate import decide
from maestro_hooks.policy.facts import Facts
from maestro_hooks.policy.situation import Claim

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
SEED = (ROOT / "maestro-policy.yaml").read_bytes()
RICH = b"""version: 1
authors: {bot: ["*[bot]@users"], person: ["*@example.org"]}
max_waiver_days: 90
rules:
  - id: no-flows
    require: taint/flows/*
    exempt: [{key: taint/flows/tests/*, why: "fixtures # not shipped"}]
    max: 0
    accept: [met]
    why: |
      no way from input
      to a shell
  - {id: covered, require: coverage/lines, min: 0.80, max: 1, when: {branch: "release-*", hazard: high, author: bot}}
waivers:
  - {key: coverage/lines, owner: you@example.org, reason: "why", since: 2027-01-01, expires: 2027-02-01}
"""
TOKENS = [
    *(b"&a ", b"*a", b"!!int ", b"<<: *a", b"---\n", b"...\n", b"%YAML 1.2\n", b"? ", b"- ", b": ", b"{", b"}", b"["),
    *(b"]", b"'", b'"', b"#", b"|", b">", b"\t", b"\r\n", b"\x00", b"\xff", b"\xef\xbb\xbf", "\u2028".encode()),
    *(b"0x1", b"1e3", b".5", b"1_0", b"-0", b"+1", b"1:30", b"null", b"~", b"yes", b"on", b"9" * 30, b"-", b"="),
    *(b"severity: warn", b"allow_empty: true", b"accept: [met, waived]", b"when: {branch: x}", b"min: 1", b"max: 0"),
    *(b"require: x/y", b"id: a", b"version: 1", b"rules:", b"waivers:", b"extends:", b"expires: 2099-12-31", b"\n  "),
]


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Flip, cut, copy, or insert what matters to a YAML reader, as coverage-guided fuzzers do."""
    made = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(made) + 1)
        end = min(len(made), at + rng.randint(1, 40))
        match rng.randrange(5):
            case 0:
                made[at:end] = b""
            case 1:
                made[at:at] = rng.choice(TOKENS)
            case 2:
                made[at : at + 1] = bytes([rng.randrange(256)])
            case 3:
                made[at:at] = made[(start := rng.randrange(len(made) + 1)) : start + rng.randint(1, 60)]
            case _:
                made[at:end] = rng.choice(TOKENS)
    return bytes(made)


def located(read: Callable[[], T]) -> T | None:
    """What ``read`` returns, or ``None`` for an error that says where."""
    try:
        return read()
    except ConfigError as refused:
        error = refused
    assert error.where.startswith("fuzzed")
    assert error.what
    return None


def check_reading(data: bytes) -> bool:
    """Read ``data``; a policy that is read must export, read back alike, and let nothing through that is not there."""
    policy = located(partial(read_policy, data, where="fuzzed"))
    if policy is None:
        return False
    exported = policy.exported()
    assert from_exported(exported).exported() == exported
    nothing = decide(policy, (), facts=Facts(), today=dt.date(2027, 1, 15))
    assert nothing.met is not any(rule.severity == "block" and not rule.allow_empty for rule in policy.rules)
    errors = [Claim(key=r.require.replace("*", "x"), verdict=Verdict.ERROR, number=None).record() for r in policy.rules]
    crashed = decide(policy, errors, facts=Facts(), today=dt.date(2027, 1, 15))
    assert crashed.met is not any(rule.severity == "block" for rule in policy.rules)
    return True


@pytest.mark.parametrize("seed", [SEED, RICH], ids=["own", "rich"])
def test_mutated_policies_are_refused_or_as_strict(seed: bytes) -> None:
    rng = random.Random(20261127)  # noqa: S311 - a reproducible walk, no secret
    read = sum(check_reading(mutated(seed, rng)) for _ in range(1500))
    assert 0 < read < 1500  # both ways were walked


@pytest.mark.slow
@pytest.mark.parametrize("seed", [SEED, RICH], ids=["own", "rich"])
def test_many_mutated_policies_are_refused_or_as_strict(seed: bytes) -> None:
    rng = random.Random(7)  # noqa: S311 - a reproducible walk, no secret
    for _ in range(15_000):
        check_reading(mutated(seed, rng))


def test_mutated_cases_are_refused_with_their_place() -> None:
    rng = random.Random(11)  # noqa: S311 - a reproducible walk, no secret
    seed = (ROOT / "maestro-policy.cases.yaml").read_bytes()
    rules = [rule.id for rule in read_policy(SEED, where="p").rules]
    for _ in range(400):
        located(partial(read_suite, mutated(seed, rng), where="fuzzed", rules=rules))


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    check_reading(data)
