"""The CEL text against a CEL implementation that is not ours, on random policies and obligations."""

from __future__ import annotations

import datetime as dt
import importlib
import os
from fractions import Fraction
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.evidence.leaf_writer import VERDICT_OF
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.record import Producer, Quantity, Record
from maestro_hooks.policy.cel import admission_policy, expression
from maestro_hooks.policy.document import read_policy
from maestro_hooks.policy.evaluate import observe, settle
from maestro_hooks.policy.facts import Facts
from maestro_hooks.policy.program import Bound, Check, Program, Window

try:
    import celpy
    from celpy.adapter import json_to_cel
    from celpy.evaluation import CELEvalError
except ImportError:  # pragma: no cover - the test group installs it
    if os.environ.get("CI"):
        raise
    pytest.skip("cel-python is not installed", allow_module_level=True)

try:  # a second implementation, in Rust
    rust_cel: Any = importlib.import_module("cel")
except ImportError:
    rust_cel = None

ENVIRONMENT = celpy.Environment()  # raises the recursion limit, which must not happen inside a property test
TODAY = dt.date(2026, 11, 22)
KEYS = ("taint/flows/a.py", "taint/flows/t/a.py", "taint/flows/t/(x)", "pytest/failed", 'od"d/\\key\n')

limits = st.fractions(-3, 3, max_denominator=7)
bounds = st.lists(st.builds(Bound, st.sampled_from([">=", "<="]), limits), max_size=2).map(tuple)
checks = st.builds(
    Check,
    id=st.just("r"),
    require=st.sampled_from([*KEYS, "taint/flows/*", "taint/*/a.py", "*", "*(x)"]),
    bounds=bounds,
    accept=st.sampled_from([frozenset({Verdict.MET}), frozenset({Verdict.MET, Verdict.WAIVED})]),
)


@st.composite
def shaped(draw: st.DrawFn) -> Check:
    from dataclasses import replace

    check = draw(checks)
    if not check.is_pattern:
        return check
    exempt = draw(st.sampled_from([(), ("taint/flows/t/*",), ("pytest/failed", "*/a.py")]))
    return replace(check, exempt=exempt, allow_empty=draw(st.booleans()))


records = st.builds(
    Record,
    key=st.sampled_from(KEYS),
    verdict=st.sampled_from([Verdict.MET, Verdict.UNMET, Verdict.WAIVED, Verdict.ERROR]),
    producer=st.just(Producer("x", "1", "h")),
    inputs=st.just(""),
    quantity=st.none()
    | st.builds(Quantity, scale=st.sampled_from([1, 10]), round=st.just("exact"), q=st.integers(-40, 40).map(str)),
)


def admitted(claims: dict[str, Record]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, record in claims.items():
        made[key] = {"verdict": VERDICT_OF[record.verdict]}
        if record.quantity is not None:
            made[key] |= {"q": int(record.quantity.q), "scale": record.quantity.scale}
    return made


@settings(derandomize=True, max_examples=60, deadline=None)
@given(shaped(), st.lists(records, max_size=4, unique_by=lambda r: r.key))
def test_cel_decides_as_the_policy_does(check: Check, given_records: list[Record]) -> None:
    windows = tuple(Window(key, TODAY, TODAY) for key in KEYS)
    # A waived record stays waived only under a waiver; an unmet one must not become waived by it.
    waived = tuple(w for w in windows if any(r.key == w.key and r.verdict is Verdict.WAIVED for r in given_records))
    program = Program((check,), waived)
    settled = settle(program, given_records, TODAY)
    met = not observe(program, settled, Facts()).blocks
    text, claims = expression(check, "o"), admitted(settled)
    runner = ENVIRONMENT.program(ENVIRONMENT.compile(text))
    assert bool(runner.evaluate({"o": json_to_cel(claims)})) is met
    if rust_cel is not None:
        assert rust_cel.evaluate(text, {"o": claims}) is met


def test_a_second_implementation_was_asked_where_it_is_installed() -> None:
    if rust_cel is None:
        pytest.skip("common-expression-language is not installed")
    check = Check(id="r", require="x/y", bounds=(Bound("<=", Fraction(1, 3)),))
    for q, met in ((3, True), (4, False)):
        claims = {"x/y": {"verdict": "pass", "q": q, "scale": 10}}
        assert rust_cel.evaluate(expression(check, "o"), {"o": claims}) is met


def test_the_manifest_has_the_shape_kubernetes_asks_for() -> None:
    validator = pytest.importorskip("kubernetes_validate", reason="install the group 'engines'")
    text = "version: 1\nrules: [{id: b, require: x/y, why: w}, {id: a, require: 'z/*', max: 0.25}]\n"
    made = yaml.safe_load(admission_policy(read_policy(text.encode(), where="p")))
    validator.validate(made, "1.31", strict=True)
    made["spec"]["validation"] = []
    with pytest.raises(validator.ValidationError):
        validator.validate(made, "1.31", strict=True)


def test_numbers_beyond_64_bits_deny() -> None:
    check = Check(id="r", require="x/y", bounds=(Bound("<=", Fraction(1, 10**12)),))
    runner = ENVIRONMENT.program(ENVIRONMENT.compile(expression(check, "o")))
    huge = {"x/y": {"verdict": "pass", "q": -(2**62), "scale": 1}}
    with pytest.raises(CELEvalError):
        runner.evaluate({"o": json_to_cel(huge)})


@pytest.mark.parametrize("scale", [0, -1])
def test_a_scale_that_no_leaf_has_denies(scale: int) -> None:
    check = Check(id="r", require="x/y", bounds=(Bound(">=", Fraction(1)),))
    runner = ENVIRONMENT.program(ENVIRONMENT.compile(expression(check, "o")))
    claim = {"x/y": {"verdict": "pass", "q": 0, "scale": scale}}
    assert not runner.evaluate({"o": json_to_cel(claim)})


def test_the_manifest_is_yaml_and_holds_each_blocking_rule() -> None:
    text = """version: 1
rules:
  - {id: b, require: x/y, why: "so \\"it\\" is\\nindeed"}
  - {id: a, require: "z/*", max: 0}
  - {id: w, require: x/z, severity: warn}
"""
    made = yaml.safe_load(admission_policy(read_policy(text.encode(), where="p")))
    assert made["kind"] == "ValidatingAdmissionPolicy"
    assert made["spec"]["failurePolicy"] == "Fail"
    validations = made["spec"]["validations"]
    assert [v["message"].partition(":")[0] for v in validations] == ["rule a is not met", "rule b"]
    assert validations[1]["message"] == 'rule b: so "it" is indeed'
    for validation in validations:
        ENVIRONMENT.compile(validation["expression"].replace("variables.o", "o"))
