"""Cells against brute force, and the equivalence proof against situations the grid does not choose."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.policy_document import matches
from maestro_hooks.policy.cells import TooManyCellsError, cells
from maestro_hooks.policy.coherence import describes_some_key
from maestro_hooks.policy.document import read_policy
from maestro_hooks.policy.evaluate import observe, settle
from maestro_hooks.policy.facts import Facts
from maestro_hooks.policy.mutation import mutants
from maestro_hooks.policy.program import Program, compile_policy
from maestro_hooks.policy.scoring import is_equivalent
from maestro_hooks.policy.situation import Claim

patterns = st.lists(st.text("ab*", min_size=1, max_size=5), min_size=1, max_size=3).map(tuple)
SHORT = ["".join(letters) for n in range(1, 7) for letters in product("abz", repeat=n)]


@settings(derandomize=True, max_examples=120, deadline=None)
@given(patterns)
def test_every_cell_has_a_text_and_every_text_a_cell(given_patterns: tuple[str, ...]) -> None:
    made = {tuple(matches(p, text) for p in given_patterns) for text in cells(given_patterns)}
    assert made >= {tuple(matches(p, text) for p in given_patterns) for text in SHORT}
    assert len(made) == len(cells(given_patterns))
    assert "" not in cells(given_patterns)


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("taint/flows/*", "*/tests/*", True),
        ("taint/flows/*", "bandit/*", False),
        ("a/*b", "b*/a", False),
        ("a/*b", "*ab", True),
        ("*", "x/y", True),
        ("*", "x", False),  # no key
    ],
)
def test_patterns_that_meet(one: str, other: str, meet: bool) -> None:
    assert describes_some_key(one, other) is describes_some_key(other, one) is meet


def test_keys_have_the_form_of_keys() -> None:
    found = cells(("*", "a*", "*/tests/*"), keys=True)
    for key in found:
        plugin, _, metric = key.partition("/")
        assert plugin
        assert metric
        assert not metric.startswith("/")
    assert cells(("taint/flows/*",), keys=True)[0] == "taint/flows/x"


def test_too_much_is_not_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "rules: [{id: a, require: 'x/*', exempt: [{key: '*q*r*', why: w}]}]"
    original = program(text)
    kinds = {m.words: m for m in mutants(original)}
    assert is_equivalent(kinds["no longer accepts waived"], original) is False
    same = replace(kinds["*q*r* is no longer exempt"], program=original, changed=(original.checks[0],) * 2)
    reordered = replace(same, program=replace(original, authors={"nobody": ()}))
    assert is_equivalent(reordered, original)
    monkeypatch.setattr("maestro_hooks.policy.cells.MAX_STATES", 5)
    cells.cache_clear()
    with pytest.raises(TooManyCellsError):
        cells(("*q*r*", "x/*"))
    assert not is_equivalent(reordered, original)
    cells.cache_clear()


POLICIES = [
    # A condition no prefix of which is fixed: its opposite must be found, or its deletion seems equivalent.
    "rules: [{id: a, require: x/y, when: {branch: '*-release'}}]",
    # An exemption that shares no prefix with the pattern it is carved from.
    "rules: [{id: a, require: taint/flows/*, max: 0, exempt: [{key: '*/tests/*', why: fixtures}]}]",
    "rules: [{id: a, require: '*/flows/*', exempt: [{key: '*x*', why: w}, {key: 'taint/*', why: v}], accept: [met]}]",
    # A kind of author only told apart by its second pattern.
    """authors: {bot: ['*@x.org', ci@y.org], person: ['*@x.org']}
rules: [{id: a, require: x/y, when: {author: person}}]""",
    # Waivers of what only conditional rules ask for, one without a beginning.
    """rules: [{id: a, require: x/y, max: 0, when: {environment: ci, files: 'src/*'}}]
waivers: [{key: x/y, owner: o, reason: r, expires: 2026-06-01}]""",
    """rules:
  - {id: a, require: 'x/*', min: 1, max: 5, severity: warn, allow_empty: true, when: {files: '*.py'}}
  - {id: b, require: x/z, min: 0.25}
waivers:
  - {key: x/z, owner: o, reason: r, since: 2026-05-01, expires: 2026-06-01}
  - {key: x/z, owner: p, reason: r, since: 2026-05-20, expires: 2026-07-01}""",
]
keys = st.sampled_from(
    ["x/y", "x/z", "x/", "taint/flows/a.py", "taint/flows/tests/a.py", "b/flows/x", "taint/x", "q/flows/q"]
)
claims = st.builds(
    Claim,
    key=keys,
    verdict=st.sampled_from([Verdict.MET, Verdict.UNMET, Verdict.ERROR]),
    number=st.none() | st.fractions(-12, 60, max_denominator=40),
)
facts = st.builds(
    Facts,
    branch=st.sampled_from(["", "main", "1-release", "release", "-release", "x-releasex"]),
    environment=st.sampled_from(["", "ci", "local"]),
    files=st.lists(st.sampled_from(["src/a.py", "src/", "a.py", ".py", "README"]), max_size=2, unique=True).map(tuple),
    author=st.sampled_from(["", "a@x.org", "ci@y.org", "nobody"]),
)
days = st.dates(dt.date(2026, 4, 28), dt.date(2026, 7, 4)) | st.just(dt.date(1999, 1, 1))


def program(text: str) -> Program:
    return compile_policy(read_policy(f"version: 1\n{text}\n".encode(), where="p"))


@pytest.mark.parametrize("text", POLICIES)
def test_what_is_called_equivalent_never_differs(text: str) -> None:
    original = program(text)
    proved = [m for m in mutants(original) if is_equivalent(m, original)]
    assert len(proved) < sum(1 for _ in mutants(original)) / 3

    @settings(derandomize=True, max_examples=300, deadline=None)
    @given(st.lists(claims, max_size=3, unique_by=lambda c: c.key), facts, days)
    def agree(given_claims: list[Claim], given_facts: Facts, day: dt.date) -> None:
        records = [claim.record() for claim in given_claims]
        seen = observe(original, settle(original, records, day), given_facts)
        for mutant in proved:
            made = observe(mutant.program, settle(mutant.program, records, day), given_facts)
            assert made == seen, mutant.words

    agree()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (POLICIES[0], "without the condition on branch"),
        (POLICIES[1], "*/tests/* is no longer exempt"),
        (POLICIES[3], "ci@y.org is no longer of this kind"),
        (POLICIES[3], "without the condition on author"),
        (POLICIES[4], "the waiver is gone"),
        (POLICIES[4], "accepts unmet"),
        (POLICIES[4], "the condition on files is turned round"),
    ],
)
def test_what_matters_is_not_called_equivalent(text: str, words: str) -> None:
    original = program(text)
    (mutant,) = [m for m in mutants(original) if m.words == words]
    assert not is_equivalent(mutant, original)
