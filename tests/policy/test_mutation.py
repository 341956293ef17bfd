from __future__ import annotations

import datetime as dt
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from maestro_hooks.errors import ConfigError
from maestro_hooks.policy.cases import cases_name, read_suite
from maestro_hooks.policy.document import read_policy
from maestro_hooks.policy.load import load_policy
from maestro_hooks.policy.mutation import Mutant, mutants
from maestro_hooks.policy.program import Bound, Program, Window, compile_policy
from maestro_hooks.policy.scoring import distinguishing, report, score
from maestro_hooks.policy.suggesting import suggestions

ROOT = Path(__file__).parents[2]

RICH = """\
version: 1
authors: {bot: ["*bot*"], person: ["*@example.org"]}
rules:
  - {id: ratio, require: c/lines, min: 0.8, max: 0.95}
  - {id: flows, require: "t/*", max: 0, exempt: [{key: "t/x*", why: tests}], accept: [met]}
  - {id: watched, require: r/second, when: {branch: "rel-*", author: bot}}
  - {id: hot, require: r/third, when: {environment: ci, hazard: high, files: "s/*"}}
  - {id: maybe, require: "m/*", allow_empty: true, severity: warn}
waivers:
  - {key: c/lines, owner: o, reason: r, since: 2026-01-10, expires: 2026-02-10}
"""
CASES = """\
version: 1
facts: {branch: rel-1, environment: ci, author: robot@bot, hazard: high, files: [s/a]}
today: 2026-05-01
obligations: {c/lines: 0.9, t/flows: 0, r/second: true, r/third: true, m/x: 1}
cases:
  - {name: nothing wrong, expect: pass}
"""


def program(text: str = RICH) -> Program:
    return compile_policy(read_policy(text.encode(), where="p"))


def ids(of: Program) -> list[str]:
    return [check.id for check in of.checks]


def test_this_projects_policy_is_tested_as_its_release_demands() -> None:
    policy = load_policy(ROOT, "maestro-policy.yaml")
    name = cases_name("maestro-policy.yaml")
    compiled = compile_policy(policy)
    suite = read_suite((ROOT / name).read_bytes(), where=name, rules=ids(compiled))
    result = score(compiled, suite.cases)
    assert result.failed == ()
    assert result.survived == ()
    assert result.raw >= Fraction(97, 100)
    assert result.effective == 1


def test_every_operator_of_the_list_is_there() -> None:
    found = {m.operator for m in mutants(program())}
    assert found == {
        "relation",
        "epsilon",
        "ten-percent",
        "unit",
        "clause-deletion",
        "rule-deletion",
        "negation",
        "and-or",
        "set-member",
        "effect",
        "default",
        "missing-field",
        "order",
    }


def test_each_mutant_differs_in_one_place_and_no_two_are_equal() -> None:
    original = program()
    seen = set()
    for mutant in mutants(original):
        made = mutant.program
        assert made != original
        seen.add(repr(made))
        if mutant.changed:
            before, after = mutant.changed
            assert made.checks == tuple(after if c == before else c for c in original.checks)
    assert len(seen) == sum(1 for _ in mutants(original))


def test_constants_change_by_a_unit_of_their_precision_by_a_tenth_and_by_units() -> None:
    limits = {
        b.limit
        for m in mutants(program("version: 1\nrules: [{id: a, require: x/y, max: 0.95}]\n"))
        if m.changed
        for b in m.changed[1].bounds
    }
    assert limits >= {Fraction(96, 100), Fraction(94, 100), Fraction(95), Fraction(1, 100), Fraction(950)}
    tenths = {Fraction(95, 100) + s * round(Fraction(95, 1000) * 100) / Fraction(100) for s in (1, -1)}
    assert limits >= tenths


def test_suggested_cases_kill_every_mutant_that_is_not_equivalent() -> None:
    compiled = program()
    suite = read_suite(CASES.encode(), where="c", rules=ids(compiled))
    first = score(compiled, suite.cases)
    assert first.survived
    offered = list(suggestions(first, compiled, suite))
    assert not [text for text in offered if text.startswith("#")], offered
    full = read_suite((CASES + "\n".join(offered) + "\n").encode(), where="c", rules=ids(compiled))
    second = score(compiled, full.cases)
    assert second.failed == ()
    assert second.survived == ()
    assert second.effective == 1
    # The order of rules never matters, and 'branch' is known wherever the mutant could differ no more than that.
    assert "order" in {m.operator for m in second.equivalent}


def test_equivalence_is_proved_not_assumed() -> None:
    compiled = program("version: 1\nrules: [{id: a, require: x/y, max: 3}]\n")
    (check,) = compiled.checks
    same = replace(check, bounds=(Bound("<=", Fraction(3)), Bound("<=", Fraction(4))))
    other = replace(check, bounds=(Bound("<", Fraction(3)),))
    for changed, differs in ((same, False), (other, True)):
        mutant = Mutant(
            operator="x", rule="a", words="", program=replace(compiled, checks=(changed,)), changed=(check, changed)
        )
        assert (distinguishing(mutant, compiled) is not None) is differs


def test_waiver_days_are_part_of_the_grid() -> None:
    compiled = program()
    (window,) = compiled.waivers
    longer = replace(compiled, waivers=(Window(window.key, window.since, window.until + dt.timedelta(days=1)),))
    mutant = Mutant(operator="epsilon", rule="waiver c/lines", words="", program=longer)
    point = distinguishing(mutant, compiled)
    assert point is not None
    assert point.today == dt.date(2026, 2, 11)


def test_a_failing_case_makes_the_score_void() -> None:
    compiled = program()
    wrong = CASES.replace("expect: pass}", "expect: block, by: [ratio]}")
    result = score(compiled, read_suite(wrong.encode(), where="c", rules=ids(compiled)).cases)
    assert [f.name for f in result.failed] == ["nothing wrong"]
    assert result.raw == result.effective == 0
    assert report(result)["ok"] is False


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        (CASES.replace("expect: pass", "expect: block"), "names the rules under 'by'", "line 6"),
        (CASES.replace("expect: pass", "expect: block, by: [nobody]"), "no rule 'nobody'", "line 6"),
        (CASES.replace("expect: pass", "expects: pass"), "unknown field `expects`", "line 6"),
        (CASES.replace("c/lines: 0.9", "lines: 0.9"), "plugin/metric", "line 4, column 15"),
        (
            CASES.replace("c/lines: 0.9", "c/lines: {value: 1, verdict: waived}"),
            "met, unmet or error",
            "line 4, column 15",
        ),
        (CASES.replace("c/lines: 0.9", "c/lines: {worth: 1}"), "unknown field 'worth'", "line 4, column 15"),
        (CASES.replace("c/lines: 0.9", "c/lines: [1]"), "a value is a number", "line 4, column 15"),
        (CASES.replace("today: 2026-05-01", "today: soon"), "YYYY-MM-DD", "line 6"),
        (CASES + "  - {name: nothing wrong, expect: pass}\n", "case names must be unique", "line 7, column 6"),
        (CASES.partition("cases:")[0] + "cases: []\n", "length >= 1", "line 5"),
    ],
)
def test_bad_cases_are_refused_with_their_place(text: str, words: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_suite(text.encode(), where="c.yaml", rules=["ratio"])
    assert words in caught.value.what
    assert place in caught.value.where
