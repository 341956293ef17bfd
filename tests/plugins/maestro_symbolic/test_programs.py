"""Random small programs over the subset, on random inputs, in the executor and in CPython."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

pytest.importorskip("z3")
sys.path.insert(0, str(Path(__file__).parent))

from pinned import compare, loaded

NAMES = st.sampled_from(["a", "b", "c", "t"])
NUMBERS = st.integers(-4, 9).map(str)
ATOMS = st.one_of(NAMES, NUMBERS, NAMES.map(lambda n: f"xs[{n} % 3]"), st.just("len(xs)"))


def binary(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = st.sampled_from(["+", "-", "*", "//", "%", "and", "or"])
    return st.one_of(
        st.tuples(inner, operators, inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"({p[0]} if {p[1]} > {p[2]} else {p[2]})"),
        inner.map(lambda e: f"abs({e})"),
    )


EXPRESSIONS = st.recursive(ATOMS, binary, max_leaves=4)
TESTS = st.tuples(
    EXPRESSIONS, st.sampled_from(["<", "<=", "==", "!="]), EXPRESSIONS, st.sampled_from(["", "not "])
).map(lambda p: f"{p[3]}{p[0]} {p[1]} {p[2]}")


def indented(lines: list[str]) -> list[str]:
    return [f"    {line}" for line in lines]


SIMPLE = st.one_of(
    st.tuples(NAMES, EXPRESSIONS).map(lambda p: [f"{p[0]} = {p[1]}"]),
    st.tuples(NAMES, EXPRESSIONS).map(lambda p: [f"{p[0]} += {p[1]}"]),
    st.tuples(NAMES, EXPRESSIONS).map(lambda p: [f"xs[{p[0]} % 3] = {p[1]}"]),
    EXPRESSIONS.map(lambda e: [f"xs.append({e})", "del xs[0]"]),
    st.tuples(TESTS, EXPRESSIONS).map(lambda p: [f"if {p[0]}:", f"    return {p[1]}"]),
    st.tuples(TESTS, st.sampled_from(["ValueError", "KeyError"])).map(lambda p: [f"if {p[0]}:", f"    raise {p[1]}"]),
    TESTS.map(lambda t: [f"assert {t}"]),
)


def compound(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    blocks = st.lists(inner, min_size=1, max_size=2).map(lambda b: [line for part in b for line in part])
    jump = st.sampled_from([[], ["if t > 5:", "    break"], ["if a < 0:", "    continue"]])
    errors = st.sampled_from(["ZeroDivisionError", "LookupError", "(ValueError, AssertionError)", "Exception"])
    return st.one_of(
        st.tuples(TESTS, blocks, blocks).map(lambda p: [f"if {p[0]}:", *indented(p[1]), "else:", *indented(p[2])]),
        st.tuples(TESTS, blocks).map(lambda p: [f"if {p[0]}:", *indented(p[1])]),
        st.tuples(jump, blocks, st.sampled_from(["xs", "range(3)", "range(t % 4)"])).map(
            lambda p: [
                f"for c in {p[2]}:",
                *indented([*p[0], *(x for x in p[1] if "append" not in x and "del" not in x)]),
            ]
        ),
        st.tuples(blocks, errors, blocks, blocks).map(
            lambda p: ["try:", *indented(p[0]), f"except {p[1]}:", *indented(p[2]), "finally:", *indented(p[3])]
        ),
    )


STATEMENTS = st.recursive(SIMPLE, compound, max_leaves=5)
PROGRAMS = st.lists(STATEMENTS, min_size=1, max_size=4).map(lambda b: [line for part in b for line in part])
INPUTS = st.fixed_dictionaries(
    {"a": st.integers(-9, 9), "b": st.integers(-9, 9), "xs": st.lists(st.integers(-9, 9), min_size=3, max_size=3)}
)


def source(body: list[str]) -> str:
    lines = [
        "def f(a: int, b: int, xs: list[int]) -> int:",
        "    c = b",
        "    t = 0",
        *indented(body),
        "    return t + c",
    ]
    return "\n".join(lines) + "\n"


def _parses(text: str) -> bool:
    """A loop or a branch may have been drawn without a body."""
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def agree(examples: int) -> None:
    inside: list[bool] = []

    @settings(
        max_examples=examples, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(PROGRAMS, INPUTS)
    def run(body: list[str], known: dict[str, object]) -> None:
        text = source(body)
        assume(_parses(text))
        inside.append(compare(text, "f", known, loaded(text)))

    run()
    assert sum(inside) > 0.8 * len(inside)


def test_random_programs_agree() -> None:
    agree(40)


@pytest.mark.slow
def test_many_random_programs_agree() -> None:
    agree(4000)
