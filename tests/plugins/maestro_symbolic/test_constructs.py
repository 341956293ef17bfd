"""Every construct of the subset, on random inputs, in the executor and in CPython."""

from __future__ import annotations

import ast
import datetime as dt
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("z3")
sys.path.insert(0, str(Path(__file__).parent))

from pinned import compare, loaded

SOURCE = (Path(__file__).parent / "constructs.py").read_text()
TREE = ast.parse(SOURCE)
FUNCTIONS = {n.name: n for n in TREE.body if isinstance(n, ast.FunctionDef) and n.name[0] != "_"}
SCOPE = loaded(SOURCE)

INTS = st.one_of(st.integers(-8, 8), st.integers(-130, 130), st.sampled_from([2**53 + 1, -(2**63), 10**30]))
FLOATS = st.one_of(
    st.floats(-10, 10), st.floats(), st.sampled_from([0.0, -0.0, 0.5, 1.5, 2.5, -1e-20, 5e-324, 1e308, 2.0**53])
)
TEXTS = st.sampled_from(
    ["", "a", "b", "cc", "ab", "bca", "\U0001f600", "\ud800", "12", "-7", " 4", "1_0", "+", "\u0663", "A b", "Z"]
)


STRATEGIES: dict[str, st.SearchStrategy[Any]] = {
    "int": INTS,
    "bool": st.booleans(),
    "float": FLOATS,
    "str": TEXTS,
    "int | None": st.none() | INTS,
    "list[int]": st.lists(INTS, max_size=4),
    "list[float]": st.lists(FLOATS, max_size=3),
    "dict[str, int]": st.dictionaries(TEXTS, INTS, max_size=3),
    "dict[int, int]": st.dictionaries(st.integers(-2, 3), INTS, max_size=3),
    "Decimal": st.decimals(-10000, 10000, allow_nan=False, places=4),
    "Fraction": st.fractions(-50, 50, max_denominator=60),
    "date": st.dates(),
    "datetime": st.datetimes(),
    "timedelta": st.timedeltas(dt.timedelta(-40000), dt.timedelta(40000)),
    "Point": st.builds(SCOPE["Point"], INTS, INTS),
    "Bucket": st.builds(SCOPE["Bucket"], st.integers(0, 9), INTS, st.lists(INTS, max_size=2)),
}


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_executor_and_cpython_agree(name: str) -> None:
    agree(name, 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_executor_and_cpython_agree_on_many_inputs(name: str) -> None:
    agree(name, 80)


def agree(name: str, examples: int) -> None:
    node = FUNCTIONS[name]
    arguments = {
        a.arg: STRATEGIES[ast.unparse(a.annotation)] for a in (*node.args.args, *node.args.kwonlyargs) if a.annotation
    }
    inside: list[bool] = []

    @settings(
        max_examples=examples, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.fixed_dictionaries(arguments))
    def run(known: dict[str, Any]) -> None:
        inside.append(compare(SOURCE, name, known, SCOPE))

    run()
    assert any(inside), f"{name} is never inside the subset"
