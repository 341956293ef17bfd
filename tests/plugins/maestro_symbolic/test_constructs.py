"""Every construct of the subset, on random inputs, in the executor and in CPython."""

from __future__ import annotations

import ast
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
FUNCTIONS = {n.name: n for n in TREE.body if isinstance(n, ast.FunctionDef)}
SCOPE = loaded(SOURCE)

INTS = st.one_of(st.integers(-8, 8), st.integers(-130, 130), st.sampled_from([2**53 + 1, -(2**63), 10**30]))
FLOATS = st.one_of(
    st.floats(-10, 10), st.floats(), st.sampled_from([0.0, -0.0, 0.5, 1.5, 2.5, -1e-20, 5e-324, 1e308, 2.0**53])
)
TEXTS = st.sampled_from(
    ["", "a", "b", "cc", "ab", "bca", "\U0001f600", "\ud800", "12", "-7", " 4", "1_0", "+", "\u0663", "A b", "Z"]
)


def strategy(node: ast.expr) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911 - one line per type
    match ast.unparse(node):
        case "int":
            return INTS
        case "bool":
            return st.booleans()
        case "float":
            return FLOATS
        case "str":
            return TEXTS
        case "int | None":
            return st.none() | INTS
        case "list[int]":
            return st.lists(INTS, max_size=4)
        case "list[float]":
            return st.lists(FLOATS, max_size=3)
        case "dict[str, int]":
            return st.dictionaries(TEXTS, INTS, max_size=3)
        case "dict[int, int]":
            return st.dictionaries(st.integers(-2, 3), INTS, max_size=3)
        case "Point":
            return st.builds(SCOPE["Point"], INTS, INTS)
        case "Bucket":
            return st.builds(SCOPE["Bucket"], st.integers(0, 9), INTS, st.lists(INTS, max_size=2))
    raise AssertionError(ast.unparse(node))


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_executor_and_cpython_agree(name: str) -> None:
    agree(name, 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_executor_and_cpython_agree_on_many_inputs(name: str) -> None:
    agree(name, 80)


def agree(name: str, examples: int) -> None:
    node = FUNCTIONS[name]
    arguments = {a.arg: strategy(a.annotation) for a in (*node.args.args, *node.args.kwonlyargs) if a.annotation}
    inside: list[bool] = []

    @settings(
        max_examples=examples, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.fixed_dictionaries(arguments))
    def run(known: dict[str, Any]) -> None:
        inside.append(compare(SOURCE, name, known, SCOPE))

    run()
    assert any(inside), f"{name} is never inside the subset"
